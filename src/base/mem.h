/* mem.h - memory by lifetime: the heap (counted, and made to fail by tests), and arenas that are reset, not freed.
 *
 * Every allocation of the library goes through mem_alloc & co. They return NULL when memory is out; the caller passes error_oom up.
 * @thread any, for the heap functions. An arena belongs to one thread at a time. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t size) __attribute__((malloc));
void *mem_calloc(size_t count, size_t size) __attribute__((malloc)); /* checks the product */
void *mem_realloc(void *ptr, size_t size);
void mem_free(void *ptr);
/* 64-byte aligned, for vector data; freed with mem_free too. */
void *mem_alloc_aligned(size_t size);
/* 4096-byte aligned, for files past the system's cache */
void *mem_alloc_pages(size_t size);
/* For large blocks that live long and are read at random: from 2 MiB on aligned to that, and on huge pages where the system has them to give. */
void *mem_alloc_huge(size_t size);
/* zeroed, and fresh pages are not touched for it; not aligned */
void *mem_calloc_huge(size_t size);
/* Zeroed pages of their own, of which parts can be given back and are zero when they are touched again; from mem_map to mem_unmap alone. */
void *mem_map(size_t size) __attribute__((malloc));
void mem_unmap(void *ptr, size_t size); /* NULL is fine */
/* both multiples of the page size, 4096 */
void mem_discard(void *ptr, size_t size);
char *mem_strdup(const char *text);
char *mem_strndup(const char *text, size_t size);

/* Says that ptr lives as long as the process: it counts as live no more. It must not be freed. */
void mem_keep_for_ever(void *ptr);

/* Number of heap allocations so far (all threads): tests assert that a steady step adds none. */
uint64_t mem_allocation_count(void);
/* Allocations not yet freed. */
int64_t mem_live_count(void);
/* Test hook: the n-th allocation from now fails (once, or from then on); 0 switches it off. */
void mem_fail_after(uint64_t n, bool and_all_after);

/* size_mul/size_add: false on overflow. */
static inline bool size_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

/* Bytes held by one owner (a database, a stream): what memory limits and `state_bytes` read. Atomic. */
struct mem_account {
    _Atomic int64_t bytes;
    _Atomic int64_t peak_bytes;
    struct mem_account *parent; /* also charged; may be NULL */
};
/* negative to give back; account may be NULL */
void mem_account_add(struct mem_account *account, int64_t bytes);

/* Arena: bump allocation out of growing blocks. Zero-initialised is a valid empty arena. */
struct arena_block;
struct arena_cleanup;
struct arena {
    struct arena_block *head; /* the block in use; older ones behind it */
    uint8_t *next;
    uint8_t *end;
    size_t used_bytes;              /* handed out since init/reset */
    size_t block_bytes;             /* in blocks, held from the heap */
    struct arena_cleanup *cleanups; /* what to call on reset and deinit, newest first */
};
/* 16-byte aligned; NULL when memory is out. Contents undefined. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_calloc(struct arena *arena, size_t count, size_t size);
char *arena_strndup(struct arena *arena, const char *text, size_t size); /* zero-terminated */
char *arena_printf(struct arena *arena, const char *format, ...) printf_like(2, 3);
/* For what the arena's objects hold besides its memory: release(object) is called by the next arena_reset or arena_deinit. False when
 * memory is out: nothing was noted, the caller releases. */
bool arena_on_release(struct arena *arena, void (*release)(void *object), void *object) must_check;
/* Forgets all, keeps the largest block: the next round of the same size allocates nothing. */
void arena_reset(struct arena *arena);
/* Frees all blocks; the arena is empty and usable. */
void arena_deinit(struct arena *arena);
#define ARENA_NEW(arena, type) ((type *)arena_calloc((arena), 1, sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_calloc((arena), (count), sizeof(type)))

#endif
