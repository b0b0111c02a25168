/* agg.h - what the aggregates' files share: the shape of update loops, exact sums, output helpers, and the multiset form by replay. */
#ifndef FUNCTION_AGG_H
#define FUNCTION_AGG_H

#include "function/family.h"
#include <math.h>

#define UPDATE_ARGS                                                                                \
    unused const struct bound_aggregate *agg, unused struct agg_heap *heap, uint8_t *const *rows,  \
        size_t offset, const struct vector *args, unused const int64_t *weights, size_t n,         \
        unused struct laminar_error *err
#define UPDATE_ONE_ARGS                                                                            \
    unused const struct bound_aggregate *agg, unused struct agg_heap *heap, uint8_t *state,        \
        const struct vector *args, unused const int64_t *weights, size_t n,                        \
        unused struct laminar_error *err
#define COMBINE_ARGS                                                                               \
    unused const struct bound_aggregate *agg, unused struct agg_heap *heap, uint8_t *dst,          \
        const uint8_t *src, unused struct laminar_error *err
#define FINISH_ARGS                                                                                \
    unused const struct bound_aggregate *agg, uint8_t *const *rows, size_t offset, size_t n,       \
        struct column *out, struct laminar_error *err
#define MULTISET_ARGS                                                                              \
    const struct bound_aggregate *agg, const struct vector *args, const int64_t *weights,          \
        size_t n, struct column *out, struct laminar_error *err

/* One loop over rows with a value of args[0], each with its state and weight: the common case (flat, no nulls, all +1) has a loop of its own,
 * so that STEP(state, value, weight) is compiled with weight 1. STEP is a statement or an inline call. */
#define FOR_STATES(STATE, T, STEP)                                                                 \
    do {                                                                                           \
        const T *data_ = args[0].data;                                                             \
        const uint8_t *validity_ = args[0].validity;                                               \
        if (likely(args[0].shape == VEC_FLAT && !validity_ && !weights)) {                         \
            for (size_t i = 0; i < n; i++) {                                                       \
                STATE *s = (STATE *)(void *)(rows[i] + offset);                                    \
                STEP(s, data_[i], 1);                                                              \
            }                                                                                      \
        } else {                                                                                   \
            for (size_t i = 0; i < n; i++) {                                                       \
                if (!vector_is_valid(&args[0], i)) continue;                                       \
                STATE *s = (STATE *)(void *)(rows[i] + offset);                                    \
                STEP(s, ROW(T, &args[0], i), (weights ? weights[i] : 1));                          \
            }                                                                                      \
        }                                                                                          \
    } while (0)
/* The same into one state. */
#define FOR_VALUES(T, STEP)                                                                        \
    do {                                                                                           \
        const T *data_ = args[0].data;                                                             \
        if (likely(args[0].shape == VEC_FLAT && !args[0].validity && !weights)) {                  \
            for (size_t i = 0; i < n; i++) STEP(data_[i], 1);                                      \
        } else {                                                                                   \
            for (size_t i = 0; i < n; i++) {                                                       \
                if (!vector_is_valid(&args[0], i)) continue;                                       \
                STEP(ROW(T, &args[0], i), (weights ? weights[i] : 1));                             \
            }                                                                                      \
        }                                                                                          \
    } while (0)

/* --- Output ------------------------------------------------------------------------------------------------------------------ */
/* After column_reserve(out, out->n + n): says whether row `row` is valid. */
static inline laminar_status agg_set_valid(struct column *out, size_t row, bool is_valid,
                                           struct laminar_error *err)
{
    if (is_valid) {
        if (out->vec.validity) bitmap_set(out->vec.validity, row);
        return LAMINAR_OK;
    }
    return out_null(out, row, err);
}
/* finish in terms of one statement: VALUE computes from `s` into `r`, IS_VALID says whether there is a value. */
#define FINISH_LOOP(STATE, T, IS_VALID, VALUE)                                                     \
    do {                                                                                           \
        laminar_status status_ = column_reserve(out, out->n + n, err);                             \
        if (status_ != LAMINAR_OK) return status_;                                                 \
        T *out_data = OUT(T, out) + out->n;                                                        \
        for (size_t i = 0; i < n; i++) {                                                           \
            const STATE *s = (const STATE *)(const void *)(rows[i] + offset);                      \
            bool is_valid_ = IS_VALID;                                                             \
            if (is_valid_) out_data[i] = VALUE;                                                    \
            if (is_valid_ && !out->vec.validity) continue;                                         \
            status_ = agg_set_valid(out, out->n + i, is_valid_, err);                              \
            if (status_ != LAMINAR_OK) return status_;                                             \
        }                                                                                          \
        out->n += n;                                                                               \
        return LAMINAR_OK;                                                                         \
    } while (0)

/* The multiset form of an aggregate that has kernels: all rows into a fresh state. */
laminar_status agg_multiset_by_update(MULTISET_ARGS);

/* Fills result, kernels and the multiset form by replay. */
static inline laminar_status agg_bound(struct aggregate_binding *binding, struct data_type result,
                                       const struct aggregate_kernels *kernels)
{
    binding->agg->result = result;
    binding->agg->kernels = kernels;
    if (!(binding->agg->flags & AGG_IS_SKETCH))
        binding->agg->finish_multiset = agg_multiset_by_update;
    return LAMINAR_OK;
}
/* Argument i is to be of `type`; false when it can't be. */
bool agg_want(struct aggregate_binding *binding, uint32_t i, struct data_type type);

/* --- Wide and exact sums ------------------------------------------------------------------------------------------------------ */
/* 128 bits in an 8-byte aligned state. */
struct wide {
    uint64_t low;
    int64_t high;
};
static inline int128 wide_get(const struct wide *w)
{
    return (int128)((unsigned __int128)(uint64_t)w->high << 64 | w->low);
}
static inline void wide_set(struct wide *w, int128 value)
{
    w->low = (uint64_t)value;
    w->high = (int64_t)(value >> 64);
}
static inline void wide_add_i64(struct wide *w, int64_t value)
{
    uint64_t carry = __builtin_add_overflow(w->low, (uint64_t)value, &w->low);
    w->high += (value >> 63) + (int64_t)carry;
}

/* A sum carried as an unevaluated pair of doubles, some 106 bits (T. J. Dekker, "A floating-point technique for extending the available
 * precision", 1971; the exact sum of two doubles is D. E. Knuth's). What is added can be taken out again with hardly a trace. */
struct double_double {
    double high;
    double low;
};
static always_inline void dd_add(struct double_double *s, double x)
{
    double t = s->high + x, back = t - s->high;
    s->low += (s->high - (t - back)) + (x - back);
    s->high = t;
}
static always_inline void dd_add_product(struct double_double *s, double x, double y)
{
    double p = x * y;
    dd_add(s, p);
    s->low += fma(x, y, -p);
}
static inline double dd_value(const struct double_double *s) { return s->high + s->low; }
static inline struct double_double dd_normal(struct double_double a)
{
    double t = a.high + a.low;
    return (struct double_double){t, a.low - (t - a.high)};
}

#endif
