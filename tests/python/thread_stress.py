"""Inserts, queries, subscriptions, cancels, writers, transactions, functions, DDL and closes from many threads at once, for so many seconds: a
program of its own, so that scripts/freethreaded can run it on a Python without the GIL, where nothing else is installed.

    python tests/python/thread_stress.py [seconds]
"""

import datetime
import decimal
import gc
import random
import sys
import threading
import time

import laminardb
from laminardb import LaminarError

ROW = {"a": 1, "s": "text", "d": decimal.Decimal("1.50"), "ts": datetime.datetime(2026, 1, 1), "l": [1, 2, 3], "m": {"k": 1}}
COLUMNS = "(a BIGINT, s VARCHAR, d DECIMAL(10,2), ts TIMESTAMP, l BIGINT[], m MAP<VARCHAR, BIGINT>)"


class Stress:
    """One connection, made anew now and then, and objects that all threads share."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.failures: list[BaseException] = []
        self.calls: list[int] = []  # of each thread, when it ends
        self.rows = [dict(ROW) for _ in range(20)]  # changed by one thread while others insert it
        self.columns = {name: [value] * 20 for name, value in ROW.items()}
        self.reopen()

    def reopen(self) -> None:
        db = laminardb.open(":memory:")
        db.execute(f"CREATE SOURCE t {COLUMNS} WITH ('retention' = '1000 rows')")
        db.execute("CREATE STREAM st AS SELECT s, count(*) AS n, sum(a) AS a FROM t GROUP BY s")
        db.start()
        self.writer = db.writer("t")
        self.sub = db.subscribe_stream("st", policy="drop_oldest", capacity=1000)
        self.result = db.query("SELECT * FROM t")
        self.iterator = iter(self.result)
        self.db = db

    def guarded(self, work) -> None:
        refused = {101, 301, 500, 501, 502, 901, 200, 400, 402, 302, 300}
        calls = 0
        while not self.stop.is_set():
            try:
                work()
                calls += 1
            except LaminarError as error:
                if error.code not in refused:
                    self.failures.append(error)
                    break
            except (RuntimeError, StopIteration):
                pass  # a list or dict that changed its size, a cancelled subscription's schema
            except BaseException as error:  # noqa: BLE001
                self.failures.append(error)
                break
        self.calls.append(calls)

    # --- Work ------------------------------------------------------------------------------------

    def insert_row(self) -> None:
        self.db.insert("t", ROW)

    def insert_shared(self) -> None:
        self.db.insert("t", self.rows)
        self.db.insert("t", self.columns)

    def change_shared(self) -> None:
        kind = random.randrange(5)
        row = self.rows[random.randrange(len(self.rows))] if self.rows else {}
        if kind == 0:
            row["s"] = str(random.random())
        elif kind == 1:
            row["l"] = [random.randrange(5)]
            row["m"] = {str(i): i for i in range(random.randrange(9))}
        elif kind == 2:
            self.rows.append(dict(ROW))
            if len(self.rows) > 30:
                del self.rows[:20]
        elif kind == 3:
            row.pop("l", None)
        else:
            self.columns["s"] = ["x" * random.randrange(20)] * 20

    def query(self) -> None:
        self.db.query("SELECT s, count(*), max(m), max(l) FROM t GROUP BY s", None).fetchall()
        self.db.query("SELECT $1 + 1", [random.random()]).to_dicts()

    def share_result(self) -> None:
        self.result.fetchmany(5)
        next(self.iterator)

    def renew_result(self) -> None:
        self.result = self.db.query("SELECT * FROM t LIMIT 50")
        self.iterator = iter(self.result)
        time.sleep(0.001)

    def subscribe(self) -> None:
        with self.db.subscribe_stream("st", snapshot=True, policy="drop_oldest") as sub:
            sub.next_timeout(1)

    def read_shared(self) -> None:
        self.sub.try_next()
        self.sub.next_timeout(1)

    def cancel(self) -> None:
        time.sleep(0.005)
        self.sub.cancel()
        self.sub = self.db.subscribe_stream("st", policy="drop_oldest", capacity=1000)

    def write(self) -> None:
        self.writer.insert(ROW)
        self.writer.flush()

    def transact(self) -> None:
        with self.db.transaction() as tx:
            tx.insert("t", ROW)
            tx.insert("t", self.columns)

    def call_back(self) -> None:
        got = threading.Event()
        sub = self.db.subscribe_stream_callback("st", lambda result: got.set(), lambda error: None, policy="drop_oldest")
        self.db.insert("t", ROW)
        got.wait(0.01)
        sub.cancel()
        sub.wait()

    def function(self) -> None:
        self.db.register_function("plus", lambda a: a + 1, ["BIGINT"], "BIGINT", replace=True)
        self.db.query("SELECT sum(plus(a)) FROM t").fetchone()

    def export(self) -> None:
        self.result.__arrow_c_stream__()
        self.sub.__arrow_c_schema__()

    def ddl(self) -> None:
        name = f"n{random.randrange(1000)}"
        self.db.execute(f"CREATE STREAM {name} AS SELECT a FROM t")
        self.db.execute(f"DROP STREAM {name}")

    def look(self) -> None:
        self.db.metrics()
        self.db.topology()
        repr(self.sub), repr(self.writer), repr(self.db)

    def close(self) -> None:
        time.sleep(0.25)
        self.db.close()
        self.reopen()
        gc.collect()

    def run(self, seconds: float) -> None:
        kinds = [self.insert_row, self.insert_row, self.insert_shared, self.change_shared, self.query, self.share_result, self.renew_result, self.subscribe,
                 self.read_shared, self.cancel, self.write, self.transact, self.call_back, self.function, self.export, self.ddl, self.look, self.close]
        threads = [threading.Thread(target=self.guarded, args=(kind,)) for kind in kinds]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self.stop.set()
        for thread in threads:
            thread.join(120)
        assert not any(thread.is_alive() for thread in threads), "a thread hangs"
        self.db.close()
        if self.failures:
            raise self.failures[0]
        assert len(self.calls) == len(kinds) and sum(self.calls) > 20, self.calls


if __name__ == "__main__":
    duration = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    has_gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    stress = Stress()
    stress.run(duration)
    still = getattr(sys, "_is_gil_enabled", lambda: True)()
    assert has_gil == still, "the module switched the GIL on"
    print(f"{sum(stress.calls)} calls from {len(stress.calls)} threads in {duration:g} s, {'with' if still else 'without'} the GIL")
