/* column_codec.c - see column_codec.h. A column that isn't flat is made so first, so that constants and slices need no cases of their own. */
#include "exec/column_codec.h"
#include "base/error.h"
#include "vector/pack.h"
#include "vector/text.h"

enum { HAS_VALIDITY = 1, IS_PACKED = 2, FLAGS = 3 };

static void put_u32(struct strbuf *out, uint32_t v) { strbuf_append(out, (const char *)&v, 4); }

static bool is_packable(struct data_type type, enum pack_type *out)
{
    *out = PACK_UNSIGNED;
    switch (type_phys(type)) {
    case PHYS_I16:
    case PHYS_I32:
    case PHYS_I64: *out = PACK_INTEGER; return true;
    case PHYS_U16:
    case PHYS_U32:
    case PHYS_U64:
    case PHYS_F32: return true;
    case PHYS_F64: *out = PACK_DOUBLE; return true;
    case PHYS_STRING: return true; /* its sizes */
    default: return false;
    }
}

static void encode_strings(const struct vector *v, size_t n, bool is_packed, struct strbuf *out)
{
    const struct string_view *views = v->data;
    uint32_t sizes[PACK_BLOCK];
    size_t total = 0;
    for (size_t at = 0; at < n; at += PACK_BLOCK) {
        size_t some = n - at < PACK_BLOCK ? n - at : PACK_BLOCK;
        for (size_t i = 0; i < some; i++) {
            sizes[i] = vector_is_valid(v, at + i) ? views[at + i].size : 0;
            total += sizes[i];
        }
        if (is_packed)
            pack_values(PACK_UNSIGNED, 4, sizes, NULL, some, out);
        else
            strbuf_append(out, (const char *)sizes, some * 4);
    }
    char *room = strbuf_reserve(out, total);
    if (!room) return;
    for (size_t i = 0; i < n; i++) {
        if (!vector_is_valid(v, i)) continue;
        memcpy(room, string_data(&views[i]), views[i].size);
        room += views[i].size;
    }
    out->size += total;
}

static laminar_status encode_nested(const struct vector *v, size_t n, struct strbuf *out,
                                    struct laminar_error *err)
{
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
    return LAMINAR_OK;
}

static laminar_status encode_flat(const struct vector *v, size_t n, bool packs, struct strbuf *out,
                                  struct laminar_error *err)
{
    enum pack_type pack;
    bool is_packed = packs && n >= PACK_ROWS_MIN && is_packable(v->type, &pack);
    laminar_status status = LAMINAR_OK;
    strbuf_putc(out, (char)((v->validity ? HAS_VALIDITY : 0) | (is_packed ? IS_PACKED : 0)));
    if (v->validity) strbuf_append(out, (const char *)v->validity, bitmap_bytes(n));
    if (type_is_nested(v->type))
        status = encode_nested(v, n, out, err);
    else if (type_phys(v->type) == PHYS_STRING)
        encode_strings(v, n, is_packed, out);
    else if (is_packed)
        pack_values(pack, type_width(v->type), v->data, v->validity, n, out);
    else if (type_width(v->type))
        strbuf_append(out, v->data, n * type_width(v->type));
    if (status != LAMINAR_OK) return status;
    return out->failed ? error_oom(err) : LAMINAR_OK;
}

static laminar_status encode(const struct vector *v, size_t from, size_t n, bool packs,
                             struct strbuf *out, struct laminar_error *err)
{
    struct column flat = {0};
    laminar_status status;
    if (from == 0 && v->shape == VEC_FLAT && !type_is_nested(v->type))
        return encode_flat(v, n, packs, out, err);
    TRY(column_init(&flat, v->type, err));
    TRY(column_append(&flat, v, from, n, STRINGS_BORROW, err));
    TRY(encode_flat(&flat.vec, n, packs, out, err));
done:
    column_deinit(&flat);
    return status;
}

laminar_status column_encode(const struct vector *v, size_t from, size_t n, struct strbuf *out,
                             struct laminar_error *err)
{
    return encode(v, from, n, false, out, err);
}

laminar_status column_encode_packed(const struct vector *v, size_t from, size_t n,
                                    struct strbuf *out, struct laminar_error *err)
{
    return encode(v, from, n, true, out, err);
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

/* Packed values as they were. */
static bool take_packed(struct reader *reader, size_t width, size_t n, void *out)
{
    size_t used = unpack_values(width, n, reader->at, (size_t)(reader->end - reader->at), out);
    reader->at += used;
    return used > 0 || n == 0;
}

static laminar_status decode_sized(struct column *out, size_t n, const uint8_t *validity,
                                   const uint8_t *sizes, struct reader *reader,
                                   struct laminar_error *err)
{
    bool is_text = out->vec.type.id == LAMINAR_TYPE_VARCHAR ||
                   out->vec.type.id == LAMINAR_TYPE_JSON;
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

static laminar_status decode_strings(struct column *out, size_t n, const uint8_t *validity,
                                     bool is_packed, struct reader *reader,
                                     struct laminar_error *err)
{
    uint8_t *unpacked = NULL;
    const uint8_t *sizes;
    if (is_packed) {
        if (!(unpacked = mem_alloc(n * 4 + 1))) return error_oom(err);
        sizes = take_packed(reader, 4, n, unpacked) ? unpacked : NULL;
    } else {
        sizes = take(reader, n * 4);
    }
    laminar_status status = sizes ? decode_sized(out, n, validity, sizes, reader, err)
                                  : malformed("it ends within its sizes", err);
    mem_free(unpacked);
    return status;
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
                                   bool is_packed, struct reader *reader, struct laminar_error *err)
{
    size_t width = type_width(out->vec.type);
    const uint8_t *values = is_packed ? NULL : take(reader, n * width);
    if (!values && !is_packed) return malformed("it is too short", err);
    if (out->vec.type.id == LAMINAR_TYPE_BOOL)
        for (size_t i = 0; i < n; i++)
            if (values[i] > 1) return malformed("a boolean is neither true nor false", err);
    /* Through a vector, for validity of what is there already; copied first, because pieces may lie unaligned. */
    struct column flat = {0};
    laminar_status status;
    TRY(column_init(&flat, out->vec.type, err));
    TRY(column_reserve(&flat, n ? n : 1, err));
    if (values)
        memcpy(flat.vec.data, values, n * width);
    else if (!take_packed(reader, width, n, flat.vec.data))
        TRY(malformed("its values do not unpack", err));
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
    enum pack_type pack;
    if (!flag || *flag > FLAGS) return malformed("no validity", err);
    bool is_packed = *flag & IS_PACKED;
    if (is_packed && !is_packable(out->vec.type, &pack))
        return malformed("its type is never packed", err);
    if (*flag & HAS_VALIDITY && !(validity = take(&reader, bitmap_bytes(n))))
        return malformed("it ends within its validity", err);
    laminar_status status;
    if (type_is_nested(out->vec.type))
        status = decode_nested(out, n, validity, &reader, err);
    else if (type_phys(out->vec.type) == PHYS_STRING)
        status = decode_strings(out, n, validity, is_packed, &reader, err);
    else if (type_width(out->vec.type) == 0)
        status = column_append_null(out, n, err);
    else
        status = decode_fixed(out, n, validity, is_packed, &reader, err);
    if (status == LAMINAR_OK) *used = (size_t)(reader.at - data);
    return status;
}
