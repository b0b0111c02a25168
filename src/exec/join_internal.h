/* join_internal.h - between op_join.c (creation, the delta rules), join_emit.c (pairs, padding, output chunks) and join_interval.c (what watermarks do). */
#ifndef EXEC_JOIN_INTERNAL_H
#define EXEC_JOIN_INTERNAL_H

#include "exec/join_input.h"
#include "exec/op_rows.h"
#include "exec/ops.h"
#include "exec/state_multimap.h"
#include "exec/time_queue.h"

struct join_side {
    struct join_input in;
    uint32_t first_out;         /* output column of input column 0 */
    bool keeps_keys_only;       /* right side of SEMI, ANTI without a residual */
    struct state_multimap *map; /* NULL: nothing is kept of this side */
    bool is_padded;             /* rows without a match come out with nulls for the other side */
    bool has_counters;          /* its rows count their matches */
    /* interval */
    int64_t watermark_us;      /* of its input after the last step */
    struct time_queue leaving; /* its rows by time */
    /* a row meets rows of the other side up to time + reach; INT64_MAX = all that come */
    int64_t reach;
};

struct op_join {
    struct op base;
    enum join_kind kind;
    bool is_one_shot;
    bool builds_right; /* left rows meet the right side as it is and go: one-shot, lookup */
    bool is_constant;  /* lookup: the right side never changes once it is there */
    bool is_semi;      /* SEMI, ANTI: left columns alone come out */
    bool is_interval;
    bool waits;        /* interval: what has no match comes out when it can't find one any more */
    bool is_deferred;  /* one-shot: left rows wait for the end of the right side */
    bool has_residual; /* program or interval */
    /* its contents, by left rows whose strings are the table's: these stay in memory */
    bool is_read;
    uint32_t n_keys;
    struct join_side sides[2];
    struct program *residual;
    bool *residual_cols;  /* output columns (left, right) that it reads */
    int64_t lower, upper; /* interval, in the unit of the time columns */
    int64_t lower_us, upper_us;
    uint32_t n_out_max; /* left and right columns, also for SEMI */
    /* scratch, kept from step to step */
    struct column *out_cols;  /* n_out_max */
    struct column *test_cols; /* n_out_max, for the residual */
    struct vector *out_vecs;
    struct vector *test_vecs;
    struct column *left_rows; /* is_deferred: what waits */
    ARRAY_OF(int64_t) left_weights;
    size_t n_left_rows;
    struct join_scratch *scratch;
};

/* Working memory for one chunk. */
struct join_scratch {
    struct join_rows rows;
    uint32_t heads[CHUNK_ROWS];         /* by row: group on the other side */
    int64_t other_weights[CHUNK_ROWS];  /* by row: weight of that group */
    int64_t weights_before[CHUNK_ROWS]; /* by row: of the own group */
    int64_t weights_after[CHUNK_ROWS];
    int64_t counts[CHUNK_ROWS]; /* by row: weight of its matches */
    uint32_t slots[CHUNK_ROWS]; /* by position in sel: where the row went */
    uint32_t pair_rows[CHUNK_ROWS];
    uint32_t pair_slots[CHUNK_ROWS];
    uint32_t pair_sel[CHUNK_ROWS];
    uint32_t list[CHUNK_ROWS]; /* rows or slots to pad */
    int64_t list_weights[CHUNK_ROWS];
    int64_t out_weights[CHUNK_ROWS];
    uint32_t seen[CHUNK_ROWS * 2]; /* set of head slots */
};

/* Interval: notes rows of `port` that have just been kept, by position in rows.sel (scratch->slots). */
laminar_status join_interval_keep(struct op_join *join, uint32_t port, size_t n_sel,
                                  struct laminar_error *err) must_check;
/* Takes the inputs' watermarks, lets go what they make useless, and sets the output's. */
laminar_status join_interval_finish(struct op_join *join, struct step *step) must_check;
laminar_status join_interval_restored(struct op *op, struct laminar_error *err) must_check;

/* Slots are all that is needed of the kept rows now: where memory is short they leave it. */
laminar_status join_relax(struct op_join *join, struct step *step) must_check;
/* The pairs [0, n) whose keys match (by hash: may match): those that pass the residual are counted and come out. */
laminar_status join_flush_pairs(struct op_join *join, struct step *step, uint32_t port,
                                const struct chunk *chunk, size_t n) must_check;
/* Pairs of the rows with all kept rows of the other side, where those have no index. */
laminar_status join_scan_pairs(struct op_join *join, struct step *step, uint32_t port,
                               const struct chunk *chunk, size_t n_sel) must_check;
/* Keeps of the pairs [0, n) those whose keys are equal, where the other side's groups are by hash; returns how many. */
size_t join_match_keys(struct op_join *join, uint32_t port, size_t n);
/* Keeps of the pairs [0, n) (scratch->pair_rows, pair_slots; rows are of `chunk` on side `port`) those that pass the residual. */
laminar_status join_filter_pairs(struct op_join *join, struct step *step, uint32_t port,
                                 const struct chunk *chunk, size_t *n) must_check;
/* Emits the pairs as joined rows. */
laminar_status join_emit_pairs(struct op_join *join, struct step *step, uint32_t port,
                               const struct chunk *chunk, size_t n) must_check;
/* Emits rows rows[0..n) of the chunk with nulls for the other side (SEMI, ANTI: as they are). */
laminar_status join_emit_rows(struct op_join *join, struct step *step, uint32_t port,
                              const struct chunk *chunk, const uint32_t *rows, size_t n) must_check;
/* The same for stored rows, with the weights given. */
laminar_status join_emit_slots(struct op_join *join, struct step *step, uint32_t port,
                               const uint32_t *slots, const int64_t *weights, size_t n) must_check;

#endif
