/* op_values.c - constant rows: VALUES, and SELECT without FROM.
 *
 * Algebra: emits its rows once, in the first step that finishes after its creation; nothing after that, so its watermark is at the end.
 * State: one row that says that it has been done, so that a restored circuit doesn't do it again. */
#include "exec/ops.h"
#include "exec/state_multimap.h"

struct op_values {
    struct op base;
    struct expr **exprs; /* n_rows x n_cols */
    size_t n_rows;
    struct state_multimap *done;
};

static laminar_status values_process(struct op *op, struct step *step, uint32_t port,
                                     const struct chunk *chunk)
{
    (void)op;
    (void)port;
    (void)chunk;
    return error_internal(step->err, __FILE__, __LINE__, "VALUES has no input");
}

static laminar_status append_value(struct column *col, struct expr *e, struct step *step,
                                   struct arena *scratch)
{
    if (e->kind == EXPR_CONST) return column_append(col, &e->value, 0, 1, STRINGS_COPY, step->err);
    struct program *program = NULL;
    struct vector value;
    uint8_t bad = 0;
    struct eval_env env = step_eval_env(step);
    struct chunk one = {.n_rows = 1};
    laminar_status status;
    env.scratch = scratch;
    env.bad_rows = &bad;
    /* a constant that has no value is the statement's error */
    if (env.mode == ROW_ERROR_SKIP) env.mode = ROW_ERROR_FAIL;
    TRY(program_create(&e, 1, &program, step->err));
    TRY(program_run(program, &one, &env, &value));
    TRY(column_append(col, &value, 0, 1, STRINGS_COPY, step->err));
done:
    program_free(program);
    return status;
}

static laminar_status emit_rows(struct op_values *values, struct step *step)
{
    struct op *op = &values->base;
    struct arena scratch = {0};
    laminar_status status = LAMINAR_OK;
    struct column *cols = mem_calloc(op->n_cols, sizeof *cols);
    struct vector *vecs = mem_calloc(op->n_cols, sizeof *vecs);
    if (!cols || !vecs) TRY(error_oom(step->err));
    for (uint32_t c = 0; c < op->n_cols; c++)
        TRY(column_init(&cols[c], op->cols[c].type, step->err));
    for (size_t from = 0; from < values->n_rows; from += CHUNK_ROWS) {
        size_t n = values->n_rows - from < CHUNK_ROWS ? values->n_rows - from : CHUNK_ROWS;
        for (uint32_t c = 0; c < op->n_cols; c++) {
            column_clear(&cols[c]);
            for (size_t i = 0; i < n; i++)
                TRY(append_value(&cols[c], values->exprs[(from + i) * op->n_cols + c], step,
                                 &scratch));
            vecs[c] = cols[c].vec;
        }
        struct chunk out = {.n_rows = (uint32_t)n, .n_cols = op->n_cols, .cols = vecs};
        TRY(op_emit(op, step, &out));
    }
done:
    for (uint32_t c = 0; cols && c < op->n_cols; c++) column_deinit(&cols[c]);
    mem_free(cols);
    mem_free(vecs);
    arena_deinit(&scratch);
    return status;
}

static laminar_status values_finish(struct op *op, struct step *step)
{
    struct op_values *values = CONTAINER_OF(op, struct op_values, base);
    laminar_status status = LAMINAR_OK;
    if (values->done->rows.state.n_rows == 0) {
        int64_t one = 1;
        struct vector v = {.type = TYPE(INT64), .shape = VEC_CONST, .data = &one};
        uint64_t hash;
        kernel_hash(&v, 1, 1, &hash);
        TRY(multimap_apply(values->done, &v, &hash, NULL, 1, NULL, NULL, step->err));
        TRY(emit_rows(values, step));
    }
    op->watermark_out = WATERMARK_END;
done:
    return status;
}

static void values_free(struct op *op)
{
    op_deinit(op);
    mem_free(CONTAINER_OF(op, struct op_values, base));
}

static void values_explain(const struct op *op, struct strbuf *out)
{
    strbuf_printf(out, "%zu constant rows", CONTAINER_OF(op, struct op_values, base)->n_rows);
}

static const struct op_class values_class = {.name = "values",
                                             .process = values_process,
                                             .finish_step = values_finish,
                                             .free = values_free,
                                             .explain = values_explain};

laminar_status op_values_create(struct circuit *circuit, const struct plan *plan,
                                enum circuit_mode mode, struct op **out, struct laminar_error *err)
{
    (void)mode;
    assert(plan->kind == PLAN_VALUES);
    struct op_values *values = mem_calloc(1, sizeof *values);
    if (!values) return error_oom(err);
    const struct data_type type = TYPE(INT64);
    const uint32_t key = 0;
    struct multimap_options options = {.name = "done",
                                       .types = &type,
                                       .n_cols = 1,
                                       .key_cols = &key,
                                       .n_keys = 1,
                                       .mode = MULTIMAP_CHAIN,
                                       .account = circuit_account(circuit)};
    laminar_status status;
    TRY(op_init(&values->base, &values_class, circuit, plan, 0, err));
    values->exprs = plan->exprs;
    values->n_rows = plan->n_rows;
    TRY(multimap_create(&options, &values->done, err));
    TRY(op_add_state(&values->base, &values->done->rows.state, err));
    *out = &values->base;
    return LAMINAR_OK;
done:
    values_free(&values->base);
    return status;
}
