/* state_hash_cold_index.c - see state_hash_cold.h: hash -> slots, in buckets of which most may be in the file.
 *
 * The first `depth` bits of a hash choose a bucket, whose entries keep 24 of the bits behind the first twelve: enough to split it in two without reading a row.
 * Small buckets double; one of 512 entries that is three quarters full splits. Where the bits are used up, which takes billions of rows, it doubles again. */
#include "base/error.h"
#include "exec/state_hash_cold.h"
#include <string.h>

enum { TAG_BITS = 24, SLOT_BITS = 40, TAG_SHIFT = 64 - COLD_DEPTH_MIN - TAG_BITS };
#define SLOT_MASK (((uint64_t)1 << SLOT_BITS) - 1)

static uint64_t tag_of(uint64_t hash)
{
    return hash >> TAG_SHIFT & (((uint64_t)1 << TAG_BITS) - 1);
}
static uint64_t entry_tag(uint64_t entry) { return entry >> SLOT_BITS; }

/* Tags split by their first bits and stand by their last ones. */
static size_t home_of(const struct cold_bucket *bucket, uint64_t tag)
{
    return tag & (((size_t)1 << bucket->bits) - 1);
}
static size_t bucket_bytes(const struct cold_bucket *bucket)
{
    return sizeof(uint64_t) << bucket->bits;
}

static void insert(struct cold_bucket *bucket, uint64_t entry)
{
    size_t mask = ((size_t)1 << bucket->bits) - 1, at = home_of(bucket, entry_tag(entry));
    while (bucket->entries[at]) at = (at + 1) & mask;
    bucket->entries[at] = entry;
    bucket->n++;
}

static void forget_piece(struct state_hash *t, struct cold_bucket *bucket)
{
    if (!bucket->piece) return;
    t->base.spilled_bytes -= bucket->piece->piece.size;
    hash_charge(t, -(int64_t)sizeof *bucket->piece);
    spill_shared_unref(bucket->piece);
    bucket->piece = NULL;
}

static void touch(struct state_hash *t, struct cold_bucket *bucket)
{
    struct hash_cold *c = t->cold;
    if (likely(bucket->use.stamp == c->clock)) return;
    use_touch(&c->bucket_use, &c->buckets->use, sizeof *bucket, (uint32_t)(bucket - c->buckets),
              c->clock);
}

/* A bucket without entries, not yet in the directory; its number, or COLD_NONE. */
static uint32_t new_bucket(struct state_hash *t, uint8_t bits, uint8_t depth)
{
    struct hash_cold *c = t->cold;
    if (c->n_buckets == c->buckets_capacity) {
        uint32_t capacity = c->buckets_capacity ? c->buckets_capacity * 2 : 64;
        struct cold_bucket *grown = mem_realloc(c->buckets, capacity * sizeof *grown);
        if (!grown) return COLD_NONE;
        hash_charge(t, (int64_t)((capacity - c->buckets_capacity) * sizeof *grown));
        c->buckets = grown;
        c->buckets_capacity = capacity;
    }
    uint64_t *entries = mem_calloc((size_t)1 << bits, sizeof *entries);
    if (!entries) return COLD_NONE;
    struct cold_bucket *bucket = &c->buckets[c->n_buckets];
    *bucket = (struct cold_bucket){.entries = entries, .bits = bits, .depth = depth};
    hash_charge(t, (int64_t)bucket_bytes(bucket));
    touch(t, bucket);
    return c->n_buckets++;
}

laminar_status cold_bucket_of(struct state_hash *t, uint64_t hash, bool create,
                              struct cold_bucket **out, struct laminar_error *err)
{
    struct hash_cold *c = t->cold;
    uint32_t *at = &c->directory[hash >> (64 - c->depth)];
    *out = NULL;
    if (*at == COLD_NONE) {
        if (!create) return LAMINAR_OK;
        uint32_t depth = COLD_DEPTH_MIN, first = (uint32_t)(hash >> (64 - depth));
        uint32_t i = new_bucket(t, COLD_BUCKET_BITS_MIN, (uint8_t)depth);
        if (i == COLD_NONE) return error_oom(err);
        uint32_t n = 1U << (c->depth - depth);
        for (uint32_t k = 0; k < n; k++) c->directory[first * n + k] = i;
    }
    struct cold_bucket *bucket = &c->buckets[*at];
    if (!bucket->entries) {
        uint64_t *entries = mem_alloc(bucket_bytes(bucket));
        if (!entries) return error_oom(err);
        laminar_status status = spill_read(bucket->piece->spill, &bucket->piece->piece, entries,
                                           err);
        if (status != LAMINAR_OK) {
            mem_free(entries);
            return status;
        }
        bucket->entries = entries;
        hash_charge(t, (int64_t)bucket_bytes(bucket));
    }
    touch(t, bucket);
    *out = bucket;
    return LAMINAR_OK;
}

laminar_status cold_seek(struct state_hash *t, uint64_t hash, struct cold_cursor *cursor,
                         struct laminar_error *err)
{
    struct cold_bucket *bucket;
    laminar_status status = cold_bucket_of(t, hash, false, &bucket, err);
    *cursor = (struct cold_cursor){.bucket = bucket, .tag = tag_of(hash)};
    if (bucket) cursor->at = home_of(bucket, cursor->tag);
    return status;
}

bool cold_next(struct cold_cursor *cursor, uint64_t *slot)
{
    if (!cursor->bucket) return false;
    size_t mask = ((size_t)1 << cursor->bucket->bits) - 1;
    for (;;) {
        uint64_t entry = cursor->bucket->entries[cursor->at];
        if (!entry) return false;
        cursor->at = (cursor->at + 1) & mask;
        if (entry_tag(entry) != cursor->tag) continue;
        *slot = (entry & SLOT_MASK) - 1;
        return true;
    }
}

static laminar_status grow(struct state_hash *t, struct cold_bucket *bucket,
                           struct laminar_error *err)
{
    size_t n = (size_t)1 << bucket->bits;
    uint64_t *old = bucket->entries, *entries = mem_calloc(n * 2, sizeof *entries);
    if (!entries) return error_oom(err);
    hash_charge(t, (int64_t)(n * sizeof *entries));
    bucket->entries = entries;
    bucket->bits++;
    bucket->n = 0;
    for (size_t i = 0; i < n; i++)
        if (old[i]) insert(bucket, old[i]);
    mem_free(old);
    return LAMINAR_OK;
}

static laminar_status double_directory(struct state_hash *t, struct laminar_error *err)
{
    struct hash_cold *c = t->cold;
    size_t n = (size_t)1 << c->depth;
    uint32_t *directory = mem_alloc(2 * n * sizeof *directory);
    if (!directory) return error_oom(err);
    for (size_t i = 0; i < 2 * n; i++) directory[i] = c->directory[i / 2];
    hash_charge(t, (int64_t)(n * sizeof *directory));
    mem_free(c->directory);
    c->directory = directory;
    c->depth++;
    return LAMINAR_OK;
}

/* The entries whose next bit is set move to a bucket of their own. */
static laminar_status split(struct state_hash *t, uint64_t hash, struct laminar_error *err)
{
    struct hash_cold *c = t->cold;
    uint32_t from = c->directory[hash >> (64 - c->depth)];
    uint8_t depth = c->buckets[from].depth;
    laminar_status status;
    if (depth == c->depth && (status = double_directory(t, err)) != LAMINAR_OK) return status;
    uint32_t to = new_bucket(t, c->buckets[from].bits, (uint8_t)(depth + 1));
    if (to == COLD_NONE) return error_oom(err);
    struct cold_bucket *low = &c->buckets[from], *high = &c->buckets[to];
    uint64_t *old = low->entries, *entries = mem_calloc((size_t)1 << low->bits, sizeof *entries);
    if (!entries) { /* the new bucket stands in no directory: it is taken back */
        hash_charge(t, -(int64_t)bucket_bytes(high));
        mem_free(high->entries);
        use_remove(&c->bucket_use, &c->buckets->use, sizeof *high, to);
        c->n_buckets--;
        return error_oom(err);
    }
    low->entries = entries;
    low->n = 0;
    low->depth++;
    uint64_t bit = (uint64_t)1 << (TAG_BITS - 1 - (depth - COLD_DEPTH_MIN));
    for (size_t i = 0; i < (size_t)1 << low->bits; i++)
        if (old[i]) insert(entry_tag(old[i]) & bit ? high : low, old[i]);
    mem_free(old);
    size_t width = (size_t)1 << (c->depth - depth); /* of both, in the directory */
    size_t first = (size_t)(hash >> (64 - depth)) * width;
    for (size_t i = width / 2; i < width; i++) c->directory[first + i] = to;
    return LAMINAR_OK;
}

laminar_status cold_put(struct state_hash *t, uint64_t hash, uint64_t slot,
                        struct laminar_error *err)
{
    struct cold_bucket *bucket;
    if (slot >= SLOT_MASK) return error_oom(err);
    for (;;) {
        laminar_status status = cold_bucket_of(t, hash, true, &bucket, err);
        if (status != LAMINAR_OK) return status;
        forget_piece(t, bucket);
        if (bucket->n + 1 <= ((size_t)1 << bucket->bits) / 4 * 3) break;
        bool grows = bucket->bits < COLD_BUCKET_BITS || bucket->depth == COLD_DEPTH_MAX;
        status = grows ? grow(t, bucket, err) : split(t, hash, err);
        if (status != LAMINAR_OK) return status;
    }
    insert(bucket, tag_of(hash) << SLOT_BITS | (slot + 1));
    return LAMINAR_OK;
}

void cold_remove(struct state_hash *t, uint64_t hash, uint64_t slot)
{
    struct cold_bucket *bucket =
        &t->cold->buckets[t->cold->directory[hash >> (64 - t->cold->depth)]];
    assert(bucket->entries);
    forget_piece(t, bucket);
    uint64_t *entries = bucket->entries, entry = tag_of(hash) << SLOT_BITS | (slot + 1);
    size_t mask = ((size_t)1 << bucket->bits) - 1, at = home_of(bucket, tag_of(hash));
    while (entries[at] != entry) at = (at + 1) & mask;
    size_t hole = at;
    for (;;) {
        at = (at + 1) & mask;
        if (!entries[at]) break;
        size_t home = home_of(bucket, entry_tag(entries[at]));
        if (((at - home) & mask) < ((at - hole) & mask)) continue;
        entries[hole] = entries[at];
        hole = at;
    }
    entries[hole] = 0;
    bucket->n--;
}

laminar_status cold_index_create(struct state_hash *t, struct laminar_error *err)
{
    struct hash_cold *c = t->cold;
    c->depth = COLD_DEPTH_MIN;
    c->bucket_use = (struct use_list){COLD_NONE, COLD_NONE};
    size_t bytes = sizeof *c->directory << c->depth;
    if (!(c->directory = mem_alloc(bytes))) return error_oom(err);
    memset(c->directory, 0xFF, bytes);
    hash_charge(t, (int64_t)bytes);
    return LAMINAR_OK;
}

void cold_index_free(struct state_hash *t)
{
    struct hash_cold *c = t->cold;
    for (uint32_t i = 0; i < c->n_buckets; i++) {
        struct cold_bucket *bucket = &c->buckets[i];
        forget_piece(t, bucket);
        if (!bucket->entries) continue;
        hash_charge(t, -(int64_t)bucket_bytes(bucket));
        mem_free(bucket->entries);
    }
    hash_charge(t, -(int64_t)(c->buckets_capacity * sizeof *c->buckets));
    if (c->directory) hash_charge(t, -(int64_t)(sizeof *c->directory << c->depth));
    mem_free(c->buckets);
    mem_free(c->directory);
}

laminar_status cold_evict_bucket(struct state_hash *t, uint32_t i, size_t *freed,
                                 struct laminar_error *err)
{
    struct hash_cold *c = t->cold;
    struct cold_bucket *bucket = &c->buckets[i];
    size_t bytes = bucket_bytes(bucket);
    if (!bucket->piece) {
        laminar_status status = spill_share(c->spill, bucket->entries, bytes, &bucket->piece, err);
        if (status != LAMINAR_OK) return status;
        t->base.spilled_bytes += bytes;
        hash_charge(t, (int64_t)sizeof *bucket->piece);
    }
    mem_free(bucket->entries);
    bucket->entries = NULL;
    hash_charge(t, -(int64_t)bytes);
    *freed += bytes;
    assert(c->bucket_use.last == i); /* it is the one least recently used */
    use_remove(&c->bucket_use, &c->buckets->use, sizeof *bucket, i);
    return LAMINAR_OK;
}

bool cold_index_check(const struct state_hash *t)
{
    const struct hash_cold *c = t->cold;
    size_t n_entries = 0;
    for (uint32_t i = 0; i < c->n_buckets; i++) {
        const struct cold_bucket *bucket = &c->buckets[i];
        size_t n = 0;
        n_entries += bucket->n;
        if (!bucket->entries) {
            if (!bucket->piece || bucket->use.stamp) return false;
            continue;
        }
        for (size_t k = 0; k < (size_t)1 << bucket->bits; k++) {
            uint64_t entry = bucket->entries[k], slot;
            if (!entry) continue;
            n++;
            struct cold_cursor cursor = {.bucket = bucket, .tag = entry_tag(entry)};
            cursor.at = home_of(bucket, cursor.tag);
            do {
                if (!cold_next(&cursor, &slot)) return false;
            } while (slot != (entry & SLOT_MASK) - 1);
            if (!slot_is_live(t, slot)) return false;
            if (!cold_is_there(t, slot)) continue;
            uint64_t hash = row_header(row_at(t, slot));
            if (tag_of(hash) != cursor.tag || c->directory[hash >> (64 - c->depth)] != i)
                return false;
        }
        if (n != bucket->n) return false;
    }
    return n_entries == t->base.n_rows;
}
