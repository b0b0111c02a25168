/* agg_logic.c - bool_and, bool_or, bit_and, bit_or, bit_xor.
 *
 * The boolean ones count trues and falses, so they can be retracted; bit_xor can too, for a value that comes twice cancels. Integers are taken as
 * BIGINT, or BIGINT UNSIGNED where they are that. */
#include "function/agg.h"

struct bool_state {
    int64_t n_true;
    int64_t n_false;
};

static always_inline void bool_step(struct bool_state *s, uint8_t value, int64_t weight)
{
    s->n_true += value ? weight : 0;
    s->n_false += value ? 0 : weight;
}
static laminar_status bool_update(UPDATE_ARGS)
{
    FOR_STATES(struct bool_state, uint8_t, bool_step);
    return LAMINAR_OK;
}
static laminar_status bool_update_one(UPDATE_ONE_ARGS)
{
    struct bool_state *s = (struct bool_state *)(void *)state;
#define ONE_BOOL(value, weight) bool_step(s, value, weight)
    FOR_VALUES(uint8_t, ONE_BOOL);
    return LAMINAR_OK;
}
static laminar_status bool_combine(COMBINE_ARGS)
{
    struct bool_state *s = (struct bool_state *)(void *)dst;
    const struct bool_state *other = (const struct bool_state *)(const void *)src;
    s->n_true += other->n_true;
    s->n_false += other->n_false;
    return LAMINAR_OK;
}
static laminar_status bool_and_finish(FINISH_ARGS)
{
    FINISH_LOOP(struct bool_state, uint8_t, s->n_true + s->n_false != 0, s->n_false == 0);
}
static laminar_status bool_or_finish(FINISH_ARGS)
{
    FINISH_LOOP(struct bool_state, uint8_t, s->n_true + s->n_false != 0, s->n_true != 0);
}

struct bit_state {
    uint64_t bits;
    int64_t n;
};
#define BIT_AGGREGATE(OP, COMBINE_VALUES)                                                          \
    static always_inline void OP##_step(struct bit_state *s, uint64_t value, int64_t weight)       \
    {                                                                                              \
        s->bits = COMBINE_VALUES;                                                                  \
        s->n += weight;                                                                            \
    }                                                                                              \
    static laminar_status OP##_update(UPDATE_ARGS)                                                 \
    {                                                                                              \
        FOR_STATES(struct bit_state, uint64_t, OP##_step);                                         \
        return LAMINAR_OK;                                                                         \
    }                                                                                              \
    static laminar_status OP##_update_one(UPDATE_ONE_ARGS)                                         \
    {                                                                                              \
        struct bit_state *s = (struct bit_state *)(void *)state;                                   \
        for (size_t i = 0; i < n; i++)                                                             \
            if (vector_is_valid(&args[0], i))                                                      \
                OP##_step(s, ROW(uint64_t, &args[0], i), weights ? weights[i] : 1);                \
        return LAMINAR_OK;                                                                         \
    }                                                                                              \
    static laminar_status OP##_combine(COMBINE_ARGS)                                               \
    {                                                                                              \
        const struct bit_state *other = (const struct bit_state *)(const void *)src;               \
        if (other->n == 0) return LAMINAR_OK;                                                      \
        struct bit_state *s = (struct bit_state *)(void *)dst;                                     \
        OP##_step(s, other->bits, 1);                                                              \
        s->n += other->n - 1;                                                                      \
        return LAMINAR_OK;                                                                         \
    }
BIT_AGGREGATE(bit_and, s->n ? s->bits &value : value)
BIT_AGGREGATE(bit_or, s->bits | value)
BIT_AGGREGATE(bit_xor, s->bits ^ ((weight & 1) ? value : 0))
static laminar_status bit_finish(FINISH_ARGS)
{
    FINISH_LOOP(struct bit_state, uint64_t, s->n != 0, s->bits);
}

#define KERNELS(NAME, STATE, UPDATE, COMBINE, FINISH, RETRACTABLE)                                 \
    static const struct aggregate_kernels NAME##_kernels = {                                       \
        .state_size = sizeof(struct STATE),                                                        \
        .state_align = 8,                                                                          \
        .is_retractable = RETRACTABLE,                                                             \
        .is_plain_bytes = true,                                                                    \
        .update = UPDATE##_update,                                                                 \
        .update_one = UPDATE##_update_one,                                                         \
        .combine = COMBINE,                                                                        \
        .finish = FINISH,                                                                          \
    };
KERNELS(bool_and, bool_state, bool, bool_combine, bool_and_finish, true)
KERNELS(bool_or, bool_state, bool, bool_combine, bool_or_finish, true)
KERNELS(bit_and, bit_state, bit_and, bit_and_combine, bit_finish, false)
KERNELS(bit_or, bit_state, bit_or, bit_or_combine, bit_finish, false)
KERNELS(bit_xor, bit_state, bit_xor, bit_xor_combine, bit_finish, true)

static laminar_status bind_bool(struct aggregate_binding *binding)
{
    if (!agg_want(binding, 0, TYPE(BOOL))) return aggregate_mismatch(binding);
    binding->agg->flags = AGG_IGNORES_DISTINCT;
    return agg_bound(binding, TYPE(BOOL), binding->agg->function->param);
}
static laminar_status bind_bits(struct aggregate_binding *binding)
{
    struct bound_aggregate *agg = binding->agg;
    struct data_type *type = &agg->arg_types[0];
    if (type->id == LAMINAR_TYPE_NULL) *type = TYPE(INT64);
    if (!type_is_integer(*type)) return aggregate_mismatch(binding);
    if (type->id != LAMINAR_TYPE_UINT64) *type = TYPE(INT64);
    if (agg->function->param != &bit_xor_kernels) agg->flags = AGG_IGNORES_DISTINCT;
    return agg_bound(binding, *type, agg->function->param);
}

static const struct aggregate_function functions[] = {
    {"bool_and", "bool_and(condition) -> BOOLEAN", "True if all are true", 1, 1, bind_bool,
     &bool_and_kernels},
    {"every", "every(condition) -> BOOLEAN", "Same as bool_and", 1, 1, bind_bool,
     &bool_and_kernels},
    {"bool_or", "bool_or(condition) -> BOOLEAN", "True if one is true", 1, 1, bind_bool,
     &bool_or_kernels},
    {"bit_and", "bit_and(integer) -> BIGINT", "Bits that all values have", 1, 1, bind_bits,
     &bit_and_kernels},
    {"bit_or", "bit_or(integer) -> BIGINT", "Bits that any value has", 1, 1, bind_bits,
     &bit_or_kernels},
    {"bit_xor", "bit_xor(integer) -> BIGINT", "Bits that an odd number of values have", 1, 1,
     bind_bits, &bit_xor_kernels},
};
AGGREGATE_FAMILY(agg_logic, functions);
