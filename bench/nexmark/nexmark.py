"""Nexmark q0-q22: the events, the queries in our dialect and in DuckDB's, and running both.

The events come out of the source that is built in (connector = 'nexmark'), so ours, DuckDB and the others get the same ones.
"""

from __future__ import annotations

import pathlib
from collections import Counter
from typing import Any

import duckdb
import laminardb
import pyarrow as pa

FOLDER = pathlib.Path(__file__).resolve().parent
QUERIES = [f"q{i}" for i in range(23)]
TABLES = ("person", "auction", "bid")
SKEW = "2 seconds"
# What the last watermark says: after every event.
END_MS = 32503680000000


def setup_sql() -> list[str]:
    """The statements that make q13's table."""
    text = (FOLDER / "sources.sql").read_text()
    return [statement for statement in text.split(";") if "side_input" in statement and "CREATE SOURCE" not in statement]


def query_sql(name: str) -> str:
    return (FOLDER / f"{name}.sql").read_text()


def duck_sql(name: str) -> str:
    own = FOLDER / "duckdb" / f"{name}.sql"
    if own.exists():
        return own.read_text()
    return query_sql(name).split(" AS\n", 1)[1].rstrip().rstrip(";")


def source_sql(table: str, events: int, with_connector: bool, retention: str, event_rate: int = 0) -> str:
    """The source: fed by the generator, or by us with the same columns and watermark. Without a rate the events are of 100 seconds, however many."""
    if with_connector:
        return (
            f"CREATE SOURCE {table} WITH (connector = 'nexmark', table = '{table}', events = {events}, event_rate = {event_rate or max(1, events // 100)}, "
            f"skew = '{SKEW}', retention = '{retention}')"
        )
    columns = {
        "person": "id BIGINT NOT NULL, name VARCHAR NOT NULL, email_address VARCHAR NOT NULL, credit_card VARCHAR NOT NULL, "
        "city VARCHAR NOT NULL, state VARCHAR NOT NULL, date_time TIMESTAMP(3) NOT NULL, extra VARCHAR NOT NULL",
        "auction": "id BIGINT NOT NULL, item_name VARCHAR NOT NULL, description VARCHAR NOT NULL, initial_bid BIGINT NOT NULL, "
        "reserve BIGINT NOT NULL, date_time TIMESTAMP(3) NOT NULL, expires TIMESTAMP(3) NOT NULL, seller BIGINT NOT NULL, "
        "category BIGINT NOT NULL, extra VARCHAR NOT NULL",
        "bid": "auction BIGINT NOT NULL, bidder BIGINT NOT NULL, price BIGINT NOT NULL, channel VARCHAR NOT NULL, url VARCHAR NOT NULL, "
        "date_time TIMESTAMP(3) NOT NULL, extra VARCHAR NOT NULL",
    }[table]
    seconds = SKEW.split()[0]
    return (
        f"CREATE SOURCE {table} ({columns}, WATERMARK FOR date_time AS date_time - INTERVAL '{seconds}' SECOND) "
        f"WITH (retention = '{retention}')"
    )


def make_events(events: int, event_rate: int = 0) -> dict[str, pa.Table]:
    """All events of each table."""
    with laminardb.open(":memory:") as db:
        db.start()
        for table in TABLES:
            db.execute(source_sql(table, events, True, "all", event_rate))
        return {table: db.query(f"SELECT * FROM {table}").to_arrow() for table in TABLES}


def slices(tables: dict[str, pa.Table], events_per_batch: int) -> list[tuple[str, pa.RecordBatch]]:
    """The events as they happened, so many at a time: a batch of each table."""
    result = []
    for table, share in (("person", 1), ("auction", 3), ("bid", 46)):
        n = max(1, events_per_batch * share // 50)
        whole = tables[table].combine_chunks().to_batches()
        batches = [batch.slice(at, n) for batch in whole for at in range(0, batch.num_rows, n)]
        result += [(at, table, batch) for at, batch in enumerate(batches)]
    return [(table, batch) for _, table, batch in sorted(result, key=lambda entry: entry[0])]


def plain(rows: list[tuple[Any, ...]]) -> Counter[tuple[Any, ...]]:
    """Rows as a multiset, numbers of any type as what they are."""

    def value(v: Any) -> Any:
        if isinstance(v, float):
            return round(v, 6) if abs(v) < 1e12 else float(f"{v:.12g}")
        return float(round(v, 6)) if type(v).__name__ == "Decimal" else v

    return Counter(tuple(value(v) for v in row) for row in rows)


def duck_rows(connection: duckdb.DuckDBPyConnection, name: str) -> list[tuple[Any, ...]]:
    return connection.execute(duck_sql(name)).fetchall()


def duck_database(tables: dict[str, pa.Table]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for table, rows in tables.items():
        connection.register(f"arrow_{table}", rows)
        connection.execute(f"CREATE TABLE {table} AS SELECT * FROM arrow_{table}")
    connection.execute("CREATE TABLE side_input AS SELECT i AS key, 'value-' || i AS value FROM range(10000) r (i)")
    return connection


def _comparable(rows: pa.Table) -> str:
    """The columns as they are, but numbers with a fraction to six places: a mean is a double here and a decimal there."""
    return ", ".join(
        f'round(CAST("{field.name}" AS DOUBLE), 6)' if pa.types.is_floating(field.type) or pa.types.is_decimal(field.type) else f'"{field.name}"'
        for field in rows.schema
    )


def run_stream(query: str, events: int) -> pa.Table:
    """The contents of the query's stream after the built-in source has run through: three sources side by side, each out of order."""
    with laminardb.open(":memory:") as db:
        for table in TABLES:
            db.execute(source_sql(table, events, True, "none"))
        for statement in setup_sql():
            db.execute(statement)
        db.execute(query_sql(query).rstrip().rstrip(";") + " WITH ('retention' = 'all')")
        db.start()
        return db.query(f"SELECT * FROM {query}").to_arrow()


def compare(query: str, events: int, duck: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Rows of the stream, and how many of them, and of DuckDB's over the same events, the other one doesn't have. Compared by DuckDB, so that a million rows may be."""
    ours = run_stream(query, events)
    wanted = duck.sql(duck_sql(query)).to_arrow_table().rename_columns(ours.schema.names)
    duck.register("ours", ours)
    duck.register("wanted", wanted)
    only = "SELECT count(*) FROM (SELECT {} FROM {} EXCEPT ALL SELECT {} FROM {})"
    a, b = (_comparable(ours), "ours"), (_comparable(wanted), "wanted")
    result = {
        "rows": ours.num_rows,
        "only_ours": duck.execute(only.format(*a, *b)).fetchall()[0][0],
        "missing": duck.execute(only.format(*b, *a)).fetchall()[0][0],
    }
    duck.unregister("ours")
    duck.unregister("wanted")
    return result
