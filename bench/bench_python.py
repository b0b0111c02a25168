"""The border of the Python module: rows in by every way, results out, a row to a waiting and to a polling reader, the module's size.

Rows of three columns (BIGINT, DOUBLE, VARCHAR). Bars are rows per second at least, or microseconds at most; what comes out is
compared with DuckDB's Python package in the same run (its ratio at least 1).
"""
import asyncio
import io
import pathlib
import subprocess
import sys
import tempfile
import time

from harness import percentiles, repeat, worker

N_BATCH = 10_000
BOTH = ["laminardb", "peer"]

CASES = {
    "py_in_dict": {"title": "insert: a dict", "bar": 1e6, "engines": BOTH},
    "py_in_list": {"title": "insert: list of 1,000 dicts", "bar": 3e6, "engines": BOTH},
    "py_in_lists": {"title": "insert: dict of lists of 10k", "bar": 3e6, "engines": BOTH},
    "py_in_nested": {"title": "insert: dicts with a list", "bar": 0.5e6, "engines": ["laminardb"]},
    "py_in_numpy": {"title": "insert: dict of arrays of 10k", "bar": 50e6, "engines": ["laminardb"]},
    "py_in_pandas": {"title": "insert: pandas of 10k", "bar": 50e6, "engines": BOTH},
    "py_in_polars": {"title": "insert: polars of 10k", "bar": 50e6, "engines": BOTH},
    "py_in_arrow": {"title": "insert: RecordBatch of 10k", "bar": 50e6, "engines": BOTH},
    "py_in_json": {"title": "insert_json: 10k lines", "bar": 3e6, "engines": BOTH},
    "py_in_csv": {"title": "insert_csv: 10k lines", "bar": 5e6, "engines": BOTH},
    "py_udf_rows": {"title": "function, a call a row", "bar": 1e6, "engines": ["laminardb", "duckdb"]},
    "py_udf_arrow": {"title": "function over arrays", "bar": 20e6, "engines": ["laminardb", "duckdb"]},
    "py_fetchall": {"title": "fetchall", "target": 1.0, "engines": ["laminardb", "duckdb", "peer"]},
    "py_to_dicts": {"title": "to_dicts", "target": 1.0, "engines": ["laminardb", "duckdb", "peer"]},
    "py_to_arrow": {"title": "to_arrow", "target": 1.0, "engines": ["laminardb", "duckdb", "peer"]},
    "py_await": {"title": "one dict, insert to async for", "targets": {"p50_us": 100}, "engines": BOTH},
    "py_poll": {"title": "one dict, insert to try_next", "targets": {"p50_us": 10}, "engines": BOTH},
    "py_insert": {"title": "insert of one dict alone", "targets": {"p50_us": 5}, "engines": BOTH},
    "py_select_1": {"title": "SELECT 1 to its tuple", "targets": {"p50_us": 100}, "engines": ["laminardb", "duckdb", "peer"]},
    "py_import": {"title": "import in a fresh process", "targets": {"p50_us": 20_000}, "engines": ["laminardb", "duckdb", "peer"]},
    "py_size": {"title": "size of the package on disk", "largest_mib": 8, "engines": ["laminardb"]},
}
SCHEMA = "(k BIGINT, v DOUBLE, s VARCHAR)"


def rows(n):
    return [{"k": i, "v": i * 0.5, "s": f"text {i % 100}"} for i in range(n)]


def columns(n):
    return {"k": list(range(n)), "v": [i * 0.5 for i in range(n)], "s": [f"text {i % 100}" for i in range(n)]}


def data_of(case, n):
    """(what one call inserts, rows of a call)."""
    if case == "py_in_dict":
        return {"k": 1, "v": 0.5, "s": "text 1"}, 1
    if case == "py_in_list":
        return rows(1000), 1000
    if case == "py_in_nested":
        return [{"k": i, "l": [i, i + 1, i + 2]} for i in range(1000)], 1000
    if case == "py_in_lists":
        return columns(n), n
    if case == "py_in_numpy":
        import numpy

        return {"k": numpy.arange(n), "v": numpy.arange(n) * 0.5}, n
    if case == "py_in_pandas":
        import pandas

        return pandas.DataFrame(columns(n)), n
    if case == "py_in_polars":
        import polars

        return polars.DataFrame(columns(n)), n
    if case == "py_in_arrow":
        import pyarrow

        return pyarrow.RecordBatch.from_pydict(columns(n)), n
    if case == "py_in_json":
        import json

        return "\n".join(json.dumps(row) for row in rows(n)), n
    out = io.StringIO("k,v,s\n")
    out.seek(0, io.SEEK_END)
    for row in rows(n):
        out.write(f"{row['k']},{row['v']},{row['s']}\n")
    return out.getvalue(), n


def insert_rate(engine, case, quick):
    import laminardb

    db = laminardb.open(":memory:")
    if engine == "laminardb":
        db.execute(f"CREATE SOURCE t {'(k BIGINT, l BIGINT[])' if case == 'py_in_nested' else SCHEMA} WITH ('retention' = '100000 rows')")
    else:
        db.execute(f"CREATE SOURCE t {SCHEMA}")
        db.execute("CREATE STREAM out AS SELECT k FROM t WHERE k < 0")  # somebody has to take the rows
    db.start()
    data, n = data_of(case, N_BATCH)
    insert = {"py_in_json": db.insert_json, "py_in_csv": db.insert_csv}.get(case, db.insert)
    total = (20_000 if n == 1 else 1_000_000 if case in ("py_in_list", "py_in_lists", "py_in_nested", "py_in_json", "py_in_csv") else 20_000_000)
    if quick:
        total //= 8
    if engine == "peer":
        total = min(total, 200 if n == 1 else 200_000)
    calls = max(total // n, 1)
    insert("t", data)

    n_slices = 1 if engine == "peer" else min(calls, 20)
    calls = max(calls // n_slices, 1)

    def once():
        began = time.perf_counter()
        for _ in range(calls):
            insert("t", data)
        return time.perf_counter() - began

    seconds = min(repeat(n_slices, once))  # the machine does other things, too
    if engine == "laminardb":
        got = db.metrics().total_events_ingested
        assert got == n * (1 + n_slices * calls), (got, n, calls)
    db.close()
    return {"rows_per_s": calls * n / seconds, "rows": n_slices * calls * n}


def result_rate(engine, case, quick):
    n = 100_000 if quick else 1_000_000
    sql = "SELECT k, v, s FROM t"
    import pyarrow

    table = pyarrow.table(columns(n))
    if engine == "duckdb":
        import duckdb

        db = duckdb.connect(config={"threads": 1})
        db.register("t", table)
        run = {"py_fetchall": lambda: db.execute(sql).fetchall(), "py_to_arrow": lambda: db.sql(sql).to_arrow_table(),
               "py_to_dicts": lambda: db.sql(sql).to_arrow_table().to_pydict()}[case]
    else:
        import laminardb

        db = laminardb.open(":memory:")
        db.execute(f"CREATE SOURCE t {SCHEMA}")
        db.start()
        db.insert("t", table)
        run = {"py_fetchall": lambda: db.query(sql).fetchall(), "py_to_arrow": lambda: db.query(sql).to_arrow(),
               "py_to_dicts": lambda: db.query(sql).to_dicts()}[case]

    def once():
        began = time.perf_counter()
        result = run()
        seconds = time.perf_counter() - began
        if case == "py_fetchall":
            assert len(result) == n and result[1][1:] == (0.5, "text 1"), len(result)
        elif case == "py_to_dicts":
            assert len(result["k"]) == n
        return seconds

    return {"rows_per_s": n / min(repeat(5, once)), "rows": n}


def function_rate(engine, case, quick):
    n = 50_000 if quick else 500_000
    import pyarrow
    import pyarrow.compute

    by_row = case == "py_udf_rows"
    function = (lambda k: k + 1) if by_row else (lambda k: pyarrow.compute.add(k, 1))
    table = pyarrow.table({"k": list(range(n))})
    sql = "SELECT sum(f(k)) FROM t"
    if engine == "duckdb":
        import duckdb

        db = duckdb.connect(config={"threads": 1})
        db.register("t", table)
        db.create_function("f", function, ["BIGINT"], "BIGINT", type="native" if by_row else "arrow")
        run = lambda: db.execute(sql).fetchone()[0]  # noqa: E731
    else:
        import laminardb

        db = laminardb.open(":memory:")
        db.execute("CREATE SOURCE t (k BIGINT)")
        db.insert("t", table)
        db.register_function("f", function, ["BIGINT"], "BIGINT", vectorized=not by_row)
        run = lambda: db.query(sql).fetchone()[0]  # noqa: E731

    def once():
        began = time.perf_counter()
        assert run() == n * (n + 1) // 2
        return time.perf_counter() - began

    return {"rows_per_s": n / min(repeat(5, once)), "rows": n}


def open_stream():
    import laminardb

    db = laminardb.open(":memory:")
    db.execute(f"CREATE SOURCE t {SCHEMA}")
    db.execute("CREATE STREAM result AS SELECT k, v * 2.0 AS w, s FROM t WHERE v >= 0.0")
    db.start()
    return db


def await_latency(engine, n):
    """From insert to the next turn of an `async for` that waits in the loop."""
    samples = []

    async def main():
        db = open_stream()
        sub = await db.subscribe_stream_async("result")
        turns = sub.__aiter__()
        for i in range(n):
            waiting = asyncio.ensure_future(turns.__anext__())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            began = time.perf_counter_ns()
            db.insert("t", {"k": i, "v": 1.0, "s": "abc"})
            result = await waiting
            samples.append(time.perf_counter_ns() - began)
            assert result.num_rows == 1
        db.close()

    asyncio.run(main())
    return samples[n // 10:]


def poll_latency(engine, case, n):
    db = open_stream()
    sub = db.subscribe_stream("result")
    samples = []
    for i in range(n):
        row = {"k": i, "v": 1.0, "s": "abc"}
        began = time.perf_counter_ns()
        db.insert("t", row)
        if case == "py_insert":
            samples.append(time.perf_counter_ns() - began)
        while (result := sub.try_next()) is None:
            pass
        if case == "py_poll":
            samples.append(time.perf_counter_ns() - began)
        assert result.num_rows == 1
    db.close()
    return samples[n // 10:]


def select_latency(engine, n):
    if engine == "duckdb":
        import duckdb

        db = duckdb.connect(config={"threads": 1})
        run = lambda: db.execute("SELECT 1").fetchone()  # noqa: E731
    else:
        import laminardb

        db = laminardb.open(":memory:")
        run = lambda: db.query("SELECT 1").fetchone()  # noqa: E731
    samples = []
    for _ in range(n):
        began = time.perf_counter_ns()
        assert run() == (1,)
        samples.append(time.perf_counter_ns() - began)
    return samples


def import_time(engine, n):
    """The import alone, in processes whose files are in the page cache."""
    module = "duckdb" if engine == "duckdb" else "laminardb"
    program = f"import time; began = time.perf_counter_ns(); import {module}; print(time.perf_counter_ns() - began)"
    samples = [int(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout) for _ in range(n + 1)]
    return samples[1:]


def size():
    """The package as a wheel installs it: the extension without its debugging information."""
    import laminardb

    package = pathlib.Path(laminardb.__file__).parent
    total = sum(path.stat().st_size for path in package.iterdir() if path.suffix in (".py", ".pyi"))
    with tempfile.TemporaryDirectory() as folder:
        for library in package.glob("*.so"):
            stripped = pathlib.Path(folder) / library.name
            subprocess.run(["strip", "-o", stripped, library], check=True)
            total += stripped.stat().st_size
    wheels = sorted((package.parents[2] / "dist").glob("laminardb-*.whl"))
    return {"mib": total / 2**20, "wheel_mib": wheels[-1].stat().st_size / 2**20 if wheels else None}


def run(engine, case, options):
    few = engine == "peer"
    if case.startswith("py_in_"):
        return insert_rate(engine, case, options.quick)
    if case.startswith("py_udf_"):
        return function_rate(engine, case, options.quick)
    if case in ("py_fetchall", "py_to_dicts", "py_to_arrow"):
        return result_rate(engine, case, options.quick)
    if case == "py_await":
        return percentiles(await_latency(engine, 30 if few else 2_000 if options.quick else 20_000))
    if case in ("py_poll", "py_insert"):
        return percentiles(poll_latency(engine, case, 30 if few else 5_000 if options.quick else 50_000))
    if case == "py_select_1":
        return percentiles(select_latency(engine, 200 if few else 5_000))
    if case == "py_import":
        return percentiles(import_time(engine, 5 if options.quick else 20))
    return size()


if __name__ == "__main__":
    sys.exit(worker(CASES, run))
