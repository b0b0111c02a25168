/* runtime.c - relations at run time: a source's or table's store and readers; a stream's operators, store and readers.
 *
 * A stream is installed in one critical section of the step lock: its operators are built, fed what its inputs keep (backfill),
 * and only then connected to the live inputs; so it misses no row and sees none twice.
 *
 * @locks control for install and remove; both take step inside. Output call-backs run in the step. */
#include "base/error.h"
#include "engine/history.h"
#include <string.h>

/* --- Delivery -------------------------------------------------------------------------------------------------------------- */

static void push_held(struct relation_runtime *runtime)
{
    for (size_t i = 0; i < runtime->subs.n; i++)
        subscription_push_all(runtime->subs.items[i], runtime->held.items, runtime->held.n);
    for (size_t i = 0; i < runtime->held.n; i++) batch_unref(runtime->held.items[i]);
    runtime->held.n = 0;
}

void runtime_deliver_held(struct database *db)
{
    for (size_t i = 0; i < db->held.n; i++) push_held(db->held.items[i]);
    db->held.n = 0;
}

/* False: no memory to hold it with. */
static bool hold(struct relation_runtime *runtime, struct batch *batch)
{
    struct database *db = runtime->db;
    if (!ARRAY_RESERVE(&runtime->held, runtime->held.n + 1)) return false;
    if (runtime->held.n == 0 && !ARRAY_PUSH(&db->held, runtime)) return false;
    runtime->held.items[runtime->held.n++] = batch_ref(batch);
    return true;
}

laminar_status runtime_deliver(struct relation_runtime *runtime, struct batch *batch,
                               struct laminar_error *err)
{
    if (unlikely(runtime->history != NULL)) {
        laminar_status status = history_append(runtime->history, batch, err);
        if (status != LAMINAR_OK) return status;
    }
    if (unlikely(runtime->db->holds_deliveries) && runtime->subs.n > 0) {
        if (hold(runtime, batch)) return LAMINAR_OK;
        push_held(runtime); /* what came before comes first */
    }
    for (size_t i = 0; i < runtime->subs.n; i++) subscription_push(runtime->subs.items[i], batch);
    return LAMINAR_OK;
}

/* A file gets the changes of what retracts; a store applies them; else only readers of changes look at retracted rows. */
static bool wants_retractions(void *ctx)
{
    const struct relation_runtime *runtime = ctx;
    if (runtime->store || runtime->file || runtime->history) return true;
    if (runtime->may_cancel && runtime->subs.n > 0) return true; /* to see what cancels */
    for (size_t i = 0; i < runtime->subs.n; i++)
        if (subscription_wants_changes(runtime->subs.items[i])) return true;
    return false;
}

static bool wants_batches(const struct relation_runtime *runtime)
{
    return runtime->subs.n > 0 || runtime->file || runtime->history ||
           (runtime->store && runtime->store_kind == STORE_LOG);
}

static laminar_status on_chunk(void *ctx, struct step *step, const struct chunk *chunk)
{
    struct relation_runtime *runtime = ctx;
    laminar_status status = LAMINAR_OK;
    size_t n = chunk->n_rows;
    atomic_fetch_add_explicit(&runtime->total_rows, n, memory_order_relaxed);
    atomic_fetch_add_explicit(&runtime->db->events_emitted, n, memory_order_relaxed);
    if (runtime->store && runtime->store_kind != STORE_LOG)
        TRY(store_apply(runtime->store, chunk, step->err));
    if (wants_batches(runtime)) TRY(batch_builder_append(runtime->builder, chunk, step->err));
done:
    return status;
}

static laminar_status on_finish(void *ctx, struct step *step, int64_t watermark_us)
{
    struct relation_runtime *runtime = ctx;
    laminar_status status = LAMINAR_OK;
    struct batch *batch = NULL;
    if (watermark_us > atomic_load_explicit(&runtime->watermark_us, memory_order_relaxed))
        atomic_store_explicit(&runtime->watermark_us, watermark_us, memory_order_relaxed);
    if (batch_builder_n_rows(runtime->builder) == 0) return LAMINAR_OK;
    TRY(batch_builder_finish(runtime->builder, &batch, step->err));
    batch->step = step->number;
    batch->time_us = step->time_us;
    if (runtime->may_cancel)
        TRY(compact_batch(&runtime->compactor, runtime->builder, &batch, step->err));
    if (!batch) return LAMINAR_OK;
    if (runtime->store && runtime->store_kind == STORE_LOG)
        TRY(store_append(runtime->store, batch, step->err));
    if (runtime->file) TRY(file_sink_write(runtime->file, batch, step->err));
    TRY(runtime_deliver(runtime, batch, step->err));
done:
    batch_unref(batch);
    return status;
}

static void on_failure(void *ctx, const struct laminar_error *err)
{
    struct relation_runtime *runtime = ctx;
    if (runtime->has_failed) return;
    runtime->has_failed = true;
    runtime->failure = *err;
    error_object(&runtime->failure, runtime->relation->name);
    for (size_t i = 0; i < runtime->subs.n; i++)
        subscription_finish(runtime->subs.items[i], &runtime->failure);
}

/* --- Pushing contents ---------------------------------------------------------------------------------------------------------- */

laminar_status runtime_push_batch(struct relation_runtime *runtime, struct step *step,
                                  struct circuit *circuit, struct op *scan,
                                  const struct batch *batch)
{
    (void)runtime;
    struct vector stack[64];
    struct vector *slice = batch->n_cols <= ARRAY_LENGTH(stack)
                               ? stack
                               : mem_alloc(batch->n_cols * sizeof *slice);
    if (!slice) return error_oom(step->err);
    laminar_status status = LAMINAR_OK;
    for (size_t at = 0; at < batch->n_rows && status == LAMINAR_OK; at += CHUNK_ROWS) {
        struct chunk chunk = batch_chunk(batch, at, slice);
        status = circuit_push(circuit, step, scan, &chunk);
    }
    if (slice != stack) mem_free(slice);
    return status;
}

static laminar_status collect_contents(void *ctx, struct step *step, const struct chunk *chunk)
{
    return batch_builder_append(ctx, chunk, step->err);
}

struct contents_push {
    struct step *step;
    struct circuit *circuit;
    struct op *scan;
};
static laminar_status push_contents(void *ctx, struct step *step, const struct chunk *chunk)
{
    const struct contents_push *to = ctx;
    (void)step; /* has the same error */
    return circuit_push(to->circuit, to->step, to->scan, chunk);
}

static laminar_status read_derived(struct relation_runtime *runtime,
                                   laminar_status (*take)(void *ctx, struct step *step,
                                                          const struct chunk *chunk),
                                   void *ctx, struct laminar_error *err)
{
    struct step step = {
        .number = runtime->db->step_number,
        .time_us = engine_clock_us(runtime->db),
        .error_mode = (enum row_error_mode)runtime->db->settings.number[SETTING_ID_on_error],
        .zone = runtime->db->settings.text[SETTING_ID_time_zone],
        .err = err};
    return circuit_contents(runtime->part.root, &step, take, ctx);
}

bool runtime_reads_in_pieces(struct relation_runtime *runtime)
{
    return runtime->is_derived && memory_spilled_bytes(runtime->db) > 0;
}

laminar_status runtime_read_contents(struct relation_runtime *runtime,
                                     laminar_status (*take)(void *ctx, struct step *step,
                                                            const struct chunk *chunk),
                                     void *ctx, struct laminar_error *err)
{
    _Atomic bool *is_strict = &runtime->db->spiller.is_strict;
    bool was_strict = atomic_load_explicit(is_strict, memory_order_relaxed);
    atomic_store_explicit(is_strict, true, memory_order_relaxed);
    laminar_status status = read_derived(runtime, take, ctx, err);
    atomic_store_explicit(is_strict, was_strict, memory_order_relaxed);
    return status;
}

laminar_status runtime_push_contents(struct relation_runtime *runtime, struct step *step,
                                     struct circuit *circuit, struct op *scan)
{
    struct contents_push to = {step, circuit, scan};
    return runtime_read_contents(runtime, push_contents, &to, step->err);
}

static laminar_status read_store(struct store *store, struct batch_builder *builder,
                                 struct laminar_error *err)
{
    laminar_status status;
    struct store_snapshot *snapshot = NULL;
    TRY(store_snapshot_create(store, &snapshot, err));
    for (;;) {
        struct chunk chunk;
        TRY(store_snapshot_next(snapshot, &chunk, err));
        if (chunk.n_rows == 0) break;
        TRY(batch_builder_append(builder, &chunk, err));
    }
done:
    store_snapshot_release(snapshot);
    return status;
}

laminar_status runtime_contents(struct relation_runtime *runtime, struct batch **out,
                                struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct batch_builder *builder = NULL;
    *out = NULL;
    if (!runtime->is_derived && !runtime->store) return LAMINAR_OK;
    TRY(batch_builder_create(runtime->relation->schema, runtime->db->pool, &builder, err));
    if (runtime->is_derived)
        TRY(read_derived(runtime, collect_contents, builder, err));
    else
        TRY(read_store(runtime->store, builder, err));
    if (batch_builder_n_rows(builder) > 0) TRY(batch_builder_finish(builder, out, err));
done:
    batch_builder_free(builder);
    return status;
}

static laminar_status count_contents(void *ctx, struct step *step, const struct chunk *chunk)
{
    (void)step;
    size_t *n = ctx;
    *n += chunk->n_rows;
    return LAMINAR_OK;
}

size_t runtime_n_rows(struct relation_runtime *runtime)
{
    if (runtime->store) return store_n_rows(runtime->store);
    if (!runtime->is_derived || runtime->has_failed) return 0;
    size_t n = 0;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct step step = {.number = runtime->db->step_number,
                        .time_us = engine_clock_us(runtime->db),
                        .zone = "UTC",
                        .err = &err};
    laminar_status status = circuit_contents(runtime->part.root, &step, count_contents, &n);
    return status == LAMINAR_OK ? n : 0;
}

static laminar_status push_store(struct store *store, struct step *step, struct circuit *circuit,
                                 struct op *scan)
{
    laminar_status status;
    struct store_snapshot *snapshot = NULL;
    TRY(store_snapshot_create(store, &snapshot, step->err));
    for (;;) {
        struct chunk chunk;
        TRY(store_snapshot_next(snapshot, &chunk, step->err));
        if (chunk.n_rows == 0) break;
        TRY(circuit_push(circuit, step, scan, &chunk));
    }
done:
    store_snapshot_release(snapshot);
    return status;
}

/* --- Install ----------------------------------------------------------------------------------------------------------------------- */

static enum store_kind choose_store(const struct relation *relation, const struct plan *plan)
{
    if (!plan)
        return relation->n_key_cols > 0           ? STORE_KEYED
               : relation->kind == RELATION_TABLE ? STORE_BAG
                                                  : STORE_LOG;
    if (plan->props.is_append_only) return STORE_LOG;
    return plan->props.has_key && plan->props.n_key_cols > 0 ? STORE_KEYED : STORE_BAG;
}

static bool keeps_rows(const struct relation *relation, enum store_kind kind)
{
    if (relation->kind == RELATION_SINK && relation->connector) return false;
    return !(kind == STORE_LOG && relation->retention.kind == RETAIN_NONE);
}

static laminar_status create_runtime(struct database *db, struct relation *relation,
                                     struct plan *plan, struct relation_runtime **out,
                                     struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct relation_runtime *runtime = mem_calloc(1, sizeof *runtime);
    if (!runtime) return error_oom(err);
    runtime->relation = relation_ref(relation);
    runtime->db = db;
    runtime->plan = plan;
    runtime->is_target = plan == NULL;
    runtime->may_cancel = plan && compact_may_help(plan);
    runtime->watermark_us = WATERMARK_NONE;
    runtime->store_kind = choose_store(relation, plan);
    const uint32_t *keys = relation->key_cols;
    uint32_t n_keys = runtime->store_kind == STORE_KEYED ? relation->n_key_cols : 0;
    /* A stream that retracts may be state already: that is known once its operators are there (install_operators). */
    if (keeps_rows(relation, runtime->store_kind) && (!plan || runtime->store_kind == STORE_LOG))
        TRY(store_create(runtime->store_kind, relation->schema, keys, n_keys, relation->retention,
                         &db->account, &runtime->store, err));
    if (runtime->store) store_set_spill(runtime->store, &db->spiller.base);
    TRY(batch_builder_create(relation->schema, db->pool, &runtime->builder, err));
    if (relation->history.kind != RETAIN_NONE)
        TRY(history_create(db, relation, db->step_number, &runtime->history, err));
    runtime->slice = mem_calloc(relation->schema->n_columns + 1, sizeof *runtime->slice);
    runtime->weights = mem_calloc(CHUNK_ROWS, sizeof *runtime->weights);
    runtime->home = plan_home_create(runtime);
    if (!runtime->slice || !runtime->weights || !runtime->home) TRY(error_oom(err));
    if (relation->kind == RELATION_SINK && relation->connector)
        TRY(file_sink_open(relation, &db->sink_start, &runtime->file, err));
    if (relation->kind == RELATION_SOURCE && relation->connector)
        TRY(feed_create(db, relation, &runtime->feed, err));
    *out = runtime;
    runtime = NULL;
done:
    runtime_free(runtime);
    return status;
}

void runtime_free(struct relation_runtime *runtime)
{
    if (!runtime) return;
    laminar_status status = file_sink_close(runtime->file, NULL);
    (void)status;
    feed_close(runtime->db, runtime->feed);
    batch_builder_free(runtime->late);
    store_free(runtime->store);
    history_free(runtime->history);
    batch_builder_free(runtime->builder);
    compactor_free(runtime->compactor);
    mem_free(runtime->slice);
    mem_free(runtime->weights);
    ARRAY_DEINIT(&runtime->consumers);
    ARRAY_DEINIT(&runtime->subs);
    ARRAY_DEINIT(&runtime->held);
    plan_home_unref(runtime->home);
    for (size_t i = 0; i < runtime->borrowed.n; i++) plan_home_unref(runtime->borrowed.items[i]);
    ARRAY_DEINIT(&runtime->borrowed);
    relation_unref(runtime->relation);
    mem_free(runtime);
}

static laminar_status backfill(struct database *db, struct relation_runtime *runtime,
                               struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct step step = engine_new_step(db, err);
    step.gives_all = true;
    struct query_memory memory = memory_guard_query(db, &db->account, true);
    step.guard = &memory.base;
    atomic_store_explicit(&db->spiller.is_strict, true, memory_order_relaxed);
    for (uint32_t i = 0; i < runtime->part.n_scans; i++) {
        struct relation_runtime *input = runtime->part.relations[i]->runtime;
        if (runtime_reads_in_pieces(input)) {
            TRY(runtime_push_contents(input, &step, db->circuit, runtime->part.scans[i]));
        } else if (input->is_derived) {
            struct batch *contents = NULL;
            TRY(runtime_contents(input, &contents, err));
            if (contents)
                status = runtime_push_batch(input, &step, db->circuit, runtime->part.scans[i],
                                            contents);
            batch_unref(contents);
            if (status != LAMINAR_OK) goto done;
        } else if (input->store) {
            TRY(push_store(input->store, &step, db->circuit, runtime->part.scans[i]));
        }
        op_mark(runtime->part.scans[i]); /* the time of idle sources begins */
        int64_t watermark = atomic_load_explicit(&input->watermark_us, memory_order_relaxed);
        if (watermark != WATERMARK_NONE)
            circuit_set_watermark(db->circuit, runtime->part.scans[i], watermark);
    }
    circuit_finish_step(db->circuit, &step);
    timer_update(db);
    if (runtime->has_failed) {
        if (err) *err = runtime->failure;
        status = runtime->failure.code;
    }
done:
    atomic_store_explicit(&db->spiller.is_strict, false, memory_order_relaxed);
    return status;
}

static laminar_status connect_inputs(struct database *db, struct relation_runtime *runtime,
                                     struct laminar_error *err)
{
    for (uint32_t i = 0; i < runtime->part.n_scans; i++) {
        struct relation_runtime *input = runtime->part.relations[i]->runtime;
        if (runtime->part.scans[i]->n_parts > 1) continue; /* another's: it is */
        if (input->is_target) {
            if (!ARRAY_PUSH(&input->consumers, runtime->part.scans[i])) return error_oom(err);
            feed_want(db, input->feed);
        } else {
            laminar_status status = circuit_connect(db->circuit, input->part.root,
                                                    runtime->part.scans[i], 0, err);
            if (status != LAMINAR_OK) return status;
        }
    }
    return LAMINAR_OK;
}

void runtime_disconnect_scan(struct relation_runtime *runtime, uint32_t i)
{
    struct relation_runtime *input = runtime->part.relations[i]->runtime;
    struct op *scan = runtime->part.scans[i];
    if (!input || scan->n_parts > 1) return; /* others go on reading */
    if (!input->is_target) {
        circuit_disconnect(runtime->db->circuit, input->part.root, scan);
        return;
    }
    size_t n = 0;
    for (size_t j = 0; j < input->consumers.n; j++)
        if (input->consumers.items[j] != scan)
            input->consumers.items[n++] = input->consumers.items[j];
    input->consumers.n = n;
}

static void disconnect_inputs(struct relation_runtime *runtime)
{
    for (uint32_t i = 0; i < runtime->part.n_scans; i++) runtime_disconnect_scan(runtime, i);
}

static laminar_status check_inputs(const struct plan *plan, struct arena *arena,
                                   struct laminar_error *err)
{
    struct relation **inputs = NULL;
    uint32_t n = 0;
    laminar_status status = plan_inputs(plan, arena, &inputs, &n);
    if (status != LAMINAR_OK) return status == LAMINAR_OUT_OF_MEMORY ? error_oom(err) : status;
    for (uint32_t i = 0; i < n; i++) {
        struct relation_runtime *input = inputs[i]->runtime;
        if (!input) {
            error_set(err, LAMINAR_QUERY_UNSUPPORTED, "a stream can't read '%s'", inputs[i]->name);
            error_hint(err, "system relations answer one-shot queries only");
            return LAMINAR_QUERY_UNSUPPORTED;
        }
        if (input->has_failed) {
            error_set(err, LAMINAR_QUERY_FAILED, "'%s' has stopped: %.600s", inputs[i]->name,
                      input->failure.message);
            error_hint(err, "drop and create it again first");
            return LAMINAR_QUERY_FAILED;
        }
    }
    return LAMINAR_OK;
}

/* A stream that retracts: its rows are read out of its operators where these keep them, else out of a store of their own. */
static laminar_status choose_keeping(struct database *db, struct relation_runtime *runtime,
                                     struct laminar_error *err)
{
    const struct plan *plan = runtime->plan;
    if (runtime->store || !keeps_rows(runtime->relation, runtime->store_kind) ||
        runtime->relation->retention.kind == RETAIN_NONE)
        return LAMINAR_OK;
    /* Not yet connected, so what passes on the rows of another stream has none of its own, and gets a store. */
    runtime->is_derived = op_has_contents(runtime->part.root);
    if (runtime->is_derived) return LAMINAR_OK;
    bool is_keyed = runtime->store_kind == STORE_KEYED;
    laminar_status status = store_create(
        runtime->store_kind, runtime->relation->schema, is_keyed ? plan->props.key_cols : NULL,
        is_keyed ? plan->props.n_key_cols : 0, runtime->relation->retention, &db->account,
        &runtime->store, err);
    if (status == LAMINAR_OK) store_set_spill(runtime->store, &db->spiller.base);
    return status;
}

/* The caller holds step. */
static laminar_status install_operators(struct database *db, struct relation_runtime *runtime,
                                        bool is_named, struct laminar_error *err)
{
    laminar_status status;
    struct output_callbacks callbacks = {on_chunk, on_finish, on_failure, wants_retractions,
                                         runtime};
    TRY(circuit_add(db->circuit, runtime->plan, CIRCUIT_STREAM, &runtime->part, err));
    for (size_t i = 0; i < runtime->part.ops.n; i++)
        runtime->part.ops.items[i]->home = runtime->home;
    if (is_named) circuit_make_lasting(&runtime->part);
    TRY(choose_keeping(db, runtime, err));
    TRY(circuit_add_output(db->circuit, runtime->part.root, &callbacks, &runtime->output, err));
    if (!ARRAY_PUSH(&runtime->part.ops, runtime->output)) TRY(error_oom(err));
    TRY(late_data_connect(runtime, err));
    if (!db->is_restoring) {
        TRY(backfill(db, runtime, err));
        TRY(sharing_join(runtime, is_named, err));
    }
    TRY(connect_inputs(db, runtime, err));
    TRY(engine_run_late(db, err));
done:
    return status;
}

laminar_status runtime_install_anonymous(struct database *db, struct relation *relation,
                                         struct plan *plan, struct arena *take_plan_arena,
                                         struct subscription *sub, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct relation_runtime *runtime = NULL;
    if (plan) TRY(check_inputs(plan, take_plan_arena, err));
    TRY(create_runtime(db, relation, plan, &runtime, err));
    engine_lock_step(db);
    if (sub && !ARRAY_PUSH(&runtime->subs, sub)) status = error_oom(err);
    if (status == LAMINAR_OK && plan) status = install_operators(db, runtime, sub == NULL, err);
    if (status == LAMINAR_OK) {
        relation->runtime = runtime;
        feed_installed(db, runtime->feed);
        runtime->home->arena = *take_plan_arena;
        *take_plan_arena = (struct arena){0};
    } else {
        if (plan) {
            disconnect_inputs(runtime);
            circuit_remove(db->circuit, &runtime->part);
            sharing_leave(runtime);
            late_data_forget(runtime);
        }
    }
    engine_unlock_step(db);
    if (status != LAMINAR_OK) runtime_free(runtime);
done:
    return status;
}

laminar_status runtime_install(struct database *db, struct relation *relation, struct plan *plan,
                               struct arena *take_plan_arena, struct laminar_error *err)
{
    laminar_status status = runtime_install_anonymous(db, relation, plan, take_plan_arena, NULL,
                                                      err);
    if (status != LAMINAR_OK) return status;
    status = catalog_add(&db->catalog, relation, err);
    if (status != LAMINAR_OK) runtime_uninstall(db, relation);
    return status;
}

void runtime_uninstall(struct database *db, struct relation *relation)
{
    struct relation_runtime *runtime = relation->runtime;
    if (!runtime) return;
    engine_lock_step(db);
    disconnect_inputs(runtime);
    circuit_remove(db->circuit, &runtime->part);
    sharing_leave(runtime);
    late_data_forget(runtime);
    for (size_t i = 0; i < runtime->subs.n; i++) subscription_finish(runtime->subs.items[i], NULL);
    subscriptions_forget(runtime);
    relation->runtime = NULL;
    engine_unlock_step(db);
    runtime_free(runtime);
}

void runtime_remove(struct database *db, struct relation *relation)
{
    relation_ref(relation);
    runtime_uninstall(db, relation);
    catalog_remove(&db->catalog, relation);
    relation_unref(relation);
}
