/* program.c - running the blocks that program_compile.c made; see program_internal.h.
 *
 * Cost: one kernel call an instruction and chunk; nothing is allocated once the columns have grown to the chunk's size (strings: once their heaps
 * have). @thread one at a time: the registers are the program's. */
#include "base/error.h"
#include "base/thread.h"
#include "exec/program_internal.h"

/* --- Row errors -------------------------------------------------------------------------------------------------------------------------- */

/* A kernel over constants: where it fails, all n rows of the block are bad. */
static laminar_status call_const(const struct bound_function *fn, struct eval_env *env,
                                 const struct vector *args, size_t n, struct column *out)
{
    if (!env->bad_rows || !(fn->flags & FN_FALLIBLE)) return fn->kernel(fn, env, args, 1, out);
    uint8_t own_bits[CHUNK_ROWS / 8] = {0}, *bits = env->bad_rows; /* its row may be bad already */
    size_t n_before = env->n_bad_rows;
    env->bad_rows = own_bits;
    laminar_status status = fn->kernel(fn, env, args, 1, out);
    bool has_failed = env->n_bad_rows != n_before;
    env->bad_rows = bits;
    env->n_bad_rows = n_before;
    if (!has_failed) return status;

    for (size_t i = 0; i < n; i++) {
        size_t row = env->row_map ? env->row_map[i] : i;
        if (bitmap_get(env->bad_rows, row)) continue;
        bitmap_set(env->bad_rows, row);
        env->n_bad_rows++;
    }
    return status;
}

/* --- Instructions ------------------------------------------------------------------------------------------------------------------------- */

static struct column *column_of(struct block *block, uint32_t reg)
{
    return &block->columns.items[block->regs.items[reg].column];
}

/* The column of a register, empty and with room for n rows. */
static laminar_status open_column(struct block *block, uint32_t reg, size_t n, struct column **out,
                                  struct laminar_error *err)
{
    struct column *col = column_of(block, reg);
    column_clear(col);
    col->vec.type = block->regs.items[reg].expr->type; /* columns are shared by width */
    laminar_status status = column_reserve(col, n ? n : 1, err);
    if (status) return status;
    col->n = n;
    *out = col;
    return LAMINAR_OK;
}

static void set_null(struct reg *reg)
{
    reg->vec = vector_const_null(reg->expr->type, reg->null_mem, &reg->null_validity);
}

/* Where the expression stands in the text; what the binder has made of it may have no place of its own. */
static uint32_t place_of(const struct expr *e)
{
    uint32_t place = e->sql_offset;
    for (uint32_t i = 0; i < e->n_args && !place; i++) place = place_of(e->args[i]);
    return place;
}

static laminar_status call_failed(const struct expr *e, struct eval_env *env, laminar_status status)
{
    uint32_t place = place_of(e);
    if (!env->err || env->err->code == LAMINAR_OK) return status;
    if (env->sql && place && place < env->sql_size && env->err->code == LAMINAR_QUERY_FAILED)
        error_position(env->err, env->sql, env->sql_size, place);
    return env->err->code; /* eval_fail may have run out of memory: the error knows */
}

static laminar_status run_call(struct block *block, struct instr *instr, size_t n,
                               struct eval_env *env)
{
    const struct bound_function *fn = instr->expr->fn;
    struct reg *out = &block->regs.items[instr->out];
    bool is_const = !(fn->flags & FN_VOLATILE), has_validity = false;
    for (uint32_t i = 0; i < instr->n_operands; i++) {
        instr->argv[i] = block->regs.items[instr->operands[i].reg].vec;
        const struct vector *arg = &instr->argv[i];
        if (arg->shape != VEC_CONST) {
            is_const = false;
            has_validity |= arg->validity != NULL;
        }
        if (fn->flags & FN_STRICT && ((arg->shape == VEC_CONST && !vector_is_valid(arg, 0)) ||
                                      arg->type.id == LAMINAR_TYPE_NULL)) {
            set_null(out);
            return LAMINAR_OK;
        }
    }
    size_t m = is_const ? 1 : n;
    struct column *col;
    laminar_status status = open_column(block, instr->out, m, &col, env->err);
    if (status) return status;
    if (fn->flags & FN_STRICT && has_validity) {
        if ((status = column_reserve_validity(col, env->err))) return status;
        for (uint32_t i = 0; i < instr->n_operands; i++)
            if (instr->argv[i].shape != VEC_CONST && instr->argv[i].validity)
                bitmap_and(col->vec.validity, col->vec.validity, instr->argv[i].validity, m);
    }
    if (!(fn->flags & FN_STRICT)) col->n = 0; /* such a kernel may append its rows */
    status = is_const ? call_const(fn, env, instr->argv, n, col)
                      : fn->kernel(fn, env, instr->argv, m, col);
    col->n = m;
    if (unlikely(status != LAMINAR_OK)) return call_failed(instr->expr, env, status);
    out->vec = col->vec;
    out->vec.shape = is_const ? VEC_CONST : VEC_FLAT;
    return LAMINAR_OK;
}

/* The operand's value for the block's rows sel[0..n) (NULL = all): *is_compact tells whether row i of it is row i of sel, or row sel[i]. */
static laminar_status operand_value(struct program *program, struct block *block,
                                    const struct operand *operand, const uint32_t *sel, size_t n,
                                    struct eval_env *env, struct vector *out, bool *is_compact)
{
    *is_compact = operand->block != NULL;
    if (!operand->block) {
        *out = block->regs.items[operand->reg].vec;
        return LAMINAR_OK;
    }
    laminar_status status = program_run_block(program, operand->block, NULL, sel, n, env);
    if (!status) *out = operand->block->regs.items[operand->block->results[0]].vec;
    return status;
}

/* AND, OR: column of the result starts as the first operand; operands with blocks see the rows that are still undecided. */
static laminar_status run_logic(struct program *program, struct block *block, struct instr *instr,
                                size_t n, struct eval_env *env)
{
    bool is_or = instr->expr->kind == EXPR_OR, is_const = !instr->has_blocks;
    for (uint32_t i = 0; i < instr->n_operands && is_const; i++)
        is_const = block->regs.items[instr->operands[i].reg].vec.shape == VEC_CONST;
    size_t m = is_const ? 1 : n;
    struct column *col;
    laminar_status status = open_column(block, instr->out, 0, &col, env->err);
    if (!status)
        status = column_append(col, &block->regs.items[instr->operands[0].reg].vec, 0, m,
                               STRINGS_BORROW, env->err);
    for (uint32_t i = 1; i < instr->n_operands && !status; i++) {
        const struct operand *operand = &instr->operands[i];
        if (!operand->block) {
            status = combine_logic(col, &block->regs.items[operand->reg].vec, m, is_or, env->err);
            continue;
        }
        size_t n_rest = 0;
        const uint8_t *data = col->vec.data;
        for (size_t r = 0; r < m; r++) {
            instr->sel_rest[n_rest] = (uint32_t)r;
            n_rest += !vector_is_valid(&col->vec, r) || data[r] == !is_or;
        }
        if (n_rest == 0) break;
        struct vector value;
        bool is_compact;
        if ((status = operand_value(program, block, operand, instr->sel_rest, n_rest, env, &value,
                                    &is_compact)))
            break;
        uint8_t *out = col->vec.data;
        for (size_t r = 0; r < n_rest && !status; r++) { /* a row here is null or neutral */
            size_t row = instr->sel_rest[r];
            bool is_valid = vector_is_valid(&value, r);
            bool b = is_valid && ((const uint8_t *)value.data)[value.shape == VEC_CONST ? 0 : r];
            if (is_valid && b == is_or) { /* decides */
                out[row] = is_or;
                if (col->vec.validity) bitmap_set(col->vec.validity, row);
            } else if (!is_valid) {
                status = column_set_null(col, row, env->err);
            }
        }
    }
    if (status) return status;
    struct reg *out = &block->regs.items[instr->out];
    out->vec = col->vec;
    out->vec.shape = is_const ? VEC_CONST : VEC_FLAT;
    return LAMINAR_OK;
}

/* CASE and COALESCE whose parts see all rows: first which part a row takes, then one pass that copies. */
static laminar_status run_choice(struct block *block, struct instr *instr, size_t n,
                                 struct eval_env *env)
{
    bool is_case = instr->expr->kind == EXPR_CASE, is_const = true;
    uint32_t n_values = 0;
    for (uint32_t i = 0; i < instr->n_operands; i++) {
        const struct vector *v = &block->regs.items[instr->operands[i].reg].vec;
        is_const &= v->shape == VEC_CONST;
        if (!is_case || i % 2 == 1 || i + 1 == instr->n_operands) instr->argv[n_values++] = *v;
    }
    size_t m = is_const ? 1 : n;
    uint8_t *choice = instr->choice;
    memset(choice, (int)n_values - is_case, m); /* CASE: else; COALESCE: one beyond = null */
    uint32_t n_tests = is_case ? n_values - 1 : n_values;
    for (uint32_t k = n_tests; k-- > 0;) { /* the first that holds wins: written last */
        if (is_case) {
            const struct vector *when = &block->regs.items[instr->operands[2 * k].reg].vec;
            const uint8_t *data = when->data;
            size_t stride = when->shape == VEC_CONST ? 0 : 1;
            if (when->type.id == LAMINAR_TYPE_NULL) continue;
            if (!when->validity)
                for (size_t i = 0; i < m; i++)
                    choice[i] = data[i * stride] ? (uint8_t)k : choice[i];
            else
                for (size_t i = 0; i < m; i++)
                    choice[i] = data[i * stride] && vector_is_valid(when, i) ? (uint8_t)k
                                                                             : choice[i];
        } else if (!instr->argv[k].validity && instr->argv[k].type.id != LAMINAR_TYPE_NULL) {
            memset(choice, (int)k, m);
        } else {
            for (size_t i = 0; i < m; i++)
                choice[i] = vector_is_valid(&instr->argv[k], i) ? (uint8_t)k : choice[i];
        }
    }
    struct column *col;
    laminar_status status = open_column(block, instr->out,
                                        type_is_nested(instr->expr->type) ? 0 : m, &col, env->err);
    if (!status) status = blend(instr->argv, n_values, choice, m, col, env->err);
    if (status) return status;
    struct reg *out = &block->regs.items[instr->out];
    out->vec = col->vec;
    out->vec.shape = is_const ? VEC_CONST : VEC_FLAT;
    return LAMINAR_OK;
}

/* Splits rest into the rows where the test holds (to taken) and the others (kept in rest, in order). */
static size_t split_rows(const struct vector *test, bool is_compact, bool by_validity,
                         uint32_t *rest, size_t *n_rest, uint32_t *taken)
{
    size_t n_taken = 0, n_left = 0;
    const uint8_t *data = test->data;
    for (size_t r = 0; r < *n_rest; r++) {
        uint32_t row = rest[r];
        size_t i = test->shape == VEC_CONST ? 0 : is_compact ? r : row;
        bool holds = vector_is_valid(test, i) && (by_validity || data[i]);
        if (holds)
            taken[n_taken++] = row;
        else
            rest[n_left++] = row;
    }
    *n_rest = n_left;
    return n_taken;
}

/* CASE and COALESCE with nested blocks: row sets shrink from part to part. Values are written where they belong. */
static laminar_status run_selective(struct program *program, struct block *block,
                                    struct instr *instr, size_t n, struct eval_env *env)
{
    bool is_case = instr->expr->kind == EXPR_CASE, is_compact;
    struct column *col;
    if (type_is_nested(instr->expr->type))
        return error_set(env->err, LAMINAR_QUERY_UNSUPPORTED,
                         "CASE or COALESCE of lists or structs with a part that can fail");
    laminar_status status = open_column(block, instr->out, n, &col, env->err);
    if (status) return status;
    uint32_t *rest = instr->sel_rest, *taken = instr->sel_taken;
    size_t n_rest = n, n_taken;
    for (size_t i = 0; i < n; i++) rest[i] = (uint32_t)i;
    struct vector value;
    for (uint32_t i = 0; i < instr->n_operands && n_rest && !status; i++) {
        const struct operand *operand = &instr->operands[i];
        if ((status = operand_value(program, block, operand, rest, n_rest, env, &value,
                                    &is_compact)))
            break;
        if (is_case && i + 1 == instr->n_operands) {
            status = scatter(&value, is_compact ? NULL : rest, rest, n_rest, col, env->err);
            n_rest = 0;
        } else if (is_case) {
            n_taken = split_rows(&value, is_compact, false, rest, &n_rest, taken);
            if (n_taken)
                status = operand_value(program, block, &instr->operands[++i], taken, n_taken, env,
                                       &value, &is_compact);
            else
                i++;
            if (n_taken && !status)
                status = scatter(&value, is_compact ? NULL : taken, taken, n_taken, col, env->err);
        } else { /* write all, nulls too, and go on with those */
            status = scatter(&value, is_compact ? NULL : rest, rest, n_rest, col, env->err);
            if (!status) split_rows(&value, is_compact, true, rest, &n_rest, taken);
        }
    }
    block->regs.items[instr->out].vec = col->vec;
    return status;
}

static laminar_status run_in(struct block *block, struct instr *instr, size_t n,
                             struct eval_env *env)
{
    const struct vector *v = &block->regs.items[instr->operands[0].reg].vec;
    bool is_const = v->shape == VEC_CONST;
    size_t m = is_const ? 1 : n;
    struct column *col;
    laminar_status status = open_column(block, instr->out, m, &col, env->err);
    if (!status)
        status = in_set_run(instr->in_set, v, m, instr->expr->is_negated, block->hashes, col,
                            env->err);
    if (status) return status;
    struct reg *out = &block->regs.items[instr->out];
    out->vec = col->vec;
    out->vec.shape = is_const ? VEC_CONST : VEC_FLAT;
    return LAMINAR_OK;
}

static laminar_status run_instr(struct program *program, struct block *block, struct instr *instr,
                                size_t n, struct eval_env *env)
{
    switch (instr->expr->kind) {
    case EXPR_CALL: return run_call(block, instr, n, env);
    case EXPR_AND:
    case EXPR_OR: return run_logic(program, block, instr, n, env);
    case EXPR_CASE:
    case EXPR_COALESCE:
        return instr->has_blocks ? run_selective(program, block, instr, n, env)
                                 : run_choice(block, instr, n, env);
    case EXPR_IN_LIST: return run_in(block, instr, n, env);
    case EXPR_COLUMN:
    case EXPR_CONST:
    case EXPR_SUBQUERY:
    case EXPR_OUTER: break;
    }
    return error_internal(env->err, __FILE__, __LINE__, "unknown instruction");
}

/* --- Blocks ------------------------------------------------------------------------------------------------------------------------------- */

/* Runs a block for rows sel[0..n) of the chunk or the parent block, or for all of them in place (sel = NULL). */
laminar_status program_run_block(struct program *program, struct block *block,
                                 const struct chunk *input, const uint32_t *sel, size_t n,
                                 struct eval_env *env)
{
    laminar_status status = LAMINAR_OK;
    const uint32_t *outer_map = env->row_map;
    for (size_t i = 0; i < block->regs.n; i++) {
        struct reg *reg = &block->regs.items[i];
        if (!reg->is_import) continue;
        const struct vector *from = block->parent ? &block->parent->regs.items[reg->source].vec
                                                  : &input->cols[reg->source];
        if (!sel || from->shape == VEC_CONST) {
            reg->vec = *from;
            continue;
        }
        struct column *col = &block->columns.items[reg->column];
        column_clear(col);
        TRY(column_append_sel(col, from, sel, n, STRINGS_BORROW, env->err));
        reg->vec = col->vec;
    }
    if (sel) {
        for (size_t i = 0; i < n; i++) block->map[i] = outer_map ? outer_map[sel[i]] : sel[i];
        env->row_map = block->map;
    }
    for (size_t i = 0; i < block->instrs.n; i++) {
        struct instr *instr = &block->instrs.items[i];
        if (!instr->is_folded) TRY(run_instr(program, block, instr, n, env));
    }
done:
    env->row_map = outer_map;
    return status;
}

/* Constant subexpressions, once. One that fails is left to fail, or not, where rows ask for it. */
laminar_status program_fold(struct program *program, struct eval_env *env)
{
    struct laminar_error ignored = LAMINAR_ERROR_INIT;
    struct eval_env fold_env = {.err = &ignored,
                                .mode = ROW_ERROR_FAIL,
                                .now_us = env->now_us,
                                .zone = env->zone,
                                .scratch = env->scratch};
    program->is_folded = true;
    for (size_t b = 0; b < program->blocks.n; b++) {
        struct block *block = program->blocks.items[b];
        for (size_t i = 0; i < block->instrs.n; i++) {
            struct instr *instr = &block->instrs.items[i];
            if (!instr->is_foldable) continue;
            bool is_ready = true; /* all operands have values */
            for (uint32_t k = 0; k < instr->n_operands; k++)
                is_ready &= block->regs.items[instr->operands[k].reg].is_const;
            laminar_status status = is_ready ? run_instr(program, block, instr, 1, &fold_env)
                                             : LAMINAR_QUERY_FAILED;
            if (status == LAMINAR_OUT_OF_MEMORY) {
                program->is_folded = false;
                return error_oom(env->err);
            }
            instr->is_folded = status == LAMINAR_OK;
            block->regs.items[instr->out].is_const = instr->is_folded;
            block->regs.items[instr->out].vec.shape = VEC_CONST;
        }
    }
    return LAMINAR_OK;
}

static laminar_status begin(struct program *program, struct eval_env *env)
{
    if (!env->scratch) env->scratch = &program->scratch;
    if (env->scratch->used_bytes) arena_reset(env->scratch);
    return likely(program->is_folded) ? LAMINAR_OK : program_fold(program, env);
}

/* --- Public ---------------------------------------------------------------------------------------------------------------------------------- */

laminar_status program_run(struct program *program, const struct chunk *input, struct eval_env *env,
                           struct vector *out)
{
    laminar_status status = begin(program, env);
    if (!status)
        status = program_run_block(program, program->root, input, NULL, input->n_rows, env);
    if (status) return status;
    for (uint32_t i = 0; i < program->n_exprs; i++)
        out[i] = program->root->regs.items[program->root->results[i]].vec;
    return LAMINAR_OK;
}

/* Keeps of sel[0..n) the rows where v is true. is_compact: row i of v belongs to sel[i]. */
static size_t refine(const struct vector *v, bool is_compact, uint32_t *sel, size_t n)
{
    if (v->type.id == LAMINAR_TYPE_NULL) return 0;
    if (v->shape == VEC_CONST) return vector_is_valid(v, 0) && *(const uint8_t *)v->data ? n : 0;
    const uint8_t *data = v->data;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t row = sel[i];
        size_t at = is_compact ? i : row;
        sel[kept] = row;
        kept += data[at] && (!v->validity || bitmap_get(v->validity, at));
    }
    return kept;
}

/* NOTE: after a filter block with several results has dropped rows by the first, the others are still in the block's row order, so `refine` of
 * a gathered block goes over a copy of the selection: all results are combined before the selection changes. */
static size_t refine_all(const struct block *block, bool is_compact, uint32_t *sel, size_t n)
{
    if (!is_compact || block->n_results == 1) {
        for (uint32_t i = 0; i < block->n_results && n; i++)
            n = refine(&block->regs.items[block->results[i]].vec, is_compact, sel, n);
        return n;
    }
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool is_true = true;
        for (uint32_t k = 0; k < block->n_results && is_true; k++) {
            const struct vector *v = &block->regs.items[block->results[k]].vec;
            is_true = vector_is_valid(v, i) &&
                      ((const uint8_t *)v->data)[v->shape == VEC_CONST ? 0 : i];
        }
        uint32_t row = sel[i];
        sel[kept] = row;
        kept += is_true;
    }
    return kept;
}

laminar_status program_select(struct program *program, const struct chunk *input,
                              struct eval_env *env, uint32_t *sel, size_t *n_sel)
{
    laminar_status status = begin(program, env);
    if (status) return status;
    size_t n = input->n_rows;
    bool is_all = true; /* sel not written yet: it stands for all rows */
    for (size_t i = 0; i < program->compares.n && n; i++) {
        const struct fast_compare *compare = &program->compares.items[i];
        n = select_compare(compare, &input->cols[compare->column], n, is_all ? NULL : sel, sel);
        is_all = false;
    }
    for (size_t i = 0; i < program->filters.n && n; i++) {
        struct block *block = program->filters.items[i];
        /* Few rows left, or a part that must not see the others: gather; else run over all in place. */
        bool is_compact = !is_all && (block->is_fallible || n * 4 < input->n_rows);
        if ((status = program_run_block(program, block, input, is_compact ? sel : NULL,
                                        is_compact ? n : input->n_rows, env)))
            return status;
        if (is_all)
            for (size_t r = 0; r < n; r++) sel[r] = (uint32_t)r;
        is_all = false;
        n = refine_all(block, is_compact, sel, n);
    }
    if (is_all)
        for (size_t r = 0; r < n; r++) sel[r] = (uint32_t)r;
    *n_sel = n;
    return LAMINAR_OK;
}

laminar_status program_evaluate_const(void *unused_ctx, const struct expr *e, struct arena *arena,
                                      struct vector *out, struct laminar_error *err)
{
    (void)unused_ctx;
    struct program *program;
    struct expr *copy = (struct expr *)(uintptr_t)e;
    laminar_status status = program_create(&copy, 1, &program, err);
    if (status) return status;
    struct eval_env env = {
        .err = err, .mode = ROW_ERROR_FAIL, .now_us = clock_wall_us(), .zone = "UTC"};
    struct chunk one = {.n_rows = 1};
    struct vector v;
    status = program_run(program, &one, &env, &v);
    struct expr *value = status ? NULL : expr_const(arena, &v, 0);
    if (!status && !value) status = error_oom(err);
    if (!status) *out = value->value;
    program_free(program);
    return status;
}
