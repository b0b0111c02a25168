/* agg_set.c - see agg_set.h. */
#include "exec/agg_set.h"
#include "base/error.h"

/* A (group, values) pair of a DISTINCT aggregate. The pairs of a group are chained, so that they can go with it. */
struct pair {
    int64_t count;
    uint64_t next; /* slot + 1; 0 = none */
    uint64_t previous;
};

/* --- Creation ------------------------------------------------------------------------------------------------------------------------------ */

/* merges: states of a group must be put together, as when two sessions become one. */
static laminar_status choose_form(struct agg_item *item, bool is_retracting, bool merges,
                                  struct laminar_error *err)
{
    const struct bound_aggregate *agg = item->agg;
    bool needs_order = item->call->n_order > 0 && agg->flags & AGG_NEEDS_ORDER;
    bool can_update = agg->kernels && (!is_retracting || agg->kernels->is_retractable) &&
                      (!merges || agg->kernels->combine);
    item->is_distinct = item->call->is_distinct && !(agg->flags & AGG_IGNORES_DISTINCT) &&
                        item->call->n_args > 0;
    item->form = can_update && !needs_order ? (item->is_distinct ? AGG_DISTINCT : AGG_KERNEL)
                                            : AGG_MULTISET;
    if (item->form != AGG_MULTISET) return LAMINAR_OK;
    bool is_min = strcmp(agg->name, "min") == 0, is_max = strcmp(agg->name, "max") == 0;
    bool is_any = strcmp(agg->name, "any_value") == 0;
    if ((is_min || is_max || is_any) && item->call->n_args == 1) {
        item->form = AGG_FIRST;
        return LAMINAR_OK;
    }
    if (agg->finish_multiset) return LAMINAR_OK;
    error_set(err, LAMINAR_QUERY_UNSUPPORTED, "%s() over rows that can be taken back", agg->name);
    error_hint(
        err,
        "its input retracts rows; use an exact aggregate, or aggregate before the join or aggregation that retracts");
    return LAMINAR_QUERY_UNSUPPORTED;
}

static laminar_status push_expr(struct expr ***exprs, uint32_t *n_exprs, struct expr *e,
                                struct laminar_error *err)
{
    struct expr **grown = mem_realloc(*exprs, (*n_exprs + 1) * sizeof *grown);
    if (!grown) return error_oom(err);
    grown[(*n_exprs)++] = e;
    *exprs = grown;
    return LAMINAR_OK;
}

static laminar_status create_distinct(struct agg_set *set, struct agg_item *item,
                                      struct laminar_error *err)
{
    uint32_t n = item->call->n_args;
    struct data_type *types = mem_alloc((n + 1) * sizeof *types);
    if (!types) return error_oom(err);
    types[0] = TYPE(UINT64);
    for (uint32_t i = 0; i < n; i++) types[i + 1] = item->call->args[i]->type;
    struct state_hash_options options = {.name = "distinct values",
                                         .key_types = types,
                                         .n_keys = n + 1,
                                         .payload_bytes = sizeof(struct pair),
                                         .payload_align = 8,
                                         .account = circuit_account(set->op->circuit)};
    struct state_hash *table;
    laminar_status status = state_hash_create(&options, &table, err);
    if (!status) status = op_add_state(set->op, state_hash_base(table), err);
    if (!status) item->distinct = table;
    mem_free(types);
    return status;
}

/* Columns: order arguments, then arguments. max() is the first of a descending order. */
static laminar_status create_ordered(struct agg_set *set, struct agg_item *item,
                                     struct laminar_error *err)
{
    const struct aggregate_call *call = item->call;
    uint32_t n = item->n_cols;
    struct data_type *types = mem_alloc((n + 1) * sizeof *types);
    struct sort_key *order = mem_alloc((call->n_order + 1) * sizeof *order);
    laminar_status status = types && order ? LAMINAR_OK : error_oom(err);
    if (!status) {
        for (uint32_t i = 0; i < n; i++) types[i] = item->cols[i].vec.type;
        uint32_t n_order = item->form == AGG_FIRST ? 1 : call->n_order;
        if (item->form == AGG_FIRST)
            order[0] = (struct sort_key){.column = 0,
                                         .is_descending = strcmp(item->agg->name, "max") == 0};
        else if (n_order)
            memcpy(order, call->order_keys, n_order * sizeof *order);
        struct state_ordered_options options = {.name = "sorted values",
                                                .types = types,
                                                .n_cols = n,
                                                .order = order,
                                                .n_order = n_order,
                                                .account = circuit_account(set->op->circuit)};
        struct state_ordered *table;
        status = state_ordered_create(&options, &table, err);
        if (!status) status = op_add_state(set->op, state_ordered_base(table), err);
        if (!status) item->ordered = table;
    }
    mem_free(types);
    mem_free(order);
    return status;
}

static laminar_status add_item(struct agg_set *set, struct agg_item *item,
                               const struct aggregate_call *call, bool is_retracting, bool merges,
                               struct expr ***exprs, uint32_t *n_exprs, struct laminar_error *err)
{
    laminar_status status;
    item->call = call;
    item->agg = call->agg;
    if (is_retracting && call->agg->retract_kernels) {
        item->exact = *call->agg;
        item->exact.kernels = call->agg->retract_kernels;
        item->agg = &item->exact;
    }
    item->filter = NO_FILTER;
    if ((status = choose_form(item, is_retracting, merges, err))) return status;
    uint32_t n_order = item->form == AGG_MULTISET ? call->n_order : 0;
    for (uint32_t i = 0; i < n_order; i++)
        if ((status = push_expr(exprs, n_exprs, call->order_args[i], err))) return status;
    item->first_arg = *n_exprs;
    for (uint32_t i = 0; i < call->n_args; i++)
        if ((status = push_expr(exprs, n_exprs, call->args[i], err))) return status;
    if (call->filter) {
        item->filter = *n_exprs;
        if ((status = push_expr(exprs, n_exprs, call->filter, err))) return status;
    }
    item->vecs = mem_calloc(n_order + call->n_args + 1, sizeof *item->vecs);
    item->cols = mem_calloc(n_order + call->n_args + 1, sizeof *item->cols);
    item->changed_cols = mem_calloc(n_order + call->n_args + 1, sizeof *item->cols);
    if (!item->vecs || !item->cols || !item->changed_cols) return error_oom(err);
    for (uint32_t i = 0; i < n_order + call->n_args; i++) {
        struct data_type type = i < n_order ? call->order_args[i]->type
                                            : call->args[i - n_order]->type;
        if ((status = column_init(&item->cols[i], type, err))) return status;
        item->n_cols++;
        if ((status = column_init(&item->changed_cols[i], type, err))) return status;
    }
    if ((status = column_init(&item->finished, item->agg->result, err))) return status;
    if ((status = column_init(&item->weights, TYPE(INT64), err))) return status;
    set->has_children |= item->form != AGG_KERNEL;
    if (item->form == AGG_MULTISET || item->form == AGG_FIRST)
        return create_ordered(set, item, err);
    const struct aggregate_kernels *kernels = item->agg->kernels;
    uint32_t align = kernels->state_align > 8 ? 16 : 8;
    if (align > set->payload_align) set->payload_align = align;
    item->offset = (set->payload_bytes + align - 1) & ~(align - 1);
    set->payload_bytes = (uint32_t)item->offset + kernels->state_size;
    set->is_plain &= kernels->is_plain_bytes;
    if (item->form != AGG_DISTINCT) return LAMINAR_OK;
    item->chain_offset = (set->payload_bytes + 7) & ~7U;
    set->payload_bytes = (uint32_t)item->chain_offset + 8;
    return create_distinct(set, item, err);
}

laminar_status agg_set_create(struct op *op, const struct plan *plan, bool is_retracting,
                              uint32_t header_bytes, struct agg_set *set, struct expr ***exprs,
                              uint32_t *n_exprs, struct laminar_error *err)
{
    *set = (struct agg_set){.op = op,
                            .payload_bytes = header_bytes,
                            .header_bytes = header_bytes,
                            .payload_align = 8,
                            .is_plain = true};
    set->items = mem_calloc(plan->n_aggs + 1, sizeof *set->items);
    if (!set->items) return error_oom(err);
    laminar_status status = LAMINAR_OK;
    bool needs_scratch = false;
    for (uint32_t i = 0; i < plan->n_aggs && !status; i++) {
        set->n++;
        status = add_item(set, &set->items[i], &plan->aggs[i], is_retracting,
                          plan->window.kind == WINDOW_SESSION, exprs, n_exprs, err);
        needs_scratch |= set->items[i].filter != NO_FILTER || set->items[i].form == AGG_DISTINCT;
    }
    set->payload_bytes = (set->payload_bytes + 7) & ~7U;
    if (status || !needs_scratch) return status;
    set->sel = mem_alloc(CHUNK_ROWS * sizeof *set->sel);
    set->rows = mem_alloc(CHUNK_ROWS * sizeof *set->rows);
    set->slots = mem_alloc(CHUNK_ROWS * sizeof *set->slots);
    set->weights = mem_alloc(CHUNK_ROWS * sizeof *set->weights);
    set->child_slots = mem_alloc(CHUNK_ROWS * sizeof *set->child_slots);
    set->child_rows = mem_alloc(CHUNK_ROWS * sizeof *set->child_rows);
    set->child_is_new = mem_alloc(CHUNK_ROWS);
    bool is_ok = set->child_is_new && set->sel && set->rows && set->slots && set->weights &&
                 set->child_slots && set->child_rows;
    return is_ok ? LAMINAR_OK : error_oom(err);
}

void agg_set_deinit(struct agg_set *set)
{
    for (uint32_t i = 0; i < set->n; i++) {
        struct agg_item *item = &set->items[i];
        for (uint32_t k = 0; k < item->n_cols; k++) {
            column_deinit(&item->cols[k]);
            column_deinit(&item->changed_cols[k]);
        }
        mem_free(item->cols);
        mem_free(item->changed_cols);
        mem_free(item->vecs);
        column_deinit(&item->finished);
        column_deinit(&item->weights);
        agg_union_deinit(item);
    }
    mem_free(set->items);
    mem_free(set->sel);
    mem_free(set->rows);
    mem_free(set->slots);
    mem_free(set->weights);
    mem_free(set->child_slots);
    mem_free(set->child_rows);
    mem_free(set->child_is_new);
    *set = (struct agg_set){0};
}

/* --- Payloads with pointers ------------------------------------------------------------------------------------------------------------------ */

static bool has_state(const struct agg_item *item)
{
    return item->form == AGG_KERNEL || item->form == AGG_DISTINCT;
}

static laminar_status encode_payload(void *ctx, const uint8_t *payload, struct strbuf *out,
                                     struct laminar_error *err)
{
    const struct agg_set *set = ctx;
    strbuf_append(out, (const char *)payload, set->header_bytes);
    for (uint32_t i = 0; i < set->n; i++) {
        const struct agg_item *item = &set->items[i];
        if (!has_state(item)) continue;
        if (item->form == AGG_DISTINCT)
            strbuf_append(out, (const char *)payload + item->chain_offset, 8);
        if (item->agg->kernels->is_plain_bytes) {
            strbuf_append(out, (const char *)payload + item->offset,
                          item->agg->kernels->state_size);
            continue;
        }
        laminar_status status = item->agg->kernels->encode(item->agg, payload + item->offset, out,
                                                           err);
        if (status) return status;
    }
    return out->failed ? error_oom(err) : LAMINAR_OK;
}

static laminar_status cut_off(struct laminar_error *err)
{
    return error_set(err, LAMINAR_CHECKPOINT_FAILED,
                     "the state of an aggregate can't be restored: it is cut off");
}

static laminar_status decode_payload(void *ctx, struct agg_heap *heap, uint8_t *payload,
                                     const uint8_t *data, size_t size, size_t *used,
                                     struct laminar_error *err)
{
    const struct agg_set *set = ctx;
    size_t at = set->header_bytes;
    if (size < at) return cut_off(err);
    memcpy(payload, data, at);
    for (uint32_t i = 0; i < set->n; i++) {
        const struct agg_item *item = &set->items[i];
        if (!has_state(item)) continue;
        size_t taken = item->agg->kernels->state_size;
        if (item->form == AGG_DISTINCT) {
            if (size - at < 8) return cut_off(err);
            memcpy(payload + item->chain_offset, data + at, 8);
            at += 8;
        }
        if (item->agg->kernels->is_plain_bytes) {
            if (size - at < taken) return cut_off(err);
            memcpy(payload + item->offset, data + at, taken);
        } else {
            laminar_status status = item->agg->kernels->decode(
                item->agg, heap, payload + item->offset, data + at, size - at, &taken, err);
            if (status) return status;
        }
        at += taken;
    }
    *used = at;
    return LAMINAR_OK;
}

static void destroy_payload(void *ctx, struct agg_heap *heap, uint8_t *payload)
{
    const struct agg_set *set = ctx;
    for (uint32_t i = 0; i < set->n; i++) {
        const struct agg_item *item = &set->items[i];
        if (has_state(item) && item->agg->kernels->destroy)
            item->agg->kernels->destroy(item->agg, heap, payload + item->offset);
    }
}

void agg_set_destroy_payload(struct agg_set *set, uint8_t *payload)
{
    if (!set->is_plain) destroy_payload(set, set->heap, payload);
}

void agg_set_table_options(struct agg_set *set, struct state_hash_options *options)
{
    options->payload_bytes = set->payload_bytes;
    options->payload_align = set->payload_align;
    if (set->is_plain) return;
    options->encode = encode_payload;
    options->decode = decode_payload;
    options->destroy = destroy_payload;
    options->ctx = set;
}

/* --- Update ------------------------------------------------------------------------------------------------------------------------------------ */

struct update {
    const struct vector *vecs; /* arguments (and order arguments in front) */
    const uint64_t *slots;
    uint8_t *const *rows;
    const int64_t *weights;
    size_t n;
};

/* Rows sel[0..n) of everything, into cols and scratch. Slots, rows and weights of `from` may lie in scratch already: sel is ascending, so nothing is
 * overwritten before it is read. */
static laminar_status compact(struct agg_set *set, struct agg_item *item, const struct update *from,
                              struct column *cols, const uint32_t *sel, size_t n,
                              struct update *out, struct laminar_error *err)
{
    for (uint32_t i = 0; i < item->n_cols; i++) {
        item->vecs[i] = from->vecs[i];
        if (from->vecs[i].shape == VEC_CONST) continue;
        column_clear(&cols[i]);
        laminar_status status = column_append_sel(&cols[i], &from->vecs[i], sel, n, STRINGS_BORROW,
                                                  err);
        if (status) return status;
        item->vecs[i] = cols[i].vec;
    }
    for (size_t i = 0; i < n; i++) {
        set->rows[i] = from->rows[sel[i]];
        set->slots[i] = from->slots[sel[i]];
    }
    if (from->weights)
        for (size_t i = 0; i < n; i++) set->weights[i] = from->weights[sel[i]];
    *out = (struct update){item->vecs, set->slots, set->rows, from->weights ? set->weights : NULL,
                           n};
    return LAMINAR_OK;
}

static struct pair *pair_at(struct state_hash *table, uint64_t slot_plus_1)
{
    return (struct pair *)(void *)state_hash_row_for_write(table, slot_plus_1 - 1);
}

uint64_t agg_item_first_pair(const struct agg_item *item, const uint8_t *group_row)
{
    return *(const uint64_t *)(const void *)(group_row + item->chain_offset);
}
uint64_t agg_item_next_pair(const struct agg_item *item, uint64_t at, int64_t *count)
{
    const struct pair *pair = (const struct pair *)(const void *)state_hash_row(item->distinct,
                                                                                at - 1);
    *count = pair->count;
    return pair->next;
}

/* A new pair becomes the first of its group's chain. */
static laminar_status chain_pair(struct agg_item *item, uint64_t slot, struct pair *pair,
                                 uint8_t *group_row, struct laminar_error *err)
{
    uint64_t *first = (uint64_t *)(void *)(group_row + item->chain_offset);
    if (*first) {
        struct pair *next = pair_at(item->distinct, *first);
        if (!next) return error_oom(err);
        next->previous = slot + 1;
    }
    pair->next = *first;
    *first = slot + 1;
    return LAMINAR_OK;
}

static laminar_status remove_pair(struct agg_item *item, uint64_t slot, struct pair *pair,
                                  uint8_t *group_row, struct laminar_error *err)
{
    struct pair *next = NULL, *previous = NULL;
    if (pair->next && !(next = pair_at(item->distinct, pair->next))) return error_oom(err);
    if (pair->previous && !(previous = pair_at(item->distinct, pair->previous)))
        return error_oom(err);
    if (next) next->previous = pair->previous;
    if (previous)
        previous->next = pair->next;
    else
        *(uint64_t *)(void *)(group_row + item->chain_offset) = pair->next;
    state_hash_remove(item->distinct, &slot, 1);
    return LAMINAR_OK;
}

/* Rows that make a (group, values) pair appear (+1) or vanish (-1) go on to the kernels. Which of the two it is shows in the row's own weight. */
static laminar_status update_distinct(struct agg_set *set, struct agg_item *item,
                                      const struct update *u, struct laminar_error *err)
{
    struct vector keys[17];
    uint32_t n_args = item->n_cols;
    if (n_args + 1 > ARRAY_LENGTH(keys))
        return error_set(err, LAMINAR_QUERY_UNSUPPORTED, "DISTINCT over %u arguments",
                         (unsigned)n_args);
    keys[0] = (struct vector){.type = TYPE(UINT64), .data = (void *)(uintptr_t)u->slots};
    memcpy(keys + 1, u->vecs, n_args * sizeof *keys);
    laminar_status status = state_hash_upsert(item->distinct, keys, u->n, set->child_slots,
                                              set->child_rows, set->child_is_new, err);
    size_t n = 0;
    bool has_minus = false;
    for (size_t i = 0; i < u->n && !status; i++) {
        struct pair *pair = (struct pair *)(void *)set->child_rows[i];
        if (set->child_is_new[i])
            status = chain_pair(item, set->child_slots[i], pair, u->rows[i], err);
        int64_t before = pair->count;
        pair->count += u->weights ? u->weights[i] : 1;
        set->sel[n] = (uint32_t)i;
        n += (pair->count > 0) != (before > 0);
        has_minus |= pair->count <= 0 && before > 0;
    }
    /* A slot may stand twice; nothing is added in between, so after its removal it reads as free. */
    for (size_t i = 0; u->weights && i < u->n && !status; i++) {
        struct pair *pair = (struct pair *)(void *)set->child_rows[i];
        if (state_hash_row(item->distinct, set->child_slots[i]) && pair->count == 0)
            status = remove_pair(item, set->child_slots[i], pair, u->rows[i], err);
    }
    if (status || n == 0) return status;
    struct update changed;
    if ((status = compact(set, item, u, item->changed_cols, set->sel, n, &changed, err)))
        return status;
    for (size_t i = 0; i < n && has_minus; i++) set->weights[i] = changed.weights[i] > 0 ? 1 : -1;
    return item->agg->kernels->update(item->agg, set->heap, changed.rows, item->offset,
                                      changed.vecs, has_minus ? set->weights : NULL, n, err);
}

laminar_status agg_set_update(struct agg_set *set, const struct vector *results,
                              const uint64_t *slots, uint8_t *const *rows, const int64_t *weights,
                              size_t n, bool is_one_group, struct laminar_error *err)
{
    for (uint32_t a = 0; a < set->n; a++) {
        struct agg_item *item = &set->items[a];
        struct update u = {&results[item->first_arg - (item->n_cols - item->call->n_args)], slots,
                           rows, weights, n};
        laminar_status status = LAMINAR_OK;
        if (item->filter != NO_FILTER) {
            size_t kept = kernel_select_true(&results[item->filter], n, set->sel);
            if (kept == 0) continue;
            if (kept < n && (status = compact(set, item, &u, item->cols, set->sel, kept, &u, err)))
                return status;
        }
        switch (item->form) {
        case AGG_KERNEL: {
            const struct aggregate_kernels *kernels = item->agg->kernels;
            status = is_one_group && kernels->update_one
                         ? kernels->update_one(item->agg, set->heap, u.rows[0] + item->offset,
                                               u.vecs, u.weights, u.n, err)
                         : kernels->update(item->agg, set->heap, u.rows, item->offset, u.vecs,
                                           u.weights, u.n, err);
            break;
        }
        case AGG_DISTINCT: status = update_distinct(set, item, &u, err); break;
        case AGG_MULTISET:
        case AGG_FIRST:
            status = state_ordered_add(item->ordered, u.slots, u.vecs, u.weights, u.n, err);
            break;
        }
        if (status) return status;
    }
    return LAMINAR_OK;
}

/* --- Results ------------------------------------------------------------------------------------------------------------------------------------- */

laminar_status agg_item_finish_rows(struct agg_item *item, size_t n, struct column *out,
                                    struct laminar_error *err)
{
    const struct column *weights = &item->weights;
    uint32_t n_order = item->n_cols - item->call->n_args;
    laminar_status status;
    for (uint32_t i = n_order; i < item->n_cols; i++) item->vecs[i - n_order] = item->cols[i].vec;
    if (!type_is_nested(item->agg->result) && type_phys(item->agg->result) != PHYS_STRING)
        return item->agg->finish_multiset(item->agg, item->vecs, weights->vec.data, n, out, err);
    /* strings may borrow the columns, which the next group overwrites */
    column_clear(&item->finished);
    if ((status = item->agg->finish_multiset(item->agg, item->vecs, weights->vec.data, n,
                                             &item->finished, err)))
        return status;
    return column_append(out, &item->finished.vec, 0, 1, STRINGS_COPY, err);
}

/* The value of one group from its sorted rows. */
static laminar_status finish_multiset(struct agg_item *item, uint64_t slot, struct column *out,
                                      struct laminar_error *err)
{
    struct column *weights = &item->weights;
    struct state_ordered_cursor cursor;
    laminar_status status = LAMINAR_OK;
    for (uint32_t i = 0; i < item->n_cols; i++) column_clear(&item->cols[i]);
    column_clear(weights);
    size_t n = 0;
    for (bool ok = state_ordered_first(item->ordered, slot, &cursor); ok && !status;
         ok = state_ordered_next(&cursor)) {
        int64_t weight = state_ordered_weight(&cursor);
        if (weight <= 0) continue;
        if (item->is_distinct) weight = 1;
        if ((status = state_ordered_read(&cursor, item->cols, err))) return status;
        if ((status = column_append_value(weights, &weight, err))) return status;
        n++;
        if (item->form == AGG_FIRST) break;
    }
    if (item->form == AGG_FIRST)
        return n ? column_append(out, &item->cols[0].vec, 0, 1, STRINGS_COPY, err)
                 : column_append_null(out, 1, err);
    return agg_item_finish_rows(item, n, out, err);
}

static laminar_status finish_all(struct agg_set *set, uint32_t a, const uint64_t *slots,
                                 uint8_t *const *rows, size_t n, struct column *out,
                                 struct laminar_error *err)
{
    struct agg_item *item = &set->items[a];
    if (item->form == AGG_KERNEL || (item->form == AGG_DISTINCT && !set->parts))
        return item->agg->kernels->finish(item->agg, rows, item->offset, n, out, err);
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < n && !status && !set->parts; i++)
        status = finish_multiset(item, slots[i], out, err);
    size_t from = 0;
    for (size_t i = 0; i < n && !status && set->parts; from = set->parts->ends[i++])
        status = agg_set_finish_union(set, a, set->parts->slots + from, set->parts->rows + from,
                                      set->parts->ends[i] - from, out, err);
    return status;
}

/* Some value is out of range: one by one, with null for those. (Of groups made of parts it is all.) */
static laminar_status finish_what_goes(struct agg_set *set, uint32_t a, const uint64_t *slots,
                                       uint8_t *const *rows, size_t n, struct column *out,
                                       struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    size_t many = set->parts ? n : 1;
    for (size_t i = 0; i < n && !status; i += many) {
        size_t before = out->n;
        status = many > 1 ? LAMINAR_QUERY_FAILED
                          : finish_all(set, a, slots + i, rows + i, 1, out, NULL);
        if (status == LAMINAR_OUT_OF_MEMORY) return error_oom(err);
        if (status == LAMINAR_OK) continue;
        column_truncate(out, before);
        if (set->error_mode == ROW_ERROR_SKIP && set->n_bad) *set->n_bad += many;
        status = column_append_null(out, many, err);
    }
    return status;
}

laminar_status agg_set_finish(struct agg_set *set, uint32_t a, const uint64_t *slots,
                              uint8_t *const *rows, size_t n, struct column *out,
                              struct laminar_error *err)
{
    size_t before = out->n;
    bool may_fail = set->error_mode == ROW_ERROR_FAIL;
    laminar_status status = finish_all(set, a, slots, rows, n, out, may_fail ? err : NULL);
    if (likely(status == LAMINAR_OK) || may_fail) return status;
    if (status == LAMINAR_OUT_OF_MEMORY) return error_oom(err);
    column_truncate(out, before);
    return finish_what_goes(set, a, slots, rows, n, out, err);
}

bool agg_set_can_combine(const struct agg_set *set)
{
    for (uint32_t i = 0; i < set->n; i++)
        if (set->items[i].form != AGG_KERNEL || !set->items[i].agg->kernels->combine) return false;
    return true;
}

laminar_status agg_set_combine(struct agg_set *set, struct agg_heap *heap, uint8_t *dst,
                               const uint8_t *src, struct laminar_error *err)
{
    for (uint32_t i = 0; i < set->n; i++) {
        const struct agg_item *item = &set->items[i];
        if (item->form != AGG_KERNEL) continue;
        laminar_status status = item->agg->kernels->combine(item->agg, heap, dst + item->offset,
                                                            src + item->offset, err);
        if (status) return status;
    }
    return LAMINAR_OK;
}

static void forget_pairs(struct agg_item *item, uint64_t first)
{
    while (first) {
        uint64_t slot = first - 1;
        const struct pair *pair = (const struct pair *)(const void *)state_hash_row(item->distinct,
                                                                                    slot);
        if (!pair) return;
        first = pair->next;
        state_hash_remove(item->distinct, &slot, 1);
    }
}

laminar_status agg_set_forget(struct agg_set *set, const uint64_t *slots, uint8_t *const *rows,
                              size_t n, struct laminar_error *err)
{
    for (uint32_t a = 0; a < set->n && set->has_children; a++) {
        struct agg_item *item = &set->items[a];
        for (size_t i = 0; i < n; i++) {
            laminar_status status = item->ordered
                                        ? state_ordered_remove_group(item->ordered, slots[i], err)
                                        : LAMINAR_OK;
            if (status) return status;
            if (item->distinct)
                forget_pairs(item, *(const uint64_t *)(const void *)(rows[i] + item->chain_offset));
        }
    }
    return LAMINAR_OK;
}
