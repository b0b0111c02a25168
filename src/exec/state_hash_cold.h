/* state_hash_cold.h - a state_hash of which parts are in a file: how rows, index and the order of use are kept from the first eviction on.
 *
 * A table in memory knows nothing of this: `cold` is NULL, and its loops are as they were. When memory is short (state_hash_relax, state_spill) it
 * becomes cold for as long as it has rows: pages get small (COLD_PAGE_BYTES), because a step with keys all over the table reads and writes a page a row; the
 * index becomes buckets, found by the first bits of the hash (extendible hashing, Fagin et al., 1979), which split one by one and are evicted as pages are.
 * Slots stay what they are.
 *
 * Time is counted in calls of state_hash_relax. What was used since the last one is pinned: row addresses hold until the next call. The rest leaves
 * in the order of its last use. A page that is read back and not changed needs no second writing; its bytes in the file are shared with snapshots.
 * Cost: about 2 bytes of memory a key that is not there; in memory, a row costs some 50 ns more than in a table that isn't cold. */
#ifndef EXEC_STATE_HASH_COLD_H
#define EXEC_STATE_HASH_COLD_H

#include "exec/spill.h"
#include "exec/state_hash_internal.h"
#include "exec/use_list.h"

enum {
    COLD_PAGE_BYTES = 4096,
    COLD_DEPTH_MIN = 12, /* bits of the hash that choose a bucket */
    COLD_DEPTH_MAX = 24,
    COLD_BUCKET_BITS_MIN = 4,
    COLD_BUCKET_BITS = 9 /* entries of a bucket that splits instead of growing */
};
#define COLD_NONE USE_NONE

struct cold_page {
    struct state_page *page;    /* NULL: not in memory */
    struct spill_shared *piece; /* its bytes in the file; NULL: none, or older ones */
    struct use_link use;
    bool is_part; /* `page` is a large one, from before, of which this is a part */
};
struct cold_bucket {
    uint64_t *entries; /* [24 bits of the hash][slot + 1], linear probing; NULL: not in memory */
    struct spill_shared *piece; /* its bytes in the file; NULL: none, or older ones */
    struct use_link use;
    uint32_t n;
    uint8_t bits, depth;
};
struct hash_cold {
    struct spill *spill;             /* where the next piece goes; referenced */
    struct hash_layout *warm_layout; /* with large pages; referenced */
    uint64_t clock;
    struct cold_page *pages; /* t->pages_capacity */
    struct use_list page_use, bucket_use;
    size_t resident_bytes; /* of pages */
    /* number of the bucket of each prefix of the hash; COLD_NONE = none yet */
    uint32_t *directory;
    uint32_t depth;
    struct cold_bucket *buckets;
    uint32_t n_buckets, buckets_capacity;
    struct strbuf buf;
    /* why the last probe failed, where it wasn't memory */
    laminar_status status;
    struct laminar_error *err;
};

/* --- state_hash_cold.c --- */
/* Everything of it goes, and the arrays over pages; all pages have gone. */
void cold_leave(struct state_hash *t);
/* Room in `pages` for what t->pages will have; the caller charges it. */
bool cold_reserve(struct state_hash *t, size_t capacity);
/* t->pages[i] was just made of `page`. */
void cold_page_added(struct state_hash *t, size_t i, struct state_page *page);
/* The page of `slot` is in memory, until the next relax. */
laminar_status cold_want(struct state_hash *t, uint64_t slot, struct laminar_error *err) must_check;
/* Makes a page writable: what is in the file no longer counts. False when memory is out. */
bool cold_unshare(struct state_hash *t, size_t i);
void cold_forget_piece(struct state_hash *t, size_t i);
/* Unrefs the pages in memory. */
void cold_drop_pages(struct state_hash *t);
static inline bool cold_is_there(const struct state_hash *t, uint64_t slot)
{
    return t->pages[slot >> t->layout->page_shift] != 0;
}

/* --- state_hash_cold_index.c --- */
struct cold_cursor {
    const struct cold_bucket *bucket; /* NULL: nothing there */
    uint64_t tag;
    size_t at;
};
laminar_status cold_seek(struct state_hash *t, uint64_t hash, struct cold_cursor *cursor,
                         struct laminar_error *err) must_check;
/* The next slot whose hash may be the one looked for. */
bool cold_next(struct cold_cursor *cursor, uint64_t *slot);
laminar_status cold_put(struct state_hash *t, uint64_t hash, uint64_t slot,
                        struct laminar_error *err) must_check;
/* The entry is there, and its bucket in memory. */
void cold_remove(struct state_hash *t, uint64_t hash, uint64_t slot);
/* The bucket of `hash`, in memory; NULL in *out: there is none, and `create` is false. */
laminar_status cold_bucket_of(struct state_hash *t, uint64_t hash, bool create,
                              struct cold_bucket **out, struct laminar_error *err) must_check;
laminar_status cold_index_create(struct state_hash *t, struct laminar_error *err) must_check;
void cold_index_free(struct state_hash *t);
laminar_status cold_evict_bucket(struct state_hash *t, uint32_t i, size_t *freed,
                                 struct laminar_error *err) must_check;
/* Entries of all buckets; those in memory are where they are found. */
bool cold_index_check(const struct state_hash *t);

/* --- state_hash_io.c: pages of a cold table to bytes and back --- */
laminar_status hash_page_encode(struct state_hash *t, size_t i, struct strbuf *out,
                                struct laminar_error *err) must_check;
/* Strings of the keys stand behind the rows, in the page. */
laminar_status hash_page_decode(struct state_hash *t, size_t i, const struct strbuf *bytes,
                                struct state_page **out, struct laminar_error *err) must_check;

#endif
