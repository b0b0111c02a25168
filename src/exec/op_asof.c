/* op_asof.c - ASOF joins: each left row with the one right row of its key that is nearest in time on the side that the condition names.
 *
 * Match of a left row at time t among the right rows of its key: >= the latest at or before t, > the latest before t, <= the earliest at or after t, < the
 * earliest after t, NEAREST the least distance, the earlier one of two; within the tolerance, if there is one. Of several right rows at that time it is
 * the greatest in the order of their columns, so that the answer depends on the rows alone and not on the order in which they came.
 *
 * Algebra: not bilinear. A left delta is matched with the right rows as they are. A right delta changes the matches of those left rows of its key that lie
 * between it and its neighbours in time: each is retracted with its old match and comes out with the new one. A right row of weight w is one candidate.
 * Late rows: those behind the watermark of their own side are dropped and counted.
 * The same operator answers FOR SYSTEM_TIME AS OF (>=, versions are the right rows) and TEMPORAL PROBE (the left time is the event time shifted).
 * State: left rows, until the right side's watermark says that their match is final; right rows, until no left row that is kept or may still come can match
 * them (asof_evict.c); without watermarks all. One-shot: right rows are kept, left ones stream through.
 * The index (keys -> two runs sorted by time) is derived from the rows. */
#include "exec/asof_internal.h"

/* --- Groups ------------------------------------------------------------------------------------------------------------------------------ */

static bool reserve_groups(struct op_asof *asof)
{
    size_t n = asof->keys->rows.n_slots, before = asof->groups_capacity;
    if (n <= before) return true;
    if (!array_grow((void **)&asof->groups, &asof->groups_capacity, sizeof *asof->groups, n))
        return false;
    memset(asof->groups + before, 0, (asof->groups_capacity - before) * sizeof *asof->groups);
    return true;
}

/* scratch->groups[row] for the rows in sel; ROW_NONE where the key is new and `creates` is false. */
static laminar_status find_groups(struct op_asof *asof, const struct vector *keys,
                                  const uint64_t *hashes, const uint32_t *sel, size_t n,
                                  bool creates, struct laminar_error *err)
{
    struct asof_chunk *scratch = asof->scratch;
    laminar_status status = LAMINAR_OK;
    size_t n_missing = 0;
    multimap_find(asof->keys, keys, hashes, sel, n, scratch->groups, NULL);
    for (size_t k = 0; creates && k < n; k++)
        if (scratch->groups[sel[k]] == ROW_NONE) scratch->missing[n_missing++] = sel[k];
    if (n_missing == 0) return LAMINAR_OK;
    TRY(multimap_apply(asof->keys, keys, hashes, scratch->missing, n_missing, NULL, scratch->slots,
                       err));
    for (size_t k = 0; k < n_missing; k++) scratch->groups[scratch->missing[k]] = scratch->slots[k];
    if (!reserve_groups(asof)) TRY(error_oom(err));
    for (size_t k = 0; k < n_missing; k++)
        for (uint32_t port = 0; port < 2; port++)
            asof->groups[scratch->slots[k]].check_time[port] = INT64_MIN;
done:
    return status;
}

laminar_status asof_remove_group_if_empty(struct op_asof *asof, uint32_t group,
                                          struct laminar_error *err)
{
    struct asof_group *g = &asof->groups[group];
    if (g->runs[LEFT].n || g->runs[RIGHT].n ||
        row_weight(state_rows_at(&asof->keys->rows, group)) == 0)
        return LAMINAR_OK;
    /* small runs stay with the group's number, for the next key that gets it */
    enum { KEEP_ENTRIES = 64 };
    for (uint32_t port = 0; port < 2; port++)
        if (g->runs[port].capacity > KEEP_ENTRIES) asof_run_deinit(&g->runs[port]);
    return multimap_remove(asof->keys, group, err);
}

static laminar_status touch(struct op_asof *asof, uint32_t group, int64_t time,
                            struct laminar_error *err)
{
    struct asof_group *g = &asof->groups[group];
    if (g->i_touched == 0) {
        if (!ARRAY_PUSH(&asof->touched, ((struct asof_touched){group, time, time})))
            return error_oom(err);
        g->i_touched = (uint32_t)asof->touched.n;
        return LAMINAR_OK;
    }
    struct asof_touched *t = &asof->touched.items[g->i_touched - 1];
    if (time < t->time_min) t->time_min = time;
    if (time > t->time_max) t->time_max = time;
    return LAMINAR_OK;
}

laminar_status asof_settle(struct op_asof *asof, uint32_t port, struct asof_run *run,
                           struct laminar_error *err)
{
    if (likely(run->n_sorted == run->n)) return LAMINAR_OK;
    return asof_run_settle(run, &asof->sides[port]->rows, &asof->merging, err);
}

/* --- Matching ---------------------------------------------------------------------------------------------------------------------------- */

static bool is_candidate(const struct op_asof *asof, const struct asof_run *run, uint32_t i)
{
    const struct state_rows *rows = &asof->sides[RIGHT]->rows;
    return likely(rows->n_negative == 0) || row_weight(state_rows_at(rows, run->items[i].slot)) > 0;
}

/* The last candidate before entry `end`, as index + 1; 0 = none. */
static uint32_t last_before(const struct op_asof *asof, const struct asof_run *run, uint32_t end)
{
    while (end > 0 && !is_candidate(asof, run, end - 1)) end--;
    return end;
}

/* The greatest candidate of the earliest time from entry `from` on, as index + 1; 0 = none. */
static uint32_t first_from(const struct op_asof *asof, struct asof_run *run, uint32_t from)
{
    while (from < run->n) {
        uint32_t end = from + 1;
        while (end < run->n && run->items[end].time == run->items[from].time) end++;
        uint32_t found = last_before(asof, run, end);
        if (found > from) return found;
        from = end;
    }
    return 0;
}

/* The slot of the match of time t in a settled run of right rows. */
uint32_t asof_match_of(const struct op_asof *asof, struct asof_run *run, int64_t t)
{
    uint32_t found = 0, other;
    if (run->n == 0) return ROW_NONE;
    switch (asof->match) {
    case ASOF_GE: found = last_before(asof, run, asof_run_upper(run, t)); break;
    case ASOF_GT: found = last_before(asof, run, asof_run_lower(run, t)); break;
    case ASOF_LE: found = first_from(asof, run, asof_run_lower(run, t)); break;
    case ASOF_LT: found = first_from(asof, run, asof_run_upper(run, t)); break;
    case ASOF_NEAREST: {
        uint32_t split = asof_run_upper(run, t);
        found = last_before(asof, run, split);
        other = first_from(asof, run, split);
        if (!found || (other && asof_distance(run->items[other - 1].time, t) <
                                    asof_distance(run->items[found - 1].time, t)))
            found = other;
        break;
    }
    }
    if (!found) return ROW_NONE;
    if (asof->has_tolerance &&
        asof_distance(run->items[found - 1].time, t) > (uint64_t)asof->tolerance)
        return ROW_NONE;
    return run->items[found - 1].slot;
}

/* --- Emitting ---------------------------------------------------------------------------------------------------------------------------- */

static bool is_identity(const uint32_t *rows, size_t n, size_t n_chunk)
{
    if (n != n_chunk) return false;
    uint32_t difference = 0;
    for (uint32_t i = 0; i < n; i++) difference |= rows[i] ^ i;
    return difference == 0;
}

/* Left columns from rows of `chunk`, or (NULL) from left slots; right columns from slots, or (NULL) nulls. */
static laminar_status emit(struct op_asof *asof, struct step *step, const struct chunk *chunk,
                           const uint32_t *left, const uint32_t *right, size_t n,
                           const int64_t *weights)
{
    laminar_status status = LAMINAR_OK;
    uint32_t n_left = asof->in[LEFT].n_cols;
    if (n == 0) return LAMINAR_OK;
    bool passes = chunk && is_identity(left, n, chunk->n_rows);
    for (uint32_t c = 0; c < asof->base.n_cols; c++) {
        struct column *col = &asof->out_cols[c];
        column_clear(col);
        if (c < n_left && chunk && (passes || chunk->cols[c].shape == VEC_CONST)) {
            asof->out_vecs[c] = chunk->cols[c];
            continue;
        }
        if (c >= n_left && !right) {
            asof->out_vecs[c] = asof->in[RIGHT].nulls[c - n_left];
            continue;
        }
        if (c >= n_left)
            TRY(state_rows_gather(&asof->sides[RIGHT]->rows, c - n_left, right, n, col, step->err));
        else if (chunk)
            TRY(column_append_sel(col, &chunk->cols[c], left, n, STRINGS_BORROW, step->err));
        else
            TRY(state_rows_gather(&asof->sides[LEFT]->rows, c, left, n, col, step->err));
        asof->out_vecs[c] = col->vec;
    }
    struct chunk out = {.n_rows = (uint32_t)n,
                        .n_cols = asof->base.n_cols,
                        .cols = asof->out_vecs,
                        .weights = weights};
    TRY(op_emit(&asof->base, step, &out));
done:
    return status;
}

static laminar_status emit_padded_rows(struct op_asof *asof, struct step *step,
                                       const struct chunk *chunk, const uint32_t *rows, size_t n)
{
    struct asof_chunk *scratch = asof->scratch;
    for (size_t i = 0; chunk->weights && i < n; i++)
        scratch->padded_weights[i] = chunk->weights[rows[i]];
    return emit(asof, step, chunk, rows, NULL, n, chunk->weights ? scratch->padded_weights : NULL);
}

/* --- Keeping rows ------------------------------------------------------------------------------------------------------------------------ */

/* Entry of a kept row that is equal to row `row` of the input at hand and whose weight has the other sign than `weight`; run->n if there is none. */
static laminar_status find_opposite(struct op_asof *asof, uint32_t port, struct asof_run *run,
                                    int64_t time, uint32_t row, int64_t weight, uint32_t *out,
                                    struct laminar_error *err)
{
    struct state_rows *rows = &asof->sides[port]->rows;
    laminar_status status = asof_settle(asof, port, run, err);
    if (status != LAMINAR_OK) return status;
    uint32_t i = asof_run_lower(run, time);
    for (; i < run->n && run->items[i].time == time; i++) {
        const uint8_t *address = state_rows_at(rows, run->items[i].slot);
        if ((row_weight(address) < 0) == (weight < 0) ||
            !row_equals_vectors(rows, address, asof->in[port].stored, row))
            continue;
        *out = i;
        return LAMINAR_OK;
    }
    *out = run->n;
    return LAMINAR_OK;
}

/* Settles one row against equal rows of the other sign; what is left of it becomes a row. */
static laminar_status keep_one(struct op_asof *asof, uint32_t port, uint32_t row, int64_t weight,
                               struct laminar_error *err)
{
    struct state_rows *rows = &asof->sides[port]->rows;
    struct asof_run *run = &asof->groups[asof->scratch->groups[row]].runs[port];
    int64_t time = join_time_at(&asof->in[port].time, row);
    laminar_status status = LAMINAR_OK;
    while (weight != 0) {
        uint32_t i, slot;
        TRY(find_opposite(asof, port, run, time, row, weight, &i, err));
        if (i == run->n) {
            TRY(state_rows_add(rows, asof->in[port].stored, &row, 1, NULL, &slot, err));
            TRY(asof_run_append(run, time, slot, err));
            TRY(asof_evict_note(asof, port, asof->scratch->groups[row], time, err));
            return state_rows_set_weight(rows, slot, weight, err);
        }
        slot = run->items[i].slot;
        int64_t before = row_weight(state_rows_at(rows, slot)), sum = before + weight;
        if (sum != 0 && (sum < 0) == (before < 0))
            return state_rows_set_weight(rows, slot, sum, err);
        /* its values may still have to be retracted */
        if (!ARRAY_PUSH(&asof->dropped[port], slot)) TRY(error_oom(err));
        asof_run_remove(run, i, 1);
        weight = sum;
    }
done:
    return status;
}

/* Applies the rows in sel to the side's rows and runs. */
static laminar_status keep_rows(struct op_asof *asof, uint32_t port, const uint32_t *sel, size_t n,
                                const int64_t *weights, struct laminar_error *err)
{
    struct asof_chunk *scratch = asof->scratch;
    struct state_rows *rows = &asof->sides[port]->rows;
    laminar_status status = LAMINAR_OK;
    bool is_insertion = rows->n_negative == 0;
    for (size_t k = 0; weights && k < n; k++) is_insertion &= weights[sel[k]] > 0;
    if (!is_insertion) {
        for (size_t k = 0; k < n; k++)
            TRY(keep_one(asof, port, sel[k], weights ? weights[sel[k]] : 1, err));
        return LAMINAR_OK;
    }
    TRY(state_rows_add(rows, asof->in[port].stored, sel, n, weights, scratch->slots, err));
    for (size_t k = 0; k < n; k++) {
        struct asof_run *run = &asof->groups[scratch->groups[sel[k]]].runs[port];
        int64_t time = join_time_at(&asof->in[port].time, sel[k]);
        TRY(asof_run_append(run, time, scratch->slots[k], err));
        TRY(asof_evict_note(asof, port, scratch->groups[sel[k]], time, err));
    }
done:
    return status;
}

static laminar_status drop_rows(struct op_asof *asof, uint32_t port, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < asof->dropped[port].n; i++)
        TRY(state_rows_drop(&asof->sides[port]->rows, asof->dropped[port].items[i], err));
done:
    asof->dropped[port].n = 0;
    return status;
}

/* --- Left delta -------------------------------------------------------------------------------------------------------------------------- */

static laminar_status match_rows(struct op_asof *asof, struct step *step, const struct chunk *chunk)
{
    struct asof_chunk *scratch = asof->scratch;
    const struct join_rows *rows = &scratch->rows;
    laminar_status status = LAMINAR_OK;
    size_t n = 0, n_padded = 0;
    for (size_t k = 0; k < rows->n_sel; k++)
        if (scratch->groups[rows->sel[k]] != ROW_NONE)
            prefetch_read(&asof->groups[scratch->groups[rows->sel[k]]]);
    for (size_t k = 0; k < rows->n_sel; k++) {
        uint32_t row = rows->sel[k], group = scratch->groups[row], slot = ROW_NONE;
        if (group != ROW_NONE) {
            struct asof_run *run = &asof->groups[group].runs[RIGHT];
            TRY(asof_settle(asof, RIGHT, run, step->err));
            slot = asof_match_of(asof, run, join_time_at(&asof->in[LEFT].time, row));
        }
        if (slot == ROW_NONE) {
            scratch->padded[n_padded++] = row;
            continue;
        }
        prefetch_read(state_rows_at(&asof->sides[RIGHT]->rows, slot));
        scratch->left[n] = row;
        scratch->weights[n] = chunk->weights ? chunk->weights[row] : 1;
        scratch->right[n++] = slot;
    }
    TRY(emit(asof, step, chunk, scratch->left, scratch->right, n,
             chunk->weights ? scratch->weights : NULL));
    if (asof->is_left_join) TRY(emit_padded_rows(asof, step, chunk, scratch->padded, n_padded));
done:
    return status;
}

static laminar_status left_delta(struct op_asof *asof, struct step *step, const struct chunk *chunk)
{
    struct join_rows *rows = &asof->scratch->rows;
    laminar_status status = LAMINAR_OK;
    TRY(join_input_read(&asof->in[LEFT], &asof->base, step, chunk, rows));
    if (!asof->is_one_shot)
        join_input_drop_late(&asof->in[LEFT], &asof->base, asof->watermark_us[LEFT], rows);
    if (asof->is_left_join) TRY(emit_padded_rows(asof, step, chunk, rows->null_sel, rows->n_null));
    if (rows->n_sel == 0) goto done;
    TRY(find_groups(asof, asof->in[LEFT].keys, rows->hashes, rows->sel, rows->n_sel,
                    !asof->is_one_shot, step->err));
    TRY(match_rows(asof, step, chunk));
    if (asof->is_one_shot) goto done;
    TRY(keep_rows(asof, LEFT, rows->sel, rows->n_sel, chunk->weights, step->err));
    if (asof->dropped[LEFT].n == 0) goto done;
    TRY(drop_rows(asof, LEFT, step->err));
    for (size_t k = 0; k < rows->n_sel; k++)
        TRY(asof_remove_group_if_empty(asof, asof->scratch->groups[rows->sel[k]], step->err));
done:
    arena_reset(&rows->arena);
    return status;
}

/* --- Right delta ------------------------------------------------------------------------------------------------------------------------- */

/* The left rows whose match may change when right rows between time_min and time_max change: entries [*from, *to) of the left run. The nearest right rows
 * beyond those times bound them, unless those are retractions that came early. */
static void affected_range(const struct op_asof *asof, struct asof_group *group,
                           const struct asof_touched *t, uint32_t *from, uint32_t *to)
{
    struct asof_run *left = &group->runs[LEFT], *right = &group->runs[RIGHT];
    bool reaches_back = asof->match == ASOF_LE || asof->match == ASOF_LT ||
                        asof->match == ASOF_NEAREST;
    bool reaches_on = !(asof->match == ASOF_LE || asof->match == ASOF_LT);
    bool has_bounds = asof->sides[RIGHT]->rows.n_negative == 0;
    uint32_t before = asof_run_lower(right, t->time_min),
             after = asof_run_upper(right, t->time_max);
    *from = reaches_back ? 0 : asof_run_lower(left, t->time_min);
    if (reaches_back && has_bounds && before > 0)
        *from = asof_run_lower(left, right->items[before - 1].time);
    *to = reaches_on ? left->n : asof_run_upper(left, t->time_max);
    if (reaches_on && has_bounds && after < right->n)
        *to = asof_run_upper(left, right->items[after].time);
}

static laminar_status note_matches(struct op_asof *asof, const struct asof_touched *t,
                                   struct laminar_error *err)
{
    struct asof_group *group = &asof->groups[t->group];
    laminar_status status = LAMINAR_OK;
    uint32_t from, to;
    if (group->runs[LEFT].n == 0) return LAMINAR_OK;
    TRY(asof_settle(asof, LEFT, &group->runs[LEFT], err));
    TRY(asof_settle(asof, RIGHT, &group->runs[RIGHT], err));
    affected_range(asof, group, t, &from, &to);
    if (from >= to) return LAMINAR_OK;
    if (!ARRAY_RESERVE(&asof->changes, asof->changes.n + (to - from))) TRY(error_oom(err));
    for (uint32_t i = from; i < to; i++) {
        struct asof_entry entry = group->runs[LEFT].items[i];
        struct asof_change change = {.left = entry.slot,
                                     .right = asof_match_of(asof, &group->runs[RIGHT], entry.time),
                                     .group = t->group,
                                     .time = entry.time};
        asof->changes.items[asof->changes.n++] = change;
    }
done:
    return status;
}

struct asof_output {
    size_t n, n_padded;
};

static laminar_status flush(struct op_asof *asof, struct step *step, struct asof_output *out)
{
    struct asof_chunk *scratch = asof->scratch;
    laminar_status status;
    TRY(emit(asof, step, NULL, scratch->left, scratch->right, out->n, scratch->weights));
    if (asof->is_left_join)
        TRY(emit(asof, step, NULL, scratch->padded, NULL, out->n_padded, scratch->padded_weights));
    *out = (struct asof_output){0};
done:
    return status;
}

static laminar_status put(struct op_asof *asof, struct step *step, struct asof_output *out,
                          uint32_t left, uint32_t right, int64_t weight)
{
    struct asof_chunk *scratch = asof->scratch;
    if (right == ROW_NONE) {
        scratch->padded[out->n_padded] = left;
        scratch->padded_weights[out->n_padded++] = weight;
    } else {
        scratch->left[out->n] = left;
        scratch->right[out->n] = right;
        scratch->weights[out->n++] = weight;
    }
    return out->n == CHUNK_ROWS || out->n_padded == CHUNK_ROWS ? flush(asof, step, out)
                                                               : LAMINAR_OK;
}

static laminar_status emit_changes(struct op_asof *asof, struct step *step)
{
    const struct state_rows *left = &asof->sides[LEFT]->rows, *right = &asof->sides[RIGHT]->rows;
    struct asof_output out = {0};
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < asof->changes.n; i++) {
        const struct asof_change *change = &asof->changes.items[i];
        struct asof_run *run = &asof->groups[change->group].runs[RIGHT];
        TRY(asof_settle(asof, RIGHT, run, step->err));
        uint32_t now = asof_match_of(asof, run, change->time), before = change->right;
        if (now == before) continue;
        if (now != ROW_NONE && before != ROW_NONE &&
            row_equal(&right->layout, state_rows_at(right, now), state_rows_at(right, before), NULL,
                      right->layout.n_cols))
            continue;
        int64_t weight = row_weight(state_rows_at(left, change->left));
        TRY(put(asof, step, &out, change->left, before, -weight));
        TRY(put(asof, step, &out, change->left, now, weight));
    }
    TRY(flush(asof, step, &out));
done:
    return status;
}

static laminar_status right_delta(struct op_asof *asof, struct step *step,
                                  const struct chunk *chunk)
{
    struct asof_chunk *scratch = asof->scratch;
    struct join_rows *rows = &scratch->rows;
    laminar_status status = LAMINAR_OK;
    TRY(join_input_read(&asof->in[RIGHT], &asof->base, step, chunk, rows));
    if (!asof->is_one_shot)
        join_input_drop_late(&asof->in[RIGHT], &asof->base, asof->watermark_us[RIGHT], rows);
    if (rows->n_sel == 0) goto done;
    TRY(find_groups(asof, asof->in[RIGHT].keys, rows->hashes, rows->sel, rows->n_sel, true,
                    step->err));
    if (asof->is_one_shot) {
        TRY(keep_rows(asof, RIGHT, rows->sel, rows->n_sel, chunk->weights, step->err));
        goto done;
    }
    asof->changes.n = 0;
    for (size_t k = 0; k < rows->n_sel; k++)
        TRY(touch(asof, scratch->groups[rows->sel[k]],
                  join_time_at(&asof->in[RIGHT].time, rows->sel[k]), step->err));
    for (size_t i = 0; i < asof->touched.n; i++)
        TRY(note_matches(asof, &asof->touched.items[i], step->err));
    TRY(keep_rows(asof, RIGHT, rows->sel, rows->n_sel, chunk->weights, step->err));
    TRY(emit_changes(asof, step));
    TRY(drop_rows(asof, RIGHT, step->err));
    for (size_t i = 0; i < asof->touched.n; i++) {
        asof->groups[asof->touched.items[i].group].i_touched = 0;
        TRY(asof_remove_group_if_empty(asof, asof->touched.items[i].group, step->err));
    }
    asof->touched.n = 0;
done:
    arena_reset(&rows->arena);
    return status;
}

/* --- One-shot: left rows that wait ------------------------------------------------------------------------------------------------------- */

static laminar_status defer_left(struct op_asof *asof, struct step *step, const struct chunk *chunk)
{
    laminar_status status = LAMINAR_OK;
    for (uint32_t i = 0; i < chunk->n_cols; i++)
        TRY(column_append(&asof->left_rows[i], &chunk->cols[i], 0, chunk->n_rows, STRINGS_COPY,
                          step->err));
    if (!ARRAY_RESERVE(&asof->left_weights, asof->n_left_rows + chunk->n_rows))
        TRY(error_oom(step->err));
    for (uint32_t i = 0; i < chunk->n_rows; i++)
        asof->left_weights.items[asof->n_left_rows + i] = chunk->weights ? chunk->weights[i] : 1;
    asof->n_left_rows += chunk->n_rows;
done:
    return status;
}

static laminar_status run_deferred(struct op_asof *asof, struct step *step)
{
    laminar_status status = LAMINAR_OK;
    uint32_t n_cols = asof->in[LEFT].n_cols;
    struct vector *cols = mem_calloc(n_cols, sizeof *cols);
    if (!cols) return error_oom(step->err);
    for (size_t from = 0; from < asof->n_left_rows; from += CHUNK_ROWS) {
        size_t n = asof->n_left_rows - from < CHUNK_ROWS ? asof->n_left_rows - from : CHUNK_ROWS;
        for (uint32_t i = 0; i < n_cols; i++) cols[i] = vector_slice(&asof->left_rows[i].vec, from);
        struct chunk chunk = {.n_rows = (uint32_t)n,
                              .n_cols = n_cols,
                              .cols = cols,
                              .weights = asof->left_weights.items + from};
        TRY(left_delta(asof, step, &chunk));
    }
    for (uint32_t i = 0; i < n_cols; i++) column_clear(&asof->left_rows[i]);
    asof->n_left_rows = 0;
done:
    mem_free(cols);
    return status;
}

/* --- Watermarks ---------------------------------------------------------------------------------------------------------------------- */

/* Rows come out with the time of a left row: of one that arrives, or of one that is kept because its match may change. */
static void set_watermark(struct op_asof *asof, const struct step *step)
{
    struct op *op = &asof->base;
    bool looks_back = asof->match == ASOF_GE || asof->match == ASOF_GT;
    op->watermark_out = op->watermark_in;
    if (step->is_last || asof->is_one_shot) return;
    if (looks_back) {
        int64_t by_right = join_watermark_add(asof->watermark_us[RIGHT], -asof->shift_max_us);
        if (by_right < op->watermark_out) op->watermark_out = by_right;
        return;
    }
    /* A left row waits for its match as long as the tolerance lets it. */
    op->watermark_out = WATERMARK_NONE;
    if (!asof->has_tolerance || asof->watermark_us[RIGHT] == WATERMARK_NONE) return;
    int64_t by_right = join_watermark_add(asof->watermark_us[RIGHT], -asof->tolerance_us);
    op->watermark_out = by_right < op->watermark_in ? by_right : op->watermark_in;
}

/* --- Operator ---------------------------------------------------------------------------------------------------------------------------- */

static laminar_status asof_process(struct op *op, struct step *step, uint32_t port,
                                   const struct chunk *chunk)
{
    struct op_asof *asof = CONTAINER_OF(op, struct op_asof, base);
    if (port == RIGHT) return right_delta(asof, step, chunk);
    return asof->is_deferred ? defer_left(asof, step, chunk) : left_delta(asof, step, chunk);
}

static laminar_status asof_finish(struct op *op, struct step *step)
{
    struct op_asof *asof = CONTAINER_OF(op, struct op_asof, base);
    laminar_status status = LAMINAR_OK;
    if (asof->is_deferred) TRY(run_deferred(asof, step));
    for (uint32_t port = 0; port < 2 && !asof->is_one_shot; port++) {
        int64_t watermark = WATERMARK_NONE;
        if (step->is_last)
            watermark = WATERMARK_END;
        else if (asof->evicts[1 - port])
            watermark = join_watermark_add(op_port_watermark(op, port),
                                           port == LEFT ? asof->shift_min_us : 0);
        /* one that was idle goes on from where the other is */
        if (watermark > asof->watermark_us[port]) asof->watermark_us[port] = watermark;
    }
    set_watermark(asof, step);
    if (!asof->is_one_shot) TRY(asof_evict(asof, step->err));
done:
    return status;
}

static void clear_runs(struct op_asof *asof, uint32_t port)
{
    for (size_t i = 0; i < asof->groups_capacity; i++) asof_run_deinit(&asof->groups[i].runs[port]);
}

static void asof_free(struct op *op)
{
    struct op_asof *asof = CONTAINER_OF(op, struct op_asof, base);
    clear_runs(asof, LEFT);
    clear_runs(asof, RIGHT);
    mem_free(asof->groups);
    multimap_free(asof->keys);
    mem_free(asof->merging.items);
    time_queue_deinit(&asof->due[LEFT]);
    time_queue_deinit(&asof->due[RIGHT]);
    ARRAY_DEINIT(&asof->touched);
    ARRAY_DEINIT(&asof->changes);
    ARRAY_DEINIT(&asof->dropped[LEFT]);
    ARRAY_DEINIT(&asof->dropped[RIGHT]);
    ARRAY_DEINIT(&asof->left_weights);
    columns_free(asof->out_cols, op->n_cols);
    columns_free(asof->left_rows, asof->in[LEFT].n_cols);
    mem_free(asof->out_vecs);
    join_input_deinit(&asof->in[LEFT]);
    join_input_deinit(&asof->in[RIGHT]);
    if (asof->scratch) arena_deinit(&asof->scratch->rows.arena);
    mem_free(asof->scratch);
    op_deinit(op);
    mem_free(asof);
}

/* Runs from restored rows. */
static laminar_status rebuild_side(struct op_asof *asof, uint32_t port, struct laminar_error *err)
{
    struct state_rows *rows = &asof->sides[port]->rows;
    struct join_input *in = &asof->in[port];
    struct asof_chunk *scratch = asof->scratch;
    laminar_status status = LAMINAR_OK;
    struct column *cols = mem_calloc(in->n_keys + 1, sizeof *cols);
    uint32_t *slots = mem_alloc(CHUNK_ROWS * sizeof *slots);
    uint64_t cursor = 0;
    if (!cols || !slots) TRY(error_oom(err));
    for (uint32_t k = 0; k <= in->n_keys; k++)
        TRY(column_init(
            &cols[k], in->stored_types[k < in->n_keys ? in->key_stored[k] : in->time_stored], err));
    for (size_t n; (n = state_rows_scan(rows, &cursor, slots, CHUNK_ROWS)) > 0;) {
        for (uint32_t k = 0; k <= in->n_keys; k++) {
            column_clear(&cols[k]);
            TRY(state_rows_gather(rows, k < in->n_keys ? in->key_stored[k] : in->time_stored, slots,
                                  n, &cols[k], err));
            if (k < in->n_keys) in->keys[k] = cols[k].vec;
        }
        for (uint32_t i = 0; i < n; i++) scratch->sel[i] = i;
        kernel_hash(in->keys, in->n_keys, n, scratch->rows.hashes);
        TRY(find_groups(asof, in->keys, scratch->rows.hashes, scratch->sel, n, true, err));
        for (size_t i = 0; i < n; i++)
            TRY(asof_run_append(&asof->groups[scratch->groups[i]].runs[port],
                                join_time_at(&cols[in->n_keys].vec, i), slots[i], err));
    }
done:
    columns_free(cols, in->n_keys + 1);
    mem_free(slots);
    return status;
}

static laminar_status asof_restored(struct op *op, struct laminar_error *err)
{
    struct op_asof *asof = CONTAINER_OF(op, struct op_asof, base);
    laminar_status status = LAMINAR_OK;
    for (uint32_t port = 0; port < 2; port++)
        if (asof->sides[port]) TRY(rebuild_side(asof, port, err));
    TRY(asof_evict_rebuild(asof, err));
done:
    return status;
}

static void asof_explain(const struct op *op, struct strbuf *out)
{
    static const char *const signs[] = {[ASOF_GE] = ">=",
                                        [ASOF_GT] = ">",
                                        [ASOF_LE] = "<=",
                                        [ASOF_LT] = "<",
                                        [ASOF_NEAREST] = "nearest"};
    const struct op_asof *asof = CONTAINER_OF(op, struct op_asof, base);
    strbuf_printf(out, "asof join %s", signs[asof->match]);
    for (uint32_t port = 0; port < 2; port++)
        if (asof->sides[port])
            strbuf_printf(out, ", %s %zu rows", asof->sides[port]->rows.state.name,
                          asof->sides[port]->rows.state.n_rows);
}

static const struct op_class asof_class = {.name = "asof",
                                           .process = asof_process,
                                           .finish_step = asof_finish,
                                           .free = asof_free,
                                           .explain = asof_explain,
                                           .restored = asof_restored};

/* --- Creation ---------------------------------------------------------------------------------------------------------------------------- */

static void side_clear(struct state_rows *rows)
{
    struct asof_rows *side = CONTAINER_OF(rows, struct asof_rows, rows);
    clear_runs(side->asof, side->port);
}

static bool side_check(const struct state_rows *rows)
{
    const struct asof_rows *side = CONTAINER_OF(rows, struct asof_rows, rows);
    const struct op_asof *asof = side->asof;
    size_t n = 0;
    for (size_t i = 0; i < asof->groups_capacity; i++) {
        const struct asof_run *run = &asof->groups[i].runs[side->port];
        n += run->n;
        if (!asof_run_check(run, rows)) return false;
        if (run->n && !row_weight(state_rows_at(&asof->keys->rows, (uint32_t)i))) return false;
    }
    return n == rows->state.n_rows || n == 0; /* none: restored, and not yet indexed */
}

static void side_free(struct state_rows *rows)
{
    state_rows_deinit(rows);
    mem_free(CONTAINER_OF(rows, struct asof_rows, rows));
}

static const struct state_rows_index side_index = {
    .clear = side_clear, .check = side_check, .free = side_free};

static laminar_status side_create(struct op_asof *asof, uint32_t port, struct laminar_error *err)
{
    struct asof_rows *side = mem_calloc(1, sizeof *side);
    if (!side) return error_oom(err);
    side->asof = asof;
    side->port = port;
    laminar_status status = state_rows_init(
        &side->rows, &side_index, port == LEFT ? "left" : "right", asof->in[port].stored_types,
        asof->in[port].n_stored, STATE_ROWS_PLAIN, circuit_account(asof->base.circuit), err);
    if (status != LAMINAR_OK) {
        mem_free(side);
        return status;
    }
    status = op_add_state(&asof->base, &side->rows.state, err);
    if (status == LAMINAR_OK) asof->sides[port] = side;
    return status;
}

static laminar_status keys_create(struct op_asof *asof, struct laminar_error *err)
{
    struct join_input *in = &asof->in[RIGHT];
    laminar_status status = LAMINAR_OK;
    struct data_type *types = mem_calloc(in->n_keys, sizeof *types);
    uint32_t *all = mem_calloc(in->n_keys, sizeof *all);
    if (!types || !all) TRY(error_oom(err));
    for (uint32_t k = 0; k < in->n_keys; k++) {
        types[k] = in->stored_types[in->key_stored[k]];
        all[k] = k;
    }
    struct multimap_options options = {.name = "keys",
                                       .types = types,
                                       .n_cols = in->n_keys,
                                       .key_cols = all,
                                       .n_keys = in->n_keys,
                                       .mode = MULTIMAP_CHAIN,
                                       .account = circuit_account(asof->base.circuit)};
    TRY(multimap_create(&options, &asof->keys, err));
done:
    mem_free(types);
    mem_free(all);
    return status;
}

static laminar_status check_plan(const struct plan *plan, struct laminar_error *err)
{
    if (plan->join_kind != JOIN_INNER && plan->join_kind != JOIN_LEFT)
        return error_set(err, LAMINAR_QUERY_UNSUPPORTED,
                         "an ASOF join is INNER or LEFT; no other kind is supported");
    if (plan->predicate) {
        laminar_status status = error_set(
            err, LAMINAR_QUERY_UNSUPPORTED,
            "an ASOF join takes equalities and one comparison of times, no further condition");
        error_hint(err,
                   "Put conditions on one side into a derived table of that side, or into WHERE");
        return status;
    }
    ENSURE(plan->left_time && plan->right_time, err);
    return LAMINAR_OK;
}

/* A side whose retractions may be of any age must find its old rows again. */
static void set_eviction(struct op_asof *asof, const struct plan *plan)
{
    const struct plan *left = plan->inputs[LEFT], *right = plan->inputs[RIGHT];
    bool left_has_time = left->props.time_col >= 0 && !plan->ignores_left_watermark,
         right_has_time = right->props.time_col >= 0 && !plan->ignores_right_watermark;
    asof->evicts[LEFT] = !asof->is_one_shot && right_has_time &&
                         (left_has_time || left->props.is_append_only);
    asof->evicts[RIGHT] = !asof->is_one_shot && right_has_time && left_has_time;
    for (uint32_t port = 0; port < 2; port++)
        time_queue_init(&asof->due[port], circuit_account(asof->base.circuit));
}

laminar_status op_asof_create(struct circuit *circuit, const struct plan *plan,
                              enum circuit_mode mode, struct op **out, struct laminar_error *err)
{
    assert(plan->kind == PLAN_JOIN && plan->n_inputs == 2);
    laminar_status status = check_plan(plan, err);
    if (status != LAMINAR_OK) return status;
    struct op_asof *asof = mem_calloc(1, sizeof *asof);
    if (!asof) return error_oom(err);
    const struct plan *left = plan->inputs[LEFT], *right = plan->inputs[RIGHT];
    TRY(op_init(&asof->base, &asof_class, circuit, plan, 2, err));
    asof->match = plan->asof;
    asof->is_left_join = plan->join_kind == JOIN_LEFT;
    asof->is_one_shot = mode == CIRCUIT_ONE_SHOT;
    asof->is_deferred = asof->is_one_shot && join_input_is_late(right);
    asof->has_tolerance = plan->has_tolerance;
    asof->tolerance_us = plan->tolerance_us;
    asof->tolerance = join_time_floor(plan->left_time->type, plan->tolerance_us);
    asof->watermark_us[LEFT] = asof->watermark_us[RIGHT] = WATERMARK_NONE;
    set_eviction(asof, plan);
    asof->shift_min_us = plan->shift_min_us;
    asof->shift_max_us = plan->shift_max_us;
    asof->scratch = mem_calloc(1, sizeof *asof->scratch);
    asof->out_vecs = mem_calloc(plan->n_cols, sizeof *asof->out_vecs);
    if (!asof->scratch || !asof->out_vecs) TRY(error_oom(err));
    TRY(join_input_init(&asof->in[LEFT], left, plan->left_keys, plan->n_keys, plan->left_time,
                        err));
    TRY(join_input_init(&asof->in[RIGHT], right, plan->right_keys, plan->n_keys, plan->right_time,
                        err));
    TRY(columns_create(plan->cols, plan->n_cols, &asof->out_cols, err));
    if (asof->is_deferred) TRY(columns_create(left->cols, left->n_cols, &asof->left_rows, err));
    TRY(keys_create(asof, err));
    if (!asof->is_one_shot) TRY(side_create(asof, LEFT, err));
    TRY(side_create(asof, RIGHT, err));
    *out = &asof->base;
    return LAMINAR_OK;
done:
    asof_free(&asof->base);
    return status;
}
