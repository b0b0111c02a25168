/* bind_expr.c - expressions: syntax to typed trees. Each case is a small function; names are in
 * bind_column.c, calls in bind_function.c. */
#include "plan/bind.h"

laminar_status bind_exprs(struct select_block *q, struct ast_expr *const *asts, size_t n,
                          struct expr ***out)
{
    ALLOC_OR_FAIL(q->ctx, *out, ARENA_ARRAY(q->ctx->arena, struct expr *, n + 1));
    for (size_t i = 0; i < n; i++) CHECK(bind_expr(q, asts[i], &(*out)[i]));
    return LAMINAR_OK;
}

static laminar_status make_not(struct plan_context *ctx, struct expr *e, uint32_t offset,
                               struct expr **out)
{
    return make_call(ctx, "not", &e, 1, offset, out);
}

/* --- Operators -------------------------------------------------------------------------------- */

/* Minus a literal: at once, so that -9223372036854775808 and '-5' DAY need no folding. NULL when
 * it is no such literal. */
static laminar_status negate_literal(struct select_block *q, const struct ast_expr *ast,
                                     const struct ast_expr *operand, struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    *out = NULL;
    if (operand->kind != AST_EXPR_NUMBER) return LAMINAR_OK;
    if (operand->u.number.class == AST_NUMBER_INTEGER && operand->u.number.fits_u64 &&
        operand->u.number.value == (uint64_t)INT64_MAX + 1) {
        ALLOC_OR_FAIL(ctx, *out, const_int64(ctx->arena, INT64_MIN));
    } else {
        struct expr *e;
        CHECK(bind_expr(q, operand, &e));
        void *data = e->value.data;
        if (e->type.id == LAMINAR_TYPE_INT64)
            *(int64_t *)data = -*(int64_t *)data;
        else if (e->type.id == LAMINAR_TYPE_DECIMAL)
            *(int128 *)data = -*(int128 *)data;
        else if (e->type.id == LAMINAR_TYPE_DOUBLE)
            *(double *)data = -*(double *)data;
        else
            return LAMINAR_OK;
        *out = e;
    }
    (*out)->sql_offset = ast->span.start;
    return LAMINAR_OK;
}

static laminar_status bind_unary(struct select_block *q, const struct ast_expr *ast,
                                 struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    struct expr *e;
    if (ast->u.unary.op == AST_UNARY_MINUS) {
        CHECK(negate_literal(q, ast, ast->u.unary.operand, out));
        if (*out) return LAMINAR_OK;
    }
    CHECK(bind_expr(q, ast->u.unary.operand, &e));
    switch (ast->u.unary.op) {
    case AST_UNARY_MINUS: return make_operator(ctx, "negate", &e, 1, ast->span.start, out);
    case AST_UNARY_PLUS:
        if (!type_is_numeric(e->type) && e->type.id != LAMINAR_TYPE_INTERVAL &&
            e->type.id != LAMINAR_TYPE_NULL)
            return plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                              "operator + does not take %s", TYPE_TEXT(e->type));
        *out = e;
        return LAMINAR_OK;
    case AST_UNARY_NOT:
        CHECK(make_condition(ctx, e, "the operand of NOT", &e));
        return make_not(ctx, e, ast->span.start, out);
    case AST_UNARY_BIT_NOT: return make_operator(ctx, "bit_not", &e, 1, ast->span.start, out);
    }
    return plan_unsupported(ctx, ast->span.start, "this operator is not supported", NULL);
}

static bool is_comparison(enum ast_binary_op op) { return op <= AST_BINARY_GE; }

static laminar_status bind_binary(struct select_block *q, const struct ast_expr *ast,
                                  struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    enum ast_binary_op op = ast->u.binary.op;
    uint32_t offset = ast->u.binary.op_start;
    struct expr *args[2];
    CHECK(bind_expr(q, ast->u.binary.left, &args[0]));
    CHECK(bind_expr(q, ast->u.binary.right, &args[1]));
    if (op == AST_BINARY_IS_DISTINCT)
        return make_comparison(ctx, "is_distinct_from", args[0], args[1], offset, out);
    if (op == AST_BINARY_IS_NOT_DISTINCT)
        return make_comparison(ctx, "is_not_distinct_from", args[0], args[1], offset, out);
    const char *name = sql_binary_op_text(op);
    if (is_comparison(op)) return make_comparison(ctx, name, args[0], args[1], offset, out);
    if (op == AST_BINARY_POWER && !function_find(name)) name = "power";
    if (!function_find(name)) {
        plan_error(ctx, LAMINAR_QUERY_UNSUPPORTED, offset, "operator %s is not supported", name);
        return LAMINAR_QUERY_UNSUPPORTED;
    }
    return make_operator(ctx, name, args, 2, offset, out);
}

static laminar_status bind_logical(struct select_block *q, const struct ast_expr *ast,
                                   struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    const struct ast_expr_list *operands = &ast->u.logical.operands;
    struct expr *e;
    ALLOC_OR_FAIL(ctx, e,
                  expr_new(ctx->arena, ast->u.logical.is_or ? EXPR_OR : EXPR_AND, TYPE(BOOL),
                           (uint32_t)operands->n));
    e->sql_offset = ast->span.start;
    for (size_t i = 0; i < operands->n; i++) {
        CHECK(bind_expr(q, operands->items[i], &e->args[i]));
        CHECK(make_condition(ctx, e->args[i],
                             ast->u.logical.is_or ? "an operand of OR" : "an operand of AND",
                             &e->args[i]));
        e->is_nullable |= e->args[i]->is_nullable;
    }
    *out = e;
    return LAMINAR_OK;
}

static laminar_status bind_is(struct select_block *q, const struct ast_expr *ast, struct expr **out)
{
    static const char *const names[][2] = {{"is_null", "is_not_null"},
                                           {"is_true", "is_not_true"},
                                           {"is_false", "is_not_false"},
                                           {"is_unknown", "is_not_unknown"}};
    struct expr *e;
    CHECK(bind_expr(q, ast->u.is.operand, &e));
    if (ast->u.is.what != AST_IS_NULL)
        CHECK(make_condition(q->ctx, e, "the operand of IS TRUE, FALSE or UNKNOWN", &e));
    return make_call(q->ctx, names[ast->u.is.what][ast->u.is.is_negated], &e, 1, ast->span.start,
                     out);
}

/* kind(a, b) of two conditions. */
static laminar_status make_logical(struct plan_context *ctx, enum expr_kind kind, struct expr *a,
                                   struct expr *b, struct expr **out)
{
    struct expr *e;
    ALLOC_OR_FAIL(ctx, e, expr_new(ctx->arena, kind, TYPE(BOOL), 2));
    e->args[0] = a;
    e->args[1] = b;
    e->is_nullable = a->is_nullable || b->is_nullable;
    e->sql_offset = a->sql_offset;
    *out = e;
    return LAMINAR_OK;
}

static laminar_status make_between(struct plan_context *ctx, const struct expr *x,
                                   const struct expr *low, const struct expr *high, uint32_t offset,
                                   struct expr **out)
{
    struct expr *x1, *x2, *l, *h, *ge, *le;
    ALLOC_OR_FAIL(ctx, x1, expr_copy(ctx->arena, x));
    ALLOC_OR_FAIL(ctx, x2, expr_copy(ctx->arena, x));
    ALLOC_OR_FAIL(ctx, l, expr_copy(ctx->arena, low));
    ALLOC_OR_FAIL(ctx, h, expr_copy(ctx->arena, high));
    CHECK(make_comparison(ctx, ">=", x1, l, offset, &ge));
    CHECK(make_comparison(ctx, "<=", x2, h, offset, &le));
    return make_logical(ctx, EXPR_AND, ge, le, out);
}

static laminar_status bind_between(struct select_block *q, const struct ast_expr *ast,
                                   struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    struct expr *x, *low, *high, *e;
    uint32_t offset = ast->span.start;
    CHECK(bind_expr(q, ast->u.between.operand, &x));
    CHECK(bind_expr(q, ast->u.between.low, &low));
    CHECK(bind_expr(q, ast->u.between.high, &high));
    CHECK(make_between(ctx, x, low, high, offset, &e));
    if (ast->u.between.is_symmetric) {
        struct expr *swapped;
        CHECK(make_between(ctx, x, high, low, offset, &swapped));
        CHECK(make_logical(ctx, EXPR_OR, e, swapped, &e));
    }
    e->sql_offset = offset;
    if (ast->u.between.is_negated) return make_not(ctx, e, offset, out);
    *out = e;
    return LAMINAR_OK;
}

/* --- IN (list) -------------------------------------------------------------------------------- */

/* x = a, or for rows (x, y) = (a, b): x = a AND y = b. */
static laminar_status row_equal(struct plan_context *ctx, struct expr *const *xs,
                                struct expr *const *items, size_t n, uint32_t offset,
                                struct expr **out)
{
    struct expr_list parts = {0};
    for (size_t i = 0; i < n; i++) {
        struct expr *x, *e;
        ALLOC_OR_FAIL(ctx, x, expr_copy(ctx->arena, xs[i]));
        CHECK(make_comparison(ctx, "=", x, items[i], offset, &e));
        CHECK(expr_list_push(ctx, &parts, e));
    }
    return expr_make_and(ctx, &parts, out);
}

/* OR of equalities: for rows, and for items that are not constant. */
static laminar_status in_by_or(struct plan_context *ctx, struct expr *const *xs, size_t n_cols,
                               struct expr **items, size_t n, uint32_t offset, struct expr **out)
{
    struct expr *e;
    if (n == 1) return row_equal(ctx, xs, items, n_cols, offset, out);
    ALLOC_OR_FAIL(ctx, e, expr_new(ctx->arena, EXPR_OR, TYPE(BOOL), (uint32_t)n));
    e->is_nullable = true;
    e->sql_offset = offset;
    for (size_t i = 0; i < n; i++)
        CHECK(row_equal(ctx, xs, items + i * n_cols, n_cols, offset, &e->args[i]));
    *out = e;
    return LAMINAR_OK;
}

/* Constants of the operand's type: EXPR_IN_LIST over those that are not null, and a null beside
 * it if there was one (x IN (1, NULL) is true or unknown). *out is NULL when the items are not
 * such. */
static laminar_status in_by_set(struct plan_context *ctx, struct expr *x, struct expr *const *items,
                                size_t n, uint32_t offset, struct expr **out)
{
    struct expr **all;
    ALLOC_OR_FAIL(ctx, all, ARENA_ARRAY(ctx->arena, struct expr *, n + 1));
    bool has_null = false;
    uint32_t n_set = 1;
    *out = NULL;
    ALLOC_OR_FAIL(ctx, all[0], expr_copy(ctx->arena, x));
    for (size_t i = 0; i < n; i++) {
        if (!expr_is_const(items[i])) return LAMINAR_OK;
        if (expr_is_const_null(items[i])) {
            has_null = true;
            continue;
        }
        all[n_set] = items[i];
        make_adapted(ctx, &all[n_set++], x);
    }
    struct data_type type;
    if (n_set > 1) CHECK(make_common(ctx, all, n_set, "the values of IN", &type));
    struct expr *in;
    if (n_set == 1) {
        ALLOC_OR_FAIL(ctx, in, const_bool(ctx->arena, false));
        ALLOC_OR_FAIL(ctx, *out, const_null(ctx->arena, TYPE(BOOL)));
        return LAMINAR_OK;
    }
    for (uint32_t i = 1; i < n_set; i++) {
        CHECK(rewrite_fold_expr(ctx, &all[i]));
        if (!expr_is_const(all[i])) return LAMINAR_OK;
    }
    if (n_set == 2) {
        CHECK(make_comparison(ctx, "=", all[0], all[1], offset, &in));
    } else {
        ALLOC_OR_FAIL(ctx, in, expr_new(ctx->arena, EXPR_IN_LIST, TYPE(BOOL), n_set));
        memcpy(in->args, all, n_set * sizeof *all);
        in->is_nullable = all[0]->is_nullable;
        in->sql_offset = offset;
    }
    if (has_null) {
        struct expr *null;
        ALLOC_OR_FAIL(ctx, null, const_null(ctx->arena, TYPE(BOOL)));
        CHECK(make_logical(ctx, EXPR_OR, in, null, &in));
    }
    *out = in;
    return LAMINAR_OK;
}

static laminar_status bind_in_list(struct select_block *q, const struct ast_expr *ast,
                                   struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    const struct ast_expr *operand = ast->u.in_list.operand;
    const struct ast_expr_list *list = &ast->u.in_list.list;
    bool is_row = operand->kind == AST_EXPR_ROW;
    size_t n_cols = is_row ? operand->u.list.n : 1;
    struct expr **xs, **items;
    CHECK(bind_exprs(q, is_row ? operand->u.list.items : &ast->u.in_list.operand, n_cols, &xs));
    ALLOC_OR_FAIL(ctx, items, ARENA_ARRAY(ctx->arena, struct expr *, list->n * n_cols + 1));
    for (size_t i = 0; i < list->n; i++) {
        const struct ast_expr *item = list->items[i];
        if (is_row && (item->kind != AST_EXPR_ROW || item->u.list.n != n_cols))
            return plan_error(ctx, LAMINAR_QUERY_FAILED, item->span.start,
                              "expected a row of %zu values, as on the left of IN", n_cols);
        for (size_t c = 0; c < n_cols; c++)
            CHECK(bind_expr(q, is_row ? item->u.list.items[c] : item, &items[i * n_cols + c]));
    }
    struct expr *e = NULL;
    if (!is_row) CHECK(in_by_set(ctx, xs[0], items, list->n, ast->span.start, &e));
    if (!e) CHECK(in_by_or(ctx, xs, n_cols, items, list->n, ast->span.start, &e));
    if (!ast->u.in_list.is_negated) {
        *out = e;
    } else if (e->kind == EXPR_IN_LIST) {
        e->is_negated = true;
        *out = e;
    } else {
        return make_not(ctx, e, ast->span.start, out);
    }
    return LAMINAR_OK;
}

/* --- LIKE, CASE, CAST, EXTRACT ... ------------------------------------------------------------ */

static laminar_status bind_like(struct select_block *q, const struct ast_expr *ast,
                                struct expr **out)
{
    static const char *const names[] = {[AST_LIKE] = "like",
                                        [AST_ILIKE] = "ilike",
                                        [AST_SIMILAR] = "similar to",
                                        [AST_REGEX] = "~",
                                        [AST_REGEX_NO_CASE] = "~*"};
    struct plan_context *ctx = q->ctx;
    struct expr *args[3], *e;
    uint32_t n = 2;
    CHECK(bind_expr(q, ast->u.like.operand, &args[0]));
    CHECK(bind_expr(q, ast->u.like.pattern, &args[1]));
    if (ast->u.like.escape) CHECK(bind_expr(q, ast->u.like.escape, &args[n++]));
    const char *name = names[ast->u.like.kind];
    if (!function_find(name)) {
        plan_error(ctx, LAMINAR_QUERY_UNSUPPORTED, ast->span.start, "operator %s is not supported",
                   name);
        return LAMINAR_QUERY_UNSUPPORTED;
    }
    CHECK(make_call(ctx, name, args, n, ast->span.start, &e));
    if (ast->u.like.is_negated) return make_not(ctx, e, ast->span.start, out);
    *out = e;
    return LAMINAR_OK;
}

static laminar_status bind_case(struct select_block *q, const struct ast_expr *ast,
                                struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    size_t n_whens = ast->u.case_.n_whens;
    struct expr *e, *operand = NULL, **values;
    ALLOC_OR_FAIL(ctx, e, expr_new(ctx->arena, EXPR_CASE, TYPE(NULL), (uint32_t)(2 * n_whens + 1)));
    ALLOC_OR_FAIL(ctx, values, ARENA_ARRAY(ctx->arena, struct expr *, n_whens + 1));
    e->sql_offset = ast->span.start;
    if (ast->u.case_.operand) CHECK(bind_expr(q, ast->u.case_.operand, &operand));
    for (size_t i = 0; i < n_whens; i++) {
        struct expr *when;
        const struct ast_when *w = &ast->u.case_.whens[i];
        CHECK(bind_expr(q, w->when, &when));
        if (operand) {
            struct expr *x;
            ALLOC_OR_FAIL(ctx, x, expr_copy(ctx->arena, operand));
            CHECK(make_comparison(ctx, "=", x, when, w->when->span.start, &when));
        }
        CHECK(make_condition(ctx, when, "a condition of CASE WHEN", &e->args[2 * i]));
        CHECK(bind_expr(q, w->then, &values[i]));
    }
    if (ast->u.case_.otherwise)
        CHECK(bind_expr(q, ast->u.case_.otherwise, &values[n_whens]));
    else
        ALLOC_OR_FAIL(ctx, values[n_whens], const_null(ctx->arena, TYPE(NULL)));
    CHECK(make_common(ctx, values, (uint32_t)n_whens + 1, "the branches of CASE", &e->type));
    for (size_t i = 0; i <= n_whens; i++) {
        e->args[i < n_whens ? 2 * i + 1 : 2 * n_whens] = values[i];
        e->is_nullable |= values[i]->is_nullable;
    }
    *out = e;
    return LAMINAR_OK;
}

static laminar_status bind_cast(struct select_block *q, const struct ast_expr *ast,
                                struct expr **out)
{
    struct data_type type;
    struct expr *e;
    CHECK(bind_expr(q, ast->u.cast.operand, &e));
    CHECK(plan_type(q->ctx, ast->u.cast.type, &type));
    CHECK(make_cast(q->ctx, e, type, ast->u.cast.is_try ? CAST_TRY : CAST_EXPLICIT, out));
    return LAMINAR_OK;
}

/* A construct that is a function of the registry, if that has it. */
static laminar_status bind_as_call(struct select_block *q, const char *name, const char *what,
                                   const struct ast_expr *ast, struct expr **args, uint32_t n,
                                   struct expr **out)
{
    if (!function_find(name)) {
        plan_error(q->ctx, LAMINAR_QUERY_UNSUPPORTED, ast->span.start, "%s is not supported", what);
        return LAMINAR_QUERY_UNSUPPORTED;
    }
    return make_call(q->ctx, name, args, n, ast->span.start, out);
}

static laminar_status bind_extract(struct select_block *q, const struct ast_expr *ast,
                                   struct expr **out)
{
    struct expr *args[2];
    const struct ast_name *field = &ast->u.extract.field;
    ALLOC_OR_FAIL(q->ctx, args[0], const_string(q->ctx->arena, field->text, field->size));
    args[0]->sql_offset = field->span.start;
    CHECK(bind_expr(q, ast->u.extract.operand, &args[1]));
    return bind_as_call(q, "date_part", "EXTRACT", ast, args, 2, out);
}

static laminar_status bind_at_time_zone(struct select_block *q, const struct ast_expr *ast,
                                        struct expr **out)
{
    struct expr *args[2];
    CHECK(bind_expr(q, ast->u.at_time_zone.zone, &args[0]));
    CHECK(bind_expr(q, ast->u.at_time_zone.operand, &args[1]));
    return bind_as_call(q, "timezone", "AT TIME ZONE", ast, args, 2, out);
}

static laminar_status bind_array(struct select_block *q, const struct ast_expr *ast,
                                 struct expr **out)
{
    struct expr **items;
    CHECK(bind_exprs(q, ast->u.list.items, ast->u.list.n, &items));
    return bind_as_call(q, "make_array", "ARRAY[...]", ast, items, (uint32_t)ast->u.list.n, out);
}

static laminar_status bind_subscript(struct select_block *q, const struct ast_expr *ast,
                                     struct expr **out)
{
    struct expr *args[2];
    CHECK(bind_expr(q, ast->u.subscript.operand, &args[0]));
    CHECK(bind_expr(q, ast->u.subscript.index, &args[1]));
    bool is_map = args[0]->type.id == LAMINAR_TYPE_MAP;
    return bind_as_call(q, is_map ? "map_extract" : "array_element", "a[i]", ast, args, 2, out);
}

static laminar_status bind_field(struct select_block *q, const struct ast_expr *ast,
                                 struct expr **out)
{
    struct expr *args[2];
    CHECK(bind_expr(q, ast->u.field.operand, &args[0]));
    ALLOC_OR_FAIL(q->ctx, args[1],
                  const_string(q->ctx->arena, ast->u.field.name.text, ast->u.field.name.size));
    return bind_as_call(q, "struct_extract", "a field of a struct", ast, args, 2, out);
}

/* {'a': 1} is struct_pack('a', 1). */
static laminar_status bind_struct(struct select_block *q, const struct ast_expr *ast,
                                  struct expr **out)
{
    struct expr **args;
    size_t n = ast->u.structure.n;
    ALLOC_OR_FAIL(q->ctx, args, ARENA_ARRAY(q->ctx->arena, struct expr *, 2 * n + 1));
    for (size_t i = 0; i < n; i++) {
        const struct ast_struct_field *field = &ast->u.structure.fields[i];
        ALLOC_OR_FAIL(q->ctx, args[2 * i],
                      const_string(q->ctx->arena, field->name.text, field->name.size));
        args[2 * i]->sql_offset = field->name.span.start;
        CHECK(bind_expr(q, field->value, &args[2 * i + 1]));
    }
    return bind_as_call(q, "struct_pack", "a struct literal", ast, args, (uint32_t)(2 * n), out);
}

/* MAP {k: v, ...} is map([k, ...], [v, ...]). */
static laminar_status bind_map(struct select_block *q, const struct ast_expr *ast,
                               struct expr **out)
{
    struct expr **keys, **values, *args[2];
    uint32_t n = (uint32_t)ast->u.map.keys.n;
    CHECK(bind_exprs(q, ast->u.map.keys.items, n, &keys));
    CHECK(bind_exprs(q, ast->u.map.values.items, n, &values));
    CHECK(bind_as_call(q, "make_array", "a map literal", ast, keys, n, &args[0]));
    CHECK(bind_as_call(q, "make_array", "a map literal", ast, values, n, &args[1]));
    return bind_as_call(q, "map", "a map literal", ast, args, 2, out);
}

/* a[low:high]; a bound that is left out is the array's own. */
static laminar_status bind_slice(struct select_block *q, const struct ast_expr *ast,
                                 struct expr **out)
{
    struct expr *args[3];
    CHECK(bind_expr(q, ast->u.slice.operand, &args[0]));
    if (ast->u.slice.low)
        CHECK(bind_expr(q, ast->u.slice.low, &args[1]));
    else
        ALLOC_OR_FAIL(q->ctx, args[1], const_int64(q->ctx->arena, 1));
    if (ast->u.slice.high)
        CHECK(bind_expr(q, ast->u.slice.high, &args[2]));
    else
        ALLOC_OR_FAIL(q->ctx, args[2], const_int64(q->ctx->arena, -1));
    return bind_as_call(q, "array_slice", "an array slice", ast, args, 3, out);
}

laminar_status bind_expr(struct select_block *q, const struct ast_expr *ast, struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    uint32_t at = ast->span.start;
    switch (ast->kind) {
    case AST_EXPR_NULL:
    case AST_EXPR_BOOL:
    case AST_EXPR_NUMBER:
    case AST_EXPR_STRING:
    case AST_EXPR_BLOB:
    case AST_EXPR_INTERVAL:
    case AST_EXPR_TYPED_LITERAL:
    case AST_EXPR_PARAMETER: return bind_literal(q, ast, out);
    case AST_EXPR_COLUMN: return bind_column(q, ast, out);
    case AST_EXPR_UNARY: return bind_unary(q, ast, out);
    case AST_EXPR_BINARY: return bind_binary(q, ast, out);
    case AST_EXPR_LOGICAL: return bind_logical(q, ast, out);
    case AST_EXPR_IS: return bind_is(q, ast, out);
    case AST_EXPR_BETWEEN: return bind_between(q, ast, out);
    case AST_EXPR_IN_LIST: return bind_in_list(q, ast, out);
    case AST_EXPR_IN_QUERY:
        return bind_in_query(q, ast, ast->u.in_query.operand, ast->u.in_query.query,
                             ast->u.in_query.is_negated, out);
    case AST_EXPR_EXISTS: return bind_exists(q, ast, out);
    case AST_EXPR_SUBQUERY: return bind_scalar_subquery(q, ast, out);
    case AST_EXPR_QUANTIFIED: return bind_quantified(q, ast, out);
    case AST_EXPR_LIKE: return bind_like(q, ast, out);
    case AST_EXPR_CASE: return bind_case(q, ast, out);
    case AST_EXPR_CAST: return bind_cast(q, ast, out);
    case AST_EXPR_FUNCTION: return bind_function(q, ast, out);
    case AST_EXPR_EXTRACT: return bind_extract(q, ast, out);
    case AST_EXPR_AT_TIME_ZONE: return bind_at_time_zone(q, ast, out);
    case AST_EXPR_ARRAY: return bind_array(q, ast, out);
    case AST_EXPR_SUBSCRIPT: return bind_subscript(q, ast, out);
    case AST_EXPR_FIELD: return bind_field(q, ast, out);
    case AST_EXPR_STAR:
        plan_error(ctx, LAMINAR_QUERY_FAILED, at, "* stands for columns: it is no value");
        error_hint(ctx->err, "it is allowed in the select list and in count(*)");
        return LAMINAR_QUERY_FAILED;
    case AST_EXPR_DEFAULT:
        return plan_error(
            ctx, LAMINAR_QUERY_FAILED, at,
            "DEFAULT is allowed only in the VALUES of an INSERT and in SET of an UPDATE");
    case AST_EXPR_TABLE_ARG:
    case AST_EXPR_DESCRIPTOR:
        return plan_error(ctx, LAMINAR_QUERY_FAILED, at,
                          "TABLE and DESCRIPTOR are arguments of table functions in FROM");
    case AST_EXPR_COLLATE:
        return plan_unsupported(ctx, at, "COLLATE is not supported",
                                "text is compared by code point");
    case AST_EXPR_ROW:
        return plan_unsupported(ctx, at, "a row value is not supported here",
                                "compare the columns one by one");
    case AST_EXPR_ARRAY_QUERY: return bind_array_query(q, ast, out);
    case AST_EXPR_STRUCT: return bind_struct(q, ast, out);
    case AST_EXPR_MAP: return bind_map(q, ast, out);
    case AST_EXPR_SLICE: return bind_slice(q, ast, out);
    }
    return plan_unsupported(ctx, at, "this expression is not supported", NULL);
}
