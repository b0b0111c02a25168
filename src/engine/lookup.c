/* lookup.c - finding relations by the name that a user gave, and making what was inserted fit them. */
#include "base/error.h"
#include "engine/engine.h"
#include "vector/arrow.h"
#include <ctype.h>
#include <string.h>

enum { NAME_MAX_BYTES = 1024 };

struct relation *engine_lookup(struct database *db, const char *name)
{
    struct relation *relation = catalog_find(&db->catalog, name);
    if (relation) return relation;
    char folded[NAME_MAX_BYTES];
    size_t size = strlen(name);
    if (size >= sizeof folded) return NULL;
    for (size_t i = 0; i <= size; i++)
        folded[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    return catalog_find(&db->catalog, folded);
}

static laminar_status unknown_name(struct database *db, const char *name, const char *what,
                                   struct laminar_error *err)
{
    const char *nearest = catalog_nearest(&db->catalog, name);
    error_set(err, LAMINAR_TABLE_NOT_FOUND, "there is no %s named '%.200s'", what, name);
    error_object(err, name);
    if (nearest)
        error_hint(err, "did you mean '%s'?", nearest);
    else
        error_hint(err, "SHOW SOURCES, SHOW TABLES and SHOW STREAMS list what there is");
    return LAMINAR_TABLE_NOT_FOUND;
}

static laminar_status check_target(const struct relation *relation, const char *name,
                                   struct laminar_error *err)
{
    if (relation->kind == RELATION_SOURCE || relation->kind == RELATION_TABLE) return LAMINAR_OK;
    error_set(err, LAMINAR_INGESTION_FAILED, "'%s' is a %s: rows go into sources and tables", name,
              relation_kind_name(relation->kind));
    error_object(err, name);
    error_hint(err, "insert into what it reads");
    return LAMINAR_INGESTION_FAILED;
}

static laminar_status find(struct database *db, const char *name, bool is_target,
                           struct relation **out, struct laminar_error *err)
{
    laminar_status status = database_check_open(db, err);
    if (status != LAMINAR_OK) return status;
    if (!name) return error_set(err, LAMINAR_INVALID_ARGUMENT, "the name is NULL");
    mutex_lock(&db->control);
    struct relation *relation = engine_lookup(db, name);
    if (!relation)
        status = unknown_name(db, name, is_target ? "source or table" : "relation", err);
    else if (is_target)
        status = check_target(relation, name, err);
    if (status == LAMINAR_OK) *out = relation_ref(relation);
    mutex_unlock(&db->control);
    return status;
}

laminar_status engine_find_relation(struct database *db, const char *name, struct relation **out,
                                    struct laminar_error *err)
{
    return find(db, name, false, out, err);
}

laminar_status engine_find_target(struct database *db, const char *name, struct relation **out,
                                  struct laminar_error *err)
{
    return find(db, name, true, out, err);
}

/* --- Defaults and NOT NULL ---------------------------------------------------------------------------------------------------- */

static laminar_status check_not_null(const struct relation *relation, const struct batch *batch,
                                     struct laminar_error *err)
{
    for (uint32_t c = 0; c < batch->n_cols; c++) {
        const struct schema_column *column = &relation->schema->columns[c];
        const struct vector *v = &batch->cols[c];
        if (column->is_nullable || (v->type.id != LAMINAR_TYPE_NULL && !v->validity) ||
            batch->n_rows == 0)
            continue;
        for (size_t row = 0; row < batch->n_rows; row++) {
            if (vector_is_valid(v, row)) continue;
            error_set(err, LAMINAR_BATCH_SCHEMA_MISMATCH,
                      "column '%s' (%s NOT NULL) is null in row %zu", column->name,
                      TYPE_TEXT(column->type), row);
            error_object(err, relation->name);
            error_hint(err, "give a value, or declare the column without NOT NULL");
            return LAMINAR_BATCH_SCHEMA_MISMATCH;
        }
    }
    return LAMINAR_OK;
}

/* The DEFAULT of column c as a constant of the column's type, in the arena. */
static laminar_status default_value(struct database *db, struct relation *relation, uint32_t c,
                                    struct arena *arena, struct vector *out,
                                    struct laminar_error *err)
{
    laminar_status status;
    struct plan_context ctx;
    struct expr *expr;
    const struct schema_column *column = &relation->schema->columns[c];
    engine_plan_context(db, arena, relation->sql ? relation->sql : "",
                        relation->sql ? strlen(relation->sql) : 0, NULL, err, &ctx);
    TRY(plan_expr(&ctx, relation->defaults[c], NULL, 0, &expr));
    TRY(plan_assign(&ctx, expr, column->type, column->name, &expr));
    TRY(program_evaluate_const(NULL, expr, arena, out, err));
done:
    return status;
}

/* One column of a batch whose missing rows become the constant, into `out`. */
static laminar_status mix_column(const struct vector *given, const struct vector *constant,
                                 const struct missing *missing, size_t n_rows, struct column *out,
                                 struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    for (size_t row = 0, end; row < n_rows; row = end) {
        bool is_missing = row < missing->n_bits && bitmap_get(missing->bits, row);
        for (end = row + 1; end < n_rows && (end < missing->n_bits &&
                                             bitmap_get(missing->bits, end)) == is_missing;)
            end++;
        TRY(column_append(out, is_missing ? constant : given, is_missing ? 0 : row, end - row,
                          STRINGS_BORROW, err));
    }
done:
    return status;
}

struct fill {
    struct vector *whole; /* per column: of the whole batch, defaults in place */
    struct column *mixed; /* per column: memory of the mixed ones */
    struct vector *slice;
    uint32_t n_mixed_columns; /* columns [0, n) of mixed are initialised */
};

static laminar_status fill_columns(struct database *db, struct relation *relation,
                                   const struct batch *batch, const struct missing *missing,
                                   struct arena *arena, struct fill *fill,
                                   struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    for (uint32_t c = 0; c < batch->n_cols; c++) {
        TRY(column_init(&fill->mixed[c], relation->schema->columns[c].type, err));
        fill->n_mixed_columns = c + 1;
        fill->whole[c] = batch->cols[c];
        if (!(missing[c].is_all || missing[c].bits) || !relation->defaults[c]) continue;
        struct vector constant;
        TRY(default_value(db, relation, c, arena, &constant, err));
        if (missing[c].is_all) {
            fill->whole[c] = constant;
            continue;
        }
        TRY(mix_column(&batch->cols[c], &constant, &missing[c], batch->n_rows, &fill->mixed[c],
                       err));
        fill->whole[c] = fill->mixed[c].vec;
    }
done:
    return status;
}

laminar_status engine_fill_defaults(struct database *db, struct relation *relation,
                                    struct batch *batch, const struct missing *missing,
                                    struct batch **out, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct arena arena = {0};
    struct batch_builder *builder = NULL;
    struct fill fill = {0};
    struct batch *filled = NULL;
    bool has_work = false;
    for (uint32_t c = 0; relation->defaults && c < batch->n_cols; c++)
        has_work |= (missing[c].is_all || missing[c].bits) && relation->defaults[c];
    if (!has_work) {
        TRY(check_not_null(relation, batch, err));
        *out = batch_ref(batch);
        return LAMINAR_OK;
    }
    fill.whole = mem_calloc(batch->n_cols, sizeof *fill.whole);
    fill.slice = mem_calloc(batch->n_cols, sizeof *fill.slice);
    fill.mixed = mem_calloc(batch->n_cols, sizeof *fill.mixed);
    if (!fill.whole || !fill.slice || !fill.mixed) TRY(error_oom(err));
    batch_need_all(batch);
    TRY(fill_columns(db, relation, batch, missing, &arena, &fill, err));
    TRY(batch_builder_create(relation->schema, db->pool, &builder, err));
    for (size_t at = 0; at < batch->n_rows; at += CHUNK_ROWS) {
        size_t n = batch->n_rows - at < CHUNK_ROWS ? batch->n_rows - at : CHUNK_ROWS;
        for (uint32_t c = 0; c < batch->n_cols; c++)
            fill.slice[c] = fill.whole[c].shape == VEC_CONST ? fill.whole[c]
                                                             : vector_slice(&fill.whole[c], at);
        struct chunk chunk = {(uint32_t)n, batch->n_cols, fill.slice, NULL};
        TRY(batch_builder_append(builder, &chunk, err));
    }
    TRY(batch_builder_finish(builder, &filled, err));
    TRY(check_not_null(relation, filled, err));
    *out = batch_ref(filled);
done:
    batch_unref(filled);
    batch_builder_free(builder);
    for (uint32_t c = 0; c < fill.n_mixed_columns; c++) column_deinit(&fill.mixed[c]);
    mem_free(fill.mixed);
    mem_free(fill.slice);
    mem_free(fill.whole);
    arena_deinit(&arena);
    return status;
}

laminar_status engine_prepare_batch(struct database *db, struct relation *relation,
                                    struct batch *batch, struct batch **out,
                                    struct laminar_error *err)
{
    laminar_status status;
    struct batch *coerced = NULL;
    uint32_t n = relation->schema->n_columns;
    struct missing stack[32];
    struct missing *missing = n <= ARRAY_LENGTH(stack) ? stack : mem_alloc(n * sizeof *missing);
    if (!missing) return error_oom(err);
    for (uint32_t c = 0; c < n; c++) {
        missing[c] = (struct missing){.is_all = relation->has_default && relation->has_default[c]};
        for (uint32_t s = 0; missing[c].is_all && batch->schema && s < batch->schema->n_columns;
             s++) {
            const char *name = batch->schema->columns[s].name;
            if (schema_find_folded(relation->schema, name, strlen(name)) == (int32_t)c)
                missing[c].is_all = false;
        }
    }
    TRY(batch_coerce(batch, relation->schema, relation->has_default, &coerced, err));
    TRY(engine_fill_defaults(db, relation, coerced, missing, out, err));
done:
    if (status != LAMINAR_OK) error_object(err, relation->name);
    batch_unref(coerced);
    if (missing != stack) mem_free(missing);
    return status;
}
