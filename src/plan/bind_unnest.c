/* bind_unnest.c - UNNEST, generate_series and range: in FROM, where their arguments may be columns of the tables before them, and UNNEST in the
 * select list.
 *
 * In FROM the node stands over all that was bound before it (over one row without columns where nothing was), so no join is needed. In the
 * select list it is put over what FROM and WHERE have made; several UNNESTs of one list go side by side, as in DuckDB. */
#include "plan/bind.h"

bool table_is_unnest(const struct ast_table_ref *ref)
{
    if (ref->kind == AST_TABLE_UNNEST) return true;
    if (ref->kind != AST_TABLE_FUNCTION) return false;
    const char *name = ast_qname_last(&ref->u.function->u.function->name)->text;
    return strcmp(name, "generate_series") == 0 || strcmp(name, "range") == 0 ||
           strcmp(name, "unnest") == 0;
}

/* --- Items ------------------------------------------------------------------------------------ */

static laminar_status unnest_item_of(struct select_block *q, struct expr *e,
                                     struct unnest_item *item)
{
    struct plan_context *ctx = q->ctx;
    uint32_t offset = e->sql_offset;
    if (e->type.id == LAMINAR_TYPE_NULL) {
        struct data_type list;
        CHECK(type_list(TYPE(NULL), &list, ctx->err));
        CHECK(make_cast(ctx, e, list, CAST_EXPLICIT, &e));
    }
    if (e->type.id != LAMINAR_TYPE_LIST && e->type.id != LAMINAR_TYPE_MAP) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, offset, "UNNEST takes an array or a map, not %s",
                   TYPE_TEXT(e->type));
        error_hint(ctx->err, e->type.id == LAMINAR_TYPE_JSON
                                 ? "CAST it to an array first: (value)::VARCHAR[]"
                                 : "one row for each number: generate_series(from, to)");
        return LAMINAR_QUERY_FAILED;
    }
    item->kind = e->type.id == LAMINAR_TYPE_MAP ? UNNEST_MAP : UNNEST_LIST;
    item->n_args = 1;
    ALLOC_OR_FAIL(ctx, item->args, ARENA_ARRAY(ctx->arena, struct expr *, 1));
    item->args[0] = e;
    return LAMINAR_OK;
}

/* generate_series(from, to [, step]), range([from,] to [, step]): numbers, or times with an
 * interval as step. */
static laminar_status series_item_of(struct select_block *q, const struct ast_expr *call,
                                     struct unnest_item *item)
{
    struct plan_context *ctx = q->ctx;
    const struct ast_function *f = call->u.function;
    const char *name = ast_qname_last(&f->name)->text;
    struct expr **given, **args;
    size_t n = f->args.n;
    item->excludes_end = strcmp(name, "range") == 0;
    item->kind = UNNEST_SERIES;
    if (n < 1 || n > 3)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, call->span.start,
                          "%s takes (to), (from, to) or (from, to, step)", name);
    CHECK(bind_exprs(q, f->args.items, n, &given));
    ALLOC_OR_FAIL(ctx, args, ARENA_ARRAY(ctx->arena, struct expr *, 3));
    if (n == 1)
        ALLOC_OR_FAIL(ctx, args[0], const_int64(ctx->arena, 0));
    else
        args[0] = given[0];
    args[1] = given[n == 1 ? 0 : 1];
    struct data_type type = args[0]->type;
    bool is_time = type_is_timestamp(type) || type.id == LAMINAR_TYPE_DATE;
    if (n == 3)
        args[2] = given[2];
    else
        ALLOC_OR_FAIL(ctx, args[2], const_int64(ctx->arena, 1));
    if (is_time && args[2]->type.id != LAMINAR_TYPE_INTERVAL) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, call->span.start,
                   "%s over times needs an INTERVAL as its step", name);
        error_hint(ctx->err, "%s(from, to, INTERVAL '1' HOUR)", name);
        return LAMINAR_QUERY_FAILED;
    }
    if (is_time) {
        if (type.id == LAMINAR_TYPE_DATE) type = type_timestamp(UNIT_MICRO);
    } else {
        type = TYPE(INT64);
    }
    for (uint32_t i = 0; i < (is_time ? 2 : 3); i++) {
        bool is_literal = args[i]->kind == EXPR_CONST && args[i]->type.id == LAMINAR_TYPE_VARCHAR;
        if (!cast_is_implicit(args[i]->type, type, is_literal) &&
            !(is_time && type_is_timestamp(args[i]->type)))
            return plan_error(ctx, LAMINAR_QUERY_FAILED, args[i]->sql_offset,
                              "%s takes whole numbers, or times and an INTERVAL, not %s", name,
                              TYPE_TEXT(args[i]->type));
        CHECK(make_coerced(ctx, args[i], type, &args[i]));
    }
    item->args = args;
    item->n_args = 3;
    return LAMINAR_OK;
}

/* --- The node --------------------------------------------------------------------------------- */

static void item_columns(const struct unnest_item *item, struct plan_column *cols, uint32_t *n)
{
    static const char *const map_names[] = {"key", "value"};
    struct data_type type = item->args[0]->type;
    uint32_t n_cols = item->kind == UNNEST_MAP ? 2 : 1;
    for (uint32_t c = 0; c < n_cols; c++, ++*n)
        cols[*n] = (struct plan_column){
            .name = item->kind == UNNEST_MAP    ? map_names[c]
                    : item->kind == UNNEST_LIST ? "unnest"
                    : item->excludes_end        ? "range"
                                                : "generate_series",
            .type = item->kind == UNNEST_SERIES ? type : type.info->fields[c].type,
            .is_nullable = true};
}

/* All columns of the input, then those of the items. */
static laminar_status make_unnest(struct plan_context *ctx, struct plan *input,
                                  struct unnest_item *items, uint32_t n_items, bool has_ordinality,
                                  struct plan **out)
{
    struct plan *plan;
    uint32_t n = input->n_cols;
    CHECK(plan_new(ctx, PLAN_UNNEST, 1, n + 2 * n_items + 1, &plan));
    plan->inputs[0] = input;
    ALLOC_OR_FAIL(ctx, plan->pass, ARENA_ARRAY(ctx->arena, uint32_t, n + 1));
    for (uint32_t i = 0; i < n; i++) plan->pass[i] = i;
    plan->n_pass = n;
    memcpy(plan->cols, input->cols, n * sizeof *plan->cols);
    plan->unnest = items;
    plan->n_unnest = n_items;
    plan->has_ordinality = has_ordinality;
    for (uint32_t i = 0; i < n_items; i++) item_columns(&items[i], plan->cols, &n);
    if (has_ordinality)
        plan->cols[n++] = (struct plan_column){.name = "ordinality", .type = TYPE(INT64)};
    plan->n_cols = n;
    *out = plan;
    return LAMINAR_OK;
}

/* --- FROM ------------------------------------------------------------------------------------- */

/* One row without columns that a query could name. */
static laminar_status one_row(struct plan_context *ctx, struct from_item *out)
{
    struct expr **cells;
    ALLOC_OR_FAIL(ctx, cells, ARENA_ARRAY(ctx->arena, struct expr *, 1));
    ALLOC_OR_FAIL(ctx, cells[0], const_bool(ctx->arena, true));
    *out = (struct from_item){0};
    return plan_make_values(ctx, cells, 1, 1, &out->plan);
}

static laminar_status bind_items(struct select_block *q, const struct ast_table_ref *ref,
                                 struct unnest_item **out, uint32_t *n_out)
{
    struct plan_context *ctx = q->ctx;
    bool is_call = ref->kind == AST_TABLE_FUNCTION;
    const struct ast_expr *call = is_call ? ref->u.function : NULL;
    bool is_series = is_call &&
                     strcmp(ast_qname_last(&call->u.function->name)->text, "unnest") != 0;
    const struct ast_expr_list *args = is_call ? &call->u.function->args : &ref->u.unnest;
    size_t n = is_series ? 1 : args->n;
    struct unnest_item *items;
    if (n == 0)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, ref->span.start, "UNNEST needs an array");
    ALLOC_OR_FAIL(ctx, items, ARENA_ARRAY(ctx->arena, struct unnest_item, n));
    for (size_t i = 0; i < n && !is_series; i++) {
        struct expr *e;
        CHECK(bind_expr(q, args->items[i], &e));
        CHECK(unnest_item_of(q, e, &items[i]));
    }
    if (is_series) CHECK(series_item_of(q, call, &items[0]));
    *out = items;
    *n_out = (uint32_t)n;
    return LAMINAR_OK;
}

/* The new columns' names: those given; the alias itself where there is one column. */
static laminar_status name_columns(struct plan_context *ctx, const struct ast_table_ref *ref,
                                   struct plan *plan, uint32_t from, struct scope *scope)
{
    const char *alias = NULL,
               *fallback = ref->kind == AST_TABLE_UNNEST
                               ? "unnest"
                               : ast_qname_last(&ref->u.function->u.function->name)->text;
    uint32_t n = plan->n_cols - from;
    const struct ast_name_list *names = &ref->column_aliases;
    CHECK(bind_name(ctx, ref->alias.text ? ref->alias.text : fallback, &alias));
    if (names->n > n)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, names->items[n].span.start,
                          "%zu column name%s for %u column%s", names->n, names->n == 1 ? "" : "s",
                          n, n == 1 ? "" : "s");
    ALLOC_OR_FAIL(ctx, scope->cols, ARENA_ARRAY(ctx->arena, struct scope_column, n + 1));
    scope->n = n;
    for (uint32_t i = 0; i < n; i++) {
        struct plan_column *col = &plan->cols[from + i];
        col->table = alias;
        if (i < names->n)
            CHECK(bind_name(ctx, names->items[i].text, &col->name));
        else if (n == 1 && ref->alias.text)
            col->name = alias;
        scope->cols[i] = (struct scope_column){.table = alias, .name = col->name, .column = i};
    }
    return LAMINAR_OK;
}

laminar_status bind_unnest(struct select_block *q, struct from_item *left,
                           const struct ast_table_ref *ref, bool is_outer, struct from_item *out)
{
    struct plan_context *ctx = q->ctx;
    struct from_item nothing;
    bool is_first = left == NULL;
    if (is_first) {
        CHECK(one_row(ctx, &nothing));
        left = &nothing;
    }
    struct select_block inner = {.b = q->b,
                                 .ctx = ctx,
                                 .parent = q->parent,
                                 .plan = left->plan,
                                 .scope = left->scope,
                                 .clause = {.name = "an argument of a table function"}};
    struct unnest_item *items = NULL;
    uint32_t n_items = 0, n_left = left->plan->n_cols;
    struct from_item both = {0};
    struct scope scope = {0};
    CHECK(bind_items(&inner, ref, &items, &n_items));
    CHECK(make_unnest(ctx, left->plan, items, n_items, ref->with_ordinality, &both.plan));
    both.plan->sql_offset = ref->span.start;
    both.plan->is_unnest_outer = is_outer;
    if (is_outer) both.plan->cols[both.plan->n_cols - 1].is_nullable = true;
    CHECK(name_columns(ctx, ref, both.plan, n_left, &scope));
    CHECK(check_table_names(q, &left->scope, &scope, ref->span.start));
    CHECK(scope_concat(ctx, &left->scope, &scope, n_left, &both.scope));
    *out = both;
    return LAMINAR_OK;
}

/* --- The select list -------------------------------------------------------------------------- */

bool ast_is_unnest(const struct ast_expr *ast)
{
    return ast->kind == AST_EXPR_FUNCTION && ast->u.function->name.n == 1 &&
           strcmp(ast->u.function->name.parts[0].text, "unnest") == 0;
}

laminar_status bind_unnest_struct(struct select_block *q, const struct ast_expr *ast,
                                  struct expr **out, bool *is_struct)
{
    *is_struct = false;
    if (!ast_is_unnest(ast) || ast->u.function->args.n != 1) return LAMINAR_OK;
    const struct ast_expr *arg = ast->u.function->args.items[0];
    if (arg->kind != AST_EXPR_COLUMN && arg->kind != AST_EXPR_STRUCT && arg->kind != AST_EXPR_FIELD)
        return LAMINAR_OK;
    CHECK(bind_expr(q, arg, out));
    *is_struct = (*out)->type.id == LAMINAR_TYPE_STRUCT;
    return LAMINAR_OK;
}

/* Adds the item to the node of this select list, or makes the node. */
static laminar_status add_to_list(struct select_block *q, struct unnest_item *item, uint32_t offset,
                                  uint32_t *column)
{
    struct plan_context *ctx = q->ctx;
    struct plan *plan = q->plan;
    bool is_over_own = false;
    if (q->unnest)
        is_over_own = expr_has_columns(item->args[0]) &&
                      !expr_columns_within(item->args[0], 0, q->unnest->n_pass);
    if (q->unnest && !is_over_own) {
        if (q->unnest != plan)
            return plan_unsupported(
                ctx, offset,
                "this mixture of UNNEST and subqueries in one select list is not supported",
                "UNNEST in FROM");
        struct unnest_item *items;
        ALLOC_OR_FAIL(ctx, items, ARENA_ARRAY(ctx->arena, struct unnest_item, plan->n_unnest + 1));
        memcpy(items, plan->unnest, plan->n_unnest * sizeof *items);
        items[plan->n_unnest] = *item;
        *column = plan->n_cols;
        struct plan *input = plan->inputs[0];
        uint32_t n = plan->n_unnest + 1;
        CHECK(make_unnest(ctx, input, items, n, false, &plan));
    } else {
        struct unnest_item *items;
        ALLOC_OR_FAIL(ctx, items, ARENA_ARRAY(ctx->arena, struct unnest_item, 1));
        items[0] = *item;
        *column = plan->n_cols;
        CHECK(make_unnest(ctx, plan, items, 1, false, &plan));
    }
    plan->sql_offset = offset;
    q->plan = q->unnest = plan;
    return LAMINAR_OK;
}

laminar_status bind_unnest_call(struct select_block *q, const struct ast_expr *ast,
                                struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    const struct ast_function *f = ast->u.function;
    struct unnest_item item = {0};
    struct expr *e;
    uint32_t column = 0, offset = ast->span.start;
    if (!q->clause.allows_unnest || q->is_grouped) {
        plan_error(ctx, LAMINAR_QUERY_UNSUPPORTED, offset, "UNNEST is not supported in %s",
                   q->is_grouped    ? "a grouped SELECT"
                   : q->clause.name ? q->clause.name
                                    : "this expression");
        error_hint(ctx->err, "UNNEST in FROM: FROM t, UNNEST(t.items) AS u(item)");
        return LAMINAR_QUERY_UNSUPPORTED;
    }
    if (f->args.n != 1)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, offset,
                          "UNNEST takes one array in the select list");
    CHECK(bind_expr(q, f->args.items[0], &e));
    CHECK(unnest_item_of(q, e, &item));
    if (item.kind == UNNEST_MAP)
        return plan_unsupported(ctx, offset, "UNNEST of a map is not supported in the select list",
                                "UNNEST in FROM: FROM t, UNNEST(t.m) AS u(key, value)");
    CHECK(add_to_list(q, &item, offset, &column));
    const struct plan_column *col = &q->plan->cols[column];
    ALLOC_OR_FAIL(ctx, *out, expr_column(ctx->arena, column, col->type, true));
    (*out)->sql_offset = offset;
    return LAMINAR_OK;
}

laminar_status make_unnest_query(struct select_block *q, struct expr *array, struct plan **out)
{
    struct unnest_item *item;
    struct from_item row;
    const uint32_t column = 1;
    ALLOC_OR_FAIL(q->ctx, item, ARENA_ARRAY(q->ctx->arena, struct unnest_item, 1));
    CHECK(unnest_item_of(q, array, item));
    CHECK(one_row(q->ctx, &row));
    CHECK(make_unnest(q->ctx, row.plan, item, 1, false, out));
    return plan_make_selection(q->ctx, *out, &column, 1, out);
}
