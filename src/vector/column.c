/* column.c - see vector.h: growing a typed array with validity and the bytes of its strings.
 *
 * Invariants: capacity >= n; data holds capacity values; once allocated, `validity` has capacity bits; vec.validity is NULL (no null so
 * far) or `validity`; every append writes the validity bits of its rows when vec.validity is set, so bits from n on mean nothing.
 * vec.children[i] equals children[i].vec after every public function.
 * Cost: appending fixed-width rows without nulls is one memcpy; growing doubles. */
#include "base/error.h"
#include "vector/vector.h"

enum { COLUMN_ROWS_MIN = 16, COLUMN_ALIGN = 64 };

static size_t round_up(size_t bytes)
{
    return (bytes + COLUMN_ALIGN - 1) & ~(size_t)(COLUMN_ALIGN - 1);
}

static uint32_t child_count(struct data_type type)
{
    return type_is_nested(type) ? type.info->n_fields : 0;
}

laminar_status column_init(struct column *col, struct data_type type, struct laminar_error *err)
{
    *col = (struct column){.vec = {.type = type}};
    uint32_t n = child_count(type);
    if (n == 0) return LAMINAR_OK;
    size_t columns_size = n * sizeof(struct column);
    col->children = mem_calloc(1, columns_size + n * sizeof(struct vector));
    if (!col->children) return error_oom(err);
    col->vec.children = (struct vector *)(void *)((char *)col->children + columns_size);
    col->vec.n_children = n;
    for (uint32_t i = 0; i < n; i++) {
        laminar_status status = column_init(&col->children[i], type.info->fields[i].type, err);
        if (status) {
            column_deinit(col);
            return status;
        }
        col->vec.children[i] = col->children[i].vec;
    }
    return LAMINAR_OK;
}

void column_deinit(struct column *col)
{
    mem_account_add(col->account, -(int64_t)col->charged);
    for (uint32_t i = 0; i < col->vec.n_children && col->children; i++)
        column_deinit(&col->children[i]);
    mem_free(col->children);
    mem_free(col->vec.data);
    mem_free(col->validity);
    arena_deinit(&col->heap);
    *col = (struct column){0};
}

size_t column_bytes(const struct column *col)
{
    size_t bytes = col->heap.block_bytes + round_up(col->capacity * type_width(col->vec.type));
    if (col->validity) bytes += round_up(bitmap_bytes(col->capacity));
    for (uint32_t i = 0; i < col->vec.n_children; i++)
        bytes += column_bytes(&col->children[i]) + sizeof(struct column) + sizeof(struct vector);
    return bytes;
}

static void charge(struct column *col)
{
    if (!col->account) return;
    size_t bytes = column_bytes(col);
    if (bytes == col->charged) return;
    mem_account_add(col->account, (int64_t)bytes - (int64_t)col->charged);
    col->charged = bytes;
}

/* Children's vectors after they changed. */
static void sync_children(struct column *col)
{
    for (uint32_t i = 0; i < col->vec.n_children; i++) col->vec.children[i] = col->children[i].vec;
    if (col->vec.n_children && col->vec.type.id != LAMINAR_TYPE_STRUCT)
        col->vec.n_child_rows = col->children[0].n;
}

void column_truncate(struct column *col, size_t n)
{
    if (n >= col->n) return;
    if (col->vec.type.id == LAMINAR_TYPE_STRUCT) {
        for (uint32_t i = 0; i < col->vec.n_children; i++) column_truncate(&col->children[i], n);
    } else if (col->vec.n_children) {
        /* rows are appended in order, so the items of the rest lie behind those of the rows that stay */
        size_t items = 0;
        const struct list_entry *entries = col->vec.data;
        for (size_t i = 0; i < n; i++) {
            size_t end = (size_t)entries[i].offset + entries[i].length;
            if (end > items) items = end;
        }
        for (uint32_t i = 0; i < col->vec.n_children; i++)
            column_truncate(&col->children[i], items);
    }
    col->n = n;
    if (n == 0) col->vec.validity = NULL;
    sync_children(col);
}

void column_clear(struct column *col)
{
    col->n = 0;
    col->vec.validity = NULL;
    if (col->heap.head) arena_reset(&col->heap);
    if (col->vec.n_children) {
        for (uint32_t i = 0; i < col->vec.n_children; i++) column_clear(&col->children[i]);
        sync_children(col);
    }
    charge(col);
}

/* A larger block with the first `used` bytes of the old one, which it replaces; false when memory is out. */
static bool regrow(void **block, size_t used, size_t bytes)
{
    void *grown = mem_alloc_aligned(round_up(bytes));
    if (!grown) return false;
    if (used) memcpy(grown, *block, used);
    mem_free(*block);
    *block = grown;
    return true;
}

static never_inline laminar_status grow(struct column *col, size_t n, struct laminar_error *err)
{
    size_t capacity = col->capacity * 2, width = type_width(col->vec.type), bytes;
    if (capacity < n) capacity = n;
    if (capacity < COLUMN_ROWS_MIN) capacity = COLUMN_ROWS_MIN;
    if (!size_mul(capacity, width ? width : 1, &bytes) || bytes > SIZE_MAX / 2)
        return error_oom(err);
    void *validity = col->validity;
    if (validity) {
        bool ok = regrow(&validity, col->vec.validity ? bitmap_bytes(col->capacity) : 0,
                         bitmap_bytes(capacity));
        if (!ok) return error_oom(err);
        if (col->vec.validity) {
            col->vec.validity = validity;
            bitmap_fill(validity, col->capacity, capacity - col->capacity, true);
        }
        col->validity = validity;
    }
    if (width && !regrow(&col->vec.data, col->n * width, bytes)) return error_oom(err);
    /* capacity is the common size: a larger validity alone (when data could not grow) does no harm. */
    col->capacity = capacity;
    charge(col);
    return LAMINAR_OK;
}

laminar_status column_reserve(struct column *col, size_t n, struct laminar_error *err)
{
    if (col->vec.type.id == LAMINAR_TYPE_STRUCT) {
        for (uint32_t i = 0; i < col->vec.n_children; i++) {
            laminar_status status = column_reserve(&col->children[i], n, err);
            if (status) return status;
        }
        sync_children(col);
    }
    return likely(n <= col->capacity) ? LAMINAR_OK : grow(col, n, err);
}

/* NOTE: grow above fills from col->capacity on, but appends that wrote data directly through column_reserve may have set n up to
 * capacity, so all bits below capacity are kept. */
laminar_status column_reserve_validity(struct column *col, struct laminar_error *err)
{
    if (col->vec.validity) return LAMINAR_OK;
    size_t bytes = bitmap_bytes(col->capacity ? col->capacity : 1);
    if (!col->validity) {
        col->validity = mem_alloc_aligned(round_up(bytes));
        if (!col->validity) return error_oom(err);
        charge(col);
    }
    memset(col->validity, 0xFF, bytes);
    col->vec.validity = col->validity;
    return LAMINAR_OK;
}

/* --- Validity of appended rows --------------------------------------------------------------------------------------------- */

/* Rows col->n .. + n get one validity; room is reserved. */
static laminar_status append_validity_fill(struct column *col, size_t n, bool is_valid,
                                           struct laminar_error *err)
{
    if (!is_valid && !col->vec.validity) {
        laminar_status status = column_reserve_validity(col, err);
        if (status) return status;
    }
    if (col->vec.validity) bitmap_fill(col->vec.validity, col->n, n, is_valid);
    return LAMINAR_OK;
}

static laminar_status append_validity(struct column *col, const struct vector *src, size_t from,
                                      size_t n, struct laminar_error *err)
{
    if (!src->validity || src->shape == VEC_CONST)
        return append_validity_fill(col, n, vector_is_valid(src, 0), err);
    if (bitmap_range_all_set(src->validity, from, n))
        return append_validity_fill(col, n, true, err);
    laminar_status status = column_reserve_validity(col, err);
    if (!status) bitmap_append(col->vec.validity, col->n, src->validity, from, n);
    return status;
}

static laminar_status append_validity_sel(struct column *col, const struct vector *src,
                                          const uint32_t *sel, size_t n, struct laminar_error *err)
{
    if (!src->validity) return append_validity_fill(col, n, true, err);
    bool had_nulls = col->vec.validity != NULL;
    laminar_status status = column_reserve_validity(col, err);
    if (status) return status;
    const uint8_t *bits = src->validity;
    uint8_t *out = col->vec.validity;
    size_t at = col->n, i = 0;
    unsigned all = 1;
    for (; i < n && (at + i) % 8; i++) {
        bool is_valid = bitmap_get(bits, sel[i]);
        all &= is_valid;
        is_valid ? bitmap_set(out, at + i) : bitmap_clear(out, at + i);
    }
    for (; i < n; i += 8) { /* bits of the last byte beyond n mean nothing */
        unsigned byte = 0;
        size_t n_bits = n - i < 8 ? n - i : 8;
        if (likely(n_bits == 8))
            for (unsigned k = 0; k < 8; k++) byte |= (unsigned)bitmap_get(bits, sel[i + k]) << k;
        else
            for (unsigned k = 0; k < n_bits; k++)
                byte |= (unsigned)bitmap_get(bits, sel[i + k]) << k;
        all &= byte == (1U << n_bits) - 1;
        out[(at + i) / 8] = (uint8_t)byte;
    }
    if (all && !had_nulls) col->vec.validity = NULL; /* no null so far after all */
    return LAMINAR_OK;
}

/* --- Values of appended rows ------------------------------------------------------------------------------------------------ */

typedef struct {
    uint64_t word[2];
} wide_value; /* 16 bytes of whatever */

#define FILL(T)                                                                                    \
    do {                                                                                           \
        T value = *(const T *)one, *out = (T *)dst;                                                \
        for (size_t i = 0; i < n; i++) out[i] = value;                                             \
    } while (0)

static void fill_values(void *dst, const void *one, size_t width, size_t n)
{
    switch (width) {
    case 1: memset(dst, *(const uint8_t *)one, n); break;
    case 2: FILL(uint16_t); break;
    case 4: FILL(uint32_t); break;
    case 8: FILL(uint64_t); break;
    case 16: FILL(wide_value); break;
    }
}

#define GATHER(T)                                                                                  \
    do {                                                                                           \
        const T *restrict in = (const T *)src;                                                     \
        T *restrict out = (T *)dst;                                                                \
        for (size_t i = 0; i < n; i++) out[i] = in[sel[i]];                                        \
    } while (0)

static void gather_values(void *dst, const void *src, size_t width, const uint32_t *restrict sel,
                          size_t n)
{
    switch (width) {
    case 1: GATHER(uint8_t); break;
    case 2: GATHER(uint16_t); break;
    case 4: GATHER(uint32_t); break;
    case 8: GATHER(uint64_t); break;
    case 16: GATHER(wide_value); break;
    }
}

/* size > STRING_INLINE_MAX. Up to 32 bytes by two moves that overlap: a call to memcpy costs more. */
static inline void copy_long_string(char *restrict dst, const char *restrict src, size_t size)
{
    if (size <= 16) {
        uint64_t head, tail;
        memcpy(&head, src, 8);
        memcpy(&tail, src + size - 8, 8);
        memcpy(dst, &head, 8);
        memcpy(dst + size - 8, &tail, 8);
    } else if (size <= 32) {
        wide_value head, tail;
        memcpy(&head, src, 16);
        memcpy(&tail, src + size - 16, 16);
        memcpy(dst, &head, 16);
        memcpy(dst + size - 16, &tail, 16);
    } else {
        memcpy(dst, src, size);
    }
}

/* Moves the bytes of the long strings among views[0..n) into the column's heap. */
static laminar_status own_strings(struct column *col, struct string_view *views, size_t n,
                                  struct laminar_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++) total += views[i].size > STRING_INLINE_MAX ? views[i].size : 0;
    if (total == 0) return LAMINAR_OK;
    char *bytes = arena_alloc(&col->heap, total);
    if (!bytes) return error_oom(err);
    for (size_t i = 0; i < n; i++) {
        if (views[i].size <= STRING_INLINE_MAX) continue;
        copy_long_string(bytes, views[i].ptr, views[i].size);
        views[i].ptr = bytes;
        bytes += views[i].size;
    }
    charge(col);
    return LAMINAR_OK;
}

/* A one-row view of row `row`; children as they are. */
static struct vector row_as_const(const struct vector *v, size_t row)
{
    static const uint8_t null_byte = 0; /* validity of sources is only read */
    struct vector out = *v;
    if (v->shape == VEC_CONST) return out;
    bool is_valid = vector_is_valid(v, row);
    out.shape = VEC_CONST;
    if (out.data) out.data = (uint8_t *)out.data + row * type_width(v->type);
    out.validity = is_valid ? NULL : (uint8_t *)(uintptr_t)&null_byte;
    out.child_offset += row;
    return out;
}

static laminar_status append_list_items(struct column *col, const struct vector *src, size_t from,
                                        size_t n, enum string_copy copy, struct laminar_error *err)
{
    for (uint32_t k = 0; k < col->vec.n_children; k++) {
        laminar_status status = column_append(&col->children[k], &src->children[k], from, n, copy,
                                              err);
        if (status) return status;
    }
    return LAMINAR_OK;
}

static laminar_status list_too_long(struct laminar_error *err)
{
    return error_set(err, LAMINAR_QUERY_UNSUPPORTED,
                     "a LIST or MAP column holds more than %u items in one batch", UINT32_MAX);
}

/* Rows sel[0..n) (or from + i) of a LIST or MAP; items that lie together in the source are appended together. */
static laminar_status append_lists(struct column *col, const struct vector *src,
                                   const uint32_t *sel, size_t from, size_t n,
                                   enum string_copy copy, struct laminar_error *err)
{
    struct list_entry *out = (struct list_entry *)col->vec.data + col->n;
    const struct list_entry *in = src->data;
    size_t next = col->children[0].n, run_from = 0, run = 0;
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < n; i++) {
        size_t row = src->shape == VEC_CONST ? 0 : sel ? sel[i] : from + i;
        struct list_entry entry = vector_is_valid(src, row) ? in[row] : (struct list_entry){0, 0};
        if (next + entry.length > UINT32_MAX) return list_too_long(err);
        out[i] = (struct list_entry){(uint32_t)next, entry.length};
        next += entry.length;
        if (entry.length == 0) continue;
        if (run && entry.offset == run_from + run) {
            run += entry.length;
            continue;
        }
        if (run) TRY(append_list_items(col, src, run_from, run, copy, err));
        run_from = entry.offset;
        run = entry.length;
    }
    if (run) TRY(append_list_items(col, src, run_from, run, copy, err));
done:
    return status;
}

static laminar_status append_structs(struct column *col, const struct vector *src,
                                     const uint32_t *sel, size_t from, size_t n,
                                     enum string_copy copy, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    for (uint32_t k = 0; k < col->vec.n_children; k++) {
        const struct vector *child = &src->children[k];
        if (src->shape == VEC_CONST) {
            struct vector one = row_as_const(child, src->child_offset);
            TRY(column_append(&col->children[k], &one, 0, n, copy, err));
        } else if (!sel) {
            TRY(column_append(&col->children[k], child, src->child_offset + from, n, copy, err));
        } else if (src->child_offset == 0) {
            TRY(column_append_sel(&col->children[k], child, sel, n, copy, err));
        } else { /* rows of a slice: one by one, as the selection would have to be shifted */
            for (size_t i = 0; i < n; i++)
                TRY(column_append(&col->children[k], child, src->child_offset + sel[i], 1, copy,
                                  err));
        }
    }
done:
    return status;
}

/* Rows of children back to where they were before an append that failed. */
static void undo_children(struct column *col, size_t n_items)
{
    for (uint32_t k = 0; k < col->vec.n_children; k++) column_truncate(&col->children[k], n_items);
    sync_children(col);
}

static laminar_status append_nested(struct column *col, const struct vector *src,
                                    const uint32_t *sel, size_t from, size_t n,
                                    enum string_copy copy, struct laminar_error *err)
{
    bool is_struct = col->vec.type.id == LAMINAR_TYPE_STRUCT;
    size_t before = is_struct ? col->n : col->children[0].n;
    laminar_status status = is_struct ? append_structs(col, src, sel, from, n, copy, err)
                                      : append_lists(col, src, sel, from, n, copy, err);
    if (!status)
        status = sel && src->shape == VEC_FLAT ? append_validity_sel(col, src, sel, n, err)
                                               : append_validity(col, src, from, n, err);
    if (status) {
        undo_children(col, before);
        return status;
    }
    sync_children(col);
    col->n += n;
    charge(col);
    return LAMINAR_OK;
}

laminar_status column_append(struct column *col, const struct vector *src, size_t from, size_t n,
                             enum string_copy copy, struct laminar_error *err)
{
    if (src->type.id == LAMINAR_TYPE_NULL || (src->shape == VEC_CONST && !vector_is_valid(src, 0)))
        return column_append_null(col, n, err);
    assert(type_phys(src->type) == type_phys(col->vec.type));
    if (n == 0) return LAMINAR_OK;
    laminar_status status = LAMINAR_OK;
    if (unlikely(col->n + n > col->capacity)) TRY(grow(col, col->n + n, err));
    if (unlikely(col->vec.n_children || type_is_nested(col->vec.type)))
        return append_nested(col, src, NULL, from, n, copy, err);
    size_t width = type_width(col->vec.type);
    uint8_t *dst = (uint8_t *)col->vec.data + col->n * width;
    if (src->shape == VEC_CONST)
        fill_values(dst, src->data, width, n);
    else
        memcpy(dst, (const uint8_t *)src->data + from * width, n * width);
    if (copy == STRINGS_COPY && type_phys(col->vec.type) == PHYS_STRING)
        TRY(own_strings(col, (struct string_view *)(void *)dst, n, err));
    TRY(append_validity(col, src, from, n, err));
    col->n += n;
done:
    return status;
}

laminar_status column_append_sel(struct column *col, const struct vector *src, const uint32_t *sel,
                                 size_t n, enum string_copy copy, struct laminar_error *err)
{
    if (src->shape == VEC_CONST || src->type.id == LAMINAR_TYPE_NULL)
        return column_append(col, src, 0, n, copy, err);
    assert(type_phys(src->type) == type_phys(col->vec.type));
    if (n == 0) return LAMINAR_OK;
    laminar_status status = LAMINAR_OK;
    if (unlikely(col->n + n > col->capacity)) TRY(grow(col, col->n + n, err));
    if (unlikely(type_is_nested(col->vec.type)))
        return append_nested(col, src, sel, 0, n, copy, err);
    size_t width = type_width(col->vec.type);
    uint8_t *dst = (uint8_t *)col->vec.data + col->n * width;
    gather_values(dst, src->data, width, sel, n);
    if (copy == STRINGS_COPY && type_phys(col->vec.type) == PHYS_STRING)
        TRY(own_strings(col, (struct string_view *)(void *)dst, n, err));
    TRY(append_validity_sel(col, src, sel, n, err));
    col->n += n;
done:
    return status;
}

laminar_status column_append_null(struct column *col, size_t n, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    size_t width = type_width(col->vec.type);
    if (n == 0) return LAMINAR_OK;
    if (col->vec.type.id == LAMINAR_TYPE_NULL) {
        col->n += n;
        return LAMINAR_OK;
    }
    if (col->n + n > col->capacity) TRY(grow(col, col->n + n, err));
    TRY(append_validity_fill(col, n, false, err));
    if (width) memset((uint8_t *)col->vec.data + col->n * width, 0, n * width);
    if (col->vec.type.id == LAMINAR_TYPE_STRUCT) {
        for (uint32_t i = 0; i < col->vec.n_children; i++)
            TRY(column_append_null(&col->children[i], n, err));
        sync_children(col);
    }
    col->n += n;
done:
    if (status && col->vec.type.id == LAMINAR_TYPE_STRUCT) undo_children(col, col->n);
    return status;
}

laminar_status column_append_value(struct column *col, const void *value, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    size_t width = type_width(col->vec.type);
    if (col->n == col->capacity) TRY(grow(col, col->n + 1, err));
    if (width) memcpy((uint8_t *)col->vec.data + col->n * width, value, width);
    TRY(append_validity_fill(col, 1, true, err));
    col->n++;
done:
    return status;
}

laminar_status column_append_string(struct column *col, const char *data, size_t size,
                                    struct laminar_error *err)
{
    if (unlikely(size > UINT32_MAX))
        return error_set(err, LAMINAR_QUERY_UNSUPPORTED,
                         "a string of %zu bytes is longer than 4 GiB", size);
    struct string_view view = string_make(data, size);
    laminar_status status = own_strings(col, &view, 1, err);
    return status ? status : column_append_value(col, &view, err);
}

laminar_status column_append_list(struct column *col, size_t first_item, struct laminar_error *err)
{
    size_t end = col->children[0].n;
    if (end > UINT32_MAX) return list_too_long(err);
    struct list_entry entry = {(uint32_t)first_item, (uint32_t)(end - first_item)};
    laminar_status status = column_append_value(col, &entry, err);
    sync_children(col);
    return status;
}

laminar_status column_append_struct(struct column *col, struct laminar_error *err)
{
    laminar_status status = column_append_value(col, NULL, err);
    sync_children(col);
    return status;
}
