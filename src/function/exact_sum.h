/* exact_sum.h - a sum of doubles that loses nothing, for values that are taken out again: what is left is the sum of what is left, whatever was there before.
 *
 * The sum is kept as doubles of which no two overlap, least first; adding one goes through them with exact two-sums (J. R. Shewchuk, "Adaptive Precision
 * Floating-Point Arithmetic and Fast Robust Geometric Predicates", 1997). Sums of like magnitude need two or three of them. When there is no room for
 * another the least is given up: by then the sum spans more than 400 bits. Zero is the initial state. */
#ifndef FUNCTION_EXACT_SUM_H
#define FUNCTION_EXACT_SUM_H

#include "function/agg.h"

enum { EXACT_PARTS = 10 };
struct exact_sum {
    int64_t n;
    double parts[EXACT_PARTS];
};

static inline void exact_add(struct exact_sum *s, double x)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < s->n; i++) {
        double part = s->parts[i], t = x + part, back = t - x;
        double rest = (x - (t - back)) + (part - back);
        x = t;
        if (rest != 0) s->parts[kept++] = rest;
    }
    if (x != 0 && kept == EXACT_PARTS) {
        memmove(s->parts, s->parts + 1, (EXACT_PARTS - 1) * sizeof *s->parts);
        kept--;
    }
    if (x != 0) s->parts[kept++] = x;
    s->n = kept;
}
/* s += x * y. The product's rounding error is exact as long as it does not underflow. */
static inline void exact_add_product(struct exact_sum *s, double x, double y)
{
    double p = x * y;
    exact_add(s, p);
    exact_add(s, fma(x, y, -p));
}
/* s += x * y * w */
static inline void exact_add_weighted(struct exact_sum *s, double x, double y, double w)
{
    double p = x * y, e = fma(x, y, -p);
    exact_add_product(s, p, w);
    exact_add_product(s, e, w);
}
static inline void exact_merge(struct exact_sum *s, const struct exact_sum *other)
{
    for (int64_t i = 0; i < other->n; i++) exact_add(s, other->parts[i]);
}
static inline struct double_double exact_value(const struct exact_sum *s)
{
    struct double_double value = {0};
    for (int64_t i = s->n; i-- > 0;) dd_add(&value, s->parts[i]);
    return dd_normal(value);
}

#endif
