/* wal.h - the write-ahead log: records in a row, in preallocated segment files that are used again.
 *
 * A record is bytes with a kind; its number (seq) is one more than that of the record before. Records are gathered in memory (wal_begin, wal_end)
 * and made durable together (wal_flush): one write, one fdatasync. When many come, wal_write brings them to the file before: large writes go past the system's
 * cache, straight from a buffer, where the file system can do that.
 *
 * What a crash leaves: every record that a successful flush covered, and of the later ones a beginning or none. The end is found by checksums: seeded
 * with the segment's own salt, so that what a recycled file held before is never taken for a record.
 *
 * What is wrong is told apart from what is torn: each record says which number was durable when it was made. A record that does not read, though a later
 * one says that it was durable, is corruption: an error that names file and offset. Otherwise the tail was never acknowledged, and is cut.
 *
 * Failure: a flush that fails leaves its records in memory and the segment in doubt. The next flush never tries that sync again: it takes a
 * fresh segment and writes all the records that are not durable there. Reading stops at the number with which the next segment begins.
 * Layout: docs/format.md.
 * @thread one at a time. */
#ifndef STORAGE_WAL_H
#define STORAGE_WAL_H

#include "base/array.h"
#include "base/file.h"

enum {
    WAL_SEGMENT_BYTES_DEFAULT = 16 << 20,
    WAL_SEGMENT_BYTES_MIN = 4096,
    WAL_RECORD_BYTES_MAX = 1 << 30,
    WAL_SPARES_MAX = 4 /* files kept for the next segments */
};

struct wal_record {
    uint64_t seq;
    uint32_t kind;
    const uint8_t *data;
    size_t size;
};
struct wal_options {
    const char *folder;     /* exists */
    uint64_t segment_bytes; /* 0 = default */
    size_t direct_bytes;    /* how much at once goes past the system's cache; 0 = default */
    /* Nothing is written, nothing cut. */
    bool is_read_only;
    /* Called for each record from from_seq on, in order. */
    uint64_t from_seq;
    laminar_status (*replay)(void *ctx, const struct wal_record *record, struct laminar_error *err);
    void *ctx;
};
struct wal;
/* Reads what is there. LAMINAR_IO_ERROR: the log is corrupt, or does not reach back to from_seq. */
laminar_status wal_open(const struct wal_options *options, struct wal **out,
                        struct laminar_error *err) must_check;
/* Does not flush. */
void wal_close(struct wal *wal);

/* Where the payload of the next record goes; 8-byte aligned. NULL: no memory. */
struct strbuf *wal_begin(struct wal *wal);
/* The bytes added since are a record. LAMINAR_OUT_OF_MEMORY, or LAMINAR_INGESTION_FAILED when it is too large: it is taken back. */
laminar_status wal_end(struct wal *wal, uint32_t kind, uint64_t *seq, struct laminar_error *err)
    must_check;
/* Takes back what wal_begin began. */
void wal_abort(struct wal *wal);
/* Much of what has ended is in the file: a flush will take less time. No promise goes with it. An error: as of wal_flush. */
laminar_status wal_write(struct wal *wal, struct laminar_error *err) must_check;
/* All ended records are durable, or an error: then they wait for the next flush. */
laminar_status wal_flush(struct wal *wal, struct laminar_error *err) must_check;
/* Gives up the records that are not durable; their numbers are used again. Only when a flush failed or none was tried. False: the disk may have
 * kept them, and an open after a crash right now would find them. */
bool wal_discard(struct wal *wal) must_check;
/* Records below seq are not needed any more. Failures leave files behind, which the next call takes. */
laminar_status wal_release(struct wal *wal, uint64_t seq, struct laminar_error *err) must_check;

uint64_t wal_durable_seq(const struct wal *wal); /* of the newest durable record; 0 = none */
uint64_t wal_next_seq(const struct wal *wal);
uint64_t wal_first_seq(const struct wal *wal);       /* oldest that is kept */
uint64_t wal_pending_bytes(const struct wal *wal);   /* not durable */
uint64_t wal_unwritten_bytes(const struct wal *wal); /* nor in the file */
uint64_t wal_total_bytes(const struct wal *wal);     /* of the segments in use */
/* Of the records read and written since it was opened. @thread any */
uint64_t wal_record_bytes_total(const struct wal *wal);
uint64_t wal_cut_bytes(const struct wal *wal); /* torn tail that wal_open left out */
uint64_t wal_n_syncs(const struct wal *wal);

/* Reads all segments of a log that nobody has open, and changes nothing. `found` gets a line for each thing to say. An error: it could not be read at all. */
struct wal_report {
    void (*found)(void *ctx, bool is_problem, const char *text);
    void *ctx;
    uint64_t n_segments, first_seq, next_seq, n_problems;
};
laminar_status wal_check(const char *folder, struct wal_report *report, struct laminar_error *err)
    must_check;

#endif
