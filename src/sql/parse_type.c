/* parse_type.c - type names: DECIMAL(10, 2), TIMESTAMP(3) WITH TIME ZONE, BIGINT UNSIGNED, INT[][], ARRAY<T>, STRUCT<a T, ...>, MAP<K, V>.
 * Which names exist is the binder's to know; here only their shape is. */
#include "sql/parser_internal.h"
#include <string.h>

/* The '>' that closes ARRAY<...>: the lexer may have joined it with the next one. */
static bool expect_angle_close(struct parser *p, uint32_t open)
{
    struct sql_token *token = &p->window[p->window_first];
    if (token->kind == SQL_TOKEN_SHIFT_RIGHT) {
        token->kind = SQL_TOKEN_GT;
        token->start++;
        p->prev_end = token->start;
        return true;
    }
    return expect_close(p, SQL_TOKEN_GT, open);
}

/* `<` or `(`: which token closes is in *close. */
static bool open_bracket(struct parser *p, uint32_t *open, bool *is_angle)
{
    *open = parser_token(p)->start;
    *is_angle = at(p, SQL_TOKEN_LT);
    if (*is_angle || at(p, SQL_TOKEN_LPAREN)) {
        parser_advance(p);
        return true;
    }
    return parser_unexpected(p, "'<'");
}

static bool close_bracket(struct parser *p, uint32_t open, bool is_angle)
{
    return is_angle ? expect_angle_close(p, open) : expect_close(p, SQL_TOKEN_RPAREN, open);
}

static bool parse_struct_fields(struct parser *p, struct ast_type_name *type)
{
    struct list fields = {0};
    uint32_t open;
    bool is_angle;
    if (!open_bracket(p, &open, &is_angle)) return false;
    do {
        struct ast_type_field field = {0};
        if (!parse_name(p, &field.name, "a field name")) return false;
        accept(p, SQL_TOKEN_COLON);
        field.type = parse_type(p);
        if (!field.type || !PUSH(p, &fields, field)) return false;
    } while (accept(p, SQL_TOKEN_COMMA));
    type->kind = AST_TYPE_STRUCT;
    type->fields = fields.items;
    type->n_fields = fields.n;
    return close_bracket(p, open, is_angle);
}

static bool parse_map(struct parser *p, struct ast_type_name *type)
{
    uint32_t open;
    bool is_angle;
    if (!open_bracket(p, &open, &is_angle)) return false;
    type->kind = AST_TYPE_MAP;
    type->key = parse_type(p);
    if (!type->key || !expect(p, SQL_TOKEN_COMMA)) return false;
    type->element = parse_type(p);
    return type->element && close_bracket(p, open, is_angle);
}

static bool parse_type_args(struct parser *p, struct ast_type_name *type)
{
    uint32_t open = parser_token(p)->start;
    parser_advance(p);
    do {
        if (type->n_args == ARRAY_LENGTH(type->args))
            return parser_fail(p, parser_token(p)->start, "a type has at most two arguments");
        if (!parse_u64(p, &type->args[type->n_args++], "a number")) return false;
    } while (accept(p, SQL_TOKEN_COMMA));
    return expect_close(p, SQL_TOKEN_RPAREN, open);
}

static bool set_name(struct parser *p, struct ast_type_name *type, const char *text)
{
    type->name.size = strlen(text);
    type->name.text = arena_strndup(p->arena, text, type->name.size);
    return type->name.text || parser_oom(p);
}

static bool parse_simple(struct parser *p, struct ast_type_name *type)
{
    enum sql_keyword keyword = parser_token(p)->keyword;
    if (!parse_name(p, &type->name, "a type")) return false;
    if (type->name.is_quoted) keyword = SQL_KW_NONE;
    if (keyword == SQL_KW_DOUBLE) accept_keyword(p, SQL_KW_PRECISION);
    if (keyword == SQL_KW_CHARACTER &&
        !set_name(p, type, accept_keyword(p, SQL_KW_VARYING) ? "varchar" : "char"))
        return false;
    if (at(p, SQL_TOKEN_LPAREN) && !parse_type_args(p, type)) return false;
    if (keyword == SQL_KW_TIME || keyword == SQL_KW_TIMESTAMP) {
        bool is_with = peek_is_keyword(p, 0, SQL_KW_WITH),
             is_without = peek_is_keyword(p, 0, SQL_KW_WITHOUT);
        if ((is_with || is_without) && peek_is_keyword(p, 1, SQL_KW_TIME)) {
            parser_advance(p);
            parser_advance(p);
            if (!expect_keyword(p, SQL_KW_ZONE)) return false;
            type->zone = is_with ? AST_ZONE_WITH : AST_ZONE_WITHOUT;
        }
    }
    type->is_unsigned = peek_is_keyword(p, 0, SQL_KW_UNSIGNED);
    if (type->is_unsigned) parser_advance(p);
    return true;
}

/* [] and [n] behind a type wrap it. */
static struct ast_type_name *parse_array_suffixes(struct parser *p, struct ast_type_name *type)
{
    while (type && at(p, SQL_TOKEN_LBRACKET)) {
        uint32_t open = parser_token(p)->start;
        parser_advance(p);
        struct ast_type_name *array = NEW(p, struct ast_type_name);
        if (!array || !grow(p)) return NULL;
        array->kind = AST_TYPE_ARRAY;
        array->element = type;
        array->has_length = at(p, SQL_TOKEN_NUMBER);
        if (array->has_length && !parse_u64(p, &array->length, "a length")) return NULL;
        if (!expect_close(p, SQL_TOKEN_RBRACKET, open)) return NULL;
        array->span = (struct ast_span){type->span.start, p->prev_end};
        type = array;
    }
    return type;
}

static bool parse_base_type(struct parser *p, struct ast_type_name *type)
{
    bool is_bracket = peek_is(p, 1, SQL_TOKEN_LT) || peek_is(p, 1, SQL_TOKEN_LPAREN);
    if (!is_bracket) return parse_simple(p, type);
    if (peek_is_keyword(p, 0, SQL_KW_ARRAY)) {
        uint32_t open;
        bool is_angle;
        parser_advance(p);
        if (!open_bracket(p, &open, &is_angle)) return false;
        type->kind = AST_TYPE_ARRAY;
        type->element = parse_type(p);
        return type->element && close_bracket(p, open, is_angle);
    }
    if (peek_is_keyword(p, 0, SQL_KW_STRUCT) || peek_is_keyword(p, 0, SQL_KW_ROW)) {
        parser_advance(p);
        return parse_struct_fields(p, type);
    }
    if (peek_is_keyword(p, 0, SQL_KW_MAP)) {
        parser_advance(p);
        return parse_map(p, type);
    }
    return parse_simple(p, type);
}

struct ast_type_name *parse_type(struct parser *p)
{
    uint32_t saved, start = parser_token(p)->start;
    struct ast_type_name *type = NEW(p, struct ast_type_name);
    if (!type || !enter(p, &saved)) return NULL;
    bool is_ok = parse_base_type(p, type) && grow(p);
    if (is_ok) {
        type->span = (struct ast_span){start, p->prev_end};
        type = parse_array_suffixes(p, type);
    }
    leave(p, saved);
    return is_ok ? type : NULL;
}
