/* plan_fixture.h - a small database without an engine: DDL goes to a catalog, queries become
 * EXPLAIN text. */
#ifndef TEST_PLAN_FIXTURE_H
#define TEST_PLAN_FIXTURE_H

#include "plan/plan.h"

struct fixture {
    struct catalog catalog;
    struct laminar_error err;
    size_t arena_filler; /* bytes used of the arena before planning starts */
};
void fixture_init(struct fixture *f);
void fixture_deinit(struct fixture *f);
/* Runs CREATE statements; they must succeed. */
void fixture_create(struct fixture *f, const char *sql);
/* One statement, whatever it is, planned and thrown away; the error is in f->err. For queries
 * and CREATE ... AS the plan's text is returned in *text (mem_free) when `text` is not NULL. */
laminar_status fixture_plan(struct fixture *f, const char *sql, bool is_stream, bool as_json,
                            char **text);
/* The same without an error object. */
laminar_status fixture_plan_silently(struct fixture *f, const char *sql);
/* The standard relations: flights (source, watermark), weather (source, watermark), clicks
 * (source without one), airlines and airports (tables), delays (a stream that aggregates
 * flights). */
void fixture_flights(struct fixture *f);

#endif
