/* op_scan.c - the entry of a relation's rows into a plan: picks the columns that the plan reads.
 *
 * Algebra: projection, so linear: out = pi(in). No state, no copy: the emitted chunk shares the vectors of the one that came in.
 * A source with idle_timeout: the entry wakes when nothing has come for so long, and is idle until something does; then wake_us is 0, so that a
 * checkpoint has it.
 * Input: an entry of the circuit (circuit_push, circuit_set_watermark), or port 0 behind the root of another stream. */
#include "exec/ops.h"

struct op_scan {
    struct op base;
    const uint32_t *scan_cols;
    struct vector *out_cols;
    const char *relation_name;
    bool is_identity; /* the first n columns as they are */
    int64_t idle_timeout_us;
    bool has_input; /* in this step */
    bool has_begun; /* a step has been finished: the time runs */
};

static laminar_status scan_process(struct op *op, struct step *step, uint32_t port,
                                   const struct chunk *chunk)
{
    (void)port;
    struct op_scan *scan = CONTAINER_OF(op, struct op_scan, base);
    struct chunk out = {.n_rows = chunk->n_rows,
                        .n_cols = op->n_cols,
                        .cols = chunk->cols,
                        .weights = chunk->weights};
    assert(!scan->is_identity || chunk->n_cols >= op->n_cols);
    scan->has_input = true;
    if (!scan->is_identity) {
        for (uint32_t i = 0; i < op->n_cols; i++) {
            assert(scan->scan_cols[i] < chunk->n_cols);
            scan->out_cols[i] = chunk->cols[scan->scan_cols[i]];
        }
        out.cols = scan->out_cols;
    }
    return op_emit(op, step, &out);
}

static laminar_status scan_finish(struct op *op, struct step *step)
{
    struct op_scan *scan = CONTAINER_OF(op, struct op_scan, base);
    bool is_alive = scan->has_input || !scan->has_begun || op->watermark_in > op->watermark_out;
    op->watermark_out = op->watermark_in;
    scan->has_input = false;
    if (scan->idle_timeout_us == 0) return LAMINAR_OK;
    scan->has_begun = true;
    if (is_alive)
        op->wake_us = (uint64_t)(step->time_us + scan->idle_timeout_us);
    else if (step->time_us >= (int64_t)op->wake_us)
        op->wake_us = 0;
    op->is_idle = op->wake_us == 0;
    return LAMINAR_OK;
}

static laminar_status scan_restored(struct op *op, struct laminar_error *err)
{
    (void)err;
    CONTAINER_OF(op, struct op_scan, base)->has_begun = true;
    return LAMINAR_OK;
}

void op_scan_need(const struct op *op, const struct batch *batch)
{
    assert(op->cls->process == scan_process);
    const struct op_scan *scan = CONTAINER_OF((struct op *)(uintptr_t)op, struct op_scan, base);
    for (uint32_t i = 0; i < op->n_cols; i++) batch_need(batch, scan->scan_cols[i]);
}

static void scan_free(struct op *op)
{
    struct op_scan *scan = CONTAINER_OF(op, struct op_scan, base);
    mem_free(scan->out_cols);
    op_deinit(op);
    mem_free(scan);
}

static void scan_explain(const struct op *op, struct strbuf *out)
{
    const struct op_scan *scan = CONTAINER_OF(op, struct op_scan, base);
    strbuf_printf(out, "scan %s, %u columns", scan->relation_name, op->n_cols);
}

static const struct op_class scan_class = {.name = "scan",
                                           .process = scan_process,
                                           .finish_step = scan_finish,
                                           .restored = scan_restored,
                                           .free = scan_free,
                                           .explain = scan_explain};

laminar_status op_scan_create(struct circuit *circuit, const struct plan *plan,
                              enum circuit_mode mode, struct op **out, struct laminar_error *err)
{
    assert(plan->kind == PLAN_SCAN);
    struct op_scan *scan = mem_calloc(1, sizeof *scan);
    if (!scan) return error_oom(err);
    laminar_status status;
    TRY(op_init(&scan->base, &scan_class, circuit, plan, 1, err));
    scan->scan_cols = plan->scan_cols;
    scan->relation_name = plan->relation ? plan->relation->name : "rows";
    if (plan->relation && mode == CIRCUIT_STREAM && scan->base.has_time)
        scan->idle_timeout_us = plan->relation->idle_timeout_us;
    scan->is_identity = true;
    for (uint32_t i = 0; i < plan->n_cols; i++) scan->is_identity &= plan->scan_cols[i] == i;
    scan->out_cols = mem_calloc(plan->n_cols, sizeof *scan->out_cols);
    if (!scan->out_cols) TRY(error_oom(err));
    *out = &scan->base;
    return LAMINAR_OK;
done:
    scan_free(&scan->base);
    return status;
}
