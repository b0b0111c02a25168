/* test_api_steady.c - a steady pipeline allocates nothing: from a writer's flush to the subscribers' queues, through a filter, a
 * running aggregate, windows that close, joins with a table, and streams on streams. */
#include "base/mem.h"
#include "unit.h"
#include <laminar/laminar.h>
#include <stdio.h>

enum { WARM_UP = 20000, MEASURED = 1000 };

static void run(laminar_db *db, const char *sql)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    if (laminar_execute(db, sql, NULL, &err)) fail_msg("%s: %s", sql, err.message);
}

static void drain(laminar_subscription *sub)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_result *result = NULL;
    while (laminar_subscription_next(sub, 0, &result, &err) == LAMINAR_OK && result) {
        laminar_result_free(result);
        result = NULL;
    }
}

static void append(laminar_writer *writer, int64_t i, int64_t key)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    assert_int_equal(laminar_writer_set_timestamp(writer, 0, 1767225600 + i / 10, 0, &err),
                     LAMINAR_OK);
    assert_int_equal(laminar_writer_set_int64(writer, 1, key, &err), LAMINAR_OK);
    assert_int_equal(laminar_writer_set_double(writer, 2, (double)(i % 17), &err), LAMINAR_OK);
    assert_int_equal(laminar_writer_set_text(writer, 3, "a text that is not inline", 25, &err),
                     LAMINAR_OK);
    assert_int_equal(laminar_writer_end_row(writer, &err), LAMINAR_OK);
}

/* Allocations of MEASURED flushes of `n_rows` rows each, after a warm-up. */
static void expect_steady(const char *setup, const char *query, int n_rows)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = NULL;
    laminar_writer *writer = NULL;
    laminar_subscription *sub = NULL;
    char sql[1024];
    assert_int_equal(laminar_open(":memory:", NULL, &db, &err), LAMINAR_OK);
    run(db,
        "CREATE SOURCE s (ts TIMESTAMP, k BIGINT, v DOUBLE, w VARCHAR, WATERMARK FOR ts) WITH ('retention' = '1000 rows')");
    if (setup) run(db, setup);
    snprintf(sql, sizeof sql, "CREATE STREAM x AS %s WITH ('retention' = '1000 rows')", query);
    run(db, sql);
    assert_int_equal(laminar_start(db, &err), LAMINAR_OK);
    assert_int_equal(laminar_subscribe(db, "x", NULL, &sub, &err), LAMINAR_OK);
    assert_int_equal(laminar_writer_create(db, "s", NULL, &writer, &err), LAMINAR_OK);
    uint64_t n_allocations = 0;
    int64_t row = 0;
    for (int i = 0; i < WARM_UP + MEASURED; i++) {
        for (int k = 0; k < n_rows; k++, row++) append(writer, row, row % 20);
        uint64_t before = mem_allocation_count();
        assert_int_equal(laminar_writer_flush(writer, NULL, &err), LAMINAR_OK);
        if (i >= WARM_UP) n_allocations += mem_allocation_count() - before;
        drain(sub);
    }
    if (n_allocations)
        fail_msg("%d allocations in %d steps of %d rows: %s", (int)n_allocations, MEASURED, n_rows,
                 query);
    laminar_writer_free(writer);
    laminar_subscription_free(sub);
    laminar_db_free(db);
}

static void test_filter(void **state)
{
    (void)state;
    expect_steady(NULL, "SELECT k, v * 2 AS v2, w FROM s WHERE v > 3", 1);
    expect_steady(NULL, "SELECT k, v * 2 AS v2, w FROM s WHERE v > 3", 100);
}

static void test_aggregate(void **state)
{
    (void)state;
    expect_steady(NULL, "SELECT k, count(*) AS n, sum(v) AS sv, max(w) AS mw FROM s GROUP BY k", 1);
    expect_steady(NULL, "SELECT k, count(*) AS n, sum(v) AS sv, max(w) AS mw FROM s GROUP BY k",
                  100);
}

static void test_window(void **state)
{
    (void)state;
    const char *query =
        "SELECT TUMBLE(ts, INTERVAL '10' SECOND) AS win, k, count(*) AS n, sum(v) AS sv FROM s "
        "GROUP BY TUMBLE(ts, INTERVAL '10' SECOND), k EMIT ON WINDOW CLOSE";
    expect_steady(NULL, query, 1);
    expect_steady(NULL, query, 100);
}

static void test_stack(void **state)
{
    (void)state;
    expect_steady(
        "CREATE STREAM a AS SELECT k, v FROM s WHERE v > 1 WITH ('retention' = '1000 rows'); "
        "CREATE STREAM b AS SELECT k, sum(v) AS sv FROM a GROUP BY k",
        "SELECT max(sv) AS m, count(*) AS n FROM b", 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_aggregate),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
