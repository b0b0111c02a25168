/* state_core.c - see state_core.h. The heap: pieces are rounded up to size classes, carved from slabs by a bump pointer, and go to their class's free
 * list when given back (by the size that the caller names). Nothing goes back to the system before the core does, or state_core_trim is called, so
 * that a steady table neither allocates nor fragments.
 * Cost: alloc and free are a list operation; waste by rounding is at most 15 bytes or a fifth. */
#include "exec/state_core.h"
#include "base/error.h"
#include <string.h>

/* --- Heap ---------------------------------------------------------------------------------------------------------------------------- */

/* Class number and its size; above 1024: 1280, 1536, 1792, 2048, 2560 ... 32768. */
static size_t size_class(size_t size, size_t *class_size)
{
    if (size <= HEAP_SMALL_MAX) {
        size_t grains = size ? (size + HEAP_GRAIN - 1) / HEAP_GRAIN : 1;
        *class_size = grains * HEAP_GRAIN;
        return grains;
    }
    /* 2^top < size <= 2^(top+1), top >= 10 */
    unsigned top = 63 - (unsigned)__builtin_clzll(size - 1);
    size_t step = (size_t)1 << (top - 2);
    size_t k = (size - ((size_t)1 << top) + step - 1) / step; /* 1..4 */
    *class_size = ((size_t)1 << top) + k * step;
    return HEAP_SMALL_MAX / HEAP_GRAIN + (top - 10) * 4 + k;
}

static struct state_core *core_of(struct agg_heap *heap)
{
    return CONTAINER_OF(heap, struct state_core, heap);
}

static void charge(struct state_core *core, int64_t bytes)
{
    core->held_bytes = (size_t)((int64_t)core->held_bytes + bytes);
    mem_account_add(core->account, bytes);
}

static void *alloc_large(struct state_core *core, size_t size)
{
    size_t total;
    if (!size_add(size, sizeof(struct heap_large), &total)) return NULL;
    struct heap_large *piece = mem_alloc_aligned(total);
    if (!piece) return NULL;
    *piece = (struct heap_large){.next = core->large, .size = total};
    if (core->large) core->large->prev = piece;
    core->large = piece;
    charge(core, (int64_t)total);
    return piece + 1;
}

static void *carve(struct state_core *core, size_t size)
{
    if ((size_t)(core->bump_end - core->bump) < size) {
        size_t slab_size = core->slabs ? core->slabs->size * 2 : HEAP_SLAB_MIN;
        if (slab_size > HEAP_SLAB_MAX) slab_size = HEAP_SLAB_MAX;
        while (slab_size < size + sizeof(struct heap_slab)) slab_size *= 2;
        struct heap_slab *slab = mem_alloc_aligned(slab_size);
        if (!slab) return NULL;
        *slab = (struct heap_slab){.next = core->slabs, .size = slab_size};
        core->slabs = slab;
        core->bump = (uint8_t *)slab + sizeof *slab;
        core->bump_end = (uint8_t *)slab + slab_size;
        charge(core, (int64_t)slab_size);
    }
    void *piece = core->bump;
    core->bump += size;
    return piece;
}
static_assert(sizeof(struct heap_slab) % 16 == 0 && sizeof(struct heap_large) % 16 == 0,
              "pieces are 16-byte aligned");

static void *heap_alloc(struct agg_heap *heap, size_t size)
{
    struct state_core *core = core_of(heap);
    if (core->limbo_n) state_core_drain(core);
    if (size > HEAP_CLASS_MAX) return alloc_large(core, size);
    size_t class_size, cls = size_class(size, &class_size);
    struct heap_free_piece *piece = core->free_lists[cls];
    if (piece)
        core->free_lists[cls] = piece->next;
    else if (!(piece = carve(core, class_size)))
        return NULL;
    core->used_bytes += class_size;
    return piece;
}

static void release_piece(struct state_core *core, void *ptr, size_t size)
{
    if (size > HEAP_CLASS_MAX) {
        struct heap_large *piece = (struct heap_large *)ptr - 1;
        if (piece->prev)
            piece->prev->next = piece->next;
        else
            core->large = piece->next;
        if (piece->next) piece->next->prev = piece->prev;
        charge(core, -(int64_t)piece->size);
        mem_free(piece);
        return;
    }
    size_t class_size, cls = size_class(size, &class_size);
    struct heap_free_piece *piece = ptr;
    piece->next = core->free_lists[cls];
    core->free_lists[cls] = piece;
    core->used_bytes -= class_size;
}

static bool limbo_grow(struct state_core *core)
{
    size_t capacity = core->limbo_capacity ? core->limbo_capacity * 2 : 64;
    struct limbo_entry *ring = mem_alloc(capacity * sizeof *ring);
    if (!ring) return false;
    for (size_t i = 0; i < core->limbo_n; i++)
        ring[i] = core->limbo[(core->limbo_first + i) & (core->limbo_capacity - 1)];
    mem_free(core->limbo);
    core->limbo = ring;
    core->limbo_capacity = capacity;
    core->limbo_first = 0;
    return true;
}

static void heap_free(struct agg_heap *heap, void *ptr, size_t size)
{
    if (!ptr) return;
    struct state_core *core = core_of(heap);
    if (likely(atomic_load_explicit(&core->oldest_held, memory_order_acquire) == UINT64_MAX)) {
        if (core->limbo_n) state_core_drain(core);
        release_piece(core, ptr, size);
        return;
    }
    /* When limbo can't grow, the piece is only given back with the core. */
    if (core->limbo_n == core->limbo_capacity && !limbo_grow(core)) return;
    core->limbo[(core->limbo_first + core->limbo_n++) & (core->limbo_capacity - 1)] =
        (struct limbo_entry){.ptr = ptr, .size = size, .epoch = core->epoch};
}

void state_core_drain(struct state_core *core)
{
    uint64_t oldest = atomic_load_explicit(&core->oldest_held, memory_order_acquire);
    while (core->limbo_n) {
        struct limbo_entry *entry = &core->limbo[core->limbo_first];
        if (entry->epoch >= oldest) break;
        release_piece(core, entry->ptr, entry->size);
        core->limbo_first = (core->limbo_first + 1) & (core->limbo_capacity - 1);
        core->limbo_n--;
    }
}

void state_core_trim(struct state_core *core)
{
    state_core_drain(core);
    if (core->used_bytes || core->limbo_n) return;
    size_t bytes = 0;
    for (struct heap_slab *slab = core->slabs, *next; slab; slab = next) {
        next = slab->next;
        bytes += slab->size;
        mem_free(slab);
    }
    core->slabs = NULL;
    core->bump = core->bump_end = NULL;
    memset(core->free_lists, 0, sizeof core->free_lists);
    charge(core, -(int64_t)bytes);
}

/* --- Core ------------------------------------------------------------------------------------------------------------------------------ */

laminar_status state_core_create(struct mem_account *account, struct state_core **out,
                                 struct laminar_error *err)
{
    struct state_core *core = mem_calloc(1, sizeof *core);
    if (!core) return error_oom(err);
    core->heap = (struct agg_heap){.alloc = heap_alloc, .free = heap_free};
    core->account = account;
    atomic_init(&core->refs, 1);
    atomic_init(&core->oldest_held, UINT64_MAX);
    mutex_init(&core->lock);
    *out = core;
    return LAMINAR_OK;
}

void state_core_unref(struct state_core *core)
{
    if (!core || atomic_fetch_sub_explicit(&core->refs, 1, memory_order_acq_rel) != 1) return;
    for (struct heap_slab *slab = core->slabs, *next; slab; slab = next) {
        next = slab->next;
        mem_free(slab);
    }
    for (struct heap_large *piece = core->large, *next; piece; piece = next) {
        next = piece->next;
        mem_free(piece);
    }
    mem_account_add(core->account, -(int64_t)core->held_bytes);
    mem_free(core->limbo);
    mutex_deinit(&core->lock);
    mem_free(core);
}

/* Under the lock. */
static void update_oldest(struct state_core *core)
{
    uint64_t oldest = UINT64_MAX;
    for (struct state_snapshot *s = core->held; s; s = s->next)
        if (s->epoch < oldest) oldest = s->epoch;
    /* pairs with the acquire in heap_free */
    atomic_store_explicit(&core->oldest_held, oldest, memory_order_release);
}

void state_snapshot_enter(struct state_snapshot *snapshot, const struct state_class *cls,
                          struct state_core *core)
{
    atomic_fetch_add_explicit(&core->refs, 1, memory_order_relaxed);
    mutex_lock(&core->lock);
    *snapshot = (struct state_snapshot){
        .cls = cls, .core = core, .epoch = ++core->epoch, .next = core->held};
    if (core->held) core->held->prev = snapshot;
    core->held = snapshot;
    update_oldest(core);
    mutex_unlock(&core->lock);
}

void state_snapshot_leave(struct state_snapshot *snapshot)
{
    struct state_core *core = snapshot->core;
    mutex_lock(&core->lock);
    if (snapshot->prev)
        snapshot->prev->next = snapshot->next;
    else
        core->held = snapshot->next;
    if (snapshot->next) snapshot->next->prev = snapshot->prev;
    update_oldest(core);
    mutex_unlock(&core->lock);
    state_core_unref(core);
}

/* --- Pages ------------------------------------------------------------------------------------------------------------------------------- */

static struct state_page *page_open(void *memory, struct page_slab *slab,
                                    struct mem_account *account, size_t size)
{
    struct state_page *page = memory;
    atomic_init(&page->refs, 1);
    page->size = (uint32_t)size;
    page->account = account;
    page->slab = slab;
    mem_account_add(account, (int64_t)(sizeof *page + size));
    return page;
}

struct state_page *state_page_create(struct mem_account *account, size_t size)
{
    void *memory = mem_alloc_aligned(sizeof(struct state_page) + size);
    return memory ? page_open(memory, NULL, account, size) : NULL;
}

void page_slab_unref(struct page_slab *slab)
{
    if (slab && atomic_fetch_sub_explicit(&slab->refs, 1, memory_order_acq_rel) == 1)
        mem_free(slab);
}

struct state_page *state_page_cut(struct page_slab **slab, struct mem_account *account, size_t size)
{
    size_t total = (sizeof(struct state_page) + size + 63) & ~(size_t)63;
    if (total > PAGE_SLAB_BYTES / 8) return state_page_create(account, size);
    if (!*slab || (*slab)->used + total > PAGE_SLAB_BYTES) {
        struct page_slab *next = mem_alloc_huge(PAGE_SLAB_BYTES);
        if (!next) return NULL;
        atomic_init(&next->refs, 1);
        next->used = sizeof *next;
        page_slab_unref(*slab);
        *slab = next;
    }
    void *memory = (char *)*slab + (*slab)->used;
    (*slab)->used += (uint32_t)total;
    atomic_fetch_add_explicit(&(*slab)->refs, 1, memory_order_relaxed);
    return page_open(memory, *slab, account, size);
}

void state_page_unref(struct state_page *page)
{
    if (!page || atomic_fetch_sub_explicit(&page->refs, 1, memory_order_acq_rel) != 1) return;
    mem_account_add(page->account, -(int64_t)(sizeof *page + page->size));
    if (page->slab)
        page_slab_unref(page->slab);
    else
        mem_free(page);
}
