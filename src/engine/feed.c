/* feed.c - sources with a connector: one thread a database pulls rows out of all of them and runs them as steps, like a writer.
 *
 * It polls the source that is least far (in its connector's own measure), so that sources which belong together go side by side, and joins need to keep
 * little. A batch that the database doesn't take now (a full subscription, a full buffer, a disk that fails) is kept and tried again, and nothing more is pulled from
 * that source: back-pressure, nothing is dropped. Each step has the position behind its rows with it into the log, so after a crash a source goes on
 * exactly there.
 *
 * Nothing flows before start(). What is not paced by the clock flows only once somebody reads it, so that rows don't pass by before the first stream is made; a
 * source that ends pushes its watermark to the end of time, and a query over such sources waits for their end.
 *
 * @locks feeder.lock is a leaf: taken under control and step, never held while another lock is taken or a connector called. `connector`, `batch`, `is_sought` and
 * `position` of a feed belong to the thread. */
#include "base/error.h"
#include "connect/connector.h"
#include "engine/engine.h"
#include <string.h>

enum {
    RETRY_US = 1000,
    RETRY_SLOW_US = 100000,
    WAIT_US = 10000,
    STATEMENT_TRIES = 40,
    STATEMENT_PAUSE_US = 50
};

enum feed_phase { FEED_WAITING, FEED_RUNNING, FEED_ENDED, FEED_FAILED };

struct feed {
    _Atomic uint32_t refs;     /* the runtime, and the thread while it works on it */
    struct relation *relation; /* referenced */
    struct connector *connector;
    bool is_finite;
    bool is_paced;
    bool is_sought;
    struct connector_batch polled; /* what is to be inserted: batch */
    /* guarded by feeder.lock */
    enum feed_phase phase;
    uint64_t progress;
    int64_t due_us; /* monotonic: not before */
    struct laminar_error failure;
};

void feeder_init(struct feeder *feeder)
{
    mutex_init(&feeder->lock);
    cond_init(&feeder->changed);
}

void feeder_deinit(struct feeder *feeder)
{
    ARRAY_DEINIT(&feeder->feeds);
    cond_deinit(&feeder->changed);
    mutex_deinit(&feeder->lock);
}

laminar_status feed_describe(const struct relation *relation, struct source_shape *out,
                             struct laminar_error *err)
{
    const struct connector_class *cls = connector_find(relation->connector);
    return cls ? cls->describe(relation, out, err) : LAMINAR_QUERY_UNSUPPORTED;
}

static void feed_unref(struct feed *feed)
{
    if (atomic_fetch_sub_explicit(&feed->refs, 1, memory_order_acq_rel) != 1) return;
    if (feed->connector) feed->connector->cls->close(feed->connector);
    batch_unref(feed->polled.batch);
    relation_unref(feed->relation);
    mem_free(feed);
}

/* --- The thread ------------------------------------------------------------------------------------- */

/* The feed to poll now, with a reference; else NULL and the time to look again. feeder.lock is held. */
static struct feed *pick(struct feeder *feeder, int64_t now_us, int64_t *next_us)
{
    struct feed *best = NULL;
    *next_us = CLOCK_NO_DEADLINE;
    for (size_t i = 0; i < feeder->feeds.n; i++) {
        struct feed *feed = feeder->feeds.items[i];
        if (feed->phase != FEED_RUNNING) continue;
        if (feed->due_us > now_us) {
            if (feed->due_us < *next_us) *next_us = feed->due_us;
        } else if (!best || feed->progress < best->progress) {
            best = feed;
        }
    }
    if (best) atomic_fetch_add_explicit(&best->refs, 1, memory_order_relaxed);
    return best;
}

/* A statement that waits for the step goes first: who locks again at once is quicker than who has to wake up. */
static void let_statements_in(struct database *db)
{
    for (int i = 0;
         i < STATEMENT_TRIES && atomic_load_explicit(&db->n_step_waiters, memory_order_relaxed) > 0;
         i++)
        clock_sleep_us(STATEMENT_PAUSE_US);
}

/* Where the database is; false: the relation was dropped. */
static bool find_position(struct database *db, const struct feed *feed, uint64_t *out)
{
    engine_lock_step(db);
    const struct relation_runtime *runtime = feed->relation->runtime;
    if (runtime) *out = runtime->position;
    engine_unlock_step(db);
    return runtime != NULL;
}

static laminar_status pull(struct database *db, struct feed *feed, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    const struct connector_class *cls = feed->connector->cls;
    if (!feed->is_sought) {
        uint64_t position;
        if (!find_position(db, feed, &position)) return LAMINAR_TABLE_NOT_FOUND;
        TRY(cls->seek(feed->connector, position, err));
        feed->is_sought = true;
    }
    if (!feed->polled.batch && !feed->polled.is_end) {
        feed->polled = (struct connector_batch){0};
        TRY(cls->poll(feed->connector, &feed->polled, err));
    }
    if (feed->polled.batch) {
        let_statements_in(db);
        TRY(engine_insert_from(db, feed->relation, batch_ref(feed->polled.batch),
                               feed->polled.next_position, err));
        batch_unref(feed->polled.batch);
        feed->polled.batch = NULL;
        feed->polled.wait_us = 0;
    }
    if (feed->polled.is_end && feed->relation->time_col >= 0)
        status = engine_watermark(db, feed->relation, WATERMARK_END, err);
done:
    return status;
}

/* Will the same insert succeed later? */
static bool can_retry(laminar_status status)
{
    return status == LAMINAR_INGESTION_FAILED || status == LAMINAR_IO_ERROR;
}

/* feeder.lock is held. */
static void note_result(struct feed *feed, laminar_status status, const struct laminar_error *err)
{
    if (status == LAMINAR_OK) {
        feed->failure = LAMINAR_ERROR_INIT;
        feed->progress = feed->polled.progress;
        feed->due_us = feed->polled.wait_us ? clock_mono_us() + feed->polled.wait_us : 0;
        if (feed->polled.is_end) feed->phase = FEED_ENDED;
        return;
    }
    feed->failure = *err;
    if (can_retry(status))
        feed->due_us = clock_mono_us() + (status == LAMINAR_IO_ERROR ? RETRY_SLOW_US : RETRY_US);
    else
        feed->phase = FEED_FAILED;
}

static void *feeder_main(void *arg)
{
    struct database *db = arg;
    struct feeder *feeder = &db->feeder;
    mutex_lock(&feeder->lock);
    while (!feeder->is_stopping) {
        int64_t next_us;
        struct feed *feed = pick(feeder, clock_mono_us(), &next_us);
        if (!feed) {
            cond_wait_until(&feeder->changed, &feeder->lock, next_us);
            continue;
        }
        mutex_unlock(&feeder->lock);
        struct laminar_error err = LAMINAR_ERROR_INIT;
        laminar_status status = pull(db, feed, &err);
        mutex_lock(&feeder->lock);
        note_result(feed, status, &err);
        if (feed->phase != FEED_RUNNING) cond_broadcast(&feeder->changed);
        mutex_unlock(&feeder->lock);
        feed_unref(feed);
        mutex_lock(&feeder->lock);
    }
    mutex_unlock(&feeder->lock);
    database_unref(db);
    return NULL;
}

laminar_status feeder_start(struct database *db, struct laminar_error *err)
{
    struct feeder *feeder = &db->feeder;
    laminar_status status = LAMINAR_OK;
    mutex_lock(&feeder->lock);
    bool is_running = atomic_load_explicit(&db->state, memory_order_acquire) == DB_RUNNING;
    /* a reader takes nothing in: it sees what has been stored */
    bool is_read_only = db->settings.number[SETTING_ID_read_only] != 0;
    if (is_running && !is_read_only && feeder->feeds.n > 0 && !feeder->is_started &&
        !feeder->is_stopping) {
        database_ref(db);
        status = thread_start(&feeder->thread, "laminar-feed", feeder_main, db, err);
        feeder->is_started = status == LAMINAR_OK;
        /* not the last reference: the caller has one */
        if (status != LAMINAR_OK) database_unref(db);
    }
    mutex_unlock(&feeder->lock);
    return status;
}

void feeder_stop(struct database *db)
{
    struct feeder *feeder = &db->feeder;
    mutex_lock(&feeder->lock);
    bool was_running = feeder->is_started && !feeder->is_stopping;
    feeder->is_stopping = true;
    cond_broadcast(&feeder->changed);
    mutex_unlock(&feeder->lock);
    /* a fork has no such thread */
    if (was_running && !fork_guard_is_fork(&db->fork)) thread_join(&feeder->thread);
}

/* --- Feeds -------------------------------------------------------------------------------------------- */

laminar_status feed_create(struct database *db, struct relation *relation, struct feed **out,
                           struct laminar_error *err)
{
    laminar_status status;
    const struct connector_class *cls = connector_find(relation->connector);
    struct feed *feed = mem_calloc(1, sizeof *feed);
    if (!feed) return error_oom(err);
    atomic_init(&feed->refs, 1);
    feed->relation = relation_ref(relation);
    feed->failure = LAMINAR_ERROR_INIT;
    ENSURE(cls != NULL, err);
    TRY(cls->open(relation, db->pool, &feed->connector, err));
    feed->is_finite = cls->is_finite(feed->connector);
    feed->is_paced = cls->is_paced(feed->connector);
    feed->phase = FEED_WAITING;
    mutex_lock(&db->feeder.lock);
    bool is_kept = ARRAY_PUSH(&db->feeder.feeds, feed);
    cond_broadcast(&db->feeder.changed);
    mutex_unlock(&db->feeder.lock);
    if (!is_kept) TRY(error_oom(err));
    status = feeder_start(db, err);
    if (status != LAMINAR_OK) {
        feed_close(db, feed);
        return status;
    }
    *out = feed;
    feed = NULL;
done:
    if (feed) feed_unref(feed);
    return status;
}

void feed_close(struct database *db, struct feed *feed)
{
    if (!feed) return;
    struct feeder *feeder = &db->feeder;
    mutex_lock(&feeder->lock);
    size_t n = 0;
    for (size_t i = 0; i < feeder->feeds.n; i++)
        if (feeder->feeds.items[i] != feed) feeder->feeds.items[n++] = feeder->feeds.items[i];
    feeder->feeds.n = n;
    cond_broadcast(&feeder->changed);
    mutex_unlock(&feeder->lock);
    feed_unref(feed);
}

/* feeder.lock is held. */
static void wake_feed(struct feeder *feeder, struct feed *feed)
{
    if (feed->phase != FEED_WAITING) return;
    feed->phase = FEED_RUNNING;
    cond_broadcast(&feeder->changed);
}

void feed_want(struct database *db, struct feed *feed)
{
    if (!feed) return;
    mutex_lock(&db->feeder.lock);
    wake_feed(&db->feeder, feed);
    mutex_unlock(&db->feeder.lock);
}

void feed_installed(struct database *db, struct feed *feed)
{
    if (feed && feed->is_paced) feed_want(db, feed);
}

const char *feed_state(struct database *db, struct feed *feed, struct laminar_error *failure)
{
    static const char *const names[] = {"waiting", "running", "ended", "failed"};
    mutex_lock(&db->feeder.lock);
    enum feed_phase phase = feed->phase;
    if (failure) *failure = feed->failure;
    mutex_unlock(&db->feeder.lock);
    return names[phase];
}

/* --- Queries over sources that end ------------------------------------------------------------------ */

static bool reads(const struct relation *relation, const struct relation *source)
{
    if (relation == source) return true;
    for (uint32_t i = 0; i < relation->n_inputs; i++)
        if (reads(relation->inputs[i], source)) return true;
    return false;
}

/* Has one of the sources below not come to its end? Wakes those that wait for a reader. feeder.lock is held. */
static laminar_status look(struct feeder *feeder, struct relation *const *relations, uint32_t n,
                           bool *is_open, struct laminar_error *err)
{
    *is_open = false;
    for (size_t i = 0; i < feeder->feeds.n; i++) {
        struct feed *feed = feeder->feeds.items[i];
        bool is_read = false;
        for (uint32_t r = 0; r < n && !is_read; r++) is_read = reads(relations[r], feed->relation);
        if (!is_read) continue;
        wake_feed(feeder, feed);
        if (feed->is_finite && feed->phase == FEED_FAILED) {
            if (err) *err = feed->failure;
            return feed->failure.code;
        }
        *is_open |= feed->is_finite && feed->phase == FEED_RUNNING;
    }
    return LAMINAR_OK;
}

laminar_status feed_wait(struct database *db, struct relation *const *relations, uint32_t n,
                         const _Atomic bool *is_cancelled, struct laminar_error *err)
{
    struct feeder *feeder = &db->feeder;
    laminar_status status;
    mutex_lock(&feeder->lock);
    for (;;) {
        bool is_open = false;
        status = LAMINAR_OK;
        if (!feeder->is_started || feeder->is_stopping || fork_guard_is_fork(&db->fork)) break;
        status = look(feeder, relations, n, &is_open, err);
        if (status != LAMINAR_OK || !is_open) break;
        if (atomic_load_explicit(is_cancelled, memory_order_relaxed)) break; /* the query sees it */
        cond_wait_until(&feeder->changed, &feeder->lock, clock_mono_us() + WAIT_US);
    }
    mutex_unlock(&feeder->lock);
    return status;
}
