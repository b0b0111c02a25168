/* agg_box.c - see agg_box.h. */
#include "function/agg_box.h"
#include "vector/kernel.h"

static bool reserve(struct box *box, struct agg_heap *heap, size_t size)
{
    if (box->buffer && box->buffer_bytes >= size) return true;
    if (size > UINT32_MAX) return false;
    char *buffer = heap->alloc(heap, size);
    if (!buffer) return false;
    if (box->buffer) heap->free(heap, box->buffer, box->buffer_bytes);
    box->buffer = buffer;
    box->buffer_bytes = (uint32_t)size;
    return true;
}

static laminar_status set_string(struct box *box, struct agg_heap *heap, const char *data,
                                 size_t size, struct laminar_error *err)
{
    if (size > STRING_INLINE_MAX) {
        if (!reserve(box, heap, size)) return error_oom(err);
        memcpy(box->buffer, data, size);
        data = box->buffer;
    }
    box->string = string_make(data, size);
    box->content = BOX_VALUE;
    return LAMINAR_OK;
}

static laminar_status set_encoded(struct box *box, struct agg_heap *heap, const char *data,
                                  size_t size, struct laminar_error *err)
{
    if (!reserve(box, heap, size ? size : 1)) return error_oom(err);
    if (size) memcpy(box->buffer, data, size);
    box->value_bytes = (uint32_t)size;
    box->content = BOX_VALUE;
    return LAMINAR_OK;
}

laminar_status box_set(struct box *box, struct agg_heap *heap, const struct vector *v, size_t row,
                       struct laminar_error *err)
{
    if (v->shape == VEC_CONST) row = 0;
    if (!vector_is_valid(v, row)) {
        box->content = BOX_NULL;
        return LAMINAR_OK;
    }
    if (type_phys(v->type) == PHYS_STRING) {
        const struct string_view *s = (const struct string_view *)v->data + row;
        return set_string(box, heap, string_data(s), s->size, err);
    }
    if (type_is_nested(v->type)) {
        struct strbuf encoded = {0};
        laminar_status status = value_encode(v, row, &encoded, err);
        if (status == LAMINAR_OK)
            status = encoded.failed ? error_oom(err)
                                    : set_encoded(box, heap, encoded.data, encoded.size, err);
        strbuf_deinit(&encoded);
        return status;
    }
    size_t width = type_width(v->type);
    memcpy(box->bytes, (const char *)v->data + row * width, width);
    box->content = BOX_VALUE;
    return LAMINAR_OK;
}

laminar_status box_copy(struct box *dst, struct agg_heap *heap, const struct box *src,
                        struct data_type type, struct laminar_error *err)
{
    if (src->content == BOX_VALUE && type_phys(type) == PHYS_STRING)
        return set_string(dst, heap, string_data(&src->string), src->string.size, err);
    if (src->content == BOX_VALUE && type_is_nested(type))
        return set_encoded(dst, heap, src->buffer, src->value_bytes, err);
    memcpy(dst->bytes, src->bytes, sizeof dst->bytes);
    dst->content = src->content;
    return LAMINAR_OK;
}

/* The value as a constant vector; nested ones are decoded into `decoded`. */
static laminar_status view(const struct box *box, struct data_type type, struct column *decoded,
                           struct vector *out, struct laminar_error *err)
{
    if (type_is_nested(type)) {
        size_t used;
        laminar_status status = column_init(decoded, type, err);
        if (status == LAMINAR_OK)
            status = value_decode(decoded, (const uint8_t *)box->buffer, box->value_bytes, &used,
                                  err);
        *out = decoded->vec;
        return status;
    }
    *out = (struct vector){.type = type, .shape = VEC_CONST, .data = (void *)(uintptr_t)box->bytes};
    return LAMINAR_OK;
}

laminar_status box_compare(const struct box *box, const struct vector *v, size_t row, int *order,
                           struct laminar_error *err)
{
    struct column decoded = {0};
    struct vector own;
    laminar_status status = view(box, v->type, &decoded, &own, err);
    if (status == LAMINAR_OK) *order = kernel_compare(&own, 0, v, v->shape == VEC_CONST ? 0 : row);
    column_deinit(&decoded);
    return status;
}

laminar_status box_compare_boxes(const struct box *a, const struct box *b, struct data_type type,
                                 int *order, struct laminar_error *err)
{
    struct column decoded = {0};
    struct vector other;
    laminar_status status = view(b, type, &decoded, &other, err);
    if (status == LAMINAR_OK) status = box_compare(a, &other, 0, order, err);
    column_deinit(&decoded);
    return status;
}

laminar_status box_append(const struct box *box, struct column *out, struct laminar_error *err)
{
    if (box->content != BOX_VALUE) return column_append_null(out, 1, err);
    if (!type_is_nested(out->vec.type)) return column_append_value(out, box->bytes, err);
    size_t used;
    return value_decode(out, (const uint8_t *)box->buffer, box->value_bytes, &used, err);
}

void box_free(struct box *box, struct agg_heap *heap)
{
    if (box->buffer) heap->free(heap, box->buffer, box->buffer_bytes);
    *box = (struct box){0};
}

/* content, size (4 bytes), bytes. */
enum { BOX_HEADER_BYTES = 5 };

laminar_status box_encode(const struct box *box, struct data_type type, struct strbuf *out,
                          struct laminar_error *err)
{
    const char *data = (const char *)box->bytes;
    uint32_t size = 0;
    if (box->content == BOX_VALUE) {
        if (type_phys(type) == PHYS_STRING)
            data = string_data(&box->string), size = box->string.size;
        else if (type_is_nested(type))
            data = box->buffer, size = box->value_bytes;
        else
            size = (uint32_t)type_width(type);
    }
    strbuf_putc(out, (char)box->content);
    strbuf_append(out, (const char *)&size, sizeof size);
    strbuf_append(out, data, size);
    return out->failed ? error_oom(err) : LAMINAR_OK;
}

static laminar_status corrupt(struct laminar_error *err)
{
    return error_set(err, LAMINAR_CHECKPOINT_FAILED, "the state of an aggregate is damaged");
}

laminar_status box_decode(struct box *box, struct agg_heap *heap, struct data_type type,
                          const uint8_t *data, size_t size, size_t *used, struct laminar_error *err)
{
    uint32_t value_bytes;
    if (size < BOX_HEADER_BYTES || data[0] > BOX_VALUE) return corrupt(err);
    memcpy(&value_bytes, data + 1, sizeof value_bytes);
    if (value_bytes > size - BOX_HEADER_BYTES) return corrupt(err);
    *used = BOX_HEADER_BYTES + (size_t)value_bytes;
    const char *value = (const char *)data + BOX_HEADER_BYTES;
    if (data[0] != BOX_VALUE) {
        box->content = data[0];
        return value_bytes ? corrupt(err) : LAMINAR_OK;
    }
    if (type_phys(type) == PHYS_STRING) {
        if (type.id != LAMINAR_TYPE_BINARY && !utf8_validate(value, value_bytes))
            return corrupt(err);
        return set_string(box, heap, value, value_bytes, err);
    }
    if (type_is_nested(type)) {
        struct column check = {0};
        size_t check_used;
        laminar_status status = column_init(&check, type, err);
        if (status == LAMINAR_OK)
            status = value_decode(&check, (const uint8_t *)value, value_bytes, &check_used, err);
        column_deinit(&check);
        return status == LAMINAR_OK ? set_encoded(box, heap, value, value_bytes, err) : status;
    }
    if (value_bytes != type_width(type)) return corrupt(err);
    memcpy(box->bytes, value, value_bytes);
    box->content = BOX_VALUE;
    return LAMINAR_OK;
}
