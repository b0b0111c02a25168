/* connector.h - what a source connector is to the engine: columns that it knows, and rows that are pulled from a position on.
 *
 * The engine polls (engine/feed.c): it asks for the next batch, runs it as a step, and remembers the position behind it in the log and in checkpoints, with the
 * step's rows. So after a crash a connector is opened at the position behind the last row that is in the database: no row is lost and none comes twice.
 * A connector is used by one thread at a time. */
#ifndef CONNECT_CONNECTOR_H
#define CONNECT_CONNECTOR_H

#include "catalog/catalog.h"
#include "vector/vector.h"

/* What a poll found. */
struct connector_batch {
    struct batch *batch;    /* NULL: nothing now. The caller's */
    uint64_t next_position; /* behind the batch */
    /* how far the source is, for sources that go side by side: the least goes first */
    uint64_t progress;
    bool is_end;     /* nothing comes after the batch */
    int64_t wait_us; /* without a batch: ask again then */
};

struct connector {
    const struct connector_class *cls;
};

struct connector_class {
    const char *name;
    const char *help;
    /* Checks the options and says what is known. `relation` has its options, and no schema yet. */
    laminar_status (*describe)(const struct relation *relation, struct source_shape *out,
                               struct laminar_error *err);
    /* At position 0. What can't work fails here. */
    laminar_status (*open)(const struct relation *relation, struct batch_pool *pool,
                           struct connector **out, struct laminar_error *err);
    /* Once, before the first poll. */
    laminar_status (*seek)(struct connector *connector, uint64_t position,
                           struct laminar_error *err);
    /* Never blocks for long. The batch has the relation's schema. */
    laminar_status (*poll)(struct connector *connector, struct connector_batch *out,
                           struct laminar_error *err);
    void (*close)(struct connector *connector);
    /* It ends, and nothing but the reader's speed decides when: a query may wait for the end. */
    bool (*is_finite)(const struct connector *connector);
    /* The clock or the outside world decides when rows come: they are taken whether somebody reads them or not. */
    bool (*is_paced)(const struct connector *connector);
};

extern const struct connector_class nexmark_connector;

/* NULL: there is none of this name. */
const struct connector_class *connector_find(const char *name);
/* All of them, for system.connectors: NULL behind the last. */
const struct connector_class *connector_at(size_t i);

/* --- Options, for connectors ---------------------------------------------------------------------- */
/* LAMINAR_INVALID_SCHEMA for an option that is not in `known` (keys that all relations have are left alone). */
laminar_status connector_check_options(const struct relation *relation, const char *const *known,
                                       size_t n_known, struct laminar_error *err) must_check;
/* A whole number in [min, max]; `otherwise` where the option is missing. */
laminar_status connector_option_number(const struct relation *relation, const char *key,
                                       uint64_t otherwise, uint64_t min, uint64_t max,
                                       uint64_t *out, struct laminar_error *err) must_check;
/* A duration like '5 seconds', in microseconds, 0 or more. */
laminar_status connector_option_duration(const struct relation *relation, const char *key,
                                         int64_t otherwise, int64_t *out, struct laminar_error *err)
    must_check;
laminar_status connector_bad_option(const struct relation *relation, const char *key,
                                    const char *what, const char *hint, struct laminar_error *err);

#endif
