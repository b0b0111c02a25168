/* session_internal.h - the parts of op_session: panes and their runs (session_runs.c), what a step changed (session_emit.c), the operator (op_session.c).
 *
 * A pane holds the rows of one group whose times lie in one stretch [k * gap, (k + 1) * gap): rows of a pane are always of one session. Panes of neighbouring
 * stretches are chained; two of them are of one session when the latest time of the one and the earliest of the other are less than the gap apart. So a
 * session is a run of linked panes, and nothing has to be moved when sessions grow together or fall apart: a row costs what a row of a TUMBLE
 * window of the gap's size costs.
 *
 * United sessions: where changes come out, nothing is taken back and all aggregates combine, the panes of a session are also a union-find tree, and the root has
 * the aggregates of the whole session: a change costs the same however long the session is, two sessions that meet are combined once. */
#ifndef EXEC_SESSION_INTERNAL_H
#define EXEC_SESSION_INTERNAL_H

#include "exec/agg_groups.h"
#include "exec/window_time.h"

enum pane_flags {
    PANE_TOUCHED = 1, /* in w->touched */
    PANE_CHANGED = 2, /* in w->changed */
    PANE_OLD = 4,     /* its session was put aside, and it is in w->flagged */
    PANE_BORN = 16,   /* changed, and it had no rows before */
    PANE_NEW = 8      /* its session is among the new ones */
};
#define NO_TIMER INT64_MAX

struct session_pane {         /* head of the payload; flags are in head.head.mark */
    struct counted_head head; /* first */
    int64_t min_us, max_us;   /* of its rows; min > max: none */
    int64_t due_us;           /* of its entry in w->timers */
    uint64_t next, previous;  /* panes of the stretches beside it: slot + 1, 0 = none */
    uint32_t old_row;         /* first pane (or root) of a session that was put aside: row + 1 */
    uint32_t n_united;        /* of a root: panes below it */
    /* united sessions only: towards the pane that holds the session's aggregates and bounds (slot + 1, 0 = this is it) */
    uint64_t parent;
    int64_t first_us, last_us; /* of a root: of the session */
};

/* Sessions at hand: their panes lie one behind the other. */
struct session_run {
    int64_t start_us, end_us;
    size_t first, n; /* in slots, rows */
};
struct session_runs {
    ARRAY_OF(struct session_run) runs;
    ARRAY_OF(uint64_t) slots;
    ARRAY_OF(uint8_t *) rows;
};

struct timer {
    int64_t at;
    uint64_t slot;
};
struct timer_heap { /* earliest first */
    ARRAY_OF(struct timer) items;
};

struct session_aggregate {
    struct op op; /* first */
    struct agg_groups g;
    int64_t gap_us, lateness_us;
    enum emit_mode emit;
    bool is_one_shot, can_close;
    bool updates; /* every change comes out */
    bool is_united;
    bool corrects; /* AFTER WATERMARK with lateness: changes of sessions that are out come out */
    int32_t time_col;
    struct state_hash *progress;
    /* retracting input: the times of each pane, rising and falling; a pane is named by its slot */
    struct state_ordered *times_up, *times_down;
    struct timer_heap timers;   /* when a session has to be looked at: see arm_timer */
    struct timer_heap earliest; /* panes by their stretch: the earliest session that may come out */
    ARRAY_OF(uint64_t) touched;
    ARRAY_OF(uint64_t) changed;
    ARRAY_OF(uint64_t) flagged;
    struct session_runs runs;
    /* sessions as they were before the step (or period), and as they are now */
    struct column *old_cols, *new_cols;
    size_t n_old, n_new;
    /* of each new row: the old one that starts in its first pane, + 1 */
    ARRAY_OF(uint32_t) new_old_row;
    ARRAY_OF(uint8_t) old_is_equal, new_is_equal;
    /* scratch: CHUNK_ROWS each */
    int64_t *times, *starts, *picked_times;
    uint32_t *sel_all, *sel, *sel_b;
    uint8_t *is_late;
    uint64_t *near_slots;
    uint8_t **near_rows;
    int64_t *weights;
    struct column *gathered; /* results of the rows that are taken */
    struct vector *vecs;
    struct column *near_keys;
    struct vector *near_vecs;
    struct column one_time;
    /* combined states of sessions with several panes */
    uint8_t *payloads;
    size_t payload_stride;
    uint8_t **payload_rows;
};

static inline struct session_pane *session_pane(uint8_t *row)
{
    return (struct session_pane *)(void *)row;
}
static inline uint32_t *pane_flags(struct session_pane *pane) { return &pane->head.head.mark; }

/* --- session_runs.c ------------------------------------------------------------------------------------------------------------------------------ */
bool timer_push(struct timer_heap *heap, int64_t at, uint64_t slot);
void timer_pop(struct timer_heap *heap);
bool pane_has_rows(const struct session_aggregate *w, const struct session_pane *pane);
/* The neighbour that is of the same session, NULL if there is none. */
struct session_pane *pane_next(struct session_aggregate *w, const struct session_pane *pane,
                               uint64_t *slot);
struct session_pane *pane_previous(struct session_aggregate *w, const struct session_pane *pane,
                                   uint64_t *slot);
/* New ones among n groups at hand: made empty, and chained with their neighbours. */
laminar_status panes_link_new(struct session_aggregate *w, size_t n, struct laminar_error *err)
    must_check;
laminar_status pane_unlink(struct session_aggregate *w, const struct session_pane *pane,
                           struct laminar_error *err) must_check;
/* The pane that speaks for the session of a pane: united, its root; else itself. */
uint64_t pane_root(struct session_aggregate *w, uint64_t slot);
/* United: after times were added to pane `slot`, joins its session with those of its neighbours that it now reaches. */
laminar_status pane_unite(struct session_aggregate *w, uint64_t slot, struct laminar_error *err)
    must_check;
void runs_clear(struct session_runs *runs);
/* Adds the session that a pane is part of; its panes get the flag (0: none), and are writable. */
laminar_status runs_add(struct session_aggregate *w, uint64_t slot, uint32_t flag,
                        struct laminar_error *err) must_check;
/* Appends sessions runs[from, from + n) to cols, one an output column. Strings borrow the state or the operator until the next call. n <= SESSION_BATCH. */
enum { SESSION_BATCH = 256 };
laminar_status runs_values(struct session_aggregate *w, size_t from, size_t n, struct column *cols,
                           struct laminar_error *err) must_check;
/* Takes all panes of the sessions at hand out of the state. */
laminar_status runs_remove(struct session_aggregate *w, struct laminar_error *err) must_check;

/* --- session_emit.c --------------------------------------------------------------------------------------------------------------------------------- */
/* Before n rows are added to the panes at hand: lists these, and puts the sessions aside that may change. */
laminar_status session_touch(struct session_aggregate *w, size_t n, struct laminar_error *err)
    must_check;
/* -old +new of all sessions that changed. */
laminar_status session_emit_changes(struct session_aggregate *w, struct step *step) must_check;
/* The sessions at hand, +1. */
laminar_status session_emit_runs(struct session_aggregate *w, struct step *step) must_check;
/* Windows with end <= this are closed (or, AFTER WATERMARK, are out). */
int64_t session_closed_us(struct session_aggregate *w);

#endif
