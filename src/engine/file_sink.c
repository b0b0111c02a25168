/* file_sink.c - CREATE SINK ... WITH (connector = 'file', path = ..., format = 'csv' | 'json'): each step's rows appended to a local
 * file with one write, CSV (with a header in a new file) or JSON lines. A relation that retracts gets the column __weight, so that the file says what
 * left. A failing write stops the sink (and names the file), not the stream that it reads.
 *
 * In a stored database each row is in the file exactly once: checkpoints say up to which byte the sink had written (and the file is on the disk up to there), the
 * log says where it began. Replaying the steps writes the same bytes to the same places, and what lies behind them afterwards is cut. */
#include "base/error.h"
#include "base/file.h"
#include "engine/engine.h"
#include "format/csv.h"
#include "format/json.h"
#include <string.h>

struct file_sink {
    struct file file;
    uint64_t base;   /* size of the file when the sink was made */
    uint64_t offset; /* where the next row goes */
    /* of a stored database: rows go to `offset`, again after a crash; else to the end */
    bool is_stored;
    bool is_dry;                  /* opened for reading only */
    bool is_held;                 /* rows stay in `text` */
    size_t n_held;                /* of them */
    struct laminar_error failure; /* why it can't go on */
    bool is_csv;
    bool with_weights;
    struct schema *schema; /* of what is written */
    struct strbuf text;
    struct vector *slice;
};

static laminar_status bad_option(const struct relation *relation, struct laminar_error *err,
                                 const char *what, const char *hint)
{
    error_set(err, LAMINAR_CONNECTOR_FAILED, "sink '%s': %s", relation->name, what);
    error_object(err, relation->name);
    error_hint(err, "%s", hint);
    return LAMINAR_CONNECTOR_FAILED;
}

static laminar_status sink_schema(struct file_sink *sink, const struct relation *relation,
                                  struct laminar_error *err)
{
    sink->with_weights = !relation->is_append_only;
    uint32_t n = relation->schema->n_columns;
    struct schema_column *columns = mem_calloc(n + 1, sizeof *columns);
    if (!columns) return error_oom(err);
    memcpy(columns, relation->schema->columns, n * sizeof *columns);
    columns[n] = (struct schema_column){"__weight", TYPE(INT64), false};
    sink->schema = schema_create(columns, n + (sink->with_weights ? 1 : 0));
    sink->slice = mem_calloc(n + 1, sizeof *sink->slice);
    mem_free(columns);
    return sink->schema && sink->slice ? LAMINAR_OK : error_oom(err);
}

/* A sink that goes on: what it has written must be there. Where it is not, this sink stops, and the database opens without it. */
static laminar_status go_on(struct file_sink *sink, const struct relation *relation,
                            const char *path, bool is_copy, struct laminar_error *err)
{
    laminar_status status;
    uint64_t bytes = 0;
    if (is_copy) {
        error_set(err, LAMINAR_CONNECTOR_FAILED,
                  "sink '%s': the database is a copy (backup), and the other one may write to "
                  "'%.300s'",
                  relation->name, path);
        error_object(err, relation->name);
        error_hint(err, "drop the sink and create it again");
        return LAMINAR_CONNECTOR_FAILED;
    }
    TRY(file_open(&sink->file, path, FILE_UPDATE, err));
    TRY(file_size(&sink->file, &bytes, err));
    if (bytes >= sink->offset) return LAMINAR_OK;
    error_set(err, LAMINAR_CONNECTOR_FAILED,
              "sink '%s': '%.300s' has %llu bytes, and the sink had written up to byte %llu",
              relation->name, path, (unsigned long long)bytes, (unsigned long long)sink->offset);
    error_object(err, relation->name);
    error_hint(err, "drop the sink and create it again, with another path");
    status = LAMINAR_CONNECTOR_FAILED;
done:
    return status;
}

uint64_t file_sink_base(const struct file_sink *sink) { return sink->base; }
uint64_t file_sink_offset(const struct file_sink *sink) { return sink->offset; }

laminar_status file_sink_recovered(struct file_sink *sink, struct laminar_error *err)
{
    uint64_t bytes = 0;
    if (sink->failure.code != LAMINAR_OK) {
        if (err) *err = sink->failure;
        return sink->failure.code;
    }
    if (sink->is_dry) return LAMINAR_OK;
    laminar_status status = file_size(&sink->file, &bytes, err);
    /* Half a line, or rows of steps that were never acknowledged. */
    if (status == LAMINAR_OK && bytes > sink->offset)
        status = file_truncate(&sink->file, sink->offset, err);
    return status;
}

laminar_status file_sink_open(const struct relation *relation, const struct file_sink_start *start,
                              struct file_sink **out, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    const char *path = relation_option(relation, "path");
    const char *format = relation->format ? relation->format : relation_option(relation, "format");
    if (!path || !*path)
        return bad_option(relation, err, "the option 'path' is missing",
                          "name the file: WITH (connector = 'file', path = 'out.csv')");
    bool is_json = format && (strcmp(format, "json") == 0 || strcmp(format, "jsonl") == 0 ||
                              strcmp(format, "ndjson") == 0);
    if (format && !is_json && strcmp(format, "csv") != 0)
        return bad_option(relation, err, "the file connector writes csv and json",
                          "set format = 'csv' or format = 'json'");
    struct file_sink *sink = mem_calloc(1, sizeof *sink);
    if (!sink) return error_oom(err);
    size_t size = strlen(path);
    sink->is_csv = format ? !is_json
                          : !(size > 5 && (strcmp(path + size - 5, ".json") == 0 ||
                                           strcmp(path + size - 6, ".jsonl") == 0));
    TRY(sink_schema(sink, relation, err));
    sink->is_stored = start->is_stored;
    sink->is_dry = start->is_dry;
    sink->is_held = start->is_held;
    if (start->goes_on) {
        sink->base = sink->offset = start->offset;
        sink->failure = LAMINAR_ERROR_INIT;
        if (!sink->is_dry &&
            go_on(sink, relation, path, start->is_copy, &sink->failure) != LAMINAR_OK)
            sink->is_dry = true;
    } else {
        TRY(file_open(&sink->file, path, sink->is_stored ? FILE_UPDATE : FILE_APPEND, err));
        TRY(file_size(&sink->file, &sink->offset, err));
        sink->base = sink->offset;
    }
    if (sink->is_csv && sink->offset == 0)
        csv_write_header(&sink->text, sink->schema, &(struct csv_options){0});
    if (sink->text.failed) TRY(error_oom(err));
    *out = sink;
    return LAMINAR_OK;
done : {
    laminar_status closed = file_sink_close(sink, NULL);
    (void)closed;
}
    return status;
}

static laminar_status put_text(struct file_sink *sink, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    if (sink->is_dry) return LAMINAR_OK;
    if (sink->is_stored)
        status = file_write_at(&sink->file, sink->text.data, sink->text.size, sink->offset, err);
    else
        status = file_write(&sink->file, sink->text.data, sink->text.size, err);
    if (status == LAMINAR_OK) sink->offset += sink->text.size;
    return status;
}

laminar_status file_sink_write(struct file_sink *sink, const struct batch *batch,
                               struct laminar_error *err)
{
    static const int64_t one = 1;
    for (size_t at = 0; at < batch->n_rows; at += CHUNK_ROWS) {
        struct chunk chunk = batch_chunk(batch, at, sink->slice);
        if (sink->with_weights) {
            sink->slice[chunk.n_cols] = (struct vector){
                .type = TYPE(INT64),
                .shape = chunk.weights ? VEC_FLAT : VEC_CONST,
                .data = (void *)(uintptr_t)(chunk.weights ? chunk.weights : &one)};
            chunk.n_cols++;
        }
        chunk.weights = NULL;
        if (sink->is_csv)
            csv_write_chunk(&sink->text, &chunk, &(struct csv_options){0});
        else
            json_write_chunk(&sink->text, sink->schema, &chunk);
    }
    if (sink->text.failed) {
        strbuf_clear(&sink->text);
        return error_oom(err);
    }
    sink->n_held += batch->n_rows;
    if (sink->is_held) return LAMINAR_OK;
    laminar_status status = put_text(sink, err);
    strbuf_clear(&sink->text);
    return status;
}

laminar_status file_sink_release(struct file_sink *sink, struct laminar_error *err)
{
    if (!sink->is_held) return LAMINAR_OK;
    sink->is_held = false;
    if (sink->n_held == 0) return LAMINAR_OK;
    laminar_status status = put_text(sink, err);
    strbuf_clear(&sink->text);
    return status;
}

laminar_status file_sink_close(struct file_sink *sink, struct laminar_error *err)
{
    if (!sink) return LAMINAR_OK;
    laminar_status status = LAMINAR_OK;
    /* the header of an empty file */
    if (!sink->is_held && file_is_open(&sink->file) && sink->text.size > 0)
        status = put_text(sink, err);
    if (file_is_open(&sink->file)) {
        /* No later checkpoint knows of the file: a sink that is dropped leaves it on the disk. */
        if (status == LAMINAR_OK && sink->is_stored && !sink->is_dry)
            status = file_sync(&sink->file, err);
        laminar_status closed = file_close(&sink->file, err);
        if (status == LAMINAR_OK) status = closed;
    }
    strbuf_deinit(&sink->text);
    schema_unref(sink->schema);
    mem_free(sink->slice);
    mem_free(sink);
    return status;
}
