/* ops.h - the constructors of the operators, one file each.
 *
 * Each makes the operator of one plan node; the circuit then wires its inputs, ports 0..n-1 in the order of plan->inputs. The plan's arena outlives
 * the operator. A constructor that fails leaves nothing behind. */
#ifndef EXEC_OPS_H
#define EXEC_OPS_H

#include "exec/op.h"

#define OP_CREATE(name)                                                                            \
    laminar_status op_##name##_create(struct circuit *circuit, const struct plan *plan, enum circuit_mode mode, \
                                      struct op **out, struct laminar_error *err) must_check

OP_CREATE(filter);           /* PLAN_FILTER; also PLAN_PROJECT over PLAN_FILTER, fused: see op_filter.c */
OP_CREATE(project);          /* PLAN_PROJECT */
OP_CREATE(aggregate);        /* PLAN_AGGREGATE without window */
OP_CREATE(window_aggregate); /* PLAN_AGGREGATE with TUMBLE, HOP */
OP_CREATE(distinct);         /* PLAN_DISTINCT */
OP_CREATE(window_table);     /* PLAN_WINDOW_TABLE */

#endif
