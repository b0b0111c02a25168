/* type_connection.c - the base of laminardb.Connection: what calls the library. The rest of the class is written in Python
 * (laminardb/_connection.py) on the methods whose names begin with an underscore.
 *
 * The database handle is thread-safe and stays allocated until the object goes, so close() in one thread while another waits is
 * an error there and nothing worse. insert() keeps idle writers by table, each used by one thread at a time: a row costs its
 * cells and one flush. They are forgotten whenever a statement may have changed a schema. */
#include "pymodule.h"
#include <laminar/udf.h>
#include <stddef.h>
#include <string.h>

enum { IDLE_WRITERS_MAX = 64 };

struct connection {
    PyObject_HEAD laminar_db *db;
    unsigned fork_generation;
    pthread_mutex_t idle_lock; /* guards the three below; short, nothing is called under it */
    struct row_writer *idle;
    size_t n_idle;
    uint64_t schema_generation;
    PyObject *weak_references;
};

static int check_open(struct module_state *state, struct connection *self)
{
    if (check_fork(state, self->fork_generation) < 0) return -1;
    if (!laminar_is_closed(self->db)) return 0;
    raise_code(state, LAMINAR_CONNECTION_CLOSED, "open a new one", "the connection is closed");
    return -1;
}
#define CHECK_OPEN(self)                                                                           \
    struct module_state *state = state_of((PyObject *)(self));                                     \
    if (check_open(state, self) < 0) return NULL

/* The exception of a failed call. One that another thread's close() made fail says so, whatever it stumbled on. */
static void *raise_failed(struct module_state *state, struct connection *self,
                          const laminar_error *err)
{
    return check_open(state, self) < 0 ? NULL : raise_error(state, err);
}

/* --- Life ------------------------------------------------------------------------------------------------------- */

typedef laminar_status set_function(laminar_config *, const char *, const char *, laminar_error *);

static int set_all(struct module_state *state, laminar_config *config, PyObject *dict,
                   set_function *set)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (dict && PyDict_Next(dict, &at, &key, &value)) {
        const char *name = utf8_argument(state, key, LAMINAR_INVALID_ARGUMENT, "an option's name",
                                         NULL);
        const char *text = name ? utf8_argument(state, value, LAMINAR_INVALID_ARGUMENT,
                                                "an option's value", NULL)
                                : NULL;
        if (!text) return -1;
        laminar_error err = LAMINAR_ERROR_INIT;
        if (set(config, name, text, &err) == LAMINAR_OK) continue;
        raise_error(state, &err);
        return -1;
    }
    return 0;
}

static laminar_db *open_database(struct module_state *state, const char *path, PyObject *options,
                                 PyObject *variables)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_config *config = NULL;
    laminar_db *db = NULL;
    if (laminar_config_create(&config, &err) != LAMINAR_OK) return raise_error(state, &err);
    if (set_all(state, config, options, laminar_config_set) < 0 ||
        set_all(state, config, variables, laminar_config_set_variable) < 0) {
        laminar_config_free(config);
        return NULL;
    }
    laminar_status status;
    Py_BEGIN_ALLOW_THREADS status = laminar_open(path, config, &db, &err);
    Py_END_ALLOW_THREADS laminar_config_free(config);
    if (status == LAMINAR_OK) return db;
    /* a folder that cannot be read is no connection, whatever the reason */
    if (err.code == LAMINAR_IO_ERROR) err.code = LAMINAR_CONNECTION_FAILED;
    return raise_error(state, &err);
}

static PyObject *connection_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"path", "options", "variables", NULL};
    PyObject *path, *options = NULL, *variables = NULL;
    PyObject *module = PyType_GetModuleByDef(type, &laminardb_module);
    if (!module) return NULL;
    struct module_state *state = state_of_module(module);
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O!O!:Connection", names, &path, &PyDict_Type,
                                     &options, &PyDict_Type, &variables))
        return NULL;
    const char *text = utf8_argument(state, path, LAMINAR_CONNECTION_FAILED, "the path", NULL);
    if (!text) return NULL;
    laminar_db *db = open_database(state, text, options, variables);
    if (!db) return NULL;
    struct connection *self = (struct connection *)type->tp_alloc(type, 0);
    if (!self) {
        laminar_db_free(db);
        return NULL;
    }
    self->db = db;
    self->fork_generation = atomic_load_explicit(&state->fork_generation, memory_order_relaxed);
    pthread_mutex_init(&self->idle_lock, NULL);
    return (PyObject *)self;
}

/* Frees the idle writers; those in use are freed when they come back. */
static void forget_writers(struct connection *self)
{
    pthread_mutex_lock(&self->idle_lock);
    struct row_writer *list = self->idle;
    self->idle = NULL;
    self->n_idle = 0;
    self->schema_generation++;
    pthread_mutex_unlock(&self->idle_lock);
    while (list) {
        struct row_writer *next = list->next;
        row_writer_free(list);
        list = next;
    }
}

static void connection_dealloc(struct connection *self)
{
    PyTypeObject *type = Py_TYPE(self);
    if (self->weak_references) PyObject_ClearWeakRefs((PyObject *)self);
    struct module_state *state = state_of((PyObject *)self);
    bool is_forked = state && self->fork_generation != atomic_load_explicit(&state->fork_generation,
                                                                            memory_order_relaxed);
    /* In a forked child the locks may be held by threads that are not there: the memory stays. */
    if (!is_forked && self->db) {
        forget_writers(self);
        Py_BEGIN_ALLOW_THREADS laminar_db_free(self->db);
        Py_END_ALLOW_THREADS pthread_mutex_destroy(&self->idle_lock);
    }
    type->tp_free(self);
    Py_DECREF(type);
}

PyDoc_STRVAR(
    close_doc,
    "close($self, /)\n--\n\nEnds subscriptions and running statements, and closes the database. Twice is fine.");
static PyObject *connection_close(struct connection *self, PyObject *Py_UNUSED(ignored))
{
    struct module_state *state = state_of((PyObject *)self);
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_status status;
    if (laminar_is_closed(self->db)) Py_RETURN_NONE;
    if (check_fork(state, self->fork_generation) < 0) return NULL;
    forget_writers(self);
    Py_BEGIN_ALLOW_THREADS status = laminar_close(self->db, &err);
    Py_END_ALLOW_THREADS if (status != LAMINAR_OK) return raise_error(state, &err);
    Py_RETURN_NONE;
}

static PyObject *connection_is_closed(struct connection *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(laminar_is_closed(self->db));
}

static PyObject *connection_repr(struct connection *self)
{
    return PyUnicode_FromFormat("Connection(%s)", laminar_is_closed(self->db) ? "closed" : "open");
}

PyDoc_STRVAR(start_doc, "start($self, /)\n--\n\nStarts connectors and timers. Twice is fine.");
static PyObject *connection_start(struct connection *self, PyObject *Py_UNUSED(ignored))
{
    CHECK_OPEN(self);
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_status status;
    Py_BEGIN_ALLOW_THREADS status = laminar_start(self->db, &err);
    Py_END_ALLOW_THREADS if (status != LAMINAR_OK) return raise_error(state, &err);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    shutdown_doc,
    "shutdown($self, /)\n--\n\nStops for good: subscriptions finish, and later statements raise LaminarError 901.");
static PyObject *connection_shutdown(struct connection *self, PyObject *Py_UNUSED(ignored))
{
    CHECK_OPEN(self);
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_status status;
    Py_BEGIN_ALLOW_THREADS status = laminar_shutdown(self->db, &err);
    Py_END_ALLOW_THREADS if (status != LAMINAR_OK) return raise_error(state, &err);
    Py_RETURN_NONE;
}

/* laminar_backup and laminar_dump... */
static PyObject *copy_to(struct connection *self, PyObject *arg,
                         laminar_status (*copy)(laminar_db *db, const char *folder,
                                                laminar_error *err))
{
    CHECK_OPEN(self);
    PyObject *path = NULL;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_status status;
    if (!PyUnicode_FSConverter(arg, &path)) return NULL;
    const char *text = PyBytes_AS_STRING(path);
    Py_BEGIN_ALLOW_THREADS status = copy(self->db, text, &err);
    Py_END_ALLOW_THREADS Py_DECREF(path);
    if (status != LAMINAR_OK) return raise_error(state, &err);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    backup_doc,
    "backup($self, path, /)\n--\n\nCopies the database into a new folder while it runs: all that was "
    "inserted before. The copy opens as any database.");
static PyObject *connection_backup(struct connection *self, PyObject *arg)
{
    return copy_to(self, arg, laminar_backup);
}

PyDoc_STRVAR(
    dump_doc,
    "dump($self, path, /, *, secrets=False)\n--\n\nWrites dump.sql and an Arrow file for each relation "
    "that keeps rows into a new folder. Passwords in options are written only with secrets.");
static PyObject *connection_dump(struct connection *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"", "secrets", NULL};
    PyObject *path = NULL;
    int has_secrets = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$p:dump", names, &path, &has_secrets))
        return NULL;
    return copy_to(self, path, has_secrets ? laminar_dump_with_secrets : laminar_dump);
}

/* --- Statements ---------------------------------------------------------------------------------------------------- */

static laminar_status execute_bound(struct connection *self, const char *sql,
                                    laminar_statement *statement, laminar_result **out,
                                    laminar_error *err)
{
    laminar_status status;
    Py_BEGIN_ALLOW_THREADS status = statement ? laminar_statement_execute(statement, out, err)
                                              : laminar_execute(self->db, sql, out, err);
    Py_END_ALLOW_THREADS return status;
}

/* The text as a statement with its parameters bound. NULL with an exception set. */
static laminar_statement *prepare(struct module_state *state, struct connection *self,
                                  const char *text, PyObject *params)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_statement *statement = NULL;
    laminar_status status;
    Py_BEGIN_ALLOW_THREADS status = laminar_prepare(self->db, text, &statement, &err);
    Py_END_ALLOW_THREADS if (status != LAMINAR_OK) return raise_failed(state, self, &err);
    if (in_bind(state, statement, params) == 0) return statement;
    laminar_statement_free(statement);
    return NULL;
}

/* Runs the text, with params where they are given (neither NULL nor None). NULL with an exception set. */
static laminar_result *run(struct module_state *state, struct connection *self, PyObject *sql,
                           PyObject *params)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_statement *statement = NULL;
    laminar_result *result = NULL;
    const char *text = utf8_argument(state, sql, LAMINAR_SQL_PARSE_ERROR, "the SQL text", NULL);
    if (!text) return NULL;
    if (params && params != Py_None && !(statement = prepare(state, self, text, params)))
        return NULL;
    laminar_status status = execute_bound(self, text, statement, &result, &err);
    laminar_statement_free(statement);
    bool is_plain = status == LAMINAR_OK &&
                    laminar_result_get_kind(result) == LAMINAR_RESULT_QUERY && !strchr(text, ';');
    if (!is_plain) forget_writers(self);
    return status == LAMINAR_OK ? result : raise_failed(state, self, &err);
}

static PyObject *optional_text(const char *text)
{
    if (!text || !*text) Py_RETURN_NONE;
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

PyDoc_STRVAR(
    execute_doc,
    "_execute($self, sql, params=None, /)\n--\n\nGives (kind, rows_affected, ddl_type, ddl_object, QueryResult or None).");
static PyObject *connection_execute(struct connection *self, PyObject *args)
{
    CHECK_OPEN(self);
    PyObject *sql, *params = NULL;
    if (!PyArg_ParseTuple(args, "O|O", &sql, &params)) return NULL;
    laminar_result *result = run(state, self, sql, params);
    if (!result) return NULL;
    static const char *const kinds[] = {"", "query", "rows_affected", "ddl", "metadata"};
    laminar_result_kind kind = laminar_result_get_kind(result);
    bool has_rows = kind == LAMINAR_RESULT_QUERY || kind == LAMINAR_RESULT_METADATA;
    unsigned long long affected = laminar_result_rows_affected(result);
    PyObject *ddl_type = optional_text(laminar_result_ddl_type(result));
    PyObject *ddl_object = optional_text(laminar_result_ddl_object(result));
    PyObject *rows = has_rows ? result_object(state, result) : Py_NewRef(Py_None);
    if (!has_rows) laminar_result_free(result);
    if (ddl_type && ddl_object && rows)
        return Py_BuildValue("(sKNNN)", kinds[(int)kind & 7], affected, ddl_type, ddl_object, rows);
    Py_XDECREF(ddl_type);
    Py_XDECREF(ddl_object);
    Py_XDECREF(rows);
    return NULL;
}

static PyObject *run_query(struct connection *self, PyObject *args, PyObject *kwargs,
                           const char *format, char *name)
{
    CHECK_OPEN(self);
    char *names[] = {name, "params", NULL};
    PyObject *sql, *params = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, format, names, &sql, &params)) return NULL;
    laminar_result *result = run(state, self, sql, params);
    return result ? result_object(state, result) : NULL;
}

#define QUERY_TEXT                                                                                 \
    "Runs a statement and gives its rows. params: a list or tuple for $1 and ?, a dict for :name."
PyDoc_STRVAR(query_doc, "query($self, sql, params=None)\n--\n\n" QUERY_TEXT);
static PyObject *connection_query(struct connection *self, PyObject *args, PyObject *kwargs)
{
    return run_query(self, args, kwargs, "O|O:query", "sql");
}

PyDoc_STRVAR(sql_doc, "sql($self, query, params=None)\n--\n\n" QUERY_TEXT);
static PyObject *connection_sql(struct connection *self, PyObject *args, PyObject *kwargs)
{
    return run_query(self, args, kwargs, "O|O:sql", "query");
}

PyDoc_STRVAR(
    stream_doc,
    "stream($self, sql, params=None)\n--\n\nRuns a query and gives its rows batch by batch.");
static PyObject *connection_stream(struct connection *self, PyObject *args, PyObject *kwargs)
{
    PyObject *result = run_query(self, args, kwargs, "O|O:stream", "sql");
    PyObject *stream = result ? query_stream_object(state_of((PyObject *)self), result) : NULL;
    Py_XDECREF(result);
    return stream;
}

PyDoc_STRVAR(
    cancel_query_doc,
    "cancel_query($self, query_id)\n--\n\nEnds a running query or subscription by the id that queries() shows.");
static PyObject *connection_cancel_query(struct connection *self, PyObject *const *args,
                                         Py_ssize_t n_args, PyObject *keywords)
{
    CHECK_OPEN(self);
    PyObject *query_id;
    if (one_argument("cancel_query", "query_id", args, n_args, keywords, &query_id) < 0)
        return NULL;
    unsigned long long id = PyLong_AsUnsignedLongLong(query_id);
    if (PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_OverflowError)) return NULL;
        PyErr_Clear();
        return raise_code(state, LAMINAR_QUERY_FAILED, NULL, "there is no query with that id");
    }
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_status status;
    Py_BEGIN_ALLOW_THREADS status = laminar_cancel_query(self->db, id, &err);
    Py_END_ALLOW_THREADS if (status != LAMINAR_OK) return raise_failed(state, self, &err);
    Py_RETURN_NONE;
}

/* --- Rows in ------------------------------------------------------------------------------------------------------------ */

static struct row_writer *new_writer(struct module_state *state, struct connection *self,
                                     PyObject *table)
{
    struct row_writer *rows = row_writer_create(state, self->db, table);
    if (rows || !laminar_is_closed(self->db)) return rows;
    PyErr_Clear();
    check_open(state, self);
    return NULL;
}

/* An idle writer of the table, or a new one. *out_generation goes back to put_writer. */
static struct row_writer *take_writer(struct module_state *state, struct connection *self,
                                      PyObject *table, uint64_t *out_generation)
{
    struct row_writer *found = NULL;
    if (!PyUnicode_Check(table)) {
        PyErr_Format(PyExc_TypeError, "the table's name must be a str, not %s",
                     Py_TYPE(table)->tp_name);
        return NULL;
    }
    pthread_mutex_lock(&self->idle_lock);
    *out_generation = self->schema_generation;
    for (struct row_writer **at = &self->idle; *at; at = &(*at)->next) {
        if ((*at)->table != table && PyUnicode_Compare((*at)->table, table) != 0) continue;
        found = *at;
        *at = found->next;
        self->n_idle--;
        break;
    }
    pthread_mutex_unlock(&self->idle_lock);
    return found ? found : new_writer(state, self, table);
}

/* Takes the writer, which holds no rows, back; one that is not wanted is freed. */
static void put_writer(struct connection *self, struct row_writer *take_rows, uint64_t generation)
{
    bool is_kept = false;
    pthread_mutex_lock(&self->idle_lock);
    if (generation == self->schema_generation && self->n_idle < IDLE_WRITERS_MAX) {
        take_rows->next = self->idle;
        self->idle = take_rows;
        self->n_idle++;
        is_kept = true;
    }
    pthread_mutex_unlock(&self->idle_lock);
    if (!is_kept) row_writer_free(take_rows);
}

static int insert_rows(struct module_state *state, struct connection *self, PyObject *table,
                       enum in_shape shape, PyObject *data, uint64_t *out_rows)
{
    uint64_t generation;
    struct row_writer *rows = take_writer(state, self, table, &generation);
    if (!rows) return -1;
    if (in_append(state, rows, shape, data, out_rows) < 0) {
        put_writer(self, rows, generation);
        return -1;
    }
    laminar_status status;
    Py_BEGIN_ALLOW_THREADS status = laminar_writer_flush(rows->writer, NULL, &rows->err);
    Py_END_ALLOW_THREADS rows->n_rows = 0;
    if (status != LAMINAR_OK) {
        raise_failed(state, self, &rows->err);
        row_writer_free(rows);
        return -1;
    }
    put_writer(self, rows, generation);
    return 0;
}

static int insert_array(struct module_state *state, struct connection *self, const char *name,
                        const struct ArrowSchema *schema, struct ArrowArray *array,
                        uint64_t *out_rows)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_status status;
    Py_BEGIN_ALLOW_THREADS status = laminar_insert_arrow(self->db, name, schema, array, out_rows,
                                                         &err);
    Py_END_ALLOW_THREADS if (status == LAMINAR_OK) return 0;
    raise_failed(state, self, &err);
    return -1;
}

static int insert_arrow(struct module_state *state, struct connection *self, const char *name,
                        enum in_shape shape, PyObject *data, uint64_t *out_rows)
{
    PyObject *owner = NULL;
    int result;
    if (shape == IN_ARROW_ARRAY) {
        struct ArrowSchema *schema;
        struct ArrowArray *array;
        result = in_arrow_array(state, data, &owner, &schema, &array);
        if (result == 0) result = insert_array(state, self, name, schema, array, out_rows);
    } else {
        struct ArrowArrayStream *stream;
        laminar_error err = LAMINAR_ERROR_INIT;
        laminar_status status = LAMINAR_OK;
        result = in_arrow_stream(state, data, &owner, &stream);
        if (result == 0) {
            Py_BEGIN_ALLOW_THREADS status = laminar_insert_stream(self->db, name, stream, out_rows,
                                                                  &err);
            Py_END_ALLOW_THREADS
        }
        if (status != LAMINAR_OK) {
            raise_failed(state, self, &err);
            result = -1;
        }
    }
    Py_XDECREF(owner);
    return result;
}

static int insert_numpy(struct module_state *state, struct connection *self, const char *name,
                        PyObject *data, uint64_t *out_rows)
{
    struct ArrowSchema schema = {.release = NULL};
    struct ArrowArray array = {.release = NULL};
    if (in_numpy_struct(state, data, &schema, &array) < 0) return -1;
    int result = insert_array(state, self, name, &schema, &array, out_rows);
    schema.release(&schema);
    return result;
}

PyDoc_STRVAR(
    insert_doc,
    "insert($self, table, data)\n--\n\n"
    "Inserts rows and gives their number. data: a dict of scalars (one row), a dict of lists or numpy arrays (columns),\n"
    "a list of dicts, a pandas or polars DataFrame, a pyarrow RecordBatch, Table or RecordBatchReader, or anything\n"
    "with __arrow_c_stream__ or __arrow_c_array__. Columns match by name in any order; a missing nullable column is\n"
    "null. What does not fit raises IngestionError (302) and inserts nothing.");
static PyObject *connection_insert(struct connection *self, PyObject *const *args,
                                   Py_ssize_t n_args, PyObject *keywords)
{
    CHECK_OPEN(self);
    static const char *const names[] = {"table", "data"};
    PyObject *given[2];
    if (arguments("insert", names, 2, args, n_args, keywords, given) < 0) return NULL;
    PyObject *table = given[0], *data = NULL;
    enum in_shape shape = IN_ROW;
    const char *name = utf8_argument(state, table, LAMINAR_TABLE_NOT_FOUND, "the table's name",
                                     NULL);
    if (!name || in_classify(state, given[1], &shape, &data) < 0) return NULL;
    uint64_t n_rows = 0;
    int result;
    if (shape == IN_ARROW_ARRAY || shape == IN_ARROW_STREAM)
        result = insert_arrow(state, self, name, shape, data, &n_rows);
    else if (shape == IN_COLUMNS && in_is_numpy(data))
        result = insert_numpy(state, self, name, data, &n_rows);
    else
        result = insert_rows(state, self, table, shape, data, &n_rows);
    Py_DECREF(data);
    return result < 0 ? NULL : PyLong_FromUnsignedLongLong(n_rows);
}

typedef laminar_status insert_text_function(laminar_db *, const char *, const char *, size_t,
                                            uint64_t *, laminar_error *);

static PyObject *insert_text(struct connection *self, PyObject *args, PyObject *kwargs,
                             const char *format, insert_text_function *insert)
{
    CHECK_OPEN(self);
    static char *names[] = {"table", "data", NULL};
    PyObject *table, *data;
    struct in_text text;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, format, names, &table, &data)) return NULL;
    const char *name = utf8_argument(state, table, LAMINAR_TABLE_NOT_FOUND, "the table's name",
                                     NULL);
    if (!name || in_text_open(state, data, &text) < 0) return NULL;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_status status;
    uint64_t n_rows = 0;
    Py_BEGIN_ALLOW_THREADS status = insert(self->db, name, text.start, text.size, &n_rows, &err);
    Py_END_ALLOW_THREADS in_text_close(&text);
    return status == LAMINAR_OK ? PyLong_FromUnsignedLongLong(n_rows)
                                : raise_failed(state, self, &err);
}

PyDoc_STRVAR(
    insert_json_doc,
    "insert_json($self, table, data)\n--\n\nInserts a JSON array of objects, one object, or lines of objects.");
static PyObject *connection_insert_json(struct connection *self, PyObject *args, PyObject *kwargs)
{
    return insert_text(self, args, kwargs, "OO:insert_json", laminar_insert_json);
}

PyDoc_STRVAR(
    insert_csv_doc,
    "insert_csv($self, table, data)\n--\n\n"
    "Inserts CSV (RFC 4180) whose header line is matched by name; an empty field is null.");
static PyObject *connection_insert_csv(struct connection *self, PyObject *args, PyObject *kwargs)
{
    return insert_text(self, args, kwargs, "OO:insert_csv", laminar_insert_csv);
}

PyDoc_STRVAR(writer_doc,
             "writer($self, table)\n--\n\nA writer that collects rows and inserts them together.");
static PyObject *connection_writer(struct connection *self, PyObject *const *args,
                                   Py_ssize_t n_args, PyObject *keywords)
{
    CHECK_OPEN(self);
    PyObject *table;
    if (one_argument("writer", "table", args, n_args, keywords, &table) < 0) return NULL;
    struct row_writer *rows = new_writer(state, self, table);
    return rows ? writer_object(state, rows, self->fork_generation, false) : NULL;
}

PyDoc_STRVAR(transaction_writer_doc,
             "_transaction_writer($self, table, /)\n--\n\nOne that is flushed by _commit alone.");
static PyObject *connection_transaction_writer(struct connection *self, PyObject *table)
{
    CHECK_OPEN(self);
    struct row_writer *rows = new_writer(state, self, table);
    return rows ? writer_object(state, rows, self->fork_generation, true) : NULL;
}

PyDoc_STRVAR(commit_doc,
             "_commit($self, writers, /)\n--\n\nFlushes the writers of a list in one step.");
static PyObject *connection_commit(struct connection *self, PyObject *list)
{
    CHECK_OPEN(self);
    uint64_t n_rows = 0;
    if (!PyList_Check(list)) {
        PyErr_SetString(PyExc_TypeError, "a list of writers is expected");
        return NULL;
    }
    return writers_commit(state, list, &n_rows) < 0 ? NULL : PyLong_FromUnsignedLongLong(n_rows);
}

/* --- Schemas -------------------------------------------------------------------------------------------------------------- */

PyDoc_STRVAR(schema_doc, "_schema($self, name, /)\n--\n\nThe relation's Arrow schema.");
static PyObject *connection_schema(struct connection *self, PyObject *arg)
{
    CHECK_OPEN(self);
    laminar_error err = LAMINAR_ERROR_INIT;
    struct ArrowSchema schema;
    const char *name = utf8_argument(state, arg, LAMINAR_TABLE_NOT_FOUND, "the name", NULL);
    if (!name) return NULL;
    laminar_status status;
    Py_BEGIN_ALLOW_THREADS status = laminar_schema(self->db, name, &schema, &err);
    Py_END_ALLOW_THREADS return status == LAMINAR_OK ? capsule_schema(&schema)
                                                     : raise_failed(state, self, &err);
}

PyDoc_STRVAR(
    create_source_doc,
    "_create_source($self, name, schema, /)\n--\n\nMakes a source from an object with __arrow_c_schema__.");
static PyObject *connection_create_source(struct connection *self, PyObject *args)
{
    CHECK_OPEN(self);
    PyObject *name_object, *schema_object;
    if (!PyArg_ParseTuple(args, "OO", &name_object, &schema_object)) return NULL;
    const char *name = utf8_argument(state, name_object, LAMINAR_INVALID_SCHEMA, "the name", NULL);
    PyObject *capsule = name ? PyObject_CallMethodNoArgs(schema_object, state->str_arrow_c_schema)
                             : NULL;
    struct ArrowSchema *schema = capsule ? PyCapsule_GetPointer(capsule, "arrow_schema") : NULL;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_status status = LAMINAR_OK;
    if (schema) {
        Py_BEGIN_ALLOW_THREADS status = laminar_create_source_arrow(self->db, name, schema, &err);
        Py_END_ALLOW_THREADS
    }
    Py_XDECREF(capsule);
    if (!schema) return NULL;
    if (status != LAMINAR_OK) return raise_failed(state, self, &err);
    forget_writers(self);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    complete_doc,
    "_complete($self, text, cursor, /)\n--\n\nWords that can follow the text before the byte `cursor`.");
static PyObject *connection_complete(struct connection *self, PyObject *args)
{
    CHECK_OPEN(self);
    const char *text;
    Py_ssize_t size, cursor;
    if (!PyArg_ParseTuple(args, "s#n", &text, &size, &cursor)) return NULL;
    if (cursor < 0 || cursor > size) cursor = size;
    char *words;
    Py_BEGIN_ALLOW_THREADS words = laminar_complete_copy(self->db, text, (size_t)cursor);
    Py_END_ALLOW_THREADS PyObject *joined = PyUnicode_FromString(words ? words : "");
    laminar_free(words);
    PyObject *list = joined ? PyUnicode_Splitlines(joined, 0) : NULL;
    Py_XDECREF(joined);
    return list;
}

/* --- Metrics ----------------------------------------------------------------------------------------------------------------- */

PyDoc_STRVAR(metrics_doc, "_metrics($self, /)\n--\n\nThe fields of laminar_metrics.");
static PyObject *connection_metrics(struct connection *self, PyObject *Py_UNUSED(ignored))
{
    CHECK_OPEN(self);
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_metrics m = {.struct_size = sizeof m};
    laminar_status status;
    Py_BEGIN_ALLOW_THREADS status = laminar_get_metrics(self->db, &m, &err);
    Py_END_ALLOW_THREADS if (status != LAMINAR_OK) return raise_failed(state, self, &err);
    static const char *const states[] = {"Created", "Running", "Stopped"};
#define COUNT(x) (unsigned long long)(x)
    return Py_BuildValue(
        "{sssKsKsKsKsKsKsKsKsKsKsKsKsKsLsKsK}", "state",
        (unsigned)m.state < 3 ? states[m.state] : "Unknown", "events_ingested",
        COUNT(m.events_ingested), "events_emitted", COUNT(m.events_emitted), "events_dropped",
        COUNT(m.events_dropped), "events_late", COUNT(m.events_late), "steps", COUNT(m.steps),
        "batches", COUNT(m.batches), "uptime_us", COUNT(m.uptime_us), "n_sources",
        COUNT(m.n_sources), "n_streams", COUNT(m.n_streams), "n_sinks", COUNT(m.n_sinks),
        "n_tables", COUNT(m.n_tables), "n_subscriptions", COUNT(m.n_subscriptions),
        "n_active_queries", COUNT(m.n_active_queries), "watermark_ms", (long long)m.watermark_ms,
        "state_bytes", COUNT(m.state_bytes), "backpressure_waits", COUNT(m.backpressure_waits));
}

PyDoc_STRVAR(relation_metrics_doc,
             "_relation_metrics($self, name, /)\n--\n\nThe fields of laminar_relation_metrics.");
static PyObject *connection_relation_metrics(struct connection *self, PyObject *arg)
{
    CHECK_OPEN(self);
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_relation_metrics m = {.struct_size = sizeof m};
    laminar_status status;
    const char *name = utf8_argument(state, arg, LAMINAR_TABLE_NOT_FOUND, "the name", NULL);
    if (!name) return NULL;
    Py_BEGIN_ALLOW_THREADS status = laminar_get_relation_metrics(self->db, name, &m, &err);
    Py_END_ALLOW_THREADS if (status != LAMINAR_OK) return raise_failed(state, self, &err);
    return Py_BuildValue("{sKsKsKsOsLsKsKsK}", "total_rows", COUNT(m.total_rows), "pending_rows",
                         COUNT(m.pending_rows), "capacity_rows", COUNT(m.capacity_rows),
                         "is_backpressured", m.is_backpressured ? Py_True : Py_False,
                         "watermark_ms", (long long)m.watermark_ms, "kept_rows", COUNT(m.kept_rows),
                         "kept_bytes", COUNT(m.kept_bytes), "late_rows", COUNT(m.late_rows));
#undef COUNT
}

/* --- Functions ----------------------------------------------------------------------------------------------------------------- */

PyDoc_STRVAR(
    register_doc,
    "_register($self, is_aggregate, name, callable, arg_types, return_type, mode, volatility, flags, help, /)\n--\n\n"
    "What register_function and register_aggregate end in.");
static PyObject *connection_register(struct connection *self, PyObject *args)
{
    CHECK_OPEN(self);
    (void)state;
    PyObject *module = PyType_GetModuleByDef(Py_TYPE(self), &laminardb_module);
    if (!module || udf_register(module, self->db, args) < 0) return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    unregister_function_doc,
    "unregister_function($self, name, /)\n--\n\n"
    "Forgets a registered function or aggregate. Streams that call it go on; QueryError 400 where it is unknown.");
static PyObject *connection_unregister(struct connection *self, PyObject *arg)
{
    CHECK_OPEN(self);
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_status status;
    const char *name = utf8_argument(state, arg, LAMINAR_QUERY_FAILED, "the name", NULL);
    if (!name) return NULL;
    Py_BEGIN_ALLOW_THREADS status = laminar_drop_function(self->db, name, &err);
    Py_END_ALLOW_THREADS if (status != LAMINAR_OK) return raise_failed(state, self, &err);
    Py_RETURN_NONE;
}

/* --- Subscriptions ------------------------------------------------------------------------------------------------------------- */

PyDoc_STRVAR(
    subscribe_doc,
    "_subscribe($self, is_stream, source, snapshot, changes, policy, capacity, filter, params, epoch, /)\n--\n\n"
    "With params, source is a statement: SELECT or SUBSCRIBE. epoch: None, or the one to go on behind.");
static PyObject *connection_subscribe(struct connection *self, PyObject *args)
{
    CHECK_OPEN(self);
    int is_stream, with_snapshot, with_changes, policy;
    unsigned long long capacity;
    PyObject *source, *filter, *params, *epoch;
    if (!PyArg_ParseTuple(args, "pOppiKOOO", &is_stream, &source, &with_snapshot, &with_changes,
                          &policy, &capacity, &filter, &params, &epoch))
        return NULL;
    const char *text = utf8_argument(state, source,
                                     is_stream ? LAMINAR_TABLE_NOT_FOUND : LAMINAR_SQL_PARSE_ERROR,
                                     is_stream ? "the name" : "the SQL text", NULL);
    if (!text) return NULL;
    const char *condition = NULL;
    if (filter != Py_None &&
        !(condition = utf8_argument(state, filter, LAMINAR_SQL_PARSE_ERROR, "the filter", NULL)))
        return NULL;
    laminar_subscribe_options options = {.struct_size = sizeof options,
                                         .with_snapshot = with_snapshot,
                                         .with_changes = with_changes,
                                         .policy = (laminar_overflow_policy)policy,
                                         .capacity_rows = capacity,
                                         .filter = condition,
                                         .has_epoch = epoch != Py_None};
    if (options.has_epoch) {
        options.epoch = PyLong_AsUnsignedLongLong(epoch);
        if (PyErr_Occurred()) return NULL;
    }
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_subscription *sub = NULL;
    laminar_statement *statement = NULL;
    laminar_status status;
    if (params != Py_None && !(statement = prepare(state, self, text, params))) return NULL;
    Py_BEGIN_ALLOW_THREADS status = statement
                                        ? laminar_statement_subscribe(statement, &options, &sub,
                                                                      &err)
                                        : laminar_subscribe(self->db, text, &options, &sub, &err);
    laminar_statement_free(statement);
    Py_END_ALLOW_THREADS if (status != LAMINAR_OK) return raise_failed(state, self, &err);
    PyTypeObject *type = is_stream ? state->stream_subscription_type : state->subscription_type;
    return subscription_object(state, type, sub, self->fork_generation);
}

/* --- Type ---------------------------------------------------------------------------------------------------------------------- */

static PyMethodDef connection_methods[] = {
    {"insert", METHOD(connection_insert), METH_FASTCALL | METH_KEYWORDS, insert_doc},
    {"insert_json", METHOD(connection_insert_json), METH_VARARGS | METH_KEYWORDS, insert_json_doc},
    {"insert_csv", METHOD(connection_insert_csv), METH_VARARGS | METH_KEYWORDS, insert_csv_doc},
    {"writer", METHOD(connection_writer), METH_FASTCALL | METH_KEYWORDS, writer_doc},
    {"_transaction_writer", METHOD(connection_transaction_writer), METH_O, transaction_writer_doc},
    {"_commit", METHOD(connection_commit), METH_O, commit_doc},
    {"query", METHOD(connection_query), METH_VARARGS | METH_KEYWORDS, query_doc},
    {"sql", METHOD(connection_sql), METH_VARARGS | METH_KEYWORDS, sql_doc},
    {"stream", METHOD(connection_stream), METH_VARARGS | METH_KEYWORDS, stream_doc},
    {"cancel_query", METHOD(connection_cancel_query), METH_FASTCALL | METH_KEYWORDS,
     cancel_query_doc},
    {"start", METHOD(connection_start), METH_NOARGS, start_doc},
    {"shutdown", METHOD(connection_shutdown), METH_NOARGS, shutdown_doc},
    {"backup", METHOD(connection_backup), METH_O, backup_doc},
    {"dump", METHOD(connection_dump), METH_VARARGS | METH_KEYWORDS, dump_doc},
    {"close", METHOD(connection_close), METH_NOARGS, close_doc},
    {"_execute", METHOD(connection_execute), METH_VARARGS, execute_doc},
    {"_subscribe", METHOD(connection_subscribe), METH_VARARGS, subscribe_doc},
    {"_schema", METHOD(connection_schema), METH_O, schema_doc},
    {"_register", METHOD(connection_register), METH_VARARGS, register_doc},
    {"unregister_function", METHOD(connection_unregister), METH_O, unregister_function_doc},
    {"_create_source", METHOD(connection_create_source), METH_VARARGS, create_source_doc},
    {"_complete", METHOD(connection_complete), METH_VARARGS, complete_doc},
    {"_metrics", METHOD(connection_metrics), METH_NOARGS, metrics_doc},
    {"_relation_metrics", METHOD(connection_relation_metrics), METH_O, relation_metrics_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef connection_getset[] = {
    {"is_closed", (getter)connection_is_closed, NULL, "True after close().", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef connection_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct connection, weak_references), READONLY,
     NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(connection_doc, "The base of laminardb.Connection.");
static PyType_Slot connection_slots[] = {
    {Py_tp_new, connection_new},         {Py_tp_dealloc, connection_dealloc},
    {Py_tp_repr, connection_repr},       {Py_tp_methods, connection_methods},
    {Py_tp_getset, connection_getset},   {Py_tp_members, connection_members},
    {Py_tp_doc, (void *)connection_doc}, {0, NULL},
};
PyType_Spec connection_spec = {"laminardb._laminar.Connection", sizeof(struct connection), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
                               connection_slots};
