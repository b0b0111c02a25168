/* checkpoint_file.h - checkpoints on the disk: files of state pages, an index of which page lies where, and a manifest a checkpoint.
 *
 * A piece of state is known by (object, kind, page). A checkpoint's file holds the pieces that changed since the one before, then an index of *all*
 * pieces, which points into this file and older ones. The manifest (text, with a checksum as its last line) is written to a temporary name, synced and
 * renamed: a checkpoint exists from the moment its manifest does. Files that no kept manifest names are removed.
 * A file most of whose pieces have been replaced is emptied: its remaining ones are written again. So the files hold at most about twice the state.
 * Layout: docs/format.md.
 * @thread a store: one at a time. */
#ifndef STORAGE_CHECKPOINT_FILE_H
#define STORAGE_CHECKPOINT_FILE_H

#include "base/array.h"
#include "base/file.h"

enum { CHECKPOINT_FORMAT = 3, CHECKPOINT_PIECE_BYTES_MAX = 1 << 30 };

/* What a manifest says. */
struct checkpoint_info {
    uint64_t id;
    uint64_t step;    /* newest step in it */
    uint64_t log_seq; /* newest record of the log in it */
    int64_t created_us;
    uint64_t bytes_written; /* by this one */
    uint64_t state_bytes;   /* all its pieces */
    uint64_t n_pieces;
    int64_t duration_us;
    int64_t pause_us; /* that a step could have waited for it */
    uint64_t is_copy; /* 1: made by a backup, of a database that may be in use elsewhere */
    bool is_damaged;  /* its manifest does not read */
};

struct checkpoint_store;
/* Lists what is in the folder (which exists). */
laminar_status checkpoint_store_open(const char *folder, bool is_read_only,
                                     struct checkpoint_store **out, struct laminar_error *err)
    must_check;
void checkpoint_store_close(struct checkpoint_store *store);
/* Oldest first. */
size_t checkpoint_store_n(const struct checkpoint_store *store);
struct checkpoint_info checkpoint_store_at(const struct checkpoint_store *store, size_t i);
/* Bytes of files that no manifest names any more are given back; all but the newest n_kept manifests go. Those not listed go in any case. */
laminar_status checkpoint_store_retain(struct checkpoint_store *store, size_t n_kept,
                                       struct laminar_error *err) must_check;
/* Removes the checkpoints newer than `id`. */
laminar_status checkpoint_store_cut(struct checkpoint_store *store, uint64_t id,
                                    struct laminar_error *err) must_check;

/* --- Writing ------------------------------------------------------------------------------------------------------------------- */
struct checkpoint_writer;
struct checkpoint_rate {
    uint64_t bytes_per_s;           /* 0 = as fast as it goes */
    const _Atomic bool *is_hurried; /* true: the limit holds no longer; may be NULL */
};
laminar_status checkpoint_writer_create(struct checkpoint_store *store,
                                        const struct checkpoint_rate *rate,
                                        struct checkpoint_writer **out, struct laminar_error *err)
    must_check;
uint64_t checkpoint_writer_id(const struct checkpoint_writer *writer);
/* True: the checkpoint before (of this process) has this very piece, which now belongs to this one too. */
bool checkpoint_writer_keep(struct checkpoint_writer *writer, uint64_t object, uint32_t kind,
                            uint64_t page, uint64_t version);
laminar_status checkpoint_writer_put(struct checkpoint_writer *writer, uint64_t object,
                                     uint32_t kind, uint64_t page, uint64_t version,
                                     const void *data, size_t size, struct laminar_error *err)
    must_check;
/* Fills in id and the sizes. From its success on the checkpoint exists. Frees the writer either way, as does abort. */
laminar_status checkpoint_writer_commit(struct checkpoint_writer *take_writer,
                                        struct checkpoint_info *info, struct laminar_error *err)
    must_check;
void checkpoint_writer_abort(struct checkpoint_writer *take_writer);

/* --- Reading ------------------------------------------------------------------------------------------------------------------- */
struct checkpoint_reader;
/* LAMINAR_CHECKPOINT_FAILED names the file that does not read. */
laminar_status checkpoint_reader_open(struct checkpoint_store *store, uint64_t id,
                                      struct checkpoint_reader **out, struct laminar_error *err)
    must_check;
void checkpoint_reader_close(struct checkpoint_reader *reader);
/* Pieces of one object in order of (kind, page): begin, then next until *size is 0. Data is valid until the next call. */
void checkpoint_reader_begin(struct checkpoint_reader *reader, uint64_t object);
laminar_status checkpoint_reader_next(struct checkpoint_reader *reader, uint32_t *kind,
                                      uint64_t *page, const void **data, size_t *size,
                                      struct laminar_error *err) must_check;
/* Reads everything and compares checksums; *n_bad pieces do not match, the first one is the error. */
laminar_status checkpoint_reader_verify(struct checkpoint_reader *reader, uint64_t *n_bad,
                                        struct laminar_error *err) must_check;

#endif
