/* arrow_import.h - private to the layer: what the parts of the Arrow import share (arrow_import.c: nodes; arrow_import_values.c: buffers of
 * values to our layouts). */
#ifndef VECTOR_ARROW_IMPORT_H
#define VECTOR_ARROW_IMPORT_H

#include "vector/arrow.h"
#include "vector/arrow_format.h"
#include "vector/batch_body.h"

struct import {
    const int64_t *buffer_bytes; /* NULL = unknown */
    size_t n_buffer_bytes;
    size_t next_buffer;
    uint64_t borrowed_bytes; /* of buffers that were used: what the batch keeps alive, about */
    int depth;
    /* strings of top-level columns may be put off: see batch_need. NULL = not wanted */
    struct batch_body *body;
    uint32_t column_index;
    const char *column; /* the top-level column, for messages */
    struct laminar_error *err;
};

/* One array on its way in: rows [start, start + n) of its buffers. */
struct import_array {
    const struct ArrowArray *array;
    const int64_t *buffer_bytes; /* of this array; NULL = unknown */
    size_t start;
    size_t n;
    /* after import_validity; bit `start` is the first row's. NULL = all valid */
    const uint8_t *validity;
};

laminar_status import_error(struct import *in, const char *format, ...) printf_like(2, 3);
/* Buffer i, which must hold at least `bytes`. *out may be NULL when bytes is 0. */
laminar_status import_buffer(struct import *in, const struct import_array *node, int i,
                             uint64_t bytes, const void **out) must_check;

/* The values of a leaf into `own` (reserved, n rows), or a pointer to them: fills out->data. out->validity is set already. */
laminar_status import_leaf(struct import *in, const struct arrow_format *format,
                           const struct import_array *node, struct column *own, struct vector *out)
    must_check;
/* Checks offsets[0..n]: not negative, not falling. */
laminar_status import_check_offsets(struct import *in, const void *offsets, bool is_wide, size_t n)
    must_check;

#endif
