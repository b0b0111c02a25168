/* strmap.c - see strmap.h. */
#include "base/strmap.h"
#include "base/array.h"
#include "base/hash.h"
#include <string.h>

static size_t find_slot(const struct strmap *map, const char *key, size_t size, uint64_t hash)
{
    size_t mask = map->n_slots - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        uint32_t index = map->slots[i];
        if (index == 0) return i;
        const struct strmap_entry *entry = &map->entries[index - 1];
        if (entry->hash == hash && entry->key_size == size && memcmp(entry->key, key, size) == 0)
            return i;
    }
}

void *strmap_get(const struct strmap *map, const char *key, size_t size)
{
    if (map->n_slots == 0) return NULL;
    uint32_t index = map->slots[find_slot(map, key, size, hash_bytes(key, size))];
    return index ? map->entries[index - 1].value : NULL;
}

void *strmap_get_z(const struct strmap *map, const char *key)
{
    return strmap_get(map, key, strlen(key));
}

/* New slot table of at least twice the entries; drops the removed ones. */
static bool rebuild(struct strmap *map)
{
    size_t n_slots = 16;
    while (n_slots < (map->n_live + 1) * 4) n_slots *= 2;
    uint32_t *slots = mem_calloc(n_slots, sizeof *slots);
    if (!slots) return false;
    size_t n = 0;
    for (size_t i = 0; i < map->n_entries; i++) {
        struct strmap_entry entry = map->entries[i];
        if (!entry.value) {
            mem_free(entry.key);
            continue;
        }
        map->entries[n++] = entry;
        size_t slot = entry.hash & (n_slots - 1);
        while (slots[slot]) slot = (slot + 1) & (n_slots - 1);
        slots[slot] = (uint32_t)n;
    }
    mem_free(map->slots);
    map->slots = slots;
    map->n_slots = n_slots;
    map->n_entries = n;
    return true;
}

bool strmap_put(struct strmap *map, const char *key, size_t size, void *value)
{
    if ((map->n_entries + 1) * 2 > map->n_slots && !rebuild(map)) return false;
    uint64_t hash = hash_bytes(key, size);
    size_t slot = find_slot(map, key, size, hash);
    if (map->slots[slot]) {
        struct strmap_entry *entry = &map->entries[map->slots[slot] - 1];
        map->n_live += entry->value == NULL;
        entry->value = value;
        return true;
    }
    if (map->n_entries == map->capacity && !array_grow((void **)&map->entries, &map->capacity,
                                                       sizeof *map->entries, map->n_entries + 1))
        return false;
    char *copy = mem_strndup(key, size);
    if (!copy) return false;
    map->entries[map->n_entries++] = (struct strmap_entry){copy, size, hash, value};
    map->slots[slot] = (uint32_t)map->n_entries;
    map->n_live++;
    return true;
}

void *strmap_remove(struct strmap *map, const char *key, size_t size)
{
    if (map->n_slots == 0) return NULL;
    uint32_t index = map->slots[find_slot(map, key, size, hash_bytes(key, size))];
    if (!index) return NULL;
    void *value = map->entries[index - 1].value;
    map->entries[index - 1].value = NULL;
    map->n_live -= value != NULL;
    return value;
}

void strmap_deinit(struct strmap *map)
{
    for (size_t i = 0; i < map->n_entries; i++) mem_free(map->entries[i].key);
    mem_free(map->entries);
    mem_free(map->slots);
    *map = (struct strmap){0};
}

void strmap_deinit_owned(struct strmap *map)
{
    for (size_t i = 0; i < map->n_entries; i++) mem_free(map->entries[i].value);
    strmap_deinit(map);
}

void *strmap_next(const struct strmap *map, size_t *i, const char **key)
{
    while (*i < map->n_entries) {
        const struct strmap_entry *entry = &map->entries[(*i)++];
        if (!entry->value) continue;
        if (key) *key = entry->key;
        return entry->value;
    }
    return NULL;
}

enum { EDIT_NAME_MAX = 128 };

size_t edit_distance(const char *a, const char *b, size_t max)
{
    size_t n_a = strlen(a), n_b = strlen(b);
    if (n_a > EDIT_NAME_MAX || n_b > EDIT_NAME_MAX || (n_a > n_b ? n_a - n_b : n_b - n_a) > max)
        return max + 1;
    size_t row[EDIT_NAME_MAX + 1];
    for (size_t j = 0; j <= n_b; j++) row[j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n_b] > max ? max + 1 : row[n_b];
}
