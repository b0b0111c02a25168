"""Transactions: several inserts in one step, or none."""

import threading

import laminardb
import pytest
from laminardb import ConnectionError, IngestionError, SchemaError


@pytest.fixture
def shop(db):
    db.execute("CREATE TABLE orders (id BIGINT PRIMARY KEY, who VARCHAR NOT NULL)")
    db.execute("CREATE SOURCE lines (id BIGINT, amount BIGINT DEFAULT 1)")
    db.execute("CREATE STREAM sums AS SELECT o.who, sum(l.amount) AS amount FROM orders o JOIN lines l ON o.id = l.id GROUP BY o.who")
    return db


def counts(db):
    return db.query("SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM lines)").fetchone()


def test_all_in_one_step(shop):
    sub = shop.subscribe_stream("sums")
    cycles = shop.metrics().total_cycles
    with shop.transaction() as tx:
        assert tx.is_active and repr(tx) == "Transaction(active)"
        tx.insert("orders", {"id": 1, "who": "a"})
        tx.insert("lines", [{"id": 1, "amount": 2}, {"id": 1}])
        tx.insert("lines", {"id": [1, 1], "amount": [10, 20]})
        assert counts(shop) == (0, 0) and sub.try_next() is None
    assert not tx.is_active and repr(tx) == "Transaction(committed)"
    assert shop.metrics().total_cycles == cycles + 1
    assert sub.next_timeout(5000).fetchall() == [("a", 33)] and sub.try_next() is None
    assert counts(shop) == (1, 4)


def test_an_exception_rolls_back(shop):
    with pytest.raises(ZeroDivisionError):
        with shop.transaction() as tx:
            tx.insert("orders", {"id": 1, "who": "a"})
            1 / 0
    assert repr(tx) == "Transaction(rolled back)" and counts(shop) == (0, 0)
    tx.rollback()
    for use in (lambda: tx.insert("orders", {"id": 1, "who": "a"}), tx.commit, tx.__enter__):
        with pytest.raises(IngestionError) as info:
            use()
        assert info.value.code == 301


def test_text_takes_part(shop):
    """JSON and CSV go in with the rest, with their defaults; what is refused takes its call only."""
    with shop.transaction() as tx:
        tx.insert_json("orders", '{"id": 1, "who": "a"}\n{"id": 2, "who": "b"}')
        tx.insert("lines", {"id": 1, "amount": 5})
        tx.insert_csv("lines", b"amount,id\n7,1\n,2\n")
        tx.insert_json("lines", '[{"id": 2}, {"id": 2, "amount": null}]')
        refused = [(tx.insert_json, "orders", '[{"id": 3}]', 302), (tx.insert_json, "orders", '[{"id": 3, "who": "c"}, {"id": "x"}]', 302),
                   (tx.insert_json, "orders", "[", 300), (tx.insert_csv, "orders", "id,nope\n1,2\n", 302), (tx.insert_csv, "nope", "id\n1\n", 200)]
        for call, table, text, code in refused:
            with pytest.raises(laminardb.LaminarError) as info:
                call(table, text)
            assert info.value.code == code, (text, info.value)
        for call in (tx.insert_json, tx.insert_csv):
            with pytest.raises(TypeError, match="str or bytes"):
                call("orders", 5)
        assert counts(shop) == (0, 0)
    assert shop.query("SELECT * FROM orders ORDER BY id").fetchall() == [(1, "a"), (2, "b")]
    assert sorted(shop.query("SELECT * FROM lines").fetchall(), key=str) == [(1, 5), (1, 7), (2, 1), (2, None), (2, None)]
    for call in (tx.insert_json, tx.insert_csv):
        with pytest.raises(IngestionError) as info:
            call("orders", "id,who\n9,x\n")
        assert info.value.code == 301


def test_writers_take_text(shop):
    with shop.writer("lines") as writer:
        writer.insert_json('{"id": 1}')
        writer.insert_csv("id,amount\n2,20\n")
        writer.insert({"id": 3, "amount": 30})
        with pytest.raises(IngestionError):
            writer.insert_csv("id,amount\n4,40\n5,x\n")
        assert counts(shop) == (0, 0)
        assert writer.flush() == 3
        writer.insert_csv("id\n" + "6\n" * 20_000)
        assert counts(shop)[1] == 20_003, "as many rows are not kept back"
    assert shop.query("SELECT * FROM lines WHERE id < 6 ORDER BY id").fetchall() == [(1, 1), (2, 20), (3, 30)]
    with pytest.raises(IngestionError) as info:
        writer.insert_json("[]")
    assert info.value.code == 301


def test_a_refused_row_takes_its_call_only(shop):
    with shop.transaction() as tx:
        tx.insert("orders", {"id": 1, "who": "a"})
        with pytest.raises(IngestionError):
            tx.insert("orders", [{"id": 2, "who": "b"}, {"id": "x", "who": "c"}])
        with pytest.raises(IngestionError):
            tx.insert("orders", {"id": 3})
        for name in ("nope", 5):
            with pytest.raises((SchemaError, TypeError)):
                tx.insert(name, {"id": 3})
        tx.insert("orders", {"id": 4, "who": "d"})
        assert tx.commit() == 2
    assert shop.query("SELECT id FROM orders ORDER BY id").fetchall() == [(1,), (4,)]


def test_more_rows_than_a_writer_holds(shop):
    with shop.transaction() as tx:
        for start in range(0, 30_000, 10_000):
            tx.insert("lines", {"id": list(range(start, start + 10_000))})
        assert counts(shop) == (0, 0)
    assert counts(shop) == (0, 30_000)


def test_a_commit_that_fails_inserts_nothing(shop):
    tx = shop.transaction()
    tx.insert("lines", {"id": 1})
    tx.insert("orders", {"id": 1, "who": "a"})
    shop.execute("DROP STREAM sums")
    shop.execute("DROP TABLE orders")
    with pytest.raises(SchemaError) as info:
        tx.commit()
    assert info.value.code == 200 and repr(tx) == "Transaction(rolled back)"
    assert shop.query("SELECT count(*) FROM lines").fetchone() == (0,)
    empty = shop.transaction()
    assert empty.commit() == 0


def test_closed(shop):
    tx = shop.transaction()
    tx.insert("lines", {"id": 1})
    shop.close()
    for use in (tx.commit, shop.transaction, lambda: laminardb.open(":memory:").close() or shop.transaction()):
        with pytest.raises(ConnectionError) as info:
            use()
        assert info.value.code == 101


def test_shared_by_threads(shop):
    tx = shop.transaction()
    threads = [threading.Thread(target=lambda: [tx.insert("lines", {"id": i}) for i in range(100)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tx.commit() == 400 and counts(shop) == (0, 400)
