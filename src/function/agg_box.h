/* agg_box.h - one value of any type inside an aggregate's state.
 *
 * Values of up to 16 bytes lie in the box; long strings, and nested values in their encoded form, in a buffer from the state table's heap, which
 * is kept for the next value. All zero is the empty box. */
#ifndef FUNCTION_AGG_BOX_H
#define FUNCTION_AGG_BOX_H

#include "function/agg.h"

enum box_content { BOX_EMPTY = 0, BOX_NULL = 1, BOX_VALUE = 2 };

struct box {
    union {
        uint8_t bytes[16];
        struct string_view string;
    };
    char *buffer;
    uint32_t buffer_bytes;
    uint32_t value_bytes; /* of a nested value in the buffer */
    uint32_t content;     /* enum box_content */
    uint32_t unused_;
};
static_assert(sizeof(struct box) == 40, "a box in an aggregate's state");

/* Row `row` of v, a null included. */
laminar_status box_set(struct box *box, struct agg_heap *heap, const struct vector *v, size_t row,
                       struct laminar_error *err) must_check;
laminar_status box_copy(struct box *dst, struct agg_heap *heap, const struct box *src,
                        struct data_type type, struct laminar_error *err) must_check;
/* <0, 0, >0 against a valid row; the box holds a value. A nested value is decoded for it. */
laminar_status box_compare(const struct box *box, const struct vector *v, size_t row, int *order,
                           struct laminar_error *err) must_check;
laminar_status box_compare_boxes(const struct box *a, const struct box *b, struct data_type type,
                                 int *order, struct laminar_error *err) must_check;
/* Appends the value; an empty box is null. Strings are borrowed from the box. */
laminar_status box_append(const struct box *box, struct column *out, struct laminar_error *err)
    must_check;
void box_free(struct box *box, struct agg_heap *heap);
laminar_status box_encode(const struct box *box, struct data_type type, struct strbuf *out,
                          struct laminar_error *err) must_check;
laminar_status box_decode(struct box *box, struct agg_heap *heap, struct data_type type,
                          const uint8_t *data, size_t size, size_t *used, struct laminar_error *err)
    must_check;

#endif
