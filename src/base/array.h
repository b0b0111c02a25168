/* array.h - growable arrays of any type: `struct { T *items; size_t n; size_t capacity; } a = {0};`
 *
 * On the heap. ARRAY_PUSH evaluates to false when memory is out, leaving the array as it was. */
#ifndef BASE_ARRAY_H
#define BASE_ARRAY_H

#include "base/mem.h"

bool array_grow(void **items, size_t *capacity, size_t item_size, size_t n_needed);

#define ARRAY_OF(T)                                                                                \
    struct {                                                                                       \
        T *items;                                                                                  \
        size_t n;                                                                                  \
        size_t capacity;                                                                           \
    }
#define ARRAY_RESERVE(a, n_needed)                                                                 \
    ((n_needed) <= (a)->capacity ||                                                                \
     array_grow((void **)&(a)->items, &(a)->capacity, sizeof(*(a)->items), (n_needed)))
#define ARRAY_PUSH(a, value)                                                                       \
    (ARRAY_RESERVE((a), (a)->n + 1) && ((a)->items[(a)->n++] = (value), true))
#define ARRAY_DEINIT(a) (mem_free((a)->items), (a)->items = NULL, (a)->n = (a)->capacity = 0)

#endif
