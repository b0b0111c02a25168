/* user_scalar.c - the kernel of registered scalar functions.
 *
 * A function by batch that fails is the whole chunk's failure, unless errors are the rows' own (on_error = 'null' or 'skip'): then it is
 * called once more for each row alone. */
#include "function/user_internal.h"
#include "vector/arrow.h"

/* The row has no value, appended to out. True: the statement fails. */
static bool row_failed(const struct user_function *f, struct eval_env *env, laminar_status status,
                       const struct laminar_error *cause, struct column *out,
                       laminar_status *out_status)
{
    *out_status = LAMINAR_OK;
    if (env->mode == ROW_ERROR_FAIL || status == LAMINAR_OUT_OF_MEMORY) {
        *out_status = user_failed(f, status, cause, env->err);
        return true;
    }
    *out_status = column_append_null(out, 1, env->err);
    if (*out_status != LAMINAR_OK) return true;
    if (!eval_fail(env, out, out->n - 1, "%s(): %.200s", f->name, cause->message)) return false;
    *out_status = LAMINAR_OUT_OF_MEMORY;
    return true;
}

static laminar_status run_rows(const struct user_function *f, struct eval_env *env,
                               const struct vector *args, size_t n, struct column *out)
{
    laminar_value values[LAMINAR_FUNCTION_ARGS_MAX];
    struct laminar_error cause = LAMINAR_ERROR_INIT;
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < n; i++) {
        if (!user_load_row(f, args, i, values)) {
            if ((status = column_append_null(out, 1, env->err))) return status;
            continue;
        }
        laminar_value result = {.type = (laminar_type)f->result.id};
        status = f->function.row(f->function.user_data, values, f->n_args, &result, &cause);
        if (status != LAMINAR_OK) {
            if (row_failed(f, env, status, &cause, out, &status)) return status;
            error_clear(&cause);
            continue;
        }
        if ((status = user_append_value(f, &result, out, env->err))) return status;
    }
    return status;
}

/* Rows [first, first + n) of the batch, appended to out at once. */
static laminar_status call_batch(const struct user_function *f, struct batch *batch, size_t first,
                                 size_t n, struct batch **out, struct laminar_error *err)
{
    struct ArrowArray args = {.release = NULL}, array = {.release = NULL};
    struct ArrowSchema schema = {.release = NULL};
    laminar_function_batch call = {.struct_size = sizeof call,
                                   .schema = &f->arrow_args,
                                   .args = &args,
                                   .result = f->arrow_result.children[0]};
    struct laminar_error cause = LAMINAR_ERROR_INIT;
    laminar_status status = user_export_rows(f, batch, first, n, &args, err);
    if (status != LAMINAR_OK) return status;
    status = f->function.batch(f->function.user_data, &call, &schema, &array, &cause);
    if (args.release) args.release(&args);
    if (status == LAMINAR_OK) return user_take_result(f, &schema, &array, n, out, err);
    if (array.release) array.release(&array);
    if (schema.release) schema.release(&schema);
    return user_failed(f, status, &cause, err);
}

/* Result i of m belongs to row sel[i]; the rows between are null. */
static laminar_status scatter(const struct batch *results, const uint32_t *sel, size_t m, size_t n,
                              struct column *out, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    size_t row = 0;
    for (size_t i = 0; i < m && status == LAMINAR_OK;) {
        size_t run = 1;
        while (i + run < m && sel[i + run] == sel[i] + run) run++;
        if (sel[i] > row) status = column_append_null(out, sel[i] - row, err);
        if (status == LAMINAR_OK)
            status = column_append(out, &results->cols[0], i, run, STRINGS_COPY, err);
        row = sel[i] + run;
        i += run;
    }
    if (row < n && status == LAMINAR_OK) status = column_append_null(out, n - row, err);
    return status;
}

/* Each row alone: what fails is the row's error. */
static laminar_status run_singly(const struct user_function *f, struct eval_env *env,
                                 struct batch *batch, const uint32_t *sel, size_t m, size_t n,
                                 struct column *out)
{
    laminar_status status = LAMINAR_OK;
    struct laminar_error cause = LAMINAR_ERROR_INIT;
    size_t i = 0;
    for (size_t row = 0; row < n && status == LAMINAR_OK; row++) {
        if (i == m || sel[i] != row) {
            status = column_append_null(out, 1, env->err);
            continue;
        }
        struct batch *result = NULL;
        status = call_batch(f, batch, i++, 1, &result, &cause);
        if (status != LAMINAR_OK) {
            if (status == LAMINAR_OUT_OF_MEMORY) {
                if (env->err) *env->err = cause;
                return status;
            }
            if ((status = column_append_null(out, 1, env->err))) return status;
            if (eval_fail(env, out, row, "%.240s", cause.message)) return LAMINAR_OUT_OF_MEMORY;
            continue;
        }
        status = column_append(out, &result->cols[0], 0, 1, STRINGS_COPY, env->err);
        batch_unref(result);
    }
    return status;
}

static laminar_status run_batch(const struct user_function *f, struct eval_env *env,
                                const struct vector *args, size_t n, struct column *out)
{
    uint32_t sel[CHUNK_ROWS];
    size_t m = user_select_rows(f, args, n, sel);
    struct batch *batch = NULL, *result = NULL;
    if (m == 0) return column_append_null(out, n, env->err);
    laminar_status status;
    struct laminar_error cause = LAMINAR_ERROR_INIT;
    TRY(user_make_batch(f, args, n, sel, m, &batch, env->err));
    status = call_batch(f, batch, 0, m, &result, &cause);
    if (status == LAMINAR_OK) {
        TRY(scatter(result, sel, m, n, out, env->err));
    } else if (env->mode != ROW_ERROR_FAIL && status != LAMINAR_OUT_OF_MEMORY) {
        TRY(run_singly(f, env, batch, sel, m, n, out));
    } else if (env->err) {
        *env->err = cause;
    }
done:
    batch_unref(result);
    batch_unref(batch);
    return status;
}

/* Not strict: appends n rows to out, which is empty. */
static laminar_status user_kernel(const struct bound_function *fn, struct eval_env *env,
                                  const struct vector *args, size_t n, struct column *out)
{
    const struct user_function *f = fn->data;
    laminar_status status = user_enter(f, env->err);
    if (status != LAMINAR_OK) return status;
    column_clear(out);
    status = f->function.row ? run_rows(f, env, args, n, out) : run_batch(f, env, args, n, out);
    user_leave(f);
    return status;
}

laminar_status user_bind_scalar(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    const struct user_function *f = fn->function->param;
    for (uint32_t i = 0; i < f->n_args; i++) {
        bool is_literal = binding->constants && binding->constants[i];
        if (!cast_is_implicit(fn->arg_types[i], f->arg_types[i], is_literal))
            return bind_mismatch(binding);
        fn->arg_types[i] = f->arg_types[i];
    }
    fn->kernel = user_kernel;
    fn->result = f->result;
    fn->flags = FN_FALLIBLE;
    if (f->function.volatility == LAMINAR_VOLATILE) fn->flags |= FN_VOLATILE;
    if (f->function.volatility == LAMINAR_STABLE) fn->flags |= FN_STEP_STABLE;
    fn->data = f;
    return LAMINAR_OK;
}
