/* program_compile.c - expressions to blocks of instructions: common subexpressions, nested blocks where branches are fallible, sharing of columns.
 *
 * A subexpression that was computed before in the same block, or in one around it, is not computed again; what is computed inside a branch is
 * unknown outside, as it has values for some rows only. Volatile calls are never shared. */
#include "base/error.h"
#include "base/hash.h"
#include "exec/program_internal.h"

struct compiler {
    struct program *program;
    struct laminar_error *err;
};

static bool is_fallible(const struct expr *e)
{
    if (e->kind == EXPR_CALL && e->fn->flags & FN_FALLIBLE) return true;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (is_fallible(e->args[i])) return true;
    return false;
}

static bool is_volatile(const struct expr *e)
{
    if (e->kind == EXPR_CALL && e->fn->flags & FN_VOLATILE) return true;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (is_volatile(e->args[i])) return true;
    return false;
}

static uint64_t expr_hash(const struct expr *e)
{
    uint64_t hash = hash_combine((uint64_t)e->kind << 8 | e->type.id, e->column);
    if (e->kind == EXPR_CALL) hash = hash_combine(hash, (uint64_t)(uintptr_t)e->fn->kernel);
    if (e->kind == EXPR_CONST) {
        uint64_t value;
        struct vector v = e->value;
        v.shape = VEC_CONST;
        kernel_hash(&v, 1, 1, &value);
        hash = hash_combine(hash, value);
    }
    for (uint32_t i = 0; i < e->n_args; i++) hash = hash_combine(hash, expr_hash(e->args[i]));
    return hash;
}

/* The same value in every row. A binding follows from name, argument types and constants, so `data` needn't be compared. */
static bool is_same(const struct expr *a, const struct expr *b)
{
    if (a == b) return true;
    if (a->kind != b->kind || a->n_args != b->n_args || !type_equal(a->type, b->type)) return false;
    if (a->kind == EXPR_COLUMN && a->column != b->column) return false;
    if (a->kind == EXPR_IN_LIST && a->is_negated != b->is_negated) return false;
    if (a->kind == EXPR_CALL &&
        (a->fn->kernel != b->fn->kernel || a->fn->function != b->fn->function ||
         strcmp(a->fn->name, b->fn->name) != 0))
        return false;
    if (a->kind == EXPR_CONST && !expr_const_identical(a, b)) return false;
    for (uint32_t i = 0; i < a->n_args; i++)
        if (!is_same(a->args[i], b->args[i])) return false;
    return true;
}

/* NULL when memory is out. The program's list of blocks owns what it holds on the heap. */
static struct block *block_create(struct compiler *c, struct block *parent, uint32_t n_results)
{
    struct arena *arena = &c->program->arena;
    struct block *block = ARENA_NEW(arena, struct block);
    if (!block) return NULL;
    block->parent = parent;
    block->map = arena_alloc(arena, CHUNK_ROWS * sizeof(uint32_t));
    block->results = ARENA_ARRAY(arena, uint32_t, n_results + 1);
    return block->map && block->results && ARRAY_PUSH(&c->program->blocks, block) ? block : NULL;
}

static laminar_status add_reg(struct compiler *c, struct block *block, const struct expr *e,
                              struct reg reg, uint32_t *out)
{
    reg.expr = e;
    reg.expr_hash = expr_hash(e);
    if (!ARRAY_PUSH(&block->regs, reg)) return error_oom(c->err);
    *out = (uint32_t)block->regs.n - 1;
    return LAMINAR_OK;
}

static bool find_reg(const struct block *block, const struct expr *e, uint64_t hash, uint32_t *out)
{
    for (size_t i = 0; i < block->regs.n; i++) {
        if (block->regs.items[i].expr_hash != hash || !is_same(block->regs.items[i].expr, e))
            continue;
        *out = (uint32_t)i;
        return true;
    }
    return false;
}

static laminar_status compile(struct compiler *c, struct block *block, const struct expr *e,
                              uint32_t *out);

/* e is computed in a block around this one: imports it. False when it is not. */
static bool find_outside(const struct block *block, const struct expr *e, uint64_t hash)
{
    uint32_t reg;
    for (const struct block *b = block->parent; b; b = b->parent)
        if (find_reg(b, e, hash, &reg)) return true;
    return false;
}

static laminar_status import(struct compiler *c, struct block *block, const struct expr *e,
                             uint32_t *out)
{
    uint32_t source = e->column;
    if (block->parent) {
        laminar_status status = compile(c, block->parent, e, &source);
        if (status) return status;
    }
    return add_reg(c, block, e,
                   (struct reg){.is_import = true, .source = source, .column = NO_COLUMN}, out);
}

/* An operand in the same block, or, if it must not see all rows, in a block of its own. */
static laminar_status compile_operand(struct compiler *c, struct block *block, const struct expr *e,
                                      bool is_own_block, struct operand *out)
{
    if (!is_own_block) return compile(c, block, e, &out->reg);
    struct block *nested = block_create(c, block, 1);
    if (!nested) return error_oom(c->err);
    nested->n_results = 1;
    out->block = nested;
    return compile(c, nested, e, nested->results);
}

/* Does operand i of e see all rows in any case? */
static bool is_unconditional(const struct expr *e, uint32_t i)
{
    return i == 0 || !(e->kind == EXPR_AND || e->kind == EXPR_OR || e->kind == EXPR_CASE ||
                       e->kind == EXPR_COALESCE);
}

static laminar_status fill_instr(struct compiler *c, struct block *block, const struct expr *e,
                                 struct instr *instr)
{
    struct arena *arena = &c->program->arena;
    uint32_t n = e->kind == EXPR_IN_LIST ? 1 : e->n_args;
    instr->expr = e;
    instr->n_operands = n;
    instr->operands = ARENA_ARRAY(arena, struct operand, n + 1);
    instr->argv = ARENA_ARRAY(arena, struct vector, n + 1);
    if (!instr->operands || !instr->argv) return error_oom(c->err);
    /* A CASE with a fallible part keeps all branches apart: cheaper than telling which could be spared. */
    bool is_selective = false;
    for (uint32_t i = 1; i < n; i++)
        is_selective |= !is_unconditional(e, i) && is_fallible(e->args[i]);
    bool is_foldable = e->kind != EXPR_CALL || !(e->fn->flags & (FN_VOLATILE | FN_STEP_STABLE));
    for (uint32_t i = 0; i < n; i++) {
        bool is_own_block = is_selective && !is_unconditional(e, i) &&
                            e->args[i]->kind != EXPR_CONST &&
                            (e->kind == EXPR_CASE || is_fallible(e->args[i]));
        laminar_status status = compile_operand(c, block, e->args[i], is_own_block,
                                                &instr->operands[i]);
        if (status) return status;
        instr->has_blocks |= is_own_block;
        if (is_own_block || !block->regs.items[instr->operands[i].reg].is_const)
            is_foldable = false;
    }
    instr->is_foldable = is_foldable && n > 0;
    if (instr->has_blocks) {
        instr->sel_rest = arena_alloc(arena, CHUNK_ROWS * sizeof(uint32_t));
        instr->sel_taken = arena_alloc(arena, CHUNK_ROWS * sizeof(uint32_t));
        if (!instr->sel_rest || !instr->sel_taken) return error_oom(c->err);
    } else if (e->kind == EXPR_CASE || e->kind == EXPR_COALESCE) {
        if (n > 250)
            return error_set(c->err, LAMINAR_QUERY_UNSUPPORTED,
                             "CASE or COALESCE with %u parts; at most 250", (unsigned)n);
        if (!(instr->choice = arena_alloc(arena, CHUNK_ROWS))) return error_oom(c->err);
    }
    if (e->kind == EXPR_IN_LIST) {
        if (!block->hashes && !(block->hashes = arena_alloc(arena, CHUNK_ROWS * sizeof(uint64_t))))
            return error_oom(c->err);
        return in_set_create(arena, e, &instr->in_set, c->err);
    }
    return LAMINAR_OK;
}

static laminar_status compile(struct compiler *c, struct block *block, const struct expr *e,
                              uint32_t *out)
{
    uint64_t hash = expr_hash(e);
    bool can_share = !is_volatile(e);
    if (can_share && find_reg(block, e, hash, out)) return LAMINAR_OK;
    if (e->kind == EXPR_CONST) {
        struct vector v = e->value;
        v.shape = VEC_CONST;
        return add_reg(c, block, e, (struct reg){.is_const = true, .vec = v, .column = NO_COLUMN},
                       out);
    }
    if (e->kind == EXPR_COLUMN || (can_share && find_outside(block, e, hash)))
        return import(c, block, e, out);
    if (e->kind == EXPR_SUBQUERY || e->kind == EXPR_OUTER)
        return error_internal(c->err, __FILE__, __LINE__, "a finished plan has no subqueries");
    struct instr instr = {0};
    laminar_status status = fill_instr(c, block, e, &instr);
    if (!status)
        status = add_reg(c, block, e,
                         (struct reg){.is_const = instr.is_foldable, .column = NO_COLUMN},
                         &instr.out);
    if (!status && !ARRAY_PUSH(&block->instrs, instr)) status = error_oom(c->err);
    if (status) {
        if (instr.in_set) in_set_deinit(instr.in_set);
        return status;
    }
    *out = instr.out;
    return LAMINAR_OK;
}

/* --- Columns -------------------------------------------------------------------------------------------------------------------------------- */

/* NOTE: results of string functions may borrow the bytes of their arguments, so columns of strings are never shared. */
static bool is_shareable(struct data_type type)
{
    return !type_is_nested(type) && type_phys(type) != PHYS_STRING && type_phys(type) != PHYS_NULL;
}

static void note_use(size_t *last_use, uint32_t reg, size_t at)
{
    if (last_use[reg] < at || last_use[reg] == 0) last_use[reg] = at;
}

/* Linear scan: a column is free again after the instruction that reads its register last. */
static laminar_status assign_columns(struct compiler *c, struct block *block)
{
    size_t n_regs = block->regs.n;
    size_t *last_use = mem_calloc(n_regs + 1, sizeof *last_use);
    uint32_t *free_columns = mem_calloc(n_regs + 1, sizeof *free_columns);
    laminar_status status = last_use && free_columns ? LAMINAR_OK : error_oom(c->err);
    size_t n_free = 0;
    for (size_t i = 0; i < block->instrs.n && !status; i++) {
        const struct instr *instr = &block->instrs.items[i];
        for (uint32_t k = 0; k < instr->n_operands; k++) {
            const struct block *nested = instr->operands[k].block;
            if (!nested) note_use(last_use, instr->operands[k].reg, i + 1);
            for (size_t r = 0; nested && r < nested->regs.n; r++)
                if (nested->regs.items[r].is_import)
                    note_use(last_use, nested->regs.items[r].source, i + 1);
        }
    }
    for (uint32_t i = 0; i < block->n_results && !status; i++)
        last_use[block->results[i]] = SIZE_MAX;
    for (size_t i = 0; i < n_regs && !status; i++) { /* gathered imports: a column each */
        struct reg *reg = &block->regs.items[i];
        if (!reg->is_import) continue;
        struct column col;
        status = column_init(&col, reg->expr->type, c->err);
        if (!status && !ARRAY_PUSH(&block->columns, col)) {
            column_deinit(&col);
            status = error_oom(c->err);
        }
        reg->column = (int32_t)block->columns.n - 1;
    }
    for (size_t i = 0; i < block->instrs.n && !status; i++) {
        const struct instr *instr = &block->instrs.items[i];
        struct reg *out = &block->regs.items[instr->out];
        bool can_share = is_shareable(out->expr->type) && !instr->is_foldable;
        size_t width = type_width(out->expr->type);
        for (size_t f = 0; f < n_free && can_share && out->column == NO_COLUMN; f++) {
            if (type_width(block->columns.items[free_columns[f]].vec.type) != width) continue;
            out->column = (int32_t)free_columns[f];
            free_columns[f] = free_columns[--n_free];
        }
        if (out->column == NO_COLUMN) {
            struct column col;
            if ((status = column_init(&col, out->expr->type, c->err))) break;
            if (!ARRAY_PUSH(&block->columns, col)) {
                column_deinit(&col);
                status = error_oom(c->err);
                break;
            }
            out->column = (int32_t)block->columns.n - 1;
        }
        for (uint32_t k = 0; k < instr->n_operands; k++) {
            if (instr->operands[k].block) continue;
            uint32_t r = instr->operands[k].reg;
            const struct reg *reg = &block->regs.items[r];
            if (last_use[r] != i + 1 || reg->is_import || reg->is_const ||
                !is_shareable(reg->expr->type))
                continue;
            free_columns[n_free++] = (uint32_t)reg->column;
            last_use[r] = SIZE_MAX; /* an operand may stand twice */
        }
    }
    mem_free(last_use);
    mem_free(free_columns);
    return status;
}

static laminar_status compile_root(struct compiler *c, struct expr *const *exprs, uint32_t n,
                                   struct block **out)
{
    struct block *block = block_create(c, NULL, n);
    if (!block) return error_oom(c->err);
    laminar_status status = LAMINAR_OK;
    for (uint32_t i = 0; i < n && !status; i++) {
        status = compile(c, block, exprs[i], &block->results[i]);
        if (!status) block->n_results++;
    }
    *out = block;
    return status;
}

/* --- Filters --------------------------------------------------------------------------------------------------------------------------------- */

static bool comparison_of(const struct expr *e, enum compare_op *out)
{
    static const char *const names[] = {"=", "<>", "<", "<=", ">", ">="};
    if (e->kind != EXPR_CALL || e->n_args != 2 || !e->fn->name) return false;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        if (strcmp(e->fn->name, names[i]) != 0) continue;
        *out = (enum compare_op)i;
        return true;
    }
    return false;
}

static bool is_nan_const(const struct expr *e)
{
    if (e->type.id == LAMINAR_TYPE_DOUBLE)
        return *(const double *)e->value.data != *(const double *)e->value.data;
    if (e->type.id == LAMINAR_TYPE_FLOAT)
        return *(const float *)e->value.data != *(const float *)e->value.data;
    return false;
}

/* column <op> constant, either way round, of a type that select_compare has loops for. */
static bool fast_compare_of(const struct expr *e, struct fast_compare *out)
{
    static const enum compare_op mirrored[] = {COMPARE_EQ, COMPARE_NE, COMPARE_GT,
                                               COMPARE_GE, COMPARE_LT, COMPARE_LE};
    enum compare_op op;
    if (!comparison_of(e, &op) || !type_equal(e->args[0]->type, e->args[1]->type)) return false;
    const struct expr *column = e->args[0], *value = e->args[1];
    if (column->kind == EXPR_CONST && value->kind == EXPR_COLUMN) {
        column = e->args[1], value = e->args[0];
        op = mirrored[op];
    }
    if (column->kind != EXPR_COLUMN || value->kind != EXPR_CONST || type_is_nested(column->type))
        return false;
    if (!vector_is_valid(&value->value, 0) || is_nan_const(value)) return false;
    enum phys_type phys = type_phys(column->type);
    bool is_number = (phys >= PHYS_I8 && phys <= PHYS_F64);
    bool is_text = phys == PHYS_STRING && (op == COMPARE_EQ || op == COMPARE_NE);
    if (!is_number && !is_text) return false;
    *out = (struct fast_compare){
        .column = column->column, .op = op, .phys = phys, .value = value->value.data};
    return true;
}

static laminar_status collect(struct compiler *c, struct expr *e, struct expr **plain,
                              uint32_t *n_plain, struct expr **fallible, uint32_t *n_fallible)
{
    struct fast_compare compare;
    if (e->kind == EXPR_AND) {
        laminar_status status = LAMINAR_OK;
        for (uint32_t i = 0; i < e->n_args && !status; i++)
            status = collect(c, e->args[i], plain, n_plain, fallible, n_fallible);
        return status;
    }
    if (fast_compare_of(e, &compare))
        return ARRAY_PUSH(&c->program->compares, compare) ? LAMINAR_OK : error_oom(c->err);
    if (is_fallible(e))
        fallible[(*n_fallible)++] = e;
    else
        plain[(*n_plain)++] = e;
    return LAMINAR_OK;
}

static uint32_t count_conjuncts(const struct expr *e)
{
    if (e->kind != EXPR_AND) return 1;
    uint32_t n = 0;
    for (uint32_t i = 0; i < e->n_args; i++) n += count_conjuncts(e->args[i]);
    return n;
}

/* Comparisons come first, then the parts that can't fail, together; a fallible part sees only the rows that are left. */
static laminar_status compile_select(struct compiler *c, struct expr *e)
{
    uint32_t n = count_conjuncts(e), n_plain = 0, n_fallible = 0;
    struct expr **plain = ARENA_ARRAY(&c->program->arena, struct expr *, n),
                **fallible = ARENA_ARRAY(&c->program->arena, struct expr *, n);
    if (!plain || !fallible) return error_oom(c->err);
    laminar_status status = collect(c, e, plain, &n_plain, fallible, &n_fallible);
    for (uint32_t i = 0; i < n_fallible + (n_plain > 0) && !status; i++) {
        struct block *block = NULL;
        bool is_plain = n_plain > 0 && i == 0;
        struct expr **first = is_plain ? plain : &fallible[i - (n_plain > 0)];
        status = compile_root(c, first, is_plain ? n_plain : 1, &block);
        if (!status && !ARRAY_PUSH(&c->program->filters, block)) status = error_oom(c->err);
        if (block) block->is_fallible = !is_plain;
    }
    return status;
}

laminar_status program_create(struct expr *const *exprs, uint32_t n_exprs, struct program **out,
                              struct laminar_error *err)
{
    struct program *program = mem_calloc(1, sizeof *program);
    if (!program) return error_oom(err);
    program->n_exprs = n_exprs;
    struct compiler c = {.program = program, .err = err};
    laminar_status status = compile_root(&c, exprs, n_exprs, &program->root);
    if (!status && n_exprs == 1 && exprs[0]->type.id == LAMINAR_TYPE_BOOL)
        status = compile_select(&c, exprs[0]);
    for (size_t i = 0; i < program->blocks.n && !status; i++)
        status = assign_columns(&c, program->blocks.items[i]);
    if (status) {
        program_free(program);
        return status;
    }
    *out = program;
    return LAMINAR_OK;
}

void program_free(struct program *program)
{
    if (!program) return;
    for (size_t b = 0; b < program->blocks.n; b++) {
        struct block *block = program->blocks.items[b];
        for (size_t i = 0; i < block->columns.n; i++) column_deinit(&block->columns.items[i]);
        for (size_t i = 0; i < block->instrs.n; i++)
            if (block->instrs.items[i].in_set) in_set_deinit(block->instrs.items[i].in_set);
        ARRAY_DEINIT(&block->columns);
        ARRAY_DEINIT(&block->instrs);
        ARRAY_DEINIT(&block->regs);
    }
    ARRAY_DEINIT(&program->blocks);
    ARRAY_DEINIT(&program->compares);
    ARRAY_DEINIT(&program->filters);
    arena_deinit(&program->arena);
    arena_deinit(&program->scratch);
    mem_free(program);
}
