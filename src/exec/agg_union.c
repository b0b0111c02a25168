/* agg_union.c - the value of one aggregate over the rows of several groups: windows that are made of panes, sessions that grew together.
 *
 * Aggregates in kernels add up their states (agg_set_combine). The others keep rows: here these are read side by side, none is moved. MULTISET merges
 * the sorted rows of the parts through a heap of cursors, O(rows * log parts); FIRST takes the best of the parts' first rows; DISTINCT
 * collects the values of all parts in a hash table that is empty again afterwards, and runs the kernel over them.
 * @thread the step owner. */
#include "base/error.h"
#include "exec/agg_set.h"

struct agg_union {
    ARRAY_OF(struct state_ordered_cursor) cursors; /* one a part */
    ARRAY_OF(uint32_t) heap;                       /* of cursors, least row first */
    uint8_t *payload;                              /* DISTINCT: one state of the kernel */
    uint64_t slots[CHUNK_ROWS];
    uint8_t *rows[CHUNK_ROWS];
    uint8_t is_new[CHUNK_ROWS];
    uint32_t sel[CHUNK_ROWS];
};

void agg_union_deinit(struct agg_item *item)
{
    if (item->merged) state_hash_base(item->merged)->cls->free(state_hash_base(item->merged));
    item->merged = NULL;
    if (!item->parts) return;
    ARRAY_DEINIT(&item->parts->cursors);
    ARRAY_DEINIT(&item->parts->heap);
    mem_free(item->parts->payload);
    mem_free(item->parts);
    item->parts = NULL;
}

static laminar_status create_parts(struct agg_set *set, struct agg_item *item,
                                   struct laminar_error *err)
{
    struct data_type types[17];
    uint32_t n = item->call->n_args;
    if (!item->parts && !(item->parts = mem_calloc(1, sizeof *item->parts))) return error_oom(err);
    if (item->form != AGG_DISTINCT || item->merged) return LAMINAR_OK;
    if (n > ARRAY_LENGTH(types))
        return error_set(err, LAMINAR_QUERY_UNSUPPORTED, "DISTINCT over %u arguments", (unsigned)n);
    if (!item->parts->payload && !(item->parts->payload = mem_alloc(set->payload_bytes + 16)))
        return error_oom(err);
    for (uint32_t i = 0; i < n; i++) types[i] = item->call->args[i]->type;
    struct state_hash_options options = {.name = "union of values",
                                         .key_types = types,
                                         .n_keys = n,
                                         .payload_bytes = 8,
                                         .payload_align = 8,
                                         .account = circuit_account(set->op->circuit)};
    return state_hash_create(&options, &item->merged, err);
}

/* --- Sorted rows ---------------------------------------------------------------------------------------------------------------------------------------- */

/* The first row of positive weight, from where the cursor stands. */
static bool settle(struct state_ordered_cursor *cursor, bool has_row)
{
    while (has_row && state_ordered_weight(cursor) <= 0) has_row = state_ordered_next(cursor);
    return has_row;
}

static bool is_before(const struct agg_union *u, uint32_t a, uint32_t b)
{
    int order = state_ordered_compare_rows(&u->cursors.items[a], &u->cursors.items[b]);
    return order ? order < 0 : a < b;
}

/* The top of the heap moved on: down to its place. */
static void sift_down(struct agg_union *u)
{
    uint32_t *items = u->heap.items, top = items[0];
    size_t n = u->heap.n, i = 0;
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && is_before(u, items[child + 1], items[child])) child++;
        if (!is_before(u, items[child], top)) break;
        items[i] = items[child];
    }
    items[i] = top;
}

/* Cursors on the parts that have rows, as a heap. */
static laminar_status open_parts(struct agg_item *item, const uint64_t *slots, size_t n_parts,
                                 struct laminar_error *err)
{
    struct agg_union *u = item->parts;
    if (!ARRAY_RESERVE(&u->cursors, n_parts) || !ARRAY_RESERVE(&u->heap, n_parts))
        return error_oom(err);
    u->heap.n = 0;
    for (size_t p = 0; p < n_parts; p++) {
        struct state_ordered_cursor *cursor = &u->cursors.items[p];
        if (!settle(cursor, state_ordered_first(item->ordered, slots[p], cursor))) continue;
        size_t i = u->heap.n++;
        for (; i > 0 && is_before(u, (uint32_t)p, u->heap.items[(i - 1) / 2]); i = (i - 1) / 2)
            u->heap.items[i] = u->heap.items[(i - 1) / 2];
        u->heap.items[i] = (uint32_t)p;
    }
    return LAMINAR_OK;
}

static laminar_status finish_sorted(struct agg_item *item, const uint64_t *slots, size_t n_parts,
                                    struct column *out, struct laminar_error *err)
{
    struct agg_union *u = item->parts;
    laminar_status status;
    size_t n = 0;
    for (uint32_t i = 0; i < item->n_cols; i++) column_clear(&item->cols[i]);
    column_clear(&item->weights);
    TRY(open_parts(item, slots, n_parts, err));
    if (item->form == AGG_FIRST) {
        if (u->heap.n == 0) return column_append_null(out, 1, err);
        TRY(state_ordered_read(&u->cursors.items[u->heap.items[0]], item->cols, err));
        return column_append(out, &item->cols[0].vec, 0, 1, STRINGS_COPY, err);
    }
    struct state_ordered_cursor last; /* of the row that was read before */
    while (u->heap.n) {
        struct state_ordered_cursor *cursor = &u->cursors.items[u->heap.items[0]];
        int64_t weight = item->is_distinct ? 1 : state_ordered_weight(cursor);
        if (n == 0 || !item->is_distinct || state_ordered_compare_rows(&last, cursor) != 0) {
            TRY(state_ordered_read(cursor, item->cols, err));
            TRY(column_append_value(&item->weights, &weight, err));
            n++;
            last = *cursor;
        }
        if (!settle(cursor, state_ordered_next(cursor)))
            u->heap.items[0] = u->heap.items[--u->heap.n];
        if (u->heap.n) sift_down(u);
    }
    status = agg_item_finish_rows(item, n, out, err);
done:
    return status;
}

/* --- Distinct values -------------------------------------------------------------------------------------------------------------------------------------- */

/* Values in u->slots[0..n) of the pairs table that no part before had, into the kernel's state. */
static laminar_status add_values(struct agg_set *set, struct agg_item *item, size_t n,
                                 struct laminar_error *err)
{
    struct agg_union *u = item->parts;
    laminar_status status = LAMINAR_OK;
    size_t n_new = 0;
    for (uint32_t i = 0; i < item->n_cols; i++) {
        column_clear(&item->cols[i]);
        TRY(state_hash_keys(item->distinct, i + 1, u->slots, n, &item->cols[i], err));
        item->vecs[i] = item->cols[i].vec;
    }
    TRY(state_hash_upsert(item->merged, item->vecs, n, u->slots, u->rows, u->is_new, err));
    for (size_t i = 0; i < n; i++) {
        u->sel[n_new] = (uint32_t)i;
        n_new += u->is_new[i];
    }
    if (n_new == 0) return LAMINAR_OK;
    for (uint32_t i = 0; i < item->n_cols && n_new < n; i++) {
        struct column *some = &item->changed_cols[i];
        column_clear(some);
        TRY(column_append_sel(some, &item->cols[i].vec, u->sel, n_new, STRINGS_BORROW, err));
        item->vecs[i] = some->vec;
    }
    for (size_t i = 0; i < n_new; i++) u->rows[i] = u->payload;
    status = item->agg->kernels->update(item->agg, set->heap, u->rows, item->offset, item->vecs,
                                        NULL, n_new, err);
done:
    return status;
}

static laminar_status finish_values(struct agg_set *set, struct agg_item *item,
                                    uint8_t *const *rows, size_t n_parts, struct column *out,
                                    struct laminar_error *err)
{
    struct agg_union *u = item->parts;
    const struct aggregate_kernels *kernels = item->agg->kernels;
    laminar_status status = LAMINAR_OK;
    size_t n = 0;
    memset(u->payload, 0, set->payload_bytes);
    for (size_t p = 0; p < n_parts && !status; p++) {
        uint64_t next = agg_item_first_pair(item, rows[p]);
        while (next && !status) {
            int64_t count;
            u->slots[n] = next - 1;
            next = agg_item_next_pair(item, next, &count);
            n += count > 0;
            if (n < CHUNK_ROWS) continue;
            status = add_values(set, item, n, err);
            n = 0;
        }
    }
    if (!status && n) status = add_values(set, item, n, err);
    column_clear(&item->finished);
    if (!status)
        status = kernels->finish(item->agg, &u->payload, item->offset, 1, &item->finished, err);
    if (!status) status = column_append(out, &item->finished.vec, 0, 1, STRINGS_COPY, err);
    if (kernels->destroy) kernels->destroy(item->agg, set->heap, u->payload + item->offset);
    uint64_t cursor = 0;
    while ((n = state_hash_scan(item->merged, &cursor, u->slots, CHUNK_ROWS)) > 0)
        state_hash_remove(item->merged, u->slots, n);
    return status;
}

laminar_status agg_set_finish_union(struct agg_set *set, uint32_t a, const uint64_t *slots,
                                    uint8_t *const *rows, size_t n_parts, struct column *out,
                                    struct laminar_error *err)
{
    struct agg_item *item = &set->items[a];
    assert(item->form != AGG_KERNEL);
    laminar_status status = create_parts(set, item, err);
    if (status) return status;
    return item->form == AGG_DISTINCT ? finish_values(set, item, rows, n_parts, out, err)
                                      : finish_sorted(item, slots, n_parts, out, err);
}
