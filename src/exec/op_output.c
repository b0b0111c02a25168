/* op_output.c - the end of a pipeline: hands each delta, and the end of each step that touched it, to call-backs (a stream's store and subscribers,
 * the rows of a one-shot query). No state. */
#include "exec/circuit_internal.h"

struct op_output {
    struct op base;
    struct output_callbacks callbacks;
};

static laminar_status output_process(struct op *op, struct step *step, uint32_t port,
                                     const struct chunk *chunk)
{
    (void)port;
    struct op_output *output = CONTAINER_OF(op, struct op_output, base);
    return output->callbacks.on_chunk
               ? output->callbacks.on_chunk(output->callbacks.ctx, step, chunk)
               : LAMINAR_OK;
}

static laminar_status output_finish(struct op *op, struct step *step)
{
    struct op_output *output = CONTAINER_OF(op, struct op_output, base);
    op->watermark_out = op->watermark_in;
    return output->callbacks.on_finish
               ? output->callbacks.on_finish(output->callbacks.ctx, step, op->watermark_in)
               : LAMINAR_OK;
}

static void output_free(struct op *op)
{
    op_deinit(op);
    mem_free(CONTAINER_OF(op, struct op_output, base));
}

static void output_explain(const struct op *op, struct strbuf *out)
{
    (void)op;
    strbuf_puts(out, "output");
}

static const struct op_class output_class = {.name = "output",
                                             .process = output_process,
                                             .finish_step = output_finish,
                                             .free = output_free,
                                             .explain = output_explain};

bool op_wants_retractions(const struct op *op)
{
    for (size_t i = 0; i < op->outputs.n; i++) {
        const struct op *to = op->outputs.items[i].to;
        if (to->cls == &output_class) {
            const struct output_callbacks *callbacks = &((const struct op_output *)to)->callbacks;
            if (!callbacks->wants_retractions || callbacks->wants_retractions(callbacks->ctx))
                return true;
        } else if (!to->is_pure || op_wants_retractions(to)) {
            return true;
        }
    }
    return false;
}

void op_output_failed(struct op *op, const struct laminar_error *err)
{
    if (op->cls != &output_class) return;
    struct op_output *output = CONTAINER_OF(op, struct op_output, base);
    if (output->callbacks.on_failure) output->callbacks.on_failure(output->callbacks.ctx, err);
}

laminar_status circuit_add_output(struct circuit *circuit, struct op *from,
                                  const struct output_callbacks *callbacks, struct op **out,
                                  struct laminar_error *err)
{
    struct op_output *output = mem_calloc(1, sizeof *output);
    if (!output) return error_oom(err);
    laminar_status status = op_init(&output->base, &output_class, circuit, NULL, 1, err);
    if (status != LAMINAR_OK) {
        output_free(&output->base);
        return status;
    }
    output->base.n_cols = from->n_cols;
    output->base.cols = from->cols;
    output->base.has_time = from->has_time;
    output->base.n_parts = 1;
    output->callbacks = *callbacks;
    status = circuit_add_op(circuit, &output->base, &from, err);
    if (status == LAMINAR_OK) *out = &output->base;
    return status;
}
