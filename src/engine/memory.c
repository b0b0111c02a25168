/* memory.c - how much memory a database holds, and what happens at memory_limit.
 *
 * Counted: state tables with their indexes and heaps, kept rows, what running queries hold (db->account and its children), and all batches, queued,
 * shared with readers or waiting in the pool for their next use. Not counted: scratch of operators, plans, the catalog. Counting is a few additions a
 * batch, page or slab, never one a row.
 *
 * At the limit the pool's free batches go first. Then kept rows of append-only relations go to a file, oldest first (state_log_spill), in the folder of
 * the database or in temp_directory; a database in memory without one has nowhere to put them. If that isn't enough, rows that come from outside are refused before they have changed anything, or
 * their writer waits (memory_wait_ms); what only takes away (deletes, watermarks) always passes, and so does what was accepted before (the log
 * of a recovery). A step that has begun is never stopped: so the limit is passed by what one step adds, and by no more. A query, or
 * the backfill of a new stream, is stopped between two chunks and fails; nothing of it stays. */
#include "base/error.h"
#include "engine/durable_internal.h"
#include "engine/engine.h"
#include <stdio.h>

enum {
    POOL_SHARE = 8, /* free batches keep at most this part of the limit */
    /* a query that holds no more never fails: the limit can be looked into */
    QUERY_FREE_BYTES = 1 << 20,
    WAIT_ROUND_US = 2000,
    CONTROL_WAIT_MS = 1000
};

int64_t memory_used(const struct database *db)
{
    return atomic_load_explicit(&((struct database *)(uintptr_t)db)->account.bytes,
                                memory_order_relaxed) +
           batch_pool_bytes(db->pool);
}

void memory_limit_changed(struct database *db)
{
    int64_t limit = atomic_load_explicit(&db->settings.number[SETTING_ID_memory_limit],
                                         memory_order_relaxed);
    batch_pool_set_max(db->pool, limit ? (size_t)(limit / POOL_SHARE) : SIZE_MAX);
}

/* 0: there is room. Else the limit, and what is in use, `more` included. */
static int64_t passed_limit(struct database *db, int64_t more, int64_t *used)
{
    int64_t limit = atomic_load_explicit(&db->settings.number[SETTING_ID_memory_limit],
                                         memory_order_relaxed);
    if (limit == 0) return 0;
    *used = memory_used(db) + more;
    if (likely(*used < limit)) return 0;
    batch_pool_trim(db->pool, 0);
    *used = memory_used(db) + more;
    return *used < limit ? 0 : limit;
}

/* --- Spilling -------------------------------------------------------------------------------------------------------------------- */

void memory_folder_changed(struct database *db)
{
    engine_lock_step(db);
    spill_unref(db->spill); /* what is in the file stays there for as long as it is kept */
    db->spill = NULL;
    engine_unlock_step(db);
}

/* Of this process and database alone; the name goes as soon as the file is open. */
static laminar_status open_spill(struct database *db, struct laminar_error *err)
{
    const char *folder = db->settings.text[SETTING_ID_temp_directory];
    if (!*folder && db->durable) folder = db->durable->folder;
    struct strbuf path = {0};
    strbuf_printf(&path, "%s/laminar-%d-%llx.spill", folder, db->fork.pid,
                  (unsigned long long)(uintptr_t)db);
    laminar_status status = path.failed ? error_oom(err) : spill_create(path.data, &db->spill, err);
    strbuf_deinit(&path);
    return status;
}

static bool can_spill(const struct database *db)
{
    if (*db->settings.text[SETTING_ID_temp_directory]) return true;
    return db->durable && !db->durable->is_read_only;
}

/* DDL waits for connectors with control held, and a connector may be the one that inserts: so control is only tried for. */
static bool lock_control(struct database *db)
{
    int64_t deadline = clock_deadline_us(CONTROL_WAIT_MS);
    while (!mutex_try_lock(&db->control)) {
        if (clock_mono_us() >= deadline || database_check_open(db, NULL) != LAMINAR_OK)
            return false;
        clock_sleep_us(WAIT_ROUND_US / 4);
    }
    return true;
}

/* Kept rows go to the file until a quarter of the limit is free, or all are there. The caller holds no lock. */
static laminar_status make_room(struct database *db, int64_t limit, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct relation *relation;
    if (!lock_control(db)) return LAMINAR_OK;
    engine_lock_step(db);
    if (!can_spill(db)) goto done;
    if (!db->spill) TRY(open_spill(db, err));
    int64_t target = limit / 4 * 3;
    for (size_t i = 0; (relation = catalog_next(&db->catalog, &i));) {
        struct relation_runtime *runtime = relation->runtime;
        int64_t used = memory_used(db);
        if (used <= target) break;
        if (runtime && runtime->store)
            TRY(store_spill(runtime->store, db->spill, (size_t)(used - target), err));
    }
done:
    engine_unlock_step(db);
    mutex_unlock(&db->control);
    batch_pool_trim(db->pool, 0);
    return status;
}

/* --- Admission --------------------------------------------------------------------------------------------------------------------- */

static laminar_status refuse(int64_t used, int64_t limit, struct laminar_error *err)
{
    error_set(err, LAMINAR_INGESTION_FAILED,
              "the memory limit is reached: %lld of %lld bytes are in use", (long long)used,
              (long long)limit);
    error_hint(
        err, "raise memory_limit, keep fewer rows (WITH ('retention' = ...)), set temp_directory, "
             "or drop streams; with memory_wait_ms inserts wait for room");
    if (err) err->is_retriable = true;
    return LAMINAR_INGESTION_FAILED;
}

laminar_status memory_admit(struct database *db, struct laminar_error *err)
{
    int64_t used, limit;
    if (likely((limit = passed_limit(db, 0, &used)) == 0)) return LAMINAR_OK;
    laminar_status status = make_room(db, limit, err);
    if (status != LAMINAR_OK) return status;
    if ((limit = passed_limit(db, 0, &used)) == 0) return LAMINAR_OK;
    int64_t wait_ms = atomic_load_explicit(&db->settings.number[SETTING_ID_memory_wait_ms],
                                           memory_order_relaxed);
    if (wait_ms == 0) return refuse(used, limit, err);
    int64_t deadline = clock_deadline_us(wait_ms);
    atomic_fetch_add_explicit(&db->backpressure_waits, 1, memory_order_relaxed);
    mutex_lock(&db->queue);
    for (;;) {
        int64_t now = clock_mono_us();
        status = database_check_open(db, err);
        if (status != LAMINAR_OK || (limit = passed_limit(db, 0, &used)) == 0) break;
        if (now >= deadline) {
            status = refuse(used, limit, err);
            break;
        }
        int64_t next = now + WAIT_ROUND_US;
        /* nobody says when memory is given back; shutdown and close wake us here */
        cond_wait_until(&db->queue_room, &db->queue, next < deadline ? next : deadline);
    }
    mutex_unlock(&db->queue);
    return status;
}

static laminar_status check_guard(struct memory_guard *base, struct laminar_error *err)
{
    struct query_memory *memory = CONTAINER_OF(base, struct query_memory, base);
    int64_t used;
    int64_t limit = passed_limit(memory->db, memory->uncounted_bytes, &used);
    if (likely(limit == 0)) return LAMINAR_OK;
    int64_t own = atomic_load_explicit(&((struct mem_account *)(uintptr_t)base->account)->bytes,
                                       memory_order_relaxed) +
                  base->result_bytes - base->free_bytes + QUERY_FREE_BYTES;
    error_set(err, LAMINAR_QUERY_FAILED,
              "the memory limit is reached: %lld of %lld bytes are in use, %lld of them by this %s",
              (long long)used, (long long)limit, (long long)own,
              memory->is_backfill ? "statement" : "query");
    error_hint(err, "raise memory_limit, or let it read fewer rows or groups");
    if (err) err->is_retriable = true;
    return LAMINAR_QUERY_FAILED;
}

struct query_memory memory_guard_query(struct database *db, struct mem_account *account,
                                       bool is_backfill)
{
    int64_t before = atomic_load_explicit(&account->bytes, memory_order_relaxed);
    return (struct query_memory){
        .base = {.account = account, .free_bytes = before + QUERY_FREE_BYTES, .check = check_guard},
        .db = db,
        .is_backfill = is_backfill};
}
