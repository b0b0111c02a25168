/* cast_text.c - casts from and to text (VARCHAR, JSON, BINARY, UUID), and casts of nested values.
 *
 * Text forms are those of vector/text.h. VARCHAR to JSON checks that the text is JSON; other values become the JSON that shows them. BINARY to VARCHAR
 * wants UTF-8. Nested values cast their items; a row whose item fails fails as a whole. */
#include "function/cast.h"
#include "function/time_math.h"

/* --- From text -------------------------------------------------------------------------------------------------------------------- */

static laminar_status parse_kernel(KERNEL_ARGS)
{
    size_t width = type_width(fn->result);
    char *r = out->vec.data;
    for (size_t i = 0; i < n; i++, r += width) {
        if (!column_is_valid(out, i)) {
            memset(r, 0, width);
            continue;
        }
        const struct string_view *s = &ROW(struct string_view, &args[0], i);
        _Alignas(16) char value[16];
        if (text_parse_value(fn->result, string_data(s), s->size, value) == PARSE_OK)
            memcpy(r, value, width);
        else if (memset(r, 0, width), cast_fail(fn, env, args, out, i))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}

/* The hot ones without the detour over a value of any type. */
#define PARSE_KERNEL(NAME, T, PARSE)                                                               \
    static laminar_status NAME(KERNEL_ARGS)                                                        \
    {                                                                                              \
        T *r = OUT(T, out);                                                                        \
        for (size_t i = 0; i < n; i++) {                                                           \
            const struct string_view *s = &ROW(struct string_view, &args[0], i);                   \
            r[i] = 0;                                                                              \
            if (column_is_valid(out, i) &&                                                         \
                unlikely(PARSE(string_data(s), s->size, &r[i]) != PARSE_OK)) {                     \
                r[i] = 0;                                                                          \
                if (cast_fail(fn, env, args, out, i)) return eval_failure(env);                    \
            }                                                                                      \
        }                                                                                          \
        return LAMINAR_OK;                                                                         \
    }
PARSE_KERNEL(parse_i64, int64_t, text_parse_int64)
PARSE_KERNEL(parse_f64, double, text_parse_double)

/* Without a zone in the text it is a clock reading in the type's zone, or the session's. */
static bool parse_zoned(const struct string_view *s, unsigned unit, const struct tz *tz,
                        int64_t *out)
{
    int64_t seconds, value;
    uint32_t nanos;
    bool has_zone;
    int32_t offset_s;
    if (text_parse_timestamp(string_data(s), s->size, &seconds, &nanos, &has_zone, &offset_s) !=
        PARSE_OK)
        return false;
    if (!has_zone) offset_s = tz_offset_at_local(tz, seconds);
    int64_t per = units_per_second(unit), divisor = NANOS_PER_SECOND / per;
    int64_t fraction = nanos / divisor, rest = nanos % divisor;
    fraction += rest && rest >= divisor - rest;
    if (__builtin_mul_overflow(seconds - offset_s, per, &value)) return false;
    return !__builtin_add_overflow(value, fraction, out);
}
static laminar_status parse_zoned_kernel(KERNEL_ARGS)
{
    const struct tz *tz;
    laminar_status status = zone_of(fn->result, env, &tz);
    if (status != LAMINAR_OK) return status;
    int64_t *r = OUT(int64_t, out);
    for (size_t i = 0; i < n; i++) {
        r[i] = 0;
        if (!column_is_valid(out, i)) continue;
        if (!parse_zoned(&ROW(struct string_view, &args[0], i), fn->result.unit, tz, &r[i]) &&
            cast_fail(fn, env, args, out, i))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}

static laminar_status json_check_kernel(KERNEL_ARGS)
{
    const struct string_view *a = args[0].data;
    struct string_view *r = OUT(struct string_view, out);
    for (size_t i = 0; i < n; i++) {
        r[i] = a[i];
        if (column_is_valid(out, i) && !text_is_json(string_data(&a[i]), a[i].size) &&
            cast_fail(fn, env, args, out, i))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}
/* "\xff" and "\\" are escapes; the rest stands for its own bytes. */
static laminar_status parse_binary_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        const struct string_view *s = &ROW(struct string_view, &args[0], i);
        const char *data = string_data(s);
        OUT(struct string_view, out)[i] = *s;
        if (!column_is_valid(out, i) || !memchr(data, '\\', s->size)) continue;
        size_t used = 0;
        char *bytes = column_string_alloc(out, s->size);
        if (!bytes) return error_oom(env->err);
        bool fits = text_parse_binary(data, s->size, bytes, &used) == PARSE_OK;
        out_string_borrow(out, i, bytes, fits ? used : 0);
        if (!fits && cast_fail(fn, env, args, out, i)) return eval_failure(env);
    }
    return LAMINAR_OK;
}
static laminar_status utf8_check_kernel(KERNEL_ARGS)
{
    const struct string_view *a = args[0].data;
    struct string_view *r = OUT(struct string_view, out);
    for (size_t i = 0; i < n; i++) {
        r[i] = a[i];
        if (column_is_valid(out, i) && !utf8_validate(string_data(&a[i]), a[i].size) &&
            cast_fail(fn, env, args, out, i))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}
static laminar_status binary_to_uuid_kernel(KERNEL_ARGS)
{
    const struct string_view *a = args[0].data;
    char *r = OUT(char, out);
    for (size_t i = 0; i < n; i++) {
        memset(r + i * 16, 0, 16);
        if (a[i].size == 16)
            memcpy(r + i * 16, string_data(&a[i]), 16);
        else if (column_is_valid(out, i) && cast_fail(fn, env, args, out, i))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}
static laminar_status uuid_to_binary_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        laminar_status status = out_string(out, i, (const char *)args[0].data + i * 16, 16,
                                           env->err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

/* --- To text ------------------------------------------------------------------------------------------------------------------------ */

static laminar_status print_kernel(KERNEL_ARGS)
{
    struct strbuf text = {0};
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < n && status == LAMINAR_OK; i++) {
        out_string_borrow(out, i, "", 0);
        if (!column_is_valid(out, i)) continue;
        strbuf_clear(&text);
        text_print_value(&text, &args[0], i);
        status = text.failed ? error_oom(env->err)
                             : out_string(out, i, text.data ? text.data : "", text.size, env->err);
    }
    strbuf_deinit(&text);
    return status;
}

/* Two digits at a time. */
static laminar_status print_i64_kernel(KERNEL_ARGS)
{
    enum { DIGITS_MAX = 20 };
    static const char pairs[] =
        "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
        "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
    const int64_t *a = args[0].data;
    for (size_t i = 0; i < n; i++) {
        char buf[DIGITS_MAX], *p = buf + DIGITS_MAX;
        uint64_t rest = a[i] < 0 ? 0 - (uint64_t)a[i] : (uint64_t)a[i];
        for (; rest >= 100; rest /= 100) memcpy(p -= 2, pairs + rest % 100 * 2, 2);
        if (rest >= 10)
            memcpy(p -= 2, pairs + rest * 2, 2);
        else
            *--p = (char)('0' + rest);
        if (a[i] < 0) *--p = '-';
        laminar_status status = out_string(out, i, p, (size_t)(buf + DIGITS_MAX - p), env->err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

static laminar_status print_zoned_kernel(KERNEL_ARGS)
{
    const struct tz *tz;
    laminar_status status = zone_of(args[0].type, env, &tz);
    struct strbuf text = {0};
    for (size_t i = 0; i < n && status == LAMINAR_OK; i++) {
        out_string_borrow(out, i, "", 0);
        if (!column_is_valid(out, i)) continue;
        strbuf_clear(&text);
        text_print_timestamp(&text, ((const int64_t *)args[0].data)[i],
                             (enum time_unit)args[0].type.unit, tz_name(tz));
        status = text.failed ? error_oom(env->err)
                             : out_string(out, i, text.data, text.size, env->err);
    }
    strbuf_deinit(&text);
    return status;
}

static bool is_simple(struct data_type t)
{
    return t.id == LAMINAR_TYPE_BOOL || type_is_numeric(t);
}

scalar_kernel cast_text_kernel(struct data_type from, struct data_type to, bool *is_fallible)
{
    *is_fallible = true;
    if (from.id == LAMINAR_TYPE_VARCHAR || from.id == LAMINAR_TYPE_JSON) {
        if (to.id == LAMINAR_TYPE_JSON) return json_check_kernel;
        if (to.id == LAMINAR_TYPE_BINARY) return parse_binary_kernel;
        if (to.id == LAMINAR_TYPE_INT64) return parse_i64;
        if (to.id == LAMINAR_TYPE_DOUBLE) return parse_f64;
        if (to.id == LAMINAR_TYPE_TIMESTAMPTZ) return parse_zoned_kernel;
        return type_is_nested(to) || to.id == LAMINAR_TYPE_NULL ? NULL : parse_kernel;
    }
    if (from.id == LAMINAR_TYPE_BINARY && to.id == LAMINAR_TYPE_VARCHAR) return utf8_check_kernel;
    if (from.id == LAMINAR_TYPE_BINARY && to.id == LAMINAR_TYPE_UUID) return binary_to_uuid_kernel;
    *is_fallible = false;
    if (from.id == LAMINAR_TYPE_UUID && to.id == LAMINAR_TYPE_BINARY) return uuid_to_binary_kernel;
    if (to.id == LAMINAR_TYPE_JSON && is_simple(from) && !type_is_float(from)) return print_kernel;
    if (to.id != LAMINAR_TYPE_VARCHAR) return NULL;
    if (from.id == LAMINAR_TYPE_INT64) return print_i64_kernel;
    return from.id == LAMINAR_TYPE_TIMESTAMPTZ ? print_zoned_kernel : print_kernel;
}

/* --- Nested values --------------------------------------------------------------------------------------------------------------------- */

/* Casts rows [from, from + n) of a child and appends them to the column. */
static laminar_status cast_child(const struct bound_function *item, struct eval_env *env,
                                 const struct vector *child, size_t from, size_t n,
                                 struct column *out)
{
    if (n == 0) return LAMINAR_OK;
    struct column in = {0}, scratch = {0};
    struct vector result;
    laminar_status status;
    TRY(column_init(&in, child->type, env->err));
    TRY(column_init(&scratch, item->result, env->err));
    TRY(column_append(&in, child, from, n, STRINGS_BORROW, env->err));
    TRY(function_eval(item, env, &in.vec, n, &scratch, &result));
    TRY(column_append(out, &result, 0, n, STRINGS_COPY, env->err));
done:
    column_deinit(&in);
    column_deinit(&scratch);
    return status;
}

static laminar_status cast_row(const struct cast_data *data, struct eval_env *env,
                               const struct vector *v, size_t row, struct column *out)
{
    laminar_status status;
    if (v->type.id == LAMINAR_TYPE_STRUCT) {
        for (uint32_t i = 0; i < v->n_children; i++)
            TRY(cast_child(data->items[i], env, &v->children[i], vector_struct_row(v, row), 1,
                           &out->children[i]));
        return column_append_struct(out, env->err);
    }
    struct list_entry entry = ((const struct list_entry *)v->data)[row];
    size_t first = out->children[0].n;
    for (uint32_t i = 0; i < v->n_children; i++)
        TRY(cast_child(data->items[i], env, &v->children[i], entry.offset, entry.length,
                       &out->children[i]));
    return column_append_list(out, first, env->err);
done:
    return status;
}

/* Not strict: rows, null or not, are appended one after the other. */
static laminar_status nested_kernel(KERNEL_ARGS)
{
    const struct cast_data *data = fn->data;
    struct laminar_error row_error = {0};
    struct eval_env row_env = *env;
    row_env.err = &row_error;
    row_env.mode = ROW_ERROR_FAIL;
    for (size_t i = 0; i < n; i++) {
        if (!vector_is_valid(&args[0], i)) {
            laminar_status status = column_append_null(out, 1, env->err);
            if (status != LAMINAR_OK) return status;
            continue;
        }
        size_t row = args[0].shape == VEC_CONST ? 0 : i, first[2] = {0};
        for (uint32_t k = 0; k < out->vec.n_children && k < 2; k++) first[k] = out->children[k].n;
        laminar_status status = cast_row(data, &row_env, &args[0], row, out);
        if (status == LAMINAR_OK) continue;
        if (status != LAMINAR_QUERY_FAILED)
            return error_set(env->err, status, "%s", row_error.message);
        bool is_struct = fn->result.id == LAMINAR_TYPE_STRUCT;
        for (uint32_t k = 0; k < out->vec.n_children; k++)
            column_truncate(&out->children[k], is_struct ? out->n : first[k < 2 ? k : 0]);
        status = column_append_null(out, 1, env->err);
        if (status != LAMINAR_OK) return status;
        if (data->kind == CAST_EXPLICIT && eval_fail(env, out, i, "%s", row_error.message))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}

laminar_status cast_nested_bind(struct arena *arena, struct data_type from, struct data_type to,
                                enum cast_kind kind, struct cast_data *data, scalar_kernel *out,
                                struct laminar_error *err)
{
    if (from.id != to.id || from.info->n_fields != to.info->n_fields) return LAMINAR_OK;
    data->items = ARENA_ARRAY(arena, struct bound_function *, from.info->n_fields);
    if (!data->items) return error_oom(err);
    for (uint32_t i = 0; i < from.info->n_fields; i++) {
        laminar_status status = cast_bind(arena, from.info->fields[i].type, to.info->fields[i].type,
                                          kind, &data->items[i], err);
        if (status != LAMINAR_OK) return status;
    }
    *out = nested_kernel;
    return LAMINAR_OK;
}
