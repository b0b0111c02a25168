"""Subscriptions in event loops, asyncio's and uvloop's: many of them, no thread, no polling, cancelled and timed out by asyncio's own means."""

import asyncio
import gc
import os
import threading
import time

import laminardb
import pytest
from laminardb import ConnectionError, LaminarError, QueryError

LOOPS = ["asyncio", "uvloop"]
SOON_S = 20


def run(loop, main):
    if loop == "uvloop":
        uvloop = pytest.importorskip("uvloop")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(asyncio.wait_for(main, SOON_S))
    return asyncio.run(asyncio.wait_for(main, SOON_S))


@pytest.fixture(params=LOOPS)
def loop(request):
    return request.param


@pytest.fixture
def feed(db):
    db.execute("CREATE SOURCE t (k BIGINT, v BIGINT)")
    db.execute("CREATE STREAM even AS SELECT k, v FROM t WHERE v % 2 = 0")
    db.start()
    return db


def n_threads():
    return len(os.listdir("/proc/self/task"))


def test_a_thousand_subscriptions(feed, loop):
    async def reader(sub, got):
        async for result in sub:
            got.append(result.fetchall())
            if got[-1][-1][1] == 4:
                return

    async def main():
        before = n_threads()
        subs = [await feed.subscribe_stream_async("even" if i % 2 else "t") for i in range(1000)]
        got = [[] for _ in subs]
        tasks = [asyncio.create_task(reader(sub, rows)) for sub, rows in zip(subs, got, strict=True)]
        await asyncio.sleep(0)
        # Not more: a thread that an earlier test left behind may end meanwhile.
        assert n_threads() <= before, "a subscription has no thread"
        feed.insert("t", {"k": 1, "v": 2})
        await asyncio.sleep(0.05)
        feed.insert("t", [{"k": 1, "v": 3}, {"k": 1, "v": 4}])
        await asyncio.gather(*tasks)
        assert all([row for rows in each for row in rows] == [(1, 2), *([] if i % 2 else [(1, 3)]), (1, 4)] for i, each in enumerate(got))
        assert feed.metrics().subscription_count == 1000
        for sub in subs:
            sub.cancel()
        del subs, tasks, sub
        gc.collect()
        assert feed.metrics().subscription_count == 0

    run(loop, main())


def test_waiting_costs_nothing(feed, loop):
    async def main():
        subs = [await feed.subscribe_stream_async("even") for _ in range(100)]
        tasks = [asyncio.create_task(sub.next_async()) for sub in subs]
        await asyncio.sleep(0.05)
        began = time.process_time()
        await asyncio.sleep(0.5)
        used = time.process_time() - began
        assert used < 0.1, f"{used} s of processor time in half a second of waiting"
        feed.insert("t", {"k": 1, "v": 2})
        assert [len(result) for result in await asyncio.gather(*tasks)] == [1] * 100

    run(loop, main())


def test_the_loop_goes_on_meanwhile(feed, loop):
    async def main():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.005)
                ticks += 1

        ticking = asyncio.create_task(tick())
        sub = await feed.subscribe_stream_async("even")
        timer = threading.Timer(0.2, feed.insert, ("t", {"k": 1, "v": 2}))
        timer.start()
        assert (await sub.next_async()).fetchall() == [(1, 2)]
        ticking.cancel()
        timer.join()
        assert ticks > 3

    run(loop, main())


def test_time_outs_and_cancelled_tasks(feed, loop):
    async def main():
        sub = await feed.subscribe_stream_async("even")
        for _ in range(3):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(sub.next_async(), 0.02)
        async with asyncio.timeout(5):
            task = asyncio.create_task(sub.next_async())
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        feed.insert("t", {"k": 1, "v": 2})  # nothing of it was lost by those who gave up
        assert (await sub.next_async()).fetchall() == [(1, 2)]
        assert sub.is_active

    run(loop, main())


def test_several_tasks_share_one(feed, loop):
    async def main():
        sub = await feed.subscribe_stream_async("even")
        tasks = [asyncio.create_task(sub.next_async()) for _ in range(3)]
        for v in (2, 4, 6):
            await asyncio.sleep(0.01)
            feed.insert("t", {"k": 0, "v": v})
        got = [row for result in await asyncio.gather(*tasks) for row in result]
        assert sorted(v for _, v in got) == [2, 4, 6]

    run(loop, main())


@pytest.mark.parametrize("end", ["cancel", "close", "shutdown", "drop", "cancel_query"])
@pytest.mark.parametrize("where", ["loop", "thread"])
def test_ends(feed, loop, end, where):
    async def main():
        sub = await feed.subscribe_stream_async("even")

        def finish():
            if end == "cancel":
                sub.cancel()
            elif end == "drop":
                feed.execute("DROP STREAM even")
            elif end == "cancel_query":
                feed.cancel_query(next(query.id for query in feed.queries() if query.active and query.sql == "even"))
            else:
                getattr(feed, end)()

        if where == "thread":
            timer = threading.Timer(0.05, finish)
            timer.start()
        else:
            asyncio.get_running_loop().call_later(0.05, finish)
        async for _ in sub:
            pass
        assert not sub.is_active and await sub.next_async() is None
        assert repr(sub) in ("AsyncStreamSubscription(cancelled)", "AsyncStreamSubscription(finished)")

    run(loop, main())


def test_async_with(feed, loop):
    async def main():
        async with await feed.subscribe_async("SELECT sum(v) FROM t") as sub:
            assert repr(sub) == "AsyncSubscription(active)"
            feed.insert("t", {"k": 1, "v": 2})
            async for result in sub:
                if result.fetchall()[-1] == (2,):
                    break
        assert sub.state == "cancelled"
        async with laminardb.open(":memory:") as other:
            other.execute("CREATE SOURCE t (a BIGINT)")
        with pytest.raises(ConnectionError):
            await other.subscribe_stream_async("t")
        with pytest.raises(QueryError):
            await feed.subscribe_async("SELECT nope FROM t")

    run(loop, main())


def test_a_failure_reaches_the_loop(feed, loop):
    async def main():
        feed.execute("CREATE STREAM bad AS SELECT 1 / v AS x FROM t")
        sub = await feed.subscribe_stream_async("bad")
        feed.insert("t", {"k": 1, "v": 0})
        with pytest.raises(LaminarError):
            async for _ in sub:
                pass

    run(loop, main())


def test_a_subscription_of_another_loop(feed):
    """Each wait is in the loop that runs it: a subscription outlives loops."""
    sub = asyncio.run(feed.subscribe_stream_async("even"))
    for v in (2, 4):
        feed.insert("t", {"k": 1, "v": v})
        assert asyncio.run(sub.next_async()).fetchall() == [(1, v)]


def test_descriptors_are_given_back(feed):
    async def main():
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(50):
            async with await feed.subscribe_stream_async("even") as sub:
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(sub.next_async(), 0.001)
            del sub
        gc.collect()
        assert len(os.listdir("/proc/self/fd")) <= before + 1

    asyncio.run(main())
