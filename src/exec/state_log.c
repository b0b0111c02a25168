/* state_log.c - see state_log.h.
 *
 * Invariants: runs cover the row numbers [runs[0].first_row, tail_first) without a gap, the tail [tail_first, tail_first + tail rows); first_row lies
 * in the oldest run, or in the tail when there is none. A closed run never changes.
 *
 * Pieces: kind 0: head (format, columns, row numbers); kind 1, page = number of its first row: up to CHUNK_ROWS rows of a run, which stay the same
 * for as long as the run is kept, so that an incremental writer skips them; the tail is the last one, its version is its number of rows. */
#include "exec/state_log.h"
#include "base/error.h"
#include "base/thread.h"
#include "exec/column_codec.h"
#include "exec/state_core.h"

enum {
    LOG_FORMAT = 1,
    LOG_HEAD_BYTES = 32,
    PIECE_HEAD = 0,
    PIECE_ROWS = 1,
    PIECE_ROWS_HEAD_BYTES = 24
};

/* A closed run whose rows are in a spill file: pieces of CHUNK_ROWS rows, as a checkpoint has them. */
struct log_spilled {
    _Atomic uint32_t refs; /* log + snapshots */
    struct spill *spill;   /* referenced */
    size_t n_pieces;
    struct spill_piece pieces[];
};
struct log_run {
    struct batch *batch; /* NULL: */
    struct log_spilled *spilled;
    size_t n_rows;
    uint64_t first_row;
    int64_t last_time_us;
    size_t bytes;
};
/* Rows that are still being added. Its batch is what becomes a run; string bytes stay where they are while rows are added. */
struct log_tail {
    struct batch batch;
    struct batch_holder holder;
    struct column *cols;
    struct vector *vecs;
    uint32_t n_cols;
    int64_t last_time_us;
    size_t bytes;
};
struct state_log {
    struct state state;
    struct schema *schema;
    struct retention retention;
    struct log_run *runs; /* ring */
    size_t n_runs, first_run, runs_capacity;
    uint64_t first_row; /* oldest kept */
    uint64_t tail_first;
    struct log_tail *tail;
    struct log_tail *spare; /* memory of a dropped run, for the next tail */
};
struct log_snapshot {
    struct state_snapshot head;
    struct schema *schema;
    struct log_run *runs; /* batches referenced; the tail's rows are the last one */
    size_t n_runs;
    uint64_t first_row;
    uint64_t end_row;
    size_t tail_rows;   /* in the last run; 0 = it is no tail */
    struct batch *tail; /* keeps the string bytes of tail_copy alive */
    struct batch tail_copy;
    struct column *cols;
    struct vector *vecs;
    struct column *loaded; /* rows of a spilled run: its piece `loaded_piece`, once there are any */
    const struct log_spilled *loaded_from;
    size_t loaded_piece;
    struct strbuf bytes; /* of a spilled piece */
};

static struct state_log *log_of(const struct state *state)
{
    return CONTAINER_OF(state, struct state_log, state);
}
static struct log_run *run_at(const struct state_log *log, size_t i)
{
    return &log->runs[(log->first_run + i) & (log->runs_capacity - 1)];
}
static size_t tail_rows(const struct state_log *log)
{
    return log->tail ? log->tail->batch.n_rows : 0;
}

/* --- Tail -------------------------------------------------------------------------------------------------------------------------------- */

static void tail_free(struct log_tail *tail)
{
    if (!tail) return;
    for (uint32_t i = 0; tail->cols && i < tail->n_cols; i++) column_deinit(&tail->cols[i]);
    mem_free(tail->cols);
    mem_free(tail->vecs);
    mem_free(tail);
}

static void tail_release(struct batch_holder *holder)
{
    tail_free(CONTAINER_OF(holder, struct log_tail, holder));
}

static laminar_status tail_create(const struct schema *schema, struct log_tail **out,
                                  struct laminar_error *err)
{
    struct log_tail *tail = mem_calloc(1, sizeof *tail);
    laminar_status status = LAMINAR_OK;
    if (!tail) return error_oom(err);
    tail->cols = mem_calloc(schema->n_columns, sizeof *tail->cols);
    tail->vecs = mem_calloc(schema->n_columns, sizeof *tail->vecs);
    if (!tail->cols || !tail->vecs) TRY(error_oom(err));
    for (; tail->n_cols < schema->n_columns; tail->n_cols++)
        TRY(column_init(&tail->cols[tail->n_cols], schema->columns[tail->n_cols].type, err));
    tail->holder.release = tail_release;
    tail->batch = (struct batch){
        .n_cols = tail->n_cols, .cols = tail->vecs, .holder = &tail->holder};
    atomic_init(&tail->batch.refs, 1);
    *out = tail;
    return LAMINAR_OK;
done:
    tail_free(tail);
    return status;
}

static void account(struct state_log *log, int64_t bytes)
{
    log->state.bytes = (size_t)((int64_t)log->state.bytes + bytes);
    mem_account_add(log->state.account, bytes);
}

static size_t tail_measure(const struct log_tail *tail)
{
    size_t bytes = sizeof *tail;
    for (uint32_t i = 0; i < tail->n_cols; i++) bytes += column_bytes(&tail->cols[i]);
    return bytes;
}

static laminar_status open_tail(struct state_log *log, struct laminar_error *err)
{
    if (log->tail) return LAMINAR_OK;
    if (!log->spare) {
        laminar_status status = tail_create(log->schema, &log->tail, err);
        if (status != LAMINAR_OK) return status;
    } else {
        log->tail = log->spare;
        log->spare = NULL;
        for (uint32_t i = 0; i < log->tail->n_cols; i++) column_clear(&log->tail->cols[i]);
        log->tail->batch.n_rows = 0;
    }
    log->tail->bytes = tail_measure(log->tail);
    account(log, (int64_t)log->tail->bytes);
    return LAMINAR_OK;
}

static laminar_status push_run(struct state_log *log, struct log_run run, struct laminar_error *err)
{
    if (log->n_runs == log->runs_capacity) {
        size_t capacity = log->runs_capacity ? log->runs_capacity * 2 : 16;
        struct log_run *runs = mem_alloc(capacity * sizeof *runs);
        if (!runs) return error_oom(err);
        for (size_t i = 0; i < log->n_runs; i++) runs[i] = *run_at(log, i);
        mem_free(log->runs);
        log->runs = runs;
        log->runs_capacity = capacity;
        log->first_run = 0;
    }
    *run_at(log, log->n_runs++) = run;
    return LAMINAR_OK;
}

/* The tail becomes a run. */
static laminar_status close_tail(struct state_log *log, struct laminar_error *err)
{
    struct log_tail *tail = log->tail;
    if (tail_rows(log) == 0) return LAMINAR_OK;
    for (uint32_t i = 0; i < tail->n_cols; i++) tail->vecs[i] = tail->cols[i].vec;
    size_t bytes = tail_measure(tail);
    struct log_run run = {.batch = &tail->batch,
                          .n_rows = tail->batch.n_rows,
                          .first_row = log->tail_first,
                          .last_time_us = tail->last_time_us,
                          .bytes = bytes};
    laminar_status status = push_run(log, run, err);
    if (status != LAMINAR_OK) return status;
    account(log, (int64_t)bytes - (int64_t)tail->bytes);
    tail->batch.bytes = bytes;
    log->tail_first += tail->batch.n_rows;
    log->tail = NULL;
    return LAMINAR_OK;
}

/* --- Retention --------------------------------------------------------------------------------------------------------------------------- */

static void spilled_unref(struct log_spilled *spilled)
{
    if (!spilled || atomic_fetch_sub_explicit(&spilled->refs, 1, memory_order_acq_rel) != 1) return;
    for (size_t i = 0; i < spilled->n_pieces; i++) spill_free(spilled->spill, &spilled->pieces[i]);
    spill_unref(spilled->spill);
    mem_free(spilled);
}

/* The run's batch is wanted no more. */
static void drop_batch(struct state_log *log, struct log_run *run)
{
    batch_count_elsewhere(run->batch, false);
    bool is_ours = run->batch->holder && run->batch->holder->release == tail_release;
    /* pairs with batch_unref by a reader */
    if (is_ours && !log->spare &&
        atomic_load_explicit(&run->batch->refs, memory_order_acquire) == 1)
        log->spare = CONTAINER_OF(run->batch, struct log_tail, batch);
    else
        batch_unref(run->batch);
    run->batch = NULL;
}

static void drop_first_run(struct state_log *log)
{
    struct log_run *run = run_at(log, 0);
    account(log, -(int64_t)run->bytes);
    if (run->spilled)
        spilled_unref(run->spilled);
    else
        drop_batch(log, run);
    log->first_run = (log->first_run + 1) & (log->runs_capacity - 1);
    log->n_runs--;
    uint64_t next_row = log->n_runs ? run_at(log, 0)->first_row : log->tail_first;
    if (log->first_row < next_row) log->first_row = next_row;
}

static void retain(struct state_log *log, int64_t now_us)
{
    uint64_t end = log->tail_first + tail_rows(log), amount = log->retention.amount;
    switch (log->retention.kind) {
    case RETAIN_ROWS:
        if (end - log->first_row > amount) log->first_row = end - amount;
        while (log->n_runs && run_at(log, 0)->first_row + run_at(log, 0)->n_rows <= log->first_row)
            drop_first_run(log);
        break;
    case RETAIN_TIME:
        while (log->n_runs && (int128)run_at(log, 0)->last_time_us + (int128)amount < now_us)
            drop_first_run(log);
        break;
    case RETAIN_BYTES:
        while (log->n_runs + (tail_rows(log) != 0) > 1 && log->state.bytes > amount)
            drop_first_run(log);
        break;
    case RETAIN_ALL:
    case RETAIN_NONE: break;
    }
    log->state.n_rows = (size_t)(end - log->first_row);
}

/* --- Appending --------------------------------------------------------------------------------------------------------------------------- */

/* Rows [from, from + n) of cols, n <= room in the tail. A failure takes back what went into some columns. */
static laminar_status tail_add(struct state_log *log, const struct vector *cols, size_t from,
                               size_t n, int64_t time_us, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    TRY(open_tail(log, err));
    struct log_tail *tail = log->tail;
    size_t n_before = tail->batch.n_rows, n_after = n_before + n;
    for (uint32_t i = 0; i < tail->n_cols && status == LAMINAR_OK; i++)
        status = column_append(&tail->cols[i], &cols[i], from, n, STRINGS_COPY, err);
    if (status != LAMINAR_OK) {
        for (uint32_t i = 0; i < tail->n_cols; i++) column_truncate(&tail->cols[i], n_before);
        return status;
    }
    tail->batch.n_rows = n_after;
    tail->last_time_us = time_us;
    /* passed a power of two: columns may have grown */
    if (n_before == 0 || (n_before ^ n_after) > n_before) {
        size_t bytes = tail_measure(tail);
        account(log, (int64_t)bytes - (int64_t)tail->bytes);
        tail->bytes = bytes;
    }
    if (n_after >= CHUNK_ROWS) TRY(close_tail(log, err));
done:
    return status;
}

/* Rows of one tail go together when their time is up: none spans more than an eighth of the limit. */
static bool is_tail_too_old(const struct state_log *log, int64_t time_us)
{
    return log->retention.kind == RETAIN_TIME && tail_rows(log) &&
           (int128)time_us - log->tail->batch.time_us > (int128)(log->retention.amount / 8);
}

static laminar_status append_rows(struct state_log *log, const struct vector *cols, size_t n_rows,
                                  int64_t time_us, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    if (is_tail_too_old(log, time_us)) TRY(close_tail(log, err));
    for (size_t from = 0; from < n_rows;) {
        size_t room = CHUNK_ROWS - tail_rows(log), n = n_rows - from < room ? n_rows - from : room;
        bool is_first = tail_rows(log) == 0;
        TRY(tail_add(log, cols, from, n, time_us, err));
        if (is_first && log->tail) log->tail->batch.time_us = time_us;
        from += n;
    }
done:
    retain(log, time_us);
    return status;
}

static bool has_multiples(const int64_t *weights, size_t n)
{
    for (size_t i = 0; weights && i < n; i++)
        if (weights[i] != 1) return true;
    return false;
}

/* A row of weight w is w rows. */
static laminar_status append_multiples(struct state_log *log, const struct vector *cols,
                                       size_t n_cols, size_t n, const int64_t *weights,
                                       int64_t time_us, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct vector *row = mem_calloc(n_cols, sizeof *row + 32);
    if (!row) return error_oom(err);
    uint8_t *mem = (uint8_t *)(row + n_cols);
    for (size_t i = 0; i < n; i++) {
        ENSURE(weights[i] > 0, (mem_free(row), err));
        for (size_t c = 0; c < n_cols; c++)
            row[c] = vector_const_row(&cols[c], i, mem + c * 32, mem + c * 32 + 16);
        TRY(append_rows(log, row, (size_t)weights[i], time_us, err));
    }
done:
    mem_free(row);
    return status;
}

laminar_status state_log_append_chunk(struct state_log *log, const struct chunk *chunk,
                                      int64_t time_us, struct laminar_error *err)
{
    if (log->retention.kind == RETAIN_NONE || chunk->n_rows == 0) return LAMINAR_OK;
    if (has_multiples(chunk->weights, chunk->n_rows))
        return append_multiples(log, chunk->cols, chunk->n_cols, chunk->n_rows, chunk->weights,
                                time_us, err);
    return append_rows(log, chunk->cols, chunk->n_rows, time_us, err);
}

laminar_status state_log_append(struct state_log *log, struct batch *batch,
                                struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    if (log->retention.kind == RETAIN_NONE || batch->n_rows == 0) return LAMINAR_OK;
    int64_t time_us = batch->time_us ? batch->time_us : clock_wall_us();
    bool is_repeated = has_multiples(batch->weights, batch->n_rows);
    if (is_repeated || batch->n_rows < LOG_SHARE_ROWS) batch_need_all(batch);
    if (is_repeated)
        return append_multiples(log, batch->cols, batch->n_cols, batch->n_rows, batch->weights,
                                time_us, err);
    if (batch->n_rows < LOG_SHARE_ROWS)
        return append_rows(log, batch->cols, batch->n_rows, time_us, err);
    TRY(close_tail(log, err));
    struct log_run run = {.batch = batch,
                          .n_rows = batch->n_rows,
                          .first_row = log->tail_first,
                          .last_time_us = time_us,
                          .bytes = batch->bytes};
    TRY(push_run(log, run, err));
    batch_ref(batch);
    account(log, (int64_t)batch->bytes);
    batch_count_elsewhere(batch, true);
    log->tail_first += batch->n_rows;
    retain(log, time_us);
done:
    return status;
}

/* --- Freezing and reading ---------------------------------------------------------------------------------------------------------------- */

static void log_release(struct state_snapshot *head)
{
    struct log_snapshot *snapshot = CONTAINER_OF(head, struct log_snapshot, head);
    for (size_t i = 0; i < snapshot->n_runs - (snapshot->tail_rows != 0); i++) {
        batch_unref(snapshot->runs[i].batch);
        spilled_unref(snapshot->runs[i].spilled);
    }
    for (uint32_t i = 0; i < snapshot->schema->n_columns; i++) {
        if (snapshot->cols) column_deinit(&snapshot->cols[i]);
        if (snapshot->loaded) column_deinit(&snapshot->loaded[i]);
    }
    mem_free(snapshot->loaded);
    strbuf_deinit(&snapshot->bytes);
    batch_unref(snapshot->tail);
    schema_unref(snapshot->schema);
    mem_free(snapshot->runs);
    mem_free(snapshot->cols);
    mem_free(snapshot->vecs);
    mem_free(snapshot);
}

static const struct state_class log_class;

static laminar_status freeze_tail(const struct state_log *log, struct log_snapshot *snapshot,
                                  struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    size_t n = tail_rows(log);
    snapshot->cols = mem_calloc(log->schema->n_columns, sizeof *snapshot->cols);
    snapshot->vecs = mem_calloc(log->schema->n_columns, sizeof *snapshot->vecs);
    if (!snapshot->cols || !snapshot->vecs) TRY(error_oom(err));
    for (uint32_t i = 0; i < log->schema->n_columns; i++) {
        TRY(column_init(&snapshot->cols[i], log->schema->columns[i].type, err));
        TRY(column_append(&snapshot->cols[i], &log->tail->cols[i].vec, 0, n, STRINGS_BORROW, err));
        snapshot->vecs[i] = snapshot->cols[i].vec;
    }
    snapshot->tail = batch_ref(&log->tail->batch);
    snapshot->tail_copy = (struct batch){
        .n_cols = log->schema->n_columns, .n_rows = n, .cols = snapshot->vecs};
    snapshot->runs[snapshot->n_runs++] = (struct log_run){.batch = &snapshot->tail_copy,
                                                          .n_rows = n,
                                                          .first_row = log->tail_first,
                                                          .last_time_us = log->tail->last_time_us};
    snapshot->tail_rows = n;
done:
    return status;
}

static laminar_status log_freeze(struct state *state, struct state_snapshot **out,
                                 struct laminar_error *err)
{
    struct state_log *log = log_of(state);
    laminar_status status = LAMINAR_OK;
    struct log_snapshot *snapshot = mem_calloc(1, sizeof *snapshot);
    if (!snapshot) return error_oom(err);
    snapshot->head.cls = &log_class;
    snapshot->schema = schema_ref(log->schema);
    snapshot->first_row = log->first_row;
    snapshot->end_row = log->tail_first + tail_rows(log);
    snapshot->runs = mem_alloc((log->n_runs + 1) * sizeof *snapshot->runs);
    if (!snapshot->runs) TRY(error_oom(err));
    for (size_t i = 0; i < log->n_runs; i++) {
        struct log_run *run = &snapshot->runs[i];
        *run = *run_at(log, i);
        batch_ref(run->batch);
        if (run->spilled) atomic_fetch_add_explicit(&run->spilled->refs, 1, memory_order_relaxed);
        snapshot->n_runs++;
    }
    if (tail_rows(log)) TRY(freeze_tail(log, snapshot, err));
    *out = &snapshot->head;
    return LAMINAR_OK;
done:
    log_release(&snapshot->head);
    return status;
}

size_t state_log_snapshot_n_rows(const struct state_snapshot *head)
{
    const struct log_snapshot *snapshot = CONTAINER_OF(head, struct log_snapshot, head);
    return (size_t)(snapshot->end_row - snapshot->first_row);
}

uint64_t state_log_snapshot_first_row(const struct state_snapshot *head)
{
    return CONTAINER_OF(head, struct log_snapshot, head)->first_row;
}

/* --- Spilled runs ------------------------------------------------------------------------------------------------------------------------ */

static laminar_status read_spilled(struct log_snapshot *snapshot, const struct log_spilled *spilled,
                                   size_t piece, struct laminar_error *err)
{
    size_t size = spilled->pieces[piece].size;
    strbuf_clear(&snapshot->bytes);
    if (!strbuf_reserve(&snapshot->bytes, size)) return error_oom(err);
    snapshot->bytes.size = size;
    return spill_read(spilled->spill, &spilled->pieces[piece], snapshot->bytes.data, err);
}

/* Piece number `piece` of a spilled run, as columns in snapshot->loaded. */
static laminar_status load_piece(struct log_snapshot *snapshot, const struct log_spilled *spilled,
                                 size_t piece, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    uint32_t n_cols = snapshot->schema->n_columns;
    if (snapshot->loaded_from == spilled && snapshot->loaded_piece == piece) return LAMINAR_OK;
    snapshot->loaded_from = NULL;
    if (!snapshot->loaded) {
        snapshot->loaded = mem_calloc(n_cols + 1, sizeof *snapshot->loaded);
        if (!snapshot->loaded) return error_oom(err);
        for (uint32_t i = 0; i < n_cols; i++)
            TRY(column_init(&snapshot->loaded[i], snapshot->schema->columns[i].type, err));
    }
    TRY(read_spilled(snapshot, spilled, piece, err));
    const uint8_t *data = (const uint8_t *)snapshot->bytes.data;
    uint64_t n_rows;
    size_t at = PIECE_ROWS_HEAD_BYTES;
    memcpy(&n_rows, data, 8);
    for (uint32_t i = 0; i < n_cols; i++) {
        size_t used = 0;
        column_clear(&snapshot->loaded[i]);
        TRY(column_decode(&snapshot->loaded[i], (size_t)n_rows, data + at,
                          snapshot->bytes.size - at, &used, err));
        at += used;
    }
    snapshot->loaded_from = spilled;
    snapshot->loaded_piece = piece;
done:
    return status;
}

laminar_status state_log_snapshot_next(struct state_snapshot *head, uint64_t *cursor,
                                       struct vector *cols, struct column *scratch,
                                       struct chunk *out, struct laminar_error *err)
{
    struct log_snapshot *snapshot = CONTAINER_OF(head, struct log_snapshot, head);
    uint64_t row = snapshot->first_row + *cursor; /* rows read so far */
    *out = (struct chunk){.n_cols = snapshot->schema->n_columns, .cols = cols};
    if (row >= snapshot->end_row) return LAMINAR_OK;
    size_t low = 0, high = snapshot->n_runs;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (snapshot->runs[middle].first_row <= row)
            low = middle;
        else
            high = middle;
    }
    const struct log_run *run = &snapshot->runs[low];
    size_t offset = (size_t)(row - run->first_row), n = CHUNK_ROWS - offset % CHUNK_ROWS;
    if (n > run->n_rows - offset) n = run->n_rows - offset;
    if (run->spilled) {
        laminar_status status = load_piece(snapshot, run->spilled, offset / CHUNK_ROWS, err);
        if (status != LAMINAR_OK) return status;
    } else {
        batch_need_all(run->batch);
    }
    for (uint32_t i = 0; i < out->n_cols; i++) {
        const struct vector *from = run->spilled ? &snapshot->loaded[i].vec : &run->batch->cols[i];
        size_t first = run->spilled ? offset % CHUNK_ROWS : offset;
        if (offset % CHUNK_ROWS == 0) {
            cols[i] = vector_slice(from, first);
            continue;
        }
        column_clear(&scratch[i]);
        laminar_status status = column_append(&scratch[i], from, first, n, STRINGS_BORROW, err);
        if (status != LAMINAR_OK) return status;
        cols[i] = scratch[i].vec;
    }
    out->n_rows = (uint32_t)n;
    *cursor += n;
    return LAMINAR_OK;
}

/* --- Writing and restoring --------------------------------------------------------------------------------------------------------------- */

static void put_bytes(struct strbuf *out, const void *data, size_t size)
{
    strbuf_append(out, data, size);
}

/* Rows [from, from + n) of a run in memory, instead of what buf held. */
static laminar_status encode_piece(const struct log_run *run, size_t from, size_t n,
                                   struct strbuf *buf, struct laminar_error *err)
{
    uint64_t head[2] = {n, run->first_row + from};
    laminar_status status = LAMINAR_OK;
    strbuf_clear(buf);
    put_bytes(buf, head, 16);
    put_bytes(buf, &run->last_time_us, 8);
    batch_need_all(run->batch);
    for (uint32_t i = 0; i < run->batch->n_cols; i++)
        TRY(column_encode(&run->batch->cols[i], from, n, buf, err));
    if (buf->failed) TRY(error_oom(err));
done:
    return status;
}

static laminar_status write_piece(struct log_snapshot *snapshot, const struct log_run *run,
                                  size_t from, size_t n, struct strbuf *buf,
                                  struct state_sink *sink, struct laminar_error *err)
{
    uint64_t first_row = run->first_row + from;
    bool is_tail = run->batch == &snapshot->tail_copy;
    uint64_t version = is_tail ? n : CHUNK_ROWS + 1;
    if (state_sink_has(sink, PIECE_ROWS, first_row, version)) return LAMINAR_OK;
    laminar_status status;
    if (run->spilled) {
        status = read_spilled(snapshot, run->spilled, from / CHUNK_ROWS, err);
        snapshot->loaded_from = NULL;
        buf = &snapshot->bytes;
    } else {
        status = encode_piece(run, from, n, buf, err);
    }
    if (status != LAMINAR_OK) return status;
    return sink->write(sink, PIECE_ROWS, first_row, version, buf->data, buf->size, err);
}

static laminar_status log_write(struct state_snapshot *head, struct state_sink *sink,
                                struct laminar_error *err)
{
    struct log_snapshot *snapshot = CONTAINER_OF(head, struct log_snapshot, head);
    struct strbuf buf = {0};
    laminar_status status = LAMINAR_OK;
    uint64_t words[4] = {LOG_FORMAT, snapshot->schema->n_columns, snapshot->first_row,
                         snapshot->end_row};
    put_bytes(&buf, words, sizeof words);
    for (uint32_t i = 0; i < snapshot->schema->n_columns; i++) {
        struct data_type type = snapshot->schema->columns[i].type;
        uint8_t bytes[4] = {type.id, type.unit, type.precision, (uint8_t)type.scale};
        put_bytes(&buf, bytes, 4);
    }
    if (buf.failed) TRY(error_oom(err));
    TRY(sink->write(sink, PIECE_HEAD, 0, snapshot->end_row, buf.data, buf.size, err));
    for (size_t i = 0; i < snapshot->n_runs; i++) {
        const struct log_run *run = &snapshot->runs[i];
        for (size_t from = 0; from < run->n_rows; from += CHUNK_ROWS) {
            size_t n = run->n_rows - from < CHUNK_ROWS ? run->n_rows - from : CHUNK_ROWS;
            if (run->first_row + from + n > snapshot->first_row)
                TRY(write_piece(snapshot, run, from, n, &buf, sink, err));
        }
    }
done:
    strbuf_deinit(&buf);
    return status;
}

static laminar_status spill_run(struct state_log *log, struct log_run *run, struct spill *spill,
                                struct strbuf *buf, struct laminar_error *err)
{
    size_t n_pieces = (run->n_rows + CHUNK_ROWS - 1) / CHUNK_ROWS,
           bytes = sizeof(struct log_spilled) + n_pieces * sizeof(struct spill_piece);
    struct log_spilled *spilled = mem_alloc(bytes);
    laminar_status status = LAMINAR_OK;
    if (!spilled) return error_oom(err);
    atomic_init(&spilled->refs, 1);
    spilled->spill = spill_ref(spill);
    spilled->n_pieces = 0;
    for (size_t from = 0; from < run->n_rows; from += CHUNK_ROWS) {
        size_t n = run->n_rows - from < CHUNK_ROWS ? run->n_rows - from : CHUNK_ROWS;
        TRY(encode_piece(run, from, n, buf, err));
        TRY(spill_write(spill, buf->data, buf->size, &spilled->pieces[spilled->n_pieces], err));
        spilled->n_pieces++;
    }
    drop_batch(log, run);
    run->spilled = spilled;
    spilled = NULL;
    account(log, (int64_t)bytes - (int64_t)run->bytes);
    run->bytes = bytes;
done:
    spilled_unref(spilled);
    return status;
}

laminar_status state_log_spill(struct state_log *log, struct spill *spill, size_t bytes_max,
                               struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct strbuf buf = {0};
    size_t freed = 0;
    /* such a log is bounded, by the memory it takes */
    if (log->retention.kind == RETAIN_BYTES) return LAMINAR_OK;
    tail_free(log->spare);
    log->spare = NULL;
    for (size_t i = 0; i < log->n_runs && freed < bytes_max; i++) {
        struct log_run *run = run_at(log, i);
        if (run->spilled) continue;
        size_t before = run->bytes;
        TRY(spill_run(log, run, spill, &buf, err));
        freed += before - (before < run->bytes ? before : run->bytes);
        tail_free(log->spare);
        log->spare = NULL;
    }
done:
    strbuf_deinit(&buf);
    return status;
}

static laminar_status corrupt(const char *what, struct laminar_error *err)
{
    return error_set(err, LAMINAR_CHECKPOINT_FAILED, "kept rows can't be restored: %s", what);
}

static laminar_status read_piece(struct state_log *log, const uint8_t *data, size_t size,
                                 struct laminar_error *err)
{
    uint64_t words[2];
    int64_t time_us;
    laminar_status status = LAMINAR_OK;
    if (size < PIECE_ROWS_HEAD_BYTES) return corrupt("a piece is too short", err);
    memcpy(words, data, 16);
    memcpy(&time_us, data + 16, 8);
    if (words[0] == 0 || words[0] > CHUNK_ROWS)
        return corrupt("a piece has an impossible number of rows", err);
    if (log->n_runs == 0 && log->tail_first == 0) log->tail_first = words[1];
    if (words[1] != log->tail_first) return corrupt("rows are missing", err);
    TRY(open_tail(log, err));
    size_t at = PIECE_ROWS_HEAD_BYTES;
    for (uint32_t i = 0; i < log->tail->n_cols; i++) {
        size_t used = 0;
        TRY(column_decode(&log->tail->cols[i], (size_t)words[0], data + at, size - at, &used, err));
        at += used;
    }
    if (at != size) TRY(corrupt("a piece is too long", err));
    log->tail->batch.n_rows = (size_t)words[0];
    log->tail->last_time_us = log->tail->batch.time_us = time_us;
    TRY(close_tail(log, err));
done:
    return status;
}

static void log_clear(struct state *state)
{
    struct state_log *log = log_of(state);
    while (log->n_runs) drop_first_run(log);
    if (log->tail) {
        account(log, -(int64_t)log->tail->bytes);
        batch_unref(&log->tail->batch);
        log->tail = NULL;
    }
    tail_free(log->spare);
    log->spare = NULL;
    log->first_row = log->tail_first = 0;
    log->state.n_rows = 0;
}

static laminar_status log_restore(struct state *state, struct state_source *source,
                                  struct laminar_error *err)
{
    struct state_log *log = log_of(state);
    uint32_t kind;
    uint64_t page, words[4] = {0};
    const void *data;
    size_t size;
    laminar_status status;
    ENSURE(log->n_runs == 0 && tail_rows(log) == 0, err);
    TRY(source->read(source, &kind, &page, &data, &size, err));
    if (kind != PIECE_HEAD || size != LOG_HEAD_BYTES + (size_t)log->schema->n_columns * 4)
        TRY(corrupt("the head is missing or has another size", err));
    memcpy(words, data, sizeof words);
    if (words[0] != LOG_FORMAT || words[1] != log->schema->n_columns || words[2] > words[3])
        TRY(corrupt("the head is malformed", err));
    for (uint32_t i = 0; i < log->schema->n_columns; i++) {
        struct data_type type = log->schema->columns[i].type;
        uint8_t bytes[4] = {type.id, type.unit, type.precision, (uint8_t)type.scale};
        if (memcmp((const uint8_t *)data + LOG_HEAD_BYTES + (size_t)i * 4, bytes, 4) != 0)
            TRY(corrupt("a column has another type", err));
    }
    for (;;) {
        TRY(source->read(source, &kind, &page, &data, &size, err));
        if (size == 0) break;
        if (kind != PIECE_ROWS) TRY(corrupt("a piece of an unknown kind", err));
        TRY(read_piece(log, data, size, err));
    }
    if (log->n_runs == 0) log->tail_first = words[3];
    uint64_t oldest = log->n_runs ? run_at(log, 0)->first_row : words[3];
    if (log->tail_first != words[3] || oldest > words[2]) TRY(corrupt("rows are missing", err));
    log->first_row = words[2];
    log->state.n_rows = (size_t)(words[3] - words[2]);
    return LAMINAR_OK;
done:
    log_clear(state);
    return status;
}

static bool log_check(const struct state *state)
{
    const struct state_log *log = log_of(state);
    uint64_t next = log->n_runs ? run_at(log, 0)->first_row : log->tail_first;
    if (log->first_row < next || log->first_row > log->tail_first + tail_rows(log)) return false;
    for (size_t i = 0; i < log->n_runs; i++) {
        if (run_at(log, i)->first_row != next) return false;
        next += run_at(log, i)->n_rows;
    }
    if (next != log->tail_first || tail_rows(log) >= CHUNK_ROWS) return false;
    for (uint32_t i = 0; log->tail && i < log->tail->n_cols; i++)
        if (log->tail->cols[i].n != tail_rows(log)) return false;
    return state->n_rows == log->tail_first + tail_rows(log) - log->first_row;
}

static void log_free(struct state *state)
{
    struct state_log *log = log_of(state);
    log_clear(state);
    schema_unref(log->schema);
    mem_free(log->runs);
    mem_free(log);
}

static const struct state_class log_class = {.name = "log",
                                             .freeze = log_freeze,
                                             .write = log_write,
                                             .release = log_release,
                                             .restore = log_restore,
                                             .clear = log_clear,
                                             .free = log_free,
                                             .check = log_check};

laminar_status state_log_create(const char *name, struct schema *schema, struct retention retention,
                                struct mem_account *mem_account, struct state_log **out,
                                struct laminar_error *err)
{
    struct state_log *log = mem_calloc(1, sizeof *log);
    if (!log) return error_oom(err);
    log->state = (struct state){.cls = &log_class, .name = name, .account = mem_account};
    log->schema = schema_ref(schema);
    log->retention = retention;
    *out = log;
    return LAMINAR_OK;
}

struct state *state_log_base(struct state_log *log) { return &log->state; }
