/* op_compare_wide.c - comparison loops over strings, decimals, intervals, UUIDs and nested values.
 *
 * Strings: the size and 4-byte prefix decide almost always, so the heap is rarely touched. Against a constant of at most 12 bytes equality is
 * two word compares without a branch. */
#include "function/op_compare.h"
#include "vector/kernel.h"

KERNEL_FILE

/* --- Strings: equality ---------------------------------------------------------------------------------------------------- */

static void equal_short_constant(const struct string_view *restrict a,
                                 const struct string_view *constant, uint8_t *restrict r, size_t n)
{
    uint64_t c0, c1;
    memcpy(&c0, constant, 8);
    memcpy(&c1, (const char *)constant + 8, 8);
    for (size_t i = 0; i < n; i++) {
        uint64_t x0, x1;
        memcpy(&x0, &a[i], 8);
        memcpy(&x1, (const char *)&a[i] + 8, 8);
        r[i] = (uint8_t)(((x0 ^ c0) | (x1 ^ c1)) == 0);
    }
}

static void equal_strings(const struct vector *a, const struct vector *b, uint8_t *restrict r,
                          size_t n)
{
    if (a->shape == VEC_CONST) {
        const struct vector *swap = a;
        a = b;
        b = swap;
    }
    const struct string_view *x = a->data, *y = b->data;
    if (b->shape == VEC_CONST && y->size <= STRING_INLINE_MAX) {
        equal_short_constant(x, y, r, n);
        return;
    }
    size_t sb = vector_stride(b);
    for (size_t i = 0; i < n; i++) r[i] = string_equal(&x[i], &y[i * sb]);
}

static laminar_status eq_string_kernel(KERNEL_ARGS)
{
    equal_strings(&args[0], &args[1], OUT(uint8_t, out), n);
    return LAMINAR_OK;
}
static laminar_status ne_string_kernel(KERNEL_ARGS)
{
    uint8_t *r = OUT(uint8_t, out);
    equal_strings(&args[0], &args[1], r, n);
    for (size_t i = 0; i < n; i++) r[i] ^= 1;
    return LAMINAR_OK;
}

/* --- Order of wide values ------------------------------------------------------------------------------------------------- */
/* Each layout has a function that gives <0, 0, >0; the loops are made from it. */

static always_inline int order_string(const struct vector *a, size_t i, const struct vector *b,
                                      size_t k, unused const void *data)
{
    const struct string_view *x = (const struct string_view *)a->data + i,
                             *y = (const struct string_view *)b->data + k;
    uint32_t px = string_prefix_order(x), py = string_prefix_order(y);
    if (px != py) return px < py ? -1 : 1;
    return string_compare(x, y);
}
static always_inline int order_i128(const struct vector *a, size_t i, const struct vector *b,
                                    size_t k, unused const void *data)
{
    int128 x = ((const int128 *)a->data)[i], y = ((const int128 *)b->data)[k];
    return (x > y) - (x < y);
}
static always_inline int order_interval(const struct vector *a, size_t i, const struct vector *b,
                                        size_t k, unused const void *data)
{
    int128 x = interval_total_nanos(((const struct laminar_interval *)a->data)[i]);
    int128 y = interval_total_nanos(((const struct laminar_interval *)b->data)[k]);
    return (x > y) - (x < y);
}
static always_inline int order_uuid(const struct vector *a, size_t i, const struct vector *b,
                                    size_t k, unused const void *data)
{
    const char *x = (const char *)a->data + i * 16, *y = (const char *)b->data + k * 16;
    uint64_t x0 = load_big_endian_u64(x), y0 = load_big_endian_u64(y);
    if (x0 != y0) return x0 < y0 ? -1 : 1;
    uint64_t x1 = load_big_endian_u64(x + 8), y1 = load_big_endian_u64(y + 8);
    return (x1 > y1) - (x1 < y1);
}
static always_inline int order_any(const struct vector *a, size_t i, const struct vector *b,
                                   size_t k, unused const void *data)
{
    return kernel_compare(a, i, b, k);
}
/* Decimals of two scales: the factor may carry a value out of 127 bits; then its sign decides. */
static always_inline int order_decimal_scaled(const struct vector *a, size_t i,
                                              const struct vector *b, size_t k, const void *data)
{
    const struct compare_scaling *scaling = data;
    int128 x = ((const int128 *)a->data)[i], y = ((const int128 *)b->data)[k];
    if (unlikely(!int128_mul(x, scaling->factor_a, &x))) return x < 0 ? -1 : 1;
    if (unlikely(!int128_mul(y, scaling->factor_b, &y))) return y < 0 ? 1 : -1;
    return (x > y) - (x < y);
}
static always_inline int order_time_scaled(const struct vector *a, size_t i, const struct vector *b,
                                           size_t k, const void *data)
{
    const struct compare_scaling *scaling = data;
    int128 x = (int128)((const int64_t *)a->data)[i] * (int64_t)scaling->factor_a;
    int128 y = (int128)((const int64_t *)b->data)[k] * (int64_t)scaling->factor_b;
    return (x > y) - (x < y);
}

#define WIDE_KERNEL(NAME, ORDER, TEST)                                                             \
    static laminar_status NAME(KERNEL_ARGS)                                                        \
    {                                                                                              \
        size_t sa = vector_stride(&args[0]), sb = vector_stride(&args[1]);                         \
        uint8_t *r = OUT(uint8_t, out);                                                            \
        for (size_t i = 0; i < n; i++) {                                                           \
            int order = ORDER(&args[0], i * sa, &args[1], i * sb, fn->data);                       \
            r[i] = order TEST 0;                                                                   \
        }                                                                                          \
        return LAMINAR_OK;                                                                         \
    }
#define WIDE_KERNELS(N)                                                                            \
    WIDE_KERNEL(eq_##N##_kernel, order_##N, ==)                                                    \
    WIDE_KERNEL(ne_##N##_kernel, order_##N, !=)                                                    \
    WIDE_ORDER_KERNELS(N)
#define WIDE_ORDER_KERNELS(N)                                                                      \
    WIDE_KERNEL(lt_##N##_kernel, order_##N, <)                                                     \
    WIDE_KERNEL(le_##N##_kernel, order_##N, <=)                                                    \
    WIDE_KERNEL(gt_##N##_kernel, order_##N, >)                                                     \
    WIDE_KERNEL(ge_##N##_kernel, order_##N, >=)
WIDE_ORDER_KERNELS(string)
WIDE_KERNELS(i128)
WIDE_KERNELS(interval)
WIDE_KERNELS(uuid)
WIDE_KERNELS(any)
WIDE_KERNELS(decimal_scaled)
WIDE_KERNELS(time_scaled)

#define BY_OP(N)                                                                                   \
    {                                                                                              \
        [COMPARE_EQ] = eq_##N##_kernel, [COMPARE_NE] = ne_##N##_kernel,                            \
        [COMPARE_LT] = lt_##N##_kernel, [COMPARE_LE] = le_##N##_kernel,                            \
        [COMPARE_GT] = gt_##N##_kernel, [COMPARE_GE] = ge_##N##_kernel                             \
    }
enum { N_COMPARE_OPS = 6 };
static const scalar_kernel string_kernels[N_COMPARE_OPS] = BY_OP(string),
                           i128_kernels[N_COMPARE_OPS] = BY_OP(i128),
                           interval_kernels[N_COMPARE_OPS] = BY_OP(interval),
                           uuid_kernels[N_COMPARE_OPS] = BY_OP(uuid),
                           any_kernels[N_COMPARE_OPS] = BY_OP(any),
                           decimal_scaled_kernels[N_COMPARE_OPS] = BY_OP(decimal_scaled),
                           time_scaled_kernels[N_COMPARE_OPS] = BY_OP(time_scaled);

scalar_kernel compare_wide_kernel(enum compare_op op, enum phys_type phys)
{
    switch ((int)phys) {
    case PHYS_STRING: return string_kernels[op];
    case PHYS_I128: return i128_kernels[op];
    case PHYS_INTERVAL: return interval_kernels[op];
    case PHYS_UUID: return uuid_kernels[op];
    default: return any_kernels[op];
    }
}

scalar_kernel compare_scaled_kernel(enum compare_op op, bool is_decimal)
{
    return is_decimal ? decimal_scaled_kernels[op] : time_scaled_kernels[op];
}
