/* test_vector_batch_concurrent.c - batches that are built on one thread and released on others, through one pool. */
#include "base/thread.h"
#include "random_rows.h"
#include "vector/arrow.h"
#include <stdatomic.h>

enum { READERS = 3, BATCHES = 3000, QUEUE = 64 };

/* A batch a slot; the builder waits for free slots, the readers for full ones. */
static _Atomic(struct batch *) queue[QUEUE];
static _Atomic size_t taken;
static _Atomic uint64_t sum;

static void *read_batches(void *arg)
{
    (void)arg;
    for (;;) {
        size_t i = atomic_fetch_add(&taken, 1);
        if (i >= BATCHES) return NULL;
        struct batch *batch;
        while (!(batch = atomic_exchange(&queue[i % QUEUE], NULL))) {}
        const int64_t *values = batch->cols[0].data;
        for (size_t row = 0; row < batch->n_rows; row++)
            atomic_fetch_add_explicit(&sum, (uint64_t)values[row], memory_order_relaxed);
        struct ArrowArray array; /* released after the batch, sometimes on its own */
        if (arrow_export_batch(batch, 0, batch->n_rows, 0, &array, NULL)) return (void *)1;
        batch_unref(batch);
        array.release(&array);
    }
}

static void batches_cross_threads(void **state)
{
    (void)state;
    int64_t live = mem_live_count(), values[CHUNK_ROWS];
    struct schema_column column = {"x", TYPE(INT64), true};
    struct schema *schema = schema_create(&column, 1);
    struct batch_pool *pool = batch_pool_create();
    struct batch_builder *builder;
    struct thread threads[READERS];
    assert_int_equal(batch_builder_create(schema, pool, &builder, NULL), 0);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(thread_start(&threads[i], "reader", read_batches, NULL, NULL), 0);
    uint64_t expected = 0;
    for (size_t i = 0; i < BATCHES; i++) {
        size_t n = 1 + random_below(i % 100 ? 20 : CHUNK_ROWS);
        for (size_t row = 0; row < n; row++)
            expected += (uint64_t)(values[row] = (int64_t)random_below(1000));
        struct vector v = {.type = TYPE(INT64), .data = values};
        struct chunk chunk = {(uint32_t)n, 1, &v, NULL};
        struct batch *batch, *none = NULL;
        assert_int_equal(batch_builder_append(builder, &chunk, NULL), 0);
        assert_int_equal(batch_builder_finish(builder, &batch, NULL), 0);
        while (!atomic_compare_exchange_weak(&queue[i % QUEUE], &none, batch)) none = NULL;
    }
    batch_builder_free(builder);
    batch_pool_free(pool); /* the last bodies come back after it */
    for (size_t i = 0; i < READERS; i++) thread_join(&threads[i]);
    assert_true(atomic_load(&sum) == expected);
    schema_unref(schema);
    assert_int_equal(mem_live_count(), live);
}

/* --- A pool that is closed while its bodies come back ----------------------------------------------------------------------------- */

enum { ROUNDS = 4000 };
static struct batch *returned[READERS];
static _Atomic size_t round_begun, n_returned;

static void *return_batches(void *arg)
{
    size_t self = (size_t)(uintptr_t)arg;
    for (size_t round = 1; round <= ROUNDS; round++) {
        for (unsigned i = 1; atomic_load(&round_begun) < round; i++)
            if (i % 4096 == 0) thread_yield();
        batch_unref(returned[self]);
        atomic_fetch_add(&n_returned, 1);
    }
    return NULL;
}

static void bodies_come_back_to_a_closed_pool(void **state)
{
    (void)state;
    int64_t live = mem_live_count(), value = 7;
    struct schema_column column = {"x", TYPE(INT64), true};
    struct schema *schema = schema_create(&column, 1);
    struct thread threads[READERS];
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(
            thread_start(&threads[i], "return", return_batches, (void *)(uintptr_t)i, NULL), 0);
    for (size_t round = 1; round <= ROUNDS; round++) {
        struct batch_pool *pool = batch_pool_create();
        struct batch_builder *builder;
        assert_int_equal(batch_builder_create(schema, pool, &builder, NULL), 0);
        for (size_t i = 0; i < READERS; i++) {
            struct vector v = {.type = TYPE(INT64), .data = &value};
            struct chunk chunk = {1, 1, &v, NULL};
            assert_int_equal(batch_builder_append(builder, &chunk, NULL), 0);
            assert_int_equal(batch_builder_finish(builder, &returned[i], NULL), 0);
        }
        batch_builder_free(builder);
        atomic_store(&n_returned, 0);
        if (round % 2) batch_pool_free(pool); /* before the first comes back, or while they do */
        atomic_store(&round_begun, round);
        if (round % 2 == 0) batch_pool_free(pool);
        while (atomic_load(&n_returned) < READERS) thread_yield();
    }
    for (size_t i = 0; i < READERS; i++) thread_join(&threads[i]);
    schema_unref(schema);
    assert_int_equal(mem_live_count(), live);
}

static void *intern_types(void *arg)
{
    struct data_type *out = arg;
    for (uint32_t i = 0; i < 200; i++) {
        char name[8] = {(char)('a' + i % 26), (char)('a' + i / 26), 0};
        struct type_field field = {name, TYPE(INT64), true};
        if (type_struct(&field, 1, &out[i], NULL)) return (void *)1;
    }
    return NULL;
}

static void types_are_interned_once(void **state)
{
    (void)state;
    static struct data_type types[READERS][200];
    struct thread threads[READERS];
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(thread_start(&threads[i], "intern", intern_types, types[i], NULL), 0);
    for (size_t i = 0; i < READERS; i++) thread_join(&threads[i]);
    for (size_t i = 1; i < READERS; i++)
        for (size_t k = 0; k < 200; k++) assert_ptr_equal(types[i][k].info, types[0][k].info);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(batches_cross_threads),
                                       cmocka_unit_test(bodies_come_back_to_a_closed_pool),
                                       cmocka_unit_test(types_are_interned_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
