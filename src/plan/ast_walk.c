/* ast_walk.c - children of syntax tree expressions, without going into subqueries. */
#include "plan/bind.h"

typedef void (*ast_visitor)(void *ctx, const struct ast_expr *child);

static void visit_one(const struct ast_expr *child, ast_visitor visit, void *ctx)
{
    if (child) visit(ctx, child);
}
static void visit_all(const struct ast_expr_list *list, ast_visitor visit, void *ctx)
{
    for (size_t i = 0; i < list->n; i++) visit_one(list->items[i], visit, ctx);
}
static void visit_order(const struct ast_order_list *list, ast_visitor visit, void *ctx)
{
    for (size_t i = 0; i < list->n; i++) visit_one(list->items[i].expr, visit, ctx);
}

static void visit_function(const struct ast_function *f, ast_visitor visit, void *ctx)
{
    visit_all(&f->args, visit, ctx);
    visit_order(&f->order_by, visit, ctx);
    visit_order(&f->within_group, visit, ctx);
    visit_one(f->filter, visit, ctx);
    if (!f->over) return;
    visit_all(&f->over->partition_by, visit, ctx);
    visit_order(&f->over->order_by, visit, ctx);
}

void ast_visit_children(const struct ast_expr *ast, ast_visitor visit, void *ctx)
{
    switch (ast->kind) {
    case AST_EXPR_NULL:
    case AST_EXPR_BOOL:
    case AST_EXPR_NUMBER:
    case AST_EXPR_STRING:
    case AST_EXPR_BLOB:
    case AST_EXPR_TYPED_LITERAL:
    case AST_EXPR_DEFAULT:
    case AST_EXPR_PARAMETER:
    case AST_EXPR_COLUMN:
    case AST_EXPR_EXISTS:
    case AST_EXPR_SUBQUERY:
    case AST_EXPR_ARRAY_QUERY:
    case AST_EXPR_TABLE_ARG:
    case AST_EXPR_DESCRIPTOR: break;
    case AST_EXPR_INTERVAL: visit_one(ast->u.interval.value, visit, ctx); break;
    case AST_EXPR_STAR:
        for (size_t i = 0; i < ast->u.star.n_replace; i++)
            visit_one(ast->u.star.replace[i].expr, visit, ctx);
        break;
    case AST_EXPR_UNARY: visit_one(ast->u.unary.operand, visit, ctx); break;
    case AST_EXPR_BINARY:
        visit_one(ast->u.binary.left, visit, ctx);
        visit_one(ast->u.binary.right, visit, ctx);
        break;
    case AST_EXPR_LOGICAL: visit_all(&ast->u.logical.operands, visit, ctx); break;
    case AST_EXPR_IS: visit_one(ast->u.is.operand, visit, ctx); break;
    case AST_EXPR_BETWEEN:
        visit_one(ast->u.between.operand, visit, ctx);
        visit_one(ast->u.between.low, visit, ctx);
        visit_one(ast->u.between.high, visit, ctx);
        break;
    case AST_EXPR_IN_LIST:
        visit_one(ast->u.in_list.operand, visit, ctx);
        visit_all(&ast->u.in_list.list, visit, ctx);
        break;
    case AST_EXPR_IN_QUERY: visit_one(ast->u.in_query.operand, visit, ctx); break;
    case AST_EXPR_QUANTIFIED:
        visit_one(ast->u.quantified.operand, visit, ctx);
        visit_one(ast->u.quantified.array, visit, ctx);
        break;
    case AST_EXPR_LIKE:
        visit_one(ast->u.like.operand, visit, ctx);
        visit_one(ast->u.like.pattern, visit, ctx);
        visit_one(ast->u.like.escape, visit, ctx);
        break;
    case AST_EXPR_CASE:
        visit_one(ast->u.case_.operand, visit, ctx);
        for (size_t i = 0; i < ast->u.case_.n_whens; i++) {
            visit_one(ast->u.case_.whens[i].when, visit, ctx);
            visit_one(ast->u.case_.whens[i].then, visit, ctx);
        }
        visit_one(ast->u.case_.otherwise, visit, ctx);
        break;
    case AST_EXPR_CAST: visit_one(ast->u.cast.operand, visit, ctx); break;
    case AST_EXPR_FUNCTION: visit_function(ast->u.function, visit, ctx); break;
    case AST_EXPR_EXTRACT: visit_one(ast->u.extract.operand, visit, ctx); break;
    case AST_EXPR_COLLATE: visit_one(ast->u.collate.operand, visit, ctx); break;
    case AST_EXPR_AT_TIME_ZONE:
        visit_one(ast->u.at_time_zone.operand, visit, ctx);
        visit_one(ast->u.at_time_zone.zone, visit, ctx);
        break;
    case AST_EXPR_ARRAY:
    case AST_EXPR_ROW: visit_all(&ast->u.list, visit, ctx); break;
    case AST_EXPR_STRUCT:
        for (size_t i = 0; i < ast->u.structure.n; i++)
            visit_one(ast->u.structure.fields[i].value, visit, ctx);
        break;
    case AST_EXPR_MAP:
        visit_all(&ast->u.map.keys, visit, ctx);
        visit_all(&ast->u.map.values, visit, ctx);
        break;
    case AST_EXPR_SUBSCRIPT:
        visit_one(ast->u.subscript.operand, visit, ctx);
        visit_one(ast->u.subscript.index, visit, ctx);
        break;
    case AST_EXPR_SLICE:
        visit_one(ast->u.slice.operand, visit, ctx);
        visit_one(ast->u.slice.low, visit, ctx);
        visit_one(ast->u.slice.high, visit, ctx);
        break;
    case AST_EXPR_FIELD: visit_one(ast->u.field.operand, visit, ctx); break;
    }
}

struct aggregate_search {
    const struct plan_context *ctx;
    bool found;
};

static void note_aggregate(void *ctx, const struct ast_expr *child)
{
    struct aggregate_search *search = ctx;
    search->found = search->found || ast_has_aggregate(search->ctx, child);
}

bool ast_has_aggregate(const struct plan_context *ctx, const struct ast_expr *ast)
{
    if (ast->kind == AST_EXPR_FUNCTION && !ast->u.function->over && ast->u.function->name.n == 1) {
        const char *name = ast->u.function->name.parts[0].text;
        if (is_aggregate_name(ctx, name)) return true;
    }
    struct aggregate_search search = {ctx, false};
    ast_visit_children(ast, note_aggregate, &search);
    return search.found;
}

static void look_for_subquery(void *ctx, const struct ast_expr *ast)
{
    bool *found = ctx;
    *found = *found || ast_has_subquery(ast);
}

bool ast_has_subquery(const struct ast_expr *ast)
{
    bool found = ast->kind == AST_EXPR_EXISTS || ast->kind == AST_EXPR_IN_QUERY ||
                 ast->kind == AST_EXPR_SUBQUERY || ast->kind == AST_EXPR_ARRAY_QUERY ||
                 ast->kind == AST_EXPR_QUANTIFIED;
    if (!found) ast_visit_children(ast, look_for_subquery, &found);
    return found;
}
