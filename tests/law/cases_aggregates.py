"""Every aggregate, over rows that only come and over rows that go again, with DISTINCT, FILTER and ORDER BY inside."""

from __future__ import annotations

from cases_over import bids
from law import Case, Relation


def keyed() -> Relation:
    return Relation(
        "s",
        {"id": "key", "k": "small", "v": "small", "d": "double", "w": "long_word", "b": "bool", "m": "decimal", "ts": "time", "i": "int", "dt": "date"},
        key=("id",),
    )


def appended() -> Relation:
    return Relation(
        "s", {"id": "id", "k": "key", "v": "small", "d": "double", "w": "word", "b": "bool", "m": "decimal", "ts": "time", "i": "int", "dt": "date"}
    )


MODE = """SELECT g.k, x FROM (SELECT DISTINCT k FROM s) g LEFT JOIN
 (SELECT k, min_by(v, {'n': -n, 'v': v}) AS x FROM (SELECT k, v, count(*) AS n FROM s WHERE v IS NOT NULL GROUP BY k, v) GROUP BY k) q
 ON g.k IS NOT DISTINCT FROM q.k"""

# name -> select list behind k, and DuckDB's where that is another (or a whole query)
AGGREGATES: dict[str, str | tuple[str, str]] = {
    "count": "count(*) AS a, count(v) AS b, count(w) AS c, count_if(v IS NOT NULL AND v > 0) AS d",
    "sum": "sum(v) AS a, sum(d) AS b, sum(m) AS c, sum(i) AS d",
    "avg": "avg(v) AS a, avg(d) AS b, avg(m) AS c, avg(i) AS d",
    "min_max": "min(v) AS a, max(d) AS b, min(w) AS c, max(m) AS e, min(ts) AS f, max(dt) AS g, max(b) AS h",
    "first_last": ("first_value(v ORDER BY id) AS a, last_value(w ORDER BY id) AS b, first(d ORDER BY v NULLS FIRST, id DESC) AS c",
                   "first(v ORDER BY id) AS a, last(w ORDER BY id) AS b, first(d ORDER BY v NULLS FIRST, id DESC) AS c"),
    "first_last_time": "last(w ORDER BY ts DESC NULLS LAST, id) AS a, first(m ORDER BY ts, id) AS b",
    "any_value": ("any_value(k) AS a, any_value(k * 2) AS b", "max(k) AS a, max(k * 2) AS b"),
    "arg": "arg_min(w, id) AS a, arg_max(v, id) AS b, min_by(ts, id) AS c, max_by(m, id) AS d",
    "bools": "bool_and(b) AS a, bool_or(b) AS b, bool_and(v > 0) AS c, bool_or(v > 3) AS d",
    "bits": "bit_and(v + 8) AS a, bit_or(v + 8) AS b, bit_xor(v + 8) AS c",
    "string_agg": "string_agg(w, ',' ORDER BY id) AS a, string_agg(w, '/' ORDER BY w DESC, id) AS b",
    "string_agg_distinct": "string_agg(DISTINCT w, ',' ORDER BY w) AS a",
    "array_agg": "array_agg(v ORDER BY id) AS a, array_agg(w ORDER BY v DESC NULLS LAST, id) AS b",
    "array_agg_distinct": "array_agg(DISTINCT v ORDER BY v) FILTER (WHERE v IS NOT NULL) AS a",
    "variance": "stddev_pop(v) AS a, stddev_samp(v) AS b, var_pop(d / 1000) AS c, var_samp(v) AS e, stddev(v) AS f, variance(v) AS g",
    "covariance": "covar_pop(v, id) AS a, covar_samp(v, id) AS b",
    "corr": ("round(corr(v, id), 6) AS a", "round(CASE WHEN isfinite(corr(v, id)) THEN corr(v, id) END, 6) AS a"),
    "regr": "regr_count(v, id) AS a, regr_avgx(v, id) AS b, regr_avgy(v, id) AS c, regr_sxx(v, id) AS e, regr_syy(v, id) AS f, regr_sxy(v, id) AS g",
    "regr_line": ("round(regr_slope(v, id), 6) AS a, round(regr_intercept(v, id), 6) AS b",
                  "round(CASE WHEN isfinite(regr_slope(v, id)) THEN regr_slope(v, id) END, 6) AS a, round(CASE WHEN isfinite(regr_intercept(v, id)) THEN regr_intercept(v, id) END, 6) AS b"),
    "median": "median(v) AS a, median(d) AS b, median(date_trunc('second', ts)) AS c",
    "percentiles": "percentile_cont(0.25) WITHIN GROUP (ORDER BY v) AS a, percentile_disc(0.75) WITHIN GROUP (ORDER BY v) AS b, quantile_cont(d, 0.9) AS c, quantile_disc(v, 0.1) AS d",
    "percentiles_descending": "percentile_cont(0.25) WITHIN GROUP (ORDER BY v DESC) AS a, percentile_disc(0.4) WITHIN GROUP (ORDER BY v DESC) AS b",
    "mode": ("mode(v) AS x", MODE),
    "histogram": ("histogram(v) AS a", "histogram(v) AS a"),
    "distinct": "count(DISTINCT w) AS a, sum(DISTINCT v) AS b, avg(DISTINCT v) AS c, median(DISTINCT v) AS e, min(DISTINCT v) AS f",
    "filter": "sum(v) FILTER (WHERE b) AS a, max(w) FILTER (WHERE v > 0) AS b, count(DISTINCT v) FILTER (WHERE b) AS c, median(v) FILTER (WHERE v <> 0) AS e, string_agg(w, '' ORDER BY id) FILTER (WHERE b) AS f",
    "expressions": "sum(v * 2) + count(*) AS a, max(v) - min(v) AS b, coalesce(sum(d), 0) AS c, avg(v + d) AS e",
}


def cases(prefix: str, relation: Relation) -> list[Case]:
    out = []
    for name, text in AGGREGATES.items():
        ours, duck = (text, text) if isinstance(text, str) else text
        whole = duck if duck.startswith("SELECT") else f"SELECT k, {duck} FROM s GROUP BY k"
        out.append(Case(f"{prefix}_{name}", [relation], f"SELECT k, {ours} FROM s GROUP BY k", duck=whole))
        if name != "any_value" and not duck.startswith("SELECT"):
            out.append(Case(f"{prefix}_all_{name}", [relation], f"SELECT {ours} FROM s", duck=f"SELECT {duck} FROM s"))
    return out


CASES = cases("agg", appended()) + cases("agg_keyed", keyed())
CASES += [
    # Aggregates of aggregates, which retract although their source doesn't.
    Case("agg_of_groups", [bids()], "SELECT n, median(sv) AS a, max(sv) AS b, array_agg(k ORDER BY k) AS c, bool_or(sv > 3) AS d, bit_or(n) AS e FROM "
         "(SELECT k, count(*) AS n, sum(v) AS sv FROM s GROUP BY k) q GROUP BY n"),
    Case("agg_windows_keep_all", [bids(watermark="ts")], "SELECT TUMBLE(ts, INTERVAL '10' SECOND) AS win, median(v) AS a, string_agg(w, ',' ORDER BY id) AS b, count(DISTINCT v) AS c, "
         "bool_and(b) AS d, bit_xor(v + 8) AS e FROM s GROUP BY TUMBLE(ts, INTERVAL '10' SECOND)", at_end_only=True),
]
