/* durable.c - see durable.h: the folder and its lock, writing the log in step with the engine, the log's thread, opening and closing. */
#include "base/error.h"
#include "engine/durable_internal.h"
#include <stdio.h>
#include <string.h>

enum {
    /* below: system relations, of which a later version may have more */
    FIRST_USER_RELATION = 1024
};

/* --- Refusals ------------------------------------------------------------------------------------------------------------------------ */

bool durable_waits(const struct database *db)
{
    return db->durable->durability == DURABILITY_SYNC && !db->durable->is_recovering;
}

bool durable_is_open(const struct database *db) { return !db->durable->is_closed; }

bool durable_is_replaying(const struct durable *d)
{
    uint64_t restorer = atomic_load_explicit(&d->restorer, memory_order_relaxed);
    return d->is_recovering || unlikely(restorer != 0 && restorer == thread_self_id());
}

bool durable_is_recovering(const struct database *db)
{
    return db->durable && durable_is_replaying(db->durable);
}

static laminar_status refuse_writing(const struct durable *d, struct laminar_error *err)
{
    error_set(err, LAMINAR_INGESTION_FAILED, "'%.200s' is opened for reading only", d->folder);
    error_hint(err, "open it without read_only");
    return LAMINAR_INGESTION_FAILED;
}

laminar_status durable_admit(struct database *db, struct laminar_error *err)
{
    struct durable *d = db->durable;
    if (unlikely(d->is_read_only)) return refuse_writing(d, err);
    if (d->durability != DURABILITY_ASYNC) return LAMINAR_OK;
    if (unlikely(atomic_load_explicit(&d->is_failing, memory_order_relaxed))) {
        mutex_lock(&d->lock);
        bool is_failing = atomic_load_explicit(&d->is_failing, memory_order_relaxed);
        if (is_failing && err) *err = d->failure;
        mutex_unlock(&d->lock);
        if (is_failing) return LAMINAR_IO_ERROR;
    }
    if (likely(atomic_load_explicit(&d->queued_bytes, memory_order_relaxed) < LOG_QUEUE_BYTES_MAX))
        return LAMINAR_OK;
    laminar_status status = LAMINAR_OK;
    int64_t deadline = clock_deadline_us(db->settings.number[SETTING_ID_insert_timeout_ms]);
    atomic_fetch_add_explicit(&db->backpressure_waits, 1, memory_order_relaxed);
    mutex_lock(&d->lock);
    while (d->queued_bytes >= LOG_QUEUE_BYTES_MAX && status == LAMINAR_OK) {
        cond_signal(&d->changed);
        if (cond_wait_until(&d->room, &d->lock, deadline)) continue;
        status = error_set(err, LAMINAR_INGESTION_FAILED,
                           "the disk is too slow: %llu bytes wait to be written to the log",
                           (unsigned long long)d->queued_bytes);
        error_hint(err, "try again later, or insert less");
        if (err) err->is_retriable = true;
    }
    mutex_unlock(&d->lock);
    return status;
}

/* --- Writing to the log -------------------------------------------------------------------------------------------------------------- */

/* Says in the error what is known of the rows. */
static void explain_failure(bool is_certain, struct laminar_error *err)
{
    if (!err) return;
    err->is_retriable = true;
    if (err->hint[0] == 0)
        error_hint(
            err, is_certain
                     ? "nothing was changed; try again when the disk works"
                     : "nothing was changed in memory, but if the process ended now, the disk may "
                       "have kept it; try again when the disk works");
}

/* Flushes, or takes back what was added. The caller holds log. */
static laminar_status flush_or_discard(struct durable *d, struct laminar_error *err)
{
    laminar_status status = wal_flush(d->wal, err);
    if (status != LAMINAR_OK) explain_failure(wal_discard(d->wal), err);
    return status;
}

laminar_status durable_append_step(struct durable *d, const struct step_head *head,
                                   const struct pending *list, struct laminar_error *err)
{
    struct strbuf *out = wal_begin(d->wal);
    if (!out) return error_oom(err);
    laminar_status status = record_encode_step(out, head, list, err);
    if (status != LAMINAR_OK) {
        wal_abort(d->wal);
        return status;
    }
    return wal_end(d->wal, RECORD_STEP, NULL, err);
}

static struct step_head head_of(const struct step *step)
{
    uint32_t flags = (step->is_flush ? STEP_FLUSH : 0) | (step->gives_all ? STEP_GIVES_ALL : 0);
    return (struct step_head){step->number, step->time_us, flags};
}

static laminar_status log_sync(struct durable *d, const struct step *step,
                               const struct pending *list, struct laminar_error *err)
{
    struct step_head head = head_of(step);
    mutex_lock(&d->log);
    laminar_status status = durable_append_step(d, &head, list, err);
    if (status == LAMINAR_OK) status = flush_or_discard(d, err);
    if (status == LAMINAR_OK) d->logged_seq = wal_durable_seq(d->wal);
    mutex_unlock(&d->log);
    return status;
}

laminar_status durable_log_step(struct database *db, const struct step *step,
                                const struct pending *list, struct laminar_error *err)
{
    struct durable *d = db->durable;
    if (durable_is_replaying(d) || d->is_closed) return LAMINAR_OK;
    /* what only time brings about happens for readers too, and is not kept */
    if (d->is_read_only) return list ? refuse_writing(d, err) : LAMINAR_OK;
    d->is_dirty = true;
    d->ends_closed = false;
    switch (d->durability) {
    case DURABILITY_SYNC: return log_sync(d, step, list, err);
    case DURABILITY_ASYNC: {
        struct step_head head = head_of(step);
        return durable_queue_step(d, &head, list, err);
    }
    case DURABILITY_OFF: return LAMINAR_OK;
    }
    return LAMINAR_OK;
}

/* --- Statements ---------------------------------------------------------------------------------------------------------------------- */

void durable_statement_begin(struct database *db)
{
    struct durable *d = db->durable;
    if (!d || durable_is_replaying(d)) return;
    engine_lock_statement(db);
    d->statement_step = db->step_number;
    d->statement_next_id = db->catalog.next_id;
    db->replay_time_us = engine_step_time(db);
}

void durable_statement_end(struct database *db)
{
    if (!db->durable || durable_is_replaying(db->durable)) return;
    db->replay_time_us = 0;
    engine_unlock_statement(db);
}

static laminar_status put_parts(struct strbuf *out, const struct record_parts *parts,
                                struct laminar_error *err)
{
    put_bytes(out, parts->head, parts->head_size);
    put_bytes(out, parts->tail, parts->tail_size);
    if (!parts->step) return LAMINAR_OK;
    struct step_head head = head_of(parts->step);
    return record_encode_step(out, &head, parts->list, err);
}

static laminar_status log_at_once(struct durable *d, const struct record_parts *parts,
                                  struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    TRY(durable_encode_queue(d, err));
    /* Steps that have been accepted stay, whatever comes of the statement: they go first. */
    TRY(wal_flush(d->wal, err));
    struct strbuf *out = wal_begin(d->wal);
    if (!out) TRY(error_oom(err));
    status = put_parts(out, parts, err);
    if (status != LAMINAR_OK) {
        wal_abort(d->wal);
        return status;
    }
    TRY(wal_end(d->wal, (uint32_t)parts->kind, NULL, err));
    TRY(flush_or_discard(d, err));
    d->logged_seq = wal_durable_seq(d->wal);
done:
    return status;
}

laminar_status durable_log_at_once(struct durable *d, const struct record_parts *parts,
                                   struct laminar_error *err)
{
    d->is_dirty = true;
    d->ends_closed = false;
    mutex_lock(&d->log);
    laminar_status status = log_at_once(d, parts, err);
    mutex_unlock(&d->log);
    return status;
}

/* A sink that can't write stops alone. */
static void stop_sink(struct relation_runtime *runtime, const struct laminar_error *failure)
{
    runtime->has_failed = true;
    runtime->failure = *failure;
    error_object(&runtime->failure, runtime->relation->name);
    runtime->output->has_failed = true;
}

/* The statement is done for good. */
static void release_sink(struct relation_runtime *runtime)
{
    struct laminar_error failure = LAMINAR_ERROR_INIT;
    if (file_sink_release(runtime->file, &failure) != LAMINAR_OK) stop_sink(runtime, &failure);
}

enum { STATEMENT_WORDS = 4 };

static void statement_head(const struct database *db, const struct relation_runtime *runtime,
                           uint64_t *head)
{
    head[0] = db->durable->statement_step;
    head[1] = db->durable->statement_next_id;
    head[2] = (uint64_t)db->replay_time_us;
    head[3] = runtime && runtime->file ? file_sink_base(runtime->file) : 0;
}

laminar_status durable_log_statement(struct database *db, const struct relation *made,
                                     const char *sql, size_t size, struct laminar_error *err)
{
    struct durable *d = db->durable;
    if (!d || durable_is_replaying(d) || d->is_closed) return LAMINAR_OK;
    if (d->is_read_only) return refuse_writing(d, err);
    const struct relation_runtime *runtime = made ? made->runtime : NULL;
    uint64_t head[STATEMENT_WORDS];
    statement_head(db, runtime, head);
    struct record_parts parts = {.kind = RECORD_STATEMENT,
                                 .head = head,
                                 .head_size = sizeof head,
                                 .tail = sql,
                                 .tail_size = size};
    laminar_status status = durable_log_at_once(d, &parts, err);
    if (status == LAMINAR_OK && runtime && runtime->file) release_sink(made->runtime);
    return status;
}

laminar_status durable_log_filled(struct database *db, struct relation *made, struct batch *rows,
                                  const char *sql, size_t size, struct laminar_error *err)
{
    struct durable *d = db->durable;
    if (!d || durable_is_replaying(d) || d->is_closed) return LAMINAR_OK;
    if (d->is_read_only) return refuse_writing(d, err);
    if (rows->n_rows == 0) return durable_log_statement(db, made, sql, size, err);
    uint64_t head[1 + STATEMENT_WORDS] = {(uint64_t)size};
    statement_head(db, NULL, head + 1);
    struct pending list = {.relation = made, .batch = rows, .watermark_us = WATERMARK_NONE};
    struct step step = {.number = db->step_number + 1, .time_us = db->replay_time_us};
    struct record_parts parts = {.kind = RECORD_FILLED,
                                 .head = head,
                                 .head_size = sizeof head,
                                 .tail = sql,
                                 .tail_size = size,
                                 .step = &step,
                                 .list = &list};
    return durable_log_at_once(d, &parts, err);
}

static bool is_replayed(const char *name)
{
    return strcmp(name, "on_error") == 0 || strcmp(name, "time_zone") == 0 ||
           strcmp(name, "retention_rows") == 0 || strcmp(name, "clock") == 0;
}

/* Steps come out the same whatever it is, but it belongs to the data, which may need it. */
static bool is_kept(const char *name)
{
    return is_replayed(name) || strcmp(name, "memory_limit") == 0;
}

laminar_status durable_restore_setting(struct database *db, const char *name, const char *value,
                                       struct laminar_error *err)
{
    struct durable *d = db->durable;
    if (!is_replayed(name) && d->keeps_memory_limit) {
        if (d->is_recovering) snprintf(d->stored_limit, sizeof d->stored_limit, "%s", value);
        return LAMINAR_OK;
    }
    return settings_set(&db->settings, name, value, err);
}

laminar_status durable_log_setting(struct database *db, const char *name, struct laminar_error *err)
{
    struct durable *d = db->durable;
    if (!d || durable_is_replaying(d) || d->is_closed || d->is_read_only || !is_kept(name))
        return LAMINAR_OK;
    const char *value = db->settings.text[settings_find(name)];
    char head[66];
    uint16_t size = (uint16_t)strlen(name);
    memcpy(head, &size, 2);
    memcpy(head + 2, name, size);
    struct record_parts parts = {.kind = RECORD_SETTING,
                                 .head = head,
                                 .head_size = 2U + size,
                                 .tail = value,
                                 .tail_size = strlen(value)};
    d->ends_closed = false;
    mutex_lock(&d->log);
    laminar_status status = log_at_once(d, &parts, err);
    mutex_unlock(&d->log);
    return status;
}

/* --- Opening ------------------------------------------------------------------------------------------------------------------------- */

static char *join(const char *folder, const char *name)
{
    struct strbuf path = {0};
    strbuf_printf(&path, "%s/%s", folder, name);
    return strbuf_take(&path);
}

static laminar_status lock_folder(struct durable *d, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    bool is_locked = false;
    char *path = join(d->folder, "LOCK");
    if (!path) return error_oom(err);
    if (d->is_read_only && !file_exists(path)) {
        error_set(err, LAMINAR_CONNECTION_FAILED, "there is no database in '%.200s'", d->folder);
        TRY(LAMINAR_CONNECTION_FAILED);
    }
    TRY(file_open(&d->lock_file, path, d->is_read_only ? FILE_READ : FILE_UPDATE, err));
    TRY(file_try_lock(&d->lock_file, d->is_read_only ? FILE_LOCK_SHARED : FILE_LOCK_EXCLUSIVE,
                      &is_locked, err));
    if (!is_locked) {
        error_set(err, LAMINAR_CONNECTION_IN_USE, "'%.200s' is in use by another connection",
                  d->folder);
        error_hint(err, "close the other one first, here or in another process");
        if (err) err->is_retriable = true;
        status = LAMINAR_CONNECTION_IN_USE;
    }
done:
    mem_free(path);
    return status;
}

/* The folder's own name must survive too. */
static laminar_status make_folders(const char *folder, const char *log, const char *checkpoints,
                                   struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct strbuf parent = {0};
    TRY(folder_create(folder, err));
    TRY(folder_create(log, err));
    TRY(folder_create(checkpoints, err));
    TRY(folder_sync(folder, err));
    const char *slash = strrchr(folder, '/');
    if (slash)
        strbuf_append(&parent, folder, slash == folder ? 1 : (size_t)(slash - folder));
    else
        strbuf_puts(&parent, ".");
    if (parent.failed) TRY(error_oom(err));
    TRY(folder_sync(parent.data, err));
done:
    strbuf_deinit(&parent);
    return status;
}

void durable_recover_sinks(struct database *db)
{
    struct relation *relation;
    for (size_t i = 0; (relation = catalog_next(&db->catalog, &i));) {
        struct relation_runtime *runtime = relation->runtime;
        struct laminar_error failure = LAMINAR_ERROR_INIT;
        if (!runtime || !runtime->file || runtime->has_failed) continue;
        if (file_sink_recovered(runtime->file, &failure) != LAMINAR_OK)
            stop_sink(runtime, &failure);
    }
}

/* More steps than a crash can have lost. */
static const uint64_t LOST_STEPS_MAX = 1ULL << 32;

/* A number of a step means one thing, also to a reader who got it before a crash that lost the step. */
static laminar_status settle_epochs(struct database *db, struct laminar_error *err)
{
    struct durable *d = db->durable;
    laminar_status status = LAMINAR_OK;
    if (d->is_read_only) return LAMINAR_OK;
    if (d->is_unsure) {
        uint64_t words[2] = {db->step_number, db->step_number + LOST_STEPS_MAX};
        struct record_parts parts = {.kind = RECORD_LOST, .head = words, .head_size = sizeof words};
        TRY(durable_log_at_once(d, &parts, err));
        TRY(durable_lose(db, words[0], words[1], err));
    }
    if (d->durability != DURABILITY_SYNC) {
        TRY(durable_log_at_once(d, &(struct record_parts){.kind = RECORD_UNSURE}, err));
        d->is_unsure = true;
    }
done:
    return status;
}

static laminar_status recover(struct database *db, const char *log, struct laminar_error *err)
{
    struct durable *d = db->durable;
    laminar_status status = LAMINAR_OK;
    uint64_t log_seq = 0;
    struct settings chosen = db->settings;
    /* nobody else has the database yet: statements take control themselves */
    d->is_recovering = true;
    d->keeps_memory_limit = strcmp(chosen.text[SETTING_ID_memory_limit],
                                   setting_table[SETTING_ID_memory_limit].value) != 0;
    if (db->catalog.next_id < FIRST_USER_RELATION) db->catalog.next_id = FIRST_USER_RELATION;
    db->sink_start = (struct file_sink_start){
        .is_stored = true, .is_dry = d->is_read_only, .goes_on = true};
    /* Until a record says otherwise, as the folder's first steps were run. */
    for (int i = 0; i < SETTING_COUNT; i++)
        if (is_replayed(setting_table[i].name))
            TRY(settings_set(&db->settings, setting_table[i].name, NULL, err));
    TRY(checkpoint_restore_newest(db, &log_seq, err));
    struct wal_options options = {
        .folder = log,
        .segment_bytes = (uint64_t)db->settings.number[SETTING_ID_wal_segment_bytes],
        .is_read_only = d->is_read_only,
        .from_seq = log_seq + 1,
        .replay = record_replay,
        .ctx = db};
    TRY(wal_open(&options, &d->wal, err));
    db->sink_start.goes_on = false;
    durable_recover_sinks(db);
    /* What the checkpoints after it hold was given up; the log goes back to it if it is read again. */
    if (d->restored_id && !d->is_read_only)
        TRY(checkpoint_store_cut(d->checkpoints, d->restored_id, err));
    checkpoint_list(d);
    d->is_recovering = false;
    db->sink_start.is_held = true;
    d->logged_seq = wal_durable_seq(d->wal);
    d->is_dirty = d->logged_seq > log_seq;
    TRY(settle_epochs(db, err));
    for (int i = 0; i < SETTING_COUNT; i++) { /* what the opener chose holds from here on */
        const char *name = setting_table[i].name;
        if (!is_replayed(name) || strcmp(chosen.text[i], db->settings.text[i]) == 0 ||
            strcmp(chosen.text[i], setting_table[i].value) == 0)
            continue;
        TRY(settings_set(&db->settings, name, chosen.text[i], err));
        sharing_setting_changed(db, name);
        TRY(durable_log_setting(db, name, err));
    }
    if (d->keeps_memory_limit &&
        strcmp(d->stored_limit, db->settings.text[SETTING_ID_memory_limit]) != 0)
        TRY(durable_log_setting(db, "memory_limit", err));
done:
    d->keeps_memory_limit = true; /* RESTORE leaves it */
    d->is_recovering = false;
    return status;
}

laminar_status durable_open(struct database *db, const char *folder, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    char *log = join(folder, "log"), *checkpoints = join(folder, "checkpoints");
    struct durable *d = mem_calloc(1, sizeof *d);
    if (!d) {
        mem_free(log);
        mem_free(checkpoints);
        return error_oom(err);
    }
    db->durable = d;
    d->db = db;
    mutex_init(&d->lock);
    mutex_init(&d->log);
    mutex_init(&d->checkpointing);
    cond_init(&d->changed);
    cond_init(&d->room);
    cond_init(&d->stopping);
    cond_init(&d->packing);
    cond_init(&d->packed);
    d->durability = (enum durability)db->settings.number[SETTING_ID_durability];
    d->is_read_only = db->settings.number[SETTING_ID_read_only] != 0;
    d->checkpoint_us = clock_mono_us();
    d->is_closed = true; /* until all is well */
    d->checkpoint_failure = LAMINAR_ERROR_INIT;
    d->folder = mem_strdup(folder);
    if (!d->folder || !log || !checkpoints) TRY(error_oom(err));
    if (!d->is_read_only) TRY(make_folders(folder, log, checkpoints, err));
    TRY(lock_folder(d, err));
    if (!d->is_read_only) TRY(folder_sync(folder, err)); /* LOCK */
    if (!d->is_read_only) TRY(memory_remove_leftovers(folder, err));
    TRY(checkpoint_store_open(checkpoints, d->is_read_only, &d->checkpoints, err));
    checkpoint_list(d);
    d->is_closed = false;
    TRY(recover(db, log, err));
    if (!d->is_read_only && d->durability == DURABILITY_ASYNC) TRY(durable_queue_start(db, err));
    if (!d->is_read_only) {
        TRY(thread_start(&d->checkpointer, "laminar-ckpt", checkpointer_main, db, err));
        d->has_checkpointer = true;
    }
done:
    if (status != LAMINAR_OK) d->is_closed = true;
    mem_free(log);
    mem_free(checkpoints);
    return status;
}

/* --- Closing ------------------------------------------------------------------------------------------------------------------------- */

static void stop_threads(struct durable *d)
{
    mutex_lock(&d->lock);
    d->is_stopping = true;
    atomic_store_explicit(&d->is_hurried, true, memory_order_relaxed);
    cond_broadcast(&d->changed);
    cond_broadcast(&d->packing);
    cond_broadcast(&d->stopping);
    mutex_unlock(&d->lock);
    if (d->has_packer) thread_join(&d->packer);
    if (d->has_flusher) thread_join(&d->flusher);
    if (d->has_checkpointer) thread_join(&d->checkpointer);
    d->has_packer = d->has_flusher = d->has_checkpointer = false;
}

laminar_status durable_close(struct database *db, struct laminar_error *err)
{
    struct durable *d = db->durable;
    laminar_status status = LAMINAR_OK;
    if (d->is_closed) {
        stop_threads(d);
        return LAMINAR_OK;
    }
    stop_threads(d);
    if (!d->is_read_only && d->wal) {
        status = durable_flush(d, err);
        if (d->durability == DURABILITY_OFF && d->is_dirty && status == LAMINAR_OK)
            status = database_checkpoint(db, NULL, err);
        mutex_lock(&d->log);
        /* It says that everything before it was durable, so that damage to that is never taken for a torn tail. */
        if (status == LAMINAR_OK && (d->is_dirty || d->is_unsure) && !d->ends_closed)
            status = log_at_once(d, &(struct record_parts){.kind = RECORD_CLOSED}, err);
        mutex_unlock(&d->log);
    }
    d->is_closed = true;
    file_close(&d->lock_file, NULL);
    return status;
}

void durable_free(struct durable *d)
{
    if (!d) return;
    stop_threads(d);
    durable_queue_deinit(d);
    wal_close(d->wal);
    checkpoint_store_close(d->checkpoints);
    file_close(&d->lock_file, NULL);
    cond_deinit(&d->packed);
    cond_deinit(&d->packing);
    cond_deinit(&d->stopping);
    cond_deinit(&d->room);
    cond_deinit(&d->changed);
    mutex_deinit(&d->checkpointing);
    mutex_deinit(&d->lock);
    mutex_deinit(&d->log);
    ARRAY_DEINIT(&d->infos);
    mem_free(d->folder);
    mem_free(d);
}
