/* arrow_file.c - see arrow_file.h: our files behind nanoarrow's streams. */
#include "format/arrow_file.h"
#include "base/error.h"
#include "base/file.h"
#include "vector/arrow.h"
#include <errno.h>
#include <string.h>

#include <nanoarrow/nanoarrow.h>
#include <nanoarrow/nanoarrow_ipc.h>

enum { WRITE_ROWS = 65536, MAGIC_BYTES = 8 };

/* --- Writing ----------------------------------------------------------------------------------------------------------------------- */

struct arrow_file_writer {
    char *path, *beside;
    struct file file;
    struct laminar_error failure; /* of the file */
    struct ArrowIpcWriter ipc;
    struct ArrowSchema schema;
    struct ArrowArrayView view;
    bool has_ipc, has_view;
};

static ArrowErrorCode stream_write(struct ArrowIpcOutputStream *stream, const void *data,
                                   int64_t size, int64_t *n_written, struct ArrowError *error)
{
    struct arrow_file_writer *writer = stream->private_data;
    (void)error;
    *n_written = 0;
    if (file_write(&writer->file, data, (size_t)size, &writer->failure)) return EIO;
    *n_written = size;
    return NANOARROW_OK;
}

static void stream_release(struct ArrowIpcOutputStream *stream) { stream->release = NULL; }

static laminar_status writer_failure(const struct arrow_file_writer *writer, ArrowErrorCode code,
                                     const struct ArrowError *error, struct laminar_error *err)
{
    if (writer->failure.code != LAMINAR_OK) {
        if (err) *err = writer->failure;
        return writer->failure.code;
    }
    if (code == ENOMEM) return error_oom(err);
    return error_set(err, LAMINAR_QUERY_FAILED, "'%.300s' can't be written: %.500s", writer->path,
                     error->message);
}

void arrow_file_abort(struct arrow_file_writer *writer)
{
    if (!writer) return;
    if (writer->has_ipc) ArrowIpcWriterReset(&writer->ipc);
    if (writer->has_view) ArrowArrayViewReset(&writer->view);
    if (writer->schema.release) writer->schema.release(&writer->schema);
    if (file_is_open(&writer->file)) {
        file_close(&writer->file, NULL);
        laminar_status removed = file_remove(writer->beside, NULL);
        (void)removed;
    }
    mem_free(writer->beside);
    mem_free(writer->path);
    mem_free(writer);
}

laminar_status arrow_file_create(const char *path, const struct schema *schema,
                                 struct arrow_file_writer **out, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct strbuf beside = {0};
    struct ArrowError error = {0};
    struct arrow_file_writer *writer = mem_calloc(1, sizeof *writer);
    if (!writer) return error_oom(err);
    writer->failure = LAMINAR_ERROR_INIT;
    strbuf_printf(&beside, "%s.part", path);
    writer->path = mem_strdup(path);
    writer->beside = strbuf_take(&beside);
    if (!writer->path || !writer->beside) TRY(error_oom(err));
    TRY(file_open(&writer->file, writer->beside, FILE_CREATE, err));
    TRY(arrow_export_schema(schema, 0, &writer->schema, err));
    struct ArrowIpcOutputStream stream = {
        .write = stream_write, .release = stream_release, .private_data = writer};
    ArrowErrorCode code = ArrowIpcWriterInit(&writer->ipc, &stream);
    writer->has_ipc = code == NANOARROW_OK;
    if (code == NANOARROW_OK) code = ArrowIpcWriterStartFile(&writer->ipc, &error);
    if (code == NANOARROW_OK)
        code = ArrowIpcWriterWriteSchema(&writer->ipc, &writer->schema, &error);
    if (code == NANOARROW_OK)
        code = ArrowArrayViewInitFromSchema(&writer->view, &writer->schema, &error);
    writer->has_view = code == NANOARROW_OK;
    if (code != NANOARROW_OK) TRY(writer_failure(writer, code, &error, err));
    *out = writer;
    writer = NULL;
done:
    arrow_file_abort(writer);
    return status;
}

laminar_status arrow_file_write(struct arrow_file_writer *writer, struct batch *batch,
                                struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    for (size_t at = 0; at < batch->n_rows; at += WRITE_ROWS) {
        struct ArrowArray array = {0};
        struct ArrowError error = {0};
        size_t n = batch->n_rows - at < WRITE_ROWS ? batch->n_rows - at : WRITE_ROWS;
        TRY(arrow_export_batch(batch, at, n, 0, &array, err));
        ArrowErrorCode code = ArrowArrayViewSetArray(&writer->view, &array, &error);
        if (code == NANOARROW_OK)
            code = ArrowIpcWriterWriteArrayView(&writer->ipc, &writer->view, &error);
        array.release(&array);
        if (code != NANOARROW_OK) TRY(writer_failure(writer, code, &error, err));
    }
done:
    return status;
}

laminar_status arrow_file_finish(struct arrow_file_writer *writer, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct ArrowError error = {0};
    /* the end of the stream that the file holds, then the file's own */
    ArrowErrorCode code = ArrowIpcWriterWriteArrayView(&writer->ipc, NULL, &error);
    if (code == NANOARROW_OK) code = ArrowIpcWriterFinalizeFile(&writer->ipc, &error);
    if (code != NANOARROW_OK) TRY(writer_failure(writer, code, &error, err));
    TRY(file_sync(&writer->file, err));
    TRY(file_close(&writer->file, err));
    TRY(file_rename(writer->beside, writer->path, err));
done:
    arrow_file_abort(writer);
    return status;
}

/* --- Reading ----------------------------------------------------------------------------------------------------------------------- */

struct arrow_file_reader {
    char *path;
    struct file file;
    struct laminar_error failure; /* of the file */
    struct ArrowArrayStream stream;
    struct ArrowSchema arrow_schema;
    struct schema *schema;
    struct batch_pool *pool;
    uint8_t start[MAGIC_BYTES]; /* of a file in the stream format: read already */
    size_t n_start, start_at;
};

static ArrowErrorCode stream_read(struct ArrowIpcInputStream *stream, uint8_t *out, int64_t size,
                                  int64_t *n_read, struct ArrowError *error)
{
    struct arrow_file_reader *reader = stream->private_data;
    size_t n = 0;
    (void)error;
    *n_read = 0;
    if (reader->start_at < reader->n_start) {
        n = reader->n_start - reader->start_at;
        if (n > (size_t)size) n = (size_t)size;
        memcpy(out, reader->start + reader->start_at, n);
        reader->start_at += n;
    } else if (file_read(&reader->file, out, (size_t)size, &n, &reader->failure)) {
        return EIO;
    }
    *n_read = (int64_t)n;
    return NANOARROW_OK;
}

static void input_release(struct ArrowIpcInputStream *stream) { stream->release = NULL; }

static laminar_status reader_failure(struct arrow_file_reader *reader, ArrowErrorCode code,
                                     struct laminar_error *err)
{
    if (reader->failure.code != LAMINAR_OK) {
        if (err) *err = reader->failure;
        return reader->failure.code;
    }
    if (code == ENOMEM) return error_oom(err);
    const char *why = reader->stream.release && reader->stream.get_last_error
                          ? reader->stream.get_last_error(&reader->stream)
                          : NULL;
    return error_set(err, LAMINAR_QUERY_FAILED, "'%.300s' is not an Arrow file that reads: %.500s",
                     reader->path, why ? why : "it can't be decoded");
}

void arrow_file_close(struct arrow_file_reader *reader)
{
    if (!reader) return;
    if (reader->stream.release) reader->stream.release(&reader->stream);
    if (reader->arrow_schema.release) reader->arrow_schema.release(&reader->arrow_schema);
    schema_unref(reader->schema);
    file_close(&reader->file, NULL);
    mem_free(reader->path);
    mem_free(reader);
}

/* Past the magic bytes of the file format, which is the stream format behind them. */
static laminar_status skip_magic(struct arrow_file_reader *reader, struct laminar_error *err)
{
    while (reader->n_start < MAGIC_BYTES) {
        size_t n = 0;
        laminar_status status = file_read(&reader->file, reader->start + reader->n_start,
                                          MAGIC_BYTES - reader->n_start, &n, err);
        if (status != LAMINAR_OK) return status;
        if (n == 0) break;
        reader->n_start += n;
    }
    static const uint8_t magic[6] = {'A', 'R', 'R', 'O', 'W', '1'};
    if (reader->n_start == MAGIC_BYTES && memcmp(reader->start, magic, sizeof magic) == 0)
        reader->start_at = MAGIC_BYTES;
    return LAMINAR_OK;
}

laminar_status arrow_file_open(const char *path, struct batch_pool *pool,
                               struct arrow_file_reader **out, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct arrow_file_reader *reader = mem_calloc(1, sizeof *reader);
    if (!reader) return error_oom(err);
    reader->failure = LAMINAR_ERROR_INIT;
    reader->pool = pool;
    if (!(reader->path = mem_strdup(path))) TRY(error_oom(err));
    TRY(file_open(&reader->file, path, FILE_READ, err));
    TRY(skip_magic(reader, err));
    struct ArrowIpcInputStream input = {
        .read = stream_read, .release = input_release, .private_data = reader};
    ArrowErrorCode code = ArrowIpcArrayStreamReaderInit(&reader->stream, &input, NULL);
    if (code == NANOARROW_OK)
        code = reader->stream.get_schema(&reader->stream, &reader->arrow_schema);
    if (code != NANOARROW_OK) TRY(reader_failure(reader, code, err));
    TRY(arrow_import_schema(&reader->arrow_schema, &reader->schema, err));
    *out = reader;
    reader = NULL;
done:
    arrow_file_close(reader);
    return status;
}

struct schema *arrow_file_schema(const struct arrow_file_reader *reader) { return reader->schema; }

laminar_status arrow_file_next(struct arrow_file_reader *reader, struct batch **out,
                               struct laminar_error *err)
{
    struct ArrowArray array = {0};
    *out = NULL;
    ArrowErrorCode code = reader->stream.get_next(&reader->stream, &array);
    if (code != NANOARROW_OK) return reader_failure(reader, code, err);
    if (!array.release) return LAMINAR_OK;
    struct arrow_import_options options = {.pool = reader->pool};
    laminar_status status = arrow_import_batch_with(&reader->arrow_schema, &array, reader->schema,
                                                    &options, out, err);
    if (status != LAMINAR_OK && array.release) array.release(&array);
    return status;
}
