/* op_window_table.c - TABLE(TUMBLE(...)), HOP, CUMULATE: each row once for each window that it falls into, with the window's bounds.
 *
 * Algebra: linear; weights travel with their rows. No state. Rows without a time are dropped and counted as late rows. Columns are passed on without a
 * copy, one chunk for the k-th window of every row; rows are gathered only where some have no k-th window.
 * Output: the input's columns, window_start, window_end. */
#include "base/error.h"
#include "exec/op_rows.h"
#include "exec/ops.h"
#include "exec/window_time.h"

struct window_table {
    struct op op; /* first */
    const struct window_spec *window;
    struct program *time;
    struct column *cols; /* gathered rows; then start, end */
    struct vector *vecs;
    uint32_t n_in;
    int32_t time_col; /* output column that carries the watermark */
    int64_t *times, *starts, *ends;
    uint32_t *sel, *sel_window;
    int64_t *weights;
    struct bad_rows bad;
};

/* Rows sel_window[0..n) of the chunk, with their bounds in `starts`, `ends` (microseconds). */
static laminar_status emit_window(struct window_table *w, struct step *step,
                                  const struct chunk *chunk, size_t n)
{
    struct chunk out = *chunk;
    laminar_status status = LAMINAR_OK;
    if (n == chunk->n_rows)
        memcpy(w->vecs, chunk->cols, w->n_in * sizeof *w->vecs);
    else
        status = kernel_gather_chunk(chunk, w->sel_window, n, w->cols, w->weights, w->vecs, &out,
                                     step->err);
    for (uint32_t b = 0; b < 2 && !status; b++) {
        struct column *col = &w->cols[w->n_in + b];
        column_clear(col);
        if ((status = column_reserve(col, n, step->err))) break;
        const int64_t *from = b ? w->ends : w->starts;
        for (size_t i = 0; i < n; i++) ((int64_t *)col->vec.data)[i] = floor_ms(from[i]);
        col->n = n;
        w->vecs[w->n_in + b] = col->vec;
    }
    if (status) return status;
    return op_emit(&w->op, step, &(struct chunk){(uint32_t)n, w->op.n_cols, w->vecs, out.weights});
}

static laminar_status window_table_process(struct op *op, struct step *step, uint32_t port,
                                           const struct chunk *chunk)
{
    (void)port;
    struct window_table *w = (struct window_table *)op;
    const struct window_spec *spec = w->window;
    struct eval_env env = rows_begin(step, &w->bad);
    struct vector time;
    laminar_status status = program_run(w->time, chunk, &env, &time);
    if (status) return status;
    size_t n_bad, n = window_times(&time, chunk->n_rows, w->times, w->sel, &n_bad);
    op->late_rows += chunk->n_rows - n;
    if (env.n_bad_rows) {
        n = rows_drop_bad(&env, w->sel, n);
        status = op_leave_out(op, step, op->input, chunk, &env);
    }
    bool is_cumulate = spec->kind == WINDOW_CUMULATE;
    int64_t n_windows = (spec->size_us + spec->slide_us - 1) / spec->slide_us;
    for (int64_t k = 0; k < n_windows && !status; k++) {
        size_t m = 0;
        for (size_t i = 0; i < n; i++) {
            int64_t t = w->times[w->sel[i]], start, end;
            if (is_cumulate) {
                start = floor_to(t, spec->size_us, spec->offset_us);
                end = start + (k + 1) * spec->slide_us;
                if (end > start + spec->size_us) end = start + spec->size_us;
            } else {
                start = floor_to(t, spec->slide_us, spec->offset_us) - k * spec->slide_us;
                end = start + spec->size_us;
            }
            w->sel_window[m] = w->sel[i];
            w->starts[m] = start;
            w->ends[m] = end;
            m += t < end;
        }
        if (m) status = emit_window(w, step, chunk, m);
    }
    return status;
}

/* The time column passes as it is. Where a bound of the window carries the watermark: rows to come have a time of at least W, so their earliest window is
 * the earliest that W is in. */
static laminar_status window_table_finish(struct op *op, struct step *step)
{
    (void)step;
    const struct window_table *table = (struct window_table *)op;
    const struct window_spec *spec = table->window;
    int64_t w = op->watermark_in;
    op->watermark_out = w;
    if (table->time_col < (int32_t)table->n_in) return LAMINAR_OK;
    bool is_bound = w > -WINDOW_TIME_MAX && w < WINDOW_TIME_MAX;
    int64_t step_us = spec->kind == WINDOW_CUMULATE ? spec->size_us : spec->slide_us;
    int64_t last_start = is_bound ? floor_to(w, step_us, spec->offset_us) : w;
    int64_t n_windows = spec->kind == WINDOW_CUMULATE
                            ? 1
                            : (spec->size_us + spec->slide_us - 1) / spec->slide_us;
    op->watermark_out = is_bound ? floor_ms(last_start - (n_windows - 1) * step_us) * 1000 : w;
    return LAMINAR_OK;
}

static void window_table_free(struct op *op)
{
    struct window_table *w = (struct window_table *)op;
    program_free(w->time);
    columns_free(w->cols, op->n_cols);
    op_deinit(op);
    mem_free(w->vecs);
    mem_free(w->times);
    mem_free(w->starts);
    mem_free(w->ends);
    mem_free(w->sel);
    mem_free(w->sel_window);
    mem_free(w->weights);
    mem_free(w);
}

static void window_table_explain(const struct op *op, struct strbuf *out)
{
    (void)op;
    strbuf_puts(out, "windows of each row");
}

static const struct op_class window_table_class = {.name = "window table",
                                                   .process = window_table_process,
                                                   .finish_step = window_table_finish,
                                                   .free = window_table_free,
                                                   .explain = window_table_explain};

laminar_status op_window_table_create(struct circuit *circuit, const struct plan *plan,
                                      enum circuit_mode mode, struct op **out,
                                      struct laminar_error *err)
{
    (void)mode;
    assert(plan->kind == PLAN_WINDOW_TABLE);
    laminar_status status;
    if (plan->window.kind == WINDOW_SESSION || plan->window.kind == WINDOW_NONE)
        return error_set(err, LAMINAR_QUERY_UNSUPPORTED, "SESSION windows as a table function");
    ENSURE(plan->n_cols == plan->inputs[0]->n_cols + 2 && plan->window.size_us > 0 &&
               plan->window.slide_us > 0,
           err);
    struct window_table *w = mem_calloc(1, sizeof *w);
    if (!w) return error_oom(err);
    TRY(op_init(&w->op, &window_table_class, circuit, plan, 1, err));
    w->window = &plan->window;
    w->n_in = plan->n_cols - 2;
    w->time_col = plan->props.time_col;
    TRY(program_create((struct expr *const *)&plan->window.time, 1, &w->time, err));
    TRY(columns_create(plan->cols, plan->n_cols, &w->cols, err));
    w->vecs = mem_calloc(plan->n_cols + 1, sizeof *w->vecs);
    w->times = mem_alloc(CHUNK_ROWS * sizeof *w->times);
    w->starts = mem_alloc(CHUNK_ROWS * sizeof *w->starts);
    w->ends = mem_alloc(CHUNK_ROWS * sizeof *w->ends);
    w->sel = mem_alloc(CHUNK_ROWS * sizeof *w->sel);
    w->sel_window = mem_alloc(CHUNK_ROWS * sizeof *w->sel_window);
    w->weights = mem_alloc(CHUNK_ROWS * sizeof *w->weights);
    if (!w->vecs || !w->times || !w->starts || !w->ends || !w->sel || !w->sel_window || !w->weights)
        TRY(error_oom(err));
    *out = &w->op;
    return LAMINAR_OK;
done:
    window_table_free(&w->op);
    return status;
}
