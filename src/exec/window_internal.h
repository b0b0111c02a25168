/* window_internal.h - the parts of op_window_aggregate: panes and their groups (window_panes.c), closing what is made of panes (window_sliced.c), the operator. */
#ifndef EXEC_WINDOW_INTERNAL_H
#define EXEC_WINDOW_INTERNAL_H

#include "exec/agg_groups.h"
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
/* A group's row in one pane, on the list of the window that is being closed. */
struct window_part {
    uint64_t slot;
    uint8_t *row;
    uint64_t next; /* index + 1 */
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
    int64_t pane_us; /* length of a pane (sliced, gathered), or distance between windows */
    bool is_sliced, is_one_shot, can_close;
    bool gathers; /* rows of a step are added up by panes before they come to their windows */
    int32_t time_col;
    struct state_hash *panes;
    struct state_hash *progress;
    struct pane_heap evict;   /* panes in state */
    struct pane_heap pending; /* AFTER WATERMARK with lateness: windows not emitted yet */
    /* sliced HOP of many panes, where aggregates combine; else NULL */
    struct window_stacks *stacks;
    /* most groups are in most panes of a window: the stacks are used */
    bool is_dense;
    size_t n_merged;
    bool accumulates; /* sliced CUMULATE: a closed window's pane goes into the first of its panes */
    int64_t closing_end_us; /* sliced CUMULATE: the window that is being closed */
    /* sliced: the window that is being closed; gathered: what the step brings. Not a state: empty between steps */
    struct state_hash *merged;
    /* aggregates that keep rows: the panes of each group of it */
    ARRAY_OF(struct window_part) parts;
    ARRAY_OF(uint64_t) part_slots;
    ARRAY_OF(uint8_t *) part_rows;
    ARRAY_OF(size_t) part_ends;
    int64_t *times, *starts;
    uint32_t *sel_all, *sel_window, *sel_late;
    struct column *gathered; /* results, where some rows are left out */
    struct vector *gathered_vecs;
    int64_t *gathered_weights;
    uint8_t *is_listed;
    uint64_t *merge_slots;
    uint8_t **merge_rows;
    struct column *merge_keys;
    struct vector *merge_vecs;
};

/* A direct pane is named by its window's start; of CUMULATE, where windows share their start, by its end. */
static inline int64_t window_end(const struct window_aggregate *w, int64_t pane)
{
    return w->window.kind == WINDOW_CUMULATE ? pane : pane + w->window.size_us;
}
static inline int64_t window_start(const struct window_aggregate *w, int64_t pane)
{
    return w->window.kind == WINDOW_CUMULATE
               ? floor_to(pane - 1, w->window.size_us, w->window.offset_us)
               : pane;
}
static inline bool is_closed(const struct window_aggregate *w, int64_t end, int64_t watermark)
{
    return watermark != WATERMARK_NONE && add_saturating(end, w->lateness_us) <= watermark;
}
static inline struct window_head *window_head(uint8_t *row)
{
    return (struct window_head *)(void *)row;
}

/* --- window_panes.c -------------------------------------------------------------------------------------------------------------------------------- */
bool pane_heap_push(struct pane_heap *heap, int64_t start);
void pane_heap_pop(struct pane_heap *heap);
/* Windows with end + lateness <= this are closed. */
int64_t window_closed_us(struct window_aggregate *w);
laminar_status window_set_closed(struct window_aggregate *w, int64_t watermark,
                                 struct laminar_error *err) must_check;
/* Puts the new ones of the first n groups at hand into their panes' lists; new panes go into the heaps. */
laminar_status window_chain_new(struct window_aggregate *w, const int64_t *starts, size_t n,
                                struct laminar_error *err) must_check;
/* A group without rows leaves its pane's list; the pane stays until it is due. */
laminar_status window_unlink_group(struct op *op, uint64_t slot, uint8_t *row,
                                   struct laminar_error *err) must_check;
/* Fills slots and rows of up to n groups of a list from *at on (slot + 1); returns how many. */
size_t window_next_groups(struct window_aggregate *w, uint64_t *at, uint64_t *slots, uint8_t **rows,
                          size_t n);
/* slot + 1 of the first group of a pane, 0 if it has none; *slot: of the pane. */
uint64_t window_first_of_pane(struct window_aggregate *w, int64_t start, uint64_t *slot);
/* Those of n groups that have rows, +1. */
laminar_status window_emit_groups(struct window_aggregate *w, struct step *step, uint64_t *slots,
                                  uint8_t **rows, size_t n) must_check;
/* All groups of a pane. */
laminar_status window_emit_pane(struct window_aggregate *w, struct step *step, int64_t start)
    must_check;
laminar_status window_evict_pane(struct window_aggregate *w, int64_t start,
                                 struct laminar_error *err) must_check;

/* --- window_sliced.c ------------------------------------------------------------------------------------------------------------------------------- */
laminar_status window_create_merged(struct window_aggregate *w, struct laminar_error *err)
    must_check;
/* Where a row of CUMULATE goes; all of [begin, end) goes there. */
int64_t window_cumulate_pane(const struct window_aggregate *w, int64_t t, int64_t closed,
                             int64_t *begin, int64_t *end, bool *is_late);
laminar_status window_close_sliced(struct window_aggregate *w, struct step *step, int64_t watermark)
    must_check;
/* The same for another table of (time, keys) with the groups' payload; not a state. */
laminar_status window_create_like_groups(struct window_aggregate *w, const char *name,
                                         struct state_hash **out, struct laminar_error *err)
    must_check;
/* Keys of n groups of a table, under the leading key *window, into merge_vecs. */
laminar_status window_read_keys(struct window_aggregate *w, struct state_hash *from,
                                int64_t *window, const uint64_t *slots, size_t n,
                                struct laminar_error *err) must_check;

/* --- op_window_aggregate.c ------------------------------------------------------------------------------------------------------------------------- */
/* Of the rows sel_all[0..n), whose times are in `times`, those that are in the k-th of their windows, counted from the latest, while it is open: into
 * sel_window and starts; their number. `*n_late` (may be NULL) of the others go into sel_late. */
size_t window_select(struct window_aggregate *w, int64_t k, size_t n, size_t *n_late);
/* The groups of n rows (g->keys, starts), listed where this step's changes come out. */
laminar_status window_find_groups(struct window_aggregate *w, size_t n, struct laminar_error *err)
    must_check;

/* --- window_gathered.c ----------------------------------------------------------------------------------------------------------------------------- */
/* Adds n rows (g->keys: pane, keys) to what the step brings. */
laminar_status window_gather(struct window_aggregate *w, const struct vector *results,
                             const int64_t *weights, size_t n, struct laminar_error *err)
    must_check;
/* At the step's end: what it brought, to the windows. */
laminar_status window_spread(struct window_aggregate *w, struct laminar_error *err) must_check;

/* --- window_two_stacks.c --------------------------------------------------------------------------------------------------------------------------- */
struct window_stacks;
laminar_status window_stacks_create(struct window_aggregate *w, struct laminar_error *err)
    must_check;
void window_stacks_free(struct window_aggregate *w);
/* n_added groups of panes made a window of n_groups. */
bool window_is_dense(const struct window_aggregate *w, size_t n_added, size_t n_groups);
/* A row came into a pane. */
void window_stacks_note_row(struct window_aggregate *w, int64_t pane);
void window_stacks_drop(struct window_aggregate *w);
/* The groups of the window that starts at `start`, into w->merged. */
laminar_status window_stacks_merge(struct window_aggregate *w, int64_t start,
                                   struct laminar_error *err) must_check;

#endif
