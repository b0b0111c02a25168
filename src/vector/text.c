/* text.c - booleans, UUIDs, binary, and any value by its type; UTF-8. Numbers are in text_number.c, times in text_time.c, intervals in
 * text_interval.c. */
#include "base/tz.h"
#include "vector/text_internal.h"

enum parse_result text_parse_bool(const char *data, size_t size, bool *out)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"true", true}, {"false", false}, {"t", true},   {"f", false},
                 {"1", true},    {"0", false},     {"yes", true}, {"no", false},
                 {"y", true},    {"n", false},     {"on", true},  {"off", false}};
    text_trim(&data, &size);
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
        if (!text_is_word(data, size, words[i].word)) continue;
        *out = words[i].value;
        return PARSE_OK;
    }
    return PARSE_SYNTAX;
}

/* --- UUID ----------------------------------------------------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (text_is_digit(c)) return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 32 hexadecimal digits, in braces or not, with hyphens after any group of four, as PostgreSQL reads them. */
enum parse_result text_parse_uuid(const char *data, size_t size, uint8_t out[16])
{
    text_trim(&data, &size);
    if (size > 1 && data[0] == '{' && data[size - 1] == '}') data++, size -= 2;
    uint8_t value[16];
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '-') {
            if (n == 0 || n % 4 != 0 || n == 32 || data[i - 1] == '-') return PARSE_SYNTAX;
            continue;
        }
        int digit = hex_digit(data[i]);
        if (digit < 0 || n == 32) return PARSE_SYNTAX;
        if (n % 2 == 0)
            value[n / 2] = (uint8_t)(digit << 4);
        else
            value[n / 2] |= (uint8_t)digit;
        n++;
    }
    if (n != 32) return PARSE_SYNTAX;
    memcpy(out, value, sizeof value);
    return PARSE_OK;
}

static const char hex_digits[] = "0123456789abcdef";

void text_print_uuid(struct strbuf *out, const uint8_t value[16])
{
    char buf[36], *p = buf;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *p++ = '-';
        *p++ = hex_digits[value[i] >> 4];
        *p++ = hex_digits[value[i] & 15];
    }
    strbuf_append(out, buf, sizeof buf);
}

/* --- BINARY ------------------------------------------------------------------------------------------------------------------------------ */

void text_print_binary(struct strbuf *out, const char *data, size_t size)
{
    size_t plain = 0; /* start of the bytes not yet written, which need no escape */
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c >= ' ' && c < 0x7F && c != '\\') continue;
        strbuf_append(out, data + plain, i - plain);
        plain = i + 1;
        if (c == '\\')
            strbuf_append(out, "\\\\", 2);
        else
            strbuf_append(out, (char[4]){'\\', 'x', hex_digits[c >> 4], hex_digits[c & 15]}, 4);
    }
    strbuf_append(out, data + plain, size - plain);
}

/* Also PostgreSQL's "\x" followed by nothing but hexadecimal digits, when there are more than two. */
enum parse_result text_parse_binary(const char *data, size_t size, char *out, size_t *out_size)
{
    size_t n = 0;
    if (size > 4 && data[0] == '\\' && data[1] == 'x' && size % 2 == 0) {
        size_t i = 2;
        while (i < size && hex_digit(data[i]) >= 0) i++;
        if (i == size) {
            for (i = 2; i < size; i += 2)
                out[n++] = (char)(hex_digit(data[i]) << 4 | hex_digit(data[i + 1]));
            *out_size = n;
            return PARSE_OK;
        }
    }
    for (size_t i = 0; i < size;) {
        if (data[i] != '\\') {
            out[n++] = data[i++];
        } else if (i + 1 < size && data[i + 1] == '\\') {
            out[n++] = '\\';
            i += 2;
        } else if (i + 3 < size && data[i + 1] == 'x' && hex_digit(data[i + 2]) >= 0 &&
                   hex_digit(data[i + 3]) >= 0) {
            out[n++] = (char)(hex_digit(data[i + 2]) << 4 | hex_digit(data[i + 3]));
            i += 4;
        } else {
            return PARSE_SYNTAX;
        }
    }
    *out_size = n;
    return PARSE_OK;
}

/* --- Any type ------------------------------------------------------------------------------------------------------------------------------- */

/* Stores `value` in the width of an integer type; PARSE_RANGE where it does not fit. */
static enum parse_result store_integer(laminar_type id, int128 value, void *out)
{
    switch ((int)id) {
#define STORE(ID, T)                                                                               \
    case LAMINAR_TYPE_##ID: {                                                                      \
        T narrow;                                                                                  \
        if (__builtin_add_overflow(value, 0, &narrow)) return PARSE_RANGE;                         \
        *(T *)out = narrow;                                                                        \
        return PARSE_OK;                                                                           \
    }
        STORE(INT8, int8_t)
        STORE(INT16, int16_t)
        STORE(INT32, int32_t)
        STORE(INT64, int64_t)
        STORE(UINT8, uint8_t)
        STORE(UINT16, uint16_t)
        STORE(UINT32, uint32_t)
        STORE(UINT64, uint64_t)
#undef STORE
    }
    return PARSE_SYNTAX;
}

enum exactness { AS_CAST, AS_DATA };

static enum parse_result parse_integer(struct data_type type, const char *data, size_t size,
                                       enum exactness how, void *out, bool *is_exact)
{
    int64_t value = 0;
    uint64_t magnitude = 0;
    enum parse_result result = type_is_unsigned(type) ? text_parse_uint64(data, size, &magnitude)
                                                      : text_parse_int64(data, size, &value);
    int128 wide = type_is_unsigned(type) ? (int128)magnitude : value;
    if (result == PARSE_SYNTAX && how == AS_DATA)
        result = text_parse_decimal(data, size, DECIMAL_PRECISION_MAX, 0, &wide, is_exact);
    return result == PARSE_OK ? store_integer((laminar_type)type.id, wide, out) : result;
}

static enum parse_result parse_timestamp(struct data_type type, const char *data, size_t size,
                                         int64_t *out, bool *is_exact)
{
    int64_t seconds;
    uint32_t nanos;
    bool has_zone;
    int32_t offset_s;
    enum parse_result result = text_parse_timestamp(data, size, &seconds, &nanos, &has_zone,
                                                    &offset_s);
    if (result != PARSE_OK) return result;
    if (!has_zone && type.id == LAMINAR_TYPE_TIMESTAMPTZ) {
        const struct tz *tz;
        if (tz_find(type.info->zone, strlen(type.info->zone), &tz, NULL) != LAMINAR_OK)
            return PARSE_SYNTAX;
        offset_s = tz_offset_at_local(tz, seconds);
    }
    return text_timestamp_to_unit(seconds - offset_s, nanos, (enum time_unit)type.unit, out,
                                  is_exact);
}

static enum parse_result parse_time(struct data_type type, const char *data, size_t size,
                                    int64_t *out, bool *is_exact)
{
    int64_t nanos;
    enum parse_result result = text_parse_time(data, size, &nanos);
    if (result != PARSE_OK) return result;
    int64_t nanos_per_unit = 1000000000 / unit_per_second((enum time_unit)type.unit);
    int64_t rest = nanos % nanos_per_unit;
    int64_t value = nanos / nanos_per_unit + (rest && rest >= nanos_per_unit - rest);
    *is_exact = rest == 0;
    if (value >= 86400 * unit_per_second((enum time_unit)type.unit))
        return PARSE_RANGE; /* 23:59:59.9... rounded up to midnight */
    *out = value;
    return PARSE_OK;
}

static enum parse_result parse_any(struct data_type type, const char *data, size_t size,
                                   enum exactness how, void *out, bool *is_exact)
{
    *is_exact = true;
    switch ((laminar_type)type.id) {
    case LAMINAR_TYPE_BOOL: {
        bool value;
        enum parse_result result = text_parse_bool(data, size, &value);
        if (result == PARSE_OK) *(uint8_t *)out = value;
        return result;
    }
    case LAMINAR_TYPE_INT8:
    case LAMINAR_TYPE_INT16:
    case LAMINAR_TYPE_INT32:
    case LAMINAR_TYPE_INT64:
    case LAMINAR_TYPE_UINT8:
    case LAMINAR_TYPE_UINT16:
    case LAMINAR_TYPE_UINT32:
    case LAMINAR_TYPE_UINT64: return parse_integer(type, data, size, how, out, is_exact);
    case LAMINAR_TYPE_FLOAT: return text_parse_float(data, size, out);
    case LAMINAR_TYPE_DOUBLE: return text_parse_double(data, size, out);
    case LAMINAR_TYPE_DECIMAL:
        return text_parse_decimal(data, size, type.precision, type.scale, out, is_exact);
    case LAMINAR_TYPE_VARCHAR:
    case LAMINAR_TYPE_BINARY:
    case LAMINAR_TYPE_JSON:
        *(struct string_view *)out = string_make(data, size);
        return size <= UINT32_MAX ? PARSE_OK : PARSE_RANGE;
    case LAMINAR_TYPE_DATE: return text_parse_date(data, size, out);
    case LAMINAR_TYPE_TIME: return parse_time(type, data, size, out, is_exact);
    case LAMINAR_TYPE_TIMESTAMP:
    case LAMINAR_TYPE_TIMESTAMPTZ: return parse_timestamp(type, data, size, out, is_exact);
    case LAMINAR_TYPE_INTERVAL: return text_parse_interval(data, size, NULL, out);
    case LAMINAR_TYPE_UUID: return text_parse_uuid(data, size, out);
    case LAMINAR_TYPE_NULL:
    case LAMINAR_TYPE_LIST:
    case LAMINAR_TYPE_STRUCT:
    case LAMINAR_TYPE_MAP: break;
    }
    return PARSE_SYNTAX;
}

enum parse_result text_parse_value(struct data_type type, const char *data, size_t size, void *out)
{
    bool is_exact;
    return parse_any(type, data, size, AS_CAST, out, &is_exact);
}

enum parse_result text_parse_value_exact(struct data_type type, const char *data, size_t size,
                                         void *out, bool *is_exact)
{
    return parse_any(type, data, size, AS_DATA, out, is_exact);
}

static void print_nested(struct strbuf *out, const struct vector *v, size_t row)
{
    if (v->type.id == LAMINAR_TYPE_STRUCT) {
        strbuf_putc(out, '{');
        for (uint32_t i = 0; i < v->n_children; i++) {
            if (i) strbuf_puts(out, ", ");
            strbuf_printf(out, "'%s': ", v->type.info->fields[i].name);
            text_print_value(out, &v->children[i], vector_struct_row(v, row));
        }
        strbuf_putc(out, '}');
        return;
    }
    bool is_map = v->type.id == LAMINAR_TYPE_MAP;
    struct list_entry entry = ((const struct list_entry *)v->data)[row];
    strbuf_putc(out, is_map ? '{' : '[');
    for (size_t i = entry.offset; i < (size_t)entry.offset + entry.length; i++) {
        if (i > entry.offset) strbuf_puts(out, ", ");
        text_print_value(out, &v->children[0], i);
        if (is_map) {
            strbuf_putc(out, '=');
            text_print_value(out, &v->children[1], i);
        }
    }
    strbuf_putc(out, is_map ? '}' : ']');
}

void text_print_value(struct strbuf *out, const struct vector *v, size_t row)
{
    if (!vector_is_valid(v, row)) {
        strbuf_puts(out, "NULL");
        return;
    }
    if (v->shape == VEC_CONST) row = 0;
    enum time_unit unit = (enum time_unit)v->type.unit;
    switch ((laminar_type)v->type.id) {
    case LAMINAR_TYPE_NULL: break;
    case LAMINAR_TYPE_BOOL:
        strbuf_puts(out, ((const uint8_t *)v->data)[row] ? "true" : "false");
        break;
    case LAMINAR_TYPE_INT8: text_print_int64(out, ((const int8_t *)v->data)[row]); break;
    case LAMINAR_TYPE_INT16: text_print_int64(out, ((const int16_t *)v->data)[row]); break;
    case LAMINAR_TYPE_INT32: text_print_int64(out, ((const int32_t *)v->data)[row]); break;
    case LAMINAR_TYPE_INT64: text_print_int64(out, ((const int64_t *)v->data)[row]); break;
    case LAMINAR_TYPE_UINT8: text_print_uint64(out, ((const uint8_t *)v->data)[row]); break;
    case LAMINAR_TYPE_UINT16: text_print_uint64(out, ((const uint16_t *)v->data)[row]); break;
    case LAMINAR_TYPE_UINT32: text_print_uint64(out, ((const uint32_t *)v->data)[row]); break;
    case LAMINAR_TYPE_UINT64: text_print_uint64(out, ((const uint64_t *)v->data)[row]); break;
    case LAMINAR_TYPE_FLOAT: text_print_float(out, ((const float *)v->data)[row]); break;
    case LAMINAR_TYPE_DOUBLE: text_print_double(out, ((const double *)v->data)[row]); break;
    case LAMINAR_TYPE_DECIMAL:
        text_print_decimal(out, ((const int128 *)v->data)[row], v->type.scale);
        break;
    case LAMINAR_TYPE_VARCHAR:
    case LAMINAR_TYPE_JSON: {
        const struct string_view *s = &((const struct string_view *)v->data)[row];
        strbuf_append(out, string_data(s), s->size);
        break;
    }
    case LAMINAR_TYPE_BINARY: {
        const struct string_view *s = &((const struct string_view *)v->data)[row];
        text_print_binary(out, string_data(s), s->size);
        break;
    }
    case LAMINAR_TYPE_DATE: text_print_date(out, ((const int32_t *)v->data)[row]); break;
    case LAMINAR_TYPE_TIME: text_print_time(out, ((const int64_t *)v->data)[row], unit); break;
    case LAMINAR_TYPE_TIMESTAMP:
        text_print_timestamp(out, ((const int64_t *)v->data)[row], unit, NULL);
        break;
    case LAMINAR_TYPE_TIMESTAMPTZ:
        text_print_timestamp(out, ((const int64_t *)v->data)[row], unit, v->type.info->zone);
        break;
    case LAMINAR_TYPE_INTERVAL:
        text_print_interval(out, ((const struct laminar_interval *)v->data)[row]);
        break;
    case LAMINAR_TYPE_UUID: text_print_uuid(out, (const uint8_t *)v->data + row * 16); break;
    case LAMINAR_TYPE_LIST:
    case LAMINAR_TYPE_STRUCT:
    case LAMINAR_TYPE_MAP: print_nested(out, v, row); break;
    }
}

/* --- UTF-8 ---------------------------------------------------------------------------------------------------------------------------------- */

/* The Unicode Standard, table 3-7: what may follow each lead byte. Eight bytes of ASCII are passed at once. */
size_t utf8_valid_prefix(const char *data, size_t size)
{
    const unsigned char *start = (const unsigned char *)data, *p = start, *end = p + size;
    while (p < end) {
        if (end - p >= 8) {
            uint64_t word;
            memcpy(&word, p, 8);
            if ((word & 0x8080808080808080ULL) == 0) {
                p += 8;
                continue;
            }
        }
        if (*p < 0x80) {
            p++;
            continue;
        }
        unsigned char lead = *p, low = 0x80, high = 0xBF;
        ptrdiff_t n_more;
        if (lead >= 0xC2 && lead <= 0xDF)
            n_more = 1;
        else if (lead >= 0xE0 && lead <= 0xEF)
            n_more = 2;
        else if (lead >= 0xF0 && lead <= 0xF4)
            n_more = 3;
        else
            return (size_t)(p - start);
        if (lead == 0xE0)
            low = 0xA0;
        else if (lead == 0xED)
            high = 0x9F; /* surrogates */
        else if (lead == 0xF0)
            low = 0x90;
        else if (lead == 0xF4)
            high = 0x8F;
        if (end - p <= n_more || p[1] < low || p[1] > high) return (size_t)(p - start);
        for (ptrdiff_t i = 2; i <= n_more; i++)
            if ((p[i] & 0xC0) != 0x80) return (size_t)(p - start);
        p += n_more + 1;
    }
    return size;
}

bool utf8_validate(const char *data, size_t size) { return utf8_valid_prefix(data, size) == size; }
