/* op_session.c - GROUP BY SESSION(ts, gap): windows that end when a group had no row for `gap`.
 *
 * Two rows of a group are of one session when less than the gap lies between them, or rows of the same session do. A session's window is
 * [its first time, its last time + gap). Kept as panes of the gap's length: see session_internal.h.
 *
 * Algebra: ON WINDOW CLOSE, FINAL: a session comes out once, +1, when the watermark W >= end + lateness. ON UPDATE, CHANGES: each step gives -(old) +(new) of
 * the sessions that it changed: a row that joins two takes both back; a retraction can split one. EVERY: each period. AFTER WATERMARK: +1 when
 * W >= end, and -(old) +(new) for rows that come later but within the lateness. One-shot: everything in the last step.
 * Late: a row at t is late when t + gap + lateness <= W as it was before the step and no open session has t between its bounds; it is dropped and counted.
 * State: "groups" (a row a pane, and the children of agg_set.h), "progress" (W of the last step), with a retracting input "times" (twice, rising and
 * falling). Two heaps follow from the panes: timers (when a session may be due) and starts (for the watermark). A session's panes go when W passes
 * end + lateness; nothing bounds the state without event time.
 * watermark_out: not above the start of any session that is open, at most a gap below the earliest, or of one that a row to come may begin.
 * Cost: a row as for TUMBLE; closing, and with the modes that emit changes each step that touches a session: its panes. */
#include "base/error.h"
#include "exec/ops.h"
#include "exec/session_internal.h"

struct progress {
    int64_t closed_us;
};

int64_t session_closed_us(struct session_aggregate *w)
{
    const uint8_t *row = state_hash_row(w->progress, 0);
    return row ? ((const struct progress *)(const void *)row)->closed_us : WATERMARK_NONE;
}

static laminar_status set_closed(struct session_aggregate *w, int64_t watermark,
                                 struct laminar_error *err)
{
    uint64_t slot;
    uint8_t *row;
    struct vector none = {0};
    laminar_status status = state_hash_upsert(w->progress, &none, 1, &slot, &row, NULL, err);
    if (!status) ((struct progress *)(void *)row)->closed_us = watermark;
    return status;
}

/* --- Input ----------------------------------------------------------------------------------------------------------------------------------------- */

/* When the pane's session, were it to end here, has something to do next. */
static int64_t due_of(const struct session_aggregate *w, const struct session_pane *pane,
                      int64_t closed)
{
    int64_t end = add_saturating(pane->max_us, w->gap_us);
    if (w->corrects && (closed == WATERMARK_NONE || end > closed)) return end;
    return add_saturating(end, w->lateness_us);
}

/* Every pane without a later one of its session has a timer, which may be early. */
static laminar_status arm_timer(struct session_aggregate *w, uint64_t slot_plus_1, int64_t closed,
                                struct laminar_error *err)
{
    if (!slot_plus_1) return LAMINAR_OK;
    uint8_t *row = state_hash_row(w->g.table, slot_plus_1 - 1);
    if (!row || session_pane(row)->due_us != NO_TIMER || !pane_has_rows(w, session_pane(row)))
        return LAMINAR_OK;
    if (!(row = state_hash_row_for_write(w->g.table, slot_plus_1 - 1))) return error_oom(err);
    session_pane(row)->due_us = due_of(w, session_pane(row), closed);
    return timer_push(&w->timers, session_pane(row)->due_us, slot_plus_1 - 1) ? LAMINAR_OK
                                                                              : error_oom(err);
}

static laminar_status add_times(struct session_aggregate *w, size_t n, const int64_t *weights,
                                struct laminar_error *err)
{
    struct vector times = {.type = TYPE(INT64), .data = w->picked_times};
    laminar_status status = state_ordered_add(w->times_up, w->g.slots, &times, weights, n, err);
    return status ? status : state_ordered_add(w->times_down, w->g.slots, &times, weights, n, err);
}

/* United: sessions that now meet are joined, and the rows go to the roots. */
static laminar_status find_roots(struct session_aggregate *w, size_t n, struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    laminar_status status = LAMINAR_OK;
    /* what a row of its own is known by, before it joins another */
    for (size_t i = 0; i < n; i++) {
        struct session_pane *root = session_pane(
            state_hash_row_for_write(g->table, pane_root(w, g->slots[i])));
        if (!root) return error_oom(err);
        if (w->picked_times[i] < root->first_us) root->first_us = w->picked_times[i];
        if (w->picked_times[i] > root->last_us) root->last_us = w->picked_times[i];
    }
    for (size_t i = 0; i < n && !status; i++) status = pane_unite(w, g->slots[i], err);
    for (size_t i = 0; i < n && !status; i++) {
        w->near_slots[i] = g->slots[i];
        g->slots[i] = pane_root(w, g->slots[i]);
        g->rows[i] = state_hash_row_for_write(g->table, g->slots[i]);
        if (!g->rows[i]) status = error_oom(err);
    }
    return status;
}

/* n rows: results, weights, stretches in w->starts, times in w->picked_times. */
static laminar_status add_rows(struct session_aggregate *w, const struct vector *results,
                               const int64_t *weights, size_t n, struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    laminar_status status;
    g->keys[0] = (struct vector){.type = TYPE(INT64), .data = w->starts};
    memcpy(g->keys + 1, results + 1, (g->n_keys - 1) * sizeof *results);
    TRY(groups_find(g, n, err));
    TRY(panes_link_new(w, n, err));
    if (w->updates || w->corrects || g->is_retracting) TRY(session_touch(w, n, err));
    if (g->is_retracting) {
        TRY(add_times(w, n, weights, err));
    } else {
        for (size_t i = 0; i < n; i++) {
            struct session_pane *pane = session_pane(g->rows[i]);
            int64_t t = w->picked_times[i];
            if (t < pane->min_us) pane->min_us = t;
            if (t > pane->max_us) pane->max_us = t;
        }
        if (w->is_united) TRY(find_roots(w, n, err));
        int64_t closed = session_closed_us(w);
        for (size_t i = 0; i < n && w->can_close; i++)
            if (g->is_new[i])
                TRY(arm_timer(w, (w->is_united ? w->near_slots[i] : g->slots[i]) + 1, closed, err));
    }
    status = groups_update(g, results, weights, n, err);
done:
    return status;
}

/* The results of rows w->sel[0..n) of the chunk. */
static laminar_status add_selected(struct session_aggregate *w, const struct chunk *chunk, size_t n,
                                   struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    for (size_t i = 0; i < n; i++) {
        w->picked_times[i] = w->times[w->sel[i]];
        w->starts[i] = floor_to(w->picked_times[i], w->gap_us, 0);
    }
    if (n == chunk->n_rows) return add_rows(w, g->results, chunk->weights, n, err);
    for (uint32_t k = 1; k < g->n_results; k++) {
        w->vecs[k] = g->results[k];
        if (g->results[k].shape == VEC_CONST) continue;
        column_clear(&w->gathered[k]);
        laminar_status status = column_append_sel(&w->gathered[k], &g->results[k], w->sel, n,
                                                  STRINGS_BORROW, err);
        if (status) return status;
        w->vecs[k] = w->gathered[k].vec;
    }
    for (size_t i = 0; chunk->weights && i < n; i++) w->weights[i] = chunk->weights[w->sel[i]];
    return add_rows(w, w->vecs, chunk->weights ? w->weights : NULL, n, err);
}

/* Of the rows w->sel_b[0..n), which would begin a session that is closed by now: marks those that no open session has between its bounds. */
static laminar_status find_late(struct session_aggregate *w, size_t n, struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < n; i++) w->starts[i] = floor_to(w->times[w->sel_b[i]], w->gap_us, 0);
    w->near_vecs[0] = (struct vector){.type = TYPE(INT64), .data = w->starts};
    for (uint32_t k = 1; k < g->n_keys && !status; k++) {
        column_clear(&w->near_keys[k]);
        status = column_append_sel(&w->near_keys[k], &g->results[k], w->sel_b, n, STRINGS_BORROW,
                                   err);
        w->near_vecs[k] = w->near_keys[k].vec;
    }
    if (!status)
        status = state_hash_find(g->table, w->near_vecs, n, false, w->near_slots, w->near_rows,
                                 err);
    for (size_t i = 0; i < n && !status; i++) {
        const struct session_pane *pane = session_pane(w->near_rows[i]);
        int64_t t = w->times[w->sel_b[i]];
        uint64_t slot;
        bool is_inside = pane && pane_has_rows(w, pane) &&
                         (t >= pane->min_us || pane_previous(w, pane, &slot));
        w->is_late[w->sel_b[i]] = !is_inside;
        w->starts[i] -= w->gap_us;
    }
    if (!status)
        status = state_hash_find(g->table, w->near_vecs, n, false, w->near_slots, w->near_rows,
                                 err);
    for (size_t i = 0; i < n && !status; i++) {
        const struct session_pane *pane = session_pane(w->near_rows[i]);
        if (pane && pane_has_rows(w, pane) && w->times[w->sel_b[i]] - pane->max_us < w->gap_us)
            w->is_late[w->sel_b[i]] = false;
    }
    return status;
}

static laminar_status session_process(struct op *op, struct step *step, uint32_t port,
                                      const struct chunk *chunk)
{
    (void)port;
    struct session_aggregate *w = (struct session_aggregate *)op;
    struct chunk rows;
    laminar_status status = groups_evaluate(&w->g, step, chunk, &rows);
    if (status || rows.n_rows == 0) return status;
    size_t n_bad, n = window_times(&w->g.results[0], rows.n_rows, w->times, w->sel_all, &n_bad);
    if (unlikely(n_bad) && step->error_mode == ROW_ERROR_FAIL)
        return error_set(step->err, LAMINAR_QUERY_FAILED,
                         "event time is out of range for a window");
    op->bad_rows += n_bad;
    size_t n_timeless = window_timeless(&w->g.results[0], rows.n_rows, w->sel_b);
    if (unlikely(n_timeless) && (status = op_late(op, step, &rows, w->sel_b, n_timeless)))
        return status;
    int64_t closed = w->can_close ? session_closed_us(w) : WATERMARK_NONE;
    int64_t too_late = closed == WATERMARK_NONE
                           ? INT64_MIN
                           : add_saturating(closed, -(w->gap_us + w->lateness_us));
    size_t n_late = 0, m = 0;
    for (size_t i = 0; i < n; i++) {
        w->sel_b[n_late] = w->sel_all[i];
        bool is_late = w->times[w->sel_all[i]] <= too_late;
        w->is_late[w->sel_all[i]] = is_late;
        n_late += is_late;
    }
    if (unlikely(n_late) && (status = find_late(w, n_late, step->err))) return status;
    if (unlikely(n_late)) {
        size_t n_dropped = 0;
        for (size_t i = 0; i < n; i++) {
            w->sel_b[n_dropped] = w->sel_all[i];
            n_dropped += w->is_late[w->sel_all[i]];
        }
        if ((status = op_late(op, step, &rows, w->sel_b, n_dropped))) return status;
    }
    for (size_t i = 0; i < n; i++) {
        w->sel[m] = w->sel_all[i];
        m += !w->is_late[w->sel_all[i]];
    }
    return m ? add_selected(w, &rows, m, step->err) : LAMINAR_OK;
}

/* --- The end of the step ------------------------------------------------------------------------------------------------------------------------------ */

/* The least of a pane's times, or the greatest by the falling order. */
static laminar_status first_time(struct session_aggregate *w, struct state_ordered *times,
                                 uint64_t slot, int64_t none, int64_t *out,
                                 struct laminar_error *err)
{
    struct state_ordered_cursor cursor;
    *out = none;
    bool has_row = state_ordered_first(times, slot, &cursor);
    while (has_row && state_ordered_weight(&cursor) <= 0) has_row = state_ordered_next(&cursor);
    if (!has_row) return LAMINAR_OK;
    column_clear(&w->one_time);
    laminar_status status = state_ordered_read(&cursor, &w->one_time, err);
    if (!status) *out = *(const int64_t *)w->one_time.vec.data;
    return status;
}

/* Retracting input: first and last times follow the rows that are left; who lost a neighbour may be the last of its session. */
static laminar_status refresh_touched(struct session_aggregate *w, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    int64_t closed = session_closed_us(w);
    for (size_t i = 0; i < w->touched.n && w->g.is_retracting; i++) {
        uint64_t slot = w->touched.items[i];
        struct session_pane *pane = session_pane(state_hash_row_for_write(w->g.table, slot));
        if (!pane) return error_oom(err);
        TRY(first_time(w, w->times_up, slot, INT64_MAX, &pane->min_us, err));
        TRY(first_time(w, w->times_down, slot, INT64_MIN, &pane->max_us, err));
    }
    for (size_t i = 0; i < w->touched.n && w->g.is_retracting && w->can_close; i++) {
        const struct session_pane *pane = session_pane(
            state_hash_row(w->g.table, w->touched.items[i]));
        uint64_t previous = pane->previous;
        TRY(arm_timer(w, w->touched.items[i] + 1, closed, err));
        TRY(arm_timer(w, previous, closed, err));
    }
done:
    return status;
}

/* Panes that lost their last row. */
static laminar_status remove_empty(struct session_aggregate *w, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < w->touched.n; i++) {
        uint64_t slot = w->touched.items[i];
        uint8_t *row = state_hash_row_for_write(w->g.table, slot);
        if (!row) TRY(error_oom(err));
        struct session_pane *pane = session_pane(row);
        *pane_flags(pane) &= ~(uint32_t)PANE_TOUCHED;
        if (!w->g.is_retracting || pane->head.n_rows != 0) continue;
        TRY(pane_unlink(w, pane, err));
        TRY(state_ordered_remove_group(w->times_up, slot, err));
        TRY(state_ordered_remove_group(w->times_down, slot, err));
        TRY(groups_remove(&w->g, &slot, &row, 1, err));
    }
done:
    w->touched.n = 0;
    return status;
}

static laminar_status close_runs(struct session_aggregate *w, struct step *step, bool emits,
                                 bool removes)
{
    laminar_status status = emits ? session_emit_runs(w, step) : LAMINAR_OK;
    if (!status && removes) status = runs_remove(w, step->err);
    runs_clear(&w->runs);
    return status;
}

/* Sessions whose time has come: they come out, or are given up, or both. */
static laminar_status close_due(struct session_aggregate *w, struct step *step, int64_t closed,
                                int64_t watermark)
{
    struct timer_heap *timers = &w->timers;
    laminar_status status = LAMINAR_OK;
    bool emits_at_end = !w->updates && !w->corrects;
    runs_clear(&w->runs);
    while (timers->items.n && timers->items.items[0].at <= watermark && !status) {
        struct timer timer = timers->items.items[0];
        timer_pop(timers);
        uint8_t *row = state_hash_row(w->g.table, timer.slot);
        if (!row || session_pane(row)->due_us != timer.at) continue; /* of a pane that is gone */
        if (!(row = state_hash_row_for_write(w->g.table, timer.slot))) return error_oom(step->err);
        struct session_pane *pane = session_pane(row);
        uint64_t next;
        pane->due_us = NO_TIMER;
        if (!pane_has_rows(w, pane) || pane_next(w, pane, &next)) continue;
        int64_t end = add_saturating(pane->max_us, w->gap_us);
        bool comes_out = w->corrects && end > closed && end <= watermark;
        bool is_over = add_saturating(end, w->lateness_us) <= watermark;
        if (!is_over)
            status = arm_timer(w, timer.slot + 1, comes_out ? watermark : closed, step->err);
        if (status || (!is_over && !comes_out)) continue;
        if (w->corrects) { /* one at a time: what is done differs */
            if (!(status = runs_add(w, timer.slot, 0, step->err)))
                status = close_runs(w, step, comes_out, is_over);
            continue;
        }
        status = runs_add(w, timer.slot, 0, step->err);
        if (!status && w->runs.slots.n >= CHUNK_ROWS)
            status = close_runs(w, step, emits_at_end, true);
    }
    return status ? status : close_runs(w, step, emits_at_end, true);
}

/* Entries of panes that are gone don't pile up: when they are most of a heap, it is made again. */
static laminar_status rebuild_heaps(struct session_aggregate *w, struct laminar_error *err)
{
    uint64_t cursor = 0;
    laminar_status status = LAMINAR_OK;
    w->timers.items.n = w->earliest.items.n = 0;
    for (size_t n;
         !status && (n = state_hash_scan(w->g.table, &cursor, w->near_slots, CHUNK_ROWS)) > 0;) {
        column_clear(&w->g.lead);
        status = state_hash_keys(w->g.table, 0, w->near_slots, n, &w->g.lead, err);
        const int64_t *starts = w->g.lead.vec.data;
        for (size_t i = 0; i < n && !status; i++) {
            uint64_t slot = w->near_slots[i];
            const struct session_pane *pane = session_pane(state_hash_row(w->g.table, slot));
            if (!timer_push(&w->earliest, starts[i], slot)) status = error_oom(err);
            if (!status && pane->due_us != NO_TIMER && !timer_push(&w->timers, pane->due_us, slot))
                status = error_oom(err);
        }
    }
    return status;
}

/* No session that comes out later begins before this. */
static int64_t output_watermark(struct session_aggregate *w)
{
    int64_t in = w->op.watermark_in;
    if (in <= -WINDOW_TIME_MAX || in >= WINDOW_TIME_MAX) return in;
    if (w->time_col == 1) return floor_ms(in - w->lateness_us) * 1000;
    int64_t bound = in - w->lateness_us - w->gap_us;
    while (w->earliest.items.n) {
        struct timer first = w->earliest.items.items[0];
        const struct session_pane *pane = session_pane(state_hash_row(w->g.table, first.slot));
        bool is_there = pane && pane_has_rows(w, pane) &&
                        floor_to(pane->min_us, w->gap_us, 0) == first.at;
        /* retractions emptied it, and it may get rows again */
        bool may_be_there = pane && w->g.is_retracting && !pane_has_rows(w, pane);
        if (!is_there && !may_be_there) {
            timer_pop(&w->earliest);
            continue;
        }
        /* not the pane's first time: other groups have panes of this stretch too */
        if (first.at < bound) bound = first.at;
        break;
    }
    return floor_ms(bound) * 1000;
}

static laminar_status emit_all_sessions(struct session_aggregate *w, struct step *step)
{
    uint64_t cursor = 0, slots[256];
    laminar_status status = LAMINAR_OK;
    runs_clear(&w->runs);
    for (size_t n;
         !status && (n = state_hash_scan(w->g.table, &cursor, slots, ARRAY_LENGTH(slots))) > 0;) {
        for (size_t i = 0; i < n && !status; i++) {
            const struct session_pane *pane = session_pane(state_hash_row(w->g.table, slots[i]));
            uint64_t slot;
            if (!pane_has_rows(w, pane) || pane_previous(w, pane, &slot)) continue;
            status = runs_add(w, slots[i], 0, step->err);
        }
        if (!status) status = close_runs(w, step, true, false);
        if (!status) status = step_check(step);
    }
    return status;
}

static laminar_status session_finish(struct op *op, struct step *step)
{
    struct session_aggregate *w = (struct session_aggregate *)op;
    int64_t watermark = op->watermark_in;
    laminar_status status;
    op->watermark_out = watermark;
    op->wake_us = 0;
    TRY(refresh_touched(w, step->err));
    if (w->is_one_shot) {
        if (step->is_last) TRY(emit_all_sessions(w, step));
        return LAMINAR_OK;
    }
    bool is_closing = w->can_close && w->timers.items.n && w->timers.items.items[0].at <= watermark;
    bool has_changes = w->changed.n > 0;
    if (has_changes && !groups_is_held_back(&w->g, step, is_closing))
        TRY(session_emit_changes(w, step));
    TRY(remove_empty(w, step->err));
    if (!w->can_close) return LAMINAR_OK;
    int64_t closed = session_closed_us(w);
    if (watermark > closed) {
        TRY(close_due(w, step, closed, watermark));
        TRY(set_closed(w, watermark, step->err));
    }
    size_t n_panes = state_hash_base(w->g.table)->n_rows;
    if (w->timers.items.n > 2 * n_panes + CHUNK_ROWS ||
        w->earliest.items.n > 2 * n_panes + CHUNK_ROWS)
        TRY(rebuild_heaps(w, step->err));
    op->watermark_out = output_watermark(w);
    /* over the clock sessions close without input */
    if (op->is_clocked && w->timers.items.n) {
        uint64_t due = (uint64_t)w->timers.items.items[0].at;
        if (!op->wake_us || due < op->wake_us) op->wake_us = due;
    }
done:
    return status;
}

/* --- Creation ---------------------------------------------------------------------------------------------------------------------------------------- */

static laminar_status session_restored(struct op *op, struct laminar_error *err)
{
    struct session_aggregate *w = (struct session_aggregate *)op;
    return w->can_close ? rebuild_heaps(w, err) : LAMINAR_OK;
}

static void session_free(struct op *op)
{
    struct session_aggregate *w = (struct session_aggregate *)op;
    columns_free(w->old_cols, op->n_cols);
    columns_free(w->new_cols, op->n_cols);
    op_deinit(op);
    columns_free(w->gathered, w->g.n_results);
    columns_free(w->near_keys, w->g.n_keys);
    column_deinit(&w->one_time);
    groups_deinit(&w->g);
    ARRAY_DEINIT(&w->timers.items);
    ARRAY_DEINIT(&w->earliest.items);
    ARRAY_DEINIT(&w->touched);
    ARRAY_DEINIT(&w->changed);
    ARRAY_DEINIT(&w->flagged);
    ARRAY_DEINIT(&w->runs.runs);
    ARRAY_DEINIT(&w->runs.slots);
    ARRAY_DEINIT(&w->runs.rows);
    ARRAY_DEINIT(&w->new_old_row);
    ARRAY_DEINIT(&w->old_is_equal);
    ARRAY_DEINIT(&w->new_is_equal);
    mem_free(w->times);
    mem_free(w->starts);
    mem_free(w->picked_times);
    mem_free(w->sel_all);
    mem_free(w->sel);
    mem_free(w->sel_b);
    mem_free(w->is_late);
    mem_free(w->near_slots);
    mem_free(w->near_rows);
    mem_free(w->weights);
    mem_free(w->vecs);
    mem_free(w->near_vecs);
    mem_free(w->payloads);
    mem_free(w->payload_rows);
    mem_free(w);
}

static void session_explain(const struct op *op, struct strbuf *out)
{
    const struct session_aggregate *w = (const struct session_aggregate *)op;
    strbuf_printf(out, "sessions, %zu panes", state_hash_base(w->g.table)->n_rows);
}

static const struct op_class session_class = {.name = "session aggregate",
                                              .process = session_process,
                                              .finish_step = session_finish,
                                              .free = session_free,
                                              .explain = session_explain,
                                              .restored = session_restored};

static laminar_status create_times(struct session_aggregate *w, bool is_falling,
                                   struct state_ordered **out, struct laminar_error *err)
{
    struct data_type type = TYPE(INT64);
    struct sort_key order = {.column = 0, .is_descending = is_falling};
    struct state_ordered_options options = {.name = "times",
                                            .types = &type,
                                            .n_cols = 1,
                                            .order = &order,
                                            .n_order = 1,
                                            .account = circuit_account(w->op.circuit)};
    struct state_ordered *table;
    laminar_status status = state_ordered_create(&options, &table, err);
    if (!status) status = op_add_state(&w->op, state_ordered_base(table), err);
    if (!status) *out = table;
    return status;
}

static laminar_status create_states(struct session_aggregate *w, struct laminar_error *err)
{
    struct data_type key = TYPE(INT64);
    struct state_hash_options progress = {.name = "progress",
                                          .key_types = &key,
                                          .n_keys = 0,
                                          .payload_bytes = sizeof(struct progress),
                                          .payload_align = 8,
                                          .account = circuit_account(w->op.circuit)};
    struct state_hash *table;
    laminar_status status = state_hash_create(&progress, &table, err);
    if (!status) status = op_add_state(&w->op, state_hash_base(table), err);
    if (!status) w->progress = table;
    if (status || !w->g.is_retracting) return status;
    status = create_times(w, false, &w->times_up, err);
    return status ? status : create_times(w, true, &w->times_down, err);
}

static laminar_status create_scratch(struct session_aggregate *w, const struct plan *plan,
                                     struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    laminar_status status;
    w->payload_stride = (g->set.payload_bytes + 15) & ~(size_t)15;
    w->times = mem_alloc(CHUNK_ROWS * sizeof *w->times);
    w->starts = mem_alloc(CHUNK_ROWS * sizeof *w->starts);
    w->picked_times = mem_alloc(CHUNK_ROWS * sizeof *w->picked_times);
    w->sel_all = mem_alloc(CHUNK_ROWS * sizeof *w->sel_all);
    w->sel = mem_alloc(CHUNK_ROWS * sizeof *w->sel);
    w->sel_b = mem_alloc(CHUNK_ROWS * sizeof *w->sel_b);
    w->is_late = mem_alloc(CHUNK_ROWS);
    w->near_slots = mem_alloc(CHUNK_ROWS * sizeof *w->near_slots);
    w->near_rows = mem_alloc(CHUNK_ROWS * sizeof *w->near_rows);
    w->weights = mem_alloc(CHUNK_ROWS * sizeof *w->weights);
    w->vecs = mem_calloc(g->n_results + 1, sizeof *w->vecs);
    w->near_vecs = mem_calloc(g->n_keys + 1, sizeof *w->near_vecs);
    w->payloads = mem_alloc(SESSION_BATCH * w->payload_stride);
    w->payload_rows = mem_alloc(SESSION_BATCH * sizeof *w->payload_rows);
    w->gathered = mem_calloc(g->n_results + 1, sizeof *w->gathered);
    w->near_keys = mem_calloc(g->n_keys + 1, sizeof *w->near_keys);
    bool is_ok = w->times && w->starts && w->picked_times && w->sel_all && w->sel && w->sel_b &&
                 w->is_late && w->near_slots && w->near_rows && w->weights && w->vecs &&
                 w->near_vecs && w->payloads && w->payload_rows && w->gathered && w->near_keys;
    if (!is_ok) return error_oom(err);
    TRY(columns_create(plan->cols, plan->n_cols, &w->old_cols, err));
    TRY(columns_create(plan->cols, plan->n_cols, &w->new_cols, err));
    TRY(column_init(&w->one_time, TYPE(INT64), err));
    for (uint32_t k = 0; k < g->n_keys; k++)
        TRY(column_init(&w->near_keys[k], k ? plan->group[k - 1]->type : TYPE(INT64), err));
    for (uint32_t k = 1; k < g->n_results; k++)
        TRY(column_init(&w->gathered[k], g->result_types[k], err));
done:
    return status;
}

laminar_status op_session_create(struct circuit *circuit, const struct plan *plan,
                                 enum circuit_mode mode, struct op **out, struct laminar_error *err)
{
    assert(plan->kind == PLAN_AGGREGATE && plan->window.kind == WINDOW_SESSION);
    laminar_status status;
    if (plan->window.size_us <= 0 || plan->window.size_us > WINDOW_TIME_MAX / 4)
        return error_set(err, LAMINAR_QUERY_FAILED, "a gap of %lld us is out of range",
                         (long long)plan->window.size_us);
    struct session_aggregate *w = mem_calloc(1, sizeof *w);
    if (!w) return error_oom(err);
    w->is_one_shot = mode == CIRCUIT_ONE_SHOT;
    w->gap_us = plan->window.size_us;
    w->emit = plan->emit;
    w->lateness_us = plan->emit == EMIT_FINAL || w->is_one_shot || plan->lateness_us < 0
                         ? 0
                         : plan->lateness_us;
    w->can_close = plan->window.is_event_time && !w->is_one_shot;
    w->updates = !w->is_one_shot &&
                 (w->emit == EMIT_ON_UPDATE || w->emit == EMIT_CHANGES || w->emit == EMIT_EVERY);
    w->corrects = w->can_close && w->emit == EMIT_AFTER_WATERMARK && w->lateness_us > 0;
    w->time_col = plan->props.time_col;
    TRY(op_init(&w->op, &session_class, circuit, plan, 1, err));
    w->op.is_clocked = plan->window.is_clock && !w->is_one_shot;
    struct agg_groups_options options = {
        .plan = plan,
        .n_lead_keys = 1,
        .n_lead_cols = 2,
        .header_bytes = sizeof(struct session_pane),
        .lead_expr = plan->window.time,
        .is_stream = !w->is_one_shot,
        .every_us = plan->emit == EMIT_EVERY && !w->is_one_shot ? plan->emit_every_us : 0};
    TRY(groups_create(&w->g, &w->op, &options, err));
    w->is_united = (w->updates || w->corrects) && !w->g.is_retracting &&
                   agg_set_can_combine(&w->g.set);
    TRY(create_states(w, err));
    TRY(create_scratch(w, plan, err));
    *out = &w->op;
    return LAMINAR_OK;
done:
    session_free(&w->op);
    return status;
}
