/* laminar.h - LaminarDB, an embedded streaming SQL database.
 *
 *   laminar_db *db = NULL;
 *   laminar_error err = LAMINAR_ERROR_INIT;
 *   if (laminar_open(":memory:", NULL, &db, &err)) { fprintf(stderr, "%s\n", err.message); return 1; }
 *   laminar_execute(db, "CREATE SOURCE trades (sym VARCHAR, px DOUBLE)", NULL, &err);
 *   laminar_execute(db, "CREATE STREAM avgs AS SELECT sym, avg(px) AS px FROM trades GROUP BY sym", NULL, &err);
 *   laminar_subscription *sub = NULL;
 *   laminar_subscribe(db, "avgs", NULL, &sub, &err);
 *   laminar_execute(db, "INSERT INTO trades VALUES ('ACME', 10.5)", NULL, &err);
 *   laminar_result *rows = NULL;
 *   laminar_subscription_next(sub, 1000, &rows, &err);
 *
 * Conventions
 *   - A function that can fail returns a laminar_status (0 = LAMINAR_OK) and takes a laminar_error * that may be NULL.
 *     Out-parameters are untouched on failure.
 *   - Handles are opaque. `..._free(NULL)` does nothing.
 *   - Strings are UTF-8 and zero-terminated. A returned `const char *` is borrowed from the handle it was asked of and
 *     lives as long as that handle, unless the name ends in `_copy` (then the caller frees it with laminar_free).
 *   - A struct that the user fills begins with `struct_size`; zero in any other field means the default.
 *   - Times out: `timeout_ms` < 0 waits without limit (a cancel, close or shutdown still ends the wait), 0 never waits.
 *   - Thread-safety is stated per handle.
 *
 * The file has three parts: simple, advanced, experimental. What is in the first two is stable. */
#ifndef LAMINAR_H
#define LAMINAR_H

#include <laminar/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header; laminar_version() is that of the library. */
#define LAMINAR_VERSION_MAJOR 0
#define LAMINAR_VERSION_MINOR 1
#define LAMINAR_VERSION_PATCH 0
#define LAMINAR_VERSION_STRING "0.1.0"

/* A database. Thread-safe: any function on it may be called from any thread at any time, laminar_close included;
 * only laminar_db_free must be the last call. */
typedef struct laminar_db laminar_db;
/* Options for laminar_open. Not thread-safe; may be freed after laminar_open. */
typedef struct laminar_config laminar_config;
/* Rows with a schema: the answer of a query, or one delivery of a subscription. Immutable, so it may be read by several
 * threads; it stays valid after the database is closed and freed. */
typedef struct laminar_result laminar_result;
/* Appends rows to one source or table. Used by one thread at a time. */
typedef struct laminar_writer laminar_writer;
/* A bounded queue of changes. next/try from one thread at a time; cancel from any thread. */
typedef struct laminar_subscription laminar_subscription;
/* A prepared statement with its bound parameters. Used by one thread at a time. */
typedef struct laminar_statement laminar_statement;

/* ---------------------------------------------------------------------------------------------------------------------
 * Simple
 * ------------------------------------------------------------------------------------------------------------------ */

/* The library's version, "0.1.0". */
LAMINAR_API const char *laminar_version(void);
/* The title of a status code, "Table not found"; "OK" for 0; "Unknown status" otherwise. */
LAMINAR_API const char *laminar_status_title(laminar_status status);
/* The symbolic name of a status code, "TABLE_NOT_FOUND". */
LAMINAR_API const char *laminar_status_name(laminar_status status);
/* Frees memory that a `_copy` function returned. */
LAMINAR_API void laminar_free(void *ptr);

/* Opens a database: ":memory:" (nothing is kept) or a directory, which is made where it is missing and locked against a
 * second opener (LAMINAR_CONNECTION_IN_USE). `config` may be NULL. On success `*out_db` is the caller's to free. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_open(const char *path,
                                                           const laminar_config *config,
                                                           laminar_db **out_db, laminar_error *err);
/* Closes: ends subscriptions (their waiting readers wake), running statements fail with LAMINAR_CONNECTION_CLOSED. The
 * handle stays allocated, so that other threads may still hold it. Twice is fine. */
LAMINAR_API laminar_status laminar_close(laminar_db *db, laminar_error *err);
/* Closes where that was not done, and frees. Child handles (writers, subscriptions, statements) may be freed later. */
LAMINAR_API void laminar_db_free(laminar_db *db);
LAMINAR_API bool laminar_is_closed(const laminar_db *db);

/* Runs one or more statements separated by `;`. `out` may be NULL; else it takes the result of the last one. Statements
 * before a failing one stay done. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_execute(laminar_db *db, const char *sql,
                                                              laminar_result **out,
                                                              laminar_error *err);

/* What a result is. */
typedef enum laminar_result_kind {
    LAMINAR_RESULT_QUERY = 1, /* rows of a SELECT */
    /* INSERT, UPDATE, DELETE, COPY: laminar_result_rows_affected */
    LAMINAR_RESULT_ROWS_AFFECTED = 2,
    /* CREATE, DROP, ALTER: laminar_result_ddl_type, _ddl_object */
    LAMINAR_RESULT_DDL = 3,
    LAMINAR_RESULT_METADATA = 4 /* SHOW, DESCRIBE, EXPLAIN: rows */
} laminar_result_kind;

/* Frees a result; what was exported from it stays. */
LAMINAR_API void laminar_result_free(laminar_result *result);
LAMINAR_API laminar_result_kind laminar_result_get_kind(const laminar_result *result);
/* Rows inserted, updated, deleted or copied; 0 for other statements */
LAMINAR_API uint64_t laminar_result_rows_affected(const laminar_result *result);
/* "CREATE SOURCE"; "" if not DDL */
LAMINAR_API const char *laminar_result_ddl_type(const laminar_result *result);
/* "trades"; "" if not DDL */
LAMINAR_API const char *laminar_result_ddl_object(const laminar_result *result);
/* The shape of the rows; columns are counted from 0. A column that is not there has no name (NULL) and the type LAMINAR_TYPE_NULL. */
LAMINAR_API size_t laminar_result_n_rows(const laminar_result *result);
LAMINAR_API size_t laminar_result_n_columns(const laminar_result *result);
LAMINAR_API size_t laminar_result_n_batches(const laminar_result *result);
/* A delivery of a subscription: the epoch it ends with, for `SUBSCRIBE ... AS OF EPOCH`. A query: the epoch of the contents it has read. Epochs grow with the
 * steps of the database. 0: unknown. */
LAMINAR_API uint64_t laminar_result_epoch(const laminar_result *result);
LAMINAR_API const char *laminar_result_column_name(const laminar_result *result, size_t column);
LAMINAR_API laminar_type laminar_result_column_type(const laminar_result *result, size_t column);
/* The SQL spelling of the column's type, "DECIMAL(10,2)". */
LAMINAR_API const char *laminar_result_column_type_name(const laminar_result *result,
                                                        size_t column);

/* Values, by row and column (0-based; out of range reads as null). The typed readers convert between the numeric types
 * where that is exact enough to be meant (int to double, decimal to double); a null or another type reads as 0. */
LAMINAR_API bool laminar_result_is_null(const laminar_result *result, size_t row, size_t column);
LAMINAR_API bool laminar_result_bool(const laminar_result *result, size_t row, size_t column);
LAMINAR_API int64_t laminar_result_int64(const laminar_result *result, size_t row, size_t column);
LAMINAR_API uint64_t laminar_result_uint64(const laminar_result *result, size_t row, size_t column);
LAMINAR_API double laminar_result_double(const laminar_result *result, size_t row, size_t column);
/* VARCHAR, JSON, BINARY and UUID bytes, borrowed from the result; not zero-terminated. NULL with *size 0 for null. */
LAMINAR_API const char *laminar_result_bytes(const laminar_result *result, size_t row,
                                             size_t column, size_t *size);
/* The value as SQL text ("2026-01-01 00:00:00"), in memory for laminar_free; NULL for null or out of memory. */
LAMINAR_API char *laminar_result_text_copy(const laminar_result *result, size_t row, size_t column);

/* What happens when the queue of a subscription is full. */
typedef enum laminar_overflow_policy {
    /* the inserter waits while the subscriber drains (bounded by its insert time-out) */
    LAMINAR_OVERFLOW_BLOCK = 0,
    LAMINAR_OVERFLOW_DROP_OLDEST = 1, /* the oldest deliveries go; counted in the metrics */
    LAMINAR_OVERFLOW_DISCONNECT = 2   /* the subscription ends with LAMINAR_SUBSCRIPTION_CLOSED */
} laminar_overflow_policy;

/* How to subscribe; all zero but struct_size are the defaults. */
typedef struct laminar_subscribe_options {
    size_t struct_size;
    /* deliver the current contents first, without gap or overlap (always so for SQL text) */
    bool with_snapshot;
    bool with_changes; /* add the column __weight BIGINT: +1 inserted, -1 retracted */
    laminar_overflow_policy policy;
    uint64_t capacity_rows; /* bound of the queue in rows; 0 = the database's default */
    const char *filter;     /* a predicate over the relation's columns, or NULL */
    /* called when the queue turns non-empty or ends; must not block or call back */
    void (*on_ready)(void *user_data);
    void *user_data;
    /* go on behind `epoch`, which was seen: every change after it comes, once, also after the database was closed or crashed. The relation declares
     * how far back that goes: WITH (retain_history = ...). There is no snapshot then. */
    bool has_epoch;
    uint64_t epoch;
} laminar_subscribe_options;

/* Subscribes to a source, table, stream, sink or materialized view by name, or to a SELECT statement. Every subscriber
 * gets every change. `options` may be NULL. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status
laminar_subscribe(laminar_db *db, const char *name_or_sql, const laminar_subscribe_options *options,
                  laminar_subscription **out, laminar_error *err);
/* The next delivery: everything that is queued since the last one, at most `capacity` rows, as one result that the caller
 * frees. Time over: LAMINAR_SUBSCRIPTION_TIMEOUT. Cancelled, closed or shut down and drained: LAMINAR_OK with *out NULL. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_subscription_next(laminar_subscription *sub,
                                                                        int64_t timeout_ms,
                                                                        laminar_result **out,
                                                                        laminar_error *err);
/* Ends it and wakes a waiting reader; what is queued is dropped. Any thread; twice is fine. */
LAMINAR_API void laminar_subscription_cancel(laminar_subscription *sub);
/* Cancels, and frees. */
LAMINAR_API void laminar_subscription_free(laminar_subscription *sub);

/* ---------------------------------------------------------------------------------------------------------------------
 * Advanced
 * ------------------------------------------------------------------------------------------------------------------ */

/* --- Options ------------------------------------------------------------------------------------------------------ */
/* Options with their defaults. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_config_create(laminar_config **out,
                                                                    laminar_error *err);
LAMINAR_API void laminar_config_free(laminar_config *config);
/* Sets an option by name, with the value as text: "buffer_size" (rows that wait for a step), "subscription_capacity",
 * "memory_limit" ("1gb"), "insert_timeout_ms", "on_error", "durability" (sync, async, off), "read_only", ... or "profile" (embedded, bare_metal). An unknown name or a bad value is
 * LAMINAR_INVALID_ARGUMENT with the nearest name in the hint. `SHOW ALL` lists the options of an open database. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_config_set(laminar_config *config,
                                                                 const char *name,
                                                                 const char *value,
                                                                 laminar_error *err);
/* What ${NAME} in the text of options (CREATE ... WITH, FROM, INTO) stands for; a variable of the environment where it is not set here. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_config_set_variable(laminar_config *config,
                                                                          const char *name,
                                                                          const char *value,
                                                                          laminar_error *err);

/* --- Prepared statements ------------------------------------------------------------------------------------------ */
/* Prepares one statement; parameters are `$1`, `?` or `:name`. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_prepare(laminar_db *db, const char *sql,
                                                              laminar_statement **out,
                                                              laminar_error *err);
LAMINAR_API void laminar_statement_free(laminar_statement *statement);
/* Number of parameters of a statement. */
LAMINAR_API size_t laminar_statement_n_parameters(const laminar_statement *statement);
/* The 0-based position of `:name`, or SIZE_MAX. */
LAMINAR_API size_t laminar_statement_parameter_index(const laminar_statement *statement,
                                                     const char *name);
/* Binds; index is 0-based. Bytes are copied. */
LAMINAR_API laminar_status laminar_bind_null(laminar_statement *statement, size_t index,
                                             laminar_error *err);
LAMINAR_API laminar_status laminar_bind_bool(laminar_statement *statement, size_t index, bool value,
                                             laminar_error *err);
LAMINAR_API laminar_status laminar_bind_int64(laminar_statement *statement, size_t index,
                                              int64_t value, laminar_error *err);
LAMINAR_API laminar_status laminar_bind_double(laminar_statement *statement, size_t index,
                                               double value, laminar_error *err);
/* Text for VARCHAR, or for any other type through its SQL text form ("1.50" as DECIMAL, "2026-01-01" as DATE ...). */
LAMINAR_API laminar_status laminar_bind_text(laminar_statement *statement, size_t index,
                                             laminar_type type, const char *text, size_t size,
                                             laminar_error *err);
LAMINAR_API laminar_status laminar_bind_blob(laminar_statement *statement, size_t index,
                                             const void *data, size_t size, laminar_error *err);
/* Runs the statement with the values that are bound now; it may be run again. `out` may be NULL. A parameter
 * without a value: LAMINAR_QUERY_FAILED. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status
laminar_statement_execute(laminar_statement *statement, laminar_result **out, laminar_error *err);
/* laminar_subscribe for a prepared SELECT or SUBSCRIBE, with the values that are bound now. The statement may be freed before the
 * subscription. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status
laminar_statement_subscribe(laminar_statement *statement, const laminar_subscribe_options *options,
                            laminar_subscription **out, laminar_error *err);

/* --- Arrow --------------------------------------------------------------------------------------------------------- */
/* How strings leave. */
typedef enum laminar_arrow_strings {
    LAMINAR_ARROW_UTF8 = 0,     /* "u": 32-bit offsets (an error above 2 GiB in one batch) */
    LAMINAR_ARROW_UTF8_VIEW = 1 /* "vu": the library's own layout */
} laminar_arrow_strings;
/* The result's schema / one batch / all batches. The result may be freed before what was exported. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_result_export_schema(
    const laminar_result *result, struct ArrowSchema *out, laminar_error *err);
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_result_export_batch(
    const laminar_result *result, size_t batch, struct ArrowArray *out, laminar_error *err);
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_result_export_stream(
    const laminar_result *result, struct ArrowArrayStream *out, laminar_error *err);
/* The schema of a source, table, stream, sink or materialized view. Unknown: LAMINAR_TABLE_NOT_FOUND. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_schema(laminar_db *db, const char *name,
                                                             struct ArrowSchema *out,
                                                             laminar_error *err);
/* Makes a SOURCE from a struct-typed Arrow schema. Timestamps with a zone become TIMESTAMP WITH TIME ZONE, which holds instants: the zone's name is not kept,
 * results say UTC. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_create_source_arrow(
    laminar_db *db, const char *name, const struct ArrowSchema *schema, laminar_error *err);
/* Inserts. Columns match by name in any order; a missing nullable column is null. All rows of the call become visible in
 * one step, or none does (LAMINAR_BATCH_SCHEMA_MISMATCH names column, row and both types). `array`/`stream` is consumed
 * (its release is called or taken over) whether the call succeeds or not; `schema` stays the caller's.
 * `out_rows` may be NULL. Blocks while the source's queue is full and drains; full without a drain:
 * LAMINAR_INGESTION_FAILED at once. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_insert_arrow(laminar_db *db, const char *name,
                                                                   const struct ArrowSchema *schema,
                                                                   struct ArrowArray *array,
                                                                   uint64_t *out_rows,
                                                                   laminar_error *err);
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_insert_stream(laminar_db *db,
                                                                    const char *name,
                                                                    struct ArrowArrayStream *stream,
                                                                    uint64_t *out_rows,
                                                                    laminar_error *err);

/* --- Text formats --------------------------------------------------------------------------------------------------- */
/* JSON: an array of objects, one object, or objects separated by white space (lines). CSV: RFC 4180 with a header line that is
 * matched by name; an empty unquoted field is null. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_insert_json(laminar_db *db, const char *name,
                                                                  const char *text, size_t size,
                                                                  uint64_t *out_rows,
                                                                  laminar_error *err);
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_insert_csv(laminar_db *db, const char *name,
                                                                 const char *text, size_t size,
                                                                 uint64_t *out_rows,
                                                                 laminar_error *err);

/* --- Writers --------------------------------------------------------------------------------------------------------- */
/* A writer collects rows and inserts them at flush, at watermark, at free, or when `flush_rows` are collected.
 * Rows are set cell by cell: laminar_writer_set_* by column position, then laminar_writer_end_row. Cells not set take the
 * column's DEFAULT, else null. A bad cell fails at its call and leaves the row as it was. */
typedef struct laminar_writer_options {
    size_t struct_size;
    uint64_t flush_rows; /* 0 = 8,192; UINT64_MAX = never by size */
} laminar_writer_options;

/* A writer for a source or table. `options` may be NULL. Unknown name: LAMINAR_TABLE_NOT_FOUND. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status
laminar_writer_create(laminar_db *db, const char *name, const laminar_writer_options *options,
                      laminar_writer **out, laminar_error *err);
/* Flushes and frees; a failing flush is reported by laminar_writer_close, which should be called first. */
LAMINAR_API void laminar_writer_free(laminar_writer *writer);
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_writer_close(laminar_writer *writer,
                                                                   laminar_error *err);
/* What it writes to, and the columns of that, counted from 0. */
LAMINAR_API const char *laminar_writer_name(const laminar_writer *writer);
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_writer_schema(const laminar_writer *writer,
                                                                    struct ArrowSchema *out,
                                                                    laminar_error *err);
LAMINAR_API size_t laminar_writer_n_columns(const laminar_writer *writer);
LAMINAR_API const char *laminar_writer_column_name(const laminar_writer *writer, size_t column);
LAMINAR_API laminar_type laminar_writer_column_type(const laminar_writer *writer, size_t column);
/* The SQL spelling of the column's type, for laminar_free; NULL: no such column, or no memory. */
LAMINAR_API char *laminar_writer_column_type_name_copy(const laminar_writer *writer, size_t column);
/* The position of a column, or SIZE_MAX. Names are compared as SQL does: exact first, then folded to lower case. */
LAMINAR_API size_t laminar_writer_column_index(const laminar_writer *writer, const char *name,
                                               size_t size);

/* Sets a cell of the row that is being made. */
LAMINAR_API laminar_status laminar_writer_set_null(laminar_writer *writer, size_t column,
                                                   laminar_error *err);
LAMINAR_API laminar_status laminar_writer_set_bool(laminar_writer *writer, size_t column,
                                                   bool value, laminar_error *err);
/* Integers convert without loss to any numeric column (else LAMINAR_BATCH_SCHEMA_MISMATCH), to TIMESTAMP as the column's unit. */
LAMINAR_API laminar_status laminar_writer_set_int64(laminar_writer *writer, size_t column,
                                                    int64_t value, laminar_error *err);
LAMINAR_API laminar_status laminar_writer_set_uint64(laminar_writer *writer, size_t column,
                                                     uint64_t value, laminar_error *err);
LAMINAR_API laminar_status laminar_writer_set_double(laminar_writer *writer, size_t column,
                                                     double value, laminar_error *err);
/* Text goes into VARCHAR as it is (must be UTF-8) and into every other type through its SQL text form. */
LAMINAR_API laminar_status laminar_writer_set_text(laminar_writer *writer, size_t column,
                                                   const char *text, size_t size,
                                                   laminar_error *err);
LAMINAR_API laminar_status laminar_writer_set_blob(laminar_writer *writer, size_t column,
                                                   const void *data, size_t size,
                                                   laminar_error *err);
/* Days since 1970-01-01 into DATE, TIMESTAMP. */
LAMINAR_API laminar_status laminar_writer_set_date(laminar_writer *writer, size_t column,
                                                   int32_t days, laminar_error *err);
/* Nanoseconds since midnight into TIME. */
LAMINAR_API laminar_status laminar_writer_set_time(laminar_writer *writer, size_t column,
                                                   int64_t nanos, laminar_error *err);
/* Seconds since 1970-01-01 00:00:00 (UTC, or local for TIMESTAMP without zone) and 0..999,999,999 ns, into TIMESTAMP[TZ] of any
 * precision that holds it without loss. */
LAMINAR_API laminar_status laminar_writer_set_timestamp(laminar_writer *writer, size_t column,
                                                        int64_t seconds, uint32_t nanos,
                                                        laminar_error *err);
LAMINAR_API laminar_status laminar_writer_set_interval(laminar_writer *writer, size_t column,
                                                       laminar_interval value, laminar_error *err);
/* Lists, structs and maps part by part: between begin and end, the "columns" of the writer are the value's parts, for the set functions and
 * for laminar_writer_n_columns, _column_name, _column_type and _column_index. LIST: column 0 is set once for each item. MAP: columns
 * 0 (key) and 1 (value), in turn. STRUCT: each field at most once; the others are null. Values may nest. cancel takes back all that
 * was begun and not ended. */
LAMINAR_API laminar_status laminar_writer_begin_value(laminar_writer *writer, size_t column,
                                                      laminar_error *err);
LAMINAR_API laminar_status laminar_writer_end_value(laminar_writer *writer, laminar_error *err);
LAMINAR_API void laminar_writer_cancel_value(laminar_writer *writer);
/* Any value as one-element Arrow array (lists, structs, maps and the like). The array stays the caller's. */
LAMINAR_API laminar_status laminar_writer_set_arrow(laminar_writer *writer, size_t column,
                                                    const struct ArrowSchema *schema,
                                                    const struct ArrowArray *array, int64_t row,
                                                    laminar_error *err);
LAMINAR_API laminar_status laminar_writer_end_row(laminar_writer *writer, laminar_error *err);
/* Forgets the cells set since the last end_row. */
LAMINAR_API void laminar_writer_cancel_row(laminar_writer *writer);
/* Forgets every row that was not flushed. */
LAMINAR_API void laminar_writer_discard(laminar_writer *writer);
/* Forgets the cells of the open row, and all rows that were not flushed but the first n_rows. */
LAMINAR_API void laminar_writer_truncate(laminar_writer *writer, uint64_t n_rows);
/* Appends whole batches; same rules as laminar_insert_arrow. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status
laminar_writer_append_arrow(laminar_writer *writer, const struct ArrowSchema *schema,
                            struct ArrowArray *array, laminar_error *err);
/* Appends the rows of a JSON text; same rules as laminar_insert_json. *out_rows, which may be NULL, is their number. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_writer_append_json(
    laminar_writer *writer, const char *text, size_t size, uint64_t *out_rows, laminar_error *err);
/* Appends the rows of a CSV text; same rules as laminar_insert_csv. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_writer_append_csv(
    laminar_writer *writer, const char *text, size_t size, uint64_t *out_rows, laminar_error *err);
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_writer_flush(laminar_writer *writer,
                                                                   uint64_t *out_rows,
                                                                   laminar_error *err);
/* Flushes several writers of one database in one step: all their rows become visible together, or none. The writers' flush_rows should be
 * UINT64_MAX. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_writers_flush(laminar_writer *const *writers,
                                                                    size_t n, uint64_t *out_rows,
                                                                    laminar_error *err);
/* A writer of rows that belong to no table, with the columns of a struct-typed Arrow schema: for making Arrow arrays of SQL's types. Such
 * a writer can't be flushed; laminar_writer_export takes its rows out, and it is empty again. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_writer_create_detached(
    const struct ArrowSchema *schema, laminar_writer **out, laminar_error *err);
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_writer_export(laminar_writer *writer,
                                                                    struct ArrowArray *out,
                                                                    laminar_error *err);
/* Says that no row with an event time below `watermark_ms` (epoch milliseconds) follows; flushes first. A value below the
 * current one is ignored. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_writer_watermark(laminar_writer *writer,
                                                                       int64_t watermark_ms,
                                                                       laminar_error *err);
/* INT64_MIN before any */
LAMINAR_API int64_t laminar_writer_current_watermark(const laminar_writer *writer);

/* --- Subscriptions --------------------------------------------------------------------------------------------------- */
/* The columns of what it delivers. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_subscription_schema(
    const laminar_subscription *sub, struct ArrowSchema *out, laminar_error *err);
/* What became of a subscription. */
typedef enum laminar_subscription_state {
    LAMINAR_SUBSCRIPTION_ACTIVE = 1,
    /* the relation was dropped, the database closed or shut down */
    LAMINAR_SUBSCRIPTION_FINISHED = 2,
    LAMINAR_SUBSCRIPTION_CANCELLED = 3
} laminar_subscription_state;
LAMINAR_API laminar_subscription_state
laminar_subscription_get_state(const laminar_subscription *sub);
/* The newest epoch that laminar_subscription_next has handed out: what came up to it was delivered, and what comes after it was not. Before the
 * first delivery, the epoch that the subscription began at. */
LAMINAR_API uint64_t laminar_subscription_epoch(const laminar_subscription *sub);
/* Rows that LAMINAR_OVERFLOW_DROP_OLDEST has dropped. */
LAMINAR_API uint64_t laminar_subscription_dropped_rows(const laminar_subscription *sub);
/* A file descriptor (Linux: eventfd) that is readable while the queue is not empty or has ended; for poll, epoll, asyncio. It is made
 * on the first call, owned by the subscription, and must not be read or closed. -1 when it cannot be made. */
LAMINAR_API int laminar_subscription_fd(laminar_subscription *sub, laminar_error *err);

/* --- Pipeline and metrics ---------------------------------------------------------------------------------------------- */
/* Before laminar_start, after it, after laminar_shutdown. */
typedef enum laminar_pipeline_state {
    LAMINAR_PIPELINE_CREATED = 0,
    LAMINAR_PIPELINE_RUNNING = 1,
    LAMINAR_PIPELINE_STOPPED = 2
} laminar_pipeline_state;
/* Starts connectors and timers. Twice is fine; after shutdown: LAMINAR_SHUTDOWN. */
LAMINAR_API laminar_status laminar_start(laminar_db *db, laminar_error *err);
/* Stops for good: subscriptions finish; every later statement fails with LAMINAR_SHUTDOWN. */
LAMINAR_API laminar_status laminar_shutdown(laminar_db *db, laminar_error *err);

/* Makes a checkpoint: what the log would do again after a crash is in it then. `*out_id` (may be NULL) gets its number. Without a storage
 * directory: LAMINAR_CHECKPOINT_FAILED. Steps go on while it is written. */
LAMINAR_API laminar_status laminar_checkpoint(laminar_db *db, uint64_t *out_id, laminar_error *err);

/* Copies a running database into a folder that does not exist yet, or is empty: all that was accepted before, nothing that comes after. Inserts go on meanwhile. The
 * copy opens as any database; its file sinks stand still until they are made again, for the original may be writing to their files. Also of ":memory:". */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_backup(laminar_db *db, const char *folder,
                                                             laminar_error *err);
/* Writes dump.sql and an Arrow file for each relation that keeps rows into a folder that does not exist yet, or is empty. dump.sql, run in that folder on an
 * empty database, makes it again. All files are of one moment; inserts go on while they are written. Passwords in options are left out: "***" stands for them. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_dump(laminar_db *db, const char *folder,
                                                           laminar_error *err);
/* The same with the passwords as they were given: dump.sql makes all connectors again, and is to be kept like a password. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_dump_with_secrets(laminar_db *db,
                                                                        const char *folder,
                                                                        laminar_error *err);
/* Looks at every byte in the folder of a database that nobody has open for writing, and changes nothing: checksums, manifests, the chain of the log; then restores it in
 * memory. `found` (may be NULL) gets a line for each thing it says; `*out_n_problems` of them (may be NULL) are wrong. An error means that it could
 * not look: LAMINAR_CONNECTION_IN_USE, or a newer format. */
typedef void (*laminar_check_function)(void *user_data, bool is_problem, const char *text);
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_check(const char *folder,
                                                            laminar_check_function found,
                                                            void *user_data,
                                                            uint64_t *out_n_problems,
                                                            laminar_error *err);

/* Counts of a database since it was opened; struct_size is set by the caller. */
typedef struct laminar_metrics {
    size_t struct_size;
    laminar_pipeline_state state;
    uint64_t events_ingested; /* rows accepted by sources and tables */
    uint64_t events_emitted;  /* rows that streams and sinks emitted */
    uint64_t events_dropped;  /* rows dropped: late, over policy, undecodable */
    uint64_t events_late;     /* the late ones among them */
    uint64_t steps;
    uint64_t batches; /* insert calls that were accepted */
    uint64_t uptime_us;
    uint64_t n_sources, n_streams, n_sinks, n_tables;
    uint64_t n_subscriptions;
    uint64_t n_active_queries;
    int64_t watermark_ms;        /* least over all sources with one; INT64_MIN before any */
    uint64_t state_bytes;        /* memory in state tables and kept rows */
    uint64_t backpressure_waits; /* inserts that had to wait */
} laminar_metrics;
LAMINAR_API laminar_status laminar_get_metrics(laminar_db *db, laminar_metrics *out,
                                               laminar_error *err);

/* Counts of one relation; struct_size is set by the caller. */
typedef struct laminar_relation_metrics {
    size_t struct_size;
    uint64_t total_rows;   /* ever accepted (source, table) or emitted (stream) */
    uint64_t pending_rows; /* queued, not yet taken by a step or by the slowest subscriber */
    uint64_t capacity_rows;
    bool is_backpressured;
    int64_t watermark_ms; /* INT64_MIN before any */
    uint64_t kept_rows;   /* what SELECT reads */
    uint64_t kept_bytes;
    uint64_t late_rows;
} laminar_relation_metrics;
/* Unknown name: LAMINAR_TABLE_NOT_FOUND. */
LAMINAR_API laminar_status laminar_get_relation_metrics(laminar_db *db, const char *name,
                                                        laminar_relation_metrics *out,
                                                        laminar_error *err);
/* Ends a running query or subscription by the id that `system.queries` shows. Unknown: LAMINAR_QUERY_FAILED. */
LAMINAR_API laminar_status laminar_cancel_query(laminar_db *db, uint64_t query_id,
                                                laminar_error *err);

/* ---------------------------------------------------------------------------------------------------------------------
 * Experimental: may change in a minor version
 * ------------------------------------------------------------------------------------------------------------------ */

/* Words that can follow the text before byte `cursor`: key words, functions, names of relations and columns; newline-separated, in
 * memory for laminar_free; NULL when there are none. For shells and editors. */
LAMINAR_API char *laminar_complete_copy(laminar_db *db, const char *text, size_t cursor);
/* True when the text ends inside a statement (no `;` yet, an open quote, parenthesis or comment): a shell asks for another line. */
LAMINAR_API bool laminar_is_incomplete(const char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif /* LAMINAR_H */
