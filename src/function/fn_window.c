/* fn_window.c - the start and end of the time window that a row lies in: tumble, tumble_start, tumble_end, date_bin.
 *
 * Windows are counted from 1970-01-01 UTC plus the offset; times before it fall in windows like any other. The size is an INTERVAL of fixed length
 * (no months), or whole milliseconds. TUMBLE gives a TIMESTAMP(3), date_bin the type of its argument. */
#include "function/time_field.h"

/* In the plan's arena: everything in the argument's units and in the result's. */
struct window_data {
    int64_t period;
    int64_t origin;
    int64_t out_period;
    int64_t out_origin;
    int64_t
        /* the argument's values are multiplied first (seconds, days -> milliseconds); 1 = not */
        scale;
    bool is_date; /* argument is DATE */
};

static never_inline bool window_fail(const struct bound_function *fn, struct eval_env *env,
                                     struct column *out, size_t row, const struct vector *times)
{
    return eval_fail(env, out, row, "%s is out of range for %s", VALUE_TEXT(times, row), fn->name);
}

static laminar_status window_rows(const struct bound_function *fn, struct eval_env *env,
                                  const struct vector *times, size_t n, struct column *out)
{
    const struct window_data *w = fn->data;
    int64_t *r = OUT(int64_t, out);
    for (size_t i = 0; i < n; i++) {
        r[i] = 0;
        if (!column_is_valid(out, i)) continue;
        int64_t value = w->is_date ? ROW(int32_t, times, i) : ROW(int64_t, times, i);
        bool fits = !__builtin_mul_overflow(value, w->scale, &value) &&
                    time_floor_one(value, w->period, w->origin, w->out_period, w->out_origin,
                                   &r[i]);
        if (unlikely(!fits) && window_fail(fn, env, out, i, times)) return eval_failure(env);
    }
    return LAMINAR_OK;
}

static laminar_status window_over(const struct bound_function *fn, struct eval_env *env,
                                  const struct vector *times, size_t n, struct column *out)
{
    const struct window_data *w = fn->data;
    bool is_plain = times->shape == VEC_FLAT && !w->is_date && w->scale == 1;
    if (is_plain && !time_floor_all(times->data, OUT(int64_t, out), n, w->period, w->origin,
                                    w->out_period, w->out_origin))
        return LAMINAR_OK;
    return window_rows(fn, env, times, n, out);
}
static laminar_status tumble_kernel(KERNEL_ARGS) { return window_over(fn, env, &args[0], n, out); }
static laminar_status date_bin_kernel(KERNEL_ARGS)
{
    return window_over(fn, env, &args[1], n, out);
}

/* A duration argument in nanoseconds: INTERVAL, or integer milliseconds. */
static laminar_status duration_nanos(struct function_binding *binding, uint32_t arg, int128 *out)
{
    struct bound_function *fn = binding->fn;
    const struct vector *constant = binding_constant(binding, arg);
    struct data_type type = fn->arg_types[arg];
    if (!constant) {
        error_set(binding->err, LAMINAR_QUERY_UNSUPPORTED, "%s: size and offset must be constants",
                  fn->name);
        error_hint(binding->err, "%s", fn->function->signature);
        return LAMINAR_QUERY_UNSUPPORTED;
    }
    if (type.id == LAMINAR_TYPE_INTERVAL) {
        struct laminar_interval v = ROW(struct laminar_interval, constant, 0);
        if (v.months) {
            error_set(binding->err, LAMINAR_QUERY_FAILED, "%s: a month has no fixed length",
                      fn->name);
            error_hint(binding->err, "use days, or group by date_trunc('month', ts)");
            return LAMINAR_QUERY_FAILED;
        }
        *out = (int128)v.days * NANOS_PER_DAY + v.nanos;
        return LAMINAR_OK;
    }
    if (type.id == LAMINAR_TYPE_VARCHAR) {
        struct laminar_interval v;
        const struct string_view *s = constant->data;
        if (text_parse_interval(string_data(s), s->size, NULL, &v) == PARSE_OK && v.months == 0) {
            *out = (int128)v.days * NANOS_PER_DAY + v.nanos;
            fn->arg_types[arg] = TYPE(INTERVAL);
            return LAMINAR_OK;
        }
        return bind_mismatch(binding);
    }
    int64_t ms;
    switch ((int)type.id) {
    case LAMINAR_TYPE_INT8: ms = ROW(int8_t, constant, 0); break;
    case LAMINAR_TYPE_INT16: ms = ROW(int16_t, constant, 0); break;
    case LAMINAR_TYPE_INT32: ms = ROW(int32_t, constant, 0); break;
    case LAMINAR_TYPE_INT64: ms = ROW(int64_t, constant, 0); break;
    default: return bind_mismatch(binding);
    }
    *out = (int128)ms * 1000000;
    return LAMINAR_OK;
}

static laminar_status bad_size(struct function_binding *binding, const char *what)
{
    return error_set(binding->err, LAMINAR_QUERY_FAILED, "%s: the size of a window must be %s",
                     binding->fn->name, what);
}

/* Whole units of `nanos_per_unit`, within 64 bits. */
static bool as_units(int128 nanos, int64_t nanos_per_unit, int64_t *out)
{
    int128 units = nanos / nanos_per_unit;
    *out = (int64_t)units;
    return nanos % nanos_per_unit == 0 && units == *out;
}

static laminar_status bind_tumble(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    struct data_type type = fn->arg_types[0];
    struct window_data *w = ARENA_NEW(binding->arena, struct window_data);
    int128 size, offset = 0;
    if (!w) return error_oom(binding->err);
    if (binding_is_string_literal(binding, 0) || type.id == LAMINAR_TYPE_NULL)
        type = type_timestamp(UNIT_MILLI);
    if (type_is_integer(type)) type = TYPE(INT64); /* milliseconds */
    bool is_millis = type.id == LAMINAR_TYPE_INT64;
    w->is_date = type.id == LAMINAR_TYPE_DATE;
    if (!is_millis && !w->is_date && !type_is_timestamp(type)) return bind_mismatch(binding);
    fn->arg_types[0] = type;
    laminar_status status = duration_nanos(binding, 1, &size);
    if (status == LAMINAR_OK && fn->n_args > 2) status = duration_nanos(binding, 2, &offset);
    if (status != LAMINAR_OK) return status;
    if (size <= 0) return bad_size(binding, "greater than zero");
    /* Windows are computed in milliseconds, or in the argument's units where those are finer. */
    unsigned unit = is_millis || w->is_date ? UNIT_MILLI : type.unit;
    w->scale = w->is_date ? SECONDS_PER_DAY * 1000 : 1;
    if (unit == UNIT_SECOND) w->scale = 1000, unit = UNIT_MILLI;
    int64_t nanos_per_unit = NANOS_PER_SECOND / units_per_second(unit);
    offset %= size;
    if (!as_units(size, 1000000, &w->out_period) || !as_units(offset, 1000000, &w->out_origin))
        return bad_size(binding, "whole milliseconds");
    if (!as_units(size, nanos_per_unit, &w->period) ||
        !as_units(offset, nanos_per_unit, &w->origin))
        return bad_size(binding, "less than 292 years");
    if (fn->function->param) w->out_origin += w->out_period; /* the end */
    fn->data = w;
    fn->kernel = tumble_kernel;
    fn->result = type_timestamp(UNIT_MILLI);
    fn->flags = FN_STRICT | FN_FALLIBLE | FN_MONOTONE;
    return LAMINAR_OK;
}

/* date_bin(stride, ts [, origin]) */
static laminar_status bind_date_bin(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    struct data_type *type = &fn->arg_types[1];
    struct window_data *w = ARENA_NEW(binding->arena, struct window_data);
    int128 size;
    if (!w) return error_oom(binding->err);
    if (binding_is_string_literal(binding, 1) || type->id == LAMINAR_TYPE_NULL ||
        type->id == LAMINAR_TYPE_DATE)
        *type = type_timestamp(UNIT_MICRO);
    if (!type_is_timestamp(*type)) return bind_mismatch(binding);
    laminar_status status = duration_nanos(binding, 0, &size);
    if (status != LAMINAR_OK) return status;
    if (size <= 0) return bad_size(binding, "greater than zero");
    w->scale = 1;
    if (!as_units(size, NANOS_PER_SECOND / units_per_second(type->unit), &w->period))
        return bad_size(binding, "whole units of the timestamp");
    if (fn->n_args > 2) {
        const struct vector *origin = binding_constant(binding, 2);
        if (!origin)
            return error_set(binding->err, LAMINAR_QUERY_UNSUPPORTED,
                             "date_bin: the origin must be a constant");
        int64_t value = 0;
        bool is_text = origin->type.id == LAMINAR_TYPE_VARCHAR;
        const struct string_view *text = origin->data;
        if (is_text && text_parse_value(*type, string_data(text), text->size, &value) != PARSE_OK)
            return bind_mismatch(binding);
        if (!is_text && origin->type.id == LAMINAR_TYPE_DATE)
            value = ROW(int32_t, origin, 0) * SECONDS_PER_DAY;
        else if (!is_text && type_is_timestamp(origin->type))
            value = ROW(int64_t, origin, 0);
        else if (!is_text)
            return bind_mismatch(binding);
        unsigned from = origin->type.id == LAMINAR_TYPE_DATE ? UNIT_SECOND : origin->type.unit;
        if (!is_text && !time_convert(value, from, type->unit, &value))
            return bind_mismatch(binding);
        w->origin = value % w->period;
        fn->arg_types[2] = *type;
    }
    w->out_period = w->period;
    w->out_origin = w->origin;
    fn->data = w;
    fn->kernel = date_bin_kernel;
    fn->result = *type;
    fn->flags = FN_STRICT | FN_FALLIBLE;
    return LAMINAR_OK;
}

static const struct scalar_function functions[] = {
    {"tumble", "tumble(ts, size [, offset]) -> TIMESTAMP(3)",
     "Start of the window of that size that ts lies in", 2, 3, bind_tumble, NULL},
    {"tumble_start", "tumble_start(ts, size [, offset]) -> TIMESTAMP(3)", "Same as tumble", 2, 3,
     bind_tumble, NULL},
    {"tumble_end", "tumble_end(ts, size [, offset]) -> TIMESTAMP(3)",
     "End of the window that ts lies in", 2, 3, bind_tumble, (void *)1},
    {"date_bin", "date_bin(stride, ts [, origin]) -> type of ts",
     "Start of the stride that ts lies in", 2, 3, bind_date_bin, NULL},
};
SCALAR_FAMILY(window, functions);
