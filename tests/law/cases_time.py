"""Cases of the law: conditions on what time it is, and EMIT without windows. The clock is set, so rows come and go without input, and the one-shot query has the same time."""

from __future__ import annotations

from law import Case, Relation

ROWS = Relation("s", {"id": "id", "k": "key", "v": "small", "w": "word", "ts": "time"}, skew_s=40)
KEYED = Relation("s", {"k": "key", "g": "small", "v": "small", "w": "word", "ts": "time"}, key=("k",), skew_s=40)
OTHER = Relation("r", {"rid": "id", "k": "key", "rts": "time"}, skew_s=40)
TABLE = Relation("r", {"k": "key", "name": "word", "rts": "time"}, key=("k",), kind="TABLE", skew_s=40)

# What may be asked of ts and the time, over a source of either kind.
CONDITIONS = {
    "last": "ts > now() - INTERVAL '20' SECOND",
    "last_or_equal": "ts >= now() - INTERVAL '20' SECOND",
    "older": "ts < now() - INTERVAL '5' SECOND",
    "older_or_equal": "now() - INTERVAL '5' SECOND >= ts",
    "between": "ts BETWEEN now() - INTERVAL '15' SECOND AND now()",
    "shifted": "ts + INTERVAL '10' SECOND > now()",
    "age": "now() - ts < INTERVAL '12' SECOND",
    "ahead": "ts - now() <= INTERVAL '-3' SECOND",
    "negated": "NOT (ts < now() - INTERVAL '20' SECOND)",
    "month": "ts + INTERVAL '1' MONTH > now() - INTERVAL '20' SECOND + INTERVAL '1' MONTH",
    "minute": "date_trunc('minute', ts) = date_trunc('minute', now())",
    "day": "CAST(ts AS DATE) >= current_date AND v > -3",
    "casts": "CAST(ts AS TIMESTAMP(0)) > CAST(now() AS TIMESTAMP(0)) - INTERVAL '10' SECOND",
    "two": "ts > now() - INTERVAL '1' MINUTE AND ts < now() - INTERVAL '2' SECOND AND k < 8",
}


def case(name: str, relations: list[Relation], sql: str, **more: object) -> Case:
    return Case(f"time_{name}", relations, sql, has_clock=True, steps=15, **more)  # type: ignore[arg-type]


def cases() -> list[Case]:
    found = []
    for name, condition in CONDITIONS.items():
        found.append(case(name, [ROWS], f"SELECT id, v, w FROM s WHERE {condition}"))
        found.append(case(f"{name}_keyed", [KEYED], f"SELECT k, v, w FROM s WHERE {condition}"))
    recent = "ts > now() - INTERVAL '20' SECOND"
    found += [
        case("count", [ROWS], f"SELECT count(*) AS n, sum(v) AS t, min(v) AS lo FROM s WHERE {recent}"),
        case("groups", [KEYED], f"SELECT g, count(*) AS n, max(w) AS hi, count(DISTINCT v) AS d FROM s WHERE {recent} GROUP BY g"),
        case("tumble", [ROWS], f"SELECT TUMBLE(ts, INTERVAL '7' SECOND) AS t, count(*) AS n FROM s WHERE {recent} GROUP BY TUMBLE(ts, INTERVAL '7' SECOND)"),
        case("having", [ROWS], "SELECT k, max(ts) AS hi FROM s GROUP BY k HAVING max(ts) < now() - INTERVAL '8' SECOND"),
        case("subquery", [ROWS], f"SELECT k, n FROM (SELECT k, count(*) AS n, max(ts) AS hi FROM s GROUP BY k) q WHERE hi > now() - INTERVAL '9' SECOND"),
        case("top", [ROWS], f"SELECT id, v FROM s WHERE {recent} ORDER BY v DESC NULLS LAST, id LIMIT 3"),
        case("over", [ROWS], f"SELECT id, row_number() OVER (PARTITION BY k ORDER BY ts, id) AS n FROM s WHERE {recent}"),
        case("distinct", [KEYED], f"SELECT DISTINCT g, w FROM s WHERE {recent}"),
        case("union", [ROWS, OTHER], f"SELECT k, ts FROM s WHERE {recent} UNION ALL SELECT k, rts FROM r WHERE rts < now()"),
        case("join", [ROWS, OTHER], f"SELECT id, rid FROM s JOIN r ON s.k = r.k WHERE {recent} AND rts > now() - INTERVAL '30' SECOND"),
        case("join_pairs", [ROWS, TABLE], "SELECT id, name FROM s JOIN r ON s.k = r.k AND greatest(ts, rts) > now() - INTERVAL '20' SECOND"),
        case("left_join", [ROWS, OTHER], "SELECT id, rid FROM s LEFT JOIN r ON s.k = r.k AND r.rts > now() - INTERVAL '20' SECOND WHERE s.v > 0"),
        case("anti", [ROWS, OTHER], f"SELECT id FROM s WHERE {recent} AND NOT EXISTS (SELECT 1 FROM r WHERE r.k = s.k AND r.rts > now() - INTERVAL '30' SECOND)"),
        case("constant", [ROWS], "SELECT id FROM s WHERE now() > TIMESTAMP '2026-01-01 00:00:40'"),
        case("every", [ROWS], f"SELECT k, count(*) AS n FROM s WHERE {recent} GROUP BY k", emit="EMIT CHANGES"),
        case("stacked", [ROWS], f"SELECT k, count(*) AS n FROM s WHERE {recent} GROUP BY k",
             setup=(f"CREATE STREAM recent AS SELECT k, ts FROM s WHERE {recent}",), stream="SELECT k, count(*) AS n FROM recent GROUP BY k"),
    ]
    return found


# Every EMIT that says something of a query without windows, on each kind of query; those over windows are in cases_windows.py.
QUERIES = {
    "projection": "SELECT k, v * 2 AS v2 FROM {s} WHERE v > -4",
    "groups": "SELECT k, count(*) AS n, sum(v) AS t, max(w) AS hi FROM {s} GROUP BY k",
    "total": "SELECT count(*) AS n, sum(v) AS t FROM {s}",
    "joined_groups": "SELECT a.k, a.n, r.name FROM (SELECT k, count(*) AS n FROM {s} GROUP BY k) a LEFT JOIN r ON a.k = r.k",
    "join": "SELECT s.v, r.name FROM s JOIN r ON s.k = r.k",
    "distinct": "SELECT DISTINCT k, w FROM {s}",
    "union": "SELECT k FROM {s} WHERE v > 0 UNION ALL SELECT k FROM r",
    "top": "SELECT k, v FROM {s} ORDER BY v DESC NULLS LAST, k LIMIT 4",
}


def emits() -> list[Case]:
    found = []
    for name, sql in QUERIES.items():
        for source in (ROWS, KEYED):
            which = "keyed" if source.key else "rows"
            relations = [source, TABLE] if " r " in sql + " " else [source]
            text = sql.format(s="s")
            for emit in ("EMIT ON UPDATE", "EMIT CHANGES"):
                found.append(Case(f"emit_{emit.split()[-1].lower()}_{name}_{which}", relations, text, emit=emit))
            found.append(case(f"emit_every_{name}_{which}", relations, text, emit="EMIT EVERY INTERVAL '7' SECOND", at_end_only=True))
    marked = Relation("s", ROWS.columns, skew_s=25, watermark="ts AS ts - INTERVAL '30' SECOND")
    for window in ("TUMBLE(ts, INTERVAL '10' SECOND)", "HOP(ts, INTERVAL '5' SECOND, INTERVAL '10' SECOND)"):
        name = window.split("(")[0].lower()
        found.append(Case(f"emit_every_{name}", [marked], f"SELECT {window} AS w, count(*) AS n FROM s GROUP BY {window}", has_clock=True,
                          duck=DUCK_WINDOWS[name], emit="EMIT EVERY INTERVAL '7' SECOND", at_end_only=True))
    return found


DUCK_WINDOWS = {
    "tumble": "SELECT time_bucket(INTERVAL '10' SECOND, ts, TIMESTAMP '1970-01-01') AS b, count(*) FROM s GROUP BY b",
    "hop": "SELECT b, count(*) FROM (SELECT time_bucket(INTERVAL '5' SECOND, ts, TIMESTAMP '1970-01-01') AS b FROM s UNION ALL "
           "SELECT time_bucket(INTERVAL '5' SECOND, ts, TIMESTAMP '1970-01-01') - INTERVAL '5' SECOND FROM s) q GROUP BY b",
}

CASES = cases() + emits()
