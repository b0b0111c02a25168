/* test_state_ordered.c - sorted multisets against a sorted array: order by keys of all types, weights, groups, snapshots, restart, corruption. */
#include "exec/key_encode.h"
#include "exec/state_ordered.h"
#include "exec_test.h"
#include <stdio.h>

#define OK(expr) assert_int_equal((expr), LAMINAR_OK)
enum { COLS_MAX = 3, N_SHAPES = 9, GROUPS = 3 };

struct shape {
    uint32_t n_cols, n_order;
    struct data_type types[COLS_MAX];
    struct sort_key order[COLS_MAX];
};
static struct shape shape_of(unsigned i)
{
    struct data_type list;
    OK(type_list(TYPE(INT64), &list, NULL));
    const struct shape shapes[N_SHAPES] = {
        {1, 1, {TYPE(INT64)}, {{0, false, false}}},
        {1, 1, {TYPE(DOUBLE)}, {{0, true, false}}},
        {2, 1, {TYPE(VARCHAR), TYPE(INT64)}, {{1, true, true}}},
        {2, 2, {TYPE(VARCHAR), TYPE(VARCHAR)}, {{1, true, false}, {0, false, true}}},
        {2, 1, {TYPE(INT8), TYPE(BOOL)}, {{1, false, false}}},
        {2, 1, {type_decimal(20, 2), TYPE(FLOAT)}, {{1, false, true}}},
        {2, 1, {TYPE(UUID), TYPE(INT16)}, {{1, true, false}}},
        {2, 1, {TYPE(INTERVAL), TYPE(UINT32)}, {{0, true, false}}},
        {2, 1, {list, TYPE(DATE)}, {{1, false, false}}},
    };
    return shapes[i];
}

struct fixture {
    struct rng rng;
    struct shape shape;
    struct state_ordered *table;
    struct rows all;          /* every row that was added */
    struct tally net[GROUPS]; /* row text -> weight */
};

static struct state_ordered *new_table(const struct shape *shape)
{
    struct state_ordered *table;
    struct state_ordered_options options = {.name = "t",
                                            .types = shape->types,
                                            .n_cols = shape->n_cols,
                                            .order = shape->order,
                                            .n_order = shape->n_order};
    OK(state_ordered_create(&options, &table, NULL));
    return table;
}
static void open_fixture(struct fixture *f, unsigned i, uint64_t seed)
{
    memset(f, 0, sizeof *f);
    f->rng.state = seed;
    f->shape = shape_of(i);
    f->table = new_table(&f->shape);
    rows_init(&f->all, f->shape.types, f->shape.n_cols);
}
static void close_fixture(struct fixture *f)
{
    struct state *base = state_ordered_base(f->table);
    base->cls->free(base);
    rows_deinit(&f->all);
    for (int g = 0; g < GROUPS; g++) tally_deinit(&f->net[g]);
}

/* n random rows, added or taken away; some of them rows that were there before. */
static void add_random(struct fixture *f, size_t n)
{
    struct rows rows;
    struct vector vecs[COLS_MAX];
    uint64_t groups[200];
    int64_t weights[200];
    rows_init(&rows, f->shape.types, f->shape.n_cols);
    for (uint32_t c = 0; c < f->shape.n_cols; c++)
        for (size_t i = 0; i < n; i++) random_value(&f->rng, &rows.cols[c], 10);
    for (size_t i = 0; i < n; i++) {
        groups[i] = rng_below(&f->rng, GROUPS);
        weights[i] = rng_below(&f->rng, 3) ? 1 : -1;
    }
    for (uint32_t c = 0; c < f->shape.n_cols; c++) vecs[c] = rows.cols[c].vec;
    struct chunk chunk = {(uint32_t)n, f->shape.n_cols, vecs, NULL};
    OK(state_ordered_add(f->table, groups, vecs, weights, n, NULL));
    struct strbuf text = {0};
    for (size_t i = 0; i < n; i++) {
        strbuf_clear(&text);
        row_print(&text, &chunk, i);
        tally_add(&f->net[groups[i]], text.data, weights[i]);
    }
    strbuf_deinit(&text);
    rows_deinit(&rows);
}

/* Contents of a group in order; checks that they ascend by kernel_compare. */
static void read_group(const struct shape *shape, struct state_ordered *table, uint64_t group,
                       struct tally *out)
{
    struct rows rows;
    struct state_ordered_cursor cursor;
    struct strbuf text = {0};
    rows_init(&rows, shape->types, shape->n_cols);
    for (bool ok = state_ordered_first(table, group, &cursor); ok;
         ok = state_ordered_next(&cursor)) {
        int64_t weight = state_ordered_weight(&cursor);
        size_t n = rows_n(&rows);
        OK(state_ordered_read(&cursor, rows.cols, NULL));
        struct vector vecs[COLS_MAX];
        for (uint32_t c = 0; c < shape->n_cols; c++) vecs[c] = rows.cols[c].vec;
        struct chunk chunk = {(uint32_t)n + 1, shape->n_cols, vecs, NULL};
        strbuf_clear(&text);
        row_print(&text, &chunk, n);
        tally_add(out, text.data, weight);
        assert_true(weight != 0);
        for (uint32_t k = 0; k < shape->n_order && n > 0; k++) {
            const struct sort_key *key = &shape->order[k];
            const struct vector *v = &vecs[key->column];
            bool a = vector_is_valid(v, n - 1), b = vector_is_valid(v, n);
            int order = a && b   ? kernel_compare(v, n - 1, v, n) * (key->is_descending ? -1 : 1)
                        : a == b ? 0
                                 : (a != key->is_nulls_first ? -1 : 1);
            assert_true(order <= 0);
            if (order < 0) break;
        }
    }
    strbuf_deinit(&text);
    rows_deinit(&rows);
}

static void check(struct fixture *f)
{
    struct state *base = state_ordered_base(f->table);
    assert_true(base->cls->check(base));
    size_t n = 0;
    for (uint64_t g = 0; g < GROUPS; g++) {
        struct tally got = {0};
        read_group(&f->shape, f->table, g, &got);
        assert_tallies_equal(&got, &f->net[g], "group");
        n += tally_n(&got);
        tally_deinit(&got);
    }
    assert_int_equal(n, base->n_rows);
}

static void rows_come_in_order(void **state)
{
    (void)state;
    struct fixture f;
    for (unsigned i = 0; i < N_SHAPES; i++) {
        open_fixture(&f, i, 17 + i);
        for (int round = 0; round < 30; round++) {
            add_random(&f, 1 + rng_below(&f.rng, 200));
            check(&f);
        }
        OK(state_ordered_remove_group(f.table, 1, NULL));
        tally_clear(&f.net[1]);
        check(&f);
        close_fixture(&f);
    }
}

/* A snapshot shows what was there when it was taken; a table restored from it goes on. */
static void snapshots_stay(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_SHAPES; i++) {
        struct fixture f;
        struct state_snapshot *snapshots[3];
        struct tally wants[3][GROUPS] = {0};
        open_fixture(&f, i, 100 + i);
        for (int s = 0; s < 3; s++) {
            for (int k = 0; k < 5; k++) add_random(&f, 150);
            OK(state_freeze(state_ordered_base(f.table), &snapshots[s], NULL));
            for (int g = 0; g < GROUPS; g++) tally_copy(&wants[s][g], &f.net[g]);
            add_random(&f, 100);
            check(&f);
        }
        for (int s = 2; s >= 0; s--) {
            struct pieces pieces;
            struct laminar_error err = LAMINAR_ERROR_INIT;
            pieces_init(&pieces);
            OK(state_write(snapshots[s], &pieces.sink, NULL));
            state_release(snapshots[s]);
            add_random(&f, 50);
            pieces_rewind(&pieces);
            struct state_ordered *copy = new_table(&f.shape);
            if (state_restore(state_ordered_base(copy), &pieces.source, &err))
                fail_msg("%s", err.message);
            struct state_ordered *original = f.table;
            struct tally net[GROUPS];
            memcpy(net, f.net, sizeof net);
            memcpy(f.net, wants[s], sizeof net);
            f.table = copy;
            check(&f);
            add_random(&f, 100);
            check(&f);
            memcpy(wants[s], f.net, sizeof net);
            memcpy(f.net, net, sizeof net);
            f.table = original;
            state_ordered_base(copy)->cls->free(state_ordered_base(copy));
            pieces_deinit(&pieces);
            for (int g = 0; g < GROUPS; g++) tally_deinit(&wants[s][g]);
        }
        check(&f);
        close_fixture(&f);
    }
}

static void corrupt_pieces_are_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_SHAPES; i++) {
        struct fixture f;
        struct pieces pieces;
        struct state_snapshot *snapshot;
        size_t n_refused = 0;
        open_fixture(&f, i, 3);
        add_random(&f, 100);
        pieces_init(&pieces);
        OK(state_freeze(state_ordered_base(f.table), &snapshot, NULL));
        OK(state_write(snapshot, &pieces.sink, NULL));
        state_release(snapshot);
        for (int round = 0; round < 400; round++) {
            struct piece *piece = &pieces.items.items[rng_below(&f.rng, pieces.items.n)];
            size_t at = rng_below(&f.rng, piece->size), size = piece->size;
            uint8_t byte = piece->data[at];
            if (round % 4 == 0)
                piece->size = at ? at : 1;
            else
                piece->data[at] ^= (uint8_t)(1U << rng_below(&f.rng, 8));
            struct state_ordered *copy = new_table(&f.shape);
            pieces_rewind(&pieces);
            struct state *base = state_ordered_base(copy);
            struct laminar_error err = LAMINAR_ERROR_INIT;
            if (state_restore(base, &pieces.source, &err) != LAMINAR_OK) {
                assert_true(err.message[0]);
                assert_int_equal(base->n_rows, 0);
                n_refused++;
            }
            assert_true(base->cls->check(base));
            base->cls->free(base);
            piece->size = size;
            piece->data[at] = byte;
        }
        assert_true(n_refused > 50);
        pieces_deinit(&pieces);
        close_fixture(&f);
    }
}

struct scenario {
    struct shape shape;
    struct vector vecs[COLS_MAX];
    const uint64_t *groups;
    size_t n;
};
static laminar_status build_up(void *arg)
{
    const struct scenario *s = arg;
    struct state_ordered *table = NULL;
    struct state_snapshot *snapshot = NULL;
    struct state_ordered_options options = {.name = "t",
                                            .types = s->shape.types,
                                            .n_cols = s->shape.n_cols,
                                            .order = s->shape.order,
                                            .n_order = s->shape.n_order};
    laminar_status status = state_ordered_create(&options, &table, NULL);
    if (status) return status;
    struct state *base = state_ordered_base(table);
    status = state_ordered_add(table, s->groups, s->vecs, NULL, s->n, NULL);
    assert_true(base->cls->check(base));
    if (!status) status = state_freeze(base, &snapshot, NULL);
    if (!status) status = state_ordered_add(table, s->groups, s->vecs, NULL, s->n, NULL);
    assert_true(base->cls->check(base));
    if (!status) status = state_ordered_remove_group(table, 0, NULL);
    assert_true(base->cls->check(base));
    state_release(snapshot);
    base->cls->free(base);
    return status;
}
static void survives_memory_running_out(void **state)
{
    (void)state;
    struct scenario s = {.shape = shape_of(3), .n = 600};
    struct rows rows;
    struct rng rng = {1};
    uint64_t groups[600];
    rows_init(&rows, s.shape.types, s.shape.n_cols);
    for (size_t i = 0; i < s.n; i++) {
        groups[i] = i % 2;
        char text[64];
        snprintf(text, sizeof text, "a string that is long, number %zu", rng_below(&rng, 10000));
        rows_add(&rows, 1, (const char *[]){text, "x"});
    }
    for (uint32_t c = 0; c < s.shape.n_cols; c++) s.vecs[c] = rows.cols[c].vec;
    s.groups = groups;
    assert_true(unit_fail_each_allocation(build_up, &s) > 5);
    rows_deinit(&rows);
}

static void steady_state_allocates_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_SHAPES - 1; i++) { /* lists are encoded on the heap */
        struct fixture f;
        struct rows rows;
        struct vector vecs[COLS_MAX];
        uint64_t groups[500] = {0};
        int64_t minus[500];
        open_fixture(&f, i, 3);
        rows_init(&rows, f.shape.types, f.shape.n_cols);
        for (uint32_t c = 0; c < f.shape.n_cols; c++) {
            for (size_t r = 0; r < 500; r++) random_value(&f.rng, &rows.cols[c], 10);
            vecs[c] = rows.cols[c].vec;
        }
        for (size_t r = 0; r < 500; r++) minus[r] = -1;
        uint64_t before = 0;
        for (int round = 0; round < 60; round++) {
            if (round == 10) before = mem_allocation_count();
            OK(state_ordered_add(f.table, groups, vecs, NULL, 500, NULL));
            OK(state_ordered_add(f.table, groups, vecs, minus, 500, NULL));
            assert_int_equal(state_ordered_base(f.table)->n_rows, 0);
        }
        assert_int_equal(mem_allocation_count(), before);
        rows_deinit(&rows);
        close_fixture(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_in_order),
        cmocka_unit_test(snapshots_stay),
        cmocka_unit_test(corrupt_pieces_are_refused),
        cmocka_unit_test(survives_memory_running_out),
        cmocka_unit_test(steady_state_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
