/* cast_decimal.c - casts from and to DECIMAL. Digits that are cut off round half away from zero. */
#include "function/cast.h"
#include <math.h>

/* Each kernel is one loop over checked rows: `EXPR` stores into r[i] and says whether the value fits. */
#define DECIMAL_CAST(NAME, F, T, EXPR)                                                             \
    static laminar_status NAME(KERNEL_ARGS)                                                        \
    {                                                                                              \
        unused const struct cast_data *data = fn->data;                                            \
        const F *a = args[0].data;                                                                 \
        T *r = OUT(T, out);                                                                        \
        unused const int precision = fn->result.precision, scale_from = data->from.scale,          \
                         scale_to = fn->result.scale;                                              \
        unused const int128 factor = data->factor;                                                 \
        for (size_t i = 0; i < n; i++) {                                                           \
            F x = a[i];                                                                            \
            bool fits = EXPR;                                                                      \
            if (unlikely(!fits)) {                                                                 \
                r[i] = 0;                                                                          \
                if (column_is_valid(out, i) && cast_fail(fn, env, args, out, i))                   \
                    return eval_failure(env);                                                      \
            }                                                                                      \
        }                                                                                          \
        return LAMINAR_OK;                                                                         \
    }

static inline bool integer_to_decimal(int128 x, int128 factor, int precision, int128 *out)
{
    return int128_mul(x, factor, out) && decimal_fits(*out, precision);
}
#define FROM_INTEGER(N, T)                                                                         \
    DECIMAL_CAST(N##_to_decimal, T, int128, integer_to_decimal((int128)x, factor, precision, &r[i]))
FROM_INTEGER(i8, int8_t)
FROM_INTEGER(i16, int16_t)
FROM_INTEGER(i32, int32_t)
FROM_INTEGER(i64, int64_t)
FROM_INTEGER(u8, uint8_t)
FROM_INTEGER(u16, uint16_t)
FROM_INTEGER(u32, uint32_t)
FROM_INTEGER(u64, uint64_t)
FROM_INTEGER(bool, uint8_t)

static inline bool double_to_decimal(double x, int scale, int precision, int128 *out)
{
    double scaled = round(x * (double)pow10_table[scale]);
    if (!(fabs(scaled) < 1.7e38)) return false; /* NaN too */
    *out = (int128)scaled;
    return decimal_fits(*out, precision);
}
DECIMAL_CAST(f32_to_decimal, float, int128,
             double_to_decimal((double)x, scale_to, precision, &r[i]))
DECIMAL_CAST(f64_to_decimal, double, int128, double_to_decimal(x, scale_to, precision, &r[i]))

/* To integers: the rounded value must fit. */
#define TO_INTEGER(N, T)                                                                           \
    DECIMAL_CAST(decimal_to_##N, int128, T,                                                        \
                 !__builtin_add_overflow(decimal_round_down(x, scale_from), 0, &r[i]))
TO_INTEGER(i8, int8_t)
TO_INTEGER(i16, int16_t)
TO_INTEGER(i32, int32_t)
TO_INTEGER(i64, int64_t)
TO_INTEGER(u8, uint8_t)
TO_INTEGER(u16, uint16_t)
TO_INTEGER(u32, uint32_t)
TO_INTEGER(u64, uint64_t)

DECIMAL_CAST(decimal_to_f32, int128, float, (r[i] = (float)decimal_to_double(x, scale_from), true))
DECIMAL_CAST(decimal_to_f64, int128, double, (r[i] = decimal_to_double(x, scale_from), true))
DECIMAL_CAST(decimal_to_bool, int128, uint8_t, (r[i] = x != 0, true))
DECIMAL_CAST(decimal_up, int128, int128,
             int128_mul(x, factor, &r[i]) && decimal_fits(r[i], precision))
DECIMAL_CAST(decimal_down, int128, int128,
             (r[i] = decimal_round_down(x, scale_from - scale_to), decimal_fits(r[i], precision)))

static const scalar_kernel from_kernels[PHYS_F64 + 1] = {
    [PHYS_BOOL] = bool_to_decimal, [PHYS_I8] = i8_to_decimal,   [PHYS_I16] = i16_to_decimal,
    [PHYS_I32] = i32_to_decimal,   [PHYS_I64] = i64_to_decimal, [PHYS_U8] = u8_to_decimal,
    [PHYS_U16] = u16_to_decimal,   [PHYS_U32] = u32_to_decimal, [PHYS_U64] = u64_to_decimal,
    [PHYS_F32] = f32_to_decimal,   [PHYS_F64] = f64_to_decimal,
};
static const scalar_kernel to_kernels[PHYS_F64 + 1] = {
    [PHYS_BOOL] = decimal_to_bool, [PHYS_I8] = decimal_to_i8,   [PHYS_I16] = decimal_to_i16,
    [PHYS_I32] = decimal_to_i32,   [PHYS_I64] = decimal_to_i64, [PHYS_U8] = decimal_to_u8,
    [PHYS_U16] = decimal_to_u16,   [PHYS_U32] = decimal_to_u32, [PHYS_U64] = decimal_to_u64,
    [PHYS_F32] = decimal_to_f32,   [PHYS_F64] = decimal_to_f64,
};

static bool is_simple(struct data_type t)
{
    return t.id == LAMINAR_TYPE_BOOL || type_is_integer(t) || type_is_float(t);
}

scalar_kernel cast_decimal_kernel(struct data_type from, struct data_type to,
                                  struct cast_data *data, bool *is_fallible)
{
    bool is_from = from.id == LAMINAR_TYPE_DECIMAL, is_to = to.id == LAMINAR_TYPE_DECIMAL;
    if (is_from && is_to) {
        bool is_up = to.scale >= from.scale;
        if (is_up) data->factor = pow10_table[to.scale - from.scale];
        *is_fallible = to.precision - to.scale < from.precision - from.scale + (is_up ? 0 : 1);
        return is_up ? decimal_up : decimal_down;
    }
    if (is_to && is_simple(from)) {
        data->factor = pow10_table[to.scale];
        *is_fallible = type_is_float(from) ||
                       to.precision - to.scale <
                           (type_is_integer(from) ? type_integer_digits(from) : 1);
        return from_kernels[type_phys(from)];
    }
    if (is_from && is_simple(to)) {
        *is_fallible = type_is_integer(to);
        return to_kernels[type_phys(to)];
    }
    return NULL;
}
