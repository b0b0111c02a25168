"""Cases of the law with functions and aggregates of the program's own in Python, by row and vectorized, wherever an expression may stand.
Each has a twin in SQL, which DuckDB runs."""

from __future__ import annotations

from typing import Any

import pyarrow
import pyarrow.compute
from cases import bids, keyed, right, table
from law import Case, Relation


class Total:
    """sum(x), by row; takes rows back, so that it runs over what changes."""

    def __init__(self) -> None:
        self.total = 0
        self.n = 0

    def update(self, x: int | None) -> None:
        if x is not None:
            self.total += x
            self.n += 1

    def retract(self, x: int | None) -> None:
        if x is not None:
            self.total -= x
            self.n -= 1

    def merge(self, other: Total) -> None:
        self.total += other.total
        self.n += other.n

    def finish(self) -> int | None:
        return self.total if self.n else None


def register(conn: Any) -> None:
    def plus(a: int, b: int) -> int:
        return a + b

    def either(a: int | None, b: int | None) -> int | None:
        return b if a is None else a

    def label(word: str) -> str:
        return "<" + word + ">"

    conn.register_function("py_plus", plus, ["BIGINT", "BIGINT"], "BIGINT")
    conn.register_function("py_either", either, ["BIGINT", "BIGINT"], "BIGINT", on_null="call")
    conn.register_function("py_label", label, ["VARCHAR"], "VARCHAR")
    conn.register_function("py_is_odd", lambda a: a % 2 != 0, ["BIGINT"], "BOOLEAN")
    conn.register_function("arrow_plus", pyarrow.compute.add, ["BIGINT", "BIGINT"], "BIGINT", vectorized="arrow")
    conn.register_function("numpy_double", lambda a: a * 2.0, ["DOUBLE"], "DOUBLE", vectorized="numpy")
    conn.register_aggregate("py_total", Total, ["BIGINT"], "BIGINT")


MACROS = (
    "CREATE MACRO py_plus(a, b) AS a + b", "CREATE MACRO arrow_plus(a, b) AS a + b", "CREATE MACRO py_either(a, b) AS coalesce(a, b)",
    "CREATE MACRO py_label(w) AS '<' || w || '>'", "CREATE MACRO py_is_odd(a) AS a % 2 <> 0", "CREATE MACRO numpy_double(a) AS a * 2.0",
)


def case(name: str, relations: list[Relation], sql: str, **more: Any) -> Case:
    return Case("function_" + name, relations, sql, duck=more.pop("duck", sql).replace("py_total(", "sum("), prepare=register, duck_setup=MACROS,
                steps=8, rows_per_step=20, **more)


CASES = [
    case("project", [bids()], "SELECT id, py_plus(v, k) AS a, py_either(v, -1) AS b, py_label(w) AS c, numpy_double(d) AS d FROM s"),
    case("project_keyed", [keyed()], "SELECT k, arrow_plus(g, v) AS a, py_label(w) AS b, py_either(NULL, g) AS c FROM s"),
    case("nested", [bids()], "SELECT id, py_plus(arrow_plus(v, 1), py_either(v, k)) AS a, upper(py_label(lower(w))) AS b FROM s"),
    case("filter", [keyed()], "SELECT k, w FROM s WHERE py_is_odd(v) AND NOT py_is_odd(arrow_plus(g, 1))"),
    case("case", [bids()], "SELECT id, CASE WHEN py_is_odd(v) THEN py_plus(v, 100) ELSE py_either(v, 0) END AS a FROM s"),
    case("group_by", [keyed()], "SELECT py_plus(g, 1) AS h, count(*) AS n, sum(arrow_plus(v, 1)) AS t FROM s GROUP BY py_plus(g, 1)"),
    case("join", [keyed(), table()], "SELECT s.k, t.name, py_plus(s.v, t.x) AS a FROM s JOIN t ON arrow_plus(s.g, 0) = t.k AND py_plus(s.v, t.x) > 0"),
    case("left_join", [bids(), right()], "SELECT s.id, py_either(r.x, -7) AS x FROM s LEFT JOIN r ON s.k = r.k"),
    case("distinct", [keyed()], "SELECT DISTINCT py_label(w) AS a, py_is_odd(v) AS b FROM s"),
    case("union", [keyed(), table()], "SELECT py_plus(g, v) AS a FROM s UNION SELECT arrow_plus(x, k) FROM t"),
    case("top", [keyed()], "SELECT k, py_plus(v, g) AS a FROM s ORDER BY py_plus(v, g) DESC NULLS LAST, k LIMIT 4"),
    case("stacked", [keyed()], "SELECT h, count(*) AS n FROM (SELECT py_plus(g, 1) AS h FROM s) q GROUP BY h",
         setup=("CREATE STREAM first AS SELECT py_plus(g, 1) AS h FROM s",), stream="SELECT h, count(*) AS n FROM first GROUP BY h"),
    case("aggregate", [bids()], "SELECT k, py_total(v) AS t, count(*) AS n FROM s GROUP BY k"),
    case("aggregate_keyed", [keyed()], "SELECT g, py_total(v) AS t, py_total(py_plus(v, k)) AS u FROM s GROUP BY g"),
    case("aggregate_of_all", [keyed()], "SELECT py_total(v) AS t, max(py_plus(v, g)) AS hi FROM s"),
    case("aggregate_distinct", [keyed()], "SELECT g, py_total(DISTINCT v) AS t FROM s GROUP BY g"),
    case("aggregate_filter", [keyed()], "SELECT g, py_total(v) FILTER (WHERE py_is_odd(v)) AS t FROM s GROUP BY g"),
    case("aggregate_having", [keyed()], "SELECT g, py_total(v) AS t FROM s GROUP BY g HAVING py_total(v) > 3"),
    case("aggregate_of_join", [keyed(), table()], "SELECT t.name, py_total(s.v) AS t FROM s JOIN t ON s.g = t.k GROUP BY t.name"),
    case("aggregate_rollup", [keyed()], "SELECT g, w, py_total(v) AS t FROM s GROUP BY ROLLUP (g, w)"),
    case("aggregate_tumble", [bids()], "SELECT tumble(ts, INTERVAL '1' MINUTE) AS m, py_total(v) AS t FROM s GROUP BY tumble(ts, INTERVAL '1' MINUTE)"),
]
