"""q0 to q22 over the built-in generator: what the streams hold at the end is what DuckDB computes from the same events.

NEXMARK_EVENTS=1000000 runs them over a million, NEXMARK_RSS_EVENTS=100000000 watches memory for longer.
"""

import json
import os
import pathlib
import subprocess
import sys

import laminardb
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "nexmark"))

import nexmark  # noqa: E402

EVENTS = int(os.environ.get("NEXMARK_EVENTS", "50000"))


@pytest.fixture(scope="module")
def tables():
    return nexmark.make_events(EVENTS)


@pytest.fixture(scope="module")
def duck(tables):
    return nexmark.duck_database(tables)


def difference(ours, wanted):
    """The first rows that only one side has."""
    return f"{sum(ours.values())} rows, {sum(wanted.values())} expected; only ours: {list((ours - wanted).items())[:3]}; missing: {list((wanted - ours).items())[:3]}"


@pytest.mark.parametrize("query", nexmark.QUERIES)
def test_as_duckdb(query, duck):
    """The three sources run side by side, each in batches of its own, out of order by up to two seconds."""
    wanted = nexmark.plain(nexmark.duck_rows(duck, query))
    assert wanted
    with laminardb.open(":memory:") as db:
        for table in nexmark.TABLES:
            db.execute(nexmark.source_sql(table, EVENTS, True, "none"))
        for statement in nexmark.setup_sql():
            db.execute(statement)
        db.execute(nexmark.query_sql(query))
        db.start()
        ours = nexmark.plain(db.query(f"SELECT * FROM {query}").fetchall())
    assert ours == wanted, difference(ours, wanted)


@pytest.mark.parametrize("query", ["q5", "q7", "q8", "q11", "q12"])
def test_state_goes_with_the_watermark(query):
    """When the watermark is at its end, windows, and joins of windows, hold nothing."""
    with laminardb.open(":memory:") as db:
        for table in nexmark.TABLES:
            db.execute(nexmark.source_sql(table, EVENTS, True, "none"))
        db.execute(nexmark.query_sql(query))
        db.start()
        windows = len(db.query(f"SELECT DISTINCT starttime FROM {query}").fetchall()) if query in ("q5", "q8") else 0
        assert db.query(f"SELECT count(*) FROM {query}").fetchone()[0] > 0
        held = dict(db.query("SELECT operator, sum(state_rows) FROM system.operators WHERE state_rows > 1 GROUP BY operator").fetchall())
        assert held in ({}, {"aggregate": windows})  # one row a window: its maximum


@pytest.mark.parametrize("query", ["q5", "q7", "q8", "q11", "q12"])
def test_state_is_of_the_open_windows_only(query):
    """Sixty windows of ten seconds: as much is held in the last third as in the second."""
    events, rate = 300_000, 500
    held = []
    with laminardb.open(":memory:") as db:
        for table in nexmark.TABLES:
            db.execute(nexmark.source_sql(table, events, False, "none"))
        db.execute(nexmark.query_sql(query).rstrip().rstrip(";") + " WITH ('retention' = 'none')")
        for table, batch in nexmark.slices(nexmark.make_events(events, rate), 5_000):
            db.insert(table, batch)
            if table == "bid":
                held.append(db.query("SELECT sum(state_rows), sum(state_bytes) FROM system.operators").fetchone())
    assert len(held) == 60
    for middle, last in zip(map(max, zip(*held[20:40])), map(max, zip(*held[40:])), strict=True):
        assert 0 < last <= middle * 1.3, (middle, last)


@pytest.mark.skipif("LAMINAR_SANITIZED" in os.environ, reason="the sanitizer keeps freed memory")
@pytest.mark.parametrize("query", ["q5", "q7", "q8", "q11"])
def test_resident_memory_is_flat(query):
    """In a process of its own. What is kept for every row would be over a hundred megabytes more at the end."""
    events = os.environ.get("NEXMARK_RSS_EVENTS", "2000000")
    worker = pathlib.Path(nexmark.__file__).with_name("worker.py")
    done = subprocess.run([sys.executable, worker, "--engine", "rss", "--query", query, "--events", events], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(json.loads(done.stdout)["rss_mib"]) == 20
