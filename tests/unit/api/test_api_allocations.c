/* test_api_allocations.c - statements of all sorts with each allocation failing in turn: they fail with LAMINAR_OUT_OF_MEMORY and change nothing, and the
 * database goes on. Leaks are the sanitizer's to find. */
#include "allocations.h"

static const char *const queries[] = {
    "SELECT x FROM t INTERSECT ALL SELECT a FROM u",
    "SELECT x FROM t EXCEPT SELECT b FROM u ORDER BY 1 LIMIT 2",
    "SELECT x, w, count(*), grouping(x) FROM t GROUP BY CUBE (x, w) HAVING count(*) > 0",
    "SELECT k, y FROM t, UNNEST([x, k], ['a', w]) WITH ORDINALITY AS v(y, z, o)",
    "SELECT g, unnest([g, 2]) FROM generate_series(1, 3000) AS s(g)",
    "SELECT d FROM generate_series(TIMESTAMP '2026-01-01', TIMESTAMP '2026-02-01', INTERVAL '1' DAY) AS s(d)",
    "WITH RECURSIVE r AS (SELECT 1 AS n, 'a string that is not inline' AS s UNION ALL SELECT n + 1, s FROM r JOIN t ON t.k >= 1 AND n < 4) SELECT count(*) FROM r",
    "WITH RECURSIVE r AS (SELECT k FROM t UNION SELECT b FROM r JOIN u ON a = k) SELECT k FROM r",
    "SELECT k, (SELECT max(b) FROM u WHERE a > t.x) FROM t WHERE EXISTS (SELECT 1 FROM u WHERE b > t.k ORDER BY a LIMIT 1 OFFSET 1)",
    "SELECT k, x IN (SELECT a FROM u WHERE b > k), x < ANY (SELECT b FROM u), (k, x) NOT IN (SELECT a, b FROM u) FROM t",
    "SELECT t.k, q.n FROM t LEFT JOIN LATERAL (SELECT count(*) AS n FROM u WHERE a <> t.x) q ON true",
    "SELECT t.k FROM t LEFT JOIN u ON t.x = u.a AND u.b IN (SELECT k FROM t)",
    "EXPLAIN ANALYZE (FORMAT json) SELECT x, count(*) FROM t GROUP BY ROLLUP (x)",
    "DESCRIBE EXTENDED t",
};
static const char *const changes[] = {
    "UPDATE t SET x = b, w = w || ' and a longer text' FROM u WHERE a = k",
    "UPDATE t SET x = (SELECT max(b) FROM u WHERE u.a = t.k)",
    "DELETE FROM t USING u WHERE a = k",
    "FETCH 2 FROM c",
    "FETCH ALL FROM d",
};

static laminar_db *open_tables(void)
{
    laminar_db *db = open_db();
    run(db, "CREATE TABLE t (k BIGINT PRIMARY KEY, x BIGINT, w VARCHAR)");
    run(db, "CREATE TABLE u (a BIGINT, b BIGINT)");
    run(db,
        "INSERT INTO t VALUES (1, 1, 'a'), (2, NULL, 'a text that is not inline'), (3, 2, NULL)");
    run(db, "INSERT INTO u VALUES (1, 2), (2, 3), (1, 2), (NULL, 1)");
    return db;
}

static void test_queries(void **state)
{
    (void)state;
    laminar_db *db = open_tables();
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) survive(db, queries[i]);
    expect_rows(db, "SELECT count(*), sum(x) FROM t", "3,3");
    laminar_db_free(db);
}

static void test_changes(void **state)
{
    (void)state;
    laminar_db *db = open_tables();
    run(db, "CREATE STREAM sums AS SELECT x, count(*) AS n FROM t GROUP BY x");
    run(db, "DECLARE c CURSOR FOR SELECT * FROM t");
    run(db, "DECLARE d CURSOR FOR SUBSCRIBE t");
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) survive(db, changes[i]);
    laminar_db_free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
