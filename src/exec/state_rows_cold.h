/* state_rows_cold.h - a table of rows of which parts are in a file: from the first time that memory is short until the table is cleared.
 *
 * A table in memory knows nothing of this: `cold` is NULL. A cold one has small pages (ROWS_COLD_PAGE_BYTES), and what its owner derives from the rows is in arrays of which
 * parts may leave as well (cold_array.h); links leave with the page of their rows. Slots stay what they are.
 *
 * Time is counted in rounds, each ended by state_rows_relax. What was used since then is pinned: row addresses hold for as long. Between rounds no page is where
 * state_rows_at looks for it, so the first use in a round comes by state_rows_fault, which reads the page if it has to, and notes the use. Where a page can't be read,
 * reads go to a blank one, rows of weight 0 with nulls and without links, and the table remembers why: whoever reads rows asks state_rows_error before
 * anything comes of them. Writes find NULL there, as if memory were out.
 * Cost: some 2 bytes of memory a row that is not there. Becoming cold writes all rows once. */
#ifndef EXEC_STATE_ROWS_COLD_H
#define EXEC_STATE_ROWS_COLD_H

#include "exec/cold_array.h"
#include "exec/state_rows_internal.h"

enum { ROWS_COLD_PAGE_BYTES = 4096, ROWS_COLD_ARRAYS = 5 };

struct rows_cold_page {
    struct state_page *page; /* NULL: not in memory */
    struct row_link *links;  /* allocated with it */
    /* its bytes in the file; NULL: none, or older ones, or no row is alive in it */
    struct spill_shared *piece;
    struct use_link use;
};
struct rows_cold {
    struct spill *spill;          /* where the next piece goes; referenced */
    uint64_t clock, round;        /* stamps from `round` on are of the round at hand */
    struct rows_cold_page *pages; /* rows->pages_capacity */
    struct use_list use;
    uint32_t warm_shift;
    /* bit a slot; and a bit a word of `live` that has a 0 (maybe), see cold_take_slot */
    uint64_t *live, *has_free;
    size_t first_free;     /* no bit is set in words of has_free before this one */
    size_t n_free;         /* free slots below rows->n_slots */
    size_t resident_bytes; /* of pages and their links */
    /* what the owner derives: in the order of use with the pages; NULL: none */
    struct cold_array *arrays[ROWS_COLD_ARRAYS];
    struct state_page *blank;
    struct row_link *blank_links;
    struct strbuf buf;
    /* why a page couldn't be read, until somebody has asked */
    laminar_status status;
    struct laminar_error error;
};

/* Room in the arrays over pages for `capacity` pages; false when memory is out. */
bool cold_rows_reserve(struct state_rows *rows, size_t capacity);
/* Makes page number rows->n_pages; false when memory is out. */
bool cold_rows_add_page(struct state_rows *rows);
uint32_t cold_rows_take_slot(struct state_rows *rows); /* there is one: n_free > 0 */
/* The next n slots that state_rows_add takes can be written. */
laminar_status cold_rows_want_free(struct state_rows *rows, size_t n, struct laminar_error *err)
    must_check;
void cold_rows_set_live(struct state_rows *rows, uint32_t slot);
void cold_rows_give_slot(struct state_rows *rows, uint32_t slot);
/* The page of `slot` is in memory and the table's own; false when memory is out, or it can't be read. */
bool cold_rows_own(struct state_rows *rows, uint32_t slot);
/* All pages and pieces go, then the table is a warm, empty one. */
void cold_rows_leave(struct state_rows *rows);
/* Arrays alone give way, all but what is wanted from now on; pages stay as they are. Where they can't be written, they stay too. */
void cold_rows_relieve_arrays(struct state_rows *rows);
/* Something of the table couldn't be read: what state_rows_error says next. */
void cold_rows_note(struct state_rows *rows, laminar_status status,
                    const struct laminar_error *err);
/* Of pages and arrays, what they hold besides. */
size_t cold_rows_bytes(const struct state_rows *rows);
laminar_status cold_rows_spill(struct state *state, size_t want, size_t *freed,
                               struct laminar_error *err) must_check;
static inline bool cold_rows_is_live(const struct rows_cold *c, uint64_t slot)
{
    return c->live[slot >> 6] >> (slot & 63) & 1;
}
/* Bytes of a page in the file: rows, links, then strings, row by row, column by column. A page of it with the strings behind the rows: */
struct state_page *rows_page_decode(const struct row_layout *layout, uint32_t n_rows,
                                    const uint8_t *bytes, size_t size,
                                    struct mem_account *account); /* NULL when memory is out */

#endif
