/* tz.c - see tz.h. The file format and the meaning of the footer: RFC 8536. Found zones hang in a fixed table of atomic lists, to which
 * they are only ever added; its size is bounded by the number of zone files and of distinct offsets.
 * Cost of an offset: a binary search of some 200 changes, or a little calendar arithmetic after the last of them. */
#include "base/tz.h"
#include "base/file.h"
#include "base/hash.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    OFFSET_MAX_S = 24 * 3600,
    FILE_BYTES_MAX = 1 << 20,
    NAME_BYTES_MAX = 96,
    ABBREVIATION_MAX = 16
};

/* A kind of local time: what the offset is and what it is called. */
struct local_type {
    int32_t offset_s;
    uint8_t is_dst;
    uint8_t abbreviation; /* index into abbreviations */
};

/* When a POSIX rule changes: Mm.w.d, Jn or n, and the second of that day (which may lie outside it). */
struct rule_date {
    enum { RULE_MONTH_WEEK, RULE_JULIAN, RULE_DAY } kind;
    int32_t month, week, day;
    int32_t second;
};
struct rule {
    bool is_set, has_dst;
    int32_t std_offset_s, dst_offset_s;
    struct rule_date dst_start, dst_end;
    char std_name[ABBREVIATION_MAX], dst_name[ABBREVIATION_MAX];
};

struct tz {
    struct tz *next; /* in its bucket; set before it is published */
    const char *name;
    bool is_fixed;
    int32_t fixed_offset_s;
    size_t n_changes;
    int64_t *change_times; /* ascending */
    uint8_t *change_types; /* type from that time on */
    size_t n_types;
    struct local_type *types; /* types[0] holds before the first change */
    char *abbreviations;      /* zero-terminated */
    size_t abbreviations_bytes;
    struct rule rule; /* holds after the last change */
};

static const struct tz utc = {.name = "UTC", .is_fixed = true};

const struct tz *tz_utc(void) { return &utc; }
const char *tz_name(const struct tz *tz) { return tz->name; }
bool tz_is_fixed(const struct tz *tz) { return tz->is_fixed; }

/* --- Calendar ----------------------------------------------------------------------------------------------------------------------- */

static bool is_leap_year(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* Days from 1970-01-01 to January 1st of `year`. */
static int64_t year_start_days(int64_t year)
{
    int64_t before = year - 1;
    return 365 * (year - 1970) +
           (floor_div(before, 4) - floor_div(before, 100) + floor_div(before, 400)) - 477;
}

static int64_t year_of_days(int64_t days)
{
    int64_t year = 1970 + floor_div(days * 400, 146097);
    while (year_start_days(year) > days) year--;
    while (year_start_days(year + 1) <= days) year++;
    return year;
}

/* Local seconds since 1970 at which the rule changes in `year`. */
static int64_t rule_date_seconds(const struct rule_date *date, int64_t year)
{
    static const int16_t month_start[2][13] = {
        {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365},
        {0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366}};
    bool is_leap = is_leap_year(year);
    int64_t day = year_start_days(year);
    switch (date->kind) {
    case RULE_JULIAN:
        day += date->day - 1 + (is_leap && date->day >= 60);
        break; /* 1..365, February 29th is not counted */
    case RULE_DAY: day += date->day; break;
    case RULE_MONTH_WEEK: {
        const int16_t *starts = month_start[is_leap];
        int64_t first = day + starts[date->month - 1];
        int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
        int64_t in_month = (date->day - weekday + 7) % 7 + (date->week - 1) * 7;
        while (in_month >= starts[date->month] - starts[date->month - 1])
            in_month -= 7; /* week 5 = the last one */
        day = first + in_month;
        break;
    }
    }
    return day * 86400 + date->second;
}

static bool rule_is_dst(const struct rule *rule, int64_t utc_s)
{
    if (!rule->has_dst) return false;
    int64_t year = year_of_days(floor_div(utc_s + rule->std_offset_s, 86400));
    int64_t start = rule_date_seconds(&rule->dst_start, year) - rule->std_offset_s;
    int64_t end = rule_date_seconds(&rule->dst_end, year) - rule->dst_offset_s;
    return start < end ? utc_s >= start && utc_s < end : utc_s >= start || utc_s < end;
}

/* --- The footer's rule: "CET-1CEST,M3.5.0,M10.5.0/3" ------------------------------------------------------------------------------------ */

struct reader {
    const char *p, *end;
};

static bool read_char(struct reader *r, char c)
{
    if (r->p == r->end || *r->p != c) return false;
    r->p++;
    return true;
}

static bool read_number(struct reader *r, int32_t max, int32_t *out)
{
    const char *start = r->p;
    int32_t value = 0;
    for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++) {
        value = value * 10 + (*r->p - '0');
        if (value > max) return false;
    }
    *out = value;
    return r->p > start;
}

/* "[+-]hh[:mm[:ss]]" as seconds. */
static bool read_time(struct reader *r, int32_t hours_max, int32_t *out)
{
    bool is_negative = read_char(r, '-');
    if (!is_negative) read_char(r, '+');
    int32_t hours, minutes = 0, seconds = 0;
    if (!read_number(r, hours_max, &hours)) return false;
    if (read_char(r, ':') && !read_number(r, 59, &minutes)) return false;
    if (r->p > r->end) return false;
    if (read_char(r, ':') && !read_number(r, 59, &seconds)) return false;
    int32_t total = hours * 3600 + minutes * 60 + seconds;
    *out = is_negative ? -total : total;
    return true;
}

static bool read_name(struct reader *r, char out[ABBREVIATION_MAX])
{
    bool is_quoted = read_char(r, '<');
    size_t n = 0;
    for (; r->p < r->end; r->p++) {
        char c = *r->p;
        bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (!is_letter && !(is_quoted && ((c >= '0' && c <= '9') || c == '+' || c == '-'))) break;
        if (n + 1 >= ABBREVIATION_MAX) return false;
        out[n++] = c;
    }
    out[n] = 0;
    return n > 0 && (!is_quoted || read_char(r, '>'));
}

static bool read_rule_date(struct reader *r, struct rule_date *out)
{
    if (read_char(r, 'M')) {
        out->kind = RULE_MONTH_WEEK;
        if (!read_number(r, 12, &out->month) || !read_char(r, '.') ||
            !read_number(r, 5, &out->week) || !read_char(r, '.') || !read_number(r, 6, &out->day) ||
            out->month < 1 || out->week < 1)
            return false;
    } else if (read_char(r, 'J')) {
        out->kind = RULE_JULIAN;
        if (!read_number(r, 365, &out->day) || out->day < 1) return false;
    } else {
        out->kind = RULE_DAY;
        if (!read_number(r, 365, &out->day)) return false;
    }
    out->second = 2 * 3600;
    return !read_char(r, '/') || read_time(r, 167, &out->second);
}

static bool rule_parse(const char *text, size_t size, struct rule *out)
{
    struct reader r = {text, text + size};
    struct rule rule = {.is_set = true};
    int32_t west;
    if (!read_name(&r, rule.std_name) || !read_time(&r, 24, &west)) return false;
    rule.std_offset_s = -west;
    if (r.p < r.end) {
        rule.has_dst = true;
        if (!read_name(&r, rule.dst_name)) return false;
        rule.dst_offset_s = rule.std_offset_s + 3600;
        if (r.p < r.end && *r.p != ',') {
            if (!read_time(&r, 24, &west)) return false;
            rule.dst_offset_s = -west;
        }
        if (!read_char(&r, ',') || !read_rule_date(&r, &rule.dst_start) || !read_char(&r, ',') ||
            !read_rule_date(&r, &rule.dst_end))
            return false;
    }
    if (r.p != r.end) return false;
    *out = rule;
    return true;
}

/* --- The file -------------------------------------------------------------------------------------------------------------------------- */

static uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static int64_t load_be64(const uint8_t *p)
{
    return (int64_t)((uint64_t)load_be32(p) << 32 | load_be32(p + 4));
}

enum { HEADER_BYTES = 44 };
struct header {
    uint8_t version;
    uint32_t n_utc, n_std, n_leap, n_changes, n_types, n_chars;
};

static bool header_read(const uint8_t *data, size_t size, struct header *out)
{
    if (size < HEADER_BYTES || memcmp(data, "TZif", 4) != 0) return false;
    *out = (struct header){data[4],
                           load_be32(data + 20),
                           load_be32(data + 24),
                           load_be32(data + 28),
                           load_be32(data + 32),
                           load_be32(data + 36),
                           load_be32(data + 40)};
    return out->n_types >= 1 && out->n_types <= 256 && out->n_chars >= 1 && out->n_chars <= 2048 &&
           out->n_changes <= 100000 && out->n_leap <= 10000 && out->n_utc <= 256 &&
           out->n_std <= 256;
}

static size_t body_bytes(const struct header *h, size_t time_bytes)
{
    return h->n_changes * (time_bytes + 1) + h->n_types * 6 + h->n_chars +
           h->n_leap * (time_bytes + 4) + h->n_std + h->n_utc;
}

static laminar_status malformed(const char *name, const char *what, struct laminar_error *err)
{
    return error_set(err, LAMINAR_INVALID_ARGUMENT, "the file of time zone '%s' is malformed: %s",
                     name, what);
}

/* The data block at `p`, already known to be whole. */
static laminar_status body_read(struct tz *tz, const struct header *h, const uint8_t *p,
                                size_t time_bytes, struct laminar_error *err)
{
    tz->n_changes = h->n_changes;
    tz->n_types = h->n_types;
    tz->abbreviations_bytes = h->n_chars;
    tz->change_times = mem_calloc(h->n_changes, sizeof *tz->change_times);
    tz->change_types = mem_calloc(h->n_changes, 1);
    tz->types = mem_calloc(h->n_types, sizeof *tz->types);
    tz->abbreviations = mem_calloc(h->n_chars + 1, 1);
    if (!tz->change_times || !tz->change_types || !tz->types || !tz->abbreviations)
        return error_oom(err);

    for (size_t i = 0; i < h->n_changes; i++, p += time_bytes) {
        tz->change_times[i] = time_bytes == 8 ? load_be64(p) : (int32_t)load_be32(p);
        if (i && tz->change_times[i] <= tz->change_times[i - 1])
            return malformed(tz->name, "its changes are out of order", err);
    }
    for (size_t i = 0; i < h->n_changes; i++) {
        tz->change_types[i] = *p++;
        if (tz->change_types[i] >= h->n_types)
            return malformed(tz->name, "a change has an unknown type", err);
    }
    for (size_t i = 0; i < h->n_types; i++, p += 6) {
        tz->types[i] = (struct local_type){(int32_t)load_be32(p), p[4], p[5]};
        if (tz->types[i].offset_s < -OFFSET_MAX_S || tz->types[i].offset_s > OFFSET_MAX_S)
            return malformed(tz->name, "an offset is over 24 hours", err);
        if (tz->types[i].abbreviation >= h->n_chars)
            return malformed(tz->name, "a name lies outside the names", err);
    }
    memcpy(tz->abbreviations, p, h->n_chars);
    return LAMINAR_OK;
}

laminar_status tz_parse(const char *name, const void *file_data, size_t size, struct tz **out,
                        struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    const uint8_t *data = file_data;
    struct header header;
    struct tz *tz = mem_calloc(1, sizeof *tz);
    if (!tz || !(tz->name = mem_strdup(name))) TRY(error_oom(err));
    if (!header_read(data, size, &header)) TRY(malformed(name, "it is not a TZif file", err));
    size_t at = HEADER_BYTES, time_bytes = 4;
    if (header.version >= '2') {
        /* The first block is for readers of 32-bit times; the second says it again in full. */
        at += body_bytes(&header, 4);
        if (at > size || !header_read(data + at, size - at, &header))
            TRY(malformed(name, "it is cut", err));
        at += HEADER_BYTES;
        time_bytes = 8;
    }
    if (body_bytes(&header, time_bytes) > size - at) TRY(malformed(name, "it is cut", err));
    TRY(body_read(tz, &header, data + at, time_bytes, err));
    at += body_bytes(&header, time_bytes);
    if (time_bytes == 8 && at < size && data[at] == '\n') {
        const uint8_t *text = data + at + 1;
        const uint8_t *end = memchr(text, '\n', size - at - 1);
        if (!end) TRY(malformed(name, "its footer is cut", err));
        if (end > text && !rule_parse((const char *)text, (size_t)(end - text), &tz->rule))
            TRY(malformed(name, "its footer is not a POSIX rule", err));
    }
    *out = tz;
    tz = NULL;
done:
    tz_free(tz);
    return status;
}

void tz_free(struct tz *tz)
{
    if (!tz) return;
    mem_free((char *)tz->name);
    mem_free(tz->change_times);
    mem_free(tz->change_types);
    mem_free(tz->types);
    mem_free(tz->abbreviations);
    mem_free(tz);
}

/* --- Offsets ------------------------------------------------------------------------------------------------------------------------------ */

/* The type in force, or NULL where the rule decides. */
static const struct local_type *type_at(const struct tz *tz, int64_t utc_s)
{
    if (tz->n_changes == 0) return tz->rule.is_set ? NULL : &tz->types[0];
    if (utc_s < tz->change_times[0]) return &tz->types[0];
    if (utc_s >= tz->change_times[tz->n_changes - 1])
        return tz->rule.is_set ? NULL : &tz->types[tz->change_types[tz->n_changes - 1]];
    size_t low = 0, high = tz->n_changes - 1; /* times[low] <= utc_s < times[high] */
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (tz->change_times[middle] <= utc_s)
            low = middle;
        else
            high = middle;
    }
    return &tz->types[tz->change_types[low]];
}

/* The rule's arithmetic is done on days: far beyond the years of the calendar nothing changes any more. */
static int64_t within_calendar(int64_t seconds)
{
    const int64_t limit = (int64_t)86400 * 366 * 1000000;
    return seconds > limit ? limit : seconds < -limit ? -limit : seconds;
}

int32_t tz_offset_at_utc(const struct tz *tz, int64_t utc_s)
{
    if (tz->is_fixed) return tz->fixed_offset_s;
    utc_s = within_calendar(utc_s);
    const struct local_type *type = type_at(tz, utc_s);
    if (type) return type->offset_s;
    return rule_is_dst(&tz->rule, utc_s) ? tz->rule.dst_offset_s : tz->rule.std_offset_s;
}

int32_t tz_offset_at_local(const struct tz *tz, int64_t local_s)
{
    if (tz->is_fixed) return tz->fixed_offset_s;
    local_s = within_calendar(local_s);
    /* No offset in use exceeds 16 hours: the change that may concern this reading lies between these two moments. */
    const int64_t reach_s = 16 * 3600;
    int32_t before = tz_offset_at_utc(tz, local_s - reach_s);
    int32_t after = tz_offset_at_utc(tz, local_s + reach_s);
    if (before == after) return before;
    if (tz_offset_at_utc(tz, local_s - after) == after) return after;
    return before;
}

const char *tz_abbreviation_at_utc(const struct tz *tz, int64_t utc_s)
{
    if (tz->is_fixed) return tz->name;
    utc_s = within_calendar(utc_s);
    const struct local_type *type = type_at(tz, utc_s);
    if (type) return tz->abbreviations + type->abbreviation;
    return rule_is_dst(&tz->rule, utc_s) ? tz->rule.dst_name : tz->rule.std_name;
}

/* --- Looking up by name -------------------------------------------------------------------------------------------------------------------- */

enum { N_BUCKETS = 256 };
static _Atomic(struct tz *) buckets[N_BUCKETS];

static _Atomic(struct tz *) *bucket_of(const char *name, size_t size)
{
    return &buckets[hash_bytes(name, size) % N_BUCKETS];
}

static const struct tz *find_in(struct tz *tz, const char *name, size_t size)
{
    for (; tz; tz = tz->next)
        if (strncmp(tz->name, name, size) == 0 && tz->name[size] == 0) return tz;
    return NULL;
}

/* Shares a finished zone (its contents become visible through the release); if another thread was first, its zone is taken. */
static const struct tz *publish(struct tz *tz)
{
    size_t size = strlen(tz->name);
    _Atomic(struct tz *) *bucket = bucket_of(tz->name, size);
    struct tz *head = atomic_load_explicit(bucket, memory_order_acquire);
    do {
        const struct tz *other = find_in(head, tz->name, size);
        if (other) {
            tz_free(tz);
            return other;
        }
        tz->next = head;
    } while (!atomic_compare_exchange_weak_explicit(bucket, &head, tz, memory_order_release,
                                                    memory_order_acquire));
    return tz;
}

/* "+02:00", "-3", "+0530", "+05:30:15". */
static bool parse_fixed(const char *name, size_t size, int32_t *out_s)
{
    if (size < 2 || (name[0] != '+' && name[0] != '-')) return false;
    int32_t parts[3] = {0, 0, 0};
    size_t n_parts = 0, i = 1;
    while (i < size && n_parts < 3) {
        if (n_parts && name[i] == ':') i++;
        size_t start = i;
        for (; i < size && i - start < 2 && name[i] >= '0' && name[i] <= '9'; i++)
            parts[n_parts] = parts[n_parts] * 10 + (name[i] - '0');
        if (i == start || (n_parts && i - start != 2)) return false;
        n_parts++;
    }
    if (i != size || parts[0] > 23 || parts[1] > 59 || parts[2] > 59) return false;
    int32_t total = parts[0] * 3600 + parts[1] * 60 + parts[2];
    *out_s = name[0] == '-' ? -total : total;
    return true;
}

static laminar_status find_fixed(int32_t offset_s, const struct tz **out, struct laminar_error *err)
{
    struct strbuf name = {0};
    int32_t s = offset_s < 0 ? -offset_s : offset_s;
    strbuf_printf(&name, "%c%02d:%02d", offset_s < 0 ? '-' : '+', (int)(s / 3600),
                  (int)(s / 60 % 60));
    if (s % 60) strbuf_printf(&name, ":%02d", (int)(s % 60));
    if (name.failed) return error_oom(err);
    const struct tz *found = find_in(
        atomic_load_explicit(bucket_of(name.data, name.size), memory_order_acquire), name.data,
        name.size);
    if (!found) {
        struct tz *tz = mem_calloc(1, sizeof *tz);
        if (!tz) {
            strbuf_deinit(&name);
            return error_oom(err);
        }
        tz->is_fixed = true;
        tz->fixed_offset_s = offset_s;
        tz->name = strbuf_take(&name);
        found = publish(tz);
    }
    strbuf_deinit(&name);
    *out = found;
    return LAMINAR_OK;
}

/* Letters, digits and "_+-" in parts joined by '/': no dots, so nothing outside the folder can be named. */
static bool is_well_formed(const char *name, size_t size)
{
    if (size == 0 || size > NAME_BYTES_MAX || name[0] == '/' || name[size - 1] == '/') return false;
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        bool is_alnum = ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9');
        if (!is_alnum && c != '_' && c != '+' && c != '-' && c != '/') return false;
        if (c == '/' && name[i - 1] == '/') return false;
    }
    return true;
}

static laminar_status find_file(const char *name, size_t size, const struct tz **out,
                                struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct strbuf path = {0}, contents = {0};
    char *copy = mem_strndup(name, size);
    const char *folder = getenv("TZDIR");
    strbuf_printf(&path, "%s/%.*s", folder && *folder ? folder : "/usr/share/zoneinfo", (int)size,
                  name);
    if (path.failed || !copy) TRY(error_oom(err));
    struct tz *tz = NULL;
    status = file_read_all(path.data, FILE_BYTES_MAX, &contents, err);
    if (status == LAMINAR_IO_ERROR) {
        error_set(err, LAMINAR_INVALID_ARGUMENT, "unknown time zone '%s'", copy);
        error_hint(
            err,
            "use a name such as 'Europe/Berlin', 'UTC' or an offset such as '+02:00'; names need the system's tzdata files");
        status = LAMINAR_INVALID_ARGUMENT;
    }
    TRY(status);
    TRY(tz_parse(copy, contents.data, contents.size, &tz, err));
    *out = publish(tz);
done:
    mem_free(copy);
    strbuf_deinit(&path);
    strbuf_deinit(&contents);
    return status;
}

static bool is_utc_name(const char *name, size_t size)
{
    static const char *const names[] = {"utc",       "gmt",     "z",       "zulu",   "uct",
                                        "universal", "etc/utc", "etc/gmt", "etc/uct"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        if (strlen(names[i]) != size) continue;
        size_t j = 0;
        while (j < size && (names[i][j] == '/' ? name[j] == '/' : (name[j] | 0x20) == names[i][j]))
            j++;
        if (j == size) return true;
    }
    return false;
}

laminar_status tz_find(const char *name, size_t size, const struct tz **out,
                       struct laminar_error *err)
{
    int32_t offset_s;
    if (is_utc_name(name, size)) {
        *out = &utc;
        return LAMINAR_OK;
    }
    if (parse_fixed(name, size, &offset_s)) return find_fixed(offset_s, out, err);
    if (!is_well_formed(name, size)) {
        error_set(err, LAMINAR_INVALID_ARGUMENT, "'%.*s' is not the name of a time zone",
                  (int)(size > NAME_BYTES_MAX ? NAME_BYTES_MAX : size), name);
        error_hint(err, "use a name such as 'Europe/Berlin', 'UTC' or an offset such as '+02:00'");
        return LAMINAR_INVALID_ARGUMENT;
    }
    const struct tz *found = find_in(
        atomic_load_explicit(bucket_of(name, size), memory_order_acquire), name, size);
    if (found) {
        *out = found;
        return LAMINAR_OK;
    }
    return find_file(name, size, out, err);
}
