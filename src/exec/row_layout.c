/* row_layout.c - reading rows of state_rows by column: gathering into vectors, comparing with vectors and with each other.
 *
 * Each is a typed loop over row addresses; the caller has prefetched them or just touched them. Equality and order are those of
 * the kernels (-0.0 = 0.0, NaN = NaN and greatest, intervals by their length, null equals null and sorts last). */
#include "base/error.h"
#include "exec/state_rows.h"
#include "vector/value_order.h"

/* --- Gathering --------------------------------------------------------------------------------------------------------------------------- */

#define GATHER_LOOP(T)                                                                             \
    do {                                                                                           \
        T *to = (T *)out->vec.data + out->n;                                                       \
        for (size_t i = 0; i < n; i++) memcpy(&to[i], addresses[i] + offset, sizeof(T));           \
    } while (0)

static laminar_status gather_validity(const struct row_layout *layout, uint32_t c,
                                      const uint8_t *const *addresses, size_t n, struct column *out,
                                      struct laminar_error *err)
{
    uint32_t byte = layout->validity_offset + (c >> 3);
    uint8_t bit = (uint8_t)(1U << (c & 7)), all = bit;
    for (size_t i = 0; i < n; i++) all &= addresses[i][byte];
    if (!all) {
        laminar_status status = column_reserve_validity(out, err);
        if (status != LAMINAR_OK) return status;
    }
    if (!out->vec.validity) return LAMINAR_OK;
    for (size_t i = 0; i < n; i++) {
        if (addresses[i][byte] & bit)
            bitmap_set(out->vec.validity, out->n + i);
        else
            bitmap_clear(out->vec.validity, out->n + i);
    }
    return LAMINAR_OK;
}

static laminar_status gather_encoded(const struct row_layout *layout, uint32_t c,
                                     const uint8_t *const *addresses, size_t n, struct column *out,
                                     struct laminar_error *err)
{
    for (size_t i = 0; i < n; i++) {
        laminar_status status;
        size_t used;
        const struct string_view *view = (const void *)(addresses[i] + layout->cols[c].offset);
        if (!row_is_valid(layout, addresses[i], c))
            status = column_append_null(out, 1, err);
        else
            status = value_decode(out, (const uint8_t *)string_data(view), view->size, &used, err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

laminar_status row_gather(const struct row_layout *layout, uint32_t col,
                          const uint8_t *const *addresses, size_t n, struct column *out,
                          struct laminar_error *err)
{
    uint32_t offset = layout->cols[col].offset;
    if (layout->cols[col].is_encoded) return gather_encoded(layout, col, addresses, n, out, err);
    if (layout->cols[col].phys == PHYS_NULL) return column_append_null(out, n, err);
    laminar_status status = column_reserve(out, out->n + n, err);
    if (status != LAMINAR_OK) return status;
    switch (layout->cols[col].width) {
    case 1: GATHER_LOOP(uint8_t); break;
    case 2: GATHER_LOOP(uint16_t); break;
    case 4: GATHER_LOOP(uint32_t); break;
    case 8: GATHER_LOOP(uint64_t); break;
    default: GATHER_LOOP(struct laminar_interval); break; /* any 16 bytes */
    }
    status = gather_validity(layout, col, addresses, n, out, err);
    if (status == LAMINAR_OK) out->n += n;
    return status;
}

void state_rows_addresses(const struct state_rows *rows, const uint32_t *slots, size_t n,
                          const uint8_t **addresses)
{
    if (likely(!rows->cold))
        for (size_t i = 0; i < n; i++) addresses[i] = state_rows_warm_at(rows, slots[i]);
    else
        for (size_t i = 0; i < n; i++) addresses[i] = state_rows_at(rows, slots[i]);
}

laminar_status state_rows_gather(const struct state_rows *rows, uint32_t col, const uint32_t *slots,
                                 size_t n, struct column *out, struct laminar_error *err)
{
    const uint8_t *addresses[CHUNK_ROWS];
    for (size_t from = 0; from < n; from += CHUNK_ROWS) {
        size_t count = n - from < CHUNK_ROWS ? n - from : CHUNK_ROWS;
        state_rows_addresses(rows, slots + from, count, addresses);
        laminar_status status = row_gather(&rows->layout, col, addresses, count, out, err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

/* --- Equality ---------------------------------------------------------------------------------------------------------------------------- */

struct bytes16 {
    uint64_t word[2];
};
#define LOAD(T, address)                                                                           \
    ({                                                                                             \
        T loaded;                                                                                  \
        memcpy(&loaded, (address), sizeof(T));                                                     \
        loaded;                                                                                    \
    })
#define SAME_PLAIN(a, b) ((a) == (b))
#define SAME_BYTES16(a, b) (((a).word[0] == (b).word[0]) & ((a).word[1] == (b).word[1]))
#define SAME_INTERVAL(a, b) (interval_total(a) == interval_total(b))

static bool value_same(enum phys_type phys, const void *a, const void *b)
{
    switch (phys) {
    case PHYS_BOOL:
    case PHYS_I8:
    case PHYS_U8: return *(const uint8_t *)a == *(const uint8_t *)b;
    case PHYS_I16:
    case PHYS_U16: return LOAD(uint16_t, a) == LOAD(uint16_t, b);
    case PHYS_I32:
    case PHYS_U32: return LOAD(uint32_t, a) == LOAD(uint32_t, b);
    case PHYS_I64:
    case PHYS_U64: return LOAD(uint64_t, a) == LOAD(uint64_t, b);
    case PHYS_F32: return f32_same(LOAD(float, a), LOAD(float, b));
    case PHYS_F64: return f64_same(LOAD(double, a), LOAD(double, b));
    case PHYS_I128:
    case PHYS_UUID: return memcmp(a, b, 16) == 0;
    case PHYS_STRING: return string_equal(a, b);
    case PHYS_INTERVAL:
        return SAME_INTERVAL(LOAD(struct laminar_interval, a), LOAD(struct laminar_interval, b));
    case PHYS_NULL: return true;
    case PHYS_LIST:
    case PHYS_STRUCT: break; /* kept as strings */
    }
    return false;
}

bool row_equal(const struct row_layout *layout, const uint8_t *a, const uint8_t *b,
               const uint32_t *cols, uint32_t n_cols)
{
    for (uint32_t i = 0; i < n_cols; i++) {
        uint32_t c = cols ? cols[i] : i;
        bool is_valid = row_is_valid(layout, a, c);
        if (is_valid != row_is_valid(layout, b, c)) return false;
        if (is_valid && !value_same(layout->cols[c].phys, a + layout->cols[c].offset,
                                    b + layout->cols[c].offset))
            return false;
    }
    return true;
}

#define MATCH_LOOP(T, same)                                                                        \
    do {                                                                                           \
        const T *in = v->data;                                                                     \
        for (size_t k = 0; k < n; k++) {                                                           \
            uint32_t i = match[k];                                                                 \
            uint32_t from = (rows_of ? rows_of[i] : i) & mask;                                     \
            bool is_same = same(LOAD(T, addresses[i] + offset), in[from]);                         \
            bool has = addresses[i][byte] & bit;                                                   \
            if (v->validity) {                                                                     \
                bool other = bitmap_get(v->validity, from);                                        \
                is_same = (is_same & has & other) | !(has | other);                                \
            } else {                                                                               \
                is_same &= has;                                                                    \
            }                                                                                      \
            match[n_match] = i;                                                                    \
            n_match += is_same;                                                                    \
        }                                                                                          \
    } while (0)

/* Views in a row: null ones are empty, so comparing is always safe. */
static inline bool same_string(struct string_view a, struct string_view b)
{
    return string_equal(&a, &b);
}

static bool encoded_same(struct state_rows *rows, uint32_t c, const uint8_t *address,
                         const struct vector *v, size_t from)
{
    const struct string_view *view = (const void *)(address + rows->layout.cols[c].offset);
    bool has = row_is_valid(&rows->layout, address, c);
    if (has != vector_is_valid(v, from)) return false;
    if (!has) return true;
    strbuf_clear(&rows->scratch);
    if (value_encode(v, from, &rows->scratch, NULL) != LAMINAR_OK || rows->scratch.failed)
        return false;
    return view->size == rows->scratch.size &&
           memcmp(string_data(view), rows->scratch.data, view->size) == 0;
}

size_t row_match(struct state_rows *rows, uint32_t col, const uint8_t *const *addresses,
                 const struct vector *v, const uint32_t *rows_of, uint32_t *match, size_t n)
{
    const struct row_col *desc = &rows->layout.cols[col];
    uint32_t offset = desc->offset, byte = rows->layout.validity_offset + (col >> 3),
             mask = v->shape == VEC_CONST ? 0 : UINT32_MAX;
    uint8_t bit = (uint8_t)(1U << (col & 7));
    size_t n_match = 0;
    if (desc->is_encoded || v->type.id == LAMINAR_TYPE_NULL) {
        for (size_t k = 0; k < n; k++) {
            uint32_t i = match[k], from = rows_of ? rows_of[i] : i;
            bool is_same = desc->is_encoded ? encoded_same(rows, col, addresses[i], v, from)
                                            : !row_is_valid(&rows->layout, addresses[i], col);
            match[n_match] = i;
            n_match += is_same;
        }
        return n_match;
    }
    switch (desc->phys) {
    case PHYS_BOOL:
    case PHYS_I8:
    case PHYS_U8: MATCH_LOOP(uint8_t, SAME_PLAIN); break;
    case PHYS_I16:
    case PHYS_U16: MATCH_LOOP(uint16_t, SAME_PLAIN); break;
    case PHYS_I32:
    case PHYS_U32: MATCH_LOOP(uint32_t, SAME_PLAIN); break;
    case PHYS_I64:
    case PHYS_U64: MATCH_LOOP(uint64_t, SAME_PLAIN); break;
    case PHYS_F32: MATCH_LOOP(float, f32_same); break;
    case PHYS_F64: MATCH_LOOP(double, f64_same); break;
    case PHYS_I128:
    case PHYS_UUID: MATCH_LOOP(struct bytes16, SAME_BYTES16); break;
    case PHYS_STRING: MATCH_LOOP(struct string_view, same_string); break;
    case PHYS_INTERVAL: MATCH_LOOP(struct laminar_interval, SAME_INTERVAL); break;
    case PHYS_NULL:
    case PHYS_LIST:
    case PHYS_STRUCT: break;
    }
    return n_match;
}

bool row_equals_vectors(struct state_rows *rows, const uint8_t *address, const struct vector *cols,
                        size_t row)
{
    for (uint32_t c = 0; c < rows->layout.n_cols; c++) {
        const struct vector *v = &cols[c];
        const struct row_col *desc = &rows->layout.cols[c];
        bool has = row_is_valid(&rows->layout, address, c);
        if (has != vector_is_valid(v, row)) return false;
        if (!has) continue;
        size_t from = v->shape == VEC_CONST ? 0 : row;
        bool is_same = desc->is_encoded ? encoded_same(rows, c, address, v, row)
                                        : value_same(desc->phys, address + desc->offset,
                                                     (const uint8_t *)v->data + from * desc->width);
        if (!is_same) return false;
    }
    return true;
}

/* --- Order ------------------------------------------------------------------------------------------------------------------------------- */

#define COMPARE(T) ORDER(LOAD(T, pa), LOAD(T, pb))

static int value_compare(enum phys_type phys, const void *pa, const void *pb)
{
    switch (phys) {
    case PHYS_BOOL:
    case PHYS_U8: return COMPARE(uint8_t);
    case PHYS_I8: return COMPARE(int8_t);
    case PHYS_I16: return COMPARE(int16_t);
    case PHYS_I32: return COMPARE(int32_t);
    case PHYS_I64: return COMPARE(int64_t);
    case PHYS_U16: return COMPARE(uint16_t);
    case PHYS_U32: return COMPARE(uint32_t);
    case PHYS_U64: return COMPARE(uint64_t);
    case PHYS_F32:
        return ORDER(f64_order_bits((double)LOAD(float, pa)),
                     f64_order_bits((double)LOAD(float, pb)));
    case PHYS_F64: return ORDER(f64_order_bits(LOAD(double, pa)), f64_order_bits(LOAD(double, pb)));
    case PHYS_I128: return COMPARE(int128);
    case PHYS_STRING: return string_compare(pa, pb);
    case PHYS_INTERVAL:
        return ORDER(interval_total(LOAD(struct laminar_interval, pa)),
                     interval_total(LOAD(struct laminar_interval, pb)));
    case PHYS_UUID: return memcmp(pa, pb, 16);
    case PHYS_NULL:
    case PHYS_LIST:
    case PHYS_STRUCT: break;
    }
    return 0;
}

int row_compare_col(const struct row_layout *layout, uint32_t col, const uint8_t *a,
                    const uint8_t *b)
{
    bool has_a = row_is_valid(layout, a, col), has_b = row_is_valid(layout, b, col);
    if (!has_a || !has_b) return has_b - has_a;
    return value_compare(layout->cols[col].phys, a + layout->cols[col].offset,
                         b + layout->cols[col].offset);
}

int row_compare(const struct row_layout *layout, const uint8_t *a, const uint8_t *b)
{
    for (uint32_t c = 0; c < layout->n_cols; c++) {
        int order = row_compare_col(layout, c, a, b);
        if (order) return order;
    }
    return 0;
}
