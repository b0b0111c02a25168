/* type_subscription.c - Subscription and StreamSubscription: a bounded queue of deliveries, read by waiting, by polling, by
 * iterating, or by an event loop through fileno().
 *
 * The library lets one thread read at a time; readers here take turns under a lock. cancel() takes no lock, so that it works
 * while a reader waits. A waiting reader wakes every SLICE_MS to look for signals, so that Ctrl-C ends the wait; deliveries
 * wake it at once. */
#include "pymodule.h"
#include <stddef.h>

enum { SLICE_MS = 100 };

struct subscription_object {
    PyObject_HEAD laminar_subscription *sub;
    unsigned fork_generation;
    struct handle_lock reading;
    PyObject *weak_references;
};

PyObject *subscription_object(struct module_state *state, PyTypeObject *type,
                              laminar_subscription *take_sub, unsigned fork_generation)
{
    (void)state;
    struct subscription_object *self = (struct subscription_object *)type->tp_alloc(type, 0);
    if (!self) {
        laminar_subscription_free(take_sub);
        return NULL;
    }
    self->sub = take_sub;
    self->fork_generation = fork_generation;
    handle_lock_init(&self->reading);
    return (PyObject *)self;
}

static void subscription_dealloc(struct subscription_object *self)
{
    PyTypeObject *type = Py_TYPE(self);
    if (self->weak_references) PyObject_ClearWeakRefs((PyObject *)self);
    struct module_state *state = state_of((PyObject *)self);
    bool is_forked = state && self->fork_generation != atomic_load_explicit(&state->fork_generation,
                                                                            memory_order_relaxed);
    if (!is_forked) {
        Py_BEGIN_ALLOW_THREADS laminar_subscription_free(self->sub);
        Py_END_ALLOW_THREADS handle_lock_deinit(&self->reading);
    }
    type->tp_free(self);
    Py_DECREF(type);
}

static bool is_active(const struct subscription_object *self)
{
    return laminar_subscription_get_state(self->sub) == LAMINAR_SUBSCRIPTION_ACTIVE;
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

/* One turn of waiting. */
static laminar_status read_once(struct subscription_object *self, int64_t timeout_ms,
                                laminar_result **out, laminar_error *err)
{
    laminar_status status;
    Py_BEGIN_ALLOW_THREADS status = laminar_subscription_next(self->sub, timeout_ms, out, err);
    Py_END_ALLOW_THREADS return status;
}

/* Waits up to timeout_ms (< 0: without limit). 0 = *out is the delivery, or NULL at the end; 1 = time is up; -1 = exception. */
static int wait_next(struct subscription_object *self, int64_t timeout_ms, laminar_result **out)
{
    struct module_state *state = state_of((PyObject *)self);
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_status status;
    if (check_fork(state, self->fork_generation) < 0) return -1;
    if (handle_lock_take(state, &self->reading) < 0) return -1;
    int64_t left = timeout_ms;
    int result = 0;
    for (;;) {
        int64_t slice = left < 0 || left > SLICE_MS ? SLICE_MS : left;
        status = read_once(self, slice, out, &err);
        if (status != LAMINAR_SUBSCRIPTION_TIMEOUT) break;
        if (left > 0) left -= slice;
        if (left == 0) break;
        if (PyErr_CheckSignals() < 0) {
            result = -1;
            break;
        }
    }
    handle_lock_release(&self->reading);
    if (result == 0 && status == LAMINAR_SUBSCRIPTION_TIMEOUT) return 1;
    if (result == 0 && status != LAMINAR_OK) {
        raise_error(state, &err);
        result = -1;
    }
    return result;
}

PyDoc_STRVAR(next_doc,
             "next($self, /)\n--\n\n"
             "Waits for the next delivery. None when the subscription was cancelled or has ended.");
static PyObject *subscription_next(struct subscription_object *self, PyObject *Py_UNUSED(ignored))
{
    laminar_result *result = NULL;
    if (wait_next(self, -1, &result) < 0) return NULL;
    if (!result) Py_RETURN_NONE;
    return result_object(state_of((PyObject *)self), result);
}

static PyObject *subscription_iternext(struct subscription_object *self)
{
    laminar_result *result = NULL;
    if (wait_next(self, -1, &result) < 0 || !result) return NULL;
    return result_object(state_of((PyObject *)self), result);
}

PyDoc_STRVAR(next_timeout_doc,
             "next_timeout($self, timeout_ms)\n--\n\n"
             "Waits up to timeout_ms milliseconds; SubscriptionError (502) when nothing came.\n"
             "None when the subscription was cancelled or has ended.");
static PyObject *subscription_next_timeout(struct subscription_object *self, PyObject *const *args,
                                           Py_ssize_t n_args, PyObject *keywords)
{
    struct module_state *state = state_of((PyObject *)self);
    PyObject *given;
    if (one_argument("next_timeout", "timeout_ms", args, n_args, keywords, &given) < 0) return NULL;
    long long timeout_ms = PyLong_AsLongLong(given);
    if (timeout_ms == -1 && PyErr_Occurred()) return NULL;
    if (timeout_ms < 0) {
        PyErr_Format(PyExc_ValueError, "timeout_ms must not be negative, and is %lld", timeout_ms);
        return NULL;
    }
    laminar_result *result = NULL;
    int outcome = wait_next(self, timeout_ms, &result);
    if (outcome < 0) return NULL;
    if (outcome == 1)
        return raise_code(state, LAMINAR_SUBSCRIPTION_TIMEOUT, NULL,
                          "timeout: nothing came within %lld ms", timeout_ms);
    if (!result) Py_RETURN_NONE;
    return result_object(state, result);
}

PyDoc_STRVAR(try_next_doc,
             "try_next($self, /)\n--\n\nThe next delivery if there is one; never waits.");
static PyObject *subscription_try_next(struct subscription_object *self,
                                       PyObject *Py_UNUSED(ignored))
{
    laminar_result *result = NULL;
    if (wait_next(self, 0, &result) < 0) return NULL;
    if (!result) Py_RETURN_NONE;
    return result_object(state_of((PyObject *)self), result);
}

PyDoc_STRVAR(
    cancel_doc,
    "cancel($self, /)\n--\n\nEnds the subscription and wakes a waiting reader. Any thread; twice is fine.");
static PyObject *subscription_cancel(struct subscription_object *self, PyObject *Py_UNUSED(ignored))
{
    if (check_fork(state_of((PyObject *)self), self->fork_generation) < 0) return NULL;
    Py_BEGIN_ALLOW_THREADS laminar_subscription_cancel(self->sub);
    Py_END_ALLOW_THREADS Py_RETURN_NONE;
}

PyDoc_STRVAR(
    fileno_doc,
    "fileno($self, /)\n--\n\n"
    "A descriptor that is readable while there is something to read, or the end was reached: for select, poll\n"
    "and event loops. It must be neither read nor closed.");
static PyObject *subscription_fileno(struct subscription_object *self, PyObject *Py_UNUSED(ignored))
{
    struct module_state *state = state_of((PyObject *)self);
    if (check_fork(state, self->fork_generation) < 0) return NULL;
    laminar_error err = LAMINAR_ERROR_INIT;
    int fd = laminar_subscription_fd(self->sub, &err);
    return fd >= 0 ? PyLong_FromLong(fd) : raise_error(state, &err);
}

PyDoc_STRVAR(
    live_doc,
    "live($self, *, max_rows=20, refresh_ms=100)\n--\n\n"
    "A table that keeps itself up to date: what there is now for a subscription with changes=True, else the newest\n"
    "rows. In a notebook it returns at once, and LiveTable.stop() ends it; in a terminal it goes on until Ctrl-C or the\n"
    "subscription's end. max_rows: rows shown at most; refresh_ms: least time between two pictures, milliseconds.");
static PyObject *subscription_live(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"max_rows", "refresh_ms", NULL};
    PyObject *max_rows = Py_None, *refresh_ms = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$OO:live", names, &max_rows, &refresh_ms))
        return NULL;
    PyObject *options = PyTuple_Pack(2, max_rows, refresh_ms);
    if (!options) return NULL;
    PyObject *table = adapt_call("live", self, options);
    Py_DECREF(options);
    return table;
}

/* --- Properties --------------------------------------------------------------------------------------------------- */

static PyObject *subscription_is_active(struct subscription_object *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(is_active(self));
}

static const char *state_text(const struct subscription_object *self)
{
    switch (laminar_subscription_get_state(self->sub)) {
    case LAMINAR_SUBSCRIPTION_ACTIVE: return "active";
    case LAMINAR_SUBSCRIPTION_FINISHED: return "finished";
    case LAMINAR_SUBSCRIPTION_CANCELLED: return "cancelled";
    }
    return "finished";
}

static PyObject *subscription_state(struct subscription_object *self, void *Py_UNUSED(closure))
{
    return PyUnicode_FromString(state_text(self));
}

static PyObject *subscription_dropped_rows(struct subscription_object *self,
                                           void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLongLong(laminar_subscription_dropped_rows(self->sub));
}

static PyObject *subscription_epoch(struct subscription_object *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLongLong(laminar_subscription_epoch(self->sub));
}

static PyObject *subscription_c_schema(struct subscription_object *self,
                                       PyObject *Py_UNUSED(ignored))
{
    struct module_state *state = state_of((PyObject *)self);
    laminar_error err = LAMINAR_ERROR_INIT;
    struct ArrowSchema schema;
    if (check_fork(state, self->fork_generation) < 0) return NULL;
    if (laminar_subscription_schema(self->sub, &schema, &err) != LAMINAR_OK)
        return raise_error(state, &err);
    return capsule_schema(&schema);
}

static PyObject *subscription_schema(PyObject *self, void *Py_UNUSED(closure))
{
    struct subscription_object *sub = (struct subscription_object *)self;
    if (laminar_subscription_get_state(sub->sub) == LAMINAR_SUBSCRIPTION_CANCELLED) {
        PyErr_SetString(PyExc_RuntimeError, "the subscription was cancelled");
        return NULL;
    }
    return adapt_call("arrow_schema", self, NULL);
}

/* The type's name without its module, and the state. */
static PyObject *subscription_repr(struct subscription_object *self)
{
    struct module_state *state = state_of((PyObject *)self);
    return PyUnicode_FromFormat(
        "%s(%s)",
        Py_IS_TYPE(self, state->stream_subscription_type) ? "StreamSubscription" : "Subscription",
        state_text(self));
}

static PyObject *subscription_enter(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return Py_NewRef(self);
}

static PyObject *subscription_exit(struct subscription_object *self, PyObject *Py_UNUSED(args))
{
    return subscription_cancel(self, NULL);
}

static PyMethodDef subscription_methods[] = {
    {"next", METHOD(subscription_next), METH_NOARGS, next_doc},
    {"next_timeout", METHOD(subscription_next_timeout), METH_FASTCALL | METH_KEYWORDS,
     next_timeout_doc},
    {"try_next", METHOD(subscription_try_next), METH_NOARGS, try_next_doc},
    {"cancel", METHOD(subscription_cancel), METH_NOARGS, cancel_doc},
    {"fileno", METHOD(subscription_fileno), METH_NOARGS, fileno_doc},
    {"live", METHOD(subscription_live), METH_VARARGS | METH_KEYWORDS, live_doc},
    {"__arrow_c_schema__", METHOD(subscription_c_schema), METH_NOARGS,
     "__arrow_c_schema__($self, /)\n--\n\nThe columns as an Arrow schema capsule."},
    {"__enter__", METHOD(subscription_enter), METH_NOARGS,
     "__enter__($self, /)\n--\n\nThe subscription itself."},
    {"__exit__", METHOD(subscription_exit), METH_VARARGS,
     "__exit__($self, /, *args)\n--\n\nCancels."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef subscription_getset[] = {
    {"is_active", (getter)subscription_is_active, NULL, "True until it is cancelled or has ended.",
     NULL},
    {"state", (getter)subscription_state, NULL, "'active', 'finished' or 'cancelled'.", NULL},
    {"dropped_rows", (getter)subscription_dropped_rows, NULL,
     "Rows dropped by the policy drop_oldest.", NULL},
    {"epoch", (getter)subscription_epoch, NULL,
     "The newest epoch that was delivered; before the first delivery, where it began.", NULL},
    {"schema", (getter)subscription_schema, NULL, "The columns as a pyarrow.Schema. Needs pyarrow.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef subscription_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct subscription_object, weak_references),
     READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(
    subscription_doc,
    "A subscription to a query: first its current result, then each change.\n\n"
    "Iterating waits for deliveries (QueryResult) and ends at cancel(), shutdown() or close().");
PyDoc_STRVAR(
    stream_subscription_doc,
    "A subscription to a stream, source, table, sink or view by name.\n\n"
    "Iterating waits for deliveries (QueryResult) and ends at cancel(), shutdown() or close().");

#define SUBSCRIPTION_SLOTS(doc)                                                                    \
    {                                                                                              \
        {Py_tp_dealloc, subscription_dealloc}, {Py_tp_repr, subscription_repr},                    \
            {Py_tp_iter, PyObject_SelfIter}, {Py_tp_iternext, subscription_iternext},              \
            {Py_tp_methods, subscription_methods}, {Py_tp_getset, subscription_getset},            \
            {Py_tp_members, subscription_members}, {Py_tp_doc, (void *)(doc)}, {0, NULL},          \
    }
static PyType_Slot subscription_slots[] = SUBSCRIPTION_SLOTS(subscription_doc);
static PyType_Slot stream_subscription_slots[] = SUBSCRIPTION_SLOTS(stream_subscription_doc);
PyType_Spec subscription_spec = {"laminardb.Subscription", sizeof(struct subscription_object), 0,
                                 FLAGS_HEAP_TYPE, subscription_slots};
PyType_Spec stream_subscription_spec = {"laminardb.StreamSubscription",
                                        sizeof(struct subscription_object), 0, FLAGS_HEAP_TYPE,
                                        stream_subscription_slots};
