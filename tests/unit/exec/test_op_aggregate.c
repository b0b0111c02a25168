/* test_op_aggregate.c - running aggregates against the law: after every step the net of all deltas is the result over the net input, whatever the cuts,
 * the retractions, or a restart from a snapshot in between. */
#include "agg_law.h"

#define OK(expr) assert_int_equal((expr), LAMINAR_OK)

static const uint32_t key_sets[][3] = {
    {0}, {LAW_K}, {LAW_S}, {LAW_K, LAW_S}, {LAW_D, LAW_K, LAW_S}};
static const uint32_t n_key_sets[] = {0, 1, 1, 2, 3};

static void run(uint32_t keys, unsigned variant, bool retracts, enum circuit_mode mode,
                uint64_t seed)
{
    struct arena arena = {0};
    struct naive_input in;
    struct rows chunk_rows;
    struct vector vecs[LAW_N_COLS];
    struct harness h;
    naive_open(&in, seed);
    rows_init(&chunk_rows, naive_types, LAW_N_COLS);
    struct plan *plan = naive_plan(&arena, !retracts, key_sets[keys], n_key_sets[keys], variant);
    OK(harness_open(&h, plan, op_aggregate_create, mode));
    for (int step = 0; step < 25; step++) {
        size_t n_chunks = rng_below(&in.rng, 4);
        for (size_t c = 0; c < n_chunks; c++) {
            size_t n = rng_below(&in.rng, 4) ? rng_below(&in.rng, 20) : 1 + rng_below(&in.rng, 200);
            if (n == 0) continue;
            struct chunk chunk = naive_chunk(&in, n, retracts, &chunk_rows, vecs);
            harness_push(&h, &chunk);
        }
        h.step.is_last = mode == CIRCUIT_ONE_SHOT && step == 24;
        harness_finish(&h);
        assert_string_equal(h.failure.message, "");
        if (mode == CIRCUIT_STREAM || h.step.is_last) {
            struct tally want = {0};
            naive_expect(&in, plan, INT64_MAX, &want);
            assert_tallies_equal(&h.out, &want, "aggregate");
            tally_deinit(&want);
        } else {
            assert_int_equal(h.n_rows, 0);
        }
        check_states(h.op);
        if (mode == CIRCUIT_STREAM && step % 10 == 9) { /* a new circuit goes on from a snapshot */
            harness_restart(&h, plan, op_aggregate_create, mode);
        }
    }
    harness_close(&h);
    rows_deinit(&chunk_rows);
    naive_close(&in);
    arena_deinit(&arena);
}

static void streams_of_insertions(void **state)
{
    (void)state;
    for (uint32_t keys = 0; keys < ARRAY_LENGTH(n_key_sets); keys++)
        for (unsigned variant = 0; variant < LAW_VARIANTS; variant++)
            run(keys, variant, false, CIRCUIT_STREAM, 100 + keys * 10 + variant);
}
static void streams_with_retractions(void **state)
{
    (void)state;
    for (uint32_t keys = 0; keys < ARRAY_LENGTH(n_key_sets); keys++)
        for (unsigned variant = 0; variant < LAW_VARIANTS; variant++)
            run(keys, variant, true, CIRCUIT_STREAM, 200 + keys * 10 + variant);
}
static void one_shot(void **state)
{
    (void)state;
    for (uint32_t keys = 0; keys < ARRAY_LENGTH(n_key_sets); keys++)
        for (unsigned variant = 0; variant < LAW_VARIANTS; variant++) {
            run(keys, variant, false, CIRCUIT_ONE_SHOT, 300 + keys * 10 + variant);
            run(keys, variant, true, CIRCUIT_ONE_SHOT, 400 + keys * 10 + variant);
        }
}

/* Where nobody looks at old rows, none is made; what comes out is the current row of each group that changed. */
static void old_rows_are_made_on_demand(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < LAW_VARIANTS; variant++) {
        struct arena arena = {0};
        struct naive_input in;
        struct rows rows;
        struct vector vecs[LAW_N_COLS];
        struct harness h;
        naive_open(&in, 70 + variant);
        rows_init(&rows, naive_types, LAW_N_COLS);
        struct plan *plan = naive_plan(&arena, true, key_sets[1], 1, variant);
        OK(harness_open(&h, plan, op_aggregate_create, CIRCUIT_STREAM));
        for (int step = 0; step < 40; step++) {
            const char *row;
            int64_t *weight;
            h.ignores_retractions = step % 10 < 7;
            struct chunk chunk = naive_chunk(&in, 1 + rng_below(&in.rng, 30), false, &rows, vecs);
            harness_push(&h, &chunk);
            size_t n_minus = h.n_minus;
            harness_finish(&h);
            struct tally want = {0};
            naive_expect(&in, plan, INT64_MAX, &want);
            if (h.ignores_retractions) assert_int_equal(h.n_minus, n_minus);
            for (size_t i = 0; (weight = strmap_next(&h.step_out.map, &i, &row)) != NULL;)
                if (*weight > 0) assert_non_null(strmap_get_z(&want.map, row));
            tally_deinit(&want);
        }
        assert_true(h.n_minus > 0 || variant == LAW_VARIANTS - 1);
        harness_close(&h);
        rows_deinit(&rows);
        naive_close(&in);
        arena_deinit(&arena);
    }
}

/* EMIT EVERY holds changes back until the period is over, the flush before a freeze, or the end; then the law holds. */
static void changes_are_held_back(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < LAW_VARIANTS; variant++) {
        for (int retracts = 0; retracts < 2; retracts++) {
            struct arena arena = {0};
            struct naive_input in;
            struct rows rows;
            struct vector vecs[LAW_N_COLS];
            struct harness h;
            size_t n_held = 0;
            naive_open(&in, 900 + variant);
            rows_init(&rows, naive_types, LAW_N_COLS);
            struct plan *plan = naive_plan(&arena, !retracts, key_sets[3], 2, variant);
            plan->emit = EMIT_EVERY;
            plan->emit_every_us = 5000;
            OK(harness_open(&h, plan, op_aggregate_create, CIRCUIT_STREAM));
            for (int step = 0; step < 40; step++) { /* 1,000 us each */
                if (rng_below(&in.rng, 3)) {
                    struct chunk chunk = naive_chunk(&in, 1 + rng_below(&in.rng, 30), retracts,
                                                     &rows, vecs);
                    harness_push(&h, &chunk);
                }
                h.step.is_flush = step % 16 == 13;
                h.step.is_last = step == 39;
                size_t n_before = h.n_rows;
                int64_t now = h.step.time_us;
                harness_finish(&h);
                if (h.op->wake_us) {
                    assert_true((int64_t)h.op->wake_us > now &&
                                (int64_t)h.op->wake_us <= now + 5000);
                    assert_int_equal(h.n_rows, n_before);
                    n_held++;
                    continue;
                }
                struct tally want = {0};
                naive_expect(&in, plan, INT64_MAX, &want);
                assert_tallies_equal(&h.out, &want, "held back");
                tally_deinit(&want);
                if (h.step.is_flush) harness_restart(&h, plan, op_aggregate_create, CIRCUIT_STREAM);
            }
            assert_true(n_held > 10);
            harness_close(&h);
            rows_deinit(&rows);
            naive_close(&in);
            arena_deinit(&arena);
        }
    }
}

/* A step that changes nothing emits nothing, and a group that comes and goes within a step was never there. */
static void equal_rows_are_not_emitted(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct rows rows, into;
    struct vector vecs[LAW_N_COLS];
    struct harness h;
    uint32_t key = LAW_K;
    struct plan *plan = naive_plan(&arena, false, &key, 1, 0);
    OK(harness_open(&h, plan, op_aggregate_create, CIRCUIT_STREAM));
    rows_init(&rows, naive_types, LAW_N_COLS);
    rows_init(&into, naive_types, LAW_N_COLS);
    rows_add(&rows, 1, (const char *[]){"NULL", "1", "a", "5", "1.5"});
    rows_add(&rows, -1, (const char *[]){"NULL", "1", "a", "5", "1.5"});
    rows_add(&rows, 1, (const char *[]){"NULL", "2", "a", "5", "1.5"});
    struct chunk chunk = rows_chunk(&rows, 0, 2, &into, vecs);
    harness_push(&h, &chunk);
    harness_finish(&h);
    assert_int_equal(h.n_rows, 0);
    assert_int_equal(h.op->states.items[0]->n_rows, 0);
    chunk = rows_chunk(&rows, 2, 1, &into, vecs);
    harness_push(&h, &chunk);
    harness_finish(&h);
    assert_int_equal(h.n_rows, 1);
    chunk = rows_chunk(&rows, 0, 2, &into, vecs);
    harness_push(&h, &chunk);
    harness_finish(&h);
    assert_int_equal(h.n_rows, 1);
    harness_close(&h);
    rows_deinit(&rows);
    rows_deinit(&into);
    arena_deinit(&arena);
}

static void steady_steps_allocate_nothing(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < LAW_VARIANTS; variant++) {
        struct arena arena = {0};
        struct naive_input in;
        struct rows rows;
        struct vector vecs[LAW_N_COLS];
        struct harness h;
        uint32_t keys[2] = {LAW_K, LAW_S};
        naive_open(&in, 5);
        rows_init(&rows, naive_types, LAW_N_COLS);
        struct plan *plan = naive_plan(&arena, false, keys, 2, variant);
        OK(harness_open(&h, plan, op_aggregate_create, CIRCUIT_STREAM));
        h.is_recording = false;
        struct chunk chunk = naive_chunk(&in, 500, false, &rows, vecs);
        int64_t weights[500];
        uint64_t before = 0;
        for (int step = 0; step < 1100; step++) { /* +all, -half, +half, ... */
            if (step == 100) before = mem_allocation_count();
            for (size_t i = 0; i < 500; i++) weights[i] = step % 2 ? -1 : 1;
            chunk.n_rows = step == 0 ? 500 : 250;
            chunk.weights = step == 0 ? NULL : weights;
            if (step > 0)
                for (size_t i = 0; i < 500; i++) weights[i] = step % 2 ? -1 : 1;
            harness_push(&h, &chunk);
            harness_finish(&h);
        }
        assert_int_equal(mem_allocation_count(), before);
        assert_true(h.n_minus > 0);
        harness_close(&h);
        rows_deinit(&rows);
        naive_close(&in);
        arena_deinit(&arena);
    }
}

struct scenario {
    struct plan *plan;
    struct chunk chunks[4];
};
static laminar_status scenario_run(void *arg)
{
    const struct scenario *s = arg;
    struct harness h;
    laminar_status status = harness_open(&h, s->plan, op_aggregate_create, CIRCUIT_STREAM);
    h.is_recording = false;
    for (int c = 0; c < 4 && !status; c++) {
        status = circuit_push(h.circuit, &h.step, h.source, &s->chunks[c]);
        harness_finish(&h);
        if (!status) status = h.failure.code;
    }
    if (!status) check_states(h.op);
    if (h.circuit) harness_close(&h);
    return status;
}
static void survives_memory_running_out(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < LAW_VARIANTS; variant++) {
        struct arena arena = {0};
        struct naive_input in;
        struct rows rows[4];
        static struct vector vecs[4][LAW_N_COLS];
        uint32_t keys[2] = {LAW_K, LAW_S};
        struct scenario s;
        naive_open(&in, 77);
        s.plan = naive_plan(&arena, false, keys, 2, variant);
        for (int c = 0; c < 4; c++) {
            rows_init(&rows[c], naive_types, LAW_N_COLS);
            s.chunks[c] = naive_chunk(&in, 60, true, &rows[c], vecs[c]);
        }
        assert_true(unit_fail_each_allocation(scenario_run, &s) > 20);
        for (int c = 0; c < 4; c++) rows_deinit(&rows[c]);
        naive_close(&in);
        arena_deinit(&arena);
    }
}

/* All groups leave memory after each chunk; states of MIN over strings and the like are made again from bytes. */
static void nothing_changes_when_all_is_spilled(void **state)
{
    char folder[] = "/tmp/laminar-XXXXXX";
    struct test_policy policy;
    open_policy(&policy, folder);
    circuits_spill = &policy.base;
    streams_of_insertions(state);
    streams_with_retractions(state);
    one_shot(state);
    changes_are_held_back(state);
    old_rows_are_made_on_demand(state);
    equal_rows_are_not_emitted(state);
    survives_memory_running_out(state);
    circuits_spill = NULL;
    close_policy(&policy, folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_of_insertions),
        cmocka_unit_test(streams_with_retractions),
        cmocka_unit_test(one_shot),
        cmocka_unit_test(changes_are_held_back),
        cmocka_unit_test(old_rows_are_made_on_demand),
        cmocka_unit_test(equal_rows_are_not_emitted),
        cmocka_unit_test(steady_steps_allocate_nothing),
        cmocka_unit_test(survives_memory_running_out),
        cmocka_unit_test(nothing_changes_when_all_is_spilled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
