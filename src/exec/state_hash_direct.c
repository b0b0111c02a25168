/* state_hash_direct.c - an array over the keys of a state_hash, where they are integers that lie close together: identifiers of a hundred sensors,
 * airports, shards. It spares the hash, the index and the comparison: bench group_100 gains a third of its probing.
 *
 * It is a cache over the table, never the truth: absent keys, nulls, frozen pages go the usual way. It widens with new keys up to DIRECT_MAX entries, and
 * switches itself off for good when they spread further or memory is out. */
#include "exec/state_hash_internal.h"
#include <string.h>

/* Where the first of two keys is no window but changes with nearly every row, emptying the array costs more than it gains. */
enum { DIRECT_STEP = 1024, DIRECT_MAX = 16384, PREFIXES_MIN = 64, ROWS_OF_PREFIX_MIN = 8 };

static bool is_pair(const struct state_hash *t) { return t->layout->n_keys == 2; }

void direct_init(struct state_hash *t)
{
    enum probe_kind kind = t->probe;
    t->direct.is_on = kind == PROBE_64 || kind == PROBE_32 || kind == PROBE_64_64 ||
                      kind == PROBE_64_32;
    t->direct.prefix = is_pair(t) ? INT64_MIN : 0;
}

static int64_t last_key(const struct state_hash *t, const uint8_t *row)
{
    const struct hash_key *key = &t->layout->keys[t->layout->n_keys - 1];
    return key->width == 4 ? *(const int32_t *)(const void *)(row + key->offset)
                           : *(const int64_t *)(const void *)(row + key->offset);
}
static int64_t prefix_of(const struct state_hash *t, const uint8_t *row)
{
    return is_pair(t) ? *(const int64_t *)(const void *)(row + t->layout->keys[0].offset) : 0;
}

void direct_off(struct state_hash *t)
{
    mem_free(t->direct.entries);
    t->direct = (struct direct_index){0};
}

/* Makes room for `key`; false: it is off now. */
static bool widen(struct state_hash *t, int64_t key)
{
    struct direct_index *d = &t->direct;
    if (key < INT64_MIN / 2 || key > INT64_MAX / 2) {
        direct_off(t);
        return false;
    }
    int64_t low = key - (key % DIRECT_STEP + DIRECT_STEP) % DIRECT_STEP, high = low + DIRECT_STEP;
    if (d->size && d->base < low) low = d->base;
    if (d->size && d->base + (int64_t)d->size > high) high = d->base + (int64_t)d->size;
    uint32_t *entries = high - low > DIRECT_MAX ? NULL
                                                : mem_calloc((size_t)(high - low), sizeof *entries);
    if (!entries) {
        direct_off(t);
        return false;
    }
    if (d->size) memcpy(entries + (d->base - low), d->entries, d->size * sizeof *entries);
    mem_free(d->entries);
    d->entries = entries;
    d->base = low;
    d->size = (uint64_t)(high - low);
    return true;
}

void direct_add(struct state_hash *t, uint64_t slot)
{
    struct direct_index *d = &t->direct;
    const uint8_t *row = row_at(t, slot);
    if (row_header(row) & 0xFFFE || slot >= UINT32_MAX) return; /* a null key */
    int64_t key = last_key(t, row), prefix = prefix_of(t, row);
    if (prefix < d->prefix) return;
    if (prefix > d->prefix) {
        if (++d->n_prefixes > PREFIXES_MIN && d->n_added / ROWS_OF_PREFIX_MIN < d->n_prefixes) {
            direct_off(t);
            return;
        }
        if (d->size) memset(d->entries, 0, d->size * sizeof *d->entries);
        d->prefix = prefix;
    }
    d->n_added++;
    if ((uint64_t)key - (uint64_t)d->base >= d->size && !widen(t, key)) return;
    d->entries[key - d->base] = (uint32_t)slot + 1;
}

void direct_remove(struct state_hash *t, uint64_t slot)
{
    struct direct_index *d = &t->direct;
    const uint8_t *row = row_at(t, slot);
    uint64_t at = (uint64_t)last_key(t, row) - (uint64_t)d->base;
    if (at < d->size && d->entries[at] == slot + 1) d->entries[at] = 0;
}

void direct_clear(struct state_hash *t)
{
    if (t->direct.size) memset(t->direct.entries, 0, t->direct.size * sizeof *t->direct.entries);
}
