/* circuit_internal.h - the circuit's own struct, shared by op.c (emitting) and circuit.c (everything else). */
#ifndef EXEC_CIRCUIT_INTERNAL_H
#define EXEC_CIRCUIT_INTERNAL_H

#include "base/thread.h"
#include "exec/op.h"

struct circuit {
    struct mem_account *account;
    struct spill_policy *spill; /* for state tables; NULL: they stay in memory */
    ARRAY_OF(struct op *) ops;  /* topological order; ops.items[i]->index == i */
    uint64_t *dirty;            /* one bit an operator: finish_step must run */
    size_t n_dirty_words;
    size_t first_dirty;           /* no word below it has a bit */
    size_t last_dirty;            /* no word above it has a bit */
    ARRAY_OF(struct op *) wakers; /* operators that have ever asked to be woken */
    struct laminar_error err;     /* for steps that come without one */
    bool builds_apart;            /* circuit_build_apart */
};

static inline void circuit_mark(struct circuit *circuit, uint32_t index)
{
    size_t word = index >> 6;
    circuit->dirty[word] |= (uint64_t)1 << (index & 63);
    if (word < circuit->first_dirty) circuit->first_dirty = word;
    if (word > circuit->last_dirty) circuit->last_dirty = word;
}
/* From now on time is op's (NULL: nobody's); returns whose it was. */
static inline struct op *step_time_of(struct step *step, struct op *op)
{
    struct step_profile *profile = step->profile;
    if (likely(!profile)) return NULL;
    int64_t now_us = clock_mono_us();
    struct op *before = profile->current;
    if (before) before->time_us += now_us - profile->since_us;
    profile->current = op;
    profile->since_us = now_us;
    return before;
}
/* Stops `op` and all that depends on it, and tells the outputs among them, once. Empties step->err. */
void circuit_fail(struct circuit *circuit, struct op *op, struct step *step, laminar_status status);
/* on_failure of an output operator; nothing for others. */
void op_output_failed(struct op *op, const struct laminar_error *err);

void op_late_free(struct op *op);
/* Takes an edge away. */
void circuit_unlink(struct op *from, struct op *to, uint32_t port);
/* Takes one operator out and frees it, whoever lists it. */
void circuit_remove_op(struct circuit *circuit, struct op *op);

#endif
