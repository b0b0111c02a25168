/* test_crash_faults.c - a disk that fails, is full, or forgets what it was asked to keep: a statement that fails has changed nothing, the others go on, and
 * what was acknowledged is there after the next crash. A database in memory runs the same statements; it skips those that failed. */
#include "crash_test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static laminar_db *open_twin(void)
{
    laminar_db *db = NULL;
    assert_int_equal(laminar_open(":memory:", NULL, &db, NULL), LAMINAR_OK);
    return db;
}

static bool is_same(laminar_db *db, laminar_db *twin, bool is_shown)
{
    char *a = contents_of(db), *b = contents_of(twin);
    bool same = strcmp(a, b) == 0;
    if (!same && is_shown) printf("found:\n%s\nexpected:\n%s\n", a, b);
    free(a);
    free(b);
    return same;
}

/* The message says what failed, and whether a retry can help. */
static void check_error(const laminar_error *err, const char *where)
{
    if (err->code == LAMINAR_INTERNAL_ERROR || err->message[0] == 0)
        fail_msg("%s: %d %s", where, (int)err->code, err->message);
}

/* One run; false when the workload has no operation n. */
static bool fail_at(const struct workload *workload, enum sim_fault fault, uint64_t n,
                    uint64_t n_times)
{
    char where[128];
    snprintf(where, sizeof where, "%s, fault %d at operation %llu for %llu", workload->name, fault,
             (unsigned long long)n, (unsigned long long)n_times);
    disk_use(sim_disk_create());
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = disk_open("sync", &err), *twin = open_twin();
    if (!db) fail_msg("%s: %s", where, err.message);
    sim_disk_fault(disk, fault, n, n_times);
    uint64_t first = sim_disk_n_ops(disk);
    for (size_t i = 0; workload->statements[i]; i++) {
        const char *sql = workload->statements[i];
        laminar_error failure = LAMINAR_ERROR_INIT;
        laminar_status status = laminar_execute(db, sql, NULL, &failure);
        if (status != LAMINAR_OK) check_error(&failure, where);
        if (strcmp(sql, "CHECKPOINT") == 0) continue;
        if (status == LAMINAR_OK && laminar_execute(twin, sql, NULL, &err))
            fail_msg("%s: statement %zu should have failed: %s", where, i, err.message);
        if (status != LAMINAR_OK && !is_same(db, twin, true))
            fail_msg("%s: statement %zu failed (%s) and left something behind", where, i,
                     failure.message);
    }
    bool was_met = sim_disk_n_ops(disk) - first >= n;
    if (!is_same(db, twin, true)) fail_msg("%s: memory is not what it should be", where);
    /* Power goes without a word. */
    struct sim_disk *after = sim_disk_crash(disk, SIM_LOSE_ALL, n), *before = disk;
    disk_use(after);
    laminar_db *again = disk_open("sync", &err);
    if (!again) fail_msg("%s: does not open: %s", where, err.message);
    if (!is_same(again, twin, true)) fail_msg("%s: not what was acknowledged", where);
    laminar_db_free(again);
    disk_use(before);
    laminar_db_free(db);
    laminar_db_free(twin);
    sim_disk_free(before);
    sim_disk_free(after);
    disk_use(NULL);
    return was_met;
}

static void every_operation_may_fail(void **state)
{
    (void)state;
    uint64_t n_faults = 0;
    /* two write files, which stops their sinks, and the last one only has more operators */
    for (size_t w = 0; w + 3 < n_workloads; w++)
        for (int fault = SIM_ERROR; fault < SIM_FAULTS; fault++)
            for (uint64_t n = 1; fail_at(&workloads[w], (enum sim_fault)fault, n, 1 + n % 4); n++)
                n_faults++;
    printf("%llu faults\n", (unsigned long long)n_faults);
    assert_true(n_faults > 500);
}

static void a_full_disk_is_an_error_until_it_has_room(void **state)
{
    (void)state;
    disk_use(sim_disk_create());
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = disk_open("sync", &err);
    assert_non_null(db);
    assert_int_equal(laminar_execute(db, "CREATE TABLE t (k BIGINT PRIMARY KEY)", NULL, NULL), 0);
    sim_disk_fault(disk, SIM_NO_SPACE, 1, UINT64_MAX / 2);
    size_t n_done = 0, n_failed = 0;
    for (int i = 0; i < 50; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "INSERT INTO t VALUES (%d)", i);
        laminar_error failure = LAMINAR_ERROR_INIT;
        if (laminar_execute(db, sql, NULL, &failure)) {
            assert_int_equal(failure.code, LAMINAR_IO_ERROR);
            assert_true(failure.is_retriable);
            assert_non_null(strstr(failure.message, "No space left"));
            n_failed++;
        } else {
            n_done++;
        }
    }
    assert_true(n_failed > 0);
    sim_disk_fault(disk, SIM_NONE, 1, 1);
    assert_int_equal(laminar_execute(db, "INSERT INTO t VALUES (1000)", NULL, NULL), LAMINAR_OK);
    laminar_result *result = NULL;
    assert_int_equal(laminar_execute(db, "SELECT count(*) FROM t", &result, NULL), LAMINAR_OK);
    assert_int_equal(laminar_result_int64(result, 0, 0), (int64_t)n_done + 1);
    laminar_result_free(result);
    laminar_db_free(db);
    sim_disk_free(disk);
    disk_use(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_may_fail),
        cmocka_unit_test(a_full_disk_is_an_error_until_it_has_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
