/* user.h - functions and aggregates that the program registers (laminar/udf.h): a library of them a database, and their kernels.
 *
 * A library maps names to definitions. A definition is immutable and reference-counted: the library holds one reference, and every plan
 * that calls it another, given back when the plan's arena goes. So dropping or replacing touches no running statement.
 *
 * Kernels take the program's call-backs for fallible, and never strict, functions: nulls are seen to here. Rows go to a call-back by row
 * as laminar_values, to one by batch as Arrow arrays of at most CHUNK_ROWS rows, with rows that it must not see left out.
 *
 * While a call-back runs, its thread is in the library's list of callers, by which the engine refuses to be called back.
 * @thread any. @locks library (short, a leaf). */
#ifndef FUNCTION_USER_H
#define FUNCTION_USER_H

#include "function/function.h"
#include <laminar/udf.h>

struct function_library;
struct user_function;

struct function_library *function_library_create(void); /* NULL: no memory */
void function_library_unref(struct function_library *library);
/* Is this thread inside a call-back of one of its functions? */
bool function_library_is_calling(struct function_library *library);

/* What both kinds of definition say. */
struct user_signature {
    const char *name; /* lower case */
    const struct data_type *arg_types;
    uint32_t n_args;
    struct data_type result;
    const char *help; /* may be NULL */
};
/* refs = 1. Definitions are copied; user_data is taken over on success. */
laminar_status user_function_create(const struct user_signature *signature,
                                    const laminar_function *definition, struct user_function **out,
                                    struct laminar_error *err) must_check;
laminar_status user_aggregate_create(const struct user_signature *signature,
                                     const laminar_aggregate *definition,
                                     struct user_function **out, struct laminar_error *err)
    must_check;
/* LAMINAR_QUERY_FAILED where the name is taken and `replaces` is false. Takes the reference over on success. */
laminar_status function_library_add(struct function_library *library,
                                    struct user_function *take_function, bool replaces,
                                    struct laminar_error *err) must_check;
laminar_status function_library_remove(struct function_library *library, const char *name,
                                       struct laminar_error *err) must_check;
/* The definition that the caller lets go of after a failure: user_data stays the program's. */
void user_function_discard(struct user_function *function);

/* NULL library: nothing is found. The answer lives as long as the arena. NULL where there is none; LAMINAR_OUT_OF_MEMORY alone is an error. */
laminar_status library_find_scalar(struct function_library *library, const char *name,
                                   struct arena *arena, const struct scalar_function **out,
                                   struct laminar_error *err) must_check;
laminar_status library_find_aggregate(struct function_library *library, const char *name,
                                      struct arena *arena, const struct aggregate_function **out,
                                      struct laminar_error *err) must_check;
bool library_has_aggregate(struct function_library *library, const char *name);
bool library_has_scalar(struct function_library *library, const char *name);
/* function_bind and aggregate_bind that know the library's names too. */
laminar_status library_bind_function(struct function_library *library, struct arena *arena,
                                     const char *name, const struct data_type *arg_types,
                                     uint32_t n_args, const struct vector *const *constants,
                                     struct bound_function **out, struct laminar_error *err)
    must_check;
laminar_status library_bind_aggregate(struct function_library *library, struct arena *arena,
                                      const char *name, const struct data_type *arg_types,
                                      uint32_t n_args, const struct vector *const *constants,
                                      struct bound_aggregate **out, struct laminar_error *err)
    must_check;
/* Is it one of a library's? */
bool function_is_registered(const struct scalar_function *function);
bool aggregate_is_registered(const struct aggregate_function *function);
/* Calls visit for each, in order of registration, with the library's lock held. */
void library_visit(struct function_library *library,
                   void (*visit)(void *ctx, const char *name, bool is_aggregate,
                                 const char *signature, const char *help),
                   void *ctx);

#endif
