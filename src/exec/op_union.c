/* op_union.c - UNION ALL: every input's rows, as they come.
 *
 * Algebra: out = a + b + ..., linear. No state, no copy. The watermark is the least of the inputs'. */
#include "exec/ops.h"

static laminar_status union_process(struct op *op, struct step *step, uint32_t port,
                                    const struct chunk *chunk)
{
    (void)port;
    return op_emit(op, step, chunk);
}

static void union_free(struct op *op)
{
    op_deinit(op);
    mem_free(op);
}

static void union_explain(const struct op *op, struct strbuf *out)
{
    strbuf_printf(out, "union of %u", op->n_ports);
}

static const struct op_class union_class = {
    .name = "union", .process = union_process, .free = union_free, .explain = union_explain};

laminar_status op_union_create(struct circuit *circuit, const struct plan *plan,
                               enum circuit_mode mode, struct op **out, struct laminar_error *err)
{
    (void)mode;
    assert(plan->kind == PLAN_UNION_ALL);
    struct op *op = mem_calloc(1, sizeof *op);
    if (!op) return error_oom(err);
    laminar_status status = op_init(op, &union_class, circuit, plan, plan->n_inputs, err);
    if (status != LAMINAR_OK) {
        union_free(op);
        return status;
    }
    *out = op;
    return LAMINAR_OK;
}
