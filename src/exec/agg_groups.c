/* agg_groups.c - see agg_groups.h. */
#include "exec/agg_groups.h"
#include "base/error.h"

enum { EMIT_GROUPS = CHUNK_ROWS / 2 };

/* --- Input --------------------------------------------------------------------------------------------------------------------------------- */

laminar_status groups_evaluate(struct agg_groups *g, struct step *step, const struct chunk *chunk,
                               struct chunk *out)
{
    g->set.error_mode = step->error_mode;
    g->set.n_bad = NULL; /* values put aside have been counted */
    *out = *chunk;
    struct eval_env env = rows_begin(step, &g->bad);
    laminar_status status = program_run(g->program, chunk, &env, g->results);
    if (likely(!env.n_bad_rows) || status) return status;
    status = op_leave_out(g->op, step, g->op->input, chunk, &env);
    if (status) return status;
    size_t n = rows_good(&env, chunk->n_rows, g->sel);
    status = kernel_gather_chunk(chunk, g->sel, n, g->in_cols, g->weights, g->in_vecs, out,
                                 step->err);
    if (status || n == 0) return status;
    env = rows_begin(step, &g->bad);
    return program_run(g->program, out, &env, g->results);
}

laminar_status groups_find(struct agg_groups *g, size_t n, struct laminar_error *err)
{
    return state_hash_upsert(g->table, g->keys, n, g->slots, g->rows, g->is_new, err);
}

/* Puts the values of n groups aside that this step touches for the first time. */
static laminar_status put_aside(struct agg_groups *g, const uint64_t *slots, uint8_t **rows,
                                size_t n, struct laminar_error *err)
{
    for (uint32_t k = 0; k < g->set.n; k++) {
        struct column *old = &g->old_cols[k];
        laminar_status status;
        if (!agg_set_is_string(&g->set, k)) {
            status = agg_set_finish(&g->set, k, slots, rows, n, old, err);
        } else { /* the states that a string borrows from are about to change */
            column_clear(&g->new_cols[k]);
            status = agg_set_finish(&g->set, k, slots, rows, n, &g->new_cols[k], err);
            if (!status) status = column_append(old, &g->new_cols[k].vec, 0, n, STRINGS_COPY, err);
        }
        if (status) return status;
    }
    g->n_old += n;
    return LAMINAR_OK;
}

laminar_status groups_touch(struct agg_groups *g, size_t n, const uint8_t *is_listed,
                            struct laminar_error *err)
{
    if (!ARRAY_RESERVE(&g->touched, g->touched.n + n)) return error_oom(err);
    if (g->touched.n == 0)
        g->wants_retractions = g->options.every_us || op_wants_retractions(g->op);
    struct touched_group *touched = g->touched.items;
    size_t n_touched = g->touched.n, n_old = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t *row = g->rows[i];
        if (group_head(row)->mark || (is_listed && !is_listed[i])) continue;
        bool had_row = !g->is_new[i] && group_has_row(g, row);
        touched[n_touched] = (struct touched_group){
            g->slots[i], row, had_row ? (uint32_t)(g->n_old + n_old) : UINT32_MAX};
        group_head(row)->mark = (uint32_t)++n_touched;
        g->some_slots[n_old] = g->slots[i];
        g->some_rows[n_old] = row;
        n_old += had_row;
    }
    g->touched.n = n_touched;
    if (n_old == 0 || (g->is_ever_changing && !g->wants_retractions)) return LAMINAR_OK;
    return put_aside(g, g->some_slots, g->some_rows, n_old, err);
}

laminar_status groups_update(struct agg_groups *g, const struct vector *results,
                             const int64_t *weights, size_t n, struct laminar_error *err)
{
    if (g->is_retracting && !g->is_global)
        for (size_t i = 0; i < n; i++) *group_n_rows(g->rows[i]) += weights ? weights[i] : 1;
    return agg_set_update(&g->set, results, g->slots, g->rows, weights, n, g->is_global, err);
}

/* --- Output ----------------------------------------------------------------------------------------------------------------------------------- */

/* Leading and key columns of the groups, into `cols` (which are empty). */
static laminar_status read_keys(struct agg_groups *g, const uint64_t *slots, size_t n,
                                struct column *cols, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    uint32_t n_lead = g->options.n_lead_cols, lead_keys = g->options.n_lead_keys;
    if (n_lead) {
        column_clear(&g->lead);
        if ((status = state_hash_keys(g->table, 0, slots, n, &g->lead, err))) return status;
        if ((status = g->options.lead_cols(g->op, g->lead.vec.data, n, cols, err))) return status;
    }
    for (uint32_t k = lead_keys; k < g->n_keys && !status; k++)
        status = state_hash_keys(g->table, k, slots, n, &cols[n_lead + k - lead_keys], err);
    return status;
}

static laminar_status emit_columns(struct agg_groups *g, struct step *step, size_t n,
                                   const int64_t *weights)
{
    for (uint32_t k = 0; k < g->op->n_cols; k++) g->out_vecs[k] = g->out_cols[k].vec;
    return op_emit(g->op, step,
                   &(struct chunk){.n_rows = (uint32_t)n,
                                   .n_cols = g->op->n_cols,
                                   .cols = g->out_vecs,
                                   .weights = weights});
}

laminar_status groups_emit_new(struct agg_groups *g, struct step *step, const uint64_t *slots,
                               uint8_t **rows, size_t n)
{
    g->set.error_mode = step->error_mode;
    g->set.n_bad = &g->op->bad_rows;
    uint32_t first_agg = g->op->n_cols - g->set.n;
    for (uint32_t k = 0; k < g->op->n_cols; k++) column_clear(&g->out_cols[k]);
    laminar_status status = read_keys(g, slots, n, g->out_cols, step->err);
    for (uint32_t k = 0; k < g->set.n && !status; k++)
        status = agg_set_finish(&g->set, k, slots, rows, n, &g->out_cols[first_agg + k], step->err);
    return status ? status : emit_columns(g, step, n, NULL);
}

/* Of the groups that had a row and have one, marks in is_new (as "equal") those whose values are the same as before. */
static void find_equal(struct agg_groups *g, const struct touched_group *touched, size_t n,
                       const uint32_t *new_row)
{
    size_t n_both = 0;
    uint32_t *who = g->sel, *old = g->sel_old, *now = g->sel_new;
    uint32_t match[EMIT_GROUPS];
    for (size_t i = 0; i < n; i++) {
        g->is_new[i] = false;
        if (touched[i].old_row == UINT32_MAX || new_row[i] == UINT32_MAX) continue;
        who[n_both] = (uint32_t)i;
        old[n_both] = touched[i].old_row;
        now[n_both++] = new_row[i];
    }
    for (uint32_t k = 0; k < g->set.n && n_both; k++) {
        n_both = kernel_match(&g->old_cols[k].vec, old, &g->new_cols[k].vec, now, n_both, match);
        for (size_t i = 0; i < n_both; i++) {
            who[i] = who[match[i]];
            old[i] = old[match[i]];
            now[i] = now[match[i]];
        }
    }
    for (size_t i = 0; i < n_both; i++) g->is_new[who[i]] = true;
}

/* -old +new of up to EMIT_GROUPS groups: first all old rows (where anybody wants them), then all new ones. */
static laminar_status emit_changes(struct agg_groups *g, struct step *step,
                                   const struct touched_group *touched, size_t n)
{
    uint32_t new_row[EMIT_GROUPS];
    size_t n_new = 0, n_old = 0, n_plus = 0;
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < n; i++) {
        uint8_t *row = g->rows[i];
        new_row[i] = group_has_row(g, row) ? (uint32_t)n_new : UINT32_MAX;
        g->some_slots[n_new] = touched[i].slot;
        g->some_rows[n_new] = row;
        n_new += new_row[i] != UINT32_MAX;
    }
    for (uint32_t k = 0; k < g->set.n && !status; k++) {
        column_clear(&g->new_cols[k]);
        status = agg_set_finish(&g->set, k, g->some_slots, g->some_rows, n_new, &g->new_cols[k],
                                step->err);
    }
    if (status) return status;
    find_equal(g, touched, n, new_row);
    /* slots of the output's rows: old ones, then new ones; the latter from the end for now */
    for (size_t i = 0; i < n; i++) {
        if (g->is_new[i]) continue;
        if (touched[i].old_row != UINT32_MAX) {
            g->slots[n_old] = touched[i].slot;
            g->sel_old[n_old++] = touched[i].old_row;
        }
        if (new_row[i] != UINT32_MAX) {
            g->some_slots[n_plus] = touched[i].slot;
            g->sel_new[n_plus++] = new_row[i];
        }
    }
    if (!g->wants_retractions) n_old = 0;
    if (n_old + n_plus == 0) return LAMINAR_OK;
    memcpy(g->slots + n_old, g->some_slots, n_plus * sizeof *g->slots);
    for (size_t i = 0; i < n_old + n_plus; i++) g->weights[i] = i < n_old ? -1 : 1;
    uint32_t first_agg = g->op->n_cols - g->set.n;
    for (uint32_t k = 0; k < g->op->n_cols; k++) column_clear(&g->out_cols[k]);
    status = read_keys(g, g->slots, n_old + n_plus, g->out_cols, step->err);
    for (uint32_t k = 0; k < g->set.n && !status; k++) {
        struct column *out = &g->out_cols[first_agg + k];
        status = column_append_sel(out, &g->old_cols[k].vec, g->sel_old, n_old, STRINGS_BORROW,
                                   step->err);
        if (!status)
            status = column_append_sel(out, &g->new_cols[k].vec, g->sel_new, n_plus, STRINGS_BORROW,
                                       step->err);
    }
    return status ? status : emit_columns(g, step, n_old + n_plus, n_old ? g->weights : NULL);
}

/* The same where no group vanishes and none stays as it is: all old rows of the groups, which were put aside one after the other, then all new ones. */
static laminar_status emit_all_changes(struct agg_groups *g, struct step *step,
                                       const struct touched_group *touched, size_t n)
{
    uint32_t first_agg = g->op->n_cols - g->set.n;
    size_t n_old = 0, first_old = 0;
    laminar_status status;
    for (size_t i = 0; i < n; i++) {
        if (touched[i].old_row == UINT32_MAX) continue;
        if (!n_old) first_old = touched[i].old_row;
        g->sel_old[n_old++] = (uint32_t)i;
    }
    if (!g->wants_retractions) return groups_emit_new(g, step, g->slots, g->rows, n);
    for (uint32_t k = 0; k < g->op->n_cols; k++) column_clear(&g->out_cols[k]);
    for (uint32_t k = 0; k < first_agg; k++) column_clear(&g->key_cols[k]);
    if ((status = read_keys(g, g->slots, n, g->key_cols, step->err))) return status;
    for (uint32_t k = 0; k < first_agg && !status; k++) {
        const struct vector *keys = &g->key_cols[k].vec;
        status = n_old == n ? column_append(&g->out_cols[k], keys, 0, n, STRINGS_BORROW, step->err)
                            : column_append_sel(&g->out_cols[k], keys, g->sel_old, n_old,
                                                STRINGS_BORROW, step->err);
        if (!status) status = column_append(&g->out_cols[k], keys, 0, n, STRINGS_BORROW, step->err);
    }
    for (uint32_t k = 0; k < g->set.n && !status; k++) {
        struct column *out = &g->out_cols[first_agg + k];
        status = column_append(out, &g->old_cols[k].vec, first_old, n_old, STRINGS_BORROW,
                               step->err);
        if (!status) status = agg_set_finish(&g->set, k, g->slots, g->rows, n, out, step->err);
    }
    for (size_t i = 0; i < n_old + n; i++) g->weights[i] = i < n_old ? -1 : 1;
    return status ? status : emit_columns(g, step, n_old + n, n_old ? g->weights : NULL);
}

laminar_status groups_remove(struct agg_groups *g, const uint64_t *slots, uint8_t **rows, size_t n,
                             struct laminar_error *err)
{
    laminar_status status = state_hash_want_removal(g->table, slots, n, err);
    if (!status && g->set.has_children) status = agg_set_forget(&g->set, slots, rows, n, err);
    if (!status) state_hash_remove(g->table, slots, n);
    return status;
}

/* Rows and slots of n touched groups. */
static laminar_status find_touched(struct agg_groups *g, const struct touched_group *touched,
                                   size_t n, struct laminar_error *err)
{
    bool has_moved = g->options.every_us || state_hash_is_cold(g->table);
    for (size_t i = 0; i < n; i++) {
        g->slots[i] = touched[i].slot;
        g->rows[i] = touched[i].row;
        if (has_moved) continue;
        /* the chunks of a large step have pushed them out of the first cache: all passes below read them */
        prefetch_read(touched[i].row);
        prefetch_read(touched[i].row + g->set.payload_bytes - 1);
    }
    return has_moved ? state_hash_rows(g->table, g->slots, n, true, g->rows, err) : LAMINAR_OK;
}

/* Marks go; groups without rows are removed. */
static laminar_status close_groups(struct agg_groups *g, const struct touched_group *touched,
                                   size_t n, struct laminar_error *err)
{
    size_t n_gone = 0;
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < n; i++) {
        group_head(g->rows[i])->mark = 0;
        if (g->is_global || !g->is_retracting || *group_n_rows(g->rows[i]) != 0) continue;
        g->some_slots[n_gone] = touched[i].slot;
        g->some_rows[n_gone++] = g->rows[i];
    }
    for (size_t i = 0; i < n_gone && g->options.unlink && !status; i++)
        status = g->options.unlink(g->op, g->some_slots[i], g->some_rows[i], err);
    if (status || !n_gone) return status;
    return groups_remove(g, g->some_slots, g->some_rows, n_gone, err);
}

bool groups_is_held_back(struct agg_groups *g, struct step *step, bool is_due)
{
    int64_t every = g->options.every_us;
    if (every == 0) return false;
    if (g->due_us == 0) g->due_us = step->time_us - step->time_us % every + every;
    bool holds = !is_due && !step_gives_all(step) && !step->is_flush && step->time_us < g->due_us;
    g->op->wake_us = holds ? (uint64_t)g->due_us : 0;
    if (!holds) g->due_us = 0;
    return holds;
}

laminar_status groups_emit_touched(struct agg_groups *g, struct step *step, bool is_due)
{
    g->set.error_mode = step->error_mode;
    g->set.n_bad = &g->op->bad_rows;
    laminar_status status = LAMINAR_OK;
    if (g->touched.n == 0 || groups_is_held_back(g, step, is_due)) return LAMINAR_OK;
    for (size_t at = 0; at < g->touched.n && !status; at += EMIT_GROUPS) {
        const struct touched_group *touched = g->touched.items + at;
        size_t n = g->touched.n - at < EMIT_GROUPS ? g->touched.n - at : EMIT_GROUPS;
        bool all_new = !g->is_retracting;
        for (size_t i = 0; i < n; i++) all_new &= touched[i].old_row == UINT32_MAX;
        if ((status = find_touched(g, touched, n, step->err))) break;
        if (all_new)
            status = groups_emit_new(g, step, g->slots, g->rows, n);
        else if (g->is_ever_changing)
            status = emit_all_changes(g, step, touched, n);
        else
            status = emit_changes(g, step, touched, n);
        if (!status) status = close_groups(g, touched, n, step->err);
        if (!status && g->options.can_spill) status = op_relax(step, g->table);
    }
    g->touched.n = 0;
    g->n_old = 0;
    for (uint32_t k = 0; k < g->set.n; k++) column_clear(&g->old_cols[k]);
    return status;
}

/* --- Creation ------------------------------------------------------------------------------------------------------------------------------------ */

void groups_deinit(struct agg_groups *g)
{
    if (!g->op) return;
    program_free(g->program);
    columns_free(g->old_cols, g->set.n);
    columns_free(g->new_cols, g->set.n);
    columns_free(g->out_cols, g->op->n_cols);
    columns_free(g->in_cols, g->options.plan->inputs[0]->n_cols);
    columns_free(g->key_cols, g->op->n_cols);
    column_deinit(&g->lead);
    agg_set_deinit(&g->set);
    ARRAY_DEINIT(&g->touched);
    mem_free(g->results);
    mem_free(g->result_types);
    mem_free(g->keys);
    mem_free(g->out_vecs);
    mem_free(g->in_vecs);
    mem_free(g->slots);
    mem_free(g->rows);
    mem_free(g->is_new);
    mem_free(g->some_slots);
    mem_free(g->some_rows);
    mem_free(g->sel);
    mem_free(g->sel_old);
    mem_free(g->sel_new);
    mem_free(g->weights);
}

static laminar_status create_table(struct agg_groups *g, struct laminar_error *err)
{
    const struct plan *plan = g->options.plan;
    struct data_type *types = mem_calloc(g->n_keys + 1, sizeof *types);
    if (!types) return error_oom(err);
    for (uint32_t i = 0; i < g->options.n_lead_keys; i++) types[i] = TYPE(INT64);
    for (uint32_t i = 0; i < plan->n_group; i++)
        types[g->options.n_lead_keys + i] = plan->group[i]->type;
    struct state_hash_options options = {.name = "groups",
                                         .key_types = types,
                                         .n_keys = g->n_keys,
                                         .account = circuit_account(g->op->circuit)};
    if (g->options.can_spill) options.spill = circuit_spill(g->op->circuit);
    agg_set_table_options(&g->set, &options);
    laminar_status status = state_hash_create(&options, &g->table, err);
    if (!status) status = op_add_state(g->op, state_hash_base(g->table), err);
    if (!status) g->set.heap = state_hash_heap(g->table);
    mem_free(types);
    return status;
}

static laminar_status create_scratch(struct agg_groups *g, struct laminar_error *err)
{
    laminar_status status;
    const struct plan *plan = g->options.plan, *input = plan->inputs[0];
    const struct plan_column *agg_cols = plan->cols + (plan->n_cols - plan->n_aggs);
    if ((status = columns_create(agg_cols, plan->n_aggs, &g->old_cols, err))) return status;
    if ((status = columns_create(agg_cols, plan->n_aggs, &g->new_cols, err))) return status;
    if ((status = columns_create(plan->cols, plan->n_cols, &g->out_cols, err))) return status;
    if ((status = columns_create(input->cols, input->n_cols, &g->in_cols, err))) return status;
    if ((status = columns_create(plan->cols, plan->n_cols, &g->key_cols, err))) return status;
    if ((status = column_init(&g->lead, TYPE(INT64), err))) return status;
    g->results = mem_calloc(g->n_results + 1, sizeof *g->results);
    g->keys = mem_calloc(g->n_keys + 1, sizeof *g->keys);
    g->out_vecs = mem_calloc(plan->n_cols + 1, sizeof *g->out_vecs);
    g->in_vecs = mem_calloc(input->n_cols + 1, sizeof *g->in_vecs);
    g->slots = mem_alloc(CHUNK_ROWS * sizeof *g->slots);
    g->rows = mem_alloc(CHUNK_ROWS * sizeof *g->rows);
    g->is_new = mem_alloc(CHUNK_ROWS);
    g->some_slots = mem_alloc(CHUNK_ROWS * sizeof *g->some_slots);
    g->some_rows = mem_alloc(CHUNK_ROWS * sizeof *g->some_rows);
    g->sel = mem_alloc(CHUNK_ROWS * sizeof *g->sel);
    g->sel_old = mem_alloc(CHUNK_ROWS * sizeof *g->sel_old);
    g->sel_new = mem_alloc(CHUNK_ROWS * sizeof *g->sel_new);
    g->weights = mem_alloc(CHUNK_ROWS * sizeof *g->weights);
    bool is_ok = g->results && g->keys && g->out_vecs && g->in_vecs && g->slots && g->rows &&
                 g->is_new && g->some_slots && g->some_rows && g->sel && g->sel_old && g->sel_new &&
                 g->weights;
    return is_ok ? LAMINAR_OK : error_oom(err);
}

laminar_status groups_create(struct agg_groups *g, struct op *op,
                             const struct agg_groups_options *options, struct laminar_error *err)
{
    laminar_status status;
    const struct plan *plan = options->plan;
    uint32_t n_lead_exprs = options->lead_expr != NULL;
    g->op = op;
    g->options = *options;
    g->n_keys = options->n_lead_keys + plan->n_group;
    g->is_retracting = !plan->inputs[0]->props.is_append_only;
    g->is_global = g->n_keys == 0;
    struct expr **exprs = mem_calloc(n_lead_exprs + plan->n_group + 1, sizeof *exprs);
    if (!exprs) return error_oom(err);
    if (n_lead_exprs) exprs[0] = options->lead_expr;
    if (plan->n_group) memcpy(exprs + n_lead_exprs, plan->group, plan->n_group * sizeof *exprs);
    g->n_results = n_lead_exprs + plan->n_group;
    TRY(agg_set_create(op, plan, g->is_retracting, options->header_bytes, &g->set, &exprs,
                       &g->n_results, err));
    for (uint32_t a = 0; a < g->set.n && !g->is_retracting; a++) {
        const struct agg_item *item = &g->set.items[a];
        g->is_ever_changing |= item->form == AGG_KERNEL && item->call->n_args == 0 &&
                               item->filter == NO_FILTER && strcmp(item->agg->name, "count") == 0;
    }
    TRY(create_table(g, err));
    TRY(create_scratch(g, err));
    g->result_types = mem_calloc(g->n_results + 1, sizeof *g->result_types);
    if (!g->result_types) TRY(error_oom(err));
    for (uint32_t i = 0; i < g->n_results; i++) g->result_types[i] = exprs[i]->type;
    TRY(program_create(exprs, g->n_results, &g->program, err));
done:
    mem_free(exprs);
    return status;
}
