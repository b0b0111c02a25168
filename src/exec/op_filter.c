/* op_filter.c - WHERE and HAVING: the rows for which a predicate is true.
 *
 * Algebra: linear, row by row; weights travel with their rows, so a retraction passes exactly when its insertion did. No state.
 * A chunk that passes whole is handed on as it is; of others the rows are gathered (strings are borrowed). A filter below a projection is
 * part of it: see op_project.c. */
#include "base/error.h"
#include "exec/op_rows.h"
#include "exec/ops.h"

struct filter {
    struct op op; /* first */
    struct program *predicate;
    struct column *cols; /* of the gathered rows */
    struct vector *vecs;
    uint32_t n_cols;
    struct bad_rows bad;
    uint32_t sel[CHUNK_ROWS];
    int64_t weights[CHUNK_ROWS];
};

static laminar_status filter_process(struct op *op, struct step *step, uint32_t port,
                                     const struct chunk *chunk)
{
    (void)port;
    struct filter *f = (struct filter *)op;
    struct eval_env env = rows_begin(step, &f->bad);
    size_t n;
    laminar_status status = program_select(f->predicate, chunk, &env, f->sel, &n);
    if (status) return status;
    if (unlikely(env.n_bad_rows)) {
        n = rows_drop_bad(&env, f->sel, n);
        status = op_leave_out(op, step, op->input, chunk, &env);
        if (status) return status;
    }
    if (n == 0) return LAMINAR_OK;
    if (n == chunk->n_rows) return op_emit(op, step, chunk);
    struct chunk out;
    status = kernel_gather_chunk(chunk, f->sel, n, f->cols, f->weights, f->vecs, &out, step->err);
    return status ? status : op_emit(op, step, &out);
}

static void filter_free(struct op *op)
{
    struct filter *f = (struct filter *)op;
    program_free(f->predicate);
    columns_free(f->cols, f->n_cols);
    mem_free(f->vecs);
    op_deinit(op);
    mem_free(f);
}

static void filter_explain(const struct op *op, struct strbuf *out)
{
    (void)op;
    strbuf_puts(out, "filter");
}

static const struct op_class filter_class = {
    .name = "filter", .process = filter_process, .free = filter_free, .explain = filter_explain};

laminar_status op_filter_create(struct circuit *circuit, const struct plan *plan,
                                enum circuit_mode mode, struct op **out, struct laminar_error *err)
{
    (void)mode;
    assert(plan->kind == PLAN_FILTER);
    laminar_status status;
    struct filter *f = mem_calloc(1, sizeof *f);
    if (!f) return error_oom(err);
    TRY(op_init(&f->op, &filter_class, circuit, plan, 1, err));
    TRY(program_create((struct expr *const *)&plan->predicate, 1, &f->predicate, err));
    TRY(columns_create(plan->cols, plan->n_cols, &f->cols, err));
    f->n_cols = plan->n_cols;
    f->vecs = mem_calloc(plan->n_cols + 1, sizeof *f->vecs);
    if (!f->vecs) TRY(error_oom(err));
    *out = &f->op;
    return LAMINAR_OK;
done:
    filter_free(&f->op);
    return status;
}
