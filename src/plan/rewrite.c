/* rewrite.c - the order of the rewrites. Each is a function over the whole tree that leaves a
 * plan of the same meaning and the same output columns.
 *
 * Folding first, so that conditions known to be true or false are gone; then filters sink
 * (making join keys; again after joins were reordered), which brings projections together;
 * windows of the table form are taken in by aggregates that then stand right above them; pruning
 * comes last, when nobody needs another column, and once before top-N are made of window
 * functions, which those that nobody needs would be in the way of. */
#include "plan/plan_internal.h"

laminar_status plan_rewrite(struct plan_context *ctx, struct plan **plan)
{
    static laminar_status (*const passes[])(struct plan_context *, struct plan **) = {
        rewrite_fold,           rewrite_push_filters,   rewrite_join_order,
        rewrite_push_filters,   rewrite_merge_projects, rewrite_window_tables,
        rewrite_merge_projects, rewrite_prune,          rewrite_top_n,
        rewrite_merge_projects, rewrite_fold,           rewrite_prune,
        rewrite_merge_projects,
    };
    uint32_t n = (*plan)->n_cols;
    const char **names;
    ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, n + 1));
    for (uint32_t i = 0; i < n; i++) names[i] = (*plan)->cols[i].name;
    for (size_t i = 0; i < ARRAY_LENGTH(passes); i++) CHECK(passes[i](ctx, plan));
    ENSURE((*plan)->n_cols == n, ctx->err);
    for (uint32_t i = 0; i < n; i++) (*plan)->cols[i].name = names[i];
    if (ctx->is_stream) CHECK(rewrite_time_filters(ctx, plan));
    CHECK(rewrite_recursive(ctx, plan));
    CHECK(rewrite_window_ends(ctx, *plan));
    CHECK(plan_compute_properties(ctx, *plan));
    CHECK(rewrite_interval_joins(ctx, plan));
    if (ctx->is_stream) CHECK(rewrite_lookup_joins(ctx, plan));
    return plan_compute_properties(ctx, *plan);
}
