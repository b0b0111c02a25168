/* agg_value.c - any_value, first_value, last_value, arg_min, arg_max.
 *
 * first_value and last_value go by arrival, nulls included; with ORDER BY (or under retraction) the multiset form takes the first or last row of
 * the order. any_value is the first that isn't null. arg_min(x, y) is x where y is least; among equal y the least x, so that the result does
 * not depend on the order of rows; rows where x or y is null don't count. Values are kept in boxes. */
#include "function/agg_box.h"
#include "vector/kernel.h"

struct value_state {
    struct box value;
};
struct arg_state {
    struct box value; /* x */
    struct box key;   /* y */
};

enum take { TAKE_ANY, TAKE_FIRST, TAKE_LAST };

static inline laminar_status take_row(enum take take, struct box *s, struct agg_heap *heap,
                                      const struct vector *v, size_t row, struct laminar_error *err)
{
    if (take == TAKE_ANY && (s->content == BOX_VALUE || !vector_is_valid(v, row)))
        return LAMINAR_OK;
    if (take == TAKE_FIRST && s->content != BOX_EMPTY) return LAMINAR_OK;
    return box_set(s, heap, v, row, err);
}
static laminar_status take_update(enum take take, UPDATE_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        laminar_status status = take_row(take,
                                         &((struct value_state *)(void *)(rows[i] + offset))->value,
                                         heap, &args[0], i, err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static laminar_status take_update_one(enum take take, UPDATE_ONE_ARGS)
{
    struct box *s = &((struct value_state *)(void *)state)->value;
    if (take == TAKE_LAST && n) return box_set(s, heap, &args[0], n - 1, err);
    for (size_t i = 0; i < n; i++) {
        laminar_status status = take_row(take, s, heap, &args[0], i, err);
        if (status != LAMINAR_OK) return status;
        if (take == TAKE_FIRST || s->content == BOX_VALUE) break;
    }
    return LAMINAR_OK;
}
/* dst came before src. */
static laminar_status take_combine(enum take take, COMBINE_ARGS)
{
    struct box *s = &((struct value_state *)(void *)dst)->value;
    const struct box *other = &((const struct value_state *)(const void *)src)->value;
    bool keeps = take == TAKE_LAST    ? other->content == BOX_EMPTY
                 : take == TAKE_FIRST ? s->content != BOX_EMPTY
                                      : s->content == BOX_VALUE;
    return keeps || other->content == BOX_EMPTY ? LAMINAR_OK
                                                : box_copy(s, heap, other, agg->result, err);
}
static laminar_status take_finish(FINISH_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        laminar_status status = box_append(
            &((const struct value_state *)(const void *)(rows[i] + offset))->value, out, err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static void take_destroy(unused const struct bound_aggregate *agg, struct agg_heap *heap,
                         uint8_t *state)
{
    box_free(&((struct value_state *)(void *)state)->value, heap);
}
static laminar_status take_encode(const struct bound_aggregate *agg, const uint8_t *state,
                                  struct strbuf *out, struct laminar_error *err)
{
    return box_encode(&((const struct value_state *)(const void *)state)->value, agg->result, out,
                      err);
}
static laminar_status take_decode(const struct bound_aggregate *agg, struct agg_heap *heap,
                                  uint8_t *state, const uint8_t *data, size_t size, size_t *used,
                                  struct laminar_error *err)
{
    return box_decode(&((struct value_state *)(void *)state)->value, heap, agg->result, data, size,
                      used, err);
}

#define TAKE_KERNELS(NAME, TAKE)                                                                   \
    static laminar_status NAME##_update(UPDATE_ARGS)                                               \
    {                                                                                              \
        return take_update(TAKE, agg, heap, rows, offset, args, weights, n, err);                  \
    }                                                                                              \
    static laminar_status NAME##_update_one(UPDATE_ONE_ARGS)                                       \
    {                                                                                              \
        return take_update_one(TAKE, agg, heap, state, args, weights, n, err);                     \
    }                                                                                              \
    static laminar_status NAME##_combine(COMBINE_ARGS)                                             \
    {                                                                                              \
        return take_combine(TAKE, agg, heap, dst, src, err);                                       \
    }                                                                                              \
    static const struct aggregate_kernels NAME##_kernels = {                                       \
        .state_size = sizeof(struct value_state),                                                  \
        .state_align = 8,                                                                          \
        .update = NAME##_update,                                                                   \
        .update_one = NAME##_update_one,                                                           \
        .combine = NAME##_combine,                                                                 \
        .finish = take_finish,                                                                     \
        .destroy = take_destroy,                                                                   \
        .encode = take_encode,                                                                     \
        .decode = take_decode,                                                                     \
    };
TAKE_KERNELS(any, TAKE_ANY)
TAKE_KERNELS(first, TAKE_FIRST)
TAKE_KERNELS(last, TAKE_LAST)

/* --- arg_min, arg_max ---------------------------------------------------------------------------------------------------------- */

/* `wanted` is the sign that the new key's order against the old must have. */
static laminar_status arg_row(int wanted, struct arg_state *s, struct agg_heap *heap,
                              const struct vector *args, size_t row, struct laminar_error *err)
{
    if (!vector_is_valid(&args[0], row) || !vector_is_valid(&args[1], row)) return LAMINAR_OK;
    laminar_status status;
    if (s->key.content == BOX_VALUE) {
        int order; /* old against new */
        status = box_compare(&s->key, &args[1], row, &order, err);
        if (status != LAMINAR_OK) return status;
        if (order == 0) {
            status = box_compare(&s->value, &args[0], row, &order, err);
            return status != LAMINAR_OK || order <= 0
                       ? status
                       : box_set(&s->value, heap, &args[0], row, err);
        }
        if ((order > 0) == (wanted > 0)) return LAMINAR_OK;
    }
    status = box_set(&s->key, heap, &args[1], row, err);
    return status != LAMINAR_OK ? status : box_set(&s->value, heap, &args[0], row, err);
}
static laminar_status arg_update(int wanted, UPDATE_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        laminar_status status = arg_row(wanted, (struct arg_state *)(void *)(rows[i] + offset),
                                        heap, args, i, err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static laminar_status arg_update_one(int wanted, UPDATE_ONE_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        laminar_status status = arg_row(wanted, (struct arg_state *)(void *)state, heap, args, i,
                                        err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static laminar_status arg_combine(int wanted, COMBINE_ARGS)
{
    struct arg_state *s = (struct arg_state *)(void *)dst;
    const struct arg_state *other = (const struct arg_state *)(const void *)src;
    if (other->key.content != BOX_VALUE) return LAMINAR_OK;
    if (s->key.content == BOX_VALUE) {
        int order;
        laminar_status status = box_compare_boxes(&s->key, &other->key, agg->arg_types[1], &order,
                                                  err);
        if (status != LAMINAR_OK) return status;
        if (order == 0) {
            status = box_compare_boxes(&s->value, &other->value, agg->arg_types[0], &order, err);
            if (status != LAMINAR_OK || order <= 0) return status;
        } else if ((order > 0) == (wanted > 0)) {
            return LAMINAR_OK;
        }
    }
    laminar_status status = box_copy(&s->key, heap, &other->key, agg->arg_types[1], err);
    return status != LAMINAR_OK ? status
                                : box_copy(&s->value, heap, &other->value, agg->arg_types[0], err);
}
static void arg_destroy(unused const struct bound_aggregate *agg, struct agg_heap *heap,
                        uint8_t *state)
{
    struct arg_state *s = (struct arg_state *)(void *)state;
    box_free(&s->value, heap);
    box_free(&s->key, heap);
}
static laminar_status arg_encode(const struct bound_aggregate *agg, const uint8_t *state,
                                 struct strbuf *out, struct laminar_error *err)
{
    const struct arg_state *s = (const struct arg_state *)(const void *)state;
    laminar_status status = box_encode(&s->value, agg->arg_types[0], out, err);
    return status != LAMINAR_OK ? status : box_encode(&s->key, agg->arg_types[1], out, err);
}
static laminar_status arg_decode(const struct bound_aggregate *agg, struct agg_heap *heap,
                                 uint8_t *state, const uint8_t *data, size_t size, size_t *used,
                                 struct laminar_error *err)
{
    struct arg_state *s = (struct arg_state *)(void *)state;
    size_t used_value, used_key;
    laminar_status status = box_decode(&s->value, heap, agg->arg_types[0], data, size, &used_value,
                                       err);
    if (status != LAMINAR_OK) return status;
    status = box_decode(&s->key, heap, agg->arg_types[1], data + used_value, size - used_value,
                        &used_key, err);
    if (status != LAMINAR_OK) {
        box_free(&s->value, heap);
        return status;
    }
    *used = used_value + used_key;
    return LAMINAR_OK;
}

#define ARG_KERNELS(NAME, WANTED)                                                                  \
    static laminar_status NAME##_update(UPDATE_ARGS)                                               \
    {                                                                                              \
        return arg_update(WANTED, agg, heap, rows, offset, args, weights, n, err);                 \
    }                                                                                              \
    static laminar_status NAME##_update_one(UPDATE_ONE_ARGS)                                       \
    {                                                                                              \
        return arg_update_one(WANTED, agg, heap, state, args, weights, n, err);                    \
    }                                                                                              \
    static laminar_status NAME##_combine(COMBINE_ARGS)                                             \
    {                                                                                              \
        return arg_combine(WANTED, agg, heap, dst, src, err);                                      \
    }                                                                                              \
    static const struct aggregate_kernels NAME##_kernels = {                                       \
        .state_size = sizeof(struct arg_state),                                                    \
        .state_align = 8,                                                                          \
        .update = NAME##_update,                                                                   \
        .update_one = NAME##_update_one,                                                           \
        .combine = NAME##_combine,                                                                 \
        .finish = take_finish, /* the value's box comes first */                                   \
        .destroy = arg_destroy,                                                                    \
        .encode = arg_encode,                                                                      \
        .decode = arg_decode,                                                                      \
    };
ARG_KERNELS(arg_min, -1)
ARG_KERNELS(arg_max, 1)

/* --- Binding ---------------------------------------------------------------------------------------------------------------------- */

static laminar_status bind_value(struct aggregate_binding *binding)
{
    struct bound_aggregate *agg = binding->agg;
    const struct aggregate_kernels *kernels = agg->function->param;
    for (uint32_t i = 0; i < agg->n_args; i++)
        if (agg->arg_types[i].id == LAMINAR_TYPE_NULL) agg->arg_types[i] = TYPE(INT64);
    bool is_ordered = kernels == &first_kernels || kernels == &last_kernels;
    agg->flags = is_ordered ? AGG_NEEDS_ORDER : AGG_IGNORES_DISTINCT;
    return agg_bound(binding, agg->arg_types[0], kernels);
}

static const struct aggregate_function functions[] = {
    {"any_value", "any_value(x) -> same type", "Some value that isn't null", 1, 1, bind_value,
     &any_kernels},
    {"first_value", "first_value(x [ORDER BY ...]) -> same type", "The first row's value", 1, 1,
     bind_value, &first_kernels},
    {"first", "first(x [ORDER BY ...]) -> same type", "Same as first_value", 1, 1, bind_value,
     &first_kernels},
    {"last_value", "last_value(x [ORDER BY ...]) -> same type", "The last row's value", 1, 1,
     bind_value, &last_kernels},
    {"last", "last(x [ORDER BY ...]) -> same type", "Same as last_value", 1, 1, bind_value,
     &last_kernels},
    {"arg_min", "arg_min(x, y) -> type of x", "x of the row where y is least", 2, 2, bind_value,
     &arg_min_kernels},
    {"min_by", "min_by(x, y) -> type of x", "Same as arg_min", 2, 2, bind_value, &arg_min_kernels},
    {"arg_max", "arg_max(x, y) -> type of x", "x of the row where y is greatest", 2, 2, bind_value,
     &arg_max_kernels},
    {"max_by", "max_by(x, y) -> type of x", "Same as arg_max", 2, 2, bind_value, &arg_max_kernels},
};
AGGREGATE_FAMILY(agg_value, functions);
