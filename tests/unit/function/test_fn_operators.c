/* Operators: expected values, result types, errors. */
#include "fn_test.h"

static void arithmetic(void **state)
{
    (void)state;
    CHECK2("+", "BIGINT:1", "BIGINT:2", "3");
    CHECK2("+", "BIGINT:1", "BIGINT:NULL", "NULL");
    CHECK2("+", "NULL", "BIGINT:1", "NULL");
    CHECK2("-", "INT:1", "INT:2", "-1");
    CHECK2("*", "INT:100000", "BIGINT:100000", "10000000000");
    CHECK2("/", "BIGINT:7", "BIGINT:2", "3");
    CHECK2("/", "BIGINT:-7", "BIGINT:2", "-3");
    CHECK2("%", "BIGINT:-7", "BIGINT:2", "-1");
    CHECK2("/", "DOUBLE:7", "BIGINT:2", "3.5");
    CHECK2("%", "DOUBLE:7.5", "DOUBLE:2", "1.5");
    CHECK2("+", "TINYINT:100", "TINYINT:27", "127");
    CHECK2("+", "TINYINT:100", "TINYINT:28", "error: TINYINT out of range: 100 + 28");
    CHECK2("-", "TINYINT UNSIGNED:1", "TINYINT UNSIGNED:2",
           "error: TINYINT UNSIGNED out of range: 1 - 2");
    CHECK2("+", "BIGINT UNSIGNED:18446744073709551615", "BIGINT UNSIGNED:1",
           "error: BIGINT UNSIGNED out of range: 18446744073709551615 + 1");
    CHECK2("*", "SMALLINT:300", "SMALLINT:300", "error: SMALLINT out of range: 300 * 300");
    CHECK2("*", "INT UNSIGNED:65536", "INT UNSIGNED:65536",
           "error: INT UNSIGNED out of range: 65536 * 65536");
    CHECK2("*", "BIGINT:3037000500", "BIGINT:3037000500",
           "error: BIGINT out of range: 3037000500 * 3037000500");
    CHECK2("*", "BIGINT:3037000499", "BIGINT:3037000499", "9223372030926249001");
    CHECK2("+", "BIGINT:9223372036854775807", "BIGINT:1",
           "error: BIGINT out of range: 9223372036854775807 + 1");
    CHECK2("/", "BIGINT:-9223372036854775808", "BIGINT:-1",
           "error: BIGINT out of range: -9223372036854775808 / -1");
    CHECK2("%", "BIGINT:-9223372036854775808", "BIGINT:-1", "0");
    CHECK2("/", "INT:1", "INT:0", "error: division by zero");
    CHECK2("%", "INT:1", "INT:0", "error: division by zero");
    CHECK2("/", "DOUBLE:1", "DOUBLE:0", "error: division by zero");
    CHECK1("negate", "INT:5", "-5");
    CHECK1("negate", "INT UNSIGNED:5", "-5");
    CHECK1("negate", "TINYINT:-128", "error: TINYINT out of range: 0 - -128");
    CHECK2("+", "'5", "BIGINT:1", "6");
    assert_string_equal(fn_call_type("+", "TINYINT:1", "SMALLINT UNSIGNED:1", NULL), "INT");
    assert_string_equal(fn_call_type("+", "BIGINT:1", "BIGINT UNSIGNED:1", NULL), "DECIMAL(21,0)");
    assert_string_equal(fn_call_type("+", "REAL:1", "SMALLINT:1", NULL), "REAL");
    assert_string_equal(fn_call_type("+", "REAL:1", "BIGINT:1", NULL), "DOUBLE");
}

static void decimals(void **state)
{
    (void)state;
    CHECK2("+", "DECIMAL(10,2):1.25", "DECIMAL(10,3):2.125", "3.375");
    CHECK2("-", "DECIMAL(10,2):1.25", "INT:2", "-0.75");
    CHECK2("*", "DECIMAL(10,2):1.25", "DECIMAL(10,2):-4.10", "-5.1250");
    CHECK2("/", "DECIMAL(10,2):1.00", "DECIMAL(10,2):4.00", "0.25");
    CHECK2("%", "DECIMAL(10,2):7.50", "DECIMAL(10,1):2.0", "1.50");
    CHECK2("%", "DECIMAL(10,2):7.50", "DECIMAL(10,1):0.0", "error: division by zero");
    CHECK2("+", "DECIMAL(38,0):99999999999999999999999999999999999999", "INT:1",
           "error: DECIMAL(38,0) out of range: 99999999999999999999999999999999999999 + 1");
    CHECK2("*", "DECIMAL(38,0):99999999999999999999999999999999999999", "INT:1",
           "99999999999999999999999999999999999999");
    CHECK2(
        "*", "DECIMAL(30,20):1.5", "DECIMAL(30,20):1.5",
        "error: the product of DECIMAL(30,20) and DECIMAL(30,20) would have 40 decimal places; at most 38 are possible");
    assert_string_equal(fn_call_type("+", "DECIMAL(10,2):1", "DECIMAL(5,4):1", NULL),
                        "DECIMAL(13,4)");
    assert_string_equal(fn_call_type("*", "DECIMAL(10,2):1", "DECIMAL(5,4):1", NULL),
                        "DECIMAL(15,6)");
    assert_string_equal(fn_call_type("/", "DECIMAL(10,2):1", "DECIMAL(5,4):1", NULL), "DOUBLE");
    CHECK1("negate", "DECIMAL(10,2):1.25", "-1.25");
}

static void times(void **state)
{
    (void)state;
    CHECK2("+", "TIMESTAMP:2024-01-31 10:00:00", "INTERVAL:1 month", "2024-02-29 10:00:00");
    CHECK2("-", "TIMESTAMP:2024-03-31 10:00:00", "INTERVAL:1 month", "2024-02-29 10:00:00");
    CHECK2("+", "INTERVAL:1 hour", "TIMESTAMP:2024-01-31 23:30:00", "2024-02-01 00:30:00");
    CHECK2("+", "DATE:2024-02-28", "INT:2", "2024-03-01");
    CHECK2("-", "DATE:2024-03-01", "INT:1", "2024-02-29");
    CHECK2("-", "DATE:2024-03-01", "DATE:2024-02-01", "29");
    CHECK2("+", "DATE:2024-03-01", "TIME:01:02:03", "2024-03-01 01:02:03");
    CHECK2("+", "TIME:23:00:00", "INTERVAL:2 hours", "01:00:00");
    CHECK2("-", "TIMESTAMP:1969-12-31 23:59:59", "INTERVAL:1 second", "1969-12-31 23:59:58");
    CHECK2("-", "TIMESTAMP(3):2024-01-01 00:00:01", "'2024-01-01 00:00:00", "00:00:01");
    CHECK2("+", "TIMESTAMPTZ Europe/Berlin:2024-03-30 12:00:00", "INTERVAL:1 day",
           "2024-03-31 12:00:00+02");
    CHECK2("+", "TIMESTAMPTZ Europe/Berlin:2024-03-30 12:00:00", "INTERVAL:24 hours",
           "2024-03-31 13:00:00+02");
    CHECK2("=", "TIMESTAMP(0):2024-01-01 00:00:01", "TIMESTAMP(9):2024-01-01 00:00:01", "true");
    CHECK2("<", "TIMESTAMP(0):2024-01-01 00:00:01", "TIMESTAMP(9):2024-01-01 00:00:01.000000001",
           "true");
    CHECK2("=", "DATE:2024-01-01", "TIMESTAMP:2024-01-01 00:00:00", "true");
    CHECK2("=", "INTERVAL:1 month", "INTERVAL:30 days", "true");
    CHECK2("<", "INTERVAL:1 day", "INTERVAL:25 hours", "true");
    CHECK2("*", "INTERVAL:1 day 2 hours", "INT:3", "3 days 06:00:00");
    CHECK2("/", "INTERVAL:3 days", "INT:2", "1 day 12:00:00");
    CHECK2("+", "INTERVAL:1 month", "INTERVAL:1 day", "1 month 1 day");
    CHECK1("negate", "INTERVAL:1 day", "-1 day");
    CHECK2("+", "TIMESTAMP(9):2262-04-11 23:47:16", "INTERVAL:1 hour",
           "error: TIMESTAMP(9) out of range: 2262-04-11 23:47:16 + 01:00:00");
    assert_string_equal(fn_call_type("-", "TIMESTAMP(3):2024-01-01", "INTERVAL:5 seconds", NULL),
                        "TIMESTAMP(3)");
    assert_string_equal(
        fn_call_type("-", "TIMESTAMP(3):2024-01-01", "INTERVAL:5 microseconds", NULL),
        "TIMESTAMP(6)");
}

static void comparisons(void **state)
{
    (void)state;
    CHECK2("=", "INT:1", "BIGINT:1", "true");
    CHECK2("<", "DOUBLE:NaN", "DOUBLE:1", "false");
    CHECK2(">", "DOUBLE:NaN", "DOUBLE:Infinity", "true");
    CHECK2("=", "DOUBLE:NaN", "DOUBLE:NaN", "true");
    CHECK2("<>", "DOUBLE:NaN", "DOUBLE:NaN", "false");
    CHECK2(">=", "DOUBLE:NaN", "DOUBLE:NaN", "true");
    CHECK2("=", "VARCHAR:abc", "VARCHAR:abc", "true");
    CHECK2("<", "VARCHAR:abc", "VARCHAR:abcd", "true");
    CHECK2("<", "VARCHAR:a longer string here", "VARCHAR:a longer string herf", "true");
    CHECK2("=", "VARCHAR:a longer string here", "VARCHAR:a longer string here", "true");
    CHECK2("<>", "VARCHAR:abc", "VARCHAR:abd", "true");
    CHECK2("=", "DECIMAL(10,2):1.50", "DECIMAL(38,10):1.5", "true");
    CHECK2("<", "DECIMAL(38,0):99999999999999999999999999999999999999", "DECIMAL(38,38):0.5",
           "false");
    CHECK2(">", "BIGINT UNSIGNED:18446744073709551615", "BIGINT:-1", "true");
    CHECK2("=", "BIGINT:5", "'5", "true");
    CHECK2("=", "BIGINT:5", "VARCHAR:5", "error: BIGINT and VARCHAR can't be compared");
    CHECK2("=", "UUID:00000000-0000-0000-0000-000000000001",
           "'00000000-0000-0000-0000-000000000001", "true");
    CHECK2("<", "UUID:00000000-0000-0000-0000-000000000001",
           "UUID:10000000-0000-0000-0000-000000000000", "true");
    CHECK2("is_distinct_from", "INT:NULL", "INT:1", "true");
    CHECK2("is_distinct_from", "INT:1", "INT:2", "true");
    CHECK2("=", "BOOLEAN:true", "BOOLEAN:true", "true");
    CHECK2("<", "BOOLEAN:false", "BOOLEAN:true", "true");
    CHECK2("=", "BIGINT[]:1;2", "BIGINT[]:1;2", "true");
}

static void logic(void **state)
{
    (void)state;
    CHECK1("not", "BOOLEAN:true", "false");
    CHECK1("not", "BOOLEAN:NULL", "NULL");
    CHECK2("&", "INT:12", "INT:10", "8");
    CHECK2("|", "INT:12", "INT:10", "14");
    CHECK2("#", "INT:12", "INT:10", "6");
    CHECK2("<<", "INT:1", "INT:4", "16");
    CHECK2(">>", "BIGINT:-16", "INT:2", "-4");
    CHECK2("<<", "INT:1", "INT:32", "error: shift by 32 bits: INT has 32");
    CHECK1("bit_not", "INT:0", "-1");
}

/* --- Kernels against a model, row by row, over random columns in every shape ---------------------------------------------------- */

static const char *const operators[] = {"+",
                                        "-",
                                        "*",
                                        "/",
                                        "%",
                                        "=",
                                        "<>",
                                        "<",
                                        "<=",
                                        ">",
                                        ">=",
                                        "is_distinct_from",
                                        "is_not_distinct_from"};
enum { N_OPERATORS = sizeof operators / sizeof operators[0], RANDOM_ROWS = 777 };

/* What an integer operation gives: false if it is an error. */
static bool model_integer(size_t op, int128 x, int128 y, int128 min, int128 max, int128 *out)
{
    if ((op == 3 || op == 4) && y == 0) return false;
    switch (op) {
    case 0: *out = x + y; break;
    case 1: *out = x - y; break;
    case 2:
        if (__builtin_mul_overflow(x, y, out)) return false;
        break;
    case 3: *out = x / y; break;
    default: *out = x % y; break;
    }
    return *out >= min && *out <= max;
}

static int128 load_integer(const struct vector *v, size_t row)
{
    if (v->shape == VEC_CONST) row = 0;
    switch ((int)type_phys(v->type)) {
    case PHYS_I8: return ((const int8_t *)v->data)[row];
    case PHYS_I16: return ((const int16_t *)v->data)[row];
    case PHYS_I32: return ((const int32_t *)v->data)[row];
    case PHYS_I64: return ((const int64_t *)v->data)[row];
    case PHYS_U8: return ((const uint8_t *)v->data)[row];
    case PHYS_U16: return ((const uint16_t *)v->data)[row];
    case PHYS_U32: return ((const uint32_t *)v->data)[row];
    default: return (int128)((const uint64_t *)v->data)[row];
    }
}

static void integer_kernels_match_model(void **state)
{
    (void)state;
    struct fn_random random = {20240501};
    for (uint8_t id = LAMINAR_TYPE_INT8; id <= LAMINAR_TYPE_UINT64; id++) {
        struct data_type type = {.id = id};
        int bits = (int)type_width(type) * 8;
        int128 max = type_is_signed(type) ? ((int128)1 << (bits - 1)) - 1 : ((int128)1 << bits) - 1;
        int128 min = type_is_signed(type) ? -max - 1 : 0;
        for (int round = 0; round < 12; round++) {
            struct column cols[2], out;
            struct vector args[2], result;
            for (int k = 0; k < 2; k++) {
                fn_random_column(&cols[k], type, RANDOM_ROWS, round % 2 ? 5 : 0, &random);
                args[k] = cols[k].vec;
            }
            if (round % 3 == 1) args[1].shape = VEC_CONST;
            if (round % 3 == 2) args[0].shape = VEC_CONST;
            for (size_t op = 0; op < 5; op++) {
                struct arena arena = {0};
                struct laminar_error err = LAMINAR_ERROR_INIT;
                uint8_t bad[RANDOM_ROWS / 8 + 1] = {0};
                struct eval_env env = {.err = &err, .mode = ROW_ERROR_SKIP, .bad_rows = bad};
                struct bound_function *fn;
                assert_int_equal(function_bind(&arena, operators[op],
                                               (struct data_type[]){type, type}, 2, NULL, &fn,
                                               &err),
                                 LAMINAR_OK);
                assert_int_equal(fn->result.id, id);
                assert_int_equal(column_init(&out, fn->result, NULL), LAMINAR_OK);
                assert_int_equal(function_eval(fn, &env, args, RANDOM_ROWS, &out, &result),
                                 LAMINAR_OK);
                size_t n_bad = 0;
                for (size_t i = 0; i < RANDOM_ROWS; i++) {
                    int128 expected;
                    bool is_null = !vector_is_valid(&args[0], i) || !vector_is_valid(&args[1], i);
                    bool fits = !is_null &&
                                model_integer(op, load_integer(&args[0], i),
                                              load_integer(&args[1], i), min, max, &expected);
                    assert_int_equal(vector_is_valid(&result, i), fits);
                    if (fits) assert_true(load_integer(&result, i) == expected);
                    assert_int_equal(bitmap_get(bad, i), !is_null && !fits);
                    n_bad += !is_null && !fits;
                }
                assert_int_equal(env.n_bad_rows, n_bad);
                column_deinit(&out);
                arena_deinit(&arena);
            }
            column_deinit(&cols[0]);
            column_deinit(&cols[1]);
        }
    }
}

#include "vector/kernel.h"

/* Comparison kernels of every type against kernel_compare. */
static void comparison_kernels_match_model(void **state)
{
    (void)state;
    struct fn_random random = {7};
    const char *types[] = {"BOOLEAN",
                           "TINYINT",
                           "SMALLINT",
                           "INT",
                           "BIGINT",
                           "TINYINT UNSIGNED",
                           "SMALLINT UNSIGNED",
                           "INT UNSIGNED",
                           "BIGINT UNSIGNED",
                           "REAL",
                           "DOUBLE",
                           "DECIMAL(20,3)",
                           "VARCHAR",
                           "DATE",
                           "TIMESTAMP",
                           "INTERVAL",
                           "UUID"};
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        struct data_type type = fn_type(types[t]);
        for (int round = 0; round < 6; round++) {
            struct column cols[2], out;
            struct vector args[2], result;
            for (int k = 0; k < 2; k++) {
                fn_random_column(&cols[k], type, RANDOM_ROWS, round % 2 ? 4 : 0, &random);
                args[k] = cols[k].vec;
            }
            if (round % 3 == 1) args[1].shape = VEC_CONST;
            if (round % 3 == 2) args[0].shape = VEC_CONST;
            for (size_t op = 5; op < N_OPERATORS; op++) {
                struct arena arena = {0};
                struct eval_env env = {0};
                struct bound_function *fn;
                assert_int_equal(function_bind(&arena, operators[op],
                                               (struct data_type[]){type, type}, 2, NULL, &fn,
                                               NULL),
                                 LAMINAR_OK);
                assert_int_equal(column_init(&out, fn->result, NULL), LAMINAR_OK);
                assert_int_equal(function_eval(fn, &env, args, RANDOM_ROWS, &out, &result),
                                 LAMINAR_OK);
                for (size_t i = 0; i < RANDOM_ROWS; i++) {
                    size_t row_a = args[0].shape == VEC_CONST ? 0 : i,
                           row_b = args[1].shape == VEC_CONST ? 0 : i;
                    int order = kernel_compare(&args[0], row_a, &args[1], row_b);
                    bool expected[] = {order == 0, order != 0, order<0, order <= 0, order> 0,
                                       order >= 0, order != 0, order == 0};
                    bool is_null = op < 11 &&
                                   (!vector_is_valid(&args[0], i) || !vector_is_valid(&args[1], i));
                    assert_int_equal(vector_is_valid(&result, i), !is_null);
                    if (!is_null)
                        assert_int_equal(
                            ((const uint8_t *)result.data)[result.shape == VEC_CONST ? 0 : i],
                            expected[op - 5]);
                }
                column_deinit(&out);
                arena_deinit(&arena);
            }
            column_deinit(&cols[0]);
            column_deinit(&cols[1]);
        }
    }
}

static void row_errors_become_nulls(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct column a, b, out;
    struct vector result;
    struct bound_function *fn;
    fn_column(&a, TYPE(INT64), (const char *[]){"10", "20", "NULL"}, 3);
    fn_column(&b, TYPE(INT64), (const char *[]){"0", "5", "0"}, 3);
    assert_int_equal(function_bind(&arena, "/", (struct data_type[]){TYPE(INT64), TYPE(INT64)}, 2,
                                   NULL, &fn, NULL),
                     LAMINAR_OK);
    assert_int_equal(column_init(&out, fn->result, NULL), LAMINAR_OK);
    struct eval_env env = {.mode = ROW_ERROR_NULL};
    assert_int_equal(function_eval(fn, &env, (struct vector[]){a.vec, b.vec}, 3, &out, &result),
                     LAMINAR_OK);
    assert_false(vector_is_valid(&result, 0));
    assert_true(vector_is_valid(&result, 1));
    assert_false(vector_is_valid(&result, 2));
    uint8_t bad[4] = {0};
    uint32_t map[] = {9, 17, 30};
    env = (struct eval_env){.mode = ROW_ERROR_SKIP, .bad_rows = bad, .row_map = map};
    assert_int_equal(function_eval(fn, &env, (struct vector[]){a.vec, b.vec}, 3, &out, &result),
                     LAMINAR_OK);
    assert_int_equal(env.n_bad_rows, 1);
    assert_true(bitmap_get(bad, 9));
    assert_false(bitmap_get(bad, 30));
    assert_string_equal(env.bad_text, "division by zero");
    struct laminar_error err = LAMINAR_ERROR_INIT;
    env = (struct eval_env){.mode = ROW_ERROR_FAIL, .err = &err};
    assert_int_equal(function_eval(fn, &env, (struct vector[]){a.vec, b.vec}, 3, &out, &result),
                     LAMINAR_QUERY_FAILED);
    assert_string_equal(err.message, "division by zero");
    column_deinit(&a);
    column_deinit(&b);
    column_deinit(&out);
    arena_deinit(&arena);
}

static void unknown_functions_name_the_nearest(void **state)
{
    (void)state;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct arena arena = {0};
    struct bound_function *fn;
    assert_int_equal(
        function_bind(&arena, "is_nul", (struct data_type[]){TYPE(INT64)}, 1, NULL, &fn, &err),
        LAMINAR_QUERY_FAILED);
    assert_string_equal(err.message, "unknown function \"is_nul\"");
    assert_string_equal(err.hint, "did you mean \"is_null\"?");
    assert_int_equal(function_bind(&arena, "+", (struct data_type[]){TYPE(INT64), TYPE(BOOL)}, 2,
                                   NULL, &fn, &err),
                     LAMINAR_QUERY_FAILED);
    assert_string_equal(err.message, "no function takes these arguments: +(BIGINT, BOOLEAN)");
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic),
        cmocka_unit_test(decimals),
        cmocka_unit_test(times),
        cmocka_unit_test(comparisons),
        cmocka_unit_test(logic),
        cmocka_unit_test(integer_kernels_match_model),
        cmocka_unit_test(comparison_kernels_match_model),
        cmocka_unit_test(row_errors_become_nulls),
        cmocka_unit_test(unknown_functions_name_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
