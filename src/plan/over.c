/* over.c - what a call of a window function sees of its partition, and the columns that its frame
 * names. */
#include "plan/plan_internal.h"

enum over_reach over_call_reach(const struct over_call *call)
{
    const struct over_frame *frame = &call->frame;
    const struct bound_aggregate *agg = call->agg.agg;
    switch (call->kind) {
    case OVER_ROW_NUMBER:
    case OVER_RANK:
    case OVER_DENSE_RANK: return REACH_RUNNING;
    case OVER_PERCENT_RANK:
    case OVER_CUME_DIST:
    case OVER_NTILE: return REACH_ALL;
    case OVER_LAG: return call->ignores_nulls ? REACH_ALL : REACH_NEAR;
    case OVER_FIRST_VALUE:
    case OVER_LAST_VALUE:
    case OVER_NTH_VALUE:
    case OVER_AGGREGATE: break;
    }
    if (frame->start.kind != BOUND_FIRST && frame->end.kind != BOUND_LAST) return REACH_NEAR;
    if (frame->start.kind != BOUND_FIRST || frame->end.kind != BOUND_CURRENT ||
        frame->exclude != EXCLUDE_NONE || call->kind == OVER_NTH_VALUE)
        return REACH_ALL;
    if (call->kind != OVER_AGGREGATE) return REACH_RUNNING;
    bool is_plain = !call->agg.is_distinct && !call->agg.n_order && agg->kernels;
    if (is_plain && agg->kernels->is_retractable && agg->kernels->is_plain_bytes)
        return REACH_RUNNING;
    return over_call_is_own_state(call) ? REACH_RUNNING : REACH_ALL;
}

bool over_call_is_own_state(const struct over_call *call)
{
    static const char *const names[] = {"min",     "max",     "bool_and", "every",
                                        "bool_or", "bit_and", "bit_or",   "any_value"};
    const struct bound_aggregate *agg = call->agg.agg;
    if (call->kind != OVER_AGGREGATE || !agg->kernels || call->agg.n_args != 1) return false;
    if (!type_equal(agg->result, agg->arg_types[0])) return false;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (strcmp(agg->name, names[i]) == 0) return true;
    return false;
}

bool over_call_sees_peers(const struct over_call *call)
{
    switch (call->kind) {
    case OVER_RANK:
    case OVER_DENSE_RANK:
    case OVER_PERCENT_RANK:
    case OVER_CUME_DIST: return true;
    case OVER_ROW_NUMBER:
    case OVER_NTILE:
    case OVER_LAG: return false;
    case OVER_FIRST_VALUE:
    case OVER_LAST_VALUE:
    case OVER_NTH_VALUE:
    case OVER_AGGREGATE: break;
    }
    return call->frame.unit != FRAME_ROWS || call->frame.exclude == EXCLUDE_GROUP ||
           call->frame.exclude == EXCLUDE_TIES;
}

/* --- Columns of frames ------------------------------------------------------------------------ */

static bool has_edge(const struct over_frame *frame, const struct frame_bound *bound)
{
    return frame->unit == FRAME_RANGE &&
           (bound->kind == BOUND_PRECEDING || bound->kind == BOUND_FOLLOWING);
}

void over_frame_mark(const struct over_frame *frame, bool *used)
{
    bool has_start = has_edge(frame, &frame->start), has_end = has_edge(frame, &frame->end);
    if (has_start || has_end) used[frame->key] = true;
    if (has_start) used[frame->start.column] = true;
    if (has_end) used[frame->end.column] = true;
}

void over_frame_remap(struct over_frame *frame, const uint32_t *map)
{
    bool has_start = has_edge(frame, &frame->start), has_end = has_edge(frame, &frame->end);
    if (has_start || has_end) frame->key = map[frame->key];
    if (has_start) frame->start.column = map[frame->start.column];
    if (has_end) frame->end.column = map[frame->end.column];
}
