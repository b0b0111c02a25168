/* fn_test.c - see fn_test.h. */
#include "fn_test.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static char answer[4096];

struct data_type fn_type(const char *name)
{
    static const struct {
        const char *name;
        uint8_t id;
    } simple[] = {
#define NAME(type, number, sql) {sql, LAMINAR_TYPE_##type},
        LAMINAR_TYPE_LIST(NAME)
#undef NAME
    };
    struct data_type type;
    size_t size = strlen(name);
    if (size > 2 && strcmp(name + size - 2, "[]") == 0) {
        char item[64];
        snprintf(item, sizeof item, "%.*s", (int)(size - 2), name);
        assert_int_equal(type_list(fn_type(item), &type, NULL), LAMINAR_OK);
        return type;
    }
    int precision, scale;
    if (sscanf(name, "DECIMAL(%d,%d)", &precision, &scale) == 2)
        return type_decimal(precision, scale);
    if (strncmp(name, "TIMESTAMPTZ", 11) == 0) {
        assert_int_equal(type_timestamptz(UNIT_MICRO, name[11] ? name + 12 : "UTC", &type, NULL),
                         LAMINAR_OK);
        return type;
    }
    if (strcmp(name, "TIMESTAMP(0)") == 0) return type_timestamp(UNIT_SECOND);
    if (strcmp(name, "TIMESTAMP(3)") == 0) return type_timestamp(UNIT_MILLI);
    if (strcmp(name, "TIMESTAMP") == 0 || strcmp(name, "TIMESTAMP(6)") == 0)
        return type_timestamp(UNIT_MICRO);
    if (strcmp(name, "TIMESTAMP(9)") == 0) return type_timestamp(UNIT_NANO);
    if (strcmp(name, "TIME") == 0) return type_time(UNIT_MICRO);
    for (size_t i = 0; i < sizeof simple / sizeof simple[0]; i++)
        if (strcmp(simple[i].name, name) == 0) return (struct data_type){.id = simple[i].id};
    fail_msg("unknown type %s", name);
    return TYPE(NULL);
}

static void append_text(struct column *col, const char *text)
{
    if (strcmp(text, "NULL") == 0) {
        assert_int_equal(column_append_null(col, 1, NULL), LAMINAR_OK);
        return;
    }
    if (col->vec.type.id == LAMINAR_TYPE_LIST) { /* "a;b;c" */
        size_t first = col->children[0].n;
        while (*text) {
            size_t size = strcspn(text, ";");
            char item[256];
            snprintf(item, sizeof item, "%.*s", (int)size, text);
            append_text(&col->children[0], item);
            text += size + (text[size] == ';');
        }
        assert_int_equal(column_append_list(col, first, NULL), LAMINAR_OK);
        return;
    }
    _Alignas(16) char value[16];
    if (type_phys(col->vec.type) == PHYS_STRING) {
        assert_int_equal(column_append_string(col, text, strlen(text), NULL), LAMINAR_OK);
        return;
    }
    if (text_parse_value(col->vec.type, text, strlen(text), value) != PARSE_OK)
        fail_msg("'%s' is not a value", text);
    assert_int_equal(column_append_value(col, value, NULL), LAMINAR_OK);
}

void fn_column(struct column *col, struct data_type type, const char *const *texts, size_t n)
{
    assert_int_equal(column_init(col, type, NULL), LAMINAR_OK);
    for (size_t i = 0; i < n; i++) append_text(col, texts[i]);
}

/* "TYPE:text", "'literal" or "NULL". */
static void parse_argument(const char *spec, struct column *col, bool *is_literal)
{
    *is_literal = *spec == '\'';
    if (*is_literal) {
        fn_column(col, TYPE(VARCHAR), (const char *[]){spec + 1}, 1);
        return;
    }
    const char *colon = strchr(spec, ':');
    char name[128];
    snprintf(name, sizeof name, "%.*s", colon ? (int)(colon - spec) : (int)strlen(spec), spec);
    fn_column(col, fn_type(name), (const char *[]){colon ? colon + 1 : "NULL"}, 1);
}

static const char *error_text(const struct laminar_error *err)
{
    snprintf(answer, sizeof answer, "error: %s", err->message);
    return answer;
}

static const char *result_text(const struct vector *v, size_t row)
{
    struct strbuf text = {0};
    text_print_value(&text, v, row);
    snprintf(answer, sizeof answer, "%s", text.data ? text.data : "");
    strbuf_deinit(&text);
    return answer;
}

/* Casts the constant to `to` as the binder would. */
static laminar_status coerce(struct arena *arena, struct column *arg, struct data_type to,
                             struct eval_env *env)
{
    if (type_equal(arg->vec.type, to)) return LAMINAR_OK;
    struct bound_function *cast;
    struct column casted = {0};
    struct vector in = arg->vec, result;
    in.shape = VEC_CONST;
    laminar_status status = cast_bind(arena, arg->vec.type, to, CAST_EXPLICIT, &cast, env->err);
    if (status != LAMINAR_OK) return status;
    assert_int_equal(column_init(&casted, to, NULL), LAMINAR_OK);
    status = function_eval(cast, env, &in, 1, &casted, &result);
    if (status == LAMINAR_OK) {
        struct column copy;
        assert_int_equal(column_init(&copy, to, NULL), LAMINAR_OK);
        assert_int_equal(column_append(&copy, &casted.vec, 0, 1, STRINGS_COPY, NULL), LAMINAR_OK);
        column_deinit(arg);
        *arg = copy;
    }
    column_deinit(&casted);
    return status;
}

/* A row error becomes null in NULL mode, and is noted in SKIP mode; rows 0 and 2 are bad, row 1 is null (or fine, for functions that take nulls). */
static void check_row_modes(const struct bound_function *fn, const struct vector *args,
                            struct column *out)
{
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct arena scratch = {0};
    struct vector result;
    uint8_t bad[1] = {0};
    assert_true(fn->flags & FN_FALLIBLE);
    struct eval_env env = {.err = &err, .mode = ROW_ERROR_NULL, .zone = "UTC", .scratch = &scratch};
    assert_int_equal(function_eval(fn, &env, args, 3, out, &result), LAMINAR_OK);
    assert_false(vector_is_valid(&result, 0));
    assert_false(vector_is_valid(&result, 2));
    assert_int_equal(env.n_bad_rows, 0);
    env.mode = ROW_ERROR_SKIP;
    env.bad_rows = bad;
    assert_int_equal(function_eval(fn, &env, args, 3, out, &result), LAMINAR_OK);
    assert_false(vector_is_valid(&result, 0));
    assert_false(vector_is_valid(&result, 2));
    assert_true(bitmap_get(bad, 0) && bitmap_get(bad, 2) && !bitmap_get(bad, 1));
    assert_int_equal(env.n_bad_rows, 2);
    assert_true(env.bad_text[0] != 0);
    arena_deinit(&scratch);
}

/* The same call over three flat rows, the middle one null: must give the constant's answer, null, the answer. */
static void check_flat(const struct bound_function *fn, struct eval_env *env, struct column *args,
                       const char *expected)
{
    struct column flat[ARGS_MAX] = {0}, out;
    struct vector vectors[ARGS_MAX], result;
    for (uint32_t i = 0; i < fn->n_args; i++) {
        assert_int_equal(column_init(&flat[i], args[i].vec.type, NULL), LAMINAR_OK);
        assert_int_equal(column_append(&flat[i], &args[i].vec, 0, 1, STRINGS_BORROW, NULL),
                         LAMINAR_OK);
        assert_int_equal(column_append_null(&flat[i], 1, NULL), LAMINAR_OK);
        assert_int_equal(column_append(&flat[i], &args[i].vec, 0, 1, STRINGS_BORROW, NULL),
                         LAMINAR_OK);
        vectors[i] = flat[i].vec;
    }
    assert_int_equal(column_init(&out, fn->result, NULL), LAMINAR_OK);
    laminar_status status = function_eval(fn, env, vectors, 3, &out, &result);
    if (strncmp(expected, "error: ", 7) == 0) {
        assert_int_not_equal(status, LAMINAR_OK);
        assert_string_equal(env->err->message, expected + 7);
        check_row_modes(fn, vectors, &out);
    } else {
        assert_int_equal(status, LAMINAR_OK);
        if (fn->n_args && (fn->flags & FN_STRICT))
            assert_string_equal(result_text(&result, 1), "NULL");
        assert_string_equal(result_text(&result, 0), expected);
        assert_string_equal(result_text(&result, 2), expected);
    }
    for (uint32_t i = 0; i < fn->n_args; i++) column_deinit(&flat[i]);
    column_deinit(&out);
}

static const char *call(const char *name, const char *const *specs, bool only_type)
{
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct arena arena = {0}, scratch = {0};
    struct eval_env env = {
        .err = &err, .now_us = 1700000000000000, .zone = "UTC", .scratch = &scratch};
    struct column args[ARGS_MAX] = {0}, out = {0};
    struct data_type types[ARGS_MAX];
    struct vector vectors[ARGS_MAX], result;
    const struct vector *constants[ARGS_MAX];
    uint32_t n = 0;
    for (; n < ARGS_MAX && specs[n]; n++) {
        bool is_literal;
        parse_argument(specs[n], &args[n], &is_literal);
        types[n] = args[n].vec.type;
        vectors[n] = args[n].vec;
        vectors[n].shape = VEC_CONST;
        constants[n] = &vectors[n];
        if (!is_literal && types[n].id == LAMINAR_TYPE_VARCHAR) constants[n] = NULL;
    }
    struct bound_function *fn = NULL;
    const char *text = NULL;
    laminar_status status = function_bind(&arena, name, types, n, constants, &fn, &err);
    if (status != LAMINAR_OK) {
        text = error_text(&err);
    } else if (only_type) {
        text = type_text(fn->result, answer, sizeof answer);
    } else {
        for (uint32_t i = 0; i < n && status == LAMINAR_OK; i++) {
            status = coerce(&arena, &args[i], fn->arg_types[i], &env);
            vectors[i] = args[i].vec;
            vectors[i].shape = VEC_CONST;
        }
        assert_int_equal(column_init(&out, fn->result, NULL), LAMINAR_OK);
        if (status == LAMINAR_OK) status = function_eval(fn, &env, vectors, 5, &out, &result);
        text = status == LAMINAR_OK ? result_text(&result, 4) : error_text(&err);
        char expected[sizeof answer];
        snprintf(expected, sizeof expected, "%s", text);
        if (!(fn->flags & FN_VOLATILE)) check_flat(fn, &env, args, expected);
        memcpy(answer, expected, sizeof answer);
    }
    if (fn && fn->release) fn->release(fn->data);
    for (uint32_t i = 0; i < n; i++) column_deinit(&args[i]);
    column_deinit(&out);
    arena_deinit(&arena);
    arena_deinit(&scratch);
    return text;
}

const char *fn_call(const char *name, const char *a, const char *b, const char *c, const char *d)
{
    return call(name, (const char * [ARGS_MAX + 1]){a, b, c, d}, false);
}
const char *fn_call_type(const char *name, const char *a, const char *b, const char *c)
{
    return call(name, (const char * [ARGS_MAX + 1]){a, b, c}, true);
}

const char *fn_cast(const char *value, const char *type, enum cast_kind kind)
{
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct arena arena = {0};
    struct eval_env env = {.err = &err, .zone = "UTC"};
    struct column arg = {0}, out = {0};
    bool is_literal;
    parse_argument(value, &arg, &is_literal);
    struct bound_function *fn;
    struct vector in = arg.vec, result;
    in.shape = VEC_CONST;
    const char *text;
    laminar_status status = cast_bind(&arena, arg.vec.type, fn_type(type), kind, &fn, &err);
    if (status == LAMINAR_OK) {
        assert_int_equal(column_init(&out, fn->result, NULL), LAMINAR_OK);
        status = function_eval(fn, &env, &in, 3, &out, &result);
        text = status == LAMINAR_OK ? result_text(&result, 2) : error_text(&err);
        char expected[sizeof answer];
        snprintf(expected, sizeof expected, "%s", text);
        check_flat(fn, &env, &arg, expected);
        memcpy(answer, expected, sizeof answer);
    } else {
        text = error_text(&err);
    }
    column_deinit(&arg);
    column_deinit(&out);
    arena_deinit(&arena);
    return text;
}

/* --- Random data ----------------------------------------------------------------------------------------------------------- */

uint64_t fn_random_u64(struct fn_random *random) /* splitmix64 */
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

/* Small, medium, huge and extreme values. */
static int64_t random_i64(struct fn_random *random)
{
    uint64_t kind = fn_random_u64(random) % 16, value = fn_random_u64(random);
    if (kind < 8) return (int64_t)(value % 21) - 10;
    if (kind < 12) return (int64_t)(value % 2000000) - 1000000;
    if (kind < 14) return (int64_t)value;
    return (value & 1) ? INT64_MAX : INT64_MIN;
}

static void random_value(struct data_type type, struct fn_random *random, void *out)
{
    int64_t value = random_i64(random);
    switch ((int)type_phys(type)) {
    case PHYS_BOOL: *(uint8_t *)out = value & 1; break;
    case PHYS_I8:
    case PHYS_U8: *(int8_t *)out = (int8_t)(value > 127 ? 127 : value < -128 ? -128 : value); break;
    case PHYS_I16:
    case PHYS_U16:
        *(int16_t *)out = (int16_t)(value > INT16_MAX   ? INT16_MAX
                                    : value < INT16_MIN ? INT16_MIN
                                                        : value);
        break;
    case PHYS_I32:
    case PHYS_U32:
        *(int32_t *)out = (int32_t)(value > INT32_MAX   ? INT32_MAX
                                    : value < INT32_MIN ? INT32_MIN
                                                        : value);
        break;
    case PHYS_I64:
    case PHYS_U64: *(int64_t *)out = value; break;
    case PHYS_F32: *(float *)out = (float)value / 4; break;
    case PHYS_F64: {
        uint64_t kind = fn_random_u64(random) % 64;
        *(double *)out = kind == 0   ? (double)NAN
                         : kind == 1 ? (double)INFINITY
                         : kind == 2 ? -0.0
                                     : (double)(value % 1000000007) / 8;
        break;
    }
    case PHYS_I128: {
        int128 bound = pow10_table[type.precision], wide = (int128)value * (value % 1000);
        *(int128 *)out = wide % bound;
        break;
    }
    case PHYS_INTERVAL:
        *(struct laminar_interval *)out = (struct laminar_interval){
            (int32_t)(value % 100), (int32_t)(value % 1000), value % 100000000000};
        break;
    default: memset(out, (int)(value & 255), type_width(type));
    }
}

void fn_random_column(struct column *col, struct data_type type, size_t n, unsigned null_every,
                      struct fn_random *random)
{
    assert_int_equal(column_init(col, type, NULL), LAMINAR_OK);
    for (size_t i = 0; i < n; i++) {
        if (null_every && fn_random_u64(random) % null_every == 0) {
            assert_int_equal(column_append_null(col, 1, NULL), LAMINAR_OK);
        } else if (type_phys(type) == PHYS_STRING) {
            char text[24];
            size_t size = fn_random_u64(random) % sizeof text;
            for (size_t k = 0; k < size; k++) text[k] = (char)('a' + fn_random_u64(random) % 3);
            assert_int_equal(column_append_string(col, text, size, NULL), LAMINAR_OK);
        } else {
            _Alignas(16) char value[16];
            random_value(type, random, value);
            assert_int_equal(column_append_value(col, value, NULL), LAMINAR_OK);
        }
    }
}
