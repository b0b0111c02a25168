/* parse_expr.c - expressions by precedence climbing (Vaughan Pratt, "Top down operator precedence", 1973), with PostgreSQL's precedences.
 *
 * parse_expr_above(p, m) reads a prefix and then every operator that binds at least as tightly as m. A left-associative operator of precedence x reads
 * its right side with x + 1. Chains of AND and of OR become one flat node. */
#include "sql/parser_internal.h"

/* What stands between two operands, for the loop below. */
enum infix_kind {
    INFIX_NONE,
    INFIX_BINARY,
    INFIX_AND,
    INFIX_OR,
    INFIX_IS,
    INFIX_LIKE,
    INFIX_BETWEEN,
    INFIX_IN,
    INFIX_COLLATE,
    INFIX_AT_ZONE
};

struct infix {
    enum infix_kind kind;
    unsigned precedence;
    enum ast_binary_op binary;
    enum ast_like_kind like;
    bool is_negated; /* of LIKE: !~, NOT LIKE; of BETWEEN, IN: NOT */
    uint8_t n_words; /* tokens of the operator */
};

static const struct {
    enum sql_token_kind token;
    enum ast_binary_op op;
} binary_tokens[] = {
    {SQL_TOKEN_EQ, AST_BINARY_EQ},
    {SQL_TOKEN_NE, AST_BINARY_NE},
    {SQL_TOKEN_LT, AST_BINARY_LT},
    {SQL_TOKEN_LE, AST_BINARY_LE},
    {SQL_TOKEN_GT, AST_BINARY_GT},
    {SQL_TOKEN_GE, AST_BINARY_GE},
    {SQL_TOKEN_CONCAT, AST_BINARY_CONCAT},
    {SQL_TOKEN_PIPE, AST_BINARY_BIT_OR},
    {SQL_TOKEN_AMP, AST_BINARY_BIT_AND},
    {SQL_TOKEN_HASH, AST_BINARY_BIT_XOR},
    {SQL_TOKEN_SHIFT_LEFT, AST_BINARY_SHIFT_LEFT},
    {SQL_TOKEN_SHIFT_RIGHT, AST_BINARY_SHIFT_RIGHT},
    {SQL_TOKEN_JSON_GET, AST_BINARY_JSON_GET},
    {SQL_TOKEN_JSON_GET_TEXT, AST_BINARY_JSON_GET_TEXT},
    {SQL_TOKEN_JSON_PATH, AST_BINARY_JSON_PATH},
    {SQL_TOKEN_JSON_PATH_TEXT, AST_BINARY_JSON_PATH_TEXT},
    {SQL_TOKEN_CONTAINS, AST_BINARY_CONTAINS},
    {SQL_TOKEN_CONTAINED_BY, AST_BINARY_CONTAINED_BY},
    {SQL_TOKEN_OVERLAPS, AST_BINARY_OVERLAPS},
    {SQL_TOKEN_PLUS, AST_BINARY_ADD},
    {SQL_TOKEN_MINUS, AST_BINARY_SUBTRACT},
    {SQL_TOKEN_STAR, AST_BINARY_MULTIPLY},
    {SQL_TOKEN_SLASH, AST_BINARY_DIVIDE},
    {SQL_TOKEN_PERCENT, AST_BINARY_MODULO},
    {SQL_TOKEN_CARET, AST_BINARY_POWER},
};

static const uint8_t binary_precedences[] = {
#define BINARY_PRECEDENCE(name, text, precedence) precedence,
    AST_BINARY_LIST(BINARY_PRECEDENCE)
#undef BINARY_PRECEDENCE
};

static const struct {
    enum sql_token_kind token;
    enum ast_like_kind like;
    bool is_negated;
} like_tokens[] = {
    {SQL_TOKEN_TILDE, AST_REGEX, false},
    {SQL_TOKEN_NOT_TILDE, AST_REGEX, true},
    {SQL_TOKEN_TILDE_STAR, AST_REGEX_NO_CASE, false},
    {SQL_TOKEN_NOT_TILDE_STAR, AST_REGEX_NO_CASE, true},
    {SQL_TOKEN_LIKE_OP, AST_LIKE, false},
    {SQL_TOKEN_NOT_LIKE_OP, AST_LIKE, true},
    {SQL_TOKEN_ILIKE_OP, AST_ILIKE, false},
    {SQL_TOKEN_NOT_ILIKE_OP, AST_ILIKE, true},
};

/* LIKE, ILIKE, SIMILAR TO, BETWEEN, IN at the n-th token. */
static struct infix word_predicate(struct parser *p, size_t n)
{
    const struct sql_token *token = parser_peek(p, n);
    if (token->kind != SQL_TOKEN_WORD) return (struct infix){0};
    uint8_t n_words = (uint8_t)(n + 1);
    bool is_negated = n == 1;
    switch ((int)token->keyword) {
    case SQL_KW_LIKE:
        return (struct infix){INFIX_LIKE, PRECEDENCE_LIKE, 0, AST_LIKE, is_negated, n_words};
    case SQL_KW_ILIKE:
        return (struct infix){INFIX_LIKE, PRECEDENCE_LIKE, 0, AST_ILIKE, is_negated, n_words};
    case SQL_KW_SIMILAR:
        if (!peek_is_keyword(p, n + 1, SQL_KW_TO)) return (struct infix){0};
        return (struct infix){INFIX_LIKE,  PRECEDENCE_LIKE, 0,
                              AST_SIMILAR, is_negated,      (uint8_t)(n_words + 1)};
    case SQL_KW_BETWEEN:
        return (struct infix){INFIX_BETWEEN, PRECEDENCE_LIKE, 0, 0, is_negated, n_words};
    case SQL_KW_IN: return (struct infix){INFIX_IN, PRECEDENCE_LIKE, 0, 0, is_negated, n_words};
    default: return (struct infix){0};
    }
}

static struct infix word_infix(struct parser *p)
{
    switch ((int)parser_token(p)->keyword) {
    case SQL_KW_AND: return (struct infix){INFIX_AND, PRECEDENCE_AND, 0, 0, false, 1};
    case SQL_KW_OR: return (struct infix){INFIX_OR, PRECEDENCE_OR, 0, 0, false, 1};
    case SQL_KW_IS: return (struct infix){INFIX_IS, PRECEDENCE_IS, 0, 0, false, 1};
    case SQL_KW_NOT: return word_predicate(p, 1);
    case SQL_KW_COLLATE: return (struct infix){INFIX_COLLATE, PRECEDENCE_COLLATE, 0, 0, false, 1};
    case SQL_KW_AT:
        if (!peek_is_keyword(p, 1, SQL_KW_TIME) || !peek_is_keyword(p, 2, SQL_KW_ZONE))
            return (struct infix){0};
        return (struct infix){INFIX_AT_ZONE, PRECEDENCE_AT_ZONE, 0, 0, false, 3};
    default: return word_predicate(p, 0);
    }
}

/* The operator at the current token; kind NONE when there is none. */
static struct infix current_infix(struct parser *p)
{
    enum sql_token_kind kind = parser_token(p)->kind;
    if (kind == SQL_TOKEN_WORD) return word_infix(p);
    if (kind < SQL_TOKEN_STAR) return (struct infix){0};
    for (size_t i = 0; i < ARRAY_LENGTH(binary_tokens); i++) {
        if (binary_tokens[i].token != kind) continue;
        enum ast_binary_op op = binary_tokens[i].op;
        return (struct infix){INFIX_BINARY, binary_precedences[op], op, 0, false, 1};
    }
    for (size_t i = 0; i < ARRAY_LENGTH(like_tokens); i++)
        if (like_tokens[i].token == kind)
            return (struct infix){INFIX_LIKE,          PRECEDENCE_OTHER,          0,
                                  like_tokens[i].like, like_tokens[i].is_negated, 1};
    return (struct infix){0};
}

/* A node of `kind` around `left`. */
static struct ast_expr *wrap(struct parser *p, enum ast_expr_kind kind, const struct ast_expr *left)
{
    return grow(p) ? new_expr(p, kind, left->span.start) : NULL;
}

struct ast_expr *parse_binary_of(struct parser *p, enum ast_binary_op op, uint32_t op_start,
                                 struct ast_expr *left, struct ast_expr *right)
{
    if (!left || !right) return NULL;
    struct ast_expr *expr = wrap(p, AST_EXPR_BINARY, left);
    if (!expr) return NULL;
    expr->u.binary.op = op;
    expr->u.binary.op_start = op_start;
    expr->u.binary.left = left;
    expr->u.binary.right = right;
    return end_expr(p, expr);
}

/* x = ANY (query | array); the current token is ANY, ALL or SOME. */
static struct ast_expr *parse_quantified(struct parser *p, enum ast_binary_op op,
                                         struct ast_expr *left)
{
    bool is_all = peek_is_keyword(p, 0, SQL_KW_ALL);
    parser_advance(p);
    uint32_t open = parser_token(p)->start;
    if (!expect(p, SQL_TOKEN_LPAREN)) return NULL;
    struct ast_query *query = NULL;
    struct ast_expr *array = NULL;
    if (at_query_start(p, 0))
        query = parse_query(p);
    else
        array = parse_expr(p);
    if ((!query && !array) || !expect_close(p, SQL_TOKEN_RPAREN, open)) return NULL;
    if (array && array->kind == AST_EXPR_SUBQUERY) {
        query = array->u.query;
        array = NULL;
    }
    struct ast_expr *expr = wrap(p, AST_EXPR_QUANTIFIED, left);
    if (!expr) return NULL;
    expr->u.quantified.op = op;
    expr->u.quantified.is_all = is_all;
    expr->u.quantified.operand = left;
    expr->u.quantified.query = query;
    expr->u.quantified.array = array;
    return end_expr(p, expr);
}

static struct ast_expr *parse_binary(struct parser *p, const struct infix *infix,
                                     struct ast_expr *left)
{
    uint32_t op_start = parser_token(p)->start;
    parser_advance(p);
    bool is_quantifier = peek_is_keyword(p, 0, SQL_KW_ANY) || peek_is_keyword(p, 0, SQL_KW_ALL) ||
                         peek_is_keyword(p, 0, SQL_KW_SOME);
    if (infix->precedence == PRECEDENCE_COMPARE && is_quantifier && peek_is(p, 1, SQL_TOKEN_LPAREN))
        return parse_quantified(p, infix->binary, left);
    return parse_binary_of(p, infix->binary, op_start, left,
                           parse_expr_above(p, infix->precedence + 1));
}

/* Appends `expr`, or its operands when it is the same connective (from parentheses). */
static bool push_operand(struct parser *p, struct list *operands, bool is_or, struct ast_expr *expr)
{
    if (expr->kind != AST_EXPR_LOGICAL || expr->u.logical.is_or != is_or)
        return PUSH(p, operands, expr);
    for (size_t i = 0; i < expr->u.logical.operands.n; i++)
        if (!PUSH(p, operands, expr->u.logical.operands.items[i])) return false;
    return true;
}

static struct ast_expr *parse_logical(struct parser *p, bool is_or, struct ast_expr *left)
{
    enum sql_keyword word = is_or ? SQL_KW_OR : SQL_KW_AND;
    struct list operands = {0};
    if (!push_operand(p, &operands, is_or, left)) return NULL;
    while (accept_keyword(p, word)) {
        struct ast_expr *right = parse_expr_above(p, (is_or ? PRECEDENCE_OR : PRECEDENCE_AND) + 1);
        if (!right || !push_operand(p, &operands, is_or, right)) return NULL;
    }
    struct ast_expr *expr = wrap(p, AST_EXPR_LOGICAL, left);
    if (!expr) return NULL;
    expr->u.logical.is_or = is_or;
    expr->u.logical.operands = (struct ast_expr_list){operands.items, operands.n};
    return end_expr(p, expr);
}

static struct ast_expr *parse_is(struct parser *p, struct ast_expr *left)
{
    uint32_t op_start = parser_token(p)->start;
    parser_advance(p);
    bool is_negated = accept_keyword(p, SQL_KW_NOT);
    if (accept_keyword(p, SQL_KW_DISTINCT)) {
        if (!expect_keyword(p, SQL_KW_FROM)) return NULL;
        enum ast_binary_op op = is_negated ? AST_BINARY_IS_NOT_DISTINCT : AST_BINARY_IS_DISTINCT;
        return parse_binary_of(p, op, op_start, left, parse_expr_above(p, PRECEDENCE_IS + 1));
    }
    enum ast_is_what what = AST_IS_NULL;
    if (accept_keyword(p, SQL_KW_TRUE))
        what = AST_IS_TRUE;
    else if (accept_keyword(p, SQL_KW_FALSE))
        what = AST_IS_FALSE;
    else if (accept_keyword(p, SQL_KW_UNKNOWN))
        what = AST_IS_UNKNOWN;
    else if (!accept_keyword(p, SQL_KW_NULL))
        return parser_unexpected(p, "NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM after IS"), NULL;
    struct ast_expr *expr = wrap(p, AST_EXPR_IS, left);
    if (!expr) return NULL;
    expr->u.is.what = what;
    expr->u.is.is_negated = is_negated;
    expr->u.is.operand = left;
    return end_expr(p, expr);
}

static void skip_words(struct parser *p, const struct infix *infix)
{
    for (size_t i = 0; i < infix->n_words; i++) parser_advance(p);
}

static struct ast_expr *parse_like(struct parser *p, const struct infix *infix,
                                   struct ast_expr *left)
{
    skip_words(p, infix);
    struct ast_expr *pattern = parse_expr_above(p, infix->precedence + 1), *escape = NULL;
    if (!pattern) return NULL;
    bool may_escape = infix->like == AST_LIKE || infix->like == AST_ILIKE ||
                      infix->like == AST_SIMILAR;
    if (may_escape && at_keyword(p, SQL_KW_ESCAPE) &&
        (peek_is(p, 1, SQL_TOKEN_STRING) || peek_is(p, 1, SQL_TOKEN_PARAMETER) ||
         peek_is(p, 1, SQL_TOKEN_QUESTION) || peek_is(p, 1, SQL_TOKEN_COLON))) {
        parser_advance(p);
        uint32_t start = parser_token(p)->start;
        escape = parse_primary(p);
        if (!escape) return NULL;
        if (escape->kind != AST_EXPR_STRING && escape->kind != AST_EXPR_PARAMETER)
            return parser_fail(p, start, "the character after ESCAPE is a string or a parameter"),
                   NULL;
    }
    struct ast_expr *expr = wrap(p, AST_EXPR_LIKE, left);
    if (!expr) return NULL;
    expr->u.like.kind = infix->like;
    expr->u.like.is_negated = infix->is_negated;
    expr->u.like.operand = left;
    expr->u.like.pattern = pattern;
    expr->u.like.escape = escape;
    return end_expr(p, expr);
}

static struct ast_expr *parse_between(struct parser *p, const struct infix *infix,
                                      struct ast_expr *left)
{
    skip_words(p, infix);
    bool is_symmetric = peek_is_keyword(p, 0, SQL_KW_SYMMETRIC) &&
                        !peek_is_keyword(p, 1, SQL_KW_AND);
    if (is_symmetric) parser_advance(p);
    struct ast_expr *low = parse_expr_above(p, PRECEDENCE_LIKE + 1);
    if (!low || !expect_keyword(p, SQL_KW_AND)) return NULL;
    struct ast_expr *high = parse_expr_above(p, PRECEDENCE_LIKE + 1);
    struct ast_expr *expr = high ? wrap(p, AST_EXPR_BETWEEN, left) : NULL;
    if (!expr) return NULL;
    expr->u.between.is_negated = infix->is_negated;
    expr->u.between.is_symmetric = is_symmetric;
    expr->u.between.operand = left;
    expr->u.between.low = low;
    expr->u.between.high = high;
    return end_expr(p, expr);
}

static struct ast_expr *in_query(struct parser *p, const struct infix *infix, struct ast_expr *left,
                                 struct ast_query *query)
{
    struct ast_expr *expr = query ? wrap(p, AST_EXPR_IN_QUERY, left) : NULL;
    if (!expr) return NULL;
    expr->u.in_query.is_negated = infix->is_negated;
    expr->u.in_query.operand = left;
    expr->u.in_query.query = query;
    return expr;
}

static struct ast_expr *parse_in(struct parser *p, const struct infix *infix, struct ast_expr *left)
{
    skip_words(p, infix);
    uint32_t open = parser_token(p)->start;
    if (!at(p, SQL_TOKEN_LPAREN)) return parser_unexpected(p, "'(' after IN"), NULL;
    parser_advance(p);
    struct ast_expr *expr;
    struct ast_expr_list list = {0};
    if (at_query_start(p, 0)) {
        expr = in_query(p, infix, left, parse_query(p));
    } else if (!parse_expr_list(p, &list)) {
        return NULL;
    } else if (list.n == 1 &&
               list.items[0]->kind == AST_EXPR_SUBQUERY) { /* IN ((SELECT 1) UNION SELECT 2) */
        struct ast_query *query = list.items[0]->u.query;
        expr = in_query(p, infix, left, at_query_rest(p) ? parse_query_rest(p, query) : query);
    } else {
        expr = wrap(p, AST_EXPR_IN_LIST, left);
        if (!expr) return NULL;
        expr->u.in_list.is_negated = infix->is_negated;
        expr->u.in_list.operand = left;
        expr->u.in_list.list = list;
    }
    return expr && expect_close(p, SQL_TOKEN_RPAREN, open) ? end_expr(p, expr) : NULL;
}

static struct ast_expr *parse_collate(struct parser *p, struct ast_expr *left)
{
    parser_advance(p);
    struct ast_expr *expr = wrap(p, AST_EXPR_COLLATE, left);
    if (!expr || !parse_qname(p, &expr->u.collate.collation, "a collation name")) return NULL;
    expr->u.collate.operand = left;
    return end_expr(p, expr);
}

static struct ast_expr *parse_at_zone(struct parser *p, const struct infix *infix,
                                      struct ast_expr *left)
{
    skip_words(p, infix);
    struct ast_expr *zone = parse_expr_above(p, PRECEDENCE_AT_ZONE + 1);
    struct ast_expr *expr = zone ? wrap(p, AST_EXPR_AT_TIME_ZONE, left) : NULL;
    if (!expr) return NULL;
    expr->u.at_time_zone.operand = left;
    expr->u.at_time_zone.zone = zone;
    return end_expr(p, expr);
}

static struct ast_expr *parse_infix(struct parser *p, const struct infix *infix,
                                    struct ast_expr *left)
{
    switch (infix->kind) {
    case INFIX_NONE: return left;
    case INFIX_BINARY: return parse_binary(p, infix, left);
    case INFIX_AND: return parse_logical(p, false, left);
    case INFIX_OR: return parse_logical(p, true, left);
    case INFIX_IS: return parse_is(p, left);
    case INFIX_LIKE: return parse_like(p, infix, left);
    case INFIX_BETWEEN: return parse_between(p, infix, left);
    case INFIX_IN: return parse_in(p, infix, left);
    case INFIX_COLLATE: return parse_collate(p, left);
    case INFIX_AT_ZONE: return parse_at_zone(p, infix, left);
    }
    return left;
}

static struct ast_expr *parse_unary(struct parser *p, enum ast_unary_op op, unsigned precedence)
{
    struct ast_expr *expr = new_expr(p, AST_EXPR_UNARY, parser_token(p)->start);
    if (!expr) return NULL;
    parser_advance(p);
    expr->u.unary.op = op;
    expr->u.unary.operand = parse_expr_above(p, precedence);
    return expr->u.unary.operand && grow(p) ? end_expr(p, expr) : NULL;
}

static struct ast_expr *parse_prefix(struct parser *p)
{
    if (at(p, SQL_TOKEN_MINUS)) return parse_unary(p, AST_UNARY_MINUS, PRECEDENCE_SIGN);
    if (at(p, SQL_TOKEN_PLUS)) return parse_unary(p, AST_UNARY_PLUS, PRECEDENCE_SIGN);
    if (at(p, SQL_TOKEN_TILDE)) return parse_unary(p, AST_UNARY_BIT_NOT, PRECEDENCE_OTHER + 1);
    if (peek_is_keyword(p, 0, SQL_KW_NOT)) return parse_unary(p, AST_UNARY_NOT, PRECEDENCE_NOT);
    return parse_primary(p);
}

struct ast_expr *parse_expr_above(struct parser *p, unsigned precedence)
{
    uint32_t saved;
    if (!enter(p, &saved)) return NULL;
    struct ast_expr *expr = parse_prefix(p);
    while (expr) {
        struct infix infix = current_infix(p);
        if (infix.kind == INFIX_NONE || infix.precedence < precedence) break;
        expr = parse_infix(p, &infix, expr);
    }
    leave(p, saved);
    return expr;
}

struct ast_expr *parse_expr(struct parser *p) { return parse_expr_above(p, PRECEDENCE_LOWEST); }

bool parse_expr_list(struct parser *p, struct ast_expr_list *out)
{
    struct list list = {0};
    do {
        struct ast_expr *expr = parse_expr(p);
        if (!expr || !PUSH(p, &list, expr)) return false;
    } while (accept(p, SQL_TOKEN_COMMA));
    *out = (struct ast_expr_list){list.items, list.n};
    return true;
}
