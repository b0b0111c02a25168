/* column_codec.h - the rows of a column as bytes, for state that is written out, and for the log.
 *
 * Little-endian: u8 flags (1 has validity, 2 packed) [bitmap of n bits]; then fixed width: n values; strings: n u32 sizes, the bytes; nested: n x (u32 size, value_encode).
 * Packed: the values, or the sizes, as in vector/pack.h.
 * Decoding trusts nothing: sizes, booleans and UTF-8 are checked. */
#ifndef EXEC_COLUMN_CODEC_H
#define EXEC_COLUMN_CODEC_H

#include "vector/kernel.h"

/* Rows [from, from + n) of v. On failure of memory out->failed or the status says so. */
laminar_status column_encode(const struct vector *v, size_t from, size_t n, struct strbuf *out,
                             struct laminar_error *err) must_check;
/* The same in fewer bytes, where that is cheap. */
laminar_status column_encode_packed(const struct vector *v, size_t from, size_t n,
                                    struct strbuf *out, struct laminar_error *err) must_check;
/* Appends n rows to `out` (initialised with the type); *used = bytes read. Malformed bytes: LAMINAR_CHECKPOINT_FAILED. */
laminar_status column_decode(struct column *out, size_t n, const uint8_t *data, size_t size,
                             size_t *used, struct laminar_error *err) must_check;

#endif
