/* over_eval.c - see over_eval.h. Ranks, neighbours and values of frames are here, aggregates in over_aggregate.c. */
#include "exec/over_eval.h"
#include "base/error.h"
#include "exec/over_aggregate.h"
#include "exec/over_frame.h"

/* --- Ranks ----------------------------------------------------------------------------------------------------------------------------------- */

static int64_t rank_of(const struct over_eval *e, enum over_kind kind, size_t i,
                       int64_t groups_before)
{
    int64_t before = (int64_t)e->rows_before;
    if (kind == OVER_ROW_NUMBER) return before + (int64_t)i + 1;
    if (kind == OVER_RANK) return before + e->peer_start.items[i] + 1;
    return groups_before + e->peer_no.items[i] + 1;
}

/* Of n rows in k buckets the first n % k have one row more. */
static int64_t bucket_of(size_t i, size_t n, uint64_t k)
{
    uint64_t small = n / k, n_large = n % k, in_large = n_large * (small + 1);
    if (i < in_large) return (int64_t)(i / (small + 1)) + 1;
    return (int64_t)(n_large + (i - in_large) / small) + 1;
}

static laminar_status eval_rank(struct over_eval *e, struct over_work *w, struct laminar_error *err)
{
    size_t n = e->to - e->from;
    laminar_status status = column_reserve(&w->result, n, err);
    if (status) return status;
    int64_t *out = w->result.vec.data, groups_before = 0;
    /* the partition's groups so far: what the row before has */
    if (e->has_before) groups_before = *(const int64_t *)w->before.vec.data;
    for (size_t i = e->from; i < e->to; i++)
        out[i - e->from] = w->call->kind == OVER_NTILE
                               ? bucket_of(i, e->n, (uint64_t)w->call->n)
                               : rank_of(e, w->call->kind, i, groups_before);
    w->result.n = n;
    return LAMINAR_OK;
}

static laminar_status eval_share(struct over_eval *e, struct over_work *w,
                                 struct laminar_error *err)
{
    size_t n = e->to - e->from;
    laminar_status status = column_reserve(&w->result, n, err);
    if (status) return status;
    double *out = w->result.vec.data;
    for (size_t i = e->from; i < e->to; i++) {
        if (w->call->kind == OVER_CUME_DIST)
            out[i - e->from] = (double)e->peer_end.items[i] / (double)e->n;
        else
            out[i - e->from] = e->n == 1 ? 0 : (double)e->peer_start.items[i] / (double)(e->n - 1);
    }
    w->result.n = n;
    return LAMINAR_OK;
}

/* --- Values of other rows ---------------------------------------------------------------------------------------------------------------------- */

const struct vector *over_argument(const struct over_eval *e, const struct expr *arg)
{
    return arg->kind == EXPR_CONST ? &arg->value : &e->vecs[arg->column];
}

/* The row that many rows away; with IGNORE NULLS rows without a value don't count. -1: none. */
static int64_t lagged_row(const struct over_eval *e, const struct over_work *w,
                          const struct vector *values, size_t i)
{
    int64_t n = w->call->n, at = (int64_t)i;
    if (!w->call->ignores_nulls) {
        at -= n;
        return at < 0 || at >= (int64_t)e->n ? -1 : at;
    }
    int64_t step = n < 0 ? 1 : -1, left = n < 0 ? -n : n;
    while (left > 0) {
        at += step;
        if (at < 0 || at >= (int64_t)e->n) return -1;
        left -= vector_is_valid(values, (size_t)at);
    }
    return at;
}

static laminar_status eval_lag(struct over_eval *e, struct over_work *w, struct laminar_error *err)
{
    const struct aggregate_call *call = &w->call->agg;
    const struct vector *values = over_argument(e, call->args[0]),
                        *otherwise = call->n_args > 1 ? over_argument(e, call->args[1]) : NULL;
    laminar_status status = LAMINAR_OK;
    for (size_t i = e->from; i < e->to && !status; i++) {
        int64_t row = lagged_row(e, w, values, i);
        if (row >= 0)
            status = column_append(&w->result, values, (size_t)row, 1, STRINGS_BORROW, err);
        else if (otherwise)
            status = column_append(&w->result, otherwise, i, 1, STRINGS_BORROW, err);
        else
            status = column_append_null(&w->result, 1, err);
    }
    return status;
}

/* Which row of the frame gives the value: its first, last or n-th. -1: none. */
static int64_t framed_row(const struct over_eval *e, const struct over_work *w,
                          const struct vector *values, size_t i)
{
    const struct over_call *call = w->call;
    int64_t start = e->frame_start.items[i], end = e->frame_end.items[i];
    bool is_last = call->kind == OVER_LAST_VALUE;
    int64_t left = call->kind == OVER_NTH_VALUE ? call->n : 1;
    if (!call->ignores_nulls && call->frame.exclude == EXCLUDE_NONE) {
        int64_t at = is_last ? end - 1 : start + left - 1;
        return at >= start && at < end ? at : -1;
    }
    for (int64_t k = 0; k < end - start; k++) {
        int64_t at = is_last ? end - 1 - k : start + k;
        if (call->ignores_nulls && !vector_is_valid(values, (size_t)at)) continue;
        if (over_is_excluded(e, call->frame.exclude, i, (size_t)at)) continue;
        if (--left == 0) return at;
    }
    return -1;
}

static laminar_status eval_value(struct over_eval *e, struct over_work *w,
                                 struct laminar_error *err)
{
    const struct over_call *call = w->call;
    const struct vector *values = over_argument(e, call->agg.args[0]);
    laminar_status status = over_find_frames(e, &call->frame, err);
    bool goes_on = w->reach == REACH_RUNNING && e->has_before;
    for (size_t i = e->from; i < e->to && !status; i++) {
        int64_t row = -1;
        /* the first row's value is known; with IGNORE NULLS if there was one */
        bool is_before = goes_on && call->kind == OVER_FIRST_VALUE &&
                         (!call->ignores_nulls || vector_is_valid(&w->before.vec, 0));
        if (!is_before) {
            row = framed_row(e, w, values, i);
            is_before = row < 0 && goes_on;
        }
        if (is_before)
            status = column_append(&w->result, &w->before.vec, 0, 1, STRINGS_BORROW, err);
        else if (row >= 0)
            status = column_append(&w->result, values, (size_t)row, 1, STRINGS_BORROW, err);
        else
            status = column_append_null(&w->result, 1, err);
    }
    return status;
}

/* --- Running it ---------------------------------------------------------------------------------------------------------------------------------- */

laminar_status over_eval_run(struct over_eval *e, const struct step *step)
{
    laminar_status status = over_find_peers(e, step->err);
    for (uint32_t c = 0; c < e->n_calls && !status; c++) {
        struct over_work *w = &e->work[c];
        column_clear(&w->result);
        switch (w->call->kind) {
        case OVER_ROW_NUMBER:
        case OVER_RANK:
        case OVER_DENSE_RANK:
        case OVER_NTILE: status = eval_rank(e, w, step->err); break;
        case OVER_PERCENT_RANK:
        case OVER_CUME_DIST: status = eval_share(e, w, step->err); break;
        case OVER_LAG: status = eval_lag(e, w, step->err); break;
        case OVER_FIRST_VALUE:
        case OVER_LAST_VALUE:
        case OVER_NTH_VALUE: status = eval_value(e, w, step->err); break;
        case OVER_AGGREGATE: status = over_aggregate(e, w, step); break;
        }
    }
    return status;
}

/* --- Creation ------------------------------------------------------------------------------------------------------------------------------------ */

static laminar_status create_work(struct over_work *w, const struct over_call *call,
                                  struct laminar_error *err)
{
    laminar_status status;
    const struct aggregate_call *agg = &call->agg;
    w->call = call;
    w->reach = over_call_reach(call);
    w->method = OVER_NO_METHOD;
    if ((status = column_init(&w->value, call->type, err))) return status;
    if ((status = column_init(&w->result, call->type, err))) return status;
    if ((status = column_init(&w->before, call->type, err))) return status;
    if ((status = column_init(&w->values, call->type, err))) return status;
    return call->kind == OVER_AGGREGATE ? over_aggregate_create(w, agg, err) : LAMINAR_OK;
}

laminar_status over_eval_create(struct over_eval *e, const struct plan *plan,
                                struct laminar_error *err)
{
    *e = (struct over_eval){.plan = plan, .n_in = plan->inputs[0]->n_cols};
    e->work = mem_calloc(plan->n_overs + 1, sizeof *e->work);
    e->minus = mem_alloc(CHUNK_ROWS * sizeof *e->minus);
    e->states = mem_alloc(CHUNK_ROWS * sizeof *e->states);
    if (!e->work || !e->minus || !e->states) return error_oom(err);
    for (size_t i = 0; i < CHUNK_ROWS; i++) e->minus[i] = -1;
    for (uint32_t c = 0; c < plan->n_overs; c++) {
        e->n_calls++;
        laminar_status status = create_work(&e->work[c], &plan->overs[c], err);
        if (status) return status;
    }
    return LAMINAR_OK;
}

void over_eval_deinit(struct over_eval *e)
{
    for (uint32_t c = 0; c < e->n_calls; c++) {
        struct over_work *w = &e->work[c];
        for (uint32_t k = 0; w->args && k < w->n_order + w->n_args; k++) column_deinit(&w->args[k]);
        mem_free(w->args);
        mem_free(w->vecs);
        mem_free(w->state);
        mem_free(w->spare);
        column_deinit(&w->value);
        column_deinit(&w->result);
        column_deinit(&w->before);
        column_deinit(&w->values);
    }
    mem_free(e->work);
    mem_free(e->minus);
    mem_free(e->states);
    ARRAY_DEINIT(&e->peer_start);
    ARRAY_DEINIT(&e->peer_end);
    ARRAY_DEINIT(&e->peer_no);
    ARRAY_DEINIT(&e->frame_start);
    ARRAY_DEINIT(&e->frame_end);
    ARRAY_DEINIT(&e->sel);
    ARRAY_DEINIT(&e->order);
}

size_t over_eval_place_states(struct over_eval *e, size_t offset)
{
    for (uint32_t c = 0; c < e->n_calls; c++) {
        struct over_work *w = &e->work[c];
        if (!w->is_kept) continue;
        const struct aggregate_kernels *kernels = w->agg->kernels;
        size_t align = kernels->state_align > 8 ? 16 : 8;
        offset = (offset + align - 1) & ~(align - 1);
        w->state_offset = offset;
        offset += kernels->state_size;
    }
    return (offset + 15) & ~(size_t)15;
}
