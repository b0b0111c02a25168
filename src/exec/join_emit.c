/* join_emit.c - the output side of joins: testing candidate pairs, and making chunks of pairs or of rows padded with nulls.
 *
 * Late materialisation: a pair is two numbers until it has passed all tests; then each column is gathered once. Columns of the chunk at hand are
 * passed through unchanged where the pairs are exactly its rows in order (a stream that finds one match in a table for each row). */
#include "exec/join_internal.h"

/* --- Residual ---------------------------------------------------------------------------------------------------------------------------- */

static int64_t stored_time(const struct join_side *side, uint32_t slot)
{
    const struct row_col *col = &side->map->rows.layout.cols[side->in.time_stored];
    return join_stored_time(state_rows_at(&side->map->rows, slot) + col->offset, col->width);
}

static void compact_pairs(struct join_scratch *scratch, const uint32_t *sel, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        scratch->pair_rows[i] = scratch->pair_rows[sel[i]];
        scratch->pair_slots[i] = scratch->pair_slots[sel[i]];
    }
}

size_t join_match_keys(struct op_join *join, uint32_t port, size_t n)
{
    struct join_scratch *scratch = join->scratch;
    if (join->n_keys == 0) return n;
    size_t n_match = multimap_match(join->sides[1 - port].map, join->sides[port].in.keys,
                                    scratch->pair_rows, scratch->pair_slots, n, scratch->pair_sel);
    if (n_match < n) compact_pairs(scratch, scratch->pair_sel, n_match);
    return n_match;
}

static size_t filter_interval(struct op_join *join, uint32_t port, size_t n)
{
    struct join_scratch *scratch = join->scratch;
    const struct join_side *other = &join->sides[1 - port];
    size_t n_kept = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t own = join_time_at(&join->sides[port].in.time, scratch->pair_rows[i]),
                theirs = stored_time(other, scratch->pair_slots[i]);
        int64_t left = port == 0 ? own : theirs, right = port == 0 ? theirs : own;
        scratch->pair_rows[n_kept] = scratch->pair_rows[i];
        scratch->pair_slots[n_kept] = scratch->pair_slots[i];
        n_kept += right >= join_saturating_add(left, join->lower) &&
                  right <= join_saturating_add(left, join->upper);
    }
    return n_kept;
}

/* Output column `c` (left, then right) of the pairs into `col`, or straight from the chunk. */
static laminar_status gather_column(struct op_join *join, uint32_t port, const struct chunk *chunk,
                                    uint32_t c, size_t n, bool is_identity, struct column *col,
                                    struct vector *out, struct laminar_error *err)
{
    struct join_scratch *scratch = join->scratch;
    uint32_t owner = c >= join->sides[1].first_out;
    uint32_t i = c - join->sides[owner].first_out;
    laminar_status status;
    if (owner == port) {
        const struct vector *v = &chunk->cols[i];
        if (is_identity || v->shape == VEC_CONST) {
            *out = *v;
            return LAMINAR_OK;
        }
        column_clear(col);
        status = column_append_sel(col, v, scratch->pair_rows, n, STRINGS_BORROW, err);
    } else {
        column_clear(col);
        status = state_rows_gather(&join->sides[owner].map->rows, i, scratch->pair_slots, n, col,
                                   err);
    }
    *out = col->vec;
    return status;
}

laminar_status join_filter_pairs(struct op_join *join, struct step *step, uint32_t port,
                                 const struct chunk *chunk, size_t *n)
{
    struct join_scratch *scratch = join->scratch;
    laminar_status status = LAMINAR_OK;
    if (join->is_interval) *n = filter_interval(join, port, *n);
    if (!join->residual || *n == 0) return LAMINAR_OK;
    for (uint32_t c = 0; c < join->n_out_max; c++)
        if (join->residual_cols[c])
            TRY(gather_column(join, port, chunk, c, *n, false, &join->test_cols[c],
                              &join->test_vecs[c], step->err));
    struct chunk pairs = {
        .n_rows = (uint32_t)*n, .n_cols = join->n_out_max, .cols = join->test_vecs};
    struct eval_env env = step_eval_env(step);
    env.scratch = &scratch->rows.arena;
    env.bad_rows = scratch->rows.bad_rows;
    memset(scratch->rows.bad_rows, 0, bitmap_bytes(*n));
    size_t n_sel;
    TRY(program_select(join->residual, &pairs, &env, scratch->pair_sel, &n_sel));
    if (env.n_bad_rows) {
        join->base.bad_rows += env.n_bad_rows;
        size_t n_good = 0;
        for (size_t i = 0; i < n_sel; i++)
            if (!bitmap_get(scratch->rows.bad_rows, scratch->pair_sel[i]))
                scratch->pair_sel[n_good++] = scratch->pair_sel[i];
        n_sel = n_good;
    }
    compact_pairs(scratch, scratch->pair_sel, n_sel);
    *n = n_sel;
done:
    return status;
}

/* --- Chunks ------------------------------------------------------------------------------------------------------------------------------ */

static bool is_identity_map(const uint32_t *rows, size_t n, size_t n_chunk)
{
    if (n != n_chunk) return false;
    uint32_t difference = 0;
    for (uint32_t i = 0; i < n; i++) difference |= rows[i] ^ i;
    return difference == 0;
}

laminar_status join_emit_pairs(struct op_join *join, struct step *step, uint32_t port,
                               const struct chunk *chunk, size_t n)
{
    if (n == 0) return LAMINAR_OK;
    struct join_scratch *scratch = join->scratch;
    const struct state_rows *rows = &join->sides[1 - port].map->rows;
    laminar_status status = LAMINAR_OK;
    bool is_identity = is_identity_map(scratch->pair_rows, n, chunk->n_rows);
    struct chunk out = {.n_rows = (uint32_t)n, .n_cols = join->base.n_cols, .cols = join->out_vecs};
    for (uint32_t c = 0; c < out.n_cols; c++)
        TRY(gather_column(join, port, chunk, c, n, is_identity, &join->out_cols[c],
                          &join->out_vecs[c], step->err));
    if (chunk->weights || rows->n_heavy) {
        for (size_t i = 0; i < n; i++) {
            int64_t theirs = row_weight(state_rows_at(rows, scratch->pair_slots[i]));
            if (__builtin_mul_overflow(chunk->weights ? chunk->weights[scratch->pair_rows[i]] : 1,
                                       theirs, &scratch->out_weights[i]))
                TRY(error_set(step->err, LAMINAR_QUERY_FAILED,
                              "the number of equal rows in a join result exceeds 2^63"));
        }
        out.weights = scratch->out_weights;
    }
    TRY(state_rows_error(rows, step->err));
    TRY(op_emit(&join->base, step, &out));
done:
    return status;
}

static void pad_other(struct op_join *join, uint32_t port)
{
    const struct join_side *other = &join->sides[1 - port];
    if (join->is_semi) return;
    for (uint32_t i = 0; i < other->in.n_cols; i++)
        join->out_vecs[other->first_out + i] = other->in.nulls[i];
}

laminar_status join_emit_rows(struct op_join *join, struct step *step, uint32_t port,
                              const struct chunk *chunk, const uint32_t *rows, size_t n)
{
    if (n == 0) return LAMINAR_OK;
    struct join_scratch *scratch = join->scratch;
    const struct join_side *side = &join->sides[port];
    laminar_status status = LAMINAR_OK;
    bool is_identity = is_identity_map(rows, n, chunk->n_rows);
    for (uint32_t i = 0; i < side->in.n_cols; i++) {
        struct column *col = &join->out_cols[side->first_out + i];
        struct vector *out = &join->out_vecs[side->first_out + i];
        if (is_identity || chunk->cols[i].shape == VEC_CONST) {
            *out = chunk->cols[i];
            continue;
        }
        column_clear(col);
        TRY(column_append_sel(col, &chunk->cols[i], rows, n, STRINGS_BORROW, step->err));
        *out = col->vec;
    }
    pad_other(join, port);
    if (chunk->weights)
        for (size_t i = 0; i < n; i++) scratch->out_weights[i] = chunk->weights[rows[i]];
    struct chunk out = {.n_rows = (uint32_t)n,
                        .n_cols = join->base.n_cols,
                        .cols = join->out_vecs,
                        .weights = chunk->weights ? scratch->out_weights : NULL};
    TRY(op_emit(&join->base, step, &out));
done:
    return status;
}

laminar_status join_emit_slots(struct op_join *join, struct step *step, uint32_t port,
                               const uint32_t *slots, const int64_t *weights, size_t n)
{
    if (n == 0) return LAMINAR_OK;
    const struct join_side *side = &join->sides[port];
    laminar_status status = LAMINAR_OK;
    for (uint32_t i = 0; i < side->in.n_cols; i++) {
        struct column *col = &join->out_cols[side->first_out + i];
        column_clear(col);
        TRY(state_rows_gather(&side->map->rows, i, slots, n, col, step->err));
        join->out_vecs[side->first_out + i] = col->vec;
    }
    TRY(state_rows_error(&side->map->rows, step->err));
    pad_other(join, port);
    struct chunk out = {.n_rows = (uint32_t)n,
                        .n_cols = join->base.n_cols,
                        .cols = join->out_vecs,
                        .weights = weights};
    TRY(op_emit(&join->base, step, &out));
done:
    return status;
}
