/* state_ordered.h - sorted multisets, one a group: (group, row) -> weight, rows in the order of sort keys.
 *
 * One B+tree over byte strings that compare like the rows (key_encode.h): group number, then the sort keys, then all other columns, so that equal
 * rows meet whatever the keys are. add costs O(log n), first O(log n), next O(1) amortised. Weights may go below zero for a while (a
 * retraction that comes before its row); rows of weight 0 vanish. Nodes are copied on write after a freeze; freeze costs O(1).
 * @thread as state.h. */
#ifndef EXEC_STATE_ORDERED_H
#define EXEC_STATE_ORDERED_H

#include "exec/state.h"

struct state_ordered;
struct state_ordered_options {
    const char *name;
    const struct data_type *types;
    uint32_t n_cols;
    const struct sort_key *order; /* columns not named follow, ascending, nulls last */
    uint32_t n_order;
    struct mem_account *account;
};
laminar_status state_ordered_create(const struct state_ordered_options *options,
                                    struct state_ordered **out, struct laminar_error *err)
    must_check;
struct state *state_ordered_base(struct state_ordered *table);
/* Adds weights[i] (NULL = 1) to the weight of row i of group groups[i]. On failure some rows may have been added: the operator stops. */
laminar_status state_ordered_add(struct state_ordered *table, const uint64_t *groups,
                                 const struct vector *cols, const int64_t *weights, size_t n,
                                 struct laminar_error *err) must_check;
/* Rows [from, to) of them; any number. */
laminar_status state_ordered_add_rows(struct state_ordered *table, const uint64_t *groups,
                                      const struct vector *cols, const int64_t *weights,
                                      size_t from, size_t to, struct laminar_error *err) must_check;
laminar_status state_ordered_remove_group(struct state_ordered *table, uint64_t group,
                                          struct laminar_error *err) must_check;

enum { ORDERED_DEPTH_MAX = 24 };
struct state_ordered_cursor { /* valid until the table changes */
    struct state_ordered *table;
    uint64_t group;
    uint32_t depth;
    void *nodes[ORDERED_DEPTH_MAX];
    uint32_t at[ORDERED_DEPTH_MAX];
};
/* The group's first row; false when it has none. */
bool state_ordered_first(struct state_ordered *table, uint64_t group,
                         struct state_ordered_cursor *cursor);
bool state_ordered_next(struct state_ordered_cursor *cursor);
/* The first row of the group that is not before row `row` of cols, by the first n_keys columns of the table's order: *found = false where there is
 * none. The cursor then stands behind the group's last row; only state_ordered_previous may follow. */
laminar_status state_ordered_seek(struct state_ordered *table, uint64_t group,
                                  const struct vector *cols, size_t row, uint32_t n_keys,
                                  struct state_ordered_cursor *cursor, bool *found,
                                  struct laminar_error *err) must_check;
/* One row back; false at the group's first row (the cursor is of no use then). */
bool state_ordered_previous(struct state_ordered_cursor *cursor);
/* As state_ordered_compare for two tables of which one has the other's columns first in its order, then more: these are left out. */
int state_ordered_compare_common(const struct state_ordered_cursor *a,
                                 const struct state_ordered_cursor *b);
/* Are two rows of one table and group equal in the first n_keys columns of its order? */
bool state_ordered_are_peers(const struct state_ordered_cursor *a,
                             const struct state_ordered_cursor *b, uint32_t n_keys);
int64_t state_ordered_weight(const struct state_ordered_cursor *cursor);
/* The first column of the order where it is of 8 bytes: a number that sorts as its values do, direction included. 0: it is null. */
uint64_t state_ordered_first_key(const struct state_ordered_cursor *cursor);
/* Order of the rows that two cursors stand on, of one table or of two that were made with the same options; groups come first. */
int state_ordered_compare(const struct state_ordered_cursor *a,
                          const struct state_ordered_cursor *b);
/* The same without the groups. */
int state_ordered_compare_rows(const struct state_ordered_cursor *a,
                               const struct state_ordered_cursor *b);
/* Appends the row's values, in the order of options.types (-0.0 comes back as 0.0). cols[i].vec.type must be types[i]; a column with n = SIZE_MAX is
 * left out. Strings are copied. */
laminar_status state_ordered_read(const struct state_ordered_cursor *cursor, struct column *cols,
                                  struct laminar_error *err) must_check;

#endif
