/* durable.h - what keeps a database on a disk: the log of its steps and statements, checkpoints of its state, recovery from both.
 *
 * The folder: LOCK (held by the process that has it open), log/ (storage/wal.h), checkpoints/ (storage/checkpoint_file.h).
 *
 * Order: a step is written to the log before it runs, under the step lock. So the log's order is the order of the steps, and with durability = sync nobody
 * (reader, subscriber, sink) ever sees what a crash could take back. What can't be logged isn't run: the insert fails and nothing has changed.
 * Replaying the log runs the same steps at the same times with the same cuts, so it gives the same state; what follows from a step by itself (late
 * rows on their way to another relation) isn't logged.
 *   sync   the writer's own thread encodes, writes and syncs; writers that come meanwhile share the next sync (step.c).
 *   async  the step leaves references to its batches, or small ones as bytes, in a queue; a thread encodes, writes and syncs them every flush_interval_ms. While the disk
 *          fails, inserts are refused; what was accepted waits in memory until the disk works again.
 *   off    steps are not logged; a crash goes back to the newest checkpoint. Closing makes one.
 * Statements that change the catalog are durable when they return, whatever the setting.
 *
 * @locks order: checkpointing, control, step, log (the file; held over its writes), lock (the queue of the log's thread; short). */
#ifndef ENGINE_DURABLE_H
#define ENGINE_DURABLE_H

#include "engine/engine.h"
#include "storage/checkpoint_file.h"

struct durable;

/* A writer that waits until its step is on the disk and has run. Guarded by queue. */
struct commit_waiter {
    struct cond changed;
    bool is_done;
    bool is_leader; /* it is to run what is queued */
    laminar_status status;
    struct laminar_error *err;
};

/* Makes the folder where it is missing, locks it, and brings the database to where it was. LAMINAR_CONNECTION_IN_USE: another process, or this
 * one, has it open. */
laminar_status durable_open(struct database *db, const char *folder, struct laminar_error *err)
    must_check;
/* Everything accepted is on the disk, or the error says that it is not; then the folder is free. The database stays usable in memory by nobody. */
laminar_status durable_close(struct database *db, struct laminar_error *err) must_check;
void durable_free(struct durable *durable);

/* True: an insert returns when its step is on the disk (sync). */
bool durable_waits(const struct database *db);
/* It was opened and not closed: false while it closes because it could not be opened. */
bool durable_is_open(const struct database *db);
/* What a folder held is being done again. */
bool durable_is_recovering(const struct database *db);
/* Before an insert: LAMINAR_IO_ERROR while the disk fails (async), LAMINAR_INGESTION_FAILED when opened for reading or when the log can't keep up. */
laminar_status durable_admit(struct database *db, struct laminar_error *err) must_check;
/* Before the step runs. Step owner. */
laminar_status durable_log_step(struct database *db, const struct step *step,
                                const struct pending *list, struct laminar_error *err) must_check;

/* --- Statements. All of these do nothing where there is no storage. The caller holds control. --- */
/* Between begin and end no step comes in between, and all steps have one time. */
void durable_statement_begin(struct database *db);
void durable_statement_end(struct database *db);
/* The statement, which has been done or can't fail any more, is on the disk. `made`: the relation that it made, or NULL. */
laminar_status durable_log_statement(struct database *db, const struct relation *made,
                                     const char *sql, size_t size, struct laminar_error *err)
    must_check;
/* The same for a table that is made with rows in it: the statement and the step that comes next, as one. */
laminar_status durable_log_filled(struct database *db, struct relation *made, struct batch *rows,
                                  const char *sql, size_t size, struct laminar_error *err)
    must_check;
/* The value that a setting has now, where replaying depends on it. Step owner. */
laminar_status durable_log_setting(struct database *db, const char *name, struct laminar_error *err)
    must_check;

/* --- Checkpoints (checkpoint.c) --- */
/* Makes one now. LAMINAR_CHECKPOINT_FAILED where there is no storage. *id may be NULL. */
laminar_status database_checkpoint(struct database *db, uint64_t *id, struct laminar_error *err)
    must_check;
/* Back to a checkpoint (restore.c): LAMINAR_CHECKPOINT_FAILED, and nothing has changed, when it does not read. */
laminar_status database_restore(struct database *db, uint64_t id, struct laminar_error *err)
    must_check;
/* A copy of everything in a new or empty folder (backup.c); also of a database in memory. */
laminar_status database_backup(struct database *db, const char *folder, struct laminar_error *err)
    must_check;
/* SQL and Arrow files in a new or empty folder (dump.c). */
laminar_status database_dump(struct database *db, const char *folder, bool has_secrets,
                             struct laminar_error *err) must_check;
/* Looks at everything in a folder that nobody has open (check.c): `found` gets a line for each thing it says; *n_problems are wrong. An error: it could not look. */
struct check_report {
    void (*found)(void *ctx, bool is_problem, const char *text);
    void *ctx;
    uint64_t n_problems;
};
laminar_status database_check(const char *folder, struct check_report *report,
                              struct laminar_error *err) must_check;
/* What became of checkpoints that failed; *err (may be NULL) is the newest one's error, code 0 if it went well. */
uint64_t database_checkpoint_failures(struct database *db, struct laminar_error *err);
/* Calls `found` for each checkpoint that is kept, oldest first; it must not call back. */
laminar_status database_checkpoints(struct database *db,
                                    laminar_status (*found)(void *ctx,
                                                            const struct checkpoint_info *info,
                                                            struct laminar_error *err),
                                    void *ctx, struct laminar_error *err) must_check;

#endif
