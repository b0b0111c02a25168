/* wal_internal.h - segments of the log and their layout, shared by wal.c (writing) and wal_read.c.
 *
 * Segment: two copies of the head, 512 bytes apart; then records, each 8-byte aligned. Little-endian.
 *   head    u8 magic[8], u32 format, u32 0, u64 index, u64 first_seq, u64 salt, u64 checksum of the 40 bytes before
 *   record  u32 size of the payload, u32 kind, u64 seq, u64 durable_seq, u64 checksum of the 24 bytes before and the payload, seeded with the salt;
 *           payload; zeros up to the next multiple of 8 */
#ifndef STORAGE_WAL_INTERNAL_H
#define STORAGE_WAL_INTERNAL_H

#include "storage/wal.h"

enum {
    WAL_FORMAT = 3,             /* 2: columns of steps may be packed; 3: records of lost steps */
    WAL_FORMAT_FIRST = 1,       /* the oldest that is read */
    WAL_DIRECT_BYTES = 1 << 20, /* written at once past the system's cache */
    WAL_BLOCK = 4096,
    WAL_HEAD_BYTES = 48,
    WAL_HEAD_COPY = 512, /* offset of the second copy */
    WAL_FIRST_RECORD = 1024,
    WAL_RECORD_HEAD_BYTES = 32
};

struct wal_segment {
    uint64_t index; /* the file's name */
    uint64_t first_seq;
    uint64_t salt;
    uint64_t bytes; /* size of the file */
};
struct wal {
    char *folder;
    uint64_t segment_bytes;
    bool is_read_only;
    /* oldest first; the last one is written to while `file` is open */
    ARRAY_OF(struct wal_segment) segments;
    struct file file;
    /* the same past the system's cache, once there was much to write and where that works */
    struct file direct;
    bool is_never_direct;
    uint8_t *direct_buffer;    /* aligned */
    size_t direct_bytes;       /* from how many on */
    uint64_t offset;           /* where the first record that is not durable goes in it */
    bool is_in_doubt;          /* a write or sync of it failed: it gets no more records */
    ARRAY_OF(uint64_t) spares; /* numbers of spare files */
    uint64_t next_spare, next_index;
    /* records that are not durable, as they go to the file. The first `n_sealed` bytes of them have their place in it and their checksums, the first
     * `n_written` are in it, but may not be on the disk */
    struct strbuf pending;
    size_t n_sealed, n_written;
    uint64_t sealed_seq; /* of the last sealed record */
    size_t open_at;      /* record being made; SIZE_MAX = none */
    uint64_t durable_seq, next_seq;
    uint64_t cut_bytes, n_syncs;
    _Atomic uint64_t record_bytes; /* of all records that were read or written */
};

/* Path of a file in the folder; NULL: no memory. The caller frees it. */
char *wal_path(const struct wal *wal, const char *format, uint64_t number);
#define WAL_MAGIC "LAMINWAL"
#define WAL_SEGMENT_NAME "%016llx.log"
#define WAL_SPARE_NAME "spare-%llu"
void wal_head_encode(const struct wal_segment *segment, uint8_t *out);
uint64_t wal_checksum(uint64_t salt, const uint8_t *record, size_t payload_bytes);
static inline size_t wal_record_bytes(size_t payload_bytes)
{
    return WAL_RECORD_HEAD_BYTES + ((payload_bytes + 7) & ~(size_t)7);
}
/* wal_read.c: fills segments, spares, numbers; replays. */
laminar_status wal_read(struct wal *wal, const struct wal_options *options,
                        struct laminar_error *err) must_check;

#endif
