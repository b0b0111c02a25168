/* op_unnest.c - UNNEST and generate_series: each row of the input once for each element of its arrays, maps or series.
 *
 * Several of them go side by side: as many rows as the longest has, nulls where a shorter one has ended. A row without elements goes, but in the outer
 * form, where it comes out once with nulls. Output: those columns of the input that are asked for, one column an item (two for a map), and the number
 * of the element if wanted.
 * Algebra: linear, row by row; a retraction retracts the same elements again, so arguments must not be volatile in a stream. No state.
 * Cost: one gather an output row and column; strings and nested elements are borrowed from the input chunk. */
#include "base/error.h"
#include "exec/op_rows.h"
#include "exec/ops.h"
#include "function/time_math.h"

#define NO_ELEMENT UINT32_MAX

/* Where an item is in its array or series, for the row at hand. */
struct cursor {
    uint32_t at, end; /* elements of the child vector */
    int64_t value, stop;
    struct laminar_interval step; /* of times; of numbers: nanos */
    bool is_up;
    bool is_over;
};
struct item {
    const struct unnest_item *plan;
    uint32_t arg; /* its first value among the program's */
    uint32_t col; /* its first output column */
    struct cursor cursor;
    uint32_t *elements; /* per output row: index into the child, NO_ELEMENT = null */
    int64_t *values;    /* series */
};
struct unnest {
    struct op op; /* first */
    const struct plan *plan;
    struct program *args;
    struct item *items;
    uint32_t n_items;
    struct vector *arg_vecs;
    struct column *cols;
    struct vector *pass_vecs; /* the input's columns that are passed on */
    struct vector *vecs;
    struct bad_rows bad;
    uint32_t *sel; /* input row of each output row */
    int64_t *ordinals;
    int64_t *weights;
    size_t n; /* output rows waiting */
};

/* --- Items ------------------------------------------------------------------------------------------------------------------------------- */

static const void *value_at(const struct vector *v, size_t row)
{
    return (const char *)v->data + (v->shape == VEC_CONST ? 0 : row) * type_width(v->type);
}

/* A step of 0, or a time that can't be represented: as any bad row. */
static laminar_status series_fail(struct unnest *u, struct step *step, const char *what)
{
    if (step->error_mode == ROW_ERROR_FAIL) {
        error_set(step->err, LAMINAR_QUERY_FAILED, "generate_series: %s", what);
        if (step->sql) error_position(step->err, step->sql, step->sql_size, u->plan->sql_offset);
        return LAMINAR_QUERY_FAILED;
    }
    if (step->error_mode == ROW_ERROR_SKIP) u->op.bad_rows++;
    return LAMINAR_OK;
}

static laminar_status start_series(struct unnest *u, struct step *step, struct item *item,
                                   size_t row)
{
    struct cursor *c = &item->cursor;
    const struct vector *args = &u->arg_vecs[item->arg];
    bool is_null = false;
    for (uint32_t i = 0; i < 3; i++) is_null |= !vector_is_valid(&args[i], row);
    *c = (struct cursor){.is_over = is_null};
    if (is_null) return LAMINAR_OK;
    memcpy(&c->value, value_at(&args[0], row), sizeof c->value);
    memcpy(&c->stop, value_at(&args[1], row), sizeof c->stop);
    if (args[2].type.id == LAMINAR_TYPE_INTERVAL)
        memcpy(&c->step, value_at(&args[2], row), sizeof c->step);
    else
        memcpy(&c->step.nanos, value_at(&args[2], row), sizeof c->step.nanos);
    bool goes_up = c->step.months > 0 || c->step.days > 0 || c->step.nanos > 0,
         goes_down = c->step.months < 0 || c->step.days < 0 || c->step.nanos < 0;
    c->is_up = goes_up;
    c->is_over = true;
    if (!goes_up && !goes_down) return series_fail(u, step, "the step is 0");
    if (goes_up && goes_down) return series_fail(u, step, "the step has parts of both signs");
    c->is_over = goes_up ? c->value > c->stop : c->value < c->stop;
    if (c->value == c->stop && item->plan->excludes_end) c->is_over = true;
    return LAMINAR_OK;
}

static laminar_status start_item(struct unnest *u, struct step *step, struct item *item, size_t row)
{
    if (item->plan->kind == UNNEST_SERIES) return start_series(u, step, item, row);
    const struct vector *v = &u->arg_vecs[item->arg];
    struct list_entry entry = {0};
    if (vector_is_valid(v, row)) memcpy(&entry, value_at(v, row), sizeof entry);
    item->cursor = (struct cursor){
        .at = entry.offset, .end = entry.offset + entry.length, .is_over = entry.length == 0};
    return LAMINAR_OK;
}

static laminar_status advance_series(struct unnest *u, struct step *step, struct item *item)
{
    struct cursor *c = &item->cursor;
    const struct data_type type = item->plan->args[0]->type;
    int64_t next;
    bool fits = type_is_timestamp(type)
                    ? timestamp_add_interval(c->value, type.unit, c->step, 1, NULL, &next)
                    : !__builtin_add_overflow(c->value, c->step.nanos, &next);
    /* a number beyond BIGINT is beyond the end, too */
    if (!fits) {
        c->is_over = true;
        return type_is_timestamp(type) ? series_fail(u, step, "a time is out of range")
                                       : LAMINAR_OK;
    }
    bool is_stuck = next == c->value; /* a step below the unit */
    if (is_stuck) {
        c->is_over = true;
        return series_fail(u, step, "the step is below the precision of the times");
    }
    c->is_over = c->is_up ? next > c->stop : next < c->stop;
    if (next == c->stop && item->plan->excludes_end) c->is_over = true;
    c->value = next;
    return LAMINAR_OK;
}

/* The item's next element as output row u->n. */
static laminar_status put_element(struct unnest *u, struct step *step, struct item *item)
{
    struct cursor *c = &item->cursor;
    item->elements[u->n] = c->is_over ? NO_ELEMENT : c->at;
    if (c->is_over) return LAMINAR_OK;
    if (item->plan->kind == UNNEST_SERIES) {
        item->values[u->n] = c->value;
        return advance_series(u, step, item);
    }
    c->is_over = ++c->at == c->end;
    return LAMINAR_OK;
}

/* --- Output ------------------------------------------------------------------------------------------------------------------------------ */

/* Elements of one child, runs of them and of nulls in turn. */
static laminar_status fill_column(struct column *col, const struct vector *child,
                                  const uint32_t *elements, size_t n, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    column_clear(col);
    for (size_t from = 0, to; from < n && !status; from = to) {
        bool is_null = elements[from] == NO_ELEMENT;
        for (to = from + 1; to < n && (elements[to] == NO_ELEMENT) == is_null;) to++;
        status = is_null ? column_append_null(col, to - from, err)
                         : column_append_sel(col, child, elements + from, to - from, STRINGS_BORROW,
                                             err);
    }
    return status;
}

static laminar_status fill_series(struct column *col, const struct item *item, size_t n,
                                  struct laminar_error *err)
{
    size_t n_values = 0;
    column_clear(col);
    laminar_status status = column_reserve(col, n, err);
    if (status) return status;
    while (n_values < n && item->elements[n_values] != NO_ELEMENT) n_values++;
    memcpy(col->vec.data, item->values, n_values * sizeof *item->values);
    col->n = n_values;
    for (size_t i = n_values; i < n && !status; i++)
        status = item->elements[i] == NO_ELEMENT ? column_append_null(col, 1, err)
                                                 : column_append_value(col, &item->values[i], err);
    return status;
}

static laminar_status fill_item(struct unnest *u, const struct item *item,
                                struct laminar_error *err)
{
    struct column *cols = u->cols + item->col;
    if (item->plan->kind == UNNEST_SERIES) return fill_series(cols, item, u->n, err);
    const struct vector *v = &u->arg_vecs[item->arg];
    laminar_status status = LAMINAR_OK;
    for (uint32_t c = 0; c < (item->plan->kind == UNNEST_MAP ? 2 : 1) && !status; c++)
        status = fill_column(&cols[c], v->children ? &v->children[c] : v, item->elements, u->n,
                             err);
    return status;
}

static laminar_status flush(struct unnest *u, struct step *step, const struct chunk *chunk)
{
    uint32_t n_pass = u->plan->n_pass, n_cols = u->op.n_cols;
    struct chunk pass = {.n_rows = chunk->n_rows,
                         .n_cols = n_pass,
                         .cols = u->pass_vecs,
                         .weights = chunk->weights},
                 out;
    size_t n = u->n;
    if (n == 0) return LAMINAR_OK;
    laminar_status status = step_check(step);
    if (!status)
        status = kernel_gather_chunk(&pass, u->sel, n, u->cols, u->weights, u->vecs, &out,
                                     step->err);
    for (uint32_t i = 0; i < u->n_items && !status; i++)
        status = fill_item(u, &u->items[i], step->err);
    if (!status && u->plan->has_ordinality) {
        struct vector ordinals = {.type = TYPE(INT64), .data = u->ordinals};
        column_clear(&u->cols[n_cols - 1]);
        status = column_append(&u->cols[n_cols - 1], &ordinals, 0, n, STRINGS_BORROW, step->err);
    }
    if (status) return status;
    for (uint32_t c = n_pass; c < n_cols; c++) u->vecs[c] = u->cols[c].vec;
    u->n = 0;
    return op_emit(&u->op, step, &(struct chunk){(uint32_t)n, n_cols, u->vecs, out.weights});
}

static laminar_status unnest_row(struct unnest *u, struct step *step, const struct chunk *chunk,
                                 size_t row)
{
    bool is_over = true;
    laminar_status status = LAMINAR_OK;
    for (uint32_t i = 0; i < u->n_items && !status; i++) {
        status = start_item(u, step, &u->items[i], row);
        is_over = is_over && u->items[i].cursor.is_over;
    }
    if (is_over && !u->plan->is_unnest_outer) return status;
    for (int64_t ordinal = 1; !status; ordinal++) {
        u->sel[u->n] = (uint32_t)row;
        u->ordinals[u->n] = ordinal;
        bool was_over = is_over;
        is_over = true;
        for (uint32_t i = 0; i < u->n_items && !status; i++) {
            status = put_element(u, step, &u->items[i]);
            is_over = is_over && u->items[i].cursor.is_over;
        }
        if (!status && ++u->n == CHUNK_ROWS) status = flush(u, step, chunk);
        if (is_over || was_over) break;
    }
    return status;
}

static laminar_status unnest_process(struct op *op, struct step *step, uint32_t port,
                                     const struct chunk *chunk)
{
    (void)port;
    struct unnest *u = (struct unnest *)op;
    struct eval_env env = rows_begin(step, &u->bad);
    u->n = 0;
    laminar_status status = program_run(u->args, chunk, &env, u->arg_vecs);
    for (uint32_t i = 0; i < u->plan->n_pass; i++) u->pass_vecs[i] = chunk->cols[u->plan->pass[i]];
    if (!status) status = op_leave_out(op, step, op->input, chunk, &env);
    for (size_t row = 0; row < chunk->n_rows && !status; row++)
        if (!env.n_bad_rows || !bitmap_get(env.bad_rows, row))
            status = unnest_row(u, step, chunk, row);
    return status ? status : flush(u, step, chunk);
}

static void unnest_free(struct op *op)
{
    struct unnest *u = (struct unnest *)op;
    program_free(u->args);
    for (uint32_t i = 0; i < u->n_items; i++) {
        mem_free(u->items[i].elements);
        mem_free(u->items[i].values);
    }
    mem_free(u->items);
    columns_free(u->cols, op->n_cols);
    mem_free(u->arg_vecs);
    mem_free(u->pass_vecs);
    mem_free(u->vecs);
    mem_free(u->sel);
    mem_free(u->ordinals);
    mem_free(u->weights);
    op_deinit(op);
    mem_free(u);
}

static void unnest_explain(const struct op *op, struct strbuf *out)
{
    strbuf_printf(out, "unnest of %u", ((const struct unnest *)op)->n_items);
}

static const struct op_class unnest_class = {
    .name = "unnest", .process = unnest_process, .free = unnest_free, .explain = unnest_explain};

static laminar_status create_items(struct unnest *u, const struct plan *plan,
                                   struct laminar_error *err)
{
    laminar_status status;
    uint32_t n_args = 0, col = plan->n_pass;
    struct expr **args = NULL;
    u->items = mem_calloc(plan->n_unnest + 1, sizeof *u->items);
    args = mem_calloc((size_t)plan->n_unnest * 3 + 1, sizeof(struct expr *));
    u->arg_vecs = mem_calloc((size_t)plan->n_unnest * 3 + 1, sizeof *u->arg_vecs);
    if (!u->items || !args || !u->arg_vecs) TRY(error_oom(err));
    u->n_items = plan->n_unnest;
    for (uint32_t i = 0; i < u->n_items; i++) {
        struct item *item = &u->items[i];
        *item = (struct item){.plan = &plan->unnest[i], .arg = n_args, .col = col};
        for (uint32_t k = 0; k < item->plan->n_args; k++) args[n_args++] = item->plan->args[k];
        col += item->plan->kind == UNNEST_MAP ? 2 : 1;
        item->elements = mem_alloc(CHUNK_ROWS * sizeof *item->elements);
        item->values = mem_alloc(CHUNK_ROWS * sizeof *item->values);
        if (!item->elements || !item->values) TRY(error_oom(err));
    }
    assert(col + plan->has_ordinality == plan->n_cols);
    TRY(program_create(args, n_args, &u->args, err));
done:
    mem_free(args);
    return status;
}

laminar_status op_unnest_create(struct circuit *circuit, const struct plan *plan,
                                enum circuit_mode mode, struct op **out, struct laminar_error *err)
{
    (void)mode;
    assert(plan->kind == PLAN_UNNEST);
    laminar_status status;
    struct unnest *u = mem_calloc(1, sizeof *u);
    if (!u) return error_oom(err);
    u->plan = plan;
    TRY(op_init(&u->op, &unnest_class, circuit, plan, 1, err));
    TRY(create_items(u, plan, err));
    TRY(columns_create(plan->cols, plan->n_cols, &u->cols, err));
    u->pass_vecs = mem_calloc(plan->n_pass + 1, sizeof *u->pass_vecs);
    u->vecs = mem_calloc(plan->n_cols + 1, sizeof *u->vecs);
    u->sel = mem_alloc(CHUNK_ROWS * sizeof *u->sel);
    u->ordinals = mem_alloc(CHUNK_ROWS * sizeof *u->ordinals);
    u->weights = mem_alloc(CHUNK_ROWS * sizeof *u->weights);
    if (!u->pass_vecs || !u->vecs || !u->sel || !u->ordinals || !u->weights) TRY(error_oom(err));
    *out = &u->op;
    return LAMINAR_OK;
done:
    unnest_free(&u->op);
    return status;
}
