/* kernel.h - loops over vectors that every layer above uses: hashing, equality, ordering, gathering.
 *
 * n <= CHUNK_ROWS unless said otherwise. Arguments may be VEC_CONST. Outputs are plain arrays of the caller. */
#ifndef VECTOR_KERNEL_H
#define VECTOR_KERNEL_H

#include "vector/vector.h"

/* hashes[i] = hash of row i over the columns; equal values hash alike whatever the shape; null is a value of its own;
 * -0.0 hashes as 0.0 and all NaNs alike (SQL groups them). n_cols = 0 gives one constant. */
void kernel_hash(const struct vector *cols, size_t n_cols, size_t n, uint64_t *hashes);
/* One column combined into what is there (first = false), or starting it (first = true). */
void kernel_hash_column(const struct vector *col, size_t n, uint64_t *hashes, bool first);

/* 0, 1, ... CHUNK_ROWS - 1: the selection of all rows. */
extern const uint32_t kernel_identity[CHUNK_ROWS];

/* Rows where col[sel_a[i]] IS NOT DISTINCT FROM other[sel_b[i]] stay in `match` (indexes i); returns how many. sel NULL = i. */
size_t kernel_match(const struct vector *a, const uint32_t *sel_a, const struct vector *b,
                    const uint32_t *sel_b, size_t n, uint32_t *match);

/* <0, 0, >0 for two values of one type. Nulls equal each other and sort last (`nulls_first` decides only in kernel_sort).
 * Doubles: NaN is greatest and equals itself (PostgreSQL's order). */
int kernel_compare(const struct vector *a, size_t row_a, const struct vector *b, size_t row_b);
/* null equals null */
bool kernel_equal(const struct vector *a, size_t row_a, const struct vector *b, size_t row_b);

struct sort_key {
    uint32_t column;
    bool is_descending;
    bool is_nulls_first;
};
/* Fills order[0..n) with the stable order of the rows of `cols`; any n < 2^32. */
laminar_status kernel_sort(const struct vector *cols, const struct sort_key *keys, size_t n_keys,
                           size_t n, uint32_t *order, struct laminar_error *err) must_check;

/* Indexes of the rows where a BOOL vector is true (not null): writes to sel, returns how many. */
size_t kernel_select_true(const struct vector *condition, size_t n, uint32_t *sel);
/* Gathers rows sel[0..n) of every column of src into the scratch columns (cleared first; strings borrowed; a constant stays one)
 * and points `out` at them; weights are gathered into weights_mem (CHUNK_ROWS) if there are any. */
laminar_status kernel_gather_chunk(const struct chunk *src, const uint32_t *sel, size_t n,
                                   struct column *cols, int64_t *weights_mem,
                                   struct vector *out_cols, struct chunk *out,
                                   struct laminar_error *err) must_check;

/* A VEC_CONST null of a type (its data readable; without children), and a const of one value copied from row `row` of v (strings borrowed).
 * `mem` (16 bytes, aligned) and a validity byte are the caller's, and outlive the vector. */
struct vector vector_const_null(struct data_type type, void *mem16, uint8_t *validity1);
struct vector vector_const_row(const struct vector *v, size_t row, void *mem16, uint8_t *validity1);

/* A nested or string value as bytes, for state and keys (little-endian, self-delimiting, equal values give equal bytes). */
laminar_status value_encode(const struct vector *v, size_t row, struct strbuf *out,
                            struct laminar_error *err) must_check;
/* Appends the value to the column; validates (for restored state). *used = bytes read. */
laminar_status value_decode(struct column *out, const uint8_t *data, size_t size, size_t *used,
                            struct laminar_error *err) must_check;

#endif
