/* test_plan_query.c - queries to plans: what the binder makes of each construct, and what the
 * rewrites leave of it, as EXPLAIN shows it. */
#include "plan/plan_fixture.h"
#include "unit.h"

struct plan_case {
    const char *sql;
    const char *text;
};

static const struct plan_case projection[] = {
    {"SELECT 1, 'a', NULL, true, -5, 1.50, 1e3, INTERVAL '1' DAY, DATE '2026-01-02'",
     "Values  1 row  columns: 1, 'a', NULL, TRUE, -5, 1.50, 1e3, INTERVAL '1' DAY, DATE '2026-01-02'   [append-only, one row at most]\n"},
    {"SELECT 2 + 3 * 4 AS x", "Values  (14)  columns: x   [append-only, one row at most]\n"},
    {"SELECT origin, dest FROM flights WHERE dep_delay > 10 AND 1 = 1",
     "Project  origin, dest   [append-only]\n"
     "└─ Filter  dep_delay > 10.0   [append-only]\n"
     "   └─ Scan  flights (source)  columns: origin, dest, dep_delay   [append-only]\n"},
    {"SELECT * FROM flights WHERE false",
     "Values  no rows  columns: time, origin, dest, carrier, flight, dep_delay, tailnum   [append-only, one row at most]\n"},
    {"SELECT f.* EXCLUDE (time, tailnum) REPLACE (flight + 1 AS flight) FROM flights AS f",
     "Project  origin, dest, carrier, flight::BIGINT + 1 AS flight, dep_delay   [append-only]\n"
     "└─ Scan  flights AS f (source)  columns: origin, dest, carrier, flight, dep_delay   [append-only]\n"},
    {"SELECT a + 1 AS b FROM (SELECT flight + 1 AS a, dest FROM flights) t WHERE a > 5 AND dest = 'JFK'",
     "Project  flight::BIGINT + 1 + 1 AS b   [append-only]\n"
     "└─ Filter  flight::BIGINT + 1 > 5 AND dest = 'JFK'   [append-only]\n"
     "   └─ Scan  flights (source)  columns: dest, flight   [append-only]\n"},
    {"SELECT x FROM (SELECT DISTINCT origin AS x, dest FROM flights) WHERE dest = 'LAX'",
     "Project  x   [append-only]\n"
     "└─ Distinct  x, dest   [append-only, key (x, dest), state: one entry per distinct row]\n"
     "   └─ Filter  dest = 'LAX'   [append-only]\n"
     "      └─ Scan  flights (source)  columns: origin, dest   [append-only]\n"},
    {"SELECT CASE WHEN flight > 1 THEN 'a' END, coalesce(flight, 0), nullif(flight, 5), CAST(flight AS BIGINT), flight::VARCHAR FROM flights",
     "Project  CASE WHEN flight > 1 THEN 'a' END, coalesce(flight::BIGINT, 0) AS coalesce(flight, 0), CASE WHEN flight = 5 THEN NULL ELSE flight END AS nullif(flight, 5), flight::BIGINT AS CAST(flight AS BIGINT), flight::VARCHAR AS CAST(flight AS VARCHAR)   [append-only]\n"
     "└─ Scan  flights (source)  columns: flight   [append-only]\n"},
    {"SELECT flight IN (1, 2, 3), flight NOT IN (4, NULL), origin IN ('JFK'), flight BETWEEN 1 AND 5, NOT (flight = 1 OR dest IS NULL) FROM flights",
     "Project  flight IN (1, 2, 3), NOT (flight = 4 OR NULL) AS flight NOT IN (4, NULL), origin = 'JFK' AS origin IN ('JFK'), flight >= 1 AND flight <= 5 AS flight BETWEEN 1 AND 5, NOT (flight = 1 OR dest IS NULL)   [append-only]\n"
     "└─ Scan  flights (source)  columns: origin, dest, flight   [append-only]\n"},
    {"SELECT n FROM clicks WHERE n > 5 AND n < 100000",
     "Filter  n > 5 AND n::BIGINT < 100000   [append-only]\n"
     "└─ Scan  clicks (source)  columns: n   [append-only]\n"},
    {"SELECT column1 AS a FROM (VALUES (1, 'x'), (2, NULL)) AS v WHERE column2 = 'x'",
     "Project  column1 AS a   [append-only]\n"
     "└─ Filter  column2 = 'x'   [append-only]\n"
     "   └─ Values  (1, 'x'), (2, NULL)  columns: column1, column2   [append-only]\n"},
    {"SELECT a FROM (VALUES (1, 'x'), (2, 'y')) AS v(a, b)",
     "Values  (1), (2)  columns: a   [append-only]\n"},
    {"SELECT origin FROM flights UNION ALL SELECT faa FROM airports WHERE lat > 5",
     "Union all  2 inputs   [retracts]\n"
     "├─ Scan  flights (source)  columns: origin   [append-only]\n"
     "└─ Project  faa   [retracts, key (faa)]\n"
     "   └─ Filter  lat > 5.0   [retracts, key (faa)]\n"
     "      └─ Scan  airports (table)  columns: faa, lat   [retracts, key (faa)]\n"},
    {"SELECT o FROM (SELECT origin AS o, dest FROM flights UNION ALL SELECT faa, name FROM airports) WHERE o = 'JFK'",
     "Union all  2 inputs   [retracts]\n"
     "├─ Filter  origin = 'JFK'   [append-only]\n"
     "│  └─ Scan  flights (source)  columns: origin   [append-only]\n"
     "└─ Filter  faa = 'JFK'   [retracts, one row at most]\n"
     "   └─ Scan  airports (table)  columns: faa   [retracts, key (faa)]\n"},
    {"SELECT origin FROM flights UNION SELECT faa FROM airports ORDER BY 1 LIMIT 3",
     "Top  3  by: origin   [retracts, key (origin), state: all rows of the input, without bound]\n"
     "└─ Distinct  origin   [retracts, key (origin), state: one entry per distinct row]\n"
     "   └─ Union all  2 inputs   [retracts]\n"
     "      ├─ Scan  flights (source)  columns: origin   [append-only]\n"
     "      └─ Scan  airports (table)  columns: faa   [retracts, key (faa)]\n"},
    {"SELECT origin, flight FROM flights UNION ALL BY NAME SELECT lat, faa AS origin FROM airports",
     "Union all  2 inputs   [retracts]\n"
     "├─ Project  origin, flight, NULL AS lat   [append-only]\n"
     "│  └─ Scan  flights (source)  columns: origin, flight   [append-only]\n"
     "└─ Project  faa AS origin, NULL AS flight, lat   [retracts, key (origin)]\n"
     "   └─ Scan  airports (table)  columns: faa, lat   [retracts, key (faa)]\n"},
    {"SELECT flight FROM flights UNION ALL SELECT n FROM clicks UNION ALL VALUES (1.5)",
     "Union all  3 inputs   [append-only]\n"
     "├─ Project  flight::DECIMAL(11,1) AS flight   [append-only]\n"
     "│  └─ Scan  flights (source)  columns: flight   [append-only]\n"
     "├─ Project  n::DECIMAL(11,1) AS n   [append-only]\n"
     "│  └─ Scan  clicks (source)  columns: n   [append-only]\n"
     "└─ Values  (1.5)  columns: column1   [append-only, one row at most]\n"},
    {"WITH a AS (SELECT origin, flight FROM flights), b(o) AS (SELECT origin FROM a WHERE flight > 3) SELECT * FROM b, a WHERE b.o = a.origin",
     "Inner join  hash  on: o = origin   [append-only, state: all rows of both sides, without bound]\n"
     "├─ Project  origin AS o   [append-only]\n"
     "│  └─ Filter  flight > 3   [append-only]\n"
     "│     └─ Scan  flights (source)  columns: origin, flight   [append-only]\n"
     "└─ Scan  flights (source)  columns: origin, flight   [append-only]\n"},
};

static const struct plan_case ordering[] = {
    {"SELECT origin, dest FROM flights ORDER BY dep_delay DESC NULLS LAST, 1",
     "Project  origin, dest   [append-only]\n"
     "└─ Sort  by: order DESC NULLS LAST, origin   [append-only, order is of one-shot answers only]\n"
     "   └─ Scan  flights (source)  columns: origin, dest, dep_delay   [append-only]\n"},
    {"SELECT origin AS o FROM flights ORDER BY o LIMIT 10 OFFSET 5",
     "Top  10  offset 5  by: o   [retracts, state: 15 rows]\n"
     "└─ Scan  flights (source)  columns: origin   [append-only]\n"},
    {"SELECT DISTINCT origin FROM flights ORDER BY origin",
     "Sort  by: origin   [append-only, key (origin), order is of one-shot answers only]\n"
     "└─ Distinct  origin   [append-only, key (origin), state: one entry per distinct row]\n"
     "   └─ Scan  flights (source)  columns: origin   [append-only]\n"},
    {"SELECT origin, flight FROM flights ORDER BY ALL DESC LIMIT 1",
     "Top  1  by: origin DESC, flight DESC   [retracts, one row at most, state: 1 row]\n"
     "└─ Scan  flights (source)  columns: origin, flight   [append-only]\n"},
    {"SELECT origin FROM flights LIMIT 3",
     "Limit  3   [append-only, state: 3 rows]\n"
     "└─ Scan  flights (source)  columns: origin   [append-only]\n"},
    {"SELECT * FROM (SELECT origin, flight FROM flights LIMIT 3) WHERE flight > 1",
     "Filter  flight > 1   [append-only]\n"
     "└─ Limit  3   [append-only, state: 3 rows]\n"
     "   └─ Scan  flights (source)  columns: origin, flight   [append-only]\n"},
    {"SELECT DISTINCT ON (origin) origin, flight FROM flights ORDER BY origin, time DESC",
     "Project  origin, flight   [retracts, key (origin)]\n"
     "└─ Sort  by: origin, order DESC   [retracts, key (origin), order is of one-shot answers only]\n"
     "   └─ Top  1  by: origin, order DESC  per: origin   [retracts, key (origin), state: the top rows per origin]\n"
     "      └─ Project  origin, flight, time AS order   [append-only, event time order]\n"
     "         └─ Scan  flights (source)  columns: time, origin, flight   [append-only, event time time]\n"},
    {"SELECT origin, dest FROM flights QUALIFY row_number() OVER (PARTITION BY origin ORDER BY time DESC) <= 3",
     "Project  origin, dest   [retracts]\n"
     "└─ Top  3  by: time DESC  per: origin   [retracts, state: the top rows per origin]\n"
     "   └─ Scan  flights (source)  columns: time, origin, dest   [append-only, event time time]\n"},
    {"SELECT origin, row_number() OVER (PARTITION BY origin ORDER BY dep_delay) AS rn FROM flights QUALIFY rn = 1",
     "Project  origin, 1 AS rn   [retracts, key (origin)]\n"
     "└─ Top  1  by: dep_delay  per: origin   [retracts, key (origin), state: the top rows per origin]\n"
     "   └─ Scan  flights (source)  columns: origin, dep_delay   [append-only]\n"},
    {"SELECT flight FROM flights QUALIFY rank() OVER (PARTITION BY origin ORDER BY time) <= 2",
     "Project  flight   [retracts]\n"
     "└─ Top  2 with ties  by: time  per: origin   [retracts, state: the top rows per origin]\n"
     "   └─ Scan  flights (source)  columns: time, origin, flight   [append-only, event time time]\n"},
    {"SELECT flight, r FROM (SELECT flight, dense_rank() OVER w AS r, lag(flight) OVER w AS l, ntile(2) OVER w AS unused "
     "FROM flights WINDOW w AS (PARTITION BY origin ORDER BY time)) q WHERE 2 >= r AND l > 3",
     "Project  flight, dense_rank AS r   [retracts]\n"
     "└─ Filter  lag > 3   [retracts]\n"
     "   └─ Over  dense_rank(), lag(flight; 1)  per: origin  by: time   [retracts, state: all rows of the input, without bound]\n"
     "      └─ Top  2 groups of ties  by: time  per: origin   [retracts, state: the top rows per origin]\n"
     "         └─ Scan  flights (source)  columns: time, origin, flight   [append-only, event time time]\n"},
    {"SELECT origin, rank() OVER (PARTITION BY origin ORDER BY dep_delay DESC) AS r, "
     "sum(flight) OVER (ORDER BY time RANGE INTERVAL '1' HOUR PRECEDING EXCLUDE TIES) AS s FROM flights WHERE flight > 0",
     "Project  origin, rank AS r, sum AS s   [retracts]\n"
     "└─ Over  sum(flight) RANGE time - INTERVAL '01:00:00' .. CURRENT ROW EXCLUDE TIES  by: time   [retracts, state: all rows of the input, without bound]\n"
     "   └─ Project  time, origin, flight, time - INTERVAL '01:00:00', rank   [retracts]\n"
     "      └─ Over  rank()  per: origin  by: dep_delay DESC   [retracts, state: all rows of the input, without bound]\n"
     "         └─ Project  time, origin, flight, dep_delay, time - INTERVAL '01:00:00'   [append-only, event time time]\n"
     "            └─ Filter  flight > 0   [append-only, event time time]\n"
     "               └─ Scan  flights (source)  columns: time, origin, flight, dep_delay   [append-only, event time time]\n"},
    {"SELECT origin, max(dep_delay) FROM flights GROUP BY origin ORDER BY count(*) DESC LIMIT 2",
     "Project  origin, max(dep_delay)   [retracts, key (origin)]\n"
     "└─ Top  2  by: order DESC   [retracts, key (origin), state: all rows of the input, without bound]\n"
     "   └─ Aggregate  keys: origin  aggs: max(dep_delay), count(*)   [retracts, key (origin), state: one row per origin]\n"
     "      └─ Scan  flights (source)  columns: origin, dep_delay   [append-only]\n"},
};

static const struct plan_case aggregates[] = {
    {"SELECT count(*) FROM flights",
     "Aggregate  aggs: count(*)   [retracts, one row at most, state: one row]\n"
     "└─ Scan  flights (source)  columns: flight   [append-only]\n"},
    {"SELECT origin, count(*) AS n, sum(dep_delay), sum(dep_delay) / count(*) AS mean FROM flights GROUP BY origin HAVING n > 5 AND origin <> 'JFK'",
     "Project  origin, count(*) AS n, sum(dep_delay), sum(dep_delay) / count(*)::DOUBLE AS mean   [retracts, key (origin)]\n"
     "└─ Filter  count(*) > 5   [retracts, key (origin)]\n"
     "   └─ Aggregate  keys: origin  aggs: count(*), sum(dep_delay)   [retracts, key (origin), state: one row per origin]\n"
     "      └─ Filter  origin <> 'JFK'   [append-only]\n"
     "         └─ Scan  flights (source)  columns: origin, dep_delay   [append-only]\n"},
    {"SELECT dest AS route, count(DISTINCT carrier), min(flight) FILTER (WHERE dest = 'LAX') FROM flights GROUP BY route",
     "Aggregate  keys: dest  aggs: count(DISTINCT carrier), min(flight) FILTER (WHERE dest = 'LAX')   [retracts, key (route), state: the distinct values of each group, without bound]\n"
     "└─ Scan  flights (source)  columns: dest, carrier, flight   [append-only]\n"},
    {"SELECT 1 + flight, count(*) FROM flights GROUP BY 1",
     "Aggregate  keys: 1 + flight::BIGINT  aggs: count(*)   [retracts, key (1 + flight), state: one row per 1 + flight]\n"
     "└─ Scan  flights (source)  columns: flight   [append-only]\n"},
    {"SELECT origin, dest, count(*) FROM flights GROUP BY ALL",
     "Aggregate  keys: origin, dest  aggs: count(*)   [retracts, key (origin, dest), state: one row per origin, dest]\n"
     "└─ Scan  flights (source)  columns: origin, dest   [append-only]\n"},
    {"SELECT origin FROM flights GROUP BY origin",
     "Aggregate  keys: origin   [retracts, key (origin), state: one row per origin]\n"
     "└─ Scan  flights (source)  columns: origin   [append-only]\n"},
    {"SELECT n + 1 AS m, max(delay) FROM delays GROUP BY n + 1",
     "Aggregate  keys: n + 1  aggs: max(delay)   [retracts, key (m), state: the distinct values of each group, without bound]\n"
     "└─ Scan  delays (stream)  columns: n, delay   [retracts]\n"},
    {"SELECT o, max(n) FROM (SELECT origin AS o, dest, count(*) AS n FROM flights GROUP BY origin, dest) GROUP BY o",
     "Aggregate  keys: origin  aggs: max(count(*))   [retracts, key (o), state: the distinct values of each group, without bound]\n"
     "└─ Aggregate  keys: origin, dest  aggs: count(*)   [retracts, key (origin, dest), state: one row per origin, dest]\n"
     "   └─ Scan  flights (source)  columns: origin, dest   [append-only]\n"},
    {"SELECT count(*) + 1 FROM flights HAVING max(flight) > 5",
     "Project  count(*) + 1   [retracts, one row at most]\n"
     "└─ Filter  max(flight) > 5   [retracts, one row at most]\n"
     "   └─ Aggregate  aggs: count(*), max(flight)   [retracts, one row at most, state: one row]\n"
     "      └─ Scan  flights (source)  columns: flight   [append-only]\n"},
};

static const struct plan_case windows[] = {
    {"SELECT TUMBLE(time, INTERVAL '1' HOUR) AS w, origin, count(*) FROM flights GROUP BY TUMBLE(time, INTERVAL '1' HOUR), origin",
     "Project  window_start AS w, origin, count(*)   [append-only, key (w, origin), event time w]\n"
     "└─ Aggregate  keys: origin  window: TUMBLE 1 hour on time  aggs: count(*)  emit: ON WINDOW CLOSE   [append-only, key (window_start, origin), event time window_start, state: until the watermark passes the window's end]\n"
     "   └─ Scan  flights (source)  columns: time, origin   [append-only, event time time]\n"},
    {"SELECT TUMBLE_START(time, INTERVAL '1' HOUR), TUMBLE_END(time, INTERVAL '1' HOUR) AS e, count(*) FROM flights GROUP BY TUMBLE(time, INTERVAL '1' HOUR) EMIT ON UPDATE",
     "Aggregate  window: TUMBLE 1 hour on time  aggs: count(*)  emit: ON UPDATE   [retracts, key (tumble_start(time, INTERVAL '1' HOUR)), event time tumble_start(time, INTERVAL '1' HOUR), state: until the watermark passes the window's end]\n"
     "└─ Scan  flights (source)  columns: time   [append-only, event time time]\n"},
    {"SELECT window_start, window_end, carrier, avg(dep_delay) AS d FROM flights GROUP BY HOP(time, INTERVAL '5' MINUTE, INTERVAL '1' HOUR), carrier EMIT ON WINDOW CLOSE",
     "Aggregate  keys: carrier  window: HOP 1 hour every 5 minutes on time  aggs: avg(dep_delay)  emit: ON WINDOW CLOSE  rows: to one pane of 5 minutes   [append-only, key (window_start, carrier), event time window_start, state: until the watermark passes the window's end]\n"
     "└─ Scan  flights (source)  columns: time, carrier, dep_delay   [append-only, event time time]\n"},
    {"SELECT w, count(*) FROM (SELECT SLIDE(time, INTERVAL '1' HOUR, INTERVAL '15' MINUTE) AS w, origin, count(*) AS n FROM flights GROUP BY w, origin) GROUP BY w",
     "Aggregate  keys: w  aggs: count(*)   [retracts, key (w), event time w, state: one row per w]\n"
     "└─ Project  window_start AS w   [append-only, event time w]\n"
     "   └─ Aggregate  keys: origin  window: HOP 1 hour every 15 minutes on time  emit: ON WINDOW CLOSE  rows: to one pane of 15 minutes   [append-only, key (window_start, origin), event time window_start, state: until the watermark passes the window's end]\n"
     "      └─ Scan  flights (source)  columns: time, origin   [append-only, event time time]\n"},
    {"SELECT HOPPING(ts, 60000, 1000) AS w, count(*) FROM clicks GROUP BY w",
     "Project  window_start AS w, count(*)   [retracts, key (w)]\n"
     "└─ Aggregate  window: HOP 1 minute every 1 second on ts  aggs: count(*)  emit: ON UPDATE  rows: by panes of 1 second a step, to each of up to 60 windows   [retracts, key (window_start), state: one row per window_start]\n"
     "   └─ Scan  clicks (source)  columns: ts   [append-only]\n"},
    {"SELECT TUMBLE(ts, 1000, 100) AS w, count(*) FROM clicks GROUP BY w EMIT EVERY INTERVAL '10' SECOND",
     "Project  window_start AS w, count(*)   [retracts, key (w)]\n"
     "└─ Aggregate  window: TUMBLE 1 second offset 100 ms on ts  aggs: count(*)  emit: EVERY 10 seconds   [retracts, key (window_start), state: one row per window_start]\n"
     "   └─ Scan  clicks (source)  columns: ts   [append-only]\n"},
    {"SELECT window_start, origin, count(*) FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(time), INTERVAL '1' HOUR)) WHERE dest = 'LAX' GROUP BY window_start, window_end, origin",
     "Project  window_start, origin, count(*)   [append-only, key (window_start, origin), event time window_start]\n"
     "└─ Aggregate  keys: origin  window: TUMBLE 1 hour on time  aggs: count(*)  emit: ON WINDOW CLOSE   [append-only, key (window_start, origin), event time window_start, state: until the watermark passes the window's end]\n"
     "   └─ Filter  dest = 'LAX'   [append-only, event time time]\n"
     "      └─ Scan  flights (source)  columns: time, origin, dest   [append-only, event time time]\n"},
    {"SELECT window_start, flight FROM HOP(flights, time, INTERVAL '1' HOUR, INTERVAL '2' HOUR) WHERE origin = 'JFK'",
     "Project  window_start, flight   [append-only]\n"
     "└─ Window  HOP 2 hours every 1 hour on time   [append-only, event time time]\n"
     "   └─ Filter  origin = 'JFK'   [append-only, event time time]\n"
     "      └─ Scan  flights (source)  columns: time, origin, flight   [append-only, event time time]\n"},
    {"SELECT TUMBLE(time, INTERVAL '1' HOUR) AS w, count(*) FROM flights GROUP BY w EMIT AFTER WATERMARK ALLOW LATENESS INTERVAL '1' MINUTE",
     "Project  window_start AS w, count(*)   [retracts, key (w), event time w]\n"
     "└─ Aggregate  window: TUMBLE 1 hour on time  aggs: count(*)  emit: AFTER WATERMARK, lateness 1 minute   [retracts, key (window_start), event time window_start, state: until the watermark passes the window's end]\n"
     "   └─ Scan  flights (source)  columns: time   [append-only, event time time]\n"},
    {"SELECT TUMBLE(time, INTERVAL '1' HOUR) AS w, max(x) FROM (SELECT time, dep_delay * 2 AS x FROM flights WHERE dest = 'LAX') GROUP BY w",
     "Project  window_start AS w, max(x)   [append-only, key (w), event time w]\n"
     "└─ Aggregate  window: TUMBLE 1 hour on time  aggs: max(x)  emit: ON WINDOW CLOSE   [append-only, key (window_start), event time window_start, state: until the watermark passes the window's end]\n"
     "   └─ Project  time, dep_delay * 2.0 AS x   [append-only, event time time]\n"
     "      └─ Filter  dest = 'LAX'   [append-only, event time time]\n"
     "         └─ Scan  flights (source)  columns: time, dest, dep_delay   [append-only, event time time]\n"},
    {"SELECT TUMBLE(w, INTERVAL '1' DAY) AS d, max(n) FROM (SELECT TUMBLE(time, INTERVAL '1' HOUR) AS w, count(*) AS n FROM flights GROUP BY w) GROUP BY d",
     "Project  window_start AS d, max(n)   [append-only, key (d), event time d]\n"
     "└─ Aggregate  window: TUMBLE 1 day on w  aggs: max(n)  emit: ON WINDOW CLOSE   [append-only, key (window_start), event time window_start, state: until the watermark passes the window's end]\n"
     "   └─ Project  window_start AS w, count(*) AS n   [append-only, key (w), event time w]\n"
     "      └─ Aggregate  window: TUMBLE 1 hour on time  aggs: count(*)  emit: ON WINDOW CLOSE   [append-only, key (window_start), event time window_start, state: until the watermark passes the window's end]\n"
     "         └─ Scan  flights (source)  columns: time   [append-only, event time time]\n"},
};

static const struct plan_case joins[] = {
    {"SELECT f.flight, a.name FROM flights f JOIN airlines a ON f.carrier = a.carrier AND f.dep_delay > 5 AND a.name <> 'x' AND f.dest < a.name",
     "Project  flight, name   [retracts]\n"
     "└─ Inner join  hash  on: f.carrier = a.carrier  where: dest < name   [retracts, state: all rows of the left side, and the table, without bound]\n"
     "   ├─ Project  dest, carrier, flight   [append-only]\n"
     "   │  └─ Filter  dep_delay > 5.0   [append-only]\n"
     "   │     └─ Scan  flights AS f (source)  columns: dest, carrier, flight, dep_delay   [append-only]\n"
     "   └─ Filter  name <> 'x'   [retracts, key (carrier)]\n"
     "      └─ Scan  airlines AS a (table)  columns: carrier, name   [retracts, key (carrier)]\n"},
    {"SELECT f.flight, a.name FROM flights f, airlines a WHERE f.carrier = a.carrier",
     "Project  flight, name   [retracts]\n"
     "└─ Inner join  hash  on: f.carrier = a.carrier   [retracts, state: all rows of the left side, and the table, without bound]\n"
     "   ├─ Scan  flights AS f (source)  columns: carrier, flight   [append-only]\n"
     "   └─ Scan  airlines AS a (table)  columns: carrier, name   [retracts, key (carrier)]\n"},
    {"SELECT f.flight, a.name FROM flights f LEFT JOIN airlines a ON f.carrier = a.carrier AND a.name <> 'x' AND f.dest = 'LAX' WHERE f.flight > 1",
     "Project  flight, name   [retracts]\n"
     "└─ Left join  hash  on: f.carrier = a.carrier  where: dest = 'LAX'   [retracts, state: all rows of the left side, and the table, without bound]\n"
     "   ├─ Filter  flight > 1   [append-only]\n"
     "   │  └─ Scan  flights AS f (source)  columns: dest, carrier, flight   [append-only]\n"
     "   └─ Filter  name <> 'x'   [retracts, key (carrier)]\n"
     "      └─ Scan  airlines AS a (table)  columns: carrier, name   [retracts, key (carrier)]\n"},
    {"SELECT f.flight FROM flights f LEFT JOIN airlines a ON f.carrier = a.carrier WHERE a.name = 'x'",
     "Project  flight   [retracts]\n"
     "└─ Inner join  hash  on: f.carrier = a.carrier   [retracts, state: all rows of the left side, and the table, without bound]\n"
     "   ├─ Scan  flights AS f (source)  columns: carrier, flight   [append-only]\n"
     "   └─ Project  carrier   [retracts, key (carrier)]\n"
     "      └─ Filter  name = 'x'   [retracts, key (carrier)]\n"
     "         └─ Scan  airlines AS a (table)  columns: carrier, name   [retracts, key (carrier)]\n"},
    {"SELECT f.flight FROM flights f LEFT JOIN airlines a ON f.carrier = a.carrier WHERE a.name IS NULL",
     "Project  flight   [retracts]\n"
     "└─ Filter  name IS NULL   [retracts]\n"
     "   └─ Left join  hash  on: f.carrier = a.carrier   [retracts, state: all rows of the left side, and the table, without bound]\n"
     "      ├─ Scan  flights AS f (source)  columns: carrier, flight   [append-only]\n"
     "      └─ Scan  airlines AS a (table)  columns: carrier, name   [retracts, key (carrier)]\n"},
    {"SELECT origin, a.name FROM flights f RIGHT JOIN airlines a USING (carrier)",
     "Project  origin, name   [retracts]\n"
     "└─ Left join  hash  on: a.carrier = f.carrier   [retracts, state: all rows of both sides, without bound]\n"
     "   ├─ Scan  airlines AS a (table)  columns: carrier, name   [retracts, key (carrier)]\n"
     "   └─ Scan  flights AS f (source)  columns: origin, carrier   [append-only]\n"},
    {"SELECT carrier, f.carrier, a.carrier FROM flights f FULL JOIN airlines a USING (carrier)",
     "Project  coalesce(f.carrier, a.carrier) AS carrier, f.carrier AS carrier, a.carrier AS carrier   [retracts]\n"
     "└─ Full join  hash  on: f.carrier = a.carrier   [retracts, state: all rows of the left side, and the table, without bound]\n"
     "   ├─ Scan  flights AS f (source)  columns: carrier   [append-only]\n"
     "   └─ Scan  airlines AS a (table)  columns: carrier   [retracts, key (carrier)]\n"},
    {"SELECT * FROM airlines NATURAL JOIN (SELECT carrier, flight FROM flights)",
     "Project  airlines.carrier AS carrier, name, flight   [retracts]\n"
     "└─ Inner join  hash  on: airlines.carrier = flights.carrier   [retracts, state: all rows of both sides, without bound]\n"
     "   ├─ Scan  airlines (table)  columns: carrier, name   [retracts, key (carrier)]\n"
     "   └─ Scan  flights (source)  columns: carrier, flight   [append-only]\n"},
    {"SELECT a.name, p.name FROM airlines a, airports p, flights f WHERE a.carrier = f.carrier AND p.faa = f.dest",
     "Project  a.name AS name, p.name AS name   [retracts]\n"
     "└─ Inner join  hash  on: dest = faa   [retracts, state: all rows of the left side, and the table, without bound]\n"
     "   ├─ Project  name, dest   [retracts]\n"
     "   │  └─ Inner join  hash  on: a.carrier = f.carrier   [retracts, state: all rows of both sides, without bound]\n"
     "   │     ├─ Scan  airlines AS a (table)  columns: carrier, name   [retracts, key (carrier)]\n"
     "   │     └─ Scan  flights AS f (source)  columns: dest, carrier   [append-only]\n"
     "   └─ Scan  airports AS p (table)  columns: faa, name   [retracts, key (faa)]\n"},
    {"SELECT a.name FROM airlines a CROSS JOIN airports p WHERE a.carrier > p.faa",
     "Project  name   [retracts]\n"
     "└─ Inner join  nested  where: carrier > faa   [retracts, key (carrier, faa), state: the tables]\n"
     "   ├─ Scan  airlines AS a (table)  columns: carrier, name   [retracts, key (carrier)]\n"
     "   └─ Scan  airports AS p (table)  columns: faa   [retracts, key (faa)]\n"},
    {"SELECT f.flight FROM flights f SEMI JOIN airlines a ON f.carrier = a.carrier AND a.name = 'x' AND f.dest = 'LAX'",
     "Project  flight   [retracts]\n"
     "└─ Semi join  hash  on: f.carrier = a.carrier   [retracts, state: all rows of the left side, and the table, without bound]\n"
     "   ├─ Project  carrier, flight   [append-only]\n"
     "   │  └─ Filter  dest = 'LAX'   [append-only]\n"
     "   │     └─ Scan  flights AS f (source)  columns: dest, carrier, flight   [append-only]\n"
     "   └─ Project  carrier   [retracts, key (carrier)]\n"
     "      └─ Filter  name = 'x'   [retracts, key (carrier)]\n"
     "         └─ Scan  airlines AS a (table)  columns: carrier, name   [retracts, key (carrier)]\n"},
    {"SELECT * FROM airlines a LEFT ANTI JOIN flights f ON f.carrier = a.carrier",
     "Anti join  hash  on: a.carrier = f.carrier   [retracts, key (carrier), state: all rows of both sides, without bound]\n"
     "├─ Scan  airlines AS a (table)  columns: carrier, name   [retracts, key (carrier)]\n"
     "└─ Scan  flights AS f (source)  columns: carrier   [append-only]\n"},
    {"SELECT * FROM flights f RIGHT SEMI JOIN airlines a ON f.carrier = a.carrier",
     "Semi join  hash  on: a.carrier = f.carrier   [retracts, key (carrier), state: all rows of both sides, without bound]\n"
     "├─ Scan  airlines AS a (table)  columns: carrier, name   [retracts, key (carrier)]\n"
     "└─ Scan  flights AS f (source)  columns: carrier   [append-only]\n"},
    {"SELECT c.n, f.flight FROM clicks c JOIN flights f ON c.user_id = f.flight AND c.n = f.flight + 1",
     "Project  n, flight   [append-only]\n"
     "└─ Inner join  hash  on: user_id = flight AND n::BIGINT = flight::BIGINT + 1   [append-only, state: all rows of both sides, without bound]\n"
     "   ├─ Scan  clicks AS c (source)  columns: user_id, n   [append-only]\n"
     "   └─ Scan  flights AS f (source)  columns: flight   [append-only]\n"},
    {"SELECT f.flight, w.temp FROM flights f JOIN weather w ON f.origin = w.origin AND w.time BETWEEN f.time - INTERVAL '10' MINUTE AND f.time + INTERVAL '5' MINUTE",
     "Project  flight, temp   [append-only]\n"
     "└─ Inner join  interval  on: f.origin = w.origin  within: time - time in [-10 minutes, 5 minutes]   [append-only, event time time, state: rows that can still find a partner]\n"
     "   ├─ Scan  flights AS f (source)  columns: time, origin, flight   [append-only, event time time]\n"
     "   └─ Scan  weather AS w (source)  columns: time, origin, temp   [append-only, event time time]\n"},
    {"SELECT f.flight, w.temp FROM flights f JOIN weather w ON f.origin = w.origin WHERE f.time > w.time - INTERVAL '1' HOUR AND w.time > f.time AND w.temp > 3",
     "Project  flight, temp   [append-only]\n"
     "└─ Inner join  interval  on: f.origin = w.origin  within: time - time in [1 us, 59 minutes 59 seconds 999 ms 999 us]   [append-only, event time time, state: rows that can still find a partner]\n"
     "   ├─ Scan  flights AS f (source)  columns: time, origin, flight   [append-only, event time time]\n"
     "   └─ Filter  temp > 3.0   [append-only, event time time]\n"
     "      └─ Scan  weather AS w (source)  columns: time, origin, temp   [append-only, event time time]\n"},
    {"SELECT f.flight, w.temp FROM flights f LEFT JOIN weather w ON f.origin = w.origin AND w.time <= f.time + INTERVAL '5' MINUTE EMIT CHANGES",
     "Project  flight, temp   [retracts]\n"
     "└─ Left join  interval  on: f.origin = w.origin  within: time - time in (-∞, 5 minutes]  emit: ON UPDATE   [retracts, event time time, state: all rows of the right side, left ones that can still find a partner, without bound]\n"
     "   ├─ Scan  flights AS f (source)  columns: time, origin, flight   [append-only, event time time]\n"
     "   └─ Scan  weather AS w (source)  columns: time, origin, temp   [append-only, event time time]\n"},
    {"SELECT f.flight, w.temp FROM flights f JOIN weather w ON f.origin = w.origin AND w.time >= f.time",
     "Project  flight, temp   [append-only]\n"
     "└─ Inner join  interval  on: f.origin = w.origin  within: time - time in [0 seconds, ∞)   [append-only, state: all rows of the left side, right ones that can still find a partner, without bound]\n"
     "   ├─ Scan  flights AS f (source)  columns: time, origin, flight   [append-only, event time time]\n"
     "   └─ Scan  weather AS w (source)  columns: time, origin, temp   [append-only, event time time]\n"},
    {"SELECT f.flight, w.temp FROM flights f ASOF JOIN weather w ON f.origin = w.origin AND f.time >= w.time WHERE f.dest = 'LAX' AND w.temp > 0",
     "Project  flight, temp   [retracts]\n"
     "└─ Filter  temp > 0.0   [retracts, event time time]\n"
     "   └─ Inner join  asof  on: f.origin = w.origin  match: left time >= right time   [retracts, event time time, state: until the watermark passes, and the newest right row per key]\n"
     "      ├─ Project  time, origin, flight   [append-only, event time time]\n"
     "      │  └─ Filter  dest = 'LAX'   [append-only, event time time]\n"
     "      │     └─ Scan  flights AS f (source)  columns: time, origin, dest, flight   [append-only, event time time]\n"
     "      └─ Scan  weather AS w (source)  columns: time, origin, temp   [append-only, event time time]\n"},
    {"SELECT f.flight, w.temp FROM flights f ASOF LEFT JOIN weather w ON f.origin = w.origin AND w.time < f.time AND f.time - w.time <= INTERVAL '1' HOUR",
     "Project  flight, temp   [retracts]\n"
     "└─ Left join  asof  on: f.origin = w.origin  match: left time > right time within 1 hour   [retracts, event time time, state: until the watermark passes, and the newest right row per key]\n"
     "   ├─ Scan  flights AS f (source)  columns: time, origin, flight   [append-only, event time time]\n"
     "   └─ Scan  weather AS w (source)  columns: time, origin, temp   [append-only, event time time]\n"},
    {"SELECT f.flight, w.temp FROM flights f ASOF JOIN weather w MATCH_CONDITION (f.time <= w.time) ON f.origin = w.origin AND w.time <= f.time + INTERVAL '5' MINUTE",
     "Project  flight, temp   [retracts]\n"
     "└─ Inner join  asof  on: f.origin = w.origin  match: left time <= right time within 5 minutes   [retracts, event time time, state: until the watermark passes, and the newest right row per key]\n"
     "   ├─ Scan  flights AS f (source)  columns: time, origin, flight   [append-only, event time time]\n"
     "   └─ Scan  weather AS w (source)  columns: time, origin, temp   [append-only, event time time]\n"},
    {"SELECT f.flight, w.temp FROM flights f ASOF JOIN weather w MATCH_CONDITION (NEAREST(f.time, w.time)) USING (origin)",
     "Project  flight, temp   [retracts]\n"
     "└─ Inner join  asof  on: f.origin = w.origin  match: left time nearest right time   [retracts, state: until the watermark passes, and the newest right row per key]\n"
     "   ├─ Scan  flights AS f (source)  columns: time, origin, flight   [append-only, event time time]\n"
     "   └─ Scan  weather AS w (source)  columns: time, origin, temp   [append-only, event time time]\n"},
    {"SELECT f.flight, w.temp FROM flights f ASOF JOIN weather w USING (origin, time)",
     "Project  flight, temp   [retracts]\n"
     "└─ Inner join  asof  on: f.origin = w.origin  match: left time >= right time   [retracts, event time time, state: until the watermark passes, and the newest right row per key]\n"
     "   ├─ Scan  flights AS f (source)  columns: time, origin, flight   [append-only, event time time]\n"
     "   └─ Scan  weather AS w (source)  columns: time, origin, temp   [append-only, event time time]\n"},
    {"SELECT TUMBLE(f.time, INTERVAL '1' HOUR) AS w, a.name, count(*) FROM flights f JOIN airlines a ON f.carrier = a.carrier GROUP BY w, a.name",
     "Project  window_start AS w, name, count(*)   [append-only, key (w, name), event time w]\n"
     "└─ Aggregate  keys: name  window: TUMBLE 1 hour on time  aggs: count(*)  emit: ON WINDOW CLOSE   [append-only, key (window_start, name), event time window_start, state: until the watermark passes the window's end]\n"
     "   └─ Inner join  hash  on: f.carrier = a.carrier   [retracts, event time time, state: all rows of the left side, and the table, without bound]\n"
     "      ├─ Scan  flights AS f (source)  columns: time, carrier   [append-only, event time time]\n"
     "      └─ Scan  airlines AS a (table)  columns: carrier, name   [retracts, key (carrier)]\n"},
};

static const struct plan_case subqueries[] = {
    {"SELECT * FROM airlines WHERE carrier IN (SELECT carrier FROM flights WHERE dep_delay > 100)",
     "Semi join  hash  on: airlines.carrier = carrier   [retracts, key (carrier), state: all rows of both sides, without bound]\n"
     "├─ Scan  airlines (table)  columns: carrier, name   [retracts, key (carrier)]\n"
     "└─ Project  carrier   [append-only]\n"
     "   └─ Filter  dep_delay > 100.0   [append-only]\n"
     "      └─ Scan  flights (source)  columns: carrier, dep_delay   [append-only]\n"},
    {"SELECT * FROM airports WHERE faa NOT IN (SELECT origin FROM flights)",
     "Anti join  hash  on: faa = origin   [retracts, key (faa), state: all rows of both sides, without bound]\n"
     "├─ Scan  airports (table)  columns: faa, name, lat   [retracts, key (faa)]\n"
     "└─ Scan  flights (source)  columns: origin   [append-only]\n"},
    {"SELECT * FROM airports WHERE name NOT IN (SELECT dest FROM flights)",
     "Anti join  nested  where: name IS NULL   [retracts, key (faa), state: all rows of both sides, without bound]\n"
     "├─ Anti join  nested   [retracts, key (faa), state: all rows of both sides, without bound]\n"
     "│  ├─ Anti join  hash  on: name = dest   [retracts, key (faa), state: all rows of both sides, without bound]\n"
     "│  │  ├─ Scan  airports (table)  columns: faa, name, lat   [retracts, key (faa)]\n"
     "│  │  └─ Scan  flights (source)  columns: dest   [append-only]\n"
     "│  └─ Filter  count(*) > 0   [retracts, one row at most]\n"
     "│     └─ Aggregate  aggs: count(*)   [retracts, one row at most, state: one row]\n"
     "│        └─ Filter  dest IS NULL   [append-only]\n"
     "│           └─ Scan  flights (source)  columns: dest   [append-only]\n"
     "└─ Filter  count(*) > 0   [retracts, one row at most]\n"
     "   └─ Aggregate  aggs: count(*)   [retracts, one row at most, state: one row]\n"
     "      └─ Scan  flights (source)  columns: dest   [append-only]\n"},
    {"SELECT * FROM airlines a WHERE EXISTS (SELECT * FROM flights f WHERE f.carrier = a.carrier AND f.dest > a.name LIMIT 1)",
     "Semi join  hash  on: a.carrier = f.carrier  where: dest > name   [retracts, key (carrier), state: all rows of both sides, without bound]\n"
     "├─ Scan  airlines AS a (table)  columns: carrier, name   [retracts, key (carrier)]\n"
     "└─ Scan  flights AS f (source)  columns: dest, carrier   [append-only]\n"},
    {"SELECT * FROM airlines WHERE NOT EXISTS (SELECT 1 FROM flights WHERE flight = 1)",
     "Anti join  nested   [retracts, key (carrier), state: all rows of both sides, without bound]\n"
     "├─ Scan  airlines (table)  columns: carrier, name   [retracts, key (carrier)]\n"
     "└─ Filter  count(*) > 0   [retracts, one row at most]\n"
     "   └─ Aggregate  aggs: count(*)   [retracts, one row at most, state: one row]\n"
     "      └─ Project  1   [append-only]\n"
     "         └─ Filter  flight = 1   [append-only]\n"
     "            └─ Scan  flights (source)  columns: flight   [append-only]\n"},
    {"SELECT * FROM flights f WHERE (f.origin, f.carrier) IN (SELECT origin, carrier FROM flights WHERE flight = 1)",
     "Semi join  hash  on: f.origin = origin AND f.carrier = carrier   [append-only, state: all rows of both sides, without bound]\n"
     "├─ Scan  flights AS f (source)  columns: time, origin, dest, carrier, flight, dep_delay, tailnum   [append-only, event time time]\n"
     "└─ Project  origin, carrier   [append-only]\n"
     "   └─ Filter  flight = 1   [append-only]\n"
     "      └─ Scan  flights (source)  columns: origin, carrier, flight   [append-only]\n"},
    {"SELECT flight FROM flights WHERE origin = 'JFK' OR origin IN (SELECT faa FROM airports)",
     "Project  flight   [retracts]\n"
     "└─ Filter  origin = 'JFK' OR mark IS NOT NULL   [retracts]\n"
     "   └─ Left join  hash  on: origin = key   [retracts, state: all rows of the left side, and the table, without bound]\n"
     "      ├─ Scan  flights (source)  columns: origin, flight   [append-only]\n"
     "      └─ Project  key, true AS mark   [retracts, key (key)]\n"
     "         └─ Distinct  key   [retracts, key (key), state: one entry per distinct row]\n"
     "            └─ Scan  airports (table)  columns: faa   [retracts, key (faa)]\n"},
    {"SELECT flight, dest IN (SELECT faa FROM airports) FROM flights",
     "Project  flight, CASE WHEN mark IS NOT NULL THEN true WHEN count(*) = 0 THEN false WHEN dest IS NULL OR count(value) < count(*) THEN NULL ELSE false END AS dest IN (SELECT faa FROM airports)   [retracts]\n"
     "└─ Left join  nested   [retracts, state: all rows of the left side, and the table, without bound]\n"
     "   ├─ Project  dest, flight, mark   [retracts]\n"
     "   │  └─ Left join  hash  on: dest = key   [retracts, state: all rows of the left side, and the table, without bound]\n"
     "   │     ├─ Scan  flights (source)  columns: dest, flight   [append-only]\n"
     "   │     └─ Project  key, true AS mark   [retracts, key (key)]\n"
     "   │        └─ Distinct  key   [retracts, key (key), state: one entry per distinct row]\n"
     "   │           └─ Scan  airports (table)  columns: faa   [retracts, key (faa)]\n"
     "   └─ Aggregate  aggs: count(*), count(faa)   [retracts, one row at most, state: one row]\n"
     "      └─ Scan  airports (table)  columns: faa   [retracts, key (faa)]\n"},
    {"SELECT name, EXISTS (SELECT 1 FROM flights f WHERE f.carrier = a.carrier AND f.dep_delay > 5) FROM airlines a",
     "Project  name, mark IS NOT NULL AS EXISTS (SELECT 1 FROM flights AS f WHERE f.carrier = a.carrier AND f.dep_delay > 5)   [retracts]\n"
     "└─ Left join  hash  on: carrier = key   [retracts, key (carrier), state: all rows of both sides, without bound]\n"
     "   ├─ Scan  airlines AS a (table)  columns: carrier, name   [retracts, key (carrier)]\n"
     "   └─ Project  key, true AS mark   [append-only, key (key)]\n"
     "      └─ Distinct  key   [append-only, key (key), state: one entry per distinct row]\n"
     "         └─ Project  carrier AS key   [append-only]\n"
     "            └─ Filter  dep_delay > 5.0   [append-only]\n"
     "               └─ Scan  flights AS f (source)  columns: carrier, dep_delay   [append-only]\n"},
    {"SELECT name, (SELECT count(*) + 1 FROM flights f WHERE f.carrier = a.carrier) AS n FROM airlines a",
     "Project  name, coalesce(count(*), 0) + 1 AS n   [retracts]\n"
     "└─ Left join  hash  on: carrier = key   [retracts, key (carrier), state: all rows of both sides, without bound]\n"
     "   ├─ Scan  airlines AS a (table)  columns: carrier, name   [retracts, key (carrier)]\n"
     "   └─ Aggregate  keys: carrier  aggs: count(*)   [retracts, key (key), state: one row per key]\n"
     "      └─ Scan  flights AS f (source)  columns: carrier   [append-only]\n"},
    {"SELECT flight, (SELECT name FROM airlines a WHERE a.carrier = f.carrier) FROM flights f",
     "Project  flight, name AS (SELECT name FROM airlines AS a WHERE a.carrier = f.carrier)   [retracts]\n"
     "└─ Left join  hash  on: f.carrier = a.carrier   [retracts, state: all rows of the left side, and the table, without bound]\n"
     "   ├─ Scan  flights AS f (source)  columns: carrier, flight   [append-only]\n"
     "   └─ Project  name, carrier   [retracts, key (carrier)]\n"
     "      └─ Scan  airlines AS a (table)  columns: carrier, name   [retracts, key (carrier)]\n"},
    {"SELECT flight FROM flights WHERE dep_delay > (SELECT avg(dep_delay) FROM flights)",
     "Project  flight   [retracts]\n"
     "└─ Inner join  nested  where: dep_delay > avg(dep_delay)   [retracts, state: all rows of both sides, without bound]\n"
     "   ├─ Scan  flights (source)  columns: flight, dep_delay   [append-only]\n"
     "   └─ Aggregate  aggs: avg(dep_delay)   [retracts, one row at most, state: one row]\n"
     "      └─ Scan  flights (source)  columns: dep_delay   [append-only]\n"},
    {"SELECT carrier, sum(dep_delay) FROM flights GROUP BY carrier HAVING sum(dep_delay) > (SELECT avg(dep_delay) FROM flights)",
     "Project  carrier, sum(dep_delay)   [retracts, key (carrier)]\n"
     "└─ Inner join  nested  where: sum(dep_delay) > avg(dep_delay)   [retracts, key (carrier), state: all rows of both sides, without bound]\n"
     "   ├─ Aggregate  keys: carrier  aggs: sum(dep_delay)   [retracts, key (carrier), state: one row per carrier]\n"
     "   │  └─ Scan  flights (source)  columns: carrier, dep_delay   [append-only]\n"
     "   └─ Aggregate  aggs: avg(dep_delay)   [retracts, one row at most, state: one row]\n"
     "      └─ Scan  flights (source)  columns: dep_delay   [append-only]\n"},
    {"SELECT carrier, count(*), (SELECT name FROM airlines a WHERE a.carrier = f.carrier) FROM flights f GROUP BY carrier",
     "Project  carrier, count(*), name AS (SELECT name FROM airlines AS a WHERE a.carrier = f.carrier)   [retracts, key (carrier)]\n"
     "└─ Left join  hash  on: carrier = a.carrier   [retracts, key (carrier), state: all rows of the left side, and the table, without bound]\n"
     "   ├─ Aggregate  keys: carrier  aggs: count(*)   [retracts, key (carrier), state: one row per carrier]\n"
     "   │  └─ Scan  flights AS f (source)  columns: carrier   [append-only]\n"
     "   └─ Project  name, carrier   [retracts, key (carrier)]\n"
     "      └─ Scan  airlines AS a (table)  columns: carrier, name   [retracts, key (carrier)]\n"},
    {"SELECT flight = ANY (SELECT flight FROM flights WHERE origin = 'JFK') FROM flights",
     "Project  CASE WHEN mark IS NOT NULL THEN true WHEN count(*) = 0 THEN false WHEN flight IS NULL OR count(value) < count(*) THEN NULL ELSE false END AS flight = ANY (SELECT flight FROM flights WHERE origin = 'JFK')   [retracts]\n"
     "└─ Left join  nested   [retracts, state: all rows of both sides, without bound]\n"
     "   ├─ Project  flight, mark   [retracts]\n"
     "   │  └─ Left join  hash  on: flight = key   [retracts, state: all rows of both sides, without bound]\n"
     "   │     ├─ Scan  flights (source)  columns: flight   [append-only]\n"
     "   │     └─ Project  key, true AS mark   [append-only, key (key)]\n"
     "   │        └─ Distinct  key   [append-only, key (key), state: one entry per distinct row]\n"
     "   │           └─ Project  flight AS key   [append-only]\n"
     "   │              └─ Filter  origin = 'JFK'   [append-only]\n"
     "   │                 └─ Scan  flights (source)  columns: origin, flight   [append-only]\n"
     "   └─ Aggregate  aggs: count(*), count(flight)   [retracts, one row at most, state: one row]\n"
     "      └─ Project  flight   [append-only]\n"
     "         └─ Filter  origin = 'JFK'   [append-only]\n"
     "            └─ Scan  flights (source)  columns: origin, flight   [append-only]\n"},
};

static const struct plan_case creating[] = {
    {"CREATE STREAM x AS SELECT origin, count(*) AS n FROM flights GROUP BY origin EMIT CHANGES",
     "Aggregate  keys: origin  aggs: count(*)   [retracts, key (origin), state: one row per origin]\n"
     "└─ Scan  flights (source)  columns: origin   [append-only]\n"},
    {"CREATE MATERIALIZED VIEW x AS SELECT dest, delay FROM flights JOIN delays USING (origin)",
     "Project  dest, delay   [retracts]\n"
     "└─ Inner join  hash  on: flights.origin = delays.origin   [retracts, state: all rows of both sides, without bound]\n"
     "   ├─ Scan  flights (source)  columns: origin, dest   [append-only]\n"
     "   └─ Scan  delays (stream)  columns: origin, delay   [retracts, key (origin)]\n"},
    {"CREATE SINK x FROM flights WHERE dep_delay > 5",
     "Filter  dep_delay > 5.0   [append-only, event time time]\n"
     "└─ Scan  flights (source)  columns: time, origin, dest, carrier, flight, dep_delay, tailnum   [append-only, event time time]\n"},
    {"CREATE SINK x FROM (SELECT origin FROM flights) WHERE origin = 'JFK'",
     "Filter  origin = 'JFK'   [append-only]\n"
     "└─ Scan  flights (source)  columns: origin   [append-only]\n"},
    {"CREATE SINK x AS SELECT origin FROM flights",
     "Scan  flights (source)  columns: origin   [append-only]\n"},
    {"CREATE STREAM x AS SELECT origin FROM flights ORDER BY time",
     "Project  origin   [append-only]\n"
     "└─ Sort  by: order   [append-only, event time order, order is of one-shot answers only]\n"
     "   └─ Project  origin, time AS order   [append-only, event time order]\n"
     "      └─ Scan  flights (source)  columns: time, origin   [append-only, event time time]\n"},
    {"CREATE TABLE x AS SELECT origin, count(*) AS n FROM flights GROUP BY origin",
     "Aggregate  keys: origin  aggs: count(*)   [retracts, key (origin), state: one row per origin]\n"
     "└─ Scan  flights (source)  columns: origin   [append-only]\n"},
    {"INSERT INTO airports (lat, faa) VALUES (40, 'JFK'), ('41.5', 'LGA')",
     "Values  ('JFK', NULL, 40.0), ('LGA', NULL, 41.5)  columns: column1, column2, column3   [append-only]\n"},
    {"INSERT INTO airports SELECT origin, dest, flight FROM flights",
     "Project  origin AS faa, dest AS name, flight::DOUBLE AS lat   [append-only]\n"
     "└─ Scan  flights (source)  columns: origin, dest, flight   [append-only]\n"},
    {"INSERT INTO clicks DEFAULT VALUES",
     "Values  (NULL, NULL, NULL, NULL)  columns: column1, column2, column3, column4   [append-only, one row at most]\n"},
};

static void check(const struct plan_case *cases, size_t n, bool is_stream)
{
    struct fixture f;
    size_t n_wrong = 0;
    fixture_init(&f);
    fixture_flights(&f);
    for (size_t i = 0; i < n; i++) {
        char *text;
        laminar_status status = fixture_plan(&f, cases[i].sql, is_stream, false, &text);
        bool is_right = status == LAMINAR_OK && text && strcmp(text, cases[i].text) == 0;
        if (!is_right) {
            print_message("%s\n--- expected\n%s--- got\n%s\n", cases[i].sql, cases[i].text,
                          text ? text : f.err.message);
            n_wrong++;
        }
        mem_free(text);
    }
    fixture_deinit(&f);
    assert_int_equal(n_wrong, 0);
}

static void test_projection(void **state)
{
    (void)state;
    check(projection, ARRAY_LENGTH(projection), false);
}

static void test_ordering(void **state)
{
    (void)state;
    check(ordering, ARRAY_LENGTH(ordering), false);
}

static void test_aggregates(void **state)
{
    (void)state;
    check(aggregates, ARRAY_LENGTH(aggregates), true);
}

static void test_windows(void **state)
{
    (void)state;
    check(windows, ARRAY_LENGTH(windows), true);
}

static const struct plan_case timed_joins[] = {
    {"SELECT f.flight, w.temp FROM flights f LEFT JOIN weather FOR SYSTEM_TIME AS OF f.time AS w ON f.origin = w.origin",
     "Project  flight, temp   [retracts]\n"
     "└─ Left join  temporal  on: f.origin = w.origin  match: left time >= right time   [retracts, event time time, state: until the watermark passes, and the newest right row per key]\n"
     "   ├─ Scan  flights AS f (source)  columns: time, origin, flight   [append-only, event time time]\n"
     "   └─ Scan  weather AS w (source)  columns: time, origin, temp   [append-only, event time time]\n"},
    {"SELECT f.flight, a.name FROM flights f JOIN airlines FOR SYSTEM_TIME AS OF PROCTIME() AS a ON f.carrier = a.carrier",
     "Project  flight, name   [append-only]\n"
     "└─ Inner join  lookup  on: f.carrier = a.carrier   [append-only, state: the right side]\n"
     "   ├─ Scan  flights AS f (source)  columns: carrier, flight   [append-only]\n"
     "   └─ Scan  airlines AS a (table)  columns: carrier, name   [retracts, key (carrier)]\n"},
    {"SELECT f.flight, p.offset_ms, w.temp FROM flights f TEMPORAL PROBE JOIN weather w ON (origin) TIMESTAMPS (time, time) LIST (0s, 2s) AS p",
     "Project  flight, offset_ms, temp   [retracts]\n"
     "└─ Left join  temporal  on: f.origin = w.origin  match: left time + offset >= right time   [retracts, event time time, state: until the watermark passes, and the newest right row per key]\n"
     "   ├─ Cross join  lookup   [append-only, event time time, state: the constant rows]\n"
     "   │  ├─ Scan  flights AS f (source)  columns: time, origin, flight   [append-only, event time time]\n"
     "   │  └─ Values  (0, INTERVAL '00:00:00'), (2000, INTERVAL '00:00:02')  columns: offset_ms, offset   [append-only]\n"
     "   └─ Scan  weather AS w (source)  columns: time, origin, temp   [append-only, event time time]\n"},
};

static void test_joins(void **state)
{
    (void)state;
    check(joins, ARRAY_LENGTH(joins), true);
    check(timed_joins, ARRAY_LENGTH(timed_joins), true);
}

static void test_subqueries(void **state)
{
    (void)state;
    check(subqueries, ARRAY_LENGTH(subqueries), false);
}

static void test_creating(void **state)
{
    (void)state;
    check(creating, ARRAY_LENGTH(creating), true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_projection), cmocka_unit_test(test_ordering),
        cmocka_unit_test(test_aggregates), cmocka_unit_test(test_windows),
        cmocka_unit_test(test_joins),      cmocka_unit_test(test_subqueries),
        cmocka_unit_test(test_creating),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
