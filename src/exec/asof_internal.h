/* asof_internal.h - between op_asof.c (groups, matching, deltas) and asof_evict.c (what watermarks do). */
#ifndef EXEC_ASOF_INTERNAL_H
#define EXEC_ASOF_INTERNAL_H

#include "base/error.h"
#include "exec/asof_run.h"
#include "exec/join_input.h"
#include "exec/op_rows.h"
#include "exec/ops.h"
#include "exec/state_multimap.h"
#include "exec/time_queue.h"

enum { LEFT = 0, RIGHT = 1 };

struct op_asof;
struct asof_rows { /* a state table that knows its operator */
    struct state_rows rows;
    struct op_asof *asof;
    uint32_t port;
};
struct asof_group {
    struct asof_run runs[2];
    uint32_t i_touched; /* + 1: in `touched`; 0 = not */
    /* when to look at the first row of each side again, in `due`; nothing is due then if it is past */
    int64_t check_time[2];
};
struct asof_touched {
    uint32_t group;
    int64_t time_min, time_max;
};
struct asof_change {      /* a left row whose match may change */
    uint32_t left, right; /* slots; right: the match before, ROW_NONE = none */
    uint32_t group;
    int64_t time;
};

struct op_asof {
    struct op base;
    enum asof_match match;
    bool is_left_join;
    bool is_one_shot;
    bool is_deferred; /* one-shot: left rows wait for the end of the right side */
    bool has_tolerance;
    int64_t tolerance; /* in the unit of the time columns */
    int64_t tolerance_us;
    struct join_input in[2];
    struct asof_rows *sides[2];  /* LEFT: NULL in one-shot queries */
    struct state_multimap *keys; /* derived: slot of a key = number of its group */
    struct asof_group *groups;
    size_t groups_capacity;
    int64_t watermark_us[2]; /* bounds on the sides' match times */
    int64_t shift_min_us;    /* of the left match time from the left event time */
    int64_t shift_max_us;
    bool evicts[2];           /* rows of the side leave under watermarks */
    struct time_queue due[2]; /* groups of which rows of the side may leave */
    /* scratch */
    struct asof_scratch merging;
    ARRAY_OF(struct asof_touched) touched;
    ARRAY_OF(struct asof_change) changes;
    ARRAY_OF(uint32_t) dropped[2]; /* slots to be dropped at the end of the chunk */
    struct column *out_cols;
    struct vector *out_vecs;
    struct column *left_rows;
    ARRAY_OF(int64_t) left_weights;
    size_t n_left_rows;
    struct asof_chunk {
        struct join_rows rows;
        uint32_t groups[CHUNK_ROWS]; /* by row */
        uint32_t missing[CHUNK_ROWS];
        uint32_t slots[CHUNK_ROWS];
        uint32_t sel[CHUNK_ROWS];
        uint32_t left[CHUNK_ROWS];  /* to emit: rows of the chunk, or left slots */
        uint32_t right[CHUNK_ROWS]; /* right slots */
        int64_t weights[CHUNK_ROWS];
        uint32_t padded[CHUNK_ROWS]; /* to emit with nulls */
        int64_t padded_weights[CHUNK_ROWS];
    } * scratch;
};

static inline uint64_t asof_distance(int64_t a, int64_t b)
{
    return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}
/* Sorts in what came in since. */
laminar_status asof_settle(struct op_asof *asof, uint32_t port, struct asof_run *run,
                           struct laminar_error *err) must_check;
/* The slot of the match of time t in a settled run of right rows; ROW_NONE if there is none. */
uint32_t asof_match_of(const struct op_asof *asof, struct asof_run *run, int64_t t);
laminar_status asof_remove_group_if_empty(struct op_asof *asof, uint32_t group,
                                          struct laminar_error *err) must_check;

/* A row of side `port` at `time` was kept in the group. */
laminar_status asof_evict_note(struct op_asof *asof, uint32_t port, uint32_t group, int64_t time,
                               struct laminar_error *err) must_check;
/* Lets rows go that the watermarks have made useless. */
laminar_status asof_evict(struct op_asof *asof, struct laminar_error *err) must_check;
/* After a restore, and when entries of rows that are gone prevail. */
laminar_status asof_evict_rebuild(struct op_asof *asof, struct laminar_error *err) must_check;

#endif
