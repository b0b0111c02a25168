/* bind_column.c - what a name in an expression means: a column of FROM, an alias of the select
 * list, a bound of the group's window, a field of a struct column, or a column of the enclosing
 * query; and the error that helps when it is none of them. */
#include "plan/bind.h"

enum { ALIAS_DEPTH_MAX = 16, CANDIDATES_MAX = 12 };

static laminar_status ambiguous(struct select_block *q, const struct scope *scope,
                                const struct ast_name *name)
{
    const char *tables[2] = {NULL, NULL};
    for (uint32_t i = 0, n = 0; i < scope->n && n < 2; i++)
        if (!scope->cols[i].is_hidden && strcmp(scope->cols[i].name, name->text) == 0)
            tables[n++] = scope->cols[i].table;
    plan_error(q->ctx, LAMINAR_QUERY_FAILED, name->span.start, "column \"%s\" is ambiguous",
               name->text);
    if (tables[0] && tables[1] && strcmp(tables[0], tables[1]) != 0)
        error_hint(q->ctx->err, "write %s.%s or %s.%s", tables[0], name->text, tables[1],
                   name->text);
    else
        error_hint(q->ctx->err, "give the columns different names in the subquery");
    return LAMINAR_QUERY_FAILED;
}

static void hint_candidates(struct select_block *q, const struct scope *scope, const char *table)
{
    if (!q->ctx->err) return;
    struct strbuf text = {0};
    uint32_t n = 0;
    for (uint32_t i = 0; i < scope->n; i++) {
        const struct scope_column *col = &scope->cols[i];
        if (table && (!col->table || strcmp(col->table, table) != 0)) continue;
        if (n < CANDIDATES_MAX) strbuf_printf(&text, "%s%s", n ? ", " : "", col->name);
        n++;
    }
    if (n > CANDIDATES_MAX) strbuf_printf(&text, " and %u more", n - CANDIDATES_MAX);
    if (n && !text.failed) error_hint(q->ctx->err, "there is %s", text.data);
    strbuf_deinit(&text);
}

static void to_outer(struct expr *e, uint32_t depth)
{
    if (e->kind == EXPR_COLUMN) {
        e->kind = EXPR_OUTER;
        e->depth = depth;
    }
    for (uint32_t i = 0; i < e->n_args; i++) to_outer(e->args[i], depth);
}

/* The column of an enclosing query as EXPR_OUTER. */
static laminar_status outer_expr(struct select_block *outer, const struct scope_column *col,
                                 bool by_bare_name, uint32_t depth, const struct ast_expr *ast,
                                 struct expr **out)
{
    CHECK(scope_expr(outer, col, by_bare_name, ast->span.start, out));
    to_outer(*out, depth);
    return LAMINAR_OK;
}

static laminar_status bind_alias(struct select_block *q, const struct ast_name *name, bool *found,
                                 struct expr **out)
{
    if (!q->select) return LAMINAR_OK;
    const struct ast_expr *meant = NULL;
    for (size_t i = 0; i < q->select->n_items; i++) {
        const struct ast_select_item *item = &q->select->items[i];
        if (!item->alias.text || strcmp(item->alias.text, name->text) != 0) continue;
        if (item->expr->kind == AST_EXPR_COLUMN && item->expr->u.column.n == 1 &&
            strcmp(item->expr->u.column.parts[0].text, name->text) == 0)
            continue; /* x AS x: that x is the one looked for */
        if (meant)
            return plan_error(q->ctx, LAMINAR_QUERY_FAILED, name->span.start,
                              "\"%s\" names several columns of the select list", name->text);
        meant = item->expr;
    }
    if (!meant) return LAMINAR_OK;
    *found = true;
    if (++q->alias_depth > ALIAS_DEPTH_MAX)
        return plan_error(q->ctx, LAMINAR_QUERY_FAILED, name->span.start,
                          "alias \"%s\" stands for itself", name->text);
    CHECK(bind_expr(q, meant, out));
    q->alias_depth--;
    return LAMINAR_OK;
}

static laminar_status unknown_column(struct select_block *q, const struct ast_expr *ast)
{
    const struct ast_name *name = ast_qname_last(&ast->u.column);
    struct nearest_name nearest = {.wanted = name->text};
    for (struct select_block *s = q; s; s = s->parent) scope_offer_names(&s->scope, &nearest);
    if ((q->clause.allows_aliases || q->clause.allows_aliases_last) && q->select)
        for (size_t i = 0; i < q->select->n_items; i++)
            nearest_offer(&nearest, q->select->items[i].alias.text);
    plan_error(q->ctx, LAMINAR_QUERY_FAILED, ast->span.start, "unknown column \"%s\"", name->text);
    if (nearest.best)
        error_hint(q->ctx->err, "did you mean \"%s\"?", nearest.best);
    else if (name->is_quoted && q->scope.n == 0)
        error_hint(q->ctx->err, "text is written in single quotes: '%s'", name->text);
    else
        hint_candidates(q, &q->scope, NULL);
    return LAMINAR_QUERY_FAILED;
}

static laminar_status unknown_table(struct select_block *q, const struct ast_name *table)
{
    struct nearest_name nearest = {.wanted = table->text};
    for (struct select_block *s = q; s; s = s->parent)
        for (uint32_t i = 0; i < s->scope.n; i++) nearest_offer(&nearest, s->scope.cols[i].table);
    plan_error(q->ctx, LAMINAR_QUERY_FAILED, table->span.start, "there is no table \"%s\" in FROM",
               table->text);
    if (nearest.best) {
        error_hint(q->ctx->err, "did you mean \"%s\"?", nearest.best);
        return LAMINAR_QUERY_FAILED;
    }
    const char *first = NULL;
    for (uint32_t i = 0; i < q->scope.n; i++) {
        const char *alias = q->scope.cols[i].table;
        if (!first) first = alias;
        if (!alias || !q->plan || q->plan->kind != PLAN_SCAN ||
            strcmp(q->plan->relation->name, table->text) != 0)
            continue;
        error_hint(q->ctx->err, "it is called \"%s\" in this query", alias);
        return LAMINAR_QUERY_FAILED;
    }
    if (first)
        error_hint(q->ctx->err, "FROM has %s%s", first,
                   q->scope.cols[q->scope.n - 1].table == first ? "" : " and others");
    return LAMINAR_QUERY_FAILED;
}

static laminar_status bind_bare(struct select_block *q, const struct ast_expr *ast,
                                const struct ast_name *name, bool *found, struct expr **out)
{
    *found = false;
    int32_t at = scope_find(&q->scope, NULL, name);
    if (at == -2) return ambiguous(q, &q->scope, name);
    if (at >= 0) {
        *found = true;
        return scope_expr(q, &q->scope.cols[at], true, ast->span.start, out);
    }
    if (q->clause.allows_aliases) CHECK(bind_alias(q, name, found, out));
    if (*found) return LAMINAR_OK;
    if (q->window.kind != WINDOW_NONE) {
        *out = NULL;
        CHECK(bind_window_name(q, name, ast->span.start, out));
        if ((*found = *out != NULL)) return LAMINAR_OK;
    }
    uint32_t depth = 1;
    for (struct select_block *s = q->parent; s; s = s->parent, depth++) {
        at = scope_find(&s->scope, NULL, name);
        if (at == -2) return ambiguous(q, &s->scope, name);
        if (at < 0) continue;
        *found = true;
        return outer_expr(s, &s->scope.cols[at], true, depth, ast, out);
    }
    return q->clause.allows_aliases_last ? bind_alias(q, name, found, out) : LAMINAR_OK;
}

static laminar_status bind_qualified(struct select_block *q, const struct ast_expr *ast,
                                     const struct ast_name *table, const struct ast_name *name,
                                     bool *found, struct expr **out)
{
    *found = false;
    uint32_t depth = 0;
    for (struct select_block *s = q; s; s = s->parent, depth++) {
        if (!scope_has_table(&s->scope, table->text)) continue;
        int32_t at = scope_find(&s->scope, table->text, name);
        if (at == -2) return ambiguous(q, &s->scope, name);
        if (at < 0) {
            struct nearest_name nearest = {.wanted = name->text};
            for (uint32_t i = 0; i < s->scope.n; i++)
                if (s->scope.cols[i].table && strcmp(s->scope.cols[i].table, table->text) == 0)
                    nearest_offer(&nearest, s->scope.cols[i].name);
            plan_error(q->ctx, LAMINAR_QUERY_FAILED, name->span.start,
                       "\"%s\" has no column \"%s\"", table->text, name->text);
            if (nearest.best)
                error_hint(q->ctx->err, "did you mean \"%s\"?", nearest.best);
            else
                hint_candidates(q, &s->scope, table->text);
            return LAMINAR_QUERY_FAILED;
        }
        *found = true;
        if (depth == 0) return scope_expr(q, &s->scope.cols[at], false, ast->span.start, out);
        return outer_expr(s, &s->scope.cols[at], false, depth, ast, out);
    }
    return LAMINAR_OK;
}

/* e.field for the parts from `at` on. */
static laminar_status bind_fields(struct select_block *q, const struct ast_qname *name, size_t at,
                                  struct expr *e, struct expr **out)
{
    for (; at < name->n; at++) {
        const struct ast_name *field = &name->parts[at];
        if (e->type.id != LAMINAR_TYPE_STRUCT)
            return plan_error(q->ctx, LAMINAR_QUERY_FAILED, field->span.start,
                              "\"%s\" is no field: %s is not a STRUCT", field->text,
                              TYPE_TEXT(e->type));
        if (!function_find("struct_extract"))
            return plan_unsupported(q->ctx, field->span.start,
                                    "fields of structs can't be read yet", NULL);
        struct expr *args[] = {e, NULL};
        ALLOC_OR_FAIL(q->ctx, args[1], const_string(q->ctx->arena, field->text, field->size));
        CHECK(make_call(q->ctx, "struct_extract", args, 2, field->span.start, &e));
    }
    *out = e;
    return LAMINAR_OK;
}

laminar_status bind_column(struct select_block *q, const struct ast_expr *ast, struct expr **out)
{
    struct ast_qname name = ast->u.column;
    if (name.n > 2 && strcmp(name.parts[0].text, "system") == 0) name.parts++, name.n--;
    bool found = false;
    struct expr *e = NULL;
    if (name.n >= 2) {
        CHECK(bind_qualified(q, ast, &name.parts[0], &name.parts[1], &found, &e));
        if (found) return bind_fields(q, &name, 2, e, out);
    }
    CHECK(bind_bare(q, ast, &name.parts[0], &found, &e));
    if (found) return bind_fields(q, &name, 1, e, out);
    return name.n >= 2 ? unknown_table(q, &name.parts[0]) : unknown_column(q, ast);
}
