/* fuzz_csv.c - CSV text. The first two bytes choose options and where the text is cut in pieces.
 * What must hold: no crash or leak; the rows are the same however the text is cut; rows that were read, written and read again are the same; an
 * error has a message and a code of the two that are documented. */
#include "format/csv.h"
#include "vector/text.h"
#include <stdio.h>
#include <stdlib.h>

static void require(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

static struct schema *make_schema(void)
{
    struct data_type list, structure;
    const struct type_field fields[] = {{"x", TYPE(INT64), true}, {"y", TYPE(VARCHAR), true}};
    if (type_list(TYPE(DOUBLE), &list, NULL) || type_struct(fields, 2, &structure, NULL)) abort();
    const struct schema_column columns[] = {{"a", TYPE(INT64), true},
                                            {"b", TYPE(VARCHAR), true},
                                            {"c", TYPE(DOUBLE), true},
                                            {"d", type_decimal(12, 3), true},
                                            {"e", type_timestamp(UNIT_MICRO), true},
                                            {"f", TYPE(BOOL), true},
                                            {"g", TYPE(JSON), true},
                                            {"h", list, true},
                                            {"i", structure, true},
                                            {"j", TYPE(BINARY), true},
                                            {"k", TYPE(INTERVAL), true},
                                            {"l", TYPE(FLOAT), true},
                                            {"m", TYPE(UUID), true},
                                            {"n", TYPE(DATE), true},
                                            {"o", TYPE(UINT8), false}};
    return schema_create(columns, ARRAY_LENGTH(columns));
}

static void print(struct strbuf *out, const struct batch *batch)
{
    strbuf_puts(out, "");
    for (size_t row = 0; row < batch->n_rows; row++)
        for (uint32_t i = 0; i < batch->n_cols; i++) {
            text_print_value(out, &batch->cols[i], row);
            strbuf_putc(out, '|');
        }
}

static laminar_status read_in_pieces(struct schema *schema, const struct csv_options *options,
                                     const char *text, size_t size, size_t piece,
                                     struct batch **out)
{
    struct csv_reader *reader = NULL;
    laminar_status status = csv_reader_create(schema, options, &reader, NULL);
    for (size_t at = 0; !status && at < size; at += piece)
        status = csv_reader_feed(reader, text + at, size - at < piece ? size - at : piece, false,
                                 NULL);
    if (!status) status = csv_reader_feed(reader, text, 0, true, NULL);
    if (!status) status = csv_reader_take(reader, out, NULL);
    csv_reader_free(reader);
    return status;
}

static void check_rows(struct schema *schema, const struct csv_options *options, const char *text,
                       size_t size, size_t piece, struct batch *batch)
{
    struct strbuf rows = {0}, other = {0}, written = {0};
    struct batch *again = NULL;
    print(&rows, batch);
    require(read_in_pieces(schema, options, text, size, piece, &again) == LAMINAR_OK,
            "the text is good in pieces, too");
    print(&other, again);
    require(rows.size == other.size && memcmp(rows.data, other.data, rows.size) == 0,
            "pieces give the same rows");
    batch_unref(again);
    again = NULL;

    struct vector *cols = calloc(batch->n_cols, sizeof *cols);
    struct csv_options plain = {
        .delimiter = options->delimiter, .quote = options->quote, .null_text = options->null_text};
    csv_write_header(&written, schema, &plain);
    for (size_t at = 0; at < batch->n_rows; at += CHUNK_ROWS) {
        struct chunk chunk = batch_chunk(batch, at, cols);
        csv_write_chunk(&written, &chunk, &plain);
    }
    free(cols);
    const bool has_default[32] = {[14] = true};
    plain.has_default = has_default;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    if (csv_read(schema, written.data, written.size, &plain, &again, NULL, &err)) {
        fprintf(stderr, "%s\n%s\n", err.message, written.data);
        abort();
    }
    strbuf_clear(&other);
    print(&other, again);
    require(rows.size == other.size && memcmp(rows.data, other.data, rows.size) == 0,
            "written rows come back");
    batch_unref(again);
    strbuf_deinit(&rows);
    strbuf_deinit(&other);
    strbuf_deinit(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    struct csv_options options = {.delimiter = ",;\t|"[data[0] & 3],
                                  .quote = data[0] & 4 ? '\'' : '"',
                                  .null_text = data[0] & 8 ? "NA" : NULL};
    size_t piece = (size_t)data[1] + 1;
    const char *text = (const char *)data + 2;
    size -= 2;
    struct schema *schema = make_schema();
    const bool has_default[32] = {[14] = true};
    options.has_default = has_default;
    struct batch *batch = NULL;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    laminar_status status = csv_read(schema, text, size, &options, &batch, NULL, &err);
    if (status == LAMINAR_OK) {
        /* A NOT NULL column that was left out is null until its default is filled in: such rows can't be written and read. */
        bool is_whole = batch->n_rows == 0 || vector_is_valid(&batch->cols[14], 0);
        if (is_whole) check_rows(schema, &options, text, size, piece, batch);
    } else {
        require(status == LAMINAR_INGESTION_FAILED || status == LAMINAR_BATCH_SCHEMA_MISMATCH,
                "the error is a documented one");
        require(err.code == status && err.message[0], "the error has a text");
        require(utf8_validate(err.message, strlen(err.message)), "the error's text is UTF-8");
        require(read_in_pieces(schema, &options, text, size, piece, &batch) != LAMINAR_OK,
                "the text is wrong in pieces, too");
    }
    batch_unref(batch);
    schema_unref(schema);
    return 0;
}
