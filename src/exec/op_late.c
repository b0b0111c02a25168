/* op_late.c - where rows go that come too late for all their windows: LATE DATA TO.
 *
 * The operator drops and counts them; when somebody takes them (the engine, for a relation), they are gathered out of the operator's input chunk with all its
 * columns. Nothing here is on the path of rows that are on time. @thread the step owner. */
#include "exec/circuit_internal.h"
#include "exec/op_rows.h"

struct late_rows {
    late_rows_taker take;
    void *ctx;
    uint32_t n_cols;
    struct column *cols;
    struct vector *vecs;
    int64_t *weights;
};

laminar_status op_take_late(struct op *op, late_rows_taker take, void *ctx,
                            struct laminar_error *err)
{
    assert(!op->late && op->input);
    struct late_rows *late = mem_calloc(1, sizeof *late);
    if (!late) return error_oom(err);
    op->late = late;
    late->take = take;
    late->ctx = ctx;
    late->n_cols = op->input->n_cols;
    laminar_status status = columns_create(op->input->cols, late->n_cols, &late->cols, err);
    if (status) return status;
    late->vecs = mem_calloc(late->n_cols + 1, sizeof *late->vecs);
    late->weights = mem_alloc(CHUNK_ROWS * sizeof *late->weights);
    return late->vecs && late->weights ? LAMINAR_OK : error_oom(err);
}

void op_late_free(struct op *op)
{
    if (!op->late) return;
    columns_free(op->late->cols, op->late->n_cols);
    mem_free(op->late->vecs);
    mem_free(op->late->weights);
    mem_free(op->late);
    op->late = NULL;
}

laminar_status op_late(struct op *op, struct step *step, const struct chunk *chunk,
                       const uint32_t *sel, size_t n)
{
    struct late_rows *late = op->late;
    op->late_rows += n;
    if (likely(!late) || n == 0) return LAMINAR_OK;
    struct chunk rows;
    assert(chunk->n_cols == late->n_cols);
    laminar_status status = kernel_gather_chunk(chunk, sel, n, late->cols, late->weights,
                                                late->vecs, &rows, step->err);
    return status ? status : late->take(late->ctx, step, &rows);
}
