/* api_ingest.c - whole batches in: Arrow arrays and streams. What comes in is validated and coerced before anything is inserted; all rows of a
 * call are one step. */
#include "api/handles.h"
#include "base/error.h"
#include "sql/printer.h"
#include "vector/arrow.h"
#include <string.h>

static void release_array(struct ArrowArray *array)
{
    if (array && array->release) array->release(array);
}

static void release_stream(struct ArrowArrayStream *stream)
{
    if (stream && stream->release) stream->release(stream);
}

/* One Arrow batch, imported and fitted to the relation. Consumes the array. */
laminar_status ingest_array(struct database *db, struct relation *relation,
                            const struct ArrowSchema *arrow_schema, struct schema *schema,
                            struct ArrowArray *array, struct batch **out, struct laminar_error *err)
{
    struct batch *imported = NULL;
    struct arrow_import_options options = {.pool = db->pool, .puts_off_strings = true};
    laminar_status status = arrow_import_batch_with(arrow_schema, array, schema, &options,
                                                    &imported, err);
    if (status != LAMINAR_OK) {
        release_array(array);
        return status;
    }
    status = engine_prepare_batch(db, relation, imported, out, err);
    batch_unref(imported);
    return status;
}

laminar_status laminar_insert_arrow(laminar_db *db, const char *name,
                                    const struct ArrowSchema *schema, struct ArrowArray *array,
                                    uint64_t *out_rows, laminar_error *err)
{
    laminar_status status;
    struct relation *relation = NULL;
    struct schema *imported = NULL;
    struct batch *batch = NULL;
    bool is_consumed = false;
    if (!db || !name || !schema || !array) {
        release_array(array);
        return api_null(!db ? "db" : !name ? "name" : !schema ? "schema" : "array", err);
    }
    TRY(engine_find_target(db->db, name, &relation, err));
    TRY(arrow_import_schema(schema, &imported, err));
    is_consumed = true;
    TRY(ingest_array(db->db, relation, schema, imported, array, &batch, err));
    uint64_t n_rows = batch->n_rows;
    TRY(engine_insert(db->db, relation, batch, false, err));
    if (out_rows) *out_rows = n_rows;
done:
    if (!is_consumed) release_array(array);
    schema_unref(imported);
    relation_unref(relation);
    return status;
}

struct batch_list {
    ARRAY_OF(struct batch *) items;
    uint64_t n_rows;
};

static laminar_status stream_failed(struct ArrowArrayStream *stream, int code,
                                    struct laminar_error *err)
{
    const char *text = stream->get_last_error ? stream->get_last_error(stream) : NULL;
    return error_set(err, LAMINAR_INGESTION_FAILED, "the Arrow stream failed: %s",
                     text ? text : strerror(code));
}

static laminar_status read_stream(struct database *db, struct relation *relation,
                                  struct ArrowArrayStream *stream, struct batch_list *list,
                                  struct laminar_error *err)
{
    laminar_status status;
    struct ArrowSchema arrow_schema = {0};
    struct schema *schema = NULL;
    int code = stream->get_schema(stream, &arrow_schema);
    if (code != 0) return stream_failed(stream, code, err);
    TRY(arrow_import_schema(&arrow_schema, &schema, err));
    for (;;) {
        struct ArrowArray array = {0};
        struct batch *batch = NULL;
        code = stream->get_next(stream, &array);
        if (code != 0) TRY(stream_failed(stream, code, err));
        if (!array.release) break;
        TRY(ingest_array(db, relation, &arrow_schema, schema, &array, &batch, err));
        if (!ARRAY_PUSH(&list->items, batch)) {
            batch_unref(batch);
            TRY(error_oom(err));
        }
        list->n_rows += batch->n_rows;
    }
done:
    schema_unref(schema);
    if (arrow_schema.release) arrow_schema.release(&arrow_schema);
    return status;
}

laminar_status laminar_insert_stream(laminar_db *db, const char *name,
                                     struct ArrowArrayStream *stream, uint64_t *out_rows,
                                     laminar_error *err)
{
    laminar_status status;
    struct relation *relation = NULL;
    struct batch_list list = {0};
    if (!db || !name || !stream || !stream->release) {
        release_stream(stream);
        return api_null(!db ? "db" : !name ? "name" : "stream", err);
    }
    TRY(engine_find_target(db->db, name, &relation, err));
    TRY(read_stream(db->db, relation, stream, &list, err));
    size_t n = list.items.n;
    list.items.n = 0;
    TRY(engine_insert_batches(db->db, relation, list.items.items, n, err));
    if (out_rows) *out_rows = list.n_rows;
done:
    for (size_t i = 0; i < list.items.n; i++) batch_unref(list.items.items[i]);
    ARRAY_DEINIT(&list.items);
    relation_unref(relation);
    release_stream(stream);
    return status;
}

/* --- Sources from schemas ---------------------------------------------------------------------------------------------------------- */

laminar_status laminar_create_source_arrow(laminar_db *db, const char *name,
                                           const struct ArrowSchema *schema, laminar_error *err)
{
    laminar_status status;
    struct schema *imported = NULL;
    struct strbuf sql = {0};
    laminar_result *result = NULL;
    if (!db || !name || !schema) return api_null(!db ? "db" : !name ? "name" : "schema", err);
    TRY(database_check_open(db->db, err));
    TRY(arrow_import_schema(schema, &imported, err));
    if (imported->n_columns == 0)
        TRY(error_set(err, LAMINAR_INVALID_SCHEMA, "the schema of '%s' has no columns", name));
    strbuf_puts(&sql, "CREATE SOURCE ");
    sql_print_name(&sql, name, strlen(name));
    strbuf_puts(&sql, " (");
    for (uint32_t i = 0; i < imported->n_columns; i++) {
        if (i) strbuf_puts(&sql, ", ");
        sql_print_name(&sql, imported->columns[i].name, strlen(imported->columns[i].name));
        strbuf_putc(&sql, ' ');
        type_print(imported->columns[i].type, &sql);
        if (!imported->columns[i].is_nullable) strbuf_puts(&sql, " NOT NULL");
    }
    strbuf_putc(&sql, ')');
    if (sql.failed) TRY(error_oom(err));
    TRY(laminar_execute(db, sql.data, &result, err));
done:
    laminar_result_free(result);
    strbuf_deinit(&sql);
    schema_unref(imported);
    return status;
}
