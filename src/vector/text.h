/* text.h - values of every type to and from their SQL text. Used by casts, CSV, JSON, literals, show. Locale-free.
 *
 * Parsers take exactly data[0..size) (surrounding blanks allowed), return false where the text is not a value of the type, and never
 * read past it. They don't fill errors: the caller knows what the text was for. */
#ifndef VECTOR_TEXT_H
#define VECTOR_TEXT_H

#include "vector/vector.h"

enum parse_result {
    PARSE_OK = 0,
    PARSE_SYNTAX = 1,
    PARSE_RANGE = 2 /* a number, date ... out of the type's range */
};

enum parse_result text_parse_bool(const char *data, size_t size,
                                  bool *out); /* true/false/t/f/yes/no/on/off/1/0 */
enum parse_result text_parse_int64(const char *data, size_t size, int64_t *out);
enum parse_result text_parse_uint64(const char *data, size_t size, uint64_t *out);
enum parse_result text_parse_double(const char *data, size_t size,
                                    double *out); /* nan, inf, infinity too */
enum parse_result text_parse_float(const char *data, size_t size, float *out);
/* "12.345", "1e3"; rounds half away from zero to `scale`; PARSE_RANGE beyond `precision`. *is_exact = no digit was lost (may be NULL). */
enum parse_result text_parse_decimal(const char *data, size_t size, int precision, int scale,
                                     int128 *out, bool *is_exact);
enum parse_result text_parse_date(
    const char *data, size_t size,
    int32_t *out_days); /* ISO 8601; years -9999..9999 and beyond with sign */
enum parse_result text_parse_time(const char *data, size_t size, int64_t *out_nanos);
/* ISO 8601 / PostgreSQL: "2026-01-02", "2026-01-02 03:04[:05[.678]]", 'T', "Z", "+02[:00]", " Europe/Berlin". Gives seconds and nanos as
 * written; *has_zone, and then *offset_s to subtract for UTC. Named zones are resolved through base/tz. */
enum parse_result text_parse_timestamp(const char *data, size_t size, int64_t *out_seconds,
                                       uint32_t *out_nanos, bool *has_zone, int32_t *offset_s);
/* "1 day 2 hours", "1-2" with fields, "P1DT2H" (ISO), "01:02:03", "5" with default unit from `field` (a name such as "SECOND", or NULL). */
enum parse_result text_parse_interval(const char *data, size_t size, const char *field,
                                      struct laminar_interval *out);
enum parse_result text_parse_uuid(const char *data, size_t size, uint8_t out[16]);
/* Seconds and nanoseconds as a TIMESTAMP's value, rounding half up; *is_exact = nothing was rounded away. */
enum parse_result text_timestamp_to_unit(int64_t seconds, uint32_t nanos, enum time_unit unit,
                                         int64_t *out, bool *is_exact);
/* Any type: writes type_width() bytes to `out` (strings: a view that borrows data). Lists and structs: PARSE_SYNTAX. Integers are plain
 * digits, as CAST has it. A TIMESTAMP text with a zone is taken to UTC; a TIMESTAMPTZ text without one is a reading in the type's zone. */
enum parse_result text_parse_value(struct data_type type, const char *data, size_t size, void *out);
/* The same for data that must arrive whole (insert, CSV, JSON): *is_exact = false where digits were rounded away (decimals and fractions
 * of a second; floats are nearest by nature), and "1.0" and "1e3" are integers. */
enum parse_result text_parse_value_exact(struct data_type type, const char *data, size_t size,
                                         void *out, bool *is_exact);

/* Printing. Doubles: shortest text that reads back to the same value ("1.0", "1e+30", "NaN", "Infinity"). */
void text_print_int64(struct strbuf *out, int64_t value);
void text_print_uint64(struct strbuf *out, uint64_t value);
void text_print_double(struct strbuf *out, double value);
void text_print_float(struct strbuf *out, float value);
void text_print_decimal(struct strbuf *out, int128 value, int scale);
void text_print_date(struct strbuf *out, int32_t days);
void text_print_time(struct strbuf *out, int64_t value, enum time_unit unit);
void text_print_timestamp(struct strbuf *out, int64_t value, enum time_unit unit,
                          const char *zone); /* zone NULL = none: no suffix */
struct tz;
void text_print_timestamp_tz(struct strbuf *out, int64_t value, enum time_unit unit,
                             const struct tz *tz); /* tz NULL = none */
/* RFC 3339: 'T' between, minutes in the offset. */
void text_print_timestamp_iso(struct strbuf *out, int64_t value, enum time_unit unit,
                              const struct tz *tz);
void text_print_interval(struct strbuf *out, struct laminar_interval value);
void text_print_uuid(struct strbuf *out, const uint8_t value[16]);
/* Row `row` of v: no quotes around strings at top level; "NULL" for null; lists as [a, b], structs as {'a': 1}, binary as \xff. */
void text_print_value(struct strbuf *out, const struct vector *v, size_t row);
/* BINARY's text form: printable ASCII as it is, "\\" for a backslash, "\xff" for other bytes. Read back by text_parse_binary, which
 * writes at most `size` bytes to out and sets *out_size. */
void text_print_binary(struct strbuf *out, const char *data, size_t size);
enum parse_result text_parse_binary(const char *data, size_t size, char *out, size_t *out_size);

/* Civil calendar (proleptic Gregorian). Algorithms: Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
int64_t civil_to_days(int64_t year, int month, int day);
void civil_from_days(int64_t days, int64_t *year, int *month, int *day);
/* 10^n for n in 0..38 */
extern const int128 pow10_table[39];
/* The double next to value / 10^scale. */
double decimal_to_double_wide(int128 value, int scale);
static inline double decimal_to_double(int128 value, int scale)
{
    /* both sides are doubles then, and a division rounds once */
    const int128 exact = (int128)1 << 53;
    if (value <= exact && value >= -exact && scale <= 22)
        return (double)value / (double)pow10_table[scale];
    return decimal_to_double_wide(value, scale);
}
int64_t unit_per_second(enum time_unit unit); /* 1, 1000, 1000000, 1000000000 */

bool utf8_validate(const char *data, size_t size);
/* Length of the longest prefix that is valid UTF-8 in whole characters. */
size_t utf8_valid_prefix(const char *data, size_t size);

enum { TEXT_JSON_DEPTH_MAX = 1024 };
/* Whether UTF-8 text is one JSON value (RFC 8259), nested up to TEXT_JSON_DEPTH_MAX deep. */
bool text_is_json(const char *data, size_t size);

#endif
