/* agg_groups.h - groups and their aggregates, with the deltas that a step makes of them: the common part of op_aggregate and op_window_aggregate.
 *
 * Old rows aren't kept. The first time that a step touches a group, its finished values are put aside in columns that live until the step's end, a
 * chunk at a time; then each touched group gives -(old row) +(new row), or nothing when the two are equal.
 * Payload: struct group_head or counted_head | what the operator adds | aggregate states. */
#ifndef EXEC_AGG_GROUPS_H
#define EXEC_AGG_GROUPS_H

#include "exec/agg_set.h"
#include "exec/op_rows.h"

struct group_head {
    uint32_t mark; /* number in this step's list + 1; 0 between steps */
    uint32_t reserved;
};
struct counted_head {
    struct group_head head; /* first */
    /* weights summed; only where the input retracts, or the operator always has it */
    int64_t n_rows;
};

struct touched_group {
    uint64_t slot;
    /* payload; its page is writable, so it stays where it is until the step's end (EMIT EVERY, tables with parts in a file: found again) */
    uint8_t *row;
    uint32_t old_row; /* in old_cols; UINT32_MAX = it had no row */
};

struct agg_groups;
struct agg_groups_options {
    const struct plan *plan;
    uint32_t n_lead_keys; /* keys in front of the plan's: 0, or 1 BIGINT (the window) */
    uint32_t n_lead_cols; /* output columns in front of the plan's keys */
    /* of the payload: group_head, or counted_head where the input retracts, and more; a multiple of 8 */
    uint32_t header_bytes;
    struct expr *lead_expr; /* one more expression for the program, result 0; or NULL */
    bool can_spill;         /* the operator keeps no row addresses, and calls op_relax */
    bool is_stream;         /* emits changes; else only groups_emit_new is used */
    /* EMIT EVERY: changes are held back until the end of the period; 0 = of the step */
    int64_t every_us;
    /* Fills the leading output columns for groups with these leading keys. */
    laminar_status (*lead_cols)(struct op *op, const int64_t *keys, size_t n, struct column *out,
                                struct laminar_error *err);
    /* The group's row is about to be removed: the operator unlinks it. May be NULL. */
    laminar_status (*unlink)(struct op *op, uint64_t slot, uint8_t *row, struct laminar_error *err);
};

struct agg_groups {
    struct op *op;
    struct agg_groups_options options;
    struct agg_set set;
    struct state_hash *table;
    struct program *program; /* [lead_expr] keys, what the aggregates need */
    struct data_type *result_types;
    struct vector *results; /* results[0]: lead_expr or the first key */
    uint32_t n_results;
    struct vector *keys; /* of the rows at hand: lead key, plan's keys */
    uint32_t n_keys;
    bool is_retracting, is_global;
    /* a touched group's row is another one in any case: count(*) over an append-only input */
    bool is_ever_changing;
    bool wants_retractions; /* in this step: some consumer looks at old rows */
    ARRAY_OF(struct touched_group) touched;
    struct column *old_cols; /* per aggregate: put aside in this step */
    struct column *new_cols;
    struct column *out_cols;
    struct vector *out_vecs;
    struct column lead; /* leading keys of groups to be emitted */
    /* all output columns in front of the aggregates, of the groups at hand */
    struct column *key_cols;
    size_t n_old;
    /* EMIT EVERY: end of the period that the first held back change fell into */
    int64_t due_us;
    /* per row of the chunk at hand: CHUNK_ROWS each */
    uint64_t *slots;
    uint8_t **rows;
    uint8_t *is_new;
    /* scratch */
    uint64_t *some_slots;
    uint8_t **some_rows;
    uint32_t *sel, *sel_old, *sel_new;
    int64_t *weights;
    struct bad_rows bad;
    struct column *in_cols; /* input without bad rows */
    struct vector *in_vecs;
};

laminar_status groups_create(struct agg_groups *g, struct op *op,
                             const struct agg_groups_options *options, struct laminar_error *err)
    must_check;
/* After op_deinit, which frees the tables. */
void groups_deinit(struct agg_groups *g);

/* Runs the program over a chunk: results are set, *out is the chunk without rows whose expressions failed. */
laminar_status groups_evaluate(struct agg_groups *g, struct step *step, const struct chunk *chunk,
                               struct chunk *out) must_check;
/* Finds or makes the groups of n rows (g->keys) into slots, rows, is_new. */
laminar_status groups_find(struct agg_groups *g, size_t n, struct laminar_error *err) must_check;
/* Lists the groups of the first n rows, those with is_listed[i] (NULL = all), and puts their values aside. */
laminar_status groups_touch(struct agg_groups *g, size_t n, const uint8_t *is_listed,
                            struct laminar_error *err) must_check;
/* Adds n rows of `results` to their groups. */
laminar_status groups_update(struct agg_groups *g, const struct vector *results,
                             const int64_t *weights, size_t n, struct laminar_error *err)
    must_check;

static inline struct group_head *group_head(uint8_t *row)
{
    return (struct group_head *)(void *)row;
}
static inline int64_t *group_n_rows(uint8_t *row)
{
    return &((struct counted_head *)(void *)row)->n_rows;
}
static inline bool group_has_row(const struct agg_groups *g, uint8_t *row)
{
    return g->is_global || !g->is_retracting || *group_n_rows(row) > 0;
}
/* Emits the rows of n <= CHUNK_ROWS groups, weight +1. */
laminar_status groups_emit_new(struct agg_groups *g, struct step *step, const uint64_t *slots,
                               uint8_t **rows, size_t n) must_check;
/* Emits what the step changed; groups without rows are removed. The list is empty after it. EMIT EVERY: when the period is over (op->wake_us tells the
 * circuit when that is), at the end, before a freeze, or when `is_due`. */
laminar_status groups_emit_touched(struct agg_groups *g, struct step *step, bool is_due) must_check;
/* EMIT EVERY: there are changes, and they are not to come out in this step. */
bool groups_is_held_back(struct agg_groups *g, struct step *step, bool is_due);
laminar_status groups_remove(struct agg_groups *g, const uint64_t *slots, uint8_t **rows, size_t n,
                             struct laminar_error *err) must_check;

#endif
