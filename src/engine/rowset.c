/* rowset.c - see rowset.h. */
#include "engine/rowset.h"
#include "base/error.h"
#include <string.h>

laminar_status rowset_init(struct rowset *set, struct schema *schema, struct laminar_error *err)
{
    memset(set, 0, sizeof *set);
    ENSURE(schema->n_columns <= ROWSET_COLUMNS_MAX, err);
    set->schema = schema;
    for (uint32_t i = 0; i < schema->n_columns; i++) {
        laminar_status status = column_init(&set->columns[i], schema->columns[i].type, err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

void rowset_deinit(struct rowset *set)
{
    for (uint32_t i = 0; set->schema && i < set->schema->n_columns; i++)
        column_deinit(&set->columns[i]);
    set->schema = NULL;
}

static struct column *next_column(struct rowset *set, laminar_type type)
{
    struct column *column = &set->columns[set->next];
    set->next = (set->next + 1) % set->schema->n_columns;
    assert(type == LAMINAR_TYPE_NULL || column->vec.type.id == type);
    (void)type;
    return column;
}

static void note(struct rowset *set, laminar_status status)
{
    if (set->status == LAMINAR_OK) set->status = status;
}

void rowset_null(struct rowset *set)
{
    note(set, column_append_null(next_column(set, LAMINAR_TYPE_NULL), 1, NULL));
}

void rowset_text(struct rowset *set, const char *text)
{
    if (!text) {
        rowset_null(set);
        return;
    }
    note(set,
         column_append_string(next_column(set, LAMINAR_TYPE_VARCHAR), text, strlen(text), NULL));
}

void rowset_int(struct rowset *set, int64_t value)
{
    note(set, column_append_value(next_column(set, LAMINAR_TYPE_INT64), &value, NULL));
}

void rowset_bool(struct rowset *set, bool value)
{
    uint8_t byte = value;
    note(set, column_append_value(next_column(set, LAMINAR_TYPE_BOOL), &byte, NULL));
}

void rowset_double(struct rowset *set, double value)
{
    note(set, column_append_value(next_column(set, LAMINAR_TYPE_DOUBLE), &value, NULL));
}

laminar_status rowset_finish(struct rowset *set, struct batch **out, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct batch_builder *builder = NULL;
    struct vector vectors[ROWSET_COLUMNS_MAX];
    if (set->status != LAMINAR_OK) return error_oom(err);
    TRY(batch_builder_create(set->schema, NULL, &builder, err));
    size_t n_rows = set->schema->n_columns ? set->columns[0].n : 0;
    for (size_t at = 0; at < n_rows; at += CHUNK_ROWS) {
        size_t n = n_rows - at < CHUNK_ROWS ? n_rows - at : CHUNK_ROWS;
        for (uint32_t i = 0; i < set->schema->n_columns; i++)
            vectors[i] = vector_slice(&set->columns[i].vec, at);
        struct chunk chunk = {(uint32_t)n, set->schema->n_columns, vectors, NULL};
        TRY(batch_builder_append(builder, &chunk, err));
    }
    TRY(batch_builder_finish(builder, out, err));
done:
    batch_builder_free(builder);
    return status;
}
