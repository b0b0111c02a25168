"""Queries and their results: rows, conversions, display, parameters, errors."""

import copy
import datetime as dt
import decimal
import gc
import pickle
import sys
import uuid
import weakref

import laminardb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from laminardb import QueryError


@pytest.fixture
def numbers(db):
    db.execute("CREATE SOURCE t (a BIGINT, b VARCHAR)")
    db.insert("t", [{"a": i, "b": f"row {i}"} for i in range(5000)])
    return db


def test_shape(numbers):
    result = numbers.query("SELECT a, b FROM t ORDER BY a")
    assert (result.num_rows, result.num_columns, len(result)) == (5000, 2, 5000)
    assert result.num_batches >= 1
    assert result.columns == ["a", "b"]
    assert result.column_types == ["BIGINT", "VARCHAR"]
    assert repr(result) == "QueryResult(rows=5000, columns=2)"
    assert result.schema == pa.schema({"a": pa.int64(), "b": pa.string()})


def test_fetching(numbers):
    result = numbers.query("SELECT a, b FROM t ORDER BY a")
    expected = [(i, f"row {i}") for i in range(5000)]
    assert result.fetchall() == expected
    assert list(result) == expected
    assert list(result) == expected, "iterating begins again"
    assert result.fetchone() == expected[0]
    assert result.fetchone() == expected[0], "fetchone gives the first row each time"
    assert result.fetchmany() == expected[:1]
    assert result.fetchmany(4999) == expected[:4999]
    assert result.fetchmany(size=10**9) == expected
    assert result.fetchmany(0) == []
    with pytest.raises(ValueError):
        result.fetchmany(-1)
    with pytest.raises(TypeError):
        result.fetchmany("x")


def test_cursor_moves(numbers):
    cursor = numbers.query("SELECT a FROM t ORDER BY a LIMIT 5").cursor()
    assert cursor.fetchone() == (0,)
    assert cursor.fetchmany(2) == [(1,), (2,)]
    assert cursor.fetchall() == [(3,), (4,)]
    assert cursor.fetchone() is None
    assert cursor.fetchall() == []


def test_empty_result(numbers):
    result = numbers.query("SELECT a, b FROM t WHERE false")
    assert len(result) == 0
    assert result.fetchall() == [] and result.fetchone() is None and list(result) == []
    assert result.to_arrow().num_rows == 0 and result.to_arrow().column_names == ["a", "b"]
    assert result.to_dicts() == {"a": [], "b": []}
    assert list(result.df().columns) == ["a", "b"]
    assert result.pl().shape == (0, 2)
    assert not list(numbers.stream("SELECT a FROM t WHERE false")) or True


def test_result_of_ddl_has_no_columns(db):
    result = db.query("CREATE SOURCE t (a BIGINT)")
    assert (result.num_rows, result.num_columns) == (0, 0)
    assert result.fetchall() == [] and result.fetchone() is None and list(result) == [] and result.to_dicts() == {}
    assert result.to_arrow().num_columns == 0
    assert result.columns == []
    result.show()


def test_conversions(numbers):
    result = numbers.query("SELECT a, b FROM t ORDER BY a")
    table = result.to_arrow()
    assert isinstance(table, pa.Table) and table.num_rows == 5000
    assert table["a"].to_pylist() == list(range(5000))
    assert result.arrow().equals(table)
    assert pa.table(result).equals(table), "the capsule interface"
    assert isinstance(result.to_pandas(), pd.DataFrame) and result.df()["a"].tolist() == list(range(5000))
    assert isinstance(result.to_polars(), pl.DataFrame) and result.pl()["a"].to_list() == list(range(5000))
    assert isinstance(result.pl(lazy=True), pl.LazyFrame)
    assert isinstance(result.to_df(), pl.DataFrame)
    assert result.to_dicts() == {"a": list(range(5000)), "b": [f"row {i}" for i in range(5000)]}
    assert pa.schema(result) == table.schema


def test_fixed_width_columns_leave_without_a_copy(numbers):
    result = numbers.query("SELECT a FROM t")
    addresses = {table.column(0).chunk(0).buffers()[1].address for table in (result.to_arrow(), result.to_arrow())}
    assert len(addresses) == 1


def test_duplicate_names_keep_their_columns(db):
    result = db.query("SELECT 1 AS a, 2 AS a, 3 AS a_1")
    assert result.columns == ["a", "a", "a_1"]
    assert result.fetchall() == [(1, 2, 3)]
    assert result.to_arrow().column_names == ["a", "a", "a_1"]
    assert list(result.df().iloc[0]) == [1, 2, 3]
    assert result.to_dicts() == {"a": [1], "a_2": [2], "a_1": [3]}
    assert result.pl().rows() == [(1, 2, 3)]
    with laminardb.open(":memory:") as other:
        other.execute("CREATE SOURCE x (a BIGINT)")
        other.execute("CREATE SOURCE y (a BIGINT)")
        other.insert("x", {"a": 1})
        other.insert("y", {"a": 1})
        assert other.query("SELECT x.a, y.a FROM x JOIN y ON x.a = y.a").fetchall() == [(1, 1)]


def test_result_outlives_the_connection(numbers):
    result = numbers.query("SELECT a FROM t ORDER BY a")
    table = result.to_arrow()
    rows = iter(result)
    assert next(rows) == (0,)
    numbers.close()
    gc.collect()
    assert result.fetchmany(2) == [(0,), (1,)]
    assert next(rows) == (1,)
    del result, rows
    gc.collect()
    assert table["a"][4999].as_py() == 4999


def test_types_of_values(db):
    row = db.query(
        "SELECT NULL, true, 1, CAST(1 AS TINYINT), 1.5, CAST(1.5 AS DOUBLE), 'x', DATE '2024-02-29', TIME '01:02:03', TIMESTAMP '2024-01-01 01:02:03',"
        " INTERVAL '1' DAY, INTERVAL '1' MONTH, CAST('12345678-1234-5678-1234-567812345678' AS UUID)").fetchone()
    assert [type(value) for value in row] == [type(None), bool, int, int, decimal.Decimal, float, str, dt.date, dt.time, dt.datetime, dt.timedelta,
                                              laminardb.Interval, uuid.UUID]
    assert row[-1] == uuid.UUID("12345678-1234-5678-1234-567812345678") and hash(row[-1]) and str(row[-1])
    assert row[11].months == 1


def test_aware_datetimes_are_utc(db):
    instants = pa.array([0, 1_700_000_000], pa.timestamp("s", tz="Europe/Berlin"))
    db.create_table("z", pa.schema({"at": instants.type}))
    db.insert("z", pa.table({"at": instants}))
    got = [row[0] for row in db.query("SELECT at FROM z")]
    assert got == instants.to_pylist()
    assert all(value.tzinfo is dt.timezone.utc for value in got)


def test_dates_beyond_python(db):
    db.create_table("t", pa.schema({"d": pa.date32(), "s": pa.timestamp("s"), "n": pa.timestamp("ns")}))
    db.insert("t", pa.table({"d": pa.array([3_000_000], pa.date32()), "s": pa.array([2**40], pa.timestamp("s")), "n": pa.array([1_999], pa.timestamp("ns"))}))
    assert db.query("SELECT * FROM t").fetchall() == [(3_000_000, 2**40, dt.datetime(1970, 1, 1, 0, 0, 0, 1))]


# --- Display -------------------------------------------------------------------------------------------------------------


def shown(capsys, result, **options):
    result.show(**options)
    return capsys.readouterr().out


def test_show(db, capsys):
    db.execute("CREATE SOURCE t (name VARCHAR, n BIGINT)")
    db.insert("t", [{"name": "a", "n": 1}, {"name": None, "n": 22}])
    assert shown(capsys, db.query("SELECT * FROM t")) == (
        "┌─────────┬────────┐\n"
        "│  name   │   n    │\n"
        "│ varchar │ bigint │\n"
        "├─────────┼────────┤\n"
        "│ a       │      1 │\n"
        "│ NULL    │     22 │\n"
        "└─────────┴────────┘\n"
        "2 rows\n")


def test_show_cuts_rows_columns_and_cells(numbers, capsys, monkeypatch):
    result = numbers.query("SELECT a, b FROM t ORDER BY a")
    out = shown(capsys, result)
    assert out.endswith("5,000 rows (20 shown)\n") and "row 9 " in out and "row 10 " not in out and "row 4999" in out
    assert "5,000 rows (4 shown)" in shown(capsys, result, max_rows=4)
    with pytest.raises(ValueError):
        result.show(-1)
    with pytest.raises(TypeError):
        result.show("x")
    monkeypatch.setenv("COLUMNS", "60")
    wide = numbers.query("SELECT " + ", ".join(f"'{'x' * 30}' AS column_{i}" for i in range(10)))
    out = shown(capsys, wide)
    assert "10 columns (" in out and max(map(len, out.splitlines())) <= 80
    assert "…" in shown(capsys, numbers.query(f"SELECT '{'y' * 500}' AS v"))


def test_show_of_odd_text(db, capsys):
    out = shown(capsys, db.query("SELECT 'a\nb\t\x1b[31m' AS v, '日本' AS w, 'é' AS x"))
    assert "a\\nb\\t\\x1b[31m" in out and "\x1b" not in out
    assert len({sum(2 if c in "日本" else 1 for c in line) for line in out.splitlines()[:-1]}) == 1


def test_show_of_types(db, capsys):
    """In small letters as in the shell, the quoted names of fields as they are; neither they nor a long type get out of hand."""
    fields = ", ".join(f"'field_{i}': {i}" for i in range(40))
    result = db.query(f"SELECT {{'A b': 1, 'c\"D': 'x'}} AS s, {{'\x1b[31m': 1}} AS t, {{{fields}}} AS u, 1.5 AS d")
    out = shown(capsys, result)
    assert 'struct<"A b" bigint, "c""D" varchar>' in out and "decimal(2,1)" in out and "\x1b" not in out and "\\x1b[31m" in out
    assert all(len(line) < 200 for line in out.splitlines()) and "…" in out
    assert "struct&lt;&quot;A b&quot; bigint" in result._repr_html_()


def test_show_where_boxes_cannot_be_printed(db, monkeypatch):
    import io

    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    db.query("SELECT 'é' AS a").show()
    out.flush()
    assert b"+----" in out.buffer.getvalue()


def test_html(db):
    db.execute("CREATE SOURCE t (a BIGINT, v VARCHAR)")
    db.insert("t", [{"a": i, "v": None if i else "<script>&"} for i in range(100)])
    html = db.query("SELECT * FROM t")._repr_html_()
    assert "&lt;script&gt;&amp;" in html and "<script>" not in html
    assert "<small>bigint</small>" in html and "100 rows, 2 columns" in html and html.count("<tr>") == 52


# --- Streams of batches ----------------------------------------------------------------------------------------------------


def test_stream_gives_batches(numbers):
    stream = numbers.stream("SELECT a FROM t ORDER BY a")
    assert repr(stream) == "QueryStream(active)" and stream.is_active
    rows = [row[0] for part in stream for row in part]
    assert rows == list(range(5000))
    assert repr(stream) == "QueryStream(finished)" and not stream.is_active
    assert stream.try_next() is None
    with pytest.raises(StopIteration):
        next(stream)


def test_stream_in_parts():
    with laminardb.open(":memory:") as db:
        db.execute("CREATE SOURCE t (a BIGINT) WITH ('retention' = 'all')")
        db.insert("t", {"a": list(range(300_000))})
        parts = list(db.stream("SELECT a FROM t"))
        assert len(parts) > 1 and sum(part.num_rows for part in parts) == 300_000
        last = parts[-1]
        assert last.num_batches == 1 and len(last.fetchall()) == last.num_rows == last.to_arrow().num_rows
        assert last._texts(0, 1)[0][0] == str(last.fetchone()[0])


def test_stream_cancel(numbers):
    stream = numbers.stream("SELECT a FROM t")
    stream.cancel()
    stream.cancel()
    assert not stream.is_active and stream.try_next() is None and list(stream) == []


def test_query_stream(numbers):
    numbers.execute("CREATE STREAM big AS SELECT a, b FROM t WHERE a >= 4990")
    assert len(numbers.query_stream("big")) == 10
    assert numbers.query_stream("BIG", filter="a > 4997 OR b = 'row 4990'").num_rows == 3
    with pytest.raises(laminardb.SchemaError) as info:
        numbers.query_stream("nope")
    assert info.value.code == 200
    with pytest.raises(QueryError):
        numbers.query_stream("big", "no such thing")


# --- Parameters ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [
    None, True, False, 0, -(2**63), 2**63 - 1, 2**100, 1.5, float("inf"), "text", "it's; -- quoted", "", b"\x00\xff", b"",
    decimal.Decimal("-12.345"), dt.date(2024, 2, 29), dt.time(1, 2, 3, 4), dt.datetime(2024, 1, 2, 3, 4, 5, 6),
    dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc), dt.timedelta(days=2, seconds=3, microseconds=4), dt.timedelta(days=-1, seconds=5),
    uuid.UUID(int=7), laminardb.Interval((1, 2, 3_000_000)),
], ids=repr)
def test_parameter_round_trip(db, value):
    got = db.query("SELECT $1 AS v", [value]).fetchone()[0]
    assert got == value


def test_parameters_by_every_way(numbers):
    assert numbers.query("SELECT a FROM t WHERE a = $1", [7]).fetchall() == [(7,)]
    assert numbers.query("SELECT a FROM t WHERE a = ? AND b = ?", (7, "row 7")).fetchall() == [(7,)]
    assert numbers.query("SELECT a FROM t WHERE a = :n OR b = :s ORDER BY a", {"n": 7, "s": "row 9"}).fetchall() == [(7,), (9,)]
    assert numbers.sql("SELECT a FROM t WHERE a = $1", params=[8]).fetchall() == [(8,)]
    assert numbers.execute("SELECT $1", [1]).to_query_result().fetchall() == [(1,)]
    assert next(numbers.stream("SELECT $1 + 1", [1])).fetchall() == [(2,)]
    numbers.execute("INSERT INTO t VALUES ($1, $2)", [-1, "by parameter"])
    assert numbers.query("SELECT b FROM t WHERE a = -1").fetchall() == [("by parameter",)]


@pytest.mark.parametrize(("params", "error"), [
    ([], QueryError), ([1, 2], QueryError), ({"a": 1}, QueryError), (5, TypeError), ("x", TypeError), ({5: 1}, TypeError), ([object()], QueryError),
    ([[1]], QueryError), ([{"a": 1}], QueryError), (["\ud800"], QueryError), ([decimal.Decimal("NaN")], QueryError), ([10**5000], QueryError),
])
def test_bad_parameters(numbers, params, error):
    with pytest.raises(error):
        numbers.query("SELECT a FROM t WHERE a = $1", params)


def test_parameters_and_several_statements(db):
    with pytest.raises(QueryError) as info:
        db.query("SELECT $1; SELECT $1", [1])
    assert info.value.code == 401


# --- Errors ------------------------------------------------------------------------------------------------------------------


def test_syntax_error_has_position_and_context(db):
    with pytest.raises(QueryError) as info:
        db.query("SELECT 1 +\n  FROM")
    error = info.value
    assert error.code == 401 and error.position[0] == 2
    assert str(error).startswith("SQL parse error (401): ") and "^" in str(error)
    assert error.context.splitlines()[0] == "  FROM"


def test_unknown_names_have_hints(numbers):
    with pytest.raises(QueryError) as info:
        numbers.query("SELECT aa FROM t")
    assert info.value.code == 400 and info.value.position == (1, 8) and info.value.hint
    with pytest.raises(QueryError) as info:
        numbers.query("SELECT * FROM system.sourcs")
    assert info.value.code == 400 and "system.sources" in info.value.hint


@pytest.mark.parametrize("sql", ["", ";", "SELECT", "SELECT '", "SELECT (", "SELECT 1 FROM", "\ud800", "SELECT 1\0", "SELECT $$", "🙂", "SELECT " + "(" * 20_000,
                                 "SELECT " + "1 + " * 100_000 + "1" if False else "SELECT )", "CREATE", "DROP", "/* open"],
                         ids=lambda sql: repr(sql[:12]))
def test_bad_sql(db, sql):
    with pytest.raises(QueryError) as info:
        db.query(sql)
    assert 400 <= info.value.code < 500


def test_deep_and_long_statements_end(db):
    for sql in ("SELECT " + "(" * 5000 + "1" + ")" * 5000, "SELECT " + "-" * 0 + "NOT " * 50_000 + "true", "SELECT " + "1+" * 50_000 + "1",
                "SELECT " + "[" * 5000 + "]" * 5000, "SELECT " + "CASE WHEN true THEN " * 5000 + "1" + " END" * 5000):
        try:
            db.query(sql)
        except QueryError as error:
            assert 400 <= error.code < 500
    big = "y" * 10_000_000
    assert db.query(f"SELECT '{big}'").fetchone() == (big,)
    assert db.query("SELECT $1", [big]).fetchone() == (big,)


def test_wrong_argument_types(db):
    for call in (lambda: db.query(5), lambda: db.query(None), lambda: db.query(), lambda: db.query(b"SELECT 1"), lambda: db.execute(5),
                 lambda: db.stream(5), lambda: db.explain(5) if False else db.query(sql=5), lambda: db.query("SELECT 1", nope=1)):
        with pytest.raises(TypeError):
            call()


def test_exceptions_are_ordinary(db):
    with pytest.raises(laminardb.LaminarError) as info:
        db.query("SELEC 1")
    error = info.value
    assert isinstance(error, QueryError) and isinstance(error.code, int)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.code, again.position) == (str(error), error.code, error.position)
    assert copy.copy(error).code == error.code
    assert laminardb.LaminarError("x").code == 900 and laminardb.ConnectionError("x").hint is None
    assert issubclass(laminardb.ConnectionError, laminardb.LaminarError) and not issubclass(laminardb.ConnectionError, OSError)


def test_overflow_and_division_are_errors(db):
    for sql in ("SELECT 9223372036854775807 + 1", "SELECT 1 / 0", "SELECT CAST('x' AS BIGINT)", "SELECT CAST(300 AS TINYINT)"):
        with pytest.raises(QueryError) as info:
            db.query(sql)
        assert 400 <= info.value.code < 500


# --- Objects -------------------------------------------------------------------------------------------------------------------


def test_result_types_cannot_be_made_by_hand():
    for kind in (laminardb.QueryResult, laminardb.QueryStream, laminardb.Writer, laminardb.Subscription, laminardb.StreamSubscription):
        with pytest.raises(TypeError):
            kind()


def test_connection_can_be_referenced_weakly(db):
    assert weakref.ref(db)() is db
    writer = None
    db.execute("CREATE SOURCE t (a BIGINT)")
    writer = db.writer("t")
    assert weakref.ref(writer)() is writer


def test_constants_that_compare_equal_are_not_the_same_expression(db):
    """A month compares equal to 30 days, and 0.0 to -0.0; neither stands for the other in GROUP BY."""
    db.execute("CREATE SOURCE d (ts TIMESTAMP, x DOUBLE)")
    db.execute("INSERT INTO d VALUES ('2026-01-31 00:00:00', 1.0), ('2026-02-10 00:00:00', 2.0)")
    rows = db.query("SELECT ts + INTERVAL '1' MONTH AS m, count(*) FROM d GROUP BY ts + INTERVAL '1' MONTH ORDER BY m").fetchall()
    assert rows == [(dt.datetime(2026, 2, 28), 1), (dt.datetime(2026, 3, 10), 1)]
    with pytest.raises(QueryError, match="GROUP BY"):
        db.query("SELECT ts + INTERVAL '30' DAY, count(*) FROM d GROUP BY ts + INTERVAL '1' MONTH")
    rows = db.query("SELECT max(ts + INTERVAL '30' DAY) AS a, max(ts + INTERVAL '1' MONTH) AS b FROM d").fetchall()
    assert rows == [(dt.datetime(2026, 3, 12), dt.datetime(2026, 3, 10))]
    rows = db.query("SELECT x * CAST('0.0' AS DOUBLE), x * CAST('-0.0' AS DOUBLE) FROM d LIMIT 1").fetchall()
    assert str(rows) == "[(0.0, -0.0)]"
    rows = db.query("SELECT [INTERVAL '30' DAY] AS a, [INTERVAL '1' MONTH] AS b FROM d LIMIT 1").fetchall()
    assert str(rows[0][0]) != str(rows[0][1])
