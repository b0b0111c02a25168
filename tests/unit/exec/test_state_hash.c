/* test_state_hash.c - state_hash against a bag of texts: all key shapes, removal, freezing, writing, restoring, failing allocations; and the
 * same with all that can leave memory in a file, with a disk that fails, and within a budget. */
#include "base/file.h"
#include "exec_test.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OK(expr) assert_int_equal((expr), LAMINAR_OK)
enum { N_SHAPES = 12, KEYS_MAX = 20 };

static uint32_t shape(unsigned i, struct data_type *types)
{
    struct data_type list;
    OK(type_list(TYPE(INT64), &list, NULL));
    const struct data_type shapes[N_SHAPES][4] = {{TYPE(INT64)},
                                                  {TYPE(INT32)},
                                                  {TYPE(VARCHAR)},
                                                  {TYPE(INT64), type_timestamp(UNIT_MICRO)},
                                                  {TYPE(DOUBLE)},
                                                  {TYPE(FLOAT), TYPE(BOOL)},
                                                  {type_decimal(20, 2), TYPE(INT8)},
                                                  {TYPE(VARCHAR), TYPE(VARCHAR), TYPE(INT16)},
                                                  {TYPE(UUID)},
                                                  {TYPE(INTERVAL), TYPE(VARCHAR)},
                                                  {list, TYPE(INT64)},
                                                  {TYPE(NULL)}};
    static const uint32_t sizes[N_SHAPES] = {1, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 1};
    memcpy(types, shapes[i], sizes[i] * sizeof *types);
    return sizes[i];
}

/* Not NULL: tables are made with it. */
static struct test_policy *all_goes;

static void relax(struct state_hash *table)
{
    OK(state_hash_relax(table, NULL));
    if (all_goes && all_goes->budget == 0)
        assert_true(state_hash_is_cold(table) || state_hash_base(table)->n_rows == 0);
}
static void remove_slot(struct state_hash *table, uint64_t slot)
{
    OK(state_hash_want_removal(table, &slot, 1, NULL));
    state_hash_remove(table, &slot, 1);
}

struct fixture {
    struct rng rng;
    struct data_type types[KEYS_MAX];
    uint32_t n_keys;
    struct rows keys;
    struct vector vecs[KEYS_MAX];
    struct state_hash *table;
    struct tally want; /* key text -> payload */
    uint64_t slots[CHUNK_ROWS];
    uint8_t *rows[CHUNK_ROWS];
    uint8_t is_new[CHUNK_ROWS];
};

static void random_keys(struct fixture *f, size_t n)
{
    rows_clear(&f->keys);
    for (uint32_t k = 0; k < f->n_keys; k++) {
        for (size_t i = 0; i < n; i++)
            random_value(&f->rng, &f->keys.cols[k], rng_below(&f->rng, 2) ? 10 : 0);
        f->vecs[k] = f->keys.cols[k].vec;
    }
}
static struct chunk key_chunk(struct fixture *f, size_t n)
{
    return (struct chunk){(uint32_t)n, f->n_keys, f->vecs, NULL};
}

/* Adds 1 to the counter of n random keys. */
static void count_keys(struct fixture *f, size_t n)
{
    random_keys(f, n);
    relax(f->table);
    OK(state_hash_upsert(f->table, f->vecs, n, f->slots, f->rows, f->is_new, NULL));
    struct chunk chunk = key_chunk(f, n);
    struct strbuf text = {0};
    for (size_t i = 0; i < n; i++) {
        strbuf_clear(&text);
        row_print(&text, &chunk, i);
        int64_t *have = strmap_get_z(&f->want.map, text.data);
        assert_int_equal(*(int64_t *)(void *)f->rows[i], f->is_new[i] ? 0 : have ? *have : -1);
        ++*(int64_t *)(void *)f->rows[i];
        tally_add(&f->want, text.data, 1);
    }
    strbuf_deinit(&text);
}

/* Contents of a table as a bag. */
static void contents(struct fixture *f, struct state_hash *table, struct tally *out)
{
    struct rows keys;
    rows_init(&keys, f->types, f->n_keys);
    uint64_t cursor = 0, slots[100];
    size_t n;
    struct strbuf text = {0};
    while ((n = state_hash_scan(table, &cursor, slots, 100)) > 0) {
        struct vector vecs[KEYS_MAX];
        rows_clear(&keys);
        relax(table);
        for (uint32_t k = 0; k < f->n_keys; k++) {
            OK(state_hash_keys(table, k, slots, n, &keys.cols[k], NULL));
            assert_int_equal(keys.cols[k].n, n);
            vecs[k] = keys.cols[k].vec;
        }
        struct chunk chunk = {(uint32_t)n, f->n_keys, vecs, NULL};
        for (size_t i = 0; i < n; i++) {
            strbuf_clear(&text);
            row_print(&text, &chunk, i);
            tally_add(out, text.data, *(int64_t *)(void *)state_hash_row(table, slots[i]));
        }
    }
    strbuf_deinit(&text);
    rows_deinit(&keys);
}
static void check(struct fixture *f)
{
    struct tally got = {0};
    assert_true(state_hash_base(f->table)->cls->check(state_hash_base(f->table)));
    contents(f, f->table, &got);
    assert_tallies_equal(&got, &f->want, "table");
    assert_int_equal(tally_n(&got), state_hash_base(f->table)->n_rows);
    tally_deinit(&got);
}
/* Removes about a third of the keys. */
static void remove_some(struct fixture *f)
{
    random_keys(f, 500);
    OK(state_hash_find(f->table, f->vecs, 500, false, f->slots, f->rows, NULL));
    struct chunk chunk = key_chunk(f, 500);
    struct strbuf text = {0};
    for (size_t i = 0; i < 500; i++) {
        strbuf_clear(&text);
        row_print(&text, &chunk, i);
        int64_t *have = strmap_get_z(&f->want.map, text.data);
        bool is_there = have && *have;
        if (state_hash_row(f->table, f->slots[i]) == NULL) { /* absent, or removed in this loop */
            assert_false(is_there);
            continue;
        }
        assert_true(is_there);
        if (i % 3) continue;
        remove_slot(f->table, f->slots[i]);
        if (i % 5 == 0) relax(f->table);
        *have = 0;
    }
    strbuf_deinit(&text);
}

static void open_fixture(struct fixture *f, unsigned i, uint64_t seed)
{
    memset(f, 0, sizeof *f);
    f->rng.state = seed;
    f->n_keys = i < N_SHAPES ? shape(i, f->types) : KEYS_MAX;
    for (uint32_t k = 0; i >= N_SHAPES && k < KEYS_MAX; k++)
        f->types[k] = k % 3 ? TYPE(INT64) : TYPE(BOOL);
    rows_init(&f->keys, f->types, f->n_keys);
    struct state_hash_options options = {.name = "t",
                                         .key_types = f->types,
                                         .n_keys = f->n_keys,
                                         .payload_bytes = 8 + 8 * (i % 3),
                                         .payload_align = 8};
    if (all_goes) options.spill = &all_goes->base, options.account = &all_goes->account;
    OK(state_hash_create(&options, &f->table, NULL));
}
static struct state_hash *new_table(struct fixture *f, unsigned i)
{
    struct state_hash_options options = {.name = "t",
                                         .key_types = f->types,
                                         .n_keys = f->n_keys,
                                         .payload_bytes = 8 + 8 * (i % 3),
                                         .payload_align = 8};
    if (all_goes) options.spill = &all_goes->base, options.account = &all_goes->account;
    struct state_hash *table;
    OK(state_hash_create(&options, &table, NULL));
    return table;
}
static void close_fixture(struct fixture *f)
{
    state_hash_base(f->table)->cls->free(state_hash_base(f->table));
    rows_deinit(&f->keys);
    tally_deinit(&f->want);
}

static void counts_and_removes(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned i = 0; i <= N_SHAPES; i++) {
        open_fixture(&f, i, 7 + i);
        for (int round = 0; round < 6; round++) {
            count_keys(&f, 1 + rng_below(&f.rng, CHUNK_ROWS));
            count_keys(&f, 1);
            check(&f);
            remove_some(&f);
            check(&f);
        }
        close_fixture(&f);
    }
}

static void constants_are_keys(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned i = 0; i < N_SHAPES; i++) {
        open_fixture(&f, i, 99);
        random_keys(&f, 1);
        for (uint32_t k = 0; k < f.n_keys; k++) f.vecs[k].shape = VEC_CONST;
        OK(state_hash_upsert(f.table, f.vecs, 50, f.slots, f.rows, f.is_new, NULL));
        assert_int_equal(state_hash_base(f.table)->n_rows, 1);
        for (size_t r = 0; r < 50; r++) assert_int_equal(f.is_new[r], r == 0);
        close_fixture(&f);
    }
}

/* A snapshot shows the table as it was when frozen, whatever is written, removed or freed after. */
static void snapshots_stay(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned i = 0; i <= N_SHAPES; i++) {
        open_fixture(&f, i, 1000 + i);
        struct state_snapshot *snapshots[4];
        struct tally wants[4] = {0};
        for (int s = 0; s < 4; s++) {
            count_keys(&f, 700);
            remove_some(&f);
            OK(state_freeze(state_hash_base(f.table), &snapshots[s], NULL));
            tally_copy(&wants[s], &f.want);
            count_keys(&f, 300);
            if (s == 1) state_release(snapshots[0]);
            remove_some(&f);
        }
        check(&f);
        struct state_hash *old = f.table;
        for (int s = 3; s >= 1; s--) {
            struct pieces pieces;
            pieces_init(&pieces);
            OK(state_write(snapshots[s], &pieces.sink, NULL));
            state_release(snapshots[s]);
            if (s == 2) { /* the last one outlives the table */
                state_hash_base(old)->cls->free(state_hash_base(old));
                old = NULL;
            }
            pieces_rewind(&pieces);
            struct laminar_error err = LAMINAR_ERROR_INIT;
            struct state_hash *copy = new_table(&f, i);
            if (state_restore(state_hash_base(copy), &pieces.source, &err))
                fail_msg("%s", err.message);
            assert_true(state_hash_base(copy)->cls->check(state_hash_base(copy)));
            struct tally got = {0};
            contents(&f, copy, &got);
            assert_tallies_equal(&got, &wants[s], "restored");
            tally_deinit(&got);
            if (s > 1) {
                state_hash_base(copy)->cls->free(state_hash_base(copy));
            } else { /* and goes on working */
                f.table = copy;
                tally_copy(&f.want, &wants[1]);
                count_keys(&f, 900);
                remove_some(&f);
                check(&f);
            }
            pieces_deinit(&pieces);
        }
        for (int s = 0; s < 4; s++) tally_deinit(&wants[s]);
        close_fixture(&f);
    }
}

/* An unchanged page keeps its version, a changed one gets a new one. */
static void versions_follow_changes(void **state)
{
    (void)state;
    struct data_type type = TYPE(INT64);
    struct state_hash_options options = {
        .name = "t", .key_types = &type, .n_keys = 1, .payload_bytes = 8, .payload_align = 8};
    struct state_hash *table;
    if (all_goes) options.spill = &all_goes->base, options.account = &all_goes->account;
    OK(state_hash_create(&options, &table, NULL));
    static int64_t keys[CHUNK_ROWS];
    static uint64_t slots[CHUNK_ROWS];
    static uint8_t *rows[CHUNK_ROWS];
    struct vector v = {.type = type, .data = keys};
    for (int64_t at = 0; at < 20000; at += CHUNK_ROWS) {
        for (int64_t i = 0; i < CHUNK_ROWS; i++) keys[i] = at + i;
        relax(table);
        OK(state_hash_upsert(table, &v, CHUNK_ROWS, slots, rows, NULL, NULL));
    }
    struct pieces before, after;
    struct state_snapshot *snapshot;
    pieces_init(&before);
    pieces_init(&after);
    OK(state_freeze(state_hash_base(table), &snapshot, NULL));
    OK(state_write(snapshot, &before.sink, NULL));
    state_release(snapshot);
    keys[0] = 5000;
    OK(state_hash_upsert(table, &v, 1, slots, rows, NULL, NULL));
    OK(state_freeze(state_hash_base(table), &snapshot, NULL));
    OK(state_write(snapshot, &after.sink, NULL));
    state_release(snapshot);
    assert_int_equal(before.items.n, after.items.n);
    size_t n_changed = 0;
    for (size_t i = 1; i < before.items.n; i++)
        n_changed += before.items.items[i].version != after.items.items[i].version;
    assert_int_equal(n_changed, 1);
    pieces_deinit(&before);
    pieces_deinit(&after);
    state_hash_base(table)->cls->free(state_hash_base(table));
}

/* Flipping any byte, or cutting any tail, is an error or another valid table, never a crash. */
static void corrupt_pieces_are_refused(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned i = 0; i < N_SHAPES; i++) {
        open_fixture(&f, i, 5);
        count_keys(&f, 60);
        struct pieces pieces;
        struct state_snapshot *snapshot;
        pieces_init(&pieces);
        OK(state_freeze(state_hash_base(f.table), &snapshot, NULL));
        OK(state_write(snapshot, &pieces.sink, NULL));
        state_release(snapshot);
        size_t n_refused = 0;
        for (int round = 0; round < 600; round++) {
            struct piece *piece = &pieces.items.items[rng_below(&f.rng, pieces.items.n)];
            size_t at = rng_below(&f.rng, piece->size), size = piece->size;
            uint8_t byte = piece->data[at];
            if (round % 4 == 0)
                piece->size = at ? at : 1;
            else
                piece->data[at] ^= (uint8_t)(1U << rng_below(&f.rng, 8));
            struct state_hash *copy = new_table(&f, i);
            pieces_rewind(&pieces);
            struct laminar_error err = LAMINAR_ERROR_INIT;
            laminar_status status = state_restore(state_hash_base(copy), &pieces.source, &err);
            if (status != LAMINAR_OK) {
                assert_true(status == LAMINAR_CHECKPOINT_FAILED ||
                            status == LAMINAR_OUT_OF_MEMORY || err.message[0]);
                assert_int_equal(state_hash_base(copy)->n_rows, 0);
                n_refused++;
            }
            assert_true(state_hash_base(copy)->cls->check(state_hash_base(copy)));
            state_hash_base(copy)->cls->free(state_hash_base(copy));
            piece->size = size;
            piece->data[at] = byte;
        }
        assert_true(n_refused > 100);
        pieces_deinit(&pieces);
        close_fixture(&f);
    }
}

/* Memory that runs out leaves the table as it was. */
static laminar_status build_up(void *arg)
{
    struct state_hash *table = NULL;
    struct data_type types[2] = {TYPE(INT64), TYPE(VARCHAR)};
    struct state_hash_options options = {
        .name = "t", .key_types = types, .n_keys = 2, .payload_bytes = 16, .payload_align = 16};
    const struct vector *keys = arg;
    if (all_goes) options.spill = &all_goes->base, options.account = &all_goes->account;
    static uint64_t slots[CHUNK_ROWS];
    static uint8_t *rows[CHUNK_ROWS];
    laminar_status status = state_hash_create(&options, &table, NULL);
    if (status) return status;
    struct state *base = state_hash_base(table);
    for (size_t at = 0; at < CHUNK_ROWS && !status; at += 512) {
        struct vector slice[2] = {vector_slice(&keys[0], at), vector_slice(&keys[1], at)};
        size_t before = base->n_rows;
        status = state_hash_relax(table, NULL);
        assert_true(base->cls->check(base));
        if (!status) status = state_hash_upsert(table, slice, 512, slots, rows, NULL, NULL);
        if (status) assert_int_equal(base->n_rows, before);
        assert_true(base->cls->check(base));
        struct state_snapshot *snapshot = NULL;
        if (!status) status = state_freeze(base, &snapshot, NULL);
        if (!status) status = state_hash_upsert(table, slice, 512, slots, rows, NULL, NULL);
        assert_true(base->cls->check(base));
        state_release(snapshot);
    }
    base->cls->free(base);
    return status;
}
static void survives_memory_running_out(void **state)
{
    (void)state;
    struct data_type types[2] = {TYPE(INT64), TYPE(VARCHAR)};
    struct rows keys;
    rows_init(&keys, types, 2);
    struct rng rng = {3};
    for (size_t i = 0; i < CHUNK_ROWS; i++) {
        rows_add_i64(&keys, 0, (int64_t)i);
        random_value(&rng, &keys.cols[1], 5);
    }
    struct vector vecs[2] = {keys.cols[0].vec, keys.cols[1].vec};
    assert_true(unit_fail_each_allocation(build_up, vecs) > 10);
    rows_deinit(&keys);
}

static void steady_state_allocates_nothing(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned i = 0; i < N_SHAPES; i++) {
        open_fixture(&f, i, 11);
        random_keys(&f, 1000);
        for (int round = 0; round < 20; round++) {
            OK(state_hash_upsert(f.table, f.vecs, 1000, f.slots, f.rows, f.is_new, NULL));
            state_hash_remove(f.table, f.slots, 1000);
        }
        uint64_t before = mem_allocation_count();
        for (int round = 0; round < 100; round++) {
            OK(state_hash_upsert(f.table, f.vecs, 1000, f.slots, f.rows, f.is_new, NULL));
            state_hash_remove(f.table, f.slots, 1000);
        }
        assert_int_equal(mem_allocation_count(), before);
        assert_int_equal(state_hash_base(f.table)->n_rows, 0);
        close_fixture(&f);
    }
}

/* --- Parts of it in a file --------------------------------------------------------------------------------------------------------------- */

static void nothing_changes_when_all_is_spilled(void **state)
{
    char folder[] = "/tmp/laminar-XXXXXX";
    struct test_policy policy;
    open_policy(&policy, folder);
    all_goes = &policy;
    counts_and_removes(state);
    snapshots_stay(state);
    versions_follow_changes(state);
    corrupt_pieces_are_refused(state);
    survives_memory_running_out(state);
    all_goes = NULL;
    close_policy(&policy, folder);
}

struct wide { /* 200,000 keys and what each has been counted to */
    struct state_hash *table;
    struct rng rng;
    uint32_t counts[200000];
};
static void open_wide(struct wide *w, struct test_policy *policy)
{
    static const struct data_type types[2] = {TYPE(INT64), TYPE(VARCHAR)};
    struct state_hash_options options = {.name = "t",
                                         .key_types = types,
                                         .n_keys = 2,
                                         .payload_bytes = 16,
                                         .payload_align = 8,
                                         .account = &policy->account,
                                         .spill = &policy->base};
    memset(w, 0, sizeof *w);
    w->rng.state = 12;
    OK(state_hash_create(&options, &w->table, NULL));
}
/* Adds 1 to n keys from `first` on, or to random ones. On failure nothing has changed. */
static laminar_status count_wide(struct wide *w, int64_t first, size_t n, struct laminar_error *err)
{
    static int64_t numbers[CHUNK_ROWS];
    static char texts[CHUNK_ROWS][40];
    static struct string_view views[CHUNK_ROWS];
    static uint64_t slots[CHUNK_ROWS];
    static uint8_t *rows[CHUNK_ROWS], is_new[CHUNK_ROWS];
    for (size_t i = 0; i < n; i++) {
        numbers[i] = first >= 0 ? first + (int64_t)i : (int64_t)rng_below(&w->rng, 200000);
        int size = snprintf(texts[i], sizeof texts[i], "key number %lld of them all",
                            (long long)numbers[i]);
        views[i] = string_make(texts[i], (size_t)size);
    }
    struct vector keys[2] = {{.type = TYPE(INT64), .data = numbers},
                             {.type = TYPE(VARCHAR), .data = views}};
    size_t before = state_hash_base(w->table)->n_rows;
    laminar_status status = state_hash_upsert(w->table, keys, n, slots, rows, is_new, err);
    if (status) assert_int_equal(state_hash_base(w->table)->n_rows, before);
    for (size_t i = 0; i < n && !status; i++) {
        int64_t *count = (int64_t *)(void *)rows[i];
        assert_int_equal(*count, w->counts[numbers[i]]);
        assert_int_equal(is_new[i], *count == 0);
        ++*count;
        w->counts[numbers[i]]++;
    }
    return status;
}
/* Counting all keys once more compares each with what it should be. */
static void check_wide(struct wide *w, int64_t n_keys)
{
    for (int64_t at = 0; at < n_keys; at += 2000) {
        relax(w->table);
        OK(count_wide(w, at, 2000, NULL));
    }
    assert_int_equal(state_hash_base(w->table)->n_rows, n_keys);
    assert_true(state_hash_base(w->table)->cls->check(state_hash_base(w->table)));
}

/* Memory stays near the budget, whatever the number of keys, and buckets split; the same keys again are found where they are. */
static void stays_within_a_budget(void **state)
{
    (void)state;
    char folder[] = "/tmp/laminar-XXXXXX";
    struct test_policy policy;
    static struct wide w;
    open_policy(&policy, folder);
    policy.budget = 8 << 20;
    open_wide(&w, &policy);
    int64_t most = 0;
    for (int round = 0; round < 250; round++) {
        OK(state_hash_relax(w.table, NULL));
        if (atomic_load(&policy.account.bytes) > most) most = atomic_load(&policy.account.bytes);
        OK(count_wide(&w, round < 97 ? round * 2000 : -1, 2000, NULL));
    }
    assert_true(state_hash_is_cold(w.table));
    assert_true(most < policy.budget + (2 << 20)); /* rows, with index and strings, are 20 MB */
    assert_true(state_hash_base(w.table)->spilled_bytes > 4 << 20);
    check_wide(&w, 200000);
    state_hash_base(w.table)->cls->clear(state_hash_base(w.table));
    assert_false(state_hash_is_cold(w.table));
    memset(w.counts, 0, sizeof w.counts);
    OK(count_wide(&w, 0, 2000, NULL));
    check_wide(&w, 200000);
    state_hash_base(w.table)->cls->free(state_hash_base(w.table));
    close_policy(&policy, folder);
}

/* Each operation on the file fails once. Where writing fails, rows stay in memory; where reading fails, the call does, and has changed nothing. */
static void a_failing_disk_changes_nothing(void **state)
{
    (void)state;
    static struct wide w;
    size_t n_failed = 0;
    for (uint64_t n = 1;; n = n < 40 ? n + 1 : n * 9 / 8) {
        char folder[] = "/tmp/laminar-XXXXXX";
        struct test_policy policy;
        struct laminar_error err = LAMINAR_ERROR_INIT;
        open_policy(&policy, folder);
        open_wide(&w, &policy);
        policy.budget = INT64_MAX;
        for (int64_t at = 0; at < 8000; at += 2000) OK(count_wide(&w, at, 2000, NULL));
        policy.budget = 0;
        file_fail_after(n, false);
        laminar_status status = state_hash_relax(w.table, &err);
        for (int round = 0; round < 6 && !status; round++) {
            if (round % 2 == 0) status = count_wide(&w, round * 1000, 2000, &err);
            if (!status) status = state_hash_relax(w.table, &err);
        }
        file_fail_after(0, false);
        n_failed += status != LAMINAR_OK;
        if (status != LAMINAR_OK) {
            assert_int_equal(status, LAMINAR_IO_ERROR);
            assert_non_null(strstr(err.message, folder));
        }
        assert_true(state_hash_base(w.table)->cls->check(state_hash_base(w.table)));
        check_wide(&w, 8000);
        state_hash_base(w.table)->cls->free(state_hash_base(w.table));
        assert_int_equal(spill_bytes(policy.spill), 0);
        spill_unref(policy.spill);
        remove(folder);
        if (status == LAMINAR_OK) break;
    }
    assert_true(n_failed > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_and_removes),
        cmocka_unit_test(constants_are_keys),
        cmocka_unit_test(snapshots_stay),
        cmocka_unit_test(versions_follow_changes),
        cmocka_unit_test(corrupt_pieces_are_refused),
        cmocka_unit_test(survives_memory_running_out),
        cmocka_unit_test(steady_state_allocates_nothing),
        cmocka_unit_test(nothing_changes_when_all_is_spilled),
        cmocka_unit_test(stays_within_a_budget),
        cmocka_unit_test(a_failing_disk_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
