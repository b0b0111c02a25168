/* value_codec.c - one value as bytes and back: see kernel.h.
 *
 * Format: 0 for null; else 1 and the value, little-endian: fixed-width types in their width; strings, lists and maps a 32-bit count and
 * then their bytes, items, or keys and values in turn; structs their fields. Equal values give equal bytes: doubles are stored without
 * the sign of zero and with one NaN, intervals with whole months of 30 days and days of 24 hours carried over. Decoding checks
 * everything that other code relies on: counts, UTF-8, ranges. */
#include "base/error.h"
#include "vector/kernel.h"
#include "vector/text.h"
#include "vector/value_order.h"

enum { VALUE_NULL = 0, VALUE_PRESENT = 1 };

/* --- Encoding ---------------------------------------------------------------------------------------------------------------- */

static struct laminar_interval interval_normal(struct laminar_interval v)
{
    int128 total = interval_total(v), days = total / NANOS_PER_DAY;
    int128 months = days / DAYS_PER_MONTH;
    if (months != (int32_t)months) return v; /* too large to carry over: as it is */
    return (struct laminar_interval){(int32_t)months, (int32_t)(days % DAYS_PER_MONTH),
                                     (int64_t)(total % NANOS_PER_DAY)};
}

static void encode(const struct vector *v, size_t row, struct strbuf *out)
{
    bool is_valid = vector_is_valid(v, row);
    size_t i = v->shape == VEC_CONST ? 0 : row, width = type_width(v->type);
    strbuf_putc(out, is_valid ? VALUE_PRESENT : VALUE_NULL);
    if (!is_valid) return;
    const uint8_t *value = width ? (const uint8_t *)v->data + i * width : NULL;
    switch (type_phys(v->type)) {
    case PHYS_F32: {
        float canonical = *(const float *)(const void *)value;
        canonical = canonical != canonical ? __builtin_nanf("") : canonical == 0 ? 0.0F : canonical;
        strbuf_append(out, (const char *)&canonical, sizeof canonical);
        break;
    }
    case PHYS_F64: {
        uint64_t bits = f64_canonical_bits(*(const double *)(const void *)value);
        strbuf_append(out, (const char *)&bits, sizeof bits);
        break;
    }
    case PHYS_INTERVAL: {
        struct laminar_interval normal = interval_normal(
            *(const struct laminar_interval *)(const void *)value);
        strbuf_append(out, (const char *)&normal, sizeof normal);
        break;
    }
    case PHYS_STRING: {
        const struct string_view *string = (const struct string_view *)(const void *)value;
        strbuf_append(out, (const char *)&string->size, sizeof string->size);
        strbuf_append(out, string_data(string), string->size);
        break;
    }
    case PHYS_LIST: {
        const struct list_entry *entry = (const struct list_entry *)(const void *)value;
        strbuf_append(out, (const char *)&entry->length, sizeof entry->length);
        for (size_t item = 0; item < entry->length; item++)
            for (uint32_t k = 0; k < v->n_children; k++)
                encode(&v->children[k], (size_t)entry->offset + item, out);
        break;
    }
    case PHYS_STRUCT:
        for (uint32_t k = 0; k < v->n_children; k++)
            encode(&v->children[k], vector_struct_row(v, row), out);
        break;
    default: strbuf_append(out, (const char *)value, width);
    }
}

laminar_status value_encode(const struct vector *v, size_t row, struct strbuf *out,
                            struct laminar_error *err)
{
    encode(v, row, out);
    return out->failed ? error_oom(err) : LAMINAR_OK;
}

/* --- Decoding ------------------------------------------------------------------------------------------------------------------ */

struct reader {
    const uint8_t *at;
    size_t left;
    struct laminar_error *err;
};

static laminar_status damaged(struct reader *in, const char *what)
{
    return error_set(in->err, LAMINAR_CHECKPOINT_FAILED, "a stored value is damaged: %s", what);
}

static laminar_status take(struct reader *in, void *out, size_t size)
{
    if (size > in->left) return damaged(in, "it ends early");
    memcpy(out, in->at, size);
    in->at += size;
    in->left -= size;
    return LAMINAR_OK;
}

static laminar_status decode(struct column *out, struct reader *in);

static laminar_status decode_string(struct column *out, struct reader *in)
{
    uint32_t size = 0;
    laminar_status status = take(in, &size, sizeof size);
    if (status) return status;
    if (size > in->left) return damaged(in, "a string is longer than what is there");
    const char *data = (const char *)in->at;
    if (out->vec.type.id != LAMINAR_TYPE_BINARY && !utf8_validate(data, size))
        return damaged(in, "a string is not UTF-8");
    in->at += size;
    in->left -= size;
    return column_append_string(out, data, size, in->err);
}

static laminar_status decode_list(struct column *out, struct reader *in)
{
    uint32_t length = 0, n_children = out->vec.n_children;
    size_t first = out->children[0].n;
    laminar_status status = take(in, &length, sizeof length);
    if (status) return status;
    /* an item has a byte at least */
    if (length > in->left) return damaged(in, "a list is longer than what is there");
    for (uint32_t i = 0; i < length && !status; i++) {
        for (uint32_t k = 0; k < n_children && !status; k++) status = decode(&out->children[k], in);
        if (!status && out->vec.type.id == LAMINAR_TYPE_MAP &&
            !vector_is_valid(&out->children[0].vec, out->children[0].n - 1))
            status = damaged(in, "a key of a map is null");
    }
    if (!status) status = column_append_list(out, first, in->err);
    for (uint32_t k = 0; k < n_children && status; k++) column_truncate(&out->children[k], first);
    return status;
}

static laminar_status decode_struct(struct column *out, struct reader *in)
{
    laminar_status status = LAMINAR_OK;
    size_t n = out->n;
    for (uint32_t k = 0; k < out->vec.n_children && !status; k++)
        status = decode(&out->children[k], in);
    if (!status) status = column_append_struct(out, in->err);
    for (uint32_t k = 0; k < out->vec.n_children && status; k++)
        column_truncate(&out->children[k], n);
    return status;
}

static bool is_in_range(struct data_type type, const void *value)
{
    if (type.id == LAMINAR_TYPE_BOOL) return *(const uint8_t *)value <= 1;
    if (type.id == LAMINAR_TYPE_TIME) {
        int64_t time = *(const int64_t *)value;
        return time >= 0 && time < 86400 * unit_per_second((enum time_unit)type.unit);
    }
    if (type.id == LAMINAR_TYPE_DECIMAL) {
        int128 decimal = *(const int128 *)value, limit = pow10_table[type.precision];
        return decimal < limit && decimal > -limit;
    }
    return true;
}

static laminar_status decode(struct column *out, struct reader *in)
{
    uint8_t marker = VALUE_NULL;
    union {
        int128 aligned;
        uint8_t bytes[16];
    } value;
    laminar_status status = take(in, &marker, 1);
    if (status) return status;
    if (marker == VALUE_NULL) return column_append_null(out, 1, in->err);
    if (marker != VALUE_PRESENT || out->vec.type.id == LAMINAR_TYPE_NULL)
        return damaged(in, "unknown marker");
    switch ((int)type_phys(out->vec.type)) {
    case PHYS_STRING: return decode_string(out, in);
    case PHYS_LIST: return decode_list(out, in);
    case PHYS_STRUCT: return decode_struct(out, in);
    }
    status = take(in, value.bytes, type_width(out->vec.type));
    if (status) return status;
    if (!is_in_range(out->vec.type, &value))
        return damaged(in, "it is outside the range of its type");
    return column_append_value(out, &value, in->err);
}

laminar_status value_decode(struct column *out, const uint8_t *data, size_t size, size_t *used,
                            struct laminar_error *err)
{
    struct reader in = {data, size, err};
    laminar_status status = decode(out, &in);
    if (!status) *used = size - in.left;
    return status;
}
