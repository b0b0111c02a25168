/* user_internal.h - what user.c, user_rows.c, user_scalar.c and user_aggregate.c share. */
#ifndef FUNCTION_USER_INTERNAL_H
#define FUNCTION_USER_INTERNAL_H

#include "function/agg.h"
#include "function/user.h"

struct user_function {
    _Atomic uint32_t refs;
    struct function_library *library; /* referenced once it is added */
    bool is_aggregate;
    struct arena arena; /* of everything below */
    const char *name;
    struct scalar_function scalar;
    struct aggregate_function aggregate;
    struct aggregate_kernels kernels;
    laminar_function function;
    laminar_aggregate definition;
    struct data_type *arg_types;
    uint32_t n_args;
    struct data_type result;
    bool calls_on_null;
    struct schema *args_schema;      /* arg1, arg2 ... */
    struct schema *result_schema;    /* one nullable column of the function's name */
    struct ArrowSchema arrow_args;   /* of args_schema */
    struct ArrowSchema arrow_result; /* of result_schema: the type is its child's */
};
struct user_function *user_function_ref(struct user_function *function);
void user_function_unref(struct user_function *function);

/* Around every call-back. Fails when memory is out. */
laminar_status user_enter(const struct user_function *f, struct laminar_error *err) must_check;
void user_leave(const struct user_function *f);

laminar_status user_bind_scalar(struct function_binding *binding) must_check;
laminar_status user_bind_aggregate(struct aggregate_binding *binding) must_check;
void user_aggregate_kernels(struct user_function *f);

/* --- Rows and values (user_rows.c) ----------------------------------------------------------------- */
/* A failed call-back's error as the statement's: the code, and the function's name in front. */
laminar_status user_failed(const struct user_function *f, laminar_status status,
                           const struct laminar_error *from, struct laminar_error *err);
/* Row `row` of the arguments; false where the function is not to see it. */
bool user_load_row(const struct user_function *f, const struct vector *args, size_t row,
                   laminar_value *out);
/* Appends a result. */
laminar_status user_append_value(const struct user_function *f, const laminar_value *value,
                                 struct column *out, struct laminar_error *err) must_check;
/* The rows that the function is to see, into sel (CHUNK_ROWS). */
size_t user_select_rows(const struct user_function *f, const struct vector *args, size_t n,
                        uint32_t *sel);
/* The rows sel[0..m) as a batch. */
laminar_status user_make_batch(const struct user_function *f, const struct vector *args, size_t n,
                               const uint32_t *sel, size_t m, struct batch **out,
                               struct laminar_error *err) must_check;
/* Rows [first, first + n) of the batch as an Arrow struct. batch is NULL for functions without arguments. */
laminar_status user_export_rows(const struct user_function *f, struct batch *batch, size_t first,
                                size_t n, struct ArrowArray *out, struct laminar_error *err)
    must_check;
/* An Arrow array of n results, fitted to the declared type: a batch of one column. Consumes both. */
laminar_status user_take_result(const struct user_function *f, struct ArrowSchema *take_schema,
                                struct ArrowArray *take_array, size_t n, struct batch **out,
                                struct laminar_error *err) must_check;

#endif
