/* window_time.h - event times as microseconds, and which windows they fall into.
 *
 * Windows start at offset + k * slide and are `size` long. All divisions round down, so that times before 1970 fall where they should. */
#ifndef EXEC_WINDOW_TIME_H
#define EXEC_WINDOW_TIME_H

#include "plan/plan.h"

/* Microseconds of n values of TIMESTAMP[TZ] of any unit, DATE or BIGINT (milliseconds). sel gets the rows that have a time (not null, and within range): returns how
 * many. *n_bad counts those out of range. */
size_t window_times(const struct vector *v, size_t n, int64_t *times_us, uint32_t *sel,
                    size_t *n_bad);

/* sel gets the rows that have no time: null. Returns how many. */
size_t window_timeless(const struct vector *v, size_t n, uint32_t *sel);

static inline int64_t floor_to(int64_t value, int64_t step, int64_t offset)
{
    int64_t rest = (value - offset) % step;
    if (rest < 0) rest += step;
    return value - rest;
}
/* a + b within the range of int64. */
static inline int64_t add_saturating(int64_t a, int64_t b)
{
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum)) return sum;
    return b < 0 ? INT64_MIN : INT64_MAX;
}
/* Milliseconds, rounded down: TIMESTAMP(3) bounds. */
static inline int64_t floor_ms(int64_t us) { return us / 1000 - (us % 1000 < 0); }

/* Times further out than this are refused: windows around them stay within int64. */
#define WINDOW_TIME_MAX (INT64_MAX / 4)

#endif
