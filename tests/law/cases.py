"""Cases of the law: one construct each, and some stacked. Every line of the spine's "Queries" is here."""

from __future__ import annotations

from law import Case, Relation


def bids(**more: object) -> Relation:
    return Relation(
        "s", {"id": "id", "k": "key", "v": "small", "d": "double", "w": "word", "b": "bool", "m": "decimal", "ts": "time"}, **more
    )


def table(**more: object) -> Relation:
    options: dict[str, object] = {"key": ("k",), "kind": "TABLE"}
    options.update(more)
    return Relation("t", {"k": "key", "x": "small", "name": "long_word"}, **options)


def keyed() -> Relation:
    return Relation("s", {"k": "key", "g": "small", "v": "small", "d": "double", "w": "word", "m": "decimal"}, key=("k",))


def typed(**more: object) -> Relation:
    return Relation("s", {"id": "id", "k": "key", "l": "list", "r": "struct", "y": "blob", "i": "interval", "z": "tz", "u": "unsigned",
                          "f": "real", "c": "clock", "dt": "date", "w": "long_word"}, **more)


def keyed_typed() -> Relation:
    return Relation("s", {"k": "key", "l": "list", "r": "struct", "y": "blob", "z": "tz", "f": "real", "c": "clock", "dt": "date"}, key=("k",))


HOP_DUCK = """SELECT (ws - INTERVAL (o) SECOND) AS win, k, count(*), sum(v) FROM
 (SELECT *, time_bucket(INTERVAL 10 SECOND, ts, TIMESTAMP '1970-01-01') AS ws FROM s), (SELECT unnest([0, 10, 20]) AS o)
 GROUP BY ALL"""

ASOF = "SELECT s.id, s.k, r.x FROM s ASOF {left} JOIN r ON s.k = r.k AND s.ts >= r.rts"


def right(**more: object) -> Relation:
    return Relation("r", {"k": "key", "x": "id", "rts": "time"}, **more)


CASES = [
    Case("project", [bids()], "SELECT id, v + 1 AS v1, d * 2.0 AS d2, upper(w) AS u, v::VARCHAR AS t FROM s"),
    Case("filter", [bids()], "SELECT id, w FROM s WHERE v > 0 AND (w LIKE '%a%' OR d IS NULL)"),
    Case("case_coalesce", [bids()], "SELECT id, CASE WHEN v > 0 THEN 'pos' WHEN v < 0 THEN 'neg' ELSE 'zero' END AS c, "
         "coalesce(v, -1) AS v, CASE WHEN v <> 0 THEN 10 / v END AS q FROM s", duck="SELECT id, CASE WHEN v > 0 THEN 'pos' "
         "WHEN v < 0 THEN 'neg' ELSE 'zero' END AS c, coalesce(v, -1) AS v, CASE WHEN v <> 0 THEN 10 // v END AS q FROM s"),
    Case("in_between", [bids()], "SELECT id FROM s WHERE v IN (1, 2, 3) OR v BETWEEN -3 AND -2 OR w IN ('a', 'zebra')"),
    Case("from_first", [bids()], "FROM (FROM s WHERE v > 0) SELECT k, count(*) AS n, sum(v) AS sv GROUP BY ALL"),
    Case("from_alone", [bids()], "FROM s WHERE v > 0"),
    Case("group", [bids()], "SELECT k, count(*) AS n, count(v) AS nv, sum(v) AS sv, avg(d) AS ad, min(v) AS lo, max(w) AS hi FROM s GROUP BY k"),
    Case("group_two", [bids()], "SELECT k, w, count(*) AS n, sum(m) AS sm, min(ts) AS t0, max(m) AS m1 FROM s GROUP BY k, w"),
    Case("group_none", [bids()], "SELECT count(*) AS n, sum(v) AS sv, avg(v) AS av, min(w) AS lo, max(d) AS hi FROM s"),
    Case("group_bool", [bids()], "SELECT b, count(*) AS n, bool_and(v > -4) AS ba, bool_or(v > 4) AS bo FROM s GROUP BY b"),
    Case("having", [bids()], "SELECT k, count(*) AS n FROM s GROUP BY k HAVING count(*) > 3"),
    Case("group_expr", [bids()], "SELECT k % 3 AS r, v > 0 AS p, count(*) AS n FROM s GROUP BY k % 3, v > 0"),
    Case("filter_aggregate", [bids()], "SELECT k, count(*) FILTER (WHERE v > 0) AS p, sum(d) FILTER (WHERE w = 'a') AS sa FROM s GROUP BY k"),
    Case("distinct_aggregate", [bids()], "SELECT k, count(DISTINCT v) AS dv, sum(DISTINCT v) AS sd, count(DISTINCT w) AS dw FROM s GROUP BY k"),
    Case("distinct", [bids()], "SELECT DISTINCT k, v FROM s"),
    Case("stddev", [bids()], "SELECT k, stddev_pop(v) AS sp, var_samp(v) AS vs FROM s GROUP BY k"),
    Case("keyed_group", [keyed()], "SELECT g, count(*) AS n, sum(v) AS sv, avg(d) AS ad, sum(m) AS sm FROM s GROUP BY g"),
    Case("keyed_min_max", [keyed()], "SELECT g, min(v) AS lo, max(w) AS hi, min(d) AS ld, max(m) AS hm FROM s GROUP BY g"),
    Case("keyed_distinct", [keyed()], "SELECT DISTINCT g, w FROM s"),
    Case("keyed_distinct_aggregate", [keyed()], "SELECT g, count(DISTINCT v) AS dv, sum(DISTINCT v) AS sd FROM s GROUP BY g"),
    Case("keyed_median", [keyed()], "SELECT g, median(v) AS md FROM s GROUP BY g"),
    Case("keyed_filter", [keyed()], "SELECT k, v, w FROM s WHERE v > 0"),
    Case("keyed_stddev", [keyed()], "SELECT g, stddev_pop(v) AS sp FROM s GROUP BY g"),
    Case("union_all", [bids(), right()], "SELECT k, v AS x FROM s UNION ALL SELECT k, x FROM r"),
    Case("cte", [bids()], "WITH a AS (SELECT k, v FROM s WHERE v > 0), b AS (SELECT k, sum(v) AS sv FROM a GROUP BY k) SELECT k, sv * 2 AS x FROM b WHERE sv > 2"),
    Case("derived", [bids()], "SELECT q.n, count(*) AS groups FROM (SELECT k, count(*) AS n FROM s GROUP BY k) q GROUP BY q.n"),
    Case("group_of_group", [keyed()], "SELECT n, count(*) AS c, sum(sv) AS ss FROM (SELECT g, count(*) AS n, sum(v) AS sv FROM s GROUP BY g) q GROUP BY n"),
    Case("top_n", [bids()], "SELECT id, v FROM s WHERE v IS NOT NULL ORDER BY v DESC, id LIMIT 5"),
    Case("top_n_offset", [bids()], "SELECT id, w FROM s ORDER BY w NULLS FIRST, id LIMIT 4 OFFSET 2"),
    Case("keyed_top_n", [keyed()], "SELECT k, v FROM s ORDER BY v DESC NULLS LAST, k LIMIT 3"),
    Case("top_groups", [bids()], "SELECT k, count(*) AS n FROM s GROUP BY k ORDER BY n DESC, k LIMIT 3"),
    Case("inner_join", [bids(), right()], "SELECT s.id, r.x, s.w FROM s JOIN r ON s.k = r.k", steps=8, rows_per_step=15),
    Case("left_join", [bids(), right()], "SELECT s.id, r.x FROM s LEFT JOIN r ON s.k = r.k AND r.x % 2 = 0", steps=8, rows_per_step=15),
    Case("join_table", [bids(), table()], "SELECT s.id, s.k, t.name, t.x FROM s JOIN t ON s.k = t.k"),
    Case("left_join_table", [bids(), table()], "SELECT s.id, t.name FROM s LEFT JOIN t ON s.k = t.k"),
    Case("join_aggregate", [bids(), table()], "SELECT t.name, count(*) AS n, sum(s.v) AS sv FROM s JOIN t ON s.k = t.k GROUP BY t.name"),
    Case("join_of_groups", [bids(), right()], "SELECT a.k, a.n, b.m FROM (SELECT k, count(*) AS n FROM s GROUP BY k) a "
         "JOIN (SELECT k, count(*) AS m FROM r GROUP BY k) b ON a.k = b.k"),
    Case("self_join", [keyed()], "SELECT a.k, b.k AS k2 FROM s a JOIN s b ON a.g = b.g AND a.k < b.k"),
    Case("left_join_groups", [keyed(), table()], "SELECT s.k, t.n FROM s LEFT JOIN (SELECT x, count(*) AS n FROM t GROUP BY x) t ON s.g = t.x"),
    Case("right_join", [keyed(), table()], "SELECT s.k, t.k AS tk, t.name FROM s RIGHT JOIN t ON s.k = t.k"),
    Case("full_join", [keyed(), table()], "SELECT s.k, s.v, t.k AS tk FROM s FULL JOIN t ON s.k = t.k"),
    Case("semi_in", [bids(), table()], "SELECT id, k FROM s WHERE k IN (SELECT k FROM t WHERE x > 0)"),
    Case("anti_exists", [bids(), table()], "SELECT id, k FROM s WHERE NOT EXISTS (SELECT 1 FROM t WHERE t.k = s.k)"),
    Case("asof", [bids(), right()], ASOF.format(left="")),
    Case("asof_left", [bids(), right()], ASOF.format(left="LEFT")),
    Case("tumble_update", [bids()], "SELECT TUMBLE(ts, INTERVAL '10' SECOND) AS win, k, count(*) AS n, sum(v) AS sv FROM s "
         "GROUP BY TUMBLE(ts, INTERVAL '10' SECOND), k", emit="EMIT ON UPDATE"),
    Case("tumble_close", [bids(watermark="ts")], "SELECT TUMBLE(ts, INTERVAL '10' SECOND) AS win, k, count(*) AS n, avg(d) AS ad FROM s "
         "GROUP BY TUMBLE(ts, INTERVAL '10' SECOND), k", emit="EMIT ON WINDOW CLOSE", at_end_only=True),
    Case("tumble_changes", [bids()], "SELECT TUMBLE(ts, INTERVAL '10' SECOND) AS win, count(*) AS n, min(v) AS lo, count(DISTINCT k) AS dk FROM s "
         "GROUP BY TUMBLE(ts, INTERVAL '10' SECOND)", emit="EMIT CHANGES"),
    Case("hop_update", [bids()], "SELECT HOP(ts, INTERVAL '10' SECOND, INTERVAL '30' SECOND) AS win, k, count(*), sum(v) FROM s "
         "GROUP BY HOP(ts, INTERVAL '10' SECOND, INTERVAL '30' SECOND), k", duck=HOP_DUCK, emit="EMIT ON UPDATE"),
    Case("hop_close", [bids(watermark="ts")], "SELECT HOP(ts, INTERVAL '10' SECOND, INTERVAL '30' SECOND) AS win, k, count(*), sum(v) FROM s "
         "GROUP BY HOP(ts, INTERVAL '10' SECOND, INTERVAL '30' SECOND), k", duck=HOP_DUCK, emit="EMIT ON WINDOW CLOSE", at_end_only=True),
    # Types: nested ones pass through; all can be keys, be compared, be kept and be retracted.
    Case("types_pass", [typed()], "SELECT id, l, r, y, i, z, u, f, c, dt FROM s WHERE u IS DISTINCT FROM 3"),
    Case("types_keyed", [keyed_typed()], "SELECT k, l, r, y, z, f, c, dt FROM s WHERE f IS NOT NULL"),
    Case("types_group", [typed()], "SELECT y, u, dt, count(*) AS n, min(z) AS z0, max(c) AS c1, min(f) AS f0, max(dt) AS d1, sum(u) AS su FROM s GROUP BY y, u, dt"),
    Case("types_group_nested", [typed()], "SELECT l, r, count(*) AS n FROM s GROUP BY l, r"),
    Case("types_min_max_retract", [keyed_typed()], "SELECT f, min(y) AS y0, max(z) AS z1, min(c) AS c0, max(dt) AS d1 FROM s GROUP BY f"),
    Case("types_distinct", [keyed_typed()], "SELECT DISTINCT l, dt FROM s"),
    Case("types_join", [typed(), Relation("t", {"k": "key", "l2": "list", "w2": "long_word"}, key=("k",), kind="TABLE")],
         "SELECT s.id, s.r, t.l2 FROM s JOIN t ON s.k = t.k AND s.w <> t.w2"),
    # Streams on streams, three deep, retracting all the way.
    Case("stack", [keyed()], "SELECT n, count(*) AS c FROM (SELECT g, count(*) AS n FROM (SELECT g, v FROM s WHERE v > -3) a GROUP BY g) b GROUP BY n",
         setup=("CREATE STREAM st_a AS SELECT g, v FROM s WHERE v > -3", "CREATE STREAM st_b AS SELECT g, count(*) AS n FROM st_a GROUP BY g"),
         stream="SELECT n, count(*) AS c FROM st_b GROUP BY n"),
    Case("stack_join", [keyed(), table()], "SELECT a.g, a.n, t.name FROM (SELECT g, count(*) AS n FROM s GROUP BY g) a LEFT JOIN t ON a.n = t.x",
         setup=("CREATE STREAM st_a AS SELECT g, count(*) AS n FROM s GROUP BY g",),
         stream="SELECT a.g, a.n, t.name FROM st_a a LEFT JOIN t ON a.n = t.x"),
    Case("stack_diamond", [bids()], "SELECT a.k, a.n, b.sv FROM (SELECT k, count(*) AS n FROM s GROUP BY k) a JOIN (SELECT k, sum(v) AS sv FROM s GROUP BY k) b ON a.k = b.k",
         setup=("CREATE STREAM st_a AS SELECT k, count(*) AS n FROM s GROUP BY k", "CREATE STREAM st_b AS SELECT k, sum(v) AS sv FROM s GROUP BY k"),
         stream="SELECT a.k, a.n, b.sv FROM st_a a JOIN st_b b ON a.k = b.k"),
    Case("stack_top", [bids()], "SELECT k, n FROM (SELECT k, count(*) AS n FROM s GROUP BY k) a ORDER BY n DESC, k LIMIT 4",
         setup=("CREATE STREAM st_a AS SELECT k, count(*) AS n FROM s GROUP BY k",), stream="SELECT k, n FROM st_a ORDER BY n DESC, k LIMIT 4"),
    Case("stack_windows", [bids(watermark="ts")], "SELECT win, max(n) AS m FROM (SELECT TUMBLE(ts, INTERVAL '10' SECOND) AS win, k, count(*) AS n FROM s "
         "GROUP BY TUMBLE(ts, INTERVAL '10' SECOND), k) a GROUP BY win",
         setup=("CREATE STREAM st_a AS SELECT TUMBLE(ts, INTERVAL '10' SECOND) AS win, k, count(*) AS n FROM s GROUP BY TUMBLE(ts, INTERVAL '10' SECOND), k "
                "EMIT ON WINDOW CLOSE",), stream="SELECT win, max(n) AS m FROM st_a GROUP BY win", at_end_only=True),
    Case("asof_strict", [bids(), right()], "SELECT s.id, r.x FROM s ASOF LEFT JOIN r ON s.k = r.k AND s.ts > r.rts"),
    Case("asof_after", [bids(), right()], "SELECT s.id, r.x FROM s ASOF JOIN r ON s.k = r.k AND s.ts <= r.rts"),
    Case("join_residual", [bids(), right()], "SELECT s.id, r.x FROM s JOIN r ON s.k = r.k AND s.ts > r.rts", steps=8, rows_per_step=15),
    Case("cross_join", [keyed(), table()], "SELECT s.k, t.k AS k2 FROM s CROSS JOIN t"),
    Case("semi_keyed", [keyed(), table()], "SELECT k, v FROM s WHERE g IN (SELECT x FROM t)"),
    Case("scalar_subquery", [bids(), table()], "SELECT id, v FROM s WHERE v > (SELECT avg(x) FROM t)"),
    Case("string_agg", [keyed()], "SELECT g, string_agg(w, ',' ORDER BY w, k) AS ws FROM s GROUP BY g"),
    Case("date_math", [bids()], "SELECT id, date_trunc('minute', ts) AS m, extract(second FROM ts) AS sec, ts + INTERVAL '1' HOUR AS later FROM s",
         duck="SELECT id, date_trunc('minute', ts) AS m, extract(second FROM ts) AS sec, ts + INTERVAL '1' HOUR AS later FROM s"),
]
