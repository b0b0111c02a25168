/* session_rows.c - the rows of a SESSION table, each with the bounds of its session.
 *
 * Which session a row is in is known when the session is. So an aggregate by session collects its rows as structs in an array, which comes apart again above it. All that holds for sessions
 * then holds for their rows: they come out when their session closes, or with EMIT ON UPDATE at once and again, with other bounds, whenever it grows; late ones
 * are counted and dropped, and what is closed is forgotten.
 * Cost: with EMIT ON UPDATE a row costs as much as its session has rows; else as much as in an array. */
#include "plan/plan_internal.h"
#include <stdio.h>

enum { ITEM_AT = 2 }; /* behind the bounds */

static laminar_status field_name(struct plan_context *ctx, uint32_t column, struct expr **out)
{
    char name[16];
    int size = snprintf(name, sizeof name, "c%u", column);
    ALLOC_OR_FAIL(ctx, *out, const_string(ctx->arena, name, (size_t)size));
    return LAMINAR_OK;
}

static laminar_status make_struct(struct plan_context *ctx, const struct plan *input,
                                  struct expr **out)
{
    struct expr **args;
    uint32_t n = input->n_cols;
    ALLOC_OR_FAIL(ctx, args, ARENA_ARRAY(ctx->arena, struct expr *, 2 * (size_t)n));
    for (uint32_t i = 0; i < n; i++) {
        CHECK(field_name(ctx, i, &args[2 * i]));
        ALLOC_OR_FAIL(ctx, args[2 * i + 1],
                      expr_column(ctx->arena, i, input->cols[i].type, input->cols[i].is_nullable));
    }
    return make_call(ctx, "named_struct", args, 2 * n, 0, out);
}

/* window_start, window_end, the array of rows, by session of the table's PARTITION BY. */
static laminar_status collect_rows(struct plan_context *ctx, const struct plan *table,
                                   struct plan **out)
{
    struct plan *aggregate, *input = table->inputs[0];
    struct aggregate_call *call;
    const char **names;
    static const char *const agg_names[] = {"rows"};
    CHECK(plan_new(ctx, PLAN_AGGREGATE, 1, 0, &aggregate));
    aggregate->inputs[0] = input;
    aggregate->sql_offset = table->sql_offset;
    aggregate->window = table->window;
    ALLOC_OR_FAIL(ctx, aggregate->group,
                  ARENA_ARRAY(ctx->arena, struct expr *, table->n_partition + 1));
    ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, table->n_partition + 1));
    for (uint32_t i = 0; i < table->n_partition; i++) {
        const struct plan_column *col = &input->cols[table->partition[i]];
        names[i] = col->name;
        ALLOC_OR_FAIL(ctx, aggregate->group[i],
                      expr_column(ctx->arena, table->partition[i], col->type, col->is_nullable));
    }
    aggregate->n_group = table->n_partition;
    ALLOC_OR_FAIL(ctx, call, ARENA_ARRAY(ctx->arena, struct aggregate_call, 1));
    ALLOC_OR_FAIL(ctx, call->args, ARENA_ARRAY(ctx->arena, struct expr *, 1));
    CHECK(make_struct(ctx, input, &call->args[0]));
    call->n_args = 1;
    CHECK(aggregate_bind(ctx->arena, "array_agg", &call->args[0]->type, 1, NULL, &call->agg,
                         ctx->err));
    aggregate->aggs = call;
    aggregate->n_aggs = 1;
    CHECK(plan_set_aggregate_columns(ctx, aggregate, names, agg_names));
    *out = aggregate;
    return LAMINAR_OK;
}

static laminar_status unnest_rows(struct plan_context *ctx, struct plan *aggregate,
                                  struct plan **out)
{
    struct plan *unnest;
    uint32_t at = aggregate_aggs_at(aggregate);
    const struct plan_column *rows = &aggregate->cols[at];
    CHECK(plan_new(ctx, PLAN_UNNEST, 1, ITEM_AT + 1, &unnest));
    unnest->inputs[0] = aggregate;
    ALLOC_OR_FAIL(ctx, unnest->pass, ARENA_ARRAY(ctx->arena, uint32_t, ITEM_AT));
    for (uint32_t i = 0; i < ITEM_AT; i++) {
        unnest->pass[i] = i;
        unnest->cols[i] = aggregate->cols[i];
    }
    unnest->n_pass = ITEM_AT;
    ALLOC_OR_FAIL(ctx, unnest->unnest, ARENA_ARRAY(ctx->arena, struct unnest_item, 1));
    struct unnest_item *item = unnest->unnest;
    ALLOC_OR_FAIL(ctx, item->args, ARENA_ARRAY(ctx->arena, struct expr *, 1));
    ALLOC_OR_FAIL(ctx, item->args[0], expr_column(ctx->arena, at, rows->type, rows->is_nullable));
    item->kind = UNNEST_LIST;
    item->n_args = 1;
    unnest->n_unnest = 1;
    unnest->cols[ITEM_AT] = (struct plan_column){
        .name = rows->name, .type = rows->type.info->fields[0].type, .is_nullable = true};
    *out = unnest;
    return LAMINAR_OK;
}

laminar_status plan_make_session_rows(struct plan_context *ctx, struct plan **table)
{
    struct plan *aggregate = NULL, *unnest = NULL;
    const struct plan *old = *table;
    uint32_t n = old->inputs[0]->n_cols;
    struct expr **exprs;
    const char **names;
    CHECK(collect_rows(ctx, old, &aggregate));
    CHECK(unnest_rows(ctx, aggregate, &unnest));
    ALLOC_OR_FAIL(ctx, exprs, ARENA_ARRAY(ctx->arena, struct expr *, old->n_cols));
    ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, old->n_cols));
    for (uint32_t i = 0; i < old->n_cols; i++) {
        struct expr *args[2];
        uint32_t from = i < n ? ITEM_AT : i - n;
        const struct plan_column *col = &unnest->cols[from];
        names[i] = old->cols[i].name;
        ALLOC_OR_FAIL(ctx, args[0], expr_column(ctx->arena, from, col->type, col->is_nullable));
        exprs[i] = args[0];
        if (i >= n) continue;
        CHECK(field_name(ctx, i, &args[1]));
        CHECK(make_call(ctx, "struct_extract", args, 2, old->sql_offset, &exprs[i]));
    }
    return plan_make_project(ctx, unnest, exprs, names, old->n_cols, table);
}
