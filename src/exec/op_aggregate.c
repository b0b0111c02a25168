/* op_aggregate.c - GROUP BY and aggregates without a time window.
 *
 * Algebra: groups touched in a step give -(old row) +(new row) at its end, unless the two are equal; a group without rows has no row. Without GROUP BY
 * there is always exactly one row, also before any input. The old row isn't kept: the first time that a step touches a group, its finished values are put
 * aside (in columns that live for the step), by whole chunks. A retraction is a row with a negative weight.
 * State: one row per group, "groups", and child tables for DISTINCT, ordered and holistic aggregates: see agg_set.h. Nothing bounds it but the
 * number of keys.
 * One-shot: nothing is put aside; all groups are emitted in the last step.
 * Payload: u32 number of the group in this step's list + 1 (0 between steps), u32 unused | i64 rows (weights summed; only where
 * the input retracts) | aggregate states. */
#include "base/error.h"
#include "exec/agg_set.h"
#include "exec/op_rows.h"
#include "exec/ops.h"

enum { EMIT_GROUPS = CHUNK_ROWS / 2 };

struct touched {
    uint64_t slot;
    uint32_t old_row; /* in old_cols; UINT32_MAX = it had no row */
};

struct aggregate {
    struct op op; /* first */
    const struct plan *plan;
    struct agg_set set;
    struct state_hash *groups;
    struct program *program; /* keys, then what the aggregates need */
    struct vector *results;
    uint32_t n_group;
    bool is_stream, is_retracting, is_global /* no GROUP BY */;
    ARRAY_OF(struct touched) touched;
    struct column *old_cols; /* per aggregate: rows put aside in this step */
    struct column *new_cols; /* per aggregate */
    struct column *out_cols; /* all output columns */
    struct vector *out_vecs;
    size_t n_old;
    /* scratch, CHUNK_ROWS each */
    uint64_t *slots;
    uint8_t **rows;
    uint8_t *is_new;
    uint64_t *some_slots;
    uint8_t **some_rows;
    uint32_t *sel, *sel_old, *sel_new;
    int64_t *weights;
    struct bad_rows bad;
    struct column *in_cols; /* input without bad rows */
    struct vector *in_vecs;
};

static uint32_t *row_mark(uint8_t *row) { return (uint32_t *)(void *)row; }
static int64_t *row_count(uint8_t *row) { return (int64_t *)(void *)(row + 8); }
static bool has_row(const struct aggregate *a, uint8_t *row) { return a->is_global || !a->is_retracting || *row_count(row) > 0; }

/* --- Input --------------------------------------------------------------------------------------------------------------------------------- */

/* Puts the values of n groups aside that this step touches for the first time. */
static laminar_status put_aside(struct aggregate *a, const uint64_t *slots, uint8_t **rows, size_t n, struct laminar_error *err)
{
    for (uint32_t k = 0; k < a->set.n; k++) {
        struct column *old = &a->old_cols[k];
        laminar_status status;
        if (!agg_set_is_string(&a->set, k)) {
            status = agg_set_finish(&a->set, k, slots, rows, n, old, err);
        } else { /* the states that a string borrows from are about to change */
            column_clear(&a->new_cols[k]);
            status = agg_set_finish(&a->set, k, slots, rows, n, &a->new_cols[k], err);
            if (!status) status = column_append(old, &a->new_cols[k].vec, 0, n, STRINGS_COPY, err);
        }
        if (status) return status;
    }
    a->n_old += n;
    return LAMINAR_OK;
}

/* Lists the groups that this step meets first, and puts their values aside where they had any. */
static laminar_status touch(struct aggregate *a, size_t n, struct laminar_error *err)
{
    if (!ARRAY_RESERVE(&a->touched, a->touched.n + n)) return error_oom(err);
    struct touched *touched = a->touched.items;
    size_t n_touched = a->touched.n, n_old = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t *row = a->rows[i];
        if (*row_mark(row)) continue;
        bool had_row = !a->is_new[i] && has_row(a, row);
        touched[n_touched] = (struct touched){a->slots[i], had_row ? (uint32_t)(a->n_old + n_old) : UINT32_MAX};
        *row_mark(row) = (uint32_t)++n_touched;
        a->some_slots[n_old] = a->slots[i];
        a->some_rows[n_old] = row;
        n_old += had_row;
    }
    a->touched.n = n_touched;
    return n_old ? put_aside(a, a->some_slots, a->some_rows, n_old, err) : LAMINAR_OK;
}

/* The one group of a query without GROUP BY: there from the first step on. */
static laminar_status find_global(struct aggregate *a, struct laminar_error *err)
{
    if (state_hash_base(a->groups)->n_rows) {
        a->slots[0] = 0;
        a->is_new[0] = false;
        a->rows[0] = state_hash_row_for_write(a->groups, 0);
        if (!a->rows[0]) return error_oom(err);
    } else {
        laminar_status status = state_hash_upsert(a->groups, a->results, 1, a->slots, a->rows, a->is_new, err);
        if (status) return status;
    }
    bool all_one = true; /* update_one looks at the first row only */
    for (uint32_t k = 0; k < a->set.n; k++) all_one &= a->set.items[k].form == AGG_KERNEL && a->set.items[k].agg->kernels->update_one;
    if (all_one) return LAMINAR_OK;
    for (size_t i = 1; i < CHUNK_ROWS; i++) a->slots[i] = a->slots[0], a->rows[i] = a->rows[0];
    return LAMINAR_OK;
}

static laminar_status take_rows(struct aggregate *a, const struct chunk *chunk, struct laminar_error *err)
{
    size_t n = chunk->n_rows;
    laminar_status status = a->is_global ? find_global(a, err)
                                         : state_hash_upsert(a->groups, a->results, n, a->slots, a->rows, a->is_new, err);
    if (status) return status;
    if (a->is_stream && (status = touch(a, a->is_global ? 1 : n, err))) return status;
    if (a->is_retracting && !a->is_global)
        for (size_t i = 0; i < n; i++) *row_count(a->rows[i]) += chunk->weights ? chunk->weights[i] : 1;
    return agg_set_update(&a->set, a->results, a->slots, a->rows, chunk->weights, n, a->is_global, err);
}

static laminar_status aggregate_process(struct op *op, struct step *step, uint32_t port, const struct chunk *chunk)
{
    (void)port;
    struct aggregate *a = (struct aggregate *)op;
    struct eval_env env = rows_begin(step, &a->bad);
    laminar_status status = program_run(a->program, chunk, &env, a->results);
    if (status) return status;
    if (likely(!env.n_bad_rows)) return take_rows(a, chunk, step->err);
    op->bad_rows += env.n_bad_rows;
    size_t n = rows_good(&env, chunk->n_rows, a->sel);
    struct chunk good;
    status = kernel_gather_chunk(chunk, a->sel, n, a->in_cols, a->weights, a->in_vecs, &good, step->err);
    if (status || n == 0) return status;
    env = rows_begin(step, &a->bad);
    status = program_run(a->program, &good, &env, a->results);
    return status ? status : take_rows(a, &good, step->err);
}

/* --- Output ----------------------------------------------------------------------------------------------------------------------------------- */

/* Emits keys and new values of n groups, all of them rows that weren't there before. */
static laminar_status emit_new(struct aggregate *a, struct step *step, const uint64_t *slots, uint8_t **rows, size_t n)
{
    laminar_status status = LAMINAR_OK;
    for (uint32_t k = 0; k < a->op.n_cols && !status; k++) {
        struct column *out = &a->out_cols[k];
        column_clear(out);
        status = k < a->n_group ? state_hash_keys(a->groups, k, slots, n, out, step->err)
                                : agg_set_finish(&a->set, k - a->n_group, slots, rows, n, out, step->err);
        a->out_vecs[k] = out->vec;
    }
    if (status) return status;
    return op_emit(&a->op, step, &(struct chunk){.n_rows = (uint32_t)n, .n_cols = a->op.n_cols, .cols = a->out_vecs});
}

/* Of the groups that had a row and have one, marks in is_new (as "equal") those whose values are the same as before. */
static void find_equal(struct aggregate *a, const struct touched *touched, size_t n, const uint32_t *new_row)
{
    size_t n_both = 0;
    uint32_t *who = a->sel, *old = a->sel_old, *now = a->sel_new;
    uint32_t match[EMIT_GROUPS];
    for (size_t i = 0; i < n; i++) {
        a->is_new[i] = false;
        if (touched[i].old_row == UINT32_MAX || new_row[i] == UINT32_MAX) continue;
        who[n_both] = (uint32_t)i;
        old[n_both] = touched[i].old_row;
        now[n_both++] = new_row[i];
    }
    for (uint32_t k = 0; k < a->set.n && n_both; k++) {
        n_both = kernel_match(&a->old_cols[k].vec, old, &a->new_cols[k].vec, now, n_both, match);
        for (size_t i = 0; i < n_both; i++) {
            who[i] = who[match[i]];
            old[i] = old[match[i]];
            now[i] = now[match[i]];
        }
    }
    for (size_t i = 0; i < n_both; i++) a->is_new[who[i]] = true;
}

/* -old +new of up to EMIT_GROUPS groups: first all old rows, then all new ones. */
static laminar_status emit_changes(struct aggregate *a, struct step *step, const struct touched *touched, size_t n)
{
    uint32_t new_row[EMIT_GROUPS];
    size_t n_new = 0, n_old = 0, n_plus = 0;
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < n; i++) {
        uint8_t *row = a->rows[i];
        new_row[i] = has_row(a, row) ? (uint32_t)n_new : UINT32_MAX;
        a->some_slots[n_new] = touched[i].slot;
        a->some_rows[n_new] = row;
        n_new += new_row[i] != UINT32_MAX;
    }
    for (uint32_t k = 0; k < a->set.n && !status; k++) {
        column_clear(&a->new_cols[k]);
        status = agg_set_finish(&a->set, k, a->some_slots, a->some_rows, n_new, &a->new_cols[k], step->err);
    }
    if (status) return status;
    find_equal(a, touched, n, new_row);
    for (size_t i = 0; i < n; i++) { /* slots of the output's rows: old ones, then new ones; the latter from the end for now */
        if (a->is_new[i]) continue;
        if (touched[i].old_row != UINT32_MAX) {
            a->slots[n_old] = touched[i].slot;
            a->sel_old[n_old++] = touched[i].old_row;
        }
        if (new_row[i] != UINT32_MAX) {
            a->some_slots[n_plus] = touched[i].slot;
            a->sel_new[n_plus++] = new_row[i];
        }
    }
    if (n_old + n_plus == 0) return LAMINAR_OK;
    memcpy(a->slots + n_old, a->some_slots, n_plus * sizeof *a->slots);
    for (size_t i = 0; i < n_old + n_plus; i++) a->weights[i] = i < n_old ? -1 : 1;
    for (uint32_t k = 0; k < a->op.n_cols; k++) {
        struct column *out = &a->out_cols[k];
        column_clear(out);
        if (k < a->n_group) {
            status = state_hash_keys(a->groups, k, a->slots, n_old + n_plus, out, step->err);
        } else {
            status = column_append_sel(out, &a->old_cols[k - a->n_group].vec, a->sel_old, n_old, STRINGS_BORROW, step->err);
            if (!status) status = column_append_sel(out, &a->new_cols[k - a->n_group].vec, a->sel_new, n_plus, STRINGS_BORROW, step->err);
        }
        if (status) return status;
        a->out_vecs[k] = out->vec;
    }
    return op_emit(&a->op, step, &(struct chunk){.n_rows = (uint32_t)(n_old + n_plus), .n_cols = a->op.n_cols, .cols = a->out_vecs,
                                                .weights = n_old ? a->weights : NULL});
}

/* Marks go; groups without rows are removed. */
static laminar_status close_groups(struct aggregate *a, const struct touched *touched, size_t n, struct laminar_error *err)
{
    size_t n_gone = 0;
    for (size_t i = 0; i < n; i++) {
        *row_mark(a->rows[i]) = 0;
        if (a->is_global || !a->is_retracting || *row_count(a->rows[i]) != 0) continue;
        a->some_slots[n_gone] = touched[i].slot;
        a->some_rows[n_gone++] = a->rows[i];
    }
    if (!n_gone) return LAMINAR_OK;
    laminar_status status = agg_set_forget(&a->set, a->some_slots, a->some_rows, n_gone, err);
    if (!status) state_hash_remove(a->groups, a->some_slots, n_gone);
    return status;
}

static laminar_status emit_touched(struct aggregate *a, struct step *step)
{
    laminar_status status = LAMINAR_OK;
    for (size_t at = 0; at < a->touched.n && !status; at += EMIT_GROUPS) {
        const struct touched *touched = a->touched.items + at;
        size_t n = a->touched.n - at < EMIT_GROUPS ? a->touched.n - at : EMIT_GROUPS;
        bool all_new = !a->is_retracting;
        for (size_t i = 0; i < n; i++) {
            a->rows[i] = state_hash_row_for_write(a->groups, touched[i].slot); /* written in this step already: can't fail */
            ENSURE(a->rows[i], step->err);
            all_new &= touched[i].old_row == UINT32_MAX;
            if (!all_new) continue;
            a->slots[i] = touched[i].slot;
        }
        status = all_new ? emit_new(a, step, a->slots, a->rows, n) : emit_changes(a, step, touched, n);
        if (!status) status = close_groups(a, touched, n, step->err);
    }
    a->touched.n = 0;
    a->n_old = 0;
    for (uint32_t k = 0; k < a->set.n; k++) column_clear(&a->old_cols[k]);
    return status;
}

static laminar_status emit_all(struct aggregate *a, struct step *step)
{
    uint64_t cursor = 0;
    size_t n;
    while ((n = state_hash_scan(a->groups, &cursor, a->slots, CHUNK_ROWS)) > 0) {
        size_t kept = 0;
        for (size_t i = 0; i < n; i++) {
            a->rows[kept] = state_hash_row(a->groups, a->slots[i]);
            a->slots[kept] = a->slots[i];
            kept += has_row(a, a->rows[kept]);
        }
        laminar_status status = kept ? emit_new(a, step, a->slots, a->rows, kept) : LAMINAR_OK;
        if (status) return status;
    }
    return LAMINAR_OK;
}

static laminar_status aggregate_finish(struct op *op, struct step *step)
{
    struct aggregate *a = (struct aggregate *)op;
    laminar_status status = LAMINAR_OK;
    op->watermark_out = op->watermark_in;
    if (a->is_global && state_hash_base(a->groups)->n_rows == 0) {
        if ((status = find_global(a, step->err))) return status;
        if (a->is_stream && (status = touch(a, 1, step->err))) return status;
    }
    if (a->is_stream) return a->touched.n ? emit_touched(a, step) : LAMINAR_OK;
    return step->is_last ? emit_all(a, step) : LAMINAR_OK;
}

/* --- Creation ------------------------------------------------------------------------------------------------------------------------------------ */

static void aggregate_free(struct op *op)
{
    struct aggregate *a = (struct aggregate *)op;
    uint32_t n_cols = op->n_cols;
    op_deinit(op); /* frees the groups, whose payloads the set knows how to destroy */
    program_free(a->program);
    columns_free(a->old_cols, a->set.n);
    columns_free(a->new_cols, a->set.n);
    columns_free(a->out_cols, n_cols);
    if (a->plan) columns_free(a->in_cols, a->plan->inputs[0]->n_cols);
    agg_set_deinit(&a->set);
    ARRAY_DEINIT(&a->touched);
    mem_free(a->results);
    mem_free(a->out_vecs);
    mem_free(a->in_vecs);
    mem_free(a->slots);
    mem_free(a->rows);
    mem_free(a->is_new);
    mem_free(a->some_slots);
    mem_free(a->some_rows);
    mem_free(a->sel);
    mem_free(a->sel_old);
    mem_free(a->sel_new);
    mem_free(a->weights);
    mem_free(a);
}

static void aggregate_explain(const struct op *op, struct strbuf *out)
{
    const struct aggregate *a = (const struct aggregate *)op;
    strbuf_printf(out, "aggregate by %u keys, %zu groups", a->n_group, a->op.states.n ? a->op.states.items[0]->n_rows : 0);
}

static const struct op_class aggregate_class = {
    .name = "aggregate", .process = aggregate_process, .finish_step = aggregate_finish, .free = aggregate_free, .explain = aggregate_explain};

static laminar_status create_groups(struct aggregate *a, struct laminar_error *err)
{
    struct data_type *types = mem_calloc(a->n_group + 1, sizeof *types);
    if (!types) return error_oom(err);
    for (uint32_t i = 0; i < a->n_group; i++) types[i] = a->plan->group[i]->type;
    struct state_hash_options options = {.name = "groups", .key_types = types, .n_keys = a->n_group, .account = circuit_account(a->op.circuit)};
    agg_set_table_options(&a->set, &options);
    laminar_status status = state_hash_create(&options, &a->groups, err);
    if (!status) status = op_add_state(&a->op, state_hash_base(a->groups), err);
    if (!status) a->set.heap = state_hash_heap(a->groups);
    mem_free(types);
    return status;
}

static laminar_status create_scratch(struct aggregate *a, uint32_t n_exprs, struct laminar_error *err)
{
    laminar_status status;
    const struct plan *plan = a->plan, *input = plan->inputs[0];
    const struct plan_column *agg_cols = plan->cols + a->n_group;
    if ((status = columns_create(agg_cols, plan->n_aggs, &a->old_cols, err))) return status;
    if ((status = columns_create(agg_cols, plan->n_aggs, &a->new_cols, err))) return status;
    if ((status = columns_create(plan->cols, plan->n_cols, &a->out_cols, err))) return status;
    if ((status = columns_create(input->cols, input->n_cols, &a->in_cols, err))) return status;
    a->results = mem_calloc(n_exprs + 1, sizeof *a->results);
    a->out_vecs = mem_calloc(plan->n_cols + 1, sizeof *a->out_vecs);
    a->in_vecs = mem_calloc(input->n_cols + 1, sizeof *a->in_vecs);
    a->slots = mem_alloc(CHUNK_ROWS * sizeof *a->slots);
    a->rows = mem_alloc(CHUNK_ROWS * sizeof *a->rows);
    a->is_new = mem_alloc(CHUNK_ROWS);
    a->some_slots = mem_alloc(CHUNK_ROWS * sizeof *a->some_slots);
    a->some_rows = mem_alloc(CHUNK_ROWS * sizeof *a->some_rows);
    a->sel = mem_alloc(CHUNK_ROWS * sizeof *a->sel);
    a->sel_old = mem_alloc(CHUNK_ROWS * sizeof *a->sel_old);
    a->sel_new = mem_alloc(CHUNK_ROWS * sizeof *a->sel_new);
    a->weights = mem_alloc(CHUNK_ROWS * sizeof *a->weights);
    bool is_ok = a->results && a->out_vecs && a->in_vecs && a->slots && a->rows && a->is_new && a->some_slots && a->some_rows && a->sel &&
                 a->sel_old && a->sel_new && a->weights;
    return is_ok ? LAMINAR_OK : error_oom(err);
}

laminar_status op_aggregate_create(struct circuit *circuit, const struct plan *plan, enum circuit_mode mode, struct op **out,
                                   struct laminar_error *err)
{
    assert(plan->kind == PLAN_AGGREGATE && plan->window.kind == WINDOW_NONE);
    laminar_status status;
    struct expr **exprs = NULL;
    uint32_t n_exprs = plan->n_group;
    struct aggregate *a = mem_calloc(1, sizeof *a);
    if (!a) return error_oom(err);
    a->is_stream = mode == CIRCUIT_STREAM;
    a->is_retracting = !plan->inputs[0]->props.is_append_only;
    a->n_group = plan->n_group;
    a->is_global = plan->n_group == 0;
    TRY(op_init(&a->op, &aggregate_class, circuit, plan, 1, err));
    a->plan = plan;
    exprs = mem_calloc(n_exprs + 1, sizeof *exprs);
    if (!exprs) TRY(error_oom(err));
    memcpy(exprs, plan->group, n_exprs * sizeof *exprs);
    TRY(agg_set_create(&a->op, plan, a->is_retracting, 16, &a->set, &exprs, &n_exprs, err));
    TRY(create_groups(a, err));
    TRY(create_scratch(a, n_exprs, err));
    TRY(program_create(exprs, n_exprs, &a->program, err));
    mem_free(exprs);
    *out = &a->op;
    return LAMINAR_OK;
done:
    mem_free(exprs);
    aggregate_free(&a->op);
    return status;
}
