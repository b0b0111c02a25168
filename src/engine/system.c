/* system.c - system.*: the database's own state as relations, so that introspection is SQL.
 *
 * One row in `tables` a relation: name, columns, and the function that makes its rows. The rows are made when a query takes its snapshots (it
 * holds control and step), so they are consistent with all else that the query reads. */
#include "base/error.h"
#include "connect/connector.h"
#include "engine/durable.h"
#include "engine/engine.h"
#include "engine/rowset.h"
#include <stdio.h>
#include <string.h>

#define TEXT(name)                                                                                 \
    {                                                                                              \
        name, {.id = LAMINAR_TYPE_VARCHAR}, true                                                   \
    }
#define INTEGER(name)                                                                              \
    {                                                                                              \
        name, {.id = LAMINAR_TYPE_INT64}, true                                                     \
    }
#define BOOLEAN(name)                                                                              \
    {                                                                                              \
        name, {.id = LAMINAR_TYPE_BOOL}, true                                                      \
    }

static void put_optional(struct rowset *set, int64_t value, int64_t none)
{
    if (value == none)
        rowset_null(set);
    else
        rowset_int(set, value);
}

static int64_t to_ms(int64_t us)
{
    if (us == WATERMARK_NONE) return WATERMARK_NONE;
    return us >= 0 ? us / 1000 : (us - 999) / 1000;
}

static const char *retention_text(const struct relation *relation, char *buf, size_t size)
{
    unsigned long long amount = relation->retention.amount;
    switch (relation->retention.kind) {
    case RETAIN_ROWS: snprintf(buf, size, "%llu rows", amount); break;
    case RETAIN_ALL: snprintf(buf, size, "all"); break;
    case RETAIN_NONE: snprintf(buf, size, "none"); break;
    case RETAIN_TIME: snprintf(buf, size, "%llu ms", amount / 1000); break;
    case RETAIN_BYTES: snprintf(buf, size, "%llu bytes", amount); break;
    }
    return buf;
}

/* What a target and a stream have in common: kept rows, bytes, total, watermark. */
static void put_runtime(struct rowset *set, const struct relation *relation)
{
    struct relation_runtime *runtime = relation->runtime;
    rowset_int(set, (int64_t)atomic_load_explicit(&runtime->total_rows, memory_order_relaxed));
    rowset_int(set, (int64_t)runtime_n_rows(runtime));
    rowset_int(set, runtime->store ? (int64_t)store_bytes(runtime->store) : 0);
    put_optional(set, to_ms(atomic_load_explicit(&runtime->watermark_us, memory_order_relaxed)),
                 WATERMARK_NONE);
    rowset_int(set, (int64_t)runtime->subs.n);
}

static void key_text(const struct relation *relation, char *buf, size_t size)
{
    size_t n = 0;
    buf[0] = 0;
    for (uint32_t i = 0; i < relation->n_key_cols && n < size; i++) {
        int wrote = snprintf(buf + n, size - n, "%s%s", i ? ", " : "",
                             relation->schema->columns[relation->key_cols[i]].name);
        n += wrote > 0 ? (size_t)wrote : 0;
    }
}

static void put_feed(struct database *db, struct rowset *set, const struct relation *relation)
{
    const struct relation_runtime *runtime = relation->runtime;
    struct laminar_error failure = LAMINAR_ERROR_INIT;
    rowset_text(set, runtime->feed ? feed_state(db, runtime->feed, &failure) : NULL);
    rowset_text(set, failure.code != LAMINAR_OK ? failure.message : NULL);
}

static void fill_targets(struct database *db, struct rowset *set, enum relation_kind kind)
{
    struct relation *relation;
    char buf[256];
    for (size_t i = 0; (relation = catalog_next(&db->catalog, &i));) {
        if (relation->kind != kind || !relation->runtime) continue;
        rowset_text(set, relation->name);
        rowset_int(set, relation->schema->n_columns);
        key_text(relation, buf, sizeof buf);
        rowset_text(set, buf[0] ? buf : NULL);
        rowset_text(set, relation->time_col >= 0
                             ? relation->schema->columns[relation->time_col].name
                             : NULL);
        rowset_text(set, relation->connector);
        rowset_text(set,
                    kind == RELATION_TABLE ? "all" : retention_text(relation, buf, sizeof buf));
        put_runtime(set, relation);
        rowset_text(set, relation->shown_sql);
        if (kind == RELATION_SOURCE) put_feed(db, set, relation);
        if (kind == RELATION_TABLE) rowset_bool(set, relation->is_lookup);
    }
}

static void fill_sources(struct database *db, struct rowset *set)
{
    fill_targets(db, set, RELATION_SOURCE);
}
static void fill_tables(struct database *db, struct rowset *set)
{
    fill_targets(db, set, RELATION_TABLE);
}

static uint64_t late_rows(const struct relation_runtime *runtime)
{
    uint64_t n = 0;
    for (size_t i = 0; i < runtime->part.ops.n; i++) n += runtime->part.ops.items[i]->late_rows;
    return n;
}

static const char *state_text(enum state_bound bound)
{
    switch (bound) {
    case STATE_NONE: return "none";
    case STATE_CONST: return "constant";
    case STATE_KEYS: return "by keys";
    case STATE_WATERMARK: return "by watermark";
    case STATE_CLOCK: return "by clock";
    case STATE_TABLE: return "by table";
    case STATE_UNBOUNDED: return "unbounded";
    }
    return "";
}

/* The loosest bound of any node: what the stream's state can grow to. */
static enum state_bound worst_bound(const struct plan *plan)
{
    enum state_bound worst = plan->props.state;
    for (uint32_t i = 0; i < plan->n_inputs; i++) {
        enum state_bound bound = worst_bound(plan->inputs[i]);
        if (bound > worst) worst = bound;
    }
    return worst;
}

static void put_stream(struct rowset *set, const struct relation *relation)
{
    struct relation_runtime *runtime = relation->runtime;
    char buf[256];
    rowset_text(set, relation->name);
    rowset_text(set, relation->query_sql);
    rowset_text(set, relation_kind_name(relation->kind));
    rowset_text(set, relation->emit == EMIT_DEFAULT ? NULL : emit_mode_name(relation->emit));
    rowset_bool(set, relation->is_append_only);
    key_text(relation, buf, sizeof buf);
    rowset_text(set, buf[0] ? buf : NULL);
    rowset_text(set, state_text(worst_bound(runtime->plan)));
    put_runtime(set, relation);
    rowset_int(set, (int64_t)late_rows(runtime));
    rowset_text(set, runtime->has_failed ? "failed" : "running");
    rowset_text(set, runtime->has_failed ? runtime->failure.message : NULL);
}

static void fill_streams(struct database *db, struct rowset *set)
{
    struct relation *relation;
    for (size_t i = 0; (relation = catalog_next(&db->catalog, &i));)
        if ((relation->kind == RELATION_STREAM || relation->kind == RELATION_VIEW) &&
            relation->runtime)
            put_stream(set, relation);
}

static void fill_sinks(struct database *db, struct rowset *set)
{
    struct relation *relation;
    for (size_t i = 0; (relation = catalog_next(&db->catalog, &i));) {
        if (relation->kind != RELATION_SINK || !relation->runtime) continue;
        struct relation_runtime *runtime = relation->runtime;
        rowset_text(set, relation->name);
        rowset_text(set, relation->query_sql);
        rowset_text(set, relation->connector);
        rowset_text(set, relation->format);
        rowset_int(set, (int64_t)atomic_load_explicit(&runtime->total_rows, memory_order_relaxed));
        rowset_int(set, (int64_t)runtime->subs.n);
        rowset_text(set, runtime->has_failed ? "failed" : "running");
        rowset_text(set, runtime->has_failed ? runtime->failure.message : NULL);
    }
}

static void fill_queries(struct database *db, struct rowset *set)
{
    mutex_lock(&db->registry);
    for (struct query_entry *entry = db->queries; entry; entry = entry->next) {
        rowset_int(set, (int64_t)entry->id);
        rowset_text(set, entry->sql);
        rowset_bool(set, entry->is_active);
        rowset_text(set, entry->is_subscription ? "subscription" : "query");
    }
    mutex_unlock(&db->registry);
}

static void fill_operators(struct database *db, struct rowset *set)
{
    struct relation *relation;
    for (size_t i = 0; (relation = catalog_next(&db->catalog, &i));) {
        struct relation_runtime *runtime = relation->runtime;
        if (!runtime || relation->kind == RELATION_SYSTEM) continue;
        for (size_t j = 0; j < runtime->part.ops.n; j++) {
            const struct op *op = runtime->part.ops.items[j];
            int64_t rows = 0, bytes = 0, spilled = 0;
            for (size_t k = 0; k < op->states.n; k++) {
                rows += (int64_t)op->states.items[k]->n_rows;
                bytes += (int64_t)state_bytes(op->states.items[k]);
                spilled += (int64_t)op->states.items[k]->spilled_bytes;
            }
            rowset_text(set, relation->name);
            rowset_int(set, op->index);
            rowset_text(set, op->cls->name);
            rowset_int(set, (int64_t)op->rows_in);
            rowset_int(set, (int64_t)op->rows_out);
            rowset_int(set, (int64_t)op->late_rows);
            rowset_int(set, rows);
            rowset_int(set, bytes);
            put_optional(set, to_ms(op->watermark_out), WATERMARK_NONE);
            rowset_int(set, spilled);
            struct strbuf names = {0};
            if (op->n_lasting > 1) sharing_names(op, relation, &names);
            rowset_text(set, names.size ? names.data : NULL);
            strbuf_deinit(&names);
        }
    }
}

static void fill_metrics(struct database *db, struct rowset *set)
{
    const struct {
        const char *name;
        int64_t value;
    } metrics[] = {
        {"events_ingested", (int64_t)atomic_load(&db->events_ingested)},
        {"events_emitted", (int64_t)atomic_load(&db->events_emitted)},
        {"events_dropped", (int64_t)atomic_load(&db->events_dropped)},
        {"batches", (int64_t)atomic_load(&db->batches)},
        {"steps", (int64_t)atomic_load(&db->steps)},
        {"backpressure_waits", (int64_t)atomic_load(&db->backpressure_waits)},
        {"uptime_us", clock_mono_us() - db->opened_us},
        {"state_bytes", atomic_load(&db->account.bytes)},
        {"state_bytes_peak", atomic_load(&db->account.peak_bytes)},
        {"batch_bytes", batch_pool_bytes(db->pool)},
        {"batch_free_bytes", (int64_t)batch_pool_free_bytes(db->pool)},
        {"memory_bytes", memory_used(db)},
        {"spilled_bytes", memory_spilled_bytes(db)},
        {"memory_limit", db->settings.number[SETTING_ID_memory_limit]},
        {"queued_rows", (int64_t)atomic_load(&db->queue_rows)},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(metrics); i++) {
        rowset_text(set, metrics[i].name);
        rowset_int(set, metrics[i].value);
    }
}

static void add_user_function(void *ctx, const char *name, bool is_aggregate, const char *signature,
                              const char *help)
{
    struct rowset *set = ctx;
    rowset_text(set, name);
    rowset_text(set, is_aggregate ? "aggregate" : "scalar");
    rowset_text(set, signature);
    rowset_text(set, help);
}

/* `a + b`, `a AND b`, `NOT a`: not called by its name and parentheses. */
static bool is_operator(const struct scalar_function *scalar)
{
    const char *call = strstr(scalar->signature, scalar->name);
    return call != scalar->signature || (call[strlen(scalar->name)] != '(' &&
                                         strncmp(call + strlen(scalar->name), " ->", 3) != 0);
}

static void fill_functions(struct database *db, struct rowset *set)
{
    library_visit(db->functions, add_user_function, set);
    const struct scalar_function *scalar;
    for (size_t i = 0; (scalar = function_at(i)); i++) {
        rowset_text(set, scalar->name);
        rowset_text(set, is_operator(scalar) ? "operator" : "scalar");
        rowset_text(set, scalar->signature);
        rowset_text(set, scalar->help);
    }
    const struct aggregate_function *aggregate;
    for (size_t i = 0; (aggregate = aggregate_at(i)); i++) {
        rowset_text(set, aggregate->name);
        rowset_text(set, "aggregate");
        rowset_text(set, aggregate->signature);
        rowset_text(set, aggregate->help);
    }
    const struct plan_function *bound;
    for (size_t i = 0; (bound = plan_function_at(i)); i++) {
        rowset_text(set, bound->name);
        rowset_text(set, bound->kind);
        rowset_text(set, bound->signature);
        rowset_text(set, bound->help);
    }
}

static void fill_settings(struct database *db, struct rowset *set)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        rowset_text(set, setting_table[i].name);
        rowset_text(set, db->settings.text[i]);
        rowset_text(set, setting_table[i].value);
        rowset_text(set, setting_table[i].help);
    }
}

static laminar_status put_checkpoint(void *ctx, const struct checkpoint_info *info,
                                     struct laminar_error *err)
{
    struct rowset *set = ctx;
    (void)err;
    rowset_int(set, (int64_t)info->id);
    rowset_int(set, (int64_t)info->step);
    rowset_int(set, info->created_us / 1000);
    rowset_int(set, (int64_t)info->state_bytes);
    rowset_int(set, (int64_t)info->bytes_written);
    rowset_int(set, (int64_t)info->n_pieces);
    rowset_int(set, info->duration_us);
    rowset_int(set, info->pause_us);
    return set->status;
}

static void fill_checkpoints(struct database *db, struct rowset *set)
{
    laminar_status status = database_checkpoints(db, put_checkpoint, set, NULL);
    (void)status; /* the set keeps its own */
}

static void fill_connectors(struct database *db, struct rowset *set)
{
    (void)db;
    rowset_text(set, "file");
    rowset_bool(set, false);
    rowset_bool(set, true);
    rowset_text(set, "rows to a local file as CSV or JSON lines");
    const struct connector_class *cls;
    for (size_t i = 0; (cls = connector_at(i)) != NULL; i++) {
        rowset_text(set, cls->name);
        rowset_bool(set, true);
        rowset_bool(set, false);
        rowset_text(set, cls->help);
    }
}

static void fill_edges(struct database *db, struct rowset *set)
{
    struct relation *relation;
    for (size_t i = 0; (relation = catalog_next(&db->catalog, &i));) {
        for (uint32_t j = 0; j < relation->n_inputs; j++) {
            rowset_text(set, relation->inputs[j]->name);
            rowset_text(set, relation->name);
        }
    }
}

static void fill_columns(struct database *db, struct rowset *set)
{
    struct relation *relation;
    for (size_t i = 0; (relation = catalog_next(&db->catalog, &i));) {
        for (uint32_t j = 0; j < relation->schema->n_columns; j++) {
            const struct schema_column *column = &relation->schema->columns[j];
            rowset_text(set, relation->name);
            rowset_int(set, j + 1);
            rowset_text(set, column->name);
            rowset_text(set, TYPE_TEXT(column->type));
            rowset_bool(set, column->is_nullable);
        }
    }
}

#define RUNTIME_COLUMNS                                                                            \
    INTEGER("total_rows"), INTEGER("kept_rows"), INTEGER("kept_bytes"), INTEGER("watermark_ms"),   \
        INTEGER("subscriptions")

struct system_table {
    const char *name;
    struct schema_column columns[ROWSET_COLUMNS_MAX];
    void (*fill)(struct database *db, struct rowset *set);
};
static const struct system_table tables[] = {
    {"system.sources",
     {TEXT("name"), INTEGER("columns"), TEXT("primary_key"), TEXT("watermark_column"),
      TEXT("connector"), TEXT("retention"), RUNTIME_COLUMNS, TEXT("sql"), TEXT("state"),
      TEXT("error")},
     fill_sources},
    {"system.tables",
     {TEXT("name"), INTEGER("columns"), TEXT("primary_key"), TEXT("watermark_column"),
      TEXT("connector"), TEXT("retention"), RUNTIME_COLUMNS, TEXT("sql"), BOOLEAN("is_lookup")},
     fill_tables},
    {"system.streams",
     {TEXT("name"), TEXT("sql"), TEXT("kind"), TEXT("emit"), BOOLEAN("append_only"), TEXT("key"),
      TEXT("state_bound"), RUNTIME_COLUMNS, INTEGER("late_rows"), TEXT("state"), TEXT("error")},
     fill_streams},
    {"system.sinks",
     {TEXT("name"), TEXT("sql"), TEXT("connector"), TEXT("format"), INTEGER("total_rows"),
      INTEGER("subscriptions"), TEXT("state"), TEXT("error")},
     fill_sinks},
    {"system.queries", {INTEGER("id"), TEXT("sql"), BOOLEAN("active"), TEXT("kind")}, fill_queries},
    {"system.operators",
     {TEXT("relation"), INTEGER("id"), TEXT("operator"), INTEGER("rows_in"), INTEGER("rows_out"),
      INTEGER("late_rows"), INTEGER("state_rows"), INTEGER("state_bytes"), INTEGER("watermark_ms"),
      INTEGER("spilled_bytes"), TEXT("shared_with")},
     fill_operators},
    {"system.metrics", {TEXT("name"), INTEGER("value")}, fill_metrics},
    {"system.functions",
     {TEXT("name"), TEXT("kind"), TEXT("signature"), TEXT("help")},
     fill_functions},
    {"system.settings",
     {TEXT("name"), TEXT("value"), TEXT("default"), TEXT("help")},
     fill_settings},
    {"system.checkpoints",
     {INTEGER("id"), INTEGER("step"), INTEGER("created_ms"), INTEGER("state_bytes"),
      INTEGER("bytes_written"), INTEGER("pieces"), INTEGER("duration_us"), INTEGER("pause_us")},
     fill_checkpoints},
    {"system.connectors",
     {TEXT("name"), BOOLEAN("is_source"), BOOLEAN("is_sink"), TEXT("help")},
     fill_connectors},
    {"system.dead_letters",
     {INTEGER("epoch"), INTEGER("time_ms"), TEXT("relation"), TEXT("operator"), INTEGER("weight"),
      TEXT("row")},
     dead_letters_fill},
    {"system.edges", {TEXT("from_relation"), TEXT("to_relation")}, fill_edges},
    {"system.columns",
     {TEXT("relation"), INTEGER("position"), TEXT("name"), TEXT("type"), BOOLEAN("nullable")},
     fill_columns},
};

laminar_status system_install(struct database *db, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < ARRAY_LENGTH(tables) && status == LAMINAR_OK; i++) {
        uint32_t n_columns = 0;
        while (n_columns < ROWSET_COLUMNS_MAX && tables[i].columns[n_columns].name) n_columns++;
        struct schema *schema = schema_create(tables[i].columns, n_columns);
        struct relation *relation = schema
                                        ? relation_create(RELATION_SYSTEM, tables[i].name, schema)
                                        : NULL;
        schema_unref(schema);
        if (!relation) return error_oom(err);
        relation->retention.kind = RETAIN_ALL;
        status = catalog_add(&db->catalog, relation, err);
        relation_unref(relation);
    }
    return status;
}

laminar_status system_rows(struct database *db, const struct relation *relation, struct batch **out,
                           struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct rowset set;
    for (size_t i = 0; i < ARRAY_LENGTH(tables); i++) {
        if (strcmp(tables[i].name, relation->name) != 0) continue;
        status = rowset_init(&set, relation->schema, err);
        if (status == LAMINAR_OK) {
            tables[i].fill(db, &set);
            status = rowset_finish(&set, out, err);
        }
        rowset_deinit(&set);
        return status;
    }
    return error_internal(err, __FILE__, __LINE__, "a system relation without rows");
}
