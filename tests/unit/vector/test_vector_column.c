/* test_vector_column.c - columns, batches, the builder and its pool. */
#include "base/error.h"
#include "random_rows.h"
#include "vector/kernel.h"
#include <stdio.h>

static struct data_type types[RANDOM_TYPES_MAX];
static size_t n_types;

static int set_up(void **state)
{
    (void)state;
    n_types = random_types(types);
    return 0;
}

static struct vector as_const(const struct vector *v, size_t row, void *mem, uint8_t *validity)
{
    return vector_const_row(v, row, mem, validity);
}

/* Appends of ranges, selections and constants, in random turns, against a list of which source row is where. */
static void appends_keep_rows(void **state)
{
    (void)state;
    enum { N = 500, ROUNDS = 30 };
    for (size_t t = 0; t < n_types; t++) {
        for (unsigned null_percent = 0; null_percent <= 100; null_percent += 50) {
            struct column src, col;
            size_t rows[ROUNDS * N], n_rows = 0;
            assert_int_equal(column_init(&src, types[t], NULL), 0);
            assert_int_equal(column_init(&col, types[t], NULL), 0);
            assert_int_equal(random_append(&src, N, null_percent, NULL), 0);
            for (int round = 0; round < ROUNDS; round++) {
                size_t from = random_below(N), n = random_below(N - from) / 4;
                enum string_copy copy = round % 3 ? STRINGS_COPY : STRINGS_BORROW;
                uint32_t sel[N];
                _Alignas(16) uint8_t mem[16];
                uint8_t validity;
                for (size_t i = 0; i < n; i++) sel[i] = (uint32_t)random_below(N);
                struct vector one = as_const(&src.vec, from, mem, &validity);
                switch (round % 5) {
                case 0:
                case 1:
                    assert_int_equal(column_append(&col, &src.vec, from, n, copy, NULL), 0);
                    break;
                case 2:
                    assert_int_equal(column_append_sel(&col, &src.vec, sel, n, copy, NULL), 0);
                    break;
                case 3: assert_int_equal(column_append(&col, &one, 0, n, copy, NULL), 0); break;
                case 4:
                    assert_int_equal(column_append_sel(&col, &one, sel, n, copy, NULL), 0);
                    break;
                }
                for (size_t i = 0; i < n; i++)
                    rows[n_rows++] = round % 5 == 2 ? sel[i] : round % 5 < 2 ? from + i : from;
                if (round == ROUNDS / 2 && n_rows > 20) {
                    n_rows -= 13;
                    column_truncate(&col, n_rows);
                }
            }
            assert_int_equal(col.n, n_rows);
            for (size_t i = 0; i < n_rows; i++) assert_same_rows(&col.vec, i, &src.vec, rows[i], 1);
            size_t offset = n_rows / 2 / 8 * 8;
            struct vector slice = vector_slice(&col.vec, offset);
            assert_same_rows(&slice, 0, &col.vec, offset, n_rows - offset);
            if (null_percent == 0 && types[t].id != LAMINAR_TYPE_NULL)
                assert_null(col.vec.validity);
            /* A slice is a source like any other, selections and constants of it too. */
            struct column again;
            assert_int_equal(column_init(&again, types[t], NULL), 0);
            size_t n_slice = n_rows - offset < 100 ? n_rows - offset : 100;
            assert_int_equal(column_append(&again, &slice, 0, n_slice, STRINGS_COPY, NULL), 0);
            assert_int_equal(
                column_append_sel(&again, &slice, kernel_identity, n_slice, STRINGS_COPY, NULL), 0);
            assert_same_rows(&again.vec, 0, &slice, 0, n_slice);
            assert_same_rows(&again.vec, n_slice, &slice, 0, n_slice);
            column_clear(&col);
            assert_int_equal(col.n, 0);
            column_deinit(&col);
            /* its strings are its own */
            assert_same_rows(&again.vec, n_slice, &again.vec, 0, n_slice);
            column_deinit(&again);
            column_deinit(&src);
        }
    }
}

static void accounts_are_charged(void **state)
{
    (void)state;
    struct mem_account account = {0};
    struct column col;
    assert_int_equal(column_init(&col, TYPE(VARCHAR), NULL), 0);
    col.account = &account;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(column_append_string(&col, "a string that goes to the heap", 30, NULL), 0);
    assert_true(account.bytes >= 1000 * (16 + 30));
    assert_int_equal(account.bytes, column_bytes(&col));
    column_deinit(&col);
    assert_int_equal(account.bytes, 0);
}

/* --- Batches --------------------------------------------------------------------------------------------------------------- */

struct source {
    struct schema *schema;
    struct column columns[RANDOM_TYPES_MAX];
    struct vector vectors[RANDOM_TYPES_MAX];
    int64_t weights[CHUNK_ROWS];
    struct chunk chunk;
};

static void source_init(struct source *src, size_t n, unsigned null_percent)
{
    struct schema_column columns[RANDOM_TYPES_MAX];
    char names[RANDOM_TYPES_MAX][24];
    for (size_t t = 0; t < n_types; t++) {
        snprintf(names[t], sizeof names[t], "c%zu", t);
        columns[t] = (struct schema_column){names[t], types[t], true};
        assert_int_equal(column_init(&src->columns[t], types[t], NULL), 0);
        assert_int_equal(random_append(&src->columns[t], n, null_percent, NULL), 0);
        src->vectors[t] = src->columns[t].vec;
    }
    for (size_t i = 0; i < n; i++) src->weights[i] = i % 3 ? 1 : -1;
    src->schema = schema_create(columns, (uint32_t)n_types);
    src->chunk = (struct chunk){(uint32_t)n, (uint32_t)n_types, src->vectors, NULL};
}

static void source_deinit(struct source *src)
{
    for (size_t t = 0; t < n_types; t++) column_deinit(&src->columns[t]);
    schema_unref(src->schema);
}

static void batches_hold_what_was_appended(void **state)
{
    (void)state;
    enum { N = 300 };
    int64_t live = mem_live_count();
    struct source src;
    source_init(&src, N, 20);
    struct batch_pool *pool = batch_pool_create();
    struct batch_builder *builder;
    assert_int_equal(batch_builder_create(src.schema, pool, &builder, NULL), 0);
    for (int round = 0; round < 4; round++) {
        size_t n_chunks = round == 0 ? 0 : (size_t)round * 5;
        uint32_t sel[N];
        for (size_t i = 0; i < N; i++) sel[i] = (uint32_t)(N - 1 - i);
        src.chunk.weights = NULL;
        for (size_t k = 0; k < n_chunks; k++) {
            if (k == 3 && round > 1) src.chunk.weights = src.weights;
            if (k % 2)
                assert_int_equal(batch_builder_append_sel(builder, &src.chunk, sel, N, NULL), 0);
            else
                assert_int_equal(batch_builder_append(builder, &src.chunk, NULL), 0);
        }
        struct batch *batch;
        assert_int_equal(batch_builder_n_rows(builder), n_chunks * N);
        assert_int_equal(batch_builder_finish(builder, &batch, NULL), 0);
        assert_int_equal(batch->n_rows, n_chunks * N);
        assert_int_equal(batch_builder_n_rows(builder), 0);
        assert_int_equal(batch->weights != NULL, round > 1);
        struct vector cols[RANDOM_TYPES_MAX];
        size_t seen = 0;
        for (size_t offset = 0; offset < batch->n_rows; offset += CHUNK_ROWS) {
            struct chunk chunk = batch_chunk(batch, offset, cols);
            for (size_t i = 0; i < chunk.n_rows; i++, seen++) {
                size_t row = seen / N % 2 ? N - 1 - seen % N : seen % N;
                if (chunk.weights)
                    assert_int_equal(chunk.weights[i], seen / N >= 3 ? src.weights[row] : 1);
                for (size_t t = 0; t < n_types && i % 7 == 0; t++)
                    assert_same_rows(&chunk.cols[t], i, &src.vectors[t], row, 1);
            }
        }
        assert_int_equal(seen, batch->n_rows);
        assert_ptr_equal(batch_ref(batch), batch);
        batch_unref(batch);
        batch_unref(batch);
    }
    batch_builder_free(builder);
    batch_pool_free(pool);
    source_deinit(&src);
    assert_int_equal(mem_live_count(), live);
}

static void steady_batches_allocate_nothing(void **state)
{
    (void)state;
    struct source src;
    source_init(&src, CHUNK_ROWS, 10);
    struct batch_pool *pool = batch_pool_create();
    struct batch_builder *builder;
    assert_int_equal(batch_builder_create(src.schema, pool, &builder, NULL), 0);
    static const size_t sizes[] = {1, CHUNK_ROWS, 5 * CHUNK_ROWS};
    for (size_t s = 0; s < ARRAY_LENGTH(sizes); s++) {
        uint64_t count = 0;
        for (int round = 0; round < 50; round++) {
            if (round == 20) count = mem_allocation_count(); /* warm by now */
            struct batch *batches[3];                        /* several are out at a time */
            for (int k = 0; k < 3; k++) {
                for (size_t n = 0; n < sizes[s]; n += src.chunk.n_rows) {
                    src.chunk.n_rows = (uint32_t)(sizes[s] < CHUNK_ROWS ? sizes[s] : CHUNK_ROWS);
                    assert_int_equal(batch_builder_append(builder, &src.chunk, NULL), 0);
                }
                assert_int_equal(batch_builder_finish(builder, &batches[k], NULL), 0);
                assert_int_equal(batches[k]->n_rows, sizes[s]);
            }
            for (int k = 0; k < 3; k++) batch_unref(batches[k]);
        }
        assert_int_equal(mem_allocation_count(), count);
    }
    batch_builder_free(builder);
    batch_pool_free(pool);
    source_deinit(&src);
}

/* One query after the other, each with a builder of its own that knows nothing of the last one. */
static void new_builders_take_what_the_last_one_gave_back(void **state)
{
    (void)state;
    struct source src;
    source_init(&src, CHUNK_ROWS, 10);
    static const size_t sizes[] = {3, 100, 500, CHUNK_ROWS, 20 * CHUNK_ROWS};
    for (size_t s = 0; s < ARRAY_LENGTH(sizes); s++) {
        struct batch_pool *pool = batch_pool_create();
        size_t free_bytes = 0;
        for (int query = 0; query < 5; query++) {
            struct batch_builder *builder;
            struct batch *batch;
            assert_int_equal(batch_builder_create(src.schema, pool, &builder, NULL), 0);
            src.chunk.n_rows = (uint32_t)(sizes[s] < CHUNK_ROWS ? sizes[s] : CHUNK_ROWS);
            for (size_t n = 0; n < sizes[s]; n += src.chunk.n_rows)
                assert_int_equal(batch_builder_append(builder, &src.chunk, NULL), 0);
            assert_int_equal(batch_builder_finish(builder, &batch, NULL), 0);
            batch_builder_free(builder);
            batch_unref(batch);
            if (query == 0) free_bytes = batch_pool_free_bytes(pool);
            /* not a second body; texts may take larger pieces than at first */
            assert_true(batch_pool_free_bytes(pool) < free_bytes + free_bytes / 2);
        }
        batch_pool_free(pool);
    }
    source_deinit(&src);
}

static void small_batches_keep_little_alive(void **state)
{
    (void)state;
    struct schema_column column = {"x", TYPE(INT64), true};
    struct schema *schema = schema_create(&column, 1);
    struct batch_builder *builder;
    struct batch_pool *pool = batch_pool_create();
    assert_int_equal(batch_builder_create(schema, pool, &builder, NULL), 0);
    static int64_t values[CHUNK_ROWS];
    struct vector v = {.type = TYPE(INT64), .data = values};
    struct chunk chunk = {CHUNK_ROWS, 1, &v, NULL};
    struct batch *large, *small;
    for (int i = 0; i < 100; i++) assert_int_equal(batch_builder_append(builder, &chunk, NULL), 0);
    assert_int_equal(batch_builder_finish(builder, &large, NULL), 0);
    batch_unref(large);
    values[0] = 42;
    chunk.n_rows = 1;
    assert_int_equal(batch_builder_append(builder, &chunk, NULL), 0);
    assert_int_equal(batch_builder_finish(builder, &small, NULL), 0);
    assert_true(small->bytes < 4096);
    assert_int_equal(((const int64_t *)small->cols[0].data)[0], 42);
    batch_builder_free(builder);
    batch_pool_free(pool); /* the batch outlives both */
    assert_int_equal(((const int64_t *)small->cols[0].data)[0], 42);
    batch_unref(small);
    schema_unref(schema);
}

static laminar_status build_and_drop(void *arg)
{
    struct source *src = arg;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct batch_builder *builder = NULL;
    struct batch *batch = NULL, *second = NULL;
    laminar_status status = LAMINAR_OK;
    struct batch_pool *pool = batch_pool_create();
    if (!pool) return LAMINAR_OUT_OF_MEMORY;
    TRY(batch_builder_create(src->schema, pool, &builder, &err));
    src->chunk.weights = src->weights;
    size_t n_rows = 0;
    for (int i = 0; i < 3; i++) {
        status = batch_builder_append(builder, &src->chunk, &err);
        if (!status) n_rows += src->chunk.n_rows;
        /* a failed append leaves no part of it */
        assert_int_equal(batch_builder_n_rows(builder), n_rows);
        if (status) {
            TRY(batch_builder_append(builder, &src->chunk, &err)); /* and it can be tried again */
            n_rows += src->chunk.n_rows;
        }
    }
    TRY(batch_builder_finish(builder, &batch, &err));
    assert_int_equal(batch->n_rows, 3 * src->chunk.n_rows);
    for (size_t t = 0; t < n_types; t++)
        for (size_t k = 0; k < n_rows; k++) /* text would need memory */
            assert_true(kernel_equal(&batch->cols[t], k, &src->vectors[t], k % src->chunk.n_rows));
    TRY(batch_builder_append(builder, &src->chunk, &err));
    TRY(batch_builder_finish(builder, &second, &err));
done:
    batch_builder_free(builder);
    batch_unref(batch);
    batch_pool_free(pool);
    batch_unref(second);
    return status;
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    struct source src;
    source_init(&src, 40, 30);
    assert_true(unit_fail_each_allocation(build_and_drop, &src) > 50);
    source_deinit(&src);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_keep_rows),
        cmocka_unit_test(accounts_are_charged),
        cmocka_unit_test(batches_hold_what_was_appended),
        cmocka_unit_test(steady_batches_allocate_nothing),
        cmocka_unit_test(new_builders_take_what_the_last_one_gave_back),
        cmocka_unit_test(small_batches_keep_little_alive),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
