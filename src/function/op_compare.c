/* op_compare.c - = <> < <= > >= and IS [NOT] DISTINCT FROM: binding, and the loops over numbers.
 *
 * The loops write a byte a row without branches; a > b is b < a with the sides swapped. Floating point numbers have PostgreSQL's order: NaN
 * equals itself and is greater than everything else. Strings, decimals and other wide values are in op_compare_wide.c.
 * Cost in cache: 0.1-0.2 ns a row. */
#include "function/op_compare.h"

KERNEL_FILE

#define COMPARE_LOOP(NAME, T, EXPR)                                                                \
    static always_inline void NAME(const T *a, size_t sa, const T *b, size_t sb,                   \
                                   uint8_t *restrict r, size_t n)                                  \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) {                                                           \
            T x = a[i * sa], y = b[i * sb];                                                        \
            r[i] = (uint8_t)(EXPR);                                                                \
        }                                                                                          \
    }                                                                                              \
    MULTI_TARGET static void NAME##_vv(const T *a, const T *b, uint8_t *restrict r, size_t n)      \
    {                                                                                              \
        NAME(a, 1, b, 1, r, n);                                                                    \
    }                                                                                              \
    MULTI_TARGET static void NAME##_vc(const T *a, const T *b, uint8_t *restrict r, size_t n)      \
    {                                                                                              \
        NAME(a, 1, b, 0, r, n);                                                                    \
    }
#define COMPARE_LOOP_CV(NAME, T)                                                                   \
    MULTI_TARGET static void NAME##_cv(const T *a, const T *b, uint8_t *restrict r, size_t n)      \
    {                                                                                              \
        NAME(a, 0, b, 1, r, n);                                                                    \
    }

/* Symmetric operators swap the sides of constant-column; the others have a loop for it. */
#define SYMMETRIC_KERNEL(NAME, T)                                                                  \
    static laminar_status NAME##_kernel(KERNEL_ARGS)                                               \
    {                                                                                              \
        const T *a = args[0].data, *b = args[1].data;                                              \
        uint8_t *r = OUT(uint8_t, out);                                                            \
        if (args[0].shape == args[1].shape)                                                        \
            NAME##_vv(a, b, r, n);                                                                 \
        else if (args[1].shape == VEC_CONST)                                                       \
            NAME##_vc(a, b, r, n);                                                                 \
        else                                                                                       \
            NAME##_vc(b, a, r, n);                                                                 \
        return LAMINAR_OK;                                                                         \
    }
#define ORDER_KERNEL(KERNEL, NAME, T, LEFT, RIGHT)                                                 \
    static laminar_status KERNEL(KERNEL_ARGS)                                                      \
    {                                                                                              \
        const struct vector *left = &args[LEFT], *right = &args[RIGHT];                            \
        uint8_t *r = OUT(uint8_t, out);                                                            \
        if (left->shape == right->shape)                                                           \
            NAME##_vv(left->data, right->data, r, n);                                              \
        else if (right->shape == VEC_CONST)                                                        \
            NAME##_vc(left->data, right->data, r, n);                                              \
        else                                                                                       \
            NAME##_cv(left->data, right->data, r, n);                                              \
        return LAMINAR_OK;                                                                         \
    }

#define COMPARE_KERNELS(N, T, EQ, NE, LT, LE)                                                      \
    COMPARE_LOOP(eq_##N, T, EQ)                                                                    \
    COMPARE_LOOP(ne_##N, T, NE)                                                                    \
    COMPARE_LOOP(lt_##N, T, LT)                                                                    \
    COMPARE_LOOP(le_##N, T, LE)                                                                    \
    COMPARE_LOOP_CV(lt_##N, T)                                                                     \
    COMPARE_LOOP_CV(le_##N, T)                                                                     \
    SYMMETRIC_KERNEL(eq_##N, T)                                                                    \
    SYMMETRIC_KERNEL(ne_##N, T)                                                                    \
    ORDER_KERNEL(lt_##N##_kernel, lt_##N, T, 0, 1)                                                 \
    ORDER_KERNEL(le_##N##_kernel, le_##N, T, 0, 1)                                                 \
    ORDER_KERNEL(gt_##N##_kernel, lt_##N, T, 1, 0)                                                 \
    ORDER_KERNEL(ge_##N##_kernel, le_##N, T, 1, 0)

#define INTEGER_COMPARE(N, T) COMPARE_KERNELS(N, T, x == y, x != y, x < y, x <= y)
/* NaN differs from itself by the machine's rule: that is how it is told. */
#define FLOAT_COMPARE(N, T)                                                                        \
    COMPARE_KERNELS(N, T, (x == y) | ((x != x) & (y != y)), (x != y) & ((x == x) | (y == y)),      \
                    (x < y) | ((y != y) & (x == x)), (x <= y) | (y != y))
INTEGER_COMPARE(i8, int8_t)
INTEGER_COMPARE(i16, int16_t)
INTEGER_COMPARE(i32, int32_t)
INTEGER_COMPARE(i64, int64_t)
INTEGER_COMPARE(u8, uint8_t)
INTEGER_COMPARE(u16, uint16_t)
INTEGER_COMPARE(u32, uint32_t)
INTEGER_COMPARE(u64, uint64_t)
FLOAT_COMPARE(f32, float)
FLOAT_COMPARE(f64, double)

#define KERNELS_BY_TYPE(op)                                                                        \
    {                                                                                              \
        [PHYS_BOOL] = op##_u8_kernel, [PHYS_I8] = op##_i8_kernel, [PHYS_I16] = op##_i16_kernel,    \
        [PHYS_I32] = op##_i32_kernel, [PHYS_I64] = op##_i64_kernel, [PHYS_U8] = op##_u8_kernel,    \
        [PHYS_U16] = op##_u16_kernel, [PHYS_U32] = op##_u32_kernel, [PHYS_U64] = op##_u64_kernel,  \
        [PHYS_F32] = op##_f32_kernel, [PHYS_F64] = op##_f64_kernel                                 \
    }
static const scalar_kernel number_kernels[][PHYS_F64 + 1] = {
    [COMPARE_EQ] = KERNELS_BY_TYPE(eq), [COMPARE_NE] = KERNELS_BY_TYPE(ne),
    [COMPARE_LT] = KERNELS_BY_TYPE(lt), [COMPARE_LE] = KERNELS_BY_TYPE(le),
    [COMPARE_GT] = KERNELS_BY_TYPE(gt), [COMPARE_GE] = KERNELS_BY_TYPE(ge),
};

static scalar_kernel kernel_for(enum compare_op op, enum phys_type phys)
{
    return phys <= PHYS_F64 ? number_kernels[op][phys] : compare_wide_kernel(op, phys);
}

/* --- IS [NOT] DISTINCT FROM ------------------------------------------------------------------------------------------------ */

/* byte = 1 where both are valid and equal, or both are null. */
static laminar_status not_distinct(KERNEL_ARGS)
{
    uint8_t *r = OUT(uint8_t, out);
    bool has_nulls = false, is_null_type = false;
    for (int i = 0; i < 2; i++) {
        has_nulls = has_nulls || args[i].validity != NULL;
        is_null_type = is_null_type || args[i].type.id == LAMINAR_TYPE_NULL;
    }
    if (!is_null_type) {
        const struct compare_scaling *scaling = fn->data;
        laminar_status status = scaling->equal(fn, env, args, n, out);
        if (status != LAMINAR_OK || !has_nulls) return status;
    }
    for (size_t i = 0; i < n; i++) {
        bool is_valid_a = vector_is_valid(&args[0], i), is_valid_b = vector_is_valid(&args[1], i);
        r[i] = is_valid_a && is_valid_b ? r[i] : is_valid_a == is_valid_b;
    }
    return LAMINAR_OK;
}
static laminar_status not_distinct_kernel(KERNEL_ARGS)
{
    return not_distinct(fn, env, args, n, out);
}
static laminar_status distinct_kernel(KERNEL_ARGS)
{
    laminar_status status = not_distinct(fn, env, args, n, out);
    uint8_t *r = OUT(uint8_t, out);
    for (size_t i = 0; i < n; i++) r[i] ^= 1;
    return status;
}

/* --- Binding ------------------------------------------------------------------------------------------------------------------ */

/* The types that are compared as they are, though they differ. */
static bool compares_scaled(struct data_type a, struct data_type b)
{
    if (a.id != b.id) return false;
    return (a.id == LAMINAR_TYPE_DECIMAL && a.scale != b.scale) ||
           ((type_is_timestamp(a) || a.id == LAMINAR_TYPE_TIME) && a.unit != b.unit);
}

static void set_scaling(struct compare_scaling *scaling, struct data_type a, struct data_type b)
{
    scaling->factor_a = scaling->factor_b = 1;
    if (a.id == LAMINAR_TYPE_DECIMAL) {
        if (a.scale < b.scale)
            scaling->factor_a = pow10_table[b.scale - a.scale];
        else
            scaling->factor_b = pow10_table[a.scale - b.scale];
    } else {
        int64_t per_a = unit_per_second((enum time_unit)a.unit),
                per_b = unit_per_second((enum time_unit)b.unit);
        if (per_a < per_b)
            scaling->factor_a = per_b / per_a;
        else
            scaling->factor_b = per_a / per_b;
    }
}

/* Brings the argument types together; *scaling when kernels must bring values to one scale. */
static laminar_status comparable_types(struct function_binding *binding, bool *is_scaled)
{
    struct data_type *types = binding->fn->arg_types, common;
    for (uint32_t i = 0; i < 2; i++)
        if (binding_is_string_literal(binding, i) && !type_is_nested(types[1 - i]) &&
            types[1 - i].id != LAMINAR_TYPE_NULL)
            types[i] = types[1 - i];
    *is_scaled = compares_scaled(types[0], types[1]);
    if (*is_scaled) return LAMINAR_OK;
    if (types[0].id == LAMINAR_TYPE_DECIMAL && types[1].id == LAMINAR_TYPE_DECIMAL)
        return LAMINAR_OK; /* one scale, two precisions */
    if (!type_common(types[0], types[1], &common)) {
        error_set(binding->err, LAMINAR_QUERY_FAILED, "%s and %s can't be compared",
                  TYPE_TEXT(types[0]), TYPE_TEXT(types[1]));
        error_hint(binding->err, "cast one side to the other's type");
        return LAMINAR_QUERY_FAILED;
    }
    types[0] = types[1] = common;
    return LAMINAR_OK;
}

static laminar_status bind_compare(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    enum compare_op op = (enum compare_op)(uintptr_t)fn->function->param;
    bool is_scaled;
    laminar_status status = comparable_types(binding, &is_scaled);
    if (status != LAMINAR_OK) return status;
    fn->result = TYPE(BOOL);
    fn->flags = FN_STRICT;
    if (!is_scaled) {
        fn->kernel = kernel_for(op, type_phys(fn->arg_types[0]));
        return LAMINAR_OK;
    }
    struct compare_scaling *scaling = ARENA_NEW(binding->arena, struct compare_scaling);
    if (!scaling) return error_oom(binding->err);
    set_scaling(scaling, fn->arg_types[0], fn->arg_types[1]);
    fn->data = scaling;
    fn->kernel = compare_scaled_kernel(op, fn->arg_types[0].id == LAMINAR_TYPE_DECIMAL);
    return LAMINAR_OK;
}

static laminar_status bind_distinct(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    struct compare_scaling *scaling = ARENA_NEW(binding->arena, struct compare_scaling);
    if (!scaling) return error_oom(binding->err);
    bool is_scaled;
    laminar_status status = comparable_types(binding, &is_scaled);
    if (status != LAMINAR_OK) return status;
    if (is_scaled) set_scaling(scaling, fn->arg_types[0], fn->arg_types[1]);
    scaling->equal = is_scaled ? compare_scaled_kernel(COMPARE_EQ,
                                                       fn->arg_types[0].id == LAMINAR_TYPE_DECIMAL)
                               : kernel_for(COMPARE_EQ, type_phys(fn->arg_types[0]));
    fn->data = scaling;
    fn->result = TYPE(BOOL);
    fn->flags = 0;
    fn->kernel = fn->function->param ? not_distinct_kernel : distinct_kernel;
    return LAMINAR_OK;
}

static const struct scalar_function functions[] = {
    {"=", "a = b", "Equal", 2, 2, bind_compare, (void *)COMPARE_EQ},
    {"<>", "a <> b", "Not equal", 2, 2, bind_compare, (void *)COMPARE_NE},
    {"<", "a < b", "Less", 2, 2, bind_compare, (void *)COMPARE_LT},
    {"<=", "a <= b", "Less or equal", 2, 2, bind_compare, (void *)COMPARE_LE},
    {">", "a > b", "Greater", 2, 2, bind_compare, (void *)COMPARE_GT},
    {">=", "a >= b", "Greater or equal", 2, 2, bind_compare, (void *)COMPARE_GE},
    {"is_distinct_from", "a IS DISTINCT FROM b", "Not equal, where two nulls are equal", 2, 2,
     bind_distinct, NULL},
    {"is_not_distinct_from", "a IS NOT DISTINCT FROM b", "Equal, where two nulls are equal", 2, 2,
     bind_distinct, (void *)1},
};
SCALAR_FAMILY(operators_compare, functions);
