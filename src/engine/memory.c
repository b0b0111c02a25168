/* memory.c - how much memory a database holds, and what happens at memory_limit.
 *
 * Counted: state tables with their indexes and heaps, kept rows, what running queries hold (db->account and its children), and all batches, queued,
 * shared with readers or waiting in the pool for their next use. Not counted: scratch of operators, plans, the catalog. Counting is a few additions a
 * batch, page or slab, never one a row.
 *
 * At the limit the pool's free batches go first. Then kept rows of append-only relations go to a file, oldest first (state_log_spill), and groups, rows of joins and rows of
 * tables that weren't used for the longest time (state_hash_cold.h, state_rows_cold.h), in the folder of the database or in temp_directory; a database in memory without one has nowhere to
 * put them. Within a step, a query or a backfill, they look after themselves, between two chunks (state_hash_relax, state_rows_relax). If that isn't enough, rows that come from outside are refused before they have changed anything, or
 * their writer waits (memory_wait_ms); what only takes away (deletes, watermarks) always passes, and so does what was accepted before (the log
 * of a recovery). A step that has begun is never stopped: so the limit is passed by what one step adds, and by no more. A query, or
 * the backfill of a new stream, is stopped between two chunks and fails; nothing of it stays. */
#include "base/error.h"
#include "base/file.h"
#include "engine/durable_internal.h"
#include "engine/engine.h"
#include <stdio.h>
#include <string.h>

#define SPILL_SUFFIX ".spill"

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
    mutex_lock(&db->spilling);
    spill_unref(db->spill); /* what is in the file stays there for as long as it is kept */
    db->spill = NULL;
    mutex_unlock(&db->spilling);
}

int64_t memory_spilled_bytes(struct database *db)
{
    mutex_lock(&db->spilling);
    int64_t bytes = db->spill ? (int64_t)spill_bytes(db->spill) : 0;
    mutex_unlock(&db->spilling);
    return bytes;
}

/* Under `spilling`. NULL: there is no place. */
static const char *spill_folder(const struct database *db)
{
    const char *folder = db->settings.text[SETTING_ID_temp_directory];
    if (*folder) return folder;
    return db->durable && !db->durable->is_read_only ? db->durable->folder : NULL;
}

static bool can_spill(struct database *db)
{
    mutex_lock(&db->spilling);
    bool can = spill_folder(db) != NULL;
    mutex_unlock(&db->spilling);
    return can;
}

/* Of this process and database alone; the name goes as soon as the file is open. */
static laminar_status spill_file(struct spill_policy *policy, struct spill **out,
                                 struct laminar_error *err)
{
    struct database *db = CONTAINER_OF(policy, struct memory_spiller, base)->db;
    laminar_status status = LAMINAR_OK;
    mutex_lock(&db->spilling);
    const char *folder = spill_folder(db);
    if (!db->spill && folder) {
        struct strbuf path = {0};
        strbuf_printf(&path, "%s/laminar-%d-%llx" SPILL_SUFFIX, folder, db->fork.pid,
                      (unsigned long long)(uintptr_t)db);
        status = path.failed ? error_oom(err) : spill_create(path.data, &db->spill, err);
        strbuf_deinit(&path);
    }
    *out = db->spill ? spill_ref(db->spill) : NULL;
    mutex_unlock(&db->spilling);
    return status;
}

static laminar_status remove_leftover(void *ctx, const char *name, struct laminar_error *err)
{
    size_t size = strlen(name), suffix = sizeof SPILL_SUFFIX - 1;
    if (strncmp(name, "laminar-", 8) != 0 || size < suffix ||
        strcmp(name + size - suffix, SPILL_SUFFIX) != 0)
        return LAMINAR_OK;
    struct strbuf path = {0};
    strbuf_printf(&path, "%s/%s", (const char *)ctx, name);
    laminar_status status = path.failed ? error_oom(err) : file_remove(path.data, err);
    strbuf_deinit(&path);
    return status;
}

laminar_status memory_remove_leftovers(const char *folder, struct laminar_error *err)
{
    return folder_list(folder, remove_leftover, (void *)(uintptr_t)folder, err);
}

static size_t spill_excess(struct spill_policy *policy)
{
    struct memory_spiller *spiller = CONTAINER_OF(policy, struct memory_spiller, base);
    struct database *db = spiller->db;
    if (unlikely(atomic_load_explicit(&db->settings.number[SETTING_ID_spill_always],
                                      memory_order_relaxed)))
        return can_spill(db) ? SIZE_MAX : 0;
    int64_t limit = atomic_load_explicit(&db->settings.number[SETTING_ID_memory_limit],
                                         memory_order_relaxed);
    if (limit == 0) return 0;
    bool is_strict = atomic_load_explicit(&spiller->is_strict, memory_order_relaxed);
    int64_t most = is_strict ? limit / 8 * 7 : limit;
    if (memory_used(db) < most || !can_spill(db)) return 0;
    batch_pool_trim(db->pool, 0);
    int64_t used = memory_used(db);
    return used < most ? 0 : (size_t)(used - most + limit / 8);
}

void memory_spiller_init(struct memory_spiller *spiller, struct database *db, bool is_strict)
{
    *spiller = (struct memory_spiller){.base = {.excess = spill_excess, .file = spill_file},
                                       .db = db};
    atomic_init(&spiller->is_strict, is_strict);
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

struct state_walk {
    struct relation *relation;
    size_t next_relation, op, state;
    bool has_kept;
};
/* The next table that may be spilled; NULL at the end. */
static struct state *next_state(struct database *db, struct state_walk *walk)
{
    for (;;) {
        struct relation_runtime *runtime = walk->relation ? walk->relation->runtime : NULL;
        if (walk->relation && walk->relation->kind == RELATION_SYSTEM) runtime = NULL;
        if (runtime && runtime->store && !walk->has_kept) {
            struct state *state = store_state(runtime->store);
            walk->has_kept = true;
            if (state->can_spill) return state;
        }
        for (; runtime && walk->op < runtime->part.ops.n; walk->op++, walk->state = 0) {
            const struct op *op = runtime->part.ops.items[walk->op];
            while (walk->state < op->states.n) {
                struct state *state = op->states.items[walk->state++];
                if (state->can_spill) return state;
            }
        }
        walk->op = walk->state = 0;
        walk->has_kept = false;
        if (!(walk->relation = catalog_next(&db->catalog, &walk->next_relation))) return NULL;
    }
}

/* Each table gives up its part of what is to go, in the order of use of what is in it. */
static laminar_status spill_state(struct database *db, int64_t target, struct laminar_error *err)
{
    struct state *state;
    /* what leaves isn't always given back at once: pages of a snapshot, strings in a heap */
    for (int round = 0; round < 3; round++) {
        int64_t excess = memory_used(db) - target;
        double total = 0;
        if (excess <= 0) break;
        for (struct state_walk walk = {0}; (state = next_state(db, &walk));)
            total += (double)state_bytes(state);
        for (struct state_walk walk = {0}; (state = next_state(db, &walk));) {
            double share = (double)state_bytes(state) / total * (double)excess;
            size_t freed = 0;
            laminar_status status = state_spill(state, (size_t)share + 1, &freed, err);
            if (status != LAMINAR_OK) return status;
        }
    }
    return LAMINAR_OK;
}

/* Kept rows, then state, go to the file until a quarter of the limit is free, or all are there. The caller holds no lock. */
static laminar_status make_room(struct database *db, int64_t limit, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct relation *relation;
    struct spill *spill = NULL;
    if (!lock_control(db)) return LAMINAR_OK;
    engine_lock_step(db);
    TRY(spill_file(&db->spiller.base, &spill, err));
    if (!spill) goto done;
    int64_t target = limit / 4 * 3;
    for (size_t i = 0; (relation = catalog_next(&db->catalog, &i));) {
        struct relation_runtime *runtime = relation->runtime;
        int64_t used = memory_used(db);
        if (used <= target) break;
        if (runtime && runtime->store)
            TRY(store_spill(runtime->store, spill, (size_t)(used - target), err));
    }
    if (memory_used(db) > target) TRY(spill_state(db, target, err));
done:
    spill_unref(spill);
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
