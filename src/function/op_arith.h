/* op_arith.h - what the arithmetic operators' files ask of each other. */
#ifndef FUNCTION_OP_ARITH_H
#define FUNCTION_OP_ARITH_H

#include "function/family.h"

enum arith_op { ARITH_ADD, ARITH_SUBTRACT, ARITH_MULTIPLY, ARITH_DIVIDE, ARITH_MODULO };

/* Two decimals (integers count as such): sets argument types, result and kernel. */
laminar_status bind_decimal_arith(struct function_binding *binding, enum arith_op op);
laminar_status bind_decimal_negate(struct function_binding *binding);
/* Dates, times, timestamps, intervals. */
laminar_status bind_temporal_arith(struct function_binding *binding, enum arith_op op);
laminar_status bind_interval_negate(struct function_binding *binding);

/* Fills the error or marks the row: "BIGINT out of range: 1 + 2". */
bool overflow_fail_i64(struct eval_env *env, struct column *out, size_t row, int64_t a,
                       const char *op, int64_t b);
bool overflow_fail_u64(struct eval_env *env, struct column *out, size_t row, uint64_t a,
                       const char *op, uint64_t b);
bool zero_fail(struct eval_env *env, struct column *out, size_t row);

#endif
