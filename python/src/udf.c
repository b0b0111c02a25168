/* udf.c - functions and aggregates written in Python, behind the call-backs of laminar/udf.h.
 *
 * All are registered by batch. By row, the arguments become tuples (convert_out_*.c), the function is called for each, and its results go
 * into a detached writer (convert_in_cell.c), which knows the conversions that insert makes. Vectorized, laminardb._udf hands the
 * arrays over to pyarrow or numpy.
 *
 * Threads: the library calls on any thread that runs a statement or a step, always with locks of its own held, and never with the
 * GIL, as every method gives it up before it calls the library. So the GIL is taken after the library's locks: nothing in this
 * extension waits for one of those with the GIL held. What a call-back frees may be a subscription of the same database: the
 * library puts that off.
 *
 * Errors: the exception is kept in the module's state under a number that travels in laminar_error.user_code, and becomes the
 * __cause__ of what raise_error makes of it. CAUSES_MAX are kept: the oldest go. */
#include "pymodule.h"
#include <laminar/udf.h>
#include <string.h>

enum { CAUSES_MAX = 64 };

enum udf_mode { UDF_ROWS = 0, UDF_ARROW = 1, UDF_NUMPY = 2 };

struct py_function {
    PyObject *module; /* keeps the state */
    struct module_state *state;
    PyObject *callable; /* function, or class of an aggregate */
    enum udf_mode mode;
    _Atomic(struct out_field *) args; /* made by the first call */
};

/* --- Errors --------------------------------------------------------------------------------------- */

/* Keeps the exception; 0 when that fails. */
static uint64_t keep_cause(struct module_state *state, PyObject *exception)
{
    uint64_t number = atomic_fetch_add_explicit(&state->next_cause, 1, memory_order_relaxed) + 1;
    PyObject *key = PyLong_FromUnsignedLongLong(number), *oldest, *value;
    int failed = !key || !state->causes || PyDict_SetItem(state->causes, key, exception) < 0;
    Py_XDECREF(key);
    if (!failed && PyDict_GET_SIZE(state->causes) > CAUSES_MAX) {
        Py_BEGIN_CRITICAL_SECTION(state->causes);
        Py_ssize_t at = 0;
        if (PyDict_Next(state->causes, &at, &oldest, &value)) {
            Py_INCREF(oldest);
            failed = PyDict_DelItem(state->causes, oldest) < 0;
            Py_DECREF(oldest);
        }
        Py_END_CRITICAL_SECTION();
    }
    if (failed) PyErr_Clear();
    return failed ? 0 : number;
}

PyObject *udf_cause(struct module_state *state, uint64_t number)
{
    PyObject *key = state->causes ? PyLong_FromUnsignedLongLong(number) : NULL;
    PyObject *found = NULL;
    if (key) {
        Py_BEGIN_CRITICAL_SECTION(state->causes);
        found = Py_XNewRef(PyDict_GetItemWithError(state->causes, key));
        Py_END_CRITICAL_SECTION();
    }
    Py_XDECREF(key);
    if (!found) PyErr_Clear();
    return found;
}

/* The exception that is set as the library's error. */
static laminar_status failed(struct py_function *f, laminar_error *err)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback) PyException_SetTraceback(value, traceback);
    PyObject *text = value ? PyObject_Str(value) : NULL;
    const char *shown = text ? PyUnicode_AsUTF8(text) : NULL;
    PyErr_Clear();
    const char *name = value ? Py_TYPE(value)->tp_name : "Exception";
    const char *dot = strrchr(name, '.');
    PyOS_snprintf(err->message, sizeof err->message, "%s%s%.900s", dot ? dot + 1 : name,
                  shown && *shown ? ": " : "", shown ? shown : "");
    err->code = LAMINAR_QUERY_FAILED;
    err->user_code = value ? keep_cause(f->state, value) : 0;
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return LAMINAR_QUERY_FAILED;
}

/* --- Arguments and results --------------------------------------------------------------------------- */

static const struct out_field *args_field(struct py_function *f, const struct ArrowSchema *schema)
{
    struct out_field *field = atomic_load_explicit(&f->args, memory_order_acquire), *found = NULL;
    if (field) return field;
    field = out_field_create(f->state, schema);
    if (!field) return NULL;
    if (atomic_compare_exchange_strong_explicit(&f->args, &found, field, memory_order_acq_rel,
                                                memory_order_acquire))
        return field;
    out_field_free(field); /* another thread was first */
    return found;
}

/* The rows as a list of tuples. */
static PyObject *row_tuples(struct py_function *f, const laminar_function_batch *batch)
{
    const struct out_field *field = args_field(f, batch->schema);
    PyObject *list = field ? PyList_New(0) : NULL;
    if (list && out_append_rows(f->state, field, batch->args, 0, batch->args->length, list) == 0)
        return list;
    Py_XDECREF(list);
    return NULL;
}

static void keep_schema(struct ArrowSchema *schema) { schema->release = NULL; }

/* A writer of one column of the result's type. */
static struct row_writer *result_writer(struct py_function *f, const struct ArrowSchema *result)
{
    struct ArrowSchema child = *result, *children[1] = {&child};
    struct ArrowSchema top = {
        .format = "+s", .name = "", .n_children = 1, .children = children, .release = keep_schema};
    return row_writer_create_detached(f->state, &top);
}

static int set_result(struct py_function *f, struct row_writer *rows, PyObject *value)
{
    if (in_set_cell(f->state, rows, 0, value) < 0) return -1;
    if (laminar_writer_end_row(rows->writer, &rows->err) != LAMINAR_OK) {
        raise_error(f->state, &rows->err);
        return -1;
    }
    rows->n_rows++;
    return 0;
}

/* The writer's rows as an array of the result's type. */
static int take_results(struct py_function *f, struct row_writer *rows, struct ArrowArray *out)
{
    struct ArrowArray top;
    if (laminar_writer_export(rows->writer, &top, &rows->err) != LAMINAR_OK) {
        raise_error(f->state, &rows->err);
        return -1;
    }
    rows->n_rows = 0;
    *out = *top.children[0];
    top.children[0]->release = NULL;
    top.release(&top);
    return 0;
}

/* The batch as capsules: schema, array. The array is moved. */
static int batch_capsules(const laminar_function_batch *batch, PyObject **out_schema,
                          PyObject **out_array)
{
    struct ArrowSchema schema = *batch->schema;
    struct ArrowArray array = *batch->args;
    schema.release = keep_schema;
    batch->args->release = NULL;
    *out_schema = capsule_schema(&schema);
    *out_array = capsule_array(&array);
    if (*out_schema && *out_array) return 0;
    Py_XDECREF(*out_schema);
    Py_XDECREF(*out_array);
    return -1;
}

static PyObject *result_capsule(const struct ArrowSchema *result)
{
    struct ArrowSchema schema = *result;
    schema.release = keep_schema;
    return capsule_schema(&schema);
}

static PyObject *python_part(const char *name)
{
    PyObject *module = PyImport_ImportModule("laminardb._udf");
    PyObject *function = module ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    return function;
}

/* --- Scalar functions ------------------------------------------------------------------------------------ */

static int call_rows(struct py_function *f, const laminar_function_batch *batch,
                     struct ArrowArray *out)
{
    int result = -1;
    struct row_writer *rows = result_writer(f, batch->result);
    PyObject *tuples = rows ? row_tuples(f, batch) : NULL;
    if (!tuples) goto done;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(tuples); i++) {
        PyObject *value = PyObject_Call(f->callable, PyList_GET_ITEM(tuples, i), NULL);
        int stored = value ? set_result(f, rows, value) : -1;
        Py_XDECREF(value);
        if (stored < 0) goto done;
    }
    result = take_results(f, rows, out);
done:
    Py_XDECREF(tuples);
    row_writer_free(rows);
    return result;
}

/* What laminardb._udf gave: a pair of capsules, whose contents are moved out. */
static int move_capsules(PyObject *pair, struct ArrowSchema *out_schema,
                         struct ArrowArray *out_array)
{
    struct ArrowSchema *schema = NULL;
    struct ArrowArray *array = NULL;
    if (PyTuple_Check(pair) && PyTuple_GET_SIZE(pair) == 2) {
        schema = PyCapsule_GetPointer(PyTuple_GET_ITEM(pair, 0), "arrow_schema");
        array = schema ? PyCapsule_GetPointer(PyTuple_GET_ITEM(pair, 1), "arrow_array") : NULL;
    }
    if (!array) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "the result is no Arrow array");
        return -1;
    }
    *out_schema = *schema;
    *out_array = *array;
    schema->release = NULL;
    array->release = NULL;
    return 0;
}

static int call_vectorized(struct py_function *f, const laminar_function_batch *batch,
                           struct ArrowSchema *out_schema, struct ArrowArray *out_array)
{
    PyObject *schema, *array, *pair = NULL;
    if (batch_capsules(batch, &schema, &array) < 0) return -1;
    PyObject *type = result_capsule(batch->result);
    PyObject *part = type ? python_part("call") : NULL;
    if (part)
        pair = PyObject_CallFunction(part, "OOOOi", f->callable, schema, array, type, (int)f->mode);
    int result = pair ? move_capsules(pair, out_schema, out_array) : -1;
    Py_XDECREF(pair);
    Py_XDECREF(part);
    Py_XDECREF(type);
    Py_DECREF(schema);
    Py_DECREF(array);
    return result;
}

static laminar_status scalar_batch(void *user_data, const laminar_function_batch *batch,
                                   struct ArrowSchema *out_schema, struct ArrowArray *out_array,
                                   laminar_error *err)
{
    struct py_function *f = user_data;
    PyGILState_STATE gil = PyGILState_Ensure();
    int result = f->mode == UDF_ROWS ? call_rows(f, batch, out_array)
                                     : call_vectorized(f, batch, out_schema, out_array);
    laminar_status status = result < 0 ? failed(f, err) : LAMINAR_OK;
    PyGILState_Release(gil);
    return status;
}

static void destroy(void *user_data)
{
    struct py_function *f = user_data;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    out_field_free(atomic_load_explicit(&f->args, memory_order_acquire));
    Py_XDECREF(f->callable);
    Py_XDECREF(f->module);
    PyMem_Free(f);
    PyErr_Restore(type, value, traceback);
    PyGILState_Release(gil);
}

/* --- Aggregates ---------------------------------------------------------------------------------------------- */

static laminar_status state_create(void *user_data, void **out, laminar_error *err)
{
    struct py_function *f = user_data;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *made = PyObject_CallNoArgs(f->callable);
    laminar_status status = made ? LAMINAR_OK : failed(f, err);
    if (made) *out = made;
    PyGILState_Release(gil);
    return status;
}

static void state_free(void *user_data, void *state)
{
    (void)user_data;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    Py_DECREF((PyObject *)state);
    PyErr_Restore(type, value, traceback);
    PyGILState_Release(gil);
}

static int feed_rows(struct py_function *f, const char *method, void *const *states,
                     const laminar_function_batch *batch)
{
    PyObject *tuples = row_tuples(f, batch), *bound = NULL;
    if (!tuples) return -1;
    int result = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(tuples) && result == 0; i++) {
        if (!bound || states[i] != states[i - 1])
            Py_XSETREF(bound, PyObject_GetAttrString((PyObject *)states[i], method));
        PyObject *answer = bound ? PyObject_Call(bound, PyList_GET_ITEM(tuples, i), NULL) : NULL;
        result = answer ? 0 : -1;
        Py_XDECREF(answer);
    }
    Py_XDECREF(bound);
    Py_DECREF(tuples);
    return result;
}

static int feed_vectorized(struct py_function *f, const char *method, void *const *states,
                           const laminar_function_batch *batch)
{
    Py_ssize_t n = (Py_ssize_t)batch->args->length;
    PyObject *schema, *array, *list = PyList_New(n), *answer = NULL;
    if (!list) return -1;
    for (Py_ssize_t i = 0; i < n; i++) PyList_SET_ITEM(list, i, Py_NewRef((PyObject *)states[i]));
    if (batch_capsules(batch, &schema, &array) < 0) {
        Py_DECREF(list);
        return -1;
    }
    PyObject *part = python_part("feed");
    if (part)
        answer = PyObject_CallFunction(part, "sOOOi", method, list, schema, array, (int)f->mode);
    int result = answer ? 0 : -1;
    Py_XDECREF(answer);
    Py_XDECREF(part);
    Py_DECREF(list);
    Py_DECREF(schema);
    Py_DECREF(array);
    return result;
}

static laminar_status feed(struct py_function *f, const char *method, void *const *states,
                           const laminar_function_batch *batch, laminar_error *err)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    int result = f->mode == UDF_ROWS ? feed_rows(f, method, states, batch)
                                     : feed_vectorized(f, method, states, batch);
    laminar_status status = result < 0 ? failed(f, err) : LAMINAR_OK;
    PyGILState_Release(gil);
    return status;
}

static laminar_status state_update(void *user_data, void *const *states,
                                   const laminar_function_batch *batch, laminar_error *err)
{
    return feed(user_data, "update", states, batch, err);
}

static laminar_status state_retract(void *user_data, void *const *states,
                                    const laminar_function_batch *batch, laminar_error *err)
{
    return feed(user_data, "retract", states, batch, err);
}

static laminar_status state_finish(void *user_data, void *const *states, size_t n,
                                   const struct ArrowSchema *result, struct ArrowSchema *out_schema,
                                   struct ArrowArray *out_array, laminar_error *err)
{
    struct py_function *f = user_data;
    (void)out_schema;
    PyGILState_STATE gil = PyGILState_Ensure();
    struct row_writer *rows = result_writer(f, result);
    int outcome = rows ? 0 : -1;
    for (size_t i = 0; i < n && outcome == 0; i++) {
        PyObject *value = PyObject_CallMethod((PyObject *)states[i], "finish", NULL);
        outcome = value ? set_result(f, rows, value) : -1;
        Py_XDECREF(value);
    }
    if (outcome == 0) outcome = take_results(f, rows, out_array);
    row_writer_free(rows);
    laminar_status status = outcome < 0 ? failed(f, err) : LAMINAR_OK;
    PyGILState_Release(gil);
    return status;
}

static laminar_status state_merge(void *user_data, void *dst, const void *src, laminar_error *err)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *answer = PyObject_CallMethod((PyObject *)dst, "merge", "O", (PyObject *)src);
    laminar_status status = answer ? LAMINAR_OK : failed(user_data, err);
    Py_XDECREF(answer);
    PyGILState_Release(gil);
    return status;
}

static laminar_status state_serialize(void *user_data, const void *state,
                                      void (*write)(void *sink, const void *data, size_t size),
                                      void *sink, laminar_error *err)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *part = python_part("dump");
    PyObject *bytes = part ? PyObject_CallOneArg(part, (PyObject *)state) : NULL;
    char *data;
    Py_ssize_t size;
    laminar_status status = LAMINAR_OK;
    if (bytes && PyBytes_AsStringAndSize(bytes, &data, &size) == 0)
        write(sink, data, (size_t)size);
    else
        status = failed(user_data, err);
    Py_XDECREF(bytes);
    Py_XDECREF(part);
    PyGILState_Release(gil);
    return status;
}

static laminar_status state_deserialize(void *user_data, const void *data, size_t size,
                                        void **out_state, laminar_error *err)
{
    struct py_function *f = user_data;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *part = python_part("load");
    PyObject *made = part ? PyObject_CallFunction(part, "Oy#", f->callable, (const char *)data,
                                                  (Py_ssize_t)size)
                          : NULL;
    laminar_status status = made ? LAMINAR_OK : failed(f, err);
    if (made) *out_state = made;
    Py_XDECREF(part);
    PyGILState_Release(gil);
    return status;
}

/* --- Registering ------------------------------------------------------------------------------------------------ */

static struct py_function *function_create(PyObject *module, struct module_state *state,
                                           PyObject *callable, int mode)
{
    struct py_function *f = PyMem_Calloc(1, sizeof *f);
    if (!f) return (struct py_function *)PyErr_NoMemory();
    f->module = Py_NewRef(module);
    f->state = state;
    f->callable = Py_NewRef(callable);
    f->mode = (enum udf_mode)mode;
    return f;
}

static int type_texts(struct module_state *state, PyObject *types, const char **out)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(types); i++)
        if (!(out[i] = utf8_argument(state, PyTuple_GET_ITEM(types, i), LAMINAR_INVALID_SCHEMA,
                                     "a type", NULL)))
            return -1;
    return 0;
}

static laminar_status register_scalar(laminar_db *db, struct py_function *f, const char *name,
                                      const char *const *types, size_t n_args, const char *result,
                                      int volatility, int flags, const char *help,
                                      laminar_error *err)
{
    laminar_function function = {.struct_size = sizeof function,
                                 .name = name,
                                 .arg_types = types,
                                 .n_args = n_args,
                                 .return_type = result,
                                 .help = help,
                                 .volatility = (laminar_volatility)volatility,
                                 .calls_on_null = flags & UDF_CALLS_ON_NULL,
                                 .replaces = flags & UDF_REPLACES,
                                 .batch = scalar_batch,
                                 .user_data = f,
                                 .destroy = destroy};
    return laminar_register_function(db, &function, err);
}

static laminar_status register_aggregate(laminar_db *db, struct py_function *f, const char *name,
                                         const char *const *types, size_t n_args,
                                         const char *result, int flags, const char *help,
                                         laminar_error *err)
{
    laminar_aggregate aggregate = {.struct_size = sizeof aggregate,
                                   .name = name,
                                   .arg_types = types,
                                   .n_args = n_args,
                                   .return_type = result,
                                   .help = help,
                                   .calls_on_null = flags & UDF_CALLS_ON_NULL,
                                   .replaces = flags & UDF_REPLACES,
                                   .create = state_create,
                                   .free_state = state_free,
                                   .update_batch = state_update,
                                   .retract_batch = flags & UDF_RETRACTS ? state_retract : NULL,
                                   .finish_batch = state_finish,
                                   .merge = flags & UDF_MERGES ? state_merge : NULL,
                                   .serialize = state_serialize,
                                   .deserialize = state_deserialize,
                                   .user_data = f,
                                   .destroy = destroy};
    return laminar_register_aggregate(db, &aggregate, err);
}

int udf_register(PyObject *module, laminar_db *db, PyObject *args)
{
    struct module_state *state = state_of_module(module);
    PyObject *name_object, *callable, *types, *result_object_, *help_object;
    int is_aggregate, mode, volatility, flags;
    if (!PyArg_ParseTuple(args, "pOOO!OiiiO", &is_aggregate, &name_object, &callable, &PyTuple_Type,
                          &types, &result_object_, &mode, &volatility, &flags, &help_object))
        return -1;
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        raise_code(state, LAMINAR_QUERY_FAILED, "register it in the main interpreter",
                   "functions in Python are not available in sub-interpreters");
        return -1;
    }
    const char *name = utf8_argument(state, name_object, LAMINAR_INVALID_ARGUMENT, "the name",
                                     NULL);
    const char *result =
        name ? utf8_argument(state, result_object_, LAMINAR_INVALID_SCHEMA, "a type", NULL) : NULL;
    const char *help = NULL;
    size_t n_args = (size_t)PyTuple_GET_SIZE(types);
    const char **texts = result ? PyMem_Calloc(n_args + 1, sizeof *texts) : NULL;
    struct py_function *f = NULL;
    if (texts && type_texts(state, types, texts) == 0 &&
        (help_object == Py_None ||
         (help = utf8_argument(state, help_object, LAMINAR_INVALID_ARGUMENT, "the help", NULL))))
        f = function_create(module, state, callable, mode);
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_status status = LAMINAR_OK;
    if (f) {
        Py_BEGIN_ALLOW_THREADS status = is_aggregate
                                            ? register_aggregate(db, f, name, texts, n_args, result,
                                                                 flags, help, &err)
                                            : register_scalar(db, f, name, texts, n_args, result,
                                                              volatility, flags, help, &err);
        Py_END_ALLOW_THREADS if (status != LAMINAR_OK)
        {
            destroy(f);
            raise_error(state, &err);
        }
    } else if (result && !texts) {
        PyErr_NoMemory();
    }
    PyMem_Free(texts);
    return f && status == LAMINAR_OK ? 0 : -1;
}
