/* fn_math.c - mathematical functions over DOUBLE: roots, logarithms, trigonometry, tests; and integer number theory.
 *
 * What has no real value (the root or logarithm of a negative number, asin(2)) is a row error; NaN stays NaN; results too large are
 * infinite. */
#include "function/family.h"
#include <inttypes.h>
#include <math.h>

/* --- DOUBLE -> DOUBLE ---------------------------------------------------------------------------------------------------------- */

#define MATH1(NAME, EXPR)                                                                          \
    static laminar_status NAME##_kernel(KERNEL_ARGS)                                               \
    {                                                                                              \
        const double *a = args[0].data;                                                            \
        double *restrict r = OUT(double, out);                                                     \
        for (size_t i = 0; i < n; i++) {                                                           \
            double x = a[i];                                                                       \
            r[i] = EXPR;                                                                           \
        }                                                                                          \
        return LAMINAR_OK;                                                                         \
    }
/* DOMAIN: where the function is defined (NaN included). */
#define MATH1_DOMAIN(NAME, EXPR, DOMAIN)                                                           \
    static laminar_status NAME##_kernel(KERNEL_ARGS)                                               \
    {                                                                                              \
        const double *a = args[0].data;                                                            \
        double *r = OUT(double, out);                                                              \
        for (size_t i = 0; i < n; i++) {                                                           \
            double x = a[i];                                                                       \
            bool is_defined = DOMAIN;                                                              \
            r[i] = is_defined ? EXPR : 0;                                                          \
            if (unlikely(!is_defined) && column_is_valid(out, i) &&                                \
                eval_fail(env, out, i, "%s(%g) is not defined", fn->name, x))                      \
                return eval_failure(env);                                                          \
        }                                                                                          \
        return LAMINAR_OK;                                                                         \
    }
#define MATH2(NAME, EXPR, DOMAIN)                                                                  \
    static laminar_status NAME##_kernel(KERNEL_ARGS)                                               \
    {                                                                                              \
        double *r = OUT(double, out);                                                              \
        for (size_t i = 0; i < n; i++) {                                                           \
            double x = ROW(double, &args[0], i), y = ROW(double, &args[1], i);                     \
            bool is_defined = DOMAIN;                                                              \
            r[i] = is_defined ? EXPR : 0;                                                          \
            if (unlikely(!is_defined) && column_is_valid(out, i) &&                                \
                eval_fail(env, out, i, "%s(%g, %g) is not defined", fn->name, x, y))               \
                return eval_failure(env);                                                          \
        }                                                                                          \
        return LAMINAR_OK;                                                                         \
    }
#define DEGREES (180 / M_PI)

MATH1_DOMAIN(sqrt, sqrt(x), !(x < 0))
/* glibc's result may be one unit off for perfect cubes; one step of Newton's method puts that right. */
static double cube_root(double x)
{
    double r = cbrt(x);
    return isfinite(r) && r != 0 ? r - (r * r * r - x) / (3 * r * r) : r;
}
MATH1(cbrt, cube_root(x))
MATH1(exp, exp(x))
MATH1_DOMAIN(ln, log(x), !(x <= 0))
MATH1_DOMAIN(log10, log10(x), !(x <= 0))
MATH1_DOMAIN(log2, log2(x), !(x <= 0))
MATH1(sin, sin(x))
MATH1(cos, cos(x))
MATH1(tan, tan(x))
MATH1_DOMAIN(cot, 1 / tan(x), x != 0)
MATH1_DOMAIN(asin, asin(x), !(fabs(x) > 1))
MATH1_DOMAIN(acos, acos(x), !(fabs(x) > 1))
MATH1(atan, atan(x))
MATH1(sinh, sinh(x))
MATH1(cosh, cosh(x))
MATH1(tanh, tanh(x))
MATH1(asinh, asinh(x))
MATH1_DOMAIN(acosh, acosh(x), !(x < 1))
MATH1_DOMAIN(atanh, atanh(x), !(fabs(x) > 1))
MATH1(degrees, x *DEGREES)
MATH1(radians, x / DEGREES)
MATH2(power, pow(x, y), !(x == 0 && y < 0) && !(x < 0 && isfinite(y) && y != trunc(y)))
MATH2(atan2, atan2(x, y), true)
MATH2(log_base, log(y) / log(x), !(x <= 0) && x != 1 && !(y <= 0))
MATH2(nanvl, isnan(x) ? y : x, true)

static laminar_status pi_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) OUT(double, out)[i] = M_PI;
    return LAMINAR_OK;
}

#define FLOAT_TEST(NAME, EXPR)                                                                     \
    static laminar_status NAME##_kernel(KERNEL_ARGS)                                               \
    {                                                                                              \
        const double *a = args[0].data;                                                            \
        for (size_t i = 0; i < n; i++) {                                                           \
            double x = a[i];                                                                       \
            OUT(uint8_t, out)[i] = (uint8_t)((EXPR) != 0);                                         \
        }                                                                                          \
        return LAMINAR_OK;                                                                         \
    }
FLOAT_TEST(isnan, isnan(x))
FLOAT_TEST(isinf, isinf(x))
FLOAT_TEST(isfinite, isfinite(x))
FLOAT_TEST(signbit, signbit(x))

/* --- Integers --------------------------------------------------------------------------------------------------------------------- */

static uint64_t magnitude(int64_t x) { return x < 0 ? 0 - (uint64_t)x : (uint64_t)x; }
static uint64_t greatest_divisor(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static laminar_status gcd_kernel(KERNEL_ARGS)
{
    int64_t *r = OUT(int64_t, out);
    for (size_t i = 0; i < n; i++) {
        int64_t x = ROW(int64_t, &args[0], i), y = ROW(int64_t, &args[1], i);
        uint64_t divisor = greatest_divisor(magnitude(x), magnitude(y));
        r[i] = (int64_t)divisor;
        if (unlikely(divisor > INT64_MAX) && column_is_valid(out, i) &&
            eval_fail(env, out, i, "BIGINT out of range: gcd(%" PRId64 ", %" PRId64 ")", x, y))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}
static laminar_status lcm_kernel(KERNEL_ARGS)
{
    int64_t *r = OUT(int64_t, out);
    for (size_t i = 0; i < n; i++) {
        int64_t x = ROW(int64_t, &args[0], i), y = ROW(int64_t, &args[1], i);
        uint64_t a = magnitude(x), b = magnitude(y), multiple = 0;
        bool is_over = a && b && __builtin_mul_overflow(a / greatest_divisor(a, b), b, &multiple);
        r[i] = (int64_t)multiple;
        if (unlikely(is_over || multiple > INT64_MAX) && column_is_valid(out, i) &&
            eval_fail(env, out, i, "BIGINT out of range: lcm(%" PRId64 ", %" PRId64 ")", x, y))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}
static laminar_status factorial_kernel(KERNEL_ARGS)
{
    enum { LARGEST = 20 };
    const int64_t *a = args[0].data;
    int64_t *r = OUT(int64_t, out);
    for (size_t i = 0; i < n; i++) {
        bool fits = a[i] >= 0 && a[i] <= LARGEST;
        r[i] = 1;
        for (int64_t k = 2; fits && k <= a[i]; k++) r[i] *= k;
        if (unlikely(!fits) && column_is_valid(out, i) &&
            eval_fail(env, out, i,
                      a[i] < 0 ? "factorial(%" PRId64 ") is not defined"
                               : "BIGINT out of range: factorial(%" PRId64 ")",
                      a[i]))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}
static laminar_status bit_count_kernel(KERNEL_ARGS)
{
    const int64_t *a = args[0].data;
    for (size_t i = 0; i < n; i++) OUT(int64_t, out)[i] = __builtin_popcountll((uint64_t)a[i]);
    return LAMINAR_OK;
}

#define D_D(name, kernel, help)                                                                    \
    {                                                                                              \
#name, #name "(x) -> DOUBLE", help, 1, 1, bind_overloads,                                  \
            OVERLOADS({"d:d", kernel##_kernel, FN_STRICT, NULL})                                   \
    }
#define D_D_FAIL(name, kernel, help)                                                               \
    {                                                                                              \
#name, #name "(x) -> DOUBLE", help, 1, 1, bind_overloads,                                  \
            OVERLOADS({"d:d", kernel##_kernel, FN_STRICT | FN_FALLIBLE, NULL})                     \
    }
#define B_D(name, kernel, help)                                                                    \
    {                                                                                              \
#name, #name "(x) -> BOOLEAN", help, 1, 1, bind_overloads,                                 \
            OVERLOADS({"b:d", kernel##_kernel, FN_STRICT, NULL})                                   \
    }

static const struct scalar_function functions[] = {
    D_D_FAIL(sqrt, sqrt, "Square root"),
    D_D(cbrt, cbrt, "Cube root"),
    D_D(exp, exp, "e to the power of x"),
    D_D_FAIL(ln, ln, "Natural logarithm"),
    {"log", "log(x) or log(base, x) -> DOUBLE", "Logarithm to base 10, or another", 1, 2,
     bind_overloads,
     OVERLOADS({"d:d", log10_kernel, FN_STRICT | FN_FALLIBLE, NULL},
               {"d:dd", log_base_kernel, FN_STRICT | FN_FALLIBLE, NULL})},
    D_D_FAIL(log10, log10, "Logarithm to base 10"),
    D_D_FAIL(log2, log2, "Logarithm to base 2"),
    D_D(sin, sin, "Sine of an angle in radians"),
    D_D(cos, cos, "Cosine of an angle in radians"),
    D_D(tan, tan, "Tangent of an angle in radians"),
    D_D_FAIL(cot, cot, "Cotangent of an angle in radians"),
    D_D_FAIL(asin, asin, "Arc sine, in radians"),
    D_D_FAIL(acos, acos, "Arc cosine, in radians"),
    D_D(atan, atan, "Arc tangent, in radians"),
    D_D(sinh, sinh, "Hyperbolic sine"),
    D_D(cosh, cosh, "Hyperbolic cosine"),
    D_D(tanh, tanh, "Hyperbolic tangent"),
    D_D(asinh, asinh, "Inverse hyperbolic sine"),
    D_D_FAIL(acosh, acosh, "Inverse hyperbolic cosine"),
    D_D_FAIL(atanh, atanh, "Inverse hyperbolic tangent"),
    D_D(degrees, degrees, "Radians to degrees"),
    D_D(radians, radians, "Degrees to radians"),
    {"atan2", "atan2(y, x) -> DOUBLE", "Angle of the point (x, y), in radians", 2, 2,
     bind_overloads, OVERLOADS({"d:dd", atan2_kernel, FN_STRICT, NULL})},
    {"power", "power(x, y) -> DOUBLE", "x to the power of y", 2, 2, bind_overloads,
     OVERLOADS({"d:dd", power_kernel, FN_STRICT | FN_FALLIBLE, NULL})},
    {"pow", "pow(x, y) -> DOUBLE", "Same as power", 2, 2, bind_overloads,
     OVERLOADS({"d:dd", power_kernel, FN_STRICT | FN_FALLIBLE, NULL})},
    {"^", "x ^ y -> DOUBLE", "x to the power of y", 2, 2, bind_overloads,
     OVERLOADS({"d:dd", power_kernel, FN_STRICT | FN_FALLIBLE, NULL})},
    {"pi", "pi() -> DOUBLE", "3.14159...", 0, 0, bind_overloads,
     OVERLOADS({"d:", pi_kernel, FN_STRICT, NULL})},
    {"nanvl", "nanvl(x, y) -> DOUBLE", "y where x is NaN, else x", 2, 2, bind_overloads,
     OVERLOADS({"d:dd", nanvl_kernel, FN_STRICT, NULL})},
    B_D(isnan, isnan, "True for NaN"),
    B_D(isinf, isinf, "True for infinities"),
    B_D(isfinite, isfinite, "True for what is neither infinite nor NaN"),
    B_D(signbit, signbit, "True for negative numbers and -0.0"),
    {"gcd", "gcd(a, b) -> BIGINT", "Greatest common divisor", 2, 2, bind_overloads,
     OVERLOADS({"l:ll", gcd_kernel, FN_STRICT | FN_FALLIBLE, NULL})},
    {"lcm", "lcm(a, b) -> BIGINT", "Least common multiple", 2, 2, bind_overloads,
     OVERLOADS({"l:ll", lcm_kernel, FN_STRICT | FN_FALLIBLE, NULL})},
    {"factorial", "factorial(n) -> BIGINT", "n!", 1, 1, bind_overloads,
     OVERLOADS({"l:l", factorial_kernel, FN_STRICT | FN_FALLIBLE, NULL})},
    {"bit_count", "bit_count(n) -> BIGINT", "Number of bits set", 1, 1, bind_overloads,
     OVERLOADS({"l:l", bit_count_kernel, FN_STRICT, NULL})},
};
SCALAR_FAMILY(math, functions);
