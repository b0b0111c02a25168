/* state_hash_cold.c - see state_hash_cold.h: making a table cold, reading its pages back, and giving up what was used least recently. */
#include "exec/state_hash_cold.h"
#include "base/error.h"
#include <string.h>

enum { COLD_TABLE_MIN = 1 << 20 /* smaller tables stay in memory, unless all has to go */ };

/* --- Order of use ---------------------------------------------------------------------------------------------------------------------- */

static void remove_from_use(struct hash_cold *c, size_t i)
{
    use_remove(&c->page_use, &c->pages->use, sizeof *c->pages, (uint32_t)i);
}

static void use_page(struct hash_cold *c, size_t i, uint64_t stamp)
{
    use_touch(&c->page_use, &c->pages->use, sizeof *c->pages, (uint32_t)i, stamp);
}

/* --- Pages ------------------------------------------------------------------------------------------------------------------------------- */

static size_t rows_bytes(const struct state_hash *t)
{
    return (size_t)t->layout->row_bytes << t->layout->page_shift;
}
static size_t page_bytes(const struct state_hash *t, const struct cold_page *page)
{
    return sizeof(struct state_page) + (page->is_part ? rows_bytes(t) : page->page->size);
}

bool cold_reserve(struct state_hash *t, size_t capacity)
{
    struct hash_cold *c = t->cold;
    struct cold_page *grown = mem_realloc(c->pages, capacity * sizeof *grown);
    if (!grown) return false;
    memset(grown + t->pages_capacity, 0, (capacity - t->pages_capacity) * sizeof *grown);
    c->pages = grown;
    return true;
}

void cold_page_added(struct state_hash *t, size_t i, struct state_page *page)
{
    struct hash_cold *c = t->cold;
    c->pages[i] = (struct cold_page){.page = page};
    c->resident_bytes += page_bytes(t, &c->pages[i]);
    use_page(c, i, c->clock);
}

void cold_forget_piece(struct state_hash *t, size_t i)
{
    struct cold_page *page = &t->cold->pages[i];
    if (!page->piece) return;
    t->base.spilled_bytes -= page->piece->piece.size;
    hash_charge(t, -(int64_t)sizeof *page->piece);
    spill_shared_unref(page->piece);
    page->piece = NULL;
}

static laminar_status load_page(struct state_hash *t, size_t i, struct laminar_error *err)
{
    struct hash_cold *c = t->cold;
    struct cold_page *page = &c->pages[i];
    size_t size = page->piece->piece.size;
    strbuf_clear(&c->buf);
    if (!strbuf_reserve(&c->buf, size)) return error_oom(err);
    laminar_status status = spill_read(page->piece->spill, &page->piece->piece, c->buf.data, err);
    if (status != LAMINAR_OK) return status;
    c->buf.size = size;
    status = hash_page_decode(t, i, &c->buf, &page->page, err);
    if (status != LAMINAR_OK) return status;
    page->is_part = false;
    t->pages[i] = (uintptr_t)page->page->data | 1; /* the piece has the same bytes */
    c->resident_bytes += page_bytes(t, page);
    use_page(c, i, c->clock);
    return LAMINAR_OK;
}

laminar_status cold_want(struct state_hash *t, uint64_t slot, struct laminar_error *err)
{
    struct hash_cold *c = t->cold;
    size_t i = (size_t)(slot >> t->layout->page_shift);
    if (unlikely(!t->pages[i])) return load_page(t, i, err);
    if (c->pages[i].use.stamp != c->clock) use_page(c, i, c->clock);
    return LAMINAR_OK;
}

/* Long strings that stand in the page itself follow it to its copy. */
static void move_strings(const struct state_hash *t, size_t i, const uint8_t *from, size_t size,
                         uint8_t *to)
{
    const struct hash_layout *layout = t->layout;
    uint64_t first = (uint64_t)i << layout->page_shift, n = (uint64_t)1 << layout->page_shift;
    for (uint64_t s = first; s < first + n; s++) {
        if (!slot_is_live(t, s)) continue;
        for (uint32_t k = 0; k < layout->n_keys; k++) {
            struct string_view view;
            uint8_t *at = to + (s - first) * layout->row_bytes;
            if (!hash_key_long(layout, at, k, &view)) continue;
            if ((uintptr_t)view.ptr - (uintptr_t)from >= size) continue;
            view.ptr = (const char *)to + (view.ptr - (const char *)from);
            memcpy(at + layout->keys[k].offset, &view, sizeof view);
        }
    }
}

bool cold_unshare(struct state_hash *t, size_t i)
{
    struct hash_cold *c = t->cold;
    struct cold_page *page = &c->pages[i];
    uint8_t *data = (uint8_t *)(t->pages[i] & ~(uintptr_t)1);
    if (page->is_part || atomic_load_explicit(&page->page->refs, memory_order_acquire) > 1) {
        size_t size = page->is_part ? rows_bytes(t) : page->page->size;
        struct state_page *copy = state_page_create(t->base.account, size);
        if (!copy) return false;
        memcpy(copy->data, data, size);
        if (t->layout->has_strings && !page->is_part) move_strings(t, i, data, size, copy->data);
        state_page_unref(page->page);
        page->page = copy;
        page->is_part = false;
    }
    cold_forget_piece(t, i);
    t->pages[i] = (uintptr_t)page->page->data;
    t->versions[i] = t->core->epoch;
    return true;
}

/* What rows of a page that leaves have elsewhere in memory. */
static void free_outside(struct state_hash *t, size_t i)
{
    const struct hash_layout *layout = t->layout;
    uint64_t first = (uint64_t)i << layout->page_shift, n = (uint64_t)1 << layout->page_shift;
    if (!layout->has_strings && !t->options.destroy) return;
    for (uint64_t s = first; s < first + n; s++) {
        if (!slot_is_live(t, s)) continue;
        uint8_t *row = row_at(t, s);
        if (layout->has_strings) hash_free_strings(t, s);
        if (t->options.destroy)
            t->options.destroy(t->options.ctx, &t->core->heap, row + layout->payload_offset);
    }
}

static laminar_status evict_page(struct state_hash *t, size_t i, size_t *freed,
                                 struct laminar_error *err)
{
    struct hash_cold *c = t->cold;
    struct cold_page *page = &c->pages[i];
    if (!page->piece) {
        strbuf_clear(&c->buf);
        laminar_status status = hash_page_encode(t, i, &c->buf, err);
        if (status == LAMINAR_OK)
            status = spill_share(c->spill, c->buf.data, c->buf.size, &page->piece, err);
        if (status != LAMINAR_OK) return status;
        t->base.spilled_bytes += page->piece->piece.size;
        hash_charge(t, (int64_t)sizeof *page->piece);
    }
    free_outside(t, i);
    size_t bytes = page_bytes(t, page);
    c->resident_bytes -= bytes;
    *freed += bytes;
    state_page_unref(page->page);
    page->page = NULL;
    t->pages[i] = 0;
    remove_from_use(c, i);
    return LAMINAR_OK;
}

/* Until `want` bytes are free, or all that isn't pinned has gone. */
static laminar_status evict(struct state_hash *t, size_t want, size_t *freed,
                            struct laminar_error *err)
{
    struct hash_cold *c = t->cold;
    while (*freed < want) {
        uint32_t page = c->page_use.last, bucket = c->bucket_use.last;
        uint64_t page_stamp = page == COLD_NONE ? UINT64_MAX : c->pages[page].use.stamp;
        uint64_t bucket_stamp = bucket == COLD_NONE ? UINT64_MAX : c->buckets[bucket].use.stamp;
        if (page_stamp >= c->clock && bucket_stamp >= c->clock) break;
        laminar_status status = page_stamp <= bucket_stamp
                                    ? evict_page(t, page, freed, err)
                                    : cold_evict_bucket(t, bucket, freed, err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

/* --- Becoming cold, and warm again ------------------------------------------------------------------------------------------------------- */

static struct hash_layout *small_layout(const struct hash_layout *from)
{
    size_t bytes = sizeof *from + from->n_keys * sizeof from->keys[0];
    struct hash_layout *layout = mem_alloc(bytes);
    if (!layout) return NULL;
    memcpy(layout, from, bytes);
    atomic_init(&layout->refs, 1);
    while (layout->page_shift &&
           ((size_t)layout->row_bytes << layout->page_shift) > COLD_PAGE_BYTES)
        layout->page_shift--;
    return layout;
}

static laminar_status build_index(struct state_hash *t, struct laminar_error *err)
{
    laminar_status status = cold_index_create(t, err);
    for (uint64_t s = 0; s < t->n_slots && status == LAMINAR_OK; s++)
        if (slot_is_live(t, s)) status = cold_put(t, row_header(row_at(t, s)), s, err);
    return status;
}

static void cold_free(struct state_hash *t)
{
    struct hash_cold *c = t->cold;
    cold_index_free(t);
    hash_charge(t, -(int64_t)sizeof *c);
    spill_unref(c->spill);
    hash_layout_unref(c->warm_layout);
    mem_free(c->pages);
    strbuf_deinit(&c->buf);
    mem_free(c);
    t->cold = NULL;
}

/* Large pages are kept as what many small ones are parts of; each is copied when it is written, or leaves. */
static void split_pages(struct state_hash *t, struct hash_layout *layout, uintptr_t *pages,
                        uint64_t *versions, struct cold_page *cold_pages)
{
    struct hash_cold *c = t->cold;
    uint32_t ratio_shift = t->layout->page_shift - layout->page_shift;
    size_t n_small = (size_t)((t->n_slots + ((uint64_t)1 << layout->page_shift) - 1) >>
                              layout->page_shift),
           small_bytes = (size_t)layout->row_bytes << layout->page_shift, at = 0;
    size_t old_capacity = t->pages_capacity;
    for (size_t i = 0; i < t->n_pages; i++) {
        struct state_page *page = page_of_data(t->pages[i]);
        for (size_t k = 0; k < (size_t)1 << ratio_shift && at < n_small; k++, at++) {
            atomic_fetch_add_explicit(&page->refs, 1, memory_order_relaxed);
            pages[at] = (uintptr_t)(page->data + k * small_bytes) | 1;
            versions[at] = t->versions[i];
            cold_pages[at] = (struct cold_page){.page = page, .is_part = true};
        }
        state_page_unref(page);
    }
    page_slab_unref(t->slab);
    t->slab = NULL;
    mem_free(t->pages);
    mem_free(t->versions);
    t->pages = pages;
    t->versions = versions;
    t->n_pages = n_small;
    t->pages_capacity = old_capacity << ratio_shift;
    c->pages = cold_pages;
    c->warm_layout = t->layout;
    t->layout = layout;
    hash_charge(t, (int64_t)(t->pages_capacity * (16 + sizeof *cold_pages)) -
                       (int64_t)(old_capacity * 16));
    for (size_t i = 0; i < n_small; i++) {
        c->resident_bytes += page_bytes(t, &c->pages[i]);
        use_page(c, i, 1);
    }
}

static laminar_status enter(struct state_hash *t, struct spill *take_spill,
                            struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct hash_cold *c = mem_calloc(1, sizeof *c);
    struct hash_layout *layout = small_layout(t->layout);
    size_t capacity = layout ? t->pages_capacity << (t->layout->page_shift - layout->page_shift)
                             : 0;
    uintptr_t *pages = mem_alloc(capacity * sizeof *pages);
    uint64_t *versions = mem_alloc(capacity * sizeof *versions);
    struct cold_page *cold_pages = mem_calloc(capacity, sizeof *cold_pages);
    if (!c || !layout || !pages || !versions || !cold_pages) {
        spill_unref(take_spill);
        mem_free(c);
        c = NULL;
        TRY(error_oom(err));
    }
    c->spill = take_spill;
    c->clock = 1;
    c->page_use = c->bucket_use = (struct use_list){COLD_NONE, COLD_NONE};
    t->cold = c;
    hash_charge(t, (int64_t)sizeof *c);
    TRY(build_index(t, err));
    split_pages(t, layout, pages, versions, cold_pages);
    hash_charge(t, -(int64_t)(sizeof *t->index << t->index_bits));
    mem_free(t->index);
    t->index = NULL;
    t->index_limit = SIZE_MAX; /* buckets look after themselves */
    direct_off(t);
    c->clock++; /* nothing is pinned: whoever calls holds no row */
    return LAMINAR_OK;
done:
    if (c) cold_free(t); /* the table is as it was */
    hash_layout_unref(layout);
    mem_free(pages);
    mem_free(versions);
    mem_free(cold_pages);
    return status;
}

void cold_drop_pages(struct state_hash *t)
{
    struct hash_cold *c = t->cold;
    for (size_t i = 0; i < t->n_pages; i++) {
        cold_forget_piece(t, i);
        state_page_unref(c->pages[i].page);
    }
}

void cold_leave(struct state_hash *t)
{
    hash_charge(t, -(int64_t)hash_arrays_bytes(t) -
                       (int64_t)(t->pages_capacity * sizeof *t->cold->pages));
    mem_free(t->pages);
    mem_free(t->versions);
    mem_free(t->live);
    mem_free(t->has_free);
    t->pages = NULL;
    t->versions = t->live = t->has_free = NULL;
    t->pages_capacity = 0;
    hash_layout_unref(t->layout);
    t->layout = t->cold->warm_layout;
    t->cold->warm_layout = NULL;
    t->index_bits = 0;
    t->index_limit = 0;
    cold_free(t);
    assert(t->base.spilled_bytes == 0);
}

/* --- Public calls ------------------------------------------------------------------------------------------------------------------------- */

static laminar_status spill_some(struct state_hash *t, size_t want, size_t *freed,
                                 struct laminar_error *err)
{
    bool is_all = want == SIZE_MAX;
    struct spill *spill = NULL;
    if (!t->cold && (t->base.n_rows == 0 || (!is_all && state_bytes(&t->base) < COLD_TABLE_MIN)))
        return LAMINAR_OK;
    laminar_status status = t->options.spill->file(t->options.spill, &spill, err);
    if (status != LAMINAR_OK || !spill) return status;
    if (!t->cold) {
        if ((status = enter(t, spill, err))) return status;
    } else { /* it may be another one than before */
        spill_unref(t->cold->spill);
        t->cold->spill = spill;
    }
    status = evict(t, want, freed, err);
    if (status || !state_core_is_idle(t->core)) return status;
    /* Strings that are read back stand in their pages, so it empties for good. */
    size_t held = t->core->held_bytes;
    status = evict(t, SIZE_MAX, freed, err);
    state_core_trim(t->core);
    *freed += held - t->core->held_bytes;
    return status;
}

laminar_status state_hash_spill(struct state *state, size_t want, size_t *freed,
                                struct laminar_error *err)
{
    struct state_hash *t = (struct state_hash *)state;
    if (!t->options.spill) return LAMINAR_OK;
    if (t->cold) t->cold->clock++;
    return spill_some(t, want, freed, err);
}

laminar_status state_hash_relax(struct state_hash *t, struct laminar_error *err)
{
    struct spill_policy *policy = t->options.spill;
    if (!policy) return LAMINAR_OK;
    if (unlikely(t->cold != NULL)) t->cold->clock++;
    size_t excess = policy->excess(policy), freed = 0;
    return likely(excess == 0) ? LAMINAR_OK : spill_some(t, excess, &freed, err);
}

bool state_hash_is_cold(const struct state_hash *t) { return t->cold != NULL; }

laminar_status state_hash_rows(struct state_hash *t, const uint64_t *slots, size_t n,
                               bool for_write, uint8_t **rows, struct laminar_error *err)
{
    for (size_t i = 0; i < n; i++) {
        assert(slot_is_live(t, slots[i]));
        laminar_status status = t->cold ? cold_want(t, slots[i], err) : LAMINAR_OK;
        if (status != LAMINAR_OK) return status;
        if (for_write && !hash_make_writable(t, slots[i])) return error_oom(err);
        rows[i] = row_at(t, slots[i]) + t->layout->payload_offset;
    }
    return LAMINAR_OK;
}

laminar_status state_hash_want_removal(struct state_hash *t, const uint64_t *slots, size_t n,
                                       struct laminar_error *err)
{
    struct cold_bucket *bucket;
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; t->cold && i < n && status == LAMINAR_OK; i++) {
        if (!slot_is_live(t, slots[i])) continue;
        status = cold_want(t, slots[i], err);
        if (!status)
            status = cold_bucket_of(t, row_header(row_at(t, slots[i])), false, &bucket, err);
    }
    return status;
}
