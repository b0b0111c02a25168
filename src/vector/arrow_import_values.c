/* arrow_import_values.c - buffers of Arrow leaves to vectors: see arrow.h.
 *
 * Same layout: the pointer is taken (or the values copied, where a buffer is not aligned for the type). Strings: one pass checks the
 * offsets, one the bytes, one makes the views. Rows under a null get an empty view, whatever their offsets say.
 * Cost: strings about 2 ns a row, booleans 0.1. */
#include "base/error.h"
#include "vector/arrow_import.h"
#include "vector/text.h"
#include "vector/value_order.h"
#include <stdlib.h>

static bool is_null(const struct import_array *node, size_t i)
{
    return node->validity && !bitmap_get(node->validity, node->start + i);
}

/* --- Strings ------------------------------------------------------------------------------------------------------------------- */

MULTI_TARGET static bool offsets32_rise(const int32_t *offsets, size_t n)
{
    int32_t bad = offsets[0];
    for (size_t i = 0; i < n; i++) bad |= -(int32_t)(offsets[i + 1] < offsets[i]);
    return bad >= 0;
}

MULTI_TARGET static bool offsets64_rise(const int64_t *offsets, size_t n)
{
    int64_t bad = offsets[0];
    for (size_t i = 0; i < n; i++) bad |= -(int64_t)(offsets[i + 1] < offsets[i]);
    return bad >= 0;
}

laminar_status import_check_offsets(struct import *in, const void *offsets, bool is_wide, size_t n)
{
    if (is_wide ? offsets64_rise(offsets, n) : offsets32_rise(offsets, n)) return LAMINAR_OK;
    return import_error(in, "an offset is negative or less than the one before it");
}

MULTI_TARGET static bool is_ascii(const char *data, size_t size)
{
    uint64_t high = 0;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) high |= load_u64(data + i);
    for (; i < size; i++) high |= (uint64_t)(unsigned char)data[i];
    return (high & UINT64_C(0x8080808080808080)) == 0;
}

static int64_t offset_at(const void *offsets, bool is_wide, size_t i)
{
    return is_wide ? ((const int64_t *)offsets)[i] : ((const int32_t *)offsets)[i];
}

static laminar_status not_utf8(struct import *in, size_t row)
{
    return import_error(in, "the text in row %zu is not UTF-8", row);
}

/* All bytes of the column at once, which decides it where they are ASCII; else each string that is not. */
static laminar_status check_utf8(struct import *in, const struct import_array *node,
                                 const void *offsets, bool is_wide, const char *bytes)
{
    size_t n = node->n, first = (size_t)offset_at(offsets, is_wide, 0),
           end = (size_t)offset_at(offsets, is_wide, n);
    if (is_ascii(bytes + first, end - first)) return LAMINAR_OK;
    for (size_t i = 0; i < n; i++) {
        int64_t from = offset_at(offsets, is_wide, i), to = offset_at(offsets, is_wide, i + 1);
        if (is_null(node, i) || is_ascii(bytes + from, (size_t)(to - from))) continue;
        if (!utf8_validate(bytes + from, (size_t)(to - from))) return not_utf8(in, i);
    }
    return LAMINAR_OK;
}

/* Masks of the first `size` of 12 inline bytes: 4 in the prefix, 8 after it. */
static inline struct string_view short_view(const char *data, uint32_t size)
{
    struct string_view view;
    uint32_t head;
    uint64_t rest;
    memcpy(&head, data, 4);
    memcpy(&rest, data + 4, 8);
    uint32_t head_bits = size >= 4 ? 32 : size * 8, rest_bits = size > 4 ? (size - 4) * 8 : 0;
    head &= (uint32_t)((UINT64_C(1) << head_bits) - 1);
    rest &= rest_bits == 64 ? UINT64_MAX : (UINT64_C(1) << rest_bits) - 1;
    view.size = size;
    memcpy(view.prefix, &head, 4);
    memcpy(view.rest, &rest, 8);
    return view;
}

/* `readable` bytes lie from data on, so a short string may be loaded as 12 bytes where there are that many. */
static inline struct string_view view_of(const char *data, uint32_t size, size_t readable)
{
    if (size > STRING_INLINE_MAX) {
        struct string_view view;
        view.size = size;
        memcpy(view.prefix, data, 4);
        view.ptr = data;
        return view;
    }
    return likely(readable >= STRING_INLINE_MAX) ? short_view(data, size) : string_make(data, size);
}

#define VIEWS_BODY(has_nulls)                                                                      \
    for (size_t i = 0; i < n; i++) {                                                               \
        size_t from = (size_t)offsets[i], size = (size_t)offsets[i + 1] - from;                    \
        if (has_nulls && is_null(node, i)) size = 0;                                               \
        too_long |= size > UINT32_MAX;                                                             \
        out[i] = view_of(bytes + from, (uint32_t)size, end - from);                                \
    }
#define VIEWS_LOOP(name, T)                                                                        \
    static bool name(const struct import_array *node, const T *restrict offsets,                   \
                     const char *bytes, struct string_view *restrict out)                          \
    {                                                                                              \
        size_t n = node->n, end = (size_t)offsets[n];                                              \
        bool too_long = false;                                                                     \
        if (node->validity) {                                                                      \
            VIEWS_BODY(true)                                                                       \
        } else {                                                                                   \
            VIEWS_BODY(false)                                                                      \
        }                                                                                          \
        return !too_long;                                                                          \
    }
VIEWS_LOOP(make_views32, int32_t)
VIEWS_LOOP(make_views64, int64_t)

void strings_make_views(const struct pending_strings *strings, size_t n_rows)
{
    struct import_array node = {
        .start = strings->start, .n = n_rows, .validity = strings->validity};
    make_views32(&node, strings->offsets, strings->bytes, strings->views);
}

static laminar_status import_strings(struct import *in, bool is_wide,
                                     const struct import_array *node, struct column *own,
                                     struct vector *out)
{
    size_t width = is_wide ? 8 : 4;
    const void *offsets, *bytes;
    laminar_status status = import_buffer(in, node, 1, (node->start + node->n + 1) * width,
                                          &offsets);
    if (status) return status;
    if ((uintptr_t)offsets % width) return import_error(in, "the offsets are not aligned");
    offsets = (const uint8_t *)offsets + node->start * width;
    status = import_check_offsets(in, offsets, is_wide, node->n);
    if (!status)
        status = import_buffer(in, node, 2, (uint64_t)offset_at(offsets, is_wide, node->n), &bytes);
    if (status) return status;
    if (!bytes) bytes = "";
    if (own->vec.type.id != LAMINAR_TYPE_BINARY) {
        status = check_utf8(in, node, offsets, is_wide, bytes);
        if (status) return status;
    }
    if (in->body && in->depth == 1 && !is_wide) {
        out->data = NULL;
        struct pending_strings pending = {
            .offsets = offsets, .bytes = bytes, .validity = node->validity, .start = node->start};
        return batch_body_put_off(in->body, in->column_index, &pending, in->err);
    }
    bool ok = is_wide ? make_views64(node, offsets, bytes, own->vec.data)
                      : make_views32(node, offsets, bytes, own->vec.data);
    return ok ? LAMINAR_OK : import_error(in, "a string is longer than 4 GiB");
}

struct arrow_view {
    int32_t size;
    char prefix[4];
    int32_t buffer;
    int32_t offset;
};
static_assert(sizeof(struct arrow_view) == 16, "layout of Arrow's views");

static laminar_status import_views(struct import *in, const struct import_array *node,
                                   struct column *own)
{
    const void *views, *sizes_buffer;
    bool is_text = own->vec.type.id != LAMINAR_TYPE_BINARY;
    int n_data = (int)node->array->n_buffers - 3;
    laminar_status status = import_buffer(
        in, node, 1, (node->start + node->n) * sizeof(struct arrow_view), &views);
    if (!status)
        status = import_buffer(in, node, n_data + 2, (uint64_t)n_data * sizeof(int64_t),
                               &sizes_buffer);
    if (status) return status;
    struct string_view *out = own->vec.data;
    for (size_t i = 0; i < node->n; i++) {
        struct arrow_view view;
        if (is_null(node, i)) {
            out[i] = (struct string_view){0};
            continue;
        }
        memcpy(&view, (const char *)views + (node->start + i) * sizeof view, sizeof view);
        if (view.size < 0)
            return import_error(in, "the view in row %zu has the size %d", i, view.size);
        const char *data = (const char *)&view + 4;
        if (view.size <= STRING_INLINE_MAX) {
            out[i] = short_view(data, (uint32_t)view.size); /* drops what lies behind the string */
            data = out[i].prefix;
        } else {
            int64_t size;
            const void *buffer;
            if (view.buffer < 0 || view.buffer >= n_data)
                return import_error(in, "the view in row %zu points into buffer %d of %d", i,
                                    view.buffer, n_data);
            memcpy(&size, (const char *)sizes_buffer + (size_t)view.buffer * sizeof size,
                   sizeof size);
            if (view.offset < 0 || (int64_t)view.offset + view.size > size)
                return import_error(in, "the view in row %zu points outside its buffer", i);
            status = import_buffer(in, node, 2 + view.buffer,
                                   (uint64_t)view.offset + (uint64_t)view.size, &buffer);
            if (status) return status;
            data = (const char *)buffer + view.offset;
            out[i] = string_make(data, (size_t)view.size);
        }
        if (is_text && !is_ascii(data, (size_t)view.size) &&
            !utf8_validate(data, (size_t)view.size))
            return not_utf8(in, i);
    }
    return LAMINAR_OK;
}

static laminar_status import_fixed_binary(struct import *in, const struct import_array *node,
                                          size_t width, struct column *own)
{
    const void *bytes;
    laminar_status status = import_buffer(in, node, 1, (node->start + node->n) * (uint64_t)width,
                                          &bytes);
    if (status) return status;
    struct string_view *out = own->vec.data;
    for (size_t i = 0; i < node->n; i++)
        out[i] = is_null(node, i)
                     ? (struct string_view){0}
                     : string_make((const char *)bytes + (node->start + i) * width, width);
    return LAMINAR_OK;
}

/* --- Fixed width -------------------------------------------------------------------------------------------------------------------- */

/* Byte k of the result is bit k of `bits`. */
static inline uint64_t spread_bits(uint8_t bits)
{
    uint64_t word = (bits * UINT64_C(0x0101010101010101)) & UINT64_C(0x8040201008040201);
    return ((word + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7) & UINT64_C(0x0101010101010101);
}

static laminar_status import_bits(struct import *in, const struct import_array *node,
                                  struct column *own)
{
    const void *buffer;
    laminar_status status = import_buffer(in, node, 1, bitmap_bytes(node->start + node->n),
                                          &buffer);
    if (status) return status;
    const uint8_t *bits = buffer;
    uint8_t *out = own->vec.data;
    size_t i = 0, n = node->n, start = node->start;
    for (; i < n && (start + i) % 8; i++) out[i] = bitmap_get(bits, start + i);
    for (; i + 8 <= n; i += 8) {
        uint64_t word = spread_bits(bits[(start + i) / 8]);
        memcpy(out + i, &word, 8);
    }
    for (; i < n; i++) out[i] = bitmap_get(bits, start + i);
    return LAMINAR_OK;
}

static float half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 0x1F,
             fraction = half & 0x3FF, bits;
    float value;
    if (exponent == 0) { /* zero and subnormals: fraction * 2^-24 */
        value = (float)fraction * 0x1p-24F;
        return sign ? -value : value;
    }
    bits = exponent == 0x1F ? 0x7F800000 | fraction << 13 : (exponent + 112) << 23 | fraction << 13;
    bits |= sign;
    memcpy(&value, &bits, 4);
    return value;
}

/* A value of a day's time, in units of which there are per_second. */
static laminar_status check_times(struct import *in, const struct import_array *node,
                                  struct data_type type, const int64_t *values)
{
    static const int64_t per_day[] = {86400, INT64_C(86400000), INT64_C(86400000000),
                                      INT64_C(86400000000000)};
    int64_t limit = per_day[type.unit];
    for (size_t i = 0; i < node->n; i++)
        if ((values[i] < 0 || values[i] >= limit) && !is_null(node, i))
            return import_error(in, "the time in row %zu is %lld, not within a day", i,
                                (long long)values[i]);
    return LAMINAR_OK;
}

static int128 decimal_limit(int precision)
{
    int128 limit = 1;
    for (int i = 0; i < precision; i++) limit *= 10;
    return limit;
}

static laminar_status check_decimals(struct import *in, const struct import_array *node,
                                     struct data_type type, const int128 *values)
{
    int128 limit = decimal_limit(type.precision);
    for (size_t i = 0; i < node->n; i++)
        if ((values[i] >= limit || values[i] <= -limit) && !is_null(node, i))
            return import_error(in, "the decimal in row %zu has more than %d digits", i,
                                type.precision);
    return LAMINAR_OK;
}

/* Values of our own layout: the pointer, or a copy where it is not aligned for our loops. */
static laminar_status import_fixed(struct import *in, const struct import_array *node,
                                   struct column *own, struct vector *out)
{
    size_t width = type_width(own->vec.type),
           align = width > 8 && type_phys(own->vec.type) != PHYS_I128 ? 8 : width;
    const void *buffer;
    laminar_status status = import_buffer(in, node, 1, (node->start + node->n) * (uint64_t)width,
                                          &buffer);
    if (status) return status;
    if (node->n == 0) { /* the buffer may be missing; vectors always point somewhere */
        status = column_reserve(own, 1, in->err);
        out->data = own->vec.data;
        return status;
    }
    buffer = (const uint8_t *)buffer + node->start * width;
    if ((uintptr_t)buffer % align) {
        status = column_reserve(own, node->n, in->err);
        if (status) return status;
        buffer = memcpy(own->vec.data, buffer, node->n * width);
    }
    out->data = (void *)(uintptr_t)buffer;
    if (own->vec.type.id == LAMINAR_TYPE_DECIMAL)
        return check_decimals(in, node, own->vec.type, buffer);
    if (own->vec.type.id == LAMINAR_TYPE_TIME) return check_times(in, node, own->vec.type, buffer);
    return LAMINAR_OK;
}

static inline int64_t load_value(const void *buffer, size_t width, size_t i)
{
    int32_t narrow;
    int64_t wide;
    if (width == 8) {
        memcpy(&wide, (const char *)buffer + i * 8, 8);
        return wide;
    }
    memcpy(&narrow, (const char *)buffer + i * 4, 4);
    return narrow;
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static laminar_status import_interval(struct import *in, const struct arrow_format *format,
                                      size_t row, int64_t value, struct laminar_interval *out)
{
    static const int64_t unit_nanos[] = {INT64_C(1000000000), 1000000, 1000, 1};
    *out = (struct laminar_interval){0};
    if (format->layout == ARROW_MONTHS) {
        out->months = (int32_t)value;
    } else if (format->layout == ARROW_DAY_TIME) { /* days in the low half */
        out->days = (int32_t)value;
        out->nanos = (value >> 32) * 1000000;
    } else if (__builtin_mul_overflow(value, unit_nanos[format->unit], &out->nanos)) {
        return import_error(in, "the duration in row %zu does not fit an INTERVAL", row);
    }
    return LAMINAR_OK;
}

/* Layouts that differ from ours: value by value. Values under a null become 0. */
static laminar_status import_converted(struct import *in, const struct arrow_format *format,
                                       const struct import_array *node, struct column *own)
{
    size_t width = format->layout == ARROW_HALF ? 2
                   : format->layout == ARROW_TIME32 || format->layout == ARROW_MONTHS ||
                           format->layout == ARROW_DECIMAL32
                       ? 4
                       : 8;
    const void *buffer;
    laminar_status status = import_buffer(in, node, 1, (node->start + node->n) * width, &buffer);
    void *out = own->vec.data;
    for (size_t i = 0; i < node->n && !status; i++) {
        bool is_valid = !is_null(node, i);
        if (format->layout == ARROW_HALF) {
            uint16_t half;
            memcpy(&half, (const char *)buffer + (node->start + i) * 2, 2);
            ((float *)out)[i] = half_to_float(half);
            continue;
        }
        int64_t value = is_valid ? load_value(buffer, width, node->start + i) : 0;
        if (format->layout == ARROW_TIME32) {
            ((int64_t *)out)[i] = value;
        } else if (format->layout == ARROW_DECIMAL32 || format->layout == ARROW_DECIMAL64) {
            ((int128 *)out)[i] = value;
        } else if (format->layout == ARROW_DATE64) {
            int64_t days = floor_div(value, 86400000);
            if (days != (int32_t)days || days * 86400000 != value)
                return import_error(in, "the date in row %zu is %lld ms, not a whole day", i,
                                    (long long)value);
            ((int32_t *)out)[i] = (int32_t)days;
        } else {
            status = import_interval(in, format, i, value, (struct laminar_interval *)out + i);
        }
    }
    if (status) return status;
    if (own->vec.type.id == LAMINAR_TYPE_DECIMAL)
        return check_decimals(in, node, own->vec.type, out);
    if (own->vec.type.id == LAMINAR_TYPE_TIME) return check_times(in, node, own->vec.type, out);
    return LAMINAR_OK;
}

laminar_status import_leaf(struct import *in, const struct arrow_format *format,
                           const struct import_array *node, struct column *own, struct vector *out)
{
    if (format->layout == ARROW_FIXED) return import_fixed(in, node, own, out);
    laminar_status status = column_reserve(own, node->n ? node->n : 1, in->err);
    if (status) return status;
    out->data = own->vec.data;
    if (node->n == 0) return LAMINAR_OK; /* buffers of an empty array may be missing */
    switch ((int)format->layout) {
    case ARROW_BITS: return import_bits(in, node, own);
    case ARROW_STRING32: return import_strings(in, false, node, own, out);
    case ARROW_STRING64: return import_strings(in, true, node, own, out);
    case ARROW_STRING_VIEW: return import_views(in, node, own);
    case ARROW_FIXED_BINARY: return import_fixed_binary(in, node, (size_t)format->width, own);
    default: return import_converted(in, format, node, own);
    }
}
