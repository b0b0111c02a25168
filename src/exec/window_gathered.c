/* window_gathered.c - windows that overlap and change while they are open: what a step brings is added up by panes first. See window_internal.h.
 *
 * A row of HOP is in size / slide windows, and ON UPDATE each of them has another result then. But the rows that a step brings for one pane are in the same windows: so they are added up once,
 * in a table that is empty again at the step's end, and each of its groups is combined into the groups of its windows.
 * Cost: a row, one group; a step, the groups that it changes, which come out anyway. For aggregates that combine, over an append-only input.
 * @thread the step owner. */
#include "exec/window_internal.h"

laminar_status window_gather(struct window_aggregate *w, const struct vector *results,
                             const int64_t *weights, size_t n, struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    laminar_status status = state_hash_upsert(w->merged, g->keys, n, w->merge_slots, w->merge_rows,
                                              NULL, err);
    if (status) return status;
    struct agg_heap *heap = g->set.heap;
    g->set.heap = state_hash_heap(w->merged);
    status = agg_set_update(&g->set, results, w->merge_slots, w->merge_rows, weights, n, false,
                            err);
    g->set.heap = heap;
    return status;
}

/* Keys of the groups sel_window[0..m) of the n at hand. */
static laminar_status select_keys(struct window_aggregate *w, size_t m, size_t n,
                                  struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    w->g.keys[0] = (struct vector){.type = TYPE(INT64), .data = w->starts};
    for (uint32_t k = 1; k < w->g.n_keys && !status; k++) {
        w->g.keys[k] = w->merge_vecs[k];
        if (m == n) continue;
        column_clear(&w->gathered[k]);
        status = column_append_sel(&w->gathered[k], &w->merge_vecs[k], w->sel_window, m,
                                   STRINGS_BORROW, err);
        w->g.keys[k] = w->gathered[k].vec;
    }
    return status;
}

/* The groups merge_slots[0..n) of the step into those of their windows. */
static laminar_status spread(struct window_aggregate *w, size_t n, struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    int64_t none = 0, n_windows = window_n_of_row(&w->window);
    laminar_status status = window_read_keys(w, w->merged, &none, w->merge_slots, n, err);
    column_clear(&g->lead);
    if (!status) status = state_hash_keys(w->merged, 0, w->merge_slots, n, &g->lead, err);
    if (status) return status;
    memcpy(w->times, g->lead.vec.data, n * sizeof *w->times);
    for (size_t i = 0; i < n; i++) {
        w->sel_all[i] = (uint32_t)i;
        w->merge_rows[i] = state_hash_row(w->merged, w->merge_slots[i]);
    }
    for (int64_t k = 0; k < n_windows && !status; k++) {
        size_t m = window_select(w, k, n, NULL);
        if (m == 0) continue;
        if ((status = select_keys(w, m, n, err))) break;
        if ((status = window_find_groups(w, m, err))) break;
        for (size_t i = 0; i < m && !status; i++)
            status = agg_set_combine(&g->set, g->set.heap, g->rows[i],
                                     w->merge_rows[w->sel_window[i]], err);
    }
    return status;
}

laminar_status window_spread(struct window_aggregate *w, struct laminar_error *err)
{
    uint64_t cursor = 0;
    laminar_status status = LAMINAR_OK;
    for (size_t n;
         !status && (n = state_hash_scan(w->merged, &cursor, w->merge_slots, CHUNK_ROWS)) > 0;)
        status = spread(w, n, err);
    cursor = 0;
    for (size_t n; (n = state_hash_scan(w->merged, &cursor, w->merge_slots, CHUNK_ROWS)) > 0;)
        state_hash_remove(w->merged, w->merge_slots, n);
    return status;
}
