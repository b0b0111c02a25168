/* rewrite_interval_joins.c - a join whose condition bounds the distance of the two sides' event
 * times, b.ts BETWEEN a.ts - x AND a.ts + y, keeps only rows that can still find a partner:
 * strategy INTERVAL. One bound alone lets the rows of one side go. Recognised only where both
 * times carry a watermark that their sides' retractions keep to as well; otherwise the
 * comparisons stay an ordinary condition. So is an equality of the bounds of two streams' windows. Needs the properties of the inputs.
 *
 * Times of different types are compared in the finer unit, at most microseconds: watermarks have no more. Nanoseconds lose less than one by that, so the
 * bounds are a microsecond wider each and the comparisons stay as the join's condition. */
#include "plan/plan_internal.h"

struct bound {
    bool right_first; /* the right side's time is on the left of the operator */
    int64_t delta_us; /* right_time op left_time + delta, once turned so */
    bool is_lower, is_upper;
    bool is_wide; /* the interval is wider than the comparison says */
    struct data_type type;
    const struct expr *left_time, *right_time; /* columns over left ++ right */
};

/* Does a cast leave the point in time as it is? */
static bool keeps_time(struct data_type from, struct data_type to)
{
    if (from.id == LAMINAR_TYPE_DATE) return to.id == LAMINAR_TYPE_TIMESTAMP;
    return from.id == to.id && type_is_timestamp(to) && from.unit <= to.unit;
}

/* A time column, plus or minus a constant. Casts to finer units are looked through. */
static bool split_time(const struct expr *e, const struct expr **column, int64_t *offset_us)
{
    while (e->kind == EXPR_CALL && e->is_cast && keeps_time(e->args[0]->type, e->type))
        e = e->args[0];
    if (e->kind == EXPR_COLUMN) {
        *column = e;
        *offset_us = 0;
        return true;
    }
    bool is_plus = expr_is_call(e, "+"), is_minus = expr_is_call(e, "-");
    if ((!is_plus && !is_minus) || e->n_args != 2 || e->args[1]->kind != EXPR_CONST) return false;
    if (e->args[0]->kind == EXPR_CONST || !split_time(e->args[0], column, offset_us)) return false;
    const struct expr *constant = e->args[1];
    int64_t value;
    if (expr_is_const_null(constant)) return false;
    if (constant->type.id == LAMINAR_TYPE_INTERVAL) {
        const struct laminar_interval *interval = constant->value.data;
        int64_t days;
        if (interval->months || interval->nanos % 1000 ||
            __builtin_mul_overflow((int64_t)interval->days, INT64_C(86400000000), &days) ||
            __builtin_add_overflow(days, interval->nanos / 1000, &value))
            return false;
    } else if ((*column)->type.id != LAMINAR_TYPE_INT64 || !const_get_int64(constant, &value) ||
               __builtin_mul_overflow(value, 1000, &value)) {
        return false;
    }
    return !__builtin_add_overflow(*offset_us, is_plus ? value : -value, offset_us);
}

/* The type in which times of both are kept; false: there is none. */
static bool common_time(struct data_type a, struct data_type b, struct data_type *out)
{
    if (a.id == LAMINAR_TYPE_DATE || (type_is_timestamp(b) && a.unit < b.unit && a.id == b.id)) {
        struct data_type swap = a;
        a = b;
        b = swap;
    }
    *out = a;
    if (type_equal(a, b) && a.unit != UNIT_NANO) return true;
    if (!keeps_time(b, a)) return false;
    if (out->unit == UNIT_NANO) out->unit = UNIT_MICRO;
    return true;
}

static bool is_nanos(const struct expr *e)
{
    return type_is_timestamp(e->type) && e->type.unit == UNIT_NANO;
}

static bool read_bound(const struct expr *e, const struct plan *join, struct bound *out)
{
    static const char *const ops[] = {"<", "<=", ">", ">="};
    int op = -1;
    for (int i = 0; i < 4; i++)
        if (expr_is_call(e, ops[i])) op = i;
    const struct expr *x, *y;
    int64_t offset_x, offset_y;
    if (op < 0 || !split_time(e->args[0], &x, &offset_x) || !split_time(e->args[1], &y, &offset_y))
        return false;
    uint32_t n_left = join->inputs[0]->n_cols;
    bool x_right = x->column >= n_left, y_right = y->column >= n_left, is_less = op < 2;
    if (x_right == y_right) return false;
    /* x + ox op y + oy; as right op' left + delta */
    if (!x_right) {
        const struct expr *swap = x;
        int64_t swap_offset = offset_x;
        x = y, offset_x = offset_y;
        y = swap, offset_y = swap_offset;
        is_less = !is_less;
    }
    if (!common_time(x->type, y->type, &out->type)) return false;
    if ((int32_t)y->column != join->inputs[0]->props.time_col ||
        (int32_t)(x->column - n_left) != join->inputs[1]->props.time_col)
        return false;
    *out = (struct bound){.type = out->type,
                          .is_wide = is_nanos(x) || is_nanos(y),
                          .is_lower = !is_less,
                          .is_upper = is_less,
                          .left_time = y,
                          .right_time = x};
    bool is_strict = op == 0 || op == 2;
    int64_t outwards = is_less ? 1 : -1, more = out->is_wide ? outwards : is_strict ? -outwards : 0;
    return !__builtin_sub_overflow(offset_y, offset_x, &out->delta_us) &&
           !__builtin_add_overflow(out->delta_us, more, &out->delta_us);
}

/* The event time of windows' results: a bound of the window. Windows close in order, so no row of them is late. */
static bool is_window_time(const struct expr *key, const struct plan *input)
{
    const struct plan_properties *props = &input->props;
    return key->kind == EXPR_COLUMN && (int32_t)key->column == props->time_col &&
           (key->column + 1 == props->window_start || key->column + 1 == props->window_end);
}

/* Windows joined by their start, or their end: rows of one window only find those of the same. */
static laminar_status recognise_windows(struct plan_context *ctx, struct plan *join)
{
    for (uint32_t i = 0; i < join->n_keys && join->join_kind == JOIN_INNER; i++) {
        const struct expr *left = join->left_keys[i], *right = join->right_keys[i];
        if (!is_window_time(left, join->inputs[0]) || !is_window_time(right, join->inputs[1]) ||
            !type_equal(left->type, right->type))
            continue;
        ALLOC_OR_FAIL(ctx, join->left_time, expr_copy(ctx->arena, left));
        ALLOC_OR_FAIL(ctx, join->right_time, expr_copy(ctx->arena, right));
        join->strategy = STRATEGY_INTERVAL;
        join->lower_us = join->upper_us = 0;
        return LAMINAR_OK;
    }
    return LAMINAR_OK;
}

static laminar_status make_time(struct plan_context *ctx, const struct expr *column,
                                uint32_t n_left, struct data_type type, struct expr **out)
{
    ALLOC_OR_FAIL(ctx, *out, expr_copy(ctx->arena, column));
    (*out)->column -= n_left;
    return make_cast(ctx, *out, type, CAST_EXPLICIT, out);
}

static laminar_status recognise(struct plan_context *ctx, struct plan *join)
{
    struct expr_list parts = {0}, rest = {0};
    const struct expr *left_time = NULL, *right_time = NULL;
    struct data_type type = {0};
    int64_t lower = INT64_MIN, upper = INT64_MAX;
    if (!join->predicate) return recognise_windows(ctx, join);
    CHECK(expr_split_and(ctx, join->predicate, &parts));
    for (uint32_t i = 0; i < parts.n; i++) {
        struct bound b;
        if (!read_bound(parts.items[i], join, &b)) {
            CHECK(expr_list_push(ctx, &rest, parts.items[i]));
            continue;
        }
        left_time = b.left_time;
        right_time = b.right_time;
        type = b.type;
        if (b.is_wide) CHECK(expr_list_push(ctx, &rest, parts.items[i]));
        if (b.is_lower)
            lower = lower > b.delta_us ? lower : b.delta_us;
        else
            upper = upper < b.delta_us ? upper : b.delta_us;
    }
    if (!left_time) return recognise_windows(ctx, join);
    CHECK(make_time(ctx, left_time, 0, type, &join->left_time));
    CHECK(make_time(ctx, right_time, join->inputs[0]->n_cols, type, &join->right_time));
    join->strategy = STRATEGY_INTERVAL;
    join->lower_us = lower;
    join->upper_us = upper;
    return expr_make_and(ctx, &rest, &join->predicate);
}

laminar_status rewrite_interval_joins(struct plan_context *ctx, struct plan **plan)
{
    struct plan *p = *plan;
    for (uint32_t i = 0; i < p->n_inputs; i++) CHECK(rewrite_interval_joins(ctx, &p->inputs[i]));
    bool may_be = p->kind == PLAN_JOIN &&
                  (p->strategy == STRATEGY_HASH || p->strategy == STRATEGY_NESTED) &&
                  p->inputs[0]->props.is_timely && p->inputs[1]->props.is_timely;
    return may_be ? recognise(ctx, p) : LAMINAR_OK;
}
