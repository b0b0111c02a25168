/* key_encode.h - rows as byte strings that compare (memcmp) like the rows do by sort keys.
 *
 * A value is a marker byte (null before or after) and then: integers big-endian with the sign flipped; floats with their bits made monotone, -0.0
 * as 0.0, one NaN, greatest; strings with 00 written as 00 FF, ended by 00 00; intervals by length, then as they are; nested values as the string of
 * their value_encode bytes (equal ones meet, their order is arbitrary). Descending columns are inverted. Self-delimiting, so that no key is a prefix of another;
 * the values can be had back. */
#ifndef EXEC_KEY_ENCODE_H
#define EXEC_KEY_ENCODE_H

#include "vector/kernel.h"

struct key_part { /* one column of the key, in key order */
    struct data_type type;
    uint32_t column;
    bool is_descending;
    bool is_nulls_first;
};
/* Appends row `row` of cols (indexed by part->column). A failed buffer is the caller's to test. */
laminar_status key_encode(const struct key_part *parts, uint32_t n_parts, const struct vector *cols,
                          size_t row, struct strbuf *out, struct laminar_error *err) must_check;
/* A value of a signed 8-byte type as the number that its bytes in a key are, big-endian: sorts as the values do, or the other way round. */
static inline uint64_t key_of_i64(int64_t value, bool is_descending)
{
    uint64_t bits = (uint64_t)value ^ (uint64_t)1 << 63;
    return is_descending ? ~bits : bits;
}
/* The same out of a key of which it is the first part; 0: it is null. */
uint64_t key_first_u64(const uint8_t *data, size_t size);
/* Appends the values to cols[part->column]; those with n == SIZE_MAX are left out. Validates: LAMINAR_CHECKPOINT_FAILED for bytes that no row gives. Strings
 * are copied. */
laminar_status key_decode(const struct key_part *parts, uint32_t n_parts, const uint8_t *data,
                          size_t size, struct column *cols, struct laminar_error *err) must_check;

/* Bytes that the values of the first n_parts parts take in a key of all parts: rows that are equal in them are equal in so many bytes. 0: malformed. */
size_t key_prefix_size(const struct key_part *parts, uint32_t n_parts, const uint8_t *data,
                       size_t size);

#endif
