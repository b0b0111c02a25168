/* test_op_asof.c - the law for ASOF joins, and what watermarks evict. */
#include "law.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>

struct asof_case {
    enum asof_match match;
    bool is_left;
    uint32_t n_keys;
    bool has_tolerance;
    int64_t tolerance;
    int64_t range; /* times are below it */
};

/* key, value, time */
static void random_row(const struct law_spec *spec, struct law_random *random, uint32_t port,
                       struct law_row *row)
{
    const struct asof_case *c = spec->ctx;
    (void)port;
    row->values[0] = law_below(random, 9) ? law_below(random, 4) : LAW_NULL;
    row->values[1] = law_below(random, 6) ? law_below(random, 7) : LAW_NULL;
    row->values[2] = law_below(random, 12) ? law_below(random, c->range) : LAW_NULL;
}

static void text_of(int64_t v, char *out, size_t size)
{
    snprintf(out, size, v % 3 == 0 ? "a rather long text with the number %lld" : "t%lld",
             (long long)v);
}

/* Nulls are greatest. */
static int compare_rows(const struct law_row *a, const struct law_row *b)
{
    for (int c = 0; c < 3; c++) {
        int64_t x = a->values[c], y = b->values[c];
        if (x == y) continue;
        if (x == LAW_NULL || y == LAW_NULL) return x == LAW_NULL ? 1 : -1;
        if (c != 1) return x < y ? -1 : 1;
        char p[60], q[60];
        text_of(x, p, sizeof p);
        text_of(y, q, sizeof q);
        return strcmp(p, q);
    }
    return 0;
}

/* Is candidate `b` a better match for time t than `best`? */
static bool is_better(const struct asof_case *c, int64_t t, const struct law_row *b,
                      const struct law_row *best)
{
    int64_t tb = b->values[2], tc;
    switch (c->match) {
    case ASOF_GE:
        if (tb > t) return false;
        break;
    case ASOF_GT:
        if (tb >= t) return false;
        break;
    case ASOF_LE:
        if (tb < t) return false;
        break;
    case ASOF_LT:
        if (tb <= t) return false;
        break;
    case ASOF_NEAREST: break;
    }
    if (!best) return true;
    tc = best->values[2];
    if (llabs(tb - t) != llabs(tc - t)) return llabs(tb - t) < llabs(tc - t);
    if (tb != tc) return tb < tc; /* of two equally near ones the earlier */
    return compare_rows(b, best) > 0;
}

static void expect(const struct law_spec *spec, const struct law_table *tables, struct bag *out)
{
    const struct asof_case *c = spec->ctx;
    const struct law_row nulls = {{LAW_NULL, LAW_NULL, LAW_NULL}};
    for (size_t i = 0; i < tables[0].rows.n; i++) {
        const struct law_entry *a = &tables[0].rows.items[i];
        const struct law_row *best = NULL;
        int64_t t = a->row.values[2];
        for (size_t j = 0; j < tables[1].rows.n && t != LAW_NULL; j++) {
            const struct law_row *b = &tables[1].rows.items[j].row;
            if (b->values[2] == LAW_NULL ||
                (c->n_keys && (a->row.values[0] == LAW_NULL || a->row.values[0] != b->values[0])))
                continue;
            if (is_better(c, t, b, best)) best = b;
        }
        if (best && c->has_tolerance && llabs(best->values[2] - t) > c->tolerance) best = NULL;
        if (!best && !c->is_left) continue;
        char left[300], right[300], text[700];
        law_row_text(spec->ports[0].types, 3, &a->row, left, sizeof left);
        law_row_text(spec->ports[1].types, 3, best ? best : &nulls, right, sizeof right);
        snprintf(text, sizeof text, "%s|%s", left, right);
        bag_add(out, text, a->weight);
    }
}

static struct expr *column(uint32_t i, enum law_type type)
{
    struct expr *e = ARENA_NEW(&test_arena, struct expr);
    *e = (struct expr){
        .kind = EXPR_COLUMN, .type = law_data_type(type), .is_nullable = true, .column = i};
    return e;
}

static struct law_spec make(struct asof_case *c, bool left_appends, bool right_appends,
                            bool has_time)
{
    struct law_spec spec = {.n_ports = 2,
                            .ports = {{3, {LAW_INT, LAW_TEXT, LAW_TIME}, has_time ? 2 : -1},
                                      {3, {LAW_INT, LAW_TEXT, LAW_TIME}, has_time ? 2 : -1}},
                            .create = op_asof_create,
                            .random_row = random_row,
                            .expect = expect,
                            .is_append_only = {left_appends, right_appends},
                            .n_steps = 6,
                            .rows_a_step = 16,
                            .ctx = c};
    struct plan *plan = spec.plan = law_plan(&test_arena, PLAN_JOIN, 2);
    law_scan_plans(&test_arena, &spec);
    law_output(&test_arena, &spec, 2);
    plan->props.time_col = has_time ? 2 : -1;
    plan->join_kind = c->is_left ? JOIN_LEFT : JOIN_INNER;
    plan->strategy = STRATEGY_ASOF;
    plan->asof = c->match;
    plan->n_keys = c->n_keys;
    plan->left_keys = plan->right_keys = ARENA_ARRAY(&test_arena, struct expr *, 1);
    plan->left_keys[0] = column(0, LAW_INT);
    plan->left_time = plan->right_time = column(2, LAW_TIME);
    plan->has_tolerance = c->has_tolerance;
    plan->tolerance_us = c->tolerance;
    return spec;
}

static void run_all(struct asof_case c)
{
    for (int match = ASOF_GE; match <= ASOF_NEAREST; match++) {
        c.match = (enum asof_match)match;
        for (int form = 0; form < 8; form++) {
            c.is_left = form & 4;
            struct law_spec spec = make(&c, form & 1, form & 2, false);
            law_run(&spec, (uint64_t)(match * 10 + form + 1));
        }
    }
}

static void by_key(void **state)
{
    (void)state;
    run_all((struct asof_case){.n_keys = 1, .range = 40});
}
static void many_ties(void **state)
{
    (void)state;
    run_all((struct asof_case){.n_keys = 1, .range = 5});
}
static void without_key(void **state)
{
    (void)state;
    run_all((struct asof_case){.n_keys = 0, .range = 60});
}
static void tolerance(void **state)
{
    (void)state;
    run_all((struct asof_case){.n_keys = 1, .range = 50, .has_tolerance = true, .tolerance = 2});
}

/* Both sides in time order, with watermarks: results stay right, what is kept is little more than what is beyond the watermark, and its bytes
 * stay the same. Half way the state moves to another operator. */
static void run_with_watermarks(struct asof_case c)
{
    struct law_spec spec = make(&c, true, true, true);
    struct law_table tables[2] = {{.n_cols = 3}, {.n_cols = 3}};
    struct law_random random = {(uint64_t)c.match + 5};
    struct bag wanted = {0};
    struct law_rig rig;
    enum { ROUNDS = 24, ROWS = 250 };
    struct law_entry *kept[2] = {calloc(ROUNDS * ROWS, sizeof **kept),
                                 calloc(ROUNDS * ROWS, sizeof **kept)};
    size_t bytes = 0;
    law_rig_init(&rig, &spec, CIRCUIT_STREAM);
    for (int64_t round = 0; round < ROUNDS; round++) {
        for (uint32_t k = 0; k < 2; k++) {
            uint32_t port = (uint32_t)(round + k) & 1;
            struct law_row rows[ROWS];
            int64_t weights[ROWS];
            for (int i = 0; i < ROWS; i++) {
                rows[i] = (struct law_row){{law_below(&random, 3), law_below(&random, 5),
                                            round * 1000 + law_below(&random, 1500)}};
                weights[i] = 1;
                kept[port][tables[port].rows.n++] = (struct law_entry){rows[i], 1};
            }
            law_push(&rig, &spec, port, rows, weights, ROWS, 100);
        }
        for (uint32_t port = 0; port < 2; port++)
            circuit_set_watermark(rig.circuit, rig.scans[port], (round + 1) * 1000);
        law_finish(&rig, false);
        for (int s = 0; s < 2; s++) {
            const struct state *state = rig.op->states.items[s];
            assert_true(state->n_rows < ROWS);
            assert_true(state->cls->check(state));
        }
        if (round == ROUNDS / 3) law_rig_move(&rig, &spec);
        size_t now = rig.op->states.items[0]->bytes + rig.op->states.items[1]->bytes;
        if (round == ROUNDS / 2) bytes = now;
        if (round > ROUNDS / 2) assert_true(now <= bytes + 65536);
    }
    if (c.match == ASOF_GE || c.match == ASOF_GT) assert_int_equal(rig.watermark_us, ROUNDS * 1000);
    assert_int_equal(rig.op->late_rows, 0);
    tables[0].rows.items = kept[0];
    tables[1].rows.items = kept[1];
    spec.expect(&spec, tables, &wanted);
    assert_true(bag_equal(&rig.net, &wanted));
    /* Behind the watermark: dropped and counted. */
    struct law_row late = {{1, 1, 5}};
    int64_t one = 1;
    size_t n_out = rig.n_out;
    law_push(&rig, &spec, 0, &late, &one, 1, 1);
    law_push(&rig, &spec, 1, &late, &one, 1, 1);
    law_finish(&rig, false);
    assert_int_equal(rig.op->late_rows, 2);
    assert_int_equal(rig.n_out, n_out);
    law_rig_deinit(&rig);
    bag_deinit(&wanted);
    free(kept[0]);
    free(kept[1]);
}

static void watermarks_evict(void **state)
{
    (void)state;
    for (int match = ASOF_GE; match <= ASOF_NEAREST; match++) {
        for (int form = 0; form < 2; form++)
            run_with_watermarks((struct asof_case){.match = (enum asof_match)match,
                                                   .is_left = true,
                                                   .n_keys = 1,
                                                   .has_tolerance = form,
                                                   .tolerance = 3});
    }
}

/* Keys that come once: with a tolerance nothing of them stays. Without one the newest right row of each does, looking back. */
static void keys_that_come_once(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++) {
        for (int match = ASOF_GE; match <= ASOF_NEAREST; match++) {
            struct asof_case c = {.match = (enum asof_match)match,
                                  .is_left = true,
                                  .n_keys = 1,
                                  .has_tolerance = form,
                                  .tolerance = 50};
            struct law_spec spec = make(&c, true, true, true);
            struct law_rig rig;
            law_rig_init(&rig, &spec, CIRCUIT_STREAM);
            for (int64_t round = 0; round < 300; round++) {
                struct law_row rows[2] = {{{2 * round, 1, round * 100}},
                                          {{2 * round + 1, 1, round * 100}}};
                int64_t ones[2] = {1, 1};
                for (uint32_t port = 0; port < 2; port++) {
                    law_push(&rig, &spec, port, &rows[port], ones, 1, 1);
                    circuit_set_watermark(rig.circuit, rig.scans[port], round * 100);
                }
                law_finish(&rig, false);
            }
            bool keeps_right = !form && match != ASOF_LE && match != ASOF_LT,
                 keeps_left = !form && match != ASOF_GE && match != ASOF_GT;
            assert_int_equal(rig.op->states.items[0]->n_rows, keeps_left ? 300 : 1);
            assert_int_equal(rig.op->states.items[1]->n_rows, keeps_right ? 300 : 1);
            assert_int_equal(rig.n_out, 300);
            law_rig_deinit(&rig);
        }
    }
}

/* A side that may take back rows of any age: nothing leaves, and its rows are found again behind the watermark. */
static void rows_of_any_age_are_taken_back(void **state)
{
    (void)state;
    struct asof_case c = {.match = ASOF_GE, .is_left = true, .n_keys = 1};
    struct law_spec spec = make(&c, false, true, true);
    struct law_rig rig;
    spec.plan->ignores_left_watermark = true;
    law_rig_init(&rig, &spec, CIRCUIT_STREAM);
    struct law_row row = {{1, 1, 10}};
    int64_t weights[1] = {1};
    law_push(&rig, &spec, 0, &row, weights, 1, 1);
    law_push(&rig, &spec, 1, &row, weights, 1, 1);
    for (uint32_t port = 0; port < 2; port++)
        circuit_set_watermark(rig.circuit, rig.scans[port], 1000);
    law_finish(&rig, false);
    weights[0] = -1;
    law_push(&rig, &spec, 0, &row, weights, 1, 1);
    law_finish(&rig, false);
    struct bag empty = {0};
    assert_true(bag_equal(&rig.net, &empty));
    assert_int_equal(rig.op->states.items[0]->n_rows, 0);
    assert_int_equal(rig.op->late_rows, 0);
    law_rig_deinit(&rig);
    bag_deinit(&empty);
}

static void memory(void **state)
{
    (void)state;
    struct asof_case c = {.n_keys = 1, .range = 20};
    for (int match = ASOF_GE; match <= ASOF_NEAREST; match++) {
        c.match = (enum asof_match)match;
        c.is_left = match % 2;
        struct law_spec spec = make(&c, false, false, false);
        law_fail_allocations(&spec, (uint64_t)match + 1);
        law_steady(&spec, (uint64_t)match + 1);
        spec = make(&c, false, false, true); /* with what watermarks need */
        law_fail_allocations(&spec, (uint64_t)match + 1);
        law_steady(&spec, (uint64_t)match + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(by_key, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(many_ties, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(without_key, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(tolerance, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(watermarks_evict, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(keys_that_come_once, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(rows_of_any_age_are_taken_back, arena_setup,
                                        arena_teardown),
        cmocka_unit_test_setup_teardown(memory, arena_setup, arena_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
