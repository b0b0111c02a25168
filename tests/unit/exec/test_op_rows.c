/* test_op_rows.c - filter, projection, both in one, DISTINCT and window tables: row by row against what they mean. */
#include "exec_test.h"

#define OK(expr) assert_int_equal((expr), LAMINAR_OK)

enum { T, A, S, N_COLS };
static const struct data_type types[N_COLS] = {{.id = LAMINAR_TYPE_TIMESTAMP, .unit = UNIT_MICRO},
                                               {.id = LAMINAR_TYPE_INT64},
                                               {.id = LAMINAR_TYPE_VARCHAR}};

struct fixture {
    struct arena arena;
    struct rng rng;
    struct rows rows;
    struct vector vecs[N_COLS];
    int64_t weights[CHUNK_ROWS];
};
static void open_fixture(struct fixture *f, uint64_t seed)
{
    memset(f, 0, sizeof *f);
    f->rng.state = seed;
    rows_init(&f->rows, types, N_COLS);
}
static void close_fixture(struct fixture *f)
{
    rows_deinit(&f->rows);
    arena_deinit(&f->arena);
}
static struct chunk random_chunk(struct fixture *f, size_t n, bool has_weights)
{
    rows_clear(&f->rows);
    for (size_t i = 0; i < n; i++) {
        for (uint32_t c = A; c < N_COLS; c++) random_value(&f->rng, &f->rows.cols[c], 10);
        if (rng_below(&f->rng, 10))
            rows_add_i64(&f->rows, T, (int64_t)rng_below(&f->rng, 10000000) - 5000000);
        else
            rows_add_null(&f->rows, T);
        f->weights[i] = rng_below(&f->rng, 2) ? 1 : -2;
    }
    for (uint32_t c = 0; c < N_COLS; c++) f->vecs[c] = f->rows.cols[c].vec;
    return (struct chunk){(uint32_t)n, N_COLS, f->vecs, has_weights ? f->weights : NULL};
}
static struct expr *column(struct fixture *f, uint32_t c)
{
    return col_expr(&f->arena, c, types[c]);
}
static struct expr *number(struct fixture *f, const char *text)
{
    return const_expr(&f->arena, TYPE(INT64), text);
}

static struct plan *filter_plan(struct fixture *f, struct expr *predicate)
{
    struct plan *plan = node_plan(&f->arena, PLAN_FILTER,
                                  scan_plan(&f->arena, types, N_COLS, true, T), N_COLS);
    for (uint32_t c = 0; c < N_COLS; c++) name_col(plan, c, types[c]);
    plan->predicate = predicate;
    plan->props.time_col = T;
    return plan;
}
static struct plan *project_plan(struct fixture *f, struct plan *input)
{
    struct plan *plan = node_plan(&f->arena, PLAN_PROJECT, input, 3);
    plan->exprs = ARENA_ARRAY(&f->arena, struct expr *, 3);
    plan->exprs[0] = column(f, S);
    plan->exprs[1] = call2(&f->arena, "+", column(f, A), number(f, "1"));
    plan->exprs[2] = number(f, "7");
    plan->props.time_col = 0; /* as if: the tests want to see the watermark pass */
    for (uint32_t c = 0; c < 3; c++) name_col(plan, c, plan->exprs[c]->type);
    return plan;
}

/* a > limit, and what comes out of the projection if wanted. */
static void expect(const struct chunk *chunk, int64_t limit, bool is_projected, struct tally *want)
{
    struct strbuf text = {0};
    for (size_t i = 0; i < chunk->n_rows; i++) {
        const struct vector *a = &chunk->cols[A];
        bool is_valid = vector_is_valid(a, i);
        int64_t value = ((const int64_t *)a->data)[i];
        if (!is_valid || value <= limit) {
            if (limit != INT64_MIN || is_valid) continue;
        }
        strbuf_clear(&text);
        if (is_projected) {
            text_print_value(&text, &chunk->cols[S], i);
            if (is_valid)
                strbuf_printf(&text, " | %lld | 7", (long long)value + 1);
            else
                strbuf_puts(&text, " | NULL | 7");
        } else {
            row_print(&text, chunk, i);
        }
        tally_add(want, text.data, chunk->weights ? chunk->weights[i] : 1);
    }
    strbuf_deinit(&text);
}

static void filters_and_projections(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } limits[] = {{"-100", -100}, {"0", 0}, {"17", 17}, {"100", 100}};
    for (size_t l = 0; l < ARRAY_LENGTH(limits); l++) {
        for (int form = 0; form < 3; form++) {
            struct fixture f;
            struct harness h;
            struct tally want = {0};
            open_fixture(&f, l * 10 + (size_t)form);
            struct plan *filter = filter_plan(
                &f, call2(&f.arena, ">", column(&f, A), number(&f, limits[l].text)));
            struct plan *plan = form == 0
                                    ? filter
                                    : project_plan(&f, form == 1 ? filter->inputs[0] : filter);
            op_create_fn create = form == 0   ? op_filter_create
                                  : form == 1 ? op_project_create
                                              : op_filter_project_create;
            OK(harness_open(&h, plan, create, CIRCUIT_STREAM));
            for (int step = 0; step < 20; step++) {
                struct chunk chunk = random_chunk(&f, 1 + rng_below(&f.rng, 300), step % 2);
                expect(&chunk, form == 1 ? INT64_MIN : limits[l].value, form > 0, &want);
                harness_push(&h, &chunk);
                harness_watermark(&h, step * 1000);
                harness_finish(&h);
                assert_int_equal(h.watermark, step * 1000);
            }
            assert_tallies_equal(&h.out, &want, "rows");
            tally_deinit(&want);
            harness_close(&h);
            close_fixture(&f);
        }
    }
}

/* on_error: fail stops the operator, null gives nulls, skip leaves the rows out and counts them. */
static void row_errors_follow_the_mode(void **state)
{
    (void)state;
    for (int form = 0; form < 3; form++) {
        for (int mode = ROW_ERROR_FAIL; mode <= ROW_ERROR_SKIP; mode++) {
            struct fixture f;
            struct harness h;
            open_fixture(&f, 1);
            struct expr *rest = call2(&f.arena, "%", number(&f, "100"), column(&f, A));
            struct plan *filter = filter_plan(
                &f, call2(&f.arena, ">=", form == 1 ? column(&f, A) : rest, number(&f, "0")));
            struct plan *plan = filter;
            if (form > 0) {
                plan = project_plan(&f, filter);
                if (form == 1) plan->exprs[1] = rest;
            }
            OK(harness_open(&h, plan, form ? op_filter_project_create : op_filter_create,
                            CIRCUIT_STREAM));
            h.step.error_mode = (enum row_error_mode)mode;
            for (int64_t i = -1; i <= 1; i++) {
                rows_add_i64(&f.rows, T, 0);
                rows_add_i64(&f.rows, A, i);
                rows_add_text(&f.rows, S, "x");
            }
            for (uint32_t c = 0; c < N_COLS; c++) f.vecs[c] = f.rows.cols[c].vec;
            struct chunk chunk = {3, N_COLS, f.vecs, NULL};
            harness_push(&h, &chunk);
            harness_finish(&h);
            assert_int_equal(h.failure.code,
                             mode == ROW_ERROR_FAIL ? LAMINAR_QUERY_FAILED : LAMINAR_OK);
            assert_int_equal(h.op->bad_rows, mode == ROW_ERROR_SKIP);
            if (mode != ROW_ERROR_FAIL)
                assert_int_equal(h.n_rows, form == 1 ? (mode == ROW_ERROR_NULL ? 2 : 1) : 2);
            harness_close(&h);
            close_fixture(&f);
        }
    }
}

static void distinct_follows_the_law(void **state)
{
    (void)state;
    for (int retracts = 0; retracts < 2; retracts++) {
        struct fixture f;
        struct harness h;
        struct tally net = {0};
        open_fixture(&f, 5);
        struct plan *plan = node_plan(&f.arena, PLAN_DISTINCT,
                                      scan_plan(&f.arena, types + 1, N_COLS - 1, !retracts, -1),
                                      N_COLS - 1);
        for (uint32_t c = 0; c + 1 < N_COLS; c++) name_col(plan, c, types[c + 1]);
        OK(harness_open(&h, plan, op_distinct_create, CIRCUIT_STREAM));
        for (int step = 0; step < 60; step++) {
            struct strbuf text = {0};
            struct chunk chunk = random_chunk(&f, 1 + rng_below(&f.rng, 60), false);
            chunk.cols++, chunk.n_cols--;
            for (size_t i = 0; i < chunk.n_rows; i++) {
                strbuf_clear(&text);
                row_print(&text, &chunk, i);
                int64_t *have = strmap_get_z(&net.map, text.data);
                f.weights[i] = retracts && have && *have > 0 && rng_below(&f.rng, 3) ? -*have : 1;
                tally_add(&net, text.data, f.weights[i]);
            }
            strbuf_deinit(&text);
            if (retracts) chunk.weights = f.weights;
            harness_push(&h, &chunk);
            harness_finish(&h);
            struct tally want = {0};
            const char *key;
            int64_t *weight;
            for (size_t i = 0; (weight = strmap_next(&net.map, &i, &key)) != NULL;)
                if (*weight > 0) tally_add(&want, key, 1);
            assert_tallies_equal(&h.out, &want, "distinct");
            tally_deinit(&want);
            check_states(h.op);
            if (step % 20 == 13) harness_restart(&h, plan, op_distinct_create, CIRCUIT_STREAM);
        }
        tally_deinit(&net);
        harness_close(&h);
        close_fixture(&f);
    }
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static void window_tables_repeat_rows(void **state)
{
    (void)state;
    static const struct {
        enum window_kind kind;
        int64_t size, slide, offset;
    } shapes[] = {{WINDOW_TUMBLE, 1000000, 1000000, 0},
                  {WINDOW_HOP, 2500000, 1000000, 0},
                  {WINDOW_HOP, 1000000, 1500000, 300000},
                  {WINDOW_CUMULATE, 3000000, 1000000, 0}};
    for (size_t s = 0; s < ARRAY_LENGTH(shapes); s++) {
        struct fixture f;
        struct harness h;
        struct tally want = {0};
        struct strbuf text = {0};
        open_fixture(&f, s);
        struct plan *plan = node_plan(&f.arena, PLAN_WINDOW_TABLE,
                                      scan_plan(&f.arena, types, N_COLS, true, T), N_COLS + 2);
        for (uint32_t c = 0; c < N_COLS + 2; c++)
            name_col(plan, c, c < N_COLS ? types[c] : type_timestamp(UNIT_MILLI));
        plan->window = (struct window_spec){.kind = shapes[s].kind,
                                            .time = column(&f, T),
                                            .size_us = shapes[s].size,
                                            .slide_us = shapes[s].slide,
                                            .offset_us = shapes[s].offset,
                                            .is_event_time = true};
        OK(harness_open(&h, plan, op_window_table_create, CIRCUIT_STREAM));
        uint64_t n_null = 0;
        for (int step = 0; step < 10; step++) {
            struct chunk chunk = random_chunk(&f, 1 + rng_below(&f.rng, 100), step % 2);
            for (size_t i = 0; i < chunk.n_rows; i++) {
                int64_t t = ((const int64_t *)chunk.cols[T].data)[i], size = shapes[s].size,
                        slide = shapes[s].slide, offset = shapes[s].offset;
                if (!vector_is_valid(&chunk.cols[T], i)) {
                    n_null++;
                    continue;
                }
                bool is_cumulate = shapes[s].kind == WINDOW_CUMULATE;
                int64_t first = floor_div(t - offset, is_cumulate ? size : slide) *
                                    (is_cumulate ? size : slide) +
                                offset;
                for (int64_t k = 0; k < 100; k++) {
                    int64_t start = is_cumulate ? first : first - k * slide,
                            end = is_cumulate ? first + (k + 1) * slide : start + size;
                    if (is_cumulate ? end > first + size : end <= t) break;
                    if (end <= t) continue;
                    strbuf_clear(&text);
                    row_print(&text, &chunk, i);
                    strbuf_puts(&text, " | ");
                    text_print_timestamp(&text, floor_div(start, 1000), UNIT_MILLI, NULL);
                    strbuf_puts(&text, " | ");
                    text_print_timestamp(&text, floor_div(end, 1000), UNIT_MILLI, NULL);
                    tally_add(&want, text.data, chunk.weights ? chunk.weights[i] : 1);
                }
            }
            harness_push(&h, &chunk);
            harness_finish(&h);
        }
        assert_tallies_equal(&h.out, &want, "windows");
        assert_int_equal(h.op->late_rows, n_null);
        strbuf_deinit(&text);
        tally_deinit(&want);
        harness_close(&h);
        close_fixture(&f);
    }
}

struct scenario {
    struct plan *plan;
    op_create_fn create;
    struct chunk chunk;
};
static laminar_status scenario_run(void *arg)
{
    const struct scenario *s = arg;
    struct harness h;
    laminar_status status = harness_open(&h, s->plan, s->create, CIRCUIT_STREAM);
    h.is_recording = false;
    for (int c = 0; c < 3 && !status; c++) {
        status = circuit_push(h.circuit, &h.step, h.source, &s->chunk);
        harness_finish(&h);
        if (!status) status = h.failure.code;
    }
    if (h.circuit) harness_close(&h);
    return status;
}
static void memory_runs_out_and_steady_steps_take_none(void **state)
{
    (void)state;
    static const op_create_fn creates[] = {op_filter_create, op_project_create,
                                           op_filter_project_create, op_distinct_create};
    for (size_t o = 0; o < ARRAY_LENGTH(creates); o++) {
        struct fixture f;
        struct harness h;
        open_fixture(&f, 3);
        struct plan *plan = filter_plan(&f, call2(&f.arena, ">", column(&f, A), number(&f, "3")));
        if (o == 1 || o == 2) plan = project_plan(&f, plan);
        if (o == 3) plan->kind = PLAN_DISTINCT;
        struct scenario s = {plan, creates[o], random_chunk(&f, 200, o % 2)};
        assert_true(unit_fail_each_allocation(scenario_run, &s) > 5);
        OK(harness_open(&h, plan, creates[o], CIRCUIT_STREAM));
        h.is_recording = false;
        uint64_t before = 0;
        for (int step = 0; step < 1100; step++) {
            if (step == 100) before = mem_allocation_count();
            harness_push(&h, &s.chunk);
            harness_finish(&h);
        }
        assert_int_equal(mem_allocation_count(), before);
        harness_close(&h);
        close_fixture(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_and_projections),
        cmocka_unit_test(row_errors_follow_the_mode),
        cmocka_unit_test(distinct_follows_the_law),
        cmocka_unit_test(window_tables_repeat_rows),
        cmocka_unit_test(memory_runs_out_and_steady_steps_take_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
