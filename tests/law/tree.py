"""Queries as trees, and their texts.

A tree has three texts: as the stream is made (it reads other streams by name), as a one-shot query over the relations alone (the
streams that it reads are written out), and as DuckDB spells that. Where the dialects differ a node has two templates: nothing else
knows about dialects. Every node can name its parts (`slots`), so that a tree can be walked, copied and made smaller without
knowing what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

STREAM, SHOT, DUCK = "stream", "shot", "duck"


@dataclass(slots=True)
class Expr:
    """`text` is a str.format template over `args`; `duck` the same for DuckDB where it differs.

    `cat` is what may replace it (int, double, text ...). `bound`: no value is larger, so that sums are known not to overflow. `bits`: of
    its integer type. `level` of a double: 0 a small multiple of 1/64, so that sums are exact in any order; 1 exact, but sums of it are
    not; 2 differs in the last digits, so nothing may depend on it.
    """

    text: str
    args: list[Any] = field(default_factory=list)
    duck: str = ""
    cat: str = "int"
    bound: int = 0
    bits: int = 64
    level: int = 0
    is_atom: bool = False
    is_column: bool = False
    has_duck: bool = True  # false: DuckDB can't say it, or says something else by design

    def sql(self, dialect: str) -> str:
        template = self.duck if dialect == DUCK and self.duck else self.text
        return template.format(*[a.sql(dialect) for a in self.args]) if self.args else template

    def slots(self) -> Iterator[tuple[Any, Any]]:
        for i in range(len(self.args)):
            yield self.args, i


@dataclass(slots=True)
class Item:
    expr: Expr
    name: str

    def sql(self, dialect: str) -> str:
        return f"{self.expr.sql(dialect)} AS {self.name}"

    def slots(self) -> Iterator[tuple[Any, Any]]:
        yield self, "expr"


@dataclass(slots=True)
class Upstream:
    """A stream that others read."""

    name: str
    query: Any
    emit: str = ""
    is_closing: bool = False


@dataclass(slots=True)
class Rel:
    name: str
    alias: str
    upstream: Upstream | None = None
    version: str = ""  # FOR SYSTEM_TIME AS OF ...

    def sql(self, dialect: str) -> str:
        if self.version and dialect != DUCK:
            return f"{self.name} {self.version} AS {self.alias}"
        if self.upstream and self.upstream.query and dialect != STREAM:
            return f"({self.upstream.query.sql(dialect)}) {self.alias}"
        return f"{self.name} {self.alias}" if self.alias != self.name else self.name

    def slots(self) -> Iterator[tuple[Any, Any]]:
        return iter(())


@dataclass(slots=True)
class Derived:
    query: Any
    alias: str

    def sql(self, dialect: str) -> str:
        return f"({self.query.sql(dialect)}) {self.alias}"

    def slots(self) -> Iterator[tuple[Any, Any]]:
        yield self, "query"


class Lateral(Derived):
    """A query that reads columns of what stands before it in FROM."""

    __slots__ = ()

    def sql(self, dialect: str) -> str:
        return "LATERAL " + Derived.sql(self, dialect)


@dataclass(slots=True)
class Join:
    kind: str  # "JOIN", "LEFT JOIN", "CROSS JOIN", "," ...
    left: Any
    right: Any
    on: Expr | None = None
    using: list[str] = field(default_factory=list)
    duck_kind: str = ""
    match: str = ""  # MATCH_CONDITION (...)

    def sql(self, dialect: str) -> str:
        kind = self.duck_kind if dialect == DUCK and self.duck_kind else self.kind
        right = self.right.sql(dialect)
        if isinstance(self.right, Join):
            right = f"({right})"
        text = f"{self.left.sql(dialect)}{'' if kind == ',' else ' '}{kind} {right}{' ' if self.match else ''}{self.match}"
        if self.using:
            return f"{text} USING ({', '.join(self.using)})"
        return f"{text} ON {self.on.sql(dialect)}" if self.on else text

    def slots(self) -> Iterator[tuple[Any, Any]]:
        yield self, "left"
        yield self, "right"
        if self.on:
            yield self, "on"


@dataclass(slots=True)
class Windowed:
    """A relation whose rows lie in time windows: templates over its name, and over what its text is in DuckDB."""

    rel: Rel
    duck: str  # gives each row once a window, with the window's bounds in columns win_a and win_b
    ours: str = ""  # "": the window is a function in GROUP BY

    def sql(self, dialect: str) -> str:
        if dialect == DUCK:
            upstream = self.rel.upstream
            name = f"({upstream.query.sql(dialect)})" if upstream and upstream.query else self.rel.name
            return f"({self.duck.format(name)}) {self.rel.alias}"
        return f"{self.ours.format(self.rel.name)} {self.rel.alias}" if self.ours else self.rel.sql(dialect)

    def slots(self) -> Iterator[tuple[Any, Any]]:
        return iter(())


@dataclass(slots=True)
class Select:
    items: list[Item]
    source: Any = None
    where: Expr | None = None
    groups: list[Expr] = field(default_factory=list)
    group_form: str = ""  # "", "ROLLUP", "CUBE", or "SETS" with `sets`
    sets: list[list[int]] = field(default_factory=list)
    having: Expr | None = None
    qualify: Expr | None = None
    distinct: str = ""  # "", "DISTINCT", or "DISTINCT ON" with `distinct_on`
    distinct_on: list[Expr] = field(default_factory=list)
    order: list[Order] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0

    def sql(self, dialect: str) -> str:
        parts = ["SELECT"]
        if self.distinct == "DISTINCT ON":
            parts.append(f"DISTINCT ON ({', '.join(e.sql(dialect) for e in self.distinct_on)})")
        elif self.distinct:
            parts.append(self.distinct)
        parts.append(", ".join(i.sql(dialect) for i in self.items))
        if self.source:
            parts.append("FROM " + self.source.sql(dialect))
        if self.where:
            parts.append("WHERE " + self.where.sql(dialect))
        if self.groups:
            groups = [text for g in self.groups if (text := g.sql(dialect))]
            text = ", ".join(groups)
            if self.group_form == "SETS":
                text = ", ".join(f"({', '.join(groups[i] for i in s if i < len(groups))})" for s in self.sets)
                text = f"GROUPING SETS ({text})"
            elif self.group_form:
                text = f"{self.group_form} ({text})"
            parts.append("GROUP BY " + text)
        if self.having:
            parts.append("HAVING " + self.having.sql(dialect))
        if self.qualify:
            parts.append("QUALIFY " + self.qualify.sql(dialect))
        if self.order:
            parts.append("ORDER BY " + ", ".join(o.sql(dialect) for o in self.order))
        if self.limit is not None:
            parts.append(f"LIMIT {self.limit}")
            if self.offset:
                parts.append(f"OFFSET {self.offset}")
        return " ".join(parts)

    def slots(self) -> Iterator[tuple[Any, Any]]:
        if self.source:
            yield self, "source"
        for name in ("where", "having", "qualify"):
            if getattr(self, name):
                yield self, name
        for parts in (self.items, self.groups, self.distinct_on, self.order):
            for i in range(len(parts)):
                yield parts, i


@dataclass(slots=True)
class Order:
    expr: Expr
    is_descending: bool = False
    nulls: str = "LAST"

    def sql(self, dialect: str) -> str:
        return f"{self.expr.sql(dialect)}{' DESC' if self.is_descending else ''} NULLS {self.nulls}"

    def slots(self) -> Iterator[tuple[Any, Any]]:
        yield self, "expr"


@dataclass(slots=True)
class SetQuery:
    kind: str  # UNION ALL, EXCEPT ...
    left: Any
    right: Any

    def sql(self, dialect: str) -> str:
        left, right = self.left.sql(dialect), self.right.sql(dialect)
        return f"({left}) {self.kind} ({right})"

    def slots(self) -> Iterator[tuple[Any, Any]]:
        yield self, "left"
        yield self, "right"


@dataclass(slots=True)
class With:
    ctes: list[Derived]
    body: Any

    def sql(self, dialect: str) -> str:
        ctes = ", ".join(f"{c.alias} AS ({c.query.sql(dialect)})" for c in self.ctes)
        return f"WITH {ctes} {self.body.sql(dialect)}"

    def slots(self) -> Iterator[tuple[Any, Any]]:
        for i in range(len(self.ctes)):
            yield self.ctes, i
        yield self, "body"


def get(holder: Any, slot: Any) -> Any:
    return holder[slot] if isinstance(holder, list) else getattr(holder, slot)


def put(holder: Any, slot: Any, value: Any) -> None:
    if isinstance(holder, list):
        holder[slot] = value
    else:
        setattr(holder, slot, value)


def walk(node: Any) -> Iterator[Any]:
    """The node and everything below it; other streams are not entered."""
    yield node
    for holder, slot in node.slots():
        yield from walk(get(holder, slot))
