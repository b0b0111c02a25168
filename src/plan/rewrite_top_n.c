/* rewrite_top_n.c - ROW_NUMBER() <= n, RANK() <= n, DENSE_RANK() <= n (of QUALIFY, or around a
 * subquery) need the first rows of each partition alone: a top-N goes under the window functions,
 * which then see what it lets through. Where one row of each is left, there is nothing to number. */
#include "plan/plan_internal.h"

/* Is the value of a row the same without the rows behind it (CUT), or behind its peers? */
static bool sees_only_before(const struct over_call *call, enum top_ties ties)
{
    const struct over_frame *frame = &call->frame;
    switch (call->kind) {
    case OVER_ROW_NUMBER:
    case OVER_RANK:
    case OVER_DENSE_RANK: return true;
    case OVER_LAG: return call->n >= 0;
    case OVER_PERCENT_RANK:
    case OVER_CUME_DIST:
    case OVER_NTILE: return false;
    case OVER_FIRST_VALUE:
    case OVER_LAST_VALUE:
    case OVER_NTH_VALUE:
    case OVER_AGGREGATE: break;
    }
    if (frame->end.kind > BOUND_CURRENT) return false;
    return ties != TIES_CUT || (frame->unit == FRAME_ROWS && frame->exclude <= EXCLUDE_CURRENT);
}

/* `rank <= n` as a limit, whichever way it is written; *is_exact: the limit says all of it. */
static bool limit_of(const struct plan *over, const struct expr *e, enum top_ties *ties,
                     uint64_t *limit, bool *is_exact)
{
    static const struct {
        const char *name, *mirrored;
    } ops[] = {{"<=", ">="}, {"<", ">"}, {"=", "="}};
    for (size_t i = 0; i < ARRAY_LENGTH(ops); i++) {
        for (uint32_t side = 0; side < 2; side++) {
            if (!expr_is_call(e, side ? ops[i].mirrored : ops[i].name)) continue;
            const struct expr *rank = e->args[side], *n = e->args[1 - side];
            int64_t value;
            if (rank->kind != EXPR_COLUMN || rank->column < over->inputs[0]->n_cols ||
                n->kind != EXPR_CONST || !const_get_int64(n, &value))
                continue;
            enum over_kind kind = over->overs[rank->column - over->inputs[0]->n_cols].kind;
            if (kind != OVER_ROW_NUMBER && kind != OVER_RANK && kind != OVER_DENSE_RANK) continue;
            *ties = kind == OVER_ROW_NUMBER ? TIES_CUT : kind == OVER_RANK ? TIES_RANK : TIES_DENSE;
            if (i == 1 && value > INT64_MIN) value--;
            *limit = value < 0 ? 0 : (uint64_t)value;
            *is_exact = i < 2 || value == 1;
            return true;
        }
    }
    return false;
}

static laminar_status put_top(struct plan_context *ctx, struct plan *over, enum top_ties ties,
                              uint64_t limit)
{
    struct plan *top;
    CHECK(plan_new_over(ctx, PLAN_TOP_N, over->inputs[0], &top));
    ALLOC_OR_FAIL(ctx, top->sort, ARENA_ARRAY(ctx->arena, struct sort_key, over->n_sort + 1));
    ALLOC_OR_FAIL(ctx, top->partition, ARENA_ARRAY(ctx->arena, uint32_t, over->n_partition + 1));
    if (over->n_sort) memcpy(top->sort, over->sort, over->n_sort * sizeof *top->sort);
    if (over->n_partition)
        memcpy(top->partition, over->partition, over->n_partition * sizeof *top->partition);
    top->n_sort = over->n_sort;
    top->n_partition = over->n_partition;
    top->has_limit = true;
    top->limit = limit;
    top->ties = ties;
    top->sql_offset = over->sql_offset;
    over->inputs[0] = top;
    return LAMINAR_OK;
}

/* All that is numbered is number one. */
static bool is_all_ones(const struct plan *over, enum top_ties ties)
{
    for (uint32_t i = 0; i < over->n_overs; i++) {
        enum over_kind kind = over->overs[i].kind;
        bool is_rank = kind == OVER_RANK || kind == OVER_DENSE_RANK;
        if (!is_rank && (kind != OVER_ROW_NUMBER || ties != TIES_CUT)) return false;
    }
    return true;
}

static laminar_status number_one(struct plan_context *ctx, struct plan **node)
{
    struct plan *over = *node, *input = over->inputs[0], *project;
    struct expr **exprs;
    const char **names;
    ALLOC_OR_FAIL(ctx, exprs, ARENA_ARRAY(ctx->arena, struct expr *, over->n_cols + 1));
    ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, over->n_cols + 1));
    for (uint32_t i = 0; i < over->n_cols; i++) {
        const struct plan_column *col = &over->cols[i];
        names[i] = col->name;
        ALLOC_OR_FAIL(ctx, exprs[i],
                      i < input->n_cols ? expr_column(ctx->arena, i, col->type, col->is_nullable)
                                        : const_int64(ctx->arena, 1));
    }
    CHECK(plan_make_project(ctx, input, exprs, names, over->n_cols, &project));
    for (uint32_t i = 0; i < over->n_cols; i++) project->cols[i].table = over->cols[i].table;
    *node = project;
    return LAMINAR_OK;
}

static laminar_status rewrite_filter(struct plan_context *ctx, struct plan **node)
{
    struct plan *filter = *node, *over = filter->inputs[0];
    struct expr_list parts = {0}, stay = {0};
    enum top_ties ties = TIES_CUT, found_ties;
    uint64_t limit = UINT64_MAX, found;
    uint32_t best = UINT32_MAX;
    bool is_exact = false, found_exact;
    if (!over->n_sort && !over->n_partition) return LAMINAR_OK;
    CHECK(expr_split_and(ctx, filter->predicate, &parts));
    for (uint32_t i = 0; i < parts.n; i++) {
        if (!limit_of(over, parts.items[i], &found_ties, &found, &found_exact) || found >= limit)
            continue;
        bool is_safe = true;
        for (uint32_t c = 0; c < over->n_overs; c++)
            is_safe &= sees_only_before(&over->overs[c], found_ties);
        if (!is_safe) continue;
        best = i;
        limit = found;
        ties = found_ties;
        is_exact = found_exact;
    }
    if (best == UINT32_MAX) return LAMINAR_OK;
    CHECK(put_top(ctx, over, ties, limit));
    if (limit == 1 && is_all_ones(over, ties)) CHECK(number_one(ctx, &filter->inputs[0]));
    for (uint32_t i = 0; i < parts.n; i++)
        if (i != best || !is_exact) CHECK(expr_list_push(ctx, &stay, parts.items[i]));
    struct expr *predicate;
    CHECK(expr_make_and(ctx, &stay, &predicate));
    if (predicate)
        filter->predicate = predicate;
    else
        *node = filter->inputs[0];
    return LAMINAR_OK;
}

laminar_status rewrite_top_n(struct plan_context *ctx, struct plan **plan)
{
    for (uint32_t i = 0; i < (*plan)->n_inputs; i++) CHECK(rewrite_top_n(ctx, &(*plan)->inputs[i]));
    if ((*plan)->kind == PLAN_FILTER && (*plan)->inputs[0]->kind == PLAN_OVER)
        return rewrite_filter(ctx, plan);
    return LAMINAR_OK;
}
