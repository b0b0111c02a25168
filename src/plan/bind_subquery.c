/* bind_subquery.c - subqueries in expressions, as joins.
 *
 * A conjunct [NOT] EXISTS / [NOT] IN of WHERE is a SEMI or ANTI join of what FROM has made.
 * Elsewhere a subquery is LEFT joined, and its value is an expression over the joined columns:
 * the scalar itself, or for EXISTS and IN a mark column that is null where nothing matched. In a
 * grouped SELECT the join waits until the aggregate is made (pending_join). Conditions on the
 * enclosing query become the join's keys (decorrelate.c).
 *
 * NOT IN follows SQL's nulls exactly: x NOT IN (q) holds if nothing in q equals x, and q has no
 * null, and x is not null unless q is empty. Each of the three is an anti join, made only where
 * nulls are possible. */
#include "plan/bind.h"
#include "plan/decorrelate.h"

/* --- Joining ---------------------------------------------------------------------------------- */

/* EXPR_OUTER to columns of the block's rows as they are now (the aggregate's, if there is one),
 * EXPR_COLUMN to the right side behind them. */
static laminar_status combine(struct select_block *q, struct expr **e, uint32_t n_left)
{
    if ((*e)->kind == EXPR_OUTER) {
        (*e)->kind = EXPR_COLUMN;
        return block_finish_expr(q, e);
    }
    if ((*e)->kind == EXPR_COLUMN) (*e)->column += n_left;
    for (uint32_t i = 0; i < (*e)->n_args; i++) CHECK(combine(q, &(*e)->args[i], n_left));
    return LAMINAR_OK;
}

static void outer_to_columns(struct expr *e)
{
    if (e->kind == EXPR_OUTER) e->kind = EXPR_COLUMN;
    for (uint32_t i = 0; i < e->n_args; i++) outer_to_columns(e->args[i]);
}

static void columns_to_outer(struct expr *e)
{
    if (e->kind == EXPR_COLUMN) {
        e->kind = EXPR_OUTER;
        e->depth = 1;
    }
    for (uint32_t i = 0; i < e->n_args; i++) columns_to_outer(e->args[i]);
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
            !expr_has_outer(*inner))
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
    struct pending_join *grown;
    ALLOC_OR_FAIL(ctx, grown, ARENA_ARRAY(ctx->arena, struct pending_join, q->n_pending + 1));
    if (q->n_pending) memcpy(grown, q->pending, q->n_pending * sizeof *grown);
    grown[q->n_pending] = (struct pending_join){.sub = sub, .preds = *preds};
    q->pending = grown;
    *base = STAND_IN_SUBQUERY + q->n_pending++ * SUBQUERY_COLUMNS_MAX;
    return LAMINAR_OK;
}

laminar_status block_attach_pending(struct select_block *q)
{
    for (uint32_t i = 0; i < q->n_pending; i++) {
        q->pending[i].base = q->plan->n_cols;
        CHECK(join_subquery(q, JOIN_LEFT, q->pending[i].sub, &q->pending[i].preds));
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

static laminar_status bind_sub(struct select_block *q, const struct ast_query *query,
                               struct plan **out)
{
    if (!q->plan || !q->clause.allows_subqueries) {
        plan_error(q->ctx, LAMINAR_QUERY_UNSUPPORTED, query->span.start,
                   "a subquery is not supported in %s",
                   q->clause.name ? q->clause.name : "this expression");
        error_hint(q->ctx->err, "join with the subquery in FROM");
        return LAMINAR_QUERY_UNSUPPORTED;
    }
    CHECK(bind_query(q->b, q, query, out));
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

static laminar_status too_many_rows(struct plan_context *ctx, uint32_t offset)
{
    plan_error(ctx, LAMINAR_QUERY_UNSUPPORTED, offset,
               "this subquery may return more than one row");
    error_hint(ctx->err,
               "use an aggregate such as max(...) or any_value(...), a unique key, or LIMIT 1");
    return LAMINAR_QUERY_UNSUPPORTED;
}

/* Are the plan's key columns among the inner sides of the equalities? */
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

/* The value of an aggregate for an outer row that has no group: a count is 0 then, not null. */
static laminar_status fix_counts(struct plan_context *ctx, const struct plan *aggregate,
                                 struct expr **e)
{
    if ((*e)->kind == EXPR_COLUMN && (*e)->column >= aggregate_aggs_at(aggregate)) {
        const struct bound_aggregate *agg =
            aggregate->aggs[(*e)->column - aggregate_aggs_at(aggregate)].agg;
        if (agg->result_is_nullable) return LAMINAR_OK;
        struct expr *both, *zero;
        ALLOC_OR_FAIL(ctx, zero, const_int64(ctx->arena, 0));
        CHECK(make_cast(ctx, zero, agg->result, CAST_EXPLICIT, &zero));
        ALLOC_OR_FAIL(ctx, both, expr_new(ctx->arena, EXPR_COALESCE, agg->result, 2));
        both->args[0] = *e;
        both->args[1] = zero;
        (*e)->is_nullable = true;
        *e = both;
        return LAMINAR_OK;
    }
    for (uint32_t i = 0; i < (*e)->n_args; i++) CHECK(fix_counts(ctx, aggregate, &(*e)->args[i]));
    return LAMINAR_OK;
}

/* SELECT f(aggregates) FROM ... WHERE inner = outer: the aggregate grouped by the inner side is
 * joined, f is computed behind the join. */
static laminar_status bind_correlated_aggregate(struct select_block *q, uint32_t offset,
                                                struct plan *project, struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    struct decorrelation d = {.ctx = ctx, .offset = offset};
    struct plan *sub = project->inputs[0];
    struct expr *value = project->exprs[0];
    uint32_t *map, base;
    CHECK(plan_decorrelate(&d, &sub, &map));
    expr_remap(value, map);
    CHECK(fix_counts(ctx, sub, &value));
    CHECK(attach(q, sub, &d.preds, offset, &base));
    expr_shift(value, base);
    outer_to_columns(value);
    *out = value;
    return LAMINAR_OK;
}

laminar_status bind_scalar_subquery(struct select_block *q, const struct ast_expr *ast,
                                    struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    uint32_t offset = ast->span.start, base;
    struct plan *sub;
    struct decorrelation d = {.ctx = ctx, .offset = offset};
    CHECK(bind_sub(q, ast->u.query, &sub));
    if (sub->n_cols != 1)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, offset,
                          "a subquery used as a value must have one column, not %u", sub->n_cols);
    bool is_correlated = plan_has_outer(sub);
    struct plan *below = sub->kind == PLAN_PROJECT ? sub->inputs[0] : NULL;
    if (is_correlated && below && below->kind == PLAN_AGGREGATE && below->n_group == 0 &&
        below->window.kind == WINDOW_NONE)
        return bind_correlated_aggregate(q, offset, sub, out);
    if (is_correlated) {
        uint32_t *map;
        CHECK(plan_decorrelate(&d, &sub, &map));
        if (d.is_single_aggregate)
            return plan_unsupported(ctx, offset,
                                    "this correlated subquery over an aggregate is not supported",
                                    "write it as a join with a grouped subquery");
    }
    CHECK(plan_compute_properties(ctx, sub));
    if (!is_unique_under(sub, &d.preds)) return too_many_rows(ctx, offset);
    CHECK(attach(q, sub, &d.preds, offset, &base));
    return attached_column(q, sub, base, 0, offset, out);
}

/* --- EXISTS ----------------------------------------------------------------------------------- */

laminar_status bind_exists(struct select_block *q, const struct ast_expr *ast, struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    uint32_t offset = ast->span.start, base;
    struct plan *sub, *joined;
    struct expr_list preds = {0};
    CHECK(bind_sub(q, ast->u.query, &sub));
    if (!plan_has_outer(sub)) {
        struct expr *count;
        CHECK(make_counts(ctx, sub, -1, &joined));
        CHECK(attach(q, joined, &preds, offset, &base));
        CHECK(attached_column(q, joined, base, 0, offset, &count));
        count->is_nullable = false; /* a count without GROUP BY always has its row */
        struct expr *zero;
        ALLOC_OR_FAIL(ctx, zero, const_int64(ctx->arena, 0));
        return make_comparison(ctx, ">", count, zero, offset, out);
    }
    strip_for_exists(&sub);
    CHECK(decorrelate(q, offset, &sub, &preds));
    CHECK(make_marks(q, sub, &preds, offset, &joined));
    CHECK(attach(q, joined, &preds, offset, &base));
    struct expr *mark;
    CHECK(attached_column(q, joined, base, preds.n, offset, &mark));
    return make_call(ctx, "is_not_null", &mark, 1, offset, out);
}

static laminar_status exists_condition(struct select_block *q, const struct ast_expr *ast,
                                       bool is_negated)
{
    struct plan *sub;
    struct expr_list preds = {0};
    CHECK(bind_sub(q, ast->u.query, &sub));
    bool is_correlated = plan_has_outer(sub);
    if (is_correlated) {
        strip_for_exists(&sub);
        CHECK(decorrelate(q, ast->span.start, &sub, &preds));
    } else {
        CHECK(make_any_row(q->ctx, sub, &sub));
    }
    return join_subquery(q, is_negated ? JOIN_ANTI : JOIN_SEMI, sub, &preds);
}

/* --- IN --------------------------------------------------------------------------------------- */

struct in_query {
    struct select_block *q;
    const struct ast_query *query;
    uint32_t offset;
    struct expr **operands; /* over the block's rows */
    uint32_t n_operands;
};

static laminar_status start_in(struct select_block *q, const struct ast_expr *ast,
                               const struct ast_expr *operand, const struct ast_query *query,
                               struct in_query *in)
{
    bool is_row = operand->kind == AST_EXPR_ROW;
    struct ast_expr *single[1] = {(struct ast_expr *)(uintptr_t)operand};
    *in = (struct in_query){.q = q,
                            .query = query,
                            .offset = ast->span.start,
                            .n_operands = is_row ? (uint32_t)operand->u.list.n : 1};
    CHECK(bind_exprs(q, is_row ? operand->u.list.items : single, in->n_operands, &in->operands));
    for (uint32_t i = 0; i < in->n_operands; i++)
        if (expr_has_outer(in->operands[i]))
            return plan_unsupported(
                q->ctx, in->operands[i]->sql_offset,
                "a column of the outer query is not supported on the left of IN here", NULL);
    return LAMINAR_OK;
}

/* The subquery's plan with its conditions: those of the correlation, and (at the end) one
 * equality for each operand. */
static laminar_status bind_in_plan(struct in_query *in, struct plan **out,
                                   struct expr_list *correlation, struct expr_list *equalities)
{
    struct plan_context *ctx = in->q->ctx;
    struct plan *sub;
    CHECK(bind_sub(in->q, in->query, &sub));
    if (sub->n_cols != in->n_operands)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, in->query->span.start,
                          "the subquery of IN must have %u column%s, not %u", in->n_operands,
                          in->n_operands == 1 ? "" : "s", sub->n_cols);
    if (plan_has_outer(sub)) CHECK(decorrelate(in->q, in->offset, &sub, correlation));
    for (uint32_t i = 0; i < in->n_operands; i++) {
        struct expr *x, *y, *e;
        ALLOC_OR_FAIL(ctx, x, expr_copy(ctx->arena, in->operands[i]));
        columns_to_outer(x);
        ALLOC_OR_FAIL(ctx, y,
                      expr_column(ctx->arena, i, sub->cols[i].type, sub->cols[i].is_nullable));
        CHECK(make_comparison(ctx, "=", x, y, in->offset, &e));
        CHECK(expr_list_push(ctx, equalities, e));
    }
    *out = sub;
    return LAMINAR_OK;
}

static laminar_status append(struct plan_context *ctx, struct expr_list *to,
                             const struct expr_list *from)
{
    for (uint32_t i = 0; i < from->n; i++) CHECK(expr_list_push(ctx, to, from->items[i]));
    return LAMINAR_OK;
}

/* Rows of q->plan go if the subquery has a null. */
static laminar_status anti_join_nulls(struct in_query *in)
{
    struct plan_context *ctx = in->q->ctx;
    struct plan *sub;
    struct expr_list preds = {0}, equalities = {0};
    struct expr *is_null;
    CHECK(bind_in_plan(in, &sub, &preds, &equalities));
    ALLOC_OR_FAIL(ctx, is_null, expr_column(ctx->arena, 0, sub->cols[0].type, true));
    CHECK(make_call(ctx, "is_null", &is_null, 1, in->offset, &is_null));
    CHECK(plan_make_filter(ctx, sub, is_null, &sub));
    if (preds.n == 0) CHECK(make_any_row(ctx, sub, &sub));
    return join_subquery(in->q, JOIN_ANTI, sub, &preds);
}

/* Rows of q->plan whose operand is null go if the subquery has a row. */
static laminar_status anti_join_null_operand(struct in_query *in)
{
    struct plan_context *ctx = in->q->ctx;
    struct plan *sub;
    struct expr_list preds = {0}, equalities = {0};
    struct expr *is_null;
    CHECK(bind_in_plan(in, &sub, &preds, &equalities));
    if (preds.n == 0) CHECK(make_any_row(ctx, sub, &sub));
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
    struct plan_context *ctx = q->ctx;
    struct in_query in;
    struct plan *sub;
    struct expr_list preds = {0}, equalities = {0};
    CHECK(start_in(q, ast, operand, query, &in));
    CHECK(bind_in_plan(&in, &sub, &preds, &equalities));
    bool y_nullable = false, x_nullable = false;
    for (uint32_t i = 0; i < in.n_operands; i++) {
        y_nullable |= sub->cols[i].is_nullable;
        x_nullable |= in.operands[i]->is_nullable;
    }
    if (is_negated && in.n_operands > 1 && (x_nullable || y_nullable))
        return plan_unsupported(ctx, in.offset,
                                "NOT IN with several columns that can be null is not supported",
                                "use NOT EXISTS");
    CHECK(append(ctx, &preds, &equalities));
    CHECK(join_subquery(q, is_negated ? JOIN_ANTI : JOIN_SEMI, sub, &preds));
    if (is_negated && y_nullable) CHECK(anti_join_nulls(&in));
    if (is_negated && x_nullable) CHECK(anti_join_null_operand(&in));
    return LAMINAR_OK;
}

/* CASE WHEN matched THEN true WHEN the query is empty THEN false WHEN x IS NULL or the query has
 * a null THEN NULL ELSE false END */
static laminar_status three_valued_in(struct in_query *in, struct expr *matched, struct expr **out)
{
    struct plan_context *ctx = in->q->ctx;
    struct plan *sub, *counts;
    struct expr_list preds = {0}, equalities = {0};
    uint32_t base;
    CHECK(bind_in_plan(in, &sub, &preds, &equalities));
    CHECK(make_counts(ctx, sub, 0, &counts));
    CHECK(attach(in->q, counts, &preds, in->offset, &base));
    struct expr *is_empty, *x_null, *all, *non_null, *has_null, *unknown, *e;
    CHECK(compare_count(ctx, base, "=", 0, &is_empty));
    ALLOC_OR_FAIL(ctx, x_null, expr_copy(ctx->arena, in->operands[0]));
    CHECK(make_call(ctx, "is_null", &x_null, 1, in->offset, &x_null));
    ALLOC_OR_FAIL(ctx, all, expr_column(ctx->arena, base, TYPE(INT64), false));
    ALLOC_OR_FAIL(ctx, non_null, expr_column(ctx->arena, base + 1, TYPE(INT64), false));
    CHECK(make_comparison(ctx, "<", non_null, all, in->offset, &has_null));
    ALLOC_OR_FAIL(ctx, unknown, expr_new(ctx->arena, EXPR_OR, TYPE(BOOL), 2));
    unknown->args[0] = x_null;
    unknown->args[1] = has_null;
    ALLOC_OR_FAIL(ctx, e, expr_new(ctx->arena, EXPR_CASE, TYPE(BOOL), 7));
    e->args[0] = matched;
    e->args[2] = is_empty;
    e->args[4] = unknown;
    ALLOC_OR_FAIL(ctx, e->args[1], const_bool(ctx->arena, true));
    ALLOC_OR_FAIL(ctx, e->args[3], const_bool(ctx->arena, false));
    ALLOC_OR_FAIL(ctx, e->args[5], const_null(ctx->arena, TYPE(BOOL)));
    ALLOC_OR_FAIL(ctx, e->args[6], const_bool(ctx->arena, false));
    e->is_nullable = true;
    *out = e;
    return LAMINAR_OK;
}

laminar_status bind_in_query(struct select_block *q, const struct ast_expr *ast,
                             const struct ast_expr *operand, const struct ast_query *query,
                             bool is_negated, struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    struct in_query in;
    struct plan *sub, *marks;
    struct expr_list preds = {0}, equalities = {0};
    uint32_t base;
    CHECK(start_in(q, ast, operand, query, &in));
    CHECK(bind_in_plan(&in, &sub, &preds, &equalities));
    bool is_correlated = preds.n > 0, may_be_null = false;
    for (uint32_t i = 0; i < in.n_operands; i++)
        may_be_null |= sub->cols[i].is_nullable || in.operands[i]->is_nullable;
    if (may_be_null && (is_correlated || in.n_operands > 1))
        return plan_unsupported(
            ctx, in.offset,
            "this IN (subquery) over columns that can be null is not supported here",
            "as a condition of WHERE, joined by AND, it is; or use EXISTS");
    CHECK(append(ctx, &preds, &equalities));
    CHECK(make_marks(q, sub, &preds, in.offset, &marks));
    CHECK(attach(q, marks, &preds, in.offset, &base));
    struct expr *mark, *e;
    CHECK(attached_column(q, marks, base, preds.n, in.offset, &mark));
    CHECK(make_call(ctx, "is_not_null", &mark, 1, in.offset, &e));
    if (may_be_null) CHECK(three_valued_in(&in, e, &e));
    e->sql_offset = in.offset;
    if (is_negated) return make_call(ctx, "not", &e, 1, in.offset, out);
    *out = e;
    return LAMINAR_OK;
}

/* --- Conjuncts of WHERE ----------------------------------------------------------------------- */

laminar_status bind_subquery_condition(struct select_block *q, const struct ast_expr *ast,
                                       bool *done)
{
    bool is_negated = false;
    *done = true;
    while (ast->kind == AST_EXPR_UNARY && ast->u.unary.op == AST_UNARY_NOT) {
        ast = ast->u.unary.operand;
        is_negated = !is_negated;
    }
    if (ast->kind == AST_EXPR_EXISTS) return exists_condition(q, ast, is_negated);
    if (ast->kind == AST_EXPR_IN_QUERY)
        return in_condition(q, ast, ast->u.in_query.operand, ast->u.in_query.query,
                            is_negated != ast->u.in_query.is_negated);
    *done = false;
    return LAMINAR_OK;
}
