"""Window functions: every function and frame, over rows that only come and over rows that go again."""

from __future__ import annotations

from law import Case, Relation


def bids(**more: object) -> Relation:
    return Relation(
        "s", {"id": "id", "k": "key", "v": "small", "d": "double", "w": "word", "b": "bool", "m": "decimal", "ts": "time"}, **more
    )


def keyed() -> Relation:
    return Relation("s", {"id": "key", "g": "small", "k": "small", "v": "small", "d": "double", "w": "long_word", "m": "decimal", "ts": "time"}, key=("id",))


# name -> (select list after id, or the whole text)
CALLS = {
    "row_number": "row_number() OVER (PARTITION BY k ORDER BY v, id) AS x",
    "row_number_desc": "row_number() OVER (PARTITION BY k ORDER BY v DESC NULLS LAST, id DESC) AS x",
    "rank": "rank() OVER (PARTITION BY k ORDER BY v) AS x, dense_rank() OVER (PARTITION BY k ORDER BY v) AS y",
    "rank_all": "rank() OVER (ORDER BY v NULLS FIRST) AS x, dense_rank() OVER (ORDER BY v NULLS FIRST) AS y, row_number() OVER (ORDER BY v NULLS FIRST, id) AS z",
    "rank_share": "percent_rank() OVER (PARTITION BY k ORDER BY v) AS x, cume_dist() OVER (PARTITION BY k ORDER BY v) AS y",
    "ntile": "ntile(3) OVER (PARTITION BY k ORDER BY id) AS x, ntile(100) OVER (ORDER BY id) AS y",
    "lag": "lag(v) OVER (PARTITION BY k ORDER BY id) AS x, lead(w, 2, 'none') OVER (PARTITION BY k ORDER BY id) AS y",
    "lag_default": "lag(v, 1, v * 2) OVER (PARTITION BY k ORDER BY ts, id) AS x, lag(v, 0) OVER (PARTITION BY k ORDER BY ts, id) AS y, lag(v, -1) OVER (PARTITION BY k ORDER BY ts, id) AS z",
    "lag_ignore_nulls": "lag(v IGNORE NULLS) OVER (PARTITION BY k ORDER BY id) AS x, lead(v, 2 IGNORE NULLS) OVER (PARTITION BY k ORDER BY id) AS y",
    "first_last": "first_value(v) OVER (PARTITION BY k ORDER BY id) AS x, last_value(w) OVER (PARTITION BY k ORDER BY id) AS y",
    "first_last_peers": "last_value(v) OVER (PARTITION BY k ORDER BY v) AS y, first_value(v) OVER (ORDER BY v DESC) AS z",
    "first_ignore_nulls": "first_value(v IGNORE NULLS) OVER (PARTITION BY k ORDER BY id) AS x, last_value(v IGNORE NULLS) OVER (PARTITION BY k ORDER BY id) AS y",
    "nth_value": "nth_value(v, 2) OVER (PARTITION BY k ORDER BY id) AS x, nth_value(v, 2 IGNORE NULLS) OVER (PARTITION BY k ORDER BY id ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING) AS y",
    "first_rows": "first_value(v) OVER (PARTITION BY k ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS x, last_value(d) OVER (PARTITION BY k ORDER BY id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS y",
    "running": "sum(v) OVER (PARTITION BY k ORDER BY id) AS x, count(*) OVER (PARTITION BY k ORDER BY id) AS n, avg(d) OVER (PARTITION BY k ORDER BY id) AS a",
    "running_peers": "sum(v) OVER (PARTITION BY k ORDER BY v) AS x, count(w) OVER (PARTITION BY k ORDER BY v) AS n, sum(m) OVER (PARTITION BY k ORDER BY v) AS sm",
    "running_rows": "sum(v) OVER (PARTITION BY k ORDER BY id ROWS UNBOUNDED PRECEDING) AS x, stddev_pop(v) OVER (PARTITION BY k ORDER BY id ROWS UNBOUNDED PRECEDING) AS y",
    "running_min": "min(v) OVER (PARTITION BY k ORDER BY id) AS x, max(w) OVER (PARTITION BY k ORDER BY id) AS y, bool_and(v > 0) OVER (PARTITION BY k ORDER BY id) AS z",
    "running_min_peers": "min(d) OVER (PARTITION BY k ORDER BY v DESC) AS x, max(m) OVER (PARTITION BY k ORDER BY v DESC) AS y",
    "running_filter": "sum(v) FILTER (WHERE v > 0) OVER (PARTITION BY k ORDER BY id) AS x, count(*) FILTER (WHERE w = 'a') OVER (ORDER BY id) AS y",
    "running_median": "median(v) OVER (PARTITION BY k ORDER BY id) AS x, count(DISTINCT v) OVER (PARTITION BY k ORDER BY id) AS y",
    "whole": "sum(v) OVER (PARTITION BY k) AS x, max(w) OVER (PARTITION BY k) AS y, count(*) OVER () AS n",
    "whole_distinct": "count(DISTINCT v) OVER (PARTITION BY k) AS x, avg(v) OVER () AS y, sum(DISTINCT v) OVER (PARTITION BY k) AS z",
    "array": "array_agg(v) OVER (PARTITION BY k ORDER BY id) AS x, string_agg(w, '-') OVER (PARTITION BY k ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS y",
    "rows_back": "sum(v) OVER (PARTITION BY k ORDER BY id ROWS 2 PRECEDING) AS x, min(v) OVER (PARTITION BY k ORDER BY id ROWS 2 PRECEDING) AS y",
    "rows_around": "sum(d) OVER (PARTITION BY k ORDER BY id ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING) AS x, max(w) OVER (PARTITION BY k ORDER BY id ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING) AS y",
    "rows_before": "sum(v) OVER (PARTITION BY k ORDER BY id ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING) AS x, count(v) OVER (PARTITION BY k ORDER BY id ROWS BETWEEN 2 FOLLOWING AND 3 FOLLOWING) AS y",
    "rows_rest": "sum(v) OVER (PARTITION BY k ORDER BY id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS x, min(v) OVER (PARTITION BY k ORDER BY id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS y",
    "rows_until": "sum(v) OVER (PARTITION BY k ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS x, max(v) OVER (PARTITION BY k ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 2 FOLLOWING) AS y",
    "groups": "sum(v) OVER (PARTITION BY k ORDER BY v GROUPS 1 PRECEDING) AS x, count(*) OVER (PARTITION BY k ORDER BY v GROUPS BETWEEN 1 FOLLOWING AND 2 FOLLOWING) AS y",
    "groups_around": "count(*) OVER (ORDER BY v GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS x, max(d) OVER (ORDER BY v DESC GROUPS BETWEEN 2 PRECEDING AND 1 PRECEDING) AS y",
    "range_number": "sum(v) OVER (PARTITION BY k ORDER BY v RANGE BETWEEN 2 PRECEDING AND CURRENT ROW) AS x, count(*) OVER (PARTITION BY k ORDER BY v RANGE BETWEEN 1 PRECEDING AND 3 FOLLOWING) AS y",
    "range_desc": "count(*) OVER (ORDER BY v DESC RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING) AS x, min(w) OVER (ORDER BY v DESC NULLS LAST RANGE BETWEEN 1 FOLLOWING AND 3 FOLLOWING) AS y",
    "range_decimal": "count(*) OVER (PARTITION BY k ORDER BY m RANGE BETWEEN 10 PRECEDING AND 20.5 FOLLOWING) AS x",
    "range_double": "sum(v) OVER (ORDER BY d RANGE BETWEEN 10.5 PRECEDING AND 10 FOLLOWING) AS x",
    "range_time": "sum(v) OVER (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '5' SECOND PRECEDING AND CURRENT ROW) AS x, count(*) OVER (ORDER BY ts RANGE BETWEEN INTERVAL '2' SECOND PRECEDING AND INTERVAL '1' SECOND FOLLOWING) AS y",
    "range_open": "count(*) OVER (PARTITION BY k ORDER BY v RANGE BETWEEN 1 PRECEDING AND UNBOUNDED FOLLOWING) AS x, sum(v) OVER (PARTITION BY k ORDER BY v RANGE BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING) AS y",
    "exclude": "sum(v) OVER (PARTITION BY k ORDER BY v, id ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING EXCLUDE CURRENT ROW) AS x, count(*) OVER (PARTITION BY k ORDER BY v GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) AS y",
    "exclude_group": "sum(v) OVER (PARTITION BY k ORDER BY v RANGE BETWEEN 2 PRECEDING AND 2 FOLLOWING EXCLUDE GROUP) AS x, max(w) OVER (PARTITION BY k ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW) AS y",
    "many": "row_number() OVER (PARTITION BY k ORDER BY id) AS a, sum(v) OVER (PARTITION BY k ORDER BY id ROWS 3 PRECEDING) AS b, sum(v) OVER (ORDER BY id) AS c, lag(v) OVER (PARTITION BY k ORDER BY id) AS d1, count(*) OVER (PARTITION BY v) AS e",
    "mixed": "rank() OVER (PARTITION BY k ORDER BY v) AS a, lead(v) OVER (PARTITION BY k ORDER BY v, id) AS b, count(*) OVER (PARTITION BY k ORDER BY v GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS c, max(v) OVER (PARTITION BY k ORDER BY v ROWS UNBOUNDED PRECEDING) AS m",
    "expression": "v - lag(v, 1, 0) OVER (PARTITION BY k ORDER BY id) AS x, 100.0 * v / nullif(sum(v) OVER (PARTITION BY k), 0) AS y, sum(v + 1) OVER (PARTITION BY k % 3 ORDER BY id + 1) AS z",
    "named": "sum(v) OVER w AS x, row_number() OVER (w ORDER BY id DESC) AS y FROM s WINDOW w AS (PARTITION BY k)",
    "named_frame": "sum(v) OVER (w ROWS 1 PRECEDING) AS x, count(*) OVER w AS y FROM s WINDOW p AS (PARTITION BY k), w AS (p ORDER BY id)",
}
DUCK = {
    "named": "SELECT id, sum(v) OVER (PARTITION BY k) AS x, row_number() OVER (PARTITION BY k ORDER BY id DESC) AS y FROM s",
    "named_frame": "SELECT id, sum(v) OVER (PARTITION BY k ORDER BY id ROWS 1 PRECEDING) AS x, count(*) OVER (PARTITION BY k ORDER BY id) AS y FROM s",
    "lag": "SELECT id, lag(v) OVER (PARTITION BY k ORDER BY id) AS x, lead(w, 2, 'none') OVER (PARTITION BY k ORDER BY id) AS y FROM s",
    # DuckDB orders descending with nulls last
    "range_desc": "SELECT id, count(*) OVER (ORDER BY v DESC NULLS FIRST RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING) AS x, min(w) OVER (ORDER BY v DESC NULLS LAST RANGE BETWEEN 1 FOLLOWING AND 3 FOLLOWING) AS y FROM s",
    "first_last_peers": "SELECT id, last_value(v) OVER (PARTITION BY k ORDER BY v) AS y, first_value(v) OVER (ORDER BY v DESC NULLS FIRST) AS z FROM s",
    "running_min_peers": "SELECT id, min(d) OVER (PARTITION BY k ORDER BY v DESC NULLS FIRST) AS x, max(m) OVER (PARTITION BY k ORDER BY v DESC NULLS FIRST) AS y FROM s",
    "groups_around": "SELECT id, count(*) OVER (ORDER BY v GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS x, max(d) OVER (ORDER BY v DESC NULLS FIRST GROUPS BETWEEN 2 PRECEDING AND 1 PRECEDING) AS y FROM s",
}


def text(name: str) -> str:
    calls = CALLS[name]
    return f"SELECT id, {calls}" if " FROM s" in calls else f"SELECT id, {calls} FROM s"


CASES = [Case(f"over_{name}", [bids()], text(name), duck=DUCK.get(name, "")) for name in CALLS]
CASES += [Case(f"over_keyed_{name}", [keyed()], text(name), duck=DUCK.get(name, "")) for name in CALLS]

# The first rows of each partition: QUALIFY and around a subquery, as a top-N and as a filter; the next best comes back.
TOPS = {
    "row_number": ("SELECT id, k, v FROM s QUALIFY row_number() OVER (PARTITION BY k ORDER BY v DESC NULLS LAST, id) <= 3", ""),
    "row_number_shown": ("SELECT id, k, v, row_number() OVER (PARTITION BY k ORDER BY v DESC NULLS LAST, id) AS rn FROM s QUALIFY rn <= 2", ""),
    "row_number_second": ("SELECT id, k FROM s QUALIFY row_number() OVER (PARTITION BY k ORDER BY v, id) = 2", ""),
    "row_number_between": ("SELECT id, k, rn FROM (SELECT id, k, row_number() OVER (PARTITION BY k ORDER BY id) AS rn FROM s) q WHERE rn BETWEEN 2 AND 4", ""),
    "keep_first": ("SELECT id, k, w FROM (SELECT *, row_number() OVER (PARTITION BY k ORDER BY ts, id) AS rn FROM s) q WHERE rn = 1", ""),
    "keep_last": ("SELECT id, k, w FROM (SELECT *, row_number() OVER (PARTITION BY k ORDER BY ts DESC, id DESC) AS rn FROM s) q WHERE 1 >= rn", ""),
    "row_number_text": ("SELECT id, w, v, row_number() OVER (PARTITION BY k ORDER BY w DESC NULLS LAST, id) AS rn FROM s QUALIFY rn <= 5", ""),
    "row_number_decimal": ("SELECT id, m, row_number() OVER (PARTITION BY v ORDER BY m DESC NULLS LAST, id) AS rn FROM s QUALIFY rn < 4", ""),
    "row_number_double": ("SELECT id, d FROM s QUALIFY row_number() OVER (PARTITION BY k, v ORDER BY d NULLS FIRST, ts, id) <= 2", ""),
    "row_number_copies": ("SELECT k, v, rn FROM (SELECT k, v, row_number() OVER (PARTITION BY k ORDER BY v) AS rn FROM s) q WHERE rn <= 6", ""),
    "row_number_groups": ("SELECT rn, count(*) AS n, sum(v) AS x FROM (SELECT v, row_number() OVER (PARTITION BY k ORDER BY v DESC NULLS LAST) AS rn FROM s) q WHERE rn <= 4 GROUP BY rn", ""),
    "row_number_many": ("SELECT id, k, rn FROM (SELECT id, k, row_number() OVER (PARTITION BY k ORDER BY v, id) AS rn FROM s) q WHERE rn <= 40", ""),
    "rank": ("SELECT id, k, v FROM s QUALIFY rank() OVER (PARTITION BY k ORDER BY v) <= 3", ""),
    "rank_shown": ("SELECT id, rank() OVER (PARTITION BY k ORDER BY v) AS r, dense_rank() OVER (PARTITION BY k ORDER BY v) AS d1 FROM s QUALIFY r < 4", ""),
    "rank_first": ("SELECT id, v, r FROM (SELECT id, v, rank() OVER (ORDER BY v) AS r FROM s) q WHERE r = 1", ""),
    "dense_rank": ("SELECT id, k, v FROM s QUALIFY dense_rank() OVER (PARTITION BY k ORDER BY v) <= 2", ""),
    "dense_rank_shown": ("SELECT id, v, r, n FROM (SELECT id, v, dense_rank() OVER (ORDER BY v) AS r, sum(v) OVER (ORDER BY v) AS n FROM s) q WHERE r <= 2", ""),
    "not_a_prefix": ("SELECT id, n FROM (SELECT id, row_number() OVER (PARTITION BY k ORDER BY id) AS rn, count(*) OVER (PARTITION BY k) AS n FROM s) q WHERE rn <= 2", ""),
    "qualify_other": ("SELECT id, v FROM s QUALIFY sum(v) OVER (PARTITION BY k ORDER BY id) > 3 OR lag(v) OVER (PARTITION BY k ORDER BY id) IS NULL", ""),
    "qualify_partition": ("SELECT id, n FROM (SELECT id, k, count(*) OVER (PARTITION BY k) AS n FROM s) q WHERE k < 5 AND n > 2", ""),
    "distinct_on": ("SELECT DISTINCT ON (k) k, id, v FROM s ORDER BY k, v DESC NULLS LAST, id", ""),
    "distinct_on_over": ("SELECT DISTINCT ON (k) k, id, count(*) OVER (PARTITION BY v) AS n FROM s ORDER BY k, ts DESC, id", ""),
    "limit_offset": ("SELECT id, v FROM s ORDER BY v, id LIMIT 4 OFFSET 3", ""),
    "of_groups": ("SELECT k, n, rank() OVER (ORDER BY n DESC) AS r, sum(n) OVER (ORDER BY k) AS so_far FROM (SELECT k, count(*) AS n FROM s GROUP BY k) q", ""),
    "over_groups": ("SELECT k, sum(v) AS sv, rank() OVER (ORDER BY sum(v) DESC NULLS LAST) AS r, sum(sum(v)) OVER (ORDER BY k) AS so_far, sum(v) * 1.0 / nullif(sum(sum(v)) OVER (), 0) AS share FROM s GROUP BY k", ""),
    "qualify_groups": ("SELECT k, count(*) AS n FROM s GROUP BY k HAVING count(*) > 1 QUALIFY rank() OVER (ORDER BY count(*) DESC) <= 2", ""),
    "order_by": ("SELECT id, k FROM s ORDER BY row_number() OVER (PARTITION BY k ORDER BY id), id LIMIT 7", ""),
    "group_of_over": ("SELECT x, count(*) AS n FROM (SELECT v - lag(v) OVER (PARTITION BY k ORDER BY id) AS x FROM s) q GROUP BY x", ""),
    "over_of_over": ("SELECT id, sum(x) OVER (PARTITION BY k ORDER BY id ROWS 2 PRECEDING) AS y FROM (SELECT id, k, v - lag(v) OVER (PARTITION BY k ORDER BY id) AS x FROM s) q", ""),
    "join_of_over": ("SELECT a.id, a.rn, b.n FROM (SELECT id, k, row_number() OVER (PARTITION BY k ORDER BY id) AS rn FROM s) a JOIN (SELECT k, count(*) AS n FROM s GROUP BY k) b ON a.k = b.k AND a.rn = b.n", ""),
}
CASES += [Case(f"over_top_{name}", [bids()], sql, duck=duck, rows_per_step=20) for name, (sql, duck) in TOPS.items()]
CASES += [Case(f"over_keyed_top_{name}", [keyed()], sql, duck=duck, rows_per_step=20) for name, (sql, duck) in TOPS.items()]

# Rows that are equal in all that the query uses: their places differ, which of them has which makes no difference.
COPIES = {
    "numbers": "SELECT k, v, row_number() OVER (PARTITION BY k ORDER BY v) AS x FROM s",
    "lag": "SELECT b, v, lag(v) OVER (PARTITION BY b ORDER BY v) AS x, lead(v, 2) OVER (PARTITION BY b ORDER BY v) AS y FROM s",
    "running": "SELECT b, v, sum(v) OVER (PARTITION BY b ORDER BY v ROWS UNBOUNDED PRECEDING) AS x, ntile(4) OVER (PARTITION BY b ORDER BY v) AS y FROM s",
    "rows": "SELECT b, v, sum(v) OVER (PARTITION BY b ORDER BY v ROWS 3 PRECEDING) AS x FROM s",
    "range": "SELECT v, count(*) OVER (ORDER BY v RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS x, rank() OVER (ORDER BY v) AS y FROM s",
}
CASES += [Case(f"over_copies_{name}", [bids()], sql) for name, sql in COPIES.items()]
CASES += [Case(f"over_keyed_copies_{name}", [keyed()], sql.replace(" b", " g").replace("BY b", "BY g")) for name, sql in COPIES.items()]
