/* errors.c - exceptions: one class a hundred of status codes below LaminarError, each instance with `code`, `hint`, `position`
 * (line, column), `object` and `context` (the SQL line with a caret). */
#include "pymodule.h"

static const struct {
    const char *name;
    int code;
    const char *doc;
} classes[ERROR_CLASS_COUNT] = {
    {"LaminarError", LAMINAR_INTERNAL_ERROR,
     "Base of all errors of the library.\n\n"
     "Attributes: code (int, see laminardb.codes), hint (str or None), position ((line, column) or None),\n"
     "object (the relation concerned, or None), context (the SQL line with a caret, or None)."},
#define ERROR_CLASS_ROW(name, python_name, code, doc) {python_name, code, doc},
    ERROR_CLASSES(ERROR_CLASS_ROW)
#undef ERROR_CLASS_ROW
};

int errors_init(PyObject *module, struct module_state *state)
{
    char full[64];
    for (int i = 0; i < ERROR_CLASS_COUNT; i++) {
        PyObject *dict = Py_BuildValue("{sisOsOsOsO}", "code", classes[i].code, "hint", Py_None,
                                       "position", Py_None, "object", Py_None, "context", Py_None);
        if (!dict) return -1;
        PyOS_snprintf(full, sizeof full, "laminardb.%s", classes[i].name);
        PyObject *base = i == ERROR_BASE ? PyExc_Exception : state->errors[ERROR_BASE];
        state->errors[i] = PyErr_NewExceptionWithDoc(full, classes[i].doc, base, dict);
        Py_DECREF(dict);
        if (!state->errors[i]) return -1;
        if (PyModule_AddObjectRef(module, classes[i].name, state->errors[i]) < 0) return -1;
    }
    return 0;
}

static PyObject *class_of(const struct module_state *state, laminar_status code)
{
    switch ((int)code / 100) {
    case 1: return state->errors[ERROR_CONNECTION];
    case 2: return state->errors[ERROR_SCHEMA];
    case 3: return state->errors[ERROR_INGESTION];
    case 4: return state->errors[ERROR_QUERY];
    case 5: return state->errors[ERROR_SUBSCRIPTION];
    case 6: return state->errors[ERROR_CONNECTOR];
    case 7: return state->errors[ERROR_CHECKPOINT];
    default: return state->errors[ERROR_BASE];
    }
}

/* Steals the value; NULL is a failure already. */
static int set_attribute(PyObject *exception, const char *name, PyObject *value)
{
    if (!value) return -1;
    int result = PyObject_SetAttrString(exception, name, value);
    Py_DECREF(value);
    return result;
}

/* Bytes of the library as str; what is cut in the middle of a character is shown as such. */
static PyObject *text_of(const char *text)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

static PyObject *message_of(const laminar_error *err)
{
    PyObject *message = text_of(err->message);
    PyObject *context = text_of(err->context);
    PyObject *hint = text_of(err->hint);
    PyObject *full = NULL;
    if (message && context && hint) {
        full = PyUnicode_FromFormat("%s (%d): %U%s%U%s%U", laminar_status_title(err->code),
                                    (int)err->code, message, err->context[0] ? "\n" : "", context,
                                    err->hint[0] ? "\nHint: " : "", hint);
    }
    Py_XDECREF(message);
    Py_XDECREF(context);
    Py_XDECREF(hint);
    return full;
}

void *raise_error(struct module_state *state, const laminar_error *err)
{
    PyObject *type = class_of(state, err->code);
    PyObject *message = message_of(err);
    PyObject *exception = message ? PyObject_CallOneArg(type, message) : NULL;
    Py_XDECREF(message);
    if (!exception) return NULL;
    int failed = set_attribute(exception, "code", PyLong_FromLong((long)err->code));
    if (!failed && err->hint[0]) failed = set_attribute(exception, "hint", text_of(err->hint));
    if (!failed && err->object[0])
        failed = set_attribute(exception, "object", text_of(err->object));
    if (!failed && err->context[0])
        failed = set_attribute(exception, "context", text_of(err->context));
    if (!failed && err->line > 0)
        failed = set_attribute(exception, "position",
                               Py_BuildValue("(ii)", (int)err->line, (int)err->column));
    PyObject *cause = err->user_code ? udf_cause(state, err->user_code) : NULL;
    if (cause && !PyObject_IsInstance(cause, PyExc_Exception)) { /* KeyboardInterrupt, SystemExit */
        Py_SETREF(exception, cause);
        type = (PyObject *)Py_TYPE(exception);
    } else if (cause) {
        PyException_SetCause(exception, cause);
    }
    if (!failed) PyErr_SetObject(type, exception);
    Py_DECREF(exception);
    return NULL;
}

void *raise_code(struct module_state *state, laminar_status code, const char *hint,
                 const char *format, ...)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    va_list args;
    va_start(args, format);
    PyOS_vsnprintf(err.message, sizeof err.message, format, args);
    va_end(args);
    err.code = code;
    if (hint) PyOS_snprintf(err.hint, sizeof err.hint, "%s", hint);
    return raise_error(state, &err);
}

const char *utf8_argument(struct module_state *state, PyObject *object, laminar_status code,
                          const char *what, Py_ssize_t *out_size)
{
    Py_ssize_t size;
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "%s must be a str, not %s", what, Py_TYPE(object)->tp_name);
        return NULL;
    }
    const char *text = PyUnicode_AsUTF8AndSize(object, &size);
    if (!text) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return NULL;
        PyErr_Clear();
        return raise_code(state, code,
                          "remove the lone surrogates (errors='surrogateescape' makes them)",
                          "%s is not valid Unicode", what);
    }
    if (!out_size) {
        size_t length = strlen(text);
        if (length != (size_t)size)
            return raise_code(state, code, "remove the zero character",
                              "%s has a zero character at byte %zu", what, length);
    } else {
        *out_size = size;
    }
    return text;
}

int check_fork(struct module_state *state, unsigned generation)
{
    if (generation == atomic_load_explicit(&state->fork_generation, memory_order_relaxed)) return 0;
    raise_code(state, LAMINAR_CONNECTION_FAILED,
               "open a connection after the fork: locks and threads do not survive it",
               "the connection was opened before this process was forked");
    return -1;
}

/* --- Locks ---------------------------------------------------------------------------------- */

void handle_lock_init(struct handle_lock *lock)
{
    pthread_mutex_init(&lock->mutex, NULL);
    atomic_init(&lock->owner, 0);
}

void handle_lock_deinit(struct handle_lock *lock) { pthread_mutex_destroy(&lock->mutex); }

int handle_lock_take(struct module_state *state, struct handle_lock *lock)
{
    unsigned long me = PyThread_get_thread_ident();
    if (pthread_mutex_trylock(&lock->mutex) != 0) {
        if (atomic_load_explicit(&lock->owner, memory_order_relaxed) == me) {
            raise_code(state, LAMINAR_INVALID_ARGUMENT, "do not use it in what it calls",
                       "the object is in use by the same thread");
            return -1;
        }
        Py_BEGIN_ALLOW_THREADS pthread_mutex_lock(&lock->mutex);
        Py_END_ALLOW_THREADS
    }
    atomic_store_explicit(&lock->owner, me, memory_order_relaxed);
    return 0;
}

void handle_lock_release(struct handle_lock *lock)
{
    atomic_store_explicit(&lock->owner, 0, memory_order_relaxed);
    pthread_mutex_unlock(&lock->mutex);
}
