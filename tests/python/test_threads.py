"""Many threads on one connection, close while others work, fork, sub-interpreters."""

import os
import subprocess
import sys
import threading
import time

import laminardb
import pytest
from laminardb import LaminarError


def run(targets, timeout=30):
    failures = []

    def guarded(target):
        try:
            target()
        except BaseException as error:  # the thread's failure is the test's
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(target,)) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    return failures


def test_inserts_from_many_threads(trades):
    def work():
        for i in range(300):
            trades.insert("trades", {"sym": "x", "qty": i})
            trades.insert("trades", [{"sym": "y", "qty": i}] * 3)

    assert run([work] * 6) == []
    assert trades.query("SELECT count(*) FROM trades").fetchone() == (6 * 300 * 4,)


def test_everything_at_once(trades):
    """Inserts, queries, subscriptions, DDL, metrics and refused calls side by side."""
    stop = threading.Event()

    def inserts():
        i = 0
        while not stop.is_set():
            trades.insert("trades", {"sym": f"s{i % 5}", "price": float(i), "qty": i})
            i += 1

    def queries():
        while not stop.is_set():
            assert len(trades.query("SELECT sym, count(*) FROM trades GROUP BY sym").fetchall()) <= 5

    def subscriptions():
        while not stop.is_set():
            with trades.subscribe_stream("trades", policy="drop_oldest") as sub:
                try:
                    sub.next_timeout(20)
                except laminardb.SubscriptionError:
                    pass

    def ddl():
        i = 0
        while not stop.is_set():
            trades.execute(f"CREATE STREAM st{i} AS SELECT sym, sum(qty) AS q FROM trades GROUP BY sym")
            trades.query_stream(f"st{i}")
            trades.execute(f"DROP STREAM st{i}")
            i += 1

    def refused():
        while not stop.is_set():
            for call in (lambda: trades.insert("trades", {"qty": "x"}), lambda: trades.query("SELECT nope FROM trades"), lambda: trades.schema("nope")):
                with pytest.raises(LaminarError):
                    call()
            trades.metrics()

    timer = threading.Timer(1.5, stop.set)
    timer.start()
    assert run([inserts, inserts, queries, subscriptions, ddl, refused]) == []
    timer.join()


def test_close_while_others_work():
    for _ in range(10):
        db = laminardb.open(":memory:")
        db.execute("CREATE SOURCE t (a BIGINT)")
        started = threading.Barrier(6)

        def work(use):
            started.wait()
            try:
                while True:
                    use()
            except LaminarError as error:
                assert error.code in (101, 901), error

        def read(db=db):
            sub = db.subscribe_stream("t", policy="drop_oldest")
            started.wait()
            for _ in sub:
                pass

        def close(db=db):
            started.wait()
            time.sleep(0.01)
            db.close()

        writer = db.writer("t")

        def write(writer=writer):
            writer.insert({"a": 1})
            writer.flush()

        assert run([lambda: work(lambda: db.insert("t", {"a": 1})), lambda: work(lambda: db.query("SELECT count(*) FROM t").fetchall()),
                    lambda: work(lambda: db.metrics()), lambda: work(write), read, close]) == []


def test_objects_dropped_in_other_threads(trades):
    def work():
        for _ in range(100):
            sub = trades.subscribe_stream("trades")
            thread = threading.Thread(target=sub.next)
            thread.start()
            sub.cancel()
            del sub
            thread.join()

    assert run([work] * 3) == []


def script(code, timeout=60):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=timeout, env=os.environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_fork_is_refused_in_the_child_and_harmless_to_the_parent():
    out = script("""
import os, laminardb
db = laminardb.open(":memory:")
db.execute("CREATE SOURCE t (a BIGINT)")
sub = db.subscribe_stream("t")
writer = db.writer("t")
db.insert("t", {"a": 1})
pid = os.fork()
if pid == 0:
    codes = []
    for use in (lambda: db.insert("t", {"a": 1}), lambda: db.query("SELECT 1"), lambda: sub.next(), lambda: sub.cancel(), lambda: writer.insert({"a": 1}),
                lambda: db.metrics(), lambda: db.close(), lambda: sub.fileno()):
        try:
            use()
            codes.append(None)
        except laminardb.ConnectionError as error:
            codes.append(error.code)
    with laminardb.open(":memory:") as mine:
        codes.append(mine.query("SELECT 1").fetchone()[0])
    codes.append(laminardb.sql("SELECT 2").fetchone()[0])
    print(codes, flush=True)
    os._exit(0)
os.waitpid(pid, 0)
print(db.query("SELECT a FROM t").fetchall(), len(sub.next()))
""")
    assert out.splitlines() == [str([100] * 8 + [1, 2]), "[(1,)] 1"]


def test_fork_then_ordinary_exit_of_the_child():
    out = script("""
import os, sys, laminardb
db = laminardb.open(":memory:")
db.execute("CREATE SOURCE t (a BIGINT)")
sub = db.subscribe_stream("t")
callback = db.subscribe_stream_callback("t", print)
pid = os.fork()
if pid == 0:
    sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""")
    assert out == "7\n"


def test_stress():
    """The program that scripts/freethreaded runs without the GIL."""
    program = os.path.join(os.path.dirname(__file__), "thread_stress.py")
    done = subprocess.run([sys.executable, program, "2"], capture_output=True, text=True, timeout=300, env=os.environ)
    assert done.returncode == 0, done.stderr


def test_sub_interpreters():
    interpreters = pytest.importorskip("_xxsubinterpreters")
    del interpreters
    out = script("""
import _xxsubinterpreters as interpreters
import laminardb
db = laminardb.open(":memory:")
for _ in range(3):
    each = interpreters.create()
    interpreters.run_string(each, '''
import laminardb
with laminardb.open(":memory:") as db:
    db.execute("CREATE SOURCE t (a BIGINT, d DECIMAL(5,2), ts TIMESTAMP)")
    db.insert("t", {"a": 1, "d": "1.5", "ts": "2024-01-01"})
    print(db.query("SELECT * FROM t").fetchall())
    try:
        db.query("SELEC")
    except laminardb.QueryError as error:
        print(error.code)
''')
    interpreters.destroy(each)
print(db.query("SELECT 1").fetchall())
""")
    assert out.splitlines()[1::2] == ["401"] * 3 and out.splitlines()[-1] == "[(1,)]"
