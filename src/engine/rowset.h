/* rowset.h - small tables of metadata made row by row: system relations, SHOW, DESCRIBE, EXPLAIN. Not for the hot path.
 *
 * A failed append (memory) sticks; rowset_finish reports it. */
#ifndef ENGINE_ROWSET_H
#define ENGINE_ROWSET_H

#include "vector/vector.h"

enum { ROWSET_COLUMNS_MAX = 24 };
struct rowset {
    struct schema *schema; /* borrowed */
    struct column columns[ROWSET_COLUMNS_MAX];
    uint32_t next; /* column of the next put */
    laminar_status status;
};
laminar_status rowset_init(struct rowset *set, struct schema *schema, struct laminar_error *err)
    must_check;
void rowset_deinit(struct rowset *set);
/* The cells of a row in order; each checks that the column is of its type. */
void rowset_text(struct rowset *set, const char *text); /* NULL = null */
void rowset_int(struct rowset *set, int64_t value);
void rowset_bool(struct rowset *set, bool value);
void rowset_double(struct rowset *set, double value);
void rowset_null(struct rowset *set);
/* The rows as one batch (also when there are none). */
laminar_status rowset_finish(struct rowset *set, struct batch **out, struct laminar_error *err)
    must_check;

#endif
