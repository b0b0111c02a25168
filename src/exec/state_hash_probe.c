/* state_hash_probe.c - finding and adding the rows of a chunk of keys.
 *
 * Three ways, each falling back to the next for the rows that it can't serve:
 *   direct  integer keys of a small range are looked up in an array (state_hash_direct.c)
 *   fast    keys without nulls of the usual types, in a loop with all it needs in registers: index entry, salt, key of the row
 *   any     probe_row: nulls, other types, new keys, frozen pages
 * Tables larger than the cache are probed in a software pipeline: index entries are prefetched 32 rows ahead, the rows that they point to 16 ahead.
 * Cost: 19 ns a row at 650,000 keys, 2 to 4 ns in cache. */
#include "base/error.h"
#include "base/hash.h"
#include "exec/state_hash_cold.h"
#include <math.h>
#include <string.h>

#define HASH_OF_NULL 0x2545F4914F6CDD1DULL
enum { PREFETCH_ROWS_MIN = 4096 /* below this all is in cache */ };

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

static never_inline bool add_row(struct probe *p, size_t pos, uint64_t hash, size_t i,
                                 uint64_t *out_slot)
{
    struct state_hash *t = p->t;
    uint64_t slot;
    if (!hash_take_slot(t, &slot)) return false;
    if (!write_keys(t, row_at(t, slot), hash, p->keys, i)) return false;
    hash_set_live(t, slot);
    t->index[pos] = entry_of(hash, slot);
    t->new_slots[p->n_new++] = slot;
    if (t->direct.is_on) direct_add(t, slot);
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
static always_inline bool has_strings(enum probe_kind kind)
{
    return kind == PROBE_STRING || kind == PROBE_64_STRING;
}
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

/* Rows whose keys are in the array: no hash, no comparison. */
static always_inline bool probe_direct(const struct probe *p, const struct probe_view *v,
                                       const struct direct_index *d, const struct probe_keys *keys,
                                       enum probe_kind kind, size_t i)
{
    const char *last = is_pair(kind) ? keys->b + i * keys->b_stride : keys->a + i * keys->a_stride;
    int64_t key = last_width(kind) == 4 ? *(const int32_t *)(const void *)last
                                        : *(const int64_t *)(const void *)last;
    uint64_t at = (uint64_t)key - (uint64_t)d->base;
    if (unlikely(at >= d->size)) return false;
    uint32_t entry = d->entries[at];
    if (is_pair(kind) &&
        unlikely(*(const int64_t *)(const void *)(keys->a + i * keys->a_stride) != d->prefix))
        return false;
    if (unlikely(!entry)) return false;
    uint64_t slot = entry - 1;
    uintptr_t page = v->pages[slot >> v->page_shift];
    if (unlikely(page & v->frozen)) return false;
    p->slots[i] = slot;
    p->rows[i] = (uint8_t *)(page & ~(uintptr_t)1) + (slot & v->page_mask) * v->row_bytes +
                 v->payload_offset;
    p->is_new[i] = 0;
    return true;
}

/* While the table is one page that no snapshot shares: slots and rows by a multiplication. Gives how many rows it found, from the first. */
static always_inline size_t probe_direct_page(const struct probe *p, const struct direct_index *d,
                                              const struct probe_keys *keys, enum probe_kind kind)
{
    const struct state_hash *t = p->t;
    uintptr_t page = t->pages[0];
    if (t->n_pages != 1 || (p->for_write && (page & 1))) return 0;
    uint8_t *payload = (uint8_t *)(page & ~(uintptr_t)1) + t->layout->payload_offset;
    const uint32_t *restrict entries = d->entries;
    uint64_t *restrict slots = p->slots;
    uint8_t **restrict rows = p->rows;
    const char *last = is_pair(kind) ? keys->b : keys->a;
    size_t stride = is_pair(kind) ? keys->b_stride : keys->a_stride;
    uint64_t base = (uint64_t)d->base, size = d->size, row_bytes = t->layout->row_bytes;
    size_t n = p->n, i = 0;
    for (; i < n; i++, last += stride) {
        int64_t key = last_width(kind) == 4 ? *(const int32_t *)(const void *)last
                                            : *(const int64_t *)(const void *)last;
        uint64_t at = (uint64_t)key - base;
        if (unlikely(at >= size)) break;
        uint32_t entry = entries[at];
        if (unlikely(!entry)) break;
        if (is_pair(kind) &&
            unlikely(*(const int64_t *)(const void *)(keys->a + i * keys->a_stride) != d->prefix))
            break;
        slots[i] = entry - 1;
        rows[i] = payload + (entry - 1) * row_bytes;
    }
    memset(p->is_new, 0, i);
    return i;
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
    struct direct_index direct = p->t->direct;
    if (!has_strings(kind) && direct.is_on) {
        struct probe_view view = view_of(p);
        for (i = probe_direct_page(p, &direct, &keys, kind); i < n; i++) {
            if (probe_direct(p, &view, &direct, &keys, kind, i)) continue;
            uint64_t hash = hash_here(&keys, kind, i);
            if (probe_fast(p, &view, &keys, kind, i, hash)) continue;
            hashes[i] = hash;
            if (!probe_row(p, i)) return false;
            view = view_of(p);
            direct = p->t->direct;
            if (!direct.is_on) {
                i++;
                break;
            }
        }
        is_large = is_large && i == 0;
    }
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

/* A row of a table of which parts are in a file. False: memory is out, or t->cold->status says more. */
static bool probe_cold_row(struct probe *p, size_t i)
{
    struct state_hash *t = p->t;
    struct hash_cold *c = t->cold;
    struct cold_cursor cursor;
    uint64_t hash = t->hashes[i], slot;
    if ((c->status = cold_seek(t, hash, &cursor, c->err))) return false;
    while (cold_next(&cursor, &slot)) {
        if ((c->status = cold_want(t, slot, c->err))) return false;
        uint8_t *row = row_at(t, slot);
        if (((row_header(row) ^ hash) & HEADER_HASH_MASK) || !key_equal(t->layout, row, p->keys, i))
            continue;
        if (p->for_write && !hash_make_writable(t, slot)) return false;
        p->is_new[i] = false;
        p->slots[i] = slot;
        p->rows[i] = row_at(t, slot) + t->layout->payload_offset;
        return true;
    }
    p->slots[i] = STATE_SLOT_NONE;
    p->rows[i] = NULL;
    if (!p->is_upsert) return true;
    if (!hash_take_slot(t, &slot)) return false;
    if ((c->status = cold_put(t, hash, slot, c->err))) return false;
    if (!write_keys(t, row_at(t, slot), hash, p->keys, i)) {
        cold_remove(t, hash, slot);
        return false;
    }
    hash_set_live(t, slot);
    t->new_slots[p->n_new++] = slot;
    p->is_new[i] = true;
    p->slots[i] = slot;
    p->rows[i] = row_at(t, slot) + t->layout->payload_offset;
    return true;
}

static bool probe_cold(struct probe *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (!probe_cold_row(p, i)) return false;
    return true;
}

bool hash_probe(struct probe *p)
{
    if (unlikely(p->t->cold != NULL)) return probe_cold(p);
    switch (p->kind) {
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

laminar_status hash_prepare(struct probe *p, const struct vector *keys, struct laminar_error *err)
{
    laminar_status status;
    struct state_hash *t = p->t;
    size_t n = p->n;
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
    if (p->kind == PROBE_GENERIC || has_strings(p->kind) || t->cold) hash_rows(t, p->keys, n);
    return LAMINAR_OK;
}
