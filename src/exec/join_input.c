/* join_input.c - see join_input.h. */
#include "exec/join_input.h"
#include "base/error.h"

/* --- Creation ---------------------------------------------------------------------------------------------------------------------------- */

static laminar_status allocate(struct join_input *input, const struct plan *plan, uint32_t n_max,
                               struct laminar_error *err)
{
    input->computed = mem_calloc(n_max, sizeof *input->computed);
    input->key_sources = mem_calloc(n_max, sizeof *input->key_sources);
    input->key_stored = mem_calloc(n_max, sizeof *input->key_stored);
    input->keys = mem_calloc(n_max, sizeof *input->keys);
    input->stored = mem_calloc(plan->n_cols + n_max, sizeof *input->stored);
    input->stored_types = mem_calloc(plan->n_cols + n_max, sizeof *input->stored_types);
    /* vectors, then a value and a validity byte for each */
    input->nulls = mem_calloc(plan->n_cols, sizeof *input->nulls + 32);
    bool is_ok = input->computed && input->key_sources && input->key_stored && input->keys &&
                 input->stored && input->stored_types && input->nulls;
    return is_ok ? LAMINAR_OK : error_oom(err);
}

laminar_status join_input_init(struct join_input *input, const struct plan *plan,
                               struct expr *const *keys, uint32_t n_keys, struct expr *time,
                               struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    uint32_t n_exprs = 0, n_max = n_keys + 1;
    *input = (struct join_input){
        .plan = plan, .n_cols = plan->n_cols, .n_keys = n_keys, .has_time = time != NULL};
    struct expr **exprs = mem_calloc(n_max, sizeof *exprs);
    if (!exprs) TRY(error_oom(err));
    TRY(allocate(input, plan, n_max, err));
    for (uint32_t i = 0; i < plan->n_cols; i++) {
        uint8_t *mem = (uint8_t *)(input->nulls + plan->n_cols) + (size_t)i * 32;
        input->nulls[i] = vector_const_null(plan->cols[i].type, mem, mem + 16);
        input->stored_types[i] = plan->cols[i].type;
    }
    for (uint32_t k = 0; k < n_max; k++) {
        struct expr *e = k < n_keys ? keys[k] : time;
        if (!e) continue;
        int32_t source = (int32_t)e->column;
        uint32_t stored = e->column;
        if (e->kind != EXPR_COLUMN) {
            source = -1 - (int32_t)n_exprs;
            stored = plan->n_cols + n_exprs;
            exprs[n_exprs++] = e;
        }
        input->stored_types[stored] = e->type;
        if (k < n_keys) {
            input->key_sources[k] = source;
            input->key_stored[k] = stored;
        } else {
            input->time_source = source;
            input->time_stored = stored;
        }
    }
    input->n_stored = plan->n_cols + n_exprs;
    if (n_exprs) TRY(program_create(exprs, n_exprs, &input->program, err));
done:
    mem_free(exprs);
    return status;
}

void join_input_deinit(struct join_input *input)
{
    program_free(input->program);
    mem_free(input->computed);
    mem_free(input->key_sources);
    mem_free(input->key_stored);
    mem_free(input->keys);
    mem_free(input->stored);
    mem_free(input->stored_types);
    mem_free(input->nulls);
    *input = (struct join_input){0};
}

/* --- Reading ----------------------------------------------------------------------------------------------------------------------------- */

static const struct vector *source_vector(const struct join_input *input, const struct chunk *chunk,
                                          int32_t source)
{
    return source >= 0 ? &chunk->cols[source] : &input->computed[-1 - source];
}

static bool may_be_null(const struct vector *v)
{
    return v->validity || v->type.id == LAMINAR_TYPE_NULL;
}

static laminar_status compute(struct join_input *input, struct op *op, struct step *step,
                              const struct chunk *chunk, struct join_rows *rows, size_t *n_bad)
{
    if (!input->program) return LAMINAR_OK;
    struct eval_env env = step_eval_env(step);
    env.scratch = &rows->arena;
    env.bad_rows = rows->bad_rows;
    memset(rows->bad_rows, 0, bitmap_bytes(chunk->n_rows));
    laminar_status status = program_run(input->program, chunk, &env, input->computed);
    *n_bad = env.n_bad_rows;
    return status ? status : op_leave_out(op, step, input->plan, chunk, &env);
}

laminar_status join_input_read(struct join_input *input, struct op *op, struct step *step,
                               const struct chunk *chunk, struct join_rows *rows)
{
    size_t n_bad = 0;
    bool has_nulls = false;
    laminar_status status = compute(input, op, step, chunk, rows, &n_bad);
    if (status != LAMINAR_OK) return status;
    for (uint32_t k = 0; k < input->n_keys; k++) {
        input->keys[k] = *source_vector(input, chunk, input->key_sources[k]);
        has_nulls |= may_be_null(&input->keys[k]);
    }
    if (input->has_time) {
        input->time = *source_vector(input, chunk, input->time_source);
        has_nulls |= may_be_null(&input->time);
    }
    for (uint32_t i = 0; i < input->n_stored; i++)
        input->stored[i] = i < input->n_cols ? chunk->cols[i] : input->computed[i - input->n_cols];
    rows->n_sel = rows->n_null = 0;
    for (uint32_t row = 0; row < chunk->n_rows; row++) {
        if (n_bad && bitmap_get(rows->bad_rows, row)) continue;
        bool is_valid = true;
        for (uint32_t k = 0; has_nulls && k < input->n_keys; k++)
            is_valid &= vector_is_valid(&input->keys[k], row);
        if (has_nulls && input->has_time) is_valid &= vector_is_valid(&input->time, row);
        if (is_valid)
            rows->sel[rows->n_sel++] = row;
        else
            rows->null_sel[rows->n_null++] = row;
    }
    kernel_hash(input->keys, input->n_keys, chunk->n_rows, rows->hashes);
    return LAMINAR_OK;
}

void join_input_drop_late(const struct join_input *input, struct op *op, int64_t watermark_us,
                          struct join_rows *rows)
{
    if (watermark_us == WATERMARK_NONE) return;
    int64_t least = join_time_ceil(input->time.type, watermark_us);
    size_t n_kept = 0;
    for (size_t k = 0; k < rows->n_sel; k++) {
        rows->sel[n_kept] = rows->sel[k];
        n_kept += join_time_at(&input->time, rows->sel[k]) >= least;
    }
    op->late_rows += rows->n_sel - n_kept;
    rows->n_sel = n_kept;
}

/* --- Time -------------------------------------------------------------------------------------------------------------------------------- */

/* Microseconds a unit of the column; 0 stands for nanoseconds. */
static int64_t unit_us(struct data_type type)
{
    if (type.id == LAMINAR_TYPE_DATE) return INT64_C(86400000000);
    if (!type_is_timestamp(type)) return 1000; /* BIGINT: milliseconds */
    switch ((enum time_unit)type.unit) {
    case UNIT_SECOND: return 1000000;
    case UNIT_MILLI: return 1000;
    case UNIT_MICRO: return 1;
    case UNIT_NANO: break;
    }
    return 0;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}
static int64_t clamp_128(int128 v)
{
    return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

int64_t join_time_ceil(struct data_type type, int64_t us)
{
    int64_t unit = unit_us(type);
    if (us == WATERMARK_NONE || us == WATERMARK_END) return us;
    return unit ? -floor_div(-us, unit) : clamp_128((int128)us * 1000);
}

int64_t join_time_floor(struct data_type type, int64_t us)
{
    int64_t unit = unit_us(type);
    if (us == WATERMARK_NONE || us == WATERMARK_END) return us;
    return unit ? floor_div(us, unit) : clamp_128((int128)us * 1000);
}

int64_t join_watermark_add(int64_t watermark_us, int64_t us)
{
    if (watermark_us == WATERMARK_NONE || watermark_us == WATERMARK_END) return watermark_us;
    return clamp_128((int128)watermark_us + us);
}

bool join_input_is_late(const struct plan *plan)
{
    switch (plan->kind) {
    case PLAN_SCAN: return false;
    case PLAN_FILTER:
    case PLAN_PROJECT:
    case PLAN_WINDOW_TABLE:
    case PLAN_EXPAND:
    case PLAN_UNNEST:
    case PLAN_UNION_ALL: break;
    case PLAN_JOIN:
        if (plan->join_kind == JOIN_RIGHT || plan->join_kind == JOIN_FULL) return true;
        break;
    case PLAN_VALUES:
    case PLAN_AGGREGATE:
    case PLAN_DISTINCT:
    case PLAN_RECURSIVE:
    case PLAN_WORKING:
    case PLAN_SET:
    case PLAN_TOP_N:
    case PLAN_OVER:
    case PLAN_HOLD:
    case PLAN_TIME_FILTER:
    case PLAN_SORT: return true;
    }
    for (uint32_t i = 0; i < plan->n_inputs; i++)
        if (join_input_is_late(plan->inputs[i])) return true;
    return false;
}
