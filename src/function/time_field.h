/* time_field.h - the fields of a date or time (year, month, week ...): their names, and what they are of a given moment. */
#ifndef FUNCTION_TIME_FIELD_H
#define FUNCTION_TIME_FIELD_H

#include "function/time_math.h"

/* X(name, word, other words separated by blanks) */
#define TIME_FIELD_LIST(X)                                                                         \
    X(NANOSECOND, "nanosecond", "nanoseconds ns nanos")                                            \
    X(MICROSECOND, "microsecond", "microseconds us usec usecs micros")                             \
    X(MILLISECOND, "millisecond", "milliseconds ms msec msecs millis")                             \
    X(SECOND, "second", "seconds s sec secs")                                                      \
    X(MINUTE, "minute", "minutes m min mins")                                                      \
    X(HOUR, "hour", "hours h hr hrs")                                                              \
    X(DAY, "day", "days d dayofmonth")                                                             \
    X(WEEK, "week", "weeks w weekofyear")                                                          \
    X(MONTH, "month", "months mon mons")                                                           \
    X(QUARTER, "quarter", "quarters qtr")                                                          \
    X(YEAR, "year", "years y yr yrs")                                                              \
    X(DECADE, "decade", "decades")                                                                 \
    X(CENTURY, "century", "centuries")                                                             \
    X(MILLENNIUM, "millennium", "millennia")                                                       \
    X(DOW, "dow", "dayofweek weekday")                                                             \
    X(ISODOW, "isodow", "")                                                                        \
    X(DOY, "doy", "dayofyear")                                                                     \
    X(ISOYEAR, "isoyear", "")                                                                      \
    X(EPOCH, "epoch", "")                                                                          \
    X(TIMEZONE, "timezone", "")                                                                    \
    X(TIMEZONE_HOUR, "timezone_hour", "")                                                          \
    X(TIMEZONE_MINUTE, "timezone_minute", "")
enum time_field {
#define TIME_FIELD_ENUM(name, word, others) FIELD_##name,
    TIME_FIELD_LIST(TIME_FIELD_ENUM)
#undef TIME_FIELD_ENUM
        FIELD_COUNT
};

/* Case does not matter. LAMINAR_QUERY_FAILED for an unknown word. */
laminar_status time_field_find(const char *word, size_t size, enum time_field *out,
                               struct laminar_error *err) must_check;
/* The field that a constant VARCHAR argument names. */
laminar_status time_field_bind(struct function_binding *binding, uint32_t arg, enum time_field *out)
    must_check;
const char *time_field_name(enum time_field field);

/* Units of a field of fixed length, 0 for months and longer. */
int64_t time_field_units(enum time_field field, unsigned unit);

struct civil_date {
    int64_t year;
    int month;
    int day;
};
/* The fast form for years within some 30,000 of now, by multiplications (C. Neri, L. Schneider, "Euclidean affine functions and their application to
 * calendar algorithms", 2022): 3 ns instead of 30. Days are counted from 1 March of a year divisible by 400. */
static inline struct civil_date civil_date(int64_t days)
{
    enum {
        ERAS = 82,
        DAYS_PER_ERA = 146097,
        YEARS_PER_ERA = 400,
        EPOCH = 719468,
        FAST_DAYS = 11000000
    };
    struct civil_date date;
    if (unlikely(days < -FAST_DAYS || days > FAST_DAYS)) {
        civil_from_days(days, &date.year, &date.month, &date.day);
        return date;
    }
    uint32_t n = (uint32_t)(days + EPOCH + (int64_t)DAYS_PER_ERA * ERAS);
    uint32_t century = (4 * n + 3) / DAYS_PER_ERA, day_of_century = (4 * n + 3) % DAYS_PER_ERA / 4;
    uint64_t scaled = (uint64_t)2939745 *
                      (4 * day_of_century +
                       3); /* 2^32 / 1461, rounded up: years and the rest of one */
    uint32_t year = (uint32_t)(scaled >> 32), day_of_year = (uint32_t)scaled / 2939745 / 4;
    uint32_t month_and_day = 2141 * day_of_year + 197913; /* months of 30.6 days, from March */
    bool is_next_year = day_of_year >= 306;
    date.year = (int64_t)(100 * century + year) - (int64_t)YEARS_PER_ERA * ERAS + is_next_year;
    date.month = (int)(month_and_day >> 16) - (is_next_year ? 12 : 0);
    date.day = (int)((month_and_day & 0xFFFF) / 2141) + 1;
    return date;
}
/* ISO 8601 week and the year that it belongs to. */
void iso_week(int64_t days, int64_t *year, int *week);
/* 1 = Monday ... 7 = Sunday */
static inline int iso_weekday(int64_t days) { return (int)floor_mod(days + 3, 7) + 1; }

/* Rounds a local time down to the field's start; false on overflow. */
bool time_truncate(int64_t value, unsigned unit, enum time_field field, int64_t *out);

/* r[i] = start of the period that a[i] lies in, periods being counted from `origin`, as out_origin + number * out_period (the same axis in other
 * units, or the same units). True: some row left the range or is too far out for the fast loop; then use time_floor_one. */
bool time_floor_all(const int64_t *restrict a, int64_t *restrict r, size_t n, int64_t period,
                    int64_t origin, int64_t out_period, int64_t out_origin);
bool time_floor_one(int64_t value, int64_t period, int64_t origin, int64_t out_period,
                    int64_t out_origin, int64_t *out);

#endif
