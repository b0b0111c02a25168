/* rewrite_fold.c - constants: what can be computed now is, conditions that are always true or
 * false go, and a projection of constant rows is constant rows. A constant that fails (1 / 0)
 * stays as it is: it may stand in a branch that no row takes. */
#include "plan/plan_internal.h"

enum { FOLDED_ROWS_MAX = 1024 };

static laminar_status try_evaluate(struct plan_context *ctx, struct expr **e)
{
    if (!ctx->evaluate) return LAMINAR_OK;
    struct laminar_error ignored = LAMINAR_ERROR_INIT;
    struct vector value;
    laminar_status status = ctx->evaluate(ctx->evaluate_ctx, *e, ctx->arena, &value, &ignored);
    if (status == LAMINAR_OUT_OF_MEMORY) return plan_oom(ctx);
    if (status != LAMINAR_OK || !type_equal(value.type, (*e)->type)) return LAMINAR_OK;
    struct expr *folded;
    ALLOC_OR_FAIL(ctx, folded, expr_const(ctx->arena, &value, 0));
    folded->sql_offset = (*e)->sql_offset;
    *e = folded;
    return LAMINAR_OK;
}

static laminar_status fold_call(struct plan_context *ctx, struct expr **e)
{
    const struct expr *call = *e;
    if (call->kind == EXPR_CALL && (call->fn->flags & (FN_VOLATILE | FN_STEP_STABLE)))
        return LAMINAR_OK;
    bool all_const = true;
    for (uint32_t i = 0; i < call->n_args; i++) {
        all_const = all_const && expr_is_const(call->args[i]);
        if (call->kind == EXPR_CALL && (call->fn->flags & FN_STRICT) &&
            expr_is_const_null(call->args[i])) {
            ALLOC_OR_FAIL(ctx, *e, const_null(ctx->arena, call->type));
            (*e)->sql_offset = call->sql_offset;
            return LAMINAR_OK;
        }
    }
    return all_const ? try_evaluate(ctx, e) : LAMINAR_OK;
}

/* AND (OR): `neutral` true (false) operands go, a false (true) one decides. Nested ones of the
 * same kind are taken in. */
static laminar_status fold_logical(struct plan_context *ctx, struct expr **e)
{
    struct expr *old = *e;
    bool neutral = old->kind == EXPR_AND;
    struct expr_list kept = {0};
    for (uint32_t i = 0; i < old->n_args; i++) {
        struct expr *arg = old->args[i];
        if (expr_is_const_bool(arg, neutral)) continue;
        if (expr_is_const_bool(arg, !neutral)) {
            *e = arg;
            return LAMINAR_OK;
        }
        uint32_t n = arg->kind == old->kind ? arg->n_args : 1;
        for (uint32_t j = 0; j < n; j++)
            CHECK(expr_list_push(ctx, &kept, arg->kind == old->kind ? arg->args[j] : arg));
    }
    if (kept.n == 0) {
        ALLOC_OR_FAIL(ctx, *e, const_bool(ctx->arena, neutral));
        (*e)->sql_offset = old->sql_offset;
    } else if (kept.n == 1) {
        *e = kept.items[0];
    } else {
        old->args = kept.items;
        old->n_args = kept.n;
    }
    return LAMINAR_OK;
}

static bool is_never(const struct expr *when)
{
    return expr_is_const_null(when) || expr_is_const_bool(when, false);
}

static laminar_status fold_case(struct plan_context *ctx, struct expr **e)
{
    (void)ctx;
    struct expr *old = *e;
    uint32_t n = 0, i = 0;
    for (; i + 1 < old->n_args; i += 2) {
        if (is_never(old->args[i])) continue;
        /* the rest is never reached: its value is the ELSE */
        if (expr_is_const_bool(old->args[i], true)) break;
        old->args[n++] = old->args[i];
        old->args[n++] = old->args[i + 1];
    }
    old->args[n++] = i + 1 < old->n_args ? old->args[i + 1] : old->args[old->n_args - 1];
    old->n_args = n;
    if (n == 1) *e = old->args[0];
    return LAMINAR_OK;
}

static laminar_status fold_coalesce(struct plan_context *ctx, struct expr **e)
{
    struct expr *old = *e;
    uint32_t n = 0;
    for (uint32_t i = 0; i < old->n_args; i++) {
        if (expr_is_const_null(old->args[i])) continue;
        old->args[n++] = old->args[i];
        if (!old->args[n - 1]->is_nullable) break;
    }
    if (n == 0)
        ALLOC_OR_FAIL(ctx, *e, const_null(ctx->arena, old->type));
    else if (n == 1)
        *e = old->args[0];
    else
        old->n_args = n;
    return LAMINAR_OK;
}

laminar_status rewrite_fold_expr(struct plan_context *ctx, struct expr **e)
{
    for (uint32_t i = 0; i < (*e)->n_args; i++) CHECK(rewrite_fold_expr(ctx, &(*e)->args[i]));
    switch ((*e)->kind) {
    case EXPR_CALL:
    case EXPR_IN_LIST: return fold_call(ctx, e);
    case EXPR_AND:
    case EXPR_OR: return fold_logical(ctx, e);
    case EXPR_CASE: return fold_case(ctx, e);
    case EXPR_COALESCE: return fold_coalesce(ctx, e);
    case EXPR_COLUMN:
    case EXPR_CONST:
    case EXPR_SUBQUERY:
    case EXPR_OUTER: break;
    }
    return LAMINAR_OK;
}

static laminar_status fold_visit(struct expr_visitor *visitor, struct expr **e, unused int side)
{
    return rewrite_fold_expr(visitor->ctx, e);
}

/* What nobody reads is not computed. In a stream whose input has a watermark the filter stays: what reads the stream may wait for it. */
static laminar_status no_rows(struct plan_context *ctx, struct plan **plan)
{
    struct plan *empty, *filter = *plan;
    if (ctx->is_stream) {
        CHECK(plan_compute_properties(ctx, filter->inputs[0]));
        if (filter->inputs[0]->props.time_col >= 0) {
            ALLOC_OR_FAIL(ctx, filter->predicate, const_bool(ctx->arena, false));
            return LAMINAR_OK;
        }
    }
    CHECK(plan_new(ctx, PLAN_VALUES, 0, (*plan)->n_cols, &empty));
    memcpy(empty->cols, (*plan)->cols, (*plan)->n_cols * sizeof *empty->cols);
    empty->sql_offset = (*plan)->sql_offset;
    *plan = empty;
    return LAMINAR_OK;
}

/* PROJECT over VALUES: the projection of each row. */
static laminar_status project_values(struct plan_context *ctx, struct plan **plan)
{
    struct plan *project = *plan, *values = project->inputs[0];
    struct expr **cells;
    size_t n;
    if (values->n_rows > FOLDED_ROWS_MAX || !size_mul(values->n_rows, project->n_cols, &n))
        return LAMINAR_OK;
    ALLOC_OR_FAIL(ctx, cells, ARENA_ARRAY(ctx->arena, struct expr *, n + 1));
    for (size_t r = 0; r < values->n_rows; r++) {
        for (uint32_t c = 0; c < project->n_cols; c++) {
            struct expr *cell;
            ALLOC_OR_FAIL(
                ctx, cell,
                expr_substitute(ctx->arena, project->exprs[c], values->exprs + r * values->n_cols));
            CHECK(rewrite_fold_expr(ctx, &cell));
            if (!expr_is_const(cell) && values->n_rows > 1) return LAMINAR_OK;
            cells[r * project->n_cols + c] = cell;
        }
    }
    struct plan *folded;
    CHECK(plan_new(ctx, PLAN_VALUES, 0, project->n_cols, &folded));
    memcpy(folded->cols, project->cols, project->n_cols * sizeof *folded->cols);
    folded->exprs = cells;
    folded->n_rows = values->n_rows;
    folded->sql_offset = project->sql_offset;
    *plan = folded;
    return LAMINAR_OK;
}

static void drop_true(struct expr **predicate)
{
    if (*predicate && expr_is_const_bool(*predicate, true)) *predicate = NULL;
}

laminar_status rewrite_fold(struct plan_context *ctx, struct plan **plan)
{
    struct plan *p = *plan;
    for (uint32_t i = 0; i < p->n_inputs; i++) CHECK(rewrite_fold(ctx, &p->inputs[i]));
    struct expr_visitor visitor = {.visit = fold_visit, .ctx = ctx};
    CHECK(plan_visit_exprs(p, &visitor));
    if (p->kind == PLAN_PROJECT && p->inputs[0]->kind == PLAN_VALUES)
        return project_values(ctx, plan);
    for (uint32_t i = 0; i < p->n_aggs; i++) drop_true(&p->aggs[i].filter);
    if (p->kind == PLAN_JOIN) drop_true(&p->predicate);
    if (p->kind != PLAN_FILTER) return LAMINAR_OK;
    /* a window that sends late rows on stays, whatever becomes of its groups */
    bool must_stay = ctx->keeps_late_rows && plan_has_window(p);
    if (is_never(p->predicate) && !must_stay) return no_rows(ctx, plan);
    if (expr_is_const_bool(p->predicate, true)) *plan = p->inputs[0];
    return LAMINAR_OK;
}
