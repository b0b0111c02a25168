/* decorrelate.c - pulls correlated conditions up through a subquery's plan, until they can be
 * the condition of a join with the enclosing query.
 *
 * A condition climbs through a projection by adding the columns it needs, through an aggregate
 * by adding them to the group keys (so it must be an equality between the two queries), through
 * the preserved sides of joins as it is. What can't climb is refused. (Galindo-Legaria and
 * Joshi, "Orthogonal Optimization of Subqueries and Aggregation", SIGMOD 2001.) */
#include "plan/decorrelate.h"

static laminar_status pull(struct decorrelation *d, struct plan **node, struct expr_list *preds,
                           uint32_t **map);

static laminar_status refuse(struct decorrelation *d, const char *what)
{
    plan_error(d->ctx, LAMINAR_QUERY_UNSUPPORTED, d->offset,
               "a correlated subquery with %s is not supported", what);
    error_hint(d->ctx->err, "write it as a join with a grouped subquery");
    return LAMINAR_QUERY_UNSUPPORTED;
}

static laminar_status identity(struct decorrelation *d, uint32_t n, uint32_t **map)
{
    ALLOC_OR_FAIL(d->ctx, *map, ARENA_ARRAY(d->ctx->arena, uint32_t, n + 1));
    for (uint32_t i = 0; i < n; i++) (*map)[i] = i;
    return LAMINAR_OK;
}

/* Moves the conjuncts with outer columns from *predicate to preds. */
static laminar_status take_correlated(struct decorrelation *d, struct expr **predicate,
                                      struct expr_list *preds)
{
    struct expr_list parts = {0}, rest = {0};
    if (!*predicate) return LAMINAR_OK;
    CHECK(expr_split_and(d->ctx, *predicate, &parts));
    for (uint32_t i = 0; i < parts.n; i++)
        CHECK(
            expr_list_push(d->ctx, expr_has_outer(parts.items[i]) ? preds : &rest, parts.items[i]));
    return expr_make_and(d->ctx, &rest, predicate);
}

static laminar_status pull_filter(struct decorrelation *d, struct plan **node,
                                  struct expr_list *preds, uint32_t **map)
{
    struct plan *filter = *node;
    CHECK(pull(d, &filter->inputs[0], preds, map));
    expr_remap(filter->predicate, *map);
    CHECK(take_correlated(d, &filter->predicate, preds));
    if (!filter->predicate) {
        *node = filter->inputs[0];
        return LAMINAR_OK;
    }
    return plan_make_filter(d->ctx, filter->inputs[0], filter->predicate, node);
}

/* The projection's column that passes input column `column` on, added if there is none. */
static laminar_status pass_column(struct decorrelation *d, struct expr_list *exprs,
                                  struct plan_column **cols, const struct plan *input,
                                  uint32_t column, uint32_t *out)
{
    struct plan_context *ctx = d->ctx;
    for (uint32_t i = 0; i < exprs->n; i++) {
        if (exprs->items[i]->kind != EXPR_COLUMN || exprs->items[i]->column != column) continue;
        *out = i;
        return LAMINAR_OK;
    }
    const struct plan_column *col = &input->cols[column];
    struct plan_column *grown;
    ALLOC_OR_FAIL(ctx, grown, ARENA_ARRAY(ctx->arena, struct plan_column, exprs->n + 1));
    memcpy(grown, *cols, exprs->n * sizeof *grown);
    grown[exprs->n] = *col;
    *cols = grown;
    *out = exprs->n;
    return expr_list_push(ctx, exprs, expr_column(ctx->arena, column, col->type, col->is_nullable));
}

static laminar_status pass_columns(struct decorrelation *d, struct expr *e, struct expr_list *exprs,
                                   struct plan_column **cols, const struct plan *input)
{
    if (e->kind == EXPR_COLUMN) return pass_column(d, exprs, cols, input, e->column, &e->column);
    for (uint32_t i = 0; i < e->n_args; i++) CHECK(pass_columns(d, e->args[i], exprs, cols, input));
    return LAMINAR_OK;
}

static laminar_status pull_project(struct decorrelation *d, struct plan **node,
                                   struct expr_list *preds, uint32_t **map)
{
    struct plan *project = *node;
    struct expr_list below = {0}, exprs = {project->exprs, project->n_cols, project->n_cols};
    uint32_t *input_map;
    for (uint32_t i = 0; i < project->n_cols; i++)
        if (expr_has_outer(project->exprs[i]))
            return refuse(d, "columns of the outer query in its select list");
    CHECK(pull(d, &project->inputs[0], &below, &input_map));
    for (uint32_t i = 0; i < project->n_cols; i++) expr_remap(project->exprs[i], input_map);
    CHECK(identity(d, project->n_cols, map));
    for (uint32_t i = 0; i < below.n; i++) {
        CHECK(pass_columns(d, below.items[i], &exprs, &project->cols, project->inputs[0]));
        CHECK(expr_list_push(d->ctx, preds, below.items[i]));
    }
    project->exprs = exprs.items;
    project->n_cols = exprs.n;
    return LAMINAR_OK;
}

/* inner = outer, or a condition on outer columns alone. The inner side becomes a group key, and
 * in the condition that key's column. */
static laminar_status group_pred(struct decorrelation *d, struct plan *aggregate, struct expr *pred,
                                 struct expr_list *group)
{
    if (!expr_has_columns(pred)) return LAMINAR_OK;
    if (!expr_is_call(pred, "="))
        return refuse(d, "an aggregate under a condition that is no equality");
    uint32_t inner = expr_has_columns(pred->args[0]) ? 0 : 1;
    if (expr_has_outer(pred->args[inner]) || expr_has_columns(pred->args[1 - inner]))
        return refuse(
            d, "an aggregate under an equality that mixes both queries' columns on one side");
    struct expr *key = pred->args[inner];
    uint32_t at = 0;
    while (at < group->n && !expr_equal(group->items[at], key)) at++;
    if (at == group->n) CHECK(expr_list_push(d->ctx, group, key));
    ALLOC_OR_FAIL(d->ctx, pred->args[inner],
                  expr_column(d->ctx->arena, aggregate_group_at(aggregate) + at, key->type,
                              key->is_nullable));
    return LAMINAR_OK;
}

static laminar_status remap_visit(struct expr_visitor *visitor, struct expr **e, unused int side)
{
    expr_remap(*e, visitor->data);
    return LAMINAR_OK;
}

static laminar_status pull_aggregate(struct decorrelation *d, struct plan **node,
                                     struct expr_list *preds, uint32_t **map)
{
    struct plan_context *ctx = d->ctx;
    struct plan *aggregate = *node;
    struct expr_list below = {0};
    uint32_t *input_map, n_cols = aggregate->n_cols, aggs_at = aggregate_aggs_at(aggregate);
    bool is_single = aggregate->n_group == 0 && aggregate->window.kind == WINDOW_NONE;
    if (is_single && d->rows_may_multiply)
        return refuse(d, "an aggregate without GROUP BY in EXISTS or IN");
    CHECK(pull(d, &aggregate->inputs[0], &below, &input_map));
    struct expr_visitor visitor = {.visit = remap_visit, .ctx = ctx, .data = input_map};
    CHECK(plan_visit_exprs(aggregate, &visitor));

    struct expr_list group = {aggregate->group, aggregate->n_group, aggregate->n_group};
    for (uint32_t i = 0; i < below.n; i++) {
        CHECK(group_pred(d, aggregate, below.items[i], &group));
        CHECK(expr_list_push(ctx, preds, below.items[i]));
    }
    uint32_t n_added = group.n - aggregate->n_group;
    const char **group_names, **agg_names;
    ALLOC_OR_FAIL(ctx, group_names, ARENA_ARRAY(ctx->arena, const char *, group.n + 1));
    ALLOC_OR_FAIL(ctx, agg_names, ARENA_ARRAY(ctx->arena, const char *, aggregate->n_aggs + 1));
    for (uint32_t i = 0; i < group.n; i++)
        group_names[i] = i < aggregate->n_group
                             ? aggregate->cols[aggregate_group_at(aggregate) + i].name
                             : "key";
    for (uint32_t i = 0; i < aggregate->n_aggs; i++)
        agg_names[i] = aggregate->cols[aggs_at + i].name;
    aggregate->group = group.items;
    aggregate->n_group = group.n;
    CHECK(plan_set_aggregate_columns(ctx, aggregate, group_names, agg_names));
    CHECK(identity(d, n_cols, map));
    for (uint32_t i = aggs_at; i < n_cols; i++) (*map)[i] += n_added;
    d->is_single_aggregate = d->is_single_aggregate || is_single;
    return LAMINAR_OK;
}

static laminar_status pull_join(struct decorrelation *d, struct plan **node,
                                struct expr_list *preds, uint32_t **map)
{
    struct plan_context *ctx = d->ctx;
    struct plan *old = *node, *join;
    bool is_inner = old->join_kind == JOIN_INNER || old->join_kind == JOIN_CROSS;
    if (old->join_kind == JOIN_FULL &&
        (plan_has_outer(old->inputs[0]) || plan_has_outer(old->inputs[1])))
        return refuse(d, "a FULL JOIN");
    if (!is_inner && plan_has_outer(old->inputs[1]))
        return refuse(d, "outer columns on the optional side of a join");
    if (!is_inner && old->predicate && expr_has_outer(old->predicate))
        return refuse(d, "outer columns in the condition of an outer join");
    if (old->strategy != STRATEGY_HASH && old->strategy != STRATEGY_NESTED)
        return refuse(d, "an ASOF or temporal join");
    uint32_t n_left = old->inputs[0]->n_cols, n_right = old->inputs[1]->n_cols, *left_map,
             *right_map;
    struct expr_list from_right = {0};
    CHECK(pull(d, &old->inputs[0], preds, &left_map));
    CHECK(pull(d, &old->inputs[1], &from_right, &right_map));
    CHECK(plan_make_join(ctx, old->join_kind, old->inputs[0], old->inputs[1], &join));
    uint32_t n_left_new = old->inputs[0]->n_cols;
    ALLOC_OR_FAIL(ctx, *map, ARENA_ARRAY(ctx->arena, uint32_t, n_left + n_right + 1));
    for (uint32_t i = 0; i < n_left; i++) (*map)[i] = left_map[i];
    for (uint32_t i = 0; i < n_right; i++) (*map)[n_left + i] = n_left_new + right_map[i];
    for (uint32_t i = 0; i < from_right.n; i++) {
        expr_shift(from_right.items[i], n_left_new);
        CHECK(expr_list_push(ctx, preds, from_right.items[i]));
    }
    for (uint32_t i = 0; i < old->n_keys; i++) {
        expr_remap(old->left_keys[i], left_map);
        expr_remap(old->right_keys[i], right_map);
    }
    join->left_keys = old->left_keys;
    join->right_keys = old->right_keys;
    join->n_keys = old->n_keys;
    join->strategy = old->strategy;
    join->sql_offset = old->sql_offset;
    join->predicate = old->predicate;
    if (join->predicate) expr_remap(join->predicate, *map);
    if (is_inner) CHECK(take_correlated(d, &join->predicate, preds));
    *node = join;
    return LAMINAR_OK;
}

static laminar_status pull(struct decorrelation *d, struct plan **node, struct expr_list *preds,
                           uint32_t **map)
{
    struct plan *plan = *node;
    if (!plan_has_outer(plan)) return identity(d, plan->n_cols, map);
    switch (plan->kind) {
    case PLAN_FILTER: return pull_filter(d, node, preds, map);
    case PLAN_PROJECT: return pull_project(d, node, preds, map);
    case PLAN_AGGREGATE: return pull_aggregate(d, node, preds, map);
    case PLAN_JOIN: return pull_join(d, node, preds, map);
    case PLAN_SORT: /* order is no property of a subquery's rows */
        *node = plan->inputs[0];
        return pull(d, node, preds, map);
    case PLAN_DISTINCT:
        if (!d->rows_may_multiply) return refuse(d, "DISTINCT");
        *node = plan->inputs[0];
        return pull(d, node, preds, map);
    case PLAN_TOP_N: return refuse(d, "LIMIT");
    case PLAN_RECURSIVE:
    case PLAN_WORKING: break;
    case PLAN_UNNEST: return refuse(d, "UNNEST");
    case PLAN_EXPAND: return refuse(d, "GROUPING SETS");
    case PLAN_UNION_ALL:
    case PLAN_SET: return refuse(d, "UNION, INTERSECT or EXCEPT");
    case PLAN_OVER: return refuse(d, "a window function");
    case PLAN_WINDOW_TABLE: return refuse(d, "a window table function");
    case PLAN_SCAN:
    case PLAN_VALUES:
    case PLAN_TIME_FILTER:
    case PLAN_HOLD: break;
    }
    return refuse(d, "VALUES");
}

laminar_status plan_decorrelate(struct decorrelation *d, struct plan **plan, uint32_t **map)
{
    return pull(d, plan, &d->preds, map);
}
