"""What the generator may draw, with weights, and how it is found out whether the engine can do it.

A construct that lands is switched on by itself: each has a probe, a stream that uses it, over the relations of PROBE_RELATIONS. What is
refused is left out and reported, so that nothing stays off in silence.
"""

from __future__ import annotations

from dataclasses import dataclass

import laminardb
from exprs import FUNCTIONS

PROBE_RELATIONS = [
    "CREATE SOURCE s (id BIGINT, k BIGINT, v BIGINT, d DOUBLE, w VARCHAR, l BIGINT[], ts TIMESTAMP, WATERMARK FOR ts) WITH ('retention' = 'all')",
    "CREATE SOURCE r (k BIGINT, x BIGINT, ts TIMESTAMP, WATERMARK FOR ts) WITH ('retention' = 'all')",
    "CREATE TABLE t (k BIGINT, x BIGINT, name VARCHAR, PRIMARY KEY (k))",
    "CREATE SOURCE u (k BIGINT, x BIGINT, ts TIMESTAMP, PRIMARY KEY (k), WATERMARK FOR ts)",
]


@dataclass(frozen=True)
class Construct:
    group: str  # alternatives are drawn within a group
    weight: float
    probe: str


def c(group: str, weight: float, probe: str) -> Construct:
    return Construct(group, weight, probe)


HOP = "HOP(ts, INTERVAL '5' SECOND, INTERVAL '10' SECOND)"
TUMBLE = "TUMBLE(ts, INTERVAL '5' SECOND)"

CONSTRUCTS: dict[str, Construct] = {
    # Relations.
    "keyed watermark": c("relation", 0.6, f"SELECT {TUMBLE} AS w, count(*) AS n FROM u GROUP BY {TUMBLE} EMIT ON WINDOW CLOSE"),
    # A query is one of these.
    "plain": c("shape", 4, "SELECT k + 1 AS c FROM s WHERE v > 1"),
    "group": c("shape", 5, "SELECT k, count(*) AS n FROM t GROUP BY k"),
    "global": c("shape", 0.7, "SELECT count(*) AS n FROM t"),
    "distinct": c("shape", 1, "SELECT DISTINCT x FROM t"),
    "top_n": c("shape", 1, "SELECT k, x FROM t ORDER BY x, k LIMIT 3"),
    "set": c("shape", 1.2, "SELECT k FROM s UNION ALL SELECT k FROM t"),
    "window": c("shape", 3, f"SELECT {TUMBLE} AS w, count(*) AS n FROM s GROUP BY {TUMBLE}"),
    "over": c("shape", 1.5, "SELECT k, rank() OVER (PARTITION BY k ORDER BY x) AS r FROM t"),
    "row_number": c("shape", 1, "SELECT k, x FROM t QUALIFY row_number() OVER (PARTITION BY k ORDER BY x) <= 2"),
    "distinct_on": c("shape", 0.7, "SELECT DISTINCT ON (k) k, x FROM t ORDER BY k, x"),
    "grouping_sets": c("shape", 0.7, "SELECT k, x, count(*) AS n FROM t GROUP BY GROUPING SETS ((k), (x), ())"),
    "rollup": c("shape", 0.4, "SELECT k, x, count(*) AS n FROM t GROUP BY ROLLUP (k, x)"),
    "cube": c("shape", 0.4, "SELECT k, x, count(*) AS n FROM t GROUP BY CUBE (k, x)"),
    "unnest": c("shape", 0.7, "SELECT k, unnest(l) AS u FROM s"),
    # FROM.
    "relation": c("from", 6, "SELECT k FROM s"),
    "derived": c("from", 1.5, "SELECT n FROM (SELECT count(*) AS n FROM t GROUP BY k) q"),
    "join": c("from", 4, "SELECT t.k FROM t JOIN s ON t.k = s.k"),
    "cte": c("cte", 0.1, "WITH a AS (SELECT k FROM t) SELECT a.k, b.k AS k2 FROM a JOIN a b ON a.k = b.k"),
    # Joins.
    "inner join": c("join", 4, "SELECT a.k FROM t a JOIN t b ON a.k = b.x"),
    "left join": c("join", 3, "SELECT a.k, b.x FROM t a LEFT JOIN t b ON a.k = b.x"),
    "right join": c("join", 1.5, "SELECT a.k, b.x FROM t a RIGHT JOIN t b ON a.k = b.x"),
    "full join": c("join", 1.5, "SELECT a.k, b.x FROM t a FULL JOIN t b ON a.k = b.x"),
    "semi join": c("join", 0.8, "SELECT a.k FROM t a LEFT SEMI JOIN t b ON a.k = b.x"),
    "anti join": c("join", 0.8, "SELECT a.k FROM t a LEFT ANTI JOIN t b ON a.k = b.x"),
    "cross join": c("join", 0.5, "SELECT a.k FROM t a CROSS JOIN t b"),
    "comma join": c("join", 0.5, "SELECT a.k FROM t a, t b WHERE a.k = b.x"),
    "non-equi join": c("join", 0.8, "SELECT a.k FROM t a JOIN t b ON a.k < b.x"),
    "non-equi left join": c("join", 0.5, "SELECT a.k FROM t a LEFT JOIN t b ON a.k < b.x"),
    "non-equi full join": c("join", 0.3, "SELECT a.k FROM t a FULL JOIN t b ON a.k < b.x"),
    "using": c("join", 0.8, "SELECT k, a.x FROM t a JOIN t b USING (k)"),
    "left using": c("join", 0.4, "SELECT k, a.x FROM t a LEFT JOIN t b USING (k)"),
    "full using": c("join", 0.4, "SELECT k, a.x FROM t a FULL JOIN t b USING (k)"),
    "natural join": c("join", 0.4, "SELECT k, a.x FROM t a NATURAL JOIN t b"),
    "natural left join": c("join", 0.3, "SELECT k, a.x FROM t a NATURAL LEFT JOIN r b"),
    "natural full join": c("join", 0.3, "SELECT k, a.name FROM t a NATURAL FULL JOIN r b"),
    "lateral join": c("join", 0.7, "SELECT t.k, q.v FROM t, LATERAL (SELECT s.v FROM s WHERE s.k = t.k) q"),
    "lateral left join": c("join", 0.7, "SELECT t.k, q.n FROM t LEFT JOIN LATERAL (SELECT count(*) AS n FROM s WHERE s.k = t.k) q ON TRUE"),
    "interval join": c("join", 1, "SELECT s.id, r.x FROM s JOIN r ON s.k = r.k AND s.ts BETWEEN r.ts - INTERVAL '5' SECOND AND r.ts + INTERVAL '5' SECOND"),
    "interval left join": c("join", 0.5, "SELECT s.id, r.x FROM s LEFT JOIN r ON s.k = r.k AND s.ts BETWEEN r.ts - INTERVAL '5' SECOND AND r.ts"),
    "asof join": c("join", 0.7, "SELECT s.id, r.x FROM s ASOF JOIN r ON s.k = r.k AND s.ts >= r.ts"),
    "asof left join": c("join", 0.7, "SELECT s.id, r.x FROM s ASOF LEFT JOIN r ON s.k = r.k AND s.ts > r.ts"),
    "asof right join": c("join", 0.3, "SELECT s.id, r.x FROM s ASOF RIGHT JOIN r ON s.k = r.k AND s.ts >= r.ts"),
    "asof full join": c("join", 0.3, "SELECT s.id, r.x FROM s ASOF FULL JOIN r ON s.k = r.k AND s.ts <= r.ts"),
    "asof nearest join": c("join", 0.3, "SELECT s.id, r.x FROM s ASOF LEFT JOIN r MATCH_CONDITION (NEAREST(s.ts, r.ts)) ON s.k = r.k"),
    "temporal join": c("join", 0.5, "SELECT s.id, v.x FROM s JOIN r FOR SYSTEM_TIME AS OF s.ts AS v ON s.k = v.k"),
    "temporal left join": c("join", 0.5, "SELECT s.id, v.x FROM s LEFT JOIN r FOR SYSTEM_TIME AS OF s.ts AS v ON s.k = v.k"),
    # Sub-queries in WHERE and in the select list.
    "in": c("subquery", 1, "SELECT k FROM s WHERE k IN (SELECT x FROM t)"),
    "not in": c("subquery", 1, "SELECT k FROM s WHERE k NOT IN (SELECT x FROM t)"),
    "exists": c("subquery", 1, "SELECT k FROM s WHERE EXISTS (SELECT 1 AS o FROM t WHERE t.x = s.k)"),
    "not exists": c("subquery", 1, "SELECT k FROM s WHERE NOT EXISTS (SELECT 1 AS o FROM t WHERE t.x = s.k)"),
    "scalar": c("subquery", 1, "SELECT k FROM s WHERE v > (SELECT avg(x) FROM t)"),
    "correlated": c("subquery", 1, "SELECT k FROM s WHERE v > (SELECT sum(x) FROM t WHERE t.k = s.k)"),
    "correlated count": c("subquery", 0.5, "SELECT k FROM s WHERE v > (SELECT count(x) FROM t WHERE t.k = s.k)"),
    "any": c("subquery", 0.5, "SELECT k FROM s WHERE k > ANY (SELECT x FROM t WHERE t.k = s.v)"),
    "all": c("subquery", 0.5, "SELECT k FROM s WHERE k > ALL (SELECT x FROM t WHERE t.k = s.v)"),
    "row in": c("subquery", 0.4, "SELECT k FROM s WHERE (k, v) IN (SELECT k, x FROM t)"),
    "row not in": c("subquery", 0.4, "SELECT k FROM s WHERE (k, v) NOT IN (SELECT k, x FROM t)"),
    "array": c("subquery", 0.3, "SELECT k FROM s WHERE len(ARRAY(SELECT x FROM t WHERE t.k = s.k ORDER BY x)) > 1"),
    # Clauses of an aggregate.
    "having": c("clause", 0.25, "SELECT k FROM t GROUP BY k HAVING count(*) > 1"),
    "filter": c("clause", 0.12, "SELECT k, count(*) FILTER (WHERE x > 1) AS n FROM t GROUP BY k"),
    "distinct aggregate": c("clause", 0.12, "SELECT k, count(DISTINCT x) AS n FROM t GROUP BY k"),
    # Sets.
    "UNION ALL": c("set", 2, "SELECT k FROM s UNION ALL SELECT k FROM t"),
    "UNION": c("set", 1, "SELECT k FROM s UNION SELECT k FROM t"),
    "INTERSECT": c("set", 0.7, "SELECT k FROM s INTERSECT SELECT k FROM t"),
    "INTERSECT ALL": c("set", 0.5, "SELECT k FROM s INTERSECT ALL SELECT k FROM t"),
    "EXCEPT": c("set", 0.7, "SELECT k FROM s EXCEPT SELECT k FROM t"),
    "EXCEPT ALL": c("set", 0.5, "SELECT k FROM s EXCEPT ALL SELECT k FROM t"),
    # Windows over time.
    "tumble": c("window", 3, f"SELECT {TUMBLE} AS w, count(*) AS n FROM s GROUP BY {TUMBLE}"),
    "tumble offset": c("window", 0.7, "SELECT TUMBLE(ts, INTERVAL '5' SECOND, INTERVAL '2' SECOND) AS w, count(*) AS n FROM s "
                       "GROUP BY TUMBLE(ts, INTERVAL '5' SECOND, INTERVAL '2' SECOND)"),
    "hop": c("window", 2, f"SELECT {HOP} AS w, count(*) AS n FROM s GROUP BY {HOP}"),
    "session": c("window", 1.5, "SELECT SESSION(ts, INTERVAL '5' SECOND) AS w, count(*) AS n FROM s GROUP BY SESSION(ts, INTERVAL '5' SECOND)"),
    "cumulate": c("window", 1, "SELECT CUMULATE(ts, INTERVAL '5' SECOND, INTERVAL '10' SECOND) AS w, count(*) AS n FROM s "
                  "GROUP BY CUMULATE(ts, INTERVAL '5' SECOND, INTERVAL '10' SECOND)"),
    "tumble table": c("window", 0.7, "SELECT window_start, k FROM TUMBLE(s, ts, INTERVAL '5' SECOND)"),
    "hop table": c("window", 0.7, "SELECT window_start, k FROM HOP(s, ts, INTERVAL '5' SECOND, INTERVAL '10' SECOND)"),
    # EMIT of a window that can close, and of everything else.
    "EMIT ON WINDOW CLOSE": c("emit_close", 2, f"SELECT {TUMBLE} AS w, count(*) AS n FROM s GROUP BY {TUMBLE} EMIT ON WINDOW CLOSE"),
    "EMIT AFTER WATERMARK": c("emit_close", 1, f"SELECT {TUMBLE} AS w, count(*) AS n FROM s GROUP BY {TUMBLE} EMIT AFTER WATERMARK"),
    "EMIT FINAL": c("emit_close", 0.7, f"SELECT {TUMBLE} AS w, count(*) AS n FROM s GROUP BY {TUMBLE} EMIT FINAL"),
    "EMIT ON UPDATE": c("emit", 2, f"SELECT {TUMBLE} AS w, count(*) AS n FROM s GROUP BY {TUMBLE} EMIT ON UPDATE"),
    "EMIT CHANGES": c("emit", 1, f"SELECT {TUMBLE} AS w, count(*) AS n FROM s GROUP BY {TUMBLE} EMIT CHANGES"),
    "LATE DATA TO": c("late", 0.5, f"SELECT {TUMBLE} AS w, count(*) AS n FROM s GROUP BY {TUMBLE} EMIT ON WINDOW CLOSE LATE DATA TO late_rows"),
    "EMIT EVERY": c("emit_every", 0.06, "SELECT k, count(*) AS n FROM t GROUP BY k EMIT EVERY INTERVAL '10' SECOND"),
}

# Aggregates: argument categories; what it gives; whether DuckDB agrees; see generator.Aggregates.
AGGREGATE_PROBES = [
    "count(x)", "sum(x)", "avg(x)", "min(name)", "max(x)", "bool_and(x > 1)", "bool_or(x > 1)", "bit_and(x)", "bit_or(x)", "bit_xor(x)", "stddev_pop(x)",
    "stddev_samp(x)", "var_pop(x)", "var_samp(x)", "covar_pop(x, k)", "covar_samp(x, k)", "corr(x, k)", "regr_slope(x, k)", "regr_count(x, k)",
    "median(x)", "percentile_cont(x, 0.25)", "percentile_disc(x, 0.75)", "mode(x)", "string_agg(name, ',' ORDER BY name)", "array_agg(x ORDER BY x NULLS LAST)",
    "count_if(x > 1)", "arg_min(name, k)", "arg_max(name, k)", "histogram(x)", "first_value(x ORDER BY k)", "last_value(x ORDER BY k)",
    "regr_r2(x, k)", "regr_intercept(x, k)", "regr_avgx(x, k)", "regr_sxx(x, k)", "regr_sxy(x, k)",
]


@dataclass
class Support:
    """What the engine refuses today: constructs, functions and aggregates, with the reason."""

    off: dict[str, str]

    def has(self, name: str) -> bool:
        return name not in self.off

    def report(self) -> str:
        if not self.off:
            return "all constructs are on"
        return "off (refused by the engine):\n" + "\n".join(f"  {name}: {why}" for name, why in self.off.items())


def probe() -> Support:
    conn = laminardb.open(":memory:")
    for statement in PROBE_RELATIONS:
        conn.execute(statement)
    off: dict[str, str] = {}

    def attempt(name: str, query: str) -> None:
        try:
            conn.execute(f"CREATE STREAM probe AS {query}")
            conn.execute("DROP STREAM probe")
        except laminardb.LaminarError as error:
            off[name] = str(error).split("\n")[0]

    for name, construct in CONSTRUCTS.items():
        attempt(name, construct.probe)
    args = {"int": "v", "text": "w", "double": "d", "ts": "ts", "bool": "(v > 1)", "date": "CAST(ts AS DATE)", "decimal": "CAST(v AS DECIMAL(10,2))",
            "list": "l", "struct": "{'a': v, 'b': w}"}
    for name, f in FUNCTIONS.items():
        attempt(f"function {name}", f"SELECT {f.ours.format(*[args[a] for a in f.args])} AS c FROM s")
    for aggregate in AGGREGATE_PROBES:
        attempt(f"aggregate {aggregate.split('(')[0]}", f"SELECT {aggregate} AS c FROM t")
    conn.close()
    return Support(off)


# Known to be refused: each is a gap of the engine.
MAY_BE_OFF: set[str] = set()
