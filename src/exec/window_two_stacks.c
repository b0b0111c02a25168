/* window_two_stacks.c - HOP windows over the same groups again and again: their panes are not added up anew for each window.
 *
 * Two stacks (Tangwongsan, Hirzel, Schneider: "Low-latency sliding-window aggregation in worst-case constant time", DEBS 2017, has the lineage): when a window
 * closes that begins behind the last flip, its panes are added up from the last to the first, so that each pane of the `front` holds the sum from it to the
 * front's end; panes after that are added to the `back`. A window is one pane of the front and the back: a group costs a few additions a window, whatever
 * the number of panes. It needs no aggregate that can subtract.
 * The front has all groups of the later panes in each pane. So it is used only where most groups are in most panes: it is then at most twice as large as the
 * panes themselves. A row that still comes into a pane that was added up makes the next window flip.
 * Neither table is a state: both follow from the panes. @thread the step owner. */
#include "base/error.h"
#include "exec/window_internal.h"

struct window_stacks {
    struct state_hash *front; /* (pane, keys): sums; a pane's groups are chained by `next` */
    struct state_hash *back;  /* (0, keys) */
    int64_t front_start, front_end, back_end;
    uint64_t *first; /* of each pane of the front: slot + 1 */
    bool is_valid;
    uint64_t from_slots[CHUNK_ROWS], to_slots[CHUNK_ROWS];
    uint8_t *from_rows[CHUNK_ROWS], *to_rows[CHUNK_ROWS];
    uint8_t is_new[CHUNK_ROWS];
};

static void clear_table(struct window_stacks *s, struct state_hash *table)
{
    uint64_t cursor = 0;
    for (size_t n; (n = state_hash_scan(table, &cursor, s->from_slots, CHUNK_ROWS)) > 0;)
        state_hash_remove(table, s->from_slots, n);
}

void window_stacks_free(struct window_aggregate *w)
{
    struct window_stacks *s = w->stacks;
    if (!s) return;
    if (s->front) state_hash_base(s->front)->cls->free(state_hash_base(s->front));
    if (s->back) state_hash_base(s->back)->cls->free(state_hash_base(s->back));
    mem_free(s->first);
    mem_free(s);
    w->stacks = NULL;
}

laminar_status window_stacks_create(struct window_aggregate *w, struct laminar_error *err)
{
    laminar_status status;
    if (!(w->stacks = mem_calloc(1, sizeof *w->stacks))) return error_oom(err);
    w->stacks->first = mem_calloc((size_t)(w->window.size_us / w->pane_us) + 1, sizeof(uint64_t));
    if (!w->stacks->first) return error_oom(err);
    w->stacks->back_end = INT64_MIN;
    status = window_create_like_groups(w, "sums from here on", &w->stacks->front, err);
    return status ? status : window_create_like_groups(w, "sums since", &w->stacks->back, err);
}

bool window_is_dense(const struct window_aggregate *w, size_t n_added, size_t n_groups)
{
    size_t n_panes = (size_t)(w->window.size_us / w->pane_us);
    return w->stacks && n_groups && n_added / n_groups >= n_panes / 2;
}

void window_stacks_drop(struct window_aggregate *w)
{
    struct window_stacks *s = w->stacks;
    if (s->back_end == INT64_MIN) return;
    s->is_valid = false;
    s->back_end = INT64_MIN;
    clear_table(s, s->front);
    clear_table(s, s->back);
}

void window_stacks_note_row(struct window_aggregate *w, int64_t pane)
{
    if (w->stacks && pane < w->stacks->back_end) w->stacks->is_valid = false;
}

/* Adds n groups (slots, rows of `from`) to `to`, under the leading key. is_new tells the new ones. */
static laminar_status add_groups(struct window_aggregate *w, struct state_hash *from, size_t n,
                                 struct state_hash *to, int64_t lead, struct laminar_error *err)
{
    struct window_stacks *s = w->stacks;
    laminar_status status = window_read_keys(w, from, &lead, s->from_slots, n, err);
    if (!status)
        status = state_hash_upsert(to, w->merge_vecs, n, s->to_slots, s->to_rows, s->is_new, err);
    for (size_t i = 0; i < n && !status; i++) {
        *group_n_rows(s->to_rows[i]) += *group_n_rows(s->from_rows[i]);
        status = agg_set_combine(&w->g.set, state_hash_heap(to), s->to_rows[i], s->from_rows[i],
                                 err);
    }
    return status;
}

/* The next groups of a list of `table`, from *at on, into from_slots and from_rows. */
static size_t next_of_list(struct window_stacks *s, struct state_hash *table, uint64_t *at)
{
    size_t n = 0;
    for (; *at && n < CHUNK_ROWS; n++) {
        s->from_slots[n] = *at - 1;
        s->from_rows[n] = state_hash_row(table, *at - 1);
        *at = window_head(s->from_rows[n])->next;
        if (*at) prefetch_read(state_hash_row(table, *at - 1));
    }
    return n;
}

/* Returns how many groups are new in the pane. */
static size_t chain_front(struct window_stacks *s, size_t i_pane, size_t n)
{
    size_t n_new = 0;
    for (size_t i = 0; i < n; i++) {
        if (!s->is_new[i]) continue;
        window_head(s->to_rows[i])->next = s->first[i_pane];
        s->first[i_pane] = s->to_slots[i] + 1;
        n_new++;
    }
    return n_new;
}

static laminar_status flip(struct window_aggregate *w, int64_t start, struct laminar_error *err)
{
    struct window_stacks *s = w->stacks;
    size_t n_panes = (size_t)(w->window.size_us / w->pane_us);
    laminar_status status = LAMINAR_OK;
    size_t n_added = 0, n_all = 0;
    s->is_valid = false;
    clear_table(s, s->front);
    clear_table(s, s->back);
    memset(s->first, 0, (n_panes + 1) * sizeof *s->first);
    for (size_t p = n_panes; p-- > 0 && !status;) {
        int64_t pane = start + (int64_t)p * w->pane_us;
        uint64_t slot, at = window_first_of_pane(w, pane, &slot);
        n_all = 0;
        for (size_t n; !status && (n = next_of_list(s, w->g.table, &at)) > 0; n_added += n) {
            status = add_groups(w, w->g.table, n, s->front, pane, err);
            if (!status) n_all += chain_front(s, p, n);
        }
        at = s->first[p + 1];
        for (size_t n; !status && (n = next_of_list(s, s->front, &at)) > 0;) {
            status = add_groups(w, s->front, n, s->front, pane, err);
            if (!status) n_all += chain_front(s, p, n);
        }
    }
    /* from the next window on */
    w->is_dense = window_is_dense(w, n_added, n_all);
    s->front_start = start;
    s->front_end = s->back_end = start + w->window.size_us;
    s->is_valid = !status;
    return status;
}

laminar_status window_stacks_merge(struct window_aggregate *w, int64_t start,
                                   struct laminar_error *err)
{
    struct window_stacks *s = w->stacks;
    int64_t end = start + w->window.size_us;
    laminar_status status = LAMINAR_OK;
    bool is_in = s->is_valid && start >= s->front_start && start < s->front_end;
    if (!is_in && (status = flip(w, start, err))) return status;
    for (; s->back_end < end && !status; s->back_end += w->pane_us) {
        uint64_t slot, at = window_first_of_pane(w, s->back_end, &slot);
        for (size_t n; !status && (n = next_of_list(s, w->g.table, &at)) > 0;)
            status = add_groups(w, w->g.table, n, s->back, 0, err);
    }
    uint64_t at = s->first[(start - s->front_start) / w->pane_us], cursor = 0;
    for (size_t n; !status && (n = next_of_list(s, s->front, &at)) > 0;)
        status = add_groups(w, s->front, n, w->merged, start, err);
    for (size_t n;
         !status && (n = state_hash_scan(s->back, &cursor, s->from_slots, CHUNK_ROWS)) > 0;) {
        for (size_t i = 0; i < n; i++) s->from_rows[i] = state_hash_row(s->back, s->from_slots[i]);
        status = add_groups(w, s->back, n, w->merged, start, err);
    }
    return status;
}
