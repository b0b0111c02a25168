/* wal_read.c - reading the log back: which files are segments, where the log ends, and whether what does not read was ever acknowledged. */
#include "base/error.h"
#include "base/hash.h"
#include "storage/wal_internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Which files there are ---------------------------------------------------------------------------------------------------------------- */

static laminar_status note_file(void *ctx, const char *name, struct laminar_error *err)
{
    struct wal *wal = ctx;
    unsigned long long number;
    int end = 0;
    if (sscanf(name, "%16llx.log%n", &number, &end) == 1 && end == 20 && name[20] == 0) {
        if (!ARRAY_PUSH(&wal->segments, (struct wal_segment){.index = number}))
            return error_oom(err);
        if (number >= wal->next_index) wal->next_index = number + 1;
    } else if (sscanf(name, "spare-%llu%n", &number, &end) == 1 && name[end] == 0) {
        if (!ARRAY_PUSH(&wal->spares, (uint64_t)number)) return error_oom(err);
        if (number >= wal->next_spare) wal->next_spare = number + 1;
    }
    return LAMINAR_OK; /* other files are none of our business */
}

static int by_index(const void *a, const void *b)
{
    uint64_t x = ((const struct wal_segment *)a)->index, y = ((const struct wal_segment *)b)->index;
    return (x > y) - (x < y);
}

/* A whole segment in memory. */
struct contents {
    struct strbuf bytes;
    char *path;
};

static laminar_status load(const struct wal *wal, const struct wal_segment *segment,
                           struct contents *out, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct file file = {0};
    uint64_t size = 0;
    strbuf_clear(&out->bytes);
    mem_free(out->path);
    out->path = wal_path(wal, WAL_SEGMENT_NAME, segment->index);
    if (!out->path) return error_oom(err);
    TRY(file_open(&file, out->path, FILE_READ, err));
    TRY(file_size(&file, &size, err));
    if (size > 2 * (uint64_t)WAL_RECORD_BYTES_MAX)
        TRY(error_set(err, LAMINAR_IO_ERROR, "'%s' is larger than any segment of the log",
                      out->path));
    char *room = strbuf_reserve(&out->bytes, (size_t)size + 8);
    if (!room) TRY(error_oom(err));
    TRY(file_read_at(&file, room, (size_t)size, 0, err));
    out->bytes.size = (size_t)size;
done:
    file_close(&file, NULL);
    return status;
}

enum head { HEAD_WHOLE, HEAD_UNUSED, HEAD_DAMAGED };

static bool is_known(uint32_t format) { return format >= WAL_FORMAT_FIRST && format <= WAL_FORMAT; }

static uint64_t checksum_of(const uint8_t *head)
{
    uint64_t checksum;
    memcpy(&checksum, head + WAL_HEAD_BYTES - 8, 8);
    return checksum;
}

/* HEAD_UNUSED: zeros, or of the file's life before. */
static enum head decode_head(const uint8_t *data, struct wal_segment *segment, uint32_t *format)
{
    static const uint8_t zeros[WAL_HEAD_BYTES];
    uint64_t longs[3];
    if (memcmp(data, zeros, sizeof zeros) == 0) return HEAD_UNUSED;
    memcpy(format, data + 8, 4);
    memcpy(longs, data + 16, 24);
    struct wal_segment found = {.index = longs[0], .first_seq = longs[1], .salt = longs[2]};
    if (memcmp(data, WAL_MAGIC, 8) != 0) return HEAD_DAMAGED;
    if (is_known(*format) && checksum_of(data) != hash_stored(0, data, 40)) return HEAD_DAMAGED;
    if (found.index != segment->index) return HEAD_UNUSED;
    segment->first_seq = found.first_seq;
    segment->salt = found.salt;
    return HEAD_WHOLE;
}

static laminar_status read_head(const struct wal *wal, struct wal_segment *segment, enum head *out,
                                struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    uint8_t data[WAL_FIRST_RECORD] = {0};
    struct file file = {0};
    uint32_t format = WAL_FORMAT;
    char *path = wal_path(wal, WAL_SEGMENT_NAME, segment->index);
    *out = HEAD_UNUSED;
    if (!path) return error_oom(err);
    TRY(file_open(&file, path, FILE_READ, err));
    TRY(file_size(&file, &segment->bytes, err));
    if (segment->bytes >= sizeof data) {
        TRY(file_read_at(&file, data, sizeof data, 0, err));
        *out = decode_head(data, segment, &format);
        enum head copy = HEAD_UNUSED;
        if (*out != HEAD_WHOLE) copy = decode_head(data + WAL_HEAD_COPY, segment, &format);
        if (copy == HEAD_WHOLE || *out == HEAD_UNUSED) *out = copy;
    }
    if (*out == HEAD_WHOLE && !is_known(format)) {
        error_set(err, LAMINAR_CONNECTION_FAILED,
                  "'%s' has format %u of the log, and this program reads up to %d", path, format,
                  WAL_FORMAT);
        error_hint(err, "open it with a newer version of the program");
        status = LAMINAR_CONNECTION_FAILED;
    }
done:
    file_close(&file, NULL);
    mem_free(path);
    return status;
}

/* --- Records ----------------------------------------------------------------------------------------------------------------------------- */

struct found {
    uint32_t size, kind;
    uint64_t seq, durable_seq;
};

static bool read_record(const struct contents *contents, uint64_t salt, size_t at,
                        struct found *out)
{
    const uint8_t *data = (const uint8_t *)contents->bytes.data + at;
    size_t left = contents->bytes.size - at;
    uint64_t checksum;
    if (left < WAL_RECORD_HEAD_BYTES) return false;
    memcpy(&out->size, data, 4);
    memcpy(&out->kind, data + 4, 4);
    memcpy(&out->seq, data + 8, 8);
    memcpy(&out->durable_seq, data + 16, 8);
    memcpy(&checksum, data + 24, 8);
    if (out->size > WAL_RECORD_BYTES_MAX || wal_record_bytes(out->size) > left || out->seq == 0)
        return false;
    return checksum == wal_checksum(salt, data, out->size);
}

static laminar_status corrupt(const struct contents *contents, size_t at, uint64_t seq,
                              const char *why, struct laminar_error *err)
{
    error_set(err, LAMINAR_IO_ERROR, "the log is corrupt: '%s' at byte %zu, record %llu: %s",
              contents->path, at, (unsigned long long)seq, why);
    error_hint(err,
               "restore the folder from a backup; 'laminar check' lists all that is wrong with it");
    return LAMINAR_IO_ERROR;
}

/* Record `seq` does not read at `at`. Was it acknowledged? A later record of the segment knows. */
static laminar_status judge_tail(const struct contents *contents, uint64_t salt, size_t at,
                                 uint64_t seq, struct laminar_error *err)
{
    for (size_t probe = at + 8; probe + WAL_RECORD_HEAD_BYTES <= contents->bytes.size; probe += 8) {
        uint64_t word;
        memcpy(&word, contents->bytes.data + probe + 8, 8);
        if (word <= seq || word > seq + contents->bytes.size) continue; /* not a number to come */
        struct found later;
        if (read_record(contents, salt, probe, &later) && later.durable_seq >= seq)
            return corrupt(contents, at, seq, "it does not match its checksum", err);
    }
    return LAMINAR_OK;
}

/* Records of one segment below end_seq (where the next one begins). *seq: the next number. */
static laminar_status read_segment(struct wal *wal, const struct wal_segment *segment,
                                   const struct wal_options *options, struct contents *contents,
                                   uint64_t end_seq, uint64_t *seq, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    size_t at = WAL_FIRST_RECORD;
    struct found found;
    TRY(load(wal, segment, contents, err));
    *seq = segment->first_seq;
    while (*seq < end_seq && at < contents->bytes.size &&
           read_record(contents, segment->salt, at, &found) && found.seq == *seq) {
        if (*seq >= options->from_seq && options->replay) {
            struct wal_record record = {
                found.seq, found.kind,
                (const uint8_t *)contents->bytes.data + at + WAL_RECORD_HEAD_BYTES, found.size};
            TRY(options->replay(options->ctx, &record, err));
            wal->record_bytes += wal_record_bytes(found.size);
        }
        at += wal_record_bytes(found.size);
        (*seq)++;
    }
    if (*seq == end_seq) return LAMINAR_OK;
    if (end_seq != UINT64_MAX) /* the next segment says that there was more */
        return corrupt(contents, at, *seq, "it does not match its checksum", err);
    TRY(judge_tail(contents, segment->salt, at, *seq, err));
    for (size_t i = contents->bytes.size; i > at; i--) {
        if (contents->bytes.data[i - 1] == 0) continue;
        wal->cut_bytes = i - at; /* recycled bytes count too: nobody can tell */
        break;
    }
done:
    return status;
}

/* Segments without a head of their own were made and never used: they go. A damaged head may be a write that a crash cut short, or the loss of a
 * segment: the file is left where it is. */
static laminar_status read_heads(struct wal *wal, struct laminar_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < wal->segments.n; i++) {
        struct wal_segment segment = wal->segments.items[i];
        enum head head;
        laminar_status status = read_head(wal, &segment, &head, err);
        if (status != LAMINAR_OK) return status;
        if (head == HEAD_WHOLE) {
            wal->segments.items[n++] = segment;
        } else if (head == HEAD_UNUSED && !wal->is_read_only) {
            char *path = wal_path(wal, WAL_SEGMENT_NAME, segment.index);
            if (!path) return error_oom(err);
            status = file_remove(path, err);
            mem_free(path);
            if (status != LAMINAR_OK) return status;
        }
    }
    wal->segments.n = n;
    return LAMINAR_OK;
}

/* What was read may be in the system's cache only. It is going to be built upon, so it must be on the disk. */
static laminar_status make_durable(struct wal *wal, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct file file = {0};
    char *path = NULL;
    if (wal->is_read_only || wal->segments.n == 0) return LAMINAR_OK;
    path = wal_path(wal, WAL_SEGMENT_NAME, wal->segments.items[wal->segments.n - 1].index);
    if (!path) return error_oom(err);
    TRY(file_open(&file, path, FILE_UPDATE, err));
    TRY(file_sync(&file, err));
    TRY(folder_sync(wal->folder, err));
done:
    file_close(&file, NULL);
    mem_free(path);
    return status;
}

laminar_status wal_read(struct wal *wal, const struct wal_options *options,
                        struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct contents contents = {0};
    TRY(folder_list(wal->folder, note_file, wal, err));
    if (wal->segments.n)
        qsort(wal->segments.items, wal->segments.n, sizeof *wal->segments.items, by_index);
    TRY(read_heads(wal, err));
    uint64_t from = options->from_seq ? options->from_seq : 1, seq = from;
    size_t first = 0;
    while (first + 1 < wal->segments.n && wal->segments.items[first + 1].first_seq <= from) first++;
    if (wal->segments.n && wal->segments.items[first].first_seq > from)
        TRY(error_set(err, LAMINAR_IO_ERROR,
                      "the log in '%s' begins with record %llu, and record %llu is needed",
                      wal->folder, (unsigned long long)wal->segments.items[first].first_seq,
                      (unsigned long long)from));
    for (size_t i = first; i < wal->segments.n; i++) {
        uint64_t end = i + 1 < wal->segments.n ? wal->segments.items[i + 1].first_seq : UINT64_MAX;
        TRY(read_segment(wal, &wal->segments.items[i], options, &contents, end, &seq, err));
    }
    if (seq < from)
        TRY(error_set(err, LAMINAR_IO_ERROR,
                      "the log in '%s' ends before record %llu, which a checkpoint had seen",
                      wal->folder, (unsigned long long)from));
    wal->next_seq = seq;
    wal->durable_seq = seq - 1;
    TRY(make_durable(wal, err));
done:
    strbuf_deinit(&contents.bytes);
    mem_free(contents.path);
    return status;
}

/* --- Checking ---------------------------------------------------------------------------------------------------------------------------- */

static void report_line(struct wal_report *report, bool is_problem, const char *text)
{
    report->n_problems += is_problem;
    if (report->found) report->found(report->ctx, is_problem, text);
}

/* As read_heads, but says what there is and changes nothing. */
static laminar_status check_heads(struct wal *wal, struct wal_report *report,
                                  struct laminar_error *err)
{
    size_t n = 0;
    char line[160];
    for (size_t i = 0; i < wal->segments.n; i++) {
        struct wal_segment segment = wal->segments.items[i];
        enum head head;
        laminar_status status = read_head(wal, &segment, &head, err);
        if (status != LAMINAR_OK) return status;
        if (head == HEAD_WHOLE) {
            wal->segments.items[n++] = segment;
            continue;
        }
        snprintf(line, sizeof line, "log: segment " WAL_SEGMENT_NAME " has %s",
                 (unsigned long long)segment.index,
                 head == HEAD_DAMAGED ? "a head that does not read" : "never been used");
        /* a head that a crash cut short is the last one's, and of records that nobody waited for */
        report_line(report, head == HEAD_DAMAGED && i + 1 < wal->segments.n, line);
    }
    wal->segments.n = n;
    return LAMINAR_OK;
}

laminar_status wal_check(const char *folder, struct wal_report *report, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct contents contents = {0};
    struct wal wal = {.is_read_only = true, .next_index = 1};
    struct wal_options options = {.folder = folder, .is_read_only = true};
    if (!(wal.folder = mem_strdup(folder))) TRY(error_oom(err));
    TRY(folder_list(folder, note_file, &wal, err));
    if (wal.segments.n)
        qsort(wal.segments.items, wal.segments.n, sizeof *wal.segments.items, by_index);
    TRY(check_heads(&wal, report, err));
    report->n_segments = wal.segments.n;
    report->first_seq = wal.segments.n ? wal.segments.items[0].first_seq : 1;
    report->next_seq = report->first_seq;
    for (size_t i = 0; i < wal.segments.n; i++) {
        struct laminar_error own = LAMINAR_ERROR_INIT;
        uint64_t end = i + 1 < wal.segments.n ? wal.segments.items[i + 1].first_seq : UINT64_MAX;
        laminar_status read = read_segment(&wal, &wal.segments.items[i], &options, &contents, end,
                                           &report->next_seq, &own);
        if (read == LAMINAR_OUT_OF_MEMORY) TRY(error_oom(err));
        if (read != LAMINAR_OK) report_line(report, true, own.message);
    }
done:
    strbuf_deinit(&contents.bytes);
    mem_free(contents.path);
    ARRAY_DEINIT(&wal.segments);
    ARRAY_DEINIT(&wal.spares);
    mem_free(wal.folder);
    return status;
}
