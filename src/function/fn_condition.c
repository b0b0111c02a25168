/* fn_condition.c - coalesce, nullif, if, greatest, least, and functions about values of any type: typeof.
 *
 * They work on values of any layout by copying whole values; none is strict. (Plans have an expression of their own for COALESCE and CASE, which
 * don't evaluate what isn't needed.) */
#include "function/family.h"
#include "vector/kernel.h"

/* All arguments from `from` on get their common type, which is also the result. */
static laminar_status bind_common(struct function_binding *binding, uint32_t from,
                                  struct data_type *out)
{
    struct bound_function *fn = binding->fn;
    struct data_type common = TYPE(NULL);
    for (uint32_t i = from; i < fn->n_args; i++) {
        if (binding_is_string_literal(binding, i)) continue;
        if (!type_common(common, fn->arg_types[i], &common)) return bind_mismatch(binding);
    }
    for (uint32_t i = from; i < fn->n_args;
         i++) { /* literals adapt, unless there is nothing to adapt to */
        if (!binding_is_string_literal(binding, i)) continue;
        if (common.id == LAMINAR_TYPE_NULL) common = TYPE(VARCHAR);
        if (!cast_is_implicit(fn->arg_types[i], common, true)) return bind_mismatch(binding);
    }
    for (uint32_t i = from; i < fn->n_args; i++) fn->arg_types[i] = common;
    *out = common;
    return LAMINAR_OK;
}

/* Row i of the result is row i of args[source]; nested values are appended, others copied in place. */
static laminar_status put_value(const struct vector *v, size_t row, size_t at, struct column *out,
                                struct laminar_error *err)
{
    if (v->shape == VEC_CONST) row = 0;
    if (type_is_nested(out->vec.type) || out->vec.type.id == LAMINAR_TYPE_NULL)
        return column_append(out, v, row, 1, STRINGS_BORROW, err);
    if (!vector_is_valid(v, row)) return out_null(out, at, err);
    size_t width = type_width(v->type);
    memcpy((char *)out->vec.data + at * width, (const char *)v->data + row * width, width);
    return LAMINAR_OK;
}

static laminar_status coalesce_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t k = 0;
        while (k + 1 < fn->n_args && !vector_is_valid(&args[k], i)) k++;
        laminar_status status = put_value(&args[k], i, i, out, env->err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

static laminar_status nullif_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        size_t row_a = args[0].shape == VEC_CONST ? 0 : i,
               row_b = args[1].shape == VEC_CONST ? 0 : i;
        bool is_equal = vector_is_valid(&args[0], i) && vector_is_valid(&args[1], i) &&
                        kernel_equal(&args[0], row_a, &args[1], row_b);
        laminar_status status;
        if (!is_equal)
            status = put_value(&args[0], i, i, out, env->err);
        else if (type_is_nested(out->vec.type))
            status = column_append_null(out, 1, env->err);
        else
            status = out_null(out, i, env->err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

static laminar_status if_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        bool is_true = vector_is_valid(&args[0], i) && ROW(uint8_t, &args[0], i);
        laminar_status status = put_value(&args[is_true ? 1 : 2], i, i, out, env->err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

static laminar_status nvl2_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        laminar_status status = put_value(&args[vector_is_valid(&args[0], i) ? 1 : 2], i, i, out,
                                          env->err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

/* Nulls are left out, as in PostgreSQL and DuckDB. */
static laminar_status extreme_kernel(KERNEL_ARGS)
{
    int wanted = fn->function->param ? 1 : -1;
    for (size_t i = 0; i < n; i++) {
        uint32_t best = 0;
        for (uint32_t k = 1; k < fn->n_args; k++) {
            if (!vector_is_valid(&args[k], i)) continue;
            size_t row = args[k].shape == VEC_CONST ? 0 : i,
                   best_row = args[best].shape == VEC_CONST ? 0 : i;
            if (!vector_is_valid(&args[best], i) ||
                kernel_compare(&args[k], row, &args[best], best_row) * wanted > 0)
                best = k;
        }
        laminar_status status = put_value(&args[best], i, i, out, env->err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

static laminar_status bind_coalesce(struct function_binding *binding)
{
    binding->fn->kernel = coalesce_kernel;
    return bind_common(binding, 0, &binding->fn->result);
}
static laminar_status bind_extreme(struct function_binding *binding)
{
    binding->fn->kernel = extreme_kernel;
    return bind_common(binding, 0, &binding->fn->result);
}
static laminar_status bind_nullif(struct function_binding *binding)
{
    struct data_type first = binding->fn->arg_types[0];
    binding->fn->kernel = nullif_kernel;
    laminar_status status = bind_common(binding, 0, &binding->fn->result);
    bool is_literal = binding_is_string_literal(binding, 0);
    if (status == LAMINAR_OK && first.id == LAMINAR_TYPE_NULL && !is_literal)
        binding->fn->result = binding->fn->arg_types[0];
    return status;
}
static laminar_status bind_if(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    bool is_nvl2 = fn->function->param != NULL;
    if (!is_nvl2 &&
        cast_cost(fn->arg_types[0], TYPE(BOOL), binding_is_string_literal(binding, 0)) < 0)
        return bind_mismatch(binding);
    if (!is_nvl2) fn->arg_types[0] = TYPE(BOOL);
    fn->kernel = is_nvl2 ? nvl2_kernel : if_kernel;
    return bind_common(binding, 1, &fn->result);
}

/* --- typeof -------------------------------------------------------------------------------------------------------------------------- */

static laminar_status typeof_kernel(KERNEL_ARGS)
{
    const char *name = fn->data;
    size_t size = strlen(name);
    for (size_t i = 0; i < n; i++) out_string_borrow(out, i, name, size);
    return LAMINAR_OK;
}
static laminar_status bind_typeof(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    const char *text = TYPE_TEXT(fn->arg_types[0]);
    fn->data = arena_strndup(binding->arena, text, strlen(text));
    if (!fn->data) return error_oom(binding->err);
    fn->kernel = typeof_kernel;
    fn->result = TYPE(VARCHAR);
    return LAMINAR_OK;
}

/* only_value(n, x): x, but an error where n > 1. What a subquery with several rows fails with. */
static laminar_status only_value_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        bool is_many = vector_is_valid(&args[0], i) && ROW(int64_t, &args[0], i) > 1;
        laminar_status status = LAMINAR_OK;
        if (!is_many) {
            status = put_value(&args[1], i, i, out, env->err);
        } else {
            if (type_is_nested(out->vec.type)) status = column_append_null(out, 1, env->err);
            if (status == LAMINAR_OK &&
                eval_fail(env, out, i, "a subquery used as a value returned %lld rows",
                          (long long)ROW(int64_t, &args[0], i)))
                return eval_failure(env);
        }
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static laminar_status bind_only_value(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    if (cast_cost(fn->arg_types[0], TYPE(INT64), false) < 0) return bind_mismatch(binding);
    fn->arg_types[0] = TYPE(INT64);
    fn->result = fn->arg_types[1];
    fn->flags = FN_FALLIBLE;
    fn->kernel = only_value_kernel;
    return LAMINAR_OK;
}

static const struct scalar_function functions[] = {
    {"coalesce", "coalesce(a, b, ...) -> common type", "The first that isn't null", 1, 255,
     bind_coalesce, NULL},
    {"ifnull", "ifnull(a, b) -> common type", "b where a is null, else a", 2, 2, bind_coalesce,
     NULL},
    {"nvl", "nvl(a, b) -> common type", "Same as ifnull", 2, 2, bind_coalesce, NULL},
    {"nvl2", "nvl2(a, b, c) -> common type of b and c", "b where a is not null, else c", 3, 3,
     bind_if, (void *)1},
    {"nullif", "nullif(a, b) -> common type", "Null where a = b, else a", 2, 2, bind_nullif, NULL},
    {"if", "if(condition, a, b) -> common type of a and b", "a where the condition is true, else b",
     3, 3, bind_if, NULL},
    {"iff", "iff(condition, a, b) -> common type of a and b", "Same as if", 3, 3, bind_if, NULL},
    {"greatest", "greatest(a, b, ...) -> common type", "The greatest that isn't null", 1, 255,
     bind_extreme, (void *)1},
    {"least", "least(a, b, ...) -> common type", "The least that isn't null", 1, 255, bind_extreme,
     NULL},
    {"only_value", "only_value(n, x) -> same type as x", "x; an error where n is above 1", 2, 2,
     bind_only_value, NULL},
    {"typeof", "typeof(x) -> VARCHAR", "Name of x's type", 1, 1, bind_typeof, NULL},
    {"arrow_typeof", "arrow_typeof(x) -> VARCHAR", "Same as typeof", 1, 1, bind_typeof, NULL},
    {"pg_typeof", "pg_typeof(x) -> VARCHAR", "Same as typeof", 1, 1, bind_typeof, NULL},
};
SCALAR_FAMILY(condition, functions);
