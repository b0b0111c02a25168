/* checkpoint.c - checkpoints of a running database: freezing between two steps, writing in the background, and bringing a database back.
 *
 * A freeze holds the step for as long as it takes to reference the pages of all state tables; writing them goes on beside the steps. What is not a state
 * table (catalog, watermarks, counters, failures) is one piece, the head, object 0.
 *
 * Head, little-endian: u32 version, u32 relations, u64 step, i64 its time, u64 id of the next relation, settings that replaying depends on (count, then name and value),
 * (2) lost epochs (count, then pairs), whether a crash may have lost steps that were given out,
 * then the relations in the order of their creation: id, time, (3) whether equal parts of its plan have each their own operators, CREATE statement, watermark, rows so far, failure; where it keeps rows; (2) whether it has a history,
 * and the two words of that; its operators: (3) u64 0 and u64 the object of its first state, or the number (from 1, in the head) of the operator that it shares with
 * a relation before, and nothing else; name, watermarks, counters, time to wake, failure, (3) whether settings were changed under it, number of states. A sink's
 * offset in its file, or the position of a source's connector, comes before the statement. What stands behind (2) or (3) is there since that version.
 * Objects: 1 (2) for the dead letters; relation id << 16, + 0 for the kept rows, + 1 ... for the states of its operators one after the other, + 65535 for the history;
 * an operator keeps its numbers when that relation goes and another one uses it on. */
#include "base/error.h"
#include "engine/durable_internal.h"
#include "engine/history.h"
#include "sql/parser.h"
#include <string.h>

enum {
    HEAD_VERSION = 3,
    POLL_MS = 500,
    HISTORY_OBJECT = 65535,
    DEAD_LETTERS_OBJECT = 1,
    TEXT_MAX = 1 << 24
};

struct frozen {
    uint64_t object;
    struct state_snapshot *snapshot;
};
struct freeze {
    struct strbuf head;
    ARRAY_OF(struct frozen) states;
    ARRAY_OF(char *) sink_paths;
    uint32_t n_ops; /* in the head */
    uint64_t step, log_seq;
    uint64_t record_bytes; /* of the log; async: those that are queued come after */
    int64_t pause_us;
    bool was_dirty;
};

/* --- Freezing ------------------------------------------------------------------------------------------------------------------------ */

static void put_u64(struct strbuf *out, uint64_t value) { put_bytes(out, &value, 8); }
static void put_text(struct strbuf *out, const char *text)
{
    uint64_t size = strlen(text);
    put_u64(out, size);
    put_bytes(out, text, size);
}

static laminar_status freeze_state(struct freeze *f, uint64_t object, struct state *state,
                                   struct laminar_error *err)
{
    struct frozen frozen = {.object = object};
    if (!ARRAY_RESERVE(&f->states, f->states.n + 1)) return error_oom(err);
    laminar_status status = state_freeze(state, &frozen.snapshot, err);
    if (status == LAMINAR_OK) f->states.items[f->states.n++] = frozen;
    return status;
}

/* `next` is the relation's next object: one behind those of its own operators that have theirs. */
static laminar_status freeze_op(struct freeze *f, struct op *op, uint64_t *next,
                                struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    put_u64(&f->head, op->ordinal);
    if (op->ordinal) return LAMINAR_OK; /* it is in the head already */
    op->ordinal = ++f->n_ops;
    if (!op->first_object) op->first_object = *next;
    if (op->first_object >> 16 == *next >> 16 && *next < op->first_object + op->states.n)
        *next = op->first_object + op->states.n;
    put_u64(&f->head, op->first_object);
    put_text(&f->head, op->cls->name);
    put_u64(&f->head, (uint64_t)op->watermark_in);
    put_u64(&f->head, (uint64_t)op->watermark_out);
    put_u64(&f->head, op->rows_in);
    put_u64(&f->head, op->rows_out);
    put_u64(&f->head, op->late_rows);
    put_u64(&f->head, op->bad_rows);
    put_u64(&f->head, op->wake_us);
    put_u64(&f->head, op->has_failed);
    put_u64(&f->head, op->is_mixed);
    put_u64(&f->head, op->states.n);
    for (size_t i = 0; i < op->states.n; i++)
        TRY(freeze_state(f, op->first_object + i, op->states.items[i], err));
done:
    return status;
}

static laminar_status freeze_relation(struct freeze *f, const struct relation *relation,
                                      struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    const struct relation_runtime *runtime = relation->runtime;
    uint64_t object = relation->id << 16, next = object + 1;
    put_u64(&f->head, relation->id);
    put_u64(&f->head, (uint64_t)relation->created_us);
    put_u64(&f->head, runtime->part.is_apart);
    put_u64(&f->head, runtime->file ? file_sink_offset(runtime->file) : runtime->position);
    put_text(&f->head, relation->sql);
    if (runtime->file && !runtime->has_failed) {
        const char *path = relation_option(relation, "path");
        char *copy = path ? mem_strdup(path) : NULL;
        if (!copy || !ARRAY_PUSH(&f->sink_paths, copy)) {
            mem_free(copy);
            TRY(error_oom(err));
        }
    }
    put_u64(&f->head, (uint64_t)runtime->watermark_us);
    put_u64(&f->head, runtime->total_rows);
    put_u64(&f->head, runtime->has_failed ? (uint64_t)runtime->failure.code : 0);
    if (runtime->has_failed) {
        put_text(&f->head, runtime->failure.message);
        put_text(&f->head, runtime->failure.hint);
    }
    put_u64(&f->head, runtime->store != NULL);
    if (runtime->store) TRY(freeze_state(f, object, store_state(runtime->store), err));
    put_u64(&f->head, runtime->history != NULL);
    if (runtime->history) {
        uint64_t words[HISTORY_WORDS];
        history_describe(runtime->history, words);
        put_bytes(&f->head, words, sizeof words);
    }
    put_u64(&f->head, runtime->part.ops.n);
    for (size_t i = 0; i < runtime->part.ops.n; i++)
        TRY(freeze_op(f, runtime->part.ops.items[i], &next, err));
    if (next > object + HISTORY_OBJECT)
        TRY(error_internal(err, __FILE__, __LINE__, "too many states in a stream"));
    if (runtime->history)
        TRY(freeze_state(f, (relation->id << 16) + HISTORY_OBJECT, history_state(runtime->history),
                         err));
done:
    return status;
}

static const char *const replayed_settings[] = {"on_error", "time_zone", "retention_rows", "clock",
                                                "memory_limit"};

/* The caller holds control and step. */
static laminar_status freeze_all(struct database *db, struct freeze *f, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct relation *relation;
    uint32_t words[2] = {HEAD_VERSION, 0};
    for (size_t i = 0; (relation = catalog_next(&db->catalog, &i));) {
        const struct relation_runtime *runtime = relation->runtime;
        words[1] += runtime != NULL;
        for (size_t k = 0; runtime && k < runtime->part.ops.n; k++)
            runtime->part.ops.items[k]->ordinal = 0;
    }
    f->step = db->step_number;
    if (db->durable && db->durable->wal) {
        f->log_seq = db->durable->logged_seq;
        f->record_bytes = wal_record_bytes_total(db->durable->wal);
    }
    put_bytes(&f->head, words, 8);
    put_u64(&f->head, db->step_number);
    put_u64(&f->head, (uint64_t)db->last_time_us);
    put_u64(&f->head, db->catalog.next_id);
    put_u64(&f->head, db->events_ingested);
    put_u64(&f->head, db->events_emitted);
    put_u64(&f->head, db->events_dropped);
    put_u64(&f->head, ARRAY_LENGTH(replayed_settings));
    for (size_t i = 0; i < ARRAY_LENGTH(replayed_settings); i++) {
        put_text(&f->head, replayed_settings[i]);
        put_text(&f->head, db->settings.text[settings_find(replayed_settings[i])]);
    }
    put_u64(&f->head, db->lost_epochs.n);
    put_bytes(&f->head, db->lost_epochs.items, db->lost_epochs.n * sizeof *db->lost_epochs.items);
    put_u64(&f->head, db->durable && db->durable->is_unsure);
    TRY(freeze_state(f, DEAD_LETTERS_OBJECT, dead_letters_state(db->dead_letters), err));
    for (size_t i = 0; (relation = catalog_next(&db->catalog, &i));)
        if (relation->runtime) TRY(freeze_relation(f, relation, err));
    if (f->head.failed) TRY(error_oom(err));
done:
    return status;
}

static void freeze_deinit(struct freeze *f)
{
    for (size_t i = 0; i < f->states.n; i++) state_release(f->states.items[i].snapshot);
    ARRAY_DEINIT(&f->states);
    for (size_t i = 0; i < f->sink_paths.n; i++) mem_free(f->sink_paths.items[i]);
    ARRAY_DEINIT(&f->sink_paths);
    strbuf_deinit(&f->head);
}

/* --- Writing ------------------------------------------------------------------------------------------------------------------------- */

struct page_sink {
    struct state_sink base;
    struct checkpoint_writer *writer;
    uint64_t object;
};

static laminar_status sink_write(struct state_sink *base, uint32_t kind, uint64_t page,
                                 uint64_t version, const void *data, size_t size,
                                 struct laminar_error *err)
{
    struct page_sink *sink = CONTAINER_OF(base, struct page_sink, base);
    return checkpoint_writer_put(sink->writer, sink->object, kind, page, version, data, size, err);
}

static bool sink_has(struct state_sink *base, uint32_t kind, uint64_t page, uint64_t version)
{
    struct page_sink *sink = CONTAINER_OF(base, struct page_sink, base);
    return checkpoint_writer_keep(sink->writer, sink->object, kind, page, version);
}

/* What a sink wrote before the checkpoint is never written again, so it must be on the disk. */
static laminar_status sync_sink(const char *path, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct file file = {0};
    struct strbuf folder = {0};
    const char *slash = strrchr(path, '/');
    if (!file_exists(path)) return LAMINAR_OK; /* removed under the sink: it will say so */
    if (slash)
        strbuf_append(&folder, path, slash == path ? 1 : (size_t)(slash - path));
    else
        strbuf_puts(&folder, ".");
    if (folder.failed) TRY(error_oom(err));
    TRY(file_open(&file, path, FILE_UPDATE, err));
    TRY(file_sync(&file, err));
    TRY(folder_sync(folder.data, err));
done:
    file_close(&file, NULL);
    strbuf_deinit(&folder);
    return status;
}

static laminar_status write_freeze(struct checkpoint_store *store,
                                   const struct checkpoint_rate *rate, struct freeze *f,
                                   struct checkpoint_info *info, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct checkpoint_writer *writer = NULL;
    struct page_sink sink = {.base = {.write = sink_write, .has = sink_has}};
    TRY(checkpoint_writer_create(store, rate, &writer, err));
    sink.writer = writer;
    TRY(checkpoint_writer_put(writer, 0, 0, 0, f->step, f->head.data, f->head.size, err));
    for (size_t i = 0; i < f->states.n; i++) {
        sink.object = f->states.items[i].object;
        TRY(state_write(f->states.items[i].snapshot, &sink.base, err));
        state_release(f->states.items[i].snapshot); /* its pages need not be copied any more */
        f->states.items[i].snapshot = NULL;
    }
    struct checkpoint_writer *finished = writer;
    writer = NULL;
    TRY(checkpoint_writer_commit(finished, info, err));
done:
    checkpoint_writer_abort(writer);
    return status;
}

/* What no checkpoint needs any more. A failure leaves it for the next time. */
static void clean_up(struct database *db)
{
    struct durable *d = db->durable;
    size_t n_kept = (size_t)db->settings.number[SETTING_ID_checkpoints_kept];
    if (checkpoint_store_retain(d->checkpoints, n_kept, NULL) != LAMINAR_OK) return;
    uint64_t oldest_seq = checkpoint_store_at(d->checkpoints, 0).log_seq;
    mutex_lock(&d->log);
    laminar_status status = wal_release(d->wal, oldest_seq + 1, NULL);
    (void)status;
    mutex_unlock(&d->log);
}

/* Takes control and step for as long as it takes. */
static laminar_status freeze_database(struct database *db, struct freeze *f,
                                      struct laminar_error *err)
{
    mutex_lock(&db->control);
    engine_lock_step(db);
    int64_t began = clock_mono_us();
    laminar_status status = engine_flush_step(db, FLUSH_FOR_FREEZE, err);
    if (db->durable) {
        f->was_dirty = db->durable->is_dirty;
        db->durable->is_dirty = false;
    }
    if (status == LAMINAR_OK) status = freeze_all(db, f, err);
    f->pause_us = clock_mono_us() - began;
    if (status != LAMINAR_OK && db->durable && f->was_dirty) db->durable->is_dirty = true;
    engine_unlock_step(db);
    mutex_unlock(&db->control);
    return status;
}

static struct checkpoint_info freeze_info(const struct freeze *f)
{
    return (struct checkpoint_info){.step = f->step,
                                    .log_seq = f->log_seq,
                                    .created_us = clock_wall_us(),
                                    .pause_us = f->pause_us};
}

static laminar_status write_checkpoint(struct database *db, struct freeze *f,
                                       struct checkpoint_info *info, struct laminar_error *err)
{
    struct durable *d = db->durable;
    laminar_status status;
    struct checkpoint_rate rate = {(uint64_t)db->settings.number[SETTING_ID_checkpoint_bytes_per_s],
                                   &d->is_hurried};
    /* A checkpoint is never ahead of the log. */
    TRY(durable_flush(d, err));
    for (size_t i = 0; i < f->sink_paths.n; i++) TRY(sync_sink(f->sink_paths.items[i], err));
    TRY(write_freeze(d->checkpoints, &rate, f, info, err));
done:
    return status;
}

/* For those who read system.checkpoints. */
static void note_outcome(struct durable *d, const struct laminar_error *failure)
{
    mutex_lock(&d->lock);
    if (failure) {
        d->n_checkpoint_failures++;
        d->checkpoint_failure = *failure;
    } else {
        d->checkpoint_failure = LAMINAR_ERROR_INIT;
    }
    mutex_unlock(&d->lock);
}

laminar_status checkpoint_make(struct database *db, uint64_t *id, struct laminar_error *err)
{
    struct durable *d = db->durable;
    struct freeze f = {0};
    struct laminar_error own = LAMINAR_ERROR_INIT;
    laminar_status status = freeze_database(db, &f, &own);
    struct checkpoint_info info = freeze_info(&f);
    if (status == LAMINAR_OK) status = write_checkpoint(db, &f, &info, &own);
    if (status == LAMINAR_OK) {
        if (id) *id = info.id;
        d->checkpoint_us = clock_mono_us();
        d->checkpoint_record_bytes = f.record_bytes;
        clean_up(db);
        checkpoint_list(d);
        note_outcome(d, NULL);
    } else {
        if (f.was_dirty) d->is_dirty = true;
        note_outcome(d, &own);
        if (err) *err = own;
    }
    freeze_deinit(&f);
    return status;
}

laminar_status durable_check_writable(const struct database *db, struct laminar_error *err)
{
    const struct durable *d = db->durable;
    if (!d) {
        error_set(err, LAMINAR_CHECKPOINT_FAILED,
                  "checkpoints are disabled: the database has no storage directory");
        error_hint(err, "open a directory instead of ':memory:'");
        return LAMINAR_CHECKPOINT_FAILED;
    }
    if (d->is_closed || d->is_read_only)
        return error_set(err, LAMINAR_CHECKPOINT_FAILED,
                         d->is_closed ? "the connection is closed"
                                      : "the database is opened for reading only");
    return LAMINAR_OK;
}

laminar_status database_checkpoint(struct database *db, uint64_t *id, struct laminar_error *err)
{
    laminar_status status = durable_check_writable(db, err);
    if (status != LAMINAR_OK) return status;
    mutex_lock(&db->durable->checkpointing);
    status = checkpoint_make(db, id, err);
    mutex_unlock(&db->durable->checkpointing);
    return status;
}

laminar_status checkpoint_copy(struct database *db, const char *folder, struct laminar_error *err)
{
    laminar_status status;
    struct checkpoint_store *store = NULL;
    struct freeze f = {0};
    struct checkpoint_rate rate = {0};
    TRY(checkpoint_store_open(folder, false, &store, err));
    TRY(freeze_database(db, &f, err));
    if (f.was_dirty) db->durable->is_dirty = true; /* not in a checkpoint of its own */
    f.log_seq = 0;                                 /* the copy begins with an empty log */
    struct checkpoint_info info = freeze_info(&f);
    info.is_copy = true;
    TRY(write_freeze(store, &rate, &f, &info, err));
done:
    freeze_deinit(&f);
    checkpoint_store_close(store);
    return status;
}

void checkpoint_list(struct durable *d)
{
    mutex_lock(&d->lock);
    d->infos.n = 0;
    for (size_t i = 0; i < checkpoint_store_n(d->checkpoints); i++) {
        struct checkpoint_info info = checkpoint_store_at(d->checkpoints, i);
        if (!info.is_damaged && !ARRAY_PUSH(&d->infos, info)) break; /* only a list for readers */
    }
    mutex_unlock(&d->lock);
}

laminar_status database_checkpoints(struct database *db,
                                    laminar_status (*found)(void *ctx,
                                                            const struct checkpoint_info *info,
                                                            struct laminar_error *err),
                                    void *ctx, struct laminar_error *err)
{
    struct durable *d = db->durable;
    laminar_status status = LAMINAR_OK;
    if (!d) return LAMINAR_OK;
    mutex_lock(&d->lock);
    for (size_t i = 0; i < d->infos.n && status == LAMINAR_OK; i++)
        status = found(ctx, &d->infos.items[i], err);
    mutex_unlock(&d->lock);
    return status;
}

uint64_t database_checkpoint_failures(struct database *db, struct laminar_error *err)
{
    struct durable *d = db->durable;
    if (!d) return 0;
    mutex_lock(&d->lock);
    uint64_t n = d->n_checkpoint_failures;
    if (err) *err = d->checkpoint_failure;
    mutex_unlock(&d->lock);
    return n;
}

static bool is_due(struct database *db)
{
    struct durable *d = db->durable;
    int64_t interval_ms = db->settings.number[SETTING_ID_checkpoint_interval_ms];
    uint64_t log_bytes = (uint64_t)db->settings.number[SETTING_ID_checkpoint_log_bytes];
    if (!d->is_dirty) return false;
    if (interval_ms && clock_mono_us() - d->checkpoint_us >= interval_ms * 1000) return true;
    return log_bytes && wal_record_bytes_total(d->wal) - d->checkpoint_record_bytes >= log_bytes;
}

void *checkpointer_main(void *arg)
{
    struct database *db = arg;
    struct durable *d = db->durable;
    mutex_lock(&d->lock);
    while (!d->is_stopping) {
        int64_t interval_ms = db->settings.number[SETTING_ID_checkpoint_interval_ms];
        int64_t wait_ms = interval_ms && interval_ms < POLL_MS ? interval_ms : POLL_MS;
        cond_wait_until(&d->stopping, &d->lock, clock_deadline_us(wait_ms));
        if (d->is_stopping) break;
        mutex_unlock(&d->lock);
        if (is_due(db)) {
            laminar_status status = database_checkpoint(db, NULL, NULL);
            /* after another interval */
            if (status != LAMINAR_OK) d->checkpoint_us = clock_mono_us();
        }
        mutex_lock(&d->lock);
    }
    mutex_unlock(&d->lock);
    return NULL;
}

/* --- Restoring ----------------------------------------------------------------------------------------------------------------------- */

struct reader {
    const uint8_t *at, *end;
    bool failed;
    uint32_t version;
    uint64_t step;
};

static uint64_t take_u64(struct reader *r)
{
    uint64_t value = 0;
    if (r->end - r->at < 8) {
        r->failed = true;
        return 0;
    }
    memcpy(&value, r->at, 8);
    r->at += 8;
    return value;
}

/* In the arena; "" after a failure. */
static const char *take_text(struct reader *r, struct arena *arena)
{
    uint64_t size = take_u64(r);
    if (r->failed || size > TEXT_MAX || size > (uint64_t)(r->end - r->at)) {
        r->failed = true;
        return "";
    }
    const char *text = arena_strndup(arena, (const char *)r->at, (size_t)size);
    r->at += size;
    if (text) return text;
    r->failed = true;
    return "";
}

static laminar_status malformed(const char *what, struct laminar_error *err)
{
    return error_set(err, LAMINAR_CHECKPOINT_FAILED, "the checkpoint can't be restored: %s", what);
}

struct page_source {
    struct state_source base;
    struct checkpoint_reader *reader;
};

static laminar_status source_read(struct state_source *base, uint32_t *kind, uint64_t *page,
                                  const void **data, size_t *size, struct laminar_error *err)
{
    struct page_source *source = CONTAINER_OF(base, struct page_source, base);
    return checkpoint_reader_next(source->reader, kind, page, data, size, err);
}

static laminar_status restore_state(struct checkpoint_reader *reader, uint64_t object,
                                    struct state *state, struct laminar_error *err)
{
    struct page_source source = {{source_read}, reader};
    checkpoint_reader_begin(reader, object);
    return state_restore(state, &source.base, err);
}

static laminar_status create_again(struct database *db, struct arena *arena, const char *sql,
                                   struct laminar_error *err)
{
    laminar_status status;
    struct ast_script *script;
    struct statement_result answer = {0};
    TRY(sql_parse(arena, sql, strlen(sql), &script, err));
    if (script->n != 1) TRY(malformed("a relation is not one statement", err));
    struct statement_call call = {db, sql, script->size, script->statements[0], NULL, &answer, err};
    TRY(engine_execute(&call));
done:
    statement_result_deinit(&answer);
    return status;
}

static laminar_status restore_op(struct reader *r, struct arena *arena,
                                 struct checkpoint_reader *reader, struct op *op, uint64_t *next,
                                 struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    uint64_t object = r->version < 3 ? *next : take_u64(r);
    const char *name = take_text(r, arena);
    uint64_t values[8];
    for (size_t i = 0; i < ARRAY_LENGTH(values); i++) values[i] = take_u64(r);
    uint64_t is_mixed = r->version < 3 || take_u64(r); /* before, nobody noted it */
    uint64_t n_states = take_u64(r);
    if (r->failed) return malformed("its head is cut off", err);
    if (strcmp(name, op->cls->name) != 0 || n_states != op->states.n) {
        error_set(err, LAMINAR_CHECKPOINT_FAILED,
                  "the checkpoint can't be restored: this version of the program plans a stream in "
                  "another way (%s with %zu states instead of %s with %llu)",
                  op->cls->name, op->states.n, name, (unsigned long long)n_states);
        error_hint(err, "open it with the version that wrote it");
        return LAMINAR_CHECKPOINT_FAILED;
    }
    op->watermark_in = (int64_t)values[0];
    op->watermark_out = (int64_t)values[1];
    op->rows_in = values[2];
    op->rows_out = values[3];
    op->late_rows = values[4];
    op->bad_rows = values[5];
    op->wake_us = values[6];
    for (size_t i = 0; i < op->states.n; i++)
        TRY(restore_state(reader, object + i, op->states.items[i], err));
    if (op->cls->restored) TRY(op->cls->restored(op, err));
    op->first_object = object;
    op->has_failed = values[7] != 0;
    op->is_mixed = is_mixed != 0;
    *next = object + op->states.n;
done:
    return status;
}

static laminar_status restore_history(struct reader *r, struct checkpoint_reader *reader,
                                      struct relation_runtime *runtime, struct laminar_error *err)
{
    struct history *history = runtime->history;
    if (r->version < 2) { /* which kept none */
        if (history) history_begin_at(history, r->step);
        return LAMINAR_OK;
    }
    uint64_t words[HISTORY_WORDS], has_history = take_u64(r);
    if (r->failed || has_history != (history != NULL))
        return malformed("a relation keeps its history in another way", err);
    if (!history) return LAMINAR_OK;
    for (size_t i = 0; i < HISTORY_WORDS; i++) words[i] = take_u64(r);
    if (r->failed) return malformed("its head is cut off", err);
    history_described(history, words);
    return restore_state(reader, (runtime->relation->id << 16) + HISTORY_OBJECT,
                         history_state(history), err);
}

/* Operators in the order of their records. */
struct restored_ops {
    ARRAY_OF(struct op *) list;
};

/* What the relation shares with those before it takes the place of its own. */
static laminar_status adopt_restored(struct relation_runtime *runtime, const struct op_pairs *pairs,
                                     struct laminar_error *err)
{
    for (size_t i = 0; i < pairs->list.n; i++) {
        const struct op *own = pairs->list.items[i].own, *other = pairs->list.items[i].other;
        if (!own->plan || !other->plan || !plan_equal(own->plan, other->plan))
            return malformed("streams share what is not equal", err);
        for (uint32_t k = 0; k < runtime->part.n_scans; k++)
            if (runtime->part.scans[k] == own) runtime_disconnect_scan(runtime, k);
    }
    return sharing_adopt(runtime, pairs, err);
}

static laminar_status restore_ops(struct reader *r, struct arena *arena,
                                  struct checkpoint_reader *reader, struct restored_ops *restored,
                                  struct relation_runtime *runtime, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct op_pairs pairs = {0};
    uint64_t n_ops = take_u64(r), next = (runtime->relation->id << 16) + 1;
    if (r->failed || n_ops != runtime->part.ops.n)
        TRY(malformed("this version of the program plans a stream in another way", err));
    for (size_t i = 0; i < runtime->part.ops.n; i++) {
        struct op *op = runtime->part.ops.items[i];
        uint64_t ordinal = r->version < 3 ? 0 : take_u64(r);
        if (ordinal > restored->list.n) TRY(malformed("it names an operator too early", err));
        if (ordinal) {
            struct op_pair pair = {op, restored->list.items[ordinal - 1]};
            if (!ARRAY_PUSH(&pairs.list, pair)) TRY(error_oom(err));
        } else {
            TRY(restore_op(r, arena, reader, op, &next, err));
            if (!ARRAY_PUSH(&restored->list, op)) TRY(error_oom(err));
        }
    }
    TRY(adopt_restored(runtime, &pairs, err));
done:
    ARRAY_DEINIT(&pairs.list);
    return status;
}

static laminar_status restore_relation(struct database *db, struct reader *r, struct arena *arena,
                                       struct checkpoint_reader *reader,
                                       struct restored_ops *restored, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    uint64_t id = take_u64(r), created_us = take_u64(r), object = id << 16;
    uint64_t is_apart = r->version < 3 || take_u64(r), position = take_u64(r);
    db->sink_start.offset = position;
    const char *sql = take_text(r, arena);
    if (r->failed) return malformed("its head is cut off", err);
    db->catalog.next_id = id;
    db->replay_time_us = (int64_t)created_us;
    circuit_build_apart(db->circuit, is_apart);
    status = create_again(db, arena, sql, err);
    circuit_build_apart(db->circuit, false);
    db->replay_time_us = 0;
    if (status != LAMINAR_OK) return status;
    struct relation *relation = db->catalog.order.n
                                    ? db->catalog.order.items[db->catalog.order.n - 1]
                                    : NULL;
    if (!relation || relation->id != id || !relation->runtime)
        return malformed("a statement did not make its relation", err);
    struct relation_runtime *runtime = relation->runtime;
    if (runtime->feed) runtime->position = position;
    runtime->watermark_us = (int64_t)take_u64(r);
    runtime->total_rows = take_u64(r);
    uint64_t code = take_u64(r);
    if (code) {
        runtime->has_failed = true;
        runtime->failure = LAMINAR_ERROR_INIT;
        const char *message = take_text(r, arena), *hint = take_text(r, arena);
        error_set(&runtime->failure, (laminar_status)code, "%s", message);
        error_hint(&runtime->failure, "%s", hint);
        error_object(&runtime->failure, relation->name);
    }
    uint64_t has_store = take_u64(r);
    if (r->failed || has_store != (runtime->store != NULL))
        return malformed("a relation keeps its rows in another way", err);
    if (runtime->store) TRY(restore_state(reader, object, store_state(runtime->store), err));
    TRY(restore_history(r, reader, runtime, err));
    TRY(restore_ops(r, arena, reader, restored, runtime, err));
done:
    return status;
}

static laminar_status restore_epochs(struct database *db, struct reader *r,
                                     struct laminar_error *err)
{
    db->lost_epochs.n = 0;
    if (r->version < 2) return LAMINAR_OK;
    uint64_t n = take_u64(r);
    for (uint64_t i = 0; i < n && !r->failed; i++) {
        uint64_t after = take_u64(r), to = take_u64(r);
        if (r->failed) break;
        laminar_status status = epochs_lose(db, after, to, err);
        if (status != LAMINAR_OK) return status;
    }
    db->durable->is_unsure = take_u64(r) != 0;
    return LAMINAR_OK;
}

static laminar_status restore_head(struct database *db, struct reader *r,
                                   struct checkpoint_reader *reader, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct arena arena = {0};
    struct restored_ops restored = {0};
    uint64_t words = take_u64(r), number = take_u64(r), time_us = take_u64(r),
             next_id = take_u64(r);
    r->version = (uint32_t)words;
    r->step = number;
    if (r->version == 0 || r->version > HEAD_VERSION)
        return malformed("its head has an unknown version", err);
    db->events_ingested = take_u64(r);
    db->events_emitted = take_u64(r);
    db->events_dropped = take_u64(r);
    uint64_t n_settings = take_u64(r);
    for (uint64_t i = 0; i < n_settings && !r->failed; i++) {
        const char *name = take_text(r, &arena), *value = take_text(r, &arena);
        if (!r->failed) TRY(durable_restore_setting(db, name, value, err));
    }
    TRY(restore_epochs(db, r, err));
    struct state *letters = dead_letters_state(db->dead_letters);
    letters->cls->clear(letters);
    if (r->version >= 2) TRY(restore_state(reader, DEAD_LETTERS_OBJECT, letters, err));
    for (uint32_t i = 0; i < (uint32_t)(words >> 32); i++)
        TRY(restore_relation(db, r, &arena, reader, &restored, err));
    if (r->failed || r->at != r->end) TRY(malformed("its head has another size", err));
    db->catalog.next_id = next_id;
    db->step_number = number - (number > 0);
    db->replay_time_us = (int64_t)time_us;
    struct step step = engine_new_step(db, err);
    db->step_number = number;
    db->replay_time_us = 0;
    TRY(circuit_restored(db->circuit, &step));
done:
    ARRAY_DEINIT(&restored.list);
    arena_deinit(&arena);
    return status;
}

laminar_status checkpoint_restore(struct database *db, uint64_t id, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct checkpoint_reader *reader = NULL;
    struct strbuf head = {0};
    uint32_t kind;
    uint64_t page;
    const void *data;
    size_t size;
    TRY(checkpoint_reader_open(db->durable->checkpoints, id, &reader, err));
    checkpoint_reader_begin(reader, 0);
    TRY(checkpoint_reader_next(reader, &kind, &page, &data, &size, err));
    put_bytes(&head, data, size);
    if (head.failed) TRY(error_oom(err));
    struct reader r = {.at = (const uint8_t *)head.data,
                       .end = (const uint8_t *)head.data + head.size};
    db->is_restoring = true;
    status = restore_head(db, &r, reader, err);
    db->is_restoring = false;
done:
    strbuf_deinit(&head);
    checkpoint_reader_close(reader);
    return status;
}

laminar_status checkpoint_restore_newest(struct database *db, uint64_t *log_seq,
                                         struct laminar_error *err)
{
    struct checkpoint_store *store = db->durable->checkpoints;
    struct laminar_error first = LAMINAR_ERROR_INIT;
    uint64_t first_id = db->catalog.next_id;
    *log_seq = 0;
    size_t n = checkpoint_store_n(store);
    for (size_t i = n; i-- > 0;) {
        struct checkpoint_info info = checkpoint_store_at(store, i);
        struct laminar_error own = LAMINAR_ERROR_INIT;
        db->sink_start.is_copy = info.is_copy;
        laminar_status status = checkpoint_restore(db, info.id, &own);
        db->sink_start.is_copy = false;
        if (status == LAMINAR_OK) {
            *log_seq = info.log_seq;
            return LAMINAR_OK;
        }
        if (first.code == LAMINAR_OK) first = own;
        laminar_status removed = database_remove_relations(db, err);
        if (removed != LAMINAR_OK) return removed;
        db->step_number = 0;
        db->catalog.next_id = first_id;
        if (status == LAMINAR_OUT_OF_MEMORY) break;
    }
    if (n == 0) return LAMINAR_OK;
    /* Without any checkpoint the log would have to reach back to its beginning, and that has been given back. */
    if (err) *err = first;
    return first.code;
}
