/* cast_time.c - casts among DATE, TIME, TIMESTAMP, TIMESTAMP WITH TIME ZONE and INTERVAL.
 *
 * Between timestamps with and without zone stands the zone of the type (or the session's, where that is UTC): the one without is what a clock
 * there shows. To a coarser unit values round half up; a timestamp becomes the DATE that it lies in. */
#include "function/cast.h"
#include "function/time_math.h"

KERNEL_FILE

#define TIME_CAST(NAME, F, T, SETUP, EXPR)                                                         \
    static laminar_status NAME(KERNEL_ARGS)                                                        \
    {                                                                                              \
        const F *a = args[0].data;                                                                 \
        T *r = OUT(T, out);                                                                        \
        unused const unsigned from = args[0].type.unit, to = fn->result.unit;                      \
        SETUP                                                                                      \
        for (size_t i = 0; i < n; i++) {                                                           \
            F x = a[i];                                                                            \
            bool fits = EXPR;                                                                      \
            if (unlikely(!fits)) {                                                                 \
                memset(&r[i], 0, sizeof r[i]);                                                     \
                if (column_is_valid(out, i) && cast_fail(fn, env, args, out, i))                   \
                    return eval_failure(env);                                                      \
            }                                                                                      \
        }                                                                                          \
        return LAMINAR_OK;                                                                         \
    }
#define NO_SETUP
#define ZONE_SETUP(TYPE)                                                                           \
    const struct tz *tz;                                                                           \
    laminar_status status = zone_of(TYPE, env, &tz);                                               \
    if (status != LAMINAR_OK) return status;

/* Units, rounding half up where the target is coarser. */
static inline bool convert_rounding(int64_t value, unsigned from, unsigned to, int64_t *out)
{
    if (to >= from) return time_convert(value, from, to, out);
    int64_t divisor = units_per_second(from) / units_per_second(to);
    int64_t quotient = floor_div(value, divisor), rest = floor_mod(value, divisor);
    *out = quotient + (rest >= divisor - rest);
    return true;
}
static inline bool days_to_units(int64_t days, unsigned unit, int64_t *out)
{
    return !__builtin_mul_overflow(days, SECONDS_PER_DAY * units_per_second(unit), out);
}
static inline bool units_to_days(int64_t value, unsigned unit, int32_t *out)
{
    int64_t days = floor_div(value, SECONDS_PER_DAY * units_per_second(unit));
    *out = (int32_t)days;
    return days == *out;
}
static inline int64_t time_of_day(int64_t value, unsigned unit)
{
    return floor_mod(value, SECONDS_PER_DAY * units_per_second(unit));
}
/* Local times near the ends of the range would leave 64 bits. */
static inline bool to_local_checked(int64_t value, unsigned unit, const struct tz *tz, int64_t *out)
{
    int64_t per = units_per_second(unit);
    return !__builtin_add_overflow(value, tz_offset_at_utc(tz, floor_div(value, per)) * per, out);
}
static inline bool from_local_checked(int64_t value, unsigned unit, const struct tz *tz,
                                      int64_t *out)
{
    int64_t per = units_per_second(unit);
    return !__builtin_sub_overflow(value, tz_offset_at_local(tz, floor_div(value, per)) * per, out);
}

TIME_CAST(units_to_units, int64_t, int64_t, NO_SETUP, convert_rounding(x, from, to, &r[i]))
TIME_CAST(date_to_timestamp, int32_t, int64_t, NO_SETUP, days_to_units(x, to, &r[i]))
TIME_CAST(date_to_zoned, int32_t, int64_t, ZONE_SETUP(fn->result),
          days_to_units(x, to, &r[i]) && from_local_checked(r[i], to, tz, &r[i]))
TIME_CAST(timestamp_to_date, int64_t, int32_t, NO_SETUP, units_to_days(x, from, &r[i]))
TIME_CAST(zoned_to_date, int64_t, int32_t, ZONE_SETUP(args[0].type),
          to_local_checked(x, from, tz, &x) && units_to_days(x, from, &r[i]))
TIME_CAST(timestamp_to_zoned, int64_t, int64_t, ZONE_SETUP(fn->result),
          convert_rounding(x, from, to, &r[i]) && from_local_checked(r[i], to, tz, &r[i]))
TIME_CAST(zoned_to_timestamp, int64_t, int64_t, ZONE_SETUP(args[0].type),
          to_local_checked(x, from, tz, &x) && convert_rounding(x, from, to, &r[i]))
TIME_CAST(timestamp_to_time, int64_t, int64_t, NO_SETUP,
          time_convert(time_of_day(x, from), from, to, &r[i]))
TIME_CAST(zoned_to_time, int64_t, int64_t, ZONE_SETUP(args[0].type),
          to_local_checked(x, from, tz, &x) && time_convert(time_of_day(x, from), from, to, &r[i]))
TIME_CAST(time_to_interval, int64_t, struct laminar_interval, NO_SETUP,
          (r[i] = (struct laminar_interval){.nanos = (int64_t)((uint64_t)x *
                                                               (uint64_t)(NANOS_PER_SECOND /
                                                                          units_per_second(from)))},
           true))
TIME_CAST(interval_to_time, struct laminar_interval, int64_t, NO_SETUP,
          time_convert(floor_mod(x.nanos, NANOS_PER_DAY), UNIT_NANO, to, &r[i]))

/* A time of day rounded up to midnight would be no time of day: it is cut instead. */
TIME_CAST(time_to_time, int64_t, int64_t, NO_SETUP, time_convert(x, from, to, &r[i]))

scalar_kernel cast_time_kernel(struct data_type from, struct data_type to, bool *is_fallible)
{
    *is_fallible = true;
    switch ((int)from.id) {
    case LAMINAR_TYPE_DATE:
        if (to.id == LAMINAR_TYPE_TIMESTAMP) return date_to_timestamp;
        if (to.id == LAMINAR_TYPE_TIMESTAMPTZ) return date_to_zoned;
        break;
    case LAMINAR_TYPE_TIME:
        *is_fallible = false;
        if (to.id == LAMINAR_TYPE_TIME) return time_to_time;
        if (to.id == LAMINAR_TYPE_INTERVAL) return time_to_interval;
        break;
    case LAMINAR_TYPE_TIMESTAMP:
        if (to.id == LAMINAR_TYPE_TIMESTAMP) {
            *is_fallible = to.unit > from.unit;
            return units_to_units;
        }
        if (to.id == LAMINAR_TYPE_TIMESTAMPTZ) return timestamp_to_zoned;
        if (to.id == LAMINAR_TYPE_DATE) return timestamp_to_date;
        if (to.id == LAMINAR_TYPE_TIME) {
            *is_fallible = false;
            return timestamp_to_time;
        }
        break;
    case LAMINAR_TYPE_TIMESTAMPTZ:
        if (to.id == LAMINAR_TYPE_TIMESTAMPTZ) {
            *is_fallible = to.unit > from.unit;
            return units_to_units;
        }
        if (to.id == LAMINAR_TYPE_TIMESTAMP) return zoned_to_timestamp;
        if (to.id == LAMINAR_TYPE_DATE) return zoned_to_date;
        if (to.id == LAMINAR_TYPE_TIME) return zoned_to_time;
        break;
    case LAMINAR_TYPE_INTERVAL:
        if (to.id == LAMINAR_TYPE_TIME) {
            *is_fallible = false;
            return interval_to_time;
        }
        break;
    }
    *is_fallible = false;
    return NULL;
}
