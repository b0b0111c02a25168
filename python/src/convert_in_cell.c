/* convert_in_cell.c - one Python value into one cell of a writer.
 *
 * The frequent types (exactly None, bool, int, float, str) are told apart by a pointer comparison and cost one call of the
 * library. What is left is asked for its type in turn: subclasses, bytes, date and time, Decimal, UUID, Enum, lists and dicts, which
 * go in part by part; at last laminardb._adapt turns values of other libraries (numpy, pandas) into one of these.
 * A value that does not fit is IngestionError 302 naming column, row and both types. */
#include "pymodule.h"
#include <datetime.h>
#include <string.h>
#define PyDateTimeAPI ((PyDateTime_CAPI *)state->types.datetime)

enum { DIGITS_BITS_MAX = 140, REPR_SHOWN_MAX = 200, EXPONENT_MAX = 400, SIMPLIFY_DEPTH_MAX = 4 };

static int set_cell_slow(struct module_state *state, struct row_writer *rows, size_t column,
                         PyObject *value, int depth);

/* --- Failures ---------------------------------------------------------------------------------- */

static int refuse(struct module_state *state, struct row_writer *rows, size_t column,
                  PyObject *value, const char *because)
{
    char *type_name = laminar_writer_column_type_name_copy(rows->writer, column);
    PyObject *repr = PyObject_Repr(value);
    const char *shown = repr ? PyUnicode_AsUTF8(repr) : NULL;
    if (!shown) {
        PyErr_Clear();
        shown = "a value";
    }
    raise_code(state, LAMINAR_BATCH_SCHEMA_MISMATCH, because,
               "column '%s', row %llu%s: %.*s (%s) can't be stored as %s without loss",
               rows->nested_column ? rows->nested_column
                                   : laminar_writer_column_name(rows->writer, column),
               (unsigned long long)rows->n_rows, rows->nested_column ? ", in its value" : "",
               REPR_SHOWN_MAX, shown, Py_TYPE(value)->tp_name,
               type_name ? type_name : "its column's type");
    laminar_free(type_name);
    Py_XDECREF(repr);
    return -1;
}

/* Inside a nested value the columns are its parts. */
static inline laminar_type type_at(const struct row_writer *rows, size_t column)
{
    return rows->nested_column ? laminar_writer_column_type(rows->writer, column)
                               : rows->types[column];
}

static inline int finish(struct module_state *state, struct row_writer *rows, laminar_status status)
{
    if (status == LAMINAR_OK) return 0;
    raise_error(state, &rows->err);
    return -1;
}

/* --- Numbers and text -------------------------------------------------------------------------- */

/* A DECIMAL from its digits, a str that is ours to release. */
static int set_digits(struct module_state *state, struct row_writer *rows, size_t column,
                      PyObject *value, PyObject *digits)
{
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(digits, &size);
    laminar_status status = text ? laminar_writer_set_text(rows->writer, column, text, (size_t)size,
                                                           &rows->err)
                                 : LAMINAR_OUT_OF_MEMORY;
    Py_DECREF(digits);
    if (!text) return -1;
    return status == LAMINAR_BATCH_SCHEMA_MISMATCH ? refuse(state, rows, column, value, NULL)
                                                   : finish(state, rows, status);
}

static int set_int(struct module_state *state, struct row_writer *rows, size_t column,
                   PyObject *value)
{
    int overflow;
    long long small = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (small == -1 && PyErr_Occurred()) return -1;
    if (!overflow)
        return finish(state, rows,
                      laminar_writer_set_int64(rows->writer, column, small, &rows->err));
    if (overflow > 0) {
        unsigned long long large = PyLong_AsUnsignedLongLong(value);
        if (!PyErr_Occurred())
            return finish(state, rows,
                          laminar_writer_set_uint64(rows->writer, column, large, &rows->err));
        PyErr_Clear();
    }
    /* Only a DECIMAL holds more, and the library reads it from its digits. */
    PyObject *bits = PyObject_CallMethod(value, "bit_length", NULL);
    long n_bits = bits ? PyLong_AsLong(bits) : -1;
    Py_XDECREF(bits);
    if (n_bits < 0) PyErr_Clear();
    laminar_type type = type_at(rows, column);
    if (n_bits < 0 || n_bits > DIGITS_BITS_MAX || type != LAMINAR_TYPE_DECIMAL)
        return refuse(state, rows, column, value, NULL);
    PyObject *digits = PyNumber_ToBase(value, 10);
    if (!digits) return -1;
    return set_digits(state, rows, column, value, digits);
}

static int set_str(struct module_state *state, struct row_writer *rows, size_t column,
                   PyObject *value)
{
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(value, &size);
    if (text)
        return finish(
            state, rows,
            laminar_writer_set_text(rows->writer, column, text, (size_t)size, &rows->err));
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return -1;
    PyErr_Clear();
    return refuse(state, rows, column, value, "remove the lone surrogates");
}

static int set_bytes(struct module_state *state, struct row_writer *rows, size_t column,
                     PyObject *value)
{
    Py_buffer view;
    if (PyObject_GetBuffer(value, &view, PyBUF_SIMPLE) < 0) return -1;
    laminar_status status = laminar_writer_set_blob(rows->writer, column, view.buf,
                                                    (size_t)view.len, &rows->err);
    PyBuffer_Release(&view);
    return finish(state, rows, status);
}

static bool is_integer_type(laminar_type type)
{
    return type >= LAMINAR_TYPE_INT8 && type <= LAMINAR_TYPE_UINT64;
}

/* A Decimal's digits without exponent; NULL without exception where there are none (NaN, 1E+99999). */
static PyObject *plain_digits(PyObject *value)
{
    PyObject *finite = PyObject_CallMethod(value, "is_finite", NULL);
    int is_finite = finite ? PyObject_IsTrue(finite) : -1;
    Py_XDECREF(finite);
    if (is_finite <= 0) return NULL;
    PyObject *adjusted = PyObject_CallMethod(value, "adjusted", NULL);
    PyObject *tuple = PyObject_CallMethod(value, "as_tuple", NULL);
    PyObject *exponent = tuple ? PyObject_GetAttrString(tuple, "exponent") : NULL;
    PyObject *result = NULL;
    if (adjusted && exponent) {
        long high = PyLong_AsLong(adjusted), low = PyLong_AsLong(exponent);
        if (!PyErr_Occurred() && high < EXPONENT_MAX && low > -EXPONENT_MAX) {
            PyObject *spec = PyUnicode_FromString("f");
            result = spec ? PyObject_Format(value, spec) : NULL;
            Py_XDECREF(spec);
        }
    }
    Py_XDECREF(adjusted);
    Py_XDECREF(exponent);
    Py_XDECREF(tuple);
    return result;
}

static int set_decimal(struct module_state *state, struct row_writer *rows, size_t column,
                       PyObject *value)
{
    laminar_type type = type_at(rows, column);
    if (is_integer_type(type)) {
        PyObject *whole = PyNumber_Long(value);
        int is_same = whole ? PyObject_RichCompareBool(whole, value, Py_EQ) : 0;
        int result = -2;
        if (is_same > 0) result = set_int(state, rows, column, whole);
        Py_XDECREF(whole);
        if (result != -2) return result;
        PyErr_Clear();
        return refuse(state, rows, column, value, NULL);
    }
    if (type == LAMINAR_TYPE_DOUBLE || type == LAMINAR_TYPE_FLOAT) {
        double number = PyFloat_AsDouble(value);
        if (number == -1.0 && PyErr_Occurred()) return -1;
        if (type == LAMINAR_TYPE_FLOAT) number = (double)(float)number;
        return finish(state, rows,
                      laminar_writer_set_double(rows->writer, column, number, &rows->err));
    }
    if (type != LAMINAR_TYPE_DECIMAL) return refuse(state, rows, column, value, NULL);
    PyObject *digits = plain_digits(value);
    if (!digits) {
        PyErr_Clear();
        return refuse(state, rows, column, value, "a DECIMAL is finite and has at most 38 digits");
    }
    return set_digits(state, rows, column, value, digits);
}

static int set_uuid(struct module_state *state, struct row_writer *rows, size_t column,
                    PyObject *value)
{
    laminar_type type = type_at(rows, column);
    if (type == LAMINAR_TYPE_VARCHAR) {
        PyObject *text = PyObject_Str(value);
        int result = text ? set_str(state, rows, column, text) : -1;
        Py_XDECREF(text);
        return result;
    }
    if (type != LAMINAR_TYPE_UUID) return refuse(state, rows, column, value, NULL);
    PyObject *bytes = PyObject_GetAttr(value, state->str_bytes);
    int result = bytes ? set_bytes(state, rows, column, bytes) : -1;
    Py_XDECREF(bytes);
    return result;
}

/* --- Date and time ------------------------------------------------------------------------------ */

/* Days from 1970-01-01 to a date of the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible low-level date
 * algorithms"): the year begins in March, so that the leap day is its last. */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static int64_t delta_us(PyObject *delta)
{
    return ((int64_t)PyDateTime_DELTA_GET_DAYS(delta) * 86400 +
            PyDateTime_DELTA_GET_SECONDS(delta)) *
               1000000 +
           PyDateTime_DELTA_GET_MICROSECONDS(delta);
}

/* Microseconds since 1970-01-01 of a datetime's wall clock, without its zone. */
static int64_t wall_us(PyObject *value)
{
    int64_t days = days_from_civil(PyDateTime_GET_YEAR(value), PyDateTime_GET_MONTH(value),
                                   PyDateTime_GET_DAY(value));
    int64_t seconds = days * 86400 + PyDateTime_DATE_GET_HOUR(value) * 3600 +
                      PyDateTime_DATE_GET_MINUTE(value) * 60 + PyDateTime_DATE_GET_SECOND(value);
    return seconds * 1000000 + PyDateTime_DATE_GET_MICROSECOND(value);
}

/* A naive datetime is taken as it stands (for a column with zone: as UTC); an aware one becomes its instant in UTC. */
static int set_datetime(struct module_state *state, struct row_writer *rows, size_t column,
                        PyObject *value)
{
    int64_t us = wall_us(value);
    long nanos = 0;
    if (((PyDateTime_DateTime *)value)->hastzinfo) {
        PyObject *offset = PyObject_CallMethodNoArgs(value, state->str_utcoffset);
        if (!offset) return -1;
        if (PyDelta_Check(offset)) us -= delta_us(offset);
        Py_DECREF(offset);
    }
    if (!PyDateTime_CheckExact(value)) {
        /* pandas: Timestamp has nanoseconds below the microseconds, NaT is a datetime that is none. */
        if (strcmp(Py_TYPE(value)->tp_name, "NaTType") == 0 ||
            strcmp(Py_TYPE(value)->tp_name, "pandas._libs.tslibs.nattype.NaTType") == 0)
            return finish(state, rows, laminar_writer_set_null(rows->writer, column, &rows->err));
        PyObject *extra = PyObject_GetAttr(value, state->str_nanosecond);
        if (extra) nanos = PyLong_AsLong(extra);
        Py_XDECREF(extra);
        if (PyErr_Occurred()) {
            PyErr_Clear();
            nanos = 0;
        }
    }
    int64_t seconds = us / 1000000, rest = us % 1000000;
    if (rest < 0) {
        rest += 1000000;
        seconds--;
    }
    return finish(state, rows,
                  laminar_writer_set_timestamp(rows->writer, column, seconds,
                                               (uint32_t)(rest * 1000 + nanos), &rows->err));
}

static int set_time(struct module_state *state, struct row_writer *rows, size_t column,
                    PyObject *value)
{
    if (((PyDateTime_Time *)value)->hastzinfo)
        return refuse(state, rows, column, value,
                      "TIME has no zone: use value.replace(tzinfo=None)");
    int64_t seconds = PyDateTime_TIME_GET_HOUR(value) * 3600 +
                      PyDateTime_TIME_GET_MINUTE(value) * 60 + PyDateTime_TIME_GET_SECOND(value);
    int64_t nanos = (seconds * 1000000 + PyDateTime_TIME_GET_MICROSECOND(value)) * 1000;
    return finish(state, rows, laminar_writer_set_time(rows->writer, column, nanos, &rows->err));
}

static int set_delta(struct module_state *state, struct row_writer *rows, size_t column,
                     PyObject *value)
{
    int64_t us = (int64_t)PyDateTime_DELTA_GET_SECONDS(value) * 1000000 +
                 PyDateTime_DELTA_GET_MICROSECONDS(value);
    laminar_interval interval = {.days = PyDateTime_DELTA_GET_DAYS(value), .nanos = us * 1000};
    return finish(state, rows,
                  laminar_writer_set_interval(rows->writer, column, interval, &rows->err));
}

static int set_interval(struct module_state *state, struct row_writer *rows, size_t column,
                        PyObject *value)
{
    laminar_interval interval;
    int months, days;
    long long nanos;
    if (!PyArg_ParseTuple(value, "iiL", &months, &days, &nanos)) {
        PyErr_Clear();
        return refuse(state, rows, column, value, "an Interval has three integers");
    }
    interval.months = months;
    interval.days = days;
    interval.nanos = nanos;
    return finish(state, rows,
                  laminar_writer_set_interval(rows->writer, column, interval, &rows->err));
}

/* --- Nested, and values of other libraries --------------------------------------------------------- */

static bool is_nested_type(laminar_type type)
{
    return type == LAMINAR_TYPE_LIST || type == LAMINAR_TYPE_STRUCT || type == LAMINAR_TYPE_MAP;
}

static int set_items(struct module_state *state, struct row_writer *rows, PyObject *sequence)
{
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence); i++) {
        PyObject *item = sequence_item(sequence, i);
        if (!item) return -1;
        int result = in_set_cell(state, rows, 0, item);
        Py_DECREF(item);
        if (result < 0) return -1;
    }
    return 0;
}

static int set_pair(struct module_state *state, struct row_writer *rows, PyObject *key,
                    PyObject *value)
{
    Py_INCREF(key); /* what is called may change the dict */
    Py_INCREF(value);
    int result = in_set_cell(state, rows, 0, key);
    if (result == 0) result = in_set_cell(state, rows, 1, value);
    Py_DECREF(key);
    Py_DECREF(value);
    return result;
}

/* A dict, or a list of pairs. */
static int set_map(struct module_state *state, struct row_writer *rows, PyObject *value)
{
    PyObject *key, *item;
    Py_ssize_t at = 0;
    if (PyDict_Check(value)) {
        int failed = 0;
        Py_BEGIN_CRITICAL_SECTION(value);
        while (!failed && PyDict_Next(value, &at, &key, &item))
            failed = set_pair(state, rows, key, item);
        Py_END_CRITICAL_SECTION();
        return failed;
    }
    for (; at < PySequence_Fast_GET_SIZE(value); at++) {
        PyObject *pair = sequence_item(value, at);
        if (!pair) return -1;
        int result;
        if (PyTuple_Check(pair) && PyTuple_GET_SIZE(pair) == 2)
            result = set_pair(state, rows, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
        else
            result = refuse(state, rows, 0, pair, "give a dict, or a list of (key, value) tuples");
        Py_DECREF(pair);
        if (result < 0) return -1;
    }
    return 0;
}

static int set_field(struct module_state *state, struct row_writer *rows, PyObject *key,
                     PyObject *item)
{
    Py_ssize_t size;
    const char *name = PyUnicode_Check(key) ? PyUnicode_AsUTF8AndSize(key, &size) : NULL;
    size_t field = name ? laminar_writer_column_index(rows->writer, name, (size_t)size) : SIZE_MAX;
    PyErr_Clear();
    if (field != SIZE_MAX) return in_set_cell(state, rows, field, item);
    PyObject *shown = PyObject_Repr(key);
    const char *text = shown ? PyUnicode_AsUTF8(shown) : NULL;
    PyErr_Clear();
    raise_code(state, LAMINAR_BATCH_SCHEMA_MISMATCH, "the names of fields must fit exactly",
               "column '%s', row %llu: the struct has no field %.200s", rows->nested_column,
               (unsigned long long)rows->n_rows, text ? text : "of that name");
    Py_XDECREF(shown);
    return -1;
}

/* A dict by field names, or a tuple with all fields in order. */
static int set_fields(struct module_state *state, struct row_writer *rows, PyObject *value)
{
    PyObject *key, *item;
    Py_ssize_t at = 0;
    int result = 0;
    if (PyTuple_Check(value)) {
        size_t n = laminar_writer_n_columns(rows->writer);
        if ((size_t)PyTuple_GET_SIZE(value) != n) {
            raise_code(state, LAMINAR_BATCH_SCHEMA_MISMATCH, "give a dict, or all fields in order",
                       "column '%s', row %llu: a tuple of %zd for a struct of %zu fields",
                       rows->nested_column, (unsigned long long)rows->n_rows,
                       PyTuple_GET_SIZE(value), n);
            return -1;
        }
        for (; at < PyTuple_GET_SIZE(value); at++)
            if (in_set_cell(state, rows, (size_t)at, PyTuple_GET_ITEM(value, at)) < 0) return -1;
        return 0;
    }
    Py_BEGIN_CRITICAL_SECTION(value);
    while (result == 0 && PyDict_Next(value, &at, &key, &item)) {
        Py_INCREF(key); /* what is called may change the dict */
        Py_INCREF(item);
        result = set_field(state, rows, key, item);
        Py_DECREF(key);
        Py_DECREF(item);
    }
    Py_END_CRITICAL_SECTION();
    return result;
}

/* A list, dict or tuple into a LIST, MAP or STRUCT, part by part. */
static int set_parts(struct module_state *state, struct row_writer *rows, size_t column,
                     PyObject *value, laminar_type type)
{
    laminar_status status = laminar_writer_begin_value(rows->writer, column, &rows->err);
    if (status != LAMINAR_OK) return finish(state, rows, status);
    int result = type == LAMINAR_TYPE_LIST  ? set_items(state, rows, value)
                 : type == LAMINAR_TYPE_MAP ? set_map(state, rows, value)
                                            : set_fields(state, rows, value);
    if (result < 0) return -1;
    return finish(state, rows, laminar_writer_end_value(rows->writer, &rows->err));
}

static bool has_parts(PyObject *value, laminar_type type)
{
    if (type == LAMINAR_TYPE_LIST) return !PyDict_Check(value);
    return type == LAMINAR_TYPE_MAP || PyDict_Check(value) || PyTuple_Check(value);
}

static int set_nested(struct module_state *state, struct row_writer *rows, size_t column,
                      PyObject *value, laminar_type type)
{
    if (!has_parts(value, type)) return refuse(state, rows, column, value, NULL);
    bool is_outermost = !rows->nested_column;
    if (Py_EnterRecursiveCall(" while a nested value is inserted")) return -1;
    if (is_outermost) rows->nested_column = laminar_writer_column_name(rows->writer, column);
    int result = set_parts(state, rows, column, value, type);
    if (is_outermost) rows->nested_column = NULL;
    if (is_outermost && result < 0) laminar_writer_cancel_value(rows->writer);
    Py_LeaveRecursiveCall();
    return result;
}

static int set_json(struct module_state *state, struct row_writer *rows, size_t column,
                    PyObject *value)
{
    PyObject *text = adapt_call("json_text", value, NULL);
    if (!text) {
        if (!PyErr_ExceptionMatches(PyExc_Exception)) return -1;
        PyErr_Clear();
        return refuse(state, rows, column, value, "the value has no JSON form");
    }
    int result = set_str(state, rows, column, text);
    Py_DECREF(text);
    return result;
}

static int set_container(struct module_state *state, struct row_writer *rows, size_t column,
                         PyObject *value)
{
    laminar_type type = type_at(rows, column);
    if (type == LAMINAR_TYPE_JSON) return set_json(state, rows, column, value);
    if (is_nested_type(type)) return set_nested(state, rows, column, value, type);
    return refuse(state, rows, column, value,
                  "a dict is one row, or columns where every value is a list of the same length");
}

static int set_foreign(struct module_state *state, struct row_writer *rows, size_t column,
                       PyObject *value, int depth)
{
    /* arrays and series are lists there */
    bool is_list = type_at(rows, column) == LAMINAR_TYPE_LIST;
    PyObject *simple = depth < SIMPLIFY_DEPTH_MAX
                           ? adapt_call(is_list ? "list_of" : "scalar", value, NULL)
                           : NULL;
    if (!simple) {
        if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_Exception)) return -1;
        PyErr_Clear();
        return refuse(state, rows, column, value, NULL);
    }
    int result = set_cell_slow(state, rows, column, simple, depth + 1);
    Py_DECREF(simple);
    return result;
}

/* --- Dispatch ----------------------------------------------------------------------------------- */

static int set_typed(struct module_state *state, struct row_writer *rows, size_t column,
                     PyObject *value, int depth)
{
    if (types_load(state) < 0) return -1;
    int is_enum = PyObject_IsInstance(value, state->types.enum_base);
    if (is_enum < 0) return -1;
    if (is_enum) {
        PyObject *inner = PyObject_GetAttr(value, state->str_value);
        int result = !inner ? -1
                     : depth >= SIMPLIFY_DEPTH_MAX
                         ? refuse(state, rows, column, value, NULL)
                         : set_cell_slow(state, rows, column, inner, depth + 1);
        Py_XDECREF(inner);
        return result;
    }
    if (PyFloat_Check(value))
        return finish(
            state, rows,
            laminar_writer_set_double(rows->writer, column, PyFloat_AS_DOUBLE(value), &rows->err));
    if (PyLong_Check(value)) return set_int(state, rows, column, value);
    if (PyUnicode_Check(value)) return set_str(state, rows, column, value);
    if (PyDateTime_Check(value)) return set_datetime(state, rows, column, value);
    if (PyDate_Check(value)) {
        int64_t days = days_from_civil(PyDateTime_GET_YEAR(value), PyDateTime_GET_MONTH(value),
                                       PyDateTime_GET_DAY(value));
        return finish(state, rows,
                      laminar_writer_set_date(rows->writer, column, (int32_t)days, &rows->err));
    }
    if (PyTime_Check(value)) return set_time(state, rows, column, value);
    if (PyDelta_CheckExact(value)) return set_delta(state, rows, column, value);
    if (Py_IS_TYPE(value, state->interval_type)) return set_interval(state, rows, column, value);
    int is_decimal = PyObject_IsInstance(value, state->types.decimal);
    if (is_decimal) return is_decimal < 0 ? -1 : set_decimal(state, rows, column, value);
    int is_uuid = PyObject_IsInstance(value, state->types.uuid);
    if (is_uuid) return is_uuid < 0 ? -1 : set_uuid(state, rows, column, value);
    return set_foreign(state, rows, column, value, depth);
}

static int set_cell_slow(struct module_state *state, struct row_writer *rows, size_t column,
                         PyObject *value, int depth)
{
    if (value == Py_None)
        return finish(state, rows, laminar_writer_set_null(rows->writer, column, &rows->err));
    if (PyBool_Check(value))
        return finish(state, rows,
                      laminar_writer_set_bool(rows->writer, column, value == Py_True, &rows->err));
    if (PyBytes_Check(value) || PyByteArray_Check(value) || PyMemoryView_Check(value))
        return set_bytes(state, rows, column, value);
    if (PyDict_Check(value) || PyList_Check(value) ||
        (PyTuple_Check(value) && !Py_IS_TYPE(value, state->interval_type)))
        return set_container(state, rows, column, value);
    return set_typed(state, rows, column, value, depth);
}

int in_set_cell(struct module_state *state, struct row_writer *rows, size_t column, PyObject *value)
{
    if (PyFloat_CheckExact(value))
        return finish(
            state, rows,
            laminar_writer_set_double(rows->writer, column, PyFloat_AS_DOUBLE(value), &rows->err));
    if (PyLong_CheckExact(value)) return set_int(state, rows, column, value);
    if (PyUnicode_CheckExact(value)) return set_str(state, rows, column, value);
    if (value == Py_None)
        return finish(state, rows, laminar_writer_set_null(rows->writer, column, &rows->err));
    /* What follows may run Python code, which could drop the container's reference. */
    Py_INCREF(value);
    int result = set_cell_slow(state, rows, column, value, 0);
    Py_DECREF(value);
    return result;
}
