/* checkpoint_read.c - reading a checkpoint: the index in memory, pieces one after the other, each against its checksum. */
#include "base/error.h"
#include "base/hash.h"
#include "storage/checkpoint_internal.h"
#include <string.h>

struct open_file {
    uint64_t id;
    struct file file;
};
struct checkpoint_reader {
    struct checkpoint_store *store;
    struct piece_entry *pieces;
    size_t n_pieces;
    size_t next;
    uint64_t object;
    ARRAY_OF(struct open_file) files;
    struct strbuf buffer;
};

void checkpoint_reader_close(struct checkpoint_reader *reader)
{
    if (!reader) return;
    for (size_t i = 0; i < reader->files.n; i++) file_close(&reader->files.items[i].file, NULL);
    ARRAY_DEINIT(&reader->files);
    strbuf_deinit(&reader->buffer);
    mem_free(reader->pieces);
    mem_free(reader);
}

static laminar_status find_file(struct checkpoint_reader *reader, uint64_t id, struct file **out,
                                struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < reader->files.n; i++) {
        if (reader->files.items[i].id != id) continue;
        *out = &reader->files.items[i].file;
        return LAMINAR_OK;
    }
    char *path = checkpoint_path(reader->store, NAME_STATE, id);
    struct open_file opened = {.id = id};
    if (!path || !ARRAY_RESERVE(&reader->files, reader->files.n + 1)) TRY(error_oom(err));
    TRY(file_open(&opened.file, path, FILE_READ, err));
    reader->files.items[reader->files.n++] = opened;
    *out = &reader->files.items[reader->files.n - 1].file;
done:
    mem_free(path);
    return status;
}

static laminar_status damaged(const struct file *file, uint64_t offset, struct laminar_error *err)
{
    return error_set(err, LAMINAR_CHECKPOINT_FAILED,
                     "the checkpoint is damaged: '%s' at byte %llu does not match its checksum",
                     file->path, (unsigned long long)offset);
}

static bool is_sorted(const struct piece_entry *pieces, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (piece_compare(&pieces[i - 1], &pieces[i]) >= 0) return false;
    return true;
}

laminar_status checkpoint_reader_open(struct checkpoint_store *store, uint64_t id,
                                      struct checkpoint_reader **out, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct checkpoint_reader *reader = NULL;
    const struct manifest *m = NULL;
    struct file *file = NULL;
    for (size_t i = 0; i < store->manifests.n; i++)
        if (store->manifests.items[i]->info.id == id) m = store->manifests.items[i];
    if (!m)
        return error_set(err, LAMINAR_CHECKPOINT_FAILED, "there is no checkpoint %llu",
                         (unsigned long long)id);
    if (m->info.is_damaged)
        return error_set(err, LAMINAR_CHECKPOINT_FAILED,
                         "the manifest of checkpoint %llu does not read", (unsigned long long)id);
    reader = mem_calloc(1, sizeof *reader);
    if (!reader) return error_oom(err);
    reader->store = store;
    reader->n_pieces = (size_t)(m->index_bytes / sizeof(struct piece_entry));
    TRY(find_file(reader, id, &file, err));
    uint64_t size = 0;
    TRY(file_size(file, &size, err));
    if (m->index_offset > size || m->index_bytes > size - m->index_offset)
        TRY(damaged(file, size, err));
    reader->pieces = mem_alloc((size_t)m->index_bytes + 1);
    if (!reader->pieces) TRY(error_oom(err));
    TRY(file_read_at(file, reader->pieces, (size_t)m->index_bytes, m->index_offset, err));
    if (hash_stored(m->index_offset, reader->pieces, (size_t)m->index_bytes) != m->index_hash ||
        !is_sorted(reader->pieces, reader->n_pieces))
        TRY(damaged(file, m->index_offset, err));
    *out = reader;
    reader = NULL;
done:
    checkpoint_reader_close(reader);
    return status;
}

void checkpoint_reader_begin(struct checkpoint_reader *reader, uint64_t object)
{
    size_t low = 0, high = reader->n_pieces;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (reader->pieces[middle].object < object)
            low = middle + 1;
        else
            high = middle;
    }
    reader->next = low;
    reader->object = object;
}

static laminar_status read_piece(struct checkpoint_reader *reader, const struct piece_entry *piece,
                                 struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct file *file = NULL;
    TRY(find_file(reader, piece->file, &file, err));
    strbuf_clear(&reader->buffer);
    char *room = piece->size <= CHECKPOINT_PIECE_BYTES_MAX
                     ? strbuf_reserve(&reader->buffer, (size_t)piece->size + 1)
                     : NULL;
    if (!room) TRY(error_oom(err));
    TRY(file_read_at(file, room, piece->size, piece->offset, err));
    if (hash_stored(piece->offset, room, piece->size) != piece->hash)
        TRY(damaged(file, piece->offset, err));
done:
    return status;
}

laminar_status checkpoint_reader_next(struct checkpoint_reader *reader, uint32_t *kind,
                                      uint64_t *page, const void **data, size_t *size,
                                      struct laminar_error *err)
{
    *size = 0;
    if (reader->next == reader->n_pieces || reader->pieces[reader->next].object != reader->object)
        return LAMINAR_OK;
    const struct piece_entry *piece = &reader->pieces[reader->next++];
    laminar_status status = read_piece(reader, piece, err);
    if (status != LAMINAR_OK) return status;
    *kind = piece->kind;
    *page = piece->page;
    *data = reader->buffer.data;
    *size = piece->size;
    return LAMINAR_OK;
}

laminar_status checkpoint_reader_verify(struct checkpoint_reader *reader, uint64_t *n_bad,
                                        struct laminar_error *err)
{
    laminar_status first = LAMINAR_OK;
    *n_bad = 0;
    for (size_t i = 0; i < reader->n_pieces; i++) {
        struct laminar_error own = LAMINAR_ERROR_INIT;
        laminar_status status = read_piece(reader, &reader->pieces[i], &own);
        if (status == LAMINAR_OK) continue;
        if ((*n_bad)++ > 0) continue;
        first = status;
        if (err) *err = own;
    }
    return first;
}
