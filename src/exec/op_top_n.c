/* op_top_n.c - ORDER BY with LIMIT and OFFSET, for the whole input or for each partition; and LIMIT alone.
 *
 * Algebra: the rows of a partition stand in the order of the sort keys, then of the whole row, so that ties are decided the same way whatever the order of
 * arrival; a row of weight w takes w places; places [offset, offset + limit) come out. At the end of a step each partition that changed is
 * compared, place by place, with what it has shown: the difference comes out. Cost of a step: O(log n) a row, O(offset + limit) a partition touched.
 * With ties the last place is shared: by the peers of its row (RANK() <= n), or places are groups of peers (DENSE_RANK() <= n).
 * Top rows of partitions of an append-only input (`merges`): "shown" is all there is to know, so "rows" has the rows of one step, which are merged with what
 * is shown. A partition whose places are taken turns rows away by their first sort key, where that is a number, before they cost anything.
 * LIMIT alone: of an append-only input the first rows that arrive, of any other the first in the order of whole rows; so a retraction is always replaced.
 * State: "rows" (all rows; of an append-only input only those that can still come out), "shown" (what has come out), "groups" (partitions).
 * One-shot: append-only in this sense; rows beyond the last place are turned away by comparing them with it. */
#include "base/error.h"
#include "exec/key_encode.h"
#include "exec/op_rows.h"
#include "exec/ops.h"
#include "exec/state_multimap.h"
#include "exec/state_ordered.h"

enum { PRUNE_SLACK = 1024 };

/* What is known of a partition. */
struct top_group {
    uint64_t is_touched; /* in this step */
    /* of the row at the last place (key_of_i64): what is greater is turned away; 0: nothing is */
    uint64_t last_key;
};

struct op_top_n {
    struct op base;
    bool is_one_shot;
    bool is_append_only; /* rows beyond the last place are of no use */
    bool is_bare;        /* LIMIT alone over append-only input */
    bool merges;         /* see above */
    bool turns_away;     /* the first sort key is a number of 8 bytes */
    uint64_t offset;
    uint64_t end;       /* offset + limit; UINT64_MAX = none */
    enum top_ties ties; /* without an offset */
    const struct sort_key *sort;
    uint32_t n_sort;
    const uint32_t *partition;
    uint32_t n_partition;
    struct state_hash *groups; /* NULL without partitions: group 0 */
    struct state_ordered *rows;
    struct state_ordered *shown;
    struct state_multimap *count; /* is_bare: one row, whose weight is the number of rows so far */
    ARRAY_OF(uint64_t) touched;
    bool is_touched; /* group 0 */
    /* changes of the groups at hand */
    struct column *cols;
    ARRAY_OF(int64_t) weights;
    ARRAY_OF(uint64_t) change_groups;
    size_t n_changes;
    /* the row at the last place, where that is known; rows behind it are turned away */
    struct column *bound;
    bool has_bound;
    struct column *out_cols;
    struct vector *vecs;
    struct vector *keys;
    struct top_n_scratch {
        uint64_t groups[CHUNK_ROWS];
        uint8_t *payloads[CHUNK_ROWS];
        uint32_t sel[CHUNK_ROWS];
        int64_t weights[CHUNK_ROWS];
    } * scratch;
};

/* --- LIMIT alone ------------------------------------------------------------------------------------------------------------------------- */

static laminar_status count_rows(struct op_top_n *top, uint64_t n, struct laminar_error *err)
{
    int64_t one = 1, weight = n > INT64_MAX ? INT64_MAX : (int64_t)n;
    struct vector v = {.type = TYPE(INT64), .shape = VEC_CONST, .data = &one};
    uint64_t hash;
    kernel_hash(&v, 1, 1, &hash);
    return multimap_apply(top->count, &v, &hash, NULL, 1, &weight, NULL, err);
}

static laminar_status bare_process(struct op_top_n *top, struct step *step,
                                   const struct chunk *chunk)
{
    struct top_n_scratch *scratch = top->scratch;
    uint64_t seen = (uint64_t)top->count->rows.weight_sum, first = seen;
    size_t n = 0;
    laminar_status status = LAMINAR_OK;
    if (seen >= top->end) return LAMINAR_OK;
    for (uint32_t i = 0; i < chunk->n_rows && seen < top->end; i++) {
        int64_t weight = chunk->weights ? chunk->weights[i] : 1;
        ENSURE(weight > 0, step->err);
        uint64_t from = seen > top->offset ? seen : top->offset;
        seen = seen + (uint64_t)weight > top->end ? top->end : seen + (uint64_t)weight;
        if (seen <= from) continue;
        scratch->sel[n] = i;
        scratch->weights[n++] = (int64_t)(seen - from);
    }
    TRY(count_rows(top, seen - first, step->err));
    if (n == 0) return LAMINAR_OK;
    struct chunk src = *chunk, out;
    src.weights = NULL;
    if (n == chunk->n_rows)
        out = src;
    else
        TRY(kernel_gather_chunk(&src, scratch->sel, n, top->out_cols, NULL, top->vecs, &out,
                                step->err));
    out.weights = chunk->weights ? scratch->weights : NULL;
    TRY(op_emit(&top->base, step, &out));
done:
    return status;
}

/* --- Taking rows in ---------------------------------------------------------------------------------------------------------------------- */

static int compare_bound(const struct op_top_n *top, const struct chunk *chunk, uint32_t row)
{
    for (uint32_t k = 0; k < top->n_sort; k++) {
        const struct sort_key *key = &top->sort[k];
        const struct vector *a = &chunk->cols[key->column], *b = &top->bound[key->column].vec;
        bool has_a = vector_is_valid(a, row), has_b = vector_is_valid(b, 0);
        if (has_a != has_b) return has_a == key->is_nulls_first ? 1 : -1;
        int order = has_a ? kernel_compare(a, row, b, 0) : 0;
        if (order) return key->is_descending ? -order : order;
    }
    return 0;
}

/* Rows that can still come out. */
static laminar_status turn_away(struct op_top_n *top, const struct chunk *chunk, struct chunk *out,
                                struct laminar_error *err)
{
    struct top_n_scratch *scratch = top->scratch;
    size_t n = 0;
    *out = *chunk;
    if (!top->has_bound) return LAMINAR_OK;
    for (uint32_t i = 0; i < chunk->n_rows; i++) {
        scratch->sel[n] = i;
        n += compare_bound(top, chunk, i) <= 0;
    }
    if (n == chunk->n_rows) return LAMINAR_OK;
    return kernel_gather_chunk(chunk, scratch->sel, n, top->out_cols, scratch->weights, top->vecs,
                               out, err);
}

/* Rows that come behind the last place of their partition: their numbers are left out. Returns how many stay. */
static size_t keep_rows(const struct op_top_n *top, const struct chunk *chunk)
{
    struct top_n_scratch *scratch = top->scratch;
    const struct vector *v = &chunk->cols[top->sort[0].column];
    const int64_t *values = v->data;
    bool is_descending = top->sort[0].is_descending, is_const = v->shape == VEC_CONST;
    size_t n = 0;
    for (uint32_t i = 0; i < chunk->n_rows; i++) {
        const struct top_group *group = (const void *)scratch->payloads[i];
        bool is_behind = group->last_key &&
                         key_of_i64(values[is_const ? 0 : i], is_descending) > group->last_key &&
                         vector_is_valid(v, i);
        scratch->sel[n] = i;
        n += !is_behind;
    }
    return n;
}

/* Group numbers of the rows, and which groups the step touches. Of `chunk` the rows stay that can come out. */
static laminar_status find_groups(struct op_top_n *top, struct chunk *chunk,
                                  struct laminar_error *err)
{
    struct top_n_scratch *scratch = top->scratch;
    laminar_status status = LAMINAR_OK;
    if (!top->groups) {
        memset(scratch->groups, 0, chunk->n_rows * sizeof *scratch->groups);
        top->is_touched = true;
        return LAMINAR_OK;
    }
    for (uint32_t k = 0; k < top->n_partition; k++) top->keys[k] = chunk->cols[top->partition[k]];
    TRY(state_hash_upsert(top->groups, top->keys, chunk->n_rows, scratch->groups, scratch->payloads,
                          NULL, err));
    size_t n = top->turns_away ? keep_rows(top, chunk) : chunk->n_rows;
    bool is_less = n < chunk->n_rows;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = is_less ? scratch->sel[i] : i;
        struct top_group *group = (void *)scratch->payloads[row];
        scratch->groups[i] = scratch->groups[row];
        if (group->is_touched) continue;
        if (!ARRAY_PUSH(&top->touched, scratch->groups[i])) TRY(error_oom(err));
        group->is_touched = 1;
    }
    if (is_less) {
        struct chunk all = *chunk;
        TRY(kernel_gather_chunk(&all, scratch->sel, n, top->out_cols, scratch->weights, top->vecs,
                                chunk, err));
    }
done:
    return status;
}

/* --- Changes ----------------------------------------------------------------------------------------------------------------------------- */

static laminar_status add_change(struct op_top_n *top, uint64_t group,
                                 const struct state_ordered_cursor *cursor, int64_t weight,
                                 struct laminar_error *err)
{
    if (!ARRAY_RESERVE(&top->weights, top->n_changes + 1) ||
        !ARRAY_RESERVE(&top->change_groups, top->n_changes + 1))
        return error_oom(err);
    laminar_status status = state_ordered_read(cursor, top->cols, err);
    if (status != LAMINAR_OK) return status;
    top->weights.items[top->n_changes] = weight;
    top->change_groups.items[top->n_changes++] = group;
    return LAMINAR_OK;
}

static void clear_changes(struct op_top_n *top)
{
    for (uint32_t c = 0; c < top->base.n_cols; c++) column_clear(&top->cols[c]);
    top->n_changes = 0;
}

/* Applies the changes to `table`, or (step) emits them. */
static laminar_status flush_changes(struct op_top_n *top, struct state_ordered *table,
                                    struct step *emit, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    for (size_t from = 0; from < top->n_changes; from += CHUNK_ROWS) {
        size_t n = top->n_changes - from < CHUNK_ROWS ? top->n_changes - from : CHUNK_ROWS;
        const int64_t *weights = top->weights.items + from;
        for (uint32_t c = 0; c < top->base.n_cols; c++)
            top->vecs[c] = vector_slice(&top->cols[c].vec, from);
        if (table)
            TRY(state_ordered_add(table, top->change_groups.items + from, top->vecs, weights, n,
                                  err));
        if (!emit) continue;
        struct chunk out = {.n_rows = (uint32_t)n,
                            .n_cols = top->base.n_cols,
                            .cols = top->vecs,
                            .weights = weights};
        TRY(op_emit(&top->base, emit, &out));
    }
done:
    return status;
}

/* Going through the rows of a group: places taken so far, and the row that took the last one. */
struct places {
    uint64_t seen;
    struct state_ordered_cursor last;
};

/* May the row under the cursor still take a place? If so it takes `weight`, or with TIES_DENSE one for its group. */
static bool take_place(const struct op_top_n *top, struct places *p,
                       const struct state_ordered_cursor *cursor, uint64_t weight)
{
    if (top->ties != TIES_CUT) {
        bool is_peer = p->seen && state_ordered_are_peers(&p->last, cursor, top->n_sort);
        if (p->seen >= top->end && !is_peer) return false;
        p->last = *cursor;
        if (is_peer && top->ties == TIES_DENSE) return true;
        if (top->ties == TIES_DENSE) weight = 1;
    } else if (p->seen >= top->end) {
        return false;
    }
    if (__builtin_add_overflow(p->seen, weight, &p->seen)) p->seen = UINT64_MAX;
    return true;
}

/* Collects the rows behind the last place, to be dropped, and notes the row at it. */
static laminar_status collect_useless(struct op_top_n *top, uint64_t group,
                                      struct laminar_error *err)
{
    struct state_ordered_cursor cursor;
    laminar_status status = LAMINAR_OK;
    struct places places = {0};
    if (!state_ordered_first(top->rows, group, &cursor)) return LAMINAR_OK;
    do {
        if (!take_place(top, &places, &cursor, (uint64_t)state_ordered_weight(&cursor))) {
            TRY(add_change(top, group, &cursor, -state_ordered_weight(&cursor), err));
            continue;
        }
        if (places.seen < top->end || top->groups) continue;
        for (uint32_t c = 0; c < top->base.n_cols; c++) column_clear(&top->bound[c]);
        TRY(state_ordered_read(&cursor, top->bound, err));
        top->has_bound = true;
    } while (state_ordered_next(&cursor));
done:
    return status;
}

static laminar_status drop_useless(struct op_top_n *top, struct laminar_error *err)
{
    laminar_status status = flush_changes(top, top->rows, NULL, err);
    clear_changes(top);
    return status;
}

static laminar_status top_n_process(struct op *op, struct step *step, uint32_t port,
                                    const struct chunk *chunk)
{
    (void)port;
    struct op_top_n *top = CONTAINER_OF(op, struct op_top_n, base);
    struct chunk kept;
    laminar_status status = LAMINAR_OK;
    if (top->end == top->offset) return LAMINAR_OK; /* LIMIT 0 */
    if (top->is_bare) return bare_process(top, step, chunk);
    TRY(turn_away(top, chunk, &kept, step->err));
    if (kept.n_rows == 0) return LAMINAR_OK;
    TRY(find_groups(top, &kept, step->err));
    if (kept.n_rows == 0) return LAMINAR_OK;
    TRY(state_ordered_add(top->rows, top->scratch->groups, kept.cols, kept.weights, kept.n_rows,
                          step->err));
    size_t n_rows = state_ordered_base(top->rows)->n_rows;
    if (!top->groups && n_rows > PRUNE_SLACK && (n_rows - PRUNE_SLACK) / 2 > top->end &&
        top->is_append_only && top->ties == TIES_CUT) {
        clear_changes(top);
        TRY(collect_useless(top, 0, step->err));
        TRY(drop_useless(top, step->err));
    }
done:
    return status;
}

/* How many of the places [offset, end) the row under the cursor takes; moves on to the first row that takes any. False at the end. */
static bool next_place(const struct op_top_n *top, struct state_ordered_cursor *cursor,
                       bool *has_row, struct places *places, int64_t *n_places)
{
    for (; *has_row; *has_row = state_ordered_next(cursor)) {
        int64_t weight = state_ordered_weight(cursor);
        uint64_t from = places->seen > top->offset ? places->seen : top->offset;
        if (weight <= 0) continue;
        if (!take_place(top, places, cursor, (uint64_t)weight)) return false;
        *n_places = weight;
        if (top->ties != TIES_CUT) return true;
        uint64_t to = places->seen < top->end ? places->seen : top->end;
        if (to <= from) continue;
        *n_places = (int64_t)(to - from);
        return true;
    }
    return false;
}

static laminar_status diff_group(struct op_top_n *top, uint64_t group, struct laminar_error *err)
{
    struct state_ordered_cursor now, before;
    bool has_now = state_ordered_first(top->rows, group, &now),
         has_before = state_ordered_first(top->shown, group, &before);
    struct places places = {0};
    int64_t n_places = 0;
    laminar_status status = LAMINAR_OK;
    bool has_place = next_place(top, &now, &has_now, &places, &n_places);
    while (has_place || has_before) {
        int order = !has_place ? 1 : !has_before ? -1 : state_ordered_compare(&now, &before);
        int64_t weight = (order <= 0 ? n_places : 0) -
                         (order >= 0 ? state_ordered_weight(&before) : 0);
        if (weight) TRY(add_change(top, group, order <= 0 ? &now : &before, weight, err));
        if (order >= 0) has_before = state_ordered_next(&before);
        if (order > 0) continue;
        has_now = state_ordered_next(&now);
        has_place = next_place(top, &now, &has_now, &places, &n_places);
    }
done:
    return status;
}

/* `merges`: the places are filled from what is shown and what the step brought. */
static laminar_status merge_group(struct op_top_n *top, uint64_t group, struct laminar_error *err)
{
    struct state_ordered_cursor now, before, last = {0};
    bool has_now = state_ordered_first(top->rows, group, &now),
         has_before = state_ordered_first(top->shown, group, &before);
    uint64_t left = top->end;
    laminar_status status = LAMINAR_OK;
    while (has_before || (has_now && left > 0)) {
        int order = !has_now || left == 0 ? 1
                    : !has_before         ? -1
                                          : state_ordered_compare(&now, &before);
        uint64_t shown = order >= 0 ? (uint64_t)state_ordered_weight(&before) : 0,
                 places = shown + (order <= 0 ? (uint64_t)state_ordered_weight(&now) : 0);
        if (places > left) places = left;
        const struct state_ordered_cursor *at = order <= 0 ? &now : &before;
        if (places != shown) TRY(add_change(top, group, at, (int64_t)places - (int64_t)shown, err));
        if (places > 0) last = *at;
        left -= places;
        if (order >= 0) has_before = state_ordered_next(&before);
        if (order <= 0) has_now = state_ordered_next(&now);
    }
    /* written in this step already: can't fail */
    struct top_group *known = (void *)state_hash_row_for_write(top->groups, group);
    if (top->turns_away && left == 0) known->last_key = state_ordered_first_key(&last);
    status = state_ordered_remove_group(top->rows, group, err);
done:
    return status;
}

static laminar_status show_changes(struct op_top_n *top, struct step *step)
{
    laminar_status status = LAMINAR_OK;
    TRY(flush_changes(top, top->is_one_shot ? NULL : top->shown, step, step->err));
    clear_changes(top);
done:
    return status;
}

/* After all changes are shown: a group's number may come to stand for another partition. */
static void forget_groups(struct op_top_n *top)
{
    struct state_ordered_cursor cursor;
    for (size_t i = 0; i < top->touched.n; i++) {
        uint64_t group = top->touched.items[i];
        /* written in this step already: can't fail */
        struct top_group *known = (void *)state_hash_row_for_write(top->groups, group);
        known->is_touched = 0;
        if (!state_ordered_first(top->merges ? top->shown : top->rows, group, &cursor))
            state_hash_remove(top->groups, &group, 1);
    }
    top->touched.n = 0;
    top->is_touched = false;
}

static laminar_status top_n_finish(struct op *op, struct step *step)
{
    struct op_top_n *top = CONTAINER_OF(op, struct op_top_n, base);
    laminar_status status = LAMINAR_OK;
    op->watermark_out = op->watermark_in;
    if (top->is_bare) return LAMINAR_OK;
    clear_changes(top);
    if (top->is_touched) TRY(diff_group(top, 0, step->err));
    for (size_t i = 0; i < top->touched.n; i++) {
        uint64_t group = top->touched.items[i];
        TRY(top->merges ? merge_group(top, group, step->err) : diff_group(top, group, step->err));
        if (top->n_changes >= CHUNK_ROWS) TRY(show_changes(top, step));
    }
    TRY(show_changes(top, step));
    if (top->is_append_only && !top->is_one_shot && !top->merges && top->end != UINT64_MAX) {
        if (top->is_touched) TRY(collect_useless(top, 0, step->err));
        for (size_t i = 0; i < top->touched.n; i++)
            TRY(collect_useless(top, top->touched.items[i], step->err));
        TRY(drop_useless(top, step->err));
    }
    forget_groups(top);
done:
    return status;
}

/* --- Operator ---------------------------------------------------------------------------------------------------------------------------- */

static void top_n_free(struct op *op)
{
    struct op_top_n *top = CONTAINER_OF(op, struct op_top_n, base);
    columns_free(top->cols, op->n_cols);
    columns_free(top->bound, op->n_cols);
    columns_free(top->out_cols, op->n_cols);
    ARRAY_DEINIT(&top->touched);
    ARRAY_DEINIT(&top->weights);
    ARRAY_DEINIT(&top->change_groups);
    mem_free(top->vecs);
    mem_free(top->keys);
    mem_free(top->scratch);
    op_deinit(op);
    mem_free(top);
}

static void top_n_explain(const struct op *op, struct strbuf *out)
{
    const struct op_top_n *top = CONTAINER_OF(op, struct op_top_n, base);
    strbuf_printf(out, "top %llu", (unsigned long long)(top->end - top->offset));
    if (top->offset) strbuf_printf(out, " after %llu", (unsigned long long)top->offset);
    if (top->groups)
        strbuf_printf(out, " of each of %zu partitions", state_hash_base(top->groups)->n_rows);
    struct state_ordered *kept = top->merges ? top->shown : top->rows;
    if (kept) strbuf_printf(out, ", %zu rows kept", state_ordered_base(kept)->n_rows);
}

static const struct op_class top_n_class = {.name = "top_n",
                                            .process = top_n_process,
                                            .finish_step = top_n_finish,
                                            .free = top_n_free,
                                            .explain = top_n_explain};

static laminar_status create_count(struct op_top_n *top, struct laminar_error *err)
{
    const struct data_type type = TYPE(INT64);
    const uint32_t key = 0;
    struct multimap_options options = {.name = "count",
                                       .types = &type,
                                       .n_cols = 1,
                                       .key_cols = &key,
                                       .n_keys = 1,
                                       .mode = MULTIMAP_CHAIN,
                                       .account = circuit_account(top->base.circuit)};
    laminar_status status = multimap_create(&options, &top->count, err);
    return status == LAMINAR_OK ? op_add_state(&top->base, &top->count->rows.state, err) : status;
}

static laminar_status create_states(struct op_top_n *top, const struct plan *plan,
                                    struct laminar_error *err)
{
    struct mem_account *account = circuit_account(top->base.circuit);
    laminar_status status = LAMINAR_OK;
    struct data_type *types = mem_calloc(plan->n_cols + plan->n_partition, sizeof *types);
    if (!types) return error_oom(err);
    for (uint32_t c = 0; c < plan->n_cols; c++) types[c] = plan->cols[c].type;
    for (uint32_t k = 0; k < plan->n_partition; k++)
        types[plan->n_cols + k] = plan->cols[plan->partition[k]].type;
    struct state_ordered_options options = {.name = "rows",
                                            .types = types,
                                            .n_cols = plan->n_cols,
                                            .order = plan->sort,
                                            .n_order = plan->n_sort,
                                            .account = account};
    TRY(state_ordered_create(&options, &top->rows, err));
    TRY(op_add_state(&top->base, state_ordered_base(top->rows), err));
    options.name = "shown";
    TRY(state_ordered_create(&options, &top->shown, err));
    TRY(op_add_state(&top->base, state_ordered_base(top->shown), err));
    if (plan->n_partition) {
        struct state_hash_options groups = {.name = "groups",
                                            .key_types = types + plan->n_cols,
                                            .n_keys = plan->n_partition,
                                            .payload_bytes = sizeof(struct top_group),
                                            .payload_align = 8,
                                            .account = account};
        TRY(state_hash_create(&groups, &top->groups, err));
        TRY(op_add_state(&top->base, state_hash_base(top->groups), err));
    }
done:
    mem_free(types);
    return status;
}

laminar_status op_top_n_create(struct circuit *circuit, const struct plan *plan,
                               enum circuit_mode mode, struct op **out, struct laminar_error *err)
{
    assert(plan->kind == PLAN_TOP_N);
    struct op_top_n *top = mem_calloc(1, sizeof *top);
    if (!top) return error_oom(err);
    laminar_status status;
    TRY(op_init(&top->base, &top_n_class, circuit, plan, 1, err));
    top->is_one_shot = mode == CIRCUIT_ONE_SHOT;
    top->is_append_only = top->is_one_shot || plan->inputs[0]->props.is_append_only;
    top->is_bare = top->is_append_only && plan->n_sort == 0 && plan->n_partition == 0 &&
                   plan->ties == TIES_CUT;
    top->offset = plan->offset;
    top->ties = plan->ties;
    if (!plan->has_limit || __builtin_add_overflow(plan->offset, plan->limit, &top->end))
        top->end = UINT64_MAX;
    top->sort = plan->sort;
    top->n_sort = plan->n_sort;
    top->partition = plan->partition;
    top->n_partition = plan->n_partition;
    top->merges = top->is_append_only && !top->is_one_shot && plan->n_partition > 0 &&
                  plan->ties == TIES_CUT && plan->offset == 0 && top->end != UINT64_MAX;
    top->turns_away = top->merges && plan->n_sort > 0 &&
                      type_phys(plan->cols[plan->sort[0].column].type) == PHYS_I64;
    TRY(columns_create(plan->cols, plan->n_cols, &top->cols, err));
    TRY(columns_create(plan->cols, plan->n_cols, &top->bound, err));
    TRY(columns_create(plan->cols, plan->n_cols, &top->out_cols, err));
    top->vecs = mem_calloc(plan->n_cols, sizeof *top->vecs);
    top->keys = mem_calloc(plan->n_partition, sizeof *top->keys);
    top->scratch = mem_alloc(sizeof *top->scratch);
    if (!top->vecs || !top->keys || !top->scratch) TRY(error_oom(err));
    TRY(top->is_bare ? create_count(top, err) : create_states(top, plan, err));
    *out = &top->base;
    return LAMINAR_OK;
done:
    top_n_free(&top->base);
    return status;
}
