/* cold_array.h - an array that keeps its address while segments of it are in a file: the hash index of a table of rows that doesn't fit into memory.
 *
 * A segment that is not there reads as zeros, so whoever reads or writes one says so first (cold_array_want). Segments that were never written are
 * zeros and take no room. What was wanted since the last cold_array_relax stays.
 * Cost: a segment that leaves is a write and a call to the system; 40 bytes of memory a segment of 4 KiB.
 * @thread the step owner. */
#ifndef EXEC_COLD_ARRAY_H
#define EXEC_COLD_ARRAY_H

#include "exec/spill.h"
#include "exec/state.h"
#include "exec/use_list.h"

enum { COLD_SEGMENT_SHIFT = 12, COLD_SEGMENT_BYTES = 1 << COLD_SEGMENT_SHIFT };

struct cold_segment {
    struct spill_shared *piece; /* its bytes in the file; NULL: none, or older ones */
    struct use_link use;        /* stamp 0: not in memory */
};
struct cold_array {
    uint8_t *memory;
    size_t bytes; /* a multiple of segments */
    struct cold_segment *segments;
    struct use_list use;
    uint64_t clock;
    struct state *owner; /* is charged */
    size_t held_bytes;   /* in memory */
};

laminar_status cold_array_create(struct state *owner, size_t bytes, struct cold_array **out,
                                 struct laminar_error *err) must_check;
void cold_array_free(struct cold_array *array); /* NULL is fine */
/* The segment of byte `at` is in memory until the next relax. for_write: its bytes in the file no longer count. */
laminar_status cold_array_want(struct cold_array *array, size_t at, bool for_write,
                               struct laminar_error *err) must_check;
static inline void cold_array_relax(struct cold_array *array) { array->clock++; }
/* The round of the last use of what was used least recently, of what may leave; UINT64_MAX: nothing may. */
static inline uint64_t cold_array_oldest(const struct cold_array *array)
{
    uint32_t i = array->use.last;
    uint64_t stamp = i == USE_NONE ? UINT64_MAX : array->segments[i].use.stamp;
    return stamp < array->clock ? stamp : UINT64_MAX;
}
/* That one leaves. On failure it stays. */
laminar_status cold_array_evict(struct cold_array *array, struct spill *spill, size_t *freed,
                                struct laminar_error *err) must_check;

#endif
