/* rewrite_merge_projects.c - a projection of a projection is one projection, where nothing is
 * computed twice by it; one that changes nothing goes. Its names go with it: inside a plan they
 * are for reading only, and those of the whole plan are put back at the end (rewrite.c). */
#include "plan/plan_internal.h"

static bool is_trivial(const struct expr *e)
{
    return e->kind == EXPR_COLUMN || e->kind == EXPR_CONST;
}

static laminar_status merge(struct plan_context *ctx, struct plan *outer)
{
    struct plan *inner = outer->inputs[0];
    uint32_t *uses;
    ALLOC_OR_FAIL(ctx, uses, ARENA_ARRAY(ctx->arena, uint32_t, inner->n_cols + 1));
    for (uint32_t i = 0; i < outer->n_cols; i++) expr_count_columns(outer->exprs[i], uses);
    size_t size = 0;
    for (uint32_t i = 0; i < inner->n_cols; i++) {
        if (is_trivial(inner->exprs[i])) continue;
        if (uses[i] > 1) return LAMINAR_OK;
        size += expr_size(inner->exprs[i]);
    }
    if (size > SUBSTITUTED_SIZE_MAX) return LAMINAR_OK;
    for (uint32_t i = 0; i < outer->n_cols; i++)
        ALLOC_OR_FAIL(ctx, outer->exprs[i],
                      expr_substitute(ctx->arena, outer->exprs[i], inner->exprs));
    outer->inputs[0] = inner->inputs[0];
    return LAMINAR_OK;
}

static bool is_identity(const struct plan *project)
{
    if (project->n_cols != project->inputs[0]->n_cols) return false;
    for (uint32_t i = 0; i < project->n_cols; i++)
        if (project->exprs[i]->kind != EXPR_COLUMN || project->exprs[i]->column != i) return false;
    return true;
}

laminar_status rewrite_merge_projects(struct plan_context *ctx, struct plan **plan)
{
    struct plan *p = *plan;
    for (uint32_t i = 0; i < p->n_inputs; i++) CHECK(rewrite_merge_projects(ctx, &p->inputs[i]));
    if (p->kind != PLAN_PROJECT) return LAMINAR_OK;
    if (p->inputs[0]->kind == PLAN_PROJECT) CHECK(merge(ctx, p));
    if (!is_identity(p)) return LAMINAR_OK;
    *plan = p->inputs[0];
    return LAMINAR_OK;
}
