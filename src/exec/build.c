/* build.c - from a logical plan to operators in a circuit.
 *
 * One operator a plan node, children first, and of a join the right child before the left one: so the scans come out in the order in which a one-shot
 * query has to feed them (the side that is built before the side that probes), and blocking operators of a build side finish first.
 * Recursion is as deep as the plan, which the parser bounds. */
#include "exec/circuit_internal.h"
#include "exec/ops.h"

struct building {
    struct circuit *circuit;
    enum circuit_mode mode;
    struct circuit_part *part;
    size_t n_scans_max;
    bool shares; /* equal parts are built once */
    struct laminar_error *err;
};

typedef laminar_status (*op_constructor)(struct circuit *circuit, const struct plan *plan,
                                         enum circuit_mode mode, struct op **out,
                                         struct laminar_error *err);

/* A projection and the filter below it make one operator. */
static bool is_fused(const struct plan *plan)
{
    return plan->kind == PLAN_PROJECT && plan->inputs[0]->kind == PLAN_FILTER;
}

/* Row numbers of the first rows of partitions: the operator of the node below gives them. */
static bool is_numbered_top(const struct plan *plan, enum circuit_mode mode)
{
    return plan->kind == PLAN_OVER && op_top_rows_may(plan, mode);
}

static op_constructor constructor_of(const struct plan *plan, enum circuit_mode mode)
{
    if (is_fused(plan)) return op_filter_project_create;
    if (op_top_rows_may(plan, mode)) return op_top_rows_create;
    switch (plan->kind) {
    case PLAN_SCAN: return op_scan_create;
    case PLAN_VALUES: return op_values_create;
    case PLAN_FILTER: return op_filter_create;
    case PLAN_PROJECT: return op_project_create;
    case PLAN_AGGREGATE:
        return plan->window.kind == WINDOW_NONE      ? op_aggregate_create
               : plan->window.kind == WINDOW_SESSION ? op_session_create
                                                     : op_window_aggregate_create;
    case PLAN_JOIN:
        return plan->strategy == STRATEGY_ASOF || plan->strategy == STRATEGY_TEMPORAL
                   ? op_asof_create
                   : op_join_create;
    case PLAN_UNION_ALL: return op_union_create;
    case PLAN_DISTINCT: return op_distinct_create;
    case PLAN_RECURSIVE: return op_recursive_create;
    case PLAN_WORKING: return op_working_create;
    case PLAN_UNNEST: return op_unnest_create;
    case PLAN_EXPAND: return op_expand_create;
    case PLAN_SET: return op_set_create;
    case PLAN_TOP_N: return op_top_n_create;
    case PLAN_OVER: return op_over_create;
    case PLAN_SORT: return op_sort_create;
    case PLAN_WINDOW_TABLE: return op_window_table_create;
    case PLAN_HOLD: return op_hold_create;
    case PLAN_TIME_FILTER: return op_time_filter_create;
    }
    return NULL;
}

static size_t count_scans(const struct plan *plan)
{
    size_t n = plan->kind == PLAN_SCAN || plan->kind == PLAN_WORKING;
    for (uint32_t i = 0; i < plan->n_inputs; i++) n += count_scans(plan->inputs[i]);
    return n;
}

/* Whether the node's operator maps each row by itself to the same rows at any time. */
static bool is_pure(const struct plan *plan)
{
    switch (plan->kind) {
    case PLAN_SCAN:
    case PLAN_EXPAND:
    case PLAN_UNION_ALL: return true;
    case PLAN_FILTER: return !expr_is_volatile(plan->predicate);
    case PLAN_PROJECT:
        for (uint32_t i = 0; i < plan->n_cols; i++)
            if (expr_is_volatile(plan->exprs[i])) return false;
        return !is_fused(plan) || is_pure(plan->inputs[0]);
    case PLAN_UNNEST:
        for (uint32_t i = 0; i < plan->n_unnest; i++)
            for (uint32_t k = 0; k < plan->unnest[i].n_args; k++)
                if (expr_is_volatile(plan->unnest[i].args[k])) return false;
        return true;
    case PLAN_VALUES:
    case PLAN_AGGREGATE:
    case PLAN_JOIN:
    case PLAN_DISTINCT:
    case PLAN_RECURSIVE:
    case PLAN_WORKING:
    case PLAN_SET:
    case PLAN_TOP_N:
    case PLAN_OVER:
    case PLAN_SORT:
    case PLAN_WINDOW_TABLE:
    case PLAN_HOLD:
    case PLAN_TIME_FILTER: return false;
    }
    return false;
}

/* An operator of this plan that computes the same already; NULL: there is none. */
static struct op *find_equal(const struct building *b, const struct plan *plan)
{
    if (!b->shares || b->part->ops.n == 0 || !plan_is_shareable(plan)) return NULL;
    for (size_t i = 0; i < b->part->ops.n; i++) {
        struct op *op = b->part->ops.items[i];
        if (op->plan && plan_equal(op->plan, plan)) return op;
    }
    return NULL;
}

static laminar_status build(struct building *b, const struct plan *plan, struct op **out)
{
    if ((*out = find_equal(b, plan))) return LAMINAR_OK;
    struct op **inputs = mem_calloc(plan->n_inputs, sizeof *inputs);
    laminar_status status = LAMINAR_OK;
    struct op *op = NULL;
    if (!inputs) TRY(error_oom(b->err));
    for (uint32_t i = 0; i < plan->n_inputs; i++) {
        uint32_t port = plan->kind == PLAN_JOIN ? plan->n_inputs - 1 - i : i;
        const struct plan *child = plan->inputs[port];
        bool is_one = is_fused(plan) || is_numbered_top(plan, b->mode);
        TRY(build(b, is_one ? child->inputs[0] : child, &inputs[port]));
    }
    op_constructor construct = constructor_of(plan, b->mode);
    if (!construct) TRY(error_internal(b->err, __FILE__, __LINE__, "unknown plan kind"));
    if (!ARRAY_RESERVE(&b->part->ops, b->part->ops.n + 1)) TRY(error_oom(b->err));
    TRY(construct(b->circuit, plan, b->mode, &op, b->err));
    op->is_pure = is_pure(plan);
    TRY(circuit_add_op(b->circuit, op, plan->n_inputs ? inputs : NULL, b->err));
    b->part->ops.items[b->part->ops.n++] = op;
    op->n_parts = 1;
    if (plan->kind == PLAN_SCAN || plan->kind == PLAN_WORKING) {
        assert(b->part->n_scans < b->n_scans_max);
        b->part->scans[b->part->n_scans] = op;
        b->part->relations[b->part->n_scans++] = plan->relation;
    }
    *out = op;
done:
    mem_free(inputs);
    return status;
}

laminar_status circuit_add(struct circuit *circuit, const struct plan *plan, enum circuit_mode mode,
                           struct circuit_part *out, struct laminar_error *err)
{
    struct circuit_part part = {.is_apart = circuit->builds_apart};
    struct building b = {.circuit = circuit,
                         .mode = mode,
                         .part = &part,
                         .n_scans_max = count_scans(plan),
                         .shares = mode == CIRCUIT_STREAM && !circuit->builds_apart &&
                                   !plan_has_lookup(plan),
                         .err = err};
    laminar_status status = LAMINAR_OK;
    part.scans = mem_calloc(b.n_scans_max, sizeof(struct op *));
    part.relations = mem_calloc(b.n_scans_max, sizeof(struct relation *));
    if (!part.scans || !part.relations) TRY(error_oom(err));
    TRY(build(&b, plan, &part.root));
    *out = part;
    return LAMINAR_OK;
done:
    circuit_remove(circuit, &part);
    return status;
}
