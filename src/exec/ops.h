/* ops.h - the constructors of all operators, one a plan node. build.c calls them; tests too.
 *
 * The plan node (and its arena) outlives the operator. The constructor allocates with op_init and reports its states with op_add_state; the
 * circuit wires inputs and outputs afterwards. On failure nothing is left behind. */
#ifndef EXEC_OPS_H
#define EXEC_OPS_H

#include "exec/op.h"

#define OP_CONSTRUCTOR(name)                                                                       \
    laminar_status op_##name##_create(struct circuit *circuit, const struct plan *plan,            \
                                      enum circuit_mode mode, struct op **out,                     \
                                      struct laminar_error *err) must_check
OP_CONSTRUCTOR(scan);    /* PLAN_SCAN: an entry, takes whole rows of the relation */
OP_CONSTRUCTOR(values);  /* PLAN_VALUES: an entry without input, emits its rows once */
OP_CONSTRUCTOR(filter);  /* PLAN_FILTER */
OP_CONSTRUCTOR(project); /* PLAN_PROJECT */
/* PLAN_PROJECT over PLAN_FILTER in one; its input is the filter's */
OP_CONSTRUCTOR(filter_project);
OP_CONSTRUCTOR(aggregate);        /* PLAN_AGGREGATE without a window */
OP_CONSTRUCTOR(window_aggregate); /* PLAN_AGGREGATE with one */
OP_CONSTRUCTOR(session);          /* PLAN_AGGREGATE with WINDOW_SESSION */
OP_CONSTRUCTOR(window_table);     /* PLAN_WINDOW_TABLE */
OP_CONSTRUCTOR(distinct);         /* PLAN_DISTINCT */
OP_CONSTRUCTOR(recursive);        /* PLAN_RECURSIVE; one-shot only */
OP_CONSTRUCTOR(working);          /* PLAN_WORKING: an entry */
OP_CONSTRUCTOR(unnest);           /* PLAN_UNNEST */
OP_CONSTRUCTOR(expand);           /* PLAN_EXPAND */
OP_CONSTRUCTOR(set);              /* PLAN_SET */
OP_CONSTRUCTOR(join);             /* PLAN_JOIN: hash, interval, lookup, nested */
OP_CONSTRUCTOR(asof);             /* PLAN_JOIN with STRATEGY_ASOF */
OP_CONSTRUCTOR(union);            /* PLAN_UNION_ALL */
OP_CONSTRUCTOR(top_n);            /* PLAN_TOP_N */
OP_CONSTRUCTOR(top_rows);         /* PLAN_TOP_N, or PLAN_OVER over one, where op_top_rows_may */
OP_CONSTRUCTOR(sort);             /* PLAN_SORT */
OP_CONSTRUCTOR(over);             /* PLAN_OVER */
OP_CONSTRUCTOR(hold);             /* PLAN_HOLD */
OP_CONSTRUCTOR(time_filter);      /* PLAN_TIME_FILTER; streams only */

enum { TOP_PLACES_MAX = 32 };
/* The first rows of partitions of an append-only stream; of PLAN_OVER with their numbers, which the operator of the top-N gives them: then its input is the
 * top-N's. */
bool op_top_rows_may(const struct plan *plan, enum circuit_mode mode);

#endif
