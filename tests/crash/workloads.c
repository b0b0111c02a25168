/* workloads.c - scripts for the crash tests: every statement that changes something, operators of every kind with state, checkpoints in between. */
#include "crash_test.h"

static const char *const tables[] = {
    "CREATE TABLE t (k BIGINT PRIMARY KEY, name VARCHAR)",
    "INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, NULL)",
    "INSERT INTO t VALUES (2, 'zwei, das ist ein langer Text, der nicht in die Zeile passt')",
    "CREATE TABLE bag (x DOUBLE, y VARCHAR)",
    "INSERT INTO bag VALUES (1.5, 'a'), (1.5, 'a'), (NULL, 'b')",
    "DELETE FROM t WHERE k = 1",
    "CREATE MATERIALIZED VIEW names AS SELECT upper(name) AS n, k * 10 AS k10 FROM t WHERE k > 1",
    "UPDATE t SET name = 'drei' WHERE k = 3",
    "CHECKPOINT",
    "INSERT INTO t SELECT k + 10, name FROM t",
    "DELETE FROM bag WHERE y = 'a'",
    "CREATE TABLE copied (k BIGINT, name VARCHAR)",
    "INSERT INTO copied SELECT k, name FROM t",
    "DROP TABLE bag",
    "CREATE OR REPLACE MATERIALIZED VIEW names AS SELECT lower(name) AS n FROM t",
    "SET on_error = 'null'",
    "INSERT INTO t VALUES (100, 'hundred')",
    "CHECKPOINT",
    "UPDATE t SET name = name || '!' WHERE k > 11",
    "DROP TABLE t CASCADE",
    "INSERT INTO copied VALUES (7, 'seven')",
    NULL};

#define SOURCE                                                                                     \
    "CREATE SOURCE s (id BIGINT, k BIGINT, v BIGINT, w VARCHAR, ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '2' SECOND)"
#define ROWS1                                                                                      \
    "INSERT INTO s VALUES (1, 1, 10, 'a', '2026-01-01 00:00:01'), (2, 2, 20, 'a longer text than fits', '2026-01-01 00:00:02'), (3, 1, NULL, NULL, '2026-01-01 00:00:03')"
#define ROWS2 "INSERT INTO s VALUES (4, 3, 5, 'c', '2026-01-01 00:00:11')"
#define ROWS3                                                                                      \
    "INSERT INTO s VALUES (5, 2, 7, 'a', '2026-01-01 00:00:12'), (6, 1, 1, 'b', '2026-01-01 00:00:05')"
#define ROWS4                                                                                      \
    "INSERT INTO s VALUES (7, 1, 9, 'z', '2026-01-01 00:00:31'), (8, 4, 40, 'a longer text than fits', '2026-01-01 00:00:33')"

static const char *const aggregates[] = {
    SOURCE,
    "CREATE STREAM sums AS SELECT k, count(*) AS n, sum(v) AS s, avg(v) AS a, min(w) AS w FROM s GROUP BY k",
    ROWS1,
    "CREATE STREAM total AS SELECT count(*) AS n, max(v) AS m, string_agg(w, ',') AS ws FROM s",
    ROWS2,
    "CHECKPOINT",
    "CREATE STREAM medians AS SELECT k, median(v) AS m, count(DISTINCT w) AS d FROM s GROUP BY k",
    ROWS3,
    "CREATE STREAM of_sums AS SELECT n, count(*) AS groups FROM sums GROUP BY n",
    "CREATE STREAM distincts AS SELECT DISTINCT w FROM s",
    ROWS4,
    "CHECKPOINT",
    "CREATE STREAM top AS SELECT id, v FROM s ORDER BY v DESC, id LIMIT 3",
    "INSERT INTO s VALUES (9, 9, 99, 'nine', '2026-01-01 00:01:00')",
    "DROP STREAM of_sums",
    "INSERT INTO s VALUES (10, 9, 100, NULL, '2026-01-01 00:01:01')",
    NULL};

static const char *const windows[] = {
    SOURCE,
    "CREATE STREAM tumbling AS SELECT k, TUMBLE_START(ts, INTERVAL '10' SECOND) AS w, count(*) AS n, sum(v) AS s FROM s "
    "GROUP BY k, TUMBLE(ts, INTERVAL '10' SECOND) EMIT ON WINDOW CLOSE",
    "CREATE STREAM hopping AS SELECT HOP_START(ts, INTERVAL '5' SECOND, INTERVAL '10' SECOND) AS w, count(*) AS n, max(w) AS m FROM s "
    "GROUP BY HOP(ts, INTERVAL '5' SECOND, INTERVAL '10' SECOND) EMIT ON WINDOW CLOSE",
    ROWS1,
    "CREATE STREAM updating AS SELECT TUMBLE_START(ts, INTERVAL '10' SECOND) AS w, count(*) AS n FROM s "
    "GROUP BY TUMBLE(ts, INTERVAL '10' SECOND) EMIT ON UPDATE",
    /* shares the operators of the one before, which goes first */
    "CREATE STREAM shared AS SELECT w, n + 1 AS n1 FROM (SELECT TUMBLE_START(ts, INTERVAL '10' SECOND) AS w, count(*) AS n FROM s "
    "GROUP BY TUMBLE(ts, INTERVAL '10' SECOND)) x EMIT ON UPDATE",
    ROWS2, "CHECKPOINT", ROWS3, "DROP STREAM updating", ROWS4, "CHECKPOINT",
    "INSERT INTO s VALUES (9, 1, 1, 'late', '2026-01-01 00:00:01')",
    "INSERT INTO s VALUES (10, 2, 3, 'last', '2026-01-01 00:02:01')", NULL};

static const char *const joins[] = {
    SOURCE,
    "CREATE TABLE t (k BIGINT PRIMARY KEY, name VARCHAR)",
    "CREATE SOURCE r (rk BIGINT, rid BIGINT, rts TIMESTAMP, WATERMARK FOR rts)",
    "CREATE STREAM inner_join AS SELECT s.id, r.rid FROM s JOIN r ON s.k = r.rk",
    "CREATE STREAM outer_join AS SELECT s.id, t.name FROM s LEFT JOIN t ON s.k = t.k",
    ROWS1,
    "INSERT INTO t VALUES (1, 'one'), (3, 'three')",
    "CHECKPOINT",
    "CREATE STREAM full_join AS SELECT s.id, t.k, t.name FROM s FULL JOIN t ON s.k = t.k",
    "CREATE STREAM asof AS SELECT s.id, r.rid FROM s ASOF LEFT JOIN r ON s.k = r.rk AND s.ts >= r.rts",
    "INSERT INTO r VALUES (1, 11, '2026-01-01 00:00:02'), (2, 12, '2026-01-01 00:00:01')",
    ROWS2,
    "INSERT INTO t VALUES (1, 'eins'), (2, 'zwei')",
    "CHECKPOINT",
    "CREATE STREAM semi AS SELECT id FROM s WHERE k IN (SELECT rk FROM r)",
    ROWS3,
    "DELETE FROM t WHERE k = 3",
    "INSERT INTO r VALUES (3, 13, '2026-01-01 00:00:03')",
    "CREATE STREAM ranged AS SELECT s.id, r.rid FROM s JOIN r ON s.k = r.rk AND r.rts BETWEEN s.ts - INTERVAL '10' SECOND AND s.ts",
    ROWS4,
    "INSERT INTO r VALUES (4, 14, '2026-01-01 00:00:32')",
    NULL};

static const char *const keyed[] = {
    "CREATE SOURCE ks (k BIGINT PRIMARY KEY, g BIGINT, v DOUBLE)",
    "CREATE MATERIALIZED VIEW by_group AS SELECT g, count(*) AS n, sum(v) AS s, max(v) AS m FROM ks GROUP BY g",
    "CREATE STREAM filtered AS SELECT k, v * 2 AS vv FROM ks WHERE v > 1",
    "INSERT INTO ks VALUES (1, 1, 1.5), (2, 1, 2.5), (3, 2, 0.5)",
    "INSERT INTO ks VALUES (1, 2, 9), (4, 2, NULL)",
    "CHECKPOINT",
    "CREATE STREAM stacked AS SELECT n, count(*) AS c FROM by_group GROUP BY n",
    "DELETE FROM ks WHERE k = 2",
    "UPDATE ks SET v = v + 1 WHERE g = 2",
    "CREATE STREAM unioned AS SELECT k FROM ks WHERE g = 1 UNION ALL SELECT g FROM by_group",
    "INSERT INTO ks VALUES (5, 1, 5), (6, 1, 6)",
    "CHECKPOINT",
    "CREATE STREAM best AS SELECT k, v FROM ks ORDER BY v DESC NULLS LAST, k LIMIT 2",
    "UPDATE ks SET g = 3 WHERE k >= 4",
    "DELETE FROM ks",
    "INSERT INTO ks VALUES (7, 7, 7)",
    NULL};

static const char *const others[] = {
    SOURCE,
    "CREATE SOURCE r (k BIGINT, rid BIGINT, rts TIMESTAMP, WATERMARK FOR rts)",
    "CREATE STREAM sessions AS SELECT k, SESSION_START(ts, INTERVAL '5' SECOND) AS w, count(*) AS n, sum(v) AS s FROM s "
    "GROUP BY k, SESSION(ts, INTERVAL '5' SECOND) EMIT ON UPDATE",
    "CREATE STREAM ranks AS SELECT k, id, row_number() OVER (PARTITION BY k ORDER BY id DESC) AS n, sum(v) OVER (PARTITION BY k ORDER BY id) AS s FROM s",
    ROWS1,
    "CREATE STREAM both AS SELECT k FROM s INTERSECT SELECT k FROM r",
    "CREATE STREAM sets AS SELECT k, w, count(*) AS n FROM s GROUP BY GROUPING SETS ((k), (w), ())",
    "INSERT INTO r VALUES (1, 11, '2026-01-01 00:00:02'), (2, 12, '2026-01-01 00:00:01')",
    ROWS2,
    "CHECKPOINT",
    "CREATE STREAM versions AS SELECT s.id, r.rid FROM s LEFT JOIN r FOR SYSTEM_TIME AS OF s.ts ON s.k = r.k",
    "CREATE STREAM probed AS SELECT s.id, p.offset_ms, r.rid FROM s TEMPORAL PROBE JOIN r ON (k) TIMESTAMPS (ts, rts) LIST (0s, 5s) AS p",
    ROWS3,
    "CREATE STREAM growing AS SELECT CUMULATE_START(ts, INTERVAL '5' SECOND, INTERVAL '20' SECOND) AS w, count(*) AS n FROM s "
    "GROUP BY CUMULATE(ts, INTERVAL '5' SECOND, INTERVAL '20' SECOND) EMIT ON WINDOW CLOSE",
    "INSERT INTO r VALUES (3, 13, '2026-01-01 00:00:03'), (1, 15, '2026-01-01 00:00:04')",
    "CHECKPOINT",
    "CREATE STREAM parts AS SELECT id, u.x FROM s, UNNEST([id, k]) AS u(x)",
    ROWS4,
    "INSERT INTO r VALUES (4, 14, '2026-01-01 00:01:32')",
    "INSERT INTO s VALUES (9, 1, 1, 'last', '2026-01-01 00:01:31')",
    NULL};

static const char *const sinks[] = {
    SOURCE,
    ROWS1,
    "CREATE SINK plain FROM s INTO file (path = '/out.csv')",
    "CREATE STREAM sums AS SELECT k, sum(v) AS s FROM s GROUP BY k",
    ROWS2,
    "CREATE SINK changes FROM sums INTO file (path = '/out.json')",
    ROWS3,
    "CHECKPOINT",
    ROWS4,
    "INSERT INTO s VALUES (9, 1, 1, 'x', '2026-01-01 00:01:00'), (10, 1, 1, 'y', '2026-01-01 00:01:00')",
    "CHECKPOINT",
    "INSERT INTO s VALUES (11, 2, 2, 'z', '2026-01-01 00:01:05')",
    "DROP SINK plain",
    "INSERT INTO s VALUES (12, 5, 2, 'z', '2026-01-01 00:01:07')",
    "CREATE SINK again FROM s INTO file (path = '/out.csv')",
    "INSERT INTO s VALUES (13, 5, 2, 'last', '2026-01-01 00:01:08')",
    NULL};

/* What EMIT EVERY holds back comes out when its time is there, in front of a checkpoint (aggregates only) and at the end; once each. The clock only goes
 * forward, so it stands in the next century, as seen from the rows. */
static const char *const periods[] = {
    "SET clock = '2126-01-01 00:00:00.5'",
    SOURCE,
    "CREATE STREAM sums AS SELECT k, count(*) AS n, sum(v) AS s FROM s GROUP BY k EMIT EVERY INTERVAL '10' SECOND",
    "CREATE SINK changes FROM sums INTO file (path = '/out.json')",
    "CREATE STREAM pairs AS SELECT a.id, b.id AS other FROM s a JOIN s b ON a.k = b.k EMIT EVERY INTERVAL '10' SECOND",
    "CREATE SINK plain FROM pairs INTO file (path = '/out.csv')",
    "CREATE STREAM recent AS SELECT id, w FROM s WHERE ts + INTERVAL '36524' DAY > now() - INTERVAL '15' SECOND",
    ROWS1,
    "CHECKPOINT",
    ROWS2,
    "SET clock = '2126-01-01 00:00:12'",
    ROWS3,
    "CHECKPOINT",
    "SET clock = '2126-01-01 00:00:26.25'",
    ROWS4,
    NULL};

const struct workload workloads[] = {{"tables", tables, false},   {"aggregates", aggregates, false},
                                     {"windows", windows, false}, {"joins", joins, false},
                                     {"keyed", keyed, false},     {"sinks", sinks, false},
                                     {"periods", periods, true},  {"others", others, false}};
const size_t n_workloads = sizeof workloads / sizeof *workloads;
