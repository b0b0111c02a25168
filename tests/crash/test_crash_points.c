/* test_crash_points.c - power goes at every operation on the disk of every workload, in every way: nothing acknowledged is lost, nothing is doubled, and
 * the database goes on as if nothing had happened. The last test says how many crashes there were. */
#include "crash_test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t n_points;

/* Which statement the contents stand after: from..to, or SIZE_MAX. The last one, when several look the same. */
static size_t find_contents(const struct ledger *ledger, const char *text, size_t from, size_t to)
{
    for (size_t i = to + 1; i-- > from;)
        if (i <= ledger->n + ledger->workload->has_end && strcmp(ledger->contents[i], text) == 0)
            return i;
    return SIZE_MAX;
}

/* The first line in which they differ. */
static void show_difference(const char *found, const char *expected)
{
    size_t at = 0, line = 0;
    while (found[at] && found[at] == expected[at]) at++;
    for (line = at; line > 0 && found[line - 1] != '\n';) line--;
    printf("found   : %.200s\nexpected: %.200s\n", found + line, expected + line);
}

static void show_problem(void *user_data, bool is_problem, const char *text)
{
    (void)user_data;
    if (is_problem) printf("%s\n", text);
}

/* A crash is no damage. */
static void check_folder(const char *where)
{
    uint64_t n_problems = 0;
    laminar_error err = LAMINAR_ERROR_INIT;
    if (!file_exists("/db/LOCK") || !file_exists("/db/log") || !file_exists("/db/checkpoints"))
        return;
    if (laminar_check("/db", show_problem, NULL, &n_problems, &err))
        fail_msg("%s: check: %s", where, err.message);
    if (n_problems) fail_msg("%s: check finds problems", where);
}

/* Opens what a crash left, compares, runs the rest, and compares again. */
static void check_recovery(const struct ledger *ledger, const char *durability, size_t from,
                           size_t to, const char *where)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    if (n_points % 5 == 0) check_folder(where);
    laminar_db *db = disk_open(durability, &err);
    if (!db) fail_msg("%s: does not open: %s", where, err.message);
    char *text = contents_of(db);
    /* the catalog is newer than the rows: they agree with nothing in the ledger */
    if (strcmp(durability, "off") == 0) {
        free(text);
        laminar_db_free(db);
        return;
    }
    size_t at = find_contents(ledger, text, from, to);
    if (at == SIZE_MAX) {
        show_difference(text, ledger->contents[from]);
        show_difference(text, ledger->contents[to <= ledger->n ? to : ledger->n]);
        fail_msg("%s: neither as after statement %zu nor after %zu", where, from, to);
    }
    free(text);
    if (run_statements(db, ledger, at) != ledger->n) {
        /* a statement of the catalog that was done may look undone (CHECKPOINT, SET, an equal state): it is the only one that may fail */
        size_t failed = run_statements(db, ledger, at + 1);
        if (failed != ledger->n) fail_msg("%s: statement %zu fails after recovery", where, failed);
    }
    text = contents_of(db);
    const char *end = ledger->contents[at > ledger->n ? at : ledger->n];
    if (strcmp(text, end) != 0) {
        show_difference(text, end);
        fail_msg("%s: recovered after statement %zu, the end differs", where, at);
    }
    free(text);
    if (laminar_close(db, &err)) fail_msg("%s: close: %s", where, err.message);
    laminar_db_free(db);
}

/* Crashes at operation n of the workload; false when it has no such operation. *done: statements that were acknowledged. */
static bool crash_at(const struct ledger *ledger, const char *durability, uint64_t n, size_t *done)
{
    disk_use(sim_disk_create());
    sim_disk_fault(disk, SIM_CRASH, n, UINT64_MAX / 2);
    *done = 0;
    laminar_db *db = disk_open(durability, NULL);
    if (db) {
        *done = run_statements(db, ledger, 0);
        (void)!laminar_close(db, NULL);
        laminar_db_free(db);
    }
    return sim_disk_has_crashed(disk);
}

static void every_crash_of(const struct workload *workload, const char *durability, bool is_loose)
{
    struct ledger ledger;
    ledger_init(&ledger, workload);
    for (uint64_t n = 1;; n++) {
        for (int kind = 0; kind < SIM_CRASHES; kind++) {
            size_t done;
            char where[128];
            bool has_crashed = crash_at(&ledger, durability, n, &done);
            snprintf(where, sizeof where, "%s, %s, operation %llu, crash %d", workload->name,
                     durability, (unsigned long long)n, kind);
            disk_crash((enum sim_crash)kind, n * 7 + (uint64_t)kind);
            check_recovery(&ledger, durability, is_loose ? 0 : done, done + 1, where);
            sim_disk_free(disk);
            disk_use(NULL);
            if (!has_crashed) goto done;
            n_points++;
        }
    }
done:
    ledger_deinit(&ledger);
}

static void tables_survive(void **state)
{
    (void)state;
    every_crash_of(&workloads[0], "sync", false);
}
static void aggregates_survive(void **state)
{
    (void)state;
    every_crash_of(&workloads[1], "sync", false);
}
static void windows_survive(void **state)
{
    (void)state;
    every_crash_of(&workloads[2], "sync", false);
}
static void joins_survive(void **state)
{
    (void)state;
    every_crash_of(&workloads[3], "sync", false);
}
static void keyed_relations_survive(void **state)
{
    (void)state;
    every_crash_of(&workloads[4], "sync", false);
}

static void rows_of_sinks_are_in_their_files_once(void **state)
{
    (void)state;
    every_crash_of(&workloads[5], "sync", false);
    every_crash_of(&workloads[5], "async", true);
}

static void held_changes_come_out_once(void **state)
{
    (void)state;
    every_crash_of(&workloads[6], "sync", false);
    every_crash_of(&workloads[6], "async", true);
}

/* Every kind of operator that the other scripts don't have. */
static void other_operators_survive(void **state)
{
    (void)state;
    every_crash_of(&workloads[7], "sync", false);
}

/* Groups, kept rows and rows of joins are in a file, and come back from it: a crash in the middle of that costs nothing, and leaves no file. */
static void spilled_state_survives(void **state)
{
    (void)state;
    disk_spills = true;
    struct ledger ledger;
    ledger_init(&ledger, &workloads[1]);
    disk_use(sim_disk_create());
    laminar_db *db = disk_open("sync", NULL);
    assert_int_equal(run_statements(db, &ledger, 0), ledger.n);
    laminar_result *result = NULL;
    const char *spilled = "SELECT value FROM system.metrics WHERE name = 'spilled_bytes'";
    assert_int_equal(laminar_execute(db, spilled, &result, NULL), LAMINAR_OK);
    assert_true(laminar_result_int64(result, 0, 0) > 0);
    laminar_result_free(result);
    laminar_db_free(db);
    sim_disk_free(disk);
    disk_use(NULL);
    ledger_deinit(&ledger);
    every_crash_of(&workloads[1], "sync", false);
    every_crash_of(&workloads[6], "sync", false);
    every_crash_of(&workloads[0], "sync", false);
    every_crash_of(&workloads[3], "sync", false);
    every_crash_of(&workloads[4], "sync", false);
    disk_spills = false;
}

/* async, off: some prefix is found. */
static void what_is_lost_is_an_end(void **state)
{
    (void)state;
    every_crash_of(&workloads[1], "off", true);
    every_crash_of(&workloads[4], "async", true);
}

/* The second crash comes while the first one is being recovered from. */
static void recovery_may_crash_too(void **state)
{
    (void)state;
    for (size_t w = 0; w + 1 < n_workloads; w++) { /* the last one would take long */
        struct ledger ledger;
        ledger_init(&ledger, &workloads[w]);
        for (uint64_t n = 1;; n++) {
            size_t done;
            if (!crash_at(&ledger, "sync", n, &done)) {
                sim_disk_free(disk);
                disk_use(NULL);
                break;
            }
            struct sim_disk *first = disk;
            for (uint64_t m = 1; m < 40; m++) {
                char where[128];
                snprintf(where, sizeof where, "%s, operations %llu and %llu", workloads[w].name,
                         (unsigned long long)n, (unsigned long long)m);
                disk_use(sim_disk_crash(first, (enum sim_crash)(m % SIM_CRASHES), n + m));
                sim_disk_fault(disk, SIM_CRASH, m, UINT64_MAX / 2);
                size_t further = done;
                laminar_db *db = disk_open("sync", NULL);
                if (db) {
                    /* where it stands: the statement that was cut short may have been done */
                    char *text = contents_of(db);
                    size_t at = find_contents(&ledger, text, done, done + 1);
                    /* a sink that can't be opened does not keep the database from opening, and reading its file may be what fails */
                    bool is_readable = !sim_disk_has_crashed(disk);
                    if (at == SIZE_MAX && is_readable)
                        fail_msg("%s: recovered to\n%s", where, text);
                    free(text);
                    at = at == SIZE_MAX ? done : at;
                    if (is_readable) further = run_statements(db, &ledger, at);
                    (void)!laminar_close(db, NULL);
                    laminar_db_free(db);
                    if (further < at) further = at;
                }
                bool has_crashed = sim_disk_has_crashed(disk);
                disk_crash((enum sim_crash)((m / 4) % SIM_CRASHES), m);
                check_recovery(&ledger, "sync", further, db ? further + 1 : done + 1, where);
                sim_disk_free(disk);
                n_points++;
                if (!has_crashed) break;
            }
            sim_disk_free(first);
            disk_use(NULL);
        }
        ledger_deinit(&ledger);
    }
}

static void there_were_enough_of_them(void **state)
{
    (void)state;
    printf("%llu crashes\n", (unsigned long long)n_points);
    assert_true(n_points >= 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_survive),
        cmocka_unit_test(aggregates_survive),
        cmocka_unit_test(windows_survive),
        cmocka_unit_test(joins_survive),
        cmocka_unit_test(keyed_relations_survive),
        cmocka_unit_test(rows_of_sinks_are_in_their_files_once),
        cmocka_unit_test(held_changes_come_out_once),
        cmocka_unit_test(other_operators_survive),
        cmocka_unit_test(spilled_state_survives),
        cmocka_unit_test(what_is_lost_is_an_end),
        cmocka_unit_test(recovery_may_crash_too),
        cmocka_unit_test(there_were_enough_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
