/* csv.h - CSV text to batches and back, by RFC 4180.
 *
 * Reading: the header's names are matched to the schema's columns (exactly, then folded to lower case), in any order. An empty unquoted field
 * is null, a quoted empty one the empty string. Fields may be quoted, quotes in them doubled; they may contain line ends, which are LF or
 * CRLF. A byte order mark is skipped, lines without any character too (but for a single column, where they are a null). Text that is no CSV (a record
 * with too many or too few fields, a stray quote, invalid UTF-8) is LAMINAR_INGESTION_FAILED with line and column; a value that does not fit its column
 * whole, an unknown or missing column LAMINAR_BATCH_SCHEMA_MISMATCH. LIST, STRUCT, MAP and JSON values are JSON texts.
 * Cost: measured in bench/c; some 40 ns a field. @thread one at a time a reader. */
#ifndef FORMAT_CSV_H
#define FORMAT_CSV_H

#include "vector/vector.h"

/* Zero-initialised means the defaults. */
struct csv_options {
    char delimiter; /* ',' */
    char quote;     /* '"' */
    const char
        *null_text; /* an unquoted field with this text is null, too ("NA", "\\N"); NULL = none */
    bool has_no_header; /* the fields are the schema's columns in order */
    const bool *
        /* per schema column: it may be missing even if NOT NULL; the caller fills it. NULL = none */
        has_default;
    size_t record_bytes_max; /* 64 MiB */
    struct batch_pool *pool; /* may be NULL */
};

/* All of text[0..size) as one batch. `is_defaulted` (schema->n_columns flags, may be NULL) tells which columns were missing and have a default:
 * they are all null. */
laminar_status csv_read(struct schema *schema, const char *text, size_t size,
                        const struct csv_options *options, struct batch **out, bool *is_defaulted,
                        struct laminar_error *err) must_check;

/* The same bit by bit, for files and sockets. */
struct csv_reader;
laminar_status csv_reader_create(struct schema *schema, const struct csv_options *options,
                                 struct csv_reader **out, struct laminar_error *err) must_check;
void csv_reader_free(struct csv_reader *reader);
/* Takes in the next bytes; a record that is not yet whole is kept. is_last: nothing follows, so it must be whole. After an error the reader
 * holds the rows before the error's window and cannot be fed any more. */
laminar_status csv_reader_feed(struct csv_reader *reader, const char *data, size_t size,
                               bool is_last, struct laminar_error *err) must_check;
size_t csv_reader_n_rows(const struct csv_reader *reader);
/* The rows since the last take (also 0 of them). */
laminar_status csv_reader_take(struct csv_reader *reader, struct batch **out,
                               struct laminar_error *err) must_check;
/* Which columns the header left out; valid once it was read. */
const bool *csv_reader_is_defaulted(const struct csv_reader *reader);

/* Printing appends to `out`; out->failed tells that memory ran out. Lines end in LF. */
void csv_write_header(struct strbuf *out, const struct schema *schema,
                      const struct csv_options *options);
void csv_write_chunk(struct strbuf *out, const struct chunk *chunk,
                     const struct csv_options *options);

#endif
