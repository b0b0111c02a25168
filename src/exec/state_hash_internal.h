/* state_hash_internal.h - the layout of a state_hash, shared by state_hash.c (probing) and state_hash_io.c (freeze, write, restore, check).
 *
 * Row: 8-byte header | key columns at their natural alignment | null bytes (more than 15 keys only) | payload.
 * Header: the hash with its low 16 bits replaced by [15 null bits][1]. Index entry: [16-bit salt][slot + 1], 0 = empty; position = top bits of the hash,
 * salt = bits 16..31, so both can be had from the header alone. */
#ifndef EXEC_STATE_HASH_INTERNAL_H
#define EXEC_STATE_HASH_INTERNAL_H

#include "exec/state_core.h"

enum { KEYS_IN_HEADER_MAX = 15, INDEX_BITS_MIN = 6, INDEX_BITS_MAX = 32 };
#define HEADER_HASH_MASK (~(uint64_t)0xFFFF)
#define ENTRY_SLOT_MASK (((uint64_t)1 << 48) - 1)

enum key_form {
    KEY_FIXED,
    KEY_FLOAT,
    KEY_DOUBLE,
    KEY_STRING,
    KEY_ENCODED /* nested: value_encode bytes as a string */,
    KEY_INTERVAL
};

struct hash_key {
    struct data_type type;
    enum key_form form;
    uint32_t width;
    uint32_t offset;
};
/* Shared with snapshots, which outlive the table. */
struct hash_layout {
    _Atomic uint32_t refs;
    uint32_t n_keys;
    uint32_t null_offset; /* 0 = null bits in the header */
    uint32_t payload_offset;
    uint32_t payload_bytes;
    uint32_t row_bytes;
    uint32_t page_shift; /* rows per page = 1 << page_shift */
    bool has_strings;
    struct hash_key keys[];
};

/* Which compiled-in probe loop serves the table. */
enum probe_kind {
    PROBE_GENERIC,
    PROBE_64,
    PROBE_32,
    PROBE_STRING,
    PROBE_64_64,
    PROBE_64_32,
    PROBE_64_STRING
};

/* Integer keys of a small range: key - base -> slot + 1. Exact for the rows it has: a key that isn't there may still be in the table. With two keys (a window
 * and a number), it serves the rows of one window, the latest. See state_hash_direct.c. */
struct direct_index {
    bool is_on;
    int64_t base, prefix;
    uint64_t size;                /* of entries */
    uint32_t n_prefixes, n_added; /* so far */
    uint32_t *entries;
};

struct state_hash {
    struct state base; /* first */
    struct state_core *core;
    struct hash_layout *layout;
    struct state_hash_options options; /* key_types is not kept */
    enum probe_kind probe;
    /* address of a page's data, bit 0 = shared with a snapshot (maybe): ask before writing. 0: in the file (cold tables) */
    uintptr_t *pages;
    uint64_t *versions; /* of each page: core->epoch when it was last changed */
    uint64_t *live;     /* bit per slot */
    uint64_t *has_free; /* bit per word of `live` that has a 0 below n_slots (maybe) */
    size_t n_pages, pages_capacity;
    struct page_slab *slab; /* of the newest pages, once there are many */
    uint64_t n_slots;       /* slots ever handed out; base.n_rows of them live */
    uint64_t *index;
    uint32_t index_bits;
    size_t index_limit; /* rows at which the index doubles */
    struct direct_index direct;
    /* NULL: all is in memory. Else there is no `index`, and pages are small */
    struct hash_cold *cold;
    const uint64_t *forced_slots; /* restore: new rows get these slots, in order */
    /* scratch of upsert and find, room for scratch_rows */
    size_t scratch_rows;
    uint64_t *hashes, *second_hashes;
    uint64_t *new_slots;
    uint8_t *is_new;             /* where the caller has none */
    struct vector *norm;         /* per key: strings in place of nested values */
    struct string_view *encoded; /* n_encoded_keys x scratch_rows */
    struct strbuf encode_buf;
    uint32_t n_encoded;
};

static inline uint8_t *page_data(const struct state_hash *t, uint64_t slot)
{
    return (uint8_t *)(t->pages[slot >> t->layout->page_shift] & ~(uintptr_t)1);
}
static inline uint8_t *row_at(const struct state_hash *t, uint64_t slot)
{
    uint64_t in_page = slot & (((uint64_t)1 << t->layout->page_shift) - 1);
    return page_data(t, slot) + in_page * t->layout->row_bytes;
}
static inline struct state_page *page_of_data(uintptr_t tagged)
{
    return CONTAINER_OF((uint8_t *)(tagged & ~(uintptr_t)1), struct state_page, data);
}
static inline bool slot_is_live(const struct state_hash *t, uint64_t slot)
{
    return slot < t->n_slots && (t->live[slot >> 6] >> (slot & 63) & 1);
}
static inline bool row_key_is_null(const struct hash_layout *layout, const uint8_t *row, uint32_t k)
{
    if (layout->null_offset) return row[layout->null_offset + (k >> 3)] >> (k & 7) & 1;
    uint64_t header;
    __builtin_memcpy(&header, row, 8);
    return header >> (k + 1) & 1;
}
static inline uint64_t row_header(const uint8_t *row)
{
    uint64_t header;
    __builtin_memcpy(&header, row, 8);
    return header;
}

/* The key's string, where it stands outside the row. */
static inline bool hash_key_long(const struct hash_layout *layout, const uint8_t *row, uint32_t k,
                                 struct string_view *view)
{
    const struct hash_key *key = &layout->keys[k];
    if ((key->form != KEY_STRING && key->form != KEY_ENCODED) || row_key_is_null(layout, row, k))
        return false;
    __builtin_memcpy(view, row + key->offset, sizeof *view);
    return view->size > STRING_INLINE_MAX;
}

static inline size_t index_home(const struct state_hash *t, uint64_t hash)
{
    return (size_t)(hash >> (64 - t->index_bits));
}
static inline uint64_t entry_of(uint64_t hash, uint64_t slot)
{
    return (hash >> 16 & 0xFFFF) << 48 | (slot + 1);
}

enum { AHEAD_INDEX = 32, AHEAD_ROW = 16 };

/* One call of upsert or find. */
struct probe {
    struct state_hash *t;
    const struct vector *keys; /* nested values as strings */
    size_t n;
    uint64_t *slots;
    uint8_t **rows;
    uint8_t *is_new;
    bool is_upsert;
    bool for_write;
    enum probe_kind kind;
    size_t n_new; /* slots added so far: in t->new_slots */
};
/* Scratch is there for p->n rows. */
laminar_status hash_prepare(struct probe *p, const struct vector *keys, struct laminar_error *err)
    must_check;
bool hash_probe(struct probe *p); /* false when memory is out */
/* a free slot with a writable page, not yet live; false when memory is out */
bool hash_take_slot(struct state_hash *t, uint64_t *out);
void hash_set_live(struct state_hash *t, uint64_t slot);

void direct_init(struct state_hash *t);
/* a new row; may widen the array, or switch it off */
void direct_add(struct state_hash *t, uint64_t slot);
void direct_remove(struct state_hash *t, uint64_t slot);
void direct_clear(struct state_hash *t);
void direct_off(struct state_hash *t);

extern const struct state_class state_hash_class;
void hash_layout_unref(struct hash_layout *layout);
/* Makes the page of `slot` writable: copies it when a snapshot shares it. False when memory is out. */
bool hash_unshare(struct state_hash *t, uint64_t slot);
struct state_page *hash_new_page(struct state_hash *t); /* NULL when memory is out */
/* Makes page number t->n_pages; false when memory is out. */
bool hash_add_page(struct state_hash *t);
/* Gives long strings of the keys back. */
void hash_free_strings(struct state_hash *t, uint64_t slot);
void hash_charge(struct state_hash *t, int64_t delta); /* to base.bytes and the account */
size_t hash_arrays_bytes(const struct state_hash *t);  /* of pages, versions, live, has_free */
laminar_status hash_reserve_slots(struct state_hash *t, uint64_t n_slots, struct laminar_error *err)
    must_check;
static inline bool hash_make_writable(struct state_hash *t, uint64_t slot)
{
    return likely(!(t->pages[slot >> t->layout->page_shift] & 1)) || hash_unshare(t, slot);
}
laminar_status state_hash_restore(struct state *state, struct state_source *source,
                                  struct laminar_error *err) must_check;
laminar_status state_hash_freeze(struct state *state, struct state_snapshot **out,
                                 struct laminar_error *err) must_check;
laminar_status state_hash_write(struct state_snapshot *snapshot, struct state_sink *sink,
                                struct laminar_error *err) must_check;
void state_hash_release(struct state_snapshot *snapshot);
bool state_hash_check(const struct state *state);
void state_hash_clear(struct state *state);
laminar_status state_hash_spill(struct state *state, size_t want, size_t *freed,
                                struct laminar_error *err) must_check;

#endif
