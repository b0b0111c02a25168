/* nexmark_words.h - the texts of the Nexmark generator: made once, from the seed, and pointed into by all its rows. */
#ifndef CONNECT_NEXMARK_WORDS_H
#define CONNECT_NEXMARK_WORDS_H

#include "vector/vector.h"

enum {
    WORDS_NAMES = 99,
    WORDS_CITIES = 10,
    WORDS_STATES = 6,
    WORDS_MADE = 8192,      /* addresses, card numbers, item names of each: a power of two */
    WORDS_CHANNELS = 10000, /* besides the hot ones */
    WORDS_HOT_CHANNELS = 4,
    WORDS_PRICES = 4096,
    WORDS_TEXT = 1 << 16,      /* bytes of random text */
    WORDS_TEXT_LONGEST = 1024, /* of it may be used from any offset below WORDS_TEXT */
};

struct words {
    struct batch batch; /* what rows refer to; batch_ref, batch_unref. Has no rows. */
    struct batch_holder holder;
    struct arena arena;
    struct string_view names[WORDS_NAMES], cities[WORDS_CITIES], states[WORDS_STATES];
    struct string_view emails[WORDS_MADE], cards[WORDS_MADE], items[WORDS_MADE];
    /* hot ones first */
    struct string_view channels[WORDS_HOT_CHANNELS + WORDS_CHANNELS],
        urls[WORDS_HOT_CHANNELS + WORDS_CHANNELS];
    int64_t prices[WORDS_PRICES]; /* log-uniform, in cents, ascending */
    char text[WORDS_TEXT + WORDS_TEXT_LONGEST];
};
/* NULL: no memory. */
struct words *words_create(uint64_t seed);

/* The random number of place `n`: any may be asked for, in any order. (The finaliser of SplitMix64: Steele, Lea, Flood, OOPSLA 2014.) */
static inline uint64_t words_random(uint64_t key, uint64_t n)
{
    uint64_t x = key + n * 0x9e3779b97f4a7c15ULL;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
    return x ^ x >> 31;
}
/* 0 <= result < n, from 32 random bits. */
static inline uint64_t words_below(uint64_t random, uint64_t n)
{
    return (random & 0xffffffffU) * n >> 32;
}

#endif
