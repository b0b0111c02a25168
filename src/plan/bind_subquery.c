/* bind_subquery.c - subqueries in expressions, as joins.
 *
 * A conjunct [NOT] EXISTS / [NOT] IN of WHERE is a SEMI or ANTI join of what FROM has made.
 * Elsewhere a subquery is LEFT joined, and its value is an expression over the joined columns:
 * the scalar itself, or for EXISTS and IN a mark column that is null where nothing matched. In a
 * grouped SELECT the join waits until the aggregate is made (pending_join). Conditions on the
 * enclosing query become the join's keys (decorrelate.c) where the subquery's shape allows that;
 * else the subquery is computed for all combinations of outer columns that occur (detach.c).
 *
 * A subquery used as a value that may have several rows becomes only_value(count(*), any_value(x)),
 * which fails for those rows where there are several. Comparisons with ANY and ALL look at the
 * least or greatest value, and at the counts of rows and of values.
 *
 * NOT IN follows SQL's nulls exactly: x NOT IN (q) holds if nothing in q equals x, and q has no
 * null, and x is not null unless q is empty. Each of the three is an anti join, made only where
 * nulls are possible. */
#include "plan/bind.h"
#include "plan/decorrelate.h"
#include "plan/detach.h"

/* --- Joining ---------------------------------------------------------------------------------- */

/* EXPR_OUTER to columns of the block's rows as they are now (the aggregate's, if there is one),
 * EXPR_COLUMN to the right side behind them. */
static laminar_status combine(struct select_block *q, struct expr **e, uint32_t n_left)
{
    if ((*e)->kind == EXPR_OUTER && --(*e)->depth == 0) {
        (*e)->kind = EXPR_COLUMN;
        return block_finish_expr(q, e);
    }
    if ((*e)->kind == EXPR_COLUMN) (*e)->column += n_left;
    for (uint32_t i = 0; i < (*e)->n_args; i++) CHECK(combine(q, &(*e)->args[i], n_left));
    return LAMINAR_OK;
}

static void outer_to_columns(struct expr *e)
{
    if (e->kind == EXPR_OUTER && --e->depth == 0) e->kind = EXPR_COLUMN;
    for (uint32_t i = 0; i < e->n_args; i++) outer_to_columns(e->args[i]);
}

static void columns_to_outer(struct expr *e)
{
    if (e->kind == EXPR_OUTER) e->depth++;
    if (e->kind == EXPR_COLUMN) {
        e->kind = EXPR_OUTER;
        e->depth = 1;
    }
    for (uint32_t i = 0; i < e->n_args; i++) columns_to_outer(e->args[i]);
}

static bool has_deeper_outer(const struct expr *e)
{
    if (e->kind == EXPR_OUTER) return e->depth > 1;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (has_deeper_outer(e->args[i])) return true;
    return false;
}

/* outer = inner: fills both sides. */
static bool is_key_pred(const struct expr *pred, struct expr **outer, struct expr **inner)
{
    if (!expr_is_call(pred, "=") || !type_equal(pred->args[0]->type, pred->args[1]->type))
        return false;
    for (uint32_t i = 0; i < 2; i++) {
        *outer = pred->args[i];
        *inner = pred->args[1 - i];
        if (expr_has_outer(*outer) && !expr_has_columns(*outer) && expr_has_columns(*inner) &&
            !expr_has_outer(*inner) && !has_deeper_outer(*outer))
            return true;
    }
    return false;
}

/* q->plan = q->plan JOIN sub ON preds */
static laminar_status join_subquery(struct select_block *q, enum join_kind kind, struct plan *sub,
                                    const struct expr_list *preds)
{
    struct plan_context *ctx = q->ctx;
    struct plan *join;
    struct expr_list rest = {0};
    CHECK(plan_make_join(ctx, kind, q->plan, sub, &join));
    for (uint32_t i = 0; i < preds->n; i++) {
        struct expr *outer, *inner, *pred = preds->items[i];
        if (is_key_pred(pred, &outer, &inner)) {
            outer_to_columns(outer);
            CHECK(block_finish_expr(q, &outer));
            CHECK(join_add_key(ctx, join, outer, inner));
        } else {
            CHECK(combine(q, &pred, q->plan->n_cols));
            CHECK(expr_list_push(ctx, &rest, pred));
        }
    }
    CHECK(expr_make_and(ctx, &rest, &join->predicate));
    q->plan = join;
    return LAMINAR_OK;
}

static bool must_wait(const struct select_block *q)
{
    return q->is_grouped && q->clause.allows_aggregates && !q->aggregate;
}

static laminar_status add_pending(struct select_block *q, const struct pending_join *pending,
                                  uint32_t *base)
{
    struct pending_join *grown;
    ALLOC_OR_FAIL(q->ctx, grown, ARENA_ARRAY(q->ctx->arena, struct pending_join, q->n_pending + 1));
    if (q->n_pending) memcpy(grown, q->pending, q->n_pending * sizeof *grown);
    grown[q->n_pending] = *pending;
    q->pending = grown;
    *base = STAND_IN_SUBQUERY + q->n_pending++ * SUBQUERY_COLUMNS_MAX;
    return LAMINAR_OK;
}

/* LEFT joins sub now or later; its column c is column *base + c for expressions of the block. */
static laminar_status attach(struct select_block *q, struct plan *sub,
                             const struct expr_list *preds, uint32_t offset, uint32_t *base)
{
    struct plan_context *ctx = q->ctx;
    if (sub->n_cols > SUBQUERY_COLUMNS_MAX)
        return plan_unsupported(ctx, offset, "the subquery has too many columns",
                                "select those that are needed in a derived table first");
    if (!must_wait(q)) {
        *base = q->plan->n_cols;
        return join_subquery(q, JOIN_LEFT, sub, preds);
    }
    return add_pending(q, &(struct pending_join){.sub = sub, .preds = *preds}, base);
}

/* --- Joining by a domain: subqueries of any shape --------------------------------------------- */

static laminar_status note_volatile(struct expr_visitor *visitor, struct expr **e, unused int side)
{
    bool *found = visitor->data;
    *found = *found || expr_is_random(*e);
    return LAMINAR_OK;
}
static bool plan_is_random(struct plan *plan)
{
    bool found = false;
    struct expr_visitor visitor = {.visit = note_volatile, .data = &found};
    if (plan_visit_exprs(plan, &visitor) != LAMINAR_OK) return true;
    for (uint32_t i = 0; i < plan->n_inputs && !found; i++) found = plan_is_random(plan->inputs[i]);
    return found;
}

/* The distinct outer columns (depth 0) of a plan, each with an expression node of it. */
struct outer_columns {
    struct expr_list nodes;
    struct plan_context *ctx;
};
static laminar_status collect_outers(struct outer_columns *all, struct expr *e)
{
    if (e->kind == EXPR_OUTER && e->depth == 0) {
        for (uint32_t i = 0; i < all->nodes.n; i++)
            if (all->nodes.items[i]->column == e->column) return LAMINAR_OK;
        return expr_list_push(all->ctx, &all->nodes, e);
    }
    for (uint32_t i = 0; i < e->n_args; i++) CHECK(collect_outers(all, e->args[i]));
    return LAMINAR_OK;
}
static laminar_status collect_visit(struct expr_visitor *visitor, struct expr **e, unused int side)
{
    return collect_outers(visitor->data, *e);
}
static laminar_status collect_plan(struct outer_columns *all, struct plan *plan)
{
    struct expr_visitor visitor = {.visit = collect_visit, .ctx = all->ctx, .data = all};
    CHECK(plan_visit_exprs(plan, &visitor));
    for (uint32_t i = 0; i < plan->n_inputs; i++) CHECK(collect_plan(all, plan->inputs[i]));
    return LAMINAR_OK;
}

/* The block's columns that the subquery uses, as they are now; their distinct combinations. */
static laminar_status make_domain(struct select_block *q, struct plan *sub, struct expr ***exprs,
                                  struct detaching *d)
{
    struct plan_context *ctx = q->ctx;
    struct outer_columns all = {.ctx = ctx};
    struct plan *copy;
    struct expr **of_domain;
    const char **names;
    uint32_t *outers;
    CHECK(collect_plan(&all, sub));
    uint32_t n = all.nodes.n;
    ALLOC_OR_FAIL(ctx, *exprs, ARENA_ARRAY(ctx->arena, struct expr *, n + 1));
    ALLOC_OR_FAIL(ctx, of_domain, ARENA_ARRAY(ctx->arena, struct expr *, n + 1));
    ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, n + 1));
    ALLOC_OR_FAIL(ctx, outers, ARENA_ARRAY(ctx->arena, uint32_t, n + 1));
    for (uint32_t i = 0; i < n; i++) {
        struct expr *e;
        ALLOC_OR_FAIL(ctx, e, expr_copy(ctx->arena, all.nodes.items[i]));
        outers[i] = e->column;
        e->kind = EXPR_COLUMN;
        CHECK(block_finish_expr(q, &e));
        if (e->kind == EXPR_COLUMN) e->is_nullable = q->plan->cols[e->column].is_nullable;
        names[i] = e->kind == EXPR_COLUMN ? q->plan->cols[e->column].name : "key";
        (*exprs)[i] = e;
        ALLOC_OR_FAIL(ctx, of_domain[i], expr_copy(ctx->arena, e));
    }
    struct plan *domain;
    CHECK(plan_copy(ctx, q->plan, &copy));
    CHECK(plan_make_project(ctx, copy, of_domain, names, n, &domain));
    CHECK(plan_make_distinct(ctx, domain, &domain));
    d->domain = domain;
    d->outers = outers;
    d->n = n;
    return LAMINAR_OK;
}

/* q->plan = q->plan JOIN sub for each combination of the outer columns in sub. Of a join that keeps the right side, sub's column c is column
 * *base + c. */
static laminar_status join_general(struct select_block *q, enum join_kind kind, struct plan *sub,
                                   uint32_t offset, uint32_t *base)
{
    struct plan_context *ctx = q->ctx;
    struct detaching d = {.ctx = ctx, .offset = offset};
    struct expr **outer;
    struct plan *join;
    if (plan_is_random(q->plan))
        return plan_unsupported(
            ctx, offset,
            "this correlated subquery over rows made by random functions is not supported",
            "write it as a join");
    CHECK(plan_lift_outers(ctx, sub));
    CHECK(make_domain(q, sub, &outer, &d));
    uint32_t n_sub = sub->n_cols;
    CHECK(plan_detach(&d, &sub));
    *base = q->plan->n_cols;
    CHECK(plan_make_join(ctx, kind, q->plan, sub, &join));
    for (uint32_t i = 0; i < d.n; i++) {
        struct expr *right;
        const struct plan_column *col = &sub->cols[n_sub + i];
        ALLOC_OR_FAIL(ctx, right, expr_column(ctx->arena, n_sub + i, col->type, col->is_nullable));
        CHECK(join_add_null_safe_key(ctx, join, outer[i], right));
    }
    q->plan = join;
    return LAMINAR_OK;
}

/* LEFT joins a subquery that has outer columns, now or later. */
static laminar_status attach_general(struct select_block *q, struct plan *sub, uint32_t offset,
                                     uint32_t *base)
{
    if (!must_wait(q)) return join_general(q, JOIN_LEFT, sub, offset, base);
    return add_pending(q, &(struct pending_join){.sub = sub, .is_general = true, .offset = offset},
                       base);
}

laminar_status block_attach_pending(struct select_block *q)
{
    for (uint32_t i = 0; i < q->n_pending; i++) {
        struct pending_join *pending = &q->pending[i];
        pending->base = q->plan->n_cols;
        if (pending->is_general)
            CHECK(join_general(q, JOIN_LEFT, pending->sub, pending->offset, &pending->base));
        else
            CHECK(join_subquery(q, JOIN_LEFT, pending->sub, &pending->preds));
    }
    return LAMINAR_OK;
}

/* Column c of an attached subquery. */
static laminar_status attached_column(struct select_block *q, const struct plan *sub, uint32_t base,
                                      uint32_t c, uint32_t offset, struct expr **out)
{
    ALLOC_OR_FAIL(q->ctx, *out, expr_column(q->ctx->arena, base + c, sub->cols[c].type, true));
    (*out)->sql_offset = offset;
    return LAMINAR_OK;
}

/* --- The subquery's plan ---------------------------------------------------------------------- */

/* is_correlated: uses columns of the block itself. Columns of queries further out are then those of the
 * block's own enclosing queries. */
static laminar_status bind_ordered_sub(struct select_block *q, const struct ast_query *query,
                                       struct plan **out, bool *is_correlated)
{
    if (!q->plan || !q->clause.allows_subqueries) {
        plan_error(q->ctx, LAMINAR_QUERY_UNSUPPORTED, query->span.start,
                   "a subquery is not supported in %s",
                   q->clause.name ? q->clause.name : "this expression");
        error_hint(q->ctx->err, "join with the subquery in FROM");
        return LAMINAR_QUERY_UNSUPPORTED;
    }
    CHECK(bind_query(q->b, q, query, out));
    *is_correlated = plan_has_outer_of(*out, 1);
    if (!*is_correlated) CHECK(plan_lift_outers(q->ctx, *out));
    return LAMINAR_OK;
}

static laminar_status bind_sub(struct select_block *q, const struct ast_query *query,
                               struct plan **out, bool *is_correlated)
{
    CHECK(bind_ordered_sub(q, query, out, is_correlated));
    if ((*out)->kind == PLAN_SORT) *out = (*out)->inputs[0];
    return LAMINAR_OK;
}

/* SELECT count(*) FROM plan, and with `column` also count(column): always one row. */
static laminar_status make_counts(struct plan_context *ctx, struct plan *plan, int32_t column,
                                  struct plan **out)
{
    struct plan *aggregate;
    static const char *const names[] = {"count(*)", "count(value)"};
    uint32_t n = column >= 0 ? 2 : 1;
    CHECK(plan_new(ctx, PLAN_AGGREGATE, 1, 0, &aggregate));
    aggregate->inputs[0] = plan;
    ALLOC_OR_FAIL(ctx, aggregate->aggs, ARENA_ARRAY(ctx->arena, struct aggregate_call, n));
    aggregate->n_aggs = n;
    CHECK(aggregate_bind(ctx->arena, "count", NULL, 0, NULL, &aggregate->aggs[0].agg, ctx->err));
    if (column >= 0) {
        struct aggregate_call *call = &aggregate->aggs[1];
        const struct plan_column *col = &plan->cols[column];
        CHECK(aggregate_bind(ctx->arena, "count", &col->type, 1, NULL, &call->agg, ctx->err));
        ALLOC_OR_FAIL(ctx, call->args, ARENA_ARRAY(ctx->arena, struct expr *, 1));
        ALLOC_OR_FAIL(ctx, call->args[0],
                      expr_column(ctx->arena, (uint32_t)column, col->type, col->is_nullable));
        CHECK(make_coerced(ctx, call->args[0], call->agg->arg_types[0], &call->args[0]));
        call->n_args = 1;
    }
    CHECK(plan_set_aggregate_columns(ctx, aggregate, NULL, names));
    *out = aggregate;
    return LAMINAR_OK;
}

static laminar_status compare_count(struct plan_context *ctx, uint32_t column, const char *op,
                                    int64_t with, struct expr **out)
{
    struct expr *count, *number;
    ALLOC_OR_FAIL(ctx, count, expr_column(ctx->arena, column, TYPE(INT64), false));
    ALLOC_OR_FAIL(ctx, number, const_int64(ctx->arena, with));
    return make_comparison(ctx, op, count, number, 0, out);
}

/* One row if the plan has any, else none. */
static laminar_status make_any_row(struct plan_context *ctx, struct plan *plan, struct plan **out)
{
    struct plan *counts;
    struct expr *has_rows;
    CHECK(make_counts(ctx, plan, -1, &counts));
    CHECK(compare_count(ctx, 0, ">", 0, &has_rows));
    return plan_make_filter(ctx, counts, has_rows, out);
}

/* What EXISTS doesn't look at: order, duplicates, a LIMIT of at least 1, the select list. */
static void strip_for_exists(struct plan **plan)
{
    for (;;) {
        struct plan *p = *plan;
        bool is_harmless_limit = p->kind == PLAN_TOP_N && !p->offset &&
                                 (!p->has_limit || p->limit > 0) && !p->n_partition;
        if (p->kind != PLAN_SORT && p->kind != PLAN_DISTINCT && p->kind != PLAN_PROJECT &&
            !is_harmless_limit)
            return;
        *plan = p->inputs[0];
    }
}

static laminar_status decorrelate(struct select_block *q, uint32_t offset, struct plan **plan,
                                  struct expr_list *preds)
{
    struct decorrelation d = {.ctx = q->ctx, .offset = offset, .rows_may_multiply = true};
    uint32_t *map;
    CHECK(plan_decorrelate(&d, plan, &map));
    *preds = d.preds;
    return LAMINAR_OK;
}

/* Runs one way of joining a subquery; *done = false where that way doesn't support it, and nothing has
 * been joined then. Each way gets a copy of the subquery: rewriting it leaves nothing whole. */
typedef laminar_status (*attempt)(struct select_block *q, struct plan *sub, uint32_t offset,
                                  void *result);
static laminar_status try_way(struct select_block *q, attempt way, const struct plan *sub,
                              uint32_t offset, void *result, bool *done)
{
    struct plan_context *ctx = q->ctx;
    struct laminar_error *err = ctx->err, refusal = LAMINAR_ERROR_INIT;
    struct plan *copy, *before = q->plan;
    uint32_t n_pending = q->n_pending;
    CHECK(plan_copy(ctx, sub, &copy));
    ctx->err = &refusal;
    laminar_status status = way(q, copy, offset, result);
    ctx->err = err;
    *done = status == LAMINAR_OK;
    if (status == LAMINAR_OK) return LAMINAR_OK;
    if (status != LAMINAR_QUERY_UNSUPPORTED) {
        if (err) *err = refusal;
        return status;
    }
    q->plan = before;
    q->n_pending = n_pending;
    return LAMINAR_OK;
}

/* SELECT DISTINCT the inner sides of the key conditions, true AS mark. The conditions then speak
 * of its columns. */
static laminar_status make_marks(struct select_block *q, struct plan *sub, struct expr_list *preds,
                                 uint32_t offset, struct plan **out)
{
    struct plan_context *ctx = q->ctx;
    struct expr **exprs;
    const char **names;
    struct plan *plan;
    ALLOC_OR_FAIL(ctx, exprs, ARENA_ARRAY(ctx->arena, struct expr *, preds->n + 1));
    ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, preds->n + 1));
    for (uint32_t i = 0; i < preds->n; i++) {
        struct expr *outer, *inner, *pred = preds->items[i];
        if (!is_key_pred(pred, &outer, &inner))
            return plan_unsupported(
                ctx, offset,
                "this correlated subquery is not supported here: its conditions must be equalities",
                "as a condition of WHERE, joined by AND, it is");
        exprs[i] = inner;
        names[i] = "key";
        pred->args[pred->args[0] == inner ? 0 : 1] = expr_column(ctx->arena, i, inner->type,
                                                                 inner->is_nullable);
        if (!pred->args[0] || !pred->args[1]) return plan_oom(ctx);
    }
    CHECK(plan_make_project(ctx, sub, exprs, names, preds->n, &plan));
    CHECK(plan_make_distinct(ctx, plan, &plan));
    struct expr **all;
    ALLOC_OR_FAIL(ctx, all, ARENA_ARRAY(ctx->arena, struct expr *, preds->n + 1));
    for (uint32_t i = 0; i < preds->n; i++)
        ALLOC_OR_FAIL(ctx, all[i],
                      expr_column(ctx->arena, i, plan->cols[i].type, plan->cols[i].is_nullable));
    ALLOC_OR_FAIL(ctx, all[preds->n], const_bool(ctx->arena, true));
    names[preds->n] = "mark";
    return plan_make_project(ctx, plan, all, names, preds->n + 1, out);
}

/* --- Scalar subqueries ------------------------------------------------------------------------ */

/* Do the conditions fix a key of the plan by equalities? */
static bool is_unique_under(const struct plan *plan, const struct expr_list *preds)
{
    if (!plan->props.has_key) return false;
    for (uint32_t k = 0; k < plan->props.n_key_cols; k++) {
        bool found = false;
        for (uint32_t i = 0; i < preds->n && !found; i++) {
            struct expr *outer, *inner;
            found = is_key_pred(preds->items[i], &outer, &inner) && inner->kind == EXPR_COLUMN &&
                    inner->column == plan->props.key_cols[k];
        }
        if (!found) return false;
    }
    return true;
}

static laminar_status add_aggregate(struct plan_context *ctx, struct plan *aggregate,
                                    const char *name, int32_t column)
{
    struct aggregate_call *call = &aggregate->aggs[aggregate->n_aggs++];
    const struct plan *input = aggregate->inputs[0];
    if (column < 0) return aggregate_bind(ctx->arena, name, NULL, 0, NULL, &call->agg, ctx->err);
    const struct plan_column *col = &input->cols[column];
    CHECK(aggregate_bind(ctx->arena, name, &col->type, 1, NULL, &call->agg, ctx->err));
    ALLOC_OR_FAIL(ctx, call->args, ARENA_ARRAY(ctx->arena, struct expr *, 1));
    ALLOC_OR_FAIL(ctx, call->args[0],
                  expr_column(ctx->arena, (uint32_t)column, col->type, col->is_nullable));
    CHECK(make_coerced(ctx, call->args[0], call->agg->arg_types[0], &call->args[0]));
    call->n_args = 1;
    return LAMINAR_OK;
}

/* SELECT names[0](*), names[1](x), ... FROM sub, x being its only column. */
static laminar_status aggregate_values(struct plan_context *ctx, struct plan *sub,
                                       const char *const *names, uint32_t n, struct plan **out)
{
    struct plan *aggregate;
    struct expr **exprs;
    const char **labels;
    ALLOC_OR_FAIL(ctx, labels, ARENA_ARRAY(ctx->arena, const char *, n));
    for (uint32_t i = 0; i < n; i++)
        ALLOC_OR_FAIL(ctx, labels[i],
                      arena_printf(ctx->arena, "%s(%s)", names[i], i ? "value" : "*"));
    CHECK(plan_new(ctx, PLAN_AGGREGATE, 1, 0, &aggregate));
    aggregate->inputs[0] = sub;
    ALLOC_OR_FAIL(ctx, aggregate->aggs, ARENA_ARRAY(ctx->arena, struct aggregate_call, n));
    for (uint32_t i = 0; i < n; i++) CHECK(add_aggregate(ctx, aggregate, names[i], i ? 0 : -1));
    CHECK(plan_set_aggregate_columns(ctx, aggregate, NULL, labels));
    ALLOC_OR_FAIL(ctx, exprs, ARENA_ARRAY(ctx->arena, struct expr *, n + 1));
    for (uint32_t i = 0; i < n; i++) {
        const struct plan_column *col = &aggregate->cols[i];
        ALLOC_OR_FAIL(ctx, exprs[i], expr_column(ctx->arena, i, col->type, col->is_nullable));
    }
    return plan_make_project(ctx, aggregate, exprs, labels, n, out);
}

/* SELECT only_value(count(*), any_value(x)) FROM sub: fails where there are several rows. */
static laminar_status make_single(struct plan_context *ctx, struct plan *sub, uint32_t offset,
                                  struct plan **out)
{
    static const char *const names[] = {"count", "any_value"};
    struct plan *project;
    const char *name = sub->cols[0].name;
    CHECK(aggregate_values(ctx, sub, names, 2, &project));
    CHECK(make_call(ctx, "only_value", project->exprs, 2, offset, &project->exprs[0]));
    return plan_make_project(ctx, project->inputs[0], project->exprs, &name, 1, out);
}

/* The value of an aggregate for an outer row that has no group: a count is 0 then, not null. */
static laminar_status fix_counts(struct plan_context *ctx, const struct plan *aggregate,
                                 struct expr **e)
{
    if ((*e)->kind == EXPR_COLUMN && (*e)->column >= aggregate_aggs_at(aggregate))
        return aggregate_or_zero(
            ctx, aggregate->aggs[(*e)->column - aggregate_aggs_at(aggregate)].agg, e);
    for (uint32_t i = 0; i < (*e)->n_args; i++) CHECK(fix_counts(ctx, aggregate, &(*e)->args[i]));
    return LAMINAR_OK;
}

static bool is_single_aggregate(const struct plan *sub)
{
    const struct plan *below = sub->kind == PLAN_PROJECT ? sub->inputs[0] : NULL;
    return below && below->kind == PLAN_AGGREGATE && below->n_group == 0 &&
           below->window.kind == WINDOW_NONE;
}

/* SELECT f(aggregates), ... FROM ... WHERE inner = outer: the aggregate grouped by the inner side is
 * joined, f is computed behind the join. result: an expression for each column. */
static laminar_status attach_grouped(struct select_block *q, struct plan *project, uint32_t offset,
                                     void *result)
{
    struct plan_context *ctx = q->ctx;
    struct decorrelation d = {.ctx = ctx, .offset = offset};
    struct plan *sub = project->inputs[0];
    struct expr **values = result;
    uint32_t *map, base;
    for (uint32_t i = 0; i < project->n_cols; i++)
        if (has_deeper_outer(project->exprs[i]))
            return plan_unsupported(ctx, offset, "this subquery is not supported", NULL);
    CHECK(plan_decorrelate(&d, &sub, &map));
    for (uint32_t i = 0; i < project->n_cols; i++) {
        expr_remap(project->exprs[i], map);
        CHECK(fix_counts(ctx, sub, &project->exprs[i]));
    }
    CHECK(attach(q, sub, &d.preds, offset, &base));
    for (uint32_t i = 0; i < project->n_cols; i++) {
        expr_shift(project->exprs[i], base);
        outer_to_columns(project->exprs[i]);
        values[i] = project->exprs[i];
    }
    return LAMINAR_OK;
}

/* One row for each outer row: SELECT f(aggregates) FROM ...; an expression for each column. */
static laminar_status attach_single(struct select_block *q, struct plan *project,
                                    bool is_correlated, uint32_t offset, struct expr **values)
{
    struct expr_list none = {0};
    uint32_t base;
    bool done = false;
    if (is_correlated) {
        CHECK(try_way(q, attach_grouped, project, offset, values, &done));
        if (done) return LAMINAR_OK;
        CHECK(attach_general(q, project, offset, &base));
    } else {
        CHECK(attach(q, project, &none, offset, &base));
    }
    for (uint32_t i = 0; i < project->n_cols; i++)
        CHECK(attached_column(q, project, base, i, offset, &values[i]));
    return LAMINAR_OK;
}

/* The correlation fixes a key, so there is one row at most. */
static laminar_status attach_unique(struct select_block *q, struct plan *sub, uint32_t offset,
                                    void *result)
{
    struct plan_context *ctx = q->ctx;
    struct decorrelation d = {.ctx = ctx, .offset = offset};
    struct expr **value = result;
    uint32_t *map, base;
    CHECK(plan_decorrelate(&d, &sub, &map));
    if (d.is_single_aggregate) return LAMINAR_QUERY_UNSUPPORTED;
    CHECK(plan_compute_properties(ctx, sub));
    if (!is_unique_under(sub, &d.preds)) return LAMINAR_QUERY_UNSUPPORTED;
    CHECK(attach(q, sub, &d.preds, offset, &base));
    return attached_column(q, sub, base, map[0], offset, value);
}

laminar_status bind_scalar_subquery(struct select_block *q, const struct ast_expr *ast,
                                    struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    uint32_t offset = ast->span.start, base;
    struct plan *sub;
    struct expr_list none = {0};
    bool is_correlated = false, done = false;
    CHECK(bind_sub(q, ast->u.query, &sub, &is_correlated));
    if (sub->n_cols != 1)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, offset,
                          "a subquery used as a value must have one column, not %u", sub->n_cols);
    if (is_correlated && !is_single_aggregate(sub)) {
        CHECK(try_way(q, attach_unique, sub, offset, out, &done));
        if (done) return LAMINAR_OK;
    }
    if (!is_correlated) {
        CHECK(plan_compute_properties(ctx, sub));
        if (is_unique_under(sub, &none)) {
            CHECK(attach(q, sub, &none, offset, &base));
            return attached_column(q, sub, base, 0, offset, out);
        }
    }
    if (!is_single_aggregate(sub)) CHECK(make_single(ctx, sub, offset, &sub));
    return attach_single(q, sub, is_correlated, offset, out);
}

/* --- ARRAY(query) ----------------------------------------------------------------------------- */

/* The order of the aggregate's rows: that of the query. */
static laminar_status order_call(struct plan_context *ctx, struct aggregate_call *call,
                                 const struct plan *sort)
{
    const struct plan *input = sort->inputs[0];
    ALLOC_OR_FAIL(ctx, call->order_args, ARENA_ARRAY(ctx->arena, struct expr *, sort->n_sort + 1));
    ALLOC_OR_FAIL(ctx, call->order_keys,
                  ARENA_ARRAY(ctx->arena, struct sort_key, sort->n_sort + 1));
    for (uint32_t i = 0; i < sort->n_sort; i++) {
        const struct plan_column *col = &input->cols[sort->sort[i].column];
        ALLOC_OR_FAIL(ctx, call->order_args[i],
                      expr_column(ctx->arena, sort->sort[i].column, col->type, col->is_nullable));
        call->order_keys[i] = sort->sort[i];
        call->order_keys[i].column = i;
    }
    call->n_order = sort->n_sort;
    return LAMINAR_OK;
}

static bool is_ordered(const struct plan *plan)
{
    return plan->kind == PLAN_SORT || (plan->kind == PLAN_TOP_N && plan->n_sort > 0);
}

/* SELECT coalesce(array_agg(x ORDER BY ...), []) FROM ... */
static laminar_status make_array_query(struct plan_context *ctx, struct plan *sub, uint32_t offset,
                                       struct plan **out)
{
    static const char *const name = "array";
    struct plan *aggregate, *sort = NULL;
    struct expr *both, *array, *empty;
    uint32_t column = 0;
    if (is_ordered(sub)) sort = sub;
    if (sub->kind == PLAN_PROJECT && is_ordered(sub->inputs[0]) &&
        sub->exprs[0]->kind == EXPR_COLUMN) { /* ordered by a column that isn't shown */
        sort = sub->inputs[0];
        column = sub->exprs[0]->column;
    }
    CHECK(plan_new(ctx, PLAN_AGGREGATE, 1, 0, &aggregate));
    aggregate->inputs[0] = !sort ? sub : sort->kind == PLAN_SORT ? sort->inputs[0] : sort;
    ALLOC_OR_FAIL(ctx, aggregate->aggs, ARENA_ARRAY(ctx->arena, struct aggregate_call, 1));
    CHECK(add_aggregate(ctx, aggregate, "array_agg", (int32_t)column));
    if (sort) CHECK(order_call(ctx, &aggregate->aggs[0], sort));
    CHECK(plan_set_aggregate_columns(ctx, aggregate, NULL, &name));
    struct data_type type = aggregate->cols[0].type;
    ALLOC_OR_FAIL(ctx, array, expr_column(ctx->arena, 0, type, true));
    CHECK(make_call(ctx, "make_array", NULL, 0, offset, &empty));
    CHECK(make_cast(ctx, empty, type, CAST_EXPLICIT, &empty));
    ALLOC_OR_FAIL(ctx, both, expr_new(ctx->arena, EXPR_COALESCE, type, 2));
    both->args[0] = array;
    both->args[1] = empty;
    return plan_make_project(ctx, aggregate, &both, &name, 1, out);
}

laminar_status bind_array_query(struct select_block *q, const struct ast_expr *ast,
                                struct expr **out)
{
    struct plan *sub;
    bool is_correlated = false;
    uint32_t offset = ast->span.start;
    CHECK(bind_ordered_sub(q, ast->u.query, &sub, &is_correlated));
    if (sub->n_cols != 1)
        return plan_error(q->ctx, LAMINAR_QUERY_FAILED, offset,
                          "the query of ARRAY(...) must have one column, not %u", sub->n_cols);
    CHECK(make_array_query(q->ctx, sub, offset, &sub));
    return attach_single(q, sub, is_correlated, offset, out);
}

/* --- EXISTS ----------------------------------------------------------------------------------- */

static laminar_status attach_marks(struct select_block *q, struct plan *sub, uint32_t offset,
                                   void *result)
{
    struct plan *joined;
    struct expr_list preds = {0};
    struct expr **mark = result;
    uint32_t base;
    CHECK(decorrelate(q, offset, &sub, &preds));
    CHECK(make_marks(q, sub, &preds, offset, &joined));
    CHECK(attach(q, joined, &preds, offset, &base));
    return attached_column(q, joined, base, preds.n, offset, mark);
}

/* Is there a row of sub? */
static laminar_status exists_value(struct select_block *q, struct plan *sub, bool is_correlated,
                                   uint32_t offset, struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    struct expr_list none = {0};
    struct plan *joined;
    struct expr *mark;
    uint32_t base;
    bool done = false;
    if (!is_correlated) {
        struct expr *count, *zero;
        CHECK(make_counts(ctx, sub, -1, &joined));
        CHECK(attach(q, joined, &none, offset, &base));
        CHECK(attached_column(q, joined, base, 0, offset, &count));
        count->is_nullable = false; /* a count without GROUP BY always has its row */
        ALLOC_OR_FAIL(ctx, zero, const_int64(ctx->arena, 0));
        return make_comparison(ctx, ">", count, zero, offset, out);
    }
    strip_for_exists(&sub);
    CHECK(try_way(q, attach_marks, sub, offset, &mark, &done));
    if (!done) {
        static const char *const name = "mark";
        ALLOC_OR_FAIL(ctx, mark, const_bool(ctx->arena, true));
        CHECK(plan_make_project(ctx, sub, &mark, &name, 1, &joined));
        CHECK(plan_make_distinct(ctx, joined, &joined));
        CHECK(attach_general(q, joined, offset, &base));
        CHECK(attached_column(q, joined, base, 0, offset, &mark));
    }
    return make_call(ctx, "is_not_null", &mark, 1, offset, out);
}

laminar_status bind_exists(struct select_block *q, const struct ast_expr *ast, struct expr **out)
{
    struct plan *sub;
    bool is_correlated = false;
    CHECK(bind_sub(q, ast->u.query, &sub, &is_correlated));
    return exists_value(q, sub, is_correlated, ast->span.start, out);
}

static laminar_status join_exists(struct select_block *q, struct plan *sub, uint32_t offset,
                                  void *result)
{
    const enum join_kind *kind = result;
    struct expr_list preds = {0};
    CHECK(decorrelate(q, offset, &sub, &preds));
    return join_subquery(q, *kind, sub, &preds);
}

/* Keeps the rows of q->plan for which sub has a row, or has none. */
static laminar_status exists_condition(struct select_block *q, struct plan *sub, bool is_correlated,
                                       uint32_t offset, bool is_negated)
{
    enum join_kind kind = is_negated ? JOIN_ANTI : JOIN_SEMI;
    struct expr_list none = {0};
    bool done = false;
    uint32_t base;
    if (!is_correlated) {
        CHECK(make_any_row(q->ctx, sub, &sub));
        return join_subquery(q, kind, sub, &none);
    }
    strip_for_exists(&sub);
    CHECK(try_way(q, join_exists, sub, offset, &kind, &done));
    return done ? LAMINAR_OK : join_general(q, kind, sub, offset, &base);
}

/* --- IN --------------------------------------------------------------------------------------- */

struct in_query {
    struct select_block *q;
    struct plan *sub;
    uint32_t offset;
    struct expr **operands; /* over the block's rows */
    uint32_t n_operands;
    bool is_correlated;
    bool operand_may_be_null;
    bool value_may_be_null;
};

static laminar_status start_in(struct select_block *q, const struct ast_expr *ast,
                               const struct ast_expr *operand, const struct ast_query *query,
                               struct in_query *in)
{
    bool is_row = operand->kind == AST_EXPR_ROW;
    struct ast_expr *single[1] = {(struct ast_expr *)(uintptr_t)operand};
    *in = (struct in_query){
        .q = q, .offset = ast->span.start, .n_operands = is_row ? (uint32_t)operand->u.list.n : 1};
    CHECK(bind_exprs(q, is_row ? operand->u.list.items : single, in->n_operands, &in->operands));
    CHECK(bind_sub(q, query, &in->sub, &in->is_correlated));
    if (in->sub->n_cols != in->n_operands)
        return plan_error(q->ctx, LAMINAR_QUERY_FAILED, query->span.start,
                          "the subquery of IN must have %u column%s, not %u", in->n_operands,
                          in->n_operands == 1 ? "" : "s", in->sub->n_cols);
    for (uint32_t i = 0; i < in->n_operands; i++) {
        in->operand_may_be_null |= in->operands[i]->is_nullable;
        in->value_may_be_null |= in->sub->cols[i].is_nullable;
    }
    return LAMINAR_OK;
}

/* For an uncorrelated subquery the outer columns of further queries were lifted; as a part of a
 * correlated one they have to stand one deeper again. */
static void deepen(struct expr *e)
{
    if (e->kind == EXPR_OUTER) e->depth++;
    for (uint32_t i = 0; i < e->n_args; i++) deepen(e->args[i]);
}
static laminar_status deepen_visit(unused struct expr_visitor *visitor, struct expr **e,
                                   unused int side)
{
    deepen(*e);
    return LAMINAR_OK;
}
static laminar_status deepen_plan(struct plan_context *ctx, struct plan *plan)
{
    struct expr_visitor visitor = {.visit = deepen_visit, .ctx = ctx};
    CHECK(plan_visit_exprs(plan, &visitor));
    for (uint32_t i = 0; i < plan->n_inputs; i++) CHECK(deepen_plan(ctx, plan->inputs[i]));
    return LAMINAR_OK;
}

/* A copy of the subquery, ready to be given conditions on the block's columns. */
static laminar_status copy_of_sub(struct in_query *in, struct plan **out)
{
    CHECK(plan_copy(in->q->ctx, in->sub, out));
    return in->is_correlated ? LAMINAR_OK : deepen_plan(in->q->ctx, *out);
}

/* x_i = y_i, or with `or_unknown` also where either is null. */
static laminar_status match_condition(struct in_query *in, uint32_t i, bool or_unknown,
                                      struct expr **out)
{
    struct plan_context *ctx = in->q->ctx;
    const struct plan_column *col = &in->sub->cols[i];
    struct expr *x[2], *y[2], *e;
    for (int k = 0; k < 2; k++) {
        ALLOC_OR_FAIL(ctx, x[k], expr_copy(ctx->arena, in->operands[i]));
        columns_to_outer(x[k]);
        ALLOC_OR_FAIL(ctx, y[k], expr_column(ctx->arena, i, col->type, col->is_nullable));
    }
    CHECK(make_comparison(ctx, "=", x[0], y[0], in->offset, out));
    if (!or_unknown || !(in->operands[i]->is_nullable || col->is_nullable)) return LAMINAR_OK;
    ALLOC_OR_FAIL(ctx, e, expr_new(ctx->arena, EXPR_OR, TYPE(BOOL), 3));
    e->args[0] = *out;
    CHECK(make_call(ctx, "is_null", &x[1], 1, in->offset, &e->args[1]));
    CHECK(make_call(ctx, "is_null", &y[1], 1, in->offset, &e->args[2]));
    e->is_nullable = true;
    *out = e;
    return LAMINAR_OK;
}

/* The rows of the subquery that equal the operands (or may, for all that is known). */
static laminar_status matching_rows(struct in_query *in, bool or_unknown, struct plan **out)
{
    struct plan_context *ctx = in->q->ctx;
    struct expr_list conditions = {0};
    struct expr *all;
    CHECK(copy_of_sub(in, out));
    for (uint32_t i = 0; i < in->n_operands; i++) {
        struct expr *e;
        CHECK(match_condition(in, i, or_unknown, &e));
        CHECK(expr_list_push(ctx, &conditions, e));
    }
    CHECK(expr_make_and(ctx, &conditions, &all));
    return plan_make_filter(ctx, *out, all, out);
}

/* Operands over no column of the block (constants) make the condition no correlation. */
static bool refers_to_block(const struct in_query *in)
{
    if (in->is_correlated) return true;
    for (uint32_t i = 0; i < in->n_operands; i++)
        if (expr_has_columns(in->operands[i])) return true;
    return false;
}

static laminar_status matching_exist(struct in_query *in, bool or_unknown, struct expr **out)
{
    struct plan *rows;
    CHECK(matching_rows(in, or_unknown, &rows));
    bool is_correlated = refers_to_block(in);
    if (!is_correlated) CHECK(plan_lift_outers(in->q->ctx, rows));
    return exists_value(in->q, rows, is_correlated, in->offset, out);
}

static laminar_status keep_matching(struct in_query *in, bool or_unknown, bool is_negated)
{
    struct plan *rows;
    CHECK(matching_rows(in, or_unknown, &rows));
    bool is_correlated = refers_to_block(in);
    if (!is_correlated) CHECK(plan_lift_outers(in->q->ctx, rows));
    return exists_condition(in->q, rows, is_correlated, in->offset, is_negated);
}

/* Rows of q->plan go if the subquery has a null. */
static laminar_status anti_join_nulls(struct in_query *in)
{
    struct plan_context *ctx = in->q->ctx;
    struct plan *sub;
    struct expr *is_null;
    CHECK(plan_copy(ctx, in->sub, &sub));
    ALLOC_OR_FAIL(ctx, is_null, expr_column(ctx->arena, 0, sub->cols[0].type, true));
    CHECK(make_call(ctx, "is_null", &is_null, 1, in->offset, &is_null));
    CHECK(plan_make_filter(ctx, sub, is_null, &sub));
    return exists_condition(in->q, sub, false, in->offset, true);
}

/* Rows of q->plan whose operand is null go if the subquery has a row. */
static laminar_status anti_join_null_operand(struct in_query *in)
{
    struct plan_context *ctx = in->q->ctx;
    struct plan *sub;
    struct expr_list preds = {0};
    struct expr *is_null;
    CHECK(plan_copy(ctx, in->sub, &sub));
    CHECK(make_any_row(ctx, sub, &sub));
    ALLOC_OR_FAIL(ctx, is_null, expr_copy(ctx->arena, in->operands[0]));
    columns_to_outer(is_null);
    CHECK(make_call(ctx, "is_null", &is_null, 1, in->offset, &is_null));
    CHECK(expr_list_push(ctx, &preds, is_null));
    return join_subquery(in->q, JOIN_ANTI, sub, &preds);
}

static laminar_status in_condition(struct select_block *q, const struct ast_expr *ast,
                                   const struct ast_expr *operand, const struct ast_query *query,
                                   bool is_negated)
{
    struct in_query in;
    CHECK(start_in(q, ast, operand, query, &in));
    if (!is_negated) return keep_matching(&in, false, false);
    if (in.is_correlated || in.n_operands > 1) return keep_matching(&in, true, true);
    CHECK(keep_matching(&in, false, true));
    if (in.value_may_be_null) CHECK(anti_join_nulls(&in));
    if (in.operand_may_be_null) CHECK(anti_join_null_operand(&in));
    return LAMINAR_OK;
}

/* CASE WHEN c1 THEN v1 WHEN c2 THEN v2 ... ELSE false END; v: 1, 0, -1 for NULL. */
static laminar_status make_decision(struct plan_context *ctx, struct expr *const *conditions,
                                    const int *values, uint32_t n, struct expr **out)
{
    struct expr *e;
    ALLOC_OR_FAIL(ctx, e, expr_new(ctx->arena, EXPR_CASE, TYPE(BOOL), 2 * n + 1));
    for (uint32_t i = 0; i < n; i++) {
        e->args[2 * i] = conditions[i];
        ALLOC_OR_FAIL(ctx, e->args[2 * i + 1],
                      values[i] < 0 ? const_null(ctx->arena, TYPE(BOOL))
                                    : const_bool(ctx->arena, values[i] > 0));
    }
    ALLOC_OR_FAIL(ctx, e->args[2 * n], const_bool(ctx->arena, false));
    e->is_nullable = true;
    *out = e;
    return LAMINAR_OK;
}

static laminar_status make_is_null(struct plan_context *ctx, const struct expr *e, uint32_t offset,
                                   struct expr **out)
{
    ALLOC_OR_FAIL(ctx, *out, expr_copy(ctx->arena, e));
    return make_call(ctx, "is_null", out, 1, offset, out);
}

/* x IS NULL OR n_values < n_rows */
static laminar_status make_unknown(struct plan_context *ctx, const struct expr *x,
                                   const struct expr *n_rows, const struct expr *n_values,
                                   uint32_t offset, struct expr **out)
{
    struct expr *a, *b, *e;
    ALLOC_OR_FAIL(ctx, a, expr_copy(ctx->arena, n_values));
    ALLOC_OR_FAIL(ctx, b, expr_copy(ctx->arena, n_rows));
    ALLOC_OR_FAIL(ctx, e, expr_new(ctx->arena, EXPR_OR, TYPE(BOOL), 2));
    CHECK(make_is_null(ctx, x, offset, &e->args[0]));
    CHECK(make_comparison(ctx, "<", a, b, offset, &e->args[1]));
    e->is_nullable = true;
    *out = e;
    return LAMINAR_OK;
}

static laminar_status make_is_empty(struct plan_context *ctx, const struct expr *n_rows,
                                    uint32_t offset, struct expr **out)
{
    struct expr *count, *zero;
    ALLOC_OR_FAIL(ctx, count, expr_copy(ctx->arena, n_rows));
    ALLOC_OR_FAIL(ctx, zero, const_int64(ctx->arena, 0));
    return make_comparison(ctx, "=", count, zero, offset, out);
}

/* One column, no correlation: the counts of rows and values tell whether there is a null. */
static laminar_status in_by_counts(struct in_query *in, struct expr *matched, struct expr **out)
{
    static const char *const names[] = {"count", "count"};
    static const int values[] = {1, 0, -1};
    struct plan_context *ctx = in->q->ctx;
    struct plan *sub;
    struct expr *counts[2], *conditions[3] = {matched};
    CHECK(plan_copy(ctx, in->sub, &sub));
    CHECK(aggregate_values(ctx, sub, names, 2, &sub));
    CHECK(attach_single(in->q, sub, false, in->offset, counts));
    CHECK(make_is_empty(ctx, counts[0], in->offset, &conditions[1]));
    CHECK(make_unknown(ctx, in->operands[0], counts[0], counts[1], in->offset, &conditions[2]));
    return make_decision(ctx, conditions, values, 3, out);
}

laminar_status bind_in_query(struct select_block *q, const struct ast_expr *ast,
                             const struct ast_expr *operand, const struct ast_query *query,
                             bool is_negated, struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    struct in_query in;
    struct expr *e;
    CHECK(start_in(q, ast, operand, query, &in));
    CHECK(matching_exist(&in, false, &e));
    if (in.operand_may_be_null || in.value_may_be_null) {
        if (in.n_operands == 1 && !in.is_correlated) {
            CHECK(in_by_counts(&in, e, &e));
        } else {
            static const int values[] = {1, -1};
            struct expr *conditions[2] = {e};
            CHECK(matching_exist(&in, true, &conditions[1]));
            CHECK(make_decision(ctx, conditions, values, 2, &e));
        }
    }
    e->sql_offset = in.offset;
    if (is_negated) return make_call(ctx, "not", &e, 1, in.offset, out);
    *out = e;
    return LAMINAR_OK;
}

/* --- x < ANY (query), x >= ALL (query) -------------------------------------------------------- */

static enum ast_binary_op negated(enum ast_binary_op op)
{
    switch (op) {
    case AST_BINARY_EQ: return AST_BINARY_NE;
    case AST_BINARY_NE: return AST_BINARY_EQ;
    case AST_BINARY_LT: return AST_BINARY_GE;
    case AST_BINARY_LE: return AST_BINARY_GT;
    case AST_BINARY_GT: return AST_BINARY_LE;
    default: return AST_BINARY_LT;
    }
}

/* x op y for some y of the sub: with the least, or the greatest, or (<>) either. */
static laminar_status compare_any(struct in_query *in, enum ast_binary_op op, struct expr **out)
{
    static const char *const names[] = {"count", "count", "min", "max"};
    static const int decisions[] = {0, 1, -1};
    struct plan_context *ctx = in->q->ctx;
    struct plan *sub;
    struct expr *values[4], *conditions[3], *x, *e;
    bool wants_max = op == AST_BINARY_LT || op == AST_BINARY_LE || op == AST_BINARY_EQ;
    CHECK(aggregate_values(ctx, in->sub, names, 4, &sub));
    CHECK(attach_single(in->q, sub, in->is_correlated, in->offset, values));
    CHECK(make_is_empty(ctx, values[0], in->offset, &conditions[0]));
    ALLOC_OR_FAIL(ctx, x, expr_copy(ctx->arena, in->operands[0]));
    CHECK(make_comparison(ctx, sql_binary_op_text(op), x, values[wants_max ? 3 : 2], in->offset,
                          &conditions[1]));
    if (op == AST_BINARY_NE) {
        ALLOC_OR_FAIL(ctx, x, expr_copy(ctx->arena, in->operands[0]));
        ALLOC_OR_FAIL(ctx, e, expr_new(ctx->arena, EXPR_OR, TYPE(BOOL), 2));
        e->args[0] = conditions[1];
        CHECK(make_comparison(ctx, "<>", x, values[3], in->offset, &e->args[1]));
        e->is_nullable = true;
        conditions[1] = e;
    }
    CHECK(make_unknown(ctx, in->operands[0], values[0], values[1], in->offset, &conditions[2]));
    return make_decision(ctx, conditions, decisions, 3, out);
}

/* UNNEST(array) as a subquery: SELECT unnest FROM UNNEST(array). */
static laminar_status query_of_array(struct select_block *q, const struct ast_expr *array,
                                     struct in_query *in)
{
    struct plan_context *ctx = q->ctx;
    struct expr *e;
    if (!q->plan || !q->clause.allows_subqueries)
        return plan_unsupported(ctx, array->span.start,
                                "ANY and ALL over an array are not supported here",
                                "array_has(array, x) tells whether x is in the array");
    CHECK(bind_expr(q, array, &e));
    in->is_correlated = expr_has_columns(e);
    if (in->is_correlated) columns_to_outer(e);
    return make_unnest_query(q, e, &in->sub);
}

laminar_status bind_quantified(struct select_block *q, const struct ast_expr *ast,
                               struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    enum ast_binary_op op = ast->u.quantified.op;
    bool is_all = ast->u.quantified.is_all;
    const struct ast_expr *operand = ast->u.quantified.operand;
    if (op == AST_BINARY_EQ && !is_all && ast->u.quantified.query)
        return bind_in_query(q, ast, operand, ast->u.quantified.query, false, out);
    if (op == AST_BINARY_NE && is_all && ast->u.quantified.query)
        return bind_in_query(q, ast, operand, ast->u.quantified.query, true, out);
    if (operand->kind == AST_EXPR_ROW)
        return plan_unsupported(
            ctx, ast->span.start,
            "ANY and ALL of row values are supported with = ANY and <> ALL only", NULL);
    struct in_query in;
    if (ast->u.quantified.query) {
        CHECK(start_in(q, ast, operand, ast->u.quantified.query, &in));
    } else {
        in = (struct in_query){.q = q, .offset = ast->span.start, .n_operands = 1};
        CHECK(bind_exprs(q, &ast->u.quantified.operand, 1, &in.operands));
        CHECK(query_of_array(q, ast->u.quantified.array, &in));
        in.operand_may_be_null = in.value_may_be_null = true;
    }
    struct expr *e;
    enum ast_binary_op any = is_all ? negated(op) : op;
    if (any == AST_BINARY_EQ) {
        static const int values[] = {1, -1};
        struct expr *conditions[2];
        CHECK(matching_exist(&in, false, &conditions[0]));
        CHECK(matching_exist(&in, true, &conditions[1]));
        CHECK(make_decision(ctx, conditions, values, 2, &e));
    } else {
        CHECK(compare_any(&in, any, &e));
    }
    e->sql_offset = in.offset;
    if (is_all) return make_call(ctx, "not", &e, 1, in.offset, out);
    *out = e;
    return LAMINAR_OK;
}

/* --- Conjuncts of WHERE ----------------------------------------------------------------------- */

laminar_status bind_subquery_condition(struct select_block *q, const struct ast_expr *ast,
                                       bool *done)
{
    bool is_negated = false, is_correlated = false;
    *done = true;
    while (ast->kind == AST_EXPR_UNARY && ast->u.unary.op == AST_UNARY_NOT) {
        ast = ast->u.unary.operand;
        is_negated = !is_negated;
    }
    if (ast->kind == AST_EXPR_EXISTS) {
        struct plan *sub;
        CHECK(bind_sub(q, ast->u.query, &sub, &is_correlated));
        return exists_condition(q, sub, is_correlated, ast->span.start, is_negated);
    }
    if (ast->kind == AST_EXPR_IN_QUERY)
        return in_condition(q, ast, ast->u.in_query.operand, ast->u.in_query.query,
                            is_negated != ast->u.in_query.is_negated);
    *done = false;
    return LAMINAR_OK;
}

/* --- Lateral subqueries in FROM --------------------------------------------------------------- */

static laminar_status join_lateral(struct select_block *q, struct plan *sub, uint32_t offset,
                                   void *result)
{
    struct decorrelation d = {.ctx = q->ctx, .offset = offset};
    struct lateral *lateral = result;
    CHECK(plan_decorrelate(&d, &sub, &lateral->map));
    if (d.is_single_aggregate) return LAMINAR_QUERY_UNSUPPORTED;
    lateral->base = q->plan->n_cols;
    CHECK(join_subquery(q, lateral->kind, sub, &d.preds));
    return LAMINAR_OK;
}

laminar_status bind_lateral_query(struct select_block *q, const struct ast_query *query,
                                  struct lateral *lateral)
{
    struct plan *sub;
    bool is_correlated = false, done = false;
    uint32_t offset = query->span.start;
    CHECK(bind_sub(q, query, &sub, &is_correlated));
    lateral->n_cols = sub->n_cols;
    lateral->names = sub->cols;
    lateral->map = NULL;
    if (!is_correlated) {
        struct expr_list none = {0};
        lateral->base = q->plan->n_cols;
        return join_subquery(q, lateral->kind, sub, &none);
    }
    CHECK(try_way(q, join_lateral, sub, offset, lateral, &done));
    if (done) return LAMINAR_OK;
    lateral->map = NULL;
    return join_general(q, lateral->kind, sub, offset, &lateral->base);
}
