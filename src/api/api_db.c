/* api_db.c - laminar_open ... laminar_shutdown, laminar_execute, metrics: arguments are checked here, the rest is the engine's. */
#include "api/handles.h"
#include "base/error.h"
#include "engine/durable.h"
#include "sql/parser.h"
#include "vector/arrow.h"
#include <string.h>

const char *laminar_version(void) { return LAMINAR_VERSION_STRING; }
const char *laminar_status_title(laminar_status status) { return status_title(status); }
const char *laminar_status_name(laminar_status status) { return status_name(status); }
void laminar_free(void *ptr) { mem_free(ptr); }

laminar_status api_null(const char *what, struct laminar_error *err)
{
    return error_set(err, LAMINAR_INVALID_ARGUMENT, "%s is NULL", what);
}

/* --- Options --------------------------------------------------------------------------------------------------------------- */

laminar_status laminar_config_create(laminar_config **out, laminar_error *err)
{
    if (!out) return api_null("out", err);
    laminar_config *config = mem_calloc(1, sizeof *config);
    if (!config) return error_oom(err);
    settings_init(&config->settings);
    config->settings.variables = &config->variables;
    *out = config;
    return LAMINAR_OK;
}

void laminar_config_free(laminar_config *config)
{
    if (!config) return;
    strmap_deinit_owned(&config->variables);
    mem_free(config);
}

static laminar_status set_profile(struct settings *settings, const char *value, laminar_error *err)
{
    static const struct {
        const char *profile, *name, *value;
    } rows[] = {{"embedded", "buffer_size", NULL},
                {"bare_metal", "buffer_size", "16384"},
                {"bare_metal", "coalesce_rows", "2048"},
                {"bare_metal", "stall_timeout_ms", "1"},
                {"durable", "durability", "sync"}};
    bool found = false;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        if (strcmp(rows[i].profile, value) != 0) continue;
        found = true;
        laminar_status status = settings_set(settings, rows[i].name, rows[i].value, err);
        if (status != LAMINAR_OK) return status;
    }
    if (found) return LAMINAR_OK;
    if (strcmp(value, "cluster") == 0) {
        error_set(err, LAMINAR_QUERY_UNSUPPORTED, "the profile '%s' is not available in this build",
                  value);
        error_hint(err, "use embedded, bare_metal or durable");
        return LAMINAR_QUERY_UNSUPPORTED;
    }
    error_set(err, LAMINAR_INVALID_ARGUMENT, "'%.64s' is not a profile", value);
    error_hint(err, "the profiles are embedded, bare_metal and durable");
    return LAMINAR_INVALID_ARGUMENT;
}

laminar_status laminar_config_set(laminar_config *config, const char *name, const char *value,
                                  laminar_error *err)
{
    if (!config || !name || !value)
        return api_null(!config ? "config" : !name ? "name" : "value", err);
    if (strcmp(name, "profile") == 0) return set_profile(&config->settings, value, err);
    return settings_set(&config->settings, name, value, err);
}

laminar_status laminar_config_set_variable(laminar_config *config, const char *name,
                                           const char *value, laminar_error *err)
{
    if (!config || !name || !value)
        return api_null(!config ? "config" : !name ? "name" : "value", err);
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    if (!*name || name[strspn(name, letters)]) {
        error_set(err, LAMINAR_INVALID_ARGUMENT, "\"%s\" is not a variable's name", name);
        error_hint(err, "names are letters, digits and '_'");
        return LAMINAR_INVALID_ARGUMENT;
    }
    char *copy = mem_strdup(value);
    if (!copy) return error_oom(err);
    char *before = strmap_remove(&config->variables, name, strlen(name));
    mem_free(before);
    if (strmap_put(&config->variables, name, strlen(name), copy)) return LAMINAR_OK;
    mem_free(copy);
    return error_oom(err);
}

/* --- Life --------------------------------------------------------------------------------------------------------------------- */

laminar_status laminar_open(const char *path, const laminar_config *config, laminar_db **out_db,
                            laminar_error *err)
{
    if (!out_db) return api_null("out_db", err);
    laminar_db *handle = mem_calloc(1, sizeof *handle);
    if (!handle) return error_oom(err);
    laminar_status status = database_open(path, config ? &config->settings : NULL, &handle->db,
                                          err);
    if (status != LAMINAR_OK) {
        mem_free(handle);
        return status;
    }
    *out_db = handle;
    return LAMINAR_OK;
}

laminar_status laminar_close(laminar_db *db, laminar_error *err)
{
    return db ? database_close(db->db, err) : api_null("db", err);
}

void laminar_db_free(laminar_db *db)
{
    if (!db) return;
    laminar_status status = database_close(db->db, NULL);
    (void)status;
    database_unref(db->db);
    mem_free(db);
}

bool laminar_is_closed(const laminar_db *db)
{
    return !db || atomic_load_explicit(&db->db->state, memory_order_acquire) == DB_CLOSED;
}

laminar_status laminar_start(laminar_db *db, laminar_error *err)
{
    return db ? database_start(db->db, err) : api_null("db", err);
}

laminar_status laminar_shutdown(laminar_db *db, laminar_error *err)
{
    return db ? database_shutdown(db->db, err) : api_null("db", err);
}

laminar_status laminar_checkpoint(laminar_db *db, uint64_t *out_id, laminar_error *err)
{
    if (!db) return api_null("db", err);
    laminar_status status = database_check_open(db->db, err);
    return status == LAMINAR_OK ? database_checkpoint(db->db, out_id, err) : status;
}

/* --- Statements ------------------------------------------------------------------------------------------------------------------ */

laminar_status laminar_execute(laminar_db *db, const char *sql, laminar_result **out,
                               laminar_error *err)
{
    laminar_status status;
    struct arena arena = {0};
    struct ast_script *script;
    struct statement_result answer = {0};
    laminar_result *reserved = NULL;
    if (!db || !sql) return api_null(!db ? "db" : "sql", err);
    TRY(database_check_open(db->db, err));
    TRY(sql_parse(&arena, sql, strlen(sql), &script, err));
    if (script->n == 0) {
        error_set(err, LAMINAR_SQL_PARSE_ERROR, "there is no statement in the text");
        TRY(LAMINAR_SQL_PARSE_ERROR);
    }
    if (out) TRY(result_reserve(&reserved, err));
    for (size_t i = 0; i < script->n; i++) {
        statement_result_deinit(&answer);
        answer = (struct statement_result){0};
        struct statement_call call = {db->db, sql,     script->size, script->statements[i],
                                      NULL,   &answer, err};
        TRY(engine_execute(&call));
    }
    if (out) TRY(result_finish(&answer, &reserved, out, err));
done:
    mem_free(reserved);
    statement_result_deinit(&answer);
    arena_deinit(&arena);
    return status;
}

/* --- Schemas and metrics ------------------------------------------------------------------------------------------------------------ */

laminar_status laminar_schema(laminar_db *db, const char *name, struct ArrowSchema *out,
                              laminar_error *err)
{
    if (!db || !name || !out) return api_null(!db ? "db" : !name ? "name" : "out", err);
    struct relation *relation;
    laminar_status status = engine_find_relation(db->db, name, &relation, err);
    if (status != LAMINAR_OK) return status;
    status = arrow_export_schema(relation->schema, false, out, err);
    relation_unref(relation);
    return status;
}

/* Writes as much of the struct as the caller's size has room for. */
static void copy_sized(void *out, size_t out_size, const void *in, size_t in_size)
{
    memcpy((char *)out + sizeof(size_t), (const char *)in + sizeof(size_t),
           (out_size < in_size ? out_size : in_size) - sizeof(size_t));
}

static int64_t us_to_ms(int64_t us)
{
    if (us == WATERMARK_NONE) return INT64_MIN;
    return us >= 0 ? us / 1000 : -((-us + 999) / 1000);
}

laminar_status laminar_get_metrics(laminar_db *db, laminar_metrics *out, laminar_error *err)
{
    if (!db || !out) return api_null(!db ? "db" : "out", err);
    if (out->struct_size < sizeof(size_t))
        return error_set(err, LAMINAR_INVALID_ARGUMENT, "struct_size is not set");
    struct database *engine = db->db;
    int state = atomic_load_explicit(&engine->state, memory_order_acquire);
    if (state == DB_CLOSED || function_library_is_calling(engine->functions))
        return database_check_open(engine, err);
    laminar_metrics m = {.struct_size = sizeof m};
    m.state = state == DB_CREATED   ? LAMINAR_PIPELINE_CREATED
              : state == DB_RUNNING ? LAMINAR_PIPELINE_RUNNING
                                    : LAMINAR_PIPELINE_STOPPED;
    m.events_ingested = atomic_load_explicit(&engine->events_ingested, memory_order_relaxed);
    m.events_emitted = atomic_load_explicit(&engine->events_emitted, memory_order_relaxed);
    m.steps = atomic_load_explicit(&engine->steps, memory_order_relaxed);
    m.batches = atomic_load_explicit(&engine->batches, memory_order_relaxed);
    m.backpressure_waits = atomic_load_explicit(&engine->backpressure_waits, memory_order_relaxed);
    m.state_bytes = (uint64_t)atomic_load_explicit(&engine->account.bytes, memory_order_relaxed);
    m.uptime_us = (uint64_t)(clock_mono_us() - engine->opened_us);
    m.watermark_ms = INT64_MIN;
    int64_t watermark = INT64_MAX;
    bool has_watermark = false;
    mutex_lock(&engine->control);
    engine_lock_step(engine);
    struct relation *relation;
    for (size_t i = 0; (relation = catalog_next(&engine->catalog, &i));) {
        struct relation_runtime *runtime = relation->runtime;
        if (!runtime) continue;
        m.n_sources += relation->kind == RELATION_SOURCE;
        m.n_tables += relation->kind == RELATION_TABLE;
        m.n_streams += relation->kind == RELATION_STREAM || relation->kind == RELATION_VIEW;
        m.n_sinks += relation->kind == RELATION_SINK;
        for (size_t j = 0; j < runtime->part.ops.n; j++)
            m.events_late += runtime->part.ops.items[j]->late_rows;
        int64_t us = atomic_load_explicit(&runtime->watermark_us, memory_order_relaxed);
        if (runtime->is_target && us != WATERMARK_NONE) {
            has_watermark = true;
            if (us < watermark) watermark = us;
        }
    }
    engine_unlock_step(engine);
    mutex_unlock(&engine->control);
    if (has_watermark) m.watermark_ms = us_to_ms(watermark);
    m.events_dropped = atomic_load_explicit(&engine->events_dropped, memory_order_relaxed) +
                       m.events_late;
    mutex_lock(&engine->registry);
    m.n_subscriptions = engine->all_subs.n;
    for (struct query_entry *entry = engine->queries; entry; entry = entry->next)
        m.n_active_queries += entry->is_active;
    mutex_unlock(&engine->registry);
    copy_sized(out, out->struct_size, &m, sizeof m);
    return LAMINAR_OK;
}

laminar_status laminar_get_relation_metrics(laminar_db *db, const char *name,
                                            laminar_relation_metrics *out, laminar_error *err)
{
    if (!db || !name || !out) return api_null(!db ? "db" : !name ? "name" : "out", err);
    if (out->struct_size < sizeof(size_t))
        return error_set(err, LAMINAR_INVALID_ARGUMENT, "struct_size is not set");
    struct database *engine = db->db;
    struct relation *relation;
    laminar_status status = engine_find_relation(engine, name, &relation, err);
    if (status != LAMINAR_OK) return status;
    laminar_relation_metrics m = {.struct_size = sizeof m, .watermark_ms = INT64_MIN};
    mutex_lock(&engine->queue);
    for (struct pending *p = engine->queue_head; p; p = p->next)
        if (p->relation == relation && p->batch) m.pending_rows += p->batch->n_rows;
    mutex_unlock(&engine->queue);
    m.capacity_rows = (uint64_t)engine->settings.number[SETTING_ID_buffer_size];
    engine_lock_step(engine);
    struct relation_runtime *runtime = relation->runtime;
    if (runtime) {
        m.total_rows = atomic_load_explicit(&runtime->total_rows, memory_order_relaxed);
        m.watermark_ms = us_to_ms(
            atomic_load_explicit(&runtime->watermark_us, memory_order_relaxed));
        m.kept_rows = runtime_n_rows(runtime);
        m.kept_bytes = runtime->store ? store_bytes(runtime->store) : 0;
        for (size_t j = 0; j < runtime->part.ops.n; j++)
            m.late_rows += runtime->part.ops.items[j]->late_rows;
        for (size_t j = 0; j < runtime->subs.n; j++) {
            uint64_t pending = subscription_pending_rows(runtime->subs.items[j]);
            if (!runtime->is_target && pending > m.pending_rows) m.pending_rows = pending;
        }
    }
    engine_unlock_step(engine);
    m.is_backpressured = m.pending_rows >= m.capacity_rows;
    relation_unref(relation);
    copy_sized(out, out->struct_size, &m, sizeof m);
    return LAMINAR_OK;
}

laminar_status laminar_cancel_query(laminar_db *db, uint64_t query_id, laminar_error *err)
{
    return db ? query_cancel(db->db, query_id, err) : api_null("db", err);
}
