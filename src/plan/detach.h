/* detach.h - a correlated subquery made independent of the query around it, whatever it consists of. */
#ifndef PLAN_DETACH_H
#define PLAN_DETACH_H

#include "plan/plan_internal.h"

struct detaching {
    struct plan_context *ctx;
    uint32_t offset; /* of the subquery, for errors */
    /* The distinct combinations of outer columns for which the subquery is wanted: column i is the enclosing query's outers[i]. Its own
     * EXPR_OUTERs are of the enclosing query's depth. */
    const struct plan *domain;
    const uint32_t *outers;
    uint32_t n;
};
/* In *plan every EXPR_OUTER of depth 0 is one of outers[]. Afterwards there is none of depth 0 any more, and the output is the old columns, then the domain's. */
laminar_status plan_detach(struct detaching *d, struct plan **plan) must_check;
/* left IS NOT DISTINCT FROM right as keys of a join (expressions over its sides alone; copied). */
laminar_status join_add_null_safe_key(struct plan_context *ctx, struct plan *join,
                                      const struct expr *left, const struct expr *right) must_check;
/* depth - 1 for all EXPR_OUTER of the plan. */
laminar_status plan_lift_outers(struct plan_context *ctx, struct plan *plan) must_check;
/* EXPR_OUTER of just this depth somewhere? */
bool plan_has_outer_of(const struct plan *plan, uint32_t depth);
bool expr_has_outer_of(const struct expr *e, uint32_t depth);
/* The value of aggregate call `i` where its group has no rows: a count is 0 then. `e` is its column, null for a group that isn't there. */
laminar_status aggregate_or_zero(struct plan_context *ctx, const struct bound_aggregate *agg,
                                 struct expr **e) must_check;

#endif
