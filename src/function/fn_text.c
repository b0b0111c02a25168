/* fn_text.c - functions of text: length, case, trimming, parts, padding, joining.
 *
 * Positions and lengths count characters (code points), from 1. Parts of a text (substr, left, trim ...) borrow its bytes; only what is new is
 * written, and up to 12 bytes without touching the heap. Case follows Unicode's simple mappings (utf8proc), with a short cut for ASCII. */
#include "function/string_tool.h"
#include <utf8proc.h>

/* Each row's argument k as data and size. */
#define TEXT(name, k)                                                                              \
    const struct string_view *name##_view = &ROW(struct string_view, &args[k], i);                 \
    const char *name = string_data(name##_view);                                                   \
    const size_t name##_size = name##_view->size

/* --- Lengths ------------------------------------------------------------------------------------------------------------------------------ */

static laminar_status char_length_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        OUT(int64_t, out)[i] = (int64_t)count_chars(s, s_size);
    }
    return LAMINAR_OK;
}
static laminar_status octet_length_kernel(KERNEL_ARGS)
{
    const struct string_view *a = args[0].data;
    for (size_t i = 0; i < n; i++) OUT(int64_t, out)[i] = a[i].size;
    return LAMINAR_OK;
}
static laminar_status bit_length_kernel(KERNEL_ARGS)
{
    const struct string_view *a = args[0].data;
    for (size_t i = 0; i < n; i++) OUT(int64_t, out)[i] = (int64_t)a[i].size * 8;
    return LAMINAR_OK;
}

/* --- Case ---------------------------------------------------------------------------------------------------------------------------------- */

enum letter_case { CASE_LOWER, CASE_UPPER, CASE_INITCAP };

static char ascii_case(char c, bool upper)
{
    char first = upper ? 'a' : 'A';
    return (unsigned char)(c - first) < 26 ? (char)(c ^ 0x20) : c;
}
static bool is_word_char(uint32_t code)
{
    if (code < 0x80) return (code - '0') < 10 || ((code | 0x20) - 'a') < 26;
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);
    return category <= UTF8PROC_CATEGORY_LO && category >= UTF8PROC_CATEGORY_LU
               ? true
               : category == UTF8PROC_CATEGORY_ND;
}
/* Writes at most 2 bytes for each one of data (a mapping may take a longer character); returns the size. */
static size_t map_case(const char *data, size_t size, enum letter_case to, char *out)
{
    size_t at = 0, used = 0, bytes;
    bool in_word = false;
    for (; at < size; at += bytes) {
        uint32_t code = decode_char(data + at, size - at, &bytes);
        bool upper = to == CASE_UPPER || (to == CASE_INITCAP && !in_word);
        in_word = is_word_char(code);
        uint32_t mapped = code < 0x80 ? (uint32_t)(unsigned char)ascii_case((char)code, upper)
                          : upper     ? (uint32_t)utf8proc_toupper((utf8proc_int32_t)code)
                                      : (uint32_t)utf8proc_tolower((utf8proc_int32_t)code);
        used += encode_char(mapped, out + used);
    }
    return used;
}

static always_inline laminar_status change_case(enum letter_case to, KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        if (to != CASE_INITCAP && is_ascii(s, s_size)) {
            char *r = string_start(out, i, s_size);
            if (!r) return error_oom(env->err);
            change_ascii_case(r, s, s_size, to == CASE_UPPER);
            string_end(out, i);
            continue;
        }
        size_t bound = s_size * 2 + 4;
        char *r = column_string_alloc(out, bound);
        if (!r) return error_oom(env->err);
        out_string_borrow(out, i, r, map_case(s, s_size, to, r));
    }
    return LAMINAR_OK;
}
static laminar_status lower_kernel(KERNEL_ARGS)
{
    return change_case(CASE_LOWER, fn, env, args, n, out);
}
static laminar_status upper_kernel(KERNEL_ARGS)
{
    return change_case(CASE_UPPER, fn, env, args, n, out);
}
static laminar_status initcap_kernel(KERNEL_ARGS)
{
    return change_case(CASE_INITCAP, fn, env, args, n, out);
}

/* --- Trimming -------------------------------------------------------------------------------------------------------------------------------- */

/* The character at data is one of `set`'s. */
static bool is_one_of(const char *data, size_t bytes, const char *set, size_t set_size)
{
    for (size_t at = 0; at < set_size;) {
        size_t length = char_bytes(set + at, set_size - at);
        if (length == bytes && memcmp(data, set + at, bytes) == 0) return true;
        at += length;
    }
    return false;
}
static always_inline laminar_status trim(bool left, bool right, KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        const char *set = " ", *start = s, *end = s + s_size;
        size_t set_size = 1;
        if (fn->n_args > 1) {
            const struct string_view *chars = &ROW(struct string_view, &args[1], i);
            set = string_data(chars);
            set_size = chars->size;
        }
        while (left && start < end) {
            size_t bytes = char_bytes(start, (size_t)(end - start));
            if (!is_one_of(start, bytes, set, set_size)) break;
            start += bytes;
        }
        while (right && start < end) {
            const char *last = end - 1;
            while (last > start && !is_char_start(*last)) last--;
            if (!is_one_of(last, (size_t)(end - last), set, set_size)) break;
            end = last;
        }
        out_string_borrow(out, i, start, (size_t)(end - start));
    }
    return LAMINAR_OK;
}
static laminar_status btrim_kernel(KERNEL_ARGS) { return trim(true, true, fn, env, args, n, out); }
static laminar_status ltrim_kernel(KERNEL_ARGS) { return trim(true, false, fn, env, args, n, out); }
static laminar_status rtrim_kernel(KERNEL_ARGS) { return trim(false, true, fn, env, args, n, out); }

/* --- Parts ----------------------------------------------------------------------------------------------------------------------------------- */

/* Characters [from, to), from 0, limited to the text. */
static void put_part(struct column *out, size_t row, const char *s, size_t size, int64_t from,
                     int64_t to)
{
    if (from < 0) from = 0;
    if (to <= from || (uint64_t)from >= size) {
        out_string_borrow(out, row, "", 0);
        return;
    }
    size_t start, length;
    if (size <= STRING_INLINE_MAX || !is_ascii(s, size)) {
        start = char_offset(s, size, (size_t)from);
        length = char_offset(s + start, size - start, (size_t)(to - from));
    } else {
        start = (size_t)from;
        length = (uint64_t)to > size ? size - start : (size_t)(to - from);
    }
    out_string_borrow(out, row, s + start, length);
}

/* substr(s, start [, length]): positions before 1 count, as in PostgreSQL. */
static laminar_status substr_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        int64_t start = ROW(int64_t, &args[1], i), from, to = INT64_MAX;
        if (__builtin_sub_overflow(start, 1, &from)) from = INT64_MIN;
        if (fn->n_args > 2) {
            int64_t length = ROW(int64_t, &args[2], i);
            if (unlikely(length < 0)) {
                out_string_borrow(out, i, "", 0);
                if (column_is_valid(out, i) &&
                    eval_fail(env, out, i, "substr: the length %lld is negative",
                              (long long)length))
                    return eval_failure(env);
                continue;
            }
            if (__builtin_add_overflow(from, length, &to)) to = INT64_MAX;
        }
        put_part(out, i, s, s_size, from, to);
    }
    return LAMINAR_OK;
}
/* left(s, -n) is all but the last n. */
static laminar_status left_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        int64_t count = ROW(int64_t, &args[1], i);
        if (count < 0)
            count = (int64_t)count_chars(s, s_size) +
                    (count < -INT64_MAX / 2 ? -INT64_MAX / 2 : count);
        put_part(out, i, s, s_size, 0, count);
    }
    return LAMINAR_OK;
}
static laminar_status right_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        int64_t count = ROW(int64_t, &args[1], i), length = (int64_t)count_chars(s, s_size);
        int64_t from = count >= 0        ? (count > length ? 0 : length - count)
                       : count < -length ? length
                                         : -count;
        put_part(out, i, s, s_size, from, length);
    }
    return LAMINAR_OK;
}
static laminar_status split_part_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        TEXT(separator, 1);
        int64_t index = ROW(int64_t, &args[2], i);
        out_string_borrow(out, i, "", 0);
        if (unlikely(index == 0)) {
            if (column_is_valid(out, i) &&
                eval_fail(env, out, i,
                          "split_part: parts are counted from 1, or from -1 at the end"))
                return eval_failure(env);
            continue;
        }
        if (separator_size == 0) {
            if (index == 1 || index == -1) OUT(struct string_view, out)[i] = *s_view;
            continue;
        }
        int64_t parts = 1;
        if (index < 0) { /* count them, to know which one it is from the start */
            for (size_t at = 0, found;
                 (found = find_bytes(s + at, s_size - at, separator, separator_size)) != SIZE_MAX;
                 at += found + separator_size)
                parts++;
            index = index < -parts ? 0 : parts + index + 1;
        }
        size_t at = 0, found = 0;
        int64_t part = 1;
        while (part < index &&
               (found = find_bytes(s + at, s_size - at, separator, separator_size)) != SIZE_MAX) {
            at += found + separator_size;
            part++;
        }
        if (index < 1 || part < index) continue;
        found = find_bytes(s + at, s_size - at, separator, separator_size);
        out_string_borrow(out, i, s + at, found == SIZE_MAX ? s_size - at : found);
    }
    return LAMINAR_OK;
}

/* --- Searching ------------------------------------------------------------------------------------------------------------------------------- */

static always_inline laminar_status position(uint32_t text_arg, KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, text_arg);
        TEXT(needle, 1 - text_arg);
        size_t at = find_bytes(s, s_size, needle, needle_size);
        OUT(int64_t, out)[i] = at == SIZE_MAX ? 0 : (int64_t)count_chars(s, at) + 1;
    }
    return LAMINAR_OK;
}
static laminar_status strpos_kernel(KERNEL_ARGS) { return position(0, fn, env, args, n, out); }
static laminar_status position_kernel(KERNEL_ARGS) { return position(1, fn, env, args, n, out); }
static laminar_status starts_with_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        TEXT(p, 1);
        OUT(uint8_t, out)[i] = p_size <= s_size && memcmp(s, p, p_size) == 0;
    }
    return LAMINAR_OK;
}
static laminar_status ends_with_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        TEXT(p, 1);
        OUT(uint8_t, out)[i] = p_size <= s_size && memcmp(s + s_size - p_size, p, p_size) == 0;
    }
    return LAMINAR_OK;
}
static laminar_status contains_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        TEXT(p, 1);
        OUT(uint8_t, out)[i] = find_bytes(s, s_size, p, p_size) != SIZE_MAX;
    }
    return LAMINAR_OK;
}
static laminar_status ascii_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        TEXT(s, 0);
        size_t bytes;
        OUT(int64_t, out)[i] = s_size ? decode_char(s, s_size, &bytes) : 0;
    }
    return LAMINAR_OK;
}
static laminar_status chr_kernel(KERNEL_ARGS)
{
    for (size_t i = 0; i < n; i++) {
        int64_t code = ROW(int64_t, &args[0], i);
        bool fits = code > 0 && code <= 0x10FFFF && !(code >= 0xD800 && code <= 0xDFFF);
        char bytes[4];
        out_string_borrow(out, i, bytes, fits ? encode_char((uint32_t)code, bytes) : 0);
        if (unlikely(!fits) && column_is_valid(out, i) &&
            eval_fail(env, out, i, "there is no character %lld", (long long)code))
            return eval_failure(env);
    }
    return LAMINAR_OK;
}

static const struct scalar_function functions[] = {
#define ONE(name, type, result, kernel, help)                                                      \
    {                                                                                              \
        name, name "(text) -> " type, help, 1, 1, bind_overloads,                                  \
            OVERLOADS({result ":s", kernel, FN_STRICT, NULL})                                      \
    }
#define TWO(name, signature, text, kernel, help)                                                   \
    {                                                                                              \
        name, text, help, 2, 2, bind_overloads, OVERLOADS({signature, kernel, FN_STRICT, NULL})    \
    }
    {"length", "length(text) -> BIGINT", "Number of characters (of bytes, for BINARY)", 1, 1,
     bind_overloads,
     OVERLOADS({"l:s", char_length_kernel, FN_STRICT, NULL},
               {"l:y", octet_length_kernel, FN_STRICT, NULL})},
    ONE("char_length", "BIGINT", "l", char_length_kernel, "Number of characters"),
    ONE("character_length", "BIGINT", "l", char_length_kernel, "Number of characters"),
    {"octet_length", "octet_length(text) -> BIGINT", "Number of bytes", 1, 1, bind_overloads,
     OVERLOADS({"l:s", octet_length_kernel, FN_STRICT, NULL},
               {"l:y", octet_length_kernel, FN_STRICT, NULL})},
    {"bit_length", "bit_length(text) -> BIGINT", "Number of bits", 1, 1, bind_overloads,
     OVERLOADS({"l:s", bit_length_kernel, FN_STRICT, NULL},
               {"l:y", bit_length_kernel, FN_STRICT, NULL})},
    ONE("lower", "VARCHAR", "s", lower_kernel, "In lower case"),
    ONE("lcase", "VARCHAR", "s", lower_kernel, "In lower case"),
    ONE("upper", "VARCHAR", "s", upper_kernel, "In upper case"),
    ONE("ucase", "VARCHAR", "s", upper_kernel, "In upper case"),
    ONE("initcap", "VARCHAR", "s", initcap_kernel, "Each word with a capital"),
#define TRIM(name, kernel, help)                                                                   \
    {                                                                                              \
        name, name "(text [, characters]) -> VARCHAR", help, 1, 2, bind_overloads,                 \
            OVERLOADS({"s:s", kernel, FN_STRICT, NULL}, {"s:ss", kernel, FN_STRICT, NULL})         \
    }
    TRIM("trim", btrim_kernel, "Without blanks (or the characters) at both ends"),
    TRIM("btrim", btrim_kernel, "Without blanks (or the characters) at both ends"),
    TRIM("ltrim", ltrim_kernel, "Without blanks (or the characters) at the start"),
    TRIM("rtrim", rtrim_kernel, "Without blanks (or the characters) at the end"),
#define SUBSTR(name)                                                                               \
    {                                                                                              \
        name, name "(text, start [, length]) -> VARCHAR", "The part from a position on", 2, 3,     \
            bind_overloads,                                                                        \
            OVERLOADS({"s:sl", substr_kernel, FN_STRICT, NULL},                                    \
                      {"s:sll", substr_kernel, FN_STRICT | FN_FALLIBLE, NULL})                     \
    }
    SUBSTR("substr"),
    SUBSTR("substring"),
    TWO("left", "s:sl", "left(text, n) -> VARCHAR", left_kernel,
        "The first n characters; for negative n all but the last"),
    TWO("right", "s:sl", "right(text, n) -> VARCHAR", right_kernel,
        "The last n characters; for negative n all but the first"),
    {"split_part", "split_part(text, separator, n) -> VARCHAR", "The n-th part", 3, 3,
     bind_overloads, OVERLOADS({"s:ssl", split_part_kernel, FN_STRICT | FN_FALLIBLE, NULL})},
    TWO("strpos", "l:ss", "strpos(text, part) -> BIGINT", strpos_kernel,
        "Where the part is first found; 0 if it is not"),
    TWO("instr", "l:ss", "instr(text, part) -> BIGINT", strpos_kernel, "Same as strpos"),
    TWO("position", "l:ss", "position(part IN text) -> BIGINT", position_kernel,
        "Where the part is first found; 0 if it is not"),
    TWO("starts_with", "b:ss", "starts_with(text, part) -> BOOLEAN", starts_with_kernel,
        "True if the text begins with the part"),
    TWO("prefix", "b:ss", "prefix(text, part) -> BOOLEAN", starts_with_kernel,
        "Same as starts_with"),
    TWO("ends_with", "b:ss", "ends_with(text, part) -> BOOLEAN", ends_with_kernel,
        "True if the text ends with the part"),
    TWO("suffix", "b:ss", "suffix(text, part) -> BOOLEAN", ends_with_kernel, "Same as ends_with"),
    TWO("contains", "b:ss", "contains(text, part) -> BOOLEAN", contains_kernel,
        "True if the part is in the text"),
    ONE("ascii", "BIGINT", "l", ascii_kernel, "Code point of the first character"),
    ONE("unicode", "BIGINT", "l", ascii_kernel, "Code point of the first character"),
    ONE("ord", "BIGINT", "l", ascii_kernel, "Code point of the first character"),
    {"chr", "chr(code) -> VARCHAR", "The character with that code point", 1, 1, bind_overloads,
     OVERLOADS({"s:l", chr_kernel, FN_STRICT | FN_FALLIBLE, NULL})},
};
SCALAR_FAMILY(text, functions);
