/* statement_ddl.c - CREATE and DROP. Each is all or nothing: what is invalid fails before anything is changed; OR REPLACE installs the new
 * relation before the old one goes. */
#include "base/error.h"
#include "engine/durable.h"
#include "engine/engine.h"
#include "sql/parser.h"
#include "sql/printer.h"
#include <stdio.h>
#include <string.h>

/* The answer, before anything is changed: it must not fail when all is done. */
static laminar_status answer_ddl(struct statement_call *call, const char *type, const char *name)
{
    call->out->kind = LAMINAR_RESULT_DDL;
    snprintf(call->out->ddl_type, sizeof call->out->ddl_type, "%s", type);
    call->out->ddl_object = mem_strdup(name);
    return call->out->ddl_object ? LAMINAR_OK : error_oom(call->err);
}

struct create_head {
    bool or_replace;
    bool if_not_exists;
    const struct ast_qname *name;
    enum relation_kind kind;
    bool is_derived; /* made by another statement: the log has that one */
};

static struct create_head create_head(const struct ast_statement *statement)
{
    switch ((int)statement->kind) {
    case AST_STMT_CREATE_STREAM:
    case AST_STMT_CREATE_MATERIALIZED_VIEW: {
        const struct ast_create_view *c = statement->u.create_view;
        return (struct create_head){
            c->or_replace, c->if_not_exists, &c->name,
            statement->kind == AST_STMT_CREATE_STREAM ? RELATION_STREAM : RELATION_VIEW, false};
    }
    case AST_STMT_CREATE_SINK: {
        const struct ast_create_sink *c = statement->u.create_sink;
        return (struct create_head){c->or_replace, c->if_not_exists, &c->name, RELATION_SINK,
                                    false};
    }
    default: {
        const struct ast_create_relation *c = statement->u.create_relation;
        return (struct create_head){
            c->or_replace, c->if_not_exists, &c->name,
            statement->kind == AST_STMT_CREATE_SOURCE ? RELATION_SOURCE : RELATION_TABLE, false};
    }
    }
}

static laminar_status drop_relation(struct database *db, struct relation *relation, bool is_cascade,
                                    struct laminar_error *err);

/* What an existing relation of the same name means. *is_done: nothing is left to do. */
static laminar_status check_existing(struct statement_call *call, const struct create_head *head,
                                     struct relation *existing, bool *is_done)
{
    struct laminar_error *err = call->err;
    *is_done = false;
    if (!existing) return LAMINAR_OK;
    if (existing->kind != head->kind || existing->kind == RELATION_SYSTEM) {
        error_set(err, LAMINAR_TABLE_EXISTS, "'%s' exists and is a %s", existing->name,
                  relation_kind_name(existing->kind));
        error_hint(err, "choose another name, or DROP %s %s first",
                   relation_kind_name(existing->kind), existing->name);
        return statement_at(call, LAMINAR_TABLE_EXISTS, head->name->span.start);
    }
    if (head->or_replace) {
        if (existing->dependants.n == 0) return LAMINAR_OK;
        error_set(err, LAMINAR_TABLE_EXISTS, "'%s' can't be replaced: '%s' reads it",
                  existing->name, existing->dependants.items[0]->name);
        error_hint(err, "drop its readers first: DROP %s %s CASCADE drops them all",
                   relation_kind_name(existing->kind), existing->name);
        return statement_at(call, LAMINAR_TABLE_EXISTS, head->name->span.start);
    }
    if (head->if_not_exists) {
        *is_done = true;
        return LAMINAR_OK;
    }
    error_set(err, LAMINAR_TABLE_EXISTS, "the %s '%s' exists", relation_kind_name(existing->kind),
              existing->name);
    error_hint(err, "use CREATE OR REPLACE, CREATE ... IF NOT EXISTS, or DROP it first");
    return statement_at(call, LAMINAR_TABLE_EXISTS, head->name->span.start);
}

static laminar_status create_locked(struct statement_call *call, const struct create_head *head,
                                    bool *is_new);

/* LATE DATA TO a name that is not in use makes a source, with the columns of the rows that are windowed. */
static laminar_status make_late_target(struct statement_call *call, const struct plan *window,
                                       struct relation **out)
{
    laminar_status status;
    struct arena arena = {0};
    struct ast_script *script;
    struct strbuf sql = {0};
    bool is_new = false;
    TRY(late_data_ddl(window, &sql, call->err));
    TRY(sql_parse(&arena, sql.data, sql.size, &script, call->err));
    ENSURE(script->n == 1, call->err);
    struct statement_call made = *call;
    made.sql = sql.data;
    made.sql_size = sql.size;
    made.statement = script->statements[0];
    struct create_head head = create_head(made.statement);
    head.is_derived = true;
    TRY(create_locked(&made, &head, &is_new));
    *out = catalog_find(&call->db->catalog, window->late_data);
done:
    strbuf_deinit(&sql);
    arena_deinit(&arena);
    return status;
}

/* *made: the target, if this made it. */
static laminar_status bind_late_target(struct statement_call *call, const struct create_head *head,
                                       struct relation *relation, const struct plan *plan,
                                       struct relation **made)
{
    const struct plan *window = late_data_plan(plan);
    struct relation *target = catalog_find(&call->db->catalog, window->late_data);
    uint32_t at = head->name->span.start;
    if (head->kind == RELATION_STREAM || head->kind == RELATION_VIEW)
        at = call->statement->u.create_view->query->late_data.span.start;
    if (strcmp(window->late_data, relation->name) == 0) {
        error_set(call->err, LAMINAR_QUERY_FAILED, "late rows can't go to the stream itself");
        return statement_at(call, LAMINAR_QUERY_FAILED, at);
    }
    laminar_status status = LAMINAR_OK;
    if (target) {
        status = late_data_check(relation, window, target, call->err);
        if (status != LAMINAR_OK) return statement_at(call, status, at);
    } else {
        status = make_late_target(call, window, made);
        target = *made;
        if (status != LAMINAR_OK) return status;
    }
    return late_data_depend(relation, target, call->err);
}

static laminar_status log_text(struct statement_call *call, const struct relation *made)
{
    const struct ast_span span = call->statement->span;
    return durable_log_statement(call->db, made, call->sql + span.start, span.end - span.start,
                                 call->err);
}

/* CREATE TABLE ... AS: the table and its rows are one record of the log, so that both come back or neither. */
static laminar_status log_with_rows(struct statement_call *call, const struct create_head *head,
                                    struct relation *made, struct batch **rows)
{
    const struct ast_span span = call->statement->span;
    struct ast_insert insert = {.table = *head->name,
                                .query = call->statement->u.create_relation->query};
    laminar_status status = engine_insert_rows(call, &insert, made, rows);
    if (status != LAMINAR_OK) return status;
    call->out->rows_affected = (*rows)->n_rows;
    return durable_log_filled(call->db, made, *rows, call->sql + span.start, span.end - span.start,
                              call->err);
}

/* *rows: what the new relation is to hold, or NULL. */
static laminar_status log_statement(struct statement_call *call, const struct create_head *head,
                                    struct relation *made, struct batch **rows)
{
    if (head->is_derived) return LAMINAR_OK;
    bool has_rows = head->kind == RELATION_TABLE && call->statement->u.create_relation->query &&
                    !durable_is_recovering(call->db); /* else the rows follow in the record */
    return has_rows ? log_with_rows(call, head, made, rows) : log_text(call, made);
}

static laminar_status create_locked(struct statement_call *call, const struct create_head *head,
                                    bool *is_new)
{
    struct database *db = call->db;
    laminar_status status;
    struct arena arena = {0};
    struct plan_context ctx;
    struct relation *relation = NULL;
    struct plan *plan = NULL;
    struct relation *late_target = NULL;
    struct batch *rows = NULL;
    struct relation *existing = catalog_find(&db->catalog, ast_qname_last(head->name)->text);
    bool is_done = false;
    TRY(check_existing(call, head, existing, &is_done));
    if (is_done) goto done;
    engine_plan_context(db, &arena, call->sql, call->sql_size, NULL, call->err, &ctx);
    ctx.is_stream = head->kind == RELATION_STREAM || head->kind == RELATION_VIEW ||
                    head->kind == RELATION_SINK;
    TRY(plan_create(&ctx, call->statement, &relation, &plan));
    if (db->durable && ctx.registered_name && !durable_is_recovering(db)) {
        error_set(
            call->err, LAMINAR_QUERY_UNSUPPORTED,
            "%s() is a function of the program, which is not there yet when the database is opened again",
            ctx.registered_name);
        error_hint(call->err, "use it in queries and subscriptions, or open ':memory:'");
        TRY(statement_at(call, LAMINAR_QUERY_UNSUPPORTED, head->name->span.start));
    }
    relation->created_us = db->replay_time_us ? db->replay_time_us : engine_clock_us(db);
    /* CREATE TABLE ... AS: the rows are inserted once, below */
    if (head->kind == RELATION_TABLE) plan = NULL;
    if (late_data_plan(plan)) TRY(bind_late_target(call, head, relation, plan, &late_target));
    for (uint32_t i = 0; existing && i < relation->n_inputs; i++) {
        if (relation->inputs[i] != existing) continue;
        error_set(call->err, LAMINAR_QUERY_FAILED, "'%s' reads itself", relation->name);
        TRY(statement_at(call, LAMINAR_QUERY_FAILED, head->name->span.start));
    }
    if (existing) {
        TRY(runtime_install_anonymous(db, relation, plan, &arena, NULL, call->err));
        status = log_statement(call, head, relation, &rows);
        if (status == LAMINAR_OK) status = drop_relation(db, existing, false, call->err);
        if (status == LAMINAR_OK) status = catalog_add(&db->catalog, relation, call->err);
        if (status != LAMINAR_OK) runtime_uninstall(db, relation);
    } else {
        TRY(runtime_install(db, relation, plan, &arena, call->err));
        status = log_statement(call, head, relation, &rows);
        if (status != LAMINAR_OK) runtime_remove(db, relation);
    }
    *is_new = status == LAMINAR_OK;
    if (status == LAMINAR_OK && rows) status = engine_fill(db, relation, rows, call->err);
done:
    batch_unref(rows);
    relation_unref(relation);
    /* made for nothing */
    if (status != LAMINAR_OK && late_target) runtime_remove(db, late_target);
    arena_deinit(&arena);
    return status;
}

laminar_status engine_create(struct statement_call *call)
{
    struct create_head head = create_head(call->statement);
    bool is_new = false;
    laminar_status status = answer_ddl(call, sql_statement_text(call->statement->kind),
                                       ast_qname_last(head.name)->text);
    if (status != LAMINAR_OK) return status;
    bool has_rows = head.kind == RELATION_TABLE && call->statement->u.create_relation->query;
    if (has_rows && !durable_is_recovering(call->db)) {
        laminar_status admitted = memory_admit(call->db, call->err);
        if (admitted != LAMINAR_OK) return admitted;
    }
    engine_lock_control(call->db);
    durable_statement_begin(call->db);
    status = create_locked(call, &head, &is_new);
    durable_statement_end(call->db);
    engine_unlock_control(call->db);
    return status;
}

/* --- DROP -------------------------------------------------------------------------------------------------------------------------- */

static laminar_status drop_relation(struct database *db, struct relation *relation, bool is_cascade,
                                    struct laminar_error *err)
{
    while (relation->dependants.n > 0) {
        struct relation *reader = relation->dependants.items[relation->dependants.n - 1];
        if (!is_cascade) {
            error_set(err, LAMINAR_QUERY_FAILED, "'%s' can't be dropped: the %s '%s' reads it",
                      relation->name, relation_kind_name(reader->kind), reader->name);
            error_object(err, relation->name);
            error_hint(err, "drop '%s' first, or use DROP ... CASCADE", reader->name);
            return LAMINAR_QUERY_FAILED;
        }
        laminar_status status = drop_relation(db, reader, true, err);
        if (status != LAMINAR_OK) return status;
    }
    laminar_status status = subscriptions_uninstall_readers(db, relation, err);
    if (status == LAMINAR_OK) runtime_remove(db, relation);
    return status;
}

static laminar_status drop_locked(struct statement_call *call, const struct ast_drop *drop)
{
    struct database *db = call->db;
    const char *name = ast_qname_last(&drop->name)->text;
    struct relation *relation = catalog_find(&db->catalog, name);
    if (!relation) {
        if (drop->if_exists) return LAMINAR_OK;
        const char *nearest = catalog_nearest(&db->catalog, name);
        error_set(call->err, LAMINAR_QUERY_FAILED, "there is no %s named '%s'",
                  sql_object_text(drop->object), name);
        if (nearest) error_hint(call->err, "did you mean '%s'?", nearest);
        return statement_at(call, LAMINAR_QUERY_FAILED, drop->name.span.start);
    }
    if (!statement_names_kind(drop->object, relation->kind)) {
        error_set(call->err, LAMINAR_QUERY_FAILED, "'%s' is a %s, not a %s", name,
                  relation_kind_name(relation->kind), sql_object_text(drop->object));
        error_hint(call->err, "write DROP %s %s", relation_kind_name(relation->kind), name);
        return statement_at(call, LAMINAR_QUERY_FAILED, drop->name.span.start);
    }
    if (drop->is_cascade || relation->dependants.n == 0) {
        laminar_status status = log_text(call, NULL);
        if (status != LAMINAR_OK) return status;
    }
    return statement_at(call, drop_relation(db, relation, drop->is_cascade, call->err),
                        drop->name.span.start);
}

laminar_status engine_drop(struct statement_call *call)
{
    const struct ast_drop *drop = call->statement->u.drop;
    char type[48];
    snprintf(type, sizeof type, "DROP %s", sql_object_text(drop->object));
    laminar_status status = answer_ddl(call, type, ast_qname_last(&drop->name)->text);
    if (status != LAMINAR_OK) return status;
    mutex_lock(&call->db->control);
    durable_statement_begin(call->db);
    status = drop_locked(call, drop);
    durable_statement_end(call->db);
    mutex_unlock(&call->db->control);
    return status;
}
