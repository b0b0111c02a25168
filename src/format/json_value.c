/* json_value.c - see json_value.h. Recursion follows the column's type, whose depth is bounded; values of JSON columns, which may be nested as deep as
 * they like, are handled by yyjson without recursion. */
#include <yyjson.h> /* first: it asks the compiler for attributes that we have names for */

#include "base/strmap.h"
#include "format/json.h"
#include "format/json_value.h"

/* A number's or string's characters. */
static const char *text_of(yyjson_val *val, size_t *size)
{
    *size = yyjson_get_len(val);
    return yyjson_is_raw(val) ? yyjson_get_raw(val) : yyjson_get_str(val);
}

static const char *kind_of(yyjson_val *val)
{
    if (yyjson_is_raw(val)) return "number";
    if (yyjson_is_str(val)) return "text";
    if (yyjson_is_bool(val)) return "boolean";
    if (yyjson_is_arr(val)) return "array";
    if (yyjson_is_obj(val)) return "object";
    return "null";
}

laminar_status json_value_error(enum cell_result why, yyjson_val *val,
                                const struct json_place *place, struct data_type type,
                                struct laminar_error *err)
{
    const char *text = yyjson_is_arr(val)     ? "[...]"
                       : yyjson_is_obj(val)   ? "{...}"
                       : yyjson_is_true(val)  ? "true"
                       : yyjson_is_false(val) ? "false"
                                              : "null";
    size_t size = strlen(text);
    if (yyjson_is_raw(val) || yyjson_is_str(val)) text = text_of(val, &size);
    return cell_error(why, place->column, place->row, text, size, kind_of(val), type, err);
}

static enum cell_result parse_json_text(struct column *col, yyjson_val *val,
                                        struct string_view *out, struct json_memory *memory)
{
    yyjson_alc alc = json_memory_allocator(memory);
    size_t size = 0;
    const char *text = yyjson_val_write_opts(val, YYJSON_WRITE_NOFLAG, &alc, &size, NULL);
    return text ? cell_string(col, text, size, out) : CELL_NO_MEMORY;
}

/* Numbers in temporal columns count the column's unit. */
static enum cell_result parse_count(struct data_type type, const char *text, size_t size, void *out)
{
    int64_t value;
    bool is_exact;
    enum parse_result result = text_parse_value_exact(TYPE(INT64), text, size, &value, &is_exact);
    if (result != PARSE_OK) return result == PARSE_RANGE ? CELL_RANGE : CELL_SYNTAX;
    if (!is_exact) return CELL_LOSSY;
    if (type.id == LAMINAR_TYPE_DATE) {
        if (value != (int32_t)value) return CELL_RANGE;
        *(int32_t *)out = (int32_t)value;
        return CELL_OK;
    }
    if (type.id == LAMINAR_TYPE_TIME &&
        (value < 0 || value >= 86400 * unit_per_second((enum time_unit)type.unit)))
        return CELL_RANGE;
    *(int64_t *)out = value;
    return CELL_OK;
}

enum cell_result json_value_parse(struct column *col, yyjson_val *val, void *out,
                                  struct json_memory *memory)
{
    struct data_type type = col->vec.type;
    size_t size;
    if (likely(yyjson_is_raw(val)) && type_is_numeric(type)) {
        const char *text = text_of(val, &size);
        return cell_store(col, (laminar_type)type.id, text, size, out);
    }
    bool is_number = yyjson_is_raw(val), is_string = yyjson_is_str(val);
    if (type.id == LAMINAR_TYPE_JSON) return parse_json_text(col, val, out, memory);
    if (type.id == LAMINAR_TYPE_BOOL) {
        if (!yyjson_is_bool(val)) return CELL_SYNTAX;
        *(uint8_t *)out = yyjson_get_bool(val);
        return CELL_OK;
    }
    if (is_string) {
        const char *text = text_of(val, &size);
        return cell_store(col, (laminar_type)type.id, text, size, out);
    }
    if (!is_number) return CELL_SYNTAX;
    const char *text = text_of(val, &size);
    if (type_is_timestamp(type) || type.id == LAMINAR_TYPE_DATE || type.id == LAMINAR_TYPE_TIME)
        return parse_count(type, text, size, out);
    return CELL_SYNTAX;
}

/* --- Nested values -------------------------------------------------------------------------------------------------------------------------- */

static laminar_status append_list(struct column *col, yyjson_val *val,
                                  const struct json_place *place, struct json_memory *memory,
                                  struct laminar_error *err)
{
    if (!yyjson_is_arr(val)) return json_value_error(CELL_SYNTAX, val, place, col->vec.type, err);
    size_t first = col->children[0].n;
    yyjson_arr_iter iter;
    yyjson_arr_iter_init(val, &iter);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter)) != NULL;) {
        laminar_status status = json_value_append(&col->children[0], item, place, memory, err);
        if (status) return status;
    }
    return column_append_list(col, first, err);
}

/* A key that an object has twice, or NULL; *failed when memory ran out. Small objects are compared pair by pair. */
static yyjson_val *repeated_key(yyjson_val *object, bool *failed)
{
    enum { PAIRS_MAX = 8 };
    struct strmap seen = {0};
    yyjson_val *keys[PAIRS_MAX], *found = NULL;
    size_t n = 0;
    bool is_small = yyjson_obj_size(object) <= PAIRS_MAX;
    yyjson_obj_iter iter;
    yyjson_obj_iter_init(object, &iter);
    for (yyjson_val *key; !found && !*failed && (key = yyjson_obj_iter_next(&iter)) != NULL; n++) {
        const char *name = yyjson_get_str(key);
        size_t size = yyjson_get_len(key);
        if (is_small) {
            for (size_t i = 0; i < n && !found; i++)
                if (yyjson_equals_strn(keys[i], name, size)) found = key;
            keys[n] = key;
        } else if (strmap_get(&seen, name, size)) {
            found = key;
        } else {
            *failed = !strmap_put(&seen, name, size, key);
        }
    }
    strmap_deinit(&seen);
    return found;
}

static laminar_status append_map(struct column *col, yyjson_val *val,
                                 const struct json_place *place, struct json_memory *memory,
                                 struct laminar_error *err)
{
    if (!yyjson_is_obj(val)) return json_value_error(CELL_SYNTAX, val, place, col->vec.type, err);
    size_t first = col->children[0].n;
    bool failed = false;
    yyjson_val *repeated = repeated_key(val, &failed);
    if (failed) return error_oom(err);
    if (repeated) {
        size_t size = yyjson_get_len(repeated);
        return error_set(err, LAMINAR_BATCH_SCHEMA_MISMATCH,
                         "column '%s', row %zu: repeated key '%.*s' in an object for %s",
                         place->column, place->row,
                         (int)utf8_valid_prefix(yyjson_get_str(repeated), size > 60 ? 60 : size),
                         yyjson_get_str(repeated), TYPE_TEXT(col->vec.type));
    }
    yyjson_obj_iter iter;
    yyjson_obj_iter_init(val, &iter);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        laminar_status status = json_value_append(&col->children[0], key, place, memory, err);
        if (!status)
            status = json_value_append(&col->children[1], yyjson_obj_iter_get_val(key), place,
                                       memory, err);
        if (status) return status;
    }
    return column_append_list(col, first, err);
}

static laminar_status append_struct(struct column *col, yyjson_val *val,
                                    const struct json_place *place, struct json_memory *memory,
                                    struct laminar_error *err)
{
    if (!yyjson_is_obj(val)) return json_value_error(CELL_SYNTAX, val, place, col->vec.type, err);
    const struct type_info *info = col->vec.type.info;
    size_t row = col->n;
    yyjson_obj_iter iter;
    yyjson_obj_iter_init(val, &iter);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        const char *name = yyjson_get_str(key);
        size_t size = yyjson_get_len(key);
        uint32_t field = 0;
        while (field < info->n_fields && (strlen(info->fields[field].name) != size ||
                                          memcmp(info->fields[field].name, name, size) != 0))
            field++;
        const char *wrong = field == info->n_fields        ? "unknown"
                            : col->children[field].n > row ? "repeated"
                                                           : NULL;
        if (wrong)
            return error_set(err, LAMINAR_BATCH_SCHEMA_MISMATCH,
                             "column '%s', row %zu: %s field '%.*s' in an object for %s",
                             place->column, place->row, wrong,
                             (int)(size > 60 ? utf8_valid_prefix(name, 60) : size), name,
                             TYPE_TEXT(col->vec.type));
        yyjson_val *item = yyjson_obj_iter_get_val(key);
        if (yyjson_is_null(item)) continue; /* as if it were missing */
        laminar_status status = json_value_append(&col->children[field], item, place, memory, err);
        if (status) return status;
    }
    for (uint32_t i = 0; i < info->n_fields; i++) {
        if (col->children[i].n > row) continue;
        laminar_status status = column_append_null(&col->children[i], 1, err);
        if (status) return status;
    }
    return column_append_struct(col, err);
}

laminar_status json_value_append(struct column *col, yyjson_val *val,
                                 const struct json_place *place, struct json_memory *memory,
                                 struct laminar_error *err)
{
    if (yyjson_is_null(val)) return column_append_null(col, 1, err);
    switch ((int)col->vec.type.id) {
    case LAMINAR_TYPE_LIST: return append_list(col, val, place, memory, err);
    case LAMINAR_TYPE_MAP: return append_map(col, val, place, memory, err);
    case LAMINAR_TYPE_STRUCT: return append_struct(col, val, place, memory, err);
    case LAMINAR_TYPE_NULL: return json_value_error(CELL_SYNTAX, val, place, col->vec.type, err);
    default: break;
    }
    _Alignas(16) char value[16];
    enum cell_result result = json_value_parse(col, val, value, memory);
    return result == CELL_OK ? column_append_value(col, value, err)
                             : json_value_error(result, val, place, col->vec.type, err);
}

void json_value_repair(struct column *col)
{
    size_t n = col->n;
    if (col->vec.type.id == LAMINAR_TYPE_MAP && col->children[0].n > col->children[1].n)
        column_truncate(&col->children[0], col->children[1].n);
    for (uint32_t i = 0; i < col->vec.n_children; i++) {
        if (col->vec.type.id == LAMINAR_TYPE_STRUCT) column_truncate(&col->children[i], n);
        json_value_repair(&col->children[i]);
    }
}

laminar_status json_append_value(struct column *col, const char *data, size_t size,
                                 const char *column_name, size_t row, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct json_memory memory = JSON_MEMORY_INIT;
    struct json_place place = {column_name, row};
    size_t n = col->n;
    yyjson_alc alc = json_memory_allocator(&memory);
    yyjson_read_err why;
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)data, size, YYJSON_READ_NUMBER_AS_RAW,
                                       &alc, &why); /* not in situ: only read */
    if (!doc)
        TRY(cell_error(memory.failed ? CELL_NO_MEMORY : CELL_SYNTAX, column_name, row, data, size,
                       "text", col->vec.type, err));
    TRY(json_value_append(col, yyjson_doc_get_root(doc), &place, &memory, err));
done:
    if (status) {
        column_truncate(col, n);
        json_value_repair(col);
    }
    json_memory_deinit(&memory);
    return status;
}
