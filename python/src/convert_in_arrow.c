/* convert_in_arrow.c - Arrow structs out of capsules, and numpy arrays made into Arrow arrays.
 *
 * Arrow objects are immutable by contract, so their buffers are shared; numpy's are not, so they are copied: one memcpy a
 * column where the array is contiguous. datetime64 and timedelta64 become timestamps and durations, NaT becomes null. */
#include "pymodule.h"
#include <string.h>

/* --- Capsules out of objects ------------------------------------------------------------------------- */

int in_arrow_array(struct module_state *state, PyObject *data, PyObject **out_owner,
                   struct ArrowSchema **out_schema, struct ArrowArray **out_array)
{
    PyObject *pair = PyObject_CallMethodNoArgs(data, state->str_arrow_c_array);
    if (!pair) return -1;
    if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
        Py_DECREF(pair);
        PyErr_SetString(PyExc_TypeError, "__arrow_c_array__ did not return a pair of capsules");
        return -1;
    }
    *out_schema = PyCapsule_GetPointer(PyTuple_GET_ITEM(pair, 0), "arrow_schema");
    *out_array = *out_schema ? PyCapsule_GetPointer(PyTuple_GET_ITEM(pair, 1), "arrow_array")
                             : NULL;
    if (!*out_array) {
        Py_DECREF(pair);
        return -1;
    }
    *out_owner = pair;
    return 0;
}

int in_arrow_stream(struct module_state *state, PyObject *data, PyObject **out_owner,
                    struct ArrowArrayStream **out_stream)
{
    PyObject *capsule = PyObject_CallMethodNoArgs(data, state->str_arrow_c_stream);
    if (!capsule) return -1;
    *out_stream = PyCapsule_GetPointer(capsule, "arrow_array_stream");
    if (!*out_stream) {
        Py_DECREF(capsule);
        return -1;
    }
    if (!(*out_stream)->release) {
        Py_DECREF(capsule);
        raise_code(state, LAMINAR_INGESTION_FAILED, "read it once",
                   "the Arrow stream was read already");
        return -1;
    }
    *out_owner = capsule;
    return 0;
}

/* --- numpy ---------------------------------------------------------------------------------------------- */

static bool is_ndarray(PyObject *object)
{
    return strcmp(Py_TYPE(object)->tp_name, "numpy.ndarray") == 0;
}

struct numpy_type {
    const char *dtype; /* dtype.str without its byte order */
    const char *format;
    int width;
};
static const struct numpy_type numpy_types[] = {
    {"b1", "b", 1},        {"i1", "c", 1},        {"u1", "C", 1},        {"i2", "s", 2},
    {"u2", "S", 2},        {"i4", "i", 4},        {"u4", "I", 4},        {"i8", "l", 8},
    {"u8", "L", 8},        {"f4", "f", 4},        {"f8", "g", 8},        {"M8[s]", "tss:", 8},
    {"M8[ms]", "tsm:", 8}, {"M8[us]", "tsu:", 8}, {"M8[ns]", "tsn:", 8}, {"m8[s]", "tDs", 8},
    {"m8[ms]", "tDm", 8},  {"m8[us]", "tDu", 8},  {"m8[ns]", "tDn", 8},
};

/* The array's type in the machine's byte order; NULL for any other. */
static const struct numpy_type *numpy_type_of(PyObject *array)
{
    PyObject *dtype = PyObject_GetAttrString(array, "dtype");
    PyObject *text = dtype ? PyObject_GetAttrString(dtype, "str") : NULL;
    const char *name = text ? PyUnicode_AsUTF8(text) : NULL;
    const struct numpy_type *found = NULL;
    if (name && (name[0] == '<' || name[0] == '|')) {
        for (size_t i = 0; i < sizeof numpy_types / sizeof *numpy_types && !found; i++)
            if (strcmp(numpy_types[i].dtype, name + 1) == 0) found = &numpy_types[i];
    }
    Py_XDECREF(dtype);
    Py_XDECREF(text);
    PyErr_Clear();
    return found;
}

static long dimensions(PyObject *array)
{
    PyObject *ndim = PyObject_GetAttrString(array, "ndim");
    long n = ndim ? PyLong_AsLong(ndim) : -1;
    Py_XDECREF(ndim);
    PyErr_Clear();
    return n;
}

bool in_is_numpy(PyObject *data)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    const uint16_t one = 1;
    if (*(const uint8_t *)&one != 1) return false; /* the table's byte order is '<' */
    bool result = true;
    Py_BEGIN_CRITICAL_SECTION(data);
    while (result && PyDict_Next(data, &at, &key, &value)) {
        HOLD(value);
        result = PyUnicode_Check(key) && is_ndarray(value) && dimensions(value) == 1 &&
                 numpy_type_of(value);
        UNHOLD(value);
    }
    Py_END_CRITICAL_SECTION();
    return result && PyDict_GET_SIZE(data) > 0;
}

/* Memory of one struct of columns: released as a whole, by the parent. */
struct column_memory {
    void *buffers[3];
    const void *buffer_pointers[3];
};
/* @thread any, without the GIL: plain memory only. */
static void release_child(struct ArrowArray *array)
{
    struct column_memory *column = array->private_data;
    PyMem_RawFree(column->buffers[0]);
    PyMem_RawFree(column->buffers[1]);
    PyMem_RawFree(column->buffers[2]);
    PyMem_RawFree(column);
    array->release = NULL;
}

static void release_struct(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i]->release) array->children[i]->release(array->children[i]);
        PyMem_RawFree(array->children[i]);
    }
    PyMem_RawFree(array->children);
    PyMem_RawFree(array->private_data);
    array->release = NULL;
}

static void release_schema_child(struct ArrowSchema *schema)
{
    PyMem_RawFree(schema->private_data);
    schema->release = NULL;
}

static void release_schema(struct ArrowSchema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i]->release) schema->children[i]->release(schema->children[i]);
        PyMem_RawFree(schema->children[i]);
    }
    PyMem_RawFree(schema->children);
    schema->release = NULL;
}

/* NaT to nulls: a bitmap is made where there is one. */
static int mark_nulls(struct ArrowArray *out, struct column_memory *column)
{
    const int64_t *values = column->buffers[1];
    uint8_t *bits = NULL;
    for (int64_t i = 0; i < out->length; i++) {
        if (values[i] != INT64_MIN) continue;
        if (!bits) {
            size_t size = ((size_t)out->length + 7) / 8;
            bits = PyMem_RawMalloc(size);
            if (!bits) return -1;
            memset(bits, 0xff, size);
            column->buffers[0] = bits;
        }
        bits[i / 8] &= (uint8_t) ~(1u << (i % 8));
        out->null_count++;
    }
    return 0;
}

static void pack_bits(const Py_buffer *view, uint8_t *bits)
{
    const char *from = view->buf;
    for (Py_ssize_t i = 0; i < view->shape[0]; i++)
        if (from[i * view->strides[0]]) bits[i / 8] |= (uint8_t)(1u << (i % 8));
}

static void copy_values(const Py_buffer *view, char *to, Py_ssize_t width)
{
    const char *from = view->buf;
    if (view->strides[0] == width) {
        memcpy(to, from, (size_t)(view->shape[0] * width));
        return;
    }
    for (Py_ssize_t i = 0; i < view->shape[0]; i++)
        memcpy(to + i * width, from + i * view->strides[0], (size_t)width);
}

static int fill_column(const struct numpy_type *type, const Py_buffer *view, struct ArrowArray *out)
{
    struct column_memory *column = PyMem_RawCalloc(1, sizeof *column);
    bool is_bits = type->format[0] == 'b';
    size_t n = (size_t)view->shape[0];
    if (!column) return -1;
    *out = (struct ArrowArray){.length = view->shape[0],
                               .n_buffers = 2,
                               .buffers = column->buffer_pointers,
                               .release = release_child,
                               .private_data = column};
    column->buffers[1] = PyMem_RawCalloc(is_bits ? n / 8 + 1 : n + 1,
                                         is_bits ? 1 : (size_t)type->width);
    if (!column->buffers[1]) return -1;
    if (is_bits)
        pack_bits(view, column->buffers[1]);
    else
        copy_values(view, column->buffers[1], type->width);
    if (type->format[0] == 't' && mark_nulls(out, column) < 0) return -1;
    column->buffer_pointers[0] = column->buffers[0];
    column->buffer_pointers[1] = column->buffers[1];
    return 0;
}

/* The array's memory; datetime64 has no buffer interface, its view as int64 has. */
static int get_buffer(PyObject *array, const struct numpy_type *type, Py_buffer *view)
{
    if (type->format[0] != 't') return PyObject_GetBuffer(array, view, PyBUF_STRIDES);
    PyObject *integers = PyObject_CallMethod(array, "view", "s", "i8");
    if (!integers) return -1;
    int result = PyObject_GetBuffer(integers, view, PyBUF_STRIDES);
    Py_DECREF(integers);
    return result;
}

static int fill_schema(const char *name, const char *format, struct ArrowSchema *out)
{
    size_t size = strlen(name) + 1;
    char *copy = PyMem_RawMalloc(size);
    if (!copy) return -1;
    memcpy(copy, name, size);
    *out = (struct ArrowSchema){.format = format,
                                .name = copy,
                                .flags = ARROW_FLAG_NULLABLE,
                                .release = release_schema_child,
                                .private_data = copy};
    return 0;
}

static int add_column(struct module_state *state, PyObject *key, PyObject *value,
                      struct ArrowSchema *schema, struct ArrowArray *array)
{
    const struct numpy_type *type = numpy_type_of(value);
    const char *name = utf8_argument(state, key, LAMINAR_BATCH_SCHEMA_MISMATCH, "a column's name",
                                     NULL);
    Py_buffer view;
    if (!name || !type || get_buffer(value, type, &view) < 0) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_RuntimeError, "an array changed its type while it was inserted");
        return -1;
    }
    int result = -1;
    if (view.ndim != 1 || view.itemsize != type->width) {
        PyErr_SetString(PyExc_TypeError, "an array's memory is not what its dtype says");
    } else if (array->n_children > 0 && view.shape[0] != array->length) {
        raise_code(state, LAMINAR_BATCH_SCHEMA_MISMATCH,
                   "give every column the same number of values",
                   "column '%s' has %zd values, and those before it %lld", name, view.shape[0],
                   (long long)array->length);
    } else {
        struct ArrowArray *child = PyMem_RawCalloc(1, sizeof *child);
        struct ArrowSchema *child_schema = PyMem_RawCalloc(1, sizeof *child_schema);
        if (child) array->children[array->n_children++] = child;
        if (child_schema) schema->children[schema->n_children++] = child_schema;
        array->length = view.shape[0];
        if (!child || !child_schema || fill_column(type, &view, child) < 0 ||
            fill_schema(name, type->format, child_schema) < 0)
            PyErr_NoMemory();
        else
            result = 0;
    }
    PyBuffer_Release(&view);
    return result;
}

int in_numpy_struct(struct module_state *state, PyObject *data, struct ArrowSchema *out_schema,
                    struct ArrowArray *out_array)
{
    size_t n = (size_t)PyDict_GET_SIZE(data);
    PyObject *key, *value;
    Py_ssize_t at = 0;
    const void **no_buffer = PyMem_RawCalloc(1, sizeof *no_buffer);
    *out_schema = (struct ArrowSchema){.format = "+s", .name = "", .release = release_schema};
    *out_array = (struct ArrowArray){
        .n_buffers = 1, .buffers = no_buffer, .release = release_struct, .private_data = no_buffer};
    out_schema->children = PyMem_RawCalloc(n + 1, sizeof *out_schema->children);
    out_array->children = PyMem_RawCalloc(n + 1, sizeof *out_array->children);
    int result = 0;
    if (!no_buffer || !out_schema->children || !out_array->children) {
        PyErr_NoMemory();
        result = -1;
    }
    Py_BEGIN_CRITICAL_SECTION(data);
    while (result == 0 && (size_t)out_array->n_children < n &&
           PyDict_Next(data, &at, &key, &value)) {
        Py_INCREF(key); /* what is called may change the dict */
        Py_INCREF(value);
        result = add_column(state, key, value, out_schema, out_array);
        Py_DECREF(key);
        Py_DECREF(value);
    }
    Py_END_CRITICAL_SECTION();
    if (result < 0) {
        release_schema(out_schema);
        release_struct(out_array);
    }
    return result;
}

/* --- numpy's objects -------------------------------------------------------------------------------------- */

#ifdef Py_GIL_DISABLED
/* Another thread may put something else into the array while its objects are read: numpy knows how to bear that. */
int in_numpy_text(PyObject *values, struct ArrowSchema *out_schema, struct ArrowArray *out_array)
{
    (void)values, (void)out_schema, (void)out_array;
    return 0;
}
#else
static inline PyObject *object_at(const Py_buffer *view, Py_ssize_t i)
{
    return *(PyObject *const *)((const char *)view->buf + i * view->strides[0]);
}

/* NULL, None and NaN */
static inline bool is_null(PyObject *item)
{
    return !item || item == Py_None ||
           (PyFloat_CheckExact(item) && PyFloat_AS_DOUBLE(item) != PyFloat_AS_DOUBLE(item));
}

/* Bytes of all text; -1 where something is neither text nor null, or there is too much of it. */
static int64_t text_bytes(const Py_buffer *view)
{
    int64_t total = 0;
    for (Py_ssize_t i = 0; i < view->shape[0]; i++) {
        PyObject *item = object_at(view, i);
        Py_ssize_t size;
        if (is_null(item)) continue;
        if (!PyUnicode_CheckExact(item) || !PyUnicode_AsUTF8AndSize(item, &size)) return -1;
        total += size;
        if (total > INT32_MAX) return -1;
    }
    return total;
}

static int fill_text(const Py_buffer *view, int64_t n_bytes, struct ArrowArray *out)
{
    size_t n = (size_t)view->shape[0];
    struct column_memory *column = PyMem_RawCalloc(1, sizeof *column);
    if (!column) return -1;
    uint8_t *bits = column->buffers[0] = PyMem_RawMalloc(n / 8 + 1);
    int32_t *offsets = column->buffers[1] = PyMem_RawMalloc((n + 1) * sizeof *offsets);
    char *bytes = column->buffers[2] = PyMem_RawMalloc((size_t)n_bytes + 1);
    *out = (struct ArrowArray){.length = view->shape[0],
                               .n_buffers = 3,
                               .buffers = column->buffer_pointers,
                               .release = release_child,
                               .private_data = column};
    if (!bits || !offsets || !bytes) return -1;
    memset(bits, 0xff, n / 8 + 1);
    int32_t at = 0;
    for (size_t i = 0; i < n; i++) {
        PyObject *item = object_at(view, (Py_ssize_t)i);
        offsets[i] = at;
        if (is_null(item)) {
            bits[i / 8] &= (uint8_t) ~(1u << (i % 8));
            out->null_count++;
            continue;
        }
        Py_ssize_t size; /* what was encoded above is kept in the object */
        const char *text = PyUnicode_AsUTF8AndSize(item, &size);
        memcpy(bytes + at, text, (size_t)size);
        at += (int32_t)size;
    }
    offsets[n] = at;
    for (size_t i = 0; i < 3; i++) column->buffer_pointers[i] = column->buffers[i];
    return 0;
}

int in_numpy_text(PyObject *values, struct ArrowSchema *out_schema, struct ArrowArray *out_array)
{
    Py_buffer view;
    if (PyObject_GetBuffer(values, &view, PyBUF_STRIDES | PyBUF_FORMAT) < 0) return -1;
    bool is_objects = view.ndim == 1 && view.itemsize == sizeof(PyObject *) && view.format &&
                      strcmp(view.format, "O") == 0;
    int64_t n_bytes = is_objects ? text_bytes(&view) : -1;
    int result = 0;
    PyErr_Clear(); /* text that is none in UTF-8 */
    if (n_bytes >= 0) {
        result = 1;
        if (fill_schema("", "u", out_schema) < 0 || fill_text(&view, n_bytes, out_array) < 0) {
            if (out_schema->release) out_schema->release(out_schema);
            if (out_array->release) out_array->release(out_array);
            PyErr_NoMemory();
            result = -1;
        }
    }
    PyBuffer_Release(&view);
    return result;
}
#endif

/* --- Capsules for others ------------------------------------------------------------------------------ */

static void schema_capsule_free(PyObject *capsule)
{
    struct ArrowSchema *schema = PyCapsule_GetPointer(capsule, "arrow_schema");
    if (schema && schema->release) schema->release(schema);
    PyMem_RawFree(schema);
}

static void array_capsule_free(PyObject *capsule)
{
    struct ArrowArray *array = PyCapsule_GetPointer(capsule, "arrow_array");
    if (array && array->release) array->release(array);
    PyMem_RawFree(array);
}

static void stream_capsule_free(PyObject *capsule)
{
    struct ArrowArrayStream *stream = PyCapsule_GetPointer(capsule, "arrow_array_stream");
    if (stream && stream->release) stream->release(stream);
    PyMem_RawFree(stream);
}

#define DEFINE_CAPSULE(function, T, name, destroy)                                                 \
    PyObject *function(T *take)                                                                    \
    {                                                                                              \
        T *moved = PyMem_RawMalloc(sizeof *moved);                                                 \
        if (!moved) {                                                                              \
            take->release(take);                                                                   \
            return PyErr_NoMemory();                                                               \
        }                                                                                          \
        *moved = *take;                                                                            \
        take->release = NULL;                                                                      \
        PyObject *capsule = PyCapsule_New(moved, name, destroy);                                   \
        if (!capsule) {                                                                            \
            moved->release(moved);                                                                 \
            PyMem_RawFree(moved);                                                                  \
        }                                                                                          \
        return capsule;                                                                            \
    }
DEFINE_CAPSULE(capsule_schema, struct ArrowSchema, "arrow_schema", schema_capsule_free)
DEFINE_CAPSULE(capsule_array, struct ArrowArray, "arrow_array", array_capsule_free)
DEFINE_CAPSULE(capsule_stream, struct ArrowArrayStream, "arrow_array_stream", stream_capsule_free)
