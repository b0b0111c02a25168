/* state_multimap.h - rows with weights, grouped by key: the state of joins, and of relations that are kept by key or as a bag.
 *
 * state_rows keeps the rows. Over them lies an index of 8-byte entries, 32 bits of the key's hash and the number of the group's head row, linear
 * probing, load <= 5/8, and lists that link the rows of a group. A chunk is probed at a time: entries are prefetched, then the head rows, then
 * keys are compared a column at a time. The index is derived: not frozen, rebuilt after a restore.
 *
 * Modes: APPEND keeps each row that comes apart, a retraction walks its group; CHAIN merges equal rows by walking their group, for groups that are
 * known to be small (the key is unique, or is the whole row); INDEXED merges equal rows by a second index over whole rows, so that retracting from a
 * group of a million rows costs the same. A weight may go below zero within a step; a row of weight 0 is dropped.
 * @thread the step owner. */
#ifndef EXEC_STATE_MULTIMAP_H
#define EXEC_STATE_MULTIMAP_H

#include "exec/state_rows.h"

enum multimap_mode { MULTIMAP_APPEND, MULTIMAP_CHAIN, MULTIMAP_INDEXED };

struct multimap_entry {
    uint32_t hash;
    /* ~slot, so that fresh memory is a free table: 0 = free, which reads as ROW_NONE */
    uint32_t not_slot;
};
static inline uint32_t entry_slot(const struct multimap_entry *entry) { return ~entry->not_slot; }
struct multimap_table { /* linear probing; a power of two of entries */
    struct multimap_entry *entries;
    size_t capacity;
    uint32_t shift; /* home of a hash: hash >> shift */
    size_t n;
    /* of a cold map, where parts of it may be in a file: what `entries` lies in, and the groups' weights */
    struct cold_array *cold, *cold_weights;
};
struct state_multimap {
    struct state_rows rows; /* first */
    enum multimap_mode mode;
    uint32_t *key_cols;
    uint32_t n_keys;
    struct multimap_table groups;
    /* parallel to groups.entries: sum of the rows' weights; NULL if not asked for */
    int64_t *group_weights;
    int64_t no_weights;          /* what that is for a table without entries */
    struct multimap_table whole; /* INDEXED: hash of all columns -> slot */
    /* has_hash_groups: a group is the rows of one hash; whoever walks it compares keys */
    bool is_by_hash;
    /* so many chunks are indexed at once, because somebody has just looked for rows */
    uint32_t n_eager;
    /* rows in slots from here on aren't in the index yet, see multimap_catch_up */
    uint32_t n_linked_slots;
    bool may_scan;
    bool is_scanned;      /* there is no index: see multimap_may_scan */
    uint64_t scan_credit; /* so many rows may still be gone through */
};

struct multimap_options {
    const char *name;
    const struct data_type *types;
    uint32_t n_cols;
    const uint32_t *key_cols; /* n_keys = 0: one group */
    uint32_t n_keys;
    enum multimap_mode mode;
    int flags; /* STATE_ROWS_COUNTER */
    bool has_group_weights;
    bool has_hash_groups; /* APPEND: whoever walks a group compares keys, see is_by_hash */
    /* APPEND without group weights: whoever looks for rows asks multimap_may_scan first */
    bool may_scan;
    struct mem_account *account;
    /* NULL: all stays in memory. Not with may_scan. See state_rows_relax, which the map's user calls; after finding rows he asks state_rows_error. */
    struct spill_policy *spill;
};
laminar_status multimap_create(const struct multimap_options *options, struct state_multimap **out,
                               struct laminar_error *err) must_check;
void multimap_free(struct state_multimap *map);

/* has_hash_groups: keys aren't compared when rows are linked or looked up, which saves a cache miss each; two keys of one 32-bit hash share a
 * group, so the rows found must be compared (multimap_match). And rows of big chunks are only stored at first and are taken into the index when somebody wants to find them: a stream that
 * is joined with a table which hardly changes never pays for it. Before finding, removing or changing rows: */
laminar_status multimap_catch_up_slow(struct state_multimap *map, size_t n_max,
                                      struct laminar_error *err) must_check;
static inline laminar_status multimap_catch_up(struct state_multimap *map,
                                               struct laminar_error *err)
{
    return likely(map->n_linked_slots == map->rows.n_slots)
               ? LAMINAR_OK
               : multimap_catch_up_slow(map, SIZE_MAX, err);
}

/* Where few rows are ever looked for (an interval join whose one side is rare), going through all rows costs less than an index that each row enters and leaves. So
 * a map with may_scan begins without one. Each row that comes is worth SCAN_WORTH rows gone through; when those are used up the index is made, and kept. True:
 * look for `n` keys by going through the rows. */
enum { SCAN_WORTH = 32 };
static inline bool multimap_may_scan(struct state_multimap *map, size_t n)
{
    if (!map->is_scanned) return false;
    uint64_t cost = map->rows.state.n_rows ? (uint64_t)n * map->rows.n_slots : 0;
    map->is_scanned = cost <= map->scan_credit;
    map->scan_credit -= map->is_scanned ? cost : 0;
    return map->is_scanned;
}

/* heads[row] = first row of the group with keys (is_by_hash: their hash) equal to row `row` of `keys`, for the rows sel[0..n) (NULL: all n), ROW_NONE if there is
 * none; other entries of heads are left alone. weights (may be NULL; needs has_group_weights): the group's weight, 0 without one. `hashes` are
 * kernel_hash over the keys, by row. */
void multimap_find(struct state_multimap *map, const struct vector *keys, const uint64_t *hashes,
                   const uint32_t *sel, size_t n, uint32_t *heads, int64_t *weights);
/* is_by_hash: of the pairs (input row rows[i], slots[i]) those whose keys are equal, as indexes in match, in order; returns how many. n <= CHUNK_ROWS. */
size_t multimap_match(struct state_multimap *map, const struct vector *keys, const uint32_t *rows,
                      const uint32_t *slots, size_t n, uint32_t *match);
static inline uint32_t multimap_next(const struct state_multimap *map, uint32_t slot)
{
    return state_rows_link(&map->rows, slot)->next;
}

/* Every group has one row: lists needn't be walked. */
static inline bool multimap_is_unique(const struct state_multimap *map)
{
    return map->groups.n == map->rows.state.n_rows;
}

/* Applies rows sel[0..n) of cols (all columns, keys among them) with weights[row] (NULL = +1). slots (may be NULL): where row sel[k] went,
 * ROW_NONE where it cancelled a row; one that a later row of the chunk cancelled is stale. On failure some rows may have been applied. */
laminar_status multimap_apply(struct state_multimap *map, const struct vector *cols,
                              const uint64_t *hashes, const uint32_t *sel, size_t n,
                              const int64_t *weights, uint32_t *slots, struct laminar_error *err)
    must_check;
/* Of a cold map: all that applying such rows, and replacing theirs, reads is in memory until state_rows_relax, so that it doesn't fail halfway. Lists are
 * read as far as n rows can take away; not INDEXED. */
laminar_status multimap_want(struct state_multimap *map, const uint64_t *hashes, size_t n,
                             struct laminar_error *err) must_check;
/* A row equal to row `row` of cols, ROW_NONE if there is none. */
uint32_t multimap_find_row(struct state_multimap *map, const struct vector *cols,
                           const uint64_t *hashes, size_t row);
laminar_status multimap_remove(struct state_multimap *map, uint32_t slot, struct laminar_error *err)
    must_check;
/* CHAIN: overwrites the columns of a row, the key staying the same. */
laminar_status multimap_replace(struct state_multimap *map, uint32_t slot,
                                const struct vector *cols, size_t row, struct laminar_error *err)
    must_check;

#endif
