/* over_frame.h - which rows of a partition are peers, and which a row's frame holds. */
#ifndef EXEC_OVER_FRAME_H
#define EXEC_OVER_FRAME_H

#include "exec/over_eval.h"

/* Rows that are equal in the sort keys, into peer_start, peer_end (behind the last), peer_no. */
laminar_status over_find_peers(struct over_eval *e, struct laminar_error *err) must_check;
/* [frame_start, frame_end) of rows [from, to); needs the peers. EXCLUDE is not in it: see over_is_excluded. */
laminar_status over_find_frames(struct over_eval *e, const struct over_frame *frame,
                                struct laminar_error *err) must_check;
static inline bool over_is_excluded(const struct over_eval *e, enum frame_exclude exclude, size_t i,
                                    size_t row)
{
    switch (exclude) {
    case EXCLUDE_NONE: return false;
    case EXCLUDE_CURRENT: return row == i;
    case EXCLUDE_GROUP: return e->peer_no.items[row] == e->peer_no.items[i];
    case EXCLUDE_TIES: return row != i && e->peer_no.items[row] == e->peer_no.items[i];
    }
    return false;
}
/* Where a key lies from an edge, in the order of the partition. The edge is no null. */
int over_compare_edge(const struct over_eval *e, const struct vector *keys, size_t row,
                      const struct vector *edges, size_t edge);

#endif
