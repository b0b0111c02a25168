"""One query on one engine, in a process of its own; prints one line of JSON. run.py starts it."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
BATCH_EVENTS = 10_000
EVENT_RATE = 10_000  # a second of event time
REPEATS = 3
PEER_DEADLINE_S = 20
RSS_SAMPLES = 20


def pin(cpu):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0)) if cpu is None else cpu})


def read_rss_mib():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def result(events, seconds, cpu_s, **more):
    return {"events": events, "seconds": seconds, "cpu_s": cpu_s, "events_per_s": events / cpu_s, **more}


def stream_sql(nexmark, query):
    """The stream keeps nothing: its reader is who takes the rows."""
    return nexmark.query_sql(query).rstrip().rstrip(";") + " WITH ('retention' = 'none')"


def run_ours(query, events):
    import laminardb
    import nexmark

    batches = nexmark.slices(nexmark.make_events(events, EVENT_RATE), BATCH_EVENTS)
    best = None
    for _ in range(REPEATS):
        with laminardb.open(":memory:") as db:
            for table in nexmark.TABLES:
                db.execute(nexmark.source_sql(table, events, False, "none"))
            for statement in nexmark.setup_sql():
                db.execute(statement)
            db.execute(stream_sql(nexmark, query))
            db.start()
            received = db.subscribe_stream(query)
            rows = 0
            began, cpu = time.perf_counter(), time.process_time()
            for table, batch in batches:
                db.insert(table, batch)
                while (change := received.try_next()) is not None:
                    rows += change.num_rows
            for table in nexmark.TABLES:
                with db.writer(table) as writer:
                    writer.watermark(nexmark.END_MS)
            while (change := received.try_next()) is not None:
                rows += change.num_rows
            cpu_s, seconds = time.process_time() - cpu, time.perf_counter() - began
        if rows == 0:
            raise RuntimeError("no row came out")
        if best is None or cpu_s < best["cpu_s"]:
            best = result(events, seconds, cpu_s, rows=rows)
    return best


def run_duckdb(query, events):
    import duckdb
    import nexmark

    tables = nexmark.make_events(events, EVENT_RATE)
    best = None
    for _ in range(REPEATS):
        connection = duckdb.connect(config={"threads": 1})
        connection.execute("SET TimeZone = 'UTC'")
        for table, rows in tables.items():
            connection.register(table, rows)
        connection.execute("CREATE TABLE side_input AS SELECT i AS key, 'value-' || i AS value FROM range(10000) r (i)")
        rows = 0
        began, cpu = time.perf_counter(), time.process_time()
        reader = connection.execute(nexmark.duck_sql(query)).to_arrow_reader(100_000)
        for batch in reader:
            rows += batch.num_rows
        cpu_s, seconds = time.process_time() - cpu, time.perf_counter() - began
        connection.close()
        if best is None or cpu_s < best["cpu_s"]:
            best = result(events, seconds, cpu_s, rows=rows)
    return best


def run_peer(query, events):
    """0.17, where the rows that come out are as many as they should be: what it drops and what it leaves out is no result."""
    import pyarrow as pa
    import pyarrow.ipc

    made = pathlib.Path(tempfile.mkdtemp()) / "events"
    environment = dict(os.environ, PYTHONPATH=str(ROOT / "build/python"))
    subprocess.run([ROOT / ".venv/bin/python", __file__, "--engine", "make", "--query", query, "--events", str(events), "--out", made],
                   check=True, env=environment, capture_output=True)
    batches, meta = [], json.loads((made.parent / "meta.json").read_text())
    for i, table in enumerate(meta["order"]):
        with pa.ipc.open_stream(f"{made}{i}") as reader:
            batches += [(table, batch) for batch in reader]

    import laminardb

    db = laminardb.open(":memory:")
    for statement in meta["ddl"]:
        db.execute(statement)
    db.execute(meta["sql"])
    db.start()
    received, rows = db.subscribe_stream(query), 0
    deadline = time.perf_counter() + PEER_DEADLINE_S
    began = time.perf_counter()

    def take():
        nonlocal rows
        while (change := received.try_next()) is not None:
            rows += change.num_rows

    for table, batch in batches:
        db.insert(table, batch)
        take()
        if time.perf_counter() > deadline:
            raise TimeoutError(f"not fed after {PEER_DEADLINE_S} s")
    while rows < meta["rows"]:
        if time.perf_counter() > deadline:
            raise TimeoutError(f"{rows} of {meta['rows']} rows after {PEER_DEADLINE_S} s")
        time.sleep(0.001)
        take()
    seconds = time.perf_counter() - began
    return {"events": events, "seconds": seconds, "events_per_s": events / seconds, "rows": rows}


def make_for_peer(query, events, out):
    """The peer's virtual environment has no module of ours: the events, and what it is to answer, go through files."""
    import nexmark
    import pyarrow as pa
    import pyarrow.ipc

    tables = nexmark.make_events(events, EVENT_RATE)
    order = []
    for i, (table, batch) in enumerate(nexmark.slices(tables, BATCH_EVENTS)):
        with pa.ipc.new_stream(f"{out}{i}", batch.schema) as writer:
            writer.write_batch(batch)
        order.append(table)
    ddl = [nexmark.source_sql(table, events, False, "none").split(") WITH (")[0] + ")" for table in nexmark.TABLES]
    rows = len(nexmark.duck_rows(nexmark.duck_database(tables), query))
    meta = {"order": order, "ddl": [d.split(", WATERMARK")[0] + ")" for d in ddl], "sql": nexmark.query_sql(query).rstrip().rstrip(";"), "rows": rows}
    (pathlib.Path(out).parent / "meta.json").write_text(json.dumps(meta))
    return {}


def run_equal(query, events):
    """What the stream holds at the end against DuckDB over the same events."""
    import nexmark

    compared = nexmark.compare(query, events, nexmark.duck_database(nexmark.make_events(events)))
    if compared["rows"] == 0 or compared["only_ours"] or compared["missing"]:
        raise RuntimeError(f"not what DuckDB has: {compared}")
    return {"events": events, **compared}


def run_rss(query, events):
    """Resident memory while the built-in source runs through: flat, or state is kept that no window needs."""
    import laminardb
    import nexmark

    samples = []
    with laminardb.open(":memory:") as db:
        for table in nexmark.TABLES:
            db.execute(nexmark.source_sql(table, events, True, "none", EVENT_RATE))
        db.execute(stream_sql(nexmark, query))
        db.start()
        done, step = 0, events // RSS_SAMPLES
        while True:
            states = db.query("SELECT max(total_rows * 50.0 / CASE name WHEN 'bid' THEN 46 WHEN 'auction' THEN 3 ELSE 1 END), "
                              "count(*) FILTER (WHERE state = 'running') FROM system.sources").fetchone()
            while states[0] >= done + step or (not states[1] and len(samples) < RSS_SAMPLES):
                done += step
                samples.append((done, round(read_rss_mib(), 1)))
            if not states[1]:
                break
            time.sleep(0.02)
    settled, most = max(mib for _, mib in samples[: RSS_SAMPLES // 4]), max(mib for _, mib in samples)
    if most > settled * 1.2 + 24:
        raise RuntimeError(f"resident memory grew from {settled:.0f} to {most:.0f} MiB: {samples}")
    return {"events": events, "rss_mib": samples}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", required=True)
    parser.add_argument("--query", required=True)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--cpu", type=int, help="to run on")
    parser.add_argument("--out")
    options = parser.parse_args()
    sys.path.insert(0, str(FOLDER))
    line = {"query": options.query, "engine": options.engine}
    try:
        if options.engine == "make":
            line |= make_for_peer(options.query, options.events, options.out)
        else:
            if options.engine not in ("rss", "equal"):
                pin(options.cpu)
            engines = {"laminardb": run_ours, "duckdb": run_duckdb, "peer": run_peer, "rss": run_rss, "equal": run_equal}
            line |= engines[options.engine](options.query, options.events)
    except Exception as error:  # the table shows it; the run goes on with the next query
        line["error"] = f"{type(error).__name__}: {error}"[:300]
    print(json.dumps(line))
    return 1 if "error" in line else 0


if __name__ == "__main__":
    sys.exit(main())
