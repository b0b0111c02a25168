/* op_window_aggregate.c - GROUP BY TUMBLE, HOP or CUMULATE.
 *
 * Rows are kept as groups (pane, keys) of one table. Two forms:
 *   direct  a pane is a window: a row is added to each window that it is in. TUMBLE (one window a row), CUMULATE, and HOP where windows
 *           change while they are open, or where states can't be combined.
 *   sliced  HOP that is emitted at the close: panes are gcd(size, slide) long, a row is added once, and closing a window combines
 *           the panes below it, group by group (Krishnamurthy, Wu, Franklin: "On-the-fly sharing for streamed aggregation", 2006).
 *
 * Algebra: ON WINDOW CLOSE, FINAL: a window's rows come out once, +1, when the watermark W >= end + lateness. ON UPDATE, CHANGES: each step gives
 * -(old) +(new) of the groups that it touched; EVERY: each period, and before a window is given up. AFTER WATERMARK: all rows of a window when W >= end, then -(old) +(new) for rows that come
 * later but within the lateness. One-shot: everything in the last step. A retraction is a row of negative weight.
 * Late: a row is late for a window with end + lateness <= W as it was before the step; late for all its windows, it is dropped and counted.
 * State: "groups" (and the children of agg_set.h), "panes" (start -> first group of its chain), "progress" (the watermark up to which windows
 * were closed, so that a restored operator goes on where the snapshot was). The groups of a pane form a list, panes a heap by start, so closing
 * touches what is due and nothing else. The watermark bounds all of it; without event time nothing does.
 * watermark_out: windows to come end after W - lateness, hence start after W - lateness - size. */
#include "base/error.h"
#include "exec/agg_groups.h"
#include "exec/ops.h"
#include "exec/window_time.h"

struct window_head {          /* of the payload */
    struct counted_head head; /* first */
    uint64_t next, previous;  /* groups of the pane: slot + 1, 0 = none */
};
struct pane {             /* its groups, in the order in which they came */
    uint64_t first, last; /* slot + 1 */
};
struct progress {
    int64_t closed_us; /* windows with end + lateness <= this are closed */
};
struct pane_heap { /* least start first */
    ARRAY_OF(int64_t) starts;
};

struct window_aggregate {
    struct op op; /* first */
    struct agg_groups g;
    struct window_spec window;
    enum emit_mode emit;
    int64_t lateness_us;
    int64_t pane_us; /* length of a pane (sliced), or distance between windows */
    bool is_sliced, is_one_shot, can_close;
    int32_t time_col;
    struct state_hash *panes;
    struct state_hash *progress;
    struct pane_heap evict;   /* panes in state */
    struct pane_heap pending; /* AFTER WATERMARK with lateness: windows not emitted yet */
    /* sliced: the window that is being closed; not a state: empty between steps */
    struct state_hash *merged;
    int64_t *times, *starts;
    uint32_t *sel_all, *sel_window;
    struct column *gathered; /* results, where some rows are left out */
    struct vector *gathered_vecs;
    int64_t *gathered_weights;
    uint8_t *is_listed;
    uint64_t *merge_slots;
    uint8_t **merge_rows;
    struct column *merge_keys;
    struct vector *merge_vecs;
};

/* --- Heap of panes ------------------------------------------------------------------------------------------------------------------------ */

static bool heap_push(struct pane_heap *heap, int64_t start)
{
    if (!ARRAY_PUSH(&heap->starts, start)) return false;
    int64_t *items = heap->starts.items;
    size_t i = heap->starts.n - 1;
    for (; i > 0 && items[(i - 1) / 2] > start; i = (i - 1) / 2) items[i] = items[(i - 1) / 2];
    items[i] = start;
    return true;
}
static void heap_pop(struct pane_heap *heap)
{
    int64_t *items = heap->starts.items, last = items[--heap->starts.n];
    size_t n = heap->starts.n, i = 0;
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && items[child + 1] < items[child]) child++;
        if (items[child] >= last) break;
        items[i] = items[child];
    }
    if (n) items[i] = last;
}

/* --- Windows ----------------------------------------------------------------------------------------------------------------------------------- */

/* A direct pane is named by its window's start; of CUMULATE, where windows share their start, by its end. */
static int64_t window_end(const struct window_aggregate *w, int64_t pane)
{
    return w->window.kind == WINDOW_CUMULATE ? pane : pane + w->window.size_us;
}
static int64_t window_start(const struct window_aggregate *w, int64_t pane)
{
    return w->window.kind == WINDOW_CUMULATE
               ? floor_to(pane - 1, w->window.size_us, w->window.offset_us)
               : pane;
}
static bool is_closed(const struct window_aggregate *w, int64_t end, int64_t watermark)
{
    return watermark != WATERMARK_NONE && add_saturating(end, w->lateness_us) <= watermark;
}
static int64_t n_windows_of_row(const struct window_aggregate *w)
{
    return (w->window.size_us + w->window.slide_us - 1) / w->window.slide_us;
}

static struct progress *progress_of(struct window_aggregate *w)
{
    return (struct progress *)(void *)state_hash_row(w->progress, 0);
}
static int64_t closed_us(struct window_aggregate *w)
{
    const struct progress *progress = progress_of(w);
    return progress ? progress->closed_us : WATERMARK_NONE;
}
static laminar_status set_closed(struct window_aggregate *w, int64_t watermark,
                                 struct laminar_error *err)
{
    uint64_t slot;
    uint8_t *row;
    struct vector none = {0};
    laminar_status status = state_hash_upsert(w->progress, &none, 1, &slot, &row, NULL, err);
    if (!status) ((struct progress *)(void *)row)->closed_us = watermark;
    return status;
}

/* Leading output columns: bounds as TIMESTAMP(3). */
static laminar_status bound_cols(struct op *op, const int64_t *keys, size_t n, struct column *out,
                                 struct laminar_error *err)
{
    struct window_aggregate *w = (struct window_aggregate *)op;
    for (uint32_t b = 0; b < 2; b++) {
        laminar_status status = column_reserve(&out[b], n, err);
        if (status) return status;
        int64_t *to = out[b].vec.data;
        for (size_t i = 0; i < n; i++)
            to[i] = floor_ms(b ? window_end(w, keys[i]) : window_start(w, keys[i]));
        out[b].n = n;
    }
    return LAMINAR_OK;
}

/* --- Panes and their groups ------------------------------------------------------------------------------------------------------------------------ */

static struct window_head *window_head(uint8_t *row) { return (struct window_head *)(void *)row; }

static laminar_status find_pane(struct window_aggregate *w, int64_t start, struct pane **out,
                                bool *is_new, struct laminar_error *err)
{
    uint64_t slot;
    uint8_t *row, flag;
    struct vector key = {.type = TYPE(INT64), .data = &start};
    laminar_status status = state_hash_upsert(w->panes, &key, 1, &slot, &row, &flag, err);
    *out = (struct pane *)(void *)row;
    *is_new = flag;
    return status;
}

/* Puts the new ones of the first n groups at hand into their panes' lists; new panes go into the heaps. */
static laminar_status chain_new(struct window_aggregate *w, const int64_t *starts, size_t n,
                                struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    struct pane *pane = NULL;
    int64_t start = 0;
    laminar_status status;
    for (size_t i = 0; i < n; i++) {
        if (!g->is_new[i]) continue;
        if (!pane || starts[i] != start) {
            bool is_new;
            start = starts[i];
            if ((status = find_pane(w, start, &pane, &is_new, err))) return status;
            if (is_new && !heap_push(&w->evict, start)) return error_oom(err);
            if (is_new && w->emit == EMIT_AFTER_WATERMARK && w->lateness_us > 0 &&
                !heap_push(&w->pending, start))
                return error_oom(err);
        }
        struct window_head *head = window_head(g->rows[i]);
        if (pane->last) {
            uint8_t *last = state_hash_row_for_write(g->table, pane->last - 1);
            if (!last) return error_oom(err);
            window_head(last)->next = g->slots[i] + 1;
        } else {
            pane->first = g->slots[i] + 1;
        }
        head->previous = pane->last;
        pane->last = g->slots[i] + 1;
    }
    return LAMINAR_OK;
}

/* A group without rows leaves its pane's list; the pane stays until it is due. */
static laminar_status unlink_group(struct op *op, uint64_t slot, uint8_t *row,
                                   struct laminar_error *err)
{
    struct window_aggregate *w = (struct window_aggregate *)op;
    struct window_head *head = window_head(row);
    uint8_t *other;
    if (head->next) {
        if (!(other = state_hash_row_for_write(w->g.table, head->next - 1))) return error_oom(err);
        window_head(other)->previous = head->previous;
    }
    if (head->previous) {
        if (!(other = state_hash_row_for_write(w->g.table, head->previous - 1)))
            return error_oom(err);
        window_head(other)->next = head->next;
    }
    if (head->next && head->previous) return LAMINAR_OK;
    struct column *lead = &w->g.lead;
    column_clear(lead);
    laminar_status status = state_hash_keys(w->g.table, 0, &slot, 1, lead, err);
    struct pane *pane;
    bool is_new;
    if (!status) status = find_pane(w, *(const int64_t *)lead->vec.data, &pane, &is_new, err);
    if (status) return status;
    if (!head->previous) pane->first = head->next;
    if (!head->next) pane->last = head->previous;
    return LAMINAR_OK;
}

/* Fills slots and rows of up to n groups of a list from *at on (slot + 1); returns how many. */
static size_t next_groups(struct window_aggregate *w, uint64_t *at, uint64_t *slots, uint8_t **rows,
                          size_t n)
{
    size_t found = 0;
    for (; *at && found < n; found++) {
        slots[found] = *at - 1;
        rows[found] = state_hash_row(w->g.table, *at - 1);
        *at = window_head(rows[found])->next;
        if (*at) prefetch_read(state_hash_row(w->g.table, *at - 1));
    }
    return found;
}

static uint64_t first_of_pane(struct window_aggregate *w, int64_t start, uint64_t *slot)
{
    uint8_t *row;
    struct vector key = {.type = TYPE(INT64), .data = &start};
    /* a table that is only read can't run out of memory once its scratch exists */
    if (state_hash_find(w->panes, &key, 1, false, slot, &row, NULL) || !row) return 0;
    return ((const struct pane *)(const void *)row)->first;
}

/* --- Input ----------------------------------------------------------------------------------------------------------------------------------------- */

/* Adds the rows to groups: results and weights are those of n rows, whose panes are in `starts`. */
static laminar_status add_rows(struct window_aggregate *w, const struct vector *results,
                               const int64_t *weights, size_t n, struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    laminar_status status;
    g->keys[0] = (struct vector){.type = TYPE(INT64), .data = w->starts};
    memcpy(g->keys + 1, results + 1, (g->n_keys - 1) * sizeof *results);
    if ((status = groups_find(g, n, err))) return status;
    if (w->can_close && (status = chain_new(w, w->starts, n, err))) return status;
    bool touches = w->emit == EMIT_ON_UPDATE || w->emit == EMIT_CHANGES || w->emit == EMIT_EVERY;
    if (g->options.is_stream && touches && (status = groups_touch(g, n, NULL, err))) return status;
    /* windows that were emitted change from now on */
    if (g->options.is_stream && w->emit == EMIT_AFTER_WATERMARK && w->lateness_us > 0) {
        int64_t emitted = closed_us(w);
        for (size_t i = 0; i < n; i++)
            w->is_listed[i] = emitted != WATERMARK_NONE && window_end(w, w->starts[i]) <= emitted;
        if ((status = groups_touch(g, n, w->is_listed, err))) return status;
    }
    return groups_update(g, results, weights, n, err);
}

/* The rows sel[0..n) of the chunk's results, whose panes are in `starts`. */
static laminar_status add_selected(struct window_aggregate *w, const struct chunk *chunk,
                                   const uint32_t *sel, size_t n, struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    if (n == chunk->n_rows) return add_rows(w, g->results, chunk->weights, n, err);
    for (uint32_t k = 1; k < g->n_results; k++) {
        w->gathered_vecs[k] = g->results[k];
        if (g->results[k].shape == VEC_CONST) continue;
        column_clear(&w->gathered[k]);
        laminar_status status = column_append_sel(&w->gathered[k], &g->results[k], sel, n,
                                                  STRINGS_BORROW, err);
        if (status) return status;
        w->gathered_vecs[k] = w->gathered[k].vec;
    }
    for (size_t i = 0; chunk->weights && i < n; i++)
        w->gathered_weights[i] = chunk->weights[sel[i]];
    return add_rows(w, w->gathered_vecs, chunk->weights ? w->gathered_weights : NULL, n, err);
}

/* One pane a row: TUMBLE and sliced HOP. Times mostly come in order, so the pane of the row before is tried first. */
static laminar_status add_to_panes(struct window_aggregate *w, const struct chunk *chunk, size_t n,
                                   struct laminar_error *err)
{
    int64_t closed = closed_us(w), start = 0, end = 0;
    size_t m = 0;
    bool is_late = false;
    for (size_t i = 0; i < n; i++) {
        uint32_t row = w->sel_all[i];
        int64_t t = w->times[row];
        if (unlikely(t < start || t >= end)) {
            start = floor_to(t, w->pane_us, w->window.offset_us);
            end = start + w->pane_us;
            int64_t last_end = floor_to(t, w->window.slide_us, w->window.offset_us) +
                               w->window.size_us;
            is_late = is_closed(w, last_end, closed);
        }
        w->sel_window[m] = row;
        w->starts[m] = start;
        m += !is_late;
    }
    w->op.late_rows += n - m;
    return m ? add_selected(w, chunk, w->sel_window, m, err) : LAMINAR_OK;
}

/* Several windows a row: the k-th of all rows at a time. */
static laminar_status add_to_windows(struct window_aggregate *w, const struct chunk *chunk,
                                     size_t n, struct laminar_error *err)
{
    const struct window_spec *spec = &w->window;
    int64_t closed = closed_us(w), n_windows = n_windows_of_row(w);
    laminar_status status = LAMINAR_OK;
    size_t n_added = 0;
    for (int64_t k = 0; k < n_windows && !status; k++) {
        size_t m = 0;
        for (size_t i = 0; i < n; i++) {
            uint32_t row = w->sel_all[i];
            int64_t t = w->times[row], pane, end;
            if (spec->kind == WINDOW_CUMULATE) {
                int64_t start = floor_to(t, spec->size_us, spec->offset_us);
                end = start + (n_windows - k) * spec->slide_us;
                if (end > start + spec->size_us) end = start + spec->size_us;
                pane = end;
            } else {
                pane = floor_to(t, spec->slide_us, spec->offset_us) - k * spec->slide_us;
                end = pane + spec->size_us;
            }
            w->sel_window[m] = row;
            w->starts[m] = pane;
            m += t < end && !is_closed(w, end, closed);
        }
        /* the latest window of each row: who is late for it is late for all */
        if (k == 0) n_added = m;
        if (m) status = add_selected(w, chunk, w->sel_window, m, err);
    }
    w->op.late_rows += n - n_added;
    return status;
}

static laminar_status window_aggregate_process(struct op *op, struct step *step, uint32_t port,
                                               const struct chunk *chunk)
{
    (void)port;
    struct window_aggregate *w = (struct window_aggregate *)op;
    struct chunk rows;
    laminar_status status = groups_evaluate(&w->g, step, chunk, &rows);
    if (status || rows.n_rows == 0) return status;
    size_t n_bad, n = window_times(&w->g.results[0], rows.n_rows, w->times, w->sel_all, &n_bad);
    if (unlikely(n_bad) && step->error_mode == ROW_ERROR_FAIL)
        return error_set(step->err, LAMINAR_QUERY_FAILED,
                         "event time is out of range for a window");
    op->bad_rows += n_bad;
    op->late_rows += rows.n_rows - n - n_bad; /* no time at all */
    if (n == 0) return LAMINAR_OK;
    bool is_single = w->is_sliced || w->window.kind == WINDOW_TUMBLE;
    return is_single ? add_to_panes(w, &rows, n, step->err)
                     : add_to_windows(w, &rows, n, step->err);
}

/* --- Closing ---------------------------------------------------------------------------------------------------------------------------------------- */

static laminar_status emit_with_rows(struct window_aggregate *w, struct step *step, uint64_t *slots,
                                     uint8_t **rows, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        slots[kept] = slots[i];
        rows[kept] = rows[i];
        kept += group_has_row(&w->g, rows[kept]);
    }
    return kept ? groups_emit_new(&w->g, step, slots, rows, kept) : LAMINAR_OK;
}

/* All rows of a direct window. */
static laminar_status emit_pane(struct window_aggregate *w, struct step *step, int64_t start)
{
    struct agg_groups *g = &w->g;
    uint64_t slot, at = first_of_pane(w, start, &slot);
    laminar_status status = LAMINAR_OK;
    for (size_t n; !status && (n = next_groups(w, &at, g->slots, g->rows, CHUNK_ROWS)) > 0;)
        status = emit_with_rows(w, step, g->slots, g->rows, n);
    return status;
}

static laminar_status evict_pane(struct window_aggregate *w, int64_t start,
                                 struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    uint64_t slot, at = first_of_pane(w, start, &slot);
    laminar_status status = LAMINAR_OK;
    for (size_t n; !status && (n = next_groups(w, &at, g->slots, g->rows, CHUNK_ROWS)) > 0;)
        status = groups_remove(g, g->slots, g->rows, n, err);
    if (!status && slot != STATE_SLOT_NONE) state_hash_remove(w->panes, &slot, 1);
    return status;
}

static laminar_status close_direct(struct window_aggregate *w, struct step *step, int64_t watermark)
{
    laminar_status status = LAMINAR_OK;
    bool is_after = w->emit == EMIT_AFTER_WATERMARK && w->lateness_us > 0;
    while (is_after && w->pending.starts.n &&
           window_end(w, w->pending.starts.items[0]) <= watermark && !status) {
        status = emit_pane(w, step, w->pending.starts.items[0]);
        heap_pop(&w->pending);
    }
    bool emits = w->is_one_shot || w->emit == EMIT_ON_CLOSE || w->emit == EMIT_FINAL ||
                 (w->emit == EMIT_AFTER_WATERMARK && !is_after);
    while (w->evict.starts.n && is_closed(w, window_end(w, w->evict.starts.items[0]), watermark) &&
           !status) {
        int64_t start = w->evict.starts.items[0];
        if (emits) status = emit_pane(w, step, start);
        if (!status) status = evict_pane(w, start, step->err);
        heap_pop(&w->evict);
    }
    return status;
}

/* Adds the groups of a pane to `merged`, whose leading key is the window. */
static laminar_status merge_pane(struct window_aggregate *w, int64_t window, int64_t start,
                                 struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    uint64_t slot, at = first_of_pane(w, start, &slot);
    laminar_status status = LAMINAR_OK;
    for (size_t n; !status && (n = next_groups(w, &at, g->slots, g->rows, CHUNK_ROWS)) > 0;) {
        w->merge_vecs[0] = (struct vector){
            .type = TYPE(INT64), .shape = VEC_CONST, .data = &window};
        for (uint32_t k = 1; k < g->n_keys && !status; k++) {
            column_clear(&w->merge_keys[k]);
            status = state_hash_keys(g->table, k, g->slots, n, &w->merge_keys[k], err);
            w->merge_vecs[k] = w->merge_keys[k].vec;
        }
        if (!status)
            status = state_hash_upsert(w->merged, w->merge_vecs, n, w->merge_slots, w->merge_rows,
                                       NULL, err);
        for (size_t i = 0; i < n && !status; i++) {
            *group_n_rows(w->merge_rows[i]) += *group_n_rows(g->rows[i]);
            status = agg_set_combine(&g->set, state_hash_heap(w->merged), w->merge_rows[i],
                                     g->rows[i], err);
        }
    }
    return status;
}

static laminar_status emit_merged(struct window_aggregate *w, struct step *step)
{
    struct agg_groups *g = &w->g;
    uint64_t cursor = 0;
    laminar_status status = LAMINAR_OK;
    struct state_hash *groups = g->table;
    g->table = w->merged; /* keys are read from here while it is emitted */
    for (size_t n;
         !status && (n = state_hash_scan(w->merged, &cursor, w->merge_slots, CHUNK_ROWS)) > 0;) {
        for (size_t i = 0; i < n; i++)
            w->merge_rows[i] = state_hash_row(w->merged, w->merge_slots[i]);
        status = emit_with_rows(w, step, w->merge_slots, w->merge_rows, n);
    }
    g->table = groups;
    cursor = 0;
    for (size_t n; (n = state_hash_scan(w->merged, &cursor, w->merge_slots, CHUNK_ROWS)) > 0;)
        state_hash_remove(w->merged, w->merge_slots, n);
    return status;
}

/* Windows in order of their start: the first that is still open and holds the earliest pane, while due. */
static laminar_status close_sliced(struct window_aggregate *w, struct step *step, int64_t watermark)
{
    const struct window_spec *spec = &w->window;
    int64_t closed = closed_us(w);
    laminar_status status = LAMINAR_OK;
    while (w->evict.starts.n && !status) {
        int64_t first = w->evict.starts.items[0];
        /* earliest window that holds it */
        int64_t start = floor_to(first - spec->size_us, spec->slide_us, spec->offset_us) +
                        spec->slide_us;
        while (is_closed(w, start + spec->size_us, closed)) start += spec->slide_us;
        if (!is_closed(w, start + spec->size_us, watermark)) break;
        for (int64_t pane = start; pane < start + spec->size_us && !status; pane += w->pane_us)
            if (pane >= first) status = merge_pane(w, start, pane, step->err);
        if (!status) status = emit_merged(w, step);
        closed = start + spec->size_us + w->lateness_us;
        /* no later window holds it */
        while (w->evict.starts.n && w->evict.starts.items[0] < start + spec->slide_us && !status) {
            status = evict_pane(w, w->evict.starts.items[0], step->err);
            heap_pop(&w->evict);
        }
    }
    return status;
}

/* The least bound that windows to come (or to change) can have. */
static int64_t output_watermark(const struct window_aggregate *w)
{
    int64_t in = w->op.watermark_in;
    if (in <= -WINDOW_TIME_MAX || in >= WINDOW_TIME_MAX) return in;
    const struct window_spec *spec = &w->window;
    int64_t passed = in - w->lateness_us; /* open windows end after this */
    int64_t end;
    if (spec->kind == WINDOW_CUMULATE) {
        end = floor_to(passed, spec->slide_us, spec->offset_us) + spec->slide_us;
        if (w->time_col == 1) return floor_ms(end) * 1000;
        return floor_ms(floor_to(end - 1, spec->size_us, spec->offset_us)) * 1000;
    }
    int64_t start = floor_to(passed - spec->size_us, spec->slide_us, spec->offset_us) +
                    spec->slide_us;
    return floor_ms(w->time_col == 1 ? start + spec->size_us : start) * 1000;
}

static laminar_status emit_all_groups(struct window_aggregate *w, struct step *step)
{
    struct agg_groups *g = &w->g;
    uint64_t cursor = 0;
    laminar_status status = LAMINAR_OK;
    for (size_t n; !status && (n = state_hash_scan(g->table, &cursor, g->slots, CHUNK_ROWS)) > 0;) {
        for (size_t i = 0; i < n; i++) g->rows[i] = state_hash_row(g->table, g->slots[i]);
        status = emit_with_rows(w, step, g->slots, g->rows, n);
    }
    return status;
}

static laminar_status window_aggregate_finish(struct op *op, struct step *step)
{
    struct window_aggregate *w = (struct window_aggregate *)op;
    int64_t watermark = op->watermark_in;
    laminar_status status = LAMINAR_OK;
    op->watermark_out = w->can_close ? output_watermark(w) : watermark;
    bool is_closing = w->can_close && w->evict.starts.n &&
                      is_closed(w, window_end(w, w->evict.starts.items[0]), watermark);
    if ((status = groups_emit_touched(&w->g, step, is_closing))) return status;
    if (!w->can_close)
        return w->is_one_shot && step->is_last ? emit_all_groups(w, step) : LAMINAR_OK;
    if (w->is_one_shot && !step->is_last) return LAMINAR_OK;
    if (watermark == WATERMARK_NONE || watermark <= closed_us(w)) return LAMINAR_OK;
    status = w->is_sliced ? close_sliced(w, step, watermark) : close_direct(w, step, watermark);
    return status ? status : set_closed(w, watermark, step->err);
}

/* --- Creation ---------------------------------------------------------------------------------------------------------------------------------------- */

/* The heaps follow from the panes that are there. */
static laminar_status window_aggregate_restored(struct op *op, struct laminar_error *err)
{
    struct window_aggregate *w = (struct window_aggregate *)op;
    uint64_t cursor = 0, slots[64];
    int64_t emitted = closed_us(w);
    struct column *lead = &w->g.lead;
    w->evict.starts.n = w->pending.starts.n = 0;
    for (size_t n; (n = state_hash_scan(w->panes, &cursor, slots, ARRAY_LENGTH(slots))) > 0;) {
        column_clear(lead);
        laminar_status status = state_hash_keys(w->panes, 0, slots, n, lead, err);
        for (size_t i = 0; i < n && !status; i++) {
            int64_t start = ((const int64_t *)lead->vec.data)[i];
            if (!heap_push(&w->evict, start)) status = error_oom(err);
            bool is_pending = w->emit == EMIT_AFTER_WATERMARK && w->lateness_us > 0 &&
                              !(emitted != WATERMARK_NONE && window_end(w, start) <= emitted);
            if (!status && is_pending && !heap_push(&w->pending, start)) status = error_oom(err);
        }
        if (status) return status;
    }
    return LAMINAR_OK;
}

static void window_aggregate_free(struct op *op)
{
    struct window_aggregate *w = (struct window_aggregate *)op;
    if (w->merged) state_hash_base(w->merged)->cls->free(state_hash_base(w->merged));
    op_deinit(op);
    columns_free(w->gathered, w->g.n_results);
    columns_free(w->merge_keys, w->g.n_keys);
    groups_deinit(&w->g);
    ARRAY_DEINIT(&w->evict.starts);
    ARRAY_DEINIT(&w->pending.starts);
    mem_free(w->times);
    mem_free(w->starts);
    mem_free(w->sel_all);
    mem_free(w->sel_window);
    mem_free(w->gathered_vecs);
    mem_free(w->gathered_weights);
    mem_free(w->is_listed);
    mem_free(w->merge_slots);
    mem_free(w->merge_rows);
    mem_free(w->merge_vecs);
    mem_free(w);
}

static void window_aggregate_explain(const struct op *op, struct strbuf *out)
{
    const struct window_aggregate *w = (const struct window_aggregate *)op;
    strbuf_printf(out, "window aggregate, %s, %zu groups in %zu panes",
                  w->is_sliced ? "sliced" : "direct", state_hash_base(w->g.table)->n_rows,
                  state_hash_base(w->panes)->n_rows);
}

static const struct op_class window_aggregate_class = {.name = "window aggregate",
                                                       .process = window_aggregate_process,
                                                       .finish_step = window_aggregate_finish,
                                                       .free = window_aggregate_free,
                                                       .explain = window_aggregate_explain,
                                                       .restored = window_aggregate_restored};

static laminar_status create_tables(struct window_aggregate *w, struct laminar_error *err)
{
    struct data_type key = TYPE(INT64);
    struct mem_account *account = circuit_account(w->op.circuit);
    struct state_hash_options panes = {.name = "panes",
                                       .key_types = &key,
                                       .n_keys = 1,
                                       .payload_bytes = sizeof(struct pane),
                                       .payload_align = 8,
                                       .account = account};
    struct state_hash_options progress = {.name = "progress",
                                          .key_types = &key,
                                          .n_keys = 0,
                                          .payload_bytes = sizeof(struct progress),
                                          .payload_align = 8,
                                          .account = account};
    laminar_status status = state_hash_create(&panes, &w->panes, err);
    if (!status) status = op_add_state(&w->op, state_hash_base(w->panes), err);
    if (!status) status = state_hash_create(&progress, &w->progress, err);
    if (!status) status = op_add_state(&w->op, state_hash_base(w->progress), err);
    return status;
}

static laminar_status create_merged(struct window_aggregate *w, struct laminar_error *err)
{
    const struct plan *plan = w->g.options.plan;
    laminar_status status = LAMINAR_OK;
    w->merge_vecs = mem_calloc(w->g.n_keys + 1, sizeof *w->merge_vecs);
    w->merge_keys = mem_calloc(w->g.n_keys + 1, sizeof *w->merge_keys);
    struct data_type *types = mem_calloc(w->g.n_keys + 1, sizeof *types);
    if (!w->merge_vecs || !w->merge_keys || !types) status = error_oom(err);
    for (uint32_t k = 0; k < w->g.n_keys && !status; k++) {
        types[k] = k ? plan->group[k - 1]->type : TYPE(INT64);
        status = column_init(&w->merge_keys[k], types[k], err);
    }
    struct state_hash_options options = {.name = "window",
                                         .key_types = types,
                                         .n_keys = w->g.n_keys,
                                         .account = circuit_account(w->op.circuit)};
    agg_set_table_options(&w->g.set, &options);
    if (!status) status = state_hash_create(&options, &w->merged, err);
    mem_free(types);
    return status;
}

static laminar_status create_scratch(struct window_aggregate *w, struct laminar_error *err)
{
    w->times = mem_alloc(CHUNK_ROWS * sizeof *w->times);
    w->starts = mem_alloc(CHUNK_ROWS * sizeof *w->starts);
    w->sel_all = mem_alloc(CHUNK_ROWS * sizeof *w->sel_all);
    w->sel_window = mem_alloc(CHUNK_ROWS * sizeof *w->sel_window);
    w->gathered_vecs = mem_calloc(w->g.n_results + 1, sizeof *w->gathered_vecs);
    w->gathered_weights = mem_alloc(CHUNK_ROWS * sizeof *w->gathered_weights);
    w->is_listed = mem_alloc(CHUNK_ROWS);
    w->merge_slots = mem_alloc(CHUNK_ROWS * sizeof *w->merge_slots);
    w->merge_rows = mem_alloc(CHUNK_ROWS * sizeof *w->merge_rows);
    w->gathered = mem_calloc(w->g.n_results + 1, sizeof *w->gathered);
    bool is_ok = w->times && w->starts && w->sel_all && w->sel_window && w->gathered_vecs &&
                 w->gathered_weights && w->is_listed && w->merge_slots && w->merge_rows &&
                 w->gathered;
    if (!is_ok) return error_oom(err);
    for (uint32_t k = 1; k < w->g.n_results; k++) {
        laminar_status status = column_init(&w->gathered[k], w->g.result_types[k], err);
        if (status) return status;
    }
    return w->is_sliced ? create_merged(w, err) : LAMINAR_OK;
}

static int64_t gcd(int64_t a, int64_t b) { return b ? gcd(b, a % b) : a; }

static laminar_status check_plan(const struct plan *plan, struct laminar_error *err)
{
    const struct window_spec *spec = &plan->window;
    if (spec->kind == WINDOW_SESSION)
        return error_set(err, LAMINAR_QUERY_UNSUPPORTED, "SESSION windows");
    if (spec->size_us <= 0 || spec->slide_us <= 0 || spec->size_us > WINDOW_TIME_MAX / 4 ||
        spec->slide_us > WINDOW_TIME_MAX / 4)
        return error_set(err, LAMINAR_QUERY_FAILED,
                         "a window of %lld us every %lld us is out of range",
                         (long long)spec->size_us, (long long)spec->slide_us);
    return LAMINAR_OK;
}

laminar_status op_window_aggregate_create(struct circuit *circuit, const struct plan *plan,
                                          enum circuit_mode mode, struct op **out,
                                          struct laminar_error *err)
{
    assert(plan->kind == PLAN_AGGREGATE && plan->window.kind != WINDOW_NONE);
    laminar_status status = check_plan(plan, err);
    if (status) return status;
    struct window_aggregate *w = mem_calloc(1, sizeof *w);
    if (!w) return error_oom(err);
    w->window = plan->window;
    w->emit = plan->emit;
    w->is_one_shot = mode == CIRCUIT_ONE_SHOT;
    w->lateness_us = plan->emit == EMIT_FINAL || w->is_one_shot || plan->lateness_us < 0
                         ? 0
                         : plan->lateness_us;
    w->can_close = plan->window.is_event_time && !w->is_one_shot;
    w->time_col = plan->props.time_col;
    TRY(op_init(&w->op, &window_aggregate_class, circuit, plan, 1, err));
    struct agg_groups_options options = {
        .plan = plan,
        .n_lead_keys = 1,
        .n_lead_cols = 2,
        .header_bytes = sizeof(struct window_head),
        .lead_expr = plan->window.time,
        .is_stream = !w->is_one_shot,
        .lead_cols = bound_cols,
        .every_us = plan->emit == EMIT_EVERY && !w->is_one_shot ? plan->emit_every_us : 0,
        .unlink = w->can_close ? unlink_group : NULL};
    TRY(groups_create(&w->g, &w->op, &options, err));
    bool at_close = plan->emit == EMIT_ON_CLOSE || plan->emit == EMIT_FINAL ||
                    (plan->emit == EMIT_AFTER_WATERMARK && w->lateness_us == 0);
    w->is_sliced = w->window.kind == WINDOW_HOP && w->can_close && at_close &&
                   agg_set_can_combine(&w->g.set);
    w->pane_us = w->is_sliced ? gcd(w->window.size_us, w->window.slide_us) : w->window.slide_us;
    TRY(create_tables(w, err));
    TRY(create_scratch(w, err));
    *out = &w->op;
    return LAMINAR_OK;
done:
    window_aggregate_free(&w->op);
    return status;
}
