/* state_core.h - what a state table shares with its snapshots: the count of freezes, the list of snapshots that are still held, the heap for strings
 * and aggregate states, and reference-counted pages.
 *
 * Epochs: the k-th freeze of a table makes snapshot k. Memory given back after freeze k may still be read by the snapshots 1..k that are
 * held, so it waits in limbo until the oldest held snapshot is younger than that. The core is reference-counted: snapshots keep it (and so all heap
 * memory) alive after the table is gone.
 * @thread the step owner, except state_core_unref, state_snapshot_leave and state_page_unref: any. */
#ifndef EXEC_STATE_CORE_H
#define EXEC_STATE_CORE_H

#include "base/array.h"
#include "base/thread.h"
#include "exec/state.h"
#include <stdatomic.h>

enum {
    HEAP_GRAIN = 16,
    HEAP_SMALL_MAX = 1024, /* classes of 16 bytes up to here */
    /* then four classes a doubling; larger pieces are allocations of their own */
    HEAP_CLASS_MAX = 32768,
    HEAP_CLASSES = HEAP_SMALL_MAX / HEAP_GRAIN + 4 * 5 + 1,
    HEAP_SLAB_MIN = 4096,
    HEAP_SLAB_MAX = 65536,
    HEAP_IDLE_MAX = 1 << 20
};

struct heap_free_piece {
    struct heap_free_piece *next;
};
struct heap_slab {
    struct heap_slab *next;
    size_t size;
};
struct heap_large { /* in front of a large piece */
    struct heap_large *next, *prev;
    size_t size;
    size_t pad;
};
struct limbo_entry {
    void *ptr;
    size_t size;
    uint64_t epoch; /* freezes so far when it was given back */
};

struct state_core {
    struct agg_heap heap; /* first: heap call-backs get its address */
    _Atomic uint32_t refs;
    struct mem_account *account;
    uint64_t epoch;    /* freezes so far */
    struct mutex lock; /* of `held` */
    struct state_snapshot *held;
    /* least epoch of a held snapshot; UINT64_MAX = none. Written under `lock`, release; read acquire. */
    _Atomic uint64_t oldest_held;
    /* heap */
    struct heap_free_piece *free_lists[HEAP_CLASSES];
    struct heap_slab *slabs;
    uint8_t *bump, *bump_end;
    struct heap_large *large;
    struct limbo_entry *limbo; /* ring, oldest first */
    size_t limbo_capacity, limbo_first, limbo_n;
    size_t used_bytes; /* handed out, rounded to classes */
    size_t held_bytes; /* from the system */
};

/* Head of every snapshot. */
struct state_snapshot {
    const struct state_class *cls;
    struct state_core *core; /* referenced */
    uint64_t epoch;
    struct state_snapshot *prev, *next;
};

laminar_status state_core_create(struct mem_account *account, struct state_core **out,
                                 struct laminar_error *err) must_check;
void state_core_unref(struct state_core *core);
/* Enters a snapshot as the next epoch; leave drops the reference too. */
void state_snapshot_enter(struct state_snapshot *snapshot, const struct state_class *cls,
                          struct state_core *core);
void state_snapshot_leave(struct state_snapshot *snapshot);
/* True when a held snapshot may see what was made at or before `epoch`... and not yet given back. */
static inline bool state_core_is_seen(const struct state_core *core, uint64_t made_epoch)
{
    uint64_t oldest = atomic_load_explicit(&((struct state_core *)(uintptr_t)core)->oldest_held,
                                           memory_order_acquire);
    if (oldest == UINT64_MAX) return false;
    return made_epoch < core->epoch; /* made before the newest freeze, and some snapshot is held */
}
/* Gives limbo pieces back that no snapshot reads any more. */
void state_core_drain(struct state_core *core);
/* Gives the heap's slabs back to the system, if nothing in them is in use. */
void state_core_trim(struct state_core *core);
/* So much of the heap is unused that it is worth emptying: it gives nothing back while anything in it is in use. */
static inline bool state_core_is_idle(const struct state_core *core)
{
    size_t idle = core->held_bytes - core->used_bytes;
    return idle >= HEAP_IDLE_MAX && idle >= core->held_bytes / 2;
}

static inline void *state_heap_alloc(struct state_core *core, size_t size)
{
    return core->heap.alloc(&core->heap, size);
}
static inline void state_heap_free(struct state_core *core, void *ptr, size_t size)
{
    core->heap.free(&core->heap, ptr, size);
}

/* --- Pages ------------------------------------------------------------------------------------------------------------------------- */
/* Pages of large tables are cut from slabs of a huge page each, which are freed with their last page. */
struct page_slab {
    _Atomic uint32_t refs; /* pages, and the table that cuts from it */
    uint32_t used;         /* bytes, this head included */
    char pad[56];
};
enum { PAGE_SLAB_BYTES = 2 << 20, PAGE_SLAB_FROM = 16 /* pages that a table has by itself */ };
struct state_page {
    _Atomic uint32_t refs; /* table + snapshots */
    uint32_t size;         /* of data */
    struct mem_account *account;
    struct page_slab *slab; /* NULL: an allocation of its own */
    char pad[40];
    uint8_t data[];
};
static_assert(sizeof(struct state_page) == 64 && sizeof(struct page_slab) == 64,
              "page data is cache-line aligned");
/* contents undefined; NULL when memory is out */
struct state_page *state_page_create(struct mem_account *account, size_t size);
/* The same from *slab, which is replaced when it is full. */
struct state_page *state_page_cut(struct page_slab **slab, struct mem_account *account,
                                  size_t size);
void page_slab_unref(struct page_slab *slab); /* NULL is fine */
void state_page_unref(struct state_page *page);

#endif
