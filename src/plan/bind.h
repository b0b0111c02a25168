/* bind.h - what the files of the binder share: name scopes, the block that a SELECT is bound in,
 * subqueries.
 *
 * Binding one SELECT is a pass over its clauses in the order of their meaning: FROM makes a plan
 * and a scope, WHERE filters it, GROUP BY and aggregates (collected while the select list,
 * HAVING and ORDER BY are bound) put a PLAN_AGGREGATE over it, the select list is a
 * PLAN_PROJECT.
 *
 * In a grouped SELECT, expressions are first bound over the rows of FROM, with stand-ins
 * (columns from STAND_IN_* on) for aggregates, window bounds, window functions and subqueries; once all are known,
 * block_finish_expr replaces what equals a group key, and the stand-ins, by columns of the
 * aggregate. What is left then is a column that is neither grouped nor aggregated: an error. */
#ifndef PLAN_BIND_H
#define PLAN_BIND_H

#include "function/user.h"
#include "plan/plan_internal.h"
#include "sql/printer.h"

enum {
    STAND_IN_AGGREGATE = 1 << 28,
    STAND_IN_WINDOW = 2 << 28, /* + 0: start, + 1: end */
    STAND_IN_SUBQUERY = 3 << 28,
    STAND_IN_OVER = 4 << 28, /* call of a window function */
    STAND_IN_MASK = 7 << 28,
    SUBQUERY_COLUMNS_MAX = 4096
};

struct cte {
    const struct ast_cte *ast;
    struct cte *visible; /* what its own query may use; itself when recursive */
    bool is_binding;     /* its query is being bound: a use now is a recursion */
    bool is_recursive;   /* there was one */
    uint32_t recursion;
    struct plan *first; /* recursive: the first part, whose columns are those of all rows */
    struct cte *next;
};

struct binder {
    struct plan_context *ctx;
    struct cte *ctes; /* visible here */
    uint32_t depth;   /* 0: the statement's own query */
};

struct scope_column {
    const char *table; /* alias; NULL: only the bare name reaches it */
    const char *name;
    uint32_t column; /* of the block's plan */
    /* USING, FULL or RIGHT: what the bare name and * mean; NULL: the column itself */
    struct expr *merged;
    bool is_hidden; /* right side of USING: only as table.name */
};
struct scope {
    struct scope_column *cols;
    uint32_t n;
};

/* What FROM, or one table of it, has made. */
struct from_item {
    struct plan *plan;
    struct scope scope;
};

/* Where an expression stands: what it may contain, and how errors call the place. */
struct clause {
    const char *name;
    bool allows_aggregates;
    bool allows_subqueries;
    bool allows_aliases;      /* of the select list */
    bool allows_aliases_last; /* the same, but columns of enclosing queries come first */
    bool allows_unnest;
    bool allows_overs; /* window functions */
};

/* A subquery of a grouped SELECT that waits for the aggregate: LEFT joined to it then. Its
 * column c is STAND_IN_SUBQUERY + i * SUBQUERY_COLUMNS_MAX + c. */
struct pending_join {
    struct plan *sub;
    struct expr_list preds; /* EXPR_OUTER: the block's FROM; EXPR_COLUMN: sub */
    bool is_general;        /* sub has outer columns of its own, see detach.h */
    uint32_t offset;
    uint32_t base; /* first of its columns in the block's plan, once joined */
};

/* A call of a window function, with expressions over the rows of FROM until block_make_overs. */
struct over_item {
    struct over_call call;
    struct expr_list partition, order;
    struct sort_key *keys;          /* of `order`: column is the index */
    struct expr *key, *start, *end; /* RANGE with offsets: compared with, edges (either or both) */
    uint32_t sql_offset;
    uint32_t column; /* of the block's plan, once it is made */
};

struct select_block {
    struct binder *b;
    struct plan_context *ctx;
    struct select_block *parent; /* the enclosing query, for correlation */
    struct plan *plan;           /* NULL: nothing that a subquery could be joined to */
    struct scope scope;
    struct clause clause;
    const struct ast_select *select;
    uint32_t alias_depth;
    struct plan *aggregate; /* once it is made: expressions bound before are then finished */

    bool is_grouped;
    struct expr_list group;
    const char **group_names;
    uint64_t *grouping_sets;  /* bit i: key i is in the set */
    uint32_t n_grouping_sets; /* 0: a plain GROUP BY */
    struct window_spec window;
    struct aggregate_call *aggs;
    const char **agg_names;
    uint32_t n_aggs, agg_capacity;
    struct pending_join *pending;
    uint32_t n_pending;
    /* FROM a, UNNEST(a.x) u JOIN b ...: what the next lateral table stands beside; taken by it */
    struct from_item *lateral_left;
    struct plan *unnest; /* of the select list: the node that further UNNESTs join */
    struct over_item *overs;
    uint32_t n_overs, over_capacity;
};

/* --- Expressions (bind_expr.c, bind_literal.c, bind_function.c) ------------------------------- */
laminar_status bind_expr(struct select_block *q, const struct ast_expr *ast, struct expr **out)
    must_check;
laminar_status bind_literal(struct select_block *q, const struct ast_expr *ast, struct expr **out)
    must_check;
laminar_status bind_function(struct select_block *q, const struct ast_expr *ast, struct expr **out)
    must_check;
laminar_status bind_column(struct select_block *q, const struct ast_expr *ast, struct expr **out)
    must_check;
/* Binds n expressions into a new array in the arena. */
laminar_status bind_exprs(struct select_block *q, struct ast_expr *const *asts, size_t n,
                          struct expr ***out) must_check;
/* `ast` as a whole number >= 0 that is known now: LIMIT, OFFSET. */
laminar_status bind_count(struct select_block *q, const struct ast_expr *ast, const char *what,
                          uint64_t *out, bool *is_null) must_check;
/* An INTERVAL without months, or whole milliseconds, as microseconds. */
laminar_status bind_duration(struct select_block *q, const struct ast_expr *ast, const char *what,
                             int64_t *out_us) must_check;
laminar_status duration_of(struct plan_context *ctx, const struct expr *constant, const char *what,
                           int64_t *out_us) must_check;
/* Does the tree (outside subqueries) call an aggregate? */
bool ast_has_aggregate(const struct plan_context *ctx, const struct ast_expr *ast);
static inline bool is_aggregate_name(const struct plan_context *ctx, const char *name)
{
    return aggregate_find(name) || library_has_aggregate(ctx->functions, name);
}
/* Calls visit for the direct children. */
void ast_visit_children(const struct ast_expr *ast,
                        void (*visit)(void *ctx, const struct ast_expr *child), void *ctx);
/* The name of a column, alias or function for a plan: AST names live in the parser's arena,
 * plans outlive it. */
laminar_status bind_name(struct plan_context *ctx, const char *text, const char **out) must_check;

/* --- Scopes (scope.c) ------------------------------------------------------------------------- */
laminar_status scope_of_plan(struct plan_context *ctx, const struct plan *plan, const char *table,
                             struct scope *out) must_check;
/* left ++ right, right's columns moved by n_left. */
laminar_status scope_concat(struct plan_context *ctx, const struct scope *left,
                            const struct scope *right, uint32_t n_left, struct scope *out)
    must_check;
bool scope_has_table(const struct scope *scope, const char *table);
/* The column that a name means: -1 none, -2 ambiguous. `table` may be NULL. */
int32_t scope_find(const struct scope *scope, const char *table, const struct ast_name *name);
/* An expression for scope column i, over the block's plan. `by_bare_name`: merged columns of
 * USING. */
laminar_status scope_expr(struct select_block *q, const struct scope_column *col, bool by_bare_name,
                          uint32_t offset, struct expr **out) must_check;
void scope_offer_names(const struct scope *scope, struct nearest_name *nearest);

/* --- Clauses ---------------------------------------------------------------------------------- */
laminar_status bind_query(struct binder *b, struct select_block *parent,
                          const struct ast_query *query, struct plan **out) must_check;
laminar_status bind_select(struct binder *b, struct select_block *parent,
                           const struct ast_select *select, const struct ast_query *query,
                           struct plan **out) must_check;
laminar_status bind_body(struct binder *b, struct select_block *parent,
                         const struct ast_query_body *body, struct plan **out) must_check;
/* UNION, INTERSECT, EXCEPT (bind_set.c) */
laminar_status bind_set_operation(struct binder *b, struct select_block *parent,
                                  const struct ast_query_body *body, struct plan **out) must_check;
/* WITH RECURSIVE (bind_recursive.c) */
laminar_status bind_recursive(struct binder *b, struct cte *cte, struct plan **out) must_check;
laminar_status bind_working(struct select_block *q, struct cte *cte,
                            const struct ast_table_ref *ref, struct plan **out) must_check;
/* Makes the common table expressions of the query visible. */
laminar_status bind_ctes(struct binder *b, const struct ast_query *query) must_check;
laminar_status bind_from(struct select_block *q, const struct ast_select *select) must_check;
laminar_status bind_table_ref(struct select_block *q, const struct ast_table_ref *ref,
                              struct from_item *out) must_check;
laminar_status bind_join(struct select_block *q, const struct ast_table_ref *ref,
                         struct from_item *out) must_check;
/* A table that may speak of those before it, and its join with them. */
bool table_is_lateral(const struct ast_table_ref *ref);
laminar_status bind_lateral(struct select_block *q, struct from_item *left,
                            const struct ast_table_ref *ref, bool is_outer, struct from_item *out)
    must_check;
/* bind_temporal.c: what FOR SYSTEM_TIME AS OF on the right side makes of a join that is bound
 * otherwise; TEMPORAL PROBE. */
laminar_status bind_system_time(struct select_block *q, const struct ast_join *ast,
                                const struct from_item *left, struct plan **node) must_check;
laminar_status bind_probe_join(struct select_block *q, const struct ast_join *ast,
                               const struct from_item *left, const struct from_item *right,
                               struct from_item *out) must_check;
laminar_status bind_asof(struct select_block *q, const struct ast_table_ref *ref,
                         struct from_item *left, struct from_item *right, struct from_item *out)
    must_check;
/* An error if a table name of `right` is one of `left`, too. */
laminar_status check_table_names(struct select_block *q, const struct scope *left,
                                 const struct scope *right, uint32_t offset) must_check;
/* UNNEST, generate_series, range (bind_unnest.c). In FROM: over what stands before it, which may
 * be NULL; is_outer: LEFT JOIN ... ON true. */
bool table_is_unnest(const struct ast_table_ref *ref);
laminar_status bind_unnest(struct select_block *q, struct from_item *left,
                           const struct ast_table_ref *ref, bool is_outer, struct from_item *out)
    must_check;
/* SELECT unnest FROM UNNEST(array), as a plan. */
laminar_status make_unnest_query(struct select_block *q, struct expr *array, struct plan **out)
    must_check;
/* In the select list. unnest(a struct) stands for its fields. */
bool ast_is_unnest(const struct ast_expr *ast);
laminar_status bind_unnest_call(struct select_block *q, const struct ast_expr *ast,
                                struct expr **out) must_check;
laminar_status bind_unnest_struct(struct select_block *q, const struct ast_expr *ast,
                                  struct expr **out, bool *is_struct) must_check;
laminar_status bind_cross(struct select_block *q, struct from_item *left, struct from_item *right,
                          uint32_t offset, struct from_item *out) must_check;
/* Binds an ON condition over both sides' columns and splits it into conjuncts. */
laminar_status bind_join_condition(struct select_block *q, const struct ast_expr *on,
                                   const struct scope *scope, struct plan *left, struct plan *right,
                                   struct expr_list *out) must_check;
/* Takes the equalities between the sides out of `conjuncts` into the join's keys (in place: the
 * rest stays). */
laminar_status join_take_keys(struct plan_context *ctx, struct plan *join,
                              struct expr_list *conjuncts) must_check;
laminar_status join_add_key(struct plan_context *ctx, struct plan *join, struct expr *left,
                            struct expr *right) must_check;
/* The condition of QUALIFY, over the select's rows and window functions; NULL: none. */
laminar_status bind_qualify(struct select_block *q, struct expr **out) must_check;
laminar_status bind_where(struct select_block *q, const struct ast_expr *where) must_check;

laminar_status bind_group_by(struct select_block *q) must_check;
laminar_status bind_aggregate_call(struct select_block *q, const struct ast_expr *ast,
                                   struct expr **out) must_check;
bool aggregate_call_equal(const struct aggregate_call *a, const struct aggregate_call *b);
/* Arguments, FILTER, ORDER BY and DISTINCT of an aggregate call. */
laminar_status bind_aggregate_parts(struct select_block *q, const struct ast_expr *ast,
                                    const char *name, struct aggregate_call *call) must_check;
/* Puts the aggregate (and pending subqueries) over q->plan. */
laminar_status block_make_aggregate(struct select_block *q) must_check;
laminar_status block_finish_expr(struct select_block *q, struct expr **e) must_check;

/* One expression of GROUP BY; sets the bits of its keys in *keys (may be NULL). */
laminar_status bind_group_key(struct select_block *q, const struct ast_expr *ast, uint64_t *keys,
                              bool *is_window) must_check;
/* GROUPING SETS, ROLLUP, CUBE (bind_grouping.c) */
laminar_status bind_grouping_sets(struct select_block *q) must_check;
laminar_status bind_grouping_function(struct select_block *q, const struct ast_expr *ast,
                                      struct expr **out) must_check;
bool is_grouping_stand_in(uint32_t column);
/* Puts the copies of the rows over q->plan, and gives the aggregate's keys. */
laminar_status block_expand_groups(struct select_block *q, struct expr ***group,
                                   const char ***names, uint32_t *n_group) must_check;

/* Window functions (bind_over.c). In the end block_make_overs puts the nodes over q->plan, and
 * block_finish_over replaces the stand-ins. */
laminar_status bind_over(struct select_block *q, const struct ast_expr *ast, struct expr **out)
    must_check;
bool over_function_known(const char *name);
laminar_status block_make_overs(struct select_block *q) must_check;
void block_finish_over(const struct select_block *q, struct expr *e);

/* Windows (bind_window.c). True when the name is one of the window functions. */
bool window_function_known(const char *name);
laminar_status bind_window_group(struct select_block *q, const struct ast_expr *ast,
                                 bool *is_window) must_check;
laminar_status bind_window_bound(struct select_block *q, const struct ast_expr *ast,
                                 struct expr **out) must_check;
laminar_status bind_window_name(struct select_block *q, const struct ast_name *name,
                                uint32_t offset, struct expr **out) must_check;
laminar_status bind_window_table(struct select_block *q, const struct ast_table_ref *ref,
                                 struct plan **out) must_check;

/* Subqueries (bind_subquery.c) */
laminar_status bind_scalar_subquery(struct select_block *q, const struct ast_expr *ast,
                                    struct expr **out) must_check;
laminar_status bind_exists(struct select_block *q, const struct ast_expr *ast, struct expr **out)
    must_check;
laminar_status bind_in_query(struct select_block *q, const struct ast_expr *ast,
                             const struct ast_expr *operand, const struct ast_query *query,
                             bool is_negated, struct expr **out) must_check;
laminar_status bind_array_query(struct select_block *q, const struct ast_expr *ast,
                                struct expr **out) must_check;
laminar_status bind_quantified(struct select_block *q, const struct ast_expr *ast,
                               struct expr **out) must_check;
/* Joins a subquery that may use q's columns to q->plan (kind: INNER or LEFT): its column c, named names[c], is column base + c, or
 * base + map[c]. */
struct lateral {
    enum join_kind kind;
    const struct plan_column *names;
    uint32_t n_cols;
    uint32_t base;
    uint32_t *map; /* NULL: as they are */
};
laminar_status bind_lateral_query(struct select_block *q, const struct ast_query *query,
                                  struct lateral *lateral) must_check;
/* If the conjunct of a WHERE is [NOT] EXISTS or [NOT] IN, q->plan is joined with it and *done
 * set. */
laminar_status bind_subquery_condition(struct select_block *q, const struct ast_expr *ast,
                                       bool *done) must_check;
laminar_status block_attach_pending(struct select_block *q) must_check;

#endif
