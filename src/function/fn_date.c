/* fn_date.c - fields of dates and times: date_trunc, date_part (EXTRACT), year(), month() ..., date_diff, last_day.
 *
 * The field is a literal, so the kernel is chosen when the function is bound. A TIMESTAMP WITH TIME ZONE is read in its zone's calendar (the session's
 * where the type says UTC). Fields are BIGINT, epoch is DOUBLE; millisecond and microsecond include the seconds, as in PostgreSQL. */
#include "function/time_field.h"

/* In the plan's arena. */
struct field_data {
    enum time_field field;
    bool is_date;
};

static laminar_status zone_if_any(struct data_type type, const struct eval_env *env,
                                  const struct tz **out)
{
    *out = NULL;
    if (type.id != LAMINAR_TYPE_TIMESTAMPTZ) return LAMINAR_OK;
    laminar_status status = zone_of(type, env, out);
    if (status == LAMINAR_OK && tz_is_fixed(*out) && tz_offset_at_utc(*out, 0) == 0) *out = NULL;
    return status;
}

/* --- date_trunc ------------------------------------------------------------------------------------------------------------------------- */

static laminar_status trunc_kernel(KERNEL_ARGS)
{
    const struct field_data *data = fn->data;
    const struct vector *times = &args[1];
    unsigned unit = fn->result.unit;
    const struct tz *tz;
    laminar_status status = zone_if_any(times->type, env, &tz);
    if (status != LAMINAR_OK) return status;
    int64_t *r = OUT(int64_t, out), period = time_field_units(data->field, unit);
    int64_t origin = data->field == FIELD_WEEK ? -3 * SECONDS_PER_DAY * units_per_second(unit) : 0;
    if (period && !tz && times->shape == VEC_FLAT &&
        !time_floor_all(times->data, r, n, period, origin, period, origin))
        return LAMINAR_OK;
    for (size_t i = 0; i < n; i++) {
        r[i] = 0;
        if (!column_is_valid(out, i)) continue;
        int64_t value = ROW(int64_t, times, i);
        bool fits = time_truncate(tz ? time_to_local(value, unit, tz) : value, unit, data->field,
                                  &r[i]);
        if (tz) r[i] = time_from_local(r[i], unit, tz);
        if (unlikely(!fits) &&
            eval_fail(env, out, i, "%s is out of range for date_trunc", VALUE_TEXT(times, i)))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}
static laminar_status trunc_date_kernel(KERNEL_ARGS)
{
    const struct field_data *data = fn->data;
    for (size_t i = 0; i < n; i++) {
        int64_t seconds = 0;
        bool fits = time_truncate(ROW(int32_t, &args[1], i) * SECONDS_PER_DAY, UNIT_SECOND,
                                  data->field, &seconds);
        OUT(int32_t, out)[i] = (int32_t)floor_div(seconds, SECONDS_PER_DAY);
        if (unlikely(!fits) && column_is_valid(out, i) &&
            eval_fail(env, out, i, "%s is out of range for date_trunc", VALUE_TEXT(&args[1], i)))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}

static laminar_status bind_trunc(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    struct field_data *data = ARENA_NEW(binding->arena, struct field_data);
    if (!data) return error_oom(binding->err);
    laminar_status status = time_field_bind(binding, 0, &data->field);
    if (status != LAMINAR_OK) return status;
    if (data->field > FIELD_MILLENNIUM && data->field != FIELD_ISOYEAR)
        return error_set(binding->err, LAMINAR_QUERY_FAILED, "date_trunc to '%s' makes no sense",
                         time_field_name(data->field));
    struct data_type *type = &fn->arg_types[1];
    if (binding_is_string_literal(binding, 1) || type->id == LAMINAR_TYPE_NULL)
        *type = type_timestamp(UNIT_MICRO);
    bool is_date = type->id == LAMINAR_TYPE_DATE && data->field >= FIELD_DAY;
    if (type->id == LAMINAR_TYPE_DATE && !is_date) *type = type_timestamp(UNIT_MICRO);
    if (!is_date && !type_is_timestamp(*type)) return bind_mismatch(binding);
    fn->data = data;
    fn->result = *type;
    fn->kernel = is_date ? trunc_date_kernel : trunc_kernel;
    fn->flags = FN_STRICT | FN_FALLIBLE;
    return LAMINAR_OK;
}

/* --- date_part ------------------------------------------------------------------------------------------------------------------------- */

static int64_t part_of_date(int64_t days, enum time_field field)
{
    struct civil_date date = civil_date(days);
    int64_t year;
    int week;
    switch ((int)field) {
    case FIELD_DAY: return date.day;
    case FIELD_MONTH: return date.month;
    case FIELD_QUARTER: return (date.month - 1) / 3 + 1;
    case FIELD_YEAR: return date.year;
    case FIELD_DECADE: return floor_div(date.year, 10);
    case FIELD_CENTURY: return date.year > 0 ? (date.year - 1) / 100 + 1 : date.year / 100 - 1;
    case FIELD_MILLENNIUM: return date.year > 0 ? (date.year - 1) / 1000 + 1 : date.year / 1000 - 1;
    case FIELD_DOW: return iso_weekday(days) % 7;
    case FIELD_ISODOW: return iso_weekday(days);
    case FIELD_DOY: return days - civil_to_days(date.year, 1, 1) + 1;
    case FIELD_WEEK: iso_week(days, &year, &week); return week;
    case FIELD_ISOYEAR: iso_week(days, &year, &week); return year;
    default: return 0;
    }
}
static int64_t part_of_time(int64_t in_day, unsigned unit, enum time_field field)
{
    int64_t per = units_per_second(unit), in_minute = in_day % (per * 60);
    switch ((int)field) {
    case FIELD_HOUR: return in_day / (per * 3600);
    case FIELD_MINUTE: return in_day / (per * 60) % 60;
    case FIELD_SECOND: return in_minute / per;
    case FIELD_MILLISECOND:
        return per >= 1000 ? in_minute / (per / 1000) : in_minute * (1000 / per);
    case FIELD_MICROSECOND:
        return per >= 1000000 ? in_minute / (per / 1000000) : in_minute * (1000000 / per);
    default: return in_minute * (NANOS_PER_SECOND / per); /* NANOSECOND */
    }
}
static bool is_time_field(enum time_field field) { return field <= FIELD_HOUR; }

static laminar_status part_kernel(KERNEL_ARGS)
{
    const struct field_data *data = fn->data;
    const struct vector *times = &args[fn->n_args - 1];
    enum time_field field = data->field;
    unsigned unit = times->type.unit;
    const struct tz *tz;
    laminar_status status = zone_if_any(times->type, env, &tz);
    if (status != LAMINAR_OK) return status;
    int64_t *r = OUT(int64_t, out), per_day = units_per_second(unit) * SECONDS_PER_DAY;
    for (size_t i = 0; i < n; i++) {
        int64_t value = ROW(int64_t, times, i);
        if (!column_is_valid(out, i)) value = 0;
        if (tz) value = time_to_local(value, unit, tz);
        r[i] = is_time_field(field) ? part_of_time(floor_mod(value, per_day), unit, field)
                                    : part_of_date(floor_div(value, per_day), field);
    }
    return LAMINAR_OK;
}
static laminar_status part_date_kernel(KERNEL_ARGS)
{
    const struct field_data *data = fn->data;
    const struct vector *dates = &args[fn->n_args - 1];
    for (size_t i = 0; i < n; i++) OUT(int64_t, out)
    [i] = is_time_field(data->field) ? 0 : part_of_date(ROW(int32_t, dates, i), data->field);
    return LAMINAR_OK;
}
static laminar_status part_interval_kernel(KERNEL_ARGS)
{
    const struct field_data *data = fn->data;
    int64_t *r = OUT(int64_t, out);
    for (size_t i = 0; i < n; i++) {
        struct laminar_interval v = ROW(struct laminar_interval, &args[fn->n_args - 1], i);
        switch ((int)data->field) {
        case FIELD_DAY: r[i] = v.days; break;
        case FIELD_WEEK: r[i] = v.days / 7; break;
        case FIELD_MONTH: r[i] = v.months % 12; break;
        case FIELD_QUARTER: r[i] = v.months % 12 / 3 + 1; break;
        case FIELD_YEAR: r[i] = v.months / 12; break;
        case FIELD_DECADE: r[i] = v.months / 120; break;
        case FIELD_CENTURY: r[i] = v.months / 1200; break;
        case FIELD_MILLENNIUM: r[i] = v.months / 12000; break;
        default: r[i] = part_of_time(v.nanos, UNIT_NANO, data->field);
        }
    }
    return LAMINAR_OK;
}
static laminar_status part_zone_kernel(KERNEL_ARGS)
{
    const struct field_data *data = fn->data;
    const struct vector *times = &args[fn->n_args - 1];
    const struct tz *tz;
    laminar_status status = zone_of(times->type, env, &tz);
    if (status != LAMINAR_OK) return status;
    for (size_t i = 0; i < n; i++) {
        int64_t offset = tz_offset_at_utc(
            tz, floor_div(ROW(int64_t, times, i), units_per_second(times->type.unit)));
        OUT(int64_t, out)
        [i] = data->field == FIELD_TIMEZONE        ? offset
              : data->field == FIELD_TIMEZONE_HOUR ? offset / 3600
                                                   : offset % 3600 / 60;
    }
    return LAMINAR_OK;
}
static laminar_status epoch_kernel(KERNEL_ARGS)
{
    const struct vector *times = &args[fn->n_args - 1];
    double *r = OUT(double, out);
    double per = (double)units_per_second(times->type.unit);
    for (size_t i = 0; i < n; i++) {
        if (times->type.id == LAMINAR_TYPE_DATE) {
            r[i] = (double)ROW(int32_t, times, i) * (double)SECONDS_PER_DAY;
        } else if (times->type.id ==
                   LAMINAR_TYPE_INTERVAL) { /* a year counts 365.25 days, as in PostgreSQL */
            struct laminar_interval v = ROW(struct laminar_interval, times, i);
            int32_t years = v.months / 12;
            double days = (double)years * 365.25 + (double)(v.months % 12) * 30 + (double)v.days;
            r[i] = days * (double)SECONDS_PER_DAY + (double)v.nanos / 1e9;
        } else {
            r[i] = (double)ROW(int64_t, times, i) / per;
        }
    }
    return LAMINAR_OK;
}

static laminar_status bind_field(struct function_binding *binding, struct field_data *data)
{
    struct bound_function *fn = binding->fn;
    struct data_type *type = &fn->arg_types[fn->n_args - 1];
    if (binding_is_string_literal(binding, fn->n_args - 1) || type->id == LAMINAR_TYPE_NULL)
        *type = type_timestamp(UNIT_MICRO);
    bool is_zone = data->field >= FIELD_TIMEZONE, is_interval = type->id == LAMINAR_TYPE_INTERVAL,
         is_time = type->id == LAMINAR_TYPE_TIME;
    bool is_moment = type->id == LAMINAR_TYPE_DATE || type_is_timestamp(*type);
    if (!is_interval && !is_time && !is_moment) return bind_mismatch(binding);
    bool makes_sense = is_moment ? !is_zone || type->id == LAMINAR_TYPE_TIMESTAMPTZ
                       : is_time ? is_time_field(data->field) || data->field == FIELD_EPOCH
                                 : data->field <= FIELD_MILLENNIUM || data->field == FIELD_EPOCH;
    if (!makes_sense)
        return error_set(binding->err, LAMINAR_QUERY_FAILED, "a %s has no field '%s'",
                         TYPE_TEXT(*type), time_field_name(data->field));
    fn->data = data;
    fn->flags = FN_STRICT;
    fn->result = data->field == FIELD_EPOCH ? TYPE(DOUBLE) : TYPE(INT64);
    fn->kernel = data->field == FIELD_EPOCH      ? epoch_kernel
                 : is_zone                       ? part_zone_kernel
                 : is_interval                   ? part_interval_kernel
                 : type->id == LAMINAR_TYPE_DATE ? part_date_kernel
                                                 : part_kernel;
    return LAMINAR_OK;
}
static laminar_status bind_part(struct function_binding *binding)
{
    struct field_data *data = ARENA_NEW(binding->arena, struct field_data);
    if (!data) return error_oom(binding->err);
    laminar_status status = time_field_bind(binding, 0, &data->field);
    return status != LAMINAR_OK ? status : bind_field(binding, data);
}
/* year(ts) and its like: the field is the param. */
static laminar_status bind_named_part(struct function_binding *binding)
{
    struct field_data *data = ARENA_NEW(binding->arena, struct field_data);
    if (!data) return error_oom(binding->err);
    data->field = (enum time_field)(uintptr_t)binding->fn->function->param;
    return bind_field(binding, data);
}

/* --- date_diff, last_day ------------------------------------------------------------------------------------------------------------------ */

/* How many starts of the field lie between the two. */
static bool boundaries_between(int64_t a, int64_t b, unsigned unit, enum time_field field,
                               int64_t *out)
{
    int64_t per_day = units_per_second(unit) * SECONDS_PER_DAY,
            period = time_field_units(field, unit);
    if (period) {
        int64_t origin = field == FIELD_WEEK ? -3 * per_day : 0, number_a, number_b;
        if (!time_floor_one(a, period, origin, 1, 0, &number_a) ||
            !time_floor_one(b, period, origin, 1, 0, &number_b))
            return false;
        if (__builtin_sub_overflow(number_b, number_a, out)) return false;
        static const int64_t per_second[] = {1000000000, 1000000,
                                             1000}; /* finer fields than the unit */
        return field > FIELD_MILLISECOND || per_second[field] <= units_per_second(unit) ||
               !__builtin_mul_overflow(*out, per_second[field] / units_per_second(unit), out);
    }
    struct civil_date da = civil_date(floor_div(a, per_day)),
                      db = civil_date(floor_div(b, per_day));
    switch ((int)field) {
    case FIELD_MONTH: *out = (db.year - da.year) * 12 + db.month - da.month; return true;
    case FIELD_QUARTER:
        *out = (db.year - da.year) * 4 + (db.month - 1) / 3 - (da.month - 1) / 3;
        return true;
    case FIELD_YEAR: *out = db.year - da.year; return true;
    case FIELD_DECADE: *out = floor_div(db.year, 10) - floor_div(da.year, 10); return true;
    case FIELD_CENTURY:
        *out = floor_div(db.year - 1, 100) - floor_div(da.year - 1, 100);
        return true;
    default:
        *out = floor_div(db.year - 1, 1000) - floor_div(da.year - 1, 1000);
        return true; /* MILLENNIUM */
    }
}
/* How many whole fields fit between the two. */
static bool whole_between(int64_t a, int64_t b, unsigned unit, enum time_field field, int64_t *out)
{
    int64_t period = time_field_units(field, unit), difference;
    if (period) {
        if (__builtin_sub_overflow(b, a, &difference)) return false;
        *out = difference / period;
        static const int64_t per_second[] = {1000000000, 1000000, 1000};
        return field > FIELD_MILLISECOND || per_second[field] <= units_per_second(unit) ||
               !__builtin_mul_overflow(*out, per_second[field] / units_per_second(unit), out);
    }
    int64_t months, moved;
    if (!boundaries_between(a, b, unit, FIELD_MONTH, &months)) return false;
    if (!timestamp_add_interval(a, unit, (struct laminar_interval){.months = (int32_t)months}, 1,
                                NULL, &moved))
        return false;
    if (months > 0 && moved > b) months--;
    if (months < 0 && moved < b) months++;
    static const uint16_t months_in[] = {
        [FIELD_MONTH] = 1,    [FIELD_QUARTER] = 3,    [FIELD_YEAR] = 12,
        [FIELD_DECADE] = 120, [FIELD_CENTURY] = 1200, [FIELD_MILLENNIUM] = 12000};
    *out = months / months_in[field];
    return true;
}

static always_inline laminar_status difference(bool is_whole, KERNEL_ARGS)
{
    const struct field_data *data = fn->data;
    unsigned unit = args[1].type.unit;
    const struct tz *tz;
    laminar_status status = zone_if_any(args[1].type, env, &tz);
    if (status != LAMINAR_OK) return status;
    int64_t *r = OUT(int64_t, out);
    for (size_t i = 0; i < n; i++) {
        r[i] = 0;
        if (!column_is_valid(out, i)) continue;
        int64_t a = ROW(int64_t, &args[1], i), b = ROW(int64_t, &args[2], i);
        if (tz) a = time_to_local(a, unit, tz), b = time_to_local(b, unit, tz);
        bool fits = is_whole ? whole_between(a, b, unit, data->field, &r[i])
                             : boundaries_between(a, b, unit, data->field, &r[i]);
        if (unlikely(!fits) &&
            eval_fail(env, out, i, "%s: the difference of %s and %s is out of range", fn->name,
                      VALUE_TEXT(&args[1], i), VALUE_TEXT(&args[2], i)))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}
static laminar_status diff_kernel(KERNEL_ARGS) { return difference(false, fn, env, args, n, out); }
static laminar_status sub_kernel(KERNEL_ARGS) { return difference(true, fn, env, args, n, out); }

static laminar_status bind_difference(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    struct field_data *data = ARENA_NEW(binding->arena, struct field_data);
    if (!data) return error_oom(binding->err);
    laminar_status status = time_field_bind(binding, 0, &data->field);
    if (status != LAMINAR_OK) return status;
    if (data->field > FIELD_MILLENNIUM)
        return error_set(binding->err, LAMINAR_QUERY_FAILED, "%s in '%s' makes no sense", fn->name,
                         time_field_name(data->field));
    struct data_type common = TYPE(NULL);
    for (uint32_t i = 1; i < 3; i++)
        if (!binding_is_string_literal(binding, i) &&
            !type_common(common, fn->arg_types[i], &common))
            return bind_mismatch(binding);
    if (common.id == LAMINAR_TYPE_NULL || common.id == LAMINAR_TYPE_DATE)
        common = type_timestamp(UNIT_MICRO);
    if (!type_is_timestamp(common)) return bind_mismatch(binding);
    fn->arg_types[1] = fn->arg_types[2] = common;
    fn->data = data;
    fn->result = TYPE(INT64);
    fn->kernel = fn->function->param ? sub_kernel : diff_kernel;
    fn->flags = FN_STRICT | FN_FALLIBLE;
    return LAMINAR_OK;
}

static laminar_status last_day_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        struct civil_date date = civil_date(ROW(int32_t, &args[0], i));
        bool is_december = date.month == 12;
        OUT(int32_t, out)
        [i] = (int32_t)(civil_to_days(date.year + is_december, is_december ? 1 : date.month + 1,
                                      1) -
                        1);
    }
    return LAMINAR_OK;
}

#define PART(name, field, help)                                                                    \
    {                                                                                              \
        name, name "(ts) -> BIGINT", help, 1, 1, bind_named_part, (void *)field                    \
    }
static const struct scalar_function functions[] = {
    {"date_trunc", "date_trunc('field', ts) -> type of ts",
     "Start of the hour, day, month ... that ts lies in", 2, 2, bind_trunc, NULL},
    {"date_part", "date_part('field', ts) -> BIGINT, or DOUBLE for epoch",
     "A field of a date or time; EXTRACT(field FROM ts)", 2, 2, bind_part, NULL},
    {"datepart", "datepart('field', ts) -> BIGINT, or DOUBLE for epoch", "Same as date_part", 2, 2,
     bind_part, NULL},
    {"date_diff", "date_diff('field', a, b) -> BIGINT",
     "How many starts of the field lie between a and b", 3, 3, bind_difference, NULL},
    {"datediff", "datediff('field', a, b) -> BIGINT", "Same as date_diff", 3, 3, bind_difference,
     NULL},
    {"last_day", "last_day(date) -> DATE", "Last day of the month", 1, 1, bind_overloads,
     OVERLOADS({"D:D", last_day_kernel, FN_STRICT | FN_MONOTONE, NULL})},
    {"epoch", "epoch(ts) -> DOUBLE", "Seconds since 1970-01-01 UTC, or of an interval", 1, 1,
     bind_named_part, (void *)FIELD_EPOCH},
    PART("year", FIELD_YEAR, "Year"),
    PART("quarter", FIELD_QUARTER, "Quarter, 1 to 4"),
    PART("month", FIELD_MONTH, "Month, 1 to 12"),
    PART("week", FIELD_WEEK, "ISO 8601 week, 1 to 53"),
    PART("weekofyear", FIELD_WEEK, "Same as week"),
    PART("day", FIELD_DAY, "Day of the month"),
    PART("dayofmonth", FIELD_DAY, "Same as day"),
    PART("dayofweek", FIELD_DOW, "Day of the week, 0 = Sunday"),
    PART("isodow", FIELD_ISODOW, "Day of the week, 1 = Monday"),
    PART("dayofyear", FIELD_DOY, "Day of the year"),
    PART("hour", FIELD_HOUR, "Hour"),
    PART("minute", FIELD_MINUTE, "Minute"),
    PART("second", FIELD_SECOND, "Second"),
    PART("millisecond", FIELD_MILLISECOND, "Milliseconds within the minute"),
    PART("microsecond", FIELD_MICROSECOND, "Microseconds within the minute"),
};
SCALAR_FAMILY(date, functions);

/* date_sub is in fn_time.c: with an interval it is a subtraction, with a field it is this. */
laminar_status bind_date_sub_field(struct function_binding *binding);
laminar_status bind_date_sub_field(struct function_binding *binding)
{
    return bind_difference(binding);
}
