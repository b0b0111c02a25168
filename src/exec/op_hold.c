/* op_hold.c - EMIT EVERY of a query whose rows do not come straight out of one aggregate (joins, projections, aggregates that are joined): holds the
 * changes back, and gives out once a period what is left of them.
 *
 * Algebra: out = in, later: the sum of the deltas of a period, in which a row that came and went again is nothing. It stands above everything else, so
 * all that a query's parts changed in one step comes out together. The watermark is held back with the rows: what it announces is out when it passes.
 * State: "held", one entry per changed row and its net weight, empty after each period, so it is bounded by what changes in one. Late rows: none.
 * Cost: a hash lookup per changed row. Not used in one-shot queries. */
#include "base/error.h"
#include "exec/op_rows.h"
#include "exec/ops.h"

struct hold {
    struct op op; /* first */
    struct state_hash *held;
    int64_t every_us;
    bool is_append_only;
    struct column *cols;
    struct vector *vecs;
    uint64_t *slots;
    uint8_t **payloads;
    int64_t *weights;
};

static int64_t *net_weight(uint8_t *payload) { return (int64_t *)(void *)payload; }

static laminar_status hold_process(struct op *op, struct step *step, uint32_t port,
                                   const struct chunk *chunk)
{
    (void)port;
    struct hold *h = (struct hold *)op;
    size_t n = chunk->n_rows;
    laminar_status status = state_hash_upsert(h->held, chunk->cols, n, h->slots, h->payloads, NULL,
                                              step->err);
    if (status) return status;
    for (size_t i = 0; i < n; i++)
        *net_weight(h->payloads[i]) += chunk->weights ? chunk->weights[i] : 1;
    return LAMINAR_OK;
}

static laminar_status emit_slots(struct hold *h, struct step *step, size_t n, bool has_weights)
{
    laminar_status status = LAMINAR_OK;
    for (uint32_t k = 0; k < h->op.n_cols && !status; k++) {
        column_clear(&h->cols[k]);
        status = state_hash_keys(h->held, k, h->slots, n, &h->cols[k], step->err);
        h->vecs[k] = h->cols[k].vec;
    }
    if (status) return status;
    return op_emit(
        &h->op, step,
        &(struct chunk){(uint32_t)n, h->op.n_cols, h->vecs, has_weights ? h->weights : NULL});
}

/* What only grows has no weights: a row that came several times comes out several times. */
static laminar_status emit_rows(struct hold *h, struct step *step)
{
    laminar_status status = LAMINAR_OK;
    uint64_t cursor = 0, slot;
    size_t n_out = 0;
    while (!status && state_hash_scan(h->held, &cursor, &slot, 1) > 0) {
        int64_t left = *net_weight(state_hash_row(h->held, slot));
        while (!status && left-- > 0) {
            h->slots[n_out++] = slot;
            if (n_out < CHUNK_ROWS) continue;
            status = emit_slots(h, step, n_out, false);
            n_out = 0;
        }
    }
    return status || n_out == 0 ? status : emit_slots(h, step, n_out, false);
}

/* Rows of one sign: what goes, then what comes, so that a reader by key never has two rows of one. */
static laminar_status emit_sign(struct hold *h, struct step *step, bool is_plus)
{
    laminar_status status = LAMINAR_OK;
    uint64_t cursor = 0;
    size_t n;
    while (!status && (n = state_hash_scan(h->held, &cursor, h->slots, CHUNK_ROWS)) > 0) {
        size_t kept = 0;
        for (size_t i = 0; i < n; i++) {
            int64_t weight = *net_weight(state_hash_row(h->held, h->slots[i]));
            h->slots[kept] = h->slots[i];
            h->weights[kept] = weight;
            kept += is_plus ? weight > 0 : weight < 0;
        }
        if (kept) status = emit_slots(h, step, kept, true);
    }
    return status;
}

static laminar_status hold_finish(struct op *op, struct step *step)
{
    struct hold *h = (struct hold *)op;
    struct state *held = state_hash_base(h->held);
    if (held->n_rows == 0) {
        op->wake_us = 0;
        op->watermark_out = op->watermark_in;
        return LAMINAR_OK;
    }
    /* the end of the period that the oldest held change fell into */
    if (op->wake_us == 0)
        op->wake_us = (uint64_t)(step->time_us - step->time_us % h->every_us + h->every_us);
    if (step->time_us < (int64_t)op->wake_us && !step_gives_all(step)) return LAMINAR_OK;
    laminar_status status = h->is_append_only ? emit_rows(h, step) : emit_sign(h, step, false);
    if (!status && !h->is_append_only) status = emit_sign(h, step, true);
    held->cls->clear(held);
    op->wake_us = 0;
    op->watermark_out = op->watermark_in;
    return status;
}

static void hold_free(struct op *op)
{
    struct hold *h = (struct hold *)op;
    columns_free(h->cols, op->n_cols);
    op_deinit(op);
    mem_free(h->vecs);
    mem_free(h->slots);
    mem_free(h->payloads);
    mem_free(h->weights);
    mem_free(h);
}

static void hold_explain(const struct op *op, struct strbuf *out)
{
    strbuf_printf(out, "hold, %zu rows", state_hash_base(((const struct hold *)op)->held)->n_rows);
}

static const struct op_class hold_class = {.name = "hold",
                                           .process = hold_process,
                                           .finish_step = hold_finish,
                                           .free = hold_free,
                                           .explain = hold_explain};

laminar_status op_hold_create(struct circuit *circuit, const struct plan *plan,
                              enum circuit_mode mode, struct op **out, struct laminar_error *err)
{
    (void)mode;
    assert(plan->kind == PLAN_HOLD && plan->emit_every_us > 0);
    laminar_status status;
    struct data_type *types = NULL;
    struct hold *h = mem_calloc(1, sizeof *h);
    if (!h) return error_oom(err);
    TRY(op_init(&h->op, &hold_class, circuit, plan, 1, err));
    h->every_us = plan->emit_every_us;
    h->is_append_only = plan->inputs[0]->props.is_append_only;
    types = mem_calloc(plan->n_cols + 1, sizeof *types);
    if (!types) TRY(error_oom(err));
    for (uint32_t i = 0; i < plan->n_cols; i++) types[i] = plan->cols[i].type;
    struct state_hash_options options = {.name = "held",
                                         .key_types = types,
                                         .n_keys = plan->n_cols,
                                         .payload_bytes = sizeof(int64_t),
                                         .payload_align = 8,
                                         .account = circuit_account(circuit)};
    TRY(state_hash_create(&options, &h->held, err));
    TRY(op_add_state(&h->op, state_hash_base(h->held), err));
    TRY(columns_create(plan->cols, plan->n_cols, &h->cols, err));
    h->vecs = mem_calloc(plan->n_cols + 1, sizeof *h->vecs);
    h->slots = mem_alloc(CHUNK_ROWS * sizeof *h->slots);
    h->payloads = mem_alloc(CHUNK_ROWS * sizeof *h->payloads);
    h->weights = mem_alloc(CHUNK_ROWS * sizeof *h->weights);
    if (!h->vecs || !h->slots || !h->payloads || !h->weights) TRY(error_oom(err));
    *out = &h->op;
    mem_free(types);
    return LAMINAR_OK;
done:
    mem_free(types);
    hold_free(&h->op);
    return status;
}
