/* handles.h - what is behind the public handles. */
#ifndef API_HANDLES_H
#define API_HANDLES_H

#include "engine/engine.h"

struct laminar_db {
    struct database *db; /* referenced */
};

struct laminar_config {
    struct settings settings;
    struct strmap variables; /* char *, owned */
};

struct laminar_result {
    struct statement_result answer;
    size_t *starts;    /* first row of each batch, and the total behind them */
    char **type_names; /* per column */
};
/* Moves the answer into a new result. */
laminar_status result_create(struct statement_result *take_answer, laminar_result **out,
                             struct laminar_error *err) must_check;
/* A result without rows, made before the statement runs: one that changed something must not fail for want of memory to say so. */
laminar_status result_reserve(laminar_result **out, struct laminar_error *err) must_check;
/* Moves the answer into what was reserved where it has no rows, else into a new result. Uses *take_reserved or leaves it;
 * it is NULL when it was used. */
laminar_status result_finish(struct statement_result *take_answer, laminar_result **take_reserved,
                             laminar_result **out, struct laminar_error *err) must_check;

struct laminar_subscription {
    struct subscription *sub;
};

struct laminar_statement {
    struct database *db; /* referenced */
    struct arena arena;
    char *sql;
    size_t sql_size;
    struct ast_script *script;
    struct vector *values;
    bool *is_bound;
    uint32_t n_values;
};

/* One Arrow batch, imported and fitted to the relation. Consumes the array. */
laminar_status ingest_array(struct database *db, struct relation *relation,
                            const struct ArrowSchema *arrow_schema, struct schema *schema,
                            struct ArrowArray *array, struct batch **out, struct laminar_error *err)
    must_check;
/* A whole JSON or CSV text, its DEFAULTs filled in and its NOT NULLs checked. */
laminar_status ingest_text(struct database *db, struct relation *relation, const char *text,
                           size_t size, bool is_json, struct batch **out, struct laminar_error *err)
    must_check;
/* LAMINAR_INVALID_ARGUMENT for a NULL handle or pointer. */
laminar_status api_null(const char *what, struct laminar_error *err);

#endif
