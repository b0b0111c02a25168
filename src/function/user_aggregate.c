/* user_aggregate.c - the kernels of registered aggregates.
 *
 * A group's state in its row is one pointer to the program's state, made with the group's first row. So states are not plain bytes: freezing
 * serialises them, and their memory is the program's, not accounted here. A group without rows (an aggregate without GROUP BY over nothing)
 * gets a state of its own to finish.
 *
 * Without `retract` the kernels are not retractable, and the engine computes values from the group's kept rows where it must
 * (agg_multiset_by_update: a fresh state for each value). */
#include "function/user_internal.h"
#include "vector/arrow.h"

struct user_state {
    void *state; /* NULL: no row yet */
};

static struct user_state *state_at(uint8_t *row, size_t offset)
{
    return (struct user_state *)(void *)(row + offset);
}

static laminar_status ensure(const struct user_function *f, struct user_state *s,
                             struct laminar_error *err)
{
    if (s->state) return LAMINAR_OK;
    struct laminar_error cause = LAMINAR_ERROR_INIT;
    laminar_status status = f->definition.create(f->definition.user_data, &s->state, &cause);
    if (status == LAMINAR_OK && !s->state)
        status = error_set(&cause, LAMINAR_QUERY_FAILED, "it made no state");
    return status == LAMINAR_OK ? status : user_failed(f, status, &cause, err);
}

static void free_state(const struct user_function *f, struct user_state *s)
{
    if (s->state && f->definition.free_state) {
        laminar_status entered = user_enter(f, NULL);
        f->definition.free_state(f->definition.user_data, s->state);
        if (entered == LAMINAR_OK) user_leave(f);
    }
    s->state = NULL;
}

/* --- Rows in ------------------------------------------------------------------------------------------ */

/* Where row i's state lies: in rows[i], or all in one. */
struct target {
    uint8_t *const *rows;
    size_t offset;
    uint8_t *one; /* NULL: by row */
};
static struct user_state *target_state(const struct target *t, size_t i)
{
    return t->one ? (struct user_state *)(void *)t->one : state_at(t->rows[i], t->offset);
}

static laminar_status add_rows(const struct user_function *f, const struct target *t,
                               const struct vector *args, const int64_t *weights, size_t n,
                               struct laminar_error *err)
{
    laminar_value values[LAMINAR_FUNCTION_ARGS_MAX];
    const laminar_aggregate *d = &f->definition;
    for (size_t i = 0; i < n; i++) {
        if (!user_load_row(f, args, i, values)) continue;
        struct user_state *s = target_state(t, i);
        laminar_status status = ensure(f, s, err);
        struct laminar_error cause = LAMINAR_ERROR_INIT;
        int64_t weight = weights ? weights[i] : 1;
        for (; weight > 0 && status == LAMINAR_OK; weight--)
            status = d->update(d->user_data, s->state, values, f->n_args, &cause);
        for (; weight < 0 && status == LAMINAR_OK; weight++)
            status = d->retract(d->user_data, s->state, values, f->n_args, &cause);
        if (status != LAMINAR_OK)
            return cause.message[0] || !err || !err->message[0]
                       ? user_failed(f, status, &cause, err)
                       : status;
    }
    return LAMINAR_OK;
}

/* One call of update_batch or retract_batch for rows [first, first + n) of the batch. */
static laminar_status call_batch(const struct user_function *f, bool is_retraction,
                                 void *const *states, struct batch *batch, size_t first, size_t n,
                                 struct laminar_error *err)
{
    struct ArrowArray args = {.release = NULL};
    laminar_function_batch call = {.struct_size = sizeof call,
                                   .schema = &f->arrow_args,
                                   .args = &args,
                                   .result = f->arrow_result.children[0]};
    struct laminar_error cause = LAMINAR_ERROR_INIT;
    const laminar_aggregate *d = &f->definition;
    laminar_status status = user_export_rows(f, batch, first, n, &args, err);
    if (status != LAMINAR_OK) return status;
    status = is_retraction ? d->retract_batch(d->user_data, states, &call, &cause)
                           : d->update_batch(d->user_data, states, &call, &cause);
    if (args.release) args.release(&args);
    return status == LAMINAR_OK ? status : user_failed(f, status, &cause, err);
}

/* The rows that count, each as often as its weight says: rows i and whether they are retracted. */
struct unrolled {
    uint32_t *sel;
    bool *is_retraction;
    void **states;
    size_t n;
};

static uint64_t times(int64_t weight)
{
    return weight < 0 ? 0 - (uint64_t)weight : (uint64_t)weight;
}

static laminar_status unroll(const struct user_function *f, const struct target *t,
                             const struct vector *args, const int64_t *weights, size_t n,
                             struct unrolled *u, struct laminar_error *err)
{
    uint32_t own[CHUNK_ROWS];
    ENSURE(n <= CHUNK_ROWS, err);
    size_t m = user_select_rows(f, args, n, own), total = 0;
    for (size_t i = 0; i < m; i++) {
        uint64_t w = weights ? times(weights[own[i]]) : 1;
        if (w > UINT32_MAX || total + w > UINT32_MAX)
            return error_set(err, LAMINAR_QUERY_FAILED, "%s(): a row counts too often", f->name);
        total += (size_t)w;
    }
    u->sel = mem_alloc((total + 1) * sizeof *u->sel);
    u->is_retraction = mem_alloc(total + 1);
    u->states = mem_alloc((total + 1) * sizeof *u->states);
    if (!u->sel || !u->is_retraction || !u->states) return error_oom(err);
    for (size_t i = 0; i < m; i++) {
        int64_t weight = weights ? weights[own[i]] : 1;
        struct user_state *s = target_state(t, own[i]);
        laminar_status status = weight ? ensure(f, s, err) : LAMINAR_OK;
        if (status != LAMINAR_OK) return status;
        for (uint64_t w = times(weight); w > 0; w--) {
            u->sel[u->n] = own[i];
            u->is_retraction[u->n] = weight < 0;
            u->states[u->n++] = s->state;
        }
    }
    return LAMINAR_OK;
}

static laminar_status add_batch(const struct user_function *f, const struct target *t,
                                const struct vector *args, const int64_t *weights, size_t n,
                                struct laminar_error *err)
{
    struct unrolled u = {0};
    struct batch *batch = NULL;
    laminar_status status;
    TRY(unroll(f, t, args, weights, n, &u, err));
    if (u.n > 0) TRY(user_make_batch(f, args, n, u.sel, u.n, &batch, err));
    for (size_t i = 0, run; i < u.n; i += run) {
        for (run = 1; i + run < u.n && u.is_retraction[i + run] == u.is_retraction[i];) run++;
        TRY(call_batch(f, u.is_retraction[i], u.states + i, batch, i, run, err));
    }
done:
    batch_unref(batch);
    mem_free(u.sel);
    mem_free(u.is_retraction);
    mem_free(u.states);
    return status;
}

static laminar_status add(const struct user_function *f, const struct target *t,
                          const struct vector *args, const int64_t *weights, size_t n,
                          struct laminar_error *err)
{
    laminar_status status = user_enter(f, err);
    if (status != LAMINAR_OK) return status;
    if (f->definition.update) {
        status = add_rows(f, t, args, weights, n, err);
    } else {
        struct vector slice[LAMINAR_FUNCTION_ARGS_MAX];
        for (size_t at = 0; at < n && status == LAMINAR_OK; at += CHUNK_ROWS) {
            struct target part = {t->rows ? t->rows + at : NULL, t->offset, t->one};
            for (uint32_t a = 0; a < f->n_args; a++) slice[a] = vector_slice(&args[a], at);
            status = add_batch(f, &part, slice, weights ? weights + at : NULL,
                               n - at < CHUNK_ROWS ? n - at : CHUNK_ROWS, err);
        }
    }
    user_leave(f);
    return status;
}

static laminar_status user_update(UPDATE_ARGS)
{
    return add(agg->data, &(struct target){rows, offset, NULL}, args, weights, n, err);
}
static laminar_status user_update_one(UPDATE_ONE_ARGS)
{
    return add(agg->data, &(struct target){NULL, 0, state}, args, weights, n, err);
}

static laminar_status user_combine(COMBINE_ARGS)
{
    const struct user_function *f = agg->data;
    struct user_state *into = (struct user_state *)(void *)dst;
    const struct user_state *from = (const struct user_state *)(const void *)src;
    if (!from->state) return LAMINAR_OK;
    laminar_status status = user_enter(f, err);
    if (status != LAMINAR_OK) return status;
    struct laminar_error cause = LAMINAR_ERROR_INIT;
    status = ensure(f, into, err);
    if (status == LAMINAR_OK) {
        status = f->definition.merge(f->definition.user_data, into->state, from->state, &cause);
        if (status != LAMINAR_OK) status = user_failed(f, status, &cause, err);
    }
    user_leave(f);
    return status;
}

/* --- Values out ------------------------------------------------------------------------------------------ */

static laminar_status finish_rows(const struct user_function *f, void *const *states, size_t n,
                                  struct column *out, struct laminar_error *err)
{
    for (size_t i = 0; i < n; i++) {
        struct laminar_error cause = LAMINAR_ERROR_INIT;
        laminar_value value = {.type = (laminar_type)f->result.id};
        laminar_status status = f->definition.finish(f->definition.user_data, states[i], &value,
                                                     &cause);
        if (status != LAMINAR_OK) return user_failed(f, status, &cause, err);
        if ((status = user_append_value(f, &value, out, err))) return status;
    }
    return LAMINAR_OK;
}

static laminar_status finish_batch(const struct user_function *f, void *const *states, size_t n,
                                   struct column *out, struct laminar_error *err)
{
    struct ArrowArray array = {.release = NULL};
    struct ArrowSchema schema = {.release = NULL};
    struct laminar_error cause = LAMINAR_ERROR_INIT;
    struct batch *result = NULL;
    laminar_status status = f->definition.finish_batch(
        f->definition.user_data, states, n, f->arrow_result.children[0], &schema, &array, &cause);
    if (status != LAMINAR_OK) {
        if (array.release) array.release(&array);
        if (schema.release) schema.release(&schema);
        return user_failed(f, status, &cause, err);
    }
    status = user_take_result(f, &schema, &array, n, &result, err);
    if (status == LAMINAR_OK)
        status = column_append(out, &result->cols[0], 0, n, STRINGS_COPY, err);
    batch_unref(result);
    return status;
}

static laminar_status user_finish(FINISH_ARGS)
{
    const struct user_function *f = agg->data;
    struct user_state empty = {NULL};
    if (n == 0) return LAMINAR_OK;
    laminar_status status = user_enter(f, err);
    if (status != LAMINAR_OK) return status;
    void **states = mem_alloc(n * sizeof *states);
    if (!states) TRY(error_oom(err));
    for (size_t i = 0; i < n; i++) {
        states[i] = state_at(rows[i], offset)->state;
        if (states[i]) continue;
        TRY(ensure(f, &empty, err));
        states[i] = empty.state;
    }
    TRY(f->definition.finish ? finish_rows(f, states, n, out, err)
                             : finish_batch(f, states, n, out, err));
done:
    free_state(f, &empty);
    user_leave(f);
    mem_free(states);
    return status;
}

/* --- Life -------------------------------------------------------------------------------------------------- */

static void user_destroy(const struct bound_aggregate *agg, unused struct agg_heap *heap,
                         uint8_t *state)
{
    free_state(agg->data, (struct user_state *)(void *)state);
}

static void write_bytes(void *sink, const void *data, size_t size)
{
    strbuf_append(sink, data, size);
}

/* u32 size + 1, then the bytes; 0 for no state. */
static laminar_status user_encode(const struct bound_aggregate *agg, const uint8_t *state,
                                  struct strbuf *out, struct laminar_error *err)
{
    const struct user_function *f = agg->data;
    const struct user_state *s = (const struct user_state *)(const void *)state;
    size_t at = out->size;
    uint32_t size = 0;
    laminar_status status = LAMINAR_OK;
    strbuf_append(out, (const char *)&size, sizeof size);
    if (!s->state) return out->failed ? error_oom(err) : LAMINAR_OK;
    if (!f->definition.serialize) {
        error_set(err, LAMINAR_CHECKPOINT_FAILED, "the aggregate %s() can't be saved", f->name);
        error_hint(err, "register it with serialize and deserialize");
        return LAMINAR_CHECKPOINT_FAILED;
    }
    struct laminar_error cause = LAMINAR_ERROR_INIT;
    if ((status = user_enter(f, err))) return status;
    status = f->definition.serialize(f->definition.user_data, s->state, write_bytes, out, &cause);
    user_leave(f);
    if (status != LAMINAR_OK) return user_failed(f, status, &cause, err);
    if (out->failed) return error_oom(err);
    if (out->size - at - sizeof size >= UINT32_MAX)
        return error_set(err, LAMINAR_CHECKPOINT_FAILED, "a state of %s() has 4 GiB", f->name);
    size = (uint32_t)(out->size - at - sizeof size) + 1;
    memcpy(out->data + at, &size, sizeof size);
    return LAMINAR_OK;
}

static laminar_status user_decode(const struct bound_aggregate *agg, unused struct agg_heap *heap,
                                  uint8_t *state, const uint8_t *data, size_t size, size_t *used,
                                  struct laminar_error *err)
{
    const struct user_function *f = agg->data;
    struct user_state *s = (struct user_state *)(void *)state;
    uint32_t bytes;
    if (size < sizeof bytes) goto damaged;
    memcpy(&bytes, data, sizeof bytes);
    *used = sizeof bytes;
    if (bytes == 0) return LAMINAR_OK;
    if (bytes - 1 > size - sizeof bytes || !f->definition.deserialize) goto damaged;
    *used += bytes - 1;
    struct laminar_error cause = LAMINAR_ERROR_INIT;
    laminar_status status = user_enter(f, err);
    if (status != LAMINAR_OK) return status;
    status = f->definition.deserialize(f->definition.user_data, data + sizeof bytes, bytes - 1,
                                       &s->state, &cause);
    user_leave(f);
    if (status == LAMINAR_OK && !s->state) goto damaged;
    return status == LAMINAR_OK ? status : user_failed(f, status, &cause, err);
damaged:
    return error_set(err, LAMINAR_CHECKPOINT_FAILED, "the state of %s() is damaged", f->name);
}

/* --- Binding -------------------------------------------------------------------------------------------------- */

void user_aggregate_kernels(struct user_function *f)
{
    f->kernels = (struct aggregate_kernels){
        .state_size = sizeof(struct user_state),
        .state_align = 8,
        .is_retractable = f->definition.retract || f->definition.retract_batch,
        .update = user_update,
        .update_one = user_update_one,
        .combine = f->definition.merge ? user_combine : NULL,
        .finish = user_finish,
        .destroy = user_destroy,
        .encode = user_encode,
        .decode = user_decode,
    };
}

laminar_status user_bind_aggregate(struct aggregate_binding *binding)
{
    struct bound_aggregate *agg = binding->agg;
    const struct user_function *f = agg->function->param;
    for (uint32_t i = 0; i < f->n_args; i++)
        if (!agg_want(binding, i, f->arg_types[i])) return aggregate_mismatch(binding);
    agg->data = f;
    /* it may look at the order of its rows: ORDER BY inside the call is obeyed */
    agg->flags = AGG_NEEDS_ORDER;
    return agg_bound(binding, f->result, &f->kernels);
}
