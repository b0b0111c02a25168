/* json.h - JSON text to batches and back.
 *
 * Reading: an array of objects, one object, or objects separated by white space (JSON lines), one row an object. Keys are matched to columns
 * exactly, then folded to lower case; a missing key or null is null. Numbers arrive exactly, whatever their length. Strings become temporal, decimal, UUID
 * and numeric values by their SQL text; numbers in TIMESTAMP, TIME and DATE columns count the column's unit. Objects and arrays become STRUCT, MAP,
 * LIST; anything becomes JSON. Malformed text is LAMINAR_INGESTION_FAILED with line and column; an unknown, missing or repeated key and a value that does
 * not fit its column whole LAMINAR_BATCH_SCHEMA_MISMATCH.
 * Idea: the text is cut into windows of whole objects by counting brackets, and each window is parsed by yyjson in place, so memory is
 * bounded and large inputs stay in cache. @thread one at a time a reader. */
#ifndef FORMAT_JSON_H
#define FORMAT_JSON_H

#include "vector/vector.h"

/* Zero-initialised means the defaults. */
struct json_options {
    const bool *
        /* per schema column: it may be missing even if NOT NULL; the caller fills it. NULL = none */
        has_default;
    size_t record_bytes_max; /* 64 MiB */
    struct batch_pool *pool; /* may be NULL */
};

/* All of text[0..size) as one batch. `is_defaulted` (schema->n_columns flags, may be NULL) tells which columns have a default and were missing from
 * every row: they are all null. That only some rows leave such a column out is an error here; the reader below tells them apart. */
laminar_status json_read(struct schema *schema, const char *text, size_t size,
                         const struct json_options *options, struct batch **out, bool *is_defaulted,
                         struct laminar_error *err) must_check;

struct json_reader;
laminar_status json_reader_create(struct schema *schema, const struct json_options *options,
                                  struct json_reader **out, struct laminar_error *err) must_check;
void json_reader_free(struct json_reader *reader);
/* Takes in the next bytes; an object that is not yet whole is kept. is_last: nothing follows. After an error the reader holds the rows before the
 * error's window and cannot be fed any more. */
laminar_status json_reader_feed(struct json_reader *reader, const char *data, size_t size,
                                bool is_last, struct laminar_error *err) must_check;
size_t json_reader_n_rows(const struct json_reader *reader);
/* A column that has a default: the rows since the last take that had no value for it, as bits (1 = missing, up to the last such row), and how
 * many; NULL when there are none. Their values are null in the batch. Valid until the next call on the reader. */
const uint8_t *json_reader_missing(const struct json_reader *reader, uint32_t column,
                                   size_t *n_missing);
/* The rows since the last take (also 0 of them). */
laminar_status json_reader_take(struct json_reader *reader, struct batch **out,
                                struct laminar_error *err) must_check;

/* One JSON text of a value of any type, appended as row to a nested column (CSV, casts). */
laminar_status json_append_value(struct column *col, const char *data, size_t size,
                                 const char *column_name, size_t row, struct laminar_error *err)
    must_check;

/* Printing appends to `out`; out->failed tells that memory ran out. Floats that JSON has no number for are the strings "NaN", "Infinity" and
 * "-Infinity", which reading takes back. */
void json_write_value(struct strbuf *out, const struct vector *v, size_t row);
void json_write_string(struct strbuf *out, const char *data, size_t size);
/* One object a line. */
void json_write_chunk(struct strbuf *out, const struct schema *schema, const struct chunk *chunk);

#endif
