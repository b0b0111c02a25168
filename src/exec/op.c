/* op.c - what all operators share: creation, the edges to their consumers, failing.
 *
 * op_emit is the hot path between operators: a loop over the edges with an indirect call each, no copy. A consumer that fails is cut off here, so that
 * its siblings and its producer go on. @thread the step owner. */
#include "exec/circuit_internal.h"
#include "exec/state_rows.h"
#include <stdatomic.h>

laminar_status op_init(struct op *op, const struct op_class *cls, struct circuit *circuit,
                       const struct plan *plan, uint32_t n_ports, struct laminar_error *err)
{
    assert(cls && cls->process && cls->free);
    *op = (struct op){.cls = cls,
                      .circuit = circuit,
                      .n_ports = n_ports,
                      .watermark_in = WATERMARK_NONE,
                      .watermark_out = WATERMARK_NONE};
    if (plan) {
        op->late_data = plan->late_data;
        op->input = plan->n_inputs ? plan->inputs[0] : NULL;
        op->plan = plan;
        op->n_cols = plan->n_cols;
        op->cols = plan->cols;
        op->has_time = plan->props.time_col >= 0;
    }
    op->inputs = mem_calloc(n_ports, sizeof *op->inputs);
    return op->inputs ? LAMINAR_OK : error_oom(err);
}

void op_deinit(struct op *op)
{
    for (size_t i = 0; i < op->states.n; i++) op->states.items[i]->cls->free(op->states.items[i]);
    ARRAY_DEINIT(&op->states);
    op_late_free(op);
    ARRAY_DEINIT(&op->outputs);
    mem_free(op->inputs);
    op->inputs = NULL;
}

laminar_status op_add_state(struct op *op, struct state *state, struct laminar_error *err)
{
    if (ARRAY_PUSH(&op->states, state)) return LAMINAR_OK;
    state->cls->free(state);
    return error_oom(err);
}

struct eval_env step_eval_env(const struct step *step)
{
    return (struct eval_env){.err = step->err,
                             .mode = step->error_mode,
                             .now_us = step->time_us,
                             .zone = step->zone ? step->zone : "UTC",
                             .sql = step->sql,
                             .sql_size = step->sql_size};
}

laminar_status op_leave_out(struct op *op, const struct step *step, const struct plan *input,
                            const struct chunk *chunk, const struct eval_env *env)
{
    const struct bad_row_taker *taker = step->bad_rows;
    op->bad_rows += env->n_bad_rows;
    if (likely(!env->n_bad_rows) || !taker || !env->bad_rows) return LAMINAR_OK;
    return taker->take(taker->ctx, op, step, input, chunk, env->bad_rows);
}

void op_mark(struct op *op) { circuit_mark(op->circuit, op->index); }

static laminar_status check_guard(const struct step *step)
{
    struct memory_guard *guard = step->guard;
    if (likely(atomic_load_explicit(&((struct mem_account *)(uintptr_t)guard->account)->bytes,
                                    memory_order_relaxed) +
                   guard->result_bytes <
               guard->free_bytes))
        return LAMINAR_OK;
    return guard->check(guard, step->err);
}

laminar_status step_check(const struct step *step)
{
    if (likely(!step->is_cancelled ||
               !atomic_load_explicit(step->is_cancelled, memory_order_relaxed)))
        return step->guard ? check_guard(step) : LAMINAR_OK;
    return error_set(step->err, LAMINAR_QUERY_CANCELLED, "the query was cancelled");
}

laminar_status op_relax(const struct step *step, struct state_hash *table)
{
    laminar_status status = state_hash_relax(table, step->guard ? step->err : NULL);
    return step->guard ? status : LAMINAR_OK;
}

laminar_status op_relax_rows(const struct step *step, struct state_rows *rows)
{
    if (!rows || !rows->spill) return LAMINAR_OK;
    laminar_status status = state_rows_error(rows, step->err);
    if (status != LAMINAR_OK) return status;
    status = state_rows_relax(rows, step->guard ? step->err : NULL);
    return step->guard ? status : LAMINAR_OK;
}

laminar_status op_emit(struct op *op, struct step *step, const struct chunk *chunk)
{
    assert(chunk->n_rows <= CHUNK_ROWS && chunk->n_cols == op->n_cols);
    if (chunk->n_rows == 0) return LAMINAR_OK;
    if (unlikely(step->guard != NULL)) {
        laminar_status status = check_guard(step);
        if (status != LAMINAR_OK) return status;
    }
    op->rows_out += chunk->n_rows;
    for (size_t i = 0; i < op->outputs.n; i++) {
        struct op *to = op->outputs.items[i].to;
        if (unlikely(to->has_failed)) continue;
        circuit_mark(op->circuit, to->index);
        to->rows_in += chunk->n_rows;
        struct op *before = step_time_of(step, to);
        laminar_status status = to->cls->process(to, step, op->outputs.items[i].port, chunk);
        step_time_of(step, before);
        if (unlikely(status != LAMINAR_OK)) circuit_fail(op->circuit, to, step, status);
    }
    return LAMINAR_OK;
}

static void fail_behind(struct op *op, const struct laminar_error *err)
{
    if (op->has_failed) return;
    op->has_failed = true;
    op->wake_us = 0;
    op_output_failed(op, err);
    for (size_t i = 0; i < op->outputs.n; i++) fail_behind(op->outputs.items[i].to, err);
}

void circuit_fail(struct circuit *circuit, struct op *op, struct step *step, laminar_status status)
{
    struct laminar_error *err = step->err ? step->err : &circuit->err;
    if (err->code == LAMINAR_OK)
        error_set(err, status, "%s failed without saying why", op->cls->name);
    fail_behind(op, err);
    error_clear(err);
}
