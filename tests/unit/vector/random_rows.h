/* random_rows.h - columns of random values for the tests of this layer, and rows as text, which serves as the independent judge of
 * what two columns hold. */
#ifndef RANDOM_ROWS_H
#define RANDOM_ROWS_H

#include "base/hash.h"
#include "unit.h"
#include "vector/vector.h"

extern uint64_t random_rows_state;
static inline uint64_t random_u64(void)
{
    return random_rows_state = hash_u64(random_rows_state + 0x9e3779b97f4a7c15ULL);
}
static inline size_t random_below(size_t n) { return n ? (size_t)(random_u64() % n) : 0; }

/* One of every type that the dialect has, nested ones included. */
enum { RANDOM_TYPES_MAX = 64 };
size_t random_types(struct data_type *out);
/* Appends n rows; null_percent of them null. The domain is small enough for values to repeat. False when memory is out. */
laminar_status random_append(struct column *col, size_t n, unsigned null_percent,
                             struct laminar_error *err);
/* Row as text ("NULL" for null), in memory that the next but 7 calls reuse. */
const char *row_text(const struct vector *v, size_t row);
void assert_same_rows(const struct vector *a, size_t from_a, const struct vector *b, size_t from_b,
                      size_t n);

#endif
