/* window_sliced.c - closing windows that are made of panes. See window_internal.h.
 *
 * Windows close in order of their end. HOP: the groups of a window's panes are added up in a table that is empty again afterwards. CUMULATE: a pane is added once to the first
 * pane of its windows, which so holds what is in the window that closes; rows that come late for the windows before go there too. Aggregates that keep rows
 * can't be added up: the panes of each group are listed, and read side by side (agg_union.c).
 * Cost of a close: HOP, the groups of its panes; CUMULATE, the groups of one pane and the window's. @thread the step owner. */
#include "base/error.h"
#include "exec/window_internal.h"

/* --- The window at hand ---------------------------------------------------------------------------------------------------------------------- */

laminar_status window_read_keys(struct window_aggregate *w, struct state_hash *from,
                                int64_t *window, const uint64_t *slots, size_t n,
                                struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    w->merge_vecs[0] = (struct vector){.type = TYPE(INT64), .shape = VEC_CONST, .data = window};
    for (uint32_t k = 1; k < w->g.n_keys && !status; k++) {
        column_clear(&w->merge_keys[k]);
        status = state_hash_keys(from, k, slots, n, &w->merge_keys[k], err);
        w->merge_vecs[k] = w->merge_keys[k].vec;
    }
    return status;
}

/* Notes that a group of the window has rows in this pane. The list begins at the merged row's `next`; `previous` counts it. */
static bool note_part(struct window_aggregate *w, uint8_t *merged, uint64_t slot, uint8_t *row)
{
    struct window_part part = {slot, row, window_head(merged)->next};
    if (!ARRAY_PUSH(&w->parts, part)) return false;
    window_head(merged)->next = w->parts.n;
    window_head(merged)->previous++;
    return true;
}

/* Adds the groups of a pane to `merged`. */
static laminar_status merge_pane(struct window_aggregate *w, int64_t window, int64_t start,
                                 struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    uint64_t slot, at = window_first_of_pane(w, start, &slot);
    laminar_status status = LAMINAR_OK;
    for (size_t n;
         !status && (n = window_next_groups(w, &at, g->slots, g->rows, CHUNK_ROWS)) > 0;) {
        status = window_read_keys(w, g->table, &window, g->slots, n, err);
        if (!status)
            status = state_hash_upsert(w->merged, w->merge_vecs, n, w->merge_slots, w->merge_rows,
                                       NULL, err);
        for (size_t i = 0; i < n && !status; i++) {
            *group_n_rows(w->merge_rows[i]) += *group_n_rows(g->rows[i]);
            status = agg_set_combine(&g->set, state_hash_heap(w->merged), w->merge_rows[i],
                                     g->rows[i], err);
        }
        for (size_t i = 0; i < n && !status && g->set.has_children; i++)
            if (!note_part(w, w->merge_rows[i], g->slots[i], g->rows[i])) status = error_oom(err);
        w->n_merged += n;
    }
    return status;
}

/* The panes of n groups, one behind the other, for agg_set_finish. */
static laminar_status gather_parts(struct window_aggregate *w, uint8_t *const *rows, size_t n,
                                   struct agg_parts *out, struct laminar_error *err)
{
    w->part_slots.n = w->part_rows.n = w->part_ends.n = 0;
    for (size_t i = 0; i < n; i++) {
        for (uint64_t at = window_head(rows[i])->next; at; at = w->parts.items[at - 1].next)
            if (!ARRAY_PUSH(&w->part_slots, w->parts.items[at - 1].slot) ||
                !ARRAY_PUSH(&w->part_rows, w->parts.items[at - 1].row))
                return error_oom(err);
        if (!ARRAY_PUSH(&w->part_ends, w->part_slots.n)) return error_oom(err);
    }
    *out = (struct agg_parts){w->part_slots.items, w->part_rows.items, w->part_ends.items};
    return LAMINAR_OK;
}

static laminar_status emit_merged(struct window_aggregate *w, struct step *step)
{
    struct agg_groups *g = &w->g;
    uint64_t cursor = 0;
    laminar_status status = LAMINAR_OK;
    struct state_hash *groups = g->table;
    struct agg_parts parts;
    g->table = w->merged; /* keys are read from here while it is emitted */
    g->set.parts = g->set.has_children ? &parts : NULL;
    for (size_t n;
         !status && (n = state_hash_scan(w->merged, &cursor, w->merge_slots, CHUNK_ROWS)) > 0;) {
        size_t kept = 0;
        for (size_t i = 0; i < n; i++) {
            uint8_t *row = state_hash_row(w->merged, w->merge_slots[i]);
            w->merge_slots[kept] = w->merge_slots[i];
            w->merge_rows[kept] = row;
            kept += group_has_row(g, row);
        }
        if (g->set.parts) status = gather_parts(w, w->merge_rows, kept, &parts, step->err);
        if (!status && kept) status = groups_emit_new(g, step, w->merge_slots, w->merge_rows, kept);
    }
    g->set.parts = NULL;
    g->table = groups;
    cursor = 0;
    for (size_t n; (n = state_hash_scan(w->merged, &cursor, w->merge_slots, CHUNK_ROWS)) > 0;)
        state_hash_remove(w->merged, w->merge_slots, n);
    w->parts.n = 0;
    return status;
}

static laminar_status evict_until(struct window_aggregate *w, int64_t start,
                                  struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    while (w->evict.starts.n && w->evict.starts.items[0] < start && !status) {
        status = window_evict_pane(w, w->evict.starts.items[0], err);
        pane_heap_pop(&w->evict);
    }
    return status;
}

/* --- HOP ------------------------------------------------------------------------------------------------------------------------------------------------ */

/* All panes of a window, of which none is earlier than `first`. */
static laminar_status merge_panes(struct window_aggregate *w, int64_t start, int64_t first,
                                  struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    w->n_merged = 0;
    for (int64_t pane = start; pane < start + w->window.size_us && !status; pane += w->pane_us)
        if (pane >= first) status = merge_pane(w, start, pane, err);
    w->is_dense = window_is_dense(w, w->n_merged, state_hash_base(w->merged)->n_rows);
    if (w->stacks && !w->is_dense) window_stacks_drop(w);
    return status;
}

/* Windows in order of their start: the first that is still open and holds the earliest pane, while due. */
static laminar_status close_hops(struct window_aggregate *w, struct step *step, int64_t watermark)
{
    const struct window_spec *spec = &w->window;
    int64_t closed = window_closed_us(w);
    laminar_status status = LAMINAR_OK;
    while (w->evict.starts.n && !status) {
        int64_t first = w->evict.starts.items[0];
        /* earliest window that holds it */
        int64_t start = floor_to(first - spec->size_us, spec->slide_us, spec->offset_us) +
                        spec->slide_us;
        while (is_closed(w, start + spec->size_us, closed)) start += spec->slide_us;
        if (!is_closed(w, start + spec->size_us, watermark)) break;
        if (w->is_dense)
            status = window_stacks_merge(w, start, step->err);
        else
            status = merge_panes(w, start, first, step->err);
        if (!status) status = emit_merged(w, step);
        closed = start + spec->size_us + w->lateness_us;
        /* no later window holds it */
        if (!status) status = evict_until(w, start + spec->slide_us, step->err);
        if (!status) status = step_check(step);
    }
    return status;
}

/* --- CUMULATE ------------------------------------------------------------------------------------------------------------------------------------------- */

/* Adds the groups of a pane to those of the first pane of its windows, and gives it up. Its entry in the heap stays until it is met. */
static laminar_status fold_pane(struct window_aggregate *w, int64_t first, int64_t start,
                                struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    uint64_t slot, at = window_first_of_pane(w, start, &slot);
    laminar_status status = LAMINAR_OK;
    if (slot == STATE_SLOT_NONE) return LAMINAR_OK;
    for (size_t n; !status && (n = window_next_groups(w, &at, w->merge_slots, w->merge_rows,
                                                      CHUNK_ROWS)) > 0;) {
        status = window_read_keys(w, g->table, &first, w->merge_slots, n, err);
        memcpy(g->keys, w->merge_vecs, g->n_keys * sizeof *g->keys);
        for (size_t i = 0; i < n; i++) w->starts[i] = first;
        if (!status) status = groups_find(g, n, err);
        if (!status) status = window_chain_new(w, w->starts, n, err);
        for (size_t i = 0; i < n && !status; i++) {
            /* a page that a snapshot shares may have moved */
            const uint8_t *from = state_hash_row(g->table, w->merge_slots[i]);
            *group_n_rows(g->rows[i]) += ((const struct counted_head *)(const void *)from)->n_rows;
            status = agg_set_combine(&g->set, g->set.heap, g->rows[i], from, err);
        }
    }
    return status ? status : window_evict_pane(w, start, err);
}

/* The windows of one start, [start, end) for each end, while due: what is in is kept added up in the first pane. */
static laminar_status close_starts(struct window_aggregate *w, struct step *step, int64_t start,
                                   int64_t closed, int64_t watermark, bool *is_over)
{
    const struct window_spec *spec = &w->window;
    int64_t last_end = start + spec->size_us;
    laminar_status status = LAMINAR_OK;
    *is_over = false;
    for (int64_t pane = start; pane < last_end && !status; pane += spec->slide_us) {
        int64_t end = pane + spec->slide_us < last_end ? pane + spec->slide_us : last_end;
        if (is_closed(w, end, closed)) continue;
        if (!is_closed(w, end, watermark)) return LAMINAR_OK;
        w->closing_end_us = end;
        if (w->accumulates) {
            if (pane > start) status = fold_pane(w, start, pane, step->err);
            if (!status) status = window_emit_pane(w, step, start);
            continue;
        }
        for (int64_t part = start; part < end && !status; part += spec->slide_us)
            status = merge_pane(w, start, part, step->err);
        if (!status) status = emit_merged(w, step);
        if (!status) status = step_check(step);
    }
    *is_over = true;
    return status;
}

static laminar_status close_cumulated(struct window_aggregate *w, struct step *step,
                                      int64_t watermark)
{
    const struct window_spec *spec = &w->window;
    int64_t closed = window_closed_us(w);
    laminar_status status = LAMINAR_OK;
    while (w->evict.starts.n && !status) {
        int64_t start = floor_to(w->evict.starts.items[0], spec->size_us, spec->offset_us);
        bool is_over;
        status = close_starts(w, step, start, closed, watermark, &is_over);
        if (!status && !is_over) break;
        if (!status) status = evict_until(w, start + spec->size_us, step->err);
    }
    return status;
}

laminar_status window_close_sliced(struct window_aggregate *w, struct step *step, int64_t watermark)
{
    return w->window.kind == WINDOW_CUMULATE ? close_cumulated(w, step, watermark)
                                             : close_hops(w, step, watermark);
}

/* Where a row of a CUMULATE window goes: the pane of its step, or the first one once that step's window is closed. */
int64_t window_cumulate_pane(const struct window_aggregate *w, int64_t t, int64_t closed,
                             int64_t *begin, int64_t *end, bool *is_late)
{
    const struct window_spec *spec = &w->window;
    int64_t start = floor_to(t, spec->size_us, spec->offset_us), last_end = start + spec->size_us;
    int64_t pane = start + (t - start) / spec->slide_us * spec->slide_us;
    *begin = pane;
    *end = pane + spec->slide_us < last_end ? pane + spec->slide_us : last_end;
    *is_late = is_closed(w, last_end, closed);
    return w->accumulates && is_closed(w, *end, closed) ? start : pane;
}

laminar_status window_create_like_groups(struct window_aggregate *w, const char *name,
                                         struct state_hash **out, struct laminar_error *err)
{
    const struct plan *plan = w->g.options.plan;
    struct data_type *types = mem_calloc(w->g.n_keys + 1, sizeof *types);
    if (!types) return error_oom(err);
    for (uint32_t k = 0; k < w->g.n_keys; k++)
        types[k] = k ? plan->group[k - 1]->type : TYPE(INT64);
    struct state_hash_options options = {.name = name,
                                         .key_types = types,
                                         .n_keys = w->g.n_keys,
                                         .account = circuit_account(w->op.circuit)};
    agg_set_table_options(&w->g.set, &options);
    laminar_status status = state_hash_create(&options, out, err);
    mem_free(types);
    return status;
}

laminar_status window_create_merged(struct window_aggregate *w, struct laminar_error *err)
{
    const struct plan *plan = w->g.options.plan;
    w->merge_vecs = mem_calloc(w->g.n_keys + 1, sizeof *w->merge_vecs);
    w->merge_keys = mem_calloc(w->g.n_keys + 1, sizeof *w->merge_keys);
    if (!w->merge_vecs || !w->merge_keys) return error_oom(err);
    for (uint32_t k = 0; k < w->g.n_keys; k++) {
        struct data_type type = k ? plan->group[k - 1]->type : TYPE(INT64);
        laminar_status status = column_init(&w->merge_keys[k], type, err);
        if (status) return status;
    }
    return window_create_like_groups(w, "window", &w->merged, err);
}
