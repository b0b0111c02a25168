/* database.c - the life of a database: open, start, shutdown, close, and the reference count that lets handles outlive it. */
#include "base/error.h"
#include "engine/durable_internal.h"
#include "engine/engine.h"
#include <string.h>

struct database *database_ref(struct database *db)
{
    atomic_fetch_add_explicit(&db->refs, 1, memory_order_relaxed);
    return db;
}

static void free_pending_list(struct pending *list)
{
    while (list) {
        struct pending *next = list->next;
        mem_free(list);
        list = next;
    }
}

static void destroy(struct database *db)
{
    durable_free(db->durable);
    circuit_free(db->circuit);
    catalog_deinit(&db->catalog);
    function_library_unref(db->functions);
    free_pending_list(db->free_pending);
    for (struct query_entry *entry = db->queries, *next; entry; entry = next) {
        next = entry->next;
        mem_free(entry->sql);
        mem_free(entry);
    }
    dead_letters_free(db->dead_letters);
    ARRAY_DEINIT(&db->late);
    ARRAY_DEINIT(&db->held);
    ARRAY_DEINIT(&db->lost_epochs);
    ARRAY_DEINIT(&db->all_subs);
    spill_unref(db->spill);
    batch_pool_free(db->pool);
    mem_free(db->path);
    strmap_deinit_owned(&db->variables);
    feeder_deinit(&db->feeder);
    timer_deinit(&db->timer);
    fork_guard_deinit(&db->fork);
    mutex_deinit(&db->registry);
    cond_deinit(&db->queue_room);
    mutex_deinit(&db->queue);
    mutex_deinit(&db->step);
    mutex_deinit(&db->control);
    mutex_deinit(&db->closing);
    mutex_deinit(&db->spilling);
    mem_free(db);
}

void database_unref(struct database *db)
{
    if (db && atomic_fetch_sub_explicit(&db->refs, 1, memory_order_acq_rel) == 1) destroy(db);
}

laminar_status database_check_open(const struct database *db, struct laminar_error *err)
{
    int state = atomic_load_explicit(&db->state, memory_order_acquire);
    if (unlikely(state == DB_CLOSED)) {
        error_set(err, LAMINAR_CONNECTION_CLOSED, "the connection is closed");
        error_hint(err, "open a new one");
        return LAMINAR_CONNECTION_CLOSED;
    }
    if (unlikely(state == DB_STOPPED)) {
        error_set(err, LAMINAR_SHUTDOWN, "the database was shut down");
        error_hint(err, "open a new connection");
        return LAMINAR_SHUTDOWN;
    }
    if (fork_guard_is_fork(&db->fork)) {
        error_set(err, LAMINAR_CONNECTION_FAILED,
                  "the connection was opened by process %d, and this is its fork", db->fork.pid);
        error_hint(err, "open a connection after the fork: locks and threads do not survive it");
        return LAMINAR_CONNECTION_FAILED;
    }
    if (unlikely(function_library_is_calling(db->functions))) {
        error_set(err, LAMINAR_QUERY_FAILED,
                  "the database is used by a function that it is calling");
        error_hint(err,
                   "functions run in the middle of a step: give them what they need as arguments");
        return LAMINAR_QUERY_FAILED;
    }
    return LAMINAR_OK;
}

/* The database's own copy of the variables that it is opened with. */
static laminar_status copy_variables(struct database *db, struct laminar_error *err)
{
    const struct strmap *from = db->settings.variables;
    const char *name, *value;
    db->settings.variables = &db->variables;
    for (size_t i = 0; from && (value = strmap_next(from, &i, &name));) {
        char *copy = mem_strdup(value);
        if (!copy || !strmap_put(&db->variables, name, strlen(name), copy)) {
            mem_free(copy);
            return error_oom(err);
        }
    }
    return LAMINAR_OK;
}

laminar_status database_open(const char *path, const struct settings *settings,
                             struct database **out, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct database *db = NULL;
    if (!path || !*path)
        return error_set(err, LAMINAR_CONNECTION_FAILED,
                         "the path is empty: ':memory:' or a directory is expected");
    db = mem_calloc(1, sizeof *db);
    if (!db) return error_oom(err);
    atomic_init(&db->refs, 1);
    mutex_init(&db->closing);
    mutex_init(&db->spilling);
    memory_spiller_init(&db->spiller, db, false);
    mutex_init(&db->control);
    mutex_init(&db->step);
    mutex_init(&db->queue);
    mutex_init(&db->registry);
    cond_init(&db->queue_room);
    timer_init(&db->timer);
    feeder_init(&db->feeder);
    catalog_init(&db->catalog);
    db->opened_us = clock_mono_us();
    fork_guard_init(&db->fork);
    db->next_query_id = 1;
    if (settings)
        db->settings = *settings;
    else
        settings_init(&db->settings);
    if (!(db->path = mem_strdup(path)) || !(db->pool = batch_pool_create()) ||
        !(db->functions = function_library_create()))
        TRY(error_oom(err));
    TRY(copy_variables(db, err));
    memory_limit_changed(db);
    TRY(circuit_create(&db->account, &db->circuit, err));
    circuit_set_spill(db->circuit, &db->spiller.base);
    TRY(dead_letters_create(db, err));
    TRY(system_install(db, err));
    if (strcmp(path, ":memory:") != 0) {
        TRY(durable_open(db, path, err));
        memory_limit_changed(db); /* by a SET in the log */
    }
    *out = db;
    return LAMINAR_OK;
done:
    if (db && db->durable) { /* what was recovered so far holds references */
        laminar_status closed = database_close(db, NULL);
        (void)closed;
    }
    database_unref(db);
    return status;
}

laminar_status database_start(struct database *db, struct laminar_error *err)
{
    laminar_status status = database_check_open(db, err);
    if (status != LAMINAR_OK) return status;
    status = timer_start(db, err);
    if (status != LAMINAR_OK) return status;
    int expected = DB_CREATED;
    atomic_compare_exchange_strong_explicit(&db->state, &expected, DB_RUNNING, memory_order_acq_rel,
                                            memory_order_acquire);
    return feeder_start(db, err);
}

static void finish_all_subscriptions(struct database *db)
{
    mutex_lock(&db->registry);
    for (size_t i = 0; i < db->all_subs.n; i++) subscription_finish(db->all_subs.items[i], NULL);
    for (struct query_entry *entry = db->queries; entry; entry = entry->next)
        if (entry->is_active && !entry->is_subscription)
            atomic_store_explicit(&entry->is_cancelled, true, memory_order_relaxed);
    mutex_unlock(&db->registry);
}

/* Wakes writers that wait for room: they see the new state. */
static void wake_writers(struct database *db)
{
    mutex_lock(&db->queue);
    cond_broadcast(&db->queue_room);
    mutex_unlock(&db->queue);
}

laminar_status database_shutdown(struct database *db, struct laminar_error *err)
{
    int state = atomic_load_explicit(&db->state, memory_order_acquire);
    if (state == DB_CLOSED || function_library_is_calling(db->functions))
        return database_check_open(db, err);
    if (state == DB_STOPPED) return LAMINAR_OK;
    engine_lock_step(db); /* what was accepted is delivered first, */
    /* and so is what EMIT EVERY holds back; what the log does not take is given out after the next start */
    laminar_status status = engine_flush_step(db, FLUSH_ALL, err);
    atomic_store_explicit(&db->state, DB_STOPPED, memory_order_release);
    engine_unlock_step(db);
    timer_stop(db);
    wake_writers(db);
    feeder_stop(db);
    finish_all_subscriptions(db);
    return status;
}

/* Relations in reverse order of creation: readers go before what they read. */
laminar_status database_remove_relations(struct database *db, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    ARRAY_OF(struct relation *) list = {0};
    struct relation *relation;
    for (size_t i = 0; (relation = catalog_next(&db->catalog, &i));)
        if (!ARRAY_PUSH(&list, relation)) TRY(error_oom(err));
    for (size_t i = list.n; i-- > 0;) {
        if (list.items[i]->kind == RELATION_SYSTEM) continue;
        runtime_remove(db, list.items[i]);
    }
done:
    ARRAY_DEINIT(&list);
    return status;
}

static laminar_status close_once(struct database *db, struct laminar_error *err)
{
    laminar_status status = database_shutdown(db, NULL);
    (void)status;
    cursors_close(db); /* they hold references to the database */
    laminar_status stored = db->durable ? durable_close(db, err) : LAMINAR_OK;
    struct laminar_error *rest = stored == LAMINAR_OK ? err : NULL;
    mutex_lock(&db->control);
    atomic_store_explicit(&db->state, DB_CLOSED, memory_order_release);
    status = subscriptions_uninstall_readers(db, NULL, rest);
    if (status == LAMINAR_OK) status = database_remove_relations(db, rest);
    mutex_unlock(&db->control);
    return stored == LAMINAR_OK ? status : stored;
}

laminar_status database_close(struct database *db, struct laminar_error *err)
{
    /* a fork's copy: nothing of it may be touched */
    if (fork_guard_is_fork(&db->fork)) return LAMINAR_OK;
    if (function_library_is_calling(db->functions)) return database_check_open(db, err);
    subscriptions_free_deferred(db);
    laminar_status status = LAMINAR_OK;
    mutex_lock(&db->closing); /* who comes second returns when all is done, too */
    if (atomic_load_explicit(&db->state, memory_order_acquire) != DB_CLOSED)
        status = close_once(db, err);
    mutex_unlock(&db->closing);
    return status;
}
