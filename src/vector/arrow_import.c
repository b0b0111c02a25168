/* arrow_import.c - Arrow arrays to batches: see arrow.h.
 *
 * The tree of arrays is walked along the tree of schemas. Each node gets the column of the batch's body that has its type: where a layout
 * is shared the column stays empty and the vector points into the Arrow buffer, else the column takes the converted values. The batch
 * then owns the Arrow array and releases it with its last reference.
 * Counts, lengths and pointers are checked before use; the sizes of buffers are the C data interface's promise, unless the caller knows
 * them (arrow_import_options). Dictionaries and run-ends are decoded by gathering from an imported column of their values. */
#include "vector/arrow_import.h"
#include "base/error.h"
#include "vector/batch_body.h"
#include <stdarg.h>
#include <stdio.h>

#define IMPORT_ROWS_MAX ((int64_t)UINT32_MAX - 1)

laminar_status import_error(struct import *in, const char *format, ...)
{
    char what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return error_set(in->err, LAMINAR_INGESTION_FAILED, "Arrow array of column '%s': %s",
                     in->column, what);
}

laminar_status import_buffer(struct import *in, const struct import_array *node, int i,
                             uint64_t bytes, const void **out)
{
    *out = node->array->buffers[i];
    if (bytes && !*out) return import_error(in, "buffer %d is missing", i);
    if (node->buffer_bytes &&
        bytes > (uint64_t)(node->buffer_bytes[i] < 0 ? 0 : node->buffer_bytes[i]))
        return import_error(in, "buffer %d has %lld bytes where %llu are needed", i,
                            (long long)node->buffer_bytes[i], (unsigned long long)bytes);
    in->borrowed_bytes += bytes;
    return LAMINAR_OK;
}

/* Buffers, children, and whether buffer 0 is validity, by layout. */
struct layout_shape {
    int8_t n_buffers; /* -1: 3 or more */
    int8_t n_children;
    bool has_validity;
};

static struct layout_shape shape_of(const struct arrow_format *format,
                                    const struct ArrowSchema *schema)
{
    switch (format->layout) {
    case ARROW_NULL: return (struct layout_shape){0, 0, false};
    case ARROW_BITS:
    case ARROW_FIXED:
    case ARROW_HALF:
    case ARROW_TIME32:
    case ARROW_DATE64:
    case ARROW_DURATION:
    case ARROW_MONTHS:
    case ARROW_DAY_TIME:
    case ARROW_DECIMAL32:
    case ARROW_DECIMAL64:
    case ARROW_FIXED_BINARY:
    case ARROW_DICTIONARY: return (struct layout_shape){2, 0, true};
    case ARROW_STRING32:
    case ARROW_STRING64: return (struct layout_shape){3, 0, true};
    case ARROW_STRING_VIEW: return (struct layout_shape){-1, 0, true};
    case ARROW_LIST32:
    case ARROW_LIST64:
    case ARROW_MAP: return (struct layout_shape){2, 1, true};
    case ARROW_LIST_VIEW32:
    case ARROW_LIST_VIEW64: return (struct layout_shape){3, 1, true};
    case ARROW_FIXED_LIST: return (struct layout_shape){1, 1, true};
    case ARROW_STRUCT:
        return (struct layout_shape){1, schema->n_children > 127 ? -1 : (int8_t)schema->n_children,
                                     true};
    case ARROW_RUN_END: return (struct layout_shape){0, 2, false};
    }
    return (struct layout_shape){0};
}

/* Checks an array against its format, and its rows [from, from + n). Takes the sizes of its buffers. */
static laminar_status open_array(struct import *in, const struct arrow_format *format,
                                 const struct ArrowSchema *schema, const struct ArrowArray *array,
                                 size_t from, size_t n, struct import_array *out)
{
    struct layout_shape shape = shape_of(format, schema);
    if (!array || !array->release) return import_error(in, "an array is missing or was released");
    if (array->length < 0 || array->offset < 0 || array->length > IMPORT_ROWS_MAX ||
        array->offset > INT64_MAX / 2 - array->length ||
        array->offset + array->length > IMPORT_ROWS_MAX)
        return import_error(in, "the length is %lld, the offset %lld", (long long)array->length,
                            (long long)array->offset);
    if (from + n > (size_t)array->length)
        return import_error(in, "an array of %lld rows where %zu are needed",
                            (long long)array->length, from + n);
    if (array->null_count < -1 || array->null_count > array->length)
        return import_error(in, "the null count is %lld of %lld", (long long)array->null_count,
                            (long long)array->length);
    bool ok = shape.n_buffers < 0 ? array->n_buffers >= 3 && array->n_buffers <= INT32_MAX
                                  : array->n_buffers == shape.n_buffers;
    /* some producers give an empty validity */
    if (format->layout == ARROW_NULL && array->n_buffers == 1) ok = true;
    if (!ok || (array->n_buffers > 0 && !array->buffers))
        return import_error(in, "%lld buffers for the format '%s'", (long long)array->n_buffers,
                            schema->format);
    if (array->n_children != schema->n_children || (array->n_children > 0 && !array->children))
        return import_error(in, "%lld children where the schema has %lld",
                            (long long)array->n_children, (long long)schema->n_children);
    if ((format->layout == ARROW_DICTIONARY) != (array->dictionary != NULL))
        return import_error(in, array->dictionary ? "a dictionary that the schema lacks"
                                                  : "the dictionary is missing");
    *out = (struct import_array){.array = array, .start = (size_t)array->offset + from, .n = n};
    if (in->buffer_bytes) {
        if ((size_t)array->n_buffers > in->n_buffer_bytes - in->next_buffer)
            return import_error(in, "the sizes of the buffers are unknown");
        out->buffer_bytes = in->buffer_bytes + in->next_buffer;
        in->next_buffer += (size_t)array->n_buffers;
    }
    if (!shape.has_validity || array->null_count == 0 || n == 0) return LAMINAR_OK;
    if (!array->buffers[0] && array->null_count > 0)
        return import_error(in, "there are nulls, but no validity buffer");
    if (!array->buffers[0]) return LAMINAR_OK;
    const void *bits;
    laminar_status status = import_buffer(in, out, 0, bitmap_bytes(out->start + n), &bits);
    if (!status && !bitmap_range_all_set(bits, out->start, n)) out->validity = bits;
    return status;
}

/* The validity as our vectors have it: from bit 0 on; copied where it doesn't start at a byte. */
static laminar_status import_validity(struct import *in, const struct import_array *node,
                                      struct column *own, struct vector *out)
{
    out->validity = NULL;
    if (!node->validity) return LAMINAR_OK;
    if (node->start % 8 == 0) {
        out->validity = (uint8_t *)(uintptr_t)(node->validity + node->start / 8);
        return LAMINAR_OK;
    }
    laminar_status status = column_reserve(own, node->n, in->err);
    if (!status) status = column_reserve_validity(own, in->err);
    if (status) return status;
    bitmap_copy(own->validity, node->validity, node->start, node->n);
    out->validity = own->validity;
    return LAMINAR_OK;
}

static laminar_status import_node(struct import *in, const struct ArrowSchema *schema,
                                  const struct ArrowArray *array, size_t from, size_t n,
                                  struct column *own, struct vector *out);

/* --- Lists ----------------------------------------------------------------------------------------------------------------------- */

static laminar_status too_many_items(struct import *in)
{
    return import_error(in, "there are more than %u list items", UINT32_MAX);
}

/* Rows [from, from + n) of the children of a MAP's entries. */
static laminar_status import_entries(struct import *in, const struct ArrowSchema *schema,
                                     const struct ArrowArray *array, size_t from, size_t n,
                                     struct column *own, struct vector *out)
{
    struct arrow_format format;
    struct import_array node;
    laminar_status status = arrow_format_parse(schema, &format, in->err);
    if (!status) status = open_array(in, &format, schema, array, from, n, &node);
    if (status) return status;
    if (format.layout != ARROW_STRUCT || schema->n_children != 2)
        return import_error(in, "a map without keys and values");
    if (node.validity) return import_error(in, "an entry of a map is null");
    for (uint32_t k = 0; k < 2; k++) {
        status = import_node(in, schema->children[k], array->children[k], node.start, n,
                             &own->children[k], &out->children[k]);
        if (status) return status;
    }
    bool is_null_type = out->children[0].type.id == LAMINAR_TYPE_NULL;
    if (out->children[0].validity || (is_null_type && n))
        return import_error(in, "a key of a map is null");
    return LAMINAR_OK;
}

static laminar_status import_items(struct import *in, const struct ArrowSchema *schema,
                                   const struct import_array *node, size_t from, size_t n,
                                   struct column *own, struct vector *out)
{
    out->n_child_rows = n;
    const struct ArrowArray *child = node->array->children[0];
    if (out->type.id == LAMINAR_TYPE_MAP)
        return import_entries(in, schema->children[0], child, from, n, own, out);
    return import_node(in, schema->children[0], child, from, n, &own->children[0],
                       &out->children[0]);
}

static bool row_is_null(const struct import_array *node, size_t i)
{
    return node->validity && !bitmap_get(node->validity, node->start + i);
}

/* LIST, LARGE_LIST, MAP: only the range of items that the rows use is imported. */
static laminar_status import_list(struct import *in, const struct ArrowSchema *schema,
                                  const struct import_array *node, bool is_wide, struct column *own,
                                  struct vector *out)
{
    size_t width = is_wide ? 8 : 4, n = node->n;
    const void *buffer;
    if (n == 0) return import_items(in, schema, node, 0, 0, own, out);
    laminar_status status = import_buffer(in, node, 1, (node->start + n + 1) * width, &buffer);
    if (status) return status;
    if ((uintptr_t)buffer % width) return import_error(in, "the offsets are not aligned");
    const int32_t *narrow = (const int32_t *)buffer + node->start;
    const int64_t *wide = (const int64_t *)buffer + node->start;
    status = import_check_offsets(in, is_wide ? (const void *)wide : narrow, is_wide, n);
    if (status) return status;
    uint64_t first = (uint64_t)(is_wide ? wide[0] : narrow[0]),
             end = (uint64_t)(is_wide ? wide[n] : narrow[n]);
    if (end > (uint64_t)IMPORT_ROWS_MAX) return too_many_items(in);
    struct list_entry *entries = out->data;
    for (size_t i = 0; i < n; i++) {
        uint64_t a = (uint64_t)(is_wide ? wide[i] : narrow[i]),
                 b = (uint64_t)(is_wide ? wide[i + 1] : narrow[i + 1]);
        entries[i] = (struct list_entry){(uint32_t)(a - first),
                                         row_is_null(node, i) ? 0 : (uint32_t)(b - a)};
    }
    return import_items(in, schema, node, first, end - first, own, out);
}

static laminar_status import_list_view(struct import *in, const struct ArrowSchema *schema,
                                       const struct import_array *node, bool is_wide,
                                       struct column *own, struct vector *out)
{
    size_t width = is_wide ? 8 : 4;
    const struct ArrowArray *child = node->array->children[0];
    const void *offsets, *sizes;
    laminar_status status = import_buffer(in, node, 1, (node->start + node->n) * width, &offsets);
    if (!status) status = import_buffer(in, node, 2, (node->start + node->n) * width, &sizes);
    if (status) return status;
    if (!child || child->length < 0 || child->length > IMPORT_ROWS_MAX)
        return import_error(in, "the items are missing or too many");
    struct list_entry *entries = out->data;
    for (size_t i = 0; i < node->n; i++) {
        int64_t offset = 0, size = 0;
        int32_t narrow[2];
        if (row_is_null(node, i)) {
            entries[i] = (struct list_entry){0, 0};
            continue;
        }
        if (is_wide) {
            memcpy(&offset, (const char *)offsets + (node->start + i) * 8, 8);
            memcpy(&size, (const char *)sizes + (node->start + i) * 8, 8);
        } else {
            memcpy(&narrow[0], (const char *)offsets + (node->start + i) * 4, 4);
            memcpy(&narrow[1], (const char *)sizes + (node->start + i) * 4, 4);
            offset = narrow[0];
            size = narrow[1];
        }
        if (offset < 0 || size < 0 || size > child->length || offset > child->length - size)
            return import_error(in, "the list in row %zu points outside its items", i);
        entries[i] = (struct list_entry){(uint32_t)offset, (uint32_t)size};
    }
    return import_items(in, schema, node, 0, (size_t)child->length, own, out);
}

static laminar_status import_fixed_list(struct import *in, const struct ArrowSchema *schema,
                                        const struct import_array *node, size_t width,
                                        struct column *own, struct vector *out)
{
    /* 2^32 rows of 2^31 items at most: no overflow */
    uint64_t end = (node->start + node->n) * (uint64_t)width;
    if (end > (uint64_t)IMPORT_ROWS_MAX) return too_many_items(in);
    struct list_entry *entries = out->data;
    for (size_t i = 0; i < node->n; i++)
        entries[i] = (struct list_entry){(uint32_t)(i * width),
                                         row_is_null(node, i) ? 0 : (uint32_t)width};
    return import_items(in, schema, node, node->start * width, node->n * width, own, out);
}

/* --- Encoded arrays ------------------------------------------------------------------------------------------------------------------ */

/* Rows sel[0..n) of all the rows of `array` into `own`. */
static laminar_status import_selected(struct import *in, const struct ArrowSchema *schema,
                                      const struct ArrowArray *array, const uint32_t *sel, size_t n,
                                      struct column *own)
{
    struct column decoded = {0};
    size_t n_values = array && array->length > 0 ? (size_t)array->length : 0;
    laminar_status status = column_init(&decoded, own->vec.type, in->err);
    if (status) return status;
    struct vector values = decoded.vec;
    TRY(import_node(in, schema, array, 0, n_values, &decoded, &values));
    if (n_values == 0) /* then no row is valid: checked by the caller */
        TRY(column_append_null(own, n, in->err));
    else
        TRY(column_append_sel(own, &values, sel, n, STRINGS_BORROW, in->err));
done:
    column_deinit(&decoded);
    return status;
}

/* Index i of a dictionary-encoded array, whatever its width; -1 for what no dictionary can have. */
static int64_t load_index(const void *buffer, struct data_type type, size_t i)
{
    uint64_t value = 0;
    size_t width = type_width(type);
    memcpy(&value, (const char *)buffer + i * width, width);
    if (type_is_signed(type)) {
        unsigned shift = (unsigned)(64 - 8 * width);
        return (int64_t)(value << shift) >> shift;
    }
    return value > INT64_MAX ? -1 : (int64_t)value;
}

static laminar_status import_dictionary(struct import *in, const struct arrow_format *format,
                                        const struct ArrowSchema *schema,
                                        const struct import_array *node, struct column *own,
                                        struct vector *out)
{
    size_t n = node->n;
    const struct ArrowArray *dictionary = node->array->dictionary;
    const void *buffer;
    uint32_t *sel = NULL;
    laminar_status status = LAMINAR_OK;
    TRY(import_buffer(in, node, 1, (node->start + n) * type_width(format->type), &buffer));
    sel = mem_alloc(n * sizeof *sel);
    if (!sel) return error_oom(in->err);
    for (size_t i = 0; i < n; i++) {
        sel[i] = 0;
        if (row_is_null(node, i)) continue;
        int64_t index = load_index(buffer, format->type, node->start + i);
        if (index < 0 || index >= dictionary->length) {
            status = import_error(
                in, "the index in row %zu is %lld, outside the dictionary of %lld values", i,
                (long long)index, (long long)dictionary->length);
            goto done;
        }
        sel[i] = (uint32_t)index;
    }
    TRY(import_selected(in, schema->dictionary, dictionary, sel, n, own));
    if (node->validity && n) {
        TRY(column_reserve_validity(own, in->err));
        for (size_t i = 0; i < n; i++)
            if (row_is_null(node, i)) bitmap_clear(own->validity, i);
    }
    *out = own->vec;
done:
    mem_free(sel);
    return status;
}

static laminar_status import_run_ends(struct import *in, const struct ArrowSchema *schema,
                                      const struct import_array *node, struct column *own,
                                      struct vector *out)
{
    const struct ArrowArray *ends = node->array->children[0], *values = node->array->children[1];
    struct arrow_format format;
    struct import_array ends_node;
    const void *buffer;
    uint32_t *sel = NULL;
    laminar_status status = LAMINAR_OK;
    TRY(arrow_format_parse(schema->children[0], &format, in->err));
    if (format.layout != ARROW_FIXED) return import_error(in, "run ends are encoded themselves");
    TRY(open_array(in, &format, schema->children[0], ends, 0,
                   ends && ends->length > 0 ? (size_t)ends->length : 0, &ends_node));
    if (ends_node.validity) return import_error(in, "a run end is null");
    TRY(import_buffer(in, &ends_node, 1, (ends_node.start + ends_node.n) * type_width(format.type),
                      &buffer));
    if (!values || values->length < ends->length)
        return import_error(in, "there are fewer values than runs");
    sel = mem_alloc(node->n * sizeof *sel);
    if (!sel) return error_oom(in->err);
    int64_t row = 0, first = (int64_t)node->start, end = first + (int64_t)node->n, last = 0;
    for (size_t run = 0; run < ends_node.n && row < end; run++) {
        int64_t run_end = load_index(buffer, format.type, ends_node.start + run);
        if (run_end <= last) {
            status = import_error(in, "run end %zu is %lld after %lld", run, (long long)run_end,
                                  (long long)last);
            goto done;
        }
        last = run_end;
        if (run_end > end) run_end = end;
        for (row = row < first ? (run_end < first ? run_end : first) : row; row < run_end; row++)
            sel[row - first] = (uint32_t)run;
    }
    if (last < end) {
        status = import_error(in, "the runs end at %lld, before the array does at %lld",
                              (long long)last, (long long)end);
        goto done;
    }
    TRY(import_selected(in, schema->children[1], values, sel, node->n, own));
    *out = own->vec;
done:
    mem_free(sel);
    return status;
}

/* --- Nodes ------------------------------------------------------------------------------------------------------------------------------ */

static laminar_status import_layout(struct import *in, const struct arrow_format *format,
                                    const struct ArrowSchema *schema,
                                    const struct import_array *node, struct column *own,
                                    struct vector *out)
{
    size_t n = node->n;
    if (format->layout == ARROW_DICTIONARY)
        return import_dictionary(in, format, schema, node, own, out);
    if (format->layout == ARROW_RUN_END) return import_run_ends(in, schema, node, own, out);
    if (format->type.id != out->type.id ||
        (!type_is_nested(out->type) && !type_equal(format->type, out->type)))
        return import_error(in, "it is %s where the schema has %s", schema->format,
                            TYPE_TEXT(out->type));
    if (format->layout == ARROW_NULL) return LAMINAR_OK;
    laminar_status status = import_validity(in, node, own, out);
    if (status) return status;
    if (format->layout == ARROW_STRUCT) {
        if (schema->n_children != out->n_children)
            return import_error(in, "the struct has %lld fields", (long long)schema->n_children);
        for (uint32_t k = 0; k < out->n_children && !status; k++)
            status = import_node(in, schema->children[k], node->array->children[k], node->start, n,
                                 &own->children[k], &out->children[k]);
        return status;
    }
    if (!type_is_nested(out->type)) return import_leaf(in, format, node, own, out);
    status = column_reserve(own, n ? n : 1, in->err);
    if (status) return status;
    out->data = own->vec.data;
    switch ((int)format->layout) {
    case ARROW_LIST_VIEW32: return import_list_view(in, schema, node, false, own, out);
    case ARROW_LIST_VIEW64: return import_list_view(in, schema, node, true, own, out);
    case ARROW_FIXED_LIST:
        return import_fixed_list(in, schema, node, (size_t)format->width, own, out);
    default: return import_list(in, schema, node, format->layout == ARROW_LIST64, own, out);
    }
}

enum { IMPORT_DEPTH_MAX = 2 * TYPE_DEPTH_MAX };

/* Rows [from, from + n) of an array (its own offset aside) as a vector; `own` has the type that the schema was imported as, which is
 * checked, and is empty. */
static laminar_status import_node(struct import *in, const struct ArrowSchema *schema,
                                  const struct ArrowArray *array, size_t from, size_t n,
                                  struct column *own, struct vector *out)
{
    struct arrow_format format;
    struct import_array node;
    laminar_status status = arrow_format_parse(schema, &format, in->err);
    if (!status) status = open_array(in, &format, schema, array, from, n, &node);
    if (status) return status;
    if (in->depth >= IMPORT_DEPTH_MAX)
        return import_error(in, "it is nested more than %d levels deep", IMPORT_DEPTH_MAX);
    in->depth++;
    *out = own->vec;
    status = import_layout(in, &format, schema, &node, own, out);
    in->depth--;
    return status;
}

laminar_status arrow_import_batch_with(const struct ArrowSchema *arrow_schema,
                                       struct ArrowArray *array, struct schema *schema,
                                       const struct arrow_import_options *options,
                                       struct batch **out, struct laminar_error *err)
{
    struct import in = {.buffer_bytes = options->buffer_bytes,
                        .n_buffer_bytes = options->n_buffer_bytes,
                        .column = "",
                        .err = err};
    struct arrow_format format;
    struct import_array root;
    struct batch_body *body = NULL;
    laminar_status status = LAMINAR_OK;
    TRY(arrow_format_parse(arrow_schema, &format, err));
    if (format.layout != ARROW_STRUCT)
        return import_error(&in, "rows need a struct, not the format '%s'", arrow_schema->format);
    if (arrow_schema->n_children != schema->n_columns)
        return import_error(&in, "it has %lld columns, the schema %u",
                            (long long)arrow_schema->n_children, schema->n_columns);
    TRY(open_array(&in, &format, arrow_schema, array, 0,
                   array && array->length > 0 ? (size_t)array->length : 0, &root));
    if (root.validity) return import_error(&in, "a whole row is null");
    TRY(batch_body_take(options->pool, schema, root.n, &body, err));
    if (options->puts_off_strings) in.body = body;
    for (uint32_t i = 0; i < schema->n_columns; i++) {
        in.column = schema->columns[i].name;
        in.column_index = i;
        TRY(import_node(&in, arrow_schema->children[i], array->children[i], root.start, root.n,
                        &body->columns[i], &body->vectors[i]));
    }
    body->array = *array;
    array->release = NULL; /* moved */
    batch_body_seal_vectors(body, root.n, false);
    batch_body_borrows(body, in.borrowed_bytes);
    *out = &body->batch;
    body = NULL;
done:
    batch_body_give_back(body);
    return status;
}

laminar_status arrow_import_batch(const struct ArrowSchema *arrow_schema, struct ArrowArray *array,
                                  struct schema *schema, struct batch **out,
                                  struct laminar_error *err)
{
    return arrow_import_batch_with(arrow_schema, array, schema, &(struct arrow_import_options){0},
                                   out, err);
}
