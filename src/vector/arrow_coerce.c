/* arrow_coerce.c - a batch to the schema it is inserted into: see arrow.h.
 *
 * Columns are matched by name. Where all match as they are, the batch itself is the answer, at the cost of looking at each column's type.
 * Else a batch is made that shares the columns which fit and has memory of its own for the others. Integers and doubles go by loops; the
 * rest value by value. Zones: a TIMESTAMPTZ is an instant; a TIMESTAMP next to one is taken as UTC. */
#include "base/error.h"
#include "base/strmap.h"
#include "vector/arrow.h"
#include "vector/batch_body.h"
#include "vector/text.h"
#include "vector/value_order.h"

struct coerce {
    const char *column;    /* name of the target column */
    struct data_type type; /* of the whole column */
    bool is_nested;        /* inside a list or struct: rows are items */
    struct laminar_error *err;
};

/* --- Messages ------------------------------------------------------------------------------------------------------------------ */

static laminar_status lossy_value(struct coerce *c, const struct vector *src, size_t row,
                                  size_t from, struct data_type to)
{
    struct strbuf text = {0};
    text_print_value(&text, src, row);
    int size = text.failed ? 0 : (int)(text.size < 100 ? text.size : 100);
    error_set(c->err, LAMINAR_BATCH_SCHEMA_MISMATCH,
              "column '%s', %s %zu: the %s value %.*s does not convert to %s without loss",
              c->column, c->is_nested ? "item" : "row", row - from, TYPE_TEXT(src->type), size,
              text.data ? text.data : "", TYPE_TEXT(to));
    strbuf_deinit(&text);
    return LAMINAR_BATCH_SCHEMA_MISMATCH;
}

static laminar_status wrong_type(struct coerce *c, struct data_type from, struct data_type to)
{
    error_set(c->err, LAMINAR_BATCH_SCHEMA_MISMATCH, "column '%s' is %s, but the data has %s",
              c->column, TYPE_TEXT(to), TYPE_TEXT(from));
    error_hint(c->err,
               "convert the data before the insert; only conversions that lose nothing are made");
    return LAMINAR_BATCH_SCHEMA_MISMATCH;
}

/* --- Single values ---------------------------------------------------------------------------------------------------------------- */

static const double TWO_63 = 9223372036854775808.0;

static bool load_integer(struct data_type type, const void *in, int128 *out)
{
    switch ((int)type_phys(type)) {
    case PHYS_I8: *out = *(const int8_t *)in; return true;
    case PHYS_I16: *out = *(const int16_t *)in; return true;
    case PHYS_I32: *out = *(const int32_t *)in; return true;
    case PHYS_I64: *out = *(const int64_t *)in; return true;
    case PHYS_U8: *out = *(const uint8_t *)in; return true;
    case PHYS_U16: *out = *(const uint16_t *)in; return true;
    case PHYS_U32: *out = *(const uint32_t *)in; return true;
    case PHYS_U64: *out = *(const uint64_t *)in; return true;
    }
    return false;
}

#define STORE_AS(T)                                                                                \
    do {                                                                                           \
        *(T *)out = (T)value;                                                                      \
        return (int128) * (T *)out == value;                                                       \
    } while (0)

static bool store_integer(struct data_type type, int128 value, void *out)
{
    switch ((int)type_phys(type)) {
    case PHYS_I8: STORE_AS(int8_t);
    case PHYS_I16: STORE_AS(int16_t);
    case PHYS_I32: STORE_AS(int32_t);
    case PHYS_I64: STORE_AS(int64_t);
    case PHYS_U8: STORE_AS(uint8_t);
    case PHYS_U16: STORE_AS(uint16_t);
    case PHYS_U32: STORE_AS(uint32_t);
    case PHYS_U64: STORE_AS(uint64_t);
    }
    return false;
}

/* In the same scale, with up to `precision` digits. */
static bool store_decimal(struct data_type type, int128 value, int scale, void *out)
{
    int128 limit = pow10_table[type.precision], scaled = value;
    if (scale < type.scale &&
        __builtin_mul_overflow(value, pow10_table[type.scale - scale], &scaled))
        return false;
    if (scale > type.scale) {
        int128 unit = pow10_table[scale - type.scale];
        scaled = value / unit;
        if (scaled * unit != value) return false;
    }
    memcpy(out, &scaled, sizeof scaled);
    return scaled < limit && scaled > -limit;
}

static bool store_double(struct data_type type, double value, void *out)
{
    if (type.id == LAMINAR_TYPE_DOUBLE) {
        *(double *)out = value;
        return true;
    }
    float narrow = (float)value;
    *(float *)out = narrow;
    return f64_same((double)narrow, value);
}

/* A double to an exact type. To DECIMAL: the decimal whose nearest double it is, so that 0.1 is 0.1. */
static bool convert_double(double value, struct data_type to, void *out)
{
    if (to.id == LAMINAR_TYPE_DECIMAL) {
        double power = (double)pow10_table[to.scale], scaled = __builtin_round(value * power);
        if (!(scaled > -1e38 && scaled < 1e38)) return false;
        int128 decimal = (int128)scaled;
        return scaled / power == value && store_decimal(to, decimal, to.scale, out);
    }
    if (!(value >= -TWO_63 && value < 2 * TWO_63)) return false;
    int128 integer = (int128)value;
    return (double)integer == value && store_integer(to, integer, out);
}

static bool convert_number(struct data_type from, const void *in, struct data_type to, void *out)
{
    int128 value = 0;
    int scale = 0;
    if (from.id == LAMINAR_TYPE_FLOAT || from.id == LAMINAR_TYPE_DOUBLE) {
        double number = from.id == LAMINAR_TYPE_FLOAT ? (double)*(const float *)in
                                                      : *(const double *)in;
        return type_is_float(to) ? store_double(to, number, out) : convert_double(number, to, out);
    }
    if (from.id == LAMINAR_TYPE_DECIMAL) {
        value = *(const int128 *)in;
        scale = from.scale;
    } else {
        load_integer(from, in, &value);
    }
    if (to.id == LAMINAR_TYPE_DECIMAL) return store_decimal(to, value, scale, out);
    if (type_is_float(to)) {
        double power = (double)pow10_table[scale], number = decimal_to_double(value, scale);
        if (!store_double(to, number, out)) return false;
        return scale ? (int128)__builtin_round(number * power) == value : (int128)number == value;
    }
    int128 unit = pow10_table[scale], whole = value / unit;
    return whole * unit == value && store_integer(to, whole, out);
}

/* seconds and nanos in units of `to`; false where digits would be lost. */
static bool store_instant(struct data_type to, int64_t seconds, int64_t nanos, void *out)
{
    int64_t per_second = unit_per_second((enum time_unit)to.unit),
            nanos_per_unit = INT64_C(1000000000) / per_second, value;
    if (nanos % nanos_per_unit || __builtin_mul_overflow(seconds, per_second, &value)) return false;
    if (__builtin_add_overflow(value, nanos / nanos_per_unit, &value)) return false;
    *(int64_t *)out = value;
    return true;
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

enum { SECONDS_PER_DAY = 86400 };

/* DATE, TIME, TIMESTAMP, TIMESTAMPTZ among each other. */
static bool convert_time(struct data_type from, const void *in, struct data_type to, void *out)
{
    int64_t seconds, nanos = 0;
    if (from.id == LAMINAR_TYPE_DATE) {
        seconds = *(const int32_t *)in * (int64_t)SECONDS_PER_DAY;
    } else {
        int64_t per_second = unit_per_second((enum time_unit)from.unit),
                value = *(const int64_t *)in;
        seconds = floor_div(value, per_second);
        nanos = (value - seconds * per_second) * (INT64_C(1000000000) / per_second);
    }
    if (to.id != LAMINAR_TYPE_DATE) return store_instant(to, seconds, nanos, out);
    int64_t days = floor_div(seconds, SECONDS_PER_DAY);
    *(int32_t *)out = (int32_t)days;
    return nanos == 0 && days * SECONDS_PER_DAY == seconds && days == (int32_t)days;
}

static bool convert_text(const struct string_view *in, struct data_type to, void *out)
{
    const char *data = string_data(in);
    if (type_is_timestamp(to)) {
        int64_t seconds;
        uint32_t nanos;
        bool has_zone;
        int32_t offset_s = 0;
        return text_parse_timestamp(data, in->size, &seconds, &nanos, &has_zone, &offset_s) ==
                   PARSE_OK &&
               store_instant(to, seconds - (has_zone ? offset_s : 0), nanos, out);
    }
    if (to.id == LAMINAR_TYPE_TIME) {
        int64_t nanos;
        return text_parse_time(data, in->size, &nanos) == PARSE_OK &&
               store_instant(to, nanos / INT64_C(1000000000), nanos % INT64_C(1000000000), out);
    }
    return text_parse_value(to, data, in->size, out) == PARSE_OK;
}

enum conversion {
    CONVERT_NO,
    CONVERT_NUMBER,
    CONVERT_TIME,
    CONVERT_TEXT,
    CONVERT_BYTES,     /* strings whose bytes stay */
    CONVERT_JSON,      /* text that must be JSON */
    CONVERT_UUID_BYTES /* 16 bytes */
};

static enum conversion find_conversion(struct data_type from, struct data_type to)
{
    bool from_text = from.id == LAMINAR_TYPE_VARCHAR || from.id == LAMINAR_TYPE_JSON;
    if (type_is_numeric(from) && type_is_numeric(to)) return CONVERT_NUMBER;
    if (from.id == LAMINAR_TYPE_TIME && to.id == LAMINAR_TYPE_TIME) return CONVERT_TIME;
    bool from_instant = from.id == LAMINAR_TYPE_DATE || type_is_timestamp(from);
    bool to_instant = to.id == LAMINAR_TYPE_DATE || type_is_timestamp(to);
    if (from_instant && to_instant) return CONVERT_TIME;
    if (from.id == LAMINAR_TYPE_VARCHAR &&
        (to_instant || to.id == LAMINAR_TYPE_TIME || to.id == LAMINAR_TYPE_INTERVAL ||
         to.id == LAMINAR_TYPE_UUID))
        return CONVERT_TEXT;
    if (from.id == LAMINAR_TYPE_VARCHAR && to.id == LAMINAR_TYPE_JSON) return CONVERT_JSON;
    if (from_text && (to.id == LAMINAR_TYPE_VARCHAR || to.id == LAMINAR_TYPE_BINARY))
        return CONVERT_BYTES;
    if (from.id == LAMINAR_TYPE_BINARY && to.id == LAMINAR_TYPE_UUID) return CONVERT_UUID_BYTES;
    return CONVERT_NO;
}

static bool convert_value(enum conversion how, struct data_type from, const void *in,
                          struct data_type to, void *out)
{
    const struct string_view *string = in;
    switch (how) {
    case CONVERT_NUMBER: return convert_number(from, in, to, out);
    case CONVERT_TIME: return convert_time(from, in, to, out);
    case CONVERT_TEXT: return convert_text(string, to, out);
    case CONVERT_JSON:
        memcpy(out, in, sizeof *string);
        return text_is_json(string_data(string), string->size);
    case CONVERT_BYTES: memcpy(out, in, sizeof *string); return true;
    case CONVERT_UUID_BYTES:
        if (string->size == 16) memcpy(out, string_data(string), 16);
        return string->size == 16;
    case CONVERT_NO: break;
    }
    return false;
}

/* --- Whole columns ------------------------------------------------------------------------------------------------------------------ */

/* Loops for the frequent conversions: each returns false where a value (perhaps one under a null) does not fit, and then the values
 * are gone through one by one. */
#define INT_LOOP(FROM, TO)                                                                         \
    do {                                                                                           \
        const FROM *restrict values = in;                                                          \
        TO *restrict result = out;                                                                 \
        bool is_lossy = false;                                                                     \
        for (size_t i = 0; i < n; i++) {                                                           \
            result[i] = (TO)values[i];                                                             \
            is_lossy |= (int64_t)result[i] != (int64_t)values[i];                                  \
        }                                                                                          \
        return !is_lossy;                                                                          \
    } while (0)
#define INT_LOOPS_FROM(FROM)                                                                       \
    do {                                                                                           \
        switch ((int)to) {                                                                         \
        case PHYS_I8: INT_LOOP(FROM, int8_t);                                                      \
        case PHYS_I16: INT_LOOP(FROM, int16_t);                                                    \
        case PHYS_I32: INT_LOOP(FROM, int32_t);                                                    \
        case PHYS_I64: INT_LOOP(FROM, int64_t);                                                    \
        case PHYS_F64: INT_TO_DOUBLE(FROM);                                                        \
        default: return false;                                                                     \
        }                                                                                          \
    } while (0)
#define EXACT_DOUBLE_MAX (INT64_C(1) << 53)
#define INT_TO_DOUBLE(FROM)                                                                        \
    do {                                                                                           \
        const FROM *restrict values = in;                                                          \
        double *restrict result = out;                                                             \
        bool is_lossy = false;                                                                     \
        for (size_t i = 0; i < n; i++) {                                                           \
            int64_t value = (int64_t)values[i];                                                    \
            result[i] = (double)value;                                                             \
            is_lossy |= value > EXACT_DOUBLE_MAX || value < -EXACT_DOUBLE_MAX;                     \
        }                                                                                          \
        return !is_lossy;                                                                          \
    } while (0)

static bool convert_fast(enum phys_type from, const void *in, enum phys_type to, void *out,
                         size_t n)
{
    switch ((int)from) {
    case PHYS_I8: INT_LOOPS_FROM(int8_t);
    case PHYS_I16: INT_LOOPS_FROM(int16_t);
    case PHYS_I32: INT_LOOPS_FROM(int32_t);
    case PHYS_I64: INT_LOOPS_FROM(int64_t);
    case PHYS_U8: INT_LOOPS_FROM(uint8_t);
    case PHYS_U16: INT_LOOPS_FROM(uint16_t);
    case PHYS_U32: INT_LOOPS_FROM(uint32_t);
    case PHYS_F32:
        if (to != PHYS_F64) return false;
        for (size_t i = 0; i < n; i++) ((double *)out)[i] = (double)((const float *)in)[i];
        return true;
    }
    return false;
}

static laminar_status copy_validity(struct coerce *c, const struct vector *src, size_t from,
                                    size_t n, struct column *out)
{
    if (!src->validity || bitmap_range_all_set(src->validity, from, n)) return LAMINAR_OK;
    laminar_status status = column_reserve_validity(out, c->err);
    if (!status) bitmap_append(out->validity, 0, src->validity, from, n);
    return status;
}

static laminar_status convert_leaf(struct coerce *c, const struct vector *src, size_t from,
                                   size_t n, struct column *out)
{
    struct data_type to = out->vec.type;
    enum conversion how = find_conversion(src->type, to);
    if (how == CONVERT_NO) return wrong_type(c, src->type, to);
    laminar_status status = column_reserve(out, n, c->err);
    if (!status) status = copy_validity(c, src, from, n, out);
    if (status || n == 0) return status;
    size_t width_in = type_width(src->type), width_out = type_width(to);
    const uint8_t *in = (const uint8_t *)src->data + from * width_in;
    uint8_t *result = out->vec.data;
    out->n = n;
    if (how == CONVERT_NUMBER && convert_fast(type_phys(src->type), in, type_phys(to), result, n))
        return LAMINAR_OK;
    for (size_t i = 0; i < n; i++, in += width_in, result += width_out) {
        if (!vector_is_valid(src, from + i))
            memset(result, 0, width_out);
        else if (!convert_value(how, src->type, in, to, result))
            return lossy_value(c, src, from + i, from, to);
    }
    return LAMINAR_OK;
}

static laminar_status convert(struct coerce *c, const struct vector *src, size_t from, size_t n,
                              struct column *out);

static laminar_status convert_list(struct coerce *c, const struct vector *src, size_t from,
                                   size_t n, struct column *out)
{
    /* The items that the rows use, without gaps: others may be anything. */
    struct column compact;
    laminar_status status = column_init(&compact, src->type, c->err);
    if (status) return status;
    TRY(column_append(&compact, src, from, n, STRINGS_BORROW, c->err));
    TRY(column_reserve(out, n, c->err));
    TRY(copy_validity(c, &compact.vec, 0, n, out));
    c->is_nested = true;
    for (uint32_t k = 0; k < out->vec.n_children; k++) {
        TRY(convert(c, &compact.children[k].vec, 0, compact.children[k].n, &out->children[k]));
        out->vec.children[k] = out->children[k].vec;
    }
    if (n) memcpy(out->vec.data, compact.vec.data, n * sizeof(struct list_entry));
    out->vec.n_child_rows = compact.children[0].n;
    out->n = n;
done:
    column_deinit(&compact);
    return status;
}

static int64_t find_field(const struct type_info *info, const char *name)
{
    for (uint32_t i = 0; i < info->n_fields; i++)
        if (strcmp(info->fields[i].name, name) == 0) return i;
    return -1;
}

/* A struct's field; where the struct is null, the field may be anything, so it is taken as null there. */
static laminar_status convert_field(struct coerce *c, const struct vector *src,
                                    const struct vector *field, size_t from, size_t n,
                                    struct column *out)
{
    if (!src->validity || bitmap_range_all_set(src->validity, from, n) ||
        field->type.id == LAMINAR_TYPE_NULL)
        return convert(c, field, src->child_offset + from, n, out);
    struct column masked;
    laminar_status status = column_init(&masked, field->type, c->err);
    if (status) return status;
    TRY(column_append(&masked, field, src->child_offset + from, n, STRINGS_BORROW, c->err));
    TRY(column_reserve_validity(&masked, c->err));
    for (size_t i = 0; i < n; i++)
        if (!bitmap_get(src->validity, from + i)) bitmap_clear(masked.validity, i);
    TRY(convert(c, &masked.vec, 0, n, out));
done:
    column_deinit(&masked);
    return status;
}

static laminar_status convert_struct(struct coerce *c, const struct vector *src, size_t from,
                                     size_t n, struct column *out)
{
    const struct type_info *have = src->type.info, *want = out->vec.type.info;
    laminar_status status = column_reserve(out, n, c->err);
    if (!status) status = copy_validity(c, src, from, n, out);
    for (uint32_t i = 0; i < have->n_fields && !status; i++)
        if (find_field(want, have->fields[i].name) < 0)
            status = wrong_type(c, src->type, out->vec.type);
    c->is_nested = true;
    for (uint32_t k = 0; k < want->n_fields && !status; k++) {
        int64_t field = find_field(have, want->fields[k].name);
        struct column *child = &out->children[k];
        status = field < 0 ? column_append_null(child, n, c->err)
                           : convert_field(c, src, &src->children[field], from, n, child);
        out->vec.children[k] = child->vec;
    }
    if (!status) out->n = n;
    return status;
}

/* Rows [from, from + n) of a flat vector into `out`, which is empty. Strings borrow. The recursion is bounded by TYPE_DEPTH_MAX. */
static laminar_status convert(struct coerce *c, const struct vector *src, size_t from, size_t n,
                              struct column *out)
{
    struct data_type to = out->vec.type;
    if (type_equal(src->type, to) || src->type.id == LAMINAR_TYPE_NULL)
        return column_append(out, src, from, n, STRINGS_BORROW, c->err);
    if (src->type.id != to.id || !type_is_nested(to)) return convert_leaf(c, src, from, n, out);
    return to.id == LAMINAR_TYPE_STRUCT ? convert_struct(c, src, from, n, out)
                                        : convert_list(c, src, from, n, out);
}

/* --- Batches --------------------------------------------------------------------------------------------------------------------------- */

static laminar_status check_not_null(const struct schema_column *column, const struct vector *v,
                                     size_t n, struct laminar_error *err)
{
    if (column->is_nullable || n == 0) return LAMINAR_OK;
    if (v->type.id != LAMINAR_TYPE_NULL && (!v->validity || bitmap_all_set(v->validity, n)))
        return LAMINAR_OK;
    size_t row = 0;
    while (vector_is_valid(v, row)) row++;
    error_set(err, LAMINAR_BATCH_SCHEMA_MISMATCH, "column '%s' is %s NOT NULL, but row %zu is null",
              column->name, TYPE_TEXT(column->type), row);
    error_object(err, column->name);
    return LAMINAR_BATCH_SCHEMA_MISMATCH;
}

/* The column of src for target column i: usually the one in the same place. -1 where there is none. */
static int32_t find_source(const struct schema *have, const char *name, uint32_t i)
{
    if (i < have->n_columns && strcmp(have->columns[i].name, name) == 0) return (int32_t)i;
    return schema_find(have, name);
}

enum { NEAR_NAME_EDITS = 2 };

static laminar_status check_unknown(const struct schema *have, const struct schema *target,
                                    struct laminar_error *err)
{
    for (uint32_t i = 0; i < have->n_columns; i++) {
        const char *name = have->columns[i].name;
        if (find_source(target, name, i) >= 0) continue;
        error_set(err, LAMINAR_BATCH_SCHEMA_MISMATCH,
                  "the data has a column '%s' (%s), which the target has not", name,
                  TYPE_TEXT(have->columns[i].type));
        for (uint32_t k = 0; k < target->n_columns; k++)
            if (edit_distance(name, target->columns[k].name, NEAR_NAME_EDITS) <= NEAR_NAME_EDITS)
                error_hint(err, "did you mean '%s'?", target->columns[k].name);
        return LAMINAR_BATCH_SCHEMA_MISMATCH;
    }
    return LAMINAR_OK;
}

static laminar_status missing_column(const struct schema_column *column, struct laminar_error *err)
{
    error_set(err, LAMINAR_BATCH_SCHEMA_MISMATCH,
              "the column '%s' is %s NOT NULL, and the data lacks it", column->name,
              TYPE_TEXT(column->type));
    error_hint(err, "give the column values, or declare it nullable or with a DEFAULT");
    return LAMINAR_BATCH_SCHEMA_MISMATCH;
}

/* The same names and types in the same places. */
static bool is_same_layout(const struct schema *have, const struct schema *target)
{
    if (have == target) return true;
    if (have->n_columns != target->n_columns) return false;
    for (uint32_t i = 0; i < have->n_columns; i++)
        if (!type_equal(have->columns[i].type, target->columns[i].type) ||
            strcmp(have->columns[i].name, target->columns[i].name) != 0)
            return false;
    return true;
}

static laminar_status coerce_column(struct batch *src, const struct schema *target, uint32_t i,
                                    bool has_default, struct batch_body *body,
                                    struct laminar_error *err)
{
    const struct schema_column *column = &target->columns[i];
    struct column *own = &body->columns[i];
    int32_t from = find_source(src->schema, column->name, i);
    laminar_status status;
    if (from < 0) {
        if (!column->is_nullable && !has_default) return missing_column(column, err);
        status = column_append_null(own, src->n_rows, err);
        body->vectors[i] = own->vec;
        return status;
    }
    batch_need(src, (uint32_t)from);
    const struct vector *v = &src->cols[from];
    status = check_not_null(column, v, src->n_rows, err);
    if (status) return status;
    if (type_equal(v->type, column->type)) {
        body->vectors[i] = *v;
        return LAMINAR_OK;
    }
    struct coerce c = {column->name, column->type, false, err};
    status = convert(&c, v, 0, src->n_rows, own);
    if (status) error_object(err, column->name);
    body->vectors[i] = own->vec;
    return status;
}

laminar_status batch_coerce(struct batch *src, struct schema *target, const bool *has_default,
                            struct batch **out, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct batch_body *body = NULL;
    ENSURE(src->schema != NULL, err);
    if (is_same_layout(src->schema, target)) {
        for (uint32_t i = 0; i < target->n_columns; i++) {
            status = check_not_null(&target->columns[i], &src->cols[i], src->n_rows, err);
            if (status) return status;
        }
        *out = batch_ref(src);
        return LAMINAR_OK;
    }
    TRY(check_unknown(src->schema, target, err));
    TRY(batch_body_take(NULL, target, src->n_rows, &body, err));
    for (uint32_t i = 0; i < target->n_columns; i++)
        TRY(coerce_column(src, target, i, has_default && has_default[i], body, err));
    body->base = batch_ref(src);
    batch_body_seal_vectors(body, src->n_rows, false);
    body->batch.weights = src->weights;
    body->batch.bytes += src->bytes;
    body->batch.step = src->step;
    body->batch.time_us = src->time_us;
    *out = &body->batch;
    body = NULL;
done:
    batch_body_give_back(body);
    return status;
}
