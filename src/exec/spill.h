/* spill.h - a file of bytes that don't fit into memory, for as long as the process needs them: pieces are written, read back any number of times, and
 * given back. Nothing in it outlives the process: the file has no name once it is open.
 *
 * A piece is checked when it is read. A failed write leaves no piece behind. Room of freed pieces is used again: small ones by classes of their size,
 * large ones first fit.
 * @thread any */
#ifndef EXEC_SPILL_H
#define EXEC_SPILL_H

#include "base/error.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct spill;
struct spill_piece {
    uint64_t offset;
    uint64_t checksum;
    size_t size;
    bool is_small;
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

/* A page of state or the like, one of many that come and go, which several may hold: a table and its snapshots. */
struct spill_shared {
    _Atomic uint32_t refs;
    struct spill *spill; /* referenced */
    struct spill_piece piece;
};
laminar_status spill_share(struct spill *spill, const void *data, size_t size,
                           struct spill_shared **out, struct laminar_error *err) must_check;
static inline struct spill_shared *spill_shared_ref(struct spill_shared *shared)
{
    atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);
    return shared;
}
/* NULL is fine; the last one frees the piece */
void spill_shared_unref(struct spill_shared *shared);

/* Whoever counts memory says when it is too much, and where the rest may go. @thread any */
struct spill_policy {
    /* Bytes that are to leave memory; 0 = none. Cheap: asked for every chunk. */
    size_t (*excess)(struct spill_policy *policy);
    /* The file, referenced for the caller; NULL in *out: there is no place for one. */
    laminar_status (*file)(struct spill_policy *policy, struct spill **out,
                           struct laminar_error *err);
};

#endif
