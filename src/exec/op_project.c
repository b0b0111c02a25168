/* op_project.c - SELECT lists: expressions over each row; with the filter below it, if there is one, in the same pass.
 *
 * Algebra: linear, row by row. No state. Plain columns are passed on without a copy. Fused with a filter, only the columns that the expressions
 * read are gathered, and only rows that pass are computed; a chunk that passes whole isn't gathered at all. */
#include "base/error.h"
#include "exec/op_rows.h"
#include "exec/ops.h"

struct project {
    struct op op;              /* first */
    struct program *predicate; /* NULL: all rows */
    struct program *exprs;
    uint32_t n_in;
    struct column *in_cols; /* gathered input; those that no expression reads stay empty */
    struct vector *in_vecs;
    bool *is_read;           /* per input column */
    struct column *out_cols; /* for results without bad rows */
    struct vector *out_vecs;
    struct bad_rows bad;
    uint32_t *sel;
    int64_t *weights;
};

/* `input` may be rows sel[0..n) of `whole`, of which only the columns that are read are there. */
static laminar_status leave_out(struct project *p, const struct step *step,
                                const struct chunk *input, const struct chunk *whole,
                                const struct eval_env *env)
{
    uint8_t bits[CHUNK_ROWS / 8] = {0};
    struct eval_env mapped = *env;
    if (input == whole) return op_leave_out(&p->op, step, p->op.input, whole, env);
    for (uint32_t i = 0; i < input->n_rows; i++)
        if (bitmap_get(env->bad_rows, i)) bits[p->sel[i] / 8] |= (uint8_t)(1U << p->sel[i] % 8);
    mapped.bad_rows = bits;
    return op_leave_out(&p->op, step, p->op.input, whole, &mapped);
}

/* Computes the expressions over `input`, rows of `whole`, and emits. */
static laminar_status project_rows(struct project *p, struct step *step, const struct chunk *input,
                                   const struct chunk *whole)
{
    struct eval_env env = rows_begin(step, &p->bad);
    laminar_status status = program_run(p->exprs, input, &env, p->out_vecs);
    if (status) return status;
    struct chunk out = {.n_rows = input->n_rows,
                        .n_cols = p->op.n_cols,
                        .cols = p->out_vecs,
                        .weights = input->weights};
    if (likely(!env.n_bad_rows)) return op_emit(&p->op, step, &out);
    status = leave_out(p, step, input, whole, &env);
    if (status) return status;
    size_t n = rows_good(&env, input->n_rows, p->sel);
    struct chunk good;
    status = kernel_gather_chunk(&out, p->sel, n, p->out_cols, p->weights, p->out_vecs, &good,
                                 step->err);
    return status ? status : op_emit(&p->op, step, &good);
}

static laminar_status project_process(struct op *op, struct step *step, uint32_t port,
                                      const struct chunk *chunk)
{
    (void)port;
    return project_rows((struct project *)op, step, chunk, chunk);
}

/* The rows sel[0..n) of the columns that are read. */
static laminar_status gather_read(struct project *p, const struct chunk *chunk, size_t n,
                                  struct chunk *out, struct laminar_error *err)
{
    for (uint32_t i = 0; i < p->n_in; i++) {
        if (!p->is_read[i]) continue;
        p->in_vecs[i] = chunk->cols[i];
        if (chunk->cols[i].shape == VEC_CONST) continue;
        column_clear(&p->in_cols[i]);
        laminar_status status = column_append_sel(&p->in_cols[i], &chunk->cols[i], p->sel, n,
                                                  STRINGS_BORROW, err);
        if (status) return status;
        p->in_vecs[i] = p->in_cols[i].vec;
    }
    if (chunk->weights)
        for (size_t i = 0; i < n; i++) p->weights[i] = chunk->weights[p->sel[i]];
    *out = (struct chunk){(uint32_t)n, p->n_in, p->in_vecs, chunk->weights ? p->weights : NULL};
    return LAMINAR_OK;
}

static laminar_status filter_project_process(struct op *op, struct step *step, uint32_t port,
                                             const struct chunk *chunk)
{
    (void)port;
    struct project *p = (struct project *)op;
    struct eval_env env = rows_begin(step, &p->bad);
    size_t n;
    laminar_status status = program_select(p->predicate, chunk, &env, p->sel, &n);
    if (status) return status;
    if (unlikely(env.n_bad_rows)) {
        n = rows_drop_bad(&env, p->sel, n);
        status = op_leave_out(op, step, op->input, chunk, &env);
        if (status) return status;
    }
    if (n == 0) return LAMINAR_OK;
    if (n == chunk->n_rows) return project_rows(p, step, chunk, chunk);
    struct chunk rows;
    status = gather_read(p, chunk, n, &rows, step->err);
    return status ? status : project_rows(p, step, &rows, chunk);
}

static void project_free(struct op *op)
{
    struct project *p = (struct project *)op;
    program_free(p->predicate);
    program_free(p->exprs);
    columns_free(p->in_cols, p->n_in);
    columns_free(p->out_cols, op->n_cols);
    mem_free(p->in_vecs);
    mem_free(p->is_read);
    mem_free(p->out_vecs);
    mem_free(p->sel);
    mem_free(p->weights);
    op_deinit(op);
    mem_free(p);
}

static void project_explain(const struct op *op, struct strbuf *out)
{
    strbuf_printf(out, "%s of %u columns", op->cls->name, op->n_cols);
}

static const struct op_class project_class = {.name = "project",
                                              .process = project_process,
                                              .free = project_free,
                                              .explain = project_explain};
static const struct op_class filter_project_class = {.name = "filter and project",
                                                     .process = filter_project_process,
                                                     .free = project_free,
                                                     .explain = project_explain};

static void note_columns(const struct expr *e, bool *is_read)
{
    if (e->kind == EXPR_COLUMN) is_read[e->column] = true;
    for (uint32_t i = 0; i < e->n_args; i++) note_columns(e->args[i], is_read);
}

static laminar_status create(struct circuit *circuit, const struct plan *plan,
                             const struct plan *filter, struct op **out, struct laminar_error *err)
{
    laminar_status status;
    const struct plan *input = filter ? filter->inputs[0] : plan->inputs[0];
    struct project *p = mem_calloc(1, sizeof *p);
    if (!p) return error_oom(err);
    TRY(op_init(&p->op, filter ? &filter_project_class : &project_class, circuit, plan, 1, err));
    TRY(program_create(plan->exprs, plan->n_cols, &p->exprs, err));
    TRY(columns_create(plan->cols, plan->n_cols, &p->out_cols, err));
    p->out_vecs = mem_calloc(plan->n_cols + 1, sizeof *p->out_vecs);
    p->sel = mem_alloc(CHUNK_ROWS * sizeof *p->sel);
    p->weights = mem_alloc(CHUNK_ROWS * sizeof *p->weights);
    if (!p->out_vecs || !p->sel || !p->weights) TRY(error_oom(err));
    if (filter) {
        TRY(program_create((struct expr *const *)&filter->predicate, 1, &p->predicate, err));
        TRY(columns_create(input->cols, input->n_cols, &p->in_cols, err));
        p->n_in = input->n_cols;
        p->in_vecs = mem_calloc(input->n_cols + 1, sizeof *p->in_vecs);
        p->is_read = mem_calloc(input->n_cols + 1, sizeof *p->is_read);
        if (!p->in_vecs || !p->is_read) TRY(error_oom(err));
        for (uint32_t i = 0; i < plan->n_cols; i++) note_columns(plan->exprs[i], p->is_read);
    }
    *out = &p->op;
    return LAMINAR_OK;
done:
    project_free(&p->op);
    return status;
}

laminar_status op_project_create(struct circuit *circuit, const struct plan *plan,
                                 enum circuit_mode mode, struct op **out, struct laminar_error *err)
{
    (void)mode;
    assert(plan->kind == PLAN_PROJECT);
    return create(circuit, plan, NULL, out, err);
}

/* plan is a projection of a filter; the operator's input is the filter's. */
laminar_status op_filter_project_create(struct circuit *circuit, const struct plan *plan,
                                        enum circuit_mode mode, struct op **out,
                                        struct laminar_error *err)
{
    (void)mode;
    assert(plan->kind == PLAN_PROJECT && plan->inputs[0]->kind == PLAN_FILTER);
    return create(circuit, plan, plan->inputs[0], out, err);
}
