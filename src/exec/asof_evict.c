/* asof_evict.c - ASOF joins under watermarks: which rows leave.
 *
 * A left row leaves when no right row that may still come can change its match: looking back (>=, >), once the right side's watermark has passed its time;
 * looking ahead (<=, <), once it has passed that of its match, or the tolerance; nearest, once whatever comes is farther away than its match. Right rows
 * leave when both watermarks have passed them and a later one, or the tolerance, stands between them and every left row that is kept or may come; the
 * last one before the watermark stays, for it is the match of what comes.
 * Of both sides the rows of a key leave in the order of time, so a group is looked at from its beginning only. When to look says a queue with an entry for
 * each row at its time (time_queue): a step costs what leaves, not what stays. A first row that could not leave when it was looked at is put in once more,
 * for the time at which it can; where only another row can let it go, that row's entry does.
 * Invariant: entries name groups; what they mean is found out when they are due, so entries of rows, or groups, that are gone do no harm. */
#include "exec/asof_internal.h"

enum { BATCH = 256, STALE_MIN = 64 };

static int64_t right_time(const struct op_asof *asof, uint32_t slot)
{
    const struct state_rows *rows = &asof->sides[RIGHT]->rows;
    const struct row_col *col = &rows->layout.cols[asof->in[RIGHT].time_stored];
    return join_stored_time(state_rows_at(rows, slot) + col->offset, col->width);
}

static bool looks_back(const struct op_asof *asof)
{
    return asof->match == ASOF_GE || asof->match == ASOF_GT;
}

/* Can no right row that may still come (time >= bound) change the match of the left row at time t? If one can, *next is a time for which it is known that
 * none can once the bound has passed it; INT64_MAX if only another row can tell. */
static bool is_final(const struct op_asof *asof, struct asof_run *right, int64_t t, int64_t bound,
                     int64_t *next)
{
    *next = INT64_MAX;
    if (t >= bound) return *next = t, false;
    if (looks_back(asof)) return true;
    if (asof->has_tolerance) {
        if (asof_distance(t, bound) > (uint64_t)asof->tolerance) return true;
        *next = join_saturating_add(t, asof->tolerance);
    }
    uint32_t slot = asof_match_of(asof, right, t);
    if (slot == ROW_NONE) return false;
    int64_t matched = right_time(asof, slot);
    if (asof->match != ASOF_NEAREST) return matched < bound;
    if (asof_distance(matched, t) < asof_distance(bound, t)) return true;
    int64_t as_far = join_saturating_add(t, matched < t ? join_saturating_sub(t, matched)
                                                        : join_saturating_sub(matched, t));
    if (as_far < *next) *next = as_far;
    return false;
}

static laminar_status look_again(struct op_asof *asof, uint32_t port, uint32_t group, int64_t next,
                                 int64_t bound, struct laminar_error *err)
{
    struct asof_group *g = &asof->groups[group];
    if (next == INT64_MAX || g->check_time[port] >= bound) return LAMINAR_OK;
    g->check_time[port] = next;
    return time_queue_push(&asof->due[port], next, group, err);
}

static laminar_status drop_first(struct op_asof *asof, uint32_t port, struct asof_run *run,
                                 uint32_t n, struct laminar_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        laminar_status status = state_rows_drop(&asof->sides[port]->rows, run->items[i].slot, err);
        if (status != LAMINAR_OK) return status;
    }
    asof_run_remove(run, 0, n);
    return LAMINAR_OK;
}

static laminar_status leave_left(struct op_asof *asof, uint32_t group, int64_t bound,
                                 struct laminar_error *err)
{
    struct asof_group *g = &asof->groups[group];
    struct asof_run *left = &g->runs[LEFT];
    laminar_status status = LAMINAR_OK;
    int64_t next = INT64_MAX;
    uint32_t n = 0;
    TRY(asof_settle(asof, LEFT, left, err));
    TRY(asof_settle(asof, RIGHT, &g->runs[RIGHT], err));
    while (n < left->n && is_final(asof, &g->runs[RIGHT], left->items[n].time, bound, &next)) n++;
    bool is_left = n < left->n && left->items[n].time < bound;
    TRY(drop_first(asof, LEFT, left, n, err));
    /* rows beyond the bound have entries of their own */
    if (is_left) TRY(look_again(asof, LEFT, group, next, bound, err));
done:
    return status;
}

static laminar_status leave_right(struct op_asof *asof, uint32_t group, int64_t watermark,
                                  struct laminar_error *err)
{
    struct asof_run *right = &asof->groups[group].runs[RIGHT],
                    *left = &asof->groups[group].runs[LEFT];
    laminar_status status = LAMINAR_OK;
    TRY(asof_settle(asof, LEFT, left, err));
    TRY(asof_settle(asof, RIGHT, right, err));
    int64_t bound = left->n && left->items[0].time < watermark ? left->items[0].time : watermark;
    uint32_t n = asof_run_lower(right, bound);
    if (n > 0 && asof->match != ASOF_LE && asof->match != ASOF_LT) {
        /* the last time before the bound is that of the match of what stands at the bound, unless it is too far away */
        int64_t last = right->items[n - 1].time;
        bool is_far = asof->has_tolerance && asof_distance(last, bound) > (uint64_t)asof->tolerance;
        if (!is_far) n = asof_run_lower(right, last);
        if (!is_far && asof->has_tolerance)
            TRY(look_again(asof, RIGHT, group, join_saturating_add(last, asof->tolerance),
                           watermark, err));
    }
    TRY(drop_first(asof, RIGHT, right, n, err));
done:
    return status;
}

/* Entries of side `port` that are due. The bounds are in the unit of the time columns; WATERMARK_NONE: nothing leaves. */
static laminar_status leave(struct op_asof *asof, uint32_t port, int64_t left_bound,
                            int64_t right_bound, struct laminar_error *err)
{
    struct time_entry due[BATCH];
    laminar_status status = LAMINAR_OK;
    TRY(time_queue_advance(&asof->due[port], port == LEFT ? left_bound : right_bound, err));
    for (size_t n; (n = time_queue_take(&asof->due[port], due, BATCH)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            uint32_t group = due[i].number;
            const struct state_rows *keys = &asof->keys->rows;
            if (group >= keys->n_slots || row_weight(state_rows_at(keys, group)) == 0) continue;
            /* what has left on the left may let rows of the right go */
            if (port == LEFT) TRY(leave_left(asof, group, left_bound, err));
            if (asof->evicts[RIGHT] && right_bound != WATERMARK_NONE)
                TRY(leave_right(asof, group, right_bound, err));
            TRY(asof_remove_group_if_empty(asof, group, err));
        }
    }
done:
    return status;
}

laminar_status asof_evict(struct op_asof *asof, struct laminar_error *err)
{
    int64_t left_us = asof->watermark_us[LEFT], right_us = asof->watermark_us[RIGHT],
            both_us = left_us < right_us ? left_us : right_us;
    struct data_type type = asof->in[LEFT].stored_types[asof->in[LEFT].time_stored];
    laminar_status status = LAMINAR_OK;
    int64_t left_bound = join_time_ceil(type, right_us),
            right_bound = join_time_ceil(type, both_us);
    size_t n_rows = asof->sides[LEFT]->rows.state.n_rows + asof->sides[RIGHT]->rows.state.n_rows;
    if (asof->due[LEFT].n + asof->due[RIGHT].n > STALE_MIN + 4 * n_rows)
        TRY(asof_evict_rebuild(asof, err));
    if (right_us == WATERMARK_NONE || asof->sides[RIGHT]->rows.n_negative) return LAMINAR_OK;
    if (asof->evicts[LEFT]) TRY(leave(asof, LEFT, left_bound, right_bound, err));
    if (asof->evicts[RIGHT] && both_us != WATERMARK_NONE)
        TRY(leave(asof, RIGHT, left_bound, right_bound, err));
done:
    return status;
}

laminar_status asof_evict_note(struct op_asof *asof, uint32_t port, uint32_t group, int64_t time,
                               struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    /* a right row may be the one that a left row before it has waited for */
    if (asof->evicts[LEFT] && (port == LEFT || !looks_back(asof)))
        status = time_queue_push(&asof->due[LEFT], time, group, err);
    if (status == LAMINAR_OK && asof->evicts[RIGHT] && port == RIGHT)
        status = time_queue_push(&asof->due[RIGHT], time, group, err);
    return status;
}

laminar_status asof_evict_rebuild(struct op_asof *asof, struct laminar_error *err)
{
    uint32_t slots[BATCH];
    uint64_t cursor = 0;
    laminar_status status = LAMINAR_OK;
    time_queue_clear(&asof->due[LEFT]);
    time_queue_clear(&asof->due[RIGHT]);
    for (size_t n; (n = state_rows_scan(&asof->keys->rows, &cursor, slots, BATCH)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            struct asof_group *group = &asof->groups[slots[i]];
            group->check_time[LEFT] = group->check_time[RIGHT] = INT64_MIN;
            for (uint32_t port = 0; port < 2; port++)
                for (uint32_t k = 0; k < group->runs[port].n; k++)
                    TRY(asof_evict_note(asof, port, slots[i], group->runs[port].items[k].time,
                                        err));
        }
    }
done:
    return status;
}
