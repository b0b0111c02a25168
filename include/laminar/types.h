/* types.h - what every user of LaminarDB and every plug-in shares: status codes, the error object, the
 * value types, and the Arrow C data and stream structs.
 *
 * C17, and valid C++. Nothing here allocates or has hidden state. */
#ifndef LAMINAR_TYPES_H
#define LAMINAR_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LAMINAR_API __attribute__((visibility("default")))
#define LAMINAR_MUST_CHECK __attribute__((warn_unused_result))
#else
#define LAMINAR_API
#define LAMINAR_MUST_CHECK
#endif

/* Status codes: X(name, number, title). Stable: new ones may be added in each hundred, none is renumbered.
 * 900 means a bug in the library and is never the answer to bad input. */
#define LAMINAR_STATUS_LIST(X)                                                                     \
    X(CONNECTION_FAILED, 100, "Connection failed")                                                 \
    X(CONNECTION_CLOSED, 101, "Connection closed")                                                 \
    X(CONNECTION_IN_USE, 102, "Connection in use")                                                 \
    X(TABLE_NOT_FOUND, 200, "Table not found")                                                     \
    X(TABLE_EXISTS, 201, "Table exists")                                                           \
    X(SCHEMA_MISMATCH, 202, "Schema mismatch")                                                     \
    X(INVALID_SCHEMA, 203, "Invalid schema")                                                       \
    X(INGESTION_FAILED, 300, "Ingestion failed")                                                   \
    X(WRITER_CLOSED, 301, "Writer closed")                                                         \
    X(BATCH_SCHEMA_MISMATCH, 302, "Batch schema mismatch")                                         \
    X(QUERY_FAILED, 400, "Query failed")                                                           \
    X(SQL_PARSE_ERROR, 401, "SQL parse error")                                                     \
    X(QUERY_CANCELLED, 402, "Query cancelled")                                                     \
    X(QUERY_UNSUPPORTED, 403, "Not supported")                                                     \
    X(SUBSCRIPTION_FAILED, 500, "Subscription failed")                                             \
    X(SUBSCRIPTION_CLOSED, 501, "Subscription closed")                                             \
    X(SUBSCRIPTION_TIMEOUT, 502, "Subscription timeout")                                           \
    X(CONNECTOR_FAILED, 600, "Connector failed")                                                   \
    X(CHECKPOINT_FAILED, 700, "Checkpoint failed")                                                 \
    X(INTERNAL_ERROR, 900, "Internal error")                                                       \
    X(SHUTDOWN, 901, "Shutdown")                                                                   \
    X(OUT_OF_MEMORY, 902, "Out of memory")                                                         \
    X(INVALID_ARGUMENT, 903, "Invalid argument")                                                   \
    X(IO_ERROR, 904, "I/O error")

/* LAMINAR_OK, or LAMINAR_ and a name of the list. */
typedef enum laminar_status {
    LAMINAR_OK = 0,
#define LAMINAR_STATUS_ENUM(name, number, title) LAMINAR_##name = number,
    LAMINAR_STATUS_LIST(LAMINAR_STATUS_ENUM)
#undef LAMINAR_STATUS_ENUM
} laminar_status;

/* The error object. Owned by the caller, usually on its stack; a function that fails fills it, a function
 * that succeeds leaves it alone. Every function takes NULL for it. Filling it never allocates.
 * Initialise with `laminar_error err = LAMINAR_ERROR_INIT;`. */
typedef struct laminar_error {
    size_t struct_size;  /* sizeof(laminar_error): lets the struct grow */
    laminar_status code; /* LAMINAR_OK when nothing went wrong */
    int32_t line;        /* 1-based line in the SQL text, 0 when there is none */
    int32_t column;      /* 1-based column in characters (code points), 0 when there is none */
    bool is_retriable;   /* trying the same call again can succeed */
    bool is_fatal;       /* the database handle is no longer usable */
    /* what is wrong, with the offending value; no code, no trailing full stop */
    char message[1024];
    char hint[512];    /* what to do about it; may be empty */
    char object[256];  /* the source, table or stream concerned; may be empty */
    char context[512]; /* the offending SQL line with a caret line under it; may be empty */
    /* what a function of the program's (laminar/udf.h) put into its error; 0 otherwise */
    uint64_t user_code;
} laminar_error;

/* An error object that says nothing yet. */
#ifdef __cplusplus
#define LAMINAR_ERROR_INIT                                                                         \
    laminar_error { sizeof(laminar_error), LAMINAR_OK, 0, 0, false, false, "", "", "", "", 0 }
#else
#define LAMINAR_ERROR_INIT                                                                         \
    (laminar_error) { .struct_size = sizeof(laminar_error) }
#endif

/* SQL types. X(name, number, SQL spelling). Numbers are stable and stored. */
#define LAMINAR_TYPE_LIST(X)                                                                       \
    X(NULL, 0, "NULL")                                                                             \
    X(BOOL, 1, "BOOLEAN")                                                                          \
    X(INT8, 2, "TINYINT")                                                                          \
    X(INT16, 3, "SMALLINT")                                                                        \
    X(INT32, 4, "INT")                                                                             \
    X(INT64, 5, "BIGINT")                                                                          \
    X(UINT8, 6, "TINYINT UNSIGNED")                                                                \
    X(UINT16, 7, "SMALLINT UNSIGNED")                                                              \
    X(UINT32, 8, "INT UNSIGNED")                                                                   \
    X(UINT64, 9, "BIGINT UNSIGNED")                                                                \
    X(FLOAT, 10, "REAL")                                                                           \
    X(DOUBLE, 11, "DOUBLE")                                                                        \
    X(DECIMAL, 12, "DECIMAL")                                                                      \
    X(VARCHAR, 13, "VARCHAR")                                                                      \
    X(BINARY, 14, "BINARY")                                                                        \
    X(DATE, 15, "DATE")                                                                            \
    X(TIME, 16, "TIME")                                                                            \
    X(TIMESTAMP, 17, "TIMESTAMP")                                                                  \
    X(TIMESTAMPTZ, 18, "TIMESTAMP WITH TIME ZONE")                                                 \
    X(INTERVAL, 19, "INTERVAL")                                                                    \
    X(UUID, 20, "UUID")                                                                            \
    X(JSON, 21, "JSON")                                                                            \
    X(LIST, 22, "LIST")                                                                            \
    X(STRUCT, 23, "STRUCT")                                                                        \
    X(MAP, 24, "MAP")

/* LAMINAR_TYPE_ and a name of the list. */
typedef enum laminar_type {
#define LAMINAR_TYPE_ENUM(name, number, sql) LAMINAR_TYPE_##name = number,
    LAMINAR_TYPE_LIST(LAMINAR_TYPE_ENUM)
#undef LAMINAR_TYPE_ENUM
} laminar_type;

/* An INTERVAL value; layout of Arrow's month_day_nano. */
typedef struct laminar_interval {
    int32_t months;
    int32_t days;
    int64_t nanos;
} laminar_interval;

/* The Arrow C data interface and C stream interface (https://arrow.apache.org/docs/format/CDataInterface.html):
 * ABI-stable structs, shared with every Arrow implementation. */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif /* ARROW_C_DATA_INTERFACE */

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};
#endif /* ARROW_C_STREAM_INTERFACE */

#ifdef __cplusplus
}
#endif
#endif /* LAMINAR_TYPES_H */
