/* test_crash_resume.c - subscribers that go on AS OF the last EPOCH they have seen, over every crash: each gets every change exactly once and in order, or,
 * where a crash lost what it had seen (durability async), an error that says so. */
#include "crash_test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const script[] = {
    "CREATE SOURCE s (id BIGINT, k BIGINT, w VARCHAR, ts TIMESTAMP, WATERMARK FOR ts) WITH (retain_history = '64mb')",
    "CREATE TABLE t (k BIGINT PRIMARY KEY, name VARCHAR) WITH (retain_history = '1000 rows')",
    "INSERT INTO s VALUES (1, 1, 'a', '2026-01-01 00:00:01'), (2, 2, 'a longer text than fits', '2026-01-01 00:00:02')",
    "CREATE MATERIALIZED VIEW sums AS SELECT k, count(*) AS n, min(w) AS w FROM s GROUP BY k WITH (retain_history = 'all')",
    "INSERT INTO t VALUES (1, 'one'), (2, 'two')",
    "CREATE STREAM pairs AS SELECT s.id, t.name FROM s LEFT JOIN t ON s.k = t.k WITH (retain_history = '1 hour')",
    "INSERT INTO s VALUES (3, 1, NULL, '2026-01-01 00:00:03')",
    "CHECKPOINT",
    "UPDATE t SET name = name || '!' WHERE k = 1",
    "INSERT INTO s VALUES (4, 3, 'c', '2026-01-01 00:00:04'), (5, 1, 'd', '2026-01-01 00:00:05')",
    "DELETE FROM t WHERE k = 2",
    "CHECKPOINT",
    "INSERT INTO s VALUES (6, 2, 'e', '2026-01-01 00:00:06')",
    "INSERT INTO t VALUES (3, 'three')",
    NULL};
static const struct workload workload = {"resume", script, false};
static const char *const names[] = {"s", "t", "sums", "pairs"};
enum { N_NAMES = 4 };

struct follower {
    laminar_subscription *sub;
    uint64_t epoch; /* seen */
    char *rows;     /* all of them, a line each */
    size_t size;
    bool was_refused;
};
static struct follower followers[N_NAMES];

static void add_rows(struct follower *f, const laminar_result *rows)
{
    for (size_t i = 0; i < laminar_result_n_rows(rows); i++) {
        for (size_t c = 0; c < laminar_result_n_columns(rows); c++) {
            char *cell = laminar_result_text_copy(rows, i, c);
            const char *text = cell ? cell : "null";
            size_t n = strlen(text);
            f->rows = realloc(f->rows, f->size + n + 3);
            memcpy(f->rows + f->size, text, n);
            f->size += n;
            f->rows[f->size++] = c + 1 == laminar_result_n_columns(rows) ? '\n' : '|';
            f->rows[f->size] = 0;
            laminar_free(cell);
        }
    }
}

/* Everybody reads what there is. */
static void follow(laminar_db *db, bool may_be_refused)
{
    for (size_t i = 0; i < N_NAMES; i++) {
        struct follower *f = &followers[i];
        laminar_error err = LAMINAR_ERROR_INIT;
        laminar_subscribe_options options = {.struct_size = sizeof options,
                                             .with_changes = true,
                                             .has_epoch = true,
                                             .epoch = f->epoch};
        if (!f->sub && !f->was_refused) {
            laminar_status status = laminar_subscribe(db, names[i], &options, &f->sub, &err);
            if (status == LAMINAR_SUBSCRIPTION_FAILED && may_be_refused) {
                f->was_refused = true;
                continue;
            }
            if (status == LAMINAR_TABLE_NOT_FOUND) continue;
            if (status) fail_msg("%s: %s", names[i], err.message);
        }
        for (laminar_result *rows; f->sub;) {
            if (laminar_subscription_next(f->sub, 0, &rows, &err) || !rows) break;
            add_rows(f, rows);
            assert_true(laminar_result_epoch(rows) > f->epoch);
            f->epoch = laminar_result_epoch(rows);
            assert_int_equal(laminar_subscription_epoch(f->sub), f->epoch);
            laminar_result_free(rows);
        }
    }
}

static void stop_following(void)
{
    for (size_t i = 0; i < N_NAMES; i++) {
        laminar_subscription_free(followers[i].sub);
        followers[i].sub = NULL;
    }
}

static void forget(void)
{
    stop_following();
    for (size_t i = 0; i < N_NAMES; i++) {
        free(followers[i].rows);
        followers[i] = (struct follower){0};
    }
}

/* Statements from `from` on until one fails, read by everybody after each. */
static size_t run(laminar_db *db, const struct ledger *ledger, size_t from, bool may_be_refused)
{
    follow(db, may_be_refused);
    for (size_t i = from; i < ledger->n; i++) {
        if (laminar_execute(db, script[i], NULL, NULL) != LAMINAR_OK) return i;
        follow(db, may_be_refused);
    }
    return ledger->n;
}

static size_t find_contents(const struct ledger *ledger, const char *text, size_t from, size_t to)
{
    for (size_t i = to + 1; i-- > from;)
        if (i <= ledger->n && strcmp(ledger->contents[i], text) == 0) return i;
    return SIZE_MAX;
}

static void expect_rows(char *const *expected, const char *where)
{
    for (size_t i = 0; i < N_NAMES; i++) {
        if (followers[i].was_refused) continue;
        const char *found = followers[i].rows ? followers[i].rows : "";
        if (strcmp(found, expected[i]) != 0)
            fail_msg("%s: %s got\n%sinstead of\n%s", where, names[i], found, expected[i]);
    }
}

/* On a new disk, which crashes at operation n; UINT64_MAX: never. Returns how many statements were done. */
static size_t run_once(const struct ledger *ledger, const char *durability, uint64_t n)
{
    disk_use(sim_disk_create());
    if (n != UINT64_MAX) sim_disk_fault(disk, SIM_CRASH, n, UINT64_MAX / 2);
    size_t done = 0;
    laminar_db *db = disk_open(durability, NULL);
    if (!db) return 0;
    done = run(db, ledger, 0, false);
    stop_following();
    (void)!laminar_close(db, NULL);
    laminar_db_free(db);
    return done;
}

static void expected_rows(const struct ledger *ledger, char **expected)
{
    assert_int_equal(run_once(ledger, "sync", UINT64_MAX), ledger->n);
    for (size_t i = 0; i < N_NAMES; i++) {
        assert_non_null(followers[i].rows);
        expected[i] = strdup(followers[i].rows);
    }
    forget();
    sim_disk_free(disk);
    disk_use(NULL);
}

static uint64_t n_refused, n_crashes;

/* Opens what a crash left and goes on to the end, or to the next crash. Between from and to statements have been done; returns how many are now. */
static size_t go_on(const struct ledger *ledger, const char *durability, size_t from, size_t to,
                    const char *where)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    bool is_sync = strcmp(durability, "sync") == 0;
    laminar_db *db = disk_open(durability, &err);
    if (!db) {
        if (!sim_disk_has_crashed(disk)) fail_msg("%s: does not open: %s", where, err.message);
        return from;
    }
    char *text = contents_of(db);
    size_t at = find_contents(ledger, text, is_sync ? from : 0, to);
    if (at == SIZE_MAX) fail_msg("%s: recovered to\n%s", where, text);
    free(text);
    size_t done = run(db, ledger, at, !is_sync);
    /* a statement may look as if it had not been done, and was */
    if (done != ledger->n && !sim_disk_has_crashed(disk)) done = run(db, ledger, at + 1, !is_sync);
    if (done != ledger->n && !sim_disk_has_crashed(disk))
        fail_msg("%s: statement %zu fails", where, done);
    stop_following();
    (void)!laminar_close(db, NULL);
    laminar_db_free(db);
    return done;
}

/* Power goes at operation n, and then at operation m of what comes after; UINT64_MAX: it doesn't. */
static bool crash_at(const struct ledger *ledger, char *const *expected, const char *durability,
                     uint64_t n, uint64_t m, int kind)
{
    char where[96];
    snprintf(where, sizeof where, "%s, operations %llu and %lld, crash %d", durability,
             (unsigned long long)n, (long long)m, kind);
    size_t done = run_once(ledger, durability, n), to = done + 1;
    bool has_crashed = sim_disk_has_crashed(disk);
    disk_crash((enum sim_crash)kind, n * 5 + (uint64_t)kind);
    if (m != UINT64_MAX) {
        sim_disk_fault(disk, SIM_CRASH, m, UINT64_MAX / 2);
        done = go_on(ledger, durability, done, to, where);
        to = done + 1;
        disk_crash((enum sim_crash)kind, m * 7 + n);
    }
    go_on(ledger, durability, done, to, where);
    expect_rows(expected, where);
    for (size_t i = 0; i < N_NAMES; i++) n_refused += followers[i].was_refused;
    forget();
    sim_disk_free(disk);
    disk_use(NULL);
    n_crashes++;
    return has_crashed;
}

static void every_crash(const char *durability)
{
    struct ledger ledger;
    char *expected[N_NAMES];
    ledger_init(&ledger, &workload);
    expected_rows(&ledger, expected);
    for (uint64_t n = 1;; n++) {
        bool has_crashed = false;
        for (int kind = 0; kind < SIM_CRASHES; kind++)
            has_crashed |= crash_at(&ledger, expected, durability, n, UINT64_MAX, kind);
        for (uint64_t m = 1 + n % 3; m < 40; m += 3)
            crash_at(&ledger, expected, durability, n, m, (int)(m % SIM_CRASHES));
        if (!has_crashed) break;
    }
    for (size_t i = 0; i < N_NAMES; i++) free(expected[i]);
    ledger_deinit(&ledger);
}

static void every_change_comes_once(void **state)
{
    (void)state;
    every_crash("sync");
    printf("%llu crashes\n", (unsigned long long)n_crashes);
    assert_true(n_crashes > 800);
    assert_int_equal(n_refused, 0);
}

/* A crash may lose what was seen: then the number of its epoch is not that of another one. */
static void lost_epochs_are_refused(void **state)
{
    (void)state;
    every_crash("async");
    printf("%llu refused\n", (unsigned long long)n_refused);
    assert_true(n_refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_change_comes_once),
        cmocka_unit_test(lost_epochs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
