/* time_field.c - see time_field.h.
 *
 * time_floor_all is the hot loop of TUMBLE, date_bin and date_trunc: the number of the period is estimated in floating point, multiplied back
 * and put right by at most one, so that no integer division (some 2 ns) is needed. It is exact while times and periods stay below 2^51 units
 * (71 years of microseconds around 1970 and much more for coarser ones; nanoseconds take the slow loop). Cost: 0.5 ns a row. */
#include "function/time_field.h"
#include <strings.h>

KERNEL_FILE

static const struct {
    const char *word;
    const char *others;
} field_names[FIELD_COUNT] = {
#define NAMES(name, word, others) {word, others},
    TIME_FIELD_LIST(NAMES)
#undef NAMES
};

static bool word_equals(const char *word, size_t word_size, const char *text, size_t size)
{
    return word_size == size && strncasecmp(word, text, size) == 0;
}

laminar_status time_field_find(const char *word, size_t size, enum time_field *out,
                               struct laminar_error *err)
{
    for (int f = 0; f < FIELD_COUNT; f++) {
        bool matches = word_equals(field_names[f].word, strlen(field_names[f].word), word, size);
        for (const char *other = field_names[f].others; *other && !matches;) {
            size_t length = strcspn(other, " ");
            matches = word_equals(other, length, word, size);
            other += length + (other[length] == ' ');
        }
        if (!matches) continue;
        *out = (enum time_field)f;
        return LAMINAR_OK;
    }
    error_set(err, LAMINAR_QUERY_FAILED, "unknown field of a date or time: '%.*s'",
              (int)(size > 64 ? 64 : size), word);
    error_hint(
        err,
        "year, quarter, month, week, day, hour, minute, second, millisecond, microsecond, dow, doy, epoch ...");
    return LAMINAR_QUERY_FAILED;
}

const char *time_field_name(enum time_field field) { return field_names[field].word; }

laminar_status time_field_bind(struct function_binding *binding, uint32_t arg, enum time_field *out)
{
    const struct vector *constant = binding_constant(binding, arg);
    if (!constant || constant->type.id != LAMINAR_TYPE_VARCHAR) {
        error_set(binding->err, LAMINAR_QUERY_UNSUPPORTED,
                  "%s: the field must be a literal such as 'hour'", binding->fn->name);
        return LAMINAR_QUERY_UNSUPPORTED;
    }
    const struct string_view *word = constant->data;
    return time_field_find(string_data(word), word->size, out, binding->err);
}

int64_t time_field_units(enum time_field field, unsigned unit)
{
    int64_t per = units_per_second(unit);
    switch ((int)field) {
    case FIELD_NANOSECOND: return per >= 1000000000 ? per / 1000000000 : 1;
    case FIELD_MICROSECOND: return per >= 1000000 ? per / 1000000 : 1;
    case FIELD_MILLISECOND: return per >= 1000 ? per / 1000 : 1;
    case FIELD_SECOND: return per;
    case FIELD_MINUTE: return per * 60;
    case FIELD_HOUR: return per * 3600;
    case FIELD_DAY: return per * SECONDS_PER_DAY;
    case FIELD_WEEK: return per * SECONDS_PER_DAY * 7;
    default: return 0;
    }
}

void iso_week(int64_t days, int64_t *year, int *week)
{
    int64_t thursday = days -
                       (iso_weekday(days) - 4); /* a week belongs to the year of its Thursday */
    *year = civil_date(thursday).year;
    *week = (int)((thursday - civil_to_days(*year, 1, 1)) / 7) + 1;
}

bool time_truncate(int64_t value, unsigned unit, enum time_field field, int64_t *out)
{
    int64_t units = time_field_units(field, unit),
            per_day = units_per_second(unit) * SECONDS_PER_DAY;
    if (units)
        return time_floor_one(value, units, field == FIELD_WEEK ? -3 * per_day : 0, units,
                              field == FIELD_WEEK ? -3 * per_day : 0, out);
    struct civil_date date = civil_date(floor_div(value, per_day));
    int64_t year = date.year, week_year;
    int month = 1, week;
    switch ((int)field) {
    case FIELD_MONTH:
        return !__builtin_mul_overflow(floor_div(value, per_day) - (date.day - 1), per_day, out);
    case FIELD_QUARTER: month = (date.month - 1) / 3 * 3 + 1; break;
    case FIELD_DECADE: year = floor_div(year, 10) * 10; break;
    case FIELD_CENTURY: year = floor_div(year - 1, 100) * 100 + 1; break;
    case FIELD_MILLENNIUM: year = floor_div(year - 1, 1000) * 1000 + 1; break;
    case FIELD_ISOYEAR: {
        iso_week(floor_div(value, per_day), &week_year, &week);
        int64_t fourth = civil_to_days(week_year, 1, 4); /* lies in week 1 */
        return !__builtin_mul_overflow(fourth - (iso_weekday(fourth) - 1), per_day, out);
    }
    default: break; /* YEAR */
    }
    return !__builtin_mul_overflow(civil_to_days(year, month, 1), per_day, out);
}

bool time_floor_one(int64_t value, int64_t period, int64_t origin, int64_t out_period,
                    int64_t out_origin, int64_t *out)
{
    int64_t distance;
    if (__builtin_sub_overflow(value, origin, &distance)) return false;
    return !__builtin_mul_overflow(floor_div(distance, period), out_period, out) &&
           !__builtin_add_overflow(*out, out_origin, out);
}

#define FAST_MAX ((int64_t)1 << 51)

MULTI_TARGET bool time_floor_all(const int64_t *restrict a, int64_t *restrict r, size_t n,
                                 int64_t period, int64_t origin, int64_t out_period,
                                 int64_t out_origin)
{
    if (period <= 0 || period >= FAST_MAX || out_period > period || origin <= -FAST_MAX ||
        origin >= FAST_MAX)
        return true;
    double inverse = 1.0 / (double)period;
    uint64_t flags = 0;
    for (size_t i = 0; i < n; i++) {
        /* All ones where the value is near enough; others are given up, and any value does for them. */
        int64_t near = -(int64_t)((uint64_t)a[i] + (uint64_t)FAST_MAX < 2 * (uint64_t)FAST_MAX);
        int64_t x = (int64_t)((uint64_t)a[i] - (uint64_t)origin) & near;
        flags |= (uint64_t)(x ^ (x >> 63)) | ((uint64_t)~near & (uint64_t)FAST_MAX);
        int64_t number = (int64_t)((double)x * inverse), rest = x - number * period;
        number += (int64_t)(rest >= period) - (int64_t)(rest < 0);
        r[i] = number * out_period + out_origin;
    }
    return flags >= (uint64_t)FAST_MAX;
}
