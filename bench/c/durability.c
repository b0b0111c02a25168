/* durability.c - inserts of many threads without an interpreter between them: what the log costs, and what threads cost each other. The rows are those of
 * bench/durability/run.py: three columns, one stream that groups. For profiles and for comparing with the Python module, whose threads share a lock.
 *
 * usage: durability FOLDER memory|off|async|sync THREADS BATCH SECONDS     (FOLDER must be new) */
#include <laminar/laminar.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COLUMNS = 3, THREADS_MAX = 256 };

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void release_schema(struct ArrowSchema *schema) { schema->release = NULL; }
static void release_array(struct ArrowArray *array) { array->release = NULL; }

static void check(laminar_status status, const laminar_error *err)
{
    if (status == LAMINAR_OK) return;
    fprintf(stderr, "%d: %s\n", (int)status, err->message);
    exit(1);
}

struct shared {
    laminar_db *db;
    int64_t n;
    double seconds;
    int64_t *k, *g;
    double *v;
    pthread_barrier_t start;
    _Atomic uint64_t rows;
};

static void *insert_all(void *arg)
{
    struct shared *s = arg;
    static const char *const names[] = {"k", "g", "v"};
    static const char *const formats[] = {"l", "l", "g"};
    struct ArrowSchema schema, columns[COLUMNS], *column_ptrs[COLUMNS];
    struct ArrowArray array, arrays[COLUMNS], *array_ptrs[COLUMNS];
    const void *data[] = {s->k, s->g, s->v}, *buffers[COLUMNS][2], *none[1] = {NULL};
    laminar_error err = LAMINAR_ERROR_INIT;
    for (int i = 0; i < COLUMNS; i++) {
        columns[i] = (struct ArrowSchema){.format = formats[i],
                                          .name = names[i],
                                          .flags = ARROW_FLAG_NULLABLE,
                                          .release = release_schema};
        column_ptrs[i] = &columns[i];
        buffers[i][0] = NULL;
        buffers[i][1] = data[i];
    }
    schema = (struct ArrowSchema){.format = "+s",
                                  .name = "",
                                  .n_children = COLUMNS,
                                  .children = column_ptrs,
                                  .release = release_schema};
    pthread_barrier_wait(&s->start);
    double end = seconds_of(CLOCK_MONOTONIC) + s->seconds;
    uint64_t rows = 0;
    while (seconds_of(CLOCK_MONOTONIC) < end) {
        for (int i = 0; i < COLUMNS; i++) {
            arrays[i] = (struct ArrowArray){
                .length = s->n, .n_buffers = 2, .buffers = buffers[i], .release = release_array};
            array_ptrs[i] = &arrays[i];
        }
        array = (struct ArrowArray){.length = s->n,
                                    .n_buffers = 1,
                                    .buffers = none,
                                    .n_children = COLUMNS,
                                    .children = array_ptrs,
                                    .release = release_array};
        check(laminar_insert_arrow(s->db, "s", &schema, &array, NULL, &err), &err);
        rows += (uint64_t)s->n;
    }
    atomic_fetch_add(&s->rows, rows);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: durability FOLDER memory|off|async|sync THREADS BATCH SECONDS\n");
        return 2;
    }
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_config *config = NULL;
    int n_threads = atoi(argv[3]);
    struct shared s = {.n = atoll(argv[4]), .seconds = atof(argv[5])};
    if (n_threads < 1 || n_threads > THREADS_MAX || s.n < 1) return 2;
    bool is_memory = strcmp(argv[2], "memory") == 0;
    check(laminar_config_create(&config, &err), &err);
    if (!is_memory) check(laminar_config_set(config, "durability", argv[2], &err), &err);
    check(laminar_open(is_memory ? ":memory:" : argv[1], config, &s.db, &err), &err);
    check(laminar_execute(s.db, "CREATE SOURCE s (k BIGINT, g BIGINT, v DOUBLE)", NULL, &err),
          &err);
    check(laminar_execute(
              s.db, "CREATE STREAM sums AS SELECT g, count(*) AS n, sum(v) AS v FROM s GROUP BY g",
              NULL, &err),
          &err);
    s.k = malloc((size_t)s.n * 8);
    s.g = malloc((size_t)s.n * 8);
    s.v = malloc((size_t)s.n * 8);
    if (!s.k || !s.g || !s.v) return 1;
    for (int64_t i = 0; i < s.n; i++) {
        s.k[i] = i;
        s.g[i] = i % 1000;
        s.v[i] = (double)i * 0.5;
    }
    pthread_t threads[THREADS_MAX];
    pthread_barrier_init(&s.start, NULL, (unsigned)n_threads);
    for (int i = 0; i < n_threads; i++) pthread_create(&threads[i], NULL, insert_all, &s);
    double began = seconds_of(CLOCK_MONOTONIC), cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < n_threads; i++) pthread_join(threads[i], NULL);
    double seconds = seconds_of(CLOCK_MONOTONIC) - began;
    cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("{\"durability\": \"%s\", \"threads\": %d, \"batch\": %lld, \"rows_per_s\": %.0f, "
           "\"cpu_ns_per_row\": %.2f}\n",
           argv[2], n_threads, (long long)s.n, (double)s.rows / seconds,
           cpu * 1e9 / (double)s.rows);
    laminar_db_free(s.db);
    laminar_config_free(config);
    free(s.k);
    free(s.g);
    free(s.v);
    return 0;
}
