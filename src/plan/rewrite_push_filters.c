/* rewrite_push_filters.c - predicates sink to where their columns come from; on the way
 * equalities between the inputs of an inner join become its keys (so that FROM a, b WHERE a.k =
 * b.k is a hash join), and an outer join whose missing rows would be filtered out becomes inner.
 *
 * A conjunct that can fail (a cast, a division) does not overtake one that stays behind, which
 * may be its guard: x <> 0 AND 1 / x > 2. */
#include "plan/bind.h"

static laminar_status push(struct plan_context *ctx, struct plan **node, struct expr_list *preds);

static laminar_status place(struct plan_context *ctx, struct plan **node,
                            const struct expr_list *preds)
{
    struct expr *predicate;
    CHECK(expr_make_and(ctx, preds, &predicate));
    return predicate ? plan_make_filter(ctx, *node, predicate, node) : LAMINAR_OK;
}

/* May e go below, when `stays` conjuncts before it do not? What is one value a step (now()) may, and bounds what is kept above. */
static bool may_sink(const struct expr *e, const struct expr_list *stays)
{
    return !expr_is_random(e) && (stays->n == 0 || !expr_is_fallible(e));
}

/* Splits preds into those whose columns are all in [from, to), and the others. */
static laminar_status split_by_columns(struct plan_context *ctx, const struct expr_list *preds,
                                       uint32_t from, uint32_t to, struct expr_list *sink,
                                       struct expr_list *stay)
{
    for (uint32_t i = 0; i < preds->n; i++) {
        struct expr *e = preds->items[i];
        bool sinks = expr_has_columns(e) && expr_columns_within(e, from, to) && may_sink(e, stay);
        CHECK(expr_list_push(ctx, sinks ? sink : stay, e));
    }
    return LAMINAR_OK;
}

static laminar_status push_filter(struct plan_context *ctx, struct plan **node,
                                  struct expr_list *preds)
{
    struct expr_list all = {0};
    CHECK(expr_split_and(ctx, (*node)->predicate, &all));
    for (uint32_t i = 0; i < preds->n; i++) CHECK(expr_list_push(ctx, &all, preds->items[i]));
    *node = (*node)->inputs[0];
    return push(ctx, node, &all);
}

/* e over the projection's output, as an expression over its input; NULL when that would compute
 * something twice that must not be. */
static laminar_status through_project(struct plan_context *ctx, const struct plan *project,
                                      const struct expr *e, struct expr **out)
{
    struct expr *below;
    bool *used;
    *out = NULL;
    ALLOC_OR_FAIL(ctx, used, ARENA_ARRAY(ctx->arena, bool, project->n_cols + 1));
    memset(used, 0, project->n_cols + 1);
    expr_mark_columns(e, used);
    for (uint32_t i = 0; i < project->n_cols; i++)
        if (used[i] && expr_is_volatile(project->exprs[i])) return LAMINAR_OK;
    ALLOC_OR_FAIL(ctx, below, expr_substitute(ctx->arena, e, project->exprs));
    *out = expr_size(below) > SUBSTITUTED_SIZE_MAX ? NULL : below;
    return LAMINAR_OK;
}

static laminar_status push_project(struct plan_context *ctx, struct plan **node,
                                   struct expr_list *preds)
{
    struct expr_list sink = {0}, stay = {0};
    for (uint32_t i = 0; i < preds->n; i++) {
        struct expr *below = NULL;
        if (may_sink(preds->items[i], &stay))
            CHECK(through_project(ctx, *node, preds->items[i], &below));
        CHECK(expr_list_push(ctx, below ? &sink : &stay, below ? below : preds->items[i]));
    }
    CHECK(push(ctx, &(*node)->inputs[0], &sink));
    return place(ctx, node, &stay);
}

/* A condition on the bounds of a window table's windows: it stays above the aggregate, which then stands right above the table and takes it over. */
static bool is_on_bounds(const struct plan *aggregate, const struct expr *e)
{
    const struct plan *input = aggregate->inputs[0];
    while (input->kind == PLAN_FILTER) input = input->inputs[0];
    return input->kind == PLAN_WINDOW_TABLE && !expr_columns_within(e, 0, input->inputs[0]->n_cols);
}

/* Conditions on group keys hold for all rows of a group or for none. */
static laminar_status push_aggregate(struct plan_context *ctx, struct plan **node,
                                     struct expr_list *preds)
{
    struct plan *aggregate = *node;
    uint32_t at = aggregate_group_at(aggregate);
    struct expr_list on_keys = {0}, stay = {0}, sink = {0};
    CHECK(split_by_columns(ctx, preds, at, at + aggregate->n_group, &on_keys, &stay));
    for (uint32_t i = 0; i < on_keys.n; i++) {
        struct expr *below = expr_copy(ctx->arena, on_keys.items[i]);
        if (!below) return error_oom(ctx->err);
        expr_shift(below, -(int64_t)at);
        below = expr_substitute(ctx->arena, below, aggregate->group);
        if (below && is_on_bounds(aggregate, below))
            CHECK(expr_list_push(ctx, &stay, on_keys.items[i]));
        else
            CHECK(expr_list_push(ctx, &sink, below));
    }
    CHECK(push(ctx, &aggregate->inputs[0], &sink));
    return place(ctx, node, &stay);
}

static laminar_status push_union(struct plan_context *ctx, struct plan **node,
                                 struct expr_list *preds)
{
    struct expr_list stay = {0}, sink = {0};
    for (uint32_t i = 0; i < preds->n; i++)
        CHECK(
            expr_list_push(ctx, may_sink(preds->items[i], &stay) ? &sink : &stay, preds->items[i]));
    for (uint32_t i = 0; i < (*node)->n_inputs; i++) {
        struct expr_list copies = {0};
        for (uint32_t j = 0; j < sink.n; j++)
            CHECK(expr_list_push(ctx, &copies, expr_copy(ctx->arena, sink.items[j])));
        CHECK(push(ctx, &(*node)->inputs[i], &copies));
    }
    return place(ctx, node, &stay);
}

/* Conditions on columns that are passed on keep all copies of a row or none. */
static laminar_status push_unnest(struct plan_context *ctx, struct plan **node,
                                  struct expr_list *preds)
{
    struct plan *plan = *node;
    struct expr_list sink = {0}, stay = {0};
    CHECK(split_by_columns(ctx, preds, 0, plan->n_pass, &sink, &stay));
    for (uint32_t i = 0; i < sink.n; i++) expr_remap(sink.items[i], plan->pass);
    CHECK(push(ctx, &plan->inputs[0], &sink));
    return place(ctx, node, &stay);
}

/* Top-N and window functions: conditions on whole partitions. */
static laminar_status push_top_n(struct plan_context *ctx, struct plan **node,
                                 struct expr_list *preds)
{
    struct expr_list sink = {0}, stay = {0};
    bool *is_partition;
    ALLOC_OR_FAIL(ctx, is_partition, ARENA_ARRAY(ctx->arena, bool, (*node)->n_cols + 1));
    for (uint32_t i = 0; i < (*node)->n_partition; i++) is_partition[(*node)->partition[i]] = true;
    for (uint32_t i = 0; i < preds->n; i++) {
        struct expr *e = preds->items[i];
        bool *used, sinks = expr_has_columns(e) && may_sink(e, &stay);
        ALLOC_OR_FAIL(ctx, used, ARENA_ARRAY(ctx->arena, bool, (*node)->n_cols + 1));
        expr_mark_columns(e, used);
        for (uint32_t c = 0; c < (*node)->n_cols; c++)
            sinks = sinks && (!used[c] || is_partition[c]);
        CHECK(expr_list_push(ctx, sinks ? &sink : &stay, e));
    }
    CHECK(push(ctx, &(*node)->inputs[0], &sink));
    return place(ctx, node, &stay);
}

/* --- Joins ------------------------------------------------------------------------------------ */

/* Is e null whenever the columns from n_left on are all null? */
static bool is_null_then(const struct expr *e, uint32_t n_left)
{
    if (e->kind == EXPR_COLUMN) return e->column >= n_left;
    if (e->kind == EXPR_IN_LIST) return is_null_then(e->args[0], n_left);
    if (e->kind != EXPR_CALL || !(e->fn->flags & FN_STRICT)) return false;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (is_null_then(e->args[i], n_left)) return true;
    return false;
}

/* Is the condition e null or false then? NOTE: that NOT of a false one is true is why the two are apart. */
static bool rejects_nulls(const struct expr *e, uint32_t n_left)
{
    if (expr_is_call(e, "is_not_null")) return is_null_then(e->args[0], n_left);
    if (e->kind != EXPR_AND && e->kind != EXPR_OR) return is_null_then(e, n_left);
    bool any = false, all = true;
    for (uint32_t i = 0; i < e->n_args; i++) {
        bool rejects = rejects_nulls(e->args[i], n_left);
        any |= rejects;
        all &= rejects;
    }
    return e->kind == EXPR_AND ? any : all;
}

static void left_to_inner(struct plan *join, const struct expr_list *preds)
{
    uint32_t n_left = join->inputs[0]->n_cols;
    bool rejects = false;
    for (uint32_t i = 0; i < preds->n && !rejects; i++)
        rejects = rejects_nulls(preds->items[i], n_left);
    if (!rejects) return;
    join->join_kind = JOIN_INNER;
    for (uint32_t i = n_left; i < join->n_cols; i++)
        join->cols[i].is_nullable = join->inputs[1]->cols[i - n_left].is_nullable;
}

struct sides {
    struct expr_list left, right, rest;
};

/* Distributes conjuncts of an inner join's condition, or of a filter above it. */
static laminar_status distribute_inner(struct plan_context *ctx, struct plan *join,
                                       const struct expr_list *preds, struct sides *out)
{
    uint32_t n_left = join->inputs[0]->n_cols, n = n_left + join->inputs[1]->n_cols;
    for (uint32_t i = 0; i < preds->n; i++) {
        struct expr *e = preds->items[i];
        bool sinks = may_sink(e, &out->rest);
        if (sinks && expr_columns_within(e, 0, n_left)) {
            CHECK(expr_list_push(ctx, &out->left, e));
        } else if (sinks && expr_columns_within(e, n_left, n)) {
            expr_shift(e, -(int64_t)n_left);
            CHECK(expr_list_push(ctx, &out->right, e));
        } else {
            struct expr_list one = {0};
            CHECK(expr_list_push(ctx, &one, e));
            CHECK(join_take_keys(ctx, join, &one));
            if (one.n) CHECK(expr_list_push(ctx, &out->rest, e));
        }
    }
    return LAMINAR_OK;
}

static laminar_status push_inner(struct plan_context *ctx, struct plan *join,
                                 struct expr_list *preds, struct sides *sides)
{
    struct expr_list own = {0};
    if (join->predicate) CHECK(expr_split_and(ctx, join->predicate, &own));
    for (uint32_t i = 0; i < preds->n; i++) CHECK(expr_list_push(ctx, &own, preds->items[i]));
    preds->n = 0;
    CHECK(distribute_inner(ctx, join, &own, sides));
    CHECK(expr_make_and(ctx, &sides->rest, &join->predicate));
    if (join->join_kind == JOIN_CROSS && join->predicate) join->join_kind = JOIN_INNER;
    return LAMINAR_OK;
}

/* Own condition of a LEFT, SEMI or ANTI join: what concerns the right side alone limits what can
 * match. For SEMI so does what concerns the left. */
static laminar_status push_own(struct plan_context *ctx, struct plan *join, struct sides *sides)
{
    uint32_t n_left = join->inputs[0]->n_cols, n = n_left + join->inputs[1]->n_cols;
    struct expr_list own = {0};
    if (!join->predicate) return LAMINAR_OK;
    CHECK(expr_split_and(ctx, join->predicate, &own));
    for (uint32_t i = 0; i < own.n; i++) {
        struct expr *e = own.items[i];
        bool sinks = expr_has_columns(e) && may_sink(e, &sides->rest);
        if (sinks && expr_columns_within(e, n_left, n)) {
            expr_shift(e, -(int64_t)n_left);
            CHECK(expr_list_push(ctx, &sides->right, e));
        } else if (sinks && join->join_kind == JOIN_SEMI && expr_columns_within(e, 0, n_left)) {
            CHECK(expr_list_push(ctx, &sides->left, e));
        } else {
            CHECK(expr_list_push(ctx, &sides->rest, e));
        }
    }
    return expr_make_and(ctx, &sides->rest, &join->predicate);
}

static laminar_status push_join(struct plan_context *ctx, struct plan **node,
                                struct expr_list *preds)
{
    struct plan *join = *node;
    struct sides sides = {0};
    struct expr_list stay = {0}, none = {0};
    bool is_plain = join->strategy == STRATEGY_HASH || join->strategy == STRATEGY_NESTED;
    if (join->join_kind == JOIN_LEFT) left_to_inner(join, preds);
    bool is_inner = join->join_kind == JOIN_INNER || join->join_kind == JOIN_CROSS;
    if (is_plain && is_inner) {
        CHECK(push_inner(ctx, join, preds, &sides));
    } else if (join->join_kind == JOIN_FULL) {
        stay = *preds;
    } else {
        CHECK(split_by_columns(ctx, preds, 0, join->inputs[0]->n_cols, &sides.left, &stay));
        if (is_plain) CHECK(push_own(ctx, join, &sides));
    }
    CHECK(push(ctx, &join->inputs[0], &sides.left));
    CHECK(push(ctx, &join->inputs[1], is_plain ? &sides.right : &none));
    return place(ctx, node, &stay);
}

static laminar_status push(struct plan_context *ctx, struct plan **node, struct expr_list *preds)
{
    struct plan *plan = *node;
    struct expr_list none = {0}, sink = {0}, stay = {0};
    switch (plan->kind) {
    case PLAN_FILTER: return push_filter(ctx, node, preds);
    case PLAN_PROJECT: return push_project(ctx, node, preds);
    case PLAN_AGGREGATE: return push_aggregate(ctx, node, preds);
    case PLAN_JOIN: return push_join(ctx, node, preds);
    case PLAN_SET: /* a condition keeps all copies of a row or none, on both sides */
    case PLAN_UNION_ALL: return push_union(ctx, node, preds);
    case PLAN_TOP_N:
    case PLAN_OVER: return push_top_n(ctx, node, preds);
    case PLAN_WINDOW_TABLE:
        /* which rows there are decides where sessions end */
        if (plan->window.kind == WINDOW_SESSION) break;
        CHECK(split_by_columns(ctx, preds, 0, plan->inputs[0]->n_cols, &sink, &stay));
        CHECK(push(ctx, &plan->inputs[0], &sink));
        return place(ctx, node, &stay);
    case PLAN_DISTINCT:
    case PLAN_SORT:
        CHECK(split_by_columns(ctx, preds, 0, plan->inputs[0]->n_cols, &sink, &stay));
        CHECK(push(ctx, &plan->inputs[0], &sink));
        return place(ctx, node, &stay);
    case PLAN_UNNEST: return push_unnest(ctx, node, preds);
    case PLAN_EXPAND:
    case PLAN_RECURSIVE: /* a row that doesn't pass may lead to one that does */
    case PLAN_WORKING:
    case PLAN_SCAN:
    case PLAN_VALUES:
    case PLAN_TIME_FILTER: /* made after the rewrites, as is HOLD */
    case PLAN_HOLD: break;
    }
    for (uint32_t i = 0; i < plan->n_inputs; i++) CHECK(push(ctx, &plan->inputs[i], &none));
    return place(ctx, node, preds);
}

laminar_status rewrite_push_filters(struct plan_context *ctx, struct plan **plan)
{
    struct expr_list none = {0};
    return push(ctx, plan, &none);
}
