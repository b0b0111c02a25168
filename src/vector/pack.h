/* pack.h - fixed-width values in fewer bytes, at the speed of a copy: for the log, where what is not written costs no disk.
 *
 * Blocks of 1,024 values. A block is the smallest value and, for each value, the difference to it in as many bits as the largest difference needs, without the
 * zero bits that all differences end with. Doubles that are decimals with few digits (12.34) go as integers. What does not become smaller stays as it is.
 *
 * Little-endian: u8 mode, u8 bits, u8 shift, u8 digits; mode 0 (as it is): the values; else i64 smallest, words. 16 lanes: value i of the block is in lane i % 16, as
 * number i / 16 of it; words of a lane are filled from the lowest bit, and the words of all lanes for the same place lie together.
 *   mode 1   value = smallest + (difference << shift), of the bits of the value (floating point too), sign-extended where it is an integer
 *   mode 2   value = (smallest + difference) / 10^digits, a double
 * Unpacking trusts nothing. */
#ifndef VECTOR_PACK_H
#define VECTOR_PACK_H

#include "base/strbuf.h"
#include <laminar/types.h>
#include <stdint.h>

enum {
    PACK_BLOCK = 1024,
    PACK_LANES = 16,
    PACK_ROWS_MIN = 256 /* fewer take as long as a block */
};

enum pack_type { PACK_INTEGER, PACK_UNSIGNED, PACK_DOUBLE };

/* n values of 2, 4 or 8 bytes. `validity` (bits; may be NULL): what stands under a null need not survive. Fails as strbuf_append does. */
void pack_values(enum pack_type type, size_t width, const void *values, const uint8_t *validity,
                 size_t n, struct strbuf *out);
/* Bytes read, or 0: malformed. */
size_t unpack_values(size_t width, size_t n, const uint8_t *data, size_t size, void *out)
    must_check;

#endif
