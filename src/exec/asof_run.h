/* asof_run.h - the rows of one key in the order of time, for ASOF joins: sorted arrays of (time, slot), searched by galloping.
 *
 * Rows of equal time stand in the order of their values, so that a match does not depend on the order of arrival. New entries go behind the sorted part
 * and are merged into it before the next search: in order they cost nothing, late ones move what stands behind them once a chunk. */
#ifndef EXEC_ASOF_RUN_H
#define EXEC_ASOF_RUN_H

#include "exec/state_rows.h"

struct asof_entry {
    int64_t time; /* in the unit of the time columns */
    uint32_t slot;
};
struct asof_run {
    struct asof_entry *items;
    uint32_t n;
    uint32_t n_sorted;
    uint32_t capacity;  /* from items on */
    uint32_t n_skipped; /* entries of the allocation before items: they were first, and are gone */
    uint32_t hint;      /* where the last search ended */
};
struct asof_scratch { /* for merging */
    struct asof_entry *items;
    size_t capacity;
};
static inline struct asof_run asof_run_empty(void) { return (struct asof_run){0}; }
void asof_run_deinit(struct asof_run *run);
laminar_status asof_run_append(struct asof_run *run, int64_t time, uint32_t slot,
                               struct laminar_error *err) must_check;
/* Sorts in what was appended. */
laminar_status asof_run_settle(struct asof_run *run, const struct state_rows *rows,
                               struct asof_scratch *scratch, struct laminar_error *err) must_check;
/* The first entry with time >= `time`; n if there is none. The run is settled. */
uint32_t asof_run_lower(struct asof_run *run, int64_t time);
static inline uint32_t asof_run_upper(struct asof_run *run, int64_t time) /* time > `time` */
{
    return time == INT64_MAX ? run->n : asof_run_lower(run, time + 1);
}
/* Removing the first entries moves none. */
void asof_run_remove(struct asof_run *run, uint32_t from, uint32_t n);
bool asof_run_check(const struct asof_run *run, const struct state_rows *rows);

#endif
