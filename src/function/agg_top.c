/* agg_top.c - approx_top_k: the most frequent values, by Space-Saving.
 *
 * A. Metwally, D. Agrawal, A. El Abbadi, "Efficient computation of frequent and top-k elements in data streams", ICDT 2005: a fixed number of counters; a
 * value without one takes over the least, with its count. Any value more frequent than 1/counters of the rows is among them. Append-only.
 * Counters: 8 k, at least 128; their values lie in boxes, found by a scan over their hashes. */
#include "function/agg_box.h"
#include "vector/kernel.h"

enum { K_MAX = 1000, COUNTERS_PER_K = 8, COUNTERS_MIN = 128 };

struct counter {
    struct box value;
    int64_t count;
};
/* On the heap: the header, then hashes, then counters. */
struct top_table {
    uint32_t n;
    uint32_t capacity;
    uint64_t *hashes;
    struct counter *counters;
};
struct top_state {
    struct top_table *table; /* NULL: no value yet */
};
struct top_data { /* in the plan's arena */
    uint32_t k;
    uint32_t capacity;
};

static size_t table_bytes(uint32_t capacity)
{
    return sizeof(struct top_table) + capacity * (sizeof(uint64_t) + sizeof(struct counter));
}

static bool reserve(struct top_state *s, struct agg_heap *heap, uint32_t capacity)
{
    if (s->table) return true;
    s->table = heap->alloc(heap, table_bytes(capacity));
    if (!s->table) return false;
    memset(s->table, 0, table_bytes(capacity));
    s->table->capacity = capacity;
    s->table->hashes = (uint64_t *)(void *)(s->table + 1);
    s->table->counters = (struct counter *)(void *)(s->table->hashes + capacity);
    return true;
}

/* The counter of the value; or a free one, or the least, for the caller to fill: then *is_new. */
static laminar_status find_counter(struct top_table *table, uint64_t hash, const struct vector *v,
                                   size_t row, uint32_t *out, bool *is_new,
                                   struct laminar_error *err)
{
    *is_new = false;
    for (uint32_t i = 0; i < table->n; i++) {
        if (table->hashes[i] != hash) continue;
        int order;
        laminar_status status = box_compare(&table->counters[i].value, v, row, &order, err);
        if (status != LAMINAR_OK) return status;
        if (order == 0) {
            *out = i;
            return LAMINAR_OK;
        }
    }
    *is_new = true;
    *out = table->n;
    if (table->n < table->capacity) return LAMINAR_OK;
    *out = 0;
    for (uint32_t i = 1; i < table->n; i++)
        if (table->counters[i].count < table->counters[*out].count) *out = i;
    return LAMINAR_OK;
}

static laminar_status add(const struct bound_aggregate *agg, struct agg_heap *heap,
                          struct top_state *s, uint64_t hash, const struct vector *v, size_t row,
                          int64_t weight, struct laminar_error *err)
{
    const struct top_data *data = agg->data;
    if (!reserve(s, heap, data->capacity)) return error_oom(err);
    uint32_t at;
    bool is_new;
    laminar_status status = find_counter(s->table, hash, v, row, &at, &is_new, err);
    if (status == LAMINAR_OK && is_new) {
        status = box_set(&s->table->counters[at].value, heap, v, row, err);
        if (status == LAMINAR_OK) s->table->hashes[at] = hash;
        if (status == LAMINAR_OK && at == s->table->n) s->table->n++;
    }
    if (status == LAMINAR_OK) s->table->counters[at].count += weight;
    return status;
}

static laminar_status top_rows(const struct bound_aggregate *agg, struct agg_heap *heap,
                               uint8_t *const *rows, size_t offset, uint8_t *state,
                               const struct vector *arg, const int64_t *weights, size_t n,
                               struct laminar_error *err)
{
    uint64_t hashes[CHUNK_ROWS];
    for (size_t from = 0; from < n; from += CHUNK_ROWS) {
        size_t count = n - from < CHUNK_ROWS ? n - from : CHUNK_ROWS;
        struct vector part = arg->shape == VEC_CONST ? *arg : vector_slice(arg, from);
        kernel_hash_column(&part, count, hashes, true);
        for (size_t i = 0; i < count; i++) {
            if (!vector_is_valid(&part, i)) continue;
            struct top_state *s = (struct top_state *)(void *)(rows ? rows[from + i] + offset
                                                                    : state);
            laminar_status status = add(agg, heap, s, hashes[i], &part, i,
                                        weights ? weights[from + i] : 1, err);
            if (status != LAMINAR_OK) return status;
        }
    }
    return LAMINAR_OK;
}
static laminar_status top_update(UPDATE_ARGS)
{
    return top_rows(agg, heap, rows, offset, NULL, &args[0], weights, n, err);
}
static laminar_status top_update_one(UPDATE_ONE_ARGS)
{
    return top_rows(agg, heap, NULL, 0, state, &args[0], weights, n, err);
}

/* The counter's value as a vector of one row. */
static laminar_status counter_column(const struct counter *counter, struct data_type type,
                                     struct column *out, struct laminar_error *err)
{
    laminar_status status = column_init(out, type, err);
    return status != LAMINAR_OK ? status : box_append(&counter->value, out, err);
}
static laminar_status top_combine(COMBINE_ARGS)
{
    const struct top_state *other = (const struct top_state *)(const void *)src;
    laminar_status status = LAMINAR_OK;
    for (uint32_t i = 0; other->table && i < other->table->n && status == LAMINAR_OK; i++) {
        struct column value = {0};
        status = counter_column(&other->table->counters[i], agg->arg_types[0], &value, err);
        if (status == LAMINAR_OK)
            status = add(agg, heap, (struct top_state *)(void *)dst, other->table->hashes[i],
                         &value.vec, 0, other->table->counters[i].count, err);
        column_deinit(&value);
    }
    return status;
}

/* The k greatest counts, greatest first; of equal ones the one that came first. */
static laminar_status finish_one(const struct bound_aggregate *agg, const struct top_table *table,
                                 struct column *out, struct laminar_error *err)
{
    const struct top_data *data = agg->data;
    bool is_taken[K_MAX * COUNTERS_PER_K] = {false};
    size_t first = out->children[0].n;
    for (uint32_t k = 0; k < data->k && k < table->n; k++) {
        uint32_t best = UINT32_MAX;
        for (uint32_t i = 0; i < table->n; i++)
            if (!is_taken[i] &&
                (best == UINT32_MAX || table->counters[i].count > table->counters[best].count))
                best = i;
        is_taken[best] = true;
        struct column value = {0};
        laminar_status status = counter_column(&table->counters[best], agg->arg_types[0], &value,
                                               err);
        if (status == LAMINAR_OK)
            status = column_append(&out->children[0], &value.vec, 0, 1, STRINGS_COPY, err);
        column_deinit(&value);
        if (status != LAMINAR_OK) return status;
    }
    return column_append_list(out, first, err);
}
static laminar_status top_finish(FINISH_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        const struct top_state *s = (const struct top_state *)(const void *)(rows[i] + offset);
        laminar_status status = s->table ? finish_one(agg, s->table, out, err)
                                         : column_append_null(out, 1, err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static void top_destroy(unused const struct bound_aggregate *agg, struct agg_heap *heap,
                        uint8_t *state)
{
    struct top_state *s = (struct top_state *)(void *)state;
    if (!s->table) return;
    for (uint32_t i = 0; i < s->table->capacity; i++) box_free(&s->table->counters[i].value, heap);
    heap->free(heap, s->table, table_bytes(s->table->capacity));
    s->table = NULL;
}

/* Number of counters, then each: hash, count, box. */
static laminar_status top_encode(const struct bound_aggregate *agg, const uint8_t *state,
                                 struct strbuf *out, struct laminar_error *err)
{
    const struct top_table *table = ((const struct top_state *)(const void *)state)->table;
    uint32_t n = table ? table->n : 0;
    strbuf_append(out, (const char *)&n, sizeof n);
    for (uint32_t i = 0; i < n; i++) {
        strbuf_append(out, (const char *)&table->hashes[i], 8);
        strbuf_append(out, (const char *)&table->counters[i].count, 8);
        laminar_status status = box_encode(&table->counters[i].value, agg->arg_types[0], out, err);
        if (status != LAMINAR_OK) return status;
    }
    return out->failed ? error_oom(err) : LAMINAR_OK;
}
static laminar_status top_decode(const struct bound_aggregate *agg, struct agg_heap *heap,
                                 uint8_t *state, const uint8_t *data, size_t size, size_t *used,
                                 struct laminar_error *err)
{
    const struct top_data *limits = agg->data;
    struct top_state *s = (struct top_state *)(void *)state;
    uint32_t n = 0;
    size_t at = sizeof n, box_used = 0;
    laminar_status status = LAMINAR_OK;
    bool is_whole = size >= at;
    if (is_whole) memcpy(&n, data, sizeof n);
    if (!is_whole || n > limits->capacity)
        return error_set(err, LAMINAR_CHECKPOINT_FAILED, "the state of an aggregate is damaged");
    if (n && !reserve(s, heap, limits->capacity)) return error_oom(err);
    for (uint32_t i = 0; i < n && status == LAMINAR_OK; i++, at += box_used) {
        if (size - at < 16) {
            status = error_set(err, LAMINAR_CHECKPOINT_FAILED,
                               "the state of an aggregate is damaged");
            break;
        }
        memcpy(&s->table->hashes[i], data + at, 8);
        memcpy(&s->table->counters[i].count, data + at + 8, 8);
        at += 16;
        status = box_decode(&s->table->counters[i].value, heap, agg->arg_types[0], data + at,
                            size - at, &box_used, err);
        if (status == LAMINAR_OK) s->table->n = i + 1;
    }
    if (status != LAMINAR_OK) top_destroy(agg, heap, state);
    *used = at;
    return status;
}

static const struct aggregate_kernels top_kernels = {
    .state_size = sizeof(struct top_state),
    .state_align = 8,
    .update = top_update,
    .update_one = top_update_one,
    .combine = top_combine,
    .finish = top_finish,
    .destroy = top_destroy,
    .encode = top_encode,
    .decode = top_decode,
};

static laminar_status bind_top(struct aggregate_binding *binding)
{
    struct bound_aggregate *agg = binding->agg;
    struct top_data *data = ARENA_NEW(binding->arena, struct top_data);
    if (!data) return error_oom(binding->err);
    const struct vector *k = binding->constants ? binding->constants[1] : NULL;
    int64_t value = 0;
    if (k && vector_is_valid(k, 0) && k->type.id == LAMINAR_TYPE_INT32)
        value = ROW(int32_t, k, 0);
    else if (k && vector_is_valid(k, 0) && k->type.id == LAMINAR_TYPE_INT64)
        value = ROW(int64_t, k, 0);
    else if (k && vector_is_valid(k, 0) && k->type.id == LAMINAR_TYPE_INT8)
        value = ROW(int8_t, k, 0);
    else if (k && vector_is_valid(k, 0) && k->type.id == LAMINAR_TYPE_INT16)
        value = ROW(int16_t, k, 0);
    if (value < 1 || value > K_MAX) {
        error_set(binding->err, LAMINAR_QUERY_FAILED,
                  "approx_top_k: k must be a literal from 1 to %d", K_MAX);
        return LAMINAR_QUERY_FAILED;
    }
    if (agg->arg_types[0].id == LAMINAR_TYPE_NULL) agg->arg_types[0] = TYPE(INT64);
    data->k = (uint32_t)value;
    data->capacity = data->k * COUNTERS_PER_K < COUNTERS_MIN ? COUNTERS_MIN
                                                             : data->k * COUNTERS_PER_K;
    agg->data = data;
    agg->flags = AGG_IS_SKETCH;
    struct data_type list;
    laminar_status status = type_list(agg->arg_types[0], &list, binding->err);
    return status != LAMINAR_OK ? status : agg_bound(binding, list, &top_kernels);
}

static const struct aggregate_function functions[] = {
    {"approx_top_k", "approx_top_k(x, k) -> array",
     "The k most frequent values, most frequent first (about)", 2, 2, bind_top, NULL},
};
AGGREGATE_FAMILY(agg_top, functions);
