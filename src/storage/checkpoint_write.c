/* checkpoint_write.c - writing a checkpoint: pieces through a buffer of a megabyte, the index behind them, then the manifest. */
#include "base/error.h"
#include "base/hash.h"
#include "base/thread.h"
#include "storage/checkpoint_internal.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_BYTES = 1 << 20, BUFFER_BYTES_MIN = 1 << 14, NAP_US = 20000 };

struct checkpoint_writer {
    struct checkpoint_store *store;
    uint64_t id;
    struct file file;
    struct strbuf buffer;
    uint64_t flushed_bytes; /* of the file */
    ARRAY_OF(struct piece_entry) pieces;
    ARRAY_OF(uint64_t) emptied; /* files whose pieces are written again */
    struct checkpoint_rate rate;
    size_t buffer_bytes; /* with a limit less: many short waits, not a few long ones */
    int64_t started_us;
};

/* Of what a file holds for the newest checkpoint, less than half of its size: its pieces move. */
static laminar_status choose_emptied(struct checkpoint_writer *writer, struct laminar_error *err)
{
    const struct checkpoint_store *store = writer->store;
    if (!store->last || store->manifests.n == 0) return LAMINAR_OK;
    const struct manifest *newest = store->manifests.items[store->manifests.n - 1];
    for (size_t i = 0; i < newest->files.n; i++) {
        uint64_t live = 0, file = newest->files.items[i].file;
        for (size_t j = 0; j < store->n_last; j++)
            if (store->last[j].file == file) live += store->last[j].size;
        if (live * 2 < newest->files.items[i].bytes && !ARRAY_PUSH(&writer->emptied, file))
            return error_oom(err);
    }
    return LAMINAR_OK;
}

laminar_status checkpoint_writer_create(struct checkpoint_store *store,
                                        const struct checkpoint_rate *rate,
                                        struct checkpoint_writer **out, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    char *path = NULL;
    struct checkpoint_writer *writer = mem_calloc(1, sizeof *writer);
    if (!writer) return error_oom(err);
    writer->store = store;
    writer->id = store->next_id++;
    writer->rate = *rate;
    writer->buffer_bytes = BUFFER_BYTES;
    if (rate->bytes_per_s && rate->bytes_per_s / 16 < BUFFER_BYTES)
        writer->buffer_bytes = rate->bytes_per_s / 16 < BUFFER_BYTES_MIN ? BUFFER_BYTES_MIN
                                                                         : rate->bytes_per_s / 16;
    writer->started_us = clock_mono_us();
    TRY(choose_emptied(writer, err));
    if (!(path = checkpoint_path(store, NAME_STATE, writer->id))) TRY(error_oom(err));
    TRY(file_open(&writer->file, path, FILE_CREATE, err));
    strbuf_append(&writer->buffer, "LAMINCKP", 8);
    if (writer->buffer.failed) TRY(error_oom(err));
    *out = writer;
    writer = NULL;
done:
    checkpoint_writer_abort(writer);
    mem_free(path);
    return status;
}

uint64_t checkpoint_writer_id(const struct checkpoint_writer *writer) { return writer->id; }

static void free_writer(struct checkpoint_writer *writer)
{
    file_close(&writer->file, NULL);
    strbuf_deinit(&writer->buffer);
    ARRAY_DEINIT(&writer->pieces);
    ARRAY_DEINIT(&writer->emptied);
    mem_free(writer);
}

void checkpoint_writer_abort(struct checkpoint_writer *writer)
{
    if (!writer) return;
    file_close(&writer->file, NULL);
    char *path = checkpoint_path(writer->store, NAME_STATE, writer->id);
    if (path) {
        laminar_status removed = file_remove(path, NULL);
        (void)removed; /* the next sweep takes it */
    }
    mem_free(path);
    free_writer(writer);
}

bool checkpoint_writer_keep(struct checkpoint_writer *writer, uint64_t object, uint32_t kind,
                            uint64_t page, uint64_t version)
{
    const struct checkpoint_store *store = writer->store;
    struct piece_entry wanted = {.object = object, .kind = kind, .page = page};
    size_t low = 0, high = store->n_last;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (piece_compare(&store->last[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == store->n_last) return false;
    const struct piece_entry *found = &store->last[low];
    if (piece_compare(found, &wanted) != 0 || found->version != version) return false;
    for (size_t i = 0; i < writer->emptied.n; i++)
        if (writer->emptied.items[i] == found->file) return false;
    return ARRAY_PUSH(&writer->pieces, *found);
}

static bool is_hurried(const struct checkpoint_writer *writer)
{
    return writer->rate.is_hurried &&
           atomic_load_explicit(writer->rate.is_hurried, memory_order_relaxed);
}

static void wait_for_rate(const struct checkpoint_writer *writer)
{
    if (writer->rate.bytes_per_s == 0) return;
    double seconds = (double)writer->flushed_bytes / (double)writer->rate.bytes_per_s;
    int64_t due = writer->started_us + (int64_t)(seconds * 1e6), left;
    while ((left = due - clock_mono_us()) > 1000 && !is_hurried(writer))
        clock_sleep_us(left < NAP_US ? left : NAP_US);
}

static laminar_status flush_buffer(struct checkpoint_writer *writer, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    TRY(file_write_at(&writer->file, writer->buffer.data, writer->buffer.size,
                      writer->flushed_bytes, err));
    writer->flushed_bytes += writer->buffer.size;
    strbuf_clear(&writer->buffer);
    wait_for_rate(writer);
done:
    return status;
}

laminar_status checkpoint_writer_put(struct checkpoint_writer *writer, uint64_t object,
                                     uint32_t kind, uint64_t page, uint64_t version,
                                     const void *data, size_t size, struct laminar_error *err)
{
    if (size > CHECKPOINT_PIECE_BYTES_MAX)
        return error_set(err, LAMINAR_CHECKPOINT_FAILED, "a page of state has %zu bytes", size);
    struct piece_entry entry = {.object = object,
                                .kind = kind,
                                .page = page,
                                .version = version,
                                .file = writer->id,
                                .offset = writer->flushed_bytes + writer->buffer.size,
                                .size = (uint32_t)size};
    entry.hash = hash_stored(entry.offset, data, size);
    strbuf_append(&writer->buffer, data, size);
    if (writer->buffer.failed || !ARRAY_PUSH(&writer->pieces, entry)) return error_oom(err);
    return writer->buffer.size >= writer->buffer_bytes ? flush_buffer(writer, err) : LAMINAR_OK;
}

static int by_piece(const void *a, const void *b) { return piece_compare(a, b); }

static laminar_status count_files(const struct checkpoint_writer *writer, struct manifest *m,
                                  struct laminar_error *err)
{
    for (size_t i = 0; i < writer->pieces.n; i++) {
        const struct piece_entry *piece = &writer->pieces.items[i];
        size_t j = 0;
        while (j < m->files.n && m->files.items[j].file != piece->file) j++;
        if (j == m->files.n && !ARRAY_PUSH(&m->files, ((struct file_use){.file = piece->file})))
            return error_oom(err);
        m->info.state_bytes += piece->size;
        m->files.items[j].bytes += piece->size;
    }
    /* What a file holds altogether, as the checkpoint that wrote it counted it. */
    const struct checkpoint_store *store = writer->store;
    for (size_t i = 0; i < m->files.n; i++) {
        struct file_use *use = &m->files.items[i];
        for (size_t k = store->manifests.n; k-- > 0 && use->file != writer->id;) {
            const struct manifest *older = store->manifests.items[k];
            for (size_t j = 0; j < older->files.n; j++)
                if (older->files.items[j].file == use->file &&
                    older->files.items[j].bytes > use->bytes)
                    use->bytes = older->files.items[j].bytes;
        }
    }
    return LAMINAR_OK;
}

laminar_status checkpoint_writer_commit(struct checkpoint_writer *writer,
                                        struct checkpoint_info *info, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct checkpoint_store *store = writer->store;
    char *path = NULL;
    bool is_committed = false;
    struct manifest *m = mem_calloc(1, sizeof *m);
    if (!m) TRY(error_oom(err));
    if (writer->pieces.n)
        qsort(writer->pieces.items, writer->pieces.n, sizeof(struct piece_entry), by_piece);
    m->info = *info;
    m->info.id = writer->id;
    m->info.n_pieces = writer->pieces.n;
    TRY(count_files(writer, m, err));
    m->index_offset = writer->flushed_bytes + writer->buffer.size;
    m->index_bytes = writer->pieces.n * sizeof(struct piece_entry);
    m->index_hash = hash_stored(m->index_offset, writer->pieces.items, m->index_bytes);
    strbuf_append(&writer->buffer, (const char *)writer->pieces.items, m->index_bytes);
    if (writer->buffer.failed) TRY(error_oom(err));
    TRY(flush_buffer(writer, err));
    TRY(file_sync(&writer->file, err));
    TRY(file_close(&writer->file, err));
    TRY(folder_sync(store->folder, err));
    m->info.bytes_written = writer->flushed_bytes;
    m->info.duration_us = clock_mono_us() - writer->started_us;
    if (!(path = checkpoint_path(store, NAME_MANIFEST, writer->id)) ||
        !ARRAY_RESERVE(&store->manifests, store->manifests.n + 1))
        TRY(error_oom(err));
    TRY(manifest_write(path, m, err));
    is_committed = true;
    *info = m->info;
    store->manifests.items[store->manifests.n++] = m;
    m = NULL;
    mem_free(store->last);
    store->last = writer->pieces.items;
    store->n_last = writer->pieces.n;
    writer->pieces.items = NULL;
    writer->pieces.n = writer->pieces.capacity = 0;
done:
    mem_free(path);
    manifest_free(m);
    if (is_committed)
        free_writer(writer);
    else
        /* the manifest may be there all the same, if the failure was in the sync of its folder: its files must stay */
        free_writer(writer);
    return status;
}
