/* fn_json.c - JSON: ->, ->>, #>, #>>, json_extract, json_extract_string, json_array_length, json_keys, json_type, json_valid, to_json.
 *
 * JSON values are their text; a row is parsed into an arena (yyjson) that is reset after it. A path is '$.a.b[0]' ("$['a']" and '$[-1]' too), a key, or an
 * index from 0 (negative: from the end). What is not there is null; so is the JSON null where text is asked for. VARCHAR arguments are read as
 * JSON, and are a row error where they are not. */
#include "function/json_read.h"

#include "function/string_tool.h"

/* --- Looking into a value ------------------------------------------------------------------------------------------------------------------- */

static yyjson_val *by_index(yyjson_val *value, int64_t index)
{
    if (!yyjson_is_arr(value)) return NULL;
    int64_t length = (int64_t)yyjson_arr_size(value);
    if (index < 0) index += length;
    return index >= 0 && index < length ? yyjson_arr_get(value, (size_t)index) : NULL;
}
static yyjson_val *by_key(yyjson_val *value, const char *key, size_t size)
{
    return yyjson_is_obj(value) ? yyjson_obj_getn(value, key, size) : NULL;
}
static bool read_index(const char *text, size_t size, int64_t *out)
{
    return size && text_parse_int64(text, size, out) == PARSE_OK;
}

/* '$' and the steps behind it. *is_valid = false for what is no path. */
static yyjson_val *by_path(yyjson_val *value, const char *p, size_t size, bool *is_valid)
{
    const char *end = p + size;
    *is_valid = true;
    for (p++; p < end && value;) {
        if (*p == '.') {
            const char *start = ++p;
            if (p < end && *p == '"') {
                const char *close = memchr(p + 1, '"', (size_t)(end - p - 1));
                if (!close) break;
                value = by_key(value, p + 1, (size_t)(close - p - 1));
                p = close + 1;
                continue;
            }
            while (p < end && *p != '.' && *p != '[') p++;
            if (p == start) break;
            value = by_key(value, start, (size_t)(p - start));
        } else if (*p == '[') {
            const char *close = memchr(p, ']', (size_t)(end - p));
            int64_t index;
            if (!close) break;
            size_t inner = (size_t)(close - p - 1);
            bool is_quoted = inner >= 2 && (p[1] == '\'' || p[1] == '"') && close[-1] == p[1];
            if (is_quoted)
                value = by_key(value, p + 2, inner - 2);
            else if (read_index(p + 1, inner, &index))
                value = by_index(value, index);
            else
                break;
            p = close + 1;
        } else {
            break;
        }
    }
    if (p < end && value) *is_valid = false;
    return value;
}

/* One step given as text: a path, a key, or an index into an array. */
static yyjson_val *by_text(yyjson_val *value, const struct string_view *step, bool *is_valid)
{
    const char *text = string_data(step);
    int64_t index;
    *is_valid = true;
    if (step->size && text[0] == '$') return by_path(value, text, step->size, is_valid);
    if (yyjson_is_arr(value) && read_index(text, step->size, &index)) return by_index(value, index);
    return by_key(value, text, step->size);
}

/* PostgreSQL's '{a,b,0}': steps one after the other. */
static yyjson_val *by_braces(yyjson_val *value, const struct string_view *path, bool *is_valid)
{
    const char *p = string_data(path), *end = p + path->size;
    *is_valid = path->size >= 2 && *p == '{' && end[-1] == '}';
    if (!*is_valid) return by_text(value, path, is_valid);
    end--;
    for (p++; p < end && value;) {
        const char *comma = memchr(p, ',', (size_t)(end - p)), *stop = comma ? comma : end;
        struct string_view step = string_make(p, (size_t)(stop - p));
        bool ignored;
        value = by_text(value, &step, &ignored);
        p = stop + 1;
    }
    return value;
}

/* --- Kernels ---------------------------------------------------------------------------------------------------------------------------------- */

enum json_result { RESULT_JSON, RESULT_TEXT };
enum json_path { PATH_TEXT, PATH_INDEX, PATH_BRACES };

/* Writes the value as row i's result. */
static laminar_status put_json(struct arena *arena, yyjson_val *value, enum json_result as,
                               struct column *out, size_t i, struct laminar_error *err)
{
    if (!value || (as == RESULT_TEXT && yyjson_is_null(value))) return out_null(out, i, err);
    if (as == RESULT_TEXT && yyjson_is_str(value))
        return out_string(out, i, yyjson_get_str(value), yyjson_get_len(value), err);
    yyjson_alc allocator = json_allocator(arena);
    yyjson_write_err failure = {0};
    size_t size;
    char *text = yyjson_val_write_opts(value, YYJSON_WRITE_ALLOW_INF_AND_NAN, &allocator, &size,
                                       &failure);
    return text ? out_string(out, i, text, size, err) : error_oom(err);
}

/* The row's document; NULL with *status set, or after a row error. */
static yyjson_doc *read_row(const struct bound_function *fn, struct eval_env *env,
                            const struct vector *args, struct column *out, size_t i,
                            struct arena *arena, laminar_status *status)
{
    bool is_oom;
    arena_reset(arena);
    yyjson_doc *doc = json_read(arena, &ROW(struct string_view, &args[0], i), &is_oom);
    if (doc) return doc;
    if (is_oom)
        *status = error_oom(env->err);
    else if (eval_fail(env, out, i, "%s: '%s' is not JSON", fn->name, VALUE_TEXT(&args[0], i)))
        *status = eval_failure(env);
    return NULL;
}

#define JSON_ROWS(EMPTY, BODY)                                                                     \
    struct arena arena = {0};                                                                      \
    laminar_status status = LAMINAR_OK;                                                            \
    for (size_t i = 0; i < n && status == LAMINAR_OK; i++) {                                       \
        EMPTY;                                                                                     \
        if (!column_is_valid(out, i)) continue;                                                    \
        yyjson_doc *doc = read_row(fn, env, args, out, i, &arena, &status);                        \
        if (!doc) continue;                                                                        \
        yyjson_val *root = yyjson_doc_get_root(doc);                                               \
        BODY                                                                                       \
    }                                                                                              \
    arena_deinit(&arena);                                                                          \
    return status

static always_inline laminar_status extract(enum json_path path, enum json_result as, KERNEL_ARGS)
{
    JSON_ROWS(out_string_borrow(out, i, "", 0), {
        bool is_valid = true;
        yyjson_val *value = path == PATH_INDEX ? by_index(root, ROW(int64_t, &args[1], i))
                            : path == PATH_BRACES
                                ? by_braces(root, &ROW(struct string_view, &args[1], i), &is_valid)
                                : by_text(root, &ROW(struct string_view, &args[1], i), &is_valid);
        if (is_valid)
            status = put_json(&arena, value, as, out, i, env->err);
        else if (eval_fail(env, out, i, "'%s' is not a JSON path", VALUE_TEXT(&args[1], i)))
            status = eval_failure(env);
    });
}
static laminar_status get_key_kernel(KERNEL_ARGS)
{
    return extract(PATH_TEXT, RESULT_JSON, fn, env, args, n, out);
}
static laminar_status get_index_kernel(KERNEL_ARGS)
{
    return extract(PATH_INDEX, RESULT_JSON, fn, env, args, n, out);
}
static laminar_status get_path_kernel(KERNEL_ARGS)
{
    return extract(PATH_BRACES, RESULT_JSON, fn, env, args, n, out);
}
static laminar_status text_key_kernel(KERNEL_ARGS)
{
    return extract(PATH_TEXT, RESULT_TEXT, fn, env, args, n, out);
}
static laminar_status text_index_kernel(KERNEL_ARGS)
{
    return extract(PATH_INDEX, RESULT_TEXT, fn, env, args, n, out);
}
static laminar_status text_path_kernel(KERNEL_ARGS)
{
    return extract(PATH_BRACES, RESULT_TEXT, fn, env, args, n, out);
}

static laminar_status array_length_kernel(KERNEL_ARGS)
{
    JSON_ROWS(OUT(int64_t, out)[i] = 0, {
        bool is_valid = true;
        yyjson_val *value = fn->n_args > 1
                                ? by_text(root, &ROW(struct string_view, &args[1], i), &is_valid)
                                : root;
        if (value && yyjson_is_arr(value))
            OUT(int64_t, out)[i] = (int64_t)yyjson_arr_size(value);
        else
            status = out_null(out, i, env->err);
    });
}

static laminar_status type_kernel(KERNEL_ARGS)
{
    JSON_ROWS(out_string_borrow(out, i, "", 0), {
        bool is_valid = true;
        yyjson_val *value = fn->n_args > 1
                                ? by_text(root, &ROW(struct string_view, &args[1], i), &is_valid)
                                : root;
        const char *name = !value                  ? NULL
                           : yyjson_is_null(value) ? "null"
                           : yyjson_is_bool(value) ? "boolean"
                           : yyjson_is_num(value)  ? "number"
                           : yyjson_is_str(value)  ? "string"
                           : yyjson_is_arr(value)  ? "array"
                                                   : "object";
        if (name)
            out_string_borrow(out, i, name, strlen(name));
        else
            status = out_null(out, i, env->err);
    });
}

static laminar_status valid_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        const struct string_view *s = &ROW(struct string_view, &args[0], i);
        OUT(uint8_t, out)[i] = text_is_json(string_data(s), s->size);
    }
    return LAMINAR_OK;
}

/* Keys of an object as VARCHAR[]; null for other values. Appends rows. */
static laminar_status keys_kernel(KERNEL_ARGS)
{
    struct arena arena = {0};
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < n && status == LAMINAR_OK; i++) {
        bool is_oom = false;
        arena_reset(&arena);
        yyjson_doc *doc = vector_is_valid(&args[0], i)
                              ? json_read(&arena, &ROW(struct string_view, &args[0], i), &is_oom)
                              : NULL;
        yyjson_val *root = doc ? yyjson_doc_get_root(doc) : NULL, *key;
        size_t first = out->children[0].n;
        if (is_oom) {
            status = error_oom(env->err);
        } else if (!yyjson_is_obj(root)) {
            status = column_append_null(out, 1, env->err);
            if (status == LAMINAR_OK && !doc && vector_is_valid(&args[0], i) &&
                eval_fail(env, out, i, "%s: '%s' is not JSON", fn->name, VALUE_TEXT(&args[0], i)))
                status = eval_failure(env);
        } else {
            yyjson_obj_iter iterator = yyjson_obj_iter_with(root);
            while (status == LAMINAR_OK && (key = yyjson_obj_iter_next(&iterator)) != NULL)
                status = column_append_string(&out->children[0], yyjson_get_str(key),
                                              yyjson_get_len(key), env->err);
            if (status == LAMINAR_OK) status = column_append_list(out, first, env->err);
        }
    }
    arena_deinit(&arena);
    return status;
}
static laminar_status bind_keys(struct function_binding *binding)
{
    struct bound_function *fn = binding->fn;
    if (fn->arg_types[0].id != LAMINAR_TYPE_JSON) {
        if (cast_cost(fn->arg_types[0], TYPE(VARCHAR), true) < 0) return bind_mismatch(binding);
        fn->arg_types[0] = TYPE(VARCHAR);
    }
    fn->kernel = keys_kernel;
    fn->flags = FN_FALLIBLE;
    return type_list(TYPE(VARCHAR), &fn->result, binding->err);
}

/* --- to_json ---------------------------------------------------------------------------------------------------------------------------------- */

static void put_json_string(struct strbuf *text, const char *s, size_t size)
{
    strbuf_putc(text, '"');
    for (size_t k = 0; k < size; k++) {
        char c = s[k];
        if (c == '"' || c == '\\')
            strbuf_putc(text, '\\'), strbuf_putc(text, c);
        else if (c == '\n')
            strbuf_puts(text, "\\n");
        else if (c == '\t')
            strbuf_puts(text, "\\t");
        else if (c == '\r')
            strbuf_puts(text, "\\r");
        else if ((unsigned char)c < ' ')
            strbuf_printf(text, "\\u%04x", (unsigned)c);
        else
            strbuf_putc(text, c);
    }
    strbuf_putc(text, '"');
}

static void put_json_value(struct strbuf *text, const struct vector *v, size_t row)
{
    if (v->shape == VEC_CONST) row = 0;
    if (!vector_is_valid(v, row)) {
        strbuf_puts(text, "null");
        return;
    }
    if (v->type.id == LAMINAR_TYPE_STRUCT) {
        strbuf_putc(text, '{');
        for (uint32_t k = 0; k < v->n_children; k++) {
            if (k) strbuf_putc(text, ',');
            put_json_string(text, v->type.info->fields[k].name,
                            strlen(v->type.info->fields[k].name));
            strbuf_putc(text, ':');
            put_json_value(text, &v->children[k], vector_struct_row(v, row));
        }
        strbuf_putc(text, '}');
        return;
    }
    if (type_is_nested(v->type)) {
        bool is_map = v->type.id == LAMINAR_TYPE_MAP;
        struct list_entry entry = ((const struct list_entry *)v->data)[row];
        strbuf_putc(text, is_map ? '{' : '[');
        for (size_t k = entry.offset; k < (size_t)entry.offset + entry.length; k++) {
            if (k > entry.offset) strbuf_putc(text, ',');
            if (is_map) {
                struct strbuf key = {0};
                text_print_value(&key, &v->children[0], k);
                put_json_string(text, key.data ? key.data : "", key.size);
                text->failed = text->failed || key.failed;
                strbuf_deinit(&key);
                strbuf_putc(text, ':');
            }
            put_json_value(text, &v->children[is_map ? 1 : 0], k);
        }
        strbuf_putc(text, is_map ? '}' : ']');
        return;
    }
    bool is_finite = !type_is_float(v->type) ||
                     (v->type.id == LAMINAR_TYPE_DOUBLE
                          ? __builtin_isfinite(((const double *)v->data)[row])
                          : __builtin_isfinite(((const float *)v->data)[row]));
    bool is_bare = v->type.id == LAMINAR_TYPE_BOOL || v->type.id == LAMINAR_TYPE_JSON ||
                   (type_is_numeric(v->type) && is_finite);
    if (is_bare) {
        text_print_value(text, v, row);
        return;
    }
    struct strbuf value = {0};
    text_print_value(&value, v, row);
    put_json_string(text, value.data ? value.data : "", value.size);
    text->failed = text->failed || value.failed;
    strbuf_deinit(&value);
}

static laminar_status to_json_kernel(KERNEL_ARGS)
{
    struct strbuf text = {0};
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < n && status == LAMINAR_OK; i++) {
        out_string_borrow(out, i, "", 0);
        if (!column_is_valid(out, i)) continue;
        strbuf_clear(&text);
        put_json_value(&text, &args[0], i);
        status = text.failed ? error_oom(env->err)
                             : out_string(out, i, text.data, text.size, env->err);
    }
    strbuf_deinit(&text);
    return status;
}

#define FALLIBLE (FN_STRICT | FN_FALLIBLE)
#define GETTER(name, signature, result, help, key, index)                                          \
    {                                                                                              \
        name, signature, help, 2, 2, bind_overloads,                                               \
            OVERLOADS({result ":Js", key, FALLIBLE, NULL}, {result ":Jl", index, FALLIBLE, NULL},  \
                      {result ":ss", key, FALLIBLE, NULL}, {result ":sl", index, FALLIBLE, NULL})  \
    }
static const struct scalar_function functions[] = {
    GETTER("->", "json -> key or index", "J", "The value of a key, or at an index from 0, as JSON",
           get_key_kernel, get_index_kernel),
    GETTER("->>", "json ->> key or index", "s",
           "The value of a key, or at an index from 0, as text", text_key_kernel,
           text_index_kernel),
    GETTER("#>", "json #> '{a,b,0}'", "J", "The value that the steps lead to, as JSON",
           get_path_kernel, get_index_kernel),
    GETTER("#>>", "json #>> '{a,b,0}'", "s", "The value that the steps lead to, as text",
           text_path_kernel, text_index_kernel),
    GETTER("json_extract", "json_extract(json, '$.a[0]') -> JSON", "J",
           "The value at the path, as JSON", get_key_kernel, get_index_kernel),
    GETTER("json_extract_path", "json_extract_path(json, '$.a[0]') -> JSON", "J",
           "Same as json_extract", get_key_kernel, get_index_kernel),
    GETTER("json_extract_string", "json_extract_string(json, '$.a[0]') -> VARCHAR", "s",
           "The value at the path, as text", text_key_kernel, text_index_kernel),
    GETTER("json_get_str", "json_get_str(json, key) -> VARCHAR", "s", "Same as json_extract_string",
           text_key_kernel, text_index_kernel),
    {"json_array_length", "json_array_length(json [, path]) -> BIGINT",
     "Number of elements; null for what is no array", 1, 2, bind_overloads,
     OVERLOADS({"l:J", array_length_kernel, FALLIBLE, NULL},
               {"l:s", array_length_kernel, FALLIBLE, NULL},
               {"l:Js", array_length_kernel, FALLIBLE, NULL},
               {"l:ss", array_length_kernel, FALLIBLE, NULL})},
    {"json_type", "json_type(json [, path]) -> VARCHAR",
     "null, boolean, number, string, array or object", 1, 2, bind_overloads,
     OVERLOADS({"s:J", type_kernel, FALLIBLE, NULL}, {"s:s", type_kernel, FALLIBLE, NULL},
               {"s:Js", type_kernel, FALLIBLE, NULL}, {"s:ss", type_kernel, FALLIBLE, NULL})},
    {"json_typeof", "json_typeof(json) -> VARCHAR", "Same as json_type", 1, 1, bind_overloads,
     OVERLOADS({"s:J", type_kernel, FALLIBLE, NULL}, {"s:s", type_kernel, FALLIBLE, NULL})},
    {"json_valid", "json_valid(text) -> BOOLEAN", "True if the text is JSON", 1, 1, bind_overloads,
     OVERLOADS({"b:s", valid_kernel, FN_STRICT, NULL}, {"b:J", valid_kernel, FN_STRICT, NULL})},
    {"json_keys", "json_keys(json) -> VARCHAR[]", "The keys of an object", 1, 1, bind_keys, NULL},
    {"json_object_keys", "json_object_keys(json) -> VARCHAR[]", "Same as json_keys", 1, 1,
     bind_keys, NULL},
    {"to_json", "to_json(x) -> JSON", "The value as JSON", 1, 1, bind_overloads,
     OVERLOADS({"J:x", to_json_kernel, FN_STRICT, NULL})},
};
SCALAR_FAMILY(json, functions);
