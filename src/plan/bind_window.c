/* bind_window.c - time windows: TUMBLE and HOP in GROUP BY, their bounds in the select list, and
 * the table form in FROM.
 *
 * All spellings come down to one window_spec: the time expression, size, slide and offset in
 * microseconds. A window can close only if its time is the column that carries the watermark of
 * what it reads. */
#include "plan/bind.h"

enum { WINDOWS_PER_ROW_MAX = 10000 };
enum arg_order { ARGS_SIZE, ARGS_SLIDE_SIZE, ARGS_SIZE_SLIDE, ARGS_BOUND_ONLY };

struct window_function {
    const char *name;
    enum window_kind kind;
    uint32_t bound; /* 0 = start, 1 = end */
    enum arg_order order;
};
static const struct window_function window_functions[] = {
    {"tumble", WINDOW_TUMBLE, 0, ARGS_SIZE},
    {"tumble_start", WINDOW_TUMBLE, 0, ARGS_SIZE},
    {"tumble_end", WINDOW_TUMBLE, 1, ARGS_SIZE},
    {"hop", WINDOW_HOP, 0, ARGS_SLIDE_SIZE},
    {"hop_start", WINDOW_HOP, 0, ARGS_SLIDE_SIZE},
    {"hop_end", WINDOW_HOP, 1, ARGS_SLIDE_SIZE},
    {"hopping", WINDOW_HOP, 0, ARGS_SIZE_SLIDE},
    {"hopping_start", WINDOW_HOP, 0, ARGS_SIZE_SLIDE},
    {"hopping_end", WINDOW_HOP, 1, ARGS_SIZE_SLIDE},
    {"slide", WINDOW_HOP, 0, ARGS_SIZE_SLIDE},
    {"slide_start", WINDOW_HOP, 0, ARGS_SIZE_SLIDE},
    {"slide_end", WINDOW_HOP, 1, ARGS_SIZE_SLIDE},
    {"session", WINDOW_SESSION, 0, ARGS_SIZE},
    {"session_start", WINDOW_SESSION, 0, ARGS_SIZE},
    {"session_end", WINDOW_SESSION, 1, ARGS_SIZE},
    {"cumulate", WINDOW_CUMULATE, 0, ARGS_SLIDE_SIZE},
    {"cumulate_start", WINDOW_CUMULATE, 0, ARGS_SLIDE_SIZE},
    {"cumulate_end", WINDOW_CUMULATE, 1, ARGS_SLIDE_SIZE},
    {"window_start", WINDOW_NONE, 0, ARGS_BOUND_ONLY},
    {"window_end", WINDOW_NONE, 1, ARGS_BOUND_ONLY},
};

static const struct window_function *find_window(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(window_functions); i++)
        if (strcmp(window_functions[i].name, name) == 0) return &window_functions[i];
    return NULL;
}

bool window_function_known(const char *name) { return find_window(name) != NULL; }

static const struct window_function *window_of(const struct ast_expr *ast)
{
    if (ast->kind != AST_EXPR_FUNCTION || ast->u.function->name.n != 1 || ast->u.function->over)
        return NULL;
    return find_window(ast->u.function->name.parts[0].text);
}

/* --- The specification ------------------------------------------------------------------------ */

static laminar_status check_time(struct select_block *q, struct expr **time, const char *name)
{
    struct plan_context *ctx = q->ctx;
    struct data_type type = (*time)->type;
    if (type_is_integer(type)) return make_cast(ctx, *time, TYPE(INT64), CAST_EXPLICIT, time);
    if (type_is_timestamp(type) || type.id == LAMINAR_TYPE_DATE) return LAMINAR_OK;
    plan_error(ctx, LAMINAR_QUERY_FAILED, (*time)->sql_offset,
               "%s needs a TIMESTAMP, DATE or BIGINT (milliseconds) column, not %s", name,
               TYPE_TEXT(type));
    return LAMINAR_QUERY_FAILED;
}

static laminar_status check_spec(struct plan_context *ctx, const struct window_spec *spec,
                                 uint32_t offset)
{
    if (spec->size_us <= 0)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, offset, "the window size must be positive");
    if (spec->slide_us <= 0)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, offset, "the window slide must be positive");
    if (spec->size_us % 1000 || spec->slide_us % 1000 || spec->offset_us % 1000)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, offset,
                          "window size, slide and offset must be whole milliseconds");
    if (spec->slide_us > spec->size_us && spec->kind == WINDOW_CUMULATE) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, offset, "the step is longer than the window");
        error_hint(ctx->err, "CUMULATE(time, step, size) takes the step first");
        return LAMINAR_QUERY_FAILED;
    }
    if (spec->slide_us > spec->size_us) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, offset,
                   "the slide is longer than the window, so rows would be lost");
        error_hint(
            ctx->err,
            "HOP(time, slide, size) takes the slide first; HOPPING and SLIDE take the size first");
        return LAMINAR_QUERY_FAILED;
    }
    if (spec->size_us / spec->slide_us > WINDOWS_PER_ROW_MAX)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, offset,
                          "each row would be in more than %d windows", (int)WINDOWS_PER_ROW_MAX);
    return LAMINAR_OK;
}

/* Sizes from args[0..n), which stand behind the time argument. */
static laminar_status bind_sizes(struct select_block *q, const struct window_function *w,
                                 struct ast_expr *const *args, size_t n, uint32_t offset,
                                 struct window_spec *spec)
{
    struct plan_context *ctx = q->ctx;
    size_t n_sizes = w->order == ARGS_SIZE ? 1 : 2;
    size_t n_max = w->kind == WINDOW_SESSION ? n_sizes : n_sizes + 1;
    if (n < n_sizes || n > n_max) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, offset, "wrong number of arguments for %s", w->name);
        error_hint(ctx->err, "%s(time, %s)", w->name,
                   w->kind == WINDOW_SESSION     ? "gap"
                   : w->kind == WINDOW_CUMULATE  ? "step, size [, offset]"
                   : w->order == ARGS_SIZE       ? "size [, offset]"
                   : w->order == ARGS_SLIDE_SIZE ? "slide, size [, offset]"
                                                 : "size, slide [, offset]");
        return LAMINAR_QUERY_FAILED;
    }
    int64_t sizes[2] = {0, 0};
    for (size_t i = 0; i < n_sizes; i++)
        CHECK(bind_duration(q, args[i], "the window size", &sizes[i]));
    spec->kind = w->kind;
    spec->size_us = sizes[w->order == ARGS_SLIDE_SIZE ? 1 : 0];
    spec->slide_us = w->order == ARGS_SIZE ? sizes[0] : sizes[w->order == ARGS_SLIDE_SIZE ? 0 : 1];
    if (n > n_sizes) CHECK(bind_duration(q, args[n_sizes], "the window offset", &spec->offset_us));
    CHECK(check_spec(ctx, spec, offset));
    /* windows repeat after the slide; those of CUMULATE after the size */
    int64_t period = w->kind == WINDOW_CUMULATE ? spec->size_us : spec->slide_us;
    spec->offset_us %= period;
    if (spec->offset_us < 0) spec->offset_us += period;
    return LAMINAR_OK;
}

static laminar_status note_event_time(struct select_block *q, struct plan *input,
                                      struct window_spec *spec)
{
    spec->is_clock = spec->is_event_time = expr_is_call(spec->time, "proctime");
    if (spec->is_clock) return LAMINAR_OK;
    CHECK(plan_compute_properties(q->ctx, input));
    const struct plan_properties *props = &input->props;
    spec->is_event_time = spec->time->kind == EXPR_COLUMN && props->time_col >= 0 &&
                          (props->time_col == (int32_t)spec->time->column ||
                           props->window_end == spec->time->column + 1);
    return LAMINAR_OK;
}

static laminar_status bind_spec(struct select_block *q, const struct ast_expr *ast,
                                const struct window_function *w, struct window_spec *spec)
{
    const struct ast_function *f = ast->u.function;
    *spec = (struct window_spec){0};
    if (f->args.n < 1) return bind_sizes(q, w, NULL, 0, ast->span.start, spec);
    struct clause saved = q->clause;
    q->clause = (struct clause){.name = "a window function"};
    laminar_status status = bind_expr(q, f->args.items[0], &spec->time);
    if (status == LAMINAR_OK) status = check_time(q, &spec->time, w->name);
    if (status == LAMINAR_OK)
        status = bind_sizes(q, w, f->args.items + 1, f->args.n - 1, ast->span.start, spec);
    q->clause = saved;
    return status;
}

/* --- In GROUP BY and the select list ---------------------------------------------------------- */

static bool same_window(const struct window_spec *a, const struct window_spec *b)
{
    return a->kind == b->kind && a->size_us == b->size_us && a->slide_us == b->slide_us &&
           a->offset_us == b->offset_us && expr_equal(a->time, b->time);
}

laminar_status bind_window_group(struct select_block *q, const struct ast_expr *ast,
                                 bool *is_window)
{
    const struct window_function *w = window_of(ast);
    *is_window = w != NULL && (w->order != ARGS_BOUND_ONLY || q->window.kind != WINDOW_NONE);
    if (!*is_window || w->order == ARGS_BOUND_ONLY) return LAMINAR_OK;
    struct window_spec spec;
    CHECK(bind_spec(q, ast, w, &spec));
    if (q->window.kind != WINDOW_NONE) {
        if (same_window(&spec, &q->window)) return LAMINAR_OK;
        return plan_unsupported(q->ctx, ast->span.start, "a GROUP BY can have one window",
                                "use a stream for each window, and join or UNION ALL them");
    }
    CHECK(note_event_time(q, q->plan, &spec));
    q->window = spec;
    return LAMINAR_OK;
}

static laminar_status stand_in(struct select_block *q, uint32_t bound, uint32_t offset,
                               struct expr **out)
{
    ALLOC_OR_FAIL(
        q->ctx, *out,
        expr_column(q->ctx->arena, STAND_IN_WINDOW + bound, type_timestamp(UNIT_MILLI), false));
    (*out)->sql_offset = offset;
    return LAMINAR_OK;
}

static laminar_status not_grouped(struct select_block *q, const struct ast_expr *ast,
                                  const char *name)
{
    plan_error(q->ctx, LAMINAR_QUERY_FAILED, ast->span.start,
               "%s(...) is used, but the query is not grouped by %s window", name,
               q->window.kind == WINDOW_NONE ? "a" : "that");
    error_hint(q->ctx->err, "put the same TUMBLE(...) or HOP(...) into GROUP BY");
    return LAMINAR_QUERY_FAILED;
}

laminar_status bind_window_bound(struct select_block *q, const struct ast_expr *ast,
                                 struct expr **out)
{
    const struct window_function *w = window_of(ast);
    const char *name = ast->u.function->name.parts[0].text;
    if (q->window.kind == WINDOW_NONE) {
        /* Without grouping, TUMBLE may be asked for as a plain function of a time. */
        if (!q->is_grouped && function_find(name)) {
            struct expr **args;
            CHECK(bind_exprs(q, ast->u.function->args.items, ast->u.function->args.n, &args));
            return make_call(q->ctx, name, args, (uint32_t)ast->u.function->args.n, ast->span.start,
                             out);
        }
        return not_grouped(q, ast, name);
    }
    if (!q->clause.allows_aggregates)
        return plan_error(q->ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                          "%s(...) is not allowed in %s", name, q->clause.name);
    if (ast->u.function->args.n > 0) {
        struct window_spec spec;
        if (w->order == ARGS_BOUND_ONLY)
            return plan_error(q->ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                              "%s takes no arguments", name);
        CHECK(bind_spec(q, ast, w, &spec));
        if (!same_window(&spec, &q->window)) return not_grouped(q, ast, name);
    }
    return stand_in(q, w->bound, ast->span.start, out);
}

/* window_start and window_end as plain names. */
laminar_status bind_window_name(struct select_block *q, const struct ast_name *name,
                                uint32_t offset, struct expr **out)
{
    const struct window_function *w = find_window(name->text);
    if (!w || w->order != ARGS_BOUND_ONLY || !q->clause.allows_aggregates) return LAMINAR_OK;
    return stand_in(q, w->bound, offset, out);
}

/* --- Table form: FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL ...)), TUMBLE(s, ts, INTERVAL ...) */

static laminar_status bind_table_argument(struct select_block *q, const struct ast_expr *arg,
                                          const char *name, struct from_item *out)
{
    struct ast_table_ref ref = {.span = arg->span};
    if (arg->kind == AST_EXPR_TABLE_ARG && arg->u.table_arg.query) {
        ref.kind = AST_TABLE_SUBQUERY;
        ref.u.subquery = arg->u.table_arg.query;
    } else if (arg->kind == AST_EXPR_SUBQUERY) {
        ref.kind = AST_TABLE_SUBQUERY;
        ref.u.subquery = arg->u.query;
    } else if (arg->kind == AST_EXPR_TABLE_ARG || arg->kind == AST_EXPR_COLUMN) {
        ref.kind = AST_TABLE_NAMED;
        ref.u.named.name = arg->kind == AST_EXPR_COLUMN ? arg->u.column : arg->u.table_arg.name;
    } else {
        plan_error(q->ctx, LAMINAR_QUERY_FAILED, arg->span.start,
                   "the first argument of %s must be a table", name);
        error_hint(q->ctx->err, "%s(TABLE s, DESCRIPTOR(ts), INTERVAL '1' MINUTE)", name);
        return LAMINAR_QUERY_FAILED;
    }
    return bind_table_ref(q, &ref, out);
}

static laminar_status bind_time_argument(struct select_block *q, const struct from_item *input,
                                         const struct ast_expr *arg, struct expr **out)
{
    struct select_block inner = {.b = q->b,
                                 .ctx = q->ctx,
                                 .plan = input->plan,
                                 .scope = input->scope,
                                 .clause = {.name = "a window function"}};
    if (arg->kind != AST_EXPR_DESCRIPTOR) return bind_expr(&inner, arg, out);
    if (arg->u.descriptor.n != 1)
        return plan_error(q->ctx, LAMINAR_QUERY_FAILED, arg->span.start,
                          "DESCRIPTOR must name one column: the time");
    struct ast_expr column = {.kind = AST_EXPR_COLUMN, .span = arg->u.descriptor.items[0].span};
    column.u.column = (struct ast_qname){
        .parts = arg->u.descriptor.items, .n = 1, .span = arg->u.descriptor.items[0].span};
    return bind_expr(&inner, &column, out);
}

/* PARTITION BY of the table argument: sessions are per partition, the other windows are the same for all rows. */
static laminar_status bind_partition(struct select_block *q, const struct ast_expr *arg,
                                     const struct window_function *w, const struct from_item *input,
                                     struct plan *plan)
{
    struct select_block inner = {.b = q->b,
                                 .ctx = q->ctx,
                                 .plan = input->plan,
                                 .scope = input->scope,
                                 .clause = {.name = "PARTITION BY"}};
    if (arg->kind != AST_EXPR_TABLE_ARG || !arg->u.table_arg.partition_by.n) return LAMINAR_OK;
    const struct ast_name_list *names = &arg->u.table_arg.partition_by;
    if (w->kind != WINDOW_SESSION) {
        plan_error(q->ctx, LAMINAR_QUERY_FAILED, names->items[0].span.start,
                   "PARTITION BY means nothing to %s: its windows are the same for all rows",
                   w->name);
        error_hint(q->ctx->err, "leave it out, and put the columns into GROUP BY");
        return LAMINAR_QUERY_FAILED;
    }
    ALLOC_OR_FAIL(q->ctx, plan->partition, ARENA_ARRAY(q->ctx->arena, uint32_t, names->n));
    for (size_t i = 0; i < names->n; i++) {
        struct ast_expr column = {.kind = AST_EXPR_COLUMN, .span = names->items[i].span};
        struct expr *e;
        column.u.column = (struct ast_qname){
            .parts = &names->items[i], .n = 1, .span = names->items[i].span};
        CHECK(bind_expr(&inner, &column, &e));
        if (e->kind != EXPR_COLUMN)
            return plan_unsupported(q->ctx, e->sql_offset, "PARTITION BY a field of a column",
                                    "select it under a name of its own first");
        plan->partition[plan->n_partition++] = e->column;
    }
    return LAMINAR_OK;
}

laminar_status bind_window_table(struct select_block *q, const struct ast_table_ref *ref,
                                 struct plan **out)
{
    struct plan_context *ctx = q->ctx;
    const struct ast_expr *call = ref->u.function;
    const struct ast_function *f = call->u.function;
    const struct window_function *w = window_of(call);
    if (!w || w->order == ARGS_BOUND_ONLY || w->bound != 0) {
        plan_error(ctx, LAMINAR_QUERY_UNSUPPORTED, call->span.start,
                   "table function \"%s\" is not supported", ast_qname_last(&f->name)->text);
        error_hint(ctx->err,
                   "TUMBLE and HOP are: TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '1' MINUTE)");
        return LAMINAR_QUERY_UNSUPPORTED;
    }
    if (f->arg_names)
        return plan_unsupported(ctx, call->span.start, "named arguments are not supported here",
                                "give the arguments in order");
    if (f->args.n < 3) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, call->span.start,
                   "%s takes a table, its time column, and the window's size", w->name);
        error_hint(ctx->err, "%s(TABLE s, DESCRIPTOR(ts), INTERVAL '1' MINUTE)", w->name);
        return LAMINAR_QUERY_FAILED;
    }
    struct from_item input;
    struct window_spec spec = {0};
    CHECK(bind_table_argument(q, f->args.items[0], w->name, &input));
    CHECK(bind_time_argument(q, &input, f->args.items[1], &spec.time));
    CHECK(check_time(q, &spec.time, w->name));
    CHECK(bind_sizes(q, w, f->args.items + 2, f->args.n - 2, call->span.start, &spec));
    CHECK(note_event_time(q, input.plan, &spec));
    struct plan *plan;
    uint32_t n = input.plan->n_cols;
    CHECK(plan_new(ctx, PLAN_WINDOW_TABLE, 1, n + 2, &plan));
    plan->inputs[0] = input.plan;
    plan->window = spec;
    plan->sql_offset = call->span.start;
    memcpy(plan->cols, input.plan->cols, n * sizeof *plan->cols);
    plan->cols[n] = (struct plan_column){.name = "window_start",
                                         .type = type_timestamp(UNIT_MILLI)};
    plan->cols[n + 1] = (struct plan_column){.name = "window_end",
                                             .type = type_timestamp(UNIT_MILLI)};
    CHECK(bind_partition(q, f->args.items[0], w, &input, plan));
    *out = plan;
    return LAMINAR_OK;
}
