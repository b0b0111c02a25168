/* durable_codec.c - records of the log: writing steps down and running them again. All integers little-endian.
 *
 *   step       u64 number, i64 time_us, u32 entries, u32 flags (1 flush, 2 gives all); an entry: u64 relation, i64 watermark_us, u64 rows, u8 flags (1 delete, 2 has rows, 4 has
 *              weights, 8 has a position), [u64 position of the connector behind them], [i64 weights], columns (exec/column_codec.h)
 *   statement  u64 step before it, u64 id of the next relation, i64 time_us, u64 size of a sink's file before it, the text
 *   setting    u16 size of the name, name, value
 *   closed     nothing
 *   restored   u64 checkpoint, u64 step before it, u64 id of the next relation, i64 time of the step before it
 *   unsure     nothing
 *   lost       u64 after, u64 to: numbers of steps
 *   filled     u64 bytes of the text, a statement, a step
 * Bytes come from a file, so nothing is trusted. */
#include "base/error.h"
#include "engine/durable_internal.h"
#include "engine/history.h"
#include "exec/column_codec.h"
#include "sql/parser.h"
#include "vector/pack.h"
#include <string.h>

enum {
    ENTRY_DELETE = 1,
    ENTRY_ROWS = 2,
    ENTRY_WEIGHTS = 4,
    ENTRY_POSITION = 8,
    ENTRY_HEAD_BYTES = 25,
    STATEMENT_HEAD_BYTES = 32
};

void put_bytes(struct strbuf *out, const void *data, size_t size)
{
    strbuf_append(out, data, size);
}

static bool is_logged(const struct pending *p) { return p->relation->runtime != NULL; }

laminar_status record_encode_step(struct strbuf *out, const struct step_head *head,
                                  const struct pending *list, struct laminar_error *err)
{
    uint32_t words[2] = {0, head->flags};
    for (const struct pending *p = list; p; p = p->next) words[0] += is_logged(p);
    put_bytes(out, &head->number, 8);
    put_bytes(out, &head->time_us, 8);
    put_bytes(out, words, 8);
    for (const struct pending *p = list; p; p = p->next) {
        if (!is_logged(p)) continue;
        uint64_t n_rows = p->batch ? p->batch->n_rows : 0;
        bool has_weights = p->batch && p->batch->weights;
        uint8_t flags = (uint8_t)((p->is_delete ? ENTRY_DELETE : 0) | (p->batch ? ENTRY_ROWS : 0) |
                                  (has_weights ? ENTRY_WEIGHTS : 0) |
                                  (p->has_position ? ENTRY_POSITION : 0));
        put_bytes(out, &p->relation->id, 8);
        put_bytes(out, &p->watermark_us, 8);
        put_bytes(out, &n_rows, 8);
        put_bytes(out, &flags, 1);
        if (p->has_position) put_bytes(out, &p->position, 8);
        if (has_weights) put_bytes(out, p->batch->weights, n_rows * 8);
        for (uint32_t c = 0; p->batch && c < p->batch->n_cols; c++) {
            batch_need(p->batch, c);
            laminar_status status = column_encode_packed(&p->batch->cols[c], 0, n_rows, out, err);
            if (status != LAMINAR_OK) return status;
        }
    }
    return out->failed ? error_oom(err) : LAMINAR_OK;
}

/* --- Replay -------------------------------------------------------------------------------------------------------------------------- */

struct reader {
    const uint8_t *at, *end;
    uint64_t seq;
};

static laminar_status malformed(const struct reader *r, const char *what, struct laminar_error *err)
{
    return error_set(err, LAMINAR_IO_ERROR, "record %llu of the log is malformed: %s",
                     (unsigned long long)r->seq, what);
}

static bool take(struct reader *r, void *out, size_t size)
{
    if (size > (size_t)(r->end - r->at)) return false;
    memcpy(out, r->at, size);
    r->at += size;
    return true;
}

static struct relation *find_relation(const struct database *db, uint64_t id)
{
    struct relation *relation;
    for (size_t i = 0; (relation = catalog_next(&db->catalog, &i));)
        if (relation->id == id) return relation;
    return NULL;
}

/* A batch of the relation's schema. */
static laminar_status read_rows(struct database *db, struct reader *r,
                                const struct relation *relation, uint64_t n_rows, uint8_t flags,
                                struct batch **out, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct batch_builder *builder = NULL;
    struct batch *batch = NULL;
    const uint8_t *weights = r->at;
    struct column *cols;
    uint32_t n_cols = relation->schema->n_columns;
    /* packed, a block of equal values takes 12 bytes */
    if (n_rows / PACK_BLOCK > (uint64_t)(r->end - r->at) / 12)
        return malformed(r, "it claims more rows than it can hold", err);
    if (flags & ENTRY_WEIGHTS) {
        if (n_rows > (uint64_t)(r->end - r->at) / 8)
            return malformed(r, "it ends within its weights", err);
        r->at += n_rows * 8;
    }
    TRY(batch_builder_create(relation->schema, db->pool, &builder, err));
    TRY(batch_builder_columns(builder, &cols, err));
    for (uint32_t c = 0; c < n_cols; c++) {
        size_t used = 0;
        TRY(column_decode(&cols[c], (size_t)n_rows, r->at, (size_t)(r->end - r->at), &used, err));
        r->at += used;
    }
    TRY(batch_builder_added(builder, (size_t)n_rows, err));
    TRY(batch_builder_finish(builder, &batch, err));
    /* once more, with the weights, which a builder takes with chunks */
    if (flags & ENTRY_WEIGHTS) {
        struct vector *slice = mem_calloc(n_cols + 1, sizeof *slice);
        struct batch_builder *weighted = NULL;
        struct batch *result = NULL;
        int64_t chunk_weights[CHUNK_ROWS];
        status = slice ? batch_builder_create(relation->schema, db->pool, &weighted, err)
                       : error_oom(err);
        for (size_t at = 0; at < n_rows && status == LAMINAR_OK; at += CHUNK_ROWS) {
            struct chunk chunk = batch_chunk(batch, at, slice);
            memcpy(chunk_weights, weights + at * 8, chunk.n_rows * 8);
            chunk.weights = chunk_weights;
            status = batch_builder_append(weighted, &chunk, err);
        }
        if (status == LAMINAR_OK) status = batch_builder_finish(weighted, &result, err);
        batch_builder_free(weighted);
        mem_free(slice);
        if (status == LAMINAR_OK) {
            batch_unref(batch);
            batch = result;
        }
    }
    if (status == LAMINAR_OK) {
        *out = batch;
        batch = NULL;
    }
done:
    batch_unref(batch);
    batch_builder_free(builder);
    return status;
}

static laminar_status read_entry(struct database *db, struct reader *r, struct pending *out,
                                 struct laminar_error *err)
{
    uint64_t id, n_rows;
    uint8_t flags;
    *out = (struct pending){0};
    if (!take(r, &id, 8) || !take(r, &out->watermark_us, 8) || !take(r, &n_rows, 8) ||
        !take(r, &flags, 1))
        return malformed(r, "an entry is cut off", err);
    out->relation = find_relation(db, id);
    out->is_delete = flags & ENTRY_DELETE;
    out->has_position = flags & ENTRY_POSITION;
    if (out->has_position && !take(r, &out->position, 8))
        return malformed(r, "an entry is cut off", err);
    if (!out->relation || !out->relation->runtime)
        return malformed(r, "it is for a relation that does not exist", err);
    const struct relation_runtime *runtime = out->relation->runtime;
    if (!runtime->is_target || (out->is_delete && runtime->store_kind == STORE_LOG))
        return malformed(r, "it is for a relation that does not take it", err);
    if (!(flags & ENTRY_ROWS)) return LAMINAR_OK;
    return read_rows(db, r, out->relation, n_rows, flags, &out->batch, err);
}

static laminar_status replay_step(struct database *db, struct reader *r, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    uint64_t number;
    int64_t time_us;
    uint32_t words[2];
    struct pending *list = NULL;
    uint32_t n = 0;
    if (!take(r, &number, 8) || !take(r, &time_us, 8) || !take(r, words, 8))
        return malformed(r, "it is too short", err);
    if (words[1] & ~(uint32_t)STEP_FLAGS)
        return malformed(r, "it has flags of a later version", err);
    if (words[0] > (uint64_t)(r->end - r->at) / ENTRY_HEAD_BYTES || number == 0)
        return malformed(r, "it claims more entries than it can hold", err);
    list = mem_calloc((size_t)words[0] + 1, sizeof *list);
    if (!list) return error_oom(err);
    for (; n < words[0]; n++) {
        TRY(read_entry(db, r, &list[n], err));
        if (n > 0) list[n - 1].next = &list[n];
    }
    if (r->at != r->end) TRY(malformed(r, "it is too long", err));
    db->step_number = number - 1;
    db->replay_time_us = time_us;
    /* A failure here was one when the step ran for the first time. */
    struct laminar_error step_error = LAMINAR_ERROR_INIT;
    status = engine_replay_step(db, n ? list : NULL, words[1] & STEP_FLUSH,
                                words[1] & STEP_GIVES_ALL, &step_error);
    db->replay_time_us = 0;
    if (status == LAMINAR_OUT_OF_MEMORY) {
        if (err) *err = step_error;
    } else {
        status = LAMINAR_OK;
    }
done:
    for (uint32_t i = 0; i < n; i++) batch_unref(list[i].batch);
    mem_free(list);
    return status;
}

/* The text has `size` bytes. */
static laminar_status replay_statement(struct database *db, struct reader *r, uint64_t size,
                                       struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    uint64_t step, next_id, sink_base;
    int64_t time_us;
    struct arena arena = {0};
    struct ast_script *script;
    struct statement_result answer = {0};
    struct laminar_error cause = LAMINAR_ERROR_INIT;
    if (!take(r, &step, 8) || !take(r, &next_id, 8) || !take(r, &time_us, 8) ||
        !take(r, &sink_base, 8))
        return malformed(r, "it is too short", err);
    if (size > (uint64_t)(r->end - r->at)) return malformed(r, "its text is cut off", err);
    char *sql = arena_strndup(&arena, (const char *)r->at, (size_t)size);
    if (!sql) return error_oom(err);
    r->at += size;
    db->step_number = step;
    db->catalog.next_id = next_id;
    db->replay_time_us = time_us;
    db->sink_start.offset = sink_base;
    TRY(sql_parse(&arena, sql, size, &script, &cause));
    if (script->n != 1) TRY(malformed(r, "it is not one statement", &cause));
    struct statement_call call = {db,   sql,     script->size, script->statements[0],
                                  NULL, &answer, &cause};
    TRY(engine_execute(&call));
done:
    db->replay_time_us = 0;
    if (status != LAMINAR_OK) {
        /* Of the text its beginning, which names the object: behind it may be passwords. */
        error_set(err, status, "record %llu of the log can't be done again: %.60s: %.500s",
                  (unsigned long long)r->seq, sql ? sql : "", cause.message);
        error_hint(err, "%s", cause.hint);
    }
    statement_result_deinit(&answer);
    arena_deinit(&arena);
    return status;
}

static laminar_status replay_filled(struct database *db, struct reader *r,
                                    struct laminar_error *err)
{
    uint64_t size;
    if (!take(r, &size, 8)) return malformed(r, "it is too short", err);
    laminar_status status = replay_statement(db, r, size, err);
    return status == LAMINAR_OK ? replay_step(db, r, err) : status;
}

static laminar_status replay_setting(struct database *db, struct reader *r,
                                     struct laminar_error *err)
{
    uint16_t size;
    char name[64], value[SETTING_TEXT_MAX];
    if (!take(r, &size, 2) || size >= sizeof name || !take(r, name, size))
        return malformed(r, "it is too short", err);
    name[size] = 0;
    size_t n = (size_t)(r->end - r->at);
    if (n >= sizeof value) return malformed(r, "it is too long", err);
    memcpy(value, r->at, n);
    value[n] = 0;
    sharing_setting_changed(db, name);
    return durable_restore_setting(db, name, value, err);
}

static laminar_status replay_restored(struct database *db, struct reader *r,
                                      struct laminar_error *err)
{
    uint64_t words[RESTORED_WORDS];
    if (!take(r, words, sizeof words)) return malformed(r, "it is too short", err);
    return restore_replay(db, words, err);
}

static laminar_status replay_lost(struct database *db, struct reader *r, struct laminar_error *err)
{
    uint64_t after, to;
    if (!take(r, &after, 8) || !take(r, &to, 8)) return malformed(r, "it is too short", err);
    return durable_lose(db, after, to, err);
}

laminar_status durable_lose(struct database *db, uint64_t after, uint64_t to,
                            struct laminar_error *err)
{
    laminar_status status = epochs_lose(db, after, to, err);
    db->step_number = to;
    db->durable->is_unsure = false;
    return status;
}

laminar_status record_replay(void *ctx, const struct wal_record *record, struct laminar_error *err)
{
    struct database *db = ctx;
    struct reader r = {record->data, record->data + record->size, record->seq};
    db->durable->ends_closed = record->kind == RECORD_CLOSED;
    if (record->kind == RECORD_CLOSED) db->durable->is_unsure = false;
    if (record->kind == RECORD_UNSURE) db->durable->is_unsure = true;
    switch (record->kind) {
    case RECORD_STEP: return replay_step(db, &r, err);
    case RECORD_STATEMENT:
        return replay_statement(db, &r, record->size - STATEMENT_HEAD_BYTES, err);
    case RECORD_SETTING: return replay_setting(db, &r, err);
    case RECORD_CLOSED:
    case RECORD_UNSURE: return LAMINAR_OK;
    case RECORD_LOST: return replay_lost(db, &r, err);
    case RECORD_RESTORED: return replay_restored(db, &r, err);
    case RECORD_FILLED: return replay_filled(db, &r, err);
    default: return malformed(&r, "its kind is unknown", err);
    }
}
