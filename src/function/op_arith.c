/* op_arith.c - + - * / % and unary minus over integers and floating point numbers.
 *
 * Each kernel is a branch-free loop, in three shapes (column-column, column-constant, constant-column), compiled per instruction set.
 * Overflow is found by or-ing a flag over all rows; only when it is set does a second, scalar loop look for the rows, which also sorts out
 * false alarms (values under nulls). Integer division truncates; a zero divisor is an error, for floating point numbers too.
 * Cost, 64-bit add in cache: 0.35 ns a row. */
#include "function/op_arith.h"
#include <inttypes.h>
#include <math.h>

KERNEL_FILE

/* X(name, type, unsigned type, wider type, is signed) */
#define SMALL_SIGNED(X)                                                                            \
    X(i8, int8_t, uint8_t, int16_t)                                                                \
    X(i16, int16_t, uint16_t, int32_t) X(i32, int32_t, uint32_t, int64_t)
#define SMALL_UNSIGNED(X)                                                                          \
    X(u8, uint8_t, uint8_t, uint16_t)                                                              \
    X(u16, uint16_t, uint16_t, uint32_t) X(u32, uint32_t, uint32_t, uint64_t)

bool overflow_fail_i64(struct eval_env *env, struct column *out, size_t row, int64_t a,
                       const char *op, int64_t b)
{
    return eval_fail(env, out, row, "%s out of range: %" PRId64 " %s %" PRId64,
                     TYPE_TEXT(out->vec.type), a, op, b);
}
bool overflow_fail_u64(struct eval_env *env, struct column *out, size_t row, uint64_t a,
                       const char *op, uint64_t b)
{
    return eval_fail(env, out, row, "%s out of range: %" PRIu64 " %s %" PRIu64,
                     TYPE_TEXT(out->vec.type), a, op, b);
}
bool zero_fail(struct eval_env *env, struct column *out, size_t row)
{
    return eval_fail(env, out, row, "division by zero");
}

/* The kernel of one operator and type: FN is the loop (a, stride a, b, stride b, r, n) -> flag, ROWS what to do when the flag is up. */
#define BINARY_KERNEL(FN, T, ROWS)                                                                 \
    MULTI_TARGET static bool FN##_vv(const T *a, const T *b, T *restrict r, size_t n)              \
    {                                                                                              \
        return FN(a, 1, b, 1, r, n);                                                               \
    }                                                                                              \
    MULTI_TARGET static bool FN##_vc(const T *a, const T *b, T *restrict r, size_t n)              \
    {                                                                                              \
        return FN(a, 1, b, 0, r, n);                                                               \
    }                                                                                              \
    MULTI_TARGET static bool FN##_cv(const T *a, const T *b, T *restrict r, size_t n)              \
    {                                                                                              \
        return FN(a, 0, b, 1, r, n);                                                               \
    }                                                                                              \
    static laminar_status FN##_kernel(KERNEL_ARGS)                                                 \
    {                                                                                              \
        const T *a = args[0].data, *b = args[1].data;                                              \
        T *r = OUT(T, out);                                                                        \
        bool flag = args[0].shape == args[1].shape ? FN##_vv(a, b, r, n)                           \
                    : args[1].shape == VEC_CONST   ? FN##_vc(a, b, r, n)                           \
                                                   : FN##_cv(a, b, r, n);                            \
        return likely(!flag) ? LAMINAR_OK : ROWS(env, args, n, out);                               \
    }

/* Where an operator can't fail the flag is constant false and this is never called. */
static laminar_status no_rows(unused struct eval_env *env, unused const struct vector *args,
                              unused size_t n, unused struct column *out)
{
    return LAMINAR_OK;
}

/* The second loop: every valid row again, with a checked operation. */
#define CHECKED_ROWS(NAME, T, CHECKED, FAIL, OP)                                                   \
    static never_inline laminar_status NAME(struct eval_env *env, const struct vector *args,       \
                                            size_t n, struct column *out)                          \
    {                                                                                              \
        T *r = OUT(T, out);                                                                        \
        for (size_t i = 0; i < n; i++) {                                                           \
            T x = ROW(T, &args[0], i), y = ROW(T, &args[1], i);                                    \
            if (!column_is_valid(out, i)) continue;                                                \
            if (unlikely(CHECKED(x, y, &r[i])) && FAIL(env, out, i, x, OP, y))                     \
                return eval_failure(env);                                                          \
        }                                                                                          \
        return LAMINAR_OK;                                                                         \
    }
#define ZERO_ROWS(NAME, T)                                                                         \
    static never_inline laminar_status NAME(struct eval_env *env, const struct vector *args,       \
                                            size_t n, struct column *out)                          \
    {                                                                                              \
        for (size_t i = 0; i < n; i++)                                                             \
            if (ROW(T, &args[1], i) == 0 && column_is_valid(out, i) && zero_fail(env, out, i))     \
                return eval_failure(env);                                                          \
        return LAMINAR_OK;                                                                         \
    }

/* --- + and - --------------------------------------------------------------------------------------------------------- */

#define SIGN_SHIFT(T) (sizeof(T) * 8 - 1)

#define SIGNED_ADD(N, T, U)                                                                        \
    static always_inline bool add_##N(const T *a, size_t sa, const T *b, size_t sb, T *restrict r, \
                                      size_t n)                                                    \
    {                                                                                              \
        U flags = 0;                                                                               \
        for (size_t i = 0; i < n; i++) {                                                           \
            U x = (U)a[i * sa], y = (U)b[i * sb], z = (U)(x + y);                                  \
            flags = (U)(flags | ((x ^ z) & (y ^ z)));                                              \
            r[i] = (T)z;                                                                           \
        }                                                                                          \
        return flags >> SIGN_SHIFT(T);                                                             \
    }                                                                                              \
    static always_inline bool subtract_##N(const T *a, size_t sa, const T *b, size_t sb,           \
                                           T *restrict r, size_t n)                                \
    {                                                                                              \
        U flags = 0;                                                                               \
        for (size_t i = 0; i < n; i++) {                                                           \
            U x = (U)a[i * sa], y = (U)b[i * sb], z = (U)(x - y);                                  \
            flags = (U)(flags | ((x ^ y) & (x ^ z)));                                              \
            r[i] = (T)z;                                                                           \
        }                                                                                          \
        return flags >> SIGN_SHIFT(T);                                                             \
    }
#define UNSIGNED_ADD(N, T, U)                                                                      \
    static always_inline bool add_##N(const T *a, size_t sa, const T *b, size_t sb, T *restrict r, \
                                      size_t n)                                                    \
    {                                                                                              \
        T flags = 0;                                                                               \
        for (size_t i = 0; i < n; i++) {                                                           \
            T x = a[i * sa], y = b[i * sb], z = (T)(x + y);                                        \
            flags = (T)(flags | ((x & y) | ((x | y) & ~z)));                                       \
            r[i] = z;                                                                              \
        }                                                                                          \
        return flags >> SIGN_SHIFT(T);                                                             \
    }                                                                                              \
    static always_inline bool subtract_##N(const T *a, size_t sa, const T *b, size_t sb,           \
                                           T *restrict r, size_t n)                                \
    {                                                                                              \
        T flags = 0;                                                                               \
        for (size_t i = 0; i < n; i++) {                                                           \
            T x = a[i * sa], y = b[i * sb], z = (T)(x - y);                                        \
            flags = (T)(flags | ((~x & y) | ((~x | y) & z)));                                      \
            r[i] = z;                                                                              \
        }                                                                                          \
        return flags >> SIGN_SHIFT(T);                                                             \
    }
#define ADD_KERNELS(N, T, FAIL)                                                                    \
    CHECKED_ROWS(add_##N##_rows, T, __builtin_add_overflow, FAIL, "+")                             \
    CHECKED_ROWS(subtract_##N##_rows, T, __builtin_sub_overflow, FAIL, "-")                        \
    BINARY_KERNEL(add_##N, T, add_##N##_rows)                                                      \
    BINARY_KERNEL(subtract_##N, T, subtract_##N##_rows)

#define SIGNED_ADD_KERNELS(N, T, U, W) SIGNED_ADD(N, T, U) ADD_KERNELS(N, T, overflow_fail_i64)
#define UNSIGNED_ADD_KERNELS(N, T, U, W) UNSIGNED_ADD(N, T, U) ADD_KERNELS(N, T, overflow_fail_u64)
SMALL_SIGNED(SIGNED_ADD_KERNELS)
SIGNED_ADD_KERNELS(i64, int64_t, uint64_t, int64_t)
SMALL_UNSIGNED(UNSIGNED_ADD_KERNELS)
UNSIGNED_ADD_KERNELS(u64, uint64_t, uint64_t, uint64_t)

/* --- * --------------------------------------------------------------------------------------------------------------- */

#define SMALL_MULTIPLY(N, T, W, FAIL)                                                              \
    static always_inline bool multiply_##N(const T *a, size_t sa, const T *b, size_t sb,           \
                                           T *restrict r, size_t n)                                \
    {                                                                                              \
        W flags = 0;                                                                               \
        for (size_t i = 0; i < n; i++) {                                                           \
            W z = (W)((W)a[i * sa] * (W)b[i * sb]);                                                \
            flags = (W)(flags | (z ^ (W)(T)z));                                                    \
            r[i] = (T)z;                                                                           \
        }                                                                                          \
        return flags != 0;                                                                         \
    }                                                                                              \
    CHECKED_ROWS(multiply_##N##_rows, T, __builtin_mul_overflow, FAIL, "*")                        \
    BINARY_KERNEL(multiply_##N, T, multiply_##N##_rows)
#define SIGNED_MULTIPLY(N, T, U, W) SMALL_MULTIPLY(N, T, W, overflow_fail_i64)
#define UNSIGNED_MULTIPLY(N, T, U, W) SMALL_MULTIPLY(N, T, W, overflow_fail_u64)
SMALL_SIGNED(SIGNED_MULTIPLY)
SMALL_UNSIGNED(UNSIGNED_MULTIPLY)

/* 64 bits have no wider type that vectorises: products of factors below 2^31 are safe (a constant factor c: of |x| <= max/|c|), anything
 * else goes to the checked loop. */
static always_inline bool multiply_i64(const int64_t *a, size_t sa, const int64_t *b, size_t sb,
                                       int64_t *restrict r, size_t n)
{
    if (sa != sb) {
        int64_t c = sa ? b[0] : a[0];
        const int64_t *v = sa ? a : b;
        uint64_t magnitude = c < 0 ? 0 - (uint64_t)c : (uint64_t)c;
        uint64_t limit = magnitude ? (uint64_t)INT64_MAX / magnitude : (uint64_t)INT64_MAX;
        uint64_t flags = 0;
        for (size_t i = 0; i < n; i++) {
            uint64_t x = (uint64_t)v[i];
            flags |= (x + limit) > 2 * limit;
            r[i] = (int64_t)(x * (uint64_t)c);
        }
        return flags;
    }
    uint64_t flags = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t x = a[i * sa], y = b[i * sb];
        flags |= (uint64_t)((x ^ (x >> 63)) | (y ^ (y >> 63)));
        r[i] = (int64_t)((uint64_t)x * (uint64_t)y);
    }
    return flags >> 31;
}
CHECKED_ROWS(multiply_i64_rows, int64_t, __builtin_mul_overflow, overflow_fail_i64, "*")
BINARY_KERNEL(multiply_i64, int64_t, multiply_i64_rows)

static always_inline bool multiply_u64(const uint64_t *a, size_t sa, const uint64_t *b, size_t sb,
                                       uint64_t *restrict r, size_t n)
{
    uint64_t flags = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t x = a[i * sa], y = b[i * sb];
        flags |= x | y;
        r[i] = x * y;
    }
    return flags >> 32;
}
CHECKED_ROWS(multiply_u64_rows, uint64_t, __builtin_mul_overflow, overflow_fail_u64, "*")
BINARY_KERNEL(multiply_u64, uint64_t, multiply_u64_rows)

/* --- / and % of integers ------------------------------------------------------------------------------------------------ */
/* A divisor of 0 or -1 is replaced by 1 (both would trap, for the least dividend) and the result put right. */

#define SIGNED_DIVIDE(N, T, U, W)                                                                  \
    static always_inline bool divide_##N(const T *a, size_t sa, const T *b, size_t sb,             \
                                         T *restrict r, size_t n)                                  \
    {                                                                                              \
        bool flag = false;                                                                         \
        for (size_t i = 0; i < n; i++) {                                                           \
            T x = a[i * sa], y = b[i * sb];                                                        \
            T quotient = (T)(x / (((y == 0) | (y == -1)) ? (T)1 : y));                             \
            flag |= (y == 0) |                                                                     \
                    ((y == -1) & (quotient < 0) & ((U)quotient == (U)(0 - (U)quotient)));          \
            r[i] = y == -1 ? (T)(0 - (U)quotient) : quotient;                                      \
        }                                                                                          \
        return flag;                                                                               \
    }                                                                                              \
    static always_inline bool modulo_##N(const T *a, size_t sa, const T *b, size_t sb,             \
                                         T *restrict r, size_t n)                                  \
    {                                                                                              \
        bool flag = false;                                                                         \
        for (size_t i = 0; i < n; i++) {                                                           \
            T x = a[i * sa], y = b[i * sb];                                                        \
            flag |= y == 0;                                                                        \
            r[i] = (T)(x % (((y == 0) | (y == -1)) ? (T)1 : y));                                   \
        }                                                                                          \
        return flag;                                                                               \
    }                                                                                              \
    static never_inline laminar_status divide_##N##_rows(                                          \
        struct eval_env *env, const struct vector *args, size_t n, struct column *out)             \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) {                                                           \
            T x = ROW(T, &args[0], i), y = ROW(T, &args[1], i);                                    \
            if (!column_is_valid(out, i)) continue;                                                \
            if (y == 0 && zero_fail(env, out, i)) return eval_failure(env);                        \
            if (y == -1 && x < 0 && (U)x == (U)(0 - (U)x) &&                                       \
                overflow_fail_i64(env, out, i, x, "/", y))                                         \
                return eval_failure(env);                                                          \
        }                                                                                          \
        return LAMINAR_OK;                                                                         \
    }                                                                                              \
    ZERO_ROWS(modulo_##N##_rows, T)                                                                \
    BINARY_KERNEL(divide_##N, T, divide_##N##_rows)                                                \
    BINARY_KERNEL(modulo_##N, T, modulo_##N##_rows)
SMALL_SIGNED(SIGNED_DIVIDE)

#define UNSIGNED_DIVIDE(N, T, U, W)                                                                \
    static always_inline bool divide_##N(const T *a, size_t sa, const T *b, size_t sb,             \
                                         T *restrict r, size_t n)                                  \
    {                                                                                              \
        bool flag = false;                                                                         \
        for (size_t i = 0; i < n; i++) {                                                           \
            T y = b[i * sb];                                                                       \
            flag |= y == 0;                                                                        \
            r[i] = (T)(a[i * sa] / (y ? y : (T)1));                                                \
        }                                                                                          \
        return flag;                                                                               \
    }                                                                                              \
    static always_inline bool modulo_##N(const T *a, size_t sa, const T *b, size_t sb,             \
                                         T *restrict r, size_t n)                                  \
    {                                                                                              \
        bool flag = false;                                                                         \
        for (size_t i = 0; i < n; i++) {                                                           \
            T y = b[i * sb];                                                                       \
            flag |= y == 0;                                                                        \
            r[i] = (T)(a[i * sa] % (y ? y : (T)1));                                                \
        }                                                                                          \
        return flag;                                                                               \
    }                                                                                              \
    ZERO_ROWS(modulo_##N##_rows, T)                                                                \
    BINARY_KERNEL(divide_##N, T, modulo_##N##_rows)                                                \
    BINARY_KERNEL(modulo_##N, T, modulo_##N##_rows)
SMALL_UNSIGNED(UNSIGNED_DIVIDE)
UNSIGNED_DIVIDE(u64, uint64_t, uint64_t, uint64_t)

/* 64 bits: the machine's division takes 20 cycles and does not vectorise. While both sides are below 2^51, the floating point quotient, cut off, is
 * exact: a quotient that isn't whole is further below the next whole number than rounding can carry it. 8 ns become 1. */
#define EXACT_MAX ((uint64_t)1 << 51)
static always_inline bool divide_i64(const int64_t *a, size_t sa, const int64_t *b, size_t sb,
                                     int64_t *restrict r, size_t n)
{
    uint64_t flags = 0, zeros = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t x = a[i * sa], y = b[i * sb], zero = -(int64_t)(y == 0);
        flags |= (uint64_t)((x ^ (x >> 63)) | (y ^ (y >> 63)));
        zeros |= (uint64_t)zero;
        x &= -(
            int64_t)((uint64_t)x + EXACT_MAX <
                     2 * EXACT_MAX); /* the quotient of what is too large must not leave 64 bits */
        r[i] = (int64_t)((double)x / (double)(y - zero));
    }
    return (flags >= EXACT_MAX) | (zeros != 0);
}
static always_inline bool modulo_i64(const int64_t *a, size_t sa, const int64_t *b, size_t sb,
                                     int64_t *restrict r, size_t n)
{
    uint64_t flags = 0, zeros = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t x = a[i * sa], y = b[i * sb], zero = -(int64_t)(y == 0);
        flags |= (uint64_t)((x ^ (x >> 63)) | (y ^ (y >> 63)));
        zeros |= (uint64_t)zero;
        x &= -(int64_t)((uint64_t)x + EXACT_MAX < 2 * EXACT_MAX);
        int64_t quotient = (int64_t)((double)x / (double)(y - zero));
        r[i] = (int64_t)((uint64_t)x - (uint64_t)quotient * (uint64_t)y);
    }
    return (flags >= EXACT_MAX) | (zeros != 0);
}
static never_inline laminar_status divide_i64_rows(struct eval_env *env, const struct vector *args,
                                                   size_t n, struct column *out)
{
    int64_t *r = OUT(int64_t, out);
    for (size_t i = 0; i < n; i++) {
        int64_t x = ROW(int64_t, &args[0], i), y = ROW(int64_t, &args[1], i);
        r[i] = y == 0 ? 0 : y == -1 ? (int64_t)(0 - (uint64_t)x) : x / y;
        if ((y != 0 && !(y == -1 && x == INT64_MIN)) || !column_is_valid(out, i)) continue;
        if (y == 0 ? zero_fail(env, out, i) : overflow_fail_i64(env, out, i, x, "/", y))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}
static never_inline laminar_status modulo_i64_rows(struct eval_env *env, const struct vector *args,
                                                   size_t n, struct column *out)
{
    int64_t *r = OUT(int64_t, out);
    for (size_t i = 0; i < n; i++) {
        int64_t x = ROW(int64_t, &args[0], i), y = ROW(int64_t, &args[1], i);
        r[i] = y == 0 || y == -1 ? 0 : x % y;
        if (y == 0 && column_is_valid(out, i) && zero_fail(env, out, i)) return eval_failure(env);
    }
    return LAMINAR_OK;
}
BINARY_KERNEL(divide_i64, int64_t, divide_i64_rows)
BINARY_KERNEL(modulo_i64, int64_t, modulo_i64_rows)

/* --- Floating point ------------------------------------------------------------------------------------------------------- */

#define FLOAT_LOOP(NAME, T, EXPR)                                                                  \
    static always_inline bool NAME(const T *a, size_t sa, const T *b, size_t sb, T *restrict r,    \
                                   size_t n)                                                       \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) {                                                           \
            T x = a[i * sa], y = b[i * sb];                                                        \
            r[i] = EXPR;                                                                           \
        }                                                                                          \
        return false;                                                                              \
    }                                                                                              \
    BINARY_KERNEL(NAME, T, no_rows)
#define FLOAT_DIVIDE(NAME, T, I, EXPR)                                                             \
    static always_inline bool NAME(const T *a, size_t sa, const T *b, size_t sb, T *restrict r,    \
                                   size_t n)                                                       \
    {                                                                                              \
        I flag = 0;                                                                                \
        for (size_t i = 0; i < n; i++) {                                                           \
            T x = a[i * sa], y = b[i * sb];                                                        \
            flag |= (I)(y == 0);                                                                   \
            r[i] = EXPR;                                                                           \
        }                                                                                          \
        return flag;                                                                               \
    }                                                                                              \
    ZERO_ROWS(NAME##_rows, T)                                                                      \
    BINARY_KERNEL(NAME, T, NAME##_rows)
FLOAT_LOOP(add_f32, float, x + y)
FLOAT_LOOP(subtract_f32, float, x - y)
FLOAT_LOOP(multiply_f32, float, x *y)
FLOAT_DIVIDE(divide_f32, float, int32_t, x / y)
FLOAT_DIVIDE(modulo_f32, float, int32_t, fmodf(x, y))
FLOAT_LOOP(add_f64, double, x + y)
FLOAT_LOOP(subtract_f64, double, x - y)
FLOAT_LOOP(multiply_f64, double, x *y)
FLOAT_DIVIDE(divide_f64, double, int64_t, x / y)
FLOAT_DIVIDE(modulo_f64, double, int64_t, fmod(x, y))

/* --- Unary minus ------------------------------------------------------------------------------------------------------------ */

#define SIGNED_NEGATE(N, T, U, W)                                                                  \
    MULTI_TARGET static bool negate_##N(const T *restrict a, T *restrict r, size_t n)              \
    {                                                                                              \
        U flags = 0;                                                                               \
        for (size_t i = 0; i < n; i++) {                                                           \
            U x = (U)a[i], z = (U)(0 - x);                                                         \
            flags = (U)(flags | (x & z));                                                          \
            r[i] = (T)z;                                                                           \
        }                                                                                          \
        return flags >> SIGN_SHIFT(T);                                                             \
    }                                                                                              \
    static laminar_status negate_##N##_kernel(KERNEL_ARGS)                                         \
    {                                                                                              \
        const T *a = args[0].data;                                                                 \
        if (likely(!negate_##N(a, OUT(T, out), n))) return LAMINAR_OK;                             \
        for (size_t i = 0; i < n; i++) {                                                           \
            if (a[i] < 0 && (U)a[i] == (U)(0 - (U)a[i]) && column_is_valid(out, i) &&              \
                overflow_fail_i64(env, out, i, 0, "-", a[i]))                                      \
                return eval_failure(env);                                                          \
        }                                                                                          \
        return LAMINAR_OK;                                                                         \
    }
SMALL_SIGNED(SIGNED_NEGATE)
SIGNED_NEGATE(i64, int64_t, uint64_t, int64_t)

#define FLOAT_NEGATE(N, T)                                                                         \
    MULTI_TARGET static void negate_##N(const T *restrict a, T *restrict r, size_t n)              \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) r[i] = -a[i];                                               \
    }                                                                                              \
    static laminar_status negate_##N##_kernel(KERNEL_ARGS)                                         \
    {                                                                                              \
        negate_##N(args[0].data, OUT(T, out), n);                                                  \
        return LAMINAR_OK;                                                                         \
    }
FLOAT_NEGATE(f32, float)
FLOAT_NEGATE(f64, double)

/* --- Binding ------------------------------------------------------------------------------------------------------------------ */

#define KERNELS_BY_TYPE(op)                                                                        \
    {                                                                                              \
        [PHYS_I8] = op##_i8_kernel, [PHYS_I16] = op##_i16_kernel, [PHYS_I32] = op##_i32_kernel,    \
        [PHYS_I64] = op##_i64_kernel, [PHYS_U8] = op##_u8_kernel, [PHYS_U16] = op##_u16_kernel,    \
        [PHYS_U32] = op##_u32_kernel, [PHYS_U64] = op##_u64_kernel, [PHYS_F32] = op##_f32_kernel,  \
        [PHYS_F64] = op##_f64_kernel                                                               \
    }
static const scalar_kernel arith_kernels[][PHYS_F64 + 1] = {
    [ARITH_ADD] = KERNELS_BY_TYPE(add),           [ARITH_SUBTRACT] = KERNELS_BY_TYPE(subtract),
    [ARITH_MULTIPLY] = KERNELS_BY_TYPE(multiply), [ARITH_DIVIDE] = KERNELS_BY_TYPE(divide),
    [ARITH_MODULO] = KERNELS_BY_TYPE(modulo),
};

static bool is_number_or_null(struct data_type t)
{
    return type_is_numeric(t) || t.id == LAMINAR_TYPE_NULL;
}

/* A literal string takes the other side's type: '5' + x. */
static void adapt_literals(struct function_binding *binding)
{
    struct data_type *types = binding->fn->arg_types;
    for (uint32_t i = 0; i < 2; i++)
        if (binding_is_string_literal(binding, i) && !binding_is_string_literal(binding, 1 - i) &&
            type_is_numeric(types[1 - i]))
            types[i] = types[1 - i];
}

static laminar_status bind_arith(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    enum arith_op op = (enum arith_op)(uintptr_t)fn->function->param;
    adapt_literals(binding);
    struct data_type a = fn->arg_types[0], b = fn->arg_types[1], common;
    if (!is_number_or_null(a) || !is_number_or_null(b)) return bind_temporal_arith(binding, op);
    if (!type_common(a, b, &common)) return bind_mismatch(binding);
    if (common.id == LAMINAR_TYPE_NULL) common = TYPE(INT64);
    if (common.id == LAMINAR_TYPE_DECIMAL && op == ARITH_DIVIDE) common = TYPE(DOUBLE);
    if (common.id == LAMINAR_TYPE_DECIMAL) return bind_decimal_arith(binding, op);
    fn->arg_types[0] = fn->arg_types[1] = fn->result = common;
    fn->kernel = arith_kernels[op][type_phys(common)];
    bool is_fallible = type_is_integer(common) || op == ARITH_DIVIDE || op == ARITH_MODULO;
    fn->flags = FN_STRICT | (is_fallible ? FN_FALLIBLE : 0);
    return LAMINAR_OK;
}

static laminar_status bind_negate(struct function_binding *binding)
{
    static const scalar_kernel kernels[PHYS_F64 + 1] = {
        [PHYS_I8] = negate_i8_kernel,   [PHYS_I16] = negate_i16_kernel,
        [PHYS_I32] = negate_i32_kernel, [PHYS_I64] = negate_i64_kernel,
        [PHYS_F32] = negate_f32_kernel, [PHYS_F64] = negate_f64_kernel,
    };
    struct bound_function *fn = binding->fn;
    struct data_type t = fn->arg_types[0];
    if (t.id == LAMINAR_TYPE_INTERVAL) return bind_interval_negate(binding);
    if (t.id == LAMINAR_TYPE_NULL) t = TYPE(INT64);
    if (type_is_unsigned(t) && !type_common(t, TYPE(INT8), &t)) return bind_mismatch(binding);
    fn->arg_types[0] = t;
    if (t.id == LAMINAR_TYPE_DECIMAL) return bind_decimal_negate(binding);
    if (!type_is_numeric(t)) return bind_mismatch(binding);
    fn->result = t;
    fn->kernel = kernels[type_phys(t)];
    fn->flags = FN_STRICT | (type_is_integer(t) ? FN_FALLIBLE : 0);
    return LAMINAR_OK;
}

static const struct scalar_function functions[] = {
    {"+", "a + b", "Sum of numbers; a date or time plus an interval or days", 2, 2, bind_arith,
     (void *)ARITH_ADD},
    {"-", "a - b", "Difference of numbers, times, dates", 2, 2, bind_arith, (void *)ARITH_SUBTRACT},
    {"*", "a * b", "Product of numbers; interval times number", 2, 2, bind_arith,
     (void *)ARITH_MULTIPLY},
    {"/", "a / b", "Quotient; of integers truncated towards zero", 2, 2, bind_arith,
     (void *)ARITH_DIVIDE},
    {"%", "a % b", "Rest of the division, with the sign of a", 2, 2, bind_arith,
     (void *)ARITH_MODULO},
    {"mod", "mod(a, b)", "Same as a % b", 2, 2, bind_arith, (void *)ARITH_MODULO},
    {"negate", "- a", "The number or interval with the other sign", 1, 1, bind_negate, NULL},
};
SCALAR_FAMILY(operators_arith, functions);
