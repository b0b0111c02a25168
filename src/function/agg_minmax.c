/* agg_minmax.c - min and max.
 *
 * Numbers, dates and times: typed loops, one compare a row; whole chunks into one state are SIMD reductions (floating point numbers as integers
 * of the same order). Everything else is kept in a box. A NaN is greater than any number, as in comparisons. Not retractable: under retraction
 * the multiset of values is kept instead. */
#include "function/agg_box.h"
#include "function/op_compare.h"

KERNEL_FILE

/* X(name, type, is better for min, is better for max); v is the new value, m the one so far. */
#define INTEGER_TYPES(X)                                                                           \
    X(i8, int8_t)                                                                                  \
    X(i16, int16_t)                                                                                \
    X(i32, int32_t)                                                                                \
    X(i64, int64_t) X(u8, uint8_t) X(u16, uint16_t) X(u32, uint32_t) X(u64, uint64_t)

#define EXTREME_STATE(N, T)                                                                        \
    struct extreme_##N##_state {                                                                   \
        T value;                                                                                   \
        uint64_t has_value;                                                                        \
    };
INTEGER_TYPES(EXTREME_STATE)
EXTREME_STATE(f32, int32_t) /* floating point numbers as integers in the same order */
EXTREME_STATE(f64, int64_t)
struct extreme_i128_state {
    struct wide value;
    uint64_t has_value;
};

#define LESS_INTEGER(v, m) ((v) < (m))
#define GREATER_INTEGER(v, m) ((v) > (m))
#define AS_IT_IS(x) (x)

/* Loops of one operation and type, and the kernels made of them. REDUCE(data, n) gives the extreme of n > 0 values. */
#define EXTREME_KERNELS(OP, N, T, S, BETTER, REDUCE, LOAD)                                         \
    static always_inline void OP##_##N##_step(struct extreme_##N##_state *s, S value,              \
                                              unused int64_t weight)                               \
    {                                                                                              \
        bool is_better = (!s->has_value) | BETTER(value, s->value);                                \
        s->value = is_better ? value : s->value;                                                   \
        s->has_value = 1;                                                                          \
    }                                                                                              \
    static always_inline void OP##_##N##_load_step(struct extreme_##N##_state *s, T value,         \
                                                   int64_t weight)                                 \
    {                                                                                              \
        OP##_##N##_step(s, LOAD(value), weight);                                                   \
    }                                                                                              \
    static laminar_status OP##_##N(UPDATE_ARGS)                                                    \
    {                                                                                              \
        FOR_STATES(struct extreme_##N##_state, T, OP##_##N##_load_step);                           \
        return LAMINAR_OK;                                                                         \
    }                                                                                              \
    static laminar_status OP##_##N##_one(UPDATE_ONE_ARGS)                                          \
    {                                                                                              \
        struct extreme_##N##_state *s = (struct extreme_##N##_state *)(void *)state;               \
        if (args[0].shape == VEC_FLAT && !args[0].validity && n) {                                 \
            OP##_##N##_step(s, REDUCE(args[0].data, n), 1);                                        \
            return LAMINAR_OK;                                                                     \
        }                                                                                          \
        for (size_t i = 0; i < n; i++)                                                             \
            if (vector_is_valid(&args[0], i)) OP##_##N##_load_step(s, ROW(T, &args[0], i), 1);     \
        return LAMINAR_OK;                                                                         \
    }                                                                                              \
    static laminar_status OP##_##N##_combine(COMBINE_ARGS)                                         \
    {                                                                                              \
        const struct extreme_##N##_state *other =                                                  \
            (const struct extreme_##N##_state *)(const void *)src;                                 \
        if (other->has_value)                                                                      \
            OP##_##N##_step((struct extreme_##N##_state *)(void *)dst, other->value, 1);           \
        return LAMINAR_OK;                                                                         \
    }                                                                                              \
    static const struct aggregate_kernels OP##_##N##_kernels = {                                   \
        .state_size = sizeof(struct extreme_##N##_state),                                          \
        .state_align = 8,                                                                          \
        .is_plain_bytes = true,                                                                    \
        .update = OP##_##N,                                                                        \
        .update_one = OP##_##N##_one,                                                              \
        .combine = OP##_##N##_combine,                                                             \
        .finish = extreme_##N##_finish,                                                            \
    };
#define EXTREME_FINISH(N, T, SHOW)                                                                 \
    static laminar_status extreme_##N##_finish(FINISH_ARGS)                                        \
    {                                                                                              \
        FINISH_LOOP(struct extreme_##N##_state, T, s->has_value, SHOW(s->value));                  \
    }

#define INTEGER_EXTREMES(N, T)                                                                     \
    MULTI_TARGET static T least_##N(const T *data, size_t n)                                       \
    {                                                                                              \
        T m = data[0];                                                                             \
        for (size_t i = 1; i < n; i++) m = data[i] < m ? data[i] : m;                              \
        return m;                                                                                  \
    }                                                                                              \
    MULTI_TARGET static T greatest_##N(const T *data, size_t n)                                    \
    {                                                                                              \
        T m = data[0];                                                                             \
        for (size_t i = 1; i < n; i++) m = data[i] > m ? data[i] : m;                              \
        return m;                                                                                  \
    }                                                                                              \
    EXTREME_FINISH(N, T, AS_IT_IS)                                                                 \
    EXTREME_KERNELS(min, N, T, T, LESS_INTEGER, least_##N, AS_IT_IS)                               \
    EXTREME_KERNELS(max, N, T, T, GREATER_INTEGER, greatest_##N, AS_IT_IS)
INTEGER_TYPES(INTEGER_EXTREMES)

/* Floating point: as signed integers in the same order, all NaNs alike. */
#define FLOAT_EXTREMES(N, T, I, NAN_BITS, I_MAX)                                                   \
    static always_inline I N##_order(T x)                                                          \
    {                                                                                              \
        I bits;                                                                                    \
        memcpy(&bits, &x, sizeof bits);                                                            \
        bits = x != x ? NAN_BITS : bits;                                                           \
        return bits ^ ((bits >> (sizeof(I) * 8 - 1)) & I_MAX);                                     \
    }                                                                                              \
    static inline T N##_from_order(I order)                                                        \
    {                                                                                              \
        T x;                                                                                       \
        order ^= (order >> (sizeof(I) * 8 - 1)) & I_MAX;                                           \
        memcpy(&x, &order, sizeof x);                                                              \
        return x;                                                                                  \
    }                                                                                              \
    MULTI_TARGET static I least_##N(const T *data, size_t n)                                       \
    {                                                                                              \
        I m = N##_order(data[0]);                                                                  \
        for (size_t i = 1; i < n; i++) {                                                           \
            I v = N##_order(data[i]);                                                              \
            m = v < m ? v : m;                                                                     \
        }                                                                                          \
        return m;                                                                                  \
    }                                                                                              \
    MULTI_TARGET static I greatest_##N(const T *data, size_t n)                                    \
    {                                                                                              \
        I m = N##_order(data[0]);                                                                  \
        for (size_t i = 1; i < n; i++) {                                                           \
            I v = N##_order(data[i]);                                                              \
            m = v > m ? v : m;                                                                     \
        }                                                                                          \
        return m;                                                                                  \
    }                                                                                              \
    EXTREME_FINISH(N, T, N##_from_order)                                                           \
    EXTREME_KERNELS(min, N, T, I, LESS_INTEGER, least_##N, N##_order)                              \
    EXTREME_KERNELS(max, N, T, I, GREATER_INTEGER, greatest_##N, N##_order)
FLOAT_EXTREMES(f32, float, int32_t, 0x7fc00000, INT32_MAX)
FLOAT_EXTREMES(f64, double, int64_t, 0x7ff8000000000000, INT64_MAX)

/* --- DECIMAL -------------------------------------------------------------------------------------------------------------------- */

#define DECIMAL_EXTREME(OP, SIGN)                                                                  \
    static always_inline void OP##_i128_step(struct extreme_i128_state *s, int128 value,           \
                                             unused int64_t weight)                                \
    {                                                                                              \
        if (!s->has_value || value SIGN wide_get(&s->value)) wide_set(&s->value, value);           \
        s->has_value = 1;                                                                          \
    }                                                                                              \
    static laminar_status OP##_i128(UPDATE_ARGS)                                                   \
    {                                                                                              \
        FOR_STATES(struct extreme_i128_state, int128, OP##_i128_step);                             \
        return LAMINAR_OK;                                                                         \
    }                                                                                              \
    static laminar_status OP##_i128_one(UPDATE_ONE_ARGS)                                           \
    {                                                                                              \
        struct extreme_i128_state *s = (struct extreme_i128_state *)(void *)state;                 \
        (void)weights;                                                                             \
        for (size_t i = 0; i < n; i++)                                                             \
            if (vector_is_valid(&args[0], i)) OP##_i128_step(s, ROW(int128, &args[0], i), 1);      \
        return LAMINAR_OK;                                                                         \
    }                                                                                              \
    static laminar_status OP##_i128_combine(COMBINE_ARGS)                                          \
    {                                                                                              \
        const struct extreme_i128_state *other =                                                   \
            (const struct extreme_i128_state *)(const void *)src;                                  \
        if (other->has_value)                                                                      \
            OP##_i128_step((struct extreme_i128_state *)(void *)dst, wide_get(&other->value), 1);  \
        return LAMINAR_OK;                                                                         \
    }                                                                                              \
    static const struct aggregate_kernels OP##_i128_kernels = {                                    \
        .state_size = sizeof(struct extreme_i128_state),                                           \
        .state_align = 8,                                                                          \
        .is_plain_bytes = true,                                                                    \
        .update = OP##_i128,                                                                       \
        .update_one = OP##_i128_one,                                                               \
        .combine = OP##_i128_combine,                                                              \
        .finish = extreme_i128_finish,                                                             \
    };
static laminar_status extreme_i128_finish(FINISH_ARGS)
{
    FINISH_LOOP(struct extreme_i128_state, int128, s->has_value, wide_get(&s->value));
}
DECIMAL_EXTREME(min, <)
DECIMAL_EXTREME(max, >)

/* --- Everything else: in a box ------------------------------------------------------------------------------------------------------ */

/* `wanted`: the sign that the order of new against old must have. */
static inline laminar_status box_step(struct box *s, struct agg_heap *heap, const struct vector *v,
                                      size_t row, int wanted, struct laminar_error *err)
{
    if (s->content == BOX_VALUE) {
        int order = 0; /* old against new */
        if (type_phys(v->type) == PHYS_STRING) {
            const struct string_view *x = &ROW(struct string_view, v, row);
            uint32_t px = string_prefix_order(&s->string), py = string_prefix_order(x);
            order = px != py ? (px < py ? -1 : 1) : string_compare(&s->string, x);
        } else {
            laminar_status status = box_compare(s, v, row, &order, err);
            if (status != LAMINAR_OK) return status;
        }
        if (order == 0 || (order > 0) == (wanted > 0)) return LAMINAR_OK;
    }
    return box_set(s, heap, v, row, err);
}
static laminar_status box_extreme(int wanted, UPDATE_ARGS)
{
    (void)weights;
    for (size_t i = 0; i < n; i++) {
        if (!vector_is_valid(&args[0], i)) continue;
        laminar_status status = box_step((struct box *)(void *)(rows[i] + offset), heap, &args[0],
                                         i, wanted, err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static laminar_status box_extreme_one(int wanted, UPDATE_ONE_ARGS)
{
    (void)weights;
    for (size_t i = 0; i < n; i++) {
        if (!vector_is_valid(&args[0], i)) continue;
        laminar_status status = box_step((struct box *)(void *)state, heap, &args[0], i, wanted,
                                         err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static laminar_status box_extreme_combine(int wanted, COMBINE_ARGS)
{
    struct box *s = (struct box *)(void *)dst;
    const struct box *other = (const struct box *)(const void *)src;
    if (other->content != BOX_VALUE) return LAMINAR_OK;
    if (s->content == BOX_VALUE) {
        int order;
        laminar_status status = box_compare_boxes(s, other, agg->result, &order, err);
        if (status != LAMINAR_OK) return status;
        if (order == 0 || (order > 0) == (wanted > 0)) return LAMINAR_OK;
    }
    return box_copy(s, heap, other, agg->result, err);
}
static laminar_status box_finish(FINISH_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        laminar_status status = box_append((const struct box *)(const void *)(rows[i] + offset),
                                           out, err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static void box_destroy(unused const struct bound_aggregate *agg, struct agg_heap *heap,
                        uint8_t *state)
{
    box_free((struct box *)(void *)state, heap);
}
static laminar_status box_state_encode(const struct bound_aggregate *agg, const uint8_t *state,
                                       struct strbuf *out, struct laminar_error *err)
{
    return box_encode((const struct box *)(const void *)state, agg->result, out, err);
}
static laminar_status box_state_decode(const struct bound_aggregate *agg, struct agg_heap *heap,
                                       uint8_t *state, const uint8_t *data, size_t size,
                                       size_t *used, struct laminar_error *err)
{
    return box_decode((struct box *)(void *)state, heap, agg->result, data, size, used, err);
}

#define BOX_EXTREME(OP, WANTED)                                                                    \
    static laminar_status OP##_box(UPDATE_ARGS)                                                    \
    {                                                                                              \
        return box_extreme(WANTED, agg, heap, rows, offset, args, weights, n, err);                \
    }                                                                                              \
    static laminar_status OP##_box_one(UPDATE_ONE_ARGS)                                            \
    {                                                                                              \
        return box_extreme_one(WANTED, agg, heap, state, args, weights, n, err);                   \
    }                                                                                              \
    static laminar_status OP##_box_combine(COMBINE_ARGS)                                           \
    {                                                                                              \
        return box_extreme_combine(WANTED, agg, heap, dst, src, err);                              \
    }                                                                                              \
    static const struct aggregate_kernels OP##_box_kernels = {                                     \
        .state_size = sizeof(struct box),                                                          \
        .state_align = 8,                                                                          \
        .update = OP##_box,                                                                        \
        .update_one = OP##_box_one,                                                                \
        .combine = OP##_box_combine,                                                               \
        .finish = box_finish,                                                                      \
        .destroy = box_destroy,                                                                    \
        .encode = box_state_encode,                                                                \
        .decode = box_state_decode,                                                                \
    };
/* A smaller value wins where old compares greater: wanted is the sign of the new value against the old one. */
BOX_EXTREME(min, -1)
BOX_EXTREME(max, 1)

#define BY_TYPE(OP)                                                                                \
    {                                                                                              \
        [PHYS_BOOL] = &OP##_u8_kernels, [PHYS_I8] = &OP##_i8_kernels,                              \
        [PHYS_I16] = &OP##_i16_kernels, [PHYS_I32] = &OP##_i32_kernels,                            \
        [PHYS_I64] = &OP##_i64_kernels, [PHYS_U8] = &OP##_u8_kernels,                              \
        [PHYS_U16] = &OP##_u16_kernels, [PHYS_U32] = &OP##_u32_kernels,                            \
        [PHYS_U64] = &OP##_u64_kernels, [PHYS_F32] = &OP##_f32_kernels,                            \
        [PHYS_F64] = &OP##_f64_kernels, [PHYS_I128] = &OP##_i128_kernels,                          \
        [PHYS_STRING] = &OP##_box_kernels, [PHYS_INTERVAL] = &OP##_box_kernels,                    \
        [PHYS_UUID] = &OP##_box_kernels, [PHYS_LIST] = &OP##_box_kernels,                          \
        [PHYS_STRUCT] = &OP##_box_kernels, [PHYS_NULL] = &OP##_i64_kernels                         \
    }
static const struct aggregate_kernels *const min_kernels[] = BY_TYPE(min), *const max_kernels[] =
                                                                               BY_TYPE(max);

static laminar_status bind_extreme(struct aggregate_binding *binding)
{
    struct bound_aggregate *agg = binding->agg;
    if (agg->arg_types[0].id == LAMINAR_TYPE_NULL) agg->arg_types[0] = TYPE(INT64);
    enum phys_type phys = type_phys(agg->arg_types[0]);
    agg->flags = AGG_IGNORES_DISTINCT;
    return agg_bound(binding, agg->arg_types[0],
                     agg->function->param ? max_kernels[phys] : min_kernels[phys]);
}

static const struct aggregate_function functions[] = {
    {"min", "min(x) -> same type", "Least value that isn't null", 1, 1, bind_extreme, NULL},
    {"max", "max(x) -> same type", "Greatest value that isn't null", 1, 1, bind_extreme, (void *)1},
};
AGGREGATE_FAMILY(agg_minmax, functions);
