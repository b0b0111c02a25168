/* rewrite_lookup_joins.c - joins of a stream whose right side need not be followed: a LOOKUP TABLE, which rows look up as they come, and constants,
 * which never change. Nothing is kept of the other side: strategy LOOKUP.
 *
 * Of an inner join with the lookup table on the left the sides change places. A lookup table whose rows would have to come out by themselves (the
 * preserved side of an outer join) is refused: nobody tells when. */
#include "plan/plan_internal.h"

static bool is_volatile_aggregate(const struct aggregate_call *call)
{
    bool is = call->filter && expr_is_volatile(call->filter);
    for (uint32_t i = 0; i < call->n_args; i++) is |= expr_is_volatile(call->args[i]);
    for (uint32_t i = 0; i < call->n_order; i++) is |= expr_is_volatile(call->order_args[i]);
    return is;
}

/* Whole rows of constants, whatever the time. */
static bool is_constant(const struct plan *plan)
{
    switch (plan->kind) {
    case PLAN_VALUES: break;
    case PLAN_FILTER:
        if (expr_is_volatile(plan->predicate)) return false;
        break;
    case PLAN_PROJECT:
        for (uint32_t i = 0; i < plan->n_cols; i++)
            if (expr_is_volatile(plan->exprs[i])) return false;
        break;
    case PLAN_AGGREGATE:
        if (plan->window.kind != WINDOW_NONE) return false;
        for (uint32_t i = 0; i < plan->n_group; i++)
            if (expr_is_volatile(plan->group[i])) return false;
        for (uint32_t i = 0; i < plan->n_aggs; i++)
            if (is_volatile_aggregate(&plan->aggs[i])) return false;
        break;
    case PLAN_DISTINCT:
    case PLAN_UNION_ALL:
    case PLAN_SET: break;
    default: return false;
    }
    for (uint32_t i = 0; i < plan->n_inputs; i++)
        if (!is_constant(plan->inputs[i])) return false;
    return true;
}

/* Rows of a lookup table, one by one. */
static bool is_lookup(const struct plan *plan)
{
    while (plan->kind == PLAN_FILTER || plan->kind == PLAN_PROJECT) plan = plan->inputs[0];
    return plan->kind == PLAN_SCAN && plan->relation->is_lookup;
}

static laminar_status swap_sides(struct plan_context *ctx, struct plan **node)
{
    struct plan *old = *node, *join;
    uint32_t n_left = old->inputs[0]->n_cols, n_right = old->inputs[1]->n_cols, *map;
    ALLOC_OR_FAIL(ctx, map, ARENA_ARRAY(ctx->arena, uint32_t, n_left + n_right + 1));
    for (uint32_t i = 0; i < n_left; i++) map[i] = n_right + i;
    for (uint32_t i = 0; i < n_right; i++) map[n_left + i] = i;
    CHECK(plan_make_join(ctx, old->join_kind, old->inputs[1], old->inputs[0], &join));
    join->left_keys = old->right_keys;
    join->right_keys = old->left_keys;
    join->n_keys = old->n_keys;
    join->sql_offset = old->sql_offset;
    join->predicate = old->predicate;
    join->strategy = STRATEGY_LOOKUP;
    if (join->predicate) expr_remap(join->predicate, map);
    CHECK(plan_make_selection(ctx, join, map, old->n_cols, node));
    for (uint32_t i = 0; i < old->n_cols; i++) (*node)->cols[i] = old->cols[i];
    return LAMINAR_OK;
}

laminar_status rewrite_lookup_joins(struct plan_context *ctx, struct plan **plan)
{
    struct plan *p = *plan;
    for (uint32_t i = 0; i < p->n_inputs; i++) CHECK(rewrite_lookup_joins(ctx, &p->inputs[i]));
    if (p->kind != PLAN_JOIN || (p->strategy != STRATEGY_HASH && p->strategy != STRATEGY_NESTED))
        return LAMINAR_OK;
    const struct plan *left = p->inputs[0], *right = p->inputs[1];
    bool follows_left = p->join_kind != JOIN_RIGHT && p->join_kind != JOIN_FULL;
    if (follows_left && is_constant(right)) {
        p->strategy = STRATEGY_LOOKUP;
        p->right_is_constant = true;
        return LAMINAR_OK;
    }
    bool left_is_lookup = is_lookup(left), right_is_lookup = is_lookup(right);
    if (left_is_lookup == right_is_lookup) return LAMINAR_OK; /* two of them: ordinary tables */
    if (right_is_lookup && follows_left) {
        p->strategy = STRATEGY_LOOKUP;
        return LAMINAR_OK;
    }
    if (left_is_lookup && (p->join_kind == JOIN_INNER || p->join_kind == JOIN_CROSS))
        return swap_sides(ctx, plan);
    return plan_unsupported(
        ctx, p->sql_offset,
        "a stream of the rows of a lookup table that match nothing, or something",
        "lookup tables answer rows of the other side; CREATE TABLE keeps rows whose changes joins follow");
}
