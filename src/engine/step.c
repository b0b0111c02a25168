/* step.c - ingestion: from an accepted batch to a finished step.
 *
 * A writer that finds the circuit free takes the step lock and runs its own batch: no thread hand-over, so a row reaches the subscribers'
 * queues before insert returns. If another thread is in a step, the batch goes to the queue and the holder of the lock takes it: before it
 * lets go, or (the check after unlocking) right after. Batches that wait together become one step.
 *
 * Invariant: whenever no thread is inside this file, the queue is empty. Queries lock the step and drain the queue first, so what
 * insert has accepted is seen by every later statement. Nobody drains more than was queued when he began while a statement waits: writers
 * that are quicker than the steps would keep it waiting for ever. */
#include "base/error.h"
#include "engine/durable.h"
#include "engine/engine.h"
#include "vector/text.h"
#include <string.h>

/* --- Event time ------------------------------------------------------------------------------------------------------------ */

/* Greatest event time of the column in microseconds, or WATERMARK_NONE if all are null. Times beyond the range of microseconds saturate. */
static int64_t scaled_us(int64_t value, int64_t multiply, int64_t divide)
{
    int64_t us;
    if (__builtin_mul_overflow(value, multiply, &us))
        return value > 0 ? INT64_MAX - 1 : INT64_MIN + 1;
    if (divide == 1) return us;
    int64_t quotient = us / divide;
    return us % divide < 0 ? quotient - 1 : quotient;
}

static int64_t to_us(struct data_type type, int64_t value)
{
    switch (type.id) {
    case LAMINAR_TYPE_DATE: return scaled_us(value, 86400000000LL, 1);
    case LAMINAR_TYPE_TIMESTAMP:
    case LAMINAR_TYPE_TIMESTAMPTZ:
        switch ((enum time_unit)type.unit) {
        case UNIT_SECOND: return scaled_us(value, 1000000, 1);
        case UNIT_MILLI: return scaled_us(value, 1000, 1);
        case UNIT_MICRO: return value;
        case UNIT_NANO: return scaled_us(value, 1, 1000);
        }
        return value;
    default: return scaled_us(value, 1000, 1); /* BIGINT and other integers: milliseconds */
    }
}

static int64_t read_integer(const struct vector *v, size_t row)
{
    size_t i = v->shape == VEC_CONST ? 0 : row;
    switch (type_phys(v->type)) {
    case PHYS_I32: return ((const int32_t *)v->data)[i];
    case PHYS_U32: return ((const uint32_t *)v->data)[i];
    case PHYS_I16: return ((const int16_t *)v->data)[i];
    case PHYS_U64:
        return ((const uint64_t *)v->data)[i] > INT64_MAX ? INT64_MAX
                                                          : (int64_t)((const uint64_t *)v->data)[i];
    default: return ((const int64_t *)v->data)[i];
    }
}

MULTI_TARGET static int64_t max_of(const int64_t *values, size_t n)
{
    int64_t max = INT64_MIN;
    for (size_t i = 0; i < n; i++) max = values[i] > max ? values[i] : max;
    return max;
}

static int64_t max_time_us(const struct vector *v, size_t n)
{
    int64_t max = INT64_MIN;
    bool found = false;
    if (v->shape == VEC_FLAT && !v->validity && type_phys(v->type) == PHYS_I64) {
        max = max_of(v->data, n);
        found = n > 0;
    } else {
        for (size_t i = 0; i < n; i++) {
            if (!vector_is_valid(v, i)) continue;
            int64_t value = read_integer(v, i);
            max = value > max ? value : max;
            found = true;
        }
    }
    return found ? to_us(v->type, max) : WATERMARK_NONE;
}

/* --- One pending batch into the circuit --------------------------------------------------------------------------------------- */

static laminar_status push_to_consumers(struct relation_runtime *runtime, struct step *step,
                                        const struct chunk *chunk)
{
    for (size_t i = 0; i < runtime->consumers.n; i++) {
        laminar_status status = circuit_push(runtime->db->circuit, step,
                                             runtime->consumers.items[i], chunk);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

struct delta_ctx {
    struct relation_runtime *runtime;
    struct step *step;
};

/* A delta of a keyed or bag relation, out of its store: to the streams that read it and, as a batch, to its subscribers. */
static laminar_status on_delta(void *ctx, const struct chunk *delta)
{
    struct delta_ctx *c = ctx;
    if (c->runtime->subs.n > 0 || c->runtime->history) {
        laminar_status status = batch_builder_append(c->runtime->builder, delta, c->step->err);
        if (status != LAMINAR_OK) return status;
    }
    return push_to_consumers(c->runtime, c->step, delta);
}

static laminar_status apply_log(struct relation_runtime *runtime, struct step *step,
                                struct batch *batch)
{
    laminar_status status = LAMINAR_OK;
    if (runtime->store) TRY(store_append(runtime->store, batch, step->err));
    if (runtime->consumers.n > 0) {
        for (size_t i = 0; i < runtime->consumers.n; i++)
            op_scan_need(runtime->consumers.items[i], batch);
        for (size_t at = 0; at < batch->n_rows; at += CHUNK_ROWS) {
            struct chunk chunk = batch_chunk_needed(batch, at, runtime->slice);
            TRY(push_to_consumers(runtime, step, &chunk));
        }
    }
    TRY(runtime_deliver(runtime, batch, step->err));
done:
    return status;
}

static laminar_status apply_keyed(struct relation_runtime *runtime, struct step *step,
                                  const struct batch *batch, bool is_delete)
{
    laminar_status status = LAMINAR_OK;
    struct delta_ctx ctx = {runtime, step};
    for (size_t at = 0; at < batch->n_rows; at += CHUNK_ROWS) {
        struct chunk chunk = batch_chunk(batch, at, runtime->slice);
        if (runtime->store_kind == STORE_KEYED && !is_delete) {
            TRY(store_upsert(runtime->store, &chunk, on_delta, &ctx, step->err));
            continue;
        }
        if (is_delete) {
            for (size_t i = 0; i < chunk.n_rows; i++)
                runtime->weights[i] = chunk.weights ? -chunk.weights[i] : -1;
            chunk.weights = runtime->weights;
        }
        TRY(store_apply(runtime->store, &chunk, step->err));
        TRY(on_delta(&ctx, &chunk));
    }
    if (batch_builder_n_rows(runtime->builder) > 0) {
        struct batch *delta = NULL;
        TRY(batch_builder_finish(runtime->builder, &delta, step->err));
        delta->step = step->number;
        delta->time_us = step->time_us;
        status = compact_batch(&runtime->compactor, runtime->builder, &delta, step->err);
        if (status == LAMINAR_OK && delta) status = runtime_deliver(runtime, delta, step->err);
        batch_unref(delta);
    }
done:
    return status;
}

static laminar_status apply_pending(struct database *db, struct step *step, struct pending *p)
{
    laminar_status status = LAMINAR_OK;
    struct relation_runtime *runtime = p->relation->runtime;
    if (!runtime) return LAMINAR_OK; /* dropped since */
    int64_t watermark = p->watermark_us;
    if (p->batch) {
        struct batch *batch = p->batch;
        batch->step = step->number;
        batch->time_us = step->time_us;
        atomic_fetch_add_explicit(&runtime->total_rows, batch->n_rows, memory_order_relaxed);
        atomic_fetch_add_explicit(&db->events_ingested, batch->n_rows, memory_order_relaxed);
        if (runtime->store_kind == STORE_LOG)
            TRY(apply_log(runtime, step, batch));
        else
            TRY(apply_keyed(runtime, step, batch, p->is_delete));
        if (p->has_position) runtime->position = p->position;
        int32_t time_col = p->relation->time_col;
        if (time_col >= 0 && !p->is_delete) {
            int64_t max = max_time_us(&batch->cols[time_col], batch->n_rows);
            int64_t delayed;
            if (max != WATERMARK_NONE &&
                !__builtin_sub_overflow(max, p->relation->watermark_delay_us, &delayed) &&
                delayed > watermark)
                watermark = delayed;
        }
    }
    if (watermark > atomic_load_explicit(&runtime->watermark_us, memory_order_relaxed)) {
        atomic_store_explicit(&runtime->watermark_us, watermark, memory_order_relaxed);
        /* After the rows: what comes in one batch is not late against itself. */
        for (size_t i = 0; i < runtime->consumers.n; i++)
            circuit_set_watermark(db->circuit, runtime->consumers.items[i], watermark);
    }
done:
    return status;
}

/* --- Steps ------------------------------------------------------------------------------------------------------------------------- */

struct step engine_new_step(struct database *db, struct laminar_error *err)
{
    return (struct step){
        .number = ++db->step_number,
        .time_us = engine_step_time(db),
        .error_mode = (enum row_error_mode)db->settings.number[SETTING_ID_on_error],
        .zone = db->settings.text[SETTING_ID_time_zone],
        .bad_rows = dead_letters_taker(db->dead_letters),
        .err = err};
}

/* One step over a list of pending batches. A failure here (memory) is kept in db->step_error; failures of operators are reported to their
 * streams. */
static laminar_status run_one_step(struct database *db, struct step *step, struct pending *list)
{
    laminar_status result = LAMINAR_OK;
    db->holds_deliveries = list && list->next;
    for (struct pending *p = list; p; p = p->next) {
        laminar_status status = apply_pending(db, step, p);
        if (status != LAMINAR_OK && result == LAMINAR_OK) result = status;
    }
    if (unlikely(db->holds_deliveries)) {
        runtime_deliver_held(db);
        db->holds_deliveries = false;
    }
    circuit_finish_step(db->circuit, step);
    timer_update(db);
    atomic_fetch_add_explicit(&db->steps, 1, memory_order_relaxed);
    return result;
}

/* Steps that follow from the one before, at its time: the log needs to know nothing of them. */
static laminar_status run_late(struct database *db, int64_t time_us, struct laminar_error *err)
{
    laminar_status result = LAMINAR_OK;
    while (unlikely(db->late.n > 0)) {
        struct pending late;
        laminar_status status = late_data_next(db, &late, err);
        struct step step = engine_new_step(db, err);
        step.time_us = time_us;
        if (status == LAMINAR_OK) status = run_one_step(db, &step, &late);
        batch_unref(late.batch);
        if (result == LAMINAR_OK) result = status;
    }
    return result;
}

laminar_status engine_run_late(struct database *db, struct laminar_error *err)
{
    return run_late(db, engine_step_time(db), err);
}

static laminar_status apply_step(struct database *db, struct step *step, struct pending *list)
{
    laminar_status status = run_one_step(db, step, list);
    laminar_status late = run_late(db, step->time_us, status == LAMINAR_OK ? step->err : NULL);
    return status == LAMINAR_OK ? late : status;
}

/* What can't be logged isn't run. */
static laminar_status log_and_apply(struct database *db, struct step *step, struct pending *list)
{
    if (db->durable) {
        laminar_status status = durable_log_step(db, step, list, step->err);
        if (status != LAMINAR_OK) {
            db->step_number--;
            return status;
        }
    }
    return apply_step(db, step, list);
}

static laminar_status run_step(struct database *db, struct pending *list, struct laminar_error *err)
{
    struct step step = engine_new_step(db, err);
    return log_and_apply(db, &step, list);
}

laminar_status engine_replay_step(struct database *db, struct pending *list, bool is_flush,
                                  bool gives_all, struct laminar_error *err)
{
    struct step step = engine_new_step(db, err);
    step.is_flush = is_flush;
    step.gives_all = gives_all;
    return apply_step(db, &step, list);
}

laminar_status engine_flush_step(struct database *db, enum flush_kind kind,
                                 struct laminar_error *err)
{
    if (engine_next_wake(db) == 0 || (db->durable && !durable_is_open(db))) return LAMINAR_OK;
    struct step step = engine_new_step(db, err);
    step.is_flush = true;
    step.gives_all = kind == FLUSH_ALL;
    return log_and_apply(db, &step, NULL);
}

/* A step without input, when time alone makes one due. */
static void run_due(struct database *db)
{
    int64_t next = engine_next_wake(db);
    if (next == 0 || next > engine_clock_us(db)) return;
    if (db->replay_time_us || db->is_restoring) return; /* the log knows when it ran */
    laminar_status status = run_step(db, NULL, &db->step_error);
    (void)status;
}

static struct pending *take_queue(struct database *db)
{
    mutex_lock(&db->queue);
    struct pending *list = db->queue_head;
    uint64_t rows = 0;
    struct pending *last = NULL;
    uint64_t limit = (uint64_t)db->settings.number[SETTING_ID_coalesce_rows];
    for (struct pending *p = list; p; last = p, p = p->next) {
        uint64_t n = p->batch ? p->batch->n_rows : 0;
        if (last && rows + n > limit && !p->is_continued) break;
        rows += n;
    }
    if (last) {
        db->queue_head = last->next;
        if (!db->queue_head) db->queue_tail = NULL;
        last->next = NULL;
        uint64_t n_taken = 0;
        for (const struct pending *p = list; p; p = p->next) n_taken++;
        atomic_fetch_add_explicit(&db->n_taken, n_taken, memory_order_relaxed);
        atomic_fetch_sub_explicit(&db->queue_rows, rows, memory_order_relaxed);
        cond_broadcast(&db->queue_room);
    }
    atomic_store_explicit(&db->has_pending, db->queue_head != NULL, memory_order_seq_cst);
    mutex_unlock(&db->queue);
    return list;
}

static void recycle(struct database *db, struct pending *list)
{
    while (list) {
        struct pending *p = list;
        list = p->next;
        batch_unref(p->batch);
        relation_unref(p->relation);
        mutex_lock(&db->queue);
        bool keep = db->n_free_pending < PENDING_POOL_MAX;
        if (keep) {
            p->next = db->free_pending;
            db->free_pending = p;
            db->n_free_pending++;
        }
        mutex_unlock(&db->queue);
        if (!keep) mem_free(p);
    }
}

/* Writers that wait for their step: they must not return before it is on the disk. */
static void answer_waiters(struct database *db, struct pending *list, laminar_status status)
{
    mutex_lock(&db->queue);
    for (struct pending *p = list; p; p = p->next) {
        struct commit_waiter *waiter = p->waiter;
        if (!waiter || p->is_continued) continue;
        waiter->status = status;
        if (status != LAMINAR_OK && waiter->err) *waiter->err = db->step_error;
        waiter->is_done = true;
        cond_signal(&waiter->changed);
    }
    mutex_unlock(&db->queue);
}

/* Runs what is queued now. The caller holds step. */
static void drain_queue(struct database *db)
{
    uint64_t end = atomic_load_explicit(&db->n_queued, memory_order_seq_cst);
    while (atomic_load_explicit(&db->has_pending, memory_order_seq_cst) &&
           atomic_load_explicit(&db->n_taken, memory_order_relaxed) < end) {
        struct pending *list = take_queue(db);
        if (!list) return;
        laminar_status status = run_step(db, list, &db->step_error);
        /* writers that don't wait have gone: what failed is reported by the streams that stopped */
        if (db->durable) answer_waiters(db, list, status);
        recycle(db, list);
    }
}

static bool holds_statement(const struct database *db)
{
    uint64_t holder = atomic_load_explicit(&db->step_holder, memory_order_relaxed);
    return unlikely(holder != 0) && holder == thread_self_id();
}

static bool holds_control(const struct database *db)
{
    uint64_t holder = atomic_load_explicit(&db->control_holder, memory_order_relaxed);
    return unlikely(holder != 0) && holder == thread_self_id();
}

void engine_lock_control(struct database *db)
{
    if (!holds_control(db)) mutex_lock(&db->control);
}

void engine_unlock_control(struct database *db)
{
    if (!holds_control(db)) mutex_unlock(&db->control);
}

void engine_hold_control(struct database *db)
{
    mutex_lock(&db->control);
    atomic_store_explicit(&db->control_holder, thread_self_id(), memory_order_relaxed);
}

void engine_release_control(struct database *db)
{
    atomic_store_explicit(&db->control_holder, 0, memory_order_relaxed);
    mutex_unlock(&db->control);
}

void engine_lock_step(struct database *db)
{
    if (holds_statement(db)) return;
    atomic_fetch_add_explicit(&db->n_step_waiters, 1, memory_order_seq_cst);
    mutex_lock(&db->step);
    atomic_fetch_sub_explicit(&db->n_step_waiters, 1, memory_order_seq_cst);
    drain_queue(db);
    run_due(db);
}

void engine_lock_statement(struct database *db)
{
    engine_lock_step(db);
    atomic_store_explicit(&db->step_holder, thread_self_id(), memory_order_relaxed);
}

void engine_unlock_statement(struct database *db)
{
    atomic_store_explicit(&db->step_holder, 0, memory_order_relaxed);
    engine_unlock_step(db);
}

/* The oldest waiter goes on with what has been queued, so that nobody runs the steps of others for ever. */
static void pass_lead(struct database *db)
{
    mutex_lock(&db->queue);
    struct commit_waiter *waiter = db->queue_head ? db->queue_head->waiter : NULL;
    if (waiter) {
        waiter->is_leader = true;
        cond_signal(&waiter->changed);
    }
    mutex_unlock(&db->queue);
}

/* Runs what came in until the queue is empty, or somebody else has step or waits for it: he goes on. The caller does not hold step. */
static void run_rest(struct database *db)
{
    /* A writer whose try_lock failed before the unlock left its batch to us. (seq_cst: its store of has_pending, then its failed
     * try_lock; our unlock, then this load.) */
    while (atomic_load_explicit(&db->has_pending, memory_order_seq_cst) &&
           atomic_load_explicit(&db->n_step_waiters, memory_order_seq_cst) == 0 &&
           mutex_try_lock(&db->step)) {
        drain_queue(db);
        mutex_unlock(&db->step);
    }
}

void engine_unlock_step(struct database *db)
{
    if (holds_statement(db)) return;
    mutex_unlock(&db->step);
    if (db->durable && durable_waits(db)) {
        if (atomic_load_explicit(&db->has_pending, memory_order_seq_cst)) pass_lead(db);
        return;
    }
    run_rest(db);
}

/* Room in the queue for n rows; waits while the step owner drains it. The caller holds queue. */
static laminar_status wait_queue_room(struct database *db, uint64_t n, struct laminar_error *err)
{
    uint64_t limit = (uint64_t)db->settings.number[SETTING_ID_buffer_size];
    int64_t deadline = 0;
    while (db->queue_head &&
           atomic_load_explicit(&db->queue_rows, memory_order_relaxed) + n > limit) {
        if (deadline == 0) {
            deadline = clock_deadline_us(db->settings.number[SETTING_ID_insert_timeout_ms]);
            atomic_fetch_add_explicit(&db->backpressure_waits, 1, memory_order_relaxed);
        }
        if (!cond_wait_until(&db->queue_room, &db->queue, deadline)) {
            error_set(err, LAMINAR_INGESTION_FAILED,
                      "the input buffer stayed full (%llu rows) for %lld ms",
                      (unsigned long long)limit,
                      (long long)db->settings.number[SETTING_ID_insert_timeout_ms]);
            error_hint(
                err, "try again, raise buffer_size or insert_timeout_ms, or insert larger batches");
            if (err) err->is_retriable = true;
            return LAMINAR_INGESTION_FAILED;
        }
        laminar_status status = database_check_open(db, err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

static struct pending *new_pending(struct database *db)
{
    struct pending *p = db->free_pending;
    if (!p) return mem_alloc(sizeof *p);
    db->free_pending = p->next;
    db->n_free_pending--;
    return p;
}

/* Copies the list to the end of the queue, whole or not at all. */
static laminar_status enqueue(struct database *db, const struct pending *list,
                              struct laminar_error *err)
{
    uint64_t n_rows = 0, n_list = 0;
    for (const struct pending *p = list; p; p = p->next, n_list++)
        n_rows += p->batch ? p->batch->n_rows : 0;
    mutex_lock(&db->queue);
    laminar_status status = wait_queue_room(db, n_rows, err);
    struct pending *head = NULL, **link = &head, *tail = NULL;
    for (const struct pending *p = list; p && status == LAMINAR_OK; p = p->next) {
        struct pending *copy = new_pending(db);
        if (!copy) {
            status = error_oom(err);
            break;
        }
        *copy = *p;
        copy->next = NULL;
        copy->is_continued = p != list;
        *link = tail = copy;
        link = &copy->next;
    }
    if (status != LAMINAR_OK) {
        for (struct pending *next; head; head = next) {
            next = head->next;
            mem_free(head);
        }
    } else {
        for (struct pending *p = head; p; p = p->next) {
            relation_ref(p->relation);
            batch_ref(p->batch);
        }
        if (db->queue_tail)
            db->queue_tail->next = head;
        else
            db->queue_head = head;
        db->queue_tail = tail;
        atomic_fetch_add_explicit(&db->n_queued, n_list, memory_order_seq_cst);
        atomic_fetch_add_explicit(&db->queue_rows, n_rows, memory_order_relaxed);
        atomic_store_explicit(&db->has_pending, true, memory_order_seq_cst);
    }
    mutex_unlock(&db->queue);
    return status;
}

/* Group commit: while one writer's step is on its way to the disk, the others' batches gather in the queue; the first of these writers then takes them
 * all as one step. */
static laminar_status wait_for_step(struct database *db, struct pending *list,
                                    struct laminar_error *err)
{
    struct commit_waiter waiter = {.err = err};
    cond_init(&waiter.changed);
    for (struct pending *p = list; p; p = p->next) p->waiter = &waiter;
    laminar_status status = enqueue(db, list, err);
    if (status != LAMINAR_OK) goto done;
    if (mutex_try_lock(&db->step)) {
        drain_queue(db);
        engine_unlock_step(db);
    }
    mutex_lock(&db->queue);
    while (!waiter.is_done) {
        if (!waiter.is_leader) {
            cond_wait_until(&waiter.changed, &db->queue, CLOCK_NO_DEADLINE);
            continue;
        }
        waiter.is_leader = false;
        mutex_unlock(&db->queue);
        engine_lock_step(db); /* drains */
        engine_unlock_step(db);
        mutex_lock(&db->queue);
    }
    mutex_unlock(&db->queue);
    status = waiter.status;
done:
    cond_deinit(&waiter.changed);
    return status;
}

static laminar_status submit(struct database *db, struct pending *list, struct laminar_error *err)
{
    bool waits = db->durable && durable_waits(db);
    if (db->durable) {
        laminar_status status = durable_admit(db, err);
        if (status != LAMINAR_OK) return status;
    }
    if (waits && atomic_load_explicit(&db->has_pending, memory_order_relaxed))
        return wait_for_step(db, list, err);
    if (mutex_try_lock(&db->step)) {
        drain_queue(db);
        laminar_status status;
        const struct pending *gone = list;
        while (gone && gone->relation->runtime) gone = gone->next;
        if (!gone) {
            status = run_step(db, list, err);
        } else if ((status = database_check_open(db, err)) ==
                   LAMINAR_OK) { /* close takes the relations too */
            status = error_set(err, LAMINAR_TABLE_NOT_FOUND, "'%s' was dropped",
                               gone->relation->name);
            error_object(err, gone->relation->name);
        }
        engine_unlock_step(db);
        return status;
    }
    if (waits) return wait_for_step(db, list, err);
    laminar_status status = enqueue(db, list, err);
    if (status != LAMINAR_OK) return status;
    run_rest(db);
    return LAMINAR_OK;
}

static laminar_status insert_list(struct database *db, struct pending *list,
                                  struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    bool has_rows = false; /* to take in, not only to take away */
    for (const struct pending *p = list; p; p = p->next) has_rows |= !p->is_delete;
    if (has_rows) TRY(memory_admit(db, err));
    if (unlikely(atomic_load_explicit(&db->n_full_subs, memory_order_relaxed) > 0))
        for (const struct pending *p = list; p; p = p->next)
            if (p == list || p->relation != list->relation)
                TRY(subscriptions_wait_room(db, p->relation, err));
    TRY(submit(db, list, err));
    atomic_fetch_add_explicit(&db->batches, 1, memory_order_relaxed);
    subscriptions_free_deferred(db);
done:
    return status;
}

static laminar_status insert_one(struct database *db, struct pending *mine,
                                 struct laminar_error *err)
{
    laminar_status status = database_check_open(db, err);
    mine->watermark_us = WATERMARK_NONE;
    if (status == LAMINAR_OK && mine->batch->n_rows > 0) status = insert_list(db, mine, err);
    batch_unref(mine->batch);
    return status;
}

laminar_status engine_insert(struct database *db, struct relation *relation,
                             struct batch *take_batch, bool is_delete, struct laminar_error *err)
{
    struct pending mine = {.relation = relation, .batch = take_batch, .is_delete = is_delete};
    return insert_one(db, &mine, err);
}

laminar_status engine_insert_from(struct database *db, struct relation *relation,
                                  struct batch *take_batch, uint64_t position,
                                  struct laminar_error *err)
{
    struct pending mine = {
        .relation = relation, .batch = take_batch, .has_position = true, .position = position};
    return insert_one(db, &mine, err);
}

/* Batch i belongs to relations[i], or all to `relation`. */
static laminar_status insert_all(struct database *db, struct relation *relation,
                                 struct relation *const *relations, struct batch **take_batches,
                                 size_t n, struct laminar_error *err)
{
    laminar_status status = database_check_open(db, err);
    struct pending *list = mem_calloc(n + 1, sizeof *list);
    size_t n_list = 0;
    if (!list && status == LAMINAR_OK) status = error_oom(err);
    for (size_t i = 0; i < n && status == LAMINAR_OK; i++) {
        if (take_batches[i]->n_rows == 0) continue;
        list[n_list] = (struct pending){.relation = relations ? relations[i] : relation,
                                        .batch = take_batches[i],
                                        .watermark_us = WATERMARK_NONE};
        if (n_list > 0) list[n_list - 1].next = &list[n_list];
        n_list++;
    }
    if (status == LAMINAR_OK && n_list > 0) status = insert_list(db, list, err);
    mem_free(list);
    for (size_t i = 0; i < n; i++) batch_unref(take_batches[i]);
    return status;
}

laminar_status engine_insert_batches(struct database *db, struct relation *relation,
                                     struct batch **take_batches, size_t n,
                                     struct laminar_error *err)
{
    return insert_all(db, relation, NULL, take_batches, n, err);
}

laminar_status engine_insert_many(struct database *db, struct relation *const *relations,
                                  struct batch **take_batches, size_t n, struct laminar_error *err)
{
    return insert_all(db, NULL, relations, take_batches, n, err);
}

laminar_status engine_watermark(struct database *db, struct relation *relation,
                                int64_t watermark_us, struct laminar_error *err)
{
    laminar_status status = database_check_open(db, err);
    if (status != LAMINAR_OK) return status;
    struct pending mine = {.relation = relation, .watermark_us = watermark_us};
    return submit(db, &mine, err);
}

laminar_status engine_fill(struct database *db, struct relation *relation, struct batch *batch,
                           struct laminar_error *err)
{
    struct pending rows = {.relation = relation, .batch = batch, .watermark_us = WATERMARK_NONE};
    if (batch->n_rows == 0) return LAMINAR_OK;
    engine_lock_step(db);
    struct step step = engine_new_step(db, err);
    laminar_status status = apply_step(db, &step, &rows);
    engine_unlock_step(db);
    return status;
}

laminar_status engine_apply_locked(struct database *db, struct relation *relation,
                                   struct batch *deleted, struct batch *inserted,
                                   struct laminar_error *err)
{
    struct pending insertion = {
        .relation = relation, .batch = inserted, .watermark_us = WATERMARK_NONE};
    struct pending deletion = {.next = inserted ? &insertion : NULL,
                               .relation = relation,
                               .batch = deleted,
                               .is_delete = true,
                               .watermark_us = WATERMARK_NONE};
    return run_step(db, &deletion, err);
}
