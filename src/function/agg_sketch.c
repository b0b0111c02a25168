/* agg_sketch.c - approx_distinct, approx_percentile_cont, approx_median.
 *
 * approx_distinct: HyperLogLog with 4096 registers (P. Flajolet et al., 2007) and O. Ertl's estimator ("New cardinality estimation algorithms for
 * HyperLogLog sketches", 2017): standard error 1.6 %. Append-only.
 * Percentiles: DDSketch (C. Masson, J. Rim, H. Lee, "DDSketch", VLDB 2019): values are counted in buckets whose borders grow by 1 %, so a result is
 * within 0.5 % of a value of that rank. Counts can be taken back, and neither order nor cutting of the input matters: retractable, and the same
 * in a stream as in one shot. Memory: 8 bytes for each bucket between the least and the greatest, 230 a decade. */
#include "function/agg.h"
#include "vector/kernel.h"

static laminar_status corrupt(struct laminar_error *err)
{
    return error_set(err, LAMINAR_CHECKPOINT_FAILED, "the state of an aggregate is damaged");
}

/* --- approx_distinct ---------------------------------------------------------------------------------------------------------------------- */

enum { HLL_BITS = 12, HLL_REGISTERS = 1 << HLL_BITS, HLL_RANK_MAX = 64 - HLL_BITS + 1 };

struct hll_state {
    uint8_t *registers; /* NULL: no value yet */
};

static bool hll_reserve(struct hll_state *s, struct agg_heap *heap)
{
    if (s->registers) return true;
    s->registers = heap->alloc(heap, HLL_REGISTERS);
    if (s->registers) memset(s->registers, 0, HLL_REGISTERS);
    return s->registers != NULL;
}
static inline void hll_add(struct hll_state *s, uint64_t hash)
{
    uint64_t rest = hash << HLL_BITS;
    uint8_t rank = (uint8_t)(rest ? __builtin_clzll(rest) + 1 : HLL_RANK_MAX);
    uint8_t *reg = &s->registers[hash >> (64 - HLL_BITS)];
    if (rank > *reg) *reg = rank;
}

/* Runs of CHUNK_ROWS, for that is what hashing takes; `rows` NULL: all into `state`. */
static laminar_status hll_rows(struct agg_heap *heap, uint8_t *const *rows, size_t offset,
                               uint8_t *state, const struct vector *arg, size_t n,
                               struct laminar_error *err)
{
    uint64_t hashes[CHUNK_ROWS];
    for (size_t from = 0; from < n; from += CHUNK_ROWS) {
        size_t count = n - from < CHUNK_ROWS ? n - from : CHUNK_ROWS;
        struct vector part = arg->shape == VEC_CONST ? *arg : vector_slice(arg, from);
        kernel_hash_column(&part, count, hashes, true);
        for (size_t i = 0; i < count; i++) {
            if (!vector_is_valid(&part, i)) continue;
            struct hll_state *s = (struct hll_state *)(void *)(rows ? rows[from + i] + offset
                                                                    : state);
            if (unlikely(!hll_reserve(s, heap))) return error_oom(err);
            hll_add(s, hashes[i]);
        }
    }
    return LAMINAR_OK;
}
static laminar_status hll_update(UPDATE_ARGS)
{
    return hll_rows(heap, rows, offset, NULL, &args[0], n, err);
}
static laminar_status hll_update_one(UPDATE_ONE_ARGS)
{
    return hll_rows(heap, NULL, 0, state, &args[0], n, err);
}
static laminar_status hll_combine(COMBINE_ARGS)
{
    struct hll_state *s = (struct hll_state *)(void *)dst;
    const struct hll_state *other = (const struct hll_state *)(const void *)src;
    if (!other->registers) return LAMINAR_OK;
    if (!hll_reserve(s, heap)) return error_oom(err);
    for (size_t k = 0; k < HLL_REGISTERS; k++)
        if (other->registers[k] > s->registers[k]) s->registers[k] = other->registers[k];
    return LAMINAR_OK;
}

/* The series of Ertl's estimator for registers still at zero, and for full ones. */
static double hll_sigma(double x)
{
    if (x == 1) return INFINITY;
    double y = 1, z = x, before;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (z != before);
    return z;
}
static double hll_tau(double x)
{
    if (x == 0 || x == 1) return 0;
    double y = 1, z = 1 - x, before;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (z != before);
    return z / 3;
}
static int64_t hll_estimate(const struct hll_state *s)
{
    if (!s->registers) return 0;
    int counts[HLL_RANK_MAX + 1] = {0};
    for (size_t k = 0; k < HLL_REGISTERS; k++) counts[s->registers[k]]++;
    double m = HLL_REGISTERS, z = m * hll_tau(1 - counts[HLL_RANK_MAX] / m);
    for (int k = HLL_RANK_MAX - 1; k >= 1; k--) z = 0.5 * (z + counts[k]);
    z += m * hll_sigma(counts[0] / m);
    return (int64_t)rint(m * m / (2 * log(2)) / z);
}
static laminar_status hll_finish(FINISH_ARGS)
{
    FINISH_LOOP(struct hll_state, int64_t, true, hll_estimate(s));
}
static void hll_destroy(unused const struct bound_aggregate *agg, struct agg_heap *heap,
                        uint8_t *state)
{
    struct hll_state *s = (struct hll_state *)(void *)state;
    if (s->registers) heap->free(heap, s->registers, HLL_REGISTERS);
    s->registers = NULL;
}
/* A byte that says whether registers follow. */
static laminar_status hll_encode(unused const struct bound_aggregate *agg, const uint8_t *state,
                                 struct strbuf *out, struct laminar_error *err)
{
    const struct hll_state *s = (const struct hll_state *)(const void *)state;
    strbuf_putc(out, s->registers ? 1 : 0);
    if (s->registers) strbuf_append(out, (const char *)s->registers, HLL_REGISTERS);
    return out->failed ? error_oom(err) : LAMINAR_OK;
}
static laminar_status hll_decode(unused const struct bound_aggregate *agg, struct agg_heap *heap,
                                 uint8_t *state, const uint8_t *data, size_t size, size_t *used,
                                 struct laminar_error *err)
{
    struct hll_state *s = (struct hll_state *)(void *)state;
    if (size < 1 || data[0] > 1 || (data[0] && size < 1 + HLL_REGISTERS)) return corrupt(err);
    *used = data[0] ? 1 + HLL_REGISTERS : 1;
    if (!data[0]) return LAMINAR_OK;
    for (size_t k = 0; k < HLL_REGISTERS; k++)
        if (data[1 + k] > HLL_RANK_MAX) return corrupt(err);
    if (!hll_reserve(s, heap)) return error_oom(err);
    memcpy(s->registers, data + 1, HLL_REGISTERS);
    return LAMINAR_OK;
}

static const struct aggregate_kernels hll_kernels = {
    .state_size = sizeof(struct hll_state),
    .state_align = 8,
    .update = hll_update,
    .update_one = hll_update_one,
    .combine = hll_combine,
    .finish = hll_finish,
    .destroy = hll_destroy,
    .encode = hll_encode,
    .decode = hll_decode,
};

/* --- Percentiles --------------------------------------------------------------------------------------------------------------------------- */

#define DDSKETCH_GAMMA 1.01                    /* border of a bucket over the one before */
#define DDSKETCH_LOG_GAMMA 0.00995033085316808 /* ln 1.01 */
enum {
    DDSKETCH_INDEX_MAX = 80000,
    DDSKETCH_COUNTS_MIN = 64
}; /* ln(DBL_MAX) / ln(1.01) is below; so is that of the least double */

/* Counts of the buckets [first, first + size). */
struct ddsketch_store {
    int64_t *counts;
    int32_t first;
    uint32_t size;
};
struct ddsketch_state {
    int64_t n;
    int64_t n_zero;
    int64_t n_infinite;
    int64_t n_minus_infinite;
    int64_t n_nan;
    struct ddsketch_store positive;
    struct ddsketch_store negative;
};

static bool ddsketch_reserve(struct ddsketch_store *store, struct agg_heap *heap, int32_t from,
                             int32_t to)
{
    if (store->size && from >= store->first && to < store->first + (int32_t)store->size)
        return true;
    int32_t first = store->size && store->first < from ? store->first : from;
    int32_t last = store->size && store->first + (int32_t)store->size - 1 > to
                       ? store->first + (int32_t)store->size - 1
                       : to;
    uint32_t size = (uint32_t)(last - first) + 1, wanted = DDSKETCH_COUNTS_MIN;
    while (wanted < size) wanted *= 2;
    if (first == from && store->size)
        first -= (int32_t)(wanted - size); /* it grew downwards, and may again */
    int64_t *counts = heap->alloc(heap, wanted * sizeof *counts);
    if (!counts) return false;
    memset(counts, 0, wanted * sizeof *counts);
    if (store->size)
        memcpy(counts + (store->first - first), store->counts, store->size * sizeof *counts);
    if (store->counts) heap->free(heap, store->counts, store->size * sizeof *counts);
    *store = (struct ddsketch_store){counts, first, wanted};
    return true;
}
static bool ddsketch_add(struct ddsketch_state *s, struct agg_heap *heap, double value,
                         int64_t weight)
{
    s->n += weight;
    if (isnan(value))
        s->n_nan += weight;
    else if (isinf(value))
        *(value > 0 ? &s->n_infinite : &s->n_minus_infinite) += weight;
    else if (value == 0)
        s->n_zero += weight;
    else {
        struct ddsketch_store *store = value > 0 ? &s->positive : &s->negative;
        int32_t index = (int32_t)ceil(log(fabs(value)) / DDSKETCH_LOG_GAMMA);
        if (!ddsketch_reserve(store, heap, index, index)) return false;
        store->counts[index - store->first] += weight;
    }
    return true;
}
static laminar_status ddsketch_update(UPDATE_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        if (!vector_is_valid(&args[0], i)) continue;
        struct ddsketch_state *s = (struct ddsketch_state *)(void *)(rows[i] + offset);
        if (unlikely(!ddsketch_add(s, heap, ROW(double, &args[0], i), weights ? weights[i] : 1)))
            return error_oom(err);
    }
    return LAMINAR_OK;
}
static laminar_status ddsketch_update_one(UPDATE_ONE_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        if (!vector_is_valid(&args[0], i)) continue;
        if (unlikely(!ddsketch_add((struct ddsketch_state *)(void *)state, heap,
                                   ROW(double, &args[0], i), weights ? weights[i] : 1)))
            return error_oom(err);
    }
    return LAMINAR_OK;
}
static bool ddsketch_merge_store(struct ddsketch_store *dst, struct agg_heap *heap,
                                 const struct ddsketch_store *src)
{
    if (!src->size) return true;
    if (!ddsketch_reserve(dst, heap, src->first, src->first + (int32_t)src->size - 1)) return false;
    for (uint32_t k = 0; k < src->size; k++)
        dst->counts[src->first - dst->first + (int32_t)k] += src->counts[k];
    return true;
}
static laminar_status ddsketch_combine(COMBINE_ARGS)
{
    struct ddsketch_state *s = (struct ddsketch_state *)(void *)dst;
    const struct ddsketch_state *other = (const struct ddsketch_state *)(const void *)src;
    if (!ddsketch_merge_store(&s->positive, heap, &other->positive) ||
        !ddsketch_merge_store(&s->negative, heap, &other->negative))
        return error_oom(err);
    s->n += other->n;
    s->n_zero += other->n_zero;
    s->n_infinite += other->n_infinite;
    s->n_minus_infinite += other->n_minus_infinite;
    s->n_nan += other->n_nan;
    return LAMINAR_OK;
}

/* The bucket's value: the middle in relative terms. */
static double ddsketch_bucket_value(int32_t index)
{
    return exp((double)index * DDSKETCH_LOG_GAMMA) * 2 / (1 + DDSKETCH_GAMMA);
}

/* The value of rank `rank` (from 0) in the order -inf, negative, 0, positive, inf, NaN. */
static double ddsketch_value_at(const struct ddsketch_state *s, int64_t rank)
{
    if ((rank -= s->n_minus_infinite) < 0) return -INFINITY;
    for (uint32_t k = s->negative.size; k-- > 0;)
        if ((rank -= s->negative.counts[k]) < 0)
            return -ddsketch_bucket_value(s->negative.first + (int32_t)k);
    if ((rank -= s->n_zero) < 0) return 0;
    for (uint32_t k = 0; k < s->positive.size; k++)
        if ((rank -= s->positive.counts[k]) < 0)
            return ddsketch_bucket_value(s->positive.first + (int32_t)k);
    return (rank -= s->n_infinite) < 0 ? (double)INFINITY : (double)NAN;
}
static laminar_status ddsketch_finish(FINISH_ARGS)
{
    double fraction = *(const double *)agg->data;
    FINISH_LOOP(struct ddsketch_state, double, s->n > 0,
                ddsketch_value_at(s, (int64_t)(fraction * (double)(s->n - 1))));
}
static void ddsketch_free_store(struct ddsketch_store *store, struct agg_heap *heap)
{
    if (store->counts) heap->free(heap, store->counts, store->size * sizeof *store->counts);
    *store = (struct ddsketch_store){0};
}
static void ddsketch_destroy(unused const struct bound_aggregate *agg, struct agg_heap *heap,
                             uint8_t *state)
{
    struct ddsketch_state *s = (struct ddsketch_state *)(void *)state;
    ddsketch_free_store(&s->positive, heap);
    ddsketch_free_store(&s->negative, heap);
    memset(s, 0, sizeof *s);
}

/* Five counts, then for each store: first, size, counts. */
enum { DDSKETCH_COUNTS = 5, DDSKETCH_COUNTS_BYTES = DDSKETCH_COUNTS * 8, DDSKETCH_STORE_BYTES = 8 };
static void ddsketch_encode_store(const struct ddsketch_store *store, struct strbuf *out)
{
    strbuf_append(out, (const char *)&store->first, sizeof store->first);
    strbuf_append(out, (const char *)&store->size, sizeof store->size);
    if (store->size)
        strbuf_append(out, (const char *)store->counts, store->size * sizeof *store->counts);
}
static laminar_status ddsketch_encode(unused const struct bound_aggregate *agg,
                                      const uint8_t *state, struct strbuf *out,
                                      struct laminar_error *err)
{
    const struct ddsketch_state *s = (const struct ddsketch_state *)(const void *)state;
    strbuf_append(out, (const char *)state, DDSKETCH_COUNTS_BYTES);
    ddsketch_encode_store(&s->positive, out);
    ddsketch_encode_store(&s->negative, out);
    return out->failed ? error_oom(err) : LAMINAR_OK;
}
static laminar_status ddsketch_decode_store(struct ddsketch_store *store, struct agg_heap *heap,
                                            const uint8_t **data, const uint8_t *end,
                                            struct laminar_error *err)
{
    int32_t first;
    uint32_t size;
    if (end - *data < DDSKETCH_STORE_BYTES) return corrupt(err);
    memcpy(&first, *data, 4);
    memcpy(&size, *data + 4, 4);
    *data += DDSKETCH_STORE_BYTES;
    bool fits = size <= 4 * DDSKETCH_INDEX_MAX && first >= -4 * DDSKETCH_INDEX_MAX &&
                first <= DDSKETCH_INDEX_MAX && (size_t)(end - *data) / 8 >= size;
    if (!fits) return corrupt(err);
    if (!size) return LAMINAR_OK;
    store->counts = heap->alloc(heap, size * sizeof *store->counts);
    if (!store->counts) return error_oom(err);
    memcpy(store->counts, *data, size * sizeof *store->counts);
    store->first = first;
    store->size = size;
    *data += (size_t)size * 8;
    return LAMINAR_OK;
}
static laminar_status ddsketch_decode(const struct bound_aggregate *agg, struct agg_heap *heap,
                                      uint8_t *state, const uint8_t *data, size_t size,
                                      size_t *used, struct laminar_error *err)
{
    struct ddsketch_state *s = (struct ddsketch_state *)(void *)state;
    const uint8_t *at = data + DDSKETCH_COUNTS_BYTES, *end = data + size;
    if (size < DDSKETCH_COUNTS_BYTES) return corrupt(err);
    memcpy(state, data, DDSKETCH_COUNTS_BYTES);
    laminar_status status = ddsketch_decode_store(&s->positive, heap, &at, end, err);
    if (status == LAMINAR_OK) status = ddsketch_decode_store(&s->negative, heap, &at, end, err);
    if (status != LAMINAR_OK) ddsketch_destroy(agg, heap, state);
    *used = (size_t)(at - data);
    return status;
}

static const struct aggregate_kernels ddsketch_kernels = {
    .state_size = sizeof(struct ddsketch_state),
    .state_align = 8,
    .is_retractable = true,
    .update = ddsketch_update,
    .update_one = ddsketch_update_one,
    .combine = ddsketch_combine,
    .finish = ddsketch_finish,
    .destroy = ddsketch_destroy,
    .encode = ddsketch_encode,
    .decode = ddsketch_decode,
};

/* --- Binding --------------------------------------------------------------------------------------------------------------------------------- */

static laminar_status bind_distinct(struct aggregate_binding *binding)
{
    if (binding->agg->arg_types[0].id == LAMINAR_TYPE_NULL)
        binding->agg->arg_types[0] = TYPE(INT64);
    binding->agg->flags = AGG_IS_SKETCH | AGG_IGNORES_DISTINCT;
    binding->agg->result_is_nullable = false;
    return agg_bound(binding, TYPE(INT64), &hll_kernels);
}

/* A literal number as double. */
static bool literal_double(const struct vector *v, double *out)
{
    if (!v || !vector_is_valid(v, 0)) return false;
    switch ((int)type_phys(v->type)) {
    case PHYS_I8: *out = ROW(int8_t, v, 0); return true;
    case PHYS_I16: *out = ROW(int16_t, v, 0); return true;
    case PHYS_I32: *out = ROW(int32_t, v, 0); return true;
    case PHYS_I64: *out = (double)ROW(int64_t, v, 0); return true;
    case PHYS_F32: *out = (double)ROW(float, v, 0); return true;
    case PHYS_F64: *out = ROW(double, v, 0); return true;
    case PHYS_I128: *out = decimal_to_double(ROW(int128, v, 0), v->type.scale); return true;
    default: return false;
    }
}
static laminar_status bind_percentile(struct aggregate_binding *binding)
{
    struct bound_aggregate *agg = binding->agg;
    double *fraction = ARENA_NEW(binding->arena, double);
    if (!fraction) return error_oom(binding->err);
    *fraction = 0.5;
    if (!agg_want(binding, 0, TYPE(DOUBLE))) return aggregate_mismatch(binding);
    if (agg->n_args > 1) {
        bool is_known = binding->constants && literal_double(binding->constants[1], fraction);
        if (!is_known)
            return error_set(binding->err, LAMINAR_QUERY_UNSUPPORTED,
                             "%s: the fraction must be a literal number", agg->name);
        if (!(*fraction >= 0 && *fraction <= 1))
            return error_set(binding->err, LAMINAR_QUERY_FAILED,
                             "%s: the fraction %g is not between 0 and 1", agg->name, *fraction);
        agg->arg_types[1] = TYPE(DOUBLE);
    }
    agg->data = fraction;
    return agg_bound(binding, TYPE(DOUBLE), &ddsketch_kernels);
}

static const struct aggregate_function functions[] = {
    {"approx_distinct", "approx_distinct(x) -> BIGINT",
     "About how many different values there are (standard error 1.6 %)", 1, 1, bind_distinct, NULL},
    {"approx_count_distinct", "approx_count_distinct(x) -> BIGINT", "Same as approx_distinct", 1, 1,
     bind_distinct, NULL},
    {"approx_percentile_cont", "approx_percentile_cont(x, fraction) -> DOUBLE",
     "The value below which that fraction lies, within 0.5 %", 2, 2, bind_percentile, NULL},
    {"approx_quantile", "approx_quantile(x, fraction) -> DOUBLE", "Same as approx_percentile_cont",
     2, 2, bind_percentile, NULL},
    {"approx_median", "approx_median(x) -> DOUBLE", "The value in the middle, within 0.5 %", 1, 1,
     bind_percentile, NULL},
};
AGGREGATE_FAMILY(agg_sketch, functions);
