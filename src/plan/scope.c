/* scope.c - which column a name means.
 *
 * Names compare exactly; an unquoted name that is found nowhere so is tried without regard to
 * case, because columns may have been made by a program (from an Arrow schema) with capitals in
 * their names. */
#include "plan/bind.h"
#include <strings.h>

laminar_status scope_of_plan(struct plan_context *ctx, const struct plan *plan, const char *table,
                             struct scope *out)
{
    ALLOC_OR_FAIL(ctx, out->cols, ARENA_ARRAY(ctx->arena, struct scope_column, plan->n_cols + 1));
    out->n = plan->n_cols;
    for (uint32_t i = 0; i < plan->n_cols; i++)
        out->cols[i] = (struct scope_column){
            .table = table, .name = plan->cols[i].name, .column = i};
    return LAMINAR_OK;
}

laminar_status scope_concat(struct plan_context *ctx, const struct scope *left,
                            const struct scope *right, uint32_t n_left, struct scope *out)
{
    struct scope_column *cols;
    ALLOC_OR_FAIL(ctx, cols, ARENA_ARRAY(ctx->arena, struct scope_column, left->n + right->n + 1));
    if (left->n) memcpy(cols, left->cols, left->n * sizeof *cols);
    for (uint32_t i = 0; i < right->n; i++) {
        struct scope_column *col = &cols[left->n + i];
        *col = right->cols[i];
        col->column += n_left;
        if (!col->merged) continue;
        ALLOC_OR_FAIL(ctx, col->merged, expr_copy(ctx->arena, col->merged));
        expr_shift(col->merged, n_left);
    }
    *out = (struct scope){cols, left->n + right->n};
    return LAMINAR_OK;
}

bool scope_has_table(const struct scope *scope, const char *table)
{
    for (uint32_t i = 0; i < scope->n; i++)
        if (scope->cols[i].table && strcmp(scope->cols[i].table, table) == 0) return true;
    return false;
}

static int32_t find_by(const struct scope *scope, const char *table, const char *name,
                       int (*compare)(const char *, const char *))
{
    int32_t found = -1;
    for (uint32_t i = 0; i < scope->n; i++) {
        const struct scope_column *col = &scope->cols[i];
        if (table ? !col->table || strcmp(col->table, table) != 0 : col->is_hidden) continue;
        if (compare(col->name, name) != 0) continue;
        if (found >= 0) return -2;
        found = (int32_t)i;
    }
    return found;
}

int32_t scope_find(const struct scope *scope, const char *table, const struct ast_name *name)
{
    int32_t found = find_by(scope, table, name->text, strcmp);
    return found == -1 && !name->is_quoted ? find_by(scope, table, name->text, strcasecmp) : found;
}

laminar_status scope_expr(struct select_block *q, const struct scope_column *col, bool by_bare_name,
                          uint32_t offset, struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    if (by_bare_name && col->merged) {
        ALLOC_OR_FAIL(ctx, *out, expr_copy(ctx->arena, col->merged));
    } else {
        const struct plan_column *c = &q->plan->cols[col->column];
        ALLOC_OR_FAIL(ctx, *out, expr_column(ctx->arena, col->column, c->type, c->is_nullable));
    }
    (*out)->sql_offset = offset;
    return LAMINAR_OK;
}

void scope_offer_names(const struct scope *scope, struct nearest_name *nearest)
{
    for (uint32_t i = 0; i < scope->n; i++) nearest_offer(nearest, scope->cols[i].name);
}
