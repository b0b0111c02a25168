/* fuzz_rows.h - what the fuzz targets of text formats share: a schema with every kind of type, and the check of rows that were read. A target says by
 * struct row_format how its format reads whole texts and pieces, and how it writes. */
#ifndef FUZZ_ROWS_H
#define FUZZ_ROWS_H

#include "base/strbuf.h"
#include "vector/text.h"
#include <stdio.h>
#include <stdlib.h>

/* The column whose type is NOT NULL and which has a default. */
enum { DEFAULTED_COLUMN = 14 };
static const bool fuzz_has_default[32] = {[DEFAULTED_COLUMN] = true};

struct row_format {
    laminar_status (*read)(struct schema *schema, const void *options, const char *text,
                           size_t size, struct batch **out, struct laminar_error *err);
    laminar_status (*read_in_pieces)(struct schema *schema, const void *options, const char *text,
                                     size_t size, size_t piece, struct batch **out);
    void (*write)(struct schema *schema, const void *options, struct batch *batch,
                  struct strbuf *out);
};

static inline void require(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

static inline struct schema *make_schema(void)
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

static inline void print(struct strbuf *out, const struct batch *batch)
{
    strbuf_puts(out, "");
    for (size_t row = 0; row < batch->n_rows; row++)
        for (uint32_t i = 0; i < batch->n_cols; i++) {
            text_print_value(out, &batch->cols[i], row);
            strbuf_putc(out, '|');
        }
}

static inline bool is_same_text(const struct strbuf *a, const struct strbuf *b)
{
    return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

static inline void check_rows(const struct row_format *format, struct schema *schema,
                              const void *options, const char *text, size_t size, size_t piece,
                              struct batch *batch)
{
    struct strbuf rows = {0}, other = {0}, written = {0};
    struct batch *again = NULL;
    print(&rows, batch);
    require(format->read_in_pieces(schema, options, text, size, piece, &again) == LAMINAR_OK,
            "the text is good in pieces, too");
    print(&other, again);
    require(is_same_text(&rows, &other), "pieces give the same rows");
    batch_unref(again);
    again = NULL;

    format->write(schema, options, batch, &written);
    struct laminar_error err = LAMINAR_ERROR_INIT;
    if (format->read(schema, options, written.data, written.size, &again, &err)) {
        fprintf(stderr, "%s\n%s\n", err.message, written.data);
        abort();
    }
    strbuf_clear(&other);
    print(&other, again);
    require(is_same_text(&rows, &other), "written rows come back");
    batch_unref(again);
    strbuf_deinit(&rows);
    strbuf_deinit(&other);
    strbuf_deinit(&written);
}

static inline void check_error(laminar_status status, const struct laminar_error *err)
{
    require(status == LAMINAR_INGESTION_FAILED || status == LAMINAR_BATCH_SCHEMA_MISMATCH,
            "the error is a documented one");
    require(err->code == status && err->message[0], "the error has a text");
    require(utf8_validate(err->message, strlen(err->message)), "the error's text is UTF-8");
}

#endif
