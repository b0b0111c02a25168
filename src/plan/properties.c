/* properties.c - what holds of each node's output, bottom-up: does it retract, which columns
 * identify a row, which column carries the watermark, and what bounds the node's own state.
 *
 * Algebra of the key facts: a node that only drops or changes rows one by one keeps its input's
 * properties; an inner join of append-only inputs only ever adds rows; whatever says "there is
 * none" (LEFT, ANTI) or "the best so far" (aggregates, top-N) must take rows back. */
#include "plan/plan_internal.h"

static laminar_status set_key(struct plan_context *ctx, struct plan *plan, uint32_t n,
                              uint32_t **out)
{
    plan->props.has_key = true;
    plan->props.n_key_cols = n;
    ALLOC_OR_FAIL(ctx, plan->props.key_cols, ARENA_ARRAY(ctx->arena, uint32_t, n + 1));
    *out = plan->props.key_cols;
    return LAMINAR_OK;
}

static laminar_status copy_key(struct plan_context *ctx, struct plan *plan, const struct plan *from)
{
    uint32_t *key = NULL;
    if (!from->props.has_key) return LAMINAR_OK;
    CHECK(set_key(ctx, plan, from->props.n_key_cols, &key));
    if (from->props.n_key_cols)
        memcpy(key, from->props.key_cols, from->props.n_key_cols * sizeof *key);
    return LAMINAR_OK;
}

/* "a, b, c" of output columns. */
static laminar_status column_names(struct plan_context *ctx, const struct plan *plan,
                                   const uint32_t *columns, uint32_t n, const char *format,
                                   const char **out)
{
    struct strbuf text = {0};
    for (uint32_t i = 0; i < n; i++)
        strbuf_printf(&text, "%s%s", i ? ", " : "", plan->cols[columns[i]].name);
    /* `format` is one of this file's own, with one %s */
    char *note = text.failed ? NULL : arena_alloc(ctx->arena, strlen(format) + text.size + 1);
    if (note) {
        const char *at = strstr(format, "%s");
        size_t before = (size_t)(at - format);
        memcpy(note, format, before);
        if (text.size) memcpy(note + before, text.data, text.size);
        memcpy(note + before + text.size, at + 2, strlen(at + 2) + 1);
    }
    strbuf_deinit(&text);
    ALLOC_OR_FAIL(ctx, *out, note);
    return LAMINAR_OK;
}

static laminar_status scan_properties(struct plan_context *ctx, struct plan *plan)
{
    const struct relation *relation = plan->relation;
    struct plan_properties *props = &plan->props;
    props->is_append_only = relation->is_append_only;
    for (uint32_t i = 0; i < plan->n_cols && relation->time_col >= 0; i++)
        if (plan->scan_cols[i] == (uint32_t)relation->time_col) props->time_col = (int32_t)i;
    for (uint32_t i = 0; i < plan->n_cols; i++) {
        if (plan->scan_cols[i] + 1 == relation->window_start) props->window_start = i + 1;
        if (plan->scan_cols[i] + 1 == relation->window_end) props->window_end = i + 1;
    }
    if (props->time_col < 0 && relation->time_col >= 0 && props->window_end)
        props->time_col = (int32_t)props->window_end - 1;
    if (relation->n_key_cols == 0) return LAMINAR_OK;
    uint32_t *key = NULL;
    CHECK(set_key(ctx, plan, relation->n_key_cols, &key));
    for (uint32_t k = 0; k < relation->n_key_cols; k++) {
        uint32_t i = 0;
        while (i < plan->n_cols && plan->scan_cols[i] != relation->key_cols[k]) i++;
        if (i == plan->n_cols) {
            props->has_key = false;
            props->key_cols = NULL;
            props->n_key_cols = 0;
            break;
        }
        key[k] = i;
    }
    return LAMINAR_OK;
}

/* Is column `c` made equal to a constant by one of the conjuncts? */
static bool is_fixed(const struct expr *predicate, uint32_t c)
{
    if (predicate->kind == EXPR_AND) {
        for (uint32_t i = 0; i < predicate->n_args; i++)
            if (is_fixed(predicate->args[i], c)) return true;
        return false;
    }
    if (!expr_is_call(predicate, "=")) return false;
    for (uint32_t i = 0; i < 2; i++)
        if (predicate->args[i]->kind == EXPR_COLUMN && predicate->args[i]->column == c &&
            predicate->args[1 - i]->kind == EXPR_CONST)
            return true;
    return false;
}

static laminar_status filter_properties(struct plan_context *ctx, struct plan *plan)
{
    const struct plan_properties *in = &plan->inputs[0]->props;
    plan->props.is_append_only = in->is_append_only;
    plan->props.time_col = in->time_col;
    plan->props.window_start = in->window_start;
    plan->props.window_end = in->window_end;
    CHECK(copy_key(ctx, plan, plan->inputs[0]));
    uint32_t n = 0;
    /* WHERE id = 5: the other key columns identify the row */
    for (uint32_t k = 0; k < plan->props.n_key_cols; k++)
        if (!is_fixed(plan->predicate, plan->props.key_cols[k]))
            plan->props.key_cols[n++] = plan->props.key_cols[k];
    plan->props.n_key_cols = n;
    return LAMINAR_OK;
}

static laminar_status project_properties(struct plan_context *ctx, struct plan *plan)
{
    const struct plan_properties *in = &plan->inputs[0]->props;
    uint32_t *where;
    ALLOC_OR_FAIL(ctx, where, ARENA_ARRAY(ctx->arena, uint32_t, plan->inputs[0]->n_cols + 1));
    memset(where, 0xff, (plan->inputs[0]->n_cols + 1) * sizeof *where);
    for (uint32_t i = plan->n_cols; i-- > 0;)
        if (plan->exprs[i]->kind == EXPR_COLUMN) where[plan->exprs[i]->column] = i;
    plan->props.is_append_only = in->is_append_only;
    /* the other bound of the window stands for one that isn't passed on */
    uint32_t start = in->window_start ? where[in->window_start - 1] : UINT32_MAX,
             end = in->window_end ? where[in->window_end - 1] : UINT32_MAX;
    if (start != UINT32_MAX) plan->props.window_start = start + 1;
    if (end != UINT32_MAX) plan->props.window_end = end + 1;
    if (in->time_col >= 0 && where[in->time_col] != UINT32_MAX)
        plan->props.time_col = (int32_t)where[in->time_col];
    else if (in->time_col >= 0 && end != UINT32_MAX)
        plan->props.time_col = (int32_t)end;
    if (!in->has_key) return LAMINAR_OK;
    if (in->window_start && start == UINT32_MAX && end != UINT32_MAX)
        where[in->window_start - 1] = end;
    for (uint32_t k = 0; k < in->n_key_cols; k++)
        if (where[in->key_cols[k]] == UINT32_MAX) return LAMINAR_OK;
    uint32_t *key = NULL;
    CHECK(set_key(ctx, plan, in->n_key_cols, &key));
    for (uint32_t k = 0; k < in->n_key_cols; k++) key[k] = where[in->key_cols[k]];
    return LAMINAR_OK;
}

/* Must the aggregate keep its rows' values, because its state can't be updated (or not
 * downwards)? */
static bool keeps_values(const struct aggregate_call *call, bool input_retracts)
{
    const struct aggregate_kernels *kernels = call->agg->kernels;
    return call->is_distinct || call->n_order || !kernels ||
           (input_retracts && !kernels->is_retractable);
}

static laminar_status aggregate_state(struct plan_context *ctx, struct plan *plan,
                                      bool input_retracts)
{
    struct plan_properties *props = &plan->props;
    bool values = false;
    for (uint32_t i = 0; i < plan->n_aggs; i++)
        values |= keeps_values(&plan->aggs[i], input_retracts);
    if (plan->window.kind != WINDOW_NONE && plan->window.is_event_time) {
        props->state = plan->window.is_clock ? STATE_CLOCK : STATE_WATERMARK;
        props->state_note = plan->window.is_clock ? "until the window's end"
                            : values ? "values until the watermark passes the window's end"
                                     : "until the watermark passes the window's end";
        return LAMINAR_OK;
    }
    if (values) {
        props->state = STATE_UNBOUNDED;
        props->state_note = "the distinct values of each group";
        return LAMINAR_OK;
    }
    if (props->n_key_cols == 0) {
        props->state = STATE_CONST;
        props->state_note = "one row";
        return LAMINAR_OK;
    }
    props->state = STATE_KEYS;
    return column_names(ctx, plan, props->key_cols, props->n_key_cols, "one row per %s",
                        &props->state_note);
}

/* Groups by the input's event time, or the bounds of its windows: a group changes while rows of its time come, so it keeps to the watermark as they do. */
static void group_times(struct plan *plan)
{
    const struct plan_properties *in = &plan->inputs[0]->props;
    for (uint32_t i = plan->n_group; i-- > 0;) {
        const struct expr *e = plan->group[i];
        if (e->kind != EXPR_COLUMN) continue;
        uint32_t column = aggregate_group_at(plan) + i;
        if ((int32_t)e->column == in->time_col) plan->props.time_col = (int32_t)column;
        if (e->column + 1 == in->window_start) plan->props.window_start = column + 1;
        if (e->column + 1 == in->window_end) plan->props.window_end = column + 1;
    }
}

static laminar_status aggregate_properties(struct plan_context *ctx, struct plan *plan)
{
    struct plan_properties *props = &plan->props;
    bool is_windowed = plan->window.kind != WINDOW_NONE,
         input_appends = plan->inputs[0]->props.is_append_only;
    uint32_t *key = NULL, n = 0, at = aggregate_group_at(plan);
    CHECK(set_key(ctx, plan, plan->n_group + (is_windowed ? 1 : 0), &key));
    /* windows of CUMULATE share their start, none its end */
    if (is_windowed) key[n++] = plan->window.kind == WINDOW_CUMULATE ? 1 : 0;
    for (uint32_t i = 0; i < plan->n_group; i++) key[n++] = at + i;
    bool once = plan->emit == EMIT_ON_CLOSE || plan->emit == EMIT_FINAL ||
                (plan->emit == EMIT_AFTER_WATERMARK && plan->lateness_us == 0);
    props->is_append_only = is_windowed && plan->window.is_event_time && once;
    if (is_windowed) {
        props->window_start = plan->window.kind == WINDOW_CUMULATE ? 0 : 1;
        props->window_end = 2;
    }
    /* The clock goes on without input, and what is above learns of it only when a window closes: no watermark for it. */
    if (is_windowed && plan->window.is_event_time && !plan->window.is_clock)
        props->time_col = plan->window.end_is_time;
    if (!is_windowed) group_times(plan);
    return aggregate_state(ctx, plan, !input_appends);
}

/* --- Joins ------------------------------------------------------------------------------------ */

/* Reads tables and constants only. */
static bool is_table_side(const struct plan *plan)
{
    if (plan->kind == PLAN_SCAN) return plan->relation->kind == RELATION_TABLE;
    for (uint32_t i = 0; i < plan->n_inputs; i++)
        if (!is_table_side(plan->inputs[i])) return false;
    return true;
}

/* At most one row of the side for each combination of its join keys. */
static bool is_unique_by_keys(const struct plan *side, struct expr *const *keys, uint32_t n_keys)
{
    if (!side->props.has_key) return false;
    for (uint32_t k = 0; k < side->props.n_key_cols; k++) {
        bool found = false;
        for (uint32_t i = 0; i < n_keys && !found; i++)
            found = keys[i]->kind == EXPR_COLUMN && keys[i]->column == side->props.key_cols[k];
        if (!found) return false;
    }
    return true;
}

static laminar_status join_key(struct plan_context *ctx, struct plan *plan)
{
    const struct plan *left = plan->inputs[0], *right = plan->inputs[1];
    uint32_t n_left = left->n_cols, *key = NULL, n = 0;
    bool left_once = plan->strategy == STRATEGY_ASOF || plan->strategy == STRATEGY_TEMPORAL ||
                     is_unique_by_keys(right, plan->right_keys, plan->n_keys);
    if (!join_keeps_right(plan->join_kind) || (left_once && plan->join_kind != JOIN_FULL))
        return copy_key(ctx, plan, left);
    if ((plan->join_kind == JOIN_INNER || plan->join_kind == JOIN_CROSS) && right->props.has_key &&
        is_unique_by_keys(left, plan->left_keys, plan->n_keys)) {
        CHECK(set_key(ctx, plan, right->props.n_key_cols, &key));
        for (uint32_t k = 0; k < right->props.n_key_cols; k++)
            key[n++] = n_left + right->props.key_cols[k];
        return LAMINAR_OK;
    }
    if (!left->props.has_key || !right->props.has_key) return LAMINAR_OK;
    CHECK(set_key(ctx, plan, left->props.n_key_cols + right->props.n_key_cols, &key));
    for (uint32_t k = 0; k < left->props.n_key_cols; k++) key[n++] = left->props.key_cols[k];
    for (uint32_t k = 0; k < right->props.n_key_cols; k++)
        key[n++] = n_left + right->props.key_cols[k];
    return LAMINAR_OK;
}

static void join_state(struct plan *plan)
{
    struct plan_properties *props = &plan->props;
    const struct plan *left = plan->inputs[0], *right = plan->inputs[1];
    bool right_table = is_table_side(right), left_table = is_table_side(left);
    props->state = STATE_UNBOUNDED;
    props->state_note = "all rows of both sides";
    switch (plan->strategy) {
    case STRATEGY_LOOKUP:
        props->state = plan->right_is_constant ? STATE_CONST : STATE_TABLE;
        props->state_note = plan->right_is_constant ? "the constant rows" : "the right side";
        return;
    case STRATEGY_INTERVAL:
        if (plan->lower_us != INT64_MIN && plan->upper_us != INT64_MAX)
            props->state = STATE_WATERMARK;
        props->state_note =
            plan->upper_us == INT64_MAX
                ? "all rows of the left side, right ones that can still find a partner"
            : plan->lower_us == INT64_MIN
                ? "all rows of the right side, left ones that can still find a partner"
                : "rows that can still find a partner";
        return;
    case STRATEGY_ASOF:
    case STRATEGY_TEMPORAL:
        if (props->time_col >= 0 ||
            (!plan->ignores_left_watermark && !plan->ignores_right_watermark)) {
            props->state = STATE_WATERMARK;
            props->state_note = "until the watermark passes, and the newest right row per key";
        }
        return;
    case STRATEGY_HASH:
    case STRATEGY_NESTED: break;
    }
    if (left_table && right_table) {
        props->state = STATE_TABLE;
        props->state_note = "the tables";
    } else if (right_table) {
        props->state_note = "all rows of the left side, and the table";
    }
}

/* A column of the input that carries its watermark, as it is or cast to another unit. */
static bool is_event_time(const struct expr *e, const struct plan *input)
{
    while (e->kind == EXPR_CALL && e->is_cast && type_is_timestamp(e->type) &&
           type_is_timestamp(e->args[0]->type))
        e = e->args[0];
    return e->kind == EXPR_COLUMN && (int32_t)e->column == input->props.time_col &&
           input->props.is_timely;
}

/* ASOF, TEMPORAL: does the output's time, the left row's, keep to a watermark? Right rows that come late change matches of left rows, but not of
 * those before the right side's watermark; a match after the left row may be as late as it likes, unless there is a tolerance. */
static bool asof_carries(struct plan *plan)
{
    const struct plan *left = plan->inputs[0], *right = plan->inputs[1];
    const struct expr *left_time = plan->left_time;
    bool is_shifted = plan->shift_min_us || plan->shift_max_us;
    if (is_shifted && expr_is_call(left_time, "+")) left_time = left_time->args[0];
    plan->ignores_left_watermark = !is_event_time(left_time, left);
    plan->ignores_right_watermark = !is_event_time(plan->right_time, right);
    bool looks_back = plan->asof == ASOF_GE || plan->asof == ASOF_GT;
    return !plan->ignores_left_watermark && !plan->ignores_right_watermark &&
           (looks_back || plan->has_tolerance);
}

static laminar_status join_properties(struct plan_context *ctx, struct plan *plan)
{
    const struct plan *left = plan->inputs[0], *right = plan->inputs[1];
    struct plan_properties *props = &plan->props;
    bool both = left->props.is_append_only && right->props.is_append_only,
         is_asof = plan->strategy == STRATEGY_ASOF || plan->strategy == STRATEGY_TEMPORAL,
         is_lookup = plan->strategy == STRATEGY_LOOKUP,
         is_optional = plan->join_kind == JOIN_LEFT || plan->join_kind == JOIN_ANTI ||
                       plan->join_kind == JOIN_FULL || is_asof /* a better match may come */;
    if (plan->emit == EMIT_ON_CLOSE) is_optional = false; /* rows wait until none can come */
    props->is_append_only = is_lookup ? left->props.is_append_only : !is_optional && both;
    /* An old left row can still meet a new right one, so a join carries the watermark only where
     * that is bounded, or the right side is a table. */
    bool carries = is_asof     ? asof_carries(plan)
                   : is_lookup ? true
                   : plan->strategy == STRATEGY_INTERVAL
                       ? plan->upper_us != INT64_MAX && plan->join_kind != JOIN_FULL
                       : is_table_side(right) && plan->join_kind != JOIN_FULL;
    if (carries) props->time_col = left->props.time_col;
    join_state(plan);
    return join_key(ctx, plan);
}

/* --- The others ------------------------------------------------------------------------------- */

static laminar_status union_properties(struct plan_context *ctx, struct plan *plan)
{
    plan->props.is_append_only = true;
    plan->props.time_col = plan->inputs[0]->props.time_col;
    for (uint32_t i = 0; i < plan->n_inputs; i++) {
        plan->props.is_append_only &= plan->inputs[i]->props.is_append_only;
        if (plan->inputs[i]->props.time_col != plan->props.time_col) plan->props.time_col = -1;
    }
    return plan->n_inputs == 1 ? copy_key(ctx, plan, plan->inputs[0]) : LAMINAR_OK;
}

static laminar_status distinct_properties(struct plan_context *ctx, struct plan *plan)
{
    uint32_t *key = NULL;
    plan->props.is_append_only = plan->inputs[0]->props.is_append_only;
    plan->props.time_col = plan->inputs[0]->props.time_col;
    plan->props.state = STATE_KEYS;
    plan->props.state_note = "one entry per distinct row";
    if (plan->inputs[0]->props.has_key) return copy_key(ctx, plan, plan->inputs[0]);
    CHECK(set_key(ctx, plan, plan->n_cols, &key));
    for (uint32_t i = 0; i < plan->n_cols; i++) key[i] = i;
    return LAMINAR_OK;
}

static laminar_status expand_properties(struct plan *plan)
{
    const struct plan_properties *in = &plan->inputs[0]->props;
    plan->props.is_append_only = in->is_append_only;
    for (uint32_t c = plan->n_cols; c-- > 0 && in->time_col >= 0;) {
        bool carries = true;
        for (size_t r = 0; r < plan->n_rows; r++) {
            const struct expr *e = plan->exprs[r * plan->n_cols + c];
            carries = carries && e->kind == EXPR_COLUMN && e->column == (uint32_t)in->time_col;
        }
        if (carries) plan->props.time_col = (int32_t)c;
    }
    return LAMINAR_OK;
}

static laminar_status unnest_properties(struct plan_context *ctx, struct plan *plan)
{
    const struct plan_properties *in = &plan->inputs[0]->props;
    uint32_t *key = NULL;
    plan->props.is_append_only = in->is_append_only;
    for (uint32_t i = plan->n_pass; i-- > 0 && in->time_col >= 0;)
        if (plan->pass[i] == (uint32_t)in->time_col) plan->props.time_col = (int32_t)i;
    if (!in->has_key || !plan->has_ordinality) return LAMINAR_OK;
    /* the input's key and the element's number */
    CHECK(set_key(ctx, plan, in->n_key_cols + 1, &key));
    for (uint32_t k = 0; k < in->n_key_cols; k++) {
        uint32_t i = 0;
        while (i < plan->n_pass && plan->pass[i] != in->key_cols[k]) i++;
        if (i == plan->n_pass) {
            plan->props.has_key = false;
            plan->props.key_cols = NULL;
            plan->props.n_key_cols = 0;
            return LAMINAR_OK;
        }
        key[k] = i;
    }
    key[in->n_key_cols] = plan->n_cols - 1;
    return LAMINAR_OK;
}

/* A change of a row comes from a change of it on either side, so the watermark is the union's. */
static laminar_status set_properties(struct plan_context *ctx, struct plan *plan)
{
    uint32_t *key = NULL;
    CHECK(union_properties(ctx, plan));
    /* a step may add a row twice: a weight of 2, which readers of append-only rows don't look for */
    if (plan->set_kind == SET_EXCEPT || plan->is_set_all) plan->props.is_append_only = false;
    plan->props.state = STATE_KEYS;
    plan->props.state_note = "one entry per distinct row of both sides";
    if (plan->inputs[0]->props.has_key) return copy_key(ctx, plan, plan->inputs[0]);
    if (plan->is_set_all) return LAMINAR_OK;
    CHECK(set_key(ctx, plan, plan->n_cols, &key));
    for (uint32_t i = 0; i < plan->n_cols; i++) key[i] = i;
    return LAMINAR_OK;
}

static laminar_status top_properties(struct plan_context *ctx, struct plan *plan)
{
    struct plan_properties *props = &plan->props;
    bool input_appends = plan->inputs[0]->props.is_append_only;
    props->is_append_only = input_appends && plan->n_sort == 0 && plan->n_partition == 0;
    if (plan->has_limit && plan->limit <= 1 && plan->ties == TIES_CUT) {
        uint32_t *key = NULL;
        CHECK(set_key(ctx, plan, plan->n_partition, &key));
        if (plan->n_partition) memcpy(key, plan->partition, plan->n_partition * sizeof *key);
    } else {
        CHECK(copy_key(ctx, plan, plan->inputs[0]));
    }
    if (!input_appends || !plan->has_limit) {
        props->state = STATE_UNBOUNDED;
        props->state_note = "all rows of the input";
    } else if (plan->n_partition) {
        props->state = STATE_KEYS;
        return column_names(ctx, plan, plan->partition, plan->n_partition, "the top rows per %s",
                            &props->state_note);
    } else {
        props->state = STATE_CONST;
        ALLOC_OR_FAIL(ctx, props->state_note,
                      arena_printf(ctx->arena, "%llu row%s",
                                   (unsigned long long)(plan->limit + plan->offset),
                                   plan->limit + plan->offset == 1 ? "" : "s"));
    }
    return LAMINAR_OK;
}

static laminar_status window_table_properties(struct plan_context *ctx, struct plan *plan)
{
    const struct plan_properties *in = &plan->inputs[0]->props;
    plan->props.is_append_only = in->is_append_only;
    plan->props.time_col = in->time_col;
    if (!in->has_key || plan->window.kind == WINDOW_TUMBLE)
        return copy_key(ctx, plan, plan->inputs[0]);
    uint32_t *key = NULL;
    CHECK(set_key(ctx, plan, in->n_key_cols + 1, &key));
    if (in->n_key_cols) memcpy(key, in->key_cols, in->n_key_cols * sizeof *key);
    key[in->n_key_cols] = plan->n_cols - 2;
    return LAMINAR_OK;
}

/* The rows of the input, each with its values as they now are. */
static laminar_status over_properties(struct plan_context *ctx, struct plan *plan)
{
    struct plan_properties *props = &plan->props;
    props->state = STATE_UNBOUNDED;
    props->state_note = "all rows of the input";
    return copy_key(ctx, plan, plan->inputs[0]);
}

/* Rows whose time has not come yet are kept, and those that are there. What comes late by the clock may be late by the watermark too, and what
 * leaves is: so the output has no event time. */
static laminar_status time_filter_properties(struct plan_context *ctx, struct plan *plan)
{
    bool leaves = false, enters = false;
    for (uint32_t i = 0; i < plan->n_time_bounds; i++) {
        bool is_end = plan->time_bounds[i].op == TIME_GT || plan->time_bounds[i].op == TIME_GE;
        leaves |= is_end;
        enters |= !is_end;
    }
    plan->props.is_append_only = plan->inputs[0]->props.is_append_only && !leaves;
    plan->props.is_fleeting = leaves;
    plan->props.state = STATE_CLOCK;
    plan->props.state_note = !leaves  ? "rows whose time has not come yet"
                             : enters ? "rows whose time has not come or not gone yet"
                                      : "rows whose time has not gone yet";
    return copy_key(ctx, plan, plan->inputs[0]);
}

static bool is_fleeting(const struct plan *plan)
{
    bool all = plan->n_inputs > 0;
    for (uint32_t i = 0; i < plan->n_inputs; i++) all &= plan->inputs[i]->props.is_fleeting;
    switch (plan->kind) {
    case PLAN_SCAN: return plan->relation->is_fleeting;
    case PLAN_TIME_FILTER: return plan->props.is_fleeting || all;
    case PLAN_JOIN:
        return all ||
               (plan->inputs[0]->props.is_fleeting && plan->join_kind != JOIN_RIGHT &&
                plan->join_kind != JOIN_FULL) ||
               (plan->inputs[1]->props.is_fleeting &&
                (plan->join_kind == JOIN_INNER || plan->join_kind == JOIN_CROSS ||
                 plan->join_kind == JOIN_RIGHT));
    case PLAN_AGGREGATE: return all && plan->n_group > 0;
    case PLAN_FILTER:
    case PLAN_PROJECT:
    case PLAN_UNION_ALL:
    case PLAN_DISTINCT:
    case PLAN_UNNEST:
    case PLAN_EXPAND:
    case PLAN_SET:
    case PLAN_OVER:
    case PLAN_TOP_N:
    case PLAN_SORT:
    case PLAN_WINDOW_TABLE:
    case PLAN_HOLD: return all;
    case PLAN_VALUES:
    case PLAN_RECURSIVE:
    case PLAN_WORKING: break;
    }
    return false;
}

/* State over rows that leave is bounded by them. */
static void bound_by_clock(struct plan *plan)
{
    bool all = plan->n_inputs > 0;
    for (uint32_t i = 0; i < plan->n_inputs; i++) all &= plan->inputs[i]->props.is_fleeting;
    if (all && (plan->props.state == STATE_UNBOUNDED || plan->props.state == STATE_KEYS))
        plan->props.state = STATE_CLOCK;
}

static bool is_timely(const struct plan *plan)
{
    if (plan->props.is_append_only) return true;
    bool inputs = true;
    for (uint32_t i = 0; i < plan->n_inputs; i++) inputs &= plan->inputs[i]->props.is_timely;
    switch (plan->kind) {
    case PLAN_SCAN: return plan->relation->is_timely;
    case PLAN_FILTER:
    case PLAN_PROJECT:
    case PLAN_AGGREGATE: /* with a window: it takes back values of open windows only */
    case PLAN_UNION_ALL:
    case PLAN_DISTINCT:
    case PLAN_UNNEST:
    case PLAN_EXPAND:
    case PLAN_SORT:
    case PLAN_WINDOW_TABLE:
    case PLAN_HOLD: return inputs;
    case PLAN_JOIN: /* a change of a table meets rows of any age */
        if (plan->strategy == STRATEGY_LOOKUP) return plan->inputs[0]->props.is_timely;
        return inputs && plan->strategy != STRATEGY_HASH && plan->strategy != STRATEGY_NESTED;
    case PLAN_VALUES:
    case PLAN_RECURSIVE:
    case PLAN_WORKING:
    case PLAN_SET:
    case PLAN_OVER:
    case PLAN_TIME_FILTER:
    case PLAN_TOP_N: break;
    }
    return false;
}

static laminar_status node_properties(struct plan_context *ctx, struct plan *plan)
{
    switch (plan->kind) {
    case PLAN_SCAN: return scan_properties(ctx, plan);
    case PLAN_VALUES:
        plan->props.is_append_only = true;
        plan->props.has_key = plan->n_rows <= 1;
        return LAMINAR_OK;
    case PLAN_FILTER: return filter_properties(ctx, plan);
    case PLAN_PROJECT: return project_properties(ctx, plan);
    case PLAN_AGGREGATE: return aggregate_properties(ctx, plan);
    case PLAN_JOIN: return join_properties(ctx, plan);
    case PLAN_UNION_ALL: return union_properties(ctx, plan);
    case PLAN_DISTINCT: return distinct_properties(ctx, plan);
    case PLAN_WORKING: plan->props.is_append_only = true; return LAMINAR_OK;
    case PLAN_RECURSIVE:
        plan->props.is_append_only = true;
        plan->props.state = STATE_UNBOUNDED;
        plan->props.state_note = plan->is_set_all ? "the rows of a round" : "all rows found";
        return plan->term ? plan_compute_properties(ctx, plan->term) : LAMINAR_OK;
    case PLAN_UNNEST: return unnest_properties(ctx, plan);
    case PLAN_EXPAND: return expand_properties(plan);
    case PLAN_SET: return set_properties(ctx, plan);
    case PLAN_TOP_N: return top_properties(ctx, plan);
    case PLAN_SORT:
        plan->props.is_append_only = plan->inputs[0]->props.is_append_only;
        plan->props.time_col = plan->inputs[0]->props.time_col;
        return copy_key(ctx, plan, plan->inputs[0]);
    case PLAN_OVER: return over_properties(ctx, plan);
    case PLAN_WINDOW_TABLE: return window_table_properties(ctx, plan);
    case PLAN_HOLD:
        plan->props.is_append_only = plan->inputs[0]->props.is_append_only;
        plan->props.time_col = plan->inputs[0]->props.time_col;
        plan->props.state = STATE_KEYS;
        plan->props.state_note = "the changes of one period";
        return copy_key(ctx, plan, plan->inputs[0]);
    case PLAN_TIME_FILTER: return time_filter_properties(ctx, plan);
    }
    return LAMINAR_OK;
}

laminar_status plan_compute_properties(struct plan_context *ctx, struct plan *plan)
{
    for (uint32_t i = 0; i < plan->n_inputs; i++)
        CHECK(plan_compute_properties(ctx, plan->inputs[i]));
    plan->props = (struct plan_properties){.time_col = -1};
    CHECK(node_properties(ctx, plan));
    plan->props.is_timely = is_timely(plan);
    plan->props.is_fleeting = is_fleeting(plan);
    bound_by_clock(plan);
    return LAMINAR_OK;
}
