/* plan.c - the planner's entry points for queries, expressions and INSERT: bind, rewrite,
 * resolve EMIT, properties. */
#include "plan/bind.h"

/* GROUP BY TUMBLE(...), or by a bound of the table form. */
bool plan_has_window(const struct plan *plan)
{
    bool has = plan->kind == PLAN_AGGREGATE && plan->window.kind != WINDOW_NONE;
    if (plan->kind == PLAN_AGGREGATE) {
        const struct plan *table = plan->inputs[0];
        while (table->kind == PLAN_FILTER) table = table->inputs[0];
        for (uint32_t i = 0; table->kind == PLAN_WINDOW_TABLE && i < plan->n_group; i++)
            has |= plan->group[i]->kind == EXPR_COLUMN &&
                   plan->group[i]->column >= table->inputs[0]->n_cols;
    }
    for (uint32_t i = 0; i < plan->n_inputs && !has; i++) has = plan_has_window(plan->inputs[i]);
    return has;
}

laminar_status plan_query(struct plan_context *ctx, const struct ast_query *query,
                          struct plan **out)
{
    struct binder b = {.ctx = ctx};
    struct plan *plan;
    CHECK(bind_query(&b, NULL, query, &plan));
    ctx->keeps_late_rows = ctx->is_stream && query->late_data.n > 0;
    ctx->has_window = plan_has_window(plan);
    CHECK(plan_rewrite(ctx, &plan));
    CHECK(plan_resolve_emit(ctx, &plan, query));
    CHECK(plan_compute_properties(ctx, plan));
    if (ctx->is_stream) CHECK(plan_check_stream(ctx, plan));
    *out = plan;
    return LAMINAR_OK;
}

laminar_status plan_expr(struct plan_context *ctx, const struct ast_expr *ast,
                         const struct plan_column *cols, uint32_t n_cols, struct expr **out)
{
    struct binder b = {.ctx = ctx};
    struct plan *columns;
    CHECK(plan_new(ctx, PLAN_VALUES, 0, n_cols, &columns));
    if (n_cols) memcpy(columns->cols, cols, n_cols * sizeof *cols);
    struct select_block q = {
        .b = &b, .ctx = ctx, .plan = columns, .clause = {.name = "this expression"}};
    CHECK(scope_of_plan(ctx, columns, NULL, &q.scope));
    for (uint32_t i = 0; i < n_cols; i++) q.scope.cols[i].table = cols[i].table;
    struct expr *e;
    CHECK(bind_expr(&q, ast, &e));
    CHECK(rewrite_fold_expr(ctx, &e));
    *out = e;
    return LAMINAR_OK;
}

/* --- Assignment ------------------------------------------------------------------------------- */

/* Conversions that INSERT makes beyond the implicit ones: those that keep the value or fail. A whole decimal is how an integer beyond BIGINT is
 * written; a NULL within a nested constant is a text until now. */
static bool is_assignable(struct data_type from, struct data_type to, bool is_constant)
{
    if (type_is_integer(from) && type_is_numeric(to)) return true;
    if (type_is_numeric(from) && (type_is_float(to) || to.id == LAMINAR_TYPE_DECIMAL)) return true;
    if (from.id == LAMINAR_TYPE_DECIMAL && from.scale == 0 && type_is_integer(to)) return true;
    if (type_is_timestamp(from) && type_is_timestamp(to)) return true;
    if (from.id == LAMINAR_TYPE_TIME && to.id == LAMINAR_TYPE_TIME) return true;
    if (from.id == LAMINAR_TYPE_VARCHAR && to.id == LAMINAR_TYPE_JSON) return true;
    bool is_nested = from.info && to.info && from.info->n_fields > 0 && from.id == to.id &&
                     from.info->n_fields == to.info->n_fields;
    for (uint32_t i = 0; is_nested && i < from.info->n_fields; i++) {
        struct data_type a = from.info->fields[i].type, b = to.info->fields[i].type;
        is_nested = cast_is_implicit(a, b, is_constant && a.id == LAMINAR_TYPE_VARCHAR) ||
                    is_assignable(a, b, is_constant);
    }
    return is_nested;
}

laminar_status plan_assign(struct plan_context *ctx, struct expr *e, struct data_type type,
                           const char *column, struct expr **out)
{
    bool is_constant = !expr_has_columns(e);
    bool is_literal = e->kind == EXPR_CONST && e->type.id == LAMINAR_TYPE_VARCHAR;
    if (cast_is_implicit(e->type, type, is_literal) || is_assignable(e->type, type, is_constant))
        return make_coerced(ctx, e, type, out);
    plan_error(ctx, LAMINAR_BATCH_SCHEMA_MISMATCH, e->sql_offset,
               "column \"%s\" is %s, the value is %s", column, TYPE_TEXT(type), TYPE_TEXT(e->type));
    error_hint(ctx->err, "CAST(... AS %s), if that is what you mean", TYPE_TEXT(type));
    return LAMINAR_BATCH_SCHEMA_MISMATCH;
}

/* --- INSERT ----------------------------------------------------------------------------------- */

struct insert {
    struct plan_context *ctx;
    const struct ast_insert *ast;
    const struct relation *into;
    uint32_t n_cols;
    uint32_t *position; /* of the relation's column among the values; UINT32_MAX: not given */
    size_t n_values;
};

static laminar_status check_target(struct insert *in)
{
    enum relation_kind kind = in->into->kind;
    if (kind == RELATION_SOURCE || kind == RELATION_TABLE) return LAMINAR_OK;
    plan_error(in->ctx, LAMINAR_QUERY_FAILED, in->ast->table.span.start,
               "can't INSERT into \"%s\": it is a %s", in->into->name, relation_kind_name(kind));
    error_object(in->ctx->err, in->into->name);
    error_hint(in->ctx->err, "rows are inserted into sources and tables");
    return LAMINAR_QUERY_FAILED;
}

static laminar_status match_columns(struct insert *in)
{
    struct plan_context *ctx = in->ctx;
    const struct schema *schema = in->into->schema;
    const struct ast_name_list *names = &in->ast->columns;
    ALLOC_OR_FAIL(ctx, in->position, ARENA_ARRAY(ctx->arena, uint32_t, in->n_cols + 1));
    for (uint32_t i = 0; i < in->n_cols; i++)
        in->position[i] = names->n || !in->ast->query ? UINT32_MAX : i;
    in->n_values = names->n ? names->n : in->ast->query ? in->n_cols : 0;
    for (size_t i = 0; i < names->n; i++) {
        const struct ast_name *name = &names->items[i];
        int32_t at = schema_find(schema, name->text);
        if (at < 0) {
            struct nearest_name nearest = {.wanted = name->text};
            for (uint32_t c = 0; c < in->n_cols; c++)
                nearest_offer(&nearest, schema->columns[c].name);
            plan_error(ctx, LAMINAR_QUERY_FAILED, name->span.start, "\"%s\" has no column \"%s\"",
                       in->into->name, name->text);
            error_object(ctx->err, in->into->name);
            if (nearest.best) error_hint(ctx->err, "did you mean \"%s\"?", nearest.best);
            return LAMINAR_QUERY_FAILED;
        }
        if (in->position[at] != UINT32_MAX)
            return plan_error(ctx, LAMINAR_QUERY_FAILED, name->span.start,
                              "column \"%s\" is named twice", name->text);
        in->position[at] = (uint32_t)i;
    }
    return LAMINAR_OK;
}

static void place_at(struct expr *e, uint32_t offset)
{
    e->sql_offset = offset;
    for (uint32_t i = 0; i < e->n_args; i++) place_at(e->args[i], offset);
}

/* What a column gets that the statement gives no value for. */
static laminar_status default_value(struct insert *in, uint32_t column, uint32_t offset,
                                    struct expr **out)
{
    struct plan_context *ctx = in->ctx;
    const struct schema_column *col = &in->into->schema->columns[column];
    const struct ast_expr *ast = in->into->defaults ? in->into->defaults[column] : NULL;
    if (ast) {
        const char *sql = ctx->sql; /* the default's positions are not in this text */
        struct expr *e;
        ctx->sql = NULL;
        laminar_status status = plan_expr(ctx, ast, NULL, 0, &e);
        if (status == LAMINAR_OK) status = plan_assign(ctx, e, col->type, col->name, out);
        if (status == LAMINAR_OK) place_at(*out, offset);
        ctx->sql = sql;
        return status;
    }
    if (!col->is_nullable) {
        plan_error(ctx, LAMINAR_BATCH_SCHEMA_MISMATCH, offset,
                   "column \"%s\" of \"%s\" is NOT NULL, has no DEFAULT, and was given no value",
                   col->name, in->into->name);
        error_object(ctx->err, in->into->name);
        return LAMINAR_BATCH_SCHEMA_MISMATCH;
    }
    ALLOC_OR_FAIL(ctx, *out, const_null(ctx->arena, col->type));
    return LAMINAR_OK;
}

static laminar_status wrong_count(struct insert *in, uint32_t offset, size_t n)
{
    plan_error(in->ctx, LAMINAR_QUERY_FAILED, offset, "%zu value%s for %zu column%s", n,
               n == 1 ? "" : "s", in->n_values, in->n_values == 1 ? "" : "s");
    if (!in->ast->columns.n)
        error_hint(in->ctx->err, "name the columns: INSERT INTO %s (...) VALUES ...",
                   in->into->name);
    return LAMINAR_QUERY_FAILED;
}

static laminar_status assign_value(struct insert *in, uint32_t column, struct expr *e,
                                   struct expr **out)
{
    const struct schema_column *col = &in->into->schema->columns[column];
    if (expr_is_const_null(e) && !col->is_nullable) {
        plan_error(in->ctx, LAMINAR_BATCH_SCHEMA_MISMATCH, e->sql_offset,
                   "column \"%s\" of \"%s\" is NOT NULL", col->name, in->into->name);
        error_object(in->ctx->err, in->into->name);
        return LAMINAR_BATCH_SCHEMA_MISMATCH;
    }
    return plan_assign(in->ctx, e, col->type, col->name, out);
}

static bool is_plain_values(const struct ast_query *query)
{
    return query->body->kind == AST_BODY_VALUES && !query->n_ctes && !query->order_by.n &&
           !query->limit && !query->offset;
}

static laminar_status insert_values(struct insert *in, struct plan **out)
{
    struct plan_context *ctx = in->ctx;
    struct binder b = {.ctx = ctx};
    struct select_block q = {.b = &b, .ctx = ctx, .clause = {.name = "VALUES"}};
    const struct ast_query_body *body = in->ast->query ? in->ast->query->body : NULL;
    size_t n_rows = body ? body->u.values.n_rows : 1, n_cells;
    struct expr **cells;
    if (!size_mul(n_rows, in->n_cols, &n_cells)) return plan_oom(ctx);
    ALLOC_OR_FAIL(ctx, cells, ARENA_ARRAY(ctx->arena, struct expr *, n_cells + 1));
    for (size_t r = 0; r < n_rows; r++) {
        const struct ast_expr_list *row = body ? &body->u.values.rows[r] : NULL;
        uint32_t offset = row && row->n ? row->items[0]->span.start : in->ast->table.span.start;
        if (row && row->n != in->n_values) return wrong_count(in, offset, row->n);
        for (uint32_t c = 0; c < in->n_cols; c++) {
            struct expr **cell = &cells[r * in->n_cols + c], *e;
            uint32_t at = in->position[c];
            if (at == UINT32_MAX || row->items[at]->kind == AST_EXPR_DEFAULT) {
                CHECK(default_value(in, c, offset, cell));
                continue;
            }
            CHECK(bind_expr(&q, row->items[at], &e));
            CHECK(assign_value(in, c, e, cell));
        }
    }
    CHECK(plan_make_values(ctx, cells, n_rows, in->n_cols, out));
    for (uint32_t c = 0; c < in->n_cols; c++)
        (*out)->cols[c].type = in->into->schema->columns[c].type;
    return LAMINAR_OK;
}

static laminar_status insert_query(struct insert *in, struct plan **out)
{
    struct plan_context *ctx = in->ctx;
    struct binder b = {.ctx = ctx};
    struct plan *plan;
    CHECK(bind_query(&b, NULL, in->ast->query, &plan));
    if (plan->n_cols != in->n_values)
        return wrong_count(in, in->ast->query->span.start, plan->n_cols);
    /* Literals of the select list adapt to the columns: they are assigned in the projection
     * itself. */
    struct expr **values = plan->kind == PLAN_PROJECT ? plan->exprs : NULL, **exprs;
    const char **names;
    ALLOC_OR_FAIL(ctx, exprs, ARENA_ARRAY(ctx->arena, struct expr *, in->n_cols + 1));
    ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, in->n_cols + 1));
    for (uint32_t c = 0; c < in->n_cols; c++) {
        uint32_t at = in->position[c];
        struct expr *e;
        ALLOC_OR_FAIL(ctx, names[c],
                      arena_strndup(ctx->arena, in->into->schema->columns[c].name,
                                    strlen(in->into->schema->columns[c].name)));
        if (at == UINT32_MAX) {
            CHECK(default_value(in, c, in->ast->table.span.start, &exprs[c]));
            continue;
        }
        if (values) {
            e = values[at];
        } else {
            ALLOC_OR_FAIL(
                ctx, e,
                expr_column(ctx->arena, at, plan->cols[at].type, plan->cols[at].is_nullable));
            e->sql_offset = in->ast->query->span.start;
        }
        CHECK(assign_value(in, c, e, &exprs[c]));
    }
    return plan_make_project(ctx, values ? plan->inputs[0] : plan, exprs, names, in->n_cols, out);
}

laminar_status plan_insert_into(struct plan_context *ctx, const struct ast_insert *insert,
                                const struct relation *into, struct plan **out)
{
    struct insert in = {.ctx = ctx, .ast = insert, .into = into, .n_cols = into->schema->n_columns};
    struct plan *plan;
    CHECK(check_target(&in));
    CHECK(match_columns(&in));
    if (!insert->query || is_plain_values(insert->query))
        CHECK(insert_values(&in, &plan));
    else
        CHECK(insert_query(&in, &plan));
    CHECK(plan_rewrite(ctx, &plan));
    if (insert->query) CHECK(plan_resolve_emit(ctx, &plan, insert->query));
    CHECK(plan_compute_properties(ctx, plan));
    *out = plan;
    return LAMINAR_OK;
}
