/* kernel_match.c - equality and order of values: see kernel.h.
 *
 * Matching has a loop a physical type, in two versions (with and without validity), made from one template. Rows come from selections
 * on both sides; a missing selection is the identity table, and a constant's row number is masked to 0, so that neither needs a
 * version of its own. */
#include "vector/kernel.h"
#include "vector/value_order.h"

#define ROWS_4(n) (n), (n) + 1, (n) + 2, (n) + 3
#define ROWS_16(n) ROWS_4(n), ROWS_4((n) + 4), ROWS_4((n) + 8), ROWS_4((n) + 12)
#define ROWS_64(n) ROWS_16(n), ROWS_16((n) + 16), ROWS_16((n) + 32), ROWS_16((n) + 48)
#define ROWS_256(n) ROWS_64(n), ROWS_64((n) + 64), ROWS_64((n) + 128), ROWS_64((n) + 192)
#define ROWS_1024(n) ROWS_256(n), ROWS_256((n) + 256), ROWS_256((n) + 512), ROWS_256((n) + 768)
const uint32_t kernel_identity[CHUNK_ROWS] = {ROWS_1024(0), ROWS_1024(1024)};

struct uuid_value {
    uint64_t word[2];
};
struct match_side {
    const void *data;
    const uint8_t *validity;
    const uint32_t *sel;
    uint32_t mask; /* 0 for a constant */
    /* the same, and 0 where all is valid: then validity is one byte of ones */
    uint32_t validity_mask;
    bool has_validity;
};
static const uint8_t all_valid[1] = {0xFF};

static struct match_side match_side(const struct vector *v, const uint32_t *sel)
{
    uint32_t mask = v->shape == VEC_CONST ? 0 : UINT32_MAX;
    return (struct match_side){v->data,
                               v->validity ? v->validity : all_valid,
                               sel,
                               mask,
                               v->validity ? mask : 0,
                               v->validity != NULL};
}

#define SAME_PLAIN(x, y) ((x) == (y))
#define SAME_INTERVAL(x, y) (interval_total(x) == interval_total(y))
#define SAME_UUID(x, y) (((x).word[0] == (y).word[0]) & ((x).word[1] == (y).word[1]))
#define SAME_STRING(x, y) string_equal(&(x), &(y))

#define MATCH_BODY(has_validity, same)                                                             \
    for (size_t i = 0; i < n; i++) {                                                               \
        uint32_t row_a = sel_a[i] & mask_a, row_b = sel_b[i] & mask_b;                             \
        bool is_match = same(in_a[row_a], in_b[row_b]);                                            \
        if (has_validity) {                                                                        \
            bool valid_a = bitmap_get(valid_bits_a, row_a & valid_mask_a),                         \
                 valid_b = bitmap_get(valid_bits_b, row_b & valid_mask_b);                         \
            is_match = (is_match & valid_a & valid_b) | !(valid_a | valid_b);                      \
        }                                                                                          \
        match[n_match] = (uint32_t)i;                                                              \
        n_match += is_match;                                                                       \
    }
#define MATCH_LOOP(name, T, same)                                                                  \
    MULTI_TARGET static size_t match_##name(const struct match_side *a,                            \
                                            const struct match_side *b, size_t n,                  \
                                            uint32_t *restrict match)                              \
    {                                                                                              \
        const T *restrict in_a = a->data, *restrict in_b = b->data;                                \
        const uint32_t *restrict sel_a = a->sel, *restrict sel_b = b->sel;                         \
        const uint8_t *restrict valid_bits_a = a->validity, *restrict valid_bits_b = b->validity;  \
        uint32_t mask_a = a->mask, mask_b = b->mask, valid_mask_a = a->validity_mask,              \
                 valid_mask_b = b->validity_mask;                                                  \
        size_t n_match = 0;                                                                        \
        if (!a->has_validity && !b->has_validity) {                                                \
            MATCH_BODY(false, same)                                                                \
        } else {                                                                                   \
            MATCH_BODY(true, same)                                                                 \
        }                                                                                          \
        return n_match;                                                                            \
    }

MATCH_LOOP(u8, uint8_t, SAME_PLAIN)
MATCH_LOOP(u16, uint16_t, SAME_PLAIN)
MATCH_LOOP(u32, uint32_t, SAME_PLAIN)
MATCH_LOOP(u64, uint64_t, SAME_PLAIN)
MATCH_LOOP(f32, float, f32_same)
MATCH_LOOP(f64, double, f64_same)
MATCH_LOOP(i128, int128, SAME_PLAIN)
MATCH_LOOP(string, struct string_view, SAME_STRING)
MATCH_LOOP(interval, struct laminar_interval, SAME_INTERVAL)
MATCH_LOOP(uuid, struct uuid_value, SAME_UUID)

/* Nested and NULL-typed values: one by one. */
static size_t match_rows(const struct vector *a, const uint32_t *sel_a, const struct vector *b,
                         const uint32_t *sel_b, size_t n, uint32_t *match)
{
    size_t n_match = 0;
    for (size_t i = 0; i < n; i++) {
        match[n_match] = (uint32_t)i;
        n_match += kernel_equal(a, sel_a[i], b, sel_b[i]);
    }
    return n_match;
}

size_t kernel_match(const struct vector *a, const uint32_t *sel_a, const struct vector *b,
                    const uint32_t *sel_b, size_t n, uint32_t *match)
{
    assert(n <= CHUNK_ROWS);
    if (!sel_a) sel_a = kernel_identity;
    if (!sel_b) sel_b = kernel_identity;
    const struct match_side side_a = match_side(a, sel_a), side_b = match_side(b, sel_b);
    if (a->type.id == LAMINAR_TYPE_NULL || b->type.id == LAMINAR_TYPE_NULL)
        return match_rows(a, sel_a, b, sel_b, n, match);
    assert(type_phys(a->type) == type_phys(b->type));
    switch (type_phys(a->type)) {
    case PHYS_BOOL:
    case PHYS_I8:
    case PHYS_U8: return match_u8(&side_a, &side_b, n, match);
    case PHYS_I16:
    case PHYS_U16: return match_u16(&side_a, &side_b, n, match);
    case PHYS_I32:
    case PHYS_U32: return match_u32(&side_a, &side_b, n, match);
    case PHYS_I64:
    case PHYS_U64: return match_u64(&side_a, &side_b, n, match);
    case PHYS_F32: return match_f32(&side_a, &side_b, n, match);
    case PHYS_F64: return match_f64(&side_a, &side_b, n, match);
    case PHYS_I128: return match_i128(&side_a, &side_b, n, match);
    case PHYS_STRING: return match_string(&side_a, &side_b, n, match);
    case PHYS_INTERVAL: return match_interval(&side_a, &side_b, n, match);
    case PHYS_UUID: return match_uuid(&side_a, &side_b, n, match);
    case PHYS_LIST:
    case PHYS_STRUCT:
    case PHYS_NULL: break;
    }
    return match_rows(a, sel_a, b, sel_b, n, match);
}

/* --- One value with another --------------------------------------------------------------------------------------------------- */

static int compare_f64(double a, double b)
{
    if (a < b) return -1;
    if (a > b) return 1;
    return (a != a) - (b != b);
}

static int compare_lists(const struct vector *a, struct list_entry x, const struct vector *b,
                         struct list_entry y)
{
    uint32_t n = x.length < y.length ? x.length : y.length;
    for (size_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < a->n_children; k++) {
            int order = kernel_compare(&a->children[k], (size_t)x.offset + i, &b->children[k],
                                       (size_t)y.offset + i);
            if (order) return order;
        }
    }
    return ORDER(x.length, y.length);
}

static int compare_structs(const struct vector *a, size_t row_a, const struct vector *b,
                           size_t row_b)
{
    for (uint32_t k = 0; k < a->n_children; k++) {
        int order = kernel_compare(&a->children[k], vector_struct_row(a, row_a), &b->children[k],
                                   vector_struct_row(b, row_b));
        if (order) return order;
    }
    return 0;
}

#define COMPARE_AS(T)                                                                              \
    do {                                                                                           \
        T x = ((const T *)a->data)[i], y = ((const T *)b->data)[j];                                \
        return ORDER(x, y);                                                                        \
    } while (0)

/* The recursion is bounded by TYPE_DEPTH_MAX. */
int kernel_compare(const struct vector *a, size_t row_a, const struct vector *b, size_t row_b)
{
    bool valid_a = vector_is_valid(a, row_a), valid_b = vector_is_valid(b, row_b);
    if (!(valid_a && valid_b)) return (int)valid_b - (int)valid_a; /* null is last */
    size_t i = a->shape == VEC_CONST ? 0 : row_a, j = b->shape == VEC_CONST ? 0 : row_b;
    switch (type_phys(a->type)) {
    case PHYS_BOOL:
    case PHYS_U8: COMPARE_AS(uint8_t);
    case PHYS_I8: COMPARE_AS(int8_t);
    case PHYS_I16: COMPARE_AS(int16_t);
    case PHYS_I32: COMPARE_AS(int32_t);
    case PHYS_I64: COMPARE_AS(int64_t);
    case PHYS_U16: COMPARE_AS(uint16_t);
    case PHYS_U32: COMPARE_AS(uint32_t);
    case PHYS_U64: COMPARE_AS(uint64_t);
    case PHYS_I128: COMPARE_AS(int128);
    case PHYS_F32:
        return compare_f64((double)((const float *)a->data)[i],
                           (double)((const float *)b->data)[j]);
    case PHYS_F64: return compare_f64(((const double *)a->data)[i], ((const double *)b->data)[j]);
    case PHYS_STRING:
        return string_compare((const struct string_view *)a->data + i,
                              (const struct string_view *)b->data + j);
    case PHYS_INTERVAL: {
        int128 x = interval_total(((const struct laminar_interval *)a->data)[i]);
        int128 y = interval_total(((const struct laminar_interval *)b->data)[j]);
        return ORDER(x, y);
    }
    case PHYS_UUID:
        return memcmp((const uint8_t *)a->data + 16 * i, (const uint8_t *)b->data + 16 * j, 16);
    case PHYS_LIST:
        return compare_lists(a, ((const struct list_entry *)a->data)[i], b,
                             ((const struct list_entry *)b->data)[j]);
    case PHYS_STRUCT: return compare_structs(a, row_a, b, row_b);
    case PHYS_NULL: break;
    }
    return 0;
}

bool kernel_equal(const struct vector *a, size_t row_a, const struct vector *b, size_t row_b)
{
    if (type_phys(a->type) == PHYS_STRING && vector_is_valid(a, row_a) &&
        vector_is_valid(b, row_b)) {
        size_t i = a->shape == VEC_CONST ? 0 : row_a, j = b->shape == VEC_CONST ? 0 : row_b;
        return string_equal((const struct string_view *)a->data + i,
                            (const struct string_view *)b->data + j);
    }
    return kernel_compare(a, row_a, b, row_b) == 0;
}
