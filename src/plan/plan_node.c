/* plan_node.c - making plan nodes with their output columns, and walking the expressions that a
 * node holds. */
#include "plan/plan_internal.h"

laminar_status plan_new(struct plan_context *ctx, enum plan_kind kind, uint32_t n_inputs,
                        uint32_t n_cols, struct plan **out)
{
    if (++ctx->n_nodes > PLAN_NODES_MAX) {
        error_set(ctx->err, LAMINAR_QUERY_UNSUPPORTED, "the query has more than %d plan nodes",
                  (int)PLAN_NODES_MAX);
        error_hint(
            ctx->err,
            "common table expressions count at each use: make a MATERIALIZED VIEW of what is used often");
        return LAMINAR_QUERY_UNSUPPORTED;
    }
    struct plan *plan;
    ALLOC_OR_FAIL(ctx, plan, ARENA_NEW(ctx->arena, struct plan));
    plan->kind = kind;
    plan->n_inputs = n_inputs;
    plan->n_cols = n_cols;
    plan->props.time_col = -1;
    ALLOC_OR_FAIL(ctx, plan->inputs, ARENA_ARRAY(ctx->arena, struct plan *, n_inputs + 1));
    ALLOC_OR_FAIL(ctx, plan->cols, ARENA_ARRAY(ctx->arena, struct plan_column, n_cols + 1));
    *out = plan;
    return LAMINAR_OK;
}

laminar_status plan_new_over(struct plan_context *ctx, enum plan_kind kind, struct plan *input,
                             struct plan **out)
{
    CHECK(plan_new(ctx, kind, 1, input->n_cols, out));
    (*out)->inputs[0] = input;
    (*out)->sql_offset = input->sql_offset;
    memcpy((*out)->cols, input->cols, input->n_cols * sizeof *input->cols);
    return LAMINAR_OK;
}

laminar_status plan_make_filter(struct plan_context *ctx, struct plan *input,
                                struct expr *predicate, struct plan **out)
{
    CHECK(plan_new_over(ctx, PLAN_FILTER, input, out));
    (*out)->predicate = predicate;
    (*out)->sql_offset = predicate->sql_offset;
    return LAMINAR_OK;
}

laminar_status plan_make_project(struct plan_context *ctx, struct plan *input, struct expr **exprs,
                                 const char *const *names, uint32_t n, struct plan **out)
{
    struct plan *plan;
    CHECK(plan_new(ctx, PLAN_PROJECT, 1, n, &plan));
    plan->inputs[0] = input;
    plan->sql_offset = input->sql_offset;
    ALLOC_OR_FAIL(ctx, plan->exprs, ARENA_ARRAY(ctx->arena, struct expr *, n + 1));
    for (uint32_t i = 0; i < n; i++) {
        plan->exprs[i] = exprs[i];
        plan->cols[i] = (struct plan_column){
            .name = names[i], .type = exprs[i]->type, .is_nullable = exprs[i]->is_nullable};
    }
    *out = plan;
    return LAMINAR_OK;
}

laminar_status plan_make_selection(struct plan_context *ctx, struct plan *input,
                                   const uint32_t *columns, uint32_t n, struct plan **out)
{
    struct expr **exprs;
    const char **names;
    ALLOC_OR_FAIL(ctx, exprs, ARENA_ARRAY(ctx->arena, struct expr *, n + 1));
    ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, n + 1));
    for (uint32_t i = 0; i < n; i++) {
        const struct plan_column *col = &input->cols[columns[i]];
        ALLOC_OR_FAIL(ctx, exprs[i],
                      expr_column(ctx->arena, columns[i], col->type, col->is_nullable));
        names[i] = col->name;
    }
    CHECK(plan_make_project(ctx, input, exprs, names, n, out));
    for (uint32_t i = 0; i < n; i++) (*out)->cols[i].table = input->cols[columns[i]].table;
    return LAMINAR_OK;
}

laminar_status plan_make_scan(struct plan_context *ctx, struct relation *relation,
                              const char *alias, struct plan **out)
{
    uint32_t n = relation->schema->n_columns;
    struct plan *plan;
    CHECK(plan_new(ctx, PLAN_SCAN, 0, n, &plan));
    plan->relation = relation;
    ALLOC_OR_FAIL(ctx, plan->scan_cols, ARENA_ARRAY(ctx->arena, uint32_t, n + 1));
    for (uint32_t i = 0; i < n; i++) {
        const struct schema_column *col = &relation->schema->columns[i];
        const char *name;
        ALLOC_OR_FAIL(ctx, name, arena_strndup(ctx->arena, col->name, strlen(col->name)));
        plan->scan_cols[i] = i;
        plan->cols[i] = (struct plan_column){
            .name = name, .table = alias, .type = col->type, .is_nullable = col->is_nullable};
    }
    *out = plan;
    return LAMINAR_OK;
}

laminar_status plan_make_join(struct plan_context *ctx, enum join_kind kind, struct plan *left,
                              struct plan *right, struct plan **out)
{
    struct plan *plan;
    uint32_t n_right = join_keeps_right(kind) ? right->n_cols : 0;
    CHECK(plan_new(ctx, PLAN_JOIN, 2, left->n_cols + n_right, &plan));
    plan->inputs[0] = left;
    plan->inputs[1] = right;
    plan->join_kind = kind;
    plan->strategy = STRATEGY_NESTED;
    plan->sql_offset = right->sql_offset;
    for (uint32_t i = 0; i < left->n_cols; i++) {
        plan->cols[i] = left->cols[i];
        if (kind == JOIN_FULL) plan->cols[i].is_nullable = true;
    }
    for (uint32_t i = 0; i < n_right; i++) {
        plan->cols[left->n_cols + i] = right->cols[i];
        if (kind == JOIN_LEFT || kind == JOIN_FULL) plan->cols[left->n_cols + i].is_nullable = true;
    }
    *out = plan;
    return LAMINAR_OK;
}

laminar_status plan_make_distinct(struct plan_context *ctx, struct plan *input, struct plan **out)
{
    return plan_new_over(ctx, PLAN_DISTINCT, input, out);
}

int64_t window_n_of_row(const struct window_spec *window)
{
    if (window->kind == WINDOW_SESSION) return 1;
    return (window->size_us + window->slide_us - 1) / window->slide_us;
}

/* A registered aggregate may have no way to put states together. */
static bool states_combine(const struct plan *aggregate)
{
    for (uint32_t i = 0; i < aggregate->n_aggs; i++) {
        const struct aggregate_kernels *kernels = aggregate->aggs[i].agg->kernels;
        if (kernels && !kernels->combine) return false;
    }
    return true;
}

/* Panes of windows that overlap, 0 where they would not save work. */
static int64_t pane_of(const struct window_spec *window)
{
    enum { PANES_PER_WINDOW = 16 };
    int64_t size = window->size_us, slide = window->slide_us, a = size, b = slide;
    if (window->kind == WINDOW_CUMULATE) return slide;
    if (window->kind != WINDOW_HOP || size <= slide) return 0;
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    /* sizes without a common measure would make more panes than windows are saved */
    return size / a <= PANES_PER_WINDOW * window_n_of_row(window) ? a : 0;
}

int64_t plan_window_pane_us(const struct plan *aggregate, bool is_one_shot)
{
    const struct window_spec *window = &aggregate->window;
    bool at_close = aggregate->emit == EMIT_ON_CLOSE || aggregate->emit == EMIT_FINAL ||
                    (aggregate->emit == EMIT_AFTER_WATERMARK && aggregate->lateness_us <= 0);
    if (!is_one_shot && !(at_close && window->is_event_time)) return 0;
    return states_combine(aggregate) ? pane_of(window) : 0;
}

int64_t plan_window_step_pane_us(const struct plan *aggregate)
{
    enum { WINDOWS_MIN = 4 }; /* of a row; fewer are faster directly */
    const struct window_spec *window = &aggregate->window;
    if (plan_window_pane_us(aggregate, false) || window->kind == WINDOW_SESSION ||
        window_n_of_row(window) < WINDOWS_MIN)
        return 0;
    if (!aggregate->inputs[0]->props.is_append_only) return 0;
    for (uint32_t i = 0; i < aggregate->n_aggs; i++) {
        const struct aggregate_call *call = &aggregate->aggs[i];
        const struct aggregate_kernels *kernels = call->agg->kernels;
        if (call->is_distinct || call->n_order || !kernels || !kernels->combine) return 0;
    }
    return pane_of(window);
}

laminar_status plan_set_aggregate_columns(struct plan_context *ctx, struct plan *aggregate,
                                          const char *const *group_names,
                                          const char *const *agg_names)
{
    uint32_t n_window = aggregate_group_at(aggregate), at = 0;
    aggregate->n_cols = n_window + aggregate->n_group + aggregate->n_aggs;
    ALLOC_OR_FAIL(ctx, aggregate->cols,
                  ARENA_ARRAY(ctx->arena, struct plan_column, aggregate->n_cols + 1));
    static const char *const bounds[] = {"window_start", "window_end"};
    for (; at < n_window; at++)
        aggregate->cols[at] = (struct plan_column){.name = bounds[at],
                                                   .type = type_timestamp(UNIT_MILLI)};
    for (uint32_t i = 0; i < aggregate->n_group; i++, at++) {
        const struct expr *e = aggregate->group[i];
        aggregate->cols[at] = (struct plan_column){
            .name = group_names[i], .type = e->type, .is_nullable = e->is_nullable};
    }
    for (uint32_t i = 0; i < aggregate->n_aggs; i++, at++) {
        const struct bound_aggregate *agg = aggregate->aggs[i].agg;
        aggregate->cols[at] = (struct plan_column){
            .name = agg_names[i], .type = agg->result, .is_nullable = agg->result_is_nullable};
    }
    return LAMINAR_OK;
}

laminar_status plan_make_values(struct plan_context *ctx, struct expr **cells, size_t n_rows,
                                uint32_t n_cols, struct plan **out)
{
    struct plan *plan;
    CHECK(plan_new(ctx, PLAN_VALUES, 0, n_cols, &plan));
    plan->exprs = cells;
    plan->n_rows = n_rows;
    for (uint32_t c = 0; c < n_cols; c++) {
        struct plan_column *col = &plan->cols[c];
        ALLOC_OR_FAIL(ctx, col->name, arena_printf(ctx->arena, "column%u", c + 1));
        col->type = n_rows ? cells[c]->type : TYPE(NULL);
        for (size_t r = 0; r < n_rows; r++) col->is_nullable |= cells[r * n_cols + c]->is_nullable;
    }
    *out = plan;
    return LAMINAR_OK;
}

static laminar_status visit_list(struct expr_visitor *visitor, struct expr **items, size_t n,
                                 int side)
{
    for (size_t i = 0; i < n; i++) CHECK(visitor->visit(visitor, &items[i], side));
    return LAMINAR_OK;
}

static laminar_status visit_optional(struct expr_visitor *visitor, struct expr **e, int side)
{
    return *e ? visitor->visit(visitor, e, side) : LAMINAR_OK;
}

laminar_status plan_visit_exprs(struct plan *plan, struct expr_visitor *visitor)
{
    if (plan->kind == PLAN_VALUES || plan->kind == PLAN_EXPAND)
        CHECK(visit_list(visitor, plan->exprs, plan->n_rows * plan->n_cols, 0));
    if (plan->kind == PLAN_PROJECT) CHECK(visit_list(visitor, plan->exprs, plan->n_cols, 0));
    for (uint32_t i = 0; i < plan->n_unnest; i++)
        CHECK(visit_list(visitor, plan->unnest[i].args, plan->unnest[i].n_args, 0));
    CHECK(visit_list(visitor, plan->group, plan->n_group, 0));
    CHECK(visit_optional(visitor, &plan->window.time, 0));
    for (uint32_t i = 0; i < plan->n_aggs; i++) {
        struct aggregate_call *call = &plan->aggs[i];
        CHECK(visit_list(visitor, call->args, call->n_args, 0));
        CHECK(visit_optional(visitor, &call->filter, 0));
        CHECK(visit_list(visitor, call->order_args, call->n_order, 0));
    }
    for (uint32_t i = 0; i < plan->n_overs; i++) {
        struct aggregate_call *call = &plan->overs[i].agg;
        CHECK(visit_list(visitor, call->args, call->n_args, 0));
        CHECK(visit_optional(visitor, &call->filter, 0));
        CHECK(visit_list(visitor, call->order_args, call->n_order, 0));
    }
    for (uint32_t i = 0; i < plan->n_time_bounds; i++)
        CHECK(visitor->visit(visitor, &plan->time_bounds[i].row, 0));
    CHECK(visit_list(visitor, plan->left_keys, plan->n_keys, 1));
    CHECK(visit_list(visitor, plan->right_keys, plan->n_keys, 2));
    CHECK(visit_optional(visitor, &plan->left_time, 1));
    CHECK(visit_optional(visitor, &plan->right_time, 2));
    return visit_optional(visitor, &plan->predicate, 0);
}

static laminar_status note_outer(struct expr_visitor *visitor, struct expr **e, unused int side)
{
    if (expr_has_outer(*e)) *(bool *)visitor->data = true;
    return LAMINAR_OK;
}

bool plan_has_outer(const struct plan *plan)
{
    bool found = false;
    struct expr_visitor visitor = {.visit = note_outer, .data = &found};
    /* The visitor changes nothing, so the plan stays const in truth. */
    if (plan_visit_exprs((struct plan *)(uintptr_t)plan, &visitor) != LAMINAR_OK) return false;
    for (uint32_t i = 0; i < plan->n_inputs && !found; i++) found = plan_has_outer(plan->inputs[i]);
    return found;
}

static laminar_status collect_inputs(const struct plan *plan, struct arena *arena,
                                     struct relation ***out, uint32_t *n_out)
{
    if (plan->kind == PLAN_SCAN) {
        for (uint32_t i = 0; i < *n_out; i++)
            if ((*out)[i] == plan->relation) return LAMINAR_OK;
        struct relation **items = ARENA_ARRAY(arena, struct relation *, *n_out + 1);
        if (!items) return LAMINAR_OUT_OF_MEMORY;
        if (*n_out) memcpy(items, *out, *n_out * sizeof *items);
        items[*n_out] = plan->relation;
        *out = items;
        ++*n_out;
    }
    for (uint32_t i = 0; i < plan->n_inputs; i++) {
        laminar_status status = collect_inputs(plan->inputs[i], arena, out, n_out);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

laminar_status plan_inputs(const struct plan *plan, struct arena *arena, struct relation ***out,
                           uint32_t *n_out)
{
    struct relation **items = NULL;
    uint32_t n = 0;
    laminar_status status = collect_inputs(plan, arena, &items, &n);
    if (status != LAMINAR_OK) return status;
    *out = items;
    *n_out = n;
    return LAMINAR_OK;
}
