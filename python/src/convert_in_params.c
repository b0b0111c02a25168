/* convert_in_params.c - Python values to the parameters of a prepared statement: a list or tuple by position ($1, ?), a dict by
 * name (:name). Values are bound, never pasted into the text. */
#include "pymodule.h"
#include <datetime.h>
#include <string.h>
#define PyDateTimeAPI ((PyDateTime_CAPI *)state->types.datetime)

struct binding {
    struct module_state *state;
    laminar_statement *statement;
    size_t index;
    laminar_error err;
};

static int bind_text(struct binding *b, laminar_type type, PyObject *text)
{
    Py_ssize_t size;
    const char *utf8 =
        text ? utf8_argument(b->state, text, LAMINAR_QUERY_FAILED, "a parameter", &size) : NULL;
    int result = -1;
    if (utf8) {
        if (laminar_bind_text(b->statement, b->index, type, utf8, (size_t)size, &b->err) ==
            LAMINAR_OK)
            result = 0;
        else
            raise_error(b->state, &b->err);
    }
    return result;
}

/* The same; takes the reference over. */
static int bind_taken(struct binding *b, laminar_type type, PyObject *take_text)
{
    if (!take_text) return -1;
    int result = bind_text(b, type, take_text);
    Py_DECREF(take_text);
    return result;
}

static int finish(struct binding *b, laminar_status status)
{
    if (status == LAMINAR_OK) return 0;
    raise_error(b->state, &b->err);
    return -1;
}

static int bind_int(struct binding *b, PyObject *value)
{
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (number == -1 && PyErr_Occurred()) return -1;
    if (!overflow) return finish(b, laminar_bind_int64(b->statement, b->index, number, &b->err));
    PyObject *digits = PyObject_Str(value);
    if (!digits && PyErr_ExceptionMatches(PyExc_ValueError)) {
        PyErr_Clear();
        raise_code(b->state, LAMINAR_QUERY_FAILED, NULL,
                   "parameter %zu is an integer of more than 38 digits", b->index + 1);
        return -1;
    }
    return bind_taken(b, LAMINAR_TYPE_DECIMAL, digits);
}

static int bind_bytes(struct binding *b, PyObject *value)
{
    Py_buffer view;
    if (PyObject_GetBuffer(value, &view, PyBUF_SIMPLE) < 0) return -1;
    laminar_status status = laminar_bind_blob(b->statement, b->index, view.buf, (size_t)view.len,
                                              &b->err);
    PyBuffer_Release(&view);
    return finish(b, status);
}

static int bind_interval(struct binding *b, long months, long days, long long nanos)
{
    return bind_taken(b, LAMINAR_TYPE_INTERVAL,
                      PyUnicode_FromFormat("%ld months %ld days %lld.%06lld milliseconds", months,
                                           days, nanos / 1000000,
                                           nanos < 0 ? -(nanos % 1000000) : nanos % 1000000));
}

static int bind_value(struct binding *b, PyObject *value, int depth);

static int bind_decimal(struct binding *b, PyObject *value)
{
    PyObject *spec = PyUnicode_FromString("f");
    PyObject *text = spec ? PyObject_Format(value, spec) : NULL;
    Py_XDECREF(spec);
    return bind_taken(b, LAMINAR_TYPE_DECIMAL, text);
}

static int bind_datetime(struct binding *b, PyObject *value)
{
    bool is_aware = ((PyDateTime_DateTime *)value)->hastzinfo;
    return bind_taken(b, is_aware ? LAMINAR_TYPE_TIMESTAMPTZ : LAMINAR_TYPE_TIMESTAMP,
                      PyObject_CallMethod(value, "isoformat", "s", " "));
}

static int bind_foreign(struct binding *b, PyObject *value, int depth)
{
    PyObject *simple = depth < 4 ? adapt_call("scalar", value, NULL) : NULL;
    if (!simple) {
        if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_Exception)) return -1;
        PyErr_Clear();
        raise_code(
            b->state, LAMINAR_QUERY_FAILED,
            "a parameter is None, bool, int, float, str, bytes, Decimal, date, time, datetime, timedelta or UUID",
            "parameter %zu is a %s, which has no SQL type", b->index + 1, Py_TYPE(value)->tp_name);
        return -1;
    }
    int result = bind_value(b, simple, depth + 1);
    Py_DECREF(simple);
    return result;
}

static int bind_typed(struct binding *b, PyObject *value, int depth)
{
    struct module_state *state = b->state;
    if (types_load(state) < 0) return -1;
    int is_enum = PyObject_IsInstance(value, state->types.enum_base);
    if (is_enum < 0) return -1;
    if (is_enum && depth < 4) {
        PyObject *inner = PyObject_GetAttr(value, state->str_value);
        int result = inner ? bind_value(b, inner, depth + 1) : -1;
        Py_XDECREF(inner);
        return result;
    }
    if (PyLong_Check(value)) return bind_int(b, value);
    if (PyDateTime_Check(value)) return bind_datetime(b, value);
    if (PyDate_Check(value)) return bind_taken(b, LAMINAR_TYPE_DATE, PyObject_Str(value));
    if (PyTime_Check(value)) return bind_taken(b, LAMINAR_TYPE_TIME, PyObject_Str(value));
    if (PyDelta_CheckExact(value))
        return bind_interval(b, 0, PyDateTime_DELTA_GET_DAYS(value),
                             ((long long)PyDateTime_DELTA_GET_SECONDS(value) * 1000000 +
                              PyDateTime_DELTA_GET_MICROSECONDS(value)) *
                                 1000);
    int is_decimal = PyObject_IsInstance(value, state->types.decimal);
    if (is_decimal) return is_decimal < 0 ? -1 : bind_decimal(b, value);
    int is_uuid = PyObject_IsInstance(value, state->types.uuid);
    if (is_uuid) return is_uuid < 0 ? -1 : bind_taken(b, LAMINAR_TYPE_UUID, PyObject_Str(value));
    long months, days;
    long long nanos;
    if (Py_IS_TYPE(value, state->interval_type) &&
        PyArg_ParseTuple(value, "llL", &months, &days, &nanos))
        return bind_interval(b, months, days, nanos);
    PyErr_Clear();
    return bind_foreign(b, value, depth);
}

static int bind_value(struct binding *b, PyObject *value, int depth)
{
    if (value == Py_None) return finish(b, laminar_bind_null(b->statement, b->index, &b->err));
    if (PyBool_Check(value))
        return finish(b, laminar_bind_bool(b->statement, b->index, value == Py_True, &b->err));
    if (PyLong_CheckExact(value)) return bind_int(b, value);
    if (PyFloat_Check(value))
        return finish(
            b, laminar_bind_double(b->statement, b->index, PyFloat_AS_DOUBLE(value), &b->err));
    if (PyUnicode_CheckExact(value)) return bind_text(b, LAMINAR_TYPE_VARCHAR, value);
    if (PyBytes_Check(value) || PyByteArray_Check(value) || PyMemoryView_Check(value))
        return bind_bytes(b, value);
    if (PyUnicode_Check(value)) {
        /* str subclasses: an Enum's value is bound, not the member's text */
        PyObject *exact = PyObject_HasAttrString(value, "value")
                              ? PyObject_GetAttr(value, b->state->str_value)
                              : PyUnicode_FromObject(value);
        int result = exact ? bind_value(b, exact, depth + 1) : -1;
        Py_XDECREF(exact);
        return result;
    }
    return bind_typed(b, value, depth);
}

static int bind_sequence(struct binding *b, PyObject *params)
{
    size_t n = laminar_statement_n_parameters(b->statement);
    if ((size_t)PySequence_Fast_GET_SIZE(params) != n) {
        raise_code(b->state, LAMINAR_QUERY_FAILED, "give one value for each $n or ?",
                   "the statement has %zu parameters, and %zd values are given", n,
                   PySequence_Fast_GET_SIZE(params));
        return -1;
    }
    for (b->index = 0; b->index < n && (Py_ssize_t)b->index < PySequence_Fast_GET_SIZE(params);
         b->index++) {
        PyObject *value = sequence_item(params, (Py_ssize_t)b->index);
        if (!value) return -1;
        int result = bind_value(b, value, 0);
        Py_DECREF(value);
        if (result < 0) return -1;
    }
    return 0;
}

static int bind_dict(struct binding *b, PyObject *params)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(params, &at, &key, &value)) {
        const char *name = utf8_argument(b->state, key, LAMINAR_QUERY_FAILED, "a parameter's name",
                                         NULL);
        if (!name) return -1;
        if (name[0] == ':' || name[0] == '$') name++;
        b->index = laminar_statement_parameter_index(b->statement, name);
        if (b->index >= laminar_statement_n_parameters(b->statement)) {
            raise_code(b->state, LAMINAR_QUERY_FAILED, "write it as :name in the text",
                       "the statement has no parameter named '%.200s'", name);
            return -1;
        }
        Py_INCREF(value);
        int result = bind_value(b, value, 0);
        Py_DECREF(value);
        if (result < 0) return -1;
    }
    return 0;
}

int in_bind(struct module_state *state, laminar_statement *statement, PyObject *params)
{
    struct binding b = {.state = state, .statement = statement, .err = LAMINAR_ERROR_INIT};
    if (PyDict_Check(params)) {
        int result;
        Py_BEGIN_CRITICAL_SECTION(params);
        result = bind_dict(&b, params);
        Py_END_CRITICAL_SECTION();
        return result;
    }
    if (PyList_Check(params) || PyTuple_Check(params)) return bind_sequence(&b, params);
    PyErr_Format(PyExc_TypeError, "params must be a list, a tuple or a dict, not %s",
                 Py_TYPE(params)->tp_name);
    return -1;
}
