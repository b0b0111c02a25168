/* bind_over.c - window functions: f(...) OVER (PARTITION BY ... ORDER BY ... frame), and the
 * WINDOW clause.
 *
 * While clauses are bound, each call becomes an item of the block and a stand-in column. Once all
 * are known, block_make_overs puts a projection over the block's plan (its columns, and what the
 * calls' arguments, partitions, orders and RANGE edges compute), and over that one PLAN_OVER for
 * each different PARTITION BY and ORDER BY.
 *
 * RANGE with offsets: the edges of a row's frame are columns (key - offset, key + offset), so that
 * the operator only compares, whatever the type. */
#include "plan/bind.h"

struct over_function {
    const char *name;
    enum over_kind kind;
    uint8_t n_args_min, n_args_max;
    bool takes_nulls; /* IGNORE NULLS */
    bool has_frame;
};
static const struct over_function over_functions[] = {
    {"row_number", OVER_ROW_NUMBER, 0, 0, false, false},
    {"rank", OVER_RANK, 0, 0, false, false},
    {"dense_rank", OVER_DENSE_RANK, 0, 0, false, false},
    {"percent_rank", OVER_PERCENT_RANK, 0, 0, false, false},
    {"cume_dist", OVER_CUME_DIST, 0, 0, false, false},
    {"ntile", OVER_NTILE, 1, 1, false, false},
    {"lag", OVER_LAG, 1, 3, true, false},
    {"lead", OVER_LAG, 1, 3, true, false},
    {"first_value", OVER_FIRST_VALUE, 1, 1, true, true},
    {"first", OVER_FIRST_VALUE, 1, 1, true, true},
    {"last_value", OVER_LAST_VALUE, 1, 1, true, true},
    {"last", OVER_LAST_VALUE, 1, 1, true, true},
    {"nth_value", OVER_NTH_VALUE, 2, 2, true, true},
};

static const struct over_function *find_over(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(over_functions); i++)
        if (strcmp(over_functions[i].name, name) == 0) return &over_functions[i];
    return NULL;
}

/* first_value and its like are aggregates too, and mean those without OVER. */
bool over_function_known(const char *name) { return find_over(name) && !aggregate_find(name); }

/* --- Windows ---------------------------------------------------------------------------------- */

/* What OVER says, after its base windows are looked up. */
struct window {
    const struct ast_expr_list *partition_by;
    const struct ast_order_list *order_by;
    const struct ast_frame *frame;
};

static laminar_status find_window(struct select_block *q, const struct ast_name *name, size_t n,
                                  struct window *out);

static laminar_status refine(struct select_block *q, const struct ast_window *ast,
                             const struct window *base, struct window *out)
{
    struct plan_context *ctx = q->ctx;
    *out = *base;
    if (ast->is_reference) return LAMINAR_OK;
    const char *what = ast->partition_by.n                    ? "PARTITION BY"
                       : ast->order_by.n && base->order_by->n ? "ORDER BY"
                                                              : NULL;
    if (what) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                   "window \"%s\" can't be given another %s", ast->base.text, what);
        error_hint(ctx->err, "leave out the %s, or write the window out", what);
        return LAMINAR_QUERY_FAILED;
    }
    if (base->frame) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                   "window \"%s\" has a frame, so no other window can be made of it",
                   ast->base.text);
        error_hint(ctx->err, "write OVER %s, or the window out", ast->base.text);
        return LAMINAR_QUERY_FAILED;
    }
    if (ast->order_by.n) out->order_by = &ast->order_by;
    out->frame = ast->frame;
    return LAMINAR_OK;
}

/* `n` windows of the WINDOW clause are in sight. */
static laminar_status resolve_window(struct select_block *q, const struct ast_window *ast, size_t n,
                                     struct window *out)
{
    *out = (struct window){&ast->partition_by, &ast->order_by, ast->frame};
    if (!ast->base.text) return LAMINAR_OK;
    struct window base;
    CHECK(find_window(q, &ast->base, n, &base));
    return refine(q, ast, &base, out);
}

static laminar_status find_window(struct select_block *q, const struct ast_name *name, size_t n,
                                  struct window *out)
{
    const struct ast_named_window *windows = q->select->windows;
    for (size_t i = 0; i < n; i++)
        if (strcmp(windows[i].name.text, name->text) == 0)
            return resolve_window(q, windows[i].window, i, out);
    struct nearest_name nearest = {.wanted = name->text};
    for (size_t i = 0; i < n; i++) nearest_offer(&nearest, windows[i].name.text);
    plan_error(q->ctx, LAMINAR_QUERY_FAILED, name->span.start, "there is no window \"%s\"",
               name->text);
    if (nearest.best)
        error_hint(q->ctx->err, "did you mean \"%s\"?", nearest.best);
    else
        error_hint(q->ctx->err, "define it: WINDOW %s AS (PARTITION BY ... ORDER BY ...)",
                   name->text);
    return LAMINAR_QUERY_FAILED;
}

static laminar_status bind_window_keys(struct select_block *q, const struct window *window,
                                       struct over_item *item)
{
    struct plan_context *ctx = q->ctx;
    struct expr *e;
    for (size_t i = 0; i < window->partition_by->n; i++) {
        CHECK(bind_expr(q, window->partition_by->items[i], &e));
        CHECK(rewrite_fold_expr(ctx, &e));
        if (!expr_is_const(e)) CHECK(expr_list_push(ctx, &item->partition, e));
    }
    size_t n = window->order_by->n;
    ALLOC_OR_FAIL(ctx, item->keys, ARENA_ARRAY(ctx->arena, struct sort_key, n + 1));
    for (size_t i = 0; i < n; i++) {
        const struct ast_order_item *order = &window->order_by->items[i];
        CHECK(bind_expr(q, order->expr, &e));
        CHECK(rewrite_fold_expr(ctx, &e));
        if (expr_is_const(e)) continue; /* orders nothing */
        bool nulls_first = order->nulls == AST_NULLS_DEFAULT ? order->is_descending
                                                             : order->nulls == AST_NULLS_FIRST;
        item->keys[item->order.n] = (struct sort_key){item->order.n, order->is_descending,
                                                      nulls_first};
        CHECK(expr_list_push(ctx, &item->order, e));
    }
    return LAMINAR_OK;
}

/* --- Frames ----------------------------------------------------------------------------------- */

static const char *unit_name(enum frame_unit unit)
{
    return unit == FRAME_ROWS ? "ROWS" : unit == FRAME_RANGE ? "RANGE" : "GROUPS";
}

static laminar_status negative_offset(struct select_block *q, const struct expr *e, bool *out)
{
    struct plan_context *ctx = q->ctx;
    static const struct laminar_interval no_time = {0};
    struct expr *value, *zero, *is_negative;
    ALLOC_OR_FAIL(ctx, value, expr_copy(ctx->arena, e));
    if (e->type.id == LAMINAR_TYPE_INTERVAL)
        ALLOC_OR_FAIL(ctx, zero, const_bytes(ctx->arena, e->type, &no_time, sizeof no_time));
    else
        ALLOC_OR_FAIL(ctx, zero, const_int64(ctx->arena, 0));
    CHECK(make_comparison(ctx, "<", value, zero, e->sql_offset, &is_negative));
    CHECK(rewrite_fold_expr(ctx, &is_negative));
    *out = expr_is_const_bool(is_negative, true);
    return LAMINAR_OK;
}

/* key - offset or key + offset, whatever lies in that direction. */
static laminar_status make_edge(struct select_block *q, const struct over_item *item,
                                const struct ast_frame_bound *bound, struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    struct expr *key, *offset, *args[2];
    bool is_negative = false, is_preceding = bound->kind == AST_BOUND_PRECEDING;
    CHECK(bind_expr(q, bound->offset, &offset));
    CHECK(make_known(ctx, offset, "the offset of a frame", &offset));
    if (offset->type.id == LAMINAR_TYPE_VARCHAR && !type_is_numeric(item->key->type))
        CHECK(make_coerced(ctx, offset, TYPE(INTERVAL), &offset));
    if (expr_is_const_null(offset))
        return plan_error(ctx, LAMINAR_QUERY_FAILED, bound->offset->span.start,
                          "the offset of a frame must not be NULL");
    if (type_is_numeric(item->key->type) != type_is_numeric(offset->type)) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, bound->offset->span.start,
                   "a RANGE over %s can't be offset by %s", TYPE_TEXT(item->key->type),
                   TYPE_TEXT(offset->type));
        error_hint(ctx->err, "times are offset by an INTERVAL, numbers by a number");
        return LAMINAR_QUERY_FAILED;
    }
    CHECK(negative_offset(q, offset, &is_negative));
    if (is_negative)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, bound->offset->span.start,
                          "the offset of a frame must not be negative");
    ALLOC_OR_FAIL(ctx, key, expr_copy(ctx->arena, item->key));
    make_adapted(ctx, &offset, key);
    args[0] = key;
    args[1] = offset;
    bool is_minus = is_preceding != item->keys[0].is_descending;
    return make_operator(ctx, is_minus ? "-" : "+", args, 2, bound->offset->span.start, out);
}

/* Key and edges of one type. */
static laminar_status bind_edges(struct select_block *q, const struct ast_frame *frame,
                                 struct over_item *item)
{
    struct plan_context *ctx = q->ctx;
    struct expr *edges[3] = {NULL};
    uint32_t n = 1;
    if (item->order.n != 1)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, frame->span.start,
                          "RANGE with an offset needs an ORDER BY of one expression, not %u",
                          item->order.n);
    const struct expr *key = item->order.items[0];
    bool is_number = type_is_numeric(key->type);
    if (!is_number && !type_is_timestamp(key->type) && key->type.id != LAMINAR_TYPE_DATE) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, frame->span.start,
                   "RANGE with an offset needs an ORDER BY number or time, not %s",
                   TYPE_TEXT(key->type));
        error_hint(ctx->err, "use ROWS or GROUPS");
        return LAMINAR_QUERY_FAILED;
    }
    ALLOC_OR_FAIL(ctx, item->key, expr_copy(ctx->arena, key));
    /* so that an edge beyond the type's ends is no error */
    if (type_is_integer(key->type) && key->type.id != LAMINAR_TYPE_INT64)
        CHECK(make_cast(ctx, item->key, TYPE(INT64), CAST_EXPLICIT, &item->key));
    bool has_start = frame->start.kind == AST_BOUND_PRECEDING ||
                     frame->start.kind == AST_BOUND_FOLLOWING;
    bool has_end = frame->end.kind == AST_BOUND_PRECEDING || frame->end.kind == AST_BOUND_FOLLOWING;
    edges[0] = item->key;
    if (has_start) CHECK(make_edge(q, item, &frame->start, &edges[n++]));
    if (has_end) CHECK(make_edge(q, item, &frame->end, &edges[n++]));
    struct data_type type;
    CHECK(make_common(ctx, edges, n, "the edges of a frame", &type));
    item->key = edges[0];
    item->start = has_start ? edges[1] : NULL;
    item->end = has_end ? edges[n - 1] : NULL;
    return LAMINAR_OK;
}

static laminar_status bind_bound(struct select_block *q, const struct ast_frame_bound *ast,
                                 enum frame_unit unit, struct frame_bound *out)
{
    static const enum frame_bound_kind kinds[] = {[AST_BOUND_UNBOUNDED_PRECEDING] = BOUND_FIRST,
                                                  [AST_BOUND_PRECEDING] = BOUND_PRECEDING,
                                                  [AST_BOUND_CURRENT_ROW] = BOUND_CURRENT,
                                                  [AST_BOUND_FOLLOWING] = BOUND_FOLLOWING,
                                                  [AST_BOUND_UNBOUNDED_FOLLOWING] = BOUND_LAST};
    out->kind = kinds[ast->kind];
    bool has_offset = out->kind == BOUND_PRECEDING || out->kind == BOUND_FOLLOWING;
    if (!has_offset || unit == FRAME_RANGE) return LAMINAR_OK;
    bool is_null;
    CHECK(bind_count(q, ast->offset, "the offset of a frame", &out->n, &is_null));
    if (is_null)
        return plan_error(q->ctx, LAMINAR_QUERY_FAILED, ast->offset->span.start,
                          "the offset of a frame must not be NULL");
    if (out->n > UINT32_MAX) out->n = UINT32_MAX; /* more rows than a partition can have here */
    if (out->n == 0) out->kind = BOUND_CURRENT;
    return LAMINAR_OK;
}

static laminar_status bind_frame(struct select_block *q, const struct ast_frame *ast,
                                 struct over_item *item)
{
    struct plan_context *ctx = q->ctx;
    static const enum frame_exclude excludes[] = {[AST_EXCLUDE_NO_OTHERS] = EXCLUDE_NONE,
                                                  [AST_EXCLUDE_CURRENT_ROW] = EXCLUDE_CURRENT,
                                                  [AST_EXCLUDE_GROUP] = EXCLUDE_GROUP,
                                                  [AST_EXCLUDE_TIES] = EXCLUDE_TIES};
    struct over_frame *frame = &item->call.frame;
    *frame = (struct over_frame){
        FRAME_RANGE, {.kind = BOUND_FIRST}, {.kind = BOUND_CURRENT}, EXCLUDE_NONE, 0};
    if (ast) {
        frame->unit = ast->unit == AST_FRAME_ROWS    ? FRAME_ROWS
                      : ast->unit == AST_FRAME_RANGE ? FRAME_RANGE
                                                     : FRAME_GROUPS;
        frame->exclude = excludes[ast->exclude];
        CHECK(bind_bound(q, &ast->start, frame->unit, &frame->start));
        CHECK(bind_bound(q, &ast->end, frame->unit, &frame->end));
        if (ast->start.kind == AST_BOUND_UNBOUNDED_FOLLOWING ||
            ast->end.kind == AST_BOUND_UNBOUNDED_PRECEDING || ast->start.kind > ast->end.kind) {
            plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                       "the frame ends before it starts");
            error_hint(ctx->err,
                       "write the earlier bound first: BETWEEN 2 PRECEDING AND CURRENT ROW");
            return LAMINAR_QUERY_FAILED;
        }
        bool has_offset = frame->start.kind == BOUND_PRECEDING ||
                          frame->start.kind == BOUND_FOLLOWING ||
                          frame->end.kind == BOUND_PRECEDING || frame->end.kind == BOUND_FOLLOWING;
        if (frame->unit == FRAME_GROUPS && item->order.n == 0)
            return plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start, "%s needs an ORDER BY",
                              unit_name(frame->unit));
        if (frame->unit == FRAME_RANGE && has_offset) CHECK(bind_edges(q, ast, item));
    }
    /* without an order all rows are peers */
    if (item->order.n == 0 && frame->unit == FRAME_RANGE && frame->start.kind <= BOUND_CURRENT &&
        frame->end.kind >= BOUND_CURRENT) {
        frame->start.kind = BOUND_FIRST;
        frame->end.kind = BOUND_LAST;
    }
    return LAMINAR_OK;
}

/* --- Calls ------------------------------------------------------------------------------------ */

/* The constant that a function wants as argument i: a whole number. */
static laminar_status bind_number(struct select_block *q, const struct ast_expr *ast,
                                  const char *what, int64_t least, int64_t *out)
{
    struct plan_context *ctx = q->ctx;
    struct expr *e;
    CHECK(bind_expr(q, ast, &e));
    CHECK(rewrite_fold_expr(ctx, &e));
    if (!expr_is_const(e))
        return plan_unsupported(ctx, ast->span.start,
                                "a window function's number of rows must be a constant",
                                "it can't differ from row to row");
    if (!const_get_int64(e, out))
        return plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                          "%s must be a whole number, not %s", what,
                          expr_is_const_null(e) ? "NULL" : TYPE_TEXT(e->type));
    if (*out < least || *out > UINT32_MAX)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start, "%s is out of range: %lld",
                          what, (long long)*out);
    return LAMINAR_OK;
}

static laminar_status bind_lag(struct select_block *q, const struct ast_function *f, bool is_lead,
                               struct over_call *call)
{
    struct plan_context *ctx = q->ctx;
    uint32_t n = f->args.n == 3 ? 2 : 1;
    call->n = 1;
    ALLOC_OR_FAIL(ctx, call->agg.args, ARENA_ARRAY(ctx->arena, struct expr *, 2));
    CHECK(bind_expr(q, f->args.items[0], &call->agg.args[0]));
    if (f->args.n > 1)
        CHECK(bind_number(q, f->args.items[1], is_lead ? "the offset of lead" : "the offset of lag",
                          -(int64_t)UINT32_MAX, &call->n));
    if (n == 2) CHECK(bind_expr(q, f->args.items[2], &call->agg.args[1]));
    if (is_lead) call->n = -call->n;
    if (n == 2 && expr_is_const_null(call->agg.args[1])) n = 1;
    CHECK(make_common(ctx, call->agg.args, n, "the value and the default", &call->type));
    for (uint32_t i = 0; i < n; i++) CHECK(rewrite_fold_expr(ctx, &call->agg.args[i]));
    call->agg.n_args = n;
    call->is_nullable = n == 1 || call->agg.args[0]->is_nullable || call->agg.args[1]->is_nullable;
    return LAMINAR_OK;
}

static laminar_status bind_value(struct select_block *q, const struct ast_function *f,
                                 struct over_call *call)
{
    struct plan_context *ctx = q->ctx;
    ALLOC_OR_FAIL(ctx, call->agg.args, ARENA_ARRAY(ctx->arena, struct expr *, 1));
    CHECK(bind_expr(q, f->args.items[0], &call->agg.args[0]));
    CHECK(rewrite_fold_expr(ctx, &call->agg.args[0]));
    if (call->agg.args[0]->type.id == LAMINAR_TYPE_NULL)
        CHECK(make_cast(ctx, call->agg.args[0], TYPE(INT64), CAST_EXPLICIT, &call->agg.args[0]));
    call->agg.n_args = 1;
    call->type = call->agg.args[0]->type;
    call->is_nullable = true;
    if (call->kind == OVER_NTH_VALUE)
        return bind_number(q, f->args.items[1], "the row of nth_value", 1, &call->n);
    return LAMINAR_OK;
}

static laminar_status check_modifiers(struct select_block *q, const struct ast_expr *ast,
                                      const struct over_function *function)
{
    const struct ast_function *f = ast->u.function;
    const char *name = f->name.parts[0].text;
    const char *modifier = f->is_star          ? "*"
                           : f->is_distinct    ? "DISTINCT"
                           : f->filter         ? "FILTER"
                           : f->order_by.n     ? "ORDER BY in its arguments"
                           : f->within_group.n ? "WITHIN GROUP"
                           : f->null_treatment == AST_NULLS_IGNORE && !function->takes_nulls
                               ? "IGNORE NULLS"
                               : NULL;
    if (modifier)
        return plan_error(q->ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                          "the window function %s takes no %s", name, modifier);
    if (f->args.n >= function->n_args_min && f->args.n <= function->n_args_max) return LAMINAR_OK;
    return plan_error(q->ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                      function->n_args_min == function->n_args_max
                          ? "%s takes %u argument%s, not %zu"
                          : "%s takes at least %u argument%s, and no more than 3, not %zu",
                      name, function->n_args_min, function->n_args_min == 1 ? "" : "s", f->args.n);
}

static laminar_status bind_call(struct select_block *q, const struct ast_expr *ast,
                                const struct over_function *function, struct over_call *call)
{
    const struct ast_function *f = ast->u.function;
    const char *name = f->name.parts[0].text;
    if (!function) {
        call->kind = OVER_AGGREGATE;
        if (f->null_treatment == AST_NULLS_IGNORE)
            return plan_error(q->ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                              "%s takes no IGNORE NULLS: aggregates skip nulls", name);
        CHECK(bind_aggregate_parts(q, ast, name, &call->agg));
        call->type = call->agg.agg->result;
        call->is_nullable = call->agg.agg->result_is_nullable;
        return LAMINAR_OK;
    }
    CHECK(check_modifiers(q, ast, function));
    call->kind = function->kind;
    call->ignores_nulls = f->null_treatment == AST_NULLS_IGNORE;
    call->type = TYPE(INT64);
    switch (function->kind) {
    case OVER_PERCENT_RANK:
    case OVER_CUME_DIST: call->type = TYPE(DOUBLE); return LAMINAR_OK;
    case OVER_NTILE:
        return bind_number(q, f->args.items[0], "the number of buckets of ntile", 1, &call->n);
    case OVER_LAG: return bind_lag(q, f, name[1] == 'e', call);
    case OVER_FIRST_VALUE:
    case OVER_LAST_VALUE:
    case OVER_NTH_VALUE: return bind_value(q, f, call);
    case OVER_ROW_NUMBER:
    case OVER_RANK:
    case OVER_DENSE_RANK:
    case OVER_AGGREGATE: break;
    }
    return LAMINAR_OK;
}

/* --- Items ------------------------------------------------------------------------------------ */

static bool same_list(const struct expr_list *a, const struct expr_list *b)
{
    if (a->n != b->n) return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (!expr_equal(a->items[i], b->items[i])) return false;
    return true;
}

static bool same_window(const struct over_item *a, const struct over_item *b)
{
    if (!same_list(&a->partition, &b->partition) || !same_list(&a->order, &b->order)) return false;
    for (uint32_t i = 0; i < a->order.n; i++)
        if (a->keys[i].is_descending != b->keys[i].is_descending ||
            a->keys[i].is_nulls_first != b->keys[i].is_nulls_first)
            return false;
    return true;
}

static bool same_optional(const struct expr *a, const struct expr *b)
{
    return !a || !b ? a == b : expr_equal(a, b);
}

static bool same_bound(const struct frame_bound *a, const struct frame_bound *b)
{
    return a->kind == b->kind && a->n == b->n;
}

static bool same_item(const struct over_item *a, const struct over_item *b)
{
    const struct over_call *x = &a->call, *y = &b->call;
    if (x->kind != y->kind || x->ignores_nulls != y->ignores_nulls || x->n != y->n ||
        x->frame.unit != y->frame.unit || x->frame.exclude != y->frame.exclude ||
        !same_bound(&x->frame.start, &y->frame.start) || !same_bound(&x->frame.end, &y->frame.end))
        return false;
    if (!same_optional(a->start, b->start) || !same_optional(a->end, b->end) || !same_window(a, b))
        return false;
    return aggregate_call_equal(&x->agg, &y->agg);
}

static laminar_status add_item(struct select_block *q, const struct over_item *item, uint32_t *out)
{
    struct plan_context *ctx = q->ctx;
    for (uint32_t i = 0; i < q->n_overs; i++) {
        if (!same_item(&q->overs[i], item)) continue;
        *out = i;
        return LAMINAR_OK;
    }
    if (q->n_overs == q->over_capacity) {
        uint32_t capacity = q->over_capacity ? q->over_capacity * 2 : 8;
        struct over_item *grown;
        ALLOC_OR_FAIL(ctx, grown, ARENA_ARRAY(ctx->arena, struct over_item, capacity));
        if (q->n_overs) memcpy(grown, q->overs, q->n_overs * sizeof *grown);
        q->overs = grown;
        q->over_capacity = capacity;
    }
    q->overs[q->n_overs] = *item;
    *out = q->n_overs++;
    return LAMINAR_OK;
}

static laminar_status refuse_place(struct select_block *q, const struct ast_expr *ast)
{
    const char *name = ast->u.function->name.parts[0].text, *clause = q->clause.name;
    plan_error(q->ctx, LAMINAR_QUERY_FAILED, ast->span.start,
               "window function %s() is not allowed in %s", name, clause);
    if (strcmp(clause, "WHERE") == 0 || strcmp(clause, "HAVING") == 0)
        error_hint(q->ctx->err, "conditions on window functions go to QUALIFY");
    else
        error_hint(q->ctx->err, "compute it in a subquery first");
    return LAMINAR_QUERY_FAILED;
}

static laminar_status bind_item(struct select_block *q, const struct ast_expr *ast,
                                const struct over_function *function, struct over_item *item)
{
    const struct ast_function *f = ast->u.function;
    struct window window;
    CHECK(resolve_window(q, f->over, q->select ? q->select->n_windows : 0, &window));
    CHECK(bind_call(q, ast, function, &item->call));
    CHECK(bind_window_keys(q, &window, item));
    item->call.frame = (struct over_frame){
        .unit = FRAME_ROWS, .start = {.kind = BOUND_FIRST}, .end = {.kind = BOUND_LAST}};
    if (function && !function->has_frame) return LAMINAR_OK;
    return bind_frame(q, window.frame, item);
}

laminar_status bind_over(struct select_block *q, const struct ast_expr *ast, struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    const char *name = ast->u.function->name.parts[0].text;
    const struct over_function *function = find_over(name);
    if (!q->clause.allows_overs) return refuse_place(q, ast);
    if (!function && !is_aggregate_name(ctx, name)) {
        struct nearest_name nearest = {.wanted = name};
        for (size_t i = 0; i < ARRAY_LENGTH(over_functions); i++)
            nearest_offer(&nearest, over_functions[i].name);
        plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                   "%s is neither a window function nor an aggregate", name);
        if (nearest.best) error_hint(ctx->err, "did you mean \"%s\"?", nearest.best);
        return LAMINAR_QUERY_FAILED;
    }
    struct over_item item = {.sql_offset = ast->span.start};
    struct clause saved = q->clause;
    q->clause = (struct clause){.name = "a window function",
                                .allows_aggregates = saved.allows_aggregates,
                                .allows_subqueries = saved.allows_subqueries && !q->aggregate,
                                .allows_aliases = false};
    laminar_status status = bind_item(q, ast, function, &item);
    q->clause = saved;
    CHECK(status);
    CHECK(bind_name(ctx, name, &item.call.name));
    uint32_t index = 0;
    CHECK(add_item(q, &item, &index));
    ALLOC_OR_FAIL(
        ctx, *out,
        expr_column(ctx->arena, STAND_IN_OVER + index, item.call.type, item.call.is_nullable));
    (*out)->sql_offset = ast->span.start;
    return LAMINAR_OK;
}

/* --- Nodes ------------------------------------------------------------------------------------ */

/* Columns of the projection under the nodes. */
struct base {
    struct select_block *q;
    struct expr_list exprs;
};

/* *e, over the block's plan, becomes a column of the projection. */
static laminar_status base_column(struct base *b, struct expr **e, uint32_t *column)
{
    struct plan_context *ctx = b->q->ctx;
    const struct data_type type = (*e)->type;
    const bool is_nullable = (*e)->is_nullable;
    const uint32_t offset = (*e)->sql_offset;
    uint32_t i = 0;
    while (i < b->exprs.n && !expr_equal(b->exprs.items[i], *e)) i++;
    if (i == b->exprs.n) CHECK(expr_list_push(ctx, &b->exprs, *e));
    ALLOC_OR_FAIL(ctx, *e, expr_column(ctx->arena, i, type, is_nullable));
    (*e)->sql_offset = offset;
    if (column) *column = i;
    return LAMINAR_OK;
}

static laminar_status finish_column(struct base *b, struct expr **e, uint32_t *column)
{
    CHECK(block_finish_expr(b->q, e));
    if (!column && expr_is_const(*e)) return LAMINAR_OK;
    return base_column(b, e, column);
}

static laminar_status finish_item(struct base *b, struct over_item *item)
{
    struct over_call *call = &item->call;
    struct over_frame *frame = &call->frame;
    for (uint32_t i = 0; i < call->agg.n_args; i++)
        CHECK(finish_column(b, &call->agg.args[i], NULL));
    for (uint32_t i = 0; i < call->agg.n_order; i++)
        CHECK(finish_column(b, &call->agg.order_args[i], NULL));
    if (call->agg.filter) CHECK(finish_column(b, &call->agg.filter, NULL));
    for (uint32_t i = 0; i < item->partition.n; i++) {
        uint32_t column;
        CHECK(finish_column(b, &item->partition.items[i], &column));
    }
    for (uint32_t i = 0; i < item->order.n; i++)
        CHECK(finish_column(b, &item->order.items[i], &item->keys[i].column));
    if (item->key) CHECK(finish_column(b, &item->key, &frame->key));
    if (item->start) CHECK(finish_column(b, &item->start, &frame->start.column));
    if (item->end) CHECK(finish_column(b, &item->end, &frame->end.column));
    return LAMINAR_OK;
}

static laminar_status make_base(struct select_block *q)
{
    struct plan_context *ctx = q->ctx;
    struct plan *plan = q->plan;
    struct base b = {.q = q};
    const char **names;
    for (uint32_t i = 0; i < plan->n_cols; i++) {
        struct expr *e;
        ALLOC_OR_FAIL(ctx, e,
                      expr_column(ctx->arena, i, plan->cols[i].type, plan->cols[i].is_nullable));
        CHECK(expr_list_push(ctx, &b.exprs, e));
    }
    for (uint32_t i = 0; i < q->n_overs; i++) CHECK(finish_item(&b, &q->overs[i]));
    if (b.exprs.n == plan->n_cols) return LAMINAR_OK;
    ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, b.exprs.n + 1));
    for (uint32_t i = 0; i < b.exprs.n; i++) {
        struct strbuf text = {0};
        if (i < plan->n_cols) {
            names[i] = plan->cols[i].name;
            continue;
        }
        expr_print(b.exprs.items[i], plan, &text);
        names[i] = text.failed ? NULL : arena_strndup(ctx->arena, text.data, text.size);
        strbuf_deinit(&text);
        if (!names[i]) return plan_oom(ctx);
    }
    struct plan *project;
    CHECK(plan_make_project(ctx, plan, b.exprs.items, names, b.exprs.n, &project));
    for (uint32_t i = 0; i < plan->n_cols; i++) project->cols[i].table = plan->cols[i].table;
    q->plan = project;
    return LAMINAR_OK;
}

/* One node for the calls from `first` on that have its window. */
static laminar_status make_node(struct select_block *q, uint32_t first, bool *is_done)
{
    struct plan_context *ctx = q->ctx;
    const struct over_item *model = &q->overs[first];
    struct plan *node, *input = q->plan;
    uint32_t n = 0;
    for (uint32_t i = first; i < q->n_overs; i++)
        n += !is_done[i] && same_window(&q->overs[i], model);
    CHECK(plan_new(ctx, PLAN_OVER, 1, input->n_cols + n, &node));
    node->inputs[0] = input;
    memcpy(node->cols, input->cols, input->n_cols * sizeof *node->cols);
    ALLOC_OR_FAIL(ctx, node->overs, ARENA_ARRAY(ctx->arena, struct over_call, n));
    ALLOC_OR_FAIL(ctx, node->partition, ARENA_ARRAY(ctx->arena, uint32_t, model->partition.n + 1));
    for (uint32_t i = 0; i < model->partition.n; i++)
        node->partition[node->n_partition++] = model->partition.items[i]->column;
    node->sort = model->keys;
    node->n_sort = model->order.n;
    node->sql_offset = model->sql_offset;
    for (uint32_t i = first; i < q->n_overs; i++) {
        struct over_item *item = &q->overs[i];
        if (is_done[i] || (i != first && !same_window(item, model))) continue;
        is_done[i] = true;
        item->column = input->n_cols + node->n_overs;
        node->cols[item->column] = (struct plan_column){.name = item->call.name,
                                                        .type = item->call.type,
                                                        .is_nullable = item->call.is_nullable};
        node->overs[node->n_overs++] = item->call;
    }
    q->plan = node;
    return LAMINAR_OK;
}

laminar_status block_make_overs(struct select_block *q)
{
    bool *is_done;
    CHECK(make_base(q));
    ALLOC_OR_FAIL(q->ctx, is_done, ARENA_ARRAY(q->ctx->arena, bool, q->n_overs));
    for (uint32_t i = 0; i < q->n_overs; i++)
        if (!is_done[i]) CHECK(make_node(q, i, is_done));
    return LAMINAR_OK;
}

void block_finish_over(const struct select_block *q, struct expr *e)
{
    if (e->kind == EXPR_COLUMN && (e->column & STAND_IN_MASK) == STAND_IN_OVER)
        e->column = q->overs[e->column & ~(uint32_t)STAND_IN_MASK].column;
    for (uint32_t i = 0; i < e->n_args; i++) block_finish_over(q, e->args[i]);
}
