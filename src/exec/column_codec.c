/* column_codec.c - see column_codec.h. A column is made flat first, so that constants and slices need no cases of their own. */
#include "exec/column_codec.h"
#include "base/error.h"
#include "vector/text.h"

static void put_u32(struct strbuf *out, uint32_t v) { strbuf_append(out, (const char *)&v, 4); }

static laminar_status encode_flat(const struct vector *v, size_t n, struct strbuf *out,
                                  struct laminar_error *err)
{
    strbuf_putc(out, v->validity != NULL);
    if (v->validity) strbuf_append(out, (const char *)v->validity, bitmap_bytes(n));
    if (type_is_nested(v->type)) {
        for (size_t i = 0; i < n; i++) {
            if (!vector_is_valid(v, i)) continue;
            size_t at = out->size;
            put_u32(out, 0);
            laminar_status status = value_encode(v, i, out, err);
            if (status != LAMINAR_OK) return status;
            if (out->failed) break;
            uint32_t size = (uint32_t)(out->size - at - 4);
            memcpy(out->data + at, &size, 4);
        }
    } else if (type_phys(v->type) == PHYS_STRING) {
        const struct string_view *views = v->data;
        for (size_t i = 0; i < n; i++) put_u32(out, vector_is_valid(v, i) ? views[i].size : 0);
        for (size_t i = 0; i < n; i++)
            if (vector_is_valid(v, i)) strbuf_append(out, string_data(&views[i]), views[i].size);
    } else if (type_width(v->type)) {
        strbuf_append(out, v->data, n * type_width(v->type));
    }
    return out->failed ? error_oom(err) : LAMINAR_OK;
}

laminar_status column_encode(const struct vector *v, size_t from, size_t n, struct strbuf *out,
                             struct laminar_error *err)
{
    struct column flat = {0};
    laminar_status status;
    TRY(column_init(&flat, v->type, err));
    TRY(column_append(&flat, v, from, n, STRINGS_BORROW, err));
    TRY(encode_flat(&flat.vec, n, out, err));
done:
    column_deinit(&flat);
    return status;
}

/* --- Decoding ---------------------------------------------------------------------------------------------------------------------------- */

struct reader {
    const uint8_t *at;
    const uint8_t *end;
};
static const uint8_t *take(struct reader *reader, size_t size)
{
    if (size > (size_t)(reader->end - reader->at)) return NULL;
    const uint8_t *at = reader->at;
    reader->at += size;
    return at;
}

static laminar_status malformed(const char *what, struct laminar_error *err)
{
    return error_set(err, LAMINAR_CHECKPOINT_FAILED, "a kept column is malformed: %s", what);
}

static laminar_status decode_strings(struct column *out, size_t n, const uint8_t *validity,
                                     struct reader *reader, struct laminar_error *err)
{
    const uint8_t *sizes = take(reader, n * 4);
    bool is_text = out->vec.type.id == LAMINAR_TYPE_VARCHAR ||
                   out->vec.type.id == LAMINAR_TYPE_JSON;
    if (!sizes) return malformed("it ends within its sizes", err);
    for (size_t i = 0; i < n; i++) {
        uint32_t size;
        memcpy(&size, sizes + i * 4, 4);
        const char *bytes = (const char *)take(reader, size);
        if (!bytes) return malformed("a string reaches beyond it", err);
        if (is_text && !utf8_validate(bytes, size)) return malformed("a string isn't UTF-8", err);
        laminar_status status = validity && !bitmap_get(validity, i)
                                    ? column_append_null(out, 1, err)
                                    : column_append_string(out, bytes, size, err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

static laminar_status decode_nested(struct column *out, size_t n, const uint8_t *validity,
                                    struct reader *reader, struct laminar_error *err)
{
    for (size_t i = 0; i < n; i++) {
        laminar_status status;
        if (validity && !bitmap_get(validity, i)) {
            status = column_append_null(out, 1, err);
        } else {
            const uint8_t *head = take(reader, 4), *bytes;
            uint32_t size = 0;
            size_t used = 0;
            if (head) memcpy(&size, head, 4);
            bytes = head ? take(reader, size) : NULL;
            if (!bytes) return malformed("a value reaches beyond it", err);
            status = value_decode(out, bytes, size, &used, err);
            if (status == LAMINAR_OK && used != size)
                return malformed("a nested value has another size", err);
        }
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

static laminar_status decode_fixed(struct column *out, size_t n, const uint8_t *validity,
                                   struct reader *reader, struct laminar_error *err)
{
    const uint8_t *values = take(reader, n * type_width(out->vec.type));
    if (!values) return malformed("it is too short", err);
    if (out->vec.type.id == LAMINAR_TYPE_BOOL)
        for (size_t i = 0; i < n; i++)
            if (values[i] > 1) return malformed("a boolean is neither true nor false", err);
    /* Through a vector, for validity of what is there already; copied first, because pieces may lie unaligned. */
    struct column flat = {0};
    laminar_status status;
    TRY(column_init(&flat, out->vec.type, err));
    TRY(column_reserve(&flat, n ? n : 1, err));
    memcpy(flat.vec.data, values, n * type_width(out->vec.type));
    struct vector v = flat.vec;
    v.validity = (uint8_t *)(uintptr_t)validity;
    TRY(column_append(out, &v, 0, n, STRINGS_BORROW, err));
done:
    column_deinit(&flat);
    return status;
}

laminar_status column_decode(struct column *out, size_t n, const uint8_t *data, size_t size,
                             size_t *used, struct laminar_error *err)
{
    struct reader reader = {data, data + size};
    const uint8_t *flag = take(&reader, 1), *validity = NULL;
    if (!flag || *flag > 1) return malformed("no validity", err);
    if (*flag && !(validity = take(&reader, bitmap_bytes(n))))
        return malformed("it ends within its validity", err);
    laminar_status status;
    if (type_is_nested(out->vec.type))
        status = decode_nested(out, n, validity, &reader, err);
    else if (type_phys(out->vec.type) == PHYS_STRING)
        status = decode_strings(out, n, validity, &reader, err);
    else if (type_width(out->vec.type) == 0)
        status = column_append_null(out, n, err);
    else
        status = decode_fixed(out, n, validity, &reader, err);
    if (status == LAMINAR_OK) *used = (size_t)(reader.at - data);
    return status;
}
