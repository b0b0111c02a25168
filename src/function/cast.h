/* cast.h - what the cast families share. */
#ifndef FUNCTION_CAST_H
#define FUNCTION_CAST_H

#include "function/family.h"

/* bound_function.data of every cast. In the plan's arena. */
struct cast_data {
    struct data_type from;
    enum cast_kind kind;
    int128 factor;                 /* decimals: power of ten between the scales */
    struct bound_function **items; /* nested: casts of the children */
};

/* The kernel of a cast, NULL where the family has none. *is_fallible: rows can fail. */
scalar_kernel cast_number_kernel(struct data_type from, struct data_type to, bool *is_fallible);
scalar_kernel cast_decimal_kernel(struct data_type from, struct data_type to,
                                  struct cast_data *data, bool *is_fallible);
scalar_kernel cast_time_kernel(struct data_type from, struct data_type to, bool *is_fallible);
scalar_kernel cast_text_kernel(struct data_type from, struct data_type to, bool *is_fallible);
/* Lists, structs, maps: child casts are bound too; *out stays NULL where there is no such cast. */
laminar_status cast_nested_bind(struct arena *arena, struct data_type from, struct data_type to,
                                enum cast_kind kind, struct cast_data *data, scalar_kernel *out,
                                struct laminar_error *err) must_check;

/* Row `row` of args[0] does not fit the result: null for TRY_CAST, else a row error. True: the kernel returns eval_failure. */
bool cast_fail(const struct bound_function *fn, struct eval_env *env, const struct vector *args,
               struct column *out, size_t row);

#endif
