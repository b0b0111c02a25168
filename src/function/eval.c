/* eval.c - running one kernel: arguments' nulls, constants, rows that fail, and results' strings.
 *
 * function_eval is the caller's half of the contract of scalar_kernel, for constant folding, tests and simple evaluators; expression
 * programs do the same over their registers. */
#include "function/family.h"
#include <stdio.h>

bool eval_fail(struct eval_env *env, struct column *out, size_t row, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (env->mode == ROW_ERROR_FAIL) {
        error_set_v(env->err, LAMINAR_QUERY_FAILED, format, args);
        va_end(args);
        return true;
    }
    if (env->mode == ROW_ERROR_SKIP) vsnprintf(env->bad_text, sizeof env->bad_text, format, args);
    va_end(args);
    if (out_null(out, row, env->err) != LAMINAR_OK) return true;
    if (env->mode == ROW_ERROR_SKIP && env->bad_rows) {
        size_t chunk_row = env->row_map ? env->row_map[row] : row;
        if (!bitmap_get(env->bad_rows, chunk_row)) {
            bitmap_set(env->bad_rows, chunk_row);
            env->n_bad_rows++;
        }
    }
    return false;
}

laminar_status column_set_null(struct column *out, size_t row, struct laminar_error *err)
{
    if (!out->vec.validity) {
        laminar_status status = column_reserve_validity(out, err);
        if (status != LAMINAR_OK) return status;
    }
    bitmap_clear(out->vec.validity, row);
    return LAMINAR_OK;
}

char *column_string_alloc(struct column *out, size_t size)
{
    return arena_alloc(&out->heap, size ? size : 1);
}

laminar_status out_string(struct column *out, size_t row, const char *data, size_t size,
                          struct laminar_error *err)
{
    if (size > STRING_INLINE_MAX) {
        char *copy = column_string_alloc(out, size);
        if (!copy) return error_oom(err);
        memcpy(copy, data, size);
        data = copy;
    }
    out_string_borrow(out, row, data, size);
    return LAMINAR_OK;
}

laminar_status out_null(struct column *out, size_t row, struct laminar_error *err)
{
    size_t width = type_width(out->vec.type);
    if (width) memset((char *)out->vec.data + row * width, 0, width);
    return column_set_null(out, row, err);
}

/* Validity of a strict function's result: the AND of the arguments'. *all_null: a constant null makes every row null. */
static laminar_status merge_validity(const struct vector *args, uint32_t n_args, size_t n,
                                     struct column *out, bool *all_null, struct laminar_error *err)
{
    *all_null = false;
    for (uint32_t i = 0; i < n_args; i++) {
        const struct vector *arg = &args[i];
        bool is_null_type = arg->type.id == LAMINAR_TYPE_NULL;
        if (is_null_type || (arg->shape == VEC_CONST && !vector_is_valid(arg, 0))) {
            *all_null = true;
            return LAMINAR_OK;
        }
        if (arg->shape == VEC_CONST || !arg->validity) continue;
        if (!out->vec.validity) {
            laminar_status status = column_reserve_validity(out, err);
            if (status != LAMINAR_OK) return status;
            memcpy(out->vec.validity, arg->validity, bitmap_bytes(n));
        } else {
            bitmap_and(out->vec.validity, out->vec.validity, arg->validity, n);
        }
    }
    return LAMINAR_OK;
}

laminar_status function_eval(const struct bound_function *fn, struct eval_env *env,
                             const struct vector *args, size_t n, struct column *out,
                             struct vector *result)
{
    bool is_const = !(fn->flags & FN_VOLATILE);
    for (uint32_t i = 0; i < fn->n_args; i++) is_const = is_const && args[i].shape == VEC_CONST;
    size_t n_eval = is_const ? 1 : n;
    column_clear(out);
    laminar_status status = column_reserve(out, n_eval ? n_eval : 1, env->err);
    if (status != LAMINAR_OK) return status;
    bool all_null = false;
    if (fn->flags & FN_STRICT) {
        status = merge_validity(args, fn->n_args, n_eval, out, &all_null, env->err);
        if (status != LAMINAR_OK) return status;
    }
    if (all_null) {
        column_clear(out);
        status = column_append_null(out, n_eval, env->err);
    } else {
        status = fn->kernel(fn, env, args, n_eval, out);
        out->n = n_eval;
    }
    if (status != LAMINAR_OK) return status;
    *result = out->vec;
    if (is_const) result->shape = VEC_CONST;
    return LAMINAR_OK;
}

const char *decimal_text(int128 value, int scale, char *buf, size_t size)
{
    char digits[48];
    size_t n = 0;
    unsigned __int128 rest = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    do {
        if (scale > 0 && n == (size_t)scale) digits[n++] = '.', scale = 0;
        digits[n++] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    } while (rest || (scale > 0 && n <= (size_t)scale));
    size_t at = 0;
    if (value < 0 && at + 1 < size) buf[at++] = '-';
    while (n && at + 1 < size) buf[at++] = digits[--n];
    buf[at] = 0;
    return buf;
}

const char *value_text(const struct vector *v, size_t row, char *buf, size_t size)
{
    struct strbuf text = {0};
    text_print_value(&text, v, v->shape == VEC_CONST ? 0 : row);
    snprintf(buf, size, "%s", text.failed || !text.data ? "?" : text.data);
    if (text.size >= size && size > 4) memcpy(buf + size - 4, "...", 4);
    strbuf_deinit(&text);
    return buf;
}
