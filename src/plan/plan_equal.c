/* plan_equal.c - which parts of plans compute the same, so that one set of operators can do it for all of them.
 *
 * Equal is meant strictly: two parts are equal when they are built the same way of the same relations, with the same constants to the last bit and the same
 * properties, so that their operators do the same in every step. What only looks alike is not equal, which costs time and never a wrong row. Names of
 * columns don't count.
 *
 * A part may be shared when it keeps state (else there is little to save) and nothing in it depends on anything but the rows that come in: no functions that
 * are volatile or look at the time, no aggregates of the program, which don't say that they are deterministic, no lookups, whose result depends on the order of
 * arrival, nothing that is held back until a time, no late rows that go somewhere. */
#include "function/user.h"
#include "plan/plan_internal.h"

/* --- Expressions ------------------------------------------------------------------------------ */

/* What a binding has of its own was made of its constant arguments, which are compared; but casts of nested types differ in how strict they are. */
static bool same_function(const struct expr *a, const struct expr *b)
{
    const struct bound_function *f = a->fn, *g = b->fn;
    if (f == g) return true;
    if (f->kernel != g->kernel || f->function != g->function || f->flags != g->flags ||
        a->is_cast != b->is_cast || strcmp(f->name, g->name) != 0)
        return false;
    if (function_is_registered(f->function)) return f->data == g->data;
    return !a->is_cast || !type_is_nested(a->type);
}

static bool same_expr(const struct expr *a, const struct expr *b)
{
    if (!a || !b) return a == b;
    if (a->kind != b->kind || a->n_args != b->n_args || a->is_negated != b->is_negated ||
        a->is_nullable != b->is_nullable || !type_equal(a->type, b->type))
        return false;
    switch (a->kind) {
    case EXPR_COLUMN:
        if (a->column != b->column) return false;
        break;
    case EXPR_CONST:
        if (!expr_const_identical(a, b)) return false;
        break;
    case EXPR_CALL:
        if (!same_function(a, b)) return false;
        break;
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_CASE:
    case EXPR_COALESCE:
    case EXPR_IN_LIST: break;
    case EXPR_SUBQUERY:
    case EXPR_OUTER: return false; /* of no finished plan */
    }
    for (uint32_t i = 0; i < a->n_args; i++)
        if (!same_expr(a->args[i], b->args[i])) return false;
    return true;
}

static bool same_exprs(struct expr *const *a, struct expr *const *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!same_expr(a[i], b[i])) return false;
    return true;
}

/* --- Parts of nodes --------------------------------------------------------------------------- */

static bool same_columns(const uint32_t *a, const uint32_t *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (a[i] != b[i]) return false;
    return true;
}

static bool same_sort(const struct sort_key *a, const struct sort_key *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (a[i].column != b[i].column || a[i].is_descending != b[i].is_descending ||
            a[i].is_nulls_first != b[i].is_nulls_first)
            return false;
    return true;
}

static bool same_aggregate(const struct bound_aggregate *a, const struct bound_aggregate *b)
{
    if (!a || !b) return a == b;
    return a->function == b->function && a->flags == b->flags && a->kernels == b->kernels &&
           a->retract_kernels == b->retract_kernels && a->finish_multiset == b->finish_multiset &&
           a->data == b->data && a->n_args == b->n_args && type_equal(a->result, b->result) &&
           strcmp(a->name, b->name) == 0;
}

static bool same_call(const struct aggregate_call *a, const struct aggregate_call *b)
{
    return same_aggregate(a->agg, b->agg) && a->n_args == b->n_args &&
           same_exprs(a->args, b->args, a->n_args) && same_expr(a->filter, b->filter) &&
           a->is_distinct == b->is_distinct && a->n_order == b->n_order &&
           same_exprs(a->order_args, b->order_args, a->n_order) &&
           same_sort(a->order_keys, b->order_keys, a->n_order);
}

static bool same_window(const struct window_spec *a, const struct window_spec *b)
{
    return a->kind == b->kind && same_expr(a->time, b->time) && a->size_us == b->size_us &&
           a->slide_us == b->slide_us && a->offset_us == b->offset_us &&
           a->end_is_time == b->end_is_time && a->is_event_time == b->is_event_time &&
           a->is_clock == b->is_clock;
}

static bool same_grouping(const struct plan *a, const struct plan *b)
{
    if (a->n_group != b->n_group || !same_exprs(a->group, b->group, a->n_group) ||
        a->n_aggs != b->n_aggs || !same_window(&a->window, &b->window) || a->emit != b->emit ||
        a->emit_every_us != b->emit_every_us || a->lateness_us != b->lateness_us)
        return false;
    for (uint32_t i = 0; i < a->n_aggs; i++)
        if (!same_call(&a->aggs[i], &b->aggs[i])) return false;
    return true;
}

static bool same_join(const struct plan *a, const struct plan *b)
{
    return a->join_kind == b->join_kind && a->strategy == b->strategy && a->n_keys == b->n_keys &&
           same_exprs(a->left_keys, b->left_keys, a->n_keys) &&
           same_exprs(a->right_keys, b->right_keys, a->n_keys) &&
           same_expr(a->left_time, b->left_time) && same_expr(a->right_time, b->right_time) &&
           a->asof == b->asof && a->has_tolerance == b->has_tolerance &&
           a->tolerance_us == b->tolerance_us &&
           a->ignores_left_watermark == b->ignores_left_watermark &&
           a->ignores_right_watermark == b->ignores_right_watermark &&
           a->shift_min_us == b->shift_min_us && a->shift_max_us == b->shift_max_us &&
           a->right_is_constant == b->right_is_constant && a->lower_us == b->lower_us &&
           a->upper_us == b->upper_us && a->emit == b->emit;
}

static bool same_unnest(const struct plan *a, const struct plan *b)
{
    if (a->n_unnest != b->n_unnest || a->n_pass != b->n_pass ||
        !same_columns(a->pass, b->pass, a->n_pass) || a->is_unnest_outer != b->is_unnest_outer ||
        a->has_ordinality != b->has_ordinality)
        return false;
    for (uint32_t i = 0; i < a->n_unnest; i++) {
        const struct unnest_item *x = &a->unnest[i], *y = &b->unnest[i];
        if (x->kind != y->kind || x->excludes_end != y->excludes_end || x->n_args != y->n_args ||
            !same_exprs(x->args, y->args, x->n_args))
            return false;
    }
    return true;
}

static bool same_bound(const struct frame_bound *a, const struct frame_bound *b)
{
    return a->kind == b->kind && a->n == b->n && a->column == b->column;
}

static bool same_overs(const struct plan *a, const struct plan *b)
{
    if (a->n_overs != b->n_overs) return false;
    for (uint32_t i = 0; i < a->n_overs; i++) {
        const struct over_call *x = &a->overs[i], *y = &b->overs[i];
        if (x->kind != y->kind || !same_call(&x->agg, &y->agg) || !type_equal(x->type, y->type) ||
            x->ignores_nulls != y->ignores_nulls || x->n != y->n ||
            x->frame.unit != y->frame.unit || x->frame.exclude != y->frame.exclude ||
            x->frame.key != y->frame.key || !same_bound(&x->frame.start, &y->frame.start) ||
            !same_bound(&x->frame.end, &y->frame.end))
            return false;
    }
    return true;
}

/* TOP_N, SORT, OVER */
static bool same_order(const struct plan *a, const struct plan *b)
{
    return a->n_sort == b->n_sort && same_sort(a->sort, b->sort, a->n_sort) &&
           a->n_partition == b->n_partition &&
           same_columns(a->partition, b->partition, a->n_partition) &&
           a->has_limit == b->has_limit && a->limit == b->limit && a->offset == b->offset &&
           a->ties == b->ties;
}

static bool same_properties(const struct plan *a, const struct plan *b)
{
    const struct plan_properties *p = &a->props, *q = &b->props;
    return p->is_append_only == q->is_append_only && p->time_col == q->time_col &&
           p->is_timely == q->is_timely && p->is_fleeting == q->is_fleeting &&
           p->window_start == q->window_start && p->window_end == q->window_end;
}

static bool same_node(const struct plan *a, const struct plan *b)
{
    if (a->kind != b->kind || a->n_inputs != b->n_inputs || a->n_cols != b->n_cols ||
        !same_properties(a, b))
        return false;
    for (uint32_t i = 0; i < a->n_cols; i++)
        if (!type_equal(a->cols[i].type, b->cols[i].type) ||
            a->cols[i].is_nullable != b->cols[i].is_nullable)
            return false;
    switch (a->kind) {
    case PLAN_SCAN:
        return a->relation == b->relation && same_columns(a->scan_cols, b->scan_cols, a->n_cols);
    case PLAN_VALUES:
    case PLAN_EXPAND:
        return a->n_rows == b->n_rows && same_exprs(a->exprs, b->exprs, a->n_rows * a->n_cols);
    case PLAN_FILTER: return same_expr(a->predicate, b->predicate);
    case PLAN_PROJECT: return same_exprs(a->exprs, b->exprs, a->n_cols);
    case PLAN_AGGREGATE: return same_grouping(a, b);
    case PLAN_JOIN: return same_join(a, b) && same_expr(a->predicate, b->predicate);
    case PLAN_UNION_ALL:
    case PLAN_DISTINCT: return true;
    case PLAN_UNNEST: return same_unnest(a, b);
    case PLAN_SET: return a->set_kind == b->set_kind && a->is_set_all == b->is_set_all;
    case PLAN_TOP_N:
    case PLAN_SORT: return same_order(a, b);
    case PLAN_WINDOW_TABLE: return same_window(&a->window, &b->window);
    case PLAN_OVER: return same_order(a, b) && same_overs(a, b);
    case PLAN_RECURSIVE:
    case PLAN_WORKING:
    case PLAN_HOLD:
    case PLAN_TIME_FILTER: break; /* never shared */
    }
    return false;
}

bool plan_equal(const struct plan *a, const struct plan *b)
{
    if (a == b) return true;
    if (!same_node(a, b)) return false;
    for (uint32_t i = 0; i < a->n_inputs; i++)
        if (!plan_equal(a->inputs[i], b->inputs[i])) return false;
    return true;
}

/* --- What may be shared ----------------------------------------------------------------------- */

static laminar_status note_volatile(struct expr_visitor *visitor, struct expr **e, unused int side)
{
    if (expr_is_volatile(*e)) *(bool *)visitor->data = true;
    return LAMINAR_OK;
}

static bool has_registered_aggregate(const struct plan *plan)
{
    for (uint32_t i = 0; i < plan->n_aggs; i++)
        if (aggregate_is_registered(plan->aggs[i].agg->function)) return true;
    for (uint32_t i = 0; i < plan->n_overs; i++)
        if (plan->overs[i].agg.agg && aggregate_is_registered(plan->overs[i].agg.agg->function))
            return true;
    return false;
}

/* Nothing in the plan keeps it from being shared. */
static bool is_repeatable(const struct plan *plan)
{
    bool is_volatile = false;
    struct expr_visitor visitor = {.visit = note_volatile, .data = &is_volatile};
    if (plan->kind == PLAN_RECURSIVE || plan->kind == PLAN_WORKING || plan->kind == PLAN_HOLD ||
        plan->kind == PLAN_TIME_FILTER)
        return false;
    if (plan->late_data || plan->emit_every_us || plan->emit == EMIT_EVERY) return false;
    if (plan->window.is_clock) return false; /* panes depend on when the rows came */
    if (plan->kind == PLAN_JOIN && plan->strategy == STRATEGY_LOOKUP) return false;
    if (has_registered_aggregate(plan)) return false;
    /* The visitor changes nothing, so the plan stays const in truth. */
    if (plan_visit_exprs((struct plan *)(uintptr_t)plan, &visitor) != LAMINAR_OK || is_volatile)
        return false;
    for (uint32_t i = 0; i < plan->n_inputs; i++)
        if (!is_repeatable(plan->inputs[i])) return false;
    return true;
}

static bool keeps_state(const struct plan *plan)
{
    switch (plan->kind) {
    case PLAN_AGGREGATE:
    case PLAN_JOIN:
    case PLAN_DISTINCT:
    case PLAN_SET:
    case PLAN_TOP_N:
    case PLAN_OVER: return true;
    case PLAN_SCAN:
    case PLAN_VALUES:
    case PLAN_FILTER:
    case PLAN_PROJECT:
    case PLAN_UNION_ALL:
    case PLAN_UNNEST:
    case PLAN_EXPAND:
    case PLAN_SORT:
    case PLAN_WINDOW_TABLE:
    case PLAN_HOLD:
    case PLAN_TIME_FILTER:
    case PLAN_RECURSIVE:
    case PLAN_WORKING: break;
    }
    for (uint32_t i = 0; i < plan->n_inputs; i++)
        if (keeps_state(plan->inputs[i])) return true;
    return false;
}

bool plan_is_shareable(const struct plan *plan) { return keeps_state(plan) && is_repeatable(plan); }

/* The order in which rows arrive at a lookup decides what they find, and sharing changes it. */
bool plan_has_lookup(const struct plan *plan)
{
    if (plan->kind == PLAN_JOIN && plan->strategy == STRATEGY_LOOKUP) return true;
    for (uint32_t i = 0; i < plan->n_inputs; i++)
        if (plan_has_lookup(plan->inputs[i])) return true;
    return false;
}
