/* type_writer.c - Writer: collects rows of one source or table, and inserts them together at flush, close, watermark, or when
 * FLUSH_ROWS are collected. Threads take turns under a lock. */
#include "pymodule.h"
#include <stddef.h>
#include <string.h>

enum { FLUSH_ROWS = 8192 };

struct writer_object {
    PyObject_HEAD struct row_writer *rows;
    unsigned fork_generation;
    _Atomic bool is_closed;
    bool is_of_transaction; /* flushed by writers_commit alone */
    struct handle_lock lock;
    PyObject *weak_references;
};

PyObject *writer_object(struct module_state *state, struct row_writer *take_rows,
                        unsigned fork_generation, bool is_of_transaction)
{
    struct writer_object *self = (struct writer_object *)state->writer_type->tp_alloc(
        state->writer_type, 0);
    if (!self) {
        row_writer_free(take_rows);
        return NULL;
    }
    self->rows = take_rows;
    self->fork_generation = fork_generation;
    self->is_of_transaction = is_of_transaction;
    atomic_init(&self->is_closed, false);
    handle_lock_init(&self->lock);
    return (PyObject *)self;
}

/* The last chance of rows that were not flushed; there is nobody to tell of a failure but the unraisable hook. */
static void flush_forgotten(struct module_state *state, struct writer_object *self)
{
    if (atomic_load_explicit(&self->is_closed, memory_order_relaxed) || self->rows->n_rows == 0 ||
        self->is_of_transaction)
        return;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    laminar_status status;
    Py_BEGIN_ALLOW_THREADS status = laminar_writer_flush(self->rows->writer, NULL,
                                                         &self->rows->err);
    Py_END_ALLOW_THREADS if (status != LAMINAR_OK && status != LAMINAR_CONNECTION_CLOSED &&
                             status != LAMINAR_SHUTDOWN && state)
    {
        raise_error(state, &self->rows->err);
        PyErr_WriteUnraisable(NULL);
    }
    PyErr_Restore(type, value, traceback);
}

static void writer_dealloc(struct writer_object *self)
{
    PyTypeObject *type = Py_TYPE(self);
    if (self->weak_references) PyObject_ClearWeakRefs((PyObject *)self);
    struct module_state *state = state_of((PyObject *)self);
    bool is_forked = state && self->fork_generation != atomic_load_explicit(&state->fork_generation,
                                                                            memory_order_relaxed);
    if (!is_forked) {
        flush_forgotten(state, self);
        row_writer_free(self->rows);
        handle_lock_deinit(&self->lock);
    }
    type->tp_free(self);
    Py_DECREF(type);
}

/* Takes the lock of an open writer. */
static int start_use(struct module_state *state, struct writer_object *self)
{
    if (check_fork(state, self->fork_generation) < 0 || handle_lock_take(state, &self->lock) < 0)
        return -1;
    if (!atomic_load_explicit(&self->is_closed, memory_order_relaxed)) return 0;
    handle_lock_release(&self->lock);
    raise_code(state, LAMINAR_WRITER_CLOSED, "make a new one with Connection.writer",
               "the writer of '%s' is closed", laminar_writer_name(self->rows->writer));
    return -1;
}

/* The caller holds the lock. */
static int flush(struct module_state *state, struct writer_object *self, uint64_t *out_rows)
{
    laminar_status status;
    Py_BEGIN_ALLOW_THREADS status = laminar_writer_flush(self->rows->writer, out_rows,
                                                         &self->rows->err);
    Py_END_ALLOW_THREADS if (status != LAMINAR_OK)
    {
        raise_error(state, &self->rows->err);
        return -1;
    }
    self->rows->n_rows = 0;
    return 0;
}

PyDoc_STRVAR(
    insert_doc,
    "insert($self, data)\n--\n\nCollects rows: everything that Connection.insert takes. A refused call leaves those\n"
    "collected before as they are.");
static PyObject *writer_insert(struct writer_object *self, PyObject *const *args, Py_ssize_t n_args,
                               PyObject *keywords)
{
    PyObject *data;
    if (one_argument("insert", "data", args, n_args, keywords, &data) < 0) return NULL;
    struct module_state *state = state_of((PyObject *)self);
    enum in_shape shape = IN_ROW;
    PyObject *reading;
    uint64_t n_rows;
    if (atomic_load_explicit(&self->is_closed, memory_order_relaxed)) {
        if (start_use(state, self) == 0) handle_lock_release(&self->lock);
        return NULL;
    }
    if (in_classify(state, data, &shape, &reading) < 0) return NULL;
    int result = start_use(state, self);
    if (result == 0) {
        result = in_append(state, self->rows, shape, reading, &n_rows);
        if (result == 0 && self->rows->n_rows >= FLUSH_ROWS && !self->is_of_transaction)
            result = flush(state, self, NULL);
        handle_lock_release(&self->lock);
    }
    Py_DECREF(reading);
    if (result < 0) return NULL;
    Py_RETURN_NONE;
}

typedef laminar_status append_text_function(laminar_writer *, const char *, size_t, uint64_t *,
                                            laminar_error *);

static PyObject *append_text(struct writer_object *self, PyObject *data,
                             append_text_function *append)
{
    struct module_state *state = state_of((PyObject *)self);
    struct in_text text;
    uint64_t n_rows = 0;
    if (in_text_open(state, data, &text) < 0) return NULL;
    int result = start_use(state, self);
    if (result == 0) {
        laminar_status status;
        Py_BEGIN_ALLOW_THREADS status = append(self->rows->writer, text.start, text.size, &n_rows,
                                               &self->rows->err);
        Py_END_ALLOW_THREADS if (status != LAMINAR_OK)
        {
            raise_error(state, &self->rows->err);
            result = -1;
        }
        else
        {
            self->rows->n_rows += n_rows;
            if (self->rows->n_rows >= FLUSH_ROWS && !self->is_of_transaction)
                result = flush(state, self, NULL);
        }
        handle_lock_release(&self->lock);
    }
    in_text_close(&text);
    if (result < 0) return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    insert_json_doc,
    "insert_json($self, data)\n--\n\nCollects the rows of what Connection.insert_json takes.");
static PyObject *writer_insert_json(struct writer_object *self, PyObject *const *args,
                                    Py_ssize_t n_args, PyObject *keywords)
{
    PyObject *data;
    if (one_argument("insert_json", "data", args, n_args, keywords, &data) < 0) return NULL;
    return append_text(self, data, laminar_writer_append_json);
}

PyDoc_STRVAR(
    insert_csv_doc,
    "insert_csv($self, data)\n--\n\nCollects the rows of what Connection.insert_csv takes.");
static PyObject *writer_insert_csv(struct writer_object *self, PyObject *const *args,
                                   Py_ssize_t n_args, PyObject *keywords)
{
    PyObject *data;
    if (one_argument("insert_csv", "data", args, n_args, keywords, &data) < 0) return NULL;
    return append_text(self, data, laminar_writer_append_csv);
}

PyDoc_STRVAR(flush_doc,
             "flush($self, /)\n--\n\nInserts what is collected, and gives its number of rows.");
static PyObject *writer_flush(struct writer_object *self, PyObject *Py_UNUSED(ignored))
{
    struct module_state *state = state_of((PyObject *)self);
    uint64_t n_rows = 0;
    if (start_use(state, self) < 0) return NULL;
    int result = flush(state, self, &n_rows);
    handle_lock_release(&self->lock);
    return result < 0 ? NULL : PyLong_FromUnsignedLongLong(n_rows);
}

PyDoc_STRVAR(
    watermark_doc,
    "watermark($self, timestamp)\n--\n\n"
    "Flushes, and says that no row with an event time below `timestamp` (epoch milliseconds) follows.\n"
    "A value below the current one is ignored.");
static PyObject *writer_watermark(struct writer_object *self, PyObject *const *args,
                                  Py_ssize_t n_args, PyObject *keywords)
{
    PyObject *timestamp;
    if (one_argument("watermark", "timestamp", args, n_args, keywords, &timestamp) < 0) return NULL;
    struct module_state *state = state_of((PyObject *)self);
    long long ms = PyLong_AsLongLong(timestamp);
    if (ms == -1 && PyErr_Occurred()) return NULL;
    laminar_status status;
    if (start_use(state, self) < 0) return NULL;
    Py_BEGIN_ALLOW_THREADS status = laminar_writer_watermark(self->rows->writer, ms,
                                                             &self->rows->err);
    Py_END_ALLOW_THREADS if (status == LAMINAR_OK) self->rows->n_rows = 0;
    else raise_error(state, &self->rows->err);
    handle_lock_release(&self->lock);
    if (status != LAMINAR_OK) return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(close_doc, "close($self, /)\n--\n\nFlushes and closes. Twice is fine.");
static PyObject *writer_close(struct writer_object *self, PyObject *Py_UNUSED(ignored))
{
    struct module_state *state = state_of((PyObject *)self);
    if (check_fork(state, self->fork_generation) < 0 || handle_lock_take(state, &self->lock) < 0)
        return NULL;
    int result = 0;
    if (!atomic_exchange_explicit(&self->is_closed, true, memory_order_relaxed))
        result = flush(state, self, NULL);
    handle_lock_release(&self->lock);
    if (result < 0) return NULL;
    Py_RETURN_NONE;
}

int writers_commit(struct module_state *state, PyObject *list, uint64_t *out_rows)
{
    Py_ssize_t n = PyList_GET_SIZE(list), n_locked = 0;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_writer **writers = PyMem_Calloc((size_t)n + 1, sizeof *writers);
    int result = writers ? 0 : -1;
    if (!writers) PyErr_NoMemory();
    for (; n_locked < n && result == 0; n_locked++) {
        struct writer_object *writer = (struct writer_object *)PyList_GET_ITEM(list, n_locked);
        if (!Py_IS_TYPE(writer, state->writer_type)) {
            PyErr_SetString(PyExc_TypeError, "a list of writers is expected");
            result = -1;
            break;
        }
        if ((result = start_use(state, writer)) < 0) break;
        writers[n_locked] = writer->rows->writer;
    }
    if (result == 0) {
        laminar_status status;
        Py_BEGIN_ALLOW_THREADS status = laminar_writers_flush(writers, (size_t)n, out_rows, &err);
        Py_END_ALLOW_THREADS if (status != LAMINAR_OK)
        {
            raise_error(state, &err);
            result = -1;
        }
    }
    while (n_locked-- > 0) {
        struct writer_object *writer = (struct writer_object *)PyList_GET_ITEM(list, n_locked);
        if (result == 0) writer->rows->n_rows = 0;
        handle_lock_release(&writer->lock);
    }
    PyMem_Free(writers);
    return result;
}

static PyObject *writer_enter(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return Py_NewRef(self);
}

/* Flushes what was accepted, even when the block failed: its exception goes on. */
static PyObject *writer_exit(struct writer_object *self, PyObject *args)
{
    PyObject *exception = PyTuple_GET_SIZE(args) > 0 ? PyTuple_GET_ITEM(args, 0) : Py_None;
    PyObject *result = writer_close(self, NULL);
    if (!result && exception != Py_None) {
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    return result;
}

static PyObject *writer_name(struct writer_object *self, void *Py_UNUSED(closure))
{
    return PyUnicode_FromString(laminar_writer_name(self->rows->writer));
}

static PyObject *writer_c_schema(struct writer_object *self, PyObject *Py_UNUSED(ignored))
{
    laminar_error err = LAMINAR_ERROR_INIT;
    struct ArrowSchema schema;
    if (laminar_writer_schema(self->rows->writer, &schema, &err) != LAMINAR_OK)
        return raise_error(state_of((PyObject *)self), &err);
    return capsule_schema(&schema);
}

static PyObject *writer_schema(PyObject *self, void *Py_UNUSED(closure))
{
    return adapt_call("arrow_schema", self, NULL);
}

static PyObject *writer_current_watermark(struct writer_object *self, void *Py_UNUSED(closure))
{
    struct module_state *state = state_of((PyObject *)self);
    if (handle_lock_take(state, &self->lock) < 0) return NULL;
    int64_t watermark = laminar_writer_current_watermark(self->rows->writer);
    handle_lock_release(&self->lock);
    return PyLong_FromLongLong(watermark);
}

static PyObject *writer_repr(struct writer_object *self)
{
    if (atomic_load_explicit(&self->is_closed, memory_order_relaxed))
        return PyUnicode_FromString("Writer(closed)");
    return PyUnicode_FromFormat("Writer(source='%s', open)",
                                laminar_writer_name(self->rows->writer));
}

static PyMethodDef writer_methods[] = {
    {"insert", METHOD(writer_insert), METH_FASTCALL | METH_KEYWORDS, insert_doc},
    {"insert_json", METHOD(writer_insert_json), METH_FASTCALL | METH_KEYWORDS, insert_json_doc},
    {"insert_csv", METHOD(writer_insert_csv), METH_FASTCALL | METH_KEYWORDS, insert_csv_doc},
    {"flush", METHOD(writer_flush), METH_NOARGS, flush_doc},
    {"watermark", METHOD(writer_watermark), METH_FASTCALL | METH_KEYWORDS, watermark_doc},
    {"close", METHOD(writer_close), METH_NOARGS, close_doc},
    {"__arrow_c_schema__", METHOD(writer_c_schema), METH_NOARGS,
     "__arrow_c_schema__($self, /)\n--\n\nThe columns as an Arrow schema capsule."},
    {"__enter__", METHOD(writer_enter), METH_NOARGS,
     "__enter__($self, /)\n--\n\nThe writer itself."},
    {"__exit__", METHOD(writer_exit), METH_VARARGS,
     "__exit__($self, /, *args)\n--\n\nFlushes what was accepted, and closes."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef writer_getset[] = {
    {"name", (getter)writer_name, NULL, "Name of the source or table.", NULL},
    {"schema", (getter)writer_schema, NULL, "The columns as a pyarrow.Schema. Needs pyarrow.",
     NULL},
    {"current_watermark", (getter)writer_current_watermark, NULL,
     "The last watermark in epoch milliseconds; -2**63 before any.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef writer_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct writer_object, weak_references), READONLY,
     NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(
    writer_doc,
    "Collects rows of one source or table and inserts them together. Made by Connection.writer(table).\n\n"
    "A context manager: leaving it flushes and closes.");
static PyType_Slot writer_slots[] = {
    {Py_tp_dealloc, writer_dealloc},
    {Py_tp_repr, writer_repr},
    {Py_tp_methods, writer_methods},
    {Py_tp_getset, writer_getset},
    {Py_tp_members, writer_members},
    {Py_tp_doc, (void *)writer_doc},
    {0, NULL},
};
PyType_Spec writer_spec = {"laminardb.Writer", sizeof(struct writer_object), 0, FLAGS_HEAP_TYPE,
                           writer_slots};
