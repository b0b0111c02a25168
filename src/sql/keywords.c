/* keywords.c - see keywords.h. Lookup: binary search over the sorted list, O(log n) comparisons of at most KEYWORD_MAX bytes. */
#include "sql/keywords.h"
#include "base/compiler.h"
#include <stdint.h>
#include <string.h>

struct keyword {
    const char *text;
    uint8_t size;
    uint8_t flags;
};

static const struct keyword keywords[SQL_KEYWORD_COUNT] = {{"", 0, 0},
#define KEYWORD_ROW(word, kind) {#word, sizeof #word - 1, SQL_KW_##kind##_},
                                                           SQL_KEYWORD_LIST(KEYWORD_ROW)
#undef KEYWORD_ROW
};

enum { KEYWORD_MAX = 17 }; /* CURRENT_TIMESTAMP */

enum sql_keyword sql_keyword_find(const char *text, size_t size)
{
    if (size == 0 || size > KEYWORD_MAX) return SQL_KW_NONE;
    char upper[KEYWORD_MAX + 1];
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        upper[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    upper[size] = 0;
    size_t low = 1, high = SQL_KEYWORD_COUNT;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(upper, keywords[middle].text);
        if (order == 0)
            return keywords[middle].size == size ? (enum sql_keyword)middle : SQL_KW_NONE;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return SQL_KW_NONE;
}

const char *sql_keyword_text(enum sql_keyword keyword)
{
    return (size_t)keyword < ARRAY_LENGTH(keywords) ? keywords[keyword].text : "";
}

unsigned sql_keyword_flags(enum sql_keyword keyword)
{
    return (size_t)keyword < ARRAY_LENGTH(keywords) ? keywords[keyword].flags : 0;
}
