/* statement.c - one statement of any kind: to the file that does it. */
#include "base/error.h"
#include "engine/durable.h"
#include "engine/engine.h"
#include "sql/printer.h"
#include <stdio.h>

void statement_result_deinit(struct statement_result *result)
{
    rows_deinit(&result->rows);
    mem_free(result->ddl_object);
    result->ddl_object = NULL;
}

laminar_status statement_at(struct statement_call *call, laminar_status status, uint32_t offset)
{
    if (status != LAMINAR_OK) error_position(call->err, call->sql, call->sql_size, offset);
    return status;
}

bool statement_names_kind(enum ast_object_kind object, enum relation_kind kind)
{
    switch (object) {
    case AST_OBJECT_SOURCE: return kind == RELATION_SOURCE;
    case AST_OBJECT_TABLE:
    case AST_OBJECT_LOOKUP_TABLE: return kind == RELATION_TABLE;
    case AST_OBJECT_STREAM: return kind == RELATION_STREAM;
    case AST_OBJECT_SINK: return kind == RELATION_SINK;
    case AST_OBJECT_MATERIALIZED_VIEW: return kind == RELATION_VIEW;
    }
    return false;
}

static laminar_status unsupported(struct statement_call *call, const char *hint)
{
    error_set(call->err, LAMINAR_QUERY_UNSUPPORTED, "%s is not available in this build",
              sql_statement_text(call->statement->kind));
    error_hint(call->err, "%s", hint);
    error_position(call->err, call->sql, call->sql_size, call->statement->span.start);
    return LAMINAR_QUERY_UNSUPPORTED;
}

static laminar_status run_query(struct statement_call *call)
{
    call->out->kind = LAMINAR_RESULT_QUERY;
    const struct ast_span span = call->statement->span;
    (void)span;
    return engine_query(call->db, call->statement->u.query, call->sql, call->sql_size, call->params,
                        &call->out->rows, call->err);
}

static laminar_status run_checkpoint(struct statement_call *call)
{
    uint64_t id = 0;
    char text[24];
    laminar_status status = database_checkpoint(call->db, &id, call->err);
    if (status != LAMINAR_OK) return statement_at(call, status, call->statement->span.start);
    call->out->kind = LAMINAR_RESULT_DDL;
    snprintf(call->out->ddl_type, sizeof call->out->ddl_type, "CHECKPOINT");
    snprintf(text, sizeof text, "%llu", (unsigned long long)id);
    call->out->ddl_object = mem_strdup(text);
    return call->out->ddl_object ? LAMINAR_OK : error_oom(call->err);
}

static laminar_status run_restore(struct statement_call *call)
{
    uint64_t id = call->statement->u.restore->checkpoint_id;
    char text[24];
    laminar_status status = database_restore(call->db, id, call->err);
    if (status != LAMINAR_OK) return statement_at(call, status, call->statement->span.start);
    call->out->kind = LAMINAR_RESULT_DDL;
    snprintf(call->out->ddl_type, sizeof call->out->ddl_type, "RESTORE");
    snprintf(text, sizeof text, "%llu", (unsigned long long)id);
    call->out->ddl_object = mem_strdup(text);
    return call->out->ddl_object ? LAMINAR_OK : error_oom(call->err);
}

laminar_status engine_execute(struct statement_call *call)
{
    laminar_status status = database_check_open(call->db, call->err);
    if (status != LAMINAR_OK) return status;
    switch (call->statement->kind) {
    case AST_STMT_QUERY: return run_query(call);
    case AST_STMT_CREATE_SOURCE:
    case AST_STMT_CREATE_TABLE:
    case AST_STMT_CREATE_LOOKUP_TABLE:
    case AST_STMT_CREATE_STREAM:
    case AST_STMT_CREATE_MATERIALIZED_VIEW:
    case AST_STMT_CREATE_SINK: return engine_create(call);
    case AST_STMT_DROP: return engine_drop(call);
    case AST_STMT_INSERT:
    case AST_STMT_UPDATE:
    case AST_STMT_DELETE: return engine_dml(call);
    case AST_STMT_SHOW:
    case AST_STMT_SHOW_CREATE:
    case AST_STMT_DESCRIBE:
    case AST_STMT_EXPLAIN:
    case AST_STMT_SET: return engine_show(call);
    case AST_STMT_ALTER_SOURCE: return unsupported(call, "drop the source and create it again");
    case AST_STMT_COPY: return engine_copy(call);
    case AST_STMT_CHECKPOINT: return run_checkpoint(call);
    case AST_STMT_RESTORE: return run_restore(call);
    case AST_STMT_SUBSCRIBE:
        return unsupported(
            call,
            "subscribe through the API (laminar_subscribe, Connection.subscribe) or in the shell");
    case AST_STMT_DECLARE_CURSOR:
    case AST_STMT_FETCH:
    case AST_STMT_CLOSE_CURSOR: return engine_cursor(call);
    case AST_STMT_TRANSACTION:
        return unsupported(
            call, "each statement is one atomic step; use a writer to insert many rows in one");
    }
    return error_internal(call->err, __FILE__, __LINE__, "an unknown statement");
}
