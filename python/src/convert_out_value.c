/* convert_out_value.c - Arrow values to Python objects.
 *
 * Rows are made a batch at a time: first the empty tuples, then column after column, so that the type is looked at once a column
 * and not once a value.
 *
 *   BOOLEAN bool, integers int, REAL and DOUBLE float, DECIMAL decimal.Decimal, VARCHAR and JSON str, BINARY bytes, DATE date,
 *   TIME time, TIMESTAMP datetime (aware where the column has a zone), INTERVAL timedelta, or Interval where it has months or parts
 *   of microseconds, UUID uuid.UUID, lists list, structs dict, maps dict (a list of pairs where a key has no hash).
 *
 * Nanoseconds are cut to microseconds. A date or timestamp outside the years 1 to 9999 becomes its number of days or
 * units since 1970, as Python has no object for it. */
#include "convert_out_field.h"
#include <datetime.h>
#include <string.h>
#define PyDateTimeAPI ((PyDateTime_CAPI *)state->types.datetime)

enum { DAYS_MIN = -719162, DAYS_MAX = 2932896, GC_PAUSE_ROWS = 512 };

__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;

/* --- Scalars ---------------------------------------------------------------------------------------------- */

static PyObject *make_decimal(struct module_state *state, const void *bytes, int scale)
{
    int128 value;
    memcpy(&value, bytes, sizeof value);
    bool is_negative = value < 0;
    uint128 rest = is_negative ? (uint128)0 - (uint128)value : (uint128)value;
    char text[64], *end = text + sizeof text, *at = end;
    int n = 0;
    while (rest > 0 || n <= scale) {
        if (n == scale && scale > 0) *--at = '.';
        *--at = (char)('0' + (int)(rest % 10));
        rest /= 10;
        n++;
    }
    if (is_negative) *--at = '-';
    PyObject *digits = PyUnicode_FromStringAndSize(at, end - at);
    PyObject *result = digits ? PyObject_CallOneArg(state->types.decimal, digits) : NULL;
    Py_XDECREF(digits);
    return result;
}

/* Civil date of a day number: see days_from_civil in convert_in_cell.c. */
static void civil_from_days(int64_t days, int *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t mp = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

static PyObject *make_date(struct module_state *state, int64_t days)
{
    int year, month, day;
    if (days < DAYS_MIN || days > DAYS_MAX) return PyLong_FromLongLong(days);
    civil_from_days(days, &year, &month, &day);
    return PyDate_FromDate(year, month, day);
}

static PyObject *make_time(struct module_state *state, int64_t value, int64_t per_second)
{
    int64_t seconds = value / per_second, rest = value % per_second;
    int64_t us = per_second > 1000000 ? rest / (per_second / 1000000)
                                      : rest * (1000000 / per_second);
    if (value < 0 || seconds >= 86400) return PyLong_FromLongLong(value);
    return PyTime_FromTime((int)(seconds / 3600), (int)(seconds / 60 % 60), (int)(seconds % 60),
                           (int)us);
}

static PyObject *make_timestamp(struct module_state *state, const struct out_field *field,
                                int64_t value)
{
    int64_t seconds = value / field->per_second, rest = value % field->per_second;
    int year, month, day;
    if (rest < 0) {
        rest += field->per_second;
        seconds--;
    }
    int64_t us = field->per_second > 1000000 ? rest / 1000 : rest * (1000000 / field->per_second);
    int64_t days = seconds / 86400, second = seconds % 86400;
    if (second < 0) {
        second += 86400;
        days--;
    }
    if (days < DAYS_MIN || days > DAYS_MAX) return PyLong_FromLongLong(value);
    civil_from_days(days, &year, &month, &day);
    PyObject *zone = field->zone ? field->zone : Py_None;
    PyObject *wall = PyDateTimeAPI->DateTime_FromDateAndTime(
        year, month, day, (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60),
        (int)us, zone, PyDateTimeAPI->DateTimeType);
    if (!wall || !field->zone || field->is_utc) return wall;
    PyObject *local = PyObject_CallMethodOneArg(field->zone, state->str_fromutc, wall);
    Py_DECREF(wall);
    if (!local && PyErr_ExceptionMatches(PyExc_OverflowError)) {
        PyErr_Clear();
        return PyLong_FromLongLong(value);
    }
    return local;
}

static PyObject *make_interval(struct module_state *state, const void *bytes)
{
    laminar_interval value;
    memcpy(&value, bytes, sizeof value);
    if (value.months == 0 && value.nanos % 1000 == 0) {
        int64_t us = value.nanos / 1000;
        int64_t days = value.days + us / 86400000000, rest = us % 86400000000;
        if (rest < 0) {
            rest += 86400000000;
            days--;
        }
        if (days >= -999999999 && days <= 999999999)
            return PyDelta_FromDSU((int)days, (int)(rest / 1000000), (int)(rest % 1000000));
    }
    PyObject *result = PyStructSequence_New(state->interval_type);
    if (!result) return NULL;
    PyObject *months = PyLong_FromLong(value.months), *days = PyLong_FromLong(value.days),
             *nanos = PyLong_FromLongLong(value.nanos);
    PyStructSequence_SetItem(result, 0, months);
    PyStructSequence_SetItem(result, 1, days);
    PyStructSequence_SetItem(result, 2, nanos);
    if (months && days && nanos) return result;
    Py_DECREF(result);
    return NULL;
}

/* UUID(int=...) costs microseconds in Python; this sets the two slots of the object as its __init__ does. */
static PyObject *make_uuid(struct module_state *state, const void *bytes)
{
    PyTypeObject *type = (PyTypeObject *)state->types.uuid;
    PyObject *args = PyTuple_New(0);
    PyObject *result = args ? type->tp_new(type, args, NULL) : NULL;
    Py_XDECREF(args);
    PyObject *number = PyObject_CallMethod((PyObject *)&PyLong_Type, "from_bytes", "y#s", bytes,
                                           (Py_ssize_t)16, "big");
    if (result && number && PyObject_GenericSetAttr(result, state->str_int_, number) == 0 &&
        PyObject_GenericSetAttr(result, state->str_is_safe, state->types.uuid_is_safe) == 0) {
        Py_DECREF(number);
        return result;
    }
    Py_XDECREF(number);
    Py_XDECREF(result);
    return NULL;
}

/* --- Nested ------------------------------------------------------------------------------------------------- */

static PyObject *make_list(struct module_state *state, const struct out_field *field,
                           const struct ArrowArray *array, int64_t at)
{
    const int32_t *offsets = array->buffers[1];
    int32_t first = offsets[at], n = offsets[at + 1] - first;
    PyObject *list = PyList_New(n);
    for (int32_t i = 0; list && i < n; i++) {
        PyObject *item = out_value(state, &field->fields[0], array->children[0], first + i);
        if (!item) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, i, item);
    }
    return list;
}

static PyObject *make_struct(struct module_state *state, const struct out_field *field,
                             const struct ArrowArray *array, int64_t at)
{
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict && i < field->n_fields; i++) {
        PyObject *value = out_value(state, &field->fields[i], array->children[i], at);
        if (!value || PyDict_SetItem(dict, field->fields[i].name, value) < 0) {
            Py_XDECREF(value);
            Py_DECREF(dict);
            return NULL;
        }
        Py_DECREF(value);
    }
    return dict;
}

static PyObject *make_map(struct module_state *state, const struct out_field *field,
                          const struct ArrowArray *array, int64_t at)
{
    const int32_t *offsets = array->buffers[1];
    const struct ArrowArray *entries = array->children[0];
    const struct out_field *entry = &field->fields[0];
    PyObject *pairs = PyList_New(0);
    for (int32_t i = offsets[at]; pairs && i < offsets[at + 1]; i++) {
        int64_t row = i + entries->offset;
        PyObject *key = out_value(state, &entry->fields[0], entries->children[0], row);
        PyObject *value = key ? out_value(state, &entry->fields[1], entries->children[1], row)
                              : NULL;
        PyObject *pair = value ? PyTuple_Pack(2, key, value) : NULL;
        Py_XDECREF(key);
        Py_XDECREF(value);
        if (!pair || PyList_Append(pairs, pair) < 0) Py_CLEAR(pairs);
        Py_XDECREF(pair);
    }
    if (!pairs) return NULL;
    PyObject *dict = PyDict_New();
    if (dict && PyDict_MergeFromSeq2(dict, pairs, 1) == 0) {
        Py_DECREF(pairs);
        return dict;
    }
    Py_XDECREF(dict);
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) {
        Py_DECREF(pairs);
        return NULL;
    }
    PyErr_Clear();
    return pairs;
}

/* --- Any value ------------------------------------------------------------------------------------------------ */

static inline PyObject *make_text(const struct ArrowArray *array, int64_t at)
{
    const int32_t *offsets = array->buffers[1];
    const char *data = array->buffers[2];
    return PyUnicode_DecodeUTF8(data ? data + offsets[at] : "", offsets[at + 1] - offsets[at],
                                "replace");
}

static inline PyObject *make_bytes(const struct ArrowArray *array, int64_t at)
{
    const int32_t *offsets = array->buffers[1];
    const char *data = array->buffers[2];
    return PyBytes_FromStringAndSize(data ? data + offsets[at] : "", offsets[at + 1] - offsets[at]);
}

#define VALUE(T) (((const T *)array->buffers[1])[at])
/* The value at `at` (offset included), which is not null. */
static PyObject *make_value(struct module_state *state, const struct out_field *field,
                            const struct ArrowArray *array, int64_t at)
{
    switch (field->kind) {
    case OUT_NULL: Py_RETURN_NONE;
    case OUT_BOOL:
        return PyBool_FromLong(((const uint8_t *)array->buffers[1])[at / 8] >> (at % 8) & 1);
    case OUT_INT8: return PyLong_FromLong(VALUE(int8_t));
    case OUT_INT16: return PyLong_FromLong(VALUE(int16_t));
    case OUT_INT32: return PyLong_FromLong(VALUE(int32_t));
    case OUT_INT64: return PyLong_FromLongLong(VALUE(int64_t));
    case OUT_UINT8: return PyLong_FromLong(VALUE(uint8_t));
    case OUT_UINT16: return PyLong_FromLong(VALUE(uint16_t));
    case OUT_UINT32: return PyLong_FromUnsignedLong(VALUE(uint32_t));
    case OUT_UINT64: return PyLong_FromUnsignedLongLong(VALUE(uint64_t));
    case OUT_FLOAT: return PyFloat_FromDouble((double)VALUE(float));
    case OUT_DOUBLE: return PyFloat_FromDouble(VALUE(double));
    case OUT_DECIMAL:
        return make_decimal(state, (const char *)array->buffers[1] + at * 16, field->scale);
    case OUT_TEXT: return make_text(array, at);
    case OUT_BYTES: return make_bytes(array, at);
    case OUT_DATE: return make_date(state, VALUE(int32_t));
    case OUT_TIME32: return make_time(state, VALUE(int32_t), field->per_second);
    case OUT_TIME64: return make_time(state, VALUE(int64_t), field->per_second);
    case OUT_TIMESTAMP: return make_timestamp(state, field, VALUE(int64_t));
    case OUT_INTERVAL: return make_interval(state, (const char *)array->buffers[1] + at * 16);
    case OUT_UUID: return make_uuid(state, (const char *)array->buffers[1] + at * 16);
    case OUT_FIXED_BYTES:
        return PyBytes_FromStringAndSize((const char *)array->buffers[1] + at * field->width,
                                         field->width);
    case OUT_LIST: return make_list(state, field, array, at);
    case OUT_STRUCT: return make_struct(state, field, array, at);
    case OUT_MAP: return make_map(state, field, array, at);
    }
    Py_RETURN_NONE;
}
#undef VALUE

PyObject *out_value(struct module_state *state, const struct out_field *field,
                    const struct ArrowArray *array, int64_t row)
{
    if (!out_is_valid(array, row)) Py_RETURN_NONE;
    return make_value(state, field, array, row + array->offset);
}

/* --- Rows ------------------------------------------------------------------------------------------------------ */

static inline bool is_set(const uint8_t *bits, int64_t at)
{
    return !bits || (bits[at / 8] >> (at % 8) & 1);
}

/* Puts a column into the tuples; `make` is the expression for the value at `at`. The list is not yet seen by anybody. */
#define FILL(make)                                                                                 \
    for (int64_t i = 0; i < n; i++) {                                                              \
        int64_t at = start + i;                                                                    \
        PyObject *value = is_set(bits, at) ? (make) : Py_NewRef(Py_None);                          \
        if (!value) return -1;                                                                     \
        PyTuple_SET_ITEM(PyList_GET_ITEM(list, base + i), column, value);                          \
    }                                                                                              \
    return 0
#define VALUES(T) (((const T *)array->buffers[1])[at])

static int fill_column(struct module_state *state, const struct out_field *field,
                       const struct ArrowArray *array, int64_t first, int64_t n, PyObject *list,
                       Py_ssize_t base, Py_ssize_t column)
{
    const uint8_t *bits = array->n_buffers > 0 && array->null_count != 0 ? array->buffers[0] : NULL;
    int64_t start = first + array->offset;
    switch ((int)field->kind) {
    case OUT_INT32: FILL(PyLong_FromLong(VALUES(int32_t)));
    case OUT_INT64: FILL(PyLong_FromLongLong(VALUES(int64_t)));
    case OUT_DOUBLE: FILL(PyFloat_FromDouble(VALUES(double)));
    case OUT_TEXT: FILL(make_text(array, at));
    case OUT_TIMESTAMP: FILL(make_timestamp(state, field, VALUES(int64_t)));
    default: FILL(make_value(state, field, array, at));
    }
}

int out_append_rows(struct module_state *state, const struct out_field *field,
                    const struct ArrowArray *array, int64_t first, int64_t n, PyObject *list)
{
    Py_ssize_t base = PyList_GET_SIZE(list), n_columns = (Py_ssize_t)field->n_fields;
    int result = 0;
    /* Nothing made here can be garbage, and the collector would look at every tuple again and again. */
    int was_enabled = n >= GC_PAUSE_ROWS ? PyGC_Disable() : 0;
    for (int64_t i = 0; i < n && result == 0; i++) {
        PyObject *row = PyTuple_New(n_columns);
        result = row ? PyList_Append(list, row) : -1;
        Py_XDECREF(row);
    }
    for (Py_ssize_t c = 0; c < n_columns && result == 0; c++)
        result = fill_column(state, &field->fields[c], array->children[c], first + array->offset, n,
                             list, base, c);
    if (was_enabled) PyGC_Enable();
    return result;
}

int out_append_column(struct module_state *state, const struct out_field *field,
                      const struct ArrowArray *array, size_t column, PyObject *list)
{
    const struct ArrowArray *child = array->children[column];
    for (int64_t i = 0; i < array->length; i++) {
        PyObject *value = out_value(state, &field->fields[column], child, i + array->offset);
        if (!value) return -1;
        int failed = PyList_Append(list, value);
        Py_DECREF(value);
        if (failed) return -1;
    }
    return 0;
}
