/* plan_copy.c - a plan of its own with the same meaning: for rewrites that need a part twice (nodes and expressions belong to one place each). */
#include "plan/plan_internal.h"

static laminar_status copy_array(struct plan_context *ctx, const void *from, size_t n, size_t size,
                                 void **out)
{
    *out = NULL;
    if (!from) return LAMINAR_OK;
    size_t bytes;
    if (!size_mul(n ? n : 1, size, &bytes)) return plan_oom(ctx);
    ALLOC_OR_FAIL(ctx, *out, arena_alloc(ctx->arena, bytes));
    if (n) memcpy(*out, from, n * size);
    return LAMINAR_OK;
}
#define COPY_ARRAY(field, n)                                                                       \
    CHECK(copy_array(ctx, (field), (n), sizeof *(field), (void **)&(field)))

static laminar_status copy_expr(struct expr_visitor *visitor, struct expr **e, unused int side)
{
    ALLOC_OR_FAIL(visitor->ctx, *e, expr_copy(visitor->ctx->arena, *e));
    return LAMINAR_OK;
}

static laminar_status copy_call(struct plan_context *ctx, struct aggregate_call *call)
{
    COPY_ARRAY(call->args, call->n_args);
    COPY_ARRAY(call->order_args, call->n_order);
    COPY_ARRAY(call->order_keys, call->n_order);
    return LAMINAR_OK;
}

/* The arrays that the node holds, so that visiting may replace their items. */
static laminar_status copy_arrays(struct plan_context *ctx, struct plan *plan)
{
    size_t n_exprs = plan->kind == PLAN_PROJECT ? plan->n_cols : plan->n_rows * plan->n_cols;
    COPY_ARRAY(plan->cols, plan->n_cols);
    COPY_ARRAY(plan->inputs, plan->n_inputs);
    COPY_ARRAY(plan->scan_cols, plan->n_cols);
    COPY_ARRAY(plan->exprs, n_exprs);
    COPY_ARRAY(plan->group, plan->n_group);
    COPY_ARRAY(plan->aggs, plan->n_aggs);
    for (uint32_t i = 0; i < plan->n_aggs; i++) CHECK(copy_call(ctx, &plan->aggs[i]));
    COPY_ARRAY(plan->overs, plan->n_overs);
    for (uint32_t i = 0; i < plan->n_overs; i++) CHECK(copy_call(ctx, &plan->overs[i].agg));
    COPY_ARRAY(plan->left_keys, plan->n_keys);
    COPY_ARRAY(plan->right_keys, plan->n_keys);
    COPY_ARRAY(plan->unnest, plan->n_unnest);
    for (uint32_t i = 0; i < plan->n_unnest; i++)
        COPY_ARRAY(plan->unnest[i].args, plan->unnest[i].n_args);
    COPY_ARRAY(plan->pass, plan->n_pass);
    COPY_ARRAY(plan->time_bounds, plan->n_time_bounds);
    COPY_ARRAY(plan->sort, plan->n_sort);
    COPY_ARRAY(plan->partition, plan->n_partition);
    return LAMINAR_OK;
}

laminar_status plan_copy(struct plan_context *ctx, const struct plan *plan, struct plan **out)
{
    struct plan *copy;
    CHECK(plan_new(ctx, plan->kind, 0, 0, &copy));
    *copy = *plan;
    CHECK(copy_arrays(ctx, copy));
    struct expr_visitor visitor = {.visit = copy_expr, .ctx = ctx};
    CHECK(plan_visit_exprs(copy, &visitor));
    for (uint32_t i = 0; i < copy->n_inputs; i++)
        CHECK(plan_copy(ctx, plan->inputs[i], &copy->inputs[i]));
    *out = copy;
    return LAMINAR_OK;
}
