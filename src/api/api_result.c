/* api_result.c - rows that a user reads: by cell, or as Arrow. A result owns references on its batches and nothing of the database. */
#include "api/handles.h"
#include "base/error.h"
#include "vector/arrow.h"
#include "vector/text.h"
#include <errno.h>
#include <string.h>

laminar_status result_create(struct statement_result *take_answer, laminar_result **out,
                             struct laminar_error *err)
{
    const struct rows *rows = &take_answer->rows;
    size_t n_columns = rows->schema ? rows->schema->n_columns : 0;
    /* one block: a reader of small batches makes many of them */
    laminar_result *result = mem_calloc(1, sizeof *result + n_columns * sizeof(char *) +
                                               (rows->n_batches + 1) * sizeof(size_t));
    if (!result) return error_oom(err);
    result->type_names = (char **)(void *)(result + 1);
    result->starts = (size_t *)(void *)(result->type_names + n_columns);
    size_t at = 0;
    for (size_t i = 0; i < rows->n_batches; i++) {
        result->starts[i] = at;
        at += rows->batches[i]->n_rows;
    }
    result->starts[rows->n_batches] = at;
    result->answer = *take_answer;
    *take_answer = (struct statement_result){0};
    *out = result;
    return LAMINAR_OK;
}

laminar_status result_reserve(laminar_result **out, struct laminar_error *err)
{
    laminar_result *result = mem_calloc(1, sizeof *result + sizeof(size_t));
    if (!result) return error_oom(err);
    result->starts = (size_t *)(void *)(result + 1);
    *out = result;
    return LAMINAR_OK;
}

laminar_status result_finish(struct statement_result *take_answer, laminar_result **take_reserved,
                             laminar_result **out, struct laminar_error *err)
{
    if (take_answer->rows.schema || take_answer->rows.n_batches > 0)
        return result_create(take_answer, out, err);
    *out = *take_reserved;
    *take_reserved = NULL;
    (*out)->answer = *take_answer;
    *take_answer = (struct statement_result){0};
    return LAMINAR_OK;
}

void laminar_result_free(laminar_result *result)
{
    if (!result) return;
    if (result->answer.rows.schema)
        for (uint32_t i = 0; i < result->answer.rows.schema->n_columns; i++)
            mem_free(result->type_names[i]);
    statement_result_deinit(&result->answer);
    mem_free(result);
}

laminar_result_kind laminar_result_get_kind(const laminar_result *result)
{
    return result->answer.kind;
}
uint64_t laminar_result_rows_affected(const laminar_result *result)
{
    return result->answer.rows_affected;
}
const char *laminar_result_ddl_type(const laminar_result *result)
{
    return result->answer.ddl_type;
}
const char *laminar_result_ddl_object(const laminar_result *result)
{
    return result->answer.ddl_object ? result->answer.ddl_object : "";
}
size_t laminar_result_n_rows(const laminar_result *result) { return result->answer.rows.n_rows; }
size_t laminar_result_n_batches(const laminar_result *result)
{
    return result->answer.rows.n_batches;
}
uint64_t laminar_result_epoch(const laminar_result *result) { return result->answer.rows.epoch; }
size_t laminar_result_n_columns(const laminar_result *result)
{
    return result->answer.rows.schema ? result->answer.rows.schema->n_columns : 0;
}

static const struct schema_column *column_of(const laminar_result *result, size_t column)
{
    return column < laminar_result_n_columns(result) ? &result->answer.rows.schema->columns[column]
                                                     : NULL;
}

const char *laminar_result_column_name(const laminar_result *result, size_t column)
{
    const struct schema_column *c = column_of(result, column);
    return c ? c->name : NULL;
}

laminar_type laminar_result_column_type(const laminar_result *result, size_t column)
{
    const struct schema_column *c = column_of(result, column);
    return c ? (laminar_type)c->type.id : LAMINAR_TYPE_NULL;
}

const char *laminar_result_column_type_name(const laminar_result *result, size_t column)
{
    const struct schema_column *c = column_of(result, column);
    if (!c) return NULL;
    /* Made on the first call. Two threads may make it at once: one of the texts is dropped. */
    char *_Atomic *cell = (char *_Atomic *)(void *)&result->type_names[column];
    char *text = atomic_load_explicit(cell, memory_order_acquire);
    if (text) return text;
    struct strbuf buf = {0};
    type_print(c->type, &buf);
    char *made = strbuf_take(&buf);
    if (!made) return "";
    char *expected = NULL;
    if (atomic_compare_exchange_strong_explicit(cell, &expected, made, memory_order_acq_rel,
                                                memory_order_acquire))
        return made;
    mem_free(made);
    return expected;
}

/* --- Cells ------------------------------------------------------------------------------------------------------------------------ */

/* The vector and row of a cell; NULL out of range or null. */
static const struct vector *cell(const laminar_result *result, size_t row, size_t column,
                                 size_t *out_row)
{
    const struct rows *rows = &result->answer.rows;
    if (row >= rows->n_rows || column >= laminar_result_n_columns(result)) return NULL;
    size_t low = 0, high = rows->n_batches;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (result->starts[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    while (row >= result->starts[low + 1]) low++; /* empty batches */
    batch_need(rows->batches[low], (uint32_t)column);
    const struct vector *v = &rows->batches[low]->cols[column];
    size_t at = row - result->starts[low];
    if (!vector_is_valid(v, at)) return NULL;
    *out_row = v->shape == VEC_CONST ? 0 : at;
    return v;
}

bool laminar_result_is_null(const laminar_result *result, size_t row, size_t column)
{
    size_t at;
    return cell(result, row, column, &at) == NULL;
}

bool laminar_result_bool(const laminar_result *result, size_t row, size_t column)
{
    size_t at;
    const struct vector *v = cell(result, row, column, &at);
    if (!v) return false;
    if (v->type.id == LAMINAR_TYPE_BOOL) return ((const uint8_t *)v->data)[at] != 0;
    return laminar_result_int64(result, row, column) != 0;
}

int64_t laminar_result_int64(const laminar_result *result, size_t row, size_t column)
{
    size_t at;
    const struct vector *v = cell(result, row, column, &at);
    if (!v) return 0;
    switch (type_phys(v->type)) {
    case PHYS_BOOL: return ((const uint8_t *)v->data)[at];
    case PHYS_I8: return ((const int8_t *)v->data)[at];
    case PHYS_I16: return ((const int16_t *)v->data)[at];
    case PHYS_I32: return ((const int32_t *)v->data)[at];
    case PHYS_I64: return ((const int64_t *)v->data)[at];
    case PHYS_U8: return ((const uint8_t *)v->data)[at];
    case PHYS_U16: return ((const uint16_t *)v->data)[at];
    case PHYS_U32: return ((const uint32_t *)v->data)[at];
    case PHYS_U64: return (int64_t)((const uint64_t *)v->data)[at];
    case PHYS_F32:
    case PHYS_F64: {
        double d = laminar_result_double(result, row, column);
        return d >= -9223372036854775808.0 && d < 9223372036854775808.0 ? (int64_t)d : 0;
    }
    case PHYS_I128: return (int64_t)(((const int128 *)v->data)[at] / pow10_table[v->type.scale]);
    case PHYS_STRING:
    case PHYS_INTERVAL:
    case PHYS_UUID:
    case PHYS_LIST:
    case PHYS_STRUCT:
    case PHYS_NULL: return 0;
    }
    return 0;
}

uint64_t laminar_result_uint64(const laminar_result *result, size_t row, size_t column)
{
    return (uint64_t)laminar_result_int64(result, row, column);
}

double laminar_result_double(const laminar_result *result, size_t row, size_t column)
{
    size_t at;
    const struct vector *v = cell(result, row, column, &at);
    if (!v) return 0;
    switch ((int)type_phys(v->type)) {
    case PHYS_F32: return (double)((const float *)v->data)[at];
    case PHYS_F64: return ((const double *)v->data)[at];
    case PHYS_I128: return decimal_to_double(((const int128 *)v->data)[at], v->type.scale);
    case PHYS_U64: return (double)((const uint64_t *)v->data)[at];
    default: return (double)laminar_result_int64(result, row, column);
    }
}

const char *laminar_result_bytes(const laminar_result *result, size_t row, size_t column,
                                 size_t *size)
{
    size_t at;
    const struct vector *v = cell(result, row, column, &at);
    size_t n = 0;
    const char *data = NULL;
    if (v && type_phys(v->type) == PHYS_STRING) {
        const struct string_view *s = &((const struct string_view *)v->data)[at];
        n = s->size;
        data = string_data(s);
    } else if (v && type_phys(v->type) == PHYS_UUID) {
        n = 16;
        data = (const char *)v->data + at * 16;
    }
    if (size) *size = n;
    return data;
}

char *laminar_result_text_copy(const laminar_result *result, size_t row, size_t column)
{
    size_t at;
    const struct vector *v = cell(result, row, column, &at);
    if (!v) return NULL;
    struct strbuf buf = {0};
    text_print_value(&buf, v, at);
    return strbuf_take(&buf);
}

/* --- Arrow -------------------------------------------------------------------------------------------------------------------------- */

laminar_status laminar_result_export_schema(const laminar_result *result, struct ArrowSchema *out,
                                            laminar_error *err)
{
    if (!result || !out) return api_null(!result ? "result" : "out", err);
    if (!result->answer.rows.schema)
        return error_set(err, LAMINAR_INVALID_ARGUMENT, "the result has no columns");
    return arrow_export_schema(result->answer.rows.schema, false, out, err);
}

laminar_status laminar_result_export_batch(const laminar_result *result, size_t batch,
                                           struct ArrowArray *out, laminar_error *err)
{
    if (!result || !out) return api_null(!result ? "result" : "out", err);
    const struct rows *rows = &result->answer.rows;
    if (batch >= rows->n_batches)
        return error_set(err, LAMINAR_INVALID_ARGUMENT, "there is no batch %zu: the result has %zu",
                         batch, rows->n_batches);
    return arrow_export_batch(rows->batches[batch], 0, rows->batches[batch]->n_rows, false, out,
                              err);
}

struct result_stream {
    struct schema *schema;
    struct batch **batches;
    size_t n_batches;
    size_t next;
    struct laminar_error error;
};

static int status_to_errno(laminar_status status)
{
    return status == LAMINAR_OUT_OF_MEMORY ? ENOMEM : EINVAL;
}

static int stream_get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    struct result_stream *s = stream->private_data;
    laminar_status status = arrow_export_schema(s->schema, false, out, &s->error);
    return status == LAMINAR_OK ? 0 : status_to_errno(status);
}

static int stream_get_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    struct result_stream *s = stream->private_data;
    if (s->next == s->n_batches) {
        memset(out, 0, sizeof *out);
        return 0;
    }
    struct batch *batch = s->batches[s->next];
    laminar_status status = arrow_export_batch(batch, 0, batch->n_rows, false, out, &s->error);
    if (status != LAMINAR_OK) return status_to_errno(status);
    s->next++;
    return 0;
}

static const char *stream_get_last_error(struct ArrowArrayStream *stream)
{
    struct result_stream *s = stream->private_data;
    return s->error.code == LAMINAR_OK ? NULL : s->error.message;
}

static void stream_release(struct ArrowArrayStream *stream)
{
    struct result_stream *s = stream->private_data;
    for (size_t i = 0; i < s->n_batches; i++) batch_unref(s->batches[i]);
    schema_unref(s->schema);
    mem_free(s->batches);
    mem_free(s);
    stream->release = NULL;
    stream->private_data = NULL;
}

laminar_status laminar_result_export_stream(const laminar_result *result,
                                            struct ArrowArrayStream *out, laminar_error *err)
{
    if (!result || !out) return api_null(!result ? "result" : "out", err);
    const struct rows *rows = &result->answer.rows;
    if (!rows->schema) return error_set(err, LAMINAR_INVALID_ARGUMENT, "the result has no columns");
    struct result_stream *s = mem_calloc(1, sizeof *s);
    struct batch **batches = mem_alloc((rows->n_batches + 1) * sizeof(struct batch *));
    if (!s || !batches) {
        mem_free(s);
        mem_free(batches);
        return error_oom(err);
    }
    for (size_t i = 0; i < rows->n_batches; i++) batches[i] = batch_ref(rows->batches[i]);
    s->batches = batches;
    s->n_batches = rows->n_batches;
    s->schema = schema_ref(rows->schema);
    *out = (struct ArrowArrayStream){stream_get_schema, stream_get_next, stream_get_last_error,
                                     stream_release, s};
    return LAMINAR_OK;
}
