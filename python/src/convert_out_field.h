/* convert_out_field.h - a column's type as convert_out_*.c see it: parsed once a result, not once a value. */
#ifndef LAMINARDB_CONVERT_OUT_FIELD_H
#define LAMINARDB_CONVERT_OUT_FIELD_H

#include "pymodule.h"

enum out_kind {
    OUT_NULL,
    OUT_BOOL,
    OUT_INT8,
    OUT_INT16,
    OUT_INT32,
    OUT_INT64,
    OUT_UINT8,
    OUT_UINT16,
    OUT_UINT32,
    OUT_UINT64,
    OUT_FLOAT,
    OUT_DOUBLE,
    OUT_DECIMAL,
    OUT_TEXT,  /* int32 offsets */
    OUT_BYTES, /* int32 offsets */
    OUT_DATE,
    OUT_TIME32,
    OUT_TIME64,
    OUT_TIMESTAMP,
    OUT_INTERVAL,
    OUT_UUID,
    OUT_FIXED_BYTES,
    OUT_LIST,
    OUT_STRUCT,
    OUT_MAP
};

struct out_field {
    enum out_kind kind;
    int scale;          /* DECIMAL */
    int width;          /* FIXED_BYTES */
    int64_t per_second; /* TIME, TIMESTAMP: units in a second */
    PyObject *zone;     /* TIMESTAMP: tzinfo, NULL for none */
    bool is_utc;        /* the zone is datetime.timezone.utc */
    PyObject *name;     /* as a field of a struct: str */
    struct out_field *fields;
    size_t n_fields;
};

static inline bool out_is_valid(const struct ArrowArray *array, int64_t row)
{
    const uint8_t *bits = array->n_buffers > 0 ? array->buffers[0] : NULL;
    int64_t at = row + array->offset;
    return !bits || (bits[at / 8] >> (at % 8) & 1);
}

/* The value in row `row` of the array (its offset is added here), which may be null. */
PyObject *out_value(struct module_state *state, const struct out_field *field,
                    const struct ArrowArray *array, int64_t row);

#endif
