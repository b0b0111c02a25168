/* kernel_sort.c - the stable order of rows by several keys: see kernel.h.
 *
 * Rows are sorted as (64-bit prefix, row number) pairs: the prefix is what orders the first key, as an unsigned number; then each run of
 * equal prefixes is sorted by the next bits of that key (long strings, decimals) or by the next key. A range is sorted by radix from the
 * highest bit in which its prefixes differ, down to pieces that are sorted by insertion, so that after one pass over memory all work is
 * in the cache; a range that is in order already is left alone. Nulls are parted off first; bytes that all strings of a range share are
 * skipped; the last few rows of a run are compared as rows.
 * Time: O(n) per 64 bits that matter; memory: 32 bytes a row. Strings that agree in many places in many ways (SORT_LEVELS_MAX) are
 * compared. Measured: 1M random int64 in 20 ms; LSD radix took 66 ms. */
#include "base/error.h"
#include "vector/kernel.h"
#include "vector/value_order.h"

enum {
    SORT_STACK_ROWS = 128,    /* up to so many no memory is taken from the heap */
    SORT_COMPARE_ROWS = 12,   /* runs up to this are sorted by comparing rows */
    SORT_INSERTION_ROWS = 24, /* pieces up to this are sorted by insertion of prefixes */
    SORT_LEVELS_MAX = 64,     /* prefixes per key */
    STRING_LEVEL_BYTES = 7
};

struct sort_item {
    uint64_t prefix;
    uint32_t row;
};

struct sorter {
    const struct vector *cols;
    const struct sort_key *keys;
    size_t n_keys;
    struct sort_item *items;
    struct sort_item *scratch;
};

/* --- Comparing rows ------------------------------------------------------------------------------------------------------------ */

static int compare_rows(const struct sorter *s, uint32_t a, uint32_t b, size_t first_key)
{
    for (size_t k = first_key; k < s->n_keys; k++) {
        const struct sort_key *key = &s->keys[k];
        const struct vector *col = &s->cols[key->column];
        bool valid_a = vector_is_valid(col, a), valid_b = vector_is_valid(col, b);
        int order;
        if (valid_a & valid_b) {
            order = kernel_compare(col, a, col, b);
            if (key->is_descending) order = -order;
        } else {
            order = (int)valid_b - (int)valid_a;
            if (key->is_nulls_first) order = -order;
        }
        if (order) return order;
    }
    return 0;
}

static void insertion_sort_rows(const struct sorter *s, struct sort_item *items, size_t n,
                                size_t key)
{
    for (size_t i = 1; i < n; i++) {
        struct sort_item item = items[i];
        size_t k = i;
        for (; k > 0 && compare_rows(s, items[k - 1].row, item.row, key) > 0; k--)
            items[k] = items[k - 1];
        items[k] = item;
    }
}

/* Merges runs of doubling width, taking turns between items and scratch; the result ends in items. */
static void merge_sort_rows(const struct sorter *s, struct sort_item *items,
                            struct sort_item *scratch, size_t n, size_t key)
{
    struct sort_item *from = items, *to = scratch;
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t lo = 0; lo < n; lo += 2 * width) {
            size_t mid = lo + width < n ? lo + width : n, hi = mid + width < n ? mid + width : n;
            size_t a = lo, b = mid;
            for (size_t out = lo; out < hi; out++) {
                bool take_b = a == mid ||
                              (b < hi && compare_rows(s, from[a].row, from[b].row, key) > 0);
                to[out] = from[take_b ? b++ : a++];
            }
        }
        struct sort_item *swap = from;
        from = to;
        to = swap;
    }
    if (from != items) memcpy(items, from, n * sizeof *items);
}

/* --- Radix --------------------------------------------------------------------------------------------------------------------- */

enum { RADIX_BITS = 8, RADIX_BITS_SMALL = 5, RADIX_SMALL_ROWS = 256 };

static void insertion_sort(struct sort_item *items, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct sort_item item = items[i];
        size_t k = i;
        for (; k > 0 && items[k - 1].prefix > item.prefix; k--) items[k] = items[k - 1];
        items[k] = item;
    }
}

/* Sorts `from` by prefix, into `to` if `ends_in_to`, else in place; the other array is scratch. Every call decides at least one more bit,
 * usually 5 or 8, so it is at most 64 deep. */
static void radix_sort(struct sort_item *from, struct sort_item *to, size_t n, bool ends_in_to)
{
    uint64_t differing = 0, first = from[0].prefix;
    if (n > SORT_INSERTION_ROWS)
        for (size_t i = 1; i < n; i++) differing |= from[i].prefix ^ first;
    if (differing == 0) {
        if (n <= SORT_INSERTION_ROWS) insertion_sort(from, n);
        if (ends_in_to) memcpy(to, from, n * sizeof *from);
        return;
    }
    unsigned highest = 63 - (unsigned)__builtin_clzll(differing),
             bits = n < RADIX_SMALL_ROWS ? RADIX_BITS_SMALL : RADIX_BITS;
    unsigned shift = highest + 1 > bits ? highest + 1 - bits : 0;
    uint32_t starts[(1 << RADIX_BITS) + 1] = {0}, mask = (1U << bits) - 1;
    for (size_t i = 0; i < n; i++) starts[(from[i].prefix >> shift & mask) + 1]++;
    for (unsigned bucket = 0; bucket < mask; bucket++) starts[bucket + 1] += starts[bucket];
    for (size_t i = 0; i < n; i++) to[starts[from[i].prefix >> shift & mask]++] = from[i];
    /* Now starts[bucket] is the bucket's end, and all rows are in `to`. */
    if (shift == 0) {
        if (!ends_in_to) memcpy(from, to, n * sizeof *from);
        return;
    }
    for (size_t bucket = 0, start = 0; start < n; start = starts[bucket++]) {
        size_t size = starts[bucket] - start;
        if (size == 1 && ends_in_to) continue;
        if (size) radix_sort(to + start, from + start, size, !ends_in_to);
    }
}

/* --- Prefixes ---------------------------------------------------------------------------------------------------------------------- */

static inline uint64_t i64_order_bits(int64_t v)
{
    return (uint64_t)v ^ UINT64_C(0x8000000000000000);
}
static inline uint64_t i128_order_bits(int128 v, unsigned level)
{
    return level ? (uint64_t)v : i64_order_bits((int64_t)(v >> 64));
}

/* Bytes [skip, + 7), big-endian, then how many there are: 0..7, or 8 when more follow. */
static inline uint64_t string_prefix(const struct string_view *s, size_t skip)
{
    size_t size = s->size > skip ? s->size - skip : 0;
    const char *data = string_data(s) + (size ? skip : 0);
    if (size >= 8) return (load_u64_big(data) & ~UINT64_C(0xFF)) | 8;
    uint8_t bytes[8] = {0};
    memcpy(bytes, data, size);
    bytes[7] = (uint8_t)size;
    return load_u64_big(bytes);
}

/* How many bytes from `skip` on all strings of the range share; those before `skip` they do. */
static size_t shared_bytes(const struct string_view *in, const struct sort_item *items, size_t n,
                           size_t skip)
{
    const struct string_view *first = &in[items[0].row];
    const char *data = string_data(first);
    size_t shared = first->size > skip ? first->size - skip : 0;
    for (size_t i = 1; i < n && shared; i++) {
        const struct string_view *s = &in[items[i].row];
        const char *other = string_data(s);
        size_t k = 0, limit = s->size > skip ? s->size - skip : 0;
        if (limit > shared) limit = shared;
        while (k < limit && other[skip + k] == data[skip + k]) k++;
        shared = k;
    }
    return shared;
}

struct uuid_value {
    uint8_t bytes[16];
};

#define PREFIX_LOOP(T, expr)                                                                       \
    do {                                                                                           \
        const T *restrict in = col->data;                                                          \
        for (size_t i = 0; i < n; i++) {                                                           \
            const T v = in[items[i].row];                                                          \
            items[i].prefix = (expr) ^ flip;                                                       \
        }                                                                                          \
    } while (0)

/* col is flat and not nested; rows under a null were parted off. */
static void fill_prefixes(const struct vector *col, struct sort_item *restrict items, size_t n,
                          unsigned level, size_t skip, uint64_t flip)
{
    switch (type_phys(col->type)) {
    case PHYS_BOOL:
    case PHYS_U8: PREFIX_LOOP(uint8_t, v); break;
    case PHYS_U16: PREFIX_LOOP(uint16_t, v); break;
    case PHYS_U32: PREFIX_LOOP(uint32_t, v); break;
    case PHYS_U64: PREFIX_LOOP(uint64_t, v); break;
    case PHYS_I8: PREFIX_LOOP(int8_t, i64_order_bits(v)); break;
    case PHYS_I16: PREFIX_LOOP(int16_t, i64_order_bits(v)); break;
    case PHYS_I32: PREFIX_LOOP(int32_t, i64_order_bits(v)); break;
    case PHYS_I64: PREFIX_LOOP(int64_t, i64_order_bits(v)); break;
    case PHYS_F32: PREFIX_LOOP(float, f64_order_bits((double)v)); break;
    case PHYS_F64: PREFIX_LOOP(double, f64_order_bits(v)); break;
    case PHYS_I128: PREFIX_LOOP(int128, i128_order_bits(v, level)); break;
    case PHYS_INTERVAL:
        PREFIX_LOOP(struct laminar_interval, i128_order_bits(interval_total(v), level));
        break;
    case PHYS_UUID: PREFIX_LOOP(struct uuid_value, load_u64_big(v.bytes + 8 * level)); break;
    case PHYS_STRING: PREFIX_LOOP(struct string_view, string_prefix(&v, skip)); break;
    case PHYS_LIST:
    case PHYS_STRUCT:
    case PHYS_NULL: break;
    }
}

/* Whether rows with this same prefix are equal in the key. */
static bool prefix_decides(enum phys_type phys, unsigned level, uint64_t prefix, uint64_t flip)
{
    if (phys == PHYS_I128 || phys == PHYS_INTERVAL || phys == PHYS_UUID) return level == 1;
    return phys != PHYS_STRING || ((prefix ^ flip) & 0xFF) < 8;
}

/* --- Ranges ------------------------------------------------------------------------------------------------------------------------- */

/* Nulls to one end, keeping the order; returns how many rows are not null; *first is where they begin. */
static size_t part_nulls(const struct sorter *s, size_t lo, size_t n, const struct vector *col,
                         bool is_nulls_first, size_t *first)
{
    struct sort_item *items = s->items + lo, *nulls = s->scratch + lo;
    size_t n_valid = 0, n_null = 0;
    for (size_t i = 0; i < n; i++) {
        struct sort_item item = items[i];
        if (bitmap_get(col->validity, item.row))
            items[n_valid++] = item;
        else
            nulls[n_null++] = item;
    }
    if (is_nulls_first) memmove(items + n_null, items, n_valid * sizeof *items);
    memcpy(items + (is_nulls_first ? 0 : n_valid), nulls, n_null * sizeof *items);
    *first = is_nulls_first ? n_null : 0;
    return n_valid;
}

static bool is_in_order(const struct sort_item *items, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (items[i - 1].prefix > items[i].prefix) return false;
    return true;
}

static void sort_range(const struct sorter *s, size_t lo, size_t n, size_t key, unsigned level,
                       size_t skip);

/* The rows of one key that are not null. */
static void sort_valid(const struct sorter *s, size_t lo, size_t n, size_t key, unsigned level,
                       size_t skip)
{
    const struct sort_key *by = &s->keys[key];
    const struct vector *col = &s->cols[by->column];
    enum phys_type phys = type_phys(col->type);
    struct sort_item *items = s->items + lo;
    uint64_t flip = by->is_descending ? UINT64_MAX : 0;
    if (n < 2) return;
    if (phys == PHYS_STRING) skip += shared_bytes(col->data, items, n, skip);
    fill_prefixes(col, items, n, level, skip, flip);
    if (!is_in_order(items, n)) radix_sort(items, s->scratch + lo, n, false);
    if (key + 1 >= s->n_keys && phys != PHYS_STRING && prefix_decides(phys, level, 0, 0)) return;
    for (size_t i = 0, run; i < n; i += run) {
        for (run = 1; i + run < n && items[i + run].prefix == items[i].prefix; run++) {}
        if (run == 1) continue;
        if (prefix_decides(phys, level, items[i].prefix, flip))
            sort_range(s, lo + i, run, key + 1, 0, 0);
        else
            sort_range(s, lo + i, run, key, level + 1, skip + STRING_LEVEL_BYTES);
    }
}

/* Rows items[lo..lo + n), equal in the keys before `key`, and in it up to `level` or, for strings, in the first `skip` bytes. Recursion:
 * a call a key and level. */
static void sort_range(const struct sorter *s, size_t lo, size_t n, size_t key, unsigned level,
                       size_t skip)
{
    while (key < s->n_keys && (s->cols[s->keys[key].column].shape == VEC_CONST ||
                               s->cols[s->keys[key].column].type.id == LAMINAR_TYPE_NULL))
        key++;
    if (n < 2 || key >= s->n_keys) return;
    const struct sort_key *by = &s->keys[key];
    const struct vector *col = &s->cols[by->column];
    if (n <= SORT_COMPARE_ROWS) {
        insertion_sort_rows(s, s->items + lo, n, key);
    } else if (type_is_nested(col->type) || level >= SORT_LEVELS_MAX) {
        merge_sort_rows(s, s->items + lo, s->scratch + lo, n, key);
    } else if (level == 0 && col->validity) {
        size_t first, n_valid = part_nulls(s, lo, n, col, by->is_nulls_first, &first);
        sort_range(s, first ? lo : lo + n_valid, n - n_valid, key + 1, 0, 0);
        sort_valid(s, lo + first, n_valid, key, level, skip);
    } else {
        sort_valid(s, lo, n, key, level, skip);
    }
}

laminar_status kernel_sort(const struct vector *cols, const struct sort_key *keys, size_t n_keys,
                           size_t n, uint32_t *order, struct laminar_error *err)
{
    ENSURE(n < UINT32_MAX, err);
    struct sort_item few[2 * SORT_STACK_ROWS], *memory = NULL;
    struct sorter s = {cols, keys, n_keys, few, few + SORT_STACK_ROWS};
    if (n > SORT_STACK_ROWS) {
        memory = mem_alloc_aligned(2 * n * sizeof *memory); /* n < 2^32: no overflow */
        if (!memory) return error_oom(err);
        s.items = memory;
        s.scratch = memory + n;
    }
    for (size_t i = 0; i < n; i++) s.items[i] = (struct sort_item){0, (uint32_t)i};
    sort_range(&s, 0, n, 0, 0, 0);
    for (size_t i = 0; i < n; i++) order[i] = s.items[i].row;
    mem_free(memory);
    return LAMINAR_OK;
}
