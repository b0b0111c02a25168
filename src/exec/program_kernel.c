/* program_kernel.c - the loops of programs that no function has: choosing between columns, scattering, three-valued logic, IN lists, and
 * comparisons that write selections.
 *
 * Comparisons write the index of every row and advance by the outcome, so that no branch depends on the data. */
#include "base/error.h"
#include "exec/program_internal.h"

typedef struct {
    uint64_t word[2];
} wide; /* 16 bytes of whatever */

static bool has_nulls(const struct vector *v)
{
    return v->validity || v->type.id == LAMINAR_TYPE_NULL;
}

/* --- Blend --------------------------------------------------------------------------------------------------------------------------------- */

enum { BLEND_INLINE = 16 };

#define BLEND_TWO(T)                                                                               \
    {                                                                                              \
        const T *a = from[0].data, *b = from[1].data;                                              \
        T *to = out->vec.data;                                                                     \
        size_t sa = from[0].shape == VEC_CONST ? 0 : 1, sb = from[1].shape == VEC_CONST ? 0 : 1;   \
        for (size_t i = 0; i < n; i++) to[i] = choice[i] ? b[i * sb] : a[i * sa];                  \
    }
#define BLEND_MANY(T)                                                                              \
    {                                                                                              \
        T *to = out->vec.data;                                                                     \
        for (size_t i = 0; i < n; i++) {                                                           \
            if (choice[i] >= n_from || !from[choice[i]].data) continue;                            \
            const struct vector *v = &from[choice[i]];                                             \
            to[i] = ((const T *)v->data)[v->shape == VEC_CONST ? 0 : i];                           \
        }                                                                                          \
    }
#define BLEND(T)                                                                                   \
    if (is_two)                                                                                    \
        BLEND_TWO(T)                                                                               \
    else                                                                                           \
        BLEND_MANY(T)                                                                              \
    break;

laminar_status blend(const struct vector *from, uint32_t n_from, const uint8_t *choice, size_t n,
                     struct column *out, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    if (type_is_nested(out->vec.type)) {
        for (size_t i = 0; i < n && !status; i++)
            status = choice[i] >= n_from || from[choice[i]].type.id == LAMINAR_TYPE_NULL
                         ? column_append_null(out, 1, err)
                         : column_append(out, &from[choice[i]],
                                         from[choice[i]].shape == VEC_CONST ? 0 : i, 1,
                                         STRINGS_BORROW, err);
        return status;
    }
    bool is_nullable = false, has_missing = false;
    for (uint32_t k = 0; k < n_from; k++) is_nullable |= has_nulls(&from[k]);
    for (size_t i = 0; i < n; i++) has_missing |= choice[i] >= n_from;
    bool is_two = n_from == 2 && !has_missing && from[0].data && from[1].data;
    size_t width = type_width(out->vec.type);
    if (!is_two && width) memset(out->vec.data, 0, n * width);
    switch (width) {
    case 1: BLEND(uint8_t)
    case 2: BLEND(uint16_t)
    case 4: BLEND(uint32_t)
    case 8: BLEND(uint64_t)
    case 16: BLEND(wide)
    default: break; /* TYPE_NULL */
    }
    if (!is_nullable && !has_missing) return LAMINAR_OK;
    if ((status = column_reserve_validity(out, err))) return status;
    for (size_t i = 0; i < n; i++)
        if (choice[i] >= n_from || !vector_is_valid(&from[choice[i]], i))
            bitmap_clear(out->vec.validity, i);
    return LAMINAR_OK;
}

/* --- Scatter --------------------------------------------------------------------------------------------------------------------------------- */

#define SCATTER(T)                                                                                 \
    {                                                                                              \
        const T *src = v->data;                                                                    \
        T *dst = out->vec.data;                                                                    \
        for (size_t i = 0; i < n; i++) dst[to[i]] = src[is_const ? 0 : from ? from[i] : i];        \
    }                                                                                              \
    break;

laminar_status scatter(const struct vector *v, const uint32_t *from, const uint32_t *to, size_t n,
                       struct column *out, struct laminar_error *err)
{
    bool is_const = v->shape == VEC_CONST;
    if (v->type.id != LAMINAR_TYPE_NULL) {
        switch (type_width(out->vec.type)) {
        case 1: SCATTER(uint8_t)
        case 2: SCATTER(uint16_t)
        case 4: SCATTER(uint32_t)
        case 8: SCATTER(uint64_t)
        case 16: SCATTER(wide)
        default: break;
        }
    }
    if (!has_nulls(v) && !out->vec.validity) return LAMINAR_OK;
    laminar_status status = column_reserve_validity(out, err);
    if (status) return status;
    for (size_t i = 0; i < n; i++) {
        if (vector_is_valid(v, is_const ? 0 : from ? from[i] : i)) {
            bitmap_set(out->vec.validity, to[i]);
            continue;
        }
        bitmap_clear(out->vec.validity, to[i]);
        /* the value under a null stays readable */
        size_t width = type_width(out->vec.type);
        if (width) memset((char *)out->vec.data + to[i] * width, 0, width);
    }
    return LAMINAR_OK;
}

/* --- AND, OR ----------------------------------------------------------------------------------------------------------------------------------- */

laminar_status combine_logic(struct column *a, const struct vector *b, size_t n, bool is_or,
                             struct laminar_error *err)
{
    uint8_t *x = a->vec.data;
    const uint8_t *y = b->data;
    size_t stride = b->shape == VEC_CONST ? 0 : 1;
    if (!a->vec.validity && !has_nulls(b)) {
        if (is_or)
            for (size_t i = 0; i < n; i++) x[i] |= y[i * stride];
        else
            for (size_t i = 0; i < n; i++) x[i] &= y[i * stride];
        return LAMINAR_OK;
    }
    laminar_status status = column_reserve_validity(a, err);
    if (status) return status;
    for (size_t i = 0; i < n; i++) {
        bool a_valid = bitmap_get(a->vec.validity, i), b_valid = vector_is_valid(b, i);
        bool a_decides = a_valid && (x[i] != 0) == is_or,
             b_decides = b_valid && (y[i * stride] != 0) == is_or;
        bool is_valid = a_decides || b_decides || (a_valid && b_valid);
        x[i] = is_valid && (a_decides || b_decides ? is_or : !is_or);
        if (is_valid)
            bitmap_set(a->vec.validity, i);
        else
            bitmap_clear(a->vec.validity, i);
    }
    return LAMINAR_OK;
}

/* --- IN lists ----------------------------------------------------------------------------------------------------------------------------------- */

laminar_status in_set_create(struct arena *arena, const struct expr *e, struct in_set **out,
                             struct laminar_error *err)
{
    struct in_set *set = ARENA_NEW(arena, struct in_set);
    if (!set) return error_oom(err);
    size_t n_slots = 16;
    while (n_slots < (size_t)e->n_args * 2) n_slots *= 2;
    set->mask = n_slots - 1;
    laminar_status status = column_init(&set->values, e->args[0]->type, err);
    if (!status && !(set->table = ARENA_ARRAY(arena, uint32_t, n_slots))) status = error_oom(err);
    for (uint32_t i = 1; i < e->n_args && !status; i++) {
        const struct vector *v = &e->args[i]->value;
        if (e->args[i]->kind != EXPR_CONST)
            status = error_internal(err, __FILE__, __LINE__, "an IN list holds constants");
        else if (!vector_is_valid(v, 0))
            set->has_null = true;
        else
            status = column_append(&set->values, v, 0, 1, STRINGS_BORROW, err);
    }
    for (uint32_t i = 0; i < set->values.n && !status; i++) {
        struct vector v = set->values.vec;
        v.data = (char *)v.data + i * type_width(v.type);
        uint64_t hash;
        if (type_is_nested(v.type))
            status = error_set(err, LAMINAR_QUERY_UNSUPPORTED, "IN over lists or structs");
        kernel_hash(&v, 1, 1, &hash);
        size_t pos = (size_t)(hash >> 32) & set->mask;
        while (set->table[pos]) pos = (pos + 1) & set->mask;
        set->table[pos] = i + 1;
    }
    if (status) {
        in_set_deinit(set);
        return status;
    }
    *out = set;
    return LAMINAR_OK;
}

void in_set_deinit(struct in_set *set) { column_deinit(&set->values); }

static bool in_set_has(const struct in_set *set, const struct vector *v, size_t row, uint64_t hash)
{
    for (size_t pos = (size_t)(hash >> 32) & set->mask; set->table[pos];
         pos = (pos + 1) & set->mask)
        if (kernel_equal(v, row, &set->values.vec, set->table[pos] - 1)) return true;
    return false;
}

laminar_status in_set_run(const struct in_set *set, const struct vector *v, size_t n,
                          bool is_negated, uint64_t *hashes, struct column *out,
                          struct laminar_error *err)
{
    uint8_t *to = out->vec.data;
    bool may_be_null = has_nulls(v) || set->has_null;
    if (v->type.id != LAMINAR_TYPE_NULL) kernel_hash(v, 1, n, hashes);
    laminar_status status = may_be_null ? column_reserve_validity(out, err) : LAMINAR_OK;
    if (status) return status;
    for (size_t i = 0; i < n; i++) {
        bool is_valid = vector_is_valid(v, i);
        bool is_found = is_valid && in_set_has(set, v, i, hashes[i]);
        to[i] = is_found != is_negated;
        if (may_be_null && (!is_valid || (!is_found && set->has_null)))
            bitmap_clear(out->vec.validity, i);
    }
    return LAMINAR_OK;
}

/* --- Comparisons to selections ----------------------------------------------------------------------------------------------------------------------- */

#define SELECT_LOOP(T, COND)                                                                       \
    {                                                                                              \
        const T *data = v->data;                                                                   \
        const T value = *(const T *)compare->value;                                                \
        if (!in)                                                                                   \
            for (size_t i = 0; i < n; i++) {                                                       \
                const T x = data[i];                                                               \
                out[kept] = (uint32_t)i;                                                           \
                kept += (COND);                                                                    \
            }                                                                                      \
        else                                                                                       \
            for (size_t i = 0; i < n; i++) {                                                       \
                const T x = data[in[i]];                                                           \
                out[kept] = in[i];                                                                 \
                kept += (COND);                                                                    \
            }                                                                                      \
    }                                                                                              \
    break;
/* NOTE: the forms of > and >= hold for NaN, which is greater than all (the constant is never NaN). */
#define SELECT_OPS(T)                                                                              \
    switch (compare->op) {                                                                         \
    case COMPARE_EQ: SELECT_LOOP(T, x == value)                                                    \
    case COMPARE_NE: SELECT_LOOP(T, x != value)                                                    \
    case COMPARE_LT: SELECT_LOOP(T, x < value)                                                     \
    case COMPARE_LE: SELECT_LOOP(T, x <= value)                                                    \
    case COMPARE_GT: SELECT_LOOP(T, !(x <= value))                                                 \
    case COMPARE_GE: SELECT_LOOP(T, !(x < value))                                                  \
    }                                                                                              \
    break;

static size_t select_string(const struct fast_compare *compare, const struct vector *v, size_t n,
                            const uint32_t *in, uint32_t *out)
{
    const struct string_view *data = v->data, value = *(const struct string_view *)compare->value;
    bool want = compare->op == COMPARE_EQ;
    size_t kept = 0;
    if (value.size <= STRING_INLINE_MAX) { /* two words decide */
        uint64_t want0, want1;
        memcpy(&want0, &value, 8);
        memcpy(&want1, (const char *)&value + 8, 8);
        for (size_t i = 0; i < n; i++) {
            uint32_t row = in ? in[i] : (uint32_t)i;
            uint64_t word[2];
            memcpy(word, &data[row], 16);
            out[kept] = row;
            kept += (((word[0] ^ want0) | (word[1] ^ want1)) == 0) == want;
        }
        return kept;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t row = in ? in[i] : (uint32_t)i;
        out[kept] = row;
        kept += string_equal(&data[row], &value) == want;
    }
    return kept;
}

/* Rows (of in[0..n), or 0..n) of a column that compare; nulls never do. `in` and `out` may be the same array. */
size_t select_compare(const struct fast_compare *compare, const struct vector *v, size_t n,
                      const uint32_t *in, uint32_t *out)
{
    size_t kept = 0;
    if (v->shape == VEC_CONST) { /* all or none */
        uint32_t zero = 0, hit;
        struct vector flat = *v;
        flat.shape = VEC_FLAT;
        if (!vector_is_valid(v, 0) || select_compare(compare, &flat, 1, &zero, &hit) == 0) return 0;
        for (size_t i = 0; i < n; i++) out[i] = in ? in[i] : (uint32_t)i;
        return n;
    }
    switch (compare->phys) {
    case PHYS_I8: SELECT_OPS(int8_t)
    case PHYS_I16: SELECT_OPS(int16_t)
    case PHYS_I32: SELECT_OPS(int32_t)
    case PHYS_I64: SELECT_OPS(int64_t)
    case PHYS_U8: SELECT_OPS(uint8_t)
    case PHYS_U16: SELECT_OPS(uint16_t)
    case PHYS_U32: SELECT_OPS(uint32_t)
    case PHYS_U64: SELECT_OPS(uint64_t)
    case PHYS_F32: SELECT_OPS(float)
    case PHYS_F64: SELECT_OPS(double)
    case PHYS_STRING: kept = select_string(compare, v, n, in, out); break;
    case PHYS_BOOL:
    case PHYS_I128:
    case PHYS_INTERVAL:
    case PHYS_UUID:
    case PHYS_LIST:
    case PHYS_STRUCT:
    case PHYS_NULL: break; /* compile offers no such comparison */
    }
    if (!v->validity) return kept;
    size_t n_valid = 0;
    for (size_t i = 0; i < kept; i++) {
        uint32_t row = out[i];
        out[n_valid] = row;
        n_valid += bitmap_get(v->validity, row);
    }
    return n_valid;
}
