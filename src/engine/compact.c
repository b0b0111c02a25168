/* compact.c - within one step's delta, rows that come and equal rows that go cancel before subscribers and sinks get them.
 *
 * Operators that judge at the end of a step (aggregates, DISTINCT, top-N) put out what differs and nothing else. Others work row by row: a join meets the two
 * halves of an update one after the other, and a projection that leaves out what has changed makes them equal. So whether it can happen is known from the
 * plan; where it can't, this costs nothing, and where it can, only deltas with both signs are looked at.
 *
 * A row of which more come than go keeps the place of the first that comes, with what is left as its weight; the others stay as they are. Cost: one hash
 * and one comparison a row. Memory is kept for the next step. */
#include "base/error.h"
#include "engine/engine.h"
#include "vector/kernel.h"
#include <string.h>

struct compactor {
    size_t capacity; /* rows */
    uint64_t *hashes;
    uint32_t *first; /* of row i: the first row that equals it */
    int64_t *net;    /* of first rows: the sum of the weights */
    uint8_t *signs;  /* of first rows: 1 = some come, 2 = some go */
    uint32_t *table; /* 2 * capacity at least, a power of two: row + 1, 0 = free */
    size_t n_table;
    struct vector *slice;
};

/* What differs at the end of a step only. */
static bool is_judged(const struct plan *plan)
{
    switch (plan->kind) {
    case PLAN_AGGREGATE:
    case PLAN_DISTINCT:
    case PLAN_SET:
    case PLAN_TOP_N:
    case PLAN_OVER:
    case PLAN_HOLD: return true;
    case PLAN_FILTER:
    case PLAN_SORT: return is_judged(plan->inputs[0]);
    case PLAN_PROJECT: {
        uint32_t n_kept = 0;
        for (uint32_t c = 0; c < plan->inputs[0]->n_cols; c++)
            for (uint32_t i = 0; i < plan->n_cols; i++)
                if (plan->exprs[i]->kind == EXPR_COLUMN && plan->exprs[i]->column == c) {
                    n_kept++;
                    break;
                }
        return n_kept == plan->inputs[0]->n_cols && is_judged(plan->inputs[0]);
    }
    case PLAN_SCAN:
    case PLAN_VALUES:
    case PLAN_JOIN:
    case PLAN_UNION_ALL:
    case PLAN_UNNEST:
    case PLAN_EXPAND:
    case PLAN_RECURSIVE:
    case PLAN_WORKING:
    case PLAN_WINDOW_TABLE:
    case PLAN_TIME_FILTER: break;
    }
    return false;
}

bool compact_may_help(const struct plan *plan)
{
    return !plan->props.is_append_only && !is_judged(plan);
}

static laminar_status reserve(struct compactor *c, size_t n, struct laminar_error *err)
{
    if (n <= c->capacity) return LAMINAR_OK;
    size_t n_table = 64;
    while (n_table < 2 * n) n_table *= 2;
    size_t capacity = n_table / 2;
    mem_free(c->hashes);
    mem_free(c->first);
    mem_free(c->net);
    mem_free(c->signs);
    mem_free(c->table);
    c->capacity = 0;
    c->hashes = mem_alloc(capacity * sizeof *c->hashes);
    c->first = mem_alloc(capacity * sizeof *c->first);
    c->net = mem_alloc(capacity * sizeof *c->net);
    c->signs = mem_alloc(capacity);
    c->table = mem_alloc(n_table * sizeof *c->table);
    if (!c->hashes || !c->first || !c->net || !c->signs || !c->table) return error_oom(err);
    c->capacity = capacity;
    c->n_table = n_table;
    return LAMINAR_OK;
}

static bool are_equal(const struct batch *batch, size_t a, size_t b)
{
    for (uint32_t k = 0; k < batch->n_cols; k++)
        if (!kernel_equal(&batch->cols[k], a, &batch->cols[k], b)) return false;
    return true;
}

/* Puts equal rows together; true when some come and go. */
static bool gather_equal(struct compactor *c, const struct batch *batch)
{
    bool cancels = false;
    size_t mask = c->n_table - 1;
    memset(c->table, 0, c->n_table * sizeof *c->table);
    batch_need_all(batch);
    kernel_hash(batch->cols, batch->n_cols, batch->n_rows, c->hashes);
    for (size_t i = 0; i < batch->n_rows; i++) {
        size_t at = c->hashes[i] >> 7 & mask;
        uint32_t row;
        while ((row = c->table[at]) != 0 &&
               (c->hashes[row - 1] != c->hashes[i] || !are_equal(batch, row - 1, i)))
            at = (at + 1) & mask;
        if (row == 0) {
            row = c->table[at] = (uint32_t)i + 1;
            c->net[i] = 0;
            c->signs[i] = 0;
        }
        c->first[i] = row - 1;
        c->net[row - 1] += batch->weights[i];
        c->signs[row - 1] |= batch->weights[i] > 0 ? 1 : 2;
        cancels |= c->signs[row - 1] == 3;
    }
    return cancels;
}

/* The rows that stay, with their weights. */
static laminar_status copy_rest(struct compactor *c, const struct batch *batch,
                                struct batch_builder *builder, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    uint32_t sel[CHUNK_ROWS];
    int64_t weights[CHUNK_ROWS];
    for (size_t at = 0; at < batch->n_rows && !status; at += CHUNK_ROWS) {
        struct chunk chunk = batch_chunk(batch, at, c->slice);
        size_t n = 0;
        for (uint32_t i = 0; i < chunk.n_rows; i++) {
            uint32_t first = c->first[at + i];
            int64_t weight = batch->weights[at + i];
            if (c->signs[first] == 3) {
                bool stays = c->net[first] != 0 && (c->net[first] > 0) == (weight > 0);
                weight = stays ? c->net[first] : 0;
                if (stays) c->net[first] = 0;
            }
            weights[i] = weight;
            sel[n] = i;
            n += weight != 0;
        }
        chunk.weights = weights;
        if (n) status = batch_builder_append_sel(builder, &chunk, sel, n, err);
    }
    return status;
}

laminar_status compact_batch(struct compactor **compactor, struct batch_builder *builder,
                             struct batch **batch, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    const struct batch *in = *batch;
    bool comes = false, goes = false;
    for (size_t i = 0; in->weights && i < in->n_rows; i++) {
        comes |= in->weights[i] > 0;
        goes |= in->weights[i] < 0;
    }
    if (!comes || !goes) return LAMINAR_OK;
    if (!*compactor) {
        struct compactor *made = mem_calloc(1, sizeof *made);
        if (made) made->slice = mem_calloc(in->n_cols + 1, sizeof *made->slice);
        *compactor = made;
        if (!made || !made->slice) return error_oom(err);
    }
    TRY(reserve(*compactor, in->n_rows, err));
    if (!gather_equal(*compactor, in)) return LAMINAR_OK;
    TRY(copy_rest(*compactor, in, builder, err));
    struct batch *rest = NULL;
    if (batch_builder_n_rows(builder) > 0) {
        TRY(batch_builder_finish(builder, &rest, err));
        rest->step = in->step;
        rest->time_us = in->time_us;
    }
    batch_unref(*batch);
    *batch = rest;
done:
    return status;
}

void compactor_free(struct compactor *c)
{
    if (!c) return;
    mem_free(c->hashes);
    mem_free(c->first);
    mem_free(c->net);
    mem_free(c->signs);
    mem_free(c->table);
    mem_free(c->slice);
    mem_free(c);
}
