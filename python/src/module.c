/* module.c - the extension module laminardb._laminar: its state, its types, and what belongs to no type.
 *
 * Nothing is imported when the module is: not datetime, not decimal, least of all pyarrow. What a value needs is loaded when
 * the first such value is seen (types_load). All objects belong to the module's state, so several interpreters may load it. */
#include "pymodule.h"
#include <datetime.h>
#include <string.h>

/* --- Types of other modules ------------------------------------------------------------------ */

static PyObject *import_from(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *value = module ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    return value;
}

int types_load(struct module_state *state)
{
    struct py_types *types = &state->types;
    if (atomic_load_explicit(&types->is_loaded, memory_order_acquire)) return 0;
    void *api = PyCapsule_Import(PyDateTime_CAPSULE_NAME, 0);
    PyObject *decimal = import_from("decimal", "Decimal");
    PyObject *uuid = import_from("uuid", "UUID");
    PyObject *safe = import_from("uuid", "SafeUUID");
    PyObject *unknown = safe ? PyObject_GetAttrString(safe, "unknown") : NULL;
    PyObject *enum_base = import_from("enum", "Enum");
    Py_XDECREF(safe);
    if (!api || !decimal || !uuid || !unknown || !enum_base) {
        Py_XDECREF(decimal);
        Py_XDECREF(uuid);
        Py_XDECREF(unknown);
        Py_XDECREF(enum_base);
        return -1;
    }
    /* Where two threads come here at once, the second one's references are the same objects. */
    types->datetime = api;
    Py_XSETREF(types->decimal, decimal);
    Py_XSETREF(types->uuid, uuid);
    Py_XSETREF(types->uuid_is_safe, unknown);
    Py_XSETREF(types->enum_base, enum_base);
    atomic_store_explicit(&types->is_loaded, true, memory_order_release);
    return 0;
}

PyObject *adapt_call(const char *name, PyObject *arg1, PyObject *arg2)
{
    PyObject *function = import_from("laminardb._adapt", name);
    if (!function) return NULL;
    PyObject *result = PyObject_CallFunctionObjArgs(function, arg1, arg2, NULL);
    Py_DECREF(function);
    return result;
}

int arguments_by_name(const char *function, const char *const *names, Py_ssize_t n,
                      PyObject *const *args, Py_ssize_t n_args, PyObject *keywords, PyObject **out)
{
    if (n_args > n) {
        PyErr_Format(PyExc_TypeError, "%s() takes %zd arguments, and was given %zd", function, n,
                     n_args);
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++) out[i] = i < n_args ? args[i] : NULL;
    for (Py_ssize_t i = 0; keywords && i < PyTuple_GET_SIZE(keywords); i++) {
        PyObject *keyword = PyTuple_GET_ITEM(keywords, i);
        Py_ssize_t at = 0;
        while (at < n && PyUnicode_CompareWithASCIIString(keyword, names[at])) at++;
        if (at == n || out[at]) {
            PyErr_Format(PyExc_TypeError,
                         at == n ? "%s() has no argument '%U'" : "%s() was given '%U' twice",
                         function, keyword);
            return -1;
        }
        out[at] = args[n_args + i];
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        if (out[i]) continue;
        PyErr_Format(PyExc_TypeError, "%s() needs the argument '%s'", function, names[i]);
        return -1;
    }
    return 0;
}

struct module_state *state_of(PyObject *object)
{
    /* the interpreter ends, and took the subclass apart before its last object */
    if (!Py_TYPE(object)->tp_mro) return NULL;
    PyObject *module = PyType_GetModuleByDef(Py_TYPE(object), &laminardb_module);
    return module ? PyModule_GetState(module) : NULL;
}

/* --- Functions ------------------------------------------------------------------------------- */

PyDoc_STRVAR(after_fork_doc, "Marks the handles of the parent process as unusable here.");
static PyObject *after_fork(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    struct module_state *state = state_of_module(module);
    atomic_fetch_add_explicit(&state->fork_generation, 1, memory_order_relaxed);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(is_incomplete_doc,
             "is_incomplete($module, text, /)\n--\n\n"
             "True when the text ends inside a statement: a shell asks for another line.");
static PyObject *is_incomplete(PyObject *module, PyObject *arg)
{
    Py_ssize_t size;
    const char *text = utf8_argument(state_of_module(module), arg, LAMINAR_SQL_PARSE_ERROR,
                                     "the text", &size);
    if (!text) return NULL;
    return PyBool_FromLong(laminar_is_incomplete(text, (size_t)size));
}

PyDoc_STRVAR(
    status_title_doc,
    "status_title($module, code, /)\n--\n\nThe title of a status code: 'Table not found' for 200.");
static PyObject *status_title(PyObject *Py_UNUSED(module), PyObject *arg)
{
    long code = PyLong_AsLong(arg);
    if (code == -1 && PyErr_Occurred()) return NULL;
    return PyUnicode_FromString(laminar_status_title((laminar_status)code));
}

PyDoc_STRVAR(
    raise_doc,
    "_raise($module, code, message, hint=None, /)\n--\n\nRaises the exception of a status code.");
static PyObject *raise_status(PyObject *module, PyObject *args)
{
    int code;
    const char *message, *hint = NULL;
    if (!PyArg_ParseTuple(args, "is|z", &code, &message, &hint)) return NULL;
    return raise_code(state_of_module(module), (laminar_status)code, hint, "%s", message);
}

PyDoc_STRVAR(
    text_array_doc,
    "_text_array($module, values, /)\n--\n\n"
    "Capsules of a text array with a numpy array's objects: str, and None or NaN for null. "
    "None where there are others.");
static PyObject *text_array(PyObject *Py_UNUSED(module), PyObject *values)
{
    struct ArrowSchema schema = {.release = NULL};
    struct ArrowArray array = {.release = NULL};
    int found = in_numpy_text(values, &schema, &array);
    if (found < 0) return NULL;
    if (!found) Py_RETURN_NONE;
    PyObject *schema_object = capsule_schema(&schema);
    PyObject *array_object = capsule_array(&array);
    if (schema_object && array_object) return Py_BuildValue("(NN)", schema_object, array_object);
    Py_XDECREF(schema_object);
    Py_XDECREF(array_object);
    return NULL;
}

static PyMethodDef functions[] = {
    {"_after_fork", after_fork, METH_NOARGS, after_fork_doc},
    {"is_incomplete", is_incomplete, METH_O, is_incomplete_doc},
    {"status_title", status_title, METH_O, status_title_doc},
    {"_raise", raise_status, METH_VARARGS, raise_doc},
    {"_text_array", text_array, METH_O, text_array_doc},
    {NULL, NULL, 0, NULL},
};

/* --- Making the module ------------------------------------------------------------------------ */

static int add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **out)
{
    *out = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    return *out ? PyModule_AddType(module, *out) : -1;
}

static PyStructSequence_Field interval_fields[] = {
    {"months", "whole months"},
    {"days", "whole days"},
    {"nanoseconds", "the rest"},
    {NULL, NULL},
};
static PyStructSequence_Desc interval_desc = {
    "laminardb.Interval",
    "An INTERVAL that a timedelta cannot hold, as it has months or parts of microseconds.",
    interval_fields, 3};

static int add_codes(PyObject *module)
{
    PyObject *codes = PyDict_New();
    if (!codes) return -1;
    int failed = 0;
#define ADD_CODE(name, number, title)                                                              \
    if (!failed) {                                                                                 \
        PyObject *value = PyLong_FromLong(number);                                                 \
        failed = !value || PyDict_SetItemString(codes, #name, value) < 0;                          \
        Py_XDECREF(value);                                                                         \
    }
    LAMINAR_STATUS_LIST(ADD_CODE)
#undef ADD_CODE
    if (!failed) failed = PyModule_AddObjectRef(module, "_CODES", codes) < 0;
    Py_DECREF(codes);
    return failed ? -1 : 0;
}

static int module_exec(PyObject *module)
{
    struct module_state *state = state_of_module(module);
    if (strcmp(laminar_version(), LAMINAR_VERSION_STRING) != 0) {
        PyErr_Format(PyExc_ImportError,
                     "the extension was made for version %s of the library, and this is %s",
                     LAMINAR_VERSION_STRING, laminar_version());
        return -1;
    }
#define INTERN(name, text)                                                                         \
    if (!(state->str_##name = PyUnicode_InternFromString(text))) return -1;
    INTERNED(INTERN)
#undef INTERN
    if (errors_init(module, state) < 0) return -1;
    if (!(state->causes = PyDict_New())) return -1;
    if (add_type(module, &connection_spec, &state->connection_type) < 0 ||
        add_type(module, &result_spec, &state->result_type) < 0 ||
        add_type(module, &row_iterator_spec, &state->row_iterator_type) < 0 ||
        add_type(module, &query_stream_spec, &state->query_stream_type) < 0 ||
        add_type(module, &subscription_spec, &state->subscription_type) < 0 ||
        add_type(module, &stream_subscription_spec, &state->stream_subscription_type) < 0 ||
        add_type(module, &writer_spec, &state->writer_type) < 0)
        return -1;
    state->interval_type = PyStructSequence_NewType(&interval_desc);
    if (!state->interval_type ||
        PyModule_AddObjectRef(module, "Interval", (PyObject *)state->interval_type) < 0)
        return -1;
    if (add_codes(module) < 0) return -1;
    return PyModule_AddStringConstant(module, "__version__", laminar_version());
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct module_state *state = state_of_module(module);
    Py_VISIT(state->connection_type);
    Py_VISIT(state->result_type);
    Py_VISIT(state->row_iterator_type);
    Py_VISIT(state->query_stream_type);
    Py_VISIT(state->subscription_type);
    Py_VISIT(state->stream_subscription_type);
    Py_VISIT(state->writer_type);
    Py_VISIT(state->interval_type);
    for (int i = 0; i < ERROR_CLASS_COUNT; i++) Py_VISIT(state->errors[i]);
    Py_VISIT(state->causes);
    Py_VISIT(state->types.decimal);
    Py_VISIT(state->types.uuid);
    Py_VISIT(state->types.uuid_is_safe);
    Py_VISIT(state->types.enum_base);
    Py_VISIT(state->types.zone_info);
    return 0;
}

static int module_clear(PyObject *module)
{
    struct module_state *state = state_of_module(module);
    Py_CLEAR(state->connection_type);
    Py_CLEAR(state->result_type);
    Py_CLEAR(state->row_iterator_type);
    Py_CLEAR(state->query_stream_type);
    Py_CLEAR(state->subscription_type);
    Py_CLEAR(state->stream_subscription_type);
    Py_CLEAR(state->writer_type);
    Py_CLEAR(state->interval_type);
    for (int i = 0; i < ERROR_CLASS_COUNT; i++) Py_CLEAR(state->errors[i]);
    Py_CLEAR(state->causes);
    atomic_store_explicit(&state->types.is_loaded, false, memory_order_relaxed);
    Py_CLEAR(state->types.decimal);
    Py_CLEAR(state->types.uuid);
    Py_CLEAR(state->types.uuid_is_safe);
    Py_CLEAR(state->types.enum_base);
    Py_CLEAR(state->types.zone_info);
#define CLEAR_INTERNED(name, text) Py_CLEAR(state->str_##name);
    INTERNED(CLEAR_INTERNED)
#undef CLEAR_INTERNED
    return 0;
}

static void module_free(void *module) { module_clear(module); }

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, module_exec},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_SUPPORTED},
#endif
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

struct PyModuleDef laminardb_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "laminardb._laminar",
    .m_doc = "The database: connections, results, writers and subscriptions on the C library.",
    .m_size = sizeof(struct module_state),
    .m_methods = functions,
    .m_slots = slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__laminar(void);
PyMODINIT_FUNC PyInit__laminar(void) { return PyModuleDef_Init(&laminardb_module); }
