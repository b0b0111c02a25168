/* test_plan_error.c - wrong statements: code, place, text and hint of the error; and nothing is
 * left behind. */
#include "plan/plan_fixture.h"
#include "unit.h"

struct error_case {
    const char *sql;
    int code, line, column;
    const char *message;
    const char *hint;
};

static const struct error_case errors[] = {
    {"SELECT * FROM flights WHERE dep_delay", 400, 1, 29,
     "the condition of WHERE must be BOOLEAN, not DOUBLE", "compare it: ... <> 0"},
    {"SELECT * FROM flights WHERE carrier > 5", 400, 1, 37, "cannot compare VARCHAR with BIGINT",
     "CAST one side to the type of the other"},
    {"SELECT carrier + 1 FROM flights", 400, 1, 16, "operator + does not take VARCHAR and BIGINT",
     "CAST an operand to a type that fits"},
    {"SELECT * FROM flights WHERE count(*) > 1", 400, 1, 29,
     "aggregate function count() is not allowed in WHERE", "conditions on aggregates go to HAVING"},
    {"SELECT sum(count(*)) FROM flights", 400, 1, 12,
     "aggregate functions can't be nested: count()", "aggregate in a subquery first"},
    {"SELECT max(originn) FROM flights", 400, 1, 12, "unknown column \"originn\"",
     "did you mean \"origin\"?"},
    {"SELECT summ(dep_delay) FROM flights", 400, 1, 8, "unknown function \"summ\"",
     "did you mean \"sum\"?"},
    {"SELECT f.originn FROM flights f", 400, 1, 10, "\"f\" has no column \"originn\"",
     "did you mean \"origin\"?"},
    {"SELECT g.origin FROM flights f", 400, 1, 8, "there is no table \"g\" in FROM", "FROM has f"},
    {"SELECT flights.origin FROM flights f", 400, 1, 8, "there is no table \"flights\" in FROM",
     "it is called \"f\" in this query"},
    {"SELECT origin FROM flights f JOIN weather w ON f.origin = w.origin", 400, 1, 8,
     "column \"origin\" is ambiguous", "write f.origin or w.origin"},
    {"SELECT * FROM flights JOIN flights ON true", 400, 1, 28,
     "table name \"flights\" is used twice in FROM", "give one of them an alias: flights AS t2"},
    {"SELECT * FROM flights f JOIN weather w USING (orgin)", 400, 1, 47,
     "column \"orgin\" of USING is not on the left side of the join", "did you mean \"origin\"?"},
    {"SELECT * FROM airlines NATURAL JOIN clicks", 400, 1, 24,
     "NATURAL JOIN: the two sides have no column name in common",
     "use ON, or CROSS JOIN if all pairs are meant"},
    {"SELECT CAST(origin AS DATTE) FROM flights", 400, 1, 23, "unknown type \"datte\"",
     "did you mean date?"},
    {"SELECT DATE '2026-13-01'", 400, 1, 8, "'2026-13-01' is out of range for DATE", ""},
    {"SELECT * FROM flights WHERE time > 'yesterday'", 400, 1, 36,
     "'yesterday' is not a valid TIMESTAMP(6)", ""},
    {"SELECT INTERVAL 'foo' ", 400, 1, 8, "'foo' is not a valid INTERVAL",
     "for example INTERVAL '5' MINUTE or INTERVAL '1 day 2 hours'"},
    {"SELECT origin FROM flights UNION ALL SELECT flight FROM flights", 400, 1, 38,
     "column 1 of a UNION has types VARCHAR and INT, which have no type in common",
     "CAST the column in one of the queries"},
    {"SELECT origin FROM flights UNION ALL SELECT carrier, dest FROM flights", 400, 1, 38,
     "the queries of a UNION have 1 and 2 columns", ""},
    {"VALUES (1, 2), (3)", 400, 1, 17, "row 2 of VALUES has 1 values, the first has 2", ""},
    {"SELECT * FROM flights ORDER BY 99", 400, 1, 32,
     "ORDER BY position 99 is not in the select list, which has 7 columns", ""},
    {"SELECT origin FROM flights GROUP BY 7", 400, 1, 37,
     "GROUP BY position 7 is not in the select list, which has 1 item", ""},
    {"SELECT origin FROM flights ORDER BY foo", 400, 1, 37, "unknown column \"foo\"",
     "there is time, origin, dest, carrier, flight, dep_delay, tailnum"},
    {"SELECT origin FROM flights LIMIT -1", 400, 1, 34, "LIMIT must not be negative: -1", ""},
    {"SELECT origin FROM flights LIMIT 'x'", 400, 1, 34,
     "LIMIT must be a whole number, not VARCHAR", ""},
    {"SELECT DISTINCT origin FROM flights ORDER BY dest", 400, 1, 46,
     "with DISTINCT, what ORDER BY names must be in the select list", "add it to the select list"},
    {"SELECT * EXCLUDE (foo) FROM flights", 400, 1, 19,
     "column \"foo\" of EXCLUDE is not among the columns of the *", ""},
    {"SELECT x.* FROM flights", 400, 1, 8, "there is no table \"x\" in FROM", ""},
    {"SELECT *", 400, 1, 8, "SELECT * needs a FROM", ""},
    {"SELECT count(*) OVER () FROM flights", 403, 1, 8,
     "window functions (OVER) are not supported here",
     "ROW_NUMBER() OVER (PARTITION BY ... ORDER BY ...) <= n is, in QUALIFY; for time windows use TUMBLE or HOP in GROUP BY"},
    {"SELECT TUMBLE(time, INTERVAL '1' HOUR), count(*) FROM flights GROUP BY TUMBLE(time, INTERVAL '2' HOUR)",
     400, 1, 8, "tumble(...) is used, but the query is not grouped by that window",
     "put the same TUMBLE(...) or HOP(...) into GROUP BY"},
    {"SELECT count(*) FROM flights GROUP BY TUMBLE(origin, INTERVAL '2' HOUR)", 400, 1, 46,
     "tumble needs a TIMESTAMP, DATE or BIGINT (milliseconds) column, not VARCHAR", ""},
    {"SELECT count(*) FROM flights GROUP BY TUMBLE(time, INTERVAL '1' MONTH)", 400, 1, 52,
     "the window size must be a fixed duration, and months and years are not",
     "use days, for example INTERVAL '30' DAY"},
    {"SELECT count(*) FROM flights GROUP BY TUMBLE(time)", 400, 1, 39,
     "wrong number of arguments for tumble", "tumble(time, size [, offset])"},
    {"SELECT count(*) FROM flights GROUP BY HOP(time, INTERVAL '2' HOUR, INTERVAL '1' HOUR)", 400,
     1, 39, "the slide is longer than the window, so rows would be lost",
     "HOP(time, slide, size) takes the slide first; HOPPING and SLIDE take the size first"},
    {"SELECT count(*) FROM flights GROUP BY SESSION(time, INTERVAL '2' HOUR, INTERVAL '1' HOUR)",
     400, 1, 39, "wrong number of arguments for session", "session(time, gap)"},
    {"SELECT * FROM SESSION(flights, time, INTERVAL '1' HOUR)", 403, 1, 15,
     "the rows of a SESSION table can only be aggregated by session",
     "GROUP BY window_start, window_end and the columns of its PARTITION BY: SESSION(TABLE s PARTITION BY k, DESCRIPTOR(ts), INTERVAL '1' MINUTE)"},
    {"SELECT origin, count(*) FROM SESSION(flights, time, 1000) GROUP BY window_start, origin", 403,
     1, 30, "the rows of a SESSION table can only be aggregated by session",
     "GROUP BY window_start, window_end and the columns of its PARTITION BY: SESSION(TABLE s PARTITION BY k, DESCRIPTOR(ts), INTERVAL '1' MINUTE)"},
    {"SELECT count(*) FROM TUMBLE(TABLE flights PARTITION BY origin, time, 1000) GROUP BY window_end",
     400, 1, 56, "PARTITION BY means nothing to tumble: its windows are the same for all rows",
     "leave it out, and put the columns into GROUP BY"},
    {"SELECT count(*) FROM flights GROUP BY CUMULATE(time, INTERVAL '2' HOUR, INTERVAL '1' HOUR)",
     400, 1, 39, "the step is longer than the window",
     "CUMULATE(time, step, size) takes the step first"},
    {"SELECT origin, grouping(dest) FROM flights GROUP BY ROLLUP (origin)", 400, 1, 25,
     "an argument of grouping() must be one of the keys of GROUP BY",
     "write it as it stands in GROUP BY"},
    {"SELECT grouping(origin) FROM flights", 400, 1, 8,
     "grouping() needs a GROUP BY, and stands in the select list, HAVING or ORDER BY",
     "grouping(key, ...) tells which keys a row of ROLLUP, CUBE or GROUPING SETS leaves out"},
    {"SELECT count(*) FROM flights GROUP BY ROLLUP (origin, TUMBLE(time, INTERVAL '1' HOUR))", 403,
     1, 39, "a time window in some of the grouping sets only is not supported",
     "put it beside them: GROUP BY TUMBLE(...), ROLLUP (...); or group by window_start of FROM TABLE(TUMBLE(...))"},
    {"SELECT count(*) FROM flights GROUP BY CUBE (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)", 403,
     1, 39, "GROUP BY makes more than 4096 grouping sets",
     "name the sets that are needed: GROUPING SETS ((a, b), (a), ...)"},
    {"SELECT * FROM flights f ASOF JOIN weather w ON f.origin = w.origin", 400, 1, 25,
     "an ASOF JOIN needs an inequality between a time of each side",
     "for example ON a.key = b.key AND a.ts >= b.ts"},
    {"SELECT * FROM flights f ASOF JOIN weather w ON f.origin = w.origin AND f.time >= w.time AND w.time - f.time <= INTERVAL '1' HOUR",
     400, 1, 93, "the tolerance is on the other side of the match",
     "with a.ts >= b.ts it is a.ts - b.ts <= INTERVAL ..., with a.ts <= b.ts it is b.ts - a.ts <= INTERVAL ..."},
    {"SELECT (SELECT origin, dest FROM flights LIMIT 1)", 400, 1, 8,
     "a subquery used as a value must have one column, not 2", ""},
    {"SELECT * FROM flights WHERE flight IN (SELECT origin, dest FROM flights)", 400, 1, 40,
     "the subquery of IN must have 1 column, not 2", ""},
    {"SELECT origin FROM flights INTERSECT SELECT flight FROM flights", 400, 1, 38,
     "column 1 of an INTERSECT has types VARCHAR and INT, which have no type in common",
     "CAST the column in one of the queries"},
    {"SELECT origin FROM flights EXCEPT ALL SELECT carrier, dest FROM flights", 400, 1, 39,
     "the queries of an EXCEPT have 1 and 2 columns", ""},
    {"WITH RECURSIVE r AS (SELECT n FROM r) SELECT * FROM r", 400, 1, 22,
     "a recursive query is a first part, UNION or UNION ALL, and a recursive part",
     "WITH RECURSIVE r AS (first rows UNION ALL SELECT ... FROM r)"},
    {"WITH RECURSIVE r AS (SELECT n FROM r UNION ALL SELECT 1 AS n) SELECT * FROM r", 400, 1, 36,
     "\"r\" stands for itself where it has no rows to begin with",
     "WITH RECURSIVE r AS (first rows UNION ALL SELECT ... FROM r)"},
    {"WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT count(*) FROM r) SELECT * FROM r", 403, 1,
     46, "an aggregate in the recursive part of a query is not supported",
     "do it in the query that reads the recursive one"},
    {"WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT a.n FROM r a JOIN r b ON a.n = b.n) SELECT * FROM r",
     403, 1, 46,
     "a join of the recursive query with itself in the recursive part of a query is not supported",
     "do it in the query that reads the recursive one"},
    {"WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT f.flight FROM flights f LEFT JOIN r ON r.n = f.flight) SELECT * FROM r",
     403, 1, 46,
     "the recursive query on the optional side of a join in the recursive part of a query is not supported",
     "do it in the query that reads the recursive one"},
    {"WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1.5 FROM r) SELECT * FROM r", 400, 1,
     46, "column 1 is BIGINT in the first part and DECIMAL(21,1) in the recursive part",
     "CAST the column in the first part to DECIMAL(21,1)"},
    {"WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT * FROM r",
     403, 1, 22, "a stream can't be recursive",
     "run the recursive query when it is asked for; or join a fixed number of levels"},
    {"WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n, n FROM r) SELECT * FROM r", 400, 1, 46,
     "the parts of the recursive query have 1 and 2 columns", ""},
    {"WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r LIMIT 3) SELECT * FROM r",
     403, 1, 22, "ORDER BY and LIMIT of a recursive query are not supported",
     "put them into the query that reads it"},
    {"SELECT $1", 400, 1, 8, "no value for parameter 1: 0 given",
     "pass the values with the statement (params)"},
    {"SELECT * FROM UNNEST(5)", 400, 1, 22, "UNNEST takes an array or a map, not BIGINT",
     "one row for each number: generate_series(from, to)"},
    {"SELECT origin FROM flights WHERE unnest(ARRAY[true])", 403, 1, 34,
     "UNNEST is not supported in WHERE", "UNNEST in FROM: FROM t, UNNEST(t.items) AS u(item)"},
    {"SELECT unnest(ARRAY[1]), count(*) FROM flights", 403, 1, 8,
     "UNNEST is not supported in a grouped SELECT",
     "UNNEST in FROM: FROM t, UNNEST(t.items) AS u(item)"},
    {"SELECT * FROM flights f LEFT JOIN generate_series(1, f.flight) AS g ON g > 2", 403, 1, 72,
     "a LEFT JOIN with a lateral table takes no condition but ON true",
     "put the condition into the lateral subquery, or filter the array first"},
    {"SELECT * FROM flights f, UNNEST(ARRAY[f.flight]) AS g FULL JOIN airports ON true", 403, 1, 55,
     "a RIGHT or FULL JOIN on a lateral table is not supported",
     "put the lateral join into a derived table"},
    {"SELECT * FROM generate_series(time '10:00', 5)", 400, 1, 31,
     "generate_series takes whole numbers, or times and an INTERVAL, not TIME", ""},
    {"SELECT g FROM flights, generate_series(time, time) AS g", 400, 1, 24,
     "generate_series over times needs an INTERVAL as its step",
     "generate_series(from, to, INTERVAL '1' HOUR)"},
    {"SELECT a FROM (SELECT 1 AS a, 2 AS a)", 400, 1, 8, "column \"a\" is ambiguous",
     "give the columns different names in the subquery"},
    {"CREATE SOURCE x (a INT, a INT)", 203, 1, 25, "column \"a\" is declared twice", ""},
    {"CREATE SOURCE x ()", 401, 1, 18, "expected a column name, found ')'", ""},
    {"CREATE SOURCE x (a INT, WATERMARK FOR b)", 203, 1, 39,
     "WATERMARK names column \"b\", which is not declared", ""},
    {"CREATE SOURCE x (a VARCHAR, WATERMARK FOR a)", 203, 1, 43,
     "a watermark needs a TIMESTAMP, DATE or BIGINT (epoch milliseconds) column: \"a\" is VARCHAR",
     ""},
    {"CREATE SOURCE x (a TIMESTAMP, WATERMARK FOR a AS a + INTERVAL '1' SECOND)", 203, 1, 50,
     "a watermark must be the column itself or the column minus a duration",
     "WATERMARK FOR a AS a - INTERVAL '5' SECOND"},
    {"CREATE TABLE x (a INT, PRIMARY KEY (b))", 203, 1, 37,
     "PRIMARY KEY names column \"b\", which is not declared", ""},
    {"CREATE TABLE x (a INT, b INT, PRIMARY KEY (a, a))", 203, 1, 47,
     "column \"a\" is in the PRIMARY KEY twice", ""},
    {"CREATE SOURCE x (a INT) WITH ('retntion' = 'all')", 203, 1, 31,
     "a SOURCE has no option 'retntion'", "did you mean 'retention'?"},
    {"CREATE SOURCE x (a INT) WITH ('retention' = 'some')", 203, 1, 45,
     "'some' is not a valid retention", "'all', 'none', '50000 rows', '1 hour' or '256mb'"},
    {"CREATE SOURCE x (a INT) FROM KAFKA (topic = 't')", 403, 1, 30,
     "connector \"kafka\" is not available in this build",
     "connectors here: file; a source without one is fed and read by the program"},
    {"CREATE SOURCE x (a INT DEFAULT 'abc')", 400, 1, 32, "'abc' is not a valid INT", ""},
    {"CREATE STREAM x AS SELECT origin, dest AS origin FROM flights", 203, 1, 15,
     "two columns are called \"origin\"", "give them different names with AS"},
    {"CREATE STREAM x AS SELECT origin, origin FROM flights", 203, 1, 15,
     "two columns are called \"origin\"", "give them different names with AS"},
    {"CREATE STREAM x AS SELECT user_id, count(*) FROM clicks GROUP BY user_id EMIT ON WINDOW CLOSE",
     400, 1, 74, "EMIT ON WINDOW CLOSE needs a time window",
     "GROUP BY TUMBLE(...) or HOP(...); without one, EMIT ON UPDATE or EMIT CHANGES"},
    {"CREATE STREAM x AS SELECT TUMBLE(ts, 1000) AS w, count(*) AS n FROM clicks GROUP BY 1 EMIT ON WINDOW CLOSE",
     400, 1, 87, "EMIT ON WINDOW CLOSE needs a watermark, and the window's time ts has none",
     "declare it: CREATE SOURCE clicks (..., WATERMARK FOR ts AS ts - INTERVAL '5' SECOND); or use EMIT ON UPDATE"},
    {"CREATE STREAM x AS SELECT NULL AS a FROM flights", 203, 1, 15,
     "column \"a\" is always NULL: it has no type", "CAST(NULL AS VARCHAR)"},
    {"INSERT INTO airports (faa) VALUES ('x')", 302, 1, 36,
     "column \"lat\" of \"airports\" is NOT NULL, has no DEFAULT, and was given no value", ""},
    {"INSERT INTO airports (faa, latt) VALUES ('x', 1)", 400, 1, 28,
     "\"airports\" has no column \"latt\"", "did you mean \"lat\"?"},
    {"INSERT INTO airports VALUES ('x', 1)", 400, 1, 30, "2 values for 3 columns",
     "name the columns: INSERT INTO airports (...) VALUES ..."},
    {"INSERT INTO airports VALUES ('x', 'y', true)", 302, 1, 40,
     "column \"lat\" is DOUBLE, the value is BOOLEAN",
     "CAST(... AS DOUBLE), if that is what you mean"},
    {"INSERT INTO delays VALUES (1)", 400, 1, 13, "can't INSERT into \"delays\": it is a STREAM",
     "rows are inserted into sources and tables"},
    {"INSERT INTO airports VALUES ('x', NULL, NULL)", 302, 1, 41,
     "column \"lat\" of \"airports\" is NOT NULL", ""},
    {"SELECT f.origin FROM flights f FULL JOIN airports a ON f.dest = a.faa AND a.lat > (SELECT max(w.temp) FROM weather w WHERE w.temp > f.dep_delay AND w.origin = a.faa)",
     403, 1, 75, "this subquery in the condition of an outer, semi or anti join is not supported",
     "use it in a derived table on one side of the join"},
    {"SELECT CASE WHEN true THEN 1 ELSE 'x' END", 400, 1, 35, "'x' is not a valid BIGINT", ""},
    {"SELECT coalesce(flight, 'abc') FROM flights", 400, 1, 25, "'abc' is not a valid INT", ""},
    {"SELECT * FROM nosuch.flights", 400, 1, 15, "unknown schema \"nosuch\": there is only system",
     ""},
    {"SELECT count(DISTINCT *) FROM flights", 400, 1, 23, "* stands for columns: it is no value",
     "it is allowed in the select list and in count(*)"},
    {"SELECT sum(*) FROM flights", 400, 1, 8, "sum(*) does not exist: only count(*) takes a star",
     ""},
    {"SELECT a.b.c.d FROM flights", 400, 1, 8, "there is no table \"a\" in FROM",
     "FROM has flights"},
    {"SELECT origin.x FROM flights", 400, 1, 15, "\"x\" is no field: VARCHAR is not a STRUCT", ""},
    {"SELECT TIMESTAMP(5) '2026-01-01'", 400, 1, 8,
     "timestamp(5): the precision must be 0, 3, 6 or 9",
     "seconds, milliseconds, microseconds or nanoseconds"},
    {"SELECT CAST(1 AS DECIMAL(50, 2))", 400, 1, 18, "DECIMAL precision 50 is not between 1 and 38",
     ""},
    {"SELECT CAST(1 AS DECIMAL(5, 6))", 400, 1, 18,
     "DECIMAL scale 6 is greater than its precision 5", ""},
    {"SELECT CAST(1 AS INT(4))", 400, 1, 18, "type int takes no arguments", ""},
    {"SELECT NOT flight FROM flights", 400, 1, 12, "the operand of NOT must be BOOLEAN, not INT",
     "compare it: ... <> 0"},
    {"SELECT -origin FROM flights", 400, 1, 8, "operator - does not take VARCHAR",
     "CAST an operand to a type that fits"},
    {"SELECT +origin FROM flights", 400, 1, 8, "operator + does not take VARCHAR", ""},
    {"SELECT flight AND true FROM flights", 400, 1, 8, "an operand of AND must be BOOLEAN, not INT",
     "compare it: ... <> 0"},
    {"SELECT CASE WHEN flight THEN 1 END FROM flights", 400, 1, 18,
     "a condition of CASE WHEN must be BOOLEAN, not INT", "compare it: ... <> 0"},
    {"SELECT * FROM flights f LEFT JOIN airlines a ON f.flight", 400, 1, 49,
     "the condition of a JOIN must be BOOLEAN, not INT", "compare it: ... <> 0"},
    {"SELECT * FROM flights WHERE row_number() OVER (ORDER BY time) = 1", 403, 1, 29,
     "window functions (OVER) are not supported here",
     "ROW_NUMBER() OVER (PARTITION BY ... ORDER BY ...) <= n is, in QUALIFY; for time windows use TUMBLE or HOP in GROUP BY"},
    {"SELECT origin FROM flights QUALIFY rank() OVER (ORDER BY time) = 1", 403, 1, 36,
     "this QUALIFY is not supported",
     "QUALIFY ROW_NUMBER() OVER (PARTITION BY ... ORDER BY ...) <= n is"},
    {"SELECT origin FROM flights QUALIFY row_number() OVER (ORDER BY time) > 1", 403, 1, 36,
     "this QUALIFY is not supported",
     "QUALIFY ROW_NUMBER() OVER (PARTITION BY ... ORDER BY ...) <= n is"},
    {"SELECT x FROM (SELECT origin FROM flights EMIT ON UPDATE)", 403, 1, 43,
     "EMIT belongs to the outermost query", "make a STREAM of the inner query"},
    {"SELECT origin FROM flights f, LATERAL (SELECT count(*) AS n FROM weather w WHERE w.temp > f.flight GROUP BY TUMBLE(w.time, INTERVAL '1' HOUR)) q",
     403, 1, 40, "a correlated subquery with a time window is not supported",
     "write it as a join with a grouped subquery"},
    {"SELECT origin FROM flights f, LATERAL (SELECT nam FROM airlines a WHERE a.carrier = f.carrier) q",
     400, 1, 47, "unknown column \"nam\"", "did you mean \"name\"?"},
    {"SELECT TUMBLE(time, 0), count(*) FROM flights GROUP BY 1", 400, 1, 8,
     "the window size must be positive", ""},
    {"SELECT TUMBLE(time, INTERVAL '1.5' MILLISECOND), count(*) FROM flights GROUP BY 1", 400, 1, 8,
     "window size, slide and offset must be whole milliseconds", ""},
    {"SELECT count(*) FROM flights GROUP BY TUMBLE(time, 1000), TUMBLE(time, 2000)", 403, 1, 59,
     "a GROUP BY can have one window", "use a stream for each window, and join or UNION ALL them"},
    {"SELECT window_start FROM flights", 400, 1, 8, "unknown column \"window_start\"",
     "there is time, origin, dest, carrier, flight, dep_delay, tailnum"},
    {"SELECT count(*) FROM FOO(flights, time, 1000)", 403, 1, 22,
     "table function \"foo\" is not supported",
     "TUMBLE and HOP are: TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '1' MINUTE)"},
    {"SELECT count(*) FROM TUMBLE(flights, nope, 1000)", 400, 1, 38, "unknown column \"nope\"",
     "there is time, origin, dest, carrier, flight, dep_delay, tailnum"},
    {"SELECT count(*) FROM TUMBLE(flights, time)", 400, 1, 22,
     "tumble takes a table, its time column, and the window's size",
     "tumble(TABLE s, DESCRIPTOR(ts), INTERVAL '1' MINUTE)"},
    {"SELECT max(time) FROM flights GROUP BY origin HAVING max(time)", 400, 1, 54,
     "the condition of HAVING must be BOOLEAN, not TIMESTAMP(6)", ""},
    {"SELECT origin, (SELECT max(w.temp) FROM weather w FULL JOIN airports a ON w.temp > f.dep_delay) FROM flights f",
     403, 1, 16, "a correlated subquery with a FULL JOIN is not supported",
     "write it as a join with a grouped subquery"},
    {"SELECT random() AS r, x.n FROM (SELECT random() AS r FROM airlines) q, LATERAL (SELECT count(*) AS n FROM weather w WHERE w.temp > q.r) x",
     403, 1, 81, "this correlated subquery over rows made by random functions is not supported",
     "write it as a join"},
    {"SELECT (1, 2) > ANY (SELECT 1) FROM flights", 403, 1, 8,
     "ANY and ALL of row values are supported with = ANY and <> ALL only", ""},
    {"SELECT (flight, origin) IN (SELECT flight FROM flights) FROM flights", 400, 1, 29,
     "the subquery of IN must have 2 columns, not 1", ""},
    {"WITH a AS (SELECT 1), a AS (SELECT 2) SELECT * FROM a", 400, 1, 23, "WITH names \"a\" twice",
     ""},
    {"SELECT * FROM (VALUES (1)) AS v(a, b)", 400, 1, 36, "2 column names for 1 column", ""},
    {"SELECT \"JFK\"", 400, 1, 8, "unknown column \"JFK\"",
     "text is written in single quotes: 'JFK'"},
    {"SELECT origin FROM flights ORDER BY (SELECT 1, 2)", 400, 1, 37,
     "a subquery used as a value must have one column, not 2", ""},
    {"SELECT DEFAULT", 400, 1, 8,
     "DEFAULT is allowed only in the VALUES of an INSERT and in SET of an UPDATE", ""},
    {"SELECT * FROM flights f FOR SYSTEM_TIME AS OF f.time", 403, 1, 47,
     "FOR SYSTEM_TIME AS OF without a join",
     "it goes with the right side of a join: a JOIN b FOR SYSTEM_TIME AS OF a.ts ON ..."},
    {"CREATE STREAM x AS SELECT TUMBLE(time, 1000) AS w, count(*) AS n FROM flights GROUP BY w EMIT EVERY 0",
     400, 1, 101, "the period of EMIT must be positive", ""},
    {"CREATE STREAM x AS SELECT origin FROM flights EMIT EVERY 10", 400, 1, 47,
     "EMIT EVERY needs an aggregate", "a query without GROUP BY emits its rows as they come"},
    {"CREATE STREAM x AS SELECT origin FROM flights ALLOW LATENESS INTERVAL '1' SECOND", 400, 1, 62,
     "ALLOW LATENESS needs a time window", ""},
    {"CREATE STREAM x AS SELECT origin, count(*) AS n FROM flights GROUP BY origin LATE DATA TO y",
     400, 1, 91, "LATE DATA TO needs a time window",
     "GROUP BY TUMBLE(...), HOP(...), CUMULATE(...) or SESSION(...)"},
    {"CREATE STREAM x (a, b) AS SELECT origin FROM flights", 203, 1, 18,
     "2 column names for 1 column of the query", ""},
    {"CREATE STREAM x (a, a) AS SELECT origin, dest FROM flights", 203, 1, 21,
     "two columns are called \"a\"", "give them different names with AS"},
    {"CREATE STREAM delays AS SELECT * FROM delays", 400, 1, 15, "\"delays\" can't read itself",
     ""},
    {"CREATE STREAM x AS SELECT origin FROM flights WITH ('retention' = '0 rows')", 203, 1, 67,
     "'0 rows' is not a valid retention", "'all', 'none', '50000 rows', '1 hour' or '256mb'"},
    {"CREATE MATERIALIZED VIEW x AS SELECT origin FROM flights WITH ('retention' = 'all')", 203, 1,
     64, "a MATERIALIZED VIEW has no option 'retention'", "it takes no options"},
    {"CREATE TABLE x (a INT, WATERMARK FOR a)", 203, 1, 24,
     "a TABLE has no watermark: its rows are the current state",
     "use CREATE SOURCE for events in time"},
    {"CREATE TABLE x (a INT PRIMARY KEY, b INT PRIMARY KEY)", 203, 1, 36,
     "a second PRIMARY KEY at column \"b\"",
     "a key of several columns is written PRIMARY KEY (a, b)"},
    {"CREATE TABLE x (a INT PRIMARY KEY, b INT, PRIMARY KEY (b))", 203, 1, 56,
     "the PRIMARY KEY is declared twice", ""},
    {"CREATE TABLE x (a INT[], PRIMARY KEY (a))", 203, 1, 39,
     "column \"a\" of type INT[] can't be part of a PRIMARY KEY", ""},
    {"CREATE SOURCE x (a TIMESTAMP, WATERMARK FOR a AS a - INTERVAL '-5' SECOND)", 203, 1, 54,
     "the watermark's delay must not be negative", ""},
    {"CREATE SOURCE x (a INT) FORMAT JSON", 203, 1, 32, "FORMAT json needs a connector",
     "a program that inserts JSON or CSV says so at the insert"},
    {"CREATE SOURCE x (a INT) FROM FILE (path = 'x') FORMAT AVRO", 403, 1, 55,
     "format \"avro\" is not available in this build", "formats here: csv, json"},
    {"CREATE SOURCE x (a INT) FROM FILE (path = 'x') WITH (connector = 'file')", 203, 1, 66,
     "the connector is given twice: file and 'file'", ""},
    {"CREATE SOURCE x (a INT) WITH (retention = 'all', retention = 'none')", 203, 1, 50,
     "option 'retention' is given twice", ""},
    {"CREATE LOOKUP TABLE x (a INT PRIMARY KEY) WITH (connector = 'postgres')", 403, 1, 61,
     "lookup tables of connector \"postgres\" are not available in this build",
     "without a connector, or with connector = 'memory', the table is filled by INSERT"},
    {"CREATE SOURCE x.y (a INT)", 203, 1, 15, "\"x.y\": there are no schemas to create in", ""},
    {"CREATE SOURCE x (* PREFIX 'p_')", 403, 1, 18,
     "columns can't be taken from a format's schema yet", "name the columns"},
    {"CREATE SOURCE x (a INT DEFAULT b)", 400, 1, 32, "unknown column \"b\"", ""},
    {"CREATE SINK x FROM nothing", 400, 1, 20, "unknown relation \"nothing\"",
     "SHOW SOURCES, SHOW TABLES and SHOW STREAMS list what there is"},
    {"CREATE SINK x FROM flights WHERE foo = 1", 400, 1, 34, "unknown column \"foo\"",
     "there is time, origin, dest, carrier, flight, dep_delay, tailnum"},
    {"CREATE SINK x FROM flights INTO KAFKA (topic = 't')", 403, 1, 33,
     "connector \"kafka\" is not available in this build",
     "connectors here: file; a sink without one is fed and read by the program"},
    {"CREATE TABLE x AS SELECT NULL AS a", 203, 1, 14,
     "column \"a\" is always NULL: it has no type", "CAST(NULL AS VARCHAR)"},
    {"INSERT INTO airports (faa, faa) VALUES ('x', 'y')", 400, 1, 28,
     "column \"faa\" is named twice", ""},
    {"INSERT INTO airports (faa, lat) SELECT origin FROM flights", 400, 1, 33,
     "1 value for 2 columns", ""},
    {"INSERT INTO airports (faa, lat) VALUES (DEFAULT, 1)", 302, 1, 41,
     "column \"faa\" of \"airports\" is NOT NULL, has no DEFAULT, and was given no value", ""},
    {"INSERT INTO airports SELECT time, dest, flight FROM flights", 302, 1, 29,
     "column \"faa\" is VARCHAR, the value is TIMESTAMP(6)",
     "CAST(... AS VARCHAR), if that is what you mean"},
};

static void test_errors(void **state)
{
    (void)state;
    struct fixture f;
    size_t n_wrong = 0;
    fixture_init(&f);
    fixture_flights(&f);
    for (size_t i = 0; i < ARRAY_LENGTH(errors); i++) {
        const struct error_case *c = &errors[i];
        laminar_status status = fixture_plan(&f, c->sql, true, false, NULL);
        bool is_right = (int)status == c->code && (int)f.err.code == c->code &&
                        f.err.line == c->line && f.err.column == c->column &&
                        strcmp(f.err.message, c->message) == 0 && strcmp(f.err.hint, c->hint) == 0;
        if (is_right) continue;
        print_message("%s\n  expected %d at %d:%d %s | %s\n  got      %d at %d:%d %s | %s\n",
                      c->sql, c->code, c->line, c->column, c->message, c->hint, (int)status,
                      f.err.line, f.err.column, f.err.message, f.err.hint);
        n_wrong++;
    }
    fixture_deinit(&f);
    assert_int_equal(n_wrong, 0);
}

/* Without an error object the status is the same. */
static void test_errors_without_object(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    fixture_flights(&f);
    for (size_t i = 0; i < ARRAY_LENGTH(errors); i++)
        assert_int_equal(fixture_plan_silently(&f, errors[i].sql), errors[i].code);
    fixture_deinit(&f);
}

static void test_long_chains(void **state)
{
    (void)state;
    struct fixture f;
    struct strbuf sql = {0};
    char *text;
    fixture_init(&f);
    fixture_flights(&f);
    strbuf_puts(&sql, "SELECT origin FROM flights WHERE flight = 0");
    for (int i = 1; i < 20000; i++) strbuf_printf(&sql, " OR flight = %d", i);
    assert_int_equal(fixture_plan(&f, sql.data, true, false, &text), LAMINAR_OK);
    mem_free(text);
    strbuf_clear(&sql);
    strbuf_puts(&sql, "SELECT 1");
    for (int i = 0; i < 900; i++) strbuf_puts(&sql, " + flight");
    strbuf_puts(&sql, " FROM flights");
    assert_int_equal(fixture_plan(&f, sql.data, true, false, &text), LAMINAR_OK);
    mem_free(text);
    strbuf_clear(&sql);
    for (int i = 0; i < 400; i++) strbuf_puts(&sql, "SELECT flight + flight AS flight FROM (");
    strbuf_puts(&sql, "SELECT flight FROM flights");
    for (int i = 0; i < 400; i++) strbuf_puts(&sql, ") t WHERE flight > 1");
    /* deep, but neither exponential nor a crash */
    laminar_status status = fixture_plan(&f, sql.data, true, false, &text);
    assert_true(status == LAMINAR_OK || status == LAMINAR_SQL_PARSE_ERROR ||
                status == LAMINAR_QUERY_UNSUPPORTED);
    mem_free(text);
    strbuf_clear(&sql);
    strbuf_puts(&sql, "WITH a0 AS (SELECT flight FROM flights)");
    for (int i = 1; i < 30; i++)
        strbuf_printf(&sql, ", a%d AS (SELECT x.flight FROM a%d x, a%d y)", i, i - 1, i - 1);
    strbuf_puts(&sql, " SELECT * FROM a29");
    assert_int_equal(fixture_plan(&f, sql.data, true, false, &text), LAMINAR_QUERY_UNSUPPORTED);
    strbuf_deinit(&sql);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_errors_without_object),
        cmocka_unit_test(test_long_chains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
