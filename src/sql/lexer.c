/* lexer.c - see lexer.h. One pass over the bytes, O(size). Tokens are cut only; their values are made by token_text.c where they are needed. */
#include "sql/lexer.h"
#include <string.h>

static bool is_digit(unsigned char c) { return c >= '0' && c <= '9'; }
static bool is_word_start(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}
static bool is_word(unsigned char c) { return is_word_start(c) || is_digit(c) || c == '$'; }
static bool is_blank(unsigned char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Digits of a base: '0'..'9', and letters for 16. */
static bool is_digit_of(unsigned char c, unsigned base)
{
    if (base == 16) return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    return c >= '0' && c < '0' + base;
}

void sql_lexer_init(struct sql_lexer *lexer, const char *text, size_t size)
{
    *lexer = (struct sql_lexer){.text = text,
                                .size = (uint32_t)(size > SQL_TEXT_MAX ? SQL_TEXT_MAX : size)};
    /* a byte order mark */
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) lexer->position = 3;
}

/* The byte at `position + ahead`, 0 behind the end. */
static unsigned char byte_at(const struct sql_lexer *lexer, uint32_t ahead)
{
    uint32_t left = lexer->size - lexer->position;
    return ahead < left ? (unsigned char)lexer->text[lexer->position + ahead] : 0;
}

/* Bytes of the blank character that starts here: also the no-break space and the ideographic space, which come with pasted text; 0 for none. */
static uint32_t blank_size(const struct sql_lexer *lexer)
{
    unsigned char c = byte_at(lexer, 0);
    if (is_blank(c) && lexer->position < lexer->size) return 1;
    if (c == 0xC2 && byte_at(lexer, 1) == 0xA0) return 2;
    if (c == 0xE3 && byte_at(lexer, 1) == 0x80 && byte_at(lexer, 2) == 0x80) return 3;
    return 0;
}

/* Bytes of the typographic quote (U+2018..U+201F) that starts here, 0 for none. */
static uint32_t smart_quote_size(const struct sql_lexer *lexer)
{
    unsigned char third = byte_at(lexer, 2);
    bool is_quote = byte_at(lexer, 0) == 0xE2 && byte_at(lexer, 1) == 0x80 && third >= 0x98 &&
                    third <= 0x9F;
    return is_quote ? 3 : 0;
}

/* Skips a nested comment; false at the end of the text. */
static bool skip_block_comment(struct sql_lexer *lexer)
{
    size_t depth = 0;
    while (lexer->position < lexer->size) {
        if (byte_at(lexer, 0) == '/' && byte_at(lexer, 1) == '*') {
            depth++;
            lexer->position += 2;
        } else if (byte_at(lexer, 0) == '*' && byte_at(lexer, 1) == '/') {
            lexer->position += 2;
            if (--depth == 0) return true;
        } else {
            lexer->position++;
        }
    }
    return false;
}

static struct sql_token token_from(const struct sql_lexer *lexer, enum sql_token_kind kind,
                                   uint32_t start)
{
    return (struct sql_token){.kind = kind, .start = start, .end = lexer->position};
}

static struct sql_token error_from(const struct sql_lexer *lexer, enum sql_lex_error error,
                                   uint32_t start)
{
    return (struct sql_token){
        .kind = SQL_TOKEN_ERROR, .error = error, .start = start, .end = lexer->position};
}

/* From the opening quote at the position to behind the closing one; doubled quotes are inside. */
static bool skip_quoted(struct sql_lexer *lexer, char quote, bool has_escapes)
{
    lexer->position++;
    while (lexer->position < lexer->size) {
        char c = lexer->text[lexer->position++];
        if (has_escapes && c == '\\' && lexer->position < lexer->size) {
            lexer->position++;
        } else if (c == quote) {
            if (byte_at(lexer, 0) != (unsigned char)quote) return true;
            lexer->position++;
        }
    }
    return false;
}

static struct sql_token lex_string(struct sql_lexer *lexer, uint32_t start, enum sql_quote quote)
{
    if (!skip_quoted(lexer, '\'', quote == SQL_QUOTE_ESCAPE))
        return error_from(lexer, SQL_LEX_UNTERMINATED_STRING, start);
    struct sql_token token = token_from(lexer, SQL_TOKEN_STRING, start);
    token.quote = quote;
    return token;
}

static struct sql_token lex_quoted_name(struct sql_lexer *lexer, uint32_t start,
                                        enum sql_quote quote)
{
    uint32_t open = lexer->position;
    if (!skip_quoted(lexer, '"', false)) return error_from(lexer, SQL_LEX_UNTERMINATED_NAME, start);
    if (lexer->position == open + 2) return error_from(lexer, SQL_LEX_EMPTY_NAME, start);
    struct sql_token token = token_from(lexer, SQL_TOKEN_QUOTED, start);
    token.quote = quote;
    return token;
}

static struct sql_token lex_blob(struct sql_lexer *lexer, uint32_t start)
{
    uint32_t open = ++lexer->position; /* at the quote */
    if (!skip_quoted(lexer, '\'', false))
        return error_from(lexer, SQL_LEX_UNTERMINATED_STRING, start);
    for (uint32_t i = open + 1; i + 1 < lexer->position; i++)
        if (!is_digit_of((unsigned char)lexer->text[i], 16))
            return error_from(lexer, SQL_LEX_BAD_BLOB, start);
    if ((lexer->position - open) % 2 != 0) return error_from(lexer, SQL_LEX_BAD_BLOB, start);
    return token_from(lexer, SQL_TOKEN_BLOB, start);
}

static struct sql_token lex_word(struct sql_lexer *lexer)
{
    uint32_t start = lexer->position;
    unsigned char first = byte_at(lexer, 0), second = byte_at(lexer, 1);
    if ((first == 'e' || first == 'E') && second == '\'') {
        lexer->position++;
        return lex_string(lexer, start, SQL_QUOTE_ESCAPE);
    }
    if ((first == 'x' || first == 'X') && second == '\'') return lex_blob(lexer, start);
    if ((first == 'u' || first == 'U') && second == '&' &&
        (byte_at(lexer, 2) == '\'' || byte_at(lexer, 2) == '"')) {
        lexer->position += 2;
        if (byte_at(lexer, 0) == '"') return lex_quoted_name(lexer, start, SQL_QUOTE_UNICODE);
        return lex_string(lexer, start, SQL_QUOTE_UNICODE);
    }
    while (lexer->position < lexer->size && is_word(byte_at(lexer, 0)) &&
           !smart_quote_size(lexer) && !blank_size(lexer))
        lexer->position++;
    struct sql_token token = token_from(lexer, SQL_TOKEN_WORD, start);
    token.keyword = sql_keyword_find(lexer->text + start, token.end - start);
    return token;
}

/* Digits with single underscores between them; stops at a misplaced underscore. */
static void skip_digits(struct sql_lexer *lexer, unsigned base)
{
    bool last_was_digit = false;
    for (;; lexer->position++) {
        unsigned char c = byte_at(lexer, 0);
        if (is_digit_of(c, base))
            last_was_digit = true;
        else if (c == '_' && last_was_digit && is_digit_of(byte_at(lexer, 1), base))
            last_was_digit = false;
        else
            return;
    }
}

static void skip_word(struct sql_lexer *lexer)
{
    while (lexer->position < lexer->size && is_word(byte_at(lexer, 0))) lexer->position++;
}

static struct sql_token lex_number(struct sql_lexer *lexer)
{
    uint32_t start = lexer->position;
    unsigned char second = (unsigned char)(byte_at(lexer, 1) | 0x20);
    unsigned base = byte_at(lexer, 0) != '0' ? 10
                    : second == 'x'          ? 16
                    : second == 'o'          ? 8
                    : second == 'b'          ? 2
                                             : 10;
    if (base != 10) {
        lexer->position += 2;
        uint32_t first = lexer->position;
        skip_digits(lexer, base);
        bool is_good = lexer->position > first && !is_word(byte_at(lexer, 0));
        skip_word(lexer);
        return is_good ? token_from(lexer, SQL_TOKEN_NUMBER, start)
                       : error_from(lexer, SQL_LEX_BAD_NUMBER, start);
    }
    skip_digits(lexer, 10);
    if (byte_at(lexer, 0) == '.') {
        lexer->position++;
        skip_digits(lexer, 10);
    }
    unsigned char c = byte_at(lexer, 0);
    if (c == 'e' || c == 'E') {
        uint32_t sign = byte_at(lexer, 1) == '+' || byte_at(lexer, 1) == '-';
        if (is_digit(byte_at(lexer, 1 + sign))) {
            lexer->position += 1 + sign;
            skip_digits(lexer, 10);
        }
    }
    if (byte_at(lexer, 0) == '_') {
        skip_word(lexer);
        return error_from(lexer, SQL_LEX_BAD_NUMBER, start);
    }
    if (!is_word(byte_at(lexer, 0)) || smart_quote_size(lexer) || blank_size(lexer))
        return token_from(lexer, SQL_TOKEN_NUMBER, start);
    skip_word(lexer);
    return token_from(lexer, SQL_TOKEN_DURATION, start);
}

static struct sql_token lex_dollar(struct sql_lexer *lexer)
{
    uint32_t start = lexer->position++;
    if (is_digit(byte_at(lexer, 0))) {
        while (is_digit(byte_at(lexer, 0))) lexer->position++;
        return token_from(lexer, SQL_TOKEN_PARAMETER, start);
    }
    while (is_word(byte_at(lexer, 0)) && byte_at(lexer, 0) != '$') lexer->position++;
    if (byte_at(lexer, 0) != '$') return error_from(lexer, SQL_LEX_BAD_DOLLAR, start);
    lexer->position++;
    uint32_t tag_size = lexer->position - start;
    const char *tag = lexer->text + start;
    const char *found = memmem(lexer->text + lexer->position, lexer->size - lexer->position, tag,
                               tag_size);
    lexer->position = found ? (uint32_t)(found - lexer->text) + tag_size : lexer->size;
    if (!found) return error_from(lexer, SQL_LEX_UNTERMINATED_DOLLAR, start);
    struct sql_token token = token_from(lexer, SQL_TOKEN_STRING, start);
    token.quote = SQL_QUOTE_DOLLAR;
    return token;
}

/* Operators and punctuation; a longer one stands before its prefixes. */
static const struct {
    char text[5];
    uint8_t size;
    enum sql_token_kind kind;
} symbols[] = {
    {"!~~*", 4, SQL_TOKEN_NOT_ILIKE_OP},
    {"!~~", 3, SQL_TOKEN_NOT_LIKE_OP},
    {"!~*", 3, SQL_TOKEN_NOT_TILDE_STAR},
    {"~~*", 3, SQL_TOKEN_ILIKE_OP},
    {"->>", 3, SQL_TOKEN_JSON_GET_TEXT},
    {"#>>", 3, SQL_TOKEN_JSON_PATH_TEXT},
    {"!~", 2, SQL_TOKEN_NOT_TILDE},
    {"~~", 2, SQL_TOKEN_LIKE_OP},
    {"~*", 2, SQL_TOKEN_TILDE_STAR},
    {"->", 2, SQL_TOKEN_JSON_GET},
    {"#>", 2, SQL_TOKEN_JSON_PATH},
    {"::", 2, SQL_TOKEN_DOUBLE_COLON},
    {":=", 2, SQL_TOKEN_COLON_EQ},
    {"=>", 2, SQL_TOKEN_FAT_ARROW},
    {"==", 2, SQL_TOKEN_EQ_EQ},
    {"<>", 2, SQL_TOKEN_NE},
    {"!=", 2, SQL_TOKEN_NE},
    {"<=", 2, SQL_TOKEN_LE},
    {"<<", 2, SQL_TOKEN_SHIFT_LEFT},
    {"<@", 2, SQL_TOKEN_CONTAINED_BY},
    {">=", 2, SQL_TOKEN_GE},
    {">>", 2, SQL_TOKEN_SHIFT_RIGHT},
    {"||", 2, SQL_TOKEN_CONCAT},
    {"&&", 2, SQL_TOKEN_OVERLAPS},
    {"@>", 2, SQL_TOKEN_CONTAINS},
    {":", 1, SQL_TOKEN_COLON},
    {"-", 1, SQL_TOKEN_MINUS},
    {"=", 1, SQL_TOKEN_EQ},
    {"<", 1, SQL_TOKEN_LT},
    {">", 1, SQL_TOKEN_GT},
    {"|", 1, SQL_TOKEN_PIPE},
    {"&", 1, SQL_TOKEN_AMP},
    {"#", 1, SQL_TOKEN_HASH},
    {"~", 1, SQL_TOKEN_TILDE},
};

/* Symbols of one byte that begin no longer one. */
static const uint8_t single_symbols[128] = {
    ['('] = SQL_TOKEN_LPAREN,   [')'] = SQL_TOKEN_RPAREN,  ['['] = SQL_TOKEN_LBRACKET,
    [']'] = SQL_TOKEN_RBRACKET, ['{'] = SQL_TOKEN_LBRACE,  ['}'] = SQL_TOKEN_RBRACE,
    [','] = SQL_TOKEN_COMMA,    ['.'] = SQL_TOKEN_DOT,     [';'] = SQL_TOKEN_SEMICOLON,
    ['?'] = SQL_TOKEN_QUESTION, ['*'] = SQL_TOKEN_STAR,    ['+'] = SQL_TOKEN_PLUS,
    ['/'] = SQL_TOKEN_SLASH,    ['%'] = SQL_TOKEN_PERCENT, ['^'] = SQL_TOKEN_CARET,
};

static struct sql_token lex_symbol(struct sql_lexer *lexer)
{
    uint32_t start = lexer->position, left = lexer->size - start;
    unsigned char c = byte_at(lexer, 0);
    if (c < ARRAY_LENGTH(single_symbols) && single_symbols[c]) {
        lexer->position++;
        return token_from(lexer, (enum sql_token_kind)single_symbols[c], start);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(symbols); i++) {
        if ((unsigned char)symbols[i].text[0] == c && symbols[i].size <= left &&
            memcmp(lexer->text + start, symbols[i].text, symbols[i].size) == 0) {
            lexer->position += symbols[i].size;
            return token_from(lexer, symbols[i].kind, start);
        }
    }
    lexer->position++;
    if (c == '`') {
        while (lexer->position < lexer->size && lexer->text[lexer->position++] != '`') {}
        return error_from(lexer, SQL_LEX_BACKTICK, start);
    }
    return error_from(lexer, c == '!' ? SQL_LEX_BAD_BANG : SQL_LEX_BAD_CHARACTER, start);
}

/* Skips blanks and comments. True when it stopped at something that is a token of its own: a kept comment or one without an end. */
static bool skip_blanks(struct sql_lexer *lexer, struct sql_token *out)
{
    for (;;) {
        uint32_t blank = blank_size(lexer), start = lexer->position;
        unsigned char c = byte_at(lexer, 0), second = byte_at(lexer, 1);
        if (blank) {
            lexer->position += blank;
            continue;
        }
        if (c == '-' && second == '-') {
            while (lexer->position < lexer->size && lexer->text[lexer->position] != '\n')
                lexer->position++;
        } else if (c == '/' && second == '*') {
            if (!skip_block_comment(lexer)) {
                *out = error_from(lexer, SQL_LEX_UNTERMINATED_COMMENT, start);
                return true;
            }
        } else {
            return false;
        }
        if (lexer->keep_comments) {
            *out = token_from(lexer, SQL_TOKEN_COMMENT, start);
            return true;
        }
    }
}

struct sql_token sql_lexer_next(struct sql_lexer *lexer)
{
    struct sql_token token;
    if (skip_blanks(lexer, &token)) return token;
    uint32_t start = lexer->position;
    if (start >= lexer->size) return token_from(lexer, SQL_TOKEN_END, start);
    unsigned char c = byte_at(lexer, 0);
    uint32_t smart = smart_quote_size(lexer);
    if (smart) {
        lexer->position += smart;
        return error_from(lexer, SQL_LEX_SMART_QUOTE, start);
    }
    if (is_word_start(c)) return lex_word(lexer);
    if (is_digit(c) || (c == '.' && is_digit(byte_at(lexer, 1)))) return lex_number(lexer);
    if (c == '\'') return lex_string(lexer, start, SQL_QUOTE_PLAIN);
    if (c == '"') return lex_quoted_name(lexer, start, SQL_QUOTE_PLAIN);
    if (c == '$') return lex_dollar(lexer);
    return lex_symbol(lexer);
}

const char *sql_token_kind_text(enum sql_token_kind kind)
{
    static const char *const texts[] = {
#define TOKEN_TEXT(name, text) text,
        SQL_TOKEN_LIST(TOKEN_TEXT)
#undef TOKEN_TEXT
    };
    return (size_t)kind < ARRAY_LENGTH(texts) ? texts[kind] : "";
}

const char *sql_lex_error_message(enum sql_lex_error error)
{
    static const char *const texts[] = {
#define LEX_MESSAGE(name, message, hint) message,
        SQL_LEX_ERROR_LIST(LEX_MESSAGE)
#undef LEX_MESSAGE
    };
    return (size_t)error < ARRAY_LENGTH(texts) ? texts[error] : "";
}

const char *sql_lex_error_hint(enum sql_lex_error error)
{
    static const char *const texts[] = {
#define LEX_HINT(name, message, hint) hint,
        SQL_LEX_ERROR_LIST(LEX_HINT)
#undef LEX_HINT
    };
    return (size_t)error < ARRAY_LENGTH(texts) ? texts[error] : "";
}
