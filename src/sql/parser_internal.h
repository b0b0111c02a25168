/* parser_internal.h - what the files of the parser share: the state, the token window, errors, lists, depth.
 *
 * Convention inside the parser: a function that makes a node returns it, or NULL when it failed; others return false. The cause is then in `p->status`
 * and the error object is filled, once. Nothing needs to be undone: all memory is the arena's. */
#ifndef SQL_PARSER_INTERNAL_H
#define SQL_PARSER_INTERNAL_H

#include "sql/ast.h"
#include "sql/lexer.h"
#include "sql/parser.h"

/* A tree of AST_MAX_DEPTH prints with at most 1.5 constructs a level (a = (NOT b)), and must parse again. */
enum { PARSER_WINDOW = 8, PARSER_ATTEMPTS = 64, PARSER_MAX_DEPTH = 2 * AST_MAX_DEPTH };

struct parser {
    struct arena *arena;
    const char *sql;
    size_t size;
    struct laminar_error *err;
    laminar_status status;

    struct sql_lexer lexer;
    /* ring: the current token and those that were looked at ahead */
    struct sql_token window[PARSER_WINDOW];
    size_t window_first;
    size_t window_n;   /* at least 1 */
    uint32_t prev_end; /* of the token that was consumed last */

    uint32_t depth; /* constructs that are open */
    /* height of the tallest subtree that was closed inside the innermost open construct */
    uint32_t tallest;

    /* For error texts: the key words that were looked for at the current token; what a list or clause could go on with here (set where it ended); the
     * last alias without AS, which may be a misspelled key word. */
    enum sql_keyword attempts[PARSER_ATTEMPTS];
    size_t n_attempts;
    const char *expected;
    uint32_t expected_at;
    struct sql_token bare_alias;

    bool is_sink; /* inside CREATE SINK ... AS query: FORMAT ends the query */

    uint32_t n_parameters;
    enum ast_parameter_kind parameter_kind;
    struct ast_name_list parameter_names;
    size_t parameter_names_capacity;
};

/* --- Tokens (parser.c) ---------------------------------------------------------------------------------------------- */

/* The n-th token from the current one (0), n < PARSER_WINDOW. */
const struct sql_token *parser_peek(struct parser *p, size_t n);
static inline const struct sql_token *parser_token(const struct parser *p)
{
    return &p->window[p->window_first];
}
void parser_advance(struct parser *p);

static inline bool at(const struct parser *p, enum sql_token_kind kind)
{
    return parser_token(p)->kind == kind;
}
bool at_keyword(struct parser *p, enum sql_keyword keyword); /* remembers that it was looked for */
bool peek_is(struct parser *p, size_t n, enum sql_token_kind kind);
bool peek_is_keyword(struct parser *p, size_t n, enum sql_keyword keyword);
/* both, in this order */
bool at_keywords(struct parser *p, enum sql_keyword first, enum sql_keyword second);
bool accept(struct parser *p, enum sql_token_kind kind);
bool accept_keyword(struct parser *p, enum sql_keyword keyword);
bool accept_keywords(struct parser *p, enum sql_keyword first, enum sql_keyword second);
bool expect(struct parser *p, enum sql_token_kind kind);
bool expect_keyword(struct parser *p, enum sql_keyword keyword);
/* The bracket that closes the one at byte `open`. */
bool expect_close(struct parser *p, enum sql_token_kind kind, uint32_t open);
/* The current token may begin an expression / is an unreserved or quoted name. */
bool at_expr_start(struct parser *p);
bool at_name(struct parser *p);
/* the n-th token is SELECT, FROM, WITH or VALUES ( */
bool at_query_start(struct parser *p, size_t n);

/* --- Errors (parser_error.c) ---------------------------------------------------------------------------------------- */

/* Fills the error at byte `offset`; returns false. */
bool parser_fail(struct parser *p, uint32_t offset, const char *format, ...) printf_like(3, 4);
bool parser_oom(struct parser *p);
/* "expected <what>, found <the current token>", with the hint that fits. */
bool parser_unexpected(struct parser *p, const char *what);
/* Where a list or clause ended: what could go on here, for parser_unexpected at this very token. */
static inline void parser_expected(struct parser *p, const char *what)
{
    p->expected = what;
    p->expected_at = parser_token(p)->start;
}

/* --- Nodes, lists, depth (parser.c) --------------------------------------------------------------------------------- */

void *parser_alloc(struct parser *p, size_t size); /* zeroed */
#define NEW(p, type) ((type *)parser_alloc((p), sizeof(type)))
/* the end is set by end_expr */
struct ast_expr *new_expr(struct parser *p, enum ast_expr_kind kind, uint32_t start);
static inline struct ast_expr *end_expr(const struct parser *p, struct ast_expr *expr)
{
    expr->span.end = p->prev_end;
    return expr;
}

/* A list that grows in the arena. */
struct list {
    void *items;
    size_t n;
    size_t capacity;
};
bool list_push(struct parser *p, struct list *list, const void *item, size_t item_size);
#define PUSH(p, list, item) list_push((p), (list), &(item), sizeof(item))

/* Opens a construct that nests: false when PARSER_MAX_DEPTH is reached. *saved is for leave. */
bool enter(struct parser *p, uint32_t *saved);
void leave(struct parser *p, uint32_t saved);
/* A node was put on top of those made in the innermost construct. */
bool grow(struct parser *p);

/* --- Names (parser.c) ------------------------------------------------------------------------------------------------ */

bool parse_name(struct parser *p, struct ast_name *out, const char *what);
/* reserved words too */
bool parse_any_word(struct parser *p, struct ast_name *out, const char *what);
bool parse_qname(struct parser *p, struct ast_qname *out, const char *what);
/* `( a, b, ... )`. */
bool parse_name_list(struct parser *p, struct ast_name_list *out, const char *what);
bool parse_string(struct parser *p, const char **out, size_t *size, const char *what);
bool parse_u64(struct parser *p, uint64_t *out, const char *what);
/* An alias without AS may stand here, and does. */
bool at_bare_alias(struct parser *p);
void note_bare_alias(struct parser *p);

/* --- The grammar ------------------------------------------------------------------------------------------------------ */

enum parser_precedence {
    PRECEDENCE_LOWEST = 0,
    PRECEDENCE_OR = 10,
    PRECEDENCE_AND = 20,
    PRECEDENCE_NOT = 25,
    PRECEDENCE_IS = 30,
    PRECEDENCE_COMPARE = 40,
    PRECEDENCE_LIKE = 50, /* and BETWEEN, IN */
    PRECEDENCE_OTHER = 60,
    PRECEDENCE_AT_ZONE = 95,
    PRECEDENCE_COLLATE = 97,
    PRECEDENCE_SIGN = 98,
    PRECEDENCE_POSTFIX = 100
};

/* parse_expr.c */
struct ast_expr *parse_expr(struct parser *p);
/* operators that bind at least so tightly */
struct ast_expr *parse_expr_above(struct parser *p, unsigned precedence);
/* one or more, comma separated */
bool parse_expr_list(struct parser *p, struct ast_expr_list *out);
struct ast_expr *parse_binary_of(struct parser *p, enum ast_binary_op op, uint32_t op_start,
                                 struct ast_expr *left, struct ast_expr *right);
/* parse_primary.c */
struct ast_expr *parse_primary(struct parser *p);
/* *, t.*, s.t.* with EXCLUDE and REPLACE */
struct ast_expr *parse_star(struct parser *p, bool *is_star);
/* at '(' */
struct ast_expr *parse_query_expr(struct parser *p, enum ast_expr_kind kind, uint32_t start);
/* parse_literal.c */
struct ast_expr *parse_interval(struct parser *p);
/* INTERVAL ..., 30s, 5 MINUTE, milliseconds */
struct ast_expr *parse_duration(struct parser *p);
struct ast_expr *new_one(struct parser *p); /* the number 1, where it was left out */
struct ast_expr *parse_number(struct parser *p);
/* true with *out NULL: it is none */
bool parse_typed_literal(struct parser *p, struct ast_expr **out);
enum ast_unit unit_of(const char *text, size_t size);
/* parse_function.c, at '(' */
struct ast_expr *parse_function_call(struct parser *p, struct ast_qname name, uint32_t start);
bool parse_order_items(struct parser *p, struct ast_order_list *out);
struct ast_window *parse_window_spec(struct parser *p); /* at '(' */
/* parse_type.c */
struct ast_type_name *parse_type(struct parser *p);

/* parse_query.c */
struct ast_query *parse_query(struct parser *p);
/* Goes on after a parenthesised query that stood first: UNION ..., ORDER BY ... NULL when it failed. */
struct ast_query *parse_query_rest(struct parser *p, struct ast_query *first);
bool at_query_rest(struct parser *p);
/* parse_from.c */
bool parse_from_list(struct parser *p, struct ast_table_ref ***out, size_t *n);

/* parse_statement.c */
struct ast_statement *parse_statement(struct parser *p);
/* parse_ddl.c */
bool parse_create(struct parser *p, struct ast_statement *statement);
bool parse_alter(struct parser *p, struct ast_statement *statement);
bool parse_drop(struct parser *p, struct ast_statement *statement);
bool parse_object_kind(struct parser *p, enum ast_object_kind *out);
/* parse_option.c, at '(' ; loose: `=` may be left out */
bool parse_options(struct parser *p, struct ast_option_list *out, bool is_loose);
bool parse_option_value(struct parser *p, struct ast_option *out);

#endif
