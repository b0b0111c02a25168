/* parse_primary.c - what operators stand between: literals, columns, calls, parentheses, subqueries, CASE, CAST, constructors; and what is put directly
 * behind them: ::type, [index], .field. */
#include "sql/parser_internal.h"
#include <string.h>

/* --- Parameters ------------------------------------------------------------------------------------------------------- */

static bool register_parameter(struct parser *p, uint32_t start, enum ast_parameter_kind kind)
{
    if (p->n_parameters > 0 && p->parameter_kind != kind) {
        parser_fail(p, start, "a statement cannot mix parameters written ?, $1 and :name");
        if (p->status == LAMINAR_SQL_PARSE_ERROR)
            error_hint(p->err, "write all of them in one of the three ways");
        return false;
    }
    p->parameter_kind = kind;
    return true;
}

enum { PARAMETER_MAX = 65535, NAMED_PARAMETER_MAX = 4096 }; /* names are searched one by one */

static bool numbered_parameter(struct parser *p, struct ast_expr *expr,
                               const struct sql_token *token)
{
    uint32_t number = 0;
    for (uint32_t i = token->start + 1; i < token->end && number <= PARAMETER_MAX; i++)
        number = number * 10 + (uint32_t)(p->sql[i] - '0');
    if (number == 0 || number > PARAMETER_MAX)
        return parser_fail(p, token->start, "parameters are numbered from $1 to $%d",
                           PARAMETER_MAX);
    expr->u.parameter.index = number - 1;
    if (number > p->n_parameters) p->n_parameters = number;
    return true;
}

static bool named_parameter(struct parser *p, struct ast_expr *expr)
{
    struct ast_name *name = &expr->u.parameter.name;
    if (!parse_any_word(p, name, "a parameter name")) return false;
    struct list names = {p->parameter_names.items, p->parameter_names.n,
                         p->parameter_names_capacity};
    uint32_t index = 0;
    while (index < names.n && strcmp(p->parameter_names.items[index].text, name->text) != 0)
        index++;
    expr->u.parameter.index = index;
    if (index < names.n) return true;
    if (index == NAMED_PARAMETER_MAX)
        return parser_fail(p, expr->span.start, "a statement has at most %d named parameters",
                           NAMED_PARAMETER_MAX);
    if (!PUSH(p, &names, *name)) return false;
    p->parameter_names = (struct ast_name_list){names.items, names.n};
    p->parameter_names_capacity = names.capacity;
    p->n_parameters = (uint32_t)names.n;
    return true;
}

static struct ast_expr *parse_parameter(struct parser *p)
{
    struct sql_token token = *parser_token(p);
    enum ast_parameter_kind kind = token.kind == SQL_TOKEN_QUESTION    ? AST_PARAMETER_POSITIONAL
                                   : token.kind == SQL_TOKEN_PARAMETER ? AST_PARAMETER_NUMBERED
                                                                       : AST_PARAMETER_NAMED;
    struct ast_expr *expr = new_expr(p, AST_EXPR_PARAMETER, token.start);
    if (!expr || !register_parameter(p, token.start, kind)) return NULL;
    expr->u.parameter.kind = kind;
    parser_advance(p);
    if (kind == AST_PARAMETER_NAMED) {
        if (!named_parameter(p, expr)) return NULL;
    } else if (kind == AST_PARAMETER_NUMBERED) {
        if (!numbered_parameter(p, expr, &token)) return NULL;
    } else if (p->n_parameters == PARAMETER_MAX) {
        parser_fail(p, token.start, "a statement has at most %d parameters", PARAMETER_MAX);
        return NULL;
    } else {
        expr->u.parameter.index = p->n_parameters++;
    }
    return end_expr(p, expr);
}

/* --- Parentheses, subqueries ------------------------------------------------------------------------------------------ */

struct ast_expr *parse_query_expr(struct parser *p, enum ast_expr_kind kind, uint32_t start)
{
    uint32_t open = parser_token(p)->start;
    struct ast_expr *expr = new_expr(p, kind, start);
    if (!expr || !expect(p, SQL_TOKEN_LPAREN)) return NULL;
    expr->u.query = parse_query(p);
    if (!expr->u.query || !expect_close(p, SQL_TOKEN_RPAREN, open)) return NULL;
    return end_expr(p, expr);
}

/* (a), (a, b), (SELECT ...), ((SELECT ...) UNION ...). */
static struct ast_expr *parse_parentheses(struct parser *p)
{
    uint32_t open = parser_token(p)->start;
    if (at_query_start(p, 1)) {
        struct ast_expr *query = parse_query_expr(p, AST_EXPR_SUBQUERY, open);
        return query && grow(p) ? query : NULL;
    }
    parser_advance(p);
    struct ast_expr_list list;
    if (at(p, SQL_TOKEN_RPAREN)) return parser_unexpected(p, "an expression"), NULL;
    if (!parse_expr_list(p, &list)) return NULL;
    struct ast_expr *expr = list.items[0];
    if (list.n > 1) {
        expr = new_expr(p, AST_EXPR_ROW, open);
        if (!expr || !grow(p)) return NULL;
        expr->u.list = list;
    } else if (expr->kind == AST_EXPR_SUBQUERY && at_query_rest(p)) {
        expr->u.query = parse_query_rest(p, expr->u.query);
        if (!expr->u.query || !grow(p)) return NULL;
    }
    if (!expect_close(p, SQL_TOKEN_RPAREN, open)) return NULL;
    expr->span.start = open;
    return end_expr(p, expr);
}

/* --- CASE, CAST, EXTRACT ---------------------------------------------------------------------------------------------- */

static struct ast_expr *parse_case(struct parser *p)
{
    struct list whens = {0};
    struct ast_expr *expr = new_expr(p, AST_EXPR_CASE, parser_token(p)->start);
    if (!expr) return NULL;
    parser_advance(p);
    if (!at_keyword(p, SQL_KW_WHEN)) {
        expr->u.case_.operand = parse_expr(p);
        if (!expr->u.case_.operand) return NULL;
    }
    do {
        struct ast_when when;
        if (!expect_keyword(p, SQL_KW_WHEN) || !(when.when = parse_expr(p))) return NULL;
        if (!expect_keyword(p, SQL_KW_THEN) || !(when.then = parse_expr(p))) return NULL;
        if (!PUSH(p, &whens, when)) return NULL;
    } while (at_keyword(p, SQL_KW_WHEN));
    if (accept_keyword(p, SQL_KW_ELSE) && !(expr->u.case_.otherwise = parse_expr(p))) return NULL;
    expr->u.case_.whens = whens.items;
    expr->u.case_.n_whens = whens.n;
    if (!accept_keyword(p, SQL_KW_END)) return parser_unexpected(p, "WHEN, ELSE or END"), NULL;
    return end_expr(p, expr);
}

static struct ast_expr *parse_cast(struct parser *p, bool is_try)
{
    struct ast_expr *expr = new_expr(p, AST_EXPR_CAST, parser_token(p)->start);
    parser_advance(p);
    uint32_t open = parser_token(p)->start;
    if (!expr || !expect(p, SQL_TOKEN_LPAREN)) return NULL;
    expr->u.cast.is_try = is_try;
    expr->u.cast.operand = parse_expr(p);
    if (!expr->u.cast.operand) return NULL;
    if (!accept_keyword(p, SQL_KW_AS)) {
        parser_unexpected(p, "AS and a type");
        return NULL;
    }
    expr->u.cast.type = parse_type(p);
    if (!expr->u.cast.type || !expect_close(p, SQL_TOKEN_RPAREN, open)) return NULL;
    return end_expr(p, expr);
}

/* EXTRACT(field FROM x); anything else in the parentheses makes it a plain call. */
static bool at_extract(struct parser *p)
{
    return at_keyword(p, SQL_KW_EXTRACT) && peek_is(p, 1, SQL_TOKEN_LPAREN) &&
           peek_is_keyword(p, 3, SQL_KW_FROM) &&
           (peek_is(p, 2, SQL_TOKEN_WORD) || peek_is(p, 2, SQL_TOKEN_STRING));
}

static struct ast_expr *parse_extract(struct parser *p)
{
    struct ast_expr *expr = new_expr(p, AST_EXPR_EXTRACT, parser_token(p)->start);
    if (!expr) return NULL;
    parser_advance(p);
    uint32_t open = parser_token(p)->start;
    parser_advance(p);
    struct ast_name *field = &expr->u.extract.field;
    if (at(p, SQL_TOKEN_STRING)) {
        field->span = (struct ast_span){parser_token(p)->start, parser_token(p)->end};
        if (!parse_string(p, &field->text, &field->size, "a field")) return NULL;
        if (field->size == 0)
            return parser_fail(p, field->span.start, "EXTRACT needs the name of a field"), NULL;
        char *lower = arena_strndup(p->arena, field->text, field->size);
        if (!lower) return parser_oom(p), NULL;
        for (char *c = lower; *c; c++)
            if (*c >= 'A' && *c <= 'Z') *c = (char)(*c - 'A' + 'a');
        field->text = lower;
    } else if (!parse_any_word(p, field, "a field")) {
        return NULL;
    }
    parser_advance(p); /* FROM */
    expr->u.extract.operand = parse_expr(p);
    if (!expr->u.extract.operand || !expect_close(p, SQL_TOKEN_RPAREN, open)) return NULL;
    return end_expr(p, expr);
}

/* --- Constructors ----------------------------------------------------------------------------------------------------- */

/* Elements up to the closing token, maybe none. */
static bool parse_elements(struct parser *p, struct ast_expr_list *out, enum sql_token_kind close)
{
    uint32_t open = parser_token(p)->start;
    parser_advance(p);
    if (!at(p, close) && !parse_expr_list(p, out)) return false;
    return expect_close(p, close, open);
}

static struct ast_expr *parse_list_of(struct parser *p, enum ast_expr_kind kind, uint32_t start,
                                      enum sql_token_kind close)
{
    struct ast_expr *expr = new_expr(p, kind, start);
    return expr && parse_elements(p, &expr->u.list, close) ? end_expr(p, expr) : NULL;
}

/* {'a': 1, b: 2} */
static struct ast_expr *parse_braces(struct parser *p)
{
    struct list fields = {0};
    uint32_t open = parser_token(p)->start;
    struct ast_expr *expr = new_expr(p, AST_EXPR_STRUCT, open);
    if (!expr) return NULL;
    parser_advance(p);
    while (!at(p, SQL_TOKEN_RBRACE)) {
        struct ast_struct_field field = {0};
        if (at(p, SQL_TOKEN_STRING)) {
            field.name.span = (struct ast_span){parser_token(p)->start, parser_token(p)->end};
            field.name.is_quoted = true;
            if (!parse_string(p, &field.name.text, &field.name.size, "a field name")) return NULL;
            if (field.name.size == 0)
                return parser_fail(p, field.name.span.start, "a field name is empty"), NULL;
        } else if (!parse_any_word(p, &field.name, "a field name")) {
            return NULL;
        }
        if (!expect(p, SQL_TOKEN_COLON) || !(field.value = parse_expr(p)) ||
            !PUSH(p, &fields, field))
            return NULL;
        if (!accept(p, SQL_TOKEN_COMMA)) break;
        if (at(p, SQL_TOKEN_RBRACE)) return parser_unexpected(p, "a field name"), NULL;
    }
    if (!expect_close(p, SQL_TOKEN_RBRACE, open)) return NULL;
    expr->u.structure.fields = fields.items;
    expr->u.structure.n = fields.n;
    return end_expr(p, expr);
}

/* STRUCT(1 AS a, b) */
static struct ast_expr *parse_struct(struct parser *p)
{
    struct list fields = {0};
    struct ast_expr *expr = new_expr(p, AST_EXPR_STRUCT, parser_token(p)->start);
    if (!expr) return NULL;
    parser_advance(p);
    uint32_t open = parser_token(p)->start;
    parser_advance(p);
    while (!at(p, SQL_TOKEN_RPAREN)) {
        struct ast_struct_field field = {0};
        if (!(field.value = parse_expr(p))) return NULL;
        if (accept_keyword(p, SQL_KW_AS) && !parse_any_word(p, &field.name, "a field name"))
            return NULL;
        if (!PUSH(p, &fields, field)) return NULL;
        if (!accept(p, SQL_TOKEN_COMMA)) break;
        if (at(p, SQL_TOKEN_RPAREN)) return parser_unexpected(p, "an expression"), NULL;
    }
    if (!expect_close(p, SQL_TOKEN_RPAREN, open)) return NULL;
    expr->u.structure.fields = fields.items;
    expr->u.structure.n = fields.n;
    return end_expr(p, expr);
}

/* MAP {k: v, ...} */
static struct ast_expr *parse_map_literal(struct parser *p)
{
    struct list keys = {0}, values = {0};
    struct ast_expr *expr = new_expr(p, AST_EXPR_MAP, parser_token(p)->start);
    if (!expr) return NULL;
    parser_advance(p);
    uint32_t open = parser_token(p)->start;
    parser_advance(p);
    while (!at(p, SQL_TOKEN_RBRACE)) {
        struct ast_expr *key = parse_expr(p);
        if (!key || !expect(p, SQL_TOKEN_COLON)) return NULL;
        struct ast_expr *value = parse_expr(p);
        if (!value || !PUSH(p, &keys, key) || !PUSH(p, &values, value)) return NULL;
        if (!accept(p, SQL_TOKEN_COMMA)) break;
        if (at(p, SQL_TOKEN_RBRACE)) return parser_unexpected(p, "an expression"), NULL;
    }
    if (!expect_close(p, SQL_TOKEN_RBRACE, open)) return NULL;
    expr->u.map.keys = (struct ast_expr_list){keys.items, keys.n};
    expr->u.map.values = (struct ast_expr_list){values.items, values.n};
    return end_expr(p, expr);
}

/* --- Columns and stars ------------------------------------------------------------------------------------------------ */

static bool parse_replacements(struct parser *p, struct ast_expr *star)
{
    struct list items = {0};
    uint32_t open = parser_token(p)->start;
    if (!expect(p, SQL_TOKEN_LPAREN)) return false;
    do {
        struct ast_replace_item item = {0};
        if (!(item.expr = parse_expr(p)) || !expect_keyword(p, SQL_KW_AS) ||
            !parse_any_word(p, &item.name, "a column name"))
            return false;
        if (!PUSH(p, &items, item)) return false;
    } while (accept(p, SQL_TOKEN_COMMA));
    star->u.star.replace = items.items;
    star->u.star.n_replace = items.n;
    return expect_close(p, SQL_TOKEN_RPAREN, open);
}

static bool parse_star_changes(struct parser *p, struct ast_expr *star)
{
    bool is_exclude = at_keyword(p, SQL_KW_EXCLUDE);
    bool is_except = at_keyword(p, SQL_KW_EXCEPT) && peek_is(p, 1, SQL_TOKEN_LPAREN) &&
                     !peek_is(p, 2, SQL_TOKEN_LPAREN) && !at_query_start(p, 2);
    if (is_exclude || is_except) {
        parser_advance(p);
        if (at(p, SQL_TOKEN_LPAREN)) {
            if (!parse_name_list(p, &star->u.star.exclude, "a column name")) return false;
        } else {
            struct list names = {0};
            struct ast_name name;
            if (!parse_name(p, &name, "a column name") || !PUSH(p, &names, name)) return false;
            star->u.star.exclude = (struct ast_name_list){names.items, names.n};
        }
    }
    return !accept_keyword(p, SQL_KW_REPLACE) || parse_replacements(p, star);
}

/* The qualifier of `n` tokens, the star, and what is changed of it. */
static bool parse_qualified_star(struct parser *p, struct ast_expr *star, size_t n)
{
    struct list parts = {0};
    for (; n > 0; n -= 2) {
        struct ast_name part;
        if (!parse_any_word(p, &part, "a name") || !PUSH(p, &parts, part)) return false;
        parser_advance(p);
    }
    star->u.star.qualifier = (struct ast_qname){
        parts.items, parts.n, {star->span.start, p->prev_end}};
    parser_advance(p);
    return parse_star_changes(p, star);
}

struct ast_expr *parse_star(struct parser *p, bool *is_star)
{
    size_t n = 0; /* tokens of the qualifier with its dots */
    while (n + 2 < PARSER_WINDOW &&
           (peek_is(p, n, SQL_TOKEN_WORD) || peek_is(p, n, SQL_TOKEN_QUOTED)) &&
           peek_is(p, n + 1, SQL_TOKEN_DOT))
        n += 2;
    *is_star = peek_is(p, n, SQL_TOKEN_STAR) && (n == 0 || at_name(p));
    if (!*is_star) return NULL;
    uint32_t saved;
    struct ast_expr *star = new_expr(p, AST_EXPR_STAR, parser_token(p)->start);
    if (!star || !enter(p, &saved)) return NULL;
    bool is_ok = parse_qualified_star(p, star, n) && grow(p);
    leave(p, saved);
    return is_ok ? end_expr(p, star) : NULL;
}

static struct ast_expr *parse_bare_function(struct parser *p)
{
    struct ast_expr *expr = new_expr(p, AST_EXPR_FUNCTION, parser_token(p)->start);
    struct ast_function *function = NEW(p, struct ast_function);
    struct list parts = {0};
    struct ast_name name;
    if (!expr || !function || !parse_any_word(p, &name, "a function") || !PUSH(p, &parts, name))
        return NULL;
    function->name = (struct ast_qname){parts.items, parts.n, name.span};
    if (at(p, SQL_TOKEN_LPAREN)) return parse_function_call(p, function->name, expr->span.start);
    function->is_bare = true;
    expr->u.function = function;
    return end_expr(p, expr);
}

/* A column, or a call when `(` follows. */
static struct ast_expr *parse_named(struct parser *p)
{
    uint32_t start = parser_token(p)->start;
    struct ast_qname name;
    if (!at_name(p) && peek_is(p, 1, SQL_TOKEN_LPAREN)) { /* left(...), right(...) */
        struct list parts = {0};
        struct ast_name part;
        if (!parse_any_word(p, &part, "a function") || !PUSH(p, &parts, part)) return NULL;
        return parse_function_call(p, (struct ast_qname){parts.items, parts.n, part.span}, start);
    }
    if (!parse_qname(p, &name, "an expression")) return NULL;
    if (at(p, SQL_TOKEN_LPAREN)) return parse_function_call(p, name, start);
    struct ast_expr *expr = new_expr(p, AST_EXPR_COLUMN, start);
    if (!expr) return NULL;
    expr->u.column = name;
    return end_expr(p, expr);
}

/* --- Primary ---------------------------------------------------------------------------------------------------------- */

static struct ast_expr *parse_constant(struct parser *p, enum ast_expr_kind kind, bool value)
{
    struct ast_expr *expr = new_expr(p, kind, parser_token(p)->start);
    if (!expr) return NULL;
    if (kind == AST_EXPR_BOOL) expr->u.boolean = value;
    parser_advance(p);
    return end_expr(p, expr);
}

static struct ast_expr *parse_string_literal(struct parser *p)
{
    struct ast_expr *expr = new_expr(p, AST_EXPR_STRING, parser_token(p)->start);
    if (!expr || !parse_string(p, &expr->u.string.text, &expr->u.string.size, "a string"))
        return NULL;
    return end_expr(p, expr);
}

static struct ast_expr *parse_blob(struct parser *p)
{
    struct ast_expr *expr = new_expr(p, AST_EXPR_BLOB, parser_token(p)->start);
    if (!expr) return NULL;
    p->status = sql_token_bytes(p->arena, p->sql, parser_token(p), &expr->u.blob.bytes,
                                &expr->u.blob.size, p->err);
    if (p->status != LAMINAR_OK) return NULL;
    parser_advance(p);
    return end_expr(p, expr);
}

/* INTERVAL is a literal where a value follows, else a name. */
static bool at_interval(struct parser *p)
{
    switch (parser_peek(p, 1)->kind) {
    case SQL_TOKEN_STRING:
    case SQL_TOKEN_NUMBER:
    case SQL_TOKEN_DURATION:
    case SQL_TOKEN_LPAREN:
    case SQL_TOKEN_PARAMETER:
    case SQL_TOKEN_QUESTION:
    case SQL_TOKEN_QUOTED: return true;
    case SQL_TOKEN_COLON: return peek_is(p, 2, SQL_TOKEN_WORD);
    case SQL_TOKEN_MINUS:
    case SQL_TOKEN_PLUS:
        return peek_is(p, 2, SQL_TOKEN_NUMBER) && peek_is(p, 3, SQL_TOKEN_WORD) &&
               unit_of(p->sql + parser_peek(p, 3)->start,
                       parser_peek(p, 3)->end - parser_peek(p, 3)->start) != AST_UNIT_NONE;
    default: return false;
    }
}

/* A word that begins something other than a column or a plain call. *is_special says whether it did. */
static struct ast_expr *parse_special_word(struct parser *p, bool *is_special)
{
    uint32_t start = parser_token(p)->start;
    enum sql_token_kind next = parser_peek(p, 1)->kind;
    *is_special = true;
    switch ((int)parser_token(p)->keyword) {
    case SQL_KW_NULL: return parse_constant(p, AST_EXPR_NULL, false);
    case SQL_KW_TRUE: return parse_constant(p, AST_EXPR_BOOL, true);
    case SQL_KW_FALSE: return parse_constant(p, AST_EXPR_BOOL, false);
    case SQL_KW_DEFAULT: return parse_constant(p, AST_EXPR_DEFAULT, false);
    case SQL_KW_CASE: return parse_case(p);
    case SQL_KW_CURRENT_DATE:
    case SQL_KW_CURRENT_TIME:
    case SQL_KW_CURRENT_TIMESTAMP:
    case SQL_KW_LOCALTIME:
    case SQL_KW_LOCALTIMESTAMP: return parse_bare_function(p);
    case SQL_KW_CAST:
    case SQL_KW_TRY_CAST:
        if (next == SQL_TOKEN_LPAREN)
            return parse_cast(p, parser_token(p)->keyword == SQL_KW_TRY_CAST);
        break;
    case SQL_KW_EXTRACT:
        if (at_extract(p)) return parse_extract(p);
        break;
    case SQL_KW_INTERVAL:
        if (at_interval(p)) return parse_interval(p);
        break;
    case SQL_KW_EXISTS:
        if (next == SQL_TOKEN_LPAREN)
            return parser_advance(p), parse_query_expr(p, AST_EXPR_EXISTS, start);
        break;
    case SQL_KW_ARRAY:
        if (next == SQL_TOKEN_LBRACKET)
            return parser_advance(p), parse_list_of(p, AST_EXPR_ARRAY, start, SQL_TOKEN_RBRACKET);
        if (next == SQL_TOKEN_LPAREN)
            return parser_advance(p), parse_query_expr(p, AST_EXPR_ARRAY_QUERY, start);
        break;
    case SQL_KW_ROW:
        if (next == SQL_TOKEN_LPAREN)
            return parser_advance(p), parse_list_of(p, AST_EXPR_ROW, start, SQL_TOKEN_RPAREN);
        break;
    case SQL_KW_STRUCT:
        if (next == SQL_TOKEN_LPAREN) return parse_struct(p);
        break;
    case SQL_KW_MAP:
        if (next == SQL_TOKEN_LBRACE) return parse_map_literal(p);
        break;
    default: break;
    }
    *is_special = false;
    return NULL;
}

static struct ast_expr *parse_word(struct parser *p)
{
    bool is_special;
    struct ast_expr *expr = parse_special_word(p, &is_special);
    if (is_special) return expr;
    if (!parse_typed_literal(p, &expr)) return NULL;
    if (expr) return expr;
    unsigned flags = sql_keyword_flags(parser_token(p)->keyword);
    bool is_function = (flags & SQL_KEYWORD_FUNCTION) && peek_is(p, 1, SQL_TOKEN_LPAREN);
    if ((flags & SQL_KEYWORD_RESERVED) && !is_function)
        return parser_unexpected(p, "an expression"), NULL;
    return parse_named(p);
}

static struct ast_expr *parse_unsuffixed(struct parser *p)
{
    const struct sql_token *token = parser_token(p);
    switch (token->kind) {
    case SQL_TOKEN_NUMBER: return parse_number(p);
    case SQL_TOKEN_STRING: return parse_string_literal(p);
    case SQL_TOKEN_BLOB: return parse_blob(p);
    case SQL_TOKEN_LPAREN: return parse_parentheses(p);
    case SQL_TOKEN_LBRACKET:
        return parse_list_of(p, AST_EXPR_ARRAY, token->start, SQL_TOKEN_RBRACKET);
    case SQL_TOKEN_LBRACE: return parse_braces(p);
    case SQL_TOKEN_PARAMETER:
    case SQL_TOKEN_QUESTION: return parse_parameter(p);
    case SQL_TOKEN_COLON:
        if (peek_is(p, 1, SQL_TOKEN_WORD) && parser_peek(p, 1)->start == token->end)
            return parse_parameter(p);
        break;
    case SQL_TOKEN_WORD: return parse_word(p);
    case SQL_TOKEN_QUOTED: return parse_named(p);
    default: break;
    }
    parser_unexpected(p, "an expression");
    return NULL;
}

/* [i] and [low:high] behind `operand`. */
static struct ast_expr *parse_subscript(struct parser *p, struct ast_expr *operand)
{
    uint32_t open = parser_token(p)->start;
    struct ast_expr *expr = new_expr(p, AST_EXPR_SUBSCRIPT, operand->span.start), *low = NULL,
                    *high = NULL;
    if (!expr) return NULL;
    parser_advance(p);
    if (!at(p, SQL_TOKEN_COLON) && !(low = parse_expr(p))) return NULL;
    bool is_slice = accept(p, SQL_TOKEN_COLON);
    if (is_slice && !at(p, SQL_TOKEN_RBRACKET) && !(high = parse_expr(p))) return NULL;
    if (!expect_close(p, SQL_TOKEN_RBRACKET, open)) return NULL;
    if (is_slice) {
        expr->kind = AST_EXPR_SLICE;
        expr->u.slice.operand = operand;
        expr->u.slice.low = low;
        expr->u.slice.high = high;
    } else {
        expr->u.subscript.operand = operand;
        expr->u.subscript.index = low;
    }
    return end_expr(p, expr);
}

static struct ast_expr *parse_field(struct parser *p, struct ast_expr *operand)
{
    struct ast_expr *expr = new_expr(p, AST_EXPR_FIELD, operand->span.start);
    if (!expr) return NULL;
    parser_advance(p);
    expr->u.field.operand = operand;
    return parse_any_word(p, &expr->u.field.name, "a field name after '.'") ? end_expr(p, expr)
                                                                            : NULL;
}

static struct ast_expr *parse_double_colon(struct parser *p, struct ast_expr *operand)
{
    struct ast_expr *expr = new_expr(p, AST_EXPR_CAST, operand->span.start);
    if (!expr) return NULL;
    parser_advance(p);
    expr->u.cast.operand = operand;
    expr->u.cast.type = parse_type(p);
    return expr->u.cast.type ? end_expr(p, expr) : NULL;
}

struct ast_expr *parse_primary(struct parser *p)
{
    bool is_parenthesis = at(p, SQL_TOKEN_LPAREN); /* counts its own nodes */
    struct ast_expr *expr = parse_unsuffixed(p);
    if (expr && !is_parenthesis && !grow(p)) return NULL;
    while (expr) {
        if (at(p, SQL_TOKEN_DOUBLE_COLON))
            expr = parse_double_colon(p, expr);
        else if (at(p, SQL_TOKEN_LBRACKET))
            expr = parse_subscript(p, expr);
        else if (at(p, SQL_TOKEN_DOT))
            expr = parse_field(p, expr);
        else
            break;
        if (expr && !grow(p)) expr = NULL;
    }
    return expr;
}
