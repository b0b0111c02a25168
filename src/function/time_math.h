/* time_math.h - arithmetic on dates, timestamps and intervals, with overflow reported, never wrapped.
 *
 * A moment is a count of units since 1970-01-01 UTC; without zone, of a clock that knows no zone. Division rounds down, so that times before
 * 1970 behave like those after it. */
#ifndef FUNCTION_TIME_MATH_H
#define FUNCTION_TIME_MATH_H

#include "base/tz.h"
#include "function/family.h"

#define NANOS_PER_SECOND 1000000000LL
#define SECONDS_PER_DAY 86400LL
#define NANOS_PER_DAY (SECONDS_PER_DAY * NANOS_PER_SECOND)

static inline int64_t floor_div(int64_t a, int64_t b) /* b > 0 */
{
    int64_t q = a / b;
    return q - (a % b < 0);
}
static inline int64_t floor_mod(int64_t a, int64_t b)
{
    int64_t r = a % b;
    return r < 0 ? r + b : r;
}
static inline int64_t units_per_second(unsigned unit)
{
    static const int64_t table[4] = {1, 1000, 1000000, 1000000000};
    return table[unit & 3];
}
/* From one unit to another; rounds down. False on overflow. */
static inline bool time_convert(int64_t value, unsigned from, unsigned to, int64_t *out)
{
    if (to >= from)
        return !__builtin_mul_overflow(value, units_per_second(to) / units_per_second(from), out);
    *out = floor_div(value, units_per_second(from) / units_per_second(to));
    return true;
}

/* A date moved by months; the day is cut to the month's last. False outside of what 32 bits of days can say. */
bool days_add_months(int64_t days, int64_t months, int64_t *out);
/* Months first, then days, then the time (PostgreSQL's order). With a zone (not NULL), months and days are of its calendar. */
bool timestamp_add_interval(int64_t value, unsigned unit, struct laminar_interval interval,
                            int sign, const struct tz *tz, int64_t *out);
/* Days and time between two moments of one unit (no months), as PostgreSQL and DuckDB subtract. False on overflow. */
bool timestamp_difference(int64_t a, int64_t b, unsigned unit, struct laminar_interval *out);
/* The smallest unit in which every nanosecond value of an interval constant is whole; at least `unit`. */
unsigned interval_unit(struct laminar_interval interval, unsigned unit);

/* Local clock reading of a moment, and back. */
static inline int64_t time_to_local(int64_t value, unsigned unit, const struct tz *tz)
{
    int64_t per = units_per_second(unit);
    return value + tz_offset_at_utc(tz, floor_div(value, per)) * per;
}
static inline int64_t time_from_local(int64_t value, unsigned unit, const struct tz *tz)
{
    int64_t per = units_per_second(unit);
    return value - tz_offset_at_local(tz, floor_div(value, per)) * per;
}

/* The calendar that a TIMESTAMPTZ is read in: its type's zone, or the session's where that is UTC. */
laminar_status zone_of(struct data_type type, const struct eval_env *env, const struct tz **out)
    must_check;
/* By name; an unknown zone is LAMINAR_QUERY_FAILED. */
laminar_status zone_named(const char *name, size_t size, const struct tz **out,
                          struct laminar_error *err) must_check;

#endif
