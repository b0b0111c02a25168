/* value_order.h - private to the layer: what "equal" and "less" mean for one value, shared by hashing, matching, sorting and encoding.
 *
 * Doubles: -0.0 equals 0.0, NaN equals itself and is greatest. Intervals: a month is 30 days, a day 24 hours (PostgreSQL's rule), so
 * they are compared by their total. UUIDs: by bytes. */
#ifndef VECTOR_VALUE_ORDER_H
#define VECTOR_VALUE_ORDER_H

#include "vector/vector.h"

enum { DAYS_PER_MONTH = 30 };
#define NANOS_PER_DAY INT64_C(86400000000000)

static inline int128 interval_total(struct laminar_interval v)
{
    return ((int128)v.months * DAYS_PER_MONTH + v.days) * NANOS_PER_DAY + v.nanos;
}

/* Bits that are equal where the doubles are. On integers, so that it compiles to conditional moves. */
static inline uint64_t f64_canonical_bits(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, 8);
    uint64_t magnitude = bits << 1;
    bits = magnitude ? bits : 0; /* -0.0 */
    return magnitude > UINT64_C(0xffe0000000000000) ? UINT64_C(0x7ff8000000000000) : bits; /* NaN */
}

/* Unsigned, in the order of the doubles. */
static inline uint64_t f64_order_bits(double v)
{
    uint64_t bits = f64_canonical_bits(v);
    return bits ^ ((uint64_t)((int64_t)bits >> 63) | UINT64_C(0x8000000000000000));
}

static inline bool f64_same(double a, double b) { return (a == b) | ((a != a) & (b != b)); }
static inline bool f32_same(float a, float b) { return (a == b) | ((a != a) & (b != b)); }

static inline uint64_t load_u64(const void *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
}
static inline uint64_t load_u64_big(const void *bytes)
{
    return __builtin_bswap64(load_u64(bytes));
}

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

#endif
