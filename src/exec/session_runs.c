/* session_runs.c - panes of sessions: how they are chained, which of them make a session, and its values. See session_internal.h.
 *
 * Cost: a new pane looks up its two neighbours, a chunk at a time; walking a session follows the chain; its values combine the states of its panes
 * (agg_set_combine), or read their rows side by side (agg_union.c). @thread the step owner. */
#include "base/error.h"
#include "exec/session_internal.h"

/* --- Timers -------------------------------------------------------------------------------------------------------------------------------------- */

bool timer_push(struct timer_heap *heap, int64_t at, uint64_t slot)
{
    struct timer timer = {at, slot};
    if (!ARRAY_PUSH(&heap->items, timer)) return false;
    struct timer *items = heap->items.items;
    size_t i = heap->items.n - 1;
    for (; i > 0 && items[(i - 1) / 2].at > at; i = (i - 1) / 2) items[i] = items[(i - 1) / 2];
    items[i] = timer;
    return true;
}

void timer_pop(struct timer_heap *heap)
{
    struct timer *items = heap->items.items, last = items[--heap->items.n];
    size_t n = heap->items.n, i = 0;
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && items[child + 1].at < items[child].at) child++;
        if (items[child].at >= last.at) break;
        items[i] = items[child];
    }
    if (n) items[i] = last;
}

/* --- Chains -------------------------------------------------------------------------------------------------------------------------------------- */

bool pane_has_rows(const struct session_aggregate *w, const struct session_pane *pane)
{
    return pane->min_us <= pane->max_us && (!w->g.is_retracting || pane->head.n_rows > 0);
}

static bool is_linked(const struct session_aggregate *w, const struct session_pane *earlier,
                      const struct session_pane *later)
{
    return pane_has_rows(w, earlier) && pane_has_rows(w, later) &&
           later->min_us - earlier->max_us < w->gap_us;
}

struct session_pane *pane_next(struct session_aggregate *w, const struct session_pane *pane,
                               uint64_t *slot)
{
    if (!pane->next) return NULL;
    struct session_pane *next = session_pane(state_hash_row(w->g.table, pane->next - 1));
    if (!is_linked(w, pane, next)) return NULL;
    *slot = pane->next - 1;
    return next;
}

struct session_pane *pane_previous(struct session_aggregate *w, const struct session_pane *pane,
                                   uint64_t *slot)
{
    if (!pane->previous) return NULL;
    struct session_pane *previous = session_pane(state_hash_row(w->g.table, pane->previous - 1));
    if (!is_linked(w, previous, pane)) return NULL;
    *slot = pane->previous - 1;
    return previous;
}

/* Chains the new panes sel[0..n) with those of the stretch before (side 0) or after (1). */
static laminar_status link_side(struct session_aggregate *w, const uint32_t *sel, size_t n,
                                int side, struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    int64_t *starts = (int64_t *)w->near_vecs[0].data;
    for (size_t i = 0; i < n; i++) starts[i] += side ? 2 * w->gap_us : -w->gap_us;
    laminar_status status = state_hash_find(g->table, w->near_vecs, n, true, w->near_slots,
                                            w->near_rows, err);
    for (size_t i = 0; i < n && !status; i++) {
        if (!w->near_rows[i]) continue;
        struct session_pane *pane = session_pane(g->rows[sel[i]]),
                            *other = session_pane(w->near_rows[i]);
        *(side ? &pane->next : &pane->previous) = w->near_slots[i] + 1;
        *(side ? &other->previous : &other->next) = g->slots[sel[i]] + 1;
    }
    return status;
}

uint64_t pane_root(struct session_aggregate *w, uint64_t slot)
{
    const struct session_pane *pane;
    while (w->is_united && (pane = session_pane(state_hash_row(w->g.table, slot)))->parent)
        slot = pane->parent - 1;
    return slot;
}

/* The larger tree takes the smaller one, so that paths stay short. */
static laminar_status unite(struct session_aggregate *w, uint64_t a, uint64_t b,
                            struct laminar_error *err)
{
    struct state_hash *table = w->g.table;
    a = pane_root(w, a);
    b = pane_root(w, b);
    if (a == b) return LAMINAR_OK;
    struct session_pane *to = session_pane(state_hash_row_for_write(table, a)),
                        *from = session_pane(state_hash_row_for_write(table, b));
    if (!to || !from) return error_oom(err);
    if (to->n_united < from->n_united) {
        struct session_pane *larger = from;
        from = to;
        to = larger;
        a = b;
    }
    laminar_status status = agg_set_combine(&w->g.set, w->g.set.heap, (uint8_t *)to,
                                            (const uint8_t *)from, err);
    from->parent = a + 1;
    to->n_united += from->n_united + 1;
    if (from->first_us < to->first_us) to->first_us = from->first_us;
    if (from->last_us > to->last_us) to->last_us = from->last_us;
    *pane_flags(to) |= *pane_flags(from) & PANE_OLD;
    return status;
}

laminar_status pane_unite(struct session_aggregate *w, uint64_t slot, struct laminar_error *err)
{
    const struct session_pane *pane = session_pane(state_hash_row(w->g.table, slot));
    uint64_t other;
    laminar_status status = LAMINAR_OK;
    if (pane_previous(w, pane, &other)) status = unite(w, slot, other, err);
    if (!status && pane_next(w, pane, &other)) status = unite(w, slot, other, err);
    return status;
}

laminar_status panes_link_new(struct session_aggregate *w, size_t n, struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    size_t n_new = 0;
    laminar_status status;
    for (size_t i = 0; i < n; i++) {
        if (!g->is_new[i]) continue;
        struct session_pane *pane = session_pane(g->rows[i]);
        pane->min_us = INT64_MAX;
        pane->max_us = INT64_MIN;
        pane->due_us = NO_TIMER;
        pane->first_us = INT64_MAX;
        pane->last_us = INT64_MIN;
        w->near_slots[n_new] = g->slots[i];
        w->sel_b[n_new++] = (uint32_t)i;
    }
    if (n_new == 0) return LAMINAR_OK;
    for (uint32_t k = 0; k < g->n_keys; k++) {
        column_clear(&w->near_keys[k]);
        status = state_hash_keys(g->table, k, w->near_slots, n_new, &w->near_keys[k], err);
        if (status) return status;
        w->near_vecs[k] = w->near_keys[k].vec;
    }
    const int64_t *starts = w->near_vecs[0].data;
    for (size_t i = 0; i < n_new && w->can_close; i++)
        if (!timer_push(&w->earliest, starts[i], w->near_slots[i])) return error_oom(err);
    status = link_side(w, w->sel_b, n_new, 0, err);
    return status ? status : link_side(w, w->sel_b, n_new, 1, err);
}

laminar_status pane_unlink(struct session_aggregate *w, const struct session_pane *pane,
                           struct laminar_error *err)
{
    uint8_t *row;
    if (pane->previous) {
        if (!(row = state_hash_row_for_write(w->g.table, pane->previous - 1)))
            return error_oom(err);
        session_pane(row)->next = 0;
    }
    if (pane->next) {
        if (!(row = state_hash_row_for_write(w->g.table, pane->next - 1))) return error_oom(err);
        session_pane(row)->previous = 0;
    }
    return LAMINAR_OK;
}

/* --- Runs ------------------------------------------------------------------------------------------------------------------------------------------ */

void runs_clear(struct session_runs *runs)
{
    runs->runs.n = 0;
    runs->slots.n = 0;
    runs->rows.n = 0;
}

/* United: the root stands for all panes. */
static laminar_status add_united(struct session_aggregate *w, uint64_t slot, uint32_t flag,
                                 struct laminar_error *err)
{
    struct session_runs *runs = &w->runs;
    slot = pane_root(w, slot);
    struct session_pane *root = session_pane(state_hash_row_for_write(w->g.table, slot));
    if (!root) return error_oom(err);
    *pane_flags(root) |= flag;
    struct session_run run = {.start_us = root->first_us,
                              .end_us = add_saturating(root->last_us, w->gap_us),
                              .first = runs->slots.n,
                              .n = 1};
    bool is_ok = ARRAY_PUSH(&runs->slots, slot) && ARRAY_PUSH(&runs->rows, (uint8_t *)root) &&
                 ARRAY_PUSH(&runs->runs, run);
    return is_ok ? LAMINAR_OK : error_oom(err);
}

laminar_status runs_add(struct session_aggregate *w, uint64_t slot, uint32_t flag,
                        struct laminar_error *err)
{
    struct session_runs *runs = &w->runs;
    if (w->is_united && flag) return add_united(w, slot, flag, err);
    struct session_pane *pane = session_pane(state_hash_row(w->g.table, slot)), *other;
    struct session_run run = {.first = runs->slots.n};
    while ((other = pane_previous(w, pane, &slot)) != NULL) pane = other;
    run.start_us = pane->min_us;
    do {
        /* a page that a snapshot shares is copied now, so that the address stays good */
        pane = session_pane(state_hash_row_for_write(w->g.table, slot));
        if (!pane) return error_oom(err);
        *pane_flags(pane) |= flag;
        if (!ARRAY_PUSH(&runs->slots, slot) || !ARRAY_PUSH(&runs->rows, (uint8_t *)pane))
            return error_oom(err);
        run.end_us = pane->max_us + w->gap_us;
    } while ((pane = pane_next(w, pane, &slot)) != NULL);
    run.n = runs->slots.n - run.first;
    return ARRAY_PUSH(&runs->runs, run) ? LAMINAR_OK : error_oom(err);
}

/* Adds up the states of the kernels of sessions with several panes: in w->payloads; w->payload_rows has where each session's states are. */
static laminar_status combine_runs(struct session_aggregate *w, const struct session_run *runs,
                                   size_t n, struct laminar_error *err)
{
    struct agg_set *set = &w->g.set;
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < n; i++) {
        uint8_t *const *rows = w->runs.rows.items + runs[i].first;
        bool is_one = runs[i].n == 1 || w->is_united;
        w->payload_rows[i] = is_one ? rows[0] : w->payloads + i * w->payload_stride;
        if (w->is_united)
            w->payload_rows[i] = state_hash_row(w->g.table,
                                                pane_root(w, w->runs.slots.items[runs[i].first]));
        if (is_one) continue;
        memset(w->payload_rows[i], 0, set->payload_bytes);
    }
    for (size_t i = 0; i < n && !status && !w->is_united; i++)
        for (size_t p = 0; p < runs[i].n && runs[i].n > 1 && !status; p++)
            status = agg_set_combine(set, set->heap, w->payload_rows[i],
                                     w->runs.rows.items[runs[i].first + p], err);
    return status;
}

static void destroy_combined(struct session_aggregate *w, const struct session_run *runs, size_t n)
{
    for (size_t i = 0; i < n && !w->g.set.is_plain && !w->is_united; i++)
        if (runs[i].n > 1) agg_set_destroy_payload(&w->g.set, w->payload_rows[i]);
}

static laminar_status run_bounds(const struct session_run *runs, size_t n, struct column *cols,
                                 struct laminar_error *err)
{
    for (uint32_t b = 0; b < 2; b++) {
        laminar_status status = column_reserve(&cols[b], cols[b].n + n, err);
        if (status) return status;
        int64_t *to = (int64_t *)cols[b].vec.data + cols[b].n;
        for (size_t i = 0; i < n; i++) to[i] = floor_ms(b ? runs[i].end_us : runs[i].start_us);
        cols[b].n += n;
    }
    return LAMINAR_OK;
}

/* One aggregate that keeps rows: session by session. */
static laminar_status union_values(struct session_aggregate *w, uint32_t a,
                                   const struct session_run *runs, size_t n, struct column *out,
                                   struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < n && !status; i++) {
        const uint64_t *slots = w->runs.slots.items + runs[i].first;
        uint8_t *const *rows = w->runs.rows.items + runs[i].first;
        status = runs[i].n == 1
                     ? agg_set_finish(&w->g.set, a, slots, rows, 1, out, err)
                     : agg_set_finish_union(&w->g.set, a, slots, rows, runs[i].n, out, err);
    }
    return status;
}

laminar_status runs_values(struct session_aggregate *w, size_t from, size_t n, struct column *cols,
                           struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    const struct session_run *runs = w->runs.runs.items + from;
    laminar_status status;
    assert(n <= SESSION_BATCH);
    for (size_t i = 0; i < n; i++) w->near_slots[i] = w->runs.slots.items[runs[i].first];
    TRY(run_bounds(runs, n, cols, err));
    for (uint32_t k = 1; k < g->n_keys; k++)
        TRY(state_hash_keys(g->table, k, w->near_slots, n, &cols[1 + k], err));
    uint32_t first_agg = g->op->n_cols - g->set.n;
    status = combine_runs(w, runs, n, err);
    for (uint32_t a = 0; a < g->set.n && !status; a++) {
        struct column *out = &cols[first_agg + a];
        if (g->set.items[a].form != AGG_KERNEL) {
            status = union_values(w, a, runs, n, out, err);
            continue;
        }
        size_t at = out->n;
        status = agg_set_finish(&g->set, a, w->near_slots, w->payload_rows, n, out, err);
        if (status || w->g.set.is_plain || !agg_set_is_string(&g->set, a)) continue;
        /* the states that the strings borrow from go away */
        struct column *copy = &g->set.items[a].finished;
        column_clear(copy);
        status = column_append(copy, &out->vec, at, n, STRINGS_COPY, err);
        column_truncate(out, at);
        if (!status) status = column_append(out, &copy->vec, 0, n, STRINGS_COPY, err);
    }
    destroy_combined(w, runs, n);
done:
    return status;
}

laminar_status runs_remove(struct session_aggregate *w, struct laminar_error *err)
{
    struct session_runs *runs = &w->runs;
    laminar_status status = LAMINAR_OK;
    for (size_t r = 0; r < runs->runs.n && !status; r++) {
        const struct session_run *run = &runs->runs.items[r];
        const struct session_pane *first = session_pane(runs->rows.items[run->first]),
                                  *last = session_pane(runs->rows.items[run->first + run->n - 1]);
        struct session_pane ends = {.previous = first->previous, .next = last->next};
        status = pane_unlink(w, &ends, err);
    }
    for (size_t at = 0; at < runs->slots.n && !status; at += CHUNK_ROWS) {
        size_t n = runs->slots.n - at < CHUNK_ROWS ? runs->slots.n - at : CHUNK_ROWS;
        if (w->times_up)
            for (size_t i = 0; i < n && !status; i++) {
                status = state_ordered_remove_group(w->times_up, runs->slots.items[at + i], err);
                if (!status)
                    status = state_ordered_remove_group(w->times_down, runs->slots.items[at + i],
                                                        err);
            }
        if (!status)
            status = groups_remove(&w->g, runs->slots.items + at, runs->rows.items + at, n, err);
    }
    return status;
}
