"""Draws cases of the law from one seed: relations, streams over streams, a query, and what is fed to it in which cuts and order.

A case is a tree (tree.py) and a list of events; `Case.script` turns it into texts (script.py). Everything that may be drawn is in
constructs.py with its weight. What would make a difference that is none is kept out here: ties of a LIMIT are broken by all columns, what is
not exact is not compared, divisors are guarded, sizes stay small.
"""

from __future__ import annotations

import copy
import datetime as dt
import random
from dataclasses import dataclass, field, replace
from typing import Any

from aggregates import Aggregates
from constructs import CONSTRUCTS, Support
from exprs import Col, Exprs, col_of, groupable, kind_col, leaf, make
from script import Script, Step, Table
from tree import DUCK, SHOT, STREAM, Derived, Expr, Item, Join, Lateral, Order, Rel, Select, SetQuery, Upstream, Windowed, With, walk
from values import COMMON_KINDS, GROUPED, KINDS, ORDERED, VALUE_KINDS

EPOCH = dt.datetime(2026, 1, 1)
END_MS = int(dt.datetime(2027, 1, 1, tzinfo=dt.timezone.utc).timestamp() * 1000)
MAX_ROWS = 1500
N_ROWS = 45


@dataclass
class GenTable:
    name: str
    kind: str  # SOURCE or TABLE
    columns: dict[str, str]  # name -> kind of values.KINDS, or "id", "clock", "clock_ms"
    key: tuple[str, ...] = ()
    delay_s: int = -1  # of the watermark; -1: none
    skew_s: int = 0

    def types(self, name: str) -> tuple[str, str]:
        kind = self.columns[name]
        if kind == "id":
            return "BIGINT", "BIGINT"
        if kind == "clock":
            return "TIMESTAMP", "TIMESTAMP"
        if kind == "clock_ms":
            return "TIMESTAMP(3)", "TIMESTAMP"
        return KINDS[kind].ours, KINDS[kind].duck

    def ddl(self) -> str:
        parts = [f"{c} {self.types(c)[0]}" for c in self.columns]
        if self.key:
            parts.append(f"PRIMARY KEY ({', '.join(self.key)})")
        if self.delay_s >= 0:
            parts.append("WATERMARK FOR ts" + (f" AS ts - INTERVAL '{self.delay_s}' SECOND" if self.delay_s else ""))
        retention = "" if self.key else " WITH ('retention' = 'all')"
        return f"CREATE {self.kind} {self.name} ({', '.join(parts)}){retention}"

    def cols(self) -> list[Col]:
        found = []
        for name, kind in self.columns.items():
            if kind == "id":
                found.append(Col(name, "int", 10**6, is_unique=True))
            elif kind.startswith("clock"):
                found.append(Col(name, "ts", is_event=self.delay_s >= 0, is_unique=True))
            else:
                found.append(replace(kind_col(name, kind), is_unique=self.key == (name,)))
        return found


@dataclass
class Event:
    kind: str  # insert, delete, update, create, subscribe, watermark
    table: str = ""
    rows: list[dict[str, str]] = field(default_factory=list)
    column: str = ""  # delete, update: WHERE column = value
    value: str = ""
    set_column: str = ""
    set_value: str = ""
    upstream: int = -1  # create: which; -1: the stream itself
    parts: list[Event] = field(default_factory=list)  # transaction: inserts


@dataclass
class Source:
    """Something in FROM."""

    node: Any
    cols: list[Col]
    size: int
    is_append_only: bool
    has_window: bool = False
    can_close: bool = True
    is_closing: bool = False
    table: GenTable | None = None  # a relation of the case itself


@dataclass
class Query:
    node: Any
    cols: list[Col]
    size: int
    is_append_only: bool
    has_window: bool = False
    can_close: bool = True  # every window in it is over a watermark
    is_closing: bool = False  # a stream that it reads emits at the close
    end: str = ""  # of a window over a relation: its end, by the query's columns
    is_tumble: bool = False  # each row is in one window
    table: GenTable | None = None  # that relation


@dataclass
class Closing:
    """What a stream of windows holds before the end: those whose end is this long before the watermark."""

    end: str
    lateness_s: int
    table: GenTable
    late: str = ""  # the relation that gets rows that come too late


@dataclass
class Case:
    seed: int
    tables: list[GenTable]
    upstreams: list[Upstream]
    query: Any
    emit: str
    events: list[Event]
    is_closing: bool
    has_duck: bool
    used: set[str]
    closing: Closing | None = None
    is_ticking: bool = False  # some stream emits once a period
    clock_s: int = 0

    def script(self) -> Script:
        self.clock_s = 0
        contents: dict[str, dict[Any, dict[str, str]]] = {t.name: {} for t in self.tables}
        tables = {t.name: t for t in self.tables}
        shot = self.query.sql(SHOT)
        in_time = self.in_time()
        steps = [Step("sql", f"SET clock = '{EPOCH.isoformat(sep=' ')}'")] if self.is_ticking else []
        for event in self.events:
            for step in self.steps(event, tables, contents):
                if self.is_ticking and event.kind != "tick":
                    step.expect = "-"
                elif self.closing and event.kind != "watermark":
                    step.expect = self.closed(in_time, list(contents[self.closing.table.name].values()))
                steps.append(step)
        if self.closing and self.closing.late:
            steps[-1].expect = in_time
        rows = {name: [f"({', '.join(row.values())})" for row in kept.values()] for name, kept in contents.items()}
        cells = {name: [list(row.values()) for row in kept.values()] for name, kept in contents.items()}
        over = self.query.sql(STREAM)
        duck = self.query.sql(DUCK) if self.has_duck else ""
        return Script(
            name=f"seed_{self.seed}",
            tables=[Table(t.name, t.ddl(), [(c, t.types(c)[1]) for c in t.columns]) for t in self.tables],
            steps=steps, shot=shot, duck=duck, contents=rows, cells=cells,
            over_streams=over if over != shot else "", at_end_only=self.is_closing)

    def in_time(self) -> str:
        """The one-shot query over the rows that did not come too late."""
        windowed = getattr(self.query, "source", None)
        if not self.closing or not self.closing.late or not isinstance(windowed, Windowed):
            return self.query.sql(SHOT)
        rel = windowed.rel
        name, rel.name = rel.name, f"(SELECT * FROM {rel.name} EXCEPT ALL SELECT * FROM {self.closing.late})"
        text = self.query.sql(SHOT)
        rel.name = name
        return text

    def closed(self, shot: str, rows: list[dict[str, str]]) -> str:
        closing = self.closing
        assert closing
        if not rows:
            return "-"
        newest = max(row.get("ts", "") for row in rows)
        return (f"SELECT * FROM ({shot}) x WHERE x.{closing.end} + INTERVAL '{closing.lateness_s}' SECOND <= "
                f"{newest} - INTERVAL '{closing.table.delay_s}' SECOND")

    def steps(self, event: Event, tables: dict[str, GenTable], contents: dict[str, dict[Any, dict[str, str]]]) -> list[Step]:
        if event.kind == "create":
            if event.upstream >= 0:
                up = self.upstreams[event.upstream]
                return [Step("create", f"CREATE STREAM {up.name} AS {up.query.sql(STREAM)} {up.emit}".strip())]
            return [Step("create", f"CREATE STREAM q AS {self.query.sql(STREAM)} {self.emit}".strip())]
        if event.kind == "subscribe":
            return [Step("subscribe", "")]
        if event.kind == "recreate":
            return [Step("recreate", f"CREATE STREAM q AS {self.query.sql(STREAM)} {self.emit}".strip())]
        if event.kind == "watermark":
            return [Step("watermark", event.table, END_MS)]
        if event.kind == "transaction":
            texts = [step.text for part in event.parts for step in self.steps(part, tables, contents)]
            return [Step("transaction", "\n".join(texts))] if texts else []
        if event.kind == "tick":
            return self.ticks()
        table = tables[event.table]
        kept = contents[event.table]
        if event.kind == "insert":
            for row in event.rows:
                row = {c: row.get(c, "NULL") for c in table.columns}
                kept[tuple(row[k] for k in table.key) if table.key else len(kept)] = row
            values = ", ".join(f"({', '.join(row.get(c, 'NULL') for c in table.columns)})" for row in event.rows)
            return [Step("sql", f"INSERT INTO {table.name} VALUES {values}")] if event.rows else []
        where = f"{event.column} IS NULL" if event.value == "NULL" else f"{event.column} = {event.value}"
        if event.kind == "delete":
            for key in [k for k, row in kept.items() if row[event.column] == event.value]:
                del kept[key]
            return [Step("sql", f"DELETE FROM {table.name} WHERE {where}")]
        for row in kept.values():
            if row[event.column] == event.value:
                row[event.set_column] = event.set_value
        return [Step("sql", f"UPDATE {table.name} SET {event.set_column} = {event.set_value} WHERE {where}")]


    def ticks(self) -> list[Step]:
        """One period after the other, so that what a stream puts out at the end of one is read by the next stream."""
        n = len(self.upstreams) + 1
        steps = []
        for i in range(n):
            self.clock_s += 10
            text = f"SET clock = '{(EPOCH + dt.timedelta(seconds=self.clock_s)).isoformat(sep=' ')}'"
            steps.append(Step("sql", text, expect="" if i == n - 1 else "-"))
        return steps


class Generator:
    def __init__(self, seed: int, support: Support) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.support = support
        self.exprs = Exprs(self.rng, {name.removeprefix("function ") for name in support.off})
        self.aggregates = Aggregates(self.rng, self.exprs, support)
        self.n_aliases = 0
        self.n_names = 0
        self.used: set[str] = set()
        self.tables: list[GenTable] = []
        self.streams: list[tuple[Upstream, Query]] = []  # that may be read
        self.bare: set[str] = set()  # relations that stand in FROM under their own name
        self.pending_where: Expr | None = None  # of a join by comma
        self.lateness_s = 0  # of the last stream

    # --- drawing

    def flip(self, p: float) -> bool:
        return self.rng.random() < p

    def pick(self, group: str, without: set[str] | None = None) -> str:
        """A construct of the group, by weight; "" if all are off."""
        names = [n for n, c in CONSTRUCTS.items() if c.group == group and self.support.has(n) and n not in (without or set())]
        if not names:
            return ""
        name = self.rng.choices(names, [CONSTRUCTS[n].weight for n in names])[0]
        self.used.add(name)
        return name

    def may(self, name: str) -> bool:
        if self.support.has(name) and self.flip(CONSTRUCTS[name].weight):
            self.used.add(name)
            return True
        return False

    def alias(self) -> str:
        self.n_aliases += 1
        return f"a{self.n_aliases}"

    def name(self) -> str:
        self.n_names += 1
        return f"c{self.n_names}"

    # --- relations

    def table(self, i: int) -> GenTable:
        rng = self.rng
        shape = rng.choice(["append", "append", "append", "keyed", "table"])
        columns: dict[str, str] = {}
        key: tuple[str, ...] = ()
        if shape == "append":
            if self.flip(0.5):
                columns["id"] = "id"
            columns["k"] = rng.choice(["key", "key", "key_int", "small"])
        else:
            columns["k"] = rng.choice(["key", "key", "key", "key_int", "key_text", "key_date"])
            key = ("k",)
            if self.flip(0.25):
                columns["k2"] = rng.choice(["key_text", "key_int"])
                key = ("k", "k2")
        for n in range(rng.randrange(1, 5)):
            kind = rng.choice(COMMON_KINDS if self.flip(0.75) else VALUE_KINDS)
            columns[f"{kind[0]}{n}"] = kind
        table = GenTable(f"r{i}", "TABLE" if shape == "table" else "SOURCE", columns, key)
        if self.flip(0.8 if shape == "append" else 0.6):
            columns["ts"] = rng.choice(["clock", "clock", "clock_ms"])
            if shape == "append" and self.flip(0.75):
                table.delay_s = rng.choice([0, 2, 10])
                table.skew_s = table.delay_s if self.flip(0.7) else 0
            else:
                table.skew_s = rng.choice([0, 15])
            if shape == "keyed" and self.may("keyed watermark"):
                table.delay_s = 3600  # no change comes too late
        return table

    # --- FROM

    def source(self, depth: int) -> Source:
        kind = self.pick("from", set() if depth > 0 else {"derived", "join"})
        if kind == "derived":
            query = self.query(depth - 1)
            alias = self.alias()
            cols = [leaf(c, f"{alias}.{c.name}") for c in query.cols]
            return Source(Derived(query.node, alias), cols, query.size, query.is_append_only, query.has_window, query.can_close, query.is_closing)
        if kind == "join":
            return self.join(depth)
        return self.relation()

    def relation(self, only: list[GenTable] | None = None) -> Source:
        rng = self.rng
        alias = self.alias()
        if only is None and self.streams and self.flip(0.7):
            return self.stream_source(*(self.streams[-1] if self.flip(0.6) else rng.choice(self.streams)), alias)
        table = rng.choice(only or self.tables)
        if self.flip(0.5) and table.name not in self.bare:
            alias = table.name
            self.bare.add(alias)
        cols = [leaf(c, f"{alias}.{c.name}") for c in table.cols()]
        return Source(Rel(table.name, alias), cols, N_ROWS if not table.key else 12, not table.key, table=table)

    def stream_source(self, upstream: Upstream, query: Query, alias: str = "") -> Source:
        alias = alias or self.alias()
        cols = [leaf(c, f"{alias}.{c.name}") for c in query.cols]
        return Source(Rel(upstream.name, alias, upstream), cols, query.size, query.is_append_only, is_closing=upstream.is_closing or query.is_closing)

    def equal_pair(self, left: Source, right: Source) -> Expr | None:
        """left.x = right.y, by a column of a small domain where there is one."""
        pairs = [(a, b) for a in left.cols for b in right.cols
                 if a.cat == b.cat and a.cat in GROUPED and a.level < 2 and b.level < 2 and not (a.cat == "decimal" and (max(a.bits, b.bits) == 38 and a.bits != b.bits or 39 in (a.bits, b.bits)))
                 and 65 not in (a.bits, b.bits)]
        if not pairs:
            return None
        keys = [p for p in pairs if p[0].name.startswith("k") or p[1].name.startswith("k")]
        a, b = self.rng.choice(keys if keys and self.flip(0.8) else pairs)
        return make(Expr("", cat="bool"), "{0} = {1}", a.ref(), b.ref())

    def join(self, depth: int) -> Source:
        rng = self.rng
        left = self.settled(self.source(depth - 1))
        right = self.settled(self.source(depth - 1 if self.flip(0.3) else 0))
        # The column of a USING has no qualifier.
        names = [{c.name for c in s.cols} for s in (left, right)]
        left.cols = [c for c in left.cols if "." in c.ref().text or c.name not in names[1]]
        right.cols = [c for c in right.cols if "." in c.ref().text or c.name not in names[0]]
        both = left.cols + right.cols
        kind = self.pick("join")
        append_only = left.is_append_only and right.is_append_only
        source = Source(None, both, 0, append_only, left.has_window or right.has_window, left.can_close and right.can_close,
                        left.is_closing or right.is_closing)
        size = max(left.size * right.size // 6, left.size)
        for c in both:
            c.is_unique = c.is_event = False
        plain = {"inner join": "JOIN", "left join": "LEFT JOIN", "right join": "RIGHT JOIN", "full join": "FULL JOIN", "semi join": "LEFT SEMI JOIN",
                 "anti join": "LEFT ANTI JOIN", "comma join": ","}
        if kind.startswith(("asof", "interval", "temporal")):
            timed = self.timed_join(kind, left, right)
            if timed:
                return timed
            kind = "left join"
        if kind.startswith("lateral"):
            return self.lateral_join(kind, left)
        if kind.startswith("natural"):
            if natural := self.natural_join(kind, left, right, source, size):
                return natural
            kind = "inner join"
        if kind.endswith("using"):
            shared = self.shared_names(left, right)
            if shared and size <= MAX_ROWS and isinstance(left.node, (Rel, Derived)) and isinstance(right.node, (Rel, Derived)):
                name = rng.choice(shared)
                word = {"using": "JOIN", "left using": "LEFT JOIN", "full using": "FULL JOIN"}[kind]
                source.node = Join(word, left.node, right.node, using=[name])
                merged = next(c for c in left.cols if c.name == name)
                source.cols = [c for c in both if c.name != name] + [leaf(merged, name)]
                source.size = size
                source.is_append_only = append_only and kind == "using"
                return source
            kind = "inner join"
        on = self.equal_pair(left, right)
        if kind.startswith("non-equi"):
            if left.size * right.size <= MAX_ROWS:
                word = {"non-equi join": "JOIN", "non-equi left join": "LEFT JOIN", "non-equi full join": "FULL JOIN"}[kind]
                source.node = Join(word, left.node, right.node, self.exprs.comparison(both, 1))
                source.size = left.size * right.size
                source.is_append_only = append_only and word == "JOIN"
                return source
            kind = "inner join"
        if kind == "cross join" or on is None:
            if left.size * right.size > MAX_ROWS:
                return left
            source.node = Join("CROSS JOIN", left.node, right.node)
            source.size = left.size * right.size
            return source
        if size > MAX_ROWS and kind not in ("semi join", "anti join"):
            return left
        if self.flip(0.2) and (second := self.equal_pair(left, right)):
            on = make(on, "{0} AND {1}", on, second)
        if self.flip(0.2):
            on = make(on, "{0} AND {1}", on, self.exprs.condition(both, 1))
        source.size = size
        word = plain[kind]
        source.is_append_only = append_only and kind in ("inner join", "comma join")
        if kind == "comma join":
            is_plain = isinstance(left.node, (Rel, Derived)) and isinstance(right.node, (Rel, Derived))
            source.node = Join(",", left.node, right.node) if is_plain else Join("JOIN", left.node, right.node, on)
            self.pending_where = on if is_plain else None
            return source
        source.node = Join(word, left.node, right.node, on, duck_kind=word.replace("LEFT SEMI", "SEMI").replace("LEFT ANTI", "ANTI"))
        if kind in ("semi join", "anti join"):
            source.cols = left.cols
            source.size = left.size
        return source

    def natural_join(self, kind: str, left: Source, right: Source, source: Source, size: int) -> Source | None:
        shared = self.shared_names(left, right)
        both = {c.name for c in left.cols} & {c.name for c in right.cols}
        is_plain = isinstance(left.node, (Rel, Derived)) and isinstance(right.node, (Rel, Derived))
        if not shared or set(shared) != both or size > MAX_ROWS or not is_plain:
            return None
        word = {"natural join": "NATURAL JOIN", "natural left join": "NATURAL LEFT JOIN", "natural full join": "NATURAL FULL JOIN"}[kind]
        source.node = Join(word, left.node, right.node)
        merged = [leaf(c, c.name) for c in left.cols if c.name in both]
        source.cols = [c for c in source.cols if c.name not in both] + merged
        source.size = size
        source.is_append_only &= kind == "natural join"
        return source

    def lateral_join(self, kind: str, left: Source) -> Source:
        """Each row of left with a query over a relation that reads the row's columns."""
        inner = self.relation()
        if any(c.ref().text.startswith(f"{inner.node.alias}.") for c in left.cols):
            return left  # its name would hide the outer one
        names = {c.name for c in inner.cols}
        outer = replace(left, cols=[c for c in left.cols if "." in c.ref().text or c.name not in names])
        pair = self.equal_pair(inner, outer)
        if pair is None or left.size * inner.size // 6 > MAX_ROWS:
            return left
        where = make(pair, "{0} AND {1}", pair, self.exprs.condition(inner.cols + outer.cols, 1)) if self.flip(0.3) else pair
        query = Query(Select([], inner.node, where), [], inner.size // 6 + 1, inner.is_append_only, inner.has_window, inner.can_close, inner.is_closing)
        shape = self.rng.choice(["plain", "plain", "global", "top_n", "distinct"])
        {"plain": self.plain, "global": self.group_all, "top_n": self.top_n, "distinct": self.distinct}[shape](query, inner, "lateral")
        if shape == "plain" and self.flip(0.5):
            self.add_item(query, self.any_expr(inner.cols + outer.cols, 1))
        alias = self.alias()
        cols = left.cols + [leaf(c, f"{alias}.{c.name}") for c in query.cols]
        for c in cols:
            c.is_unique = c.is_event = False
        node = Lateral(query.node, alias)
        if kind == "lateral join":
            join = Join("CROSS JOIN", left.node, node)
        else:
            join = Join("LEFT JOIN", left.node, node, Expr("TRUE", cat="bool", is_atom=True))
        return Source(join, cols, max(left.size, left.size * query.size), False, left.has_window or inner.has_window, left.can_close and inner.can_close,
                      left.is_closing or inner.is_closing)

    def settled(self, source: Source) -> Source:
        """A comma binds weaker than what comes next."""
        if isinstance(source.node, Join) and source.node.kind == ",":
            source.node.kind, source.node.on, self.pending_where = "JOIN", self.pending_where, None
        return source

    def shared_names(self, left: Source, right: Source) -> list[str]:
        theirs = {c.name: c for c in right.cols}
        names = [c.name for c in left.cols] + [c.name for c in right.cols]
        return [c.name for c in left.cols if c.name in theirs and theirs[c.name].cat == c.cat and c.cat in ORDERED and c.level < 2
                and names.count(c.name) == 2 and c.bits == theirs[c.name].bits and (c.cat, c.bits) != ("decimal", 39)]

    def timed_join(self, kind: str, left: Source, right: Source) -> Source | None:
        clocked = [t for t in self.tables if "ts" in t.columns]
        if kind.startswith(("asof", "temporal")):
            clocked = [t for t in clocked if not t.key and (t.delay_s >= 0 or kind.startswith("asof"))]
        if not clocked:
            return None
        left, right = self.relation(clocked), self.relation(clocked)
        on = self.equal_pair(left, right)
        if on is None:
            return None
        a, b = (next(c for c in s.cols if c.name == "ts").ref() for s in (left, right))
        both = left.cols + right.cols
        for c in both:
            c.is_unique = c.is_event = False
        if kind.startswith("temporal"):
            word = "LEFT JOIN" if "left" in kind else "JOIN"
            right.node.version = f"FOR SYSTEM_TIME AS OF {a.sql(SHOT)}"
            on = make(on, "{0}", on, duck="{0} AND " + f"{a.sql(SHOT)} >= {b.sql(SHOT)}")
            return Source(Join(word, left.node, right.node, on, duck_kind="ASOF " + word), both, left.size, False)
        if kind == "asof nearest join":
            on = make(on, "{0}", on, has_duck=False)
            word = self.rng.choice(["ASOF JOIN", "ASOF LEFT JOIN"])
            return Source(Join(word, left.node, right.node, on, match=f"MATCH_CONDITION (NEAREST({a.sql(SHOT)}, {b.sql(SHOT)}))"), both, left.size, False)
        if kind.startswith("asof"):
            word = kind.upper()
            on = make(on, "{0} AND {1} " + self.rng.choice([">=", ">", "<=", "<"]) + " {2}", on, a, b)
            size = left.size + (right.size if kind in ("asof right join", "asof full join") else 0)
            return Source(Join(word, left.node, right.node, on), both, size, False)
        word = "LEFT JOIN" if "left" in kind else "JOIN"
        low, high = self.rng.choice([(5, 5), (0, 8), (3, 0), (10, -2)])
        upper = f"+ INTERVAL '{high}' SECOND" if high >= 0 else f"- INTERVAL '{-high}' SECOND"
        bounds = "{0} AND {1} BETWEEN {2} - INTERVAL '" + str(low) + "' SECOND AND {2} " + upper
        on = make(on, bounds, on, a, b)
        # With watermarks a row without a match comes when it can no longer have one.
        waits = "left" in kind and all(s.table and s.table.delay_s >= 0 for s in (left, right))
        return Source(Join(word, left.node, right.node, on), both, left.size * 4, "left" not in kind, is_closing=waits)

    # --- queries

    def query(self, depth: int) -> Query:
        if depth > 0 and self.may("cte"):
            return self.with_query(depth)
        shape = self.pick("shape")
        if shape == "set":
            return self.set_query(depth)
        if shape == "window" and (found := self.window_query()):
            return found
        outer, self.bare, self.pending_where = self.bare, set(), None
        source = self.source(depth)
        if not source.cols:  # all were merged by USING
            source, self.pending_where = self.relation(), None
        extra, self.pending_where = self.pending_where, None
        select = Select([], source.node)
        query = Query(select, [], source.size, source.is_append_only, source.has_window, source.can_close, source.is_closing)
        if self.flip(0.3):
            select.where = self.condition(source, depth)
        if extra:
            select.where = make(extra, "{0} AND {1}", extra, select.where) if select.where else extra
        if select.where:
            for c in source.cols:
                c.is_event = False  # it may be known to be false: then there is no watermark either
        method = {"group": self.group, "global": self.group_all, "distinct": self.distinct, "top_n": self.top_n, "row_number": self.row_number,
                  "distinct_on": self.distinct_on, "over": self.over, "grouping_sets": self.grouping, "rollup": self.grouping, "cube": self.grouping,
                  "unnest": self.unnest}.get(shape, self.plain)
        method(query, source, shape)
        # What sub-queries read.
        query.is_append_only &= source.is_append_only
        query.is_closing |= source.is_closing
        self.bare = outer
        return query

    def condition(self, source: Source, depth: int) -> Expr:
        where = self.exprs.condition(source.cols, 2)
        if depth > 0 and self.flip(0.3) and (sub := self.subquery(source)):
            where = make(sub, self.rng.choice(["({0} AND {1})", "({0} AND {1})", "({1} OR {0})"]), where, sub) if self.flip(0.4) else sub
        return where

    def subquery(self, source: Source) -> Expr | None:
        """A condition with a sub-query, over a relation of its own."""
        rng = self.rng
        kind = self.pick("subquery")
        if not kind:
            return None
        inner = self.relation()
        if any(c.ref().text.startswith(f"{inner.node.alias}.") for c in source.cols):
            return None  # its name would hide the outer one
        source.is_closing |= inner.is_closing
        source.is_append_only = False
        names = {c.name for c in inner.cols}
        outer = replace(source, cols=[c for c in source.cols if "." in c.ref().text or c.name not in names])  # those that the inner ones don't hide
        pair = None
        for _ in range(4):
            if pair := self.equal_pair(inner, outer):
                break
        if pair is None:
            return None
        ours, theirs = pair.args
        where = self.exprs.condition(inner.cols, 1) if self.flip(0.4) else None
        like = Expr("", cat="bool")
        if kind in ("in", "not in"):
            select = Select([Item(ours, self.name())], inner.node, where)
            return make(like, "({0} " + kind.upper() + " ({1}))", theirs, Expr("{0}", [select], cat="query"))
        if kind in ("any", "all"):
            if ours.cat not in ORDERED:
                return None
            second = self.equal_pair(inner, outer) if self.flip(0.4) else None
            on = make(second, "{0} AND {1}", second, where) if second and where else second or where
            select = Select([Item(ours, self.name())], inner.node, on)
            op = rng.choice(["<", ">=", "=", "<>", ">"])
            return make(like, "({0} " + f"{op} {kind.upper()}" + " ({1}))", theirs, Expr("{0}", [select], cat="query"))
        if kind in ("row in", "row not in"):
            second = self.equal_pair(inner, outer)
            assert second
            select = Select([Item(ours, self.name()), Item(second.args[0], self.name())], inner.node, where)
            return make(like, "(({0}, {1}) " + kind[4:].upper() + " ({2}))", theirs, second.args[1], Expr("{0}", [select], cat="query"))
        if kind == "array":
            known = [c for c in inner.cols if c.cat in ORDERED and c.level < 2]
            if not known:
                return None
            value = rng.choice(known).ref()
            order = Order(value, self.flip(0.5), rng.choice(["FIRST", "LAST"]))
            select = Select([Item(value, self.name())], inner.node, make(pair, "{0} AND {1}", pair, where) if where else pair, order=[order])
            if self.flip(0.3):
                select.limit = 2
            array = Expr("ARRAY({0})", [select], cat="array")
            return make(like, "({0} " + rng.choice(["=", "<>"]) + " {1})", array, Expr("ARRAY({0})", [copy.deepcopy(select)], cat="array")) if self.flip(0.1) \
                else make(like, "(len({0}) " + rng.choice(["> 1", "= 1", "IS NULL"]) + ")", array)
        if kind in ("exists", "not exists"):
            on = make(pair, "{0} AND {1}", pair, where) if where else pair
            select = Select([Item(Expr("1", is_atom=True), self.name())], inner.node, on)
            return make(like, "(" + kind.upper() + " ({0}))", Expr("{0}", [select], cat="query"))
        if kind == "correlated count":
            value = make(Expr("", cat="int", bound=10**6), "count({0})", rng.choice(inner.cols).ref())
        else:
            value = self.aggregates.draw(inner.cols, ["int", "double"], inner.is_append_only, level=1)
            if "count" in value.text and kind == "correlated":
                kind = "scalar"
        if kind != "scalar":
            where = make(pair, "{0} AND {1}", pair, where) if where else pair
        select = Select([Item(value, self.name())], inner.node, where)
        other = self.exprs.draw(source.cols, value.cat, 1, 1)
        return make(like, "({0} " + rng.choice(["<", ">=", "=", "<>"]) + " ({1}))", other, Expr("{0}", [select], cat="query", has_duck=value.has_duck))

    def add_item(self, query: Query, e: Expr) -> None:
        col = col_of(self.name(), e)
        query.node.items.append(Item(e, col.name))
        query.cols.append(col)

    def any_expr(self, cols: list[Col], depth: int) -> Expr:
        col = self.rng.choice(cols)
        return self.exprs.draw(cols, col.cat, depth)

    def plain(self, query: Query, source: Source, shape: str) -> None:
        passed = self.rng.sample(source.cols, min(len(source.cols), self.rng.randrange(1, 5)))
        for c in passed:
            name = self.name() if self.flip(0.5) or c.name in [q.name for q in query.cols] else c.name
            query.node.items.append(Item(c.ref(), name))
            query.cols.append(replace(c, name=name, expr=None))
        for _ in range(self.rng.randrange(0, 3)):
            self.add_item(query, self.any_expr(source.cols, 2))
        if shape == "plain" and self.flip(0.08) and (sub := self.subquery(source)):
            self.add_item(query, sub)
            query.is_append_only = False
            query.is_closing |= source.is_closing

    def keys(self, source: Source, most: int) -> list[Expr]:
        keys = []
        known = groupable(source.cols)
        for _ in range(self.rng.randrange(1, most + 1)):
            if known and self.flip(0.75):
                keys.append(self.rng.choice(known).ref())
            else:
                cat = self.rng.choice(known).cat if known else "int"
                keys.append(self.exprs.draw(source.cols, cat, 1, 1))
        # A constant would be a position.
        return list({k.sql(SHOT): k for k in keys if k.cat in GROUPED and any(isinstance(e, Expr) and e.is_column for e in walk(k))}.values())

    def group(self, query: Query, source: Source, shape: str) -> None:
        keys = self.keys(source, 3)
        query.node.groups = keys
        query.size = min(source.size, 40)
        self.aggregate(query, source, keys)

    def aggregate(self, query: Query, source: Source, keys: list[Expr], may_skip: bool = True) -> None:
        """The select list and HAVING of an aggregate: expressions over its keys and aggregates."""
        rng = self.rng
        scope = []
        for i, key in enumerate(keys):
            scope.append(replace(col_of(f"g{i}", key), expr=key))
            if not may_skip or self.flip(0.85):
                self.add_item(query, key)
                query.cols[-1].is_unique = len(keys) == 1 and len(query.node.groups) == 1
        if not keys and not query.node.groups:
            may_skip = False
        for _ in range(rng.randrange(0 if query.cols else 1, 5)):
            aggregate = self.aggregates.draw(source.cols, None, source.is_append_only)
            scope.append(replace(col_of("x", aggregate), expr=aggregate))
            if self.flip(0.85):
                self.add_item(query, aggregate)
            else:
                self.add_item(query, self.exprs.draw(scope, aggregate.cat, 1))
        if not query.cols:
            self.add_item(query, self.aggregates.draw(source.cols, ["int"], source.is_append_only))
        if self.may("having"):
            scope = [s for s in scope if s.level < 2]
            if scope:
                query.node.having = self.exprs.condition(scope, 1)
        query.is_append_only = False

    def group_all(self, query: Query, source: Source, shape: str) -> None:
        query.size = 1
        self.aggregate(query, source, [])
        if not any(e.text and "(" in e.text for e in (i.expr for i in query.node.items)):
            self.add_item(query, self.aggregates.draw(source.cols, ["int"], source.is_append_only))

    def distinct(self, query: Query, source: Source, shape: str) -> None:
        query.node.distinct = "DISTINCT"
        known = groupable(source.cols)
        for c in self.rng.sample(known, min(len(known), self.rng.randrange(1, 4))):
            self.add_item(query, c.ref())
        if not known or self.flip(0.2):
            self.add_item(query, self.exprs.draw(source.cols, self.rng.choice(["int", "text", "bool"]), 2, 1))
        query.size = min(query.size, 40)

    def total_order(self, cols: list[Col]) -> list[Order] | None:
        """Orders by some columns, then by all the others; None where ties can't be told apart."""
        if any(c.cat not in ORDERED or c.level > 1 for c in cols):
            return None
        rng = self.rng
        return [Order(c.ref(), self.flip(0.4), rng.choice(["FIRST", "LAST"])) for c in rng.sample(cols, len(cols))]

    def ordered_source(self, query: Query, source: Source) -> list[Col]:
        """Some columns that can be sorted, all of which are selected."""
        known = [c for c in source.cols if c.cat in ORDERED and c.level < 2]
        cols = self.rng.sample(known, min(len(known), self.rng.randrange(1, 5)))
        for c in cols:
            query.node.items.append(Item(c.ref(), name := self.name()))
            query.cols.append(replace(c, name=name, expr=None))
        if not cols:
            self.add_item(query, self.exprs.constant("int"))
        query.is_append_only = False
        return cols

    def top_n(self, query: Query, source: Source, shape: str) -> None:
        cols = self.ordered_source(query, source)
        if not cols:
            return
        query.node.order = self.total_order(cols) or []
        query.node.limit = self.rng.choice([1, 2, 3, 5, 10])
        query.node.offset = self.rng.choice([0, 0, 0, 1, 4])
        query.size = query.node.limit

    def row_number(self, query: Query, source: Source, shape: str) -> None:
        cols = self.ordered_source(query, source)
        if not cols:
            return
        order = self.total_order(cols) or []
        partition = self.keys(source, 2) if self.flip(0.8) else []
        args = [*partition, *(Expr("{0}", [o], cat="order") for o in order)]
        by = ", ".join("{%d}" % i for i in range(len(partition)))
        text = "row_number() OVER (" + (f"PARTITION BY {by} " if by else "") + "ORDER BY "
        text += ", ".join("{%d}" % (len(partition) + i) for i in range(len(order))) + f") <= {self.rng.choice([1, 2, 3])}"
        # Rows of other partitions must not tie within one.
        query.node.qualify = Expr(text, args, cat="bool")

    def distinct_on(self, query: Query, source: Source, shape: str) -> None:
        cols = self.ordered_source(query, source)
        order = self.total_order(cols)
        if not cols or not order:
            return
        n = self.rng.randrange(1, len(order) + 1)
        query.node.distinct = "DISTINCT ON"
        query.node.distinct_on = [o.expr for o in order[:n]]
        query.node.order = order

    def over(self, query: Query, source: Source, shape: str) -> None:
        cols = self.ordered_source(query, source)
        if not cols:
            return
        # Which of equal rows comes first is not said: what depends on it stands alone.
        for n in range(self.rng.randrange(1, 3)):
            e = self.over_expr(source, cols, n == 0)
            self.add_item(query, e)
            if any(word in e.text for word in ("row_number", "lag(", "lead(", "ntile", "_value", "ROWS")):
                break

    def over_expr(self, source: Source, cols: list[Col], may_be_total: bool) -> Expr:
        rng = self.rng
        partition = self.keys(source, 2) if self.flip(0.7) else []
        order = self.total_order(cols) or []
        is_total = may_be_total and self.flip(0.7)
        if not is_total:
            order = order[:1]
        numbers = [c for c in cols if c.cat in ("int", "double") and c.level == 0 and c.bound < 2**40]
        e = Expr("", cat="int", bound=10**6)
        forms = ["rank()", "dense_rank()", "count(*)"]
        if is_total:
            forms += ["row_number()", "lag", "lead", "first_value", "last_value", "ntile(3)", "nth_value"]
        if numbers:
            forms += ["sum", "min", "max", "avg"]
        form = rng.choice(forms)
        value = rng.choice(numbers if form in ("sum", "min", "max", "avg") else cols)
        call = form
        args: list[Any] = []
        if "(" not in form:
            args.append(value.ref())
            e = Expr("", cat=value.cat, bound=value.bound, bits=value.bits, level=value.level)
            call = {"lag": "lag({0}, %d)" % rng.choice([1, 2]), "lead": "lead({0})", "nth_value": "nth_value({0}, 2)"}.get(form, form + "({0})")
            if form == "sum":
                e.bound, e.bits = value.bound * 5000, 64
            elif form == "avg":
                e.cat, e.bound, e.level = "double", value.bound, 2
        n = len(args)
        args += partition
        args += [Expr("{0}", [o], cat="order") for o in order]
        parts = []
        if partition:
            parts.append("PARTITION BY " + ", ".join("{%d}" % (n + i) for i in range(len(partition))))
        by_order = "ORDER BY " + ", ".join("{%d}" % (n + len(partition) + i) for i in range(len(order)))
        if form in ("sum", "min", "max", "avg", "count(*)") and self.flip(0.15):
            e.text, e.args = f"{call} OVER ({' '.join(parts)})", args[: n + len(partition)]
            return e
        parts.append(by_order)
        if form in ("sum", "min", "max", "avg", "count(*)") and self.flip(0.3):
            frames = ["GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING", "GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING",
                      "RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING"]
            if len(order) == 1 and order[0].expr.cat == "int" and order[0].expr.bound < 2**31:
                frames += ["RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING", "RANGE BETWEEN 1 FOLLOWING AND 3 FOLLOWING"] * 2
            parts.append(rng.choice(frames))
        elif form in ("sum", "min", "max", "avg", "count(*)", "first_value", "last_value") and is_total and self.flip(0.5):
            parts.append(rng.choice(["ROWS BETWEEN 2 PRECEDING AND CURRENT ROW", "ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
                                     "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
                                     "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"]))
        e.text, e.args = f"{call} OVER ({' '.join(parts)})", args
        return e

    def grouping(self, query: Query, source: Source, shape: str) -> None:
        keys = [k for k in self.keys(source, 3) if k.is_atom]
        if not keys:
            return self.group_all(query, source, shape)
        query.node.groups = keys
        query.node.group_form = {"rollup": "ROLLUP", "cube": "CUBE"}.get(shape, "SETS")
        sets = [sorted(self.rng.sample(range(len(keys)), self.rng.randrange(len(keys) + 1))) for _ in range(self.rng.randrange(1, 4))]
        rest = sorted(set(range(len(keys))) - {i for s in sets for i in s})
        query.node.sets = [*sets, rest] if rest else sets
        query.size = min(source.size * 2, 80)
        self.aggregate(query, source, keys)
        for c in query.cols:
            c.is_unique = False

    def unnest(self, query: Query, source: Source, shape: str) -> None:
        self.plain(query, source, shape)
        lists = [c for c in source.cols if c.cat == "list"]
        if lists:
            self.add_item(query, make(Expr("", cat="int", bound=2**63), "unnest({0})", self.rng.choice(lists).ref()))
            for c in query.cols:
                c.is_unique = False
            query.size *= 2

    def with_query(self, depth: int) -> Query:
        """A CTE that is read like a relation, once or twice."""
        inner = self.query(depth - 1)
        name = "w" + self.alias()[1:]
        saved, self.streams = self.streams, [*self.streams]
        self.streams.append((Upstream(name, None, is_closing=inner.is_closing), inner))
        body = self.query(depth - 1)
        self.streams = saved
        if any(isinstance(n, Rel) and n.name == name or isinstance(n, Windowed) and n.rel.name == name for n in walk(body.node)):
            ctes = [Derived(inner.node, name)]
            body.node = With(ctes + body.node.ctes, body.node.body) if isinstance(body.node, With) else With(ctes, body.node)
            body.has_window |= inner.has_window
            body.can_close &= inner.can_close
            body.is_closing |= inner.is_closing
        return body

    def set_query(self, depth: int) -> Query:
        kind = self.pick("set")
        left = self.query(max(depth - 1, 0))
        right = self.query(max(depth - 1, 0))
        known = [c for c in left.cols if c.cat in GROUPED and c.level < 2] if kind != "UNION ALL" else left.cols
        pairs = []
        for c in known:
            match = [d for d in right.cols if d.cat == c.cat and (kind == "UNION ALL" or d.level < 2) and (c.cat != "decimal" or c.bits == d.bits != 39)
                     and 65 not in (c.bits, d.bits)]
            if match:
                pairs.append((c, self.rng.choice(match)))
        if not pairs:
            return left
        sides = []
        cols = []
        for i, q in enumerate((left, right)):
            alias = self.alias()
            items = [Item(leaf(p[i], f"{alias}.{p[i].name}").ref(), p[0].name) for p in pairs]
            sides.append(Select(items, Derived(q.node, alias)))
        for a, b in pairs:
            cols.append(replace(a, bound=max(a.bound, b.bound), bits=max(a.bits, b.bits), level=max(a.level, b.level), is_unique=False, is_event=False,
                                has_duck=a.has_duck and b.has_duck))
        return Query(SetQuery(kind, *sides), cols, left.size + right.size, kind == "UNION ALL" and left.is_append_only and right.is_append_only,
                     left.has_window or right.has_window, left.can_close and right.can_close, left.is_closing or right.is_closing)

    # --- time windows

    def window_query(self) -> Query | None:
        clocked = [t for t in self.tables if "ts" in t.columns]
        passed_on = [s for s in self.streams if s[1].is_append_only and any(c.name == "ts" and c.is_event for c in s[1].cols)]
        if not clocked and not passed_on:
            return None
        outer, self.bare = self.bare, set()
        is_stream = bool(passed_on) and (not clocked or self.flip(0.5))
        source = self.stream_source(*self.rng.choice(passed_on)) if is_stream else self.relation(clocked)
        self.bare = outer
        kind = self.pick("window", {"tumble table", "hop table"} if is_stream else set())
        select = Select([], source.node)
        alias = source.node.alias
        ts = next(c for c in source.cols if c.name == "ts")
        can_close = ts.is_event
        query = Query(select, [], 60, False, True, can_close, source.is_closing)
        slide, size = self.rng.choice([(5, 10), (5, 5), (4, 10), (10, 30), (1, 3)])
        like = Expr("", cat="ts")
        if self.flip(0.3) and kind != "session":
            select.where = self.exprs.condition(source.cols, 2)
        bucket = "time_bucket(INTERVAL {n} SECOND, CAST({t} AS TIMESTAMP), TIMESTAMP '1970-01-01')"
        if kind.startswith("tumble"):
            offset = self.rng.choice([1, 3]) if kind == "tumble offset" else 0
            start = f"(time_bucket(INTERVAL {size} SECOND, CAST(ts AS TIMESTAMP) - INTERVAL {offset} SECOND, TIMESTAMP '1970-01-01') + INTERVAL {offset} SECOND)"
            template = f"SELECT *, {start} AS win_a, {start} + INTERVAL {size} SECOND AS win_b FROM {{0}}"
            arguments = f"INTERVAL '{size}' SECOND" + (f", INTERVAL '{offset}' SECOND" if offset else "")
            function = "TUMBLE"
        elif kind.startswith("hop"):
            n = -(-size // slide)
            starts = bucket.format(n=slide, t="ts")
            template = (f"SELECT *, win_a + INTERVAL {size} SECOND AS win_b FROM (SELECT *, unnest([{starts} - to_seconds(o * {slide}) FOR o IN range({n})]) AS win_a "
                        f"FROM {{0}}) WHERE win_a + INTERVAL {size} SECOND > ts")
            arguments = f"INTERVAL '{slide}' SECOND, INTERVAL '{size}' SECOND"
            function = "HOP"
        elif kind == "cumulate":
            size = slide * self.rng.choice([2, 3])
            start = bucket.format(n=size, t="ts")
            template = (f"SELECT * FROM (SELECT *, {start} AS win_a, unnest([{start} + to_seconds(o * {slide}) FOR o IN range(1, {size // slide + 1})]) AS win_b "
                        f"FROM {{0}}) WHERE win_b > ts")
            arguments = f"INTERVAL '{slide}' SECOND, INTERVAL '{size}' SECOND"
            function = "CUMULATE"
        else:
            return self.session(query, source, ts, size)
        if kind.endswith("table"):
            select.source = Windowed(source.node, template, f"{function}({{0}}, ts, {arguments})")
            bounds = [leaf(Col("window_start", "ts"), f"{alias}.window_start"), leaf(Col("window_end", "ts"), f"{alias}.window_end")]
            select.source.duck = select.source.duck.replace("win_a", "window_start").replace("win_b", "window_end")
            query.has_window, query.can_close, query.is_append_only = False, True, source.is_append_only
            wide = replace(source, cols=source.cols + bounds, size=source.size * 2)
            query.size = wide.size
            for c in source.cols:
                c.is_unique = c.is_event = False
            if self.flip(0.4):
                self.plain(query, wide, "plain")
                return query
            self.group(query, wide, "group")
            query.has_window = True
            query.can_close = can_close and any(k.text == f"{alias}.window_start" for k in select.groups)
            return query
        select.source = Windowed(source.node, template)
        window = make(like, f"{function}({{0}}, {arguments})", ts.ref(), duck=f"{alias}.win_a")
        end = make(like, f"{function}_END({{0}}, {arguments})", ts.ref(), duck=f"{alias}.win_b")
        query.is_tumble = kind.startswith("tumble")
        return self.windowed(query, source, window, end, size, kind == "cumulate")

    def windowed(self, query: Query, source: Source, window: Expr, end: Expr, size: int, needs_end: bool) -> Query:
        keys = self.keys(source, 2) if self.flip(0.6) else []
        self.add_item(query, window)
        select = query.node
        query.end = f"{query.cols[0].name} + INTERVAL '{size}' SECOND"
        query.table = source.table
        if needs_end:
            query.end = f"c{self.n_names + 1}"
        if needs_end or self.flip(0.3):
            self.add_item(query, end)
        select.groups = [window, *keys, _DuckOnly(end)]
        self.aggregate(query, source, keys, may_skip=True)
        if query.node.having and self.flip(0.5):
            query.node.having = None
        return query

    def session(self, query: Query, source: Source, ts: Col, gap: int) -> Query:
        alias = source.node.alias
        known = [c for c in groupable(source.cols) if c.name not in ("ts", "id")]
        keys = self.rng.sample(known, min(len(known), self.rng.randrange(0, 3)))
        by = ", ".join(c.name for c in keys)
        over = f"OVER ({f'PARTITION BY {by} ' if by else ''}ORDER BY ts)"
        whole = f"OVER (PARTITION BY {by + ', ' if by else ''}win_a)"
        begun = f"CASE WHEN ts - lag(ts) {over} < INTERVAL {gap} SECOND THEN NULL ELSE ts END"
        template = (f"SELECT *, max(ts) {whole} + INTERVAL {gap} SECOND AS win_b FROM (SELECT *, max(begun) {over} AS win_a FROM "
                    f"(SELECT *, {begun} AS begun FROM {{0}}))")
        query.node.source = Windowed(source.node, template)
        like = Expr("", cat="ts")
        window = make(like, f"SESSION({{0}}, INTERVAL '{gap}' SECOND)", ts.ref(), duck=f"{alias}.win_a")
        end = make(like, f"SESSION_END({{0}}, INTERVAL '{gap}' SECOND)", ts.ref(), duck=f"{alias}.win_b")
        self.add_item(query, window)
        query.node.groups = [window, *(c.ref() for c in keys)]
        if self.flip(0.3):
            self.add_item(query, end)
            query.node.groups.append(_DuckOnly(end))
        self.aggregate(query, source, [c.ref() for c in keys])
        return query

    # --- cases

    def stream(self, depth: int) -> tuple[Query, str, bool]:
        """A query, its EMIT, and whether its rows come when windows close."""
        query = self.query(depth)
        if query.has_window and query.can_close and self.flip(0.55) and (emit := self.pick("emit_close")):
            self.lateness_s = self.rng.choice([0, 0, 5, 10]) if emit != "EMIT FINAL" else 0
            return query, emit + (f" ALLOW LATENESS INTERVAL '{self.lateness_s}' SECOND" if self.lateness_s else ""), True
        if self.may("EMIT EVERY"):
            query.cols = [replace(c, is_event=False) for c in query.cols]  # what is held back is behind its watermark
            return query, "EMIT EVERY INTERVAL '10' SECOND", query.is_closing
        if query.has_window or self.flip(0.1):
            return query, self.pick("emit"), query.is_closing
        return query, "", query.is_closing

    def case(self) -> Case:
        rng = self.rng
        self.tables = [self.table(i) for i in range(rng.choice([1, 2, 2, 3]))]
        for i in range(rng.choice([0, 0, 1, 1, 2, 3])):
            query, emit, is_closing = self.stream(rng.choice([0, 0, 1]))
            self.streams.append((Upstream(f"u{i}", query.node, emit, is_closing), query))
        query, emit, is_closing = self.stream(rng.choice([0, 1, 1, 2]))
        upstreams = [u for u, _ in self.streams]
        nodes = [n for root in [query.node, *(u.query for u in upstreams)] for n in walk(root)]
        has_duck = all(n.has_duck for n in nodes if isinstance(n, Expr))
        case = Case(self.seed, self.tables, upstreams, query.node, emit, [], is_closing, has_duck, self.used | self.aggregates.used)
        case.is_ticking = any("EVERY" in e for e in [emit, *(u.emit for u in upstreams)])
        if is_closing and not case.is_ticking and query.end and emit and not query.is_closing and query.table and query.table.delay_s >= 0 and "EMIT" in emit:
            waits = "WINDOW CLOSE" in emit
            if emit.startswith(("EMIT ON WINDOW CLOSE", "EMIT AFTER WATERMARK", "EMIT FINAL")):
                case.closing = Closing(query.end, self.lateness_s if waits else 0, query.table)
                if query.is_tumble and not query.table.key and self.may("LATE DATA TO"):
                    case.used.add("LATE DATA TO")
                    case.closing.late = "late"
                    case.emit += " LATE DATA TO late"
                    query.table.skew_s += 15
        case.events = Feed(rng, case).draw()
        return case


class _DuckOnly(Expr):
    """A group key that DuckDB must be told, and that the window implies in our dialect."""

    def __init__(self, e: Expr) -> None:
        super().__init__(e.text, e.args, e.duck, e.cat)

    def sql(self, dialect: str) -> str:
        return Expr.sql(self, dialect) if dialect == DUCK else ""


class Feed:
    """What happens to a case: inserts, upserts, deletes and updates in random cuts, and when its streams are made and read."""

    def __init__(self, rng: random.Random, case: Case) -> None:
        self.rng = rng
        self.case = case
        self.clock = 0
        self.n = 0
        self.live: dict[str, list[dict[str, str]]] = {t.name: [] for t in case.tables}

    def value(self, table: GenTable, column: str) -> str:
        rng = self.rng
        kind = table.columns[column]
        if kind == "id":
            self.n += 1
            return str(self.n)
        if kind.startswith("clock"):
            self.n += 1
            self.clock += rng.choice([0, 0, 1, 2])
            seconds = self.clock - (rng.randrange(table.skew_s + 1) if table.skew_s else 0)
            moment = EPOCH + dt.timedelta(seconds=seconds, milliseconds=self.n % 1000)
            return f"TIMESTAMP '{moment.isoformat(sep=' ', timespec='milliseconds')}'"
        k = KINDS[kind]
        if k.may_be_null and rng.random() < 0.12:
            return "NULL"
        return k.draw(rng)

    def change(self, table: GenTable) -> Event:
        rng = self.rng
        live = self.live[table.name]
        if table.key and live and rng.random() < 0.35:
            row = rng.choice(live)
            column = rng.choice([*table.key, rng.choice(list(table.columns))])
            kind = table.columns[column]
            if kind not in KINDS or (KINDS[kind].cat in ORDERED and kind != "wild"):
                # Times are told apart: one is not put into several rows.
                others = [c for c in table.columns if c not in table.key and (c != "ts" or table.key == (column,))]
                if others and rng.random() < 0.5:
                    changed = rng.choice(others)
                    return Event("update", table.name, column=column, value=row[column], set_column=changed, set_value=self.value(table, changed))
                return Event("delete", table.name, column=column, value=row[column])
        if rng.random() < 0.08:
            return Event("transaction", parts=[self.insert(rng.choice(self.case.tables)) for _ in range(rng.randrange(1, 4))])
        return self.insert(table)

    def insert(self, table: GenTable) -> Event:
        rows = [{c: self.value(table, c) for c in table.columns} for _ in range(self.rng.choice([1, 1, 2, 3, 6, 14]))]
        self.live[table.name].extend(rows)
        return Event("insert", table.name, rows=rows)

    def draw(self) -> list[Event]:
        rng = self.rng
        case = self.case
        events = [self.change(rng.choice(case.tables)) for _ in range(rng.randrange(5, 13))]
        made = sorted(rng.choice([0, 0, rng.randrange(len(events))]) for _ in range(len(case.upstreams) + 1))
        for n, at in reversed(list(enumerate(made))):
            events.insert(at, Event("create", upstream=n if n < len(case.upstreams) else -1))
        last = max(i for i, e in enumerate(events) if e.kind == "create")
        events.insert(last + 1 if rng.random() < 0.8 else rng.randrange(last + 1, len(events) + 1), Event("subscribe"))
        if rng.random() < 0.15 and not (case.closing and case.closing.late):
            events.insert(rng.randrange(events.index(next(e for e in events if e.kind == "subscribe")) + 1, len(events) + 1), Event("recreate"))
        if case.is_ticking:
            for _ in range(rng.randrange(4)):
                events.insert(rng.randrange(events.index(next(e for e in events if e.kind == "subscribe")) + 1, len(events) + 1), Event("tick"))
        if case.is_closing:
            events += [Event("watermark", t.name) for t in case.tables if t.delay_s >= 0]
        if case.is_ticking:
            events.append(Event("tick"))
        return events


def draw(seed: int, support: Support) -> Case:
    return Generator(seed, support).case()


def clone(case: Case) -> Case:
    return copy.deepcopy(case)
