"""The module beside any part of pyarrow, pandas, polars and numpy: what needs one of them says which, all else works."""

import itertools
import os
import pathlib
import subprocess
import sys

import laminardb
import polars
import pytest

LIBRARIES = ("pyarrow", "pandas", "polars")

# What each call needs; a call that needs nothing works alone. `a|b`: one of them.
PROGRAM = """
import sys
absent = sys.argv[1].split(",")
for name in absent:
    try:
        __import__(name)
    except ImportError:
        continue
    raise AssertionError(f"{name} is there")
import datetime, decimal, uuid
import laminardb
db = laminardb.open(":memory:")
db.execute("CREATE SOURCE t (a BIGINT, s VARCHAR, d DECIMAL(5,2), at TIMESTAMP, u UUID, l BIGINT[])")
db.execute("CREATE STREAM st AS SELECT a, s FROM t")
db.start()
row = {"a": 1, "s": "x", "d": decimal.Decimal("1.50"), "at": datetime.datetime(2026, 1, 1), "u": uuid.UUID(int=5), "l": [1, None]}
sub = db.subscribe_stream("st")
assert db.insert("t", row) == db.insert("t", {name: [value] for name, value in row.items()}) == db.insert("t", [row]) == 1
db.insert_json("t", '{"a": 4, "s": "json"}')
db.insert_csv("t", "a,s\\n5,csv\\n")
with db.writer("t") as writer:
    writer.insert({"a": 6})
result = db.query("SELECT a, s FROM t WHERE a >= $1 ORDER BY a", [4])
assert result.fetchall() == list(result) == [(4, "json"), (5, "csv"), (6, None)]
assert result.fetchone() == (4, "json") and result.fetchmany(1) == [(4, "json")] and result.cursor().fetchone() == (4, "json")
assert result.to_dicts() == {"a": [4, 5, 6], "s": ["json", "csv", None]}
assert db.query("SELECT * FROM t WHERE a = 1").fetchall() == [tuple(row.values())] * 3
assert sub.next_timeout(30_000).num_rows > 0
result.show()
assert "3 rows" in result._repr_html_() and "<svg" in db.topology()._repr_html_() and db.explain("SELECT a FROM t")
db.register_function("twice", lambda a: a * 2, ["BIGINT"], "BIGINT")
assert db.query("SELECT twice(a) FROM t WHERE a = 6").fetchone() == (12,)
event = laminardb.ChangeEvent(result)
assert [change["a"] for change in event] == [4, 5, 6]

calls = {
    "to_arrow": ("pyarrow", result.to_arrow), "arrow": ("pyarrow", result.arrow), "schema": ("pyarrow", lambda: result.schema),
    "db.schema": ("pyarrow", lambda: db.schema("t")), "event.arrow": ("pyarrow", event.arrow), "source.schema": ("pyarrow", lambda: db.sources()[0].schema),
    "to_pandas": ("pandas", result.to_pandas), "df": ("pandas", result.df), "to_polars": ("polars", result.to_polars), "pl": ("polars", result.pl),
    "lazy": ("polars", lambda: result.pl(lazy=True)), "to_df": ("polars|pandas|pyarrow", result.to_df),
}
for name, (needs, call) in calls.items():
    if set(needs.split("|")) <= set(absent):
        try:
            call()
        except ImportError as error:
            first = needs.split("|")[0]
            assert first in str(error) and "pip install" in str(error) and (error.name == first or "|" in needs), (name, error)
        else:
            raise AssertionError(f"{name} needs {needs}")
    else:
        assert call() is not None, name
for library, frame in (("pandas", "to_pandas"), ("polars", "to_polars"), ("pyarrow", "to_arrow")):
    if library not in absent:
        assert db.insert("t", getattr(result, frame)()) == 3, library
        assert db.query("SELECT a, s FROM t ORDER BY a DESC LIMIT 2").fetchall() == [(6, None)] * 2
twice = db.query("SELECT x.a, y.a FROM (SELECT 1 AS a) x, (SELECT 2 AS a) y")
if "polars" not in absent:
    assert twice.to_polars().to_dict(as_series=False) == {"a": [1], "a_1": [2]}
if "pandas" not in absent:
    assert list(twice.to_pandas().columns) == ["a", "a"] and twice.to_pandas().values.tolist() == [[1, 2]]
present = [name for name in ("polars", "pandas", "pyarrow") if name not in absent]
assert not present or type(result.to_df()).__module__.split(".")[0] == present[0]
print("ok")
"""


@pytest.mark.parametrize("absent", [",".join(some) for n in range(4) for some in itertools.combinations(LIBRARIES, n)])
def test_without(absent, tmp_path):
    """In a folder of packages that has all of this one's but those."""
    gone = {*absent.split(","), "numpy"} if absent == ",".join(LIBRARIES) else set(absent.split(","))
    for package in pathlib.Path(polars.__file__).parents[1].iterdir():
        if package.suffix != ".pth" and package.name.split("-")[0].split(".")[0] not in {*gone, "laminardb"}:
            (tmp_path / package.name).symlink_to(package)
    environment = {**os.environ, "PYTHONPATH": f"{pathlib.Path(laminardb.__file__).parents[1]}:{tmp_path}"}
    command = [sys.executable, "-S", "-c", PROGRAM, ",".join(sorted(gone - {""})) or "nothing"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0 and done.stdout.endswith("ok\n"), done.stderr
