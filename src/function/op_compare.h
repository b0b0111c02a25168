/* op_compare.h - equality and order of single values, as the comparison operators define them; for IN lists, greatest, nullif ... */
#ifndef FUNCTION_OP_COMPARE_H
#define FUNCTION_OP_COMPARE_H

#include "function/family.h"

enum compare_op { COMPARE_EQ, COMPARE_NE, COMPARE_LT, COMPARE_LE, COMPARE_GT, COMPARE_GE };

/* What a comparison of two values of different scale or unit needs. In the plan's arena. */
struct compare_scaling {
    scalar_kernel equal; /* for IS DISTINCT FROM */
    int128 factor_a;     /* brings a to the common scale: one of the two is 1 */
    int128 factor_b;
};

/* Kernel of `op` over values of one physical layout. */
scalar_kernel compare_wide_kernel(enum compare_op op, enum phys_type phys);
/* Decimals of two scales; timestamps of two units. */
scalar_kernel compare_scaled_kernel(enum compare_op op, bool is_decimal);

/* Intervals compare as time: a month is 30 days, a day 24 hours (PostgreSQL's rule). */
static inline int128 interval_total_nanos(struct laminar_interval v)
{
    return ((int128)v.months * 30 + v.days) * 86400000000000LL + v.nanos;
}
static inline uint64_t load_big_endian_u64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return __builtin_bswap64(v);
}
/* The order of strings by their first four bytes, as numbers; equal ones need string_compare. */
static inline uint32_t string_prefix_order(const struct string_view *s)
{
    uint32_t v;
    memcpy(&v, s->prefix, 4);
    return __builtin_bswap32(v);
}

#endif
