/* array.c - see array.h. */
#include "base/array.h"

bool array_grow(void **items, size_t *capacity, size_t item_size, size_t n_needed)
{
    size_t wanted = *capacity < 8 ? 8 : *capacity * 2;
    if (wanted < n_needed) wanted = n_needed;
    size_t bytes;
    if (!size_mul(wanted, item_size, &bytes)) return false;
    void *grown = mem_realloc(*items, bytes);
    if (!grown) return false;
    *items = grown;
    *capacity = wanted;
    return true;
}
