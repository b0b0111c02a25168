/* kernel_gather.c - selecting and gathering rows, and constants: see kernel.h. */
#include "base/error.h"
#include "vector/kernel.h"

MULTI_TARGET static size_t select_bytes(const uint8_t *restrict values, size_t n,
                                        uint32_t *restrict sel)
{
    size_t n_sel = 0, i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t word;
        memcpy(&word, values + i, 8);
        if (word == 0) continue;
        for (size_t k = 0; k < 8; k++) {
            sel[n_sel] = (uint32_t)(i + k);
            n_sel += values[i + k];
        }
    }
    for (; i < n; i++) {
        sel[n_sel] = (uint32_t)i;
        n_sel += values[i];
    }
    return n_sel;
}

MULTI_TARGET static size_t select_valid_bytes(const uint8_t *restrict values,
                                              const uint8_t *restrict validity, size_t n,
                                              uint32_t *restrict sel)
{
    size_t n_sel = 0;
    for (size_t i = 0; i < n; i++) {
        sel[n_sel] = (uint32_t)i;
        n_sel += values[i] & bitmap_get(validity, i);
    }
    return n_sel;
}

size_t kernel_select_true(const struct vector *condition, size_t n, uint32_t *sel)
{
    if (condition->type.id == LAMINAR_TYPE_NULL) return 0;
    const uint8_t *values = condition->data;
    if (condition->shape == VEC_CONST) {
        if (!vector_is_valid(condition, 0) || !values[0]) return 0;
        for (size_t i = 0; i < n; i++) sel[i] = (uint32_t)i;
        return n;
    }
    return condition->validity ? select_valid_bytes(values, condition->validity, n, sel)
                               : select_bytes(values, n, sel);
}

laminar_status kernel_gather_chunk(const struct chunk *src, const uint32_t *sel, size_t n,
                                   struct column *cols, int64_t *weights_mem,
                                   struct vector *out_cols, struct chunk *out,
                                   struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    for (uint32_t i = 0; i < src->n_cols; i++) {
        bool is_const = src->cols[i].shape == VEC_CONST; /* stays one */
        column_clear(&cols[i]);
        if (is_const)
            TRY(column_append(&cols[i], &src->cols[i], 0, 1, STRINGS_BORROW, err));
        else
            TRY(column_append_sel(&cols[i], &src->cols[i], sel, n, STRINGS_BORROW, err));
        out_cols[i] = cols[i].vec;
        if (is_const) out_cols[i].shape = VEC_CONST;
    }
    if (src->weights)
        for (size_t i = 0; i < n; i++) weights_mem[i] = src->weights[sel[i]];
    *out = (struct chunk){(uint32_t)n, src->n_cols, out_cols, src->weights ? weights_mem : NULL};
done:
    return status;
}

struct vector vector_const_null(struct data_type type, void *mem16, uint8_t *validity1)
{
    memset(mem16, 0, 16);
    *validity1 = 0;
    return (struct vector){.type = type, .shape = VEC_CONST, .data = mem16, .validity = validity1};
}

struct vector vector_const_row(const struct vector *v, size_t row, void *mem16, uint8_t *validity1)
{
    if (!vector_is_valid(v, row)) return vector_const_null(v->type, mem16, validity1);
    struct vector out = *v;
    size_t i = v->shape == VEC_CONST ? 0 : row, width = type_width(v->type);
    memset(mem16, 0, 16);
    if (width) memcpy(mem16, (const uint8_t *)v->data + i * width, width);
    *validity1 = 1;
    out.shape = VEC_CONST;
    out.data = mem16;
    out.validity = NULL;
    out.child_offset = v->child_offset + i;
    return out;
}
