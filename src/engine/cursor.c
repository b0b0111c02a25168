/* cursor.c - DECLARE c CURSOR FOR SUBSCRIBE ... | query; FETCH n FROM c; CLOSE c.
 *
 * For clients that have nothing but statements. A cursor over a subscription begins with what the relation holds, then gives its changes, with the column
 * __weight; FETCH returns what is there and never waits. A cursor over a query holds its answer. Cursors belong to the database and end with it.
 * @locks control guards the list; a cursor is used under it. */
#include "base/error.h"
#include "engine/engine.h"
#include <stdio.h>
#include <string.h>

enum { CURSORS_MAX = 1024 };

struct cursor {
    struct cursor *next;
    char *name;
    struct subscription *sub; /* NULL: a query's answer */
    struct schema *schema;
    struct rows rows; /* read, but not all given out */
    size_t i_batch;   /* of the next row to give out */
    size_t row;
};

static void cursor_free(struct cursor *cursor)
{
    if (!cursor) return;
    if (cursor->sub) subscription_free(cursor->sub);
    rows_deinit(&cursor->rows);
    schema_unref(cursor->schema);
    mem_free(cursor->name);
    mem_free(cursor);
}

void cursors_close(struct database *db)
{
    mutex_lock(&db->control);
    struct cursor *list = db->cursors;
    db->cursors = NULL;
    mutex_unlock(&db->control);
    while (list) {
        struct cursor *next = list->next;
        cursor_free(list);
        list = next;
    }
}

static struct cursor **find(struct database *db, const char *name)
{
    struct cursor **at = &db->cursors;
    while (*at && strcmp((*at)->name, name) != 0) at = &(*at)->next;
    return at;
}

static laminar_status unknown_cursor(struct statement_call *call, const struct ast_name *name)
{
    error_set(call->err, LAMINAR_QUERY_FAILED, "there is no cursor named '%s'", name->text);
    error_hint(call->err, "DECLARE %s CURSOR FOR SUBSCRIBE ...", name->text);
    return statement_at(call, LAMINAR_QUERY_FAILED, name->span.start);
}

static laminar_status done_ddl(struct statement_call *call, const char *what, const char *name)
{
    call->out->kind = LAMINAR_RESULT_DDL;
    snprintf(call->out->ddl_type, sizeof call->out->ddl_type, "%s", what);
    call->out->ddl_object = mem_strdup(name);
    return call->out->ddl_object ? LAMINAR_OK : error_oom(call->err);
}

/* --- DECLARE -------------------------------------------------------------------------------------------------------------------------- */

static laminar_status open_subscription(struct statement_call *call,
                                        const struct ast_declare_cursor *declare,
                                        struct cursor *cursor)
{
    struct ast_statement statement = *call->statement, *statements[1] = {&statement};
    struct ast_script script = {
        .sql = call->sql, .size = call->sql_size, .statements = statements, .n = 1};
    laminar_subscribe_options options = {
        .struct_size = sizeof options,
        .with_changes = true,
        .with_snapshot = true,
        /* a cursor that nobody reads must not hold up inserts: FETCH says that rows were lost */
        .policy = LAMINAR_OVERFLOW_DISCONNECT};
    statement.kind = AST_STMT_SUBSCRIBE;
    statement.u.subscribe = declare->subscribe;
    laminar_status status = engine_subscribe_script(call->db, &script, call->params, &options,
                                                    &cursor->sub, call->err);
    if (status == LAMINAR_OK) cursor->schema = schema_ref(subscription_schema(cursor->sub));
    return status;
}

static laminar_status publish(struct statement_call *call, struct cursor *cursor,
                              const struct ast_name *name)
{
    struct database *db = call->db;
    laminar_status status = LAMINAR_OK;
    size_t n = 0;
    mutex_lock(&db->control);
    for (const struct cursor *c = db->cursors; c; c = c->next) n++;
    if (*find(db, name->text)) {
        error_set(call->err, LAMINAR_QUERY_FAILED, "there is a cursor named '%s' already",
                  name->text);
        error_hint(call->err, "CLOSE %s", name->text);
        status = statement_at(call, LAMINAR_QUERY_FAILED, name->span.start);
    } else if (n >= CURSORS_MAX) {
        error_set(call->err, LAMINAR_QUERY_FAILED, "there are %d cursors already", CURSORS_MAX);
        error_hint(call->err, "CLOSE those that are not needed");
        status = LAMINAR_QUERY_FAILED;
    } else {
        cursor->next = db->cursors;
        db->cursors = cursor;
    }
    mutex_unlock(&db->control);
    return status;
}

static laminar_status declare_cursor(struct statement_call *call)
{
    const struct ast_declare_cursor *declare = call->statement->u.declare_cursor;
    laminar_status status;
    struct cursor *cursor = mem_calloc(1, sizeof *cursor);
    if (!cursor) TRY(error_oom(call->err));
    if (!(cursor->name = mem_strdup(declare->name.text))) TRY(error_oom(call->err));
    if (declare->subscribe) {
        TRY(open_subscription(call, declare, cursor));
    } else {
        TRY(engine_query(call->db, declare->query, call->sql, call->sql_size, call->params,
                         &cursor->rows, call->err));
        cursor->schema = schema_ref(cursor->rows.schema);
    }
    TRY(done_ddl(call, "DECLARE", declare->name.text));
    TRY(publish(call, cursor, &declare->name));
    cursor = NULL;
done:
    cursor_free(cursor);
    return status;
}

/* --- FETCH ---------------------------------------------------------------------------------------------------------------------------- */

/* Moves up to n of the rows read into the builder; returns how many. */
static laminar_status give_rows(struct cursor *cursor, uint64_t n, struct batch_builder *builder,
                                uint64_t *n_given, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    uint32_t *sel = mem_alloc(CHUNK_ROWS * sizeof *sel);
    struct vector *cols = mem_calloc(cursor->schema->n_columns + 1, sizeof *cols);
    *n_given = 0;
    if (!sel || !cols) TRY(error_oom(err));
    while (cursor->i_batch < cursor->rows.n_batches && *n_given < n) {
        const struct batch *batch = cursor->rows.batches[cursor->i_batch];
        size_t start = cursor->row / CHUNK_ROWS * CHUNK_ROWS, n_sel = 0;
        if (cursor->row >= batch->n_rows) {
            cursor->i_batch++;
            cursor->row = 0;
            continue;
        }
        struct chunk chunk = batch_chunk(batch, start, cols);
        for (size_t i = cursor->row - start; i < chunk.n_rows && *n_given + n_sel < n; i++)
            sel[n_sel++] = (uint32_t)i;
        TRY(batch_builder_append_sel(builder, &chunk, sel, n_sel, err));
        cursor->row += n_sel;
        *n_given += n_sel;
    }
done:
    mem_free(sel);
    mem_free(cols);
    return status;
}

/* What the subscription has queued; *is_over: nothing now. */
static laminar_status read_more(struct cursor *cursor, bool *is_over, struct laminar_error *err)
{
    *is_over = true;
    rows_deinit(&cursor->rows);
    cursor->rows = (struct rows){0};
    cursor->i_batch = cursor->row = 0;
    if (!cursor->sub) return LAMINAR_OK;
    laminar_status status = subscription_next(cursor->sub, 0, &cursor->rows, err);
    if (status == LAMINAR_SUBSCRIPTION_TIMEOUT) {
        error_clear(err);
        return LAMINAR_OK;
    }
    *is_over = status != LAMINAR_OK || cursor->rows.n_batches == 0;
    return status;
}

static laminar_status fetch_rows(struct statement_call *call, struct cursor *cursor, uint64_t n)
{
    laminar_status status;
    struct batch_builder *builder = NULL;
    struct batch *batch = NULL;
    bool is_over = false, has_read = false;
    size_t i_batch = cursor->i_batch, row = cursor->row;
    TRY(batch_builder_create(cursor->schema, call->db->pool, &builder, call->err));
    while (n > 0 && !is_over) {
        uint64_t n_given;
        TRY(give_rows(cursor, n, builder, &n_given, call->err));
        n -= n_given;
        if (n == 0) break;
        has_read = true;
        TRY(read_more(cursor, &is_over, call->err));
    }
    call->out->kind = LAMINAR_RESULT_QUERY;
    call->out->rows.schema = schema_ref(cursor->schema);
    TRY(batch_builder_finish(builder, &batch, call->err));
    TRY(rows_add(&call->out->rows, batch, call->err));
done:
    if (status != LAMINAR_OK && !has_read) { /* the same rows again next time */
        cursor->i_batch = i_batch;
        cursor->row = row;
    }
    batch_builder_free(builder);
    return status;
}

static laminar_status fetch(struct statement_call *call)
{
    const struct ast_fetch *fetch = call->statement->u.fetch;
    struct database *db = call->db;
    mutex_lock(&db->control);
    struct cursor *cursor = *find(db, fetch->cursor.text);
    laminar_status status = cursor ? fetch_rows(call, cursor,
                                                fetch->is_all ? UINT64_MAX : fetch->count)
                                   : unknown_cursor(call, &fetch->cursor);
    mutex_unlock(&db->control);
    return status;
}

static laminar_status close_cursor(struct statement_call *call)
{
    const struct ast_name *name = &call->statement->u.close_cursor;
    struct database *db = call->db;
    laminar_status status = done_ddl(call, "CLOSE", name->text ? name->text : "ALL");
    if (status != LAMINAR_OK) return status;
    if (!name->text) {
        cursors_close(db);
        return LAMINAR_OK;
    }
    mutex_lock(&db->control);
    struct cursor **at = find(db, name->text), *cursor = *at;
    if (cursor) *at = cursor->next;
    mutex_unlock(&db->control);
    if (!cursor) return unknown_cursor(call, name);
    cursor_free(cursor);
    return LAMINAR_OK;
}

laminar_status engine_cursor(struct statement_call *call)
{
    switch ((int)call->statement->kind) {
    case AST_STMT_DECLARE_CURSOR: return declare_cursor(call);
    case AST_STMT_FETCH: return fetch(call);
    default: return close_cursor(call);
    }
}
