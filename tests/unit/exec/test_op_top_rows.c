/* test_op_top_rows.c - the law for the first rows of partitions of an append-only input, alone and with their numbers; what a step costs and allocates;
 * states that come back damaged. */
#include "law.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>

enum { PART, NUMBER, TEXT, HALF, N_COLS };
struct rows_case {
    struct sort_key keys[2];
    uint32_t n_keys;
    uint64_t limit;
    bool has_numbers;
};

static void random_row(const struct law_spec *spec, struct law_random *random, uint32_t port,
                       struct law_row *row)
{
    (void)spec;
    (void)port;
    row->values[PART] = law_below(random, 9) ? law_below(random, 4) : LAW_NULL;
    row->values[NUMBER] = law_below(random, 9) ? law_below(random, 9) - 4 : LAW_NULL;
    row->values[TEXT] = law_below(random, 9) ? law_below(random, 9) : LAW_NULL;
    row->values[HALF] = law_below(random, 9) ? law_below(random, 5) - 2 : LAW_NULL;
}

/* --- The naive computation --------------------------------------------------------------------------------------------------------------- */

static const struct rows_case *sorting;

static int compare_values(uint32_t column, int64_t a, int64_t b)
{
    if (column != TEXT) return (a > b) - (a < b);
    char x[100], y[100];
    enum law_type type = LAW_TEXT;
    law_row_text(&type, 1, &(struct law_row){{a}}, x, sizeof x);
    law_row_text(&type, 1, &(struct law_row){{b}}, y, sizeof y);
    return strcmp(x, y);
}
static int compare_by(const struct sort_key *key, const int64_t *x, const int64_t *y)
{
    int64_t a = x[key->column], b = y[key->column];
    if (a == LAW_NULL || b == LAW_NULL)
        return a == b ? 0 : (a == LAW_NULL) == key->is_nulls_first ? -1 : 1;
    int order = compare_values(key->column, a, b);
    return key->is_descending ? -order : order;
}
static int compare_rows(const void *pa, const void *pb)
{
    const int64_t *x = ((const struct law_row *)pa)->values,
                  *y = ((const struct law_row *)pb)->values;
    int order = compare_by(&(struct sort_key){.column = PART}, x, y);
    for (uint32_t k = 0; k < sorting->n_keys && !order; k++)
        order = compare_by(&sorting->keys[k], x, y);
    for (uint32_t c = 0; c < N_COLS && !order; c++)
        order = compare_by(&(struct sort_key){.column = c}, x, y);
    return order;
}

static void expect(const struct law_spec *spec, const struct law_table *tables, struct bag *out)
{
    const struct rows_case *c = spec->ctx;
    size_t n = 0;
    for (size_t i = 0; i < tables[0].rows.n; i++) n += (size_t)tables[0].rows.items[i].weight;
    struct law_row *rows = malloc(n * sizeof *rows + 1);
    n = 0;
    for (size_t i = 0; i < tables[0].rows.n; i++)
        for (int64_t w = 0; w < tables[0].rows.items[i].weight; w++)
            rows[n++] = tables[0].rows.items[i].row;
    sorting = c;
    qsort(rows, n, sizeof *rows, compare_rows);
    uint64_t place = 0;
    for (size_t i = 0; i < n; i++) {
        char text[300];
        if (i && rows[i].values[PART] != rows[i - 1].values[PART]) place = 0;
        if (place++ >= c->limit) continue;
        law_row_text(spec->ports[0].types, N_COLS, &rows[i], text, sizeof text);
        size_t size = strlen(text);
        if (c->has_numbers)
            snprintf(text + size, sizeof text - size, "|%llu", (unsigned long long)place);
        bag_add(out, text, 1);
    }
    free(rows);
}

/* --- The plan ---------------------------------------------------------------------------------------------------------------------------- */

/* The rig knows one node; with numbers it stands for two. */
static laminar_status create(struct circuit *circuit, const struct plan *plan,
                             enum circuit_mode mode, struct op **out, struct laminar_error *err)
{
    if (plan->kind == PLAN_OVER) plan = plan->term;
    assert_true(op_top_rows_may(plan, CIRCUIT_STREAM));
    assert_false(op_top_rows_may(plan, CIRCUIT_ONE_SHOT));
    return op_top_rows_create(circuit, plan, mode, out, err);
}

/* The Over and the top-N that `node` stands for. */
static struct plan *make_nodes(const struct plan *node)
{
    struct plan *over = law_plan(&test_arena, PLAN_OVER, 1),
                *top = law_plan(&test_arena, PLAN_TOP_N, 1);
    struct plan **over_inputs = over->inputs, **top_inputs = top->inputs;
    *over = *top = *node;
    over->inputs = over_inputs;
    over->inputs[0] = top;
    top->kind = PLAN_TOP_N;
    top->n_cols = N_COLS;
    top->inputs = top_inputs;
    top->inputs[0] = node->inputs[0];
    return over;
}

static struct law_spec make(struct rows_case *c)
{
    struct law_spec spec = {.n_ports = 1,
                            .ports = {{N_COLS, {LAW_INT, LAW_INT32, LAW_TEXT, LAW_DOUBLE}, -1}},
                            .create = create,
                            .random_row = random_row,
                            .expect = expect,
                            .is_append_only = {true},
                            .n_steps = 25,
                            .rows_a_step = 24,
                            .ctx = c};
    struct plan *plan = spec.plan = law_plan(&test_arena, c->has_numbers ? PLAN_OVER : PLAN_TOP_N,
                                             1);
    law_scan_plans(&test_arena, &spec);
    law_output(&test_arena, &spec, 1);
    plan->sort = c->keys;
    plan->n_sort = c->n_keys;
    plan->partition = ARENA_ARRAY(&test_arena, uint32_t, 1);
    plan->partition[0] = PART;
    plan->n_partition = 1;
    plan->has_limit = true;
    plan->limit = c->limit;
    if (!c->has_numbers) return spec;
    plan->overs = ARENA_ARRAY(&test_arena, struct over_call, 1);
    plan->overs[0] = (struct over_call){
        .name = "row_number", .kind = OVER_ROW_NUMBER, .type = TYPE(INT64)};
    plan->n_overs = 1;
    plan->cols[plan->n_cols++] = (struct plan_column){.name = "n", .type = TYPE(INT64)};
    plan->term = make_nodes(plan);
    return spec;
}

static struct rows_case cases[] = {
    {{{.column = NUMBER, .is_descending = true}}, 1, 1, false},
    {{{.column = NUMBER, .is_descending = true}}, 1, 3, true},
    {{{.column = TEXT, .is_descending = true, .is_nulls_first = true}, {.column = NUMBER}},
     2,
     4,
     false},
    {{{.column = TEXT}, {.column = HALF, .is_descending = true}}, 2, 5, true},
    {{{.column = HALF, .is_nulls_first = true}}, 1, 2, true},
    {{{.column = HALF, .is_descending = true}}, 1, TOP_PLACES_MAX, true},
    {.n_keys = 0, .limit = 3, .has_numbers = true},
    {.n_keys = 0, .limit = TOP_PLACES_MAX},
};

static void law_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct law_spec spec = make(&cases[i]);
        for (uint64_t seed = 1; seed <= 4; seed++) law_run(&spec, seed);
    }
}

static void large_steps(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct law_spec spec = make(&cases[i]);
        spec.n_steps = 4;
        spec.rows_a_step = 600;
        law_run(&spec, 23);
    }
}

/* A row that is there more often than a chunk has rows takes as many places as there are. */
static void heavy_rows(void **state)
{
    (void)state;
    struct rows_case c = {{{.column = NUMBER}}, 1, TOP_PLACES_MAX, true};
    struct law_spec spec = make(&c);
    struct law_rig rig;
    struct law_row rows[500];
    int64_t weights[500];
    law_rig_init(&rig, &spec, CIRCUIT_STREAM);
    for (int64_t i = 0; i < 500; i++) {
        rows[i] = (struct law_row){{i % 3, 500 - i, 1, 1}};
        weights[i] = i % 5 ? 40 : INT64_MAX / 1000;
    }
    law_push(&rig, &spec, 0, rows, weights, 500, 500);
    law_finish(&rig, false);
    for (int64_t part = 0; part < 3; part++)
        for (int n = 1; n <= TOP_PLACES_MAX; n++) {
            char text[60];
            snprintf(text, sizeof text, "%lld|%lld|t1|0.5|%d", (long long)part,
                     (long long)(part == 0   ? 2
                                 : part == 1 ? 1
                                             : 3),
                     n);
            assert_int_equal(bag_weight(&rig.net, text), 1);
        }
    assert_int_equal(rig.n_out, 3 * TOP_PLACES_MAX);
    law_rig_deinit(&rig);
}

/* --- Cost -------------------------------------------------------------------------------------------------------------------------------- */

static size_t rows_out(struct law_rig *rig, const struct law_spec *spec, int64_t value)
{
    size_t before = rig->n_out;
    const int64_t one = 1;
    law_push(rig, spec, 0, &(struct law_row){{1, value, 1, 1}}, &one, 1, 1);
    law_finish(rig, false);
    return rig->n_out - before;
}

static void only_what_changes(void **state)
{
    (void)state;
    for (int numbered = 0; numbered < 2; numbered++) {
        struct rows_case c = {{{.column = NUMBER}}, 1, 10, numbered};
        struct law_spec spec = make(&c);
        struct law_rig rig;
        law_rig_init(&rig, &spec, CIRCUIT_STREAM);
        for (int64_t v = 10; v <= 100; v += 10) assert_int_equal(rows_out(&rig, &spec, v), 1);
        assert_int_equal(rows_out(&rig, &spec, 101), 0);
        assert_int_equal(rows_out(&rig, &spec, 95), 2);                 /* the last one goes */
        assert_int_equal(rows_out(&rig, &spec, 55), numbered ? 10 : 2); /* five places */
        assert_int_equal(rows_out(&rig, &spec, 55), numbered ? 8 : 2);  /* a copy behind it */
        assert_int_equal(rows_out(&rig, &spec, 55), numbered ? 6 : 2);
        assert_int_equal(rig.op->states.items[0]->n_rows, 10);
        law_rig_deinit(&rig);
    }
}

static void memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct law_spec spec = make(&cases[i]);
        law_fail_allocations(&spec, 9);
    }
}

/* Better rows all the time, with long texts, in as many partitions as before: nothing is allocated. */
static void steady_steps_allocate_nothing(void **state)
{
    (void)state;
    struct rows_case c = {{{.column = NUMBER, .is_descending = true}}, 1, 4, true};
    struct law_spec spec = make(&c);
    struct law_rig rig;
    struct column cols[N_COLS];
    struct vector vecs[N_COLS];
    uint64_t before = 0;
    law_rig_init(&rig, &spec, CIRCUIT_STREAM);
    rig.keeps_net = false;
    for (uint32_t k = 0; k < N_COLS; k++)
        assert_int_equal(column_init(&cols[k], law_data_type(spec.ports[0].types[k]), NULL),
                         LAMINAR_OK);
    for (int64_t i = 0; i < 1000; i++)
        for (uint32_t k = 0; k < N_COLS; k++)
            law_append(&cols[k], spec.ports[0].types[k], k == PART ? i % 50 : k == TEXT ? 3 : 0);
    for (uint32_t k = 0; k < N_COLS; k++) vecs[k] = cols[k].vec;
    for (int32_t round = 0; round < 60; round++) {
        struct step step = {0};
        struct chunk chunk = {.n_rows = 1000, .n_cols = N_COLS, .cols = vecs};
        for (int32_t i = 0; i < 1000; i++)
            ((int32_t *)cols[NUMBER].vec.data)[i] = round * 1000 + i * 7919 % 1000;
        if (round == 20) before = mem_allocation_count();
        size_t n_out = rig.n_out;
        assert_int_equal(circuit_push(rig.circuit, &step, rig.scans[0], &chunk), LAMINAR_OK);
        law_finish(&rig, false);
        if (round) assert_int_equal(rig.n_out - n_out, 2 * 50 * 4);
    }
    assert_int_equal(mem_allocation_count() - before, 0);
    for (uint32_t k = 0; k < N_COLS; k++) column_deinit(&cols[k]);
    law_rig_deinit(&rig);
}

/* Groups of one state and rows of another that don't belong together are refused. */
static void states_must_fit(void **state)
{
    (void)state;
    struct rows_case c = {{{.column = NUMBER}}, 1, 3, false};
    struct law_spec spec = make(&c);
    struct law_rig rigs[2], to;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    for (int i = 0; i < 2; i++) {
        law_rig_init(&rigs[i], &spec, CIRCUIT_STREAM);
        rows_out(&rigs[i], &spec, 1);
        if (i) rows_out(&rigs[i], &spec, 2);
    }
    for (int i = 0; i < 4; i++) {
        law_rig_init(&to, &spec, CIRCUIT_STREAM);
        law_restore_state(law_freeze_state(rigs[i & 1].op->states.items[0]),
                          to.op->states.items[0]);
        law_restore_state(law_freeze_state(rigs[i >> 1].op->states.items[1]),
                          to.op->states.items[1]);
        assert_int_equal(to.op->cls->restored(to.op, &err),
                         (i & 1) == i >> 1 ? LAMINAR_OK : LAMINAR_CHECKPOINT_FAILED);
        law_rig_deinit(&to);
    }
    for (int i = 0; i < 2; i++) law_rig_deinit(&rigs[i]);
}

static laminar_status add_to_bag(void *ctx, struct step *step, const struct chunk *chunk)
{
    (void)step;
    law_chunk_add(ctx, chunk, NULL);
    return LAMINAR_OK;
}

/* What is read out of the state is what has come out. */
static void contents_are_the_net(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct law_spec spec = make(&cases[i]);
        struct law_random random = {i + 1};
        struct law_rig rig;
        struct law_row rows[300];
        int64_t weights[300];
        law_rig_init(&rig, &spec, CIRCUIT_STREAM);
        for (int round = 0; round < 5; round++) {
            struct bag contents = {0};
            struct step step = {0};
            for (size_t k = 0; k < 300; k++) {
                random_row(&spec, &random, 0, &rows[k]);
                rows[k].values[PART] = law_below(&random, 200);
                weights[k] = 1;
            }
            law_push(&rig, &spec, 0, rows, weights, 300, 100);
            law_finish(&rig, false);
            assert_int_equal(circuit_contents(rig.op, &step, add_to_bag, &contents), LAMINAR_OK);
            assert_true(bag_equal(&contents, &rig.net));
            bag_deinit(&contents);
        }
        law_rig_deinit(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(law_holds, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(large_steps, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(heavy_rows, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(only_what_changes, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(memory, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(steady_steps_allocate_nothing, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(states_must_fit, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(contents_are_the_net, arena_setup, arena_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
