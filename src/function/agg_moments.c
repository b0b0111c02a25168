/* agg_moments.c - variances, covariance, correlation and the regr_ functions.
 *
 * The sums of x, x*x (and y, y*y, x*y) are kept as pairs of doubles (106 bits), products exact; so the textbook formulas lose nothing that a
 * double could show. Values that are taken back go into exact sums, so that nothing of them stays. Values that aren't finite are counted apart and make the result NaN while they are there.
 * Two-argument functions take (y, x), as in the standard; rows where either is null don't count. */
#include "function/exact_sum.h"

KERNEL_FILE

struct moments_state {
    int64_t n; /* special ones included */
    int64_t n_special;
    struct double_double sum;
    struct double_double squares;
};
struct pair_state {
    int64_t n;
    int64_t n_special;
    struct double_double x;
    struct double_double y;
    struct double_double xx;
    struct double_double yy;
    struct double_double xy;
};

/* s += w * x * x, exactly up to the last bits of the low part */
static always_inline void add_square(struct double_double *s, double x, double y, double w)
{
    double p = x * y, e = fma(x, y, -p);
    if (w == 1) {
        dd_add(s, p);
        s->low += e;
    } else {
        dd_add_product(s, p, w);
        s->low += e * w;
    }
}
static always_inline void moments_step(struct moments_state *s, double x, int64_t weight)
{
    s->n += weight;
    if (unlikely(!isfinite(x))) {
        s->n_special += weight;
        return;
    }
    if (weight == 1)
        dd_add(&s->sum, x);
    else
        dd_add_product(&s->sum, x, (double)weight);
    add_square(&s->squares, x, x, (double)weight);
    if (weight < 0 && s->n == 0) memset(s, 0, sizeof *s);
}
static void dd_merge(struct double_double *s, const struct double_double *other)
{
    dd_add(s, other->high);
    s->low += other->low;
}
/* Flat, no nulls, all +1: apart, so that it is compiled with the machine's fused multiply-add. */
MULTI_TARGET static void moments_rows(uint8_t *const *rows, size_t offset, const double *data,
                                      size_t n)
{
    for (size_t i = 0; i < n; i++)
        moments_step((struct moments_state *)(void *)(rows[i] + offset), data[i], 1);
}
static laminar_status moments_update(UPDATE_ARGS)
{
    if (likely(args[0].shape == VEC_FLAT && !args[0].validity && !weights))
        moments_rows(rows, offset, args[0].data, n);
    else
        FOR_STATES(struct moments_state, double, moments_step);
    return LAMINAR_OK;
}

/* Eight states side by side, then merged. False: some value is not finite. */
enum { LANES = 8 };
MULTI_TARGET static bool moments_values(struct moments_state *s, const double *data, size_t n)
{
    double sum[LANES] = {0}, sum_low[LANES] = {0}, squares[LANES] = {0}, squares_low[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (unsigned k = 0; k < LANES; k++) {
            double x = data[i + k], t = sum[k] + x, back = t - sum[k];
            sum_low[k] += (sum[k] - (t - back)) + (x - back);
            sum[k] = t;
            double p = x * x, e = fma(x, x, -p), u = squares[k] + p, back_u = u - squares[k];
            squares_low[k] += ((squares[k] - (u - back_u)) + (p - back_u)) + e;
            squares[k] = u;
        }
    }
    struct moments_state total = {0};
    for (unsigned k = 0; k < LANES; k++) {
        dd_merge(&total.sum, &(struct double_double){sum[k], sum_low[k]});
        dd_merge(&total.squares, &(struct double_double){squares[k], squares_low[k]});
    }
    for (size_t rest = i; rest < n; rest++) moments_step(&total, data[rest], 1);
    if (!isfinite(total.sum.high) || !isfinite(total.sum.low) || total.n_special) return false;
    s->n += (int64_t)n;
    dd_merge(&s->sum, &total.sum);
    dd_merge(&s->squares, &total.squares);
    return true;
}
static laminar_status moments_update_one(UPDATE_ONE_ARGS)
{
    struct moments_state *s = (struct moments_state *)(void *)state;
    if (args[0].shape == VEC_FLAT && !args[0].validity && !weights &&
        moments_values(s, args[0].data, n))
        return LAMINAR_OK;
#define ONE_MOMENT(value, weight) moments_step(s, value, weight)
    FOR_VALUES(double, ONE_MOMENT);
    return LAMINAR_OK;
}
static laminar_status moments_combine(COMBINE_ARGS)
{
    struct moments_state *s = (struct moments_state *)(void *)dst;
    const struct moments_state *other = (const struct moments_state *)(const void *)src;
    s->n += other->n;
    s->n_special += other->n_special;
    dd_merge(&s->sum, &other->sum);
    dd_merge(&s->squares, &other->squares);
    return LAMINAR_OK;
}

/* ab - a * b / n in 106 bits: n times the (co)variance. */
static double centred(struct double_double ab, struct double_double a, struct double_double b,
                      int64_t n)
{
    a = dd_normal(a);
    b = dd_normal(b);
    ab = dd_normal(ab);
    double p = a.high * b.high;
    struct double_double product = {p, fma(a.high, b.high, -p) + (a.high * b.low + a.low * b.high)};
    double count = (double)n, q = product.high / count;
    double rest = fma(-q, count, product.high) + product.low;
    dd_add(&ab, -q);
    ab.low -= rest / count;
    return dd_value(&ab);
}
static double square_sum(struct double_double squares, struct double_double sum, int64_t n)
{
    double s = centred(squares, sum, sum, n);
    /* rounding must not make a variance negative, nor equal values differ; NaN stays */
    return s < 0x1p-102 * squares.high ? 0 : s;
}

static laminar_status moments_finish(double minus, bool is_root, FINISH_ARGS)
{
#define VARIANCE(s)                                                                                \
    ((s)->n_special ? (double)NAN                                                                  \
                    : square_sum((s)->squares, (s)->sum, (s)->n) / ((double)(s)->n - minus))
    FINISH_LOOP(struct moments_state, double, (double)s->n > minus,
                is_root ? sqrt(VARIANCE(s)) : VARIANCE(s));
}

#define MOMENTS_KERNELS(NAME, MINUS, IS_ROOT)                                                      \
    static laminar_status NAME##_finish(FINISH_ARGS)                                               \
    {                                                                                              \
        return moments_finish(MINUS, IS_ROOT, agg, rows, offset, n, out, err);                     \
    }                                                                                              \
    static const struct aggregate_kernels NAME##_kernels = {                                       \
        .state_size = sizeof(struct moments_state),                                                \
        .state_align = 8,                                                                          \
        .is_retractable = true,                                                                    \
        .is_plain_bytes = true,                                                                    \
        .update = moments_update,                                                                  \
        .update_one = moments_update_one,                                                          \
        .combine = moments_combine,                                                                \
        .finish = NAME##_finish,                                                                   \
    };
/* The same with exact sums, for values that are taken back. */
struct exact_moments_state {
    int64_t n;
    int64_t n_special;
    struct exact_sum sum;
    struct exact_sum squares;
};
/* The square of such a value is out of range: it counts as one that is not finite. (Comparisons are false for NaN.) */
static inline bool has_square(double x) { return fabs(x) < 0x1p500; }

static inline void exact_moments_step(struct exact_moments_state *s, double x, int64_t weight)
{
    s->n += weight;
    if (unlikely(!has_square(x))) {
        s->n_special += weight;
        return;
    }
    exact_add_product(&s->sum, x, (double)weight);
    exact_add_weighted(&s->squares, x, x, (double)weight);
}
static laminar_status exact_moments_update(UPDATE_ARGS)
{
    FOR_STATES(struct exact_moments_state, double, exact_moments_step);
    return LAMINAR_OK;
}
static laminar_status exact_moments_update_one(UPDATE_ONE_ARGS)
{
    struct exact_moments_state *s = (struct exact_moments_state *)(void *)state;
#define ONE_EXACT_MOMENT(value, weight) exact_moments_step(s, value, weight)
    FOR_VALUES(double, ONE_EXACT_MOMENT);
    return LAMINAR_OK;
}
static laminar_status exact_moments_combine(COMBINE_ARGS)
{
    struct exact_moments_state *s = (struct exact_moments_state *)(void *)dst;
    const struct exact_moments_state *other = (const struct exact_moments_state *)(const void *)src;
    s->n += other->n;
    s->n_special += other->n_special;
    exact_merge(&s->sum, &other->sum);
    exact_merge(&s->squares, &other->squares);
    return LAMINAR_OK;
}
static double exact_variance(const struct exact_moments_state *s, double minus, bool is_root)
{
    double variance = s->n_special
                          ? (double)NAN
                          : square_sum(exact_value(&s->squares), exact_value(&s->sum), s->n) /
                                ((double)s->n - minus);
    return is_root ? sqrt(variance) : variance;
}

#define EXACT_MOMENTS_KERNELS(NAME, MINUS, IS_ROOT)                                                \
    static laminar_status exact_##NAME##_finish(FINISH_ARGS)                                       \
    {                                                                                              \
        FINISH_LOOP(struct exact_moments_state, double, (double)s->n > MINUS,                      \
                    exact_variance(s, MINUS, IS_ROOT));                                            \
    }                                                                                              \
    static const struct aggregate_kernels exact_##NAME##_kernels = {                               \
        .state_size = sizeof(struct exact_moments_state),                                          \
        .state_align = 8,                                                                          \
        .is_retractable = true,                                                                    \
        .is_plain_bytes = true,                                                                    \
        .update = exact_moments_update,                                                            \
        .update_one = exact_moments_update_one,                                                    \
        .combine = exact_moments_combine,                                                          \
        .finish = exact_##NAME##_finish,                                                           \
    };
EXACT_MOMENTS_KERNELS(var_samp, 1, false)
EXACT_MOMENTS_KERNELS(var_pop, 0, false)
EXACT_MOMENTS_KERNELS(stddev_samp, 1, true)
EXACT_MOMENTS_KERNELS(stddev_pop, 0, true)
MOMENTS_KERNELS(var_samp, 1, false)
MOMENTS_KERNELS(var_pop, 0, false)
MOMENTS_KERNELS(stddev_samp, 1, true)
MOMENTS_KERNELS(stddev_pop, 0, true)

/* --- Pairs ------------------------------------------------------------------------------------------------------------------------ */

static always_inline void pair_step(struct pair_state *s, double y, double x, int64_t weight)
{
    s->n += weight;
    if (unlikely(!isfinite(x) || !isfinite(y))) {
        s->n_special += weight;
        return;
    }
    double w = (double)weight;
    dd_add_product(&s->x, x, w);
    dd_add_product(&s->y, y, w);
    add_square(&s->xx, x, x, w);
    add_square(&s->yy, y, y, w);
    add_square(&s->xy, x, y, w);
    if (weight < 0 && s->n == 0) memset(s, 0, sizeof *s);
}
static laminar_status pair_update(UPDATE_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        if (!vector_is_valid(&args[0], i) || !vector_is_valid(&args[1], i)) continue;
        pair_step((struct pair_state *)(void *)(rows[i] + offset), ROW(double, &args[0], i),
                  ROW(double, &args[1], i), weights ? weights[i] : 1);
    }
    return LAMINAR_OK;
}
static laminar_status pair_update_one(UPDATE_ONE_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        if (!vector_is_valid(&args[0], i) || !vector_is_valid(&args[1], i)) continue;
        pair_step((struct pair_state *)(void *)state, ROW(double, &args[0], i),
                  ROW(double, &args[1], i), weights ? weights[i] : 1);
    }
    return LAMINAR_OK;
}
static laminar_status pair_combine(COMBINE_ARGS)
{
    struct pair_state *s = (struct pair_state *)(void *)dst;
    const struct pair_state *other = (const struct pair_state *)(const void *)src;
    s->n += other->n;
    s->n_special += other->n_special;
    dd_merge(&s->x, &other->x);
    dd_merge(&s->y, &other->y);
    dd_merge(&s->xx, &other->xx);
    dd_merge(&s->yy, &other->yy);
    dd_merge(&s->xy, &other->xy);
    return LAMINAR_OK;
}

enum pair_function {
    COVAR_SAMP,
    COVAR_POP,
    CORR,
    REGR_SLOPE,
    REGR_INTERCEPT,
    REGR_R2,
    REGR_COUNT,
    REGR_AVGX,
    REGR_AVGY,
    REGR_SXX,
    REGR_SYY,
    REGR_SXY
};

/* False: null. */
static bool pair_value(enum pair_function function, const struct pair_state *s, double *out)
{
    if (s->n == 0 || (function == COVAR_SAMP && s->n == 1)) return false;
    *out = (double)NAN;
    if (s->n_special) return true;
    double n = (double)s->n, sxx = square_sum(s->xx, s->x, s->n),
           syy = square_sum(s->yy, s->y, s->n), sxy = centred(s->xy, s->x, s->y, s->n);
    double slope = sxy / sxx;
    switch (function) {
    case COVAR_SAMP: *out = sxy / (n - 1); return true;
    case COVAR_POP: *out = sxy / n; return true;
    case CORR:
        if (sxx == 0 || syy == 0) return false;
        *out = sxy / sqrt(sxx) / sqrt(syy);
        *out = *out > 1 ? 1 : *out < -1 ? -1 : *out;
        return true;
    case REGR_SLOPE: *out = slope; return sxx != 0;
    case REGR_INTERCEPT: *out = (dd_value(&s->y) - slope * dd_value(&s->x)) / n; return sxx != 0;
    case REGR_R2:
        if (sxx == 0) return false;
        *out = syy == 0 ? 1 : sxy / sxx * (sxy / syy);
        return true;
    case REGR_COUNT: return true;
    case REGR_AVGX: *out = dd_value(&s->x) / n; return true;
    case REGR_AVGY: *out = dd_value(&s->y) / n; return true;
    case REGR_SXX: *out = sxx; return true;
    case REGR_SYY: *out = syy; return true;
    case REGR_SXY: *out = sxy; return true;
    }
    return false;
}
static laminar_status pair_finish(FINISH_ARGS)
{
    enum pair_function function = (enum pair_function)(uintptr_t)agg->data;
    double value = 0;
    FINISH_LOOP(struct pair_state, double, pair_value(function, s, &value), value);
}
static laminar_status pair_count_finish(FINISH_ARGS)
{
    FINISH_LOOP(struct pair_state, int64_t, true, s->n);
}

#define PAIR_KERNELS(NAME)                                                                         \
    static const struct aggregate_kernels NAME##_kernels = {                                       \
        .state_size = sizeof(struct pair_state),                                                   \
        .state_align = 8,                                                                          \
        .is_retractable = true,                                                                    \
        .is_plain_bytes = true,                                                                    \
        .update = pair_update,                                                                     \
        .update_one = pair_update_one,                                                             \
        .combine = pair_combine,                                                                   \
        .finish = NAME##_finish,                                                                   \
    };
PAIR_KERNELS(pair)
PAIR_KERNELS(pair_count)

/* The same with exact sums. */
struct exact_pair_state {
    int64_t n;
    int64_t n_special;
    struct exact_sum x;
    struct exact_sum y;
    struct exact_sum xx;
    struct exact_sum yy;
    struct exact_sum xy;
};
static void exact_pair_step(struct exact_pair_state *s, double y, double x, int64_t weight)
{
    s->n += weight;
    if (unlikely(!has_square(x) || !has_square(y))) {
        s->n_special += weight;
        return;
    }
    double w = (double)weight;
    exact_add_product(&s->x, x, w);
    exact_add_product(&s->y, y, w);
    exact_add_weighted(&s->xx, x, x, w);
    exact_add_weighted(&s->yy, y, y, w);
    exact_add_weighted(&s->xy, x, y, w);
}
static laminar_status exact_pair_update(UPDATE_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        if (!vector_is_valid(&args[0], i) || !vector_is_valid(&args[1], i)) continue;
        exact_pair_step((struct exact_pair_state *)(void *)(rows[i] + offset),
                        ROW(double, &args[0], i), ROW(double, &args[1], i),
                        weights ? weights[i] : 1);
    }
    return LAMINAR_OK;
}
static laminar_status exact_pair_combine(COMBINE_ARGS)
{
    struct exact_pair_state *s = (struct exact_pair_state *)(void *)dst;
    const struct exact_pair_state *other = (const struct exact_pair_state *)(const void *)src;
    s->n += other->n;
    s->n_special += other->n_special;
    exact_merge(&s->x, &other->x);
    exact_merge(&s->y, &other->y);
    exact_merge(&s->xx, &other->xx);
    exact_merge(&s->yy, &other->yy);
    exact_merge(&s->xy, &other->xy);
    return LAMINAR_OK;
}
static bool exact_pair_value(enum pair_function function, const struct exact_pair_state *s,
                             double *out)
{
    struct pair_state plain = {.n = s->n,
                               .n_special = s->n_special,
                               .x = exact_value(&s->x),
                               .y = exact_value(&s->y),
                               .xx = exact_value(&s->xx),
                               .yy = exact_value(&s->yy),
                               .xy = exact_value(&s->xy)};
    return pair_value(function, &plain, out);
}
static laminar_status exact_pair_finish(FINISH_ARGS)
{
    enum pair_function function = (enum pair_function)(uintptr_t)agg->data;
    double value = 0;
    FINISH_LOOP(struct exact_pair_state, double, exact_pair_value(function, s, &value), value);
}
static const struct aggregate_kernels exact_pair_kernels = {
    .state_size = sizeof(struct exact_pair_state),
    .state_align = 8,
    .is_retractable = true,
    .is_plain_bytes = true,
    .update = exact_pair_update,
    .combine = exact_pair_combine,
    .finish = exact_pair_finish,
};

/* --- Binding ---------------------------------------------------------------------------------------------------------------------- */

static laminar_status bind_moments(struct aggregate_binding *binding)
{
    if (!agg_want(binding, 0, TYPE(DOUBLE))) return aggregate_mismatch(binding);
    static const struct aggregate_kernels *const pairs[][2] = {
        {&var_samp_kernels, &exact_var_samp_kernels},
        {&var_pop_kernels, &exact_var_pop_kernels},
        {&stddev_samp_kernels, &exact_stddev_samp_kernels},
        {&stddev_pop_kernels, &exact_stddev_pop_kernels}};
    const struct aggregate_kernels *kernels = binding->agg->function->param;
    for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++)
        if (pairs[i][0] == kernels) binding->agg->retract_kernels = pairs[i][1];
    return agg_bound(binding, TYPE(DOUBLE), kernels);
}
static laminar_status bind_pair(struct aggregate_binding *binding)
{
    struct bound_aggregate *agg = binding->agg;
    if (!agg_want(binding, 0, TYPE(DOUBLE)) || !agg_want(binding, 1, TYPE(DOUBLE)))
        return aggregate_mismatch(binding);
    agg->data = agg->function->param;
    bool is_count = (enum pair_function)(uintptr_t)agg->data == REGR_COUNT;
    agg->result_is_nullable = !is_count;
    if (!is_count) agg->retract_kernels = &exact_pair_kernels;
    return agg_bound(binding, is_count ? TYPE(INT64) : TYPE(DOUBLE),
                     is_count ? &pair_count_kernels : &pair_kernels);
}

#define ONE(name, kernels, help)                                                                   \
    {                                                                                              \
        name, name "(x) -> DOUBLE", help, 1, 1, bind_moments, &kernels                             \
    }
#define TWO(name, function, result, help)                                                          \
    {                                                                                              \
        name, name "(y, x) -> " result, help, 2, 2, bind_pair, (void *)function                    \
    }
static const struct aggregate_function functions[] = {
    ONE("var_samp", var_samp_kernels, "Sample variance"),
    ONE("variance", var_samp_kernels, "Same as var_samp"),
    ONE("var", var_samp_kernels, "Same as var_samp"),
    ONE("var_pop", var_pop_kernels, "Population variance"),
    ONE("stddev", stddev_samp_kernels, "Same as stddev_samp"),
    ONE("stddev_samp", stddev_samp_kernels, "Sample standard deviation"),
    ONE("stddev_pop", stddev_pop_kernels, "Population standard deviation"),
    TWO("covar", COVAR_SAMP, "DOUBLE", "Same as covar_samp"),
    TWO("covar_samp", COVAR_SAMP, "DOUBLE", "Sample covariance"),
    TWO("covar_pop", COVAR_POP, "DOUBLE", "Population covariance"),
    TWO("corr", CORR, "DOUBLE", "Correlation coefficient"),
    TWO("regr_slope", REGR_SLOPE, "DOUBLE", "Slope of the least-squares line"),
    TWO("regr_intercept", REGR_INTERCEPT, "DOUBLE", "Where the least-squares line meets x = 0"),
    TWO("regr_r2", REGR_R2, "DOUBLE", "Square of the correlation coefficient"),
    TWO("regr_count", REGR_COUNT, "BIGINT", "Number of rows where neither is null"),
    TWO("regr_avgx", REGR_AVGX, "DOUBLE", "Mean of x"),
    TWO("regr_avgy", REGR_AVGY, "DOUBLE", "Mean of y"),
    TWO("regr_sxx", REGR_SXX, "DOUBLE", "Sum of squares of x around its mean"),
    TWO("regr_syy", REGR_SYY, "DOUBLE", "Sum of squares of y around its mean"),
    TWO("regr_sxy", REGR_SXY, "DOUBLE", "Sum of products around the means"),
};
AGGREGATE_FAMILY(agg_moments, functions);
