/* op_rows.h - what operators that evaluate expressions row by row share: the evaluation environment of a step, and leaving bad rows out. */
#ifndef EXEC_OP_ROWS_H
#define EXEC_OP_ROWS_H

#include "exec/op.h"

/* Rows for which an expression failed, in ROW_ERROR_SKIP mode. */
struct bad_rows {
    uint8_t bits[CHUNK_ROWS / 8];
};
static inline struct eval_env rows_begin(const struct step *step, struct bad_rows *bad)
{
    struct eval_env env = step_eval_env(step);
    if (step->error_mode == ROW_ERROR_SKIP) {
        memset(bad->bits, 0, sizeof bad->bits);
        env.bad_rows = bad->bits;
    }
    return env;
}
/* Takes the bad rows out of sel[0..n); returns how many stay. */
static inline size_t rows_drop_bad(const struct eval_env *env, uint32_t *sel, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t row = sel[i];
        sel[kept] = row;
        kept += !bitmap_get(env->bad_rows, row);
    }
    return kept;
}
/* The rows of 0..n that are not bad. */
static inline size_t rows_good(const struct eval_env *env, size_t n, uint32_t *sel)
{
    for (size_t i = 0; i < n; i++) sel[i] = (uint32_t)i;
    return rows_drop_bad(env, sel, n);
}

/* Columns of a plan node, for gathering into. */
laminar_status columns_create(const struct plan_column *cols, uint32_t n_cols, struct column **out,
                              struct laminar_error *err) must_check;
void columns_free(struct column *cols, uint32_t n_cols);

#endif
