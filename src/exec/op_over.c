/* op_over.c - window functions over partitions whose rows come and go.
 *
 * Algebra: the rows of a partition stand in the order of the sort keys, then of the whole row, so that ties are decided the same way whatever the
 * order of arrival. At the end of a step each partition that changed is gone through from the first change on, as far as values can have changed: a row
 * whose values differ from those it has put out gives -(old row) +(new row).
 * How far that is depends on the calls. NEAR (lag, lead, frames between offsets): rows around each change that reach it. RUNNING (ranks, frames from the
 * partition's first row to the row): the rows from the change to the end; what lies before is known from the row before, or is a state kept for the
 * partition, of which the rows behind the change are taken back. ALL (whole partitions, ntile ...): the partition.
 * State: "rows", each with the values that it has put out; "groups" (partitions: number of rows, running states). "changes" is empty between steps.
 * One-shot: all rows are changes; nothing is kept. */
#include "base/error.h"
#include "exec/op_rows.h"
#include "exec/ops.h"
#include "exec/over_eval.h"
#include "exec/over_frame.h"
#include "exec/state_ordered.h"

struct over_group { /* running states follow */
    uint64_t is_touched;
    uint64_t n_rows;
};

/* How far a change is seen: the most of all calls. */
struct over_span {
    bool is_all, is_running;
    bool has_peers;
    uint64_t rows_back, rows_forward; /* rows before and after a change whose frames hold it */
    uint64_t groups_back, groups_forward;
};

struct op_over {
    struct op op; /* first */
    const struct plan *plan;
    bool is_one_shot;
    uint32_t n_in;
    struct over_span span;
    struct state_hash *groups;
    struct state_ordered *rows;    /* input columns, values; NULL when one-shot */
    struct state_ordered *changes; /* input columns; not frozen */
    ARRAY_OF(uint64_t) touched;
    struct over_eval eval;
    struct column *cols; /* rows at hand: input columns, values put out */
    struct vector *vecs;
    ARRAY_OF(uint8_t) is_old; /* of the rows at hand: has put out values */
    struct column *edge;      /* one row: the change, or the end of what can have changed */
    struct vector *edge_vecs;
    struct column *probe; /* one row beside it */
    struct vector *probe_vecs;
    struct column *out;
    struct vector *out_vecs;
    ARRAY_OF(int64_t) weights;
    ARRAY_OF(uint64_t) out_groups;
    size_t n_out, n_kept; /* rows of `out`; of those that are in `rows` already */
    struct vector *keys;
    uint8_t no_key; /* the partition of a query without PARTITION BY */
    struct over_scratch {
        uint64_t groups[CHUNK_ROWS];
        uint8_t *payloads[CHUNK_ROWS];
    } * scratch;
};

/* --- Input ----------------------------------------------------------------------------------------------------------------------------------- */

static laminar_status over_process(struct op *op, struct step *step, uint32_t port,
                                   const struct chunk *chunk)
{
    (void)port;
    struct op_over *o = (struct op_over *)op;
    struct over_scratch *scratch = o->scratch;
    laminar_status status;
    for (uint32_t k = 0; k < o->plan->n_partition; k++)
        o->keys[k] = chunk->cols[o->plan->partition[k]];
    TRY(state_hash_upsert(o->groups, o->keys, chunk->n_rows, scratch->groups, scratch->payloads,
                          NULL, step->err));
    for (uint32_t i = 0; i < chunk->n_rows; i++) {
        struct over_group *group = (struct over_group *)(void *)scratch->payloads[i];
        if (group->is_touched) continue;
        if (!ARRAY_PUSH(&o->touched, scratch->groups[i])) TRY(error_oom(step->err));
        group->is_touched = 1;
    }
    TRY(state_ordered_add(o->changes, scratch->groups, chunk->cols, chunk->weights, chunk->n_rows,
                          step->err));
done:
    return status;
}

/* --- Output ---------------------------------------------------------------------------------------------------------------------------------- */

static laminar_status emit(struct op_over *o, struct step *step)
{
    laminar_status status = LAMINAR_OK;
    bool has_weights = false;
    for (size_t i = 0; i < o->n_out; i++) has_weights |= o->weights.items[i] != 1;
    for (size_t from = 0; from < o->n_out && !status; from += CHUNK_ROWS) {
        size_t n = o->n_out - from < CHUNK_ROWS ? o->n_out - from : CHUNK_ROWS;
        for (uint32_t k = 0; k < o->op.n_cols; k++)
            o->out_vecs[k] = vector_slice(&o->out[k].vec, from);
        struct chunk out = {.n_rows = (uint32_t)n,
                            .n_cols = o->op.n_cols,
                            .cols = o->out_vecs,
                            .weights = has_weights ? o->weights.items + from : NULL};
        status = op_emit(&o->op, step, &out);
    }
    for (uint32_t k = 0; k < o->op.n_cols; k++) column_clear(&o->out[k]);
    o->n_out = o->n_kept = 0;
    return status;
}

/* What was put out since the last time goes into the rows. */
static laminar_status keep(struct op_over *o, struct laminar_error *err)
{
    size_t from = o->n_kept;
    o->n_kept = o->n_out;
    if (o->is_one_shot || from == o->n_out) return LAMINAR_OK;
    for (uint32_t k = 0; k < o->op.n_cols; k++) o->out_vecs[k] = o->out[k].vec;
    return state_ordered_add_rows(o->rows, o->out_groups.items, o->out_vecs, o->weights.items, from,
                                  o->n_out, err);
}

static laminar_status begin_out(struct op_over *o, uint64_t group, int64_t weight, size_t n,
                                struct laminar_error *err)
{
    if (!ARRAY_RESERVE(&o->weights, o->n_out + n) || !ARRAY_RESERVE(&o->out_groups, o->n_out + n))
        return error_oom(err);
    for (size_t i = 0; i < n; i++) {
        o->out_groups.items[o->n_out] = group;
        o->weights.items[o->n_out++] = weight;
    }
    return LAMINAR_OK;
}

/* Rows [from, from + n) at hand with the values that they have put out. */
static laminar_status take_back(struct op_over *o, uint64_t group, size_t from, size_t n,
                                struct laminar_error *err)
{
    laminar_status status = begin_out(o, group, -1, n, err);
    for (uint32_t k = 0; k < o->op.n_cols && !status; k++)
        status = column_append(&o->out[k], &o->cols[k].vec, from, n, STRINGS_COPY, err);
    return status;
}

static laminar_status put_out(struct op_over *o, uint64_t group, size_t row,
                              struct laminar_error *err)
{
    laminar_status status = begin_out(o, group, 1, 1, err);
    for (uint32_t k = 0; k < o->op.n_cols && !status; k++) {
        bool is_value = k >= o->n_in;
        const struct vector *v = is_value ? &o->eval.work[k - o->n_in].result.vec : &o->cols[k].vec;
        status = column_append(&o->out[k], v, is_value ? row - o->eval.from : row, 1, STRINGS_COPY,
                               err);
    }
    return status;
}

static bool has_changed(const struct op_over *o, size_t row)
{
    for (uint32_t c = 0; c < o->eval.n_calls; c++)
        if (!kernel_equal(&o->cols[o->n_in + c].vec, row, &o->eval.work[c].result.vec,
                          row - o->eval.from))
            return true;
    return false;
}

static laminar_status put_changes(struct op_over *o, uint64_t group, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    for (size_t i = o->eval.from; i < o->eval.to && !status; i++) {
        bool was_there = o->is_old.items[i];
        if (was_there && !has_changed(o, i)) continue;
        if (was_there) status = take_back(o, group, i, 1, err);
        if (!status) status = put_out(o, group, i, err);
    }
    return status;
}

/* --- How far ----------------------------------------------------------------------------------------------------------------------------------- */

static bool has_offset(const struct frame_bound *bound)
{
    return bound->kind == BOUND_PRECEDING || bound->kind == BOUND_FOLLOWING;
}

/* Does the RANGE of row `of` (in `frames`) reach the key of row `key_of`, on the side of its start (or end)? */
static bool range_reaches(const struct op_over *o, bool is_start, const struct vector *frames,
                          size_t of, const struct vector *rows, size_t row)
{
    for (uint32_t c = 0; c < o->eval.n_calls; c++) {
        const struct over_frame *frame = &o->plan->overs[c].frame;
        const struct frame_bound *bound = is_start ? &frame->start : &frame->end;
        if (frame->unit != FRAME_RANGE || !has_offset(bound)) continue;
        const struct vector *edges = &frames[bound->column], *keys = &rows[frame->key];
        if (!vector_is_valid(edges, of) || !vector_is_valid(keys, row)) continue;
        int order = over_compare_edge(&o->eval, keys, row, edges, of);
        if (is_start ? order >= 0 : order <= 0) return true;
    }
    return false;
}

static bool same_keys(const struct op_over *o, const struct vector *a, size_t row_a,
                      const struct vector *b, size_t row_b)
{
    for (uint32_t k = 0; k < o->plan->n_sort; k++) {
        uint32_t column = o->plan->sort[k].column;
        if (kernel_compare(&a[column], row_a, &b[column], row_b) != 0) return false;
    }
    return true;
}

/* Copies of one row stand in the order of their values, which need not be that of their places: what can have changed holds all or none of them. */
static bool same_row(const struct op_over *o, const struct vector *a, size_t row_a,
                     const struct vector *b, size_t row_b)
{
    for (uint32_t k = 0; k < o->n_in; k++)
        if (!kernel_equal(&a[k], row_a, &b[k], row_b)) return false;
    return true;
}

static laminar_status read_one(const struct state_ordered_cursor *cursor, struct column *cols,
                               struct vector *vecs, uint32_t n, struct laminar_error *err)
{
    for (uint32_t k = 0; k < n; k++) column_clear(&cols[k]);
    laminar_status status = state_ordered_read(cursor, cols, err);
    for (uint32_t k = 0; k < n; k++) vecs[k] = cols[k].vec;
    return status;
}

static void swap_edge(struct op_over *o)
{
    struct column *cols = o->edge;
    struct vector *vecs = o->edge_vecs;
    o->edge = o->probe;
    o->edge_vecs = o->probe_vecs;
    o->probe = cols;
    o->probe_vecs = vecs;
}

/* Walks back from *cursor while rows see (is_target) or are seen by o->edge. At first the cursor stands behind the last row to look at (*is_on: on it);
 * at the end it stands on the first row taken, if *n > 0 (copies counted). o->edge becomes that row. */
static laminar_status walk_back(struct op_over *o, bool is_target,
                                struct state_ordered_cursor *cursor, size_t *n,
                                struct laminar_error *err)
{
    const struct over_span *span = &o->span;
    uint64_t rows = is_target ? span->rows_back : span->rows_forward,
             groups = is_target ? span->groups_back : span->groups_forward, distance = 0,
             n_seen = 0;
    struct state_ordered_cursor at = *cursor;
    laminar_status status = LAMINAR_OK;
    bool is_first = true;
    *n = 0;
    while (state_ordered_previous(&at)) {
        if ((status = read_one(&at, o->probe, o->probe_vecs, o->op.n_cols, err))) return status;
        n_seen++;
        /* distances in groups are counted from row to row: rows of one group lie together */
        if (!same_keys(o, o->probe_vecs, 0, is_first ? o->edge_vecs : o->vecs,
                       is_first ? 0 : o->cols[0].n - 1))
            distance++;
        bool sees = is_target ? range_reaches(o, false, o->probe_vecs, 0, o->edge_vecs, 0)
                              : range_reaches(o, true, o->edge_vecs, 0, o->probe_vecs, 0);
        sees |= is_target && !is_first && same_row(o, o->probe_vecs, 0, o->vecs, 0);
        bool takes = n_seen <= rows || (span->has_peers && distance <= groups) || sees;
        if (!takes) break;
        /* the row is noted in `cols`, for the next one's distance; what is read for good is read forward */
        for (uint32_t k = 0; k < o->n_in && !status; k++) {
            column_clear(&o->cols[k]);
            status = column_append(&o->cols[k], &o->probe_vecs[k], 0, 1, STRINGS_COPY, err);
            o->vecs[k] = o->cols[k].vec;
        }
        if (status) return status;
        is_first = false;
        *cursor = at;
        *n += (size_t)state_ordered_weight(&at);
    }
    if (*n) {
        status = read_one(cursor, o->probe, o->probe_vecs, o->op.n_cols, err);
        swap_edge(o);
    }
    return status;
}

/* --- Reading the rows around changes ----------------------------------------------------------------------------------------------------------------- */

struct over_read {
    uint64_t group;
    struct state_ordered_cursor row, change;
    bool has_row, has_change;
    /* row at hand from which distances are counted: the last change, or (behind what can have changed) the last row that can */
    size_t last;
    bool has_last;
    bool is_behind; /* only what frames reach is read now */
};

static void clear_rows(struct op_over *o)
{
    for (uint32_t k = 0; k < o->op.n_cols; k++) column_clear(&o->cols[k]);
    o->eval.n = 0;
}

static laminar_status append_rows(struct op_over *o, const struct state_ordered_cursor *cursor,
                                  int64_t n, bool is_old, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    if (!ARRAY_RESERVE(&o->is_old, o->eval.n + (size_t)n)) return error_oom(err);
    for (int64_t i = 0; i < n && !status; i++) {
        if (is_old) {
            status = state_ordered_read(cursor, o->cols, err);
        } else {
            status = state_ordered_read(cursor, o->cols, err);
            for (uint32_t c = 0; c < o->eval.n_calls && !status; c++)
                status = column_append_null(&o->cols[o->n_in + c], 1, err);
        }
        if (status) break;
        o->is_old.items[o->eval.n++] = is_old;
    }
    for (uint32_t k = 0; k < o->op.n_cols; k++) o->vecs[k] = o->cols[k].vec;
    return status;
}

/* The last n rows at hand are gone. */
static laminar_status drop_rows(struct op_over *o, uint64_t group, size_t n,
                                struct laminar_error *err)
{
    size_t from = o->eval.n - n;
    laminar_status status = take_back(o, group, from, n, err);
    if (!status && !o->eval.is_start) status = over_eval_move(&o->eval, from, o->eval.n, -1, err);
    for (uint32_t k = 0; k < o->op.n_cols; k++) {
        column_truncate(&o->cols[k], from);
        o->vecs[k] = o->cols[k].vec;
    }
    o->eval.n = from;
    return status;
}

/* The change under the cursor, and the rows equal to it. */
static laminar_status read_change(struct op_over *o, struct over_read *r, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    int64_t weight = state_ordered_weight(&r->change);
    size_t first = o->eval.n;
    while (r->has_row && state_ordered_compare_common(&r->row, &r->change) == 0) {
        TRY(append_rows(o, &r->row, state_ordered_weight(&r->row), true, err));
        r->has_row = state_ordered_next(&r->row);
    }
    if (weight > 0) {
        TRY(append_rows(o, &r->change, weight, false, err));
    } else {
        ENSURE((uint64_t)-weight <= o->eval.n - first, err);
        TRY(drop_rows(o, r->group, (size_t)-weight, err));
    }
    TRY(read_one(&r->change, o->edge, o->edge_vecs, o->n_in, err));
    o->eval.to = o->eval.n;
    r->is_behind = false;
    r->has_change = state_ordered_next(&r->change);
done:
    return status;
}

/* Whether the last row at hand is still wanted: its value can have changed (before r->is_behind), or a frame reaches it. `n` rows and `distance` groups
 * lie between the edge and it. */
static bool is_row_wanted(const struct op_over *o, bool is_target, uint64_t n, uint64_t distance)
{
    const struct over_span *span = &o->span;
    size_t row = o->eval.n - 1;
    uint64_t rows = is_target ? span->rows_forward : span->rows_back,
             groups = is_target ? span->groups_forward : span->groups_back;
    if (span->is_all || (span->is_running && is_target)) return true;
    if (n <= rows || (span->has_peers && distance <= groups)) return true;
    if (is_target && row && same_row(o, o->vecs, row - 1, o->vecs, row)) return true;
    return is_target ? range_reaches(o, true, o->vecs, row, o->edge_vecs, 0)
                     : range_reaches(o, false, o->edge_vecs, 0, o->vecs, row);
}

/* Reads on until changes are too far away. */
static laminar_status read_rows(struct op_over *o, struct over_read *r, struct step *step)
{
    laminar_status status = LAMINAR_OK;
    uint64_t n = 0, distance = 0;
    while (r->has_row || r->has_change) {
        bool takes_row = r->has_row &&
                         (!r->has_change || state_ordered_compare_common(&r->row, &r->change) < 0);
        if ((o->eval.n & 1023) == 1023) TRY(step_check(step));
        if (!takes_row) {
            TRY(read_change(o, r, step->err));
            n = distance = 0;
            r->has_last = true;
            continue;
        }
        size_t before = o->eval.n;
        TRY(append_rows(o, &r->row, 1, true, step->err)); /* one of them is enough to judge */
        if (r->has_last) {
            n++;
            const struct vector *previous = before > 0 && n > 1 ? o->vecs : o->edge_vecs;
            if (!same_keys(o, previous, previous == o->vecs ? before - 1 : 0, o->vecs, before))
                distance++;
            bool is_wanted = is_row_wanted(o, !r->is_behind, n, distance);
            if (!is_wanted && !r->is_behind) {
                /* the row before was the last that can have changed: what does its frame reach? */
                r->is_behind = true;
                o->eval.to = before;
                if (before) {
                    for (uint32_t k = 0; k < o->n_in && !status; k++) {
                        column_clear(&o->edge[k]);
                        status = column_append(&o->edge[k], &o->vecs[k], before - 1, 1,
                                               STRINGS_COPY, step->err);
                        o->edge_vecs[k] = o->edge[k].vec;
                    }
                    if (status) goto done;
                }
                n = 1;
                distance = !same_keys(o, o->edge_vecs, 0, o->vecs, before);
                is_wanted = is_row_wanted(o, false, n, distance);
            }
            if (!is_wanted) {
                for (uint32_t k = 0; k < o->op.n_cols; k++) {
                    column_truncate(&o->cols[k], before);
                    o->vecs[k] = o->cols[k].vec;
                }
                o->eval.n = before;
                break;
            }
        }
        TRY(append_rows(o, &r->row, state_ordered_weight(&r->row) - 1, true, step->err));
        if (!r->is_behind) o->eval.to = o->eval.n;
        r->has_row = state_ordered_next(&r->row);
    }
done:
    return status;
}

/* --- Groups ------------------------------------------------------------------------------------------------------------------------------------------ */

static laminar_status note_before(struct op_over *o, const struct state_ordered_cursor *cursor,
                                  struct laminar_error *err)
{
    struct state_ordered_cursor at = *cursor;
    o->eval.has_before = state_ordered_previous(&at);
    o->eval.is_start = !o->eval.has_before;
    if (!o->eval.has_before) return LAMINAR_OK;
    laminar_status status = read_one(&at, o->probe, o->probe_vecs, o->op.n_cols, err);
    for (uint32_t c = 0; c < o->eval.n_calls && !status; c++) {
        column_clear(&o->eval.work[c].before);
        status = column_append(&o->eval.work[c].before, &o->probe_vecs[o->n_in + c], 0, 1,
                               STRINGS_COPY, err);
    }
    return status;
}

/* Where to begin reading for the change under r->change. */
static laminar_status find_start(struct op_over *o, struct over_read *r, size_t *n_context,
                                 struct laminar_error *err)
{
    laminar_status status;
    bool found;
    size_t n_target;
    *n_context = 0;
    o->eval.has_before = false;
    o->eval.is_start = true;
    if (o->is_one_shot) {
        r->has_row = false;
        return LAMINAR_OK;
    }
    if (o->span.is_all) {
        r->has_row = state_ordered_first(o->rows, r->group, &r->row);
        return LAMINAR_OK;
    }
    TRY(read_one(&r->change, o->edge, o->edge_vecs, o->n_in, err));
    uint32_t n_keys = o->span.has_peers ? o->plan->n_sort : o->n_in;
    TRY(state_ordered_seek(o->rows, r->group, o->edge_vecs, 0, n_keys, &r->row, &found, err));
    TRY(walk_back(o, true, &r->row, &n_target, err));
    r->has_row = found || n_target > 0;
    TRY(walk_back(o, false, &r->row, n_context, err));
    r->has_row |= *n_context > 0;
    TRY(note_before(o, &r->row, err));
done:
    return status;
}

/* Old rows at hand, which are in the running states, are taken out: they are added again, in their new places. */
static laminar_status rewind_states(struct op_over *o, struct laminar_error *err)
{
    struct over_eval *e = &o->eval;
    laminar_status status = LAMINAR_OK;
    if (e->is_start) {
        for (uint32_t c = 0; c < e->n_calls; c++)
            if (e->work[c].is_kept)
                memset(e->group + e->work[c].state_offset, 0, e->work[c].agg->kernels->state_size);
        return LAMINAR_OK;
    }
    for (size_t i = 0; i < e->n && !status;) {
        size_t end = i;
        while (end < e->n && o->is_old.items[end]) end++;
        status = over_eval_move(e, i, end, -1, err);
        i = end + (end == i);
    }
    return status;
}

static laminar_status run_cluster(struct op_over *o, struct over_read *r, struct over_group *group,
                                  struct step *step)
{
    struct over_eval *e = &o->eval;
    laminar_status status;
    size_t n_context;
    TRY(find_start(o, r, &n_context, step->err));
    clear_rows(o);
    r->is_behind = r->has_last = false;
    size_t out_before = o->n_out;
    TRY(read_rows(o, r, step));
    e->from = n_context;
    if (e->to < e->from) e->to = e->from;
    size_t n_old = o->n_out - out_before; /* rows that are gone */
    for (size_t i = 0; i < e->n; i++) n_old += o->is_old.items[i];
    e->rows_before = e->is_start ? 0 : group->n_rows - n_old;
    TRY(rewind_states(o, step->err));
    TRY(over_eval_run(e, step));
    TRY(put_changes(o, r->group, step->err));
    group->n_rows = group->n_rows - n_old + e->n;
    TRY(keep(o, step->err));
    if (o->n_out >= CHUNK_ROWS) TRY(emit(o, step));
done:
    return status;
}

static laminar_status run_group(struct op_over *o, uint64_t slot, struct step *step)
{
    laminar_status status = LAMINAR_OK;
    struct over_read r = {.group = slot};
    /* written in this step already: can't fail */
    uint8_t *payload = state_hash_row_for_write(o->groups, slot);
    ENSURE(payload, step->err);
    struct over_group *group = (struct over_group *)(void *)payload;
    group->is_touched = 0;
    o->eval.group = payload;
    r.has_change = state_ordered_first(o->changes, slot, &r.change);
    while (r.has_change && !status) status = run_cluster(o, &r, group, step);
    if (!status && group->n_rows == 0) state_hash_remove(o->groups, &slot, 1);
    return status;
}

static laminar_status over_finish(struct op *op, struct step *step)
{
    struct op_over *o = (struct op_over *)op;
    laminar_status status = LAMINAR_OK;
    struct state *changes = state_ordered_base(o->changes);
    op->watermark_out = op->watermark_in;
    if (o->is_one_shot && !step->is_last) return LAMINAR_OK;
    for (size_t i = 0; i < o->touched.n && !status; i++)
        status = run_group(o, o->touched.items[i], step);
    if (!status) status = emit(o, step);
    o->touched.n = 0;
    if (changes->n_rows) changes->cls->clear(changes);
    return status;
}

static laminar_status over_contents(struct op *op, struct step *step)
{
    struct op_over *o = (struct op_over *)op;
    laminar_status status = LAMINAR_OK;
    uint64_t cursor = 0;
    size_t n;
    while (!status && (n = state_hash_scan(o->groups, &cursor, o->scratch->groups, CHUNK_ROWS)))
        for (size_t i = 0; i < n && !status; i++) {
            struct state_ordered_cursor row;
            uint64_t group = o->scratch->groups[i];
            for (bool ok = state_ordered_first(o->rows, group, &row); ok && !status;
                 ok = state_ordered_next(&row)) {
                status = begin_out(o, group, state_ordered_weight(&row), 1, step->err);
                if (!status) status = state_ordered_read(&row, o->out, step->err);
                /* weights above 1 are shown as they are */
                if (!status && o->n_out >= CHUNK_ROWS) status = emit(o, step);
            }
        }
    return status ? status : emit(o, step);
}

/* --- Operator ---------------------------------------------------------------------------------------------------------------------------------------- */

static void over_free(struct op *op)
{
    struct op_over *o = (struct op_over *)op;
    over_eval_deinit(&o->eval);
    if (o->changes) state_ordered_base(o->changes)->cls->free(state_ordered_base(o->changes));
    columns_free(o->cols, op->n_cols);
    columns_free(o->edge, op->n_cols);
    columns_free(o->probe, op->n_cols);
    columns_free(o->out, op->n_cols);
    ARRAY_DEINIT(&o->touched);
    ARRAY_DEINIT(&o->is_old);
    ARRAY_DEINIT(&o->weights);
    ARRAY_DEINIT(&o->out_groups);
    mem_free(o->vecs);
    mem_free(o->edge_vecs);
    mem_free(o->probe_vecs);
    mem_free(o->out_vecs);
    mem_free(o->keys);
    mem_free(o->scratch);
    op_deinit(op);
    mem_free(o);
}

static void over_explain(const struct op *op, struct strbuf *out)
{
    const struct op_over *o = (const struct op_over *)op;
    strbuf_printf(out, "over %zu partitions", state_hash_base(o->groups)->n_rows);
    if (o->rows) strbuf_printf(out, ", %zu rows kept", state_ordered_base(o->rows)->n_rows);
}

static const struct op_class over_class = {.name = "over",
                                           .process = over_process,
                                           .finish_step = over_finish,
                                           .free = over_free,
                                           .explain = over_explain,
                                           .contents = over_contents};

static void widen(uint64_t *reach, uint64_t n)
{
    if (n > *reach) *reach = n;
}

static void widen_span(struct over_span *span, const struct over_call *call)
{
    const struct over_frame *frame = &call->frame;
    enum over_reach reach = over_call_reach(call);
    span->is_all |= reach == REACH_ALL;
    span->is_running |= reach == REACH_RUNNING;
    span->has_peers |= over_call_sees_peers(call);
    if (reach != REACH_NEAR) return;
    if (call->kind == OVER_LAG) {
        widen(call->n < 0 ? &span->rows_back : &span->rows_forward,
              (uint64_t)(call->n < 0 ? -call->n : call->n));
        return;
    }
    if (frame->unit == FRAME_RANGE) return;
    bool by_row = frame->unit == FRAME_ROWS;
    if (frame->start.kind == BOUND_PRECEDING)
        widen(by_row ? &span->rows_forward : &span->groups_forward, frame->start.n);
    if (frame->end.kind == BOUND_FOLLOWING)
        widen(by_row ? &span->rows_back : &span->groups_back, frame->end.n);
}

static laminar_status create_groups(struct op_over *o, struct laminar_error *err)
{
    const struct plan *plan = o->plan;
    uint32_t n = plan->n_partition;
    struct data_type *types = mem_calloc(n + 1, sizeof *types);
    o->keys = mem_calloc(n + 1, sizeof *o->keys);
    laminar_status status = types && o->keys ? LAMINAR_OK : error_oom(err);
    for (uint32_t k = 0; k < n && !status; k++) types[k] = plan->cols[plan->partition[k]].type;
    if (n == 0 && !status) {
        types[0] = TYPE(BOOL);
        o->keys[0] = (struct vector){.type = TYPE(BOOL), .shape = VEC_CONST, .data = &o->no_key};
    }
    struct state_hash_options options = {
        .name = "groups",
        .key_types = types,
        .n_keys = n ? n : 1,
        .payload_bytes = (uint32_t)over_eval_place_states(&o->eval, sizeof(struct over_group)),
        .payload_align = 16,
        .account = circuit_account(o->op.circuit)};
    if (!status) status = state_hash_create(&options, &o->groups, err);
    if (!status) status = op_add_state(&o->op, state_hash_base(o->groups), err);
    if (!status) o->eval.heap = state_hash_heap(o->groups);
    mem_free(types);
    return status;
}

static laminar_status create_rows(struct op_over *o, struct laminar_error *err)
{
    const struct plan *plan = o->plan;
    struct data_type *types = mem_calloc(plan->n_cols + 1, sizeof *types);
    if (!types) return error_oom(err);
    for (uint32_t k = 0; k < plan->n_cols; k++) types[k] = plan->cols[k].type;
    struct state_ordered_options options = {.name = "changes",
                                            .types = types,
                                            .n_cols = o->n_in,
                                            .order = plan->sort,
                                            .n_order = plan->n_sort,
                                            .account = circuit_account(o->op.circuit)};
    laminar_status status = state_ordered_create(&options, &o->changes, err);
    if (!status && !o->is_one_shot) {
        options.name = "rows";
        options.n_cols = plan->n_cols;
        status = state_ordered_create(&options, &o->rows, err);
        if (!status) status = op_add_state(&o->op, state_ordered_base(o->rows), err);
    }
    mem_free(types);
    return status;
}

laminar_status op_over_create(struct circuit *circuit, const struct plan *plan,
                              enum circuit_mode mode, struct op **out, struct laminar_error *err)
{
    assert(plan->kind == PLAN_OVER);
    struct op_over *o = mem_calloc(1, sizeof *o);
    if (!o) return error_oom(err);
    laminar_status status;
    TRY(op_init(&o->op, &over_class, circuit, plan, 1, err));
    o->plan = plan;
    o->is_one_shot = mode == CIRCUIT_ONE_SHOT;
    o->n_in = plan->inputs[0]->n_cols;
    for (uint32_t c = 0; c < plan->n_overs; c++) widen_span(&o->span, &plan->overs[c]);
    TRY(over_eval_create(&o->eval, plan, err));
    TRY(create_groups(o, err));
    TRY(create_rows(o, err));
    TRY(columns_create(plan->cols, plan->n_cols, &o->cols, err));
    TRY(columns_create(plan->cols, plan->n_cols, &o->edge, err));
    TRY(columns_create(plan->cols, plan->n_cols, &o->probe, err));
    TRY(columns_create(plan->cols, plan->n_cols, &o->out, err));
    o->vecs = mem_calloc(plan->n_cols, sizeof *o->vecs);
    o->edge_vecs = mem_calloc(plan->n_cols, sizeof *o->edge_vecs);
    o->probe_vecs = mem_calloc(plan->n_cols, sizeof *o->probe_vecs);
    o->out_vecs = mem_calloc(plan->n_cols, sizeof *o->out_vecs);
    o->scratch = mem_alloc(sizeof *o->scratch);
    if (!o->vecs || !o->edge_vecs || !o->probe_vecs || !o->out_vecs || !o->scratch)
        TRY(error_oom(err));
    o->eval.cols = o->cols;
    o->eval.vecs = o->vecs;
    *out = &o->op;
    return LAMINAR_OK;
done:
    over_free(&o->op);
    return status;
}
