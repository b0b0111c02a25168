/* api_writer.c - rows set cell by cell into columns, and inserted a batch at a time.
 *
 * Invariant between calls: every column has n_rows or n_rows + 1 values; the ones with one more have had their cell of the open row set.
 * Cells that were not set take the DEFAULT (evaluated once a flush) or null at end_row.
 *
 * A nested value that is set part by part is a stack of frames: the columns of the topmost frame's children take its parts.
 * A detached writer has no database; its relation is its own. */
#include "api/handles.h"
#include "base/error.h"
#include "vector/arrow.h"
#include "vector/text.h"
#include <math.h>
#include <string.h>

enum { WRITER_FLUSH_ROWS = 8192 };

/* A list, map or struct that is being set. */
struct frame {
    struct column *col;
    size_t first_item; /* LIST, MAP */
    uint32_t column;   /* of the writer */
};

struct laminar_writer {
    struct database *db;       /* referenced; NULL when detached */
    struct relation *relation; /* referenced */
    struct column *columns;
    uint32_t n_columns;
    size_t n_rows;
    uint64_t flush_rows;
    struct batch_builder *builder;
    struct vector *slice;
    uint8_t **is_default;    /* per column, a bit a row: takes the DEFAULT */
    size_t default_capacity; /* rows that is_default has bits for; a multiple of 8 */
    bool *has_pending_default;
    int64_t watermark_ms;
    bool is_closed;
    struct frame frames[TYPE_DEPTH_MAX];
    uint32_t depth;
};

static laminar_status check_open(const laminar_writer *writer, struct laminar_error *err)
{
    if (!writer) return api_null("writer", err);
    if (unlikely(writer->is_closed)) {
        error_set(err, LAMINAR_WRITER_CLOSED, "the writer of '%s' is closed",
                  writer->relation->name);
        error_object(err, writer->relation->name);
        error_hint(err, "make a new one");
        return LAMINAR_WRITER_CLOSED;
    }
    return LAMINAR_OK;
}

/* db: NULL for a detached one. */
static laminar_status create_writer(struct database *db, struct relation *relation,
                                    uint64_t flush_rows, laminar_writer **out,
                                    struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    laminar_writer *writer = mem_calloc(1, sizeof *writer);
    if (!writer) return error_oom(err);
    writer->db = db ? database_ref(db) : NULL;
    writer->relation = relation_ref(relation);
    writer->n_columns = relation->schema->n_columns;
    writer->watermark_ms = INT64_MIN;
    writer->flush_rows = flush_rows;
    writer->columns = mem_calloc(writer->n_columns + 1, sizeof *writer->columns);
    writer->slice = mem_calloc(writer->n_columns + 1, sizeof *writer->slice);
    writer->is_default = mem_calloc(writer->n_columns + 1, sizeof *writer->is_default);
    writer->has_pending_default = mem_calloc(writer->n_columns + 1, sizeof(bool));
    if (!writer->columns || !writer->slice || !writer->is_default || !writer->has_pending_default)
        TRY(error_oom(err));
    for (uint32_t c = 0; c < writer->n_columns; c++)
        TRY(column_init(&writer->columns[c], relation->schema->columns[c].type, err));
    TRY(batch_builder_create(relation->schema, db ? db->pool : NULL, &writer->builder, err));
    *out = writer;
    writer = NULL;
done:
    if (writer) {
        writer->is_closed = true;
        laminar_writer_free(writer);
    }
    return status;
}

laminar_status laminar_writer_create(laminar_db *db, const char *name,
                                     const laminar_writer_options *options, laminar_writer **out,
                                     laminar_error *err)
{
    struct relation *relation = NULL;
    if (!db || !name || !out) return api_null(!db ? "db" : !name ? "name" : "out", err);
    laminar_status status = engine_find_target(db->db, name, &relation, err);
    if (status != LAMINAR_OK) return status;
    uint64_t flush_rows = options && options->struct_size >= sizeof *options ? options->flush_rows
                                                                             : 0;
    status = create_writer(db->db, relation, flush_rows ? flush_rows : WRITER_FLUSH_ROWS, out, err);
    relation_unref(relation);
    return status;
}

laminar_status laminar_writer_create_detached(const struct ArrowSchema *schema,
                                              laminar_writer **out, laminar_error *err)
{
    struct schema *imported = NULL;
    if (!schema || !out) return api_null(!schema ? "schema" : "out", err);
    laminar_status status = arrow_import_schema(schema, &imported, err);
    if (status != LAMINAR_OK) return status;
    struct relation *relation = relation_create(RELATION_TABLE, "rows", imported);
    status = relation ? create_writer(NULL, relation, UINT64_MAX, out, err) : error_oom(err);
    relation_unref(relation);
    schema_unref(imported);
    return status;
}

void laminar_writer_free(laminar_writer *writer)
{
    if (!writer) return;
    if (!writer->is_closed) {
        laminar_status status = laminar_writer_close(writer, NULL);
        (void)status;
    }
    for (uint32_t c = 0; writer->columns && c < writer->n_columns; c++)
        column_deinit(&writer->columns[c]);
    for (uint32_t c = 0; writer->is_default && c < writer->n_columns; c++)
        mem_free(writer->is_default[c]);
    mem_free(writer->columns);
    mem_free(writer->slice);
    mem_free(writer->is_default);
    mem_free(writer->has_pending_default);
    batch_builder_free(writer->builder);
    relation_unref(writer->relation);
    database_unref(writer->db);
    mem_free(writer);
}

laminar_status laminar_writer_close(laminar_writer *writer, laminar_error *err)
{
    if (!writer) return api_null("writer", err);
    if (writer->is_closed) return LAMINAR_OK;
    laminar_status status = writer->db ? laminar_writer_flush(writer, NULL, err) : LAMINAR_OK;
    writer->is_closed = true;
    return status;
}

const char *laminar_writer_name(const laminar_writer *writer)
{
    return writer ? writer->relation->name : NULL;
}

laminar_status laminar_writer_schema(const laminar_writer *writer, struct ArrowSchema *out,
                                     laminar_error *err)
{
    if (!writer || !out) return api_null(!writer ? "writer" : "out", err);
    return arrow_export_schema(writer->relation->schema, false, out, err);
}

/* The type of the value that is being set in parts; NULL: the row itself is. */
static const struct type_info *open_type(const laminar_writer *writer)
{
    return writer->depth ? writer->frames[writer->depth - 1].col->vec.type.info : NULL;
}

size_t laminar_writer_n_columns(const laminar_writer *writer)
{
    if (!writer) return 0;
    return writer->depth ? open_type(writer)->n_fields : writer->n_columns;
}

const char *laminar_writer_column_name(const laminar_writer *writer, size_t column)
{
    if (column >= laminar_writer_n_columns(writer)) return NULL;
    return writer->depth ? open_type(writer)->fields[column].name
                         : writer->relation->schema->columns[column].name;
}

static struct data_type cell_type(const laminar_writer *writer, size_t column)
{
    return writer->depth ? open_type(writer)->fields[column].type
                         : writer->columns[column].vec.type;
}

laminar_type laminar_writer_column_type(const laminar_writer *writer, size_t column)
{
    return column < laminar_writer_n_columns(writer) ? (laminar_type)cell_type(writer, column).id
                                                     : LAMINAR_TYPE_NULL;
}

char *laminar_writer_column_type_name_copy(const laminar_writer *writer, size_t column)
{
    if (column >= laminar_writer_n_columns(writer)) return NULL;
    struct strbuf text = {0};
    type_print(cell_type(writer, column), &text);
    if (!text.failed) return strbuf_take(&text);
    strbuf_deinit(&text);
    return NULL;
}

size_t laminar_writer_column_index(const laminar_writer *writer, const char *name, size_t size)
{
    if (!writer || !name) return SIZE_MAX;
    for (size_t i = 0; writer->depth && i < open_type(writer)->n_fields; i++) {
        const char *field = open_type(writer)->fields[i].name;
        if (strlen(field) == size && memcmp(field, name, size) == 0) return i;
    }
    if (writer->depth) return SIZE_MAX;
    int32_t i = schema_find_folded(writer->relation->schema, name, size);
    return i < 0 ? SIZE_MAX : (size_t)i;
}

/* --- Cells ---------------------------------------------------------------------------------------------------------------------------- */

/* The column, with the open row's cell not set. */
static laminar_status start_cell(laminar_writer *writer, size_t column, struct column **out,
                                 struct laminar_error *err)
{
    laminar_status status = check_open(writer, err);
    if (status != LAMINAR_OK) return status;
    if (column >= laminar_writer_n_columns(writer))
        return error_set(err, LAMINAR_BATCH_SCHEMA_MISMATCH, "'%s' has no column %zu: it has %zu",
                         writer->relation->name, column, laminar_writer_n_columns(writer));
    if (unlikely(writer->depth)) {
        struct column *into = writer->frames[writer->depth - 1].col;
        *out = &into->children[column];
        if (into->vec.type.id == LAMINAR_TYPE_STRUCT) column_truncate(*out, into->n);
        return LAMINAR_OK;
    }
    struct column *col = &writer->columns[column];
    if (col->n > writer->n_rows) column_truncate(col, writer->n_rows);
    *out = col;
    return LAMINAR_OK;
}

static laminar_status mismatch(const laminar_writer *writer, size_t column, const char *value,
                               const char *from, struct laminar_error *err)
{
    const struct schema_column *c =
        &writer->relation->schema->columns[writer->depth ? writer->frames[0].column : column];
    struct data_type type = cell_type(writer, column);
    if (writer->depth)
        error_set(err, LAMINAR_BATCH_SCHEMA_MISMATCH,
                  "column '%s' (%s), row %zu, '%s' in its value: %.200s (%s) can't be stored as %s "
                  "without loss",
                  c->name, TYPE_TEXT(c->type), writer->n_rows,
                  laminar_writer_column_name(writer, column), value, from, TYPE_TEXT(type));
    else
        error_set(err, LAMINAR_BATCH_SCHEMA_MISMATCH,
                  "column '%s', row %zu: %.200s (%s) can't be stored as %s without loss", c->name,
                  writer->n_rows, value, from, TYPE_TEXT(type));
    error_object(err, writer->relation->name);
    error_hint(err, "give a value of the type %s", TYPE_TEXT(type));
    return LAMINAR_BATCH_SCHEMA_MISMATCH;
}

static laminar_status mismatch_int(const laminar_writer *writer, size_t column, int128 value,
                                   struct laminar_error *err)
{
    struct strbuf text = {0};
    text_print_decimal(&text, value, 0);
    laminar_status status = mismatch(writer, column, text.data ? text.data : "?", "BIGINT", err);
    strbuf_deinit(&text);
    return status;
}

laminar_status laminar_writer_set_null(laminar_writer *writer, size_t column, laminar_error *err)
{
    struct column *col;
    laminar_status status = start_cell(writer, column, &col, err);
    return status == LAMINAR_OK ? column_append_null(col, 1, err) : status;
}

laminar_status laminar_writer_set_bool(laminar_writer *writer, size_t column, bool value,
                                       laminar_error *err)
{
    struct column *col;
    laminar_status status = start_cell(writer, column, &col, err);
    if (status != LAMINAR_OK) return status;
    uint8_t byte = value;
    if (col->vec.type.id == LAMINAR_TYPE_BOOL) return column_append_value(col, &byte, err);
    return mismatch(writer, column, value ? "true" : "false", "BOOLEAN", err);
}

#define STORE_INT(T, low, high)                                                                    \
    do {                                                                                           \
        if (value < (int128)(low) || value > (int128)(high))                                       \
            return mismatch_int(writer, column, value, err);                                       \
        T stored = (T)value;                                                                       \
        return column_append_value(col, &stored, err);                                             \
    } while (0)

static laminar_status set_integer(laminar_writer *writer, size_t column, int128 value,
                                  struct laminar_error *err)
{
    struct column *col;
    laminar_status status = start_cell(writer, column, &col, err);
    if (status != LAMINAR_OK) return status;
    switch ((laminar_type)col->vec.type.id) {
    case LAMINAR_TYPE_INT8: STORE_INT(int8_t, INT8_MIN, INT8_MAX);
    case LAMINAR_TYPE_INT16: STORE_INT(int16_t, INT16_MIN, INT16_MAX);
    case LAMINAR_TYPE_INT32: STORE_INT(int32_t, INT32_MIN, INT32_MAX);
    case LAMINAR_TYPE_TIMESTAMP:
    case LAMINAR_TYPE_TIMESTAMPTZ:
    case LAMINAR_TYPE_INT64: STORE_INT(int64_t, INT64_MIN, INT64_MAX);
    case LAMINAR_TYPE_UINT8: STORE_INT(uint8_t, 0, UINT8_MAX);
    case LAMINAR_TYPE_UINT16: STORE_INT(uint16_t, 0, UINT16_MAX);
    case LAMINAR_TYPE_UINT32: STORE_INT(uint32_t, 0, UINT32_MAX);
    case LAMINAR_TYPE_UINT64: STORE_INT(uint64_t, 0, UINT64_MAX);
    case LAMINAR_TYPE_FLOAT: {
        float f = (float)value;
        if ((int128)f != value) return mismatch_int(writer, column, value, err);
        return column_append_value(col, &f, err);
    }
    case LAMINAR_TYPE_DOUBLE: {
        double d = (double)value;
        if ((int128)d != value) return mismatch_int(writer, column, value, err);
        return column_append_value(col, &d, err);
    }
    case LAMINAR_TYPE_DECIMAL: {
        int128 scaled;
        if (__builtin_mul_overflow(value, pow10_table[col->vec.type.scale], &scaled) ||
            scaled >= pow10_table[col->vec.type.precision] ||
            scaled <= -pow10_table[col->vec.type.precision])
            return mismatch_int(writer, column, value, err);
        return column_append_value(col, &scaled, err);
    }
    case LAMINAR_TYPE_NULL:
    case LAMINAR_TYPE_BOOL:
    case LAMINAR_TYPE_VARCHAR:
    case LAMINAR_TYPE_BINARY:
    case LAMINAR_TYPE_DATE:
    case LAMINAR_TYPE_TIME:
    case LAMINAR_TYPE_INTERVAL:
    case LAMINAR_TYPE_UUID:
    case LAMINAR_TYPE_JSON:
    case LAMINAR_TYPE_LIST:
    case LAMINAR_TYPE_STRUCT:
    case LAMINAR_TYPE_MAP: return mismatch_int(writer, column, value, err);
    }
    return mismatch_int(writer, column, value, err);
}

laminar_status laminar_writer_set_int64(laminar_writer *writer, size_t column, int64_t value,
                                        laminar_error *err)
{
    return set_integer(writer, column, value, err);
}

laminar_status laminar_writer_set_uint64(laminar_writer *writer, size_t column, uint64_t value,
                                         laminar_error *err)
{
    return set_integer(writer, column, (int128)value, err);
}

laminar_status laminar_writer_set_double(laminar_writer *writer, size_t column, double value,
                                         laminar_error *err)
{
    struct column *col;
    laminar_status status = start_cell(writer, column, &col, err);
    if (status != LAMINAR_OK) return status;
    if (col->vec.type.id == LAMINAR_TYPE_DOUBLE) return column_append_value(col, &value, err);
    if (col->vec.type.id == LAMINAR_TYPE_FLOAT) {
        float f = (float)value;
        if ((double)f == value || isnan(value)) return column_append_value(col, &f, err);
    } else if (type_is_integer(col->vec.type) && value >= -9223372036854775808.0 &&
               value < 18446744073709551616.0 && (double)(int128)value == value) {
        return set_integer(writer, column, (int128)value, err);
    }
    struct strbuf text = {0};
    text_print_double(&text, value);
    if (col->vec.type.id == LAMINAR_TYPE_DECIMAL && text.data) {
        int128 decimal;
        bool is_exact;
        if (text_parse_decimal(text.data, text.size, col->vec.type.precision, col->vec.type.scale,
                               &decimal, &is_exact) == PARSE_OK &&
            is_exact) {
            strbuf_deinit(&text);
            return column_append_value(col, &decimal, err);
        }
    }
    status = mismatch(writer, column, text.data ? text.data : "?", "DOUBLE", err);
    strbuf_deinit(&text);
    return status;
}

laminar_status laminar_writer_set_text(laminar_writer *writer, size_t column, const char *text,
                                       size_t size, laminar_error *err)
{
    struct column *col;
    laminar_status status = start_cell(writer, column, &col, err);
    if (status != LAMINAR_OK) return status;
    if (!text) return api_null("text", err);
    char shown[64];
    size_t n_shown = size < sizeof shown - 3 ? size : sizeof shown - 3;
    if (size > UINT32_MAX || !utf8_validate(text, size))
        return mismatch(writer, column,
                        size > UINT32_MAX ? "a text above 4 GiB" : "a text that is not UTF-8",
                        "VARCHAR", err);
    if (col->vec.type.id == LAMINAR_TYPE_VARCHAR) return column_append_string(col, text, size, err);
    union {
        int128 align;
        uint8_t bytes[16];
    } value;
    bool is_exact;
    if (!type_is_nested(col->vec.type) &&
        text_parse_value_exact(col->vec.type, text, size, &value, &is_exact) == PARSE_OK &&
        is_exact) {
        if (type_phys(col->vec.type) != PHYS_STRING) return column_append_value(col, &value, err);
        const struct string_view *s = (const struct string_view *)(const void *)&value;
        return column_append_string(col, string_data(s), s->size, err);
    }
    shown[0] = '\'';
    n_shown = utf8_valid_prefix(text, n_shown);
    memcpy(shown + 1, text, n_shown);
    shown[n_shown + 1] = '\'';
    shown[n_shown + 2] = 0;
    return mismatch(writer, column, shown, "VARCHAR", err);
}

laminar_status laminar_writer_set_blob(laminar_writer *writer, size_t column, const void *data,
                                       size_t size, laminar_error *err)
{
    struct column *col;
    laminar_status status = start_cell(writer, column, &col, err);
    if (status != LAMINAR_OK) return status;
    if (!data && size) return api_null("data", err);
    if (col->vec.type.id == LAMINAR_TYPE_BINARY && size <= UINT32_MAX)
        return column_append_string(col, data ? data : "", size, err);
    if (col->vec.type.id == LAMINAR_TYPE_UUID && size == 16)
        return column_append_value(col, data, err);
    return mismatch(writer, column, "bytes", "BINARY", err);
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

laminar_status laminar_writer_set_timestamp(laminar_writer *writer, size_t column, int64_t seconds,
                                            uint32_t nanos, laminar_error *err)
{
    struct column *col;
    laminar_status status = start_cell(writer, column, &col, err);
    if (status != LAMINAR_OK) return status;
    if (nanos > 999999999)
        return error_set(err, LAMINAR_INVALID_ARGUMENT, "%u is not below one second in nanoseconds",
                         nanos);
    struct data_type type = col->vec.type;
    if (type_is_timestamp(type)) {
        int64_t per_second = unit_per_second((enum time_unit)type.unit);
        int64_t fraction_ns = 1000000000 / per_second, value;
        if (nanos % (uint64_t)fraction_ns == 0 &&
            !__builtin_mul_overflow(seconds, per_second, &value) &&
            !__builtin_add_overflow(value, (int64_t)nanos / fraction_ns, &value))
            return column_append_value(col, &value, err);
    } else if (type.id == LAMINAR_TYPE_DATE && nanos == 0 && seconds % 86400 == 0) {
        int32_t days = (int32_t)floor_div(seconds, 86400);
        if (days == floor_div(seconds, 86400)) return column_append_value(col, &days, err);
    }
    struct strbuf text = {0};
    text_print_timestamp(&text, seconds, UNIT_SECOND, NULL);
    status = mismatch(writer, column, text.data ? text.data : "?",
                      nanos % 1000 ? "TIMESTAMP(9)" : "TIMESTAMP", err);
    strbuf_deinit(&text);
    return status;
}

laminar_status laminar_writer_set_date(laminar_writer *writer, size_t column, int32_t days,
                                       laminar_error *err)
{
    struct column *col;
    laminar_status status = start_cell(writer, column, &col, err);
    if (status != LAMINAR_OK) return status;
    if (col->vec.type.id == LAMINAR_TYPE_DATE) return column_append_value(col, &days, err);
    if (type_is_timestamp(col->vec.type))
        return laminar_writer_set_timestamp(writer, column, (int64_t)days * 86400, 0, err);
    struct strbuf text = {0};
    text_print_date(&text, days);
    status = mismatch(writer, column, text.data ? text.data : "?", "DATE", err);
    strbuf_deinit(&text);
    return status;
}

laminar_status laminar_writer_set_time(laminar_writer *writer, size_t column, int64_t nanos,
                                       laminar_error *err)
{
    struct column *col;
    laminar_status status = start_cell(writer, column, &col, err);
    if (status != LAMINAR_OK) return status;
    if (col->vec.type.id == LAMINAR_TYPE_TIME && nanos >= 0 && nanos < 86400LL * 1000000000) {
        int64_t fraction_ns = 1000000000 / unit_per_second((enum time_unit)col->vec.type.unit);
        int64_t value = nanos / fraction_ns;
        if (nanos % fraction_ns == 0) return column_append_value(col, &value, err);
    }
    struct strbuf text = {0};
    text_print_time(&text, nanos, UNIT_NANO);
    status = mismatch(writer, column, text.data ? text.data : "?", "TIME", err);
    strbuf_deinit(&text);
    return status;
}

laminar_status laminar_writer_set_interval(laminar_writer *writer, size_t column,
                                           laminar_interval value, laminar_error *err)
{
    struct column *col;
    laminar_status status = start_cell(writer, column, &col, err);
    if (status != LAMINAR_OK) return status;
    if (col->vec.type.id == LAMINAR_TYPE_INTERVAL) return column_append_value(col, &value, err);
    struct strbuf text = {0};
    text_print_interval(&text, value);
    status = mismatch(writer, column, text.data ? text.data : "?", "INTERVAL", err);
    strbuf_deinit(&text);
    return status;
}

static void keep_array(struct ArrowArray *array) { array->release = NULL; }
static void keep_schema(struct ArrowSchema *schema) { schema->release = NULL; }

laminar_status laminar_writer_set_arrow(laminar_writer *writer, size_t column,
                                        const struct ArrowSchema *schema,
                                        const struct ArrowArray *array, int64_t row,
                                        laminar_error *err)
{
    struct column *col;
    struct schema *wrapped = NULL, *target = NULL;
    struct batch *imported = NULL, *coerced = NULL;
    laminar_status status = start_cell(writer, column, &col, err);
    if (status != LAMINAR_OK) return status;
    if (!schema || !array) return api_null(!schema ? "schema" : "array", err);
    if (row < 0 || row >= array->length)
        return error_set(err, LAMINAR_INVALID_ARGUMENT, "row %lld of an array of %lld",
                         (long long)row, (long long)array->length);
    /* The cell as a batch of one row and one column, named as the target column; it borrows the caller's array. */
    const struct schema_column own = {laminar_writer_column_name(writer, column),
                                      cell_type(writer, column), true};
    const struct schema_column *target_column = &own;
    struct ArrowSchema child_schema = *schema;
    struct ArrowArray child = *array;
    child_schema.name = target_column->name;
    child_schema.flags |= ARROW_FLAG_NULLABLE;
    child_schema.release = keep_schema;
    child.release = keep_array;
    child.offset += row;
    child.length = 1;
    child.null_count = -1;
    struct ArrowSchema *child_schemas[1] = {&child_schema};
    struct ArrowArray *children[1] = {&child};
    const void *no_buffers[1] = {NULL};
    struct ArrowSchema top_schema = {.format = "+s",
                                     .name = "",
                                     .n_children = 1,
                                     .children = child_schemas,
                                     .release = keep_schema};
    struct ArrowArray top = {.length = 1,
                             .n_buffers = 1,
                             .buffers = no_buffers,
                             .n_children = 1,
                             .children = children,
                             .release = keep_array};
    struct schema_column nullable = {target_column->name, target_column->type, true};
    TRY(arrow_import_schema(&top_schema, &wrapped, err));
    TRY(arrow_import_batch(&top_schema, &top, wrapped, &imported, err));
    if (!(target = schema_create(&nullable, 1))) TRY(error_oom(err));
    TRY(batch_coerce(imported, target, NULL, &coerced, err));
    TRY(column_append(col, &coerced->cols[0], 0, 1, STRINGS_COPY, err));
done:
    batch_unref(coerced);
    batch_unref(imported);
    schema_unref(target);
    schema_unref(wrapped);
    return status;
}

/* --- Nested values ---------------------------------------------------------------------------------------------------------------------- */

laminar_status laminar_writer_begin_value(laminar_writer *writer, size_t column, laminar_error *err)
{
    struct column *col;
    laminar_status status = start_cell(writer, column, &col, err);
    if (status != LAMINAR_OK) return status;
    if (!type_is_nested(col->vec.type))
        return mismatch(writer, column, "a value of several parts", "LIST, STRUCT or MAP", err);
    ENSURE(writer->depth < TYPE_DEPTH_MAX, err);
    bool is_struct = col->vec.type.id == LAMINAR_TYPE_STRUCT;
    uint32_t top = writer->depth ? writer->frames[0].column : (uint32_t)column;
    writer->frames[writer->depth] = (struct frame){col, is_struct ? 0 : col->children[0].n, top};
    writer->depth++;
    return LAMINAR_OK;
}

static laminar_status end_map(laminar_writer *writer, const struct frame *frame, laminar_error *err)
{
    const struct column *keys = &frame->col->children[0], *values = &frame->col->children[1];
    bool has_null = false;
    for (size_t i = frame->first_item; i < keys->n && !has_null; i++)
        has_null = !vector_is_valid(&keys->vec, i);
    if (keys->n == values->n && !has_null)
        return column_append_list(frame->col, frame->first_item, err);
    error_set(err, LAMINAR_BATCH_SCHEMA_MISMATCH, "column '%s', row %zu: a map %s",
              writer->relation->schema->columns[frame->column].name, writer->n_rows,
              has_null ? "has a null key" : "has as many values as keys");
    error_object(err, writer->relation->name);
    return LAMINAR_BATCH_SCHEMA_MISMATCH;
}

laminar_status laminar_writer_end_value(laminar_writer *writer, laminar_error *err)
{
    laminar_status status = check_open(writer, err);
    if (status != LAMINAR_OK) return status;
    if (writer->depth == 0)
        return error_set(err, LAMINAR_INVALID_ARGUMENT, "no nested value was begun");
    struct frame *frame = &writer->frames[writer->depth - 1];
    struct column *col = frame->col;
    if (col->vec.type.id == LAMINAR_TYPE_STRUCT) {
        for (uint32_t i = 0; i < col->vec.n_children; i++)
            if (col->children[i].n == col->n) TRY(column_append_null(&col->children[i], 1, err));
        TRY(column_append_struct(col, err));
    } else if (col->vec.type.id == LAMINAR_TYPE_MAP) {
        TRY(end_map(writer, frame, err));
    } else {
        TRY(column_append_list(col, frame->first_item, err));
    }
    writer->depth--;
done:
    return status;
}

void laminar_writer_cancel_value(laminar_writer *writer)
{
    while (writer && writer->depth) {
        const struct frame *frame = &writer->frames[--writer->depth];
        bool is_struct = frame->col->vec.type.id == LAMINAR_TYPE_STRUCT;
        for (uint32_t i = 0; i < frame->col->vec.n_children; i++)
            column_truncate(&frame->col->children[i],
                            is_struct ? frame->col->n : frame->first_item);
    }
}

/* --- Rows ------------------------------------------------------------------------------------------------------------------------------- */

/* Marks row n_rows of column c as one that takes the DEFAULT. */
static laminar_status mark_default(laminar_writer *writer, uint32_t c, struct laminar_error *err)
{
    if (writer->n_rows >= writer->default_capacity) {
        size_t capacity = bitmap_bytes(writer->n_rows + 1) * 2 * 8;
        for (uint32_t i = 0; i < writer->n_columns; i++) {
            uint8_t *grown = mem_realloc(writer->is_default[i], capacity / 8);
            if (!grown) return error_oom(err);
            memset(grown + writer->default_capacity / 8, 0,
                   (capacity - writer->default_capacity) / 8);
            writer->is_default[i] = grown;
        }
        writer->default_capacity = capacity;
    }
    bitmap_set(writer->is_default[c], writer->n_rows);
    writer->has_pending_default[c] = true;
    return LAMINAR_OK;
}

laminar_status laminar_writer_end_row(laminar_writer *writer, laminar_error *err)
{
    laminar_status status = check_open(writer, err);
    if (status != LAMINAR_OK) return status;
    if (unlikely(writer->depth))
        return error_set(err, LAMINAR_INVALID_ARGUMENT, "a nested value was begun and not ended");
    for (uint32_t c = 0; c < writer->n_columns; c++) {
        struct column *col = &writer->columns[c];
        const struct schema_column *column = &writer->relation->schema->columns[c];
        bool is_set = col->n > writer->n_rows;
        if (likely(is_set && (column->is_nullable || !col->vec.validity ||
                              bitmap_get(col->vec.validity, writer->n_rows))))
            continue;
        if (!is_set && writer->relation->has_default && writer->relation->has_default[c]) {
            TRY(mark_default(writer, c, err));
        } else if (!column->is_nullable) {
            error_set(err, LAMINAR_BATCH_SCHEMA_MISMATCH,
                      "column '%s' (%s NOT NULL) is %s in row %zu", column->name,
                      TYPE_TEXT(column->type), is_set ? "null" : "missing", writer->n_rows);
            error_object(err, writer->relation->name);
            error_hint(err, "give a value, or declare the column without NOT NULL");
            return LAMINAR_BATCH_SCHEMA_MISMATCH;
        }
        if (!is_set) TRY(column_append_null(col, 1, err));
    }
    writer->n_rows++;
    if (writer->n_rows >= writer->flush_rows) TRY(laminar_writer_flush(writer, NULL, err));
done:
    return status;
}

void laminar_writer_cancel_row(laminar_writer *writer)
{
    if (!writer) return;
    laminar_writer_cancel_value(writer);
    for (uint32_t c = 0; c < writer->n_columns; c++) {
        if (writer->columns[c].n > writer->n_rows)
            column_truncate(&writer->columns[c], writer->n_rows);
        if (writer->n_rows < writer->default_capacity)
            bitmap_clear(writer->is_default[c], writer->n_rows);
    }
}

void laminar_writer_truncate(laminar_writer *writer, uint64_t n_rows)
{
    if (!writer) return;
    if (n_rows == 0) { /* the memory of their text, too */
        laminar_writer_discard(writer);
        return;
    }
    laminar_writer_cancel_row(writer);
    if (n_rows >= writer->n_rows) return;
    for (uint32_t c = 0; c < writer->n_columns; c++) {
        column_truncate(&writer->columns[c], n_rows);
        for (size_t row = n_rows; row < writer->n_rows && row < writer->default_capacity; row++)
            bitmap_clear(writer->is_default[c], row);
    }
    writer->n_rows = n_rows;
}

void laminar_writer_discard(laminar_writer *writer)
{
    if (!writer) return;
    laminar_writer_cancel_value(writer);
    for (uint32_t c = 0; c < writer->n_columns; c++) {
        column_clear(&writer->columns[c]);
        if (writer->has_pending_default[c])
            memset(writer->is_default[c], 0, writer->default_capacity / 8);
        writer->has_pending_default[c] = false;
    }
    writer->n_rows = 0;
}

/* The rows that were not set take the column's DEFAULT. */
static laminar_status fill_defaults(laminar_writer *writer, struct batch *batch, struct batch **out,
                                    struct laminar_error *err)
{
    struct missing *missing = mem_calloc(writer->n_columns + 1, sizeof *missing);
    if (!missing) return error_oom(err);
    for (uint32_t c = 0; c < writer->n_columns; c++)
        if (writer->has_pending_default[c])
            missing[c] = (struct missing){.bits = writer->is_default[c],
                                          .n_bits = writer->default_capacity};
    laminar_status status = engine_fill_defaults(writer->db, writer->relation, batch, missing, out,
                                                 err);
    mem_free(missing);
    return status;
}

/* The finished rows as a batch, which stay in the writer. */
static laminar_status make_batch(laminar_writer *writer, struct batch **out,
                                 struct laminar_error *err)
{
    struct batch *batch = NULL, *filled = NULL;
    laminar_status status = LAMINAR_OK;
    size_t n = writer->n_rows;
    batch_builder_clear(writer->builder);
    for (size_t at = 0; at < n; at += CHUNK_ROWS) {
        for (uint32_t c = 0; c < writer->n_columns; c++)
            writer->slice[c] = vector_slice(&writer->columns[c].vec, at);
        struct chunk chunk = {(uint32_t)(n - at < CHUNK_ROWS ? n - at : CHUNK_ROWS),
                              writer->n_columns, writer->slice, NULL};
        TRY(batch_builder_append(writer->builder, &chunk, err));
    }
    TRY(batch_builder_finish(writer->builder, &batch, err));
    bool has_defaults = false;
    for (uint32_t c = 0; c < writer->n_columns; c++) has_defaults |= writer->has_pending_default[c];
    if (has_defaults) {
        TRY(fill_defaults(writer, batch, &filled, err));
        batch_unref(batch);
        batch = filled;
        filled = NULL;
    }
    *out = batch;
    batch = NULL;
done:
    batch_unref(batch);
    return status;
}

static laminar_status check_attached(const laminar_writer *writer, struct laminar_error *err)
{
    laminar_status status = check_open(writer, err);
    if (status != LAMINAR_OK || writer->db) return status;
    error_set(err, LAMINAR_INVALID_ARGUMENT, "a detached writer has no table");
    error_hint(err, "take its rows with laminar_writer_export");
    return LAMINAR_INVALID_ARGUMENT;
}

laminar_status laminar_writer_flush(laminar_writer *writer, uint64_t *out_rows, laminar_error *err)
{
    struct batch *batch;
    laminar_status status = check_attached(writer, err);
    if (status != LAMINAR_OK) return status;
    size_t n = writer->n_rows;
    if (n == 0) {
        if (out_rows) *out_rows = 0;
        return database_check_open(writer->db, err);
    }
    TRY(make_batch(writer, &batch, err));
    TRY(engine_insert(writer->db, writer->relation, batch, false, err));
    laminar_writer_discard(writer);
    if (out_rows) *out_rows = n;
done:
    return status;
}

laminar_status laminar_writer_export(laminar_writer *writer, struct ArrowArray *out,
                                     laminar_error *err)
{
    struct batch *batch = NULL;
    if (!out) return api_null("out", err);
    laminar_status status = check_open(writer, err);
    if (status != LAMINAR_OK) return status;
    laminar_writer_cancel_row(writer);
    TRY(make_batch(writer, &batch, err));
    TRY(arrow_export_batch(batch, 0, batch->n_rows, 0, out, err));
    laminar_writer_discard(writer);
done:
    batch_unref(batch);
    return status;
}

laminar_status laminar_writers_flush(laminar_writer *const *writers, size_t n, uint64_t *out_rows,
                                     laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct relation **relations = NULL;
    struct batch **batches = NULL;
    struct database *db = NULL;
    size_t n_made = 0;
    uint64_t n_rows = 0;
    if (n && !writers) return api_null("writers", err);
    for (size_t i = 0; i < n; i++) {
        TRY(check_attached(writers[i], err));
        if (db && db != writers[i]->db)
            TRY(error_set(err, LAMINAR_INVALID_ARGUMENT, "the writers are of two databases"));
        db = writers[i]->db;
    }
    relations = mem_calloc(n + 1, sizeof *relations);
    batches = mem_calloc(n + 1, sizeof *batches);
    if (!relations || !batches) TRY(error_oom(err));
    for (size_t i = 0; i < n; i++) {
        if (writers[i]->n_rows == 0) continue;
        TRY(make_batch(writers[i], &batches[n_made], err));
        n_rows += batches[n_made]->n_rows;
        relations[n_made++] = writers[i]->relation;
    }
    if (db) {
        size_t n_given = n_made;
        n_made = 0; /* taken over, whatever happens */
        TRY(engine_insert_many(db, relations, batches, n_given, err));
    }
    for (size_t i = 0; i < n; i++) laminar_writer_discard(writers[i]);
    if (out_rows) *out_rows = n_rows;
done:
    for (size_t i = 0; i < n_made; i++) batch_unref(batches[i]);
    mem_free(batches);
    mem_free(relations);
    return status;
}

/* Copies the rows of a batch that fits the relation behind those that were set. */
static laminar_status append_batch(laminar_writer *writer, struct batch *batch,
                                   struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    batch_need_all(batch);
    for (uint32_t c = 0; c < writer->n_columns && status == LAMINAR_OK; c++)
        status = column_append(&writer->columns[c], &batch->cols[c], 0, batch->n_rows, STRINGS_COPY,
                               err);
    if (status != LAMINAR_OK) {
        for (uint32_t c = 0; c < writer->n_columns; c++)
            column_truncate(&writer->columns[c], writer->n_rows);
        return status;
    }
    writer->n_rows += batch->n_rows;
    return writer->n_rows >= writer->flush_rows ? laminar_writer_flush(writer, NULL, err)
                                                : LAMINAR_OK;
}

laminar_status laminar_writer_append_arrow(laminar_writer *writer, const struct ArrowSchema *schema,
                                           struct ArrowArray *array, laminar_error *err)
{
    laminar_status status = check_attached(writer, err);
    struct schema *imported = NULL;
    struct batch *batch = NULL;
    bool is_consumed = false;
    if (status != LAMINAR_OK) goto done;
    if (!schema || !array) TRY(api_null(!schema ? "schema" : "array", err));
    laminar_writer_cancel_row(writer);
    TRY(arrow_import_schema(schema, &imported, err));
    is_consumed = true;
    TRY(ingest_array(writer->db, writer->relation, schema, imported, array, &batch, err));
    TRY(append_batch(writer, batch, err));
done:
    if (!is_consumed && array && array->release) array->release(array);
    batch_unref(batch);
    schema_unref(imported);
    return status;
}

static laminar_status append_text(laminar_writer *writer, const char *text, size_t size,
                                  bool is_json, uint64_t *out_rows, struct laminar_error *err)
{
    struct batch *batch = NULL;
    laminar_status status;
    TRY(check_attached(writer, err));
    if (!text && size) TRY(api_null("text", err));
    laminar_writer_cancel_row(writer);
    TRY(ingest_text(writer->db, writer->relation, text ? text : "", size, is_json, &batch, err));
    TRY(append_batch(writer, batch, err));
    if (out_rows) *out_rows = batch->n_rows;
done:
    batch_unref(batch);
    return status;
}

laminar_status laminar_writer_append_json(laminar_writer *writer, const char *text, size_t size,
                                          uint64_t *out_rows, laminar_error *err)
{
    return append_text(writer, text, size, true, out_rows, err);
}

laminar_status laminar_writer_append_csv(laminar_writer *writer, const char *text, size_t size,
                                         uint64_t *out_rows, laminar_error *err)
{
    return append_text(writer, text, size, false, out_rows, err);
}

laminar_status laminar_writer_watermark(laminar_writer *writer, int64_t watermark_ms,
                                        laminar_error *err)
{
    laminar_status status;
    TRY(laminar_writer_flush(writer, NULL, err));
    if (watermark_ms <= writer->watermark_ms) goto done;
    int64_t us;
    if (__builtin_mul_overflow(watermark_ms, (int64_t)1000, &us))
        us = watermark_ms > 0 ? WATERMARK_END - 1 : WATERMARK_NONE + 1;
    TRY(engine_watermark(writer->db, writer->relation, us, err));
    writer->watermark_ms = watermark_ms;
done:
    return status;
}

int64_t laminar_writer_current_watermark(const laminar_writer *writer)
{
    return writer ? writer->watermark_ms : INT64_MIN;
}
