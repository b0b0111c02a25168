"""Parameters ($1, ?, :name) in every method that takes SQL: bound, never pasted."""

import asyncio
import datetime as dt

import pytest
from laminardb import QueryError, SchemaError

QUOTE = "x' OR 'a' = 'a"


def rows(sub):
    got = []
    while (result := sub.try_next()) is not None:
        got += result.fetchall()
    return got


@pytest.fixture
def feed(trades):
    trades.execute("CREATE STREAM Dear AS SELECT sym, price FROM trades WHERE price > 10")
    trades.insert("trades", [{"sym": "A", "price": 11.0}, {"sym": "B", "price": 22.0}, {"sym": QUOTE, "price": 33.0}])
    trades.start()
    return trades


@pytest.mark.parametrize(("text", "params"), [("sym = $1", ["B"]), ("sym = ?", ("B",)), ("sym = :s", {"s": "B"}), ("sym = $1 AND price > $2", ["B", 5])])
def test_subscribe_by_every_kind(feed, text, params):
    sub = feed.subscribe(f"SELECT sym, price FROM trades WHERE {text}", params=params)
    assert rows(sub) == [("B", 22.0)]
    feed.insert("trades", [{"sym": "B", "price": 23.0}, {"sym": "C", "price": 1.0}])
    assert rows(sub) == [("B", 23.0)]


def test_subscribe_copies_the_values(feed):
    params = ["B"]
    sub = feed.subscribe("SELECT sym, $1 || '!' AS mark FROM trades WHERE sym = $1", params=params)
    params[0] = "A"
    del params
    feed.insert("trades", {"sym": "B"})
    assert rows(sub) == [("B", "B!"), ("B", "B!")]


def test_a_value_is_never_part_of_the_text(feed):
    assert rows(feed.subscribe("SELECT sym FROM trades WHERE sym = $1", params=[QUOTE])) == [(QUOTE,)]
    assert feed.query_stream("dear", "sym = ?", [QUOTE]).fetchall() == [(QUOTE, 33.0)]
    sub = feed.subscribe_stream("dear", filter="sym = :s", params={"s": QUOTE}, snapshot=True)
    assert rows(sub) == [(QUOTE, 33.0)]


def test_filters_of_streams(feed):
    for name in ("Dear", "dear"):
        sub = feed.subscribe_stream(name, filter="price > $1", params=[20])
        assert repr(sub) == "StreamSubscription(active)"
        feed.insert("trades", [{"sym": "C", "price": 15.0}, {"sym": "D", "price": 25.0}])
        assert rows(sub) == [("D", 25.0)]
        assert len(feed.query_stream(name, "price > $1 AND sym <> $2", [24, "E"])) >= 2
    sub = feed.subscribe_stream("dear", filter="price > :low AND price < :high", params={"high": 30, "low": 20}, changes=True)
    feed.insert("trades", [{"sym": "F", "price": 25.0}, {"sym": "G", "price": 31.0}])
    assert rows(sub) == [("F", 25.0, 1)]


def test_callbacks_and_coroutines(feed):
    got = []
    sub = feed.subscribe_callback("SELECT sym FROM trades WHERE sym = $1", got.extend, params=["A"])
    stream = feed.subscribe_stream_callback("dear", got.extend, filter="sym = $1", params=["Z"])
    feed.insert("trades", {"sym": "Z", "price": 99.0})
    feed.shutdown()
    sub.wait(5)
    stream.wait(5)
    assert sorted(got) == [("A",), ("Z", 99.0)]


async def test_async(feed):
    sub = await feed.subscribe_async("SELECT sym FROM trades WHERE price > ?", params=[30])
    assert (await asyncio.wait_for(sub.next_async(), 5)).fetchall() == [(QUOTE,)]
    async with await feed.subscribe_stream_async("dear", filter="sym = $1", params=["Y"]) as stream:
        feed.insert("trades", {"sym": "Y", "price": 70.0})
        assert (await asyncio.wait_for(stream.next_async(), 5)).fetchall() == [("Y", 70.0)]


def test_explain_and_stream(feed):
    assert "41" in feed.explain("SELECT sym FROM trades WHERE price > $1", [41])
    assert next(feed.stream("SELECT sym FROM trades WHERE sym = :s", {"s": "A"})).fetchall() == [("A",)]


@pytest.mark.parametrize("params", [[], [1, 2], {"nope": 1}, [object()]])
def test_wrong_values_are_refused(feed, params):
    for call in (lambda: feed.subscribe("SELECT sym FROM trades WHERE price > $1", params=params),
                 lambda: feed.subscribe_stream("dear", filter="price > $1", params=params),
                 lambda: feed.explain("SELECT sym FROM trades WHERE price > $1", params),
                 lambda: feed.query_stream("dear", "price > $1", params)):
        with pytest.raises(QueryError) as info:
            call()
        assert info.value.code == 400
    assert feed.active_query_count == 0


def test_errors_name_what_is_wrong(feed):
    with pytest.raises(TypeError, match="filter"):
        feed.subscribe_stream("dear", params=[1])
    with pytest.raises(TypeError, match="filter"):
        feed.query_stream("dear", params=[1])
    with pytest.raises(SchemaError) as info:
        feed.subscribe_stream("nope", filter="a = $1", params=[1])
    assert info.value.code == 200
    with pytest.raises(QueryError) as info:
        feed.subscribe("SELECT nope FROM trades WHERE sym = $1", params=["A"])
    assert info.value.position == (1, 8)
    with pytest.raises(QueryError) as info:
        feed.subscribe("SELECT sym FROM trades WHERE qty > $1", params=[dt.date(2024, 1, 1)])
    assert info.value.code == 400
