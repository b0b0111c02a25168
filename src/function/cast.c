/* cast.c - CAST and TRY_CAST: choosing the kernel for a pair of types.
 *
 * A cast is a strict function of one argument. Numbers must be in range (fractions are rounded: half to even from floating point, half away
 * from zero from decimals); texts must be a value of the type; timestamps become coarser by rounding. What does not fit is a row error, or null
 * under TRY_CAST. */
#include "function/cast.h"

bool cast_fail(const struct bound_function *fn, struct eval_env *env, const struct vector *args,
               struct column *out, size_t row)
{
    const struct cast_data *data = fn->data;
    if (data->kind == CAST_TRY) return out_null(out, row, env->err) != LAMINAR_OK;
    bool is_text = data->from.id == LAMINAR_TYPE_VARCHAR;
    return eval_fail(env, out, row,
                     is_text ? "'%s' is not a valid %s" : "%s is out of range for %s",
                     VALUE_TEXT(&args[0], row), TYPE_TEXT(fn->result));
}

/* The same bytes: same type, or types that differ in name only. */
static laminar_status copy_kernel(KERNEL_ARGS)
{
    size_t width = type_width(fn->result);
    if (width && n) memcpy(out->vec.data, args[0].data, n * width);
    return LAMINAR_OK;
}

/* Nested values are rows of their own: appended, validity and all (so this one is not strict). */
static laminar_status append_kernel(KERNEL_ARGS)
{
    return column_append(out, &args[0], 0, n, STRINGS_BORROW, env->err);
}

static laminar_status null_kernel(KERNEL_ARGS) { return column_append_null(out, n, env->err); }

static bool is_same_bytes(struct data_type from, struct data_type to)
{
    if (type_equal(from, to)) return true;
    if (from.id == LAMINAR_TYPE_DECIMAL && to.id == LAMINAR_TYPE_DECIMAL)
        return from.scale == to.scale && from.precision <= to.precision;
    if (from.id == LAMINAR_TYPE_TIMESTAMPTZ && to.id == LAMINAR_TYPE_TIMESTAMPTZ)
        return from.unit == to.unit;
    return from.id == LAMINAR_TYPE_JSON && to.id == LAMINAR_TYPE_VARCHAR;
}

static laminar_status no_cast(struct data_type from, struct data_type to, struct laminar_error *err)
{
    error_set(err, LAMINAR_QUERY_FAILED, "%s can't be cast to %s", TYPE_TEXT(from), TYPE_TEXT(to));
    if (type_is_integer(from) && type_is_timestamp(to))
        error_hint(err, "to_timestamp_millis(x) and its like say what unit x is in");
    if (type_is_timestamp(from) && type_is_integer(to))
        error_hint(err, "epoch_ms(ts) and its like say the unit");
    return LAMINAR_QUERY_FAILED;
}

static laminar_status choose(struct arena *arena, struct bound_function *fn, struct cast_data *data,
                             struct laminar_error *err)
{
    struct data_type from = data->from, to = fn->result;
    bool is_fallible = false;
    fn->flags = FN_STRICT;
    if (from.id == LAMINAR_TYPE_NULL) {
        fn->kernel = null_kernel;
        fn->flags = 0;
    } else if (is_same_bytes(from, to)) {
        bool is_nested = type_is_nested(to);
        fn->kernel = is_nested ? append_kernel : copy_kernel;
        fn->flags = is_nested ? 0 : FN_STRICT | FN_MONOTONE;
    } else if (type_is_nested(from) && to.id != LAMINAR_TYPE_VARCHAR) {
        laminar_status status = cast_nested_bind(arena, from, to, data->kind, data, &fn->kernel,
                                                 err);
        if (status != LAMINAR_OK) return status;
        fn->flags = FN_FALLIBLE;
    } else {
        fn->kernel = cast_number_kernel(from, to, &is_fallible);
        if (!fn->kernel) fn->kernel = cast_decimal_kernel(from, to, data, &is_fallible);
        if (!fn->kernel) fn->kernel = cast_time_kernel(from, to, &is_fallible);
        if (!fn->kernel) fn->kernel = cast_text_kernel(from, to, &is_fallible);
        bool is_moment = type_is_timestamp(from) || from.id == LAMINAR_TYPE_DATE;
        if (is_moment && (type_is_timestamp(to) || to.id == LAMINAR_TYPE_DATE))
            fn->flags |= FN_MONOTONE;
    }
    if (is_fallible && data->kind == CAST_EXPLICIT) fn->flags |= FN_FALLIBLE;
    return fn->kernel ? LAMINAR_OK : no_cast(from, to, err);
}

laminar_status cast_bind(struct arena *arena, struct data_type from, struct data_type to,
                         enum cast_kind kind, struct bound_function **out,
                         struct laminar_error *err)
{
    static const struct scalar_function function = {
        "cast", "CAST(x AS type)", "x as another type", 1, 1, NULL, NULL};
    struct bound_function *fn = ARENA_NEW(arena, struct bound_function);
    struct cast_data *data = ARENA_NEW(arena, struct cast_data);
    struct data_type *arg_types = ARENA_NEW(arena, struct data_type);
    if (!fn || !data || !arg_types) return error_oom(err);
    *arg_types = from;
    *data = (struct cast_data){.from = from, .kind = kind, .factor = 1};
    *fn = (struct bound_function){
        .function = &function,
        .name = kind == CAST_TRY ? "try_cast" : "cast",
        .result = to,
        .arg_types = arg_types,
        .n_args = 1,
        .data = data,
    };
    laminar_status status = choose(arena, fn, data, err);
    if (status == LAMINAR_OK) *out = fn;
    return status;
}
