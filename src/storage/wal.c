/* wal.c - see wal.h: gathering records, flushing them, taking and giving back segments. */
#include "base/error.h"
#include "base/hash.h"
#include "base/thread.h"
#include "storage/wal_internal.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

char *wal_path(const struct wal *wal, const char *format, uint64_t number)
{
    struct strbuf path = {0};
    char name[64];
    /* format is one of the two WAL_..._NAME */
    if (strcmp(format, WAL_SEGMENT_NAME) == 0)
        snprintf(name, sizeof name, WAL_SEGMENT_NAME, (unsigned long long)number);
    else
        snprintf(name, sizeof name, WAL_SPARE_NAME, (unsigned long long)number);
    strbuf_printf(&path, "%s/%s", wal->folder, name);
    return strbuf_take(&path);
}

void wal_head_encode(const struct wal_segment *segment, uint8_t *out)
{
    uint32_t words[2] = {WAL_FORMAT, 0};
    uint64_t longs[3] = {segment->index, segment->first_seq, segment->salt};
    memcpy(out, WAL_MAGIC, 8);
    memcpy(out + 8, words, 8);
    memcpy(out + 16, longs, 24);
    uint64_t checksum = hash_stored(0, out, 40);
    memcpy(out + 40, &checksum, 8);
}

uint64_t wal_checksum(uint64_t salt, const uint8_t *record, size_t payload_bytes)
{
    uint64_t payload = hash_stored(salt, record + WAL_RECORD_HEAD_BYTES, payload_bytes);
    return hash_stored(payload, record, 24);
}

static void close_segment(struct wal *wal)
{
    file_close(&wal->direct, NULL);
    file_close(&wal->file, NULL);
}

/* --- Life -------------------------------------------------------------------------------------------------------------------------------- */

laminar_status wal_open(const struct wal_options *options, struct wal **out,
                        struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct wal *wal = mem_calloc(1, sizeof *wal);
    if (!wal) return error_oom(err);
    wal->segment_bytes = options->segment_bytes ? options->segment_bytes
                                                : WAL_SEGMENT_BYTES_DEFAULT;
    if (wal->segment_bytes < WAL_SEGMENT_BYTES_MIN) wal->segment_bytes = WAL_SEGMENT_BYTES_MIN;
    wal->direct_bytes = options->direct_bytes ? options->direct_bytes : WAL_DIRECT_BYTES;
    wal->is_read_only = options->is_read_only;
    wal->open_at = SIZE_MAX;
    wal->next_index = 1;
    if (!(wal->folder = mem_strdup(options->folder))) TRY(error_oom(err));
    TRY(wal_read(wal, options, err));
    *out = wal;
    return LAMINAR_OK;
done:
    wal_close(wal);
    return status;
}

void wal_close(struct wal *wal)
{
    if (!wal) return;
    close_segment(wal);
    ARRAY_DEINIT(&wal->segments);
    ARRAY_DEINIT(&wal->spares);
    strbuf_deinit(&wal->pending);
    mem_free(wal->direct_buffer);
    mem_free(wal->folder);
    mem_free(wal);
}

uint64_t wal_durable_seq(const struct wal *wal) { return wal->durable_seq; }
uint64_t wal_next_seq(const struct wal *wal) { return wal->next_seq; }
uint64_t wal_first_seq(const struct wal *wal)
{
    return wal->segments.n ? wal->segments.items[0].first_seq : wal->next_seq;
}
uint64_t wal_pending_bytes(const struct wal *wal) { return wal->pending.size; }
uint64_t wal_unwritten_bytes(const struct wal *wal) { return wal->pending.size - wal->n_written; }
uint64_t wal_cut_bytes(const struct wal *wal) { return wal->cut_bytes; }
uint64_t wal_record_bytes_total(const struct wal *wal)
{
    return atomic_load_explicit(&wal->record_bytes, memory_order_relaxed);
}
uint64_t wal_n_syncs(const struct wal *wal) { return wal->n_syncs; }
uint64_t wal_total_bytes(const struct wal *wal)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < wal->segments.n; i++) bytes += wal->segments.items[i].bytes;
    return bytes;
}

/* --- Records ----------------------------------------------------------------------------------------------------------------------------- */

struct strbuf *wal_begin(struct wal *wal)
{
    assert(wal->open_at == SIZE_MAX && !wal->is_read_only);
    char *head = strbuf_reserve(&wal->pending, WAL_RECORD_HEAD_BYTES);
    if (!head) {
        wal->pending.failed = false; /* what was there is whole */
        return NULL;
    }
    wal->open_at = wal->pending.size;
    memset(head, 0, WAL_RECORD_HEAD_BYTES);
    wal->pending.size += WAL_RECORD_HEAD_BYTES;
    return &wal->pending;
}

void wal_abort(struct wal *wal)
{
    if (wal->open_at == SIZE_MAX) return;
    wal->pending.size = wal->open_at;
    wal->pending.failed = false;
    wal->open_at = SIZE_MAX;
}

laminar_status wal_end(struct wal *wal, uint32_t kind, uint64_t *seq, struct laminar_error *err)
{
    assert(wal->open_at != SIZE_MAX);
    size_t size = wal->pending.size - wal->open_at - WAL_RECORD_HEAD_BYTES;
    static const char zeros[8];
    strbuf_append(&wal->pending, zeros, wal_record_bytes(size) - WAL_RECORD_HEAD_BYTES - size);
    if (wal->pending.failed) {
        wal_abort(wal);
        return error_oom(err);
    }
    if (size > WAL_RECORD_BYTES_MAX) {
        wal_abort(wal);
        error_set(err, LAMINAR_INGESTION_FAILED,
                  "a step of %zu bytes is too large for the log: the limit is %d bytes", size,
                  WAL_RECORD_BYTES_MAX);
        error_hint(err, "insert smaller batches");
        return LAMINAR_INGESTION_FAILED;
    }
    uint32_t words[2] = {(uint32_t)size, kind};
    memcpy(wal->pending.data + wal->open_at, words, 8);
    memcpy(wal->pending.data + wal->open_at + 8, &wal->next_seq, 8);
    wal->open_at = SIZE_MAX;
    if (seq) *seq = wal->next_seq;
    wal->next_seq++;
    return LAMINAR_OK;
}

bool wal_discard(struct wal *wal)
{
    assert(wal->open_at == SIZE_MAX);
    wal->pending.size = wal->n_sealed = wal->n_written = 0;
    wal->next_seq = wal->durable_seq + 1;
    if (!wal->is_in_doubt || !file_is_open(&wal->file)) return true;
    /* The first of them may be whole: without its head none of them reads. */
    static const uint8_t zeros[WAL_RECORD_HEAD_BYTES];
    return file_write_at(&wal->file, zeros, sizeof zeros, wal->offset, NULL) == LAMINAR_OK &&
           file_sync(&wal->file, NULL) == LAMINAR_OK;
}

/* --- Segments ---------------------------------------------------------------------------------------------------------------------------- */

/* A file under the segment's name: a spare one, or a new one with its room. */
static laminar_status take_file(struct wal *wal, const struct wal_segment *segment,
                                struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    char *spare = NULL, *path = wal_path(wal, WAL_SEGMENT_NAME, segment->index);
    if (!path) TRY(error_oom(err));
    bool is_spare = wal->spares.n > 0 && segment->bytes == wal->segment_bytes;
    if (is_spare) {
        spare = wal_path(wal, WAL_SPARE_NAME, wal->spares.items[wal->spares.n - 1]);
        if (!spare) TRY(error_oom(err));
        TRY(file_rename(spare, path, err));
        wal->spares.n--;
    }
    TRY(file_open(&wal->file, path, FILE_UPDATE, err));
    TRY(file_allocate(&wal->file, segment->bytes, err));
done:
    mem_free(spare);
    mem_free(path);
    return status;
}

/* Half-made: its room may be what others lack. */
static void remove_file(struct wal *wal, uint64_t index)
{
    char *path = wal_path(wal, WAL_SEGMENT_NAME, index);
    close_segment(wal);
    if (path) {
        laminar_status removed = file_remove(path, NULL);
        (void)removed;
    }
    mem_free(path);
}

/* Opens a fresh segment that begins with the oldest record that is not durable. */
static laminar_status next_segment(struct wal *wal, uint64_t first_seq, uint64_t bytes_needed,
                                   struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    uint8_t head[WAL_FIRST_RECORD] = {0};
    struct wal_segment segment = {
        .index = wal->next_index, .first_seq = first_seq, .bytes = wal->segment_bytes};
    if (WAL_FIRST_RECORD + bytes_needed > segment.bytes)
        segment.bytes = (WAL_FIRST_RECORD + bytes_needed + 4095) & ~(uint64_t)4095;
    segment.salt = hash_combine(hash_u64((uint64_t)clock_wall_us()),
                                hash_pair(segment.index, (uint64_t)(uintptr_t)wal));
    close_segment(wal);
    wal->n_sealed = wal->n_written = 0;
    if (!ARRAY_RESERVE(&wal->segments, wal->segments.n + 1)) TRY(error_oom(err));
    wal->next_index++; /* a number that failed is not tried again */
    TRY(take_file(wal, &segment, err));
    wal_head_encode(&segment, head);
    wal_head_encode(&segment, head + WAL_HEAD_COPY);
    TRY(file_write_at(&wal->file, head, sizeof head, 0, err));
    TRY(file_sync(&wal->file, err));
    TRY(folder_sync(wal->folder, err));
    wal->segments.items[wal->segments.n++] = segment;
    wal->offset = WAL_FIRST_RECORD;
    wal->is_in_doubt = false;
done:
    if (status != LAMINAR_OK) remove_file(wal, segment.index);
    return status;
}

/* Fills in what is known only now: the durable number, and the checksum under the segment's salt. */
static void seal(struct wal *wal, size_t from, size_t to)
{
    uint64_t salt = wal->segments.items[wal->segments.n - 1].salt;
    for (size_t at = from; at < to;) {
        uint8_t *record = (uint8_t *)wal->pending.data + at;
        uint32_t size;
        memcpy(&size, record, 4);
        memcpy(&wal->sealed_seq, record + 8, 8);
        memcpy(record + 16, &wal->durable_seq, 8);
        uint64_t checksum = wal_checksum(salt, record, size);
        memcpy(record + 24, &checksum, 8);
        at += wal_record_bytes(size);
    }
    wal->n_sealed = to;
}

/* How many bytes of pending records, from `from` on, fit into `room`. */
static size_t fitting(const struct wal *wal, size_t from, uint64_t room)
{
    size_t end = from;
    while (end < wal->pending.size) {
        uint32_t size;
        memcpy(&size, wal->pending.data + end, 4);
        size_t bytes = wal_record_bytes(size);
        if (end - from + bytes > room) break;
        end += bytes;
    }
    return end - from;
}

/* --- Writing ----------------------------------------------------------------------------------------------------------------------------- */

/* Past the cache, or false: it can't be done here, or not now. */
static bool open_direct(struct wal *wal)
{
    if (wal->is_never_direct) return false;
    if (file_is_open(&wal->direct)) return true;
    if (!wal->direct_buffer) wal->direct_buffer = mem_alloc_pages(WAL_DIRECT_BYTES);
    if (!wal->direct_buffer) return false;
    wal->is_never_direct = file_open(&wal->direct, wal->file.path, FILE_DIRECT, NULL) != LAMINAR_OK;
    return !wal->is_never_direct;
}

/* Sealed bytes [n_written, to) to the file: whole blocks past the cache, through an aligned buffer, the ends the usual way. */
static laminar_status write_directly(struct wal *wal, size_t to, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    while (to - wal->n_written >= WAL_BLOCK) {
        uint64_t place = wal->offset + wal->n_written;
        const char *from = wal->pending.data + wal->n_written;
        size_t n = (size_t)(-place & (WAL_BLOCK - 1)); /* up to the next block */
        if (n == 0) {
            n = (to - wal->n_written) & ~(size_t)(WAL_BLOCK - 1);
            if (n > WAL_DIRECT_BYTES) n = WAL_DIRECT_BYTES;
            memcpy(wal->direct_buffer, from, n);
            TRY(file_write_at(&wal->direct, wal->direct_buffer, n, place, err));
        } else {
            TRY(file_write_at(&wal->file, from, n, place, err));
        }
        wal->n_written += n;
    }
done:
    if (status != LAMINAR_OK) wal->is_never_direct = true; /* it may be that which fails */
    return status;
}

/* Sealed bytes to the file; not all of them where that is slow and can wait. */
static laminar_status write_sealed(struct wal *wal, bool is_all, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    size_t n = wal->n_sealed - wal->n_written;
    if (n >= wal->direct_bytes && open_direct(wal)) TRY(write_directly(wal, wal->n_sealed, err));
    n = wal->n_sealed - wal->n_written;
    if (n > 0 && (is_all || !file_is_open(&wal->direct))) {
        TRY(file_write_at(&wal->file, wal->pending.data + wal->n_written, n,
                          wal->offset + wal->n_written, err));
        wal->n_written += n;
    }
done:
    return status;
}

/* What is sealed is durable and leaves memory. */
static laminar_status sync_sealed(struct wal *wal, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    size_t n = wal->n_sealed;
    TRY(write_sealed(wal, true, err));
    TRY(file_sync(&wal->file, err));
    wal->n_syncs++;
    wal->offset += n;
    wal->record_bytes += n;
    wal->durable_seq = wal->sealed_seq;
    memmove(wal->pending.data, wal->pending.data + n, wal->pending.size - n);
    wal->pending.size -= n;
    wal->n_sealed = wal->n_written = 0;
done:
    return status;
}

/* Gives what is pending its place, in as many segments as it takes, and writes it. */
static laminar_status write_pending(struct wal *wal, bool is_all, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    assert(wal->open_at == SIZE_MAX);
    while (wal->n_sealed < wal->pending.size) {
        bool is_usable = file_is_open(&wal->file) && !wal->is_in_doubt;
        uint64_t room = 0;
        if (is_usable)
            room = wal->segments.items[wal->segments.n - 1].bytes - wal->offset - wal->n_sealed;
        size_t from = wal->n_sealed, n = is_usable ? fitting(wal, from, room) : 0;
        if (n > 0) {
            seal(wal, from, from + n);
            TRY(write_sealed(wal, is_all, err));
            continue;
        }
        /* A segment says of all before it that it is durable. */
        if (is_usable && wal->n_sealed > 0) TRY(sync_sealed(wal, err));
        wal->n_sealed = wal->n_written = 0;
        uint32_t size;
        memcpy(&size, wal->pending.data, 4);
        TRY(next_segment(wal, wal->durable_seq + 1, wal_record_bytes(size), err));
    }
done:
    return status;
}

/* After a failed write or sync nothing is known of the segment. */
static laminar_status doubt(struct wal *wal, laminar_status status)
{
    if (status != LAMINAR_OK && file_is_open(&wal->file)) wal->is_in_doubt = true;
    if (status != LAMINAR_OK) wal->n_sealed = wal->n_written = 0;
    return status;
}

laminar_status wal_write(struct wal *wal, struct laminar_error *err)
{
    return doubt(wal, write_pending(wal, false, err));
}

laminar_status wal_flush(struct wal *wal, struct laminar_error *err)
{
    laminar_status status = write_pending(wal, true, err);
    if (status == LAMINAR_OK && wal->n_sealed > 0) status = sync_sealed(wal, err);
    return doubt(wal, status);
}

/* --- Giving back ------------------------------------------------------------------------------------------------------------------------- */

static laminar_status give_back(struct wal *wal, const struct wal_segment *segment,
                                struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    char *spare = NULL, *path = wal_path(wal, WAL_SEGMENT_NAME, segment->index);
    if (!path) TRY(error_oom(err));
    if (segment->bytes != wal->segment_bytes || wal->spares.n >= WAL_SPARES_MAX) {
        TRY(file_remove(path, err));
    } else {
        spare = wal_path(wal, WAL_SPARE_NAME, wal->next_spare);
        if (!spare || !ARRAY_RESERVE(&wal->spares, wal->spares.n + 1)) TRY(error_oom(err));
        TRY(file_rename(path, spare, err));
        wal->spares.items[wal->spares.n++] = wal->next_spare++;
    }
done:
    mem_free(spare);
    mem_free(path);
    return status;
}

laminar_status wal_release(struct wal *wal, uint64_t seq, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    size_t n = 0;
    /* The last segment stays: it says with which number the log goes on. */
    while (n + 1 < wal->segments.n && wal->segments.items[n + 1].first_seq <= seq) {
        TRY(give_back(wal, &wal->segments.items[n], err));
        n++;
    }
done:
    if (n > 0) {
        memmove(wal->segments.items, wal->segments.items + n,
                (wal->segments.n - n) * sizeof *wal->segments.items);
        wal->segments.n -= n;
    }
    return status;
}
