/* state_rows.c - see state_rows.h: slots, writing rows, dropping them. Reading them as columns is row_layout.c, freezing and files state_rows_file.c.
 *
 * Cost: adding rows is a loop a column over addresses that were made first; free slots are reused last in, first out. Nothing is allocated
 * while there are free slots, but for heap slabs. Writing to a page that a snapshot shares copies it once a freeze. */
#include "base/error.h"
#include "exec/state_rows_cold.h"

/* --- Layout ------------------------------------------------------------------------------------------------------------------------------ */

static uint32_t column_align(enum phys_type phys)
{
    switch (phys) {
    case PHYS_I128: return 16;
    case PHYS_I64:
    case PHYS_U64:
    case PHYS_F64:
    case PHYS_STRING:
    case PHYS_INTERVAL:
    case PHYS_UUID: return 8;
    case PHYS_I32:
    case PHYS_U32:
    case PHYS_F32: return 4;
    case PHYS_I16:
    case PHYS_U16: return 2;
    case PHYS_BOOL:
    case PHYS_I8:
    case PHYS_U8:
    case PHYS_NULL: return 1;
    case PHYS_LIST:
    case PHYS_STRUCT: break; /* kept as strings */
    }
    return 8;
}

static laminar_status layout_init(struct row_layout *layout, const struct data_type *types,
                                  uint32_t n_cols, int flags, struct laminar_error *err)
{
    *layout = (struct row_layout){.n_cols = n_cols};
    layout->cols = mem_calloc(n_cols, sizeof *layout->cols);
    if (!layout->cols) return error_oom(err);
    uint64_t offset = 8, align_max = 8;
    if (flags & STATE_ROWS_COUNTER) {
        layout->counter_offset = 8;
        offset = 16;
    }
    for (uint32_t i = 0; i < n_cols; i++) {
        struct row_col *col = &layout->cols[i];
        *col = (struct row_col){
            .type = types[i], .phys = type_phys(types[i]), .width = (uint32_t)type_width(types[i])};
        if (type_is_nested(types[i]))
            *col = (struct row_col){
                .type = types[i], .phys = PHYS_STRING, .width = 16, .is_encoded = true};
        layout->has_heap |= col->phys == PHYS_STRING;
    }
    for (uint32_t align = 16; align > 0; align /= 2) {
        for (uint32_t i = 0; i < n_cols; i++) {
            struct row_col *col = &layout->cols[i];
            if (column_align(col->phys) != align) continue;
            offset = (offset + align - 1) & ~(uint64_t)(align - 1);
            col->offset = (uint32_t)offset;
            offset += col->width;
            if (align > align_max) align_max = align;
        }
    }
    layout->validity_offset = (uint32_t)offset;
    offset = (offset + bitmap_bytes(n_cols) + align_max - 1) & ~(align_max - 1);
    if (offset > UINT32_MAX / 2) {
        mem_free(layout->cols);
        layout->cols = NULL;
        return error_set(err, LAMINAR_QUERY_UNSUPPORTED,
                         "a row of %u columns is too wide to be kept", n_cols);
    }
    layout->row_bytes = (uint32_t)offset;
    return LAMINAR_OK;
}

laminar_status state_rows_init(struct state_rows *rows, const struct state_rows_index *index,
                               const char *name, const struct data_type *types, uint32_t n_cols,
                               int flags, struct mem_account *account, struct laminar_error *err)
{
    *rows = (struct state_rows){
        .state = {.cls = &state_rows_class, .name = name, .account = account},
        .index = index,
        .free_head = ROW_NONE};
    laminar_status status = layout_init(&rows->layout, types, n_cols, flags, err);
    if (status == LAMINAR_OK) status = state_core_create(account, &rows->core, err);
    if (status != LAMINAR_OK) {
        state_rows_deinit(rows);
        return status;
    }
    while ((uint64_t)rows->layout.row_bytes << (rows->page_shift + 1) <= STATE_PAGE_BYTES)
        rows->page_shift++;
    return LAMINAR_OK;
}

/* Links of the pages of a large table lie together, on huge pages; those of the first pages are allocations of their own. */
struct link_block {
    struct link_block *next;
    size_t used; /* bytes, this head included */
};
enum { LINK_BLOCK_BYTES = 2 << 20 };

static size_t links_bytes(const struct state_rows *rows)
{
    return sizeof(struct row_link) << rows->page_shift;
}

static bool has_own_links(const struct state_rows *rows, size_t page)
{
    return page < PAGE_SLAB_FROM || links_bytes(rows) > LINK_BLOCK_BYTES / 8;
}

static struct row_link *new_links(struct state_rows *rows)
{
    size_t bytes = links_bytes(rows);
    if (has_own_links(rows, rows->n_pages)) return mem_alloc(bytes);
    struct link_block *block = rows->link_blocks;
    if (!block || block->used + bytes > LINK_BLOCK_BYTES) {
        block = mem_alloc_huge(LINK_BLOCK_BYTES);
        if (!block) return NULL;
        *block = (struct link_block){.next = rows->link_blocks, .used = 64};
        rows->link_blocks = block;
    }
    struct row_link *links = (void *)((uint8_t *)block + block->used);
    block->used += bytes;
    return links;
}

void state_rows_free_pages(struct state_rows *rows)
{
    for (size_t i = 0; i < rows->n_pages; i++) {
        state_page_unref(rows->pages[i].page);
        if (has_own_links(rows, i)) mem_free(rows->pages[i].links);
        mem_account_add(rows->state.account, -(int64_t)links_bytes(rows));
    }
    for (struct link_block *block = rows->link_blocks, *next; block; block = next) {
        next = block->next;
        mem_free(block);
    }
    page_slab_unref(rows->slab);
    rows->slab = NULL;
    rows->link_blocks = NULL;
    rows->n_pages = 0;
}

static struct state_page *new_page(struct state_rows *rows)
{
    size_t bytes = (size_t)rows->layout.row_bytes << rows->page_shift;
    if (rows->n_pages < PAGE_SLAB_FROM) return state_page_create(rows->state.account, bytes);
    return state_page_cut(&rows->slab, rows->state.account, bytes);
}

void state_rows_deinit(struct state_rows *rows)
{
    if (rows->cold)
        cold_rows_leave(rows);
    else
        state_rows_free_pages(rows);
    mem_free(rows->pages);
    mem_free(rows->layout.cols);
    strbuf_deinit(&rows->scratch);
    state_core_unref(rows->core);
    rows->pages = NULL;
    rows->layout.cols = NULL;
    rows->core = NULL;
}

void state_rows_count_bytes(struct state_rows *rows)
{
    if (rows->cold) return; /* see rows_bytes */
    size_t page_bytes = sizeof(struct state_page) +
                        ((size_t)rows->layout.row_bytes << rows->page_shift) + links_bytes(rows);
    rows->state.bytes = rows->n_pages * page_bytes + rows->core->held_bytes + rows->index_bytes;
}

/* --- Pages and slots --------------------------------------------------------------------------------------------------------------------- */

bool state_rows_add_page(struct state_rows *rows)
{
    if (rows->cold) return cold_rows_add_page(rows);
    if (rows->n_pages == rows->pages_capacity &&
        !array_grow((void **)&rows->pages, &rows->pages_capacity, sizeof *rows->pages,
                    rows->n_pages + 1))
        return false;
    struct state_page *page = new_page(rows);
    struct row_link *links = page ? new_links(rows) : NULL;
    if (!links) {
        state_page_unref(page);
        return false;
    }
    mem_account_add(rows->state.account, (int64_t)links_bytes(rows));
    rows->pages[rows->n_pages++] = (struct row_page){
        .page = page, .links = links, .version = rows->core->epoch + 1};
    state_rows_count_bytes(rows);
    return true;
}

/* The first write since the last freeze. */
static never_inline bool own_page(struct state_rows *rows, struct row_page *entry)
{
    /* pairs with state_page_unref of a released snapshot */
    if (atomic_load_explicit(&entry->page->refs, memory_order_acquire) > 1) {
        struct state_page *copy = new_page(rows);
        if (!copy) return false;
        memcpy(copy->data, entry->page->data, entry->page->size);
        state_page_unref(entry->page);
        entry->page = copy;
    }
    entry->version = rows->core->epoch + 1;
    return true;
}

uint8_t *state_rows_write(struct state_rows *rows, uint32_t slot)
{
    struct row_page *entry = &rows->pages[slot >> rows->page_shift];
    if (unlikely((entry->version != rows->core->epoch + 1) | (rows->cold != NULL))) {
        if (rows->cold ? !cold_rows_own(rows, slot) : !own_page(rows, entry)) return NULL;
    }
    return state_rows_at(rows, slot);
}

/* A free slot, zeroed; NULL when memory is out. */
static uint8_t *take_slot(struct state_rows *rows, uint32_t *slot)
{
    *slot = rows->cold ? cold_rows_take_slot(rows) : rows->free_head;
    uint8_t *row = state_rows_write(rows, *slot);
    if (!row) return NULL;
    if (rows->cold) {
        cold_rows_set_live(rows, *slot);
        rows->cold->n_free--;
    } else {
        rows->free_head = state_rows_link(rows, *slot)->next;
    }
    memset(row, 0, rows->layout.row_bytes);
    return row;
}

static void give_slot(struct state_rows *rows, uint32_t slot)
{
    if (rows->cold) {
        cold_rows_give_slot(rows, slot);
        return;
    }
    *state_rows_change_link(rows, slot) = (struct row_link){.next = rows->free_head,
                                                            .prev = ROW_NONE};
    rows->free_head = slot;
}

void state_rows_free_strings(struct state_rows *rows, const struct state_page *page,
                             const uint8_t *row)
{
    for (uint32_t c = 0; c < rows->layout.n_cols; c++) {
        const struct row_col *col = &rows->layout.cols[c];
        if (col->phys != PHYS_STRING) continue;
        const struct string_view *view = (const void *)(row + col->offset);
        if (view->size > STRING_INLINE_MAX &&
            (uintptr_t)view->ptr - (uintptr_t)page->data >= page->size)
            state_heap_free(rows->core, (void *)(uintptr_t)view->ptr, view->size);
    }
}

static void free_strings(struct state_rows *rows, uint32_t slot)
{
    state_rows_free_strings(rows, rows->pages[slot >> rows->page_shift].page,
                            state_rows_at(rows, slot));
}

/* --- Writing values ----------------------------------------------------------------------------------------------------------------------- */

static bool keep_string(struct state_rows *rows, const char *data, size_t size,
                        struct string_view *out)
{
    if (size > STRING_INLINE_MAX) {
        char *copy = state_heap_alloc(rows->core, size);
        if (!copy) return false;
        memcpy(copy, data, size);
        data = copy;
    }
    *out = string_make(data, size);
    return true;
}

static laminar_status write_strings(struct state_rows *rows, uint32_t c, const struct vector *v,
                                    const uint32_t *sel, size_t n, uint8_t *const *addresses,
                                    struct laminar_error *err)
{
    const struct string_view *views = v->data;
    for (size_t i = 0; i < n; i++) {
        uint8_t *row = addresses[i];
        size_t from = sel ? sel[i] : i;
        if (!vector_is_valid(v, from)) continue;
        const struct string_view *view = &views[v->shape == VEC_CONST ? 0 : from];
        struct string_view *to = (void *)(row + rows->layout.cols[c].offset);
        if (view->size <= STRING_INLINE_MAX)
            *to = *view;
        else if (!keep_string(rows, view->ptr, view->size, to))
            return error_oom(err);
        row[rows->layout.validity_offset + (c >> 3)] |= (uint8_t)(1U << (c & 7));
    }
    return LAMINAR_OK;
}

static laminar_status write_encoded(struct state_rows *rows, uint32_t c, const struct vector *v,
                                    const uint32_t *sel, size_t n, uint8_t *const *addresses,
                                    struct laminar_error *err)
{
    for (size_t i = 0; i < n; i++) {
        size_t from = sel ? sel[i] : i;
        if (!vector_is_valid(v, from)) continue;
        strbuf_clear(&rows->scratch);
        laminar_status status = value_encode(v, from, &rows->scratch, err);
        if (status != LAMINAR_OK) return status;
        struct string_view *to = (void *)(addresses[i] + rows->layout.cols[c].offset);
        if (rows->scratch.failed ||
            !keep_string(rows, rows->scratch.data, rows->scratch.size, to)) {
            strbuf_deinit(&rows->scratch);
            return error_oom(err);
        }
        addresses[i][rows->layout.validity_offset + (c >> 3)] |= (uint8_t)(1U << (c & 7));
    }
    return LAMINAR_OK;
}

#define WRITE_LOOP(T)                                                                              \
    do {                                                                                           \
        const T *in = v->data;                                                                     \
        if (v->shape == VEC_CONST)                                                                 \
            for (size_t i = 0; i < n; i++) memcpy(addresses[i] + offset, in, sizeof(T));           \
        else if (sel)                                                                              \
            for (size_t i = 0; i < n; i++) memcpy(addresses[i] + offset, &in[sel[i]], sizeof(T));  \
        else                                                                                       \
            for (size_t i = 0; i < n; i++) memcpy(addresses[i] + offset, &in[i], sizeof(T));       \
    } while (0)

static void write_fixed(const struct row_layout *layout, uint32_t c, const struct vector *v,
                        const uint32_t *sel, size_t n, uint8_t *const *addresses)
{
    uint32_t offset = layout->cols[c].offset;
    switch (layout->cols[c].width) {
    case 1: WRITE_LOOP(uint8_t); break;
    case 2: WRITE_LOOP(uint16_t); break;
    case 4: WRITE_LOOP(uint32_t); break;
    case 8: WRITE_LOOP(uint64_t); break;
    case 16: WRITE_LOOP(struct laminar_interval); break;
    default: break;
    }
}

/* Strings and encoded values set their bits as they go; the bits of other columns without nulls are set eight columns at a time. */
static void write_validity(const struct row_layout *layout, const struct vector *cols,
                           const uint32_t *sel, size_t n, uint8_t *const *addresses)
{
    for (uint32_t first = 0; first < layout->n_cols; first += 8) {
        uint32_t byte = layout->validity_offset + first / 8;
        uint8_t all = 0;
        for (uint32_t c = first; c < layout->n_cols && c < first + 8; c++) {
            uint8_t bit = (uint8_t)(1U << (c & 7));
            if (layout->cols[c].phys == PHYS_STRING || cols[c].type.id == LAMINAR_TYPE_NULL)
                continue;
            if (!cols[c].validity) {
                all |= bit;
                continue;
            }
            for (size_t i = 0; i < n; i++)
                if (vector_is_valid(&cols[c], sel ? sel[i] : i)) addresses[i][byte] |= bit;
        }
        for (size_t i = 0; all && i < n; i++) addresses[i][byte] |= all;
    }
}

static laminar_status write_column(struct state_rows *rows, uint32_t c, const struct vector *v,
                                   const uint32_t *sel, size_t n, uint8_t *const *addresses,
                                   struct laminar_error *err)
{
    const struct row_col *col = &rows->layout.cols[c];
    if (v->type.id == LAMINAR_TYPE_NULL) return LAMINAR_OK;
    if (col->is_encoded) return write_encoded(rows, c, v, sel, n, addresses, err);
    if (col->phys == PHYS_STRING) return write_strings(rows, c, v, sel, n, addresses, err);
    write_fixed(&rows->layout, c, v, sel, n, addresses);
    return LAMINAR_OK;
}

/* Up to n zeroed rows behind each other, where no slot is free: what is left of the last page. 0 when memory or numbers are out. */
static size_t take_run(struct state_rows *rows, size_t n, uint8_t **addresses, uint32_t *slots)
{
    uint32_t in_page = rows->n_slots & ((1U << rows->page_shift) - 1),
             row_bytes = rows->layout.row_bytes;
    size_t room = ((size_t)1 << rows->page_shift) - in_page, left = ROW_NONE - 1 - rows->n_slots;
    if (rows->n_slots >> rows->page_shift == rows->n_pages && !state_rows_add_page(rows)) return 0;
    if (n > room) n = room;
    if (n > left) n = left;
    uint8_t *first = n ? state_rows_write(rows, rows->n_slots) : NULL;
    if (!first) return 0;
    memset(first, 0, n * row_bytes);
    for (size_t i = 0; i < n; i++) {
        addresses[i] = first + i * row_bytes;
        slots[i] = rows->n_slots + (uint32_t)i;
    }
    rows->n_slots += (uint32_t)n;
    for (size_t i = 0; rows->cold && i < n; i++) cold_rows_set_live(rows, slots[i]);
    return n;
}

static laminar_status take_slots(struct state_rows *rows, size_t n, uint8_t **addresses,
                                 uint32_t *slots, size_t *n_taken, struct laminar_error *err)
{
    bool has_moved = false;
    for (*n_taken = 0; *n_taken < n;) {
        size_t at = *n_taken, got;
        if (rows->cold ? rows->cold->n_free == 0 : rows->free_head == ROW_NONE) {
            got = take_run(rows, n - at, addresses + at, slots + at);
        } else {
            addresses[at] = take_slot(rows, &slots[at]);
            got = addresses[at] != NULL;
            has_moved = true;
        }
        *n_taken += got;
        if (got) continue;
        if (rows->n_slots == ROW_NONE - 1)
            return error_set(err, LAMINAR_QUERY_FAILED, "state '%s' is full: it holds %zu rows",
                             rows->state.name, rows->state.n_rows);
        return state_rows_failed(rows, err);
    }
    /* Copying a frozen page for a later slot has moved earlier rows of that page. */
    for (size_t i = 0; has_moved && i < n; i++) addresses[i] = state_rows_at(rows, slots[i]);
    return LAMINAR_OK;
}

laminar_status state_rows_add(struct state_rows *rows, const struct vector *cols,
                              const uint32_t *sel, size_t n, const int64_t *weights,
                              uint32_t *slots, struct laminar_error *err)
{
    uint8_t *addresses[CHUNK_ROWS];
    assert(n <= CHUNK_ROWS);
    size_t n_taken;
    laminar_status status;
    TRY(take_slots(rows, n, addresses, slots, &n_taken, err));
    for (uint32_t c = 0; c < rows->layout.n_cols; c++)
        TRY(write_column(rows, c, &cols[c], sel, n, addresses, err));
    write_validity(&rows->layout, cols, sel, n, addresses);
    for (size_t i = 0; i < n; i++) {
        int64_t weight = weights ? weights[sel ? sel[i] : i] : 1;
        assert(weight != 0);
        memcpy(addresses[i], &weight, 8);
        rows->n_heavy += weight != 1;
        rows->n_negative += weight < 0;
        rows->weight_sum += weight;
    }
    rows->state.n_rows += n;
    state_rows_count_bytes(rows);
    return LAMINAR_OK;
done:
    while (n_taken-- > 0) {
        free_strings(rows, slots[n_taken]);
        memset(state_rows_at(rows, slots[n_taken]), 0, rows->layout.row_bytes);
        give_slot(rows, slots[n_taken]);
    }
    return status;
}

laminar_status state_rows_replace(struct state_rows *rows, uint32_t slot, const struct vector *cols,
                                  size_t row, struct laminar_error *err)
{
    uint32_t from = (uint32_t)row, new_slot;
    int64_t weight = row_weight(state_rows_at(rows, slot));
    /* the row added below isn't one more; its weight is positive */
    size_t n_heavy = rows->n_heavy, n_rows = rows->state.n_rows;
    int64_t weight_sum = rows->weight_sum;
    if (!state_rows_write(rows, slot)) return state_rows_failed(rows, err);
    /* The new row is made beside the old one, then the bytes change places, so that a failure leaves the old one. */
    laminar_status status = state_rows_add(rows, cols, &from, 1, NULL, &new_slot, err);
    if (status != LAMINAR_OK) return status;
    uint8_t *old_row = state_rows_at(rows, slot), *new_row = state_rows_at(rows, new_slot);
    free_strings(rows, slot);
    if (rows->layout.counter_offset)
        memcpy(row_counter(&rows->layout, new_row), row_counter(&rows->layout, old_row), 8);
    memcpy(old_row, new_row, rows->layout.row_bytes);
    memcpy(old_row, &weight, 8);
    memset(new_row, 0, rows->layout.row_bytes);
    give_slot(rows, new_slot);
    rows->n_heavy = n_heavy;
    rows->state.n_rows = n_rows;
    rows->weight_sum = weight_sum;
    return LAMINAR_OK;
}

laminar_status state_rows_set_weight(struct state_rows *rows, uint32_t slot, int64_t weight,
                                     struct laminar_error *err)
{
    uint8_t *row = state_rows_write(rows, slot);
    if (!row) return state_rows_failed(rows, err);
    int64_t before = row_weight(row);
    assert(before != 0 && weight != 0);
    rows->n_heavy = rows->n_heavy - (before != 1) + (weight != 1);
    rows->n_negative = rows->n_negative - (before < 0) + (weight < 0);
    rows->weight_sum += weight - before;
    memcpy(row, &weight, 8);
    return LAMINAR_OK;
}

laminar_status state_rows_drop(struct state_rows *rows, uint32_t slot, struct laminar_error *err)
{
    uint8_t *row = state_rows_write(rows, slot);
    if (!row) return state_rows_failed(rows, err);
    int64_t weight = row_weight(row);
    assert(weight != 0);
    rows->n_heavy -= weight != 1;
    rows->n_negative -= weight < 0;
    rows->weight_sum -= weight;
    rows->state.n_rows--;
    if (rows->layout.has_heap) free_strings(rows, slot);
    memset(row, 0, rows->layout.row_bytes);
    give_slot(rows, slot);
    return LAMINAR_OK;
}

void state_rows_clear(struct state_rows *rows)
{
    /* Snapshots may still read heap bytes, so strings go back one by one through limbo. */
    uint32_t slots[256];
    uint64_t cursor = 0;
    bool has_strings = rows->layout.has_heap && !rows->cold;
    for (size_t n; has_strings && (n = state_rows_scan(rows, &cursor, slots, 256)) > 0;)
        for (size_t i = 0; i < n; i++) free_strings(rows, slots[i]);
    if (rows->cold)
        cold_rows_leave(rows);
    else
        state_rows_free_pages(rows);
    rows->n_slots = 0;
    rows->free_head = ROW_NONE;
    rows->n_heavy = rows->n_negative = rows->state.n_rows = 0;
    rows->weight_sum = 0;
    if (rows->index && rows->index->clear) rows->index->clear(rows);
    state_rows_count_bytes(rows);
}

size_t state_rows_scan(const struct state_rows *rows, uint64_t *cursor, uint32_t *slots, size_t n)
{
    size_t n_found = 0;
    for (; n_found < n && *cursor < rows->n_slots; (*cursor)++)
        if (rows->cold ? cold_rows_is_live(rows->cold, *cursor)
                       : row_weight(state_rows_at(rows, (uint32_t)*cursor)) != 0)
            slots[n_found++] = (uint32_t)*cursor;
    return n_found;
}
