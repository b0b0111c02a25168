/* state_rows.h - rows with weights in numbered slots: the storage below the multimap of joins, the runs of ASOF, top-N and the kept rows of relations.
 *
 * Layout of a row: weight (int64; 0 = free slot), optionally a counter of the operator (int64), the columns by falling alignment, validity bits.
 * Strings are string_views whose long ones point into the table's heap; nested values are kept encoded (value_encode), as such strings. The address
 * of a slot is page + offset; pages are shared with snapshots and copied by the first write after a freeze. What can be derived from the rows
 * (links, hash indexes, sorted runs) belongs to the owner, is not frozen, and is made again after a restore: so a freeze costs O(pages) and a
 * changed index never dirties a page.
 * Limit: 2^32 - 2 slots; beyond it adding rows is LAMINAR_QUERY_FAILED.
 * @thread the step owner; snapshots: any. */
#ifndef EXEC_STATE_ROWS_H
#define EXEC_STATE_ROWS_H

#include "exec/state_core.h"

#define ROW_NONE UINT32_MAX

struct row_col {
    struct data_type type;
    enum phys_type phys; /* PHYS_STRING for encoded values too */
    uint32_t offset;
    uint32_t width;
    bool is_encoded; /* LIST, STRUCT, MAP */
};
struct row_layout {
    struct row_col *cols;
    uint32_t n_cols;
    uint32_t row_bytes;
    uint32_t counter_offset; /* 0 = none */
    uint32_t validity_offset;
    bool has_heap; /* some column can hold heap bytes */
};
struct row_link { /* two slot numbers for the owner's lists; `next` chains free slots */
    uint32_t next;
    uint32_t prev;
};
struct row_page {
    struct state_page *page;
    struct row_link *links;
    uint64_t version; /* epoch in which it was last written */
};

struct state_rows;
/* What the owner derives from the rows. All may be NULL. */
struct state_rows_index {
    /* before rows may be in a file for the first time: what waits to be derived is; then it moves into arrays (cold_array.h), rows must not be read */
    laminar_status (*settle)(struct state_rows *rows, struct laminar_error *err);
    laminar_status (*cool)(struct state_rows *rows, struct laminar_error *err);
    /* after a restore */
    laminar_status (*rebuild)(struct state_rows *rows, struct laminar_error *err);
    void (*clear)(struct state_rows *rows);
    bool (*check)(const struct state_rows *rows);
    /* frees the struct that `rows` is part of, after state_rows_deinit */
    void (*free)(struct state_rows *rows);
};
struct state_rows {
    struct state state;
    const struct state_rows_index *index;
    struct state_core *core;
    struct row_layout layout;
    /* NULL: all stays in memory. Else see state_rows_relax */
    struct spill_policy *spill;
    struct rows_cold *cold; /* NULL: all is in memory. Else see state_rows_cold.h */
    bool is_restoring;
    uint32_t n_pauses; /* calls of state_rows_relax that don't try, since writing all rows failed */
    struct row_page *pages; /* page NULL: not in memory, or not used in this round */
    size_t n_pages;
    size_t pages_capacity;
    struct page_slab *slab;         /* what pages of a large table are cut from */
    struct link_block *link_blocks; /* and their links */
    uint32_t page_shift;            /* rows a page: 1 << page_shift */
    uint32_t n_slots;               /* used so far, free ones included */
    uint32_t free_head;
    size_t n_heavy;    /* rows whose weight isn't 1 */
    size_t n_negative; /* rows whose weight is below 0: only within a step */
    int64_t weight_sum;
    size_t index_bytes;    /* of what the owner derives, where it is charged to the account */
    struct strbuf scratch; /* encoded values */
};

enum { STATE_ROWS_PLAIN = 0, STATE_ROWS_COUNTER = 1 };
laminar_status state_rows_init(struct state_rows *rows, const struct state_rows_index *index,
                               const char *name, const struct data_type *types, uint32_t n_cols,
                               int flags, struct mem_account *account, struct laminar_error *err)
    must_check;
void state_rows_deinit(struct state_rows *rows);
void state_rows_clear(struct state_rows *rows);

/* Cold tables: the page's first row, or link. */
const uint8_t *state_rows_fault(const struct state_rows *rows, size_t page);
const struct row_link *state_rows_fault_links(const struct state_rows *rows, size_t page);
void state_rows_dirty_links(struct state_rows *rows, uint32_t slot);

/* Of tables that aren't cold, for loops that have asked once. */
static inline uint8_t *state_rows_warm_at(const struct state_rows *rows, uint32_t slot)
{
    uint32_t i = slot & ((1U << rows->page_shift) - 1);
    return rows->pages[slot >> rows->page_shift].page->data + (size_t)i * rows->layout.row_bytes;
}
static inline struct row_link *state_rows_warm_link(const struct state_rows *rows, uint32_t slot)
{
    return &rows->pages[slot >> rows->page_shift].links[slot & ((1U << rows->page_shift) - 1)];
}
static inline uint8_t *state_rows_at(const struct state_rows *rows, uint32_t slot)
{
    uint32_t i = slot & ((1U << rows->page_shift) - 1);
    const struct state_page *page = rows->pages[slot >> rows->page_shift].page;
    const uint8_t *first = likely(page != NULL) ? page->data
                                                : state_rows_fault(rows, slot >> rows->page_shift);
    return (uint8_t *)(uintptr_t)first + (size_t)i * rows->layout.row_bytes;
}
static inline const struct row_link *state_rows_link(const struct state_rows *rows, uint32_t slot)
{
    const struct row_link *links = rows->pages[slot >> rows->page_shift].links;
    if (unlikely(!links)) links = state_rows_fault_links(rows, slot >> rows->page_shift);
    return &links[slot & ((1U << rows->page_shift) - 1)];
}
/* For writing, after state_rows_want. */
static inline struct row_link *state_rows_change_link(struct state_rows *rows, uint32_t slot)
{
    if (unlikely(rows->cold != NULL)) state_rows_dirty_links(rows, slot);
    return state_rows_warm_link(rows, slot);
}
/* Those of n rows. */
void state_rows_addresses(const struct state_rows *rows, const uint32_t *slots, size_t n,
                          const uint8_t **addresses);
/* Cold tables: the row can be read, and its link written. ROW_NONE is fine. */
laminar_status state_rows_want(struct state_rows *rows, uint32_t slot, struct laminar_error *err)
    must_check;
/* After state_rows_write gave NULL: why. */
laminar_status state_rows_failed(const struct state_rows *rows, struct laminar_error *err)
    must_check;
/* A cold table of which a page couldn't be read has given blank rows since it was asked last: before anything comes of what was read. */
laminar_status state_rows_error_slow(const struct state_rows *rows, struct laminar_error *err)
    must_check;
static inline laminar_status state_rows_error(const struct state_rows *rows,
                                              struct laminar_error *err)
{
    return likely(!rows->cold) ? LAMINAR_OK : state_rows_error_slow(rows, err);
}
/* `spill` was set, at creation: no address of a row, and no string of one, is needed any more. Where memory is short rows leave it, the least recently used
 * first. Its failure changes nothing. Cheap while there is room. */
laminar_status state_rows_relax(struct state_rows *rows, struct laminar_error *err) must_check;
static inline int64_t row_weight(const uint8_t *row) { return *(const int64_t *)(const void *)row; }
static inline int64_t *row_counter(const struct row_layout *layout, uint8_t *row)
{
    return (int64_t *)(void *)(row + layout->counter_offset);
}
static inline bool row_is_valid(const struct row_layout *layout, const uint8_t *row, uint32_t col)
{
    return row[layout->validity_offset + (col >> 3)] >> (col & 7) & 1;
}
/* For writing: copies the page if a snapshot shares it; NULL when memory is out. Earlier addresses of the page's rows stay readable but may be stale. */
uint8_t *state_rows_write(struct state_rows *rows, uint32_t slot);
laminar_status state_rows_set_weight(struct state_rows *rows, uint32_t slot, int64_t weight,
                                     struct laminar_error *err) must_check;

/* Adds rows sel[0..n) (NULL: 0..n) of `cols`, with weights[row] (NULL: 1). On failure nothing was added. n <= CHUNK_ROWS. */
laminar_status state_rows_add(struct state_rows *rows, const struct vector *cols,
                              const uint32_t *sel, size_t n, const int64_t *weights,
                              uint32_t *slots, struct laminar_error *err) must_check;
/* Overwrites the columns of one row, keeping weight and counter. On failure the row is as it was. */
laminar_status state_rows_replace(struct state_rows *rows, uint32_t slot, const struct vector *cols,
                                  size_t row, struct laminar_error *err) must_check;
/* Frees slots and their strings. Fails only when a frozen page can't be copied. */
laminar_status state_rows_drop(struct state_rows *rows, uint32_t slot, struct laminar_error *err)
    must_check;
/* Appends column `col` of the rows at slots[0..n) to out; strings borrow the table's heap (valid until the row is dropped). Any n. */
laminar_status state_rows_gather(const struct state_rows *rows, uint32_t col, const uint32_t *slots,
                                 size_t n, struct column *out, struct laminar_error *err)
    must_check;
/* The same from addresses (rows of a snapshot). */
laminar_status row_gather(const struct row_layout *layout, uint32_t col,
                          const uint8_t *const *addresses, size_t n, struct column *out,
                          struct laminar_error *err) must_check;
/* Nulls equal each other. Encoded values: equal bytes. */
bool row_equal(const struct row_layout *layout, const uint8_t *a, const uint8_t *b,
               const uint32_t *cols, uint32_t n_cols);
/* Order of the values: nulls last; NaN greatest; encoded values by their bytes (a total order, no more). */
int row_compare_col(const struct row_layout *layout, uint32_t col, const uint8_t *a,
                    const uint8_t *b);
/* Over all columns in turn: a total order of distinct rows. */
int row_compare(const struct row_layout *layout, const uint8_t *a, const uint8_t *b);
/* Of the candidates match[0..n) (indexes i) keeps those where column `col` of addresses[i] equals row rows_of[i] of v (NULL: i); returns how many. */
size_t row_match(struct state_rows *rows, uint32_t col, const uint8_t *const *addresses,
                 const struct vector *v, const uint32_t *rows_of, uint32_t *match, size_t n);
/* One row against row `row` of vectors, over all columns. */
bool row_equals_vectors(struct state_rows *rows, const uint8_t *address, const struct vector *cols,
                        size_t row);

/* A frozen table, for reading by one thread: fills addresses of up to n live rows from *cursor on (start with 0), valid until the next call; 0 at the end. */
laminar_status state_rows_snapshot_scan(struct state_snapshot *snapshot, uint64_t *cursor,
                                        const uint8_t **addresses, size_t n, size_t *n_found,
                                        struct laminar_error *err) must_check;
const struct row_layout *state_rows_snapshot_layout(const struct state_snapshot *snapshot);
/* Live slots of the table itself. */
size_t state_rows_scan(const struct state_rows *rows, uint64_t *cursor, uint32_t *slots, size_t n);

#endif
