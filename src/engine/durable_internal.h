/* durable_internal.h - shared by durable*.c and checkpoint.c. */
#ifndef ENGINE_DURABLE_INTERNAL_H
#define ENGINE_DURABLE_INTERNAL_H

#include "engine/durable.h"
#include "storage/wal.h"

/* Kinds of records in the log. Stored. */
enum record_kind {
    RECORD_STEP = 1,
    RECORD_STATEMENT = 2,
    RECORD_SETTING = 3,
    RECORD_CLOSED = 4,
    RECORD_FILLED = 5,   /* a statement and the step after it */
    RECORD_RESTORED = 6, /* back to a checkpoint */
    /* from here on steps may run, and be given out, before they are in the log */
    RECORD_UNSURE = 7,
    RECORD_LOST = 8 /* such steps were lost: numbers go on behind what they can have had */
};

/* What a record says of the step besides its rows. */
struct step_head {
    uint64_t number;
    int64_t time_us;
    uint32_t flags; /* enum step_flags */
};
/* Stored. */
enum step_flags {
    STEP_FLUSH = 1,     /* in front of a checkpoint: step.is_flush */
    STEP_GIVES_ALL = 2, /* at a shutdown: step.gives_all */
    STEP_FLAGS = 3
};
/* On its way to the log (async): a large step as references to its batches until it is packed, or bytes: small steps in a row as they go to the log, each behind its size
 * (u32). A row costs its writer a copy then, and no allocation. */
struct log_item {
    struct log_item *next;
    bool is_packing; /* not to be touched */
    size_t bytes;
    struct step_head head;
    struct pending *list; /* copies with references */
    struct strbuf small;
    size_t at; /* what the log has of them */
};
enum {
    LOG_QUEUE_BYTES_MAX = 64 << 20,
    LOG_SMALL_ROWS = 256,         /* below: small */
    LOG_SMALL_BYTES = 256 << 10,  /* of steps that share an item */
    LOG_SPARE_MAX = 8,            /* items kept for the next bytes */
    LOG_PACK_BYTES = 4 << 20,     /* from how many on the packer is woken */
    LOG_PACKED_BYTES = 512 << 10, /* and the flusher, when it waits for the packer */
    LOG_WRITE_BYTES = 1 << 20,    /* encoded and not written: written */
    LOG_SYNC_BYTES = 8 << 20      /* written and not synced: synced */
};

struct durable {
    struct database *db;
    char *folder;
    struct file lock_file;
    enum durability durability;
    bool is_read_only;
    bool is_recovering;
    bool is_closed;
    struct checkpoint_store *checkpoints; /* guarded by checkpointing */
    struct mutex checkpointing;           /* one checkpoint at a time; taken before control */
    struct thread checkpointer;
    bool has_checkpointer;
    _Atomic int64_t checkpoint_us; /* monotonic: when the newest one was made */
    /* wal_record_bytes_total when the newest one was made */
    _Atomic uint64_t checkpoint_record_bytes;
    /* the end: a checkpoint that is being written goes as fast as it can */
    _Atomic bool is_hurried;
    _Atomic bool is_dirty; /* steps or statements since */
    /* async, off: a crash now loses steps that readers may have seen */
    bool is_unsure;
    /* the log ends with the record that says so: another one says nothing */
    _Atomic bool ends_closed;

    /* thread_self_id of RESTORE FROM CHECKPOINT, to which things look as in a recovery; 0 = none */
    _Atomic uint64_t restorer;
    /* what the log and checkpoints say of it doesn't count: the opener has chosen */
    bool keeps_memory_limit;
    char stored_limit[SETTING_TEXT_MAX]; /* what they say */
    uint64_t restored_id; /* the checkpoint that the log went back to last; 0 = none */

    /* the statement that is being done; step owner */
    uint64_t statement_step, statement_next_id;

    struct mutex log; /* the wal; held over its writes */
    struct wal *wal;
    /* of the newest step or statement that is in the log or queued for it; step owner */
    uint64_t logged_seq;

    struct mutex lock;                      /* the queue and the list of checkpoints: short */
    ARRAY_OF(struct checkpoint_info) infos; /* a copy of what is in `checkpoints`, for readers */
    uint64_t n_checkpoint_failures;
    struct laminar_error checkpoint_failure; /* of the newest attempt */
    struct cond changed;                     /* the queue, the end */
    struct cond room;
    struct cond stopping; /* for the checkpointer */
    struct log_item *head, *tail;
    struct log_item *unpacked; /* the first that the packer has not looked at */
    uint64_t unpacked_bytes;   /* from there on */
    struct cond packing;       /* for the packer: there is enough */
    struct cond packed;        /* some have their bytes */
    uint64_t packed_bytes;     /* since that was said */
    bool is_packer_waiting;
    struct log_item *spare; /* empty ones with memory for bytes */
    size_t n_spare;
    struct strbuf encoded; /* a small step; step owner */
    int64_t synced_us;     /* when the log was last known to be on the disk; log */
    _Atomic uint64_t queued_bytes;
    struct thread flusher, packer;
    bool has_flusher, has_packer, is_stopping;
    _Atomic bool is_failing; /* async: the disk does not take the log */
    struct laminar_error failure;
};

/* durable.c: into the log, not flushed. The caller holds log. */
laminar_status durable_append_step(struct durable *d, const struct step_head *head,
                                   const struct pending *list, struct laminar_error *err)
    must_check;

/* durable_queue.c: what waits for the log with durability = async. */
laminar_status durable_queue_step(struct durable *d, const struct step_head *head,
                                  const struct pending *list, struct laminar_error *err) must_check;
/* Into the log what the steps have queued. The caller holds log. What fails leaves the rest queued. */
laminar_status durable_encode_queue(struct durable *d, struct laminar_error *err) must_check;
/* All that was accepted so far is on the disk, or the error. */
laminar_status durable_flush(struct durable *d, struct laminar_error *err) must_check;
/* The threads. durable.c ends them. */
laminar_status durable_queue_start(struct database *db, struct laminar_error *err) must_check;
void durable_queue_deinit(struct durable *d);

/* durable_codec.c */
laminar_status record_encode_step(struct strbuf *out, const struct step_head *head,
                                  const struct pending *list, struct laminar_error *err) must_check;
/* Runs what the record says. */
laminar_status record_replay(void *ctx /* struct database */, const struct wal_record *record,
                             struct laminar_error *err) must_check;
void put_bytes(struct strbuf *out, const void *data, size_t size);

/* What a record of that kind says. */
laminar_status durable_lose(struct database *db, uint64_t after, uint64_t to,
                            struct laminar_error *err) must_check;

/* A record of up to three parts. */
struct record_parts {
    enum record_kind kind;
    const void *head, *tail;
    size_t head_size, tail_size;
    const struct step *step; /* may be NULL */
    const struct pending *list;
};
/* One record after what the steps have queued, and all of it on the disk; or the record is taken back. The caller holds step. */
laminar_status durable_log_at_once(struct durable *d, const struct record_parts *parts,
                                   struct laminar_error *err) must_check;
/* LAMINAR_CHECKPOINT_FAILED: there is no storage, or it may only be read. */
laminar_status durable_check_writable(const struct database *db, struct laminar_error *err)
    must_check;
/* Statements are done again: for everybody, or for this thread. */
bool durable_is_replaying(const struct durable *d);
/* A setting as a checkpoint or a record says that it was. */
laminar_status durable_restore_setting(struct database *db, const char *name, const char *value,
                                       struct laminar_error *err) must_check;
/* What sinks wrote behind the point that was restored goes. */
void durable_recover_sinks(struct database *db);

/* restore.c */
/* What RESTORE FROM CHECKPOINT did: `words` are the record's. */
enum { RESTORED_WORDS = 4 };
laminar_status restore_replay(struct database *db, const uint64_t *words, struct laminar_error *err)
    must_check;

/* checkpoint.c */
/* Makes one; the caller holds checkpointing. */
laminar_status checkpoint_make(struct database *db, uint64_t *id, struct laminar_error *err)
    must_check;
/* The same into another folder, with all that belongs to it. */
laminar_status checkpoint_copy(struct database *db, const char *folder, struct laminar_error *err)
    must_check;
/* Relations and state of a checkpoint into a database that has none. */
laminar_status checkpoint_restore(struct database *db, uint64_t id, struct laminar_error *err)
    must_check;
/* Brings an empty database to the newest checkpoint that reads; *log_seq: what it holds of the log; 0 = there is none. */
laminar_status checkpoint_restore_newest(struct database *db, uint64_t *log_seq,
                                         struct laminar_error *err) must_check;
void *checkpointer_main(void *arg);
/* Brings d->infos up to date. The caller holds checkpointing, or is alone. */
void checkpoint_list(struct durable *d);
/* All relations but the system's go. */
laminar_status database_remove_relations(struct database *db, struct laminar_error *err) must_check;

#endif
