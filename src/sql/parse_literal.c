/* parse_literal.c - numbers, intervals and durations, and literals with a type in front: DATE '2026-01-01'. */
#include "sql/parser_internal.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* --- Numbers ---------------------------------------------------------------------------------------------------------- */

static unsigned digit_of(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
}

/* 0x1F, 0o17, 0b101: text becomes decimal. */
static struct ast_expr *finish_based(struct parser *p, struct ast_expr *expr,
                                     const struct sql_token *token)
{
    const char *text = p->sql + token->start;
    char letter = (char)(text[1] | 0x20);
    uint64_t base = letter == 'x' ? 16 : letter == 'o' ? 8 : 2, value = 0;
    for (size_t i = 2; i < token->end - token->start; i++) {
        if (text[i] == '_') continue;
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit_of(text[i]), &value)) {
            parser_fail(p, token->start, "the number %.*s does not fit in 64 bits",
                        (int)(token->end - token->start), text);
            return NULL;
        }
    }
    char *digits = arena_printf(p->arena, "%llu", (unsigned long long)value);
    if (!digits) return parser_oom(p), NULL;
    expr->u.number.text = digits;
    expr->u.number.size = strlen(digits);
    expr->u.number.value = value;
    expr->u.number.fits_u64 = true;
    return expr;
}

struct ast_expr *parse_number(struct parser *p)
{
    struct sql_token token = *parser_token(p);
    parser_advance(p);
    struct ast_expr *expr = new_expr(p, AST_EXPR_NUMBER, token.start);
    if (!expr) return NULL;
    const char *text = p->sql + token.start;
    size_t size = token.end - token.start;
    if (size > 2 && text[0] == '0' && strchr("xXoObB", text[1]))
        return finish_based(p, expr, &token);
    char *digits = arena_alloc(p->arena, size + 1);
    if (!digits) return parser_oom(p), NULL;
    size_t n = 0;
    expr->u.number.class = AST_NUMBER_INTEGER;
    expr->u.number.fits_u64 = true;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (c == '_') continue;
        if (c == '.') expr->u.number.class = AST_NUMBER_DECIMAL;
        if (c == 'e' || c == 'E') expr->u.number.class = AST_NUMBER_FLOAT;
        digits[n++] = c == 'E' ? 'e' : c;
        if (c >= '0' && c <= '9' && expr->u.number.fits_u64) {
            uint64_t *value = &expr->u.number.value;
            expr->u.number.fits_u64 = !__builtin_mul_overflow(*value, (uint64_t)10, value) &&
                                      !__builtin_add_overflow(*value, (uint64_t)(c - '0'), value);
        }
    }
    digits[n] = 0;
    expr->u.number.text = digits;
    expr->u.number.size = n;
    if (expr->u.number.class != AST_NUMBER_INTEGER) expr->u.number.fits_u64 = false;
    if (!expr->u.number.fits_u64) expr->u.number.value = 0;
    return expr;
}

struct ast_expr *new_one(struct parser *p)
{
    struct ast_expr *expr = new_expr(p, AST_EXPR_NUMBER, parser_token(p)->start);
    if (!expr) return NULL;
    expr->u.number.class = AST_NUMBER_INTEGER;
    expr->u.number.text = "1";
    expr->u.number.size = 1;
    expr->u.number.value = 1;
    expr->u.number.fits_u64 = true;
    return expr;
}

/* --- Intervals -------------------------------------------------------------------------------------------------------- */

enum ast_unit unit_of(const char *text, size_t size)
{
    static const char *const names[] = {"",
#define UNIT_NAME(name, text) text,
                                        AST_UNIT_LIST(UNIT_NAME)
#undef UNIT_NAME
    };
    for (size_t i = 1; i < ARRAY_LENGTH(names); i++) {
        size_t n = strlen(names[i]);
        bool is_plural = size == n + 1 && (text[n] == 's' || text[n] == 'S');
        if ((size == n || is_plural) && strncasecmp(text, names[i], n) == 0)
            return (enum ast_unit)i;
    }
    return AST_UNIT_NONE;
}

static const struct {
    const char *suffix;
    enum ast_unit unit;
} short_units[] = {
    {"ns", AST_UNIT_NANOSECOND}, {"us", AST_UNIT_MICROSECOND}, {"ms", AST_UNIT_MILLISECOND},
    {"s", AST_UNIT_SECOND},      {"sec", AST_UNIT_SECOND},     {"m", AST_UNIT_MINUTE},
    {"min", AST_UNIT_MINUTE},    {"h", AST_UNIT_HOUR},         {"d", AST_UNIT_DAY},
    {"w", AST_UNIT_WEEK},
};

static enum ast_unit token_unit(struct parser *p, const struct sql_token *token)
{
    if (token->kind != SQL_TOKEN_WORD) return AST_UNIT_NONE;
    return unit_of(p->sql + token->start, token->end - token->start);
}

/* 30s, 1.5h at the current token. */
static struct ast_expr *parse_short_duration(struct parser *p)
{
    struct sql_token token = *parser_token(p);
    const char *text = p->sql + token.start;
    size_t size = token.end - token.start, n = 0;
    while (n < size && ((text[n] >= '0' && text[n] <= '9') || text[n] == '.')) n++;
    enum ast_unit unit = unit_of(text + n, size - n);
    for (size_t i = 0; i < ARRAY_LENGTH(short_units); i++)
        if (strlen(short_units[i].suffix) == size - n &&
            strncasecmp(short_units[i].suffix, text + n, size - n) == 0)
            unit = short_units[i].unit;
    if (unit == AST_UNIT_NONE) {
        parser_fail(p, token.start, "'%.*s' is not a duration", size > 40 ? 40 : (int)size, text);
        if (p->status == LAMINAR_SQL_PARSE_ERROR)
            error_hint(p->err, "write 250ms, 30s, 5m, 1h, 1d or an INTERVAL");
        return NULL;
    }
    parser_advance(p);
    struct ast_expr *expr = new_expr(p, AST_EXPR_INTERVAL, token.start);
    if (!expr) return NULL;
    expr->u.interval.text = arena_strndup(p->arena, text, n);
    expr->u.interval.size = n;
    expr->u.interval.from = unit;
    return expr->u.interval.text ? expr : (parser_oom(p), NULL);
}

/* The unit behind an interval's value, with `TO unit`. */
static bool parse_units(struct parser *p, struct ast_interval *interval, bool is_required)
{
    enum ast_unit unit = token_unit(p, parser_token(p));
    if (unit == AST_UNIT_NONE)
        return is_required ? parser_unexpected(p, "a unit such as SECOND, MINUTE, HOUR or DAY")
                           : true;
    interval->from = unit;
    parser_advance(p);
    if (peek_is_keyword(p, 0, SQL_KW_TO) && token_unit(p, parser_peek(p, 1)) != AST_UNIT_NONE) {
        parser_advance(p);
        interval->to = token_unit(p, parser_token(p));
        parser_advance(p);
        if (interval->to >= interval->from)
            return parser_fail(
                p, p->prev_end - 1,
                "the units of an interval go from the larger to the smaller, as in DAY TO SECOND");
    }
    return true;
}

/* A number, maybe signed, as the interval's text. */
static bool interval_number(struct parser *p, struct ast_interval *interval)
{
    bool is_negative = accept(p, SQL_TOKEN_MINUS);
    if (!is_negative) accept(p, SQL_TOKEN_PLUS);
    if (!at(p, SQL_TOKEN_NUMBER)) return parser_unexpected(p, "a number");
    struct ast_expr *number = parse_number(p);
    if (!number) return false;
    interval->text = is_negative ? arena_printf(p->arena, "-%s", number->u.number.text)
                                 : number->u.number.text;
    if (!interval->text) return parser_oom(p);
    interval->size = strlen(interval->text);
    return true;
}

/* At INTERVAL, which is known to begin an interval. */
struct ast_expr *parse_interval(struct parser *p)
{
    uint32_t start = parser_token(p)->start;
    parser_advance(p);
    struct ast_expr *expr = new_expr(p, AST_EXPR_INTERVAL, start);
    if (!expr) return NULL;
    struct ast_interval *interval = &expr->u.interval;
    if (at(p, SQL_TOKEN_DURATION)) {
        struct ast_expr *duration = parse_short_duration(p);
        if (!duration) return NULL;
        duration->span.start = start;
        return duration;
    }
    if (at(p, SQL_TOKEN_STRING)) {
        if (!parse_string(p, &interval->text, &interval->size, "a string") ||
            !parse_units(p, interval, false))
            return NULL;
    } else if (at(p, SQL_TOKEN_LPAREN) || at(p, SQL_TOKEN_PARAMETER) || at(p, SQL_TOKEN_QUESTION) ||
               at(p, SQL_TOKEN_COLON)) {
        interval->value = parse_primary(p);
        if (!interval->value || !parse_units(p, interval, true)) return NULL;
    } else if (at(p, SQL_TOKEN_NUMBER) || at(p, SQL_TOKEN_MINUS) || at(p, SQL_TOKEN_PLUS)) {
        if (!interval_number(p, interval) || !parse_units(p, interval, true)) return NULL;
    } else {
        const char *text;
        size_t size;
        parse_string(p, &text, &size, "a string or number after INTERVAL");
        return NULL;
    }
    return end_expr(p, expr);
}

struct ast_expr *parse_duration(struct parser *p)
{
    uint32_t start = parser_token(p)->start;
    if (accept(p, SQL_TOKEN_MINUS)) {
        uint32_t saved;
        struct ast_expr *minus = new_expr(p, AST_EXPR_UNARY, start);
        if (!minus || !enter(p, &saved)) return NULL;
        minus->u.unary.op = AST_UNARY_MINUS;
        minus->u.unary.operand = parse_duration(p);
        bool is_ok = minus->u.unary.operand && grow(p);
        leave(p, saved);
        return is_ok ? end_expr(p, minus) : NULL;
    }
    if (at(p, SQL_TOKEN_DURATION)) return parse_short_duration(p);
    if (at(p, SQL_TOKEN_NUMBER)) {
        struct ast_expr *number = parse_number(p);
        if (!number || token_unit(p, parser_token(p)) == AST_UNIT_NONE) return number;
        struct ast_expr *expr = new_expr(p, AST_EXPR_INTERVAL, start);
        if (!expr) return NULL;
        expr->u.interval.text = number->u.number.text;
        expr->u.interval.size = number->u.number.size;
        return parse_units(p, &expr->u.interval, true) ? end_expr(p, expr) : NULL;
    }
    if (at_keyword(p, SQL_KW_INTERVAL)) return parse_interval(p);
    bool is_computed = at(p, SQL_TOKEN_PARAMETER) || at(p, SQL_TOKEN_QUESTION) ||
                       at(p, SQL_TOKEN_COLON) || at(p, SQL_TOKEN_LPAREN) ||
                       peek_is_keyword(p, 0, SQL_KW_CAST);
    if (is_computed) return parse_primary(p);
    parser_unexpected(p, "an INTERVAL or a duration such as 5s");
    return NULL;
}

/* --- Typed literals --------------------------------------------------------------------------------------------------- */

/* Tokens of a type that may stand in front of a literal, 0 when the text at the current token is none: DATE, TIMESTAMP(3), TIME WITH TIME ZONE ... */
static size_t literal_type_tokens(struct parser *p)
{
    enum sql_keyword keyword = parser_token(p)->kind == SQL_TOKEN_WORD ? parser_token(p)->keyword
                                                                       : SQL_KW_NONE;
    switch ((int)keyword) {
    case SQL_KW_DATE:
    case SQL_KW_UUID:
    case SQL_KW_JSON:
    case SQL_KW_TIMESTAMPTZ: return 1;
    case SQL_KW_TIME:
    case SQL_KW_TIMESTAMP: break;
    default: return 0;
    }
    size_t n = 1;
    if (peek_is(p, n, SQL_TOKEN_LPAREN) && peek_is(p, n + 1, SQL_TOKEN_NUMBER) &&
        peek_is(p, n + 2, SQL_TOKEN_RPAREN))
        n += 3;
    bool has_zone = peek_is_keyword(p, n, SQL_KW_WITH) || peek_is_keyword(p, n, SQL_KW_WITHOUT);
    return has_zone && peek_is_keyword(p, n + 1, SQL_KW_TIME) &&
                   peek_is_keyword(p, n + 2, SQL_KW_ZONE)
               ? n + 3
               : n;
}

bool parse_typed_literal(struct parser *p, struct ast_expr **out)
{
    *out = NULL;
    size_t n = literal_type_tokens(p);
    if (n == 0 || !peek_is(p, n, SQL_TOKEN_STRING)) return true;
    struct ast_expr *expr = new_expr(p, AST_EXPR_TYPED_LITERAL, parser_token(p)->start);
    if (!expr) return false;
    expr->u.typed.type = parse_type(p);
    if (!expr->u.typed.type ||
        !parse_string(p, &expr->u.typed.text, &expr->u.typed.size, "a string"))
        return false;
    *out = end_expr(p, expr);
    return true;
}
