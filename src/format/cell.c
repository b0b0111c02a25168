/* cell.c - see cell.h. */
#include <yyjson.h> /* first: it asks the compiler for attributes that we have names for */

#include "base/strmap.h"
#include "format/cell.h"
#include "format/json_memory.h"

static enum cell_result cell_json(struct column *col, const char *data, size_t size,
                                  struct string_view *out)
{
    /* Written again, so that what is stored is valid and on one line. */
    enum cell_result result = CELL_OK;
    struct json_memory memory = JSON_MEMORY_INIT;
    yyjson_alc alc = json_memory_allocator(&memory);
    yyjson_read_err why;
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)data, size, YYJSON_READ_NUMBER_AS_RAW,
                                       &alc, &why);
    size_t n = 0;
    char *text = doc ? yyjson_write_opts(doc, YYJSON_WRITE_NOFLAG, &alc, &n, NULL) : NULL;
    if (!text)
        result = memory.failed ? CELL_NO_MEMORY : CELL_SYNTAX;
    else
        result = cell_string(col, text, n, out);
    json_memory_deinit(&memory);
    return result;
}

enum cell_result cell_parse(struct column *col, const char *data, size_t size, void *out)
{
    struct data_type type = col->vec.type;
    if (type.id == LAMINAR_TYPE_VARCHAR) return cell_string(col, data, size, out);
    if (type.id == LAMINAR_TYPE_JSON) return cell_json(col, data, size, out);
    if (type.id == LAMINAR_TYPE_BINARY) {
        if (size > UINT32_MAX) return CELL_RANGE;
        char *bytes = arena_alloc(&col->heap, size ? size : 1);
        if (!bytes) return CELL_NO_MEMORY;
        size_t n = 0;
        if (text_parse_binary(data, size, bytes, &n) != PARSE_OK) return CELL_SYNTAX;
        *(struct string_view *)out = string_make(bytes, n);
        return CELL_OK;
    }
    bool is_exact = true;
    switch (text_parse_value_exact(type, data, size, out, &is_exact)) {
    case PARSE_OK: return is_exact ? CELL_OK : CELL_LOSSY;
    case PARSE_RANGE: return CELL_RANGE;
    case PARSE_SYNTAX: break;
    }
    return CELL_SYNTAX;
}

laminar_status cell_set_null(struct column *col, size_t row, struct laminar_error *err)
{
    if (col->vec.type.id == LAMINAR_TYPE_NULL) return LAMINAR_OK;
    laminar_status status = column_reserve_validity(col, err);
    if (status) return status;
    bitmap_clear(col->vec.validity, row);
    size_t width = type_width(col->vec.type);
    memset((uint8_t *)col->vec.data + row * width, 0, width);
    return LAMINAR_OK;
}

/* --- Errors ----------------------------------------------------------------------------------------------------------------------------- */

enum { SHOWN_BYTES_MAX = 60 };

/* A value for a message: cut at a character, control characters as '?'. */
static const char *shown(const char *data, size_t size, char buf[SHOWN_BYTES_MAX + 8])
{
    size_t n = utf8_valid_prefix(data, size > SHOWN_BYTES_MAX ? SHOWN_BYTES_MAX : size);
    for (size_t i = 0; i < n; i++)
        buf[i] = (unsigned char)data[i] < ' ' || data[i] == 0x7F ? '?' : data[i];
    memcpy(buf + n, n < size ? "..." : "", n < size ? 4 : 1);
    return buf;
}

static const char *range_hint(struct data_type type)
{
    if (type_is_integer(type)) return "declare the column with a larger integer type";
    if (type.id == LAMINAR_TYPE_DECIMAL) return "declare the column with more digits";
    return NULL;
}

laminar_status cell_error(enum cell_result why, const char *column, size_t row, const char *data,
                          size_t size, const char *source, struct data_type type,
                          struct laminar_error *err)
{
    const laminar_status code = LAMINAR_BATCH_SCHEMA_MISMATCH;
    char buf[SHOWN_BYTES_MAX + 8];
    const char *value = shown(data, size, buf), *type_name = TYPE_TEXT(type);
    switch (why) {
    case CELL_OK: break;
    case CELL_SYNTAX:
        return error_set(err, code, "column '%s', row %zu: '%s' (%s) is not a %s", column, row,
                         value, source, type_name);
    case CELL_RANGE:
        error_set(err, code, "column '%s', row %zu: '%s' (%s) is out of the range of %s", column,
                  row, value, source, type_name);
        if (range_hint(type)) error_hint(err, "%s", range_hint(type));
        return code;
    case CELL_LOSSY:
        error_set(err, code, "column '%s', row %zu: '%s' (%s) would lose digits as %s", column, row,
                  value, source, type_name);
        error_hint(err, "round the value, or declare the column with a finer type");
        return code;
    case CELL_NULL:
        error_set(err, code, "column '%s', row %zu: null (%s) in a column declared %s NOT NULL",
                  column, row, source, type_name);
        return code;
    case CELL_NO_MEMORY: return error_oom(err);
    }
    return error_internal(err, __FILE__, __LINE__, "a good value has no error");
}

laminar_status column_unknown(const struct schema *schema, const char *name, size_t size,
                              struct laminar_error *err)
{
    char buf[SHOWN_BYTES_MAX + 8];
    shown(name, size, buf);
    error_set(err, LAMINAR_BATCH_SCHEMA_MISMATCH, "unknown column '%s'", buf);
    const char *nearest = NULL;
    size_t best = 4;
    for (uint32_t i = 0; i < schema->n_columns; i++) {
        size_t distance = edit_distance(buf, schema->columns[i].name, 3);
        if (distance < best) best = distance, nearest = schema->columns[i].name;
    }
    if (nearest) error_hint(err, "did you mean '%s'?", nearest);
    return LAMINAR_BATCH_SCHEMA_MISMATCH;
}

laminar_status column_missing(const struct schema_column *column, size_t row,
                              struct laminar_error *err)
{
    error_set(err, LAMINAR_BATCH_SCHEMA_MISMATCH,
              "column '%s', row %zu: no value for a column declared %s NOT NULL", column->name, row,
              TYPE_TEXT(column->type));
    error_hint(err, "give the column a value or a DEFAULT");
    return LAMINAR_BATCH_SCHEMA_MISMATCH;
}

laminar_status column_twice(const char *name, size_t size, struct laminar_error *err)
{
    char buf[SHOWN_BYTES_MAX + 8];
    return error_set(err, LAMINAR_BATCH_SCHEMA_MISMATCH, "column '%s' is given twice",
                     shown(name, size, buf));
}
