/* parse_option.c - lists of key = value: WITH (...), FROM KAFKA (...), COPY ... (...), and the value of SET. What a key means and which exist is for the
 * owner of the options to know. */
#include "sql/parser_internal.h"
#include "sql/printer.h"
#include <string.h>

/* Words joined by dots, in the arena, lower case unless quoted. */
static bool parse_dotted(struct parser *p, struct ast_name *out, const char *what)
{
    struct ast_name part;
    if (!parse_any_word(p, out, what)) return false;
    while (accept(p, SQL_TOKEN_DOT)) {
        if (!parse_any_word(p, &part, "a name after '.'")) return false;
        size_t size = out->size + 1 + part.size;
        char *joined = arena_alloc(p->arena, size + 1);
        if (!joined) return parser_oom(p);
        memcpy(joined, out->text, out->size);
        joined[out->size] = '.';
        memcpy(joined + out->size + 1, part.text, part.size + 1);
        out->text = joined;
        out->size = size;
        out->span.end = p->prev_end;
    }
    return true;
}

static bool parse_key(struct parser *p, struct ast_name *out)
{
    if (!at(p, SQL_TOKEN_STRING)) return parse_dotted(p, out, "an option name");
    *out = (struct ast_name){.span = {parser_token(p)->start, parser_token(p)->end},
                             .is_quoted = true};
    if (!parse_string(p, &out->text, &out->size, "an option name")) return false;
    return out->size > 0 || parser_fail(p, out->span.start, "an option name is empty");
}

static bool interval_value(struct parser *p, struct ast_option *out)
{
    out->kind = AST_OPTION_INTERVAL;
    out->interval = parse_interval(p);
    if (!out->interval) return false;
    const struct ast_interval *interval = &out->interval->u.interval;
    if (interval->value)
        return parser_fail(p, out->interval->span.start,
                           "the interval of an option must be a literal");
    out->text = interval->text;
    out->size = interval->size;
    if (interval->from == AST_UNIT_NONE || interval->to != AST_UNIT_NONE) return true;
    char *text = arena_printf(p->arena, "%s %s", interval->text, sql_unit_text(interval->from));
    if (!text) return parser_oom(p);
    for (char *c = text; *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c - 'A' + 'a');
    out->text = text;
    out->size = strlen(text);
    return true;
}

static bool number_value(struct parser *p, struct ast_option *out)
{
    bool is_negative = accept(p, SQL_TOKEN_MINUS);
    if (!is_negative) accept(p, SQL_TOKEN_PLUS);
    if (!at(p, SQL_TOKEN_NUMBER)) return parser_unexpected(p, "a number");
    struct ast_expr *number = parse_number(p);
    if (!number) return false;
    out->kind = AST_OPTION_NUMBER;
    out->text = is_negative ? arena_printf(p->arena, "-%s", number->u.number.text)
                            : number->u.number.text;
    if (!out->text) return parser_oom(p);
    out->size = strlen(out->text);
    return true;
}

/* 5s is the string '5s'. */
static bool duration_value(struct parser *p, struct ast_option *out)
{
    const struct sql_token *token = parser_token(p);
    out->kind = AST_OPTION_STRING;
    out->size = token->end - token->start;
    out->text = arena_strndup(p->arena, p->sql + token->start, out->size);
    if (!out->text) return parser_oom(p);
    parser_advance(p);
    return true;
}

static bool word_value(struct parser *p, struct ast_option *out)
{
    struct ast_name word;
    enum sql_keyword keyword = parser_token(p)->keyword;
    if (!parse_dotted(p, &word, "a value")) return false;
    bool is_single = word.size == strlen(sql_keyword_text(keyword));
    bool is_bool = is_single && (keyword == SQL_KW_TRUE || keyword == SQL_KW_FALSE);
    out->kind = is_bool                               ? AST_OPTION_BOOL
                : is_single && keyword == SQL_KW_NULL ? AST_OPTION_NULL
                                                      : AST_OPTION_WORD;
    out->text = word.text;
    out->size = word.size;
    return true;
}

static bool parse_value_inside(struct parser *p, struct ast_option *out)
{
    switch (parser_token(p)->kind) {
    case SQL_TOKEN_STRING:
        out->kind = AST_OPTION_STRING;
        return parse_string(p, &out->text, &out->size, "a value");
    case SQL_TOKEN_NUMBER:
    case SQL_TOKEN_MINUS:
    case SQL_TOKEN_PLUS: return number_value(p, out);
    case SQL_TOKEN_DURATION: return duration_value(p, out);
    case SQL_TOKEN_QUOTED: return parse_string(p, &out->text, &out->size, "a value");
    case SQL_TOKEN_WORD: {
        enum sql_token_kind next = parser_peek(p, 1)->kind;
        bool is_interval = at_keyword(p, SQL_KW_INTERVAL) &&
                           (next == SQL_TOKEN_STRING || next == SQL_TOKEN_NUMBER ||
                            next == SQL_TOKEN_DURATION || next == SQL_TOKEN_MINUS ||
                            next == SQL_TOKEN_LPAREN);
        return is_interval ? interval_value(p, out) : word_value(p, out);
    }
    default: return parser_unexpected(p, "a value");
    }
}

bool parse_option_value(struct parser *p, struct ast_option *out)
{
    out->value_span.start = parser_token(p)->start;
    if (!parse_value_inside(p, out)) return false;
    out->value_span.end = p->prev_end;
    return true;
}

bool parse_options(struct parser *p, struct ast_option_list *out, bool is_loose)
{
    struct list options = {0};
    uint32_t open = parser_token(p)->start;
    if (!expect(p, SQL_TOKEN_LPAREN)) return false;
    bool is_empty = at(p, SQL_TOKEN_RPAREN);
    while (!is_empty) {
        struct ast_option option = {0};
        if (!parse_key(p, &option.key)) return false;
        bool has_value = accept(p, SQL_TOKEN_EQ) ||
                         (is_loose && !at(p, SQL_TOKEN_COMMA) && !at(p, SQL_TOKEN_RPAREN));
        if (has_value) {
            if (!parse_option_value(p, &option)) return false;
        } else if (is_loose) { /* (FORMAT csv, HEADER) */
            option.kind = AST_OPTION_BOOL;
            option.text = "true";
            option.size = 4;
            option.value_span = option.key.span;
        } else {
            return parser_unexpected(p, "'=' and a value");
        }
        if (!PUSH(p, &options, option)) return false;
        if (!accept(p, SQL_TOKEN_COMMA)) break;
    }
    *out = (struct ast_option_list){options.items, options.n};
    return expect_close(p, SQL_TOKEN_RPAREN, open);
}
