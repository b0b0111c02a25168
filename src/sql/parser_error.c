/* parser_error.c - what the parser says when it cannot go on: the position, what it expected, what it found, and the remedy for the usual mistakes.
 * Runs once a parse at most; cost does not matter here, being understood does. */
#include "base/strmap.h"
#include "sql/parser_internal.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_MAX = 40 };

bool parser_fail(struct parser *p, uint32_t offset, const char *format, ...)
{
    if (p->status != LAMINAR_OK) return false; /* the first cause stands */
    va_list args;
    va_start(args, format);
    p->status = error_set_v(p->err, LAMINAR_SQL_PARSE_ERROR, format, args);
    va_end(args);
    error_position(p->err, p->sql, p->size, offset);
    return false;
}

bool parser_oom(struct parser *p)
{
    if (p->status == LAMINAR_OK) p->status = error_oom(p->err);
    return false;
}

/* A token as an error shows it: its text, cut at SHOWN_MAX bytes (between characters). */
static void show_token(const struct parser *p, const struct sql_token *token, char *out,
                       size_t out_size)
{
    size_t size = token->end - token->start, shown = size > SHOWN_MAX ? SHOWN_MAX : size;
    while (shown > 0 && shown < size &&
           ((unsigned char)p->sql[token->start + shown] & 0xC0) == 0x80)
        shown--;
    const char *dots = shown < size ? "..." : "";
    if (token->kind == SQL_TOKEN_END)
        snprintf(out, out_size, "%s", sql_token_kind_text(SQL_TOKEN_END));
    else if (token->kind == SQL_TOKEN_STRING)
        snprintf(out, out_size, "the string %.*s%s", (int)shown, p->sql + token->start, dots);
    else
        snprintf(out, out_size, "'%.*s%s'", (int)shown, p->sql + token->start, dots);
}

static void lower_word(const struct parser *p, const struct sql_token *token, char *out,
                       size_t out_size)
{
    size_t n = token->end - token->start;
    if (n >= out_size) n = out_size - 1;
    for (size_t i = 0; i < n; i++) out[i] = (char)tolower((unsigned char)p->sql[token->start + i]);
    out[n] = 0;
}

/* The key word among `candidates` that `token` may be a misspelling of, or NONE. Short words must be nearer. */
static enum sql_keyword nearest_keyword(const struct parser *p, const struct sql_token *token,
                                        const enum sql_keyword *candidates, size_t n)
{
    char word[32], keyword[32];
    size_t size = token->end - token->start;
    if (token->kind != SQL_TOKEN_WORD || token->keyword != SQL_KW_NONE || size < 3 ||
        size >= sizeof word)
        return SQL_KW_NONE;
    lower_word(p, token, word, sizeof word);
    size_t best = size < 4 ? 1 : 2;
    enum sql_keyword found = SQL_KW_NONE;
    for (size_t i = 0; i < n; i++) {
        const char *text = sql_keyword_text(candidates[i]);
        if (strlen(text) < 3) continue;
        for (size_t j = 0; j <= strlen(text); j++)
            keyword[j] = (char)tolower((unsigned char)text[j]);
        size_t distance = edit_distance(word, keyword, best);
        if (distance < best || (distance == best && found == SQL_KW_NONE)) {
            best = distance;
            found = candidates[i];
        }
    }
    return found;
}

/* What may stand where an alias was read. */
static const enum sql_keyword clause_words[] = {
    SQL_KW_FROM,   SQL_KW_WHERE,  SQL_KW_GROUP,  SQL_KW_HAVING,    SQL_KW_ORDER,  SQL_KW_LIMIT,
    SQL_KW_OFFSET, SQL_KW_UNION,  SQL_KW_EXCEPT, SQL_KW_INTERSECT, SQL_KW_WINDOW, SQL_KW_QUALIFY,
    SQL_KW_JOIN,   SQL_KW_INNER,  SQL_KW_LEFT,   SQL_KW_RIGHT,     SQL_KW_CROSS,  SQL_KW_NATURAL,
    SQL_KW_ASOF,   SQL_KW_EMIT,   SQL_KW_USING,  SQL_KW_WITH,      SQL_KW_AND,    SQL_KW_BETWEEN,
    SQL_KW_LIKE,   SQL_KW_VALUES, SQL_KW_SET,
};

/* The token before this one was read as an alias, but is probably a misspelled key word: then that is the error. */
static bool fail_at_alias(struct parser *p)
{
    const struct sql_token *alias = &p->bare_alias;
    if (alias->end != p->prev_end) return false;
    enum sql_keyword keyword = nearest_keyword(p, alias, clause_words, ARRAY_LENGTH(clause_words));
    if (keyword == SQL_KW_NONE) return false;
    char shown[SHOWN_MAX + 32];
    show_token(p, alias, shown, sizeof shown);
    parser_fail(p, alias->start, "unexpected %s", shown);
    error_hint(p->err, "did you mean %s?", sql_keyword_text(keyword));
    return true;
}

static bool word_before_is(const struct parser *p, const char *word)
{
    size_t size = strlen(word);
    return p->prev_end >= size && strncasecmp(p->sql + p->prev_end - size, word, size) == 0;
}

static char byte_before(const struct parser *p)
{
    return p->prev_end ? p->sql[p->prev_end - 1] : 0;
}

/* The hint for the current token, after the error is set. */
static void hint_unexpected(struct parser *p, const char *what)
{
    const struct sql_token *token = parser_token(p);
    enum sql_keyword near = nearest_keyword(p, token, p->attempts, p->n_attempts);
    unsigned flags = token->kind == SQL_TOKEN_WORD ? sql_keyword_flags(token->keyword) : 0;
    if (near != SQL_KW_NONE) {
        error_hint(p->err, "did you mean %s?", sql_keyword_text(near));
    } else if (token->kind == SQL_TOKEN_EQ_EQ) {
        error_hint(p->err, "equality is written with one '='");
    } else if (token->kind == SQL_TOKEN_OVERLAPS) {
        error_hint(p->err, "did you mean AND?");
    } else if (token->kind == SQL_TOKEN_DURATION) {
        error_hint(
            p->err,
            "a number cannot be followed directly by letters: leave a space, or write INTERVAL '30' SECOND; names that begin with a digit "
            "need double quotes");
    } else if (token->kind == SQL_TOKEN_NUMBER && word_before_is(p, "top")) {
        error_hint(p->err, "TOP is not part of the dialect: put LIMIT n at the end of the query");
    } else if (token->kind == SQL_TOKEN_STRING && strstr(what, "name")) {
        error_hint(p->err,
                   "names are written in double quotes, or without quotes; '...' is a string");
    } else if (flags & SQL_KEYWORD_RESERVED && strstr(what, "name") &&
               !strstr(what, "table name") && token->end - token->start < SHOWN_MAX) {
        char lower[SHOWN_MAX + 1];
        lower_word(p, token, lower, sizeof lower);
        error_hint(p->err, "%s is a reserved word: write \"%s\" to use it as a name",
                   sql_keyword_text(token->keyword), lower);
    } else if (byte_before(p) == ',' && token->kind != SQL_TOKEN_COMMA &&
               (flags & SQL_KEYWORD_RESERVED || !at_expr_start(p))) {
        error_hint(p->err, "remove the comma before it");
    } else if (token->kind == SQL_TOKEN_RPAREN && p->depth == 0) {
        error_hint(p->err, "this ')' may be one too many");
    } else if (strstr(what, "','") && at_expr_start(p)) {
        error_hint(p->err, "a comma may be missing before it");
    }
}

static bool fail_lexical(struct parser *p, const struct sql_token *token)
{
    const char *hint = sql_lex_error_hint(token->error);
    if (token->error == SQL_LEX_BAD_CHARACTER || token->error == SQL_LEX_BAD_NUMBER ||
        token->error == SQL_LEX_BAD_BLOB) {
        char shown[SHOWN_MAX + 32];
        show_token(p, token, shown, sizeof shown);
        parser_fail(p, token->start, "%s: %s", sql_lex_error_message(token->error), shown);
    } else {
        parser_fail(p, token->start, "%s", sql_lex_error_message(token->error));
    }
    if (hint[0]) error_hint(p->err, "%s", hint);
    return false;
}

bool parser_unexpected(struct parser *p, const char *what)
{
    if (p->status != LAMINAR_OK) return false;
    const struct sql_token *token = parser_token(p);
    if (token->kind == SQL_TOKEN_ERROR) return fail_lexical(p, token);
    if (fail_at_alias(p)) return false;
    if (p->expected && p->expected_at == token->start) what = p->expected;
    char shown[SHOWN_MAX + 32];
    show_token(p, token, shown, sizeof shown);
    parser_fail(p, token->start, "expected %s, found %s", what, shown);
    hint_unexpected(p, what);
    return false;
}

bool expect_close(struct parser *p, enum sql_token_kind kind, uint32_t open)
{
    if (accept(p, kind)) return true;
    if (at(p, SQL_TOKEN_ERROR)) return parser_unexpected(p, "");
    if (p->status != LAMINAR_OK || fail_at_alias(p)) return false;
    size_t line = 1, column = 1;
    for (uint32_t i = 0; i < open; i++) {
        if (p->sql[i] == '\n')
            line++, column = 1;
        else
            column += ((unsigned char)p->sql[i] & 0xC0) != 0x80;
    }
    char shown[SHOWN_MAX + 32];
    show_token(p, parser_token(p), shown, sizeof shown);
    parser_fail(p, parser_token(p)->start,
                "expected %s to close the '%c' at line %zu, column %zu, found %s",
                sql_token_kind_text(kind), p->sql[open], line, column, shown);
    hint_unexpected(p, "','");
    return false;
}
