/* over_frame.c - peers and frames of rows in memory: see over_frame.h. */
#include "exec/over_frame.h"
#include "base/error.h"

bool over_eval_are_peers(const struct over_eval *e, size_t a, size_t b)
{
    for (uint32_t k = 0; k < e->plan->n_sort; k++) {
        const struct vector *v = &e->vecs[e->plan->sort[k].column];
        if (kernel_compare(v, a, v, b) != 0) return false;
    }
    return true;
}

laminar_status over_find_peers(struct over_eval *e, struct laminar_error *err)
{
    size_t n = e->n;
    ENSURE(n < UINT32_MAX, err);
    if (!ARRAY_RESERVE(&e->peer_start, n + 1) || !ARRAY_RESERVE(&e->peer_end, n + 1) ||
        !ARRAY_RESERVE(&e->peer_no, n + 1))
        return error_oom(err);
    uint32_t start = 0, number = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (i && !over_eval_are_peers(e, i - 1, i)) {
            for (uint32_t k = start; k < i; k++) e->peer_end.items[k] = i;
            start = i;
            number++;
        }
        e->peer_start.items[i] = start;
        e->peer_no.items[i] = number;
    }
    for (uint32_t k = start; k < n; k++) e->peer_end.items[k] = (uint32_t)n;
    return LAMINAR_OK;
}

/* --- ROWS and GROUPS ------------------------------------------------------------------------------------------------------------------------- */

static int64_t signed_offset(const struct frame_bound *bound)
{
    return bound->kind == BOUND_PRECEDING ? -(int64_t)bound->n : (int64_t)bound->n;
}

static uint32_t clip(int64_t at, size_t n)
{
    return at < 0 ? 0 : at > (int64_t)n ? (uint32_t)n : (uint32_t)at;
}

static uint32_t rows_edge(const struct over_eval *e, const struct frame_bound *bound, size_t i,
                          bool is_end)
{
    switch (bound->kind) {
    case BOUND_FIRST: return 0;
    case BOUND_LAST: return (uint32_t)e->n;
    case BOUND_CURRENT: return (uint32_t)i + is_end;
    case BOUND_PRECEDING:
    case BOUND_FOLLOWING: break;
    }
    return clip((int64_t)i + signed_offset(bound) + is_end, e->n);
}

/* First row of the group that many groups away (its end: behind the last). `at` is a row near it, from which it is looked for. */
static uint32_t groups_edge(const struct over_eval *e, const struct frame_bound *bound, size_t i,
                            bool is_end)
{
    uint32_t at = (uint32_t)i;
    switch (bound->kind) {
    case BOUND_FIRST: return 0;
    case BOUND_LAST: return (uint32_t)e->n;
    case BOUND_CURRENT: return is_end ? e->peer_end.items[i] : e->peer_start.items[i];
    case BOUND_PRECEDING:
    case BOUND_FOLLOWING: break;
    }
    int64_t wanted = (int64_t)e->peer_no.items[i] + signed_offset(bound);
    if (wanted < 0) return 0;
    while (e->peer_no.items[at] > wanted) at = e->peer_start.items[at] - 1;
    while (e->peer_no.items[at] < wanted) {
        if (e->peer_end.items[at] == e->n) return (uint32_t)e->n;
        at = e->peer_end.items[at];
    }
    return is_end ? e->peer_end.items[at] : e->peer_start.items[at];
}

/* --- RANGE ----------------------------------------------------------------------------------------------------------------------------------- */

int over_compare_edge(const struct over_eval *e, const struct vector *keys, size_t row,
                      const struct vector *edges, size_t edge)
{
    const struct sort_key *sort = &e->plan->sort[0];
    if (!vector_is_valid(keys, row)) return sort->is_nulls_first ? -1 : 1;
    int order = kernel_compare(keys, row, edges, edge);
    return sort->is_descending ? -order : order;
}

/* Edges never go back from row to row, so one pass over the rows finds all. */
static void range_edges(struct over_eval *e, const struct over_frame *frame,
                        const struct frame_bound *bound, bool is_end, uint32_t *out)
{
    const struct vector *keys = &e->vecs[frame->key];
    bool has_offset = bound->kind == BOUND_PRECEDING || bound->kind == BOUND_FOLLOWING;
    const struct vector *edges = has_offset ? &e->vecs[bound->column] : NULL;
    uint32_t at = 0;
    for (size_t i = e->from; i < e->to; i++) {
        if (!has_offset) {
            out[i] = groups_edge(e, bound, i, is_end);
        } else if (!vector_is_valid(edges, i)) { /* nulls are peers of each other alone */
            out[i] = is_end ? e->peer_end.items[i] : e->peer_start.items[i];
        } else {
            while (at < e->n) {
                int order = over_compare_edge(e, keys, at, edges, i);
                if (is_end ? order > 0 : order >= 0) break;
                at++;
            }
            out[i] = at;
        }
    }
}

/* --- All ------------------------------------------------------------------------------------------------------------------------------------- */

laminar_status over_find_frames(struct over_eval *e, const struct over_frame *frame,
                                struct laminar_error *err)
{
    if (!ARRAY_RESERVE(&e->frame_start, e->n + 1) || !ARRAY_RESERVE(&e->frame_end, e->n + 1))
        return error_oom(err);
    uint32_t *start = e->frame_start.items, *end = e->frame_end.items;
    switch (frame->unit) {
    case FRAME_ROWS:
        for (size_t i = e->from; i < e->to; i++) {
            start[i] = rows_edge(e, &frame->start, i, false);
            end[i] = rows_edge(e, &frame->end, i, true);
        }
        break;
    case FRAME_GROUPS:
        for (size_t i = e->from; i < e->to; i++) {
            start[i] = groups_edge(e, &frame->start, i, false);
            end[i] = groups_edge(e, &frame->end, i, true);
        }
        break;
    case FRAME_RANGE:
        range_edges(e, frame, &frame->start, false, start);
        range_edges(e, frame, &frame->end, true, end);
        break;
    }
    for (size_t i = e->from; i < e->to; i++)
        if (end[i] < start[i]) end[i] = start[i];
    return LAMINAR_OK;
}
