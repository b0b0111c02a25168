"""Aggregates under retraction: what was taken back leaves no trace; sums out of range go by on_error."""

from __future__ import annotations

import math

import pytest

import laminardb


@pytest.fixture
def conn():
    with laminardb.open(":memory:") as connection:
        yield connection


def one(conn, sql):
    return conn.query(sql).fetchall()[0]


def test_doubles_of_any_size_leave_no_trace(conn):
    conn.execute("CREATE TABLE t (id BIGINT, x DOUBLE, y DOUBLE, PRIMARY KEY (id))")
    conn.execute(
        "CREATE STREAM st AS SELECT sum(x) AS s, avg(x) AS a, var_pop(x) AS v, stddev_samp(x) AS d, covar_pop(y, x) AS c, regr_slope(y, x) AS r FROM t"
    )
    conn.execute("INSERT INTO t VALUES (1, 1.5, 3.0), (2, 2.5, 5.0), (3, 1e200, 1e100), (4, -1e17, 1e-3), (5, 0.1, 'nan'), (6, 'infinity', 1)")
    conn.execute("DELETE FROM t WHERE id >= 3")
    assert one(conn, "SELECT s, a, v, d, c, r FROM st") == (4.0, 2.0, 0.25, math.sqrt(0.5), 0.5, 2.0)
    conn.execute("DELETE FROM t WHERE id = 2")
    assert one(conn, "SELECT s, a, v, d, c, r FROM st") == (1.5, 1.5, 0.0, None, 0.0, None)
    conn.execute("DELETE FROM t WHERE true")
    assert one(conn, "SELECT s, a, v, d, c, r FROM st") == (None,) * 6


def test_equal_values_do_not_vary(conn):
    conn.execute("CREATE TABLE t (id BIGINT, x DOUBLE, PRIMARY KEY (id))")
    conn.execute("CREATE STREAM st AS SELECT var_pop(x) AS v FROM t")
    conn.execute("INSERT INTO t SELECT i, CASE WHEN i > 5 THEN 1e9 + i ELSE 0.1 END FROM generate_series(1, 50) AS q(i)")
    conn.execute("DELETE FROM t WHERE id > 5")
    assert one(conn, "SELECT v FROM st") == (0.0,)
    assert one(conn, "SELECT var_pop(x) FROM t") == (0.0,)


def test_running_sums_lose_nothing_either(conn):
    conn.execute("CREATE TABLE t (id BIGINT, x DOUBLE, PRIMARY KEY (id))")
    conn.execute("CREATE STREAM st AS SELECT id, sum(x) OVER (ORDER BY id) AS s, sum(x) OVER (ORDER BY id ROWS 1 PRECEDING) AS r FROM t")
    conn.execute("INSERT INTO t VALUES (1, 1e200), (2, 0.5), (3, 0.25), (4, 0.125)")
    assert conn.query("SELECT r FROM st ORDER BY id").fetchall() == [(1e200,), (1e200,), (0.75,), (0.375,)]
    conn.execute("DELETE FROM t WHERE id = 1")
    assert conn.query("SELECT s, r FROM st ORDER BY id").fetchall() == [(0.5, 0.5), (0.75, 0.75), (0.875, 0.375)]


BIG = 2**63 - 1


@pytest.mark.parametrize("kind", ["SOURCE", "TABLE"])
@pytest.mark.parametrize("mode", ["null", "skip"])
def test_sums_out_of_range_are_null(conn, kind, mode):
    key = ", PRIMARY KEY (id)" if kind == "TABLE" else ""
    conn.execute(f"CREATE {kind} t (id BIGINT, k BIGINT, x BIGINT{key})")
    conn.execute(f"SET on_error = '{mode}'")
    conn.execute("CREATE STREAM st AS SELECT k, sum(x) AS s, count(*) AS n FROM t GROUP BY k")
    sub = conn.subscribe_stream("st", changes=True)
    conn.execute(f"INSERT INTO t VALUES (1, 1, {BIG}), (2, 2, 5)")
    conn.execute("INSERT INTO t VALUES (3, 1, 1), (4, 2, 6)")
    assert sorted(conn.query("SELECT * FROM st").fetchall()) == [(1, None, 2), (2, 11, 2)]
    conn.execute("INSERT INTO t VALUES (5, 1, -2)")
    assert sorted(conn.query("SELECT * FROM st").fetchall()) == [(1, BIG - 1, 3), (2, 11, 2)]
    net: dict = {}
    while (result := sub.try_next()) is not None:
        for *row, weight in result.fetchall():
            net[tuple(row)] = net.get(tuple(row), 0) + weight
    assert {row for row, n in net.items() if n} == {(1, BIG - 1, 3), (2, 11, 2)}
    if kind == "TABLE":
        conn.execute("DELETE FROM t WHERE id = 5")
        assert sorted(conn.query("SELECT * FROM st").fetchall()) == [(1, None, 2), (2, 11, 2)]


def test_a_sum_out_of_range_stops_the_stream(conn):
    conn.execute("CREATE SOURCE t (k BIGINT, x BIGINT)")
    conn.execute("CREATE STREAM st AS SELECT k, sum(x) AS s FROM t GROUP BY k")
    conn.execute(f"INSERT INTO t VALUES (1, {BIG}), (1, 1)")
    with pytest.raises(laminardb.QueryError, match="sum of BIGINT values is out of range for BIGINT"):
        conn.query("SELECT * FROM st").fetchall()
    with pytest.raises(laminardb.QueryError, match="out of range"):
        conn.query("SELECT sum(x) FROM t").fetchall()


@pytest.mark.parametrize("call", ["approx_distinct(x)", "approx_median(x)", "approx_percentile_cont(x, 0.5)", "approx_top_k(x, 3)"])
def test_sketches(conn, call):
    conn.execute("CREATE SOURCE s (k BIGINT, x BIGINT)")
    conn.execute("CREATE TABLE t (k BIGINT, x BIGINT, PRIMARY KEY (k))")
    conn.execute(f"CREATE STREAM st AS SELECT {call} AS a FROM s")
    text = "\n".join(row[0] for row in conn.query(f"EXPLAIN SELECT {call} FROM s").fetchall())
    assert "approximate" in text
    if "distinct" not in call and "top_k" not in call:  # these can forget
        conn.execute(f"CREATE STREAM kept AS SELECT {call} AS a FROM t")
        conn.execute("INSERT INTO t VALUES (1, 10), (2, 20), (3, 1000)")
        conn.execute("DELETE FROM t WHERE k > 1")
        assert one(conn, "SELECT a FROM kept")[0] == pytest.approx(10, rel=0.02)
        return
    with pytest.raises(laminardb.QueryError) as error:
        conn.execute(f"CREATE STREAM bad AS SELECT {call} AS a FROM t")
    assert error.value.code == 403
    assert "can't be kept over rows that may be retracted" in str(error.value)
    assert "use " in str(error.value)
