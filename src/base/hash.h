/* hash.h - 64-bit hashes. Integers: the multiply-fold of wyhash (Wang Yi, "wyhash", 2019); bytes: XXH3 (Yann Collet). Stable within a
 * process only; what is stored uses XXH3 by name. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}
static inline uint64_t hash_spread(uint64_t value)
{
    uint64_t x = value * 0x9e3779b97f4a7c15ULL;
    return x ^ x >> 32;
}
/* All bits are good, for consecutive integers too. (A product with a constant alone leaves the top bits of consecutive values in clusters: probe
 * sequences were ten times as long.) */
static inline uint64_t hash_u64(uint64_t value)
{
    return hash_mix(hash_spread(value), 0xe7037ed1a0b428dbULL);
}
/* 16 bytes. */
static inline uint64_t hash_pair(uint64_t a, uint64_t b)
{
    return hash_mix(hash_spread(a) ^ 0x8ebc6af09c88c6e3ULL, hash_spread(b) ^ 0xe7037ed1a0b428dbULL);
}
static inline uint64_t hash_combine(uint64_t seed, uint64_t hash)
{
    return hash_mix(seed ^ 0xa0761d6478bd642fULL, hash ^ 0x8ebc6af09c88c6e3ULL);
}
uint64_t hash_bytes(const void *data, size_t size);
/* XXH3, 64 bits, with a seed: for what is stored. */
uint64_t hash_stored(uint64_t seed, const void *data, size_t size);

#endif
