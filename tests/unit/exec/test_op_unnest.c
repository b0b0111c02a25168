/* test_op_unnest.c - the law for UNNEST and generate_series: a list of two, a series of up to six, side by side; plain, outer and with ordinality. */
#include "exec_test.h"
#include "law.h"

static struct arena arena;

struct unnest_case {
    bool has_list, has_series, is_outer, has_ordinality;
};

static void random_row(const struct law_spec *spec, struct law_random *random, uint32_t port,
                       struct law_row *row)
{
    (void)spec;
    (void)port;
    row->values[0] = law_below(random, 30);
    row->values[1] = law_below(random, 4) ? law_below(random, 5) : LAW_NULL;
    row->values[2] = law_below(random, 6) ? law_below(random, 8) - 2 : LAW_NULL;
}

static void expect(const struct law_spec *spec, const struct law_table *tables, struct bag *out)
{
    const struct unnest_case *c = spec->ctx;
    static const enum law_type types[] = {LAW_INT, LAW_INT, LAW_INT, LAW_INT};
    for (size_t i = 0; i < tables[0].rows.n; i++) {
        const int64_t *v = tables[0].rows.items[i].row.values;
        int64_t n_list = c->has_list && v[1] != LAW_NULL ? 2 : 0,
                n_series = c->has_series && v[2] != LAW_NULL && v[2] > 0 ? v[2] : 0,
                n = n_list > n_series ? n_list : n_series;
        if (n == 0 && c->is_outer) n = 1;
        for (int64_t k = 0; k < n; k++) {
            struct law_row row;
            uint32_t n_cols = 0;
            char text[300];
            row.values[n_cols++] = v[0];
            if (c->has_list) row.values[n_cols++] = k < n_list ? v[1] : LAW_NULL;
            if (c->has_series) row.values[n_cols++] = k < n_series ? k + 1 : LAW_NULL;
            if (c->has_ordinality) row.values[n_cols++] = k + 1;
            law_row_text(types, n_cols, &row, text, sizeof text);
            bag_add(out, text, tables[0].rows.items[i].weight);
        }
    }
}

static struct law_spec make(struct unnest_case *c, bool is_append_only)
{
    struct law_spec spec = {.n_ports = 1,
                            .ports = {{3, {LAW_INT, LAW_LIST, LAW_INT}, -1}},
                            .create = op_unnest_create,
                            .random_row = random_row,
                            .expect = expect,
                            .is_append_only = {is_append_only},
                            .n_steps = 20,
                            .rows_a_step = 900, /* more rows come out than a chunk takes */
                            .ctx = c};
    struct plan *plan = spec.plan = law_plan(&arena, PLAN_UNNEST, 1);
    law_scan_plans(&arena, &spec);
    plan->pass = ARENA_ARRAY(&arena, uint32_t, 1);
    plan->n_pass = 1;
    plan->unnest = ARENA_ARRAY(&arena, struct unnest_item, 2);
    plan->cols = ARENA_ARRAY(&arena, struct plan_column, 4);
    plan->is_unnest_outer = c->is_outer;
    plan->has_ordinality = c->has_ordinality;
    const struct plan_column number = {.name = "n", .type = TYPE(INT64), .is_nullable = true};
    plan->cols[plan->n_cols++] = number;
    if (c->has_list) {
        struct unnest_item *item = &plan->unnest[plan->n_unnest++];
        item->n_args = 1;
        item->args = ARENA_ARRAY(&arena, struct expr *, 1);
        item->args[0] = col_expr(&arena, 1, law_data_type(LAW_LIST));
        plan->cols[plan->n_cols++] = number;
    }
    if (c->has_series) {
        struct unnest_item *item = &plan->unnest[plan->n_unnest++];
        item->kind = UNNEST_SERIES;
        item->n_args = 3;
        item->args = ARENA_ARRAY(&arena, struct expr *, 3);
        item->args[0] = const_expr(&arena, TYPE(INT64), "1");
        item->args[1] = col_expr(&arena, 2, TYPE(INT64));
        item->args[2] = const_expr(&arena, TYPE(INT64), "1");
        plan->cols[plan->n_cols++] = number;
    }
    if (c->has_ordinality) plan->cols[plan->n_cols++] = number;
    return spec;
}

static struct unnest_case unnest_cases[] = {
    {.has_list = true},
    {.has_series = true, .has_ordinality = true},
    {.has_list = true, .has_series = true},
    {.has_list = true, .has_series = true, .is_outer = true, .has_ordinality = true},
};

static void unnest_follows_the_law(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(unnest_cases); i++) {
        for (int appends = 0; appends < 2; appends++) {
            struct law_spec spec = make(&unnest_cases[i], appends);
            for (uint64_t seed = 1; seed < 3; seed++) law_run(&spec, seed);
            arena_deinit(&arena);
        }
    }
}

static void unnest_survives_failed_allocations(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(unnest_cases); i++) {
        struct law_spec spec = make(&unnest_cases[i], false);
        spec.rows_a_step = 20;
        law_fail_allocations(&spec, 5 + i);
        arena_deinit(&arena);
    }
}

static void a_steady_step_allocates_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(unnest_cases); i++) {
        struct law_spec spec = make(&unnest_cases[i], false);
        spec.rows_a_step = 50;
        law_steady(&spec, 3);
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unnest_follows_the_law),
        cmocka_unit_test(unnest_survives_failed_allocations),
        cmocka_unit_test(a_steady_step_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
