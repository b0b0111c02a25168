/* statement_dml.c - INSERT, UPDATE, DELETE.
 *
 * INSERT runs its query (VALUES are one) as any one-shot query, with the columns cast to the target's, and then inserts all rows in
 * one step. UPDATE and DELETE work on keyed sources and tables (and tables without a key, row by row): victims are found and changed under one hold
 * of the step lock, so no other writer comes in between. */
#include "base/error.h"
#include "engine/engine.h"
#include <string.h>

/* An unknown relation in SQL is 400, and has a position. */
laminar_status statement_find_target(struct statement_call *call, const struct ast_qname *name,
                                     struct relation **out)
{
    laminar_status status = engine_find_target(call->db, ast_qname_last(name)->text, out,
                                               call->err);
    if (status == LAMINAR_TABLE_NOT_FOUND) {
        status = LAMINAR_QUERY_FAILED;
        if (call->err) call->err->code = status;
    }
    return statement_at(call, status, name->span.start);
}

/* --- INSERT ----------------------------------------------------------------------------------------------------------------------- */

static laminar_status empty_batch(struct database *db, struct relation *relation,
                                  struct batch **out, struct laminar_error *err)
{
    struct batch_builder *builder = NULL;
    laminar_status status = batch_builder_create(relation->schema, db->pool, &builder, err);
    if (status == LAMINAR_OK) status = batch_builder_finish(builder, out, err);
    batch_builder_free(builder);
    return status;
}

laminar_status engine_insert_rows(struct statement_call *call, const struct ast_insert *insert,
                                  struct relation *relation, struct batch **out)
{
    struct database *db = call->db;
    laminar_status status;
    struct arena arena = {0};
    struct plan_context ctx;
    struct plan *plan = NULL;
    struct rows rows = {0};
    struct missing *none_missing = mem_calloc(relation->schema->n_columns + 1,
                                              sizeof *none_missing);
    if (!none_missing) return error_oom(call->err);
    engine_plan_context(db, &arena, call->sql, call->sql_size, call->params, call->err, &ctx);
    TRY(plan_insert_into(&ctx, insert, relation, &plan));
    struct run_options options = {.schema = relation->schema,
                                  .is_single_batch = true,
                                  .sql = call->sql,
                                  .sql_size = call->sql_size};
    TRY(engine_run_plan_into(db, plan, &options, &rows, call->err));
    if (rows.n_batches == 0) {
        struct batch *empty = NULL;
        TRY(empty_batch(db, relation, &empty, call->err));
        TRY(rows_add(&rows, empty, call->err));
    }
    /* NOT NULL */
    TRY(engine_fill_defaults(db, relation, rows.batches[0], none_missing, out, call->err));
done:
    if (status != LAMINAR_OK) error_object(call->err, relation->name);
    rows_deinit(&rows);
    mem_free(none_missing);
    arena_deinit(&arena);
    return status;
}

static laminar_status insert_query(struct statement_call *call, const struct ast_insert *insert)
{
    struct database *db = call->db;
    struct relation *relation = NULL;
    struct batch *rows = NULL;
    laminar_status status = statement_find_target(call, &insert->table, &relation);
    if (status != LAMINAR_OK) return status;
    mutex_lock(&db->control);
    status = engine_insert_rows(call, insert, relation, &rows);
    mutex_unlock(&db->control);
    if (status == LAMINAR_OK) {
        call->out->kind = LAMINAR_RESULT_ROWS_AFFECTED;
        call->out->rows_affected = rows->n_rows;
        status = engine_insert(db, relation, rows, false, call->err);
        if (status != LAMINAR_OK) error_object(call->err, relation->name);
    }
    relation_unref(relation);
    return status;
}

/* --- UPDATE, DELETE -------------------------------------------------------------------------------------------------------------------- */

struct change {
    struct program *condition; /* NULL = every row */
    struct program *values;    /* UPDATE: all columns of the new rows */
    struct batch_builder *victims;
    struct batch_builder *updated;
};

static laminar_status table_columns(struct plan_context *ctx, const struct relation *relation,
                                    const struct ast_name *alias, struct plan_column **out)
{
    const struct schema *schema = relation->schema;
    struct plan_column *cols = ARENA_ARRAY(ctx->arena, struct plan_column, schema->n_columns + 1);
    if (!cols) return error_oom(ctx->err);
    for (uint32_t c = 0; c < schema->n_columns; c++)
        cols[c] = (struct plan_column){schema->columns[c].name,
                                       alias->text ? alias->text : relation->name,
                                       schema->columns[c].type, schema->columns[c].is_nullable};
    *out = cols;
    return LAMINAR_OK;
}

static laminar_status compile_condition(struct plan_context *ctx, const struct ast_expr *where,
                                        const struct plan_column *cols, uint32_t n_cols,
                                        struct program **out)
{
    struct expr *condition;
    laminar_status status = plan_expr(ctx, where, cols, n_cols, &condition);
    if (status != LAMINAR_OK) return status;
    if (condition->type.id != LAMINAR_TYPE_BOOL) {
        error_set(ctx->err, LAMINAR_QUERY_FAILED, "the condition is a %s, not a BOOLEAN",
                  TYPE_TEXT(condition->type));
        error_position(ctx->err, ctx->sql, ctx->sql_size, where->span.start);
        return LAMINAR_QUERY_FAILED;
    }
    return program_create(&condition, 1, out, ctx->err);
}

static laminar_status compile_values(struct statement_call *call, struct plan_context *ctx,
                                     const struct relation *relation,
                                     const struct ast_update *update,
                                     const struct plan_column *cols, struct program **out)
{
    laminar_status status = LAMINAR_OK;
    const struct schema *schema = relation->schema;
    struct expr **exprs = ARENA_ARRAY(ctx->arena, struct expr *, schema->n_columns + 1);
    if (!exprs) return error_oom(ctx->err);
    for (size_t i = 0; i < update->n_assignments; i++) {
        const struct ast_assignment *assignment = &update->assignments[i];
        int32_t c = schema_find(schema, assignment->column.text);
        if (c < 0 || exprs[c]) {
            error_set(ctx->err, LAMINAR_QUERY_FAILED,
                      c < 0 ? "'%s' has no column '%s'" : "'%s': column '%s' is set twice",
                      relation->name, assignment->column.text);
            return statement_at(call, LAMINAR_QUERY_FAILED, assignment->column.span.start);
        }
        TRY(plan_expr(ctx, assignment->value, cols, schema->n_columns, &exprs[c]));
        TRY(plan_assign(ctx, exprs[c], schema->columns[c].type, schema->columns[c].name,
                        &exprs[c]));
    }
    for (uint32_t c = 0; c < schema->n_columns; c++) {
        if (exprs[c]) continue;
        exprs[c] = expr_column(ctx->arena, c, schema->columns[c].type,
                               schema->columns[c].is_nullable);
        if (!exprs[c]) TRY(error_oom(ctx->err));
    }
    TRY(program_create(exprs, schema->n_columns, out, ctx->err));
done:
    return status;
}

static laminar_status collect_changes(struct statement_call *call, struct relation_runtime *runtime,
                                      struct change *change)
{
    laminar_status status;
    struct store_snapshot *snapshot = NULL;
    struct arena scratch = {0};
    uint32_t n_cols = runtime->relation->schema->n_columns;
    uint32_t *sel = mem_alloc(CHUNK_ROWS * sizeof *sel);
    struct vector *values = mem_calloc(n_cols + 1, sizeof *values);
    struct column *gathered = mem_calloc(n_cols + 1, sizeof *gathered);
    struct vector *gathered_cols = mem_calloc(n_cols + 1, sizeof *gathered_cols);
    int64_t *weights = mem_alloc(CHUNK_ROWS * sizeof *weights);
    struct eval_env env = {.err = call->err,
                           .now_us = engine_clock_us(call->db),
                           .zone = call->db->settings.text[SETTING_ID_time_zone],
                           .scratch = &scratch,
                           .sql = call->sql,
                           .sql_size = call->sql_size};
    if (!sel || !values || !gathered || !gathered_cols || !weights) TRY(error_oom(call->err));
    for (uint32_t c = 0; c < n_cols; c++)
        TRY(column_init(&gathered[c], runtime->relation->schema->columns[c].type, call->err));
    TRY(store_snapshot_create(runtime->store, &snapshot, call->err));
    for (;;) {
        struct chunk chunk, victims;
        TRY(store_snapshot_next(snapshot, &chunk, call->err));
        if (chunk.n_rows == 0) break;
        arena_reset(&scratch);
        size_t n = chunk.n_rows;
        for (uint32_t i = 0; i < chunk.n_rows; i++) sel[i] = i;
        if (change->condition) TRY(program_select(change->condition, &chunk, &env, sel, &n));
        if (n == 0) continue;
        TRY(kernel_gather_chunk(&chunk, sel, n, gathered, weights, gathered_cols, &victims,
                                call->err));
        TRY(batch_builder_append(change->victims, &victims, call->err));
        if (!change->values) continue;
        TRY(program_run(change->values, &victims, &env, values));
        struct chunk updated = {victims.n_rows, n_cols, values, victims.weights};
        TRY(batch_builder_append(change->updated, &updated, call->err));
    }
done:
    store_snapshot_release(snapshot);
    for (uint32_t c = 0; gathered && c < n_cols; c++) column_deinit(&gathered[c]);
    mem_free(gathered);
    mem_free(gathered_cols);
    mem_free(weights);
    mem_free(values);
    mem_free(sel);
    arena_deinit(&scratch);
    return status;
}

static laminar_status apply_changes(struct statement_call *call, struct relation *relation,
                                    struct change *change, bool is_update)
{
    laminar_status status = LAMINAR_OK;
    struct batch *victims = NULL, *updated = NULL, *checked = NULL;
    struct missing *none_missing = mem_calloc(relation->schema->n_columns + 1,
                                              sizeof *none_missing);
    call->out->kind = LAMINAR_RESULT_ROWS_AFFECTED;
    call->out->rows_affected = batch_builder_n_rows(change->victims);
    if (!none_missing) TRY(error_oom(call->err));
    if (call->out->rows_affected == 0) goto done;
    TRY(batch_builder_finish(change->victims, &victims, call->err));
    if (is_update) {
        TRY(batch_builder_finish(change->updated, &updated, call->err));
        TRY(engine_fill_defaults(call->db, relation, updated, none_missing, &checked, call->err));
    }
    TRY(engine_apply_locked(call->db, relation, victims, checked, call->err));
done:
    batch_unref(victims);
    batch_unref(updated);
    batch_unref(checked);
    mem_free(none_missing);
    return status;
}

static laminar_status check_changeable(struct statement_call *call, const struct relation *relation,
                                       const struct ast_qname *table)
{
    if (relation->kind != RELATION_SOURCE || relation->n_key_cols > 0) return LAMINAR_OK;
    error_set(call->err, LAMINAR_QUERY_UNSUPPORTED,
              "'%s' is append-only: its rows can't be changed", relation->name);
    error_hint(call->err, "declare it with a PRIMARY KEY, or as a TABLE");
    return statement_at(call, LAMINAR_QUERY_UNSUPPORTED, table->span.start);
}

static laminar_status change_rows(struct statement_call *call, const struct ast_qname *table,
                                  const struct ast_name *alias, const struct ast_expr *where,
                                  const struct ast_update *update)
{
    struct database *db = call->db;
    laminar_status status;
    struct arena arena = {0};
    struct plan_context ctx;
    struct change change = {0};
    struct plan_column *cols = NULL;
    struct relation *relation = NULL;
    bool has_step = false;
    TRY(statement_find_target(call, table, &relation));
    mutex_lock(&db->control);
    engine_plan_context(db, &arena, call->sql, call->sql_size, call->params, call->err, &ctx);
    if ((status = check_changeable(call, relation, table)) != LAMINAR_OK) goto unlock;
    if ((status = table_columns(&ctx, relation, alias, &cols)) != LAMINAR_OK) goto unlock;
    uint32_t n_cols = relation->schema->n_columns;
    if (where &&
        (status = compile_condition(&ctx, where, cols, n_cols, &change.condition)) != LAMINAR_OK)
        goto unlock;
    if (update &&
        (status = compile_values(call, &ctx, relation, update, cols, &change.values)) != LAMINAR_OK)
        goto unlock;
    if ((status = batch_builder_create(relation->schema, db->pool, &change.victims, call->err)) !=
        LAMINAR_OK)
        goto unlock;
    if ((status = batch_builder_create(relation->schema, db->pool, &change.updated, call->err)) !=
        LAMINAR_OK)
        goto unlock;
    engine_lock_step(db);
    has_step = true;
    struct relation_runtime *runtime = relation->runtime;
    if (!runtime)
        status = error_set(call->err, LAMINAR_QUERY_FAILED, "'%s' was dropped", relation->name);
    else
        status = collect_changes(call, runtime, &change);
    if (status == LAMINAR_OK) status = apply_changes(call, relation, &change, update != NULL);
unlock:
    if (has_step) engine_unlock_step(db);
    mutex_unlock(&db->control);
done:
    program_free(change.condition);
    program_free(change.values);
    batch_builder_free(change.victims);
    batch_builder_free(change.updated);
    relation_unref(relation);
    arena_deinit(&arena);
    return status;
}

/* --- Changes that read other tables ------------------------------------------------------------------------------------------------------ */

/* Columns [from, from + n) of the batch's rows. */
static laminar_status append_columns(struct batch_builder *builder, const struct batch *batch,
                                     uint32_t from, uint32_t n, struct laminar_error *err)
{
    struct vector *cols = mem_calloc(batch->n_cols + 1, sizeof *cols);
    laminar_status status = cols ? LAMINAR_OK : error_oom(err);
    for (size_t at = 0; status == LAMINAR_OK && at < batch->n_rows; at += CHUNK_ROWS) {
        struct chunk chunk = batch_chunk(batch, at, cols);
        chunk.cols += from;
        chunk.n_cols = n;
        status = batch_builder_append(builder, &chunk, err);
    }
    mem_free(cols);
    return status;
}

/* Runs the plan of the change and applies it, all under one hold of the step lock. */
static laminar_status run_change(struct statement_call *call, struct relation *relation,
                                 const struct plan *plan, bool is_update)
{
    struct database *db = call->db;
    laminar_status status;
    struct rows rows = {0};
    struct change change = {0};
    uint32_t n = relation->schema->n_columns;
    struct run_options options = {
        .is_single_batch = true, .holds_step = true, .sql = call->sql, .sql_size = call->sql_size};
    engine_lock_step(db);
    if (!relation->runtime)
        TRY(error_set(call->err, LAMINAR_QUERY_FAILED, "'%s' was dropped", relation->name));
    TRY(batch_builder_create(relation->schema, db->pool, &change.victims, call->err));
    TRY(batch_builder_create(relation->schema, db->pool, &change.updated, call->err));
    TRY(engine_run_plan_into(db, plan, &options, &rows, call->err));
    for (size_t i = 0; i < rows.n_batches; i++) {
        TRY(append_columns(change.victims, rows.batches[i], 0, n, call->err));
        if (is_update) TRY(append_columns(change.updated, rows.batches[i], n, n, call->err));
    }
    TRY(apply_changes(call, relation, &change, is_update));
done:
    engine_unlock_step(db);
    rows_deinit(&rows);
    batch_builder_free(change.victims);
    batch_builder_free(change.updated);
    return status;
}

static laminar_status change_by_query(struct statement_call *call, const struct ast_qname *table,
                                      const struct ast_update *update, const struct ast_delete *del)
{
    struct database *db = call->db;
    laminar_status status;
    struct arena arena = {0};
    struct plan_context ctx;
    struct plan *plan = NULL;
    struct relation *relation = NULL;
    TRY(statement_find_target(call, table, &relation));
    mutex_lock(&db->control);
    engine_plan_context(db, &arena, call->sql, call->sql_size, call->params, call->err, &ctx);
    status = check_changeable(call, relation, table);
    if (status == LAMINAR_OK) status = plan_change(&ctx, relation, update, del, &plan);
    if (status == LAMINAR_OK) status = run_change(call, relation, plan, update != NULL);
    mutex_unlock(&db->control);
done:
    relation_unref(relation);
    arena_deinit(&arena);
    return status;
}

static bool update_has_subquery(const struct ast_update *update)
{
    if (update->where && ast_has_subquery(update->where)) return true;
    for (size_t i = 0; i < update->n_assignments; i++)
        if (ast_has_subquery(update->assignments[i].value)) return true;
    return false;
}

laminar_status engine_dml(struct statement_call *call)
{
    const struct ast_statement *statement = call->statement;
    if (statement->kind == AST_STMT_INSERT) return insert_query(call, statement->u.insert);
    if (statement->kind == AST_STMT_UPDATE) {
        const struct ast_update *update = statement->u.update;
        if (update->n_from || update_has_subquery(update))
            return change_by_query(call, &update->table, update, NULL);
        return change_rows(call, &update->table, &update->alias, update->where, update);
    }
    const struct ast_delete *del = statement->u.delete_;
    if (del->n_using || (del->where && ast_has_subquery(del->where)))
        return change_by_query(call, &del->table, NULL, del);
    return change_rows(call, &del->table, &del->alias, del->where, NULL);
}
