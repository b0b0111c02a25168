/* user_rows.c - rows for the call-backs of registered functions, and their results: as laminar_values, and as Arrow. */
#include "function/user_internal.h"
#include "vector/arrow.h"

laminar_status user_failed(const struct user_function *f, laminar_status status,
                           const struct laminar_error *from, struct laminar_error *err)
{
    laminar_status code = status == LAMINAR_OUT_OF_MEMORY ? status : LAMINAR_QUERY_FAILED;
    if (!err) return code;
    struct laminar_error cause = *from; /* err may be the same */
    error_set(err, code, "%s(): %s", f->name,
              cause.message[0] ? cause.message : "the function failed and did not say why");
    if (cause.hint[0]) error_hint(err, "%s", cause.hint);
    err->user_code = cause.user_code;
    return code;
}

/* --- Values ------------------------------------------------------------------------------------------ */

static bool sees(const struct user_function *f, const struct vector *args, size_t row)
{
    for (uint32_t a = 0; a < f->n_args && !f->calls_on_null; a++)
        if (!vector_is_valid(&args[a], row)) return false;
    return true;
}

static void load_value(const struct vector *v, size_t row, laminar_value *out)
{
    size_t i = v->shape == VEC_CONST ? 0 : row;
    out->type = (laminar_type)v->type.id;
    out->is_null = !vector_is_valid(v, row);
    if (out->is_null) {
        memset(&out->as, 0, sizeof out->as);
        return;
    }
    switch (type_phys(v->type)) {
    case PHYS_BOOL: out->as.boolean = ((const uint8_t *)v->data)[i] != 0; break;
    case PHYS_I8: out->as.int64 = ((const int8_t *)v->data)[i]; break;
    case PHYS_I16: out->as.int64 = ((const int16_t *)v->data)[i]; break;
    case PHYS_I32: out->as.int64 = ((const int32_t *)v->data)[i]; break;
    case PHYS_I64: out->as.int64 = ((const int64_t *)v->data)[i]; break;
    case PHYS_U8: out->as.uint64 = ((const uint8_t *)v->data)[i]; break;
    case PHYS_U16: out->as.uint64 = ((const uint16_t *)v->data)[i]; break;
    case PHYS_U32: out->as.uint64 = ((const uint32_t *)v->data)[i]; break;
    case PHYS_U64: out->as.uint64 = ((const uint64_t *)v->data)[i]; break;
    case PHYS_F32: out->as.float64 = (double)((const float *)v->data)[i]; break;
    case PHYS_F64: out->as.float64 = ((const double *)v->data)[i]; break;
    case PHYS_I128: memcpy(&out->as.decimal, (const char *)v->data + i * 16, 16); break;
    case PHYS_INTERVAL: out->as.interval = ((const laminar_interval *)v->data)[i]; break;
    case PHYS_UUID:
        out->as.bytes.data = (const char *)v->data + i * 16;
        out->as.bytes.size = 16;
        break;
    case PHYS_STRING: {
        const struct string_view *s = (const struct string_view *)v->data + i;
        out->as.bytes.data = string_data(s);
        out->as.bytes.size = s->size;
        break;
    }
    case PHYS_LIST: /* refused when it was registered */
    case PHYS_STRUCT:
    case PHYS_NULL: out->is_null = true; break;
    }
}

bool user_load_row(const struct user_function *f, const struct vector *args, size_t row,
                   laminar_value *out)
{
    if (!sees(f, args, row)) return false;
    for (uint32_t a = 0; a < f->n_args; a++) load_value(&args[a], row, &out[a]);
    return true;
}

static laminar_status does_not_fit(const struct user_function *f, const char *what,
                                   struct laminar_error *err)
{
    error_set(err, LAMINAR_QUERY_FAILED, "%s(): its result is %s, which is no %s", f->name, what,
              TYPE_TEXT(f->result));
    return LAMINAR_QUERY_FAILED;
}

#define APPEND_INT(T, member, low, high)                                                           \
    do {                                                                                           \
        if ((int128)value->as.member < (low) || (int128)value->as.member > (high))                 \
            return does_not_fit(f, "out of range", err);                                           \
        T stored = (T)value->as.member;                                                            \
        return column_append_value(out, &stored, err);                                             \
    } while (0)

laminar_status user_append_value(const struct user_function *f, const laminar_value *value,
                                 struct column *out, struct laminar_error *err)
{
    if (value->is_null) return column_append_null(out, 1, err);
    switch (type_phys(f->result)) {
    case PHYS_BOOL: {
        uint8_t byte = value->as.boolean;
        return column_append_value(out, &byte, err);
    }
    case PHYS_I8: APPEND_INT(int8_t, int64, INT8_MIN, INT8_MAX);
    case PHYS_I16: APPEND_INT(int16_t, int64, INT16_MIN, INT16_MAX);
    case PHYS_I32: APPEND_INT(int32_t, int64, INT32_MIN, INT32_MAX);
    case PHYS_I64: return column_append_value(out, &value->as.int64, err);
    case PHYS_U8: APPEND_INT(uint8_t, uint64, 0, UINT8_MAX);
    case PHYS_U16: APPEND_INT(uint16_t, uint64, 0, UINT16_MAX);
    case PHYS_U32: APPEND_INT(uint32_t, uint64, 0, UINT32_MAX);
    case PHYS_U64: return column_append_value(out, &value->as.uint64, err);
    case PHYS_F32: {
        float number = (float)value->as.float64;
        return column_append_value(out, &number, err);
    }
    case PHYS_F64: return column_append_value(out, &value->as.float64, err);
    case PHYS_I128: {
        int128 decimal;
        memcpy(&decimal, &value->as.decimal, sizeof decimal);
        if (decimal >= pow10_table[f->result.precision] ||
            decimal <= -pow10_table[f->result.precision])
            return does_not_fit(f, "out of range", err);
        return column_append_value(out, &decimal, err);
    }
    case PHYS_INTERVAL: return column_append_value(out, &value->as.interval, err);
    case PHYS_UUID:
        if (value->as.bytes.size != 16 || !value->as.bytes.data)
            return does_not_fit(f, "not 16 bytes", err);
        return column_append_value(out, value->as.bytes.data, err);
    case PHYS_STRING: {
        const char *data = value->as.bytes.size ? value->as.bytes.data : "";
        size_t size = value->as.bytes.size;
        if (!data || size > UINT32_MAX) return does_not_fit(f, "no text", err);
        if (f->result.id != LAMINAR_TYPE_BINARY && !utf8_validate(data, size))
            return does_not_fit(f, "not valid UTF-8", err);
        return column_append_string(out, data, size, err);
    }
    case PHYS_LIST:
    case PHYS_STRUCT:
    case PHYS_NULL: break;
    }
    return column_append_null(out, 1, err);
}

/* --- Arrow --------------------------------------------------------------------------------------------- */

size_t user_select_rows(const struct user_function *f, const struct vector *args, size_t n,
                        uint32_t *sel)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        sel[m] = (uint32_t)i;
        m += sees(f, args, i);
    }
    return m;
}

laminar_status user_make_batch(const struct user_function *f, const struct vector *args, size_t n,
                               const uint32_t *sel, size_t m, struct batch **out,
                               struct laminar_error *err)
{
    *out = NULL;
    if (f->n_args == 0) return LAMINAR_OK;
    struct batch_builder *builder = NULL;
    struct vector cols[LAMINAR_FUNCTION_ARGS_MAX];
    memcpy(cols, args, f->n_args * sizeof *cols);
    struct chunk chunk = {.n_rows = (uint32_t)n, .n_cols = f->n_args, .cols = cols};
    laminar_status status;
    TRY(batch_builder_create(f->args_schema, NULL, &builder, err));
    for (size_t at = 0; at < m; at += CHUNK_ROWS)
        TRY(batch_builder_append_sel(builder, &chunk, sel + at,
                                     m - at < CHUNK_ROWS ? m - at : CHUNK_ROWS, err));
    TRY(batch_builder_finish(builder, out, err));
done:
    batch_builder_free(builder);
    return status;
}

struct no_columns {
    const void *buffers[1];
};
static void release_no_columns(struct ArrowArray *array)
{
    mem_free(array->private_data);
    array->release = NULL;
}

laminar_status user_export_rows(const struct user_function *f, struct batch *batch, size_t first,
                                size_t n, struct ArrowArray *out, struct laminar_error *err)
{
    if (f->n_args > 0) return arrow_export_batch(batch, first, n, 0, out, err);
    struct no_columns *own = mem_calloc(1, sizeof *own);
    if (!own) return error_oom(err);
    *out = (struct ArrowArray){.length = (int64_t)n,
                               .n_buffers = 1,
                               .buffers = own->buffers,
                               .release = release_no_columns,
                               .private_data = own};
    return LAMINAR_OK;
}

/* The result as the only column of a struct. */
struct wrapped {
    struct ArrowArray child;
    struct ArrowArray *children[1];
    const void *buffers[1];
};
static void release_wrapped(struct ArrowArray *array)
{
    struct wrapped *own = array->private_data;
    if (own->child.release) own->child.release(&own->child);
    mem_free(own);
    array->release = NULL;
}
static void keep_schema(struct ArrowSchema *schema) { schema->release = NULL; }

static laminar_status fit(const struct user_function *f, const struct ArrowSchema *schema,
                          struct wrapped *own, size_t n, struct batch **out,
                          struct laminar_error *err)
{
    laminar_status status;
    struct schema *imported_schema = NULL;
    struct batch *imported = NULL;
    struct ArrowSchema named = schema->release ? *schema : *f->arrow_result.children[0];
    named.name = f->name;
    named.flags |= ARROW_FLAG_NULLABLE;
    struct ArrowSchema *columns[1] = {&named};
    struct ArrowSchema top_schema = {
        .format = "+s", .name = "", .n_children = 1, .children = columns, .release = keep_schema};
    struct ArrowArray top = {.length = (int64_t)n,
                             .n_buffers = 1,
                             .buffers = own->buffers,
                             .n_children = 1,
                             .children = own->children,
                             .release = release_wrapped,
                             .private_data = own};
    TRY(arrow_import_schema(&top_schema, &imported_schema, err));
    TRY(arrow_import_batch(&top_schema, &top, imported_schema, &imported, err));
    TRY(batch_coerce(imported, f->result_schema, NULL, out, err));
done:
    if (top.release) top.release(&top);
    batch_unref(imported);
    schema_unref(imported_schema);
    return status;
}

laminar_status user_take_result(const struct user_function *f, struct ArrowSchema *take_schema,
                                struct ArrowArray *take_array, size_t n, struct batch **out,
                                struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct wrapped *own = NULL;
    if (!take_array->release)
        status = error_set(err, LAMINAR_QUERY_FAILED, "%s(): it gave no array", f->name);
    else if (take_array->length < 0 || (size_t)take_array->length != n)
        status = error_set(err, LAMINAR_QUERY_FAILED, "%s(): it gave %lld values for %zu rows",
                           f->name, (long long)take_array->length, n);
    else if (!(own = mem_calloc(1, sizeof *own)))
        status = error_oom(err);
    if (status != LAMINAR_OK) {
        if (take_array->release) take_array->release(take_array);
    } else {
        own->child = *take_array;
        own->children[0] = &own->child;
        status = fit(f, take_schema, own, n, out, err);
        if (status != LAMINAR_OK && err) {
            struct laminar_error cause = *err;
            status = user_failed(f, status, &cause, err);
        }
    }
    if (take_schema->release) take_schema->release(take_schema);
    return status;
}
