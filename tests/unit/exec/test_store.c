/* test_store.c - kept rows: the log with its retention, keyed and bag stores, snapshots, writing out and restoring. */
#include "base/error.h"
#include "base/file.h"
#include "base/thread.h"
#include "exec/store.h"
#include "exec_test.h"
#include "law.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Not NULL: each append to a log is followed by spilling all of it. */
static struct spill *spill_all;
/* Not NULL: that of stores with keys and bags. */
static struct spill_policy *stores_spill;

static const enum law_type types[3] = {LAW_INT, LAW_TEXT, LAW_LIST};

static struct schema *make_schema(void)
{
    struct schema_column cols[3] = {{"k", law_data_type(LAW_INT), true},
                                    {"t", law_data_type(LAW_TEXT), true},
                                    {"l", law_data_type(LAW_LIST), true}};
    struct schema *schema = schema_create(cols, 3);
    assert_non_null(schema);
    return schema;
}

struct kept_rows {
    struct column cols[3];
    struct vector vecs[3];
    int64_t weights[CHUNK_ROWS];
    struct chunk chunk;
};
static void kept_init(struct kept_rows *rows)
{
    memset(rows, 0, sizeof *rows);
    for (int c = 0; c < 3; c++)
        assert_int_equal(column_init(&rows->cols[c], law_data_type(types[c]), NULL), LAMINAR_OK);
}
static void kept_clear(struct kept_rows *rows)
{
    for (int c = 0; c < 3; c++) column_clear(&rows->cols[c]);
}
static void kept_deinit(struct kept_rows *rows)
{
    for (int c = 0; c < 3; c++) column_deinit(&rows->cols[c]);
}
static void kept_add(struct kept_rows *rows, const struct law_row *row, int64_t weight)
{
    rows->weights[rows->cols[0].n] = weight;
    for (int c = 0; c < 3; c++) law_append(&rows->cols[c], types[c], row->values[c]);
}
static const struct chunk *kept_chunk(struct kept_rows *rows, bool has_weights)
{
    for (int c = 0; c < 3; c++) rows->vecs[c] = rows->cols[c].vec;
    rows->chunk = (struct chunk){.n_rows = (uint32_t)rows->cols[0].n,
                                 .n_cols = 3,
                                 .cols = rows->vecs,
                                 .weights = has_weights ? rows->weights : NULL};
    return &rows->chunk;
}
static struct law_row simple(int64_t k)
{
    return (struct law_row){{k, k % 7 ? k : LAW_NULL, k % 5 ? k : LAW_NULL}};
}

static struct batch *make_batch(struct schema *schema, int64_t first, size_t n)
{
    struct batch_builder *builder;
    struct batch *batch;
    struct kept_rows rows;
    kept_init(&rows);
    assert_int_equal(batch_builder_create(schema, NULL, &builder, NULL), LAMINAR_OK);
    for (size_t i = 0; i < n; i += CHUNK_ROWS) {
        kept_clear(&rows);
        for (size_t k = i; k < n && k < i + CHUNK_ROWS; k++) {
            struct law_row row = simple(first + (int64_t)k);
            kept_add(&rows, &row, 1);
        }
        assert_int_equal(batch_builder_append(builder, kept_chunk(&rows, false), NULL), LAMINAR_OK);
    }
    assert_int_equal(batch_builder_finish(builder, &batch, NULL), LAMINAR_OK);
    batch_builder_free(builder);
    kept_deinit(&rows);
    return batch;
}

static size_t read_all(struct store_snapshot *snapshot, struct bag *bag)
{
    struct chunk chunk;
    size_t n = 0;
    for (;;) {
        assert_int_equal(store_snapshot_next(snapshot, &chunk, NULL), LAMINAR_OK);
        if (chunk.n_rows == 0) return n;
        for (uint32_t i = 0; i < chunk.n_rows; i++)
            n += (size_t)(chunk.weights ? chunk.weights[i] : 1);
        if (bag) law_chunk_add(bag, &chunk, NULL);
    }
}

static void expect_range(struct bag *bag, int64_t from, int64_t to)
{
    for (int64_t k = from; k < to; k++) {
        char text[300];
        struct law_row row = simple(k);
        law_row_text(types, 3, &row, text, sizeof text);
        bag_add(bag, text, 1);
    }
}

static void check_range(struct store *store, int64_t from, int64_t to)
{
    struct store_snapshot *snapshot;
    struct bag got = {0}, wanted = {0};
    assert_true(store_state(store)->cls->check(store_state(store)));
    assert_int_equal(store_n_rows(store), to - from);
    assert_int_equal(store_snapshot_create(store, &snapshot, NULL), LAMINAR_OK);
    assert_int_equal(store_snapshot_n_rows(snapshot), to - from);
    assert_int_equal(read_all(snapshot, &got), to - from);
    expect_range(&wanted, from, to);
    assert_true(bag_equal(&got, &wanted));
    store_snapshot_release(snapshot);
    bag_deinit(&got);
    bag_deinit(&wanted);
}

static struct store *make_store(enum store_kind kind, struct schema *schema,
                                struct retention retention)
{
    struct store *store;
    const uint32_t key = 0;
    assert_int_equal(store_create(kind, schema, &key, 1, retention, NULL, &store, NULL),
                     LAMINAR_OK);
    store_set_spill(store, stores_spill);
    return store;
}

static void append(struct store *store, struct schema *schema, int64_t first, size_t n)
{
    struct batch *batch = make_batch(schema, first, n);
    assert_int_equal(store_append(store, batch, NULL), LAMINAR_OK);
    batch_unref(batch);
    if (spill_all) assert_int_equal(store_spill(store, spill_all, SIZE_MAX, NULL), LAMINAR_OK);
}

static void log_keeps_newest_rows_exactly(void **state)
{
    (void)state;
    struct schema *schema = make_schema();
    struct store *store = make_store(STORE_LOG, schema, (struct retention){RETAIN_ROWS, 5000});
    static const size_t sizes[] = {1, 3, 2500, 1, 1, 700, 90, 5000, 1, 2047, 2, 511, 512, 9000, 1};
    int64_t next = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
        append(store, schema, next, sizes[i]);
        next += (int64_t)sizes[i];
        check_range(store, next > 5000 ? next - 5000 : 0, next);
    }
    for (int i = 0; i < 3000; i++) append(store, schema, next++, 1);
    check_range(store, next - 5000, next);
    store_free(store);
    schema_unref(schema);
}

static void log_snapshots_stay_as_they_were(void **state)
{
    (void)state;
    struct schema *schema = make_schema();
    struct store *store = make_store(STORE_LOG, schema, (struct retention){RETAIN_ROWS, 3000});
    struct store_snapshot *snapshots[40];
    int64_t ends[40], next = 0;
    for (int i = 0; i < 40; i++) {
        size_t n = i % 7 == 3 ? 1500 : (size_t)i * 3 + 1;
        append(store, schema, next, n);
        next += (int64_t)n;
        assert_int_equal(store_snapshot_create(store, &snapshots[i], NULL), LAMINAR_OK);
        ends[i] = next;
    }
    store_free(store);
    for (int i = 0; i < 40; i++) {
        struct bag got = {0}, wanted = {0};
        read_all(snapshots[i], &got);
        expect_range(&wanted, ends[i] > 3000 ? ends[i] - 3000 : 0, ends[i]);
        assert_true(bag_equal(&got, &wanted));
        store_snapshot_release(snapshots[i]);
        bag_deinit(&got);
        bag_deinit(&wanted);
    }
    schema_unref(schema);
}

static void log_other_retentions(void **state)
{
    (void)state;
    struct schema *schema = make_schema();
    struct store *all = make_store(STORE_LOG, schema, (struct retention){RETAIN_ALL, 0});
    struct store *none = make_store(STORE_LOG, schema, (struct retention){RETAIN_NONE, 0});
    struct store *bytes = make_store(STORE_LOG, schema, (struct retention){RETAIN_BYTES, 1 << 20});
    struct store *hour = make_store(STORE_LOG, schema,
                                    (struct retention){RETAIN_TIME, INT64_C(3600000000)});
    int64_t next = 0;
    for (int i = 0; i < 60; i++) {
        struct batch *batch = make_batch(schema, next, 700);
        batch->time_us = INT64_C(1700000000000000) + i * INT64_C(300000000); /* five minutes each */
        next += 700;
        assert_int_equal(store_append(all, batch, NULL), LAMINAR_OK);
        assert_int_equal(store_append(none, batch, NULL), LAMINAR_OK);
        assert_int_equal(store_append(bytes, batch, NULL), LAMINAR_OK);
        assert_int_equal(store_append(hour, batch, NULL), LAMINAR_OK);
        batch_unref(batch);
    }
    check_range(all, 0, next);
    check_range(none, 0, 0);
    assert_true(store_bytes(bytes) <= 1 << 20);
    assert_true(store_n_rows(bytes) >= 700 && store_n_rows(bytes) < (size_t)next);
    check_range(hour, next - 13 * 700, next); /* what is no more than an hour old */
    store_free(all);
    store_free(none);
    store_free(bytes);
    store_free(hour);
    schema_unref(schema);
}

static void many_tiny_appends_are_merged(void **state)
{
    (void)state;
    struct schema *schema = make_schema();
    struct store *store = make_store(STORE_LOG, schema, (struct retention){RETAIN_ROWS, 1 << 20});
    struct batch *one = make_batch(schema, 1, 1);
    struct store_snapshot *snapshot;
    for (int i = 0; i < 100000; i++) assert_int_equal(store_append(store, one, NULL), LAMINAR_OK);
    uint64_t before = mem_allocation_count();
    assert_int_equal(store_snapshot_create(store, &snapshot, NULL), LAMINAR_OK);
    assert_true(mem_allocation_count() - before < 64); /* not one a row */
    assert_int_equal(read_all(snapshot, NULL), 100000);
    assert_true(store_bytes(store) < 100000 * 200);
    store_snapshot_release(snapshot);
    batch_unref(one);
    store_free(store);
    schema_unref(schema);
}

/* --- Keyed and bag ----------------------------------------------------------------------------------------------------------------------- */

static laminar_status collect(void *ctx, const struct chunk *delta)
{
    law_chunk_add(ctx, delta, NULL);
    return LAMINAR_OK;
}

static void snapshot_bag(struct store *store, struct bag *out)
{
    struct store_snapshot *snapshot;
    assert_int_equal(store_snapshot_create(store, &snapshot, NULL), LAMINAR_OK);
    read_all(snapshot, out);
    store_snapshot_release(snapshot);
}

static void upserts_give_the_delta(void **state)
{
    (void)state;
    struct schema *schema = make_schema();
    struct law_random random = {7};
    struct store *store = make_store(STORE_KEYED, schema, (struct retention){RETAIN_ALL, 0});
    struct law_row current[60];
    bool is_there[60] = {false};
    struct bag net = {0};
    struct kept_rows rows;
    kept_init(&rows);
    for (int step = 0; step < 200; step++) {
        struct bag wanted = {0}, got = {0};
        kept_clear(&rows);
        size_t n = (size_t)law_below(&random, 40) + 1;
        for (size_t i = 0; i < n; i++) {
            struct law_row row = {{law_below(&random, 60), law_below(&random, 4),
                                   law_below(&random, 3) ? law_below(&random, 4) : LAW_NULL}};
            current[row.values[0]] = row;
            is_there[row.values[0]] = true;
            kept_add(&rows, &row, 1);
        }
        assert_int_equal(store_upsert(store, kept_chunk(&rows, false), collect, &net, NULL),
                         LAMINAR_OK);
        for (int k = 0; k < 60; k++) {
            char text[300];
            if (!is_there[k]) continue;
            law_row_text(types, 3, &current[k], text, sizeof text);
            bag_add(&wanted, text, 1);
        }
        snapshot_bag(store, &got);
        assert_true(bag_equal(&got, &wanted));
        assert_true(bag_equal(&net, &wanted));
        assert_true(store_state(store)->cls->check(store_state(store)));
        bag_deinit(&got);
        bag_deinit(&wanted);
    }
    bag_deinit(&net);
    kept_deinit(&rows);
    store_free(store);
    schema_unref(schema);
}

static void an_equal_row_changes_nothing(void **state)
{
    (void)state;
    struct schema *schema = make_schema();
    struct store *store = make_store(STORE_KEYED, schema, (struct retention){RETAIN_ALL, 0});
    struct bag net = {0};
    struct kept_rows rows;
    kept_init(&rows);
    struct law_row row = simple(3);
    kept_add(&rows, &row, 1);
    assert_int_equal(store_upsert(store, kept_chunk(&rows, false), collect, &net, NULL),
                     LAMINAR_OK);
    assert_int_equal(store_upsert(store, kept_chunk(&rows, false), collect, &net, NULL),
                     LAMINAR_OK);
    assert_int_equal(net.entries.n, 1);
    assert_int_equal(net.entries.items[0].weight, 1);
    bag_deinit(&net);
    kept_deinit(&rows);
    store_free(store);
    schema_unref(schema);
}

static void apply_takes_either_order(void **state)
{
    (void)state;
    struct schema *schema = make_schema();
    for (int order = 0; order < 2; order++) {
        struct store *store = make_store(STORE_KEYED, schema, (struct retention){RETAIN_ALL, 0});
        struct law_row old_row = {{1, 3, 1}}, new_row = {{1, 6, 1}}, other = {{1, 9, 9}};
        struct bag got = {0};
        struct kept_rows rows;
        kept_init(&rows);
        kept_add(&rows, &old_row, 1);
        assert_int_equal(store_apply(store, kept_chunk(&rows, true), NULL), LAMINAR_OK);
        kept_clear(&rows);
        kept_add(&rows, order ? &old_row : &new_row, order ? -1 : 1);
        kept_add(&rows, order ? &new_row : &old_row, order ? 1 : -1);
        assert_int_equal(store_apply(store, kept_chunk(&rows, true), NULL), LAMINAR_OK);
        snapshot_bag(store, &got);
        assert_int_equal(got.entries.n, 1);
        assert_string_equal(got.entries.items[0].text,
                            "1|a rather long text with the number 6|[1, 1]");
        assert_int_equal(store_n_rows(store), 1);
        /* the key decides what a retraction means */
        kept_clear(&rows);
        kept_add(&rows, &other, -1);
        assert_int_equal(store_apply(store, kept_chunk(&rows, true), NULL), LAMINAR_OK);
        assert_int_equal(store_n_rows(store), 0);
        bag_deinit(&got);
        kept_deinit(&rows);
        store_free(store);
    }
    schema_unref(schema);
}

static void bag_keeps_multiplicities(void **state)
{
    (void)state;
    struct schema *schema = make_schema();
    struct law_random random = {11};
    struct store *store = make_store(STORE_BAG, schema, (struct retention){RETAIN_ALL, 0});
    struct bag net = {0};
    struct kept_rows rows;
    kept_init(&rows);
    for (int step = 0; step < 150; step++) {
        struct bag got = {0};
        kept_clear(&rows);
        for (int i = 0; i < 30; i++) {
            struct law_row row = {{law_below(&random, 4), law_below(&random, 3),
                                   law_below(&random, 2) ? 1 : LAW_NULL}};
            char text[300];
            law_row_text(types, 3, &row, text, sizeof text);
            int64_t weight = 1 + law_below(&random, 2);
            if (law_below(&random, 2)) weight = -bag_weight(&net, text);
            if (weight == 0) continue;
            kept_add(&rows, &row, weight);
            bag_add(&net, text, weight);
        }
        assert_int_equal(store_apply(store, kept_chunk(&rows, true), NULL), LAMINAR_OK);
        snapshot_bag(store, &got);
        assert_true(bag_equal(&got, &net));
        assert_true(store_state(store)->cls->check(store_state(store)));
        bag_deinit(&got);
    }
    bag_deinit(&net);
    kept_deinit(&rows);
    store_free(store);
    schema_unref(schema);
}

/* --- All kinds --------------------------------------------------------------------------------------------------------------------------- */

static void fill(struct store *store, enum store_kind kind, struct schema *schema, int64_t first,
                 size_t n)
{
    struct batch *batch = make_batch(schema, first, n);
    struct vector vecs[3];
    struct bag net = {0};
    if (kind == STORE_LOG) assert_int_equal(store_append(store, batch, NULL), LAMINAR_OK);
    for (size_t at = 0; kind != STORE_LOG && at < n; at += CHUNK_ROWS) {
        struct chunk chunk = batch_chunk(batch, at, vecs);
        if (kind == STORE_KEYED)
            assert_int_equal(store_upsert(store, &chunk, collect, &net, NULL), LAMINAR_OK);
        else
            assert_int_equal(store_apply(store, &chunk, NULL), LAMINAR_OK);
    }
    bag_deinit(&net);
    batch_unref(batch);
    if (spill_all) assert_int_equal(store_spill(store, spill_all, SIZE_MAX, NULL), LAMINAR_OK);
}

static void written_out_and_restored(void **state)
{
    (void)state;
    struct schema *schema = make_schema();
    for (int kind = STORE_LOG; kind <= STORE_BAG; kind++) {
        struct retention retention = {RETAIN_ROWS, 4000};
        struct store *store = make_store((enum store_kind)kind, schema, retention),
                     *next = make_store((enum store_kind)kind, schema, retention);
        fill(store, (enum store_kind)kind, schema, 0, 3000);
        fill(store, (enum store_kind)kind, schema, 3000, 100);
        struct law_pieces *pieces = law_freeze_state(store_state(store));
        fill(store, (enum store_kind)kind, schema, 3100, 5000); /* goes on under the snapshot */
        store_free(store);
        law_restore_state(pieces, store_state(next));
        check_range(next, 0, 3100);
        fill(next, (enum store_kind)kind, schema, 3100, 400);
        check_range(next, 0, 3500);
        store_free(next);
    }
    schema_unref(schema);
}

static void damaged_pieces_are_refused_or_harmless(void **state)
{
    (void)state;
    struct schema *schema = make_schema();
    struct law_random random = {99};
    for (int kind = STORE_LOG; kind <= STORE_BAG; kind++) {
        struct store *store = make_store((enum store_kind)kind, schema,
                                         (struct retention){RETAIN_ALL, 0});
        size_t n_refused = 0;
        fill(store, (enum store_kind)kind, schema, 0, 900);
        for (int i = 0; i < 400; i++) {
            struct store *next = make_store((enum store_kind)kind, schema,
                                            (struct retention){RETAIN_ALL, 0});
            struct store_snapshot *snapshot;
            if (law_restore_damaged(store_state(store), store_state(next), &random) != LAMINAR_OK)
                n_refused++;
            assert_int_equal(store_snapshot_create(next, &snapshot, NULL), LAMINAR_OK);
            read_all(snapshot, NULL);
            store_snapshot_release(snapshot);
            fill(next, (enum store_kind)kind, schema, 300, 50);
            assert_true(store_state(next)->cls->check(store_state(next)));
            store_free(next);
        }
        assert_true(n_refused > 100);
        store_free(store);
    }
    schema_unref(schema);
}

struct fault_case {
    struct schema *schema;
    struct batch *batches[3];
    enum store_kind kind;
};
static laminar_status ignore(void *ctx, const struct chunk *delta)
{
    (void)ctx;
    (void)delta;
    return LAMINAR_OK;
}
static laminar_status fault_scenario(void *arg)
{
    struct fault_case *c = arg;
    const uint32_t key = 0;
    struct store *store = NULL;
    struct store_snapshot *snapshot = NULL;
    struct vector vecs[3];
    struct chunk chunk;
    laminar_status status;
    TRY(store_create(c->kind, c->schema, &key, 1, (struct retention){RETAIN_ROWS, 100}, NULL,
                     &store, NULL));
    for (int i = 0; i < 3; i++) {
        chunk = batch_chunk(c->batches[i], 0, vecs);
        if (c->kind == STORE_LOG) TRY(store_append(store, c->batches[i], NULL));
        store_set_spill(store, stores_spill);
        if (c->kind == STORE_LOG && spill_all) TRY(store_spill(store, spill_all, SIZE_MAX, NULL));
        if (c->kind == STORE_KEYED) TRY(store_upsert(store, &chunk, ignore, NULL, NULL));
        if (c->kind == STORE_BAG) TRY(store_apply(store, &chunk, NULL));
        store_snapshot_release(snapshot);
        snapshot = NULL;
        TRY(store_snapshot_create(store, &snapshot, NULL));
        do TRY(store_snapshot_next(snapshot, &chunk, NULL));
        while (chunk.n_rows);
    }
done:
    if (store && !store_state(store)->cls->check(store_state(store)))
        status = LAMINAR_INTERNAL_ERROR;
    store_snapshot_release(snapshot);
    store_free(store);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct fault_case c = {.schema = make_schema()};
    c.batches[0] = make_batch(c.schema, 0, 20);
    c.batches[1] = make_batch(c.schema, 10, 600);
    c.batches[2] = make_batch(c.schema, 100, 30);
    for (int kind = STORE_LOG; kind <= STORE_BAG; kind++) {
        c.kind = (enum store_kind)kind;
        assert_true(unit_fail_each_allocation(fault_scenario, &c) > 10);
    }
    for (int i = 0; i < 3; i++) batch_unref(c.batches[i]);
    schema_unref(c.schema);
}

/* --- Spilled rows ------------------------------------------------------------------------------------------------------------------------ */

static struct spill *make_spill(char *folder)
{
    char path[100];
    struct spill *spill = NULL;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/rows", folder);
    assert_int_equal(spill_create(path, &spill, NULL), LAMINAR_OK);
    return spill;
}

static void nothing_changes_when_all_is_spilled(void **state)
{
    char folder[] = "/tmp/laminar-XXXXXX";
    spill_all = make_spill(folder);
    log_keeps_newest_rows_exactly(state);
    log_snapshots_stay_as_they_were(state);
    written_out_and_restored(state);
    every_allocation_may_fail(state);
    assert_int_equal(spill_bytes(spill_all), 0); /* all was given back */
    spill_unref(spill_all);
    spill_all = NULL;
    assert_int_equal(rmdir(folder), 0); /* the file has no name */
}

static void nothing_changes_when_keys_are_spilled(void **state)
{
    char folder[] = "/tmp/laminar-XXXXXX";
    struct test_policy policy;
    open_policy(&policy, folder);
    stores_spill = &policy.base;
    upserts_give_the_delta(state);
    an_equal_row_changes_nothing(state);
    apply_takes_either_order(state);
    bag_keeps_multiplicities(state);
    written_out_and_restored(state);
    damaged_pieces_are_refused_or_harmless(state);
    every_allocation_may_fail(state);
    stores_spill = NULL;
    close_policy(&policy, folder);
}

/* Keys [from, from + n) with their rows, or without them. */
static laminar_status change_keys(struct store *store, int64_t from, size_t n, int64_t weight,
                                  struct laminar_error *err)
{
    struct kept_rows rows;
    laminar_status status;
    kept_init(&rows);
    for (size_t i = 0; i < n; i++) {
        struct law_row row = simple(from + (int64_t)i);
        kept_add(&rows, &row, weight);
    }
    if (weight > 0)
        status = store_upsert(store, kept_chunk(&rows, false), ignore, NULL, err);
    else
        status = store_apply(store, kept_chunk(&rows, true), err);
    kept_deinit(&rows);
    return status;
}

/* Memory stays near the budget, and so does the file when keys go and others come: what they leave is used again. */
static void keys_stay_within_a_budget(void **state)
{
    (void)state;
    enum { KEYS = 60000, A_CHUNK = 2000, BUDGET = 6 << 20 };
    char folder[] = "/tmp/laminar-XXXXXX";
    struct test_policy policy;
    const uint32_t key = 0;
    struct schema *schema = make_schema();
    struct store *store;
    open_policy(&policy, folder);
    policy.budget = BUDGET;
    assert_int_equal(store_create(STORE_KEYED, schema, &key, 1, (struct retention){RETAIN_ALL, 0},
                                  &policy.account, &store, NULL),
                     LAMINAR_OK);
    store_set_spill(store, &policy.base);
    int64_t most = 0;
    for (int64_t at = 0; at < KEYS; at += A_CHUNK) {
        assert_int_equal(change_keys(store, at, A_CHUNK, 1, NULL), LAMINAR_OK);
        if (atomic_load(&policy.account.bytes) > most) most = atomic_load(&policy.account.bytes);
    }
    assert_true(most < BUDGET + (2 << 20));
    size_t spilled = store_state(store)->spilled_bytes;
    assert_true(spilled > 2 << 20);
    check_range(store, 0, KEYS);
    for (int64_t at = 0; at < KEYS; at += A_CHUNK) {
        assert_int_equal(change_keys(store, KEYS + at, A_CHUNK, 1, NULL), LAMINAR_OK);
        assert_int_equal(change_keys(store, at, A_CHUNK, -1, NULL), LAMINAR_OK);
    }
    check_range(store, KEYS, 2 * KEYS);
    assert_true(store_state(store)->spilled_bytes < spilled / 4 * 5);
    for (int64_t at = 0; at < KEYS - A_CHUNK; at += A_CHUNK)
        assert_int_equal(change_keys(store, KEYS + at, A_CHUNK, -1, NULL), LAMINAR_OK);
    assert_true(store_state(store)->spilled_bytes < spilled / 4);
    check_range(store, 2 * KEYS - A_CHUNK, 2 * KEYS);
    store_free(store);
    schema_unref(schema);
    close_policy(&policy, folder);
}

/* Each operation on the file fails once. Where writing fails, rows stay in memory; where reading fails the call does, and what it says holds: the same rows
 * again make all of them be there. */
static void a_failing_disk_loses_no_keys(void **state)
{
    (void)state;
    struct schema *schema = make_schema();
    size_t n_failed = 0;
    for (uint64_t n = 1;; n = n < 40 ? n + 1 : n * 9 / 8) {
        char folder[] = "/tmp/laminar-XXXXXX";
        struct test_policy policy;
        struct laminar_error err = LAMINAR_ERROR_INIT;
        open_policy(&policy, folder);
        stores_spill = &policy.base;
        struct store *store = make_store(STORE_KEYED, schema, (struct retention){RETAIN_ALL, 0});
        stores_spill = NULL;
        file_fail_after(n, false);
        laminar_status status = LAMINAR_OK;
        int64_t from = 0;
        for (; from < 8000 && !status; from += 1000)
            status = change_keys(store, from, 2000, 1, &err);
        file_fail_after(0, false);
        n_failed += status != LAMINAR_OK;
        if (status != LAMINAR_OK) {
            assert_int_equal(status, LAMINAR_IO_ERROR);
            assert_non_null(strstr(err.message, folder));
        }
        assert_true(store_state(store)->cls->check(store_state(store)));
        for (int64_t at = 0; at < 9000; at += 1000)
            assert_int_equal(change_keys(store, at, 1000, 1, NULL), LAMINAR_OK);
        check_range(store, 0, 9000);
        store_free(store);
        assert_int_equal(spill_bytes(policy.spill), 0);
        spill_unref(policy.spill);
        remove(folder);
        if (status == LAMINAR_OK && n > 200) break;
    }
    assert_true(n_failed > 3);
    schema_unref(schema);
}

/* What can't be read fails a chunk before it has changed anything: those who read the store's deltas must not miss a part of one. */
static void a_failing_read_changes_nothing_of_a_chunk(void **state)
{
    (void)state;
    struct schema *schema = make_schema();
    size_t n_failed = 0;
    for (uint64_t n = 1; n < 4000; n = n < 40 ? n + 3 : n * 9 / 8) {
        char folder[] = "/tmp/laminar-XXXXXX";
        struct test_policy policy;
        open_policy(&policy, folder);
        stores_spill = &policy.base;
        struct store *store = make_store(STORE_KEYED, schema, (struct retention){RETAIN_ALL, 0});
        stores_spill = NULL;
        size_t n_rows = 4000;
        for (int64_t from = 0; from < 4000; from += 1000)
            assert_int_equal(change_keys(store, from, 1000, 1, NULL), LAMINAR_OK);
        file_fail_after(n, false);
        laminar_status status = LAMINAR_OK;
        for (int round = 0; round < 12 && !status; round++) {
            /* those that went one round before come back */
            int64_t weight = round % 3 == 2 ? 1 : -1;
            int64_t from = round % 3 == 2 ? (round - 1) * 300 : round * 300;
            status = change_keys(store, from, 300, weight, NULL);
            if (status == LAMINAR_OK) n_rows += weight > 0 ? 300 : (size_t)-300;
        }
        file_fail_after(0, false);
        n_failed += status != LAMINAR_OK;
        assert_int_equal(store_n_rows(store), n_rows);
        assert_true(store_state(store)->cls->check(store_state(store)));
        store_free(store);
        assert_int_equal(spill_bytes(policy.spill), 0);
        spill_unref(policy.spill);
        remove(folder);
    }
    assert_true(n_failed > 10);
    schema_unref(schema);
}

static void spilling_frees_memory_and_room_is_used_again(void **state)
{
    (void)state;
    char folder[] = "/tmp/laminar-XXXXXX";
    struct spill *spill = make_spill(folder);
    struct schema *schema = make_schema();
    struct store *store = make_store(STORE_LOG, schema, (struct retention){RETAIN_ROWS, 20000});
    uint64_t most = 0;
    int64_t next = 0;
    for (int i = 0; i < 60; i++, next += 3000) {
        append(store, schema, next, 3000);
        if (i % 4 != 3) continue;
        size_t before = store_bytes(store);
        assert_int_equal(store_spill(store, spill, before / 2, NULL), LAMINAR_OK);
        assert_true(store_bytes(store) < before * 3 / 4);
        if (spill_bytes(spill) > most) most = spill_bytes(spill);
        check_range(store, next + 3000 > 20000 ? next - 17000 : 0, next + 3000);
    }
    assert_true(most > 0 && most < 20000 * 100);
    store_free(store);
    assert_int_equal(spill_bytes(spill), 0);
    spill_unref(spill);
    schema_unref(schema);
    assert_int_equal(rmdir(folder), 0);
}

/* Every operation on the file fails once: writing leaves the rows in memory, reading is an error of the reader; then all goes on. */
static void a_failing_disk_loses_nothing(void **state)
{
    (void)state;
    struct schema *schema = make_schema();
    size_t n_failed = 0;
    for (uint64_t n = 1;; n++) {
        char folder[] = "/tmp/laminar-XXXXXX";
        struct spill *spill = make_spill(folder);
        struct store *store = make_store(STORE_LOG, schema, (struct retention){RETAIN_ALL, 0});
        struct store_snapshot *snapshot;
        struct chunk chunk = {.n_rows = 1};
        struct laminar_error err = LAMINAR_ERROR_INIT;
        append(store, schema, 0, 9000);
        append(store, schema, 9000, 3000);
        file_fail_after(n, false);
        laminar_status status = store_spill(store, spill, SIZE_MAX, &err);
        if (status == LAMINAR_OK) {
            assert_int_equal(store_snapshot_create(store, &snapshot, NULL), LAMINAR_OK);
            while (status == LAMINAR_OK && chunk.n_rows)
                status = store_snapshot_next(snapshot, &chunk, &err);
            store_snapshot_release(snapshot);
        }
        file_fail_after(0, false);
        n_failed += status != LAMINAR_OK;
        if (status != LAMINAR_OK) {
            assert_int_equal(status, LAMINAR_IO_ERROR);
            assert_non_null(strstr(err.message, folder));
        }
        check_range(store, 0, 12000);
        assert_int_equal(store_spill(store, spill, SIZE_MAX, NULL), LAMINAR_OK);
        assert_true(store_bytes(store) < 12000 * 10);
        check_range(store, 0, 12000);
        store_free(store);
        assert_int_equal(spill_bytes(spill), 0);
        spill_unref(spill);
        remove(folder);
        if (status == LAMINAR_OK) break;
    }
    assert_true(n_failed > 12); /* opening, 7 pieces written, 7 read */
    schema_unref(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_keeps_newest_rows_exactly),
        cmocka_unit_test(log_snapshots_stay_as_they_were),
        cmocka_unit_test(log_other_retentions),
        cmocka_unit_test(many_tiny_appends_are_merged),
        cmocka_unit_test(upserts_give_the_delta),
        cmocka_unit_test(an_equal_row_changes_nothing),
        cmocka_unit_test(apply_takes_either_order),
        cmocka_unit_test(bag_keeps_multiplicities),
        cmocka_unit_test(written_out_and_restored),
        cmocka_unit_test(damaged_pieces_are_refused_or_harmless),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(nothing_changes_when_all_is_spilled),
        cmocka_unit_test(nothing_changes_when_keys_are_spilled),
        cmocka_unit_test(keys_stay_within_a_budget),
        cmocka_unit_test(a_failing_disk_loses_no_keys),
        cmocka_unit_test(a_failing_read_changes_nothing_of_a_chunk),
        cmocka_unit_test(spilling_frees_memory_and_room_is_used_again),
        cmocka_unit_test(a_failing_disk_loses_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
