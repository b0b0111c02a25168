/* arrow_export.c - batches to Arrow arrays: see arrow.h.
 *
 * One allocation holds the structs of all nodes; buffers of a layout that is not ours (bits, utf8, 32-bit times) are one allocation a
 * column; the others point into the batch, of which the export holds a reference. All nodes share a counter: each may be moved away and
 * released on its own, on any thread; the last one frees. */
#include "base/error.h"
#include "vector/arrow.h"
#include <stdatomic.h>

enum { NODE_BUFFERS_MAX = 4 };

struct export_block { /* a buffer that was made, or a column that was gathered */
    struct export_block *next;
    struct column column;
    void *buffer;
};

struct array_holder {
    _Atomic uint32_t refs; /* nodes not yet released */
    struct batch *batch;
    struct export_block *blocks;
    size_t n_nodes_used;
    size_t n_children_used;
    struct ArrowArray *nodes;
    const void **buffers; /* NODE_BUFFERS_MAX a node */
    struct ArrowArray **children;
    char *room; /* for small buffers, behind the children */
    size_t room_left;
};

struct export
{
    struct array_holder *holder;
    unsigned flags;
    const char *column; /* for messages */
    struct laminar_error *err;
};

static void holder_free(struct array_holder *holder)
{
    for (struct export_block *block = holder->blocks, *next; block; block = next) {
        next = block->next;
        column_deinit(&block->column);
        mem_free(block->buffer);
        mem_free(block);
    }
    batch_unref(holder->batch);
    mem_free(holder);
}

/* @thread any */
static void array_node_release(struct ArrowArray *node)
{
    struct array_holder *holder = node->private_data;
    for (int64_t i = 0; i < node->n_children; i++)
        if (node->children[i]->release) node->children[i]->release(node->children[i]);
    node->release = NULL;
    if (atomic_fetch_sub_explicit(&holder->refs, 1, memory_order_acq_rel) == 1) holder_free(holder);
}

static size_t count_nodes(struct data_type type)
{
    if (!type_is_nested(type)) return 1;
    size_t n = type.id == LAMINAR_TYPE_MAP ? 2 : 1; /* a map's entries are a node too */
    for (uint32_t i = 0; i < type.info->n_fields; i++) n += count_nodes(type.info->fields[i].type);
    return n;
}

enum { ROOM_PER_NODE = 64, ROOM_ROWS_MAX = 32, BUFFER_ALIGN = 16 };

/* Exports of few rows get room for their buffers in the same allocation. */
static struct array_holder *holder_create(size_t n_nodes, size_t n_rows)
{
    size_t room_size = n_rows <= ROOM_ROWS_MAX
                           ? n_nodes * (ROOM_PER_NODE + n_rows * sizeof(int64_t)) + BUFFER_ALIGN
                           : 0;
    size_t nodes_size = n_nodes * sizeof(struct ArrowArray),
           buffers_size = n_nodes * NODE_BUFFERS_MAX * sizeof(void *);
    size_t children_size = n_nodes * sizeof(struct ArrowArray *);
    struct array_holder *holder = mem_calloc(1, sizeof *holder + nodes_size + buffers_size +
                                                    children_size + room_size);
    if (!holder) return NULL;
    holder->nodes = (struct ArrowArray *)(void *)(holder + 1);
    holder->buffers = (const void **)(void *)((char *)holder->nodes + nodes_size);
    holder->children = (struct ArrowArray **)(void *)((char *)holder->buffers + buffers_size);
    atomic_init(&holder->refs, 0);
    holder->room = (char *)holder->children + children_size;
    size_t gap = (0 - (uintptr_t)holder->room) % BUFFER_ALIGN;
    holder->room += gap;
    holder->room_left = room_size > gap ? room_size - gap : 0;
    return holder;
}

/* The next node, of n rows, counted and releasable. */
static struct ArrowArray *add_node(struct export *ex, size_t n_rows, int n_buffers,
                                   uint32_t n_children)
{
    struct array_holder *holder = ex->holder;
    size_t index = holder->n_nodes_used++;
    struct ArrowArray *node = &holder->nodes[index];
    *node = (struct ArrowArray){
        .length = (int64_t)n_rows,
        .n_buffers = n_buffers,
        .n_children = n_children,
        .buffers = holder->buffers + index * NODE_BUFFERS_MAX,
        .children = n_children ? holder->children + holder->n_children_used : NULL,
        .release = array_node_release,
        .private_data = holder,
    };
    holder->n_children_used += n_children;
    atomic_fetch_add_explicit(&holder->refs, 1, memory_order_relaxed);
    return node;
}

static struct export_block *add_block(struct export *ex)
{
    struct export_block *block = mem_calloc(1, sizeof *block);
    if (!block) return NULL;
    block->next = ex->holder->blocks;
    ex->holder->blocks = block;
    return block;
}

/* A buffer that lives as long as the export; NULL when memory is out. */
static void *add_buffer(struct export *ex, size_t bytes)
{
    struct array_holder *holder = ex->holder;
    size_t rounded = (bytes + BUFFER_ALIGN - 1) & ~(size_t)(BUFFER_ALIGN - 1);
    if (rounded <= holder->room_left) {
        void *buffer = holder->room;
        holder->room += rounded;
        holder->room_left -= rounded;
        return buffer;
    }
    struct export_block *block = add_block(ex);
    return block ? block->buffer = mem_alloc_aligned(bytes ? bytes : 1) : NULL;
}

static laminar_status export_validity(struct export *ex, const struct vector *v, size_t from,
                                      size_t n, struct ArrowArray *node)
{
    if (!v->validity) return LAMINAR_OK;
    const uint8_t *bits = v->validity + from / 8;
    if (from % 8) {
        uint8_t *copy = add_buffer(ex, bitmap_bytes(n));
        if (!copy) return error_oom(ex->err);
        bitmap_copy(copy, v->validity, from, n);
        bits = copy;
    }
    node->null_count = (int64_t)(n - bitmap_count(bits, n));
    if (node->null_count) node->buffers[0] = bits;
    return LAMINAR_OK;
}

static bool row_is_null(const struct vector *v, size_t row)
{
    return v->validity && !bitmap_get(v->validity, row);
}

/* The value of row `from`; a vector without rows may have no data at all. */
static const void *values_from(const struct vector *v, size_t from)
{
    return v->data ? (const uint8_t *)v->data + from * type_width(v->type) : NULL;
}

/* --- Leaves ------------------------------------------------------------------------------------------------------------------------ */

static laminar_status export_bits(struct export *ex, const uint8_t *values, size_t n,
                                  struct ArrowArray *node)
{
    uint8_t *bits = add_buffer(ex, bitmap_bytes(n));
    if (!bits) return error_oom(ex->err);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t word;
        memcpy(&word, values + i, 8);
        /* byte k, which is 0 or 1, goes to bit k */
        bits[i / 8] = (uint8_t)(word * UINT64_C(0x0102040810204080) >> 56);
    }
    if (i < n) {
        unsigned byte = 0;
        for (size_t k = i; k < n; k++) byte |= (unsigned)values[k] << (k - i);
        bits[i / 8] = (uint8_t)byte;
    }
    node->buffers[1] = bits;
    return LAMINAR_OK;
}

/* Bytes of the strings that count; *long_bytes of those that are not inline. */
static size_t string_bytes(const struct vector *v, size_t from, size_t n, size_t *long_bytes)
{
    const struct string_view *views = values_from(v, from);
    size_t total = 0, total_long = 0;
    for (size_t i = 0; i < n; i++) {
        size_t size = row_is_null(v, from + i) ? 0 : views[i].size;
        total += size;
        total_long += size > STRING_INLINE_MAX ? size : 0;
    }
    *long_bytes = total_long;
    return total;
}

static laminar_status too_large(struct export *ex, size_t bytes)
{
    error_set(
        ex->err, LAMINAR_QUERY_UNSUPPORTED,
        "the texts of column '%s' have %zu bytes, more than the 2 GiB that one Arrow array can hold",
        ex->column, bytes);
    error_hint(ex->err, "read the result in smaller batches");
    return LAMINAR_QUERY_UNSUPPORTED;
}

/* utf8, binary: offsets and bytes in one allocation. */
static laminar_status export_strings(struct export *ex, const struct vector *v, size_t from,
                                     size_t n, struct ArrowArray *node)
{
    size_t long_bytes, total = string_bytes(v, from, n, &long_bytes),
                       offsets_size = (n + 1) * sizeof(int32_t);
    if (total > INT32_MAX) return too_large(ex, total);
    int32_t *offsets = add_buffer(ex, offsets_size + total + STRING_INLINE_MAX);
    if (!offsets) return error_oom(ex->err);
    char *bytes = (char *)offsets + offsets_size, *at = bytes;
    const struct string_view *views = values_from(v, from);
    for (size_t i = 0; i < n; i++) {
        offsets[i] = (int32_t)(at - bytes);
        size_t size = row_is_null(v, from + i) ? 0 : views[i].size;
        if (size <= STRING_INLINE_MAX) /* room behind */
            memcpy(at, (const char *)&views[i] + offsetof(struct string_view, prefix),
                   STRING_INLINE_MAX);
        else
            memcpy(at, views[i].ptr, size);
        at += size;
    }
    offsets[n] = (int32_t)(at - bytes);
    node->buffers[1] = offsets;
    node->buffers[2] = bytes;
    return LAMINAR_OK;
}

struct arrow_long_view {
    int32_t size;
    char prefix[4];
    int32_t buffer;
    int32_t offset;
};

/* utf8_view, binary_view: the views, and the bytes of the long ones in one buffer. */
static laminar_status export_views(struct export *ex, const struct vector *v, size_t from, size_t n,
                                   struct ArrowArray *node)
{
    size_t long_bytes;
    string_bytes(v, from, n, &long_bytes);
    if (long_bytes > INT32_MAX) return too_large(ex, long_bytes);
    size_t views_size = n * sizeof(struct string_view);
    struct string_view *views = add_buffer(ex, views_size + sizeof(int64_t) + long_bytes);
    if (!views) return error_oom(ex->err);
    int64_t *sizes = (int64_t *)(void *)((char *)views + views_size);
    char *bytes = (char *)(sizes + 1), *at = bytes;
    const struct string_view *in = values_from(v, from);
    for (size_t i = 0; i < n; i++) {
        views[i] = row_is_null(v, from + i) ? (struct string_view){0} : in[i];
        if (views[i].size <= STRING_INLINE_MAX) continue;
        memcpy(at, in[i].ptr, in[i].size);
        struct arrow_long_view view = {
            .size = (int32_t)in[i].size, .buffer = 0, .offset = (int32_t)(at - bytes)};
        memcpy(view.prefix, in[i].prefix, 4);
        memcpy(&views[i], &view, sizeof view);
        at += in[i].size;
    }
    *sizes = (int64_t)long_bytes;
    node->buffers[1] = views;
    node->buffers[2] = long_bytes ? (const void *)bytes : sizes;
    node->buffers[3] = long_bytes ? sizes : NULL;
    node->n_buffers = long_bytes ? 4 : 3;
    return LAMINAR_OK;
}

/* Seconds and milliseconds of a day are 32 bits wide in Arrow. */
static laminar_status export_narrow_times(struct export *ex, const int64_t *values, size_t n,
                                          struct ArrowArray *node)
{
    int32_t *narrow = add_buffer(ex, n * sizeof *narrow);
    if (!narrow) return error_oom(ex->err);
    for (size_t i = 0; i < n; i++) narrow[i] = (int32_t)values[i];
    node->buffers[1] = narrow;
    return LAMINAR_OK;
}

static laminar_status export_leaf(struct export *ex, const struct vector *v, size_t from, size_t n,
                                  struct ArrowArray **out)
{
    if (v->type.id == LAMINAR_TYPE_NULL) {
        *out = add_node(ex, n, 0, 0);
        (*out)->null_count = (int64_t)n;
        return LAMINAR_OK;
    }
    bool is_string = type_phys(v->type) == PHYS_STRING;
    struct ArrowArray *node = *out = add_node(ex, n, is_string ? 3 : 2, 0);
    laminar_status status = export_validity(ex, v, from, n, node);
    if (status) return status;
    if (is_string)
        return (ex->flags & ARROW_EXPORT_VIEWS ? export_views : export_strings)(ex, v, from, n,
                                                                                node);
    const uint8_t *data = values_from(v, from);
    if (v->type.id == LAMINAR_TYPE_BOOL) return export_bits(ex, data, n, node);
    if (v->type.id == LAMINAR_TYPE_TIME && v->type.unit <= UNIT_MILLI)
        return export_narrow_times(ex, (const int64_t *)(const void *)data, n, node);
    node->buffers[1] = n ? data : add_buffer(ex, 0); /* some readers refuse NULL */
    return node->buffers[1] ? LAMINAR_OK : error_oom(ex->err);
}

/* --- Nested ------------------------------------------------------------------------------------------------------------------------ */

static laminar_status export_vector(struct export *ex, const struct vector *v, size_t from,
                                    size_t n, struct ArrowArray **out);

/* The lists' items lie one list after the other, without gap or overlap, from *first on. */
static bool items_are_in_order(const struct vector *v, size_t from, size_t n, size_t *first)
{
    const struct list_entry *entries = values_from(v, from);
    size_t next = 0;
    bool has_items = false;
    *first = 0;
    for (size_t i = 0; i < n; i++) {
        if (row_is_null(v, from + i) || entries[i].length == 0) continue;
        if (!has_items) *first = next = entries[i].offset;
        has_items = true;
        if (entries[i].offset != next) return false;
        next += entries[i].length;
    }
    return true;
}

/* children[k] gathered so that the lists' items are in order. */
static laminar_status gather_items(struct export *ex, const struct vector *v, uint32_t k,
                                   size_t from, size_t n, struct vector *out)
{
    const struct list_entry *entries = values_from(v, from);
    struct export_block *block = add_block(ex);
    if (!block) return error_oom(ex->err);
    laminar_status status = column_init(&block->column, v->children[k].type, ex->err);
    for (size_t i = 0; i < n && !status; i++)
        if (!row_is_null(v, from + i))
            status = column_append(&block->column, &v->children[k], entries[i].offset,
                                   entries[i].length, STRINGS_BORROW, ex->err);
    *out = block->column.vec;
    return status;
}

static laminar_status export_list(struct export *ex, const struct vector *v, size_t from, size_t n,
                                  struct ArrowArray **out)
{
    bool is_map = v->type.id == LAMINAR_TYPE_MAP;
    struct ArrowArray *node = *out = add_node(ex, n, 2, 1), *parent = node;
    laminar_status status = export_validity(ex, v, from, n, node);
    if (status) return status;
    int32_t *offsets = add_buffer(ex, (n + 1) * sizeof *offsets);
    if (!offsets) return error_oom(ex->err);
    node->buffers[1] = offsets;
    const struct list_entry *entries = values_from(v, from);
    size_t total = 0, first;
    for (size_t i = 0; i < n; i++) {
        offsets[i] = (int32_t)total;
        total += row_is_null(v, from + i) ? 0 : entries[i].length;
        if (total > INT32_MAX)
            return error_set(ex->err, LAMINAR_QUERY_UNSUPPORTED,
                             "column '%s' has more than %d list items in one batch", ex->column,
                             INT32_MAX);
    }
    offsets[n] = (int32_t)total;
    bool is_in_order = items_are_in_order(v, from, n, &first);
    if (is_map) {
        struct ArrowArray *map_entries = add_node(ex, total, 1, 2);
        node->children[0] = map_entries;
        parent = map_entries;
    }
    for (uint32_t k = 0; k < v->n_children; k++) {
        struct vector items = v->children[k];
        if (!is_in_order) {
            status = gather_items(ex, v, k, from, n, &items);
            first = 0;
        }
        if (!status) status = export_vector(ex, &items, first, total, &parent->children[k]);
        if (status) return status;
    }
    return LAMINAR_OK;
}

static laminar_status export_struct(struct export *ex, const struct vector *v, size_t from,
                                    size_t n, struct ArrowArray **out)
{
    struct ArrowArray *node = *out = add_node(ex, n, 1, v->n_children);
    laminar_status status = export_validity(ex, v, from, n, node);
    for (uint32_t k = 0; k < v->n_children && !status; k++)
        status = export_vector(ex, &v->children[k], v->child_offset + from, n, &node->children[k]);
    return status;
}

/* Rows [from, from + n) of a flat vector. On failure the nodes made so far belong to the holder, which the caller frees as a whole. */
static laminar_status export_vector(struct export *ex, const struct vector *v, size_t from,
                                    size_t n, struct ArrowArray **out)
{
    ENSURE(v->shape == VEC_FLAT, ex->err);
    switch ((int)v->type.id) {
    case LAMINAR_TYPE_LIST:
    case LAMINAR_TYPE_MAP: return export_list(ex, v, from, n, out);
    case LAMINAR_TYPE_STRUCT: return export_struct(ex, v, from, n, out);
    default: return export_leaf(ex, v, from, n, out);
    }
}

static laminar_status export_weights(struct export *ex, const int64_t *weights, size_t n,
                                     struct ArrowArray **out)
{
    struct ArrowArray *node = *out = add_node(ex, n, 2, 0);
    node->buffers[1] = weights;
    if (weights) return LAMINAR_OK;
    int64_t *ones = add_buffer(ex, n * sizeof *ones);
    if (!ones) return error_oom(ex->err);
    for (size_t i = 0; i < n; i++) ones[i] = 1;
    node->buffers[1] = ones;
    return LAMINAR_OK;
}

laminar_status arrow_export_batch(struct batch *batch, size_t offset, size_t n, unsigned flags,
                                  struct ArrowArray *out, struct laminar_error *err)
{
    ENSURE(offset <= batch->n_rows && n <= batch->n_rows - offset, err);
    uint32_t has_weight = (flags & ARROW_EXPORT_WEIGHT) != 0,
             n_children = batch->n_cols + has_weight;
    size_t n_nodes = 1 + has_weight;
    for (uint32_t i = 0; i < batch->n_cols; i++) n_nodes += count_nodes(batch->cols[i].type);
    struct array_holder *holder = holder_create(n_nodes, n);
    if (!holder) return error_oom(err);
    holder->batch = batch_ref(batch);
    struct export ex = {holder, flags, "", err};
    struct ArrowArray *root = add_node(&ex, n, 1, n_children);
    laminar_status status = LAMINAR_OK;
    for (uint32_t i = 0; i < batch->n_cols; i++) {
        ex.column = batch->schema ? batch->schema->columns[i].name : "";
        batch_need(batch, i);
        TRY(export_vector(&ex, &batch->cols[i], offset, n, &root->children[i]));
    }
    if (has_weight)
        TRY(export_weights(&ex, batch->weights ? batch->weights + offset : NULL, n,
                           &root->children[n_children - 1]));
    *out = *root; /* moved: the node in the holder is never released itself */
done:
    if (status) holder_free(holder);
    return status;
}
