/* time_math.c - see time_math.h. */
#include "function/time_math.h"

static int days_in_month(int64_t year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap);
}

bool days_add_months(int64_t days, int64_t months, int64_t *out)
{
    if (days > INT32_MAX || days < INT32_MIN || months > INT32_MAX || months < INT32_MIN)
        return false;
    int64_t year;
    int month, day;
    civil_from_days(days, &year, &month, &day);
    int64_t total = year * 12 + (month - 1) + months;
    year = floor_div(total, 12);
    month = (int)floor_mod(total, 12) + 1;
    int last = days_in_month(year, month);
    *out = civil_to_days(year, month, day < last ? day : last);
    return *out <= INT32_MAX && *out >= INT32_MIN;
}

bool timestamp_add_interval(int64_t value, unsigned unit, struct laminar_interval interval,
                            int sign, const struct tz *tz, int64_t *out)
{
    int64_t per = units_per_second(unit), per_day = per * SECONDS_PER_DAY;
    if (interval.months || interval.days) {
        bool is_local = tz && !tz_is_fixed(tz);
        if (is_local) value = time_to_local(value, unit, tz);
        int64_t days = floor_div(value, per_day), rest = floor_mod(value, per_day);
        if (interval.months && !days_add_months(days, (int64_t)interval.months * sign, &days))
            return false;
        days += (int64_t)interval.days * sign;
        if (__builtin_mul_overflow(days, per_day, &value) ||
            __builtin_add_overflow(value, rest, &value))
            return false;
        if (is_local) value = time_from_local(value, unit, tz);
    }
    int64_t nanos_per_unit = NANOS_PER_SECOND / per,
            units = floor_div(interval.nanos, nanos_per_unit);
    return sign > 0 ? !__builtin_add_overflow(value, units, out)
                    : !__builtin_sub_overflow(value, units, out);
}

bool timestamp_difference(int64_t a, int64_t b, unsigned unit, struct laminar_interval *out)
{
    int64_t difference, per = units_per_second(unit), per_day = per * SECONDS_PER_DAY;
    if (__builtin_sub_overflow(a, b, &difference)) return false;
    int64_t days = difference / per_day;
    if (days > INT32_MAX || days < INT32_MIN) return false;
    *out = (struct laminar_interval){.days = (int32_t)days,
                                     .nanos = difference % per_day * (NANOS_PER_SECOND / per)};
    return true;
}

unsigned interval_unit(struct laminar_interval interval, unsigned unit)
{
    while (unit < UNIT_NANO && interval.nanos % (NANOS_PER_SECOND / units_per_second(unit)) != 0)
        unit++;
    return unit;
}

laminar_status zone_named(const char *name, size_t size, const struct tz **out,
                          struct laminar_error *err)
{
    laminar_status status = tz_find(name, size, out, err);
    if (status == LAMINAR_INVALID_ARGUMENT && err) err->code = LAMINAR_QUERY_FAILED;
    return status == LAMINAR_INVALID_ARGUMENT ? LAMINAR_QUERY_FAILED : status;
}

laminar_status zone_of(struct data_type type, const struct eval_env *env, const struct tz **out)
{
    const char *zone = type.info && type.info->zone ? type.info->zone : "UTC";
    if (strcmp(zone, "UTC") == 0 && env->zone) zone = env->zone;
    return zone_named(zone, strlen(zone), out, env->err);
}
