"""The types: mypy over the package and a program that uses it; the stubs against the module."""

import json
import pathlib
import subprocess
import sys

import laminardb
import pytest

pytest.importorskip("mypy")
PACKAGE = pathlib.Path(laminardb.__file__).parent

PROGRAM = '''
import asyncio
import laminardb
from laminardb import LaminarConfig, QueryResult
from laminardb.types import ChangeEvent

def on_data(result: QueryResult) -> None:
    print(result.num_rows)

def twice(v: int) -> int:
    return v * 2

class Total:
    def __init__(self) -> None:
        self.sum = 0
    def update(self, v: int) -> None:
        self.sum += v
    def finish(self) -> int:
        return self.sum

async def live(db: laminardb.Connection) -> None:
    sub = await db.subscribe_stream_async("s", snapshot=True)
    async for result in sub:
        for row in ChangeEvent(result):
            print(row.op, row["a"])
    live = db.subscribe("SELECT 1", changes=True).live(max_rows=5)
    print(live.is_active, live.wait(1.0))

def main() -> int:
    with laminardb.open(":memory:", config=LaminarConfig(buffer_size=5)) as db:
        n: int = db.insert("s", {"a": [1, 2]})
        rows: list[tuple[object, ...]] = db.query("SELECT $1", [1]).fetchall()
        callback = db.subscribe_stream_callback("s", on_data)
        callback.cancel()
        with db.writer("s") as writer:
            writer.insert({"a": 1})
        try:
            db.execute("SELECT 1")
        except laminardb.QueryError as error:
            print(error.code + 1, error.position)
        asyncio.run(live(db))
        db.register_function("twice", twice, ["BIGINT"], int, vectorized="numpy")
        db.register_aggregate("total", Total, [int], int)
        with db.transaction() as tx:
            tx.insert("s", {"a": 1})
        filtered = db.subscribe_stream("s", filter="a > $1", params=[1])
        print(filtered.state, db.explain("SELECT $1", [1]).upper())
        view = laminardb.mv(db, "v", "SELECT 1")
        print(db.metrics().total_cycles + 1, view.name, rows)
        return n
'''


def mypy(*args, cwd):
    return subprocess.run([sys.executable, "-m", *args], capture_output=True, text=True, cwd=cwd)


def test_program_is_clean_under_strict(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "wrong.py").write_text("import laminardb\nlaminardb.open(5)\nlaminardb.open(':memory:').insert('t')\nlaminardb.sql('x').nope\n")
    options = ["mypy", "--strict", "--config-file", "", "--cache-dir", str(tmp_path / "cache")]
    done = mypy(*options, "program.py", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    done = mypy(*options, "wrong.py", cwd=tmp_path)
    assert done.stdout.count(": error:") == 3, done.stdout


def test_package_is_clean_under_strict(tmp_path):
    done = mypy("mypy", "--strict", "--config-file", "", "--cache-dir", str(tmp_path / "cache"), "-p", "laminardb", cwd=PACKAGE.parent)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("what", ["package", "program"])
def test_pyright_is_clean(tmp_path, what):
    pytest.importorskip("basedpyright", reason="requirements/types.txt is not installed")
    (tmp_path / "program.py").write_text(PROGRAM)
    included = str(PACKAGE) if what == "package" else "program.py"
    settings = {"include": [included], "exclude": [], "extraPaths": [str(PACKAGE.parent)], "pythonVersion": "3.11", "reportMissingModuleSource": "none",
                "typeCheckingMode": "standard" if what == "package" else "strict"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    done = mypy("basedpyright", "-p", str(tmp_path), "--pythonpath", sys.executable, cwd=tmp_path)
    assert done.returncode == 0 and "0 errors, 0 warnings" in done.stdout, done.stdout


def test_stubs_match_the_module():
    done = mypy("mypy.stubtest", "laminardb", cwd=PACKAGE.parent)
    assert done.returncode == 0, done.stdout
