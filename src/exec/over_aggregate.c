/* over_aggregate.c - see over_aggregate.h.
 *
 * SLIDE: kernels that take rows back: a frame that moves costs what enters and leaves it. ADD: kernels that don't: a frame that only grows costs what
 * enters; one that moves is added up anew. COLLECT: DISTINCT, ORDER BY inside the call, and what has no kernels: the frame's rows are gathered,
 * sorted, and given to finish_multiset. A frame that equals that of the row before is not looked at again.
 * Running ones (from the partition's first row to the row or its peers) go on from the state in the group, or from the value before. */
#include "exec/over_aggregate.h"
#include "base/error.h"
#include "exec/over_frame.h"

laminar_status over_aggregate_create(struct over_work *w, const struct aggregate_call *agg,
                                     struct laminar_error *err)
{
    w->agg = agg->agg;
    if (agg->agg->retract_kernels) {
        w->exact = *agg->agg;
        w->exact.kernels = agg->agg->retract_kernels;
        w->agg = &w->exact;
    }
    const struct aggregate_kernels *kernels = w->agg->kernels;
    bool is_plain = kernels && !agg->is_distinct && !agg->n_order;
    w->method = !is_plain ? OVER_COLLECT : kernels->is_retractable ? OVER_SLIDE : OVER_ADD;
    w->is_kept = w->reach == REACH_RUNNING && !over_call_is_own_state(w->call);
    if (w->method == OVER_COLLECT && !agg->agg->finish_multiset) {
        error_set(err, LAMINAR_QUERY_UNSUPPORTED,
                  "%s() with DISTINCT or ORDER BY as a window function", agg->agg->name);
        error_hint(err, "use its exact counterpart");
        return LAMINAR_QUERY_UNSUPPORTED;
    }
    uint32_t n = agg->n_order + agg->n_args;
    w->vecs = mem_calloc(n + 1, sizeof *w->vecs);
    w->args = mem_calloc(n + 1, sizeof *w->args);
    if (!w->vecs || !w->args) return error_oom(err);
    for (uint32_t i = 0; i < n; i++) {
        const struct expr *arg = i < agg->n_order ? agg->order_args[i]
                                                  : agg->args[i - agg->n_order];
        laminar_status status = column_init(&w->args[i], arg->type, err);
        if (status) return status;
        if (i < agg->n_order)
            w->n_order++;
        else
            w->n_args++;
    }
    if (!kernels) return LAMINAR_OK;
    w->state = mem_alloc_aligned(kernels->state_size);
    w->spare = mem_alloc_aligned(kernels->state_size);
    if (!w->state || !w->spare) return error_oom(err);
    memset(w->state, 0, kernels->state_size);
    memset(w->spare, 0, kernels->state_size);
    return LAMINAR_OK;
}

/* --- States ---------------------------------------------------------------------------------------------------------------------------------- */

static void state_reset(struct over_eval *e, struct over_work *w, uint8_t *state)
{
    const struct bound_aggregate *agg = w->agg;
    if (agg->kernels->destroy) agg->kernels->destroy(agg, e->heap, state);
    memset(state, 0, agg->kernels->state_size);
}

static laminar_status update_state(struct over_eval *e, struct over_work *w, uint8_t *state,
                                   const struct vector *args, size_t n, int64_t weight,
                                   struct laminar_error *err)
{
    const struct bound_aggregate *agg = w->agg;
    const int64_t *weights = weight < 0 ? e->minus : NULL;
    if (agg->kernels->update_one)
        return agg->kernels->update_one(agg, e->heap, state, args, weights, n, err);
    for (size_t i = 0; i < n; i++) e->states[i] = state;
    return agg->kernels->update(agg, e->heap, e->states, 0, args, weights, n, err);
}

/* Row i of [low, high) counts, as far as FILTER says. */
static bool is_wanted(const struct over_eval *e, const struct over_work *w, size_t i)
{
    const struct expr *filter = w->call->agg.filter;
    if (!filter) return true;
    const struct vector *v = over_argument(e, filter);
    return vector_is_valid(v, i) && ((const uint8_t *)v->data)[v->shape == VEC_CONST ? 0 : i];
}

/* Arguments (order arguments in front) of sel[0..n), gathered. */
static laminar_status gather(struct over_eval *e, struct over_work *w, const uint32_t *sel,
                             size_t n, struct laminar_error *err)
{
    const struct aggregate_call *call = &w->call->agg;
    for (uint32_t k = 0; k < w->n_order + w->n_args; k++) {
        const struct expr *arg = k < w->n_order ? call->order_args[k] : call->args[k - w->n_order];
        if (arg->kind == EXPR_CONST) {
            w->vecs[k] = arg->value;
            continue;
        }
        column_clear(&w->args[k]);
        laminar_status status = column_append_sel(&w->args[k], &e->vecs[arg->column], sel, n,
                                                  STRINGS_BORROW, err);
        if (status) return status;
        w->vecs[k] = w->args[k].vec;
    }
    return LAMINAR_OK;
}

/* One row, its values as constants: nothing is copied. Nested values have no such form. */
static laminar_status move_row(struct over_eval *e, struct over_work *w, uint8_t *state, size_t row,
                               int64_t weight, struct laminar_error *err)
{
    _Alignas(16) uint8_t values[4][16];
    uint8_t validity[4];
    struct vector args[4];
    for (uint32_t k = 0; k < w->n_args; k++) {
        const struct expr *arg = w->call->agg.args[k];
        args[k] = arg->kind == EXPR_CONST
                      ? arg->value
                      : vector_const_row(&e->vecs[arg->column], row, values[k], &validity[k]);
    }
    return update_state(e, w, state, args, 1, weight, err);
}

static bool has_simple_args(const struct over_work *w)
{
    if (w->n_args > 4) return false;
    for (uint32_t k = 0; k < w->n_args; k++)
        if (type_is_nested(w->call->agg.args[k]->type)) return false;
    return true;
}

/* Rows [low, high) without those excluded around row i, into or out of the state. */
static laminar_status move_rows(struct over_eval *e, struct over_work *w, uint8_t *state,
                                size_t low, size_t high, int64_t weight, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    if (high == low + 1 && has_simple_args(w))
        return is_wanted(e, w, low) ? move_row(e, w, state, low, weight, err) : LAMINAR_OK;
    if (high > low && !ARRAY_RESERVE(&e->sel, CHUNK_ROWS)) return error_oom(err);
    while (low < high && !status) {
        size_t n = 0;
        for (; low < high && n < CHUNK_ROWS; low++) {
            e->sel.items[n] = (uint32_t)low;
            n += is_wanted(e, w, low);
        }
        if (n == 0) continue;
        status = gather(e, w, e->sel.items, n, err);
        if (!status) status = update_state(e, w, state, w->vecs + w->n_order, n, weight, err);
    }
    return status;
}

laminar_status over_eval_move(struct over_eval *e, size_t low, size_t high, int64_t weight,
                              struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    for (uint32_t c = 0; c < e->n_calls && !status; c++)
        if (e->work[c].is_kept)
            status = move_rows(e, &e->work[c], e->group + e->work[c].state_offset, low, high,
                               weight, err);
    return status;
}

/* The state's value into w->value. */
static laminar_status finish_state(struct over_work *w, uint8_t *state, struct laminar_error *err)
{
    const struct bound_aggregate *agg = w->agg;
    column_clear(&w->value);
    return agg->kernels->finish(agg, &state, 0, 1, &w->value, err);
}

static laminar_status put_value(struct over_work *w, size_t n, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < n && !status; i++)
        status = column_append(&w->result, &w->value.vec, 0, 1, STRINGS_COPY, err);
    return status;
}

/* --- Running --------------------------------------------------------------------------------------------------------------------------------- */

static laminar_status run_on(struct over_eval *e, struct over_work *w, uint8_t *state,
                             struct laminar_error *err)
{
    bool by_row = w->call->frame.unit == FRAME_ROWS;
    laminar_status status = move_rows(e, w, state, 0, e->from, 1, err);
    for (size_t i = e->from; i < e->to && !status;) {
        size_t end = by_row ? i + 1 : e->peer_end.items[i];
        status = move_rows(e, w, state, i, end, 1, err);
        if (!status) status = finish_state(w, state, err);
        if (!status) status = put_value(w, end - i, err);
        i = end;
    }
    return status;
}

static laminar_status run(struct over_eval *e, struct over_work *w, struct laminar_error *err)
{
    if (w->is_kept) return run_on(e, w, e->group + w->state_offset, err);
    laminar_status status = LAMINAR_OK;
    if (e->has_before) /* a value such as min's is a state too */
        status = update_state(e, w, w->state, &w->before.vec, 1, 1, err);
    if (!status) status = run_on(e, w, w->state, err);
    state_reset(e, w, w->state);
    return status;
}

/* --- Frames ---------------------------------------------------------------------------------------------------------------------------------- */

/* The frame of row i in w->state, which holds [*low, *high). */
static laminar_status move_to(struct over_eval *e, struct over_work *w, size_t i, size_t *low,
                              size_t *high, struct laminar_error *err)
{
    size_t start = e->frame_start.items[i], end = e->frame_end.items[i];
    laminar_status status = LAMINAR_OK;
    bool starts_anew = start >= *high || end < *high || start < *low ||
                       (w->method == OVER_ADD && start != *low) ||
                       (start - *low) + (end - *high) > end - start;
    if (starts_anew) {
        state_reset(e, w, w->state);
        *low = *high = start;
    }
    if (end > *high) status = move_rows(e, w, w->state, *high, end, 1, err);
    if (start > *low && !status) status = move_rows(e, w, w->state, *low, start, -1, err);
    *low = start;
    *high = end;
    return status;
}

/* Frame of row i without what is excluded, into w->spare. */
static laminar_status fill_spare(struct over_eval *e, struct over_work *w, size_t i,
                                 struct laminar_error *err)
{
    size_t start = e->frame_start.items[i], end = e->frame_end.items[i],
           peers = e->peer_start.items[i], peers_end = e->peer_end.items[i];
    enum frame_exclude exclude = w->call->frame.exclude;
    size_t gap = exclude == EXCLUDE_CURRENT ? i : peers,
           gap_end = exclude == EXCLUDE_CURRENT ? i + 1 : peers_end;
    laminar_status status = LAMINAR_OK;
    if (gap < start) gap = start;
    if (gap > end) gap = end;
    if (gap_end > end) gap_end = end;
    if (gap_end < gap) gap_end = gap;
    state_reset(e, w, w->spare);
    status = move_rows(e, w, w->spare, start, gap, 1, err);
    if (exclude == EXCLUDE_TIES && !status && i >= start && i < end)
        status = move_rows(e, w, w->spare, i, i + 1, 1, err);
    if (!status) status = move_rows(e, w, w->spare, gap_end, end, 1, err);
    return status;
}

static bool same_frame(const struct over_eval *e, size_t a, size_t b)
{
    return e->frame_start.items[a] == e->frame_start.items[b] &&
           e->frame_end.items[a] == e->frame_end.items[b];
}

static laminar_status slide(struct over_eval *e, struct over_work *w, const struct step *step)
{
    size_t low = 0, high = 0;
    bool excludes = w->call->frame.exclude != EXCLUDE_NONE;
    laminar_status status = LAMINAR_OK;
    for (size_t i = e->from; i < e->to && !status; i++) {
        if ((i & 255) == 255) status = step_check(step);
        if (excludes) {
            if (!status) status = fill_spare(e, w, i, step->err);
            if (!status) status = finish_state(w, w->spare, step->err);
        } else if (i == e->from || !same_frame(e, i, i - 1)) {
            if (!status) status = move_to(e, w, i, &low, &high, step->err);
            if (!status) status = finish_state(w, w->state, step->err);
        }
        if (!status) status = put_value(w, 1, step->err);
    }
    state_reset(e, w, w->state);
    state_reset(e, w, w->spare);
    return status;
}

/* Frames that end with the partition, of kernels that take nothing back, last row first: then they only grow. */
static laminar_status slide_back(struct over_eval *e, struct over_work *w, const struct step *step)
{
    size_t low = e->n, n = e->to - e->from;
    laminar_status status = LAMINAR_OK;
    struct column *values = &w->values;
    if (!ARRAY_RESERVE(&e->order, n)) return error_oom(step->err);
    column_clear(values);
    for (size_t i = e->to; i-- > e->from && !status;) {
        if ((i & 255) == 255) status = step_check(step);
        size_t start = e->frame_start.items[i];
        if (!status) status = move_rows(e, w, w->state, start, low, 1, step->err);
        low = start;
        if (!status) status = finish_state(w, w->state, step->err);
        if (!status) status = column_append(values, &w->value.vec, 0, 1, STRINGS_COPY, step->err);
        e->order.items[i - e->from] = (uint32_t)(e->to - 1 - i);
    }
    state_reset(e, w, w->state);
    if (status) return status;
    return column_append_sel(&w->result, &values->vec, e->order.items, n, STRINGS_COPY, step->err);
}

/* --- Collecting ------------------------------------------------------------------------------------------------------------------------------ */

static bool same_values(const struct over_work *w, size_t a, size_t b)
{
    for (uint32_t k = w->n_order; k < w->n_order + w->n_args; k++)
        if (!kernel_equal(&w->vecs[k], a, &w->vecs[k], b)) return false;
    return true;
}

/* Sorts e->sel[0..n) as the aggregate wants its rows; with DISTINCT, equal ones stay once. */
static laminar_status arrange(struct over_eval *e, struct over_work *w, size_t *n,
                              struct laminar_error *err)
{
    const struct aggregate_call *call = &w->call->agg;
    bool keeps_order = (call->agg->flags & AGG_NEEDS_ORDER) && !call->n_order && !call->is_distinct;
    laminar_status status = gather(e, w, e->sel.items, *n, err);
    if (status || keeps_order) return status;
    struct sort_key keys[16];
    uint32_t n_keys = 0;
    for (uint32_t k = 0; k < call->n_order && n_keys < ARRAY_LENGTH(keys); k++)
        keys[n_keys++] = call->order_keys[k];
    for (uint32_t k = 0; k < w->n_args && n_keys < ARRAY_LENGTH(keys); k++)
        keys[n_keys++] = (struct sort_key){.column = w->n_order + k};
    if (!ARRAY_RESERVE(&e->order, *n)) return error_oom(err);
    if ((status = kernel_sort(w->vecs, keys, n_keys, *n, e->order.items, err))) return status;
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        if (call->is_distinct && kept &&
            same_values(w, e->order.items[kept - 1], e->order.items[i]))
            continue;
        e->order.items[kept++] = e->order.items[i];
    }
    for (size_t i = 0; i < kept; i++) e->order.items[i] = e->sel.items[e->order.items[i]];
    *n = kept;
    return gather(e, w, e->order.items, kept, err);
}

static laminar_status collect(struct over_eval *e, struct over_work *w, const struct step *step)
{
    const struct over_call *call = w->call;
    laminar_status status = LAMINAR_OK;
    for (size_t i = e->from; i < e->to && !status; i++) {
        bool is_known = i > e->from && call->frame.exclude == EXCLUDE_NONE &&
                        same_frame(e, i, i - 1);
        size_t start = e->frame_start.items[i], end = e->frame_end.items[i], n = 0;
        if (!is_known) {
            if (!ARRAY_RESERVE(&e->sel, end - start + 1)) return error_oom(step->err);
            for (size_t row = start; row < end; row++) {
                e->sel.items[n] = (uint32_t)row;
                n += is_wanted(e, w, row) && !over_is_excluded(e, call->frame.exclude, i, row);
            }
            status = step_check(step);
            if (!status) status = arrange(e, w, &n, step->err);
            column_clear(&w->value);
            if (!status)
                status = w->agg->finish_multiset(w->agg, w->vecs + w->n_order, NULL, n, &w->value,
                                                 step->err);
        }
        if (!status) status = put_value(w, 1, step->err);
    }
    return status;
}

laminar_status over_aggregate(struct over_eval *e, struct over_work *w, const struct step *step)
{
    if (w->reach == REACH_RUNNING) return run(e, w, step->err);
    laminar_status status = over_find_frames(e, &w->call->frame, step->err);
    if (status) return status;
    if (w->method == OVER_COLLECT) return collect(e, w, step);
    const struct over_frame *frame = &w->call->frame;
    if (over_call_is_own_state(w->call) && frame->end.kind == BOUND_LAST &&
        frame->start.kind != BOUND_FIRST && frame->exclude == EXCLUDE_NONE)
        return slide_back(e, w, step);
    return slide(e, w, step);
}
