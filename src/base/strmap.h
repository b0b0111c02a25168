/* strmap.h - hash map from strings to pointers, for names (catalog, registries): robin-hood-free linear probing, load <= 1/2.
 * Keys are copied. Iteration is in insertion order. Not for the hot path. */
#ifndef BASE_STRMAP_H
#define BASE_STRMAP_H

#include "base/mem.h"

struct strmap_entry {
    char *key;
    size_t key_size;
    uint64_t hash;
    void *value; /* NULL = removed */
};
struct strmap {
    struct strmap_entry *entries; /* dense, in insertion order */
    size_t n_entries;             /* removed ones included */
    size_t n_live;
    size_t capacity;
    uint32_t *slots; /* index + 1 into entries; 0 = free */
    size_t n_slots;
};
void *strmap_get(const struct strmap *map, const char *key, size_t size);
void *strmap_get_z(const struct strmap *map, const char *key);
/* Sets (value must not be NULL). False when memory is out. */
bool strmap_put(struct strmap *map, const char *key, size_t size, void *value);
/* the value it had, or NULL */
void *strmap_remove(struct strmap *map, const char *key, size_t size);
void strmap_deinit(struct strmap *map);
void strmap_deinit_owned(struct strmap *map); /* frees its values, too */
/* for (size_t i = 0; (v = strmap_next(map, &i, &key)) != NULL;) */
void *strmap_next(const struct strmap *map, size_t *i, const char **key);

/* Edit distance of two names, for "did you mean"; at most `max` is computed, more returns max + 1. */
size_t edit_distance(const char *a, const char *b, size_t max);

#endif
