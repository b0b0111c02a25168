/* state_hash.c - see state.h and state_hash_internal.h: keys -> dense slots -> rows.
 *
 * The index is one array of 8-byte entries, linear probing, load <= 0.7; removal shifts back, so there are no tombstones. Probing is in
 * state_hash_probe.c, freezing and restoring in state_hash_io.c.
 * Cost: one index line and one row (one or two lines) per key. The index doubles in one go: about 10 ms at a million rows.
 * NOTE: the 2^32 limit on index size and the 48-bit slots bound a table to about 2.5 billion rows; beyond, upsert reports memory out. */
#include "base/error.h"
#include "base/hash.h"
#include "exec/state_hash_cold.h"
#include <string.h>

#define INDEX_LOAD_MAX 0.7

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

void hash_charge(struct state_hash *t, int64_t delta)
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
    t->base = (struct state){.cls = &state_hash_class,
                             .name = options->name,
                             .account = options->account,
                             .can_spill = options->spill != NULL};
    t->options = *options;
    t->options.key_types = NULL;
    TRY(layout_create(options, &t->layout, err));
    TRY(state_core_create(options->account, &t->core, err));
    t->probe = probe_kind_of(t->layout);
    direct_init(t);
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
    if (t->cold) cold_drop_pages(t);
    for (size_t i = 0; i < t->n_pages && !t->cold; i++) state_page_unref(page_of_data(t->pages[i]));
    page_slab_unref(t->slab);
    t->slab = NULL;
    t->n_pages = 0;
    t->n_slots = 0;
    t->base.n_rows = 0;
}

static bool row_is_there(const struct state_hash *t, uint64_t slot)
{
    return !t->cold || cold_is_there(t, slot);
}

static void destroy_payloads(struct state_hash *t)
{
    if (!t->options.destroy) return;
    for (uint64_t s = 0; s < t->n_slots; s++)
        if (slot_is_live(t, s) && row_is_there(t, s))
            t->options.destroy(t->options.ctx, &t->core->heap,
                               row_at(t, s) + t->layout->payload_offset);
}

/* Strings and states go through the heap's limbo, so snapshots that are held stay readable. */
void state_hash_clear(struct state *state)
{
    struct state_hash *t = (struct state_hash *)state;
    destroy_payloads(t);
    for (uint64_t s = 0; t->layout->has_strings && s < t->n_slots; s++)
        if (slot_is_live(t, s) && row_is_there(t, s)) hash_free_strings(t, s);
    if (t->index) memset(t->index, 0, sizeof(uint64_t) << t->index_bits);
    direct_clear(t);
    drop_pages(t);
    if (t->cold) cold_leave(t);
}

static void table_free(struct state *state)
{
    struct state_hash *t = (struct state_hash *)state;
    if (!t) return;
    if (t->layout && t->core) destroy_payloads(t);
    drop_pages(t);
    if (t->cold) cold_leave(t);
    mem_account_add(t->base.account, -(int64_t)t->base.bytes);
    mem_free(t->pages);
    mem_free(t->versions);
    mem_free(t->live);
    mem_free(t->has_free);
    mem_free(t->index);
    mem_free(t->direct.entries);
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

static size_t table_bytes(const struct state *state)
{
    const struct state_hash *t = (const struct state_hash *)state;
    size_t page = sizeof(struct state_page) +
                  ((size_t)t->layout->row_bytes << t->layout->page_shift);
    size_t pages = t->cold ? t->cold->resident_bytes : t->n_pages * page;
    return t->base.bytes + pages + t->core->held_bytes;
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
    .bytes = table_bytes,
    .spill = state_hash_spill,
};

/* --- Growth --------------------------------------------------------------------------------------------------------------------------- */

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
    hash_charge(t, (int64_t)(sizeof *index << bits) -
                       (int64_t)(t->index ? sizeof *index << t->index_bits : 0));
    mem_free(t->index);
    t->index = index;
    t->index_bits = bits;
    t->index_limit = (size_t)(INDEX_LOAD_MAX * (double)((size_t)1 << bits));
    return LAMINAR_OK;
}

static size_t arrays_bytes(size_t capacity, uint32_t page_shift)
{
    if (!capacity) return 0;
    size_t words = ((capacity << page_shift) + 63) / 64;
    return capacity * 16 + words * 8 + (words + 63) / 64 * 8;
}
size_t hash_arrays_bytes(const struct state_hash *t)
{
    return arrays_bytes(t->pages_capacity, t->layout->page_shift);
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
    if (t->cold && !cold_reserve(t, capacity)) return error_oom(err);
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
    size_t cold_bytes = t->cold ? (capacity - t->pages_capacity) * sizeof *t->cold->pages : 0;
    hash_charge(t, (int64_t)(arrays_bytes(capacity, shift) - hash_arrays_bytes(t) + cold_bytes));
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
    return t->n_pages < PAGE_SLAB_FROM || t->cold ? state_page_create(t->base.account, size)
                                                  : state_page_cut(&t->slab, t->base.account, size);
}

bool hash_add_page(struct state_hash *t)
{
    struct state_page *page = hash_new_page(t);
    if (!page) return false;
    t->versions[t->n_pages] = t->core->epoch;
    t->pages[t->n_pages] = (uintptr_t)page->data;
    if (t->cold) cold_page_added(t, t->n_pages, page);
    t->n_pages++;
    return true;
}

bool hash_unshare(struct state_hash *t, uint64_t slot)
{
    size_t i = (size_t)(slot >> t->layout->page_shift);
    if (t->cold) return cold_unshare(t, i);
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
bool hash_take_slot(struct state_hash *t, uint64_t *out)
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
        if (!hash_add_page(t)) return false;
    } else {
        if (t->cold && (t->cold->status = cold_want(t, slot, t->cold->err))) return false;
        if (!hash_make_writable(t, slot)) return false;
    }
    *out = slot;
    return true;
}

void hash_set_live(struct state_hash *t, uint64_t slot)
{
    t->live[slot >> 6] |= (uint64_t)1 << (slot & 63);
    if (slot >= t->n_slots) t->n_slots = slot + 1;
    t->base.n_rows++;
}

/* Those that stand in a page read back from the file go with the page. */
void hash_free_strings(struct state_hash *t, uint64_t slot)
{
    const uint8_t *row = row_at(t, slot);
    const struct state_page *page = t->cold ? t->cold->pages[slot >> t->layout->page_shift].page
                                            : NULL;
    for (uint32_t k = 0; k < t->layout->n_keys; k++) {
        struct string_view view;
        if (!hash_key_long(t->layout, row, k, &view)) continue;
        if (page && (uintptr_t)view.ptr - (uintptr_t)page->data < page->size) continue;
        state_heap_free(t->core, (void *)(uintptr_t)view.ptr, view.size);
    }
}

static laminar_status run_probe(struct probe *p, struct laminar_error *err)
{
    struct hash_cold *cold = p->t->cold;
    if (unlikely(cold != NULL)) cold->err = err, cold->status = LAMINAR_OK;
    if (likely(hash_probe(p))) return LAMINAR_OK;
    state_hash_remove(p->t, p->t->new_slots, p->n_new);
    return cold && cold->status ? cold->status : error_oom(err);
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
    if (unlikely(n > t->scratch_rows) && (status = grow_scratch(t, n, err))) return status;
    if ((status = hash_prepare(&p, keys, err))) return status;
    if (unlikely(t->base.n_rows + n > t->index_limit) &&
        (status = grow_index(t, t->base.n_rows + n, err)))
        return status;
    if (unlikely(t->n_slots + n > (uint64_t)t->pages_capacity << t->layout->page_shift) &&
        (status = hash_reserve_slots(t, t->n_slots + n, err)))
        return status;
    return run_probe(&p, err);
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
    laminar_status status = LAMINAR_OK;
    if (unlikely(n > t->scratch_rows) && (status = grow_scratch(t, n, err))) return status;
    if ((status = hash_prepare(&p, keys, err))) return status;
    return run_probe(&p, err);
}

uint8_t *state_hash_row(struct state_hash *t, uint64_t slot)
{
    if (!slot_is_live(t, slot)) return NULL;
    if (unlikely(t->cold != NULL) && cold_want(t, slot, NULL)) return NULL;
    return row_at(t, slot) + t->layout->payload_offset;
}

uint8_t *state_hash_row_for_write(struct state_hash *t, uint64_t slot)
{
    if (!slot_is_live(t, slot)) return NULL;
    if (unlikely(t->cold != NULL) && cold_want(t, slot, NULL)) return NULL;
    if (!hash_make_writable(t, slot)) return NULL;
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
        if (unlikely(t->cold != NULL)) {
            cold_remove(t, row_header(row), slot);
            cold_forget_piece(t, (size_t)(slot >> layout->page_shift));
        } else {
            index_remove(t, row_header(row), slot);
        }
        if (t->direct.is_on) direct_remove(t, slot);
        if (layout->has_strings) hash_free_strings(t, slot);
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
    for (size_t i = 0; unlikely(t->cold != NULL) && i < n && !status; i++)
        status = cold_want(t, slots[i], err);
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
