/* op_bit.c - & | # << >> ~ over integers.
 *
 * Shifts drop the bits that leave the type; >> keeps the sign of signed integers. A shift count below 0 or not below the type's width is an
 * error, for machines disagree on what it would mean. */
#include "function/family.h"
#include <inttypes.h>

KERNEL_FILE

enum bit_op { BIT_AND, BIT_OR, BIT_XOR, BIT_SHIFT_LEFT, BIT_SHIFT_RIGHT };

#define BIT_LOOP(NAME, T, EXPR)                                                                    \
    static laminar_status NAME(KERNEL_ARGS)                                                        \
    {                                                                                              \
        const T *a = args[0].data, *b = args[1].data;                                              \
        size_t sa = vector_stride(&args[0]), sb = vector_stride(&args[1]);                         \
        T *restrict r = OUT(T, out);                                                               \
        for (size_t i = 0; i < n; i++) {                                                           \
            T x = a[i * sa], y = b[i * sb];                                                        \
            r[i] = (T)(EXPR);                                                                      \
        }                                                                                          \
        return LAMINAR_OK;                                                                         \
    }
/* The count is an INT, whatever the type that is shifted. */
#define SHIFT_LOOP(NAME, T, U, EXPR)                                                               \
    static laminar_status NAME(KERNEL_ARGS)                                                        \
    {                                                                                              \
        T *r = OUT(T, out);                                                                        \
        for (size_t i = 0; i < n; i++) {                                                           \
            T x = ROW(T, &args[0], i);                                                             \
            int32_t count = ROW(int32_t, &args[1], i);                                             \
            bool is_fit = count >= 0 && count < (int32_t)sizeof(T) * 8;                            \
            if (unlikely(!is_fit)) {                                                               \
                r[i] = 0;                                                                          \
                if (column_is_valid(out, i) &&                                                     \
                    eval_fail(env, out, i, "shift by %" PRId32 " bits: %s has %d", count,          \
                              TYPE_TEXT(fn->result), (int)sizeof(T) * 8))                          \
                    return eval_failure(env);                                                      \
                continue;                                                                          \
            }                                                                                      \
            r[i] = (T)(EXPR);                                                                      \
        }                                                                                          \
        return LAMINAR_OK;                                                                         \
    }
#define NOT_LOOP(NAME, T)                                                                          \
    static laminar_status NAME(KERNEL_ARGS)                                                        \
    {                                                                                              \
        const T *a = args[0].data;                                                                 \
        T *restrict r = OUT(T, out);                                                               \
        for (size_t i = 0; i < n; i++) r[i] = (T)~a[i];                                            \
        return LAMINAR_OK;                                                                         \
    }
#define BIT_KERNELS(N, T, U)                                                                       \
    BIT_LOOP(and_##N, T, x &y)                                                                     \
    BIT_LOOP(or_##N, T, x | y)                                                                     \
    BIT_LOOP(xor_##N, T, x ^ y)                                                                    \
    SHIFT_LOOP(left_##N, T, U, (U)((U)x << count))                                                 \
    SHIFT_LOOP(right_##N, T, U, x >> count)                                                        \
    NOT_LOOP(not_##N, T)
BIT_KERNELS(i8, int8_t, uint8_t)
BIT_KERNELS(i16, int16_t, uint16_t)
BIT_KERNELS(i32, int32_t, uint32_t)
BIT_KERNELS(i64, int64_t, uint64_t)
BIT_KERNELS(u8, uint8_t, uint8_t)
BIT_KERNELS(u16, uint16_t, uint16_t)
BIT_KERNELS(u32, uint32_t, uint32_t)
BIT_KERNELS(u64, uint64_t, uint64_t)

#define BY_TYPE(op)                                                                                \
    {                                                                                              \
        [PHYS_I8] = op##_i8, [PHYS_I16] = op##_i16, [PHYS_I32] = op##_i32, [PHYS_I64] = op##_i64,  \
        [PHYS_U8] = op##_u8, [PHYS_U16] = op##_u16, [PHYS_U32] = op##_u32, [PHYS_U64] = op##_u64   \
    }
static const scalar_kernel bit_kernels[][PHYS_U64 + 1] = {
    [BIT_AND] = BY_TYPE(and),           [BIT_OR] = BY_TYPE(or),
    [BIT_XOR] = BY_TYPE(xor),           [BIT_SHIFT_LEFT] = BY_TYPE(left),
    [BIT_SHIFT_RIGHT] = BY_TYPE(right),
};
static const scalar_kernel not_kernels[PHYS_U64 + 1] = BY_TYPE(not );

static laminar_status bind_bit(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    enum bit_op op = (enum bit_op)(uintptr_t)fn->function->param;
    struct data_type common;
    if (!type_common(fn->arg_types[0], fn->arg_types[1], &common)) return bind_mismatch(binding);
    if (common.id == LAMINAR_TYPE_NULL) common = TYPE(INT64);
    if (!type_is_integer(common)) return bind_mismatch(binding);
    fn->arg_types[0] = fn->arg_types[1] = fn->result = common;
    fn->kernel = bit_kernels[op][type_phys(common)];
    fn->flags = FN_STRICT;
    return LAMINAR_OK;
}

static laminar_status bind_shift(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    enum bit_op op = (enum bit_op)(uintptr_t)fn->function->param;
    struct data_type value = fn->arg_types[0], count = fn->arg_types[1];
    if (value.id == LAMINAR_TYPE_NULL) value = TYPE(INT64);
    if (!type_is_integer(value) || !(type_is_integer(count) || count.id == LAMINAR_TYPE_NULL))
        return bind_mismatch(binding);
    fn->arg_types[0] = fn->result = value;
    fn->arg_types[1] = TYPE(INT32);
    fn->kernel = bit_kernels[op][type_phys(value)];
    fn->flags = FN_STRICT | FN_FALLIBLE;
    return LAMINAR_OK;
}

static laminar_status bind_bit_not(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    struct data_type value = fn->arg_types[0];
    if (value.id == LAMINAR_TYPE_NULL) value = TYPE(INT64);
    if (!type_is_integer(value)) return bind_mismatch(binding);
    fn->arg_types[0] = fn->result = value;
    fn->kernel = not_kernels[type_phys(value)];
    fn->flags = FN_STRICT;
    return LAMINAR_OK;
}

static const struct scalar_function functions[] = {
    {"&", "a & b", "Bits set in both integers", 2, 2, bind_bit, (void *)BIT_AND},
    {"|", "a | b", "Bits set in either integer", 2, 2, bind_bit, (void *)BIT_OR},
    {"#", "a # b", "Bits set in one of the integers", 2, 2, bind_bit, (void *)BIT_XOR},
    {"xor", "xor(a, b)", "Same as a # b", 2, 2, bind_bit, (void *)BIT_XOR},
    {"<<", "a << n", "Bits moved to the left", 2, 2, bind_shift, (void *)BIT_SHIFT_LEFT},
    {">>", "a >> n", "Bits moved to the right", 2, 2, bind_shift, (void *)BIT_SHIFT_RIGHT},
    {"bit_not", "~ a", "Every bit flipped", 1, 1, bind_bit_not, NULL},
};
SCALAR_FAMILY(operators_bit, functions);
