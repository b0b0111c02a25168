/* history.c - see history.h. A row of the log is the relation's columns, its weight, the epoch. */
#include "engine/history.h"
#include "base/error.h"
#include "exec/state_log.h"
#include <string.h>

/* --- Epochs of the database ---------------------------------------------------------------------------------------------------------- */

laminar_status epochs_lose(struct database *db, uint64_t after, uint64_t to,
                           struct laminar_error *err)
{
    if (after >= to) return LAMINAR_OK;
    while (db->lost_epochs.n > 0 && db->lost_epochs.items[db->lost_epochs.n - 1].after >= after)
        db->lost_epochs.n--; /* within these */
    struct lost_epochs lost = {after, to};
    return ARRAY_PUSH(&db->lost_epochs, lost) ? LAMINAR_OK : error_oom(err);
}

laminar_status epochs_check(const struct database *db, uint64_t epoch, struct laminar_error *err)
{
    if (epoch > db->step_number) {
        error_set(err, LAMINAR_SUBSCRIPTION_FAILED,
                  "epoch %llu has not been yet: the newest one is %llu", (unsigned long long)epoch,
                  (unsigned long long)db->step_number);
        return LAMINAR_SUBSCRIPTION_FAILED;
    }
    for (size_t i = 0; i < db->lost_epochs.n; i++) {
        const struct lost_epochs *lost = &db->lost_epochs.items[i];
        if (epoch <= lost->after || epoch > lost->to) continue;
        error_set(err, LAMINAR_SUBSCRIPTION_FAILED,
                  "what epoch %llu brought is not there any more: the database went back to epoch "
                  "%llu",
                  (unsigned long long)epoch, (unsigned long long)lost->after);
        error_hint(err, "begin with the contents: SUBSCRIBE without AS OF EPOCH");
        return LAMINAR_SUBSCRIPTION_FAILED;
    }
    return LAMINAR_OK;
}

/* --- Of one relation ----------------------------------------------------------------------------------------------------------------- */

struct history {
    struct database *db;
    struct schema *schema;     /* of the relation; referenced */
    struct schema *log_schema; /* and __weight, __epoch */
    struct state_log *log;
    uint64_t created; /* what came after this epoch is what there was */
    bool is_whole;    /* nothing came before */
    struct vector *slice;
};

static struct schema *extended(const struct schema *schema)
{
    uint32_t n = schema->n_columns;
    struct schema_column *columns = mem_calloc(n + 2, sizeof *columns);
    if (!columns) return NULL;
    memcpy(columns, schema->columns, n * sizeof *columns);
    columns[n] = (struct schema_column){"__weight", TYPE(INT64), false};
    columns[n + 1] = (struct schema_column){"__epoch", TYPE(INT64), false};
    struct schema *made = schema_create(columns, n + 2);
    mem_free(columns);
    return made;
}

laminar_status history_create(struct database *db, const struct relation *relation, uint64_t epoch,
                              struct history **out, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct history *history = mem_calloc(1, sizeof *history);
    if (!history) return error_oom(err);
    history->db = db;
    history->schema = schema_ref(relation->schema);
    history->created = epoch;
    history->is_whole = true;
    history->log_schema = extended(relation->schema);
    history->slice = mem_calloc(relation->schema->n_columns + 2, sizeof *history->slice);
    if (!history->log_schema || !history->slice) TRY(error_oom(err));
    TRY(state_log_create("history", history->log_schema, relation->history, &db->account,
                         &history->log, err));
    *out = history;
    return LAMINAR_OK;
done:
    history_free(history);
    return status;
}

void history_free(struct history *history)
{
    if (!history) return;
    if (history->log) {
        struct state *state = state_log_base(history->log);
        state->cls->free(state);
    }
    schema_unref(history->schema);
    schema_unref(history->log_schema);
    mem_free(history->slice);
    mem_free(history);
}

struct state *history_state(struct history *history) { return state_log_base(history->log); }

laminar_status history_append(struct history *history, const struct batch *batch,
                              struct laminar_error *err)
{
    uint32_t n_cols = history->schema->n_columns;
    int64_t one = 1, epoch = (int64_t)batch->step;
    for (size_t at = 0; at < batch->n_rows; at += CHUNK_ROWS) {
        struct chunk chunk = batch_chunk(batch, at, history->slice);
        struct vector *weight = &history->slice[n_cols];
        weight[0] = (struct vector){.type = TYPE(INT64), .data = &one, .shape = VEC_CONST};
        weight[1] = (struct vector){.type = TYPE(INT64), .data = &epoch, .shape = VEC_CONST};
        if (batch->weights) {
            weight[0].data = (void *)(uintptr_t)(batch->weights + at);
            weight[0].shape = VEC_FLAT;
        }
        chunk.n_cols = n_cols + 2;
        chunk.weights = NULL;
        laminar_status status = state_log_append_chunk(history->log, &chunk, batch->time_us, err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

void history_describe(const struct history *history, uint64_t *words)
{
    words[0] = history->created;
    words[1] = history->is_whole;
}

void history_described(struct history *history, const uint64_t *words)
{
    history->created = words[0];
    history->is_whole = words[1] != 0;
}

void history_begin_at(struct history *history, uint64_t epoch)
{
    history->created = epoch;
    history->is_whole = false;
}

/* --- Reading ------------------------------------------------------------------------------------------------------------------------- */

struct history_reader {
    struct database *db; /* for the pool: whoever reads references it */
    struct schema *schema;
    struct state_snapshot *snapshot;
    uint64_t cursor;
    uint64_t after; /* the epoch that was seen */
    struct vector *cols;
    struct column *scratch;
    struct chunk chunk; /* at `cursor`, n_rows = 0 at the end */
    uint32_t row;       /* of it, not read yet */
    uint32_t n_scratch;
    int64_t time_us; /* for filters that look at the clock */
    struct batch_builder *builder;
};

void history_reader_free(struct history_reader *reader)
{
    if (!reader) return;
    batch_builder_free(reader->builder);
    for (uint32_t i = 0; i < reader->n_scratch; i++) column_deinit(&reader->scratch[i]);
    mem_free(reader->scratch);
    mem_free(reader->cols);
    state_release(reader->snapshot);
    schema_unref(reader->schema);
    mem_free(reader);
}

static int64_t epoch_at(const struct history_reader *reader, uint32_t row)
{
    return ((const int64_t *)reader->cols[reader->schema->n_columns + 1].data)[row];
}

static laminar_status next_chunk(struct history_reader *reader, struct laminar_error *err)
{
    reader->row = 0;
    return state_log_snapshot_next(reader->snapshot, &reader->cursor, reader->cols, reader->scratch,
                                   &reader->chunk, err);
}

static laminar_status create_reader(struct history *history, uint64_t after,
                                    struct history_reader **out, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    uint32_t n = history->log_schema->n_columns;
    struct history_reader *reader = mem_calloc(1, sizeof *reader);
    if (!reader) return error_oom(err);
    reader->db = history->db;
    reader->schema = schema_ref(history->schema);
    reader->after = after;
    reader->time_us = engine_clock_us(history->db);
    reader->cols = mem_calloc(n, sizeof *reader->cols);
    reader->scratch = mem_calloc(n, sizeof *reader->scratch);
    if (!reader->cols || !reader->scratch) TRY(error_oom(err));
    for (; reader->n_scratch < n; reader->n_scratch++)
        TRY(column_init(&reader->scratch[reader->n_scratch],
                        history->log_schema->columns[reader->n_scratch].type, err));
    TRY(batch_builder_create(history->schema, history->db->pool, &reader->builder, err));
    TRY(state_freeze(history_state(history), &reader->snapshot, err));
    TRY(next_chunk(reader, err));
    *out = reader;
    return LAMINAR_OK;
done:
    history_reader_free(reader);
    return status;
}

/* Is everything there that came after `after`? Else the error. */
static laminar_status check_reach(const struct history *history,
                                  const struct history_reader *reader, const char *name,
                                  struct laminar_error *err)
{
    bool is_cut = state_log_snapshot_first_row(reader->snapshot) > 0;
    uint64_t oldest = history->created;
    if (is_cut && reader->chunk.n_rows > 0) oldest = (uint64_t)epoch_at(reader, 0);
    if (oldest < history->created) oldest = history->created;
    if (reader->after >= oldest) return LAMINAR_OK;
    if (reader->after == 0 && history->is_whole && !is_cut) return LAMINAR_OK;
    error_set(err, LAMINAR_SUBSCRIPTION_FAILED,
              "the history of '%s' goes back to epoch %llu, not to %llu", name,
              (unsigned long long)oldest, (unsigned long long)reader->after);
    error_hint(err, is_cut ? "keep more with a larger retain_history; or begin with the contents: "
                             "SUBSCRIBE without AS OF EPOCH"
                           : "it was made then; AS OF EPOCH 0 gives all of its changes, SUBSCRIBE "
                             "without AS OF EPOCH begins with the contents");
    return LAMINAR_SUBSCRIPTION_FAILED;
}

laminar_status history_read(struct history *history, const char *name, uint64_t epoch,
                            struct history_reader **out, struct laminar_error *err)
{
    struct history_reader *reader = NULL;
    laminar_status status = create_reader(history, epoch, &reader, err);
    if (status == LAMINAR_OK) status = check_reach(history, reader, name, err);
    if (status == LAMINAR_OK)
        *out = reader;
    else
        history_reader_free(reader);
    return status;
}

/* Rows [reader->row, end) of the chunk. */
static laminar_status take_rows(struct history_reader *reader, uint32_t end,
                                struct laminar_error *err)
{
    uint32_t n_cols = reader->schema->n_columns, sel[CHUNK_ROWS];
    const int64_t *weights = reader->cols[n_cols].data;
    struct chunk rows = reader->chunk;
    size_t n = 0;
    bool is_plain = true;
    rows.n_cols = n_cols;
    for (uint32_t row = reader->row; row < end; row++) {
        sel[n++] = row;
        is_plain &= weights[row] == 1;
    }
    rows.weights = is_plain ? NULL : weights;
    reader->row = end;
    return batch_builder_append_sel(reader->builder, &rows, sel, n, err);
}

laminar_status history_reader_next(struct history_reader *reader, struct batch **out,
                                   struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    uint64_t epoch = 0;
    *out = NULL;
    while (reader->chunk.n_rows > 0) {
        uint32_t end = reader->row, n = reader->chunk.n_rows;
        while (reader->row < n && (uint64_t)epoch_at(reader, reader->row) <= reader->after)
            reader->row++;
        if (reader->row < n && epoch == 0) epoch = (uint64_t)epoch_at(reader, reader->row);
        for (end = reader->row; end < n && (uint64_t)epoch_at(reader, end) == epoch;) end++;
        if (end > reader->row) TRY(take_rows(reader, end, err));
        if (end < n) break; /* another one begins */
        TRY(next_chunk(reader, err));
    }
    if (epoch == 0) return LAMINAR_OK;
    reader->after = epoch;
    TRY(batch_builder_finish(reader->builder, out, err));
    (*out)->step = epoch;
    (*out)->time_us = reader->time_us;
done:
    return status;
}
