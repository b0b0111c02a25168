/* state_rows_cold.c - see state_rows_cold.h: making a table cold, reading its pages back, and giving up what was used least recently. */
#include "exec/state_rows_cold.h"
#include "base/error.h"
#include <string.h>

enum {
    COLD_TABLE_MIN = 1 << 20, /* smaller tables stay in memory, unless all has to go */
    PAUSES = 64
};

static uint32_t rows_a_page(const struct state_rows *rows) { return 1U << rows->page_shift; }
static size_t rows_bytes(const struct state_rows *rows)
{
    return (size_t)rows->layout.row_bytes << rows->page_shift;
}
static size_t links_bytes(const struct state_rows *rows)
{
    return sizeof(struct row_link) << rows->page_shift;
}
static size_t page_bytes(const struct state_rows *rows, const struct state_page *page)
{
    return sizeof *page + page->size + links_bytes(rows);
}
static size_t live_words(const struct state_rows *rows, size_t n_pages)
{
    return (size_t)((((uint64_t)n_pages << rows->page_shift) + 63) / 64);
}
static size_t array_bytes(const struct state_rows *rows, size_t n_pages)
{
    size_t words = live_words(rows, n_pages);
    return n_pages * (sizeof(struct rows_cold_page) + sizeof(struct row_page)) + words * 8 +
           (words + 63) / 64 * 8;
}

/* --- Pages and bytes --------------------------------------------------------------------------------------------------------------------- */

static void append_strings(const struct row_layout *layout, const uint8_t *data, uint32_t n,
                           struct strbuf *out)
{
    for (uint32_t i = 0; layout->has_heap && i < n; i++) {
        const uint8_t *row = data + (size_t)i * layout->row_bytes;
        for (uint32_t c = 0; row_weight(row) && c < layout->n_cols; c++) {
            const struct string_view *view = (const void *)(row + layout->cols[c].offset);
            if (layout->cols[c].phys == PHYS_STRING && view->size > STRING_INLINE_MAX)
                strbuf_append(out, view->ptr, view->size);
        }
    }
}

static laminar_status write_piece(struct state_rows *rows, const uint8_t *data, uint32_t n,
                                  const struct row_link *links, struct spill_shared **out,
                                  struct laminar_error *err)
{
    struct rows_cold *c = rows->cold;
    struct strbuf *buf = &c->buf;
    strbuf_clear(buf);
    char *to = strbuf_reserve(buf, rows_bytes(rows) + links_bytes(rows));
    if (!to) {
        strbuf_deinit(buf);
        return error_oom(err);
    }
    memset(to, 0, rows_bytes(rows));
    memcpy(to, data, (size_t)n * rows->layout.row_bytes);
    memset(to + rows_bytes(rows), 0xFF, links_bytes(rows));
    memcpy(to + rows_bytes(rows), links, n * sizeof *links);
    buf->size = rows_bytes(rows) + links_bytes(rows);
    append_strings(&rows->layout, data, n, buf);
    if (buf->failed) {
        strbuf_deinit(buf);
        return error_oom(err);
    }
    laminar_status status = spill_share(c->spill, buf->data, buf->size, out, err);
    if (status != LAMINAR_OK) return status;
    rows->state.spilled_bytes += buf->size;
    mem_account_add(rows->state.account, (int64_t)sizeof **out);
    return LAMINAR_OK;
}

static void forget_piece(struct state_rows *rows, struct rows_cold_page *page)
{
    if (!page->piece) return;
    rows->state.spilled_bytes -= page->piece->piece.size;
    mem_account_add(rows->state.account, -(int64_t)sizeof *page->piece);
    spill_shared_unref(page->piece);
    page->piece = NULL;
}

/* Long strings of the rows follow each other from `tail` on. */
static void place_strings(const struct row_layout *layout, uint8_t *data, uint32_t n,
                          const char *tail)
{
    for (uint32_t i = 0; layout->has_heap && i < n; i++) {
        uint8_t *row = data + (size_t)i * layout->row_bytes;
        for (uint32_t c = 0; row_weight(row) && c < layout->n_cols; c++) {
            struct string_view *view = (void *)(row + layout->cols[c].offset);
            if (layout->cols[c].phys != PHYS_STRING || view->size <= STRING_INLINE_MAX) continue;
            view->ptr = tail;
            tail += view->size;
        }
    }
}

struct state_page *rows_page_decode(const struct row_layout *layout, uint32_t n_rows,
                                    const uint8_t *bytes, size_t size, struct mem_account *account)
{
    size_t fixed = (size_t)n_rows * layout->row_bytes,
           strings = size - fixed - n_rows * sizeof(struct row_link);
    struct state_page *page = state_page_create(account, fixed + strings);
    if (!page) return NULL;
    memcpy(page->data, bytes, fixed);
    memcpy(page->data + fixed, bytes + size - strings, strings);
    place_strings(layout, page->data, n_rows, (const char *)page->data + fixed);
    return page;
}

/* --- Pages ------------------------------------------------------------------------------------------------------------------------------- */

bool cold_rows_reserve(struct state_rows *rows, size_t capacity)
{
    struct rows_cold *c = rows->cold;
    size_t old = rows->pages_capacity;
    if (capacity <= old) return true;
    if (capacity < old * 2) capacity = old * 2;
    size_t words = live_words(rows, capacity), words_old = live_words(rows, old);
    size_t sum = (words + 63) / 64, sum_old = (words_old + 63) / 64;
    void *grown;
    if (!(grown = mem_realloc(rows->pages, capacity * sizeof *rows->pages))) return false;
    rows->pages = grown;
    if (!(grown = mem_realloc(c->pages, capacity * sizeof *c->pages))) return false;
    c->pages = grown;
    if (!(grown = mem_realloc(c->live, words * 8))) return false;
    c->live = grown;
    if (!(grown = mem_realloc(c->has_free, sum * 8))) return false;
    c->has_free = grown;
    memset(c->pages + old, 0, (capacity - old) * sizeof *c->pages);
    memset(c->live + words_old, 0, (words - words_old) * 8);
    memset(c->has_free + sum_old, 0, (sum - sum_old) * 8);
    mem_account_add(rows->state.account,
                    (int64_t)array_bytes(rows, capacity) - (int64_t)array_bytes(rows, old));
    rows->pages_capacity = capacity;
    return true;
}

/* Page i, without a live row, in memory. */
static bool make_blank(struct state_rows *rows, size_t i)
{
    struct rows_cold_page *page = &rows->cold->pages[i];
    page->page = state_page_create(rows->state.account, rows_bytes(rows));
    page->links = mem_alloc(links_bytes(rows));
    if (!page->page || !page->links) {
        state_page_unref(page->page);
        mem_free(page->links);
        page->page = NULL;
        page->links = NULL;
        return false;
    }
    memset(page->page->data, 0, rows_bytes(rows));
    memset(page->links, 0xFF, links_bytes(rows));
    return true;
}

static void map_page(struct state_rows *rows, size_t i)
{
    struct rows_cold *c = rows->cold;
    if (c->pages[i].use.stamp != c->clock)
        use_touch(&c->use, &c->pages->use, sizeof *c->pages, (uint32_t)i, c->clock);
    rows->pages[i].page = c->pages[i].page;
    rows->pages[i].links = c->pages[i].links;
}

static void count_page(struct state_rows *rows, const struct rows_cold_page *page, int sign)
{
    rows->cold->resident_bytes = (size_t)((int64_t)rows->cold->resident_bytes +
                                          sign * (int64_t)page_bytes(rows, page->page));
    mem_account_add(rows->state.account, sign * (int64_t)links_bytes(rows));
}

bool cold_rows_add_page(struct state_rows *rows)
{
    size_t i = rows->n_pages;
    if (!cold_rows_reserve(rows, i + 1) || !make_blank(rows, i)) return false;
    rows->pages[i].version = rows->core->epoch + 1;
    count_page(rows, &rows->cold->pages[i], 1);
    map_page(rows, i);
    rows->n_pages++;
    return true;
}

static laminar_status read_page(struct state_rows *rows, size_t i, struct laminar_error *err)
{
    struct rows_cold *c = rows->cold;
    struct rows_cold_page *page = &c->pages[i];
    laminar_status status;
    if (!page->piece) {
        if (!make_blank(rows, i)) return error_oom(err);
    } else {
        size_t size = page->piece->piece.size;
        strbuf_clear(&c->buf);
        struct row_link *links = mem_alloc(links_bytes(rows));
        if (!links || !strbuf_reserve(&c->buf, size)) {
            strbuf_deinit(&c->buf);
            mem_free(links);
            return error_oom(err);
        }
        status = spill_read(page->piece->spill, &page->piece->piece, c->buf.data, err);
        if (status == LAMINAR_OK) {
            page->page = rows_page_decode(&rows->layout, rows_a_page(rows),
                                          (const uint8_t *)c->buf.data, size, rows->state.account);
            if (!page->page) status = error_oom(err);
        }
        if (status != LAMINAR_OK) {
            mem_free(links);
            return status;
        }
        memcpy(links, c->buf.data + rows_bytes(rows), links_bytes(rows));
        page->links = links;
    }
    count_page(rows, page, 1);
    return LAMINAR_OK;
}

void cold_rows_note(struct state_rows *rows, laminar_status status, const struct laminar_error *err)
{
    if (rows->cold->status != LAMINAR_OK) return;
    rows->cold->error = *err;
    rows->cold->status = status;
}

/* The first use of a page in this round: false if it can't be read. */
static bool fault(struct state_rows *rows, size_t i)
{
    struct rows_cold *c = rows->cold;
    struct laminar_error err;
    if (!c->pages[i].page) {
        laminar_status status = read_page(rows, i, &err);
        if (status != LAMINAR_OK) {
            cold_rows_note(rows, status, &err);
            return false;
        }
    }
    map_page(rows, i);
    return true;
}

const uint8_t *state_rows_fault(const struct state_rows *rows, size_t page)
{
    bool is_there = fault((struct state_rows *)(uintptr_t)rows, page);
    return is_there ? rows->pages[page].page->data : rows->cold->blank->data;
}

const struct row_link *state_rows_fault_links(const struct state_rows *rows, size_t page)
{
    bool is_there = fault((struct state_rows *)(uintptr_t)rows, page);
    return is_there ? rows->pages[page].links : rows->cold->blank_links;
}

laminar_status state_rows_failed(const struct state_rows *rows, struct laminar_error *err)
{
    struct rows_cold *c = rows->cold;
    if (!c || c->status == LAMINAR_OK) return error_oom(err);
    laminar_status status = c->status;
    if (err) *err = c->error;
    c->status = LAMINAR_OK;
    return status;
}

laminar_status state_rows_error_slow(const struct state_rows *rows, struct laminar_error *err)
{
    return likely(rows->cold->status == LAMINAR_OK) ? LAMINAR_OK : state_rows_failed(rows, err);
}

void state_rows_dirty_links(struct state_rows *rows, uint32_t slot)
{
    forget_piece(rows, &rows->cold->pages[slot >> rows->page_shift]);
}

laminar_status state_rows_want(struct state_rows *rows, uint32_t slot, struct laminar_error *err)
{
    size_t i = slot >> rows->page_shift;
    if (slot == ROW_NONE || !rows->cold || rows->pages[i].page || fault(rows, i)) return LAMINAR_OK;
    return state_rows_failed(rows, err);
}

/* Strings that stand in the page itself follow it to its copy. */
static void move_strings(const struct row_layout *layout, uint32_t n, const struct state_page *from,
                         struct state_page *to)
{
    for (uint32_t i = 0; layout->has_heap && i < n; i++) {
        uint8_t *row = to->data + (size_t)i * layout->row_bytes;
        for (uint32_t c = 0; row_weight(row) && c < layout->n_cols; c++) {
            struct string_view *view = (void *)(row + layout->cols[c].offset);
            if (layout->cols[c].phys != PHYS_STRING || view->size <= STRING_INLINE_MAX) continue;
            size_t at = (size_t)((uintptr_t)view->ptr - (uintptr_t)from->data);
            if (at < from->size) view->ptr = (const char *)to->data + at;
        }
    }
}

bool cold_rows_own(struct state_rows *rows, uint32_t slot)
{
    size_t i = slot >> rows->page_shift;
    struct rows_cold_page *page = &rows->cold->pages[i];
    if (!rows->pages[i].page && !fault(rows, i)) return false;
    /* pairs with state_page_unref of a released snapshot */
    if (atomic_load_explicit(&page->page->refs, memory_order_acquire) > 1) {
        struct state_page *copy = state_page_create(rows->state.account, page->page->size);
        if (!copy) return false;
        memcpy(copy->data, page->page->data, copy->size);
        move_strings(&rows->layout, rows_a_page(rows), page->page, copy);
        state_page_unref(page->page);
        page->page = rows->pages[i].page = copy;
    }
    forget_piece(rows, page);
    rows->pages[i].version = rows->core->epoch + 1;
    return true;
}

/* --- Slots ------------------------------------------------------------------------------------------------------------------------------- */

uint32_t cold_rows_take_slot(struct state_rows *rows)
{
    struct rows_cold *c = rows->cold;
    for (;;) { /* words found full are cleared in the summary */
        while (!c->has_free[c->first_free]) c->first_free++;
        size_t w = c->first_free;
        size_t word = w * 64 + (size_t)__builtin_ctzll(c->has_free[w]);
        uint64_t bits = ~c->live[word];
        uint64_t slot = word * 64 + (bits ? (uint64_t)__builtin_ctzll(bits) : 64);
        if (bits && slot < rows->n_slots) return (uint32_t)slot;
        c->has_free[w] &= c->has_free[w] - 1;
    }
}

laminar_status cold_rows_want_free(struct state_rows *rows, size_t n, struct laminar_error *err)
{
    struct rows_cold *c = rows->cold;
    uint32_t in_page = rows->n_slots & (rows_a_page(rows) - 1);
    laminar_status status = LAMINAR_OK;
    size_t left = n < c->n_free ? n : c->n_free;
    for (uint64_t word = (uint64_t)c->first_free * 64; left > 0; word++) {
        for (uint64_t bits = ~c->live[word]; bits && left > 0; bits &= bits - 1) {
            uint64_t slot = word * 64 + (uint64_t)__builtin_ctzll(bits);
            if (slot >= rows->n_slots) break;
            TRY(state_rows_want(rows, (uint32_t)slot, err));
            left--;
        }
    }
    if (n > c->n_free && in_page) TRY(state_rows_want(rows, rows->n_slots - 1, err));
done:
    return status;
}

void cold_rows_set_live(struct state_rows *rows, uint32_t slot)
{
    rows->cold->live[slot >> 6] |= (uint64_t)1 << (slot & 63);
}

void cold_rows_give_slot(struct state_rows *rows, uint32_t slot)
{
    struct rows_cold *c = rows->cold;
    c->live[slot >> 6] &= ~((uint64_t)1 << (slot & 63));
    c->has_free[slot >> 12] |= (uint64_t)1 << (slot >> 6 & 63);
    if (slot >> 12 < c->first_free) c->first_free = slot >> 12;
    c->n_free++;
}

static bool has_live_rows(const struct state_rows *rows, size_t i)
{
    uint64_t first = (uint64_t)i << rows->page_shift, n = rows_a_page(rows);
    if (n >= 64) {
        for (uint64_t word = first / 64; word < (first + n) / 64; word++)
            if (rows->cold->live[word]) return true;
        return false;
    }
    return rows->cold->live[first / 64] >> (first & 63) & (((uint64_t)1 << n) - 1);
}

/* --- Leaving memory ---------------------------------------------------------------------------------------------------------------------- */

static void free_strings(struct state_rows *rows, size_t i)
{
    uint32_t first = (uint32_t)(i << rows->page_shift);
    for (uint32_t k = 0; rows->layout.has_heap && k < rows_a_page(rows); k++)
        if (cold_rows_is_live(rows->cold, first + k))
            state_rows_free_strings(rows, rows->cold->pages[i].page,
                                    rows->cold->pages[i].page->data +
                                        (size_t)k * rows->layout.row_bytes);
}

static void drop_page(struct state_rows *rows, size_t i)
{
    struct rows_cold_page *page = &rows->cold->pages[i];
    free_strings(rows, i);
    count_page(rows, page, -1);
    state_page_unref(page->page);
    mem_free(page->links);
    page->page = rows->pages[i].page = NULL;
    page->links = rows->pages[i].links = NULL;
}

static laminar_status evict_page(struct state_rows *rows, size_t *freed, struct laminar_error *err)
{
    struct rows_cold *c = rows->cold;
    uint32_t i = c->use.last;
    struct rows_cold_page *page = &c->pages[i];
    if (!page->piece && has_live_rows(rows, i)) {
        laminar_status status = write_piece(rows, page->page->data, rows_a_page(rows), page->links,
                                            &page->piece, err);
        if (status != LAMINAR_OK) return status;
    } else if (!has_live_rows(rows, i)) {
        forget_piece(rows, page);
    }
    *freed += page_bytes(rows, page->page);
    drop_page(rows, i);
    use_remove(&c->use, &c->pages->use, sizeof *c->pages, i);
    return LAMINAR_OK;
}

/* The one whose part that may leave was used least recently, before `oldest`; NULL: none. */
static struct cold_array *oldest_array(const struct rows_cold *c, uint64_t oldest)
{
    struct cold_array *from = NULL;
    for (size_t k = 0; k < ROWS_COLD_ARRAYS; k++) {
        uint64_t stamp = c->arrays[k] ? cold_array_oldest(c->arrays[k]) : UINT64_MAX;
        if (stamp >= oldest) continue;
        oldest = stamp;
        from = c->arrays[k];
    }
    return from;
}

static laminar_status evict(struct state_rows *rows, size_t want, size_t *freed,
                            struct laminar_error *err)
{
    struct rows_cold *c = rows->cold;
    while (*freed < want) {
        uint64_t oldest = c->use.last == USE_NONE ? UINT64_MAX : c->pages[c->use.last].use.stamp;
        if (oldest >= c->clock) oldest = UINT64_MAX;
        struct cold_array *from = oldest_array(c, oldest);
        if (!from && oldest == UINT64_MAX) break;
        laminar_status status = from ? cold_array_evict(from, c->spill, freed, err)
                                     : evict_page(rows, freed, err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

static void next_stamp(struct rows_cold *c)
{
    c->clock++;
    for (size_t k = 0; k < ROWS_COLD_ARRAYS; k++)
        if (c->arrays[k]) c->arrays[k]->clock = c->clock;
}

/* Nothing that was used so far is pinned. */
static void end_round(struct state_rows *rows)
{
    struct rows_cold *c = rows->cold;
    for (uint32_t i = c->use.first; i != USE_NONE && c->pages[i].use.stamp >= c->round;
         i = c->pages[i].use.next) {
        rows->pages[i].page = NULL;
        rows->pages[i].links = NULL;
    }
    next_stamp(c);
    c->round = c->clock;
}

void cold_rows_relieve_arrays(struct state_rows *rows)
{
    size_t want = rows->spill->excess(rows->spill), freed = 0;
    if (likely(want == 0)) return;
    next_stamp(rows->cold);
    while (freed < want) {
        struct cold_array *from = oldest_array(rows->cold, UINT64_MAX);
        if (!from || cold_array_evict(from, rows->cold->spill, &freed, NULL) != LAMINAR_OK) return;
    }
}

/* --- Becoming cold, and warm again ------------------------------------------------------------------------------------------------------- */

static void cold_free(struct state_rows *rows)
{
    struct rows_cold *c = rows->cold;
    spill_unref(c->spill);
    state_page_unref(c->blank);
    mem_free(c->blank_links);
    mem_free(c->pages);
    mem_free(c->live);
    mem_free(c->has_free);
    strbuf_deinit(&c->buf);
    mem_free(c);
    rows->cold = NULL;
}

/* With small pages, n_small of them; nothing of the table has changed but the shift and `cold`. */
static laminar_status make_cold(struct state_rows *rows, struct spill *take_spill, size_t *n_small,
                                struct row_page **pages, struct laminar_error *err)
{
    struct rows_cold *c = mem_calloc(1, sizeof *c);
    if (!c) {
        spill_unref(take_spill);
        return error_oom(err);
    }
    c->spill = take_spill;
    c->clock = c->round = 1;
    c->use = (struct use_list){USE_NONE, USE_NONE};
    c->warm_shift = rows->page_shift;
    rows->cold = c;
    while (rows->page_shift && rows_bytes(rows) > ROWS_COLD_PAGE_BYTES) rows->page_shift--;
    *n_small = (size_t)(((uint64_t)rows->n_slots + rows_a_page(rows) - 1) >> rows->page_shift);
    size_t words = live_words(rows, *n_small);
    c->pages = mem_calloc(*n_small, sizeof *c->pages);
    c->live = mem_calloc(words, 8);
    c->has_free = mem_calloc((words + 63) / 64, 8);
    c->blank = state_page_create(rows->state.account, rows_bytes(rows));
    c->blank_links = mem_alloc(links_bytes(rows));
    *pages = mem_calloc(*n_small, sizeof **pages);
    if (!c->pages || !c->live || !c->has_free || !c->blank || !c->blank_links || !*pages)
        return error_oom(err);
    memset(c->blank->data, 0, rows_bytes(rows));
    memset(c->blank_links, 0xFF, links_bytes(rows));
    return LAMINAR_OK;
}

/* Each small page of the large ones, where it has rows, goes to the file. */
static laminar_status write_all(struct state_rows *rows, size_t n_small, struct row_page *pages,
                                struct laminar_error *err)
{
    struct rows_cold *c = rows->cold;
    uint32_t up = c->warm_shift - rows->page_shift;
    for (size_t i = 0; i < n_small; i++) {
        const struct row_page *large = &rows->pages[i >> up];
        size_t first = (i << rows->page_shift) & (((size_t)1 << c->warm_shift) - 1);
        const uint8_t *data = large->page->data + first * rows->layout.row_bytes;
        uint32_t slot = (uint32_t)(i << rows->page_shift), n = rows_a_page(rows);
        bool has_any = false;
        if (n > rows->n_slots - slot) n = rows->n_slots - slot;
        pages[i].version = large->version;
        for (uint32_t k = 0; k < n; k++, slot++) {
            bool is_live = row_weight(data + (size_t)k * rows->layout.row_bytes) != 0;
            has_any |= is_live;
            if (is_live)
                cold_rows_set_live(rows, slot);
            else
                cold_rows_give_slot(rows, slot);
        }
        if (!has_any) continue;
        laminar_status status = write_piece(rows, data, n, large->links + first, &c->pages[i].piece,
                                            err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

static laminar_status enter(struct state_rows *rows, struct spill *take_spill, size_t *freed,
                            struct laminar_error *err)
{
    laminar_status status;
    uint32_t warm_shift = rows->page_shift;
    size_t n_small = 0, before = state_bytes(&rows->state);
    struct row_page *pages = NULL;
    bool is_used = rows->index && !rows->is_restoring;
    if (is_used && rows->index->settle) {
        status = rows->index->settle(rows, err);
        if (status != LAMINAR_OK) {
            spill_unref(take_spill);
            return status;
        }
    }
    TRY(make_cold(rows, take_spill, &n_small, &pages, err));
    TRY(write_all(rows, n_small, pages, err));
    if (rows->index && rows->index->cool) TRY(rows->index->cool(rows, err));
    rows->page_shift = warm_shift; /* as its pages are, until they are gone */
    struct rows_cold *c = rows->cold;
    uint32_t slots[256];
    uint64_t cursor = 0;
    rows->cold = NULL;
    for (size_t n; rows->layout.has_heap && (n = state_rows_scan(rows, &cursor, slots, 256)) > 0;)
        for (size_t i = 0; i < n; i++)
            state_rows_free_strings(rows, rows->pages[slots[i] >> warm_shift].page,
                                    state_rows_at(rows, slots[i]));
    state_rows_free_pages(rows);
    mem_free(rows->pages);
    rows->cold = c;
    while (rows->page_shift && rows_bytes(rows) > ROWS_COLD_PAGE_BYTES) rows->page_shift--;
    rows->pages = pages;
    rows->n_pages = rows->pages_capacity = n_small;
    rows->free_head = ROW_NONE;
    mem_account_add(rows->state.account, (int64_t)array_bytes(rows, n_small));
    state_core_trim(rows->core);
    size_t after = cold_rows_bytes(rows);
    *freed += before > after ? before - after : 0;
    return LAMINAR_OK;
done:
    for (size_t i = 0; rows->cold && i < n_small && rows->cold->pages; i++)
        forget_piece(rows, &rows->cold->pages[i]);
    rows->page_shift = warm_shift;
    mem_free(pages);
    if (rows->cold) cold_free(rows);
    return status;
}

void cold_rows_leave(struct state_rows *rows)
{
    struct rows_cold *c = rows->cold;
    for (size_t i = 0; i < rows->n_pages; i++) {
        forget_piece(rows, &c->pages[i]);
        if (c->pages[i].page) drop_page(rows, i);
    }
    mem_account_add(rows->state.account, -(int64_t)array_bytes(rows, rows->pages_capacity));
    rows->page_shift = c->warm_shift;
    mem_free(rows->pages);
    rows->pages = NULL;
    rows->n_pages = rows->pages_capacity = 0;
    cold_free(rows);
}

/* --- Public calls ------------------------------------------------------------------------------------------------------------------------ */

size_t cold_rows_bytes(const struct state_rows *rows)
{
    const struct rows_cold *c = rows->cold;
    size_t bytes = c->resident_bytes + array_bytes(rows, rows->pages_capacity) +
                   rows->core->held_bytes;
    for (size_t k = 0; k < ROWS_COLD_ARRAYS; k++)
        if (c->arrays[k]) bytes += c->arrays[k]->held_bytes;
    return bytes;
}

static laminar_status spill_some(struct state_rows *rows, size_t want, size_t *freed,
                                 struct laminar_error *err)
{
    struct spill *spill = NULL;
    bool is_all = want == SIZE_MAX;
    if (!rows->cold &&
        (rows->n_slots == 0 || (!is_all && state_bytes(&rows->state) < COLD_TABLE_MIN)))
        return LAMINAR_OK;
    laminar_status status = rows->spill->file(rows->spill, &spill, err);
    if (status != LAMINAR_OK || !spill) return status;
    if (!rows->cold) {
        status = enter(rows, spill, freed, err);
        rows->n_pauses = status ? PAUSES : 0;
        if (status != LAMINAR_OK) return status;
    } else { /* it may be another one than before */
        spill_unref(rows->cold->spill);
        rows->cold->spill = spill;
    }
    status = evict(rows, want, freed, err);
    if (status || !state_core_is_idle(rows->core)) return status;
    size_t held = rows->core->held_bytes;
    status = evict(rows, SIZE_MAX, freed, err);
    state_core_trim(rows->core);
    *freed += held - rows->core->held_bytes;
    return status;
}

laminar_status cold_rows_spill(struct state *state, size_t want, size_t *freed,
                               struct laminar_error *err)
{
    struct state_rows *rows = CONTAINER_OF(state, struct state_rows, state);
    if (!rows->spill) return LAMINAR_OK;
    if (rows->cold) end_round(rows);
    return spill_some(rows, want, freed, err);
}

laminar_status state_rows_relax(struct state_rows *rows, struct laminar_error *err)
{
    if (!rows->spill) return LAMINAR_OK;
    if (unlikely(rows->cold != NULL)) end_round(rows);
    size_t excess = rows->spill->excess(rows->spill), freed = 0;
    if (likely(excess == 0)) return LAMINAR_OK;
    if (rows->n_pauses > 0) {
        rows->n_pauses--;
        return LAMINAR_OK;
    }
    return spill_some(rows, excess, &freed, err);
}
