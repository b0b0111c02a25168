/* state_rows_internal.h - between state_rows.c, state_rows_file.c and state_rows_cold.c. */
#ifndef EXEC_STATE_ROWS_INTERNAL_H
#define EXEC_STATE_ROWS_INTERNAL_H

#include "exec/state_rows.h"

extern const struct state_class state_rows_class;
bool state_rows_add_page(struct state_rows *rows); /* false when memory is out */
void state_rows_count_bytes(struct state_rows *rows);
void state_rows_free_pages(struct state_rows *rows);
/* Long strings of a row, but those that stand in its page. */
void state_rows_free_strings(struct state_rows *rows, const struct state_page *page,
                             const uint8_t *row);

#endif
