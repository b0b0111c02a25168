/* test_store_concurrent.c - snapshots of stores are read and released by other threads while the owner goes on writing. */
#include "base/thread.h"
#include "exec/store.h"
#include "exec_test.h"
#include "unit.h"
#include <stdatomic.h>
#include <stdlib.h>

enum { N_READERS = 3, N_ROUNDS = 120, N_KEYS = 500, QUEUE = 8 };

/* Rows are (k, text of k + generation, generation): in every snapshot all rows of a KEYED store are of one generation or the one before. */
struct job {
    struct store_snapshot *snapshot;
    int64_t n_rows, low, high; /* generations that may be there */
};
struct queue {
    struct mutex lock;
    struct cond changed;
    struct job jobs[QUEUE];
    size_t n;
    bool is_closed;
    _Atomic size_t n_read, n_wrong;
};

static void read_job(struct queue *queue, const struct job *job)
{
    struct chunk chunk;
    int64_t n = 0;
    bool is_wrong = false;
    for (;;) {
        if (store_snapshot_next(job->snapshot, &chunk, NULL) != LAMINAR_OK) is_wrong = true;
        if (is_wrong || chunk.n_rows == 0) break;
        const int64_t *keys = chunk.cols[0].data, *generations = chunk.cols[2].data;
        const struct string_view *texts = chunk.cols[1].data;
        for (uint32_t i = 0; i < chunk.n_rows; i++) {
            int64_t g = generations[i];
            char first = string_data(&texts[i])[0],
                 last = string_data(&texts[i])[texts[i].size - 1];
            is_wrong |= g < job->low || g > job->high || first != (char)('a' + keys[i] % 26) ||
                        last != (char)('a' + g % 26);
        }
        n += chunk.n_rows;
    }
    is_wrong |= n != job->n_rows;
    store_snapshot_release(job->snapshot);
    atomic_fetch_add_explicit(&queue->n_read, 1, memory_order_relaxed);
    if (is_wrong) atomic_fetch_add_explicit(&queue->n_wrong, 1, memory_order_relaxed);
}

static void *reader(void *arg)
{
    struct queue *queue = arg;
    for (;;) {
        mutex_lock(&queue->lock);
        while (queue->n == 0 && !queue->is_closed)
            cond_wait_until(&queue->changed, &queue->lock, CLOCK_NO_DEADLINE);
        if (queue->n == 0) {
            mutex_unlock(&queue->lock);
            return NULL;
        }
        struct job job = queue->jobs[--queue->n];
        cond_broadcast(&queue->changed);
        mutex_unlock(&queue->lock);
        read_job(queue, &job);
    }
}

static void submit(struct queue *queue, struct job job)
{
    mutex_lock(&queue->lock);
    while (queue->n == QUEUE) cond_wait_until(&queue->changed, &queue->lock, CLOCK_NO_DEADLINE);
    queue->jobs[queue->n++] = job;
    cond_broadcast(&queue->changed);
    mutex_unlock(&queue->lock);
}

static laminar_status ignore(void *ctx, const struct chunk *delta)
{
    (void)ctx;
    (void)delta;
    return LAMINAR_OK;
}

static void write_generation(struct store *store, enum store_kind kind, struct column *cols,
                             int64_t generation, int64_t from, int64_t to)
{
    struct vector vecs[3];
    for (int c = 0; c < 3; c++) column_clear(&cols[c]);
    for (int64_t k = from; k < to; k++) {
        char text[40];
        memset(text, 'x', sizeof text);
        size_t size = k % 3 ? 33 : 5; /* long and inline ones */
        text[0] = (char)('a' + k % 26);
        text[size - 1] = (char)('a' + generation % 26);
        assert_int_equal(column_append_value(&cols[0], &k, NULL), LAMINAR_OK);
        assert_int_equal(column_append_string(&cols[1], text, size, NULL), LAMINAR_OK);
        assert_int_equal(column_append_value(&cols[2], &generation, NULL), LAMINAR_OK);
    }
    for (int c = 0; c < 3; c++) vecs[c] = cols[c].vec;
    struct chunk chunk = {.n_rows = (uint32_t)(to - from), .n_cols = 3, .cols = vecs};
    if (kind == STORE_KEYED)
        assert_int_equal(store_upsert(store, &chunk, ignore, NULL, NULL), LAMINAR_OK);
    else
        assert_int_equal(store_apply(store, &chunk, NULL), LAMINAR_OK);
}

static void run(enum store_kind kind, struct spill_policy *policy)
{
    struct schema_column columns[3] = {
        {"k", TYPE(INT64), true}, {"t", TYPE(VARCHAR), true}, {"g", TYPE(INT64), true}};
    struct schema *schema = schema_create(columns, 3);
    struct queue *queue = calloc(1, sizeof *queue);
    struct thread threads[N_READERS];
    struct column cols[3];
    struct store *store;
    const uint32_t key = 0;
    assert_int_equal(store_create(kind, schema, &key, 1,
                                  (struct retention){RETAIN_ROWS, 2 * N_KEYS}, NULL, &store, NULL),
                     LAMINAR_OK);
    store_set_spill(store, policy);
    for (int c = 0; c < 3; c++)
        assert_int_equal(column_init(&cols[c], columns[c].type, NULL), LAMINAR_OK);
    mutex_init(&queue->lock);
    cond_init(&queue->changed);
    for (int i = 0; i < N_READERS; i++)
        assert_int_equal(thread_start(&threads[i], "reader", reader, queue, NULL), LAMINAR_OK);
    for (int64_t generation = 0; generation < N_ROUNDS; generation++) {
        for (int part = 0; part < 2; part++) { /* a snapshot in the middle of a generation too */
            write_generation(store, kind, cols, generation, part * N_KEYS / 2,
                             (part + 1) * N_KEYS / 2);
            struct job job = {.low = kind == STORE_KEYED ? generation - 1 + part : generation - 2,
                              .high = generation,
                              .n_rows = (int64_t)store_n_rows(store)};
            assert_int_equal(store_snapshot_create(store, &job.snapshot, NULL), LAMINAR_OK);
            submit(queue, job);
        }
    }
    mutex_lock(&queue->lock);
    queue->is_closed = true;
    cond_broadcast(&queue->changed);
    mutex_unlock(&queue->lock);
    store_free(store); /* snapshots may still be read */
    for (int i = 0; i < N_READERS; i++) thread_join(&threads[i]);
    assert_int_equal(atomic_load(&queue->n_read), 2 * N_ROUNDS);
    assert_int_equal(atomic_load(&queue->n_wrong), 0);
    for (int c = 0; c < 3; c++) column_deinit(&cols[c]);
    cond_deinit(&queue->changed);
    mutex_deinit(&queue->lock);
    free(queue);
    schema_unref(schema);
}

static void keyed(void **state)
{
    (void)state;
    run(STORE_KEYED, NULL);
}
/* Pages leave and come back while snapshots of them are read, from memory or from the file. */
static void keyed_in_a_file(void **state)
{
    (void)state;
    char folder[] = "/tmp/laminar-XXXXXX";
    struct test_policy policy;
    open_policy(&policy, folder);
    run(STORE_KEYED, &policy.base);
    close_policy(&policy, folder);
}
static void log_rows(void **state)
{
    (void)state;
    run(STORE_LOG, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keyed), cmocka_unit_test(keyed_in_a_file),
                                       cmocka_unit_test(log_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
