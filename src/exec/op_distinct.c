/* op_distinct.c - SELECT DISTINCT: each row of the input that is there at all, once.
 *
 * Algebra: a row comes out with +1 when its count goes from nothing to something, with -1 when it goes back, judged at the end of a step where the input
 * retracts; an append-only input is answered at once. State: "rows", one per distinct row. A retraction lowers the count.
 * Payload: i64 count; u32 number in this step's list + 1 (0 between steps). */
#include "base/error.h"
#include "exec/op_rows.h"
#include "exec/ops.h"

struct row_state {
    int64_t count;
    uint32_t mark;
    uint32_t reserved;
};
struct touched_row {
    uint64_t slot;
    bool was_there;
};

struct distinct {
    struct op op; /* first */
    struct state_hash *rows;
    bool is_retracting;
    ARRAY_OF(struct touched_row) touched;
    struct column *cols;
    struct vector *vecs;
    uint64_t *slots;
    uint8_t **payloads;
    uint8_t *is_new;
    uint32_t *sel;
    int64_t *weights;
};

static struct row_state *row_state(uint8_t *payload) { return (struct row_state *)(void *)payload; }

/* Nothing is ever taken back: new rows go straight on. */
static laminar_status pass_new(struct distinct *d, struct step *step, const struct chunk *chunk)
{
    size_t n = 0;
    for (size_t i = 0; i < chunk->n_rows; i++) {
        d->sel[n] = (uint32_t)i;
        n += d->is_new[i];
    }
    if (n == 0) return LAMINAR_OK;
    if (n == chunk->n_rows)
        return op_emit(&d->op, step,
                       &(struct chunk){chunk->n_rows, chunk->n_cols, chunk->cols, NULL});
    struct chunk out, in = {chunk->n_rows, chunk->n_cols, chunk->cols, NULL};
    laminar_status status = kernel_gather_chunk(&in, d->sel, n, d->cols, NULL, d->vecs, &out,
                                                step->err);
    return status ? status : op_emit(&d->op, step, &out);
}

static laminar_status distinct_process(struct op *op, struct step *step, uint32_t port,
                                       const struct chunk *chunk)
{
    (void)port;
    struct distinct *d = (struct distinct *)op;
    size_t n = chunk->n_rows;
    laminar_status status = state_hash_upsert(d->rows, chunk->cols, n, d->slots, d->payloads,
                                              d->is_new, step->err);
    if (status) return status;
    if (!d->is_retracting) return pass_new(d, step, chunk);
    if (!ARRAY_RESERVE(&d->touched, d->touched.n + n)) return error_oom(step->err);
    for (size_t i = 0; i < n; i++) {
        struct row_state *row = row_state(d->payloads[i]);
        if (!row->mark) {
            d->touched.items[d->touched.n++] = (struct touched_row){d->slots[i], row->count > 0};
            row->mark = (uint32_t)d->touched.n;
        }
        row->count += chunk->weights ? chunk->weights[i] : 1;
    }
    return LAMINAR_OK;
}

static laminar_status emit_slots(struct distinct *d, struct step *step, size_t n)
{
    laminar_status status = LAMINAR_OK;
    bool has_minus = false;
    for (uint32_t k = 0; k < d->op.n_cols && !status; k++) {
        column_clear(&d->cols[k]);
        status = state_hash_keys(d->rows, k, d->slots, n, &d->cols[k], step->err);
        d->vecs[k] = d->cols[k].vec;
    }
    for (size_t i = 0; i < n; i++) has_minus |= d->weights[i] < 0;
    if (status) return status;
    return op_emit(
        &d->op, step,
        &(struct chunk){(uint32_t)n, d->op.n_cols, d->vecs, has_minus ? d->weights : NULL});
}

static laminar_status distinct_finish(struct op *op, struct step *step)
{
    struct distinct *d = (struct distinct *)op;
    op->watermark_out = op->watermark_in;
    laminar_status status = LAMINAR_OK;
    for (size_t at = 0; at < d->touched.n && !status; at += CHUNK_ROWS) {
        size_t n = d->touched.n - at < CHUNK_ROWS ? d->touched.n - at : CHUNK_ROWS, n_out = 0;
        const struct touched_row *touched = d->touched.items + at;
        for (size_t i = 0; i < n; i++) {
            /* written in this step: can't fail */
            struct row_state *row = row_state(state_hash_row_for_write(d->rows, touched[i].slot));
            ENSURE(row, step->err);
            row->mark = 0;
            if ((row->count > 0) == touched[i].was_there) continue;
            d->slots[n_out] = touched[i].slot;
            d->weights[n_out++] = touched[i].was_there ? -1 : 1;
        }
        if (n_out) status = emit_slots(d, step, n_out);
        size_t n_gone = 0;
        for (size_t i = 0; i < n && !status; i++)
            if (row_state(state_hash_row(d->rows, touched[i].slot))->count == 0)
                d->slots[n_gone++] = touched[i].slot;
        state_hash_remove(d->rows, d->slots, n_gone);
    }
    d->touched.n = 0;
    return status;
}

static laminar_status distinct_contents(struct op *op, struct step *step)
{
    struct distinct *d = (struct distinct *)op;
    laminar_status status = LAMINAR_OK;
    uint64_t cursor = 0;
    size_t n;
    while (!status && (n = state_hash_scan(d->rows, &cursor, d->slots, CHUNK_ROWS)) > 0) {
        size_t kept = 0;
        for (size_t i = 0; i < n; i++) {
            d->slots[kept] = d->slots[i];
            d->weights[kept] = 1;
            /* rows that are never taken back are not counted */
            kept += !d->is_retracting || row_state(state_hash_row(d->rows, d->slots[i]))->count > 0;
        }
        if (kept) status = emit_slots(d, step, kept);
    }
    return status;
}

static void distinct_free(struct op *op)
{
    struct distinct *d = (struct distinct *)op;
    columns_free(d->cols, op->n_cols);
    op_deinit(op);
    ARRAY_DEINIT(&d->touched);
    mem_free(d->vecs);
    mem_free(d->slots);
    mem_free(d->payloads);
    mem_free(d->is_new);
    mem_free(d->sel);
    mem_free(d->weights);
    mem_free(d);
}

static void distinct_explain(const struct op *op, struct strbuf *out)
{
    strbuf_printf(out, "distinct, %zu rows",
                  state_hash_base(((const struct distinct *)op)->rows)->n_rows);
}

static const struct op_class distinct_class = {.name = "distinct",
                                               .process = distinct_process,
                                               .finish_step = distinct_finish,
                                               .free = distinct_free,
                                               .explain = distinct_explain,
                                               .contents = distinct_contents};

laminar_status op_distinct_create(struct circuit *circuit, const struct plan *plan,
                                  enum circuit_mode mode, struct op **out,
                                  struct laminar_error *err)
{
    (void)mode;
    assert(plan->kind == PLAN_DISTINCT);
    laminar_status status;
    struct data_type *types = NULL;
    struct distinct *d = mem_calloc(1, sizeof *d);
    if (!d) return error_oom(err);
    TRY(op_init(&d->op, &distinct_class, circuit, plan, 1, err));
    d->is_retracting = !plan->inputs[0]->props.is_append_only;
    types = mem_calloc(plan->n_cols + 1, sizeof *types);
    if (!types) TRY(error_oom(err));
    for (uint32_t i = 0; i < plan->n_cols; i++) types[i] = plan->cols[i].type;
    struct state_hash_options options = {.name = "rows",
                                         .key_types = types,
                                         .n_keys = plan->n_cols,
                                         .payload_bytes = sizeof(struct row_state),
                                         .payload_align = 8,
                                         .account = circuit_account(circuit)};
    TRY(state_hash_create(&options, &d->rows, err));
    TRY(op_add_state(&d->op, state_hash_base(d->rows), err));
    TRY(columns_create(plan->cols, plan->n_cols, &d->cols, err));
    d->vecs = mem_calloc(plan->n_cols + 1, sizeof *d->vecs);
    d->slots = mem_alloc(CHUNK_ROWS * sizeof *d->slots);
    d->payloads = mem_alloc(CHUNK_ROWS * sizeof *d->payloads);
    d->is_new = mem_alloc(CHUNK_ROWS);
    d->sel = mem_alloc(CHUNK_ROWS * sizeof *d->sel);
    d->weights = mem_alloc(CHUNK_ROWS * sizeof *d->weights);
    if (!d->vecs || !d->slots || !d->payloads || !d->is_new || !d->sel || !d->weights)
        TRY(error_oom(err));
    *out = &d->op;
    mem_free(types);
    return LAMINAR_OK;
done:
    mem_free(types);
    distinct_free(&d->op);
    return status;
}
