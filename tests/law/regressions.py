"""Bugs that generated queries found: each a script that showed one, named after it.

A script with a `reason` shows a bug that is not fixed yet; the test fails when it is, so that the reason goes.
"""

from __future__ import annotations

from script import Script, Step, Table

SCRIPTS: list[Script] = [
    Script(
        "insert_whole_number_beyond_bigint",  # it was refused as a DECIMAL
        [Table("r0", "CREATE TABLE r0 (k BIGINT, u BIGINT UNSIGNED, PRIMARY KEY (k))", [("k", "BIGINT"), ("u", "UBIGINT")])],
        [
            Step("create", "CREATE STREAM q AS SELECT u FROM r0"),
            Step("subscribe", ""),
            Step("sql", "INSERT INTO r0 VALUES (1, 18446744073709551615), (2, 0)"),
        ],
        "SELECT u FROM r0",
        duck="SELECT u FROM r0",
        contents={"r0": ["(1, 18446744073709551615)", "(2, 0)"]},
    ),
    Script(
        "insert_struct_with_null",  # the null was a text
        [Table("r0", "CREATE TABLE r0 (k BIGINT, s STRUCT<a BIGINT, b VARCHAR>, PRIMARY KEY (k))", [("k", "BIGINT"), ("s", "STRUCT(a BIGINT, b VARCHAR)")])],
        [
            Step("create", "CREATE STREAM q AS SELECT s FROM r0"),
            Step("subscribe", ""),
            Step("sql", "INSERT INTO r0 VALUES (1, {'a': NULL, 'b': 'x'}), (2, {'a': 1, 'b': NULL})"),
        ],
        "SELECT s FROM r0",
        duck="SELECT s FROM r0",
        contents={"r0": ["(1, {'a': NULL, 'b': 'x'})", "(2, {'a': 1, 'b': NULL})"]},
    ),
    Script(
        "asof_times_of_two_units",  # microseconds were compared with milliseconds
        [
            Table("r0", "CREATE SOURCE r0 (i INT, ts TIMESTAMP) WITH ('retention' = 'all')", [("i", "INT"), ("ts", "TIMESTAMP")]),
            Table("r1", "CREATE SOURCE r1 (k INT, ts TIMESTAMP(3)) WITH ('retention' = 'all')", [("k", "INT"), ("ts", "TIMESTAMP")]),
        ],
        [
            Step("create", "CREATE STREAM q AS SELECT a.i, b.ts FROM r0 a ASOF LEFT JOIN r1 b ON a.i = b.k AND a.ts < b.ts"),
            Step("subscribe", ""),
            Step("sql", "INSERT INTO r0 VALUES (1, TIMESTAMP '2026-01-01 00:00:30.050')"),
            Step("sql", "INSERT INTO r1 VALUES (1, TIMESTAMP '2026-01-01 00:00:31.055')"),
        ],
        "SELECT a.i, b.ts FROM r0 a ASOF LEFT JOIN r1 b ON a.i = b.k AND a.ts < b.ts",
        duck="SELECT a.i, b.ts FROM r0 a ASOF LEFT JOIN r1 b ON a.i = b.k AND a.ts < b.ts",
        contents={"r0": ["(1, TIMESTAMP '2026-01-01 00:00:30.050')"], "r1": ["(1, TIMESTAMP '2026-01-01 00:00:31.055')"]},
    ),
    Script(
        "emit_of_a_window_without_rows",  # the window was gone when EMIT looked for it
        [Table("r0", "CREATE SOURCE r0 (ts TIMESTAMP, WATERMARK FOR ts) WITH ('retention' = 'all')", [("ts", "TIMESTAMP")])],
        [
            Step("create", "CREATE STREAM q AS SELECT TUMBLE(ts, INTERVAL '10' SECOND) AS w, count(*) AS n FROM r0 "
                 "GROUP BY TUMBLE(ts, INTERVAL '10' SECOND) HAVING FALSE EMIT FINAL"),
            Step("subscribe", ""),
            Step("sql", "INSERT INTO r0 VALUES (TIMESTAMP '2026-01-01 00:00:31.055')"),
            Step("watermark", "r0", 1798761600000),
        ],
        "SELECT TUMBLE(ts, INTERVAL '10' SECOND) AS w, count(*) AS n FROM r0 GROUP BY TUMBLE(ts, INTERVAL '10' SECOND) HAVING FALSE",
        at_end_only=True,
    ),
    Script(
        "having_on_the_bound_of_a_window_table",  # it came between the window and its aggregate
        [Table("r0", "CREATE SOURCE r0 (k BIGINT, ts TIMESTAMP, WATERMARK FOR ts) WITH ('retention' = 'all')", [("k", "BIGINT"), ("ts", "TIMESTAMP")])],
        [
            Step("create", "CREATE STREAM q AS SELECT a.window_start, count(*) AS n FROM TUMBLE(r0, ts, INTERVAL '10' SECOND) a WHERE a.k > 0 "
                 "GROUP BY a.window_start HAVING a.window_start > TIMESTAMP '2026-01-01 00:00:05' EMIT ON WINDOW CLOSE"),
            Step("subscribe", ""),
            Step("sql", "INSERT INTO r0 VALUES (1, TIMESTAMP '2026-01-01 00:00:31.055'), (1, TIMESTAMP '2026-01-01 00:00:01'), "
                 "(0, TIMESTAMP '2026-01-01 00:00:41')"),
            Step("watermark", "r0", 1798761600000),
        ],
        "SELECT a.window_start, count(*) AS n FROM TUMBLE(r0, ts, INTERVAL '10' SECOND) a WHERE a.k > 0 "
        "GROUP BY a.window_start HAVING a.window_start > TIMESTAMP '2026-01-01 00:00:05'",
        duck="SELECT TIMESTAMP '2026-01-01 00:00:30', count(*) FROM r0 WHERE k > 0 AND ts > TIMESTAMP '2026-01-01 00:00:10'",
        contents={"r0": ["(1, TIMESTAMP '2026-01-01 00:00:31.055')", "(1, TIMESTAMP '2026-01-01 00:00:01')", "(0, TIMESTAMP '2026-01-01 00:00:41')"]},
        at_end_only=True,
    ),
    Script(
        "distinct_within_a_union_that_retracts",  # rows of a DISTINCT that never takes any back were not read
        [Table("r0", "CREATE SOURCE r0 (k BIGINT) WITH ('retention' = 'all')", [("k", "BIGINT")])],
        [
            Step("create", "CREATE STREAM q AS SELECT DISTINCT k FROM r0 UNION ALL SELECT count(*) AS n FROM r0"),
            Step("sql", "INSERT INTO r0 VALUES (18), (18)"),
            Step("subscribe", ""),
            Step("sql", "INSERT INTO r0 VALUES (19)"),
        ],
        "SELECT DISTINCT k FROM r0 UNION ALL SELECT count(*) AS n FROM r0",
        duck="SELECT DISTINCT k FROM r0 UNION ALL SELECT count(*) AS n FROM r0",
        contents={"r0": ["(18)", "(18)", "(19)"]},
    ),
    Script(
        "over_keeps_equal_rows",  # the contents had each of them once
        [Table("r1", "CREATE SOURCE r1 (k SMALLINT) WITH ('retention' = 'all')", [("k", "SMALLINT")])],
        [
            Step("create", "CREATE STREAM q AS SELECT min(k) OVER (ORDER BY k NULLS FIRST) AS c FROM r1"),
            Step("sql", "INSERT INTO r1 VALUES (-300), (-300)"),
            Step("subscribe", ""),
            Step("sql", "INSERT INTO r1 VALUES (-300), (4)"),
        ],
        "SELECT min(k) OVER (ORDER BY k NULLS FIRST) AS c FROM r1",
        duck="SELECT min(k) OVER (ORDER BY k NULLS FIRST) AS c FROM r1",
        contents={"r1": ["(-300)", "(-300)", "(-300)", "(4)"]},
    ),
    Script(
        "over_lag_among_equal_rows",  # they lay in the order of what they had put out, and one was taken for the other
        [Table("r1", "CREATE SOURCE r1 (k BIGINT) WITH ('retention' = 'all')", [("k", "BIGINT")])],
        [
            Step("create", "CREATE STREAM q AS SELECT lag(k) OVER (ORDER BY k NULLS LAST) AS c FROM r1"),
            Step("subscribe", ""),
            Step("sql", "INSERT INTO r1 VALUES (5), (5)"),
            Step("sql", "INSERT INTO r1 VALUES (4)"),
            Step("sql", "INSERT INTO r1 VALUES (7)"),
            Step("sql", "INSERT INTO r1 VALUES (5)"),
        ],
        "SELECT lag(k) OVER (ORDER BY k NULLS LAST) AS c FROM r1",
        duck="SELECT lag(k) OVER (ORDER BY k NULLS LAST) AS c FROM r1",
        contents={"r1": ["(5)", "(5)", "(4)", "(7)", "(5)"]},
    ),
    Script(
        "over_running_sum_behind_equal_rows",  # the sum went on from the wrong one of them
        [Table("r1", "CREATE TABLE r1 (k BIGINT, v BIGINT, PRIMARY KEY (k))", [("k", "BIGINT"), ("v", "BIGINT")])],
        [
            Step("create", "CREATE STREAM q AS SELECT sum(v) OVER (ORDER BY v ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS c FROM r1"),
            Step("subscribe", ""),
            Step("sql", "INSERT INTO r1 VALUES (1, -2), (2, -2), (3, -2)"),
            Step("sql", "INSERT INTO r1 VALUES (4, 0)"),
            Step("sql", "DELETE FROM r1 WHERE k = 2"),
        ],
        "SELECT sum(v) OVER (ORDER BY v ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS c FROM r1",
        duck="SELECT sum(v) OVER (ORDER BY v ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS c FROM r1",
        contents={"r1": ["(1, -2)", "(3, -2)", "(4, 0)"]},
    ),
    Script(
        "over_context_of_equal_rows",  # rows before the first change were counted once for all that are equal
        [Table("r0", "CREATE TABLE r0 (k VARCHAR, d BIGINT, b BOOLEAN, PRIMARY KEY (k))", [("k", "VARCHAR"), ("d", "BIGINT"), ("b", "BOOLEAN")])],
        [
            Step("create", "CREATE STREAM q AS SELECT lag(a1.d, 2) OVER (ORDER BY a1.d DESC NULLS LAST) AS c FROM r0 a1 JOIN r0 a2 ON a2.b"),
            Step("subscribe", ""),
            Step("sql", "INSERT INTO r0 VALUES ('a', -9, FALSE)"),
            Step("sql", "INSERT INTO r0 VALUES ('x', -2, TRUE), ('', 4, TRUE), (' a ', -9, TRUE)"),
            Step("sql", "DELETE FROM r0 WHERE k = 'a'"),
        ],
        "SELECT lag(a1.d, 2) OVER (ORDER BY a1.d DESC NULLS LAST) AS c FROM r0 a1 JOIN r0 a2 ON a2.b",
        duck="SELECT lag(a1.d, 2) OVER (ORDER BY a1.d DESC NULLS LAST) AS c FROM r0 a1 JOIN r0 a2 ON a2.b",
        contents={"r0": ["('x', -2, TRUE)", "('', 4, TRUE)", "(' a ', -9, TRUE)"]},
    ),
    Script(
        "join_with_an_aggregate_of_constants",  # it came after the rows of the first step, and the stream was taken for one that never takes any back
        [
            Table("r1", "CREATE SOURCE r1 (id BIGINT) WITH ('retention' = 'all')", [("id", "BIGINT")]),
            Table("r2", "CREATE TABLE r2 (k BIGINT, PRIMARY KEY (k))", [("k", "BIGINT")]),
        ],
        [
            Step("sql", "INSERT INTO r1 VALUES (3)"),
            Step("create", "CREATE STREAM q AS SELECT id IN (SELECT k FROM r2 WHERE FALSE) AS c FROM r1"),
            Step("subscribe", ""),
            Step("sql", "INSERT INTO r1 VALUES (4), (NULL)"),
        ],
        "SELECT id IN (SELECT k FROM r2 WHERE FALSE) AS c FROM r1",
        duck="SELECT id IN (SELECT k FROM r2 WHERE FALSE) AS c FROM r1",
        contents={"r1": ["(3)", "(4)", "(NULL)"], "r2": []},
    ),
    Script(
        "join_on_times_of_two_units",  # it was no key, and FOR SYSTEM_TIME was refused for want of one
        [
            Table("r0", "CREATE SOURCE r0 (ts TIMESTAMP, WATERMARK FOR ts) WITH ('retention' = 'all')", [("ts", "TIMESTAMP")]),
            Table("r1", "CREATE SOURCE r1 (ts TIMESTAMP(3), x DECIMAL(10,2), WATERMARK FOR ts) WITH ('retention' = 'all')",
                  [("ts", "TIMESTAMP"), ("x", "DECIMAL(10,2)")]),
        ],
        [
            Step("create", "CREATE STREAM q AS SELECT a.ts, b.x FROM r0 a LEFT JOIN r1 FOR SYSTEM_TIME AS OF a.ts AS b ON a.ts = b.ts"),
            Step("subscribe", ""),
            Step("sql", "INSERT INTO r0 VALUES (TIMESTAMP '2026-01-01 00:00:30.050'), (TIMESTAMP '2026-01-01 00:00:30.051')"),
            Step("sql", "INSERT INTO r1 VALUES (TIMESTAMP '2026-01-01 00:00:30.050', 1.5)"),
        ],
        "SELECT a.ts, b.x FROM r0 a LEFT JOIN r1 FOR SYSTEM_TIME AS OF a.ts AS b ON a.ts = b.ts",
        duck="SELECT a.ts, b.x FROM r0 a LEFT JOIN r1 b ON a.ts = b.ts",
        contents={"r0": ["(TIMESTAMP '2026-01-01 00:00:30.050')", "(TIMESTAMP '2026-01-01 00:00:30.051')"], "r1": ["(TIMESTAMP '2026-01-01 00:00:30.050', 1.5)"]},
        at_end_only=True,
    ),
    Script(
        "not_in_window_function_over_projection",  # copies of the sub-query shared the call's arguments, and each was rewritten
        [Table("r0", "CREATE SOURCE r0 (id BIGINT, k SMALLINT, w VARCHAR) WITH ('retention' = 'all')", [("id", "BIGINT"), ("k", "SMALLINT"), ("w", "VARCHAR")])],
        [
            Step("create", "CREATE STREAM q AS SELECT k FROM r0 WHERE k NOT IN (SELECT first_value(c) OVER (PARTITION BY c ORDER BY id) AS f FROM (SELECT w, id, k AS c FROM r0) i)"),
            Step("sql", "INSERT INTO r0 VALUES (9, -300, 'a')"),
            Step("subscribe", ""),
            Step("sql", "INSERT INTO r0 VALUES (9, NULL, 'a')"),
        ],
        "SELECT k FROM r0 WHERE k NOT IN (SELECT first_value(c) OVER (PARTITION BY c ORDER BY id) AS f FROM (SELECT w, id, k AS c FROM r0) i)",
        duck="SELECT k FROM r0 WHERE k NOT IN (SELECT first_value(c) OVER (PARTITION BY c ORDER BY id) AS f FROM (SELECT w, id, k AS c FROM r0) i)",
        contents={"r0": ["(9, -300, 'a')", "(9, NULL, 'a')"]},
    ),
    Script(
        "window_that_starts_late_but_allowed",  # it came out when its row did, and once more with the next watermark
        [Table("r0", "CREATE SOURCE r0 (ts TIMESTAMP, WATERMARK FOR ts) WITH ('retention' = 'all')", [("ts", "TIMESTAMP")])],
        [
            Step("create", "CREATE STREAM q AS SELECT TUMBLE(ts, INTERVAL '5' SECOND) AS w, count(*) AS n FROM r0 GROUP BY TUMBLE(ts, INTERVAL '5' SECOND) EMIT AFTER WATERMARK ALLOW LATENESS INTERVAL '5' SECOND"),
            Step("subscribe", ""),
            Step("sql", "INSERT INTO r0 VALUES (TIMESTAMP '2025-12-31 23:59:55.005')"),
            Step("sql", "INSERT INTO r0 VALUES (TIMESTAMP '2025-12-31 23:59:52.006')"),
            Step("watermark", "r0", 1798761600000),
        ],
        "SELECT TUMBLE(ts, INTERVAL '5' SECOND) AS w, count(*) AS n FROM r0 GROUP BY TUMBLE(ts, INTERVAL '5' SECOND)",
        at_end_only=True,
    ),
    Script(
        "late_data_of_a_window_without_groups",  # the window was gone, and the relation with it
        [Table("r0", "CREATE SOURCE r0 (ts TIMESTAMP, WATERMARK FOR ts) WITH ('retention' = 'all')", [("ts", "TIMESTAMP")])],
        [
            Step("create", "CREATE STREAM q AS SELECT 1 AS c FROM r0 GROUP BY TUMBLE(ts, INTERVAL '5' SECOND) HAVING FALSE EMIT FINAL LATE DATA TO late"),
            Step("subscribe", ""),
            Step("sql", "INSERT INTO r0 VALUES (TIMESTAMP '2026-01-01 00:00:10')"),
            Step("sql", "INSERT INTO r0 VALUES (TIMESTAMP '2026-01-01 00:00:01')", expect="SELECT 1 AS c FROM late WHERE ts > TIMESTAMP '2026-01-01 00:00:01'"),
        ],
        "SELECT 1 AS c FROM r0 GROUP BY TUMBLE(ts, INTERVAL '5' SECOND) HAVING FALSE",
    ),
    Script(
        "coalesce_of_a_key_of_grouping_sets",  # a column that is never null was taken to be no null as a key either, where a cast stood between
        [Table("r0", "CREATE TABLE r0 (k INT, PRIMARY KEY (k))", [("k", "INT")])],
        [
            Step("create", "CREATE STREAM q AS SELECT coalesce(k, 99) AS c, count(*) AS n FROM r0 GROUP BY ROLLUP (k)"),
            Step("subscribe", ""),
            Step("sql", "INSERT INTO r0 VALUES (1), (2)"),
        ],
        "SELECT coalesce(k, 99) AS c, count(*) AS n FROM r0 GROUP BY ROLLUP (k)",
        duck="SELECT coalesce(k, 99) AS c, count(*) AS n FROM r0 GROUP BY ROLLUP (k)",
        contents={"r0": ["(1)", "(2)"]},
    ),
    Script(
        "sessions_joined_by_their_starts",  # of the sessions that open in a stretch of the gap's length, one alone held the watermark back
        [Table("r0", "CREATE SOURCE r0 (x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND) WITH ('retention' = 'all')", [("x", "INT"), ("ts", "TIMESTAMP")])],
        [
            Step(
                "create",
                "CREATE STREAM q AS SELECT 1 AS c FROM (SELECT SESSION(ts, INTERVAL '10' SECOND) AS s FROM r0 GROUP BY SESSION(ts, INTERVAL '10' SECOND)) a "
                "CROSS JOIN LATERAL (SELECT b.s FROM (SELECT SESSION(ts, INTERVAL '10' SECOND) AS s FROM r0 GROUP BY SESSION(ts, INTERVAL '10' SECOND), x) b WHERE b.s = a.s) d "
                "EMIT AFTER WATERMARK",
            ),
            Step(
                "sql",
                "INSERT INTO r0 VALUES (1, TIMESTAMP '2026-01-01 00:00:37.043'), (2, TIMESTAMP '2026-01-01 00:00:35.044'), "
                "(2, TIMESTAMP '2026-01-01 00:00:41.049'), (3, TIMESTAMP '2026-01-01 00:00:47.055')",
            ),
            Step("subscribe", ""),
            Step("watermark", "r0", 1798761600000),
        ],
        "SELECT 1 AS c FROM (SELECT SESSION(ts, INTERVAL '10' SECOND) AS s FROM r0 GROUP BY SESSION(ts, INTERVAL '10' SECOND)) a "
        "CROSS JOIN LATERAL (SELECT b.s FROM (SELECT SESSION(ts, INTERVAL '10' SECOND) AS s FROM r0 GROUP BY SESSION(ts, INTERVAL '10' SECOND), x) b WHERE b.s = a.s) d",
        at_end_only=True,
    ),
]
