/* function.h - the registry of scalar functions, casts and aggregates, and what their kernels look like.
 *
 * A function is looked up by name and argument types. The answer (a bound_function, bound_aggregate) says which types the arguments
 * must be cast to, the result type, and the kernel. Kernels work on up to CHUNK_ROWS rows of columns; they are pure (no global state), so
 * any number of threads may run one at a time each.
 *
 * Adding a function: one line in the family's table (fn_math.c, fn_string.c ...): name, signature for SHOW FUNCTIONS, help, bind. */
#ifndef FUNCTION_FUNCTION_H
#define FUNCTION_FUNCTION_H

#include "vector/kernel.h"
#include "vector/text.h"
#include "vector/vector.h"

/* --- Errors of single rows ------------------------------------------------------------------------------------------------------ */
/* What a division by zero, an overflow, a bad cast does: the setting on_error. */
enum row_error_mode {
    ROW_ERROR_FAIL = 0, /* the statement fails (always so in one-shot queries) */
    ROW_ERROR_NULL = 1, /* the value is null */
    ROW_ERROR_SKIP = 2  /* the row is left out, counted, and kept as dead letter */
};

/* What an evaluation needs besides its arguments. One per evaluating thread. */
struct eval_env {
    struct laminar_error *err; /* may be NULL */
    enum row_error_mode mode;
    int64_t now_us;   /* the step's wall clock: now(), proctime() */
    const char *zone; /* session time zone, "UTC" */
    uint8_t *
        /* ROW_ERROR_SKIP: bitmap over the chunk's rows; kernels set bits through eval_fail */
        bad_rows;
    size_t n_bad_rows;
    const uint32_t *
        /* row i of the vectors is row row_map[i] of the chunk (NULL = i): for evaluating under a selection */
        row_map;
    char bad_text[256];    /* text of the last skipped row's error */
    struct arena *scratch; /* reset by the evaluator after each chunk */
    /* The statement's text, for the positions of row errors; NULL: the expressions are not all of one text. */
    const char *sql;
    size_t sql_size;
};
/* Row `row` has no value: in FAIL mode fills env->err (code LAMINAR_QUERY_FAILED) and returns true: the kernel returns
 * LAMINAR_QUERY_FAILED at once. Else marks the row null in `out` (and as bad in SKIP mode), returns false, and the kernel goes on. */
bool eval_fail(struct eval_env *env, struct column *out, size_t row, const char *format, ...)
    printf_like(4, 5);

/* --- Scalar functions ------------------------------------------------------------------------------------------------------------ */
struct bound_function;

/* Computes n rows. `out` has room for max(n, 1) values: data may be written at [0, n), out->n is set by the caller; strings go to out->heap
 * or borrow the arguments' bytes. For a strict function out's validity is already the AND of the arguments' (vec.validity NULL if
 * there are no nulls), and the kernel may compute under nulls or skip them; it only ever clears bits, through column_set_null or
 * eval_fail. A non-strict one sets validity itself. A kernel that is fallible must not report rows that are null on entry. Constant
 * arguments come as VEC_CONST; when all are, n is 1 and the caller makes the result const. */
typedef laminar_status (*scalar_kernel)(const struct bound_function *fn, struct eval_env *env,
                                        const struct vector *args, size_t n, struct column *out);

enum function_flags {
    FN_STRICT = 1, /* null in, null out */
    FN_FALLIBLE =
        2, /* can fail for some rows (so CASE, AND, OR must not evaluate rows they don't need) */
    FN_VOLATILE = 4,    /* another value each call: random(), uuid() */
    FN_STEP_STABLE = 8, /* one value a step: now(), proctime() */
    FN_MONOTONE =
        16 /* not decreasing in its first argument (keeps watermarks): date_trunc, tumble */
};

struct bound_function {
    const struct scalar_function *function;
    const char *name;
    scalar_kernel kernel;
    struct data_type result;
    struct data_type *arg_types; /* what the arguments are to be cast to */
    uint32_t n_args;
    uint32_t flags;
    const void *
        /* of the binding (a compiled pattern, a unit); in the plan's arena, or refcounted by `release` */
        data;
    void (*release)(const void *data);
};

/* Given n_args, arg_types (LAMINAR_TYPE_NULL for a literal null) and constant arguments, fills kernel, result, arg_types (to be cast
 * to), flags, data. `constants[i]` is a VEC_CONST vector where argument i is a literal, else NULL. Says which signatures exist when the
 * types don't fit. */
struct function_binding {
    struct arena *arena;
    struct bound_function *fn; /* name, n_args, arg_types as given: to be completed */
    const struct vector *const *constants;
    struct laminar_error *err;
};
typedef laminar_status (*scalar_bind)(struct function_binding *binding);

struct scalar_function {
    const char *name;
    const char *signature; /* "abs(x) -> same type" */
    const char *help;      /* one line */
    uint8_t n_args_min;
    uint8_t n_args_max; /* 255 = any number */
    scalar_bind bind;
    const void *param; /* of the family's bind (kernel table, opcode) */
};

/* NULL when there is none. Names are lower case. Operators have functions too, by their spelling: "+", "-", "*", "/", "%", "=", "<>", "<",
 * "<=", ">", ">=", "||", "~", "!~", "like", "ilike", "similar to", "not", "is_distinct_from", "and", "or" (the last two are expressions of their
 * own in plans), unary "-" is "negate". */
const struct scalar_function *function_find(const char *name);
/* Binds; the result lives in the arena. Unknown function: LAMINAR_QUERY_FAILED with the nearest name. */
laminar_status function_bind(struct arena *arena, const char *name,
                             const struct data_type *arg_types, uint32_t n_args,
                             const struct vector *const *constants, struct bound_function **out,
                             struct laminar_error *err) must_check;
/* For SHOW FUNCTIONS and completion: i = 0, 1, ... until NULL. */
const struct scalar_function *function_at(size_t i);

/* Runs a function over n rows as the kernels expect it: nulls of strict functions, all-constant arguments (n = 1, constant result). `out` is
 * of type fn->result; it is cleared first, and *result is a view of it (and of the arguments' string bytes). */
laminar_status function_eval(const struct bound_function *fn, struct eval_env *env,
                             const struct vector *args, size_t n, struct column *out,
                             struct vector *result) must_check;

/* --- Casts ------------------------------------------------------------------------------------------------------------------------- */
enum cast_kind { CAST_EXPLICIT = 0, CAST_TRY = 1 /* null instead of an error */ };
/* A function of one argument that casts; LAMINAR_QUERY_FAILED where there is no such cast. from == to gives a pass-through kernel. */
laminar_status cast_bind(struct arena *arena, struct data_type from, struct data_type to,
                         enum cast_kind kind, struct bound_function **out,
                         struct laminar_error *err) must_check;
/* True where an expression of type `from` may stand where `to` is asked without being told (int -> bigint -> decimal -> double, null ->
 * any, date -> timestamp, timestamp units; string literals -> any through `is_literal`). */
bool cast_is_implicit(struct data_type from, struct data_type to, bool is_literal);
/* The type both sides of a comparison, CASE branches, UNION columns ... are brought to; false if there is none. */
bool type_common(struct data_type a, struct data_type b, struct data_type *out);

/* --- Aggregates ---------------------------------------------------------------------------------------------------------------------- */
/* The state of one group is `state_size` bytes in the group's row, 8-byte aligned (16 where `state_align` says so); all zero is the
 * initial state. `rows[i] + offset` is where the state of input row i's group lies. States that hold strings take their memory from the
 * state table's heap (agg_heap), so that it is accounted, frozen and freed with the table. */
struct agg_heap {
    void *(*alloc)(struct agg_heap *heap, size_t size); /* NULL when memory is out */
    void (*free)(struct agg_heap *heap, void *ptr, size_t size);
};

struct bound_aggregate;

struct aggregate_kernels {
    uint32_t state_size;
    uint32_t state_align;
    bool is_retractable; /* update takes negative weights */
    bool
        /* the state is its own serialised form (no pointers); else encode/decode are set */
        is_plain_bytes;
    /* Adds n rows: row i with weight weights[i] (NULL = all +1) into the state at rows[i] + offset. Nulls are skipped inside. */
    laminar_status (*update)(const struct bound_aggregate *agg, struct agg_heap *heap,
                             uint8_t *const *rows, size_t offset, const struct vector *args,
                             const int64_t *weights, size_t n, struct laminar_error *err);
    /* All n rows into one state: aggregates without GROUP BY, and runs of one group. */
    laminar_status (*update_one)(const struct bound_aggregate *agg, struct agg_heap *heap,
                                 uint8_t *state, const struct vector *args, const int64_t *weights,
                                 size_t n, struct laminar_error *err);
    /* dst += src, for panes of windows and for shards. src stays valid. NULL when states can't be combined. */
    laminar_status (*combine)(const struct bound_aggregate *agg, struct agg_heap *heap,
                              uint8_t *dst, const uint8_t *src, struct laminar_error *err);
    /* Appends the values of the n states to `out`; a string value borrows the state's memory. */
    laminar_status (*finish)(const struct bound_aggregate *agg, uint8_t *const *rows, size_t offset,
                             size_t n, struct column *out, struct laminar_error *err);
    /* Not plain: gives back heap memory; serialises; restores (validating). */
    void (*destroy)(const struct bound_aggregate *agg, struct agg_heap *heap, uint8_t *state);
    laminar_status (*encode)(const struct bound_aggregate *agg, const uint8_t *state,
                             struct strbuf *out, struct laminar_error *err);
    laminar_status (*decode)(const struct bound_aggregate *agg, struct agg_heap *heap,
                             uint8_t *state, const uint8_t *data, size_t size, size_t *used,
                             struct laminar_error *err);
};

enum aggregate_flags {
    AGG_NEEDS_ORDER =
        /* the value depends on the order of rows (first_value, string_agg, array_agg): takes ORDER BY */
    1,
    AGG_IGNORES_DISTINCT = 2, /* min, max, bool_and ...: DISTINCT changes nothing */
    AGG_IS_SKETCH = 4         /* an approximation; append-only input only */
};

struct bound_aggregate {
    const struct aggregate_function *function;
    const char *name;
    struct data_type result;
    bool result_is_nullable;     /* count: never null */
    struct data_type *arg_types; /* to be cast to */
    uint32_t n_args;
    uint32_t flags;
    const void *data;
    /* The incremental form; NULL for functions that only exist over the multiset of their arguments (median, mode, ...). */
    const struct aggregate_kernels *kernels;
    /* What is used instead where rows are taken back: slower, but what was there before leaves no trace (sums of doubles). NULL: kernels. */
    const struct aggregate_kernels *retract_kernels;
    /* The holistic form: one value from the group's rows, sorted by the aggregate's ORDER BY or, without one, by their arguments; row i counts
     * weights[i] > 0 times (NULL = once). Appends one value to out. For median etc., for min/max and others under retraction, and as
     * the definition that tests compare the incremental form with. NULL where it makes no sense (sketches). */
    laminar_status (*finish_multiset)(const struct bound_aggregate *agg, const struct vector *args,
                                      const int64_t *weights, size_t n, struct column *out,
                                      struct laminar_error *err);
};

struct aggregate_binding {
    struct arena *arena;
    struct bound_aggregate *agg; /* name, n_args, arg_types as given: to be completed */
    const struct vector *const *constants;
    struct laminar_error *err;
};
struct aggregate_function {
    const char *name;
    const char *signature;
    const char *help;
    uint8_t n_args_min;
    uint8_t n_args_max;
    laminar_status (*bind)(struct aggregate_binding *binding);
    const void *param;
};
const struct aggregate_function *aggregate_find(
    const char *name); /* count(*) is "count" with no argument */
laminar_status aggregate_bind(struct arena *arena, const char *name,
                              const struct data_type *arg_types, uint32_t n_args,
                              const struct vector *const *constants, struct bound_aggregate **out,
                              struct laminar_error *err) must_check;
const struct aggregate_function *aggregate_at(size_t i);

/* --- Helpers for kernels --------------------------------------------------------------------------------------------------------------- */
/* Clears the validity bit of one row (making the bitmap where there is none). Fails only when memory is out. */
laminar_status column_set_null(struct column *out, size_t row, struct laminar_error *err)
    must_check;
/* Memory for a string result of `size` bytes in out->heap. */
char *column_string_alloc(struct column *out, size_t size);

#endif
