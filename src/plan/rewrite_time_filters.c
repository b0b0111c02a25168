/* rewrite_time_filters.c - conditions of a stream that compare a value of the row with the time that it is: ts > now() - INTERVAL '1 hour'. Such a
 * row comes and goes as time passes, so these conjuncts leave their filter and become a node of their own, PLAN_TIME_FILTER, which wakes up when
 * it is time.
 *
 * A bound is `row op clock`: `row` has no now(), `clock` has no columns and never decreases while time goes on, so for each row there is one
 * moment at which the bound begins to hold (row < clock) or stops to (row > clock). What is known not to decrease: now() and its like, shifted by
 * constants, cast between times, cut to whole hours and days. In a zone with summer time the calendar is no such function: a clock there
 * is set back. now() - ts < INTERVAL is brought into the form first. Everything else that asks for the time is left where it is,
 * and stream_check.c refuses it. */
#include "function/time_math.h"
#include "plan/plan_internal.h"

struct clock_shape {
    bool is_shift;       /* now() in microseconds, plus a constant */
    bool needs_calendar; /* days and months are of a zone's calendar */
};

static bool is_named(const struct expr *e, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(e->fn->name, names[i]) == 0) return true;
    return false;
}

/* A function of the clock itself. The time of day is none: it begins anew each day. */
static bool read_clock_call(const struct expr *e, struct clock_shape *out)
{
    static const char *const moments[] = {"now", "current_timestamp", "transaction_timestamp"},
                             *const local[] = {"localtimestamp", "current_date", "today"};
    if (e->n_args != 0) return false;
    *out = (struct clock_shape){.is_shift = true};
    if (is_named(e, moments, ARRAY_LENGTH(moments))) return true;
    out->is_shift = strcmp(e->fn->name, "localtimestamp") == 0;
    out->needs_calendar = true;
    if (is_named(e, local, ARRAY_LENGTH(local))) return true;
    *out = (struct clock_shape){0};
    return strcmp(e->fn->name, "proctime") == 0;
}

static bool read_clock(const struct expr *e, struct clock_shape *out);

/* clock + constant, constant + clock, clock - constant. */
static bool read_shift(const struct expr *e, struct clock_shape *out)
{
    uint32_t at = e->args[0]->kind == EXPR_CONST && expr_is_call(e, "+") ? 1 : 0;
    const struct expr *constant = e->args[1 - at];
    if (constant->kind != EXPR_CONST || expr_is_const_null(constant) ||
        !read_clock(e->args[at], out))
        return false;
    if (constant->type.id != LAMINAR_TYPE_INTERVAL) {
        out->is_shift = false;
        return true;
    }
    const struct laminar_interval *interval = constant->value.data;
    if (interval->months || interval->nanos % 1000) out->is_shift = false;
    if (interval->months || interval->days) out->needs_calendar = true;
    return true;
}

static bool read_clock(const struct expr *e, struct clock_shape *out)
{
    static const char *const epochs[] = {"epoch_ms", "epoch_us", "epoch_ns", "to_unixtime"};
    if (e->kind != EXPR_CALL) return false;
    if (e->fn->flags & FN_STEP_STABLE) return read_clock_call(e, out);
    if (e->n_args == 2 && (expr_is_call(e, "+") || expr_is_call(e, "-"))) return read_shift(e, out);
    bool is_trunc = e->n_args == 2 && expr_is_call(e, "date_trunc");
    uint32_t at = is_trunc ? 1 : 0;
    bool keeps_order = e->fn->flags & FN_MONOTONE || is_trunc ||
                       is_named(e, epochs, ARRAY_LENGTH(epochs));
    if (!keeps_order || e->n_args == 0 || !read_clock(e->args[at], out)) return false;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (i != at && (e->args[i]->kind != EXPR_CONST || expr_is_const_null(e->args[i])))
            return false;
    struct data_type from = e->args[at]->type, to = e->type;
    bool is_same = e->is_cast && type_is_timestamp(from) && type_is_timestamp(to) &&
                   from.unit == UNIT_MICRO && to.unit == UNIT_MICRO;
    if (!is_same) out->is_shift = false;
    if (!e->is_cast || from.id != to.id) out->needs_calendar = true;
    return true;
}

static bool is_comparable(struct data_type type)
{
    return type.id == LAMINAR_TYPE_DATE || type_is_timestamp(type) ||
           type.id == LAMINAR_TYPE_INT64 || type.id == LAMINAR_TYPE_INT32;
}

static laminar_status check_calendar(struct plan_context *ctx, const struct expr *clock)
{
    const struct tz *tz = NULL;
    struct eval_env env = {.zone = ctx->zone ? ctx->zone : "UTC", .err = ctx->err};
    struct data_type type;
    laminar_status status = type_timestamptz(UNIT_MICRO, "UTC", &type, ctx->err);
    if (status == LAMINAR_OK) status = zone_of(type, &env, &tz);
    if (status != LAMINAR_OK) return plan_located(ctx, status, clock->sql_offset);
    if (tz_is_fixed(tz)) return LAMINAR_OK;
    return plan_unsupported(
        ctx, clock->sql_offset,
        "a stream can't compare rows with days or months of a calendar whose clocks are set back",
        "use hours, or SET time_zone = 'UTC'");
}

/* --- Conditions ------------------------------------------------------------------------------- */

struct comparison {
    const struct expr *left, *right;
    enum time_bound_op op; /* left op right */
    bool is_equal;
};

static bool read_comparison(const struct expr *e, struct comparison *out)
{
    static const char *const ops[] = {
        [TIME_LT] = "<", [TIME_LE] = "<=", [TIME_GT] = ">", [TIME_GE] = ">="};
    static const enum time_bound_op negated[] = {
        [TIME_LT] = TIME_GE, [TIME_LE] = TIME_GT, [TIME_GT] = TIME_LE, [TIME_GE] = TIME_LT};
    bool is_negated = expr_is_call(e, "not");
    if (is_negated) e = e->args[0];
    if (e->kind != EXPR_CALL || e->n_args != 2) return false;
    *out = (struct comparison){.left = e->args[0], .right = e->args[1]};
    out->is_equal = expr_is_call(e, "=") && !is_negated;
    if (out->is_equal) return true;
    for (size_t i = 0; i < ARRAY_LENGTH(ops); i++) {
        if (!expr_is_call(e, ops[i])) continue;
        out->op = is_negated ? negated[i] : (enum time_bound_op)i;
        return true;
    }
    return false;
}

static enum time_bound_op turned(enum time_bound_op op)
{
    static const enum time_bound_op ops[] = {
        [TIME_LT] = TIME_GT, [TIME_LE] = TIME_GE, [TIME_GT] = TIME_LT, [TIME_GE] = TIME_LE};
    return ops[op];
}

static void turn(struct comparison *c)
{
    const struct expr *left = c->left;
    c->left = c->right;
    c->right = left;
    c->op = turned(c->op);
}

/* now() - ts < INTERVAL: as ts > now() - INTERVAL. Intervals are compared by their length, a day being 24 hours; a difference has no months. */
static laminar_status undo_difference(struct plan_context *ctx, struct comparison *c)
{
    if (c->left->kind == EXPR_CONST) turn(c);
    const struct expr *difference = c->left, *constant = c->right;
    if (constant->kind != EXPR_CONST || constant->type.id != LAMINAR_TYPE_INTERVAL ||
        expr_is_const_null(constant) || !expr_is_call(difference, "-") || difference->n_args != 2 ||
        !type_is_timestamp(difference->args[0]->type) ||
        !type_is_timestamp(difference->args[1]->type))
        return LAMINAR_OK;
    struct laminar_interval length = *(const struct laminar_interval *)constant->value.data;
    int64_t days;
    if (length.months || __builtin_mul_overflow((int64_t)length.days, NANOS_PER_DAY, &days) ||
        __builtin_add_overflow(length.nanos, days, &length.nanos))
        return LAMINAR_OK;
    length.days = 0;
    const struct expr *a = difference->args[0], *b = difference->args[1];
    bool clock_first = expr_is_volatile(a);
    struct expr *args[2], *moved;
    ALLOC_OR_FAIL(ctx, args[0], expr_copy(ctx->arena, clock_first ? a : b));
    ALLOC_OR_FAIL(ctx, args[1], const_bytes(ctx->arena, constant->type, &length, sizeof length));
    CHECK(make_operator(ctx, clock_first ? "-" : "+", args, 2, difference->sql_offset, &moved));
    /* a - b < c: a - c < b, and a < b + c */
    struct expr *row;
    ALLOC_OR_FAIL(ctx, row, expr_copy(ctx->arena, clock_first ? b : a));
    if (!type_equal(row->type, moved->type))
        CHECK(make_cast(ctx, row, moved->type, CAST_EXPLICIT, &row));
    c->left = clock_first ? moved : row;
    c->right = clock_first ? row : moved;
    return LAMINAR_OK;
}

struct bounds {
    struct time_bound *items;
    uint32_t n, capacity;
};

static laminar_status add_bound(struct plan_context *ctx, struct bounds *bounds,
                                const struct comparison *c, enum time_bound_op op, bool is_shift)
{
    if (bounds->n == bounds->capacity) {
        uint32_t capacity = bounds->capacity ? bounds->capacity * 2 : 4;
        struct time_bound *items;
        ALLOC_OR_FAIL(ctx, items, ARENA_ARRAY(ctx->arena, struct time_bound, capacity));
        if (bounds->n) memcpy(items, bounds->items, bounds->n * sizeof *items);
        bounds->items = items;
        bounds->capacity = capacity;
    }
    struct time_bound *bound = &bounds->items[bounds->n];
    *bound = (struct time_bound){.op = op, .is_shift = is_shift};
    ALLOC_OR_FAIL(ctx, bound->row, expr_copy(ctx->arena, c->left));
    ALLOC_OR_FAIL(ctx, bound->clock, expr_copy(ctx->arena, c->right));
    bounds->n++;
    return LAMINAR_OK;
}

/* *is_bound: the condition is now among the bounds. */
static laminar_status read_condition(struct plan_context *ctx, const struct expr *e,
                                     struct bounds *bounds, bool *is_bound)
{
    struct comparison c;
    struct clock_shape shape;
    *is_bound = false;
    if (!expr_is_volatile(e) || !read_comparison(e, &c)) return LAMINAR_OK;
    CHECK(undo_difference(ctx, &c));
    if (expr_is_volatile(c.left)) turn(&c);
    if (expr_is_volatile(c.left) || !is_comparable(c.right->type) || !read_clock(c.right, &shape))
        return LAMINAR_OK;
    if (shape.needs_calendar) CHECK(check_calendar(ctx, c.right));
    *is_bound = true;
    bool is_shift = shape.is_shift && type_is_timestamp(c.right->type) &&
                    c.right->type.unit == UNIT_MICRO;
    if (!c.is_equal) return add_bound(ctx, bounds, &c, c.op, is_shift);
    CHECK(add_bound(ctx, bounds, &c, TIME_LE, is_shift));
    return add_bound(ctx, bounds, &c, TIME_GE, is_shift);
}

static laminar_status take_bounds(struct plan_context *ctx, struct expr *predicate,
                                  struct bounds *bounds, struct expr **rest)
{
    struct expr_list parts = {0}, left = {0};
    CHECK(expr_split_and(ctx, predicate, &parts));
    for (uint32_t i = 0; i < parts.n; i++) {
        bool is_bound;
        CHECK(read_condition(ctx, parts.items[i], bounds, &is_bound));
        if (!is_bound) CHECK(expr_list_push(ctx, &left, parts.items[i]));
    }
    return expr_make_and(ctx, &left, rest);
}

/* Inner joins: a condition on the pairs is one on what comes out. */
static bool has_pairs_condition(const struct plan *plan)
{
    return plan->kind == PLAN_JOIN && plan->predicate &&
           (plan->join_kind == JOIN_INNER || plan->join_kind == JOIN_CROSS) &&
           (plan->strategy == STRATEGY_HASH || plan->strategy == STRATEGY_NESTED);
}

laminar_status rewrite_time_filters(struct plan_context *ctx, struct plan **plan)
{
    struct plan *node = *plan;
    struct bounds bounds = {0};
    for (uint32_t i = 0; i < node->n_inputs; i++)
        CHECK(rewrite_time_filters(ctx, &node->inputs[i]));
    if ((node->kind != PLAN_FILTER && !has_pairs_condition(node)) ||
        !expr_is_volatile(node->predicate))
        return LAMINAR_OK;
    CHECK(take_bounds(ctx, node->predicate, &bounds, &node->predicate));
    if (bounds.n == 0) return LAMINAR_OK;
    /* what is left of a filter stays below, where it sees each row once */
    struct plan *below = node->kind == PLAN_FILTER && !node->predicate ? node->inputs[0] : node;
    CHECK(plan_new_over(ctx, PLAN_TIME_FILTER, below, plan));
    (*plan)->sql_offset = node->sql_offset;
    (*plan)->time_bounds = bounds.items;
    (*plan)->n_time_bounds = bounds.n;
    return LAMINAR_OK;
}
