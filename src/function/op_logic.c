/* op_logic.c - NOT, AND, OR as functions, and the IS tests.
 *
 * AND and OR are three-valued: a null matters only where the other side does not decide. Plans have expressions of their own for them; these
 * serve where a function is asked for. The IS tests take anything and are never null. */
#include "function/family.h"

KERNEL_FILE

static laminar_status not_kernel(KERNEL_ARGS)
{
    const uint8_t *a = args[0].data;
    uint8_t *restrict r = OUT(uint8_t, out);
    for (size_t i = 0; i < n; i++) r[i] = a[i] ^ 1;
    return LAMINAR_OK;
}

/* `decider`: the value that decides alone (false for AND, true for OR). */
static laminar_status three_valued(const struct bound_function *fn, struct eval_env *env,
                                   const struct vector *args, size_t n, struct column *out,
                                   uint8_t decider)
{
    uint8_t *r = OUT(uint8_t, out);
    for (size_t i = 0; i < n; i++) {
        bool is_decided = false, has_null = false;
        for (uint32_t k = 0; k < fn->n_args; k++) {
            if (!vector_is_valid(&args[k], i))
                has_null = true;
            else
                is_decided = is_decided || ROW(uint8_t, &args[k], i) == decider;
        }
        r[i] = is_decided ? decider : decider ^ 1;
        if (!has_null || is_decided) continue;
        laminar_status status = out_null(out, i, env->err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static laminar_status and_kernel(KERNEL_ARGS) { return three_valued(fn, env, args, n, out, 0); }
static laminar_status or_kernel(KERNEL_ARGS) { return three_valued(fn, env, args, n, out, 1); }

/* --- IS tests ---------------------------------------------------------------------------------------------------------------- */

/* r[i] = the row is valid, as a byte. */
static void validity_bytes(const struct vector *v, uint8_t *restrict r, size_t n)
{
    if (v->type.id == LAMINAR_TYPE_NULL)
        memset(r, 0, n);
    else if (!v->validity)
        memset(r, 1, n);
    else if (v->shape == VEC_CONST)
        memset(r, v->validity[0] & 1, n);
    else
        for (size_t i = 0; i < n; i++) r[i] = (v->validity[i >> 3] >> (i & 7)) & 1;
}

static laminar_status is_not_null_kernel(KERNEL_ARGS)
{
    validity_bytes(&args[0], OUT(uint8_t, out), n);
    return LAMINAR_OK;
}
static laminar_status is_null_kernel(KERNEL_ARGS)
{
    uint8_t *restrict r = OUT(uint8_t, out);
    validity_bytes(&args[0], r, n);
    for (size_t i = 0; i < n; i++) r[i] ^= 1;
    return LAMINAR_OK;
}

/* valid and equal to `wanted`, or (negated) not so. */
static always_inline laminar_status is_value(const struct vector *args, size_t n,
                                             struct column *out, uint8_t wanted, uint8_t negate)
{
    uint8_t *restrict r = OUT(uint8_t, out);
    const uint8_t *a = args[0].data;
    size_t stride = vector_stride(&args[0]);
    validity_bytes(&args[0], r, n);
    if (args[0].type.id == LAMINAR_TYPE_NULL) a = r, wanted = 1; /* no data: all invalid anyway */
    for (size_t i = 0; i < n; i++) r[i] = (uint8_t)((r[i] & (a[i * stride] == wanted)) ^ negate);
    return LAMINAR_OK;
}
static laminar_status is_true_kernel(KERNEL_ARGS) { return is_value(args, n, out, 1, 0); }
static laminar_status is_not_true_kernel(KERNEL_ARGS) { return is_value(args, n, out, 1, 1); }
static laminar_status is_false_kernel(KERNEL_ARGS) { return is_value(args, n, out, 0, 0); }
static laminar_status is_not_false_kernel(KERNEL_ARGS) { return is_value(args, n, out, 0, 1); }

static const struct scalar_function functions[] = {
    {"not", "NOT a", "True where a is false", 1, 1, bind_overloads,
     OVERLOADS({"b:b", not_kernel, FN_STRICT, NULL})},
    {"and", "a AND b", "True where all are", 1, 255, bind_overloads,
     OVERLOADS({"b:b*", and_kernel, 0, NULL})},
    {"or", "a OR b", "True where one is", 1, 255, bind_overloads,
     OVERLOADS({"b:b*", or_kernel, 0, NULL})},
    {"is_null", "a IS NULL", "True where a is null", 1, 1, bind_overloads,
     OVERLOADS({"b:x", is_null_kernel, 0, NULL})},
    {"isnull", "isnull(a) -> BOOLEAN", "Same as a IS NULL", 1, 1, bind_overloads,
     OVERLOADS({"b:x", is_null_kernel, 0, NULL})},
    {"is_not_null", "a IS NOT NULL", "True where a is not null", 1, 1, bind_overloads,
     OVERLOADS({"b:x", is_not_null_kernel, 0, NULL})},
    {"is_unknown", "a IS UNKNOWN", "True where the condition is null", 1, 1, bind_overloads,
     OVERLOADS({"b:b", is_null_kernel, 0, NULL})},
    {"is_not_unknown", "a IS NOT UNKNOWN", "True where the condition is not null", 1, 1,
     bind_overloads, OVERLOADS({"b:b", is_not_null_kernel, 0, NULL})},
    {"is_true", "a IS TRUE", "True where a is true, false where it is false or null", 1, 1,
     bind_overloads, OVERLOADS({"b:b", is_true_kernel, 0, NULL})},
    {"is_not_true", "a IS NOT TRUE", "True where a is false or null", 1, 1, bind_overloads,
     OVERLOADS({"b:b", is_not_true_kernel, 0, NULL})},
    {"is_false", "a IS FALSE", "True where a is false, false where it is true or null", 1, 1,
     bind_overloads, OVERLOADS({"b:b", is_false_kernel, 0, NULL})},
    {"is_not_false", "a IS NOT FALSE", "True where a is true or null", 1, 1, bind_overloads,
     OVERLOADS({"b:b", is_not_false_kernel, 0, NULL})},
};
SCALAR_FAMILY(operators_logic, functions);
