/* Aggregates: expected values; incremental = multiset form under random retractions; parts combined = whole; state survives encoding. */
#include "fn_test.h"
#include "vector/kernel.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *heap_alloc(struct agg_heap *heap, size_t size)
{
    (void)heap;
    return mem_alloc(size);
}
static void heap_free(struct agg_heap *heap, void *ptr, size_t size)
{
    (void)heap;
    (void)size;
    mem_free(ptr);
}
static struct agg_heap heap = {heap_alloc, heap_free};

static struct bound_aggregate *bind(struct arena *arena, const char *name,
                                    const struct data_type *types, uint32_t n)
{
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct bound_aggregate *agg;
    if (aggregate_bind(arena, name, types, n, NULL, &agg, &err) != LAMINAR_OK)
        fail_msg("%s: %s", name, err.message);
    return agg;
}

static char answer[2048];
static const char *column_text(const struct column *col, size_t row)
{
    struct strbuf text = {0};
    text_print_value(&text, &col->vec, row);
    snprintf(answer, sizeof answer, "%s", text.data ? text.data : "");
    strbuf_deinit(&text);
    return answer;
}

/* The aggregate of a column of texts, sorted, by the multiset form; and by the incremental one if there is. */
static const char *aggregate(const char *name, const char *type, const char *const *texts, size_t n,
                             const char *fraction)
{
    struct arena arena = {0};
    struct column cols[2] = {0}, out = {0};
    struct data_type types[2] = {fn_type(type), TYPE(DOUBLE)};
    if (fraction && strcmp(fraction, ",") == 0) types[1] = TYPE(VARCHAR);
    struct bound_aggregate *agg = bind(&arena, name, types, fraction ? 2 : 1);
    fn_column(&cols[0], agg->arg_types[0], texts, n);
    struct vector args[2] = {cols[0].vec};
    if (fraction) {
        fn_column(&cols[1], types[1], &fraction, 1);
        args[1] = cols[1].vec;
        args[1].shape = VEC_CONST;
    }
    assert_int_equal(column_init(&out, agg->result, NULL), LAMINAR_OK);
    struct laminar_error err = LAMINAR_ERROR_INIT;
    laminar_status status = LAMINAR_OK;
    if (agg->finish_multiset) status = agg->finish_multiset(agg, args, NULL, n, &out, &err);
    char first[sizeof answer];
    snprintf(first, sizeof first, "%s",
             status == LAMINAR_OK && out.n ? column_text(&out, 0) : err.message);
    if (agg->kernels) {
        _Alignas(16) uint8_t state[256] = {0};
        assert_true(agg->kernels->state_size <= sizeof state);
        column_clear(&out);
        uint8_t *rows[16], *one = state;
        for (size_t i = 0; i < n; i++) rows[i] = state;
        status = agg->kernels->update(agg, &heap, rows, 0, args, NULL, n, &err);
        if (status == LAMINAR_OK) status = agg->kernels->finish(agg, &one, 0, 1, &out, &err);
        const char *second = status == LAMINAR_OK ? column_text(&out, 0) : err.message;
        if (agg->finish_multiset) assert_string_equal(first, second);
        memcpy(first, answer, status == LAMINAR_OK ? sizeof first : 0);
        if (agg->kernels->destroy) agg->kernels->destroy(agg, &heap, state);
    }
    column_deinit(&cols[0]);
    column_deinit(&cols[1]);
    column_deinit(&out);
    arena_deinit(&arena);
    memcpy(answer, first, sizeof answer);
    return answer;
}
#define TEXTS(...)                                                                                 \
    ((const char *const[]){__VA_ARGS__}),                                                          \
        sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)
#define CHECK(name, type, texts, expected)                                                         \
    assert_string_equal(aggregate(name, type, texts, NULL), expected)

static void expected_values(void **state)
{
    (void)state;
    CHECK("count", "INT", TEXTS("1", "NULL", "3"), "2");
    CHECK("sum", "INT", TEXTS("1", "NULL", "3"), "4");
    CHECK("sum", "BIGINT", TEXTS("9223372036854775807", "1", "-1"), "9223372036854775807");
    CHECK("sum", "BIGINT", TEXTS("9223372036854775807", "1"),
          "sum of BIGINT values is out of range for BIGINT");
    CHECK("sum", "TINYINT UNSIGNED", TEXTS("255", "255"), "510");
    CHECK("sum", "BIGINT UNSIGNED", TEXTS("18446744073709551615", "18446744073709551615"),
          "36893488147419103230");
    CHECK("sum", "DECIMAL(10,2)", TEXTS("1.25", "2.50", "-0.05"), "3.70");
    CHECK("sum", "DOUBLE", TEXTS("1e100", "1", "-1e100"), "1.0");
    CHECK("sum", "DOUBLE", TEXTS("Infinity", "1"), "Infinity");
    CHECK("sum", "DOUBLE", TEXTS("Infinity", "-Infinity"), "NaN");
    CHECK("sum", "INT", TEXTS("NULL"), "NULL");
    CHECK("avg", "INT", TEXTS("1", "2"), "1.5");
    CHECK("avg", "DECIMAL(10,2)", TEXTS("1.25", "2.25"), "1.75");
    CHECK("avg", "BIGINT", TEXTS("9223372036854775807", "9223372036854775805"),
          "9.223372036854776e+18");
    CHECK("min", "DOUBLE", TEXTS("NaN", "2", "1"), "1.0");
    CHECK("max", "DOUBLE", TEXTS("NaN", "2", "1"), "NaN");
    CHECK("min", "VARCHAR", TEXTS("pear, a long one", "apple, a long one", "NULL"),
          "apple, a long one");
    CHECK("max", "VARCHAR", TEXTS("pear", "apple"), "pear");
    CHECK("min", "DATE", TEXTS("2024-01-02", "2024-01-01"), "2024-01-01");
    CHECK("max", "INTERVAL", TEXTS("1 day", "25 hours"), "25:00:00");
    CHECK("max", "DECIMAL(10,2)", TEXTS("1.25", "2.50"), "2.50");
    CHECK("max", "BIGINT[]", TEXTS("1;2", "1;3"), "[1, 3]");
    CHECK("max", "BOOLEAN", TEXTS("true", "false"), "true");
    CHECK("bool_and", "BOOLEAN", TEXTS("true", "false"), "false");
    CHECK("bool_or", "BOOLEAN", TEXTS("true", "false", "NULL"), "true");
    CHECK("bit_and", "INT", TEXTS("12", "10"), "8");
    CHECK("bit_or", "INT", TEXTS("12", "10"), "14");
    CHECK("bit_xor", "INT", TEXTS("12", "10"), "6");
    CHECK("count_if", "BOOLEAN", TEXTS("true", "false", "NULL", "true"), "2");
    CHECK("any_value", "VARCHAR", TEXTS("NULL", "x"), "x");
    CHECK("var_pop", "DOUBLE", TEXTS("1", "2", "3", "4"), "1.25");
    CHECK("var_samp", "DOUBLE", TEXTS("1"), "NULL");
    CHECK("stddev_pop", "DOUBLE", TEXTS("2", "4", "4", "4", "5", "5", "7", "9"), "2.0");
    CHECK("var_samp", "DOUBLE", TEXTS("1000000000000001", "1000000000000002", "1000000000000003"),
          "1.0");
    CHECK("median", "INT", TEXTS("1", "2", "10"), "2.0");
    CHECK("median", "INT", TEXTS("1", "2", "3", "10"), "2.5");
    CHECK("median", "DATE", TEXTS("2024-01-01", "2024-01-02"), "2024-01-01 12:00:00");
    CHECK("mode", "VARCHAR", TEXTS("a", "b", "b", "c", "c"), "b");
    CHECK("histogram", "INT", TEXTS("1", "2", "2"), "{1=1, 2=2}");
    CHECK("array_agg", "INT", TEXTS("1", "2", "NULL"), "[1, 2, NULL]");
    assert_string_equal(
        aggregate("percentile_cont", "DOUBLE", TEXTS("1", "2", "3", "4", "5"), "0.25"), "2.0");
    assert_string_equal(aggregate("percentile_disc", "INT", TEXTS("1", "2", "3", "4"), "0.5"), "2");
    assert_string_equal(aggregate("percentile_cont", "DOUBLE", TEXTS("1"), "1.5"),
                        "percentile_cont: the fraction 1.5 is not between 0 and 1");
    assert_string_equal(aggregate("string_agg", "VARCHAR", TEXTS("a", "b", "NULL"), ","), "a,b");
}

static void pairs(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double expected;
    } cases[] = {{"corr", 0.9996057559476189},   {"covar_pop", 2.4375},
                 {"covar_samp", 3.25},           {"regr_slope", 1.95},
                 {"regr_intercept", 0.15},       {"regr_avgx", 2.5},
                 {"regr_avgy", 5.025},           {"regr_sxx", 5.0},
                 {"regr_syy", 19.0275},          {"regr_sxy", 9.75},
                 {"regr_r2", 0.9992116673236106}};
    double y[] = {2.1, 4.0, 6.1, 7.9}, x[] = {1, 2, 3, 4};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena arena = {0};
        struct bound_aggregate *agg = bind(&arena, cases[i].name,
                                           (struct data_type[]){TYPE(DOUBLE), TYPE(DOUBLE)}, 2);
        struct vector args[2] = {{.type = TYPE(DOUBLE), .data = y},
                                 {.type = TYPE(DOUBLE), .data = x}};
        struct column out;
        assert_int_equal(column_init(&out, agg->result, NULL), LAMINAR_OK);
        assert_int_equal(agg->finish_multiset(agg, args, NULL, 4, &out, NULL), LAMINAR_OK);
        double value = ((const double *)out.vec.data)[0];
        if (fabs(value - cases[i].expected) > 1e-9 * fabs(cases[i].expected))
            fail_msg("%s: %.17g", cases[i].name, value);
        column_deinit(&out);
        arena_deinit(&arena);
    }
}

static void arg_min_does_not_depend_on_the_order_of_rows(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct bound_aggregate *agg = bind(&arena, "arg_min",
                                       (struct data_type[]){TYPE(VARCHAR), TYPE(INT64)}, 2);
    struct column x, y, out;
    fn_column(
        &x, TYPE(VARCHAR),
        (const char *[]){"delta, a long text", "beta, a long text", "alpha, a long text", "NULL"},
        4);
    fn_column(&y, TYPE(INT64), (const char *[]){"2", "1", "1", "0"}, 4);
    assert_int_equal(column_init(&out, agg->result, NULL), LAMINAR_OK);
    _Alignas(16) uint8_t states[2][128] = {0};
    for (int reversed = 0; reversed < 2; reversed++) {
        for (size_t i = 0; i < 4; i++) {
            struct vector args[2];
            struct column cx, cy;
            size_t row = reversed ? 3 - i : i;
            assert_int_equal(column_init(&cx, TYPE(VARCHAR), NULL), LAMINAR_OK);
            assert_int_equal(column_init(&cy, TYPE(INT64), NULL), LAMINAR_OK);
            assert_int_equal(column_append(&cx, &x.vec, row, 1, STRINGS_COPY, NULL), LAMINAR_OK);
            assert_int_equal(column_append(&cy, &y.vec, row, 1, STRINGS_COPY, NULL), LAMINAR_OK);
            args[0] = cx.vec;
            args[1] = cy.vec;
            assert_int_equal(
                agg->kernels->update_one(agg, &heap, states[reversed], args, NULL, 1, NULL),
                LAMINAR_OK);
            column_deinit(&cx);
            column_deinit(&cy);
        }
    }
    assert_int_equal(agg->kernels->combine(agg, &heap, states[0], states[1], NULL), LAMINAR_OK);
    assert_int_equal(
        agg->kernels->finish(agg, (uint8_t *[]){states[0], states[1]}, 0, 2, &out, NULL),
        LAMINAR_OK);
    assert_string_equal(column_text(&out, 0), "alpha, a long text");
    assert_string_equal(column_text(&out, 1), "alpha, a long text");
    for (int i = 0; i < 2; i++) agg->kernels->destroy(agg, &heap, states[i]);
    column_deinit(&x);
    column_deinit(&y);
    column_deinit(&out);
    arena_deinit(&arena);
}

/* --- Incremental against multiset, with retractions ------------------------------------------------------------------------------------- */

enum { GROUPS = 7, ROWS = 500, STATE_MAX = 256 };

static void assert_same(const char *name, const struct vector *a, const struct vector *b,
                        size_t row)
{
    assert_int_equal(vector_is_valid(a, row), vector_is_valid(b, 0));
    if (!vector_is_valid(a, row)) return;
    if (a->type.id == LAMINAR_TYPE_DOUBLE) {
        double x = ((const double *)a->data)[row], y = ((const double *)b->data)[0];
        if (isnan(x) && isnan(y)) return;
        if (x != y && fabs(x - y) > 1e-9 * fmax(fabs(x), fabs(y)) + 1e-6)
            fail_msg("%s: %.17g and %.17g", name, x, y);
        return;
    }
    if (!kernel_equal(a, row, b, 0)) fail_msg("%s: values differ in group %zu", name, row);
}

/* Rows go in with weights 1..3 and some are taken out again; what is left must give the same by the multiset form. */
static void one_round(const char *name, const char *type, uint32_t n_args, unsigned null_every,
                      struct fn_random *random)
{
    struct arena arena = {0};
    struct data_type types[2] = {fn_type(type), fn_type(type)};
    struct bound_aggregate *agg = bind(&arena, name, types, n_args);
    bool retracts = agg->kernels->is_retractable;
    struct column cols[2] = {0}, out = {0}, expected = {0};
    struct vector args[2];
    for (uint32_t k = 0; k < n_args; k++) {
        fn_random_column(&cols[k], agg->arg_types[k], ROWS, null_every, random);
        args[k] = cols[k].vec;
    }
    static _Alignas(16) uint8_t states[GROUPS][STATE_MAX], others[GROUPS][STATE_MAX];
    memset(states, 0, sizeof states);
    memset(others, 0, sizeof others);
    uint8_t *rows[ROWS], *all[GROUPS];
    uint32_t groups[ROWS];
    int64_t weights[ROWS], net[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        groups[i] = (uint32_t)(fn_random_u64(random) % GROUPS);
        bool is_other = fn_random_u64(random) % 3 ==
                        0; /* a third goes to states that are combined later */
        rows[i] = (is_other ? others : states)[groups[i]];
        net[i] = weights[i] = 1 + (int64_t)(fn_random_u64(random) % 3);
    }
    struct laminar_error err = LAMINAR_ERROR_INIT;
    bool is_over = agg->kernels->update(agg, &heap, rows, 0, args, weights, ROWS, &err) !=
                   LAMINAR_OK;
    if (retracts && !is_over) {
        uint32_t sel[ROWS];
        int64_t minus[ROWS];
        uint8_t *sel_rows[ROWS];
        size_t n = 0;
        for (size_t i = 0; i < ROWS; i++) {
            if (fn_random_u64(random) % 2) continue;
            int64_t taken = 1 + (int64_t)(fn_random_u64(random) % (uint64_t)weights[i]);
            sel[n] = (uint32_t)i;
            sel_rows[n] = rows[i];
            minus[n++] = -taken;
            net[i] -= taken;
        }
        struct column taken[2] = {0};
        struct vector taken_args[2];
        for (uint32_t k = 0; k < n_args; k++) {
            assert_int_equal(column_init(&taken[k], args[k].type, NULL), LAMINAR_OK);
            assert_int_equal(column_append_sel(&taken[k], &args[k], sel, n, STRINGS_BORROW, NULL),
                             LAMINAR_OK);
            taken_args[k] = taken[k].vec;
        }
        is_over = agg->kernels->update(agg, &heap, sel_rows, 0, taken_args, minus, n, &err) !=
                  LAMINAR_OK;
        for (uint32_t k = 0; k < n_args; k++) column_deinit(&taken[k]);
    }
    for (size_t g = 0; g < GROUPS && !is_over; g++) {
        all[g] = states[g];
        is_over = agg->kernels->combine(agg, &heap, states[g], others[g], &err) != LAMINAR_OK;
        if (agg->kernels->is_plain_bytes) continue;
        struct strbuf bytes = {0}; /* through the serialised form and back */
        size_t used;
        assert_int_equal(agg->kernels->encode(agg, states[g], &bytes, NULL), LAMINAR_OK);
        agg->kernels->destroy(agg, &heap, states[g]);
        memset(states[g], 0, STATE_MAX);
        assert_int_equal(agg->kernels->decode(agg, &heap, states[g], (uint8_t *)bytes.data,
                                              bytes.size, &used, NULL),
                         LAMINAR_OK);
        assert_int_equal(used, bytes.size);
        for (size_t cut = 0; cut < bytes.size; cut++) { /* any shorter form is refused */
            _Alignas(16) uint8_t scratch[STATE_MAX] = {0};
            assert_int_not_equal(
                agg->kernels->decode(agg, &heap, scratch, (uint8_t *)bytes.data, cut, &used, NULL),
                LAMINAR_OK);
            agg->kernels->destroy(agg, &heap, scratch);
        }
        strbuf_deinit(&bytes);
    }
    assert_int_equal(column_init(&out, agg->result, NULL), LAMINAR_OK);
    assert_int_equal(column_init(&expected, agg->result, NULL), LAMINAR_OK);
    if (!is_over) is_over = agg->kernels->finish(agg, all, 0, GROUPS, &out, &err) != LAMINAR_OK;
    for (uint32_t g = 0; g < GROUPS && !is_over; g++) {
        struct column left[2] = {0};
        struct vector left_args[2];
        int64_t left_weights[ROWS];
        uint32_t sel[ROWS];
        size_t n = 0;
        for (uint32_t i = 0; i < ROWS; i++)
            if (groups[i] == g && net[i] > 0) left_weights[n] = net[i], sel[n++] = i;
        for (uint32_t k = 0; k < n_args; k++) {
            assert_int_equal(column_init(&left[k], args[k].type, NULL), LAMINAR_OK);
            assert_int_equal(column_append_sel(&left[k], &args[k], sel, n, STRINGS_BORROW, NULL),
                             LAMINAR_OK);
            left_args[k] = left[k].vec;
        }
        column_clear(&expected);
        assert_int_equal(agg->finish_multiset(agg, left_args, left_weights, n, &expected, NULL),
                         LAMINAR_OK);
        assert_same(name, &out.vec, &expected.vec, g);
        for (uint32_t k = 0; k < n_args; k++) column_deinit(&left[k]);
    }
    for (size_t g = 0; g < GROUPS && agg->kernels->destroy; g++) {
        agg->kernels->destroy(agg, &heap, states[g]);
        agg->kernels->destroy(agg, &heap, others[g]);
    }
    for (uint32_t k = 0; k < n_args; k++) column_deinit(&cols[k]);
    column_deinit(&out);
    column_deinit(&expected);
    arena_deinit(&arena);
}

static void incremental_equals_multiset(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *type;
        uint32_t n_args;
    } cases[] = {
        {"count", "INT", 1},         {"sum", "INT", 1},           {"sum", "BIGINT", 1},
        {"sum", "DOUBLE", 1},        {"sum", "DECIMAL(20,2)", 1}, {"avg", "INT", 1},
        {"avg", "BIGINT", 1},        {"avg", "DOUBLE", 1},        {"avg", "DECIMAL(20,2)", 1},
        {"min", "TINYINT", 1},       {"min", "SMALLINT", 1},      {"min", "INT", 1},
        {"min", "BIGINT", 1},        {"max", "BIGINT", 1},        {"max", "BIGINT UNSIGNED", 1},
        {"min", "REAL", 1},          {"max", "DOUBLE", 1},        {"min", "DOUBLE", 1},
        {"max", "DECIMAL(20,2)", 1}, {"min", "VARCHAR", 1},       {"max", "VARCHAR", 1},
        {"min", "INTERVAL", 1},      {"max", "UUID", 1},          {"bool_and", "BOOLEAN", 1},
        {"bool_or", "BOOLEAN", 1},   {"bit_and", "BIGINT", 1},    {"bit_or", "BIGINT", 1},
        {"bit_xor", "BIGINT", 1},    {"count_if", "BOOLEAN", 1},  {"var_samp", "DOUBLE", 1},
        {"stddev_pop", "DOUBLE", 1}, {"covar_samp", "DOUBLE", 2}, {"corr", "DOUBLE", 2},
        {"regr_slope", "DOUBLE", 2}, {"arg_min", "VARCHAR", 2},   {"arg_max", "BIGINT", 2},
        {"min", "DATE", 1},          {"max", "TIMESTAMP", 1},     {"approx_median", "DOUBLE", 1},
    };
    struct fn_random random = {20240517};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int round = 0; round < 4; round++)
            one_round(cases[i].name, cases[i].type, cases[i].n_args, round % 2 ? 4 : 0, &random);
}

/* update_one over columns with and without nulls equals update row by row. */
static void whole_chunks_equal_single_rows(void **state)
{
    (void)state;
    static const char *const names[] = {"sum", "avg", "min", "max", "count", "stddev_pop"};
    static const char *const types[] = {"INT", "BIGINT", "DOUBLE", "SMALLINT"};
    struct fn_random random = {99};
    for (size_t a = 0; a < 6; a++) {
        for (size_t t = 0; t < 4; t++) {
            for (int round = 0; round < 4; round++) {
                struct arena arena = {0};
                struct data_type type = fn_type(types[t]);
                struct bound_aggregate *agg = bind(&arena, names[a], &type, 1);
                struct column col, out[2];
                fn_random_column(&col, agg->arg_types[0], 1003, round % 2 ? 3 : 0, &random);
                _Alignas(16) uint8_t whole[STATE_MAX] = {0}, single[STATE_MAX] = {0};
                uint8_t *rows[1003], *one[] = {whole}, *other[] = {single};
                for (size_t i = 0; i < 1003; i++) rows[i] = single;
                assert_int_equal(
                    agg->kernels->update_one(agg, &heap, whole, &col.vec, NULL, 1003, NULL),
                    LAMINAR_OK);
                assert_int_equal(
                    agg->kernels->update(agg, &heap, rows, 0, &col.vec, NULL, 1003, NULL),
                    LAMINAR_OK);
                for (int k = 0; k < 2; k++)
                    assert_int_equal(column_init(&out[k], agg->result, NULL), LAMINAR_OK);
                laminar_status status = agg->kernels->finish(agg, one, 0, 1, &out[0], NULL);
                assert_int_equal(agg->kernels->finish(agg, other, 0, 1, &out[1], NULL), status);
                if (status == LAMINAR_OK) assert_same(names[a], &out[0].vec, &out[1].vec, 0);
                for (int k = 0; k < 2; k++) column_deinit(&out[k]);
                column_deinit(&col);
                arena_deinit(&arena);
            }
        }
    }
}

/* Sketches: errors within what they promise, parts combined = whole, serialised and back. */
static void sketches_are_close(void **state)
{
    (void)state;
    enum { N = 100000, PARTS = 3 };
    struct arena arena = {0};
    struct column x, out;
    int64_t five = 5;
    double fraction = 0.9;
    struct vector k = {.type = TYPE(INT64), .shape = VEC_CONST, .data = &five},
                  q = {.type = TYPE(DOUBLE), .shape = VEC_CONST, .data = &fraction};
    static const char *const names[] = {"approx_distinct", "approx_percentile_cont",
                                        "approx_median", "approx_top_k"};
    const struct vector *constants[][2] = {{NULL}, {NULL, &q}, {NULL}, {NULL, &k}};
    uint32_t n_args[] = {1, 2, 1, 2};
    for (int a = 0; a < 4; a++) {
        struct data_type types[2] = {a == 1 || a == 2 ? TYPE(DOUBLE) : TYPE(INT64),
                                     a == 1 ? TYPE(DOUBLE) : TYPE(INT64)};
        struct bound_aggregate *agg;
        assert_int_equal(
            aggregate_bind(&arena, names[a], types, n_args[a], constants[a], &agg, NULL),
            LAMINAR_OK);
        _Alignas(16) uint8_t states[PARTS][STATE_MAX] = {0}, restored[STATE_MAX] = {0};
        for (int part = 0; part < PARTS; part++) {
            assert_int_equal(column_init(&x, agg->arg_types[0], NULL), LAMINAR_OK);
            for (int64_t i = part; i < N; i += PARTS) { /* 1..N, for top_k mostly 1..5 */
                int64_t value = a == 3 ? (i % 4 ? i % 5 + 1 : i) : a == 0 ? i / 2 : i + 1;
                double number = (double)value;
                assert_int_equal(column_append_value(
                                     &x, a == 1 || a == 2 ? (void *)&number : (void *)&value, NULL),
                                 LAMINAR_OK);
            }
            struct vector args[2] = {x.vec, a == 1 ? q : k};
            assert_int_equal(
                agg->kernels->update_one(agg, &heap, states[part], args, NULL, x.n, NULL),
                LAMINAR_OK);
            column_deinit(&x);
            if (part)
                assert_int_equal(agg->kernels->combine(agg, &heap, states[0], states[part], NULL),
                                 LAMINAR_OK);
        }
        struct strbuf bytes = {0};
        size_t used;
        assert_int_equal(agg->kernels->encode(agg, states[0], &bytes, NULL), LAMINAR_OK);
        assert_int_equal(agg->kernels->decode(agg, &heap, restored, (uint8_t *)bytes.data,
                                              bytes.size, &used, NULL),
                         LAMINAR_OK);
        assert_int_equal(used, bytes.size);
        for (size_t cut = 0; cut < bytes.size; cut += 1 + bytes.size / 50) {
            _Alignas(16) uint8_t scratch[STATE_MAX] = {0};
            assert_int_not_equal(
                agg->kernels->decode(agg, &heap, scratch, (uint8_t *)bytes.data, cut, &used, NULL),
                LAMINAR_OK);
            agg->kernels->destroy(agg, &heap, scratch);
        }
        strbuf_deinit(&bytes);
        assert_int_equal(column_init(&out, agg->result, NULL), LAMINAR_OK);
        assert_int_equal(agg->kernels->finish(agg, (uint8_t *[]){restored}, 0, 1, &out, NULL),
                         LAMINAR_OK);
        if (a == 0)
            assert_true(llabs(((const int64_t *)out.vec.data)[0] - N / 2) <
                        N / 2 / 20); /* three standard errors */
        if (a == 1) assert_true(fabs(((const double *)out.vec.data)[0] - 0.9 * N) < 0.0051 * N);
        if (a == 2) assert_true(fabs(((const double *)out.vec.data)[0] - 0.5 * N) < 0.0051 * N);
        if (a == 3) {
            struct list_entry entry = ((const struct list_entry *)out.vec.data)[0];
            assert_int_equal(entry.length, 5);
            for (uint32_t i = 0; i < 5; i++) {
                int64_t value = ((const int64_t *)out.vec.children[0].data)[entry.offset + i];
                assert_true(value >= 1 && value <= 5);
            }
        }
        column_deinit(&out);
        for (int part = 0; part < PARTS; part++) agg->kernels->destroy(agg, &heap, states[part]);
        agg->kernels->destroy(agg, &heap, restored);
    }
    arena_deinit(&arena);
}

static laminar_status boxed_scenario(void *arg)
{
    (void)arg;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct arena arena = {0};
    struct column x = {0}, y = {0}, out = {0};
    _Alignas(16) uint8_t state[STATE_MAX] = {0}, other[STATE_MAX] = {0};
    uint8_t *rows[] = {state};
    struct bound_aggregate *agg = NULL;
    struct strbuf bytes = {0};
    laminar_status status;
    TRY(aggregate_bind(&arena, "arg_max", (struct data_type[]){TYPE(VARCHAR), TYPE(VARCHAR)}, 2,
                       NULL, &agg, &err));
    TRY(column_init(&x, TYPE(VARCHAR), &err));
    TRY(column_init(&y, TYPE(VARCHAR), &err));
    TRY(column_init(&out, TYPE(VARCHAR), &err));
    for (int i = 0; i < 5; i++) {
        char text[64];
        int size = snprintf(text, sizeof text, "a text that is longer than twelve bytes, number %d",
                            i * 7 % 5);
        TRY(column_append_string(&x, text, (size_t)size, &err));
        TRY(column_append_string(&y, text, (size_t)size - (size_t)i, &err));
    }
    struct vector args[] = {x.vec, y.vec};
    TRY(agg->kernels->update_one(agg, &heap, state, args, NULL, 5, &err));
    TRY(agg->kernels->combine(agg, &heap, other, state, &err));
    TRY(agg->kernels->encode(agg, other, &bytes, &err));
    TRY(agg->kernels->finish(agg, rows, 0, 1, &out, &err));
    TRY(agg->finish_multiset(agg, args, NULL, 5, &out, &err));
done:
    if (agg) {
        agg->kernels->destroy(agg, &heap, state);
        agg->kernels->destroy(agg, &heap, other);
    }
    strbuf_deinit(&bytes);
    column_deinit(&x);
    column_deinit(&y);
    column_deinit(&out);
    arena_deinit(&arena);
    return status;
}

static void memory_can_run_out(void **state)
{
    (void)state;
    assert_true(unit_fail_each_allocation(boxed_scenario, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expected_values),
        cmocka_unit_test(pairs),
        cmocka_unit_test(arg_min_does_not_depend_on_the_order_of_rows),
        cmocka_unit_test(incremental_equals_multiset),
        cmocka_unit_test(whole_chunks_equal_single_rows),
        cmocka_unit_test(sketches_are_close),
        cmocka_unit_test(memory_can_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
