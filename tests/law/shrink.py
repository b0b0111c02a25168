"""Makes a case that shows a difference smaller, as long as it shows a difference of the same kind.

Tries, until nothing helps: fewer events and rows, streams without their upstream (its text in place of its name), clauses and select items
left out, a query in place of one that reads it, an expression in place of one that it is part of, constants. What the engine refuses or
DuckDB does not understand shows no difference, so nothing here must know what a valid query is.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from typing import Any

import script as scripts
from generator import Case, Event
from tree import Derived, Expr, Item, Join, Order, Rel, Select, SetQuery, With, get, put, walk

SECONDS = 60.0

Change = Callable[[Case], bool]  # false: it does not apply


def difference(case: Case) -> scripts.Difference | None:
    try:
        scripts.run(case.script())
    except scripts.Difference as found:
        return found
    return None


def attempt(fails: Callable[[Case], scripts.Difference | None], case: Case) -> scripts.Difference | None:
    try:
        return fails(case)
    except Exception:  # the change made nonsense of it
        return None


def smallest(case: Case, found: scripts.Difference, fails: Callable[[Case], scripts.Difference | None] = difference,
             seconds: float = SECONDS) -> tuple[Case, scripts.Difference]:
    end = time.monotonic() + seconds
    is_smaller = True
    while is_smaller and time.monotonic() < end:
        is_smaller = False
        for changes in (event_changes, part_changes, row_changes, upstream_changes, tree_changes, value_changes, column_changes):
            i = 0
            while time.monotonic() < end:
                smaller = copy.deepcopy(case)
                applied = apply(changes, smaller, i)
                if applied is None:
                    break
                again = attempt(fails, smaller) if applied else None
                if again and again.kind == found.kind:
                    case, found, is_smaller = smaller, again, True
                else:
                    i += 1
    return case, found


def apply(changes: Callable[[Case], Iterator[Change]], case: Case, i: int) -> bool | None:
    """Makes the i-th change of that sort; None if there are fewer."""
    for n, change in enumerate(changes(case)):
        if n == i:
            before = case_text(case)
            return change(case) and case_text(case) != before
    return None


def case_text(case: Case) -> str:
    try:
        return scripts.show(case.script()) + repr([e.kind for e in case.events])
    except Exception:
        return ""


# --- events and rows

def event_changes(case: Case) -> Iterator[Change]:
    n = len(case.events)
    for size in (8, 4, 2, 1):
        for start in range(0, n, size):
            yield lambda c, start=start, size=size: remove_events(c, start, size)  # type: ignore[misc]
    for i, event in enumerate(case.events):
        if event.kind == "create" and i > 0 and case.events[i - 1].kind not in ("create", "subscribe"):
            yield lambda c, i=i: swap(c.events, i)  # type: ignore[misc]


def remove_events(case: Case, start: int, size: int) -> bool:
    needed = ("create", "subscribe", "tick", *(("watermark",) if case.is_closing else ()))  # what closes at the end must be closed
    kept = [e for i, e in enumerate(case.events) if not (start <= i < start + size and e.kind not in needed)]
    changed = len(kept) != len(case.events)
    case.events = kept
    return changed


def swap(events: list[Event], i: int) -> bool:
    events[i - 1], events[i] = events[i], events[i - 1]
    return True


def part_changes(case: Case) -> Iterator[Change]:
    """A transaction becomes its inserts, or has fewer of them."""
    for i, event in enumerate(case.events):
        for p in range(len(event.parts)):
            yield lambda c, i=i, p=p: remove(c.events[i].parts, p)  # type: ignore[misc]
        if event.parts:
            yield lambda c, i=i: unfold(c, i)  # type: ignore[misc]


def unfold(case: Case, i: int) -> bool:
    case.events[i : i + 1] = case.events[i].parts
    return True


def with_rows(case: Case) -> list[Event]:
    return [part for event in case.events for part in [event, *event.parts]]


def row_changes(case: Case) -> Iterator[Change]:
    for i, event in enumerate(with_rows(case)):
        for size in (8, 4, 2, 1):
            for start in range(0, len(event.rows), size):
                if event.kind == "insert" and len(event.rows) > size:
                    yield lambda c, i=i, start=start, size=size: remove_rows(c, i, start, size)  # type: ignore[misc]


def remove_rows(case: Case, i: int, start: int, size: int) -> bool:
    event = with_rows(case)[i]
    del event.rows[start : start + size]
    return bool(event.rows)


def value_changes(case: Case) -> Iterator[Change]:
    """One value for a whole column, then for one row."""
    for t, table in enumerate(case.tables):
        for column, kind in table.columns.items():
            if column in table.key or kind == "id" or kind.startswith("clock"):
                continue
            values = {row.get(column, "NULL") for e in with_rows(case) if e.table == table.name for row in e.rows}
            if len(values) > 1:
                for value in sorted(values, key=len)[:3]:
                    yield lambda c, t=t, column=column, value=value: one_value(c, t, column, value)  # type: ignore[misc]


def one_value(case: Case, t: int, column: str, value: str) -> bool:
    for event in with_rows(case):
        if event.table == case.tables[t].name:
            for row in event.rows:
                row[column] = value
    return True


def column_changes(case: Case) -> Iterator[Change]:
    for t, table in enumerate(case.tables):
        for column in table.columns:
            if column not in table.key:
                yield lambda c, t=t, column=column: drop_column(c, t, column)  # type: ignore[misc]
        yield lambda c, t=t: drop_table(c, t)  # type: ignore[misc]


def drop_column(case: Case, t: int, column: str) -> bool:
    table = case.tables[t]
    del table.columns[column]
    if column == "ts":
        table.delay_s = -1
    for event in with_rows(case):
        if event.table == table.name:
            for row in event.rows:
                row.pop(column, None)
    return bool(table.columns)


def drop_table(case: Case, t: int) -> bool:
    name = case.tables[t].name
    del case.tables[t]
    case.events = [e for e in case.events if e.table != name]
    for event in case.events:
        event.parts = [p for p in event.parts if p.table != name]
    return True


# --- trees

def roots(case: Case) -> list[tuple[Any, str]]:
    return [(case, "query"), *((u, "query") for u in case.upstreams)]


def upstream_changes(case: Case) -> Iterator[Change]:
    """A stream that is read becomes a derived table, and one that isn't goes."""
    for n in range(len(case.upstreams)):
        yield lambda c, n=n: drop_upstream(c, n)  # type: ignore[misc]
    for n in range(len(case.upstreams)):
        yield lambda c, n=n: inline(c, n)  # type: ignore[misc]
    yield clear_emit
    for n in range(len(case.upstreams)):
        yield lambda c, n=n: becomes_query(c, n)  # type: ignore[misc]


def becomes_query(case: Case, n: int) -> bool:
    """The upstream is the whole case."""
    case.closing = None
    case.query, case.emit, case.is_closing = case.upstreams[n].query, case.upstreams[n].emit, case.upstreams[n].is_closing
    for later in range(len(case.upstreams) - 1, n - 1, -1):
        drop_upstream(case, later)
    return True


def drop_upstream(case: Case, n: int) -> bool:
    del case.upstreams[n]
    case.events = [e for e in case.events if e.kind != "create" or e.upstream != n]
    for event in case.events:
        if event.kind == "create" and event.upstream > n:
            event.upstream -= 1
    return True


def inline(case: Case, n: int) -> bool:
    upstream = case.upstreams[n]
    changed = False
    for root, slot in roots(case):
        for node in list(walk(get(root, slot))):
            for holder, s in node.slots():
                part = get(holder, s)
                if isinstance(part, Rel) and part.name == upstream.name and part.upstream:
                    put(holder, s, Derived(copy.deepcopy(upstream.query), part.alias))
                    changed = True
    return changed


def clear_emit(case: Case) -> bool:
    if not case.emit or case.is_closing or case.is_ticking:
        return False
    case.emit = ""
    return True


def positions(case: Case) -> list[tuple[Any, Any]]:
    found = []
    for root, slot in roots(case):
        found.append((root, slot))
        for node in walk(get(root, slot)):
            found.extend(node.slots())
    return found


def tree_changes(case: Case) -> Iterator[Change]:
    for p, (holder, slot) in enumerate(positions(case)):
        if isinstance(holder, Order):  # what an order is by decides whether there are ties
            continue
        for v in range(n_variants(get(holder, slot))):
            yield lambda c, p=p, v=v: replace_at(c, p, v)  # type: ignore[misc]


def replace_at(case: Case, p: int, v: int) -> bool:
    holder, slot = positions(case)[p]
    variant = variants(get(holder, slot))[v]()
    if variant is None:
        return False
    if variant is not True:
        put(holder, slot, variant)
    return True


def n_variants(node: Any) -> int:
    return len(variants(node))


def remove(parts: list[Any], i: int) -> Any:
    if len(parts) > i:
        del parts[i]
        return True
    return None


def clear(node: Any, slot: str, value: Any) -> Any:
    if getattr(node, slot) == value:
        return None
    setattr(node, slot, value)
    return True


def variants(node: Any) -> list[Callable[[], Any]]:
    """What may stand in the node's place: each gives the new node, True if it changed the node itself, None if it can't."""
    if isinstance(node, Select):
        found: list[Callable[[], Any]] = [
            lambda s=s, v=v: clear(node, s, v)  # type: ignore[misc]
            for s, v in (("where", None), ("having", None), ("qualify", None), ("limit", None), ("offset", 0), ("order", []), ("groups", []), ("distinct", ""))
        ]
        if len(node.items) > 1:
            found += [lambda i=i: remove(node.items, i) for i in range(len(node.items))]  # type: ignore[misc]
        if len(node.groups) > 1:
            found += [lambda i=i: remove(node.groups, i) for i in range(len(node.groups))]  # type: ignore[misc]
        found += [lambda i=i: remove(node.sets, i) for i in range(len(node.sets) if len(node.sets) > 1 else 0)]  # type: ignore[misc]
        if isinstance(node.source, Derived):
            found.append(lambda: node.source.query)
        found.append(lambda: flatten(node))
        return found
    if isinstance(node, SetQuery):
        return [lambda: node.left, lambda: node.right]
    if isinstance(node, With):
        return [lambda: node.body, lambda: without_ctes(node)]
    if isinstance(node, Join):
        return [lambda: node.left, lambda: node.right, lambda: clear(node, "kind", "JOIN")]
    if isinstance(node, Derived):
        select = node.query
        if isinstance(select, Select) and isinstance(select.source, (Rel, Derived)):
            return [lambda: renamed(select.source, node.alias)]
        return []
    if isinstance(node, Item) or not isinstance(node, Expr):
        return []
    same = [a for a in node.args if isinstance(a, Expr) and a.cat == node.cat]
    found = [lambda a=a: a for a in same]  # type: ignore[misc]
    if node.args:
        below = [n for n in walk(node) if isinstance(n, Expr) and n.is_atom and n.cat == node.cat and n not in same]
        found += [lambda n=n: n for n in below[:3]]  # type: ignore[misc]
        for text in {"int": "1", "text": "'a'", "bool": "TRUE", "double": "CAST(1.5 AS DOUBLE)"}.get(node.cat, ""), :
            if text:
                found.append(lambda text=text: Expr(text, cat=node.cat, is_atom=True))  # type: ignore[misc]
    if " FILTER (WHERE" in node.text:
        found.append(lambda: unfiltered(node))
    if "DISTINCT " in node.text:
        found.append(lambda: Expr(node.text.replace("DISTINCT ", ""), node.args, node.duck, node.cat))
    return found


def without_ctes(node: With) -> Any:
    """The body, with each CTE's query where the CTE was read."""
    body = Derived(copy.deepcopy(node.body), "")
    for cte in reversed(node.ctes):
        for part in list(walk(body)):
            for holder, slot in part.slots():
                rel = get(holder, slot)
                if isinstance(rel, Rel) and rel.name == cte.alias:
                    put(holder, slot, Derived(copy.deepcopy(cte.query), rel.alias))
    return body.query


def unfiltered(node: Expr) -> Expr:
    return Expr(node.text.split(" FILTER (WHERE")[0], node.args[:-1], node.duck.split(" FILTER (WHERE")[0], node.cat)


def renamed(source: Any, alias: str) -> Any:
    source = copy.deepcopy(source)
    source.alias = alias
    return source


def flatten(select: Select) -> Any:
    """SELECT ... FROM (SELECT items FROM x) q: q's items in place of its columns."""
    inner = select.source.query if isinstance(select.source, Derived) else None
    if not isinstance(inner, Select) or inner.groups or inner.distinct or inner.limit is not None or inner.having or inner.qualify:
        return None
    alias = select.source.alias
    known = {f"{alias}.{i.name}": i.expr for i in inner.items}
    for node in list(walk(select)):
        for holder, slot in node.slots():
            part = get(holder, slot)
            if isinstance(part, Expr) and part.is_atom and part.text in known:
                put(holder, slot, copy.deepcopy(known[part.text]))
    select.source = inner.source
    if inner.where and not select.where:
        select.where = inner.where
    return True
