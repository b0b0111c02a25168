/* op_sort.c - ORDER BY without LIMIT.
 *
 * A stream is a multiset: its rows pass through as they come. A one-shot query collects them and gives them out in order at the end of its
 * step; equal keys keep the order in which the rows came. Retractions in a one-shot query (none of our operators makes any) are settled
 * by sorting on whole rows first. */
#include "exec/ops.h"

struct op_sort {
    struct op base;
    bool is_one_shot;
    const struct sort_key *keys;
    uint32_t n_keys;
    struct column *rows;
    struct column *out_cols;
    struct vector *vecs;
    struct vector *out_vecs;
    ARRAY_OF(int64_t) weights; /* as soon as one isn't 1 */
    size_t n_rows;
};

static laminar_status keep_weights(struct op_sort *sort, const struct chunk *chunk,
                                   struct laminar_error *err)
{
    if (!chunk->weights && sort->weights.n == 0) return LAMINAR_OK;
    if (!ARRAY_RESERVE(&sort->weights, sort->n_rows + chunk->n_rows)) return error_oom(err);
    while (sort->weights.n < sort->n_rows) sort->weights.items[sort->weights.n++] = 1;
    for (uint32_t i = 0; i < chunk->n_rows; i++)
        sort->weights.items[sort->weights.n++] = chunk->weights ? chunk->weights[i] : 1;
    return LAMINAR_OK;
}

static laminar_status sort_process(struct op *op, struct step *step, uint32_t port,
                                   const struct chunk *chunk)
{
    (void)port;
    struct op_sort *sort = CONTAINER_OF(op, struct op_sort, base);
    if (!sort->is_one_shot) return op_emit(op, step, chunk);
    laminar_status status = LAMINAR_OK;
    TRY(keep_weights(sort, chunk, step->err));
    for (uint32_t c = 0; c < op->n_cols; c++)
        TRY(column_append(&sort->rows[c], &chunk->cols[c], 0, chunk->n_rows, STRINGS_COPY,
                          step->err));
    sort->n_rows += chunk->n_rows;
done:
    return status;
}

/* Adds the weights of equal rows into the first of each, leaving 0 at the others. */
static laminar_status settle(struct op_sort *sort, uint32_t *order, struct laminar_error *err)
{
    uint32_t n_cols = sort->base.n_cols;
    struct sort_key *keys = mem_calloc(n_cols, sizeof *keys);
    if (!keys) return error_oom(err);
    for (uint32_t c = 0; c < n_cols; c++) keys[c].column = c;
    laminar_status status = kernel_sort(sort->vecs, keys, n_cols, sort->n_rows, order, err);
    mem_free(keys);
    for (size_t i = 1, first = 0; status == LAMINAR_OK && i < sort->n_rows; i++) {
        bool is_equal = true;
        for (uint32_t c = 0; c < n_cols && is_equal; c++)
            is_equal = kernel_equal(&sort->vecs[c], order[i], &sort->vecs[c], order[first]);
        if (is_equal) {
            sort->weights.items[order[first]] += sort->weights.items[order[i]];
            sort->weights.items[order[i]] = 0;
        } else {
            first = i;
        }
    }
    return status;
}

static laminar_status emit_sorted(struct op_sort *sort, struct step *step, const uint32_t *order)
{
    int64_t weights[CHUNK_ROWS];
    uint32_t sel[CHUNK_ROWS];
    laminar_status status = LAMINAR_OK;
    struct chunk src = {.n_rows = (uint32_t)sort->n_rows,
                        .n_cols = sort->base.n_cols,
                        .cols = sort->vecs,
                        .weights = sort->weights.n ? sort->weights.items : NULL};
    for (size_t at = 0; at < sort->n_rows;) {
        struct chunk out;
        size_t n = 0;
        for (; at < sort->n_rows && n < CHUNK_ROWS; at++)
            if (!src.weights || src.weights[order[at]] != 0) sel[n++] = order[at];
        TRY(kernel_gather_chunk(&src, sel, n, sort->out_cols, weights, sort->out_vecs, &out,
                                step->err));
        TRY(op_emit(&sort->base, step, &out));
    }
done:
    return status;
}

static laminar_status sort_finish(struct op *op, struct step *step)
{
    struct op_sort *sort = CONTAINER_OF(op, struct op_sort, base);
    op->watermark_out = op->watermark_in;
    if (!sort->is_one_shot || sort->n_rows == 0) return LAMINAR_OK;
    laminar_status status = LAMINAR_OK;
    if (sort->n_rows > UINT32_MAX)
        return error_set(step->err, LAMINAR_QUERY_FAILED,
                         "ORDER BY over %zu rows: at most %u can be sorted", sort->n_rows,
                         UINT32_MAX);
    uint32_t *order = mem_alloc(sort->n_rows * sizeof *order);
    if (!order) return error_oom(step->err);
    for (uint32_t c = 0; c < op->n_cols; c++) sort->vecs[c] = sort->rows[c].vec;
    bool has_negative = false;
    for (size_t i = 0; i < sort->weights.n; i++) has_negative |= sort->weights.items[i] < 0;
    if (has_negative) TRY(settle(sort, order, step->err));
    TRY(kernel_sort(sort->vecs, sort->keys, sort->n_keys, sort->n_rows, order, step->err));
    TRY(emit_sorted(sort, step, order));
    for (uint32_t c = 0; c < op->n_cols; c++) column_clear(&sort->rows[c]);
    sort->weights.n = sort->n_rows = 0;
done:
    mem_free(order);
    return status;
}

static void sort_free(struct op *op)
{
    struct op_sort *sort = CONTAINER_OF(op, struct op_sort, base);
    for (uint32_t c = 0; c < op->n_cols; c++) {
        if (sort->rows) column_deinit(&sort->rows[c]);
        if (sort->out_cols) column_deinit(&sort->out_cols[c]);
    }
    mem_free(sort->rows);
    mem_free(sort->out_cols);
    mem_free(sort->vecs);
    mem_free(sort->out_vecs);
    ARRAY_DEINIT(&sort->weights);
    op_deinit(op);
    mem_free(sort);
}

static void sort_explain(const struct op *op, struct strbuf *out)
{
    const struct op_sort *sort = CONTAINER_OF(op, struct op_sort, base);
    strbuf_puts(out, sort->is_one_shot ? "sort" : "sort (a stream has no order)");
}

static const struct op_class sort_class = {.name = "sort",
                                           .process = sort_process,
                                           .finish_step = sort_finish,
                                           .free = sort_free,
                                           .explain = sort_explain};

laminar_status op_sort_create(struct circuit *circuit, const struct plan *plan,
                              enum circuit_mode mode, struct op **out, struct laminar_error *err)
{
    assert(plan->kind == PLAN_SORT);
    struct op_sort *sort = mem_calloc(1, sizeof *sort);
    if (!sort) return error_oom(err);
    laminar_status status;
    TRY(op_init(&sort->base, &sort_class, circuit, plan, 1, err));
    sort->is_one_shot = mode == CIRCUIT_ONE_SHOT;
    sort->keys = plan->sort;
    sort->n_keys = plan->n_sort;
    sort->rows = mem_calloc(plan->n_cols, sizeof *sort->rows);
    sort->out_cols = mem_calloc(plan->n_cols, sizeof *sort->out_cols);
    sort->vecs = mem_calloc(plan->n_cols, sizeof *sort->vecs);
    sort->out_vecs = mem_calloc(plan->n_cols, sizeof *sort->out_vecs);
    if (!sort->rows || !sort->out_cols || !sort->vecs || !sort->out_vecs) TRY(error_oom(err));
    for (uint32_t c = 0; c < plan->n_cols; c++) {
        TRY(column_init(&sort->rows[c], plan->cols[c].type, err));
        TRY(column_init(&sort->out_cols[c], plan->cols[c].type, err));
    }
    *out = &sort->base;
    return LAMINAR_OK;
done:
    sort_free(&sort->base);
    return status;
}
