/* text_time.c - DATE, TIME, TIMESTAMP to and from text, and the civil calendar (proleptic Gregorian, year 0 exists).
 *
 * Accepted: ISO 8601's extended and PostgreSQL's form, "2026-01-02", "2026-01-02 03:04[:05[.678]]" with 'T' or blanks between, then "Z",
 * "+02[[:]30[[:]15]]" or " Europe/Berlin"; years have four digits or more, with a sign where wanted; "24:00:00" is the next midnight.
 * The second 60 is taken as the first of the next minute. Digits beyond nanoseconds round. */
#include "base/tz.h"
#include "vector/text_internal.h"

/* --- Calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms") ---------------------------------------------------------------- */

/* Years begin on March 1st here, so that the leap day is their last; an era is 400 years, 146097 days. */
int64_t civil_to_days(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    *month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

int64_t unit_per_second(enum time_unit unit)
{
    static const int64_t per_second[] = {1, 1000, 1000000, 1000000000};
    return per_second[unit];
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }
static int64_t floor_mod(int64_t a, int64_t b) { return a % b + (a % b < 0 ? b : 0); }

static int days_in_month(int64_t year, int month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && is_leap);
}

/* --- Parts ---------------------------------------------------------------------------------------------------------------------------- */

enum {
    YEAR_MAX = 300000000
}; /* beyond what 64-bit seconds of any unit but the second need; keeps all arithmetic in range */

/* "[+-]yyyy-mm-dd"; the month and day may have one digit. Sets days since 1970. */
static enum parse_result take_date(const char **p, const char *end, int64_t *out_days)
{
    bool is_negative = *p < end && **p == '-';
    if (*p < end && (**p == '-' || **p == '+')) (*p)++;
    int64_t year = 0;
    const char *start = *p;
    for (; *p < end && text_is_digit(**p); (*p)++)
        if (year <= YEAR_MAX) year = year * 10 + (**p - '0');
    if (*p - start < 4) return PARSE_SYNTAX;
    int parts[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        if (*p == end || **p != '-') return PARSE_SYNTAX;
        (*p)++;
        int n = end - *p > 1 && text_is_digit((*p)[1]) ? 2 : 1;
        if (!text_take_digits(p, end, n, &parts[i])) return PARSE_SYNTAX;
    }
    if (*p < end && text_is_digit(**p)) return PARSE_SYNTAX;
    if (is_negative) year = -year;
    if (year > YEAR_MAX || year < -YEAR_MAX) return PARSE_RANGE;
    if (parts[0] < 1 || parts[0] > 12 || parts[1] < 1 || parts[1] > days_in_month(year, parts[0]))
        return PARSE_RANGE;
    *out_days = civil_to_days(year, parts[0], parts[1]);
    return PARSE_OK;
}

/* "hh:mm[:ss[.fraction]]" as nanoseconds since midnight; up to 24:00:00 inclusive. */
static enum parse_result take_time(const char **p, const char *end, int64_t *out_nanos)
{
    int hour = 0, minute = 0, second = 0;
    int64_t nanos = 0;
    int n = end - *p > 1 && text_is_digit((*p)[1]) ? 2 : 1;
    if (!text_take_digits(p, end, n, &hour) || *p == end || **p != ':') return PARSE_SYNTAX;
    (*p)++;
    if (!text_take_digits(p, end, 2, &minute)) return PARSE_SYNTAX;
    if (*p < end && **p == ':') {
        (*p)++;
        if (!text_take_digits(p, end, 2, &second)) return PARSE_SYNTAX;
        if (*p < end && (**p == '.' || **p == ',')) {
            (*p)++;
            if (!text_take_fraction(p, end, &nanos)) return PARSE_SYNTAX;
        }
    }
    if (minute > 59 || second > 60) return PARSE_RANGE;
    int64_t total = ((int64_t)hour * 3600 + minute * 60 + second) * 1000000000 + nanos;
    if (total > 86400 * (int64_t)1000000000) return PARSE_RANGE;
    *out_nanos = total;
    return PARSE_OK;
}

/* "+hh", "+hhmm", "+hh:mm", "+hh:mm:ss" */
static enum parse_result take_offset(const char **p, const char *end, int32_t *out_s)
{
    bool is_negative = **p == '-';
    (*p)++;
    int parts[3] = {0, 0, 0};
    for (int i = 0; i < 3; i++) {
        bool has_colon = i > 0 && *p < end && **p == ':';
        if (has_colon)
            (*p)++;
        else if (i > 0 && (*p == end || !text_is_digit(**p)))
            break;
        if (!text_take_digits(p, end, 2, &parts[i])) return PARSE_SYNTAX;
    }
    if (parts[0] > 23 || parts[1] > 59 || parts[2] > 59) return PARSE_RANGE;
    int32_t total = parts[0] * 3600 + parts[1] * 60 + parts[2];
    *out_s = is_negative ? -total : total;
    return PARSE_OK;
}

/* --- Parsers ---------------------------------------------------------------------------------------------------------------------------- */

enum parse_result text_parse_date(const char *data, size_t size, int32_t *out_days)
{
    text_trim(&data, &size);
    const char *p = data, *end = data + size;
    int64_t days = 0;
    enum parse_result result = take_date(&p, end, &days);
    if (result != PARSE_OK) return result;
    if (p != end) {
        /* A timestamp at midnight is a date, too. */
        int64_t seconds;
        uint32_t nanos;
        bool has_zone;
        int32_t offset_s;
        result = text_parse_timestamp(data, size, &seconds, &nanos, &has_zone, &offset_s);
        if (result != PARSE_OK) return result;
        if (has_zone || nanos || seconds % 86400 != 0) return PARSE_SYNTAX;
        days = seconds / 86400;
    }
    if (days < INT32_MIN || days > INT32_MAX) return PARSE_RANGE;
    *out_days = (int32_t)days;
    return PARSE_OK;
}

enum parse_result text_parse_time(const char *data, size_t size, int64_t *out_nanos)
{
    text_trim(&data, &size);
    const char *p = data, *end = data + size;
    int64_t nanos = 0;
    enum parse_result result = take_time(&p, end, &nanos);
    if (result != PARSE_OK) return result;
    if (p != end) return PARSE_SYNTAX;
    if (nanos >= 86400 * (int64_t)1000000000) return PARSE_RANGE;
    *out_nanos = nanos;
    return PARSE_OK;
}

enum parse_result text_parse_timestamp(const char *data, size_t size, int64_t *out_seconds,
                                       uint32_t *out_nanos, bool *has_zone, int32_t *offset_s)
{
    text_trim(&data, &size);
    const char *p = data, *end = data + size;
    int64_t days = 0, nanos = 0;
    int32_t offset = 0;
    bool zone = false;
    enum parse_result result = take_date(&p, end, &days);
    if (result != PARSE_OK) return result;
    if (p < end && (*p == 'T' || *p == 't' || *p == ' ')) {
        p++;
        while (p < end && *p == ' ') p++;
        result = take_time(&p, end, &nanos);
        if (result != PARSE_OK) return result;
    }
    int64_t seconds = days * 86400 + nanos / 1000000000;
    while (p < end && *p == ' ') p++;
    if (p < end && (*p == '+' || *p == '-')) {
        zone = true;
        result = take_offset(&p, end, &offset);
        if (result != PARSE_OK) return result;
    } else if (p < end) {
        const struct tz *tz;
        if (!text_is_letter(*p) || tz_find(p, (size_t)(end - p), &tz, NULL) != LAMINAR_OK)
            return PARSE_SYNTAX;
        zone = true;
        offset = tz_offset_at_local(tz, seconds);
        p = end;
    }
    if (p != end) return PARSE_SYNTAX;
    *out_seconds = seconds;
    *out_nanos = (uint32_t)(nanos % 1000000000);
    *has_zone = zone;
    *offset_s = offset;
    return PARSE_OK;
}

enum parse_result text_timestamp_to_unit(int64_t seconds, uint32_t nanos, enum time_unit unit,
                                         int64_t *out, bool *is_exact)
{
    int64_t per_second = unit_per_second(unit);
    uint32_t nanos_per_unit = (uint32_t)(1000000000 / per_second);
    uint32_t rest = nanos % nanos_per_unit;
    int64_t fraction = nanos / nanos_per_unit + (rest && rest >= nanos_per_unit - rest);
    /* In 128 bits: seconds * 10^9 may leave int64 on the way to a value that fits. */
    int128 value = (int128)seconds * per_second + fraction;
    if (value < INT64_MIN || value > INT64_MAX) return PARSE_RANGE;
    *out = (int64_t)value;
    *is_exact = rest == 0;
    return PARSE_OK;
}

/* --- Printing ---------------------------------------------------------------------------------------------------------------------------- */

/* `value` with at least `width` digits; returns the end. */
static char *put_number(char *p, uint64_t value, int width)
{
    char digits[20], *start = digits + sizeof digits;
    while (value || digits + sizeof digits - start < width) {
        *--start = (char)('0' + value % 10);
        value /= 10;
    }
    size_t n = (size_t)(digits + sizeof digits - start);
    memcpy(p, start, n);
    return p + n;
}

static char *put_date(char *p, int64_t days)
{
    int64_t year;
    int month, day;
    civil_from_days(days, &year, &month, &day);
    if (year < 0) *p++ = '-';
    p = put_number(p, (uint64_t)(year < 0 ? -year : year), 4);
    *p++ = '-';
    p = put_number(p, (uint64_t)month, 2);
    *p++ = '-';
    return put_number(p, (uint64_t)day, 2);
}

/* "hh:mm:ss" and the fraction without its last zeros. */
static char *put_time(char *p, int64_t seconds, int64_t fraction, int64_t per_second)
{
    p = put_number(p, (uint64_t)(seconds / 3600), 2);
    *p++ = ':';
    p = put_number(p, (uint64_t)(seconds / 60 % 60), 2);
    *p++ = ':';
    p = put_number(p, (uint64_t)(seconds % 60), 2);
    if (fraction) {
        *p++ = '.';
        while (fraction) {
            per_second /= 10;
            *p++ = (char)('0' + fraction / per_second);
            fraction %= per_second;
        }
    }
    return p;
}

void text_print_date(struct strbuf *out, int32_t days)
{
    char buf[32];
    strbuf_append(out, buf, (size_t)(put_date(buf, days) - buf));
}

void text_print_time(struct strbuf *out, int64_t value, enum time_unit unit)
{
    char buf[48];
    int64_t per_second = unit_per_second(unit);
    if (value < 0) value = 0; /* not a TIME; imported data is not ours to trust */
    strbuf_append(
        out, buf,
        (size_t)(put_time(buf, value / per_second, value % per_second, per_second) - buf));
}

enum timestamp_style { STYLE_SQL, STYLE_RFC3339 };

static void print_timestamp(struct strbuf *out, int64_t value, enum time_unit unit,
                            const struct tz *tz, enum timestamp_style style)
{
    char buf[80], *p = buf;
    int64_t per_second = unit_per_second(unit);
    int64_t seconds = floor_div(value, per_second);
    int64_t fraction = floor_mod(value, per_second);
    int32_t offset = tz ? tz_offset_at_utc(tz, seconds) : 0;
    /* 64-bit seconds at their limits have no calendar date within an int64 of local seconds: the offset is added to the days' rest. */
    int64_t days = floor_div(seconds, 86400);
    int64_t second_of_day = floor_mod(seconds, 86400) + offset;
    days += floor_div(second_of_day, 86400);
    second_of_day = floor_mod(second_of_day, 86400);
    p = put_date(p, days);
    *p++ = style == STYLE_SQL ? ' ' : 'T';
    p = put_time(p, second_of_day, fraction, per_second);
    if (tz) {
        int64_t magnitude = offset < 0 ? -offset : offset;
        *p++ = offset < 0 ? '-' : '+';
        p = put_number(p, (uint64_t)(magnitude / 3600), 2);
        if (magnitude % 3600 || style == STYLE_RFC3339) {
            *p++ = ':';
            p = put_number(p, (uint64_t)(magnitude / 60 % 60), 2);
        }
        if (magnitude % 60) {
            *p++ = ':';
            p = put_number(p, (uint64_t)(magnitude % 60), 2);
        }
    }
    strbuf_append(out, buf, (size_t)(p - buf));
}

void text_print_timestamp_tz(struct strbuf *out, int64_t value, enum time_unit unit,
                             const struct tz *tz)
{
    print_timestamp(out, value, unit, tz, STYLE_SQL);
}

void text_print_timestamp_iso(struct strbuf *out, int64_t value, enum time_unit unit,
                              const struct tz *tz)
{
    print_timestamp(out, value, unit, tz, STYLE_RFC3339);
}

void text_print_timestamp(struct strbuf *out, int64_t value, enum time_unit unit, const char *zone)
{
    const struct tz *tz = NULL;
    if (zone && tz_find(zone, strlen(zone), &tz, NULL) != LAMINAR_OK)
        tz = tz_utc(); /* still the right moment, with its offset */
    text_print_timestamp_tz(out, value, unit, tz);
}
