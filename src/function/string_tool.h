/* string_tool.h - small tools for kernels over UTF-8 strings: results written in place, characters counted and found. */
#ifndef FUNCTION_STRING_TOOL_H
#define FUNCTION_STRING_TOOL_H

#include "function/family.h"

/* Where the `size` bytes of row `row` go; NULL when memory is out. Then string_end. */
static inline char *string_start(struct column *out, size_t row, size_t size)
{
    struct string_view *s = &OUT(struct string_view, out)[row];
    memset(s, 0, sizeof *s);
    s->size = (uint32_t)size;
    if (size <= STRING_INLINE_MAX) return s->prefix;
    char *data = column_string_alloc(out, size);
    s->ptr = data;
    if (!data) s->size = 0;
    return data;
}
static inline void string_end(struct column *out, size_t row)
{
    struct string_view *s = &OUT(struct string_view, out)[row];
    if (s->size > STRING_INLINE_MAX) memcpy(s->prefix, s->ptr, sizeof s->prefix);
}

static inline bool is_char_start(char c) { return ((unsigned char)c & 0xC0) != 0x80; }
/* Characters in valid UTF-8: bytes that don't continue one, eight at a time. */
static inline size_t count_chars(const char *data, size_t size)
{
    const uint64_t ones = 0x0101010101010101ULL;
    size_t n = 0, i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, data + i, 8);
        n += (((~word >> 7) | (word >> 6)) & ones) * ones >> 56;
    }
    for (; i < size; i++) n += is_char_start(data[i]);
    return n;
}
/* Byte offset of character `index` (from 0); size when there are fewer. */
static inline size_t char_offset(const char *data, size_t size, size_t index)
{
    size_t at = 0;
    while (at < size && index > 0) {
        at++;
        while (at < size && !is_char_start(data[at])) at++;
        index--;
    }
    return at;
}
static inline size_t char_bytes(const char *data, size_t size)
{
    size_t n = size ? 1 : 0;
    while (n < size && !is_char_start(data[n])) n++;
    return n;
}
bool is_ascii(const char *data, size_t size);
/* ASCII letters to one case; other bytes stay. */
void change_ascii_case(char *restrict out, const char *restrict data, size_t size, bool to_upper);
/* First place of `needle` in data[0..size); SIZE_MAX if it is not there. An empty needle is at 0. */
size_t find_bytes(const char *data, size_t size, const char *needle, size_t needle_size);
/* The character at data (1 to 4 bytes) as code point, and the way back; out has room for 4 bytes. */
uint32_t decode_char(const char *data, size_t size, size_t *bytes);
size_t encode_char(uint32_t code, char *out);

/* A row's result would be too long. True: the kernel returns eval_failure. */
bool too_long_fail(const struct bound_function *fn, struct eval_env *env, struct column *out,
                   size_t row, size_t size);

#endif
