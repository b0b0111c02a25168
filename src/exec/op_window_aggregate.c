/* op_window_aggregate.c - GROUP BY TUMBLE, HOP or CUMULATE.
 *
 * Rows are kept as groups (pane, keys) of one table. Two forms:
 *   direct  a pane is a window: a row is added to each window that it is in. TUMBLE, and where windows change while they are open (ON UPDATE, CHANGES,
 *           EVERY, AFTER WATERMARK with lateness): there each row changes the result of all its windows. Where they are many, a step's rows are added up
 *           by panes first (window_gathered.c).
 *   sliced  HOP and CUMULATE that are emitted at the close, or once: a row is added to one pane, of gcd(size, slide) or of a step, and
 *           closing a window combines panes (window_sliced.c; Krishnamurthy, Wu, Franklin: "On-the-fly sharing for streamed aggregation", 2006).
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
#include "exec/ops.h"
#include "exec/window_internal.h"

enum { STACK_PANES_MIN = 24 }; /* fewer are faster added up one by one */

/* --- Windows ----------------------------------------------------------------------------------------------------------------------------------- */

/* Leading output columns: bounds as TIMESTAMP(3). */
static laminar_status bound_cols(struct op *op, const int64_t *keys, size_t n, struct column *out,
                                 struct laminar_error *err)
{
    struct window_aggregate *w = (struct window_aggregate *)op;
    /* the groups are those of the first pane */
    bool is_closing = w->is_sliced && w->window.kind == WINDOW_CUMULATE;
    for (uint32_t b = 0; b < 2; b++) {
        laminar_status status = column_reserve(&out[b], n, err);
        if (status) return status;
        int64_t *to = out[b].vec.data;
        for (size_t i = 0; i < n; i++)
            to[i] = floor_ms(is_closing && b ? w->closing_end_us
                             : is_closing    ? keys[i]
                             : b             ? window_end(w, keys[i])
                                             : window_start(w, keys[i]));
        out[b].n = n;
    }
    return LAMINAR_OK;
}

/* --- Input ----------------------------------------------------------------------------------------------------------------------------------------- */

laminar_status window_find_groups(struct window_aggregate *w, size_t n, struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    laminar_status status;
    if ((status = groups_find(g, n, err))) return status;
    if (w->can_close && (status = window_chain_new(w, w->starts, n, err))) return status;
    bool touches = w->emit == EMIT_ON_UPDATE || w->emit == EMIT_CHANGES || w->emit == EMIT_EVERY;
    if (g->options.is_stream && touches && (status = groups_touch(g, n, NULL, err))) return status;
    /* windows that were emitted change from now on */
    if (g->options.is_stream && w->emit == EMIT_AFTER_WATERMARK && w->lateness_us > 0) {
        int64_t emitted = window_closed_us(w);
        for (size_t i = 0; i < n; i++)
            w->is_listed[i] = emitted != WATERMARK_NONE && window_end(w, w->starts[i]) <= emitted;
        status = groups_touch(g, n, w->is_listed, err);
    }
    return status;
}

/* Adds the rows to groups: results and weights are those of n rows, whose panes are in `starts`. */
static laminar_status add_rows(struct window_aggregate *w, const struct vector *results,
                               const int64_t *weights, size_t n, struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    g->keys[0] = (struct vector){.type = TYPE(INT64), .data = w->starts};
    memcpy(g->keys + 1, results + 1, (g->n_keys - 1) * sizeof *results);
    if (w->gathers) return window_gather(w, results, weights, n, err);
    laminar_status status = window_find_groups(w, n, err);
    return status ? status : groups_update(g, results, weights, n, err);
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

/* One pane a row: TUMBLE, and what is sliced or gathered. Times mostly come in order, so the pane of the row before is tried first. */
static laminar_status add_to_panes(struct window_aggregate *w, struct step *step,
                                   const struct chunk *chunk, size_t n)
{
    int64_t closed = window_closed_us(w), begin = 0, end = 0, start = 0;
    size_t m = 0, n_late = 0;
    bool is_late = false;
    for (size_t i = 0; i < n; i++) {
        uint32_t row = w->sel_all[i];
        int64_t t = w->times[row];
        bool is_other = unlikely(t < begin || t >= end);
        if (is_other && w->window.kind == WINDOW_CUMULATE) {
            start = window_cumulate_pane(w, t, closed, &begin, &end, &is_late);
        } else if (is_other) {
            begin = start = floor_to(t, w->pane_us, w->window.offset_us);
            end = start + w->pane_us;
            int64_t last_end = floor_to(t, w->window.slide_us, w->window.offset_us) +
                               w->window.size_us;
            is_late = is_closed(w, last_end, closed);
            if (!is_late) window_stacks_note_row(w, start);
        }
        w->sel_window[m] = row;
        w->starts[m] = start;
        m += !is_late;
        w->sel_late[n_late] = row;
        n_late += is_late;
    }
    if (unlikely(n_late)) {
        laminar_status status = op_late(&w->op, step, chunk, w->sel_late, n_late);
        if (status) return status;
    }
    return m ? add_selected(w, chunk, w->sel_window, m, step->err) : LAMINAR_OK;
}

size_t window_select(struct window_aggregate *w, int64_t k, size_t n, size_t *n_late)
{
    const struct window_spec *spec = &w->window;
    int64_t closed = window_closed_us(w), n_windows = window_n_of_row(&w->window);
    size_t m = 0, late = 0;
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
        bool is_in = t < end && !is_closed(w, end, closed);
        m += is_in;
        if (!n_late) continue;
        w->sel_late[late] = row;
        late += !is_in;
    }
    if (n_late) *n_late = late;
    return m;
}

/* Several windows a row: the k-th of all rows at a time. Who is late for the latest is late for all. */
static laminar_status add_to_windows(struct window_aggregate *w, struct step *step,
                                     const struct chunk *chunk, size_t n)
{
    int64_t n_windows = window_n_of_row(&w->window);
    laminar_status status = LAMINAR_OK;
    size_t n_late = 0;
    for (int64_t k = 0; k < n_windows && !status; k++) {
        size_t m = window_select(w, k, n, k == 0 ? &n_late : NULL);
        if (k == 0 && n_late) status = op_late(&w->op, step, chunk, w->sel_late, n_late);
        if (m && !status) status = add_selected(w, chunk, w->sel_window, m, step->err);
    }
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
    size_t n_timeless = window_timeless(&w->g.results[0], rows.n_rows, w->sel_late);
    if (unlikely(n_timeless) && (status = op_late(op, step, &rows, w->sel_late, n_timeless)))
        return status;
    if (n == 0) return LAMINAR_OK;
    bool is_single = w->is_sliced || w->gathers || w->window.kind == WINDOW_TUMBLE;
    return is_single ? add_to_panes(w, step, &rows, n) : add_to_windows(w, step, &rows, n);
}

/* --- Closing ---------------------------------------------------------------------------------------------------------------------------------------- */

static laminar_status close_direct(struct window_aggregate *w, struct step *step, int64_t watermark)
{
    laminar_status status = LAMINAR_OK;
    bool is_after = w->emit == EMIT_AFTER_WATERMARK && w->lateness_us > 0;
    while (is_after && w->pending.starts.n &&
           window_end(w, w->pending.starts.items[0]) <= watermark && !status) {
        status = window_emit_pane(w, step, w->pending.starts.items[0]);
        pane_heap_pop(&w->pending);
    }
    bool emits = w->is_one_shot || w->emit == EMIT_ON_CLOSE || w->emit == EMIT_FINAL ||
                 (w->emit == EMIT_AFTER_WATERMARK && !is_after);
    while (w->evict.starts.n && is_closed(w, window_end(w, w->evict.starts.items[0]), watermark) &&
           !status) {
        int64_t start = w->evict.starts.items[0];
        if (emits) status = window_emit_pane(w, step, start);
        if (!status) status = window_evict_pane(w, start, step->err);
        pane_heap_pop(&w->evict);
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
        status = window_emit_groups(w, step, g->slots, g->rows, n);
    }
    return status;
}

/* Windows over the clock close without input: when the next one ends. */
static void wake_at_close(struct window_aggregate *w)
{
    const struct window_spec *spec = &w->window;
    if (w->evict.starts.n == 0) return;
    bool is_cumulate = spec->kind == WINDOW_CUMULATE;
    int64_t first_end = is_cumulate ? 0 : spec->size_us; /* ends repeat after the slide */
    int64_t end = floor_to(w->op.watermark_in - first_end, spec->slide_us, spec->offset_us) +
                  spec->slide_us + first_end;
    if (!w->op.wake_us || (uint64_t)end < w->op.wake_us) w->op.wake_us = (uint64_t)end;
}

static laminar_status close_due(struct window_aggregate *w, struct step *step, int64_t watermark)
{
    if (watermark == WATERMARK_NONE || watermark <= window_closed_us(w)) return LAMINAR_OK;
    laminar_status status = w->is_sliced ? window_close_sliced(w, step, watermark)
                                         : close_direct(w, step, watermark);
    return status ? status : window_set_closed(w, watermark, step->err);
}

static laminar_status window_aggregate_finish(struct op *op, struct step *step)
{
    struct window_aggregate *w = (struct window_aggregate *)op;
    int64_t watermark = op->watermark_in;
    laminar_status status = LAMINAR_OK;
    op->watermark_out = w->can_close ? output_watermark(w) : watermark;
    if (w->gathers && (status = window_spread(w, step->err))) return status;
    bool is_closing = w->can_close && w->evict.starts.n &&
                      is_closed(w, window_end(w, w->evict.starts.items[0]), watermark);
    op->wake_us = 0;
    if ((status = groups_emit_touched(&w->g, step, is_closing))) return status;
    if (w->is_one_shot && !step->is_last) return LAMINAR_OK;
    if (w->is_one_shot && w->is_sliced) return window_close_sliced(w, step, WATERMARK_END);
    if (!w->can_close) return w->is_one_shot ? emit_all_groups(w, step) : LAMINAR_OK;
    status = close_due(w, step, watermark);
    if (op->is_clocked && !status) wake_at_close(w);
    return status;
}

/* --- Creation ---------------------------------------------------------------------------------------------------------------------------------------- */

/* The heaps follow from the panes that are there. */
static laminar_status window_aggregate_restored(struct op *op, struct laminar_error *err)
{
    struct window_aggregate *w = (struct window_aggregate *)op;
    uint64_t cursor = 0, slots[64];
    int64_t emitted = window_closed_us(w);
    struct column *lead = &w->g.lead;
    w->evict.starts.n = w->pending.starts.n = 0;
    for (size_t n; (n = state_hash_scan(w->panes, &cursor, slots, ARRAY_LENGTH(slots))) > 0;) {
        column_clear(lead);
        laminar_status status = state_hash_keys(w->panes, 0, slots, n, lead, err);
        for (size_t i = 0; i < n && !status; i++) {
            int64_t start = ((const int64_t *)lead->vec.data)[i];
            if (!pane_heap_push(&w->evict, start)) status = error_oom(err);
            bool is_pending = w->emit == EMIT_AFTER_WATERMARK && w->lateness_us > 0 &&
                              !(emitted != WATERMARK_NONE && window_end(w, start) <= emitted);
            if (!status && is_pending && !pane_heap_push(&w->pending, start))
                status = error_oom(err);
        }
        if (status) return status;
    }
    return LAMINAR_OK;
}

static void window_aggregate_free(struct op *op)
{
    struct window_aggregate *w = (struct window_aggregate *)op;
    window_stacks_free(w);
    if (w->merged) state_hash_base(w->merged)->cls->free(state_hash_base(w->merged));
    op_deinit(op);
    columns_free(w->gathered, w->g.n_results);
    columns_free(w->merge_keys, w->g.n_keys);
    groups_deinit(&w->g);
    ARRAY_DEINIT(&w->evict.starts);
    ARRAY_DEINIT(&w->pending.starts);
    ARRAY_DEINIT(&w->parts);
    ARRAY_DEINIT(&w->part_slots);
    ARRAY_DEINIT(&w->part_rows);
    ARRAY_DEINIT(&w->part_ends);
    mem_free(w->times);
    mem_free(w->starts);
    mem_free(w->sel_all);
    mem_free(w->sel_window);
    mem_free(w->sel_late);
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
                  w->is_sliced ? "sliced"
                  : w->gathers ? "gathered"
                               : "direct",
                  state_hash_base(w->g.table)->n_rows, state_hash_base(w->panes)->n_rows);
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

static laminar_status create_scratch(struct window_aggregate *w, struct laminar_error *err)
{
    w->times = mem_alloc(CHUNK_ROWS * sizeof *w->times);
    w->starts = mem_alloc(CHUNK_ROWS * sizeof *w->starts);
    w->sel_all = mem_alloc(CHUNK_ROWS * sizeof *w->sel_all);
    w->sel_window = mem_alloc(CHUNK_ROWS * sizeof *w->sel_window);
    w->sel_late = mem_alloc(CHUNK_ROWS * sizeof *w->sel_late);
    w->gathered_vecs = mem_calloc(w->g.n_results + 1, sizeof *w->gathered_vecs);
    w->gathered_weights = mem_alloc(CHUNK_ROWS * sizeof *w->gathered_weights);
    w->is_listed = mem_alloc(CHUNK_ROWS);
    w->merge_slots = mem_alloc(CHUNK_ROWS * sizeof *w->merge_slots);
    w->merge_rows = mem_alloc(CHUNK_ROWS * sizeof *w->merge_rows);
    w->gathered = mem_calloc(w->g.n_results + 1, sizeof *w->gathered);
    bool is_ok = w->times && w->starts && w->sel_all && w->sel_window && w->sel_late &&
                 w->gathered_vecs && w->gathered_weights && w->is_listed && w->merge_slots &&
                 w->merge_rows && w->gathered;
    if (!is_ok) return error_oom(err);
    for (uint32_t k = 1; k < w->g.n_results; k++) {
        laminar_status status = column_init(&w->gathered[k], w->g.result_types[k], err);
        if (status) return status;
    }
    return w->is_sliced || w->gathers ? window_create_merged(w, err) : LAMINAR_OK;
}

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
    w->op.is_clocked = plan->window.is_clock && !w->is_one_shot;
    struct agg_groups_options options = {
        .plan = plan,
        .n_lead_keys = 1,
        .n_lead_cols = 2,
        .header_bytes = sizeof(struct window_head),
        .lead_expr = plan->window.time,
        .is_stream = !w->is_one_shot,
        .lead_cols = bound_cols,
        .every_us = plan->emit == EMIT_EVERY && !w->is_one_shot ? plan->emit_every_us : 0,
        .unlink = w->can_close ? window_unlink_group : NULL};
    TRY(groups_create(&w->g, &w->op, &options, err));
    w->pane_us = plan_window_pane_us(plan, w->is_one_shot);
    w->is_sliced = w->pane_us > 0;
    if (!w->is_sliced) w->pane_us = w->window.slide_us;
    int64_t step_pane_us = plan_window_step_pane_us(plan);
    w->gathers = !w->is_one_shot && !w->is_sliced && step_pane_us > 0 &&
                 agg_set_can_combine(&w->g.set);
    if (w->gathers) w->pane_us = step_pane_us;
    w->accumulates = w->window.kind == WINDOW_CUMULATE && w->is_sliced &&
                     agg_set_can_combine(&w->g.set);
    w->can_close |= w->is_sliced;
    TRY(create_tables(w, err));
    TRY(create_scratch(w, err));
    if (w->window.kind == WINDOW_HOP && w->is_sliced && agg_set_can_combine(&w->g.set) &&
        w->window.size_us / w->pane_us >= STACK_PANES_MIN)
        TRY(window_stacks_create(w, err));
    *out = &w->op;
    return LAMINAR_OK;
done:
    window_aggregate_free(&w->op);
    return status;
}
