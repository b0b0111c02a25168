"""Each status code, raised by what it is for."""

import os
import subprocess
import sys
import threading

import laminardb
import pytest
from laminardb import codes


@pytest.fixture
def db(tmp_path):
    with laminardb.open(str(tmp_path / "db")) as connection:
        connection.execute("CREATE SOURCE s (a BIGINT NOT NULL, ts TIMESTAMP, WATERMARK FOR ts)")
        connection.execute("CREATE STREAM st AS SELECT a FROM s")
        yield connection


def use_closed(db, path):
    db.close()
    db.query("SELECT 1")


def open_twice(db, path):
    laminardb.open(str(path / "db"))


def insert_into_full_queue(db, path):
    with db.subscribe_stream("st", capacity=10) as sub:
        for _ in range(20):
            db.insert("s", {"a": [1] * 10})
        sub.next()


def use_closed_writer(db, path):
    writer = db.writer("s")
    writer.close()
    writer.insert({"a": 1})


def cancel_running(db, path):
    db.register_function("wait", lambda a: started.set() or cancelled.wait(60) and a, ["BIGINT"], "BIGINT", volatility="volatile")
    db.insert("s", {"a": list(range(10_000))})
    started, cancelled = threading.Event(), threading.Event()

    def cancel():
        started.wait(60)
        db.cancel_query(next(query.id for query in db.queries() if query.active and "wait" in query.sql))
        cancelled.set()

    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        db.query("SELECT wait(a) FROM s")
    finally:
        thread.join()


def read_disconnected(db, path):
    sub = db.subscribe_stream("st", capacity=1, policy="disconnect")
    for _ in range(20):
        db.insert("s", {"a": [1, 2]})
    while sub.next() is not None:
        pass


def use_shut_down(db, path):
    db.start()
    db.shutdown()
    db.query("SELECT 1")


def use_in_itself(db, path):
    writer = db.writer("s")

    class Rows:
        def __arrow_c_stream__(self, requested_schema=None):
            writer.insert({"a": 1})

    writer.insert(Rows())


CAUSES = {
    codes.CONNECTION_FAILED: lambda db, path: laminardb.connect("laminar://localhost:1/db"),
    codes.CONNECTION_CLOSED: use_closed,
    codes.CONNECTION_IN_USE: open_twice,
    codes.TABLE_NOT_FOUND: lambda db, path: db.insert("nope", {"a": 1}),
    codes.TABLE_EXISTS: lambda db, path: db.execute("CREATE SOURCE s (a BIGINT)"),
    codes.SCHEMA_MISMATCH: lambda db, path: db.execute("CREATE SOURCE b (prize BIGINT) WITH (connector = 'nexmark', table = 'bid')"),
    codes.INVALID_SCHEMA: lambda db, path: db.create_table("x", {"a": "NOTATYPE"}),
    codes.INGESTION_FAILED: insert_into_full_queue,
    codes.WRITER_CLOSED: use_closed_writer,
    codes.BATCH_SCHEMA_MISMATCH: lambda db, path: db.insert("s", {"a": "x"}),
    codes.QUERY_FAILED: lambda db, path: db.query("SELECT a FROM nope"),
    codes.SQL_PARSE_ERROR: lambda db, path: db.query("SELEC"),
    codes.QUERY_CANCELLED: cancel_running,
    codes.QUERY_UNSUPPORTED: lambda db, path: db.execute("ALTER SOURCE s ADD COLUMN b BIGINT"),
    codes.SUBSCRIPTION_FAILED: lambda db, path: db.subscribe("CREATE STREAM x AS SELECT 1"),
    codes.SUBSCRIPTION_CLOSED: read_disconnected,
    codes.SUBSCRIPTION_TIMEOUT: lambda db, path: db.subscribe_stream("st").next_timeout(1),
    codes.CONNECTOR_FAILED: lambda db, path: db.execute("CREATE SINK k FROM st WITH (connector = 'file')"),
    codes.CHECKPOINT_FAILED: lambda db, path: laminardb.open(":memory:").checkpoint(),
    codes.SHUTDOWN: use_shut_down,
    codes.INVALID_ARGUMENT: use_in_itself,
    codes.IO_ERROR: lambda db, path: db.backup("/dev/null/backup"),
}

# A bug's, so nothing may raise it; memory's end has a test of its own.
ELSEWHERE = {codes.INTERNAL_ERROR, codes.OUT_OF_MEMORY}

CLASSES = {1: "ConnectionError", 2: "SchemaError", 3: "IngestionError", 4: "QueryError", 5: "SubscriptionError", 6: "ConnectorError", 7: "CheckpointError",
           9: "LaminarError"}


def test_all_codes_are_here():
    assert {getattr(codes, name) for name in codes.__all__} == {*CAUSES, *ELSEWHERE}


@pytest.mark.parametrize("code", CAUSES)
def test_code(db, tmp_path, code):
    with pytest.raises(laminardb.LaminarError) as info:
        CAUSES[code](db, tmp_path)
    assert info.value.code == code, info.value
    assert type(info.value).__name__ == CLASSES[code // 100]
    assert f" ({code}): " in str(info.value)


@pytest.mark.skipif(os.environ.get("LAMINAR_SANITIZED") == "1", reason="a sanitizer reserves more addresses than the limit")
def test_memory_ends():
    """The system refuses memory in the middle of a query; afterwards the database answers."""
    done = subprocess.run([sys.executable, "-c", """
import resource, laminardb
db = laminardb.open(":memory:")
db.execute("CREATE SOURCE s (a BIGINT, b VARCHAR)")
db.insert("s", {"a": list(range(100_000)), "b": ["some text that is longer"] * 100_000})
with open("/proc/self/statm") as statm:
    used = int(statm.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (40 << 20), resource.RLIM_INFINITY))
try:
    db.query("SELECT repeat(b, 100000) FROM s")
except laminardb.LaminarError as error:
    assert type(error) is laminardb.LaminarError, type(error)
    assert error.code == laminardb.codes.OUT_OF_MEMORY, error
else:
    raise AssertionError("there was memory")
print(db.query("SELECT count(*) FROM s").fetchone())
"""], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "(100000,)\n"), done.stderr
