/* state_rows_file.c - freezing the rows of state_rows, reading a frozen table, writing it out and restoring it.
 *
 * A snapshot holds a reference on every page: O(pages) to make; the table copies a page before it writes to it again. Heap bytes that
 * the pages refer to are kept by the core (limbo).
 *
 * Pieces, all integers little-endian:
 *   kind 0, page 0: head: u32 version, u32 columns, u32 bytes a row, u32 page shift, u64 slots, u64 rows, then a column: u8 type, unit, precision, scale
 *   kind 1, page i: the page's rows as they lie, pointers of long strings zeroed; then, row by row and column by column, the bytes of long strings
 * Pages of a cold table are small, and pieces are of as many of them as make up a large one: a checkpoint looks the same whether the table was cold or
 * not. What is in the file is read from there, a small page at a time; snapshots share it (spill_shared).
 * Restoring trusts nothing: sizes, weights, booleans, text and strings' sizes are checked, prefixes are made again. */
#include "base/error.h"
#include "exec/state_rows_cold.h"
#include "vector/text.h"

enum { ROWS_FORMAT = 1, ROWS_HEAD_BYTES = 32, PIECE_HEAD = 0, PIECE_PAGE = 1 };
/* a scan reads so many pages from the file at once */
enum { LOADED_MAX = 64 };

#define WEIGHT_MAX                                                                                 \
    (INT64_C(1) << 31) /* of one row in a file, so that sums of 2^32 rows can't overflow */

struct rows_snapshot {
    struct state_snapshot head;
    struct row_layout layout;  /* own copy of the columns */
    struct state_page **pages; /* NULL in a cold table: in the file, or without a live row */
    /* of pages that are only there, referenced; NULL: the table isn't cold */
    struct spill_shared **pieces;
    uint64_t *versions;
    size_t n_pages;
    uint32_t page_shift;
    uint32_t piece_shift; /* rows of a piece: 1 << piece_shift */
    uint32_t n_slots;
    size_t n_rows;
    struct state_page *loaded[LOADED_MAX]; /* by the last scan */
    size_t n_loaded;
    struct strbuf buf;
};

static struct state_rows *rows_of(struct state *state)
{
    return CONTAINER_OF(state, struct state_rows, state);
}

static void drop_loaded(struct rows_snapshot *snapshot)
{
    while (snapshot->n_loaded > 0) state_page_unref(snapshot->loaded[--snapshot->n_loaded]);
}

static void snapshot_free(struct rows_snapshot *snapshot)
{
    mem_free(snapshot->pages);
    mem_free(snapshot->pieces);
    mem_free(snapshot->versions);
    mem_free(snapshot->layout.cols);
    strbuf_deinit(&snapshot->buf);
    mem_free(snapshot);
}

static void rows_release(struct state_snapshot *head)
{
    struct rows_snapshot *snapshot = CONTAINER_OF(head, struct rows_snapshot, head);
    drop_loaded(snapshot);
    for (size_t i = 0; i < snapshot->n_pages; i++) {
        state_page_unref(snapshot->pages[i]);
        if (snapshot->pieces) spill_shared_unref(snapshot->pieces[i]);
    }
    state_snapshot_leave(head);
    snapshot_free(snapshot);
}

/* Takes page i of a cold table. */
static void freeze_cold(struct rows_snapshot *snapshot, const struct rows_cold_page *page, size_t i)
{
    snapshot->pages[i] = page->page;
    snapshot->pieces[i] = NULL;
    if (page->page)
        atomic_fetch_add_explicit(&page->page->refs, 1, memory_order_relaxed);
    else if (page->piece)
        snapshot->pieces[i] = spill_shared_ref(page->piece);
}

static laminar_status rows_freeze(struct state *state, struct state_snapshot **out,
                                  struct laminar_error *err)
{
    struct state_rows *rows = rows_of(state);
    struct rows_snapshot *snapshot = mem_calloc(1, sizeof *snapshot);
    if (!snapshot) return error_oom(err);
    snapshot->layout = rows->layout;
    snapshot->layout.cols = mem_alloc(rows->layout.n_cols * sizeof(struct row_col));
    snapshot->pages = mem_alloc(rows->n_pages * sizeof *snapshot->pages);
    snapshot->versions = mem_alloc(rows->n_pages * sizeof *snapshot->versions);
    if (rows->cold) snapshot->pieces = mem_alloc(rows->n_pages * sizeof *snapshot->pieces);
    if (!snapshot->layout.cols || !snapshot->pages || !snapshot->versions ||
        (rows->cold && !snapshot->pieces)) {
        snapshot_free(snapshot);
        return error_oom(err);
    }
    memcpy(snapshot->layout.cols, rows->layout.cols, rows->layout.n_cols * sizeof(struct row_col));
    snapshot->n_pages = rows->n_pages;
    snapshot->page_shift = rows->page_shift;
    snapshot->piece_shift = rows->cold ? rows->cold->warm_shift : rows->page_shift;
    snapshot->n_slots = rows->n_slots;
    snapshot->n_rows = rows->state.n_rows;
    for (size_t i = 0; i < rows->n_pages; i++) {
        snapshot->versions[i] = rows->pages[i].version;
        if (rows->cold) {
            freeze_cold(snapshot, &rows->cold->pages[i], i);
            continue;
        }
        atomic_fetch_add_explicit(&rows->pages[i].page->refs, 1, memory_order_relaxed);
        snapshot->pages[i] = rows->pages[i].page;
    }
    state_snapshot_enter(&snapshot->head, &state_rows_class, rows->core);
    *out = &snapshot->head;
    return LAMINAR_OK;
}

const struct row_layout *state_rows_snapshot_layout(const struct state_snapshot *head)
{
    return &CONTAINER_OF(head, struct rows_snapshot, head)->layout;
}

/* Page i, read from the file if it is there; NULL in *out: it has no live row. A page that was read is the caller's. */
static laminar_status snapshot_page(struct rows_snapshot *snapshot, size_t i,
                                    const struct state_page **out, struct state_page **read,
                                    struct laminar_error *err)
{
    *read = NULL;
    *out = snapshot->pages[i];
    if (*out || !snapshot->pieces || !snapshot->pieces[i]) return LAMINAR_OK;
    const struct spill_shared *shared = snapshot->pieces[i];
    strbuf_clear(&snapshot->buf);
    if (!strbuf_reserve(&snapshot->buf, shared->piece.size)) {
        strbuf_deinit(&snapshot->buf);
        return error_oom(err);
    }
    laminar_status status = spill_read(shared->spill, &shared->piece, snapshot->buf.data, err);
    if (status != LAMINAR_OK) return status;
    *read = rows_page_decode(&snapshot->layout, 1U << snapshot->page_shift,
                             (const uint8_t *)snapshot->buf.data, shared->piece.size,
                             snapshot->head.core->account);
    *out = *read;
    return *read ? LAMINAR_OK : error_oom(err);
}

laminar_status state_rows_snapshot_scan(struct state_snapshot *head, uint64_t *cursor,
                                        const uint8_t **addresses, size_t n, size_t *n_found,
                                        struct laminar_error *err)
{
    struct rows_snapshot *snapshot = CONTAINER_OF(head, struct rows_snapshot, head);
    const uint32_t in_page = (1U << snapshot->page_shift) - 1;
    *n_found = 0;
    drop_loaded(snapshot);
    while (*n_found < n && *cursor < snapshot->n_slots) {
        const struct state_page *page;
        struct state_page *read;
        uint64_t end = (*cursor | in_page) + 1;
        if (end > snapshot->n_slots) end = snapshot->n_slots;
        if (snapshot->n_loaded == LOADED_MAX && *n_found > 0) break;
        if (snapshot->n_loaded == LOADED_MAX) drop_loaded(snapshot);
        laminar_status status = snapshot_page(snapshot, (size_t)(*cursor >> snapshot->page_shift),
                                              &page, &read, err);
        if (status != LAMINAR_OK) return status;
        if (read) snapshot->loaded[snapshot->n_loaded++] = read;
        if (!page) *cursor = end;
        for (; *n_found < n && *cursor < end; (*cursor)++) {
            const uint8_t *row = page->data +
                                 (*cursor & in_page) * (size_t)snapshot->layout.row_bytes;
            if (row_weight(row)) addresses[(*n_found)++] = row;
        }
    }
    return LAMINAR_OK;
}

/* --- Writing ----------------------------------------------------------------------------------------------------------------------------- */

static void put_u32(struct strbuf *out, uint32_t v) { strbuf_append(out, (const char *)&v, 4); }
static void put_u64(struct strbuf *out, uint64_t v) { strbuf_append(out, (const char *)&v, 8); }

static void encode_head(const struct rows_snapshot *snapshot, struct strbuf *out)
{
    put_u32(out, ROWS_FORMAT);
    put_u32(out, snapshot->layout.n_cols);
    put_u32(out, snapshot->layout.row_bytes);
    put_u32(out, snapshot->piece_shift);
    put_u64(out, snapshot->n_slots);
    put_u64(out, snapshot->n_rows);
    for (uint32_t c = 0; c < snapshot->layout.n_cols; c++) {
        struct data_type type = snapshot->layout.cols[c].type;
        uint8_t bytes[4] = {type.id, type.unit, type.precision, (uint8_t)type.scale};
        strbuf_append(out, (const char *)bytes, 4);
    }
}

static size_t page_rows(uint64_t n_slots, uint32_t page_shift, size_t page)
{
    uint64_t first = (uint64_t)page << page_shift, rows_max = (uint64_t)1 << page_shift;
    if (first >= n_slots) return 0;
    return (size_t)(n_slots - first < rows_max ? n_slots - first : rows_max);
}

/* Behind them in out their n rows; the bytes of their long strings go to `strings`. */
static void encode_rows(const struct row_layout *layout, const uint8_t *data, size_t n,
                        struct strbuf *out, struct strbuf *strings)
{
    size_t start = out->size;
    strbuf_append(out, (const char *)data, n * layout->row_bytes);
    if (out->failed || !layout->has_heap) return;
    for (size_t i = 0; i < n; i++) {
        size_t offset = i * layout->row_bytes;
        if (!row_weight(data + offset)) continue;
        for (uint32_t c = 0; c < layout->n_cols; c++) {
            const struct string_view *view = (const void *)(data + offset + layout->cols[c].offset);
            if (layout->cols[c].phys != PHYS_STRING || view->size <= STRING_INLINE_MAX) continue;
            strbuf_append(strings, view->ptr, view->size);
            if (strings->failed) return;
            memset(out->data + start + offset + layout->cols[c].offset +
                       offsetof(struct string_view, ptr),
                   0, sizeof view->ptr);
        }
    }
}

/* Piece i: of one page, or of the small pages of a cold table. */
static laminar_status encode_piece(struct rows_snapshot *snapshot, size_t piece, struct strbuf *out,
                                   struct strbuf *strings, struct laminar_error *err)
{
    uint32_t up = snapshot->piece_shift - snapshot->page_shift;
    size_t first = piece << up, end = (piece + 1) << up;
    strbuf_clear(out);
    strbuf_clear(strings);
    for (size_t i = first; i < end && i < snapshot->n_pages; i++) {
        const struct state_page *page;
        struct state_page *read;
        size_t n = page_rows(snapshot->n_slots, snapshot->page_shift, i);
        laminar_status status = snapshot_page(snapshot, i, &page, &read, err);
        if (status != LAMINAR_OK) return status;
        size_t bytes = n * snapshot->layout.row_bytes;
        char *zeros = page ? NULL : strbuf_reserve(out, bytes);
        if (page) {
            encode_rows(&snapshot->layout, page->data, n, out, strings);
        } else if (zeros) {
            memset(zeros, 0, bytes);
            out->size += bytes;
        }
        state_page_unref(read);
    }
    if (strings->size) strbuf_append(out, strings->data, strings->size);
    return out->failed || strings->failed ? error_oom(err) : LAMINAR_OK;
}

static uint64_t piece_version(const struct rows_snapshot *snapshot, size_t piece)
{
    uint32_t up = snapshot->piece_shift - snapshot->page_shift;
    uint64_t version = 0;
    for (size_t i = piece << up; i < (piece + 1) << up && i < snapshot->n_pages; i++)
        if (snapshot->versions[i] > version) version = snapshot->versions[i];
    return version;
}

static laminar_status rows_write(struct state_snapshot *head, struct state_sink *sink,
                                 struct laminar_error *err)
{
    struct rows_snapshot *snapshot = CONTAINER_OF(head, struct rows_snapshot, head);
    struct strbuf buf = {0}, strings = {0};
    size_t n_pieces = (size_t)(((uint64_t)snapshot->n_pages +
                                ((size_t)1 << (snapshot->piece_shift - snapshot->page_shift)) -
                                1) >>
                               (snapshot->piece_shift - snapshot->page_shift));
    laminar_status status = LAMINAR_OK;
    encode_head(snapshot, &buf);
    if (buf.failed) TRY(error_oom(err));
    TRY(sink->write(sink, PIECE_HEAD, 0, head->epoch, buf.data, buf.size, err));
    for (size_t piece = 0; piece < n_pieces; piece++) {
        uint64_t version = piece_version(snapshot, piece);
        if (state_sink_has(sink, PIECE_PAGE, piece, version)) continue;
        TRY(encode_piece(snapshot, piece, &buf, &strings, err));
        if (buf.size) TRY(sink->write(sink, PIECE_PAGE, piece, version, buf.data, buf.size, err));
    }
done:
    strbuf_deinit(&buf);
    strbuf_deinit(&strings);
    return status;
}

/* --- Restoring --------------------------------------------------------------------------------------------------------------------------- */

static laminar_status corrupt(const struct state_rows *rows, const char *what,
                              struct laminar_error *err)
{
    return error_set(err, LAMINAR_CHECKPOINT_FAILED, "state '%s' can't be restored: %s",
                     rows->state.name, what);
}

static uint32_t piece_shift(const struct state_rows *rows)
{
    return rows->cold ? rows->cold->warm_shift : rows->page_shift;
}

static laminar_status decode_head(struct state_rows *rows, const uint8_t *data, size_t size,
                                  uint64_t *n_slots, uint64_t *n_rows, struct laminar_error *err)
{
    uint32_t words[4];
    if (size != ROWS_HEAD_BYTES + (size_t)rows->layout.n_cols * 4)
        return corrupt(rows, "its head has another size", err);
    memcpy(words, data, 16);
    memcpy(n_slots, data + 16, 8);
    memcpy(n_rows, data + 24, 8);
    if (words[0] != ROWS_FORMAT) return corrupt(rows, "unknown format version", err);
    if (words[1] != rows->layout.n_cols || words[2] != rows->layout.row_bytes ||
        words[3] != piece_shift(rows))
        return corrupt(rows, "its rows have another shape", err);
    for (uint32_t c = 0; c < rows->layout.n_cols; c++) {
        struct data_type type = rows->layout.cols[c].type;
        uint8_t bytes[4] = {type.id, type.unit, type.precision, (uint8_t)type.scale};
        if (memcmp(data + ROWS_HEAD_BYTES + (size_t)c * 4, bytes, 4) != 0)
            return corrupt(rows, "a column has another type", err);
    }
    if (*n_slots >= ROW_NONE || *n_rows > *n_slots)
        return corrupt(rows, "impossible number of rows", err);
    return LAMINAR_OK;
}

/* Checks one value in place and gives a long string heap memory. */
static laminar_status decode_value(struct state_rows *rows, const struct row_col *col,
                                   bool is_valid, uint8_t *at, const uint8_t **tail,
                                   const uint8_t *end, struct laminar_error *err)
{
    if (col->phys == PHYS_BOOL && *at > 1)
        return corrupt(rows, "a boolean is neither true nor false", err);
    if (col->phys != PHYS_STRING) return LAMINAR_OK;
    struct string_view *view = (void *)at;
    uint32_t size = view->size;
    char inline_bytes[STRING_INLINE_MAX];
    const char *bytes = inline_bytes;
    if (size <= STRING_INLINE_MAX) {
        memcpy(inline_bytes, view->prefix, STRING_INLINE_MAX);
    } else {
        if (size > (size_t)(end - *tail)) {
            *view = (struct string_view){0};
            return corrupt(rows, "a string reaches beyond its page", err);
        }
        char *copy = state_heap_alloc(rows->core, size);
        *view = (struct string_view){0};
        if (!copy) return error_oom(err);
        memcpy(copy, *tail, size);
        *tail += size;
        bytes = copy;
    }
    *view = string_make(bytes, size);
    if (!is_valid && size) return corrupt(rows, "a null has bytes", err);
    bool is_text = col->type.id == LAMINAR_TYPE_VARCHAR || col->type.id == LAMINAR_TYPE_JSON;
    if (is_text && !utf8_validate(bytes, size)) return corrupt(rows, "a string isn't UTF-8", err);
    if (col->is_encoded && is_valid) { /* decoding is the check */
        struct column probe = {0};
        size_t used = 0;
        laminar_status status = column_init(&probe, col->type, err);
        if (status == LAMINAR_OK)
            status = value_decode(&probe, (const uint8_t *)bytes, size, &used, err);
        column_deinit(&probe);
        if (status == LAMINAR_OUT_OF_MEMORY) return status;
        if (status != LAMINAR_OK || used != size)
            return corrupt(rows, "a nested value is malformed", err);
    }
    return LAMINAR_OK;
}

static laminar_status decode_page(struct state_rows *rows, size_t n, const uint8_t *data,
                                  size_t size, struct laminar_error *err)
{
    const struct row_layout *layout = &rows->layout;
    if (size < n * layout->row_bytes) return corrupt(rows, "a page is too short", err);
    while (((uint64_t)rows->n_pages << rows->page_shift) < (uint64_t)rows->n_slots + n)
        if (!state_rows_add_page(rows)) return error_oom(err);
    const uint8_t *tail = data + n * layout->row_bytes, *end = data + size;
    for (size_t i = 0; i < n; i++) {
        int64_t weight;
        memcpy(&weight, data + i * layout->row_bytes, 8);
        if (weight > WEIGHT_MAX || weight < -WEIGHT_MAX)
            return corrupt(rows, "an impossible weight", err);
        uint32_t slot = rows->n_slots++;
        uint8_t *row = state_rows_at(rows, slot);
        if (weight == 0) { /* linked as free slots afterwards */
            memset(row, 0, layout->row_bytes);
            if (rows->cold) cold_rows_give_slot(rows, slot);
            continue;
        }
        memcpy(row, data + i * layout->row_bytes, layout->row_bytes);
        if (rows->cold) cold_rows_set_live(rows, slot);
        /* Strings that aren't reached yet must not look like heap memory to the clean-up after a failure. */
        uint8_t *from = (uint8_t *)(uintptr_t)(data + i * layout->row_bytes);
        for (uint32_t c = 0; c < layout->n_cols; c++)
            if (layout->cols[c].phys == PHYS_STRING) memset(row + layout->cols[c].offset, 0, 16);
        rows->state.n_rows++;
        rows->n_heavy += weight != 1;
        rows->n_negative += weight < 0;
        rows->weight_sum += weight;
        for (uint32_t c = 0; c < layout->n_cols; c++) {
            const struct row_col *col = &layout->cols[c];
            if (col->phys == PHYS_STRING) memcpy(row + col->offset, from + col->offset, 16);
            laminar_status status = decode_value(rows, col, row_is_valid(layout, row, c),
                                                 row + col->offset, &tail, end, err);
            if (status != LAMINAR_OK) return status;
        }
    }
    return tail == end ? LAMINAR_OK : corrupt(rows, "a page is too long", err);
}

static laminar_status rows_restore(struct state *state, struct state_source *source,
                                   struct laminar_error *err)
{
    struct state_rows *rows = rows_of(state);
    uint32_t kind;
    uint64_t page, n_slots = 0, n_rows = 0;
    const void *data;
    size_t size;
    laminar_status status;
    ENSURE(rows->n_slots == 0, err);
    TRY(source->read(source, &kind, &page, &data, &size, err));
    if (size == 0 || kind != PIECE_HEAD) TRY(corrupt(rows, "its head is missing", err));
    TRY(decode_head(rows, data, size, &n_slots, &n_rows, err));
    rows->is_restoring = true;
    for (size_t at = 0; rows->n_slots < n_slots; at++) {
        TRY(source->read(source, &kind, &page, &data, &size, err));
        if (size == 0 || kind != PIECE_PAGE || page != at)
            TRY(corrupt(rows, "a page is missing", err));
        TRY(decode_page(rows, page_rows(n_slots, piece_shift(rows), at), data, size, err));
        (void)!state_rows_relax(rows, NULL); /* what can't be written stays in memory */
    }
    TRY(source->read(source, &kind, &page, &data, &size, err));
    if (size != 0) TRY(corrupt(rows, "there is more than it should have", err));
    if (rows->state.n_rows != n_rows) TRY(corrupt(rows, "rows are missing", err));
    for (uint32_t slot = rows->cold ? 0 : rows->n_slots; slot-- > 0;) {
        if (row_weight(state_rows_at(rows, slot))) continue;
        *state_rows_change_link(rows, slot) = (struct row_link){.next = rows->free_head,
                                                                .prev = ROW_NONE};
        rows->free_head = slot;
    }
    state_rows_count_bytes(rows);
    if (rows->index && rows->index->rebuild) TRY(rows->index->rebuild(rows, err));
    TRY(state_rows_error(rows, err));
    rows->is_restoring = false;
    return LAMINAR_OK;
done:
    rows->is_restoring = false;
    state_rows_clear(rows);
    return status;
}

/* --- The class --------------------------------------------------------------------------------------------------------------------------- */

static void rows_clear(struct state *state) { state_rows_clear(rows_of(state)); }

static void rows_free(struct state *state)
{
    struct state_rows *rows = rows_of(state);
    assert(rows->index && rows->index->free);
    rows->index->free(rows);
}

static bool rows_are_sound(const struct state_rows *rows)
{
    const struct state *state = &rows->state;
    size_t n_live = 0, n_heavy = 0, n_free = 0;
    int64_t sum = 0;
    for (uint32_t slot = 0; slot < rows->n_slots; slot++) {
        bool is_dead = rows->cold && !cold_rows_is_live(rows->cold, slot);
        n_free += is_dead;
        if (is_dead) continue;
        int64_t weight = row_weight(state_rows_at(rows, slot));
        n_live += weight != 0;
        n_heavy += weight != 0 && weight != 1;
        sum += weight;
    }
    for (uint32_t slot = rows->free_head; slot != ROW_NONE;
         slot = state_rows_link(rows, slot)->next) {
        if (slot >= rows->n_slots || row_weight(state_rows_at(rows, slot)) ||
            n_free > rows->n_slots)
            return false;
        n_free++;
    }
    if (rows->cold && rows->cold->n_free != n_free) return false;
    if (n_live != state->n_rows || n_heavy != rows->n_heavy || sum != rows->weight_sum ||
        n_live + n_free != rows->n_slots)
        return false;
    return !rows->index || !rows->index->check || rows->index->check(rows);
}

static bool rows_check(const struct state *state)
{
    const struct state_rows *rows = CONTAINER_OF(state, struct state_rows, state);
    if (!rows->cold) return rows_are_sound(rows);
    rows->cold->status = LAMINAR_OK;
    bool is_sound = rows_are_sound(rows);
    /* what can't be read while it is checked can't be judged */
    return is_sound || rows->cold->status != LAMINAR_OK;
}

static size_t rows_bytes(const struct state *state)
{
    const struct state_rows *rows = CONTAINER_OF(state, struct state_rows, state);
    return rows->cold ? cold_rows_bytes(rows) : state->bytes;
}

const struct state_class state_rows_class = {.name = "rows",
                                             .bytes = rows_bytes,
                                             .spill = cold_rows_spill,
                                             .freeze = rows_freeze,
                                             .write = rows_write,
                                             .release = rows_release,
                                             .restore = rows_restore,
                                             .clear = rows_clear,
                                             .free = rows_free,
                                             .check = rows_check};
