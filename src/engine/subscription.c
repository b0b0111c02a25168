/* subscription.c - a bounded queue of shared batches between a relation and one reader.
 *
 * The step owner pushes references (no row is copied); the reader shapes them: without changes, retractions are left out;
 * with changes, the column __weight shows them; a filter is run there too. So what a reader costs the step does not depend on what it asked for.
 *
 * The ring grows to the most batches that ever waited and is kept: pushing allocates nothing in a steady state.
 *
 * AS OF EPOCH n: what was delivered since is read out of a frozen history, by the reader too, before the ring. A delivery never ends within a step, so its
 * epoch says all that its reader has seen.
 *
 * Life: the user's handle and the runtime's list each hold one reference. cancel only marks and wakes; free takes it out of the runtime (under
 * the step lock).
 * @thread push, finish: step owner or registry holder; next: one reader at a time; cancel: any. */
#include "base/error.h"
#include "engine/history.h"
#include "sql/parser.h"
#include "sql/printer.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The fields that the step and the reader both write lie together, by cache lines: each one is fetched from the other's core for each batch. */
struct subscription {
    /* For readers that poll: false while nothing is queued. Set by push when it has let go of the lock, so that a reader who saw it finds the lock free;
     * cleared under the lock. May be true too long, and is never false too long. */
    _Alignas(64) _Atomic bool may_have;
    _Atomic int state; /* laminar_subscription_state; written under lock */
    /* Where the newest queued batch lies, written just before may_have: only for prefetching, the batch may be gone. */
    _Atomic(const void *) newest, newest_cols, newest_data;

    _Alignas(64) struct mutex lock;
    struct batch **ring;
    size_t ring_size; /* power of two */
    size_t head;
    size_t n;
    uint64_t n_rows; /* queued */
    uint64_t progress;
    uint64_t reader_thread; /* that last took something; 0 = none yet */
    int fd;
    bool fd_is_set;
    bool is_full; /* counted in db->n_full_subs */
    /* what came before the ring; the reader's. Written under lock */
    struct history_reader *backlog;
    _Atomic uint64_t epoch; /* all up to it has been taken */

    _Alignas(64) struct cond ready; /* something came, or the end */
    struct cond room;               /* something was taken */
    _Atomic uint32_t refs;
    struct database *db; /* referenced */
    /* referenced: what is read; for SQL text, an unnamed stream of its own */
    struct relation *relation;
    bool is_anonymous;
    laminar_overflow_policy policy;
    uint64_t capacity_rows;
    bool with_changes;
    struct schema *schema; /* of what is delivered */
    struct arena arena;    /* of the filter */
    struct program *filter;
    void (*on_ready)(void *user_data);
    void *user_data;
    struct query_entry *query;
    bool is_attached; /* in a runtime's list; guarded by step */
    struct subscription *next_deferred;
    struct laminar_error failure;
    _Atomic uint64_t dropped_rows;
};

/* --- Queue -------------------------------------------------------------------------------------------------------------------- */

/* A reader on another core follows a chain from the lock to the values, and each link costs a transfer between the cores. Told all the addresses together,
 * it fetches them side by side. */
static void announce(struct subscription *sub, const struct batch *batch)
{
    atomic_store_explicit(&sub->newest, batch, memory_order_relaxed);
    atomic_store_explicit(&sub->newest_cols, batch->cols, memory_order_relaxed);
    /* another subscriber's reader may be at it: batch_make_strings */
    const void *data = batch->n_cols ? __atomic_load_n(&batch->cols[0].data, __ATOMIC_RELAXED)
                                     : NULL;
    atomic_store_explicit(&sub->newest_data, data, memory_order_relaxed);
    atomic_store_explicit(&sub->may_have, true, memory_order_release);
}

static void prefetch_announced(const struct subscription *sub)
{
    const char *newest = atomic_load_explicit(&sub->newest, memory_order_relaxed);
    prefetch_read(&sub->lock);
    prefetch_read(newest);
    prefetch_read(newest + 64);
    prefetch_read(atomic_load_explicit(&sub->newest_cols, memory_order_relaxed));
    prefetch_read(atomic_load_explicit(&sub->newest_data, memory_order_relaxed));
}

static bool ring_put(struct subscription *sub, struct batch *batch)
{
    if (sub->n == sub->ring_size) {
        size_t size = sub->ring_size ? sub->ring_size * 2 : 16;
        struct batch **ring = mem_alloc(size * sizeof *ring);
        if (!ring) return false;
        for (size_t i = 0; i < sub->n; i++)
            ring[i] = sub->ring[(sub->head + i) & (sub->ring_size - 1)];
        mem_free(sub->ring);
        sub->ring = ring;
        sub->ring_size = size;
        sub->head = 0;
    }
    sub->ring[(sub->head + sub->n++) & (sub->ring_size - 1)] = batch;
    sub->n_rows += batch->n_rows;
    return true;
}

static struct batch *ring_take(struct subscription *sub)
{
    struct batch *batch = sub->ring[sub->head];
    sub->head = (sub->head + 1) & (sub->ring_size - 1);
    sub->n--;
    sub->n_rows -= batch->n_rows;
    return batch;
}

/* The caller holds lock. */
static void note_fullness(struct subscription *sub)
{
    bool is_full = sub->policy == LAMINAR_OVERFLOW_BLOCK && sub->n_rows >= sub->capacity_rows &&
                   sub->state == LAMINAR_SUBSCRIPTION_ACTIVE;
    if (is_full == sub->is_full) return;
    sub->is_full = is_full;
    atomic_fetch_add_explicit(&sub->db->n_full_subs, is_full ? 1 : (uint64_t)-1,
                              memory_order_relaxed);
}

static void set_fd(struct subscription *sub)
{
    if (sub->fd < 0 || sub->fd_is_set) return;
    /* whoever is woken by it finds something */
    atomic_store_explicit(&sub->may_have, true, memory_order_release);
    uint64_t one = 1;
    ssize_t n = write(sub->fd, &one, sizeof one);
    sub->fd_is_set = n == (ssize_t)sizeof one;
}

static void clear_fd(struct subscription *sub)
{
    if (sub->fd < 0 || !sub->fd_is_set) return;
    uint64_t value;
    ssize_t n = read(sub->fd, &value, sizeof value);
    (void)n;
    sub->fd_is_set = false;
}

static void drop_queued(struct subscription *sub)
{
    while (sub->n > 0) batch_unref(ring_take(sub));
}

/* Ends it. The caller holds lock; returns whether it was active. */
static bool end_locked(struct subscription *sub, laminar_subscription_state state,
                       const struct laminar_error *err)
{
    if (sub->state != LAMINAR_SUBSCRIPTION_ACTIVE) return false;
    atomic_store_explicit(&sub->state, (int)state, memory_order_release);
    if (err) sub->failure = *err;
    if (state == LAMINAR_SUBSCRIPTION_CANCELLED) drop_queued(sub);
    note_fullness(sub);
    set_fd(sub);
    cond_broadcast(&sub->ready);
    cond_broadcast(&sub->room);
    return true;
}

/* The caller holds lock; returns whether there is something now where nothing was. */
static bool push_locked(struct subscription *sub, struct batch *batch)
{
    bool turned_ready = false;
    if (sub->state == LAMINAR_SUBSCRIPTION_ACTIVE) {
        if (sub->policy == LAMINAR_OVERFLOW_DROP_OLDEST) {
            while (sub->n > 0 && sub->n_rows + batch->n_rows > sub->capacity_rows) {
                struct batch *oldest = ring_take(sub);
                atomic_fetch_add_explicit(&sub->dropped_rows, oldest->n_rows, memory_order_relaxed);
                atomic_fetch_add_explicit(&sub->db->events_dropped, oldest->n_rows,
                                          memory_order_relaxed);
                batch_unref(oldest);
            }
        }
        if (sub->policy == LAMINAR_OVERFLOW_DISCONNECT && sub->n > 0 &&
            sub->n_rows + batch->n_rows > sub->capacity_rows) {
            struct laminar_error err = LAMINAR_ERROR_INIT;
            error_set(&err, LAMINAR_SUBSCRIPTION_CLOSED,
                      "the subscription was disconnected: its queue of %llu rows was full",
                      (unsigned long long)sub->capacity_rows);
            error_hint(&err, "read faster, or subscribe with a larger capacity");
            turned_ready = end_locked(sub, LAMINAR_SUBSCRIPTION_FINISHED, &err);
        } else if (!ring_put(sub, batch_ref(batch))) {
            batch_unref(batch);
            struct laminar_error err = LAMINAR_ERROR_INIT;
            error_oom(&err);
            turned_ready = end_locked(sub, LAMINAR_SUBSCRIPTION_FINISHED, &err);
        } else {
            turned_ready = sub->n == 1;
            if (turned_ready) {
                set_fd(sub);
                cond_signal(&sub->ready);
            }
            note_fullness(sub);
        }
    }
    return turned_ready;
}

void subscription_push(struct subscription *sub, struct batch *batch)
{
    mutex_lock(&sub->lock);
    bool turned_ready = push_locked(sub, batch);
    mutex_unlock(&sub->lock);
    announce(sub, batch);
    if (turned_ready && sub->on_ready) sub->on_ready(sub->user_data);
}

void subscription_push_all(struct subscription *sub, struct batch *const *batches, size_t n)
{
    bool turned_ready = false;
    if (n == 0) return;
    mutex_lock(&sub->lock);
    for (size_t i = 0; i < n; i++) turned_ready |= push_locked(sub, batches[i]);
    mutex_unlock(&sub->lock);
    announce(sub, batches[n - 1]);
    if (turned_ready && sub->on_ready) sub->on_ready(sub->user_data);
}

void subscription_finish(struct subscription *sub, const struct laminar_error *err)
{
    mutex_lock(&sub->lock);
    bool ended = end_locked(sub, LAMINAR_SUBSCRIPTION_FINISHED, err);
    mutex_unlock(&sub->lock);
    if (ended && sub->on_ready) sub->on_ready(sub->user_data);
}

void subscription_cancel(struct subscription *sub)
{
    mutex_lock(&sub->lock);
    bool ended = end_locked(sub, LAMINAR_SUBSCRIPTION_CANCELLED, NULL);
    /* cancelled after the end: what is queued goes too */
    if (!ended && sub->state == LAMINAR_SUBSCRIPTION_FINISHED) {
        drop_queued(sub);
        atomic_store_explicit(&sub->state, LAMINAR_SUBSCRIPTION_CANCELLED, memory_order_release);
    }
    mutex_unlock(&sub->lock);
    if (ended && sub->on_ready) sub->on_ready(sub->user_data);
}

/* --- Back-pressure -------------------------------------------------------------------------------------------------------------- */

static bool reads_from(const struct relation *reader, const struct relation *relation)
{
    if (reader == relation) return true;
    for (uint32_t i = 0; i < reader->n_inputs; i++)
        if (reads_from(reader->inputs[i], relation)) return true;
    return false;
}

static struct subscription *find_full(struct database *db, const struct relation *relation)
{
    struct subscription *found = NULL;
    mutex_lock(&db->registry);
    for (size_t i = 0; i < db->all_subs.n && !found; i++) {
        struct subscription *sub = db->all_subs.items[i];
        mutex_lock(&sub->lock);
        bool is_full = sub->is_full;
        mutex_unlock(&sub->lock);
        if (!is_full || !reads_from(sub->relation, relation)) continue;
        found = sub;
        atomic_fetch_add_explicit(&sub->refs, 1, memory_order_relaxed);
    }
    mutex_unlock(&db->registry);
    return found;
}

static laminar_status fail_full(struct subscription *sub, const char *why,
                                struct laminar_error *err)
{
    error_set(err, LAMINAR_INGESTION_FAILED,
              "a subscription on '%s' is full (%llu rows are waiting) and %s",
              sub->is_anonymous ? "a query" : sub->relation->name,
              (unsigned long long)sub->capacity_rows, why);
    error_hint(
        err,
        "read it, cancel it, or subscribe with a larger capacity or with the policy drop_oldest or disconnect");
    if (err) err->is_retriable = true;
    return LAMINAR_INGESTION_FAILED;
}

/* Waits while the reader takes something at least every stall_timeout_ms, and for insert_timeout_ms in all. */
static laminar_status wait_one(struct database *db, struct subscription *sub, int64_t deadline,
                               struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    mutex_lock(&sub->lock);
    while (sub->is_full && status == LAMINAR_OK) {
        if (sub->reader_thread == thread_self_id()) {
            status = fail_full(sub, "this thread is its reader", err);
            break;
        }
        uint64_t progress = sub->progress;
        int64_t stall = clock_deadline_us(db->settings.number[SETTING_ID_stall_timeout_ms]);
        bool woken = cond_wait_until(&sub->room, &sub->lock, stall < deadline ? stall : deadline);
        if (!woken && sub->is_full && sub->progress == progress)
            status = fail_full(sub, "nobody reads it", err);
        else if (sub->is_full && clock_mono_us() >= deadline)
            status = fail_full(sub, "its reader is too slow", err);
    }
    mutex_unlock(&sub->lock);
    return status;
}

laminar_status subscriptions_wait_room(struct database *db, const struct relation *relation,
                                       struct laminar_error *err)
{
    int64_t deadline = clock_deadline_us(db->settings.number[SETTING_ID_insert_timeout_ms]);
    laminar_status status = LAMINAR_OK;
    struct subscription *sub;
    while (status == LAMINAR_OK && (sub = find_full(db, relation)) != NULL) {
        atomic_fetch_add_explicit(&db->backpressure_waits, 1, memory_order_relaxed);
        status = wait_one(db, sub, deadline, err);
        subscription_unref(sub);
        if (status == LAMINAR_OK) status = database_check_open(db, err);
    }
    return status;
}

/* --- Reading ------------------------------------------------------------------------------------------------------------------------ */

/* A batch whose columns are another's, with __weight behind them. */
struct weighted_batch {
    struct batch_holder holder; /* first */
    struct batch batch;
    struct batch *source;
    int64_t *ones;
};

static void weighted_release(struct batch_holder *holder)
{
    struct weighted_batch *weighted = (struct weighted_batch *)holder;
    batch_unref(weighted->source);
    schema_unref(weighted->batch.schema);
    mem_free(weighted->ones);
    mem_free(weighted);
}

static laminar_status add_weight_column(struct subscription *sub, struct batch *source,
                                        struct batch **out, struct laminar_error *err)
{
    uint32_t n_cols = source->n_cols + 1;
    struct weighted_batch *weighted = mem_calloc(1,
                                                 sizeof *weighted + n_cols * sizeof(struct vector));
    if (!weighted) return error_oom(err);
    weighted->holder.release = weighted_release;
    batch_need_all(source); /* the copy has no list of views to be made */
    /* field by field: other readers count references of `source` meanwhile */
    weighted->batch = (struct batch){.refs = 1,
                                     .n_cols = n_cols,
                                     .n_rows = source->n_rows,
                                     .cols = (struct vector *)(void *)(weighted + 1),
                                     .schema = schema_ref(sub->schema),
                                     .bytes = source->bytes,
                                     .step = source->step,
                                     .time_us = source->time_us,
                                     .holder = &weighted->holder};
    weighted->source = batch_ref(source);
    memcpy(weighted->batch.cols, source->cols, source->n_cols * sizeof(struct vector));
    struct vector *weight = &weighted->batch.cols[n_cols - 1];
    *weight = (struct vector){.type = TYPE(INT64), .shape = VEC_FLAT};
    if (source->weights) {
        weight->data = (void *)(uintptr_t)source->weights;
    } else {
        weighted->ones = mem_alloc((source->n_rows + 1) * sizeof(int64_t));
        if (!weighted->ones) {
            weighted_release(&weighted->holder);
            return error_oom(err);
        }
        for (size_t i = 0; i < source->n_rows; i++) weighted->ones[i] = 1;
        weight->data = weighted->ones;
    }
    *out = &weighted->batch;
    return LAMINAR_OK;
}

static bool has_retractions(const struct batch *batch)
{
    if (!batch->weights) return false;
    for (size_t i = 0; i < batch->n_rows; i++)
        if (batch->weights[i] != 1) return true;
    return false;
}

/* The rows that pass the filter and, without changes, are inserted; a row of weight n > 1 n times. */
static laminar_status select_rows(struct subscription *sub, const struct batch *source,
                                  struct batch **out, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct batch_builder *builder = NULL;
    struct vector *slice = mem_calloc(source->n_cols + 1, sizeof *slice);
    uint32_t *sel = mem_alloc(2 * CHUNK_ROWS * sizeof *sel);
    struct arena scratch = {0};
    struct eval_env env = {
        .err = err, .zone = "UTC", .now_us = source->time_us, .scratch = &scratch};
    if (!slice || !sel) TRY(error_oom(err));
    TRY(batch_builder_create(source->schema, sub->db->pool, &builder, err));
    for (size_t at = 0; at < source->n_rows; at += CHUNK_ROWS) {
        struct chunk chunk = batch_chunk(source, at, slice);
        size_t n = chunk.n_rows;
        if (sub->filter) {
            arena_reset(&scratch);
            TRY(program_select(sub->filter, &chunk, &env, sel, &n));
        } else {
            for (size_t i = 0; i < n; i++) sel[i] = (uint32_t)i;
        }
        if (sub->with_changes || !chunk.weights) {
            TRY(batch_builder_append_sel(builder, &chunk, sel, n, err));
            continue;
        }
        struct chunk plain = chunk;
        plain.weights = NULL;
        for (size_t i = 0; i < n; i++)
            for (int64_t w = chunk.weights[sel[i]]; w > 0; w--)
                TRY(batch_builder_append_sel(builder, &plain, &sel[i], 1, err));
    }
    if (batch_builder_n_rows(builder) > 0) {
        TRY(batch_builder_finish(builder, out, err));
        (*out)->step = source->step;
        (*out)->time_us = source->time_us;
    }
done:
    batch_builder_free(builder);
    arena_deinit(&scratch);
    mem_free(sel);
    mem_free(slice);
    return status;
}

/* Takes the reference on `source`; *out is NULL where no row is left. */
static laminar_status shape_batch(struct subscription *sub, struct batch *source,
                                  struct batch **out, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct batch *selected = NULL;
    *out = NULL;
    if (sub->filter || (!sub->with_changes && has_retractions(source)))
        TRY(select_rows(sub, source, &selected, err));
    else
        selected = batch_ref(source);
    if (selected && sub->with_changes) {
        TRY(add_weight_column(sub, selected, out, err));
    } else {
        *out = selected;
        selected = NULL;
    }
done:
    batch_unref(selected);
    batch_unref(source);
    return status;
}

/* Takes what is queued, as far as `taken` has room. The caller holds lock. */
static size_t take_queued(struct subscription *sub, struct batch **taken, size_t max)
{
    size_t n = 0;
    while (n < max && sub->n > 0) taken[n++] = ring_take(sub);
    if (sub->n == 0) atomic_store_explicit(&sub->may_have, false, memory_order_relaxed);
    if (n == 0) return 0;
    if (taken[n - 1]->step)
        atomic_store_explicit(&sub->epoch, taken[n - 1]->step, memory_order_relaxed);
    sub->progress++;
    sub->reader_thread = thread_self_id();
    bool was_full = sub->is_full;
    note_fullness(sub);
    if (was_full) cond_broadcast(&sub->room);
    if (sub->n == 0 && sub->state == LAMINAR_SUBSCRIPTION_ACTIVE) clear_fd(sub);
    return n;
}

enum { TAKE_MAX = 256 };

static laminar_status wait_ready(struct subscription *sub, int64_t timeout_ms, int64_t deadline,
                                 struct laminar_error *err)
{
    while (sub->n == 0 && sub->state == LAMINAR_SUBSCRIPTION_ACTIVE) {
        if (timeout_ms == 0 || !cond_wait_until(&sub->ready, &sub->lock, deadline)) {
            if (sub->n > 0 || sub->state != LAMINAR_SUBSCRIPTION_ACTIVE) break;
            return error_set(err, LAMINAR_SUBSCRIPTION_TIMEOUT,
                             "timeout: nothing came within %lld ms", (long long)timeout_ms);
        }
    }
    return LAMINAR_OK;
}

bool subscription_is_idle(const struct subscription *sub)
{
    return !atomic_load_explicit(&sub->may_have, memory_order_acquire) &&
           atomic_load_explicit(&sub->state, memory_order_acquire) == LAMINAR_SUBSCRIPTION_ACTIVE;
}

/* Shapes what was taken, and takes over the references. */
static laminar_status add_batches(struct subscription *sub, struct batch **taken, size_t n,
                                  struct rows *out, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < n; i++) {
        struct batch *shaped = NULL;
        if (status != LAMINAR_OK) {
            batch_unref(taken[i]);
            continue;
        }
        status = shape_batch(sub, taken[i], &shaped, err);
        if (status == LAMINAR_OK && shaped) status = rows_add(out, shaped, err);
    }
    return status;
}

/* The history is read to its end, or nobody wants it: from here on the ring is read. */
static void end_backlog(struct subscription *sub)
{
    mutex_lock(&sub->lock);
    struct history_reader *backlog = sub->backlog;
    sub->backlog = NULL;
    if (sub->n == 0) atomic_store_explicit(&sub->may_have, false, memory_order_relaxed);
    if (sub->n == 0 && sub->state == LAMINAR_SUBSCRIPTION_ACTIVE) clear_fd(sub);
    mutex_unlock(&sub->lock);
    history_reader_free(backlog);
}

enum { BACKLOG_ROWS = 65536 };

/* Whole epochs of the history, until these are enough rows or it ends. A history that can't be read ends the subscription. */
static laminar_status read_backlog(struct subscription *sub, struct rows *out,
                                   struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    while (status == LAMINAR_OK && out->n_rows < BACKLOG_ROWS) {
        struct batch *batch = NULL;
        struct laminar_error own = LAMINAR_ERROR_INIT;
        if (subscription_state(sub) == LAMINAR_SUBSCRIPTION_CANCELLED) break;
        status = history_reader_next(sub->backlog, &batch, &own);
        if (status != LAMINAR_OK) {
            subscription_finish(sub, &own);
            if (err) *err = own;
        }
        if (!batch) break;
        atomic_store_explicit(&sub->epoch, batch->step, memory_order_relaxed);
        mutex_lock(&sub->lock);
        sub->progress++;
        sub->reader_thread = thread_self_id();
        mutex_unlock(&sub->lock);
        status = add_batches(sub, &batch, 1, out, err);
    }
    if (status != LAMINAR_OK || out->n_rows < BACKLOG_ROWS) end_backlog(sub);
    return status;
}

laminar_status subscription_next(struct subscription *sub, int64_t timeout_ms, struct rows *out,
                                 struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct batch *taken[TAKE_MAX];
    int64_t deadline = timeout_ms == 0 ? 0 : clock_deadline_us(timeout_ms);
    bool is_cut = false; /* more of the last batch's step is queued */
    if (unlikely(sub->backlog != NULL)) status = read_backlog(sub, out, err);
    if (status != LAMINAR_OK) return status;
    prefetch_announced(sub);
    while (out->n_rows == 0 || is_cut) {
        mutex_lock(&sub->lock);
        status = wait_ready(sub, is_cut ? 0 : timeout_ms, deadline, is_cut ? NULL : err);
        size_t n = status == LAMINAR_OK ? take_queued(sub, taken, TAKE_MAX) : 0;
        if (status == LAMINAR_OK && n == 0 && sub->failure.code != LAMINAR_OK &&
            sub->state == LAMINAR_SUBSCRIPTION_FINISHED && out->n_rows == 0) {
            if (err) *err = sub->failure;
            status = sub->failure.code;
        }
        is_cut = n > 0 && sub->n > 0 && taken[n - 1]->step != 0 &&
                 sub->ring[sub->head]->step == taken[n - 1]->step;
        mutex_unlock(&sub->lock);
        if (n == 0 && out->n_rows == 0) return status;
        if (n == 0) break;
        status = add_batches(sub, taken, n, out, err);
        if (status != LAMINAR_OK) return status;
    }
    out->epoch = subscription_epoch(sub);
    if (!out->schema) out->schema = schema_ref(sub->schema);
    return LAMINAR_OK;
}

/* --- Making ------------------------------------------------------------------------------------------------------------------------------ */

static laminar_status output_schema(struct subscription *sub, struct laminar_error *err)
{
    const struct schema *schema = sub->relation->schema;
    if (!sub->with_changes) {
        sub->schema = schema_ref(sub->relation->schema);
        return LAMINAR_OK;
    }
    struct schema_column *columns = mem_calloc(schema->n_columns + 1, sizeof *columns);
    if (!columns) return error_oom(err);
    memcpy(columns, schema->columns, schema->n_columns * sizeof *columns);
    columns[schema->n_columns] = (struct schema_column){"__weight", TYPE(INT64), false};
    sub->schema = schema_create(columns, schema->n_columns + 1);
    mem_free(columns);
    return sub->schema ? LAMINAR_OK : error_oom(err);
}

static laminar_status compile_filter(struct subscription *sub, const char *text,
                                     const struct plan_params *params, struct laminar_error *err)
{
    laminar_status status;
    const struct schema *schema = sub->relation->schema;
    struct ast_expr *ast;
    struct expr *expr;
    struct plan_context ctx;
    TRY(sql_parse_expr(&sub->arena, text, strlen(text), &ast, err));
    struct plan_column *cols = ARENA_ARRAY(&sub->arena, struct plan_column, schema->n_columns);
    if (!cols) TRY(error_oom(err));
    for (uint32_t i = 0; i < schema->n_columns; i++)
        cols[i] = (struct plan_column){schema->columns[i].name, sub->relation->name,
                                       schema->columns[i].type, schema->columns[i].is_nullable};
    engine_plan_context(sub->db, &sub->arena, text, strlen(text), params, err, &ctx);
    TRY(plan_expr(&ctx, ast, cols, schema->n_columns, &expr));
    if (expr->type.id != LAMINAR_TYPE_BOOL) {
        error_set(err, LAMINAR_QUERY_FAILED, "the filter is a %s, not a condition",
                  TYPE_TEXT(expr->type));
        error_hint(err, "write a comparison, such as price > 10");
        TRY(LAMINAR_QUERY_FAILED);
    }
    TRY(program_create(&expr, 1, &sub->filter, err));
done:
    return status;
}

static laminar_status subscription_create(struct database *db, struct relation *relation,
                                          const laminar_subscribe_options *options,
                                          const struct plan_params *params,
                                          struct subscription **out, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct subscription *sub = mem_alloc_aligned(sizeof *sub);
    if (!sub) return error_oom(err);
    memset(sub, 0, sizeof *sub);
    atomic_init(&sub->refs, 1);
    mutex_init(&sub->lock);
    cond_init(&sub->ready);
    cond_init(&sub->room);
    sub->db = database_ref(db);
    sub->relation = relation_ref(relation);
    sub->fd = -1;
    sub->state = LAMINAR_SUBSCRIPTION_ACTIVE;
    sub->policy = options->policy;
    sub->capacity_rows = options->capacity_rows
                             ? options->capacity_rows
                             : (uint64_t)db->settings.number[SETTING_ID_subscription_capacity];
    sub->with_changes = options->with_changes || relation->emit == EMIT_CHANGES;
    sub->on_ready = options->on_ready;
    sub->user_data = options->user_data;
    TRY(output_schema(sub, err));
    if (options->filter) TRY(compile_filter(sub, options->filter, params, err));
    *out = sub;
    sub = NULL;
done:
    subscription_unref(sub);
    return status;
}

void subscription_unref(struct subscription *sub)
{
    if (!sub || atomic_fetch_sub_explicit(&sub->refs, 1, memory_order_acq_rel) != 1) return;
    drop_queued(sub);
    history_reader_free(sub->backlog);
    mem_free(sub->ring);
    program_free(sub->filter);
    arena_deinit(&sub->arena);
    schema_unref(sub->schema);
    relation_unref(sub->relation);
    if (sub->fd >= 0) close(sub->fd);
    cond_deinit(&sub->room);
    cond_deinit(&sub->ready);
    mutex_deinit(&sub->lock);
    database_unref(sub->db);
    mem_free(sub);
}

/* Current contents into the queue, ahead of any change. The caller holds step. */
static laminar_status push_snapshot(struct subscription *sub, struct relation_runtime *runtime,
                                    struct laminar_error *err)
{
    struct batch *batch = NULL;
    laminar_status status = runtime_contents(runtime, &batch, err);
    if (status != LAMINAR_OK || !batch) return status;
    batch->step = runtime->db->step_number;
    batch->time_us = engine_clock_us(runtime->db);
    mutex_lock(&sub->lock);
    if (!ring_put(sub, batch)) {
        batch_unref(batch);
        status = error_oom(err);
    }
    mutex_unlock(&sub->lock);
    atomic_store_explicit(&sub->may_have, true, memory_order_release);
    return status;
}

/* What came after the epoch, ahead of any change. The caller holds step. */
static laminar_status push_history(struct subscription *sub, struct relation_runtime *runtime,
                                   uint64_t epoch, struct laminar_error *err)
{
    const char *name = runtime->relation->name;
    laminar_status status = LAMINAR_OK;
    if (!runtime->history) {
        error_set(err, LAMINAR_SUBSCRIPTION_FAILED, "'%s' keeps no history", name);
        error_hint(err, "make it WITH (retain_history = '64mb'), or '1 hour', or '100000 rows'");
        return LAMINAR_SUBSCRIPTION_FAILED;
    }
    TRY(epochs_check(runtime->db, epoch, err));
    TRY(history_read(runtime->history, name, epoch, &sub->backlog, err));
    atomic_store_explicit(&sub->epoch, epoch, memory_order_relaxed);
    atomic_store_explicit(&sub->may_have, true, memory_order_release);
done:
    return status;
}

static laminar_status attach(struct subscription *sub, struct relation *relation,
                             const laminar_subscribe_options *options, bool with_snapshot,
                             struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    engine_lock_step(sub->db);
    struct relation_runtime *runtime = relation->runtime;
    if (!runtime) {
        error_set(err, LAMINAR_TABLE_NOT_FOUND, "'%s' was dropped", relation->name);
        TRY(LAMINAR_TABLE_NOT_FOUND);
    }
    if (runtime->has_failed) {
        if (err) *err = runtime->failure;
        TRY(runtime->failure.code);
    }
    atomic_store_explicit(&sub->epoch, sub->db->step_number, memory_order_relaxed);
    if (options->has_epoch)
        TRY(push_history(sub, runtime, options->epoch, err));
    else if (with_snapshot)
        TRY(push_snapshot(sub, runtime, err));
    if (!ARRAY_PUSH(&runtime->subs, sub)) TRY(error_oom(err));
    atomic_fetch_add_explicit(&sub->refs, 1, memory_order_relaxed);
    sub->is_attached = true;
    feed_want(sub->db, runtime->feed);
done:
    engine_unlock_step(sub->db);
    return status;
}

static laminar_status register_subscription(struct subscription *sub, const char *sql,
                                            struct laminar_error *err)
{
    sub->query = query_register(sub->db, sql, strlen(sql), true);
    if (!sub->query) return error_oom(err);
    mutex_lock(&sub->db->registry);
    bool ok = ARRAY_PUSH(&sub->db->all_subs, sub);
    mutex_unlock(&sub->db->registry);
    return ok ? LAMINAR_OK : error_oom(err);
}

static void unregister_subscription(struct subscription *sub)
{
    struct database *db = sub->db;
    mutex_lock(&db->registry);
    for (size_t i = 0; i < db->all_subs.n; i++) {
        if (db->all_subs.items[i] != sub) continue;
        db->all_subs.items[i] = db->all_subs.items[--db->all_subs.n];
        break;
    }
    mutex_unlock(&db->registry);
    if (sub->query) query_finish(db, sub->query);
    sub->query = NULL;
}

void subscriptions_forget(struct relation_runtime *runtime)
{
    for (size_t i = 0; i < runtime->subs.n; i++) {
        struct subscription *sub = runtime->subs.items[i];
        if (!sub->is_attached) continue;
        sub->is_attached = false;
        subscription_unref(sub);
    }
    runtime->subs.n = 0;
}

static void detach(struct subscription *sub)
{
    struct database *db = sub->db;
    bool was_attached = false;
    engine_lock_step(db);
    struct relation_runtime *runtime = sub->relation->runtime;
    if (runtime && sub->is_attached) {
        for (size_t i = 0; i < runtime->subs.n; i++) {
            if (runtime->subs.items[i] != sub) continue;
            runtime->subs.items[i] = runtime->subs.items[--runtime->subs.n];
            was_attached = true;
            break;
        }
        sub->is_attached = false;
    }
    engine_unlock_step(db);
    if (was_attached) subscription_unref(sub);
}

static void free_now(struct subscription *sub)
{
    unregister_subscription(sub);
    if (sub->is_anonymous) {
        mutex_lock(&sub->db->control);
        runtime_uninstall(sub->db, sub->relation);
        mutex_unlock(&sub->db->control);
    } else {
        detach(sub);
    }
    subscription_unref(sub);
}

void subscription_free(struct subscription *sub)
{
    if (!sub) return;
    struct database *db = sub->db;
    subscription_cancel(sub);
    if (function_library_is_calling(db->functions)) { /* this thread may hold control or step */
        mutex_lock(&db->registry);
        sub->next_deferred = db->deferred_subs;
        db->deferred_subs = sub;
        atomic_store_explicit(&db->has_deferred_subs, true, memory_order_release);
        mutex_unlock(&db->registry);
        return;
    }
    subscriptions_free_deferred(db);
    free_now(sub);
}

void subscriptions_free_deferred(struct database *db)
{
    if (likely(!atomic_load_explicit(&db->has_deferred_subs, memory_order_acquire))) return;
    mutex_lock(&db->registry);
    struct subscription *list = db->deferred_subs;
    db->deferred_subs = NULL;
    atomic_store_explicit(&db->has_deferred_subs, false, memory_order_relaxed);
    mutex_unlock(&db->registry);
    while (list) {
        struct subscription *next = list->next_deferred;
        free_now(list);
        list = next;
    }
}

static laminar_status refuse_query_epoch(struct laminar_error *err)
{
    error_set(err, LAMINAR_QUERY_UNSUPPORTED, "AS OF EPOCH needs a relation, not a query");
    error_hint(err, "CREATE STREAM ... AS the query WITH (retain_history = '64mb'), and subscribe "
                    "to that");
    return LAMINAR_QUERY_UNSUPPORTED;
}

/* SELECT ...: a stream of its own, without a name, that keeps nothing. */
static laminar_status create_anonymous(struct database *db, const struct ast_script *script,
                                       const struct ast_query *query,
                                       const struct plan_params *params,
                                       const laminar_subscribe_options *options,
                                       struct subscription **out, struct laminar_error *err)
{
    laminar_status status;
    struct arena arena = {0};
    struct relation *relation = NULL;
    struct schema *schema = NULL;
    struct subscription *sub = NULL;
    struct plan *plan;
    struct plan_context ctx;
    if (options->has_epoch) return refuse_query_epoch(err);
    mutex_lock(&db->control);
    engine_plan_context(db, &arena, script->sql, script->size, params, err, &ctx);
    ctx.is_stream = true;
    TRY(plan_query(&ctx, query, &plan));
    schema = plan_schema(plan);
    relation = schema ? relation_create(RELATION_STREAM, "subscription", schema) : NULL;
    if (!relation) TRY(error_oom(err));
    relation->retention.kind = RETAIN_NONE;
    relation->is_append_only = plan->props.is_append_only;
    relation->emit = query->emit.kind == AST_EMIT_CHANGES ? EMIT_CHANGES : EMIT_DEFAULT;
    uint32_t n_inputs = 0;
    struct relation **inputs = NULL;
    TRY(plan_inputs(plan, &arena, &inputs, &n_inputs));
    relation->inputs = ARENA_ARRAY(&relation->arena, struct relation *, n_inputs + 1);
    if (!relation->inputs) TRY(error_oom(err));
    for (uint32_t i = 0; i < n_inputs; i++) relation->inputs[i] = relation_ref(inputs[i]);
    relation->n_inputs = n_inputs;
    TRY(subscription_create(db, relation, options, params, &sub, err));
    sub->is_anonymous = true;
    sub->is_attached = true;
    /* the runtime's, given back by subscriptions_forget */
    atomic_fetch_add_explicit(&sub->refs, 1, memory_order_relaxed);
    status = runtime_install_anonymous(db, relation, plan, &arena, sub, err);
    if (status != LAMINAR_OK) {
        sub->is_attached = false;
        subscription_unref(sub);
        goto done;
    }
    *out = sub;
    sub = NULL;
done:
    mutex_unlock(&db->control);
    subscription_unref(sub);
    relation_unref(relation);
    schema_unref(schema);
    arena_deinit(&arena);
    return status;
}

static bool looks_like_query(const char *text)
{
    static const char *const words[] = {"select", "with", "values", "subscribe", "("};
    while (*text == ' ' || *text == '\n' || *text == '\t' || *text == '\r') text++;
    if (text[0] == '-' && text[1] == '-') return true;
    if (text[0] == '/' && text[1] == '*') return true;
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
        size_t n = strlen(words[i]);
        if (strncasecmp(text, words[i], n) == 0 &&
            (words[i][0] == '(' || (unsigned char)text[n] <= ' ' || text[n] == '('))
            return true;
    }
    return false;
}

static laminar_status subscribe_name(struct database *db, const char *name,
                                     const struct plan_params *params,
                                     const laminar_subscribe_options *options,
                                     struct subscription **out, struct laminar_error *err)
{
    laminar_status status;
    struct relation *relation = NULL;
    struct subscription *sub = NULL;
    TRY(engine_find_relation(db, name, &relation, err));
    if (relation->kind == RELATION_SYSTEM) {
        error_set(err, LAMINAR_SUBSCRIPTION_FAILED, "'%s' can't be subscribed to", relation->name);
        error_hint(err, "system relations answer queries: SELECT * FROM %s", relation->name);
        TRY(LAMINAR_SUBSCRIPTION_FAILED);
    }
    TRY(subscription_create(db, relation, options, params, &sub, err));
    /* Before start() streams hold their rows for whoever subscribes: the contents come first. */
    bool is_created = atomic_load_explicit(&db->state, memory_order_acquire) == DB_CREATED;
    TRY(attach(sub, relation, options,
               options->with_snapshot || (is_created && relation->kind != RELATION_TABLE), err));
    *out = sub;
    sub = NULL;
done:
    subscription_unref(sub);
    relation_unref(relation);
    return status;
}

/* SUBSCRIBE name [WHERE ...] or SUBSCRIBE (query), or a query alone. */
static laminar_status subscribe_script(struct database *db, const struct ast_script *script,
                                       const struct plan_params *params,
                                       const laminar_subscribe_options *options,
                                       struct subscription **out, struct laminar_error *err)
{
    laminar_status status;
    struct strbuf filter = {0};
    if (script->n != 1) {
        error_set(err, LAMINAR_SUBSCRIPTION_FAILED, "one statement is expected, and there are %zu",
                  script->n);
        TRY(LAMINAR_SUBSCRIPTION_FAILED);
    }
    const struct ast_statement *statement = script->statements[0];
    if (statement->kind == AST_STMT_QUERY) {
        status = create_anonymous(db, script, statement->u.query, params, options, out, err);
        goto done;
    }
    if (statement->kind != AST_STMT_SUBSCRIBE) {
        error_set(err, LAMINAR_SUBSCRIPTION_FAILED, "%s can't be subscribed to",
                  sql_statement_text(statement->kind));
        error_hint(err, "give a SELECT or the name of a relation");
        TRY(LAMINAR_SUBSCRIPTION_FAILED);
    }
    const struct ast_subscribe *subscribe = statement->u.subscribe;
    if (subscribe->has_epoch && subscribe->query) {
        TRY(refuse_query_epoch(err));
    }
    if (subscribe->query && !subscribe->where) {
        status = create_anonymous(db, script, subscribe->query, params, options, out, err);
        goto done;
    }
    if (subscribe->query)
        TRY(error_set(err, LAMINAR_QUERY_UNSUPPORTED,
                      "write the condition inside the query: SUBSCRIBE (SELECT ... WHERE ...)"));
    laminar_subscribe_options with_filter = *options;
    if (subscribe->has_epoch) {
        with_filter.has_epoch = true;
        with_filter.epoch = subscribe->epoch;
    }
    if (subscribe->where) {
        /* the statement's part first: its parameters keep their numbers */
        if (options->filter) strbuf_putc(&filter, '(');
        sql_print_expr(&filter, subscribe->where);
        if (options->filter) strbuf_printf(&filter, ") AND (%s)", options->filter);
        if (filter.failed) TRY(error_oom(err));
        with_filter.filter = filter.data;
    }
    const char *name = ast_qname_last(&subscribe->name)->text;
    status = subscribe_name(db, name, params, &with_filter, out, err);
    if (status == LAMINAR_TABLE_NOT_FOUND || (status != LAMINAR_OK && subscribe->has_epoch))
        error_position(err, script->sql, script->size, subscribe->name.span.start);
done:
    strbuf_deinit(&filter);
    return status;
}

static laminar_status subscribe_sql(struct database *db, const char *sql,
                                    const laminar_subscribe_options *options,
                                    struct subscription **out, struct laminar_error *err)
{
    struct arena arena = {0};
    struct ast_script *script;
    laminar_status status = sql_parse(&arena, sql, strlen(sql), &script, err);
    if (status == LAMINAR_OK) status = subscribe_script(db, script, NULL, options, out, err);
    arena_deinit(&arena);
    return status;
}

/* Takes the new subscription into the registry. */
static laminar_status publish(struct database *db, struct subscription *sub, const char *sql,
                              struct subscription **out, struct laminar_error *err)
{
    laminar_status status = register_subscription(sub, sql, err);
    if (status != LAMINAR_OK) {
        subscription_free(sub);
        return status;
    }
    /* closed meanwhile */
    if (database_check_open(db, NULL) != LAMINAR_OK) subscription_finish(sub, NULL);
    *out = sub;
    return LAMINAR_OK;
}

static laminar_status read_options(struct database *db, const laminar_subscribe_options *options,
                                   laminar_subscribe_options *out, struct laminar_error *err)
{
    *out = (laminar_subscribe_options){0};
    if (options)
        memcpy(out, options,
               options->struct_size < sizeof *out ? options->struct_size : sizeof *out);
    laminar_status status = database_check_open(db, err);
    if (status != LAMINAR_OK) return status;
    if (out->policy > LAMINAR_OVERFLOW_DISCONNECT)
        return error_set(err, LAMINAR_INVALID_ARGUMENT, "%d is not an overflow policy",
                         (int)out->policy);
    return LAMINAR_OK;
}

laminar_status engine_subscribe(struct database *db, const char *name_or_sql,
                                const laminar_subscribe_options *options, struct subscription **out,
                                struct laminar_error *err)
{
    laminar_status status;
    laminar_subscribe_options given;
    struct subscription *sub = NULL;
    TRY(read_options(db, options, &given, err));
    if (looks_like_query(name_or_sql))
        TRY(subscribe_sql(db, name_or_sql, &given, &sub, err));
    else
        TRY(subscribe_name(db, name_or_sql, NULL, &given, &sub, err));
    status = publish(db, sub, name_or_sql, out, err);
done:
    return status;
}

laminar_status engine_subscribe_script(struct database *db, const struct ast_script *script,
                                       const struct plan_params *params,
                                       const laminar_subscribe_options *options,
                                       struct subscription **out, struct laminar_error *err)
{
    laminar_status status;
    laminar_subscribe_options given;
    struct subscription *sub = NULL;
    TRY(read_options(db, options, &given, err));
    TRY(subscribe_script(db, script, params, &given, &sub, err));
    status = publish(db, sub, script->sql, out, err);
done:
    return status;
}

struct schema *subscription_schema(const struct subscription *sub) { return sub->schema; }

laminar_subscription_state subscription_state(const struct subscription *sub)
{
    return (laminar_subscription_state)atomic_load_explicit(&sub->state, memory_order_acquire);
}

uint64_t subscription_dropped_rows(const struct subscription *sub)
{
    return atomic_load_explicit(&sub->dropped_rows, memory_order_relaxed);
}

uint64_t subscription_epoch(const struct subscription *sub)
{
    return atomic_load_explicit(&sub->epoch, memory_order_relaxed);
}

uint64_t subscription_pending_rows(struct subscription *sub)
{
    mutex_lock(&sub->lock);
    uint64_t n = sub->n_rows;
    mutex_unlock(&sub->lock);
    return n;
}

uint64_t subscription_query_id(const struct subscription *sub)
{
    return sub->query ? sub->query->id : 0;
}

struct relation *subscription_relation(const struct subscription *sub) { return sub->relation; }

bool subscription_wants_changes(const struct subscription *sub)
{
    return sub->with_changes && sub->state == LAMINAR_SUBSCRIPTION_ACTIVE;
}

bool subscription_is_anonymous(const struct subscription *sub) { return sub->is_anonymous; }

int subscription_fd(struct subscription *sub, struct laminar_error *err)
{
    mutex_lock(&sub->lock);
    if (sub->fd < 0) {
        sub->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (sub->fd < 0)
            error_set(err, LAMINAR_SUBSCRIPTION_FAILED, "cannot make an event descriptor: %s",
                      strerror(errno));
        else if (sub->n > 0 || sub->backlog || sub->state != LAMINAR_SUBSCRIPTION_ACTIVE)
            set_fd(sub);
    }
    int fd = sub->fd;
    mutex_unlock(&sub->lock);
    return fd;
}

laminar_status subscriptions_uninstall_readers(struct database *db, const struct relation *relation,
                                               struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    ARRAY_OF(struct subscription *) list = {0};
    mutex_lock(&db->registry);
    for (size_t i = 0; i < db->all_subs.n && status == LAMINAR_OK; i++) {
        struct subscription *sub = db->all_subs.items[i];
        if (!sub->is_anonymous || (relation && !reads_from(sub->relation, relation))) continue;
        if (ARRAY_PUSH(&list, sub))
            atomic_fetch_add_explicit(&sub->refs, 1, memory_order_relaxed);
        else
            status = error_oom(err);
    }
    mutex_unlock(&db->registry);
    for (size_t i = 0; i < list.n; i++) {
        if (status == LAMINAR_OK) runtime_uninstall(db, list.items[i]->relation);
        subscription_unref(list.items[i]);
    }
    ARRAY_DEINIT(&list);
    return status;
}
