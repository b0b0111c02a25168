/* test_api_timer_concurrent.c - the timer thread beside writers, readers, DDL and close: nothing is lost, doubled or torn. Runs under ThreadSanitizer too. */
#include "api_test.h"
#include <pthread.h>
#include <stdatomic.h>

enum { WRITERS = 3, INSERTS = 150, LIVES = 30 };

struct shared {
    laminar_db *db;
    laminar_subscription *sub;
    atomic_int errors;
    int64_t net;
};

static void *write_rows(void *arg)
{
    struct shared *shared = arg;
    laminar_error err = LAMINAR_ERROR_INIT;
    for (int i = 0; i < INSERTS; i++)
        if (laminar_execute(shared->db, "INSERT INTO s VALUES (1, 2), (2, 3)", NULL, &err))
            atomic_fetch_add(&shared->errors, 1);
    return NULL;
}

/* The sum over k of what the changes say. */
static void *read_changes(void *arg)
{
    struct shared *shared = arg;
    laminar_error err = LAMINAR_ERROR_INIT;
    for (;;) {
        laminar_result *result = NULL;
        if (laminar_subscription_next(shared->sub, 10000, &result, &err)) {
            atomic_fetch_add(&shared->errors, 1);
            return NULL;
        }
        if (!result) return NULL;
        for (size_t row = 0; row < laminar_result_n_rows(result); row++)
            shared->net += laminar_result_int64(result, row, 1) *
                           laminar_result_int64(result, row, 2);
        laminar_result_free(result);
    }
}

static void test_timers_beside_writers(void **state)
{
    (void)state;
    struct shared shared = {.db = open_db()};
    pthread_t writers[WRITERS], reader;
    laminar_subscribe_options options = {.struct_size = sizeof options, .with_changes = true};
    assert_int_equal(laminar_start(shared.db, NULL), LAMINAR_OK);
    run(shared.db, "CREATE SOURCE s (k BIGINT, v BIGINT)");
    run(shared.db,
        "CREATE STREAM g AS SELECT k, sum(v) AS t FROM s GROUP BY k EMIT EVERY INTERVAL '2' MILLISECOND");
    run(shared.db,
        "CREATE STREAM j AS SELECT a.k, a.t FROM g a JOIN g b ON a.k = b.k EMIT EVERY INTERVAL '3' MILLISECOND");
    shared.sub = subscribe(shared.db, "j", &options);
    assert_int_equal(pthread_create(&reader, NULL, read_changes, &shared), 0);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, write_rows, &shared), 0);
    for (int i = 0; i < 10; i++) {
        run(shared.db,
            "CREATE STREAM c AS SELECT count(*) AS n FROM s EMIT EVERY INTERVAL '1' MILLISECOND");
        run(shared.db, "DROP STREAM c");
    }
    for (int i = 0; i < WRITERS; i++) pthread_join(writers[i], NULL);
    assert_int_equal(laminar_shutdown(shared.db, NULL), LAMINAR_OK);
    pthread_join(reader, NULL);
    assert_int_equal(atomic_load(&shared.errors), 0);
    assert_int_equal(shared.net, WRITERS * INSERTS * 5);
    laminar_subscription_free(shared.sub);
    laminar_db_free(shared.db);
}

/* Close and shutdown at any time, with a timer about to fire. */
static void test_a_timer_ends_with_its_database(void **state)
{
    (void)state;
    for (int i = 0; i < LIVES; i++) {
        struct shared shared = {.db = open_db()};
        pthread_t writer;
        run(shared.db, "CREATE SOURCE s (k BIGINT, v BIGINT)");
        run(shared.db,
            "CREATE STREAM g AS SELECT count(*) AS n FROM s EMIT EVERY INTERVAL '1' MILLISECOND");
        assert_int_equal(laminar_start(shared.db, NULL), LAMINAR_OK);
        assert_int_equal(pthread_create(&writer, NULL, write_rows, &shared), 0);
        if (i % 2) run(shared.db, "DROP STREAM g");
        if (i % 3 == 0) assert_int_equal(laminar_shutdown(shared.db, NULL), LAMINAR_OK);
        assert_int_equal(laminar_close(shared.db, NULL), LAMINAR_OK);
        pthread_join(writer, NULL);
        laminar_db_free(shared.db);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_beside_writers),
        cmocka_unit_test(test_a_timer_ends_with_its_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
