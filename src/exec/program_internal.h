/* program_internal.h - what program_compile.c makes and program.c runs.
 *
 * A block is a list of instructions over registers, all for the same rows. The root block's rows are the chunk's. A branch that must see only some
 * rows (fallible parts of CASE, COALESCE, AND, OR) is a block of its own: its imports are gathered from the enclosing block by a selection,
 * its result is scattered back. A register is an import (a chunk's column, or a register of the enclosing block), a constant, or the result of an
 * instruction, which then owns a column; columns of fixed-width values are shared by registers that are never alive together. */
#ifndef EXEC_PROGRAM_INTERNAL_H
#define EXEC_PROGRAM_INTERNAL_H

#include "base/array.h"
#include "exec/program.h"

enum { NO_COLUMN = -1 };

struct reg {
    const struct expr *expr;
    uint64_t expr_hash;
    struct vector vec; /* value in this run; for constants always */
    bool is_const;     /* the same in every run */
    bool is_import;
    uint32_t source; /* import: chunk column, or register of the parent */
    int32_t column;  /* index into block->columns, or NO_COLUMN */
    _Alignas(16) uint8_t null_mem[16];
    uint8_t null_validity;
};

struct block;
/* A value that an instruction takes: a register of its own block, or the single result of a nested block. */
struct operand {
    uint32_t reg;
    struct block *block; /* NULL: reg */
};

struct in_set { /* constants of an IN list, nulls left out */
    struct column values;
    bool has_null;
    uint32_t *table; /* index + 1 into values; 0 = free */
    size_t mask;
};

struct instr {
    const struct expr *expr;
    uint32_t out;
    uint32_t n_operands;
    struct operand *operands;
    struct vector *argv; /* calls: room for the arguments */
    struct in_set *in_set;
    bool has_blocks; /* some operand is a nested block */
    /* all operands constant and the value the same for ever: computed in the first run */
    bool is_foldable;
    bool is_folded;
    uint32_t *sel_rest, *sel_taken; /* has_blocks: CHUNK_ROWS each */
    uint8_t *choice;                /* CASE, COALESCE without blocks: CHUNK_ROWS */
};

struct block {
    struct block *parent; /* NULL: imports are the chunk's columns */
    ARRAY_OF(struct reg) regs;
    ARRAY_OF(struct instr) instrs;
    ARRAY_OF(struct column) columns;
    uint32_t *results; /* registers */
    uint32_t n_results;
    bool is_fallible; /* filters: must see only the rows that are left */
    uint32_t *map;    /* row_map while it runs under a selection: CHUNK_ROWS */
    uint64_t *hashes; /* for IN sets: CHUNK_ROWS; NULL until needed */
};

enum compare_op { COMPARE_EQ, COMPARE_NE, COMPARE_LT, COMPARE_LE, COMPARE_GT, COMPARE_GE };
struct fast_compare { /* column <op> constant */
    uint32_t column;
    enum compare_op op;
    enum phys_type phys;
    const void *value;
};

struct program {
    struct block *root;
    uint32_t n_exprs;
    bool is_folded;                  /* constants were computed */
    ARRAY_OF(struct block *) blocks; /* all of them */
    /* program_select: present when there is one BOOL expression */
    ARRAY_OF(struct fast_compare) compares;
    ARRAY_OF(struct block *) filters; /* roots of their own; all results must be true */
    struct arena arena;               /* instructions, operands */
    struct arena scratch;             /* env->scratch where the caller gave none */
};

laminar_status program_run_block(struct program *program, struct block *block,
                                 const struct chunk *input, const uint32_t *sel, size_t n,
                                 struct eval_env *env) must_check;
laminar_status program_fold(struct program *program, struct eval_env *env) must_check;
/* n values chosen row by row: row i comes from operand choice[i] (a vector each; the choice n_from means null). */
laminar_status blend(const struct vector *from, uint32_t n_from, const uint8_t *choice, size_t n,
                     struct column *out, struct laminar_error *err) must_check;
/* out[to[i]] = v[from ? from[i] : i] for n rows; `out` is as long as the block's rows, its validity all set where nothing was written. */
laminar_status scatter(const struct vector *v, const uint32_t *from, const uint32_t *to, size_t n,
                       struct column *out, struct laminar_error *err) must_check;
/* a = a AND b, three-valued, over n rows (is_or: OR). b may be const. */
laminar_status combine_logic(struct column *a, const struct vector *b, size_t n, bool is_or,
                             struct laminar_error *err) must_check;
laminar_status in_set_create(struct arena *arena, const struct expr *e, struct in_set **out,
                             struct laminar_error *err) must_check;
void in_set_deinit(struct in_set *set);
laminar_status in_set_run(const struct in_set *set, const struct vector *v, size_t n,
                          bool is_negated, uint64_t *hashes, struct column *out,
                          struct laminar_error *err) must_check;
size_t select_compare(const struct fast_compare *compare, const struct vector *v, size_t n,
                      const uint32_t *in, uint32_t *out);

#endif
