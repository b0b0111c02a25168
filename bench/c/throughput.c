/* throughput.c - batches of 10,000 rows through one stream, from laminar_insert_arrow to the subscriber's result, as JSON lines.
 * The rows are made before the clock starts. For profiles: `perf record throughput group_1m`; the ratios to peers are bench_streams.py's.
 *
 * usage: throughput [case] [rows] */
#include <laminar/laminar.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 10000, COLUMNS = 5, SYMBOL = 11 };

struct data {
    int64_t n;
    int64_t *ts, *k, *q;
    double *v;
    char *s;          /* SYMBOL bytes a row */
    int32_t *offsets; /* of one batch */
};

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t seed = 88172645463325252ULL;
static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static struct data make(int64_t n, uint64_t n_keys)
{
    struct data d = {.n = n};
    size_t bytes = (size_t)n * 8;
    d.ts = malloc(bytes);
    d.k = malloc(bytes);
    d.q = malloc(bytes);
    d.v = malloc(bytes);
    d.s = malloc((size_t)n * SYMBOL + 1);
    d.offsets = malloc((BATCH + 1) * sizeof(int32_t));
    if (!d.ts || !d.k || !d.q || !d.v || !d.s || !d.offsets) exit(1);
    for (int i = 0; i <= BATCH; i++) d.offsets[i] = i * SYMBOL;
    for (int64_t i = 0; i < n; i++) {
        d.ts[i] = 1767225600000000 + i * 1000;
        d.k[i] = (int64_t)(next_random() % n_keys);
        d.q[i] = (int64_t)(next_random() % 1000);
        d.v[i] = (double)(next_random() % 1000000) / 100;
        snprintf(d.s + i * SYMBOL, SYMBOL + 1, "symbol-%04d", (int)(next_random() % 1000));
    }
    return d;
}

static void release_schema(struct ArrowSchema *schema) { schema->release = NULL; }
static void release_array(struct ArrowArray *array) { array->release = NULL; }

struct view {
    struct ArrowSchema schema, columns[COLUMNS], *column_ptrs[COLUMNS];
    struct ArrowArray array, arrays[COLUMNS], *array_ptrs[COLUMNS];
    const void *buffers[COLUMNS][3], *none[1];
};

static void view_init(struct view *view)
{
    static const char *const names[] = {"ts", "k", "q", "v", "s"};
    static const char *const formats[] = {"tsu:", "l", "l", "g", "u"};
    memset(view, 0, sizeof *view);
    for (int i = 0; i < COLUMNS; i++) {
        view->columns[i] = (struct ArrowSchema){.format = formats[i],
                                                .name = names[i],
                                                .flags = ARROW_FLAG_NULLABLE,
                                                .release = release_schema};
        view->column_ptrs[i] = &view->columns[i];
    }
    view->schema = (struct ArrowSchema){.format = "+s",
                                        .name = "",
                                        .n_children = COLUMNS,
                                        .children = view->column_ptrs,
                                        .release = release_schema};
}

static void view_set(struct view *view, const struct data *d, int64_t at, int64_t n)
{
    const void *columns[] = {d->ts + at, d->k + at, d->q + at, d->v + at, d->offsets};
    for (int i = 0; i < COLUMNS; i++) {
        view->buffers[i][0] = NULL;
        view->buffers[i][1] = columns[i];
        view->buffers[i][2] = d->s + at * SYMBOL;
        view->arrays[i] = (struct ArrowArray){.length = n,
                                              .n_buffers = i == COLUMNS - 1 ? 3 : 2,
                                              .buffers = view->buffers[i],
                                              .release = release_array};
        view->array_ptrs[i] = &view->arrays[i];
    }
    view->array = (struct ArrowArray){.length = n,
                                      .n_buffers = 1,
                                      .buffers = view->none,
                                      .n_children = COLUMNS,
                                      .children = view->array_ptrs,
                                      .release = release_array};
}

static void check(laminar_status status, const laminar_error *err)
{
    if (status == LAMINAR_OK) return;
    fprintf(stderr, "%d: %s\n%s\n", (int)status, err->message, err->context);
    exit(1);
}

struct bench_case {
    const char *name;
    uint64_t n_keys;
    int64_t rows;
    const char *setup;
    const char *query;
};
static const struct bench_case cases[] = {
    {"filter_project", 1000, 4000000, "",
     "SELECT k, s, v * q AS value FROM t WHERE v > 5000.0 AND q < 900"},
    {"group_100", 100, 4000000, "",
     "SELECT k, count(*) AS n, sum(v) AS total, max(q) AS top FROM t GROUP BY k"},
    {"group_1m", 1000000, 4000000, "",
     "SELECT k, count(*) AS n, sum(v) AS total, max(q) AS top FROM t GROUP BY k"},
    {"tumble", 100, 4000000, "",
     "SELECT TUMBLE(ts, INTERVAL '1' MINUTE) AS w, k, count(*) AS n, sum(v) AS total FROM t "
     "GROUP BY TUMBLE(ts, INTERVAL '1' MINUTE), k EMIT ON WINDOW CLOSE"},
    {"hop", 100, 4000000, "",
     "SELECT HOP(ts, INTERVAL '10' SECOND, INTERVAL '60' SECOND) AS w, k, count(*) AS n, sum(v) AS total FROM t "
     "GROUP BY HOP(ts, INTERVAL '10' SECOND, INTERVAL '60' SECOND), k EMIT ON WINDOW CLOSE"},
    {"join_table", 100000, 4000000,
     "CREATE TABLE p (id BIGINT PRIMARY KEY, factor DOUBLE); "
     "INSERT INTO p SELECT k, v FROM t; ",
     "SELECT t.k, t.v * p.factor AS value, p.factor FROM t JOIN p ON t.k = p.id"},
};

static void run(const struct bench_case *c, int64_t rows)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = NULL;
    laminar_subscription *sub = NULL;
    struct data d = make(rows ? rows : c->rows, c->n_keys);
    struct view view;
    char sql[2048];
    view_init(&view);
    check(laminar_open(":memory:", NULL, &db, &err), &err);
    const char *source =
        "CREATE SOURCE t (ts TIMESTAMP, k BIGINT, q BIGINT, v DOUBLE, s VARCHAR, WATERMARK FOR ts)";
    check(laminar_execute(db, source, NULL, &err), &err);
    if (*c->setup) {
        for (int64_t at = 0; at + BATCH <= d.n && at < 400000; at += BATCH) {
            view_set(&view, &d, at, BATCH);
            check(laminar_insert_arrow(db, "t", &view.schema, &view.array, NULL, &err), &err);
        }
        check(laminar_execute(db, c->setup, NULL, &err), &err);
        check(laminar_execute(db, "DROP SOURCE t", NULL, &err), &err);
        check(laminar_execute(db, source, NULL, &err), &err);
    }
    snprintf(sql, sizeof sql, "CREATE STREAM result AS %s", c->query);
    check(laminar_execute(db, sql, NULL, &err), &err);
    check(laminar_subscribe(db, "result", NULL, &sub, &err), &err);
    check(laminar_start(db, &err), &err);
    size_t n_out = 0;
    double start = seconds_of(CLOCK_MONOTONIC), cpu_start = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    for (int64_t at = 0; at < d.n; at += BATCH) {
        view_set(&view, &d, at, d.n - at < BATCH ? d.n - at : BATCH);
        check(laminar_insert_arrow(db, "t", &view.schema, &view.array, NULL, &err), &err);
        laminar_result *result = NULL;
        laminar_status status = laminar_subscription_next(sub, 0, &result, &err);
        if (status != LAMINAR_SUBSCRIPTION_TIMEOUT) check(status, &err);
        if (result) n_out += laminar_result_n_rows(result);
        laminar_result_free(result);
    }
    double seconds = seconds_of(CLOCK_MONOTONIC) - start,
           cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
    printf(
        "{\"case\": \"c_%s\", \"engine\": \"laminardb\", \"rows\": %lld, \"rows_out\": %zu, \"ns_per_row\": %.2f, "
        "\"cpu_ns_per_row\": %.2f, \"rows_per_s\": %.0f}\n",
        c->name, (long long)d.n, n_out, seconds * 1e9 / (double)d.n, cpu * 1e9 / (double)d.n,
        (double)d.n / seconds);
    laminar_subscription_free(sub);
    laminar_db_free(db);
    free(d.ts);
    free(d.k);
    free(d.q);
    free(d.v);
    free(d.s);
    free(d.offsets);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (argc < 2 || strcmp(argv[1], cases[i].name) == 0)
            run(&cases[i], argc > 2 ? atoll(argv[2]) : 0);
    return 0;
}
