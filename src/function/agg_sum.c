/* agg_sum.c - sum and avg.
 *
 * Integers: the sum of narrow ones is kept in 64 bits (leaving them is an error), that of BIGINT in 128, so that it is exact whatever is
 * retracted; the result is a BIGINT, and an error when it does not fit. DECIMAL(p, s): 128 bits, result DECIMAL(38, s). DOUBLE: compensated
 * (struct double_double), with infinities and NaNs counted apart, so that they can be retracted too. Averages are DOUBLE: the exact sum
 * divided once. An empty sum is null. Retractable; doubles that are taken back have kernels of their own, which lose nothing. */
#include "function/exact_sum.h"

KERNEL_FILE

struct sum_i32_state {
    int64_t sum;
    int64_t n;
};
struct sum_wide_state {
    struct wide sum;
    int64_t n;
};
struct sum_f64_state {
    struct double_double sum;
    int64_t n; /* special ones included */
    int32_t n_nan;
    int32_t n_infinite;
    int32_t n_minus_infinite;
    int32_t unused_;
};
static_assert(sizeof(struct sum_f64_state) == 40, "state of sum(double)");

static never_inline laminar_status sum_overflow(const struct bound_aggregate *agg,
                                                struct laminar_error *err)
{
    error_set(err, LAMINAR_QUERY_FAILED, "%s of %s values is out of range for %s", agg->name,
              TYPE_TEXT(agg->arg_types[0]), TYPE_TEXT(agg->result));
    error_hint(err, "cast the argument to DECIMAL or DOUBLE");
    return LAMINAR_QUERY_FAILED;
}

/* --- INT and narrower -------------------------------------------------------------------------------------------------------- */

static laminar_status sum_i32(UPDATE_ARGS)
{
    bool is_over = false;
#define STEP_I32(s, value, weight)                                                                 \
    do {                                                                                           \
        int64_t product_;                                                                          \
        is_over |= __builtin_mul_overflow((int64_t)(value), (int64_t)(weight), &product_);         \
        is_over |= __builtin_add_overflow((s)->sum, product_, &(s)->sum);                          \
        (s)->n += (weight);                                                                        \
    } while (0)
    FOR_STATES(struct sum_i32_state, int32_t, STEP_I32);
    return unlikely(is_over) ? sum_overflow(agg, err) : LAMINAR_OK;
}
MULTI_TARGET static int64_t sum_values_i32(const int32_t *data, size_t n)
{
    int64_t total = 0;
    for (size_t i = 0; i < n; i++) total += data[i];
    return total;
}
static laminar_status sum_i32_one(UPDATE_ONE_ARGS)
{
    struct sum_i32_state *s = (struct sum_i32_state *)(void *)state;
    bool is_over = false;
    if (args[0].shape == VEC_FLAT && !args[0].validity && !weights && n <= UINT32_MAX) {
        is_over = __builtin_add_overflow(s->sum, sum_values_i32(args[0].data, n), &s->sum);
        s->n += (int64_t)n;
        return unlikely(is_over) ? sum_overflow(agg, err) : LAMINAR_OK;
    }
#define ONE_I32(value, weight) STEP_I32(s, value, weight)
    FOR_VALUES(int32_t, ONE_I32);
    return unlikely(is_over) ? sum_overflow(agg, err) : LAMINAR_OK;
}
static laminar_status sum_i32_combine(COMBINE_ARGS)
{
    struct sum_i32_state *s = (struct sum_i32_state *)(void *)dst;
    const struct sum_i32_state *other = (const struct sum_i32_state *)(const void *)src;
    s->n += other->n;
    return unlikely(__builtin_add_overflow(s->sum, other->sum, &s->sum)) ? sum_overflow(agg, err)
                                                                         : LAMINAR_OK;
}
static laminar_status sum_i32_finish(FINISH_ARGS)
{
    FINISH_LOOP(struct sum_i32_state, int64_t, s->n != 0, s->sum);
}
static laminar_status avg_i32_finish(FINISH_ARGS)
{
    FINISH_LOOP(struct sum_i32_state, double, s->n != 0, (double)s->sum / (double)s->n);
}

/* --- BIGINT ------------------------------------------------------------------------------------------------------------------- */

static always_inline void wide_step(struct sum_wide_state *s, int64_t value, int64_t weight)
{
    if (likely(weight == 1))
        wide_add_i64(&s->sum, value);
    else
        wide_set(&s->sum, wide_get(&s->sum) + (int128)value * weight);
    s->n += weight;
}
static laminar_status sum_i64(UPDATE_ARGS)
{
    FOR_STATES(struct sum_wide_state, int64_t, wide_step);
    return LAMINAR_OK;
}
/* Halves are summed apart: neither can overflow below 2^32 rows, and both loops are SIMD additions. */
MULTI_TARGET static int128 sum_values_i64(const int64_t *data, size_t n)
{
    uint64_t low = 0;
    int64_t high = 0;
    for (size_t i = 0; i < n; i++) {
        low += (uint32_t)data[i];
        high += data[i] >> 32;
    }
    return (int128)low + (int128)high * ((int128)1 << 32);
}
/* The same over valid rows only; n_valid is counted on the way. */
MULTI_TARGET static int128 sum_valid_i64(const int64_t *data, const uint8_t *validity, size_t n,
                                         int64_t *n_valid)
{
    uint64_t low = 0, count = 0;
    int64_t high = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t bits = validity[i >> 3];
        for (unsigned k = 0; k < 8; k++) {
            int64_t mask = -(int64_t)(bits >> k & 1), value = data[i + k] & mask;
            low += (uint32_t)value;
            high += value >> 32;
            count -= (uint64_t)mask;
        }
    }
    for (; i < n; i++) {
        if (!bitmap_get(validity, i)) continue;
        low += (uint32_t)data[i];
        high += data[i] >> 32;
        count++;
    }
    *n_valid = (int64_t)count;
    return (int128)low + (int128)high * ((int128)1 << 32);
}
static laminar_status sum_i64_one(UPDATE_ONE_ARGS)
{
    struct sum_wide_state *s = (struct sum_wide_state *)(void *)state;
    if (args[0].shape == VEC_FLAT && !weights && n <= UINT32_MAX) {
        int64_t n_valid = (int64_t)n;
        int128 total = args[0].validity ? sum_valid_i64(args[0].data, args[0].validity, n, &n_valid)
                                        : sum_values_i64(args[0].data, n);
        wide_set(&s->sum, wide_get(&s->sum) + total);
        s->n += n_valid;
        return LAMINAR_OK;
    }
#define ONE_I64(value, weight) wide_step(s, value, weight)
    FOR_VALUES(int64_t, ONE_I64);
    return LAMINAR_OK;
}
static laminar_status sum_i64_combine(COMBINE_ARGS)
{
    struct sum_wide_state *s = (struct sum_wide_state *)(void *)dst;
    const struct sum_wide_state *other = (const struct sum_wide_state *)(const void *)src;
    wide_set(&s->sum, wide_get(&s->sum) + wide_get(&other->sum));
    s->n += other->n;
    return LAMINAR_OK;
}
static laminar_status sum_i64_finish(FINISH_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        const struct sum_wide_state *s = (const struct sum_wide_state *)(const void *)(rows[i] +
                                                                                       offset);
        if (unlikely(s->sum.high != (int64_t)s->sum.low >> 63)) return sum_overflow(agg, err);
    }
    FINISH_LOOP(struct sum_wide_state, int64_t, s->n != 0, (int64_t)s->sum.low);
}
static laminar_status avg_i64_finish(FINISH_ARGS)
{
    FINISH_LOOP(struct sum_wide_state, double, s->n != 0, (double)wide_get(&s->sum) / (double)s->n);
}

/* --- DECIMAL -------------------------------------------------------------------------------------------------------------------- */

static always_inline bool decimal_step(struct sum_wide_state *s, int128 value, int64_t weight)
{
    int128 sum;
    s->n += weight;
    if (weight != 1 && !int128_mul(value, weight, &value)) return true;
    if (!int128_add(wide_get(&s->sum), value, &sum)) return true;
    wide_set(&s->sum, sum);
    return false;
}
static laminar_status sum_decimal(UPDATE_ARGS)
{
    bool is_over = false;
#define STEP_DECIMAL(s, value, weight) is_over |= decimal_step(s, value, weight)
    FOR_STATES(struct sum_wide_state, int128, STEP_DECIMAL);
    return unlikely(is_over) ? sum_overflow(agg, err) : LAMINAR_OK;
}
static laminar_status sum_decimal_one(UPDATE_ONE_ARGS)
{
    struct sum_wide_state *s = (struct sum_wide_state *)(void *)state;
    bool is_over = false;
#define ONE_DECIMAL(value, weight) is_over |= decimal_step(s, value, weight)
    FOR_VALUES(int128, ONE_DECIMAL);
    return unlikely(is_over) ? sum_overflow(agg, err) : LAMINAR_OK;
}
static laminar_status sum_decimal_combine(COMBINE_ARGS)
{
    struct sum_wide_state *s = (struct sum_wide_state *)(void *)dst;
    const struct sum_wide_state *other = (const struct sum_wide_state *)(const void *)src;
    bool is_over = decimal_step(s, wide_get(&other->sum), 1);
    s->n += other->n - 1;
    return unlikely(is_over) ? sum_overflow(agg, err) : LAMINAR_OK;
}
static laminar_status sum_decimal_finish(FINISH_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        const struct sum_wide_state *s = (const struct sum_wide_state *)(const void *)(rows[i] +
                                                                                       offset);
        if (unlikely(!decimal_fits(wide_get(&s->sum), DECIMAL_PRECISION_MAX)))
            return sum_overflow(agg, err);
    }
    FINISH_LOOP(struct sum_wide_state, int128, s->n != 0, wide_get(&s->sum));
}
static laminar_status avg_decimal_finish(FINISH_ARGS)
{
    int scale = agg->arg_types[0].scale;
    FINISH_LOOP(struct sum_wide_state, double, s->n != 0,
                decimal_to_double(wide_get(&s->sum), scale) / (double)s->n);
}

/* --- DOUBLE ----------------------------------------------------------------------------------------------------------------------- */

static never_inline bool special_step(struct sum_f64_state *s, double value, int64_t weight)
{
    int32_t *count = isnan(value) ? &s->n_nan : value > 0 ? &s->n_infinite : &s->n_minus_infinite;
    int64_t sum = (int64_t)*count + weight;
    *count = (int32_t)sum;
    return sum != *count;
}
static always_inline bool double_step(struct sum_f64_state *s, double value, int64_t weight)
{
    s->n += weight;
    if (unlikely(!isfinite(value))) return special_step(s, value, weight);
    if (weight == 1 || weight == -1)
        dd_add(&s->sum, weight == 1 ? value : -value);
    else
        dd_add_product(&s->sum, value, (double)weight);
    if (weight < 0 && s->n == 0)
        s->sum = (struct double_double){0}; /* an empty group starts anew */
    return false;
}
static laminar_status sum_f64(UPDATE_ARGS)
{
    bool is_over = false;
#define STEP_F64(s, value, weight) is_over |= double_step(s, value, weight)
    FOR_STATES(struct sum_f64_state, double, STEP_F64);
    return unlikely(is_over) ? sum_overflow(agg, err) : LAMINAR_OK;
}
/* Eight compensated sums side by side. *is_special: there is a value that is not finite, the sums are of no use. */
enum { LANES = 8 };
MULTI_TARGET static struct double_double sum_values_f64(const double *data, size_t n,
                                                        bool *is_special)
{
    double high[LANES] = {0}, low[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (unsigned k = 0; k < LANES; k++) {
            double x = data[i + k], t = high[k] + x, back = t - high[k];
            low[k] += (high[k] - (t - back)) + (x - back);
            high[k] = t;
        }
    }
    struct double_double total = {0};
    for (unsigned k = 0; k < LANES; k++) {
        dd_add(&total, high[k]);
        total.low += low[k];
    }
    for (; i < n; i++) dd_add(&total, data[i]);
    *is_special = !isfinite(total.high) || !isfinite(total.low);
    return total;
}
static laminar_status sum_f64_one(UPDATE_ONE_ARGS)
{
    struct sum_f64_state *s = (struct sum_f64_state *)(void *)state;
    bool is_over = false, is_special = true;
    if (args[0].shape == VEC_FLAT && !args[0].validity && !weights) {
        struct double_double total = sum_values_f64(args[0].data, n, &is_special);
        if (likely(!is_special)) {
            dd_add(&s->sum, total.high);
            s->sum.low += total.low;
            s->n += (int64_t)n;
            return LAMINAR_OK;
        }
    }
#define ONE_F64(value, weight) is_over |= double_step(s, value, weight)
    FOR_VALUES(double, ONE_F64);
    return unlikely(is_over) ? sum_overflow(agg, err) : LAMINAR_OK;
}
static laminar_status sum_f64_combine(COMBINE_ARGS)
{
    struct sum_f64_state *s = (struct sum_f64_state *)(void *)dst;
    const struct sum_f64_state *other = (const struct sum_f64_state *)(const void *)src;
    dd_add(&s->sum, other->sum.high);
    s->sum.low += other->sum.low;
    s->n += other->n;
    bool is_over = __builtin_add_overflow(s->n_nan, other->n_nan, &s->n_nan);
    is_over |= __builtin_add_overflow(s->n_infinite, other->n_infinite, &s->n_infinite);
    is_over |= __builtin_add_overflow(s->n_minus_infinite, other->n_minus_infinite,
                                      &s->n_minus_infinite);
    return unlikely(is_over) ? sum_overflow(agg, err) : LAMINAR_OK;
}
static inline double sum_f64_value(const struct sum_f64_state *s)
{
    if (s->n_nan || (s->n_infinite && s->n_minus_infinite)) return NAN;
    if (s->n_infinite || s->n_minus_infinite) return s->n_infinite ? INFINITY : -INFINITY;
    return isfinite(s->sum.high) ? dd_value(&s->sum) : s->sum.high;
}
static laminar_status sum_f64_finish(FINISH_ARGS)
{
    FINISH_LOOP(struct sum_f64_state, double, s->n != 0, sum_f64_value(s));
}
static laminar_status avg_f64_finish(FINISH_ARGS)
{
    FINISH_LOOP(struct sum_f64_state, double, s->n != 0, sum_f64_value(s) / (double)s->n);
}

/* --- DOUBLE, taken back ------------------------------------------------------------------------------------------------------------ */

struct sum_exact_state {
    struct sum_f64_state counts; /* its sum is not used */
    struct exact_sum sum;
};

static inline bool exact_step(struct sum_exact_state *s, double value, int64_t weight)
{
    s->counts.n += weight;
    if (unlikely(!isfinite(value))) return special_step(&s->counts, value, weight);
    if (weight == 1 || weight == -1)
        exact_add(&s->sum, weight == 1 ? value : -value);
    else
        exact_add_product(&s->sum, value, (double)weight);
    return false;
}
static laminar_status sum_exact(UPDATE_ARGS)
{
    bool is_over = false;
#define STEP_EXACT(s, value, weight) is_over |= exact_step(s, value, weight)
    FOR_STATES(struct sum_exact_state, double, STEP_EXACT);
    return unlikely(is_over) ? sum_overflow(agg, err) : LAMINAR_OK;
}
static laminar_status sum_exact_one(UPDATE_ONE_ARGS)
{
    struct sum_exact_state *s = (struct sum_exact_state *)(void *)state;
    bool is_over = false;
#define ONE_EXACT(value, weight) is_over |= exact_step(s, value, weight)
    FOR_VALUES(double, ONE_EXACT);
    return unlikely(is_over) ? sum_overflow(agg, err) : LAMINAR_OK;
}
static laminar_status sum_exact_combine(COMBINE_ARGS)
{
    struct sum_exact_state *s = (struct sum_exact_state *)(void *)dst;
    const struct sum_exact_state *other = (const struct sum_exact_state *)(const void *)src;
    exact_merge(&s->sum, &other->sum);
    return sum_f64_combine(agg, heap, dst, src, err);
}
static inline double sum_exact_value(const struct sum_exact_state *s)
{
    struct sum_f64_state plain = s->counts;
    plain.sum = exact_value(&s->sum);
    return sum_f64_value(&plain);
}
static laminar_status sum_exact_finish(FINISH_ARGS)
{
    FINISH_LOOP(struct sum_exact_state, double, s->counts.n != 0, sum_exact_value(s));
}
static laminar_status avg_exact_finish(FINISH_ARGS)
{
    FINISH_LOOP(struct sum_exact_state, double, s->counts.n != 0,
                sum_exact_value(s) / (double)s->counts.n);
}

/* --- Binding --------------------------------------------------------------------------------------------------------------------- */

#define SUM_KERNELS(NAME, SUM, STATE)                                                              \
    static const struct aggregate_kernels NAME##_kernels = {                                       \
        .state_size = sizeof(struct STATE),                                                        \
        .state_align = 8,                                                                          \
        .is_retractable = true,                                                                    \
        .is_plain_bytes = true,                                                                    \
        .update = SUM,                                                                             \
        .update_one = SUM##_one,                                                                   \
        .combine = SUM##_combine,                                                                  \
        .finish = NAME##_finish,                                                                   \
    };
SUM_KERNELS(sum_i32, sum_i32, sum_i32_state)
SUM_KERNELS(avg_i32, sum_i32, sum_i32_state)
SUM_KERNELS(sum_i64, sum_i64, sum_wide_state)
SUM_KERNELS(avg_i64, sum_i64, sum_wide_state)
SUM_KERNELS(sum_decimal, sum_decimal, sum_wide_state)
SUM_KERNELS(avg_decimal, sum_decimal, sum_wide_state)
SUM_KERNELS(sum_f64, sum_f64, sum_f64_state)
SUM_KERNELS(avg_f64, sum_f64, sum_f64_state)
SUM_KERNELS(sum_exact, sum_exact, sum_exact_state)
SUM_KERNELS(avg_exact, sum_exact, sum_exact_state)

static laminar_status bind_sum(struct aggregate_binding *binding)
{
    struct bound_aggregate *agg = binding->agg;
    struct data_type *type = &agg->arg_types[0];
    bool is_avg = agg->function->param != NULL;
    if (type->id == LAMINAR_TYPE_NULL) *type = TYPE(INT64);
    if (type->id == LAMINAR_TYPE_UINT64) *type = type_decimal(20, 0);
    if (type->id == LAMINAR_TYPE_FLOAT) *type = TYPE(DOUBLE);
    if (type->id == LAMINAR_TYPE_UINT32) *type = TYPE(INT64);
    if (type_is_integer(*type) && type->id != LAMINAR_TYPE_INT64) *type = TYPE(INT32);
    if (type->id == LAMINAR_TYPE_INT32)
        return agg_bound(binding, is_avg ? TYPE(DOUBLE) : TYPE(INT64),
                         is_avg ? &avg_i32_kernels : &sum_i32_kernels);
    if (type->id == LAMINAR_TYPE_INT64)
        return agg_bound(binding, is_avg ? TYPE(DOUBLE) : TYPE(INT64),
                         is_avg ? &avg_i64_kernels : &sum_i64_kernels);
    if (type->id == LAMINAR_TYPE_DOUBLE)
        agg->retract_kernels = is_avg ? &avg_exact_kernels : &sum_exact_kernels;
    if (type->id == LAMINAR_TYPE_DOUBLE)
        return agg_bound(binding, TYPE(DOUBLE), is_avg ? &avg_f64_kernels : &sum_f64_kernels);
    if (type->id != LAMINAR_TYPE_DECIMAL) return aggregate_mismatch(binding);
    return agg_bound(binding,
                     is_avg ? TYPE(DOUBLE) : type_decimal(DECIMAL_PRECISION_MAX, type->scale),
                     is_avg ? &avg_decimal_kernels : &sum_decimal_kernels);
}

static const struct aggregate_function functions[] = {
    {"sum", "sum(integer) -> BIGINT, sum(DECIMAL(p, s)) -> DECIMAL(38, s), sum(DOUBLE) -> DOUBLE",
     "Sum of the values that aren't null", 1, 1, bind_sum, NULL},
    {"avg", "avg(number) -> DOUBLE", "Mean of the values that aren't null", 1, 1, bind_sum,
     (void *)1},
    {"mean", "mean(number) -> DOUBLE", "Same as avg", 1, 1, bind_sum, (void *)1},
};
AGGREGATE_FAMILY(agg_sum, functions);
