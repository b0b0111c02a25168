/* test_state_concurrent.c - snapshots are written and released by another thread while the tables go on changing. For the thread sanitizer; and each snapshot
 * must hold exactly what was there when it was taken. */
#include "base/thread.h"
#include "exec/state_ordered.h"
#include "exec_test.h"
#include <stdio.h>

#define OK(expr) assert_int_equal((expr), LAMINAR_OK)
enum { ROUNDS = 60, ROWS = 400 };

struct taken {
    struct state_snapshot *hash, *ordered;
    size_t n_hash, n_ordered;
};
struct queue {
    struct mutex lock;
    struct cond changed;
    struct taken items[4];
    size_t n;
    bool is_done;
    bool has_failed;
};

static struct state_hash *new_hash(void)
{
    struct data_type types[2] = {TYPE(VARCHAR), TYPE(INT64)};
    struct state_hash_options options = {
        .name = "h", .key_types = types, .n_keys = 2, .payload_bytes = 8, .payload_align = 8};
    struct state_hash *table;
    OK(state_hash_create(&options, &table, NULL));
    return table;
}
static struct state_ordered *new_ordered(void)
{
    struct data_type types[2] = {TYPE(VARCHAR), TYPE(INT64)};
    struct sort_key order = {0};
    struct state_ordered_options options = {
        .name = "o", .types = types, .n_cols = 2, .order = &order, .n_order = 1};
    struct state_ordered *table;
    OK(state_ordered_create(&options, &table, NULL));
    return table;
}

/* Writes the snapshot, releases it, and restores what was written: the number of rows must be that of its time. */
static bool verify(struct state_snapshot *snapshot, struct state *copy, size_t n_rows)
{
    struct pieces pieces;
    pieces_init(&pieces);
    bool is_ok = state_write(snapshot, &pieces.sink, NULL) == LAMINAR_OK;
    state_release(snapshot);
    pieces_rewind(&pieces);
    is_ok = is_ok && state_restore(copy, &pieces.source, NULL) == LAMINAR_OK &&
            copy->n_rows == n_rows && copy->cls->check(copy);
    copy->cls->free(copy);
    pieces_deinit(&pieces);
    return is_ok;
}

static void *writer(void *arg)
{
    struct queue *q = arg;
    for (;;) {
        mutex_lock(&q->lock);
        while (!q->n && !q->is_done) cond_wait_until(&q->changed, &q->lock, CLOCK_NO_DEADLINE);
        if (!q->n) break;
        struct taken taken = q->items[0];
        q->n--;
        memmove(q->items, q->items + 1, q->n * sizeof *q->items);
        cond_broadcast(&q->changed);
        mutex_unlock(&q->lock);
        bool is_ok = verify(taken.hash, state_hash_base(new_hash()), taken.n_hash);
        is_ok &= verify(taken.ordered, state_ordered_base(new_ordered()), taken.n_ordered);
        mutex_lock(&q->lock);
        q->has_failed |= !is_ok;
        mutex_unlock(&q->lock);
    }
    mutex_unlock(&q->lock);
    return NULL;
}

static void snapshots_of_changing_tables(void **state)
{
    (void)state;
    struct queue q = {0};
    struct thread thread;
    struct rng rng = {1};
    struct rows rows;
    struct data_type types[2] = {TYPE(VARCHAR), TYPE(INT64)};
    static uint64_t slots[ROWS], groups[ROWS];
    static int64_t weights[ROWS];
    static uint8_t *payloads[ROWS];
    mutex_init(&q.lock);
    cond_init(&q.changed);
    OK(thread_start(&thread, "writer", writer, &q, NULL));
    struct state_hash *hash = new_hash();
    struct state_ordered *ordered = new_ordered();
    rows_init(&rows, types, 2);
    for (int round = 0; round < ROUNDS; round++) {
        rows_clear(&rows);
        for (size_t i = 0; i < ROWS; i++) {
            random_value(&rng, &rows.cols[0], 5);
            rows_add_i64(&rows, 1, (int64_t)rng_below(&rng, 200));
            groups[i] = rng_below(&rng, 3);
            weights[i] = rng_below(&rng, 2) ? 1 : -1;
        }
        struct vector vecs[2] = {rows.cols[0].vec, rows.cols[1].vec};
        OK(state_hash_upsert(hash, vecs, ROWS, slots, payloads, NULL, NULL));
        for (size_t i = 0; i < ROWS; i++) ++*(int64_t *)(void *)payloads[i];
        if (round % 2) state_hash_remove(hash, slots, ROWS / 2);
        OK(state_ordered_add(ordered, groups, vecs, weights, ROWS, NULL));
        struct taken taken = {.n_hash = state_hash_base(hash)->n_rows,
                              .n_ordered = state_ordered_base(ordered)->n_rows};
        OK(state_freeze(state_hash_base(hash), &taken.hash, NULL));
        OK(state_freeze(state_ordered_base(ordered), &taken.ordered, NULL));
        mutex_lock(&q.lock);
        while (q.n == ARRAY_LENGTH(q.items))
            cond_wait_until(&q.changed, &q.lock, CLOCK_NO_DEADLINE);
        q.items[q.n++] = taken;
        cond_broadcast(&q.changed);
        mutex_unlock(&q.lock);
    }
    state_hash_base(hash)->cls->free(state_hash_base(hash)); /* snapshots outlive their tables */
    state_ordered_base(ordered)->cls->free(state_ordered_base(ordered));
    mutex_lock(&q.lock);
    q.is_done = true;
    cond_broadcast(&q.changed);
    mutex_unlock(&q.lock);
    thread_join(&thread);
    assert_false(q.has_failed);
    rows_deinit(&rows);
    cond_deinit(&q.changed);
    mutex_deinit(&q.lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(snapshots_of_changing_tables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
