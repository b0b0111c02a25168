/* durable.c - see durable.h: the folder and its lock, writing the log in step with the engine, the log's thread, opening and closing. */
#include "base/error.h"
#include "engine/durable_internal.h"
#include <stdio.h>
#include <string.h>

enum {
    /* below: system relations, of which a later version may have more */
    FIRST_USER_RELATION = 1024,
    RETRY_MS = 100
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

static laminar_status append_step(struct durable *d, const struct step_head *head,
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
    laminar_status status = append_step(d, &head, list, err);
    if (status == LAMINAR_OK) status = flush_or_discard(d, err);
    if (status == LAMINAR_OK) d->logged_seq = wal_durable_seq(d->wal);
    mutex_unlock(&d->log);
    return status;
}

static void free_item(struct log_item *item)
{
    if (!item) return;
    for (struct pending *p = item->list, *next; p; p = next) {
        next = p->next;
        batch_unref(p->batch);
        relation_unref(p->relation);
        mem_free(p);
    }
    strbuf_deinit(&item->small);
    mem_free(item);
}

/* Puts `item` at the end of the queue, or nothing where that was done, of which `bytes` are new. The caller holds lock. */
static void enqueue(struct durable *d, struct log_item *item, size_t bytes)
{
    if (item && d->tail)
        d->tail->next = item;
    else if (item)
        d->head = item;
    if (item) d->tail = item;
    uint64_t before = atomic_fetch_add_explicit(&d->queued_bytes, bytes, memory_order_relaxed);
    uint64_t full = LOG_QUEUE_BYTES_MAX / 4;
    if (before == 0 || (before < full && before + bytes >= full)) cond_signal(&d->changed);
}

static laminar_status log_by_reference(struct durable *d, const struct step_head *head,
                                       const struct pending *list, struct laminar_error *err)
{
    struct log_item *item = mem_calloc(1, sizeof *item);
    if (!item) return error_oom(err);
    item->head = *head;
    item->bytes = sizeof *item;
    struct pending **link = &item->list;
    for (const struct pending *p = list; p; p = p->next) {
        struct pending *copy = mem_alloc(sizeof *copy);
        if (!copy) {
            free_item(item);
            return error_oom(err);
        }
        *copy = *p;
        copy->next = NULL;
        relation_ref(copy->relation);
        if (copy->batch) batch_ref(copy->batch);
        item->bytes += sizeof *copy + (copy->batch ? copy->batch->bytes : 0);
        *link = copy;
        link = &copy->next;
    }
    mutex_lock(&d->lock);
    enqueue(d, item, item->bytes);
    mutex_unlock(&d->lock);
    return LAMINAR_OK;
}

/* An item for small steps that has room. The caller holds lock. NULL: no memory. */
static struct log_item *small_item(struct durable *d, bool *is_new)
{
    struct log_item *item = d->tail;
    *is_new = !item || item->list || item->small.size == 0 || item->small.size >= LOG_SMALL_BYTES;
    if (!*is_new) return item;
    item = d->spare;
    d->spare = NULL;
    return item ? item : mem_calloc(1, sizeof *item);
}

static laminar_status log_as_bytes(struct durable *d, const struct step_head *head,
                                   const struct pending *list, struct laminar_error *err)
{
    strbuf_clear(&d->encoded);
    laminar_status status = record_encode_step(&d->encoded, head, list, err);
    if (status != LAMINAR_OK) return status;
    uint32_t size = (uint32_t)d->encoded.size;
    bool is_new;
    mutex_lock(&d->lock);
    struct log_item *item = small_item(d, &is_new);
    size_t before = item ? item->small.size : 0;
    if (item) put_bytes(&item->small, &size, 4);
    if (item) put_bytes(&item->small, d->encoded.data, size);
    if (!item || item->small.failed) {
        if (item) {
            item->small.size = before;
            item->small.failed = false;
        }
        if (item && is_new) d->spare = item;
        status = error_oom(err);
    } else {
        item->bytes += item->small.size - before;
        enqueue(d, is_new ? item : NULL, item->small.size - before);
    }
    mutex_unlock(&d->lock);
    return status;
}

static laminar_status log_async(struct durable *d, const struct step *step,
                                const struct pending *list, struct laminar_error *err)
{
    struct step_head head = head_of(step);
    uint64_t n_rows = 0;
    bool is_small = true; /* strings may be long */
    for (const struct pending *p = list; p && is_small; p = p->next) {
        n_rows += 1 + (p->batch ? p->batch->n_rows : 0);
        is_small = n_rows < LOG_SMALL_ROWS && (!p->batch || p->batch->bytes < LOG_SMALL_BYTES);
    }
    laminar_status status = is_small ? log_as_bytes(d, &head, list, err)
                                     : log_by_reference(d, &head, list, err);
    if (status == LAMINAR_OK) d->logged_seq++;
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
    case DURABILITY_ASYNC: return log_async(d, step, list, err);
    case DURABILITY_OFF: return LAMINAR_OK;
    }
    return LAMINAR_OK;
}

static struct log_item *take_items(struct durable *d)
{
    mutex_lock(&d->lock);
    struct log_item *items = d->head;
    d->head = d->tail = NULL;
    mutex_unlock(&d->lock);
    return items;
}

static void put_back(struct durable *d, struct log_item *items)
{
    if (!items) return;
    struct log_item *last = items;
    while (last->next) last = last->next;
    mutex_lock(&d->lock);
    last->next = d->head;
    d->head = items;
    if (!d->tail) d->tail = last;
    mutex_unlock(&d->lock);
}

/* The log has all of it. */
static void item_done(struct durable *d, struct log_item *item)
{
    bool is_kept = false;
    mutex_lock(&d->lock);
    atomic_fetch_sub_explicit(&d->queued_bytes, item->bytes, memory_order_relaxed);
    cond_broadcast(&d->room);
    if (!d->spare && !item->list && item->small.capacity <= 2 * LOG_SMALL_BYTES) {
        strbuf_clear(&item->small);
        *item = (struct log_item){.small = item->small};
        d->spare = item;
        is_kept = true;
    }
    mutex_unlock(&d->lock);
    if (!is_kept) free_item(item);
}

static laminar_status append_small(struct durable *d, struct log_item *item,
                                   struct laminar_error *err)
{
    while (item->at < item->small.size) {
        uint32_t size;
        memcpy(&size, item->small.data + item->at, 4);
        struct strbuf *out = wal_begin(d->wal);
        if (!out) return error_oom(err);
        strbuf_append(out, item->small.data + item->at + 4, size);
        laminar_status status = wal_end(d->wal, RECORD_STEP, NULL, err);
        if (status != LAMINAR_OK) return status;
        item->at += 4 + (size_t)size;
    }
    return LAMINAR_OK;
}

static laminar_status flush_log(struct durable *d, struct laminar_error *err)
{
    laminar_status status = wal_flush(d->wal, err);
    if (status == LAMINAR_OK) d->synced_us = clock_mono_us();
    return status;
}

/* Much that waits is brought to the disk in between, so that the disk works while the next records are made, and memory stays small. */
static laminar_status write_much(struct durable *d, struct laminar_error *err)
{
    int64_t interval_us = 1000 * d->db->settings.number[SETTING_ID_flush_interval_ms];
    if (wal_pending_bytes(d->wal) >= LOG_SYNC_BYTES ||
        (wal_pending_bytes(d->wal) >= LOG_WRITE_BYTES &&
         clock_mono_us() - d->synced_us > interval_us))
        return flush_log(d, err);
    if (wal_unwritten_bytes(d->wal) >= LOG_WRITE_BYTES) return wal_write(d->wal, err);
    return LAMINAR_OK;
}

/* Encodes what the steps have queued. The caller holds log. What fails leaves the rest queued. */
static laminar_status encode_queue(struct durable *d, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct log_item *items;
    while (status == LAMINAR_OK && (items = take_items(d))) {
        while (items && status == LAMINAR_OK) {
            struct log_item *item = items;
            status = item->list || item->small.size == 0
                         ? append_step(d, &item->head, item->list, err)
                         : append_small(d, item, err);
            if (status != LAMINAR_OK) break;
            items = item->next;
            item_done(d, item);
            status = write_much(d, err);
        }
        put_back(d, items);
    }
    return status;
}

laminar_status durable_flush(struct durable *d, struct laminar_error *err)
{
    mutex_lock(&d->log);
    laminar_status status = encode_queue(d, err);
    if (status == LAMINAR_OK) status = flush_log(d, err);
    mutex_unlock(&d->log);
    return status;
}

/* The caller holds lock. */
static void note_outcome(struct durable *d, laminar_status status, const struct laminar_error *err)
{
    if (status != LAMINAR_OK) {
        d->failure = *err;
        d->failure.is_retriable = true;
    }
    atomic_store_explicit(&d->is_failing, status != LAMINAR_OK, memory_order_relaxed);
}

static void *flusher_main(void *arg)
{
    struct database *db = arg;
    struct durable *d = db->durable;
    bool is_behind = false; /* what was encoded has not been written */
    mutex_lock(&d->lock);
    while (!d->is_stopping) {
        if (!d->head && !is_behind) {
            cond_wait_until(&d->changed, &d->lock, CLOCK_NO_DEADLINE);
            continue;
        }
        /* Rows gather for a while; when many have, or at the end, it goes faster. */
        int64_t deadline = clock_deadline_us(
            is_behind ? RETRY_MS : db->settings.number[SETTING_ID_flush_interval_ms]);
        while (!d->is_stopping && d->queued_bytes < LOG_QUEUE_BYTES_MAX / 4 &&
               cond_wait_until(&d->changed, &d->lock, deadline)) {}
        mutex_unlock(&d->lock);
        struct laminar_error err = LAMINAR_ERROR_INIT;
        laminar_status status = durable_flush(d, &err);
        mutex_lock(&d->lock);
        note_outcome(d, status, &err);
        is_behind = status != LAMINAR_OK;
    }
    mutex_unlock(&d->lock);
    return NULL;
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
    TRY(encode_queue(d, err));
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

laminar_status durable_log_setting(struct database *db, const char *name, struct laminar_error *err)
{
    struct durable *d = db->durable;
    if (!d || durable_is_replaying(d) || d->is_closed || d->is_read_only || !is_replayed(name))
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
        TRY(durable_log_setting(db, name, err));
    }
done:
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
    if (!d->is_read_only && d->durability == DURABILITY_ASYNC) {
        TRY(thread_start(&d->flusher, "laminar-log", flusher_main, db, err));
        d->has_flusher = true;
    }
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
    cond_broadcast(&d->stopping);
    mutex_unlock(&d->lock);
    if (d->has_flusher) thread_join(&d->flusher);
    if (d->has_checkpointer) thread_join(&d->checkpointer);
    d->has_flusher = d->has_checkpointer = false;
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
    while (d->head) {
        struct log_item *item = d->head;
        d->head = item->next;
        free_item(item);
    }
    free_item(d->spare);
    strbuf_deinit(&d->encoded);
    wal_close(d->wal);
    checkpoint_store_close(d->checkpoints);
    file_close(&d->lock_file, NULL);
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
