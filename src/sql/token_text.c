/* token_text.c - the values of tokens: strings with their escapes, names, blobs; and the check of a text before it is read.
 * Values never grow against their source, so one arena allocation of the token's size is enough. */
#include "sql/lexer.h"
#include <string.h>

/* Bytes of the UTF-8 character at text[0..size), 0 when it is not one (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF). */
static size_t utf8_size(const unsigned char *text, size_t size)
{
    unsigned char lead = text[0];
    if (lead < 0x80) return 1;
    size_t n = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || n > size) return 0;
    for (size_t i = 1; i < n; i++)
        if ((text[i] & 0xC0) != 0x80) return 0;
    if ((lead == 0xE0 && text[1] < 0xA0) || (lead == 0xED && text[1] > 0x9F)) return 0;
    if ((lead == 0xF0 && text[1] < 0x90) || (lead == 0xF4 && text[1] > 0x8F)) return 0;
    return n;
}

laminar_status sql_text_check(const char *text, size_t size, struct laminar_error *err)
{
    if (size > SQL_TEXT_MAX)
        return error_set(err, LAMINAR_SQL_PARSE_ERROR,
                         "the SQL text has %zu bytes, at most %zu are read at once", size,
                         SQL_TEXT_MAX);
    for (size_t i = 0; i < size;) {
        unsigned char c = (unsigned char)text[i];
        size_t n = c == 0 ? 0 : utf8_size((const unsigned char *)text + i, size - i);
        if (unlikely(n == 0)) {
            laminar_status status =
                c == 0 ? error_set(err, LAMINAR_SQL_PARSE_ERROR, "the SQL text has a NUL byte")
                       : error_set(err, LAMINAR_SQL_PARSE_ERROR,
                                   "the SQL text is not valid UTF-8: byte 0x%02X", c);
            if (c != 0) error_hint(err, "convert the text to UTF-8");
            error_position(err, text, size, i);
            return status;
        }
        i += n;
    }
    return LAMINAR_OK;
}

/* Where a value is built. */
struct decoder {
    const char *sql;
    size_t sql_size;
    size_t position; /* next byte to read */
    size_t end;      /* of the contents, before the closing quote */
    char *out;
    size_t out_size;
    struct laminar_error *err;
};

static laminar_status bad_escape(struct decoder *d, size_t at, const char *what)
{
    laminar_status status = error_set(d->err, LAMINAR_SQL_PARSE_ERROR, "%s", what);
    error_position(d->err, d->sql, d->sql_size, at);
    return status;
}

static void put_character(struct decoder *d, uint32_t c)
{
    char *out = d->out + d->out_size;
    if (c < 0x80) {
        out[0] = (char)c;
        d->out_size += 1;
    } else if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        d->out_size += 2;
    } else if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        d->out_size += 3;
    } else {
        out[0] = (char)(0xF0 | c >> 18);
        out[1] = (char)(0x80 | (c >> 12 & 0x3F));
        out[2] = (char)(0x80 | (c >> 6 & 0x3F));
        out[3] = (char)(0x80 | (c & 0x3F));
        d->out_size += 4;
    }
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return 99;
}

/* Reads at most `max` digits of `base`; returns how many. */
static size_t read_digits(struct decoder *d, int base, size_t max, uint32_t *out)
{
    size_t n = 0;
    *out = 0;
    while (n < max && d->position < d->end && digit_value(d->sql[d->position]) < base) {
        *out = *out * (uint32_t)base + (uint32_t)digit_value(d->sql[d->position++]);
        n++;
    }
    return n;
}

/* A code point from an escape that began at `at`: not NUL, not beyond Unicode; a high surrogate must be followed by `prefix` and a low one. */
static laminar_status put_code_point(struct decoder *d, size_t at, uint32_t c, const char *prefix)
{
    if (c == 0)
        return bad_escape(d, at, "an escape gives a NUL character, which strings cannot hold");
    if (c >= 0xD800 && c < 0xDC00) {
        size_t prefix_size = strlen(prefix);
        uint32_t low = 0;
        bool has_low = d->end - d->position >= prefix_size &&
                       memcmp(d->sql + d->position, prefix, prefix_size) == 0;
        if (has_low) d->position += prefix_size;
        if (!has_low || read_digits(d, 16, 4, &low) != 4 || low < 0xDC00 || low > 0xDFFF)
            return bad_escape(d, at, "an escape gives half of a surrogate pair");
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    if (c > 0x10FFFF || (c >= 0xDC00 && c <= 0xDFFF))
        return bad_escape(d, at, "an escape gives no Unicode character");
    put_character(d, c);
    return LAMINAR_OK;
}

/* One backslash escape of E'...'; the position is behind the backslash. */
static laminar_status decode_escape(struct decoder *d)
{
    size_t at = d->position - 1;
    char c = d->sql[d->position++];
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *simple = memchr(from, c, sizeof from - 1);
    if (simple) {
        d->out[d->out_size++] = to[simple - from];
        return LAMINAR_OK;
    }
    uint32_t value;
    switch (c) {
    case 'u':
        if (read_digits(d, 16, 4, &value) != 4)
            return bad_escape(d, at, "\\u needs four hexadecimal digits");
        return put_code_point(d, at, value, "\\u");
    case 'U':
        if (read_digits(d, 16, 8, &value) != 8)
            return bad_escape(d, at, "\\U needs eight hexadecimal digits");
        return put_code_point(d, at, value, "\\U");
    case 'x':
        if (read_digits(d, 16, 2, &value) == 0)
            return bad_escape(d, at, "\\x needs one or two hexadecimal digits");
        break;
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
        d->position--;
        read_digits(d, 8, 3, &value);
        break;
    /* any other character stands for itself, all of its bytes: the next are copied as they are */
    default: d->out[d->out_size++] = c; return LAMINAR_OK;
    }
    if (value == 0)
        return bad_escape(d, at, "an escape gives a NUL character, which strings cannot hold");
    d->out[d->out_size++] = (char)value; /* a byte: the whole is checked to be UTF-8 */
    return LAMINAR_OK;
}

/* \XXXX, \+XXXXXX and \\ of U&'...'. */
static laminar_status decode_unicode_escape(struct decoder *d)
{
    size_t at = d->position - 1;
    uint32_t value;
    if (d->position < d->end && d->sql[d->position] == '\\') {
        d->out[d->out_size++] = d->sql[d->position++];
        return LAMINAR_OK;
    }
    bool is_long = d->position < d->end && d->sql[d->position] == '+';
    if (is_long) d->position++;
    if (read_digits(d, 16, is_long ? 6 : 4, &value) != (is_long ? 6u : 4u))
        return bad_escape(d, at, "a Unicode escape is \\XXXX or \\+XXXXXX");
    return put_code_point(d, at, value, "\\");
}

static laminar_status decode_quoted(struct decoder *d, char quote_char, enum sql_quote quote)
{
    size_t start = d->position;
    while (d->position < d->end) {
        char c = d->sql[d->position++];
        if (c == quote_char) d->position++; /* the second of a doubled quote */
        if (c != '\\' || quote == SQL_QUOTE_PLAIN) {
            d->out[d->out_size++] = c;
            continue;
        }
        laminar_status status = quote == SQL_QUOTE_ESCAPE ? decode_escape(d)
                                                          : decode_unicode_escape(d);
        if (status != LAMINAR_OK) return status;
    }
    for (size_t i = 0; quote == SQL_QUOTE_ESCAPE && i < d->out_size;) {
        size_t n = utf8_size((const unsigned char *)d->out + i, d->out_size - i);
        if (n == 0)
            return bad_escape(d, start, "the escapes in this string do not give valid UTF-8");
        i += n;
    }
    return LAMINAR_OK;
}

laminar_status sql_token_text(struct arena *arena, const char *sql, size_t sql_size,
                              const struct sql_token *token, const char **out, size_t *out_size,
                              struct laminar_error *err)
{
    struct decoder d = {
        .sql = sql, .sql_size = sql_size, .position = token->start, .end = token->end, .err = err};
    d.out = arena_alloc(arena, (size_t)token->end - token->start + 1);
    if (!d.out) return error_oom(err);
    laminar_status status = LAMINAR_OK;
    if (token->kind == SQL_TOKEN_STRING && token->quote == SQL_QUOTE_DOLLAR) {
        size_t tag_size = (size_t)((const char *)memchr(sql + token->start + 1, '$',
                                                        token->end - token->start - 1) -
                                   (sql + token->start)) +
                          1;
        d.out_size = (size_t)token->end - token->start - 2 * tag_size;
        memcpy(d.out, sql + token->start + tag_size, d.out_size);
    } else if (token->kind == SQL_TOKEN_STRING || token->kind == SQL_TOKEN_QUOTED) {
        d.position += token->quote == SQL_QUOTE_ESCAPE    ? 2
                      : token->quote == SQL_QUOTE_UNICODE ? 3
                                                          : 1;
        d.end--;
        status = decode_quoted(&d, token->kind == SQL_TOKEN_STRING ? '\'' : '"', token->quote);
    } else {
        for (size_t i = token->start; i < token->end; i++)
            d.out[d.out_size++] = sql[i] >= 'A' && sql[i] <= 'Z' ? (char)(sql[i] - 'A' + 'a')
                                                                 : sql[i];
    }
    if (status != LAMINAR_OK) return status;
    d.out[d.out_size] = 0;
    *out = d.out;
    *out_size = d.out_size;
    return LAMINAR_OK;
}

laminar_status sql_token_bytes(struct arena *arena, const char *sql, const struct sql_token *token,
                               const uint8_t **out, size_t *out_size, struct laminar_error *err)
{
    /* x' ... ' */
    size_t first = (size_t)token->start + 2, n = ((size_t)token->end - 1 - first) / 2;
    uint8_t *bytes = arena_alloc(arena, n + 1);
    if (!bytes) return error_oom(err);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(digit_value(sql[first + 2 * i]) << 4 |
                             digit_value(sql[first + 2 * i + 1]));
    *out = bytes;
    *out_size = n;
    return LAMINAR_OK;
}
