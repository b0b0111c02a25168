/* state_hash.c - see state.h and state_hash_internal.h: keys -> dense slots -> rows.
 *
 * The index is one array of 8-byte entries, linear probing, load <= 0.7; removal shifts back, so there are no tombstones. A chunk is probed in
 * a software pipeline: index entries are prefetched 32 rows ahead, the rows that they point to 16 ahead. One int64, int32, string key and two
 * int64 have loops of their own; all else compares column by column.
 * Cost: one index line and one row (one or two lines) per key. The index doubles in one go: about 10 ms at a million rows.
 * NOTE: the 2^32 limit on index size and the 48-bit slots bound a table to about 2.5 billion rows; beyond, upsert reports memory out. */
#include "base/error.h"
#include "base/hash.h"
#include "exec/state_hash_internal.h"
#include <math.h>
#include <string.h>

#define INDEX_LOAD_MAX 0.7
#define HASH_OF_NULL 0x2545F4914F6CDD1DULL
enum {
    AHEAD_INDEX = 32,
    AHEAD_ROW = 16,
    PREFETCH_ROWS_MIN = 4096 /* below this all is in cache */
};

/* --- Creation ------------------------------------------------------------------------------------------------------------------------- */

static enum key_form form_of(struct data_type type)
{
    if (type_is_nested(type)) return KEY_ENCODED;
    switch (type_phys(type)) {
    case PHYS_F32: return KEY_FLOAT;
    case PHYS_F64: return KEY_DOUBLE;
    case PHYS_STRING: return KEY_STRING;
    case PHYS_INTERVAL: return KEY_INTERVAL;
    default: return KEY_FIXED;
    }
}

static laminar_status layout_create(const struct state_hash_options *o, struct hash_layout **out,
                                    struct laminar_error *err)
{
    struct hash_layout *layout = mem_calloc(1, sizeof *layout + o->n_keys * sizeof layout->keys[0]);
    if (!layout) return error_oom(err);
    atomic_init(&layout->refs, 1);
    layout->n_keys = o->n_keys;
    uint32_t offset = 8, align_max = 8;
    for (uint32_t k = 0; k < o->n_keys; k++) {
        struct hash_key *key = &layout->keys[k];
        key->type = o->key_types[k];
        key->form = form_of(key->type);
        key->width = key->form == KEY_ENCODED ? (uint32_t)sizeof(struct string_view)
                                              : (uint32_t)type_width(key->type);
        enum phys_type phys = type_phys(key->type);
        uint32_t align = phys == PHYS_I128 ? 16 : key->width >= 8 ? 8 : key->width ? key->width : 1;
        if (align > align_max) align_max = align;
        offset = (offset + align - 1) & ~(align - 1);
        key->offset = offset;
        offset += key->width;
        layout->has_strings |= key->form == KEY_STRING || key->form == KEY_ENCODED;
    }
    if (o->n_keys > KEYS_IN_HEADER_MAX) {
        layout->null_offset = offset;
        offset += (o->n_keys + 7) / 8;
    }
    uint32_t align = o->payload_align > 8 ? 16 : 8;
    if (align > align_max) align_max = align;
    layout->payload_offset = (offset + align - 1) & ~(align - 1);
    layout->payload_bytes = o->payload_bytes;
    layout->row_bytes = (layout->payload_offset + o->payload_bytes + align_max - 1) &
                        ~(align_max - 1);
    while (((size_t)layout->row_bytes << (layout->page_shift + 1)) <= STATE_PAGE_BYTES)
        layout->page_shift++;
    *out = layout;
    return LAMINAR_OK;
}

void hash_layout_unref(struct hash_layout *layout)
{
    if (layout && atomic_fetch_sub_explicit(&layout->refs, 1, memory_order_acq_rel) == 1)
        mem_free(layout);
}

static enum probe_kind probe_kind_of(const struct hash_layout *layout)
{
    const struct hash_key *k = layout->keys;
    if (layout->n_keys == 1 && k[0].form == KEY_FIXED && k[0].width == 8) return PROBE_64;
    if (layout->n_keys == 1 && k[0].form == KEY_FIXED && k[0].width == 4) return PROBE_32;
    if (layout->n_keys == 1 && k[0].form == KEY_STRING) return PROBE_STRING;
    bool is_pair = layout->n_keys == 2 && k[0].form == KEY_FIXED && k[0].width == 8;
    if (is_pair && k[1].form == KEY_FIXED && k[1].width == 8) return PROBE_64_64;
    if (is_pair && k[1].form == KEY_FIXED && k[1].width == 4) return PROBE_64_32;
    if (is_pair && k[1].form == KEY_STRING) return PROBE_64_STRING;
    return PROBE_GENERIC;
}

static void set_bytes(struct state_hash *t, int64_t delta)
{
    t->base.bytes = (size_t)((int64_t)t->base.bytes + delta);
    mem_account_add(t->base.account, delta);
}

laminar_status state_hash_create(const struct state_hash_options *options, struct state_hash **out,
                                 struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct state_hash *t = mem_calloc(1, sizeof *t);
    if (!t) return error_oom(err);
    t->base = (struct state){
        .cls = &state_hash_class, .name = options->name, .account = options->account};
    t->options = *options;
    t->options.key_types = NULL;
    TRY(layout_create(options, &t->layout, err));
    TRY(state_core_create(options->account, &t->core, err));
    t->probe = probe_kind_of(t->layout);
    for (uint32_t k = 0; k < t->layout->n_keys; k++)
        t->n_encoded += t->layout->keys[k].form == KEY_ENCODED;
    *out = t;
    return LAMINAR_OK;
done:
    state_hash_class.free(&t->base);
    return status;
}

struct state *state_hash_base(struct state_hash *table) { return &table->base; }
struct agg_heap *state_hash_heap(struct state_hash *table) { return &table->core->heap; }

static void drop_pages(struct state_hash *t)
{
    for (size_t i = 0; i < t->n_pages; i++) state_page_unref(page_of_data(t->pages[i]));
    page_slab_unref(t->slab);
    t->slab = NULL;
    t->n_pages = 0;
    t->n_slots = 0;
    t->base.n_rows = 0;
}

static void destroy_payloads(struct state_hash *t)
{
    if (!t->options.destroy) return;
    for (uint64_t s = 0; s < t->n_slots; s++)
        if (slot_is_live(t, s))
            t->options.destroy(t->options.ctx, &t->core->heap,
                               row_at(t, s) + t->layout->payload_offset);
}

/* Strings and states go through the heap's limbo, so snapshots that are held stay readable. */
void state_hash_clear(struct state *state)
{
    struct state_hash *t = (struct state_hash *)state;
    destroy_payloads(t);
    if (t->layout->has_strings) {
        for (uint64_t s = 0; s < t->n_slots; s++) {
            if (!slot_is_live(t, s)) continue;
            for (uint32_t k = 0; k < t->layout->n_keys; k++) {
                const struct hash_key *key = &t->layout->keys[k];
                if (key->form != KEY_STRING && key->form != KEY_ENCODED) continue;
                struct string_view view;
                memcpy(&view, row_at(t, s) + key->offset, sizeof view);
                if (view.size > STRING_INLINE_MAX)
                    state_heap_free(t->core, (void *)(uintptr_t)view.ptr, view.size);
            }
        }
    }
    if (t->index) memset(t->index, 0, sizeof(uint64_t) << t->index_bits);
    drop_pages(t);
}

static void table_free(struct state *state)
{
    struct state_hash *t = (struct state_hash *)state;
    if (!t) return;
    if (t->layout && t->core) destroy_payloads(t);
    drop_pages(t);
    mem_account_add(t->base.account, -(int64_t)t->base.bytes);
    mem_free(t->pages);
    mem_free(t->versions);
    mem_free(t->live);
    mem_free(t->has_free);
    mem_free(t->index);
    mem_free(t->hashes);
    mem_free(t->new_slots);
    mem_free(t->is_new);
    mem_free(t->norm);
    mem_free(t->encoded);
    strbuf_deinit(&t->encode_buf);
    state_core_unref(t->core);
    hash_layout_unref(t->layout);
    mem_free(t);
}

const struct state_class state_hash_class = {
    .name = "hash",
    .freeze = state_hash_freeze,
    .write = state_hash_write,
    .release = state_hash_release,
    .restore = state_hash_restore,
    .clear = state_hash_clear,
    .free = table_free,
    .check = state_hash_check,
};

/* --- Growth --------------------------------------------------------------------------------------------------------------------------- */

static inline size_t index_home(const struct state_hash *t, uint64_t hash)
{
    return (size_t)(hash >> (64 - t->index_bits));
}
static inline uint64_t entry_of(uint64_t hash, uint64_t slot)
{
    return (hash >> 16 & 0xFFFF) << 48 | (slot + 1);
}

static void index_put(uint64_t *index, uint32_t bits, uint64_t hash, uint64_t slot)
{
    size_t mask = ((size_t)1 << bits) - 1, pos = (size_t)(hash >> (64 - bits));
    while (index[pos]) pos = (pos + 1) & mask;
    index[pos] = entry_of(hash, slot);
}

/* The live rows of the page that begins with slot `first`. */
static void fill_index(const struct state_hash *t, uint64_t *index, uint32_t bits, uint64_t first)
{
    uint64_t end = first + ((uint64_t)1 << t->layout->page_shift);
    if (end > t->n_slots) end = t->n_slots;
    if (first >= end) return;
    const uint8_t *row = row_at(t, first);
    size_t row_bytes = t->layout->row_bytes;
    for (uint64_t s = first; s < end; s++, row += row_bytes) {
        if (s + AHEAD_INDEX < end)
            prefetch_write(&index[row_header(row + AHEAD_INDEX * row_bytes) >> (64 - bits)]);
        if (slot_is_live(t, s)) index_put(index, bits, row_header(row), s);
    }
}

static never_inline laminar_status grow_index(struct state_hash *t, size_t n_rows,
                                              struct laminar_error *err)
{
    uint32_t bits = t->index ? t->index_bits : INDEX_BITS_MIN;
    while ((double)n_rows > INDEX_LOAD_MAX * (double)((size_t)1 << bits)) bits++;
    if (bits > INDEX_BITS_MAX) return error_oom(err);
    uint64_t *index = mem_alloc_huge(sizeof *index << bits);
    if (!index) return error_oom(err);
    memset(index, 0, sizeof *index << bits);
    for (size_t page = 0; page < t->n_pages; page++)
        fill_index(t, index, bits, (uint64_t)page << t->layout->page_shift);
    set_bytes(t, (int64_t)(sizeof *index << bits) -
                     (int64_t)(t->index ? sizeof *index << t->index_bits : 0));
    mem_free(t->index);
    t->index = index;
    t->index_bits = bits;
    t->index_limit = (size_t)(INDEX_LOAD_MAX * (double)((size_t)1 << bits));
    return LAMINAR_OK;
}

/* Arrays over pages and slots get room for n_slots slots; pages themselves come one by one. */
never_inline laminar_status hash_reserve_slots(struct state_hash *t, uint64_t n_slots,
                                               struct laminar_error *err)
{
    uint32_t shift = t->layout->page_shift;
    size_t pages = (size_t)((n_slots + ((uint64_t)1 << shift) - 1) >> shift),
           capacity = t->pages_capacity * 2;
    if (capacity < pages) capacity = pages;
    size_t words = ((capacity << shift) + 63) / 64,
           words_old = ((t->pages_capacity << shift) + 63) / 64;
    size_t sum = (words + 63) / 64, sum_old = (words_old + 63) / 64;
    if (!t->pages_capacity) words_old = sum_old = 0;
    void *grown;
    if (!(grown = mem_realloc(t->pages, capacity * sizeof *t->pages))) return error_oom(err);
    t->pages = grown;
    if (!(grown = mem_realloc(t->versions, capacity * sizeof *t->versions))) return error_oom(err);
    t->versions = grown;
    if (!(grown = mem_realloc(t->live, words * 8))) return error_oom(err);
    t->live = grown;
    memset(t->live + words_old, 0, (words - words_old) * 8);
    if (!(grown = mem_realloc(t->has_free, sum * 8))) return error_oom(err);
    t->has_free = grown;
    memset(t->has_free + sum_old, 0, (sum - sum_old) * 8);
    set_bytes(t, (int64_t)((capacity - t->pages_capacity) * 16 + (words - words_old) * 8 +
                           (sum - sum_old) * 8));
    t->pages_capacity = capacity;
    return LAMINAR_OK;
}

static never_inline laminar_status grow_scratch(struct state_hash *t, size_t n,
                                                struct laminar_error *err)
{
    size_t rows = n > 64 ? (n > CHUNK_ROWS / 4 ? CHUNK_ROWS : CHUNK_ROWS / 4) : 64;
    if (rows < n) rows = n;
    uint64_t *hashes = mem_alloc(rows * 16), *new_slots = mem_alloc(rows * 8);
    uint8_t *is_new = mem_alloc(rows);
    struct vector *norm = t->norm ? t->norm : mem_calloc(t->layout->n_keys + 1, sizeof *norm);
    struct string_view *encoded = t->n_encoded ? mem_alloc(rows * t->n_encoded * sizeof *encoded)
                                               : NULL;
    if (!hashes || !new_slots || !is_new || !norm || (t->n_encoded && !encoded)) {
        mem_free(hashes);
        mem_free(new_slots);
        mem_free(is_new);
        mem_free(encoded);
        if (!t->norm) mem_free(norm);
        return error_oom(err);
    }
    mem_free(t->hashes);
    mem_free(t->new_slots);
    mem_free(t->is_new);
    mem_free(t->encoded);
    t->hashes = hashes;
    t->second_hashes = hashes + rows;
    t->is_new = is_new;
    t->new_slots = new_slots;
    t->norm = norm;
    t->encoded = encoded;
    t->scratch_rows = rows;
    return LAMINAR_OK;
}

struct state_page *hash_new_page(struct state_hash *t)
{
    size_t size = (size_t)t->layout->row_bytes << t->layout->page_shift;
    return t->n_pages < PAGE_SLAB_FROM ? state_page_create(t->base.account, size)
                                       : state_page_cut(&t->slab, t->base.account, size);
}

bool hash_unshare(struct state_hash *t, uint64_t slot)
{
    size_t i = (size_t)(slot >> t->layout->page_shift);
    struct state_page *page = page_of_data(t->pages[i]);
    if (atomic_load_explicit(&page->refs, memory_order_acquire) > 1) {
        struct state_page *copy = hash_new_page(t);
        if (!copy) return false;
        uint64_t first = (uint64_t)i << t->layout->page_shift, used = t->n_slots - first;
        if (used > (uint64_t)1 << t->layout->page_shift)
            used = (uint64_t)1 << t->layout->page_shift;
        memcpy(copy->data, page->data, (size_t)used * t->layout->row_bytes);
        state_page_unref(page);
        page = copy;
    }
    t->pages[i] = (uintptr_t)page->data;
    t->versions[i] = t->core->epoch;
    return true;
}

/* A free slot with a writable page, not yet live; false when memory is out. */
static bool take_slot(struct state_hash *t, uint64_t *out)
{
    uint64_t slot;
    if (t->forced_slots) {
        slot = *t->forced_slots++;
    } else if (t->base.n_rows < t->n_slots) {
        size_t w = 0;
        for (;;) { /* the summary may be out of date: words found full are cleared */
            while (!t->has_free[w]) w++;
            size_t word = w * 64 + (size_t)__builtin_ctzll(t->has_free[w]);
            uint64_t bits = ~t->live[word];
            slot = word * 64 + (bits ? (uint64_t)__builtin_ctzll(bits) : 64);
            if (bits && slot < t->n_slots) break;
            t->has_free[w] &= ~((uint64_t)1 << (word & 63));
        }
    } else {
        slot = t->n_slots;
    }
    if ((slot >> t->layout->page_shift) >= t->n_pages) {
        struct state_page *page = hash_new_page(t);
        if (!page) return false;
        t->versions[t->n_pages] = t->core->epoch;
        t->pages[t->n_pages++] = (uintptr_t)page->data;
    } else if (!hash_make_writable(t, slot)) {
        return false;
    }
    *out = slot;
    return true;
}

static inline void set_live(struct state_hash *t, uint64_t slot)
{
    t->live[slot >> 6] |= (uint64_t)1 << (slot & 63);
    if (slot >= t->n_slots) t->n_slots = slot + 1;
    t->base.n_rows++;
}

/* --- Keys of one row --------------------------------------------------------------------------------------------------------------------- */

static inline const void *value_at(const struct vector *v, size_t row, uint32_t width)
{
    return (const char *)v->data + (v->shape == VEC_CONST ? 0 : row * width);
}

static bool interval_equal(const struct hash_key *key, const void *a, const struct vector *v,
                           size_t row)
{
    struct vector view = {.type = key->type, .shape = VEC_CONST, .data = (void *)(uintptr_t)a};
    return kernel_equal(&view, 0, v, row);
}

static bool key_equal(const struct hash_layout *layout, const uint8_t *row,
                      const struct vector *keys, size_t i)
{
    for (uint32_t k = 0; k < layout->n_keys; k++) {
        const struct hash_key *key = &layout->keys[k];
        bool is_null = row_key_is_null(layout, row, k);
        if (is_null == vector_is_valid(&keys[k], i)) return false;
        if (is_null) continue;
        const void *a = row + key->offset, *b = value_at(&keys[k], i, key->width);
        switch (key->form) {
        case KEY_FIXED:
            if (key->width == 8   ? *(const uint64_t *)a != *(const uint64_t *)b
                : key->width == 4 ? *(const uint32_t *)a != *(const uint32_t *)b
                                  : memcmp(a, b, key->width) != 0)
                return false;
            break;
        case KEY_FLOAT: {
            float x = *(const float *)a, y = *(const float *)b;
            if (!(x == y || (isnan(x) && isnan(y)))) return false;
            break;
        }
        case KEY_DOUBLE: {
            double x = *(const double *)a, y = *(const double *)b;
            if (!(x == y || (isnan(x) && isnan(y)))) return false;
            break;
        }
        case KEY_STRING:
        case KEY_ENCODED:
            if (!string_equal(a, b)) return false;
            break;
        case KEY_INTERVAL:
            if (!interval_equal(key, a, &keys[k], i)) return false;
            break;
        }
    }
    return true;
}

/* Writes header and keys; long strings are copied into the heap. False when memory is out (nothing is kept). */
static bool write_keys(struct state_hash *t, uint8_t *row, uint64_t hash, const struct vector *keys,
                       size_t i)
{
    const struct hash_layout *layout = t->layout;
    memset(row, 0, layout->row_bytes);
    uint64_t header = (hash & HEADER_HASH_MASK) | 1;
    for (uint32_t k = 0; k < layout->n_keys; k++) {
        const struct hash_key *key = &layout->keys[k];
        if (!vector_is_valid(&keys[k], i)) {
            if (layout->null_offset)
                row[layout->null_offset + (k >> 3)] |= (uint8_t)(1U << (k & 7));
            else
                header |= (uint64_t)2 << k;
            continue;
        }
        const void *value = value_at(&keys[k], i, key->width);
        memcpy(row + key->offset, value, key->width);
        if (key->form != KEY_STRING && key->form != KEY_ENCODED) continue;
        struct string_view view;
        memcpy(&view, value, sizeof view);
        if (view.size <= STRING_INLINE_MAX) continue;
        char *bytes = state_heap_alloc(t->core, view.size);
        if (!bytes) {
            memset(row + key->offset, 0, key->width);
            memcpy(row, &header, 8);
            for (uint32_t j = 0; j < k; j++) { /* back out */
                const struct hash_key *done = &layout->keys[j];
                if ((done->form != KEY_STRING && done->form != KEY_ENCODED) ||
                    row_key_is_null(layout, row, j))
                    continue;
                memcpy(&view, row + done->offset, sizeof view);
                if (view.size > STRING_INLINE_MAX)
                    state_heap_free(t->core, (void *)(uintptr_t)view.ptr, view.size);
            }
            return false;
        }
        memcpy(bytes, view.ptr, view.size);
        view.ptr = bytes;
        memcpy(row + key->offset, &view, sizeof view);
    }
    memcpy(row, &header, 8);
    return true;
}

/* --- Probing --------------------------------------------------------------------------------------------------------------------------------- */

struct probe {
    struct state_hash *t;
    const struct vector *keys; /* normalised */
    size_t n;
    uint64_t *slots;
    uint8_t **rows;
    uint8_t *is_new;
    bool is_upsert;
    bool for_write;
    enum probe_kind kind;
    size_t n_new; /* slots added so far: in t->new_slots */
};

static never_inline bool add_row(struct probe *p, size_t pos, uint64_t hash, size_t i,
                                 uint64_t *out_slot)
{
    struct state_hash *t = p->t;
    uint64_t slot;
    if (!take_slot(t, &slot)) return false;
    if (!write_keys(t, row_at(t, slot), hash, p->keys, i)) return false;
    set_live(t, slot);
    t->index[pos] = entry_of(hash, slot);
    t->new_slots[p->n_new++] = slot;
    *out_slot = slot;
    return true;
}

/* One row, any kind of key, present or not. */
static never_inline bool probe_row(struct probe *p, size_t i)
{
    struct state_hash *t = p->t;
    uint64_t hash = t->hashes[i], salt = hash >> 16 & 0xFFFF, slot;
    size_t mask = ((size_t)1 << t->index_bits) - 1, pos = index_home(t, hash);
    bool is_new = false;
    for (;;) {
        uint64_t entry = t->index[pos];
        if (entry == 0) {
            if (!p->is_upsert) {
                p->slots[i] = STATE_SLOT_NONE;
                p->rows[i] = NULL;
                return true;
            }
            if (!add_row(p, pos, hash, i, &slot)) return false;
            is_new = true;
            break;
        }
        slot = (entry & ENTRY_SLOT_MASK) - 1;
        if (entry >> 48 == salt && key_equal(t->layout, row_at(t, slot), p->keys, i)) break;
        pos = (pos + 1) & mask;
    }
    if (p->for_write && !hash_make_writable(t, slot)) return false;
    p->slots[i] = slot;
    p->rows[i] = row_at(t, slot) + t->layout->payload_offset;
    p->is_new[i] = is_new;
    return true;
}

/* What the fast loop reads, in registers: stores through the caller's arrays can't change it. Read again after each call of probe_row. */
struct probe_view {
    const uint64_t *index;
    const uintptr_t *pages;
    uint64_t page_mask, index_mask;
    uint32_t home_shift, page_shift, row_bytes, payload_offset;
    uintptr_t frozen; /* bit of a page's address that sends the row to the slow path */
};
static always_inline struct probe_view view_of(const struct probe *p)
{
    const struct state_hash *t = p->t;
    const struct hash_layout *layout = t->layout;
    return (struct probe_view){.index = t->index,
                               .pages = t->pages,
                               .page_mask = ((uint64_t)1 << layout->page_shift) - 1,
                               .index_mask = ((uint64_t)1 << t->index_bits) - 1,
                               .home_shift = 64 - t->index_bits,
                               .page_shift = layout->page_shift,
                               .row_bytes = layout->row_bytes,
                               .payload_offset = layout->payload_offset,
                               .frozen = p->for_write};
}

/* The first entry with the hash's salt; 0 when an empty place comes before. */
static always_inline uint64_t find_salt(const struct probe_view *v, uint64_t hash)
{
    uint64_t salt = hash >> 16 & 0xFFFF, pos = hash >> v->home_shift, entry = v->index[pos];
    while (unlikely(entry >> 48 != salt && entry)) {
        pos = (pos + 1) & v->index_mask;
        entry = v->index[pos];
    }
    return entry;
}

/* Keys of the kinds that have a loop of their own; strides are 0 for constants. */
struct probe_keys {
    const char *a, *b;
    size_t a_stride, b_stride;
};
static always_inline bool is_pair(enum probe_kind kind) { return kind >= PROBE_64_64; }
static always_inline uint32_t last_width(enum probe_kind kind)
{
    return kind == PROBE_32 || kind == PROBE_64_32           ? 4
           : kind == PROBE_STRING || kind == PROBE_64_STRING ? 16
                                                             : 8;
}
static always_inline bool bytes_equal(const void *a, const void *b, uint32_t width)
{
    if (width == 4) return *(const uint32_t *)a == *(const uint32_t *)b;
    if (width == 8) return *(const uint64_t *)a == *(const uint64_t *)b;
    /* long strings differ by their pointer: the slow path compares their bytes */
    uint64_t x[2], y[2];
    memcpy(x, a, 16);
    memcpy(y, b, 16);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

/* The usual row: its key is there, not null, its page writable. Else false, and probe_row decides. */
static always_inline bool probe_fast(const struct probe *p, const struct probe_view *v,
                                     const struct probe_keys *keys, enum probe_kind kind, size_t i,
                                     uint64_t hash)
{
    uint64_t entry = find_salt(v, hash);
    if (unlikely(!entry)) return false;
    uint64_t slot = (entry & ENTRY_SLOT_MASK) - 1;
    uintptr_t page = v->pages[slot >> v->page_shift];
    uint8_t *row = (uint8_t *)(page & ~(uintptr_t)1) + (slot & v->page_mask) * v->row_bytes;
    bool is_equal = (row_header(row) & 0xFFFF) == 1;
    if (is_pair(kind)) {
        is_equal &= bytes_equal(row + 8, keys->a + i * keys->a_stride, 8);
        is_equal &= bytes_equal(row + 16, keys->b + i * keys->b_stride, last_width(kind));
    } else {
        is_equal &= bytes_equal(row + 8, keys->a + i * keys->a_stride, last_width(kind));
    }
    if (unlikely(!is_equal || page & v->frozen)) return false;
    p->slots[i] = slot;
    p->rows[i] = row + v->payload_offset;
    p->is_new[i] = 0;
    return true;
}

static always_inline uint64_t hash_here(const struct probe_keys *keys, enum probe_kind kind,
                                        size_t i)
{
    const char *a = keys->a + i * keys->a_stride, *b = keys->b + i * keys->b_stride;
    uint64_t hash = kind == PROBE_32 ? hash_u64(*(const uint32_t *)(const void *)a)
                                     : hash_u64(*(const uint64_t *)(const void *)a);
    if (kind == PROBE_64_64)
        return hash_combine(hash, hash_u64(*(const uint64_t *)(const void *)b));
    if (kind == PROBE_64_32)
        return hash_combine(hash, hash_u64(*(const uint32_t *)(const void *)b));
    return hash;
}
static always_inline bool has_strings(enum probe_kind kind)
{
    return kind == PROBE_STRING || kind == PROBE_64_STRING;
}

/* A table that is not in cache: hashes are there, index entries and rows are prefetched ahead. */
static always_inline bool probe_large(struct probe *p, const struct probe_keys *keys,
                                      enum probe_kind kind, size_t *done)
{
    const uint64_t *hashes = p->t->hashes;
    struct probe_view v = view_of(p);
    size_t n = p->n, i = 0;
    for (size_t k = 0; k < AHEAD_INDEX; k++) prefetch_read(&v.index[hashes[k] >> v.home_shift]);
    for (; i + AHEAD_INDEX < n; i++) {
        prefetch_read(&v.index[hashes[i + AHEAD_INDEX] >> v.home_shift]);
        uint64_t entry = find_salt(&v, hashes[i + AHEAD_ROW]);
        if (entry) {
            uint64_t slot = (entry & ENTRY_SLOT_MASK) - 1;
            const uint8_t *row = (const uint8_t *)(v.pages[slot >> v.page_shift] & ~(uintptr_t)1) +
                                 (slot & v.page_mask) * v.row_bytes;
            prefetch_write(row);
            prefetch_write(row + v.row_bytes - 1);
        }
        if (kind != PROBE_GENERIC && probe_fast(p, &v, keys, kind, i, hashes[i])) continue;
        if (!probe_row(p, i)) return false;
        v = view_of(p);
    }
    *done = i;
    return true;
}

static always_inline bool probe_loop(struct probe *p, enum probe_kind kind)
{
    uint64_t *hashes = p->t->hashes;
    const struct vector *a = &p->keys[0], *b = &p->keys[is_pair(kind)];
    uint32_t a_width = is_pair(kind) ? 8 : last_width(kind);
    struct probe_keys keys = {a->data, b->data, a->shape == VEC_CONST ? 0 : a_width,
                              b->shape == VEC_CONST ? 0 : last_width(kind)};
    size_t n = p->n, i = 0;
    bool is_large = p->t->base.n_rows >= PREFETCH_ROWS_MIN && n > AHEAD_INDEX;
    if (!has_strings(kind) && is_large)
        for (size_t k = 0; k < n; k++) hashes[k] = hash_here(&keys, kind, k);
    if (is_large && !probe_large(p, &keys, kind, &i)) return false;
    struct probe_view v = view_of(p);
    for (; i < n; i++) {
        uint64_t hash = has_strings(kind) ? hashes[i] : hash_here(&keys, kind, i);
        if (probe_fast(p, &v, &keys, kind, i, hash)) continue;
        hashes[i] = hash;
        if (!probe_row(p, i)) return false;
        v = view_of(p);
    }
    return true;
}

/* Keys with nulls, or of other types. */
static bool probe_generic(struct probe *p)
{
    size_t i = 0;
    bool is_large = p->t->base.n_rows >= PREFETCH_ROWS_MIN && p->n > AHEAD_INDEX;
    if (is_large && !probe_large(p, NULL, PROBE_GENERIC, &i)) return false;
    for (; i < p->n; i++)
        if (!probe_row(p, i)) return false;
    return true;
}

static bool probe_all(struct probe *p, enum probe_kind kind)
{
    switch (kind) {
    case PROBE_GENERIC: return probe_generic(p);
    case PROBE_64: return probe_loop(p, PROBE_64);
    case PROBE_32: return probe_loop(p, PROBE_32);
    case PROBE_STRING: return probe_loop(p, PROBE_STRING);
    case PROBE_64_64: return probe_loop(p, PROBE_64_64);
    case PROBE_64_32: return probe_loop(p, PROBE_64_32);
    case PROBE_64_STRING: return probe_loop(p, PROBE_64_STRING);
    }
    return false;
}

/* --- Hashing ------------------------------------------------------------------------------------------------------------------------------ */

/* All hashes of one table must agree, whichever loop made them: integers hash as in hash_here, by their bytes, and not by kernel_hash, which gives the same to
 * equal numbers of all widths. */
static void hash_ints(const struct vector *v, uint32_t width, size_t n, uint64_t *hashes)
{
    size_t stride = v->shape == VEC_CONST ? 0 : width;
    const char *data = v->data;
    for (size_t i = 0; i < n; i++, data += stride) {
        uint64_t value = width == 8 ? *(const uint64_t *)(const void *)data
                                    : *(const uint32_t *)(const void *)data;
        hashes[i] = v->validity && !vector_is_valid(v, i) ? HASH_OF_NULL : hash_u64(value);
    }
}

static void hash_rows(struct state_hash *t, const struct vector *keys, size_t n)
{
    if (t->probe == PROBE_GENERIC) {
        kernel_hash(keys, t->layout->n_keys, n, t->hashes);
        return;
    }
    for (uint32_t k = 0; k < t->layout->n_keys; k++) {
        uint64_t *out = k ? t->second_hashes : t->hashes;
        if (t->layout->keys[k].form == KEY_STRING)
            kernel_hash_column(&keys[k], n, out, true);
        else
            hash_ints(&keys[k], t->layout->keys[k].width, n, out);
        for (size_t i = 0; k && i < n; i++) t->hashes[i] = hash_combine(t->hashes[i], out[i]);
    }
}

/* Strings that stand for nested values, so that everything below sees fixed-size keys. */
static laminar_status encode_nested(struct state_hash *t, const struct vector *keys, size_t n,
                                    struct laminar_error *err)
{
    strbuf_clear(&t->encode_buf);
    struct string_view *views = t->encoded;
    for (uint32_t k = 0; k < t->layout->n_keys; k++) {
        if (t->layout->keys[k].form != KEY_ENCODED) continue;
        for (size_t i = 0; i < n; i++) { /* offsets first: the buffer may move */
            size_t from = t->encode_buf.size;
            laminar_status status = value_encode(&keys[k], i, &t->encode_buf, err);
            if (status) return status;
            views[i].size = (uint32_t)(t->encode_buf.size - from);
        }
        t->norm[k].type = TYPE(BINARY);
        t->norm[k].shape = VEC_FLAT;
        t->norm[k].data = views;
        views += t->scratch_rows;
    }
    if (t->encode_buf.failed) return error_oom(err);
    size_t offset = 0;
    for (uint32_t e = 0; e < t->n_encoded; e++) {
        for (size_t i = 0; i < n; i++) {
            struct string_view *view = &t->encoded[e * t->scratch_rows + i];
            size_t size = view->size;
            *view = string_make(t->encode_buf.data + offset, size);
            offset += size;
        }
    }
    return LAMINAR_OK;
}

static laminar_status prepare(struct state_hash *t, struct probe *p, const struct vector *keys,
                              size_t n, struct laminar_error *err)
{
    laminar_status status;
    if (unlikely(n > t->scratch_rows) && (status = grow_scratch(t, n, err))) return status;
    p->keys = keys;
    if (unlikely(t->n_encoded)) {
        memcpy(t->norm, keys, t->layout->n_keys * sizeof *keys);
        if ((status = encode_nested(t, keys, n, err))) return status;
        /* NOTE: validity of a const nested key must be flat too, as its views are. */
        for (uint32_t k = 0; k < t->layout->n_keys; k++) {
            if (t->layout->keys[k].form != KEY_ENCODED) continue;
            t->norm[k].n_children = 0;
            if (keys[k].shape != VEC_CONST) continue;
            t->norm[k].shape = VEC_CONST;
        }
        p->keys = t->norm;
    }
    p->kind = t->probe;
    for (uint32_t k = 0; k < t->layout->n_keys; k++)
        if (p->keys[k].validity || p->keys[k].type.id == LAMINAR_TYPE_NULL) p->kind = PROBE_GENERIC;
    if (!p->is_new) p->is_new = t->is_new;
    if (p->kind == PROBE_GENERIC || has_strings(p->kind)) hash_rows(t, p->keys, n);
    return LAMINAR_OK;
}

/* --- Public calls ------------------------------------------------------------------------------------------------------------------------- */

laminar_status state_hash_upsert(struct state_hash *t, const struct vector *keys, size_t n,
                                 uint64_t *slots, uint8_t **rows, uint8_t *is_new,
                                 struct laminar_error *err)
{
    laminar_status status;
    struct probe p = {.t = t,
                      .n = n,
                      .slots = slots,
                      .rows = rows,
                      .is_new = is_new,
                      .is_upsert = true,
                      .for_write = true};
    if ((status = prepare(t, &p, keys, n, err))) return status;
    if (unlikely(t->base.n_rows + n > t->index_limit) &&
        (status = grow_index(t, t->base.n_rows + n, err)))
        return status;
    if (unlikely(t->n_slots + n > (uint64_t)t->pages_capacity << t->layout->page_shift) &&
        (status = hash_reserve_slots(t, t->n_slots + n, err)))
        return status;
    if (likely(probe_all(&p, p.kind))) return LAMINAR_OK;
    state_hash_remove(t, t->new_slots, p.n_new);
    return error_oom(err);
}

laminar_status state_hash_find(struct state_hash *t, const struct vector *keys, size_t n,
                               bool for_write, uint64_t *slots, uint8_t **rows,
                               struct laminar_error *err)
{
    struct probe p = {.t = t, .n = n, .slots = slots, .rows = rows, .for_write = for_write};
    if (t->base.n_rows == 0) {
        for (size_t i = 0; i < n; i++) slots[i] = STATE_SLOT_NONE, rows[i] = NULL;
        return LAMINAR_OK;
    }
    laminar_status status = prepare(t, &p, keys, n, err);
    if (status) return status;
    return likely(probe_all(&p, p.kind)) ? LAMINAR_OK : error_oom(err);
}

uint8_t *state_hash_row(struct state_hash *t, uint64_t slot)
{
    return slot_is_live(t, slot) ? row_at(t, slot) + t->layout->payload_offset : NULL;
}

uint8_t *state_hash_row_for_write(struct state_hash *t, uint64_t slot)
{
    if (!slot_is_live(t, slot) || !hash_make_writable(t, slot)) return NULL;
    return row_at(t, slot) + t->layout->payload_offset;
}

/* Linear probing without tombstones: entries behind the hole move into it when their home lies at or before it. */
static void index_remove(struct state_hash *t, uint64_t hash, uint64_t slot)
{
    size_t mask = ((size_t)1 << t->index_bits) - 1, pos = index_home(t, hash);
    while ((t->index[pos] & ENTRY_SLOT_MASK) != slot + 1) pos = (pos + 1) & mask;
    size_t hole = pos;
    for (;;) {
        pos = (pos + 1) & mask;
        uint64_t entry = t->index[pos];
        if (!entry) break;
        size_t home = index_home(t, row_header(row_at(t, (entry & ENTRY_SLOT_MASK) - 1)));
        if (((pos - home) & mask) < ((pos - hole) & mask)) continue;
        t->index[hole] = entry;
        hole = pos;
    }
    t->index[hole] = 0;
}

void state_hash_remove(struct state_hash *t, const uint64_t *slots, size_t n)
{
    const struct hash_layout *layout = t->layout;
    for (size_t i = 0; i < n; i++) {
        uint64_t slot = slots[i];
        if (!slot_is_live(t, slot)) continue;
        uint8_t *row = row_at(t, slot);
        index_remove(t, row_header(row), slot);
        for (uint32_t k = 0; layout->has_strings && k < layout->n_keys; k++) {
            const struct hash_key *key = &layout->keys[k];
            if ((key->form != KEY_STRING && key->form != KEY_ENCODED) ||
                row_key_is_null(layout, row, k))
                continue;
            struct string_view view;
            memcpy(&view, row + key->offset, sizeof view);
            if (view.size > STRING_INLINE_MAX)
                state_heap_free(t->core, (void *)(uintptr_t)view.ptr, view.size);
        }
        if (t->options.destroy)
            t->options.destroy(t->options.ctx, &t->core->heap, row + layout->payload_offset);
        t->live[slot >> 6] &= ~((uint64_t)1 << (slot & 63));
        t->has_free[slot >> 12] |= (uint64_t)1 << (slot >> 6 & 63);
        t->versions[slot >> layout->page_shift] = t->core->epoch;
        t->base.n_rows--;
    }
}

laminar_status state_hash_keys(struct state_hash *t, uint32_t k, const uint64_t *slots, size_t n,
                               struct column *out, struct laminar_error *err)
{
    const struct hash_layout *layout = t->layout;
    const struct hash_key *key = &layout->keys[k];
    laminar_status status = column_reserve(out, out->n + n, err);
    if (status) return status;
    if (key->form == KEY_ENCODED) {
        for (size_t i = 0; i < n; i++) {
            const uint8_t *row = row_at(t, slots[i]);
            const struct string_view *view = (const void *)(row + key->offset);
            size_t used;
            status = row_key_is_null(layout, row, k)
                         ? column_append_null(out, 1, err)
                         : value_decode(out, (const uint8_t *)string_data(view), view->size, &used,
                                        err);
            if (status) return status;
        }
        return LAMINAR_OK;
    }
    size_t at = out->n;
    bool has_null = false;
    char *data = out->vec.data;
#define GATHER_KEYS(T)                                                                             \
    for (size_t i = 0; i < n; i++) {                                                               \
        const uint8_t *row = row_at(t, slots[i]);                                                  \
        memcpy(data + (at + i) * sizeof(T), row + key->offset, sizeof(T));                         \
        has_null |= row_key_is_null(layout, row, k);                                               \
    }
    switch (key->width) {
    case 1: GATHER_KEYS(uint8_t) break;
    case 2: GATHER_KEYS(uint16_t) break;
    case 4: GATHER_KEYS(uint32_t) break;
    case 8: GATHER_KEYS(uint64_t) break;
    case 16: GATHER_KEYS(struct string_view) break;
    default: break; /* TYPE_NULL has no bytes */
    }
#undef GATHER_KEYS
    out->n = at + n;
    if (out->vec.validity)
        for (size_t i = 0; i < n; i++) bitmap_set(out->vec.validity, at + i);
    if (!has_null || key->width == 0) return LAMINAR_OK;
    if ((status = column_reserve_validity(out, err))) return status;
    for (size_t i = 0; i < n; i++)
        if (row_key_is_null(layout, row_at(t, slots[i]), k))
            bitmap_clear(out->vec.validity, at + i);
    return LAMINAR_OK;
}

size_t state_hash_scan(struct state_hash *t, uint64_t *cursor, uint64_t *slots, size_t n)
{
    size_t found = 0;
    uint64_t slot = *cursor;
    while (found < n && slot < t->n_slots) {
        uint64_t bits = t->live[slot >> 6] >> (slot & 63);
        if (!bits) {
            slot = (slot | 63) + 1;
            continue;
        }
        slot += (uint64_t)__builtin_ctzll(bits);
        if (slot >= t->n_slots) break;
        slots[found++] = slot++;
    }
    *cursor = slot;
    return found;
}
