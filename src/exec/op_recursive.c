/* op_recursive.c - WITH RECURSIVE, by semi-naive iteration; and the entry of its rows into the recursive part.
 *
 * Port 0 is the first part, the others are what the recursive part reads besides. The recursive part is a circuit of its own. Once all inputs are in,
 * the rows found last are fed into it and what comes out are the rows of the next round, until there are none. The part is linear in them, and its
 * joins keep what the other ports brought: so a round costs what its rows cost. UNION keeps all rows that were found, in a hash table, and only new ones go on;
 * UNION ALL keeps the last round only.
 * One-shot queries only: a retraction would have to undo rounds. Ends with an error after ROUNDS_MAX rounds; a query can be cancelled between chunks. */
#include "base/error.h"
#include "exec/op_rows.h"
#include "exec/ops.h"

enum { ROUNDS_MAX = 1000000 };

/* --- Entry of the inner circuit ------------------------------------------------------------------------------------------------------------ */

struct working {
    struct op op; /* first */
    uint32_t port;
};

static laminar_status working_process(struct op *op, struct step *step, uint32_t port,
                                      const struct chunk *chunk)
{
    (void)port;
    return op_emit(op, step, chunk);
}

static void working_free(struct op *op)
{
    op_deinit(op);
    mem_free(op);
}

static void working_explain(const struct op *op, struct strbuf *out)
{
    strbuf_printf(out, "rows of the round before, %u columns", op->n_cols);
}

static const struct op_class working_class = {.name = "working rows",
                                              .process = working_process,
                                              .free = working_free,
                                              .explain = working_explain};

laminar_status op_working_create(struct circuit *circuit, const struct plan *plan,
                                 enum circuit_mode mode, struct op **out, struct laminar_error *err)
{
    (void)mode;
    assert(plan->kind == PLAN_WORKING);
    struct working *working = mem_calloc(1, sizeof *working);
    if (!working) return error_oom(err);
    laminar_status status = op_init(&working->op, &working_class, circuit, plan, 1, err);
    if (status) {
        working_free(&working->op);
        return status;
    }
    working->port = plan->working_port;
    *out = &working->op;
    return LAMINAR_OK;
}

/* --- Rounds -------------------------------------------------------------------------------------------------------------------------------- */

struct round { /* rows found */
    struct column *cols;
    size_t n;
};
struct recursive {
    struct op op; /* first */
    struct circuit *inner;
    struct circuit_part part;
    struct op *output;
    struct state_hash *seen; /* UNION: all rows so far */
    struct round rounds[2];
    struct round *next; /* being filled */
    struct laminar_error failure;
    bool has_failed;
    uint64_t *slots;
    uint8_t **payloads;
    uint8_t *is_new;
    uint32_t *sel;
};

static laminar_status append_rows(struct recursive *r, const struct chunk *chunk, size_t n,
                                  struct laminar_error *err)
{
    for (uint32_t c = 0; n && c < r->op.n_cols; c++) {
        laminar_status status = column_append_sel(&r->next->cols[c], &chunk->cols[c], r->sel, n,
                                                  STRINGS_COPY, err);
        if (status) return status;
    }
    r->next->n += n;
    return LAMINAR_OK;
}

/* Rows to go on with: the new ones for UNION; as often as their weight says for UNION ALL. */
static laminar_status take_rows(struct recursive *r, const struct chunk *chunk,
                                struct laminar_error *err)
{
    size_t n = 0;
    if (r->seen) {
        laminar_status status = state_hash_upsert(r->seen, chunk->cols, chunk->n_rows, r->slots,
                                                  r->payloads, r->is_new, err);
        if (status) return status;
    }
    for (uint32_t i = 0; i < chunk->n_rows; i++) {
        int64_t weight = chunk->weights ? chunk->weights[i] : 1;
        ENSURE(weight > 0, err);
        if (r->seen) weight = r->is_new[i];
        for (; weight > 0; weight--) {
            r->sel[n++] = i;
            if (n < CHUNK_ROWS) continue;
            laminar_status status = append_rows(r, chunk, n, err);
            if (status) return status;
            n = 0;
        }
    }
    return append_rows(r, chunk, n, err);
}

static laminar_status recursive_process(struct op *op, struct step *step, uint32_t port,
                                        const struct chunk *chunk)
{
    struct recursive *r = (struct recursive *)op;
    if (port == 0) return take_rows(r, chunk, step->err);
    for (uint32_t i = 0; i < r->part.n_scans; i++) {
        if (((struct working *)r->part.scans[i])->port != port) continue;
        laminar_status status = circuit_push(r->inner, step, r->part.scans[i], chunk);
        if (status) return status;
    }
    return LAMINAR_OK;
}

static laminar_status on_inner_chunk(void *ctx, struct step *step, const struct chunk *chunk)
{
    return take_rows(ctx, chunk, step->err);
}

static laminar_status on_inner_finish(void *ctx, struct step *step, int64_t watermark_us)
{
    (void)ctx;
    (void)step;
    (void)watermark_us;
    return LAMINAR_OK;
}

static void on_inner_failure(void *ctx, const struct laminar_error *err)
{
    struct recursive *r = ctx;
    if (!r->has_failed) r->failure = *err;
    r->has_failed = true;
}

static laminar_status finish_inner(struct recursive *r, struct step *step)
{
    circuit_finish_step(r->inner, step);
    if (!r->has_failed) return LAMINAR_OK;
    if (step->err) *step->err = r->failure;
    return r->failure.code;
}

/* The rows of a round go out, and into the recursive part, a chunk at a time. */
static laminar_status run_round(struct recursive *r, struct step *step, struct step *inner_step,
                                const struct round *round)
{
    struct vector *cols = mem_calloc(r->op.n_cols + 1, sizeof *cols);
    laminar_status status = LAMINAR_OK;
    if (!cols) return error_oom(step->err);
    for (size_t at = 0; at < round->n && !status; at += CHUNK_ROWS) {
        size_t n = round->n - at < CHUNK_ROWS ? round->n - at : CHUNK_ROWS;
        for (uint32_t c = 0; c < r->op.n_cols; c++) cols[c] = vector_slice(&round->cols[c].vec, at);
        struct chunk chunk = {(uint32_t)n, r->op.n_cols, cols, NULL};
        TRY(step_check(step));
        TRY(op_emit(&r->op, step, &chunk));
        for (uint32_t i = 0; i < r->part.n_scans; i++)
            if (((struct working *)r->part.scans[i])->port == 0)
                TRY(circuit_push(r->inner, inner_step, r->part.scans[i], &chunk));
    }
    inner_step->number++;
    TRY(finish_inner(r, inner_step));
done:
    mem_free(cols);
    return status;
}

static void clear_round(struct recursive *r, struct round *round)
{
    for (uint32_t c = 0; c < r->op.n_cols; c++) column_clear(&round->cols[c]);
    round->n = 0;
}

static laminar_status recursive_finish(struct op *op, struct step *step)
{
    struct recursive *r = (struct recursive *)op;
    struct step inner = *step;
    struct round *last = r->next;
    laminar_status status = LAMINAR_OK;
    inner.is_last = false;
    op->watermark_out = op->watermark_in;
    TRY(finish_inner(r, &inner)); /* what the other inputs have put in */
    for (uint32_t n_rounds = 0; last->n > 0; n_rounds++) {
        if (n_rounds == ROUNDS_MAX) {
            error_set(step->err, LAMINAR_QUERY_FAILED,
                      "the recursive query has not ended after %d rounds", (int)ROUNDS_MAX);
            error_hint(
                step->err,
                r->seen
                    ? "add a condition that ends it"
                    : "add a condition that ends it, or UNION instead of UNION ALL if rows come again");
            TRY(LAMINAR_QUERY_FAILED);
        }
        r->next = last == &r->rounds[0] ? &r->rounds[1] : &r->rounds[0];
        clear_round(r, r->next);
        TRY(run_round(r, step, &inner, last));
        last = r->next;
    }
done:
    return status;
}

static void recursive_free(struct op *op)
{
    struct recursive *r = (struct recursive *)op;
    if (r->inner) {
        circuit_remove(r->inner, &r->part);
        circuit_free(r->inner);
    }
    columns_free(r->rounds[0].cols, op->n_cols);
    columns_free(r->rounds[1].cols, op->n_cols);
    mem_free(r->slots);
    mem_free(r->payloads);
    mem_free(r->is_new);
    mem_free(r->sel);
    op_deinit(op);
    mem_free(r);
}

static void recursive_explain(const struct op *op, struct strbuf *out)
{
    strbuf_puts(out,
                ((const struct recursive *)op)->seen ? "recursive union" : "recursive union all");
}

static const struct op_class recursive_class = {.name = "recursive",
                                                .process = recursive_process,
                                                .finish_step = recursive_finish,
                                                .free = recursive_free,
                                                .explain = recursive_explain};

static laminar_status create_seen(struct recursive *r, const struct plan *plan,
                                  struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct data_type *types = mem_calloc(plan->n_cols + 1, sizeof *types);
    if (!types) return error_oom(err);
    for (uint32_t i = 0; i < plan->n_cols; i++) types[i] = plan->cols[i].type;
    struct state_hash_options options = {.name = "rows",
                                         .key_types = types,
                                         .n_keys = plan->n_cols,
                                         .payload_bytes = 8,
                                         .payload_align = 8,
                                         .account = circuit_account(r->op.circuit)};
    TRY(state_hash_create(&options, &r->seen, err));
    TRY(op_add_state(&r->op, state_hash_base(r->seen), err));
done:
    mem_free(types);
    return status;
}

static laminar_status create_rounds(struct recursive *r, const struct plan *plan,
                                    struct laminar_error *err)
{
    for (int i = 0; i < 2; i++) {
        laminar_status status = columns_create(plan->cols, plan->n_cols, &r->rounds[i].cols, err);
        if (status) return status;
        for (uint32_t c = 0; c < plan->n_cols; c++)
            r->rounds[i].cols[c].account = circuit_account(r->op.circuit);
    }
    r->next = &r->rounds[0];
    return LAMINAR_OK;
}

laminar_status op_recursive_create(struct circuit *circuit, const struct plan *plan,
                                   enum circuit_mode mode, struct op **out,
                                   struct laminar_error *err)
{
    assert(plan->kind == PLAN_RECURSIVE && plan->term);
    laminar_status status;
    struct recursive *r = mem_calloc(1, sizeof *r);
    if (!r) return error_oom(err);
    struct output_callbacks callbacks = {.on_chunk = on_inner_chunk,
                                         .on_finish = on_inner_finish,
                                         .on_failure = on_inner_failure,
                                         .ctx = r};
    TRY(op_init(&r->op, &recursive_class, circuit, plan, plan->n_inputs, err));
    if (mode != CIRCUIT_ONE_SHOT)
        TRY(error_internal(err, __FILE__, __LINE__, "a stream with a recursive query"));
    if (!plan->is_set_all) TRY(create_seen(r, plan, err));
    TRY(create_rounds(r, plan, err));
    r->slots = mem_alloc(CHUNK_ROWS * sizeof *r->slots);
    r->payloads = mem_alloc(CHUNK_ROWS * sizeof *r->payloads);
    r->is_new = mem_alloc(CHUNK_ROWS);
    r->sel = mem_alloc(CHUNK_ROWS * sizeof *r->sel);
    if (!r->slots || !r->payloads || !r->is_new || !r->sel) TRY(error_oom(err));
    TRY(circuit_create(circuit_account(circuit), &r->inner, err));
    TRY(circuit_add(r->inner, plan->term, CIRCUIT_STREAM, &r->part, err));
    TRY(circuit_add_output(r->inner, r->part.root, &callbacks, &r->output, err));
    *out = &r->op;
    return LAMINAR_OK;
done:
    recursive_free(&r->op);
    return status;
}
