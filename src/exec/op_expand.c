/* op_expand.c - each row once for each grouping set, with nulls in place of the keys that the set leaves out.
 *
 * Algebra: linear, row by row. No state, no copy: a chunk goes out once a set, its columns being columns of the input or constants. */
#include "base/error.h"
#include "exec/ops.h"

struct expand {
    struct op op;        /* first */
    struct expr **cells; /* n_sets x n_cols; the plan's */
    size_t n_sets;
    struct vector *vecs;
};

static laminar_status expand_process(struct op *op, struct step *step, uint32_t port,
                                     const struct chunk *chunk)
{
    (void)port;
    struct expand *e = (struct expand *)op;
    laminar_status status = step_check(step);
    for (size_t set = 0; set < e->n_sets && !status; set++) {
        struct expr *const *cells = e->cells + set * op->n_cols;
        for (uint32_t c = 0; c < op->n_cols; c++)
            e->vecs[c] = cells[c]->kind == EXPR_COLUMN ? chunk->cols[cells[c]->column]
                                                       : cells[c]->value;
        status = op_emit(op, step,
                         &(struct chunk){chunk->n_rows, op->n_cols, e->vecs, chunk->weights});
    }
    return status;
}

static void expand_free(struct op *op)
{
    struct expand *e = (struct expand *)op;
    mem_free(e->vecs);
    op_deinit(op);
    mem_free(e);
}

static void expand_explain(const struct op *op, struct strbuf *out)
{
    strbuf_printf(out, "%zu grouping sets", ((const struct expand *)op)->n_sets);
}

static const struct op_class expand_class = {.name = "grouping sets",
                                             .process = expand_process,
                                             .free = expand_free,
                                             .explain = expand_explain};

laminar_status op_expand_create(struct circuit *circuit, const struct plan *plan,
                                enum circuit_mode mode, struct op **out, struct laminar_error *err)
{
    (void)mode;
    assert(plan->kind == PLAN_EXPAND);
    laminar_status status;
    struct expand *e = mem_calloc(1, sizeof *e);
    if (!e) return error_oom(err);
    TRY(op_init(&e->op, &expand_class, circuit, plan, 1, err));
    e->cells = plan->exprs;
    e->n_sets = plan->n_rows;
    for (size_t i = 0; i < e->n_sets * plan->n_cols; i++)
        assert(e->cells[i]->kind == EXPR_COLUMN || e->cells[i]->kind == EXPR_CONST);
    e->vecs = mem_calloc(plan->n_cols + 1, sizeof *e->vecs);
    if (!e->vecs) TRY(error_oom(err));
    *out = &e->op;
    return LAMINAR_OK;
done:
    expand_free(&e->op);
    return status;
}
