"""Subscriptions: waiting, polling, iterating, callbacks, event loops; how they end; what a full queue does."""

import asyncio
import gc
import os
import select
import signal
import subprocess
import sys
import threading
import time

import laminardb
import pytest
from laminardb import LaminarError, QueryError, SchemaError, SubscriptionError

SOON_S = 5


@pytest.fixture
def feed(trades):
    trades.execute("CREATE STREAM dear AS SELECT sym, price FROM trades WHERE price > 10")
    return trades


def later(function, delay=0.05):
    timer = threading.Timer(delay, function)
    timer.start()
    return timer


def symbols(result):
    return [row[0] for row in result]


def test_every_way_of_reading(feed):
    sub = feed.subscribe_stream("dear")
    assert sub.is_active and repr(sub) == "StreamSubscription(active)" and sub.state == "active"
    assert sub.schema.names == ["sym", "price"]
    assert sub.try_next() is None
    feed.insert("trades", {"sym": "a", "price": 20.0})
    assert sub.try_next().fetchall() == [("a", 20.0)]
    assert sub.try_next() is None
    feed.insert("trades", {"sym": "b", "price": 20.0})
    assert symbols(sub.next()) == ["b"]
    feed.insert("trades", {"sym": "c", "price": 20.0})
    assert symbols(sub.next_timeout(1000)) == ["c"]
    feed.insert("trades", {"sym": "d", "price": 20.0})
    assert symbols(next(sub)) == ["d"]
    later(lambda: feed.insert("trades", {"sym": "e", "price": 20.0}))
    assert symbols(sub.next()) == ["e"], "waited for"
    feed.insert("trades", {"sym": "cheap", "price": 1.0})
    assert sub.try_next() is None


def test_timeout(feed):
    sub = feed.subscribe_stream("dear")
    began = time.monotonic()
    with pytest.raises(SubscriptionError, match="timeout") as info:
        sub.next_timeout(150)
    assert info.value.code == 502 and 0.1 < time.monotonic() - began < SOON_S
    with pytest.raises(SubscriptionError):
        sub.next_timeout(0)
    for bad, error in ((-1, ValueError), ("x", TypeError), (1.5, TypeError), (2**70, OverflowError)):
        with pytest.raises(error):
            sub.next_timeout(bad)
    assert sub.is_active


def test_cancel(feed):
    sub = feed.subscribe_stream("dear")
    feed.insert("trades", {"sym": "queued", "price": 20.0})
    sub.cancel()
    sub.cancel()
    assert not sub.is_active and repr(sub) == "StreamSubscription(cancelled)"
    assert sub.try_next() is None and sub.next() is None and sub.next_timeout(10) is None and list(sub) == []
    with pytest.raises(RuntimeError, match="cancelled"):
        sub.schema
    feed.insert("trades", {"sym": "after", "price": 20.0})


@pytest.mark.parametrize("end", ["cancel", "close", "shutdown", "drop"])
@pytest.mark.parametrize("wait", ["next", "iterate", "timeout"])
def test_what_ends_a_waiting_reader(feed, end, wait):
    sub = feed.subscribe_stream("dear")
    got = []

    def read():
        if wait == "iterate":
            got.append(list(sub))
        elif wait == "next":
            got.append(sub.next())
        else:
            got.append(sub.next_timeout(60_000))

    thread = threading.Thread(target=read)
    thread.start()
    time.sleep(0.05)
    {"cancel": sub.cancel, "close": feed.close, "shutdown": feed.shutdown, "drop": lambda: feed.execute("DROP STREAM dear")}[end]()
    thread.join(SOON_S)
    assert not thread.is_alive()
    assert got == [[] if wait == "iterate" else None]
    assert sub.state == ("cancelled" if end == "cancel" else "finished") and not sub.is_active


def test_rows_queued_before_the_end_are_read(feed):
    sub = feed.subscribe_stream("dear")
    feed.insert("trades", {"sym": "a", "price": 20.0})
    feed.shutdown()
    assert symbols(sub.next()) == ["a"]
    assert sub.next() is None


def test_every_subscriber_gets_everything(feed):
    subs = [feed.subscribe_stream("dear") for _ in range(5)]
    counts = [0] * len(subs)

    def read(i):
        for result in subs[i]:
            counts[i] += len(result)

    threads = [threading.Thread(target=read, args=(i,)) for i in range(len(subs))]
    for thread in threads:
        thread.start()
    for i in range(500):
        feed.insert("trades", {"sym": "x", "price": 11.0 + i})
    feed.shutdown()
    for thread in threads:
        thread.join(SOON_S)
    assert counts == [500] * len(subs)


def test_readers_of_one_subscription_take_turns(feed):
    sub = feed.subscribe_stream("dear")
    seen = []
    lock = threading.Lock()

    def read():
        while (result := sub.next()) is not None:
            with lock:
                seen.extend(row[1] for row in result)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(300):
        feed.insert("trades", {"sym": "x", "price": 11.0 + i})
    feed.shutdown()
    for thread in threads:
        thread.join(SOON_S)
    assert sorted(seen) == [11.0 + i for i in range(300)]


def test_query_gives_its_result_first_then_changes(trades):
    trades.insert("trades", [{"sym": "a", "qty": 1}, {"sym": "a", "qty": 2}])
    sub = trades.subscribe("SELECT sym, sum(qty) AS total FROM trades GROUP BY sym")
    assert repr(sub) == "Subscription(active)"
    assert sub.next_timeout(1000).fetchall() == [("a", 3)]
    trades.insert("trades", {"sym": "b", "qty": 5})
    assert sub.next_timeout(1000).fetchall() == [("b", 5)]
    assert sub.schema.names == ["sym", "total"]


def test_snapshot_then_changes_without_gap_or_overlap(feed):
    for i in range(100):
        feed.insert("trades", {"sym": "x", "price": 11.0 + i})
    stop = threading.Event()

    def insert():
        i = 100
        while not stop.is_set():
            feed.insert("trades", {"sym": "x", "price": 11.0 + i})
            i += 1

    thread = threading.Thread(target=insert)
    thread.start()
    time.sleep(0.02)
    sub = feed.subscribe_stream("dear", snapshot=True)
    time.sleep(0.02)
    stop.set()
    thread.join()
    seen = []
    while (result := sub.try_next()) is not None:
        seen += [row[1] for row in result]
    assert seen == [11.0 + i for i in range(len(seen))] and len(seen) == feed.query("SELECT count(*) FROM trades").fetchone()[0]


def test_changes_have_weights(trades):
    trades.execute("CREATE STREAM sums AS SELECT sym, sum(qty) AS total FROM trades GROUP BY sym")
    sub = trades.subscribe_stream("sums", changes=True)
    trades.insert("trades", {"sym": "a", "qty": 1})
    trades.insert("trades", {"sym": "a", "qty": 2})
    rows = []
    while (result := sub.try_next()) is not None:
        assert result.columns == ["sym", "total", "__weight"]
        rows += result.fetchall()
        event = laminardb.ChangeEvent(result)
        assert len(event) == len(result)
    assert rows == [("a", 1, 1), ("a", 1, -1), ("a", 3, 1)]


def test_filter(feed):
    sub = feed.subscribe_stream("trades", filter="qty > 5")
    feed.insert("trades", [{"qty": 3}, {"qty": 7}])
    assert [row[2] for row in sub.next_timeout(1000)] == [7]
    with pytest.raises(QueryError):
        feed.subscribe_stream("trades", filter="nope > 5")
    with pytest.raises(QueryError):
        feed.subscribe_stream("trades", filter="qty >")


def test_bad_subscriptions(feed):
    for name in ("nope", "", "\ud800"):
        with pytest.raises(SchemaError) as info:
            feed.subscribe_stream(name)
        assert info.value.code == 200
    with pytest.raises(QueryError):
        feed.subscribe("SELECT nope FROM trades")
    with pytest.raises(QueryError):
        feed.subscribe("SELEC 1")
    for bad, error in (({"policy": "nope"}, ValueError), ({"capacity": 0}, ValueError), ({"capacity": "x"}, ValueError), ({"nope": 1}, TypeError)):
        with pytest.raises(error):
            feed.subscribe_stream("dear", **bad)
    with pytest.raises(TypeError):
        feed.subscribe_stream(5)
    with pytest.raises(QueryError):
        feed.subscribe("SELECT sym FROM trades", snapshot=False)


def test_policy_drop_oldest(feed):
    sub = feed.subscribe_stream("dear", capacity=10, policy="drop_oldest")
    for i in range(50):
        feed.insert("trades", {"sym": "x", "price": 11.0 + i})
    seen = []
    while (result := sub.try_next()) is not None:
        seen += [row[1] for row in result]
    assert seen[-1] == 60.0 and len(seen) <= 10 and sub.dropped_rows == 50 - len(seen)


def test_policy_disconnect(feed):
    sub = feed.subscribe_stream("dear", capacity=10, policy="disconnect")
    for i in range(50):
        feed.insert("trades", {"sym": "x", "price": 11.0 + i})
    with pytest.raises(SubscriptionError) as info:
        while sub.next() is not None:
            pass
    assert info.value.code == 501 and not sub.is_active


def test_policy_block_never_hangs_an_insert(feed):
    sub = feed.subscribe_stream("dear", capacity=10)
    began = time.monotonic()
    with pytest.raises(LaminarError) as info:
        for i in range(50):
            feed.insert("trades", {"sym": "x", "price": 11.0 + i})
    assert info.value.code == 300 and time.monotonic() - began < 10
    while sub.try_next() is not None:
        pass
    assert feed.insert("trades", {"sym": "x", "price": 99.0}) == 1
    assert symbols(sub.next()) == ["x"]


def test_policy_block_waits_for_a_reader(feed):
    feed.execute("SET stall_timeout_ms = 20000")  # a busy machine may keep the reader from its processor for a while
    sub = feed.subscribe_stream("dear", capacity=10)
    seen = []

    def read():
        for result in sub:
            seen.extend(result)
            time.sleep(0.001)

    thread = threading.Thread(target=read)
    thread.start()
    for i in range(300):
        feed.insert("trades", {"sym": "x", "price": 11.0 + i})
    feed.shutdown()
    thread.join(SOON_S)
    assert len(seen) == 300


def test_descriptor_for_select(feed):
    sub = feed.subscribe_stream("dear")
    assert select.select([sub], [], [], 0)[0] == []
    feed.insert("trades", {"sym": "x", "price": 11.0})
    assert select.select([sub], [], [], SOON_S)[0] == [sub]
    assert sub.try_next() is not None
    assert select.select([sub], [], [], 0)[0] == []
    sub.cancel()
    assert select.select([sub], [], [], SOON_S)[0] == [sub], "the end is readable too"


def test_context_manager(feed):
    with feed.subscribe_stream("dear") as sub:
        assert sub.is_active
    assert not sub.is_active


def test_dropped_object_unsubscribes(feed):
    sub = feed.subscribe_stream("dear")
    assert feed.metrics().subscription_count == 1
    del sub
    gc.collect()
    assert feed.metrics().subscription_count == 0


def test_subscription_keeps_working_without_the_connection_object():
    db = laminardb.open(":memory:")
    db.execute("CREATE SOURCE t (a BIGINT)")
    sub = db.subscribe_stream("t")
    db.insert("t", {"a": 1})
    del db
    gc.collect()
    assert [row[0] for row in sub.next()] == [1]
    assert sub.next() is None


def test_signal_ends_a_wait(feed):
    sub = feed.subscribe_stream("dear")

    def raise_alarm(*_):
        raise TimeoutError("alarm")

    previous = signal.signal(signal.SIGALRM, raise_alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(TimeoutError, match="alarm"):
            sub.next()
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert sub.is_active
    feed.insert("trades", {"sym": "x", "price": 11.0})
    assert symbols(sub.next()) == ["x"]


# --- Callbacks -------------------------------------------------------------------------------------------------------------


def wait_for(condition):
    end = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_callback(feed):
    seen = []
    sub = feed.subscribe_stream_callback("dear", lambda result: seen.extend(symbols(result)))
    assert sub.is_active and repr(sub) == "CallbackSubscription(stream, active)"
    feed.insert("trades", {"sym": "a", "price": 20.0})
    feed.insert("trades", {"sym": "b", "price": 20.0})
    wait_for(lambda: seen == ["a", "b"])
    sub.cancel()
    sub.cancel()
    sub.wait()
    assert not sub.is_active and repr(sub) == "CallbackSubscription(stream, finished)"


def test_callback_of_a_query(trades):
    seen = []
    trades.insert("trades", {"sym": "first"})
    sub = trades.subscribe_callback("SELECT sym FROM trades", lambda result: seen.extend(symbols(result)))
    trades.insert("trades", {"sym": "second"})
    wait_for(lambda: seen == ["first", "second"])
    trades.close()
    sub.wait()
    assert not sub.is_active


def test_exception_in_a_callback_goes_to_on_error(feed):
    errors, seen = [], []

    def on_data(result):
        seen.append(symbols(result))
        raise ValueError("bad data")

    sub = feed.subscribe_stream_callback("dear", on_data, errors.append)
    feed.insert("trades", {"sym": "a", "price": 20.0})
    wait_for(lambda: len(errors) == 1)
    feed.insert("trades", {"sym": "b", "price": 20.0})
    wait_for(lambda: len(errors) == 2)
    assert "bad data" in errors[0] and isinstance(errors[0], str) and seen == [["a"], ["b"]]
    assert sub.is_active
    sub.cancel()
    sub.wait()


@pytest.mark.parametrize("on_error", [None, lambda text: 1 / 0])
def test_exception_without_on_error_ends_it(feed, on_error, capsys):
    sub = feed.subscribe_stream_callback("dear", lambda result: 1 / 0, on_error)
    feed.insert("trades", {"sym": "a", "price": 20.0})
    sub.wait()
    assert not sub.is_active
    assert ("ZeroDivisionError" in capsys.readouterr().err) == (on_error is None)


def test_failure_of_the_subscription_goes_to_on_error(feed):
    errors = []
    gate = threading.Event()
    sub = feed.subscribe_stream_callback("dear", lambda result: gate.wait(SOON_S), errors.append, capacity=2, policy="disconnect")
    for i in range(20):
        feed.insert("trades", {"sym": "x", "price": 11.0 + i})
    gate.set()
    sub.wait()
    assert len(errors) == 1 and "501" in errors[0]


def test_callback_may_use_the_connection_and_cancel(feed):
    done = threading.Event()
    subs = []

    def on_data(result):
        feed.insert("trades", {"sym": "cheap", "price": 1.0})
        subs[0].cancel()
        subs[0].wait()
        done.set()

    subs.append(feed.subscribe_stream_callback("dear", on_data))
    feed.insert("trades", {"sym": "a", "price": 20.0})
    assert done.wait(SOON_S)
    subs[0].wait()


def test_callbacks_must_be_callable(feed):
    with pytest.raises(TypeError):
        feed.subscribe_stream_callback("dear", 5)
    with pytest.raises(TypeError):
        feed.subscribe_callback("SELECT sym FROM trades", print, on_error=5)
    with pytest.raises(SchemaError):
        feed.subscribe_stream_callback("nope", print)


def run_script(code, timeout=30):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=timeout, env=os.environ)


def test_exit_with_live_subscriptions_is_clean():
    done = run_script("""
import threading, laminardb
db = laminardb.open(":memory:")
db.execute("CREATE SOURCE t (a BIGINT)")
callback = db.subscribe_stream_callback("t", lambda result: None)
sub = db.subscribe_stream("t")
threading.Thread(target=sub.next, daemon=True).start()
waiting = db.subscribe_stream("t")
db.insert("t", {"a": 1})
writer = db.writer("t")
writer.insert({"a": 2})
print("end")
""")
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


def test_ctrl_c_ends_a_wait():
    process = subprocess.Popen([sys.executable, "-c", """
import laminardb
db = laminardb.open(":memory:")
db.execute("CREATE SOURCE t (a BIGINT)")
print("ready", flush=True)
try:
    for result in db.subscribe_stream("t"):
        pass
except KeyboardInterrupt:
    print("interrupted")
"""], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=SOON_S)[0] == "interrupted\n"
    assert process.returncode == 0


# --- Event loops -------------------------------------------------------------------------------------------------------------


async def test_async_for(feed):
    sub = await feed.subscribe_stream_async("dear")
    assert repr(sub) == "AsyncStreamSubscription(active)" and sub.is_active and sub.schema.names == ["sym", "price"]

    async def insert():
        for i in range(20):
            feed.insert("trades", {"sym": str(i), "price": 20.0})
            await asyncio.sleep(0.001)
        sub.cancel()

    task = asyncio.create_task(insert())
    seen = []
    async for result in sub:
        seen += symbols(result)
    await task
    assert seen == [str(i) for i in range(20)]
    assert not sub.is_active and sub.try_next() is None
    sub.cancel()


async def test_async_query(trades):
    trades.insert("trades", {"sym": "first"})
    sub = await trades.subscribe_async("SELECT sym FROM trades")
    assert repr(sub) == "AsyncSubscription(active)"
    assert symbols(await anext(sub)) == ["first"]
    asyncio.get_running_loop().call_later(0.02, trades.insert, "trades", {"sym": "second"})
    assert symbols(await sub.next_async()) == ["second"]


async def test_async_wait_leaves_the_loop_alone(feed):
    sub = await feed.subscribe_stream_async("dear")
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticker = asyncio.create_task(tick())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await anext(sub)
    ticker.cancel()
    assert ticks > 3
    feed.insert("trades", {"sym": "a", "price": 20.0})
    assert symbols(await anext(sub)) == ["a"], "a wait that was given up loses nothing"


@pytest.mark.parametrize("end", ["close", "shutdown", "drop"])
async def test_async_for_ends(feed, end):
    sub = await feed.subscribe_stream_async("dear")
    timer = later({"close": feed.close, "shutdown": feed.shutdown, "drop": lambda: feed.execute("DROP STREAM dear")}[end])
    async with asyncio.timeout(SOON_S):
        assert [result async for result in sub] == []
    timer.join()


async def test_async_insert_from_a_thread(feed):
    sub = await feed.subscribe_stream_async("dear")

    def insert():
        for i in range(200):
            feed.insert("trades", {"sym": "x", "price": 11.0 + i})

    thread = threading.Thread(target=insert)
    thread.start()
    seen = 0
    async with asyncio.timeout(SOON_S):
        while seen < 200:
            seen += len(await anext(sub))
    thread.join()


async def test_two_tasks_on_one_subscription(feed):
    sub = await feed.subscribe_stream_async("dear")
    tasks = [asyncio.create_task(sub.next_async()) for _ in range(2)]
    await asyncio.sleep(0.02)
    feed.insert("trades", {"sym": "a", "price": 20.0})
    await asyncio.sleep(0.02)
    feed.insert("trades", {"sym": "b", "price": 20.0})
    results = await asyncio.wait_for(asyncio.gather(*tasks), SOON_S)
    assert sorted(symbol for result in results for symbol in symbols(result)) == ["a", "b"]


async def test_a_thousand_on_one_loop(feed):
    subs = [await feed.subscribe_stream_async("dear") for _ in range(1000)]
    threads = threading.active_count()

    async def read(sub):
        return [symbol async for result in sub for symbol in symbols(result)]

    tasks = [asyncio.create_task(read(sub)) for sub in subs]
    await asyncio.sleep(0)
    feed.insert("trades", {"sym": "a", "price": 20.0})
    feed.insert("trades", {"sym": "b", "price": 20.0})
    await asyncio.sleep(0.1)
    assert threading.active_count() == threads
    feed.shutdown()
    results = await asyncio.wait_for(asyncio.gather(*tasks), 30)
    assert results == [["a", "b"]] * 1000


async def test_async_with(trades):
    async with laminardb.open(":memory:") as db:
        db.execute("CREATE SOURCE t (a BIGINT)")
        async with await db.subscribe_stream_async("t") as sub:
            assert sub.is_active
        assert not sub.is_active
    assert db.is_closed
    with pytest.raises(SchemaError):
        await trades.subscribe_stream_async("nope")


def test_async_ones_work_without_a_loop(feed):
    sub = asyncio.run(feed.subscribe_stream_async("dear"))
    feed.insert("trades", {"sym": "a", "price": 20.0})
    assert symbols(sub.next()) == ["a"]
    with pytest.raises(SubscriptionError):
        sub.next_timeout(10)


def test_before_start_the_contents_come_first(feed):
    feed.insert("trades", {"sym": "early", "price": 20.0})
    assert symbols(feed.subscribe_stream("dear").next_timeout(1000)) == ["early"]
    feed.start()
    assert feed.subscribe_stream("dear").try_next() is None
    assert symbols(feed.subscribe_stream("dear", snapshot=True).next_timeout(1000)) == ["early"]
