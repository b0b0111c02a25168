/* parser.c - the entry points of parser.h, and what all grammar files stand on: the window of tokens, names, lists, the depth.
 *
 * Depth: `depth` counts the constructs that are open, which bounds the recursion of the parser; parentheses count, and printing
 * may add some, hence the larger bound. `tallest` is the height of the tallest subtree inside the innermost open construct: each
 * node that is put on top adds one (grow), so a chain of operators that grows a tree without recursion is bounded too. */
#include "sql/parser_internal.h"
#include <string.h>

static void parser_init(struct parser *p, struct arena *arena, const char *sql, size_t size,
                        struct laminar_error *err)
{
    *p = (struct parser){.arena = arena, .sql = sql, .size = size, .err = err};
    sql_lexer_init(&p->lexer, sql, size);
    p->window[0] = sql_lexer_next(&p->lexer);
    p->window_n = 1;
    p->expected_at = UINT32_MAX;
    p->bare_alias.end = UINT32_MAX;
}

const struct sql_token *parser_peek(struct parser *p, size_t n)
{
    while (p->window_n <= n) {
        p->window[(p->window_first + p->window_n) % PARSER_WINDOW] = sql_lexer_next(&p->lexer);
        p->window_n++;
    }
    return &p->window[(p->window_first + n) % PARSER_WINDOW];
}

void parser_advance(struct parser *p)
{
    parser_peek(p, 1);
    p->prev_end = parser_token(p)->end;
    p->window_first = (p->window_first + 1) % PARSER_WINDOW;
    p->window_n--;
    p->n_attempts = 0;
}

bool at_keyword(struct parser *p, enum sql_keyword keyword)
{
    const struct sql_token *token = parser_token(p);
    if (token->kind == SQL_TOKEN_WORD && token->keyword == keyword) return true;
    if (p->n_attempts < PARSER_ATTEMPTS) p->attempts[p->n_attempts++] = keyword;
    return false;
}

bool peek_is(struct parser *p, size_t n, enum sql_token_kind kind)
{
    return parser_peek(p, n)->kind == kind;
}

bool peek_is_keyword(struct parser *p, size_t n, enum sql_keyword keyword)
{
    const struct sql_token *token = parser_peek(p, n);
    return token->kind == SQL_TOKEN_WORD && token->keyword == keyword;
}

bool at_keywords(struct parser *p, enum sql_keyword first, enum sql_keyword second)
{
    return at_keyword(p, first) && peek_is_keyword(p, 1, second);
}

bool accept(struct parser *p, enum sql_token_kind kind)
{
    if (!at(p, kind)) return false;
    parser_advance(p);
    return true;
}

bool accept_keyword(struct parser *p, enum sql_keyword keyword)
{
    if (!at_keyword(p, keyword)) return false;
    parser_advance(p);
    return true;
}

bool accept_keywords(struct parser *p, enum sql_keyword first, enum sql_keyword second)
{
    if (!at_keywords(p, first, second)) return false;
    parser_advance(p);
    parser_advance(p);
    return true;
}

bool expect(struct parser *p, enum sql_token_kind kind)
{
    return accept(p, kind) || parser_unexpected(p, sql_token_kind_text(kind));
}

bool expect_keyword(struct parser *p, enum sql_keyword keyword)
{
    return accept_keyword(p, keyword) || parser_unexpected(p, sql_keyword_text(keyword));
}

bool at_name(struct parser *p)
{
    const struct sql_token *token = parser_token(p);
    return token->kind == SQL_TOKEN_QUOTED ||
           (token->kind == SQL_TOKEN_WORD &&
            !(sql_keyword_flags(token->keyword) & SQL_KEYWORD_RESERVED));
}

bool at_query_start(struct parser *p, size_t n)
{
    return peek_is_keyword(p, n, SQL_KW_SELECT) || peek_is_keyword(p, n, SQL_KW_WITH) ||
           peek_is_keyword(p, n, SQL_KW_FROM) ||
           (peek_is_keyword(p, n, SQL_KW_VALUES) && n + 1 < PARSER_WINDOW &&
            peek_is(p, n + 1, SQL_TOKEN_LPAREN));
}

bool at_expr_start(struct parser *p)
{
    switch (parser_token(p)->kind) {
    case SQL_TOKEN_STRING:
    case SQL_TOKEN_BLOB:
    case SQL_TOKEN_NUMBER:
    case SQL_TOKEN_PARAMETER:
    case SQL_TOKEN_QUESTION:
    case SQL_TOKEN_LPAREN:
    case SQL_TOKEN_QUOTED: return true;
    case SQL_TOKEN_WORD: break;
    default: return false;
    }
    enum sql_keyword keyword = parser_token(p)->keyword;
    return at_name(p) || keyword == SQL_KW_CASE || keyword == SQL_KW_NULL ||
           keyword == SQL_KW_TRUE || keyword == SQL_KW_FALSE || keyword == SQL_KW_NOT ||
           ((sql_keyword_flags(keyword) & SQL_KEYWORD_FUNCTION) && peek_is(p, 1, SQL_TOKEN_LPAREN));
}

/* --- Nodes, lists, depth ---------------------------------------------------------------------------------------------- */

void *parser_alloc(struct parser *p, size_t size)
{
    void *memory = arena_calloc(p->arena, 1, size);
    if (!memory) parser_oom(p);
    return memory;
}

struct ast_expr *new_expr(struct parser *p, enum ast_expr_kind kind, uint32_t start)
{
    struct ast_expr *expr = NEW(p, struct ast_expr);
    if (!expr) return NULL;
    expr->kind = kind;
    expr->span.start = start;
    expr->span.end = p->prev_end;
    return expr;
}

bool list_push(struct parser *p, struct list *list, const void *item, size_t item_size)
{
    if (list->n == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 4, size;
        void *items = size_mul(capacity, item_size, &size) ? arena_alloc(p->arena, size) : NULL;
        if (!items) return parser_oom(p);
        if (list->n) memcpy(items, list->items, list->n * item_size);
        list->items = items;
        list->capacity = capacity;
    }
    memcpy((char *)list->items + list->n * item_size, item, item_size);
    list->n++;
    return true;
}

static bool too_deep(struct parser *p)
{
    parser_fail(p, parser_token(p)->start, "nested too deeply: at most %d levels", AST_MAX_DEPTH);
    if (p->status == LAMINAR_SQL_PARSE_ERROR)
        error_hint(
            p->err,
            "split the statement, or move parts of it into WITH queries or streams of their own");
    return false;
}

bool enter(struct parser *p, uint32_t *saved)
{
    if (p->depth >= PARSER_MAX_DEPTH) return too_deep(p);
    p->depth++;
    *saved = p->tallest;
    p->tallest = 0;
    return true;
}

void leave(struct parser *p, uint32_t saved)
{
    if (saved > p->tallest) p->tallest = saved;
    p->depth--;
}

bool grow(struct parser *p)
{
    if (p->tallest >= AST_MAX_DEPTH) return too_deep(p);
    p->tallest++;
    return true;
}

/* --- Names ------------------------------------------------------------------------------------------------------------ */

static bool take_name(struct parser *p, struct ast_name *out)
{
    const struct sql_token *token = parser_token(p);
    *out = (struct ast_name){.span = {token->start, token->end},
                             .is_quoted = token->kind == SQL_TOKEN_QUOTED};
    p->status = sql_token_text(p->arena, p->sql, p->size, token, &out->text, &out->size, p->err);
    if (p->status != LAMINAR_OK) return false;
    parser_advance(p);
    return true;
}

bool parse_name(struct parser *p, struct ast_name *out, const char *what)
{
    return at_name(p) ? take_name(p, out) : parser_unexpected(p, what);
}

bool parse_any_word(struct parser *p, struct ast_name *out, const char *what)
{
    return at(p, SQL_TOKEN_WORD) || at(p, SQL_TOKEN_QUOTED) ? take_name(p, out)
                                                            : parser_unexpected(p, what);
}

bool parse_qname(struct parser *p, struct ast_qname *out, const char *what)
{
    struct list parts = {0};
    struct ast_name part;
    uint32_t start = parser_token(p)->start;
    if (!parse_name(p, &part, what) || !PUSH(p, &parts, part)) return false;
    while (at(p, SQL_TOKEN_DOT)) {
        parser_advance(p);
        if (!parse_any_word(p, &part, "a name after '.'") || !PUSH(p, &parts, part)) return false;
    }
    *out = (struct ast_qname){.parts = parts.items, .n = parts.n, .span = {start, p->prev_end}};
    return true;
}

bool parse_name_list(struct parser *p, struct ast_name_list *out, const char *what)
{
    struct list names = {0};
    struct ast_name name;
    uint32_t open = parser_token(p)->start;
    if (!expect(p, SQL_TOKEN_LPAREN)) return false;
    do {
        if (!parse_name(p, &name, what) || !PUSH(p, &names, name)) return false;
    } while (accept(p, SQL_TOKEN_COMMA));
    *out = (struct ast_name_list){names.items, names.n};
    return expect_close(p, SQL_TOKEN_RPAREN, open);
}

bool parse_string(struct parser *p, const char **out, size_t *size, const char *what)
{
    if (!at(p, SQL_TOKEN_STRING)) {
        bool is_name = at(p, SQL_TOKEN_QUOTED);
        parser_unexpected(p, what);
        if (is_name) error_hint(p->err, "strings are written in single quotes; \"...\" is a name");
        return false;
    }
    p->status = sql_token_text(p->arena, p->sql, p->size, parser_token(p), out, size, p->err);
    if (p->status != LAMINAR_OK) return false;
    parser_advance(p);
    return true;
}

bool parse_u64(struct parser *p, uint64_t *out, const char *what)
{
    uint32_t start = parser_token(p)->start;
    if (!at(p, SQL_TOKEN_NUMBER)) return parser_unexpected(p, what);
    struct ast_expr *number = parse_number(p);
    if (!number) return false;
    if (number->u.number.class != AST_NUMBER_INTEGER || !number->u.number.fits_u64)
        return parser_fail(p, start, "expected %s, found '%s'", what, number->u.number.text);
    *out = number->u.number.value;
    return true;
}

bool at_bare_alias(struct parser *p)
{
    const struct sql_token *token = parser_token(p);
    if (token->kind == SQL_TOKEN_QUOTED) return true;
    if (token->kind != SQL_TOKEN_WORD) return false;
    if (sql_keyword_flags(token->keyword) & (SQL_KEYWORD_RESERVED | SQL_KEYWORD_NO_ALIAS))
        return false;
    const struct sql_token *next = parser_peek(p, 1);
    enum sql_keyword after = next->kind == SQL_TOKEN_WORD ? next->keyword : SQL_KW_NONE;
    switch ((int)token->keyword) { /* words that begin a clause only before certain others */
    case SQL_KW_EMIT:
        return !(after == SQL_KW_ON || after == SQL_KW_AFTER || after == SQL_KW_EVERY ||
                 after == SQL_KW_PERIODICALLY || after == SQL_KW_CHANGES || after == SQL_KW_FINAL);
    case SQL_KW_ALLOW: return after != SQL_KW_LATENESS;
    case SQL_KW_LATE: return after != SQL_KW_DATA;
    case SQL_KW_ASOF:
        return !(after == SQL_KW_JOIN || after == SQL_KW_LEFT || after == SQL_KW_INNER ||
                 after == SQL_KW_RIGHT || after == SQL_KW_FULL);
    case SQL_KW_SEMI:
    case SQL_KW_ANTI: return after != SQL_KW_JOIN;
    case SQL_KW_TEMPORAL: return after != SQL_KW_PROBE;
    case SQL_KW_FETCH: return !(after == SQL_KW_FIRST || after == SQL_KW_NEXT);
    case SQL_KW_MATCH_CONDITION: return next->kind != SQL_TOKEN_LPAREN;
    case SQL_KW_FORMAT: return !p->is_sink;
    default: return true;
    }
}

void note_bare_alias(struct parser *p) { p->bare_alias = *parser_token(p); }

/* --- Entry points ----------------------------------------------------------------------------------------------------- */

laminar_status sql_parse(struct arena *arena, const char *sql, size_t size, struct ast_script **out,
                         struct laminar_error *err)
{
    laminar_status status = sql_text_check(sql, size, err);
    if (status != LAMINAR_OK) return status;
    struct parser p;
    parser_init(&p, arena, sql, size, err);
    struct list statements = {0};
    struct ast_script *script = NEW(&p, struct ast_script);
    if (!script) return p.status;
    for (;;) {
        while (accept(&p, SQL_TOKEN_SEMICOLON)) {}
        if (at(&p, SQL_TOKEN_END)) break;
        struct ast_statement *statement = parse_statement(&p);
        if (!statement || !PUSH(&p, &statements, statement)) return p.status;
        if (!at(&p, SQL_TOKEN_END) && !at(&p, SQL_TOKEN_SEMICOLON)) {
            parser_unexpected(&p, "';' or the end of the statement");
            return p.status;
        }
    }
    *script = (struct ast_script){
        .sql = sql, .size = size, .statements = statements.items, .n = statements.n};
    *out = script;
    return LAMINAR_OK;
}

laminar_status sql_parse_expr(struct arena *arena, const char *sql, size_t size,
                              struct ast_expr **out, struct laminar_error *err)
{
    laminar_status status = sql_text_check(sql, size, err);
    if (status != LAMINAR_OK) return status;
    struct parser p;
    parser_init(&p, arena, sql, size, err);
    struct ast_expr *expr = parse_expr(&p);
    if (!expr) return p.status;
    if (!at(&p, SQL_TOKEN_END)) {
        parser_unexpected(&p, "an operator or the end of the expression");
        return p.status;
    }
    *out = expr;
    return LAMINAR_OK;
}

laminar_status sql_parse_type(struct arena *arena, const char *sql, size_t size,
                              struct ast_type_name **out, struct laminar_error *err)
{
    laminar_status status = sql_text_check(sql, size, err);
    if (status != LAMINAR_OK) return status;
    struct parser p;
    parser_init(&p, arena, sql, size, err);
    struct ast_type_name *type = parse_type(&p);
    if (!type) return p.status;
    if (!at(&p, SQL_TOKEN_END)) {
        parser_unexpected(&p, "the end of the type");
        return p.status;
    }
    *out = type;
    return LAMINAR_OK;
}

bool sql_is_incomplete(const char *text, size_t size)
{
    struct sql_lexer lexer;
    sql_lexer_init(&lexer, text, size);
    bool has_statement = false;
    size_t n_open = 0;
    for (;;) {
        struct sql_token token = sql_lexer_next(&lexer);
        switch ((int)token.kind) {
        case SQL_TOKEN_END: return has_statement || n_open > 0;
        case SQL_TOKEN_ERROR:
            if (token.error == SQL_LEX_UNTERMINATED_STRING ||
                token.error == SQL_LEX_UNTERMINATED_NAME ||
                token.error == SQL_LEX_UNTERMINATED_DOLLAR ||
                token.error == SQL_LEX_UNTERMINATED_COMMENT)
                return true;
            has_statement = true;
            break;
        case SQL_TOKEN_LPAREN:
        case SQL_TOKEN_LBRACKET:
        case SQL_TOKEN_LBRACE:
            n_open++;
            has_statement = true;
            break;
        case SQL_TOKEN_RPAREN:
        case SQL_TOKEN_RBRACKET:
        case SQL_TOKEN_RBRACE:
            if (n_open) n_open--;
            break;
        /* inside parentheses it is an error that the parser should tell, not a wait */
        case SQL_TOKEN_SEMICOLON:
            has_statement = false;
            n_open = 0;
            break;
        default: has_statement = true;
        }
    }
}
