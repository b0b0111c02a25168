/* bind_asof.c - ASOF joins: for each left row the right row of the same key that is nearest in
 * time, on one side.
 *
 * The conditions are read from the syntax tree, because their form matters: equalities are keys;
 * one inequality between the sides is the match (a.ts >= b.ts takes the latest b at or before
 * a); an inequality with a constant offset is a tolerance (a.ts - b.ts <= INTERVAL ...).
 *
 * RIGHT and FULL have the right rows too that are no left row's match:
 *   right EXCEPT ALL (SELECT DISTINCT right columns FROM left ASOF JOIN right)
 * with nulls for the left. So of several equal rows one is the match, and the others are none. The join is in the plan twice; the operator
 * needs to know of no other kinds. */
#include "plan/bind.h"

struct asof {
    struct select_block on; /* both sides' columns */
    uint32_t n_left;
    struct plan *join;
    struct expr_list keys; /* equalities over left ++ right */
    bool has_match;
    /* a tolerance was seen: right within bound_us after (LE) or before (GE) the left */
    bool has_bound;
    bool bound_is_upper;
    int64_t bound_us;
    uint32_t bound_offset;
};

static const char *const asof_hint =
    "equalities, one of >=, >, <=, < between the two times, and a tolerance such as a.ts - b.ts <= INTERVAL '5' MINUTE";

static laminar_status refuse(struct asof *a, const struct ast_expr *ast)
{
    plan_error(a->on.ctx, LAMINAR_QUERY_UNSUPPORTED, ast->span.start,
               "this condition is not supported in an ASOF JOIN");
    error_hint(a->on.ctx->err, "it takes %s", asof_hint);
    return LAMINAR_QUERY_UNSUPPORTED;
}

/* 1 = left columns only, 2 = right only, 0 = none or both. */
static int side_of(const struct asof *a, const struct expr *e)
{
    uint32_t n = a->n_left + a->join->inputs[1]->n_cols;
    if (!expr_has_columns(e) || expr_has_outer(e)) return 0;
    if (expr_columns_within(e, 0, a->n_left)) return 1;
    return expr_columns_within(e, a->n_left, n) ? 2 : 0;
}

static laminar_status check_time(struct asof *a, const struct expr *e)
{
    if (type_is_timestamp(e->type) || type_is_integer(e->type) || e->type.id == LAMINAR_TYPE_DATE)
        return LAMINAR_OK;
    return plan_error(a->on.ctx, LAMINAR_QUERY_FAILED, e->sql_offset,
                      "the times of an ASOF JOIN must be TIMESTAMP, DATE or integers, not %s",
                      TYPE_TEXT(e->type));
}

static laminar_status set_match(struct asof *a, struct expr *left, struct expr *right,
                                enum asof_match match, uint32_t offset)
{
    struct plan_context *ctx = a->on.ctx;
    struct expr *e;
    struct data_type type;
    if (a->has_match) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, offset,
                   "an ASOF JOIN takes one inequality between the two times, this is the second");
        error_hint(ctx->err, "it takes %s", asof_hint);
        return LAMINAR_QUERY_FAILED;
    }
    CHECK(check_time(a, left));
    CHECK(check_time(a, right));
    CHECK(make_comparison(ctx, ">=", left, right, offset, &e));
    /* A comparison reads two units of time as they are; the operator needs one. */
    CHECK(make_common(ctx, e->args, 2, "the times of an ASOF JOIN", &type));
    expr_shift(e->args[1], -(int64_t)a->n_left);
    a->join->left_time = e->args[0];
    a->join->right_time = e->args[1];
    a->join->asof = match;
    a->has_match = true;
    return LAMINAR_OK;
}

/* `x`, `x + INTERVAL ...`, `x - INTERVAL ...`: the base and the offset. */
static laminar_status split_offset(struct asof *a, const struct ast_expr *ast,
                                   const struct ast_expr **base, int64_t *offset_us)
{
    *base = ast;
    *offset_us = 0;
    if (ast->kind != AST_EXPR_BINARY ||
        (ast->u.binary.op != AST_BINARY_ADD && ast->u.binary.op != AST_BINARY_SUBTRACT))
        return LAMINAR_OK;
    const struct ast_expr *right = ast->u.binary.right;
    if (right->kind != AST_EXPR_INTERVAL && right->kind != AST_EXPR_NUMBER) return LAMINAR_OK;
    CHECK(bind_duration(&a->on, right, "the tolerance", offset_us));
    if (ast->u.binary.op == AST_BINARY_SUBTRACT) *offset_us = -*offset_us;
    *base = ast->u.binary.left;
    return LAMINAR_OK;
}

/* left <= right + delta (or >=): a match when delta is 0, else a bound. `is_less`, `is_strict`
 * say the operator. */
static laminar_status add_inequality(struct asof *a, struct expr *left, struct expr *right,
                                     bool is_less, bool is_strict, int64_t delta_us,
                                     const struct ast_expr *ast)
{
    struct plan_context *ctx = a->on.ctx;
    if (delta_us == 0) {
        enum asof_match match = is_less ? (is_strict ? ASOF_LT : ASOF_LE)
                                        : (is_strict ? ASOF_GT : ASOF_GE);
        return set_match(a, left, right, match, ast->span.start);
    }
    if (a->has_bound)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                          "an ASOF JOIN takes one tolerance, this is the second");
    /* a - b <= delta bounds how old b may be; a - b >= -delta, how far ahead. A negative
     * distance would contradict the match. */
    int64_t bound_us = is_less ? delta_us : -delta_us;
    if (bound_us < 0)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                          "the tolerance of an ASOF JOIN must be positive");
    a->has_bound = true;
    a->bound_is_upper = is_less;
    a->bound_us = is_strict ? bound_us - 1 : bound_us;
    a->bound_offset = ast->span.start;
    return LAMINAR_OK;
}

/* a.ts - b.ts <= X. *done stays false when it has another form. */
static laminar_status try_difference(struct asof *a, const struct ast_expr *ast, bool *done)
{
    *done = false;
    enum ast_binary_op op = ast->u.binary.op;
    const struct ast_expr *difference = ast->u.binary.left, *limit = ast->u.binary.right;
    bool is_less = op == AST_BINARY_LE || op == AST_BINARY_LT;
    if (difference->kind != AST_EXPR_BINARY || difference->u.binary.op != AST_BINARY_SUBTRACT) {
        difference = ast->u.binary.right;
        limit = ast->u.binary.left;
        is_less = !is_less;
        if (difference->kind != AST_EXPR_BINARY || difference->u.binary.op != AST_BINARY_SUBTRACT)
            return LAMINAR_OK;
    }
    struct expr *x, *y;
    CHECK(bind_expr(&a->on, difference->u.binary.left, &x));
    CHECK(bind_expr(&a->on, difference->u.binary.right, &y));
    int side_x = side_of(a, x), side_y = side_of(a, y);
    if (side_x == 0 || side_y == 0 || side_x == side_y) return LAMINAR_OK;
    int64_t limit_us;
    CHECK(bind_duration(&a->on, limit, "the tolerance", &limit_us));
    *done = true;
    bool is_strict = op == AST_BINARY_LT || op == AST_BINARY_GT;
    if (side_x == 1) return add_inequality(a, x, y, is_less, is_strict, limit_us, ast);
    /* b - a <= X is a - b >= -X */
    return add_inequality(a, y, x, !is_less, is_strict, -limit_us, ast);
}

static laminar_status add_comparison(struct asof *a, const struct ast_expr *ast)
{
    enum ast_binary_op op = ast->u.binary.op;
    bool done;
    CHECK(try_difference(a, ast, &done));
    if (done) return LAMINAR_OK;
    const struct ast_expr *base_x, *base_y;
    int64_t offset_x, offset_y;
    struct expr *x, *y;
    CHECK(split_offset(a, ast->u.binary.left, &base_x, &offset_x));
    CHECK(split_offset(a, ast->u.binary.right, &base_y, &offset_y));
    CHECK(bind_expr(&a->on, base_x, &x));
    CHECK(bind_expr(&a->on, base_y, &y));
    int side_x = side_of(a, x), side_y = side_of(a, y);
    if (side_x == 0 || side_y == 0 || side_x == side_y) return refuse(a, ast);
    bool is_less = op == AST_BINARY_LE || op == AST_BINARY_LT,
         is_strict = op == AST_BINARY_LT || op == AST_BINARY_GT;
    int64_t delta;
    if (__builtin_sub_overflow(offset_y, offset_x, &delta)) return refuse(a, ast);
    if (side_x == 1) return add_inequality(a, x, y, is_less, is_strict, delta, ast);
    return add_inequality(a, y, x, !is_less, is_strict, -delta, ast);
}

static laminar_status add_condition(struct asof *a, const struct ast_expr *ast)
{
    if (ast->kind == AST_EXPR_LOGICAL && !ast->u.logical.is_or) {
        for (size_t i = 0; i < ast->u.logical.operands.n; i++)
            CHECK(add_condition(a, ast->u.logical.operands.items[i]));
        return LAMINAR_OK;
    }
    if (ast->kind != AST_EXPR_BINARY) return refuse(a, ast);
    switch (ast->u.binary.op) {
    case AST_BINARY_LT:
    case AST_BINARY_LE:
    case AST_BINARY_GT:
    case AST_BINARY_GE: return add_comparison(a, ast);
    case AST_BINARY_EQ: {
        struct expr *e;
        CHECK(bind_expr(&a->on, ast, &e));
        return expr_list_push(a->on.ctx, &a->keys, e);
    }
    default: return refuse(a, ast);
    }
}

/* MATCH_CONDITION (a.ts >= b.ts), MATCH_CONDITION (NEAREST(a.ts, b.ts)) */
static laminar_status add_match_condition(struct asof *a, const struct ast_expr *ast)
{
    if (ast->kind != AST_EXPR_FUNCTION ||
        strcmp(ast_qname_last(&ast->u.function->name)->text, "nearest") != 0)
        return add_condition(a, ast);
    const struct ast_function *f = ast->u.function;
    struct expr **args;
    if (f->args.n != 2)
        return plan_error(a->on.ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                          "NEAREST takes the two times: NEAREST(a.ts, b.ts)");
    CHECK(bind_exprs(&a->on, f->args.items, 2, &args));
    int side_x = side_of(a, args[0]), side_y = side_of(a, args[1]);
    if (side_x == 0 || side_y == 0 || side_x == side_y)
        return plan_error(a->on.ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                          "NEAREST needs one time of each side of the join");
    return set_match(a, args[side_x == 1 ? 0 : 1], args[side_x == 1 ? 1 : 0], ASOF_NEAREST,
                     ast->span.start);
}

/* USING (k, ts): the last column is the time where there is no other condition on it. */
static laminar_status add_using(struct asof *a, const struct ast_join *ast,
                                const struct from_item *left, const struct from_item *right)
{
    struct plan_context *ctx = a->on.ctx;
    size_t n = ast->using_columns.n;
    for (size_t i = 0; i < n; i++) {
        const struct ast_name *name = &ast->using_columns.items[i];
        int32_t l = scope_find(&left->scope, NULL, name), r = scope_find(&right->scope, NULL, name);
        if (l < 0 || r < 0)
            return plan_error(ctx, LAMINAR_QUERY_FAILED, name->span.start,
                              "column \"%s\" of USING is not on both sides of the join, once each",
                              name->text);
        struct expr *x, *y, *e;
        struct scope_column col = right->scope.cols[r];
        col.column += a->n_left;
        CHECK(scope_expr(&a->on, &left->scope.cols[l], false, name->span.start, &x));
        CHECK(scope_expr(&a->on, &col, false, name->span.start, &y));
        a->on.scope.cols[left->scope.n + (uint32_t)r].is_hidden = true;
        if (i + 1 == n && !ast->match_condition && !ast->on) {
            CHECK(set_match(a, x, y, ASOF_GE, name->span.start));
        } else {
            CHECK(make_comparison(ctx, "=", x, y, name->span.start, &e));
            CHECK(expr_list_push(ctx, &a->keys, e));
        }
    }
    return LAMINAR_OK;
}

static laminar_status set_tolerance(struct asof *a)
{
    struct plan_context *ctx = a->on.ctx;
    struct plan *join = a->join;
    if (!a->has_bound) return LAMINAR_OK;
    bool looks_back = join->asof == ASOF_GE || join->asof == ASOF_GT;
    if (join->asof != ASOF_NEAREST && a->bound_is_upper != looks_back) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, a->bound_offset,
                   "the tolerance is on the other side of the match");
        error_hint(
            ctx->err,
            "with a.ts >= b.ts it is a.ts - b.ts <= INTERVAL ..., with a.ts <= b.ts it is b.ts - a.ts <= INTERVAL ...");
        return LAMINAR_QUERY_FAILED;
    }
    join->has_tolerance = true;
    join->tolerance_us = a->bound_us;
    return LAMINAR_OK;
}

static laminar_status find_volatile(struct expr_visitor *visitor, struct expr **e, unused int side)
{
    bool *is_volatile = visitor->data;
    *is_volatile |= expr_is_volatile(*e);
    return LAMINAR_OK;
}

/* A copy of the plan must have the same rows. */
static laminar_status check_repeatable(struct plan_context *ctx, struct plan *plan, uint32_t offset)
{
    bool is_volatile = false;
    struct expr_visitor visitor = {.visit = find_volatile, .ctx = ctx, .data = &is_volatile};
    for (uint32_t i = 0; i < plan->n_inputs; i++)
        CHECK(check_repeatable(ctx, plan->inputs[i], offset));
    CHECK(plan_visit_exprs(plan, &visitor));
    if (!is_volatile) return LAMINAR_OK;
    return plan_unsupported(
        ctx, offset, "a RIGHT or FULL ASOF JOIN of a query that has another value at each call",
        "store the query's rows first");
}

/* The right rows that are no match, each padded with nulls on the left. */
static laminar_status make_unmatched(struct plan_context *ctx, const struct plan *join,
                                     struct plan **out)
{
    uint32_t n_left = join->inputs[0]->n_cols, n_right = join->n_cols - n_left, *columns;
    struct plan *found, *set;
    struct expr **exprs;
    const char **names;
    ALLOC_OR_FAIL(ctx, columns, ARENA_ARRAY(ctx->arena, uint32_t, n_right + 1));
    ALLOC_OR_FAIL(ctx, exprs, ARENA_ARRAY(ctx->arena, struct expr *, join->n_cols + 1));
    ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, join->n_cols + 1));
    CHECK(plan_copy(ctx, join, &found));
    found->join_kind = JOIN_INNER;
    for (uint32_t c = 0; c < n_right; c++) columns[c] = n_left + c;
    CHECK(plan_make_selection(ctx, found, columns, n_right, &found));
    CHECK(plan_make_distinct(ctx, found, &found));
    CHECK(plan_new(ctx, PLAN_SET, 2, n_right, &set));
    CHECK(plan_copy(ctx, join->inputs[1], &set->inputs[0]));
    set->inputs[1] = found;
    set->set_kind = SET_EXCEPT;
    set->is_set_all = true;
    set->sql_offset = join->sql_offset;
    memcpy(set->cols, join->inputs[1]->cols, n_right * sizeof *set->cols);
    for (uint32_t c = 0; c < join->n_cols; c++) {
        const struct plan_column *col = &join->cols[c];
        names[c] = col->name;
        ALLOC_OR_FAIL(ctx, exprs[c],
                      c < n_left ? const_null(ctx->arena, col->type)
                                 : expr_column(ctx->arena, c - n_left, col->type,
                                               set->cols[c - n_left].is_nullable));
        exprs[c]->sql_offset = join->sql_offset;
    }
    return plan_make_project(ctx, set, exprs, names, join->n_cols, out);
}

static laminar_status add_unmatched(struct plan_context *ctx, struct plan *join, struct plan **out)
{
    struct plan *all;
    CHECK(check_repeatable(ctx, join, join->sql_offset));
    CHECK(plan_new(ctx, PLAN_UNION_ALL, 2, join->n_cols, &all));
    all->inputs[0] = join;
    CHECK(make_unmatched(ctx, join, &all->inputs[1]));
    memcpy(all->cols, join->cols, join->n_cols * sizeof *all->cols);
    for (uint32_t c = 0; c < join->n_cols; c++)
        all->cols[c].is_nullable |= all->inputs[1]->cols[c].is_nullable;
    all->sql_offset = join->sql_offset;
    *out = all;
    return LAMINAR_OK;
}

laminar_status bind_asof(struct select_block *q, const struct ast_table_ref *ref,
                         struct from_item *left, struct from_item *right, struct from_item *out)
{
    struct plan_context *ctx = q->ctx;
    const struct ast_join *ast = ref->u.join;
    bool keeps_left = ast->kind == AST_JOIN_LEFT || ast->kind == AST_JOIN_FULL,
         keeps_right = ast->kind == AST_JOIN_RIGHT || ast->kind == AST_JOIN_FULL;
    if (ast->kind != AST_JOIN_INNER && !keeps_left && !keeps_right)
        return plan_unsupported(ctx, ast->keyword_span.start,
                                "an ASOF JOIN is INNER, LEFT, RIGHT or FULL", NULL);
    if (keeps_right && ast->using_columns.n)
        return plan_unsupported(ctx, ast->using_columns.items[0].span.start,
                                "USING in a RIGHT or FULL ASOF JOIN",
                                "write the condition with ON, and coalesce(a.k, b.k)");
    struct asof a = {.n_left = left->plan->n_cols};
    CHECK(
        plan_make_join(ctx, keeps_left ? JOIN_LEFT : JOIN_INNER, left->plan, right->plan, &a.join));
    a.join->strategy = STRATEGY_ASOF;
    a.join->sql_offset = ast->keyword_span.start;
    a.on = (struct select_block){.b = q->b,
                                 .ctx = ctx,
                                 .parent = NULL,
                                 .plan = a.join,
                                 .clause = {.name = "an ASOF JOIN condition"}};
    CHECK(scope_concat(ctx, &left->scope, &right->scope, a.n_left, &a.on.scope));
    if (ast->match_condition) CHECK(add_match_condition(&a, ast->match_condition));
    if (ast->using_columns.n) CHECK(add_using(&a, ast, left, right));
    if (ast->on) CHECK(add_condition(&a, ast->on));
    if (!a.has_match) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, ast->keyword_span.start,
                   "an ASOF JOIN needs an inequality between a time of each side");
        error_hint(ctx->err, "for example ON a.key = b.key AND a.ts >= b.ts");
        return LAMINAR_QUERY_FAILED;
    }
    CHECK(set_tolerance(&a));
    CHECK(join_take_keys(ctx, a.join, &a.keys));
    if (a.keys.n)
        return plan_unsupported(ctx, a.keys.items[0]->sql_offset,
                                "an equality of an ASOF JOIN must be between the two sides",
                                "filter one side in a subquery first");
    *out = (struct from_item){a.join, a.on.scope};
    return keeps_right ? add_unmatched(ctx, a.join, &out->plan) : LAMINAR_OK;
}
