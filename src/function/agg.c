/* agg.c - see agg.h. */
#include "function/agg.h"

bool agg_want(struct aggregate_binding *binding, uint32_t i, struct data_type type)
{
    struct data_type *given = &binding->agg->arg_types[i];
    bool is_literal = binding->constants && binding->constants[i];
    if (!cast_is_implicit(*given, type, is_literal)) return false;
    *given = type;
    return true;
}

static void *local_alloc(unused struct agg_heap *heap, size_t size) { return mem_alloc(size); }
static void local_free(unused struct agg_heap *heap, void *ptr, unused size_t size)
{
    mem_free(ptr);
}

laminar_status agg_multiset_by_update(MULTISET_ARGS)
{
    const struct aggregate_kernels *kernels = agg->kernels;
    struct agg_heap heap = {local_alloc, local_free};
    struct column value = {0};
    uint8_t *state = mem_alloc_aligned(kernels->state_size);
    if (!state) return error_oom(err);
    memset(state, 0, kernels->state_size);
    laminar_status status;
    TRY(column_init(&value, agg->result, err));
    TRY(kernels->update_one(agg, &heap, state, args, weights, n, err));
    TRY(kernels->finish(agg, &state, 0, 1, &value, err));
    TRY(column_append(out, &value.vec, 0, 1, STRINGS_COPY, err));
done:
    if (kernels->destroy) kernels->destroy(agg, &heap, state);
    column_deinit(&value);
    mem_free(state);
    return status;
}
