/* latency.c - latencies seen from C, as JSON lines for bench/run.py.
 *
 *   c_row          one row by a writer, flushed, and taken from the subscription by the same thread
 *   c_row_thread   the same, but the subscriber polls in a thread of its own (on another core where there is one): the time
 *                  from before the row is set to when the other thread holds the result
 *   c_open         laminar_open(":memory:")
 *
 * usage: latency [--quick] */
#include <laminar/laminar.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void fail(const char *what, const laminar_error *err)
{
    fprintf(stderr, "%s: %s (%d)\n", what, err->message, (int)err->code);
    exit(1);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double at(const int64_t *sorted, size_t n, double share)
{
    size_t i = (size_t)((double)n * share);
    return (double)sorted[i < n ? i : n - 1] / 1000;
}

static void print_percentiles(const char *name, int64_t *samples, size_t n)
{
    qsort(samples, n, sizeof *samples, compare);
    printf("{\"case\": \"%s\", \"engine\": \"laminardb\", \"n\": %zu, \"p50_us\": %.3f, "
           "\"p99_us\": %.3f, \"p999_us\": %.3f, \"max_us\": %.3f}\n",
           name, n, at(samples, n, 0.5), at(samples, n, 0.99), at(samples, n, 0.999),
           (double)samples[n - 1] / 1000);
}

/* Binds the calling thread to the n-th of the cores in `allowed`; with one core only there is nothing to bind. */
static void use_core(const cpu_set_t *allowed, size_t n)
{
    if (CPU_COUNT(allowed) < 2) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    size_t seen = 0;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, allowed) || seen++ != n) continue;
        CPU_SET(cpu, &one);
        pthread_setaffinity_np(pthread_self(), sizeof one, &one);
        return;
    }
}

/* A database with a source, a stream over it, a subscription to that and a writer to the source. */
struct pipeline {
    laminar_db *db;
    laminar_subscription *sub;
    laminar_writer *writer;
};

static void pipeline_open(struct pipeline *pipeline)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    *pipeline = (struct pipeline){0};
    if (laminar_open(":memory:", NULL, &pipeline->db, &err)) fail("open", &err);
    if (laminar_execute(pipeline->db,
                        "CREATE SOURCE t (k BIGINT, v DOUBLE, s VARCHAR);"
                        "CREATE STREAM result AS SELECT k, v * 2.0 AS w, s FROM t WHERE v >= 0.0",
                        NULL, &err))
        fail("create", &err);
    if (laminar_start(pipeline->db, &err)) fail("start", &err);
    if (laminar_subscribe(pipeline->db, "result", NULL, &pipeline->sub, &err))
        fail("subscribe", &err);
    if (laminar_writer_create(pipeline->db, "t", NULL, &pipeline->writer, &err))
        fail("writer", &err);
}

static void pipeline_close(struct pipeline *pipeline)
{
    laminar_writer_free(pipeline->writer);
    laminar_subscription_free(pipeline->sub);
    laminar_db_free(pipeline->db);
}

static void insert_row(struct pipeline *pipeline, int64_t i)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    if (laminar_writer_set_int64(pipeline->writer, 0, i, &err) ||
        laminar_writer_set_double(pipeline->writer, 1, (double)i, &err) ||
        laminar_writer_set_text(pipeline->writer, 2, "abc", 3, &err) ||
        laminar_writer_end_row(pipeline->writer, &err) ||
        laminar_writer_flush(pipeline->writer, NULL, &err))
        fail("insert", &err);
}

/* The next result, polled for; checked to be row i. Returns when it was held and read, which is before it is freed. */
static int64_t receive_row(struct pipeline *pipeline, int64_t i)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_result *result = NULL;
    laminar_status status;
    do status = laminar_subscription_next(pipeline->sub, 0, &result, &err);
    while (status == LAMINAR_SUBSCRIPTION_TIMEOUT);
    if (status) fail("next", &err);
    if (!result || laminar_result_n_rows(result) != 1 || laminar_result_int64(result, 0, 0) != i) {
        fprintf(stderr, "row %lld was not delivered\n", (long long)i);
        exit(1);
    }
    int64_t received = now_ns();
    laminar_result_free(result);
    return received;
}

static void measure_row(size_t n, size_t n_warm_up, int64_t *samples)
{
    struct pipeline pipeline;
    pipeline_open(&pipeline);
    for (size_t i = 0; i < n + n_warm_up; i++) {
        int64_t began = now_ns();
        insert_row(&pipeline, (int64_t)i);
        receive_row(&pipeline, (int64_t)i);
        if (i >= n_warm_up) samples[i - n_warm_up] = now_ns() - began;
    }
    pipeline_close(&pipeline);
    print_percentiles("c_row", samples, n);
}

/* The polling thread answers each row by storing when it had it. */
struct poller {
    struct pipeline *pipeline;
    size_t n;
    cpu_set_t allowed;
    _Atomic int64_t received_ns; /* release by the poller, acquire by the inserter; 0 = not yet */
};

static void *poll_rows(void *arg)
{
    struct poller *poller = arg;
    use_core(&poller->allowed, 1);
    for (size_t i = 0; i < poller->n; i++) {
        int64_t received = receive_row(poller->pipeline, (int64_t)i);
        atomic_store_explicit(&poller->received_ns, received, memory_order_release);
    }
    return NULL;
}

static void measure_row_thread(const cpu_set_t *allowed, size_t n, size_t n_warm_up,
                               int64_t *samples)
{
    struct pipeline pipeline;
    pipeline_open(&pipeline);
    struct poller poller = {.pipeline = &pipeline, .n = n + n_warm_up, .allowed = *allowed};
    pthread_t thread;
    if (pthread_create(&thread, NULL, poll_rows, &poller) != 0) exit(1);
    for (size_t i = 0; i < n + n_warm_up; i++) {
        atomic_store_explicit(&poller.received_ns, 0, memory_order_release);
        int64_t began = now_ns(), received;
        insert_row(&pipeline, (int64_t)i);
        while (!(received = atomic_load_explicit(&poller.received_ns, memory_order_acquire))) {}
        if (i >= n_warm_up) samples[i - n_warm_up] = received - began;
    }
    pthread_join(thread, NULL);
    pipeline_close(&pipeline);
    print_percentiles("c_row_thread", samples, n);
}

static void measure_open(size_t n, int64_t *samples)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    for (size_t i = 0; i < n; i++) {
        laminar_db *db = NULL;
        int64_t began = now_ns();
        if (laminar_open(":memory:", NULL, &db, &err)) fail("open", &err);
        samples[i] = now_ns() - began;
        laminar_db_free(db);
    }
    print_percentiles("c_open", samples, n);
}

int main(int argc, char **argv)
{
    bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    size_t n = quick ? 100000 : 1000000;
    int64_t *samples = malloc(n * sizeof *samples);
    if (!samples) return 1;
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
    use_core(&allowed, 0);
    measure_open(quick ? 50 : 500, samples);
    measure_row(n, n / 10, samples);
    measure_row_thread(&allowed, n, n / 10, samples);
    free(samples);
    return 0;
}
