/* catalog.h - named objects: sources, tables, streams, materialized views, sinks; and who
 * depends on whom.
 *
 * One name space for all of them. An object is immutable but for its `runtime` (the engine's)
 * and its dependants; ALTER and OR REPLACE make a new one. Objects are reference-counted: a
 * running query holds what it reads. The catalog itself is guarded by the engine's control lock.
 * @locks control lock for everything that changes; look-ups by holders of the control lock or
 * the step lock. */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include "base/array.h"
#include "base/strmap.h"
#include "sql/ast.h"
#include "vector/vector.h"

enum relation_kind {
    RELATION_SOURCE,
    RELATION_TABLE, /* keyed (PRIMARY KEY) or a bag of rows; always kept whole */
    RELATION_STREAM,
    RELATION_VIEW, /* MATERIALIZED VIEW: a stream that is kept whole */
    RELATION_SINK,
    RELATION_SYSTEM /* system.*: rows made on demand */
};
const char *relation_kind_name(enum relation_kind kind); /* "SOURCE", "MATERIALIZED VIEW" */

/* How many of its newest rows an append-only relation keeps. */
enum retention_kind { RETAIN_ROWS, RETAIN_ALL, RETAIN_NONE, RETAIN_TIME, RETAIN_BYTES };
struct retention {
    enum retention_kind kind;
    uint64_t amount; /* rows, microseconds or bytes */
};
enum { RETENTION_DEFAULT_ROWS = 1048576 };

enum emit_mode {
    EMIT_DEFAULT = 0, /* windowed over a watermarked source: ON_CLOSE; else ON_UPDATE */
    EMIT_ON_CLOSE,    /* EMIT ON WINDOW CLOSE */
    EMIT_AFTER_WATERMARK,
    EMIT_ON_UPDATE,
    EMIT_EVERY,
    EMIT_CHANGES,
    EMIT_FINAL
};
const char *emit_mode_name(enum emit_mode mode);

/* What the connector of a source knows of it before it is made. */
struct source_shape {
    const struct schema_column *columns; /* static; all that there are */
    uint32_t n_columns;
    int32_t time_col; /* event time; -1 = none */
    int64_t watermark_delay_us;
};

struct option {
    char *key;   /* lower case */
    char *value; /* as text */
};

struct relation {
    _Atomic uint32_t refs;
    enum relation_kind kind;
    uint64_t id; /* unique in the database's life */
    char *name;
    struct schema *schema;
    char *sql;       /* the CREATE statement, normalised (printer) */
    char *shown_sql; /* the same without the secrets in its options: the one to show */
    char *query_sql; /* STREAM, VIEW, SINK: the query's text; else NULL */
    /* PRIMARY KEY, or the key the planner found for a stream; NULL if n_key_cols = 0 */
    uint32_t *key_cols;
    uint32_t n_key_cols;
    bool is_lookup; /* TABLE: joins look rows up in it as they come, see docs/guide/joins.md */
    /* never retracts: an un-keyed source, or a stream that was proven so */
    bool is_append_only;
    int32_t time_col;                  /* event-time column with a watermark; -1 = none */
    uint32_t window_start, window_end; /* see plan.h */
    struct relation *late_to;          /* LATE DATA TO; also among `inputs`, so that it stays */
    bool is_late_target;               /* rows that were late for some stream come into it */
    bool is_fleeting;                  /* its rows leave as time passes, see plan.h */
    bool is_timely; /* retractions too are never behind the watermark, see plan.h */
    int64_t watermark_delay_us;
    /* a source that gives nothing for so long holds no other's watermark back; 0 = it always does */
    int64_t idle_timeout_us;
    struct retention retention;
    struct retention history; /* of its changes; kind RETAIN_NONE = none are kept */
    enum emit_mode emit;
    int64_t emit_every_us;
    int64_t lateness_us; /* ALLOW LATENESS */
    /* of everything below and above that is not counted: name, texts, keys, defaults, options,
     * inputs */
    struct arena arena;
    const struct ast_expr **defaults; /* per column; NULL entries = none */
    bool *has_default;
    struct option *options;
    uint32_t n_options;
    const char *connector;    /* lower case; NULL = in-process */
    const char *format;       /* lower case; NULL = none */
    struct relation **inputs; /* referenced: what its query reads, each once */
    uint32_t n_inputs;
    ARRAY_OF(struct relation *) dependants; /* not referenced: streams and sinks that read it */
    void *runtime;                          /* the engine's object; NULL while not installed */
    int64_t created_us;
};
/* refs = 1; NULL: no memory */
struct relation *relation_create(enum relation_kind kind, const char *name, struct schema *schema);
struct relation *relation_ref(struct relation *relation);
void relation_unref(struct relation *relation);
const char *relation_option(const struct relation *relation, const char *key); /* NULL if absent */

struct catalog {
    struct strmap names;               /* folded or quoted name -> struct relation */
    ARRAY_OF(struct relation *) order; /* all of them, in creation order */
    uint64_t next_id;
};
void catalog_init(struct catalog *catalog);
void catalog_deinit(struct catalog *catalog);
/* Exact name (identifiers are folded by the lexer already). "system.x" finds a system relation.
 * NULL when there is none. */
struct relation *catalog_find(const struct catalog *catalog, const char *name);
/* The nearest name for "did you mean", or NULL. */
const char *catalog_nearest(const struct catalog *catalog, const char *name);
/* Registers (takes a reference) and links it to its inputs' dependants. The name must be free. */
laminar_status catalog_add(struct catalog *catalog, struct relation *relation,
                           struct laminar_error *err) must_check;
/* Unregisters; it must have no dependants. */
void catalog_remove(struct catalog *catalog, struct relation *relation);
/* In creation order: for (size_t i = 0; (r = catalog_next(c, &i));) */
struct relation *catalog_next(const struct catalog *catalog, size_t *i);

#endif
