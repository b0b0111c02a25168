/* fn_round.c - abs, sign, ceil, floor, round, trunc over all numbers.
 *
 * Integers stay as they are, DOUBLE and REAL keep their type, a DECIMAL loses its places (ceil, floor, round, trunc) or is rounded to some. Halves
 * round away from zero. */
#include "function/family.h"
#include <math.h>

KERNEL_FILE

enum round_op { ROUND_CEIL, ROUND_FLOOR, ROUND_HALF, ROUND_TRUNC };

/* --- abs and sign ---------------------------------------------------------------------------------------------------------------- */

#define SIGNED_ABS(N, T, U)                                                                        \
    static laminar_status abs_##N(KERNEL_ARGS)                                                     \
    {                                                                                              \
        const T *a = args[0].data;                                                                 \
        T *r = OUT(T, out);                                                                        \
        U flags = 0;                                                                               \
        for (size_t i = 0; i < n; i++) {                                                           \
            U mask = (U)(a[i] < 0 ? -1 : 0), z = (U)(((U)a[i] ^ mask) - mask);                     \
            flags = (U)(flags | z);                                                                \
            r[i] = (T)z;                                                                           \
        }                                                                                          \
        if (likely(!(flags >> (sizeof(T) * 8 - 1)))) return LAMINAR_OK;                            \
        for (size_t i = 0; i < n; i++)                                                             \
            if (r[i] < 0 && column_is_valid(out, i) &&                                             \
                eval_fail(env, out, i, "%s out of range: abs(%lld)", TYPE_TEXT(fn->result),        \
                          (long long)a[i]))                                                        \
                return eval_failure(env);                                                          \
        return LAMINAR_OK;                                                                         \
    }                                                                                              \
    SIGN(N, T)
#define SIGN(N, T)                                                                                 \
    static laminar_status sign_##N(KERNEL_ARGS)                                                    \
    {                                                                                              \
        const T *a = args[0].data;                                                                 \
        for (size_t i = 0; i < n; i++) OUT(T, out)[i] = (T)((a[i] > 0) - (a[i] < 0));              \
        return LAMINAR_OK;                                                                         \
    }
SIGNED_ABS(i8, int8_t, uint8_t)
SIGNED_ABS(i16, int16_t, uint16_t)
SIGNED_ABS(i32, int32_t, uint32_t)
SIGNED_ABS(i64, int64_t, uint64_t)
#define UNSIGNED_SIGN(N, T)                                                                        \
    static laminar_status sign_##N(KERNEL_ARGS)                                                    \
    {                                                                                              \
        const T *a = args[0].data;                                                                 \
        for (size_t i = 0; i < n; i++) OUT(T, out)[i] = a[i] != 0;                                 \
        return LAMINAR_OK;                                                                         \
    }
UNSIGNED_SIGN(u8, uint8_t)
UNSIGNED_SIGN(u16, uint16_t)
UNSIGNED_SIGN(u32, uint32_t)
UNSIGNED_SIGN(u64, uint64_t)

#define FLOAT_ABS(N, T, FABS)                                                                      \
    static laminar_status abs_##N(KERNEL_ARGS)                                                     \
    {                                                                                              \
        const T *a = args[0].data;                                                                 \
        for (size_t i = 0; i < n; i++) OUT(T, out)[i] = FABS(a[i]);                                \
        return LAMINAR_OK;                                                                         \
    }                                                                                              \
    static laminar_status sign_##N(KERNEL_ARGS)                                                    \
    {                                                                                              \
        const T *a = args[0].data;                                                                 \
        for (size_t i = 0; i < n; i++)                                                             \
            OUT(T, out)[i] = isnan(a[i]) ? a[i] : (T)((a[i] > 0) - (a[i] < 0));                    \
        return LAMINAR_OK;                                                                         \
    }
FLOAT_ABS(f32, float, fabsf)
FLOAT_ABS(f64, double, fabs)

static laminar_status abs_decimal(KERNEL_ARGS)
{
    const int128 *a = args[0].data;
    for (size_t i = 0; i < n; i++) OUT(int128, out)[i] = a[i] < 0 ? -a[i] : a[i];
    return LAMINAR_OK;
}
static laminar_status sign_decimal(KERNEL_ARGS)
{
    const int128 *a = args[0].data;
    int128 one = pow10_table[fn->result.scale];
    for (size_t i = 0; i < n; i++) OUT(int128, out)[i] = a[i] > 0 ? one : a[i] < 0 ? -one : 0;
    return LAMINAR_OK;
}
/* Nothing to do. */
static laminar_status same_kernel(KERNEL_ARGS)
{
    size_t width = type_width(fn->result);
    if (n) memcpy(out->vec.data, args[0].data, n * width);
    return LAMINAR_OK;
}

static laminar_status bind_abs_sign(struct function_binding *binding)
{
    static const scalar_kernel kernels[2][PHYS_I128 + 1] = {
        {[PHYS_I8] = abs_i8,
         [PHYS_I16] = abs_i16,
         [PHYS_I32] = abs_i32,
         [PHYS_I64] = abs_i64,
         [PHYS_U8] = same_kernel,
         [PHYS_U16] = same_kernel,
         [PHYS_U32] = same_kernel,
         [PHYS_U64] = same_kernel,
         [PHYS_F32] = abs_f32,
         [PHYS_F64] = abs_f64,
         [PHYS_I128] = abs_decimal},
        {[PHYS_I8] = sign_i8,
         [PHYS_I16] = sign_i16,
         [PHYS_I32] = sign_i32,
         [PHYS_I64] = sign_i64,
         [PHYS_U8] = sign_u8,
         [PHYS_U16] = sign_u16,
         [PHYS_U32] = sign_u32,
         [PHYS_U64] = sign_u64,
         [PHYS_F32] = sign_f32,
         [PHYS_F64] = sign_f64,
         [PHYS_I128] = sign_decimal},
    };
    struct bound_function *fn = binding->fn;
    bool is_sign = fn->function->param != NULL;
    struct data_type *type = &fn->arg_types[0];
    if (type->id == LAMINAR_TYPE_NULL) *type = TYPE(INT64);
    if (binding_is_string_literal(binding, 0)) *type = TYPE(DOUBLE);
    if (!type_is_numeric(*type)) return bind_mismatch(binding);
    fn->result = *type;
    if (is_sign && type->id == LAMINAR_TYPE_DECIMAL &&
        type->precision == type->scale) /* 1 must fit */
        fn->result = fn->arg_types[0] = type_decimal(type->precision < 38 ? type->precision + 1
                                                                          : 38,
                                                     type->precision < 38 ? type->scale : 37);
    fn->kernel = kernels[is_sign][type_phys(*type)];
    fn->flags = FN_STRICT | (!is_sign && type_is_signed(*type) ? FN_FALLIBLE : 0) |
                (is_sign ? FN_MONOTONE : 0);
    return LAMINAR_OK;
}

/* --- ceil, floor, round, trunc to whole numbers --------------------------------------------------------------------------------------- */

#define FLOAT_ROUND(NAME, T, F)                                                                    \
    MULTI_TARGET static void NAME##_loop(const T *restrict a, T *restrict r, size_t n)             \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) r[i] = F(a[i]);                                             \
    }                                                                                              \
    static laminar_status NAME(KERNEL_ARGS)                                                        \
    {                                                                                              \
        NAME##_loop(args[0].data, OUT(T, out), n);                                                 \
        return LAMINAR_OK;                                                                         \
    }
FLOAT_ROUND(ceil_f32, float, ceilf)
FLOAT_ROUND(floor_f32, float, floorf)
FLOAT_ROUND(round_f32, float, roundf)
FLOAT_ROUND(trunc_f32, float, truncf)
FLOAT_ROUND(ceil_f64, double, ceil)
FLOAT_ROUND(floor_f64, double, floor)
FLOAT_ROUND(round_f64, double, round)
FLOAT_ROUND(trunc_f64, double, trunc)

static inline int128 decimal_round(int128 x, int digits, enum round_op op)
{
    if (digits <= 0) return x;
    if (op == ROUND_HALF) return decimal_round_down(x, digits);
    int128 unit = pow10_table[digits], q = x / unit, rest = x % unit;
    if (op == ROUND_CEIL && rest > 0) q++;
    if (op == ROUND_FLOOR && rest < 0) q--;
    return q;
}

/* How a decimal is rounded: how many digits go, and by which power of ten the rest is multiplied again. In the plan's arena. */
struct decimal_rounding {
    enum round_op op;
    int digits;
    int zeros;
};

static laminar_status decimal_round_kernel(KERNEL_ARGS)
{
    const struct decimal_rounding *rounding = fn->data;
    const int128 *a = args[0].data;
    int128 factor = pow10_table[rounding->zeros];
    int128 *r = OUT(int128, out);
    for (size_t i = 0; i < n; i++) {
        bool fits = int128_mul(decimal_round(a[i], rounding->digits, rounding->op), factor,
                               &r[i]) &&
                    decimal_fits(r[i], fn->result.precision);
        if (unlikely(!fits) && column_is_valid(out, i) &&
            eval_fail(env, out, i, "%s out of range: %s(%s)", TYPE_TEXT(fn->result), fn->name,
                      VALUE_TEXT(&args[0], i)))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}

static laminar_status bind_decimal_round(struct function_binding *binding, enum round_op op,
                                         int places)
{
    struct bound_function *fn = binding->fn;
    struct data_type type = fn->arg_types[0];
    struct decimal_rounding *rounding = ARENA_NEW(binding->arena, struct decimal_rounding);
    if (!rounding) return error_oom(binding->err);
    if (places > type.scale) places = type.scale;
    if (places < -DECIMAL_PRECISION_MAX) places = -DECIMAL_PRECISION_MAX;
    int scale = places > 0 ? places : 0;
    *rounding = (struct decimal_rounding){op, type.scale - places, places < 0 ? -places : 0};
    int precision = type.precision - type.scale + scale + 1;
    if (precision < 1 + scale) precision = 1 + scale;
    bool is_capped = precision > DECIMAL_PRECISION_MAX || places < 0;
    fn->result = type_decimal(precision > DECIMAL_PRECISION_MAX ? DECIMAL_PRECISION_MAX : precision,
                              scale);
    fn->data = rounding;
    fn->kernel = decimal_round_kernel;
    fn->flags = FN_STRICT | FN_MONOTONE | (is_capped ? FN_FALLIBLE : 0);
    return LAMINAR_OK;
}

/* --- round(x, n), trunc(x, n) over DOUBLE -------------------------------------------------------------------------------------------------- */

static double round_places(double x, int64_t places, bool is_trunc)
{
    enum { PLACES_MAX = 22 }; /* 10^22 is the last exact power */
    if (!isfinite(x) || places > 308) return x;
    if (places < -308) return 0;
    double unit = places >= -PLACES_MAX && places <= PLACES_MAX
                      ? (double)pow10_table[places < 0 ? -places : places]
                      : pow(10, (double)(places < 0 ? -places : places));
    double scaled = places < 0 ? x / unit : x * unit;
    if (!isfinite(scaled)) return x;
    scaled = is_trunc ? trunc(scaled) : round(scaled);
    return places < 0 ? scaled * unit : scaled / unit;
}
#define PLACES_KERNEL(NAME, IS_TRUNC)                                                              \
    static laminar_status NAME(KERNEL_ARGS)                                                        \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) OUT(double, out)                                            \
        [i] = round_places(ROW(double, &args[0], i), ROW(int64_t, &args[1], i), IS_TRUNC);         \
        return LAMINAR_OK;                                                                         \
    }
PLACES_KERNEL(round_places_kernel, false)
PLACES_KERNEL(trunc_places_kernel, true)

static laminar_status bind_round(struct function_binding *binding)
{
    static const scalar_kernel f32_kernels[] = {ceil_f32, floor_f32, round_f32, trunc_f32};
    static const scalar_kernel f64_kernels[] = {ceil_f64, floor_f64, round_f64, trunc_f64};
    struct bound_function *fn = binding->fn;
    enum round_op op = (enum round_op)(uintptr_t)fn->function->param;
    struct data_type *type = &fn->arg_types[0];
    if (type->id == LAMINAR_TYPE_NULL || binding_is_string_literal(binding, 0))
        *type = TYPE(DOUBLE);
    if (!type_is_numeric(*type)) return bind_mismatch(binding);
    if (fn->n_args == 2) {
        if (!type_is_integer(fn->arg_types[1]) && fn->arg_types[1].id != LAMINAR_TYPE_NULL)
            return bind_mismatch(binding);
        const struct vector *places = binding_constant(binding, 1);
        bool is_known = places && type_is_integer(places->type) && type->id == LAMINAR_TYPE_DECIMAL;
        if (is_known) {
            int64_t value = places->type.id == LAMINAR_TYPE_INT64   ? ROW(int64_t, places, 0)
                            : places->type.id == LAMINAR_TYPE_INT32 ? ROW(int32_t, places, 0)
                            : places->type.id == LAMINAR_TYPE_INT16 ? ROW(int16_t, places, 0)
                                                                    : ROW(int8_t, places, 0);
            return bind_decimal_round(binding, op,
                                      value > 38    ? 38
                                      : value < -38 ? -38
                                                    : (int)value);
        }
        fn->arg_types[0] = fn->result = TYPE(DOUBLE);
        fn->arg_types[1] = TYPE(INT64);
        fn->kernel = op == ROUND_TRUNC ? trunc_places_kernel : round_places_kernel;
        fn->flags = FN_STRICT;
        return LAMINAR_OK;
    }
    if (type->id == LAMINAR_TYPE_DECIMAL) return bind_decimal_round(binding, op, 0);
    fn->result = *type;
    fn->kernel = type->id == LAMINAR_TYPE_DOUBLE  ? f64_kernels[op]
                 : type->id == LAMINAR_TYPE_FLOAT ? f32_kernels[op]
                                                  : same_kernel;
    fn->flags = FN_STRICT | FN_MONOTONE;
    return LAMINAR_OK;
}

static const struct scalar_function functions[] = {
    {"abs", "abs(x) -> same type", "Absolute value", 1, 1, bind_abs_sign, NULL},
    {"sign", "sign(x) -> same type", "-1, 0 or 1", 1, 1, bind_abs_sign, (void *)1},
    {"signum", "signum(x) -> same type", "Same as sign", 1, 1, bind_abs_sign, (void *)1},
    {"ceil", "ceil(x) -> same type", "Least whole number not below x", 1, 1, bind_round,
     (void *)ROUND_CEIL},
    {"ceiling", "ceiling(x) -> same type", "Same as ceil", 1, 1, bind_round, (void *)ROUND_CEIL},
    {"floor", "floor(x) -> same type", "Greatest whole number not above x", 1, 1, bind_round,
     (void *)ROUND_FLOOR},
    {"round", "round(x [, places]) -> same type, or DOUBLE",
     "Nearest number with so many places; halves away from zero", 1, 2, bind_round,
     (void *)ROUND_HALF},
    {"trunc", "trunc(x [, places]) -> same type, or DOUBLE", "The number without further places", 1,
     2, bind_round, (void *)ROUND_TRUNC},
    {"truncate", "truncate(x [, places]) -> same type, or DOUBLE", "Same as trunc", 1, 2,
     bind_round, (void *)ROUND_TRUNC},
};
SCALAR_FAMILY(rounding, functions);
