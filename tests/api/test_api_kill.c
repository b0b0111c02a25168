/* test_api_kill.c - kill -9 at a random moment, again and again: a process with four writers, checkpoints every few milliseconds and a stream is ended, and the next one
 * finds every row that an insert had returned for, once; then it goes on. What was acknowledged is counted in memory that outlives the process. 500 rounds, or
 * as many as there is time for. */
#include "api_test.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { N_WRITERS = 4, ROUNDS = 500, ROUNDS_MIN = 20, SECONDS_MAX = 90 };

/* Shared by the processes: the last number of each writer whose insert returned. */
struct shared {
    _Atomic int64_t acknowledged[N_WRITERS];
    _Atomic int is_open;
};

struct writer {
    laminar_db *db;
    struct shared *shared;
    int number;
};

static char folder[256];

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static laminar_db *open_database(laminar_error *err)
{
    laminar_config *config = NULL;
    laminar_db *db = NULL;
    assert_int_equal(laminar_config_create(&config, NULL), LAMINAR_OK);
    assert_int_equal(laminar_config_set(config, "checkpoint_interval_ms", "7", NULL), LAMINAR_OK);
    assert_int_equal(laminar_config_set(config, "wal_segment_bytes", "65536", NULL), LAMINAR_OK);
    laminar_status status = laminar_open(folder, config, &db, err);
    laminar_config_free(config);
    return status == LAMINAR_OK ? db : NULL;
}

/* Two rows an insert: a half of one is seen. */
static void *write_rows(void *arg)
{
    struct writer *writer = arg;
    int64_t n = atomic_load(&writer->shared->acknowledged[writer->number]);
    for (;;) {
        char sql[128];
        snprintf(sql, sizeof sql, "INSERT INTO s VALUES (%d, %lld), (%d, %lld)", writer->number,
                 (long long)n + 1, writer->number, (long long)n + 2);
        if (laminar_execute(writer->db, sql, NULL, NULL) != LAMINAR_OK) return NULL;
        n += 2;
        atomic_store(&writer->shared->acknowledged[writer->number], n);
    }
}

/* The child: never returns. */
static void run_writers(struct shared *shared)
{
    pthread_t threads[N_WRITERS];
    struct writer writers[N_WRITERS];
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_database(&err);
    if (!db) _exit(2);
    atomic_store(&shared->is_open, 1);
    for (int i = 0; i < N_WRITERS; i++) {
        writers[i] = (struct writer){db, shared, i};
        if (pthread_create(&threads[i], NULL, write_rows, &writers[i])) _exit(3);
    }
    for (int i = 0; i < N_WRITERS; i++) pthread_join(threads[i], NULL);
    _exit(4); /* an insert failed */
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

static void check_rows(laminar_db *db, struct shared *shared, int round)
{
    for (int w = 0; w < N_WRITERS; w++) {
        char sql[128];
        int64_t acknowledged = atomic_load(&shared->acknowledged[w]);
        snprintf(sql, sizeof sql, "SELECT count(*) FROM s WHERE w = %d", w);
        int64_t n = number(db, sql);
        snprintf(sql, sizeof sql, "SELECT count(DISTINCT n) FROM s WHERE w = %d", w);
        int64_t n_distinct = number(db, sql);
        /* one insert may have been done whose answer nobody heard */
        if (n < acknowledged || n > acknowledged + 2 || n % 2 != 0 || n != n_distinct)
            fail_msg("round %d, writer %d: %lld acknowledged, %lld rows, %lld of them distinct",
                     round, w, (long long)acknowledged, (long long)n, (long long)n_distinct);
        snprintf(sql, sizeof sql, "SELECT coalesce(max(c), 0) FROM g WHERE w = %d", w);
        assert_int_equal(number(db, sql), n);
        atomic_store(&shared->acknowledged[w], n);
    }
}

static void kill_round(struct shared *shared, int round)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    atomic_store(&shared->is_open, 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) run_writers(shared);
    /* now and then while it is still opening */
    double deadline = now_s() + 20;
    while (round % 5 != 4 && !atomic_load(&shared->is_open) && now_s() < deadline) usleep(200);
    usleep((useconds_t)((unsigned)round * 7919U % 23000U));
    int state = 0;
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &state, 0), child);
    if (!WIFSIGNALED(state)) fail_msg("round %d: the writers ended with %d", round, state);
    laminar_db *db = open_database(&err);
    if (!db) fail_msg("round %d: %s", round, err.message);
    check_rows(db, shared, round);
    /* few rows make quick rounds */
    if (round % 25 == 24) {
        assert_int_equal(laminar_execute(db, "DROP SOURCE s CASCADE", NULL, NULL), LAMINAR_OK);
        for (int w = 0; w < N_WRITERS; w++) atomic_store(&shared->acknowledged[w], 0);
    }
    run(db, "CREATE SOURCE IF NOT EXISTS s (w BIGINT, n BIGINT) WITH ('retention' = 'all')");
    run(db, "CREATE STREAM IF NOT EXISTS g AS SELECT w, count(*) AS c FROM s GROUP BY w");
    assert_int_equal(laminar_close(db, NULL), LAMINAR_OK);
    laminar_db_free(db);
}

static void kill_9_loses_nothing_that_was_acknowledged(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    char command[320];
    snprintf(folder, sizeof folder, "%s/laminar-kill-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(folder));
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    laminar_db *db = open_database(NULL);
    assert_non_null(db);
    run(db, "CREATE SOURCE s (w BIGINT, n BIGINT) WITH ('retention' = 'all')");
    run(db, "CREATE STREAM g AS SELECT w, count(*) AS c FROM s GROUP BY w");
    laminar_db_free(db);
    double began = now_s();
    int round = 0;
    while (round < ROUNDS && now_s() - began < SECONDS_MAX) kill_round(shared, round++);
    printf("%d rounds in %.1f s\n", round, now_s() - began);
    assert_true(round >= ROUNDS_MIN);
    munmap(shared, sizeof *shared);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kill_9_loses_nothing_that_was_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
