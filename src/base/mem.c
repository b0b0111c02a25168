/* mem.c - see mem.h. The counters are relaxed atomics: they are read by tests and metrics when nothing else runs. */
#include "base/mem.h"
#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static _Atomic uint64_t allocation_count;
static _Atomic int64_t live_count;
/* 0 = off; else the number of allocations until one fails. Test hook. */
static _Atomic uint64_t fail_countdown;
static _Atomic bool fail_all_after;

static bool must_fail(void)
{
    if (likely(atomic_load_explicit(&fail_countdown, memory_order_relaxed) == 0)) return false;
    uint64_t left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
    if (left > 1) {
        atomic_store_explicit(&fail_countdown, left - 1, memory_order_relaxed);
        return false;
    }
    if (!atomic_load_explicit(&fail_all_after, memory_order_relaxed))
        atomic_store_explicit(&fail_countdown, 0, memory_order_relaxed);
    return true;
}

static void *counted(void *ptr)
{
    if (ptr) {
        atomic_fetch_add_explicit(&allocation_count, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&live_count, 1, memory_order_relaxed);
    }
    return ptr;
}

void *mem_alloc(size_t size) { return must_fail() ? NULL : counted(malloc(size ? size : 1)); }

void *mem_calloc(size_t count, size_t size)
{
    size_t total;
    if (!size_mul(count, size, &total) || must_fail()) return NULL;
    return counted(calloc(1, total ? total : 1));
}

void *mem_realloc(void *ptr, size_t size)
{
    if (!ptr) return mem_alloc(size);
    if (must_fail()) return NULL;
    atomic_fetch_add_explicit(&allocation_count, 1, memory_order_relaxed);
    return realloc(ptr, size ? size : 1);
}

void mem_free(void *ptr)
{
    if (!ptr) return;
    atomic_fetch_sub_explicit(&live_count, 1, memory_order_relaxed);
    free(ptr);
}

void *mem_alloc_aligned(size_t size)
{
    void *ptr = NULL;
    if (must_fail() || posix_memalign(&ptr, 64, size ? size : 1) != 0) return NULL;
    return counted(ptr);
}

void *mem_alloc_pages(size_t size)
{
    void *ptr = NULL;
    if (must_fail() || posix_memalign(&ptr, 4096, size) != 0) return NULL;
    return counted(ptr);
}

enum { HUGE_PAGE = 2 << 20 };
void *mem_alloc_huge(size_t size)
{
    void *ptr = NULL;
    if (size < HUGE_PAGE) return mem_alloc_aligned(size);
    if (must_fail() || posix_memalign(&ptr, HUGE_PAGE, size) != 0) return NULL;
    /* a hint: whether it is taken makes no difference but in speed */
    madvise(ptr, size, MADV_HUGEPAGE);
    return counted(ptr);
}

void *mem_calloc_huge(size_t size)
{
    void *ptr = mem_calloc(1, size);
    if (!ptr || size < 2 * HUGE_PAGE) return ptr;
    uintptr_t from = ((uintptr_t)ptr + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1),
              to = ((uintptr_t)ptr + size) & ~(uintptr_t)(HUGE_PAGE - 1);
    if (to > from) madvise((void *)from, to - from, MADV_HUGEPAGE);
    return ptr;
}

void *mem_map(size_t size)
{
    if (must_fail()) return NULL;
    void *ptr = mmap(NULL, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (ptr == MAP_FAILED) return NULL;
    madvise(ptr, size, MADV_NOHUGEPAGE); /* what is given back stays away */
    return counted(ptr);
}

void mem_unmap(void *ptr, size_t size)
{
    if (!ptr) return;
    atomic_fetch_sub_explicit(&live_count, 1, memory_order_relaxed);
    munmap(ptr, size);
}

void mem_discard(void *ptr, size_t size) { madvise(ptr, size, MADV_DONTNEED); }

char *mem_strndup(const char *text, size_t size)
{
    char *copy = mem_alloc(size + 1);
    if (!copy) return NULL;
    memcpy(copy, text, size);
    copy[size] = 0;
    return copy;
}

char *mem_strdup(const char *text) { return mem_strndup(text, strlen(text)); }

void mem_keep_for_ever(void *ptr)
{
    if (ptr) atomic_fetch_sub_explicit(&live_count, 1, memory_order_relaxed);
}

uint64_t mem_allocation_count(void)
{
    return atomic_load_explicit(&allocation_count, memory_order_relaxed);
}
int64_t mem_live_count(void) { return atomic_load_explicit(&live_count, memory_order_relaxed); }

void mem_fail_after(uint64_t n, bool and_all_after)
{
    atomic_store_explicit(&fail_all_after, and_all_after, memory_order_relaxed);
    atomic_store_explicit(&fail_countdown, n, memory_order_relaxed);
}

void mem_account_add(struct mem_account *account, int64_t bytes)
{
    for (; account; account = account->parent) {
        int64_t now = atomic_fetch_add_explicit(&account->bytes, bytes, memory_order_relaxed) +
                      bytes;
        int64_t peak = atomic_load_explicit(&account->peak_bytes, memory_order_relaxed);
        while (now > peak && !atomic_compare_exchange_weak_explicit(&account->peak_bytes, &peak,
                                                                    now, memory_order_relaxed,
                                                                    memory_order_relaxed)) {}
    }
}

/* --- Arena ------------------------------------------------------------------------------------------------------------- */

enum { ARENA_ALIGN = 16, ARENA_BLOCK_MIN = 4096, ARENA_BLOCK_MAX = 1 << 20 };

struct arena_block {
    struct arena_block *older;
    size_t size; /* usable bytes behind the header */
};
enum { BLOCK_HEADER = (sizeof(struct arena_block) + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN };

static uint8_t *block_data(struct arena_block *block) { return (uint8_t *)block + BLOCK_HEADER; }

static bool arena_add_block(struct arena *arena, size_t size)
{
    size_t wanted = arena->head ? arena->head->size * 2 : ARENA_BLOCK_MIN;
    if (wanted > ARENA_BLOCK_MAX) wanted = ARENA_BLOCK_MAX;
    if (wanted < size) wanted = size;
    size_t total;
    if (!size_add(wanted, BLOCK_HEADER, &total)) return false;
    struct arena_block *block = mem_alloc(total);
    if (!block) return false;
    block->older = arena->head;
    block->size = wanted;
    arena->head = block;
    arena->next = block_data(block);
    arena->end = arena->next + wanted;
    arena->block_bytes += total;
    return true;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t rounded;
    if (!size_add(size, ARENA_ALIGN - 1, &rounded)) return NULL;
    rounded &= ~(size_t)(ARENA_ALIGN - 1);
    if (unlikely(rounded > (size_t)(arena->end - arena->next) || !arena->next)) {
        if (!arena_add_block(arena, rounded)) return NULL;
    }
    void *ptr = arena->next;
    arena->next += rounded;
    arena->used_bytes += rounded;
    return ptr;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (!size_mul(count, size, &total)) return NULL;
    void *ptr = arena_alloc(arena, total);
    if (ptr) memset(ptr, 0, total);
    return ptr;
}

char *arena_strndup(struct arena *arena, const char *text, size_t size)
{
    char *copy = arena_alloc(arena, size + 1);
    if (!copy) return NULL;
    memcpy(copy, text, size);
    copy[size] = 0;
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = n < 0 ? NULL : arena_alloc(arena, (size_t)n + 1);
    if (text) vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

struct arena_cleanup { /* in the arena itself */
    struct arena_cleanup *next;
    void (*release)(void *object);
    void *object;
};

bool arena_on_release(struct arena *arena, void (*release)(void *object), void *object)
{
    struct arena_cleanup *cleanup = arena_alloc(arena, sizeof *cleanup);
    if (!cleanup) return false;
    *cleanup = (struct arena_cleanup){arena->cleanups, release, object};
    arena->cleanups = cleanup;
    return true;
}

static void run_cleanups(struct arena *arena)
{
    struct arena_cleanup *cleanup = arena->cleanups;
    arena->cleanups = NULL;
    for (; cleanup; cleanup = cleanup->next) cleanup->release(cleanup->object);
}

void arena_reset(struct arena *arena)
{
    run_cleanups(arena);
    arena->used_bytes = 0;
    if (!arena->head) return;
    struct arena_block *keep = arena->head;
    for (struct arena_block *b = arena->head; b; b = b->older)
        if (b->size > keep->size) keep = b;
    for (struct arena_block *b = arena->head, *older; b; b = older) {
        older = b->older;
        if (b != keep) mem_free(b);
    }
    keep->older = NULL;
    arena->head = keep;
    arena->next = block_data(keep);
    arena->end = arena->next + keep->size;
    arena->block_bytes = keep->size + BLOCK_HEADER;
}

void arena_deinit(struct arena *arena)
{
    run_cleanups(arena);
    for (struct arena_block *b = arena->head, *older; b; b = older) {
        older = b->older;
        mem_free(b);
    }
    *arena = (struct arena){0};
}
