/* text_interval.c - INTERVAL to and from text.
 *
 * Read: PostgreSQL's verbose form ("1 day -02:30:00", "1.5 hours", "3 weeks ago"), SQL's ("1-2" years and months; "5" with the field's
 * unit), ISO 8601 ("P1Y2M3DT4H5M6.5S"). A fraction of a month becomes days (30 a month), one of a day becomes time, as in PostgreSQL.
 * Printed: "1 year 2 months 3 days 04:05:06.5"; the three parts keep their own signs. */
#include "vector/text_internal.h"

#define NANOS_PER_SECOND 1000000000LL
#define NANOS_PER_DAY (86400 * NANOS_PER_SECOND)

/* Units: either so many months, or days, or nanoseconds. */
struct unit {
    const char *name; /* lower case, singular; a plural 's' is understood */
    int32_t months;
    int32_t days;
    int64_t nanos;
};
static const struct unit units[] = {{"millennium", 12000, 0, 0},
                                    {"millennia", 12000, 0, 0},
                                    {"century", 1200, 0, 0},
                                    {"centurie", 1200, 0, 0},
                                    {"decade", 120, 0, 0},
                                    {"year", 12, 0, 0},
                                    {"yr", 12, 0, 0},
                                    {"y", 12, 0, 0},
                                    {"quarter", 3, 0, 0},
                                    {"month", 1, 0, 0},
                                    {"mon", 1, 0, 0},
                                    {"week", 0, 7, 0},
                                    {"w", 0, 7, 0},
                                    {"day", 0, 1, 0},
                                    {"d", 0, 1, 0},
                                    {"hour", 0, 0, 3600 * NANOS_PER_SECOND},
                                    {"hr", 0, 0, 3600 * NANOS_PER_SECOND},
                                    {"h", 0, 0, 3600 * NANOS_PER_SECOND},
                                    {"minute", 0, 0, 60 * NANOS_PER_SECOND},
                                    {"min", 0, 0, 60 * NANOS_PER_SECOND},
                                    {"m", 0, 0, 60 * NANOS_PER_SECOND},
                                    {"second", 0, 0, NANOS_PER_SECOND},
                                    {"sec", 0, 0, NANOS_PER_SECOND},
                                    {"s", 0, 0, NANOS_PER_SECOND},
                                    {"millisecond", 0, 0, 1000000},
                                    {"msec", 0, 0, 1000000},
                                    {"milli", 0, 0, 1000000},
                                    {"ms", 0, 0, 1000000},
                                    {"microsecond", 0, 0, 1000},
                                    {"usec", 0, 0, 1000},
                                    {"micro", 0, 0, 1000},
                                    {"us", 0, 0, 1000},
                                    {"nanosecond", 0, 0, 1},
                                    {"nsec", 0, 0, 1},
                                    {"nano", 0, 0, 1},
                                    {"ns", 0, 0, 1}};

static const struct unit *find_unit(const char *name, size_t size)
{
    for (size_t i = 0; i < ARRAY_LENGTH(units); i++)
        if (text_is_word(name, size, units[i].name)) return &units[i];
    if (size > 1 && (name[size - 1] | 0x20) == 's')
        for (size_t i = 0; i < ARRAY_LENGTH(units); i++)
            if (text_is_word(name, size - 1, units[i].name) && units[i].name[1]) return &units[i];
    return NULL;
}

/* A sum in wide fields, so that overflow is seen once, at the end: each term is below 2^63 * 12000 and there are few of them. */
struct sum {
    int128 months, days, nanos;
};

/* value = whole + fraction / 10^18, both with the sign of the number. */
struct number {
    int64_t whole;
    int64_t fraction;
};

static enum parse_result take_number(const char **p, const char *end, bool is_negative,
                                     struct number *out)
{
    int64_t whole = 0, fraction = 0, unit = 1000000000000000000LL;
    bool has_digit = false, is_big = false;
    for (; *p < end && text_is_digit(**p); (*p)++) {
        has_digit = true;
        is_big |= __builtin_mul_overflow(whole, 10, &whole) ||
                  __builtin_add_overflow(whole, **p - '0', &whole);
    }
    if (*p < end && **p == '.') {
        for ((*p)++; *p < end && text_is_digit(**p); (*p)++) {
            has_digit = true;
            unit /= 10;
            fraction += (**p - '0') * unit;
        }
    }
    if (!has_digit) return PARSE_SYNTAX;
    if (is_big) return PARSE_RANGE;
    *out = is_negative ? (struct number){-whole, -fraction} : (struct number){whole, fraction};
    return PARSE_OK;
}

/* fraction / 10^18 * nanos, rounded half away from zero. */
static int128 scale_fraction(int64_t fraction, int128 nanos)
{
    const int128 one = 1000000000000000000LL;
    int128 product = fraction * nanos;
    return (product + (product < 0 ? -one / 2 : one / 2)) / one;
}

static void add_days_fraction(struct sum *sum, int64_t fraction, int32_t days)
{
    const int128 one = 1000000000000000000LL;
    int128 product = (int128)fraction * days;
    sum->days += product / one;
    sum->nanos += scale_fraction((int64_t)(product % one), NANOS_PER_DAY);
}

static void add_term(struct sum *sum, struct number value, const struct unit *unit)
{
    const int128 one = 1000000000000000000LL;
    if (unit->months) {
        sum->months += (int128)value.whole * unit->months;
        int128 product = (int128)value.fraction * unit->months;
        sum->months += product / one;
        add_days_fraction(sum, (int64_t)(product % one), 30);
    } else if (unit->days) {
        sum->days += (int128)value.whole * unit->days;
        add_days_fraction(sum, value.fraction, unit->days);
    } else {
        sum->nanos += (int128)value.whole * unit->nanos +
                      scale_fraction(value.fraction, unit->nanos);
    }
}

/* After "hh" of "hh:mm[:ss[.f]]", at the colon. */
static enum parse_result take_clock(const char **p, const char *end, struct number hours,
                                    bool is_negative, bool is_minute_second, struct sum *sum)
{
    int64_t parts[2] = {0, 0}, nanos = 0;
    int n_parts = 0;
    while (n_parts < 2 && *p < end && **p == ':') {
        int value = 0;
        (*p)++;
        if (!text_take_digits(p, end, end - *p > 1 && text_is_digit((*p)[1]) ? 2 : 1, &value))
            return PARSE_SYNTAX;
        if (value > 59) return PARSE_RANGE;
        parts[n_parts++] = value;
    }
    if (*p < end && **p == '.') {
        (*p)++;
        if (!text_take_fraction(p, end, &nanos)) return PARSE_SYNTAX;
        if (n_parts == 1) is_minute_second = true; /* "mm:ss.f" */
    }
    int128 total = is_minute_second && n_parts == 1
                       ? (int128)(hours.whole < 0 ? -hours.whole : hours.whole) * 60 + parts[0]
                       : (int128)(hours.whole < 0 ? -hours.whole : hours.whole) * 3600 +
                             parts[0] * 60 + parts[1];
    total = total * NANOS_PER_SECOND + nanos;
    sum->nanos += is_negative ? -total : total;
    return PARSE_OK;
}

static enum parse_result sum_finish(const struct sum *sum, bool is_negated,
                                    struct laminar_interval *out)
{
    int128 sign = is_negated ? -1 : 1;
    int128 months = sum->months * sign, days = sum->days * sign, nanos = sum->nanos * sign;
    if (months < INT32_MIN || months > INT32_MAX || days < INT32_MIN || days > INT32_MAX ||
        nanos < INT64_MIN || nanos > INT64_MAX)
        return PARSE_RANGE;
    *out = (struct laminar_interval){(int32_t)months, (int32_t)days, (int64_t)nanos};
    return PARSE_OK;
}

/* "P1Y2M3W4DT5H6M7.5S", each number with a sign of its own where wanted. */
static enum parse_result parse_iso(const char *p, const char *end, bool is_negated,
                                   struct laminar_interval *out)
{
    struct sum sum = {0, 0, 0};
    bool is_time = false, has_term = false;
    while (p < end) {
        if ((*p | 0x20) == 't' && !is_time) {
            is_time = true;
            p++;
            if (p == end) return PARSE_SYNTAX;
            continue;
        }
        bool is_negative = *p == '-';
        if (*p == '-' || *p == '+') p++;
        struct number value;
        enum parse_result result = take_number(&p, end, is_negative, &value);
        if (result != PARSE_OK) return result;
        if (p == end) return PARSE_SYNTAX;
        const char *name;
        switch (*p | 0x20) {
        case 'y': name = is_time ? NULL : "year"; break;
        case 'm': name = is_time ? "minute" : "month"; break;
        case 'w': name = is_time ? NULL : "week"; break;
        case 'd': name = is_time ? NULL : "day"; break;
        case 'h': name = is_time ? "hour" : NULL; break;
        case 's': name = is_time ? "second" : NULL; break;
        default: name = NULL;
        }
        if (!name) return PARSE_SYNTAX;
        p++;
        add_term(&sum, value, find_unit(name, strlen(name)));
        has_term = true;
    }
    return has_term ? sum_finish(&sum, is_negated, out) : PARSE_SYNTAX;
}

/* The unit of a bare number: the last word of the field ("DAY TO SECOND" -> second). */
static const struct unit *field_unit(const char *field)
{
    if (!field) return NULL;
    size_t size = strlen(field);
    while (size > 0 && !text_is_letter(field[size - 1])) size--; /* "SECOND(3)" ends in a bracket */
    while (size > 0 && (text_is_digit(field[size - 1]) || field[size - 1] == '(')) size--;
    size_t start = size;
    while (start > 0 && text_is_letter(field[start - 1])) start--;
    return find_unit(field + start, size - start);
}

/* "MINUTE TO SECOND": there "10:30" is minutes and seconds. */
static bool field_is_minute_to_second(const char *field)
{
    return field && strlen(field) > 8 && text_is_word(field, 6, "minute");
}

/* "[+-]digits:" at p. */
static bool is_clock(const char *p, const char *end)
{
    if (p < end && (*p == '-' || *p == '+')) p++;
    const char *start = p;
    while (p < end && text_is_digit(*p)) p++;
    return p > start && p < end && *p == ':';
}

/* One "number unit", "hh:mm:ss" or "y-m" at *p. */
static enum parse_result take_term(const char **p, const char *end, const char *field,
                                   struct sum *sum)
{
    bool is_negative = **p == '-';
    if (**p == '-' || **p == '+') (*p)++;
    struct number value;
    enum parse_result result = take_number(p, end, is_negative, &value);
    if (result != PARSE_OK) return result;
    if (*p < end && **p == ':')
        return value.fraction
                   ? PARSE_SYNTAX
                   : take_clock(p, end, value, is_negative, field_is_minute_to_second(field), sum);
    if (end - *p > 1 && **p == '-' && text_is_digit((*p)[1])) { /* years-months */
        struct number months;
        (*p)++;
        result = take_number(p, end, is_negative, &months);
        if (result != PARSE_OK) return result;
        if (value.fraction || months.fraction) return PARSE_SYNTAX;
        if (months.whole > 11 || months.whole < -11) return PARSE_RANGE;
        sum->months += (int128)value.whole * 12 + months.whole;
        return PARSE_OK;
    }
    while (*p < end && text_is_blank(**p)) (*p)++;
    const char *name = *p;
    while (*p < end && text_is_letter(**p)) (*p)++;
    const struct unit *unit = *p > name ? find_unit(name, (size_t)(*p - name)) : field_unit(field);
    if (*p == name && is_clock(*p, end)) unit = find_unit("day", 3); /* "1 02:03:04" */
    if (!unit) return PARSE_SYNTAX;
    add_term(sum, value, unit);
    return PARSE_OK;
}

enum parse_result text_parse_interval(const char *data, size_t size, const char *field,
                                      struct laminar_interval *out)
{
    text_trim(&data, &size);
    const char *p = data, *end = data + size;
    if (p < end && *p == '@') p++; /* PostgreSQL's verbose output */
    bool is_negated = false;
    size_t sign = end - p > 1 && (*p == '-' || *p == '+') && (p[1] | 0x20) == 'p';
    if (p < end && (p[sign] | 0x20) == 'p')
        return parse_iso(p + sign + 1, end, sign && *p == '-', out);
    struct sum sum = {0, 0, 0};
    bool has_term = false;
    while (p < end) {
        if (text_is_blank(*p) || (*p == ',' && has_term)) {
            p++;
            continue;
        }
        if (has_term && text_is_word(p, (size_t)(end - p), "ago")) {
            is_negated = true;
            p = end;
            break;
        }
        enum parse_result result = take_term(&p, end, field, &sum);
        if (result != PARSE_OK) return result;
        has_term = true;
    }
    return has_term ? sum_finish(&sum, is_negated, out) : PARSE_SYNTAX;
}

static void print_part(struct strbuf *out, size_t start, int64_t value, const char *name)
{
    if (value == 0) return;
    if (out->size > start) strbuf_putc(out, ' ');
    text_print_int64(out, value);
    strbuf_putc(out, ' ');
    strbuf_puts(out, name);
    if (value != 1 && value != -1) strbuf_putc(out, 's');
}

void text_print_interval(struct strbuf *out, struct laminar_interval value)
{
    size_t start = out->size;
    print_part(out, start, value.months / 12, "year");
    print_part(out, start, value.months % 12, "month");
    print_part(out, start, value.days, "day");
    if (value.nanos == 0 && out->size > start) return;
    if (out->size > start) strbuf_putc(out, ' ');
    uint64_t magnitude = value.nanos < 0 ? 0 - (uint64_t)value.nanos : (uint64_t)value.nanos;
    if (value.nanos < 0) strbuf_putc(out, '-');
    uint64_t seconds = magnitude / NANOS_PER_SECOND, fraction = magnitude % NANOS_PER_SECOND;
    /* Hours may have more than two digits: an interval's time is not a time of day. */
    if (seconds / 3600 < 10) strbuf_putc(out, '0');
    text_print_uint64(out, seconds / 3600);
    char buf[20] = {':', (char)('0' + seconds / 600 % 6), (char)('0' + seconds / 60 % 10),
                    ':', (char)('0' + seconds / 10 % 6),  (char)('0' + seconds % 10)};
    size_t n = 6;
    if (fraction) {
        buf[n++] = '.';
        for (uint64_t unit = NANOS_PER_SECOND / 10; fraction; unit /= 10) {
            buf[n++] = (char)('0' + fraction / unit);
            fraction %= unit;
        }
    }
    strbuf_append(out, buf, n);
}
