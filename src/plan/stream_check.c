/* stream_check.c - what can be answered once but not kept up to date: refused when a stream is
 * made, with the reason.
 *
 * A function that gives another value at each call (random) or as time passes (now): what came out
 * earlier would have to change all the time. Conditions on the time that can be kept are
 * time filters by now (rewrite_time_filters.c). What stays is PROCTIME() in the select list, the time of the row's arrival, and functions
 * of the program that say themselves that they are volatile: their values are those of the step in which a row came; over rows that are
 * retracted later not even these, for the retraction would not equal what it takes back.
 * A sketch (approx_distinct ...) over such rows: it can't forget. A lookup join of such rows: what a row met is not kept. */
#include "plan/plan_internal.h"

/* The function of e that has another value each time; NULL: none that is not allowed. */
static const struct expr *find_volatile(const struct expr *e, bool allows_arrival)
{
    if (e->kind == EXPR_CALL && e->fn->flags & (FN_VOLATILE | FN_STEP_STABLE)) {
        bool is_own = function_find(e->fn->name) != e->fn->function,
             is_arrival = strcmp(e->fn->name, "proctime") == 0;
        if (!allows_arrival || (!is_own && !is_arrival)) return e;
    }
    for (uint32_t i = 0; i < e->n_args; i++) {
        const struct expr *found = find_volatile(e->args[i], allows_arrival);
        if (found) return found;
    }
    return NULL;
}

struct check {
    bool input_retracts;
    bool is_condition;
};

static laminar_status check_expr(struct expr_visitor *visitor, struct expr **e, unused int side)
{
    const struct check *check = visitor->data;
    struct plan_context *ctx = visitor->ctx;
    if (!expr_is_volatile(*e)) return LAMINAR_OK;
    const struct expr *found = find_volatile(*e, !check->input_retracts);
    if (!found) return LAMINAR_OK;
    if (check->input_retracts && !find_volatile(*e, true))
        return plan_unsupported(
            ctx, found->sql_offset,
            "a stream can't call a function that has another value each time over rows that may be retracted",
            "compute it in a stream over the append-only source first");
    plan_error(ctx, LAMINAR_QUERY_UNSUPPORTED, found->sql_offset,
               "a stream can't keep what %s() gives: it has another value %s", found->fn->name,
               found->fn->flags & FN_VOLATILE ? "at each call" : "as time passes");
    if (found->fn->flags & FN_VOLATILE)
        error_hint(ctx->err,
                   "let the program that inserts the rows compute it, or a column's DEFAULT");
    else if (check->is_condition)
        error_hint(
            ctx->err,
            "compare it with a time of the row, in a condition of its own: WHERE ts > now() - INTERVAL '1 hour' AND ...");
    else
        error_hint(
            ctx->err,
            "PROCTIME() over an append-only source is the time of a row's arrival; now() may be compared with a time of the row: WHERE ts > now() - INTERVAL '1 hour'");
    return LAMINAR_QUERY_UNSUPPORTED;
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
    struct check check = {.input_retracts = input_retracts,
                          .is_condition = plan->kind == PLAN_FILTER || plan->kind == PLAN_JOIN};
    struct expr_visitor visitor = {.visit = check_expr, .ctx = ctx, .data = &check};
    CHECK(plan_visit_exprs(plan, &visitor));
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
    return check_aggregates(ctx, plan);
}
