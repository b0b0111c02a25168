/* decorrelate.h - taking the conditions on the enclosing query's columns out of a bound
 * subquery. */
#ifndef PLAN_DECORRELATE_H
#define PLAN_DECORRELATE_H

#include "plan/plan_internal.h"

struct decorrelation {
    struct plan_context *ctx;
    uint32_t offset;        /* of the subquery, for errors */
    bool rows_may_multiply; /* EXISTS and IN: only whether there is a row matters */
    /* out: over the plan's output (EXPR_COLUMN) and the enclosing query's FROM (EXPR_OUTER) */
    struct expr_list preds;
    /* out: an aggregate without GROUP BY was given keys: it had one row for every outer row, now
     * it may have none */
    bool is_single_aggregate;
};
/* *plan has no EXPR_OUTER afterwards. Columns that the conditions need are added to its output;
 * (*map)[i] is where its column i is now. */
laminar_status plan_decorrelate(struct decorrelation *d, struct plan **plan, uint32_t **map)
    must_check;

#endif
