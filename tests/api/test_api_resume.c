/* test_api_resume.c - SUBSCRIBE ... AS OF EPOCH, retain_history, and the epochs of deliveries and queries. */
#include "api_test.h"
#include <unistd.h>

static laminar_subscription *resume(laminar_db *db, const char *name, uint64_t epoch)
{
    laminar_subscription *sub = NULL;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_subscribe_options options = {
        .struct_size = sizeof options, .with_changes = true, .has_epoch = true, .epoch = epoch};
    if (laminar_subscribe(db, name, &options, &sub, &err)) fail_msg("%s: %s", name, err.message);
    return sub;
}

/* What is there now; "" when nothing is. *epoch (may be NULL): of the delivery. */
static void expect_delivery(laminar_subscription *sub, const char *expected, uint64_t *epoch)
{
    laminar_result *rows = NULL;
    laminar_status status = laminar_subscription_next(sub, 0, &rows, NULL);
    if (expected[0] == 0) {
        assert_int_equal(status, LAMINAR_SUBSCRIPTION_TIMEOUT);
        return;
    }
    assert_int_equal(status, LAMINAR_OK);
    char *text = text_of_result(rows);
    assert_string_equal(text, expected);
    free(text);
    assert_int_equal(laminar_result_epoch(rows), laminar_subscription_epoch(sub));
    if (epoch) *epoch = laminar_result_epoch(rows);
    laminar_result_free(rows);
}

static void expect_refused(laminar_db *db, const char *sql, laminar_status status, const char *part)
{
    laminar_subscription *sub = NULL;
    laminar_error err = LAMINAR_ERROR_INIT;
    assert_int_equal(laminar_subscribe(db, sql, NULL, &sub, &err), status);
    if (!strstr(err.message, part)) fail_msg("%s: %s", sql, err.message);
}

static void what_came_since_is_given_once(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    uint64_t epoch = 0, first = 0;
    run(db, "CREATE TABLE t (k BIGINT PRIMARY KEY, v BIGINT) WITH (retain_history = '64mb')");
    run(db, "CREATE STREAM sums AS SELECT sum(v) AS s FROM t WITH (retain_history = '1 hour')");
    laminar_subscription *sub = resume(db, "sums", 0);
    run(db, "INSERT INTO t VALUES (1, 10)");
    laminar_result *rows = NULL;
    while (laminar_subscription_next(sub, 0, &rows, NULL) == LAMINAR_OK && rows) {
        first = laminar_result_epoch(rows);
        laminar_result_free(rows);
        rows = NULL;
    }
    laminar_subscription_free(sub);
    run(db, "INSERT INTO t VALUES (2, 5)");
    run(db, "UPDATE t SET v = 11 WHERE k = 1");
    sub = resume(db, "sums", first);
    expect_delivery(sub, "10,-1;15,1;15,-1;16,1", &epoch);
    expect_delivery(sub, "", NULL);
    assert_int_equal(laminar_subscription_epoch(sub), epoch);
    run(db, "DELETE FROM t WHERE k = 2"); /* goes on with what comes */
    expect_delivery(sub, "16,-1;11,1", &epoch);
    laminar_subscription_free(sub);
    /* an epoch between two changes */
    sub = resume(db, "sums", epoch);
    run(db, "CREATE TABLE other (x BIGINT)");
    run(db, "INSERT INTO other VALUES (1)");
    expect_delivery(sub, "", NULL);
    laminar_subscription_free(sub);
    sub = resume(db, "sums", epoch + 1);
    run(db, "INSERT INTO t VALUES (3, 1)");
    expect_delivery(sub, "11,-1;12,1", NULL);
    laminar_subscription_free(sub);
    laminar_db_free(db);
}

static void a_query_says_where_to_go_on(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (v BIGINT) WITH (retain_history = '10 rows')");
    run(db, "INSERT INTO s VALUES (1), (2)");
    laminar_result *rows = rows_of(db, "SELECT * FROM s");
    uint64_t epoch = laminar_result_epoch(rows);
    laminar_result_free(rows);
    run(db, "INSERT INTO s VALUES (3)");
    laminar_subscription *sub = resume(db, "s", epoch);
    expect_delivery(sub, "3,1", NULL);
    laminar_subscription_free(sub);
    char sql[128];
    snprintf(sql, sizeof sql, "DECLARE c CURSOR FOR SUBSCRIBE s AS OF EPOCH %llu WHERE v < 3",
             (unsigned long long)0);
    run(db, sql);
    expect_rows(db, "FETCH ALL FROM c", "1,1;2,1");
    laminar_db_free(db);
}

static void history_is_bounded(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    char sql[128];
    run(db, "CREATE SOURCE s (v BIGINT) WITH (retain_history = '3 rows', retention = 'none')");
    run(db, "CREATE SOURCE b (v BIGINT) WITH (retain_history = '64kb')");
    laminar_subscription *sub = resume(db, "s", 0);
    for (int i = 1; i <= 5; i++) {
        snprintf(sql, sizeof sql, "INSERT INTO s VALUES (%d)", i);
        run(db, sql);
    }
    uint64_t last;
    expect_delivery(sub, "1,1;2,1;3,1;4,1;5,1", &last);
    laminar_subscription_free(sub);
    /* 3, 4 and 5 are there: all that came after 3 */
    snprintf(sql, sizeof sql, "SUBSCRIBE s AS OF EPOCH %llu", (unsigned long long)last - 3);
    char part[64];
    snprintf(part, sizeof part, "goes back to epoch %llu", (unsigned long long)last - 2);
    expect_refused(db, sql, LAMINAR_SUBSCRIPTION_FAILED, part);
    expect_refused(db, "SUBSCRIBE s AS OF EPOCH 0", LAMINAR_SUBSCRIPTION_FAILED, part);
    sub = resume(db, "s", last - 2);
    expect_delivery(sub, "4,1;5,1", NULL);
    laminar_subscription_free(sub);
    for (int i = 0; i < 200; i++) run(db, "INSERT INTO b SELECT * FROM generate_series(1, 1000)");
    assert_true(
        number_of(db, "SELECT value::BIGINT FROM system.metrics WHERE name = 'state_bytes'") <
        16 << 20);
    expect_refused(db, "SUBSCRIBE b AS OF EPOCH 0", LAMINAR_SUBSCRIPTION_FAILED, "goes back to");
    laminar_db_free(db);
}

static void what_cant_be_given_is_refused(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (v BIGINT)");
    run(db, "CREATE SOURCE h (v BIGINT) WITH (retain_history = 'all')");
    run(db, "INSERT INTO h VALUES (1)");
    expect_refused(db, "SUBSCRIBE s AS OF EPOCH 0", LAMINAR_SUBSCRIPTION_FAILED,
                   "'s' keeps no history");
    expect_refused(db, "SUBSCRIBE h AS OF EPOCH 1000", LAMINAR_SUBSCRIPTION_FAILED,
                   "has not been yet");
    expect_refused(db, "SUBSCRIBE (SELECT * FROM h) AS OF EPOCH 1", LAMINAR_QUERY_UNSUPPORTED,
                   "not a query");
    expect_refused(db, "SUBSCRIBE nothing AS OF EPOCH 1", LAMINAR_TABLE_NOT_FOUND, "nothing");
    /* another relation of that name: what was seen was not of it */
    run(db, "CREATE OR REPLACE SOURCE h (v BIGINT) WITH (retain_history = 'all')");
    run(db, "INSERT INTO h VALUES (2)");
    laminar_subscription *sub = resume(db, "h", 0);
    expect_delivery(sub, "2,1", NULL);
    laminar_subscription_free(sub);
    run(db, "CREATE TABLE later (v BIGINT) WITH (retain_history = 'all')");
    expect_refused(db, "SUBSCRIBE later AS OF EPOCH 1", LAMINAR_SUBSCRIPTION_FAILED,
                   "goes back to epoch");
    laminar_error err = LAMINAR_ERROR_INIT;
    assert_int_equal(laminar_execute(db,
                                     "CREATE SOURCE x (v BIGINT) WITH (retain_history = 'much')",
                                     NULL, &err),
                     LAMINAR_INVALID_SCHEMA);
    laminar_db_free(db);
}

/* A delivery never ends within a step: UPDATE is two batches, a transaction of many writers too. */
static void a_step_is_delivered_whole(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    laminar_subscription *sub = NULL, *polled = NULL;
    laminar_subscribe_options options = {.struct_size = sizeof options, .with_changes = true};
    run(db, "CREATE TABLE t (k BIGINT PRIMARY KEY, v BIGINT) WITH (retain_history = 'all')");
    assert_int_equal(laminar_subscribe(db, "t", &options, &sub, NULL), LAMINAR_OK);
    assert_int_equal(laminar_subscribe(db, "t", &options, &polled, NULL), LAMINAR_OK);
    run(db, "INSERT INTO t SELECT x, x FROM generate_series(1, 5) g(x)");
    expect_delivery(sub, "1,1,1;2,2,1;3,3,1;4,4,1;5,5,1", NULL);
    run(db, "UPDATE t SET v = v * 2 WHERE k <= 2");
    uint64_t epoch;
    expect_delivery(sub, "1,1,-1;2,2,-1;1,2,1;2,4,1", &epoch);
    expect_delivery(sub, "", NULL);
    laminar_subscription_free(sub);
    sub = resume(db, "t", epoch - 1);
    expect_delivery(sub, "1,1,-1;2,2,-1;1,2,1;2,4,1", NULL);
    laminar_subscription_free(sub);
    laminar_subscription_free(polled);
    laminar_db_free(db);
}

/* More than a reader takes at once, waited for and by the descriptor. */
static void a_long_history_comes_in_parts(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    laminar_result *rows = NULL;
    int64_t next = 1, n_deliveries = 0;
    uint64_t epoch = 0;
    run(db, "CREATE SOURCE s (v BIGINT) WITH (retain_history = 'all')");
    char sql[128];
    for (int i = 0; i < 60; i++) {
        snprintf(sql, sizeof sql, "INSERT INTO s SELECT * FROM generate_series(%d, %d)",
                 i * 3000 + 1, i * 3000 + 3000);
        run(db, sql);
    }
    laminar_subscription *sub = resume(db, "s", 0);
    assert_true(laminar_subscription_fd(sub, NULL) >= 0);
    run(db, "INSERT INTO s VALUES (180001)");
    while (next <= 180001) {
        assert_int_equal(laminar_subscription_next(sub, 5000, &rows, NULL), LAMINAR_OK);
        assert_non_null(rows);
        for (size_t i = 0; i < laminar_result_n_rows(rows); i++, next++)
            assert_int_equal(laminar_result_int64(rows, i, 0), next);
        assert_true(laminar_result_epoch(rows) > epoch);
        epoch = laminar_result_epoch(rows);
        n_deliveries++;
        laminar_result_free(rows);
    }
    assert_true(n_deliveries > 1 && n_deliveries < 20);
    expect_delivery(sub, "", NULL);
    laminar_subscription_free(sub);
    /* cancelled before it was read */
    sub = resume(db, "s", 0);
    laminar_subscription_cancel(sub);
    assert_int_equal(laminar_subscription_next(sub, 0, &rows, NULL), LAMINAR_OK);
    assert_null(rows);
    laminar_subscription_free(sub);
    laminar_db_free(db);
}

/* What a database went back behind has been seen by somebody. */
static void given_up_epochs_are_refused(void **state)
{
    (void)state;
    char folder[] = "/tmp/laminar-resume-XXXXXX", sql[96];
    assert_non_null(mkdtemp(folder));
    laminar_db *db = open_folder(folder);
    run(db, "CREATE SOURCE s (v BIGINT) WITH (retain_history = 'all')");
    run(db, "INSERT INTO s VALUES (1)");
    run(db, "CHECKPOINT");
    int64_t id = number_of(db, "SELECT max(id) FROM system.checkpoints");
    laminar_subscription *sub = resume(db, "s", 0);
    uint64_t kept, lost;
    expect_delivery(sub, "1,1", &kept);
    run(db, "INSERT INTO s VALUES (2)");
    expect_delivery(sub, "2,1", &lost);
    laminar_subscription_free(sub);
    snprintf(sql, sizeof sql, "RESTORE FROM CHECKPOINT %lld", (long long)id);
    run(db, sql);
    run(db, "INSERT INTO s VALUES (3)");
    snprintf(sql, sizeof sql, "SUBSCRIBE s AS OF EPOCH %llu", (unsigned long long)lost);
    for (int i = 0; i < 3; i++) { /* as it is, after a checkpoint, and out of the log */
        expect_refused(db, sql, LAMINAR_SUBSCRIPTION_FAILED, "went back");
        sub = resume(db, "s", kept);
        expect_delivery(sub, "3,1", NULL);
        laminar_subscription_free(sub);
        if (i == 1) run(db, "CHECKPOINT");
        laminar_db_free(db);
        db = open_folder(folder);
    }
    laminar_db_free(db);
    snprintf(sql, sizeof sql, "rm -r %s", folder);
    assert_int_equal(system(sql), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_came_since_is_given_once),
        cmocka_unit_test(a_query_says_where_to_go_on),
        cmocka_unit_test(history_is_bounded),
        cmocka_unit_test(what_cant_be_given_is_refused),
        cmocka_unit_test(a_step_is_delivered_whole),
        cmocka_unit_test(a_long_history_comes_in_parts),
        cmocka_unit_test(given_up_epochs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
