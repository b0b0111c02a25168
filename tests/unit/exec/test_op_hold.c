/* test_op_hold.c - EMIT EVERY above joins and projections: nothing before the period is over, then the net of all that came, each row once. */
#include "base/mem.h"
#include "exec_test.h"

#define OK(expr) assert_int_equal((expr), LAMINAR_OK)

enum { A, S, N_COLS, PERIOD_US = 5000 };
static const struct data_type types[N_COLS] = {{.id = LAMINAR_TYPE_INT64},
                                               {.id = LAMINAR_TYPE_VARCHAR}};

static struct plan *hold_plan(struct arena *arena, bool is_append_only)
{
    struct plan *plan = node_plan(arena, PLAN_HOLD,
                                  scan_plan(arena, types, N_COLS, is_append_only, A), N_COLS);
    for (uint32_t c = 0; c < N_COLS; c++) name_col(plan, c, types[c]);
    plan->emit = EMIT_EVERY;
    plan->emit_every_us = PERIOD_US;
    plan->props.time_col = A;
    return plan;
}

static struct chunk random_chunk(struct rng *rng, struct rows *rows, struct vector *vecs,
                                 int64_t *weights, size_t n)
{
    rows_clear(rows);
    for (size_t i = 0; i < n; i++) {
        for (uint32_t c = 0; c < N_COLS; c++) random_value(rng, &rows->cols[c], 20);
        weights[i] = rng_below(rng, 2) ? 1 : -1;
    }
    for (uint32_t c = 0; c < N_COLS; c++) vecs[c] = rows->cols[c].vec;
    return (struct chunk){(uint32_t)n, N_COLS, vecs, weights};
}

/* Steps are 1,000 us apart. Every 16th step's states are frozen and go on in another circuit. */
static void run_held(bool is_append_only, uint64_t seed)
{
    struct arena arena = {0};
    struct rows rows;
    struct vector vecs[N_COLS];
    int64_t weights[CHUNK_ROWS];
    struct rng rng = {seed};
    struct harness h;
    struct tally in = {0}, held_from = {0};
    size_t n_held = 0;
    rows_init(&rows, types, N_COLS);
    struct plan *plan = hold_plan(&arena, is_append_only);
    OK(harness_open(&h, plan, op_hold_create, CIRCUIT_STREAM));
    for (int step = 0; step < 60; step++) {
        if (rng_below(&rng, 3)) {
            size_t n = 1 + rng_below(&rng, rng_below(&rng, 5) ? 20 : CHUNK_ROWS);
            struct chunk chunk = random_chunk(&rng, &rows, vecs, weights, n);
            if (is_append_only) chunk.weights = NULL;
            tally_add_chunk(&in, &chunk);
            harness_push(&h, &chunk);
            harness_watermark(&h, step);
        }
        bool gives_all = step % 16 == 13;
        h.step.is_flush = h.step.gives_all = gives_all; /* as at shutdown */
        int64_t now = h.step.time_us;
        harness_finish(&h);
        check_states(h.op);
        if (h.op->wake_us) {
            assert_false(gives_all);
            assert_true((int64_t)h.op->wake_us > now && (int64_t)h.op->wake_us <= now + PERIOD_US);
            assert_tallies_equal(&h.out, &held_from, "while rows are held");
            n_held++;
        } else {
            assert_tallies_equal(&h.out, &in, "after the period");
            tally_copy(&held_from, &h.out);
        }
        if (step % 16 == 7) {
            uint64_t wake_us = h.op->wake_us; /* is kept with the states */
            harness_restart(&h, plan, op_hold_create, CIRCUIT_STREAM);
            h.op->wake_us = wake_us;
            op_mark(h.op);
        }
    }
    assert_true(n_held > 10);
    harness_finish_last(&h);
    assert_tallies_equal(&h.out, &in, "at the end");
    if (is_append_only) assert_int_equal(h.n_minus, 0);
    tally_deinit(&in);
    tally_deinit(&held_from);
    harness_close(&h);
    rows_deinit(&rows);
    arena_deinit(&arena);
}

static void rows_wait_for_the_period(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 6; seed++) {
        run_held(false, seed);
        run_held(true, seed + 100);
    }
}

/* A row that came and went within a period was never there; no allocation but one a period once all has grown. */
static void what_cancels_is_not_emitted(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct rows rows;
    struct vector vecs[N_COLS];
    int64_t weights[CHUNK_ROWS];
    struct rng rng = {7};
    struct harness h;
    rows_init(&rows, types, N_COLS);
    OK(harness_open(&h, hold_plan(&arena, false), op_hold_create, CIRCUIT_STREAM));
    h.is_recording = false;
    struct chunk chunk = random_chunk(&rng, &rows, vecs, weights, 500);
    uint64_t before = 0;
    for (int round = 0; round < 60; round++) {
        if (round == 30) before = mem_allocation_count();
        harness_push(&h, &chunk);
        for (size_t i = 0; i < 500; i++) weights[i] = -weights[i];
        harness_push(&h, &chunk);
        for (size_t i = 0; i < 500; i++) weights[i] = -weights[i];
        harness_finish(&h);
    }
    /* the emptied table starts anew once a period */
    assert_true(mem_allocation_count() - before <= 30 / (PERIOD_US / 1000));
    assert_int_equal(h.n_rows, 0);
    harness_close(&h);
    rows_deinit(&rows);
    arena_deinit(&arena);
}

struct scenario {
    struct plan *plan;
    struct chunk chunk;
};
static laminar_status scenario_run(void *arg)
{
    const struct scenario *s = arg;
    struct harness h;
    laminar_status status = harness_open(&h, s->plan, op_hold_create, CIRCUIT_STREAM);
    h.is_recording = false;
    for (int step = 0; step < 12 && !status; step++) {
        status = circuit_push(h.circuit, &h.step, h.source, &s->chunk);
        harness_finish(&h);
        if (!status) status = h.failure.code;
    }
    if (h.circuit) harness_close(&h);
    return status;
}
static void memory_runs_out(void **state)
{
    (void)state;
    for (int is_append_only = 0; is_append_only < 2; is_append_only++) {
        struct arena arena = {0};
        struct rows rows;
        struct vector vecs[N_COLS];
        int64_t weights[CHUNK_ROWS];
        struct rng rng = {9};
        rows_init(&rows, types, N_COLS);
        struct scenario s = {.plan = hold_plan(&arena, is_append_only)};
        s.chunk = random_chunk(&rng, &rows, vecs, weights, 300);
        if (is_append_only) s.chunk.weights = NULL;
        assert_true(unit_fail_each_allocation(scenario_run, &s) > 10);
        rows_deinit(&rows);
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_wait_for_the_period),
        cmocka_unit_test(what_cancels_is_not_emitted),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
