/* bind_qualify.c - QUALIFY: a condition on window functions, over the rows that SELECT makes. That
 * ROW_NUMBER() <= n and the like need not number all rows is seen by rewrite_top_n.c. */
#include "plan/bind.h"

laminar_status bind_qualify(struct select_block *q, struct expr **out)
{
    *out = NULL;
    const struct ast_expr *condition = q->select->qualify;
    if (!condition) return LAMINAR_OK;
    q->clause = (struct clause){.name = "QUALIFY",
                                .allows_aggregates = q->is_grouped,
                                .allows_subqueries = true,
                                .allows_aliases = true,
                                .allows_overs = true};
    CHECK(bind_expr(q, condition, out));
    CHECK(make_condition(q->ctx, *out, "the condition of QUALIFY", out));
    if (q->n_overs) return LAMINAR_OK;
    plan_error(q->ctx, LAMINAR_QUERY_FAILED, condition->span.start,
               "QUALIFY without a window function");
    error_hint(q->ctx->err, "conditions on rows go to WHERE, on groups to HAVING");
    return LAMINAR_QUERY_FAILED;
}
