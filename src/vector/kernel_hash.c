/* kernel_hash.c - hashes of rows: see kernel.h.
 *
 * One loop a physical type, in four versions (with and without validity; starting or combining), made from one template. A value's
 * hash is a multiply-fold of its canonical 64 bits, so integers of any width that are equal hash alike. Strings of up to 12 bytes hash
 * their two words without looking at a length. Nested values go row by row. */
#include "base/hash.h"
#include "vector/kernel.h"
#include "vector/value_order.h"

#define HASH_NULL UINT64_C(0x9ae16a3b2f90404f)
#define HASH_NOTHING UINT64_C(0xc3a5c85c97cb3127)

static inline uint64_t hash_signed(int64_t v) { return hash_u64((uint64_t)v); }
static inline uint64_t hash_f64(double v) { return hash_u64(f64_canonical_bits(v)); }
static inline uint64_t hash_f32(float v) { return hash_f64((double)v); }
static inline uint64_t hash_i128(int128 v)
{
    return hash_pair((uint64_t)v, (uint64_t)((unsigned __int128)v >> 64));
}
static inline uint64_t hash_interval(struct laminar_interval v)
{
    return hash_i128(interval_total(v));
}
struct uuid_value {
    uint64_t word[2];
};
static inline uint64_t hash_uuid(struct uuid_value v) { return hash_pair(v.word[0], v.word[1]); }
static inline uint64_t hash_string(struct string_view v)
{
    if (unlikely(v.size > STRING_INLINE_MAX)) return hash_bytes(v.ptr, v.size);
    return hash_pair(load_u64(&v), load_u64(v.rest));
}

/* HASH_LOOP(name, T, hash): static void hash_rows_<name>(data, validity, n, out, is_first). */
#define HASH_PUT(is_first) out[i] = (is_first) ? h : hash_combine(out[i], h)
#define HASH_BODY(hash_value, is_first)                                                            \
    for (size_t i = 0; i < n; i++) {                                                               \
        uint64_t h = hash_value(in[i]);                                                            \
        HASH_PUT(is_first);                                                                        \
    }
/* A byte of validity at a time; the null's hash is mixed in without a branch. */
#define HASH_BODY_NULLS(hash_value, is_first)                                                      \
    for (size_t byte = 0, i = 0; i < n; byte++) {                                                  \
        uint64_t bits = validity[byte];                                                            \
        for (size_t end = i + 8 < n ? i + 8 : n; i < end; i++, bits >>= 1) {                       \
            uint64_t h = HASH_NULL ^ ((hash_value(in[i]) ^ HASH_NULL) & (0 - (bits & 1)));         \
            HASH_PUT(is_first);                                                                    \
        }                                                                                          \
    }
#define HASH_LOOP(name, T, hash_value)                                                             \
    MULTI_TARGET static void hash_rows_##name(const void *data, const uint8_t *restrict validity,  \
                                              size_t n, uint64_t *restrict out, bool is_first)     \
    {                                                                                              \
        const T *restrict in = data;                                                               \
        if (!validity && is_first) {                                                               \
            HASH_BODY(hash_value, true)                                                            \
        } else if (!validity) {                                                                    \
            HASH_BODY(hash_value, false)                                                           \
        } else if (is_first) {                                                                     \
            HASH_BODY_NULLS(hash_value, true)                                                      \
        } else {                                                                                   \
            HASH_BODY_NULLS(hash_value, false)                                                     \
        }                                                                                          \
    }

HASH_LOOP(bool, uint8_t, hash_u64)
HASH_LOOP(i8, int8_t, hash_signed)
HASH_LOOP(i16, int16_t, hash_signed)
HASH_LOOP(i32, int32_t, hash_signed)
HASH_LOOP(i64, int64_t, hash_signed)
HASH_LOOP(u8, uint8_t, hash_u64)
HASH_LOOP(u16, uint16_t, hash_u64)
HASH_LOOP(u32, uint32_t, hash_u64)
HASH_LOOP(u64, uint64_t, hash_u64)
HASH_LOOP(f32, float, hash_f32)
HASH_LOOP(f64, double, hash_f64)
HASH_LOOP(i128, int128, hash_i128)
HASH_LOOP(string, struct string_view, hash_string)
HASH_LOOP(interval, struct laminar_interval, hash_interval)
HASH_LOOP(uuid, struct uuid_value, hash_uuid)

static uint64_t hash_row(const struct vector *v, size_t row);

static uint64_t hash_list(const struct vector *v, struct list_entry entry)
{
    uint64_t h = hash_u64(entry.length);
    for (size_t i = 0; i < entry.length; i++)
        for (uint32_t k = 0; k < v->n_children; k++)
            h = hash_combine(h, hash_row(&v->children[k], (size_t)entry.offset + i));
    return h;
}

static uint64_t hash_struct(const struct vector *v, size_t row)
{
    uint64_t h = HASH_NOTHING;
    for (uint32_t k = 0; k < v->n_children; k++)
        h = hash_combine(h, hash_row(&v->children[k], vector_struct_row(v, row)));
    return h;
}

/* One value. The recursion is bounded by TYPE_DEPTH_MAX. */
static uint64_t hash_row(const struct vector *v, size_t row)
{
    if (!vector_is_valid(v, row)) return HASH_NULL;
    size_t i = v->shape == VEC_CONST ? 0 : row;
    switch (type_phys(v->type)) {
    case PHYS_BOOL:
    case PHYS_U8: return hash_u64(((const uint8_t *)v->data)[i]);
    case PHYS_I8: return hash_signed(((const int8_t *)v->data)[i]);
    case PHYS_I16: return hash_signed(((const int16_t *)v->data)[i]);
    case PHYS_I32: return hash_signed(((const int32_t *)v->data)[i]);
    case PHYS_I64: return hash_signed(((const int64_t *)v->data)[i]);
    case PHYS_U16: return hash_u64(((const uint16_t *)v->data)[i]);
    case PHYS_U32: return hash_u64(((const uint32_t *)v->data)[i]);
    case PHYS_U64: return hash_u64(((const uint64_t *)v->data)[i]);
    case PHYS_F32: return hash_f32(((const float *)v->data)[i]);
    case PHYS_F64: return hash_f64(((const double *)v->data)[i]);
    case PHYS_I128: return hash_i128(((const int128 *)v->data)[i]);
    case PHYS_STRING: return hash_string(((const struct string_view *)v->data)[i]);
    case PHYS_INTERVAL: return hash_interval(((const struct laminar_interval *)v->data)[i]);
    case PHYS_UUID: return hash_uuid(((const struct uuid_value *)v->data)[i]);
    case PHYS_LIST: return hash_list(v, ((const struct list_entry *)v->data)[i]);
    case PHYS_STRUCT: return hash_struct(v, row);
    case PHYS_NULL: break;
    }
    return HASH_NULL;
}

static void put_one_hash(uint64_t h, size_t n, uint64_t *restrict hashes, bool is_first)
{
    if (is_first)
        for (size_t i = 0; i < n; i++) hashes[i] = h;
    else
        for (size_t i = 0; i < n; i++) hashes[i] = hash_combine(hashes[i], h);
}

void kernel_hash_column(const struct vector *col, size_t n, uint64_t *hashes, bool first)
{
    const uint8_t *validity = col->validity;
    if (col->shape == VEC_CONST) {
        put_one_hash(hash_row(col, 0), n, hashes, first);
        return;
    }
    switch (type_phys(col->type)) {
    case PHYS_BOOL: hash_rows_bool(col->data, validity, n, hashes, first); break;
    case PHYS_I8: hash_rows_i8(col->data, validity, n, hashes, first); break;
    case PHYS_I16: hash_rows_i16(col->data, validity, n, hashes, first); break;
    case PHYS_I32: hash_rows_i32(col->data, validity, n, hashes, first); break;
    case PHYS_I64: hash_rows_i64(col->data, validity, n, hashes, first); break;
    case PHYS_U8: hash_rows_u8(col->data, validity, n, hashes, first); break;
    case PHYS_U16: hash_rows_u16(col->data, validity, n, hashes, first); break;
    case PHYS_U32: hash_rows_u32(col->data, validity, n, hashes, first); break;
    case PHYS_U64: hash_rows_u64(col->data, validity, n, hashes, first); break;
    case PHYS_F32: hash_rows_f32(col->data, validity, n, hashes, first); break;
    case PHYS_F64: hash_rows_f64(col->data, validity, n, hashes, first); break;
    case PHYS_I128: hash_rows_i128(col->data, validity, n, hashes, first); break;
    case PHYS_STRING: hash_rows_string(col->data, validity, n, hashes, first); break;
    case PHYS_INTERVAL: hash_rows_interval(col->data, validity, n, hashes, first); break;
    case PHYS_UUID: hash_rows_uuid(col->data, validity, n, hashes, first); break;
    case PHYS_LIST:
    case PHYS_STRUCT:
        for (size_t i = 0; i < n; i++)
            hashes[i] = first ? hash_row(col, i) : hash_combine(hashes[i], hash_row(col, i));
        break;
    case PHYS_NULL: put_one_hash(HASH_NULL, n, hashes, first); break;
    }
}

void kernel_hash(const struct vector *cols, size_t n_cols, size_t n, uint64_t *hashes)
{
    if (n_cols == 0) put_one_hash(HASH_NOTHING, n, hashes, true);
    for (size_t i = 0; i < n_cols; i++) kernel_hash_column(&cols[i], n, hashes, i == 0);
}
