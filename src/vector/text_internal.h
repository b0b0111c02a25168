/* text_internal.h - shared by the text_*.c files: blanks, words, digits. */
#ifndef VECTOR_TEXT_INTERNAL_H
#define VECTOR_TEXT_INTERNAL_H

#include "vector/text.h"

static inline bool text_is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static inline bool text_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool text_is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

/* Surrounding blanks away. */
static inline void text_trim(const char **data, size_t *size)
{
    while (*size > 0 && text_is_blank((*data)[0])) (*data)++, (*size)--;
    while (*size > 0 && text_is_blank((*data)[*size - 1])) (*size)--;
}

/* data[0..size) is `word` (lower case), whatever its case. */
static inline bool text_is_word(const char *data, size_t size, const char *word)
{
    size_t i = 0;
    for (; i < size && word[i]; i++) {
        char c = data[i] >= 'A' && data[i] <= 'Z' ? (char)(data[i] | 0x20) : data[i];
        if (c != word[i]) return false;
    }
    return i == size && word[i] == 0;
}

/* Exactly `n` digits at p (p + n <= end), as a number. */
static inline bool text_take_digits(const char **p, const char *end, int n, int *out)
{
    if (end - *p < n) return false;
    int value = 0;
    for (int i = 0; i < n; i++) {
        if (!text_is_digit((*p)[i])) return false;
        value = value * 10 + ((*p)[i] - '0');
    }
    *p += n;
    *out = value;
    return true;
}

/* The digits after a decimal point as nanoseconds; the tenth digit rounds (half up), so 10^9 may come out. Needs a digit. */
static inline bool text_take_fraction(const char **p, const char *end, int64_t *out_nanos)
{
    int64_t nanos = 0, unit = 1000000000;
    bool round_up = false;
    const char *start = *p;
    for (; *p < end && text_is_digit(**p); (*p)++) {
        if (unit > 1) {
            unit /= 10;
            nanos += (**p - '0') * unit;
        } else if (*p - start == 9) {
            round_up = **p >= '5';
        }
    }
    *out_nanos = nanos + round_up;
    return *p > start;
}

#endif
