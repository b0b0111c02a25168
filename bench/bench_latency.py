"""Latencies seen from Python: one row as a dict from insert to the subscriber's result, open(), import."""
import subprocess
import sys
import time

from harness import percentiles, worker

# Targets are upper bounds in microseconds.
CASES = {
    "python_row": {"title": "one dict, insert to received", "targets": {"p50_us": 10}, "engines": ["laminardb", "peer"]},
    "python_open": {"title": 'open(":memory:")', "targets": {"p50_us": 1000}, "engines": ["laminardb", "peer"]},
    "python_import": {"title": "import laminardb", "targets": {"p50_us": 30_000}, "engines": ["laminardb", "peer"]},
}

IMPORT = """
import time
began = time.perf_counter_ns()
import laminardb
print(time.perf_counter_ns() - began)
import sys
print("pyarrow" in sys.modules)
"""


def row_latency(engine, n):
    import laminardb

    db = laminardb.open(":memory:")
    db.execute("CREATE SOURCE t (k BIGINT, v DOUBLE, s VARCHAR)")
    db.execute("CREATE STREAM result AS SELECT k, v * 2.0 AS w, s FROM t WHERE v >= 0.0")
    sub = db.subscribe_stream("result")
    db.start()
    samples = []
    for i in range(n):
        row = {"k": i, "v": i * 0.5, "s": "abc"}
        began = time.perf_counter_ns()
        db.insert("t", row)
        result = sub.try_next()
        while result is None:
            result = sub.try_next()
        samples.append(time.perf_counter_ns() - began)
        assert result.num_rows == 1, result
        if i % 1000 == 0:
            assert result.fetchone() == (i, i * 1.0, "abc"), result.fetchone()
    db.close()
    return samples[n // 10:]


def open_latency(n):
    import laminardb

    samples = []
    for _ in range(n):
        began = time.perf_counter_ns()
        db = laminardb.open(":memory:")
        samples.append(time.perf_counter_ns() - began)
        db.close()
    return samples


def import_latency(engine, n):
    samples = []
    for _ in range(n):
        out = subprocess.run([sys.executable, "-c", IMPORT], check=True, capture_output=True, text=True).stdout.split()
        if out[1] == "True" and engine == "laminardb":
            raise AssertionError("importing laminardb imports pyarrow")
        samples.append(int(out[0]))
    return samples


def run(engine, case, options):
    if case == "python_row":
        return percentiles(row_latency(engine, 50 if engine == "peer" else 20_000 if options.quick else 200_000))
    if case == "python_open":
        return percentiles(open_latency(50))
    return percentiles(import_latency(engine, 5 if options.quick else 21))


if __name__ == "__main__":
    sys.exit(worker(CASES, run))
