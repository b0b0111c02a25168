"""The law of the dialect, as a program.

A stream's net contents equal its query over the same rows. A case is a set of relations, a query, and how DuckDB spells the
query. `run` makes the stream, feeds random rows in random cuts (inserts, upserts and deletes where the relation has a key), and compares

* after every step: what a subscriber with `changes=True` has accumulated, what `SELECT * FROM stream` reads, and the query run one-shot;
* at the end: the one-shot answer with DuckDB's over the same rows.

In a third of the runs a second stream of the same text is made while rows come, which shares the operators of the first, and one of the two is dropped later.

Streams that emit on window close are compared at the end, after the watermark has passed everything.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import duckdb
import laminardb

Row = tuple[Any, ...]


@dataclass
class Relation:
    """A source or table of a case. `columns` maps a name to a generator kind: see `value`."""

    name: str
    columns: dict[str, str]
    key: tuple[str, ...] = ()
    watermark: str = ""
    kind: str = "SOURCE"
    skew_s: int = 0
    delay_s: int = 0  # of the watermark: more than skew_s, and no row is late
    is_fed_first: bool = False  # all of its rows are there before the stream is made


@dataclass
class Case:
    name: str
    relations: list[Relation]
    sql: str
    duck: str = ""
    emit: str = ""
    stream: str = ""  # the stream's text where it reads other streams; `sql` says the same over the relations
    setup: tuple[str, ...] = ()  # the streams that it reads
    at_end_only: bool = False
    steps: int = 12
    rows_per_step: int = 40
    is_ordered: bool = False
    prepare: Callable[[Any], None] | None = None  # what to do with the connection first: functions in Python
    duck_setup: tuple[str, ...] = ()  # the same for DuckDB
    has_clock: bool = False  # the clock stands near the rows' times and is moved on; now() in `sql` means it for DuckDB too
    tags: set[str] = field(default_factory=set)


SQL_TYPES = {
    "small": "BIGINT",
    "int": "INT",
    "key": "BIGINT",
    "double": "DOUBLE",
    "word": "VARCHAR",
    "long_word": "VARCHAR",
    "bool": "BOOLEAN",
    "decimal": "DECIMAL(10,2)",
    "date": "DATE",
    "time": "TIMESTAMP",
    "ms": "TIMESTAMP(3)",
    "old_time": "TIMESTAMP",
    "seconds": "TIMESTAMP(0)",
    "edge": "TIMESTAMP",
    "nanos": "TIMESTAMP(9)",
    "epoch_ms": "BIGINT",
    "id": "BIGINT",
    "list": "BIGINT[]",
    "struct": "STRUCT<a BIGINT, b VARCHAR>",
    "blob": "BYTEA",
    "interval": "INTERVAL",
    "tz": "TIMESTAMP WITH TIME ZONE",
    "unsigned": "SMALLINT UNSIGNED",
    "real": "REAL",
    "clock": "TIME",
}

DUCK_TYPES = {"seconds": "TIMESTAMP_S", "nanos": "TIMESTAMP_NS", "struct": "STRUCT(a BIGINT, b VARCHAR)", "unsigned": "USMALLINT"}

EPOCH = dt.datetime(2026, 1, 1)


class Generator:
    """Random rows; nulls in every column that may have them."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.clock = 0
        self.next_id = 0

    def value(self, kind: str, skew_s: int) -> Any:
        rng = self.rng
        if kind == "id":
            self.next_id += 1
            return self.next_id
        if kind == "key":
            return rng.randrange(12)
        if kind in ("time", "ms"):
            self.clock += rng.randrange(3)
            back = rng.randrange(skew_s + 1) if skew_s else 0
            micros = rng.randrange(1000) * (1000 if kind == "ms" else 1001)
            return EPOCH + dt.timedelta(seconds=self.clock - back, microseconds=micros)
        if kind in ("seconds", "edge", "nanos"):  # often a whole second apart, and often the least that is more or less
            self.clock += rng.randrange(3)
            second = EPOCH + dt.timedelta(seconds=self.clock - (rng.randrange(skew_s + 1) if skew_s else 0))
            if kind == "nanos":
                return f"{second}.{rng.choice(['000000000', '000000001', '000000999', '000001000', '999999999', '999999000'])}"
            return second + dt.timedelta(microseconds=rng.choice([0, 0, 1, 999_999]) if kind == "edge" else 0)
        if kind == "old_time":  # around 1970
            self.clock += rng.randrange(3)
            return dt.datetime(1969, 12, 31, 23, 58) + dt.timedelta(seconds=self.clock, microseconds=rng.randrange(10**6))
        if kind == "epoch_ms":
            self.clock += rng.randrange(3)
            return self.clock * 1000 - 60000 + rng.randrange(1000)
        if rng.random() < 0.1:
            return None
        if kind == "small":
            return rng.randrange(-5, 6)
        if kind == "int":
            return rng.choice([rng.randrange(-1000, 1000), 2**31 - 1, -(2**31), 0])
        if kind == "double":
            return rng.choice([0.0, -1.5, 2.25, 1e10, rng.randrange(-400, 400) / 4])
        if kind == "word":
            return rng.choice(["", "a", "b", "ab", "zebra", "Zürich", "日本"])
        if kind == "long_word":
            return rng.choice(["x" * 13, "a rather long string that is not inline", "same prefix 1", "same prefix 2"])
        if kind == "bool":
            return rng.random() < 0.5
        if kind == "decimal":
            return decimal.Decimal(rng.randrange(-10000, 10000)) / 100
        if kind == "list":
            return [rng.choice([1, 2, None]) for _ in range(rng.randrange(3))]
        if kind == "struct":
            return {"a": rng.choice([1, None]), "b": rng.choice(["x", "a string beyond the inline size", None])}
        if kind == "blob":
            return bytes(rng.randrange(256) for _ in range(rng.choice([0, 3, 20])))
        if kind == "interval":
            return dt.timedelta(days=rng.randrange(3), seconds=rng.randrange(100))
        if kind == "tz":
            return dt.datetime(2026, 3, 28, tzinfo=dt.timezone.utc) + dt.timedelta(hours=rng.randrange(48))
        if kind == "unsigned":
            return rng.choice([0, 65535, rng.randrange(9)])
        if kind == "real":
            return rng.choice([0.5, -2.25, 1024.0])
        if kind == "clock":
            return dt.time(rng.randrange(24), rng.randrange(60), 1, 500)
        if kind == "date":
            return dt.date(2026, 1, 1) + dt.timedelta(days=rng.randrange(40))
        raise ValueError(kind)

    def row(self, relation: Relation) -> dict[str, Any]:
        return {c: self.value(k, relation.skew_s) for c, k in relation.columns.items()}


def ddl(relation: Relation) -> str:
    parts = [f"{c} {SQL_TYPES[k]}" for c, k in relation.columns.items()]
    if relation.key:
        parts.append(f"PRIMARY KEY ({', '.join(relation.key)})")
    if relation.watermark:
        delay = f" AS {relation.watermark} - INTERVAL '{relation.delay_s}' SECOND" if relation.delay_s else ""
        parts.append(f"WATERMARK FOR {relation.watermark}{delay}")
    retention = "" if relation.key or relation.kind == "TABLE" else " WITH ('retention' = 'all')"
    return f"CREATE {relation.kind} {relation.name} ({', '.join(parts)}){retention}"


def canonical(value: Any) -> Any:
    """A value that compares alike whichever engine it came from."""
    if isinstance(value, float):
        if math.isnan(value):
            return "nan"
        return float(f"{value:.9g}") + 0.0
    if isinstance(value, decimal.Decimal):
        return value.normalize() + 0
    if isinstance(value, bool):
        return value
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, dict):
        return tuple((k, canonical(v)) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(canonical(v) for v in value)
    return value


def bag(rows: list[Row]) -> Counter[Row]:
    return Counter(tuple(canonical(v) for v in row) for row in rows)


def difference(left: Counter[Row], right: Counter[Row], names: tuple[str, str]) -> str:
    """At most ten rows of each side that the other does not have."""
    lines = []
    for name, counter in ((names[0], left - right), (names[1], right - left)):
        for row, n in sorted(counter.items(), key=repr)[:10]:
            lines.append(f"  only in {name} (x{n}): {row}")
    return "\n".join(lines)


class Mirror:
    """The rows of a relation as DuckDB must see them."""

    def __init__(self, relation: Relation) -> None:
        self.relation = relation
        self.rows: list[dict[str, Any]] = []
        self.by_key: dict[Row, dict[str, Any]] = {}

    def insert(self, rows: list[dict[str, Any]]) -> None:
        if not self.relation.key:
            self.rows.extend(rows)
            return
        for row in rows:
            self.by_key[tuple(row[k] for k in self.relation.key)] = row

    def delete(self, column: str, value: Any) -> None:
        self.by_key = {k: r for k, r in self.by_key.items() if r[column] != value}

    def contents(self) -> list[dict[str, Any]]:
        return list(self.by_key.values()) if self.relation.key else self.rows


class Run:
    def __init__(self, case: Case, seed: int, spill_folder: str | None = None) -> None:
        self.case = case
        self.seed = seed
        self.rng = random.Random(seed)
        self.generator = Generator(self.rng)
        self.conn = laminardb.open(":memory:")
        if spill_folder:
            self.conn.execute(f"SET temp_directory = '{spill_folder}'")
            self.conn.execute("SET spill_always = true")
        self.mirrors = {r.name: Mirror(r) for r in case.relations}
        self.nets: dict[str, Counter[Row]] = {}
        self.subs: dict[str, Any] = {}
        self.now = EPOCH

    def set_clock(self) -> None:
        """Often a little, sometimes beyond all windows."""
        if self.case.has_clock:
            ahead = dt.timedelta(seconds=self.rng.choice([0, 1, 5, 20, 300]), microseconds=self.rng.choice([0, 1, 500_000]))
            self.now = max(self.now, EPOCH + dt.timedelta(seconds=self.generator.clock) + ahead)
            self.conn.execute(f"SET clock = '{self.now}'")

    def fail(self, what: str, detail: str) -> None:
        raise AssertionError(f"{self.case.name}, seed {self.seed}: {what}\n  {self.case.sql}\n{detail}")

    def feed(self, relation: Relation) -> None:
        self.set_clock()
        mirror = self.mirrors[relation.name]
        action = self.rng.random()
        if relation.key and mirror.by_key and action < 0.25:
            column = relation.key[0]
            value = self.rng.choice(list(mirror.by_key.values()))[column]
            self.conn.execute(f"DELETE FROM {relation.name} WHERE {column} = $1", params=[value])
            mirror.delete(column, value)
            return
        n = self.rng.choice([1, 1, 2, 7, self.case.rows_per_step])
        rows = [self.generator.row(relation) for _ in range(n)]
        self.conn.insert(relation.name, rows)
        mirror.insert(rows)

    def create(self, name: str) -> None:
        case = self.case
        self.conn.execute(f"CREATE STREAM {name} AS {case.stream or case.sql} {case.emit}")
        self.nets[name] = Counter()

    def subscribe(self, name: str) -> None:
        self.subs[name] = self.conn.subscribe_stream(name, changes=True, snapshot=True)

    def drop(self, name: str) -> None:
        self.conn.execute(f"DROP STREAM {name}")
        del self.nets[name], self.subs[name]

    def twin(self) -> tuple[int, int, str]:
        """The steps before which the twin is made and one of the two is dropped, and which; -1 for never. Drawn apart, so that rows don't depend on it."""
        rng = random.Random(f"{self.case.name} {self.seed}")
        if rng.random() >= 1 / 3:
            return -1, -1, ""
        made = rng.randrange(self.case.steps // 2)
        return made, rng.randrange(made, self.case.steps), rng.choice(["the_stream", "the_twin"])

    def drain(self) -> None:
        for name, sub in self.subs.items():
            net = self.nets[name]
            while (result := sub.try_next()) is not None:
                for row in result.fetchall():
                    net[tuple(canonical(v) for v in row[:-1])] += row[-1]

    def compare_stream(self) -> None:
        one_shot = bag(self.conn.query(self.case.sql).fetchall())
        for name, changes in self.nets.items():
            net = Counter({r: n for r, n in changes.items() if n != 0})
            if net != one_shot:
                self.fail(f"the net of a subscriber of {name} differs from the one-shot query", difference(net, one_shot, ("net", "one-shot")))
            read = bag(self.conn.query(f"SELECT * FROM {name}").fetchall())
            if read != one_shot:
                self.fail(f"SELECT * FROM {name} differs from the one-shot query", difference(read, one_shot, ("read", "one-shot")))

    def compare_duckdb(self) -> None:
        duck = duckdb.connect()
        duck.execute("SET TimeZone = 'UTC'")
        query = self.case.duck or self.case.sql
        if self.case.has_clock:
            query = query.replace("now()", f"TIMESTAMP '{self.now}'").replace("current_date", f"DATE '{self.now.date()}'")
        for statement in self.case.duck_setup:
            duck.execute(statement)
        duck.execute("CREATE MACRO tumble(ts, size) AS time_bucket(size, ts, TIMESTAMP '1970-01-01')")
        for name, mirror in self.mirrors.items():
            relation = mirror.relation
            columns = ", ".join(f"{c} {DUCK_TYPES.get(k, SQL_TYPES[k])}" for c, k in relation.columns.items())
            duck.execute(f"CREATE TABLE {name} ({columns})")
            rows = mirror.contents()
            if rows:
                marks = ", ".join("?" for _ in relation.columns)
                duck.executemany(f"INSERT INTO {name} VALUES ({marks})", [[r[c] for c in relation.columns] for r in rows])
        expected = bag(duck.execute(query).fetchall())
        ours = bag(self.conn.query(self.case.sql).fetchall())
        if ours != expected:
            self.fail("the one-shot query differs from DuckDB", difference(ours, expected, ("ours", "duckdb")))

    def run(self) -> None:
        case = self.case
        if case.prepare:
            case.prepare(self.conn)
        self.set_clock()
        for relation in case.relations:
            self.conn.execute(ddl(relation))
        # Half of the runs create the stream over rows that are there already (backfill).
        for _ in range(self.rng.choice([0, 3])):
            self.feed(self.rng.choice(case.relations))
        for relation in case.relations:
            for _ in range(4 if relation.is_fed_first else 0):
                self.feed(relation)
        moving = [relation for relation in case.relations if not relation.is_fed_first]
        for statement in case.setup:
            self.conn.execute(statement)
        made, dropped, first = self.twin()
        self.create("the_stream")
        self.conn.start()
        self.subscribe("the_stream")
        for step in range(case.steps):
            if step == made:
                self.create("the_twin")
                self.subscribe("the_twin")
            if step == dropped:
                self.drop(first)
            self.feed(self.rng.choice(moving))
            self.drain()
            if not case.at_end_only:
                self.compare_stream()
            if case.has_clock and self.rng.random() < 0.5:  # time alone
                self.set_clock()
                self.drain()
                if not case.at_end_only:
                    self.compare_stream()
        if case.at_end_only:
            if case.has_clock:  # what waits for the end of a period
                self.now = EPOCH + dt.timedelta(days=400)
                self.conn.execute(f"SET clock = '{self.now}'")
            for relation in case.relations:
                if relation.watermark:
                    with self.conn.writer(relation.name) as writer:
                        writer.watermark(int((EPOCH + dt.timedelta(days=400)).timestamp() * 1000))
            self.drain()
            self.compare_stream()
        self.compare_duckdb()
        for sub in self.subs.values():
            sub.cancel()
        self.conn.close()


def run(case: Case, seed: int, spill_folder: str | None = None) -> None:
    Run(case, seed, spill_folder).run()
