/* agg_set.h - the aggregates of one operator: where their states lie in a group's row, how they are updated and finished.
 *
 * An aggregate is kept in one of these forms, chosen once:
 *   KERNEL    its state in the group's payload, updated by its kernels
 *   DISTINCT  the same, but only rows that make a value appear or vanish reach the kernels: a child state_hash counts (group, values)
 *   MULTISET  all rows of the group in a child state_ordered, the value computed from them: what has no incremental form, needs an order, or
 *             can't take rows back although the input retracts
 *   FIRST     MULTISET of min, max or any_value: the first row of the order is the value
 * Used by op_aggregate and op_window_aggregate; both name groups by slot numbers of their state_hash. */
#ifndef EXEC_AGG_SET_H
#define EXEC_AGG_SET_H

#include "exec/op.h"
#include "exec/state_ordered.h"

enum agg_form { AGG_KERNEL, AGG_DISTINCT, AGG_MULTISET, AGG_FIRST };
enum { NO_FILTER = UINT32_MAX };

struct agg_item {
    const struct aggregate_call *call;
    const struct bound_aggregate *agg;
    struct bound_aggregate exact; /* the same with the kernels for rows that are taken back */
    enum agg_form form;
    size_t offset; /* of the state in the payload (KERNEL, DISTINCT) */
    /* program result of the first argument; order arguments stand before: first_arg - n_order */
    uint32_t first_arg;
    uint32_t filter; /* program result, or NO_FILTER */
    bool is_distinct;
    struct state_hash *distinct;
    struct state_ordered *ordered;
    /* DISTINCT: in the payload, slot + 1 of the group's first pair in `distinct` */
    size_t chain_offset;
    /* order arguments, arguments: gathered by the filter; MULTISET, FIRST: read back */
    struct column *cols;
    struct column *changed_cols; /* DISTINCT: gathered pairs that appear or vanish */
    uint32_t n_cols;
    struct vector *vecs;    /* n_cols + 1 */
    struct column weights;  /* MULTISET: of the rows read */
    struct column finished; /* MULTISET, FIRST, and strings: one result */
    /* of agg_union.c; made at its first use */
    struct state_hash *merged; /* DISTINCT: values of all parts */
    struct agg_union *parts;
};

/* The groups at hand are each made of several: group i of those in [ends[i - 1], ends[i]). */
struct agg_parts {
    const uint64_t *slots;
    uint8_t *const *rows;
    const size_t *ends;
};

struct agg_set {
    uint32_t n;
    struct agg_item *items;
    uint32_t payload_bytes;
    uint32_t payload_align;
    uint32_t header_bytes;
    bool is_plain;         /* all states in payloads are plain bytes */
    bool has_children;     /* DISTINCT, MULTISET, FIRST */
    struct agg_heap *heap; /* of the groups table: set once it exists */
    struct op *op;         /* owner of the child tables */
    /* agg_set_finish reads the forms that keep rows from here; NULL: from the groups themselves */
    const struct agg_parts *parts;
    /* what becomes of a value that can't be (a sum out of range): of the step at hand. NULL and SKIP: it is null; SKIP counts it in *n_bad, where that is
     * set */
    enum row_error_mode error_mode;
    uint64_t *n_bad;
    uint32_t *sel; /* CHUNK_ROWS each, for filtered and distinct aggregates */
    uint8_t **rows;
    uint64_t *slots;
    int64_t *weights;
    uint64_t *child_slots;
    uint8_t **child_rows;
    uint8_t *child_is_new;
};

/* exprs gets the aggregates' expressions appended (arguments, order arguments, filters), for the operator's program; n_exprs is what is there already.
 * The payload has `header_bytes` in front, for the operator. */
laminar_status agg_set_create(struct op *op, const struct plan *plan, bool is_retracting,
                              uint32_t header_bytes, struct agg_set *set, struct expr ***exprs,
                              uint32_t *n_exprs, struct laminar_error *err) must_check;
void agg_set_deinit(struct agg_set *set); /* child tables belong to the operator */
/* Options of the groups table: payload size and call-backs. */
void agg_set_table_options(struct agg_set *set, struct state_hash_options *options);
/* Rows i of the program's results into the states at rows[i] of the groups slots[i]. */
laminar_status agg_set_update(struct agg_set *set, const struct vector *results,
                              const uint64_t *slots, uint8_t *const *rows, const int64_t *weights,
                              size_t n, bool is_one_group, struct laminar_error *err) must_check;
/* Appends aggregate a's values of n groups to out; strings may borrow the states' memory or the set's, until the next call. */
laminar_status agg_set_finish(struct agg_set *set, uint32_t a, const uint64_t *slots,
                              uint8_t *const *rows, size_t n, struct column *out,
                              struct laminar_error *err) must_check;
/* dst += src: panes of a window into one, the aggregates in kernels. dst's memory comes from `heap`. */
laminar_status agg_set_combine(struct agg_set *set, struct agg_heap *heap, uint8_t *dst,
                               const uint8_t *src, struct laminar_error *err) must_check;
bool agg_set_can_combine(const struct agg_set *set);
void agg_set_destroy_payload(struct agg_set *set, uint8_t *payload);
/* Groups that are about to be removed: their rows in child tables go. */
laminar_status agg_set_forget(struct agg_set *set, const uint64_t *slots, uint8_t *const *rows,
                              size_t n, struct laminar_error *err) must_check;
/* Appends the value of aggregate a over all rows of several groups (the panes of a window) taken together. For the forms that agg_set_combine can't
 * add up: DISTINCT, MULTISET, FIRST. Cost: the rows (MULTISET) or values (DISTINCT) of all parts; FIRST: the number of parts. */
laminar_status agg_set_finish_union(struct agg_set *set, uint32_t a, const uint64_t *slots,
                                    uint8_t *const *rows, size_t n_parts, struct column *out,
                                    struct laminar_error *err) must_check;
/* DISTINCT: the pairs of a group as a list; slot + 1 in item->distinct, 0 = end. */
uint64_t agg_item_first_pair(const struct agg_item *item, const uint8_t *group_row);
uint64_t agg_item_next_pair(const struct agg_item *item, uint64_t at, int64_t *count);
void agg_union_deinit(struct agg_item *item);
/* The value of one group from the sorted rows in item->cols, item->weights: MULTISET. */
laminar_status agg_item_finish_rows(struct agg_item *item, size_t n, struct column *out,
                                    struct laminar_error *err) must_check;
static inline bool agg_set_is_string(const struct agg_set *set, uint32_t a)
{
    return type_phys(set->items[a].agg->result) == PHYS_STRING ||
           type_is_nested(set->items[a].agg->result);
}

#endif
