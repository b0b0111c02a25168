/* pack.c - see pack.h. Each block is first spread out as 1,024 words, so that the loops over it have fixed ends and no cases: the compiler makes vectors of them. */
#include "vector/pack.h"
#include "base/compiler.h"
#include "vector/vector.h"
#include <string.h>

enum { HEAD_BYTES = 4, MODE_RAW = 0, MODE_DIFFERENCES = 1, MODE_DECIMAL = 2, DIGITS_MAX = 4 };

/* Adding it to a double below 2^51 rounds that to an integer, which then stands in the low bits. */
#define ROUNDER 0x1.8p52
static const double powers[DIGITS_MAX + 1] = {1, 10, 100, 1000, 10000};

struct block {
    uint64_t words[PACK_BLOCK];
    int64_t min;
    uint64_t range;  /* largest difference */
    uint64_t common; /* all bits that occur in differences */
};

/* --- Packing ------------------------------------------------------------------------------------------------------------------------------ */

/* Values as words; the rest of the block as the first one, so that it changes no minimum. */
static void spread(enum pack_type type, size_t width, const void *values, size_t n,
                   struct block *out)
{
    switch (width) {
    case 8: memcpy(out->words, values, n * 8); break;
    case 4:
        if (type == PACK_INTEGER)
            for (size_t i = 0; i < n; i++)
                out->words[i] = (uint64_t)(int64_t)((const int32_t *)values)[i];
        else
            for (size_t i = 0; i < n; i++) out->words[i] = ((const uint32_t *)values)[i];
        break;
    default:
        if (type == PACK_INTEGER)
            for (size_t i = 0; i < n; i++)
                out->words[i] = (uint64_t)(int64_t)((const int16_t *)values)[i];
        else
            for (size_t i = 0; i < n; i++) out->words[i] = ((const uint16_t *)values)[i];
        break;
    }
    for (size_t i = n; i < PACK_BLOCK; i++) out->words[i] = out->words[0];
}

/* What stands under nulls becomes a value that is there. False: there is none. */
static bool fill_nulls(struct block *block, const uint8_t *validity, size_t from, size_t n)
{
    size_t first = 0;
    while (first < n && !bitmap_get(validity, from + first)) first++;
    if (first == n) return false;
    uint64_t value = block->words[first];
    for (size_t i = 0; i < n; i++)
        if (!bitmap_get(validity, from + i)) block->words[i] = value;
    for (size_t i = n; i < PACK_BLOCK; i++) block->words[i] = value;
    return true;
}

MULTI_TARGET static void measure(struct block *block)
{
    int64_t min[PACK_LANES], max[PACK_LANES];
    uint64_t common[PACK_LANES] = {0};
    const int64_t *values = (const int64_t *)block->words;
    for (size_t j = 0; j < PACK_LANES; j++) min[j] = max[j] = values[j];
    for (size_t i = 0; i < PACK_BLOCK; i += PACK_LANES)
        for (size_t j = 0; j < PACK_LANES; j++) {
            int64_t v = values[i + j];
            min[j] = v < min[j] ? v : min[j];
            max[j] = v > max[j] ? v : max[j];
        }
    int64_t lowest = min[0], highest = max[0];
    for (size_t j = 1; j < PACK_LANES; j++) {
        lowest = min[j] < lowest ? min[j] : lowest;
        highest = max[j] > highest ? max[j] : highest;
    }
    for (size_t i = 0; i < PACK_BLOCK; i += PACK_LANES)
        for (size_t j = 0; j < PACK_LANES; j++) common[j] |= block->words[i + j] - (uint64_t)lowest;
    block->common = 0;
    for (size_t j = 0; j < PACK_LANES; j++) block->common |= common[j];
    block->min = lowest;
    block->range = (uint64_t)highest - (uint64_t)lowest;
}

/* The doubles of the block times a power of ten, where that gives integers that give them back. */
MULTI_TARGET static bool scale(const uint64_t *doubles, size_t n, double power, uint64_t *out)
{
    uint64_t wrong = 0;
    double rounder = ROUNDER;
    uint64_t origin;
    memcpy(&origin, &rounder, 8);
    for (size_t i = 0; i < n; i++) {
        double value, back;
        uint64_t bits;
        memcpy(&value, &doubles[i], 8);
        double rounded = value * power + ROUNDER;
        memcpy(&bits, &rounded, 8);
        back = (rounded - ROUNDER) / power;
        memcpy(&out[i], &back, 8);
        wrong |= out[i] ^ doubles[i];
        out[i] = bits - origin;
        wrong |= (out[i] + (1ULL << 50)) >> 51;
    }
    return wrong == 0;
}

/* The fewest digits that will do for some of the values, then tried on all. */
static bool to_decimal(struct block *block, uint8_t *digits)
{
    enum { SAMPLE = 32 };
    uint64_t scaled[PACK_BLOCK];
    for (int d = 0; d <= DIGITS_MAX; d++) {
        if (!scale(block->words, SAMPLE, powers[d], scaled)) continue;
        if (!scale(block->words, PACK_BLOCK, powers[d], scaled)) continue;
        memcpy(block->words, scaled, sizeof scaled);
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
    uint64_t gathered[PACK_LANES] = {0}, base = (uint64_t)block->min;
    unsigned filled = 0;
    size_t end = (n + PACK_LANES - 1) & ~(size_t)(PACK_LANES - 1);
    for (size_t i = 0; i < end; i += PACK_LANES) {
        const uint64_t *row = block->words + i;
        for (size_t j = 0; j < PACK_LANES; j++) gathered[j] |= ((row[j] - base) >> shift) << filled;
        filled += bits;
        if (filled < 64) continue;
        memcpy(out, gathered, sizeof gathered);
        out += sizeof gathered;
        filled -= 64;
        unsigned used = bits - filled; /* 1 ... 63 or all bits, and then filled = 0 */
        for (size_t j = 0; j < PACK_LANES; j++)
            gathered[j] = filled ? ((row[j] - base) >> shift) >> used : 0;
    }
    if (filled > 0) memcpy(out, gathered, sizeof gathered);
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
        spread(type, width, from, some, &block);
        if (validity && !fill_nulls(&block, validity, at, some)) memset(&block, 0, sizeof block);
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
