/* state.h - state tables: the only keepers of operator state, so that snapshots, accounting, sharding, eviction and spilling are
 * written once.
 *
 * Kinds (a file each): state_hash (keys -> row with fixed-size payload), state_log (rows in time order, per table or per key), state_ordered
 * (sorted multisets per group). Rows live in 64 KiB pages that a freeze shares copy-on-write: freezing costs O(pages), the next
 * write to a frozen page copies it. Long strings live in the table's string heap; bytes that a frozen page refers to are not reused until the
 * snapshot is released.
 * @thread the step owner, except snapshots: any thread may write and release one. */
#ifndef EXEC_STATE_H
#define EXEC_STATE_H

#include "function/function.h"
#include "vector/kernel.h"

enum { STATE_PAGE_BYTES = 65536 };

struct state;
struct state_snapshot;
struct spill_policy;

/* Where a snapshot goes: called with consecutive pieces. Pieces of an unchanged page carry the same (kind, page, version) as in the snapshot
 * before, so that an incremental writer can skip them. */
struct state_sink {
    laminar_status (*write)(struct state_sink *sink, uint32_t kind, uint64_t page, uint64_t version,
                            const void *data, size_t size, struct laminar_error *err);
    /* True: it has this very piece, which need not be made. NULL: it never has. */
    bool (*has)(struct state_sink *sink, uint32_t kind, uint64_t page, uint64_t version);
};
static inline bool state_sink_has(struct state_sink *sink, uint32_t kind, uint64_t page,
                                  uint64_t version)
{
    return sink->has && sink->has(sink, kind, page, version);
}
struct state_source { /* gives the pieces back in order of (kind, page); *size = 0 at the end */
    laminar_status (*read)(struct state_source *source, uint32_t *kind, uint64_t *page,
                           const void **data, size_t *size, struct laminar_error *err);
};

struct state_class {
    const char *name;
    laminar_status (*freeze)(struct state *state, struct state_snapshot **out,
                             struct laminar_error *err);
    laminar_status (*write)(struct state_snapshot *snapshot, struct state_sink *sink,
                            struct laminar_error *err);
    void (*release)(struct state_snapshot *snapshot); /* any thread */
    /* Into a newly created, empty state of the same shape; validates everything: bytes come from a file. */
    laminar_status (*restore)(struct state *state, struct state_source *source,
                              struct laminar_error *err);
    void (*clear)(struct state *state);
    void (*free)(struct state *state);
    bool (*check)(const struct state *state); /* walks it and tests all invariants, for tests */
    /* pages, heap and indexes; NULL: state->bytes says all */
    size_t (*bytes)(const struct state *state);
    /* NULL: it can't */
    laminar_status (*spill)(struct state *state, size_t want, size_t *freed,
                            struct laminar_error *err);
};
/* Head of every state table. */
struct state {
    const struct state_class *cls;
    /* "groups", "left", "right": for EXPLAIN ANALYZE and system.operators */
    const char *name;
    struct mem_account *account; /* bytes of pages, heap and index are charged here */
    bool can_spill;              /* its operator agrees */
    size_t n_rows;
    size_t bytes;
    /* in the file: of what isn't in memory, or was there before and is unchanged */
    size_t spilled_bytes;
};
laminar_status state_freeze(struct state *state, struct state_snapshot **out,
                            struct laminar_error *err) must_check;
laminar_status state_write(struct state_snapshot *snapshot, struct state_sink *sink,
                           struct laminar_error *err) must_check;
void state_release(struct state_snapshot *snapshot);
/* What it holds of its account, snapshots left aside. */
size_t state_bytes(const struct state *state);
laminar_status state_restore(struct state *state, struct state_source *source,
                             struct laminar_error *err) must_check;
/* Between steps: puts what was used least recently into the file, until *freed has grown to `want` or there is no more. After a failure the rest is
 * where it was. */
laminar_status state_spill(struct state *state, size_t want, size_t *freed,
                           struct laminar_error *err) must_check;

/* --- state_hash ----------------------------------------------------------------------------------------------------------------------- */
/* Distinct keys -> dense slot number -> row: [key columns, fixed part][payload bytes]. Index: linear probing over 8-byte entries, 16-bit
 * salt of the hash and 48-bit slot, load <= 0.7; probing is done for a chunk at a time: hash, prefetch, compare salts, then keys
 * column by column. Freed slots are reused. Row addresses are stable while no freeze happens; a frozen page moves on the first write. */
struct state_hash;
struct state_hash_options {
    const char *name;
    const struct data_type *key_types;
    uint32_t n_keys;
    uint32_t payload_bytes; /* zeroed when a key is new */
    uint32_t payload_align; /* 8 or 16 */
    struct mem_account *account;
    /* Payload that holds pointers (not plain bytes): how it is serialised, restored and destroyed; NULL = plain. ctx is the operator. */
    laminar_status (*encode)(void *ctx, const uint8_t *payload, struct strbuf *out,
                             struct laminar_error *err);
    laminar_status (*decode)(void *ctx, struct agg_heap *heap, uint8_t *payload,
                             const uint8_t *data, size_t size, size_t *used,
                             struct laminar_error *err);
    void (*destroy)(void *ctx, struct agg_heap *heap, uint8_t *payload);
    void *ctx;
    /* NULL: all stays in memory. Else parts of the table may go to a file. Then row addresses, and strings of keys, hold until state_hash_relax and no
     * longer, and state_hash_remove wants state_hash_want_removal before it. */
    struct spill_policy *spill;
};
#define STATE_SLOT_NONE UINT64_MAX
laminar_status state_hash_create(const struct state_hash_options *options, struct state_hash **out,
                                 struct laminar_error *err) must_check;
struct state *state_hash_base(struct state_hash *table);
struct agg_heap *state_hash_heap(struct state_hash *table);
/* For n rows of keys: slots[i] and rows[i] (start of the payload, writable: frozen pages are copied first); new keys are added with a zero
 * payload and is_new[i] = 1 (is_new may be NULL). Equal keys in one chunk get one slot. On failure nothing was added. */
laminar_status state_hash_upsert(struct state_hash *table, const struct vector *keys, size_t n,
                                 uint64_t *slots, uint8_t **rows, uint8_t *is_new,
                                 struct laminar_error *err) must_check;
/* The same without adding: slots[i] = STATE_SLOT_NONE, rows[i] = NULL where the key is absent. Rows are read-only unless for_write. */
laminar_status state_hash_find(struct state_hash *table, const struct vector *keys, size_t n,
                               bool for_write, uint64_t *slots, uint8_t **rows,
                               struct laminar_error *err) must_check;
/* payload, for reading; NULL if the slot is free, or can't be read back */
uint8_t *state_hash_row(struct state_hash *table, uint64_t slot);
/* For writing: copies a frozen page; NULL when memory is out, or it can't be read back. */
uint8_t *state_hash_row_for_write(struct state_hash *table, uint64_t slot);
/* destroys payloads, frees keys' strings */
void state_hash_remove(struct state_hash *table, const uint64_t *slots, size_t n);
/* Appends key column k of the rows at slots[0..n) to `out` (strings borrowed from the table: valid until the slot is removed). */
laminar_status state_hash_keys(struct state_hash *table, uint32_t k, const uint64_t *slots,
                               size_t n, struct column *out, struct laminar_error *err) must_check;
/* Payloads of n live slots. */
laminar_status state_hash_rows(struct state_hash *table, const uint64_t *slots, size_t n,
                               bool for_write, uint8_t **rows, struct laminar_error *err)
    must_check;
/* No row address is needed any more: where memory is short, rows leave it, the least recently used first. Its failure changes nothing. Cheap while there
 * is room. */
laminar_status state_hash_relax(struct state_hash *table, struct laminar_error *err) must_check;
/* Reads what removing the slots needs, so that it can't fail. */
laminar_status state_hash_want_removal(struct state_hash *table, const uint64_t *slots, size_t n,
                                       struct laminar_error *err) must_check;
/* Parts of it are, or were, in a file. */
bool state_hash_is_cold(const struct state_hash *table);
/* Slots in order: fills up to n of them from *cursor on (start with 0); returns how many, 0 at the end. */
size_t state_hash_scan(struct state_hash *table, uint64_t *cursor, uint64_t *slots, size_t n);

#endif
