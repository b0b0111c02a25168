/* op_time_filter.c - conditions on what time it is (ts > now() - INTERVAL '1 hour'): rows come when their time has come, and leave when it is over,
 * without any input.
 *
 * Idea: a bound `row op clock` turns at one moment, the first at which the clock expression, which never decreases, has reached the row's value (or
 * passed it). So each row has a time to enter, the latest of those at which bounds begin to hold, and a time to leave, the earliest of those at which one
 * stops to. Where the clock is now() plus a constant the moment is a subtraction; else (months, whole days) it is searched for: the clock
 * expression is evaluated at guesses that gallop from where a straight line would put it, and then halve.
 *
 * Algebra: out = the rows with enter <= time of the step < leave. A step first moves what has become due since the last one, with the weights that
 * are kept, then takes its input; so a row that is taken back was always put out before. Rows whose time is over are not looked at, neither when they
 * come nor when they are taken back: the same values give the same moments.
 * State: "rows", one ordered set by (group, moment): group 0 waits to enter, group 1 is out and waits to leave (empty where no bound ends). It holds what the
 * clock has not passed, whatever the input does. Cost: O(log n) a row in and a row that leaves; nothing for rows that stay.
 * Late rows: none; event time plays no part. */
#include "base/error.h"
#include "exec/op_rows.h"
#include "exec/ops.h"
#include "exec/state_ordered.h"

enum { AT, UNTIL, OWN_COLS, WAITING = 0, THERE = 1 };
/* Moments that are looked at: what nanoseconds can say too. */
#define FIRST_MOMENT_US (INT64_MIN / 1000)
#define LAST_MOMENT_US (INT64_MAX / 1000)

struct bound {
    const struct time_bound *plan;
    struct program *clock;
    int64_t unit_us; /* how far apart values of the clock are, about */
    /* the newest moment that was searched for: many rows of a day have one */
    bool has_newest;
    int64_t newest_value, newest_moment;
};

struct time_filter {
    struct op op; /* first */
    struct state_ordered *rows;
    struct program *values; /* of all bounds' rows */
    struct bound *bounds;
    uint32_t n_bounds;
    bool leaves;           /* some bound ends */
    bool is_append_only;   /* weights are spelled out */
    uint64_t moved_number; /* of the step that has moved what was due */
    struct vector *value_vecs;
    struct column *cols; /* AT, UNTIL, the input's */
    uint32_t n_cols;
    struct vector *vecs;
    struct column *peeked; /* AT alone */
    struct bad_rows bad;
    int64_t enter[CHUNK_ROWS], leave[CHUNK_ROWS];
    int64_t at[CHUNK_ROWS], until[CHUNK_ROWS];
    uint32_t sel[CHUNK_ROWS];
    int64_t weights[CHUNK_ROWS], negated[CHUNK_ROWS];
    uint64_t groups[2][CHUNK_ROWS];
};

/* --- When a bound turns --------------------------------------------------------------------------------------------------------- */

static int64_t integer_at(const struct vector *v, size_t row)
{
    size_t i = v->shape == VEC_CONST ? 0 : row;
    return type_phys(v->type) == PHYS_I32 ? ((const int32_t *)v->data)[i]
                                          : ((const int64_t *)v->data)[i];
}

static int64_t unit_us(struct data_type type)
{
    if (type.id == LAMINAR_TYPE_DATE) return INT64_C(86400000000);
    if (!type_is_timestamp(type)) return 1000;
    switch ((enum time_unit)type.unit) {
    case UNIT_SECOND: return 1000000;
    case UNIT_MILLI: return 1000;
    case UNIT_MICRO:
    case UNIT_NANO: return 1;
    }
    return 1;
}

/* The clock expression at a moment; false: null, or beyond what its type can say. */
static laminar_status clock_at(struct bound *b, struct step *step, int64_t now_us, bool *is_known,
                               int64_t *out)
{
    struct eval_env env = step_eval_env(step);
    struct chunk nothing = {1, 0, NULL, NULL};
    struct vector value;
    env.now_us = now_us;
    env.mode = ROW_ERROR_NULL;
    laminar_status status = program_run(b->clock, &nothing, &env, &value);
    if (status) return status;
    *is_known = vector_is_valid(&value, 0);
    if (*is_known) *out = integer_at(&value, 0);
    return LAMINAR_OK;
}

/* Has the clock reached `value` at a moment? What it can't say is far away, on the side of the present on which the moment lies. */
static laminar_status has_reached(struct bound *b, struct step *step, int64_t moment, int64_t value,
                                  bool *out)
{
    bool is_known;
    int64_t clock = 0;
    laminar_status status = clock_at(b, step, moment, &is_known, &clock);
    *out = is_known ? clock >= value : moment > step->time_us;
    return status;
}

static int64_t clamp_moment(int128 moment)
{
    return moment < FIRST_MOMENT_US  ? FIRST_MOMENT_US
           : moment > LAST_MOMENT_US ? LAST_MOMENT_US
                                     : (int64_t)moment;
}

/* From a guess to moments lo < hi of which only hi has reached the value; lo = INT64_MIN: all have, hi = INT64_MAX: none has. */
static laminar_status gallop(struct bound *b, struct step *step, int64_t value, int64_t guess,
                             int64_t *lo, int64_t *hi)
{
    bool reached;
    laminar_status status = has_reached(b, step, guess, value, &reached);
    int64_t stride = 1;
    *lo = *hi = guess;
    bool was_reached = reached;
    while (!status && reached == was_reached) {
        int64_t *end = was_reached ? lo : hi, *other = was_reached ? hi : lo;
        *other = *end;
        if (*end == (was_reached ? FIRST_MOMENT_US : LAST_MOMENT_US)) {
            *end = was_reached ? INT64_MIN : INT64_MAX; /* beyond */
            return LAMINAR_OK;
        }
        *end = clamp_moment((int128)*end + (was_reached ? -stride : stride));
        status = has_reached(b, step, *end, value, &reached);
        stride = stride == 1                   ? b->unit_us > 1 ? b->unit_us : 2
                 : stride > LAST_MOMENT_US / 2 ? stride
                                               : stride * 2;
    }
    return status;
}

/* The first moment at which the clock has reached `value`: INT64_MIN = always, INT64_MAX = never. `clock` is its value at the step's time. */
static laminar_status search(struct bound *b, struct step *step, int64_t clock, int64_t value,
                             int64_t *out)
{
    laminar_status status = LAMINAR_OK;
    int64_t lo, hi;
    int128 distance = (int128)value - clock;
    distance = b->plan->clock->type.unit == UNIT_NANO && type_is_timestamp(b->plan->clock->type)
                   ? distance / 1000
                   : distance * b->unit_us;
    if (b->has_newest && b->newest_value == value) {
        *out = b->newest_moment;
        return LAMINAR_OK;
    }
    TRY(gallop(b, step, value, clamp_moment(step->time_us + distance), &lo, &hi));
    while (lo != INT64_MIN && hi != INT64_MAX && hi - lo > 1) {
        int64_t middle = lo + (hi - lo) / 2;
        bool reached;
        TRY(has_reached(b, step, middle, value, &reached));
        *(reached ? &hi : &lo) = middle;
    }
    *out = lo == INT64_MIN ? INT64_MIN : hi;
    b->has_newest = true;
    b->newest_value = value;
    b->newest_moment = *out;
done:
    return status;
}

/* Narrows enter and leave of the chunk's rows by one bound. */
static laminar_status apply_bound(struct time_filter *f, struct step *step, struct bound *b,
                                  const struct vector *values, size_t n)
{
    bool is_known, is_strict = b->plan->op == TIME_LT || b->plan->op == TIME_GE,
                   is_end = b->plan->op == TIME_GT || b->plan->op == TIME_GE;
    int64_t clock = 0;
    laminar_status status = clock_at(b, step, step->time_us, &is_known, &clock);
    if (status) return status;
    /* The clock has to be beyond the value, or there: it is a whole number. */
    b->has_newest = false; /* the zone may have changed */
    int128 shift = (int128)step->time_us - clock;
    for (size_t i = 0; i < n; i++) {
        int64_t moment, value = 0;
        bool is_valid = is_known && vector_is_valid(values, i);
        if (is_valid) value = integer_at(values, i);
        if (!is_valid) {
            f->leave[i] = INT64_MIN; /* null: not true at any time */
            continue;
        }
        if (is_strict && value == INT64_MAX) {
            moment = INT64_MAX;
        } else if (b->plan->is_shift) {
            int128 exact = shift + value + is_strict;
            moment = exact < INT64_MIN + 1 ? INT64_MIN + 1
                     : exact > INT64_MAX   ? INT64_MAX
                                           : (int64_t)exact;
        } else {
            status = search(b, step, clock, value + is_strict, &moment);
            if (status) return status;
        }
        if (is_end)
            f->leave[i] = moment < f->leave[i] ? moment : f->leave[i];
        else
            f->enter[i] = moment > f->enter[i] ? moment : f->enter[i];
    }
    return LAMINAR_OK;
}

static laminar_status read_moments(struct time_filter *f, struct step *step,
                                   const struct chunk *chunk)
{
    struct eval_env env = rows_begin(step, &f->bad);
    laminar_status status = program_run(f->values, chunk, &env, f->value_vecs);
    for (size_t i = 0; i < chunk->n_rows; i++) {
        f->enter[i] = INT64_MIN;
        f->leave[i] = INT64_MAX;
    }
    for (uint32_t k = 0; k < f->n_bounds && !status; k++)
        status = apply_bound(f, step, &f->bounds[k], &f->value_vecs[k], chunk->n_rows);
    if (status || likely(!env.n_bad_rows)) return status;
    status = op_leave_out(&f->op, step, f->op.input, chunk, &env);
    for (size_t i = 0; i < chunk->n_rows; i++)
        if (bitmap_get(env.bad_rows, i)) f->leave[i] = INT64_MIN;
    return status;
}

/* --- What is due ------------------------------------------------------------------------------------------------------------------ */

static void own_columns(struct time_filter *f)
{
    for (uint32_t k = 0; k < OWN_COLS; k++)
        f->vecs[k] = (struct vector){.type = {.id = LAMINAR_TYPE_INT64},
                                     .shape = VEC_FLAT,
                                     .data = k == AT ? f->at : f->until};
}

/* The first moment of a group; false: it is empty. */
static laminar_status first_moment(struct time_filter *f, uint64_t group, bool *is_there,
                                   int64_t *out, struct laminar_error *err)
{
    struct state_ordered_cursor cursor;
    *is_there = state_ordered_first(f->rows, group, &cursor);
    if (!*is_there) return LAMINAR_OK;
    column_clear(&f->peeked[AT]);
    for (uint32_t k = 1; k < f->n_cols; k++) f->peeked[k].n = SIZE_MAX;
    laminar_status status = state_ordered_read(&cursor, f->peeked, err);
    if (!status) *out = ((const int64_t *)f->peeked[AT].vec.data)[0];
    return status;
}

/* Reads rows of the group with moments up to `now_us` into cols, at, until and weights, as many as fit. In an append-only output equal rows come one by
 * one. */
static laminar_status read_due(struct time_filter *f, uint64_t group, int64_t now_us, size_t *n_out,
                               struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct state_ordered_cursor cursor;
    size_t n = 0;
    for (uint32_t k = 0; k < f->n_cols; k++) column_clear(&f->cols[k]);
    bool goes_on = state_ordered_first(f->rows, group, &cursor);
    for (; goes_on && n < CHUNK_ROWS; goes_on = state_ordered_next(&cursor)) {
        int64_t weight = state_ordered_weight(&cursor);
        size_t copies = 1;
        if (f->is_append_only && weight > 1) {
            copies = (uint64_t)weight < CHUNK_ROWS - n ? (size_t)weight : CHUNK_ROWS - n;
            weight = 1;
        }
        for (size_t i = 0; i < copies; i++, n++) {
            status = state_ordered_read(&cursor, f->cols, err);
            if (status) return status;
            f->at[n] = ((const int64_t *)f->cols[AT].vec.data)[n];
            f->until[n] = ((const int64_t *)f->cols[UNTIL].vec.data)[n];
            if (f->at[n] > now_us) goto done;
            f->weights[n] = weight;
        }
    }
done:
    *n_out = n;
    own_columns(f);
    for (uint32_t k = OWN_COLS; k < f->n_cols; k++) f->vecs[k] = f->cols[k].vec;
    for (size_t i = 0; i < n; i++) f->negated[i] = -f->weights[i];
    return LAMINAR_OK;
}

static laminar_status emit_moved(struct time_filter *f, struct step *step, size_t n,
                                 const int64_t *weights)
{
    if (f->is_append_only) weights = NULL;
    return op_emit(&f->op, step,
                   &(struct chunk){(uint32_t)n, f->op.n_cols, f->vecs + OWN_COLS, weights});
}

static laminar_status let_leave(struct time_filter *f, struct step *step)
{
    laminar_status status = LAMINAR_OK;
    size_t n = CHUNK_ROWS;
    while (n == CHUNK_ROWS) {
        TRY(read_due(f, THERE, step->time_us, &n, step->err));
        if (n == 0) break;
        TRY(state_ordered_add(f->rows, f->groups[THERE], f->vecs, f->negated, n, step->err));
        TRY(emit_moved(f, step, n, f->negated));
    }
done:
    return status;
}

/* Keeps the rows sel[0..n) of what read_due has read. */
static laminar_status keep_some(struct time_filter *f, size_t n, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    for (uint32_t k = OWN_COLS; k < f->n_cols && !status; k++) {
        column_clear(&f->peeked[k]);
        status = column_append_sel(&f->peeked[k], &f->cols[k].vec, f->sel, n, STRINGS_BORROW, err);
        f->vecs[k] = f->peeked[k].vec;
    }
    for (size_t i = 0; i < n; i++) {
        f->at[i] = f->at[f->sel[i]];
        f->until[i] = f->until[f->sel[i]];
        f->weights[i] = f->weights[f->sel[i]];
    }
    return status;
}

static laminar_status let_enter(struct time_filter *f, struct step *step)
{
    laminar_status status = LAMINAR_OK;
    size_t n = CHUNK_ROWS;
    while (n == CHUNK_ROWS) {
        TRY(read_due(f, WAITING, step->time_us, &n, step->err));
        if (n == 0) break;
        TRY(state_ordered_add(f->rows, f->groups[WAITING], f->vecs, f->negated, n, step->err));
        size_t kept = 0; /* those that have not left meanwhile */
        for (size_t i = 0; i < n; i++) {
            f->sel[kept] = (uint32_t)i;
            kept += f->until[i] > step->time_us;
        }
        if (kept == 0) continue;
        if (kept < n) TRY(keep_some(f, kept, step->err));
        if (f->leaves) {
            memcpy(f->at, f->until, kept * sizeof *f->at);
            TRY(state_ordered_add(f->rows, f->groups[THERE], f->vecs, f->weights, kept, step->err));
        }
        TRY(emit_moved(f, step, kept, f->weights));
    }
done:
    return status;
}

static laminar_status move_due(struct time_filter *f, struct step *step)
{
    if (f->moved_number == step->number) return LAMINAR_OK;
    f->moved_number = step->number;
    laminar_status status = f->leaves ? let_leave(f, step) : LAMINAR_OK;
    return status ? status : let_enter(f, step);
}

/* --- The operator ------------------------------------------------------------------------------------------------------------------ */

/* Rows sel[0..n) of the chunk into a group, which they leave at `moments`. *out: their columns. */
static laminar_status add_rows(struct time_filter *f, struct step *step, const struct chunk *chunk,
                               size_t n, uint64_t group, const int64_t *moments, struct chunk *out)
{
    laminar_status status = LAMINAR_OK;
    if (n == chunk->n_rows) {
        memcpy(f->vecs + OWN_COLS, chunk->cols, chunk->n_cols * sizeof *f->vecs);
        *out = (struct chunk){(uint32_t)n, chunk->n_cols, f->vecs + OWN_COLS, chunk->weights};
    } else {
        status = kernel_gather_chunk(chunk, f->sel, n, f->cols + OWN_COLS, f->weights,
                                     f->vecs + OWN_COLS, out, step->err);
    }
    if (status || (group == THERE && !f->leaves)) return status;
    own_columns(f);
    for (size_t i = 0; i < n; i++) {
        f->at[i] = moments[f->sel[i]];
        f->until[i] = f->leave[f->sel[i]];
    }
    return state_ordered_add(f->rows, f->groups[group], f->vecs, out->weights, n, step->err);
}

static laminar_status time_filter_process(struct op *op, struct step *step, uint32_t port,
                                          const struct chunk *chunk)
{
    (void)port;
    struct time_filter *f = (struct time_filter *)op;
    laminar_status status = LAMINAR_OK;
    struct chunk out;
    size_t n = 0;
    int64_t now = step->time_us;
    TRY(move_due(f, step));
    TRY(read_moments(f, step, chunk));
    for (uint32_t i = 0; i < chunk->n_rows; i++) {
        f->sel[n] = i;
        n += f->enter[i] > now && f->leave[i] > f->enter[i];
    }
    if (n) TRY(add_rows(f, step, chunk, n, WAITING, f->enter, &out));
    n = 0;
    for (uint32_t i = 0; i < chunk->n_rows; i++) {
        f->sel[n] = i;
        n += f->enter[i] <= now && f->leave[i] > now;
    }
    if (n == 0) return LAMINAR_OK;
    TRY(add_rows(f, step, chunk, n, THERE, f->leave, &out));
    status = op_emit(op, step, &out);
done:
    return status;
}

static laminar_status time_filter_finish(struct op *op, struct step *step)
{
    struct time_filter *f = (struct time_filter *)op;
    laminar_status status = move_due(f, step);
    int64_t wake = INT64_MAX;
    for (uint64_t group = WAITING; group <= THERE && !status; group++) {
        bool is_there;
        int64_t moment;
        status = first_moment(f, group, &is_there, &moment, step->err);
        if (!status && is_there && moment < wake) wake = moment;
    }
    op->wake_us = wake == INT64_MAX ? 0 : (uint64_t)wake;
    op->watermark_out = op->watermark_in;
    return status;
}

static laminar_status time_filter_contents(struct op *op, struct step *step)
{
    struct time_filter *f = (struct time_filter *)op;
    laminar_status status = LAMINAR_OK;
    struct state_ordered_cursor cursor;
    bool goes_on = state_ordered_first(f->rows, THERE, &cursor);
    while (goes_on && !status) {
        size_t n = 0;
        for (uint32_t k = 0; k < f->n_cols; k++) column_clear(&f->cols[k]);
        for (; goes_on && n < CHUNK_ROWS && !status; n++, goes_on = state_ordered_next(&cursor)) {
            f->weights[n] = state_ordered_weight(&cursor);
            status = state_ordered_read(&cursor, f->cols, step->err);
        }
        for (uint32_t k = OWN_COLS; k < f->n_cols; k++) f->vecs[k] = f->cols[k].vec;
        if (!status)
            status = op_emit(
                op, step, &(struct chunk){(uint32_t)n, op->n_cols, f->vecs + OWN_COLS, f->weights});
    }
    return status;
}

static void time_filter_free(struct op *op)
{
    struct time_filter *f = (struct time_filter *)op;
    for (uint32_t k = 0; k < f->n_bounds; k++) program_free(f->bounds[k].clock);
    program_free(f->values);
    columns_free(f->cols, f->n_cols);
    columns_free(f->peeked, f->n_cols);
    mem_free(f->bounds);
    mem_free(f->value_vecs);
    mem_free(f->vecs);
    op_deinit(op);
    mem_free(f);
}

static void time_filter_explain(const struct op *op, struct strbuf *out)
{
    strbuf_printf(out, "time filter, %zu rows",
                  state_ordered_base(((const struct time_filter *)op)->rows)->n_rows);
}

/* Without a bound that ends, what is out is not kept. */
static const struct op_class arriving_class = {.name = "time_filter",
                                               .process = time_filter_process,
                                               .finish_step = time_filter_finish,
                                               .free = time_filter_free,
                                               .explain = time_filter_explain};
static const struct op_class leaving_class = {.name = "time_filter",
                                              .process = time_filter_process,
                                              .finish_step = time_filter_finish,
                                              .free = time_filter_free,
                                              .explain = time_filter_explain,
                                              .contents = time_filter_contents};

static laminar_status create_bounds(struct time_filter *f, const struct plan *plan,
                                    struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct expr **rows = mem_calloc(plan->n_time_bounds, sizeof *rows);
    f->bounds = mem_calloc(plan->n_time_bounds, sizeof *f->bounds);
    f->value_vecs = mem_calloc(plan->n_time_bounds, sizeof *f->value_vecs);
    if (!rows || !f->bounds || !f->value_vecs) TRY(error_oom(err));
    f->n_bounds = plan->n_time_bounds;
    for (uint32_t k = 0; k < f->n_bounds; k++) {
        struct bound *b = &f->bounds[k];
        b->plan = &plan->time_bounds[k];
        b->unit_us = unit_us(b->plan->clock->type);
        f->leaves |= b->plan->op == TIME_GT || b->plan->op == TIME_GE;
        rows[k] = b->plan->row;
        TRY(program_create((struct expr *const *)&b->plan->clock, 1, &b->clock, err));
    }
    TRY(program_create(rows, f->n_bounds, &f->values, err));
done:
    mem_free(rows);
    return status;
}

static laminar_status create_state(struct time_filter *f, const struct plan *plan,
                                   struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    uint32_t n = plan->n_cols + OWN_COLS;
    struct plan_column *cols = mem_calloc(n, sizeof *cols);
    struct data_type *types = mem_calloc(n, sizeof *types);
    struct sort_key by_moment = {.column = AT};
    if (!cols || !types) TRY(error_oom(err));
    for (uint32_t k = 0; k < n; k++) {
        if (k < OWN_COLS)
            cols[k] = (struct plan_column){.type = {.id = LAMINAR_TYPE_INT64}};
        else
            cols[k] = plan->cols[k - OWN_COLS];
        types[k] = cols[k].type;
    }
    struct state_ordered_options options = {.name = "rows",
                                            .types = types,
                                            .n_cols = n,
                                            .order = &by_moment,
                                            .n_order = 1,
                                            .account = circuit_account(f->op.circuit)};
    TRY(state_ordered_create(&options, &f->rows, err));
    TRY(op_add_state(&f->op, state_ordered_base(f->rows), err));
    TRY(columns_create(cols, n, &f->cols, err));
    TRY(columns_create(cols, n, &f->peeked, err));
    f->n_cols = n;
    f->vecs = mem_calloc(n, sizeof *f->vecs);
    if (!f->vecs) TRY(error_oom(err));
done:
    mem_free(cols);
    mem_free(types);
    return status;
}

laminar_status op_time_filter_create(struct circuit *circuit, const struct plan *plan,
                                     enum circuit_mode mode, struct op **out,
                                     struct laminar_error *err)
{
    (void)mode;
    assert(plan->kind == PLAN_TIME_FILTER && mode == CIRCUIT_STREAM);
    laminar_status status;
    struct time_filter *f = mem_calloc(1, sizeof *f);
    if (!f) return error_oom(err);
    TRY(op_init(&f->op, &leaving_class, circuit, plan, 1, err));
    TRY(create_bounds(f, plan, err));
    if (!f->leaves) f->op.cls = &arriving_class;
    f->is_append_only = plan->props.is_append_only;
    f->moved_number = UINT64_MAX;
    for (size_t i = 0; i < CHUNK_ROWS; i++) f->groups[THERE][i] = THERE;
    TRY(create_state(f, plan, err));
    *out = &f->op;
    return LAMINAR_OK;
done:
    time_filter_free(&f->op);
    return status;
}
