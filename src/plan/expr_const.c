/* expr_const.c - constants: one-row VEC_CONST vectors whose bytes live in the plan's arena. */
#include "plan/plan_internal.h"

/* Rows [from, from + n) of src as a flat vector in the arena, bytes of strings and children
 * included. */
static bool copy_rows(struct arena *arena, const struct vector *src, size_t from, size_t n,
                      struct vector *dst)
{
    struct vector out = {.type = src->type, .shape = VEC_FLAT, .n_children = src->n_children};
    size_t width = type_width(src->type), base = src->shape == VEC_CONST ? 0 : from,
           step = src->shape == VEC_CONST ? 0 : 1;
    if (!(out.data = arena_calloc(arena, n ? n : 1, width ? width : 1))) return false;
    if (src->validity) {
        if (!(out.validity = arena_calloc(arena, bitmap_bytes(n) + 1, 1))) return false;
        for (size_t i = 0; i < n; i++)
            if (bitmap_get(src->validity, base + i * step)) bitmap_set(out.validity, i);
    }
    for (size_t i = 0; width && i < n; i++)
        memcpy((char *)out.data + i * width, (const char *)src->data + (base + i * step) * width,
               width);
    if (out.n_children && !(out.children = ARENA_ARRAY(arena, struct vector, out.n_children)))
        return false;
    switch (type_phys(src->type)) {
    case PHYS_STRING: {
        struct string_view *views = out.data;
        for (size_t i = 0; i < n; i++) {
            if (views[i].size <= STRING_INLINE_MAX || !vector_is_valid(&out, i)) continue;
            char *bytes = arena_alloc(arena, views[i].size);
            if (!bytes) return false;
            memcpy(bytes, views[i].ptr, views[i].size);
            views[i].ptr = bytes;
        }
        break;
    }
    case PHYS_LIST: {
        struct list_entry *entries = out.data;
        size_t low = SIZE_MAX, high = 0;
        for (size_t i = 0; i < n; i++) {
            if (!vector_is_valid(&out, i) || !entries[i].length) continue;
            if (entries[i].offset < low) low = entries[i].offset;
            if (entries[i].offset + (size_t)entries[i].length > high)
                high = entries[i].offset + (size_t)entries[i].length;
        }
        if (low == SIZE_MAX) low = high = 0;
        for (size_t i = 0; i < n; i++) {
            if (vector_is_valid(&out, i) && entries[i].length)
                entries[i].offset -= (uint32_t)low;
            else
                entries[i] = (struct list_entry){0};
        }
        for (uint32_t c = 0; c < out.n_children; c++)
            if (!copy_rows(arena, &src->children[c], low, high - low, &out.children[c]))
                return false;
        out.n_child_rows = high - low;
        break;
    }
    case PHYS_STRUCT:
        for (uint32_t c = 0; c < out.n_children; c++)
            if (!copy_rows(arena, &src->children[c], base, n, &out.children[c])) return false;
        break;
    default: break;
    }
    *dst = out;
    return true;
}

struct expr *expr_const(struct arena *arena, const struct vector *v, size_t row)
{
    struct expr *e = expr_new(arena, EXPR_CONST, v->type, 0);
    if (!e) return NULL;
    if (!vector_is_valid(v, row)) return const_null(arena, v->type);
    if (!copy_rows(arena, v, v->shape == VEC_CONST ? 0 : row, 1, &e->value)) return NULL;
    e->value.shape = VEC_CONST;
    e->value.validity = NULL;
    return e;
}

struct expr *const_null(struct arena *arena, struct data_type type)
{
    struct expr *e = expr_new(arena, EXPR_CONST, type, 0);
    void *value = arena_calloc(arena, 1, 16);
    uint8_t *validity = arena_calloc(arena, 1, 8);
    if (!e || !value || !validity) return NULL;
    e->value = vector_const_null(type, value, validity);
    e->is_nullable = true;
    return e;
}

struct expr *const_bytes(struct arena *arena, struct data_type type, const void *value, size_t size)
{
    struct expr *e = expr_new(arena, EXPR_CONST, type, 0);
    void *data = arena_calloc(arena, 1, 16);
    if (!e || !data) return NULL;
    memcpy(data, value, size);
    e->value = (struct vector){.type = type, .shape = VEC_CONST, .data = data};
    return e;
}

struct expr *const_bool(struct arena *arena, bool value)
{
    uint8_t byte = value;
    return const_bytes(arena, TYPE(BOOL), &byte, 1);
}

struct expr *const_int64(struct arena *arena, int64_t value)
{
    return const_bytes(arena, TYPE(INT64), &value, 8);
}

struct expr *const_string(struct arena *arena, const char *text, size_t size)
{
    char *copy = arena_strndup(arena, text, size);
    if (!copy || size > UINT32_MAX) return NULL;
    struct string_view view = string_make(copy, size);
    return const_bytes(arena, TYPE(VARCHAR), &view, sizeof view);
}

bool const_get_int64(const struct expr *e, int64_t *out)
{
    if (e->kind != EXPR_CONST || !vector_is_valid(&e->value, 0)) return false;
    const void *data = e->value.data;
    switch (type_phys(e->type)) {
    case PHYS_I8: *out = *(const int8_t *)data; break;
    case PHYS_I16: *out = *(const int16_t *)data; break;
    case PHYS_I32: *out = *(const int32_t *)data; break;
    case PHYS_I64: *out = *(const int64_t *)data; break;
    case PHYS_U8: *out = *(const uint8_t *)data; break;
    case PHYS_U16: *out = *(const uint16_t *)data; break;
    case PHYS_U32: *out = *(const uint32_t *)data; break;
    case PHYS_U64:
        if (*(const uint64_t *)data > INT64_MAX) return false;
        *out = (int64_t) * (const uint64_t *)data;
        break;
    default: return false;
    }
    return type_is_integer(e->type);
}

static struct expr *int_const(struct arena *arena, struct data_type type, int64_t value)
{
    switch (type_phys(type)) {
    case PHYS_I8:
        return value >= INT8_MIN && value <= INT8_MAX
                   ? const_bytes(arena, type, &(int8_t){(int8_t)value}, 1)
                   : NULL;
    case PHYS_I16:
        return value >= INT16_MIN && value <= INT16_MAX
                   ? const_bytes(arena, type, &(int16_t){(int16_t)value}, 2)
                   : NULL;
    case PHYS_I32:
        return value >= INT32_MIN && value <= INT32_MAX
                   ? const_bytes(arena, type, &(int32_t){(int32_t)value}, 4)
                   : NULL;
    case PHYS_I64: return const_bytes(arena, type, &value, 8);
    case PHYS_U8:
        return value >= 0 && value <= UINT8_MAX
                   ? const_bytes(arena, type, &(uint8_t){(uint8_t)value}, 1)
                   : NULL;
    case PHYS_U16:
        return value >= 0 && value <= UINT16_MAX
                   ? const_bytes(arena, type, &(uint16_t){(uint16_t)value}, 2)
                   : NULL;
    case PHYS_U32:
        return value >= 0 && value <= UINT32_MAX
                   ? const_bytes(arena, type, &(uint32_t){(uint32_t)value}, 4)
                   : NULL;
    case PHYS_U64: return value >= 0 ? const_bytes(arena, type, &value, 8) : NULL;
    default: return NULL;
    }
}

struct expr *const_int_as(struct arena *arena, const struct expr *e, struct data_type type)
{
    int64_t value;
    if (!const_get_int64(e, &value)) return NULL;
    struct expr *out = NULL;
    if (type_is_integer(type)) {
        out = int_const(arena, type, value);
    } else if (type.id == LAMINAR_TYPE_DOUBLE) {
        const int64_t exact_max = INT64_C(1) << 53;
        double d = (double)value;
        if (value >= -exact_max && value <= exact_max) out = const_bytes(arena, type, &d, sizeof d);
    } else if (type.id == LAMINAR_TYPE_FLOAT) {
        const int64_t exact_max = INT64_C(1) << 24;
        float f = (float)value;
        if (value >= -exact_max && value <= exact_max) out = const_bytes(arena, type, &f, sizeof f);
    } else if (type.id == LAMINAR_TYPE_DECIMAL) {
        int128 scaled;
        if (!__builtin_mul_overflow((int128)value, pow10_table[type.scale], &scaled) &&
            scaled < pow10_table[type.precision] && scaled > -pow10_table[type.precision])
            out = const_bytes(arena, type, &scaled, sizeof scaled);
    }
    if (out) out->sql_offset = e->sql_offset;
    return out;
}
