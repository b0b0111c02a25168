/* bind_function.c - calls: the few forms that are expressions of their own (COALESCE, NULLIF
 * ...), window bounds, aggregates, and everything else from the registry of functions. */
#include "plan/bind.h"

static laminar_status wrong_count(struct select_block *q, const struct ast_expr *ast,
                                  const char *signature)
{
    return plan_error(q->ctx, LAMINAR_QUERY_FAILED, ast->span.start, "%s takes other arguments: %s",
                      ast->u.function->name.parts[0].text, signature);
}

static laminar_status bind_coalesce(struct select_block *q, const struct ast_expr *ast,
                                    struct expr **out)
{
    const struct ast_function *f = ast->u.function;
    struct expr **items, *e;
    if (f->args.n == 0) return wrong_count(q, ast, "coalesce(x, ...)");
    CHECK(bind_exprs(q, f->args.items, f->args.n, &items));
    struct data_type type;
    CHECK(make_common(q->ctx, items, (uint32_t)f->args.n, "the arguments of COALESCE", &type));
    if (f->args.n == 1) {
        *out = items[0];
        return LAMINAR_OK;
    }
    ALLOC_OR_FAIL(q->ctx, e, expr_new(q->ctx->arena, EXPR_COALESCE, type, (uint32_t)f->args.n));
    e->sql_offset = ast->span.start;
    e->is_nullable = true;
    for (size_t i = 0; i < f->args.n; i++) {
        e->args[i] = items[i];
        e->is_nullable = e->is_nullable && items[i]->is_nullable;
    }
    *out = e;
    return LAMINAR_OK;
}

static laminar_status make_case(struct select_block *q, const struct ast_expr *ast,
                                struct expr *when, struct expr *then, struct expr *otherwise,
                                struct expr **out)
{
    struct expr *e, *values[] = {then, otherwise};
    ALLOC_OR_FAIL(q->ctx, e, expr_new(q->ctx->arena, EXPR_CASE, TYPE(NULL), 3));
    CHECK(make_common(q->ctx, values, 2, "the branches", &e->type));
    e->args[0] = when;
    e->args[1] = values[0];
    e->args[2] = values[1];
    e->is_nullable = values[0]->is_nullable || values[1]->is_nullable;
    e->sql_offset = ast->span.start;
    *out = e;
    return LAMINAR_OK;
}

static laminar_status bind_nullif(struct select_block *q, const struct ast_expr *ast,
                                  struct expr **out)
{
    struct expr **args, *a, *equal, *null;
    if (ast->u.function->args.n != 2) return wrong_count(q, ast, "nullif(a, b)");
    CHECK(bind_exprs(q, ast->u.function->args.items, 2, &args));
    ALLOC_OR_FAIL(q->ctx, a, expr_copy(q->ctx->arena, args[0]));
    CHECK(make_comparison(q->ctx, "=", args[0], args[1], ast->span.start, &equal));
    ALLOC_OR_FAIL(q->ctx, null, const_null(q->ctx->arena, a->type));
    return make_case(q, ast, equal, null, a, out);
}

static laminar_status bind_if(struct select_block *q, const struct ast_expr *ast, struct expr **out)
{
    struct expr **args;
    if (ast->u.function->args.n != 3) return wrong_count(q, ast, "if(condition, then, else)");
    CHECK(bind_exprs(q, ast->u.function->args.items, 3, &args));
    CHECK(make_condition(q->ctx, args[0], "the condition of IF", &args[0]));
    return make_case(q, ast, args[0], args[1], args[2], out);
}

struct special_form {
    const char *name;
    laminar_status (*bind)(struct select_block *q, const struct ast_expr *ast, struct expr **out);
};
static const struct special_form special_forms[] = {
    {"coalesce", bind_coalesce}, {"ifnull", bind_coalesce}, {"nvl", bind_coalesce},
    {"nullif", bind_nullif},     {"if", bind_if},           {"iff", bind_if},
};

bool plan_is_special_call(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(special_forms); i++)
        if (strcmp(special_forms[i].name, name) == 0) return true;
    return window_function_known(name) || strcmp(name, "grouping") == 0;
}

static laminar_status refuse_modifiers(struct select_block *q, const struct ast_expr *ast,
                                       const char *name)
{
    const struct ast_function *f = ast->u.function;
    const char *modifier = f->is_star                                   ? "*"
                           : f->is_distinct                             ? "DISTINCT"
                           : f->filter                                  ? "FILTER"
                           : f->order_by.n                              ? "ORDER BY"
                           : f->within_group.n                          ? "WITHIN GROUP"
                           : f->null_treatment != AST_NULLS_UNSPECIFIED ? "RESPECT / IGNORE NULLS"
                                                                        : NULL;
    if (!modifier) return LAMINAR_OK;
    return plan_error(q->ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                      "%s is not an aggregate function: it takes no %s", name, modifier);
}

laminar_status bind_function(struct select_block *q, const struct ast_expr *ast, struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    const struct ast_function *f = ast->u.function;
    const char *name = ast_qname_last(&f->name)->text;
    if (f->name.n > 1)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                          "functions have no schema: write %s(...)", name);
    if (f->arg_names)
        for (size_t i = 0; i < f->args.n; i++)
            if (f->arg_names[i].text)
                return plan_unsupported(ctx, f->arg_names[i].span.start,
                                        "named arguments are not supported here",
                                        "give the arguments in order");
    if (f->over) return bind_over(q, ast, out);
    if (strcmp(name, "grouping") == 0 || strcmp(name, "grouping_id") == 0)
        return bind_grouping_function(q, ast, out);
    if (ast_is_unnest(ast)) return bind_unnest_call(q, ast, out);
    if (window_function_known(name)) return bind_window_bound(q, ast, out);
    for (size_t i = 0; i < ARRAY_LENGTH(special_forms); i++) {
        if (strcmp(special_forms[i].name, name) != 0) continue;
        CHECK(refuse_modifiers(q, ast, name));
        return special_forms[i].bind(q, ast, out);
    }
    if (is_aggregate_name(ctx, name)) return bind_aggregate_call(q, ast, out);
    if (over_function_known(name)) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start, "%s() needs OVER (...)", name);
        error_hint(ctx->err, "for example %s(...) OVER (PARTITION BY k ORDER BY t)", name);
        return LAMINAR_QUERY_FAILED;
    }
    if (function_find(name) || library_has_scalar(ctx->functions, name))
        CHECK(refuse_modifiers(q, ast, name));
    struct expr **args;
    CHECK(bind_exprs(q, f->args.items, f->args.n, &args));
    return make_call(ctx, name, args, (uint32_t)f->args.n, ast->span.start, out);
}
