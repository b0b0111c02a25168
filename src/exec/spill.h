/* spill.h - a file of bytes that don't fit into memory, for as long as the process needs them: pieces are written, read back any number of times, and
 * given back. Nothing in it outlives the process: the file has no name once it is open.
 *
 * A piece is checked when it is read. A failed write leaves no piece behind. Room of freed pieces is used again, first fit.
 * @thread any */
#ifndef EXEC_SPILL_H
#define EXEC_SPILL_H

#include "base/error.h"
#include <stddef.h>

struct spill;
struct spill_piece {
    uint64_t offset;
    uint64_t checksum;
    size_t size;
};
/* The file is made with the first piece. */
laminar_status spill_create(const char *path, struct spill **out, struct laminar_error *err)
    must_check;
struct spill *spill_ref(struct spill *spill);
void spill_unref(struct spill *spill); /* NULL is fine */
laminar_status spill_write(struct spill *spill, const void *data, size_t size,
                           struct spill_piece *out, struct laminar_error *err) must_check;
/* piece->size bytes */
laminar_status spill_read(struct spill *spill, const struct spill_piece *piece, void *data,
                          struct laminar_error *err) must_check;
void spill_free(struct spill *spill, const struct spill_piece *piece);
/* of all pieces that are held */
uint64_t spill_bytes(const struct spill *spill);

#endif
