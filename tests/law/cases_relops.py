"""Cases of the law for relational operators beyond the spine: set operations, grouping sets, UNNEST, subqueries."""

from __future__ import annotations

from cases import bids, keyed, right, table
from law import Case

CASES = [
    Case("set_union", [keyed(), table()], "SELECT g, v FROM s UNION SELECT x, k FROM t"),
    Case("set_union_mixed_types", [bids(), table()], "SELECT v, w FROM s UNION SELECT x + 0.5, name FROM t UNION ALL SELECT k, NULL FROM t"),
    Case("set_intersect", [bids(), right()], "SELECT k FROM s INTERSECT SELECT x FROM r"),
    Case("set_intersect_keyed", [keyed(), table()], "SELECT g, v FROM s INTERSECT SELECT x, k % 3 FROM t"),
    Case("set_intersect_all", [keyed(), table()], "SELECT g FROM s INTERSECT ALL SELECT x FROM t"),
    Case("set_intersect_all_append", [bids(), right()], "SELECT k, v FROM s INTERSECT ALL SELECT k, x % 3 FROM r"),
    Case("set_except", [bids(), table()], "SELECT v FROM s EXCEPT SELECT x FROM t"),
    Case("set_except_keyed", [keyed(), table()], "SELECT w, g FROM s EXCEPT SELECT name, x FROM t"),
    Case("set_except_all", [bids(), right()], "SELECT k FROM s EXCEPT ALL SELECT k FROM r"),
    Case("set_except_all_keyed", [keyed(), table()], "SELECT g FROM s EXCEPT ALL SELECT x FROM t"),
    Case("set_nested", [keyed(), table()], "SELECT g FROM s WHERE v > 0 UNION ALL (SELECT x FROM t INTERSECT SELECT v FROM s EXCEPT SELECT 1 EXCEPT ALL SELECT 2)"),
    Case("set_chain", [keyed(), table()], "SELECT g FROM s EXCEPT ALL SELECT x FROM t EXCEPT ALL SELECT v FROM s"),
    Case("set_top", [keyed(), table()], "SELECT g AS a, v FROM s EXCEPT SELECT x, k FROM t ORDER BY a NULLS FIRST, 2 DESC NULLS LAST LIMIT 4"),
    Case("set_in_cte", [keyed(), table()], "WITH q AS (SELECT g FROM s INTERSECT SELECT x FROM t) SELECT q.g, count(*) AS n FROM q JOIN s ON q.g = s.g GROUP BY q.g"),
    Case("set_filter_through", [keyed(), table()], "SELECT a FROM (SELECT g AS a, v FROM s EXCEPT ALL SELECT x, x FROM t) q WHERE a > 0"),
    Case("set_stack", [keyed(), table()], "SELECT x, count(*) AS n FROM (SELECT g AS x FROM s EXCEPT ALL SELECT x FROM t) q GROUP BY x",
         setup=("CREATE STREAM st_a AS SELECT g AS x FROM s EXCEPT ALL SELECT x FROM t",), stream="SELECT x, count(*) AS n FROM st_a GROUP BY x"),
    Case("rollup", [bids()], "SELECT k, b, count(*) AS n, sum(v) AS sv FROM s GROUP BY ROLLUP (k, b)"),
    Case("cube_keyed", [keyed()], "SELECT g, w, count(*) AS n, sum(v) AS sv, min(v) AS lo, grouping(g) AS gg, grouping(g, w) AS gw FROM s GROUP BY CUBE (g, w)"),
    Case("grouping_sets", [keyed()], "SELECT g, w, v, count(*) AS n FROM s GROUP BY GROUPING SETS ((g, w), (v), (g))"),
    Case("grouping_sets_equal", [keyed()], "SELECT g, count(*) AS n FROM s GROUP BY GROUPING SETS ((g), (g), (), ())"),
    Case("grouping_sets_mixed", [bids()], "SELECT b, k, w, count(v) AS n, max(d) AS hi FROM s GROUP BY b, GROUPING SETS (ROLLUP (k, w), CUBE (w))"),
    Case("grouping_expr", [keyed()], "SELECT v % 2 AS odd, g > 0 AS p, count(*) AS n FROM s GROUP BY ROLLUP (v % 2, g > 0)"),
    Case("grouping_aggregate_of_key", [keyed()], "SELECT g, sum(g) AS sg, count(*) FILTER (WHERE g > 0) AS pos, count(DISTINCT v) AS dv FROM s GROUP BY ROLLUP (g)"),
    Case("grouping_having", [keyed()], "SELECT g, w, count(*) AS n FROM s GROUP BY CUBE (g, w) HAVING grouping(g) = 0 AND count(*) > 1"),
    Case("grouping_having_key", [keyed()], "SELECT g, w, count(*) AS n FROM s GROUP BY CUBE (g, w) HAVING g > 0 OR g IS NULL"),
    Case("grouping_parens", [keyed()], "SELECT g, w, v, count(*) AS n FROM s GROUP BY ROLLUP ((g, w), v)"),
    Case("grouping_product", [bids()], "SELECT b, k, count(*) AS n FROM s GROUP BY ROLLUP (b), ROLLUP (k)"),
    Case("grouping_empty", [bids()], "SELECT count(*) AS n, sum(v) AS sv FROM s GROUP BY ()"),
    Case("grouping_distinct_of", [keyed()], "SELECT DISTINCT n FROM (SELECT g, count(*) AS n FROM s GROUP BY ROLLUP (g)) q"),
    Case("grouping_window", [bids()], "SELECT TUMBLE(ts, INTERVAL '10' SECOND) AS win, k, count(*) AS n, sum(v) AS sv FROM s "
         "GROUP BY TUMBLE(ts, INTERVAL '10' SECOND), ROLLUP (k)", emit="EMIT ON UPDATE"),
    Case("grouping_window_close", [bids(watermark="ts")], "SELECT TUMBLE(ts, INTERVAL '10' SECOND) AS win, k, b, count(*) AS n FROM s "
         "GROUP BY CUBE (k, b), TUMBLE(ts, INTERVAL '10' SECOND)", emit="EMIT ON WINDOW CLOSE", at_end_only=True),
    Case("group_by_all", [keyed()], "SELECT g, v > 0 AS p, count(*) AS n, sum(v) + 1 AS sv FROM s GROUP BY ALL"),
]
