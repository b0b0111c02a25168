"""Subscriptions that go on behind an epoch: epoch= and QueryResult.epoch."""

from __future__ import annotations

import asyncio
import threading

import laminardb
import pytest


def changes(sub):
    rows = []
    while (delivery := sub.try_next()) is not None:
        rows += delivery.fetchall()
    return rows


@pytest.fixture
def db(tmp_path):
    with laminardb.open(str(tmp_path / "db")) as connection:
        connection.execute("CREATE SOURCE s (v BIGINT) WITH (retain_history = '1000 rows')")
        yield connection


def test_goes_on_after_reopening(tmp_path):
    folder = str(tmp_path / "db")
    with laminardb.open(folder) as db:
        db.execute("CREATE SOURCE s (v BIGINT); CREATE STREAM sums AS SELECT sum(v) AS s FROM s WITH (retain_history = '1mb')")
        sub = db.subscribe_stream("sums", changes=True, epoch=0)
        db.insert("s", {"v": 1})
        first = changes(sub)
        seen = sub.epoch
        db.insert("s", {"v": 2})
    with laminardb.open(folder) as db:
        db.insert("s", {"v": 4})
        with db.subscribe_stream("sums", changes=True, epoch=seen) as sub:
            assert sub.epoch == seen
            rest = changes(sub)
            assert sub.epoch > seen
        everything = changes(db.subscribe_stream("sums", changes=True, epoch=0))
    assert first[-1] == (1, 1)
    assert rest == [(1, -1), (3, 1), (3, -1), (7, 1)]
    assert everything == first + rest


def test_a_query_says_where_to_go_on(db):
    db.insert("s", {"v": [1, 2]})
    result = db.query("SELECT count(*) FROM s")
    db.insert("s", {"v": 3})
    assert changes(db.subscribe_stream("s", epoch=result.epoch)) == [(3,)]
    assert changes(db.subscribe(f"SUBSCRIBE s AS OF EPOCH {result.epoch} WHERE v > 0")) == [(3,)]
    assert changes(db.subscribe_stream("s", epoch=0, filter="v < $1", params=[3])) == [(1,), (2,)]


def test_async_and_callbacks(db):
    db.insert("s", {"v": [1, 2]})

    async def read():
        sub = await db.subscribe_stream_async("s", epoch=0)
        async for delivery in sub:
            assert sub.epoch == delivery.epoch > 0
            return delivery.fetchall()

    assert asyncio.run(asyncio.wait_for(read(), 30)) == [(1,), (2,)]
    seen: list[tuple[object, ...]] = []
    done = threading.Event()

    def on_data(delivery):
        seen.extend(delivery.fetchall())
        if len(seen) == 2:
            done.set()

    sub = db.subscribe_stream_callback("s", on_data, epoch=0)
    assert done.wait(60)
    sub.cancel()
    sub.wait()
    assert seen == [(1,), (2,)]


def test_refused(db):
    with pytest.raises(laminardb.SubscriptionError, match="has not been yet"):
        db.subscribe_stream("s", epoch=1000)
    db.execute("CREATE SOURCE plain (v BIGINT)")
    with pytest.raises(laminardb.SubscriptionError, match="keeps no history") as failure:
        db.subscribe_stream("plain", epoch=0)
    assert "retain_history" in failure.value.hint
    for bad in (-1, True, "1", 1.5):
        with pytest.raises(ValueError, match="epoch"):
            db.subscribe_stream("s", epoch=bad)
    with pytest.raises(ValueError, match="not both"):
        db.subscribe_stream("s", epoch=0, snapshot=True)
    with pytest.raises(OverflowError):
        db.subscribe_stream("s", epoch=2**70)
