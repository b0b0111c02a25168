/* bind_aggregate.c - aggregate calls, GROUP BY, and the change of ground from the rows of FROM
 * to the rows of the aggregate (see bind.h). */
#include "plan/bind.h"

/* --- Aggregate calls -------------------------------------------------------------------------- */

static const char aggregate_argument[] = "the argument of an aggregate";

static laminar_status check_place(struct select_block *q, const struct ast_expr *ast,
                                  const char *name)
{
    if (q->clause.allows_aggregates) return LAMINAR_OK;
    if (q->clause.name == aggregate_argument) {
        plan_error(q->ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                   "aggregate functions can't be nested: %s()", name);
        error_hint(q->ctx->err, "aggregate in a subquery first");
        return LAMINAR_QUERY_FAILED;
    }
    plan_error(q->ctx, LAMINAR_QUERY_FAILED, ast->span.start,
               "aggregate function %s() is not allowed in %s", name, q->clause.name);
    if (strcmp(q->clause.name, "WHERE") == 0)
        error_hint(q->ctx->err, "conditions on aggregates go to HAVING");
    else
        error_hint(q->ctx->err, "aggregate in a subquery first");
    return LAMINAR_QUERY_FAILED;
}

static laminar_status bind_order(struct select_block *q, const struct ast_order_list *order,
                                 struct aggregate_call *call)
{
    struct plan_context *ctx = q->ctx;
    ALLOC_OR_FAIL(ctx, call->order_args, ARENA_ARRAY(ctx->arena, struct expr *, order->n + 1));
    ALLOC_OR_FAIL(ctx, call->order_keys, ARENA_ARRAY(ctx->arena, struct sort_key, order->n + 1));
    for (size_t i = 0; i < order->n; i++) {
        const struct ast_order_item *item = &order->items[i];
        CHECK(bind_expr(q, item->expr, &call->order_args[i]));
        bool nulls_first = item->nulls == AST_NULLS_DEFAULT ? item->is_descending
                                                            : item->nulls == AST_NULLS_FIRST;
        call->order_keys[i] = (struct sort_key){(uint32_t)i, item->is_descending, nulls_first};
    }
    call->n_order = (uint32_t)order->n;
    return LAMINAR_OK;
}

/* Arguments, cast as the aggregate asks. WITHIN GROUP (ORDER BY x) puts x before them:
 * percentile_cont(0.5) becomes percentile_cont(x, 0.5). */
static laminar_status bind_arguments(struct select_block *q, const struct ast_expr *ast,
                                     const char *name, struct aggregate_call *call)
{
    struct plan_context *ctx = q->ctx;
    const struct ast_function *f = ast->u.function;
    size_t n_within = f->within_group.n, n = n_within + f->args.n;
    struct expr **args;
    struct data_type *types;
    const struct vector **constants;
    ALLOC_OR_FAIL(ctx, args, ARENA_ARRAY(ctx->arena, struct expr *, n + 1));
    ALLOC_OR_FAIL(ctx, types, ARENA_ARRAY(ctx->arena, struct data_type, n + 1));
    ALLOC_OR_FAIL(ctx, constants, ARENA_ARRAY(ctx->arena, const struct vector *, n + 1));
    for (size_t i = 0; i < n; i++) {
        CHECK(bind_expr(q,
                        i < n_within ? f->within_group.items[i].expr : f->args.items[i - n_within],
                        &args[i]));
        CHECK(rewrite_fold_expr(ctx, &args[i]));
        types[i] = args[i]->type;
        constants[i] = expr_is_const(args[i]) ? &args[i]->value : NULL;
    }
    laminar_status status = library_bind_aggregate(ctx->functions, ctx->arena, name, types,
                                                   (uint32_t)n, constants, &call->agg, ctx->err);
    CHECK(plan_located(ctx, status, ast->span.start));
    if (aggregate_is_registered(call->agg->function)) ctx->registered_name = call->agg->name;
    for (size_t i = 0; i < n; i++)
        CHECK(make_coerced(ctx, args[i], call->agg->arg_types[i], &args[i]));
    call->args = args;
    call->n_args = (uint32_t)n;
    return LAMINAR_OK;
}

static bool same_exprs(struct expr *const *a, struct expr *const *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!expr_equal(a[i], b[i])) return false;
    return true;
}

bool aggregate_call_equal(const struct aggregate_call *a, const struct aggregate_call *b)
{
    if (!a->agg != !b->agg || (a->agg && a->agg->function != b->agg->function) ||
        a->n_args != b->n_args || a->is_distinct != b->is_distinct || a->n_order != b->n_order ||
        !a->filter != !b->filter)
        return false;
    if (a->filter && !expr_equal(a->filter, b->filter)) return false;
    if (!same_exprs(a->args, b->args, a->n_args) ||
        !same_exprs(a->order_args, b->order_args, a->n_order))
        return false;
    for (uint32_t i = 0; i < a->n_order; i++)
        if (a->order_keys[i].is_descending != b->order_keys[i].is_descending ||
            a->order_keys[i].is_nulls_first != b->order_keys[i].is_nulls_first)
            return false;
    return true;
}

static laminar_status add_call(struct select_block *q, const struct aggregate_call *call,
                               const char *name, uint32_t *out)
{
    struct plan_context *ctx = q->ctx;
    for (uint32_t i = 0; i < q->n_aggs; i++) {
        if (!aggregate_call_equal(&q->aggs[i], call)) continue;
        *out = i;
        return LAMINAR_OK;
    }
    if (q->n_aggs == q->agg_capacity) {
        uint32_t capacity = q->agg_capacity ? q->agg_capacity * 2 : 8;
        struct aggregate_call *aggs;
        const char **names;
        ALLOC_OR_FAIL(ctx, aggs, ARENA_ARRAY(ctx->arena, struct aggregate_call, capacity));
        ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, capacity));
        if (q->n_aggs) {
            memcpy(aggs, q->aggs, q->n_aggs * sizeof *aggs);
            memcpy(names, q->agg_names, q->n_aggs * sizeof *names);
        }
        q->aggs = aggs;
        q->agg_names = names;
        q->agg_capacity = capacity;
    }
    q->aggs[q->n_aggs] = *call;
    q->agg_names[q->n_aggs] = name;
    *out = q->n_aggs++;
    return LAMINAR_OK;
}

laminar_status bind_aggregate_parts(struct select_block *q, const struct ast_expr *ast,
                                    const char *name, struct aggregate_call *call)
{
    const struct ast_function *f = ast->u.function;
    CHECK(bind_arguments(q, ast, name, call));
    if (f->filter) {
        CHECK(bind_expr(q, f->filter, &call->filter));
        CHECK(make_condition(q->ctx, call->filter, "FILTER", &call->filter));
    }
    if (call->agg->flags & AGG_NEEDS_ORDER) CHECK(bind_order(q, &f->order_by, call));
    if (f->within_group.n == 1 && f->within_group.items[0].is_descending)
        CHECK(bind_order(q, &f->within_group, call));
    call->is_distinct = f->is_distinct && !(call->agg->flags & AGG_IGNORES_DISTINCT);
    return LAMINAR_OK;
}

laminar_status bind_aggregate_call(struct select_block *q, const struct ast_expr *ast,
                                   struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    const struct ast_function *f = ast->u.function;
    const char *name = f->name.parts[0].text;
    CHECK(check_place(q, ast, name));
    if (f->is_star && strcmp(name, "count") != 0)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                          "%s(*) does not exist: only count(*) takes a star", name);
    if (f->is_distinct && f->args.n == 0)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                          "%s(DISTINCT ...) needs an argument", name);
    if (f->null_treatment == AST_NULLS_RESPECT)
        return plan_unsupported(ctx, ast->span.start, "RESPECT NULLS is not supported",
                                "aggregates skip nulls");
    struct aggregate_call call = {0};
    struct clause saved = q->clause;
    q->clause = (struct clause){.name = aggregate_argument, .allows_subqueries = !q->aggregate};
    laminar_status status = bind_aggregate_parts(q, ast, name, &call);
    q->clause = saved;
    CHECK(status);
    const char *label;
    uint32_t index;
    ALLOC_OR_FAIL(ctx, label, sql_expr_name(ctx->arena, ast));
    CHECK(add_call(q, &call, label, &index));
    ALLOC_OR_FAIL(ctx, *out,
                  expr_column(ctx->arena, STAND_IN_AGGREGATE + index, call.agg->result,
                              call.agg->result_is_nullable));
    (*out)->sql_offset = ast->span.start;
    return LAMINAR_OK;
}

/* --- GROUP BY --------------------------------------------------------------------------------- */

/* keys: bit i for key i, for grouping sets, which have fewer than 64; NULL: not wanted. */
static laminar_status add_group(struct select_block *q, struct expr *e, const char *name,
                                uint64_t *keys)
{
    struct plan_context *ctx = q->ctx;
    uint32_t at = 0;
    while (at < q->group.n && !expr_equal(q->group.items[at], e)) at++;
    if (keys && at < 64) *keys |= (uint64_t)1 << at;
    if (at < q->group.n) return LAMINAR_OK;
    const char **names;
    ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, q->group.n + 1));
    if (q->group.n) memcpy(names, q->group_names, q->group.n * sizeof *names);
    names[q->group.n] = name;
    q->group_names = names;
    return expr_list_push(ctx, &q->group, e);
}

/* `GROUP BY 2` is the second item of the select list, `GROUP BY name` its alias where FROM has
 * no such column. */
static laminar_status resolve_group(struct select_block *q, const struct ast_expr *ast,
                                    const struct ast_expr **out)
{
    struct plan_context *ctx = q->ctx;
    *out = ast;
    if (ast->kind == AST_EXPR_NUMBER && ast->u.number.class == AST_NUMBER_INTEGER) {
        uint64_t position = ast->u.number.fits_u64 ? ast->u.number.value : 0;
        if (position < 1 || position > q->select->n_items)
            return plan_error(
                ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                "GROUP BY position %s is not in the select list, which has %zu item%s",
                ast->u.number.text, q->select->n_items, q->select->n_items == 1 ? "" : "s");
        for (size_t i = 0; i < position; i++)
            if (q->select->items[i].expr->kind == AST_EXPR_STAR)
                return plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                                  "GROUP BY position %llu can't be counted behind a *",
                                  (unsigned long long)position);
        *out = q->select->items[position - 1].expr;
        return LAMINAR_OK;
    }
    if (ast->kind != AST_EXPR_COLUMN || ast->u.column.n != 1 ||
        scope_find(&q->scope, NULL, &ast->u.column.parts[0]) != -1)
        return LAMINAR_OK;
    for (size_t i = 0; i < q->select->n_items; i++) {
        const struct ast_select_item *item = &q->select->items[i];
        if (!item->alias.text || strcmp(item->alias.text, ast->u.column.parts[0].text) != 0)
            continue;
        *out = item->expr;
        break;
    }
    return LAMINAR_OK;
}

laminar_status bind_group_key(struct select_block *q, const struct ast_expr *ast, uint64_t *keys,
                              bool *is_window)
{
    const struct ast_expr *meant;
    CHECK(resolve_group(q, ast, &meant));
    CHECK(bind_window_group(q, meant, is_window));
    if (*is_window) return LAMINAR_OK;
    if (meant->kind == AST_EXPR_ROW) {
        bool has_window = false;
        for (size_t i = 0; i < meant->u.list.n; i++) {
            CHECK(bind_group_key(q, meant->u.list.items[i], keys, is_window));
            has_window |= *is_window;
        }
        *is_window = has_window;
        return LAMINAR_OK;
    }
    struct expr *e;
    const char *name;
    CHECK(bind_expr(q, meant, &e));
    ALLOC_OR_FAIL(q->ctx, name, sql_expr_name(q->ctx->arena, meant));
    return add_group(q, e, name, keys);
}

static laminar_status group_by_expr(struct select_block *q, const struct ast_expr *ast)
{
    bool is_window;
    return bind_group_key(q, ast, NULL, &is_window);
}

/* Every item of the select list that has no aggregate. */
static laminar_status group_by_all(struct select_block *q)
{
    for (size_t i = 0; i < q->select->n_items; i++) {
        const struct ast_expr *item = q->select->items[i].expr;
        if (item->kind == AST_EXPR_STAR) {
            for (uint32_t c = 0; c < q->scope.n; c++) {
                struct expr *e;
                if (q->scope.cols[c].is_hidden) continue;
                CHECK(scope_expr(q, &q->scope.cols[c], true, item->span.start, &e));
                CHECK(add_group(q, e, q->scope.cols[c].name, NULL));
            }
        } else if (!ast_has_aggregate(q->ctx, item)) {
            CHECK(group_by_expr(q, item));
        }
    }
    return LAMINAR_OK;
}

laminar_status bind_group_by(struct select_block *q)
{
    q->clause = (struct clause){.name = "GROUP BY", .allows_subqueries = true};
    if (q->select->group_by_all) return group_by_all(q);
    for (size_t i = 0; i < q->select->n_group_by; i++)
        if (q->select->group_by[i].kind != AST_GROUP_EXPR) return bind_grouping_sets(q);
    for (size_t i = 0; i < q->select->n_group_by; i++)
        CHECK(group_by_expr(q, q->select->group_by[i].expr));
    return LAMINAR_OK;
}

/* --- Over to the aggregate -------------------------------------------------------------------- */

static laminar_status add_count(struct select_block *q)
{
    struct aggregate_call call = {0};
    uint32_t index;
    CHECK(aggregate_bind(q->ctx->arena, "count", NULL, 0, NULL, &call.agg, q->ctx->err));
    return add_call(q, &call, "count(*)", &index);
}

laminar_status block_make_aggregate(struct select_block *q)
{
    struct plan_context *ctx = q->ctx;
    struct plan *plan;
    /* HAVING alone: a column to carry the row */
    if (q->n_aggs == 0 && q->group.n == 0 && q->window.kind == WINDOW_NONE) CHECK(add_count(q));
    CHECK(plan_new(ctx, PLAN_AGGREGATE, 1, 0, &plan));
    const char **names = q->group_names;
    plan->group = q->group.items;
    plan->n_group = q->group.n;
    if (q->n_grouping_sets) CHECK(block_expand_groups(q, &plan->group, &names, &plan->n_group));
    plan->inputs[0] = q->plan;
    plan->aggs = q->aggs;
    plan->n_aggs = q->n_aggs;
    plan->window = q->window;
    plan->sql_offset = q->select && q->select->n_group_by ? q->select->group_by[0].span.start : 0;
    CHECK(plan_set_aggregate_columns(ctx, plan, names, q->agg_names));
    q->plan = q->aggregate = plan;
    return block_attach_pending(q);
}

static laminar_status column_of(struct select_block *q, uint32_t column, uint32_t offset,
                                struct expr **out)
{
    const struct plan_column *col = &q->aggregate->cols[column];
    ALLOC_OR_FAIL(q->ctx, *out, expr_column(q->ctx->arena, column, col->type, col->is_nullable));
    (*out)->sql_offset = offset;
    return LAMINAR_OK;
}

static laminar_status finish_column(struct select_block *q, struct expr **e)
{
    struct plan_context *ctx = q->ctx;
    uint32_t column = (*e)->column, offset = (*e)->sql_offset,
             index = column & ~(uint32_t)STAND_IN_MASK;
    switch (column & STAND_IN_MASK) {
    case STAND_IN_AGGREGATE:
        return column_of(q, aggregate_aggs_at(q->aggregate) + index, offset, e);
    case STAND_IN_WINDOW:
        if (is_grouping_stand_in(column)) /* the key behind those of the block */
            index = aggregate_group_at(q->aggregate) + q->group.n;
        return column_of(q, index, offset, e);
    case STAND_IN_OVER: return LAMINAR_OK; /* block_finish_over's */
    case STAND_IN_SUBQUERY: {
        column = q->pending[index / SUBQUERY_COLUMNS_MAX].base + index % SUBQUERY_COLUMNS_MAX;
        ALLOC_OR_FAIL(ctx, *e, expr_column(ctx->arena, column, q->plan->cols[column].type, true));
        (*e)->sql_offset = offset;
        return LAMINAR_OK;
    }
    default: break;
    }
    const char *name = q->aggregate->inputs[0]->cols[column].name;
    plan_error(ctx, LAMINAR_QUERY_FAILED, offset,
               "column \"%s\" must be in GROUP BY or in an aggregate function", name);
    error_hint(ctx->err, "add it to GROUP BY, or use any_value(%s)", name);
    return LAMINAR_QUERY_FAILED;
}

laminar_status block_finish_expr(struct select_block *q, struct expr **e)
{
    if (!q->aggregate) return LAMINAR_OK;
    for (uint32_t i = 0; i < q->group.n; i++)
        if (expr_equal(q->group.items[i], *e))
            return column_of(q, aggregate_group_at(q->aggregate) + i, (*e)->sql_offset, e);
    if ((*e)->kind == EXPR_COLUMN) return finish_column(q, e);
    /* a key of grouping sets may be null though its column never is */
    bool has_null = false, has_value = false;
    for (uint32_t i = 0; i < (*e)->n_args; i++) {
        CHECK(block_finish_expr(q, &(*e)->args[i]));
        if ((*e)->args[i]->is_nullable)
            has_null = true;
        else
            has_value = true;
    }
    bool hides_null = ((*e)->kind == EXPR_COALESCE && has_value) ||
                      ((*e)->kind == EXPR_CALL && !((*e)->fn->flags & FN_STRICT));
    if (has_null && !hides_null) (*e)->is_nullable = true;
    return LAMINAR_OK;
}
