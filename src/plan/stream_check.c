/* stream_check.c - what can be answered once but not kept up to date: refused when a stream is
 * made, with the reason.
 *
 * A function that gives another value at each call (random, now) over rows that are retracted
 * later: the retraction would not equal what it takes back. A sketch (approx_distinct ...) over
 * such rows: it can't forget. A lookup join of such rows: what a row met is not kept. */
#include "plan/plan_internal.h"

static laminar_status check_expr(struct expr_visitor *visitor, struct expr **e, unused int side)
{
    if (!expr_is_volatile(*e)) return LAMINAR_OK;
    return plan_unsupported(
        visitor->ctx, (*e)->sql_offset,
        "a stream can't use now(), random() and the like over rows that may be retracted",
        "compute it in a stream over the append-only source first");
}

static laminar_status check_aggregates(struct plan_context *ctx, const struct plan *plan)
{
    for (uint32_t i = 0; i < plan->n_aggs; i++) {
        const struct bound_aggregate *agg = plan->aggs[i].agg;
        bool can_retract = agg->finish_multiset || (agg->kernels && agg->kernels->is_retractable);
        if (!(agg->flags & AGG_IS_SKETCH) && can_retract) continue;
        plan_error(ctx, LAMINAR_QUERY_UNSUPPORTED, plan->sql_offset,
                   "%s() can't be kept over rows that may be retracted", agg->name);
        error_hint(
            ctx->err,
            "use its exact counterpart, for example count(DISTINCT x) for approx_distinct(x)");
        return LAMINAR_QUERY_UNSUPPORTED;
    }
    return LAMINAR_OK;
}

laminar_status plan_check_stream(struct plan_context *ctx, struct plan *plan)
{
    bool input_retracts = false;
    for (uint32_t i = 0; i < plan->n_inputs; i++) {
        CHECK(plan_check_stream(ctx, plan->inputs[i]));
        input_retracts |= !plan->inputs[i]->props.is_append_only;
    }
    if (!input_retracts) return LAMINAR_OK;
    if (plan->late_data)
        return plan_unsupported(
            ctx, plan->sql_offset, "LATE DATA TO over rows that may be taken back",
            "window the append-only source first; or leave it out: late rows are counted");
    if (plan->kind == PLAN_JOIN && plan->strategy == STRATEGY_LOOKUP && !plan->right_is_constant &&
        !plan->inputs[0]->props.is_append_only)
        return plan_unsupported(
            ctx, plan->sql_offset,
            "a lookup join of rows that may be taken back: what they met when they came may have changed since",
            "join a TABLE, whose changes are followed");
    struct expr_visitor visitor = {.visit = check_expr, .ctx = ctx};
    CHECK(plan_visit_exprs(plan, &visitor));
    return check_aggregates(ctx, plan);
}
