/* arrow_format.h - private to the layer: an Arrow format string, understood. */
#ifndef VECTOR_ARROW_FORMAT_H
#define VECTOR_ARROW_FORMAT_H

#include "vector/type.h"

/* How the buffers of an array lie, which decides how it is read. */
enum arrow_layout {
    ARROW_NULL,
    ARROW_BITS,     /* bool */
    ARROW_FIXED,    /* as wide as our type, taken as it is */
    ARROW_HALF,     /* float16 -> FLOAT */
    ARROW_TIME32,   /* int32 seconds or milliseconds -> TIME */
    ARROW_DATE64,   /* int64 milliseconds -> DATE */
    ARROW_DURATION, /* int64 of a unit -> INTERVAL */
    ARROW_MONTHS,   /* int32 -> INTERVAL */
    ARROW_DAY_TIME, /* int32 days, int32 milliseconds -> INTERVAL */
    ARROW_DECIMAL32,
    ARROW_DECIMAL64,
    ARROW_STRING32,     /* utf8, binary */
    ARROW_STRING64,     /* large_utf8, large_binary */
    ARROW_STRING_VIEW,  /* utf8_view, binary_view */
    ARROW_FIXED_BINARY, /* `width` bytes -> BINARY */
    ARROW_LIST32,
    ARROW_LIST64,
    ARROW_LIST_VIEW32,
    ARROW_LIST_VIEW64,
    ARROW_FIXED_LIST, /* `width` items */
    ARROW_STRUCT,
    ARROW_MAP,
    ARROW_RUN_END,
    ARROW_DICTIONARY /* `type` is the type of the index */
};

struct arrow_format {
    enum arrow_layout layout;
    struct data_type type; /* our type, where it doesn't depend on children */
    uint8_t unit;          /* of ARROW_DURATION */
    int32_t width;         /* ARROW_FIXED_BINARY, ARROW_FIXED_LIST */
};

/* Checks the node (format, number of children, pointers) and says how to read arrays of it. Looks at no child. */
laminar_status arrow_format_parse(const struct ArrowSchema *schema, struct arrow_format *out,
                                  struct laminar_error *err) must_check;

#endif
