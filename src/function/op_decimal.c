/* op_decimal.c - + - * % and unary minus over decimals.
 *
 * Result types: + and - have the larger scale and one more whole digit than the wider side, * adds up precisions and scales, % has the larger
 * scale. Precision is capped at 38; only a capped result can overflow, and is checked. The quotient of decimals is a DOUBLE (bound in
 * op_arith.c), as in DuckDB: no scale suits all quotients. Values are 128-bit integers; factors of up to 18 digits multiply as 64-bit. */
#include "function/op_arith.h"

KERNEL_FILE

/* How the sides are brought to one scale. In the plan's arena. */
struct decimal_scaling {
    int128 factor_a;
    int128 factor_b;
    int precision; /* of the result: the bound to check */
};

static const char *const arith_signs[] = {"+", "-", "*", "/", "%"};

static never_inline bool decimal_fail(struct eval_env *env, struct column *out, size_t row,
                                      const struct vector *args, enum arith_op op)
{
    return eval_fail(env, out, row, "%s out of range: %s %s %s", TYPE_TEXT(out->vec.type),
                     VALUE_TEXT(&args[0], row), arith_signs[op], VALUE_TEXT(&args[1], row));
}

/* No overflow is possible: precision was not capped. */
#define PLAIN_KERNEL(NAME, EXPR)                                                                   \
    static laminar_status NAME(KERNEL_ARGS)                                                        \
    {                                                                                              \
        const struct decimal_scaling *scaling = fn->data;                                          \
        const int128 fa = scaling->factor_a, fb = scaling->factor_b;                               \
        const int128 *a = args[0].data, *b = args[1].data;                                         \
        size_t sa = vector_stride(&args[0]), sb = vector_stride(&args[1]);                         \
        int128 *r = OUT(int128, out);                                                              \
        (void)fa, (void)fb;                                                                        \
        for (size_t i = 0; i < n; i++) {                                                           \
            int128 x = a[i * sa], y = b[i * sb];                                                   \
            r[i] = EXPR;                                                                           \
        }                                                                                          \
        return LAMINAR_OK;                                                                         \
    }
PLAIN_KERNEL(add_same_scale, x + y)
PLAIN_KERNEL(subtract_same_scale, x - y)
PLAIN_KERNEL(add_scaled, (int128)((unsigned __int128)x *(unsigned __int128)fa +
                                  (unsigned __int128)y * (unsigned __int128)fb))
PLAIN_KERNEL(subtract_scaled, (int128)((unsigned __int128)x *(unsigned __int128)fa -
                                       (unsigned __int128)y * (unsigned __int128)fb))
PLAIN_KERNEL(multiply_narrow, (int128)(int64_t)x *(int64_t)y)
PLAIN_KERNEL(multiply_wide, (int128)((unsigned __int128)x *(unsigned __int128)y))

/* Precision is capped: every step is checked. */
static always_inline laminar_status checked(enum arith_op op, KERNEL_ARGS)
{
    const struct decimal_scaling *scaling = fn->data;
    int128 *r = OUT(int128, out);
    for (size_t i = 0; i < n; i++) {
        r[i] = 0;
        if (!column_is_valid(out, i)) continue;
        int128 x = ROW(int128, &args[0], i), y = ROW(int128, &args[1], i);
        bool fits;
        if (op == ARITH_MULTIPLY) {
            fits = int128_mul(x, y, &r[i]);
        } else {
            if (op == ARITH_MODULO && y == 0) {
                if (zero_fail(env, out, i)) return eval_failure(env);
                continue;
            }
            fits = int128_mul(x, scaling->factor_a, &x) && int128_mul(y, scaling->factor_b, &y);
            if (op == ARITH_ADD)
                fits = fits && int128_add(x, y, &r[i]);
            else if (op == ARITH_SUBTRACT)
                fits = fits && !__builtin_sub_overflow(x, y, &r[i]);
            else if (fits)
                r[i] = x % y;
        }
        if (unlikely(!fits || !decimal_fits(r[i], scaling->precision)) &&
            decimal_fail(env, out, i, args, op))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}
static laminar_status add_checked(KERNEL_ARGS) { return checked(ARITH_ADD, fn, env, args, n, out); }
static laminar_status subtract_checked(KERNEL_ARGS)
{
    return checked(ARITH_SUBTRACT, fn, env, args, n, out);
}
static laminar_status multiply_checked(KERNEL_ARGS)
{
    return checked(ARITH_MULTIPLY, fn, env, args, n, out);
}
static laminar_status modulo_checked(KERNEL_ARGS)
{
    return checked(ARITH_MODULO, fn, env, args, n, out);
}

static laminar_status negate_kernel(KERNEL_ARGS)
{
    const int128 *a = args[0].data;
    int128 *r = OUT(int128, out);
    for (size_t i = 0; i < n; i++) r[i] = (int128)(0 - (unsigned __int128)a[i]);
    return LAMINAR_OK;
}

laminar_status bind_decimal_negate(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    fn->result = fn->arg_types[0];
    fn->kernel = negate_kernel;
    fn->flags = FN_STRICT;
    return LAMINAR_OK;
}

static struct data_type as_decimal(struct data_type t)
{
    if (t.id == LAMINAR_TYPE_DECIMAL) return t;
    return type_is_integer(t) ? type_decimal(type_integer_digits(t), 0) : type_decimal(1, 0);
}

static laminar_status bind_multiply(struct function_binding *binding, struct data_type a,
                                    struct data_type b, struct decimal_scaling *scaling)
{
    struct bound_function *fn = binding->fn;
    int scale = a.scale + b.scale, precision = a.precision + b.precision;
    if (scale > DECIMAL_PRECISION_MAX) {
        error_set(binding->err, LAMINAR_QUERY_FAILED,
                  "the product of %s and %s would have %d decimal places; at most %d are possible",
                  TYPE_TEXT(a), TYPE_TEXT(b), scale, DECIMAL_PRECISION_MAX);
        error_hint(binding->err, "cast one side to DOUBLE or to a DECIMAL with fewer places");
        return LAMINAR_QUERY_FAILED;
    }
    bool is_capped = precision > DECIMAL_PRECISION_MAX;
    scaling->precision = is_capped ? DECIMAL_PRECISION_MAX : precision;
    fn->result = type_decimal(scaling->precision, scale);
    fn->kernel = is_capped                                ? multiply_checked
                 : a.precision <= 18 && b.precision <= 18 ? multiply_narrow
                                                          : multiply_wide;
    fn->flags = FN_STRICT | (is_capped ? FN_FALLIBLE : 0);
    return LAMINAR_OK;
}

laminar_status bind_decimal_arith(struct function_binding *binding, enum arith_op op)
{
    struct bound_function *fn = binding->fn;
    struct data_type a = as_decimal(fn->arg_types[0]), b = as_decimal(fn->arg_types[1]);
    struct decimal_scaling *scaling = ARENA_NEW(binding->arena, struct decimal_scaling);
    if (!scaling) return error_oom(binding->err);
    fn->arg_types[0] = a;
    fn->arg_types[1] = b;
    fn->data = scaling;
    if (op == ARITH_MULTIPLY) return bind_multiply(binding, a, b, scaling);
    int scale = a.scale > b.scale ? a.scale : b.scale;
    int whole_a = a.precision - a.scale, whole_b = b.precision - b.scale;
    int precision = (whole_a > whole_b ? whole_a : whole_b) + scale + (op == ARITH_MODULO ? 0 : 1);
    bool is_capped = precision > DECIMAL_PRECISION_MAX, is_scaled = a.scale != b.scale;
    scaling->factor_a = pow10_table[scale - a.scale];
    scaling->factor_b = pow10_table[scale - b.scale];
    scaling->precision = is_capped ? DECIMAL_PRECISION_MAX : precision;
    fn->result = type_decimal(scaling->precision, scale);
    if (op == ARITH_MODULO)
        fn->kernel = modulo_checked;
    else if (op == ARITH_ADD)
        fn->kernel = is_capped ? add_checked : is_scaled ? add_scaled : add_same_scale;
    else
        fn->kernel = is_capped   ? subtract_checked
                     : is_scaled ? subtract_scaled
                                 : subtract_same_scale;
    fn->flags = FN_STRICT | (is_capped || op == ARITH_MODULO ? FN_FALLIBLE : 0);
    return LAMINAR_OK;
}
