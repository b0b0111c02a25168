/* explain.c - a plan as text or JSON: a node a line, what it does, and in brackets what its
 * properties are.
 *
 *   Aggregate  keys: origin  window: TUMBLE 1 hour on time  aggs: count(*)  emit: ON WINDOW CLOSE
 *       [append-only, key (window_start, origin), event time window_start, state: until the watermark passes the window's end] */
#include "plan/plan_internal.h"

enum { VALUES_SHOWN_MAX = 8 };

/* --- Pieces ----------------------------------------------------------------------------------- */

static void print_duration(int64_t us, struct strbuf *out)
{
    static const struct {
        int64_t us;
        const char *name;
    } units[] = {{INT64_C(86400000000), "day"}, {INT64_C(3600000000), "hour"},
                 {INT64_C(60000000), "minute"}, {INT64_C(1000000), "second"},
                 {INT64_C(1000), "ms"},         {INT64_C(1), "us"}};
    bool is_first = true;
    if (us == 0) strbuf_puts(out, "0 seconds");
    if (us < 0) strbuf_putc(out, '-');
    uint64_t rest = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
        uint64_t n = rest / (uint64_t)units[i].us;
        if (!n) continue;
        rest %= (uint64_t)units[i].us;
        strbuf_printf(out, "%s%llu %s%s", is_first ? "" : " ", (unsigned long long)n, units[i].name,
                      n > 1 && i < 4 ? "s" : "");
        is_first = false;
    }
}

static void print_exprs(struct expr *const *exprs, uint32_t n, const struct plan *input,
                        struct strbuf *out)
{
    for (uint32_t i = 0; i < n; i++) {
        if (i) strbuf_puts(out, ", ");
        expr_print(exprs[i], input, out);
    }
}

static void print_column_list(const struct plan *plan, const uint32_t *columns, uint32_t n,
                              struct strbuf *out)
{
    for (uint32_t i = 0; i < n; i++)
        strbuf_printf(out, "%s%s", i ? ", " : "",
                      columns[i] < plan->n_cols ? plan->cols[columns[i]].name : "?");
}

static void print_all_columns(const struct plan *plan, struct strbuf *out)
{
    for (uint32_t i = 0; i < plan->n_cols; i++)
        strbuf_printf(out, "%s%s", i ? ", " : "", plan->cols[i].name);
}

static void print_sort(const struct plan *plan, struct strbuf *out)
{
    for (uint32_t i = 0; i < plan->n_sort; i++) {
        const struct sort_key *key = &plan->sort[i];
        strbuf_printf(out, "%s%s", i ? ", " : "", plan->cols[key->column].name);
        if (key->is_descending) strbuf_puts(out, " DESC");
        if (key->is_nulls_first != key->is_descending)
            strbuf_puts(out, key->is_nulls_first ? " NULLS FIRST" : " NULLS LAST");
    }
}

static void print_window(const struct window_spec *window, const struct plan *input,
                         struct strbuf *out)
{
    static const char *const names[] = {[WINDOW_NONE] = "",
                                        [WINDOW_TUMBLE] = "TUMBLE",
                                        [WINDOW_HOP] = "HOP",
                                        [WINDOW_SESSION] = "SESSION",
                                        [WINDOW_CUMULATE] = "CUMULATE"};
    strbuf_printf(out, "%s ", names[window->kind]);
    print_duration(window->size_us, out);
    if (window->kind == WINDOW_HOP || window->kind == WINDOW_CUMULATE) {
        strbuf_puts(out, " every ");
        print_duration(window->slide_us, out);
    }
    if (window->offset_us) {
        strbuf_puts(out, " offset ");
        print_duration(window->offset_us, out);
    }
    strbuf_puts(out, " on ");
    expr_print(window->time, input, out);
}

static void print_aggregate_call(const struct aggregate_call *call, const struct plan *input,
                                 struct strbuf *out)
{
    strbuf_printf(out, "%s(%s", call->agg->name, call->is_distinct ? "DISTINCT " : "");
    if (call->n_args == 0) strbuf_putc(out, '*');
    print_exprs(call->args, call->n_args, input, out);
    for (uint32_t i = 0; i < call->n_order; i++) {
        strbuf_puts(out, i ? ", " : " ORDER BY ");
        expr_print(call->order_args[i], input, out);
        if (call->order_keys[i].is_descending) strbuf_puts(out, " DESC");
    }
    strbuf_putc(out, ')');
    if (strncmp(call->agg->name, "approx_", 7) == 0) strbuf_puts(out, " (approximate)");
    if (!call->filter) return;
    strbuf_puts(out, " FILTER (WHERE ");
    expr_print(call->filter, input, out);
    strbuf_putc(out, ')');
}

/* --- Nodes: name and detail ------------------------------------------------------------------- */

static void node_name(const struct plan *plan, struct strbuf *out)
{
    static const char *const joins[] = {
        [JOIN_INNER] = "Inner join", [JOIN_LEFT] = "Left join", [JOIN_RIGHT] = "Right join",
        [JOIN_FULL] = "Full join",   [JOIN_SEMI] = "Semi join", [JOIN_ANTI] = "Anti join",
        [JOIN_CROSS] = "Cross join"};
    static const char *const names[] = {
        [PLAN_SCAN] = "Scan",           [PLAN_VALUES] = "Values",          [PLAN_FILTER] = "Filter",
        [PLAN_PROJECT] = "Project",     [PLAN_AGGREGATE] = "Aggregate",    [PLAN_JOIN] = "Join",
        [PLAN_UNION_ALL] = "Union all", [PLAN_DISTINCT] = "Distinct",      [PLAN_TOP_N] = "Top",
        [PLAN_SORT] = "Sort",           [PLAN_WINDOW_TABLE] = "Window",    [PLAN_OVER] = "Over",
        [PLAN_HOLD] = "Hold",           [PLAN_TIME_FILTER] = "Time filter"};
    if (plan->kind == PLAN_EXPAND) {
        strbuf_puts(out, "Grouping sets");
        return;
    }
    if (plan->kind == PLAN_RECURSIVE || plan->kind == PLAN_WORKING) {
        strbuf_puts(out, plan->kind == PLAN_WORKING ? "Working rows"
                         : plan->is_set_all         ? "Recursive union all"
                                                    : "Recursive union");
        return;
    }
    if (plan->kind == PLAN_UNNEST) {
        strbuf_puts(out, plan->is_unnest_outer ? "Unnest outer" : "Unnest");
        return;
    }
    static const char *const sets[] = {[SET_INTERSECT] = "Intersect", [SET_EXCEPT] = "Except"};
    if (plan->kind == PLAN_JOIN)
        strbuf_puts(out, joins[plan->join_kind]);
    else if (plan->kind == PLAN_TOP_N && plan->n_sort == 0)
        strbuf_puts(out, "Limit");
    else if (plan->kind == PLAN_SET)
        strbuf_printf(out, "%s%s", sets[plan->set_kind], plan->is_set_all ? " all" : "");
    else
        strbuf_puts(out, names[plan->kind]);
}

static void scan_detail(const struct plan *plan, struct strbuf *out)
{
    const struct relation *relation = plan->relation;
    const char *alias = plan->n_cols ? plan->cols[0].table : NULL;
    strbuf_puts(out, relation->name);
    if (alias && strcmp(alias, relation->name) != 0) strbuf_printf(out, " AS %s", alias);
    strbuf_putc(out, ' ');
    strbuf_putc(out, '(');
    for (const char *c = relation_kind_name(relation->kind); *c; c++)
        strbuf_putc(out, (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c));
    strbuf_puts(out, ")  columns: ");
    print_all_columns(plan, out);
}

static void values_detail(const struct plan *plan, struct strbuf *out)
{
    if (plan->n_rows == 0) {
        strbuf_puts(out, "no rows");
    } else if (plan->n_rows * plan->n_cols <= VALUES_SHOWN_MAX) {
        for (size_t r = 0; r < plan->n_rows; r++) {
            strbuf_puts(out, r ? ", (" : "(");
            print_exprs(plan->exprs + r * plan->n_cols, plan->n_cols, NULL, out);
            strbuf_putc(out, ')');
        }
    } else {
        strbuf_printf(out, "%zu row%s", plan->n_rows, plan->n_rows == 1 ? "" : "s");
    }
    strbuf_puts(out, "  columns: ");
    print_all_columns(plan, out);
}

static void project_detail(const struct plan *plan, struct strbuf *out)
{
    for (uint32_t i = 0; i < plan->n_cols; i++) {
        size_t start = out->size + (i ? 2 : 0);
        if (i) strbuf_puts(out, ", ");
        expr_print(plan->exprs[i], plan->inputs[0], out);
        if (out->failed) return;
        size_t size = strlen(plan->cols[i].name);
        if (out->size - start != size || memcmp(out->data + start, plan->cols[i].name, size) != 0)
            strbuf_printf(out, " AS %s", plan->cols[i].name);
    }
}

static void aggregate_detail(const struct plan *plan, struct strbuf *out)
{
    const struct plan *input = plan->inputs[0];
    const char *separator = "";
    if (plan->n_group) {
        strbuf_puts(out, "keys: ");
        print_exprs(plan->group, plan->n_group, input, out);
        separator = "  ";
    }
    if (plan->window.kind != WINDOW_NONE) {
        strbuf_printf(out, "%swindow: ", separator);
        print_window(&plan->window, input, out);
        separator = "  ";
    }
    if (plan->n_aggs) strbuf_printf(out, "%saggs: ", separator);
    for (uint32_t i = 0; i < plan->n_aggs; i++) {
        if (i) strbuf_puts(out, ", ");
        print_aggregate_call(&plan->aggs[i], input, out);
    }
    bool is_plain = plan->window.kind == WINDOW_NONE && plan->emit != EMIT_EVERY;
    if (plan->emit == EMIT_DEFAULT || is_plain) return;
    strbuf_printf(out, "  emit: %s", emit_mode_name(plan->emit));
    if (plan->emit == EMIT_EVERY) {
        strbuf_putc(out, ' ');
        print_duration(plan->emit_every_us, out);
    }
    if (plan->lateness_us) {
        strbuf_puts(out, ", lateness ");
        print_duration(plan->lateness_us, out);
    }
    if (plan->late_data) strbuf_printf(out, ", late data to %s", plan->late_data);
    if (plan->window.kind == WINDOW_NONE) return;
    int64_t pane_us = plan_window_pane_us(plan, false), n = window_n_of_row(&plan->window);
    if (pane_us) {
        strbuf_puts(out, "  rows: to one pane of ");
        print_duration(pane_us, out);
    } else if (n > 1) {
        int64_t step_us = plan_window_step_pane_us(plan);
        if (step_us) {
            strbuf_puts(out, "  rows: by panes of ");
            print_duration(step_us, out);
            strbuf_puts(out, " a step,");
        } else {
            strbuf_puts(out, "  rows:");
        }
        strbuf_printf(out, " to each of up to %lld windows", (long long)n);
    }
}

/* Keys as equalities over left ++ right, so that equal names are told apart by their tables. */
static void join_condition(const struct plan *plan, const struct plan *both, struct strbuf *out)
{
    struct arena scratch = {0};
    if (plan->n_keys) strbuf_puts(out, "  on: ");
    for (uint32_t i = 0; i < plan->n_keys; i++) {
        struct expr *right = expr_copy(&scratch, plan->right_keys[i]);
        if (!right) {
            out->failed = true;
            break;
        }
        expr_shift(right, plan->inputs[0]->n_cols);
        if (i) strbuf_puts(out, " AND ");
        expr_print(plan->left_keys[i], both, out);
        strbuf_puts(out, " = ");
        expr_print(right, both, out);
    }
    arena_deinit(&scratch);
}

static void join_time(const struct plan *plan, struct strbuf *out)
{
    static const char *const ops[] = {[ASOF_GE] = " >= ",
                                      [ASOF_GT] = " > ",
                                      [ASOF_LE] = " <= ",
                                      [ASOF_LT] = " < ",
                                      [ASOF_NEAREST] = " nearest "};
    const struct plan *left = plan->inputs[0], *right = plan->inputs[1];
    if (plan->strategy == STRATEGY_INTERVAL) {
        strbuf_puts(out, "  within: ");
        expr_print(plan->right_time, right, out);
        strbuf_puts(out, " - ");
        expr_print(plan->left_time, left, out);
        strbuf_puts(out, " in ");
        if (plan->lower_us == INT64_MIN) {
            strbuf_puts(out, "(-∞, ");
        } else {
            strbuf_putc(out, '[');
            print_duration(plan->lower_us, out);
            strbuf_puts(out, ", ");
        }
        if (plan->upper_us == INT64_MAX) {
            strbuf_puts(out, "∞)");
        } else {
            print_duration(plan->upper_us, out);
            strbuf_putc(out, ']');
        }
        if (plan->emit != EMIT_DEFAULT)
            strbuf_printf(out, "  emit: %s", emit_mode_name(plan->emit));
    } else if (plan->strategy == STRATEGY_ASOF || plan->strategy == STRATEGY_TEMPORAL) {
        strbuf_puts(out, "  match: left ");
        expr_print(plan->left_time, left, out);
        strbuf_puts(out, ops[plan->asof]);
        strbuf_puts(out, "right ");
        expr_print(plan->right_time, right, out);
        if (plan->has_tolerance) {
            strbuf_puts(out, " within ");
            print_duration(plan->tolerance_us, out);
        }
    }
}

static void join_detail(const struct plan *plan, struct strbuf *out)
{
    static const char *const names[] = {
        [STRATEGY_HASH] = "hash",         [STRATEGY_ASOF] = "asof",
        [STRATEGY_LOOKUP] = "lookup",     [STRATEGY_INTERVAL] = "interval",
        [STRATEGY_TEMPORAL] = "temporal", [STRATEGY_NESTED] = "nested"};
    const struct plan *left = plan->inputs[0], *right = plan->inputs[1];
    struct plan both = {.n_cols = left->n_cols + right->n_cols};
    both.cols = mem_calloc(both.n_cols ? both.n_cols : 1, sizeof *both.cols);
    if (!both.cols) {
        out->failed = true;
        return;
    }
    memcpy(both.cols, left->cols, left->n_cols * sizeof *both.cols);
    memcpy(both.cols + left->n_cols, right->cols, right->n_cols * sizeof *both.cols);
    strbuf_puts(out, names[plan->strategy]);
    join_condition(plan, &both, out);
    join_time(plan, out);
    if (plan->predicate) {
        strbuf_puts(out, "  where: ");
        expr_print(plan->predicate, &both, out);
    }
    mem_free(both.cols);
}

static void top_detail(const struct plan *plan, struct strbuf *out)
{
    if (plan->has_limit) strbuf_printf(out, "%llu", (unsigned long long)plan->limit);
    if (plan->ties == TIES_RANK) strbuf_puts(out, " with ties");
    if (plan->ties == TIES_DENSE) strbuf_puts(out, " groups of ties");
    if (plan->offset)
        strbuf_printf(out, "%soffset %llu", plan->has_limit ? "  " : "",
                      (unsigned long long)plan->offset);
    if (plan->n_sort) {
        strbuf_puts(out, "  by: ");
        print_sort(plan, out);
    }
    if (plan->n_partition) {
        strbuf_puts(out, "  per: ");
        print_column_list(plan, plan->partition, plan->n_partition, out);
    }
}

/* The keys of each set: what is a column in it, and null in another. */
static void expand_detail(const struct plan *plan, struct strbuf *out)
{
    size_t n = plan->n_rows < VALUES_SHOWN_MAX ? plan->n_rows : VALUES_SHOWN_MAX;
    for (size_t set = 0; set < n; set++) {
        const char *separator = "";
        strbuf_puts(out, set ? ", (" : "(");
        for (uint32_t c = 0; c < plan->n_cols; c++) {
            bool is_null = false;
            for (size_t other = 0; other < plan->n_rows; other++)
                is_null |= expr_is_const_null(plan->exprs[other * plan->n_cols + c]);
            if (!is_null || plan->exprs[set * plan->n_cols + c]->kind != EXPR_COLUMN) continue;
            strbuf_printf(out, "%s%s", separator, plan->cols[c].name);
            separator = ", ";
        }
        strbuf_putc(out, ')');
    }
    if (n < plan->n_rows) strbuf_printf(out, ", ... %zu in all", plan->n_rows);
}

static void unnest_detail(const struct plan *plan, struct strbuf *out)
{
    for (uint32_t i = 0; i < plan->n_unnest; i++) {
        const struct unnest_item *item = &plan->unnest[i];
        if (i) strbuf_puts(out, ", ");
        if (item->kind == UNNEST_SERIES)
            strbuf_puts(out, item->excludes_end ? "range(" : "generate_series(");
        print_exprs(item->args, item->n_args, plan->inputs[0], out);
        if (item->kind == UNNEST_SERIES) strbuf_putc(out, ')');
    }
    strbuf_puts(out, plan->has_ordinality ? " with ordinality  columns: " : "  columns: ");
    print_all_columns(plan, out);
}

static void print_bound(const struct over_frame *frame, const struct frame_bound *bound,
                        const struct plan *input, struct strbuf *out)
{
    switch (bound->kind) {
    case BOUND_FIRST: strbuf_puts(out, "UNBOUNDED PRECEDING"); return;
    case BOUND_LAST: strbuf_puts(out, "UNBOUNDED FOLLOWING"); return;
    case BOUND_CURRENT: strbuf_puts(out, "CURRENT ROW"); return;
    case BOUND_PRECEDING:
    case BOUND_FOLLOWING: break;
    }
    if (frame->unit == FRAME_RANGE) {
        strbuf_puts(out, input->cols[bound->column].name);
        return;
    }
    strbuf_printf(out, "%llu %s", (unsigned long long)bound->n,
                  bound->kind == BOUND_PRECEDING ? "PRECEDING" : "FOLLOWING");
}

static void print_frame(const struct over_frame *frame, const struct plan *input,
                        struct strbuf *out)
{
    static const char *const units[] = {
        [FRAME_ROWS] = "ROWS", [FRAME_RANGE] = "RANGE", [FRAME_GROUPS] = "GROUPS"};
    static const char *const excludes[] = {[EXCLUDE_NONE] = "",
                                           [EXCLUDE_CURRENT] = " EXCLUDE CURRENT ROW",
                                           [EXCLUDE_GROUP] = " EXCLUDE GROUP",
                                           [EXCLUDE_TIES] = " EXCLUDE TIES"};
    if (frame->start.kind == BOUND_FIRST && frame->end.kind == BOUND_LAST && !frame->exclude)
        return;
    strbuf_printf(out, " %s ", units[frame->unit]);
    print_bound(frame, &frame->start, input, out);
    strbuf_puts(out, " .. ");
    print_bound(frame, &frame->end, input, out);
    strbuf_puts(out, excludes[frame->exclude]);
}

static void over_detail(const struct plan *plan, struct strbuf *out)
{
    const struct plan *input = plan->inputs[0];
    for (uint32_t i = 0; i < plan->n_overs; i++) {
        const struct over_call *call = &plan->overs[i];
        const struct aggregate_call *agg = &call->agg;
        if (i) strbuf_puts(out, ", ");
        if (call->kind == OVER_AGGREGATE) {
            print_aggregate_call(agg, input, out);
        } else {
            strbuf_printf(out, "%s(", call->name);
            print_exprs(agg->args, agg->n_args, input, out);
            if (call->n)
                strbuf_printf(
                    out, "%s%lld", agg->n_args ? "; " : "",
                    (long long)(call->kind == OVER_LAG && call->n < 0 ? -call->n : call->n));
            strbuf_puts(out, call->ignores_nulls ? ") IGNORE NULLS" : ")");
        }
        print_frame(&call->frame, input, out);
    }
    if (plan->n_partition) {
        strbuf_puts(out, "  per: ");
        print_column_list(plan, plan->partition, plan->n_partition, out);
    }
    if (plan->n_sort) {
        strbuf_puts(out, "  by: ");
        print_sort(plan, out);
    }
}

static void time_bounds_detail(const struct plan *plan, struct strbuf *out)
{
    static const char *const ops[] = {
        [TIME_LT] = " < ", [TIME_LE] = " <= ", [TIME_GT] = " > ", [TIME_GE] = " >= "};
    for (uint32_t i = 0; i < plan->n_time_bounds; i++) {
        const struct time_bound *bound = &plan->time_bounds[i];
        if (i) strbuf_puts(out, " AND ");
        expr_print(bound->row, plan->inputs[0], out);
        strbuf_puts(out, ops[bound->op]);
        expr_print(bound->clock, NULL, out);
    }
}

static void node_detail(const struct plan *plan, struct strbuf *out)
{
    switch (plan->kind) {
    case PLAN_SCAN: scan_detail(plan, out); break;
    case PLAN_VALUES: values_detail(plan, out); break;
    case PLAN_FILTER: expr_print(plan->predicate, plan->inputs[0], out); break;
    case PLAN_PROJECT: project_detail(plan, out); break;
    case PLAN_AGGREGATE: aggregate_detail(plan, out); break;
    case PLAN_JOIN: join_detail(plan, out); break;
    case PLAN_UNION_ALL: strbuf_printf(out, "%u inputs", plan->n_inputs); break;
    case PLAN_WORKING:
        if (plan->working_port) strbuf_printf(out, "of input %u  columns: ", plan->working_port);
        print_all_columns(plan, out);
        break;
    case PLAN_RECURSIVE: print_all_columns(plan, out); break;
    case PLAN_UNNEST: unnest_detail(plan, out); break;
    case PLAN_EXPAND: expand_detail(plan, out); break;
    case PLAN_DISTINCT:
    case PLAN_SET: print_all_columns(plan, out); break;
    case PLAN_TOP_N: top_detail(plan, out); break;
    case PLAN_SORT:
        strbuf_puts(out, "by: ");
        print_sort(plan, out);
        break;
    case PLAN_WINDOW_TABLE: print_window(&plan->window, plan->inputs[0], out); break;
    case PLAN_OVER: over_detail(plan, out); break;
    case PLAN_HOLD:
        strbuf_puts(out, "emit: EVERY ");
        print_duration(plan->emit_every_us, out);
        break;
    case PLAN_TIME_FILTER: time_bounds_detail(plan, out); break;
    }
}

static const char *state_name(enum state_bound state)
{
    switch (state) {
    case STATE_NONE: return "none";
    case STATE_CONST: return "constant";
    case STATE_KEYS: return "keys";
    case STATE_WATERMARK: return "watermark";
    case STATE_CLOCK: return "clock";
    case STATE_TABLE: return "table";
    case STATE_UNBOUNDED: return "unbounded";
    }
    return "none";
}

/* --- Text ------------------------------------------------------------------------------------- */

static void print_properties(const struct plan *plan, struct strbuf *out)
{
    const struct plan_properties *props = &plan->props;
    strbuf_puts(out, props->is_append_only ? "[append-only" : "[retracts");
    if (props->has_key && props->n_key_cols == 0) {
        strbuf_puts(out, ", one row at most");
    } else if (props->has_key) {
        strbuf_puts(out, ", key (");
        print_column_list(plan, props->key_cols, props->n_key_cols, out);
        strbuf_putc(out, ')');
    }
    if (props->time_col >= 0)
        strbuf_printf(out, ", event time %s", plan->cols[props->time_col].name);
    if (props->state != STATE_NONE) {
        strbuf_printf(out, ", state: %s",
                      props->state_note ? props->state_note : state_name(props->state));
        if (props->state == STATE_UNBOUNDED) strbuf_puts(out, ", without bound");
    }
    if (plan->kind == PLAN_SORT) strbuf_puts(out, ", order is of one-shot answers only");
    strbuf_putc(out, ']');
}

static void print_cost(const struct plan *plan, const struct plan_costs *costs, struct strbuf *out)
{
    struct plan_node_cost cost;
    if (costs && costs->note) {
        struct strbuf note = {0};
        costs->note(costs->ctx, plan, &note);
        if (note.size) strbuf_printf(out, "   (%s)", note.data);
        if (note.failed) out->failed = true;
        strbuf_deinit(&note);
    }
    if (!costs || !costs->find) return;
    if (!costs->find(costs->ctx, plan, &cost)) {
        strbuf_puts(out, "   (in the node above)");
        return;
    }
    strbuf_printf(out, "   (%llu rows, %lld.%03lld ms)", (unsigned long long)cost.rows_out,
                  (long long)(cost.time_us / 1000), (long long)(cost.time_us % 1000));
}

/* `lead` is what stands before the lines of this node's inputs. */
static void print_tree(const struct plan *plan, const struct plan_costs *costs, struct strbuf *lead,
                       const char *branch, const char *below, struct strbuf *out)
{
    strbuf_append(out, lead->data ? lead->data : "", lead->size);
    strbuf_puts(out, branch);
    node_name(plan, out);
    strbuf_puts(out, "  ");
    node_detail(plan, out);
    strbuf_puts(out, "   ");
    print_properties(plan, out);
    print_cost(plan, costs, out);
    strbuf_putc(out, '\n');
    size_t size = lead->size;
    strbuf_puts(lead, below);
    uint32_t n = plan->n_inputs + (plan->term != NULL);
    for (uint32_t i = 0; i < n; i++) {
        bool is_last = i + 1 == n;
        print_tree(i < plan->n_inputs ? plan->inputs[i] : plan->term, costs, lead,
                   is_last ? "└─ " : "├─ ", is_last ? "   " : "│  ", out);
    }
    if (lead->failed)
        out->failed = true;
    else if (lead->data)
        lead->data[lead->size = size] = '\0';
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void json_string(struct strbuf *out, const char *text, size_t size)
{
    strbuf_putc(out, '"');
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            strbuf_printf(out, "\\%c", c);
        else if (c == '\n')
            strbuf_puts(out, "\\n");
        else if (c == '\t')
            strbuf_puts(out, "\\t");
        else if (c < 0x20)
            strbuf_printf(out, "\\u%04x", c);
        else
            strbuf_putc(out, (char)c);
    }
    strbuf_putc(out, '"');
}

/* "key": "what print made" */
static void json_printed(struct strbuf *out, const char *key, const struct plan *plan,
                         void (*print)(const struct plan *plan, struct strbuf *out))
{
    struct strbuf text = {0};
    print(plan, &text);
    strbuf_printf(out, "\"%s\": ", key);
    json_string(out, text.data ? text.data : "", text.size);
    if (text.failed) out->failed = true;
    strbuf_deinit(&text);
}

static void json_columns(const struct plan *plan, struct strbuf *out)
{
    strbuf_puts(out, "\"columns\": [");
    for (uint32_t i = 0; i < plan->n_cols; i++) {
        struct strbuf type = {0};
        if (i) strbuf_puts(out, ", ");
        strbuf_puts(out, "{\"name\": ");
        json_string(out, plan->cols[i].name, strlen(plan->cols[i].name));
        strbuf_puts(out, ", \"type\": ");
        type_print(plan->cols[i].type, &type);
        json_string(out, type.data ? type.data : "", type.size);
        strbuf_printf(out, ", \"nullable\": %s}", plan->cols[i].is_nullable ? "true" : "false");
        if (type.failed) out->failed = true;
        strbuf_deinit(&type);
    }
    strbuf_putc(out, ']');
}

static void json_properties(const struct plan *plan, struct strbuf *out)
{
    const struct plan_properties *props = &plan->props;
    strbuf_printf(out, "\"append_only\": %s, \"key\": ", props->is_append_only ? "true" : "false");
    strbuf_puts(out, props->has_key ? "[" : "null");
    for (uint32_t i = 0; props->has_key && i < props->n_key_cols; i++) {
        const char *name = plan->cols[props->key_cols[i]].name;
        if (i) strbuf_puts(out, ", ");
        json_string(out, name, strlen(name));
    }
    if (props->has_key) strbuf_putc(out, ']');
    strbuf_puts(out, ", \"event_time\": ");
    if (props->time_col >= 0)
        json_string(out, plan->cols[props->time_col].name,
                    strlen(plan->cols[props->time_col].name));
    else
        strbuf_puts(out, "null");
    strbuf_printf(out, ", \"state\": \"%s\", \"state_note\": ", state_name(props->state));
    if (props->state_note)
        json_string(out, props->state_note, strlen(props->state_note));
    else
        strbuf_puts(out, "null");
}

static void print_json(const struct plan *plan, const struct plan_costs *costs, uint32_t depth,
                       struct strbuf *out)
{
    struct plan_node_cost cost;
    strbuf_printf(out, "%*s{", (int)(2 * depth), "");
    json_printed(out, "node", plan, node_name);
    strbuf_puts(out, ", ");
    json_printed(out, "detail", plan, node_detail);
    strbuf_puts(out, ", ");
    json_columns(plan, out);
    strbuf_puts(out, ", ");
    json_properties(plan, out);
    if (costs && costs->note) {
        struct strbuf note = {0};
        costs->note(costs->ctx, plan, &note);
        strbuf_puts(out, ", \"shared\": ");
        if (note.size)
            json_string(out, note.data, note.size);
        else
            strbuf_puts(out, "null");
        if (note.failed) out->failed = true;
        strbuf_deinit(&note);
    }
    if (costs && costs->find && costs->find(costs->ctx, plan, &cost))
        strbuf_printf(out, ", \"rows_in\": %llu, \"rows_out\": %llu, \"time_us\": %lld",
                      (unsigned long long)cost.rows_in, (unsigned long long)cost.rows_out,
                      (long long)cost.time_us);
    strbuf_puts(out, ", \"inputs\": [");
    for (uint32_t i = 0; i < plan->n_inputs + (plan->term != NULL); i++) {
        strbuf_puts(out, i ? ",\n" : "\n");
        print_json(i < plan->n_inputs ? plan->inputs[i] : plan->term, costs, depth + 1, out);
    }
    strbuf_puts(out, "]}");
}

void plan_explain_costs(const struct plan *plan, bool as_json, const struct plan_costs *costs,
                        struct strbuf *out)
{
    if (as_json) {
        print_json(plan, costs, 0, out);
        strbuf_putc(out, '\n');
        return;
    }
    struct strbuf lead = {0};
    print_tree(plan, costs, &lead, "", "", out);
    strbuf_deinit(&lead);
}

void plan_explain(const struct plan *plan, bool as_json, struct strbuf *out)
{
    plan_explain_costs(plan, as_json, NULL, out);
}
