/* agg_count.c - count(*), count(x), count_if(condition). State: the count. Retractable. */
#include "function/agg.h"

KERNEL_FILE

struct count_state {
    int64_t n;
};

static laminar_status count_rows(UPDATE_ARGS)
{
    (void)args;
    if (weights) {
        for (size_t i = 0; i < n; i++)
            ((struct count_state *)(void *)(rows[i] + offset))->n += weights[i];
    } else {
        for (size_t i = 0; i < n; i++) ((struct count_state *)(void *)(rows[i] + offset))->n++;
    }
    return LAMINAR_OK;
}
static laminar_status count_rows_one(UPDATE_ONE_ARGS)
{
    (void)args;
    struct count_state *s = (struct count_state *)(void *)state;
    if (weights)
        for (size_t i = 0; i < n; i++) s->n += weights[i];
    else
        s->n += (int64_t)n;
    return LAMINAR_OK;
}

static laminar_status count_values(UPDATE_ARGS)
{
    if (!args[0].validity && args[0].type.id != LAMINAR_TYPE_NULL)
        return count_rows(agg, heap, rows, offset, args, weights, n, err);
    for (size_t i = 0; i < n; i++)
        if (vector_is_valid(&args[0], i))
            ((struct count_state *)(void *)(rows[i] + offset))->n += weights ? weights[i] : 1;
    return LAMINAR_OK;
}
static laminar_status count_values_one(UPDATE_ONE_ARGS)
{
    struct count_state *s = (struct count_state *)(void *)state;
    if (!args[0].validity && args[0].type.id != LAMINAR_TYPE_NULL)
        return count_rows_one(agg, heap, state, args, weights, n, err);
    if (!weights && args[0].shape == VEC_FLAT && args[0].type.id != LAMINAR_TYPE_NULL) {
        s->n += (int64_t)bitmap_count(args[0].validity, n);
        return LAMINAR_OK;
    }
    for (size_t i = 0; i < n; i++)
        if (vector_is_valid(&args[0], i)) s->n += weights ? weights[i] : 1;
    return LAMINAR_OK;
}

static laminar_status count_true(UPDATE_ARGS)
{
#define COUNT_TRUE(s, value, weight) (s)->n += (value) ? (weight) : 0
    FOR_STATES(struct count_state, uint8_t, COUNT_TRUE);
    return LAMINAR_OK;
}
static laminar_status count_true_one(UPDATE_ONE_ARGS)
{
    int64_t total = 0;
#define ADD_TRUE(value, weight) total += (value) ? (weight) : 0
    FOR_VALUES(uint8_t, ADD_TRUE);
    ((struct count_state *)(void *)state)->n += total;
    return LAMINAR_OK;
}

static laminar_status count_combine(COMBINE_ARGS)
{
    ((struct count_state *)(void *)dst)->n += ((const struct count_state *)(const void *)src)->n;
    return LAMINAR_OK;
}
static laminar_status count_finish(FINISH_ARGS)
{
    FINISH_LOOP(struct count_state, int64_t, true, s->n);
}

#define COUNT_KERNELS(NAME)                                                                        \
    static const struct aggregate_kernels NAME##_kernels = {                                       \
        .state_size = sizeof(struct count_state),                                                  \
        .state_align = 8,                                                                          \
        .is_retractable = true,                                                                    \
        .is_plain_bytes = true,                                                                    \
        .update = NAME,                                                                            \
        .update_one = NAME##_one,                                                                  \
        .combine = count_combine,                                                                  \
        .finish = count_finish,                                                                    \
    };
COUNT_KERNELS(count_rows)
COUNT_KERNELS(count_values)
COUNT_KERNELS(count_true)

static laminar_status bind_count(struct aggregate_binding *binding)
{
    binding->agg->result_is_nullable = false;
    return agg_bound(binding, TYPE(INT64),
                     binding->agg->n_args ? &count_values_kernels : &count_rows_kernels);
}
static laminar_status bind_count_if(struct aggregate_binding *binding)
{
    if (!agg_want(binding, 0, TYPE(BOOL))) return aggregate_mismatch(binding);
    binding->agg->result_is_nullable = false;
    return agg_bound(binding, TYPE(INT64), &count_true_kernels);
}

static const struct aggregate_function functions[] = {
    {"count", "count(*) or count(x) -> BIGINT", "Number of rows, or of rows where x is not null", 0,
     1, bind_count, NULL},
    {"count_if", "count_if(condition) -> BIGINT", "Number of rows where the condition is true", 1,
     1, bind_count_if, NULL},
};
AGGREGATE_FAMILY(agg_count, functions);
