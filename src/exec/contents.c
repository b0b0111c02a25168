/* contents.c - what a relation holds, read out of the operators that make it.
 *
 * An operator that keeps its output's rows as state (groups, distinct rows) emits them all on demand; pure operators (filters, projections, unions) compute
 * theirs from their inputs' contents. So a stream of that kind is kept once, as state, and not a second time for readers.
 * While contents are read, the outputs of the operators on the way are replaced by the edge towards the reader, and their counters and failure marks are
 * put back afterwards: steps don't notice. @thread the step owner, between steps. */
#include "exec/circuit_internal.h"

bool op_has_contents(const struct op *op)
{
    if (op->cls->contents) return true;
    if (!op->is_pure || op->n_ports == 0) return false;
    for (uint32_t i = 0; i < op->n_ports; i++)
        if (!op->inputs[i] || !op_has_contents(op->inputs[i])) return false;
    return true;
}

struct saved {
    struct op_edge *edges;
    size_t n_edges, capacity;
    bool has_failed;
    uint64_t rows_in, rows_out;
};

static laminar_status read_contents(struct op *op, struct step *step, struct op_edge to)
{
    struct saved saved = {op->outputs.items, op->outputs.n, op->outputs.capacity,
                          op->has_failed,    op->rows_in,   op->rows_out};
    laminar_status status = LAMINAR_OK;
    op->outputs.items = &to;
    op->outputs.n = op->outputs.capacity = 1;
    if (op->cls->contents) {
        status = op->cls->contents(op, step);
    } else {
        for (uint32_t i = 0; i < op->n_ports && status == LAMINAR_OK; i++)
            status = read_contents(op->inputs[i], step, (struct op_edge){.to = op, .port = i});
    }
    op->outputs.items = saved.edges;
    op->outputs.n = saved.n_edges;
    op->outputs.capacity = saved.capacity;
    op->has_failed = saved.has_failed;
    op->rows_in = saved.rows_in;
    op->rows_out = saved.rows_out;
    return status;
}

/* Stands at the end of the way, outside the circuit. */
struct reader {
    struct op op;
    laminar_status (*on_chunk)(void *ctx, struct step *step, const struct chunk *chunk);
    void *ctx;
    laminar_status status;
    struct laminar_error error;
};

static laminar_status reader_process(struct op *op, struct step *step, uint32_t port,
                                     const struct chunk *chunk)
{
    (void)port;
    struct reader *reader = CONTAINER_OF(op, struct reader, op);
    if (reader->status == LAMINAR_OK) {
        reader->status = reader->on_chunk(reader->ctx, step, chunk);
        if (reader->status != LAMINAR_OK && step->err) reader->error = *step->err;
    }
    return LAMINAR_OK;
}

static const struct op_class reader_class = {.name = "reader", .process = reader_process};

laminar_status circuit_contents(struct op *op, struct step *step,
                                laminar_status (*on_chunk)(void *ctx, struct step *step,
                                                           const struct chunk *chunk),
                                void *ctx)
{
    struct reader reader = {
        .op = {.cls = &reader_class, .circuit = op->circuit, .index = op->index},
        .on_chunk = on_chunk,
        .ctx = ctx};
    assert(op_has_contents(op));
    laminar_status status = read_contents(op, step, (struct op_edge){.to = &reader.op, .port = 0});
    if (status != LAMINAR_OK || reader.status == LAMINAR_OK) return status;
    if (step->err) *step->err = reader.error;
    return reader.status;
}
