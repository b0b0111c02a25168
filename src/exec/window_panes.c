/* window_panes.c - panes of windowed aggregates: a list of groups each, a heap by start, and how far windows were closed. See window_internal.h.
 *
 * Cost: a new group is linked in O(1), a new pane costs a hash look-up and a heap push; closing touches what is due. @thread the step owner. */
#include "base/error.h"
#include "exec/window_internal.h"

bool pane_heap_push(struct pane_heap *heap, int64_t start)
{
    if (!ARRAY_PUSH(&heap->starts, start)) return false;
    int64_t *items = heap->starts.items;
    size_t i = heap->starts.n - 1;
    for (; i > 0 && items[(i - 1) / 2] > start; i = (i - 1) / 2) items[i] = items[(i - 1) / 2];
    items[i] = start;
    return true;
}
void pane_heap_pop(struct pane_heap *heap)
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

static struct progress *progress_of(struct window_aggregate *w)
{
    return (struct progress *)(void *)state_hash_row(w->progress, 0);
}
int64_t window_closed_us(struct window_aggregate *w)
{
    const struct progress *progress = progress_of(w);
    return progress ? progress->closed_us : WATERMARK_NONE;
}
laminar_status window_set_closed(struct window_aggregate *w, int64_t watermark,
                                 struct laminar_error *err)
{
    uint64_t slot;
    uint8_t *row;
    struct vector none = {0};
    laminar_status status = state_hash_upsert(w->progress, &none, 1, &slot, &row, NULL, err);
    if (!status) ((struct progress *)(void *)row)->closed_us = watermark;
    return status;
}

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
laminar_status window_chain_new(struct window_aggregate *w, const int64_t *starts, size_t n,
                                struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    struct pane *pane = NULL;
    int64_t start = 0, emitted = window_closed_us(w);
    bool is_after = w->emit == EMIT_AFTER_WATERMARK && w->lateness_us > 0;
    laminar_status status;
    for (size_t i = 0; i < n; i++) {
        if (!g->is_new[i]) continue;
        if (!pane || starts[i] != start) {
            bool is_new;
            start = starts[i];
            if ((status = find_pane(w, start, &pane, &is_new, err))) return status;
            if (is_new && !pane_heap_push(&w->evict, start)) return error_oom(err);
            /* one that starts late comes out as a change */
            bool is_emitted = emitted != WATERMARK_NONE && window_end(w, start) <= emitted;
            if (is_new && is_after && !is_emitted && !pane_heap_push(&w->pending, start))
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
laminar_status window_unlink_group(struct op *op, uint64_t slot, uint8_t *row,
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
size_t window_next_groups(struct window_aggregate *w, uint64_t *at, uint64_t *slots, uint8_t **rows,
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

uint64_t window_first_of_pane(struct window_aggregate *w, int64_t start, uint64_t *slot)
{
    uint8_t *row;
    struct vector key = {.type = TYPE(INT64), .data = &start};
    /* a table that is only read can't run out of memory once its scratch exists */
    if (state_hash_find(w->panes, &key, 1, false, slot, &row, NULL) || !row) return 0;
    return ((const struct pane *)(const void *)row)->first;
}

laminar_status window_emit_groups(struct window_aggregate *w, struct step *step, uint64_t *slots,
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
laminar_status window_emit_pane(struct window_aggregate *w, struct step *step, int64_t start)
{
    struct agg_groups *g = &w->g;
    uint64_t slot, at = window_first_of_pane(w, start, &slot);
    laminar_status status = LAMINAR_OK;
    for (size_t n; !status && (n = window_next_groups(w, &at, g->slots, g->rows, CHUNK_ROWS)) > 0;)
        status = window_emit_groups(w, step, g->slots, g->rows, n);
    return status;
}

laminar_status window_evict_pane(struct window_aggregate *w, int64_t start,
                                 struct laminar_error *err)
{
    struct agg_groups *g = &w->g;
    uint64_t slot, at = window_first_of_pane(w, start, &slot);
    laminar_status status = LAMINAR_OK;
    for (size_t n; !status && (n = window_next_groups(w, &at, g->slots, g->rows, CHUNK_ROWS)) > 0;)
        status = groups_remove(g, g->slots, g->rows, n, err);
    if (!status && slot != STATE_SLOT_NONE) state_hash_remove(w->panes, &slot, 1);
    return status;
}
