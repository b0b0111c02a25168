/* test_api_storage_concurrent.c - a database in a directory that several threads close at once while others write: each closer returns when it is closed, what
 * was acknowledged is there, and the folder is free. Secrets in options are never shown. */
#include "api_test.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_CLOSERS = 4, N_WRITERS = 3 };

struct shared {
    laminar_db *db;
    atomic_int n_done; /* inserts that returned */
    const char *path;
};

static void *write_rows(void *arg)
{
    struct shared *shared = arg;
    while (laminar_execute(shared->db, "INSERT INTO s VALUES (1)", NULL, NULL) == LAMINAR_OK)
        atomic_fetch_add(&shared->n_done, 1);
    return NULL;
}

static void *close_it(void *arg)
{
    struct shared *shared = arg;
    laminar_status status = laminar_close(shared->db, NULL);
    return status == LAMINAR_OK && laminar_is_closed(shared->db) ? NULL : shared;
}

static char *temporary_folder(void)
{
    const char *base = getenv("TMPDIR");
    size_t size = strlen(base ? base : "/tmp") + 32;
    char *path = malloc(size);
    snprintf(path, size, "%s/laminar-test-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(path));
    return path;
}

static void remove_folder(char *path)
{
    char command[512];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
    free(path);
}

static laminar_db *open_at(const char *path, const char *durability)
{
    laminar_config *config = NULL;
    laminar_db *db = NULL;
    laminar_error err = LAMINAR_ERROR_INIT;
    assert_int_equal(laminar_config_create(&config, NULL), LAMINAR_OK);
    assert_int_equal(laminar_config_set(config, "durability", durability, NULL), LAMINAR_OK);
    if (laminar_open(path, config, &db, &err)) fail_msg("%s", err.message);
    laminar_config_free(config);
    return db;
}

static void several_threads_may_close(void **state)
{
    (void)state;
    static const char *const kinds[] = {"sync", "async", "off"};
    for (size_t kind = 0; kind < 3; kind++) {
        char *path = temporary_folder();
        struct shared shared = {.path = path};
        shared.db = open_at(path, kinds[kind]);
        assert_int_equal(laminar_execute(shared.db, "CREATE SOURCE s (x BIGINT)", NULL, NULL), 0);
        pthread_t writers[N_WRITERS], closers[N_CLOSERS];
        for (int i = 0; i < N_WRITERS; i++)
            assert_int_equal(pthread_create(&writers[i], NULL, write_rows, &shared), 0);
        usleep(20000);
        for (int i = 0; i < N_CLOSERS; i++)
            assert_int_equal(pthread_create(&closers[i], NULL, close_it, &shared), 0);
        void *failed = NULL;
        for (int i = 0; i < N_CLOSERS; i++) {
            assert_int_equal(pthread_join(closers[i], &failed), 0);
            assert_null(failed);
        }
        for (int i = 0; i < N_WRITERS; i++) assert_int_equal(pthread_join(writers[i], NULL), 0);
        laminar_db *again = open_at(path, kinds[kind]);
        laminar_result *result = NULL;
        assert_int_equal(laminar_execute(again, "SELECT count(*) FROM s", &result, NULL), 0);
        assert_true(laminar_result_int64(result, 0, 0) >= atomic_load(&shared.n_done));
        laminar_result_free(result);
        laminar_db_free(again);
        laminar_db_free(shared.db);
        remove_folder(path);
    }
}

static void has_no_secret(laminar_db *db, const char *sql)
{
    laminar_result *result = NULL;
    laminar_error err = LAMINAR_ERROR_INIT;
    bool is_masked = false;
    if (laminar_execute(db, sql, &result, &err)) fail_msg("%s: %s", sql, err.message);
    for (size_t row = 0; row < laminar_result_n_rows(result); row++) {
        for (size_t c = 0; c < laminar_result_n_columns(result); c++) {
            char *text = laminar_result_text_copy(result, row, c);
            if (text && strstr(text, "hunter2")) fail_msg("%s: %s", sql, text);
            if (text && strstr(text, "'***'")) is_masked = true;
            laminar_free(text);
        }
    }
    if (!is_masked) fail_msg("%s: nothing is masked", sql);
    laminar_result_free(result);
}

static void secrets_are_not_shown(void **state)
{
    (void)state;
    char *path = temporary_folder();
    char sql[512];
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_at(path, "sync");
    assert_int_equal(laminar_execute(db, "CREATE SOURCE s (x BIGINT)", NULL, NULL), 0);
    snprintf(
        sql, sizeof sql,
        "CREATE SINK k FROM s WITH (connector = 'file', path = '%s/out.csv', 'sasl.password' = "
        "'hunter2')",
        path);
    if (laminar_execute(db, sql, NULL, &err)) fail_msg("%s", err.message);
    for (int round = 0; round < 2; round++) {
        has_no_secret(db, "SHOW CREATE SINK k");
        has_no_secret(db, "DESCRIBE EXTENDED k");
        laminar_db_free(db);
        db = open_at(path, "sync"); /* made again from the log, with the secret */
    }
    laminar_db_free(db);
    remove_folder(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_threads_may_close),
        cmocka_unit_test(secrets_are_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
