/* fn_test.h - helpers of the function layer's tests: values written as text, functions called by name, results as text. */
#ifndef FN_TEST_H
#define FN_TEST_H

#include "unit.h"

#include "function/function.h"

enum { ARGS_MAX = 8 };

/* "BIGINT", "DECIMAL(10,2)", "TIMESTAMP(3)", "TIMESTAMPTZ Europe/Berlin", "BIGINT[]" ... */
struct data_type fn_type(const char *name);

/* One call: constants written "TYPE:text" ("BIGINT:NULL" is null, "NULL" a bare null; "'text" is a literal string). The result as text ("NULL"),
 * or "error: message". Checks the same call over flat columns too: both must agree. */
const char *fn_call(const char *name, const char *a, const char *b, const char *c, const char *d);
/* The type of the result, or "error: message". */
const char *fn_call_type(const char *name, const char *a, const char *b, const char *c);
const char *fn_cast(const char *value, const char *type, enum cast_kind kind);

#define CHECK1(name, a, expected) assert_string_equal(fn_call(name, a, NULL, NULL, NULL), expected)
#define CHECK2(name, a, b, expected) assert_string_equal(fn_call(name, a, b, NULL, NULL), expected)
#define CHECK3(name, a, b, c, expected) assert_string_equal(fn_call(name, a, b, c, NULL), expected)
#define CHECK4(name, a, b, c, d, expected) assert_string_equal(fn_call(name, a, b, c, d), expected)
#define CHECK0(name, expected) assert_string_equal(fn_call(name, NULL, NULL, NULL, NULL), expected)
#define CHECK_CAST(value, type, expected)                                                          \
    assert_string_equal(fn_cast(value, type, CAST_EXPLICIT), expected)

/* A column from texts; "NULL" is null. */
void fn_column(struct column *col, struct data_type type, const char *const *texts, size_t n);

/* Pseudo-random numbers with a printed seed. */
struct fn_random {
    uint64_t state;
};
uint64_t fn_random_u64(struct fn_random *random);
/* n random values of a type, every 1/null_every row null (0 = none), extremes among them. */
void fn_random_column(struct column *col, struct data_type type, size_t n, unsigned null_every,
                      struct fn_random *random);

#endif
