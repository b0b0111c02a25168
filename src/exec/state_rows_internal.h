/* state_rows_internal.h - between state_rows.c and state_rows_file.c. */
#ifndef EXEC_STATE_ROWS_INTERNAL_H
#define EXEC_STATE_ROWS_INTERNAL_H

#include "exec/state_rows.h"

extern const struct state_class state_rows_class;
bool state_rows_add_page(struct state_rows *rows); /* false when memory is out */
void state_rows_count_bytes(struct state_rows *rows);

#endif
