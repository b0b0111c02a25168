/* bind_qualify.c - QUALIFY row_number() OVER (PARTITION BY ... ORDER BY ...) <= n: the first n
 * rows of each partition, kept by a top-N operator. Other window functions, and other conditions
 * on this one, are refused. */
#include "plan/bind.h"

static bool is_row_number(const struct ast_expr *ast)
{
    return ast->kind == AST_EXPR_FUNCTION && ast->u.function->over &&
           ast->u.function->name.n == 1 &&
           strcmp(ast->u.function->name.parts[0].text, "row_number") == 0;
}

/* The call itself, or the alias of one in the select list. */
static const struct ast_expr *find_call(const struct select_block *q, const struct ast_expr *ast)
{
    if (is_row_number(ast)) return ast;
    if (ast->kind != AST_EXPR_COLUMN || ast->u.column.n != 1) return NULL;
    for (size_t i = 0; i < q->select->n_items; i++) {
        const struct ast_select_item *item = &q->select->items[i];
        if (item->alias.text && strcmp(item->alias.text, ast->u.column.parts[0].text) == 0 &&
            is_row_number(item->expr))
            return item->expr;
    }
    return NULL;
}

static laminar_status refuse(struct select_block *q, const struct ast_expr *ast)
{
    return plan_unsupported(q->ctx, ast->span.start, "this QUALIFY is not supported",
                            "QUALIFY ROW_NUMBER() OVER (PARTITION BY ... ORDER BY ...) <= n is");
}

laminar_status bind_qualify(struct select_block *q, struct qualify *out)
{
    const struct ast_expr *condition = q->select->qualify, *limit;
    if (condition->kind != AST_EXPR_BINARY) return refuse(q, condition);
    enum ast_binary_op op = condition->u.binary.op;
    out->call = find_call(q, condition->u.binary.left);
    limit = condition->u.binary.right;
    if (!out->call) { /* n >= row_number() */
        out->call = find_call(q, condition->u.binary.right);
        limit = condition->u.binary.left;
        op = op == AST_BINARY_GE   ? AST_BINARY_LE
             : op == AST_BINARY_GT ? AST_BINARY_LT
             : op == AST_BINARY_EQ ? AST_BINARY_EQ
                                   : AST_BINARY_NE;
    }
    if (!out->call) return refuse(q, condition);
    const struct ast_window *window = out->call->u.function->over;
    if (window->base.text || window->frame) return refuse(q, out->call);
    struct select_block constants = {.b = q->b, .ctx = q->ctx, .clause = {.name = "QUALIFY"}};
    bool is_null = false;
    CHECK(bind_count(&constants, limit, "the limit of QUALIFY", &out->limit, &is_null));
    if (is_null) out->limit = 0;
    if (op == AST_BINARY_LT && out->limit > 0)
        out->limit--;
    else if (op != AST_BINARY_LE && op != AST_BINARY_LT &&
             !(op == AST_BINARY_EQ && out->limit == 1))
        return refuse(q, condition);
    return LAMINAR_OK;
}
