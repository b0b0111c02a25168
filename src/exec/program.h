/* program.h - expressions compiled to flat programs over vector registers, run a chunk at a time.
 *
 * A program belongs to one operator (it holds scratch registers), so one thread at a time. No heap allocation after the first chunk of a given
 * size. Constant subtrees are evaluated once. Branches of CASE, COALESCE, AND, OR that are fallible see only the rows that need them. */
#ifndef EXEC_PROGRAM_H
#define EXEC_PROGRAM_H

#include "plan/plan.h"

struct program;
/* Compiles n expressions over one input; common subexpressions are computed once. The expressions (their plan's arena) outlive the program. */
laminar_status program_create(struct expr *const *exprs, uint32_t n_exprs, struct program **out,
                              struct laminar_error *err) must_check;
void program_free(struct program *program);
/* out[i] = value of expression i for the chunk's rows: views into the chunk's columns or the program's registers, valid until the next run.
 * In ROW_ERROR_SKIP mode env->bad_rows says which rows to leave out. */
laminar_status program_run(struct program *program, const struct chunk *input, struct eval_env *env,
                           struct vector *out) must_check;
/* The rows where expression 0 (BOOL) is true, into sel (CHUNK_ROWS); comparisons and ANDs of them are fused. */
laminar_status program_select(struct program *program, const struct chunk *input,
                              struct eval_env *env, uint32_t *sel, size_t *n_sel) must_check;
/* One constant expression (plan_context.evaluate): the result's bytes are copied into the arena. */
laminar_status program_evaluate_const(void *unused_ctx, const struct expr *e, struct arena *arena,
                                      struct vector *out, struct laminar_error *err) must_check;
#endif
