/* session_emit.c - what a step changed: sessions are put aside before their panes change, and computed again at its end. See session_internal.h.
 *
 * A row can change the session of its pane and those of the two panes beside it, and no other: these are put aside at the first touch, all panes of them
 * flagged. A session that is walked later in the step has no flagged pane, hence no changed one, so what is put aside is always as it was.
 * At the end the flagged and changed panes are exactly those of the old and the new sessions concerned; each session is walked once.
 * An old and a new session that begin in the same pane and have the same values are not emitted.
 * Cost: the panes of the sessions that changed. With EMIT EVERY all of this spans the steps of a period. @thread the step owner. */
#include "base/error.h"
#include "exec/session_internal.h"

/* Evaluates all runs at hand, appending a copy to cols. */
static laminar_status keep_values(struct session_aggregate *w, struct column *cols,
                                  struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    laminar_status status = LAMINAR_OK;
    for (size_t at = 0; at < w->runs.runs.n && !status; at += SESSION_BATCH) {
        size_t left = w->runs.runs.n - at, n = left < SESSION_BATCH ? left : SESSION_BATCH;
        for (uint32_t k = 0; k < g->op->n_cols; k++) column_clear(&g->out_cols[k]);
        status = runs_values(w, at, n, g->out_cols, err);
        for (uint32_t k = 0; k < g->op->n_cols && !status; k++)
            status = column_append(&cols[k], &g->out_cols[k].vec, 0, n, STRINGS_COPY, err);
    }
    return status;
}

/* Adds a pane's session to those that are put aside, unless it is among them. */
static laminar_status find_old(struct session_aggregate *w, uint64_t slot_plus_1,
                               struct laminar_error *err)
{
    if (!slot_plus_1) return LAMINAR_OK;
    struct session_pane *pane = session_pane(
        state_hash_row(w->g.table, pane_root(w, slot_plus_1 - 1)));
    if (*pane_flags(pane) & (PANE_OLD | PANE_BORN) || !pane_has_rows(w, pane)) return LAMINAR_OK;
    size_t from = w->runs.slots.n;
    laminar_status status = runs_add(w, slot_plus_1 - 1, PANE_OLD, err);
    if (status) return status;
    for (size_t i = from; i < w->runs.slots.n; i++)
        if (!ARRAY_PUSH(&w->flagged, w->runs.slots.items[i])) return error_oom(err);
    const struct session_run *run = &w->runs.runs.items[w->runs.runs.n - 1];
    if (w->corrects && run->end_us > session_closed_us(w)) {
        /* not out yet: nothing to take back */
        w->runs.runs.n--;
        return LAMINAR_OK;
    }
    session_pane(w->runs.rows.items[run->first])->old_row = (uint32_t)(++w->n_old);
    return LAMINAR_OK;
}

laminar_status session_touch(struct session_aggregate *w, size_t n, struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    bool tracks = w->updates || w->corrects;
    laminar_status status = LAMINAR_OK;
    if (tracks) runs_clear(&w->runs);
    for (size_t i = 0; i < n && !status; i++) {
        struct session_pane *pane = session_pane(g->rows[i]);
        if (!(*pane_flags(pane) & PANE_TOUCHED)) {
            *pane_flags(pane) |= PANE_TOUCHED;
            if (!ARRAY_PUSH(&w->touched, g->slots[i])) return error_oom(err);
        }
        if (!tracks || *pane_flags(pane) & PANE_CHANGED) continue;
        *pane_flags(pane) |= pane_has_rows(w, pane) ? PANE_CHANGED : PANE_CHANGED | PANE_BORN;
        if (!ARRAY_PUSH(&w->changed, g->slots[i])) return error_oom(err);
        status = find_old(w, pane->previous, err);
        if (!status) status = find_old(w, g->slots[i] + 1, err);
        if (!status) status = find_old(w, pane->next, err);
    }
    return status || !tracks ? status : keep_values(w, w->old_cols, err);
}

/* --- The end of the step ------------------------------------------------------------------------------------------------------------------------------ */

static laminar_status find_new(struct session_aggregate *w, const uint64_t *slots, size_t n,
                               struct laminar_error *err)
{
    for (size_t i = 0; i < n; i++) {
        struct session_pane *pane = session_pane(state_hash_row(w->g.table, slots[i]));
        if (pane && w->is_united)
            pane = session_pane(state_hash_row(w->g.table, pane_root(w, slots[i])));
        if (!pane || *pane_flags(pane) & PANE_NEW || !pane_has_rows(w, pane)) continue;
        laminar_status status = runs_add(w, slots[i], PANE_NEW, err);
        if (status) return status;
        const struct session_run *run = &w->runs.runs.items[w->runs.runs.n - 1];
        if (w->corrects && run->end_us > session_closed_us(w)) {
            w->runs.runs.n--;
            continue;
        }
        const struct session_pane *first = session_pane(w->runs.rows.items[run->first]);
        if (!ARRAY_PUSH(&w->new_old_row, first->old_row)) return error_oom(err);
        w->n_new++;
    }
    return LAMINAR_OK;
}

/* Old and new sessions that begin in one pane and are the same in every column. */
static laminar_status find_equal(struct session_aggregate *w, struct laminar_error *err)
{
    if (!ARRAY_RESERVE(&w->old_is_equal, w->n_old + 1) ||
        !ARRAY_RESERVE(&w->new_is_equal, w->n_new + 1))
        return error_oom(err);
    memset(w->old_is_equal.items, 0, w->n_old);
    memset(w->new_is_equal.items, 0, w->n_new);
    uint32_t *old = w->sel_all, *now = w->sel, *match = w->sel_b;
    for (size_t from = 0; from < w->n_new;) {
        size_t n = 0;
        for (; from < w->n_new && n < CHUNK_ROWS; from++) {
            if (!w->new_old_row.items[from]) continue;
            old[n] = w->new_old_row.items[from] - 1;
            now[n++] = (uint32_t)from;
        }
        for (uint32_t k = 0; k < w->op.n_cols && n; k++) {
            n = kernel_match(&w->old_cols[k].vec, old, &w->new_cols[k].vec, now, n, match);
            for (size_t i = 0; i < n; i++) {
                old[i] = old[match[i]];
                now[i] = now[match[i]];
            }
        }
        for (size_t i = 0; i < n; i++)
            w->old_is_equal.items[old[i]] = w->new_is_equal.items[now[i]] = true;
    }
    return LAMINAR_OK;
}

static laminar_status emit_rows(struct session_aggregate *w, struct step *step,
                                struct column *const cols, const uint8_t *is_equal, size_t n_rows,
                                int64_t weight)
{
    struct agg_groups *g = &w->g;
    for (size_t at = 0; at < n_rows;) {
        size_t n = 0;
        for (; at < n_rows && n < CHUNK_ROWS; at++) {
            w->sel[n] = (uint32_t)at;
            w->weights[n] = weight;
            n += !is_equal[at];
        }
        for (uint32_t k = 0; k < g->op->n_cols && n; k++) {
            column_clear(&g->out_cols[k]);
            laminar_status status = column_append_sel(&g->out_cols[k], &cols[k].vec, w->sel, n,
                                                      STRINGS_BORROW, step->err);
            if (status) return status;
            g->out_vecs[k] = g->out_cols[k].vec;
        }
        struct chunk chunk = {(uint32_t)n, g->op->n_cols, g->out_vecs,
                              weight < 0 ? w->weights : NULL};
        laminar_status status = op_emit(g->op, step, &chunk);
        if (status) return status;
    }
    return LAMINAR_OK;
}

static laminar_status clear_flags(struct session_aggregate *w, const uint64_t *slots, size_t n,
                                  struct laminar_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!state_hash_row(w->g.table, slots[i])) continue; /* it had no rows any more */
        struct session_pane *pane = session_pane(state_hash_row_for_write(w->g.table, slots[i]));
        if (!pane) return error_oom(err);
        *pane_flags(pane) &= PANE_TOUCHED;
        pane->old_row = 0;
    }
    return LAMINAR_OK;
}

laminar_status session_emit_changes(struct session_aggregate *w, struct step *step)
{
    laminar_status status;
    runs_clear(&w->runs);
    w->n_new = w->new_old_row.n = 0;
    TRY(find_new(w, w->flagged.items, w->flagged.n, step->err));
    TRY(find_new(w, w->changed.items, w->changed.n, step->err));
    TRY(keep_values(w, w->new_cols, step->err));
    TRY(find_equal(w, step->err));
    if (op_wants_retractions(&w->op))
        TRY(emit_rows(w, step, w->old_cols, w->old_is_equal.items, w->n_old, -1));
    TRY(emit_rows(w, step, w->new_cols, w->new_is_equal.items, w->n_new, 1));
    TRY(clear_flags(w, w->flagged.items, w->flagged.n, step->err));
    TRY(clear_flags(w, w->changed.items, w->changed.n, step->err));
done:
    w->flagged.n = w->changed.n = 0;
    w->n_old = w->n_new = 0;
    for (uint32_t k = 0; k < w->op.n_cols; k++) {
        column_clear(&w->old_cols[k]);
        column_clear(&w->new_cols[k]);
    }
    return status;
}

laminar_status session_emit_runs(struct session_aggregate *w, struct step *step)
{
    struct agg_groups *g = &w->g;
    laminar_status status = LAMINAR_OK;
    for (size_t at = 0; at < w->runs.runs.n && !status; at += SESSION_BATCH) {
        size_t left = w->runs.runs.n - at, n = left < SESSION_BATCH ? left : SESSION_BATCH;
        for (uint32_t k = 0; k < g->op->n_cols; k++) column_clear(&g->out_cols[k]);
        if ((status = runs_values(w, at, n, g->out_cols, step->err))) break;
        for (uint32_t k = 0; k < g->op->n_cols; k++) g->out_vecs[k] = g->out_cols[k].vec;
        status = op_emit(g->op, step,
                         &(struct chunk){(uint32_t)n, g->op->n_cols, g->out_vecs, NULL});
    }
    return status;
}
