/* test_op_top_n.c - the law for ORDER BY ... LIMIT, with and without partitions, LIMIT alone, sorting, UNION ALL and VALUES. */
#include "law.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>

struct top_case {
    struct sort_key keys[2];
    uint32_t n_keys;
    bool has_partition;
    bool has_limit;
    uint64_t limit, offset;
};

static void random_row(const struct law_spec *spec, struct law_random *random, uint32_t port,
                       struct law_row *row)
{
    (void)spec;
    (void)port;
    row->values[0] = law_below(random, 9) ? law_below(random, 3) : LAW_NULL;
    row->values[1] = law_below(random, 9) ? law_below(random, 12) - 4 : LAW_NULL;
    row->values[2] = law_below(random, 9) ? law_below(random, 9) : LAW_NULL;
}

static int compare_values(int64_t a, int64_t b, bool is_descending, bool is_nulls_first)
{
    if (a == LAW_NULL || b == LAW_NULL)
        return a == b ? 0 : (a == LAW_NULL) == is_nulls_first ? -1 : 1;
    int order = (a > b) - (a < b);
    return is_descending ? -order : order;
}

static const struct top_case *sorting;
static int compare_texts(int64_t a, int64_t b)
{
    if (a == LAW_NULL || b == LAW_NULL) return compare_values(a, b, false, false);
    char x[60], y[60];
    snprintf(x, sizeof x, a % 3 == 0 ? "a rather long text with the number %lld" : "t%lld",
             (long long)a);
    snprintf(y, sizeof y, b % 3 == 0 ? "a rather long text with the number %lld" : "t%lld",
             (long long)b);
    return strcmp(x, y);
}
static int compare_rows(const void *pa, const void *pb)
{
    const struct law_entry *a = pa, *b = pb;
    const int64_t *x = a->row.values, *y = b->row.values;
    if (sorting->has_partition && x[0] != y[0]) return x[0] < y[0] ? -1 : 1;
    for (uint32_t k = 0; k < sorting->n_keys; k++) {
        const struct sort_key *key = &sorting->keys[k];
        int order = key->column == 2 ? 0
                                     : compare_values(x[key->column], y[key->column],
                                                      key->is_descending, key->is_nulls_first);
        if (key->column == 2)
            order = key->is_descending ? -compare_texts(x[2], y[2]) : compare_texts(x[2], y[2]);
        if (order) return order;
    }
    for (int c = 0; c < 3; c++) {
        int order = c == 2 ? compare_texts(x[2], y[2]) : compare_values(x[c], y[c], false, false);
        if (order) return order;
    }
    return 0;
}

static void expect(const struct law_spec *spec, const struct law_table *tables, struct bag *out)
{
    const struct top_case *c = spec->ctx;
    size_t n = tables[0].rows.n;
    struct law_entry *rows = malloc(n * sizeof *rows + 1);
    memcpy(rows, tables[0].rows.items, n * sizeof *rows);
    sorting = c;
    qsort(rows, n, sizeof *rows, compare_rows);
    uint64_t place = 0;
    for (size_t i = 0; i < n; i++) {
        char text[300];
        if (i && c->has_partition && rows[i].row.values[0] != rows[i - 1].row.values[0]) place = 0;
        law_row_text(spec->ports[0].types, 3, &rows[i].row, text, sizeof text);
        for (int64_t w = 0; w < rows[i].weight; w++, place++)
            if (place >= c->offset && (!c->has_limit || place < c->offset + c->limit))
                bag_add(out, text, 1);
    }
    free(rows);
}

/* LIMIT alone: any rows of the input, as many as there should be. */
static bool any_rows(const struct law_spec *spec, const struct law_table *tables,
                     const struct bag *got)
{
    const struct top_case *c = spec->ctx;
    struct bag input = {0};
    int64_t n_in = 0, n_got = 0;
    bool is_part = true;
    for (size_t i = 0; i < tables[0].rows.n; i++) {
        char text[300];
        law_row_text(spec->ports[0].types, 3, &tables[0].rows.items[i].row, text, sizeof text);
        bag_add(&input, text, tables[0].rows.items[i].weight);
        n_in += tables[0].rows.items[i].weight;
    }
    for (size_t i = 0; i < got->entries.n; i++) {
        is_part &= got->entries.items[i].weight >= 0 &&
                   got->entries.items[i].weight <= bag_weight(&input, got->entries.items[i].text);
        n_got += got->entries.items[i].weight;
    }
    bag_deinit(&input);
    int64_t wanted = n_in - (int64_t)c->offset;
    if (wanted < 0) wanted = 0;
    if (wanted > (int64_t)c->limit) wanted = (int64_t)c->limit;
    return is_part && n_got == wanted;
}

static struct law_spec make(struct top_case *c, bool is_append_only)
{
    struct law_spec spec = {.n_ports = 1,
                            .ports = {{3, {LAW_INT, LAW_INT32, LAW_TEXT}, -1}},
                            .create = op_top_n_create,
                            .random_row = random_row,
                            .expect = expect,
                            .accept = c->n_keys || c->has_partition ? NULL : any_rows,
                            .is_append_only = {is_append_only},
                            .n_steps = 25,
                            .rows_a_step = 24,
                            .ctx = c};
    struct plan *plan = spec.plan = law_plan(&test_arena, PLAN_TOP_N, 1);
    law_scan_plans(&test_arena, &spec);
    law_output(&test_arena, &spec, 1);
    plan->sort = c->keys;
    plan->n_sort = c->n_keys;
    plan->partition = ARENA_ARRAY(&test_arena, uint32_t, 1);
    plan->n_partition = c->has_partition;
    plan->has_limit = c->has_limit;
    plan->limit = c->limit;
    plan->offset = c->offset;
    return spec;
}

static void run(struct top_case c)
{
    for (int appends = 0; appends < 2; appends++) {
        struct law_spec spec = make(&c, appends);
        for (uint64_t seed = 1; seed <= 4; seed++) law_run(&spec, seed);
    }
}

#define ASC(c)                                                                                     \
    {                                                                                              \
        .column = (c)                                                                              \
    }
#define DESC(c)                                                                                    \
    {                                                                                              \
        .column = (c), .is_descending = true, .is_nulls_first = true                               \
    }

static void whole_input(void **state)
{
    (void)state;
    run((struct top_case){{ASC(1)}, 1, false, true, 5, 0});
    run((struct top_case){{DESC(1), ASC(2)}, 2, false, true, 7, 3});
    run((struct top_case){{DESC(2)}, 1, false, true, 1, 0});
    run((struct top_case){{ASC(1)}, 1, false, true, 0, 2});
    run((struct top_case){{ASC(1)}, 1, false, false, 0, 4});
}
static void partitions(void **state)
{
    (void)state;
    run((struct top_case){{DESC(1)}, 1, true, true, 1, 0});
    run((struct top_case){{ASC(2), DESC(1)}, 2, true, true, 3, 1});
}
static void limit_alone(void **state)
{
    (void)state;
    run((struct top_case){.has_limit = true, .limit = 10});
    run((struct top_case){.has_limit = true, .limit = 40, .offset = 15});
}

/* Far more rows than places: what is kept stays small, and one-shot results come in order. */
static void keeps_little_of_much(void **state)
{
    (void)state;
    struct top_case c = {{DESC(1)}, 1, false, true, 10, 0};
    struct law_spec spec = make(&c, true);
    for (int mode = 0; mode < 2; mode++) {
        struct law_rig rig;
        struct law_row rows[500];
        int64_t weights[500];
        law_rig_init(&rig, &spec, mode ? CIRCUIT_ONE_SHOT : CIRCUIT_STREAM);
        for (int64_t round = 0; round < 100; round++) {
            for (int64_t i = 0; i < 500; i++) {
                rows[i] = (struct law_row){{1, (round * 500 + i) * 7919 % 50021, 1}};
                weights[i] = 1;
            }
            law_push(&rig, &spec, 0, rows, weights, 500, 500);
            if (!mode) law_finish(&rig, false);
            assert_true(rig.op->states.items[0]->n_rows < 3000);
        }
        law_finish(&rig, mode);
        char text[60];
        int64_t n = 0;
        for (int64_t v = 50020; n < 10; v--) { /* 50,000 of the 50,021 residues were there */
            snprintf(text, sizeof text, "1|%lld|t1", (long long)v);
            if (bag_weight(&rig.net, text) == 1) n++;
            assert_true(v > 49000);
        }
        law_rig_deinit(&rig);
    }
}

/* --- Others ------------------------------------------------------------------------------------------------------------------------------ */

static void expect_all(const struct law_spec *spec, const struct law_table *tables, struct bag *out)
{
    for (uint32_t p = 0; p < spec->n_ports; p++) {
        for (size_t i = 0; i < tables[p].rows.n; i++) {
            char text[300];
            law_row_text(spec->ports[p].types, 3, &tables[p].rows.items[i].row, text, sizeof text);
            bag_add(out, text, tables[p].rows.items[i].weight);
        }
    }
}

static void union_all(void **state)
{
    (void)state;
    struct law_spec spec = {.n_ports = 3,
                            .create = op_union_create,
                            .random_row = random_row,
                            .expect = expect_all,
                            .n_steps = 10,
                            .rows_a_step = 20};
    for (uint32_t p = 0; p < 3; p++) {
        spec.ports[p].n_cols = 3;
        spec.ports[p].time_col = -1;
        memcpy(spec.ports[p].types, (enum law_type[]){LAW_INT, LAW_INT32, LAW_TEXT},
               3 * sizeof(enum law_type));
    }
    spec.plan = law_plan(&test_arena, PLAN_UNION_ALL, 3);
    law_scan_plans(&test_arena, &spec);
    law_output(&test_arena, &spec, 1);
    law_run(&spec, 5);
}

static void sort_keeps_the_rows(void **state)
{
    (void)state;
    struct top_case c = {{DESC(1), ASC(2)}, 2, false, false, 0, 0};
    struct law_spec spec = make(&c, false);
    spec.plan->kind = PLAN_SORT;
    spec.create = op_sort_create;
    spec.expect = expect_all;
    law_run(&spec, 3);
}

static struct {
    int64_t last;
    size_t n;
    bool is_sorted;
} seen;
static laminar_status watch(void *ctx, struct step *step, const struct chunk *chunk)
{
    (void)ctx;
    (void)step;
    for (uint32_t i = 0; i < chunk->n_rows; i++) {
        int64_t v = ((const int32_t *)chunk->cols[1].data)[i];
        seen.is_sorted &= seen.n == 0 || v <= seen.last;
        seen.last = v;
        seen.n++;
    }
    return LAMINAR_OK;
}
static void one_shot_results_are_in_order(void **state)
{
    (void)state;
    struct top_case c = {{DESC(1)}, 1, false, true, 3000, 0};
    for (int kind = 0; kind < 2; kind++) {
        struct law_spec spec = make(&c, true);
        struct output_callbacks callbacks = {.on_chunk = watch};
        struct law_rig rig;
        struct law_row rows[500];
        int64_t weights[500];
        struct op *output;
        if (kind) {
            spec.plan->kind = PLAN_SORT;
            spec.create = op_sort_create;
        }
        law_rig_init(&rig, &spec, CIRCUIT_ONE_SHOT);
        assert_int_equal(circuit_add_output(rig.circuit, rig.op, &callbacks, &output, NULL),
                         LAMINAR_OK);
        for (int64_t round = 0; round < 20; round++) {
            for (int64_t i = 0; i < 500; i++) {
                rows[i] = (struct law_row){{1, (round * 500 + i) * 7919 % 10007, 1}};
                weights[i] = 1;
            }
            law_push(&rig, &spec, 0, rows, weights, 500, 500);
        }
        seen.n = 0;
        seen.is_sorted = true;
        law_finish(&rig, true);
        assert_int_equal(seen.n, kind ? 10000 : 3000);
        assert_true(seen.is_sorted);
        law_rig_deinit(&rig);
    }
}

static void memory(void **state)
{
    (void)state;
    for (int partition = 0; partition < 2; partition++) {
        struct top_case c = {{DESC(1), ASC(2)}, 2, partition, true, 4, 1};
        struct law_spec spec = make(&c, false);
        law_fail_allocations(&spec, 9);
        law_steady(&spec, 9);
        spec = make(&c, true);
        law_fail_allocations(&spec, 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whole_input, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(partitions, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(limit_alone, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(keeps_little_of_much, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(union_all, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(sort_keeps_the_rows, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(one_shot_results_are_in_order, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(memory, arena_setup, arena_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
