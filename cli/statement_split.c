/* statement_split.c - see statement_split.h.
 *
 * The shell shows the answer of each statement of a script, so it must know where one ends before the library parses it. This knows of
 * SQL only what can hide a `;`: '…' with doubled quotes, E'…' with backslashes, "…", $tag$…$tag$, -- and nesting comments. One pass. */
#include "statement_split.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* text[at..] begins a comment: the byte after it. */
static size_t skip_comment(const char *text, size_t size, size_t at)
{
    if (text[at] == '-') {
        while (at < size && text[at] != '\n') at++;
        return at;
    }
    size_t depth = 0;
    while (at < size) {
        if (at + 1 < size && text[at] == '/' && text[at + 1] == '*') {
            depth++;
            at += 2;
        } else if (at + 1 < size && text[at] == '*' && text[at + 1] == '/') {
            at += 2;
            if (--depth == 0) return at;
        } else {
            at++;
        }
    }
    return size;
}

static bool is_comment(const char *text, size_t size, size_t at)
{
    return at + 1 < size &&
           ((text[at] == '-' && text[at + 1] == '-') || (text[at] == '/' && text[at + 1] == '*'));
}

/* text[at] is the opening quote: the byte after the closing one. A doubled quote reopens at once, which comes to the same. */
static size_t skip_quoted(const char *text, size_t size, size_t at)
{
    char quote = text[at];
    bool has_escapes = quote == '\'' && at > 0 && (text[at - 1] == 'E' || text[at - 1] == 'e') &&
                       (at < 2 || !is_word(text[at - 2]));
    for (at++; at < size && text[at] != quote; at++)
        if (has_escapes && text[at] == '\\' && at + 1 < size) at++;
    return at < size ? at + 1 : size;
}

/* text[at] is `$`: past $tag$…$tag$, or past the dollar alone (a parameter). */
static size_t skip_dollar(const char *text, size_t size, size_t at)
{
    size_t end = at + 1;
    if (end < size && isdigit((unsigned char)text[end])) return end;
    while (end < size && is_word(text[end])) end++;
    if (end >= size || text[end] != '$') return at + 1;
    size_t tag = end + 1 - at;
    const char *close = memmem(text + end + 1, size - end - 1, text + at, tag);
    return close ? (size_t)(close - text) + tag : size;
}

size_t split_skip_blank(const char *text, size_t size)
{
    size_t at = 0;
    while (at < size) {
        if (isspace((unsigned char)text[at]))
            at++;
        else if (is_comment(text, size, at))
            at = skip_comment(text, size, at);
        else
            break;
    }
    return at;
}

size_t split_statement(const char *text, size_t size, bool *is_ended)
{
    size_t at = 0;
    *is_ended = false;
    while (at < size) {
        char c = text[at];
        if (c == ';') {
            *is_ended = true;
            return at + 1;
        }
        if (c == '\'' || c == '"')
            at = skip_quoted(text, size, at);
        else if (c == '$' && (at == 0 || !is_word(text[at - 1])))
            at = skip_dollar(text, size, at);
        else if (is_comment(text, size, at))
            at = skip_comment(text, size, at);
        else
            at++;
    }
    return size;
}

bool split_starts_with(const char *text, size_t size, const char *word)
{
    size_t at = split_skip_blank(text, size), length = strlen(word);
    if (size - at < length || strncasecmp(text + at, word, length) != 0) return false;
    return at + length == size || !is_word(text[at + length]);
}
