/* test_api_memory.c - what a database says that it holds is what it takes from the heap, and memory_limit: inserts are refused before they have changed
 * anything, or wait; what takes away always passes; queries and backfills fail; and all goes on when there is room again. */
#include "api_test.h"
#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_HEAP_SIZES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_HEAP_SIZES 0
#endif
#endif
#if !defined(HAS_HEAP_SIZES)
#define HAS_HEAP_SIZES 1
#endif

#define MEMORY_NOW "SELECT value FROM system.metrics WHERE name = 'memory_bytes'"

static void runf(laminar_db *db, const char *format, ...)
{
    char sql[512];
    va_list args;
    va_start(args, format);
    vsnprintf(sql, sizeof sql, format, args);
    va_end(args);
    run(db, sql);
}

/* Rows [from, from + n) with a key each. */
static laminar_status insert(laminar_db *db, long long from, int n, laminar_error *err)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "INSERT INTO s SELECT i, i, 'text of row number ' || CAST(i AS VARCHAR) FROM "
             "generate_series(%lld, %lld) AS g(i)",
             from, from + n - 1);
    return laminar_execute(db, sql, NULL, err);
}

/* --- Counting -------------------------------------------------------------------------------------------------------------------- */

static void expect_counted(const char *source, const char *more, const char *name)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    run(db, source);
    if (more) run(db, more);
    if (insert(db, 0, 10, &err)) fail_msg("%s", err.message);
    struct mallinfo2 before = mallinfo2();
    int64_t counted = number_of(db, MEMORY_NOW);
    for (int i = 1; i <= 25; i++)
        if (insert(db, i * 8000, 8000, &err)) fail_msg("%s", err.message);
    struct mallinfo2 after = mallinfo2();
    counted = number_of(db, MEMORY_NOW) - counted;
    int64_t heap = (int64_t)(after.uordblks + after.hblkhd) -
                   (int64_t)(before.uordblks + before.hblkhd);
    assert_true(counted > 4 << 20);
    if (HAS_HEAP_SIZES && (counted < heap * 85 / 100 || counted > heap * 115 / 100))
        fail_msg("%s: %lld bytes counted, %lld taken from the heap", name, (long long)counted,
                 (long long)heap);
    laminar_db_free(db);
}

#define APPEND_SOURCE                                                                              \
    "CREATE SOURCE s (id BIGINT, k BIGINT, t VARCHAR) WITH ('retention' = '10 rows')"

static void test_counts(void **state)
{
    (void)state;
    expect_counted("CREATE SOURCE s (id BIGINT, k BIGINT, t VARCHAR) WITH ('retention' = 'all')",
                   NULL, "kept rows");
    expect_counted("CREATE TABLE s (id BIGINT PRIMARY KEY, k BIGINT, t VARCHAR)", NULL, "table");
    expect_counted("CREATE TABLE s (id BIGINT, k BIGINT, t VARCHAR)", NULL, "bag");
    expect_counted(APPEND_SOURCE,
                   "CREATE STREAM x AS SELECT k, count(*) AS n, sum(id) AS s FROM s GROUP BY k",
                   "groups");
    expect_counted(APPEND_SOURCE,
                   "CREATE STREAM x AS SELECT t, count(*) AS n, min(id) AS m FROM s GROUP BY t",
                   "groups by text");
    expect_counted(APPEND_SOURCE,
                   "CREATE STREAM x AS SELECT a.id, b.t FROM s AS a JOIN s AS b ON a.k = b.k + 1 "
                   "WHERE a.id < 0",
                   "join");
    expect_counted(APPEND_SOURCE, "CREATE STREAM x AS SELECT DISTINCT t FROM s", "distinct");
}

static void test_operators_add_up(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    run(db, APPEND_SOURCE);
    int64_t before = number_of(db, "SELECT value FROM system.metrics WHERE name = 'state_bytes'");
    run(db, "CREATE STREAM x AS SELECT k, count(*) AS n FROM s GROUP BY k");
    for (int i = 0; i < 10; i++)
        if (insert(db, i * 10000, 10000, &err)) fail_msg("%s", err.message);
    int64_t state_bytes = number_of(db,
                                    "SELECT value FROM system.metrics WHERE name = 'state_bytes'");
    int64_t by_operator = number_of(
        db, "SELECT CAST(sum(state_bytes) AS BIGINT) FROM system.operators");
    assert_true(by_operator > 100000 * 24);
    assert_true(by_operator <= state_bytes);
    /* the rest: the rows that the source keeps */
    assert_true(state_bytes - by_operator < (1 << 20) + before);
    laminar_db_free(db);
}

/* The pool's free batches count, and go first. */
static void test_pool_makes_room(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (id BIGINT, k BIGINT, t VARCHAR) WITH ('retention' = 'none')");
    if (insert(db, 0, 200000, &err)) fail_msg("%s", err.message);
    const char *is_free = "SELECT value FROM system.metrics WHERE name = 'batch_free_bytes'";
    int64_t free_bytes = number_of(db, is_free);
    assert_true(free_bytes > 4 << 20);
    assert_true(number_of(db, MEMORY_NOW) >= free_bytes);
    run(db, "SET memory_limit = '8mb'");
    assert_true(number_of(db, is_free) <= 1 << 20);
    for (int i = 0; i < 20; i++)
        if (insert(db, i, 20000, &err)) fail_msg("%s", err.message);
    assert_true(number_of(db, is_free) <= 1 << 20);
    run(db, "SET memory_limit = '0'");
    if (insert(db, 0, 200000, &err)) fail_msg("%s", err.message);
    assert_true(number_of(db, is_free) > 4 << 20);
    laminar_db_free(db);
}

/* --- The limit --------------------------------------------------------------------------------------------------------------------- */

/* Inserts until one is refused; returns how many rows went in. */
static long long fill(laminar_db *db, laminar_error *err)
{
    for (long long i = 0; i < 1000; i++) {
        *err = (laminar_error)LAMINAR_ERROR_INIT;
        if (insert(db, i * 2000, 2000, err)) return i * 2000;
    }
    fail_msg("the limit was never reached");
    return 0;
}

static void test_insert_is_refused(void **state)
{
    (void)state;
    laminar_error err;
    laminar_db *db = open_db();
    run(db, "SET memory_limit = '16mb'");
    run(db, APPEND_SOURCE);
    run(db, "CREATE STREAM x AS SELECT k, count(*) AS n, sum(id) AS s FROM s GROUP BY k");
    long long n = fill(db, &err);
    assert_int_equal(err.code, LAMINAR_INGESTION_FAILED);
    assert_true(err.is_retriable);
    if (!strstr(err.message, "memory limit") || !strstr(err.hint, "memory_wait_ms"))
        fail_msg("%s; %s", err.message, err.hint);
    /* what was accepted is there, and nothing else; small queries still run */
    char expected[64];
    snprintf(expected, sizeof expected, "%lld,%lld", n, n);
    expect_rows(db, "SELECT count(*), CAST(sum(n) AS BIGINT) FROM x", expected);
    int64_t used = number_of(db, MEMORY_NOW);
    assert_true(used >= 12 << 20 && used < 24 << 20);
    assert_int_equal(insert(db, 0, 2000, &err), LAMINAR_INGESTION_FAILED);
    expect_rows(db, "SELECT count(*), CAST(sum(n) AS BIGINT) FROM x", expected);
    run(db, "SET memory_limit = '64mb'");
    assert_int_equal(insert(db, 0, 10, &err), LAMINAR_OK);
    expect_rows(db, "SELECT n FROM x WHERE k = 3", "2");
    run(db, "SET memory_limit = '1mb'");
    run(db, "DROP STREAM x");
    run(db, "SET memory_limit = '8mb'");
    assert_int_equal(insert(db, 0, 10, &err), LAMINAR_OK);
    laminar_db_free(db);
}

static void test_deletes_pass(void **state)
{
    (void)state;
    laminar_error err;
    laminar_db *db = open_db();
    run(db, "CREATE TABLE s (id BIGINT PRIMARY KEY, k BIGINT, t VARCHAR)");
    run(db, "CREATE STREAM x AS SELECT k % 10 AS g, count(*) AS n FROM s GROUP BY k % 10");
    run(db, "SET memory_limit = '8mb'");
    long long n = fill(db, &err);
    assert_int_equal(err.code, LAMINAR_INGESTION_FAILED);
    run(db, "DELETE FROM s WHERE id = 7");
    runf(db, "DELETE FROM s WHERE id = %lld", n - 1);
    char expected[64];
    snprintf(expected, sizeof expected, "%lld", n - 2);
    expect_rows(db, "SELECT count(*) FROM s", expected);
    expect_rows(db, "SELECT CAST(sum(n) AS BIGINT) FROM x", expected);
    laminar_db_free(db);
}

struct waiting {
    laminar_db *db;
    laminar_status status;
    laminar_error err;
};

static void *insert_one(void *arg)
{
    struct waiting *w = arg;
    w->status = insert(w->db, -1, 1, &w->err);
    return NULL;
}

static void test_insert_waits(void **state)
{
    (void)state;
    laminar_error err;
    laminar_db *db = open_db();
    run(db, "SET memory_limit = '8mb'");
    run(db, APPEND_SOURCE);
    run(db, "CREATE STREAM x AS SELECT k, count(*) AS n FROM s GROUP BY k");
    fill(db, &err);
    run(db, "SET memory_wait_ms = '20'");
    assert_int_equal(insert(db, -1, 1, &err), LAMINAR_INGESTION_FAILED);
    /* room comes while it waits */
    run(db, "SET memory_wait_ms = '60000'");
    struct waiting w = {.db = db, .err = LAMINAR_ERROR_INIT};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, insert_one, &w), 0);
    usleep(20000);
    run(db, "DROP STREAM x");
    pthread_join(thread, NULL);
    if (w.status) fail_msg("%s", w.err.message);
    expect_rows(db, "SELECT count(*) FROM s WHERE id = -1", "1");
    /* the database is shut down while it waits */
    run(db, "CREATE STREAM x AS SELECT k, count(*) AS n FROM s GROUP BY k");
    run(db, "SET memory_wait_ms = '0'");
    fill(db, &err);
    run(db, "SET memory_wait_ms = '60000'");
    w = (struct waiting){.db = db, .err = LAMINAR_ERROR_INIT};
    assert_int_equal(pthread_create(&thread, NULL, insert_one, &w), 0);
    usleep(20000);
    assert_int_equal(laminar_shutdown(db, &err), LAMINAR_OK);
    pthread_join(thread, NULL);
    assert_int_equal(w.status, LAMINAR_SHUTDOWN);
    laminar_db_free(db);
}

static void test_queries_fail(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    run(db, "SET memory_limit = '32mb'");
    const char *const too_large[] = {
        "SELECT i, count(*) FROM generate_series(1, 3000000) AS g(i) GROUP BY i",
        "SELECT DISTINCT i * 7 FROM generate_series(1, 3000000) AS g(i)",
        "SELECT i FROM generate_series(1, 10000000) AS g(i)",
        "SELECT i FROM generate_series(1, 10000000) AS g(i) ORDER BY i DESC",
        "SELECT a.i, b.i FROM generate_series(1, 5000) AS a(i), generate_series(1, 5000) AS b(i)",
        "SELECT i, sum(i) OVER (ORDER BY i) FROM generate_series(1, 3000000) AS g(i)",
    };
    for (size_t i = 0; i < sizeof too_large / sizeof *too_large; i++) {
        expect_error(db, too_large[i], LAMINAR_QUERY_FAILED, "memory limit", "raise memory_limit");
        /* all of it is given back */
        assert_true(number_of(db, MEMORY_NOW) < 4 << 20);
    }
    expect_rows(db, "SELECT count(*) FROM generate_series(1, 3000000) AS g(i)", "3000000");
    run(db, "SET memory_limit = '0'");
    expect_rows(
        db,
        "SELECT count(*) FROM (SELECT i, count(*) FROM generate_series(1, 300000) AS g(i) GROUP BY i) AS q",
        "300000");
    laminar_db_free(db);
}

static void test_backfill_fails(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (id BIGINT, k BIGINT, t VARCHAR) WITH ('retention' = 'all')");
    for (int i = 0; i < 10; i++)
        if (insert(db, i * 20000, 20000, &err)) fail_msg("%s", err.message);
    int64_t used = number_of(db, MEMORY_NOW);
    runf(db, "SET memory_limit = '%lld'", (long long)used + (4 << 20));
    const char *create =
        "CREATE STREAM x AS SELECT k, count(*) AS n, max(t) AS m FROM s GROUP BY k";
    expect_error(db, create, LAMINAR_QUERY_FAILED, "memory limit", NULL);
    expect_rows(db, "SELECT count(*) FROM system.streams", "0");
    assert_true(number_of(db, MEMORY_NOW) < used + (1 << 20));
    run(db, "SET memory_limit = '1gb'");
    run(db, create);
    expect_rows(db, "SELECT count(*) FROM x", "200000");
    laminar_db_free(db);
}

/* --- Spilled rows -------------------------------------------------------------------------------------------------------------------- */

#define SPILLED_NOW "SELECT value FROM system.metrics WHERE name = 'spilled_bytes'"
#define N_SPILLED 400000

static void fill_spilled(laminar_db *db)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    for (int i = 0; i < N_SPILLED / 4000; i++) {
        if (insert(db, i * 4000, 4000, &err)) fail_msg("%s; %s", err.message, err.hint);
        assert_true(number_of(db, MEMORY_NOW) < 12 << 20);
    }
}

static void expect_spilled_rows(laminar_db *db)
{
    char expected[100];
    long long n = N_SPILLED;
    snprintf(expected, sizeof expected, "%lld,%lld,%lld,0,%lld", n, n * (n - 1) / 2, n, n - 1);
    expect_rows(db,
                "SELECT count(*), CAST(sum(id) AS BIGINT), count(*) FILTER (WHERE t = 'text of row "
                "number ' || CAST(k AS VARCHAR)), min(k), max(k) FROM s",
                expected);
    expect_rows(db, "SELECT t FROM s WHERE id = 4711", "text of row number 4711");
}

/* Four times as many rows as fit are kept, read, backfilled from and dropped. */
static void test_kept_rows_are_spilled(void **state)
{
    (void)state;
    char folder[] = "/tmp/laminar-XXXXXX";
    assert_non_null(mkdtemp(folder));
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (id BIGINT, k BIGINT, t VARCHAR) WITH ('retention' = 'all')");
    run(db, "CREATE STREAM x AS SELECT k % 3 AS g, count(*) AS n FROM s GROUP BY k % 3");
    run(db, "SET memory_limit = '8mb'");
    laminar_error err = LAMINAR_ERROR_INIT;
    fill(db, &err); /* nowhere to put them */
    assert_int_equal(err.code, LAMINAR_INGESTION_FAILED);
    if (!strstr(err.hint, "temp_directory")) fail_msg("%s", err.hint);
    run(db, "DROP STREAM x");
    run(db, "DROP SOURCE s");
    run(db, "CREATE SOURCE s (id BIGINT, k BIGINT, t VARCHAR) WITH ('retention' = 'all')");
    run(db, "CREATE STREAM x AS SELECT k % 3 AS g, count(*) AS n FROM s GROUP BY k % 3");
    /* a folder that isn't there: the insert fails, and says why */
    run(db, "SET memory_limit = '4mb'");
    runf(db, "SET temp_directory = '%s/missing'", folder);
    fill(db, &err);
    assert_int_equal(err.code, LAMINAR_IO_ERROR);
    if (!strstr(err.message, "missing")) fail_msg("%s", err.message);
    run(db, "DROP STREAM x");
    run(db, "DROP SOURCE s");
    run(db, "SET memory_limit = '8mb'");
    run(db, "CREATE SOURCE s (id BIGINT, k BIGINT, t VARCHAR) WITH ('retention' = 'all')");
    run(db, "CREATE STREAM x AS SELECT k % 3 AS g, count(*) AS n FROM s GROUP BY k % 3");
    runf(db, "SET temp_directory = '%s'", folder);
    fill_spilled(db);
    assert_true(number_of(db, SPILLED_NOW) > 8 << 20);
    assert_int_equal(rmdir(folder), 0); /* the file has no name, and stays */
    expect_spilled_rows(db);
    expect_rows(db, "SELECT CAST(sum(n) AS BIGINT) FROM x", "400000");
    run(db,
        "CREATE STREAM y AS SELECT k % 5 AS g, sum(id) AS s, max(t) AS m FROM s GROUP BY k % 5");
    expect_rows(
        db,
        "SELECT count(*) FROM (SELECT g, CAST(s AS BIGINT), m FROM y EXCEPT ALL SELECT k % 5, CAST(sum(id) AS "
        "BIGINT), max(t) FROM s GROUP BY k % 5) AS d",
        "0");
    run(db, "DROP STREAM x");
    run(db, "DROP STREAM y");
    run(db, "DROP SOURCE s");
    assert_int_equal(number_of(db, SPILLED_NOW), 0);
    laminar_db_free(db);
}

static laminar_db *open_stored(const char *folder)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = NULL;
    laminar_config *config = NULL;
    assert_int_equal(laminar_config_create(&config, NULL), LAMINAR_OK);
    assert_int_equal(laminar_config_set(config, "durability", "off", NULL), LAMINAR_OK);
    if (laminar_open(folder, config, &db, &err)) fail_msg("%s", err.message);
    laminar_config_free(config);
    return db;
}

/* In a directory nothing need be set; checkpoints are written from what is spilled, and recovery has all rows. */
static void test_spilled_rows_survive(void **state)
{
    (void)state;
    char folder[] = "/tmp/laminar-XXXXXX", command[64];
    assert_non_null(mkdtemp(folder));
    laminar_db *db = open_stored(folder);
    run(db, "SET memory_limit = '8mb'");
    run(db, "CREATE SOURCE s (id BIGINT, k BIGINT, t VARCHAR) WITH ('retention' = 'all')");
    fill_spilled(db);
    assert_true(number_of(db, SPILLED_NOW) > 8 << 20);
    run(db, "CHECKPOINT");
    laminar_db_free(db);
    db = open_stored(folder);
    expect_spilled_rows(db);
    laminar_error err = LAMINAR_ERROR_INIT;
    assert_true(number_of(db, MEMORY_NOW) > 16 << 20); /* no limit is set yet */
    run(db, "SET memory_limit = '8mb'");
    if (insert(db, N_SPILLED, 1, &err)) fail_msg("%s", err.message);
    assert_true(number_of(db, MEMORY_NOW) < 8 << 20);
    run(db, "CHECKPOINT");
    laminar_db_free(db);
    db = open_stored(folder);
    expect_rows(db, "SELECT count(*), max(id) FROM s", "400001,400000");
    laminar_db_free(db);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* --- Spilled groups ------------------------------------------------------------------------------------------------------------------- */

#define N_GROUPS 300000

static const char *const GROUPS =
    "CREATE STREAM x AS SELECT k, t, count(*) AS n, sum(id) AS s, max(t) AS m FROM s GROUP BY k, t";

/* Each key once, then every 25th of them once more. */
static void fill_groups(laminar_db *db, int64_t most)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    for (int i = 0; i < N_GROUPS / 4000; i++) {
        if (insert(db, i * 4000, 4000, &err)) fail_msg("%s; %s", err.message, err.hint);
        if (number_of(db, MEMORY_NOW) > most)
            fail_msg("%lld bytes", (long long)number_of(db, MEMORY_NOW));
    }
    for (int i = 0; i < 3; i++)
        runf(db,
             "INSERT INTO s SELECT i, i, 'text of row number ' || CAST(i AS VARCHAR) FROM "
             "generate_series(%d, %d, 75) AS g(i)",
             i * 25, N_GROUPS - 1);
    assert_true(number_of(db, MEMORY_NOW) < most);
}
static void expect_groups(laminar_db *db)
{
    expect_rows(db,
                "SELECT count(*), CAST(sum(n) AS BIGINT), CAST(sum(s) AS BIGINT), count(*) FILTER "
                "(WHERE t = m AND t = 'text of row number ' || CAST(k AS VARCHAR)) FROM x",
                "300000,312000,46799700000,300000");
    expect_rows(db, "SELECT n FROM x WHERE k = 4750", "2");
    expect_rows(db, "SELECT n FROM x WHERE k = 4751", "1");
}

/* Four times as many groups as fit: kept up, read, backfilled from, queried and dropped. */
static void test_groups_are_spilled(void **state)
{
    (void)state;
    char folder[] = "/tmp/laminar-XXXXXX";
    assert_non_null(mkdtemp(folder));
    laminar_db *db = open_db();
    run(db, "SET memory_limit = '8mb'");
    run(db, APPEND_SOURCE);
    run(db, GROUPS);
    /* a folder that isn't there: the insert fails, says why, and nothing is lost */
    laminar_error err = LAMINAR_ERROR_INIT;
    runf(db, "SET temp_directory = '%s/missing'", folder);
    long long n = 0;
    while (n < 120000 && insert(db, n, 2000, &err) == LAMINAR_OK) n += 2000;
    assert_int_equal(err.code, LAMINAR_IO_ERROR);
    if (!strstr(err.message, "missing")) fail_msg("%s", err.message);
    runf(db, "SET temp_directory = '%s'", folder);
    for (; n < 120000; n += 2000)
        if (insert(db, n, 2000, NULL)) fail_msg("no insert after the fault is gone");
    expect_rows(db, "SELECT count(*), CAST(sum(n) AS BIGINT), CAST(sum(k) AS BIGINT) FROM x",
                "120000,120000,7199940000");
    run(db, "DROP STREAM x");
    run(db, "DROP SOURCE s");
    run(db, "SET memory_limit = '16mb'");
    run(db, APPEND_SOURCE);
    run(db, GROUPS);
    run(db, "CREATE STREAM d AS SELECT DISTINCT k, t FROM s");
    fill_groups(db, 20 << 20);
    assert_int_equal(rmdir(folder), 0); /* the file has no name, and stays */
    assert_true(number_of(db, SPILLED_NOW) > 40 << 20);
    assert_true(number_of(db, "SELECT spilled_bytes FROM system.operators WHERE operator = "
                              "'aggregate'") > 16 << 20);
    expect_groups(db);
    expect_rows(db, "SELECT count(*) FROM d", "300000");
    run(db, "CREATE STREAM y AS SELECT n, count(*) AS c FROM x GROUP BY n");
    expect_rows(db, "SELECT n, c FROM y ORDER BY n", "1,288000;2,12000");
    assert_true(number_of(db, MEMORY_NOW) < 20 << 20);
    run(db, "DROP STREAM d");
    run(db, "DROP STREAM y");
    run(db, "DROP STREAM x");
    assert_int_equal(number_of(db, SPILLED_NOW), 0);
    /* queries give up groups too, and where the rows of the result are too many they say so */
    expect_rows(db,
                "SELECT count(*), CAST(sum(n) AS BIGINT) FROM (SELECT i % 700000 AS k, count(*) AS "
                "n FROM generate_series(1, 1000000) AS g(i) GROUP BY i % 700000) AS q",
                "700000,1000000");
    expect_error(db, "SELECT i, count(*) FROM generate_series(1, 3000000) AS g(i) GROUP BY i",
                 LAMINAR_QUERY_FAILED, "memory limit", "raise memory_limit");
    assert_int_equal(number_of(db, SPILLED_NOW), 0);
    laminar_db_free(db);
}

/* Checkpoints are written from what is spilled, and recovery has all groups. */
static void test_spilled_groups_survive(void **state)
{
    (void)state;
    char folder[] = "/tmp/laminar-XXXXXX", command[64];
    assert_non_null(mkdtemp(folder));
    laminar_db *db = open_stored(folder);
    run(db, "SET memory_limit = '16mb'");
    run(db, APPEND_SOURCE);
    run(db, GROUPS);
    fill_groups(db, 20 << 20);
    run(db, "CHECKPOINT");
    expect_groups(db);
    laminar_db_free(db);
    /* what is left when a process dies between making its file and taking the name away */
    snprintf(command, sizeof command, "%s/laminar-1-2.spill", folder);
    fclose(fopen(command, "w"));
    for (int round = 0; round < 2; round++) {
        const char *const found[] = {"2", "3"}, *const total[] = {"300000,312001", "300000,312002"};
        db = open_stored(folder);
        assert_int_equal(access(command, F_OK), -1);
        run(db, "SET memory_limit = '16mb'");
        run(db, "INSERT INTO s VALUES (0, 4751, 'text of row number 4751')");
        run(db, "INSERT INTO s VALUES (0, -1, 'of a group that was there before, or is not')");
        assert_true(number_of(db, MEMORY_NOW) < 16 << 20);
        run(db, "CHECKPOINT"); /* nearly all of it is in the file */
        expect_rows(db, "SELECT n FROM x WHERE k = 4751", found[round]);
        expect_rows(db, "SELECT count(*), CAST(sum(n) AS BIGINT) FROM x WHERE k >= 0",
                    total[round]);
        expect_rows(db,
                    "SELECT count(*) FROM x WHERE k >= 0 AND t = m AND t = 'text of row number "
                    "' || CAST(k AS VARCHAR)",
                    "300000");
        laminar_db_free(db);
    }
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* --- Spilled rows of joins and tables --------------------------------------------------------------------------------------------------- */

#define N_KEPT 160000
#define KEPT_MOST (28 << 20)

static void create_joins(laminar_db *db)
{
    run(db, "CREATE TABLE t (id BIGINT PRIMARY KEY, k BIGINT, t VARCHAR)");
    run(db, APPEND_SOURCE);
    run(db,
        "CREATE STREAM j AS SELECT s.id, s.t AS left_text, t.t AS right_text FROM s JOIN t ON s.k = t.k");
    run(db,
        "CREATE STREAM l AS SELECT count(*) AS n, count(right_id) AS matched FROM (SELECT s.id, t.id AS right_id FROM s LEFT JOIN t ON s.k = t.k) AS q");
}

/* Rows [from, from + n) of the table, every key with the text of `text` */
static laminar_status put_kept(laminar_db *db, long long from, long long n, const char *text,
                               laminar_error *err)
{
    char sql[300];
    snprintf(sql, sizeof sql,
             "INSERT INTO t SELECT i, i, '%s' || CAST(i AS VARCHAR) FROM generate_series(%lld, "
             "%lld) AS g(i)",
             text, from, from + n - 1);
    return laminar_execute(db, sql, NULL, err);
}

static void expect_small(laminar_db *db)
{
    int64_t used = number_of(db, MEMORY_NOW);
    if (used > KEPT_MOST) fail_msg("%lld bytes", (long long)used);
}

/* The table's rows, then those of the source: each meets its own. */
static void fill_joins(laminar_db *db)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    for (int from = 0; from < N_KEPT; from += 4000) {
        if (put_kept(db, from, 4000, "the first text of the row ", &err))
            fail_msg("%s", err.message);
        expect_small(db);
    }
    for (int from = 0; from < N_KEPT; from += 4000) {
        if (insert(db, from, 4000, &err)) fail_msg("%s", err.message);
        expect_small(db);
    }
}

static void expect_joins(laminar_db *db, const char *rows, const char *pairs, const char *counts)
{
    expect_rows(
        db,
        "SELECT count(*), CAST(sum(id) AS BIGINT), count(*) FILTER (WHERE t = 'the first text of the row ' || CAST(k AS VARCHAR)) FROM t",
        rows);
    expect_rows(
        db,
        "SELECT count(*), CAST(sum(id) AS BIGINT), count(*) FILTER (WHERE right_text = 'the first text of the row ' || CAST(id AS VARCHAR)) FROM j "
        "WHERE left_text = 'text of row number ' || CAST(id AS VARCHAR)",
        pairs);
    expect_rows(db, "SELECT n, matched FROM l", counts);
    expect_small(db);
}

/* Four times as many rows as fit, in a table and on both sides of joins: kept up, changed, read, backfilled from, and dropped. */
static void test_joins_are_spilled(void **state)
{
    (void)state;
    char folder[] = "/tmp/laminar-XXXXXX";
    laminar_error err = LAMINAR_ERROR_INIT;
    assert_non_null(mkdtemp(folder));
    laminar_db *db = open_db();
    run(db, "SET memory_limit = '24mb'");
    create_joins(db);
    /* a folder that isn't there: the insert fails, says why, and nothing is lost */
    runf(db, "SET temp_directory = '%s/missing'", folder);
    long long n = 0;
    while (n < N_KEPT && put_kept(db, n, 4000, "the first text of the row ", &err) == LAMINAR_OK)
        n += 4000;
    assert_int_equal(err.code, LAMINAR_IO_ERROR);
    if (!strstr(err.message, "missing")) fail_msg("%s", err.message);
    runf(db, "SET temp_directory = '%s'", folder);
    fill_joins(db);
    assert_int_equal(rmdir(folder), 0); /* the file has no name, and stays */
    assert_true(number_of(db, SPILLED_NOW) > 32 << 20);
    assert_true(number_of(db, "SELECT spilled_bytes FROM system.operators WHERE operator = 'join' "
                              "AND relation = 'j'") > 12 << 20);
    expect_joins(db, "160000,12799920000,160000", "160000,12799920000,160000", "160000,160000");
    /* other texts, from the back; every fourth row goes */
    for (int from = N_KEPT - 4000; from >= N_KEPT / 2; from -= 4000) {
        if (put_kept(db, from, 4000, "another text of row ", &err)) fail_msg("%s", err.message);
        expect_small(db);
    }
    run(db, "DELETE FROM t WHERE id % 4 = 1 AND id < 80000");
    run(db, "DELETE FROM t WHERE id % 4 = 1 AND id >= 80000");
    expect_joins(db, "120000,9599960000,60000", "120000,9599960000,60000", "160000,120000");
    run(db, "CREATE STREAM y AS SELECT id % 5 AS g, count(*) AS c FROM j GROUP BY id % 5");
    expect_rows(db, "SELECT g, c FROM y ORDER BY g", "0,24000;1,24000;2,24000;3,24000;4,24000");
    expect_small(db);
    run(db, "DROP STREAM y");
    run(db, "DROP STREAM j");
    run(db, "DROP STREAM l");
    run(db, "DROP TABLE t");
    assert_int_equal(number_of(db, SPILLED_NOW), 0);
    /* queries give up rows too */
    expect_rows(db,
                "SELECT count(*), CAST(sum(a.i) AS BIGINT) FROM (SELECT i FROM generate_series(1, "
                "400000) AS g(i)) AS a JOIN (SELECT i FROM generate_series(1, 2400000, 2) AS "
                "g(i)) AS b ON a.i = b.i",
                "200000,40000000000");
    assert_int_equal(number_of(db, SPILLED_NOW), 0);
    laminar_db_free(db);
}

/* Checkpoints are written from what is spilled, and recovery has all rows, which spill again while they are restored. */
static void test_spilled_joins_survive(void **state)
{
    (void)state;
    char folder[] = "/tmp/laminar-XXXXXX", command[64];
    assert_non_null(mkdtemp(folder));
    laminar_db *db = open_stored(folder);
    run(db, "SET memory_limit = '24mb'");
    create_joins(db);
    fill_joins(db);
    run(db, "CHECKPOINT");
    laminar_db_free(db);
    db = open_stored(folder);
    expect_small(db);
    expect_joins(db, "160000,12799920000,160000", "160000,12799920000,160000", "160000,160000");
    run(db, "DELETE FROM t WHERE id = 4711");
    run(db, "INSERT INTO t VALUES (4712, 4712, 'another text')");
    run(db, "CHECKPOINT"); /* nearly all of it is in the file */
    laminar_db_free(db);
    db = open_stored(folder);
    expect_joins(db, "159999,12799915289,159998", "159999,12799915289,159998", "160000,159999");
    laminar_db_free(db);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    mallopt(M_MMAP_MAX, 0); /* so that the heap's sizes are exact for aligned blocks too */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_operators_add_up),
        cmocka_unit_test(test_pool_makes_room),
        cmocka_unit_test(test_insert_is_refused),
        cmocka_unit_test(test_deletes_pass),
        cmocka_unit_test(test_insert_waits),
        cmocka_unit_test(test_queries_fail),
        cmocka_unit_test(test_backfill_fails),
        cmocka_unit_test(test_kept_rows_are_spilled),
        cmocka_unit_test(test_spilled_rows_survive),
        cmocka_unit_test(test_groups_are_spilled),
        cmocka_unit_test(test_spilled_groups_survive),
        cmocka_unit_test(test_joins_are_spilled),
        cmocka_unit_test(test_spilled_joins_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
