/* op_aggregate.c - GROUP BY and aggregates without a time window.
 *
 * Algebra: groups touched in a step give -(old row) +(new row) at its end, unless the two are equal; a group without rows has no row. Without GROUP BY
 * there is always exactly one row, also before any input. A retraction is a row with a negative weight. EMIT EVERY holds the changes of a period back.
 * State: one row per group, "groups", and child tables for DISTINCT, ordered and holistic aggregates: see agg_set.h. Nothing bounds it but the
 * number of keys; where memory is short, groups that weren't used for the longest time go to a file (state_hash_cold.h). There are no late rows.
 * One-shot: nothing is put aside; all groups are emitted in the last step. */
#include "base/error.h"
#include "exec/agg_groups.h"
#include "exec/ops.h"

struct aggregate {
    struct op op; /* first */
    struct agg_groups g;
    /* without GROUP BY: kernels look at the first entry of slots and rows only */
    bool one_row_is_enough;
};

/* The one group of a query without GROUP BY: there from the first step on. */
static laminar_status find_global(struct aggregate *a, struct laminar_error *err)
{
    struct agg_groups *g = &a->g;
    if (state_hash_base(g->table)->n_rows) {
        g->slots[0] = 0;
        g->is_new[0] = false;
        laminar_status status = state_hash_rows(g->table, g->slots, 1, true, g->rows, err);
        if (status) return status;
    } else {
        laminar_status status = groups_find(g, 1, err);
        if (status) return status;
    }
    for (size_t i = 1; i < CHUNK_ROWS && !a->one_row_is_enough; i++)
        g->slots[i] = g->slots[0], g->rows[i] = g->rows[0];
    return LAMINAR_OK;
}

static laminar_status aggregate_process(struct op *op, struct step *step, uint32_t port,
                                        const struct chunk *chunk)
{
    (void)port;
    struct aggregate *a = (struct aggregate *)op;
    struct agg_groups *g = &a->g;
    struct chunk rows;
    laminar_status status = groups_evaluate(g, step, chunk, &rows);
    if (status || rows.n_rows == 0) return status;
    size_t n = rows.n_rows;
    memcpy(g->keys, g->results, g->n_keys * sizeof *g->keys);
    status = g->is_global ? find_global(a, step->err) : groups_find(g, n, step->err);
    if (!status && g->options.is_stream)
        status = groups_touch(g, g->is_global ? 1 : n, NULL, step->err);
    if (!status) status = groups_update(g, g->results, rows.weights, n, step->err);
    return status ? status : op_relax(step, g->table);
}

static laminar_status emit_all(struct agg_groups *g, struct step *step)
{
    uint64_t cursor = 0;
    size_t n;
    while ((n = state_hash_scan(g->table, &cursor, g->slots, CHUNK_ROWS)) > 0) {
        size_t kept = 0;
        laminar_status status = state_hash_rows(g->table, g->slots, n, false, g->rows, step->err);
        if (status) return status;
        for (size_t i = 0; i < n; i++) {
            g->rows[kept] = g->rows[i];
            g->slots[kept] = g->slots[i];
            kept += group_has_row(g, g->rows[i]);
        }
        if (kept) status = groups_emit_new(g, step, g->slots, g->rows, kept);
        if (!status) status = op_relax(step, g->table);
        if (status) return status;
    }
    return LAMINAR_OK;
}

static laminar_status aggregate_finish(struct op *op, struct step *step)
{
    struct aggregate *a = (struct aggregate *)op;
    struct agg_groups *g = &a->g;
    laminar_status status = LAMINAR_OK;
    if (g->is_global && state_hash_base(g->table)->n_rows == 0) {
        status = find_global(a, step->err);
        if (!status && g->options.is_stream) status = groups_touch(g, 1, NULL, step->err);
        if (status) return status;
    }
    if (g->options.is_stream) status = groups_emit_touched(g, step, false);
    /* groups by time that are held back must not be late when they come out */
    if (g->touched.n == 0) op->watermark_out = op->watermark_in;
    if (status || g->options.is_stream) return status;
    return step->is_last ? emit_all(g, step) : LAMINAR_OK;
}

static laminar_status aggregate_contents(struct op *op, struct step *step)
{
    return emit_all(&((struct aggregate *)op)->g, step);
}

static void aggregate_free(struct op *op)
{
    struct aggregate *a = (struct aggregate *)op;
    op_deinit(op); /* frees the groups, whose payloads the set knows how to destroy */
    groups_deinit(&a->g);
    mem_free(a);
}

static void aggregate_explain(const struct op *op, struct strbuf *out)
{
    const struct aggregate *a = (const struct aggregate *)op;
    strbuf_printf(out, "aggregate by %u keys, %zu groups", a->g.n_keys,
                  state_hash_base(a->g.table)->n_rows);
}

static const struct op_class aggregate_class = {.name = "aggregate",
                                                .process = aggregate_process,
                                                .finish_step = aggregate_finish,
                                                .free = aggregate_free,
                                                .explain = aggregate_explain,
                                                .contents = aggregate_contents};

/* EMIT EVERY: its groups are ahead of what it has put out, so readers have the rows from the stream's store. */
static const struct op_class aggregate_every_class = {.name = "aggregate",
                                                      .process = aggregate_process,
                                                      .finish_step = aggregate_finish,
                                                      .free = aggregate_free,
                                                      .explain = aggregate_explain};

laminar_status op_aggregate_create(struct circuit *circuit, const struct plan *plan,
                                   enum circuit_mode mode, struct op **out,
                                   struct laminar_error *err)
{
    assert(plan->kind == PLAN_AGGREGATE && plan->window.kind == WINDOW_NONE);
    laminar_status status;
    struct aggregate *a = mem_calloc(1, sizeof *a);
    if (!a) return error_oom(err);
    uint32_t header_bytes = plan->inputs[0]->props.is_append_only ? sizeof(struct group_head)
                                                                  : sizeof(struct counted_head);
    struct agg_groups_options options = {.plan = plan,
                                         .header_bytes = header_bytes,
                                         .can_spill = true,
                                         .is_stream = mode == CIRCUIT_STREAM,
                                         .every_us = plan->emit == EMIT_EVERY ? plan->emit_every_us
                                                                              : 0};
    const struct op_class *cls = options.is_stream && options.every_us ? &aggregate_every_class
                                                                       : &aggregate_class;
    TRY(op_init(&a->op, cls, circuit, plan, 1, err));
    TRY(groups_create(&a->g, &a->op, &options, err));
    a->one_row_is_enough = true;
    for (uint32_t k = 0; k < a->g.set.n; k++) {
        const struct agg_item *item = &a->g.set.items[k];
        a->one_row_is_enough &= item->form == AGG_KERNEL && item->filter == NO_FILTER &&
                                item->agg->kernels->update_one;
    }
    *out = &a->op;
    return LAMINAR_OK;
done:
    aggregate_free(&a->op);
    return status;
}
