/* key_encode.c - see key_encode.h. */
#include "exec/key_encode.h"
#include "base/error.h"
#include "vector/text.h"

enum { MARK_NULL_FIRST = 0, MARK_VALUE = 1, MARK_NULL_LAST = 2 };

/* --- Encode ---------------------------------------------------------------------------------------------------------------------------------- */

static void store_be(uint8_t *out, uint64_t value, size_t width)
{
    value = __builtin_bswap64(value) >> (8 * (8 - width));
    memcpy(out, &value, width);
}

static uint64_t float_bits(double value)
{
    if (value != value) return UINT64_MAX;
    uint64_t bits;
    value = value == 0 ? 0 : value;
    memcpy(&bits, &value, 8);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

/* Big-endian with flipped sign, and what an interval is compared by first: its length, months as 30 days. */
static void store_i128(uint8_t *out, int128 value)
{
    unsigned __int128 bits = (unsigned __int128)value ^ (unsigned __int128)1 << 127;
    store_be(out, (uint64_t)(bits >> 64), 8);
    store_be(out + 8, (uint64_t)bits, 8);
}
static int128 interval_nanos(struct laminar_interval v)
{
    return ((int128)v.months * 30 + v.days) * 86400000000000 + v.nanos;
}

/* Bytes of a fixed-size value; how many. `out` has room for 32. */
static size_t encode_fixed(enum phys_type phys, const void *value, uint8_t *out)
{
    switch (phys) {
    case PHYS_BOOL:
    case PHYS_U8: out[0] = *(const uint8_t *)value; return 1;
    case PHYS_I8: out[0] = (uint8_t)(*(const uint8_t *)value ^ 0x80); return 1;
    case PHYS_I16: store_be(out, (uint16_t)(*(const uint16_t *)value ^ 0x8000), 2); return 2;
    case PHYS_U16: store_be(out, *(const uint16_t *)value, 2); return 2;
    case PHYS_I32: store_be(out, *(const uint32_t *)value ^ 0x80000000U, 4); return 4;
    case PHYS_U32: store_be(out, *(const uint32_t *)value, 4); return 4;
    case PHYS_I64: store_be(out, *(const uint64_t *)value ^ (uint64_t)1 << 63, 8); return 8;
    case PHYS_U64: store_be(out, *(const uint64_t *)value, 8); return 8;
    case PHYS_F32: store_be(out, float_bits((double)*(const float *)value), 8); return 8;
    case PHYS_F64: store_be(out, float_bits(*(const double *)value), 8); return 8;
    case PHYS_I128: store_i128(out, *(const int128 *)value); return 16;
    case PHYS_UUID: memcpy(out, value, 16); return 16;
    case PHYS_INTERVAL:
        store_i128(out, interval_nanos(*(const struct laminar_interval *)value));
        memcpy(out + 16, value, 16);
        return 32;
    case PHYS_STRING:
    case PHYS_LIST:
    case PHYS_STRUCT:
    case PHYS_NULL: break;
    }
    return 0;
}

static void encode_bytes(const char *data, size_t size, struct strbuf *out)
{
    while (size) {
        const char *zero = memchr(data, 0, size);
        size_t n = zero ? (size_t)(zero - data) : size;
        strbuf_append(out, data, n);
        if (zero) {
            strbuf_append(out, "\0\xFF", 2);
            n++;
        }
        data += n;
        size -= n;
    }
    strbuf_append(out, "\0\0", 2);
}

laminar_status key_encode(const struct key_part *parts, uint32_t n_parts, const struct vector *cols,
                          size_t row, struct strbuf *out, struct laminar_error *err)
{
    for (uint32_t i = 0; i < n_parts; i++) {
        const struct key_part *part = &parts[i];
        const struct vector *v = &cols[part->column];
        if (!vector_is_valid(v, row)) {
            strbuf_putc(out, part->is_nulls_first ? MARK_NULL_FIRST : MARK_NULL_LAST);
            continue;
        }
        strbuf_putc(out, MARK_VALUE);
        size_t start = out->size, at = v->shape == VEC_CONST ? 0 : row;
        enum phys_type phys = type_phys(part->type);
        if (type_is_nested(part->type)) {
            struct strbuf bytes = {0};
            laminar_status status = value_encode(v, row, &bytes, err);
            if (!status) encode_bytes(bytes.data, bytes.size, out);
            strbuf_deinit(&bytes);
            if (status) return status;
        } else if (phys == PHYS_STRING) {
            const struct string_view *view = (const struct string_view *)v->data + at;
            encode_bytes(string_data(view), view->size, out);
        } else {
            uint8_t fixed[32];
            size_t n = encode_fixed(phys, (const char *)v->data + at * phys_width(phys), fixed);
            strbuf_append(out, (const char *)fixed, n);
        }
        if (part->is_descending && !out->failed)
            for (size_t k = start; k < out->size; k++) out->data[k] = (char)~out->data[k];
    }
    return LAMINAR_OK;
}

/* --- Decode ---------------------------------------------------------------------------------------------------------------------------------- */

static uint64_t load_be(const uint8_t *in, size_t width)
{
    uint64_t value = 0;
    memcpy(&value, in, width);
    return __builtin_bswap64(value) >> (8 * (8 - width));
}

static double float_of(uint64_t bits)
{
    double value;
    bits = bits >> 63 ? bits & ~((uint64_t)1 << 63) : ~bits;
    memcpy(&value, &bits, 8);
    return value;
}

static laminar_status malformed(struct laminar_error *err)
{
    return error_set(err, LAMINAR_CHECKPOINT_FAILED,
                     "a sorted state table can't be restored: a key is malformed");
}

static size_t fixed_size(enum phys_type phys)
{
    if (phys == PHYS_F32) return 8;
    return phys == PHYS_INTERVAL ? 32 : phys_width(phys);
}

/* Inverse of encode_fixed; `value` is 16-byte aligned. */
static bool decode_fixed(enum phys_type phys, const uint8_t *in, void *value)
{
    switch (phys) {
    case PHYS_BOOL: *(uint8_t *)value = in[0]; return in[0] <= 1;
    case PHYS_U8: *(uint8_t *)value = in[0]; return true;
    case PHYS_I8: *(uint8_t *)value = (uint8_t)(in[0] ^ 0x80); return true;
    case PHYS_I16: *(uint16_t *)value = (uint16_t)(load_be(in, 2) ^ 0x8000); return true;
    case PHYS_U16: *(uint16_t *)value = (uint16_t)load_be(in, 2); return true;
    case PHYS_I32: *(uint32_t *)value = (uint32_t)load_be(in, 4) ^ 0x80000000U; return true;
    case PHYS_U32: *(uint32_t *)value = (uint32_t)load_be(in, 4); return true;
    case PHYS_I64: *(uint64_t *)value = load_be(in, 8) ^ (uint64_t)1 << 63; return true;
    case PHYS_U64: *(uint64_t *)value = load_be(in, 8); return true;
    case PHYS_F32: *(float *)value = (float)float_of(load_be(in, 8)); return true;
    case PHYS_F64: *(double *)value = float_of(load_be(in, 8)); return true;
    case PHYS_I128: {
        unsigned __int128 bits = (unsigned __int128)load_be(in, 8) << 64 | load_be(in + 8, 8);
        bits ^= (unsigned __int128)1 << 127;
        memcpy(value, &bits, 16);
        return true;
    }
    case PHYS_UUID: memcpy(value, in, 16); return true;
    case PHYS_INTERVAL: memcpy(value, in + 16, 16); return true;
    case PHYS_STRING:
    case PHYS_LIST:
    case PHYS_STRUCT:
    case PHYS_NULL: break;
    }
    return false;
}

/* Sizes of a string, without escapes and as it stands in the key; false where malformed. */
static bool measure(const uint8_t *in, size_t size, uint8_t flip, size_t *out_size, size_t *used)
{
    size_t n_escapes = 0, at = 0;
    for (;;) {
        const uint8_t *zero = memchr(in + at, flip, size - at);
        if (!zero) return false;
        at = (size_t)(zero - in) + 1;
        if (at >= size) return false;
        uint8_t next = in[at++] ^ flip;
        if (next == 0) break;
        if (next != 0xFF) return false;
        n_escapes++;
    }
    *used = at;
    *out_size = at - 2 - n_escapes;
    return true;
}

/* Its bytes without escapes and inversion; `used` is how many stand in the key. */
static void unescape(const uint8_t *in, uint8_t flip, char *text, size_t size, size_t used)
{
    if (size + 2 == used && flip == 0) {
        memcpy(text, in, size);
    } else if (size + 2 == used) {
        for (size_t k = 0; k < size; k++) text[k] = (char)(in[k] ^ 0xFF);
    } else {
        for (size_t k = 0, at = 0; k < size; k++, at++) {
            text[k] = (char)(in[at] ^ flip);
            at += text[k] == 0; /* the FF */
        }
    }
}

static laminar_status decode_string(const struct key_part *part, const char *text, size_t size,
                                    struct column *col, struct laminar_error *err)
{
    if (type_is_nested(part->type)) {
        size_t used;
        laminar_status status = value_decode(col, (const uint8_t *)text, size, &used, err);
        return status ? status : used == size ? LAMINAR_OK : malformed(err);
    }
    if (part->type.id != LAMINAR_TYPE_BINARY && !utf8_validate(text, size)) return malformed(err);
    struct string_view view = string_make(text, size);
    return column_append_value(col, &view, err);
}

laminar_status key_decode(const struct key_part *parts, uint32_t n_parts, const uint8_t *data,
                          size_t size, struct column *cols, struct laminar_error *err)
{
    const uint8_t *end = data + size;
    for (uint32_t i = 0; i < n_parts; i++) {
        const struct key_part *part = &parts[i];
        struct column *col = &cols[part->column];
        bool is_wanted = col->n != SIZE_MAX;
        laminar_status status = LAMINAR_OK;
        if (data == end) return malformed(err);
        uint8_t mark = *data++, flip = part->is_descending ? 0xFF : 0;
        if (mark != MARK_VALUE) {
            if (mark != (part->is_nulls_first ? MARK_NULL_FIRST : MARK_NULL_LAST))
                return malformed(err);
            if (is_wanted && (status = column_append_null(col, 1, err))) return status;
            continue;
        }
        enum phys_type phys = type_phys(part->type);
        if (phys == PHYS_STRING || type_is_nested(part->type)) {
            size_t text_size, used;
            if (!measure(data, (size_t)(end - data), flip, &text_size, &used))
                return malformed(err);
            if (is_wanted) {
                char *text = arena_alloc(&col->heap, text_size + 1);
                if (!text) return error_oom(err);
                unescape(data, flip, text, text_size, used);
                if ((status = decode_string(part, text, text_size, col, err))) return status;
            }
            data += used;
            continue;
        }
        size_t n = fixed_size(phys);
        if (n == 0 || (size_t)(end - data) < n) return malformed(err);
        uint8_t fixed[32];
        _Alignas(16) uint8_t value[16] = {0};
        for (size_t k = 0; k < n; k++) fixed[k] = data[k] ^ flip;
        if (!decode_fixed(phys, fixed, value)) return malformed(err);
        if (is_wanted && (status = column_append_value(col, value, err))) return status;
        data += n;
    }
    return data == end ? LAMINAR_OK : malformed(err);
}

uint64_t key_first_u64(const uint8_t *data, size_t size)
{
    return size > 8 && data[0] == MARK_VALUE ? load_be(data + 1, 8) : 0;
}

size_t key_prefix_size(const struct key_part *parts, uint32_t n_parts, const uint8_t *data,
                       size_t size)
{
    size_t at = 0;
    for (uint32_t i = 0; i < n_parts; i++) {
        if (at >= size) return 0;
        if (data[at++] != MARK_VALUE) continue;
        enum phys_type phys = type_phys(parts[i].type);
        size_t text_size, used = fixed_size(phys);
        if (phys == PHYS_STRING || type_is_nested(parts[i].type)) {
            uint8_t flip = parts[i].is_descending ? 0xFF : 0;
            if (!measure(data + at, size - at, flip, &text_size, &used)) return 0;
        }
        at += used;
    }
    return at <= size ? at : 0;
}
