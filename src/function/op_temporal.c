/* op_temporal.c - + - * / where a side is a date, a time, a timestamp or an interval.
 *
 *   DATE ± integer -> DATE           DATE - DATE -> BIGINT (days)       DATE ± INTERVAL -> TIMESTAMP      DATE + TIME -> TIMESTAMP
 *   TIMESTAMP ± INTERVAL -> same     TIMESTAMP - TIMESTAMP -> INTERVAL  TIME ± INTERVAL -> TIME (of the same day)
 *   TIME - TIME -> INTERVAL          INTERVAL ± INTERVAL                INTERVAL * number, INTERVAL / number
 * A timestamp keeps its unit, unless an interval constant is finer; an interval that isn't constant gives at least microseconds.
 * A constant interval without months is one vectorised 64-bit addition a row; the calendar costs some 10 ns. */
#include "function/op_arith.h"
#include "function/time_math.h"
#include <math.h>

KERNEL_FILE

/* Which argument is the time and which the interval or number, and the sign. */
struct temporal_binding {
    uint8_t time_arg;
    uint8_t other_arg;
    int8_t sign;
};
static const struct temporal_binding bindings[2][2] = {
    /* [subtract][is swapped] */
    {{0, 1, 1}, {1, 0, 1}},
    {{0, 1, -1}, {1, 0, -1}},
};

static never_inline bool time_fail(struct eval_env *env, struct column *out, size_t row,
                                   const struct vector *args, const char *op)
{
    return eval_fail(env, out, row, "%s out of range: %s %s %s", TYPE_TEXT(out->vec.type),
                     VALUE_TEXT(&args[0], row), op, VALUE_TEXT(&args[1], row));
}
static const char *sign_text(int sign) { return sign > 0 ? "+" : "-"; }

/* --- TIMESTAMP ± INTERVAL ---------------------------------------------------------------------------------------------------- */

MULTI_TARGET static bool add_constant(const int64_t *restrict a, int64_t constant,
                                      int64_t *restrict r, size_t n)
{
    uint64_t flags = 0, y = (uint64_t)constant;
    for (size_t i = 0; i < n; i++) {
        uint64_t x = (uint64_t)a[i], z = x + y;
        flags |= (x ^ z) & (y ^ z);
        r[i] = (int64_t)z;
    }
    return flags >> 63;
}

/* The interval as a fixed number of units, where the calendar plays no role. */
static bool interval_as_units(struct laminar_interval interval, int sign, unsigned unit,
                              bool days_are_fixed, int64_t *out)
{
    if (interval.months || (interval.days && !days_are_fixed)) return false;
    return timestamp_add_interval(0, unit, interval, sign, NULL, out);
}

static laminar_status timestamp_interval_kernel(KERNEL_ARGS)
{
    const struct temporal_binding *binding = fn->data;
    const struct vector *times = &args[binding->time_arg], *intervals = &args[binding->other_arg];
    unsigned unit = fn->result.unit;
    int64_t *r = OUT(int64_t, out), units;
    const struct tz *tz = NULL;
    if (fn->result.id == LAMINAR_TYPE_TIMESTAMPTZ) {
        laminar_status status = zone_of(fn->result, env, &tz);
        if (status != LAMINAR_OK) return status;
    }
    bool days_are_fixed = !tz || tz_is_fixed(tz);
    if (intervals->shape == VEC_CONST && times->shape == VEC_FLAT &&
        interval_as_units(*(const struct laminar_interval *)intervals->data, binding->sign, unit,
                          days_are_fixed, &units) &&
        !add_constant(times->data, units, r, n))
        return LAMINAR_OK;
    for (size_t i = 0; i < n; i++) {
        r[i] = 0;
        if (!column_is_valid(out, i)) continue;
        if (unlikely(!timestamp_add_interval(ROW(int64_t, times, i), unit,
                                             ROW(struct laminar_interval, intervals, i),
                                             binding->sign, tz, &r[i])) &&
            time_fail(env, out, i, args, sign_text(binding->sign)))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}

static laminar_status timestamp_difference_kernel(KERNEL_ARGS)
{
    struct laminar_interval *r = OUT(struct laminar_interval, out);
    unsigned unit = args[0].type.unit;
    for (size_t i = 0; i < n; i++) {
        r[i] = (struct laminar_interval){0};
        if (!column_is_valid(out, i)) continue;
        if (unlikely(!timestamp_difference(ROW(int64_t, &args[0], i), ROW(int64_t, &args[1], i),
                                           unit, &r[i])) &&
            time_fail(env, out, i, args, "-"))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}

/* --- TIME -------------------------------------------------------------------------------------------------------------------- */

static laminar_status time_interval_kernel(KERNEL_ARGS)
{
    const struct temporal_binding *binding = fn->data;
    const struct vector *times = &args[binding->time_arg], *intervals = &args[binding->other_arg];
    int64_t *r = OUT(int64_t, out), per = units_per_second(fn->result.unit),
            per_day = per * SECONDS_PER_DAY;
    for (size_t i = 0; i < n; i++) {
        int64_t units = floor_div(ROW(struct laminar_interval, intervals, i).nanos,
                                  NANOS_PER_SECOND / per) %
                        per_day;
        int64_t time = ROW(int64_t, times, i) % per_day;
        r[i] = floor_mod(time + binding->sign * units, per_day);
    }
    return LAMINAR_OK;
}
static laminar_status time_difference_kernel(KERNEL_ARGS)
{
    struct laminar_interval *r = OUT(struct laminar_interval, out);
    int64_t nanos_per_unit = NANOS_PER_SECOND / units_per_second(args[0].type.unit);
    for (size_t i = 0; i < n; i++) {
        uint64_t difference = (uint64_t)ROW(int64_t, &args[0], i) -
                              (uint64_t)ROW(int64_t, &args[1], i);
        r[i] = (struct laminar_interval){.nanos = (int64_t)(difference * (uint64_t)nanos_per_unit)};
    }
    return LAMINAR_OK;
}
static laminar_status date_time_kernel(KERNEL_ARGS)
{
    const struct temporal_binding *binding = fn->data;
    int64_t *r = OUT(int64_t, out);
    int64_t per_day = units_per_second(fn->result.unit) * SECONDS_PER_DAY;
    for (size_t i = 0; i < n; i++) {
        int64_t date = ROW(int32_t, &args[binding->time_arg], i),
                time = ROW(int64_t, &args[binding->other_arg], i);
        r[i] = 0;
        if (!column_is_valid(out, i)) continue;
        if (unlikely(__builtin_mul_overflow(date, per_day, &r[i]) ||
                     __builtin_add_overflow(r[i], time, &r[i])) &&
            time_fail(env, out, i, args, "+"))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}

/* --- DATE -------------------------------------------------------------------------------------------------------------------- */

static laminar_status date_days_kernel(KERNEL_ARGS)
{
    const struct temporal_binding *binding = fn->data;
    const struct vector *dates = &args[binding->time_arg], *days = &args[binding->other_arg];
    int32_t *r = OUT(int32_t, out);
    for (size_t i = 0; i < n; i++) {
        int64_t date = ROW(int32_t, dates, i), delta = ROW(int64_t, days, i);
        bool is_outside = binding->sign > 0 ? __builtin_add_overflow(date, delta, &date)
                                            : __builtin_sub_overflow(date, delta, &date);
        r[i] = (int32_t)date;
        if (unlikely(is_outside || date != r[i]) && column_is_valid(out, i) &&
            time_fail(env, out, i, args, sign_text(binding->sign)))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}
static laminar_status date_difference_kernel(KERNEL_ARGS)
{
    const int32_t *a = args[0].data, *b = args[1].data;
    size_t sa = vector_stride(&args[0]), sb = vector_stride(&args[1]);
    int64_t *restrict r = OUT(int64_t, out);
    for (size_t i = 0; i < n; i++) r[i] = (int64_t)a[i * sa] - b[i * sb];
    return LAMINAR_OK;
}

/* --- INTERVAL ------------------------------------------------------------------------------------------------------------------ */

static laminar_status interval_sum_kernel(KERNEL_ARGS)
{
    const struct temporal_binding *binding = fn->data;
    struct laminar_interval *r = OUT(struct laminar_interval, out);
    for (size_t i = 0; i < n; i++) {
        struct laminar_interval a = ROW(struct laminar_interval, &args[0], i),
                                b = ROW(struct laminar_interval, &args[1], i);
        bool is_over = false;
        if (binding->sign > 0) {
            is_over |= __builtin_add_overflow(a.months, b.months, &r[i].months);
            is_over |= __builtin_add_overflow(a.days, b.days, &r[i].days);
            is_over |= __builtin_add_overflow(a.nanos, b.nanos, &r[i].nanos);
        } else {
            is_over |= __builtin_sub_overflow(a.months, b.months, &r[i].months);
            is_over |= __builtin_sub_overflow(a.days, b.days, &r[i].days);
            is_over |= __builtin_sub_overflow(a.nanos, b.nanos, &r[i].nanos);
        }
        if (unlikely(is_over) && column_is_valid(out, i) &&
            time_fail(env, out, i, args, sign_text(binding->sign)))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}

static laminar_status interval_times_integer_kernel(KERNEL_ARGS)
{
    const struct temporal_binding *binding = fn->data;
    struct laminar_interval *r = OUT(struct laminar_interval, out);
    for (size_t i = 0; i < n; i++) {
        struct laminar_interval v = ROW(struct laminar_interval, &args[binding->time_arg], i);
        int64_t factor = ROW(int64_t, &args[binding->other_arg], i);
        bool is_over = __builtin_mul_overflow(v.months, factor, &r[i].months);
        is_over |= __builtin_mul_overflow(v.days, factor, &r[i].days);
        is_over |= __builtin_mul_overflow(v.nanos, factor, &r[i].nanos);
        if (unlikely(is_over) && column_is_valid(out, i) && time_fail(env, out, i, args, "*"))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}

/* Fractions of months become days (30 a month), those of days become time: PostgreSQL's rule. */
static bool interval_scale(struct laminar_interval v, double factor, struct laminar_interval *out)
{
    double months = (double)v.months * factor, whole_months = trunc(months);
    double days = (double)v.days * factor + (months - whole_months) * 30;
    days = fabs(days - rint(days)) < 1e-9 ? rint(days) : days;
    double whole_days = trunc(days);
    double nanos = rint((double)v.nanos * factor + (days - whole_days) * (double)NANOS_PER_DAY);
    bool fits = fabs(whole_months) <= INT32_MAX && fabs(whole_days) <= INT32_MAX &&
                fabs(nanos) < 9.2233720368547e18;
    if (fits)
        *out = (struct laminar_interval){(int32_t)whole_months, (int32_t)whole_days,
                                         (int64_t)nanos};
    return fits; /* false for NaN too */
}

static always_inline laminar_status interval_scaled(bool divides, KERNEL_ARGS)
{
    const struct temporal_binding *binding = fn->data;
    struct laminar_interval *r = OUT(struct laminar_interval, out);
    for (size_t i = 0; i < n; i++) {
        r[i] = (struct laminar_interval){0};
        if (!column_is_valid(out, i)) continue;
        struct laminar_interval v = ROW(struct laminar_interval, &args[binding->time_arg], i);
        double factor = ROW(double, &args[binding->other_arg], i);
        if (divides && factor == 0) {
            if (zero_fail(env, out, i)) return eval_failure(env);
            continue;
        }
        if (unlikely(!interval_scale(v, divides ? 1 / factor : factor, &r[i])) &&
            time_fail(env, out, i, args, divides ? "/" : "*"))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}
static laminar_status interval_times_double_kernel(KERNEL_ARGS)
{
    return interval_scaled(false, fn, env, args, n, out);
}
static laminar_status interval_divide_kernel(KERNEL_ARGS)
{
    return interval_scaled(true, fn, env, args, n, out);
}

static laminar_status interval_negate_kernel(KERNEL_ARGS)
{
    const struct laminar_interval *a = args[0].data;
    struct laminar_interval *r = OUT(struct laminar_interval, out);
    for (size_t i = 0; i < n; i++) {
        bool is_over = __builtin_sub_overflow(0, a[i].months, &r[i].months);
        is_over |= __builtin_sub_overflow(0, a[i].days, &r[i].days);
        is_over |= __builtin_sub_overflow(0, a[i].nanos, &r[i].nanos);
        if (unlikely(is_over) && column_is_valid(out, i) &&
            eval_fail(env, out, i, "INTERVAL out of range: - (%s)", VALUE_TEXT(&args[0], i)))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}

/* --- Binding ---------------------------------------------------------------------------------------------------------------------- */

static laminar_status bound(struct function_binding *binding, scalar_kernel kernel,
                            struct data_type result, uint32_t extra_flags)
{
    binding->fn->kernel = kernel;
    binding->fn->result = result;
    binding->fn->flags = FN_STRICT | extra_flags;
    return LAMINAR_OK;
}

laminar_status bind_interval_negate(struct function_binding *binding)
{
    return bound(binding, interval_negate_kernel, TYPE(INTERVAL), FN_FALLIBLE);
}

static bool is_moment(struct data_type t)
{
    return t.id == LAMINAR_TYPE_DATE || type_is_timestamp(t);
}
static bool is_temporal(struct data_type t)
{
    return is_moment(t) || t.id == LAMINAR_TYPE_TIME || t.id == LAMINAR_TYPE_INTERVAL;
}

/* Literal strings and nulls take the type that makes sense beside the other side. */
static void adapt_operand(struct function_binding *binding, uint32_t i, enum arith_op op)
{
    struct data_type *types = binding->fn->arg_types, other = types[1 - i];
    bool is_open = types[i].id == LAMINAR_TYPE_NULL || binding_is_string_literal(binding, i);
    if (!is_open || !is_temporal(other)) return;
    bool other_is_interval = other.id == LAMINAR_TYPE_INTERVAL;
    if (op == ARITH_MULTIPLY || op == ARITH_DIVIDE)
        types[i] = TYPE(DOUBLE);
    else if (op == ARITH_SUBTRACT && !other_is_interval)
        types[i] = other;
    else if (other_is_interval && types[i].id != LAMINAR_TYPE_NULL && i == 0)
        types[i] = type_timestamp(UNIT_MICRO);
    else
        types[i] = TYPE(INTERVAL);
}

/* moment ± INTERVAL; `t` is the moment's argument. */
static laminar_status bind_moment_interval(struct function_binding *binding, uint32_t t,
                                           unsigned max_unit_if_open)
{
    struct bound_function *fn = binding->fn;
    struct data_type type = fn->arg_types[t];
    const struct vector *constant = binding_constant(binding, 1 - t);
    bool is_known = constant && constant->type.id == LAMINAR_TYPE_INTERVAL;
    unsigned unit = type.id == LAMINAR_TYPE_DATE ? UNIT_MICRO : type.unit;
    if (is_known)
        unit = interval_unit(*(const struct laminar_interval *)constant->data, unit);
    else if (unit < max_unit_if_open)
        unit = max_unit_if_open;
    if (type.id == LAMINAR_TYPE_TIMESTAMPTZ) {
        laminar_status status = type_timestamptz(
            (enum time_unit)unit, type.info ? type.info->zone : "UTC", &type, binding->err);
        if (status != LAMINAR_OK) return status;
    } else {
        type = type_timestamp((enum time_unit)unit);
    }
    fn->arg_types[t] = type;
    /* A constant shift of a column keeps its order. */
    return bound(binding, timestamp_interval_kernel, type,
                 FN_FALLIBLE | (is_known && t == 0 ? FN_MONOTONE : 0));
}

static laminar_status bind_time_interval(struct function_binding *binding, uint32_t t)
{
    struct bound_function *fn = binding->fn;
    if (fn->arg_types[t].unit < UNIT_MICRO) fn->arg_types[t] = type_time(UNIT_MICRO);
    return bound(binding, time_interval_kernel, fn->arg_types[t], 0);
}

static laminar_status bind_sum(struct function_binding *binding, enum arith_op op)
{
    struct bound_function *fn = binding->fn;
    struct data_type *types = fn->arg_types;
    for (uint32_t t = 0; t < (op == ARITH_ADD ? 2U : 1U);
         t++) { /* the time may be on the right of + */
        struct data_type time = types[t], other = types[1 - t];
        fn->data = &bindings[op == ARITH_SUBTRACT][t];
        if (is_moment(time) && other.id == LAMINAR_TYPE_INTERVAL)
            return bind_moment_interval(binding, t, UNIT_MICRO);
        if (time.id == LAMINAR_TYPE_TIME && other.id == LAMINAR_TYPE_INTERVAL)
            return bind_time_interval(binding, t);
        if (time.id == LAMINAR_TYPE_DATE && type_is_integer(other)) {
            types[1 - t] = TYPE(INT64);
            return bound(binding, date_days_kernel, TYPE(DATE), FN_FALLIBLE);
        }
        if (time.id == LAMINAR_TYPE_DATE && other.id == LAMINAR_TYPE_TIME && op == ARITH_ADD)
            return bound(binding, date_time_kernel, type_timestamp((enum time_unit)other.unit),
                         FN_FALLIBLE);
        if (time.id == LAMINAR_TYPE_INTERVAL && other.id == LAMINAR_TYPE_INTERVAL)
            return bound(binding, interval_sum_kernel, TYPE(INTERVAL), FN_FALLIBLE);
    }
    return bind_mismatch(binding);
}

static laminar_status bind_difference(struct function_binding *binding)
{
    struct data_type *types = binding->fn->arg_types, common;
    if (types[0].id == LAMINAR_TYPE_DATE && types[1].id == LAMINAR_TYPE_DATE)
        return bound(binding, date_difference_kernel, TYPE(INT64), 0);
    bool is_time = types[0].id == LAMINAR_TYPE_TIME && types[1].id == LAMINAR_TYPE_TIME;
    if (!is_time && !(is_moment(types[0]) && is_moment(types[1])))
        return bind_sum(binding, ARITH_SUBTRACT);
    if (!type_common(types[0], types[1], &common)) return bind_mismatch(binding);
    types[0] = types[1] = common;
    return bound(binding, is_time ? time_difference_kernel : timestamp_difference_kernel,
                 TYPE(INTERVAL), is_time ? 0 : FN_FALLIBLE);
}

static laminar_status bind_product(struct function_binding *binding, enum arith_op op)
{
    struct bound_function *fn = binding->fn;
    struct data_type *types = fn->arg_types;
    uint32_t t = types[0].id == LAMINAR_TYPE_INTERVAL ? 0 : 1;
    bool fits = types[t].id == LAMINAR_TYPE_INTERVAL && type_is_numeric(types[1 - t]) &&
                (op == ARITH_MULTIPLY || t == 0);
    if (!fits) return bind_mismatch(binding);
    bool is_integer = type_is_integer(types[1 - t]) && op == ARITH_MULTIPLY;
    types[1 - t] = is_integer ? TYPE(INT64) : TYPE(DOUBLE);
    fn->data = &bindings[0][t];
    return bound(binding,
                 is_integer             ? interval_times_integer_kernel
                 : op == ARITH_MULTIPLY ? interval_times_double_kernel
                                        : interval_divide_kernel,
                 TYPE(INTERVAL), FN_FALLIBLE);
}

laminar_status bind_temporal_arith(struct function_binding *binding, enum arith_op op)
{
    adapt_operand(binding, 0, op);
    adapt_operand(binding, 1, op);
    switch (op) {
    case ARITH_ADD: return bind_sum(binding, op);
    case ARITH_SUBTRACT: return bind_difference(binding);
    case ARITH_MULTIPLY:
    case ARITH_DIVIDE: return bind_product(binding, op);
    case ARITH_MODULO: break;
    }
    return bind_mismatch(binding);
}
