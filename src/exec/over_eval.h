/* over_eval.h - window functions over rows that lie in memory: a partition, or the part of one that a step can have changed.
 *
 * The rows stand in their order. Values are wanted for rows [from, to); what lies around them is there because frames reach it. Where frames begin
 * at the partition's first row and that is not among the rows, the value goes on from the row before: from its result (`before`), or from a running
 * state that the caller keeps. */
#ifndef EXEC_OVER_EVAL_H
#define EXEC_OVER_EVAL_H

#include "exec/op.h"

/* How an aggregate over a frame is computed. */
enum over_method {
    OVER_SLIDE,    /* rows that leave the frame are taken out of its state again */
    OVER_ADD,      /* rows can only be added: a frame that moves starts anew */
    OVER_COLLECT,  /* from all rows of the frame: DISTINCT, ORDER BY inside, median ... */
    OVER_NO_METHOD /* no aggregate */
};

struct over_work { /* of one call */
    const struct over_call *call;
    const struct bound_aggregate *agg; /* AGGREGATE: with the kernels for rows that are taken out */
    struct bound_aggregate exact;
    enum over_reach reach;
    enum over_method method;
    bool is_kept; /* its running state is the caller's, at state_offset of the group */
    size_t state_offset;
    uint8_t *state; /* scratch: of the frame at hand; zero between calls */
    uint8_t *spare; /* the same without the excluded rows */
    uint32_t n_args, n_order;
    struct column *args;  /* n_order, then n_args: rows gathered for the aggregate */
    struct vector *vecs;  /* n_order + n_args + 1 */
    struct column value;  /* the last result: one row */
    struct column result; /* of rows [from, to) */
    struct column values; /* results in another order */
    struct column before; /* result of the row before row 0: one row, if has_before */
};

struct over_eval {
    const struct plan *plan;
    uint32_t n_in, n_calls;
    struct over_work *work;
    struct agg_heap *heap; /* for aggregates' states */
    /* the rows */
    size_t n;
    struct column *cols; /* n_in columns; the caller may have more behind them */
    struct vector *vecs; /* views of them */
    size_t from, to;
    bool is_start; /* row 0 is the partition's first */
    bool has_before;
    uint64_t rows_before; /* rows of the partition before row 0 */
    uint8_t *group;       /* of the caller: running states */
    /* peers and frames of the rows */
    ARRAY_OF(uint32_t) peer_start;
    ARRAY_OF(uint32_t) peer_end;
    ARRAY_OF(uint32_t) peer_no;
    ARRAY_OF(uint32_t) frame_start;
    ARRAY_OF(uint32_t) frame_end;
    ARRAY_OF(uint32_t) sel;
    ARRAY_OF(uint32_t) order;
    int64_t *minus;   /* CHUNK_ROWS times -1 */
    uint8_t **states; /* CHUNK_ROWS pointers to one state */
};

laminar_status over_eval_create(struct over_eval *e, const struct plan *plan,
                                struct laminar_error *err) must_check;
void over_eval_deinit(struct over_eval *e);
/* Bytes that running states take in a group, from `offset` on. */
size_t over_eval_place_states(struct over_eval *e, size_t offset);
/* Adds (weight 1) or takes out (-1) rows [low, high) of the running states in e->group. */
laminar_status over_eval_move(struct over_eval *e, size_t low, size_t high, int64_t weight,
                              struct laminar_error *err) must_check;
/* Fills work[].result. Running states end behind the last row. */
laminar_status over_eval_run(struct over_eval *e, const struct step *step) must_check;
bool over_eval_are_peers(const struct over_eval *e, size_t a, size_t b);

#endif
