/* test_api_time.c - what happens because time passes: EMIT EVERY, with a clock that the test sets, and timers with the real one. */
#include "api_test.h"
#include <time.h>

static void set_clock(laminar_db *db, const char *time)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SET clock = '2026-01-01 %s'", time);
    run(db, sql);
}

/* Nothing is waiting. */
static void expect_none(laminar_subscription *sub)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_result *result = NULL;
    laminar_status status = laminar_subscription_next(sub, 0, &result, &err);
    if (status == LAMINAR_OK && result) {
        char *text = text_of_result(result);
        fail_msg("delivered %s, expected nothing", text);
    }
    assert_int_equal(status, LAMINAR_SUBSCRIPTION_TIMEOUT);
}

static laminar_subscription *changes_of(laminar_db *db, const char *name)
{
    laminar_subscribe_options options = {.struct_size = sizeof options, .with_changes = true};
    return subscribe(db, name, &options);
}

static void test_emit_every_on_an_aggregate(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    set_clock(db, "00:00:00.5");
    run(db, "CREATE SOURCE s (k BIGINT, v BIGINT)");
    run(db,
        "CREATE STREAM g AS SELECT k, sum(v) AS t FROM s GROUP BY k EMIT EVERY INTERVAL '1' SECOND");
    laminar_subscription *sub = changes_of(db, "g");
    run(db, "INSERT INTO s VALUES (1, 10), (2, 20)");
    run(db, "INSERT INTO s VALUES (1, 1)");
    expect_none(sub);
    expect_rows(db, "SELECT * FROM g", ""); /* readers see what was put out */
    set_clock(db, "00:00:00.9");
    expect_none(sub);
    set_clock(db, "00:00:01");
    expect_next(sub, "1,11,1;2,20,1");
    expect_rows(db, "SELECT * FROM g ORDER BY k", "1,11;2,20");
    run(db, "INSERT INTO s VALUES (1, 5)");
    run(db, "INSERT INTO s VALUES (2, 7), (2, -7)");
    /* who subscribes while changes are held has what was put out, then the changes */
    laminar_subscribe_options options = {
        .struct_size = sizeof options, .with_changes = true, .with_snapshot = true};
    laminar_subscription *late = subscribe(db, "g", &options);
    expect_next(late, "1,11,1;2,20,1");
    set_clock(db, "00:00:03");
    expect_next(sub, "1,11,-1;1,16,1");
    expect_next(late, "1,11,-1;1,16,1");
    set_clock(db, "00:00:09");
    expect_none(sub);
    laminar_subscription_free(late);
    laminar_subscription_free(sub);
    laminar_db_free(db);
}

/* Joins, projections, unions, aggregates that are joined: the changes of all parts come out together, net. */
static void test_emit_every_on_anything(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    set_clock(db, "00:00:00");
    run(db, "CREATE SOURCE s (k BIGINT, v BIGINT)");
    run(db, "CREATE TABLE t (k BIGINT PRIMARY KEY, name VARCHAR)");
    run(db,
        "CREATE STREAM p AS SELECT k, v * 2 AS w FROM s WHERE v > 0 EMIT PERIODICALLY INTERVAL '2' SECOND");
    run(db,
        "CREATE STREAM j AS SELECT s.v, t.name FROM s JOIN t ON s.k = t.k EMIT EVERY INTERVAL '2' SECOND");
    run(db,
        "CREATE STREAM both AS SELECT a.n, b.t FROM (SELECT k, count(*) AS n FROM s GROUP BY k) a "
        "JOIN (SELECT k, sum(v) AS t FROM s GROUP BY k) b ON a.k = b.k EMIT EVERY 2000");
    laminar_subscription *p = changes_of(db, "p"), *j = changes_of(db, "j"),
                         *both = changes_of(db, "both");
    run(db, "INSERT INTO t VALUES (1, 'one')");
    run(db, "INSERT INTO s VALUES (1, 3), (1, -1), (1, 3)");
    run(db, "INSERT INTO t VALUES (1, 'uno')"); /* an upsert: 'one' was never seen */
    expect_none(p);
    expect_none(j);
    set_clock(db, "00:00:02");
    expect_next(p, "1,6,1;1,6,1");
    char *joined = next_text(j);
    assert_non_null(strstr(joined, "3,uno,2"));
    assert_non_null(strstr(joined, "-1,uno,1"));
    assert_null(strstr(joined, "one"));
    free(joined);
    expect_next(both, "3,5,1");
    run(db, "INSERT INTO s VALUES (1, 1)");
    run(db, "INSERT INTO s VALUES (1, 1)");
    set_clock(db, "00:00:04");
    expect_next(both, "3,5,-1;5,7,1");
    expect_rows(db, "SELECT * FROM both", "5,7");
    laminar_subscription_free(p);
    laminar_subscription_free(j);
    laminar_subscription_free(both);
    laminar_db_free(db);
}

/* A window's last value comes when it closes, whatever the period. */
static void test_emit_every_on_windows(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    set_clock(db, "00:00:00");
    run(db, "CREATE SOURCE s (v BIGINT, ts TIMESTAMP, WATERMARK FOR ts)");
    run(db, "CREATE STREAM w AS SELECT TUMBLE(ts, INTERVAL '10' SECOND) AS w, count(*) AS n FROM s "
            "GROUP BY TUMBLE(ts, INTERVAL '10' SECOND) EMIT EVERY INTERVAL '1' MINUTE");
    laminar_subscription *sub = changes_of(db, "w");
    run(db, "INSERT INTO s VALUES (1, '2026-01-01 00:00:01'), (2, '2026-01-01 00:00:02')");
    expect_none(sub);
    run(db, "INSERT INTO s VALUES (3, '2026-01-01 00:00:11')"); /* closes the first */
    expect_next(sub, "2026-01-01 00:00:00,2,1;2026-01-01 00:00:10,1,1");
    laminar_subscription_free(sub);
    laminar_db_free(db);
}

static void test_shutdown_gives_out_what_is_held(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (k BIGINT)");
    run(db,
        "CREATE STREAM g AS SELECT k, count(*) AS n FROM s GROUP BY k EMIT EVERY INTERVAL '1' DAY");
    run(db, "CREATE STREAM p AS SELECT k FROM s EMIT EVERY INTERVAL '1' DAY");
    laminar_subscription *g = changes_of(db, "g"), *p = changes_of(db, "p");
    run(db, "INSERT INTO s VALUES (4), (4)");
    assert_int_equal(laminar_shutdown(db, NULL), LAMINAR_OK);
    expect_next(g, "4,2,1");
    expect_next(p, "4,1;4,1");
    expect_next(g, "end");
    laminar_subscription_free(g);
    laminar_subscription_free(p);
    laminar_db_free(db);
}

/* With start(), time alone is enough; and a database with nothing due runs no step. */
static void test_timers_run_without_input(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    assert_int_equal(laminar_start(db, NULL), LAMINAR_OK);
    assert_int_equal(laminar_start(db, NULL), LAMINAR_OK); /* twice is fine */
    run(db, "CREATE SOURCE s (k BIGINT)");
    run(db, "CREATE STREAM g AS SELECT count(*) AS n FROM s EMIT EVERY INTERVAL '30' MILLISECOND");
    laminar_subscription *sub = changes_of(db, "g");
    for (int round = 1; round <= 3; round++) {
        char sql[64], want[64];
        run(db, "INSERT INTO s VALUES (1)");
        snprintf(want, sizeof want, "%d,-1;%d,1", round - 1, round);
        if (round == 1) {
            /* the count of no rows is a row: it came with the stream */
            char *first = next_text(sub);
            assert_non_null(strstr(first, "1,1"));
            free(first);
        } else {
            expect_next(sub, want);
        }
        (void)sql;
    }
    int64_t steps = number_of(db, "SELECT value FROM system.metrics WHERE name = 'steps'");
    struct timespec pause = {.tv_nsec = 120000000};
    nanosleep(&pause, NULL);
    assert_int_equal(number_of(db, "SELECT value FROM system.metrics WHERE name = 'steps'"), steps);
    laminar_subscription_free(sub);
    laminar_db_free(db);
}

static void test_the_clock_is_a_setting(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    expect_rows(db, "SHOW clock", "system");
    set_clock(db, "00:00:00.25");
    expect_rows(db, "SELECT now()::TIMESTAMP", "2026-01-01 00:00:00.25");
    expect_error(db, "SET clock = 'noon'", LAMINAR_QUERY_FAILED, "'noon' is not a value",
                 "2026-01-31 12:00:00");
    run(db, "CREATE SOURCE s (k BIGINT)");
    run(db, "INSERT INTO s VALUES (1)");
    expect_error(db, "SET clock = '2025-12-31 23:59:59'", LAMINAR_QUERY_FAILED, "can't go back",
                 "forward");
    run(db, "SET clock = '2026-01-01 00:00:05Z'");
    run(db, "SET clock = system");
    laminar_db_free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_emit_every_on_an_aggregate),
        cmocka_unit_test(test_emit_every_on_anything),
        cmocka_unit_test(test_emit_every_on_windows),
        cmocka_unit_test(test_shutdown_gives_out_what_is_held),
        cmocka_unit_test(test_timers_run_without_input),
        cmocka_unit_test(test_the_clock_is_a_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
