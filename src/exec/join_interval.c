/* join_interval.c - interval joins under watermarks: which rows leave the state, and what comes out when they do.
 *
 * A left row at time t meets right rows from t + lower to t + upper. Once the right side's watermark is beyond t + upper nothing that comes can meet it:
 * it leaves; right rows at t leave when the left side's watermark is beyond t - lower. Rows are queued by time (time_queue), so that a step costs what
 * leaves. A row behind its own side's watermark is dropped and counted, for what it would have met may be gone.
 *   Waiting (LEFT, FULL, ANTI that emit at the close): a row without a match comes out, padded, when it leaves. Else it comes out at once and is taken back
 *   when its match comes. Either way the sum is the same at the end.
 * Invariant: every kept row has an entry in its side's queue; entries of rows that are gone are ignored when they are due. */
#include "exec/join_internal.h"

enum { BATCH = 512, STALE_MIN = 64 };

static int64_t time_of(const struct join_side *side, const uint8_t *row)
{
    const struct row_col *col = &side->map->rows.layout.cols[side->in.time_stored];
    return join_stored_time(row + col->offset, col->width);
}

/* An entry for each kept row, and no others. */
static laminar_status queue_all(struct join_side *side, struct laminar_error *err)
{
    struct state_rows *rows = &side->map->rows;
    uint32_t slots[BATCH];
    uint64_t cursor = 0;
    time_queue_clear(&side->leaving);
    for (size_t n; (n = state_rows_scan(rows, &cursor, slots, BATCH)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            laminar_status status = time_queue_push(
                &side->leaving, time_of(side, state_rows_at(rows, slots[i])), slots[i], err);
            if (status != LAMINAR_OK) return status;
        }
    }
    return LAMINAR_OK;
}

laminar_status join_interval_keep(struct op_join *join, uint32_t port, size_t n_sel,
                                  struct laminar_error *err)
{
    struct join_side *side = &join->sides[port];
    const struct join_scratch *scratch = join->scratch;
    if (side->reach == INT64_MAX) return LAMINAR_OK; /* they stay */
    for (size_t k = 0; k < n_sel; k++) {
        if (scratch->slots[k] == ROW_NONE) continue;
        int64_t time = join_time_at(&side->in.time, scratch->rows.sel[k]);
        laminar_status status = time_queue_push(&side->leaving, time, scratch->slots[k], err);
        if (status != LAMINAR_OK) return status;
    }
    /* Rows that came and went have left entries behind. */
    if (side->leaving.n > STALE_MIN + 2 * side->map->rows.state.n_rows) return queue_all(side, err);
    return LAMINAR_OK;
}

static bool may_leave(const struct join_side *side, struct time_entry entry, int64_t bound)
{
    const struct state_rows *rows = &side->map->rows;
    if (entry.number >= rows->n_slots) return false;
    const uint8_t *row = state_rows_at(rows, entry.number);
    return row_weight(row) != 0 && time_of(side, row) < bound;
}

/* Rows of side `port` with time + reach < watermark leave. */
static laminar_status let_go(struct op_join *join, struct step *step, uint32_t port,
                             int64_t watermark_us)
{
    struct join_side *side = &join->sides[port];
    struct join_scratch *scratch = join->scratch;
    struct time_entry due[BATCH];
    laminar_status status;
    if (!side->map || side->reach == INT64_MAX || watermark_us == WATERMARK_NONE) return LAMINAR_OK;
    int64_t bound = join_time_ceil(side->map->rows.layout.cols[side->in.time_stored].type,
                                   watermark_us);
    if (watermark_us != WATERMARK_END) bound = join_saturating_sub(bound, side->reach);
    if (!side->map->is_scanned) TRY(multimap_catch_up(side->map, step->err));
    TRY(time_queue_advance(&side->leaving, bound, step->err));
    for (size_t n; (n = time_queue_take(&side->leaving, due, BATCH)) > 0;) {
        size_t n_out = 0;
        for (size_t i = 0; join->waits && side->is_padded && i < n; i++) {
            if (!may_leave(side, due[i], bound)) continue;
            uint8_t *row = state_rows_at(&side->map->rows, due[i].number);
            if (*row_counter(&side->map->rows.layout, row) != 0) continue;
            row = state_rows_write(&side->map->rows, due[i].number);
            if (!row) TRY(error_oom(step->err));
            *row_counter(&side->map->rows.layout, row) = -1; /* a second entry finds it done */
            scratch->list[n_out] = due[i].number;
            scratch->list_weights[n_out++] = row_weight(row);
        }
        TRY(join_emit_slots(join, step, port, scratch->list, scratch->list_weights, n_out));
        for (size_t i = 0; i < n; i++)
            if (may_leave(side, due[i], bound))
                TRY(multimap_remove(side->map, due[i].number, step->err));
    }
done:
    return status;
}

laminar_status join_scan_pairs(struct op_join *join, struct step *step, uint32_t port,
                               const struct chunk *chunk, size_t n_sel)
{
    struct join_scratch *scratch = join->scratch;
    struct state_multimap *other = join->sides[1 - port].map;
    uint32_t slots[BATCH], rows_of[BATCH], match[BATCH];
    const uint8_t *addresses[BATCH];
    uint64_t cursor = 0;
    size_t n = 0;
    laminar_status status;
    if (other->rows.state.n_rows == 0) return LAMINAR_OK;
    for (size_t n_kept; (n_kept = state_rows_scan(&other->rows, &cursor, slots, BATCH)) > 0;) {
        for (size_t k = 0; k < n_sel; k++) {
            uint32_t row = scratch->rows.sel[k];
            size_t n_match = n_kept;
            for (uint32_t i = 0; i < n_kept; i++) {
                addresses[i] = state_rows_at(&other->rows, slots[i]); /* counting may move pages */
                rows_of[i] = row;
                match[i] = i;
            }
            for (uint32_t c = 0; c < other->n_keys; c++)
                n_match = row_match(&other->rows, other->key_cols[c], addresses,
                                    &join->sides[port].in.keys[c], rows_of, match, n_match);
            for (size_t m = 0; m < n_match; m++) {
                scratch->pair_rows[n] = row;
                scratch->pair_slots[n++] = slots[match[m]];
                if (n < CHUNK_ROWS) continue;
                TRY(join_flush_pairs(join, step, port, chunk, n));
                n = 0;
            }
        }
    }
    TRY(join_flush_pairs(join, step, port, chunk, n));
done:
    return status;
}

laminar_status join_interval_finish(struct op_join *join, struct step *step)
{
    struct join_side *left = &join->sides[0], *right = &join->sides[1];
    laminar_status status;
    for (uint32_t port = 0; port < 2; port++) {
        int64_t watermark = step->is_last ? WATERMARK_END : op_port_watermark(&join->base, port);
        if (watermark > join->sides[port].watermark_us) join->sides[port].watermark_us = watermark;
    }
    TRY(let_go(join, step, 0, right->watermark_us));
    TRY(let_go(join, step, 1, left->watermark_us));
    /* The output's time is the left row's. A left row that comes is at its side's watermark or beyond; one that is kept and meets a right row that
     * comes is at most `upper` before that. */
    int64_t kept = WATERMARK_NONE;
    if (join->upper_us != INT64_MAX)
        kept = join_watermark_add(right->watermark_us,
                                  join->upper_us == INT64_MIN ? INT64_MAX : -join->upper_us);
    join->base.watermark_out = left->watermark_us < kept ? left->watermark_us : kept;
done:
    return status;
}

laminar_status join_interval_restored(struct op *op, struct laminar_error *err)
{
    struct op_join *join = CONTAINER_OF(op, struct op_join, base);
    laminar_status status = LAMINAR_OK;
    for (uint32_t port = 0; port < 2; port++)
        if (join->sides[port].map && join->sides[port].reach != INT64_MAX)
            TRY(queue_all(&join->sides[port], err));
done:
    return status;
}
