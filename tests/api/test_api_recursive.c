/* test_api_recursive.c - WITH RECURSIVE in one-shot queries: rounds, sets, what the recursive part reads besides, and its ends. */
#include "api_test.h"
#include <pthread.h>
#include <time.h>

#define R "WITH RECURSIVE r AS "

static laminar_db *open_graph(void)
{
    laminar_db *db = open_db();
    run(db, "CREATE TABLE edges (a BIGINT, b BIGINT, PRIMARY KEY (a, b))");
    run(db, "INSERT INTO edges VALUES (1, 2), (2, 3), (3, 1), (3, 4), (4, 5), (8, 9)");
    return db;
}

static void test_counting(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    expect_rows(
        db,
        R "(SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 4) SELECT n FROM r ORDER BY n",
        "1;2;3;4");
    expect_rows(
        db,
        "WITH RECURSIVE f(a, b) AS (SELECT 0, 1 UNION ALL SELECT b, a + b FROM f WHERE b < 20) "
        "SELECT max(a), count(*) FROM f",
        "13,8");
    /* more rows than a chunk in a round, and more rounds than a chunk has rows */
    expect_rows(
        db,
        R
        "(SELECT g AS n FROM generate_series(1, 5000) AS x(g) UNION ALL SELECT n + 5000 FROM r WHERE n <= 15000) "
        "SELECT count(*), sum(n), max(n) FROM r",
        "20000,200010000,20000");
    expect_rows(
        db,
        R
        "(SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 30000) SELECT count(*), sum(n) FROM r",
        "30000,450015000");
    expect_rows(
        db,
        R
        "(SELECT 'a' AS s UNION ALL SELECT s || 'long enough not to be inline' FROM r WHERE length(s) < 50) "
        "SELECT max(length(s)) FROM r",
        "57");
    laminar_db_free(db);
}

static void test_reachable(void **state)
{
    (void)state;
    laminar_db *db = open_graph();
    expect_rows(
        db,
        R "(SELECT 1 AS n UNION SELECT b FROM r JOIN edges ON a = n) SELECT n FROM r ORDER BY n",
        "1;2;3;4;5");
    expect_rows(
        db,
        R
        "(SELECT 1 AS n, 0 AS d UNION ALL SELECT b, d + 1 FROM r JOIN edges ON a = n WHERE d < 4) "
        "SELECT n, min(d) FROM r GROUP BY n ORDER BY n",
        "1,0;2,1;3,2;4,3;5,4");
    /* edges read through a subquery, a filter that concerns them alone, and a LEFT JOIN */
    expect_rows(
        db,
        R
        "(SELECT 1 AS n UNION SELECT b FROM r LEFT JOIN (SELECT a, b FROM edges WHERE b <> 1) e ON e.a = r.n) "
        "SELECT n FROM r ORDER BY n NULLS LAST",
        "1;2;3;4;5;null");
    expect_rows(
        db,
        R
        "(SELECT a AS n FROM edges UNION SELECT n + 1 FROM r WHERE n NOT IN (SELECT b FROM edges)) "
        "SELECT n FROM r ORDER BY n",
        "1;2;3;4;8;9");
    expect_rows(
        db,
        "WITH RECURSIVE p AS (SELECT 1 AS n UNION SELECT b FROM p JOIN edges ON a = n), "
        "q AS (SELECT n FROM p UNION SELECT n * 10 FROM q WHERE n < 10) SELECT count(*) FROM q",
        "10");
    laminar_db_free(db);
}

static void test_ends(void **state)
{
    (void)state;
    laminar_db *db = open_graph();
    expect_error(db, R "(SELECT 1 AS n UNION ALL SELECT n FROM r) SELECT count(*) FROM r",
                 LAMINAR_QUERY_FAILED, "has not ended after 1000000 rounds",
                 "UNION instead of UNION ALL");
    expect_error(db, R "(SELECT 3 AS n UNION ALL SELECT 1 / (n - 3) FROM r) SELECT n FROM r",
                 LAMINAR_QUERY_FAILED, "division by zero", NULL);
    expect_error(
        db,
        "CREATE STREAM s AS " R
        "(SELECT a AS n FROM edges UNION SELECT b FROM r JOIN edges ON a = n) SELECT n FROM r",
        LAMINAR_QUERY_UNSUPPORTED, "a stream can't be recursive", "when it is asked for");
    /* the database is as it was */
    expect_rows(db, "SELECT count(*) FROM edges", "6");
    laminar_db_free(db);
}

static void *shut_down(void *db)
{
    struct timespec pause = {.tv_nsec = 20000000};
    nanosleep(&pause, NULL);
    laminar_shutdown(db, NULL);
    return NULL;
}

static void test_shutdown_ends_it(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    pthread_t thread;
    laminar_error err = LAMINAR_ERROR_INIT;
    assert_int_equal(pthread_create(&thread, NULL, shut_down, db), 0);
    /* a thousand rows for each of many rounds: far longer than the other thread waits */
    laminar_status status = laminar_execute(
        db,
        R
        "(SELECT g AS n FROM generate_series(1, 1000) AS x(g) UNION ALL SELECT n FROM r) SELECT max(n) FROM r",
        NULL, &err);
    pthread_join(thread, NULL);
    assert_true(status != LAMINAR_OK);
    laminar_db_free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counting),
        cmocka_unit_test(test_reachable),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_shutdown_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
