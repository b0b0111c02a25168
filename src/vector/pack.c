/* pack.c - see pack.h. Loops go over 1,024 words, so that they have fixed ends and no cases: the compiler makes vectors of them. A whole block of words is taken
 * where it stands, anything else is first spread out as one. */
#include "vector/pack.h"
#include "base/compiler.h"
#include "vector/vector.h"
#include <string.h>

enum { HEAD_BYTES = 4, MODE_RAW = 0, MODE_DIFFERENCES = 1, MODE_DECIMAL = 2, DIGITS_MAX = 4 };

/* Adding it to a double below 2^51 rounds that to an integer, which then stands in the low bits. */
#define ROUNDER 0x1.8p52
static const double powers[DIGITS_MAX + 1] = {1, 10, 100, 1000, 10000};

/* Values of any type of 8 bytes, where they stand. */
typedef uint64_t __attribute__((may_alias)) any_word;
/* Half the lanes, at any place. */
typedef uint64_t half __attribute__((vector_size(64), aligned(1), may_alias));

struct block {
    const any_word *words; /* PACK_BLOCK of them: the caller's, or `room` */
    int64_t min;
    uint64_t range; /* largest difference */
    /* bits in which values differ: as many zeros at the end as all differences have */
    uint64_t common;
    uint64_t room[PACK_BLOCK];
};

/* --- Packing ------------------------------------------------------------------------------------------------------------------------------ */

/* Values as words; the rest of the block as the first one, so that it changes no minimum. */
static void spread(enum pack_type type, size_t width, const void *values, size_t n,
                   struct block *out)
{
    uint64_t *words = out->room;
    out->words = words;
    switch (width) {
    case 8: memcpy(words, values, n * 8); break;
    case 4:
        if (type == PACK_INTEGER)
            for (size_t i = 0; i < n; i++)
                words[i] = (uint64_t)(int64_t)((const int32_t *)values)[i];
        else
            for (size_t i = 0; i < n; i++) words[i] = ((const uint32_t *)values)[i];
        break;
    default:
        if (type == PACK_INTEGER)
            for (size_t i = 0; i < n; i++)
                words[i] = (uint64_t)(int64_t)((const int16_t *)values)[i];
        else
            for (size_t i = 0; i < n; i++) words[i] = ((const uint16_t *)values)[i];
        break;
    }
    for (size_t i = n; i < PACK_BLOCK; i++) words[i] = words[0];
}

/* What stands under nulls becomes a value that is there, or zero where there is none. The block has been spread. */
static void fill_nulls(struct block *block, const uint8_t *validity, size_t from, size_t n)
{
    uint64_t *words = block->room;
    size_t first = 0;
    while (first < n && !bitmap_get(validity, from + first)) first++;
    if (first == n) {
        memset(words, 0, sizeof block->room);
        return;
    }
    uint64_t value = words[first];
    for (size_t i = 0; i < n; i++)
        if (!bitmap_get(validity, from + i)) words[i] = value;
    for (size_t i = n; i < PACK_BLOCK; i++) words[i] = value;
}

MULTI_TARGET static void measure(struct block *block)
{
    const any_word *words = block->words;
    uint64_t first = words[0], differing = 0;
    int64_t lowest = (int64_t)first, highest = (int64_t)first;
    for (size_t i = 0; i < PACK_BLOCK; i++) {
        int64_t v = (int64_t)words[i];
        lowest = v < lowest ? v : lowest;
        highest = v > highest ? v : highest;
        differing |= words[i] ^ first;
    }
    block->common = differing;
    block->min = lowest;
    block->range = (uint64_t)highest - (uint64_t)lowest;
}

/* The doubles times a power of ten, where that gives integers that give them back. */
MULTI_TARGET static bool scale(const any_word *doubles, size_t n, double power, uint64_t *out)
{
    uint64_t wrong = 0;
    double rounder = ROUNDER;
    uint64_t origin;
    memcpy(&origin, &rounder, 8);
    for (size_t i = 0; i < n; i++) {
        double value, back;
        uint64_t word = doubles[i], bits, again;
        memcpy(&value, &word, 8);
        double rounded = value * power + ROUNDER;
        memcpy(&bits, &rounded, 8);
        back = (rounded - ROUNDER) / power;
        memcpy(&again, &back, 8);
        out[i] = bits - origin;
        wrong |= (again ^ word) | (out[i] + (1ULL << 50)) >> 51;
    }
    return wrong == 0;
}

/* The same answer without divisions, which take most of the time: integer / power rounds to the value just when value * power is off the integer by less
 * than half a unit of the value's last place times the power. fma() says how far it is off, exactly enough, where the machine has it. (In the middle between two doubles
 * it can't be; at a power of two, below which the units are smaller, it is off by nothing or by far more. Of the zeros only +0 is one.) */
MULTI_TARGET static bool scale_fused(const any_word *doubles, size_t n, double power, uint64_t *out)
{
    uint64_t wrong = 0;
    double rounder = ROUNDER, half_unit = power * 0x1p-53;
    uint64_t origin;
    memcpy(&origin, &rounder, 8);
    for (size_t i = 0; i < n; i++) {
        double value, unit;
        uint64_t word = doubles[i], exponent = word & 0x7ff0000000000000, bits;
        memcpy(&value, &word, 8);
        memcpy(&unit, &exponent, 8);
        double rounded = value * power + ROUNDER;
        memcpy(&bits, &rounded, 8);
        double off = __builtin_fabs(__builtin_fma(-value, power, rounded - ROUNDER));
        out[i] = bits - origin;
        wrong |= (uint64_t) !((off < unit * half_unit) | (word == 0));
        wrong |= (out[i] + (1ULL << 50)) >> 51;
    }
    return wrong == 0;
}

static bool has_fma(void)
{
#if defined(FP_FAST_FMA)
    return true;
#elif defined(__x86_64__) && !defined(LAMINAR_NO_TARGET_CLONES)
    return __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2");
#else
    return false;
#endif
}

/* The fewest digits that will do for some of the values, then tried on all. */
static bool to_decimal(struct block *block, uint8_t *digits)
{
    enum { SAMPLE = 32 };
    uint64_t scaled[PACK_BLOCK];
    bool (*try_power)(const any_word *, size_t, double, uint64_t *) = has_fma() ? scale_fused
                                                                                : scale;
    for (int d = 0; d <= DIGITS_MAX; d++) {
        if (!try_power(block->words, SAMPLE, powers[d], scaled)) continue;
        if (!try_power(block->words, PACK_BLOCK, powers[d], scaled)) continue;
        memcpy(block->room, scaled, sizeof scaled);
        block->words = block->room;
        *digits = (uint8_t)d;
        return true;
    }
    return false;
}

static size_t words_of(size_t n, unsigned bits)
{
    size_t rows = (n + PACK_LANES - 1) / PACK_LANES;
    return (rows * bits + 63) / 64 * PACK_LANES;
}

/* 0 < bits < 64. Writes words_of words. */
MULTI_TARGET static void put_words(const struct block *block, size_t n, unsigned bits,
                                   unsigned shift, uint8_t *out)
{
    uint64_t base = (uint64_t)block->min;
    unsigned filled = 0;
    half low = {0}, high = {0};
    for (size_t i = 0; i < n; i += PACK_LANES) {
        half a = (*(const half *)(block->words + i) - base) >> shift;
        half b = (*(const half *)(block->words + i + PACK_LANES / 2) - base) >> shift;
        low |= a << filled;
        high |= b << filled;
        filled += bits;
        if (filled < 64) continue;
        *(half *)(void *)out = low;
        *(half *)(void *)(out + sizeof low) = high;
        out += 2 * sizeof low;
        filled -= 64;
        unsigned used = bits - filled; /* 1 ... 63, or all bits, and then filled = 0 */
        low = a >> used;
        high = b >> used;
    }
    if (filled == 0) return;
    *(half *)(void *)out = low;
    *(half *)(void *)(out + sizeof low) = high;
}

static void put_raw(size_t width, const void *values, size_t n, struct strbuf *out)
{
    static const char head[HEAD_BYTES] = {MODE_RAW};
    strbuf_append(out, head, sizeof head);
    strbuf_append(out, values, n * width);
}

/* A block that needs no more bits than that is not looked at again for a better way. */
static unsigned bits_of(const struct block *block, unsigned *shift)
{
    if (block->range == 0) return *shift = 0;
    *shift = (unsigned)__builtin_ctzll(block->common);
    return 64 - (unsigned)__builtin_clzll(block->range >> *shift);
}

void pack_values(enum pack_type type, size_t width, const void *values, const uint8_t *validity,
                 size_t n, struct strbuf *out)
{
    struct block block;
    for (size_t at = 0; at < n; at += PACK_BLOCK) {
        size_t some = n - at < PACK_BLOCK ? n - at : PACK_BLOCK;
        const char *from = (const char *)values + at * width;
        uint8_t head[HEAD_BYTES] = {MODE_DIFFERENCES};
        unsigned shift = 0;
        if (width == 8 && some == PACK_BLOCK && !validity)
            block.words = (const any_word *)(const void *)from;
        else
            spread(type, width, from, some, &block);
        if (validity) fill_nulls(&block, validity, at, some);
        if (type == PACK_DOUBLE && width == 8 && to_decimal(&block, &head[3]))
            head[0] = MODE_DECIMAL;
        measure(&block);
        unsigned bits = bits_of(&block, &shift);
        size_t size = words_of(some, bits) * 8;
        if (bits >= 64 || size + 8 >= some * width) {
            put_raw(width, from, some, out);
            continue;
        }
        head[1] = (uint8_t)bits;
        head[2] = (uint8_t)shift;
        strbuf_append(out, (const char *)head, sizeof head);
        strbuf_append(out, (const char *)&block.min, 8);
        char *room = strbuf_reserve(out, size);
        if (!room) return;
        if (bits > 0) put_words(&block, some, bits, shift, (uint8_t *)room);
        out->size += size;
    }
}

/* --- Unpacking ---------------------------------------------------------------------------------------------------------------------------- */

MULTI_TARGET static void take_words(const uint8_t *data, size_t n, unsigned bits, unsigned shift,
                                    int64_t min, uint64_t *out)
{
    uint64_t words[PACK_LANES], mask = (1ULL << bits) - 1, base = (uint64_t)min;
    unsigned used = 64; /* bits of `words` */
    for (size_t i = 0; i < n; i += PACK_LANES) {
        uint64_t *row = out + i;
        unsigned low = 64 - used; /* bits that are left */
        for (size_t j = 0; j < PACK_LANES; j++) row[j] = low ? words[j] >> used : 0;
        used += bits;
        if (low < bits) {
            memcpy(words, data, sizeof words);
            data += sizeof words;
            for (size_t j = 0; j < PACK_LANES; j++) row[j] |= words[j] << low;
            used = bits - low;
        }
        for (size_t j = 0; j < PACK_LANES; j++) row[j] = base + ((row[j] & mask) << shift);
    }
}

static void narrow(size_t width, const uint64_t *words, size_t n, void *out)
{
    if (width == 8)
        memcpy(out, words, n * 8);
    else if (width == 4)
        for (size_t i = 0; i < n; i++) ((uint32_t *)out)[i] = (uint32_t)words[i];
    else
        for (size_t i = 0; i < n; i++) ((uint16_t *)out)[i] = (uint16_t)words[i];
}

MULTI_TARGET static void divide(uint64_t *words, double power)
{
    for (size_t i = 0; i < PACK_BLOCK; i++) {
        double value = (double)(int64_t)words[i] / power;
        memcpy(&words[i], &value, 8);
    }
}

/* Bytes of the block of n values, or 0. */
static size_t unpack_block(size_t width, size_t n, const uint8_t *data, size_t size, void *out)
{
    uint64_t words[PACK_BLOCK] = {0};
    int64_t min;
    if (size < HEAD_BYTES) return 0;
    unsigned mode = data[0], bits = data[1], shift = data[2], digits = data[3];
    if (mode == MODE_RAW) {
        if (size - HEAD_BYTES < n * width) return 0;
        memcpy(out, data + HEAD_BYTES, n * width);
        return HEAD_BYTES + n * width;
    }
    if (mode > MODE_DECIMAL || (mode == MODE_DECIMAL && width != 8) || bits > 63 || shift > 63 ||
        digits > DIGITS_MAX || size < HEAD_BYTES + 8)
        return 0;
    size_t bytes = HEAD_BYTES + 8 + words_of(n, bits) * 8;
    if (size < bytes) return 0;
    memcpy(&min, data + HEAD_BYTES, 8);
    if (bits > 0)
        take_words(data + HEAD_BYTES + 8, n, bits, shift, min, words);
    else
        for (size_t i = 0; i < n; i++) words[i] = (uint64_t)min;
    if (mode == MODE_DECIMAL) divide(words, powers[digits]);
    narrow(width, words, n, out);
    return bytes;
}

size_t unpack_values(size_t width, size_t n, const uint8_t *data, size_t size, void *out)
{
    size_t used = 0;
    for (size_t at = 0; at < n; at += PACK_BLOCK) {
        size_t some = n - at < PACK_BLOCK ? n - at : PACK_BLOCK;
        size_t bytes = unpack_block(width, some, data + used, size - used,
                                    (char *)out + at * width);
        if (bytes == 0) return 0;
        used += bytes;
    }
    return used;
}
