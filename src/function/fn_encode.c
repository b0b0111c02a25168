/* fn_encode.c - digests and encodings: md5, sha224, sha256, xxhash64, encode, decode, to_hex, from_hex.
 *
 * MD5 by RFC 1321, SHA-2 by FIPS 180-4, base64 by RFC 4648; XXH64 with seed 0 is the xxHash library's. */
#define XXH_INLINE_ALL
#include <xxhash.h> /* before our compiler.h, whose names it would see */

#include "function/string_tool.h"

#define TEXT(name, k)                                                                              \
    const struct string_view *name##_view = &ROW(struct string_view, &args[k], i);                 \
    const char *name = string_data(name##_view);                                                   \
    const size_t name##_size = name##_view->size

static uint32_t rotate_left(uint32_t x, unsigned n) { return x << n | x >> (32 - n); }
static uint32_t rotate_right(uint32_t x, unsigned n) { return x >> n | x << (32 - n); }

enum { BLOCK_BYTES = 64 };

/* Feeds data in blocks of 64 bytes with the padding that MD5 and SHA-2 share: 0x80, zeros, length in bits. */
static void digest_blocks(const char *data, size_t size, uint32_t *state,
                          void (*block)(uint32_t *state, const unsigned char *p), bool big_endian)
{
    size_t at = 0;
    for (; at + BLOCK_BYTES <= size; at += BLOCK_BYTES)
        block(state, (const unsigned char *)data + at);
    unsigned char tail[2 * BLOCK_BYTES] = {0};
    size_t rest = size - at, tail_bytes = rest + 9 <= BLOCK_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES;
    memcpy(tail, data + at, rest);
    tail[rest] = 0x80;
    uint64_t bits = (uint64_t)size * 8;
    if (big_endian) bits = __builtin_bswap64(bits);
    memcpy(tail + tail_bytes - 8, &bits, 8);
    for (size_t k = 0; k < tail_bytes; k += BLOCK_BYTES) block(state, tail + k);
}

/* floor(2^32 * abs(sin(i + 1))), as RFC 1321 defines the table. */
static const uint32_t md5_table[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};

static void md5_block(uint32_t *state, const unsigned char *p)
{
    static const uint8_t shifts[4][4] = {
        {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    uint32_t words[16], a = state[0], b = state[1], c = state[2], d = state[3];
    memcpy(words, p, sizeof words);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t f;
        unsigned g;
        if (i < 16)
            f = (b & c) | (~b & d), g = i;
        else if (i < 32)
            f = (d & b) | (~d & c), g = (5 * i + 1) % 16;
        else if (i < 48)
            f = b ^ c ^ d, g = (3 * i + 5) % 16;
        else
            f = c ^ (b | ~d), g = 7 * i % 16;
        f += a + md5_table[i] + words[g];
        a = d;
        d = c;
        c = b;
        b += rotate_left(f, shifts[i / 16][i % 4]);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

/* First 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t sha256_table[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static void sha256_block(uint32_t *state, const unsigned char *p)
{
    uint32_t words[64], v[8];
    memcpy(words, p, 64);
    for (unsigned i = 0; i < 16; i++) words[i] = __builtin_bswap32(words[i]);
    for (unsigned i = 16; i < 64; i++) {
        uint32_t x = words[i - 15], y = words[i - 2];
        uint32_t s0 = rotate_right(x, 7) ^ rotate_right(x, 18) ^ x >> 3,
                 s1 = rotate_right(y, 17) ^ rotate_right(y, 19) ^ y >> 10;
        words[i] = words[i - 16] + s0 + words[i - 7] + s1;
    }
    memcpy(v, state, sizeof v);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t s1 = rotate_right(v[4], 6) ^ rotate_right(v[4], 11) ^ rotate_right(v[4], 25),
                 choose = (v[4] & v[5]) ^ (~v[4] & v[6]);
        uint32_t t1 = v[7] + s1 + choose + sha256_table[i] + words[i];
        uint32_t s0 = rotate_right(v[0], 2) ^ rotate_right(v[0], 13) ^ rotate_right(v[0], 22);
        uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]), t2 = s0 + majority;
        for (unsigned k = 7; k > 0; k--) v[k] = v[k - 1];
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (unsigned k = 0; k < 8; k++) state[k] += v[k];
}

static void put_hex(char *out, const unsigned char *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
}

static laminar_status md5_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
        digest_blocks(s, s_size, state, md5_block, false);
        char *r = string_start(out, i, 32);
        if (!r) return error_oom(env->err);
        put_hex(r, (const unsigned char *)state, sizeof state);
        string_end(out, i);
    }
    return LAMINAR_OK;
}
static always_inline laminar_status sha2(bool is_224, KERNEL_ARGS)
{
    static const uint32_t start[2][8] = {{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19},
                                         {0xc1059ed8, 0x367cd507, 0x3070dd17, 0xf70e5939,
                                          0xffc00b31, 0x68581511, 0x64f98fa7, 0xbefa4fa4}};
    size_t bytes = is_224 ? 28 : 32;
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        uint32_t state[8];
        memcpy(state, start[is_224], sizeof state);
        digest_blocks(s, s_size, state, sha256_block, true);
        for (int k = 0; k < 8; k++) state[k] = __builtin_bswap32(state[k]);
        char *r = string_start(out, i, bytes * 2);
        if (!r) return error_oom(env->err);
        put_hex(r, (const unsigned char *)state, bytes);
        string_end(out, i);
    }
    return LAMINAR_OK;
}
static laminar_status sha256_kernel(KERNEL_ARGS) { return sha2(false, fn, env, args, n, out); }
static laminar_status sha224_kernel(KERNEL_ARGS) { return sha2(true, fn, env, args, n, out); }
static laminar_status xxhash64_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        OUT(uint64_t, out)[i] = XXH64(s, s_size, 0);
    }
    return LAMINAR_OK;
}

/* --- Hexadecimal and base64 ---------------------------------------------------------------------------------------------------------------- */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_base64(char *out, const unsigned char *p, size_t size)
{
    size_t i = 0;
    for (; i + 3 <= size; i += 3, out += 4) {
        uint32_t word = (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8 | p[i + 2];
        for (int k = 0; k < 4; k++) out[k] = base64_digits[word >> (18 - 6 * k) & 63];
    }
    if (i == size) return;
    uint32_t word = (uint32_t)p[i] << 16 | (i + 1 < size ? (uint32_t)p[i + 1] << 8 : 0);
    out[0] = base64_digits[word >> 18];
    out[1] = base64_digits[word >> 12 & 63];
    out[2] = i + 1 < size ? base64_digits[word >> 6 & 63] : '=';
    out[3] = '=';
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}
/* Padding may be left out. False: not base64. */
static bool get_base64(char *out, const char *s, size_t size, size_t *used)
{
    while (size && s[size - 1] == '=') size--;
    uint32_t bits = 0;
    unsigned n_bits = 0;
    *used = 0;
    for (size_t i = 0; i < size; i++) {
        int value = base64_value(s[i]);
        if (value < 0) return false;
        bits = bits << 6 | (uint32_t)value;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[(*used)++] = (char)(bits >> n_bits & 255);
        }
    }
    return size % 4 != 1;
}
static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
static bool get_hex(char *out, const char *s, size_t size, size_t *used)
{
    *used = size / 2;
    for (size_t i = 0; i + 1 < size; i += 2) {
        int high = hex_value(s[i]), low = hex_value(s[i + 1]);
        if (high < 0 || low < 0) return false;
        out[i / 2] = (char)(high << 4 | low);
    }
    return size % 2 == 0;
}

enum encoding { ENCODING_HEX, ENCODING_BASE64, ENCODING_UNKNOWN };
static enum encoding encoding_of(const struct string_view *name)
{
    const char *s = string_data(name);
    if (name->size == 3 && memcmp(s, "hex", 3) == 0) return ENCODING_HEX;
    return name->size == 6 && memcmp(s, "base64", 6) == 0 ? ENCODING_BASE64 : ENCODING_UNKNOWN;
}

/* The encoding is argument 1, or fixed by fn->data (1 + encoding). */
static laminar_status encode_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        enum encoding encoding = fn->data ? (enum encoding)((uintptr_t)fn->data - 1)
                                          : encoding_of(&ROW(struct string_view, &args[1], i));
        size_t size = encoding == ENCODING_HEX ? s_size * 2 : (s_size + 2) / 3 * 4;
        if (unlikely(encoding == ENCODING_UNKNOWN)) {
            out_string_borrow(out, i, "", 0);
            if (column_is_valid(out, i) &&
                eval_fail(env, out, i, "unknown encoding '%s': hex and base64 are known",
                          VALUE_TEXT(&args[1], i)))
                return eval_failure(env);
            continue;
        }
        char *r = string_start(out, i, size);
        if (!r) return error_oom(env->err);
        if (encoding == ENCODING_HEX)
            put_hex(r, (const unsigned char *)s, s_size);
        else
            put_base64(r, (const unsigned char *)s, s_size);
        string_end(out, i);
    }
    return LAMINAR_OK;
}
static laminar_status decode_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        enum encoding encoding = fn->data ? (enum encoding)((uintptr_t)fn->data - 1)
                                          : encoding_of(&ROW(struct string_view, &args[1], i));
        size_t used = 0;
        char *r = column_string_alloc(out, s_size);
        if (!r) return error_oom(env->err);
        bool fits = encoding != ENCODING_UNKNOWN &&
                    (encoding == ENCODING_HEX ? get_hex : get_base64)(r, s, s_size, &used);
        out_string_borrow(out, i, r, fits ? used : 0);
        if (unlikely(!fits) && column_is_valid(out, i) &&
            eval_fail(env, out, i, "'%s' is not %s", VALUE_TEXT(&args[0], i),
                      encoding == ENCODING_HEX      ? "hexadecimal"
                      : encoding == ENCODING_BASE64 ? "base64"
                                                    : "in a known encoding (hex, base64)"))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}
static laminar_status to_hex_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t value = (uint64_t)ROW(int64_t, &args[0], i);
        char digits[16];
        size_t at = sizeof digits;
        do {
            digits[--at] = "0123456789abcdef"[value & 15];
            value >>= 4;
        } while (value);
        laminar_status status = out_string(out, i, digits + at, sizeof digits - at, env->err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}

#define FALLIBLE (FN_STRICT | FN_FALLIBLE)
#define DIGEST(name, result, kernel, help)                                                         \
    {                                                                                              \
        name, name "(text) -> " result, help, 1, 1, bind_overloads,                                \
            OVERLOADS({"s:s", kernel, FN_STRICT, NULL}, {"s:y", kernel, FN_STRICT, NULL})          \
    }
static const struct scalar_function functions[] = {
    DIGEST("md5", "VARCHAR", md5_kernel, "MD5 digest, in hexadecimal"),
    DIGEST("sha256", "VARCHAR", sha256_kernel, "SHA-256 digest, in hexadecimal"),
    DIGEST("sha224", "VARCHAR", sha224_kernel, "SHA-224 digest, in hexadecimal"),
    {"xxhash64", "xxhash64(text) -> BIGINT UNSIGNED", "XXH64 hash of the bytes", 1, 1,
     bind_overloads,
     OVERLOADS({"u:s", xxhash64_kernel, FN_STRICT, NULL},
               {"u:y", xxhash64_kernel, FN_STRICT, NULL})},
    {"encode", "encode(bytes, 'hex' or 'base64') -> VARCHAR", "Bytes as text", 2, 2, bind_overloads,
     OVERLOADS({"s:ys", encode_kernel, FALLIBLE, NULL}, {"s:ss", encode_kernel, FALLIBLE, NULL})},
    {"decode", "decode(text, 'hex' or 'base64') -> BINARY", "Text back to bytes", 2, 2,
     bind_overloads, OVERLOADS({"y:ss", decode_kernel, FALLIBLE, NULL})},
    {"to_base64", "to_base64(bytes) -> VARCHAR", "Bytes in base64", 1, 1, bind_overloads,
     OVERLOADS({"s:y", encode_kernel, FALLIBLE, (void *)(1 + ENCODING_BASE64)},
               {"s:s", encode_kernel, FALLIBLE, (void *)(1 + ENCODING_BASE64)})},
    {"from_base64", "from_base64(text) -> BINARY", "Base64 back to bytes", 1, 1, bind_overloads,
     OVERLOADS({"y:s", decode_kernel, FALLIBLE, (void *)(1 + ENCODING_BASE64)})},
    {"to_hex", "to_hex(BIGINT or bytes) -> VARCHAR", "In hexadecimal", 1, 1, bind_overloads,
     OVERLOADS({"s:l", to_hex_kernel, FN_STRICT, NULL},
               {"s:y", encode_kernel, FALLIBLE, (void *)(1 + ENCODING_HEX)},
               {"s:s", encode_kernel, FALLIBLE, (void *)(1 + ENCODING_HEX)})},
    {"hex", "hex(BIGINT or bytes) -> VARCHAR", "Same as to_hex", 1, 1, bind_overloads,
     OVERLOADS({"s:l", to_hex_kernel, FN_STRICT, NULL},
               {"s:y", encode_kernel, FALLIBLE, (void *)(1 + ENCODING_HEX)},
               {"s:s", encode_kernel, FALLIBLE, (void *)(1 + ENCODING_HEX)})},
    {"from_hex", "from_hex(text) -> BINARY", "Hexadecimal back to bytes", 1, 1, bind_overloads,
     OVERLOADS({"y:s", decode_kernel, FALLIBLE, (void *)(1 + ENCODING_HEX)})},
    {"unhex", "unhex(text) -> BINARY", "Same as from_hex", 1, 1, bind_overloads,
     OVERLOADS({"y:s", decode_kernel, FALLIBLE, (void *)(1 + ENCODING_HEX)})},
};
SCALAR_FAMILY(encode, functions);
