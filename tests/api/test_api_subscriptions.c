/* test_api_subscriptions.c - readers: broadcast, snapshots, changes, filters, policies, ends. */
#include "api_test.h"
#include <poll.h>

static void test_every_subscriber_gets_everything(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (a BIGINT)");
    run(db, "CREATE STREAM x AS SELECT a * 2 AS b FROM s WHERE a > 0");
    laminar_subscription *one = subscribe(db, "x", NULL), *two = subscribe(db, "x", NULL),
                         *source = subscribe(db, "s", NULL);
    run(db, "INSERT INTO s VALUES (1), (-1), (2)");
    expect_next(one, "2;4");
    expect_next(two, "2;4");
    expect_next(source, "1;-1;2");
    laminar_subscription_free(one);
    run(db, "INSERT INTO s VALUES (3)");
    run(db, "INSERT INTO s VALUES (4)");
    expect_next(two, "6;8"); /* everything that is queued */
    laminar_subscription_free(two);
    laminar_subscription_free(source);
    laminar_db_free(db);
}

static void test_subscribe_with_parameters(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (a BIGINT, b VARCHAR)");
    run(db, "INSERT INTO s VALUES (1, 'x'), (2, 'a long text, kept somewhere else')");
    static const char *const texts[] = {"SELECT a FROM s WHERE b = $1", "SUBSCRIBE s WHERE b = ?",
                                        "SUBSCRIBE (SELECT a, b FROM s WHERE b = :b)"};
    static const char *const expected[] = {"2", "2,a long text, kept somewhere else",
                                           "2,a long text, kept somewhere else"};
    for (size_t i = 0; i < 3; i++) {
        laminar_statement *statement = NULL;
        laminar_subscription *sub = NULL;
        assert_int_equal(laminar_prepare(db, texts[i], &statement, &err), LAMINAR_OK);
        laminar_subscribe_options options = {.struct_size = sizeof options, .with_snapshot = true};
        assert_int_equal(laminar_statement_subscribe(statement, &options, &sub, &err),
                         LAMINAR_QUERY_FAILED); /* not bound */
        assert_int_equal(laminar_bind_text(statement, 0, LAMINAR_TYPE_VARCHAR,
                                           "a long text, kept somewhere else", 32, &err),
                         LAMINAR_OK);
        assert_int_equal(laminar_statement_subscribe(statement, &options, &sub, &err), LAMINAR_OK);
        laminar_statement_free(statement);
        expect_next(sub, expected[i]);
        run(db, "INSERT INTO s VALUES (3, 'y')");
        laminar_subscription_free(sub);
    }
    laminar_statement *statement = NULL;
    laminar_subscription *sub = NULL;
    assert_int_equal(laminar_prepare(db, "INSERT INTO s VALUES (4, 'z')", &statement, &err),
                     LAMINAR_OK);
    assert_int_equal(laminar_statement_subscribe(statement, NULL, &sub, &err),
                     LAMINAR_SUBSCRIPTION_FAILED);
    laminar_statement_free(statement);
    laminar_db_free(db);
}

static void test_rows_before_start_are_kept(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (a BIGINT)");
    run(db, "CREATE STREAM x AS SELECT a FROM s");
    run(db, "INSERT INTO s VALUES (1)");
    laminar_subscription *early = subscribe(db, "x", NULL);
    expect_next(early, "1");
    assert_int_equal(laminar_start(db, &err), LAMINAR_OK);
    laminar_subscription *late = subscribe(db, "x", NULL);
    run(db, "INSERT INTO s VALUES (2)");
    expect_next(early, "2");
    expect_next(late, "2");
    laminar_subscription_free(early);
    laminar_subscription_free(late);
    laminar_db_free(db);
}

static void test_changes_and_updates(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    assert_int_equal(laminar_start(db, &err), LAMINAR_OK);
    run(db, "CREATE SOURCE s (k VARCHAR, v BIGINT)");
    run(db, "CREATE STREAM x AS SELECT k, sum(v) AS sv FROM s GROUP BY k");
    laminar_subscribe_options changes = {.struct_size = sizeof changes, .with_changes = true};
    laminar_subscription *plain = subscribe(db, "x", NULL), *with = subscribe(db, "x", &changes);
    run(db, "INSERT INTO s VALUES ('a', 1)");
    expect_next(plain, "a,1");
    expect_next(with, "a,1,1");
    run(db, "INSERT INTO s VALUES ('a', 2)");
    expect_next(plain, "a,3");
    char *text = next_text(with);
    assert_true(strcmp(text, "a,1,-1;a,3,1") == 0 || strcmp(text, "a,3,1;a,1,-1") == 0);
    free(text);
    run(db, "INSERT INTO s VALUES ('a', 0)"); /* nothing changes: nothing comes */
    laminar_result *result = NULL;
    assert_int_equal(laminar_subscription_next(with, 0, &result, &err),
                     LAMINAR_SUBSCRIPTION_TIMEOUT);
    laminar_subscription_free(plain);
    laminar_subscription_free(with);
    laminar_db_free(db);
}

static void test_snapshot_then_changes(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    assert_int_equal(laminar_start(db, &err), LAMINAR_OK);
    run(db, "CREATE SOURCE s (k VARCHAR, v BIGINT)");
    run(db, "CREATE STREAM x AS SELECT k, count(*) AS n FROM s GROUP BY k");
    run(db, "INSERT INTO s VALUES ('a', 1), ('a', 2)");
    laminar_subscribe_options options = {.struct_size = sizeof options, .with_snapshot = true};
    laminar_subscription *sub = subscribe(db, "x", &options);
    expect_next(sub, "a,2");
    run(db, "INSERT INTO s VALUES ('b', 1)");
    expect_next(sub, "b,1");
    laminar_subscription_free(sub);
    laminar_subscription *query = subscribe(db, "SELECT k, n * 10 AS m FROM x WHERE k <> 'z'",
                                            NULL);
    char *text = next_text(query);
    assert_true(strcmp(text, "a,20;b,10") == 0 || strcmp(text, "b,10;a,20") == 0);
    free(text);
    run(db, "INSERT INTO s VALUES ('b', 1)");
    expect_next(query, "b,20");
    laminar_subscription_free(query);
    run(db, "DROP STREAM x"); /* the query's reader is gone: nothing holds it */
    laminar_db_free(db);
}

static void test_filter(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (a BIGINT, b VARCHAR)");
    laminar_subscribe_options options = {.struct_size = sizeof options,
                                         .filter = "a > 1 AND b LIKE 'x%'"};
    laminar_subscription *sub = subscribe(db, "s", &options);
    run(db, "INSERT INTO s VALUES (1, 'x'), (2, 'y'), (3, 'xyz')");
    expect_next(sub, "3,xyz");
    laminar_subscription_free(sub);
    laminar_subscription *none = NULL;
    options.filter = "nothing > 1";
    assert_int_equal(laminar_subscribe(db, "s", &options, &none, &err), LAMINAR_QUERY_FAILED);
    options.filter = "a + 1";
    assert_int_equal(laminar_subscribe(db, "s", &options, &none, &err), LAMINAR_QUERY_FAILED);
    assert_int_equal(laminar_subscribe(db, "nothing", NULL, &none, &err), LAMINAR_TABLE_NOT_FOUND);
    assert_null(none);
    laminar_db_free(db);
}

static void test_policies(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_result *result = NULL;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (a BIGINT)");
    laminar_subscribe_options options = {
        .struct_size = sizeof options, .capacity_rows = 2, .policy = LAMINAR_OVERFLOW_DROP_OLDEST};
    laminar_subscription *dropping = subscribe(db, "s", &options);
    options.policy = LAMINAR_OVERFLOW_DISCONNECT;
    laminar_subscription *strict = subscribe(db, "s", &options);
    for (int i = 1; i <= 4; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "INSERT INTO s VALUES (%d)", i);
        run(db, sql);
    }
    expect_next(dropping, "3;4");
    assert_int_equal(laminar_subscription_dropped_rows(dropping), 2);
    expect_next(strict, "1;2");
    assert_int_equal(laminar_subscription_next(strict, 0, &result, &err),
                     LAMINAR_SUBSCRIPTION_CLOSED);
    laminar_subscription_free(dropping);
    laminar_subscription_free(strict);

    /* Block: nobody drains it, so the insert fails soon, and nothing of it is inserted. */
    options.policy = LAMINAR_OVERFLOW_BLOCK;
    laminar_subscription *blocking = subscribe(db, "s", &options);
    expect_next(blocking, "1;2;3;4"); /* never started: the contents come first */
    run(db, "INSERT INTO s VALUES (5), (6)");
    expect_error(db, "INSERT INTO s VALUES (7)", LAMINAR_INGESTION_FAILED, "full", "capacity");
    expect_rows(db, "SELECT count(*) FROM s", "6");
    expect_next(blocking, "5;6");
    run(db, "INSERT INTO s VALUES (7)");
    expect_next(blocking, "7");
    laminar_subscription_free(blocking);
    laminar_db_free(db);
}

static void test_ends(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_result *result = NULL;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (a BIGINT)");
    laminar_subscription *dropped = subscribe(db, "s", NULL);
    run(db, "DROP SOURCE s");
    expect_next(dropped, "end");
    assert_int_equal(laminar_subscription_get_state(dropped), LAMINAR_SUBSCRIPTION_FINISHED);
    run(db, "CREATE SOURCE s (a BIGINT)");
    laminar_subscription *cancelled = subscribe(db, "s", NULL), *open = subscribe(db, "s", NULL);
    run(db, "INSERT INTO s VALUES (1)");
    laminar_subscription_cancel(cancelled);
    laminar_subscription_cancel(cancelled);
    assert_int_equal(laminar_subscription_next(cancelled, 0, &result, &err), LAMINAR_OK);
    assert_null(result);
    assert_int_equal(laminar_subscription_get_state(cancelled), LAMINAR_SUBSCRIPTION_CANCELLED);
    laminar_db_free(db); /* handles outlive the database */
    expect_next(open, "1");
    expect_next(open, "end");
    laminar_subscription_free(open);
    laminar_subscription_free(cancelled);
    laminar_subscription_free(dropped);
    laminar_subscription_free(NULL);
}

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void test_descriptor(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (a BIGINT)");
    laminar_subscription *sub = subscribe(db, "s", NULL);
    int fd = laminar_subscription_fd(sub, &err);
    assert_true(fd >= 0);
    assert_false(is_readable(fd));
    run(db, "INSERT INTO s VALUES (1)");
    assert_true(is_readable(fd));
    expect_next(sub, "1");
    assert_false(is_readable(fd));
    laminar_subscription_cancel(sub);
    assert_true(is_readable(fd));
    laminar_subscription_free(sub);
    laminar_db_free(db);
}

static void test_windows_close_by_watermark(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    laminar_writer *writer = NULL;
    run(db,
        "CREATE SOURCE s (ts TIMESTAMP, v BIGINT, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)");
    run(db,
        "CREATE STREAM w AS SELECT TUMBLE(ts, INTERVAL '10' SECOND) AS win, count(*) AS n FROM s "
        "GROUP BY TUMBLE(ts, INTERVAL '10' SECOND) EMIT ON WINDOW CLOSE");
    assert_int_equal(laminar_start(db, &err), LAMINAR_OK);
    laminar_subscription *sub = subscribe(db, "w", NULL);
    /* Out of order within one batch: none is late against the others. */
    run(db,
        "INSERT INTO s VALUES ('2026-01-01 00:00:15', 1), ('2026-01-01 00:00:01', 2), ('2026-01-01 00:00:09', 3)");
    expect_next(sub, "2026-01-01 00:00:00,2");
    run(db, "INSERT INTO s VALUES ('2026-01-01 00:00:02', 1)"); /* late now */
    laminar_relation_metrics metrics = {.struct_size = sizeof metrics};
    assert_int_equal(laminar_get_relation_metrics(db, "w", &metrics, &err), LAMINAR_OK);
    assert_int_equal(metrics.late_rows, 1);
    assert_int_equal(laminar_writer_create(db, "s", NULL, &writer, &err), LAMINAR_OK);
    /* 00:01:00 */
    assert_int_equal(laminar_writer_watermark(writer, 1767225660000, &err), LAMINAR_OK);
    expect_next(sub, "2026-01-01 00:00:10,1");
    laminar_writer_free(writer);
    laminar_subscription_free(sub);
    laminar_db_free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_subscriber_gets_everything),
        cmocka_unit_test(test_subscribe_with_parameters),
        cmocka_unit_test(test_rows_before_start_are_kept),
        cmocka_unit_test(test_changes_and_updates),
        cmocka_unit_test(test_snapshot_then_changes),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_policies),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_descriptor),
        cmocka_unit_test(test_windows_close_by_watermark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
