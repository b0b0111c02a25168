/* test_sql_accept.c - what the dialect accepts: each text parses, prints to the text beside it (NULL: any that is a
 * fixpoint), and that parses and prints to itself. */
#include "sql_test.h"

struct pair {
    const char *sql;
    /* without the `;` and line end; NULL: not compared; "=": the text itself */
    const char *printed;
};

static void check_pairs(const struct pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *printed = round_trip(pairs[i].sql);
        if (!pairs[i].printed) continue;
        const char *expected = strcmp(pairs[i].printed, "=") == 0 ? pairs[i].sql : pairs[i].printed;
        assert_string_equal(printed, arena_printf(&sql_test_arena, "%s;\n", expected));
    }
}

static void check_exprs(const struct pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *printed = round_trip_expr(pairs[i].sql);
        if (!pairs[i].printed) continue;
        assert_string_equal(printed,
                            strcmp(pairs[i].printed, "=") == 0 ? pairs[i].sql : pairs[i].printed);
    }
}
#define CHECK(pairs) check_pairs(pairs, ARRAY_LENGTH(pairs))
#define CHECK_EXPRS(pairs) check_exprs(pairs, ARRAY_LENGTH(pairs))

static void literals(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"null", "NULL"},
        {"TRUE", "="},
        {"false", "FALSE"},
        {"0", "="},
        {"1_000_000", "1000000"},
        {"0x1F", "31"},
        {"0Xff_ff", "65535"},
        {"0b101", "5"},
        {"0o17", "15"},
        {"18446744073709551615", "="},
        {"123456789012345678901234567890", "="},
        {".5", "="},
        {"5.", "="},
        {"1.50", "="},
        {"1e5", "="},
        {"1E+5", "1e+5"},
        {"1.5e-3", "="},
        {"'it''s'", "="},
        {"''", "="},
        {"E'a\\n\\t\\x41\\101\\u00e9\\U0001F600\\'\\\\'", "'a\n\tAA\xC3\xA9\xF0\x9F\x98\x80''\\'"},
        {"e'\\uD83D\\uDE00'", "'\xF0\x9F\x98\x80'"},
        {"U&'d\\0061t\\+000061\\\\'", "'data\\'"},
        {"U&\"d\\0061t\"", "dat"},
        {"$$it's $1$$", "'it''s $1'"},
        {"$tag$a $$ b$tag$", "'a $$ b'"},
        {"'back\\slash'", "="},
        {"'${VAR:-x}'", "="},
        {"x'00FF'", "x'00ff'"},
        {"X''", "x''"},
        {"INTERVAL '5' SECOND", "="},
        {"interval '5' seconds", "INTERVAL '5' SECOND"},
        {"INTERVAL '1 day 2 hours'", "="},
        {"INTERVAL 5 MINUTE", "INTERVAL '5' MINUTE"},
        {"INTERVAL -5 MINUTE", "INTERVAL '-5' MINUTE"},
        {"INTERVAL '1-2' YEAR TO MONTH", "="},
        {"INTERVAL '1 2:3' day to minute", "INTERVAL '1 2:3' DAY TO MINUTE"},
        {"INTERVAL (a + 1) DAYS", "INTERVAL (a + 1) DAY"},
        {"INTERVAL $1 HOUR", "INTERVAL ($1) HOUR"},
        {"INTERVAL 5s", "INTERVAL '5' SECOND"},
        {"DATE '2026-01-01'", "="},
        {"time '10:00:00'", "TIME '10:00:00'"},
        {"TIMESTAMP '2026-01-01 00:00:00'", "="},
        {"TIMESTAMP(3) '2026-01-01 00:00:00'", "="},
        {"TIMESTAMP WITH TIME ZONE '2026-01-01 00:00:00+01'", "="},
        {"TIMESTAMP(6) WITHOUT TIME ZONE '2026-01-01'", "="},
        {"timestamptz '2026-01-01'", "TIMESTAMPTZ '2026-01-01'"},
        {"UUID '00000000-0000-0000-0000-000000000000'", "="},
        {"JSON '{}'", "="},
        {"$1", "="},
        {"?", "="},
        {":name", "="},
        {":ORDER", ":order"},
        {"current_date", "CURRENT_DATE"},
        {"CURRENT_TIMESTAMP", "="},
        {"localtimestamp", "LOCALTIMESTAMP"},
    };
    CHECK_EXPRS(pairs);
}

static void precedence(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"1 + 2 * 3", "="},
        {"(1 + 2) * 3", "="},
        {"1 - (2 - 3)", "="},
        {"(1 - 2) - 3", "1 - 2 - 3"},
        {"2 ^ 3 ^ 2", "="},
        {"2 ^ (3 ^ 2)", "="},
        {"-2 ^ 2", "="},
        {"-(2 ^ 2)", "="},
        {"- - 1", "- -1"},
        {"+ +1", "="},
        {"-(+1)", "-+1"},
        {"1 - -1", "="},
        {"+x", "="},
        {"~a + b", "="},
        {"(~a) + b", "="},
        {"~a | b", "="},
        {"a || b || c", "="},
        {"a | b & c # d << 1 >> 2", "="},
        {"a + b || c", "="},
        {"a = b", "="},
        {"a != b", "a <> b"},
        {"a < b = (c > d)", "="},
        {"not a = b", "NOT a = b"},
        {"(not a) = b", "(NOT a) = b"},
        {"a = (NOT b)", "="},
        {"NOT NOT a", "="},
        {"a AND b AND c OR d AND e", "="},
        {"a AND (b AND c)", "a AND b AND c"},
        {"(a OR b) AND c", "="},
        {"a OR (b OR (c OR d))", "a OR b OR c OR d"},
        {"NOT (a AND b)", "="},
        {"a IS NULL", "="},
        {"a IS NOT NULL = b", NULL},
        {"a = b IS NULL", "="},
        {"a = (b IS NULL)", "="},
        {"a IS NOT TRUE", "="},
        {"a is unknown", "a IS UNKNOWN"},
        {"a IS DISTINCT FROM b", "="},
        {"a IS NOT DISTINCT FROM b + 1 AND c", "="},
        {"a IN (1, 2, 3)", "="},
        {"a NOT IN (SELECT 1)", "="},
        {"a IN ((SELECT 1))", "a IN (SELECT 1)"},
        {"a IN ((SELECT 1), 2)", "="},
        {"a IN ((SELECT 1) UNION SELECT 2)", "a IN (SELECT 1 UNION SELECT 2)"},
        {"(a, b) IN ((1, 2), (3, 4))", "="},
        {"a BETWEEN 1 AND 2 AND b", "="},
        {"a NOT BETWEEN SYMMETRIC b + 1 AND c || d", "="},
        {"a BETWEEN (b AND c) AND d", "="},
        {"a LIKE 'x%' ESCAPE '!' AND b", "="},
        {"a NOT ILIKE b || '%'", "="},
        {"a SIMILAR TO 'x'", "="},
        {"a ~~ 'x' AND b !~~* 'y'", "a LIKE 'x' AND b NOT ILIKE 'y'"},
        {"a ~ 'x' OR a ~* 'x' OR a !~ 'x' OR a !~* 'x'", "="},
        {"a -> 'b' ->> 'c' = 'd'", "="},
        {"a #> b #>> c", "="},
        {"a @> b AND b <@ a AND a && b", "="},
        {"a AT TIME ZONE 'UTC' AT TIME ZONE b || c", NULL},
        {"a COLLATE nocase < b", "="},
        {"a = ANY (SELECT 1)", "="},
        {"a > ALL (ARRAY[1, 2])", "="},
        {"a <> SOME (b)", "a <> ANY (b)"},
        {"a = ANY ((SELECT 1))", "a = ANY (SELECT 1)"},
        {"-a::int", "-CAST(a AS INT)"},
        {"a::int::text", "CAST(CAST(a AS INT) AS TEXT)"},
        {"EXISTS (SELECT 1)", "="},
        {"NOT EXISTS (SELECT 1) AND a", "="},
    };
    CHECK_EXPRS(pairs);
}

static void constructs(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"case when a then 1 when b then 2 else 3 end",
         "CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END"},
        {"CASE a WHEN 1 THEN 'x' END", "="},
        {"CASE CASE WHEN a THEN b END WHEN 1 THEN 2 END", "="},
        {"CAST(a AS DECIMAL(10, 2))", "="},
        {"TRY_CAST(a AS TIMESTAMP(3) WITH TIME ZONE)", "="},
        {"CAST(a AS double precision)", "CAST(a AS DOUBLE)"},
        {"CAST(a AS character varying(10))", "CAST(a AS VARCHAR(10))"},
        {"CAST(a AS bigint unsigned)", "CAST(a AS BIGINT UNSIGNED)"},
        {"CAST(a AS ARRAY<ARRAY<INT>>)", "CAST(a AS INT[][])"},
        {"CAST(a AS INT[3])", "="},
        {"CAST(a AS STRUCT<a INT, b MAP<VARCHAR, STRUCT<c INT>>>)", "="},
        {"CAST(a AS row(a int, b text))", "CAST(a AS STRUCT<a INT, b TEXT>)"},
        {"CAST(a AS map(text, int))", "CAST(a AS MAP<TEXT, INT>)"},
        {"CAST(a AS \"MyType\")", "="},
        {"EXTRACT(year FROM a)", "="},
        {"extract('EPOCH' from a)", "EXTRACT(epoch FROM a)"},
        {"extract(a, b)", "\"extract\"(a, b)"},
        {"ARRAY[1, 2][1]", "="},
        {"[1, 2, [3]]", "ARRAY[1, 2, ARRAY[3]]"},
        {"ARRAY[]", "="},
        {"ARRAY(SELECT 1)", "="},
        {"a[1:2]", "="},
        {"a[:2]", "="},
        {"a[1:]", "="},
        {"a[:]", "="},
        {"(a).b", "="},
        {"(a).b.c[1].d", "="},
        {"f(x).y", "="},
        {"(SELECT a).b", NULL},
        {"{'a': 1, b: 'x', 'C d': NULL}", "STRUCT(1 AS a, 'x' AS b, NULL AS \"C d\")"},
        {"{}", "STRUCT()"},
        {"STRUCT(1 AS a, b)", "="},
        {"MAP {'a': 1, 'b': 2}", "="},
        {"MAP {}", "="},
        {"map([1], [2])", "map(ARRAY[1], ARRAY[2])"},
        {"ROW(1, 2)", "(1, 2)"},
        {"ROW(1)", "="},
        {"ROW()", "="},
        {"left('abc', 2) || right(a, 1)", "="},
        {"substring(a FROM 2 FOR 3)", "substring(a, 2, 3)"},
        {"substring(a FOR 3)", "substring(a, 1, 3)"},
        {"substring(a, 2)", "="},
        {"trim(a)", "="},
        {"trim(BOTH 'x' FROM a)", "trim(a, 'x')"},
        {"trim(leading from a)", "ltrim(a)"},
        {"trim(trailing b from a)", "rtrim(a, b)"},
        {"trim(leading)", "="},
        {"trim('x' FROM a)", "trim(a, 'x')"},
        {"position('x' IN a)", "strpos(a, 'x')"},
        {"position(a, b)", "="},
        {"overlay(a PLACING b FROM 2 FOR 3)", "overlay(a, b, 2, 3)"},
        {"count(*)", "="},
        {"count(DISTINCT a, b)", "="},
        {"count(ALL a)", "count(a)"},
        {"count(t.*)", "="},
        {"f(1, size => 2, offset := 3)", "f(1, size => 2, \"offset\" => 3)"},
        {"s.f(a)", "="},
        {"\"F\"(a)", "="},
        {"string_agg(a, ',' ORDER BY b DESC NULLS LAST, c)", "="},
        {"percentile_cont(0.5) WITHIN GROUP (ORDER BY a)", "="},
        {"sum(a) FILTER (WHERE b > 1)", "="},
        {"first_value(a) IGNORE NULLS OVER w", "="},
        {"first_value(a IGNORE NULLS) OVER ()", "first_value(a) IGNORE NULLS OVER ()"},
        {"lag(a, 1) RESPECT NULLS OVER (ORDER BY b)", "="},
        {"sum(a) OVER (w PARTITION BY b, c ORDER BY d DESC)", "="},
        {"sum(a) OVER (ROWS UNBOUNDED PRECEDING)",
         "sum(a) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"},
        {"sum(a) OVER (ORDER BY b RANGE BETWEEN INTERVAL '1' DAY PRECEDING AND CURRENT ROW)", "="},
        {"sum(a) OVER (ORDER BY b GROUPS BETWEEN 1 PRECEDING AND 2 FOLLOWING EXCLUDE TIES)", "="},
        {"sum(a) OVER (ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW)", "="},
        {"sum(a) OVER (ROWS BETWEEN a + 1 PRECEDING AND b FOLLOWING EXCLUDE GROUP)", "="},
        {"sum(a) OVER (ROWS 1 PRECEDING EXCLUDE NO OTHERS)",
         "sum(a) OVER (ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)"},
    };
    CHECK_EXPRS(pairs);
}

/* Words of clauses as names, wherever they are not ambiguous. */
static void names(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"SELECT value, time, source, key, date, timestamp, partition, type, data, status, emit FROM stream",
         "="},
        {"SELECT offset, limit, window, set FROM t OFFSET 1",
         "SELECT \"offset\", \"limit\", \"window\", \"set\" FROM t OFFSET 1"},
        {"SELECT \"Order\", \"order\", order_ FROM T",
         "SELECT \"Order\", \"order\", order_ FROM t"},
        {"SELECT t.order, t.\"Group\" FROM t", "SELECT t.\"order\", t.\"Group\" FROM t"},
        {"SELECT a AS order, b \"B\", c d FROM t x",
         "SELECT a AS \"order\", b AS \"B\", c AS d FROM t AS x"},
        {"SELECT sink.source.stream FROM sink.source AS stream", "="},
        {"SELECT a emit FROM t emit", "SELECT a AS emit FROM t AS emit"},
        {"SELECT count(*) over FROM t", "SELECT count(*) AS over FROM t"},
        {"SELECT count(*) filter FROM t", "SELECT count(*) AS filter FROM t"},
        {"SELECT interval, interval - 5, array, map, exists FROM t", NULL},
        {"SELECT first, last, next, row, rows, range, groups FROM t", NULL},
        {"SELECT * FROM late, allow, semi anti, asof temporal",
         "SELECT * FROM late, allow, semi AS anti, asof AS temporal"},
        {"SELECT \"a\"\"b\", \xC3\xA4\xC3\xB6 FROM \"T\"",
         "SELECT \"a\"\"b\", \"\xC3\xA4\xC3\xB6\" FROM \"T\""},
        {"CREATE SOURCE s (key VARCHAR, value VARCHAR, offset BIGINT, timestamp TIMESTAMP, primary INT)",
         "CREATE SOURCE s (\"key\" VARCHAR, value VARCHAR, \"offset\" BIGINT, \"timestamp\" TIMESTAMP, "
         "\"primary\" INT)"},
        {"SELECT 1 a -- comment\n /* and /* nested */ one */, 2", "SELECT 1 AS a, 2"},
        {"\xEF\xBB\xBFSELECT\xC2\xA0"
         "1",
         "SELECT 1"},
    };
    CHECK(pairs);
}

static void queries(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"SELECT 1", "="},
        {"select all a from t", "SELECT a FROM t"},
        {"SELECT DISTINCT a, b FROM t", "="},
        {"SELECT DISTINCT ON (a, b) a FROM t ORDER BY a, b", "="},
        {"SELECT * FROM t", "="},
        {"SELECT t.*, s.t.* FROM t", "="},
        {"SELECT * EXCEPT (a, b) FROM t", "SELECT * EXCLUDE (a, b) FROM t"},
        {"SELECT * EXCLUDE a FROM t", "SELECT * EXCLUDE (a) FROM t"},
        {"SELECT t.* EXCLUDE (a) REPLACE (b + 1 AS b, 2 AS c) FROM t", "="},
        {"SELECT * EXCEPT SELECT 1", "="},
        {"SELECT * EXCEPT (SELECT 1)", "SELECT * EXCEPT SELECT 1"},
        {"SELECT a FROM t WHERE a > 1 GROUP BY a, b + 1 HAVING count(*) > 1 ORDER BY a DESC NULLS LAST, 2 LIMIT 10 OFFSET 5",
         "="},
        {"SELECT a FROM t OFFSET 5 ROWS FETCH FIRST 3 ROWS ONLY",
         "SELECT a FROM t LIMIT 3 OFFSET 5"},
        {"SELECT a FROM t FETCH NEXT ROW ONLY", "SELECT a FROM t LIMIT 1"},
        {"SELECT a FROM t LIMIT ALL", "SELECT a FROM t"},
        {"SELECT a FROM t LIMIT $1 OFFSET $2", "="},
        {"SELECT a, sum(b) FROM t GROUP BY ALL ORDER BY ALL", "="},
        {"SELECT a FROM t ORDER BY ALL DESC NULLS FIRST", "="},
        {"SELECT a FROM t GROUP BY ROLLUP (a, (b, c)), CUBE (d), GROUPING SETS ((a, b), a, (), ROLLUP (c))",
         "="},
        {"SELECT a FROM t GROUP BY ()", "="},
        {"SELECT a FROM t GROUP BY (a, b), (c)", "SELECT a FROM t GROUP BY (a, b), c"},
        {"SELECT a, row_number() OVER w FROM t WINDOW w AS (PARTITION BY a), v AS (w ORDER BY b) QUALIFY row_number() OVER v = 1",
         "="},
        {"SELECT a FROM t QUALIFY x WINDOW w AS ()", "SELECT a FROM t WINDOW w AS () QUALIFY x"},
        {"VALUES (1, 'a'), (2, NULL)", "="},
        {"FROM t", "SELECT * FROM t"},
        {"FROM t, u SELECT DISTINCT a WHERE b ORDER BY 1",
         "SELECT DISTINCT a FROM t, u WHERE b ORDER BY 1"},
        {"FROM t JOIN u USING (k) WHERE a GROUP BY ALL",
         "SELECT * FROM t JOIN u USING (k) WHERE a GROUP BY ALL"},
        {"FROM (FROM t) UNION ALL (FROM u LIMIT 1)",
         "SELECT * FROM (SELECT * FROM t) UNION ALL (SELECT * FROM u LIMIT 1)"},
        {"WITH w AS (FROM t) FROM w SELECT a IN (FROM t), trim(FROM b)", NULL},
        {"(SELECT 1)", "SELECT 1"},
        {"((SELECT 1)) LIMIT 1", "SELECT 1 LIMIT 1"},
        {"(SELECT 1 LIMIT 2) LIMIT 1", "="},
        {"SELECT 1 UNION SELECT 2 UNION ALL SELECT 3", "="},
        {"SELECT 1 UNION (SELECT 2 UNION SELECT 3)", "="},
        {"SELECT 1 AS a UNION BY NAME SELECT 2 AS b UNION BY NAME SELECT 3 AS a", "="},
        {"SELECT 1 AS a UNION ALL BY NAME SELECT 2 AS b UNION ALL SELECT 3, 4", "="},
        {"SELECT 1 AS name UNION SELECT 2 AS by UNION DISTINCT BY NAME SELECT 3 AS name",
         "SELECT 1 AS name UNION SELECT 2 AS by UNION BY NAME SELECT 3 AS name"},
        {"SELECT 1 UNION DISTINCT SELECT 2", "SELECT 1 UNION SELECT 2"},
        {"SELECT 1 INTERSECT SELECT 2 UNION SELECT 3 INTERSECT ALL SELECT 4", "="},
        {"(SELECT 1 UNION SELECT 2) INTERSECT SELECT 3", "="},
        {"SELECT 1 EXCEPT ALL SELECT 2 ORDER BY 1", "="},
        {"(SELECT 1 ORDER BY 1 LIMIT 1) UNION ALL VALUES (2)", "="},
        {"WITH a AS (SELECT 1), b (x, y) AS NOT MATERIALIZED (SELECT 2) SELECT * FROM a, b", "="},
        {"WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT * FROM r", "="},
        {"WITH recursive AS (SELECT 1) SELECT 1", "WITH \"recursive\" AS (SELECT 1) SELECT 1"},
        {"SELECT (SELECT max(b) FROM u WHERE u.a = t.a), EXISTS (SELECT 1 FROM u) FROM t", "="},
        {"SELECT ((SELECT 1) + 1), ((SELECT 1) UNION SELECT 2)",
         "SELECT (SELECT 1) + 1, (SELECT 1 UNION SELECT 2)"},
        {"SELECT (WITH x AS (SELECT 1) SELECT * FROM x)", "="},
        {"SELECT (VALUES (1))", "="},
    };
    CHECK(pairs);
}

static void tables_and_joins(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"SELECT * FROM a, b AS x, s.c", "="},
        {"SELECT * FROM a JOIN b ON a.k = b.k", "="},
        {"SELECT * FROM a INNER JOIN b USING (k, l)", "SELECT * FROM a JOIN b USING (k, l)"},
        {"SELECT * FROM a LEFT OUTER JOIN b ON TRUE", "SELECT * FROM a LEFT JOIN b ON TRUE"},
        {"SELECT * FROM a RIGHT JOIN b ON TRUE FULL OUTER JOIN c ON TRUE",
         "SELECT * FROM a RIGHT JOIN b ON TRUE FULL JOIN c ON TRUE"},
        {"SELECT * FROM a CROSS JOIN b NATURAL JOIN c NATURAL LEFT JOIN d", "="},
        {"SELECT * FROM a SEMI JOIN b ON a.k = b.k ANTI JOIN c USING (k)",
         "SELECT * FROM a LEFT SEMI JOIN b ON a.k = b.k LEFT ANTI JOIN c USING (k)"},
        {"SELECT * FROM a RIGHT SEMI JOIN b ON x RIGHT ANTI JOIN c ON y", "="},
        {"SELECT * FROM a JOIN b JOIN c ON x ON y", "SELECT * FROM a JOIN (b JOIN c ON x) ON y"},
        {"SELECT * FROM (a JOIN b ON x) JOIN c ON y", "SELECT * FROM a JOIN b ON x JOIN c ON y"},
        {"SELECT * FROM a JOIN (b CROSS JOIN c) ON y", "="},
        {"SELECT * FROM (SELECT 1) AS x(a, b), LATERAL (SELECT x.a) AS y", "="},
        {"SELECT * FROM ((SELECT 1) UNION SELECT 2) u",
         "SELECT * FROM (SELECT 1 UNION SELECT 2) AS u"},
        {"SELECT * FROM ((SELECT 1) AS x JOIN y ON TRUE)",
         "SELECT * FROM (SELECT 1) AS x JOIN y ON TRUE"},
        {"SELECT * FROM (VALUES (1), (2)) AS v(a)", "="},
        {"SELECT * FROM VALUES (1) v", "SELECT * FROM (VALUES (1)) AS v"},
        {"SELECT * FROM UNNEST(ARRAY[1, 2]) WITH ORDINALITY AS u(a, n)", "="},
        {"SELECT * FROM t CROSS JOIN LATERAL UNNEST(t.a) AS u(x)", "="},
        {"SELECT * FROM generate_series(1, 10) AS g(i), LATERAL f(i)", "="},
        {"SELECT * FROM trades t ASOF JOIN quotes q ON t.k = q.k AND t.ts >= q.ts",
         "SELECT * FROM trades AS t ASOF JOIN quotes AS q ON t.k = q.k AND t.ts >= q.ts"},
        {"SELECT * FROM a ASOF LEFT JOIN b MATCH_CONDITION (a.ts >= b.ts) ON a.k = b.k", "="},
        {"SELECT * FROM a ASOF RIGHT JOIN b ON a.k = b.k AND a.ts >= b.ts", "="},
        {"SELECT * FROM a ASOF FULL JOIN b ON a.k = b.k AND a.ts >= b.ts", "="},
        {"SELECT * FROM a ASOF JOIN b MATCH_CONDITION (nearest(a.ts, b.ts)) USING (k)", "="},
        {"SELECT * FROM a ASOF JOIN b MATCH_CONDITION (a.ts > b.ts AND a.ts - b.ts <= INTERVAL '1' MINUTE)",
         "="},
        {"SELECT * FROM a JOIN b FOR SYSTEM_TIME AS OF a.ts AS bb ON a.k = bb.k", "="},
        {"SELECT * FROM a JOIN b bb FOR SYSTEM_TIME AS OF a.ts ON a.k = bb.k",
         "SELECT * FROM a JOIN b FOR SYSTEM_TIME AS OF a.ts AS bb ON a.k = bb.k"},
        {"SELECT * FROM t TEMPORAL PROBE JOIN r ON (k) TIMESTAMPS (t_ts, r_ts) RANGE FROM 0s TO 30s STEP 5s AS p",
         "SELECT * FROM t TEMPORAL PROBE JOIN r ON (k) TIMESTAMPS (t_ts, r_ts) RANGE FROM INTERVAL '0' SECOND "
         "TO INTERVAL '30' SECOND STEP INTERVAL '5' SECOND AS p"},
        {"SELECT * FROM t TEMPORAL PROBE JOIN r x ON (k, l) TIMESTAMPS (t_ts, r_ts) LIST (-1s, 0, 500ms, 2 MINUTES, INTERVAL '1' HOUR) AS p",
         "SELECT * FROM t TEMPORAL PROBE JOIN r AS x ON (k, l) TIMESTAMPS (t_ts, r_ts) LIST (-INTERVAL '1' SECOND, 0, "
         "INTERVAL '500' MILLISECOND, INTERVAL '2' MINUTE, INTERVAL '1' HOUR) AS p"},
        {"SELECT * FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) AS w",
         "SELECT * FROM tumble(TABLE s, DESCRIPTOR(ts), INTERVAL '1' MINUTE) AS w"},
        {"SELECT * FROM SESSION(TABLE s PARTITION BY k, DESCRIPTOR(ts), 5)",
         "SELECT * FROM session(TABLE s PARTITION BY (k), DESCRIPTOR(ts), 5)"},
        {"SELECT * FROM SESSION(TABLE (s) PARTITION BY (k, l), ts, 5)",
         "SELECT * FROM session(TABLE s PARTITION BY (k, l), ts, 5)"},
        {"SELECT * FROM TABLE(HOP(DATA => TABLE (SELECT * FROM s), TIMECOL => DESCRIPTOR(ts)))",
         "SELECT * FROM hop(data => TABLE (SELECT * FROM s), timecol => DESCRIPTOR(ts))"},
        {"SELECT * FROM TUMBLE(s, ts, INTERVAL '1' MINUTE)",
         "SELECT * FROM tumble(s, ts, INTERVAL '1' MINUTE)"},
        {"SELECT * FROM a WHERE b.ts BETWEEN a.ts - INTERVAL '5' SECOND AND a.ts + INTERVAL '5' SECOND",
         "="},
        {"SELECT * FROM system.streams", "="},
    };
    CHECK(pairs);
}

static void streams(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"SELECT a FROM t EMIT ON WINDOW CLOSE", "="},
        {"SELECT a FROM t EMIT AFTER WINDOW CLOSE", "SELECT a FROM t EMIT ON WINDOW CLOSE"},
        {"SELECT a FROM t EMIT AFTER WATERMARK", "="},
        {"SELECT a FROM t EMIT ON WATERMARK", "SELECT a FROM t EMIT AFTER WATERMARK"},
        {"SELECT a FROM t EMIT ON UPDATE", "="},
        {"SELECT a FROM t EMIT EVERY INTERVAL '5' SECOND", "="},
        {"SELECT a FROM t EMIT PERIODICALLY 5s", "SELECT a FROM t EMIT EVERY INTERVAL '5' SECOND"},
        {"SELECT a FROM t EMIT EVERY 10 SECONDS",
         "SELECT a FROM t EMIT EVERY INTERVAL '10' SECOND"},
        {"SELECT a FROM t EMIT CHANGES", "="},
        {"SELECT a FROM t EMIT FINAL", "="},
        {"SELECT a FROM t emit EMIT CHANGES", "SELECT a FROM t AS emit EMIT CHANGES"},
        {"SELECT a FROM t EMIT ON WINDOW CLOSE ALLOW LATENESS INTERVAL '1' HOUR LATE DATA TO s.late",
         "="},
        {"SELECT a FROM t LATE DATA TO l ALLOW LATENESS 5s EMIT CHANGES",
         "SELECT a FROM t EMIT CHANGES ALLOW LATENESS INTERVAL '5' SECOND LATE DATA TO l"},
        {"CREATE STREAM s AS SELECT a FROM t", "="},
        {"CREATE OR REPLACE STREAM IF NOT EXISTS s (x, y) AS SELECT a, b FROM t EMIT CHANGES WITH (retain_history = '64mb')",
         "CREATE OR REPLACE STREAM IF NOT EXISTS s (x, y) AS SELECT a, b FROM t EMIT CHANGES WITH ('retain_history' = '64mb')"},
        {"CREATE STREAM s WITH (a = 1) AS SELECT 1", "CREATE STREAM s AS SELECT 1 WITH ('a' = 1)"},
        {"CREATE MATERIALIZED VIEW IF NOT EXISTS s.v AS SELECT tumble(ts, 60000), count(*) FROM t GROUP BY tumble(ts, 60000)",
         "="},
        {"CREATE STREAM s AS (SELECT 1)", "CREATE STREAM s AS SELECT 1"},
    };
    CHECK(pairs);
}

static void definitions(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"CREATE SOURCE s (a INT)", "="},
        {"CREATE OR REPLACE SOURCE IF NOT EXISTS s (a INT NOT NULL DEFAULT 1 + 2 PRIMARY KEY, b VARCHAR NULL)",
         "CREATE OR REPLACE SOURCE IF NOT EXISTS s (a INT NOT NULL DEFAULT 1 + 2 PRIMARY KEY, b VARCHAR)"},
        {"CREATE SOURCE s (a INT, ts TIMESTAMP(3), PRIMARY KEY (a, ts), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)",
         "="},
        {"CREATE SOURCE s (WATERMARK FOR ts, a INT, ts BIGINT)",
         "CREATE SOURCE s (a INT, ts BIGINT, WATERMARK FOR ts)"},
        {"CREATE SOURCE s (*, b INT, * PREFIX 'p_')", "="},
        {"CREATE SOURCE s FROM KAFKA ('topic' = 'x', group.id = 'g', max_poll = -5, flag = TRUE, mode = fast) FORMAT JSON",
         "CREATE SOURCE s FROM kafka ('topic' = 'x', 'group.id' = 'g', 'max_poll' = -5, 'flag' = TRUE, 'mode' = fast) FORMAT json"},
        {"CREATE SOURCE s (a INT) FORMAT avro WITH ('schema' = 'x') WITH ('connector' = 'kafka', 'topic' = '${TOPIC:-t}')",
         "CREATE SOURCE s (a INT) WITH ('connector' = 'kafka', 'topic' = '${TOPIC:-t}') FORMAT avro WITH ('schema' = 'x')"},
        {"CREATE SOURCE s (a INT) WITH (retention = INTERVAL '1' HOUR, x = 5s, y = NULL, z = a.b, full = all)",
         "CREATE SOURCE s (a INT) WITH ('retention' = INTERVAL '1' HOUR, 'x' = '5s', 'y' = NULL, 'z' = a.b, 'full' = all)"},
        {"CREATE SOURCE s FROM generator (rate = 5) (a INT) WITH (x = 1)",
         "CREATE SOURCE s (a INT) FROM generator ('rate' = 5) WITH ('x' = 1)"},
        {"CREATE SOURCE s (a INT) FROM generator", "="},
        {"CREATE SOURCE s (a INT) WITH ()", "CREATE SOURCE s (a INT)"},
        {"CREATE TABLE t (a INT PRIMARY KEY, b DECIMAL(10, 2))", "="},
        {"CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS a", "="},
        {"CREATE OR REPLACE LOOKUP TABLE l (a INT, PRIMARY KEY (a)) WITH (connector = 'postgres', strategy = poll)",
         "CREATE OR REPLACE LOOKUP TABLE l (a INT, PRIMARY KEY (a)) WITH ('connector' = 'postgres', 'strategy' = poll)"},
        {"CREATE LOOKUP TABLE l FROM POSTGRES('url' = 'x')",
         "CREATE LOOKUP TABLE l FROM postgres ('url' = 'x')"},
        {"CREATE LOOKUP TABLE l FROM PARQUET(path = 'x')",
         "CREATE LOOKUP TABLE l FROM parquet ('path' = 'x')"},
        {"CREATE SINK k FROM s", "="},
        {"CREATE OR REPLACE SINK IF NOT EXISTS k FROM (SELECT a FROM s) WHERE a > 1 INTO KAFKA ('topic' = 'x') FORMAT JSON WITH (a = 1)",
         "CREATE OR REPLACE SINK IF NOT EXISTS k FROM (SELECT a FROM s) WHERE a > 1 INTO kafka ('topic' = 'x') FORMAT json WITH ('a' = 1)"},
        {"CREATE SINK k AS SELECT a FROM s WITH (connector = 'file')",
         "CREATE SINK k FROM (SELECT a FROM s) WITH ('connector' = 'file')"},
        {"CREATE SINK k AS SELECT a FROM s FORMAT csv INTO FILE ('path' = 'x')",
         "CREATE SINK k FROM (SELECT a FROM s) INTO file ('path' = 'x') FORMAT csv"},
        {"CREATE SINK k INTO KAFKA ('topic' = 'x') AS SELECT a FROM s",
         "CREATE SINK k FROM (SELECT a FROM s) INTO kafka ('topic' = 'x')"},
        {"ALTER SOURCE s ADD COLUMN a INT NOT NULL", "="},
        {"ALTER SOURCE s ADD a INT", "ALTER SOURCE s ADD COLUMN a INT"},
        {"ALTER SOURCE s ADD COLUMN column INT", NULL},
        {"ALTER SOURCE s SET ('a' = 'b', c = 1)", "ALTER SOURCE s SET ('a' = 'b', 'c' = 1)"},
        {"DROP SOURCE s", "="},
        {"DROP TABLE IF EXISTS s.t CASCADE", "="},
        {"DROP STREAM s RESTRICT", "DROP STREAM s"},
        {"DROP SINK s", "="},
        {"DROP MATERIALIZED VIEW IF EXISTS v", "="},
        {"DROP LOOKUP TABLE l", "="},
    };
    CHECK(pairs);
}

static void other_statements(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"INSERT INTO t VALUES (1, 'a'), (2, DEFAULT)", "="},
        {"INSERT INTO t (b, a) VALUES (1, 2)", "="},
        {"INSERT INTO t (a) SELECT a FROM u", "="},
        {"INSERT INTO t (SELECT 1)", "INSERT INTO t SELECT 1"},
        {"INSERT INTO t ((SELECT 1 LIMIT 1) UNION SELECT 2)",
         "INSERT INTO t (SELECT 1 LIMIT 1) UNION SELECT 2"},
        {"INSERT INTO t WITH x AS (SELECT 1) SELECT * FROM x", "="},
        {"INSERT INTO t DEFAULT VALUES", "="},
        {"UPDATE t SET a = 1, b = DEFAULT WHERE c = 2", "="},
        {"UPDATE t x SET a = u.a FROM u, v WHERE x.k = u.k",
         "UPDATE t AS x SET a = u.a FROM u, v WHERE x.k = u.k"},
        {"DELETE FROM t", "="},
        {"DELETE FROM t AS x USING u WHERE x.a = u.a", "="},
        {"COPY t FROM 'f.csv' (FORMAT csv, HEADER, DELIMITER ';')",
         "COPY t FROM 'f.csv' ('format' = csv, 'header' = TRUE, 'delimiter' = ';')"},
        {"COPY t (a, b) TO 'f.parquet' WITH (FORMAT = parquet)",
         "COPY t (a, b) TO 'f.parquet' ('format' = parquet)"},
        {"COPY (SELECT 1) TO 'f'", "="},
        {"SHOW SOURCES", "="},
        {"SHOW SINKS", "="},
        {"SHOW STREAMS", "="},
        {"SHOW TABLES", "="},
        {"SHOW QUERIES", "="},
        {"SHOW MATERIALIZED VIEWS", "="},
        {"SHOW LOOKUP TABLES", "="},
        {"SHOW FUNCTIONS", "="},
        {"SHOW CONNECTORS", "="},
        {"SHOW CHECKPOINT STATUS", "="},
        {"SHOW ALL", "="},
        {"SHOW on_error", "="},
        {"SHOW \"sources\"", "="},
        {"SHOW TIME ZONE", "SHOW timezone"},
        {"SHOW CREATE SOURCE s", "="},
        {"SHOW CREATE STREAM s", "="},
        {"SHOW CREATE SINK s", "="},
        {"SHOW CREATE MATERIALIZED VIEW s", "="},
        {"DESCRIBE s", "="},
        {"desc s.t", "DESCRIBE s.t"},
        {"DESCRIBE EXTENDED s", "="},
        {"DESCRIBE extended", "="},
        {"EXPLAIN SELECT 1", "="},
        {"EXPLAIN ANALYZE SELECT 1", "="},
        {"EXPLAIN (FORMAT JSON) SELECT 1", "="},
        {"EXPLAIN (FORMAT text, ANALYZE) CREATE STREAM s AS SELECT 1",
         "EXPLAIN ANALYZE CREATE STREAM s AS SELECT 1"},
        {"EXPLAIN (SELECT 1 LIMIT 1) UNION SELECT 2", "="},
        {"SET on_error = skip", "="},
        {"SET on_error TO 'skip'", "SET on_error = 'skip'"},
        {"SET workers = 4", "="},
        {"SET a.b = -1.5", "="},
        {"SET TIME ZONE 'UTC'", "SET timezone = 'UTC'"},
        {"SET jit = ON", "SET jit = on"},
        {"SET jit = DEFAULT", "RESET jit"},
        {"RESET jit", "="},
        {"CHECKPOINT", "="},
        {"RESTORE FROM CHECKPOINT 42", "="},
        {"SUBSCRIBE s", "="},
        {"SUBSCRIBE s AS OF EPOCH 5 WHERE a > 1", "="},
        {"SUBSCRIBE SELECT * FROM s", "SUBSCRIBE (SELECT * FROM s)"},
        {"DECLARE c CURSOR FOR SUBSCRIBE s WHERE a", "="},
        {"DECLARE c CURSOR FOR SELECT 1", "="},
        {"FETCH 10 FROM c", "="},
        {"FETCH FORWARD 10 FROM c", "FETCH 10 FROM c"},
        {"FETCH NEXT FROM c", "FETCH 1 FROM c"},
        {"FETCH ALL IN c", "FETCH ALL FROM c"},
        {"CLOSE c", "="},
        {"CLOSE ALL", "="},
        {"BEGIN TRANSACTION", "BEGIN"},
        {"START TRANSACTION", "BEGIN"},
        {"COMMIT WORK", "COMMIT"},
        {"ROLLBACK", "="},
    };
    CHECK(pairs);
}

static void scripts(void **state)
{
    (void)state;
    assert_string_equal(round_trip(""), "");
    assert_string_equal(round_trip(" ;; -- nothing\n;"), "");
    assert_string_equal(round_trip("SELECT 1;;SELECT 2; "), "SELECT 1;\nSELECT 2;\n");
    struct ast_script *script = parse_ok("  SELECT 1 ;\nSHOW ALL;");
    assert_int_equal(script->n, 2);
    assert_int_equal(script->statements[0]->span.start, 2);
    assert_int_equal(script->statements[0]->span.end, 10);
    assert_int_equal(script->statements[1]->span.start, 13);
    assert_int_equal(script->statements[1]->span.end, 21);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(literals, sql_test_teardown),
        cmocka_unit_test_teardown(precedence, sql_test_teardown),
        cmocka_unit_test_teardown(constructs, sql_test_teardown),
        cmocka_unit_test_teardown(names, sql_test_teardown),
        cmocka_unit_test_teardown(queries, sql_test_teardown),
        cmocka_unit_test_teardown(tables_and_joins, sql_test_teardown),
        cmocka_unit_test_teardown(streams, sql_test_teardown),
        cmocka_unit_test_teardown(definitions, sql_test_teardown),
        cmocka_unit_test_teardown(other_statements, sql_test_teardown),
        cmocka_unit_test_teardown(scripts, sql_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
