/* fn_time.c - clocks (now, current_date ...), making dates and timestamps from parts and numbers and back, time zones, age.
 *
 * The clock is the step's: the same for all rows of a step, so that a step can be replayed. */
#include "function/op_arith.h"
#include "function/time_field.h"
#include <inttypes.h>
#include <math.h>

laminar_status bind_date_sub_field(struct function_binding *binding); /* fn_date.c */

/* --- The clock -------------------------------------------------------------------------------------------------------------------------- */

static laminar_status session_zone(const struct eval_env *env, const struct tz **out)
{
    const char *name = env->zone ? env->zone : "UTC";
    return zone_named(name, strlen(name), out, env->err);
}
static laminar_status now_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) OUT(int64_t, out)[i] = env->now_us;
    return LAMINAR_OK;
}
static laminar_status proctime_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) OUT(int64_t, out)[i] = floor_div(env->now_us, 1000);
    return LAMINAR_OK;
}
/* What a clock of the session's zone shows. */
static laminar_status local_now(struct eval_env *env, int64_t *out)
{
    const struct tz *tz;
    laminar_status status = session_zone(env, &tz);
    if (status == LAMINAR_OK) *out = time_to_local(env->now_us, UNIT_MICRO, tz);
    return status;
}
static laminar_status local_timestamp_kernel(KERNEL_ARGS)
{
    int64_t now;
    laminar_status status = local_now(env, &now);
    for (size_t i = 0; i < n && status == LAMINAR_OK; i++) OUT(int64_t, out)[i] = now;
    return status;
}
static laminar_status current_date_kernel(KERNEL_ARGS)
{
    int64_t now;
    laminar_status status = local_now(env, &now);
    for (size_t i = 0; i < n && status == LAMINAR_OK; i++)
        OUT(int32_t, out)[i] = (int32_t)floor_div(now, SECONDS_PER_DAY * 1000000);
    return status;
}
static laminar_status current_time_kernel(KERNEL_ARGS)
{
    int64_t now;
    laminar_status status = local_now(env, &now);
    for (size_t i = 0; i < n && status == LAMINAR_OK; i++)
        OUT(int64_t, out)[i] = floor_mod(now, SECONDS_PER_DAY * 1000000);
    return status;
}

/* --- From parts -------------------------------------------------------------------------------------------------------------------------- */

static bool valid_date(int64_t year, int64_t month, int64_t day, int64_t *out)
{
    if (year < -5000000 || year > 5000000 || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    *out = civil_to_days(year, (int)month, (int)day);
    struct civil_date back = civil_date(*out);
    return back.day == day; /* 30 February comes back as another day */
}
static laminar_status make_date_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        int64_t year = ROW(int64_t, &args[0], i), month = ROW(int64_t, &args[1], i),
                day = ROW(int64_t, &args[2], i), days = 0;
        bool fits = valid_date(year, month, day, &days);
        OUT(int32_t, out)[i] = fits ? (int32_t)days : 0;
        if (unlikely(!fits) && column_is_valid(out, i) &&
            eval_fail(env, out, i, "there is no date %" PRId64 "-%02" PRId64 "-%02" PRId64, year,
                      month, day))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}
static bool valid_time(int64_t hour, int64_t minute, double second, int64_t *out_us)
{
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || !(second >= 0 && second < 60))
        return false;
    *out_us = (hour * 3600 + minute * 60) * 1000000 + (int64_t)rint(second * 1e6);
    return true;
}
static laminar_status make_time_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        int64_t hour = ROW(int64_t, &args[0], i), minute = ROW(int64_t, &args[1], i), us = 0;
        double second = ROW(double, &args[2], i);
        bool fits = valid_time(hour, minute, second, &us) && us < SECONDS_PER_DAY * 1000000;
        OUT(int64_t, out)[i] = fits ? us : 0;
        if (unlikely(!fits) && column_is_valid(out, i) &&
            eval_fail(env, out, i, "there is no time %02" PRId64 ":%02" PRId64 ":%g", hour, minute,
                      second))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}
static laminar_status make_timestamp_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        int64_t part[5], days = 0, us = 0;
        for (int k = 0; k < 5; k++) part[k] = ROW(int64_t, &args[k], i);
        double second = ROW(double, &args[5], i);
        bool fits = valid_date(part[0], part[1], part[2], &days) &&
                    valid_time(part[3], part[4], second, &us) &&
                    !__builtin_mul_overflow(days, SECONDS_PER_DAY * 1000000, &days) &&
                    !__builtin_add_overflow(days, us, &us);
        OUT(int64_t, out)[i] = fits ? us : 0;
        if (unlikely(!fits) && column_is_valid(out, i) &&
            eval_fail(env, out, i,
                      "there is no time %" PRId64 "-%02" PRId64 "-%02" PRId64 " %02" PRId64
                      ":%02" PRId64 ":%g",
                      part[0], part[1], part[2], part[3], part[4], second))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}

/* --- Numbers and timestamps ----------------------------------------------------------------------------------------------------------------- */

static laminar_status same_i64_kernel(KERNEL_ARGS)
{
    if (n) memcpy(out->vec.data, args[0].data, n * sizeof(int64_t));
    return LAMINAR_OK;
}
static laminar_status seconds_kernel(KERNEL_ARGS) /* BIGINT seconds -> TIMESTAMP(6) */
{
    for (size_t i = 0; i < n; i++) {
        int64_t value = ROW(int64_t, &args[0], i);
        if (unlikely(__builtin_mul_overflow(value, 1000000, &OUT(int64_t, out)[i])) &&
            column_is_valid(out, i) &&
            eval_fail(env, out, i, "TIMESTAMP out of range: %" PRId64 " seconds", value))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}
static laminar_status double_seconds_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        double value = ROW(double, &args[0], i), us = rint(value * 1e6);
        bool fits = fabs(us) < 9.2e18;
        OUT(int64_t, out)[i] = fits ? (int64_t)us : 0;
        if (unlikely(!fits) && column_is_valid(out, i) &&
            eval_fail(env, out, i, "TIMESTAMP out of range: %g seconds", value))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}
static laminar_status parse_timestamp_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        OUT(int64_t, out)[i] = 0;
        if (!column_is_valid(out, i)) continue;
        const struct string_view *s = &ROW(struct string_view, &args[0], i);
        if (text_parse_value(fn->result, string_data(s), s->size, &OUT(int64_t, out)[i]) !=
                PARSE_OK &&
            eval_fail(env, out, i, "'%s' is not a valid %s", VALUE_TEXT(&args[0], i),
                      TYPE_TEXT(fn->result)))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}

/* epoch_ms(ts) and its like: the unit is the param; epoch_ms(BIGINT) is the way back. */
static laminar_status epoch_unit_kernel(KERNEL_ARGS)
{
    unsigned to = (unsigned)(uintptr_t)fn->data, from = args[0].type.unit;
    bool is_date = args[0].type.id == LAMINAR_TYPE_DATE;
    for (size_t i = 0; i < n; i++) {
        int64_t value = is_date ? ROW(int32_t, &args[0], i) * SECONDS_PER_DAY
                                : ROW(int64_t, &args[0], i);
        if (unlikely(
                !time_convert(value, is_date ? UNIT_SECOND : from, to, &OUT(int64_t, out)[i])) &&
            column_is_valid(out, i) &&
            eval_fail(env, out, i, "BIGINT out of range: %s(%s)", fn->name,
                      VALUE_TEXT(&args[0], i)))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}
static laminar_status bind_epoch_unit(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    struct data_type *type = &fn->arg_types[0];
    fn->data = fn->function->param;
    enum time_unit unit = (enum time_unit)(uintptr_t)fn->data;
    if (type_is_integer(*type) &&
        strcmp(fn->name, "to_unixtime") != 0) { /* a number of units to a timestamp */
        *type = TYPE(INT64);
        fn->result = type_timestamp(unit);
        fn->kernel = same_i64_kernel;
        fn->flags = FN_STRICT | FN_MONOTONE;
        return LAMINAR_OK;
    }
    if (binding_is_string_literal(binding, 0) || type->id == LAMINAR_TYPE_NULL)
        *type = type_timestamp(UNIT_MICRO);
    if (!type_is_timestamp(*type) && type->id != LAMINAR_TYPE_DATE) return bind_mismatch(binding);
    fn->kernel = epoch_unit_kernel;
    fn->result = TYPE(INT64);
    fn->flags = FN_STRICT | FN_FALLIBLE | FN_MONOTONE;
    return LAMINAR_OK;
}

/* --- Zones ------------------------------------------------------------------------------------------------------------------------------------ */

/* timezone(zone, ts): a clock reading there to the moment, or the moment to the clock reading there. */
static laminar_status timezone_kernel(KERNEL_ARGS)
{
    bool to_local = args[1].type.id == LAMINAR_TYPE_TIMESTAMPTZ;
    const struct tz *tz = NULL;
    const struct string_view *last = NULL;
    int64_t *r = OUT(int64_t, out);
    for (size_t i = 0; i < n; i++) {
        r[i] = 0;
        if (!column_is_valid(out, i)) continue;
        const struct string_view *name = &ROW(struct string_view, &args[0], i);
        if (!last || !string_equal(last, name)) {
            struct laminar_error unknown = {0};
            last = NULL;
            laminar_status status = zone_named(string_data(name), name->size, &tz, &unknown);
            if (status == LAMINAR_OUT_OF_MEMORY) return error_oom(env->err);
            if (status != LAMINAR_OK) {
                if (eval_fail(env, out, i, "%s", unknown.message)) return eval_failure(env);
                continue;
            }
            last = name;
        }
        int64_t value = ROW(int64_t, &args[1], i);
        r[i] = to_local ? time_to_local(value, args[1].type.unit, tz)
                        : time_from_local(value, args[1].type.unit, tz);
    }
    return LAMINAR_OK;
}
static laminar_status bind_timezone(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    struct data_type *type = &fn->arg_types[1];
    const struct vector *zone = binding_constant(binding, 0);
    const struct tz *tz;
    laminar_status status = LAMINAR_OK;
    if (cast_cost(fn->arg_types[0], TYPE(VARCHAR), false) < 0) return bind_mismatch(binding);
    if (zone && zone->type.id == LAMINAR_TYPE_VARCHAR) { /* a literal's mistake is found now */
        const struct string_view *name = zone->data;
        status = zone_named(string_data(name), name->size, &tz, binding->err);
        if (status != LAMINAR_OK) return status;
    }
    fn->arg_types[0] = TYPE(VARCHAR);
    if (binding_is_string_literal(binding, 1) || type->id == LAMINAR_TYPE_NULL ||
        type->id == LAMINAR_TYPE_DATE)
        *type = type_timestamp(UNIT_MICRO);
    if (!type_is_timestamp(*type)) return bind_mismatch(binding);
    if (type->id == LAMINAR_TYPE_TIMESTAMPTZ)
        fn->result = type_timestamp((enum time_unit)type->unit);
    else
        status = type_timestamptz((enum time_unit)type->unit, "UTC", &fn->result, binding->err);
    fn->kernel = timezone_kernel;
    fn->flags = FN_STRICT | FN_FALLIBLE;
    return status;
}

/* --- age, date_add, date_sub ----------------------------------------------------------------------------------------------------------------------- */

/* Years, months and days by the calendar, then time, as PostgreSQL's age(). */
static bool age_between(int64_t a, int64_t b, struct laminar_interval *out)
{
    const int64_t per_day = SECONDS_PER_DAY * 1000000;
    bool is_negative = a < b;
    int64_t late = is_negative ? b : a, early = is_negative ? a : b;
    struct civil_date dl = civil_date(floor_div(late, per_day)),
                      de = civil_date(floor_div(early, per_day));
    int64_t months = (dl.year - de.year) * 12 + dl.month - de.month, moved;
    if (months > INT32_MAX) return false;
    if (!timestamp_add_interval(early, UNIT_MICRO,
                                (struct laminar_interval){.months = (int32_t)months}, 1, NULL,
                                &moved))
        return false;
    if (moved > late) {
        months--;
        if (!timestamp_add_interval(early, UNIT_MICRO,
                                    (struct laminar_interval){.months = (int32_t)months}, 1, NULL,
                                    &moved))
            return false;
    }
    int64_t rest = late - moved, days = rest / per_day, nanos = rest % per_day * 1000;
    int sign = is_negative ? -1 : 1;
    *out = (struct laminar_interval){(int32_t)(sign * months), (int32_t)(sign * days),
                                     sign * nanos};
    return true;
}
static laminar_status age_kernel(KERNEL_ARGS)
{
    int64_t midnight = 0;
    if (fn->n_args == 1) {
        laminar_status status = local_now(env, &midnight);
        if (status != LAMINAR_OK) return status;
        midnight = floor_div(midnight, SECONDS_PER_DAY * 1000000) * SECONDS_PER_DAY * 1000000;
    }
    for (size_t i = 0; i < n; i++) {
        int64_t a = fn->n_args == 1 ? midnight : ROW(int64_t, &args[0], i),
                b = ROW(int64_t, &args[fn->n_args - 1], i);
        OUT(struct laminar_interval, out)[i] = (struct laminar_interval){0};
        if (column_is_valid(out, i) && !age_between(a, b, &OUT(struct laminar_interval, out)[i]) &&
            eval_fail(env, out, i, "age of %s is out of range",
                      VALUE_TEXT(&args[fn->n_args - 1], i)))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}

static laminar_status bind_date_add(struct function_binding *binding)
{
    bool is_sub = binding->fn->function->param != NULL;
    if (binding->fn->n_args == 3)
        return is_sub ? bind_date_sub_field(binding) : bind_mismatch(binding);
    return bind_temporal_arith(binding, is_sub ? ARITH_SUBTRACT : ARITH_ADD);
}

#define CLOCK (FN_STRICT | FN_STEP_STABLE)
#define FALLIBLE (FN_STRICT | FN_FALLIBLE)
static const struct scalar_function functions[] = {
    {"now", "now() -> TIMESTAMP WITH TIME ZONE", "Time of the step", 0, 0, bind_overloads,
     OVERLOADS({"Z:", now_kernel, CLOCK, NULL})},
    {"current_timestamp", "current_timestamp -> TIMESTAMP WITH TIME ZONE", "Same as now()", 0, 1,
     bind_overloads, OVERLOADS({"Z:", now_kernel, CLOCK, NULL})},
    {"transaction_timestamp", "transaction_timestamp() -> TIMESTAMP WITH TIME ZONE",
     "Same as now()", 0, 0, bind_overloads, OVERLOADS({"Z:", now_kernel, CLOCK, NULL})},
    {"localtimestamp", "localtimestamp -> TIMESTAMP", "What a clock of the session's zone shows", 0,
     0, bind_overloads, OVERLOADS({"T:", local_timestamp_kernel, CLOCK, NULL})},
    {"current_date", "current_date -> DATE", "Today, in the session's zone", 0, 0, bind_overloads,
     OVERLOADS({"D:", current_date_kernel, CLOCK, NULL})},
    {"today", "today() -> DATE", "Same as current_date", 0, 0, bind_overloads,
     OVERLOADS({"D:", current_date_kernel, CLOCK, NULL})},
    {"current_time", "current_time -> TIME", "Time of day, in the session's zone", 0, 0,
     bind_overloads, OVERLOADS({"M:", current_time_kernel, CLOCK, NULL})},
    {"localtime", "localtime -> TIME", "Same as current_time", 0, 0, bind_overloads,
     OVERLOADS({"M:", current_time_kernel, CLOCK, NULL})},
    {"proctime", "proctime() -> TIMESTAMP(3)", "Time at which the row is processed, in UTC", 0, 0,
     bind_overloads, OVERLOADS({"m:", proctime_kernel, CLOCK, NULL})},
    {"make_date", "make_date(year, month, day) -> DATE", "A date from its parts", 3, 3,
     bind_overloads, OVERLOADS({"D:lll", make_date_kernel, FALLIBLE, NULL})},
    {"make_time", "make_time(hour, minute, second) -> TIME", "A time from its parts", 3, 3,
     bind_overloads, OVERLOADS({"M:lld", make_time_kernel, FALLIBLE, NULL})},
    {"make_timestamp",
     "make_timestamp(year, month, day, hour, minute, second) or (microseconds) -> TIMESTAMP",
     "A timestamp from its parts", 1, 6, bind_overloads,
     OVERLOADS({"T:llllld", make_timestamp_kernel, FALLIBLE, NULL},
               {"T:l", same_i64_kernel, FN_STRICT | FN_MONOTONE, NULL})},
    {"to_timestamp", "to_timestamp(seconds) or (text) -> TIMESTAMP",
     "Seconds since 1970, or a text, as timestamp", 1, 1, bind_overloads,
     OVERLOADS({"T:l", seconds_kernel, FALLIBLE | FN_MONOTONE, NULL},
               {"T:d", double_seconds_kernel, FALLIBLE | FN_MONOTONE, NULL},
               {"T:s", parse_timestamp_kernel, FALLIBLE, NULL},
               {"T:T", same_i64_kernel, FN_STRICT | FN_MONOTONE, NULL})},
    {"to_timestamp_seconds", "to_timestamp_seconds(x) -> TIMESTAMP(0)",
     "Seconds since 1970, or a text, as timestamp", 1, 1, bind_overloads,
     OVERLOADS({"t:l", same_i64_kernel, FN_STRICT | FN_MONOTONE, NULL},
               {"t:s", parse_timestamp_kernel, FALLIBLE, NULL})},
    {"to_timestamp_millis", "to_timestamp_millis(x) -> TIMESTAMP(3)",
     "Milliseconds since 1970, or a text, as timestamp", 1, 1, bind_overloads,
     OVERLOADS({"m:l", same_i64_kernel, FN_STRICT | FN_MONOTONE, NULL},
               {"m:s", parse_timestamp_kernel, FALLIBLE, NULL})},
    {"to_timestamp_micros", "to_timestamp_micros(x) -> TIMESTAMP(6)",
     "Microseconds since 1970, or a text, as timestamp", 1, 1, bind_overloads,
     OVERLOADS({"T:l", same_i64_kernel, FN_STRICT | FN_MONOTONE, NULL},
               {"T:s", parse_timestamp_kernel, FALLIBLE, NULL})},
    {"to_timestamp_nanos", "to_timestamp_nanos(x) -> TIMESTAMP(9)",
     "Nanoseconds since 1970, or a text, as timestamp", 1, 1, bind_overloads,
     OVERLOADS({"N:l", same_i64_kernel, FN_STRICT | FN_MONOTONE, NULL},
               {"N:s", parse_timestamp_kernel, FALLIBLE, NULL})},
    {"from_unixtime", "from_unixtime(seconds) -> TIMESTAMP(0)", "Seconds since 1970 as timestamp",
     1, 1, bind_overloads, OVERLOADS({"t:l", same_i64_kernel, FN_STRICT | FN_MONOTONE, NULL})},
    {"to_unixtime", "to_unixtime(ts) -> BIGINT", "Seconds since 1970-01-01 UTC", 1, 1,
     bind_epoch_unit, (void *)UNIT_SECOND},
    {"epoch_ms", "epoch_ms(ts) -> BIGINT, epoch_ms(BIGINT) -> TIMESTAMP(3)",
     "Milliseconds since 1970-01-01 UTC, and back", 1, 1, bind_epoch_unit, (void *)UNIT_MILLI},
    {"epoch_us", "epoch_us(ts) -> BIGINT, epoch_us(BIGINT) -> TIMESTAMP(6)",
     "Microseconds since 1970-01-01 UTC, and back", 1, 1, bind_epoch_unit, (void *)UNIT_MICRO},
    {"epoch_ns", "epoch_ns(ts) -> BIGINT, epoch_ns(BIGINT) -> TIMESTAMP(9)",
     "Nanoseconds since 1970-01-01 UTC, and back", 1, 1, bind_epoch_unit, (void *)UNIT_NANO},
    {"timezone", "timezone(zone, ts), ts AT TIME ZONE zone",
     "A clock reading in the zone to the moment, or the moment to the clock reading there", 2, 2,
     bind_timezone, NULL},
    {"age", "age(a [, b]) -> INTERVAL",
     "a - b in years, months and days; age(a) is from a to today", 1, 2, bind_overloads,
     OVERLOADS({"I:T", age_kernel, FALLIBLE | FN_STEP_STABLE, NULL},
               {"I:TT", age_kernel, FALLIBLE, NULL})},
    {"date_add", "date_add(ts, interval) -> as ts + interval", "The time moved forward", 2, 2,
     bind_date_add, NULL},
    {"date_sub", "date_sub(ts, interval) -> as ts - interval; date_sub('field', a, b) -> BIGINT",
     "The time moved back; whole fields between a and b", 2, 3, bind_date_add, (void *)1},
};
SCALAR_FAMILY(time, functions);
