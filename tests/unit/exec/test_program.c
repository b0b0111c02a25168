/* test_program.c - expression programs against evaluation row by row: selective branches, three-valued logic, shared subexpressions, constants, row
 * errors in all modes, filters. */
#include "exec_test.h"
#include <stdio.h>

#define OK(expr) assert_int_equal((expr), LAMINAR_OK)

enum { A, B, C, D, S, N_COLS }; /* a, b BIGINT, c BOOLEAN, d DOUBLE, s VARCHAR */
static const struct data_type types[N_COLS] = {{.id = LAMINAR_TYPE_INT64},
                                               {.id = LAMINAR_TYPE_INT64},
                                               {.id = LAMINAR_TYPE_BOOL},
                                               {.id = LAMINAR_TYPE_DOUBLE},
                                               {.id = LAMINAR_TYPE_VARCHAR}};

static struct arena arena;
static struct rng rng;

static struct expr *a(void) { return col_expr(&arena, A, types[A]); }
static struct expr *b(void) { return col_expr(&arena, B, types[B]); }
static struct expr *lit(const char *text) { return const_expr(&arena, TYPE(INT64), text); }
static struct expr *boolean(const char *text) { return const_expr(&arena, TYPE(BOOL), text); }
static struct expr *of(enum expr_kind kind, struct data_type type, uint32_t n, ...)
{
    struct expr *args[8];
    va_list list;
    va_start(list, n);
    for (uint32_t i = 0; i < n; i++) args[i] = va_arg(list, struct expr *);
    va_end(list);
    return kind_expr(&arena, kind, type, args, n);
}

/* --- The judge: one row at a time, every operand only when it is needed ---------------------------------------------------------------------------- */

struct judged {
    struct expr *value; /* a constant */
    bool is_error;
};

static struct judged judge(const struct expr *e, const struct vector *cols, size_t row);

static struct expr *constant_of(const struct vector *v, size_t row, struct data_type type)
{
    struct expr *e = ARENA_NEW(&arena, struct expr);
    *e = (struct expr){.kind = EXPR_CONST, .type = type};
    e->value = vector_const_row(v, row, arena_alloc(&arena, 16), arena_alloc(&arena, 1));
    return e;
}
static int truth(const struct expr *value) /* -1 = null */
{
    if (!vector_is_valid(&value->value, 0)) return -1;
    return *(const uint8_t *)value->value.data != 0;
}

static struct judged judge_call(const struct expr *e, const struct vector *cols, size_t row)
{
    struct vector args[8];
    bool has_null = false;
    for (uint32_t i = 0; i < e->n_args; i++) {
        struct judged arg = judge(e->args[i], cols, row);
        if (arg.is_error) return arg;
        args[i] = arg.value->value;
        has_null |= !vector_is_valid(&args[i], 0);
    }
    if (has_null && e->fn->flags & FN_STRICT)
        return (struct judged){const_expr(&arena, e->type, "NULL"), false};
    struct column out;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct arena scratch = {0};
    struct eval_env env = {.err = &err, .mode = ROW_ERROR_FAIL, .zone = "UTC", .scratch = &scratch};
    OK(column_init(&out, e->type, NULL));
    OK(column_reserve(&out, 1, NULL));
    out.n = 1;
    struct judged result = {0};
    if (e->fn->kernel(e->fn, &env, args, 1, &out) != LAMINAR_OK)
        result.is_error = true;
    else
        result.value = constant_of(&out.vec, 0, e->type);
    /* bytes of its own */
    if (result.value && type_phys(e->type) == PHYS_STRING &&
        vector_is_valid(&result.value->value, 0)) {
        struct string_view *view = result.value->value.data;
        *view = string_make(arena_strndup(&arena, string_data(view), view->size), view->size);
    }
    column_deinit(&out);
    arena_deinit(&scratch);
    return result;
}

static struct judged judge(const struct expr *e, const struct vector *cols, size_t row)
{
    struct judged arg = {0};
    switch (e->kind) {
    case EXPR_COLUMN: return (struct judged){constant_of(&cols[e->column], row, e->type), false};
    case EXPR_CONST: return (struct judged){(struct expr *)(uintptr_t)e, false};
    case EXPR_CALL: return judge_call(e, cols, row);
    case EXPR_AND:
    case EXPR_OR: {
        bool is_or = e->kind == EXPR_OR, has_null = false;
        for (uint32_t i = 0; i < e->n_args; i++) {
            arg = judge(e->args[i], cols, row);
            if (arg.is_error) return arg;
            int t = truth(arg.value);
            if (t == is_or) return arg;
            has_null |= t < 0;
        }
        return (struct judged){boolean(has_null ? "NULL" : is_or ? "false" : "true"), false};
    }
    case EXPR_CASE:
        for (uint32_t i = 0; i + 1 < e->n_args; i += 2) {
            arg = judge(e->args[i], cols, row);
            if (arg.is_error) return arg;
            if (truth(arg.value) == 1) return judge(e->args[i + 1], cols, row);
        }
        return judge(e->args[e->n_args - 1], cols, row);
    case EXPR_COALESCE:
        for (uint32_t i = 0; i < e->n_args; i++) {
            arg = judge(e->args[i], cols, row);
            if (arg.is_error || vector_is_valid(&arg.value->value, 0)) return arg;
        }
        return arg;
    case EXPR_IN_LIST: {
        struct judged x = judge(e->args[0], cols, row);
        if (x.is_error || !vector_is_valid(&x.value->value, 0))
            return x.is_error ? x : (struct judged){boolean("NULL"), false};
        bool has_null = false;
        for (uint32_t i = 1; i < e->n_args; i++) {
            if (!vector_is_valid(&e->args[i]->value, 0))
                has_null = true;
            else if (kernel_equal(&x.value->value, 0, &e->args[i]->value, 0))
                return (struct judged){boolean(e->is_negated ? "false" : "true"), false};
        }
        return (struct judged){boolean(has_null        ? "NULL"
                                       : e->is_negated ? "true"
                                                       : "false"),
                               false};
    }
    case EXPR_SUBQUERY:
    case EXPR_OUTER: break;
    }
    fail_msg("no such expression");
    return arg;
}

/* --- Random expressions ------------------------------------------------------------------------------------------------------------------------------- */

static struct expr *random_int(int depth);
static struct expr *random_bool(int depth)
{
    static const char *const comparisons[] = {"=", "<>", "<", "<=", ">", ">="};
    size_t k = depth <= 0 ? rng_below(&rng, 3) : rng_below(&rng, 9);
    char text[32];
    struct expr *e;
    snprintf(text, sizeof text, "%d", (int)rng_below(&rng, 30) - 15);
    switch (k) {
    case 0: return col_expr(&arena, C, types[C]);
    case 1:
        return call2(&arena, comparisons[rng_below(&rng, 6)], a(),
                     rng_below(&rng, 2) ? b() : lit(text));
    case 2:
        return rng_below(&rng, 4) ? call2(&arena, comparisons[rng_below(&rng, 6)], lit(text), b())
                                  : boolean(rng_below(&rng, 2) ? "true" : "NULL");
    case 3: return of(EXPR_AND, TYPE(BOOL), 2, random_bool(depth - 1), random_bool(depth - 1));
    case 4:
        return of(EXPR_OR, TYPE(BOOL), 3, random_bool(depth - 1), random_bool(depth - 1),
                  random_bool(depth - 1));
    case 5: return call1(&arena, "not", random_bool(depth - 1));
    case 6:
        e = of(EXPR_IN_LIST, TYPE(BOOL), 4, random_int(depth - 1), lit("1"),
               lit(rng_below(&rng, 3) ? "5" : "NULL"), lit(text));
        e->is_negated = rng_below(&rng, 2);
        return e;
    case 7:
        return call2(&arena, comparisons[rng_below(&rng, 6)], random_int(depth - 1),
                     random_int(depth - 1));
    default:
        return call2(&arena, "=", col_expr(&arena, S, types[S]),
                     const_expr(&arena, TYPE(VARCHAR),
                                rng_below(&rng, 2) ? "s4" : "a rather long string number 3"));
    }
}
static struct expr *random_int(int depth)
{
    size_t k = depth <= 0 ? rng_below(&rng, 3) : rng_below(&rng, 9);
    char text[32];
    snprintf(text, sizeof text, "%d", (int)rng_below(&rng, 20) - 10);
    switch (k) {
    case 0: return a();
    case 1: return b();
    case 2: return lit(rng_below(&rng, 8) ? text : "NULL");
    case 3: return call2(&arena, "+", random_int(depth - 1), random_int(depth - 1));
    /* fails for 0 */
    case 4: return call2(&arena, "%", random_int(depth - 1), random_int(depth - 1));
    case 5:
        return of(EXPR_CASE, TYPE(INT64), 5, random_bool(depth - 1), random_int(depth - 1),
                  random_bool(depth - 1), random_int(depth - 1), random_int(depth - 1));
    case 6:
        return of(EXPR_COALESCE, TYPE(INT64), 3, random_int(depth - 1), random_int(depth - 1),
                  random_int(depth - 1));
    case 7: return call2(&arena, "-", random_int(depth - 1), a());
    default:
        return of(EXPR_CASE, TYPE(INT64), 3, random_bool(depth - 1), random_int(depth - 1),
                  random_int(depth - 1));
    }
}

static void random_rows(struct rows *rows, size_t n, struct vector *vecs)
{
    rows_clear(rows);
    for (uint32_t c = 0; c < N_COLS; c++) {
        unsigned nulls = rng_below(&rng, 2) ? 15 : 0;
        for (size_t i = 0; i < n; i++) random_value(&rng, &rows->cols[c], nulls);
        vecs[c] = rows->cols[c].vec;
    }
    if (rng_below(&rng, 4) == 0) vecs[rng_below(&rng, N_COLS)].shape = VEC_CONST;
}

static void assert_value(const struct expr *e, const struct vector *got, size_t row,
                         const struct judged *want)
{
    struct strbuf x = {0}, y = {0};
    (void)e;
    text_print_value(&x, got, row);
    text_print_value(&y, &want->value->value, 0);
    assert_string_equal(x.data, y.data);
    strbuf_deinit(&x);
    strbuf_deinit(&y);
}

static void print_exprs(struct expr *const *exprs, size_t n, size_t row)
{
    static const char *const names[] = {"a", "b", "c", "d", "s"};
    struct plan *input = scan_plan(&arena, types, N_COLS, true, -1);
    for (uint32_t c = 0; c < N_COLS; c++) input->cols[c].name = names[c];
    for (size_t i = 0; i < n; i++) {
        struct strbuf text = {0};
        expr_print(exprs[i], input, &text);
        fprintf(stderr, "row %zu: %s\n", row, text.data);
        strbuf_deinit(&text);
    }
}

enum { MAX_ROWS = 300 };

static void random_expressions(void **state)
{
    (void)state;
    struct rows rows;
    struct vector vecs[N_COLS], out[3];
    uint8_t bad[CHUNK_ROWS / 8];
    rng.state = 42;
    rows_init(&rows, types, N_COLS);
    for (int round = 0; round < 400; round++) {
        struct expr *exprs[3] = {random_int(4), random_bool(4), random_int(2)};
        struct program *program;
        OK(program_create(exprs, 3, &program, NULL));
        for (int run = 0; run < 4; run++) {
            size_t n = 1 + rng_below(&rng, MAX_ROWS);
            random_rows(&rows, n, vecs);
            struct chunk chunk = {(uint32_t)n, N_COLS, vecs, NULL};
            struct laminar_error err = LAMINAR_ERROR_INIT;
            memset(bad, 0, sizeof bad);
            struct eval_env env = {
                .err = &err, .mode = ROW_ERROR_SKIP, .zone = "UTC", .bad_rows = bad};
            OK(program_run(program, &chunk, &env, out));
            size_t n_bad = 0;
            for (size_t i = 0; i < n; i++) {
                struct judged want[3];
                bool is_bad = false;
                for (int k = 0; k < 3; k++) want[k] = judge(exprs[k], vecs, i);
                for (int k = 0; k < 3; k++) is_bad |= want[k].is_error;
                if (bitmap_get(bad, i) != is_bad) print_exprs(exprs, 3, i);
                assert_int_equal(bitmap_get(bad, i), is_bad);
                n_bad += is_bad;
                for (int k = 0; k < 3 && !is_bad; k++) assert_value(exprs[k], &out[k], i, &want[k]);
            }
            assert_int_equal(env.n_bad_rows, n_bad);
            /* failing mode: exactly when some row fails */
            struct eval_env strict = {.err = &err, .mode = ROW_ERROR_FAIL, .zone = "UTC"};
            assert_int_equal(program_run(program, &chunk, &strict, out),
                             n_bad ? LAMINAR_QUERY_FAILED : LAMINAR_OK);
        }
        program_free(program);
        arena_reset(&arena);
    }
    rows_deinit(&rows);
}

static void random_filters(void **state)
{
    (void)state;
    struct rows rows;
    struct vector vecs[N_COLS];
    uint32_t sel[CHUNK_ROWS];
    uint8_t bad[CHUNK_ROWS / 8];
    rng.state = 4711;
    rows_init(&rows, types, N_COLS);
    for (int round = 0; round < 600; round++) {
        struct expr *e = random_bool(3);
        if (round % 2)
            e = of(EXPR_AND, TYPE(BOOL), 3, random_bool(1),
                   of(EXPR_AND, TYPE(BOOL), 2, random_bool(0), random_bool(2)), random_bool(1));
        struct program *program;
        OK(program_create(&e, 1, &program, NULL));
        for (int run = 0; run < 3; run++) {
            size_t n = 1 + rng_below(&rng, MAX_ROWS), n_sel, at = 0;
            random_rows(&rows, n, vecs);
            struct chunk chunk = {(uint32_t)n, N_COLS, vecs, NULL};
            struct laminar_error err = LAMINAR_ERROR_INIT;
            memset(bad, 0, sizeof bad);
            struct eval_env env = {
                .err = &err, .mode = ROW_ERROR_SKIP, .zone = "UTC", .bad_rows = bad};
            OK(program_select(program, &chunk, &env, sel, &n_sel));
            for (size_t i = 0; i < n; i++) {
                struct judged want = judge(e, vecs, i);
                bool is_selected = at < n_sel && sel[at] == i;
                at += is_selected;
                /* what a filter may spare, it needn't fail for; what it selects has not failed */
                if (bitmap_get(bad, i)) continue;
                if (want.is_error)
                    assert_false(is_selected);
                else
                    assert_int_equal(is_selected, truth(want.value) == 1);
            }
            assert_int_equal(at, n_sel);
        }
        program_free(program);
        arena_reset(&arena);
    }
    rows_deinit(&rows);
}

/* NaN is greater than all, in filters as in comparisons; -0.0 equals 0.0; NULL is never selected. */
static void filters_on_doubles(void **state)
{
    (void)state;
    static const char *const ops[] = {"=", "<>", "<", "<=", ">", ">="};
    double values[] = {0.0 / 0.0, -0.0, 0.0, 1.5, -1.5, 1e308};
    struct vector v = {.type = TYPE(DOUBLE), .data = values}, cols[N_COLS] = {[D] = v}, out;
    struct chunk chunk = {6, N_COLS, cols, NULL};
    for (size_t o = 0; o < 6; o++) {
        for (size_t c = 0; c < 3; c++) {
            struct expr *e = call2(&arena, ops[o], col_expr(&arena, D, types[D]),
                                   const_expr(&arena, TYPE(DOUBLE),
                                              c == 0   ? "0"
                                              : c == 1 ? "1.5"
                                                       : "NaN"));
            struct program *program;
            uint32_t sel[CHUNK_ROWS];
            size_t n_sel, at = 0;
            struct eval_env env = {.zone = "UTC"};
            OK(program_create(&e, 1, &program, NULL));
            OK(program_select(program, &chunk, &env, sel, &n_sel));
            OK(program_run(program, &chunk, &env, &out));
            for (size_t i = 0; i < 6; i++) {
                bool is_selected = at < n_sel && sel[at] == i;
                at += is_selected;
                assert_int_equal(is_selected, ((const uint8_t *)out.data)[i]);
            }
            program_free(program);
        }
    }
    arena_reset(&arena);
}

static void plain_columns_are_not_copied(void **state)
{
    (void)state;
    int64_t values[3] = {1, 2, 3};
    struct vector cols[N_COLS] = {[A] = {.type = TYPE(INT64), .data = values}}, out[2];
    struct chunk chunk = {3, N_COLS, cols, NULL};
    struct expr *exprs[2] = {a(), lit("7")};
    struct program *program;
    struct eval_env env = {.zone = "UTC"};
    OK(program_create(exprs, 2, &program, NULL));
    OK(program_run(program, &chunk, &env, out));
    assert_ptr_equal(out[0].data, values);
    assert_int_equal(out[1].shape, VEC_CONST);
    program_free(program);
    arena_reset(&arena);
}

static void constants_are_evaluated_into_arenas(void **state)
{
    (void)state;
    struct arena result = {0};
    struct vector out;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    OK(program_evaluate_const(NULL, call2(&arena, "+", lit("40"), lit("2")), &result, &out, &err));
    assert_int_equal(*(int64_t *)out.data, 42);
    OK(program_evaluate_const(NULL, cast_expr(&arena, lit("1234567890123456"), TYPE(VARCHAR)),
                              &result, &out, &err));
    struct strbuf buf = {0};
    text_print_value(&buf, &out, 0);
    assert_string_equal(buf.data, "1234567890123456");
    strbuf_deinit(&buf);
    assert_int_equal(
        program_evaluate_const(NULL, call2(&arena, "%", lit("1"), lit("0")), &result, &out, &err),
        LAMINAR_QUERY_FAILED);
    arena_deinit(&result);
    arena_reset(&arena);
}

static void steady_runs_allocate_nothing(void **state)
{
    (void)state;
    struct rows rows;
    struct vector vecs[N_COLS], out[2];
    uint32_t sel[CHUNK_ROWS];
    uint8_t bad[CHUNK_ROWS / 8];
    rng.state = 1;
    rows_init(&rows, types, N_COLS);
    random_rows(&rows, 1000, vecs);
    struct chunk chunk = {1000, N_COLS, vecs, NULL};
    for (int round = 0; round < 50; round++) {
        struct expr *exprs[2] = {random_int(4), random_bool(4)};
        struct program *program, *filter;
        size_t n_sel;
        uint64_t before = 0;
        OK(program_create(exprs, 2, &program, NULL));
        OK(program_create(exprs + 1, 1, &filter, NULL));
        for (int run = 0; run < 20; run++) {
            if (run == 3) before = mem_allocation_count();
            memset(bad, 0, sizeof bad);
            struct eval_env env = {.mode = ROW_ERROR_SKIP, .zone = "UTC", .bad_rows = bad};
            OK(program_run(program, &chunk, &env, out));
            OK(program_select(filter, &chunk, &env, sel, &n_sel));
        }
        assert_int_equal(mem_allocation_count(), before);
        program_free(program);
        program_free(filter);
        arena_reset(&arena);
    }
    rows_deinit(&rows);
}

struct scenario {
    struct expr *exprs[2];
    struct chunk chunk;
};
static laminar_status scenario_run(void *arg)
{
    struct scenario *s = arg;
    struct program *program = NULL;
    struct vector out[2];
    uint8_t bad[CHUNK_ROWS / 8] = {0};
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct eval_env env = {.err = &err, .mode = ROW_ERROR_SKIP, .zone = "UTC", .bad_rows = bad};
    laminar_status status = program_create(s->exprs, 2, &program, NULL);
    if (!status) status = program_run(program, &s->chunk, &env, out);
    program_free(program);
    return status;
}
static void survives_memory_running_out(void **state)
{
    (void)state;
    struct rows rows;
    struct vector vecs[N_COLS];
    rng.state = 9;
    rows_init(&rows, types, N_COLS);
    random_rows(&rows, 100, vecs);
    for (int round = 0; round < 30; round++) {
        struct scenario s = {{random_int(4), random_bool(4)}, {100, N_COLS, vecs, NULL}};
        assert_true(unit_fail_each_allocation(scenario_run, &s) > 2);
        arena_reset(&arena);
    }
    rows_deinit(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_expressions),
        cmocka_unit_test(random_filters),
        cmocka_unit_test(filters_on_doubles),
        cmocka_unit_test(plain_columns_are_not_copied),
        cmocka_unit_test(constants_are_evaluated_into_arenas),
        cmocka_unit_test(steady_runs_allocate_nothing),
        cmocka_unit_test(survives_memory_running_out),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_deinit(&arena);
    return failed;
}
