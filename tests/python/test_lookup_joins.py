"""Lookup joins: rows meet the table as it is when they come; FOR SYSTEM_TIME AS OF a time takes the version of that time."""

import datetime as dt

import laminardb
import pytest
from laminardb import LaminarError, QueryError, SchemaError

SECOND = dt.timedelta(seconds=1)
START = dt.datetime(2026, 1, 1)


@pytest.fixture
def db():
    with laminardb.open(":memory:") as conn:
        conn.execute("CREATE SOURCE orders (id BIGINT, item BIGINT)")
        conn.execute("CREATE SOURCE changing (id BIGINT PRIMARY KEY, item BIGINT)")
        yield conn


def contents(db, name="priced"):
    return sorted(db.query(f"SELECT * FROM {name}").fetchall(), key=repr)


@pytest.mark.parametrize("table, version", [("LOOKUP TABLE", ""), ("TABLE", "FOR SYSTEM_TIME AS OF PROCTIME() ")])
def test_later_changes_of_the_table_leave_results_alone(db, table, version):
    db.execute(f"CREATE {table} items (item BIGINT PRIMARY KEY, price BIGINT)")
    db.execute(f"CREATE STREAM priced AS SELECT o.id, i.price FROM orders o LEFT JOIN items {version}AS i ON o.item = i.item")
    sub = db.subscribe("priced", changes=True)
    db.insert("orders", [{"id": 1, "item": 7}])
    db.execute("INSERT INTO items VALUES (7, 100)")
    db.insert("orders", [{"id": 2, "item": 7}])
    db.execute("INSERT INTO items VALUES (7, 200)")
    db.insert("orders", [{"id": 3, "item": 7}, {"id": 4, "item": 8}])
    db.execute("DELETE FROM items WHERE item = 7")
    db.insert("orders", [{"id": 5, "item": 7}])
    wanted = [(1, None), (2, 100), (3, 200), (4, None), (5, None)]
    assert contents(db) == wanted
    seen = []
    while (result := sub.try_next()) is not None:
        seen += result.fetchall()
    assert sorted(seen, key=repr) == [(*row, 1) for row in wanted]  # nothing is ever taken back
    # A new query over the same rows asks the table as it is now.
    assert {price for _, price in db.query(f"SELECT o.id, i.price FROM orders o LEFT JOIN items {version}AS i ON o.item = i.item").fetchall()} == {None}


def test_a_table_is_followed_where_it_is_no_lookup_table(db):
    db.execute("CREATE TABLE items (item BIGINT PRIMARY KEY, price BIGINT)")
    db.execute("CREATE STREAM priced AS SELECT o.id, i.price FROM orders o LEFT JOIN items i ON o.item = i.item")
    db.insert("orders", [{"id": 1, "item": 7}])
    db.execute("INSERT INTO items VALUES (7, 100)")
    assert contents(db) == [(1, 100)]


@pytest.mark.parametrize("text, error, words", [
    ("SELECT * FROM changing c JOIN items i ON c.item = i.item", QueryError, "may be taken back"),
    ("SELECT o.id, i.price FROM items i LEFT JOIN orders o ON o.item = i.item", QueryError, "of a lookup table"),
    ("SELECT o.id, i.price FROM items i FULL JOIN orders o ON o.item = i.item", QueryError, "of a lookup table"),
    ("SELECT a.id FROM orders a JOIN orders FOR SYSTEM_TIME AS OF PROCTIME() AS b ON a.id = b.id", QueryError, "has no key"),
    ("SELECT a.id FROM orders a JOIN changing FOR SYSTEM_TIME AS OF a.id AS b ON a.id = b.id", QueryError, "has no event time"),
    ("SELECT a.id FROM orders a FULL JOIN changing FOR SYSTEM_TIME AS OF PROCTIME() AS b ON a.id = b.id", QueryError, "INNER or LEFT"),
    ("SELECT a.id FROM orders a JOIN changing FOR SYSTEM_TIME AS OF PROCTIME() AS b ON a.id > b.id", QueryError, "needs an equality"),
    ("SELECT * FROM changing FOR SYSTEM_TIME AS OF PROCTIME()", QueryError, "without a join"),
])
def test_what_can_not_be_is_refused(db, text, error, words):
    db.execute("CREATE LOOKUP TABLE items (item BIGINT PRIMARY KEY, price BIGINT)")
    with pytest.raises(error, match=words):
        db.execute(f"CREATE STREAM z AS {text}")


def test_lookup_tables_live_in_the_process(db):
    db.execute("CREATE LOOKUP TABLE a (k BIGINT, v BIGINT, PRIMARY KEY (k)) WITH (connector = 'memory')")
    db.execute("DROP LOOKUP TABLE a")
    with pytest.raises(LaminarError, match="connector \"postgres\" are not available"):
        db.execute("CREATE LOOKUP TABLE a (k BIGINT PRIMARY KEY) WITH (connector = 'postgres')")
    with pytest.raises(SchemaError, match="no PRIMARY KEY"):
        db.execute("CREATE LOOKUP TABLE a (k BIGINT)")


def test_versions_are_corrected_when_they_come_late(db):
    db.execute("CREATE SOURCE trades (id BIGINT, cur VARCHAR, ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE)")
    db.execute("CREATE SOURCE rates (cur VARCHAR, rate DOUBLE, since TIMESTAMP, PRIMARY KEY (cur, since), WATERMARK FOR since AS since - INTERVAL '1' MINUTE)")
    db.execute("CREATE STREAM priced AS SELECT t.id, r.rate FROM trades t LEFT JOIN rates FOR SYSTEM_TIME AS OF t.ts AS r ON t.cur = r.cur")
    db.insert("rates", [{"cur": "EUR", "rate": 1.0, "since": START}])
    db.insert("trades", [{"id": 1, "cur": "EUR", "ts": START + 5 * SECOND}, {"id": 2, "cur": "EUR", "ts": START - SECOND}])
    assert contents(db) == [(1, 1.0), (2, None)]
    db.insert("rates", [{"cur": "EUR", "rate": 3.0, "since": START + 9 * SECOND}])
    assert contents(db) == [(1, 1.0), (2, None)]
    db.insert("rates", [{"cur": "EUR", "rate": 2.0, "since": START + 4 * SECOND}])
    assert contents(db) == [(1, 2.0), (2, None)]
    db.insert("rates", [{"cur": "EUR", "rate": 2.5, "since": START + 4 * SECOND}])  # that version, put right
    assert contents(db) == [(1, 2.5), (2, None)]
    db.execute("DELETE FROM rates WHERE rate = 2.5")
    assert contents(db) == [(1, 1.0), (2, None)]


def test_versions_need_a_relation_that_keeps_them(db):
    db.execute("CREATE SOURCE rates (cur BIGINT PRIMARY KEY, since TIMESTAMP, WATERMARK FOR since)")
    with pytest.raises(QueryError, match="versions before it are gone"):
        db.execute("CREATE STREAM z AS SELECT a.id FROM orders a JOIN rates FOR SYSTEM_TIME AS OF TIMESTAMP '2026-01-01' + a.id * INTERVAL '1' SECOND AS r ON a.item = r.cur")


def test_probes_see_the_row_of_each_offset(db):
    db.execute("CREATE SOURCE t (id BIGINT, k BIGINT, t_ts TIMESTAMP)")
    db.execute("CREATE SOURCE r (k BIGINT, price BIGINT, r_ts TIMESTAMP)")
    db.execute("CREATE STREAM z AS SELECT t.id, p.offset_ms, r.price FROM t TEMPORAL PROBE JOIN r ON (k) TIMESTAMPS (t_ts, r_ts) RANGE FROM 0s TO 10s STEP 5s AS p")
    db.insert("t", [{"id": 1, "k": 1, "t_ts": START}])
    assert contents(db, "z") == [(1, 0, None), (1, 10000, None), (1, 5000, None)]
    db.insert("r", [{"k": 1, "price": 10, "r_ts": START - SECOND}, {"k": 1, "price": 20, "r_ts": START + 5 * SECOND}, {"k": 2, "price": 99, "r_ts": START}])
    assert contents(db, "z") == [(1, 0, 10), (1, 10000, 20), (1, 5000, 20)]
    db.insert("r", [{"k": 1, "price": 30, "r_ts": START + 6 * SECOND}])
    assert contents(db, "z") == [(1, 0, 10), (1, 10000, 30), (1, 5000, 20)]
    columns = [c for c in db.query("SELECT * FROM t TEMPORAL PROBE JOIN r ON (k) TIMESTAMPS (t_ts, r_ts) LIST (1s) AS p").columns]
    assert columns == ["id", "k", "t_ts", "offset_ms", "price", "r_ts"]


@pytest.mark.parametrize("words, message", [
    ("RANGE FROM 0s TO 10s STEP 0s", "STEP must be positive"), ("RANGE FROM 5s TO 1s STEP 1s", "ends before it begins"),
    ("RANGE FROM 0s TO 100000s STEP 1s", "at most 10000 offsets"), ("LIST (1us)", "whole milliseconds"),
])
def test_wrong_offsets_are_refused(db, words, message):
    db.execute("CREATE SOURCE t (id BIGINT, k BIGINT, t_ts TIMESTAMP)")
    db.execute("CREATE SOURCE r (k BIGINT, price BIGINT, r_ts TIMESTAMP)")
    with pytest.raises(LaminarError, match=message):
        db.execute(f"CREATE STREAM z AS SELECT t.id FROM t TEMPORAL PROBE JOIN r ON (k) TIMESTAMPS (t_ts, r_ts) {words} AS p")
