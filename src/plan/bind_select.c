/* bind_select.c - one SELECT, clause by clause: see bind.h for the order and for grouped
 * selects. */
#include "plan/bind.h"

/* The select list and, behind its visible items, the hidden ones that ORDER BY needs. */
struct item_list {
    struct expr_list exprs;
    const char **names;
    uint32_t capacity;
    uint32_t n_visible;
};

static laminar_status add_item(struct select_block *q, struct item_list *items, struct expr *e,
                               const char *name)
{
    struct plan_context *ctx = q->ctx;
    if (items->exprs.n == items->capacity) {
        uint32_t capacity = items->capacity ? items->capacity * 2 : 16;
        const char **names;
        ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, capacity));
        if (items->exprs.n) memcpy(names, items->names, items->exprs.n * sizeof *names);
        items->names = names;
        items->capacity = capacity;
    }
    items->names[items->exprs.n] = name;
    return expr_list_push(ctx, &items->exprs, e);
}

/* --- WHERE ------------------------------------------------------------------------------------ */

static laminar_status bind_plain_conjunct(struct select_block *q, const struct ast_expr *ast,
                                          struct expr_list *out)
{
    struct expr *e;
    CHECK(bind_expr(q, ast, &e));
    CHECK(make_condition(q->ctx, e, "the condition of WHERE", &e));
    return expr_split_and(q->ctx, e, out);
}

static bool is_subquery_condition(const struct ast_expr *ast)
{
    while (ast->kind == AST_EXPR_UNARY && ast->u.unary.op == AST_UNARY_NOT)
        ast = ast->u.unary.operand;
    return ast->kind == AST_EXPR_EXISTS || ast->kind == AST_EXPR_IN_QUERY;
}

/* Plain conditions first, as one filter; then the semi and anti joins of EXISTS and IN. */
laminar_status bind_where(struct select_block *q, const struct ast_expr *where)
{
    struct plan_context *ctx = q->ctx;
    if (!where) return LAMINAR_OK;
    q->clause = (struct clause){
        .name = "WHERE", .allows_subqueries = q->plan != NULL, .allows_aliases_last = true};
    bool is_and = where->kind == AST_EXPR_LOGICAL && !where->u.logical.is_or;
    struct ast_expr *single[1] = {(struct ast_expr *)(uintptr_t)where};
    struct ast_expr **parts = is_and ? where->u.logical.operands.items : single;
    size_t n = is_and ? where->u.logical.operands.n : 1;
    struct expr_list plain = {0};
    for (size_t i = 0; i < n; i++)
        if (!is_subquery_condition(parts[i])) CHECK(bind_plain_conjunct(q, parts[i], &plain));
    struct expr *predicate;
    CHECK(expr_make_and(ctx, &plain, &predicate));
    if (predicate) CHECK(plan_make_filter(ctx, q->plan, predicate, &q->plan));
    for (size_t i = 0; i < n; i++) {
        bool done = false;
        if (is_subquery_condition(parts[i])) CHECK(bind_subquery_condition(q, parts[i], &done));
    }
    return LAMINAR_OK;
}

/* --- The select list -------------------------------------------------------------------------- */

static bool name_in(const struct ast_name_list *list, const char *name, bool *used)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->items[i].text, name) != 0) continue;
        used[i] = true;
        return true;
    }
    return false;
}

static const struct ast_replace_item *replaced_by(const struct ast_expr *star, const char *name,
                                                  bool *used)
{
    for (size_t i = 0; i < star->u.star.n_replace; i++) {
        if (strcmp(star->u.star.replace[i].name.text, name) != 0) continue;
        used[i] = true;
        return &star->u.star.replace[i];
    }
    return NULL;
}

static laminar_status unused_star_name(struct select_block *q, const char *clause,
                                       const struct ast_name *name)
{
    struct nearest_name nearest = {.wanted = name->text};
    scope_offer_names(&q->scope, &nearest);
    plan_error(q->ctx, LAMINAR_QUERY_FAILED, name->span.start,
               "column \"%s\" of %s is not among the columns of the *", name->text, clause);
    if (nearest.best) error_hint(q->ctx->err, "did you mean \"%s\"?", nearest.best);
    return LAMINAR_QUERY_FAILED;
}

static laminar_status expand_star(struct select_block *q, const struct ast_expr *star,
                                  struct item_list *items)
{
    struct plan_context *ctx = q->ctx;
    const char *table = star->u.star.qualifier.n ? ast_qname_last(&star->u.star.qualifier)->text
                                                 : NULL;
    bool *excluded, *replaced;
    ALLOC_OR_FAIL(ctx, excluded, ARENA_ARRAY(ctx->arena, bool, star->u.star.exclude.n + 1));
    ALLOC_OR_FAIL(ctx, replaced, ARENA_ARRAY(ctx->arena, bool, star->u.star.n_replace + 1));
    uint32_t n_matched = 0;
    for (uint32_t i = 0; i < q->scope.n; i++) {
        const struct scope_column *col = &q->scope.cols[i];
        if (table ? !col->table || strcmp(col->table, table) != 0 : col->is_hidden) continue;
        n_matched++;
        if (name_in(&star->u.star.exclude, col->name, excluded)) continue;
        struct expr *e;
        const struct ast_replace_item *replacement = replaced_by(star, col->name, replaced);
        if (replacement)
            CHECK(bind_expr(q, replacement->expr, &e));
        else
            CHECK(scope_expr(q, col, table == NULL, star->span.start, &e));
        CHECK(add_item(q, items, e, col->name));
    }
    if (n_matched == 0) {
        if (!table)
            return plan_error(ctx, LAMINAR_QUERY_FAILED, star->span.start, "SELECT * needs a FROM");
        struct nearest_name nearest = {.wanted = table};
        for (uint32_t i = 0; i < q->scope.n; i++) nearest_offer(&nearest, q->scope.cols[i].table);
        plan_error(ctx, LAMINAR_QUERY_FAILED, star->span.start, "there is no table \"%s\" in FROM",
                   table);
        if (nearest.best) error_hint(ctx->err, "did you mean \"%s\"?", nearest.best);
        return LAMINAR_QUERY_FAILED;
    }
    for (size_t i = 0; i < star->u.star.exclude.n; i++)
        if (!excluded[i]) return unused_star_name(q, "EXCLUDE", &star->u.star.exclude.items[i]);
    for (size_t i = 0; i < star->u.star.n_replace; i++)
        if (!replaced[i]) return unused_star_name(q, "REPLACE", &star->u.star.replace[i].name);
    return LAMINAR_OK;
}

/* unnest(struct): a column for each field. */
static laminar_status expand_struct(struct select_block *q, struct expr *e, struct item_list *items)
{
    struct plan_context *ctx = q->ctx;
    for (uint32_t i = 0; i < e->type.info->n_fields; i++) {
        const char *field = e->type.info->fields[i].name;
        struct expr *args[2], *value;
        const char *name;
        ALLOC_OR_FAIL(ctx, args[0], expr_copy(ctx->arena, e));
        ALLOC_OR_FAIL(ctx, args[1], const_string(ctx->arena, field, strlen(field)));
        CHECK(make_call(ctx, "struct_extract", args, 2, e->sql_offset, &value));
        CHECK(bind_name(ctx, field, &name));
        CHECK(add_item(q, items, value, name));
    }
    return LAMINAR_OK;
}

static laminar_status bind_select_list(struct select_block *q, struct item_list *items)
{
    struct plan_context *ctx = q->ctx;
    q->clause = (struct clause){.name = "the select list",
                                .allows_aggregates = true,
                                .allows_subqueries = true,
                                .allows_aliases_last = true,
                                .allows_unnest = true,
                                .allows_overs = true};
    for (size_t i = 0; i < q->select->n_items; i++) {
        const struct ast_select_item *item = &q->select->items[i];
        if (item->expr->kind == AST_EXPR_STAR) {
            CHECK(expand_star(q, item->expr, items));
            continue;
        }
        struct expr *e;
        const char *name;
        bool is_struct;
        CHECK(bind_unnest_struct(q, item->expr, &e, &is_struct));
        if (is_struct) {
            CHECK(expand_struct(q, e, items));
            continue;
        }
        CHECK(bind_expr(q, item->expr, &e));
        if (item->alias.text)
            CHECK(bind_name(ctx, item->alias.text, &name));
        else
            ALLOC_OR_FAIL(ctx, name, sql_expr_name(ctx->arena, item->expr));
        CHECK(add_item(q, items, e, name));
    }
    if (items->exprs.n == 0)
        return plan_error(ctx, LAMINAR_QUERY_FAILED,
                          q->select->n_items ? q->select->items[0].span.start : 0,
                          "the select list has no columns");
    items->n_visible = items->exprs.n;
    return LAMINAR_OK;
}

/* --- ORDER BY --------------------------------------------------------------------------------- */

static laminar_status find_output(struct select_block *q, const struct item_list *items,
                                  const struct ast_name *name, int32_t *out)
{
    *out = -1;
    for (uint32_t i = 0; i < items->n_visible; i++) {
        if (strcmp(items->names[i], name->text) != 0) continue;
        if (*out >= 0 && !expr_equal(items->exprs.items[*out], items->exprs.items[i])) {
            plan_error(q->ctx, LAMINAR_QUERY_FAILED, name->span.start,
                       "\"%s\" names several columns of the select list", name->text);
            error_hint(q->ctx->err, "order by position: ORDER BY %u", (uint32_t)*out + 1);
            return LAMINAR_QUERY_FAILED;
        }
        if (*out < 0) *out = (int32_t)i;
    }
    return LAMINAR_OK;
}

static laminar_status order_position(struct plan_context *ctx, const struct ast_expr *ast,
                                     uint32_t n, uint32_t *out)
{
    uint64_t position = ast->u.number.fits_u64 ? ast->u.number.value : 0;
    if (position < 1 || position > n)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                          "ORDER BY position %s is not in the select list, which has %u column%s",
                          ast->u.number.text, n, n == 1 ? "" : "s");
    *out = (uint32_t)position - 1;
    return LAMINAR_OK;
}

/* The item that an ORDER BY expression means: a position, an output name, an item that is equal
 * to it, or a new hidden one. */
static laminar_status order_column(struct select_block *q, struct item_list *items,
                                   const struct ast_expr *ast, uint32_t *out)
{
    if (ast->kind == AST_EXPR_NUMBER && ast->u.number.class == AST_NUMBER_INTEGER)
        return order_position(q->ctx, ast, items->n_visible, out);
    if (ast->kind == AST_EXPR_COLUMN && ast->u.column.n == 1) {
        int32_t found;
        CHECK(find_output(q, items, &ast->u.column.parts[0], &found));
        if (found >= 0) {
            *out = (uint32_t)found;
            return LAMINAR_OK;
        }
    }
    struct expr *e;
    CHECK(bind_expr(q, ast, &e));
    for (uint32_t i = 0; i < items->exprs.n; i++) {
        if (!expr_equal(items->exprs.items[i], e)) continue;
        *out = i;
        return LAMINAR_OK;
    }
    if (q->select->is_distinct && !q->select->distinct_on.n) {
        plan_error(q->ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                   "with DISTINCT, what ORDER BY names must be in the select list");
        error_hint(q->ctx->err, "add it to the select list");
        return LAMINAR_QUERY_FAILED;
    }
    *out = items->exprs.n;
    return add_item(q, items, e, "order");
}

static struct sort_key make_sort_key(uint32_t column, const struct ast_order_item *item)
{
    bool nulls_first = item->nulls == AST_NULLS_DEFAULT ? item->is_descending
                                                        : item->nulls == AST_NULLS_FIRST;
    return (struct sort_key){column, item->is_descending, nulls_first};
}

static bool sort_has_column(const struct sort_key *keys, uint32_t n, uint32_t column)
{
    for (uint32_t i = 0; i < n; i++)
        if (keys[i].column == column) return true;
    return false;
}

static laminar_status bind_order_by(struct select_block *q, const struct ast_query *query,
                                    struct item_list *items, struct sort_key **out, uint32_t *n_out)
{
    struct plan_context *ctx = q->ctx;
    size_t n = query->order_by_all ? items->n_visible : query->order_by.n;
    struct sort_key *keys;
    uint32_t n_keys = 0;
    ALLOC_OR_FAIL(ctx, keys, ARENA_ARRAY(ctx->arena, struct sort_key, n + 1));
    q->clause = (struct clause){.name = "ORDER BY",
                                .allows_aggregates = true,
                                .allows_overs = q->select->n_items > 0,
                                .allows_subqueries = true,
                                .allows_aliases = true};
    for (size_t i = 0; i < n; i++) {
        const struct ast_order_item *item = &query->order_by.items[query->order_by_all ? 0 : i];
        uint32_t column = (uint32_t)i;
        if (!query->order_by_all) CHECK(order_column(q, items, item->expr, &column));
        if (!sort_has_column(keys, n_keys, column)) keys[n_keys++] = make_sort_key(column, item);
    }
    *out = keys;
    *n_out = n_keys;
    return LAMINAR_OK;
}

/* --- The end of a query: DISTINCT, ORDER BY, LIMIT -------------------------------------------- */

/* LIMIT and OFFSET as numbers; LIMIT NULL and LIMIT ALL are none. */
static laminar_status bind_limit(struct binder *b, const struct ast_query *query, struct plan *top)
{
    struct select_block q = {.b = b, .ctx = b->ctx, .clause = {.name = "LIMIT"}};
    bool is_null = true;
    if (query->limit) CHECK(bind_count(&q, query->limit, "LIMIT", &top->limit, &is_null));
    top->has_limit = query->limit && !is_null;
    if (query->offset) CHECK(bind_count(&q, query->offset, "OFFSET", &top->offset, &is_null));
    return LAMINAR_OK;
}

static laminar_status make_top(struct binder *b, const struct ast_query *query,
                               struct sort_key *sort, uint32_t n_sort, struct plan **plan)
{
    bool has_limit = query->limit || query->offset;
    struct plan *top;
    if (!has_limit && n_sort == 0) return LAMINAR_OK;
    CHECK(plan_new_over(b->ctx, has_limit ? PLAN_TOP_N : PLAN_SORT, *plan, &top));
    top->sort = sort;
    top->n_sort = n_sort;
    top->sql_offset = query->order_by.n ? query->order_by.items[0].span.start
                      : query->limit    ? query->limit->span.start
                      : query->offset   ? query->offset->span.start
                                        : 0;
    if (has_limit) {
        CHECK(bind_limit(b, query, top));
        if (!top->has_limit && top->offset == 0) { /* LIMIT ALL */
            if (n_sort == 0) return LAMINAR_OK;
            top->kind = PLAN_SORT;
        }
    }
    *plan = top;
    return LAMINAR_OK;
}

static laminar_status keep_visible(struct plan_context *ctx, struct plan **plan, uint32_t n_visible)
{
    if ((*plan)->n_cols == n_visible) return LAMINAR_OK;
    uint32_t *columns;
    ALLOC_OR_FAIL(ctx, columns, ARENA_ARRAY(ctx->arena, uint32_t, n_visible + 1));
    for (uint32_t i = 0; i < n_visible; i++) columns[i] = i;
    return plan_make_selection(ctx, *plan, columns, n_visible, plan);
}

/* DISTINCT ON (keys): the first row of each, in the order given. */
static laminar_status bind_distinct_on(struct select_block *q, struct item_list *items,
                                       uint32_t **out, uint32_t *n_out)
{
    const struct ast_expr_list *on = &q->select->distinct_on;
    ALLOC_OR_FAIL(q->ctx, *out, ARENA_ARRAY(q->ctx->arena, uint32_t, on->n + 1));
    *n_out = 0;
    q->clause = (struct clause){.name = "DISTINCT ON",
                                .allows_aggregates = true,
                                .allows_overs = true,
                                .allows_subqueries = true,
                                .allows_aliases = true};
    for (size_t i = 0; i < on->n; i++) {
        uint32_t column;
        bool seen = false;
        CHECK(order_column(q, items, on->items[i], &column));
        for (uint32_t j = 0; j < *n_out; j++) seen |= (*out)[j] == column;
        if (!seen) (*out)[(*n_out)++] = column;
    }
    return LAMINAR_OK;
}

static laminar_status make_distinct_on(struct select_block *q, const uint32_t *columns, uint32_t n,
                                       struct sort_key *sort, uint32_t n_sort, struct plan **plan)
{
    struct plan *top;
    CHECK(plan_new_over(q->ctx, PLAN_TOP_N, *plan, &top));
    ALLOC_OR_FAIL(q->ctx, top->partition, ARENA_ARRAY(q->ctx->arena, uint32_t, n + 1));
    if (n) memcpy(top->partition, columns, n * sizeof *columns);
    top->n_partition = n;
    top->sort = sort;
    top->n_sort = n_sort;
    top->has_limit = true;
    top->limit = 1;
    *plan = top;
    return LAMINAR_OK;
}

/* --- SELECT ----------------------------------------------------------------------------------- */

static bool window_has_aggregate(const struct plan_context *ctx, const struct ast_window *window)
{
    for (size_t i = 0; i < window->partition_by.n; i++)
        if (ast_has_aggregate(ctx, window->partition_by.items[i])) return true;
    for (size_t i = 0; i < window->order_by.n; i++)
        if (ast_has_aggregate(ctx, window->order_by.items[i].expr)) return true;
    return false;
}

static bool is_grouped_select(const struct plan_context *ctx, const struct ast_select *select,
                              const struct ast_query *query)
{
    if (select->group_by_all || select->n_group_by || select->having) return true;
    if (select->qualify && ast_has_aggregate(ctx, select->qualify)) return true;
    for (size_t i = 0; i < select->n_windows; i++)
        if (window_has_aggregate(ctx, select->windows[i].window)) return true;
    for (size_t i = 0; i < select->n_items; i++)
        if (ast_has_aggregate(ctx, select->items[i].expr)) return true;
    for (size_t i = 0; query && i < query->order_by.n; i++)
        if (query->order_by.items[i].expr && ast_has_aggregate(ctx, query->order_by.items[i].expr))
            return true;
    return false;
}

static laminar_status bind_having(struct select_block *q, struct expr **out)
{
    *out = NULL;
    if (!q->select->having) return LAMINAR_OK;
    q->clause = (struct clause){.name = "HAVING",
                                .allows_aggregates = true,
                                .allows_subqueries = true,
                                .allows_aliases = true};
    CHECK(bind_expr(q, q->select->having, out));
    return make_condition(q->ctx, *out, "the condition of HAVING", out);
}

laminar_status bind_select(struct binder *b, struct select_block *parent,
                           const struct ast_select *select, const struct ast_query *query,
                           struct plan **out)
{
    struct plan_context *ctx = b->ctx;
    struct select_block q = {.b = b, .ctx = ctx, .parent = parent, .select = select};
    struct item_list items = {0};
    struct expr *having, *qualify;
    struct sort_key *sort = NULL;
    uint32_t n_sort = 0, *on = NULL, n_on = 0;
    CHECK(bind_from(&q, select));
    CHECK(bind_where(&q, select->where));
    q.is_grouped = is_grouped_select(q.ctx, select, query);
    if (q.is_grouped) CHECK(bind_group_by(&q));
    CHECK(bind_select_list(&q, &items));
    CHECK(bind_having(&q, &having));
    CHECK(bind_qualify(&q, &qualify));
    if (select->distinct_on.n) CHECK(bind_distinct_on(&q, &items, &on, &n_on));
    if (query) CHECK(bind_order_by(&q, query, &items, &sort, &n_sort));
    if (q.is_grouped) CHECK(block_make_aggregate(&q));
    for (uint32_t i = 0; i < items.exprs.n; i++)
        CHECK(block_finish_expr(&q, &items.exprs.items[i]));
    if (having) {
        CHECK(block_finish_expr(&q, &having));
        CHECK(plan_make_filter(ctx, q.plan, having, &q.plan));
    }
    if (qualify) CHECK(block_finish_expr(&q, &qualify));
    if (q.n_overs) {
        CHECK(block_make_overs(&q));
        for (uint32_t i = 0; i < items.exprs.n; i++) block_finish_over(&q, items.exprs.items[i]);
        if (qualify) block_finish_over(&q, qualify);
    }
    if (qualify) CHECK(plan_make_filter(ctx, q.plan, qualify, &q.plan));
    struct plan *plan;
    CHECK(plan_make_project(ctx, q.plan, items.exprs.items, items.names, items.exprs.n, &plan));
    if (select->is_distinct && !n_on) CHECK(plan_make_distinct(ctx, plan, &plan));
    if (n_on) CHECK(make_distinct_on(&q, on, n_on, sort, n_sort, &plan));
    if (query) CHECK(make_top(b, query, sort, n_sort, &plan));
    CHECK(keep_visible(ctx, &plan, items.n_visible));
    *out = plan;
    return LAMINAR_OK;
}

/* --- Queries ---------------------------------------------------------------------------------- */

/* ORDER BY of a set operation or VALUES: positions, output names, and expressions over them. */
static laminar_status order_rows(struct binder *b, const struct ast_query *query,
                                 struct plan **plan)
{
    struct plan_context *ctx = b->ctx;
    static const struct ast_select no_select = {0};
    struct select_block q = {.b = b, .ctx = ctx, .plan = *plan, .select = &no_select};
    struct item_list items = {0};
    struct sort_key *sort;
    uint32_t n_sort, n_visible = (*plan)->n_cols;
    CHECK(scope_of_plan(ctx, *plan, NULL, &q.scope));
    for (uint32_t i = 0; i < n_visible; i++) {
        struct expr *e;
        CHECK(scope_expr(&q, &q.scope.cols[i], true, 0, &e));
        CHECK(add_item(&q, &items, e, (*plan)->cols[i].name));
    }
    items.n_visible = n_visible;
    CHECK(bind_order_by(&q, query, &items, &sort, &n_sort));
    if (items.exprs.n > n_visible)
        CHECK(plan_make_project(ctx, *plan, items.exprs.items, items.names, items.exprs.n, plan));
    CHECK(make_top(b, query, sort, n_sort, plan));
    return keep_visible(ctx, plan, n_visible);
}

static laminar_status bind_values(struct binder *b, struct select_block *parent,
                                  const struct ast_query_body *body, struct plan **out)
{
    struct plan_context *ctx = b->ctx;
    struct select_block q = {.b = b, .ctx = ctx, .parent = parent, .clause = {.name = "VALUES"}};
    size_t n_rows = body->u.values.n_rows, n_cols = n_rows ? body->u.values.rows[0].n : 0;
    struct expr **cells, **column;
    if (n_cols == 0)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, body->span.start, "VALUES without values");
    ALLOC_OR_FAIL(ctx, cells, ARENA_ARRAY(ctx->arena, struct expr *, n_rows * n_cols));
    ALLOC_OR_FAIL(ctx, column, ARENA_ARRAY(ctx->arena, struct expr *, n_rows));
    for (size_t r = 0; r < n_rows; r++) {
        const struct ast_expr_list *row = &body->u.values.rows[r];
        if (row->n != n_cols)
            return plan_error(
                ctx, LAMINAR_QUERY_FAILED, row->n ? row->items[0]->span.start : body->span.start,
                "row %zu of VALUES has %zu values, the first has %zu", r + 1, row->n, n_cols);
        for (size_t c = 0; c < n_cols; c++)
            CHECK(bind_expr(&q, row->items[c], &cells[r * n_cols + c]));
    }
    for (size_t c = 0; c < n_cols; c++) {
        struct data_type type;
        for (size_t r = 0; r < n_rows; r++) column[r] = cells[r * n_cols + c];
        CHECK(make_common(ctx, column, (uint32_t)n_rows, "the values of a column", &type));
        for (size_t r = 0; r < n_rows; r++) cells[r * n_cols + c] = column[r];
    }
    return plan_make_values(ctx, cells, n_rows, (uint32_t)n_cols, out);
}

laminar_status bind_body(struct binder *b, struct select_block *parent,
                         const struct ast_query_body *body, struct plan **out)
{
    switch (body->kind) {
    case AST_BODY_SELECT: return bind_select(b, parent, body->u.select, NULL, out);
    case AST_BODY_VALUES: return bind_values(b, parent, body, out);
    case AST_BODY_SET_OPERATION: return bind_set_operation(b, parent, body, out);
    case AST_BODY_QUERY: return bind_query(b, parent, body->u.query, out);
    }
    return plan_unsupported(b->ctx, body->span.start, "this query is not supported", NULL);
}

laminar_status bind_ctes(struct binder *b, const struct ast_query *query)
{
    for (size_t i = 0; i < query->n_ctes; i++) {
        for (size_t j = 0; j < i; j++)
            if (strcmp(query->ctes[i].name.text, query->ctes[j].name.text) == 0)
                return plan_error(b->ctx, LAMINAR_QUERY_FAILED, query->ctes[i].name.span.start,
                                  "WITH names \"%s\" twice", query->ctes[i].name.text);
        struct cte *cte;
        ALLOC_OR_FAIL(b->ctx, cte, ARENA_NEW(b->ctx->arena, struct cte));
        *cte = (struct cte){.ast = &query->ctes[i], .visible = b->ctes, .next = b->ctes};
        if (query->is_recursive) cte->visible = cte;
        b->ctes = cte;
    }
    return LAMINAR_OK;
}

laminar_status bind_query(struct binder *b, struct select_block *parent,
                          const struct ast_query *query, struct plan **out)
{
    struct binder inner = *b; /* its common table expressions end with it */
    if (inner.depth++ > 0 &&
        (query->emit.kind != AST_EMIT_NONE || query->lateness || query->late_data.n)) {
        const uint32_t at = query->emit.kind != AST_EMIT_NONE ? query->emit.span.start
                            : query->lateness                 ? query->lateness->span.start
                                                              : query->late_data.span.start;
        return plan_unsupported(b->ctx, at, "EMIT belongs to the outermost query",
                                "make a STREAM of the inner query");
    }
    CHECK(bind_ctes(&inner, query));
    if (query->body->kind == AST_BODY_SELECT)
        return bind_select(&inner, parent, query->body->u.select, query, out);
    CHECK(bind_body(&inner, parent, query->body, out));
    if (!query->order_by.n && !query->limit && !query->offset) return LAMINAR_OK;
    return order_rows(&inner, query, out);
}
