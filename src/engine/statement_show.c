/* statement_show.c - SHOW, SHOW CREATE, DESCRIBE, EXPLAIN, SET. SHOW of a list is a query over a system relation. */
#include "base/error.h"
#include "engine/durable.h"
#include "engine/engine.h"
#include "engine/rowset.h"
#include "sql/parser.h"
#include "sql/printer.h"
#include <stdio.h>
#include <string.h>

static const char *show_query(enum ast_show_kind kind)
{
    switch (kind) {
    case AST_SHOW_SOURCES:
        return "SELECT name, columns, primary_key, watermark_column, connector, retention, kept_rows FROM system.sources ORDER BY name";
    case AST_SHOW_TABLES:
        return "SELECT name, columns, primary_key, connector, kept_rows FROM system.tables ORDER BY name";
    case AST_SHOW_LOOKUP_TABLES:
        return "SELECT name, columns, primary_key, connector, kept_rows FROM system.tables WHERE is_lookup ORDER BY name";
    case AST_SHOW_STREAMS:
        return "SELECT name, sql, append_only, key, state_bound, kept_rows, state, error FROM system.streams WHERE kind = 'STREAM' ORDER BY name";
    case AST_SHOW_MATERIALIZED_VIEWS:
        return "SELECT name, sql, append_only, key, state_bound, kept_rows, state, error FROM system.streams "
               "WHERE kind = 'MATERIALIZED VIEW' ORDER BY name";
    case AST_SHOW_SINKS:
        return "SELECT name, sql, connector, format, total_rows, state, error FROM system.sinks ORDER BY name";
    case AST_SHOW_QUERIES: return "SELECT id, sql, active, kind FROM system.queries ORDER BY id";
    case AST_SHOW_FUNCTIONS:
        return "SELECT name, kind, signature, help FROM system.functions ORDER BY name, kind";
    case AST_SHOW_CONNECTORS:
        return "SELECT name, is_source, is_sink, help FROM system.connectors ORDER BY name";
    case AST_SHOW_ALL: return "SELECT name, value, help FROM system.settings ORDER BY name";
    case AST_SHOW_CHECKPOINT_STATUS:
    case AST_SHOW_NAME: return NULL;
    }
    return NULL;
}

/* A rowset under construction with the schema of the answer. */
static laminar_status start_rows(struct statement_call *call, const struct schema_column *columns,
                                 uint32_t n, struct rowset *set)
{
    call->out->kind = LAMINAR_RESULT_METADATA;
    call->out->rows.schema = schema_create(columns, n);
    if (!call->out->rows.schema) return error_oom(call->err);
    return rowset_init(set, call->out->rows.schema, call->err);
}

static laminar_status end_rows(struct statement_call *call, struct rowset *set)
{
    struct batch *batch = NULL;
    laminar_status status = rowset_finish(set, &batch, call->err);
    if (status == LAMINAR_OK) status = rows_add(&call->out->rows, batch, call->err);
    rowset_deinit(set);
    return status;
}

static laminar_status show_setting(struct statement_call *call, const struct ast_qname *name)
{
    struct rowset set;
    const char *text = ast_qname_last(name)->text;
    int id = settings_find(text);
    if (id < 0) {
        struct settings scratch;
        settings_init(&scratch);
        laminar_status status = settings_set(&scratch, text, NULL, call->err);
        if (call->err) call->err->code = LAMINAR_QUERY_FAILED;
        (void)status;
        return statement_at(call, LAMINAR_QUERY_FAILED, name->span.start);
    }
    struct schema_column column = {setting_table[id].name, TYPE(VARCHAR), false};
    laminar_status status = start_rows(call, &column, 1, &set);
    if (status != LAMINAR_OK) return status;
    mutex_lock(&call->db->control);
    rowset_text(&set, call->db->settings.text[id]);
    mutex_unlock(&call->db->control);
    return end_rows(call, &set);
}

struct newest {
    bool has_any;
    struct checkpoint_info info;
    int64_t n;
};

static laminar_status note_newest(void *ctx, const struct checkpoint_info *info,
                                  struct laminar_error *err)
{
    struct newest *newest = ctx;
    (void)err;
    newest->has_any = true;
    newest->info = *info;
    newest->n++;
    return LAMINAR_OK;
}

static laminar_status show_checkpoints(struct statement_call *call)
{
    struct rowset set;
    const struct schema_column columns[] = {
        {"enabled", TYPE(BOOL), false},       {"last_checkpoint_id", TYPE(INT64), true},
        {"note", TYPE(VARCHAR), true},        {"last_step", TYPE(INT64), true},
        {"created_ms", TYPE(INT64), true},    {"state_bytes", TYPE(INT64), true},
        {"bytes_written", TYPE(INT64), true}, {"pause_us", TYPE(INT64), true},
        {"kept", TYPE(INT64), false},         {"failures", TYPE(INT64), false},
        {"last_error", TYPE(VARCHAR), true}};
    struct laminar_error failure = LAMINAR_ERROR_INIT;
    struct newest newest = {0};
    bool is_enabled = call->db->durable != NULL;
    laminar_status status = database_checkpoints(call->db, note_newest, &newest, call->err);
    if (status == LAMINAR_OK) status = start_rows(call, columns, ARRAY_LENGTH(columns), &set);
    if (status != LAMINAR_OK) return status;
    const int64_t values[] = {(int64_t)newest.info.step, newest.info.created_us / 1000,
                              (int64_t)newest.info.state_bytes, (int64_t)newest.info.bytes_written,
                              newest.info.pause_us};
    rowset_bool(&set, is_enabled);
    if (newest.has_any)
        rowset_int(&set, (int64_t)newest.info.id);
    else
        rowset_null(&set);
    rowset_text(&set, !is_enabled       ? "an in-memory database has no checkpoints"
                      : !newest.has_any ? "none has been made yet"
                                        : NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
        if (newest.has_any)
            rowset_int(&set, values[i]);
        else
            rowset_null(&set);
    }
    rowset_int(&set, newest.n);
    rowset_int(&set, (int64_t)database_checkpoint_failures(call->db, &failure));
    rowset_text(&set, failure.code != LAMINAR_OK ? failure.message : NULL);
    return end_rows(call, &set);
}

static laminar_status show(struct statement_call *call)
{
    const struct ast_show *show = call->statement->u.show;
    if (show->kind == AST_SHOW_NAME) return show_setting(call, &show->name);
    if (show->kind == AST_SHOW_CHECKPOINT_STATUS) return show_checkpoints(call);
    const char *sql = show_query(show->kind);
    struct arena arena = {0};
    struct ast_script *script;
    laminar_status status = sql_parse(&arena, sql, strlen(sql), &script, call->err);
    if (status == LAMINAR_OK)
        status = engine_query(call->db, script->statements[0]->u.query, sql, strlen(sql), NULL,
                              &call->out->rows, call->err);
    call->out->kind = LAMINAR_RESULT_METADATA;
    arena_deinit(&arena);
    return status;
}

/* The relation that a statement names, or 400 with position and the nearest name. The caller holds control. */
static laminar_status find_named(struct statement_call *call, const struct ast_qname *name,
                                 struct relation **out)
{
    char full[512];
    const char *text = ast_qname_last(name)->text;
    if (name->n == 2) {
        snprintf(full, sizeof full, "%s.%s", name->parts[0].text, text);
        text = full;
    }
    struct relation *relation = catalog_find(&call->db->catalog, text);
    if (relation) {
        *out = relation;
        return LAMINAR_OK;
    }
    const char *nearest = catalog_nearest(&call->db->catalog, text);
    error_set(call->err, LAMINAR_QUERY_FAILED, "there is no relation named '%s'", text);
    error_object(call->err, text);
    if (nearest) error_hint(call->err, "did you mean '%s'?", nearest);
    return statement_at(call, LAMINAR_QUERY_FAILED, name->span.start);
}

static laminar_status show_create(struct statement_call *call)
{
    const struct ast_show_create *show = call->statement->u.show_create;
    struct relation *relation;
    struct rowset set;
    const struct schema_column columns[] = {{"name", TYPE(VARCHAR), false},
                                            {"sql", TYPE(VARCHAR), true}};
    laminar_status status = find_named(call, &show->name, &relation);
    if (status != LAMINAR_OK) return status;
    if (!statement_names_kind(show->object, relation->kind)) {
        error_set(call->err, LAMINAR_QUERY_FAILED, "'%s' is a %s, not a %s", relation->name,
                  relation_kind_name(relation->kind), sql_object_text(show->object));
        return statement_at(call, LAMINAR_QUERY_FAILED, show->name.span.start);
    }
    status = start_rows(call, columns, 2, &set);
    if (status != LAMINAR_OK) return status;
    rowset_text(&set, relation->name);
    rowset_text(&set, relation->shown_sql);
    return end_rows(call, &set);
}

static bool is_key_column(const struct relation *relation, uint32_t column)
{
    for (uint32_t i = 0; i < relation->n_key_cols; i++)
        if (relation->key_cols[i] == column) return true;
    return false;
}

static void put_property(struct rowset *set, const char *name, const char *value)
{
    rowset_text(set, name);
    rowset_text(set, value);
}

/* Columns a, b of the key as text. */
static void print_key(const struct relation *relation, struct strbuf *out)
{
    strbuf_clear(out);
    for (uint32_t i = 0; i < relation->n_key_cols; i++)
        strbuf_printf(out, "%s%s", i ? ", " : "",
                      relation->schema->columns[relation->key_cols[i]].name);
}

static void print_retention(const struct relation *relation, struct strbuf *out)
{
    unsigned long long amount = (unsigned long long)relation->retention.amount;
    strbuf_clear(out);
    switch (relation->retention.kind) {
    case RETAIN_ROWS: strbuf_printf(out, "%llu rows", amount); break;
    case RETAIN_ALL: strbuf_puts(out, "all"); break;
    case RETAIN_NONE: strbuf_puts(out, "none"); break;
    case RETAIN_TIME: strbuf_printf(out, "%llu ms", amount / 1000); break;
    case RETAIN_BYTES: strbuf_printf(out, "%llu bytes", amount); break;
    }
}

/* The keys alone: a value may be a password. */
static void print_options(const struct relation *relation, struct strbuf *out)
{
    strbuf_clear(out);
    for (uint32_t i = 0; i < relation->n_options; i++)
        strbuf_printf(out, "%s%s", i ? ", " : "", relation->options[i].key);
}

static void print_names(struct relation *const *relations, size_t n, struct strbuf *out)
{
    strbuf_clear(out);
    for (size_t i = 0; i < n; i++) strbuf_printf(out, "%s%s", i ? ", " : "", relations[i]->name);
}

static void put_columns(struct rowset *set, const struct relation *relation, struct strbuf *text)
{
    for (uint32_t c = 0; c < relation->schema->n_columns; c++) {
        const struct schema_column *column = &relation->schema->columns[c];
        struct strbuf value = {0};
        strbuf_clear(text);
        strbuf_printf(text, "column %s", column->name);
        type_print(column->type, &value);
        if (!column->is_nullable) strbuf_puts(&value, " NOT NULL");
        if (relation->defaults && relation->defaults[c]) {
            strbuf_puts(&value, " DEFAULT ");
            sql_print_expr(&value, relation->defaults[c]);
        }
        if (text->failed || value.failed) set->status = LAMINAR_OUT_OF_MEMORY;
        put_property(set, text->data, value.data);
        strbuf_deinit(&value);
    }
}

/* DESCRIBE EXTENDED: all that is known of the relation, a property a row. */
static laminar_status describe_extended(struct statement_call *call, struct relation *relation)
{
    struct rowset set;
    struct strbuf text = {0};
    const struct schema_column columns[] = {{"property", TYPE(VARCHAR), false},
                                            {"value", TYPE(VARCHAR), true}};
    laminar_status status = start_rows(call, columns, 2, &set);
    if (status != LAMINAR_OK) return status;
    put_property(&set, "name", relation->name);
    put_property(&set, "kind", relation_kind_name(relation->kind));
    put_columns(&set, relation, &text);
    print_key(relation, &text);
    put_property(&set, "key", relation->n_key_cols ? text.data : NULL);
    put_property(&set, "append_only", relation->is_append_only ? "true" : "false");
    strbuf_clear(&text);
    if (relation->time_col >= 0)
        strbuf_printf(&text, "%s, %lld ms behind",
                      relation->schema->columns[relation->time_col].name,
                      (long long)(relation->watermark_delay_us / 1000));
    put_property(&set, "watermark", relation->time_col >= 0 ? text.data : NULL);
    bool has_retention = relation->is_append_only && relation->kind != RELATION_SYSTEM;
    print_retention(relation, &text);
    put_property(&set, "retention", has_retention ? text.data : NULL);
    put_property(&set, "connector", relation->connector);
    put_property(&set, "format", relation->format);
    print_options(relation, &text);
    put_property(&set, "options", relation->n_options ? text.data : NULL);
    print_names(relation->inputs, relation->n_inputs, &text);
    put_property(&set, "reads", relation->n_inputs ? text.data : NULL);
    print_names(relation->dependants.items, relation->dependants.n, &text);
    put_property(&set, "read_by", relation->dependants.n ? text.data : NULL);
    put_property(&set, "query", relation->query_sql);
    put_property(&set, "sql", relation->shown_sql);
    if (text.failed && set.status == LAMINAR_OK) set.status = LAMINAR_OUT_OF_MEMORY;
    strbuf_deinit(&text);
    return end_rows(call, &set);
}

static laminar_status describe(struct statement_call *call)
{
    const struct ast_describe *describe = call->statement->u.describe;
    struct relation *relation;
    struct rowset set;
    struct strbuf text = {0};
    const struct schema_column columns[] = {
        {"column_name", TYPE(VARCHAR), false}, {"data_type", TYPE(VARCHAR), false},
        {"is_nullable", TYPE(BOOL), false},    {"is_key", TYPE(BOOL), false},
        {"default", TYPE(VARCHAR), true},      {"watermark", TYPE(VARCHAR), true}};
    laminar_status status = find_named(call, &describe->name, &relation);
    if (status != LAMINAR_OK) return status;
    if (describe->is_extended) return describe_extended(call, relation);
    status = start_rows(call, columns, 6, &set);
    if (status != LAMINAR_OK) return status;
    for (uint32_t c = 0; c < relation->schema->n_columns; c++) {
        const struct schema_column *column = &relation->schema->columns[c];
        rowset_text(&set, column->name);
        rowset_text(&set, TYPE_TEXT(column->type));
        rowset_bool(&set, column->is_nullable);
        rowset_bool(&set, is_key_column(relation, c));
        strbuf_clear(&text);
        if (relation->defaults && relation->defaults[c]) {
            sql_print_expr(&text, relation->defaults[c]);
            rowset_text(&set, text.failed ? NULL : text.data);
        } else {
            rowset_null(&set);
        }
        if ((int32_t)c == relation->time_col) {
            strbuf_clear(&text);
            strbuf_printf(&text, "%lld ms behind",
                          (long long)(relation->watermark_delay_us / 1000));
            rowset_text(&set, text.failed ? NULL : text.data);
        } else {
            rowset_null(&set);
        }
    }
    strbuf_deinit(&text);
    return end_rows(call, &set);
}

/* --- EXPLAIN --------------------------------------------------------------------------------------------------------------------- */

static laminar_status plan_to_explain(struct statement_call *call, struct plan_context *ctx,
                                      const struct ast_statement *statement, struct plan **out)
{
    struct relation *relation = NULL;
    laminar_status status;
    switch ((int)statement->kind) {
    case AST_STMT_QUERY:
        ctx->is_stream = statement->u.query->emit.kind != AST_EMIT_NONE; /* EMIT is a stream's */
        return plan_query(ctx, statement->u.query, out);
    case AST_STMT_INSERT:
        if (statement->u.insert->query) return plan_query(ctx, statement->u.insert->query, out);
        break;
    case AST_STMT_CREATE_STREAM:
    case AST_STMT_CREATE_MATERIALIZED_VIEW:
    case AST_STMT_CREATE_SINK:
        ctx->is_stream = true;
        status = plan_create(ctx, statement, &relation, out);
        relation_unref(relation);
        return status;
    case AST_STMT_SUBSCRIBE:
        if (statement->u.subscribe->query) {
            ctx->is_stream = true;
            return plan_query(ctx, statement->u.subscribe->query, out);
        }
        break;
    default: break;
    }
    error_set(call->err, LAMINAR_QUERY_FAILED, "%s has no plan to explain",
              sql_statement_text(statement->kind));
    error_hint(
        call->err,
        "EXPLAIN takes SELECT, INSERT ... SELECT, CREATE STREAM, CREATE MATERIALIZED VIEW and CREATE SINK");
    return statement_at(call, LAMINAR_QUERY_FAILED, statement->span.start);
}

static void put_lines(struct rowset *set, char *text, bool is_json)
{
    if (is_json) {
        rowset_text(set, text);
        return;
    }
    for (char *line = text; line && *line;) {
        char *end = strchr(line, '\n');
        if (end) *end = 0;
        rowset_text(set, line);
        line = end ? end + 1 : NULL;
    }
}

static laminar_status explain(struct statement_call *call)
{
    const struct ast_explain *explain = call->statement->u.explain;
    laminar_status status;
    struct arena arena = {0};
    struct plan_context ctx;
    struct plan *plan = NULL;
    struct strbuf text = {0};
    struct rowset set = {0};
    const struct schema_column column = {"plan", TYPE(VARCHAR), false};
    engine_plan_context(call->db, &arena, call->sql, call->sql_size, call->params, call->err, &ctx);
    TRY(plan_to_explain(call, &ctx, explain->statement, &plan));
    if (ctx.is_stream)
        sharing_explain(call->db, plan, explain->format == AST_EXPLAIN_JSON, &text);
    else
        plan_explain(plan, explain->format == AST_EXPLAIN_JSON, &text);
    if (text.failed) TRY(error_oom(call->err));
    TRY(start_rows(call, &column, 1, &set));
    put_lines(&set, text.data, explain->format == AST_EXPLAIN_JSON);
    TRY(end_rows(call, &set));
done:
    strbuf_deinit(&text);
    arena_deinit(&arena);
    return status;
}

/* Runs the query; the caller holds no lock. */
static laminar_status explain_analyze(struct statement_call *call)
{
    const struct ast_explain *explain = call->statement->u.explain;
    const struct ast_statement *statement = explain->statement;
    bool as_json = explain->format == AST_EXPLAIN_JSON;
    laminar_status status;
    struct strbuf text = {0};
    struct rowset set = {0};
    const struct schema_column column = {"plan", TYPE(VARCHAR), false};
    if (statement->kind != AST_STMT_QUERY || statement->u.query->emit.kind != AST_EMIT_NONE) {
        error_set(call->err, LAMINAR_QUERY_UNSUPPORTED, "EXPLAIN ANALYZE takes a one-shot SELECT");
        error_hint(
            call->err,
            "EXPLAIN shows the plan of a stream, system.operators what running ones have done");
        return statement_at(call, LAMINAR_QUERY_UNSUPPORTED, statement->span.start);
    }
    TRY(engine_analyze(call->db, statement->u.query, call->sql, call->sql_size, call->params,
                       as_json, &text, call->err));
    if (text.failed) TRY(error_oom(call->err));
    TRY(start_rows(call, &column, 1, &set));
    put_lines(&set, text.data, as_json);
    TRY(end_rows(call, &set));
done:
    strbuf_deinit(&text);
    return status;
}

/* Steps don't go back in time. The caller holds step. */
static laminar_status check_clock(struct statement_call *call, const char *name, const char *value)
{
    if (settings_find(name) != SETTING_ID_clock || !value) return LAMINAR_OK;
    struct settings scratch;
    settings_init(&scratch);
    laminar_status status = settings_set(&scratch, name, value, call->err);
    if (status != LAMINAR_OK) return status;
    int64_t us = scratch.number[SETTING_ID_clock];
    if (us == CLOCK_SYSTEM || us >= call->db->last_time_us) return LAMINAR_OK;
    error_set(call->err, LAMINAR_QUERY_FAILED,
              "the clock can't go back to '%.64s': a step has run at a later time", value);
    error_hint(call->err, "set the clock before the first row comes in, and forward from then on");
    return LAMINAR_QUERY_FAILED;
}

/* What the log and the lock of a directory were opened with can't be another thing from now on. */
static laminar_status check_openers(struct statement_call *call, const char *name)
{
    int id = settings_find(name);
    if (id != SETTING_ID_durability && id != SETTING_ID_read_only &&
        id != SETTING_ID_wal_segment_bytes)
        return LAMINAR_OK;
    error_set(call->err, LAMINAR_QUERY_FAILED, "'%s' is set when the database is opened", name);
    error_hint(call->err,
               "LaminarConfig(%s=...), laminar_config_set, or laminar --set %s=... of the shell",
               name, name);
    return LAMINAR_QUERY_FAILED;
}

static laminar_status set_setting(struct statement_call *call)
{
    const struct ast_set *set = call->statement->u.set;
    struct database *db = call->db;
    char value[256];
    if (set->value.size >= sizeof value) {
        error_set(call->err, LAMINAR_QUERY_FAILED, "the value is too long (%zu bytes)",
                  set->value.size);
        return statement_at(call, LAMINAR_QUERY_FAILED, call->statement->span.start);
    }
    if (set->value.text) memcpy(value, set->value.text, set->value.size);
    value[set->value.text ? set->value.size : 0] = 0;
    const char *name = ast_qname_last(&set->name)->text;
    laminar_status status = check_openers(call, name);
    if (status != LAMINAR_OK) return statement_at(call, status, set->name.span.start);
    engine_lock_step(db); /* the steps read the texts */
    status = check_clock(call, name, set->is_reset ? NULL : value);
    mutex_lock(&db->spilling); /* and queries that of temp_directory */
    if (status == LAMINAR_OK)
        status = settings_set(&db->settings, name, set->is_reset ? NULL : value, call->err);
    mutex_unlock(&db->spilling);
    if (status == LAMINAR_OK) {
        sharing_setting_changed(db, name);
        status = durable_log_setting(db, name, call->err);
    }
    engine_unlock_step(db);
    if (status == LAMINAR_OK && settings_find(name) == SETTING_ID_memory_limit)
        memory_limit_changed(db);
    if (status == LAMINAR_OK && settings_find(name) == SETTING_ID_temp_directory)
        memory_folder_changed(db);
    if (status == LAMINAR_OK && settings_find(name) == SETTING_ID_clock) {
        engine_lock_step(db); /* what is due now is done before the statement returns */
        timer_update(db);
        engine_unlock_step(db);
        timer_wake(db);
    }
    if (status != LAMINAR_OK) {
        status = LAMINAR_QUERY_FAILED;
        if (call->err) call->err->code = status;
        return statement_at(call, status, set->name.span.start);
    }
    call->out->kind = LAMINAR_RESULT_DDL;
    snprintf(call->out->ddl_type, sizeof call->out->ddl_type, "SET");
    call->out->ddl_object = mem_strdup(ast_qname_last(&set->name)->text);
    return call->out->ddl_object ? LAMINAR_OK : error_oom(call->err);
}

laminar_status engine_show(struct statement_call *call)
{
    if (call->statement->kind == AST_STMT_SHOW) return show(call);
    if (call->statement->kind == AST_STMT_EXPLAIN && call->statement->u.explain->is_analyze)
        return explain_analyze(call);
    mutex_lock(&call->db->control);
    laminar_status status;
    switch ((int)call->statement->kind) {
    case AST_STMT_SHOW_CREATE: status = show_create(call); break;
    case AST_STMT_DESCRIBE: status = describe(call); break;
    case AST_STMT_SET: status = set_setting(call); break;
    default: status = explain(call); break;
    }
    mutex_unlock(&call->db->control);
    return status;
}
