/* pymodule.h - what the files of the extension share: the module's state, compatibility with the Python versions that
 * are built for, the lock of a handle, and the functions by which one file uses another.
 *
 * Ownership: a function that returns PyObject * returns a new reference, or NULL with an exception set. Arguments are
 * borrowed. A function that returns int gives 0, or -1 with an exception set.
 * Threads: all are called with the GIL held (or, on a build without it, with an attached thread state). */
#ifndef LAMINARDB_PYMODULE_H
#define LAMINARDB_PYMODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <laminar/laminar.h>
#include <pthread.h>
#include <stdatomic.h>
#include <structmember.h>

/* --- Compatibility -------------------------------------------------------------------------- */
#if PY_VERSION_HEX < 0x030D0000
#define Py_BEGIN_CRITICAL_SECTION(object) {
#define Py_END_CRITICAL_SECTION() }
#endif

/* Without the GIL other threads may change a container while it is read: it is read in a critical section, what is read from it
 * is held while it is used (a section ends for a while when something in it waits), and items of lists are taken one by one. With
 * the GIL a borrowed reference lasts until something is called. */
#ifdef Py_GIL_DISABLED
#define HOLD(object) Py_INCREF(object)
#define UNHOLD(object) Py_DECREF(object)
#else
#define HOLD(object) ((void)(object))
#define UNHOLD(object) ((void)(object))
#endif

/* Item i of a list or tuple: a new reference; NULL, with IndexError set, behind the end. */
static inline PyObject *sequence_item(PyObject *sequence, Py_ssize_t i)
{
#ifdef Py_GIL_DISABLED
    if (PyList_Check(sequence)) return PyList_GetItemRef(sequence, i);
#endif
    if (i < PySequence_Fast_GET_SIZE(sequence))
        return Py_NewRef(PySequence_Fast_GET_ITEM(sequence, i));
    PyErr_SetString(PyExc_IndexError, "the list changed its size while it was read");
    return NULL;
}

#define FLAGS_HEAP_TYPE                                                                            \
    (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION)

/* -Wcast-function-type is silenced by a cast through a type that matches everything. */
#define METHOD(function) ((PyCFunction)(void (*)(void))(function))

/* --- Module state --------------------------------------------------------------------------- */
/* X(C name, Python name, code of one that is raised from Python without a code, doc). */
#define ERROR_CLASSES(X)                                                                           \
    X(CONNECTION, "ConnectionError", 100, "A database cannot be opened, is closed, or is in use.") \
    X(SCHEMA, "SchemaError", 202,                                                                  \
      "A source, table or stream is unknown, exists, or does not fit.")                            \
    X(INGESTION, "IngestionError", 300, "Rows were refused; nothing of that call was inserted.")   \
    X(QUERY, "QueryError", 400, "SQL does not parse, cannot be planned, or failed.")               \
    X(SUBSCRIPTION, "SubscriptionError", 500, "A subscription failed, ended, or its time is up.")  \
    X(STREAM, "StreamError", 400, "A stream or materialized view failed.")                         \
    X(CHECKPOINT, "CheckpointError", 700, "A checkpoint cannot be made or restored.")              \
    X(CONNECTOR, "ConnectorError", 600, "A connector failed.")

enum error_class {
    ERROR_BASE,
#define ERROR_CLASS_ENUM(name, python_name, code, doc) ERROR_##name,
    ERROR_CLASSES(ERROR_CLASS_ENUM)
#undef ERROR_CLASS_ENUM
        ERROR_CLASS_COUNT
};

/* Types of other modules, imported when a value of theirs is first seen. */
struct py_types {
    _Atomic bool is_loaded;
    void *
        datetime; /* PyDateTime_CAPI *, borrowed from a capsule that lives as long as the process */
    PyObject *decimal;      /* decimal.Decimal */
    PyObject *uuid;         /* uuid.UUID */
    PyObject *uuid_is_safe; /* uuid.SafeUUID.unknown */
    PyObject *enum_base;    /* enum.Enum */
    PyObject *zone_info;    /* zoneinfo.ZoneInfo; NULL until a zone other than UTC is met */
};

/* Strings that are looked up often. */
#define INTERNED(X)                                                                                \
    X(arrow_c_stream, "__arrow_c_stream__")                                                        \
    X(arrow_c_array, "__arrow_c_array__")                                                          \
    X(arrow_c_schema, "__arrow_c_schema__")                                                        \
    X(utcoffset, "utcoffset")                                                                      \
    X(nanosecond, "nanosecond")                                                                    \
    X(value, "value")                                                                              \
    X(bytes, "bytes")                                                                              \
    X(int_, "int")                                                                                 \
    X(is_safe, "is_safe")                                                                          \
    X(fromutc, "fromutc")                                                                          \
    X(dtype, "dtype")                                                                              \
    X(str, "str")

struct module_state {
    PyTypeObject *connection_type;
    PyTypeObject *result_type;
    PyTypeObject *row_iterator_type;
    PyTypeObject *query_stream_type;
    PyTypeObject *subscription_type;
    PyTypeObject *stream_subscription_type;
    PyTypeObject *writer_type;
    PyTypeObject *interval_type;
    PyObject *errors[ERROR_CLASS_COUNT];
    struct py_types types;
#define INTERNED_FIELD(name, text) PyObject *str_##name;
    INTERNED(INTERNED_FIELD)
#undef INTERNED_FIELD
    _Atomic unsigned fork_generation; /* counts forks that made this process */
    /* dict: number -> exception of a function in Python (udf.c) */
    PyObject *causes;
    _Atomic uint64_t next_cause;
};

extern struct PyModuleDef laminardb_module;
static inline struct module_state *state_of_module(PyObject *module)
{
    return PyModule_GetState(module);
}
/* The state behind an object of one of the module's types, or of a subclass made in Python. */
struct module_state *state_of(PyObject *object);
/* Loads state->types; quick after the first time. */
int types_load(struct module_state *state);
/* laminardb._adapt.<name>(...): the slow ways that are written in Python. */
PyObject *adapt_call(const char *name, PyObject *arg1, PyObject *arg2);
/* The arguments of a function that is called with METH_FASTCALL | METH_KEYWORDS: all n are needed, by place or by name. Borrowed. */
int arguments_by_name(const char *function, const char *const *names, Py_ssize_t n,
                      PyObject *const *args, Py_ssize_t n_args, PyObject *keywords, PyObject **out);
static inline int arguments(const char *function, const char *const *names, Py_ssize_t n,
                            PyObject *const *args, Py_ssize_t n_args, PyObject *keywords,
                            PyObject **out)
{
    if (keywords || n_args != n)
        return arguments_by_name(function, names, n, args, n_args, keywords, out);
    for (Py_ssize_t i = 0; i < n; i++) out[i] = args[i];
    return 0;
}

static inline int one_argument(const char *function, const char *name, PyObject *const *args,
                               Py_ssize_t n_args, PyObject *keywords, PyObject **out)
{
    return arguments(function, &name, 1, args, n_args, keywords, out);
}

/* --- Errors (errors.c) ---------------------------------------------------------------------- */
int errors_init(PyObject *module, struct module_state *state);
/* Sets the exception of a failed call. Returns NULL, for `return raise_error(...)`. */
void *raise_error(struct module_state *state, const laminar_error *err);
/* The same for a failure that is found on this side of the border; hint may be NULL. */
void *raise_code(struct module_state *state, laminar_status code, const char *hint,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));
/* UTF-8 of a str for the C API, borrowed from it; NULL with the exception `code` for lone surrogates and NULs, TypeError for
 * what is no str. `what` names it in the message: "the SQL text". */
const char *utf8_argument(struct module_state *state, PyObject *object, laminar_status code,
                          const char *what, Py_ssize_t *out_size);
/* False, with the exception set, in a process forked after the object was made. */
int check_fork(struct module_state *state, unsigned generation);

/* --- Locks ---------------------------------------------------------------------------------- */
/* Serialises the use of a handle that one thread at a time may use. Taken with the GIL held: it is given up while waiting, so
 * that no thread waits for this lock with the GIL. Not recursive: a second lock by the holder is an exception. */
struct handle_lock {
    pthread_mutex_t mutex;
    _Atomic unsigned long owner; /* thread ident, 0 = free */
};
void handle_lock_init(struct handle_lock *lock);
void handle_lock_deinit(struct handle_lock *lock);
int handle_lock_take(struct module_state *state, struct handle_lock *lock);
void handle_lock_release(struct handle_lock *lock);

/* --- Rows in (convert_in_*.c) ------------------------------------------------------------------ */
/* A laminar_writer with what makes setting rows from Python quick. Used by one thread at a time. */
struct row_writer {
    laminar_writer *writer;
    size_t n_columns;
    laminar_type *types;
    PyObject **keys;      /* per position in a row's dict: the key seen there last ... */
    size_t *key_columns;  /* ... and its column */
    uint64_t *row_stamps; /* per column: number of the row that set it */
    uint64_t stamp;
    uint64_t n_rows; /* rows ended and not flushed */
    /* of the cell whose list, map or struct is being set; else NULL */
    const char *nested_column;
    laminar_error err;
    struct row_writer *next; /* in a connection's cache */
    PyObject *table;         /* str: the cache's key */
};
struct row_writer *row_writer_create(struct module_state *state, laminar_db *db, PyObject *table);
/* Of no table: the schema's columns. */
struct row_writer *row_writer_create_detached(struct module_state *state,
                                              const struct ArrowSchema *schema);
void row_writer_free(struct row_writer *rows);

enum in_shape {
    IN_ROW,         /* dict of scalars */
    IN_COLUMNS,     /* dict of lists, arrays, series */
    IN_ROWS,        /* list of dicts */
    IN_ARROW_ARRAY, /* __arrow_c_array__ */
    IN_ARROW_STREAM /* __arrow_c_stream__ */
};
/* Sorts out what `data` is. *out_data is a new reference to what to read, which may be made from `data` (pandas). */
int in_classify(struct module_state *state, PyObject *data, enum in_shape *out,
                PyObject **out_data);
/* Appends the rows to the writer (no flush): *out_rows of them. On failure the rows of the call are taken back. */
int in_append(struct module_state *state, struct row_writer *rows, enum in_shape shape,
              PyObject *data, uint64_t *out_rows);
/* True where a dict of columns is all numpy arrays that in_numpy_struct can copy. */
bool in_is_numpy(PyObject *data);
/* An Arrow struct of copies of the arrays. */
int in_numpy_struct(struct module_state *state, PyObject *data, struct ArrowSchema *out_schema,
                    struct ArrowArray *out_array);
/* A text array with the objects of a one-dimensional numpy array. 1 = made, 0 = there are other objects than text and nulls, or too
 * much text for one array; -1 = exception. */
int in_numpy_text(PyObject *values, struct ArrowSchema *out_schema, struct ArrowArray *out_array);
/* The capsules of an Arrow object: *out_array and *out_schema, or *out_stream; borrowed from the new reference *out_owner. */
int in_arrow_array(struct module_state *state, PyObject *data, PyObject **out_owner,
                   struct ArrowSchema **out_schema, struct ArrowArray **out_array);
int in_arrow_stream(struct module_state *state, PyObject *data, PyObject **out_owner,
                    struct ArrowArrayStream **out_stream);
/* One cell (convert_in_cell.c). */
int in_set_cell(struct module_state *state, struct row_writer *rows, size_t column,
                PyObject *value);
/* JSON or CSV: a str or bytes, held until in_text_close. */
struct in_text {
    const char *start;
    size_t size;
    Py_buffer view;
};
int in_text_open(struct module_state *state, PyObject *data, struct in_text *out);
void in_text_close(struct in_text *text);
/* Binds a list, tuple or dict to the statement's parameters (convert_in_params.c). */
int in_bind(struct module_state *state, laminar_statement *statement, PyObject *params);

/* --- Rows out (convert_out_*.c) ----------------------------------------------------------------- */
/* A column's type, prepared for making Python objects. */
struct out_field;
struct out_field *out_field_create(struct module_state *state, const struct ArrowSchema *schema);
void out_field_free(struct out_field *field);
/* Rows [first, first + n) of a struct array as new tuples appended to `list`. The field is the struct's. */
int out_append_rows(struct module_state *state, const struct out_field *field,
                    const struct ArrowArray *array, int64_t first, int64_t n, PyObject *list);
/* All rows of column `column` appended to `list`. */
int out_append_column(struct module_state *state, const struct out_field *field,
                      const struct ArrowArray *array, size_t column, PyObject *list);
/* SQL spelling of an Arrow type, for messages: "DECIMAL(10,2)". */
void out_type_name(const struct ArrowSchema *schema, char *buf, size_t size);

/* --- Results, subscriptions, writers (type_*.c) --------------------------------------------------- */
/* Takes the result over. */
PyObject *result_object(struct module_state *state, laminar_result *take_result);
/* Capsules; they take the struct's contents over and release them where nobody else has. */
PyObject *capsule_schema(struct ArrowSchema *take_schema);
PyObject *capsule_stream(struct ArrowArrayStream *take_stream);
PyObject *capsule_array(struct ArrowArray *take_array);

/* --- Functions in Python (udf.c) -------------------------------------------------------------------- */
enum udf_flags { UDF_CALLS_ON_NULL = 1, UDF_REPLACES = 2, UDF_RETRACTS = 4, UDF_MERGES = 8 };
/* args: (is_aggregate, name, callable, arg_types, return_type, mode, volatility, flags, help). */
int udf_register(PyObject *module, laminar_db *db, PyObject *args);
/* The exception behind laminar_error.user_code: a new reference, or NULL without an exception. */
PyObject *udf_cause(struct module_state *state, uint64_t number);

extern PyType_Spec connection_spec, result_spec, row_iterator_spec, query_stream_spec, writer_spec,
    subscription_spec, stream_subscription_spec;
PyObject *subscription_object(struct module_state *state, PyTypeObject *type,
                              laminar_subscription *take_sub, unsigned fork_generation);
PyObject *writer_object(struct module_state *state, struct row_writer *take_rows,
                        unsigned fork_generation, bool is_of_transaction);
/* Flushes all writers of the list in one step. */
int writers_commit(struct module_state *state, PyObject *list, uint64_t *out_rows);
PyObject *query_stream_object(struct module_state *state, PyObject *result);

#endif
