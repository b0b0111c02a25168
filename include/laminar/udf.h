/* udf.h - functions and aggregates of the program's own, called from SQL.
 *
 *   static laminar_status twice(void *user_data, const laminar_value *args, size_t n_args, laminar_value *out,
 *                               laminar_error *err)
 *   {
 *       out->as.int64 = args[0].as.int64 * 2;
 *       return LAMINAR_OK;
 *   }
 *   static const char *const types[] = {"BIGINT"};
 *   laminar_function twice_function = {.struct_size = sizeof twice_function, .name = "twice", .arg_types = types,
 *                                      .n_args = 1, .return_type = "BIGINT", .row = twice};
 *   laminar_register_function(db, &twice_function, &err);
 *   laminar_execute(db, "CREATE STREAM doubled AS SELECT twice(a) AS a FROM numbers", NULL, &err);
 *
 * A function belongs to one database. It is given row by row (`row`) or for whole Arrow arrays at once (`batch`); statements, streams,
 * filters and windows use it like a built-in one.
 *
 * Rules
 *   - Names are letters, digits and underscores, compared without regard to case. A built-in name is refused. One name has one
 *     signature; arguments are converted to its types where SQL converts by itself.
 *   - A statement keeps the functions it was made with: a stream goes on with the function that its CREATE found, whatever is
 *     registered or dropped later. user_data lives until the last of them is gone; then `destroy` is called, on whatever thread.
 *   - Any thread may call, several at once: each running statement, and the thread that runs a step.
 *   - A function must not use the database that calls it: it runs in the middle of a step. Calls answer LAMINAR_QUERY_FAILED;
 *     laminar_db_free, and waiting for another thread that uses the database, hang. Other databases may be used.
 *   - To fail, return a status and fill *err (message, hint; user_code is carried along untouched). The error becomes that of the
 *     statement, with LAMINAR_QUERY_FAILED, or stops the stream; with on_error = 'null' or 'skip' it is the row's alone.
 *   - An immutable function must give the same result for the same arguments for ever: streams call it again to take a row back. */
#ifndef LAMINAR_UDF_H
#define LAMINAR_UDF_H

#include <laminar/laminar.h>

#ifdef __cplusplus
extern "C" {
#endif

/* More arguments are refused. */
enum { LAMINAR_FUNCTION_ARGS_MAX = 64 };

/* --- Values ------------------------------------------------------------------------------------------------------------ */
/* One argument or result of a function by row. Which member of `as` holds the value follows from `type`, which is set. */
typedef struct laminar_value {
    laminar_type type;
    bool is_null;
    union {
        bool boolean;
        /* TINYINT ... BIGINT; DATE: days since 1970; TIME, TIMESTAMP: in the type's own unit (TIMESTAMP alone: microseconds) */
        int64_t int64;
        uint64_t uint64; /* UNSIGNED */
        double float64;  /* REAL, DOUBLE */
        struct {
            /* VARCHAR, JSON, BINARY; UUID: 16 bytes. As an argument valid during the call. As a result it must stay valid until
             * the function is called next by the same thread, or user_data is destroyed: it is copied before that. */
            const char *data;
            size_t size;
        } bytes;
        laminar_interval interval;
        struct { /* DECIMAL: the digits without the point, 128 bits */
            uint64_t low;
            int64_t high;
        } decimal;
    } as;
} laminar_value;

/* Rows of arguments as Arrow. */
typedef struct laminar_function_batch {
    size_t struct_size;
    const struct ArrowSchema *schema; /* a struct of the arguments */
    /* may be moved out (args->release = NULL); else the library releases it */
    struct ArrowArray *args;
    /* The declared type. A result may have another that converts without loss, by the rules of insert. */
    const struct ArrowSchema *result;
} laminar_function_batch;

/* --- Scalar functions ---------------------------------------------------------------------------------------------------- */
/* What a result depends on. */
typedef enum laminar_volatility {
    LAMINAR_IMMUTABLE = 0, /* the result follows from the arguments: constants are computed once */
    LAMINAR_STABLE = 1,    /* ... within one statement or step */
    LAMINAR_VOLATILE = 2   /* another one each call */
} laminar_volatility;

/* Fills *out from the arguments of one row. out->type is set; a null result is out->is_null = true. */
typedef laminar_status (*laminar_row_function)(void *user_data, const laminar_value *args,
                                               size_t n_args, laminar_value *out,
                                               laminar_error *err);
/* Fills out_array with one value a row; out_schema too, unless it has the declared type. Both belong to the library then. */
typedef laminar_status (*laminar_batch_function)(void *user_data,
                                                 const laminar_function_batch *batch,
                                                 struct ArrowSchema *out_schema,
                                                 struct ArrowArray *out_array, laminar_error *err);

/* The definition of a scalar function. It is copied. */
typedef struct laminar_function {
    size_t struct_size;
    const char *name;
    const char *const *arg_types; /* SQL: "BIGINT", "DECIMAL(10,2)", "VARCHAR[]" */
    size_t n_args;
    const char *return_type;
    const char *help; /* a line for SHOW FUNCTIONS; may be NULL */
    laminar_volatility volatility;
    bool calls_on_null; /* false: a null argument makes a null result, without a call */
    bool replaces;      /* a function of that name is replaced; false: it is an error */
    /* One of the two. Nested types (lists, structs, maps) need `batch`. */
    laminar_row_function row;
    laminar_batch_function batch;
    void *user_data;
    void (*destroy)(void *user_data); /* may be NULL */
} laminar_function;

/* Makes the function known to statements that come after. On failure user_data stays the caller's.
 * Errors: LAMINAR_INVALID_ARGUMENT (the definition), LAMINAR_INVALID_SCHEMA (a type), LAMINAR_QUERY_FAILED (the name is taken). */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status
laminar_register_function(laminar_db *db, const laminar_function *function, laminar_error *err);

/* --- Aggregates ------------------------------------------------------------------------------------------------------------ */
/* A state holds what has been added for one group. It is used by one thread at a time.
 *
 * `retract` takes a row out again that was added before. Without it, where the input takes rows back (an upsert, an aggregate
 * below) or the call has an ORDER BY, the library keeps the rows of each group and computes the value from all of them, in a new
 * state: right, but its cost follows the group and not the change.
 * `merge` adds what src holds to dst and leaves src as it is: it lets overlapping windows share their work. Without it SESSION windows
 * keep their rows, too.
 * `serialize` and `deserialize` are for checkpoints; without them a database with a directory refuses the aggregate in streams. */
typedef struct laminar_aggregate {
    size_t struct_size;
    const char *name;
    const char *const *arg_types;
    size_t n_args; /* at least one */
    const char *return_type;
    const char *help;
    bool calls_on_null; /* false: rows with a null argument are left out */
    bool replaces;
    laminar_status (*create)(void *user_data, void **out_state, laminar_error *err);
    void (*free_state)(void *user_data, void *state);
    /* By row: all of update, finish; retract where there is one. */
    laminar_status (*update)(void *user_data, void *state, const laminar_value *args, size_t n_args,
                             laminar_error *err);
    laminar_status (*retract)(void *user_data, void *state, const laminar_value *args,
                              size_t n_args, laminar_error *err);
    laminar_status (*finish)(void *user_data, const void *state, laminar_value *out,
                             laminar_error *err);
    /* Or by batch: row i goes into states[i]; one value for each of the n states comes out. */
    laminar_status (*update_batch)(void *user_data, void *const *states,
                                   const laminar_function_batch *batch, laminar_error *err);
    laminar_status (*retract_batch)(void *user_data, void *const *states,
                                    const laminar_function_batch *batch, laminar_error *err);
    laminar_status (*finish_batch)(void *user_data, void *const *states, size_t n,
                                   const struct ArrowSchema *result, struct ArrowSchema *out_schema,
                                   struct ArrowArray *out_array, laminar_error *err);
    laminar_status (*merge)(void *user_data, void *dst, const void *src, laminar_error *err);
    /* Calls write(sink, ...) any number of times. */
    laminar_status (*serialize)(void *user_data, const void *state,
                                void (*write)(void *sink, const void *data, size_t size),
                                void *sink, laminar_error *err);
    laminar_status (*deserialize)(void *user_data, const void *data, size_t size, void **out_state,
                                  laminar_error *err);
    void *user_data;
    void (*destroy)(void *user_data);
} laminar_aggregate;

/* The same as laminar_register_function. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status
laminar_register_aggregate(laminar_db *db, const laminar_aggregate *aggregate, laminar_error *err);

/* Forgets a registered function or aggregate: statements that come after don't know it. Unknown: LAMINAR_QUERY_FAILED. */
LAMINAR_API LAMINAR_MUST_CHECK laminar_status laminar_drop_function(laminar_db *db,
                                                                    const char *name,
                                                                    laminar_error *err);

#ifdef __cplusplus
}
#endif
#endif /* LAMINAR_UDF_H */
