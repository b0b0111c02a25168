/* test_api_concurrent.c - many threads on one database: nothing is lost, doubled or torn; cancel, drop and close wake whoever waits.
 * Runs under ThreadSanitizer too. */
#include "api_test.h"
#include <pthread.h>
#include <stdatomic.h>

enum { WRITERS = 4, ROWS_EACH = 3000 };

struct shared {
    laminar_db *db;
    laminar_subscription *sub;
    int number;
    atomic_int errors;
    atomic_bool stop;
    int64_t sum;
    size_t n_rows;
};

static void *write_rows(void *arg)
{
    struct shared *shared = arg;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_writer *writer = NULL;
    laminar_writer_options options = {.struct_size = sizeof options, .flush_rows = 16};
    if (laminar_writer_create(shared->db, "s", &options, &writer, &err)) {
        atomic_fetch_add(&shared->errors, 1);
        return NULL;
    }
    for (int i = 0; i < ROWS_EACH; i++) {
        if (laminar_writer_set_int64(writer, 0, i % 7, &err) ||
            laminar_writer_set_int64(writer, 1, 1, &err) || laminar_writer_end_row(writer, &err))
            atomic_fetch_add(&shared->errors, 1);
    }
    if (laminar_writer_close(writer, &err)) atomic_fetch_add(&shared->errors, 1);
    laminar_writer_free(writer);
    return NULL;
}

static void *read_rows(void *arg)
{
    struct shared *shared = arg;
    laminar_error err = LAMINAR_ERROR_INIT;
    for (;;) {
        laminar_result *result = NULL;
        if (laminar_subscription_next(shared->sub, 5000, &result, &err)) {
            atomic_fetch_add(&shared->errors, 1);
            return NULL;
        }
        if (!result) return NULL;
        for (size_t row = 0; row < laminar_result_n_rows(result); row++)
            shared->sum += laminar_result_int64(result, row, 1);
        shared->n_rows += laminar_result_n_rows(result);
        laminar_result_free(result);
    }
}

static void test_writers_and_readers(void **state)
{
    (void)state;
    struct shared shared = {.db = open_db()}, readers[2];
    pthread_t writers[WRITERS], reading[2];
    run(shared.db, "CREATE SOURCE s (k BIGINT, v BIGINT)");
    run(shared.db, "CREATE STREAM x AS SELECT k, v FROM s WHERE k >= 0");
    run(shared.db, "CREATE STREAM n AS SELECT sum(v) AS t FROM x");
    for (int i = 0; i < 2; i++) {
        memset(&readers[i], 0, sizeof readers[i]);
        readers[i].db = shared.db;
        readers[i].sub = subscribe(shared.db, "x", NULL);
        assert_int_equal(pthread_create(&reading[i], NULL, read_rows, &readers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, write_rows, &shared), 0);
    for (int i = 0; i < WRITERS; i++) pthread_join(writers[i], NULL);
    assert_int_equal(number_of(shared.db, "SELECT t FROM n"), WRITERS * ROWS_EACH);
    laminar_error err = LAMINAR_ERROR_INIT;
    assert_int_equal(laminar_shutdown(shared.db, &err), LAMINAR_OK);
    for (int i = 0; i < 2; i++) {
        pthread_join(reading[i], NULL);
        assert_int_equal(readers[i].n_rows, WRITERS * ROWS_EACH);
        assert_int_equal(readers[i].sum, WRITERS * ROWS_EACH);
        assert_int_equal(atomic_load(&readers[i].errors), 0);
        laminar_subscription_free(readers[i].sub);
    }
    assert_int_equal(atomic_load(&shared.errors), 0);
    laminar_db_free(shared.db);
}

/* Transfers between accounts: whatever a reader sees, the balances sum to 0 (internal consistency). */
static void *transfer(void *arg)
{
    struct shared *shared = arg;
    laminar_error err = LAMINAR_ERROR_INIT;
    for (int i = 0; i < 200; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "INSERT INTO moves VALUES (%d, %d, %d)",
                 (i * 7 + shared->number) % 10, (i * 3 + 1) % 10, i % 50);
        if (laminar_execute(shared->db, sql, NULL, &err)) atomic_fetch_add(&shared->errors, 1);
    }
    return NULL;
}

static void *check_totals(void *arg)
{
    struct shared *shared = arg;
    laminar_error err = LAMINAR_ERROR_INIT;
    while (!atomic_load(&shared->stop)) {
        laminar_result *result = NULL;
        if (laminar_execute(shared->db, "SELECT total FROM totals", &result, &err)) {
            atomic_fetch_add(&shared->errors, 1);
            return NULL;
        }
        if (laminar_result_n_rows(result) != 1 || laminar_result_int64(result, 0, 0) != 0)
            atomic_fetch_add(&shared->errors, 1);
        laminar_result_free(result);
    }
    return NULL;
}

static void test_totals_are_always_zero(void **state)
{
    (void)state;
    struct shared shared = {.db = open_db()}, writers_args[2];
    pthread_t writers[2], reader;
    run(shared.db, "CREATE SOURCE moves (src BIGINT, dst BIGINT, amount BIGINT)");
    run(shared.db,
        "CREATE STREAM credits AS SELECT dst AS account, sum(amount) AS credit FROM moves GROUP BY dst");
    run(shared.db,
        "CREATE STREAM debits AS SELECT src AS account, sum(amount) AS debit FROM moves GROUP BY src");
    run(shared.db,
        "CREATE STREAM balance AS SELECT c.account, coalesce(c.credit, 0) - coalesce(d.debit, 0) AS b "
        "FROM credits c FULL JOIN debits d ON c.account = d.account");
    run(shared.db, "CREATE STREAM totals AS SELECT coalesce(sum(b), 0) AS total FROM balance");
    laminar_subscription *sub = subscribe(shared.db, "totals", NULL);
    assert_int_equal(pthread_create(&reader, NULL, check_totals, &shared), 0);
    for (int i = 0; i < 2; i++) {
        writers_args[i] = (struct shared){.db = shared.db, .number = i};
        assert_int_equal(pthread_create(&writers[i], NULL, transfer, &writers_args[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(writers[i], NULL);
        assert_int_equal(atomic_load(&writers_args[i].errors), 0);
    }
    atomic_store(&shared.stop, true);
    pthread_join(reader, NULL);
    assert_int_equal(atomic_load(&shared.errors), 0);
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_result *result = NULL;
    while (laminar_subscription_next(sub, 0, &result, &err) == LAMINAR_OK && result) {
        for (size_t row = 0; row < laminar_result_n_rows(result); row++)
            assert_int_equal(laminar_result_int64(result, row, 0), 0);
        laminar_result_free(result);
        result = NULL;
    }
    laminar_subscription_free(sub);
    laminar_db_free(shared.db);
}

static void *wait_for_end(void *arg)
{
    struct shared *shared = arg;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_result *result = NULL;
    if (laminar_subscription_next(shared->sub, -1, &result, &err) || result)
        atomic_fetch_add(&shared->errors, 1);
    laminar_result_free(result);
    return NULL;
}

static void wake_by(void (*act)(struct shared *shared))
{
    struct shared shared = {.db = open_db()};
    pthread_t waiting;
    run(shared.db, "CREATE SOURCE s (a BIGINT)");
    shared.sub = subscribe(shared.db, "s", NULL);
    assert_int_equal(pthread_create(&waiting, NULL, wait_for_end, &shared), 0);
    act(&shared);
    pthread_join(waiting, NULL);
    assert_int_equal(atomic_load(&shared.errors), 0);
    laminar_subscription_free(shared.sub);
    laminar_db_free(shared.db);
}

static void act_cancel(struct shared *shared) { laminar_subscription_cancel(shared->sub); }
static void act_drop(struct shared *shared) { run(shared->db, "DROP SOURCE s"); }
static void act_close(struct shared *shared)
{
    assert_int_equal(laminar_close(shared->db, NULL), LAMINAR_OK);
}
static void act_shutdown(struct shared *shared)
{
    assert_int_equal(laminar_shutdown(shared->db, NULL), LAMINAR_OK);
}

static void test_waiting_readers_wake(void **state)
{
    (void)state;
    wake_by(act_cancel);
    wake_by(act_drop);
    wake_by(act_close);
    wake_by(act_shutdown);
}

/* Full queues: a slow reader holds the writer up, and nothing is lost. */
static void test_block_policy_waits_for_a_slow_reader(void **state)
{
    (void)state;
    struct shared shared = {.db = open_db()};
    pthread_t writer, reader;
    run(shared.db, "CREATE SOURCE s (k BIGINT, v BIGINT)");
    laminar_subscribe_options options = {.struct_size = sizeof options, .capacity_rows = 64};
    struct shared reading = {.db = shared.db};
    reading.sub = subscribe(shared.db, "s", &options);
    assert_int_equal(pthread_create(&reader, NULL, read_rows, &reading), 0);
    assert_int_equal(pthread_create(&writer, NULL, write_rows, &shared), 0);
    pthread_join(writer, NULL);
    assert_int_equal(laminar_shutdown(shared.db, NULL), LAMINAR_OK);
    pthread_join(reader, NULL);
    assert_int_equal(atomic_load(&shared.errors), 0);
    assert_int_equal(reading.n_rows, ROWS_EACH);
    laminar_subscription_free(reading.sub);
    laminar_db_free(shared.db);
}

static void *churn(void *arg)
{
    struct shared *shared = arg;
    laminar_error err = LAMINAR_ERROR_INIT;
    char create[128], drop[64];
    snprintf(create, sizeof create,
             "CREATE STREAM c%d AS SELECT k, count(*) AS n FROM s GROUP BY k", shared->number);
    snprintf(drop, sizeof drop, "DROP STREAM c%d", shared->number);
    for (int i = 0; i < 40; i++) {
        if (laminar_execute(shared->db, create, NULL, &err) ||
            laminar_execute(shared->db, drop, NULL, &err))
            atomic_fetch_add(&shared->errors, 1);
    }
    return NULL;
}

static void test_streams_come_and_go_while_data_flows(void **state)
{
    (void)state;
    struct shared shared = {.db = open_db()}, churning[2];
    pthread_t writer, churners[2];
    run(shared.db, "CREATE SOURCE s (k BIGINT, v BIGINT)");
    run(shared.db, "CREATE STREAM n AS SELECT count(*) AS n FROM s");
    assert_int_equal(pthread_create(&writer, NULL, write_rows, &shared), 0);
    for (int i = 0; i < 2; i++) {
        churning[i] = (struct shared){.db = shared.db, .number = i};
        assert_int_equal(pthread_create(&churners[i], NULL, churn, &churning[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(churners[i], NULL);
        assert_int_equal(atomic_load(&churning[i].errors), 0);
    }
    /* backfilled in the middle: no gap, no double */
    run(shared.db, "CREATE STREAM last AS SELECT count(*) AS n FROM s");
    pthread_join(writer, NULL);
    assert_int_equal(number_of(shared.db, "SELECT n FROM last"), ROWS_EACH);
    assert_int_equal(number_of(shared.db, "SELECT n FROM n"), ROWS_EACH);
    laminar_db_free(shared.db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writers_and_readers),
        cmocka_unit_test(test_totals_are_always_zero),
        cmocka_unit_test(test_waiting_readers_wake),
        cmocka_unit_test(test_block_policy_waits_for_a_slow_reader),
        cmocka_unit_test(test_streams_come_and_go_while_data_flows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
