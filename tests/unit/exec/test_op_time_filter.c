/* test_op_time_filter.c - conditions on what time it is: at each step what has come out is what holds then, by subtraction and by search, over rows that
 * only come and over rows that are taken back. */
#include "base/mem.h"
#include "exec_test.h"

#define OK(expr) assert_int_equal((expr), LAMINAR_OK)

enum { T, S, N_COLS, START_US = 1000000, LEAVE_US = 6000, ENTER_US = -2000 };
enum shape { LEAVES, ENTERS, BOTH, N_SHAPES };

static struct data_type zoned(void)
{
    struct data_type type;
    OK(type_timestamptz(UNIT_MICRO, "UTC", &type, NULL));
    return type;
}

static struct expr *shifted_now(struct arena *arena, const char *interval)
{
    struct data_type type = {.id = LAMINAR_TYPE_INTERVAL};
    return call2(arena, "+", call_expr(arena, "now", NULL, 0), const_expr(arena, type, interval));
}

/* t > now() - 6 ms, and t <= now() + 2 ms. */
static struct plan *filter_plan(struct arena *arena, enum shape shape, bool is_append_only,
                                bool is_shift)
{
    struct data_type types[N_COLS] = {zoned(), {.id = LAMINAR_TYPE_VARCHAR}};
    struct plan *plan = node_plan(arena, PLAN_TIME_FILTER,
                                  scan_plan(arena, types, N_COLS, is_append_only, -1), N_COLS);
    for (uint32_t c = 0; c < N_COLS; c++) name_col(plan, c, types[c]);
    plan->props.time_col = -1;
    plan->props.is_append_only = is_append_only && shape == ENTERS;
    plan->time_bounds = arena_calloc(arena, 2, sizeof *plan->time_bounds);
    if (shape != ENTERS)
        plan->time_bounds[plan->n_time_bounds++] = (struct time_bound){
            col_expr(arena, T, types[T]), shifted_now(arena, "-6 milliseconds"), TIME_GT, is_shift};
    if (shape != LEAVES)
        plan->time_bounds[plan->n_time_bounds++] = (struct time_bound){
            col_expr(arena, T, types[T]), shifted_now(arena, "2 milliseconds"), TIME_LE, is_shift};
    return plan;
}

static bool holds(enum shape shape, int64_t t, int64_t now)
{
    return (shape == ENTERS || t > now - LEAVE_US) && (shape == LEAVES || t <= now - ENTER_US);
}

static void expect(const struct rows *all, enum shape shape, int64_t now, struct tally *out)
{
    struct vector vecs[N_COLS];
    struct rows one;
    rows_init(&one, (struct data_type[N_COLS]){zoned(), {.id = LAMINAR_TYPE_VARCHAR}}, N_COLS);
    tally_clear(out);
    for (size_t i = 0; i < rows_n(all); i++) {
        if (!vector_is_valid(&all->cols[T].vec, i)) continue;
        if (!holds(shape, ((const int64_t *)all->cols[T].vec.data)[i], now)) continue;
        struct chunk chunk = rows_chunk(all, i, 1, &one, vecs);
        int64_t weight = ((const int64_t *)all->weights.vec.data)[i];
        chunk.weights = &weight;
        tally_add_chunk(out, &chunk);
    }
    rows_deinit(&one);
}

/* New rows around now; of a retracting input some rows of before are taken back. */
static void random_rows(struct rng *rng, const struct rows *all, struct rows *out, int64_t now,
                        bool may_take_back)
{
    static int64_t taken[1 << 15];
    size_t n = 1 + rng_below(rng, rng_below(rng, 8) ? 12 : 900), n_all = rows_n(all);
    if (n_all == 0) memset(taken, 0, sizeof taken);
    rows_clear(out);
    for (size_t i = 0; i < n; i++) {
        size_t old = rng_below(rng, n_all);
        bool takes = may_take_back && n_all > 0 && rng_below(rng, 3) == 0 &&
                     ((const int64_t *)all->weights.vec.data)[old] == 1 && !taken[old];
        int64_t weight = takes ? -1 : 1;
        if (takes) {
            taken[old] = 1;
            OK(column_append(&out->cols[T], &all->cols[T].vec, old, 1, STRINGS_COPY, NULL));
            OK(column_append(&out->cols[S], &all->cols[S].vec, old, 1, STRINGS_COPY, NULL));
        } else {
            if (rng_below(rng, 30) == 0)
                rows_add_null(out, T);
            else
                rows_add_i64(out, T, now - 9000 + (int64_t)rng_below(rng, 30) * 500);
            random_value(rng, &out->cols[S], 10);
        }
        OK(column_append_value(&out->weights, &weight, NULL));
    }
    out->has_weights = may_take_back;
}

/* Every 9th step's states are frozen and go on in another circuit. */
static void run_shape(enum shape shape, bool is_append_only, bool is_shift, uint64_t seed)
{
    struct arena arena = {0};
    struct data_type types[N_COLS] = {zoned(), {.id = LAMINAR_TYPE_VARCHAR}};
    struct rng rng = {seed};
    struct rows all, delta, scratch;
    struct vector vecs[N_COLS];
    struct harness h;
    struct tally want = {0};
    struct plan *plan = filter_plan(&arena, shape, is_append_only, is_shift);
    rows_init(&all, types, N_COLS);
    rows_init(&delta, types, N_COLS);
    rows_init(&scratch, types, N_COLS);
    OK(harness_open(&h, plan, op_time_filter_create, CIRCUIT_STREAM));
    h.step.time_us = START_US;
    for (int step = 0; step < 40; step++) {
        int64_t now = h.step.time_us;
        if (rng_below(&rng, 3)) {
            random_rows(&rng, &all, &delta, now, !is_append_only);
            struct chunk chunk = rows_chunk(&delta, 0, rows_n(&delta), &scratch, vecs);
            chunk.weights = is_append_only ? NULL : (int64_t *)delta.weights.vec.data;
            harness_push(&h, &chunk);
            rows_append(&all, &chunk);
        } else {
            h.step.time_us = now += (int64_t)rng_below(&rng, 9) * 700;
        }
        harness_finish(&h);
        check_states(h.op);
        expect(&all, shape, now, &want);
        assert_tallies_equal(&h.out, &want, "at this time");
        if (h.op->wake_us) assert_true((int64_t)h.op->wake_us > now);
        /* nothing happens before it said so */
        int64_t before = h.op->wake_us ? (int64_t)h.op->wake_us - 1 : now + 100000;
        expect(&all, shape, before, &want);
        assert_tallies_equal(&h.out, &want, "until it wakes");
        if (step % 9 == 4) {
            uint64_t wake_us = h.op->wake_us; /* is kept with the states */
            harness_restart(&h, plan, op_time_filter_create, CIRCUIT_STREAM);
            h.op->wake_us = wake_us;
            op_mark(h.op);
        }
    }
    if (shape == ENTERS && is_append_only) assert_int_equal(h.n_minus, 0);
    if (shape != ENTERS) assert_true(h.n_minus > 50);
    tally_deinit(&want);
    harness_close(&h);
    rows_deinit(&all);
    rows_deinit(&delta);
    rows_deinit(&scratch);
    arena_deinit(&arena);
}

static void rows_come_and_go(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 4; seed++)
        for (unsigned i = 0; i < N_SHAPES * 4; i++)
            run_shape((enum shape)(i / 4), i & 1, i & 2, seed * 100 + i);
}

/* Clocks that move by days and months, with moments that are never, or always were. */
static void search_finds_the_moment(void **state)
{
    (void)state;
    static const struct {
        const char *interval;
        const char *value;
        const char *before, *after; /* of leaving */
    } cases[] = {
        {"-1 months", "2026-02-28 00:00:00", "2026-03-27 23:59:59.999999", "2026-03-28 00:00:00"},
        {"-1 months", "2026-01-31 10:00:00", "2026-02-28 23:59:59.999999", NULL},
        {"1 months", "2026-03-15 10:00:00", "2026-02-15 09:59:59.999999", "2026-02-15 10:00:00"},
        {"-2 days", "2026-01-01 00:00:00", "2026-01-02 23:59:59.999999", "2026-01-03 00:00:00"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct arena arena = {0};
        struct data_type types[N_COLS] = {zoned(), {.id = LAMINAR_TYPE_VARCHAR}};
        struct rows rows;
        struct vector vecs[N_COLS];
        struct harness h;
        int64_t before, after;
        struct plan *plan = filter_plan(&arena, LEAVES, true, false);
        plan->time_bounds[0].clock = shifted_now(&arena, cases[i].interval);
        rows_init(&rows, types, N_COLS);
        rows_add(&rows, 1, (const char *const[]){cases[i].value, "x"});
        for (uint32_t c = 0; c < N_COLS; c++) vecs[c] = rows.cols[c].vec;
        OK(harness_open(&h, plan, op_time_filter_create, CIRCUIT_STREAM));
        assert_int_equal(
            text_parse_value(types[T], cases[i].before, strlen(cases[i].before), &before),
            PARSE_OK);
        h.step.time_us = before - INT64_C(400000000);
        harness_push(&h, &(struct chunk){1, N_COLS, vecs, NULL});
        harness_finish(&h);
        assert_int_equal(tally_n(&h.out), 1);
        if (cases[i].after) {
            assert_int_equal(
                text_parse_value(types[T], cases[i].after, strlen(cases[i].after), &after),
                PARSE_OK);
            assert_int_equal(h.op->wake_us, after);
        }
        h.step.time_us = before;
        harness_finish(&h);
        assert_int_equal(tally_n(&h.out), 1);
        h.step.time_us = (int64_t)h.op->wake_us;
        harness_finish(&h);
        assert_int_equal(tally_n(&h.out), 0);
        assert_int_equal(h.op->wake_us, 0);
        harness_close(&h);
        rows_deinit(&rows);
        arena_deinit(&arena);
    }
}

struct scenario {
    struct plan *plan;
    struct chunk chunk;
};
static laminar_status scenario_run(void *arg)
{
    const struct scenario *s = arg;
    struct harness h;
    laminar_status status = harness_open(&h, s->plan, op_time_filter_create, CIRCUIT_STREAM);
    h.is_recording = false;
    h.step.time_us = START_US;
    for (int step = 0; step < 12 && !status; step++) {
        if (step < 3) status = circuit_push(h.circuit, &h.step, h.source, &s->chunk);
        harness_finish(&h);
        if (!status) status = h.failure.code;
    }
    if (h.circuit) harness_close(&h);
    return status;
}
static void memory_runs_out(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_SHAPES * 2; i++) {
        struct arena arena = {0};
        struct data_type types[N_COLS] = {zoned(), {.id = LAMINAR_TYPE_VARCHAR}};
        struct rows none, rows;
        struct vector vecs[N_COLS];
        struct rng rng = {9};
        rows_init(&none, types, N_COLS);
        rows_init(&rows, types, N_COLS);
        while (rows_n(&rows) < 100) random_rows(&rng, &none, &rows, START_US, false);
        for (uint32_t c = 0; c < N_COLS; c++) vecs[c] = rows.cols[c].vec;
        struct scenario s = {.plan = filter_plan(&arena, (enum shape)(i / 2), i & 1, i & 1),
                             .chunk = {(uint32_t)rows_n(&rows), N_COLS, vecs, NULL}};
        assert_true(unit_fail_each_allocation(scenario_run, &s) > 10);
        rows_deinit(&none);
        rows_deinit(&rows);
        arena_deinit(&arena);
    }
}

/* A window of time that moves on over a steady input takes the memory it has. */
static void steady_steps_take_no_memory(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct data_type types[N_COLS] = {zoned(), {.id = LAMINAR_TYPE_VARCHAR}};
    struct rows rows;
    struct vector vecs[N_COLS];
    struct harness h;
    uint64_t before = 0;
    size_t n_rows = 0;
    rows_init(&rows, types, N_COLS);
    OK(harness_open(&h, filter_plan(&arena, BOTH, true, true), op_time_filter_create,
                    CIRCUIT_STREAM));
    h.is_recording = false;
    h.step.time_us = START_US;
    for (int step = 0; step < 300; step++) {
        if (step == 150) before = mem_allocation_count(), n_rows = h.op->states.items[0]->n_rows;
        rows_clear(&rows);
        for (int i = 0; i < 50; i++) {
            rows_add_i64(&rows, T, h.step.time_us + i * 100);
            rows_add_text(&rows, S, i % 2 ? "short" : "a text that does not fit in sixteen bytes");
        }
        for (uint32_t c = 0; c < N_COLS; c++) vecs[c] = rows.cols[c].vec;
        harness_push(&h, &(struct chunk){50, N_COLS, vecs, NULL});
        harness_finish(&h);
    }
    assert_int_equal(h.op->states.items[0]->n_rows, n_rows);
    /* now and then a node of the tree */
    assert_true(mem_allocation_count() - before < 150 * 4);
    harness_close(&h);
    rows_deinit(&rows);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_and_go),
        cmocka_unit_test(search_finds_the_moment),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(steady_steps_take_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
