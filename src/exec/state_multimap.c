/* state_multimap.c - see state_multimap.h.
 *
 * Invariants: every live row below n_linked_slots is in exactly one list, whose head is in `groups` and has prev == ROW_NONE; rows of one list have equal keys; a deleted
 * entry is closed by moving later ones back, so there are no tombstones. INDEXED: every live row is in `whole`.
 * Cost: a probe is two cache misses (entry, head row), overlapped over the chunk. */
#include "exec/state_multimap.h"
#include "base/error.h"
#include "exec/state_rows_cold.h"

enum { TABLE_MIN = 16, AHEAD = 24 };

static struct state_multimap *map_of(struct state_rows *rows)
{
    return CONTAINER_OF(rows, struct state_multimap, rows);
}
static uint32_t hash32(uint64_t hash) { return (uint32_t)(hash >> 32); }

/* --- Tables ------------------------------------------------------------------------------------------------------------------------------ */

static void table_charge(struct state_multimap *map, const struct multimap_table *table,
                         int64_t entries)
{
    if (table->cold) return; /* the array looks after itself */
    bool has_weights = table == &map->groups && map->group_weights;
    int64_t bytes = entries * (int64_t)(sizeof(struct multimap_entry) + (has_weights ? 8 : 0));
    map->rows.index_bytes = (size_t)((int64_t)map->rows.index_bytes + bytes);
    map->rows.state.bytes = (size_t)((int64_t)map->rows.state.bytes + bytes);
    mem_account_add(map->rows.state.account, bytes);
}

static void table_free(struct state_multimap *map, struct multimap_table *table)
{
    table_charge(map, table, -(int64_t)table->capacity);
    if (!table->cold) mem_free(table->entries);
    cold_array_free(table->cold);
    *table = (struct multimap_table){0};
}

/* Before table_free. */
static void weights_free(struct state_multimap *map)
{
    if (!map->group_weights) return;
    if (map->groups.cold_weights)
        cold_array_free(map->groups.cold_weights);
    else if (map->group_weights != &map->no_weights)
        mem_free(map->group_weights);
    map->group_weights = &map->no_weights;
}

static void table_put(struct multimap_table *table, uint32_t hash, uint32_t slot, size_t *at)
{
    size_t mask = table->capacity - 1, i = hash >> table->shift;
    while (table->entries[i].not_slot != 0) i = (i + 1) & mask;
    table->entries[i] = (struct multimap_entry){hash, ~slot};
    table->n++;
    *at = i;
}

/* Entries that a table takes before it grows. A cache line holds eight, so a run of linear probing at load 5/8 rarely leaves its second line. */
static size_t room_of(size_t capacity) { return capacity / 8 * 5; }

/* Cold: the run of entries that begins at the home of `hash` is in memory, the free one at its end included, and may be written. */
static never_inline laminar_status table_want(const struct multimap_table *table, uint32_t hash,
                                              bool for_write, struct laminar_error *err)
{
    enum { IN_SEGMENT = COLD_SEGMENT_BYTES / sizeof(struct multimap_entry) };
    if (table->capacity == 0) return LAMINAR_OK;
    for (size_t i = hash >> table->shift;;) {
        size_t end = (i / IN_SEGMENT + 1) * IN_SEGMENT, at = i * sizeof(struct multimap_entry);
        laminar_status status = cold_array_want(table->cold, at, for_write, err);
        if (!status && table->cold_weights)
            status = cold_array_want(table->cold_weights, at, for_write, err);
        if (status != LAMINAR_OK) return status;
        if (end > table->capacity) end = table->capacity;
        while (i < end && table->entries[i].not_slot != 0) i++;
        if (i < end) return LAMINAR_OK;
        i = end & (table->capacity - 1);
    }
}

/* Before the group's lists, or its entry, are changed. */
static laminar_status want_group(struct state_multimap *map, uint32_t hash, uint32_t whole_hash,
                                 struct laminar_error *err)
{
    if (likely(!map->rows.cold)) return LAMINAR_OK;
    laminar_status status = table_want(&map->groups, hash, true, err);
    if (status == LAMINAR_OK && map->mode == MULTIMAP_INDEXED)
        status = table_want(&map->whole, whole_hash, true, err);
    return status;
}

/* For reading, by who can't fail: state_rows_error says it. False: nothing can be found. */
static bool may_look(struct state_multimap *map, const struct multimap_table *table, uint32_t hash)
{
    struct laminar_error err;
    if (likely(!map->rows.cold)) return true;
    laminar_status status = table_want(table, hash, false, &err);
    if (status != LAMINAR_OK) cold_rows_note(&map->rows, status, &err);
    return status == LAMINAR_OK;
}
static bool may_look_for(struct state_multimap *map, const uint64_t *hashes, const uint32_t *sel,
                         size_t n)
{
    for (size_t k = 0; map->rows.cold && k < n; k++)
        if (!may_look(map, &map->groups, hash32(hashes[sel ? sel[k] : k]))) return false;
    return true;
}

static void name_arrays(struct state_multimap *map, const struct multimap_table *growing)
{
    struct cold_array **arrays = map->rows.cold->arrays;
    struct cold_array *all[ROWS_COLD_ARRAYS] = {map->groups.cold, map->groups.cold_weights,
                                                map->whole.cold, growing ? growing->cold : NULL,
                                                growing ? growing->cold_weights : NULL};
    for (size_t k = 0; k < ROWS_COLD_ARRAYS; k++) {
        arrays[k] = all[k];
        if (all[k]) all[k]->clock = map->rows.cold->clock;
    }
}

static laminar_status create_arrays(struct state_multimap *map, struct multimap_table *table,
                                    bool has_weights, struct laminar_error *err)
{
    size_t bytes = table->capacity * sizeof(struct multimap_entry);
    laminar_status status = cold_array_create(&map->rows.state, bytes, &table->cold, err);
    if (status == LAMINAR_OK && has_weights)
        status = cold_array_create(&map->rows.state, bytes, &table->cold_weights, err);
    if (status != LAMINAR_OK) {
        cold_array_free(table->cold);
        table->cold = NULL;
        return status;
    }
    table->entries = (void *)table->cold->memory;
    return LAMINAR_OK;
}

/* Homes are the first bits of the hash, so both tables are gone through in order, and most of them needn't be in memory. */
static laminar_status grow_cold(struct state_multimap *map, struct multimap_table *table,
                                struct multimap_table grown, int64_t **weights,
                                struct laminar_error *err)
{
    enum { IN_SEGMENT = COLD_SEGMENT_BYTES / sizeof(struct multimap_entry) };
    laminar_status status = create_arrays(map, &grown, weights != NULL, err);
    if (status != LAMINAR_OK) return status;
    name_arrays(map, &grown);
    int64_t *new_weights = weights ? (void *)grown.cold_weights->memory : NULL;
    for (size_t i = 0; i < table->capacity; i++) {
        size_t at = i * sizeof(struct multimap_entry);
        if (i % IN_SEGMENT == 0) {
            cold_rows_relieve_arrays(&map->rows);
            TRY(cold_array_want(table->cold, at, false, err));
            if (weights) TRY(cold_array_want(table->cold_weights, at, false, err));
        }
        struct multimap_entry entry = table->entries[i];
        if (entry.not_slot == 0) continue;
        TRY(table_want(&grown, entry.hash, true, err));
        size_t to;
        table_put(&grown, entry.hash, entry_slot(&entry), &to);
        if (weights) new_weights[to] = (*weights)[i];
    }
    if (weights) {
        weights_free(map);
        map->groups.cold_weights = NULL;
        *weights = new_weights;
    }
    table_free(map, table);
    *table = grown;
    name_arrays(map, NULL);
    return LAMINAR_OK;
done:
    name_arrays(map, NULL);
    cold_array_free(grown.cold);
    cold_array_free(grown.cold_weights);
    return status;
}

/* Room for n more entries; `weights` (may be NULL) moves along. */
static never_inline laminar_status table_grow(struct state_multimap *map,
                                              struct multimap_table *table, size_t n,
                                              int64_t **weights, struct laminar_error *err)
{
    struct multimap_table grown = {.capacity = TABLE_MIN, .shift = 28};
    while (room_of(grown.capacity) < table->n + n) {
        grown.capacity *= 2;
        grown.shift--;
    }
    if (map->rows.cold) return grow_cold(map, table, grown, weights, err);
    int64_t *grown_weights = NULL;
    grown.entries = mem_calloc_huge(grown.capacity * sizeof *grown.entries);
    if (weights && grown.entries)
        grown_weights = mem_alloc_aligned(grown.capacity * sizeof *grown_weights);
    if (!grown.entries || (weights && !grown_weights)) {
        mem_free(grown.entries);
        return error_oom(err);
    }
    for (size_t i = 0; i < table->capacity; i++) {
        size_t at;
        if (table->entries[i].not_slot == 0) continue;
        table_put(&grown, table->entries[i].hash, entry_slot(&table->entries[i]), &at);
        if (weights) grown_weights[at] = (*weights)[i];
    }
    if (weights) {
        weights_free(map);
        *weights = grown_weights;
    }
    table_free(map, table);
    *table = grown;
    table_charge(map, table, (int64_t)grown.capacity);
    return LAMINAR_OK;
}

static inline laminar_status table_reserve(struct state_multimap *map, struct multimap_table *table,
                                           size_t n, int64_t **weights, struct laminar_error *err)
{
    return likely(table->n + n <= room_of(table->capacity))
               ? LAMINAR_OK
               : table_grow(map, table, n, weights, err);
}

/* Empties entry i, moving back what had been pushed beyond it. */
static void table_delete(struct multimap_table *table, size_t i, int64_t *weights)
{
    size_t mask = table->capacity - 1;
    for (size_t j = (i + 1) & mask; table->entries[j].not_slot != 0; j = (j + 1) & mask) {
        size_t home = table->entries[j].hash >> table->shift;
        /* it would come to lie before its home */
        if (((j - home) & mask) < ((j - i) & mask)) continue;
        table->entries[i] = table->entries[j];
        if (weights) weights[i] = weights[j];
        i = j;
    }
    table->entries[i].not_slot = 0;
    table->n--;
}

static size_t table_at(const struct multimap_table *table, uint32_t hash, uint32_t slot)
{
    size_t mask = table->capacity - 1, i = hash >> table->shift;
    while (entry_slot(&table->entries[i]) != slot) {
        assert(table->entries[i].not_slot != 0);
        i = (i + 1) & mask;
    }
    return i;
}

/* --- Probing ----------------------------------------------------------------------------------------------------------------------------- */

/* Of a cold table, what is not in memory is read when it is looked at. (Calls that only prefetch are dropped by compilers: they have no effect.) */
static always_inline void prefetch_row(const struct state_rows *rows, uint32_t slot, bool and_link)
{
    if (unlikely(rows->cold != NULL)) return;
    prefetch_read(state_rows_warm_at(rows, slot));
    if (and_link) prefetch_read(state_rows_warm_link(rows, slot));
}

/* One round for the rows todo[0..n): positions[row] advances to the next entry with the row's hash; candidates come first in todo, their number
 * is returned; rows without any are dropped from todo. */
static size_t probe_round(struct state_multimap *map, const uint64_t *hashes, size_t *positions,
                          uint32_t *todo, size_t n, uint32_t *heads)
{
    const struct multimap_table *table = &map->groups;
    size_t mask = table->capacity - 1, n_found = 0;
    bool has_lists = !multimap_is_unique(map);
    for (size_t k = 0; k < n; k++) {
        uint32_t row = todo[k], hash = hash32(hashes[row]);
        size_t i = positions[row];
        while (table->entries[i].not_slot != 0 && table->entries[i].hash != hash)
            i = (i + 1) & mask;
        positions[row] = i;
        heads[row] = entry_slot(&table->entries[i]);
        if (heads[row] == ROW_NONE) continue;
        todo[n_found++] = row;
        prefetch_row(&map->rows, heads[row], has_lists);
    }
    return n_found;
}

/* is_by_hash: one pass, entries prefetched ahead, rows for whoever walks the groups next. */
static void find_by_hash(const struct state_multimap *map, const uint64_t *hashes,
                         const uint32_t *sel, size_t n, uint32_t *heads)
{
    const struct multimap_table *table = &map->groups;
    const struct multimap_entry *entries = table->entries;
    size_t mask = table->capacity - 1;
    bool has_lists = !multimap_is_unique(map);
    for (size_t k = 0; k < n && k < AHEAD; k++)
        prefetch_read(&entries[hash32(hashes[sel ? sel[k] : k]) >> table->shift]);
    for (size_t k = 0; k < n; k++) {
        size_t row = sel ? sel[k] : k, next = k + AHEAD;
        if (next < n)
            prefetch_read(&entries[hash32(hashes[sel ? sel[next] : next]) >> table->shift]);
        uint32_t hash = hash32(hashes[row]);
        size_t i = hash >> table->shift;
        while (entry_slot(&entries[i]) != ROW_NONE && entries[i].hash != hash) i = (i + 1) & mask;
        uint32_t head = heads[row] = entry_slot(&entries[i]);
        if (head == ROW_NONE) continue;
        prefetch_row(&map->rows, head, has_lists);
    }
}

/* heads by row; positions[row]: of the group's entry, where there is one. */
static void find_positions(struct state_multimap *map, const struct vector *keys,
                           const uint64_t *hashes, const uint32_t *sel, size_t n, uint32_t *heads,
                           size_t *positions)
{
    uint32_t todo[CHUNK_ROWS], match[CHUNK_ROWS];
    const uint8_t *addresses[CHUNK_ROWS];
    assert(n <= CHUNK_ROWS && map->n_linked_slots == map->rows.n_slots);
    struct multimap_table *table = &map->groups;
    bool has_any = table->n != 0 && may_look_for(map, hashes, sel, n);
    for (size_t k = 0; !has_any && k < n; k++) heads[sel ? sel[k] : k] = ROW_NONE;
    if (!has_any) return;
    for (size_t k = 0; k < n; k++) {
        uint32_t row = sel ? sel[k] : (uint32_t)k;
        todo[k] = row;
        positions[row] = hash32(hashes[row]) >> table->shift;
        prefetch_read(&table->entries[positions[row]]);
    }
    while (n > 0) {
        n = probe_round(map, hashes, positions, todo, n, heads);
        if (likely(!map->rows.cold))
            for (size_t k = 0; k < n; k++)
                addresses[todo[k]] = state_rows_warm_at(&map->rows, heads[todo[k]]);
        else
            for (size_t k = 0; k < n; k++)
                addresses[todo[k]] = state_rows_at(&map->rows, heads[todo[k]]);
        memcpy(match, todo, n * sizeof *todo);
        size_t n_match = n;
        for (uint32_t c = 0; c < map->n_keys; c++)
            n_match = row_match(&map->rows, map->key_cols[c], addresses, &keys[c], NULL, match,
                                n_match);
        /* What had an equal hash but another key goes on behind it: rare. Both lists are in the same order. */
        size_t n_left = 0;
        for (size_t k = 0, m = 0; k < n && n_match < n; k++) {
            if (m < n_match && match[m] == todo[k]) {
                m++;
                continue;
            }
            positions[todo[k]] = (positions[todo[k]] + 1) & (table->capacity - 1);
            todo[n_left++] = todo[k];
        }
        n = n_left;
    }
}

size_t multimap_match(struct state_multimap *map, const struct vector *keys, const uint32_t *rows,
                      const uint32_t *slots, size_t n, uint32_t *match)
{
    const uint8_t *addresses[CHUNK_ROWS];
    size_t n_match = n;
    state_rows_addresses(&map->rows, slots, n, addresses);
    for (size_t i = 0; i < n; i++) match[i] = (uint32_t)i;
    for (uint32_t c = 0; c < map->n_keys; c++)
        n_match = row_match(&map->rows, map->key_cols[c], addresses, &keys[c], rows, match,
                            n_match);
    return n_match;
}

void multimap_find(struct state_multimap *map, const struct vector *keys, const uint64_t *hashes,
                   const uint32_t *sel, size_t n, uint32_t *heads, int64_t *weights)
{
    size_t positions[CHUNK_ROWS];
    if (map->is_by_hash && map->groups.n && may_look_for(map, hashes, sel, n)) {
        assert(!weights && map->n_linked_slots == map->rows.n_slots);
        find_by_hash(map, hashes, sel, n, heads);
        return;
    }
    find_positions(map, keys, hashes, sel, n, heads, positions);
    for (size_t k = 0; weights && k < n; k++) {
        uint32_t row = sel ? sel[k] : (uint32_t)k;
        weights[row] = heads[row] == ROW_NONE ? 0 : map->group_weights[positions[row]];
    }
}

/* Entry of the group that the stored row `slot` belongs to or would; a free entry if there is none. */
static size_t group_at(const struct state_multimap *map, uint32_t hash, uint32_t slot)
{
    const struct multimap_table *table = &map->groups;
    size_t mask = table->capacity - 1, i = hash >> table->shift;
    const uint8_t *row = state_rows_at(&map->rows, slot);
    for (;; i = (i + 1) & mask) {
        if (table->entries[i].not_slot == 0) return i;
        if (table->entries[i].hash != hash) continue;
        if (map->is_by_hash) return i;
        if (row_equal(&map->rows.layout, row,
                      state_rows_at(&map->rows, entry_slot(&table->entries[i])), map->key_cols,
                      map->n_keys))
            return i;
    }
}

static uint64_t hash_whole(const struct state_multimap *map, const struct vector *cols, size_t row)
{
    uint64_t hash = 0;
    for (uint32_t c = 0; c < map->rows.layout.n_cols; c++) {
        uint8_t mem[16] __attribute__((aligned(16)));
        uint8_t validity;
        struct vector one = vector_const_row(&cols[c], row, mem, &validity);
        kernel_hash_column(&one, 1, &hash, c == 0);
    }
    return hash;
}

/* Hash of stored columns, for rows that come without vectors (removal, eviction). */
static laminar_status hash_stored(struct state_multimap *map, const uint32_t *cols, uint32_t n_cols,
                                  uint32_t slot, uint64_t *hash, struct laminar_error *err)
{
    const struct row_layout *layout = &map->rows.layout;
    const uint8_t *row = state_rows_at(&map->rows, slot);
    struct column decoded = {0};
    laminar_status status = LAMINAR_OK;
    if (n_cols == 0) kernel_hash(NULL, 0, 1, hash);
    for (uint32_t k = 0; k < n_cols; k++) {
        uint32_t c = cols ? cols[k] : k;
        uint8_t null_bit = 0, mem[16] __attribute__((aligned(16))) = {0};
        struct vector v = {.type = layout->cols[c].type, .shape = VEC_CONST, .data = mem};
        if (!row_is_valid(layout, row, c)) {
            v.validity = &null_bit;
        } else if (layout->cols[c].is_encoded) {
            const uint8_t *address = row;
            TRY(column_init(&decoded, v.type, err));
            TRY(row_gather(layout, c, &address, 1, &decoded, err));
            v = decoded.vec;
        } else {
            memcpy(mem, row + layout->cols[c].offset, layout->cols[c].width);
        }
        kernel_hash_column(&v, 1, hash, k == 0);
        column_deinit(&decoded);
    }
done:
    column_deinit(&decoded);
    return status;
}

/* sign < 0, > 0: only rows whose weight is negative, positive; 0: any. */
static uint32_t find_signed(struct state_multimap *map, const struct vector *cols, uint32_t hash,
                            uint32_t whole_hash, size_t row, int sign)
{
    bool is_indexed = map->mode == MULTIMAP_INDEXED;
    const struct multimap_table *table = is_indexed ? &map->whole : &map->groups;
    if (table->n == 0) return ROW_NONE;
    size_t mask = table->capacity - 1;
    if (is_indexed) hash = whole_hash;
    if (!may_look(map, table, hash)) return ROW_NONE;
    for (size_t i = hash >> table->shift; table->entries[i].not_slot != 0; i = (i + 1) & mask) {
        if (table->entries[i].hash != hash) continue;
        /* Walking the group also finds it when the entry is of another key with this hash: equality of the whole row decides. */
        for (uint32_t slot = entry_slot(&table->entries[i]); slot != ROW_NONE;
             slot = is_indexed ? ROW_NONE : multimap_next(map, slot)) {
            const uint8_t *address = state_rows_at(&map->rows, slot);
            if (sign && (row_weight(address) < 0) != (sign < 0)) continue;
            if (row_equals_vectors(&map->rows, address, cols, row)) return slot;
        }
    }
    return ROW_NONE;
}

uint32_t multimap_find_row(struct state_multimap *map, const struct vector *cols,
                           const uint64_t *hashes, size_t row)
{
    uint32_t whole_hash = map->mode == MULTIMAP_INDEXED ? hash32(hash_whole(map, cols, row)) : 0;
    return find_signed(map, cols, hash32(hashes[row]), whole_hash, row, 0);
}

/* --- Linking ----------------------------------------------------------------------------------------------------------------------------- */

/* New rows come in front, so that linking touches nothing but the entry and the new row. */
static laminar_status link_by_hash(struct state_multimap *map, const uint64_t *hashes,
                                   const uint32_t *sel, size_t n, const uint32_t *slots,
                                   size_t *n_linked, struct laminar_error *err)
{
    bool is_cold = map->rows.cold != NULL;
    laminar_status status = LAMINAR_OK;
    struct multimap_table *table = &map->groups;
    size_t mask = table->capacity - 1;
    for (size_t k = 0; k < n && k < AHEAD; k++)
        prefetch_write(&table->entries[hash32(hashes[sel ? sel[k] : k]) >> table->shift]);
    for (size_t k = 0; k < n; k++) {
        uint32_t hash = hash32(hashes[sel ? sel[k] : k]);
        size_t i = hash >> table->shift, next = k + AHEAD;
        if (unlikely(is_cold)) {
            TRY(table_want(table, hash, true, err));
            TRY(state_rows_want(&map->rows, slots[k], err));
            state_rows_dirty_links(&map->rows, slots[k]);
        }
        if (next < n)
            prefetch_write(&table->entries[hash32(hashes[sel ? sel[next] : next]) >> table->shift]);
        while (table->entries[i].not_slot != 0 && table->entries[i].hash != hash)
            i = (i + 1) & mask;
        *state_rows_warm_link(&map->rows, slots[k]) = (struct row_link){
            .next = entry_slot(&table->entries[i]), .prev = ROW_NONE};
        table->n += table->entries[i].not_slot == 0;
        table->entries[i] = (struct multimap_entry){hash, ~slots[k]};
        *n_linked = k + 1;
    }
done:
    return status;
}

/* Cold: all rows that taking `slot` out of its list reads or changes. */
static laminar_status want_neighbours(struct state_multimap *map, uint32_t slot, uint32_t hash,
                                      struct laminar_error *err)
{
    laminar_status status;
    TRY(state_rows_want(&map->rows, slot, err));
    struct row_link link = *state_rows_link(&map->rows, slot);
    if (!map->is_by_hash) {
        TRY(state_rows_want(&map->rows, link.prev, err));
        TRY(state_rows_want(&map->rows, link.next, err));
        if (map->group_weights) {
            (void)group_at(map, hash, slot);
            TRY(state_rows_error(&map->rows, err));
        }
        return LAMINAR_OK;
    }
    for (uint32_t before = entry_slot(&map->groups.entries[group_at(map, hash, slot)]);
         before != slot && before != ROW_NONE; before = multimap_next(map, before))
        TRY(state_rows_want(&map->rows, before, err));
done:
    return status;
}

static void unlink_by_hash(struct state_multimap *map, uint32_t slot, uint32_t hash)
{
    uint32_t next = state_rows_link(&map->rows, slot)->next;
    size_t i = group_at(map, hash, slot);
    uint32_t before = entry_slot(&map->groups.entries[i]);
    if (before == slot) {
        if (next == ROW_NONE)
            table_delete(&map->groups, i, NULL);
        else
            map->groups.entries[i].not_slot = ~next;
        return;
    }
    while (multimap_next(map, before) != slot) before = multimap_next(map, before);
    state_rows_change_link(&map->rows, before)->next = next;
}

/* An equal row that is linked already, for the new row `slot`; group entry i is occupied. */
static uint32_t find_equal(const struct state_multimap *map, size_t i, uint32_t slot,
                           uint32_t whole_hash)
{
    const struct row_layout *layout = &map->rows.layout;
    const uint8_t *row = state_rows_at(&map->rows, slot);
    if (map->mode == MULTIMAP_CHAIN) {
        for (uint32_t other = entry_slot(&map->groups.entries[i]); other != ROW_NONE;
             other = multimap_next(map, other))
            if (row_equal(layout, row, state_rows_at(&map->rows, other), NULL, layout->n_cols))
                return other;
    } else if (map->mode == MULTIMAP_INDEXED) {
        size_t mask = map->whole.capacity - 1;
        for (size_t k = whole_hash >> map->whole.shift; map->whole.entries[k].not_slot != 0;
             k = (k + 1) & mask)
            if (map->whole.entries[k].hash == whole_hash &&
                row_equal(layout, row,
                          state_rows_at(&map->rows, entry_slot(&map->whole.entries[k])), NULL,
                          layout->n_cols))
                return entry_slot(&map->whole.entries[k]);
    }
    return ROW_NONE;
}

static laminar_status remove_hashed(struct state_multimap *map, uint32_t slot, uint32_t hash,
                                    uint32_t whole_hash, struct laminar_error *err);
static laminar_status add_weight_hashed(struct state_multimap *map, uint32_t slot, uint32_t hash,
                                        int64_t delta, struct laminar_error *err);

/* Adds to a row's weight; a row of weight 0 goes, and *slot becomes ROW_NONE. */
static laminar_status merge_weight(struct state_multimap *map, uint32_t *slot, uint32_t hash,
                                   uint32_t whole_hash, int64_t weight, struct laminar_error *err)
{
    uint32_t row = *slot;
    if (row_weight(state_rows_at(&map->rows, row)) + weight != 0)
        return add_weight_hashed(map, row, hash, weight, err);
    *slot = ROW_NONE;
    return remove_hashed(map, row, hash, whole_hash, err);
}

#define POSITION_UNKNOWN SIZE_MAX
/* Takes the stored row *to into its group (of entry i, if that is known), or into an equal row: then its slot is freed and *to is the equal one's. Room
 * in the tables is reserved. */
static laminar_status link_row(struct state_multimap *map, uint32_t *to, size_t i, uint32_t hash,
                               uint32_t whole_hash, struct laminar_error *err)
{
    uint32_t slot = *to;
    laminar_status status = LAMINAR_OK;
    if (map->is_by_hash) {
        uint64_t whole = (uint64_t)hash << 32;
        size_t n_linked = 0;
        return link_by_hash(map, &whole, NULL, 1, &slot, &n_linked, err);
    }
    if (unlikely(map->rows.cold != NULL)) {
        TRY(want_group(map, hash, whole_hash, err));
        TRY(state_rows_want(&map->rows, slot, err));
    }
    int64_t weight = row_weight(state_rows_at(&map->rows, slot));
    struct multimap_entry *entries = map->groups.entries;
    if (i == POSITION_UNKNOWN) i = group_at(map, hash, slot);
    uint32_t head = entry_slot(&entries[i]),
             equal = head == ROW_NONE ? ROW_NONE : find_equal(map, i, slot, whole_hash);
    TRY(state_rows_error(&map->rows, err));
    size_t at;
    struct row_link *link = state_rows_change_link(&map->rows, slot);
    *link = (struct row_link){ROW_NONE, ROW_NONE};
    if (head == ROW_NONE) {
        entries[i] = (struct multimap_entry){hash, ~slot};
        map->groups.n++;
        if (map->group_weights) map->group_weights[i] = weight;
    } else {
        if (equal != ROW_NONE) {
            TRY(state_rows_drop(&map->rows, slot, err));
            *to = equal;
            return merge_weight(map, to, hash, whole_hash, weight, err);
        }
        /* behind the head, so that the entry stays as it is */
        TRY(state_rows_want(&map->rows, head, err));
        uint32_t next = state_rows_link(&map->rows, head)->next;
        TRY(state_rows_want(&map->rows, next, err));
        *link = (struct row_link){.next = next, .prev = head};
        if (next != ROW_NONE) state_rows_change_link(&map->rows, next)->prev = slot;
        state_rows_change_link(&map->rows, head)->next = slot;
        if (map->group_weights) map->group_weights[i] += weight;
    }
    if (map->mode == MULTIMAP_INDEXED) table_put(&map->whole, whole_hash, slot, &at);
done:
    return status;
}

static void unlink_row(struct state_multimap *map, uint32_t slot, uint32_t hash)
{
    int64_t weight = row_weight(state_rows_at(&map->rows, slot));
    const struct row_link *link = state_rows_link(&map->rows, slot);
    if (map->is_by_hash) {
        unlink_by_hash(map, slot, hash);
        return;
    }
    if (map->group_weights) map->group_weights[group_at(map, hash, slot)] -= weight;
    if (link->prev != ROW_NONE) {
        state_rows_change_link(&map->rows, link->prev)->next = link->next;
    } else {
        size_t i = table_at(&map->groups, hash, slot);
        if (link->next != ROW_NONE)
            map->groups.entries[i].not_slot = ~link->next;
        else
            table_delete(&map->groups, i, map->group_weights);
    }
    if (link->next != ROW_NONE) state_rows_change_link(&map->rows, link->next)->prev = link->prev;
}

static laminar_status remove_hashed(struct state_multimap *map, uint32_t slot, uint32_t hash,
                                    uint32_t whole_hash, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    if (unlikely(map->rows.cold != NULL)) {
        TRY(want_group(map, hash, whole_hash, err));
        TRY(want_neighbours(map, slot, hash, err));
    }
    if (!state_rows_write(&map->rows, slot)) return state_rows_failed(&map->rows, err);
    unlink_row(map, slot, hash);
    if (map->mode == MULTIMAP_INDEXED)
        table_delete(&map->whole, table_at(&map->whole, whole_hash, slot), NULL);
    status = state_rows_drop(&map->rows, slot, err); /* can't fail: the page is ours by now */
done:
    return status;
}

laminar_status multimap_remove(struct state_multimap *map, uint32_t slot, struct laminar_error *err)
{
    uint64_t hash, whole_hash = 0;
    laminar_status status;
    if (map->is_scanned) return state_rows_drop(&map->rows, slot, err);
    TRY(state_rows_want(&map->rows, slot, err));
    TRY(hash_stored(map, map->key_cols, map->n_keys, slot, &hash, err));
    if (map->mode == MULTIMAP_INDEXED)
        TRY(hash_stored(map, NULL, map->rows.layout.n_cols, slot, &whole_hash, err));
    TRY(remove_hashed(map, slot, hash32(hash), hash32(whole_hash), err));
done:
    return status;
}

laminar_status multimap_replace(struct state_multimap *map, uint32_t slot,
                                const struct vector *cols, size_t row, struct laminar_error *err)
{
    assert(map->mode == MULTIMAP_CHAIN);
    laminar_status status = state_rows_replace(&map->rows, slot, cols, row, err);
    map->n_linked_slots = map->rows.n_slots;
    return status;
}

static laminar_status add_weight_hashed(struct state_multimap *map, uint32_t slot, uint32_t hash,
                                        int64_t delta, struct laminar_error *err)
{
    bool has_weights = map->group_weights != NULL;
    laminar_status status;
    if (has_weights && map->rows.cold) TRY(table_want(&map->groups, hash, true, err));
    TRY(state_rows_want(&map->rows, slot, err));
    size_t i = has_weights ? group_at(map, hash, slot) : 0;
    TRY(state_rows_error(&map->rows, err));
    TRY(state_rows_set_weight(&map->rows, slot, row_weight(state_rows_at(&map->rows, slot)) + delta,
                              err));
    if (has_weights) map->group_weights[i] += delta;
done:
    return status;
}

/* --- Applying a delta -------------------------------------------------------------------------------------------------------------------- */

static laminar_status reserve(struct state_multimap *map, size_t n, struct laminar_error *err)
{
    laminar_status status = table_reserve(map, &map->groups, n,
                                          map->group_weights ? &map->group_weights : NULL, err);
    if (status == LAMINAR_OK && map->mode == MULTIMAP_INDEXED)
        status = table_reserve(map, &map->whole, n, NULL, err);
    return status;
}

/* Cold: rows that were stored a moment ago, and can't be linked, go again. */
static laminar_status drop_unlinked(struct state_multimap *map, const uint32_t *slots, size_t n,
                                    laminar_status status)
{
    for (size_t k = 0; k < n; k++) /* can't fail: their pages are ours */
        (void)!state_rows_drop(&map->rows, slots[k], NULL);
    return status;
}

/* Links the stored rows slots[0..n) of the input rows sel[0..n): first all groups are found at once, then the lists are changed one by one. New keys of this
 * chunk are looked up again, for they may be equal. */
static laminar_status link_rows(struct state_multimap *map, const struct vector *keys,
                                const uint64_t *hashes, const uint32_t *sel, size_t n,
                                const uint64_t *whole, uint32_t *slots, struct laminar_error *err)
{
    uint32_t heads[CHUNK_ROWS];
    size_t positions[CHUNK_ROWS];
    laminar_status status = LAMINAR_OK;
    if (map->is_by_hash) {
        size_t n_linked = 0;
        status = link_by_hash(map, hashes, sel, n, slots, &n_linked, err);
        return status ? drop_unlinked(map, slots + n_linked, n - n_linked, status) : LAMINAR_OK;
    }
    find_positions(map, keys, hashes, sel, n, heads, positions);
    if ((status = state_rows_error(&map->rows, err))) return drop_unlinked(map, slots, n, status);
    for (size_t k = 0; k < n; k++) {
        uint32_t row = sel ? sel[k] : (uint32_t)k;
        if (heads[row] != ROW_NONE && !map->rows.cold)
            prefetch_read(state_rows_warm_link(&map->rows, heads[row]));
        if (whole) prefetch_write(&map->whole.entries[hash32(whole[row]) >> map->whole.shift]);
    }
    /* a row that cancels another removes its entry, and others move */
    bool may_move = map->rows.n_negative > 0;
    for (size_t k = 0; k < n; k++) {
        uint32_t row = sel ? sel[k] : (uint32_t)k;
        size_t i = heads[row] == ROW_NONE || may_move ? POSITION_UNKNOWN : positions[row];
        uint32_t slot = slots[k];
        status = link_row(map, &slots[k], i, hash32(hashes[row]), whole ? hash32(whole[row]) : 0,
                          err);
        if (likely(status == LAMINAR_OK)) continue;
        size_t n_gone = slots[k] != slot; /* taken into an equal row, which couldn't be changed */
        return drop_unlinked(map, slots + k + n_gone, n - k - n_gone, status);
    }
    return status;
}

/* All weights positive: rows are written a column at a time, then linked. */
static laminar_status apply_insertions(struct state_multimap *map, const struct vector *cols,
                                       const uint64_t *hashes, const uint32_t *sel, size_t n,
                                       const int64_t *weights, uint32_t *slots,
                                       struct laminar_error *err)
{
    enum { KEYS_ON_STACK = 16, LAZY_ROWS = 256 };
    uint64_t whole[CHUNK_ROWS];
    struct vector some[KEYS_ON_STACK], *keys = some;
    bool is_indexed = map->mode == MULTIMAP_INDEXED;
    laminar_status status = LAMINAR_OK;
    bool may_wait = map->is_by_hash && map->rows.free_head == ROW_NONE && !map->rows.cold;
    bool is_waiting = map->n_linked_slots < map->rows.n_slots;
    if (map->is_scanned) {
        TRY(state_rows_add(&map->rows, cols, sel, n, weights, slots, err));
        /* no more than the index of what is there would cost */
        uint64_t most = (uint64_t)map->rows.state.n_rows * SCAN_WORTH;
        map->scan_credit += n * SCAN_WORTH;
        if (map->scan_credit > most) map->scan_credit = most;
        return LAMINAR_OK;
    }
    if (map->n_eager > 0 && !is_waiting) {
        map->n_eager--;
    } else if (may_wait && (n >= LAZY_ROWS || is_waiting)) {
        TRY(state_rows_add(&map->rows, cols, sel, n, weights, slots, err));
        /* small steps work the backlog off */
        return n >= LAZY_ROWS ? LAMINAR_OK : multimap_catch_up_slow(map, 2 * n, err);
    }
    TRY(multimap_catch_up(map, err));
    TRY(reserve(map, n, err));
    if (map->n_keys > KEYS_ON_STACK && !(keys = mem_alloc(map->n_keys * sizeof *keys)))
        TRY(error_oom(err));
    for (uint32_t k = 0; k < map->n_keys; k++) keys[k] = cols[map->key_cols[k]];
    status = state_rows_add(&map->rows, cols, sel, n, weights, slots, err);
    /* after a failure there are more slots too: free ones */
    map->n_linked_slots = map->rows.n_slots;
    if (status != LAMINAR_OK) goto done;
    if (is_indexed)
        kernel_hash(cols, map->rows.layout.n_cols, n ? (sel ? sel[n - 1] + 1 : n) : 0, whole);
    TRY(link_rows(map, keys, hashes, sel, n, is_indexed ? whole : NULL, slots, err));
done:
    if (keys != some) mem_free(keys);
    return status;
}

/* Links waiting rows, up to n_max of them. */
laminar_status multimap_catch_up_slow(struct state_multimap *map, size_t n_max,
                                      struct laminar_error *err)
{
    enum { EAGER_CHUNKS = 64 };
    struct state_rows *rows = &map->rows;
    laminar_status status = LAMINAR_OK;
    if (n_max == SIZE_MAX) map->n_eager = EAGER_CHUNKS;
    uint64_t hashes[CHUNK_ROWS];
    uint32_t slots[CHUNK_ROWS];
    struct column *cols = mem_calloc(map->n_keys + 1, sizeof *cols);
    struct vector *keys = mem_calloc(map->n_keys + 1, sizeof *keys);
    uint32_t end = rows->n_slots;
    if (!cols || !keys) TRY(error_oom(err));
    for (uint32_t k = 0; k < map->n_keys; k++)
        TRY(column_init(&cols[k], rows->layout.cols[map->key_cols[k]].type, err));
    while (map->n_linked_slots < end && n_max > 0) {
        uint32_t first = map->n_linked_slots,
                 count = end - first < CHUNK_ROWS ? end - first : CHUNK_ROWS;
        size_t n = 0;
        if (count > n_max) count = (uint32_t)n_max;
        for (uint32_t slot = first; slot < first + count; slot++) {
            slots[n] = slot;
            /* a failed addition leaves free slots */
            n += row_weight(state_rows_at(rows, slot)) != 0;
        }
        for (uint32_t k = 0; k < map->n_keys; k++) {
            column_clear(&cols[k]);
            TRY(state_rows_gather(rows, map->key_cols[k], slots, n, &cols[k], err));
            keys[k] = cols[k].vec;
        }
        kernel_hash(keys, map->n_keys, n, hashes);
        TRY(reserve(map, n, err));
        /* what isn't linked isn't found, which is what linking relies on */
        map->n_linked_slots = end;
        status = link_rows(map, keys, hashes, NULL, n, NULL, slots, err);
        map->n_linked_slots = first + count;
        if (status != LAMINAR_OK) goto done;
        n_max -= count;
    }
done:
    for (uint32_t k = 0; cols && k < map->n_keys; k++) column_deinit(&cols[k]);
    mem_free(cols);
    mem_free(keys);
    return status;
}

/* APPEND keeps equal rows apart, so a weight may settle several of the other sign. */
static laminar_status apply_row(struct state_multimap *map, const struct vector *cols,
                                const uint64_t *hashes, uint32_t row, int64_t weight,
                                uint32_t *slot, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    bool is_append = map->mode == MULTIMAP_APPEND;
    uint32_t hash = hash32(hashes[row]),
             whole_hash = map->mode == MULTIMAP_INDEXED ? hash32(hash_whole(map, cols, row)) : 0;
    while (weight != 0) {
        *slot = find_signed(map, cols, hash, whole_hash, row, !is_append ? 0 : weight < 0 ? 1 : -1);
        TRY(state_rows_error(&map->rows, err));
        if (*slot == ROW_NONE) {
            TRY(apply_insertions(map, cols, hashes, &row, 1, NULL, slot, err));
            return weight == 1 ? LAMINAR_OK : add_weight_hashed(map, *slot, hash, weight - 1, err);
        }
        int64_t before = row_weight(state_rows_at(&map->rows, *slot)), sum = before + weight;
        if (!is_append || sum == 0 || (sum < 0) == (before < 0))
            return merge_weight(map, slot, hash, whole_hash, weight, err);
        TRY(remove_hashed(map, *slot, hash, whole_hash, err));
        weight = sum;
    }
done:
    return status;
}

laminar_status multimap_apply(struct state_multimap *map, const struct vector *cols,
                              const uint64_t *hashes, const uint32_t *sel, size_t n,
                              const int64_t *weights, uint32_t *slots, struct laminar_error *err)
{
    uint32_t own_slots[CHUNK_ROWS];
    bool is_insertion = map->mode != MULTIMAP_APPEND || map->rows.n_negative == 0;
    for (size_t k = 0; weights && k < n; k++) is_insertion &= weights[sel ? sel[k] : k] > 0;
    if (!slots) slots = own_slots;
    if (is_insertion) return apply_insertions(map, cols, hashes, sel, n, weights, slots, err);
    map->is_scanned = false;
    laminar_status status = multimap_catch_up(map, err);
    for (size_t k = 0; status == LAMINAR_OK && k < n; k++) {
        uint32_t row = sel ? sel[k] : (uint32_t)k;
        status = apply_row(map, cols, hashes, row, weights ? weights[row] : 1, &slots[k], err);
    }
    return status;
}

laminar_status multimap_want(struct state_multimap *map, const uint64_t *hashes, size_t n,
                             struct laminar_error *err)
{
    const struct multimap_table *table = &map->groups;
    laminar_status status = LAMINAR_OK;
    if (likely(!map->rows.cold)) return LAMINAR_OK;
    assert(map->mode != MULTIMAP_INDEXED);
    for (size_t k = 0; k < n && table->n > 0; k++) {
        uint32_t hash = hash32(hashes[k]);
        size_t mask = table->capacity - 1, i = hash >> table->shift;
        TRY(table_want(table, hash, false, err));
        for (; table->entries[i].not_slot != 0; i = (i + 1) & mask) {
            if (table->entries[i].hash != hash) continue;
            uint32_t slot = entry_slot(&table->entries[i]);
            for (size_t m = 0; slot != ROW_NONE && m < n + 2; m++, slot = multimap_next(map, slot))
                TRY(state_rows_want(&map->rows, slot, err));
        }
    }
    TRY(cold_rows_want_free(&map->rows, n + 1, err));
done:
    return status;
}

/* --- Derived parts, creation ------------------------------------------------------------------------------------------------------------- */

static void map_clear(struct state_rows *rows)
{
    struct state_multimap *map = map_of(rows);
    weights_free(map);
    table_free(map, &map->groups);
    table_free(map, &map->whole);
    map->n_linked_slots = 0;
    map->is_scanned = map->may_scan;
    map->scan_credit = 0;
}

static laminar_status map_rebuild(struct state_rows *rows, struct laminar_error *err)
{
    struct state_multimap *map = map_of(rows);
    laminar_status status = LAMINAR_OK;
    uint32_t slots[256];
    uint64_t cursor = 0, hash, whole_hash = 0;
    map->n_linked_slots = 0;
    map->is_scanned = map->may_scan;
    map->scan_credit = (uint64_t)rows->state.n_rows * SCAN_WORTH;
    if (map->is_scanned) return LAMINAR_OK;
    /* caught up when needed */
    if (map->is_by_hash && rows->free_head == ROW_NONE && !rows->cold) return LAMINAR_OK;
    map->n_linked_slots = rows->n_slots;
    for (size_t n; (n = state_rows_scan(rows, &cursor, slots, 256)) > 0;) {
        TRY(reserve(map, n, err));
        for (size_t i = 0; i < n; i++) {
            TRY(hash_stored(map, map->key_cols, map->n_keys, slots[i], &hash, err));
            if (map->mode == MULTIMAP_INDEXED)
                TRY(hash_stored(map, NULL, rows->layout.n_cols, slots[i], &whole_hash, err));
            TRY(link_row(map, &slots[i], POSITION_UNKNOWN, hash32(hash), hash32(whole_hash), err));
        }
        (void)!state_rows_relax(rows, NULL); /* what can't be written stays in memory */
    }
done:
    return status;
}

static bool map_check(const struct state_rows *rows)
{
    struct state_multimap *map = map_of((struct state_rows *)(uintptr_t)rows);
    size_t n_linked = 0, n_groups = 0, n_waiting = 0;
    for (uint32_t slot = map->n_linked_slots; slot < rows->n_slots; slot++)
        n_waiting += row_weight(state_rows_at(rows, slot)) != 0;
    for (size_t i = 0; i < map->groups.capacity; i++) {
        uint32_t home = (uint32_t)(i << map->groups.shift);
        if (!may_look(map, &map->groups, home)) return false;
        uint32_t head = entry_slot(&map->groups.entries[i]), prev = ROW_NONE;
        if (head == ROW_NONE) continue;
        if (!may_look(map, &map->groups, map->groups.entries[i].hash)) return false;
        int64_t sum = 0;
        n_groups++;
        for (uint32_t slot = head; slot != ROW_NONE; prev = slot, slot = multimap_next(map, slot)) {
            if (slot >= rows->n_slots || ++n_linked > rows->state.n_rows) return false;
            const uint8_t *row = state_rows_at(rows, slot);
            if (!row_weight(row)) return false;
            if (map->is_by_hash) continue;
            if (state_rows_link(rows, slot)->prev != prev) return false;
            if (!row_equal(&rows->layout, row, state_rows_at(rows, head), map->key_cols,
                           map->n_keys))
                return false;
            sum += row_weight(row);
        }
        if (map->group_weights && map->group_weights[i] != sum) return false;
        if (group_at(map, map->groups.entries[i].hash, head) != i) return false;
    }
    if (n_groups != map->groups.n || n_linked + n_waiting != rows->state.n_rows) return false;
    return map->mode != MULTIMAP_INDEXED || map->whole.n == rows->state.n_rows;
}

static void map_free(struct state_rows *rows) { multimap_free(map_of(rows)); }

static laminar_status map_settle(struct state_rows *rows, struct laminar_error *err)
{
    return multimap_catch_up(map_of(rows), err);
}

static laminar_status cool_table(struct state_multimap *map, const struct multimap_table *table,
                                 struct multimap_table *out, bool has_weights,
                                 struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    *out = *table;
    if (table->capacity == 0) return LAMINAR_OK;
    TRY(create_arrays(map, out, has_weights, err));
    size_t bytes = table->capacity * sizeof *table->entries;
    for (size_t at = 0; at < bytes; at += COLD_SEGMENT_BYTES) {
        TRY(cold_array_want(out->cold, at, true, err)); /* fresh: can't fail */
        if (has_weights) TRY(cold_array_want(out->cold_weights, at, true, err));
    }
    memcpy(out->entries, table->entries, bytes);
    if (has_weights) memcpy(out->cold_weights->memory, map->group_weights, bytes);
done:
    return status;
}

/* The tables move into arrays of which parts may leave. */
static laminar_status map_cool(struct state_rows *rows, struct laminar_error *err)
{
    struct state_multimap *map = map_of(rows);
    struct multimap_table groups = {0}, whole = {0};
    laminar_status status;
    TRY(cool_table(map, &map->groups, &groups, map->group_weights != NULL, err));
    TRY(cool_table(map, &map->whole, &whole, false, err));
    weights_free(map);
    table_free(map, &map->groups);
    table_free(map, &map->whole);
    map->groups = groups;
    map->whole = whole;
    if (groups.cold_weights) map->group_weights = (void *)groups.cold_weights->memory;
    name_arrays(map, NULL);
    return LAMINAR_OK;
done:
    cold_array_free(groups.cold);
    cold_array_free(groups.cold_weights);
    return status;
}

static const struct state_rows_index multimap_index = {.settle = map_settle,
                                                       .cool = map_cool,
                                                       .rebuild = map_rebuild,
                                                       .clear = map_clear,
                                                       .check = map_check,
                                                       .free = map_free};

void multimap_free(struct state_multimap *map)
{
    if (!map) return;
    map_clear(&map->rows);
    state_rows_deinit(&map->rows);
    mem_free(map->key_cols);
    mem_free(map);
}

laminar_status multimap_create(const struct multimap_options *options, struct state_multimap **out,
                               struct laminar_error *err)
{
    struct state_multimap *map = mem_calloc(1, sizeof *map);
    if (!map) return error_oom(err);
    laminar_status status;
    map->mode = options->mode;
    map->n_keys = options->n_keys;
    TRY(state_rows_init(&map->rows, &multimap_index, options->name, options->types, options->n_cols,
                        options->flags, options->account, err));
    map->key_cols = mem_alloc(options->n_keys * sizeof *map->key_cols);
    if (!map->key_cols) TRY(error_oom(err));
    if (options->n_keys)
        memcpy(map->key_cols, options->key_cols, options->n_keys * sizeof *map->key_cols);
    assert(!options->has_hash_groups || !options->has_group_weights);
    map->is_by_hash = options->mode == MULTIMAP_APPEND && options->has_hash_groups;
    assert(!options->may_scan || (options->mode == MULTIMAP_APPEND && !options->has_group_weights));
    map->may_scan = map->is_scanned = options->may_scan;
    assert(!options->spill || !options->may_scan);
    map->rows.spill = options->spill;
    map->rows.state.can_spill = options->spill != NULL;
    if (options->has_group_weights) {
        map->group_weights = &map->no_weights;
    }
    *out = map;
    return LAMINAR_OK;
done:
    multimap_free(map);
    return status;
}
