/* fuzz_json.c - JSON text. The first byte chooses where the text is cut in pieces.
 * What must hold: no crash or leak; the rows are the same however the text is cut; rows that were read, written and read again are the same; an
 * error has a message and a code of the two that are documented. */
#include "format/json.h"
#include "fuzz_rows.h"

static laminar_status read_whole(struct schema *schema, const void *options, const char *text,
                                 size_t size, struct batch **out, struct laminar_error *err)
{
    return json_read(schema, text, size, options, out, NULL, err);
}

static laminar_status read_in_pieces(struct schema *schema, const void *options, const char *text,
                                     size_t size, size_t piece, struct batch **out)
{
    struct json_reader *reader = NULL;
    laminar_status status = json_reader_create(schema, options, &reader, NULL);
    for (size_t at = 0; !status && at < size; at += piece)
        status = json_reader_feed(reader, text + at, size - at < piece ? size - at : piece, false,
                                  NULL);
    if (!status) status = json_reader_feed(reader, text, 0, true, NULL);
    if (!status) status = json_reader_take(reader, out, NULL);
    json_reader_free(reader);
    return status;
}

static void write_rows(struct schema *schema, const void *options, struct batch *batch,
                       struct strbuf *out)
{
    (void)options;
    struct vector *cols = calloc(batch->n_cols, sizeof *cols);
    for (size_t at = 0; at < batch->n_rows; at += CHUNK_ROWS) {
        struct chunk chunk = batch_chunk(batch, at, cols);
        json_write_chunk(out, schema, &chunk);
    }
    if (batch->n_rows == 0) strbuf_puts(out, "[]");
    free(cols);
}

static const struct row_format format = {read_whole, read_in_pieces, write_rows};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    struct json_options options = {0};
    size_t piece = (size_t)data[0] + 1;
    const char *text = (const char *)data + 1;
    size -= 1;
    struct schema *schema = make_schema();
    options.has_default = fuzz_has_default;
    struct batch *batch = NULL;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    laminar_status status = json_read(schema, text, size, &options, &batch, NULL, &err);
    if (status == LAMINAR_OK) {
        /* A NOT NULL column that was left out is null until its default is filled in: such rows can't be written and read. */
        bool is_whole = true;
        for (size_t i = 0; i < batch->n_rows; i++)
            is_whole &= vector_is_valid(&batch->cols[DEFAULTED_COLUMN], i);
        if (is_whole) check_rows(&format, schema, &options, text, size, piece, batch);
    } else {
        check_error(status, &err);
        /* What only json_read refuses: a default that some rows need and others don't. */
        bool is_mixed = strncmp(err.message, "column 'o' is missing in ", 25) == 0;
        laminar_status in_pieces = read_in_pieces(schema, &options, text, size, piece, &batch);
        require((in_pieces == LAMINAR_OK) == is_mixed, "the text is wrong in pieces, too");
    }
    batch_unref(batch);
    schema_unref(schema);
    return 0;
}
