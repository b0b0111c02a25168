/* type_result.c - QueryResult: rows with a schema, the iterator over its rows, and QueryStream, which hands a result out batch by
 * batch.
 *
 * A laminar_result is immutable and stays valid after the database is closed; it is shared by counting (a QueryStream's parts,
 * streams that were exported). Rows become Python objects when they are asked for, a batch at a time; nothing is kept. */
#include "pymodule.h"
#include <errno.h>
#include <string.h>

enum { ITERATOR_BLOCK_ROWS = 1024, RELEASE_GIL_ROWS = 2048 };

struct shared_result {
    _Atomic size_t refs;
    laminar_result *result;
};

struct result_object {
    PyObject_HEAD struct shared_result *shared;
    size_t first_batch, n_batches;
    size_t n_rows;
    struct out_field *field; /* made when rows are first asked for */
};

/* @thread any, GIL not needed */
static void shared_unref(struct shared_result *shared)
{
    if (!shared || atomic_fetch_sub_explicit(&shared->refs, 1, memory_order_acq_rel) != 1) return;
    laminar_result_free(shared->result);
    PyMem_RawFree(shared);
}

static struct shared_result *shared_ref(struct shared_result *shared)
{
    atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);
    return shared;
}

static PyObject *result_new(struct module_state *state, struct shared_result *take_shared,
                            size_t first_batch, size_t n_batches, size_t n_rows)
{
    struct result_object *self = PyObject_New(struct result_object, state->result_type);
    if (!self) {
        shared_unref(take_shared);
        return NULL;
    }
    self->shared = take_shared;
    self->first_batch = first_batch;
    self->n_batches = n_batches;
    self->n_rows = n_rows;
    self->field = NULL;
    return (PyObject *)self;
}

PyObject *result_object(struct module_state *state, laminar_result *take_result)
{
    struct shared_result *shared = PyMem_RawMalloc(sizeof *shared);
    if (!shared) {
        laminar_result_free(take_result);
        return PyErr_NoMemory();
    }
    atomic_init(&shared->refs, 1);
    shared->result = take_result;
    return result_new(state, shared, 0, laminar_result_n_batches(take_result),
                      laminar_result_n_rows(take_result));
}

static void result_dealloc(struct result_object *self)
{
    PyTypeObject *type = Py_TYPE(self);
    shared_unref(self->shared);
    out_field_free(self->field);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *result_repr(struct result_object *self)
{
    return PyUnicode_FromFormat("QueryResult(rows=%zu, columns=%zu)", self->n_rows,
                                laminar_result_n_columns(self->shared->result));
}

/* --- Schema -------------------------------------------------------------------------------------------------- */

static void release_no_columns(struct ArrowSchema *schema) { schema->release = NULL; }

/* The rows' schema; that of DDL, which gives no rows, is a struct without fields. */
static laminar_status export_schema(const struct shared_result *shared, struct ArrowSchema *out,
                                    laminar_error *err)
{
    if (laminar_result_n_columns(shared->result) > 0)
        return laminar_result_export_schema(shared->result, out, err);
    *out = (struct ArrowSchema){.format = "+s", .name = "", .release = release_no_columns};
    return LAMINAR_OK;
}

/* --- Rows --------------------------------------------------------------------------------------------------- */

static int make_field(struct result_object *self)
{
    struct module_state *state = state_of((PyObject *)self);
    laminar_error err = LAMINAR_ERROR_INIT;
    struct ArrowSchema schema;
    if (export_schema(self->shared, &schema, &err) != LAMINAR_OK) {
        raise_error(state, &err);
        return -1;
    }
    struct out_field *field = out_field_create(state, &schema);
    schema.release(&schema);
    if (!field) return -1;
    /* Making it can run other threads, which may have made it too. */
    if (self->field)
        out_field_free(field);
    else
        self->field = field;
    return 0;
}

static int ensure_field(struct result_object *self)
{
    int result = 0;
    Py_BEGIN_CRITICAL_SECTION(self);
    if (!self->field) result = make_field(self);
    Py_END_CRITICAL_SECTION();
    return result;
}

static int export_batch(struct result_object *self, size_t i, struct ArrowArray *out)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_status status;
    if (self->n_rows < RELEASE_GIL_ROWS) {
        status = laminar_result_export_batch(self->shared->result, self->first_batch + i, out,
                                             &err);
    } else {
        Py_BEGIN_ALLOW_THREADS status = laminar_result_export_batch(
            self->shared->result, self->first_batch + i, out, &err);
        Py_END_ALLOW_THREADS
    }
    if (status == LAMINAR_OK) return 0;
    raise_error(state_of((PyObject *)self), &err);
    return -1;
}

/* The first `n` rows. */
static PyObject *fetch(struct result_object *self, size_t n)
{
    struct module_state *state = state_of((PyObject *)self);
    if (ensure_field(self) < 0) return NULL;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < self->n_batches && n > 0; i++) {
        struct ArrowArray array;
        if (export_batch(self, i, &array) < 0) {
            Py_CLEAR(list);
            break;
        }
        int64_t take = array.length < (int64_t)n ? array.length : (int64_t)n;
        if (out_append_rows(state, self->field, &array, 0, take, list) < 0) Py_CLEAR(list);
        array.release(&array);
        n -= (size_t)take;
    }
    return list;
}

PyDoc_STRVAR(fetchall_doc, "fetchall($self, /)\n--\n\nAll rows as tuples of Python objects.");
static PyObject *result_fetchall(struct result_object *self, PyObject *Py_UNUSED(ignored))
{
    return fetch(self, SIZE_MAX >> 1);
}

PyDoc_STRVAR(fetchone_doc,
             "fetchone($self, /)\n--\n\nThe first row, each time; None when there is none.\n"
             "cursor() gives an object whose fetchone() moves on.");
static PyObject *result_fetchone(struct result_object *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *rows = fetch(self, 1);
    if (!rows) return NULL;
    PyObject *row = PyList_GET_SIZE(rows) ? PyList_GET_ITEM(rows, 0) : Py_None;
    Py_INCREF(row);
    Py_DECREF(rows);
    return row;
}

PyDoc_STRVAR(fetchmany_doc, "fetchmany($self, size=1)\n--\n\nUp to size rows from the first on.");
static PyObject *result_fetchmany(struct result_object *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"size", NULL};
    Py_ssize_t size = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|n:fetchmany", names, &size)) return NULL;
    if (size < 0) {
        PyErr_Format(PyExc_ValueError, "size must not be negative, and is %zd", size);
        return NULL;
    }
    return fetch(self, (size_t)size);
}

PyDoc_STRVAR(column_doc, "_column($self, index, /)\n--\n\nThe values of one column.");
static PyObject *result_column(struct result_object *self, PyObject *arg)
{
    struct module_state *state = state_of((PyObject *)self);
    size_t column = PyLong_AsSize_t(arg);
    if (PyErr_Occurred()) return NULL;
    if (column >= laminar_result_n_columns(self->shared->result)) {
        PyErr_Format(PyExc_IndexError, "there is no column %zu", column);
        return NULL;
    }
    if (ensure_field(self) < 0) return NULL;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < self->n_batches; i++) {
        struct ArrowArray array;
        if (export_batch(self, i, &array) < 0) {
            Py_CLEAR(list);
            break;
        }
        if (out_append_column(state, self->field, &array, column, list) < 0) Py_CLEAR(list);
        array.release(&array);
    }
    return list;
}

PyDoc_STRVAR(texts_doc, "_texts($self, first, n, /)\n--\n\nRows as SQL text, for display.");
static PyObject *result_texts(struct result_object *self, PyObject *args)
{
    Py_ssize_t first, n;
    if (!PyArg_ParseTuple(args, "nn", &first, &n)) return NULL;
    const laminar_result *result = self->shared->result;
    size_t n_columns = laminar_result_n_columns(result);
    size_t base = 0; /* row of the whole result at which this part begins */
    for (size_t i = 0; i < self->first_batch; i++) {
        struct ArrowArray array;
        if (laminar_result_export_batch(result, i, &array, NULL) != LAMINAR_OK)
            return PyErr_NoMemory();
        base += (size_t)array.length;
        array.release(&array);
    }
    PyObject *rows = PyList_New(0);
    for (Py_ssize_t r = first; rows && r < first + n && r >= 0 && (size_t)r < self->n_rows; r++) {
        PyObject *row = PyTuple_New((Py_ssize_t)n_columns);
        for (size_t c = 0; row && c < n_columns; c++) {
            char *text = laminar_result_text_copy(result, base + (size_t)r, c);
            PyObject *cell = text ? PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace")
                                  : Py_NewRef(Py_None);
            laminar_free(text);
            if (cell)
                PyTuple_SET_ITEM(row, (Py_ssize_t)c, cell);
            else
                Py_CLEAR(row);
        }
        if (!row || PyList_Append(rows, row) < 0) Py_CLEAR(rows);
        Py_XDECREF(row);
    }
    return rows;
}

static Py_ssize_t result_length(struct result_object *self) { return (Py_ssize_t)self->n_rows; }

/* --- Properties ----------------------------------------------------------------------------------------------- */

static PyObject *result_num_rows(struct result_object *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSize_t(self->n_rows);
}

static PyObject *result_num_columns(struct result_object *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSize_t(laminar_result_n_columns(self->shared->result));
}

static PyObject *result_num_batches(struct result_object *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSize_t(self->n_batches);
}

static PyObject *result_epoch(struct result_object *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLongLong(laminar_result_epoch(self->shared->result));
}

static PyObject *result_names(struct result_object *self,
                              const char *(*get)(const laminar_result *, size_t))
{
    size_t n = laminar_result_n_columns(self->shared->result);
    PyObject *list = PyList_New((Py_ssize_t)n);
    for (size_t i = 0; list && i < n; i++) {
        const char *text = get(self->shared->result, i);
        PyObject *name = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
        if (name)
            PyList_SET_ITEM(list, (Py_ssize_t)i, name);
        else
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *result_columns(struct result_object *self, void *Py_UNUSED(closure))
{
    return result_names(self, laminar_result_column_name);
}

static PyObject *result_column_types(struct result_object *self, void *Py_UNUSED(closure))
{
    return result_names(self, laminar_result_column_type_name);
}

static PyObject *result_schema(PyObject *self, void *Py_UNUSED(closure))
{
    return adapt_call("arrow_schema", self, NULL);
}

/* --- Arrow ----------------------------------------------------------------------------------------------------- */

struct stream_private {
    struct shared_result *shared;
    size_t at, end; /* batches */
    laminar_error err;
};

static int stream_code(const laminar_error *err)
{
    return err->code == LAMINAR_OUT_OF_MEMORY ? ENOMEM : EIO;
}

static int stream_get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    struct stream_private *private = stream->private_data;
    if (export_schema(private->shared, out, &private->err) == LAMINAR_OK) return 0;
    return stream_code(&private->err);
}

static int stream_get_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    struct stream_private *private = stream->private_data;
    if (private->at >= private->end) {
        *out = (struct ArrowArray){.release = NULL};
        return 0;
    }
    if (laminar_result_export_batch(private->shared->result, private->at, out, &private->err) !=
        LAMINAR_OK)
        return stream_code(&private->err);
    private->at++;
    return 0;
}

static const char *stream_get_last_error(struct ArrowArrayStream *stream)
{
    const struct stream_private *private = stream->private_data;
    return private->err.code != LAMINAR_OK ? private->err.message : NULL;
}

static void stream_release(struct ArrowArrayStream *stream)
{
    struct stream_private *private = stream->private_data;
    shared_unref(private->shared);
    PyMem_RawFree(private);
    stream->release = NULL;
}

PyDoc_STRVAR(
    c_stream_doc,
    "__arrow_c_stream__($self, requested_schema=None)\n--\n\n"
    "The rows as an Arrow C stream. Columns of fixed width are shared, not copied. The requested\n"
    "schema is not followed, as the interface allows: the consumer casts.");
static PyObject *result_c_stream(struct result_object *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"requested_schema", NULL};
    PyObject *requested = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:__arrow_c_stream__", names, &requested))
        return NULL;
    struct stream_private *private = PyMem_RawMalloc(sizeof *private);
    if (!private) return PyErr_NoMemory();
    private->shared = shared_ref(self->shared);
    private->at = self->first_batch;
    private->end = self->first_batch + self->n_batches;
    private->err = LAMINAR_ERROR_INIT;
    struct ArrowArrayStream stream = {stream_get_schema, stream_get_next, stream_get_last_error,
                                      stream_release, private};
    return capsule_stream(&stream);
}

PyDoc_STRVAR(c_schema_doc, "__arrow_c_schema__($self, /)\n--\n\nThe columns as an Arrow schema.");
static PyObject *result_c_schema(struct result_object *self, PyObject *Py_UNUSED(ignored))
{
    laminar_error err = LAMINAR_ERROR_INIT;
    struct ArrowSchema schema;
    if (export_schema(self->shared, &schema, &err) != LAMINAR_OK)
        return raise_error(state_of((PyObject *)self), &err);
    return capsule_schema(&schema);
}

/* --- What is written in Python (laminardb/_adapt.py, _display.py) ----------------------------------------------- */

#define TO_ARROW_TEXT                                                                              \
    "The rows as a pyarrow Table: columns of fixed width are shared, not copied. Needs pyarrow."
PyDoc_STRVAR(to_arrow_doc, "to_arrow($self, /)\n--\n\n" TO_ARROW_TEXT);
PyDoc_STRVAR(arrow_doc, "arrow($self, /)\n--\n\n" TO_ARROW_TEXT);
static PyObject *result_to_arrow(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return adapt_call("to_arrow", self, NULL);
}

#define TO_PANDAS_TEXT "The rows as a pandas DataFrame, through pyarrow where it is installed."
PyDoc_STRVAR(to_pandas_doc, "to_pandas($self, /)\n--\n\n" TO_PANDAS_TEXT);
PyDoc_STRVAR(df_doc, "df($self, /)\n--\n\n" TO_PANDAS_TEXT);
static PyObject *result_to_pandas(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return adapt_call("to_pandas", self, NULL);
}

#define TO_POLARS_TEXT                                                                                        \
    "The rows as a polars DataFrame, with lazy a LazyFrame. A column name that occurs twice gets a suffix,\n" \
    "as polars needs names to differ."
PyDoc_STRVAR(to_polars_doc, "to_polars($self, lazy=False)\n--\n\n" TO_POLARS_TEXT);
PyDoc_STRVAR(pl_doc, "pl($self, lazy=False)\n--\n\n" TO_POLARS_TEXT);
static PyObject *result_to_polars(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"lazy", NULL};
    int is_lazy = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|p:to_polars", names, &is_lazy)) return NULL;
    return adapt_call("to_polars", self, is_lazy ? Py_True : Py_False);
}

PyDoc_STRVAR(
    to_dicts_doc,
    "to_dicts($self, /)\n--\n\nColumn names to lists of values. A name that occurs twice gets a suffix.");
static PyObject *result_to_dicts(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return adapt_call("to_dicts", self, NULL);
}

PyDoc_STRVAR(
    to_df_doc,
    "to_df($self, /)\n--\n\nA polars DataFrame, else a pandas one, else a pyarrow Table: what is installed.");
static PyObject *result_to_df(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return adapt_call("to_df", self, NULL);
}

PyDoc_STRVAR(
    show_doc,
    "show($self, max_rows=20)\n--\n\nPrints a table with names, types and the number of rows.");
static PyObject *result_show(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"max_rows", NULL};
    PyObject *max_rows = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O!:show", names, &PyLong_Type, &max_rows))
        return NULL;
    return adapt_call("show", self, max_rows);
}

PyDoc_STRVAR(repr_html_doc, "_repr_html_($self, /)\n--\n\nThe table that a notebook shows.");
static PyObject *result_repr_html(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return adapt_call("repr_html", self, NULL);
}

PyDoc_STRVAR(
    cursor_doc,
    "cursor($self, /)\n--\n\nA moving position in the rows: fetchone, fetchmany and fetchall go on from it.");
static PyObject *result_cursor(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return adapt_call("RowCursor", self, NULL);
}

static PyMethodDef result_methods[] = {
    {"fetchall", METHOD(result_fetchall), METH_NOARGS, fetchall_doc},
    {"fetchone", METHOD(result_fetchone), METH_NOARGS, fetchone_doc},
    {"fetchmany", METHOD(result_fetchmany), METH_VARARGS | METH_KEYWORDS, fetchmany_doc},
    {"cursor", METHOD(result_cursor), METH_NOARGS, cursor_doc},
    {"to_arrow", METHOD(result_to_arrow), METH_NOARGS, to_arrow_doc},
    {"arrow", METHOD(result_to_arrow), METH_NOARGS, arrow_doc},
    {"to_pandas", METHOD(result_to_pandas), METH_NOARGS, to_pandas_doc},
    {"df", METHOD(result_to_pandas), METH_NOARGS, df_doc},
    {"to_polars", METHOD(result_to_polars), METH_VARARGS | METH_KEYWORDS, to_polars_doc},
    {"pl", METHOD(result_to_polars), METH_VARARGS | METH_KEYWORDS, pl_doc},
    {"to_dicts", METHOD(result_to_dicts), METH_NOARGS, to_dicts_doc},
    {"to_df", METHOD(result_to_df), METH_NOARGS, to_df_doc},
    {"show", METHOD(result_show), METH_VARARGS | METH_KEYWORDS, show_doc},
    {"_repr_html_", METHOD(result_repr_html), METH_NOARGS, repr_html_doc},
    {"_column", METHOD(result_column), METH_O, column_doc},
    {"_texts", METHOD(result_texts), METH_VARARGS, texts_doc},
    {"__arrow_c_stream__", METHOD(result_c_stream), METH_VARARGS | METH_KEYWORDS, c_stream_doc},
    {"__arrow_c_schema__", METHOD(result_c_schema), METH_NOARGS, c_schema_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef result_getset[] = {
    {"num_rows", (getter)result_num_rows, NULL, "Number of rows.", NULL},
    {"num_columns", (getter)result_num_columns, NULL, "Number of columns.", NULL},
    {"num_batches", (getter)result_num_batches, NULL,
     "Number of Arrow batches that the rows lie in.", NULL},
    {"epoch", (getter)result_epoch, NULL,
     "The epoch that a delivery ends with, or that a query's contents are of; 0 where that is not known.",
     NULL},
    {"columns", (getter)result_columns, NULL, "Names of the columns.", NULL},
    {"column_types", (getter)result_column_types, NULL,
     "SQL types of the columns, such as 'DECIMAL(10,2)'.", NULL},
    {"schema", (getter)result_schema, NULL, "The schema as a pyarrow.Schema. Needs pyarrow.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* --- Iterating over rows ----------------------------------------------------------------------------------------- */

struct row_iterator {
    PyObject_HEAD struct result_object *result; /* owned; NULL at the end */
    size_t batch;
    struct ArrowArray array; /* release != NULL: the batch before `batch` */
    int64_t row;             /* next row of it */
    PyObject *block;         /* list of tuples */
    Py_ssize_t at;
};

static PyObject *result_iter(struct result_object *self)
{
    struct module_state *state = state_of((PyObject *)self);
    if (ensure_field(self) < 0) return NULL;
    struct row_iterator *it = PyObject_New(struct row_iterator, state->row_iterator_type);
    if (!it) return NULL;
    it->result = (struct result_object *)Py_NewRef(self);
    it->batch = 0;
    it->array = (struct ArrowArray){.release = NULL};
    it->row = 0;
    it->block = NULL;
    it->at = 0;
    return (PyObject *)it;
}

static void row_iterator_dealloc(struct row_iterator *it)
{
    PyTypeObject *type = Py_TYPE(it);
    if (it->array.release) it->array.release(&it->array);
    Py_XDECREF(it->result);
    Py_XDECREF(it->block);
    PyObject_Free(it);
    Py_DECREF(type);
}

/* The next block of rows. 1 = there is one, 0 = the end, -1 = exception. */
static int next_block(struct row_iterator *it)
{
    struct module_state *state = state_of((PyObject *)it);
    while (!it->array.release || it->row >= it->array.length) {
        if (it->array.release) it->array.release(&it->array);
        if (it->batch >= it->result->n_batches) return 0;
        if (export_batch(it->result, it->batch, &it->array) < 0) return -1;
        it->batch++;
        it->row = 0;
    }
    int64_t left = it->array.length - it->row,
            n = left < ITERATOR_BLOCK_ROWS ? left : ITERATOR_BLOCK_ROWS;
    PyObject *block = PyList_New(0);
    if (!block || out_append_rows(state, it->result->field, &it->array, it->row, n, block) < 0) {
        Py_XDECREF(block);
        return -1;
    }
    it->row += n;
    Py_XSETREF(it->block, block);
    it->at = 0;
    return 1;
}

static PyObject *row_iterator_step(struct row_iterator *it)
{
    if (!it->result) return NULL;
    if (!it->block || it->at >= PyList_GET_SIZE(it->block)) {
        int more = next_block(it);
        if (more < 0) return NULL;
        if (more == 0) {
            Py_CLEAR(it->block);
            Py_CLEAR(it->result);
            return NULL;
        }
    }
    return Py_NewRef(PyList_GET_ITEM(it->block, it->at++));
}

static PyObject *row_iterator_next(struct row_iterator *it)
{
    PyObject *row;
    Py_BEGIN_CRITICAL_SECTION(it);
    row = row_iterator_step(it);
    Py_END_CRITICAL_SECTION();
    return row;
}

static PyType_Slot row_iterator_slots[] = {
    {Py_tp_dealloc, row_iterator_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, row_iterator_next},
    {Py_tp_doc, "Iterator over the rows of a QueryResult."},
    {0, NULL},
};
PyType_Spec row_iterator_spec = {"laminardb.RowIterator", sizeof(struct row_iterator), 0,
                                 FLAGS_HEAP_TYPE, row_iterator_slots};

PyDoc_STRVAR(result_doc,
             "Rows with a schema: the answer of a query, or one delivery of a subscription.\n\n"
             "Immutable; stays valid after the connection is closed. Iterating gives tuples.");
static PyType_Slot result_slots[] = {
    {Py_tp_dealloc, result_dealloc}, {Py_tp_repr, result_repr},
    {Py_tp_iter, result_iter},       {Py_sq_length, result_length},
    {Py_tp_methods, result_methods}, {Py_tp_getset, result_getset},
    {Py_tp_doc, (void *)result_doc}, {0, NULL},
};
PyType_Spec result_spec = {"laminardb.QueryResult", sizeof(struct result_object), 0,
                           FLAGS_HEAP_TYPE, result_slots};

/* --- QueryStream ---------------------------------------------------------------------------------------------------- */

struct query_stream {
    PyObject_HEAD PyObject *result; /* NULL when finished or cancelled */
    size_t batch;
};

PyObject *query_stream_object(struct module_state *state, PyObject *result)
{
    struct query_stream *self = PyObject_New(struct query_stream, state->query_stream_type);
    if (!self) return NULL;
    self->result = Py_NewRef(result);
    self->batch = 0;
    return (PyObject *)self;
}

static void query_stream_dealloc(struct query_stream *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(self->result);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *query_stream_step(struct query_stream *self)
{
    struct result_object *result = (struct result_object *)self->result;
    if (!result) return NULL;
    if (self->batch >= result->n_batches) {
        Py_CLEAR(self->result);
        return NULL;
    }
    struct ArrowArray array;
    if (export_batch(result, self->batch, &array) < 0) return NULL;
    size_t n_rows = (size_t)array.length;
    array.release(&array);
    return result_new(state_of((PyObject *)self), shared_ref(result->shared),
                      result->first_batch + self->batch++, 1, n_rows);
}

static PyObject *query_stream_next(struct query_stream *self)
{
    PyObject *result;
    Py_BEGIN_CRITICAL_SECTION(self);
    result = query_stream_step(self);
    Py_END_CRITICAL_SECTION();
    return result;
}

PyDoc_STRVAR(query_stream_try_next_doc,
             "try_next($self, /)\n--\n\nThe next batch; None at the end.");
static PyObject *query_stream_try_next(struct query_stream *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *result = query_stream_next(self);
    if (result || PyErr_Occurred()) return result;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(query_stream_cancel_doc, "cancel($self, /)\n--\n\nForgets the rest. Twice is fine.");
static PyObject *query_stream_cancel(struct query_stream *self, PyObject *Py_UNUSED(ignored))
{
    Py_BEGIN_CRITICAL_SECTION(self);
    Py_CLEAR(self->result);
    Py_END_CRITICAL_SECTION();
    Py_RETURN_NONE;
}

static PyObject *query_stream_is_active(struct query_stream *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(self->result != NULL);
}

static PyObject *query_stream_repr(struct query_stream *self)
{
    return PyUnicode_FromFormat("QueryStream(%s)", self->result ? "active" : "finished");
}

static PyMethodDef query_stream_methods[] = {
    {"try_next", METHOD(query_stream_try_next), METH_NOARGS, query_stream_try_next_doc},
    {"cancel", METHOD(query_stream_cancel), METH_NOARGS, query_stream_cancel_doc},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef query_stream_getset[] = {
    {"is_active", (getter)query_stream_is_active, NULL, "True until the end or cancel().", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot query_stream_slots[] = {
    {Py_tp_dealloc, query_stream_dealloc},
    {Py_tp_repr, query_stream_repr},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, query_stream_next},
    {Py_tp_methods, query_stream_methods},
    {Py_tp_getset, query_stream_getset},
    {Py_tp_doc, "The result of a query, batch by batch: an iterator of QueryResults."},
    {0, NULL},
};
PyType_Spec query_stream_spec = {"laminardb.QueryStream", sizeof(struct query_stream), 0,
                                 FLAGS_HEAP_TYPE, query_stream_slots};
