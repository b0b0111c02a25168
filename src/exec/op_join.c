/* op_join.c - joins on equal keys (any kind, with or without a residual condition), cross and nested joins, interval joins.
 *
 * Algebra: bilinear. A chunk dA of one side is joined with what is kept of the other side and then kept itself, so the deltas of a step give
 * dA*B + A*dB + dA*dB whatever the order. A row whose key has a null matches nothing and isn't kept.
 *   Padding (LEFT, RIGHT, FULL): a row comes out padded while the weight of its matches is 0. Without a residual that is the weight of the other side's
 *   group, and when a delta takes a group's weight from or to 0, the padded rows of the other side's group are retracted or come out. With
 *   a residual each kept row counts its own matches.
 *   SEMI, ANTI: left rows whose weight of matches isn't 0, or is. Without a residual only keys are kept of the right side.
 *   Interval: pairs must also satisfy left_time + lower <= right_time <= left_time + upper; see join_interval.c.
 *   Lookup: left rows meet the right side as it is when they come; what changes there later doesn't change what has come out. Nothing is kept of the left.
 *   A right side of constants is there from the first step on: left rows of that step wait for its end.
 * State: both sides' rows (multimap by key). A retraction finds its row by key or by an index over whole rows, see state_multimap.
 * One-shot: the right side is kept, left rows stream through it; where the right side's rows come only at the end of the step, the left ones wait. */
#include "exec/join_internal.h"

/* --- Rules ------------------------------------------------------------------------------------------------------------------------------- */

/* Does a left row (SEMI, ANTI) or a padded row belong to the result while the weight of its matches is `weight`? */
static bool comes_out(const struct op_join *join, int64_t weight)
{
    return (weight == 0) != (join->kind == JOIN_SEMI);
}

/* Do rows of this side come out without a match, or because of one? */
static bool is_output_side(const struct op_join *join, uint32_t port)
{
    return join->sides[port].is_padded || (join->is_semi && port == 0);
}

static bool set_add(uint32_t *set, uint32_t value)
{
    enum { MASK = CHUNK_ROWS * 2 - 1 };
    uint32_t i = (value * 2654435761U >> 7) & MASK;
    while (set[i] != ROW_NONE) {
        if (set[i] == value) return false;
        i = (i + 1) & MASK;
    }
    set[i] = value;
    return true;
}

laminar_status join_relax(struct op_join *join, struct step *step)
{
    laminar_status status = LAMINAR_OK;
    for (uint32_t port = join->is_read ? 1 : 0; port < 2 && status == LAMINAR_OK; port++)
        if (join->sides[port].map) status = op_relax_rows(step, &join->sides[port].map->rows);
    return status;
}

/* No residual: groups of `port` whose weight went from or to 0 in this chunk change what comes out of the other side's rows. */
static laminar_status emit_transitions(struct op_join *join, struct step *step, uint32_t port,
                                       size_t n_sel)
{
    struct join_scratch *scratch = join->scratch;
    const struct state_multimap *other = join->sides[1 - port].map;
    bool has_any = false;
    size_t n = 0;
    laminar_status status;
    for (size_t k = 0; k < n_sel; k++) {
        uint32_t row = scratch->rows.sel[k], head = scratch->heads[row];
        int64_t after = scratch->weights_after[row];
        if (head == ROW_NONE || (scratch->weights_before[row] == 0) == (after == 0)) continue;
        if (!has_any) memset(scratch->seen, 0xFF, sizeof scratch->seen);
        has_any = true;
        if (!set_add(scratch->seen, head)) continue;
        for (uint32_t slot = head; slot != ROW_NONE; slot = multimap_next(other, slot)) {
            int64_t weight = row_weight(state_rows_at(&other->rows, slot));
            scratch->list[n] = slot;
            scratch->list_weights[n++] = comes_out(join, after) ? weight : -weight;
            if (n < CHUNK_ROWS) continue;
            TRY(join_emit_slots(join, step, 1 - port, scratch->list, scratch->list_weights, n));
            TRY(join_relax(join, step));
            n = 0;
        }
    }
    TRY(join_emit_slots(join, step, 1 - port, scratch->list, scratch->list_weights, n));
done:
    return status;
}

/* The pairs of a residual join count for both rows; rows of the other side whose count goes from or to 0 change what comes out. */
static laminar_status count_pairs(struct op_join *join, struct step *step, uint32_t port,
                                  const struct chunk *chunk, size_t n_pairs, size_t *n_list)
{
    struct join_scratch *scratch = join->scratch;
    struct join_side *other = &join->sides[1 - port];
    struct state_rows *rows = &other->map->rows;
    *n_list = 0;
    for (size_t i = 0; i < n_pairs; i++) {
        uint32_t row = scratch->pair_rows[i], slot = scratch->pair_slots[i];
        scratch->counts[row] += row_weight(state_rows_at(rows, slot));
        if (!other->has_counters) continue;
        uint8_t *address = state_rows_write(rows, slot);
        if (!address) return state_rows_failed(rows, step->err);
        int64_t *counter = row_counter(&rows->layout, address), before = *counter;
        *counter += chunk->weights ? chunk->weights[row] : 1;
        if (join->builds_right || join->waits || (before == 0) == (*counter == 0)) continue;
        scratch->list[*n_list] = slot;
        scratch->list_weights[(*n_list)++] = comes_out(join, *counter) ? row_weight(address)
                                                                       : -row_weight(address);
    }
    return LAMINAR_OK;
}

laminar_status join_flush_pairs(struct op_join *join, struct step *step, uint32_t port,
                                const struct chunk *chunk, size_t n)
{
    struct join_scratch *scratch = join->scratch;
    laminar_status status = LAMINAR_OK;
    size_t n_list = 0;
    TRY(step_check(step));
    if (join->sides[1 - port].map->is_by_hash) n = join_match_keys(join, port, n);
    if (join->has_residual) TRY(join_filter_pairs(join, step, port, chunk, &n));
    if (join->sides[1 - port].has_counters || (join->has_residual && is_output_side(join, port)))
        TRY(count_pairs(join, step, port, chunk, n, &n_list));
    if (!join->is_semi) TRY(join_emit_pairs(join, step, port, chunk, n));
    TRY(join_emit_slots(join, step, 1 - port, scratch->list, scratch->list_weights, n_list));
    TRY(join_relax(join, step));
done:
    return status;
}

static laminar_status join_pairs(struct op_join *join, struct step *step, uint32_t port,
                                 const struct chunk *chunk, size_t n_sel)
{
    struct join_scratch *scratch = join->scratch;
    const struct state_multimap *other = join->sides[1 - port].map;
    bool is_unique = multimap_is_unique(other), is_cold = other->rows.cold != NULL;
    size_t n = 0;
    laminar_status status;
    for (size_t k = 0; k < n_sel; k++) {
        uint32_t row = scratch->rows.sel[k], slot = scratch->heads[row];
        while (slot != ROW_NONE) {
            /* of heads that has been done */
            if (!is_unique && !is_cold) prefetch_read(state_rows_warm_at(&other->rows, slot));
            scratch->pair_rows[n] = row;
            scratch->pair_slots[n++] = slot;
            if (is_unique)
                slot = ROW_NONE;
            else if (likely(!is_cold))
                slot = state_rows_warm_link(&other->rows, slot)->next;
            else
                slot = multimap_next(other, slot);
            if (n < CHUNK_ROWS) continue;
            TRY(join_flush_pairs(join, step, port, chunk, n));
            is_cold = other->rows.cold != NULL;
            n = 0;
        }
    }
    TRY(join_flush_pairs(join, step, port, chunk, n));
done:
    return status;
}

/* Rows of the chunk itself that come out padded, or at all (SEMI, ANTI). */
static laminar_status emit_unmatched(struct op_join *join, struct step *step, uint32_t port,
                                     const struct chunk *chunk, size_t n_sel)
{
    struct join_scratch *scratch = join->scratch;
    const int64_t *weights = join->has_residual ? scratch->counts : scratch->other_weights;
    size_t n = 0;
    for (size_t k = 0; k < n_sel; k++) {
        scratch->list[n] = scratch->rows.sel[k];
        n += comes_out(join, weights[scratch->rows.sel[k]]);
    }
    return join_emit_rows(join, step, port, chunk, scratch->list, n);
}

static laminar_status keep_rows(struct op_join *join, struct step *step, uint32_t port,
                                const struct chunk *chunk, size_t n_sel)
{
    struct join_scratch *scratch = join->scratch;
    struct join_side *side = &join->sides[port];
    laminar_status status;
    bool has_transitions = !join->builds_right && !join->has_residual &&
                           is_output_side(join, 1 - port);
    if (has_transitions) {
        multimap_find(side->map, side->in.keys, scratch->rows.hashes, scratch->rows.sel, n_sel,
                      scratch->slots, scratch->weights_before);
        TRY(state_rows_error(&side->map->rows, step->err));
    }
    TRY(multimap_apply(side->map, side->keeps_keys_only ? side->in.keys : side->in.stored,
                       scratch->rows.hashes, scratch->rows.sel, n_sel, chunk->weights,
                       scratch->slots, step->err));
    for (size_t k = 0; side->has_counters && k < n_sel; k++) {
        if (scratch->slots[k] == ROW_NONE) continue;
        uint8_t *row = state_rows_write(&side->map->rows, scratch->slots[k]);
        if (!row) TRY(state_rows_failed(&side->map->rows, step->err));
        *row_counter(&side->map->rows.layout, row) = scratch->counts[scratch->rows.sel[k]];
    }
    if (join->is_interval && !join->is_one_shot)
        TRY(join_interval_keep(join, port, n_sel, step->err));
    if (has_transitions) {
        multimap_find(side->map, side->in.keys, scratch->rows.hashes, scratch->rows.sel, n_sel,
                      scratch->slots, scratch->weights_after);
        TRY(state_rows_error(&side->map->rows, step->err));
        TRY(emit_transitions(join, step, port, n_sel));
    }
done:
    return status;
}

/* One chunk of one side, against what is kept of the other. */
static laminar_status join_delta(struct op_join *join, struct step *step, uint32_t port,
                                 const struct chunk *chunk)
{
    struct join_side *side = &join->sides[port], *other = &join->sides[1 - port];
    struct join_scratch *scratch = join->scratch;
    /* the build side: nothing to meet */
    bool is_probing = !(join->builds_right && port == 1);
    laminar_status status;
    TRY(join_input_read(&side->in, &join->base, step, chunk, &scratch->rows));
    if (join->is_interval && !join->is_one_shot)
        join_input_drop_late(&side->in, &join->base, side->watermark_us, &scratch->rows);
    size_t n_sel = scratch->rows.n_sel;
    if (scratch->rows.n_null && side->is_padded)
        TRY(join_emit_rows(join, step, port, chunk, scratch->rows.null_sel, scratch->rows.n_null));
    if (join->has_residual || other->has_counters)
        memset(scratch->counts, 0, chunk->n_rows * sizeof *scratch->counts);
    if (is_probing && n_sel) {
        bool has_weights = other->map->group_weights != NULL;
        if (multimap_may_scan(other->map, n_sel)) {
            TRY(join_scan_pairs(join, step, port, chunk, n_sel));
        } else {
            TRY(multimap_catch_up(other->map, step->err));
            multimap_find(other->map, side->in.keys, scratch->rows.hashes, scratch->rows.sel, n_sel,
                          scratch->heads, has_weights ? scratch->other_weights : NULL);
            TRY(state_rows_error(&other->map->rows, step->err));
            if (!join->is_semi || join->has_residual)
                TRY(join_pairs(join, step, port, chunk, n_sel));
        }
        if (is_output_side(join, port) && !(join->waits && side->is_padded))
            TRY(emit_unmatched(join, step, port, chunk, n_sel));
    }
    if (side->map && n_sel) TRY(keep_rows(join, step, port, chunk, n_sel));
    TRY(join_relax(join, step));
done:
    arena_reset(&scratch->rows.arena);
    return status;
}

/* --- One-shot ---------------------------------------------------------------------------------------------------------------------------- */

static laminar_status defer_left(struct op_join *join, struct step *step, const struct chunk *chunk)
{
    laminar_status status = LAMINAR_OK;
    for (uint32_t i = 0; i < chunk->n_cols; i++)
        TRY(column_append(&join->left_rows[i], &chunk->cols[i], 0, chunk->n_rows, STRINGS_COPY,
                          step->err));
    if (!ARRAY_RESERVE(&join->left_weights, join->n_left_rows + chunk->n_rows))
        TRY(error_oom(step->err));
    for (uint32_t i = 0; i < chunk->n_rows; i++)
        join->left_weights.items[join->n_left_rows + i] = chunk->weights ? chunk->weights[i] : 1;
    join->n_left_rows += chunk->n_rows;
done:
    return status;
}

static laminar_status run_deferred(struct op_join *join, struct step *step)
{
    laminar_status status = LAMINAR_OK;
    struct join_side *left = &join->sides[0];
    struct vector *cols = mem_calloc(left->in.n_cols, sizeof *cols);
    if (!cols) return error_oom(step->err);
    for (size_t from = 0; from < join->n_left_rows; from += CHUNK_ROWS) {
        size_t n = join->n_left_rows - from < CHUNK_ROWS ? join->n_left_rows - from : CHUNK_ROWS;
        for (uint32_t i = 0; i < left->in.n_cols; i++)
            cols[i] = vector_slice(&join->left_rows[i].vec, from);
        struct chunk chunk = {.n_rows = (uint32_t)n,
                              .n_cols = left->in.n_cols,
                              .cols = cols,
                              .weights = join->left_weights.items + from};
        TRY(join_delta(join, step, 0, &chunk));
    }
    for (uint32_t i = 0; i < left->in.n_cols; i++) column_clear(&join->left_rows[i]);
    join->n_left_rows = 0;
done:
    mem_free(cols);
    return status;
}

/* RIGHT, FULL: the kept right rows that met nothing. */
static laminar_status emit_right_unmatched(struct op_join *join, struct step *step)
{
    struct join_scratch *scratch = join->scratch;
    struct state_rows *rows = &join->sides[1].map->rows;
    uint64_t cursor = 0;
    laminar_status status = LAMINAR_OK;
    for (size_t n; (n = state_rows_scan(rows, &cursor, scratch->slots, CHUNK_ROWS)) > 0;) {
        size_t n_list = 0;
        for (size_t i = 0; i < n; i++) {
            uint8_t *row = state_rows_at(rows, scratch->slots[i]);
            scratch->list[n_list] = scratch->slots[i];
            scratch->list_weights[n_list] = row_weight(row);
            n_list += *row_counter(&rows->layout, row) == 0;
        }
        TRY(join_emit_slots(join, step, 1, scratch->list, scratch->list_weights, n_list));
        TRY(join_relax(join, step));
    }
done:
    return status;
}

/* --- Operator ---------------------------------------------------------------------------------------------------------------------------- */

static laminar_status join_process(struct op *op, struct step *step, uint32_t port,
                                   const struct chunk *chunk)
{
    struct op_join *join = CONTAINER_OF(op, struct op_join, base);
    bool is_missing = join->is_constant && join->builds_right &&
                      op->inputs[1]->watermark_out != WATERMARK_END;
    if ((join->is_deferred || is_missing) && port == 0) return defer_left(join, step, chunk);
    return join_delta(join, step, port, chunk);
}

static laminar_status join_finish(struct op *op, struct step *step)
{
    struct op_join *join = CONTAINER_OF(op, struct op_join, base);
    laminar_status status = LAMINAR_OK;
    op->watermark_out = op->watermark_in;
    if (join->builds_right && !join->is_one_shot) op->watermark_out = op->inputs[0]->watermark_out;
    if (join->is_interval && !join->is_one_shot) TRY(join_interval_finish(join, step));
    if (join->n_left_rows > 0) TRY(run_deferred(join, step));
    if (join->is_one_shot && join->sides[1].is_padded) {
        TRY(emit_right_unmatched(join, step));
        state_rows_clear(&join->sides[1].map->rows); /* emitted once */
    }
done:
    return status;
}

static void join_free(struct op *op)
{
    struct op_join *join = CONTAINER_OF(op, struct op_join, base);
    columns_free(join->left_rows, join->sides[0].in.n_cols);
    columns_free(join->out_cols, join->n_out_max);
    columns_free(join->test_cols, join->n_out_max);
    ARRAY_DEINIT(&join->left_weights);
    mem_free(join->out_vecs);
    mem_free(join->test_vecs);
    mem_free(join->residual_cols);
    program_free(join->residual);
    for (uint32_t port = 0; port < 2; port++) {
        join_input_deinit(&join->sides[port].in);
        time_queue_deinit(&join->sides[port].leaving);
    }
    if (join->scratch) arena_deinit(&join->scratch->rows.arena);
    mem_free(join->scratch);
    op_deinit(op);
    mem_free(join);
}

static void join_explain(const struct op *op, struct strbuf *out)
{
    static const char *const kinds[] = {
        [JOIN_INNER] = "inner", [JOIN_LEFT] = "left", [JOIN_RIGHT] = "right", [JOIN_FULL] = "full",
        [JOIN_SEMI] = "semi",   [JOIN_ANTI] = "anti", [JOIN_CROSS] = "cross"};
    const struct op_join *join = CONTAINER_OF(op, struct op_join, base);
    strbuf_printf(out, "%s join", kinds[join->kind]);
    for (uint32_t port = 0; port < 2; port++) {
        if (!join->sides[port].map) continue;
        const struct state *state = &join->sides[port].map->rows.state;
        strbuf_printf(out, ", %s %zu rows %zu bytes", state->name, state->n_rows,
                      state_bytes(state));
    }
}

static const struct op_class join_class = {.name = "join",
                                           .process = join_process,
                                           .finish_step = join_finish,
                                           .free = join_free,
                                           .explain = join_explain};

static const struct op_class interval_join_class = {.name = "join",
                                                    .process = join_process,
                                                    .finish_step = join_finish,
                                                    .free = join_free,
                                                    .explain = join_explain,
                                                    .restored = join_interval_restored};

/* Rows slots[0..n) of the left side as a chunk in `cols`, against what is kept of the right. */
static laminar_status probe_stored(struct op_join *join, struct step *step, const uint32_t *slots,
                                   size_t n, struct column *cols, struct vector *vecs,
                                   int64_t *weights)
{
    struct join_side *left = &join->sides[0];
    struct join_scratch *scratch = join->scratch;
    const struct state_rows *rows = &left->map->rows;
    laminar_status status = LAMINAR_OK;
    for (uint32_t c = 0; c < left->in.n_cols; c++) {
        column_clear(&cols[c]);
        TRY(state_rows_gather(rows, c, slots, n, &cols[c], step->err));
        vecs[c] = cols[c].vec;
    }
    for (size_t i = 0; i < n; i++) weights[i] = row_weight(state_rows_at(rows, slots[i]));
    struct chunk chunk = {(uint32_t)n, left->in.n_cols, vecs, rows->n_heavy ? weights : NULL};
    TRY(join_input_read(&left->in, &join->base, step, &chunk, &scratch->rows));
    TRY(multimap_catch_up(join->sides[1].map, step->err));
    multimap_find(join->sides[1].map, left->in.keys, scratch->rows.hashes, scratch->rows.sel,
                  scratch->rows.n_sel, scratch->heads, NULL);
    if (join->has_residual) memset(scratch->counts, 0, n * sizeof *scratch->counts);
    TRY(state_rows_error(rows, step->err));
    TRY(state_rows_error(&join->sides[1].map->rows, step->err));
    join->is_read = true;
    status = join_pairs(join, step, 0, &chunk, scratch->rows.n_sel);
    join->is_read = false;
    TRY(status);
    TRY(join_relax(join, step));
done:
    arena_reset(&scratch->rows.arena);
    return status;
}

/* Inner joins: every row of the left side against the right one. (Of the others, rows that match nothing are not all kept.) */
static laminar_status inner_contents(struct op *op, struct step *step)
{
    struct op_join *join = CONTAINER_OF(op, struct op_join, base);
    struct join_side *left = &join->sides[0];
    uint32_t n_cols = left->in.n_cols;
    uint64_t cursor = 0;
    size_t n;
    laminar_status status = LAMINAR_OK;
    struct column *cols = mem_calloc(n_cols + 1, sizeof *cols);
    struct vector *vecs = mem_calloc(n_cols + 1, sizeof *vecs);
    uint32_t *slots = mem_alloc(CHUNK_ROWS * sizeof *slots);
    int64_t *weights = mem_alloc(CHUNK_ROWS * sizeof *weights);
    if (!cols || !vecs || !slots || !weights) TRY(error_oom(step->err));
    for (uint32_t c = 0; c < n_cols; c++)
        TRY(column_init(&cols[c], left->in.stored_types[c], step->err));
    TRY(join_relax(join, step));
    while ((n = state_rows_scan(&left->map->rows, &cursor, slots, CHUNK_ROWS)) > 0)
        TRY(probe_stored(join, step, slots, n, cols, vecs, weights));
done:
    for (uint32_t c = 0; cols && c < n_cols; c++) column_deinit(&cols[c]);
    mem_free(cols);
    mem_free(vecs);
    mem_free(slots);
    mem_free(weights);
    return status;
}

static const struct op_class inner_join_class = {.name = "join",
                                                 .process = join_process,
                                                 .finish_step = join_finish,
                                                 .free = join_free,
                                                 .explain = join_explain,
                                                 .contents = inner_contents};

/* --- Creation ---------------------------------------------------------------------------------------------------------------------------- */

/* Columns of the left side, then of the right one. */
static laminar_status create_columns(const struct op_join *join, const struct plan *plan,
                                     struct column **out, struct laminar_error *err)
{
    struct column *cols = mem_calloc(join->n_out_max, sizeof *cols);
    if (!cols) return error_oom(err);
    *out = cols;
    for (uint32_t i = 0; i < join->n_out_max; i++) {
        uint32_t port = i >= join->sides[1].first_out;
        laminar_status status = column_init(
            &cols[i], plan->inputs[port]->cols[i - join->sides[port].first_out].type, err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

static bool keys_are_unique(const struct op_join *join, const struct join_side *side,
                            const struct plan *input)
{
    if (!input->props.has_key) return false;
    for (uint32_t i = 0; i < input->props.n_key_cols; i++) {
        bool is_key = false;
        for (uint32_t k = 0; k < join->n_keys; k++)
            is_key |= side->in.key_sources[k] == (int32_t)input->props.key_cols[i];
        if (!is_key) return false;
    }
    return true;
}

static laminar_status side_keep(struct op_join *join, uint32_t port, const struct plan *plan,
                                struct laminar_error *err)
{
    struct join_side *side = &join->sides[port];
    const struct plan *input = plan->inputs[port];
    laminar_status status = LAMINAR_OK;
    side->keeps_keys_only = join->is_semi && port == 1 && !join->has_residual;
    struct data_type *key_types = mem_calloc(join->n_keys, sizeof *key_types);
    uint32_t *all = mem_calloc(join->n_keys, sizeof *all);
    if (!key_types || !all) TRY(error_oom(err));
    for (uint32_t k = 0; k < join->n_keys; k++) {
        key_types[k] = side->in.stored_types[side->in.key_stored[k]];
        all[k] = k;
    }
    struct multimap_options options = {
        .name = port == 0 ? "left" : "right",
        .types = side->keeps_keys_only ? key_types : side->in.stored_types,
        .n_cols = side->keeps_keys_only ? join->n_keys : side->in.n_stored,
        .key_cols = side->keeps_keys_only ? all : side->in.key_stored,
        .n_keys = join->n_keys,
        .flags = side->has_counters ? STATE_ROWS_COUNTER : STATE_ROWS_PLAIN,
        .has_group_weights = !join->has_residual && is_output_side(join, 1 - port),
        .account = circuit_account(join->base.circuit),
        .spill = join->is_interval ? NULL : circuit_spill(join->base.circuit)};
    /* Rows that leave with the watermark leave one by one, out of lists that are linked both ways: a key may have most of the rows. */
    bool rows_leave = join->is_interval && !join->is_one_shot && side->reach != INT64_MAX;
    /* Without a residual, rows that come out without a match, or because of one, are walked as a group when the group's match changes. */
    options.has_hash_groups = !options.has_group_weights && !rows_leave &&
                              (join->has_residual || join->builds_right ||
                               !is_output_side(join, port));
    if (side->keeps_keys_only || keys_are_unique(join, side, input))
        options.mode = MULTIMAP_CHAIN;
    else
        options.mode = join->is_one_shot || input->props.is_append_only ? MULTIMAP_APPEND
                                                                        : MULTIMAP_INDEXED;
    options.may_scan = rows_leave && options.mode == MULTIMAP_APPEND && !options.has_group_weights;
    TRY(multimap_create(&options, &side->map, err));
    status = op_add_state(&join->base, &side->map->rows.state, err);
    if (status != LAMINAR_OK) side->map = NULL;
done:
    mem_free(key_types);
    mem_free(all);
    return status;
}

static void mark_columns(const struct expr *e, bool *is_read)
{
    if (e->kind == EXPR_COLUMN) is_read[e->column] = true;
    for (uint32_t i = 0; i < e->n_args; i++) mark_columns(e->args[i], is_read);
}

static void set_kind(struct op_join *join, const struct plan *plan, enum circuit_mode mode)
{
    enum join_kind kind = plan->join_kind;
    join->kind = kind;
    join->is_one_shot = mode == CIRCUIT_ONE_SHOT;
    join->builds_right = join->is_one_shot || plan->strategy == STRATEGY_LOOKUP;
    join->is_constant = plan->strategy == STRATEGY_LOOKUP && plan->right_is_constant;
    join->is_semi = kind == JOIN_SEMI || kind == JOIN_ANTI;
    join->is_interval = plan->strategy == STRATEGY_INTERVAL;
    join->has_residual = plan->predicate || join->is_interval;
    join->n_keys = plan->n_keys;
    join->is_deferred = join->is_one_shot && join_input_is_late(plan->inputs[1]);
    join->sides[0].is_padded = kind == JOIN_LEFT || kind == JOIN_FULL || kind == JOIN_ANTI;
    join->sides[1].is_padded = kind == JOIN_RIGHT || kind == JOIN_FULL;
    bool left_counts = (join->sides[0].is_padded || kind == JOIN_SEMI) && join->has_residual;
    join->sides[0].has_counters = left_counts && !join->builds_right;
    join->sides[1].has_counters = join->sides[1].is_padded &&
                                  (join->has_residual || join->is_one_shot);
    join->sides[1].first_out = plan->inputs[0]->n_cols;
}

static laminar_status set_interval(struct op_join *join, const struct plan *plan,
                                   struct laminar_error *err)
{
    if (!join->is_interval) return LAMINAR_OK;
    ENSURE(plan->left_time && plan->right_time &&
               plan->left_time->type.id == plan->right_time->type.id,
           err);
    join->lower_us = plan->lower_us;
    join->upper_us = plan->upper_us;
    join->lower = join_time_ceil(plan->left_time->type, plan->lower_us);
    join->upper = join_time_floor(plan->left_time->type, plan->upper_us);
    join->sides[0].reach = join->upper;
    join->sides[1].reach = join->lower == INT64_MIN ? INT64_MAX : -join->lower;
    bool wants_waiting = plan->emit == EMIT_ON_CLOSE || plan->emit == EMIT_AFTER_WATERMARK ||
                         plan->emit == EMIT_FINAL;
    join->waits = wants_waiting && !join->is_one_shot &&
                  (join->sides[0].is_padded || join->sides[1].is_padded);
    if (join->is_one_shot) return LAMINAR_OK;
    for (uint32_t port = 0; port < 2; port++)
        time_queue_init(&join->sides[port].leaving, circuit_account(join->base.circuit));
    join->base.cls = &interval_join_class;
    return LAMINAR_OK;
}

laminar_status op_join_create(struct circuit *circuit, const struct plan *plan,
                              enum circuit_mode mode, struct op **out, struct laminar_error *err)
{
    assert(plan->kind == PLAN_JOIN && plan->n_inputs == 2);
    struct op_join *join = mem_calloc(1, sizeof *join);
    if (!join) return error_oom(err);
    const struct plan *left = plan->inputs[0], *right = plan->inputs[1];
    laminar_status status;
    TRY(op_init(&join->base, &join_class, circuit, plan, 2, err));
    set_kind(join, plan, mode);
    TRY(set_interval(join, plan, err));
    bool is_inner = join->kind == JOIN_INNER || join->kind == JOIN_CROSS;
    if (is_inner && !join->builds_right && !join->is_interval) join->base.cls = &inner_join_class;
    join->n_out_max = left->n_cols + right->n_cols;
    join->scratch = mem_calloc(1, sizeof *join->scratch);
    join->out_vecs = mem_calloc(join->n_out_max, sizeof *join->out_vecs);
    join->test_vecs = mem_calloc(join->n_out_max, sizeof *join->test_vecs);
    join->residual_cols = mem_calloc(join->n_out_max, sizeof *join->residual_cols);
    if (!join->scratch || !join->out_vecs || !join->test_vecs || !join->residual_cols)
        TRY(error_oom(err));
    TRY(create_columns(join, plan, &join->out_cols, err));
    if (plan->predicate) {
        struct expr *predicate = plan->predicate;
        TRY(create_columns(join, plan, &join->test_cols, err));
        TRY(program_create(&predicate, 1, &join->residual, err));
        mark_columns(predicate, join->residual_cols);
        for (uint32_t c = 0; c < join->n_out_max; c++) join->test_vecs[c] = join->test_cols[c].vec;
    }
    if (join->is_deferred || join->is_constant)
        TRY(columns_create(left->cols, left->n_cols, &join->left_rows, err));
    TRY(join_input_init(&join->sides[0].in, left, plan->left_keys, plan->n_keys,
                        join->is_interval ? plan->left_time : NULL, err));
    join->sides[0].watermark_us = join->sides[1].watermark_us = WATERMARK_NONE;
    TRY(join_input_init(&join->sides[1].in, right, plan->right_keys, plan->n_keys,
                        join->is_interval ? plan->right_time : NULL, err));
    if (!join->builds_right) TRY(side_keep(join, 0, plan, err));
    TRY(side_keep(join, 1, plan, err));
    *out = &join->base;
    return LAMINAR_OK;
done:
    join_free(&join->base);
    return status;
}
