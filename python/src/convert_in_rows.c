/* convert_in_rows.c - what insert() takes, sorted out and read into a writer row by row: a dict of scalars, a dict of columns, a
 * list of dicts; Arrow objects go batch by batch.
 *
 * Keys of dicts are matched to columns by the identity of the key object seen at the same position of the row before: programs
 * use the same literal for every row, so that a name is compared once and not once a row. A call's rows are taken back when
 * one of them is refused. */
#include "pymodule.h"
#include <string.h>

/* --- Writers ------------------------------------------------------------------------------------ */

/* The parts that follow from the columns. */
static struct row_writer *finish_create(struct row_writer *rows)
{
    rows->n_columns = laminar_writer_n_columns(rows->writer);
    rows->types = PyMem_Calloc(rows->n_columns + 1, sizeof *rows->types);
    rows->keys = PyMem_Calloc(rows->n_columns + 1, sizeof *rows->keys);
    rows->key_columns = PyMem_Calloc(rows->n_columns + 1, sizeof *rows->key_columns);
    rows->row_stamps = PyMem_Calloc(rows->n_columns + 1, sizeof *rows->row_stamps);
    if (!rows->types || !rows->keys || !rows->key_columns || !rows->row_stamps) {
        row_writer_free(rows);
        return (struct row_writer *)PyErr_NoMemory();
    }
    for (size_t i = 0; i < rows->n_columns; i++)
        rows->types[i] = laminar_writer_column_type(rows->writer, i);
    return rows;
}

struct row_writer *row_writer_create_detached(struct module_state *state,
                                              const struct ArrowSchema *schema)
{
    struct row_writer *rows = PyMem_Calloc(1, sizeof *rows);
    if (!rows) return (struct row_writer *)PyErr_NoMemory();
    rows->err = LAMINAR_ERROR_INIT;
    if (laminar_writer_create_detached(schema, &rows->writer, &rows->err) == LAMINAR_OK)
        return finish_create(rows);
    raise_error(state, &rows->err);
    row_writer_free(rows);
    return NULL;
}

struct row_writer *row_writer_create(struct module_state *state, laminar_db *db, PyObject *table)
{
    const char *name = utf8_argument(state, table, LAMINAR_TABLE_NOT_FOUND, "the table's name",
                                     NULL);
    if (!name) return NULL;
    struct row_writer *rows = PyMem_Calloc(1, sizeof *rows);
    if (!rows) return (struct row_writer *)PyErr_NoMemory();
    rows->err = LAMINAR_ERROR_INIT;
    laminar_writer_options options = {.struct_size = sizeof options, .flush_rows = UINT64_MAX};
    laminar_status status;
    Py_BEGIN_ALLOW_THREADS status = laminar_writer_create(db, name, &options, &rows->writer,
                                                          &rows->err);
    Py_END_ALLOW_THREADS if (status != LAMINAR_OK)
    {
        raise_error(state, &rows->err);
        row_writer_free(rows);
        return NULL;
    }
    rows->table = Py_NewRef(table);
    return finish_create(rows);
}

void row_writer_free(struct row_writer *rows)
{
    if (!rows) return;
    if (rows->writer) {
        laminar_writer_discard(rows->writer);
        laminar_writer_cancel_row(rows->writer);
        laminar_writer_free(rows->writer);
    }
    for (size_t i = 0; rows->keys && i < rows->n_columns; i++) Py_XDECREF(rows->keys[i]);
    Py_XDECREF(rows->table);
    PyMem_Free(rows->types);
    PyMem_Free(rows->keys);
    PyMem_Free(rows->key_columns);
    PyMem_Free(rows->row_stamps);
    PyMem_Free(rows);
}

/* --- Names -------------------------------------------------------------------------------------- */

static int unknown_column(struct module_state *state, const struct row_writer *rows,
                          const char *name)
{
    char list[256];
    size_t used = 0;
    list[0] = 0;
    for (size_t i = 0; i < rows->n_columns && used + 1 < sizeof list; i++) {
        int wrote = PyOS_snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "",
                                  laminar_writer_column_name(rows->writer, i));
        used += wrote > 0 ? (size_t)wrote : 0;
    }
    char hint[320];
    PyOS_snprintf(hint, sizeof hint, "its columns are %s", list);
    raise_code(state, LAMINAR_BATCH_SCHEMA_MISMATCH, hint, "'%s' has no column '%.200s'",
               laminar_writer_name(rows->writer), name);
    return -1;
}

static int find_column(struct module_state *state, struct row_writer *rows, PyObject *key,
                       size_t *out)
{
    Py_ssize_t size;
    if (!PyUnicode_Check(key)) {
        PyErr_Format(PyExc_TypeError, "a column's name must be a str, not %s",
                     Py_TYPE(key)->tp_name);
        return -1;
    }
    const char *name = utf8_argument(state, key, LAMINAR_BATCH_SCHEMA_MISMATCH, "a column's name",
                                     &size);
    if (!name) return -1;
    size_t column = laminar_writer_column_index(rows->writer, name, (size_t)size);
    if (column >= rows->n_columns) return unknown_column(state, rows, name);
    *out = column;
    return 0;
}

static int twice(struct module_state *state, const struct row_writer *rows, size_t column)
{
    raise_code(state, LAMINAR_BATCH_SCHEMA_MISMATCH, "names are compared without regard to case",
               "column '%s' is given twice", laminar_writer_column_name(rows->writer, column));
    return -1;
}

/* --- One row -------------------------------------------------------------------------------------- */

static inline int append_item(struct module_state *state, struct row_writer *rows, size_t position,
                              PyObject *key, PyObject *value)
{
    size_t column;
    if (position < rows->n_columns && rows->keys[position] == key) {
        column = rows->key_columns[position];
    } else {
        if (find_column(state, rows, key, &column) < 0) return -1;
        if (position < rows->n_columns) {
            Py_XSETREF(rows->keys[position], Py_NewRef(key));
            rows->key_columns[position] = column;
        }
    }
    if (rows->row_stamps[column] == rows->stamp) return twice(state, rows, column);
    rows->row_stamps[column] = rows->stamp;
    return in_set_cell(state, rows, column, value);
}

static int append_dict(struct module_state *state, struct row_writer *rows, PyObject *dict)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    size_t position = 0;
    rows->stamp++;
    while (PyDict_Next(dict, &at, &key, &value)) {
        HOLD(key);
        HOLD(value);
        int result = append_item(state, rows, position++, key, value);
        UNHOLD(key);
        UNHOLD(value);
        if (result < 0) return -1;
    }
    if (laminar_writer_end_row(rows->writer, &rows->err) != LAMINAR_OK) {
        raise_error(state, &rows->err);
        return -1;
    }
    rows->n_rows++;
    return 0;
}

static int append_row(struct module_state *state, struct row_writer *rows, PyObject *dict)
{
    int result;
    Py_BEGIN_CRITICAL_SECTION(dict);
    result = append_dict(state, rows, dict);
    Py_END_CRITICAL_SECTION();
    return result;
}

static int append_list(struct module_state *state, struct row_writer *rows, PyObject *list)
{
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list); i++) {
        PyObject *row = sequence_item(list, i);
        if (!row) return -1;
        int result = -1;
        if (PyDict_Check(row))
            result = append_row(state, rows, row);
        else
            PyErr_Format(PyExc_TypeError, "row %zd of the list is a %s, not a dict", i,
                         Py_TYPE(row)->tp_name);
        Py_DECREF(row);
        if (result < 0) return -1;
    }
    return 0;
}

/* --- Columns -------------------------------------------------------------------------------------- */

struct in_column {
    size_t column;
    PyObject *values; /* list or tuple, owned */
};

/* *out has room for all columns of the table. */
static int collect_column(struct module_state *state, struct row_writer *rows, PyObject *key,
                          PyObject *value, struct in_column *out, size_t *out_n)
{
    size_t column;
    if (find_column(state, rows, key, &column) < 0) return -1;
    if (rows->row_stamps[column] == rows->stamp) return twice(state, rows, column);
    rows->row_stamps[column] = rows->stamp;
    PyObject *values = PyList_Check(value) || PyTuple_Check(value)
                           ? Py_NewRef(value)
                           : adapt_call("column", value, NULL);
    if (!values) return -1;
    struct in_column *first = &out[0], *in = &out[(*out_n)++];
    *in = (struct in_column){column, values};
    Py_ssize_t n = PySequence_Fast_GET_SIZE(values),
               n_first = PySequence_Fast_GET_SIZE(first->values);
    if (n == n_first) return 0;
    raise_code(state, LAMINAR_BATCH_SCHEMA_MISMATCH, "give every column the same number of values",
               "column '%s' has %zd values, and '%s' has %zd",
               laminar_writer_column_name(rows->writer, in->column), n,
               laminar_writer_column_name(rows->writer, first->column), n_first);
    return -1;
}

static int collect_columns(struct module_state *state, struct row_writer *rows, PyObject *dict,
                           struct in_column *out, size_t *out_n)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    int result = 0;
    rows->stamp++;
    Py_BEGIN_CRITICAL_SECTION(dict);
    while (result == 0 && PyDict_Next(dict, &at, &key, &value)) {
        Py_INCREF(key); /* what is called may change the dict */
        Py_INCREF(value);
        result = collect_column(state, rows, key, value, out, out_n);
        Py_DECREF(key);
        Py_DECREF(value);
    }
    Py_END_CRITICAL_SECTION();
    return result;
}

static int append_columns(struct module_state *state, struct row_writer *rows, PyObject *dict)
{
    size_t n = 0;
    int result = -1;
    struct in_column *columns = PyMem_Calloc(rows->n_columns + 1, sizeof *columns);
    if (!columns) {
        PyErr_NoMemory();
        return -1;
    }
    if (collect_columns(state, rows, dict, columns, &n) < 0) goto done;
    Py_ssize_t n_rows = n ? PySequence_Fast_GET_SIZE(columns[0].values) : 0;
    for (Py_ssize_t row = 0; row < n_rows; row++) {
        for (size_t i = 0; i < n; i++) {
            PyObject *value = sequence_item(columns[i].values, row);
            if (!value) {
                PyErr_SetString(PyExc_RuntimeError,
                                "a list changed its size while it was inserted");
                goto done;
            }
            int failed = in_set_cell(state, rows, columns[i].column, value);
            Py_DECREF(value);
            if (failed < 0) goto done;
        }
        if (laminar_writer_end_row(rows->writer, &rows->err) != LAMINAR_OK) {
            raise_error(state, &rows->err);
            goto done;
        }
        rows->n_rows++;
    }
    result = 0;
done:
    for (size_t i = 0; i < n; i++) Py_DECREF(columns[i].values);
    PyMem_Free(columns);
    return result;
}

/* --- Arrow batches -------------------------------------------------------------------------------- */

static int append_array(struct module_state *state, struct row_writer *rows,
                        const struct ArrowSchema *schema, struct ArrowArray *array)
{
    uint64_t n = array->length > 0 ? (uint64_t)array->length : 0;
    laminar_status status;
    Py_BEGIN_ALLOW_THREADS status = laminar_writer_append_arrow(rows->writer, schema, array,
                                                                &rows->err);
    Py_END_ALLOW_THREADS if (status != LAMINAR_OK)
    {
        raise_error(state, &rows->err);
        return -1;
    }
    rows->n_rows += n;
    return 0;
}

static int stream_failed(struct module_state *state, struct ArrowArrayStream *stream, int code)
{
    const char *text = stream->get_last_error ? stream->get_last_error(stream) : NULL;
    raise_code(state, LAMINAR_INGESTION_FAILED, NULL, "the Arrow stream failed: %.500s",
               text ? text : strerror(code));
    return -1;
}

static int append_stream(struct module_state *state, struct row_writer *rows,
                         struct ArrowArrayStream *stream)
{
    struct ArrowSchema schema = {.release = NULL};
    int result = 0, code;
    Py_BEGIN_ALLOW_THREADS code = stream->get_schema(stream, &schema);
    Py_END_ALLOW_THREADS if (code) return stream_failed(state, stream, code);
    while (result == 0) {
        struct ArrowArray array = {.release = NULL};
        Py_BEGIN_ALLOW_THREADS code = stream->get_next(stream, &array);
        Py_END_ALLOW_THREADS if (code) result = stream_failed(state, stream, code);
        else if (!array.release) break;
        else result = append_array(state, rows, &schema, &array);
    }
    schema.release(&schema);
    return result;
}

static int append_arrow(struct module_state *state, struct row_writer *rows, enum in_shape shape,
                        PyObject *data)
{
    PyObject *owner = NULL;
    int result;
    if (shape == IN_ARROW_ARRAY) {
        struct ArrowSchema *schema;
        struct ArrowArray *array;
        result = in_arrow_array(state, data, &owner, &schema, &array);
        if (result == 0) result = append_array(state, rows, schema, array);
    } else {
        struct ArrowArrayStream *stream;
        result = in_arrow_stream(state, data, &owner, &stream);
        if (result == 0) result = append_stream(state, rows, stream);
    }
    Py_XDECREF(owner);
    return result;
}

static int append_numpy(struct module_state *state, struct row_writer *rows, PyObject *data)
{
    struct ArrowSchema schema = {.release = NULL};
    struct ArrowArray array = {.release = NULL};
    if (in_numpy_struct(state, data, &schema, &array) < 0) return -1;
    int result = append_array(state, rows, &schema, &array);
    schema.release(&schema);
    return result;
}

/* --- What it is ------------------------------------------------------------------------------------- */

/* 1 = holds the values of a column, 0 = is one value, -1 = exception. */
static int is_column_value(PyObject *value)
{
    if (PyLong_CheckExact(value) || PyFloat_CheckExact(value) || PyUnicode_CheckExact(value) ||
        value == Py_None || PyBool_Check(value))
        return 0;
    if (PyList_Check(value) || PyTuple_CheckExact(value)) return 1;
    if (PyDict_Check(value) || PyBytes_Check(value) || PyTuple_Check(value)) return 0;
    Py_INCREF(value); /* what is called may change the dict */
    PyObject *answer = adapt_call("is_column", value, NULL);
    Py_DECREF(value);
    int result = answer ? PyObject_IsTrue(answer) : -1;
    Py_XDECREF(answer);
    return result;
}

static int classify_dict(PyObject *data, enum in_shape *out)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    if (PyDict_GET_SIZE(data) == 0) {
        PyErr_SetString(PyExc_TypeError,
                        "the dict is empty: give a row, or a list for every column");
        return -1;
    }
    int is_column = 1;
    Py_BEGIN_CRITICAL_SECTION(data);
    while (is_column == 1 && PyDict_Next(data, &at, &key, &value)) {
        HOLD(value);
        is_column = is_column_value(value);
        UNHOLD(value);
    }
    Py_END_CRITICAL_SECTION();
    *out = is_column ? IN_COLUMNS : IN_ROW;
    return is_column < 0 ? -1 : 0;
}

static bool has(PyObject *object, PyObject *name)
{
    int found = PyObject_HasAttr(object, name);
    return found > 0 && !PyType_Check(object);
}

static int unsupported(PyObject *data)
{
    PyErr_Format(
        PyExc_TypeError,
        "insert takes a dict, a list of dicts, a pandas or polars DataFrame, or an Arrow object (pyarrow, "
        "__arrow_c_stream__, __arrow_c_array__), not %s",
        Py_TYPE(data)->tp_name);
    return -1;
}

int in_classify(struct module_state *state, PyObject *data, enum in_shape *out, PyObject **out_data)
{
    int result = 0;
    PyObject *reading = Py_NewRef(data);
    if (PyDict_Check(data)) {
        result = classify_dict(data, out);
    } else if (PyList_Check(data) || PyTuple_CheckExact(data)) {
        *out = IN_ROWS;
        if (PySequence_Fast_GET_SIZE(data) == 0) {
            PyErr_SetString(PyExc_TypeError, "the list is empty: its columns cannot be known");
            result = -1;
        }
    } else if (strncmp(Py_TYPE(data)->tp_name, "DataFrame", 9) == 0 &&
               !has(data, state->str_arrow_c_array)) {
        /* pandas copies what its arrays may change later; polars gives itself back. */
        Py_SETREF(reading, adapt_call("frame", data, NULL));
        if (!reading)
            result = -1;
        else if (PyDict_Check(reading))
            *out = IN_COLUMNS;
        else
            *out = IN_ARROW_STREAM;
    } else if (has(data, state->str_arrow_c_array)) {
        *out = IN_ARROW_ARRAY;
    } else if (has(data, state->str_arrow_c_stream)) {
        *out = IN_ARROW_STREAM;
    } else {
        result = unsupported(data);
    }
    if (result < 0)
        Py_XDECREF(reading);
    else
        *out_data = reading;
    return result;
}

int in_append(struct module_state *state, struct row_writer *rows, enum in_shape shape,
              PyObject *data, uint64_t *out_rows)
{
    uint64_t n_before = rows->n_rows;
    int result = -1;
    switch (shape) {
    case IN_ROW: result = append_row(state, rows, data); break;
    case IN_ROWS: result = append_list(state, rows, data); break;
    case IN_COLUMNS:
        result = in_is_numpy(data) ? append_numpy(state, rows, data)
                                   : append_columns(state, rows, data);
        break;
    case IN_ARROW_ARRAY:
    case IN_ARROW_STREAM: result = append_arrow(state, rows, shape, data); break;
    }
    if (result < 0) {
        laminar_writer_truncate(rows->writer, n_before);
        rows->n_rows = n_before;
        return -1;
    }
    *out_rows = rows->n_rows - n_before;
    return 0;
}

/* --- Text ------------------------------------------------------------------------------------------- */

int in_text_open(struct module_state *state, PyObject *data, struct in_text *out)
{
    Py_ssize_t size;
    *out = (struct in_text){.view = {.buf = NULL}};
    if (PyUnicode_Check(data)) {
        out->start = utf8_argument(state, data, LAMINAR_INGESTION_FAILED, "the text", &size);
        out->size = out->start ? (size_t)size : 0;
        return out->start ? 0 : -1;
    }
    if (PyObject_GetBuffer(data, &out->view, PyBUF_SIMPLE) < 0) {
        PyErr_Format(PyExc_TypeError, "the text must be a str or bytes, not %s",
                     Py_TYPE(data)->tp_name);
        return -1;
    }
    out->start = out->view.buf ? out->view.buf : "";
    out->size = (size_t)out->view.len;
    return 0;
}

void in_text_close(struct in_text *text)
{
    if (text->view.obj) PyBuffer_Release(&text->view);
}
