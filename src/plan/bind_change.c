/* bind_change.c - UPDATE and DELETE as a query: the rows that change, and what they become.
 *
 * DELETE ... USING b WHERE c keeps the target's rows for which EXISTS (SELECT 1 FROM b WHERE c). UPDATE ... FROM b joins, and takes one of the
 * joined rows where several match a row of the target, which needs the target's key to tell. */
#include "plan/bind.h"

static laminar_status target_ref(struct plan_context *ctx, const struct ast_qname *table,
                                 const struct ast_name *alias, struct ast_table_ref **out)
{
    ALLOC_OR_FAIL(ctx, *out, ARENA_NEW(ctx->arena, struct ast_table_ref));
    **out = (struct ast_table_ref){
        .kind = AST_TABLE_NAMED, .span = table->span, .alias = *alias, .u.named.name = *table};
    return LAMINAR_OK;
}

/* EXISTS (SELECT 1 FROM tables WHERE condition) */
static laminar_status make_exists(struct plan_context *ctx, struct ast_table_ref **tables, size_t n,
                                  struct ast_expr *where, struct ast_span span,
                                  struct ast_expr **out)
{
    struct ast_select_item *item;
    struct ast_select *select;
    struct ast_query_body *body;
    struct ast_query *query;
    ALLOC_OR_FAIL(ctx, item, ARENA_NEW(ctx->arena, struct ast_select_item));
    ALLOC_OR_FAIL(ctx, item->expr, ARENA_NEW(ctx->arena, struct ast_expr));
    ALLOC_OR_FAIL(ctx, select, ARENA_NEW(ctx->arena, struct ast_select));
    ALLOC_OR_FAIL(ctx, body, ARENA_NEW(ctx->arena, struct ast_query_body));
    ALLOC_OR_FAIL(ctx, query, ARENA_NEW(ctx->arena, struct ast_query));
    ALLOC_OR_FAIL(ctx, *out, ARENA_NEW(ctx->arena, struct ast_expr));
    *item->expr = (struct ast_expr){.kind = AST_EXPR_BOOL, .span = span, .u.boolean = true};
    *select = (struct ast_select){
        .items = item, .n_items = 1, .from = tables, .n_from = n, .where = where};
    *body = (struct ast_query_body){.kind = AST_BODY_SELECT, .span = span, .u.select = select};
    *query = (struct ast_query){.span = span, .body = body};
    **out = (struct ast_expr){.kind = AST_EXPR_EXISTS, .span = span, .u.query = query};
    return LAMINAR_OK;
}

static laminar_status find_assigned(struct plan_context *ctx, const struct relation *relation,
                                    const struct ast_name *name, struct expr *const *taken,
                                    uint32_t *out)
{
    int32_t at = schema_find(relation->schema, name->text);
    if (at >= 0 && !taken[at]) {
        *out = (uint32_t)at;
        return LAMINAR_OK;
    }
    struct nearest_name nearest = {.wanted = name->text};
    for (uint32_t c = 0; c < relation->schema->n_columns; c++)
        nearest_offer(&nearest, relation->schema->columns[c].name);
    plan_error(ctx, LAMINAR_QUERY_FAILED, name->span.start,
               at < 0 ? "\"%s\" has no column \"%s\"" : "\"%s\": column \"%s\" is set twice",
               relation->name, name->text);
    error_object(ctx->err, relation->name);
    if (at < 0 && nearest.best) error_hint(ctx->err, "did you mean \"%s\"?", nearest.best);
    return LAMINAR_QUERY_FAILED;
}

/* exprs[n..2n): the new values of all columns. */
static laminar_status bind_assignments(struct select_block *q, const struct relation *relation,
                                       const struct ast_update *update, struct expr **values)
{
    struct plan_context *ctx = q->ctx;
    uint32_t n = relation->schema->n_columns;
    q->clause = (struct clause){.name = "SET", .allows_subqueries = true};
    for (size_t i = 0; i < update->n_assignments; i++) {
        const struct ast_assignment *assignment = &update->assignments[i];
        struct expr *e;
        uint32_t c = 0;
        CHECK(find_assigned(ctx, relation, &assignment->column, values, &c));
        CHECK(bind_expr(q, assignment->value, &e));
        CHECK(plan_assign(ctx, e, relation->schema->columns[c].type,
                          relation->schema->columns[c].name, &values[c]));
    }
    for (uint32_t c = 0; c < n; c++)
        if (!values[c])
            ALLOC_OR_FAIL(ctx, values[c],
                          expr_column(ctx->arena, c, relation->schema->columns[c].type,
                                      relation->schema->columns[c].is_nullable));
    return LAMINAR_OK;
}

/* One row for each key of the target, whatever it was joined with. */
static laminar_status one_per_key(struct plan_context *ctx, const struct relation *relation,
                                  struct plan **plan)
{
    struct plan *top;
    CHECK(plan_new_over(ctx, PLAN_TOP_N, *plan, &top));
    ALLOC_OR_FAIL(ctx, top->partition, ARENA_ARRAY(ctx->arena, uint32_t, relation->n_key_cols + 1));
    memcpy(top->partition, relation->key_cols, relation->n_key_cols * sizeof *top->partition);
    top->n_partition = relation->n_key_cols;
    top->has_limit = true;
    top->limit = 1;
    *plan = top;
    return LAMINAR_OK;
}

static laminar_status finish_change(struct select_block *q, const struct relation *relation,
                                    struct expr **exprs, uint32_t n, bool may_multiply,
                                    struct plan **out)
{
    struct plan_context *ctx = q->ctx;
    const char **names;
    ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, n + 1));
    for (uint32_t i = 0; i < n; i++) names[i] = q->plan->cols[i % relation->schema->n_columns].name;
    CHECK(plan_make_project(ctx, q->plan, exprs, names, n, out));
    if (may_multiply) CHECK(one_per_key(ctx, relation, out));
    CHECK(plan_rewrite(ctx, out));
    return plan_compute_properties(ctx, *out);
}

laminar_status plan_change(struct plan_context *ctx, const struct relation *relation,
                           const struct ast_update *update, const struct ast_delete *del,
                           struct plan **out)
{
    struct binder b = {.ctx = ctx};
    size_t n_from = update ? update->n_from : 0;
    const struct ast_qname *table = update ? &update->table : &del->table;
    struct ast_expr *where = update ? update->where : del->where;
    struct ast_select select = {.n_from = 1 + n_from};
    struct select_block q = {.b = &b, .ctx = ctx, .select = &select};
    uint32_t n = relation->schema->n_columns;
    struct expr **exprs;
    if (n_from && !relation->n_key_cols)
        return plan_unsupported(ctx, table->span.start,
                                "UPDATE ... FROM needs a table with a PRIMARY KEY",
                                "a subquery in SET does without: SET x = (SELECT ... WHERE ...)");
    ALLOC_OR_FAIL(ctx, select.from, ARENA_ARRAY(ctx->arena, struct ast_table_ref *, 1 + n_from));
    CHECK(target_ref(ctx, table, update ? &update->alias : &del->alias, &select.from[0]));
    if (n_from) memcpy(select.from + 1, update->from, n_from * sizeof *select.from);
    if (del && del->n_using)
        CHECK(make_exists(ctx, del->using_tables, del->n_using, where, table->span, &where));
    CHECK(bind_from(&q, &select));
    CHECK(bind_where(&q, where));
    ALLOC_OR_FAIL(ctx, exprs, ARENA_ARRAY(ctx->arena, struct expr *, 2 * (size_t)n + 1));
    for (uint32_t c = 0; c < n; c++)
        ALLOC_OR_FAIL(
            ctx, exprs[c],
            expr_column(ctx->arena, c, q.plan->cols[c].type, q.plan->cols[c].is_nullable));
    if (update) CHECK(bind_assignments(&q, relation, update, exprs + n));
    return finish_change(&q, relation, exprs, update ? 2 * n : n, n_from > 0, out);
}
