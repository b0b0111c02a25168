/* test_op_window_aggregate.c - windowed aggregates against the law: TUMBLE, HOP, CUMULATE, SESSION; at the close, on update, after the watermark; with retractions,
 * restarts, late rows. */
#include "agg_law.h"

#define OK(expr) assert_int_equal((expr), LAMINAR_OK)
enum { SECOND = 1000000 };

struct shape {
    enum window_kind kind;
    int64_t size_us, slide_us, offset_us;
};
static const struct shape shapes[] = {
    {WINDOW_TUMBLE, SECOND, SECOND, 0},
    {WINDOW_TUMBLE, 700000, 700000, 123000},
    {WINDOW_HOP, 2 * SECOND, SECOND, 0},
    {WINDOW_HOP, 2500000, SECOND, 0},
    {WINDOW_HOP, 3 * SECOND, 500000, -250000},
    {WINDOW_HOP, SECOND, 2 * SECOND, 0} /* gaps between windows */,
    {WINDOW_CUMULATE, 3 * SECOND, SECOND, 0},
    {WINDOW_CUMULATE, 2 * SECOND, 400000, 100000},
    {WINDOW_HOP, 3200000, 100000, 0},
    {WINDOW_SESSION, 300000, 300000, 0},
    {WINDOW_SESSION, 20000, 20000, 0},
};

/* The operator of a plan, as build.c chooses it. */
static laminar_status create(struct circuit *circuit, const struct plan *plan,
                             enum circuit_mode mode, struct op **out, struct laminar_error *err)
{
    return plan->window.kind == WINDOW_SESSION
               ? op_session_create(circuit, plan, mode, out, err)
               : op_window_aggregate_create(circuit, plan, mode, out, err);
}
static const uint32_t key_sets[][2] = {{0}, {LAW_K}, {LAW_S, LAW_K}};
static const uint32_t n_key_sets[] = {0, 1, 2};

/* What must be out when the watermark is W: windows that end at or before it (at the close), or all. */
static int64_t visible_until(enum emit_mode emit, int64_t watermark)
{
    return emit == EMIT_ON_UPDATE || emit == EMIT_CHANGES ? INT64_MAX : watermark;
}

/* Rows come in disorder, but never behind the watermark, which follows `slack` behind the newest time. */
static void run(const struct shape *shape, uint32_t keys, unsigned variant, enum emit_mode emit,
                bool retracts, int64_t lateness, uint64_t seed)
{
    struct arena arena = {0};
    struct naive_input in;
    struct rows chunk_rows;
    struct vector vecs[LAW_N_COLS];
    struct harness h;
    naive_open(&in, seed);
    in.time_span = 2 * SECOND;
    rows_init(&chunk_rows, naive_types, LAW_N_COLS);
    struct plan *plan = naive_plan(&arena, !retracts, key_sets[keys], n_key_sets[keys], variant);
    plan = naive_windowed(&arena, plan, shape->kind, shape->size_us, shape->slide_us,
                          shape->offset_us, emit);
    plan->lateness_us = lateness;
    OK(harness_open(&h, plan, create, CIRCUIT_STREAM));
    int64_t watermark = WATERMARK_NONE;
    for (int step = 0; step < 16; step++) {
        size_t n_chunks = rng_below(&in.rng, 4);
        for (size_t c = 0; c < n_chunks; c++) {
            size_t n = rng_below(&in.rng, 40);
            if (n == 0) continue;
            struct chunk chunk = naive_chunk(&in, n, retracts, &chunk_rows, vecs);
            harness_push(&h, &chunk);
        }
        if (rng_below(&in.rng, 2)) {
            /* rows that are taken back must not be late either: with retractions, the watermark stays until the end */
            if (!retracts) watermark = in.time_from;
            if (!retracts) harness_watermark(&h, watermark);
            in.time_from += (int64_t)rng_below(&in.rng, 1500000);
        }
        bool is_last = step == 15;
        if (is_last) {
            watermark = INT64_MAX;
            h.step.is_last = true;
        }
        harness_finish(&h);
        assert_string_equal(h.failure.message, "");
        struct tally want = {0};
        bool is_final = is_last || emit != EMIT_AFTER_WATERMARK;
        int64_t until = visible_until(emit, watermark == INT64_MAX || lateness == 0 ||
                                                    emit != EMIT_ON_CLOSE ||
                                                    watermark == WATERMARK_NONE
                                                ? watermark
                                                : watermark - lateness);
        naive_expect(&in, plan, until, &want);
        if (is_final || emit == EMIT_AFTER_WATERMARK) assert_tallies_equal(&h.out, &want, "window");
        tally_deinit(&want);
        check_states(h.op);
        if (emit == EMIT_ON_CLOSE || emit == EMIT_FINAL) assert_int_equal(h.n_minus, 0);
        if (step % 6 == 5 && !is_last) harness_restart(&h, plan, create, CIRCUIT_STREAM);
        if (step % 6 == 5 && !is_last && watermark != WATERMARK_NONE)
            harness_watermark(&h, watermark);
    }
    /* all is given up at the end; "progress" is one row */
    for (size_t i = 0; i < h.op->states.n; i++)
        assert_true(h.op->states.items[i]->n_rows <=
                    (strcmp(h.op->states.items[i]->name, "progress") == 0));
    harness_close(&h);
    rows_deinit(&chunk_rows);
    naive_close(&in);
    arena_deinit(&arena);
}

static void all_modes(bool retracts, uint64_t seed)
{
    static const enum emit_mode modes[] = {EMIT_ON_CLOSE, EMIT_ON_UPDATE, EMIT_CHANGES,
                                           EMIT_AFTER_WATERMARK, EMIT_FINAL};
    for (size_t s = 0; s < ARRAY_LENGTH(shapes); s++)
        for (size_t m = 0; m < ARRAY_LENGTH(modes); m++)
            for (unsigned variant = 0; variant < LAW_VARIANTS; variant++) {
                /* many panes: of interest where they are added up, slow where each window gets each row */
                if (shapes[s].size_us > 16 * shapes[s].slide_us && modes[m] != EMIT_ON_CLOSE)
                    continue;
                run(&shapes[s], (uint32_t)(s + variant) % 3, variant, modes[m], retracts, 0,
                    seed + s * 100 + m * 10 + variant);
            }
}
static void streams_of_insertions(void **state)
{
    (void)state;
    all_modes(false, 1000);
}
static void streams_with_retractions(void **state)
{
    (void)state;
    all_modes(true, 5000);
}
/* EMIT EVERY: held back changes come out with the period, or before their window is given up. */
static void changes_are_held_back(void **state)
{
    (void)state;
    for (size_t s = 0; s < ARRAY_LENGTH(shapes); s++) {
        if (shapes[s].size_us > 16 * shapes[s].slide_us) continue;
        struct arena arena = {0};
        struct naive_input in;
        struct rows rows;
        struct vector vecs[LAW_N_COLS];
        struct harness h;
        naive_open(&in, 50 + s);
        in.time_span = 2 * SECOND;
        rows_init(&rows, naive_types, LAW_N_COLS);
        struct plan *plan = naive_plan(&arena, true, key_sets[1], 1, (unsigned)s % LAW_VARIANTS);
        plan = naive_windowed(&arena, plan, shapes[s].kind, shapes[s].size_us, shapes[s].slide_us,
                              shapes[s].offset_us, EMIT_EVERY);
        plan->emit_every_us = 4000;
        OK(harness_open(&h, plan, create, CIRCUIT_STREAM));
        for (int step = 0; step < 40; step++) {
            if (rng_below(&in.rng, 3)) {
                struct chunk chunk = naive_chunk(&in, 1 + rng_below(&in.rng, 30), false, &rows,
                                                 vecs);
                harness_push(&h, &chunk);
            }
            harness_watermark(&h, in.time_from);
            in.time_from += (int64_t)rng_below(&in.rng, 400000);
            h.step.is_last = step == 39;
            harness_finish(&h);
            if (h.op->wake_us) continue;
            struct tally want = {0};
            naive_expect(&in, plan, INT64_MAX, &want);
            assert_tallies_equal(&h.out, &want, "held back");
            tally_deinit(&want);
        }
        harness_close(&h);
        rows_deinit(&rows);
        naive_close(&in);
        arena_deinit(&arena);
    }
}

static void lateness_keeps_windows_open(void **state)
{
    (void)state;
    for (size_t s = 0; s < ARRAY_LENGTH(shapes); s++) {
        run(&shapes[s], 1, 0, EMIT_ON_CLOSE, false, 700000, 9000 + s);
        run(&shapes[s], 1, 1, EMIT_AFTER_WATERMARK, false, 700000, 9100 + s);
    }
}

static void one_shot_gives_all_windows(void **state)
{
    (void)state;
    for (size_t s = 0; s < ARRAY_LENGTH(shapes); s++) {
        for (unsigned variant = 0; variant < LAW_VARIANTS; variant++) {
            struct arena arena = {0};
            struct naive_input in;
            struct rows rows;
            struct vector vecs[LAW_N_COLS];
            struct harness h;
            naive_open(&in, 60 + s);
            rows_init(&rows, naive_types, LAW_N_COLS);
            struct plan *plan = naive_plan(&arena, true, key_sets[2], 2, variant);
            plan = naive_windowed(&arena, plan, shapes[s].kind, shapes[s].size_us,
                                  shapes[s].slide_us, shapes[s].offset_us, EMIT_ON_CLOSE);
            plan->window.is_event_time = s % 2;
            OK(harness_open(&h, plan, create, CIRCUIT_ONE_SHOT));
            for (int c = 0; c < 3; c++) {
                struct chunk chunk = naive_chunk(&in, 300, false, &rows, vecs);
                harness_push(&h, &chunk);
            }
            harness_finish_last(&h);
            struct tally want = {0};
            naive_expect(&in, plan, INT64_MAX, &want);
            assert_tallies_equal(&h.out, &want, "one-shot");
            tally_deinit(&want);
            harness_close(&h);
            rows_deinit(&rows);
            naive_close(&in);
            arena_deinit(&arena);
        }
    }
}

/* --- Fixed cases ------------------------------------------------------------------------------------------------------------------------------- */

struct fixed {
    struct arena arena;
    struct rows rows, into;
    struct vector vecs[LAW_N_COLS];
    struct harness h;
};
static void open_fixed(struct fixed *f, const struct shape *shape, enum emit_mode emit,
                       int64_t lateness, bool is_append_only)
{
    memset(f, 0, sizeof *f);
    uint32_t key = LAW_K;
    struct plan *plan = naive_plan(&f->arena, is_append_only, &key, 1, 0);
    plan = naive_windowed(&f->arena, plan, shape->kind, shape->size_us, shape->slide_us,
                          shape->offset_us, emit);
    plan->lateness_us = lateness;
    OK(harness_open(&f->h, plan, create, CIRCUIT_STREAM));
    rows_init(&f->rows, naive_types, LAW_N_COLS);
    rows_init(&f->into, naive_types, LAW_N_COLS);
}
static void close_fixed(struct fixed *f)
{
    harness_close(&f->h);
    rows_deinit(&f->rows);
    rows_deinit(&f->into);
    arena_deinit(&f->arena);
}
static void push_row(struct fixed *f, const char *time, const char *key, const char *value)
{
    size_t at = rows_n(&f->rows);
    rows_add(&f->rows, 1, (const char *[]){time, key, "s", value, "1"});
    struct chunk chunk = rows_chunk(&f->rows, at, 1, &f->into, f->vecs);
    harness_push(&f->h, &chunk);
}
static int64_t weight_of(const struct fixed *f, const char *row)
{
    int64_t *weight = strmap_get_z(&f->h.out.map, row);
    return weight ? *weight : 0;
}

/* A row is late when its window was closed before the step that brings it; rows of one step are never late against each other. */
static void late_rows_are_dropped_and_counted(void **state)
{
    (void)state;
    struct fixed f;
    open_fixed(&f, &shapes[0], EMIT_ON_CLOSE, 0, true);
    push_row(&f, "1970-01-01 00:00:05.5", "1", "10");
    harness_watermark(&f.h, 5500000);
    push_row(&f, "1970-01-01 00:00:01", "1", "1"); /* same step */
    harness_finish(&f.h);
    assert_int_equal(f.h.op->late_rows, 0);
    assert_int_equal(
        weight_of(&f, "1970-01-01 00:00:01 | 1970-01-01 00:00:02 | 1 | 1 | 1 | 1 | 1.0"), 1);
    push_row(&f, "1970-01-01 00:00:04.9", "1", "1"); /* window [4, 5) is closed */
    /* behind the watermark, but its window is open */
    push_row(&f, "1970-01-01 00:00:05", "1", "1");
    push_row(&f, "NULL", "1", "1");
    harness_finish(&f.h);
    assert_int_equal(f.h.op->late_rows, 2);
    harness_watermark(&f.h, 6 * SECOND);
    harness_finish(&f.h);
    assert_int_equal(
        weight_of(&f, "1970-01-01 00:00:05 | 1970-01-01 00:00:06 | 1 | 2 | 2 | 11 | 2.0"), 1);
    assert_int_equal(tally_n(&f.h.out), 2);
    close_fixed(&f);
}

static void late_but_allowed_rows_correct_the_window(void **state)
{
    (void)state;
    struct fixed f;
    open_fixed(&f, &shapes[0], EMIT_AFTER_WATERMARK, 2 * SECOND, true);
    push_row(&f, "1970-01-01 00:00:01", "1", "10");
    harness_watermark(&f.h, 2 * SECOND);
    harness_finish(&f.h);
    assert_int_equal(
        weight_of(&f, "1970-01-01 00:00:01 | 1970-01-01 00:00:02 | 1 | 1 | 1 | 10 | 1.0"), 1);
    push_row(&f, "1970-01-01 00:00:01.5", "1", "5");
    push_row(&f, "1970-01-01 00:00:01.7", "2", "7");
    harness_finish(&f.h);
    assert_int_equal(f.h.n_minus, 1);
    assert_int_equal(
        weight_of(&f, "1970-01-01 00:00:01 | 1970-01-01 00:00:02 | 1 | 1 | 1 | 10 | 1.0"), 0);
    assert_int_equal(
        weight_of(&f, "1970-01-01 00:00:01 | 1970-01-01 00:00:02 | 1 | 2 | 2 | 15 | 2.0"), 1);
    assert_int_equal(
        weight_of(&f, "1970-01-01 00:00:01 | 1970-01-01 00:00:02 | 2 | 1 | 1 | 7 | 1.0"), 1);
    harness_watermark(&f.h, 4 * SECOND);
    harness_finish(&f.h);
    push_row(&f, "1970-01-01 00:00:01.9", "1", "5");
    harness_finish(&f.h);
    assert_int_equal(f.h.op->late_rows, 1);
    assert_int_equal(tally_n(&f.h.out), 2);
    close_fixed(&f);
}

/* Windows on windows close as soon as they can: the bound that is handed on is the start of the earliest window that is still open. */
static void watermark_is_the_earliest_open_window(void **state)
{
    (void)state;
    struct fixed f;
    open_fixed(&f, &shapes[0], EMIT_ON_CLOSE, 0, true);
    harness_watermark(&f.h, 5500000);
    harness_finish(&f.h);
    assert_int_equal(f.h.watermark, 5 * SECOND);
    harness_watermark(&f.h, 6 * SECOND);
    harness_finish(&f.h);
    assert_int_equal(f.h.watermark, 6 * SECOND);
    close_fixed(&f);
    open_fixed(&f, &shapes[2], EMIT_ON_CLOSE, 0, true); /* HOP 2 s by 1 s */
    harness_watermark(&f.h, 5500000);
    harness_finish(&f.h);
    assert_int_equal(f.h.watermark, 4 * SECOND);
    close_fixed(&f);
    open_fixed(&f, &shapes[0], EMIT_ON_CLOSE, SECOND, true);
    harness_watermark(&f.h, -500000);
    harness_finish(&f.h);
    assert_int_equal(f.h.watermark, -2 * SECOND);
    harness_finish_last(&f.h);
    assert_true(f.h.watermark == WATERMARK_END);
    close_fixed(&f);
}

static void steady_steps_allocate_nothing(void **state)
{
    (void)state;
    static const enum emit_mode modes[] = {EMIT_ON_CLOSE, EMIT_ON_UPDATE};
    for (size_t s = 0; s < ARRAY_LENGTH(shapes); s++) {
        /* the rows come again every 100 ms: sessions with a longer gap never end */
        if (shapes[s].kind == WINDOW_SESSION && shapes[s].size_us > 100000) continue;
        for (size_t m = 0; m < 2; m++) {
            if (m && shapes[s].size_us > 16 * shapes[s].slide_us) continue;
            struct arena arena = {0};
            struct naive_input in;
            struct rows rows;
            struct vector vecs[LAW_N_COLS];
            struct harness h;
            naive_open(&in, 8);
            rows_init(&rows, naive_types, LAW_N_COLS);
            struct plan *plan = naive_plan(&arena, true, key_sets[2], 2, s % 2 ? 0 : 2);
            plan = naive_windowed(&arena, plan, shapes[s].kind, shapes[s].size_us,
                                  shapes[s].slide_us, shapes[s].offset_us, modes[m]);
            OK(harness_open(&h, plan, create, CIRCUIT_STREAM));
            h.is_recording = false;
            in.time_span = SECOND;
            in.null_percent = 0;
            struct chunk chunk = naive_chunk(&in, 300, false, &rows, vecs);
            int64_t *times = chunk.cols[LAW_T].data;
            uint64_t before = 0;
            for (int step = 0; step < 1300; step++) {
                if (step == 300) before = mem_allocation_count();
                harness_push(&h, &chunk);
                for (size_t i = 0; i < 300; i++) times[i] += 100000;
                in.time_from += 100000;
                harness_watermark(&h, in.time_from);
                harness_finish(&h);
            }
            assert_int_equal(mem_allocation_count(), before);
            assert_true(h.n_rows > 100);
            harness_close(&h);
            rows_deinit(&rows);
            naive_close(&in);
            arena_deinit(&arena);
        }
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
    laminar_status status = harness_open(&h, s->plan, create, CIRCUIT_STREAM);
    h.is_recording = false;
    for (int c = 0; c < 4 && !status; c++) {
        status = circuit_push(h.circuit, &h.step, h.source, &s->chunks[c]);
        harness_watermark(&h, c * SECOND);
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
    for (size_t s = 0; s < ARRAY_LENGTH(shapes); s += 2) {
        struct arena arena = {0};
        struct naive_input in;
        struct rows rows[4];
        static struct vector vecs[4][LAW_N_COLS];
        struct scenario sc;
        naive_open(&in, 77);
        sc.plan = naive_plan(&arena, true, key_sets[2], 2, (unsigned)s % LAW_VARIANTS);
        sc.plan = naive_windowed(&arena, sc.plan, shapes[s].kind, shapes[s].size_us,
                                 shapes[s].slide_us, shapes[s].offset_us, EMIT_ON_CLOSE);
        for (int c = 0; c < 4; c++) {
            rows_init(&rows[c], naive_types, LAW_N_COLS);
            sc.chunks[c] = naive_chunk(&in, 40, false, &rows[c], vecs[c]);
        }
        assert_true(unit_fail_each_allocation(scenario_run, &sc) > 20);
        for (int c = 0; c < 4; c++) rows_deinit(&rows[c]);
        naive_close(&in);
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_of_insertions),
        cmocka_unit_test(streams_with_retractions),
        cmocka_unit_test(changes_are_held_back),
        cmocka_unit_test(lateness_keeps_windows_open),
        cmocka_unit_test(one_shot_gives_all_windows),
        cmocka_unit_test(late_rows_are_dropped_and_counted),
        cmocka_unit_test(late_but_allowed_rows_correct_the_window),
        cmocka_unit_test(watermark_is_the_earliest_open_window),
        cmocka_unit_test(steady_steps_allocate_nothing),
        cmocka_unit_test(survives_memory_running_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
