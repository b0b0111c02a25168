/* scan.h - looking at 64 bytes at once: where a byte occurs, as bits. Bit i stands for byte i. */
#ifndef FORMAT_SCAN_H
#define FORMAT_SCAN_H

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>

static inline uint64_t scan_equal(const char *block, char c)
{
    const __m128i wanted = _mm_set1_epi8(c);
    uint64_t mask = 0;
    for (int i = 0; i < 4; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(block + 16 * i));
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted)) << (16 * i);
    }
    return mask;
}

/* The same for two bytes that `c` stands for, as they differ in bit 0x20 only. */
static inline uint64_t scan_equal_folded(const char *block, char c)
{
    const __m128i wanted = _mm_set1_epi8(c), fold = _mm_set1_epi8(0x20);
    uint64_t mask = 0;
    for (int i = 0; i < 4; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(block + 16 * i));
        bytes = _mm_or_si128(bytes, fold);
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted)) << (16 * i);
    }
    return mask;
}
#else
/* Eight bytes at a time: a byte of x is 0 where it is equal; its high bit in `zero` is then set, and the multiplication gathers the
 * high bits into one byte. (Warren, "Hacker's Delight", 6-1; exact, as no borrow crosses bytes.) */
static inline uint64_t scan_equal(const char *block, char c)
{
    const uint64_t low7 = 0x7F7F7F7F7F7F7F7FULL, wanted = 0x0101010101010101ULL * (unsigned char)c;
    uint64_t mask = 0;
    for (int i = 0; i < 8; i++) {
        uint64_t x;
        memcpy(&x, block + 8 * i, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        x = __builtin_bswap64(x);
#endif
        x ^= wanted;
        uint64_t zero = ~(((x & low7) + low7) | x | low7);
        mask |= ((zero >> 7) * 0x0102040810204080ULL >> 56) << (8 * i);
    }
    return mask;
}

static inline uint64_t scan_equal_folded(const char *block, char c)
{
    return scan_equal(block, c) | scan_equal(block, (char)(c & ~0x20));
}
#endif

/* Bit i of the result = parity of the bits 0..i: 1 from each odd one to the bit before the next. */
static inline uint64_t scan_parity(uint64_t bits)
{
    for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
    return bits;
}

#endif
