/* fn_time_format.c - strftime, to_char and strptime: dates and times by a pattern.
 *
 * strftime patterns: %Y %m %d %H %M %S %f (microseconds) %g (milliseconds) %n (nanoseconds) %j %a %A %b %B %p %I %y %e %-d %-m %-H %-M %-S %-I %u %w
 * %V %G %U %F %T %R %D %z %Z %s %%. to_char takes these too, or PostgreSQL's: YYYY YY MM DD HH24 HH12 HH MI SS MS US AM PM Mon Month Day Dy D DDD IW IYYY Q.
 * Names are English. */
#include "function/time_field.h"
#include <strings.h>

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const day_names[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday"};

/* A moment taken apart. */
struct moment {
    struct civil_date date;
    int64_t days;
    int hour, minute, second;
    int64_t nanos;
    int64_t epoch_s;
    int32_t offset_s;
    bool has_zone;
    const char *zone;
};

static struct moment moment_of(int64_t value, unsigned unit, const struct tz *tz)
{
    struct moment m = {0};
    int64_t per = units_per_second(unit);
    m.epoch_s = floor_div(value, per);
    m.nanos = floor_mod(value, per) * (NANOS_PER_SECOND / per);
    int64_t local = m.epoch_s;
    if (tz) {
        m.has_zone = true;
        m.offset_s = tz_offset_at_utc(tz, m.epoch_s);
        m.zone = tz_abbreviation_at_utc(tz, m.epoch_s);
        local += m.offset_s;
    }
    m.days = floor_div(local, SECONDS_PER_DAY);
    int in_day = (int)floor_mod(local, SECONDS_PER_DAY);
    m.date = civil_date(m.days);
    m.hour = in_day / 3600;
    m.minute = in_day / 60 % 60;
    m.second = in_day % 60;
    return m;
}

static int hour12(int hour) { return hour % 12 ? hour % 12 : 12; }
static int day_of_year(const struct moment *m)
{
    return (int)(m->days - civil_to_days(m->date.year, 1, 1)) + 1;
}

static void put_offset(struct strbuf *out, const struct moment *m, bool with_colon)
{
    int offset = m->offset_s < 0 ? -m->offset_s : m->offset_s;
    strbuf_printf(out, "%c%02d%s%02d", m->offset_s < 0 ? '-' : '+', offset / 3600,
                  with_colon ? ":" : "", offset / 60 % 60);
}

/* One conversion letter; false if there is no such. `pads`: with leading zeros. */
static bool put_strftime(struct strbuf *out, char letter, bool pads, const struct moment *m)
{
    int64_t week_year;
    int week;
    int width = pads ? 2 : 1;
    switch (letter) {
    case 'Y': strbuf_printf(out, "%04lld", (long long)m->date.year); break;
    case 'y': strbuf_printf(out, "%0*d", width, (int)floor_mod(m->date.year, 100)); break;
    case 'm': strbuf_printf(out, "%0*d", width, m->date.month); break;
    case 'd': strbuf_printf(out, "%0*d", width, m->date.day); break;
    case 'e': strbuf_printf(out, "%2d", m->date.day); break;
    case 'H': strbuf_printf(out, "%0*d", width, m->hour); break;
    case 'I': strbuf_printf(out, "%0*d", width, hour12(m->hour)); break;
    case 'M': strbuf_printf(out, "%0*d", width, m->minute); break;
    case 'S': strbuf_printf(out, "%0*d", width, m->second); break;
    case 'f': strbuf_printf(out, "%06lld", (long long)(m->nanos / 1000)); break;
    case 'g': strbuf_printf(out, "%03lld", (long long)(m->nanos / 1000000)); break;
    case 'n': strbuf_printf(out, "%09lld", (long long)m->nanos); break;
    case 'j': strbuf_printf(out, "%0*d", pads ? 3 : 1, day_of_year(m)); break;
    case 'a': strbuf_append(out, day_names[iso_weekday(m->days) - 1], 3); break;
    case 'A': strbuf_puts(out, day_names[iso_weekday(m->days) - 1]); break;
    case 'b':
    case 'h': strbuf_append(out, month_names[m->date.month - 1], 3); break;
    case 'B': strbuf_puts(out, month_names[m->date.month - 1]); break;
    case 'p': strbuf_puts(out, m->hour < 12 ? "AM" : "PM"); break;
    case 'u': strbuf_printf(out, "%d", iso_weekday(m->days)); break;
    case 'w': strbuf_printf(out, "%d", iso_weekday(m->days) % 7); break;
    case 'V':
        iso_week(m->days, &week_year, &week);
        strbuf_printf(out, "%0*d", width, week);
        break;
    case 'G':
        iso_week(m->days, &week_year, &week);
        strbuf_printf(out, "%04lld", (long long)week_year);
        break;
    case 'U':
        strbuf_printf(out, "%0*d", width, (day_of_year(m) + 6 - iso_weekday(m->days) % 7) / 7);
        break;
    case 'W':
        strbuf_printf(out, "%0*d", width, (day_of_year(m) + 7 - iso_weekday(m->days)) / 7);
        break;
    case 's': strbuf_printf(out, "%lld", (long long)m->epoch_s); break;
    case 'z': put_offset(out, m, false); break;
    case 'Z': strbuf_puts(out, m->has_zone ? m->zone : ""); break;
    case 'F':
        strbuf_printf(out, "%04lld-%02d-%02d", (long long)m->date.year, m->date.month, m->date.day);
        break;
    case 'T': strbuf_printf(out, "%02d:%02d:%02d", m->hour, m->minute, m->second); break;
    case 'R': strbuf_printf(out, "%02d:%02d", m->hour, m->minute); break;
    case 'D':
        strbuf_printf(out, "%02d/%02d/%02d", m->date.month, m->date.day,
                      (int)floor_mod(m->date.year, 100));
        break;
    case '%': strbuf_putc(out, '%'); break;
    default: return false;
    }
    return true;
}

static bool format_strftime(struct strbuf *out, const char *pattern, size_t size,
                            const struct moment *m)
{
    for (size_t i = 0; i < size; i++) {
        if (pattern[i] != '%') {
            strbuf_putc(out, pattern[i]);
            continue;
        }
        bool pads = !(i + 1 < size && pattern[i + 1] == '-');
        i += pads ? 1 : 2;
        if (i >= size || !put_strftime(out, pattern[i], pads, m)) return false;
    }
    return true;
}

/* PostgreSQL's words, longest first where one begins another. X(word, statement) */
static size_t put_to_char(struct strbuf *out, const char *p, size_t size, const struct moment *m)
{
    int64_t week_year;
    int week;
    iso_week(m->days, &week_year, &week);
    const char *month = month_names[m->date.month - 1], *day = day_names[iso_weekday(m->days) - 1];
#define WORD(text, put)                                                                            \
    if (size >= sizeof(text) - 1 && strncasecmp(p, text, sizeof(text) - 1) == 0) {                 \
        put;                                                                                       \
        return sizeof(text) - 1;                                                                   \
    }
    WORD("HH24", strbuf_printf(out, "%02d", m->hour))
    WORD("HH12", strbuf_printf(out, "%02d", hour12(m->hour)))
    WORD("HH", strbuf_printf(out, "%02d", hour12(m->hour)))
    WORD("MI", strbuf_printf(out, "%02d", m->minute))
    WORD("SSSSS", strbuf_printf(out, "%d", m->hour * 3600 + m->minute * 60 + m->second))
    WORD("SS", strbuf_printf(out, "%02d", m->second))
    WORD("MS", strbuf_printf(out, "%03lld", (long long)(m->nanos / 1000000)))
    WORD("US", strbuf_printf(out, "%06lld", (long long)(m->nanos / 1000)))
    WORD("YYYY", strbuf_printf(out, "%04lld", (long long)m->date.year))
    WORD("YY", strbuf_printf(out, "%02d", (int)floor_mod(m->date.year, 100)))
    WORD("IYYY", strbuf_printf(out, "%04lld", (long long)week_year))
    WORD("IW", strbuf_printf(out, "%02d", week))
    if (size >= 5 && strncmp(p, "Month", 5) == 0) return strbuf_printf(out, "%-9s", month), 5;
    if (size >= 3 && strncmp(p, "Mon", 3) == 0) return strbuf_append(out, month, 3), 3;
    if (size >= 3 && strncmp(p, "Day", 3) == 0) return strbuf_printf(out, "%-9s", day), 3;
    WORD("DDD", strbuf_printf(out, "%03d", day_of_year(m)))
    WORD("DD", strbuf_printf(out, "%02d", m->date.day))
    if (size >= 2 && strncmp(p, "Dy", 2) == 0) return strbuf_append(out, day, 3), 2;
    WORD("MM", strbuf_printf(out, "%02d", m->date.month))
    WORD("AM", strbuf_puts(out, m->hour < 12 ? "AM" : "PM"))
    WORD("PM", strbuf_puts(out, m->hour < 12 ? "AM" : "PM"))
    WORD("TZH", strbuf_printf(out, "%+03d", m->offset_s / 3600))
    WORD("TZ", strbuf_puts(out, m->has_zone ? m->zone : ""))
    WORD("OF", put_offset(out, m, true))
    WORD("Q", strbuf_printf(out, "%d", (m->date.month - 1) / 3 + 1))
    WORD("D", strbuf_printf(out, "%d", iso_weekday(m->days) % 7 + 1))
#undef WORD
    strbuf_putc(out, *p);
    return 1;
}

static bool format_to_char(struct strbuf *out, const char *pattern, size_t size,
                           const struct moment *m)
{
    if (memchr(pattern, '%', size)) return format_strftime(out, pattern, size, m);
    for (size_t i = 0; i < size;) {
        if (pattern[i] == '"') { /* quoted text is taken as it is */
            for (i++; i < size && pattern[i] != '"'; i++) strbuf_putc(out, pattern[i]);
            i += i < size;
            continue;
        }
        i += put_to_char(out, pattern + i, size - i, m);
    }
    return true;
}

/* How long, in seconds, times on the UTC clock are written alike by a pattern; 0: look at each. Errs towards too short. */
static int64_t strftime_grain(const char *pattern, size_t size)
{
    int64_t grain = SECONDS_PER_DAY;
    for (size_t i = 0; i < size; i++) {
        if (pattern[i] != '%') continue;
        i += i + 1 < size && pattern[i + 1] == '-' ? 2 : 1;
        char letter = i < size ? pattern[i] : 0;
        if (letter == 0 || !strchr("YymdejaAbhBuwVGUWFD%HIpMRSTs", letter)) return 0;
        if (strchr("HIp", letter) && grain > 3600) grain = 3600;
        if (strchr("MR", letter) && grain > 60) grain = 60;
        if (strchr("STs", letter)) grain = 1;
    }
    return grain;
}

/* The words of to_char, found anywhere in the pattern. */
static int64_t to_char_grain(const char *pattern, size_t size)
{
    if (memchr(pattern, '%', size)) return strftime_grain(pattern, size);
    int64_t grain = SECONDS_PER_DAY;
    for (size_t i = 0; i < size; i++) {
        const char *rest = pattern + i;
        bool is_pair = i + 1 < size;
        if (is_pair && (strncasecmp(rest, "MS", 2) == 0 || strncasecmp(rest, "US", 2) == 0))
            return 0;
        if (strchr("Ss", *rest)) grain = 1;
        if (is_pair && strncasecmp(rest, "MI", 2) == 0 && grain > 60) grain = 60;
        if (strchr("HhAaPp", *rest) && grain > 3600) grain = 3600;
    }
    return grain;
}

/* Rows that follow each other are mostly written alike: what was written last, and for which values it is right. */
struct last_text {
    int64_t grain; /* in units of the type; 0: nothing is remembered */
    int64_t first, end;
};

static struct last_text remember_nothing(const struct vector *args, const struct tz *tz,
                                         bool is_to_char)
{
    struct last_text last = {0};
    if (args[1].shape != VEC_CONST || !vector_is_valid(&args[1], 0)) return last;
    const struct string_view *pattern = args[1].data;
    const char *text = string_data(pattern);
    int64_t grain = is_to_char ? to_char_grain(text, pattern->size)
                               : strftime_grain(text, pattern->size);
    /* an offset may change at any second */
    if (tz && grain > 1) grain = 1;
    last.grain = grain * units_per_second(args[0].type.unit);
    return last;
}

static void remember(struct last_text *last, int64_t value)
{
    if (last->grain == 0) return;
    int64_t first = value - floor_mod(value, last->grain);
    /* at the ends of the range nothing is remembered */
    if (first > value || __builtin_add_overflow(first, last->grain, &last->end))
        first = last->end = 0;
    last->first = first;
}

static laminar_status format_kernel(KERNEL_ARGS)
{
    bool is_to_char = fn->data != NULL;
    const struct tz *tz = NULL;
    laminar_status status = LAMINAR_OK;
    if (args[0].type.id == LAMINAR_TYPE_TIMESTAMPTZ) status = zone_of(args[0].type, env, &tz);
    struct last_text last = remember_nothing(args, tz, is_to_char);
    struct strbuf text = {0};
    for (size_t i = 0; i < n && status == LAMINAR_OK; i++) {
        out_string_borrow(out, i, "", 0);
        if (!column_is_valid(out, i)) continue;
        int64_t value = ROW(int64_t, &args[0], i);
        if (value >= last.first && value < last.end) {
            if (text.size <= STRING_INLINE_MAX)
                out_string_borrow(out, i, text.data ? text.data : "", text.size);
            else
                status = out_string(out, i, text.data, text.size, env->err);
            continue;
        }
        struct moment m = moment_of(value, args[0].type.unit, tz);
        const struct string_view *pattern = &ROW(struct string_view, &args[1], i);
        strbuf_clear(&text);
        bool is_known = (is_to_char ? format_to_char : format_strftime)(&text, string_data(pattern),
                                                                        pattern->size, &m);
        if (text.failed)
            status = error_oom(env->err);
        else if (is_known)
            status = out_string(out, i, text.data ? text.data : "", text.size, env->err);
        else if (eval_fail(env, out, i, "'%s' is not a valid pattern for %s",
                           VALUE_TEXT(&args[1], i), fn->name))
            status = eval_failure(env);
        last.end = last.first;
        if (is_known) remember(&last, value);
    }
    strbuf_deinit(&text);
    return status;
}

/* --- strptime ---------------------------------------------------------------------------------------------------------------------------- */

static bool read_number(const char **p, const char *end, int digits_max, int64_t *out)
{
    const char *start = *p;
    *out = 0;
    while (*p < end && *p - start < digits_max && **p >= '0' && **p <= '9')
        *out = *out * 10 + (*(*p)++ - '0');
    return *p > start;
}
static bool read_name(const char **p, const char *end, const char *const *names, int n, int *out)
{
    for (int i = 0; i < n; i++) {
        size_t full = strlen(names[i]), left = (size_t)(end - *p);
        size_t take = left >= full && strncasecmp(*p, names[i], full) == 0 ? full
                      : left >= 3 && strncasecmp(*p, names[i], 3) == 0     ? 3
                                                                           : 0;
        if (!take) continue;
        *p += take;
        *out = i;
        return true;
    }
    return false;
}
static bool read_fraction(const char **p, const char *end, int64_t *nanos)
{
    int64_t value, unit = NANOS_PER_SECOND;
    const char *start = *p;
    if (!read_number(p, end, 9, &value)) return false;
    for (const char *q = start; q < *p; q++) unit /= 10;
    *nanos = value * unit;
    return true;
}
static bool read_offset(const char **p, const char *end, int64_t *seconds)
{
    if (*p < end && (**p == 'Z' || **p == 'z')) return (*p)++, *seconds = 0, true;
    if (*p >= end || (**p != '+' && **p != '-')) return false;
    int64_t sign = *(*p)++ == '-' ? -1 : 1, hours, minutes = 0;
    if (!read_number(p, end, 2, &hours)) return false;
    if (*p < end && **p == ':') (*p)++;
    read_number(p, end, 2, &minutes);
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* A text by a strftime pattern, as microseconds. */
static bool parse_by_pattern(const char *p, size_t size, const char *pattern, size_t pattern_size,
                             int64_t *out)
{
    const char *end = p + size;
    int64_t year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0, nanos = 0,
            offset = 0, epoch;
    int half = -1, index;
    for (size_t i = 0; i < pattern_size; i++) {
        char c = pattern[i];
        if (c != '%') {
            if (c == ' ') {
                while (p < end && *p == ' ') p++;
                continue;
            }
            if (p >= end || *p++ != c) return false;
            continue;
        }
        if (++i < pattern_size && pattern[i] == '-') i++;
        if (i >= pattern_size) return false;
        bool fits = true;
        switch (pattern[i]) {
        case 'Y': {
            int64_t sign = p < end && *p == '-' ? (p++, -1) : 1;
            fits = read_number(&p, end, 6, &year);
            year *= sign;
            break;
        }
        case 'y':
            fits = read_number(&p, end, 2, &year);
            year += year < 69 ? 2000 : 1900;
            break;
        case 'm': fits = read_number(&p, end, 2, &month); break;
        case 'd':
        case 'e': fits = read_number(&p, end, 2, &day); break;
        case 'H':
        case 'I': fits = read_number(&p, end, 2, &hour); break;
        case 'M': fits = read_number(&p, end, 2, &minute); break;
        case 'S': fits = read_number(&p, end, 2, &second); break;
        case 'f':
        case 'g':
        case 'n': fits = read_fraction(&p, end, &nanos); break;
        case 'b':
        case 'B':
            fits = read_name(&p, end, month_names, 12, &index);
            month = fits ? index + 1 : 1;
            break;
        case 'a':
        case 'A': fits = read_name(&p, end, day_names, 7, &index); break;
        case 'p':
            fits = end - p >= 2 && (p[1] == 'M' || p[1] == 'm');
            if (fits) half = p[0] == 'P' || p[0] == 'p', p += 2;
            break;
        case 'z': fits = read_offset(&p, end, &offset); break;
        case 'F': {
            fits = read_number(&p, end, 6, &year) && p < end && *p++ == '-' &&
                   read_number(&p, end, 2, &month) && p < end && *p++ == '-' &&
                   read_number(&p, end, 2, &day);
            break;
        }
        case 'T':
            fits = read_number(&p, end, 2, &hour) && p < end && *p++ == ':' &&
                   read_number(&p, end, 2, &minute) && p < end && *p++ == ':' &&
                   read_number(&p, end, 2, &second);
            break;
        case 's':
            fits = read_number(&p, end, 18, &epoch);
            if (!fits || p != end || i + 1 != pattern_size) return false;
            return !__builtin_mul_overflow(epoch, 1000000, out);
        case '%': fits = p < end && *p++ == '%'; break;
        default: return false;
        }
        if (!fits) return false;
    }
    if (half >= 0) {
        if (hour < 1 || hour > 12) return false;
        hour = hour % 12 + 12 * half;
    }
    if (p != end || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
        second > 59)
        return false;
    int64_t days = civil_to_days(year, (int)month, (int)day);
    if (civil_date(days).day != day) return false;
    int64_t seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset;
    return !__builtin_mul_overflow(seconds, 1000000, out) &&
           !__builtin_add_overflow(*out, nanos / 1000, out);
}

static laminar_status parse_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        OUT(int64_t, out)[i] = 0;
        if (!column_is_valid(out, i)) continue;
        const struct string_view *text = &ROW(struct string_view, &args[0], i),
                                 *pattern = &ROW(struct string_view, &args[1], i);
        if (!parse_by_pattern(string_data(text), text->size, string_data(pattern), pattern->size,
                              &OUT(int64_t, out)[i]) &&
            eval_fail(env, out, i, "'%s' does not match the pattern '%s'", VALUE_TEXT(&args[0], i),
                      VALUE_TEXT(&args[1], i)))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}

/* --- Binding ------------------------------------------------------------------------------------------------------------------------------ */

static laminar_status bind_format(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    struct data_type *type = &fn->arg_types[0];
    if (binding_is_string_literal(binding, 0) || type->id == LAMINAR_TYPE_DATE ||
        type->id == LAMINAR_TYPE_NULL)
        *type = type_timestamp(UNIT_MICRO);
    bool is_time = type->id == LAMINAR_TYPE_TIME;
    if ((!type_is_timestamp(*type) && !is_time) ||
        cast_cost(fn->arg_types[1], TYPE(VARCHAR), false) < 0)
        return bind_mismatch(binding);
    fn->arg_types[1] = TYPE(VARCHAR);
    fn->data = fn->function->param;
    fn->kernel = format_kernel;
    fn->result = TYPE(VARCHAR);
    fn->flags = FN_STRICT | FN_FALLIBLE;
    return LAMINAR_OK;
}

static const struct scalar_function functions[] = {
    {"strftime", "strftime(ts, pattern) -> VARCHAR",
     "The time written by a pattern such as '%Y-%m-%d'", 2, 2, bind_format, NULL},
    {"date_format", "date_format(ts, pattern) -> VARCHAR", "Same as strftime", 2, 2, bind_format,
     NULL},
    {"to_char", "to_char(ts, pattern) -> VARCHAR",
     "The time written by a pattern such as 'YYYY-MM-DD', or one of strftime's", 2, 2, bind_format,
     (void *)1},
    {"strptime", "strptime(text, pattern) -> TIMESTAMP",
     "The time read by a pattern such as '%Y-%m-%d'", 2, 2, bind_overloads,
     OVERLOADS({"T:ss", parse_kernel, FN_STRICT | FN_FALLIBLE, NULL})},
};
SCALAR_FAMILY(time_format, functions);
