/* test_crash_checkpoints.c - when checkpoints are made, how fast, which one is used; what a newer version wrote is refused; a statement that makes a table with its
 * rows comes back whole or not at all. */
#include "base/thread.h"
#include "crash_test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct setting {
    const char *name, *value;
};

static laminar_db *open_with(const struct setting *settings, size_t n, laminar_error *err)
{
    laminar_config *config = NULL;
    laminar_db *db = NULL;
    assert_int_equal(laminar_config_create(&config, NULL), LAMINAR_OK);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(laminar_config_set(config, settings[i].name, settings[i].value, NULL),
                         LAMINAR_OK);
    laminar_status status = laminar_open("/db", config, &db, err);
    laminar_config_free(config);
    return status == LAMINAR_OK ? db : NULL;
}

static void run(laminar_db *db, const char *sql)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    if (laminar_execute(db, sql, NULL, &err)) fail_msg("%s: %s", sql, err.message);
}

static int64_t number(laminar_db *db, const char *sql)
{
    laminar_result *result = NULL;
    laminar_error err = LAMINAR_ERROR_INIT;
    if (laminar_execute(db, sql, &result, &err)) fail_msg("%s: %s", sql, err.message);
    int64_t value = laminar_result_int64(result, 0, 0);
    laminar_result_free(result);
    return value;
}

static void forget_disk(void)
{
    sim_disk_free(disk);
    disk_use(NULL);
}

static void insert_rows(laminar_db *db, int from, int n)
{
    for (int i = from; i < from + n; i++) {
        char sql[256];
        snprintf(sql, sizeof sql, "INSERT INTO t VALUES (%d, 'a text that is long enough, %d')", i,
                 i);
        run(db, sql);
    }
}

static void a_long_log_makes_a_checkpoint(void **state)
{
    (void)state;
    static const struct setting settings[] = {{"checkpoint_interval_ms", "0"},
                                              {"checkpoint_log_bytes", "4kb"},
                                              {"wal_segment_bytes", "4096"}};
    disk_use(sim_disk_create());
    laminar_db *db = open_with(settings, 3, NULL);
    assert_non_null(db);
    run(db, "CREATE TABLE t (k BIGINT PRIMARY KEY, v VARCHAR)");
    insert_rows(db, 0, 5);
    clock_sleep_us(1200000);
    assert_int_equal(number(db, "SELECT count(*) FROM system.checkpoints"), 0);
    insert_rows(db, 5, 100);
    int64_t deadline = clock_deadline_us(20000);
    while (number(db, "SELECT count(*) FROM system.checkpoints") == 0 && clock_mono_us() < deadline)
        clock_sleep_us(20000);
    int64_t id = number(db, "SELECT max(id) FROM system.checkpoints");
    assert_true(id > 0);
    /* One may be on its way, and one more due. After that there is none, though the log still has what the older checkpoint needs. */
    insert_rows(db, 1000, 2);
    clock_sleep_us(2500000);
    assert_true(number(db, "SELECT max(id) FROM system.checkpoints") <= id + 2);
    laminar_db_free(db);
    forget_disk();
}

static void a_limit_slows_checkpoints_down_but_not_the_end(void **state)
{
    (void)state;
    static const struct setting settings[] = {{"checkpoint_interval_ms", "0"},
                                              {"checkpoint_log_bytes", "0"},
                                              {"checkpoint_bytes_per_s", "1mb"}};
    disk_use(sim_disk_create());
    laminar_db *db = open_with(settings, 3, NULL);
    assert_non_null(db);
    run(db, "CREATE TABLE t AS SELECT g AS k, 'a text that does not fit into a view' AS v FROM "
            "generate_series(1, 8000) AS n(g)");
    run(db, "CHECKPOINT");
    int64_t bytes = number(db, "SELECT bytes_written FROM system.checkpoints"),
            us = number(db, "SELECT duration_us FROM system.checkpoints");
    assert_true(bytes > 300000);
    assert_true((double)us >= (double)(bytes - (1 << 16)) * 0.9);
    laminar_db_free(db);
    forget_disk();
}

/* Damages the checkpoint with the greatest number. */
static void damage_newest(uint64_t id, const char *suffix)
{
    char path[64];
    snprintf(path, sizeof path, "/db/checkpoints/%012llu.%s", (unsigned long long)id, suffix);
    for (uint64_t at = 20; at < 4000; at += 7)
        if (!sim_disk_damage(disk, path, at)) break;
}

static void a_damaged_checkpoint_gives_way_to_the_one_before(void **state)
{
    (void)state;
    for (int what = 0; what < 2; what++) {
        disk_use(sim_disk_create());
        laminar_db *db = disk_open("sync", NULL);
        assert_non_null(db);
        run(db, "CREATE TABLE t (k BIGINT PRIMARY KEY, v VARCHAR)");
        insert_rows(db, 0, 20);
        run(db, "CHECKPOINT");
        run(db, "CREATE STREAM sums AS SELECT count(*) AS n, sum(k) AS s FROM t");
        insert_rows(db, 20, 20);
        run(db, "CHECKPOINT");
        int64_t id = number(db, "SELECT max(id) FROM system.checkpoints");
        insert_rows(db, 40, 20);
        char *expected = contents_of(db);
        laminar_db_free(db);
        damage_newest((uint64_t)id, what == 0 ? "state" : "manifest");
        for (int round = 0; round < 2; round++) {
            laminar_error err = LAMINAR_ERROR_INIT;
            db = disk_open("sync", &err);
            if (!db) fail_msg("%s", err.message);
            char *found = contents_of(db);
            assert_string_equal(found, expected);
            free(found);
            if (round == 0) run(db, "CHECKPOINT");
            laminar_db_free(db);
        }
        free(expected);
        forget_disk();
    }
}

/* Of checkpoints in the background nobody gets the error: it can be asked for. */
static void failures_are_shown(void **state)
{
    (void)state;
    disk_use(sim_disk_create());
    laminar_db *db = disk_open("sync", NULL);
    laminar_result *result = NULL;
    run(db, "CREATE TABLE t (k BIGINT PRIMARY KEY, v VARCHAR)");
    sim_disk_fault(disk, SIM_NO_SPACE, 1, UINT64_MAX / 2);
    assert_int_not_equal(laminar_execute(db, "CHECKPOINT", NULL, NULL), LAMINAR_OK);
    sim_disk_fault(disk, SIM_NONE, 1, 1);
    assert_int_equal(laminar_execute(db, "SHOW CHECKPOINT STATUS", &result, NULL), LAMINAR_OK);
    assert_int_equal(laminar_result_int64(result, 0, 9), 1);
    char *text = laminar_result_text_copy(result, 0, 10);
    assert_non_null(strstr(text, "No space left"));
    laminar_free(text);
    laminar_result_free(result);
    run(db, "CHECKPOINT");
    assert_int_equal(laminar_execute(db, "SHOW CHECKPOINT STATUS", &result, NULL), LAMINAR_OK);
    assert_int_equal(laminar_result_int64(result, 0, 9), 1);
    assert_true(laminar_result_is_null(result, 0, 10));
    laminar_result_free(result);
    laminar_db_free(db);
    forget_disk();
}

static void no_checkpoint_that_reads_is_an_error(void **state)
{
    (void)state;
    disk_use(sim_disk_create());
    laminar_db *db = disk_open("sync", NULL);
    run(db, "CREATE TABLE t (k BIGINT PRIMARY KEY, v VARCHAR)");
    insert_rows(db, 0, 20);
    run(db, "CHECKPOINT");
    insert_rows(db, 20, 20);
    run(db, "CHECKPOINT");
    insert_rows(db, 40, 20);
    run(db, "CHECKPOINT");
    int64_t id = number(db, "SELECT max(id) FROM system.checkpoints");
    laminar_db_free(db);
    damage_newest((uint64_t)id, "state");
    damage_newest((uint64_t)id - 1, "state");
    uint64_t before = sim_disk_hash(disk);
    laminar_error err = LAMINAR_ERROR_INIT;
    assert_null(disk_open("sync", &err));
    assert_int_equal(err.code, LAMINAR_CHECKPOINT_FAILED);
    assert_non_null(strstr(err.message, "/db/checkpoints/"));
    assert_true(sim_disk_hash(disk) == before);
    forget_disk();
}

/* --- Newer formats ------------------------------------------------------------------------------------------------------------------- */

static void write_over(const char *path, const void *data, size_t size, uint64_t offset)
{
    struct file file = {0};
    assert_int_equal(file_open(&file, path, FILE_UPDATE, NULL), LAMINAR_OK);
    assert_int_equal(file_write_at(&file, data, size, offset, NULL), LAMINAR_OK);
    assert_int_equal(file_close(&file, NULL), LAMINAR_OK);
}

static void refuses_folder(const char *what)
{
    uint64_t before = sim_disk_hash(disk);
    laminar_error err = LAMINAR_ERROR_INIT;
    assert_null(disk_open("sync", &err));
    assert_int_equal(err.code, LAMINAR_CONNECTION_FAILED);
    assert_non_null(strstr(err.message, "format 7"));
    assert_non_null(strstr(err.message, what));
    assert_non_null(strstr(err.hint, "newer version"));
    assert_true(sim_disk_hash(disk) == before); /* nothing was touched */
}

static void a_newer_format_is_refused_by_name(void **state)
{
    (void)state;
    uint32_t format = 7;
    disk_use(sim_disk_create());
    laminar_db *db = disk_open("sync", NULL);
    run(db, "CREATE TABLE t (k BIGINT PRIMARY KEY, v VARCHAR)");
    run(db, "CHECKPOINT");
    insert_rows(db, 0, 3);
    int64_t id = number(db, "SELECT max(id) FROM system.checkpoints");
    laminar_db_free(db);
    struct strbuf manifest = {0};
    char path[64];
    snprintf(path, sizeof path, "/db/checkpoints/%012llu.manifest", (unsigned long long)id);
    assert_int_equal(file_read_all(path, 1 << 20, &manifest, NULL), LAMINAR_OK);
    write_over(path, "laminardb-checkpoint 7", 22, 0);
    refuses_folder("manifest");
    write_over(path, manifest.data, manifest.size, 0);
    strbuf_deinit(&manifest);
    const char *log = "/db/log/0000000000000001.log";
    write_over(log, &format, 4, 8);
    write_over(log, &format, 4, 512 + 8);
    refuses_folder("0000000000000001.log");
    forget_disk();
}

/* --- CREATE TABLE AS ------------------------------------------------------------------------------------------------------------------- */

static void a_table_comes_back_with_its_rows_or_not_at_all(void **state)
{
    (void)state;
    uint64_t n_crashes = 0;
    for (uint64_t n = 1;; n++) {
        bool has_crashed = false;
        for (int kind = 0; kind < SIM_CRASHES; kind++) {
            disk_use(sim_disk_create());
            laminar_db *db = disk_open("sync", NULL);
            run(db, "CREATE SOURCE s (k BIGINT)");
            run(db, "INSERT INTO s VALUES (1), (2), (3)");
            sim_disk_fault(disk, SIM_CRASH, n, UINT64_MAX / 2);
            laminar_status status = laminar_execute(
                db, "CREATE TABLE t AS SELECT k * 2 AS k FROM s", NULL, NULL);
            has_crashed = sim_disk_has_crashed(disk);
            laminar_db_free(db);
            disk_crash((enum sim_crash)kind, n);
            laminar_error err = LAMINAR_ERROR_INIT;
            db = disk_open("sync", &err);
            if (!db) fail_msg("%s", err.message);
            int64_t n_tables = number(db, "SELECT count(*) FROM system.tables");
            if (status == LAMINAR_OK) assert_int_equal(n_tables, 1);
            if (n_tables == 1) assert_int_equal(number(db, "SELECT sum(k) FROM t"), 12);
            laminar_db_free(db);
            forget_disk();
            n_crashes++;
        }
        if (!has_crashed) break;
    }
    assert_true(n_crashes > 8);
}

static void a_table_whose_query_fails_is_not_made(void **state)
{
    (void)state;
    disk_use(sim_disk_create());
    laminar_db *db = disk_open("sync", NULL);
    run(db, "CREATE SOURCE s (k BIGINT)");
    run(db, "INSERT INTO s VALUES (1), (0)");
    assert_int_equal(laminar_execute(db, "CREATE TABLE t AS SELECT 1 / k AS x FROM s", NULL, NULL),
                     LAMINAR_QUERY_FAILED);
    assert_int_equal(number(db, "SELECT count(*) FROM system.tables"), 0);
    run(db, "CREATE TABLE t AS SELECT k FROM s");
    run(db, "INSERT INTO t VALUES (5)");
    laminar_db_free(db);
    db = disk_open("sync", NULL);
    assert_int_equal(number(db, "SELECT sum(k) FROM t"), 6);
    laminar_db_free(db);
    forget_disk();
}

/* --- RESTORE FROM CHECKPOINT ------------------------------------------------------------------------------------------------------------- */

static const char *const before_restore[] = {
    "CREATE TABLE t (k BIGINT PRIMARY KEY, v VARCHAR)",
    "CREATE STREAM sums AS SELECT count(*) AS n, sum(k) AS s FROM t",
    "INSERT INTO t VALUES (1, 'one'), (2, 'two')",
    "CREATE SINK k FROM sums INTO file (path = '/out.json')",
    "CHECKPOINT",
    "INSERT INTO t VALUES (3, 'three')",
    "DROP STREAM sums CASCADE",
    "CREATE TABLE u (x BIGINT)",
    "CHECKPOINT",
    "INSERT INTO u VALUES (7)"};

static laminar_db *open_and_fill(char **old)
{
    disk_use(sim_disk_create());
    laminar_db *db = disk_open("sync", NULL);
    for (size_t i = 0; i < sizeof before_restore / sizeof *before_restore; i++) {
        run(db, before_restore[i]);
        if (i == 3 && old) *old = contents_of(db);
    }
    return db;
}

static void going_back_survives_every_crash(void **state)
{
    (void)state;
    char *old = NULL;
    laminar_db *db = open_and_fill(&old);
    char *newer = contents_of(db);
    run(db, "RESTORE FROM CHECKPOINT 1");
    char *back = contents_of(db);
    assert_string_equal(back, old);
    free(back);
    run(db, "INSERT INTO t VALUES (10, 'ten')");
    char *further = contents_of(db);
    laminar_db_free(db);
    forget_disk();
    uint64_t n_crashes = 0;
    bool has_crashed = true;
    for (uint64_t n = 1; has_crashed; n++) {
        for (int kind = 0; kind < SIM_CRASHES; kind++, n_crashes++) {
            laminar_error err = LAMINAR_ERROR_INIT;
            db = open_and_fill(NULL);
            sim_disk_fault(disk, SIM_CRASH, n, UINT64_MAX / 2);
            bool is_done = laminar_execute(db, "RESTORE FROM CHECKPOINT 1", NULL, NULL) == 0;
            bool is_further = is_done && laminar_execute(db, "INSERT INTO t VALUES (10, 'ten')",
                                                         NULL, NULL) == 0;
            has_crashed = sim_disk_has_crashed(disk);
            laminar_db_free(db);
            disk_crash((enum sim_crash)kind, n);
            for (int round = 0; round < 3; round++) {
                db = disk_open("sync", &err);
                if (!db) fail_msg("operation %llu: %s", (unsigned long long)n, err.message);
                char *found = contents_of(db);
                bool is_old = strcmp(found, old) == 0, is_newer = strcmp(found, newer) == 0;
                if (strcmp(found, further) != 0 &&
                    (is_further || (!is_old && (is_done || !is_newer))))
                    fail_msg("operation %llu, crash %d:\n%s", (unsigned long long)n, kind, found);
                free(found);
                if (round == 1) run(db, "CHECKPOINT");
                laminar_db_free(db);
            }
            forget_disk();
        }
    }
    assert_true(n_crashes > 60);
    free(old);
    free(newer);
    free(further);
}

/* --- Recovering twice ---------------------------------------------------------------------------------------------------------------------- */

static void recovering_twice_gives_the_same_bytes(void **state)
{
    (void)state;
    for (int kind = 0; kind < SIM_CRASHES; kind++) {
        for (uint64_t n = 3; n < 60; n += 4) {
            disk_use(sim_disk_create());
            sim_disk_fault(disk, SIM_CRASH, n, UINT64_MAX / 2);
            laminar_db *db = disk_open("sync", NULL);
            for (size_t i = 0; db && i < sizeof before_restore / sizeof *before_restore; i++)
                if (laminar_execute(db, before_restore[i], NULL, NULL)) break;
            laminar_db_free(db);
            disk_crash((enum sim_crash)kind, n);
            uint64_t hashes[2];
            for (int round = 0; round < 2; round++) {
                laminar_error err = LAMINAR_ERROR_INIT;
                db = disk_open("sync", &err);
                if (!db) fail_msg("%s", err.message);
                laminar_db_free(db);
                hashes[round] = sim_disk_hash(disk);
            }
            if (hashes[0] != hashes[1])
                fail_msg("crash %d at operation %llu: the second recovery left something else",
                         kind, (unsigned long long)n);
            forget_disk();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_log_makes_a_checkpoint),
        cmocka_unit_test(a_limit_slows_checkpoints_down_but_not_the_end),
        cmocka_unit_test(a_damaged_checkpoint_gives_way_to_the_one_before),
        cmocka_unit_test(failures_are_shown),
        cmocka_unit_test(no_checkpoint_that_reads_is_an_error),
        cmocka_unit_test(a_newer_format_is_refused_by_name),
        cmocka_unit_test(a_table_comes_back_with_its_rows_or_not_at_all),
        cmocka_unit_test(a_table_whose_query_fails_is_not_made),
        cmocka_unit_test(going_back_survives_every_crash),
        cmocka_unit_test(recovering_twice_gives_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
