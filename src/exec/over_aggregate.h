/* over_aggregate.h - aggregates over frames. */
#ifndef EXEC_OVER_AGGREGATE_H
#define EXEC_OVER_AGGREGATE_H

#include "exec/over_eval.h"

laminar_status over_aggregate_create(struct over_work *w, const struct aggregate_call *agg,
                                     struct laminar_error *err) must_check;
laminar_status over_aggregate(struct over_eval *e, struct over_work *w, const struct step *step)
    must_check;
/* A column of the rows, or a constant. */
const struct vector *over_argument(const struct over_eval *e, const struct expr *arg);

#endif
