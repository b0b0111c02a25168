/* query.c - one-shot queries: the same operators as streams, on a private circuit that is fed a snapshot in one step and then finished.
 *
 * The step lock is held only while the snapshots are taken (references to batches and frozen pages); the query itself runs beside the
 * steps. Every running query is in the registry, from where it can be cancelled; it looks at the flag between chunks. */
#include "base/error.h"
#include "base/secret.h"
#include "engine/engine.h"
#include <stdlib.h>
#include <string.h>

/* --- Registry ----------------------------------------------------------------------------------------------------------------- */

static void entry_free(struct query_entry *entry)
{
    mem_free(entry->sql);
    mem_free(entry);
}

/* Drops the oldest finished entries beyond the history's bound. The caller holds registry. */
static void trim_history(struct database *db)
{
    size_t n_finished = 0;
    for (struct query_entry **link = &db->queries; *link;) {
        struct query_entry *entry = *link;
        if (!entry->is_active && ++n_finished > QUERY_HISTORY_MAX) {
            *link = entry->next;
            db->n_queries--;
            entry_free(entry);
        } else {
            link = &entry->next;
        }
    }
}

struct query_entry *query_register(struct database *db, const char *sql, size_t size,
                                   bool is_subscription)
{
    struct query_entry *entry = mem_calloc(1, sizeof *entry);
    if (!entry) return NULL;
    if (!(entry->sql = mem_strndup(sql, size))) {
        mem_free(entry);
        return NULL;
    }
    secret_mask_window(sql, size, 0, entry->sql, size); /* everybody sees it */
    entry->is_active = true;
    entry->is_subscription = is_subscription;
    mutex_lock(&db->registry);
    entry->id = db->next_query_id++;
    entry->next = db->queries;
    db->queries = entry;
    if (++db->n_queries > 2 * QUERY_HISTORY_MAX) trim_history(db);
    mutex_unlock(&db->registry);
    return entry;
}

void query_finish(struct database *db, struct query_entry *entry)
{
    mutex_lock(&db->registry);
    entry->is_active = false;
    mutex_unlock(&db->registry);
}

laminar_status query_cancel(struct database *db, uint64_t id, struct laminar_error *err)
{
    laminar_status status = database_check_open(db, err);
    if (status != LAMINAR_OK) return status;
    bool found = false;
    mutex_lock(&db->registry);
    for (struct query_entry *entry = db->queries; entry && !found; entry = entry->next) {
        if (entry->id != id || !entry->is_active) continue;
        atomic_store_explicit(&entry->is_cancelled, true, memory_order_relaxed);
        found = true;
    }
    for (size_t i = 0; i < db->all_subs.n; i++)
        if (subscription_query_id(db->all_subs.items[i]) == id)
            subscription_cancel(db->all_subs.items[i]);
    mutex_unlock(&db->registry);
    if (found) return LAMINAR_OK;
    error_set(err, LAMINAR_QUERY_FAILED, "there is no running query with the id %llu",
              (unsigned long long)id);
    error_hint(err, "SHOW QUERIES lists them");
    return LAMINAR_QUERY_FAILED;
}

/* --- Rows ------------------------------------------------------------------------------------------------------------------------ */

void rows_deinit(struct rows *rows)
{
    for (size_t i = 0; i < rows->n_batches; i++) batch_unref(rows->batches[i]);
    mem_free(rows->batches);
    schema_unref(rows->schema);
    *rows = (struct rows){0};
}

laminar_status rows_add(struct rows *rows, struct batch *take_batch, struct laminar_error *err)
{
    if (rows->n_batches == rows->capacity &&
        !array_grow((void **)&rows->batches, &rows->capacity, sizeof(struct batch *),
                    rows->n_batches + 1)) {
        batch_unref(take_batch);
        return error_oom(err);
    }
    rows->batches[rows->n_batches++] = take_batch;
    rows->n_rows += take_batch->n_rows;
    return LAMINAR_OK;
}

/* --- Running ------------------------------------------------------------------------------------------------------------------------ */

/* What ${NAME} in options of DDL stands for. */
static const char *variable_of(void *ctx, const char *name)
{
    const struct database *db = ctx;
    const char *value = strmap_get_z(&db->variables, name);
    return value ? value : getenv(name);
}

void engine_plan_context(struct database *db, struct arena *arena, const char *sql, size_t size,
                         const struct plan_params *params, struct laminar_error *err,
                         struct plan_context *out)
{
    *out = (struct plan_context){.arena = arena,
                                 .catalog = &db->catalog,
                                 .functions = db->functions,
                                 .sql = sql,
                                 .sql_size = size,
                                 .params = params,
                                 .zone = db->settings.text[SETTING_ID_time_zone],
                                 .evaluate = program_evaluate_const,
                                 .describe_source = feed_describe,
                                 .variable = variable_of,
                                 .variable_ctx = db,
                                 .err = err};
}

struct schema *plan_schema(const struct plan *plan)
{
    struct schema_column *columns = mem_calloc(plan->n_cols + 1, sizeof *columns);
    if (!columns) return NULL;
    for (uint32_t i = 0; i < plan->n_cols; i++)
        columns[i] = (struct schema_column){plan->cols[i].name, plan->cols[i].type,
                                            plan->cols[i].is_nullable};
    struct schema *schema = schema_create(columns, plan->n_cols);
    mem_free(columns);
    return schema;
}

/* of an answer: large enough for column-wise consumers, small enough to grow by */
enum { RESULT_BATCH_ROWS = 122880 };

struct collector {
    struct rows *rows;
    struct batch_builder *builder;
    size_t batch_rows;
    struct query_memory *memory;
    size_t sealed_bytes; /* of the batches so far, which the pool counts */
    bool has_failed;
    struct laminar_error failure;
};

static laminar_status flush(struct collector *c, struct laminar_error *err)
{
    struct batch *batch = NULL;
    if (batch_builder_n_rows(c->builder) == 0) return LAMINAR_OK;
    laminar_status status = batch_builder_finish(c->builder, &batch, err);
    return status == LAMINAR_OK ? rows_add(c->rows, batch, err) : status;
}

/* A one-shot answer: rows of weight n stand n times. (Only inputs with duplicates in a bag have other weights than 1.) */
static laminar_status collect_chunk(void *ctx, struct step *step, const struct chunk *chunk)
{
    struct collector *c = ctx;
    laminar_status status = LAMINAR_OK;
    struct chunk plain = *chunk;
    plain.weights = NULL;
    bool is_plain = true;
    if (chunk->weights)
        for (uint32_t i = 0; i < chunk->n_rows; i++) is_plain &= chunk->weights[i] == 1;
    if (is_plain) {
        TRY(batch_builder_append(c->builder, &plain, step->err));
    } else {
        for (uint32_t i = 0; i < chunk->n_rows; i++) {
            if (chunk->weights[i] < 0) {
                TRY(error_internal(step->err, __FILE__, __LINE__,
                                   "a one-shot query retracted a row"));
            }
            for (int64_t w = chunk->weights[i]; w > 0; w--)
                TRY(batch_builder_append_sel(c->builder, &plain, &i, 1, step->err));
        }
    }
    if (c->batch_rows && batch_builder_n_rows(c->builder) >= c->batch_rows) {
        TRY(flush(c, step->err));
        c->sealed_bytes += c->rows->batches[c->rows->n_batches - 1]->bytes;
    }
    c->memory->uncounted_bytes = (int64_t)batch_builder_bytes(c->builder);
    c->memory->base.result_bytes = (int64_t)c->sealed_bytes + c->memory->uncounted_bytes;
    TRY(step_check(step));
done:
    return status;
}

static laminar_status collect_finish(void *ctx, struct step *step, int64_t watermark_us)
{
    (void)watermark_us;
    return flush(ctx, step->err);
}

static void collect_failure(void *ctx, const struct laminar_error *err)
{
    struct collector *c = ctx;
    if (c->has_failed) return;
    c->has_failed = true;
    c->failure = *err;
}

struct query_input {
    struct store_snapshot *snapshot;
    struct batch *batch; /* of a system relation */
    /* read while step is held: as a batch it might be larger than memory */
    struct relation_runtime *in_pieces;
};

/* The caller holds step (and control, for system relations). */
static laminar_status take_snapshots(struct database *db, const struct circuit_part *part,
                                     struct query_input *inputs, struct laminar_error *err)
{
    for (uint32_t i = 0; i < part->n_scans; i++) {
        struct relation *relation = part->relations[i];
        struct relation_runtime *runtime = relation->runtime;
        laminar_status status = LAMINAR_OK;
        if (relation->kind == RELATION_SYSTEM) {
            status = system_rows(db, relation, &inputs[i].batch, err);
        } else if (!runtime) {
            status = error_set(err, LAMINAR_QUERY_FAILED, "'%s' was dropped", relation->name);
        } else if (runtime->has_failed) {
            if (err) *err = runtime->failure;
            status = runtime->failure.code;
        } else if (runtime_reads_in_pieces(runtime)) {
            inputs[i].in_pieces = runtime;
        } else if (runtime->is_derived) {
            status = runtime_contents(runtime, &inputs[i].batch, err);
        } else if (runtime->store) {
            status = store_snapshot_create(runtime->store, &inputs[i].snapshot, err);
        }
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

static laminar_status check_cancelled(struct database *db, _Atomic bool *is_cancelled,
                                      struct laminar_error *err)
{
    if (!is_cancelled || !atomic_load_explicit(is_cancelled, memory_order_relaxed))
        return LAMINAR_OK;
    laminar_status status = database_check_open(db, err);
    return status != LAMINAR_OK
               ? status
               : error_set(err, LAMINAR_QUERY_CANCELLED, "the query was cancelled");
}

static laminar_status feed(struct database *db, struct circuit *circuit, struct step *step,
                           struct op *scan, struct query_input *input, _Atomic bool *is_cancelled)
{
    laminar_status status = LAMINAR_OK;
    if (input->in_pieces) TRY(runtime_push_contents(input->in_pieces, step, circuit, scan));
    if (input->batch) TRY(runtime_push_batch(NULL, step, circuit, scan, input->batch));
    while (input->snapshot) {
        struct chunk chunk;
        TRY(check_cancelled(db, is_cancelled, step->err));
        TRY(store_snapshot_next(input->snapshot, &chunk, step->err));
        if (chunk.n_rows == 0) break;
        TRY(circuit_push(circuit, step, scan, &chunk));
    }
done:
    return status;
}

laminar_status engine_run_plan_into(struct database *db, const struct plan *plan,
                                    const struct run_options *options, struct rows *out,
                                    struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct mem_account account = {.parent = &db->account};
    struct query_memory memory = memory_guard_query(db, &account, false);
    struct memory_spiller spiller;
    struct circuit *circuit = NULL;
    struct circuit_part part = {0};
    struct query_input *inputs = NULL;
    bool holds_step = false, reads_in_pieces = false;
    struct op *output;
    struct collector collector = {.rows = out,
                                  .memory = &memory,
                                  .batch_rows = options->is_single_batch ? 0 : RESULT_BATCH_ROWS};
    struct output_callbacks callbacks = {.on_chunk = collect_chunk,
                                         .on_finish = collect_finish,
                                         .on_failure = collect_failure,
                                         .ctx = &collector};
    struct step_profile profile = {0};
    struct step step = {.number = 1,
                        .profile = options->on_done ? &profile : NULL,
                        .time_us = engine_clock_us(db),
                        .is_last = true,
                        .zone = db->settings.text[SETTING_ID_time_zone],
                        .err = err,
                        .sql = options->sql,
                        .sql_size = options->sql_size,
                        .is_cancelled = options->is_cancelled,
                        .guard = &memory.base};
    out->schema = options->schema ? schema_ref(options->schema) : plan_schema(plan);
    if (!out->schema) TRY(error_oom(err));
    TRY(batch_builder_create(out->schema, db->pool, &collector.builder, err));
    TRY(circuit_create(&account, &circuit, err));
    memory_spiller_init(&spiller, db, true);
    circuit_set_spill(circuit, &spiller.base);
    TRY(circuit_add(circuit, plan, CIRCUIT_ONE_SHOT, &part, err));
    TRY(circuit_add_output(circuit, part.root, &callbacks, &output, err));
    inputs = mem_calloc(part.n_scans + 1, sizeof *inputs);
    if (!inputs) TRY(error_oom(err));
    if (options->holds_step) {
        step.time_us = engine_step_time(db);
        out->epoch = db->step_number;
        TRY(take_snapshots(db, &part, inputs, err));
    } else if (part.n_scans > 0) {
        engine_lock_step(db);
        step.time_us = engine_step_time(db);
        out->epoch = db->step_number;
        holds_step = true;
        TRY(take_snapshots(db, &part, inputs, err));
    }
    for (uint32_t i = 0; holds_step && i < part.n_scans; i++)
        reads_in_pieces |= inputs[i].in_pieces != NULL;
    if (holds_step && !reads_in_pieces) {
        engine_unlock_step(db);
        holds_step = false;
    }
    for (uint32_t i = 0; i < part.n_scans; i++) {
        TRY(feed(db, circuit, &step, part.scans[i], &inputs[i], options->is_cancelled));
        circuit_set_watermark(circuit, part.scans[i], WATERMARK_END);
    }
    if (holds_step) {
        engine_unlock_step(db);
        holds_step = false;
    }
    circuit_finish_step(circuit, &step);
    if (collector.has_failed) {
        if (err) *err = collector.failure;
        TRY(collector.failure.code);
    }
    TRY(check_cancelled(db, options->is_cancelled, err));
    if (options->on_done) options->on_done(options->on_done_ctx, &part);
done:
    if (holds_step) engine_unlock_step(db);
    for (uint32_t i = 0; inputs && i < part.n_scans; i++) {
        store_snapshot_release(inputs[i].snapshot);
        batch_unref(inputs[i].batch);
    }
    mem_free(inputs);
    if (circuit) {
        circuit_remove(circuit, &part);
        circuit_free(circuit);
    }
    batch_builder_free(collector.builder);
    return status;
}

/* What EXPLAIN ANALYZE wants of a run. */
struct analysis {
    const struct plan *plan;
    const struct circuit_part *part;
    bool as_json;
    int64_t started_us, planned_us;
    const struct rows *rows;
    struct strbuf *out;
};

static bool find_cost(void *ctx, const struct plan *node, struct plan_node_cost *out)
{
    const struct analysis *analysis = ctx;
    for (size_t i = 0; i < analysis->part->ops.n; i++) {
        const struct op *op = analysis->part->ops.items[i];
        if (op->plan != node) continue;
        *out = (struct plan_node_cost){op->rows_in, op->rows_out, op->time_us};
        return true;
    }
    return false;
}

static void print_analysis(void *ctx, const struct circuit_part *part)
{
    struct analysis *analysis = ctx;
    analysis->part = part;
    struct plan_costs costs = {.find = find_cost, .ctx = analysis};
    long long planning_us = analysis->planned_us - analysis->started_us,
              running_us = clock_mono_us() - analysis->planned_us;
    size_t n = analysis->rows->n_rows;
    if (analysis->as_json)
        strbuf_printf(analysis->out,
                      "{\"rows\": %zu, \"planning_us\": %lld, \"running_us\": %lld, \"plan\":\n", n,
                      planning_us, running_us);
    plan_explain_costs(analysis->plan, analysis->as_json, &costs, analysis->out);
    if (analysis->as_json)
        strbuf_putc(analysis->out, '}');
    else
        strbuf_printf(analysis->out,
                      "%zu row%s; planned in %lld.%03lld ms, ran in %lld.%03lld ms\n", n,
                      n == 1 ? "" : "s", planning_us / 1000, planning_us % 1000, running_us / 1000,
                      running_us % 1000);
}

static laminar_status run_query(struct database *db, const struct ast_query *query, const char *sql,
                                size_t sql_size, const struct plan_params *params,
                                struct analysis *analysis, struct rows *out,
                                struct laminar_error *err)
{
    laminar_status status;
    struct arena arena = {0};
    struct plan_context ctx;
    struct plan *plan = NULL;
    struct relation **inputs = NULL;
    uint32_t n_inputs = 0;
    bool reads_system = false;
    struct query_entry *entry = query_register(db, sql, sql_size, false);
    if (!entry) return error_oom(err);
    mutex_lock(&db->control);
    engine_plan_context(db, &arena, sql, sql_size, params, err, &ctx);
    status = plan_query(&ctx, query, &plan);
    if (status == LAMINAR_OK) status = plan_inputs(plan, &arena, &inputs, &n_inputs);
    for (uint32_t i = 0; status == LAMINAR_OK && i < n_inputs; i++) {
        relation_ref(inputs[i]);
        reads_system |= inputs[i]->kind == RELATION_SYSTEM;
    }
    struct run_options options = {
        .is_cancelled = &entry->is_cancelled, .sql = sql, .sql_size = sql_size};
    if (analysis) {
        analysis->plan = plan;
        analysis->planned_us = clock_mono_us();
        options.on_done = print_analysis;
        options.on_done_ctx = analysis;
    }
    if (status == LAMINAR_OK && reads_system)
        status = engine_run_plan_into(db, plan, &options, out, err);
    mutex_unlock(&db->control);
    if (status == LAMINAR_OK && !reads_system)
        status = feed_wait(db, inputs, n_inputs, &entry->is_cancelled, err);
    if (status == LAMINAR_OK && !reads_system)
        status = engine_run_plan_into(db, plan, &options, out, err);
    if (plan)
        for (uint32_t i = 0; i < n_inputs; i++) relation_unref(inputs[i]);
    arena_deinit(&arena);
    query_finish(db, entry);
    return status;
}

laminar_status engine_query(struct database *db, const struct ast_query *query, const char *sql,
                            size_t sql_size, const struct plan_params *params, struct rows *out,
                            struct laminar_error *err)
{
    return run_query(db, query, sql, sql_size, params, NULL, out, err);
}

laminar_status engine_analyze(struct database *db, const struct ast_query *query, const char *sql,
                              size_t sql_size, const struct plan_params *params, bool as_json,
                              struct strbuf *out, struct laminar_error *err)
{
    struct rows rows = {0};
    struct analysis analysis = {
        .as_json = as_json, .started_us = clock_mono_us(), .rows = &rows, .out = out};
    laminar_status status = run_query(db, query, sql, sql_size, params, &analysis, &rows, err);
    rows_deinit(&rows);
    return status;
}
