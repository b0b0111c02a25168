/* window_time.c - see window_time.h. */
#include "exec/window_time.h"

#define CONVERT(T, EXPR)                                                                           \
    {                                                                                              \
        const T *data = v->data;                                                                   \
        for (size_t i = 0; i < n; i++) {                                                           \
            int64_t x = (int64_t)data[v->shape == VEC_CONST ? 0 : i];                              \
            times_us[i] = (EXPR);                                                                  \
        }                                                                                          \
    }

/* x * factor, or a value out of range. */
static inline int64_t scale(int64_t x, int64_t factor)
{
    int64_t product;
    return __builtin_mul_overflow(x, factor, &product) ? INT64_MAX : product;
}

size_t window_times(const struct vector *v, size_t n, int64_t *times_us, uint32_t *sel,
                    size_t *n_bad)
{
    *n_bad = 0;
    if (v->type.id == LAMINAR_TYPE_NULL) return 0;
    if (v->type.id == LAMINAR_TYPE_DATE)
        CONVERT(int32_t, x * 86400000000)
    else if (!type_is_timestamp(v->type))
        CONVERT(int64_t, scale(x, 1000))
    else if (v->type.unit == UNIT_SECOND)
        CONVERT(int64_t, scale(x, 1000000))
    else if (v->type.unit == UNIT_MILLI)
        CONVERT(int64_t, scale(x, 1000))
    else if (v->type.unit == UNIT_MICRO)
        CONVERT(int64_t, x)
    else
        CONVERT(int64_t, x / 1000 - (x % 1000 < 0))
    size_t n_sel = 0;
    for (size_t i = 0; i < n; i++) {
        bool is_valid = !v->validity || vector_is_valid(v, i);
        bool is_in_range = times_us[i] >= -WINDOW_TIME_MAX && times_us[i] <= WINDOW_TIME_MAX;
        *n_bad += is_valid && !is_in_range;
        sel[n_sel] = (uint32_t)i;
        n_sel += is_valid && is_in_range;
    }
    return n_sel;
}

size_t window_timeless(const struct vector *v, size_t n, uint32_t *sel)
{
    size_t n_sel = 0;
    if (v->type.id != LAMINAR_TYPE_NULL && !v->validity) return 0;
    for (size_t i = 0; i < n; i++) {
        sel[n_sel] = (uint32_t)i;
        n_sel += !vector_is_valid(v, i);
    }
    return n_sel;
}
