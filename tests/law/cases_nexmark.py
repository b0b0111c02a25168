"""Cases of the law: the shapes of Nexmark's queries that others don't have: windows that are joined by their bounds, and with an aggregate of themselves."""

from __future__ import annotations

from law import Case, Relation


def rows(name: str, watermark: bool = True) -> Relation:
    """In order enough that no row is late."""
    mark = "ts AS ts - INTERVAL '30' SECOND" if watermark else ""
    return Relation(name, {"id": "id", "k": "key", "v": "small", "ts": "time"}, skew_s=25, watermark=mark)


def windows(source: str, columns: str, by: str = "k") -> str:
    size = "INTERVAL '10' SECOND"
    return (
        f"SELECT {by}{', ' if by else ''}{columns}, TUMBLE_START(ts, {size}) AS a, TUMBLE_END(ts, {size}) AS b FROM {source} "
        f"GROUP BY TUMBLE(ts, {size}){', ' if by else ''}{by}"
    )


def duck_windows(source: str, columns: str, by: str = "k") -> str:
    return (
        f"SELECT {by}{', ' if by else ''}{columns}, time_bucket(INTERVAL 10 SECOND, ts)::TIMESTAMP_MS AS a, "
        f"(time_bucket(INTERVAL 10 SECOND, ts) + INTERVAL 10 SECOND)::TIMESTAMP_MS AS b FROM {source} GROUP BY ALL"
    )


SHAPES = {
    # q8: windows of two sources
    "same_windows": ("SELECT x.k, x.n, y.s, x.a FROM ({x}) x JOIN ({y}) y ON x.k = y.k AND x.a = y.a AND x.b = y.b", "count(*) AS n", "sum(v) AS s", "k"),
    "same_ends": ("SELECT x.k, x.n, y.s FROM ({x}) x JOIN ({y}) y ON x.b = y.b AND x.n > y.s", "count(*) AS n", "sum(v) AS s", "k"),
    # q5: the groups of a window that are the greatest
    "best_of_window": (
        "SELECT x.k, x.n, x.a FROM ({x}) x JOIN (SELECT max(n) AS m, a, b FROM ({x}) z GROUP BY a, b) y ON x.a = y.a AND x.b = y.b AND x.n >= y.m",
        "count(*) AS n", "", "k",
    ),
    "left_best_of_window": (
        "SELECT x.k, x.n, y.m, x.a FROM ({x}) x LEFT JOIN (SELECT max(n) AS m, a FROM ({x}) z GROUP BY a) y ON x.a = y.a AND x.n = y.m",
        "count(*) AS n", "", "k",
    ),
    "groups_of_windows": ("SELECT a, count(*) AS c, sum(n) AS s FROM ({x}) x GROUP BY a", "count(*) AS n", "", "k"),
}


def window_join_cases() -> list[Case]:
    cases = []
    for name, (sql, x, y, by) in SHAPES.items():
        ours = sql.format(x=windows("s", x, by), y=windows("r", y, by))
        duck = sql.format(x=duck_windows("s", x, by), y=duck_windows("r", y, by))
        relations = [rows("s"), rows("r")] if y else [rows("s")]
        plain = [rows("s", False), rows("r", False)] if y else [rows("s", False)]
        cases.append(Case(f"nexmark_{name}", relations, ours, duck=duck, at_end_only=True))
        cases.append(Case(f"nexmark_{name}_update", relations, ours, duck=duck, emit="EMIT ON UPDATE"))
        cases.append(Case(f"nexmark_{name}_unmarked", plain, ours, duck=duck))
    return cases


CASES = window_join_cases()
