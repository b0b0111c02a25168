/* test_op_set.c - the law for INTERSECT and EXCEPT, with and without ALL, on inputs that retract and inputs that don't. */
#include "exec_test.h"
#include "law.h"
#include "unit.h"

static struct arena arena;

struct set_case {
    enum set_kind kind;
    bool is_all;
};

static void random_row(const struct law_spec *spec, struct law_random *random, uint32_t port,
                       struct law_row *row)
{
    (void)spec;
    (void)port;
    row->values[0] = law_below(random, 9) ? law_below(random, 4) : LAW_NULL;
    row->values[1] = law_below(random, 9) ? law_below(random, 6) : LAW_NULL;
}

static int64_t weight_of(const struct law_table *table, const struct law_row *row)
{
    int64_t weight = 0;
    for (size_t i = 0; i < table->rows.n; i++)
        if (table->rows.items[i].row.values[0] == row->values[0] &&
            table->rows.items[i].row.values[1] == row->values[1])
            weight += table->rows.items[i].weight;
    return weight;
}

static void expect(const struct law_spec *spec, const struct law_table *tables, struct bag *out)
{
    const struct set_case *c = spec->ctx;
    for (size_t i = 0; i < tables[0].rows.n; i++) {
        const struct law_entry *entry = &tables[0].rows.items[i];
        int64_t left = entry->weight, right = weight_of(&tables[1], &entry->row), n;
        char text[300];
        if (left <= 0) continue;
        if (!c->is_all)
            n = (right > 0) == (c->kind == SET_INTERSECT);
        else if (c->kind == SET_INTERSECT)
            n = left < right ? left : right;
        else
            n = left > right ? left - right : 0;
        law_row_text(spec->ports[0].types, 2, &entry->row, text, sizeof text);
        if (n) bag_add(out, text, n);
    }
}

static struct law_spec make(struct set_case *c, bool is_append_only)
{
    struct law_spec spec = {
        .n_ports = 2,
        .ports = {{2, {LAW_INT32, LAW_TEXT}, -1}, {2, {LAW_INT32, LAW_TEXT}, -1}},
        .create = op_set_create,
        .random_row = random_row,
        .expect = expect,
        .is_append_only = {is_append_only, is_append_only},
        .n_steps = 25,
        .rows_a_step = 20,
        .ctx = c};
    struct plan *plan = spec.plan = law_plan(&arena, PLAN_SET, 2);
    law_scan_plans(&arena, &spec);
    law_output(&arena, &spec, 1);
    plan->set_kind = c->kind;
    plan->is_set_all = c->is_all;
    return spec;
}

static struct set_case set_cases[] = {
    {SET_INTERSECT, false}, {SET_INTERSECT, true}, {SET_EXCEPT, false}, {SET_EXCEPT, true}};

static void set_operations_follow_the_law(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(set_cases); i++) {
        for (int appends = 0; appends < 2; appends++) {
            struct law_spec spec = make(&set_cases[i], appends);
            for (uint64_t seed = 1; seed < 8; seed++) law_run(&spec, seed);
            arena_deinit(&arena);
        }
    }
}

static void set_operations_survive_failed_allocations(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(set_cases); i++) {
        struct law_spec spec = make(&set_cases[i], false);
        law_fail_allocations(&spec, 5 + i);
        arena_deinit(&arena);
    }
}

static void a_steady_step_allocates_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(set_cases); i++) {
        struct law_spec spec = make(&set_cases[i], false);
        law_steady(&spec, 3);
        arena_deinit(&arena);
    }
}

static void nothing_changes_when_all_is_spilled(void **state)
{
    char folder[] = "/tmp/laminar-XXXXXX";
    struct test_policy policy;
    open_policy(&policy, folder);
    circuits_spill = &policy.base;
    set_operations_follow_the_law(state);
    set_operations_survive_failed_allocations(state);
    circuits_spill = NULL;
    close_policy(&policy, folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_operations_follow_the_law),
        cmocka_unit_test(set_operations_survive_failed_allocations),
        cmocka_unit_test(a_steady_step_allocates_nothing),
        cmocka_unit_test(nothing_changes_when_all_is_spilled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
