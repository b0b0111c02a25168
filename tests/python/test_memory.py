"""Resident memory stays where it is, whatever is called again and again; the end of the interpreter while everything is in use.

MEMORY_SECONDS (0.3) is the time for each kind of call. bench/python_memory.py makes a million calls of each.
"""

import asyncio
import datetime
import decimal
import gc
import os
import subprocess
import sys
import time

import laminardb
import numpy
import pandas
import polars
import pyarrow
import pytest

SECONDS = float(os.environ.get("MEMORY_SECONDS", "0.3"))
CALLS_MAX = 1_000_000
SLACK_BYTES = 3 << 20
LEAK_BYTES = 48  # a call: less than any object that could be forgotten

pytestmark = pytest.mark.skipif(os.environ.get("LAMINAR_SANITIZED") == "1", reason="the sanitizer keeps what is freed")

ROW = {"a": 1, "s": "some text of a row", "d": decimal.Decimal("1.50"), "ts": datetime.datetime(2026, 1, 1), "l": [1, None, 3]}
COLUMNS = {"a": list(range(50)), "s": [f"text {i}" for i in range(50)]}
ARROW = pyarrow.table(COLUMNS)
FRAME = pandas.DataFrame(COLUMNS)
OBJECTS = FRAME.astype({"s": object})
POLARS = polars.DataFrame(COLUMNS)
ARRAYS = {"a": numpy.arange(50)}


def resident():
    gc.collect()
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def refused(call, *args):
    with pytest.raises(laminardb.LaminarError):
        call(*args)


def subscribe(db):
    with db.subscribe_stream("st", snapshot=True, changes=True) as sub:
        db.insert("t", ROW)
        sub.next().fetchall()


def callback(db):
    sub = db.subscribe_callback("SELECT s FROM st", lambda result: result.num_rows)
    db.insert("t", ROW)
    sub.cancel()
    sub.wait()


def awaited(db):
    async def main():
        async with await db.subscribe_stream_async("st") as sub:
            waiting = asyncio.ensure_future(sub.__anext__())
            await asyncio.sleep(0)
            db.insert("t", ROW)
            (await waiting).fetchall()

    asyncio.run(main())


def transaction(db):
    with db.transaction() as tx:
        tx.insert("t", ROW)
        tx.insert("t", COLUMNS)
        tx.insert_json("t", '{"a": 1}')


def write(db):
    with db.writer("t") as writer:
        writer.insert(ROW)
        writer.insert(COLUMNS)


def function(db):
    db.register_function("f", lambda a: a + 1, [int], int, replace=True)
    db.query("SELECT f(a) FROM t LIMIT 5").fetchall()


def ddl(db):
    db.execute("CREATE STREAM passing AS SELECT a FROM t WHERE a > 1")
    db.execute("DROP STREAM passing")


def opened(db):
    with laminardb.open(":memory:") as other:
        other.execute("CREATE SOURCE s (a BIGINT)")
        other.insert("s", {"a": 1})


CALLS = {
    "insert_row": lambda db: db.insert("t", ROW),
    "insert_rows": lambda db: db.insert("t", [ROW] * 20),
    "insert_columns": lambda db: db.insert("t", COLUMNS),
    "insert_arrays": lambda db: db.insert("t", ARRAYS),
    "insert_pandas": lambda db: db.insert("t", FRAME),
    "insert_objects": lambda db: db.insert("t", OBJECTS),
    "insert_polars": lambda db: db.insert("t", POLARS),
    "insert_arrow": lambda db: db.insert("t", ARROW),
    "insert_reader": lambda db: db.insert("t", ARROW.to_reader()),
    "insert_json": lambda db: db.insert_json("t", '[{"a": 1, "l": [1, 2]}, {"s": "x"}]'),
    "insert_csv": lambda db: db.insert_csv("t", "a,s\n1,x\n2,\"y\"\n"),
    "insert_refused": lambda db: refused(db.insert, "t", [ROW, {"a": "x"}]),
    "insert_unknown": lambda db: refused(db.insert, "nope", ROW),
    "fetchall": lambda db: db.query("SELECT * FROM t LIMIT 20").fetchall(),
    "iterate": lambda db: [row for row in db.query("SELECT * FROM t LIMIT 20")],
    "parameters": lambda db: db.query("SELECT a + $1, s || $2 FROM t LIMIT 5", [1, "x"]).to_dicts(),
    "to_arrow": lambda db: db.query("SELECT * FROM t LIMIT 20").to_arrow(),
    "to_pandas": lambda db: db.query("SELECT a, s FROM t LIMIT 20").to_pandas(),
    "to_polars": lambda db: db.query("SELECT a, s FROM t LIMIT 20").to_polars(),
    "html": lambda db: db.query("SELECT a, s FROM t LIMIT 20")._repr_html_(),
    "query_refused": lambda db: refused(db.query, "SELECT nope FROM t"),
    "query_failed": lambda db: refused(db.query, "SELECT 1 / (a - a) FROM t"),
    "stream": lambda db: [part.num_rows for part in db.stream("SELECT a FROM t LIMIT 20")],
    "subscribe": subscribe,
    "callback": callback,
    "await": awaited,
    "transaction": transaction,
    "writer": write,
    "function": function,
    "ddl": ddl,
    "metrics": lambda db: (db.metrics(), db.topology(), db.sources(), db.queries(), db.metrics_text()),
    "explain": lambda db: db.explain("SELECT s, count(*) FROM t GROUP BY s"),
    "open": opened,
}


def fill(db):
    db.execute("CREATE SOURCE t (a BIGINT, s VARCHAR, d DECIMAL(10,2), ts TIMESTAMP, l BIGINT[]) WITH ('retention' = '500 rows')")
    db.execute("CREATE STREAM st AS SELECT s, count(*) AS n FROM t GROUP BY s")
    db.start()
    db.insert("t", [ROW] * 500)


@pytest.fixture(scope="module")
def db():
    with laminardb.open(":memory:") as connection:
        fill(connection)
        yield connection


@pytest.mark.parametrize("kind", list(CALLS))
def test_memory_stays_flat(db, kind):
    call = CALLS[kind]

    def repeat(seconds):
        n, until = 0, time.monotonic() + seconds
        while n < CALLS_MAX and (time.monotonic() < until or n < 20):
            call(db)
            n += 1
        return n

    grown = []
    repeat(SECONDS / 2)
    for _ in range(3):  # the allocator may take a large piece once, not each time
        before = resident()
        n = repeat(SECONDS)
        grown.append(resident() - before)
        if grown[-1] <= max(SLACK_BYTES // 3, n * LEAK_BYTES):
            return
    assert min(grown) <= max(SLACK_BYTES, n * LEAK_BYTES), (grown, n)


@pytest.mark.parametrize("shape", ["row", "rows"])
def test_what_is_refused_leaves_nothing(db, shape):
    """Not its text either: 40 MB of it are refused here."""
    row = {"s": "x" * 100_000}
    data = {**row, "a": "x"} if shape == "row" else [row, {"a": "x"}]
    for _ in range(10):
        refused(db.insert, "t", data)
    before = resident()
    for _ in range(400):
        refused(db.insert, "t", data)
    assert resident() - before < 12 << 20


def test_the_interpreter_ends_while_everything_is_in_use():
    code = """
import asyncio, sys, threading, laminardb
db = laminardb.open(":memory:")
db.execute("CREATE SOURCE t (a BIGINT)")
db.execute("CREATE STREAM st AS SELECT a FROM t")
db.start()
started = threading.Barrier(4)
def reader():
    sub = db.subscribe_stream("st")
    started.wait()
    for _ in sub:
        pass
def until_the_end(call):
    started.wait()
    try:
        while True:
            call()
    except laminardb.LaminarError as error:
        assert error.code in (101, 901), error
def inserter():
    until_the_end(lambda: db.insert("t", {"a": 1}))
def asker():
    until_the_end(lambda: db.query("SELECT count(*) FROM t").fetchall())
for work in (reader, inserter, asker):
    threading.Thread(target=work, daemon=True).start()
callback = db.subscribe_stream_callback("st", lambda result: None)
writer = db.writer("t")
writer.insert({"a": 5})
async def main():
    return await db.subscribe_stream_async("st")
kept = asyncio.run(main())
result = iter(db.query("SELECT 1"))
db.register_function("f", lambda a: a, ["BIGINT"], "BIGINT")
started.wait()
sys.stdout.write("bye")
"""
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stdout, done.stderr) == (0, "bye", ""), done
