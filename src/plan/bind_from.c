/* bind_from.c - FROM: relations, common table expressions, derived tables, table functions;
 * joins are in bind_join.c. */
#include "plan/bind.h"

/* Names the item (table.column, with column aliases if any), in its scope and, for EXPLAIN, in
 * its plan. */
static laminar_status name_item(struct select_block *q, const char *table,
                                const struct ast_name_list *columns, struct from_item *item)
{
    struct plan_context *ctx = q->ctx;
    struct plan *plan = item->plan;
    if (columns && columns->n > plan->n_cols)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, columns->items[plan->n_cols].span.start,
                          "%zu column name%s for %u column%s", columns->n,
                          columns->n == 1 ? "" : "s", plan->n_cols, plan->n_cols == 1 ? "" : "s");
    const char *alias = NULL;
    if (table) CHECK(bind_name(ctx, table, &alias));
    for (uint32_t i = 0; i < plan->n_cols; i++) {
        plan->cols[i].table = alias;
        if (columns && i < columns->n)
            CHECK(bind_name(ctx, columns->items[i].text, &plan->cols[i].name));
    }
    return scope_of_plan(ctx, plan, alias, &item->scope);
}

static struct cte *find_cte(const struct binder *b, const char *name)
{
    for (struct cte *cte = b->ctes; cte; cte = cte->next)
        if (strcmp(cte->ast->name.text, name) == 0) return cte;
    return NULL;
}

static laminar_status bind_cte(struct select_block *q, struct cte *cte,
                               const struct ast_table_ref *ref, struct from_item *out)
{
    struct plan_context *ctx = q->ctx;
    if (cte->is_binding) {
        CHECK(bind_working(q, cte, ref, &out->plan));
        return name_item(q, cte->ast->name.text, &cte->ast->columns, out);
    }
    struct binder inner = {.ctx = ctx, .ctes = cte->visible, .depth = q->b->depth + 1};
    struct laminar_error *err = ctx->err, refusal = LAMINAR_ERROR_INIT;
    cte->is_binding = true;
    cte->is_recursive = false;
    cte->first = NULL;
    ctx->err = &refusal; /* that it uses itself shows when it does */
    laminar_status status = bind_query(&inner, NULL, cte->ast->query, &out->plan);
    ctx->err = err;
    inner = (struct binder){.ctx = ctx, .ctes = cte->visible, .depth = q->b->depth + 1};
    if (status != LAMINAR_OK && cte->is_recursive)
        status = bind_recursive(&inner, cte, &out->plan);
    else if (status != LAMINAR_OK && err)
        *err = refusal;
    cte->is_binding = false;
    CHECK(status);
    return name_item(q, cte->ast->name.text, &cte->ast->columns, out);
}

/* "system.sources, system.streams ..." */
static void hint_system_relations(struct plan_context *ctx)
{
    struct strbuf names = {0};
    struct relation *relation;
    for (size_t i = 0; (relation = catalog_next(ctx->catalog, &i));)
        if (relation->kind == RELATION_SYSTEM)
            strbuf_printf(&names, "%s%s", names.size ? ", " : "", relation->name);
    if (!names.failed && names.size) error_hint(ctx->err, "there are %s", names.data);
    strbuf_deinit(&names);
}

static laminar_status unknown_relation(struct select_block *q, const struct ast_table_ref *ref,
                                       const char *name)
{
    struct nearest_name nearest = {.wanted = name};
    for (const struct cte *cte = q->b->ctes; cte; cte = cte->next)
        nearest_offer(&nearest, cte->ast->name.text);
    nearest_offer(&nearest, catalog_nearest(q->ctx->catalog, name));
    plan_error(q->ctx, LAMINAR_QUERY_FAILED, ref->span.start, "unknown relation \"%s\"", name);
    error_object(q->ctx->err, name);
    if (nearest.best)
        error_hint(q->ctx->err, "did you mean \"%s\"?", nearest.best);
    else if (strncmp(name, "system.", 7) == 0)
        hint_system_relations(q->ctx);
    else
        error_hint(q->ctx->err, "SHOW SOURCES, SHOW TABLES and SHOW STREAMS list what there is");
    return LAMINAR_QUERY_FAILED;
}

static laminar_status find_relation(struct select_block *q, const struct ast_table_ref *ref,
                                    struct relation **out)
{
    struct plan_context *ctx = q->ctx;
    const struct ast_qname *name = &ref->u.named.name;
    const char *last = ast_qname_last(name)->text, *full = last;
    if (name->n > 2 || (name->n == 2 && strcmp(name->parts[0].text, "system") != 0))
        return plan_error(ctx, LAMINAR_QUERY_FAILED, name->span.start,
                          "unknown schema \"%s\": there is only system", name->parts[0].text);
    if (name->n == 2) ALLOC_OR_FAIL(ctx, full, arena_printf(ctx->arena, "system.%s", last));
    struct relation *relation = catalog_find(ctx->catalog, full);
    if (!relation) return unknown_relation(q, ref, full);
    if (relation->kind == RELATION_SINK) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, ref->span.start,
                   "\"%s\" is a sink: it can't be read by a query", full);
        if (relation->n_inputs == 1)
            error_hint(ctx->err, "read from \"%s\"", relation->inputs[0]->name);
        return LAMINAR_QUERY_FAILED;
    }
    *out = relation;
    return LAMINAR_OK;
}

static laminar_status bind_named(struct select_block *q, const struct ast_table_ref *ref,
                                 struct from_item *out)
{
    struct plan_context *ctx = q->ctx;
    const struct ast_qname *name = &ref->u.named.name;
    const char *last = ast_qname_last(name)->text;
    if (ref->u.named.system_time)
        return plan_unsupported(
            ctx, ref->u.named.system_time->span.start, "FOR SYSTEM_TIME AS OF without a join",
            "it goes with the right side of a join: a JOIN b FOR SYSTEM_TIME AS OF a.ts ON ...");
    struct cte *cte = name->n == 1 ? find_cte(q->b, last) : NULL;
    if (cte) {
        CHECK(bind_cte(q, cte, ref, out));
    } else {
        struct relation *relation = NULL;
        CHECK(find_relation(q, ref, &relation));
        CHECK(plan_make_scan(ctx, relation, NULL, &out->plan));
    }
    out->plan->sql_offset = ref->span.start;
    return name_item(q, ref->alias.text ? ref->alias.text : last, &ref->column_aliases, out);
}

static struct from_item *take_lateral_left(struct select_block *q)
{
    struct from_item *left = q->lateral_left;
    q->lateral_left = NULL;
    return left;
}

static laminar_status bind_derived(struct select_block *q, const struct ast_table_ref *ref,
                                   struct from_item *out)
{
    if (q->lateral_left && ref->is_lateral)
        return bind_lateral(q, take_lateral_left(q), ref, false, out);
    CHECK(bind_query(q->b, q->parent, ref->u.subquery, &out->plan));
    return name_item(q, ref->alias.text, &ref->column_aliases, out);
}

laminar_status bind_table_ref(struct select_block *q, const struct ast_table_ref *ref,
                              struct from_item *out)
{
    struct plan_context *ctx = q->ctx;
    *out = (struct from_item){0};
    switch (ref->kind) {
    case AST_TABLE_NAMED: return bind_named(q, ref, out);
    case AST_TABLE_SUBQUERY: return bind_derived(q, ref, out);
    case AST_TABLE_FUNCTION:
        if (table_is_unnest(ref)) return bind_lateral(q, take_lateral_left(q), ref, false, out);
        if (ref->with_ordinality)
            return plan_unsupported(ctx, ref->span.start, "WITH ORDINALITY is not supported", NULL);
        CHECK(bind_window_table(q, ref, &out->plan));
        return name_item(q, ref->alias.text, &ref->column_aliases, out);
    case AST_TABLE_UNNEST: return bind_lateral(q, take_lateral_left(q), ref, false, out);
    case AST_TABLE_JOIN: return bind_join(q, ref, out);
    }
    return plan_unsupported(ctx, ref->span.start, "this table is not supported", NULL);
}

/* SELECT without FROM: one row. Its only column has no name that a query could reach. */
static laminar_status bind_no_from(struct select_block *q)
{
    struct expr **cells;
    ALLOC_OR_FAIL(q->ctx, cells, ARENA_ARRAY(q->ctx->arena, struct expr *, 1));
    ALLOC_OR_FAIL(q->ctx, cells[0], const_bool(q->ctx->arena, true));
    CHECK(plan_make_values(q->ctx, cells, 1, 1, &q->plan));
    q->scope = (struct scope){0};
    return LAMINAR_OK;
}

/* Is the first table of the item a lateral one? a, (UNNEST(a.x) u JOIN b) is then bound as
 * (a, UNNEST(a.x) u) JOIN b, which is the same unless the join keeps rows of b alone. */
static laminar_status starts_lateral(struct select_block *q, const struct ast_table_ref *ref,
                                     bool *out)
{
    const struct ast_table_ref *first = ref;
    while (first->kind == AST_TABLE_JOIN) first = first->u.join->left;
    *out = table_is_lateral(first);
    for (; *out && ref->kind == AST_TABLE_JOIN; ref = ref->u.join->left)
        if (ref->u.join->kind == AST_JOIN_RIGHT || ref->u.join->kind == AST_JOIN_FULL)
            return plan_unsupported(q->ctx, ref->u.join->keyword_span.start,
                                    "a RIGHT or FULL JOIN on a lateral table is not supported",
                                    "put the lateral join into a derived table");
    return LAMINAR_OK;
}

laminar_status bind_from(struct select_block *q, const struct ast_select *select)
{
    if (select->n_from == 0) return bind_no_from(q);
    struct from_item all;
    CHECK(bind_table_ref(q, select->from[0], &all));
    for (size_t i = 1; i < select->n_from; i++) {
        struct from_item next, both;
        bool is_lateral;
        CHECK(starts_lateral(q, select->from[i], &is_lateral));
        if (is_lateral) {
            q->lateral_left = &all;
            CHECK(bind_table_ref(q, select->from[i], &both));
            all = both;
            continue;
        }
        CHECK(bind_table_ref(q, select->from[i], &next));
        CHECK(bind_cross(q, &all, &next, select->from[i]->span.start, &both));
        all = both;
    }
    q->plan = all.plan;
    q->scope = all.scope;
    return LAMINAR_OK;
}
