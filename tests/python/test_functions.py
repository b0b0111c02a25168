"""Functions and aggregates written in Python, in queries and streams: values of all types, errors with their cause, threads, life."""

import datetime as dt
import decimal
import gc
import subprocess
import sys
import textwrap
import threading
import traceback
import uuid
import weakref

import laminardb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from laminardb import IngestionError, LaminarError, QueryError, SchemaError


@pytest.fixture
def items(db):
    db.execute("CREATE SOURCE items (k VARCHAR, v BIGINT, x DOUBLE)")
    return db


def rows(sub):
    got = []
    while (result := sub.try_next()) is not None:
        got += result.fetchall()
    return got


# --- Values ------------------------------------------------------------------------------------------------------------------

TYPES = [
    ("BOOLEAN", True), ("TINYINT", -5), ("INT", 2**31 - 1), ("BIGINT", -(2**63)), ("BIGINT UNSIGNED", 2**64 - 1), ("DOUBLE", 0.1),
    ("DECIMAL(20,3)", decimal.Decimal("12345.678")), ("VARCHAR", "a text of more than twelve bytes ☃"), ("BINARY", b"\0\xff"),
    ("DATE", dt.date(2024, 2, 29)), ("TIME", dt.time(1, 2, 3, 4)), ("TIMESTAMP", dt.datetime(2024, 1, 2, 3, 4, 5, 6)),
    ("TIMESTAMP WITH TIME ZONE", dt.datetime(2024, 1, 2, tzinfo=dt.timezone.utc)), ("INTERVAL", dt.timedelta(days=1, seconds=2)),
    ("UUID", uuid.UUID(int=5)), ("BIGINT[]", [1, None, 3]), ("STRUCT<a BIGINT, b VARCHAR>", {"a": 1, "b": "x"}), ("MAP<VARCHAR, BIGINT>", {"k": 1}),
]


@pytest.mark.parametrize(("sql", "value"), TYPES, ids=[sql for sql, _ in TYPES])
@pytest.mark.parametrize("vectorized", [False, True])
def test_every_type_there_and_back(db, sql, value, vectorized):
    seen = []

    def same(x):
        seen.append(x)
        return x

    db.register_function("same", same, [sql], sql, vectorized=vectorized)
    db.execute(f"CREATE SOURCE t (i BIGINT, a {sql})")
    db.execute("CREATE STREAM s AS SELECT i, same(a) AS a FROM t")
    sub = db.subscribe_stream("s")
    db.insert("t", [{"i": 1, "a": value}, {"i": 2}, {"i": 3, "a": value}])
    assert rows(sub) == [(1, value), (2, None), (3, value)]
    assert (seen == [value, value]) if not vectorized else (len(seen) == 1 and len(seen[0]) == 2)


def test_types_by_python_arrow_and_annotation(db):
    db.register_function("a", lambda x, y: f"{x}{y}", [int, str], str)
    db.register_function("b", lambda x: x * 2, [pa.int64()], pa.float64())

    def c(x: int, y: float) -> str:
        """Joins two numbers.

        Not this."""
        return f"{x}/{y}"

    db.register_function("C", c)
    assert db.query("SELECT a(1, 'x'), b(2), c(3, 4)").fetchall() == [("1x", 4.0, "3/4.0")]
    assert db.query("SELECT help, signature FROM system.functions WHERE name = 'c'").fetchall() == [("Joins two numbers.", "c(BIGINT, DOUBLE) -> VARCHAR")]


def test_nulls(items):
    items.register_function("f", lambda x: "called", ["BIGINT"], "VARCHAR")
    items.register_function("g", lambda x: repr(x), ["BIGINT"], "VARCHAR", on_null="call")
    items.register_function("h", lambda: None, [], "BIGINT")
    assert items.query("SELECT f(NULL), g(NULL), h()").fetchall() == [(None, "None", None)]


def test_vectorized_forms(items):
    items.insert("items", {"v": [1, 2, 3], "x": [1.0, None, 3.0], "k": ["a", "b", "c"]})
    items.register_function("arrow_sum", lambda v, x: pc.add(v, x), ["BIGINT", "DOUBLE"], "DOUBLE", vectorized=True)
    items.register_function("numpy_half", lambda v: v / 2, ["BIGINT"], "DOUBLE", vectorized="numpy")
    items.register_function("as_list", lambda k: [text.as_py() + "!" for text in k], ["VARCHAR"], "VARCHAR", vectorized=True)
    items.register_function("as_scalar", lambda v: pa.scalar(7), ["BIGINT"], "BIGINT", vectorized=True)
    items.register_function("chunked", lambda v: pa.chunked_array([v.slice(0, 1), v.slice(1)]), ["BIGINT"], "INT", vectorized=True)
    assert items.query("SELECT arrow_sum(v, x), numpy_half(v), as_list(k), as_scalar(v), chunked(v) FROM items ORDER BY v").fetchall() == [
        (2.0, 0.5, "a!", 7, 1), (None, 1.0, "b!", 7, 2), (6.0, 1.5, "c!", 7, 3)]
    items.insert("items", {"v": np.arange(10_000)})
    assert items.query("SELECT sum(numpy_half(v)) FROM items").fetchone() == (3.0 + 9999 * 10000 / 4,)


def test_volatility(items):
    calls = []

    def count():
        calls.append(1)
        return len(calls)

    items.insert("items", {"v": list(range(10))})
    items.register_function("once", count, [], "BIGINT")
    items.register_function("each", count, [], "BIGINT", volatility="volatile")
    assert len({row[0] for row in items.query("SELECT once() FROM items")}) == 1
    assert len(calls) <= 2
    calls.clear()
    assert sorted(items.query("SELECT each() FROM items").to_dicts()["each()"]) == list(range(1, 11))


# --- Errors ------------------------------------------------------------------------------------------------------------------


def fails(x):
    raise ZeroDivisionError(f"no {x}")


@pytest.mark.parametrize("vectorized", [False, True])
def test_an_exception_is_the_cause(items, vectorized):
    items.register_function("bad", fails, ["BIGINT"], "BIGINT", vectorized=vectorized)
    items.insert("items", {"v": 1})
    for sql in ("SELECT bad(v) FROM items", "SELECT bad(1)", "INSERT INTO items (v) SELECT bad(v) FROM items"):
        with pytest.raises(QueryError) as info:
            items.execute(sql)
        assert info.value.code == 400 and "bad(): ZeroDivisionError: no " in str(info.value)
        assert isinstance(info.value.__cause__, ZeroDivisionError)
        assert "fails" in [frame.name for frame in traceback.extract_tb(info.value.__cause__.__traceback__)]


def test_a_stream_stops_with_the_cause(items):
    items.register_function("bad", lambda v: 1 // v, ["BIGINT"], "BIGINT")
    items.execute("CREATE STREAM s AS SELECT bad(v) AS b FROM items")
    items.execute("CREATE STREAM other AS SELECT v FROM items")
    sub, other = items.subscribe_stream("s"), items.subscribe_stream("other")
    assert items.insert("items", {"v": 0}) == 1
    with pytest.raises(QueryError) as info:
        sub.next_timeout(5000)
    assert isinstance(info.value.__cause__, ZeroDivisionError)
    assert rows(other) == [(0,)]
    with pytest.raises(QueryError) as info:
        items.query("SELECT * FROM s")
    assert isinstance(info.value.__cause__, ZeroDivisionError)


def test_a_filter_that_fails_says_so(items):
    items.register_function("bad", lambda v: 1 // v == 1, ["BIGINT"], "BOOLEAN")
    sub = items.subscribe_stream("items", filter="bad(v)")
    items.insert("items", {"v": 0})
    with pytest.raises(QueryError) as info:
        sub.try_next()
    assert isinstance(info.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("vectorized", [False, True])
@pytest.mark.parametrize(("mode", "expected"), [("null", [(1, 10), (0, None), (2, 5)]), ("skip", [(1, 10), (2, 5)])])
def test_on_error(items, vectorized, mode, expected):
    def tenth(v):
        return pa.array([10 // x.as_py() for x in v]) if vectorized else 10 // v

    items.execute(f"SET on_error = '{mode}'")
    items.register_function("tenth", tenth, ["BIGINT"], "BIGINT", vectorized=vectorized)
    items.execute("CREATE STREAM s AS SELECT v, tenth(v) AS t FROM items")
    sub = items.subscribe_stream("s")
    items.insert("items", {"v": [1, 0, 2]})
    assert rows(sub) == expected


@pytest.mark.parametrize(("result", "cause"), [("no number", IngestionError), (2**63, IngestionError), (1.5, IngestionError), (object(), IngestionError)])
def test_results_that_do_not_fit(db, result, cause):
    db.register_function("f", lambda: result, [], "BIGINT")
    with pytest.raises(QueryError) as info:
        db.query("SELECT f()")
    assert isinstance(info.value.__cause__, cause)


@pytest.mark.parametrize("result", [None, 5, "abc", [1], pa.array([1, 2, 3]), pa.array(["x", "y"]), np.zeros((2, 2)), {"a": 1}])
def test_vectorized_results_that_do_not_fit(items, result):
    items.insert("items", {"v": [1, 2]})
    items.register_function("f", lambda v: result, ["BIGINT"], "BIGINT", vectorized=True)
    with pytest.raises(QueryError) as info:
        items.query("SELECT f(v) FROM items")
    assert info.value.code == 400 and "f():" in str(info.value)


def test_keyboard_interrupt_passes_through(db):
    def stop():
        raise KeyboardInterrupt

    db.register_function("stop", stop, [], "BIGINT")
    with pytest.raises(KeyboardInterrupt):
        db.query("SELECT stop()")
    assert db.query("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(("arguments", "error", "text"), [
    ((5, len, ["BIGINT"], "BIGINT"), TypeError, "the name must be a str"),
    (("f", 5, ["BIGINT"], "BIGINT"), TypeError, "callable"),
    (("f", len, "BIGINT", "BIGINT"), TypeError, "sequence"),
    (("f", len, ["NOPE"], "BIGINT"), SchemaError, "NOPE"),
    (("f", len, [complex], "BIGINT"), TypeError, "complex"),
    (("f", len, ["BIGINT"], "NULL"), SchemaError, "NULL"),
    (("f", lambda x: x), TypeError, "annotation"),
    (("", len, [], "BIGINT"), LaminarError, "name"),
    (("a b", len, [], "BIGINT"), LaminarError, "identifier"),
    (("select", len, [], "BIGINT"), LaminarError, "reserved"),
    (("abs", len, [], "BIGINT"), QueryError, "built-in"),
    (("sum", len, [], "BIGINT"), QueryError, "built-in"),
    (("f", len, ["BIGINT"] * 65, "BIGINT"), LaminarError, "64"),
])
def test_bad_definitions(db, arguments, error, text):
    with pytest.raises(error, match=text):
        db.register_function(*arguments)


@pytest.mark.parametrize("options", [{"vectorized": "no"}, {"vectorized": 5}, {"volatility": "no"}, {"on_null": "no"}])
def test_bad_options(db, options):
    with pytest.raises(ValueError):
        db.register_function("f", len, ["BIGINT"], "BIGINT", **options)
    with pytest.raises(ValueError, match="argument"):
        db.register_function("f", lambda: 1, [], "BIGINT", vectorized=True)


# --- Life ----------------------------------------------------------------------------------------------------------------------


def test_replace_and_unregister(items):
    items.register_function("f", lambda v: v + 1, ["BIGINT"], "BIGINT")
    items.execute("CREATE STREAM s AS SELECT f(v) AS f FROM items")
    sub = items.subscribe_stream("s")
    with pytest.raises(QueryError, match="already"):
        items.register_function("f", lambda v: v + 2, ["BIGINT"], "BIGINT")
    items.register_function("F", lambda v: v + 2, ["BIGINT"], "BIGINT", replace=True)
    items.insert("items", {"v": 1})
    assert rows(sub) == [(2,)]
    assert items.query("SELECT f(v) FROM items").fetchall() == [(3,)]
    items.unregister_function("f")
    with pytest.raises(QueryError, match="unknown function"):
        items.query("SELECT f(1)")
    for name in ("f", "abs", ""):
        with pytest.raises(LaminarError):
            items.unregister_function(name)
    items.insert("items", {"v": 5})
    assert rows(sub) == [(6,)]


def test_functions_are_given_back(db):
    class Function:
        def __call__(self, v):
            return v

    functions = [Function() for _ in range(3)]
    gone = [weakref.ref(function) for function in functions]
    db.execute("CREATE SOURCE t (v BIGINT)")
    for i in range(3):
        db.register_function("f", functions[i], ["BIGINT"], "BIGINT", replace=True)
        if i == 0:
            db.execute("CREATE STREAM s AS SELECT f(v) AS v FROM t")
    del functions
    gc.collect()
    assert [ref() is None for ref in gone] == [False, True, False]
    db.execute("DROP STREAM s")
    assert [ref() is None for ref in gone] == [True, True, False]
    db.unregister_function("f")
    assert gone[2]() is None


def test_calling_back_is_refused(items):
    other = laminardb.open(":memory:")
    errors = []

    def back(v):
        for call in (lambda: items.query("SELECT 1"), lambda: items.insert("items", {"v": 1}), lambda: items.metrics(), items.close, items.shutdown,
                     lambda: items.execute("CREATE SOURCE z (a BIGINT)"), lambda: items.subscribe("SELECT 1"), lambda: items.schema("items"),
                     lambda: items.writer("items"), lambda: items.insert_json("items", "{}"), lambda: items.stats("items")):
            try:
                call()
            except QueryError as error:
                errors.append(error.code)
        return other.query("SELECT 1").fetchone()[0]

    items.register_function("back", back, ["BIGINT"], "BIGINT")
    items.execute("CREATE STREAM s AS SELECT back(v) AS b FROM items")
    sub = items.subscribe_stream("s")
    items.insert("items", {"v": 1})
    assert rows(sub) == [(1,)] and errors == [400] * 11
    assert not items.is_closed


def test_garbage_in_the_middle_of_a_step(items):
    class Knot:
        pass

    def litter(v):
        knot = Knot()
        knot.me, knot.sub = knot, subs.pop()
        del knot
        gc.collect()
        return v

    items.register_function("litter", litter, ["BIGINT"], "BIGINT")
    items.execute("CREATE STREAM s AS SELECT litter(v) AS b FROM items")
    subs = [items.subscribe("SELECT v FROM items"), items.subscribe_stream("items")]
    items.insert("items", {"v": 1})
    items.insert("items", {"v": 2})
    items.insert("items", {"v": 3}) if subs else None
    assert items.metrics().subscription_count == 0


# --- Aggregates --------------------------------------------------------------------------------------------------------------------


class Total:
    """A sum and a count."""

    def __init__(self):
        self.sum = self.n = 0

    def update(self, v):
        self.sum += v
        self.n += 1

    def finish(self):
        return self.sum * 100 + self.n


class Retracting(Total):
    def retract(self, v):
        self.sum -= v
        self.n -= 1


class Merging(Retracting):
    def merge(self, other):
        self.sum += other.sum
        self.n += other.n


class Vectorized(Merging):
    def update(self, v):
        self.sum += pc.sum(v).as_py()
        self.n += len(v)

    def retract(self, v):
        self.sum -= pc.sum(v).as_py()
        self.n -= len(v)


@pytest.mark.parametrize(("cls", "vectorized"), [(Total, False), (Retracting, False), (Merging, False), (Vectorized, True), (Vectorized, "arrow")])
def test_aggregates(db, cls, vectorized):
    db.register_aggregate("total", cls, ["BIGINT"], "BIGINT", vectorized=vectorized)
    db.execute("CREATE TABLE t (id BIGINT PRIMARY KEY, k VARCHAR, v BIGINT)")
    assert db.query("SELECT total(v) FROM t").fetchone() == (0,)
    db.execute("CREATE STREAM s AS SELECT k, total(v) AS v, total(DISTINCT v) AS d FROM t GROUP BY k")
    db.execute("CREATE SOURCE w (v BIGINT, at TIMESTAMP, WATERMARK FOR at AS at)")
    for kind in ("HOP(at, INTERVAL '1' SECOND, INTERVAL '2' SECOND)", "TUMBLE(at, INTERVAL '1' SECOND)", "SESSION(at, INTERVAL '3' SECOND)"):
        db.execute(f"CREATE STREAM w_{kind[:3]} AS SELECT window_start, total(v) AS v FROM w GROUP BY {kind}")
    db.insert("t", [{"id": 1, "k": "a", "v": 1}, {"id": 2, "k": "a", "v": 2}, {"id": 3, "k": "b", "v": 3}, {"id": 4, "k": "b"}, {"id": 5, "k": "b", "v": 3}])
    assert db.query("SELECT * FROM s ORDER BY k").fetchall() == [("a", 302, 302), ("b", 602, 301)]
    db.insert("t", {"id": 1, "k": "b", "v": 10})
    db.execute("DELETE FROM t WHERE id = 5")
    expected = [("a", 201, 201), ("b", 1302, 1302)]
    assert db.query("SELECT * FROM s ORDER BY k").fetchall() == expected
    assert db.query("SELECT k, total(v), total(DISTINCT v) FROM t GROUP BY k ORDER BY k").fetchall() == expected
    assert db.query("SELECT total(v) FILTER (WHERE v > 2), total(v ORDER BY v DESC) FROM t").fetchall() == [(1302, 1503)]
    at = dt.datetime(2024, 1, 1)
    db.insert("w", [{"v": 1, "at": at}, {"v": 2, "at": at + dt.timedelta(seconds=1)}, {"v": 0, "at": at + dt.timedelta(seconds=60)}])
    assert db.query("SELECT v FROM w_hop ORDER BY window_start").fetchall() == [(101,), (302,), (201,)]
    assert db.query("SELECT v FROM w_tum ORDER BY window_start").fetchall() == [(101,), (201,)]
    assert db.query("SELECT v FROM w_ses").fetchall() == [(302,)]
    assert "A sum and a count." in db.query("SELECT help FROM system.functions WHERE name = 'total'").fetchone() or cls is not Total


@pytest.mark.parametrize("where", ["__init__", "update", "finish", "retract"])
def test_aggregates_that_fail(db, where):
    class Bad(Retracting):
        pass

    def fail(self, *_):
        raise ZeroDivisionError

    setattr(Bad, where, fail)
    db.execute("CREATE TABLE t (id BIGINT PRIMARY KEY, v BIGINT)")
    db.register_aggregate("bad", Bad, ["BIGINT"], "BIGINT")
    db.execute("CREATE STREAM s AS SELECT bad(v) AS v FROM t") if where == "retract" else None
    with pytest.raises(QueryError) as info:
        db.insert("t", {"id": 1, "v": 1})
        db.insert("t", {"id": 1, "v": 2})
        db.query("SELECT * FROM s" if where == "retract" else "SELECT bad(v) FROM t")
    assert isinstance(info.value.__cause__, ZeroDivisionError)


def test_bad_aggregates(db):
    class NoFinish:
        def update(self, v):
            pass

    for arguments in ((NoFinish, ["BIGINT"], "BIGINT"), (5, ["BIGINT"], "BIGINT"), (Total, None, "BIGINT"), (Total, ["BIGINT"], None)):
        with pytest.raises(TypeError):
            db.register_aggregate("x", *arguments)
    with pytest.raises(LaminarError):
        db.register_aggregate("x", Total, [], "BIGINT")
    db.register_aggregate("x", Total, ["BIGINT"], "BIGINT")
    with pytest.raises(QueryError):
        db.register_function("x", len, ["BIGINT"], "BIGINT")


# --- Threads --------------------------------------------------------------------------------------------------------------------------


def test_many_threads(items):
    """Steps call from whatever thread runs them, queries beside them; other threads wait for the same locks meanwhile."""
    items.register_function("twice", lambda v: v * 2, ["BIGINT"], "BIGINT")
    items.register_function("fold", lambda v: v % 7, ["BIGINT"], "BIGINT")
    items.register_aggregate("total", Merging, ["BIGINT"], "BIGINT")
    items.execute("CREATE STREAM s AS SELECT fold(v) AS k, total(twice(v)) AS t FROM items GROUP BY fold(v)")
    errors = []

    def guarded(work):
        def run():
            try:
                for i in range(40):
                    work(i)
            except BaseException as error:
                errors.append(error)
        return threading.Thread(target=run)

    def replace(i):
        items.register_function("other", lambda v: v + i, ["BIGINT"], "BIGINT", replace=True)
        items.query("SELECT other(twice(3)), twice(4)")

    def subscribe(i):
        sub = items.subscribe("SELECT twice(v) FROM items WHERE fold(v) = $1", params=[i % 7])
        sub.try_next()
        items.metrics()
        items.writer("items").close()

    def insert(i):
        items.insert("items", {"v": list(range(50))})

    threads = [guarded(work) for work in (insert, insert, insert, lambda i: items.query("SELECT sum(twice(v)) FROM items").fetchone(),
                                          lambda i: items.query("SELECT * FROM s").fetchall(), replace, subscribe)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert not errors
    n = 3 * 40
    assert items.query("SELECT sum(t) FROM s").fetchone() == (n * (sum(range(50)) * 200 + 50),)


def test_the_interpreter_ends_while_functions_run():
    program = textwrap.dedent("""
        import threading, time
        import laminardb
        db = laminardb.open(":memory:", config=laminardb.Config(buffer_size=100))
        db.register_function("slow", lambda v: time.sleep(0.001) or v, ["BIGINT"], "BIGINT")
        db.execute("CREATE SOURCE t (v BIGINT)")
        db.execute("CREATE STREAM s AS SELECT slow(v) AS v FROM t")
        sub = db.subscribe_stream("s", policy="drop_oldest")
        def work():
            while True:
                db.insert("t", {"v": list(range(20))})
        for _ in range(3):
            threading.Thread(target=work, daemon=True).start()
        while sub.try_next() is None:
            pass
        print("done")
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout == "done\n" and "Fatal" not in done.stderr, done.stderr


def test_a_directory_refuses_streams_that_could_not_be_opened_again(tmp_path):
    with laminardb.open(tmp_path / "db") as db:
        db.register_function("twice", lambda v: 2 * v, [int], int)
        db.register_aggregate("total", Merging, [int], int)
        db.execute("CREATE SOURCE t (v BIGINT)")
        for sql in ("CREATE STREAM s AS SELECT twice(v) AS v FROM t", "CREATE MATERIALIZED VIEW s AS SELECT total(v) AS v FROM t",
                    "CREATE SOURCE u (v BIGINT DEFAULT twice(4))"):
            with pytest.raises(QueryError, match="function of the program") as info:
                db.execute(sql)
            assert info.value.code == 403 and info.value.hint
        sub = db.subscribe("SELECT twice(v) FROM t")
        db.execute("INSERT INTO t SELECT twice(4)")
        assert rows(sub) == [(16,)] and db.query("SELECT total(twice(v)) FROM t").fetchone() == (1601,)
    with laminardb.open(tmp_path / "db") as db:
        assert db.query("SELECT v FROM t").fetchall() == [(8,)]
