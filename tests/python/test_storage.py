"""Databases in a directory: what was accepted is there after closing, after kill -9, and a second opener is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import laminardb
import pytest
from laminardb import CheckpointError, ConnectionError, IngestionError, LaminarConfig


def rows(db, sql):
    return sorted(db.query(sql).fetchall(), key=repr)


def fill(db):
    db.execute("CREATE SOURCE trades (sym VARCHAR, px DOUBLE, qty BIGINT)")
    db.execute("CREATE TABLE names (sym VARCHAR PRIMARY KEY, full_name VARCHAR)")
    db.execute("CREATE STREAM sums AS SELECT sym, sum(qty) AS qty, avg(px) AS px FROM trades GROUP BY sym")
    db.execute("CREATE MATERIALIZED VIEW named AS SELECT n.full_name, s.qty FROM sums s JOIN names n ON s.sym = n.sym")
    db.insert("names", [{"sym": "A", "full_name": "Acme"}, {"sym": "B", "full_name": "Bolt and Nut Company of the World"}])
    db.insert("trades", {"sym": ["A", "B", "A"], "px": [1.5, 2.5, 3.5], "qty": [10, 20, 30]})


@pytest.mark.parametrize("durability", ["sync", "async", "off"])
def test_a_directory_keeps_everything(tmp_path, durability):
    path = str(tmp_path / "db")
    config = LaminarConfig(durability=durability)
    with laminardb.open(path, config=config) as db:
        fill(db)
        expected = [rows(db, f"SELECT * FROM {name}") for name in ("trades", "names", "sums", "named")]
    for _ in range(2):
        with laminardb.open(path, config=config) as db:
            assert [rows(db, f"SELECT * FROM {name}") for name in ("trades", "names", "sums", "named")] == expected
            assert "sums" in db.list_streams()
    with laminardb.open(path, config=config) as db:
        db.insert("trades", {"sym": "A", "px": 5.5, "qty": 2})
        assert rows(db, "SELECT * FROM named") == [("Acme", 42), ("Bolt and Nut Company of the World", 20)]


def test_checkpoints(tmp_path):
    with laminardb.open(":memory:", config=LaminarConfig(storage_dir=str(tmp_path / "db"), checkpoint_interval_ms=60000)) as db:
        assert db.is_checkpoint_enabled
        fill(db)
        first = db.checkpoint()
        db.insert("trades", {"sym": "A", "px": 5.5, "qty": 2})
        second = db.checkpoint()
        assert int(second) > int(first) > 0
        assert [row[0] for row in db.query("SELECT id FROM system.checkpoints ORDER BY id").fetchall()] == [int(first), int(second)]
        assert db.execute("SHOW CHECKPOINT STATUS").to_query_result().fetchall()[0][:2] == (True, int(second))
    with laminardb.open(str(tmp_path / "db")) as db:
        assert rows(db, "SELECT * FROM named") == [("Acme", 42), ("Bolt and Nut Company of the World", 20)]
    with laminardb.open(":memory:") as db, pytest.raises(CheckpointError):
        db.checkpoint()


def test_a_second_opener_is_told(tmp_path):
    path = str(tmp_path / "db")
    with laminardb.open(path):
        with pytest.raises(ConnectionError) as info:
            laminardb.open(path)
        assert info.value.code == 102
        code = f"import laminardb\ntry:\n    laminardb.open({path!r})\nexcept laminardb.ConnectionError as e:\n    print(e.code)"
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "102"
    laminardb.open(path).close()


def test_read_only(tmp_path):
    path = str(tmp_path / "db")
    with pytest.raises(ConnectionError):
        laminardb.open(path, config=LaminarConfig(read_only=True))
    with laminardb.open(path) as db:
        fill(db)
    before = sorted((p, p.stat().st_mtime_ns) for p in (tmp_path / "db").rglob("*"))
    with laminardb.open(path, config=LaminarConfig(read_only=True)) as one, laminardb.open(path, config=LaminarConfig(read_only=True)) as two:
        for db in (one, two):
            assert rows(db, "SELECT * FROM sums") == [("A", 40, 2.5), ("B", 20, 2.5)]
            with pytest.raises(IngestionError, match="reading only"):
                db.insert("trades", {"sym": "A", "px": 5.5, "qty": 2})
            with pytest.raises(laminardb.LaminarError, match="reading only"):
                db.execute("DROP MATERIALIZED VIEW named")
            assert rows(db, "SELECT count(*) FROM trades") == [(3,)]
        with pytest.raises(ConnectionError) as info:
            laminardb.open(path)
        assert info.value.code == 102
    assert sorted((p, p.stat().st_mtime_ns) for p in (tmp_path / "db").rglob("*")) == before


WRITER = """
import sys, threading, laminardb
path, first, n_threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
db = laminardb.open(path, config=laminardb.LaminarConfig(checkpoint_interval_ms=20, wal_segment_bytes=65536))
db.execute("CREATE SOURCE IF NOT EXISTS s (w BIGINT, n BIGINT)")
db.execute("CREATE STREAM IF NOT EXISTS g AS SELECT w, count(*) AS c, max(n) AS m FROM s GROUP BY w")
lock = threading.Lock()
def write(w):
    n = first
    while True:
        db.insert("s", {"w": [w, w], "n": [n, n + 1]})
        with lock:
            sys.stdout.write(f"{w} {n + 1}\\n")
            sys.stdout.flush()
        n += 2
threads = [threading.Thread(target=write, args=(w,), daemon=True) for w in range(n_threads)]
for t in threads: t.start()
for t in threads: t.join()
"""


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path):
    """Several writers, killed at a random moment again and again; every row that an insert had returned for is there, once."""
    path, rounds, n_threads = str(tmp_path / "db"), int(os.environ.get("KILL_ROUNDS", "12")), 4
    script = tmp_path / "writer.py"
    script.write_text(WRITER)
    first = 0
    for i in range(rounds):
        process = subprocess.Popen([sys.executable, str(script), path, str(first), str(n_threads)], stdout=subprocess.PIPE, text=True)
        acknowledged = {}
        timer = threading.Timer(0.15 + 0.02 * (i * 7 % 11), lambda p=process: p.send_signal(signal.SIGKILL))
        lines = []
        for line in process.stdout:
            if not lines:
                timer.start()
            lines.append(line)
        process.wait()
        timer.cancel()
        for line in lines:
            if line.endswith("\n"):
                w, n = map(int, line.split())
                acknowledged[w] = n
        assert acknowledged, "the writer did nothing"
        with laminardb.open(path) as db:
            found = {w: (count, last, distinct) for w, count, last, distinct in db.query(
                "SELECT w, count(*), max(n), count(DISTINCT n) FROM s GROUP BY w").fetchall()}
            for w, last in acknowledged.items():
                assert found[w][1] >= last, f"writer {w}: {last} was acknowledged, {found[w][1]} is the last one there"
            for w, (count, _last, distinct) in found.items():
                assert count == distinct, f"writer {w}: rows are there twice"
                assert count % 2 == 0, f"writer {w}: half a batch"
            assert rows(db, "SELECT w, c, m FROM g") == rows(db, "SELECT w, count(*), max(n) FROM s GROUP BY w")
            first = db.query("SELECT max(n) FROM s").fetchone()[0] + 1


def test_backup_of_a_running_database(tmp_path):
    path = str(tmp_path / "db")
    with laminardb.open(path) as db:
        fill(db)
        db.execute(f"CREATE SINK out FROM trades INTO file (path = '{tmp_path / 'out.csv'}')")
        db.insert("trades", {"sym": "A", "px": 1.0, "qty": 1})
        db.backup(tmp_path / "copy")
        db.insert("trades", {"sym": "A", "px": 1.0, "qty": 1000})
        lines = (tmp_path / "out.csv").read_text().count("\n")
        with pytest.raises(laminardb.LaminarError, match="not empty"):
            db.backup(tmp_path / "copy")
        with laminardb.open(str(tmp_path / "copy")) as copy:
            assert rows(copy, "SELECT qty FROM sums WHERE sym = 'A'") == [(41,)]
            copy.insert("trades", {"sym": "A", "px": 1.0, "qty": 9})
            assert rows(copy, "SELECT * FROM named") == [("Acme", 50), ("Bolt and Nut Company of the World", 20)]
            # the file belongs to the original
            assert (tmp_path / "out.csv").read_text().count("\n") == lines
            assert rows(copy, "SELECT state FROM system.sinks") == [("failed",)]
        with laminardb.open(str(tmp_path / "copy")) as copy:
            assert rows(copy, "SELECT count(*) FROM trades") == [(5,)]
        assert rows(db, "SELECT qty FROM sums WHERE sym = 'A'") == [(1041,)]


def test_backup_of_a_database_in_memory(tmp_path):
    with laminardb.open(":memory:") as db:
        fill(db)
        db.backup(str(tmp_path / "copy"))
        expected = rows(db, "SELECT * FROM named")
    with laminardb.open(str(tmp_path / "copy")) as copy:
        assert rows(copy, "SELECT * FROM named") == expected
        copy.insert("trades", {"sym": "A", "px": 5.5, "qty": 2})
        assert rows(copy, "SELECT qty FROM sums WHERE sym = 'A'") == [(42,)]


def test_dump_and_load(tmp_path):
    pa = pytest.importorskip("pyarrow")
    ipc = pytest.importorskip("pyarrow.ipc")
    with laminardb.open(str(tmp_path / "db")) as db:
        fill(db)
        db.execute("CREATE TABLE copied AS SELECT sym, qty * 2 AS q2, [qty] AS l FROM trades")
        db.execute(f"CREATE SINK out FROM trades INTO file (path = '{tmp_path / 'out.csv'}')")
        db.dump(tmp_path / "dump")
        names = ("trades", "names", "sums", "named", "copied")
        expected = [rows(db, f"SELECT * FROM {name}") for name in names]
    files = sorted(p.name for p in (tmp_path / "dump").iterdir())
    assert len([f for f in files if f.endswith(".arrow")]) == 5
    trades = next(f for f in files if "trades" in f)
    table = ipc.open_file(pa.memory_map(str(tmp_path / "dump" / trades))).read_all()
    assert table.column("sym").to_pylist() == ["A", "B", "A"]
    folder = os.getcwd()
    os.chdir(tmp_path / "dump")
    try:
        with laminardb.open(":memory:") as db:
            for statement in (tmp_path / "dump" / "dump.sql").read_text().split(";\n"):
                if statement.strip() and not statement.lstrip().startswith("-- S"):
                    db.execute(statement)
            assert [rows(db, f"SELECT * FROM {name}") for name in names] == expected
            assert db.list_sinks() == []
    finally:
        os.chdir(folder)


def test_dump_leaves_out_passwords_unless_asked(tmp_path):
    with laminardb.open(str(tmp_path / "db")) as db:
        db.execute("CREATE SOURCE s (k BIGINT)")
        db.execute(f"CREATE SINK out FROM s INTO file (path = '{tmp_path / 'out.csv'}', 'sasl.password' = 'hunter2')")
        db.dump(tmp_path / "plain")
        db.dump(tmp_path / "full", secrets=True)
    plain, full = ((tmp_path / name / "dump.sql").read_text() for name in ("plain", "full"))
    assert "hunter2" not in plain and "***" in plain and "Passwords are left out" in plain
    assert "hunter2" in full and "***" not in full


def test_dump_is_of_one_moment_while_inserts_go_on(tmp_path):
    pytest.importorskip("pyarrow")
    ipc = pytest.importorskip("pyarrow.ipc")
    stop = threading.Event()
    with laminardb.open(str(tmp_path / "db"), config=laminardb.LaminarConfig(durability="async")) as db:
        db.execute("CREATE SOURCE s (k BIGINT)")
        db.execute("CREATE TABLE t (k BIGINT)")
        db.execute("CREATE STREAM n AS SELECT count(*) AS n, sum(k) AS total FROM s")
        db.execute("CREATE MATERIALIZED VIEW kept AS SELECT k FROM s")

        def insert():
            i = 0
            while not stop.is_set():
                i += 1
                db.insert("s", [{"k": i}] * 10)

        thread = threading.Thread(target=insert)
        thread.start()
        try:
            for i in range(5):
                db.dump(tmp_path / f"dump{i}")
        finally:
            stop.set()
            thread.join()
    for i in range(5):
        files = {p.name.split("-", 1)[1]: p for p in (tmp_path / f"dump{i}").glob("*.arrow")}
        tables = {name: ipc.open_file(str(path)).read_all() for name, path in files.items()}
        n, total = tables["n.arrow"].column("n")[0].as_py(), tables["n.arrow"].column("total")[0].as_py()
        for name in ("s.arrow", "kept.arrow"):
            keys = tables[name].column("k").to_pylist()
            assert len(keys) == n
            assert sum(keys) == (total or 0)
        assert n % 10 == 0
        assert tables["t.arrow"].num_rows == 0


def test_queries_show_no_passwords(db):
    db.query("SELECT 'postgres://me:hunter2@host/db' AS url")
    shown = db.query("SELECT sql FROM system.queries").fetchall()
    assert any("postgres://me:" in sql for (sql,) in shown)
    assert not any("hunter2" in sql for (sql,) in shown)


def test_memory_limit_is_remembered(tmp_path):
    path = str(tmp_path / "db")

    def limit(db):
        return db.query("SHOW memory_limit").fetchone()[0]

    with laminardb.open(path) as db:
        db.execute("SET memory_limit = '300mb'")
    with laminardb.open(path) as db:  # out of the log
        assert limit(db) == "300mb"
        first = int(db.checkpoint())
    with laminardb.open(path, config=LaminarConfig(memory_limit="400mb")) as db:  # out of the checkpoint, and the opener's goes first
        assert limit(db) == "400mb"
    with laminardb.open(path, config=LaminarConfig(read_only=True)) as db:
        assert limit(db) == "400mb"
    with laminardb.open(path) as db:
        assert limit(db) == "400mb"
        db.execute(f"RESTORE FROM CHECKPOINT {first}")
        assert limit(db) == "400mb"
    with laminardb.open(path) as db:
        assert limit(db) == "400mb"
        db.execute("RESET memory_limit")
    with laminardb.open(path) as db:
        assert limit(db) == "0"


def test_restore_from_a_checkpoint(tmp_path):
    path = str(tmp_path / "db")
    with laminardb.open(path) as db:
        fill(db)
        first = int(db.checkpoint())
        db.insert("trades", {"sym": "A", "px": 1.0, "qty": 1})
        second = int(db.checkpoint())
        db.execute("DROP MATERIALIZED VIEW named")
        db.execute("CREATE TABLE later (x BIGINT)")
        sub = db.subscribe_stream("sums")
        with pytest.raises(laminardb.LaminarError, match="no checkpoint 99"):
            db.execute("RESTORE FROM CHECKPOINT 99")
        result = db.execute(f"RESTORE FROM CHECKPOINT {first}")
        assert result.ddl_object == str(first)
        with pytest.raises(laminardb.SubscriptionError, match="went back"):
            while sub.next_timeout(1000) is not None:
                pass
        assert rows(db, "SELECT * FROM named") == [("Acme", 40), ("Bolt and Nut Company of the World", 20)]
        assert "later" not in db.list_tables()
        ids = [row[0] for row in db.query("SELECT id FROM system.checkpoints ORDER BY id").fetchall()]
        assert first in ids and second not in ids and ids[-1] > second
        db.insert("trades", {"sym": "A", "px": 1.0, "qty": 5})
    for _ in range(2):
        with laminardb.open(path) as db:
            assert rows(db, "SELECT qty FROM sums WHERE sym = 'A'") == [(45,)]
            assert rows(db, "SELECT count(*) FROM trades") == [(4,)]


@pytest.mark.parametrize("statement", ["SET durability = 'off'", "SET read_only = true", "SET wal_segment_bytes = '1mb'", "RESET durability"])
def test_what_a_directory_is_opened_with_is_not_set_later(tmp_path, statement):
    with laminardb.open(tmp_path / "d") as db:
        with pytest.raises(laminardb.QueryError, match="is set when the database is opened") as raised:
            db.execute(statement)
        assert "LaminarConfig" in raised.value.hint
        assert db.query("SHOW durability").fetchone() == ("sync",)
