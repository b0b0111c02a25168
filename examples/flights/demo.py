"""Streams a year of New York's departures through stacked SQL streams, and checks every stream against DuckDB.

    python examples/flights/demo.py [--rows N] [--seed N] [--batch-size N] [--plain]

The departures come in order of arrival (event time plus some minutes, so out of order), together with the hourly weather; airlines,
airports and planes are tables. While they flow, the board shows the newest closed windows and the busiest routes. At the end the
watermarks move past the last row, which closes what is open; then the contents of each stream must equal the answer that DuckDB
gives to the same query over the same rows. Exit code 1 if any differs.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import duckdb
import laminardb
import pyarrow as pa
import pyarrow.compute as pc

from board import Board
from compare import Comparison, compare, render
from data import Data, load
from streams import DDL, STREAMS, create_sql, duckdb_sql

END_MS = 2 * 86_400_000  # how far the last watermark goes beyond the last event


def open_pipeline(data: Data) -> laminardb.Connection:
    conn = laminardb.open(":memory:")
    for statement in DDL.split(";"):
        if statement.strip():
            conn.execute(statement)
    for name, table in data.tables.items():
        conn.insert(name, table)
    for stream in STREAMS:
        conn.execute(create_sql(stream))
    conn.start()
    return conn


def take_windows(subscription: Any, board: Board) -> None:
    while (result := subscription.try_next()) is not None:
        board.add_windows(result.fetchall())


def draw(conn: laminardb.Connection, board: Board, n_rows: int) -> None:
    routes = conn.query("SELECT origin, dest, n, delay FROM busiest ORDER BY n DESC, origin, dest").fetchall()
    board.draw(n_rows, conn.pipeline_watermark, routes)


def feed(conn: laminardb.Connection, data: Data, batch_size: int, board: Board) -> float:
    """Inserts everything in order of arrival. The seconds that the inserts took."""
    subscription = conn.subscribe_stream("hourly")
    n_rows, n_weather, seconds = len(data.flights), 0, 0.0
    for start in range(0, n_rows, batch_size):
        end = min(start + batch_size, n_rows)
        weather_end = int(data.weather_until[end - 1])
        began = time.perf_counter()
        if weather_end > n_weather:
            conn.insert("weather", data.weather.slice(n_weather, weather_end - n_weather))
            n_weather = weather_end
        conn.insert("flights", data.flights.slice(start, end - start))
        seconds += time.perf_counter() - began
        take_windows(subscription, board)
        if board.is_due():
            draw(conn, board, end)
    began = time.perf_counter()
    last_us = max(pc.max(pc.cast(table["ts"], pa.int64())).as_py() or 0 for table in (data.flights, data.weather))
    for name in ("weather", "flights"):
        with conn.writer(name) as writer:
            writer.watermark(last_us // 1000 + END_MS)
    seconds += time.perf_counter() - began
    take_windows(subscription, board)
    draw(conn, board, n_rows)
    subscription.cancel()
    return seconds


def check(conn: laminardb.Connection, data: Data) -> list[Comparison]:
    duck = duckdb.connect()
    for name, table in {"flights": data.flights, "weather": data.weather, **data.tables}.items():
        duck.register(f"{name}_rows", table)
        duck.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_rows")
    comparisons = []
    for stream in STREAMS:
        duck.execute(f"CREATE TABLE {stream.name} AS {duckdb_sql(stream)}")
        theirs = duck.sql(f"SELECT * FROM {stream.name}").to_arrow_table()
        ours = pa.table(conn.query(f"SELECT * FROM {stream.name}").to_arrow())
        comparisons.append(compare(stream.name, stream.what, ours, theirs))
    return comparisons


def main() -> int:
    parser = argparse.ArgumentParser(description="Streams a year of departures and checks the result against DuckDB.")
    parser.add_argument("--rows", type=int, default=0, help="the first N departures only (default: all)")
    parser.add_argument("--seed", type=int, default=2013, help="of the shuffling within minutes")
    parser.add_argument("--batch-size", type=int, default=1000, help="departures per insert")
    parser.add_argument("--plain", action="store_true", help="lines instead of the board")
    options = parser.parse_args()
    if options.rows < 0 or options.batch_size < 1:
        parser.error("--rows must be 0 or more, --batch-size 1 or more")
    data = load(options.rows, options.seed)
    print(f"{len(data.flights):,} departures and {len(data.weather):,} weather reports of 2013, {len(STREAMS)} streams\n")
    conn = open_pipeline(data)
    board = Board(len(data.flights), options.plain)
    seconds = feed(conn, data, options.batch_size, board)
    n_rows = len(data.flights) + len(data.weather)
    print(f"\n{n_rows:,} rows through {len(STREAMS)} streams in {seconds:.2f} s: {n_rows / seconds:,.0f} rows/s "
          f"in batches of {options.batch_size:,}\n")
    began = time.perf_counter()
    comparisons = check(conn, data)
    print(render(comparisons))
    n_wrong = sum(not c.is_equal for c in comparisons)
    verdict = f"{n_wrong} of {len(comparisons)} streams differ from" if n_wrong else f"all {len(comparisons)} streams equal"
    print(f"\n{verdict} DuckDB {duckdb.__version__} over the same rows (checked in {time.perf_counter() - began:.1f} s)")
    conn.close()
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
