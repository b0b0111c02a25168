/* bind_temporal.c - joins with what another relation held at some time.
 *
 *   a JOIN b FOR SYSTEM_TIME AS OF PROCTIME() ON a.k = b.k   the row that b has when a's row comes: a lookup.
 *   a JOIN b FOR SYSTEM_TIME AS OF a.ts ON a.k = b.k         the version that is valid at a.ts: of b's rows with the key the latest at or before it. b must
 *       keep its versions as rows: be append-only, or have its event time in its key.
 *   t TEMPORAL PROBE JOIN r ON (k) TIMESTAMPS (t_ts, r_ts) RANGE ... | LIST ... AS p   for each row of t and each offset the row of r valid at
 *       t_ts + offset: t x constants, then the same. */
#include "plan/bind.h"

enum { PROBE_OFFSETS_MAX = 10000 };

static bool is_proctime(const struct ast_expr *e)
{
    return e->kind == AST_EXPR_FUNCTION && e->u.function->args.n == 0 &&
           strcmp(ast_qname_last(&e->u.function->name)->text, "proctime") == 0;
}

static bool is_time(struct data_type type)
{
    return type_is_timestamp(type) || type_is_integer(type) || type.id == LAMINAR_TYPE_DATE;
}

/* --- FOR SYSTEM_TIME AS OF ---------------------------------------------------------------------- */

static laminar_status no_versions(struct plan_context *ctx, const struct relation *b,
                                  uint32_t offset)
{
    if (b->time_col < 0) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, offset,
                   "\"%s\" has no event time, so its rows are not versions in time", b->name);
        error_hint(
            ctx->err,
            "declare it: WATERMARK FOR column; AS OF PROCTIME() takes the row that is there when the other one comes");
    } else {
        plan_error(ctx, LAMINAR_QUERY_FAILED, offset,
                   "\"%s\" keeps the newest row of each key: versions before it are gone", b->name);
        error_hint(
            ctx->err,
            "make it append-only, or put %s into its PRIMARY KEY; AS OF PROCTIME() takes the newest row",
            b->schema->columns[b->time_col].name);
    }
    error_object(ctx->err, b->name);
    return LAMINAR_QUERY_FAILED;
}

static bool keeps_versions(const struct relation *b)
{
    if (b->time_col < 0) return false;
    for (uint32_t k = 0; k < b->n_key_cols; k++)
        if (b->key_cols[k] == (uint32_t)b->time_col) return true;
    return b->is_append_only;
}

/* Both times in their common type, over one side each. */
static laminar_status set_times(struct plan_context *ctx, struct plan *join, struct expr *left,
                                struct expr *right, uint32_t offset)
{
    struct expr *e;
    struct data_type type;
    CHECK(make_comparison(ctx, ">=", left, right, offset, &e));
    CHECK(make_common(ctx, e->args, 2, "the times of the join", &type));
    join->left_time = e->args[0];
    join->right_time = e->args[1];
    join->asof = ASOF_GE;
    join->strategy = STRATEGY_TEMPORAL;
    return LAMINAR_OK;
}

static laminar_status bind_version(struct select_block *q, const struct ast_expr *version,
                                   const struct from_item *left, struct plan *join)
{
    struct plan_context *ctx = q->ctx;
    struct plan *right = join->inputs[1];
    const struct relation *b = right->relation;
    struct select_block on_left = {.b = q->b,
                                   .ctx = ctx,
                                   .plan = left->plan,
                                   .scope = left->scope,
                                   .clause = {.name = "FOR SYSTEM_TIME AS OF"}};
    struct expr *at, *time;
    CHECK(bind_expr(&on_left, version, &at));
    if (!expr_has_columns(at) || !is_time(at->type)) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, version->span.start,
                   "FOR SYSTEM_TIME AS OF takes a time of the left side, or PROCTIME()");
        return LAMINAR_QUERY_FAILED;
    }
    if (!keeps_versions(b)) return no_versions(ctx, b, version->span.start);
    uint32_t t = (uint32_t)b->time_col;
    ALLOC_OR_FAIL(ctx, time,
                  expr_column(ctx->arena, t, right->cols[t].type, right->cols[t].is_nullable));
    return set_times(ctx, join, at, time, version->span.start);
}

/* LEFT: a version for which `holds` isn't true is none. */
static laminar_status null_versions(struct plan_context *ctx, struct plan *join,
                                    const struct expr *holds, struct plan **out)
{
    uint32_t n_left = join->inputs[0]->n_cols;
    struct expr **exprs;
    const char **names;
    ALLOC_OR_FAIL(ctx, exprs, ARENA_ARRAY(ctx->arena, struct expr *, join->n_cols + 1));
    ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, join->n_cols + 1));
    for (uint32_t c = 0; c < join->n_cols; c++) {
        const struct plan_column *col = &join->cols[c];
        struct expr *e;
        names[c] = col->name;
        ALLOC_OR_FAIL(ctx, exprs[c], expr_column(ctx->arena, c, col->type, col->is_nullable));
        if (c < n_left) continue;
        ALLOC_OR_FAIL(ctx, e, expr_new(ctx->arena, EXPR_CASE, col->type, 3));
        ALLOC_OR_FAIL(ctx, e->args[0], expr_copy(ctx->arena, holds));
        e->args[1] = exprs[c];
        ALLOC_OR_FAIL(ctx, e->args[2], const_null(ctx->arena, col->type));
        e->is_nullable = true;
        e->sql_offset = holds->sql_offset;
        exprs[c] = e;
    }
    CHECK(plan_make_project(ctx, join, exprs, names, join->n_cols, out));
    for (uint32_t c = 0; c < join->n_cols; c++) (*out)->cols[c].table = join->cols[c].table;
    return LAMINAR_OK;
}

laminar_status bind_system_time(struct select_block *q, const struct ast_join *ast,
                                const struct from_item *left, struct plan **node)
{
    struct plan_context *ctx = q->ctx;
    const struct ast_expr *version = ast->right->u.named.system_time;
    struct plan *join = *node;
    uint32_t offset = version->span.start;
    if (ast->flavour != AST_JOIN_PLAIN ||
        (ast->kind != AST_JOIN_INNER && ast->kind != AST_JOIN_LEFT))
        return plan_unsupported(ctx, offset, "a join FOR SYSTEM_TIME AS OF is INNER or LEFT", NULL);
    const struct plan *right = join->inputs[1];
    if (right->kind != PLAN_SCAN)
        return plan_unsupported(ctx, offset, "FOR SYSTEM_TIME AS OF of a subquery",
                                "CREATE STREAM of it, and join that");
    if (join->n_keys == 0) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, ast->keyword_span.start,
                   "a join FOR SYSTEM_TIME AS OF needs an equality between the two sides");
        error_hint(ctx->err, "ON a.key = b.key");
        return LAMINAR_QUERY_FAILED;
    }
    if (is_proctime(version)) {
        join->strategy = STRATEGY_LOOKUP;
        if (right->relation->n_key_cols) return LAMINAR_OK;
        plan_error(ctx, LAMINAR_QUERY_FAILED, offset,
                   "\"%s\" has no key: it has no current row that could be looked up",
                   right->relation->name);
        error_hint(ctx->err, "use a TABLE, a keyed SOURCE, or a view with GROUP BY");
        return LAMINAR_QUERY_FAILED;
    }
    CHECK(bind_version(q, version, left, join));
    if (!join->predicate) return LAMINAR_OK;
    /* What else must hold is asked of the version found. */
    struct expr *rest = join->predicate;
    join->predicate = NULL;
    if (join->join_kind == JOIN_LEFT) return null_versions(ctx, join, rest, node);
    return plan_make_filter(ctx, join, rest, node);
}

/* --- TEMPORAL PROBE ------------------------------------------------------------------------------ */

struct probe {
    struct select_block *q;
    const struct ast_join *ast;
    int64_t *offsets_us;
    uint32_t n;
};

static laminar_status read_duration(struct probe *p, const struct ast_expr *ast, int64_t *out)
{
    CHECK(bind_duration(p->q, ast, "an offset of a TEMPORAL PROBE JOIN", out));
    if (*out % 1000 != 0)
        return plan_error(p->q->ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                          "offsets of a TEMPORAL PROBE JOIN are whole milliseconds");
    return LAMINAR_OK;
}

static laminar_status read_offsets(struct probe *p)
{
    struct plan_context *ctx = p->q->ctx;
    const struct ast_probe *ast = p->ast->probe;
    int64_t from, to, step;
    if (!ast->from) {
        p->n = (uint32_t)ast->offsets.n;
        if (ast->offsets.n > PROBE_OFFSETS_MAX)
            return plan_error(ctx, LAMINAR_QUERY_FAILED, ast->name.span.start,
                              "a TEMPORAL PROBE JOIN takes at most %d offsets", PROBE_OFFSETS_MAX);
        ALLOC_OR_FAIL(ctx, p->offsets_us, ARENA_ARRAY(ctx->arena, int64_t, p->n + 1));
        for (uint32_t i = 0; i < p->n; i++)
            CHECK(read_duration(p, ast->offsets.items[i], &p->offsets_us[i]));
        return LAMINAR_OK;
    }
    CHECK(read_duration(p, ast->from, &from));
    CHECK(read_duration(p, ast->to, &to));
    CHECK(read_duration(p, ast->step, &step));
    if (step <= 0 || to < from)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, (step <= 0 ? ast->step : ast->to)->span.start,
                          step <= 0 ? "the STEP must be positive"
                                    : "the RANGE ends before it begins");
    int128 n = ((int128)to - from) / step + 1;
    if (n > PROBE_OFFSETS_MAX)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, ast->step->span.start,
                          "a TEMPORAL PROBE JOIN takes at most %d offsets", PROBE_OFFSETS_MAX);
    p->n = (uint32_t)n;
    ALLOC_OR_FAIL(ctx, p->offsets_us, ARENA_ARRAY(ctx->arena, int64_t, p->n + 1));
    for (uint32_t i = 0; i < p->n; i++) p->offsets_us[i] = from + (int64_t)i * step;
    return LAMINAR_OK;
}

/* One row an offset: offset_ms, and the offset as a duration. */
static laminar_status make_offsets(struct probe *p, struct from_item *out)
{
    struct plan_context *ctx = p->q->ctx;
    struct expr **cells;
    ALLOC_OR_FAIL(ctx, cells, ARENA_ARRAY(ctx->arena, struct expr *, 2 * (size_t)p->n + 1));
    for (uint32_t i = 0; i < p->n; i++) {
        struct laminar_interval duration = {.nanos = p->offsets_us[i] * 1000};
        ALLOC_OR_FAIL(ctx, cells[2 * i], const_int64(ctx->arena, p->offsets_us[i] / 1000));
        ALLOC_OR_FAIL(ctx, cells[2 * i + 1],
                      const_bytes(ctx->arena, TYPE(INTERVAL), &duration, sizeof duration));
    }
    CHECK(plan_make_values(ctx, cells, p->n, 2, &out->plan));
    const char *name;
    CHECK(bind_name(ctx, p->ast->probe->name.text, &name));
    out->plan->cols[0].name = "offset_ms";
    out->plan->cols[1].name = "offset";
    out->plan->cols[0].table = out->plan->cols[1].table = name;
    CHECK(scope_of_plan(ctx, out->plan, name, &out->scope));
    out->scope.cols[1].is_hidden = true;
    return LAMINAR_OK;
}

static laminar_status probe_column(struct probe *p, const struct from_item *item,
                                   const struct ast_name *name, const char *side, struct expr **out)
{
    struct plan_context *ctx = p->q->ctx;
    struct select_block block = {.b = p->q->b, .ctx = ctx, .plan = item->plan};
    int32_t at = scope_find(&item->scope, NULL, name);
    if (at >= 0) return scope_expr(&block, &item->scope.cols[at], true, name->span.start, out);
    struct nearest_name nearest = {.wanted = name->text};
    scope_offer_names(&item->scope, &nearest);
    plan_error(ctx, LAMINAR_QUERY_FAILED, name->span.start,
               "column \"%s\" of the TEMPORAL PROBE JOIN is %s on the %s side", name->text,
               at == -2 ? "ambiguous" : "not", side);
    if (nearest.best) error_hint(ctx->err, "did you mean \"%s\"?", nearest.best);
    return LAMINAR_QUERY_FAILED;
}

/* t_ts + offset: integers are milliseconds. */
static laminar_status add_offset(struct probe *p, struct expr *time, uint32_t n_left,
                                 struct expr **out)
{
    struct plan_context *ctx = p->q->ctx;
    uint32_t offset = p->ast->probe->left_time.span.start;
    bool is_ms = type_is_integer(time->type);
    struct expr *args[2] = {time, NULL};
    if (!is_time(time->type))
        return plan_error(ctx, LAMINAR_QUERY_FAILED, offset,
                          "the times of a TEMPORAL PROBE JOIN must be TIMESTAMP, DATE or integers");
    if (time->type.id == LAMINAR_TYPE_DATE)
        CHECK(make_coerced(ctx, time, type_timestamp(UNIT_MICRO), &args[0]));
    ALLOC_OR_FAIL(ctx, args[1],
                  expr_column(ctx->arena, n_left + (is_ms ? 0 : 1),
                              is_ms ? TYPE(INT64) : TYPE(INTERVAL), false));
    return make_operator(ctx, "+", args, 2, offset, out);
}

laminar_status bind_probe_join(struct select_block *q, const struct ast_join *ast,
                               const struct from_item *left, const struct from_item *right,
                               struct from_item *out)
{
    struct plan_context *ctx = q->ctx;
    struct probe p = {.q = q, .ast = ast};
    struct from_item offsets, both;
    struct plan *join;
    struct expr *left_time, *right_time, *at;
    struct expr_list keys = {0};
    uint32_t n_left = left->plan->n_cols;
    CHECK(read_offsets(&p));
    CHECK(make_offsets(&p, &offsets));
    CHECK(bind_cross(q, (struct from_item *)left, &offsets, ast->keyword_span.start, &both));
    CHECK(plan_make_join(ctx, JOIN_LEFT, both.plan, right->plan, &join));
    join->sql_offset = ast->keyword_span.start;
    CHECK(probe_column(&p, left, &ast->probe->left_time, "left", &left_time));
    CHECK(probe_column(&p, right, &ast->probe->right_time, "right", &right_time));
    if (!is_time(right_time->type))
        return plan_error(ctx, LAMINAR_QUERY_FAILED, ast->probe->right_time.span.start,
                          "the times of a TEMPORAL PROBE JOIN must be TIMESTAMP, DATE or integers");
    CHECK(add_offset(&p, left_time, n_left, &at));
    CHECK(set_times(ctx, join, at, right_time, ast->keyword_span.start));
    for (uint32_t i = 0; i < p.n; i++) {
        int64_t us = p.offsets_us[i];
        if (i == 0 || us < join->shift_min_us) join->shift_min_us = us;
        if (i == 0 || us > join->shift_max_us) join->shift_max_us = us;
    }
    CHECK(scope_concat(ctx, &both.scope, &right->scope, both.plan->n_cols, &out->scope));
    for (size_t i = 0; i < ast->using_columns.n; i++) {
        const struct ast_name *name = &ast->using_columns.items[i];
        struct expr *l, *r, *e;
        CHECK(probe_column(&p, left, name, "left", &l));
        CHECK(probe_column(&p, right, name, "right", &r));
        expr_shift(r, both.plan->n_cols);
        CHECK(make_comparison(ctx, "=", l, r, name->span.start, &e));
        CHECK(expr_list_push(ctx, &keys, e));
        out->scope.cols[both.scope.n + (uint32_t)scope_find(&right->scope, NULL, name)].is_hidden =
            true;
    }
    enum join_strategy strategy = join->strategy;
    CHECK(join_take_keys(ctx, join, &keys));
    join->strategy = strategy;
    ENSURE(keys.n == 0, ctx->err);
    out->plan = join;
    return LAMINAR_OK;
}
