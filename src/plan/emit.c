/* emit.c - EMIT, ALLOW LATENESS and LATE DATA: which of a query's aggregates they concern, what
 * they default to, and what can't be.
 *
 * A window over event time emits when it closes unless told otherwise; everything else emits
 * each change. An EMIT that waits for a watermark which will never come is refused here, not
 * found out by a stream that stays silent. */
#include "plan/bind.h"

struct emit {
    struct plan_context *ctx;
    const struct ast_query *query;
    enum emit_mode mode;
    int64_t every_us;
    int64_t lateness_us;
    uint32_t n_aggregates;
    uint32_t n_windows;
    struct plan *window; /* the last of them */
    uint32_t n_waiting;  /* joins whose rows without a match can wait for the watermark */
};

enum emit_mode plan_emit_mode(enum ast_emit_kind kind)
{
    switch (kind) {
    case AST_EMIT_NONE: return EMIT_DEFAULT;
    case AST_EMIT_WINDOW_CLOSE: return EMIT_ON_CLOSE;
    case AST_EMIT_WATERMARK: return EMIT_AFTER_WATERMARK;
    case AST_EMIT_UPDATE: return EMIT_ON_UPDATE;
    case AST_EMIT_PERIODIC: return EMIT_EVERY;
    case AST_EMIT_CHANGES: return EMIT_CHANGES;
    case AST_EMIT_FINAL: return EMIT_FINAL;
    }
    return EMIT_DEFAULT;
}

static const char *emit_text(enum ast_emit_kind kind)
{
    static const char *const texts[] = {[AST_EMIT_NONE] = "EMIT",
#define EMIT_TEXT(name, text) [AST_EMIT_##name] = text,
                                        AST_EMIT_LIST(EMIT_TEXT)
#undef EMIT_TEXT
    };
    return texts[kind];
}

static bool needs_watermark(enum emit_mode mode)
{
    return mode == EMIT_ON_CLOSE || mode == EMIT_AFTER_WATERMARK || mode == EMIT_FINAL;
}

static const struct relation *first_source(const struct plan *plan)
{
    if (plan->kind == PLAN_SCAN) return plan->relation;
    const struct relation *found = NULL;
    for (uint32_t i = 0; i < plan->n_inputs && !found; i++) found = first_source(plan->inputs[i]);
    return found;
}

static laminar_status no_watermark(struct emit *e, const struct plan *aggregate, const char *what,
                                   uint32_t offset)
{
    struct plan_context *ctx = e->ctx;
    struct strbuf time = {0};
    const struct relation *source = first_source(aggregate);
    expr_print(aggregate->window.time, aggregate->inputs[0], &time);
    bool is_plain = aggregate->window.time->kind == EXPR_COLUMN;
    plan_error(ctx, LAMINAR_QUERY_FAILED, offset,
               "%s needs a watermark, and the window's time %s has none", what,
               time.failed ? "" : time.data);
    if (source && is_plain && source->kind == RELATION_SOURCE && source->time_col < 0)
        error_hint(
            ctx->err,
            "declare it: CREATE SOURCE %s (..., WATERMARK FOR %s AS %s - INTERVAL '5' SECOND); or use EMIT ON UPDATE",
            source->name, time.failed ? "time" : time.data, time.failed ? "time" : time.data);
    else
        error_hint(
            ctx->err,
            "the window's time must be the watermarked column of a source, passed on unchanged; or use EMIT ON UPDATE");
    strbuf_deinit(&time);
    return LAMINAR_QUERY_FAILED;
}

static laminar_status never_late(struct emit *e, const char *what, uint32_t offset)
{
    plan_error(e->ctx, LAMINAR_QUERY_FAILED, offset,
               "%s has nothing to do: no row is late for a window over PROCTIME()", what);
    error_hint(e->ctx->err, "leave it out, or use a window over a time of the rows");
    return LAMINAR_QUERY_FAILED;
}

/* Interval joins that say which rows found no partner: by default once none can come any more, so
 * that nothing is taken back. */
static void resolve_join(struct emit *e, struct plan *plan)
{
    bool left_waits = plan->join_kind == JOIN_LEFT || plan->join_kind == JOIN_ANTI ||
                      plan->join_kind == JOIN_FULL,
         right_waits = plan->join_kind == JOIN_FULL;
    if (plan->strategy != STRATEGY_INTERVAL || !left_waits) return;
    plan->emit = EMIT_ON_UPDATE;
    if (plan->upper_us == INT64_MAX || (right_waits && plan->lower_us == INT64_MIN)) return;
    e->n_waiting++;
    if (e->ctx->is_stream && (e->mode == EMIT_DEFAULT || needs_watermark(e->mode)))
        plan->emit = EMIT_ON_CLOSE;
}

static laminar_status resolve(struct emit *e, struct plan *plan)
{
    for (uint32_t i = 0; i < plan->n_inputs; i++) CHECK(resolve(e, plan->inputs[i]));
    if (plan->kind == PLAN_JOIN) resolve_join(e, plan);
    if (plan->kind != PLAN_AGGREGATE) return LAMINAR_OK;
    e->n_aggregates++;
    plan->emit = EMIT_ON_UPDATE;
    bool is_windowed = plan->window.kind != WINDOW_NONE;
    if (is_windowed) {
        e->n_windows++;
        e->window = plan;
        bool is_event_time = plan->window.is_event_time;
        if (plan->window.is_clock && e->lateness_us > 0)
            return never_late(e, "ALLOW LATENESS", e->query->lateness->span.start);
        if (needs_watermark(e->mode) && !is_event_time) {
            CHECK(no_watermark(e, plan, emit_text(e->query->emit.kind), e->query->emit.span.start));
        }
        if (e->lateness_us > 0 && !is_event_time)
            CHECK(no_watermark(e, plan, "ALLOW LATENESS", e->query->lateness->span.start));
        if (!e->ctx->is_stream) return LAMINAR_OK; /* one answer, at the end */
        if (needs_watermark(e->mode)) plan->emit = e->mode;
        if (e->mode == EMIT_DEFAULT && is_event_time) plan->emit = EMIT_ON_CLOSE;
        plan->lateness_us = e->mode == EMIT_FINAL ? 0 : e->lateness_us;
    }
    return LAMINAR_OK;
}

/* Rows are too late for one window, the only one of the query. That its input never takes rows
 * back is known only later: stream_check.c. */
static laminar_status late_data(struct emit *e)
{
    struct plan_context *ctx = e->ctx;
    const struct ast_qname *qname = &e->query->late_data;
    if (e->n_windows == 0 && ctx->has_window) return LAMINAR_OK; /* known to have no rows */
    if (e->n_windows == 0) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, qname->span.start,
                   "LATE DATA TO needs a time window");
        error_hint(ctx->err, "GROUP BY TUMBLE(...), HOP(...), CUMULATE(...) or SESSION(...)");
        return LAMINAR_QUERY_FAILED;
    }
    if (e->n_windows > 1)
        return plan_unsupported(ctx, qname->span.start,
                                "LATE DATA TO can't tell which of several time windows is meant",
                                "make a stream of the inner window first");
    if (e->window->window.is_clock) return never_late(e, "LATE DATA TO", qname->span.start);
    if (!e->window->window.is_event_time)
        return no_watermark(e, e->window, "LATE DATA TO", qname->span.start);
    if (!ctx->is_stream) return LAMINAR_OK; /* nothing is late when all is there */
    const struct ast_name *name = ast_qname_last(qname);
    ALLOC_OR_FAIL(ctx, e->window->late_data,
                  arena_strndup(ctx->arena, name->text, strlen(name->text)));
    return LAMINAR_OK;
}

/* The aggregate whose groups are the query's rows, one by one: it can hold changes back itself, which costs nothing. */
static struct plan *topmost_aggregate(struct plan *plan)
{
    while (plan->kind == PLAN_PROJECT || plan->kind == PLAN_FILTER || plan->kind == PLAN_SORT)
        plan = plan->inputs[0];
    return plan->kind == PLAN_AGGREGATE ? plan : NULL;
}

/* Changes are held back in one place of the plan only, above all that must change together. */
static laminar_status hold_changes(struct emit *e, struct plan **plan)
{
    struct plan *aggregate = topmost_aggregate(*plan);
    if (!aggregate) {
        CHECK(plan_new_over(e->ctx, PLAN_HOLD, *plan, plan));
        aggregate = *plan;
    }
    aggregate->emit = EMIT_EVERY;
    aggregate->emit_every_us = e->every_us;
    return LAMINAR_OK;
}

static laminar_status no_window(struct emit *e)
{
    plan_error(e->ctx, LAMINAR_QUERY_FAILED, e->query->emit.span.start, "%s needs a time window",
               emit_text(e->query->emit.kind));
    if (e->n_aggregates)
        error_hint(e->ctx->err,
                   "GROUP BY TUMBLE(...) or HOP(...); without one, EMIT ON UPDATE or EMIT CHANGES");
    else
        error_hint(
            e->ctx->err,
            "a query without GROUP BY closes nothing, its rows come at once: leave EMIT out, or use EMIT EVERY");
    return LAMINAR_QUERY_FAILED;
}

laminar_status plan_resolve_emit(struct plan_context *ctx, struct plan **plan,
                                 const struct ast_query *query)
{
    struct binder b = {.ctx = ctx};
    struct select_block q = {.b = &b, .ctx = ctx, .clause = {.name = "EMIT"}};
    struct emit e = {.ctx = ctx, .query = query, .mode = plan_emit_mode(query->emit.kind)};
    if (query->emit.period) {
        CHECK(bind_duration(&q, query->emit.period, "the period of EMIT", &e.every_us));
        if (e.every_us <= 0)
            return plan_error(ctx, LAMINAR_QUERY_FAILED, query->emit.period->span.start,
                              "the period of EMIT must be positive");
    }
    if (query->lateness) {
        CHECK(bind_duration(&q, query->lateness, "the lateness", &e.lateness_us));
        if (e.lateness_us < 0)
            return plan_error(ctx, LAMINAR_QUERY_FAILED, query->lateness->span.start,
                              "the lateness must not be negative");
    }
    CHECK(resolve(&e, *plan));
    if (query->late_data.n) CHECK(late_data(&e));
    bool has_window = e.n_windows > 0 || ctx->has_window;
    if (needs_watermark(e.mode) && !has_window && e.n_waiting == 0) return no_window(&e);
    if (ctx->is_stream && e.mode == EMIT_EVERY) CHECK(hold_changes(&e, plan));
    if (e.lateness_us > 0 && !has_window)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, query->lateness->span.start,
                          "ALLOW LATENESS needs a time window");
    return LAMINAR_OK;
}
