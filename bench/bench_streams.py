"""Throughput from insert to received result: batches of 10,000 rows into a source, a stream over it, a subscriber that takes
every delta as Arrow. DuckDB runs the same query once over the same Arrow batches, and hands its result over as Arrow."""
import sys
import time

from harness import BATCH_ROWS, drain, repeat, wait_until, worker

# Targets (issue: "How good"): the stream's rows/s over DuckDB's, at least.
CASES = {
    "filter_project": {"rows": 4_000_000, "target": 1.0, "title": "filter + project"},
    "tumble": {"rows": 4_000_000, "target": 1.0, "title": "TUMBLE 1 min, 100 keys"},
    "group_100": {"rows": 4_000_000, "target": 1.0, "title": "running GROUP BY, 100 keys"},
    "group_1m": {"rows": 4_000_000, "target": 1 / 1.5, "title": "running GROUP BY, 1M keys"},
    "join_table": {"rows": 2_000_000, "target": 1 / 1.5, "title": "join with a 100k-row table"},
    "join_streams": {"rows": 2_000_000, "target": 1 / 1.5, "title": "join of two streams, 1M + 1M"},
    "join_asof": {"rows": 2_000_000, "target": 1 / 1.5, "title": "ASOF join, 1M + 1M"},
}
QUICK_DIVISOR = 8
START_US = 1_767_225_600_000_000  # 2026-01-01
FAR_MS = 4_102_444_800_000


def trades(n, n_keys, seed=1):
    """ts in order at 10,000 rows a second, k uniform over n_keys, v double, q bigint, s varchar."""
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng(seed)
    symbols = pa.array([f"symbol-{i:04d}" for i in range(1000)])
    return pa.table({
        "ts": pa.array(START_US + np.arange(n, dtype=np.int64) * 100, pa.timestamp("us")),
        "k": random.integers(0, n_keys, n),
        "v": random.integers(0, 1_000_000, n) / 100.0,
        "q": random.integers(1, 1000, n),
        "s": symbols.take(pa.array(random.integers(0, 1000, n))),
    })


TRADES = "(ts TIMESTAMP, k BIGINT, v DOUBLE, q BIGINT, s VARCHAR{watermark})"
WATERMARK = ", WATERMARK FOR ts AS ts"


def batches(name, table):
    return [(name, batch) for batch in table.combine_chunks().to_batches(BATCH_ROWS)]


def interleave(left, right):
    return [item for pair in zip(left, right, strict=True) for item in pair]


def build(case, n):
    """What to create, what to feed, and the query in both dialects.

    ddl: sources and tables; load: rows of tables, inserted before the clock starts; feed: (source, batch) in order;
    peer_*: what differs for the peer; counts: the received column whose sum tells the peer's progress, else rows count."""
    import pyarrow as pa

    if case == "filter_project":
        t = trades(n, 100)
        query = "SELECT k, s, v * q AS value FROM t WHERE v > 5000.0 AND q < 900"
        return {"ddl": ["CREATE SOURCE t " + TRADES.format(watermark="")], "feed": batches("t", t), "tables": {"t": t}, "query": query,
                "duck": query}
    if case in ("group_100", "group_1m"):
        t = trades(n, 100 if case == "group_100" else 1_000_000)
        query = "SELECT k, count(*) AS n, sum(v) AS total, max(q) AS top FROM t GROUP BY k"
        return {"ddl": ["CREATE SOURCE t " + TRADES.format(watermark="")], "feed": batches("t", t), "tables": {"t": t},
                "query": query + " EMIT ON UPDATE", "peer_query": query, "duck": query, "counts": "n"}
    if case == "tumble":
        t = trades(n, 100)
        query = ("SELECT TUMBLE(ts, INTERVAL '1' MINUTE) AS w, k, count(*) AS n, sum(v) AS total FROM t "
                 "GROUP BY TUMBLE(ts, INTERVAL '1' MINUTE), k")
        # The peer's windows need an integer event time, and without a watermark, or it drops the rows of a batch as late.
        ms = pa.compute.divide(t["ts"].cast(pa.int64()), 1000)
        peer = t.set_column(0, "ts", ms)
        return {"ddl": ["CREATE SOURCE t " + TRADES.format(watermark=WATERMARK)], "feed": batches("t", t), "tables": {"t": t},
                "query": query + " EMIT ON WINDOW CLOSE", "closing": ["t"],
                "peer_ddl": ["CREATE SOURCE t (ts BIGINT, k BIGINT, v DOUBLE, q BIGINT, s VARCHAR)"],
                "peer_query": query, "peer_feed": batches("t", peer), "counts": "n",
                "duck": "SELECT time_bucket(INTERVAL '1 minute', ts) AS w, k, count(*) AS n, sum(v) AS total FROM t GROUP BY 1, 2"}
    if case == "join_table":
        t = trades(n, 100_000)
        p = pa.table({"id": pa.array(range(100_000), pa.int64()), "factor": pa.array([i % 7 / 7 for i in range(100_000)])})
        query = "SELECT t.k, t.v * p.factor AS value, p.factor FROM t JOIN p ON t.k = p.id"
        return {"ddl": ["CREATE SOURCE t " + TRADES.format(watermark=""), "CREATE TABLE p (id BIGINT, factor DOUBLE, PRIMARY KEY (id))"],
                "load": [("p", p)], "feed": batches("t", t), "tables": {"t": t, "p": p}, "query": query, "duck": query}
    if case == "join_streams":
        half = n // 2
        t = trades(half, half)
        r = trades(half, half, seed=2)
        query = "SELECT t.k, t.v, r.q FROM t JOIN r ON t.k = r.k"
        return {"ddl": ["CREATE SOURCE t " + TRADES.format(watermark=""), "CREATE SOURCE r " + TRADES.format(watermark="")],
                "feed": interleave(batches("t", t), batches("r", r)), "tables": {"t": t, "r": r}, "query": query, "duck": query}
    if case == "join_asof":
        half = n // 2
        t = trades(half, 1000)
        r = trades(half, 1000, seed=2)
        query = "SELECT t.k, t.ts, t.v, r.v AS quote FROM t ASOF JOIN r ON t.k = r.k AND t.ts >= r.ts"
        return {"ddl": ["CREATE SOURCE t " + TRADES.format(watermark=WATERMARK), "CREATE SOURCE r " + TRADES.format(watermark=WATERMARK)],
                "feed": interleave(batches("r", r), batches("t", t)), "tables": {"t": t, "r": r}, "query": query, "closing": ["r", "t"],
                "peer_query": "SELECT t.k, t.ts, t.v, r.v AS quote FROM t ASOF JOIN r MATCH_CONDITION (t.ts >= r.ts) ON t.k = r.k",
                "duck": query}
    raise ValueError(case)


def run_stream(plan, keep):
    """One run on the build tree's module: seconds, and what was received where `keep` asks for it."""
    import laminardb

    db = laminardb.open(":memory:")
    for statement in plan["ddl"]:
        db.execute(statement)
    for name, table in plan.get("load", []):
        db.insert(name, table)
    db.execute("CREATE STREAM result AS " + plan["query"])
    db.start()
    sub = db.subscribe_stream("result")
    received = []
    n_rows = 0

    def take(table):
        nonlocal n_rows
        n_rows += table.num_rows
        if keep:
            received.append(table)

    began = time.perf_counter()
    for name, batch in plan["feed"]:
        db.insert(name, batch)
        drain(sub, take)
    for name in plan.get("closing", []):
        with db.writer(name) as writer:
            writer.watermark(FAR_MS)
        drain(sub, take)
    seconds = time.perf_counter() - began
    final = db.query("SELECT * FROM result").to_arrow() if keep and "counts" in plan and "closing" not in plan else None
    db.close()
    return seconds, n_rows, received, final


def run_peer(plan):
    import laminardb

    db = laminardb.open(":memory:")
    for statement in plan.get("peer_ddl", plan["ddl"]):
        db.execute(statement)
    for name, table in plan.get("load", []):
        db.insert(name, table.to_batches()[0])
    db.execute("CREATE STREAM result AS " + plan.get("peer_query", plan["query"]))
    sub = db.subscribe_stream("result")
    db.start()
    feed = plan.get("peer_feed", plan["feed"])
    counts = plan.get("counts")
    wanted = sum(batch.num_rows for _, batch in feed) if counts else plan["n_result"]
    got = 0

    def take(table):
        nonlocal got
        import pyarrow.compute as compute

        got += (compute.sum(table[counts]).as_py() or 0) if counts else table.num_rows

    began = time.perf_counter()
    for name, batch in feed:
        db.insert(name, batch)
        drain(sub, take)
    wait_until(lambda: got >= wanted, sub, take)
    seconds = time.perf_counter() - began
    db.close()
    return seconds


def run_duckdb(plan):
    import duckdb

    db = duckdb.connect(config={"threads": 1})
    for name, table in plan["tables"].items():
        db.register(name, table)
    began = time.perf_counter()
    result = db.sql(plan["duck"]).to_arrow_table()
    seconds = time.perf_counter() - began
    db.close()
    return seconds, result


def fingerprint(table):
    """Row count and the sums of the numeric columns, to compare two results without sorting millions of rows."""
    import pyarrow as pa
    import pyarrow.compute as compute

    sums = []
    for name, column in zip(table.column_names, table.columns):
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            sums.append((name, float(compute.sum(column).as_py() or 0)))
    return table.num_rows, sums


def check_same(ours, duck):
    n_ours, sums_ours = fingerprint(ours)
    n_duck, sums_duck = fingerprint(duck)
    if n_ours != n_duck:
        raise AssertionError(f"wrong result: {n_ours} rows, DuckDB has {n_duck}")
    for (name, a), (_, b) in zip(sums_ours, sums_duck, strict=True):
        if abs(a - b) > 1e-9 * max(abs(a), abs(b), 1):
            raise AssertionError(f"wrong result: the sum of {name} is {a}, DuckDB has {b}")


def run(engine, case, options):
    n = CASES[case]["rows"] // (QUICK_DIVISOR if options.quick else 1)
    times = options.repeat or (2 if options.quick else 5)
    plan = build(case, n)
    if engine == "duckdb":
        seconds = repeat(times, lambda: run_duckdb(plan)[0])
    elif engine == "peer":
        import pyarrow  # noqa: F401
        plan["n_result"] = options_rows(case, n)
        seconds = repeat(1 if options.quick else 3, lambda: run_peer(plan))
    else:
        import pyarrow as pa

        # The first run is checked against DuckDB, and not counted.
        _, _, received, final = run_stream(plan, keep=True)
        duck = run_duckdb(plan)[1]
        if final is None:
            final = pa.concat_tables([table.select(duck.column_names) for table in received])
        check_same(final.select(duck.column_names), duck)
        seconds = repeat(times, lambda: run_stream(plan, keep=False)[0])
    return {"rows": n, "seconds": seconds, "best_s": min(seconds), "rows_per_s": n / min(seconds)}


def options_rows(case, n):
    """How many rows the peer must deliver where progress is counted in rows; computed with numpy, as DuckDB is not in its
    environment."""
    import numpy as np

    t = build(case, n)["tables"]
    if case == "filter_project":
        v, q = t["t"]["v"].to_numpy(), t["t"]["q"].to_numpy()
        return int(np.count_nonzero((v > 5000.0) & (q < 900)))
    if case == "join_streams":
        a = np.bincount(t["t"]["k"].to_numpy(), minlength=n)
        b = np.bincount(t["r"]["k"].to_numpy(), minlength=n)
        return int((a * b).sum())
    return t["t"].num_rows


if __name__ == "__main__":
    sys.exit(worker(CASES, run))
