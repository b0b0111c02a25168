/* bind_ddl.c - CREATE SOURCE, TABLE, STREAM, MATERIALIZED VIEW, SINK: the whole statement is
 * checked, then it is a relation.
 *
 * Nothing of a statement that fails is left: the relation under construction is dropped with its
 * arena. DEFAULTs are kept as syntax trees in the relation's own arena, parsed again from their
 * normalised text, because the statement's tree dies with the statement. */
#include "plan/bind_ddl.h"
#include "sql/parser.h"

static laminar_status refuse(struct ddl *d, laminar_status code, uint32_t offset,
                             const char *format, ...) printf_like(4, 5);
static laminar_status refuse(struct ddl *d, laminar_status code, uint32_t offset,
                             const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_set_v(d->ctx->err, code, format, args);
    va_end(args);
    if (d->relation) error_object(d->ctx->err, d->relation->name);
    return plan_located(d->ctx, code, offset);
}

#define invalid(d, offset, ...) refuse(d, LAMINAR_INVALID_SCHEMA, offset, __VA_ARGS__)
#define mismatch(d, offset, ...) refuse(d, LAMINAR_SCHEMA_MISMATCH, offset, __VA_ARGS__)

static laminar_status start(struct ddl *d, enum relation_kind kind, const struct ast_qname *name)
{
    if (name->n > 1)
        return invalid(d, name->span.start, "\"%s.%s\": there are no schemas to create in",
                       name->parts[0].text, name->parts[1].text);
    d->offset = name->span.start;
    ALLOC_OR_FAIL(d->ctx, d->relation, relation_create(kind, name->parts[0].text, NULL));
    return LAMINAR_OK;
}

/* Text that `print` makes, in the relation's arena. */
static laminar_status keep_text(struct ddl *d, struct strbuf *text, char **out)
{
    *out = text->failed
               ? NULL
               : arena_strndup(&d->relation->arena, text->data ? text->data : "", text->size);
    strbuf_deinit(text);
    return *out ? LAMINAR_OK : plan_oom(d->ctx);
}

static laminar_status keep_sql(struct ddl *d, const struct ast_statement *statement)
{
    struct strbuf text = {0};
    sql_print_statement(&text, statement);
    CHECK(keep_text(d, &text, &d->relation->sql));
    text = (struct strbuf){0};
    sql_print_statement_masked(&text, statement);
    return keep_text(d, &text, &d->relation->shown_sql);
}

static laminar_status keep_query_sql(struct ddl *d, const struct ast_query *query)
{
    struct strbuf text = {0};
    sql_print_query(&text, query);
    return keep_text(d, &text, &d->relation->query_sql);
}

/* --- Columns ---------------------------------------------------------------------------------- */

static int32_t find_column(const struct schema_column *cols, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(cols[i].name, name) == 0) return (int32_t)i;
    return -1;
}

static laminar_status unknown_column(struct ddl *d, const struct schema_column *cols, uint32_t n,
                                     const struct ast_name *name, const char *clause)
{
    struct nearest_name nearest = {.wanted = name->text};
    for (uint32_t i = 0; i < n; i++) nearest_offer(&nearest, cols[i].name);
    invalid(d, name->span.start, "%s names column \"%s\", which is not declared", clause,
            name->text);
    if (nearest.best) error_hint(d->ctx->err, "did you mean \"%s\"?", nearest.best);
    return LAMINAR_INVALID_SCHEMA;
}

/* A column that is declared is one of the connector's. */
static laminar_status check_shape(struct ddl *d, const struct ast_column_def *def,
                                  const struct schema_column *column)
{
    const struct source_shape *shape = &d->shape;
    struct nearest_name nearest = {.wanted = column->name};
    if (shape->n_columns == 0) return LAMINAR_OK;
    int32_t at = find_column(shape->columns, shape->n_columns, column->name);
    if (at >= 0 && type_equal(shape->columns[at].type, column->type)) return LAMINAR_OK;
    if (at >= 0)
        return mismatch(d, def->span.start, "column \"%s\" of the connector %s is %s, not %s",
                        column->name, d->relation->connector, TYPE_TEXT(shape->columns[at].type),
                        TYPE_TEXT(column->type));
    for (uint32_t i = 0; i < shape->n_columns; i++) nearest_offer(&nearest, shape->columns[i].name);
    mismatch(d, def->span.start, "the connector %s has no column \"%s\"", d->relation->connector,
             column->name);
    if (nearest.best)
        error_hint(d->ctx->err, "did you mean \"%s\"?", nearest.best);
    else
        error_hint(d->ctx->err, "without a list of columns the source has all that there are");
    return LAMINAR_SCHEMA_MISMATCH;
}

static laminar_status bind_columns(struct ddl *d, const struct ast_create_relation *ast,
                                   struct schema_column *cols)
{
    if (ast->n_columns == 0) memcpy(cols, d->shape.columns, d->shape.n_columns * sizeof *cols);
    for (size_t i = 0; i < ast->n_columns; i++) {
        const struct ast_column_def *def = &ast->columns[i];
        if (def->is_star)
            return plan_unsupported(d->ctx, def->span.start,
                                    "columns can't be taken from a format's schema yet",
                                    "name the columns");
        if (find_column(cols, (uint32_t)i, def->name.text) >= 0) {
            invalid(d, def->name.span.start, "column \"%s\" is declared twice", def->name.text);
            return LAMINAR_INVALID_SCHEMA;
        }
        cols[i] = (struct schema_column){.name = def->name.text,
                                         .is_nullable = !def->is_not_null && !def->is_primary_key};
        CHECK(plan_type(d->ctx, def->type, &cols[i].type));
        CHECK(check_shape(d, def, &cols[i]));
    }
    return LAMINAR_OK;
}

static laminar_status add_key(struct ddl *d, struct schema_column *cols, uint32_t column,
                              uint32_t offset)
{
    struct relation *relation = d->relation;
    if (type_is_nested(cols[column].type))
        return invalid(d, offset, "column \"%s\" of type %s can't be part of a PRIMARY KEY",
                       cols[column].name, TYPE_TEXT(cols[column].type));
    for (uint32_t i = 0; i < relation->n_key_cols; i++)
        if (relation->key_cols[i] == column)
            return invalid(d, offset, "column \"%s\" is in the PRIMARY KEY twice",
                           cols[column].name);
    relation->key_cols[relation->n_key_cols++] = column;
    cols[column].is_nullable = false;
    return LAMINAR_OK;
}

static laminar_status bind_primary_key(struct ddl *d, const struct ast_create_relation *ast,
                                       struct schema_column *cols, uint32_t n)
{
    ALLOC_OR_FAIL(d->ctx, d->relation->key_cols, ARENA_ARRAY(&d->relation->arena, uint32_t, n + 1));
    for (uint32_t i = 0; i < (uint32_t)ast->n_columns; i++) {
        if (!ast->columns[i].is_primary_key) continue;
        if (d->relation->n_key_cols) {
            invalid(d, ast->columns[i].span.start, "a second PRIMARY KEY at column \"%s\"",
                    cols[i].name);
            error_hint(d->ctx->err, "a key of several columns is written PRIMARY KEY (a, b)");
            return LAMINAR_INVALID_SCHEMA;
        }
        CHECK(add_key(d, cols, i, ast->columns[i].span.start));
    }
    for (size_t i = 0; i < ast->primary_key.n; i++) {
        const struct ast_name *name = &ast->primary_key.items[i];
        if (i == 0 && d->relation->n_key_cols)
            return invalid(d, name->span.start, "the PRIMARY KEY is declared twice");
        int32_t at = find_column(cols, n, name->text);
        if (at < 0) return unknown_column(d, cols, n, name, "PRIMARY KEY");
        CHECK(add_key(d, cols, (uint32_t)at, name->span.start));
    }
    return LAMINAR_OK;
}

/* --- WATERMARK -------------------------------------------------------------------------------- */

static bool is_same_column(const struct ast_expr *ast, const char *name)
{
    return ast->kind == AST_EXPR_COLUMN && strcmp(ast_qname_last(&ast->u.column)->text, name) == 0;
}

/* `ts`, or `ts - INTERVAL ...` */
static laminar_status bind_delay(struct ddl *d, const struct ast_watermark *watermark)
{
    const struct ast_expr *expr = watermark->expr;
    const char *name = watermark->column.text;
    if (!expr || is_same_column(expr, name)) return LAMINAR_OK;
    if (expr->kind != AST_EXPR_BINARY || expr->u.binary.op != AST_BINARY_SUBTRACT ||
        !is_same_column(expr->u.binary.left, name)) {
        invalid(d, expr->span.start,
                "a watermark must be the column itself or the column minus a duration");
        error_hint(d->ctx->err, "WATERMARK FOR %s AS %s - INTERVAL '5' SECOND", name, name);
        return LAMINAR_INVALID_SCHEMA;
    }
    struct binder b = {.ctx = d->ctx};
    struct select_block q = {.b = &b, .ctx = d->ctx, .clause = {.name = "WATERMARK"}};
    CHECK(bind_duration(&q, expr->u.binary.right, "the watermark's delay",
                        &d->relation->watermark_delay_us));
    if (d->relation->watermark_delay_us < 0)
        return invalid(d, expr->u.binary.right->span.start,
                       "the watermark's delay must not be negative");
    return LAMINAR_OK;
}

static laminar_status bind_watermark(struct ddl *d, const struct ast_create_relation *ast,
                                     const struct schema_column *cols, uint32_t n_cols)
{
    const struct ast_watermark *watermark = &ast->watermark;
    if (!watermark->column.text) {
        /* The connector's columns come with the connector's event time. */
        if (ast->n_columns == 0) {
            d->relation->time_col = d->shape.time_col;
            d->relation->watermark_delay_us = d->shape.watermark_delay_us;
        }
        return LAMINAR_OK;
    }
    if (d->relation->kind != RELATION_SOURCE) {
        invalid(d, watermark->span.start,
                "a TABLE has no watermark: its rows are the current state");
        error_hint(d->ctx->err, "use CREATE SOURCE for events in time");
        return LAMINAR_INVALID_SCHEMA;
    }
    int32_t at = find_column(cols, n_cols, watermark->column.text);
    if (at < 0) return unknown_column(d, cols, n_cols, &watermark->column, "WATERMARK");
    struct data_type type = cols[at].type;
    if (!type_is_timestamp(type) && type.id != LAMINAR_TYPE_DATE && type.id != LAMINAR_TYPE_INT64) {
        invalid(
            d, watermark->column.span.start,
            "a watermark needs a TIMESTAMP, DATE or BIGINT (epoch milliseconds) column: \"%s\" is %s",
            cols[at].name, TYPE_TEXT(type));
        return LAMINAR_INVALID_SCHEMA;
    }
    d->relation->time_col = at;
    return bind_delay(d, watermark);
}

/* --- DEFAULT ---------------------------------------------------------------------------------- */

static laminar_status keep_default(struct ddl *d, const struct ast_expr *ast,
                                   const struct ast_expr **out)
{
    struct strbuf text = {0};
    struct ast_expr *copy = NULL;
    sql_print_expr(&text, ast);
    if (text.failed) {
        strbuf_deinit(&text);
        return plan_oom(d->ctx);
    }
    laminar_status status = sql_parse_expr(&d->relation->arena, text.data, text.size, &copy,
                                           d->ctx->err);
    strbuf_deinit(&text);
    *out = copy;
    return plan_located(d->ctx, status, ast->span.start);
}

static laminar_status bind_defaults(struct ddl *d, const struct ast_create_relation *ast,
                                    const struct schema_column *cols, uint32_t n_cols)
{
    struct relation *relation = d->relation;
    ALLOC_OR_FAIL(d->ctx, relation->defaults,
                  ARENA_ARRAY(&relation->arena, const struct ast_expr *, n_cols + 1));
    ALLOC_OR_FAIL(d->ctx, relation->has_default, ARENA_ARRAY(&relation->arena, bool, n_cols + 1));
    for (size_t i = 0; i < ast->n_columns; i++) {
        const struct ast_expr *value = ast->columns[i].default_value;
        struct expr *e;
        if (!value) continue;
        CHECK(plan_expr(d->ctx, value, NULL, 0, &e));
        CHECK(plan_assign(d->ctx, e, cols[i].type, cols[i].name, &e));
        CHECK(keep_default(d, value, &relation->defaults[i]));
        relation->has_default[i] = true;
    }
    return LAMINAR_OK;
}

/* --- SOURCE, TABLE ---------------------------------------------------------------------------- */

static laminar_status schema_of_plan(struct ddl *d, const struct plan *plan,
                                     const struct ast_name_list *names)
{
    struct schema_column *cols;
    uint32_t n = plan->n_cols;
    if (names && names->n && names->n != n)
        return invalid(d, names->items[0].span.start,
                       "%zu column name%s for %u column%s of the query", names->n,
                       names->n == 1 ? "" : "s", n, n == 1 ? "" : "s");
    ALLOC_OR_FAIL(d->ctx, cols, ARENA_ARRAY(d->ctx->arena, struct schema_column, n + 1));
    for (uint32_t i = 0; i < n; i++) {
        cols[i] = (struct schema_column){.name = names && names->n ? names->items[i].text
                                                                   : plan->cols[i].name,
                                         .type = plan->cols[i].type,
                                         .is_nullable = plan->cols[i].is_nullable};
        if (find_column(cols, i, cols[i].name) >= 0) {
            invalid(d, names && names->n ? names->items[i].span.start : d->offset,
                    "two columns are called \"%s\"", cols[i].name);
            error_hint(d->ctx->err, "give them different names with AS");
            return LAMINAR_INVALID_SCHEMA;
        }
        if (cols[i].type.id == LAMINAR_TYPE_NULL) {
            invalid(d, d->offset, "column \"%s\" is always NULL: it has no type", cols[i].name);
            error_hint(d->ctx->err, "CAST(NULL AS VARCHAR)");
            return LAMINAR_INVALID_SCHEMA;
        }
    }
    ALLOC_OR_FAIL(d->ctx, d->relation->schema, schema_create(cols, n));
    return LAMINAR_OK;
}

/* CREATE TABLE t AS query: the table's columns are the query's; its rows are inserted once. */
static laminar_status create_table_as(struct ddl *d, const struct ast_create_relation *ast,
                                      struct plan **out_plan)
{
    if (ast->n_columns)
        return invalid(d, ast->columns[0].span.start,
                       "columns are declared, and taken from a query too");
    CHECK(plan_query(d->ctx, ast->query, out_plan));
    d->relation->retention = (struct retention){.kind = RETAIN_ALL};
    return schema_of_plan(d, *out_plan, NULL);
}

static laminar_status create_relation(struct ddl *d, const struct ast_statement *statement,
                                      struct plan **out_plan)
{
    const struct ast_create_relation *ast = statement->u.create_relation;
    bool is_source = statement->kind == AST_STMT_CREATE_SOURCE,
         is_lookup = statement->kind == AST_STMT_CREATE_LOOKUP_TABLE;
    CHECK(start(d, is_source ? RELATION_SOURCE : RELATION_TABLE, &ast->name));
    d->relation->is_lookup = is_lookup;
    CHECK(ddl_set_options(d, &ast->connector, &ast->format, &ast->options));
    CHECK(keep_sql(d, statement));
    if (ast->query) return create_table_as(d, ast, out_plan);
    uint32_t n_cols = ast->n_columns ? (uint32_t)ast->n_columns : d->shape.n_columns;
    if (n_cols == 0) {
        invalid(d, d->offset, "\"%s\" has no columns", d->relation->name);
        error_hint(d->ctx->err, "CREATE %s %s (column TYPE, ...)",
                   is_source   ? "SOURCE"
                   : is_lookup ? "LOOKUP TABLE"
                               : "TABLE",
                   d->relation->name);
        return LAMINAR_INVALID_SCHEMA;
    }
    struct schema_column *cols;
    ALLOC_OR_FAIL(d->ctx, cols, ARENA_ARRAY(d->ctx->arena, struct schema_column, n_cols));
    CHECK(bind_columns(d, ast, cols));
    CHECK(bind_primary_key(d, ast, cols, n_cols));
    if (is_lookup && d->relation->n_key_cols == 0) {
        invalid(d, d->offset, "lookup table \"%s\" has no PRIMARY KEY", d->relation->name);
        error_hint(d->ctx->err, "rows are looked up by key: PRIMARY KEY (column, ...)");
        return LAMINAR_INVALID_SCHEMA;
    }
    CHECK(bind_watermark(d, ast, cols, n_cols));
    if (d->relation->idle_timeout_us && d->relation->time_col < 0) {
        invalid(d, d->offset, "idle_timeout of \"%s\": it has no watermark", d->relation->name);
        error_hint(d->ctx->err, "WATERMARK FOR column; or leave idle_timeout out");
        return LAMINAR_INVALID_SCHEMA;
    }
    CHECK(bind_defaults(d, ast, cols, n_cols));
    ALLOC_OR_FAIL(d->ctx, d->relation->schema, schema_create(cols, n_cols));
    d->relation->is_append_only = is_source && d->relation->n_key_cols == 0;
    if (!is_source || d->relation->n_key_cols) {
        if (!is_source) d->relation->retention = (struct retention){.kind = RETAIN_ALL};
    }
    return LAMINAR_OK;
}

/* --- STREAM, MATERIALIZED VIEW, SINK ---------------------------------------------------------- */

static laminar_status keep_inputs(struct ddl *d, const struct plan *plan)
{
    struct relation *relation = d->relation, **inputs = NULL;
    uint32_t n = 0;
    if (plan_inputs(plan, &relation->arena, &inputs, &n) != LAMINAR_OK) return plan_oom(d->ctx);
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(inputs[i]->name, relation->name) == 0) {
            plan_error(d->ctx, LAMINAR_QUERY_FAILED, d->offset, "\"%s\" can't read itself",
                       relation->name);
            error_object(d->ctx->err, relation->name);
            return LAMINAR_QUERY_FAILED;
        }
    }
    for (uint32_t i = 0; i < n; i++) relation_ref(inputs[i]);
    relation->inputs = inputs;
    relation->n_inputs = n;
    return LAMINAR_OK;
}

static bool waits_for_close(const struct plan *plan)
{
    if ((plan->kind == PLAN_AGGREGATE || plan->kind == PLAN_JOIN) && plan->emit == EMIT_ON_CLOSE)
        return true;
    for (uint32_t i = 0; i < plan->n_inputs; i++)
        if (waits_for_close(plan->inputs[i])) return true;
    return false;
}

static const struct plan *find_emitting(const struct plan *plan)
{
    if (plan->emit_every_us || plan->lateness_us) return plan;
    const struct plan *found = NULL;
    for (uint32_t i = 0; i < plan->n_inputs && !found; i++) found = find_emitting(plan->inputs[i]);
    return found;
}

/* What the catalog remembers of a query's plan. */
static laminar_status keep_plan(struct ddl *d, const struct ast_query *query,
                                const struct plan *plan)
{
    struct relation *relation = d->relation;
    const struct plan_properties *props = &plan->props;
    relation->is_append_only = props->is_append_only;
    relation->time_col = props->time_col;
    relation->window_start = props->window_start;
    relation->window_end = props->window_end;
    relation->is_timely = props->is_timely;
    relation->is_fleeting = props->is_fleeting;
    if (props->has_key && props->n_key_cols) {
        ALLOC_OR_FAIL(d->ctx, relation->key_cols,
                      ARENA_ARRAY(&relation->arena, uint32_t, props->n_key_cols));
        memcpy(relation->key_cols, props->key_cols, props->n_key_cols * sizeof *relation->key_cols);
        relation->n_key_cols = props->n_key_cols;
    }
    relation->emit = plan_emit_mode(query->emit.kind);
    if (relation->emit == EMIT_DEFAULT)
        relation->emit = waits_for_close(plan) ? EMIT_ON_CLOSE : EMIT_ON_UPDATE;
    const struct plan *emitting = find_emitting(plan);
    if (emitting) {
        relation->emit_every_us = emitting->emit_every_us;
        relation->lateness_us = emitting->lateness_us;
    }
    CHECK(keep_inputs(d, plan));
    return keep_query_sql(d, query);
}

static laminar_status plan_as_stream(struct ddl *d, const struct ast_query *query,
                                     struct plan **out)
{
    bool saved = d->ctx->is_stream;
    d->ctx->is_stream = true;
    laminar_status status = plan_query(d->ctx, query, out);
    d->ctx->is_stream = saved;
    return status;
}

static laminar_status create_view(struct ddl *d, const struct ast_statement *statement,
                                  struct plan **out_plan)
{
    const struct ast_create_view *ast = statement->u.create_view;
    bool is_view = statement->kind == AST_STMT_CREATE_MATERIALIZED_VIEW;
    CHECK(start(d, is_view ? RELATION_VIEW : RELATION_STREAM, &ast->name));
    CHECK(ddl_set_options(d, NULL, NULL, &ast->options));
    CHECK(plan_as_stream(d, ast->query, out_plan));
    CHECK(schema_of_plan(d, *out_plan, &ast->columns));
    if (is_view) d->relation->retention = (struct retention){.kind = RETAIN_ALL};
    CHECK(keep_sql(d, statement));
    return keep_plan(d, ast->query, *out_plan);
}

/* CREATE SINK s FROM relation | (query) [WHERE ...] is AS SELECT * FROM ... */
struct sink_query {
    struct ast_query query;
    struct ast_query_body body;
    struct ast_select select;
    struct ast_select_item item;
    struct ast_expr star;
    struct ast_table_ref from;
    struct ast_table_ref *from_list[1];
};

static const struct ast_query *make_sink_query(const struct ast_create_sink *ast,
                                               struct sink_query *s)
{
    if (ast->query && !ast->where) return ast->query;
    *s = (struct sink_query){0};
    s->star = (struct ast_expr){.kind = AST_EXPR_STAR, .span = ast->name.span};
    s->item = (struct ast_select_item){.expr = &s->star, .span = ast->name.span};
    if (ast->query)
        s->from = (struct ast_table_ref){
            .kind = AST_TABLE_SUBQUERY,
            .span = ast->query->span,
            .u.subquery = ast->query ? (struct ast_query *)(uintptr_t)ast->query : NULL};
    else
        s->from = (struct ast_table_ref){
            .kind = AST_TABLE_NAMED, .span = ast->from.span, .u.named.name = ast->from};
    s->from_list[0] = &s->from;
    s->select = (struct ast_select){
        .items = &s->item, .n_items = 1, .from = s->from_list, .n_from = 1, .where = ast->where};
    s->body = (struct ast_query_body){.kind = AST_BODY_SELECT, .u.select = &s->select};
    s->query = (struct ast_query){.body = &s->body};
    return &s->query;
}

static laminar_status create_sink(struct ddl *d, const struct ast_statement *statement,
                                  struct plan **out_plan)
{
    const struct ast_create_sink *ast = statement->u.create_sink;
    struct sink_query *made;
    CHECK(start(d, RELATION_SINK, &ast->name));
    CHECK(ddl_set_options(d, &ast->connector, &ast->format, &ast->options));
    ALLOC_OR_FAIL(d->ctx, made, ARENA_NEW(d->ctx->arena, struct sink_query));
    const struct ast_query *query = make_sink_query(ast, made);
    CHECK(plan_as_stream(d, query, out_plan));
    CHECK(schema_of_plan(d, *out_plan, NULL));
    d->relation->retention = (struct retention){.kind = RETAIN_NONE};
    CHECK(keep_sql(d, statement));
    return keep_plan(d, query, *out_plan);
}

static laminar_status create(struct ddl *d, const struct ast_statement *statement,
                             struct plan **out_plan)
{
    if (statement->n_parameters)
        return plan_error(d->ctx, LAMINAR_QUERY_FAILED, statement->span.start,
                          "a CREATE statement takes no parameters");
    switch (statement->kind) {
    case AST_STMT_CREATE_SOURCE:
    case AST_STMT_CREATE_TABLE:
    case AST_STMT_CREATE_LOOKUP_TABLE: return create_relation(d, statement, out_plan);
    case AST_STMT_CREATE_STREAM:
    case AST_STMT_CREATE_MATERIALIZED_VIEW: return create_view(d, statement, out_plan);
    case AST_STMT_CREATE_SINK: return create_sink(d, statement, out_plan);
    default:
        return plan_error(d->ctx, LAMINAR_INVALID_ARGUMENT, statement->span.start,
                          "%s creates no relation", sql_statement_text(statement->kind));
    }
}

laminar_status plan_create(struct plan_context *ctx, const struct ast_statement *statement,
                           struct relation **out, struct plan **out_plan)
{
    struct ddl d = {.ctx = ctx};
    struct plan *plan = NULL;
    laminar_status status = create(&d, statement, &plan);
    if (status != LAMINAR_OK) {
        relation_unref(d.relation);
        return status;
    }
    *out = d.relation;
    if (out_plan) *out_plan = plan;
    return LAMINAR_OK;
}
