/* rewrite_window_tables.c - GROUP BY window_start, window_end over the table form of a window is
 * the same as GROUP BY TUMBLE(...): the aggregate takes the window over, so that its state is
 * shared by panes and closes with the watermark. Other uses of a SESSION table go by session_rows.c. */
#include "plan/plan_internal.h"

struct use {
    uint32_t n_in; /* columns of the window table's input */
    bool found;
};
static laminar_status note_bounds(struct expr_visitor *visitor, struct expr **e, unused int side)
{
    struct use *use = visitor->data;
    if (!expr_columns_within(*e, 0, use->n_in)) use->found = true;
    return LAMINAR_OK;
}

/* Which bound a group key is: 0 start, 1 end; -1 none. */
static int bound_of(const struct expr *e, uint32_t n_in)
{
    return e->kind == EXPR_COLUMN && e->column >= n_in ? (int)(e->column - n_in) : -1;
}

static bool is_partition(const struct plan *table, const struct expr *e)
{
    for (uint32_t i = 0; i < table->n_partition; i++)
        if (e->kind == EXPR_COLUMN && e->column == table->partition[i]) return true;
    return false;
}

/* Do the other keys (`group`) leave the windows what they are? Windows of CUMULATE are known by their end; sessions must be those of the keys. */
static bool is_same_windows(const struct plan *table, const struct expr_list *group,
                            const bool has_bound[2])
{
    if (table->window.kind == WINDOW_CUMULATE) return has_bound[1];
    if (table->window.kind != WINDOW_SESSION) return has_bound[0] || has_bound[1];
    for (uint32_t i = 0; i < group->n; i++)
        if (!is_partition(table, group->items[i])) return false;
    for (uint32_t p = 0; p < table->n_partition; p++) {
        bool found = false;
        for (uint32_t i = 0; i < group->n; i++)
            found |= group->items[i]->column == table->partition[p];
        if (!found) return false;
    }
    return has_bound[0] || has_bound[1];
}

static laminar_status absorb(struct plan_context *ctx, struct plan **node)
{
    struct plan *old = *node, *table = old->inputs[0], *aggregate;
    uint32_t n_in = table->inputs[0]->n_cols;
    struct expr_list group = {0};
    bool has_bound[2] = {false, false};
    for (uint32_t i = 0; i < old->n_group; i++) {
        int bound = bound_of(old->group[i], n_in);
        if (bound >= 0)
            has_bound[bound] = true;
        else
            CHECK(expr_list_push(ctx, &group, old->group[i]));
    }
    if (!is_same_windows(table, &group, has_bound)) return LAMINAR_OK;
    struct plan rest = *old;
    rest.group = group.items;
    rest.n_group = group.n;
    struct use use = {.n_in = n_in};
    struct expr_visitor visitor = {.visit = note_bounds, .data = &use};
    CHECK(plan_visit_exprs(&rest, &visitor));
    if (use.found) return LAMINAR_OK;

    const char **group_names, **agg_names;
    ALLOC_OR_FAIL(ctx, group_names, ARENA_ARRAY(ctx->arena, const char *, group.n + 1));
    ALLOC_OR_FAIL(ctx, agg_names, ARENA_ARRAY(ctx->arena, const char *, old->n_aggs + 1));
    uint32_t *columns, at = 0;
    ALLOC_OR_FAIL(ctx, columns, ARENA_ARRAY(ctx->arena, uint32_t, old->n_cols + 1));
    for (uint32_t i = 0; i < old->n_group; i++) {
        int bound = bound_of(old->group[i], n_in);
        if (bound < 0) group_names[at] = old->cols[i].name;
        columns[i] = bound >= 0 ? (uint32_t)bound : 2 + at++;
    }
    for (uint32_t i = 0; i < old->n_aggs; i++) {
        agg_names[i] = old->cols[old->n_group + i].name;
        columns[old->n_group + i] = 2 + group.n + i;
    }
    CHECK(plan_new(ctx, PLAN_AGGREGATE, 1, 0, &aggregate));
    aggregate->inputs[0] = table->inputs[0];
    aggregate->sql_offset = old->sql_offset;
    aggregate->window = table->window;
    aggregate->group = group.items;
    aggregate->n_group = group.n;
    aggregate->aggs = old->aggs;
    aggregate->n_aggs = old->n_aggs;
    CHECK(plan_set_aggregate_columns(ctx, aggregate, group_names, agg_names));
    CHECK(plan_make_selection(ctx, aggregate, columns, old->n_cols, node));
    for (uint32_t i = 0; i < old->n_cols; i++) (*node)->cols[i] = old->cols[i];
    return LAMINAR_OK;
}

laminar_status rewrite_window_tables(struct plan_context *ctx, struct plan **plan)
{
    struct plan *p = *plan;
    bool may_be = p->kind == PLAN_AGGREGATE && p->window.kind == WINDOW_NONE &&
                  p->inputs[0]->kind == PLAN_WINDOW_TABLE;
    if (may_be) CHECK(absorb(ctx, plan));
    p = *plan;
    for (uint32_t i = 0; i < p->n_inputs; i++) CHECK(rewrite_window_tables(ctx, &p->inputs[i]));
    if (p->kind != PLAN_WINDOW_TABLE || p->window.kind != WINDOW_SESSION) return LAMINAR_OK;
    return plan_make_session_rows(ctx, plan);
}

/* A projection that passes on the windows' ends, not their starts: the ends carry the watermark, which is ahead by the windows' size. */
laminar_status rewrite_window_ends(struct plan_context *ctx, struct plan *plan)
{
    for (uint32_t i = 0; i < plan->n_inputs; i++) CHECK(rewrite_window_ends(ctx, plan->inputs[i]));
    if (plan->kind != PLAN_PROJECT) return LAMINAR_OK;
    struct plan *below = plan->inputs[0];
    while (below->kind == PLAN_FILTER) below = below->inputs[0];
    if (below->kind != PLAN_AGGREGATE || below->window.kind == WINDOW_NONE) return LAMINAR_OK;
    bool has_bound[2] = {false, false};
    for (uint32_t i = 0; i < plan->n_cols; i++)
        if (plan->exprs[i]->kind == EXPR_COLUMN && plan->exprs[i]->column < 2)
            has_bound[plan->exprs[i]->column] = true;
    below->window.end_is_time = has_bound[1] && !has_bound[0];
    return LAMINAR_OK;
}
