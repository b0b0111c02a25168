/* rewrite_prune.c - columns that nobody asks for are not computed, not joined, not kept, and at
 * last not read from the relation.
 *
 * Top-down with the set of needed output columns; each node answers with a map from its old
 * columns to its new ones. A node may keep more than was asked for (a filter its condition's
 * columns); joins, which store their inputs, put a projection over such an input. */
#include "plan/plan_internal.h"

#define GONE UINT32_MAX

static laminar_status prune(struct plan_context *ctx, struct plan **node, const bool *needed,
                            uint32_t **map);

static laminar_status new_flags(struct plan_context *ctx, uint32_t n, bool **out)
{
    ALLOC_OR_FAIL(ctx, *out, ARENA_ARRAY(ctx->arena, bool, n + 1));
    return LAMINAR_OK;
}

static laminar_status new_map(struct plan_context *ctx, uint32_t n, uint32_t **out)
{
    ALLOC_OR_FAIL(ctx, *out, ARENA_ARRAY(ctx->arena, uint32_t, n + 1));
    memset(*out, 0xff, (n + 1) * sizeof **out);
    return LAMINAR_OK;
}

/* Keeps the flagged of n items: map, and how many. At least one: `fallback` where none is
 * flagged. */
static laminar_status number_kept(struct plan_context *ctx, const bool *needed, uint32_t n,
                                  uint32_t fallback, uint32_t **map, uint32_t *n_kept)
{
    CHECK(new_map(ctx, n, map));
    *n_kept = 0;
    for (uint32_t i = 0; i < n; i++)
        if (needed[i]) (*map)[i] = (*n_kept)++;
    if (*n_kept == 0 && n > 0) (*map)[fallback] = (*n_kept)++;
    return LAMINAR_OK;
}

static void compact_columns(struct plan *plan, const uint32_t *map, uint32_t n_kept)
{
    for (uint32_t i = 0; i < plan->n_cols; i++)
        if (map[i] != GONE) plan->cols[map[i]] = plan->cols[i];
    plan->n_cols = n_kept;
}

/* The output columns follow the input's: cols[map[i]] = cols[i]. */
static laminar_status follow_input(struct plan_context *ctx, struct plan *plan, const uint32_t *map)
{
    struct plan *input = plan->inputs[0];
    struct plan_column *cols;
    ALLOC_OR_FAIL(ctx, cols, ARENA_ARRAY(ctx->arena, struct plan_column, input->n_cols + 1));
    memcpy(cols, input->cols, input->n_cols * sizeof *cols);
    for (uint32_t i = 0; i < plan->n_cols; i++)
        if (map[i] != GONE) cols[map[i]] = plan->cols[i];
    plan->cols = cols;
    plan->n_cols = input->n_cols;
    return LAMINAR_OK;
}

/* Narrows the plan to exactly the columns that were asked for. */
static laminar_status narrow(struct plan_context *ctx, struct plan **node, const bool *needed,
                             uint32_t n_old, uint32_t *map)
{
    uint32_t n = 0, *columns;
    bool in_order = true;
    ALLOC_OR_FAIL(ctx, columns, ARENA_ARRAY(ctx->arena, uint32_t, n_old + 1));
    for (uint32_t i = 0; i < n_old; i++) {
        if (!needed[i]) continue;
        in_order = in_order && map[i] == n;
        columns[n++] = map[i];
    }
    if (n == 0 || (in_order && n == (*node)->n_cols)) return LAMINAR_OK;
    CHECK(plan_make_selection(ctx, *node, columns, n, node));
    uint32_t at = 0;
    for (uint32_t i = 0; i < n_old; i++) map[i] = needed[i] ? at++ : GONE;
    return LAMINAR_OK;
}

static laminar_status prune_scan(struct plan_context *ctx, struct plan *plan, const bool *needed,
                                 uint32_t **map)
{
    uint32_t n, cheapest = 0;
    size_t best = SIZE_MAX;
    for (uint32_t i = 0; i < plan->n_cols; i++) {
        size_t width = type_width(plan->cols[i].type);
        if (width && width < best) best = width, cheapest = i;
    }
    CHECK(number_kept(ctx, needed, plan->n_cols, cheapest, map, &n));
    for (uint32_t i = 0; i < plan->n_cols; i++)
        if ((*map)[i] != GONE) plan->scan_cols[(*map)[i]] = plan->scan_cols[i];
    compact_columns(plan, *map, n);
    return LAMINAR_OK;
}

static laminar_status prune_values(struct plan_context *ctx, struct plan *plan, const bool *needed,
                                   uint32_t **map)
{
    uint32_t n, n_old = plan->n_cols;
    CHECK(number_kept(ctx, needed, n_old, 0, map, &n));
    for (size_t r = 0; r < plan->n_rows; r++)
        for (uint32_t c = 0; c < n_old; c++)
            if ((*map)[c] != GONE) plan->exprs[r * n + (*map)[c]] = plan->exprs[r * n_old + c];
    compact_columns(plan, *map, n);
    return LAMINAR_OK;
}

static laminar_status prune_filter(struct plan_context *ctx, struct plan *plan, const bool *needed,
                                   uint32_t **map)
{
    bool *all;
    CHECK(new_flags(ctx, plan->n_cols, &all));
    memcpy(all, needed, plan->n_cols * sizeof *all);
    expr_mark_columns(plan->predicate, all);
    CHECK(prune(ctx, &plan->inputs[0], all, map));
    expr_remap(plan->predicate, *map);
    return follow_input(ctx, plan, *map);
}

static laminar_status prune_project(struct plan_context *ctx, struct plan *plan, const bool *needed,
                                    uint32_t **map)
{
    uint32_t n, *input_map;
    bool *used;
    CHECK(number_kept(ctx, needed, plan->n_cols, 0, map, &n));
    CHECK(new_flags(ctx, plan->inputs[0]->n_cols, &used));
    for (uint32_t i = 0; i < plan->n_cols; i++) {
        if ((*map)[i] == GONE) continue;
        plan->exprs[(*map)[i]] = plan->exprs[i];
        expr_mark_columns(plan->exprs[i], used);
    }
    compact_columns(plan, *map, n);
    CHECK(prune(ctx, &plan->inputs[0], used, &input_map));
    for (uint32_t i = 0; i < n; i++) expr_remap(plan->exprs[i], input_map);
    return LAMINAR_OK;
}

static laminar_status prune_expand(struct plan_context *ctx, struct plan *plan, const bool *needed,
                                   uint32_t **map)
{
    uint32_t *input_map;
    bool *used;
    CHECK(prune_values(ctx, plan, needed, map));
    CHECK(new_flags(ctx, plan->inputs[0]->n_cols, &used));
    for (size_t i = 0; i < plan->n_rows * plan->n_cols; i++)
        expr_mark_columns(plan->exprs[i], used);
    CHECK(prune(ctx, &plan->inputs[0], used, &input_map));
    for (size_t i = 0; i < plan->n_rows * plan->n_cols; i++) expr_remap(plan->exprs[i], input_map);
    return LAMINAR_OK;
}

static laminar_status mark_visit(struct expr_visitor *visitor, struct expr **e, unused int side)
{
    expr_mark_columns(*e, visitor->data);
    return LAMINAR_OK;
}
static laminar_status remap_visit(struct expr_visitor *visitor, struct expr **e, unused int side)
{
    expr_remap(*e, visitor->data);
    return LAMINAR_OK;
}

static laminar_status prune_aggregate(struct plan_context *ctx, struct plan *plan,
                                      const bool *needed, uint32_t **map)
{
    uint32_t aggs_at = aggregate_aggs_at(plan), n = aggs_at, n_aggs = 0, *input_map;
    bool *used;
    CHECK(new_map(ctx, plan->n_cols, map));
    for (uint32_t i = 0; i < aggs_at; i++) (*map)[i] = i;
    for (uint32_t i = 0; i < plan->n_aggs; i++) {
        /* a row without columns can't be passed on */
        bool is_last_hope = n == 0 && i + 1 == plan->n_aggs;
        if (!needed[aggs_at + i] && !is_last_hope) continue;
        plan->aggs[n_aggs++] = plan->aggs[i];
        (*map)[aggs_at + i] = n++;
    }
    plan->n_aggs = n_aggs;
    compact_columns(plan, *map, n);
    CHECK(new_flags(ctx, plan->inputs[0]->n_cols, &used));
    struct expr_visitor mark = {.visit = mark_visit, .data = used};
    CHECK(plan_visit_exprs(plan, &mark));
    if (ctx->keeps_late_rows && plan->window.kind != WINDOW_NONE)
        memset(used, 1, plan->inputs[0]->n_cols * sizeof *used);
    CHECK(prune(ctx, &plan->inputs[0], used, &input_map));
    struct expr_visitor remap = {.visit = remap_visit, .data = input_map};
    return plan_visit_exprs(plan, &remap);
}

static laminar_status prune_unnest(struct plan_context *ctx, struct plan *plan, const bool *needed,
                                   uint32_t **map)
{
    uint32_t n_old = plan->n_pass, n_pass = 0, *input_map;
    bool *used;
    CHECK(new_flags(ctx, plan->inputs[0]->n_cols, &used));
    CHECK(new_map(ctx, plan->n_cols, map));
    for (uint32_t i = 0; i < n_old; i++) {
        if (!needed[i]) continue;
        used[plan->pass[i]] = true;
        plan->pass[n_pass] = plan->pass[i];
        (*map)[i] = n_pass++;
    }
    plan->n_pass = n_pass;
    for (uint32_t i = n_old; i < plan->n_cols; i++) (*map)[i] = n_pass + i - n_old;
    compact_columns(plan, *map, plan->n_cols - (n_old - n_pass));
    struct expr_visitor mark = {.visit = mark_visit, .data = used};
    CHECK(plan_visit_exprs(plan, &mark));
    CHECK(prune(ctx, &plan->inputs[0], used, &input_map));
    for (uint32_t i = 0; i < n_pass; i++) plan->pass[i] = input_map[plan->pass[i]];
    struct expr_visitor remap = {.visit = remap_visit, .data = input_map};
    return plan_visit_exprs(plan, &remap);
}

struct join_flags {
    bool *both; /* left ++ right */
    bool *left;
    bool *right;
};
static laminar_status mark_sides(struct expr_visitor *visitor, struct expr **e, int side)
{
    struct join_flags *flags = visitor->data;
    expr_mark_columns(*e, side == 1 ? flags->left : side == 2 ? flags->right : flags->both);
    return LAMINAR_OK;
}
struct join_maps {
    uint32_t *both, *left, *right;
};
static laminar_status remap_sides(struct expr_visitor *visitor, struct expr **e, int side)
{
    struct join_maps *maps = visitor->data;
    expr_remap(*e, side == 1 ? maps->left : side == 2 ? maps->right : maps->both);
    return LAMINAR_OK;
}

static laminar_status prune_join(struct plan_context *ctx, struct plan *plan, const bool *needed,
                                 uint32_t **map)
{
    uint32_t n_left = plan->inputs[0]->n_cols, n_right = plan->inputs[1]->n_cols,
             n = n_left + n_right;
    struct join_flags flags;
    struct join_maps maps;
    CHECK(new_flags(ctx, n, &flags.both));
    memcpy(flags.both, needed, plan->n_cols * sizeof *needed);
    flags.left = flags.both;
    flags.right = flags.both + n_left;
    struct expr_visitor mark = {.visit = mark_sides, .data = &flags};
    CHECK(plan_visit_exprs(plan, &mark));
    CHECK(prune(ctx, &plan->inputs[0], flags.left, &maps.left));
    CHECK(narrow(ctx, &plan->inputs[0], flags.left, n_left, maps.left));
    CHECK(prune(ctx, &plan->inputs[1], flags.right, &maps.right));
    CHECK(narrow(ctx, &plan->inputs[1], flags.right, n_right, maps.right));
    uint32_t n_left_new = plan->inputs[0]->n_cols, n_right_new = plan->inputs[1]->n_cols;
    CHECK(new_map(ctx, n, &maps.both));
    for (uint32_t i = 0; i < n_left; i++) maps.both[i] = maps.left[i];
    for (uint32_t i = 0; i < n_right; i++)
        maps.both[n_left + i] = maps.right[i] == GONE ? GONE : n_left_new + maps.right[i];
    struct expr_visitor remap = {.visit = remap_sides, .data = &maps};
    CHECK(plan_visit_exprs(plan, &remap));

    struct plan_column *cols;
    uint32_t n_new = n_left_new + (join_keeps_right(plan->join_kind) ? n_right_new : 0);
    ALLOC_OR_FAIL(ctx, cols, ARENA_ARRAY(ctx->arena, struct plan_column, n_new + 1));
    for (uint32_t i = 0; i < n_new; i++)
        cols[i] = i < n_left_new ? plan->inputs[0]->cols[i] : plan->inputs[1]->cols[i - n_left_new];
    for (uint32_t i = 0; i < plan->n_cols; i++)
        if (maps.both[i] != GONE) cols[maps.both[i]] = plan->cols[i];
    plan->cols = cols;
    plan->n_cols = n_new;
    *map = maps.both;
    return LAMINAR_OK;
}

static laminar_status prune_union(struct plan_context *ctx, struct plan *plan, const bool *needed,
                                  uint32_t **map)
{
    uint32_t n, n_old = plan->n_cols;
    bool *kept;
    CHECK(number_kept(ctx, needed, n_old, 0, map, &n));
    CHECK(new_flags(ctx, n_old, &kept));
    for (uint32_t i = 0; i < n_old; i++) kept[i] = (*map)[i] != GONE;
    for (uint32_t i = 0; i < plan->n_inputs; i++) {
        uint32_t *input_map;
        CHECK(prune(ctx, &plan->inputs[i], kept, &input_map));
        CHECK(narrow(ctx, &plan->inputs[i], kept, n_old, input_map));
    }
    compact_columns(plan, *map, n);
    return LAMINAR_OK;
}

static laminar_status prune_distinct(struct plan_context *ctx, struct plan *plan, uint32_t **map)
{
    bool *all;
    uint32_t n = plan->n_cols;
    CHECK(new_flags(ctx, n, &all));
    memset(all, 1, n);
    for (uint32_t i = 0; i < plan->n_inputs; i++) {
        CHECK(prune(ctx, &plan->inputs[i], all, map));
        CHECK(narrow(ctx, &plan->inputs[i], all, n, *map));
    }
    for (uint32_t c = 0; c < n; c++) (*map)[c] = c;
    return LAMINAR_OK;
}

static laminar_status prune_top(struct plan_context *ctx, struct plan *plan, const bool *needed,
                                uint32_t **map)
{
    bool *all;
    uint32_t n = plan->n_cols;
    CHECK(new_flags(ctx, n, &all));
    memcpy(all, needed, n * sizeof *all);
    for (uint32_t i = 0; i < plan->n_sort; i++) all[plan->sort[i].column] = true;
    for (uint32_t i = 0; i < plan->n_partition; i++) all[plan->partition[i]] = true;
    CHECK(prune(ctx, &plan->inputs[0], all, map));
    CHECK(narrow(ctx, &plan->inputs[0], all, n, *map));
    for (uint32_t i = 0; i < plan->n_sort; i++) plan->sort[i].column = (*map)[plan->sort[i].column];
    for (uint32_t i = 0; i < plan->n_partition; i++)
        plan->partition[i] = (*map)[plan->partition[i]];
    return follow_input(ctx, plan, *map);
}

static laminar_status prune_window_table(struct plan_context *ctx, struct plan *plan,
                                         const bool *needed, uint32_t **map)
{
    uint32_t n_in = plan->inputs[0]->n_cols, *input_map;
    bool *all;
    struct plan_column bounds[2] = {plan->cols[n_in], plan->cols[n_in + 1]};
    CHECK(new_flags(ctx, n_in, &all));
    memcpy(all, needed, n_in * sizeof *all);
    expr_mark_columns(plan->window.time, all);
    CHECK(prune(ctx, &plan->inputs[0], all, &input_map));
    expr_remap(plan->window.time, input_map);
    uint32_t n_new = plan->inputs[0]->n_cols;
    CHECK(new_map(ctx, n_in + 2, map));
    memcpy(*map, input_map, n_in * sizeof **map);
    (*map)[n_in] = n_new;
    (*map)[n_in + 1] = n_new + 1;
    struct plan_column *cols;
    ALLOC_OR_FAIL(ctx, cols, ARENA_ARRAY(ctx->arena, struct plan_column, n_new + 3));
    memcpy(cols, plan->inputs[0]->cols, n_new * sizeof *cols);
    for (uint32_t i = 0; i < n_in; i++)
        if (input_map[i] != GONE) cols[input_map[i]] = plan->cols[i];
    memcpy(cols + n_new, bounds, sizeof bounds);
    plan->cols = cols;
    plan->n_cols = n_new + 2;
    return LAMINAR_OK;
}

/* Calls that nobody asks for go, and with the last of them the node. */
static laminar_status prune_over(struct plan_context *ctx, struct plan **node, const bool *needed,
                                 uint32_t **map)
{
    struct plan *plan = *node, *input = plan->inputs[0];
    uint32_t n_in = input->n_cols, n_calls = 0, *input_map;
    CHECK(new_map(ctx, plan->n_cols, map));
    struct plan_column *results;
    ALLOC_OR_FAIL(ctx, results, ARENA_ARRAY(ctx->arena, struct plan_column, plan->n_overs + 1));
    for (uint32_t i = 0; i < plan->n_overs; i++) {
        if (!needed[n_in + i]) continue;
        results[n_calls] = plan->cols[n_in + i];
        plan->overs[n_calls] = plan->overs[i];
        (*map)[n_in + i] = n_calls++;
    }
    plan->n_overs = n_calls;
    bool *used;
    CHECK(new_flags(ctx, n_in, &used));
    memcpy(used, needed, n_in * sizeof *used);
    if (n_calls == 0) {
        *node = input;
        CHECK(prune(ctx, node, used, &input_map));
        memcpy(*map, input_map, n_in * sizeof **map);
        return LAMINAR_OK;
    }
    struct expr_visitor mark = {.visit = mark_visit, .data = used};
    CHECK(plan_visit_exprs(plan, &mark));
    for (uint32_t i = 0; i < plan->n_sort; i++) used[plan->sort[i].column] = true;
    for (uint32_t i = 0; i < plan->n_partition; i++) used[plan->partition[i]] = true;
    for (uint32_t i = 0; i < n_calls; i++) over_frame_mark(&plan->overs[i].frame, used);
    CHECK(prune(ctx, &plan->inputs[0], used, &input_map));
    CHECK(narrow(ctx, &plan->inputs[0], used, n_in, input_map));
    struct expr_visitor remap = {.visit = remap_visit, .data = input_map};
    CHECK(plan_visit_exprs(plan, &remap));
    for (uint32_t i = 0; i < plan->n_sort; i++)
        plan->sort[i].column = input_map[plan->sort[i].column];
    for (uint32_t i = 0; i < plan->n_partition; i++)
        plan->partition[i] = input_map[plan->partition[i]];
    for (uint32_t i = 0; i < n_calls; i++) over_frame_remap(&plan->overs[i].frame, input_map);
    input = plan->inputs[0];
    struct plan_column *cols;
    ALLOC_OR_FAIL(ctx, cols,
                  ARENA_ARRAY(ctx->arena, struct plan_column, input->n_cols + n_calls + 1));
    memcpy(cols, input->cols, input->n_cols * sizeof *cols);
    memcpy(cols + input->n_cols, results, n_calls * sizeof *cols);
    for (uint32_t i = 0; i < n_in; i++) {
        (*map)[i] = input_map[i];
        if (input_map[i] != GONE) cols[input_map[i]] = plan->cols[i];
    }
    for (uint32_t i = n_in; i < plan->n_cols; i++)
        if ((*map)[i] != GONE) (*map)[i] += input->n_cols;
    plan->cols = cols;
    plan->n_cols = input->n_cols + n_calls;
    return LAMINAR_OK;
}

static laminar_status prune(struct plan_context *ctx, struct plan **node, const bool *needed,
                            uint32_t **map)
{
    struct plan *plan = *node;
    switch (plan->kind) {
    case PLAN_SCAN: return prune_scan(ctx, plan, needed, map);
    case PLAN_VALUES: return prune_values(ctx, plan, needed, map);
    case PLAN_FILTER: return prune_filter(ctx, plan, needed, map);
    case PLAN_PROJECT: return prune_project(ctx, plan, needed, map);
    case PLAN_AGGREGATE: return prune_aggregate(ctx, plan, needed, map);
    case PLAN_JOIN: return prune_join(ctx, plan, needed, map);
    case PLAN_UNION_ALL: return prune_union(ctx, plan, needed, map);
    case PLAN_UNNEST: return prune_unnest(ctx, plan, needed, map);
    case PLAN_EXPAND: return prune_expand(ctx, plan, needed, map);
    case PLAN_WORKING: /* its columns are those of the first part */
        CHECK(new_map(ctx, plan->n_cols, map));
        for (uint32_t i = 0; i < plan->n_cols; i++) (*map)[i] = i;
        return LAMINAR_OK;
    case PLAN_RECURSIVE:
    case PLAN_SET:
    case PLAN_DISTINCT: return prune_distinct(ctx, plan, map);
    case PLAN_TOP_N:
    case PLAN_SORT: return prune_top(ctx, plan, needed, map);
    case PLAN_OVER: return prune_over(ctx, node, needed, map);
    case PLAN_WINDOW_TABLE: return prune_window_table(ctx, plan, needed, map);
    case PLAN_TIME_FILTER:
    case PLAN_HOLD: break; /* made after the rewrites */
    }
    return LAMINAR_OK;
}

laminar_status rewrite_prune(struct plan_context *ctx, struct plan **plan)
{
    bool *all;
    uint32_t *map, n = (*plan)->n_cols;
    CHECK(new_flags(ctx, n, &all));
    memset(all, 1, n);
    CHECK(prune(ctx, plan, all, &map));
    return narrow(ctx, plan, all, n, map);
}
