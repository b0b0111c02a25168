/* bitmap.c - validity bitmaps and the small functions on vectors: see vector.h. Whole words where the bits line up. */
#include "vector/vector.h"

static inline uint64_t load_word(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
}

size_t bitmap_count(const uint8_t *bits, size_t n)
{
    size_t count = 0, i = 0;
    for (; i + 64 <= n; i += 64) count += (size_t)__builtin_popcountll(load_word(bits + i / 8));
    for (; i + 8 <= n; i += 8) count += (size_t)__builtin_popcount(bits[i / 8]);
    if (i < n) count += (size_t)__builtin_popcount(bits[i / 8] & ((1U << (n - i)) - 1));
    return count;
}

bool bitmap_all_set(const uint8_t *bits, size_t n)
{
    size_t i = 0;
    for (; i + 64 <= n; i += 64)
        if (load_word(bits + i / 8) != UINT64_MAX) return false;
    for (; i + 8 <= n; i += 8)
        if (bits[i / 8] != 0xFF) return false;
    unsigned rest = i < n ? (1U << (n - i)) - 1 : 0;
    return rest == 0 || (bits[i / 8] & rest) == rest;
}

void bitmap_copy(uint8_t *restrict dst, const uint8_t *restrict src, size_t from, size_t n)
{
    if (n == 0) return;
    src += from / 8;
    unsigned shift = from % 8;
    size_t n_bytes = bitmap_bytes(n);
    if (shift == 0) {
        memcpy(dst, src, n_bytes);
    } else {
        size_t src_bytes = bitmap_bytes(shift + n), i = 0;
        for (; i + 9 <= src_bytes && i + 8 <= n_bytes; i += 8) {
            uint64_t word = load_word(src + i) >> shift | (uint64_t)src[i + 8] << (64 - shift);
            memcpy(dst + i, &word, 8);
        }
        for (; i < n_bytes; i++) {
            unsigned high = i + 1 < src_bytes ? src[i + 1] : 0;
            dst[i] = (uint8_t)(src[i] >> shift | high << (8 - shift));
        }
    }
    if (n % 8) dst[n_bytes - 1] &= (uint8_t)((1U << (n % 8)) - 1);
}

void bitmap_fill(uint8_t *bits, size_t from, size_t n, bool is_set)
{
    size_t end = from + n;
    for (; from < end && from % 8; from++)
        is_set ? bitmap_set(bits, from) : bitmap_clear(bits, from);
    if (end > from) memset(bits + from / 8, is_set ? 0xFF : 0, (end - from) / 8);
    for (from += (end - from) & ~(size_t)7; from < end; from++)
        is_set ? bitmap_set(bits, from) : bitmap_clear(bits, from);
}

void bitmap_append(uint8_t *restrict dst, size_t at, const uint8_t *restrict src, size_t from,
                   size_t n)
{
    for (; n && at % 8; at++, from++, n--)
        bitmap_get(src, from) ? bitmap_set(dst, at) : bitmap_clear(dst, at);
    bitmap_copy(dst + at / 8, src, from, n);
}

bool bitmap_range_all_set(const uint8_t *bits, size_t from, size_t n)
{
    for (; n && from % 8; from++, n--)
        if (!bitmap_get(bits, from)) return false;
    return bitmap_all_set(bits + from / 8, n);
}

uint8_t *bitmap_and(uint8_t *dst, const uint8_t *a, const uint8_t *b, size_t n)
{
    if (!a && !b) return NULL;
    size_t n_bytes = bitmap_bytes(n);
    if (!a || !b) {
        if (dst != a && dst != b) memcpy(dst, a ? a : b, n_bytes);
        return dst;
    }
    for (size_t i = 0; i < n_bytes; i++) dst[i] = a[i] & b[i];
    return dst;
}

struct vector vector_slice(const struct vector *v, size_t offset)
{
    struct vector out = *v;
    if (v->shape == VEC_CONST || offset == 0) return out;
    assert(!v->validity || offset % 8 == 0);
    if (out.data) out.data = (uint8_t *)out.data + offset * type_width(v->type);
    if (out.validity) out.validity += offset / 8;
    if (v->type.id == LAMINAR_TYPE_STRUCT) out.child_offset += offset;
    return out;
}

int string_compare(const struct string_view *a, const struct string_view *b)
{
    uint32_t a4, b4;
    memcpy(&a4, a->prefix, 4);
    memcpy(&b4, b->prefix, 4);
    /* unused bytes are 0, the least */
    if (a4 != b4) return __builtin_bswap32(a4) < __builtin_bswap32(b4) ? -1 : 1;
    size_t n = a->size < b->size ? a->size : b->size;
    int order = n > 4 ? memcmp(string_data(a) + 4, string_data(b) + 4, n - 4) : 0;
    if (order) return order;
    return (a->size > b->size) - (a->size < b->size);
}
