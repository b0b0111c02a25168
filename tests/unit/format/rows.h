/* rows.h - schemas and batches as text, for the tests of this folder. */
#ifndef ROWS_H
#define ROWS_H

#include "unit.h"
#include "vector/text.h"
#include "vector/vector.h"

/* Columns a, b, c ... of these types. A type's `is_nullable` is false where `not_null` has its letter. */
struct schema *rows_schema(const struct data_type *types, uint32_t n, const char *not_null);
#define ROWS_SCHEMA(not_null, ...)                                                                 \
    rows_schema((const struct data_type[]){__VA_ARGS__},                                           \
                sizeof((const struct data_type[]){__VA_ARGS__}) / sizeof(struct data_type),        \
                (not_null))

/* "1|x|NULL\n2|y|3\n" */
void rows_print(struct strbuf *out, const struct batch *batch);
/* Asserts that the batch prints like that, and gives it back. */
void rows_expect(struct batch *batch, const char *expected);

#endif
