/* allocations.h - statements with each allocation failing in turn. */
#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H

#include "../../api/api_test.h"
#include "base/mem.h"

enum { TRIES_MAX = 20000 };

/* The n-th allocation failed, and so did `what`: for want of memory, and not for ever. */
static inline void check_out_of_memory(laminar_status status, const laminar_error *err,
                                       const char *what, uint64_t n)
{
    if (status != LAMINAR_OUT_OF_MEMORY)
        fail_msg("%s\nallocation %llu: %d %s", what, (unsigned long long)n, (int)status,
                 err->message);
    if (n > TRIES_MAX) fail_msg("%s\nstill fails", what);
}

/* Fails allocation after allocation until the statement succeeds. */
static inline void survive(laminar_db *db, const char *sql)
{
    for (uint64_t n = 1;; n++) {
        laminar_result *result = NULL;
        laminar_error err = LAMINAR_ERROR_INIT;
        mem_fail_after(n, false);
        laminar_status status = laminar_execute(db, sql, &result, &err);
        mem_fail_after(0, false);
        laminar_result_free(result);
        if (status == LAMINAR_OK) return;
        check_out_of_memory(status, &err, sql, n);
    }
}

#endif
