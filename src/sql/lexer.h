/* lexer.h - SQL text to tokens, for the parser, and for shells and editors (highlighting, completion).
 *
 * The lexer never fails and never allocates: what it cannot read is an ERROR token that says why and covers the offending bytes, and it goes on
 * behind it. Its whole state is a position, so looking ahead is copying the struct. Every byte of the text is in one token or blank between two.
 * The text must be at most SQL_TEXT_MAX bytes. It may be any bytes; sql_text_check finds what the parser refuses (bad UTF-8, NUL). */
#ifndef SQL_LEXER_H
#define SQL_LEXER_H

#include "base/error.h"
#include "base/mem.h"
#include "sql/keywords.h"

#define SQL_TEXT_MAX ((size_t)1 << 30)

/* X(name, text): text is how the token is called in errors. */
/* clang-format off */
#define SQL_TOKEN_LIST(X) \
    X(END, "the end of the text") X(ERROR, "an error") X(COMMENT, "a comment") X(WORD, "a word") \
    X(QUOTED, "a quoted name") X(STRING, "a string") X(BLOB, "a blob") X(NUMBER, "a number") \
    X(DURATION, "a duration") X(PARAMETER, "a parameter") X(LPAREN, "'('") X(RPAREN, "')'") \
    X(LBRACKET, "'['") X(RBRACKET, "']'") X(LBRACE, "'{'") X(RBRACE, "'}'") X(COMMA, "','") \
    X(SEMICOLON, "';'") X(DOT, "'.'") X(COLON, "':'") X(DOUBLE_COLON, "'::'") X(COLON_EQ, "':='") \
    X(FAT_ARROW, "'=>'") X(QUESTION, "'?'") X(STAR, "'*'") X(PLUS, "'+'") X(MINUS, "'-'") \
    X(SLASH, "'/'") X(PERCENT, "'%'") X(CARET, "'^'") X(EQ, "'='") X(EQ_EQ, "'=='") X(NE, "'<>'") \
    X(LT, "'<'") X(LE, "'<='") X(GT, "'>'") X(GE, "'>='") X(CONCAT, "'||'") X(PIPE, "'|'") \
    X(AMP, "'&'") X(HASH, "'#'") X(SHIFT_LEFT, "'<<'") X(SHIFT_RIGHT, "'>>'") X(JSON_GET, "'->'") \
    X(JSON_GET_TEXT, "'->>'") X(JSON_PATH, "'#>'") X(JSON_PATH_TEXT, "'#>>'") X(CONTAINS, "'@>'") \
    X(CONTAINED_BY, "'<@'") X(OVERLAPS, "'&&'") X(TILDE, "'~'") X(TILDE_STAR, "'~*'") \
    X(NOT_TILDE, "'!~'") X(NOT_TILDE_STAR, "'!~*'") X(LIKE_OP, "'~~'") X(ILIKE_OP, "'~~*'") \
    X(NOT_LIKE_OP, "'!~~'") X(NOT_ILIKE_OP, "'!~~*'")
/* clang-format on */

enum sql_token_kind {
#define SQL_TOKEN_ENUM(name, text) SQL_TOKEN_##name,
    SQL_TOKEN_LIST(SQL_TOKEN_ENUM)
#undef SQL_TOKEN_ENUM
};

/* X(name, message, hint). */
/* clang-format off */
#define SQL_LEX_ERROR_LIST(X) \
    X(NONE, "", "") \
    X(UNTERMINATED_STRING, "this string has no closing quote", "write a quote inside a string twice: 'it''s'") \
    X(UNTERMINATED_NAME, "this quoted name has no closing '\"'", "") \
    X(UNTERMINATED_DOLLAR, "this dollar-quoted string has no closing tag", "") \
    X(UNTERMINATED_COMMENT, "this comment has no closing '*/'", "comments nest: each '/*' needs its own '*/'") \
    X(EMPTY_NAME, "a quoted name is empty", "") \
    X(BACKTICK, "names are not quoted with '`'", "use double quotes: \"name\"") \
    X(BAD_BLOB, "a blob is an even number of hexadecimal digits: x'00ff'", "") \
    X(BAD_NUMBER, "this number is malformed", "underscores stand between two digits, and 0x, 0o, 0b need digits") \
    X(BAD_DOLLAR, "'$' begins neither a parameter ($1) nor a dollar-quoted string ($$text$$)", "named parameters are written :name") \
    X(SMART_QUOTE, "a typographic quote", "use ' for strings and \" for names") \
    X(BAD_BANG, "'!' is not an operator", "use NOT, or <> for not equal") \
    X(BAD_CHARACTER, "this character is not part of SQL", "")
/* clang-format on */

enum sql_lex_error {
#define SQL_LEX_ERROR_ENUM(name, message, hint) SQL_LEX_##name,
    SQL_LEX_ERROR_LIST(SQL_LEX_ERROR_ENUM)
#undef SQL_LEX_ERROR_ENUM
};

enum sql_quote {
    SQL_QUOTE_PLAIN,   /* '...' or "..." */
    SQL_QUOTE_ESCAPE,  /* E'...' */
    SQL_QUOTE_UNICODE, /* U&'...' or U&"..." */
    SQL_QUOTE_DOLLAR   /* $tag$...$tag$ */
};

struct sql_token {
    enum sql_token_kind kind;
    enum sql_keyword keyword; /* of a WORD */
    enum sql_lex_error error; /* of an ERROR */
    enum sql_quote quote;     /* of a STRING or QUOTED */
    uint32_t start;           /* bytes [start, end) of the text */
    uint32_t end;
};

struct sql_lexer {
    const char *text;
    uint32_t size;
    uint32_t position;
    bool keep_comments; /* else they are blanks */
};

void sql_lexer_init(struct sql_lexer *lexer, const char *text, size_t size);
/* The next token; at the end END, again and again. */
struct sql_token sql_lexer_next(struct sql_lexer *lexer);

/* LAMINAR_SQL_PARSE_ERROR with position when the text is longer than SQL_TEXT_MAX, is not UTF-8 or holds a NUL byte. */
laminar_status sql_text_check(const char *text, size_t size, struct laminar_error *err) must_check;

/* The value of a STRING, QUOTED or WORD token (WORD folded to lower case), zero-terminated, in the arena; *out_size without the terminator. Bad escapes
 * are LAMINAR_SQL_PARSE_ERROR at their place. */
laminar_status sql_token_text(struct arena *arena, const char *sql, size_t sql_size,
                              const struct sql_token *token, const char **out, size_t *out_size,
                              struct laminar_error *err) must_check;
/* The bytes of a BLOB token. */
laminar_status sql_token_bytes(struct arena *arena, const char *sql, const struct sql_token *token,
                               const uint8_t **out, size_t *out_size, struct laminar_error *err)
    must_check;

const char *sql_token_kind_text(enum sql_token_kind kind);
const char *sql_lex_error_message(enum sql_lex_error error);
const char *sql_lex_error_hint(enum sql_lex_error error);

#endif
