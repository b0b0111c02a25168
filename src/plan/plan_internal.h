/* plan_internal.h - what the files of the planner share: errors with positions, building
 * expressions and nodes, walking them.
 *
 * Everything is allocated in ctx->arena and never freed singly. An expression node belongs to
 * exactly one place of one plan: whoever needs it twice copies it, so that rewrites may change
 * columns in place. */
#ifndef PLAN_PLAN_INTERNAL_H
#define PLAN_PLAN_INTERNAL_H

#include "plan/plan.h"

enum {
    /* CTEs are bound at each use: keeps a chain of them from exploding */
    PLAN_NODES_MAX = 20000,
    SUBSTITUTED_SIZE_MAX = 2000, /* nodes of an expression that a rewrite may make */
};

/* --- Errors (plan_error.c) -------------------------------------------------------------------- */
/* error_set with the position of byte `offset` of the SQL text. Add error_hint(ctx->err, ...)
 * afterwards. */
laminar_status plan_error(struct plan_context *ctx, laminar_status code, uint32_t offset,
                          const char *format, ...) printf_like(4, 5);
/* LAMINAR_QUERY_UNSUPPORTED; hint may be NULL. */
laminar_status plan_unsupported(struct plan_context *ctx, uint32_t offset, const char *what,
                                const char *hint);
laminar_status plan_oom(struct plan_context *ctx);
/* Adds the position to an error that a lower layer has filled. */
laminar_status plan_located(struct plan_context *ctx, laminar_status status, uint32_t offset);
/* Candidates for "did you mean": offer names, then take the nearest, NULL if none is near
 * enough. */
struct nearest_name {
    const char *wanted;
    const char *best;
    size_t distance;
};
void nearest_offer(struct nearest_name *nearest, const char *name);

#define ALLOC_OR_FAIL(ctx, var, expr)                                                              \
    do {                                                                                           \
        (var) = (expr);                                                                            \
        if (unlikely(!(var))) return plan_oom(ctx);                                                \
    } while (0)
/* Passes failure up from functions that have nothing to clean up: all memory is the arena's. */
#define CHECK(expr)                                                                                \
    do {                                                                                           \
        laminar_status check_status_ = (expr);                                                     \
        if (unlikely(check_status_ != LAMINAR_OK)) return check_status_;                           \
    } while (0)

/* --- Expressions (expr.c, expr_const.c) ------------------------------------------------------- */
struct expr_list {
    struct expr **items;
    uint32_t n;
    uint32_t capacity;
};
laminar_status expr_list_push(struct plan_context *ctx, struct expr_list *list, struct expr *e)
    must_check;

struct expr *expr_new(struct arena *arena, enum expr_kind kind, struct data_type type,
                      uint32_t n_args);
/* Appends the conjuncts of e (itself, unless it is an AND). */
laminar_status expr_split_and(struct plan_context *ctx, struct expr *e, struct expr_list *out)
    must_check;
/* AND of all; NULL for none. */
laminar_status expr_make_and(struct plan_context *ctx, const struct expr_list *list,
                             struct expr **out) must_check;
/* A copy of e in which column i is a copy of with[i]. */
struct expr *expr_substitute(struct arena *arena, const struct expr *e, struct expr *const *with);
/* Columns in place: c becomes map[c]. */
void expr_remap(struct expr *e, const uint32_t *map);
/* Adds delta to all columns, in place. */
void expr_shift(struct expr *e, int64_t delta);
/* used[c] = true for all columns c of e. */
void expr_mark_columns(const struct expr *e, bool *used);
/* Counts uses. */
void expr_count_columns(const struct expr *e, uint32_t *counts);
size_t expr_size(const struct expr *e);
bool expr_has_columns(const struct expr *e);
bool expr_is_random(const struct expr *e); /* FN_VOLATILE somewhere */
bool expr_has_outer(const struct expr *e);
/* All columns are in [from, to). True without columns. */
bool expr_columns_within(const struct expr *e, uint32_t from, uint32_t to);
/* A call of the function (by its name in the registry) with just these arguments? */
bool expr_is_call(const struct expr *e, const char *name);
bool expr_is_const_null(const struct expr *e);
bool expr_is_const_bool(const struct expr *e, bool value);

struct expr *const_null(struct arena *arena, struct data_type type);
struct expr *const_bool(struct arena *arena, bool value);
struct expr *const_int64(struct arena *arena, int64_t value);
struct expr *const_string(struct arena *arena, const char *text, size_t size);
/* fixed-width */
struct expr *const_bytes(struct arena *arena, struct data_type type, const void *value,
                         size_t size);
/* The same integer as a value of another numeric type; NULL when it does not fit exactly (or
 * memory is out: then the cast stays). */
struct expr *const_int_as(struct arena *arena, const struct expr *e, struct data_type type);
/* Value of a non-null integer constant. */
bool const_get_int64(const struct expr *e, int64_t *out);

/* Calls by name: casts arguments as the function asks. Fails with the position of `offset`. */
laminar_status make_call(struct plan_context *ctx, const char *name, struct expr **args,
                         uint32_t n_args, uint32_t offset, struct expr **out) must_check;
/* The same for operators: errors speak of the operator and its operands' types. */
laminar_status make_operator(struct plan_context *ctx, const char *name, struct expr **args,
                             uint32_t n_args, uint32_t offset, struct expr **out) must_check;
laminar_status make_cast(struct plan_context *ctx, struct expr *e, struct data_type to,
                         enum cast_kind kind, struct expr **out) must_check;
/* Brings e to a type as an implicit conversion; the caller has checked that there is one.
 * Literals are parsed at once. */
laminar_status make_coerced(struct plan_context *ctx, struct expr *e, struct data_type to,
                            struct expr **out) must_check;
/* The common type of n expressions, string literals adapting to the others; then casts all.
 * `what` for the error: "CASE branches". */
laminar_status make_common(struct plan_context *ctx, struct expr **items, uint32_t n,
                           const char *what, struct data_type *out_type) must_check;
/* An integer literal beside an expression of another numeric type takes that type, where it
 * fits. */
void make_adapted(struct plan_context *ctx, struct expr **literal, const struct expr *other);
laminar_status make_comparison(struct plan_context *ctx, const char *op, struct expr *left,
                               struct expr *right, uint32_t offset, struct expr **out) must_check;
/* A BOOL condition, or an error that names the clause. */
laminar_status make_condition(struct plan_context *ctx, struct expr *e, const char *clause,
                              struct expr **out) must_check;
/* A constant that is known now: folded, or an error saying what must be constant. */
laminar_status make_known(struct plan_context *ctx, struct expr *e, const char *what,
                          struct expr **out) must_check;

/* --- Nodes (plan_node.c) ---------------------------------------------------------------------- */
laminar_status plan_new(struct plan_context *ctx, enum plan_kind kind, uint32_t n_inputs,
                        uint32_t n_cols, struct plan **out) must_check;
/* Same columns as the input. */
laminar_status plan_new_over(struct plan_context *ctx, enum plan_kind kind, struct plan *input,
                             struct plan **out) must_check;
laminar_status plan_make_filter(struct plan_context *ctx, struct plan *input,
                                struct expr *predicate, struct plan **out) must_check;
/* Columns are named as given; types and nullability come from the expressions. */
laminar_status plan_make_project(struct plan_context *ctx, struct plan *input, struct expr **exprs,
                                 const char *const *names, uint32_t n, struct plan **out)
    must_check;
/* Keeps columns map[0..n) of the input. */
laminar_status plan_make_selection(struct plan_context *ctx, struct plan *input,
                                   const uint32_t *columns, uint32_t n, struct plan **out)
    must_check;
laminar_status plan_make_scan(struct plan_context *ctx, struct relation *relation,
                              const char *alias, struct plan **out) must_check;
/* Columns and nullability by kind; keys and predicate are the caller's to set. */
laminar_status plan_make_join(struct plan_context *ctx, enum join_kind kind, struct plan *left,
                              struct plan *right, struct plan **out) must_check;
/* Input columns of a join: right columns are nullable in its output, left ones ... */
static inline bool join_keeps_right(enum join_kind kind)
{
    return kind != JOIN_SEMI && kind != JOIN_ANTI;
}
laminar_status plan_make_distinct(struct plan_context *ctx, struct plan *input, struct plan **out)
    must_check;
/* Column layout of an aggregate from its window, group, aggs; names: of groups then aggregates. */
laminar_status plan_set_aggregate_columns(struct plan_context *ctx, struct plan *aggregate,
                                          const char *const *group_names,
                                          const char *const *agg_names) must_check;
static inline uint32_t aggregate_group_at(const struct plan *p)
{
    return p->window.kind != WINDOW_NONE ? 2 : 0;
}
static inline uint32_t aggregate_aggs_at(const struct plan *p)
{
    return aggregate_group_at(p) + p->n_group;
}
/* Constant rows: cells[row * n_cols + col]. */
laminar_status plan_make_values(struct plan_context *ctx, struct expr **cells, size_t n_rows,
                                uint32_t n_cols, struct plan **out) must_check;

/* A tree of its own (plan_copy.c). Of plans that are not finished: properties are not copied. */
laminar_status plan_copy(struct plan_context *ctx, const struct plan *plan, struct plan **out)
    must_check;

/* Is there an aggregate of time windows in it? */
bool plan_has_window(const struct plan *plan);

/* Calls fn for every expression that the node itself holds (not its inputs'); fn may replace it.
 * Stops at the first failure. Columns are those of the input; for joins `side` says which: 0
 * left ++ right, 1 left alone, 2 right alone. */
struct expr_visitor {
    laminar_status (*visit)(struct expr_visitor *visitor, struct expr **e, int side);
    struct plan_context *ctx;
    void *data;
};
laminar_status plan_visit_exprs(struct plan *plan, struct expr_visitor *visitor) must_check;
bool plan_has_outer(const struct plan *plan);

/* Input columns that the frame of a call names. */
void over_frame_mark(const struct over_frame *frame, bool *used);
void over_frame_remap(struct over_frame *frame, const uint32_t *map);

/* --- Passes ----------------------------------------------------------------------------------- */
/* whole tree */
laminar_status plan_compute_properties(struct plan_context *ctx, struct plan *plan) must_check;
laminar_status plan_rewrite(struct plan_context *ctx, struct plan **plan) must_check;
laminar_status rewrite_fold(struct plan_context *ctx, struct plan **plan) must_check;
laminar_status rewrite_fold_expr(struct plan_context *ctx, struct expr **e) must_check;
laminar_status rewrite_push_filters(struct plan_context *ctx, struct plan **plan) must_check;
laminar_status rewrite_join_order(struct plan_context *ctx, struct plan **plan) must_check;
laminar_status rewrite_merge_projects(struct plan_context *ctx, struct plan **plan) must_check;
laminar_status rewrite_prune(struct plan_context *ctx, struct plan **plan) must_check;
laminar_status rewrite_interval_joins(struct plan_context *ctx, struct plan **plan) must_check;
/* streams only */
laminar_status rewrite_time_filters(struct plan_context *ctx, struct plan **plan) must_check;
laminar_status rewrite_lookup_joins(struct plan_context *ctx, struct plan **plan) must_check;
laminar_status rewrite_top_n(struct plan_context *ctx, struct plan **plan) must_check;
/* In place of a SESSION table: its rows, with the bounds of their sessions (session_rows.c). */
laminar_status plan_make_session_rows(struct plan_context *ctx, struct plan **table) must_check;
laminar_status rewrite_window_tables(struct plan_context *ctx, struct plan **plan) must_check;
laminar_status rewrite_window_ends(struct plan_context *ctx, struct plan *plan) must_check;
/* the last one: see bind_recursive.c */
laminar_status rewrite_recursive(struct plan_context *ctx, struct plan **plan) must_check;
/* EMIT, ALLOW LATENESS: resolves and checks, after rewriting; EMIT EVERY may put a node on top. */
laminar_status plan_resolve_emit(struct plan_context *ctx, struct plan **plan,
                                 const struct ast_query *query) must_check;
enum emit_mode plan_emit_mode(enum ast_emit_kind kind);
/* Refuses what a stream can't keep right: see stream_check.c. */
laminar_status plan_check_stream(struct plan_context *ctx, struct plan *plan) must_check;

#endif
