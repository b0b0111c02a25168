/* state_hash_io.c - freezing a state_hash, writing a frozen one, and reading it back.
 *
 * Freeze takes a reference on every page and marks it shared: O(pages). Payloads that hold pointers (options.encode) can change behind a
 * frozen page, so for such tables freeze serialises all rows at once: O(rows).
 * Pieces: (META_PIECE, 0): shape and counts; (PAGE_PIECE, i): the live rows of page i. Row: u32 slot in page | header and keys as in the page, pointers
 * zeroed | bytes of long strings | payload, or u32 size and encoded payload. Little-endian.
 * Pages of a cold table are small, and pieces are of as many of them as make up a large one: a checkpoint looks the same whether the table was cold or
 * not. What is in the file is copied from there, row by row, without a page in memory; snapshots share it (spill_shared).
 * Slots survive, because other tables of the operator refer to them. What is read is validated: shape, counts, UTF-8, duplicate keys. */
#include "base/error.h"
#include "exec/state_hash_cold.h"
#include <string.h>

enum { META_PIECE = 0, PAGE_PIECE = 1, META_MAGIC = 0x3148534C /* "LSH1" */ };

struct hash_snapshot {
    struct state_snapshot head; /* first */
    struct hash_layout *layout; /* referenced */
    struct strbuf *encoded;     /* per page, for tables with encode; else NULL */
    struct state_page **pages;  /* referenced; NULL for tables with encode */
    const uint8_t **rows;       /* of each page */
    /* cold tables: of pages that are only there, or that are encoded in it as they are; referenced. Else NULL */
    struct spill_shared **pieces;
    uint32_t piece_shift; /* slots of a piece: 1 << piece_shift */
    uint64_t *versions;
    uint64_t *live;
    size_t n_pages;
    uint64_t n_slots, n_rows;
};

static void put_u32(struct strbuf *out, uint32_t value)
{
    strbuf_append(out, (const char *)&value, 4);
}
static void put_u64(struct strbuf *out, uint64_t value)
{
    strbuf_append(out, (const char *)&value, 8);
}

/* --- Pages to bytes ------------------------------------------------------------------------------------------------------------------ */

/* A spilled page keeps its hashes. */
static void write_row_keys(const struct hash_layout *layout, const uint8_t *row, bool keeps_hash,
                           struct strbuf *out)
{
    char *fixed = strbuf_reserve(out, layout->payload_offset);
    if (!fixed) return;
    memcpy(fixed, row, layout->payload_offset);
    out->size += layout->payload_offset;
    size_t at = out->size - layout->payload_offset;
    uint64_t header = row_header(row);
    if (!keeps_hash) header &= ~HEADER_HASH_MASK; /* hashes are of this process only */
    memcpy(out->data + at, &header, 8);
    for (uint32_t k = 0; layout->has_strings && k < layout->n_keys; k++) {
        const struct hash_key *key = &layout->keys[k];
        if ((key->form != KEY_STRING && key->form != KEY_ENCODED) ||
            row_key_is_null(layout, row, k))
            continue;
        struct string_view view;
        memcpy(&view, row + key->offset, sizeof view);
        if (view.size <= STRING_INLINE_MAX) continue;
        strbuf_append(out, view.ptr, view.size);
        if (out->failed) return;
        memset(out->data + at + key->offset + offsetof(struct string_view, ptr), 0,
               sizeof view.ptr);
    }
}

/* Rows of one page, of the piece whose slots begin at `base`; encode, ctx: NULL for plain payloads. */
static laminar_status write_rows(const struct hash_layout *layout, const uint8_t *data,
                                 const uint64_t *live, uint64_t first, uint64_t n_slots,
                                 uint64_t base, bool keeps_hash,
                                 const struct state_hash_options *options, struct strbuf *out,
                                 uint32_t *n_out, struct laminar_error *err)
{
    uint64_t end = first + ((uint64_t)1 << layout->page_shift);
    if (end > n_slots) end = n_slots;
    for (uint64_t s = first; s < end; s++) {
        if (!(live[s >> 6] >> (s & 63) & 1)) continue;
        const uint8_t *row = data + (s - first) * layout->row_bytes;
        put_u32(out, (uint32_t)(s - base));
        write_row_keys(layout, row, keeps_hash, out);
        if (options && options->encode) {
            size_t at = out->size;
            put_u32(out, 0);
            laminar_status status = options->encode(options->ctx, row + layout->payload_offset, out,
                                                    err);
            if (status) return status;
            if (out->failed) return error_oom(err);
            uint32_t size = (uint32_t)(out->size - at - 4);
            memcpy(out->data + at, &size, 4);
        } else {
            strbuf_append(out, (const char *)row + layout->payload_offset, layout->payload_bytes);
        }
        ++*n_out;
    }
    return out->failed ? error_oom(err) : LAMINAR_OK;
}

static laminar_status write_page(const struct hash_layout *layout, const uint8_t *data,
                                 const uint64_t *live, uint64_t first, uint64_t n_slots,
                                 bool keeps_hash, const struct state_hash_options *options,
                                 struct strbuf *out, struct laminar_error *err)
{
    uint32_t n = 0;
    size_t start = out->size;
    put_u32(out, 0);
    laminar_status status = write_rows(layout, data, live, first, n_slots, first, keeps_hash,
                                       options, out, &n, err);
    if (status == LAMINAR_OK) memcpy(out->data + start, &n, 4);
    return status;
}

/* --- Pages of a cold table ---------------------------------------------------------------------------------------------------------------- */

struct page_row { /* of the bytes of a page, which this process has written */
    uint32_t in_page;
    const uint8_t *row, *strings, *payload;
    size_t string_bytes;
    uint32_t payload_bytes;
};
static const uint8_t *next_row(const struct hash_layout *layout, bool is_encoded, const uint8_t *at,
                               struct page_row *out)
{
    memcpy(&out->in_page, at, 4);
    out->row = at + 4;
    out->strings = out->row + layout->payload_offset;
    out->string_bytes = 0;
    for (uint32_t k = 0; layout->has_strings && k < layout->n_keys; k++) {
        struct string_view view;
        if (hash_key_long(layout, out->row, k, &view)) out->string_bytes += view.size;
    }
    out->payload = out->strings + out->string_bytes;
    out->payload_bytes = layout->payload_bytes;
    if (is_encoded) {
        memcpy(&out->payload_bytes, out->payload, 4);
        out->payload += 4;
    }
    return out->payload + out->payload_bytes;
}

/* Rows of a page's bytes, for a checkpoint: by their place in the piece, without hashes. */
static laminar_status append_rows(const struct hash_layout *layout, bool is_encoded,
                                  const struct strbuf *page, uint32_t place, struct strbuf *out,
                                  uint32_t *n_out, struct laminar_error *err)
{
    uint32_t n;
    memcpy(&n, page->data, 4);
    const uint8_t *at = (const uint8_t *)page->data + 4;
    for (uint32_t i = 0; i < n; i++) {
        struct page_row row;
        const uint8_t *end = next_row(layout, is_encoded, at, &row);
        uint64_t header = row_header(row.row) & ~HEADER_HASH_MASK;
        put_u32(out, place + row.in_page);
        put_u64(out, header);
        strbuf_append(out, (const char *)row.row + 8, (size_t)(end - row.row) - 8);
        at = end;
    }
    *n_out += n;
    return out->failed ? error_oom(err) : LAMINAR_OK;
}

laminar_status hash_page_encode(struct state_hash *t, size_t i, struct strbuf *out,
                                struct laminar_error *err)
{
    uint64_t first = (uint64_t)i << t->layout->page_shift;
    return write_page(t->layout, row_at(t, first), t->live, first, t->n_slots, true, &t->options,
                      out, err);
}

static laminar_status read_payload(struct state_hash *t, uint8_t *payload,
                                   const struct page_row *row, struct laminar_error *err)
{
    size_t used;
    if (!t->options.decode) {
        memcpy(payload, row->payload, t->layout->payload_bytes);
        return LAMINAR_OK;
    }
    memset(payload, 0, t->layout->payload_bytes);
    return t->options.decode(t->options.ctx, &t->core->heap, payload, row->payload,
                             row->payload_bytes, &used, err);
}

laminar_status hash_page_decode(struct state_hash *t, size_t i, const struct strbuf *bytes,
                                struct state_page **out, struct laminar_error *err)
{
    (void)i;
    const struct hash_layout *layout = t->layout;
    bool is_encoded = t->options.encode != NULL;
    const uint8_t *rows = (const uint8_t *)bytes->data + 4, *at = rows;
    size_t rows_size = (size_t)layout->row_bytes << layout->page_shift, strings = 0;
    uint32_t n;
    struct page_row row;
    memcpy(&n, bytes->data, 4);
    for (uint32_t k = 0; k < n; k++) {
        at = next_row(layout, is_encoded, at, &row);
        strings += row.string_bytes;
    }
    struct state_page *page = state_page_create(t->base.account, rows_size + strings);
    if (!page) return error_oom(err);
    uint8_t *tail = page->data + rows_size;
    at = rows;
    for (uint32_t k = 0; k < n; k++) {
        at = next_row(layout, is_encoded, at, &row);
        uint8_t *to = page->data + (size_t)row.in_page * layout->row_bytes;
        memcpy(to, row.row, layout->payload_offset);
        if (row.string_bytes) memcpy(tail, row.strings, row.string_bytes);
        for (uint32_t key = 0; row.string_bytes && key < layout->n_keys; key++) {
            struct string_view view;
            if (!hash_key_long(layout, to, key, &view)) continue;
            view.ptr = (const char *)tail;
            memcpy(to + layout->keys[key].offset, &view, sizeof view);
            tail += view.size;
        }
        laminar_status status = read_payload(t, to + layout->payload_offset, &row, err);
        if (status == LAMINAR_OK) continue;
        at = rows;
        for (uint32_t j = 0; j <= k && t->options.destroy; j++) {
            at = next_row(layout, is_encoded, at, &row);
            t->options.destroy(t->options.ctx, &t->core->heap,
                               page->data + (size_t)row.in_page * layout->row_bytes +
                                   layout->payload_offset);
        }
        state_page_unref(page);
        return status;
    }
    *out = page;
    return LAMINAR_OK;
}

/* --- Freeze ----------------------------------------------------------------------------------------------------------------------------- */

static void snapshot_free(struct hash_snapshot *s)
{
    for (size_t i = 0; i < s->n_pages; i++) {
        if (s->pages) state_page_unref(s->pages[i]);
        if (s->encoded) strbuf_deinit(&s->encoded[i]);
        if (s->pieces) spill_shared_unref(s->pieces[i]);
    }
    hash_layout_unref(s->layout);
    mem_free(s->pages);
    mem_free(s->rows);
    mem_free(s->pieces);
    mem_free(s->encoded);
    mem_free(s->versions);
    mem_free(s->live);
    mem_free(s);
}

void state_hash_release(struct state_snapshot *snapshot)
{
    state_snapshot_leave(snapshot); /* the core may go with it: nothing below touches it */
    snapshot_free((struct hash_snapshot *)snapshot);
}

/* A page that is in memory is shared there, or, where rows can't be shared, encoded. */
static laminar_status freeze_page(struct state_hash *t, struct hash_snapshot *s, size_t i,
                                  struct laminar_error *err)
{
    struct cold_page *cold = t->cold ? &t->cold->pages[i] : NULL;
    if (cold && cold->piece && (s->encoded || !cold->page)) {
        s->pieces[i] = spill_shared_ref(cold->piece);
        return LAMINAR_OK;
    }
    if (!s->encoded) {
        struct state_page *page = cold ? cold->page : page_of_data(t->pages[i]);
        atomic_fetch_add_explicit(&page->refs, 1, memory_order_relaxed);
        s->pages[i] = page;
        s->rows[i] = (const uint8_t *)(t->pages[i] & ~(uintptr_t)1);
        t->pages[i] |= 1;
        return LAMINAR_OK;
    }
    uint64_t first = (uint64_t)i << t->layout->page_shift;
    /* A row of such a table may change behind our back: the page counts as changed from here on. */
    t->versions[i] = t->core->epoch + 1;
    return write_page(t->layout, row_at(t, first), t->live, first, t->n_slots, false, &t->options,
                      &s->encoded[i], err);
}

laminar_status state_hash_freeze(struct state *state, struct state_snapshot **out,
                                 struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct state_hash *t = (struct state_hash *)state;
    size_t words = (size_t)((t->n_slots + 63) / 64);
    struct hash_snapshot *s = mem_calloc(1, sizeof *s);
    if (!s) return error_oom(err);
    s->versions = mem_alloc(t->n_pages * 8);
    s->live = mem_alloc(words * 8);
    bool is_plain = !t->options.encode;
    if (is_plain) {
        s->pages = mem_calloc(t->n_pages, sizeof *s->pages);
        s->rows = mem_calloc(t->n_pages, sizeof *s->rows);
    } else {
        s->encoded = mem_calloc(t->n_pages, sizeof *s->encoded);
    }
    if (t->cold) s->pieces = mem_calloc(t->n_pages, sizeof *s->pieces);
    if (!s->versions || !s->live || (t->cold && !s->pieces) ||
        !(is_plain ? s->pages && s->rows : s->encoded != NULL)) {
        snapshot_free(s);
        return error_oom(err);
    }
    s->layout = t->layout;
    atomic_fetch_add_explicit(&t->layout->refs, 1, memory_order_relaxed);
    s->piece_shift = t->cold ? t->cold->warm_layout->page_shift : t->layout->page_shift;
    s->n_pages = t->n_pages;
    s->n_slots = t->n_slots;
    s->n_rows = t->base.n_rows;
    if (t->n_pages) memcpy(s->versions, t->versions, t->n_pages * 8);
    if (words) memcpy(s->live, t->live, words * 8);
    for (size_t i = 0; i < t->n_pages; i++) TRY(freeze_page(t, s, i, err));
    state_snapshot_enter(&s->head, &state_hash_class, t->core);
    *out = &s->head;
    return LAMINAR_OK;
done:
    snapshot_free(s);
    return status;
}

/* --- Write --------------------------------------------------------------------------------------------------------------------------------- */

static laminar_status write_meta(const struct hash_snapshot *s, struct state_sink *sink,
                                 struct strbuf *buf, struct laminar_error *err)
{
    put_u32(buf, META_MAGIC);
    put_u32(buf, s->layout->n_keys);
    put_u32(buf, s->layout->payload_bytes);
    put_u32(buf, s->encoded != NULL);
    put_u64(buf, s->n_slots);
    put_u64(buf, s->n_rows);
    for (uint32_t k = 0; k < s->layout->n_keys; k++) {
        struct data_type type = s->layout->keys[k].type;
        char bytes[4] = {(char)type.id, (char)type.unit, (char)type.precision, (char)type.scale};
        strbuf_append(buf, bytes, 4);
    }
    if (buf->failed) return error_oom(err);
    return sink->write(sink, META_PIECE, 0, s->head.epoch, buf->data, buf->size, err);
}

/* The rows of pages first..end, wherever they are. */
static laminar_status make_piece(const struct hash_snapshot *s, size_t first, size_t end,
                                 struct strbuf *out, struct strbuf *page, struct laminar_error *err)
{
    const struct hash_layout *layout = s->layout;
    uint32_t n = 0;
    strbuf_clear(out);
    put_u32(out, 0);
    for (size_t i = first; i < end; i++) {
        laminar_status status = LAMINAR_OK;
        const struct strbuf *bytes = s->encoded ? &s->encoded[i] : NULL;
        if (s->pieces && s->pieces[i]) {
            const struct spill_piece *piece = &s->pieces[i]->piece;
            strbuf_clear(page);
            if (!strbuf_reserve(page, piece->size)) return error_oom(err);
            status = spill_read(s->pieces[i]->spill, piece, page->data, err);
            page->size = piece->size;
            bytes = page;
        }
        if (status == LAMINAR_OK && bytes)
            status = append_rows(layout, s->encoded != NULL, bytes,
                                 (uint32_t)((i - first) << layout->page_shift), out, &n, err);
        else if (status == LAMINAR_OK)
            status = write_rows(layout, s->rows[i], s->live, (uint64_t)i << layout->page_shift,
                                s->n_slots, (uint64_t)first << layout->page_shift, false, NULL, out,
                                &n, err);
        if (status != LAMINAR_OK) return status;
    }
    if (out->failed) return error_oom(err);
    memcpy(out->data, &n, 4);
    return LAMINAR_OK;
}

laminar_status state_hash_write(struct state_snapshot *snapshot, struct state_sink *sink,
                                struct laminar_error *err)
{
    const struct hash_snapshot *s = (const struct hash_snapshot *)snapshot;
    struct strbuf buf = {0}, page = {0};
    laminar_status status;
    TRY(write_meta(s, sink, &buf, err));
    size_t step = (size_t)1 << (s->piece_shift - s->layout->page_shift);
    for (size_t i = 0; i < s->n_pages; i += step) {
        size_t end = i + step < s->n_pages ? i + step : s->n_pages;
        uint64_t version = 0, number = i / step;
        for (size_t k = i; k < end; k++)
            if (s->versions[k] > version) version = s->versions[k];
        if (state_sink_has(sink, PAGE_PIECE, number, version)) continue;
        const struct strbuf *piece = s->encoded && !s->pieces ? &s->encoded[i] : &buf;
        if (piece == &buf) TRY(make_piece(s, i, end, &buf, &page, err));
        TRY(sink->write(sink, PAGE_PIECE, number, version, piece->data, piece->size, err));
    }
done:
    strbuf_deinit(&buf);
    strbuf_deinit(&page);
    return status;
}

/* --- Restore ------------------------------------------------------------------------------------------------------------------------------- */

struct reader {
    const struct state_hash *t;
    const uint8_t *at, *end;
    struct laminar_error *err;
};
static laminar_status corrupt(const struct state_hash *t, struct laminar_error *err,
                              const char *what)
{
    return error_set(err, LAMINAR_CHECKPOINT_FAILED, "state table '%s' can't be restored: %s",
                     t->base.name ? t->base.name : "?", what);
}
static const uint8_t *take(struct reader *r, size_t size)
{
    if ((size_t)(r->end - r->at) < size) return NULL;
    const uint8_t *at = r->at;
    r->at += size;
    return at;
}
static bool take_u32(struct reader *r, uint32_t *out)
{
    const uint8_t *at = take(r, 4);
    if (at) memcpy(out, at, 4);
    return at != NULL;
}
static bool take_u64(struct reader *r, uint64_t *out)
{
    const uint8_t *at = take(r, 8);
    if (at) memcpy(out, at, 8);
    return at != NULL;
}

static laminar_status read_meta(struct reader *r, uint64_t *n_slots, uint64_t *n_rows)
{
    const struct hash_layout *layout = r->t->layout;
    uint32_t magic, n_keys, payload_bytes, is_encoded;
    if (!take_u32(r, &magic) || !take_u32(r, &n_keys) || !take_u32(r, &payload_bytes) ||
        !take_u32(r, &is_encoded) || !take_u64(r, n_slots) || !take_u64(r, n_rows))
        return corrupt(r->t, r->err, "the header is cut off");
    if (magic != META_MAGIC) return corrupt(r->t, r->err, "it is not a hash table of this version");
    if (n_keys != layout->n_keys || payload_bytes != layout->payload_bytes ||
        is_encoded != (r->t->options.encode != NULL))
        return corrupt(r->t, r->err, "it has another shape");
    for (uint32_t k = 0; k < n_keys; k++) {
        struct data_type type = layout->keys[k].type;
        const uint8_t want[4] = {type.id, type.unit, type.precision, (uint8_t)type.scale},
                      *got = take(r, 4);
        if (!got || memcmp(got, want, 4) != 0)
            return corrupt(r->t, r->err, "a key has another type");
    }
    if (r->at != r->end || *n_rows > *n_slots)
        return corrupt(r->t, r->err, "the header is malformed");
    return LAMINAR_OK;
}

/* One row's keys, appended to the key columns. */
static laminar_status read_keys(struct reader *r, struct column *keys)
{
    const struct hash_layout *layout = r->t->layout;
    const uint8_t *row = take(r, layout->payload_offset);
    if (!row) return corrupt(r->t, r->err, "a row is cut off");
    if (!(row_header(row) & 1)) return corrupt(r->t, r->err, "a row has no header");
    for (uint32_t k = 0; k < layout->n_keys; k++) {
        const struct hash_key *key = &layout->keys[k];
        laminar_status status;
        if (row_key_is_null(layout, row, k)) {
            if ((status = column_append_null(&keys[k], 1, r->err))) return status;
            continue;
        }
        const uint8_t *value = row + key->offset;
        struct string_view view;
        size_t used;
        switch (key->form) {
        case KEY_STRING:
        case KEY_ENCODED: {
            memcpy(&view, value, sizeof view);
            const uint8_t *bytes = view.size <= STRING_INLINE_MAX
                                       ? value + offsetof(struct string_view, prefix)
                                       : take(r, view.size);
            if (!bytes) return corrupt(r->t, r->err, "a string is cut off");
            if (key->form == KEY_ENCODED) {
                status = value_decode(&keys[k], bytes, view.size, &used, r->err);
                if (!status && used != view.size)
                    status = corrupt(r->t, r->err, "a nested key is malformed");
            } else {
                if (key->type.id != LAMINAR_TYPE_BINARY &&
                    !utf8_validate((const char *)bytes, view.size))
                    return corrupt(r->t, r->err, "a string is not UTF-8");
                view = string_make((const char *)bytes, view.size);
                status = column_append_value(&keys[k], &view, r->err);
            }
            break;
        }
        case KEY_FIXED:
        case KEY_FLOAT:
        case KEY_DOUBLE:
        case KEY_INTERVAL:
            if (type_phys(key->type) == PHYS_BOOL && *value > 1)
                return corrupt(r->t, r->err, "a boolean is neither 0 nor 1");
            if (key->width == 0) return corrupt(r->t, r->err, "a value of type NULL is not null");
            status = column_append_value(&keys[k], value, r->err);
            break;
        default: return corrupt(r->t, r->err, "unknown key form");
        }
        if (status) return status;
    }
    return LAMINAR_OK;
}

struct restored_rows { /* up to CHUNK_ROWS rows of a page */
    struct column *keys;
    struct vector *vecs;
    uint64_t slots_wanted[CHUNK_ROWS];
    const uint8_t *payloads[CHUNK_ROWS];
    uint32_t payload_sizes[CHUNK_ROWS];
    uint64_t slots[CHUNK_ROWS];
    uint8_t *rows[CHUNK_ROWS];
    uint8_t is_new[CHUNK_ROWS];
};

static laminar_status add_rows(struct state_hash *t, struct restored_rows *b, size_t n,
                               struct laminar_error *err)
{
    for (uint32_t k = 0; k < t->layout->n_keys; k++) b->vecs[k] = b->keys[k].vec;
    t->forced_slots = b->slots_wanted;
    laminar_status status = state_hash_upsert(t, b->vecs, n, b->slots, b->rows, b->is_new, err);
    t->forced_slots = NULL;
    for (size_t i = 0; i < n && !status; i++) {
        size_t used;
        if (!b->is_new[i]) return corrupt(t, err, "a key is there twice");
        if (!t->options.decode) {
            memcpy(b->rows[i], b->payloads[i], t->layout->payload_bytes);
            continue;
        }
        status = t->options.decode(t->options.ctx, &t->core->heap, b->rows[i], b->payloads[i],
                                   b->payload_sizes[i], &used, err);
        if (!status && used != b->payload_sizes[i])
            status = corrupt(t, err, "a payload is malformed");
    }
    return status;
}

static uint32_t piece_shift(const struct state_hash *t)
{
    return t->cold ? t->cold->warm_layout->page_shift : t->layout->page_shift;
}

static laminar_status read_page(struct reader *r, struct state_hash *t, uint64_t page,
                                uint64_t n_slots, struct restored_rows *b)
{
    laminar_status status;
    uint32_t n;
    uint32_t shift = piece_shift(t);
    uint64_t first = page << shift, previous = UINT64_MAX;
    if (!take_u32(r, &n)) return corrupt(t, r->err, "a page is cut off");
    for (uint32_t i = 0; i < n;) {
        size_t count = 0;
        for (uint32_t k = 0; k < t->layout->n_keys; k++) column_clear(&b->keys[k]);
        for (; count < CHUNK_ROWS && i < n; count++, i++) {
            uint32_t in_page;
            if (!take_u32(r, &in_page)) return corrupt(t, r->err, "a row is cut off");
            if (in_page >> shift || first + in_page >= n_slots ||
                (previous != UINT64_MAX && in_page <= previous))
                return corrupt(t, r->err, "a slot number is wrong");
            previous = in_page;
            b->slots_wanted[count] = first + in_page;
            if ((status = read_keys(r, b->keys))) return status;
            uint32_t size = t->layout->payload_bytes;
            if (t->options.encode && !take_u32(r, &size))
                return corrupt(t, r->err, "a payload is cut off");
            b->payload_sizes[count] = size;
            if (!(b->payloads[count] = take(r, size)))
                return corrupt(t, r->err, "a payload is cut off");
        }
        if ((status = add_rows(t, b, count, r->err))) return status;
    }
    return r->at == r->end ? LAMINAR_OK : corrupt(t, r->err, "a page has trailing bytes");
}

/* Makes the page, or the pages, of a piece exist, whatever rows it gets. */
static laminar_status add_pages(struct state_hash *t, uint64_t piece, uint64_t n_slots,
                                struct laminar_error *err)
{
    uint64_t end = (piece + 1) << piece_shift(t);
    if (end > n_slots) end = n_slots;
    size_t n_pages = (size_t)((end + ((uint64_t)1 << t->layout->page_shift) - 1) >>
                              t->layout->page_shift);
    /* pages_capacity grows with the pages that really come, not with what the header claims */
    size_t capacity = t->pages_capacity ? t->pages_capacity : 4;
    while (capacity < n_pages) capacity *= 2;
    if (capacity != t->pages_capacity) {
        laminar_status status = hash_reserve_slots(t, (uint64_t)capacity << t->layout->page_shift,
                                                   err);
        if (status) return status;
    }
    while (t->n_pages < n_pages)
        if (!hash_add_page(t)) return error_oom(err);
    t->n_slots = end;
    return LAMINAR_OK;
}

laminar_status state_hash_restore(struct state *state, struct state_source *source,
                                  struct laminar_error *err)
{
    laminar_status status;
    struct state_hash *t = (struct state_hash *)state;
    struct reader r = {.t = t, .err = err};
    uint32_t kind, n_keys = t->layout->n_keys;
    uint64_t page, n_slots = 0, n_rows = 0, next = 0;
    const void *data;
    size_t size;
    struct restored_rows *b = mem_calloc(1, sizeof *b);
    if (!b) return error_oom(err);
    b->keys = mem_calloc(n_keys + 1, sizeof *b->keys);
    b->vecs = mem_calloc(n_keys + 1, sizeof *b->vecs);
    if (!b->keys || !b->vecs) {
        n_keys = 0;
        status = error_oom(err);
        goto done;
    }
    for (uint32_t k = 0; k < n_keys; k++)
        TRY(column_init(&b->keys[k], t->layout->keys[k].type, err));
    TRY(source->read(source, &kind, &page, &data, &size, err));
    if (size == 0 || kind != META_PIECE || page != 0) TRY(corrupt(t, err, "the header is missing"));
    r.at = data, r.end = r.at + size;
    TRY(read_meta(&r, &n_slots, &n_rows));
    for (;; next++) {
        /* What was accepted comes back, whether there is room or not. */
        laminar_status relaxed = state_hash_relax(t, NULL);
        (void)relaxed;
        TRY(source->read(source, &kind, &page, &data, &size, err));
        if (size == 0) break;
        if (kind != PAGE_PIECE || page != next || (page << piece_shift(t)) >= n_slots)
            TRY(corrupt(t, err, "an unexpected page"));
        TRY(add_pages(t, page, n_slots, err));
        r.at = data, r.end = r.at + size;
        TRY(read_page(&r, t, page, n_slots, b));
    }
    if (t->n_slots != n_slots || t->base.n_rows != n_rows) TRY(corrupt(t, err, "rows are missing"));
    for (uint64_t word = 0; word < (n_slots + 63) / 64; word++)
        if (~t->live[word]) t->has_free[word >> 6] |= (uint64_t)1 << (word & 63);
done:
    for (uint32_t k = 0; k < n_keys; k++) column_deinit(&b->keys[k]);
    mem_free(b->keys);
    mem_free(b->vecs);
    mem_free(b);
    return status;
}

/* --- Check ----------------------------------------------------------------------------------------------------------------------------------- */

/* Every live row is found from its header, every entry leads to a live row, and the counts agree. */
bool state_hash_check(const struct state *state)
{
    const struct state_hash *t = (const struct state_hash *)state;
    size_t n_live = 0, n_entries = 0;
    size_t mask = t->index ? ((size_t)1 << t->index_bits) - 1 : 0;
    if (t->n_slots > (uint64_t)t->n_pages << t->layout->page_shift) return false;
    for (uint64_t s = 0; s < t->n_slots; s++) {
        bool has_hint = t->has_free[s >> 12] >> (s >> 6 & 63) & 1;
        if (!slot_is_live(t, s)) {
            if (!has_hint) return false;
            continue;
        }
        n_live++;
        if (t->cold) continue;
        uint64_t header = row_header(row_at(t, s));
        if (!(header & 1)) return false;
        size_t pos = (size_t)(header >> (64 - t->index_bits)), steps = 0;
        while ((t->index[pos] & ENTRY_SLOT_MASK) != s + 1) {
            if (!t->index[pos] || steps++ > mask) return false;
            pos = (pos + 1) & mask;
        }
        if (t->index[pos] >> 48 != (header >> 16 & 0xFFFF)) return false;
    }
    if (t->cold) return n_live == t->base.n_rows && cold_index_check(t);
    for (size_t i = 0; t->index && i <= mask; i++) {
        if (!t->index[i]) continue;
        n_entries++;
        if (!slot_is_live(t, (t->index[i] & ENTRY_SLOT_MASK) - 1)) return false;
    }
    return n_live == t->base.n_rows && n_entries == n_live;
}
