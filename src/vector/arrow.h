/* arrow.h - chunks and batches to and from the Arrow C data interface.
 *
 * Import: what the layouts share (integers, floats, dates, timestamps, times, decimals, validity) is taken without a copy, the Arrow
 * array being kept alive by the batch; booleans, strings (utf8, large_utf8, utf8_view, binary ...) get their 16-byte views and bytes made
 * in one pass (string bytes themselves are not copied); dictionary and run-end encoded columns are decoded. Everything that comes in is
 * validated as far as memory safety and UTF-8 need it (lengths, offsets monotonic and inside buffers where sizes are known, null
 * pointers, child counts), per the C data interface specification.
 * Export: no copy for what is shared; strings become utf8 (offsets + bytes) or stay utf8_view. */
#ifndef VECTOR_ARROW_H
#define VECTOR_ARROW_H

#include "vector/vector.h"

/* One Arrow schema node to a type; unsupported formats are LAMINAR_INVALID_SCHEMA with the format in the text. */
laminar_status arrow_import_type(const struct ArrowSchema *schema, struct data_type *out,
                                 struct laminar_error *err) must_check;
/* A struct-typed ("+s") schema to our schema. Duplicate and empty names are errors. */
laminar_status arrow_import_schema(const struct ArrowSchema *schema, struct schema **out,
                                   struct laminar_error *err) must_check;
/* How to export: a set of these, the same for a schema and its batches. */
enum arrow_export_flags {
    ARROW_EXPORT_VIEWS = 1, /* strings as utf8_view and binary_view, else utf8 and binary */
    ARROW_EXPORT_WEIGHT = 2 /* append the column __weight (int64, not null): the rows' weights */
};
#define ARROW_WEIGHT_NAME "__weight"
laminar_status arrow_export_schema(const struct schema *schema, unsigned flags,
                                   struct ArrowSchema *out, struct laminar_error *err) must_check;

/* A struct array to a batch of the types that arrow_import_schema gives. Takes `array` over on success; on failure it stays the
 * caller's. The result's schema is `schema` (referenced). */
laminar_status arrow_import_batch(const struct ArrowSchema *arrow_schema, struct ArrowArray *array,
                                  struct schema *schema, struct batch **out,
                                  struct laminar_error *err) must_check;
/* The same with more said. A pool makes steady imports allocation-free but for what Arrow itself allocates. `buffer_bytes` is for
 * arrays that were made from untrusted bytes (files, the network): the size of every buffer, in the order of the arrays (parent, then
 * children, then dictionary) and of the buffers in each; then no byte outside them is read, whatever the array says. */
struct arrow_import_options {
    struct batch_pool *pool;
    /* the views of string columns are made when they are needed: batch_need */
    bool puts_off_strings;
    const int64_t *buffer_bytes;
    size_t n_buffer_bytes;
};
laminar_status arrow_import_batch_with(const struct ArrowSchema *arrow_schema,
                                       struct ArrowArray *array, struct schema *schema,
                                       const struct arrow_import_options *options,
                                       struct batch **out, struct laminar_error *err) must_check;
/* Rows [offset, offset + n) of a batch; holds a reference on the batch. The array and each child that is moved out of it may be
 * released on any thread, in any order. */
laminar_status arrow_export_batch(struct batch *batch, size_t offset, size_t n, unsigned flags,
                                  struct ArrowArray *out, struct laminar_error *err) must_check;

/* Casts a batch to `target` (matched by name, lossless only: int widening, exact int<->double, timestamp units when exact, strings to
 * temporal by ISO text, dictionary, null type ...): the rule of `insert`. Columns that need nothing are shared. A missing nullable column is
 * null; a missing NOT NULL one, a null in one, an unknown one, or a value that would be lost is LAMINAR_BATCH_SCHEMA_MISMATCH naming column, row (from
 * 0) and both types. `has_default[i]` (may be NULL) marks target columns that the caller fills itself when missing (given as all-null). */
laminar_status batch_coerce(struct batch *src, struct schema *target, const bool *has_default,
                            struct batch **out, struct laminar_error *err) must_check;

#endif
