/* secret.c - see secret.h. */
#include "base/secret.h"
#include <string.h>
#include <strings.h>

static bool contains(const char *text, size_t size, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= size; i++)
        if (strncasecmp(text + i, word, n) == 0) return true;
    return false;
}

/* Words that are hardly ever the name of a column. */
static const char *const plain_words[] = {"password", "passwd", "passphrase", "secret",
                                          "credential"};
static const char *const option_words[] = {
    "pwd",         "token",       "apikey",      "api_key",    "api-key",     "api.key",
    "access_key",  "access.key",  "accesskey",   "access-key", "account_key", "accountkey",
    "private_key", "private.key", "private-key", "privatekey", "jaas",        "authorization"};

static bool has_word(const char *key, size_t size, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (contains(key, size, words[i])) return true;
    return false;
}

#define HAS_WORD(key, size, words) has_word(key, size, words, sizeof(words) / sizeof *(words))

bool secret_is_key(const char *key, size_t size)
{
    return HAS_WORD(key, size, plain_words) || HAS_WORD(key, size, option_words);
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool secret_is_reference(const char *value, size_t size)
{
    if (size < 4 || value[0] != '$' || value[1] != '{' || value[size - 1] != '}') return false;
    for (size_t i = 2; i + 1 < size; i++)
        if (!is_name_byte(value[i])) return false;
    return true;
}

/* --- Secrets inside values --------------------------------------------------------------------------------------------------------- */

struct range {
    size_t start, end;
};

/* The password of "scheme://user:password@host" at `at`, which is where "://" stands. */
static bool url_password(const char *text, size_t size, size_t at, struct range *out)
{
    size_t begin = at + 3, end = begin, last = 0, colon = 0;
    bool has_at = false;
    for (; end < size && text[end] != '/' && text[end] != '?' && text[end] != ' ' &&
           text[end] != '\'' && text[end] != '"';
         end++) {
        if (text[end] == '@') {
            has_at = true;
            last = end; /* a password may hold one too */
        }
        if (text[end] == ':' && colon == 0) colon = end;
    }
    if (!has_at || colon == 0 || colon > last) return false;
    *out = (struct range){colon + 1, last};
    return true;
}

static bool ends_value(char c) { return c == ' ' || c == ';' || c == '&' || c == '\'' || c == '"'; }

/* "password=value" at `at`: pairs of libpq, of ODBC, of a URL's query. */
static bool pair_value(const char *text, size_t size, size_t at, struct range *out)
{
    size_t end = at;
    while (end < size && (is_name_byte(text[end]) || text[end] == '.' || text[end] == '-')) end++;
    if (end == at || end == size || text[end] != '=' || !secret_is_key(text + at, end - at))
        return false;
    size_t value = end + 1, stop = value;
    while (stop < size && !ends_value(text[stop])) stop++;
    *out = (struct range){value, stop};
    return stop > value && !secret_is_reference(text + value, stop - value);
}

/* The next secret of a value, from `at` on. */
static bool next_secret(const char *text, size_t size, size_t at, struct range *out)
{
    for (size_t i = at; i < size; i++) {
        if (size - i > 3 && memcmp(text + i, "://", 3) == 0 && url_password(text, size, i, out) &&
            out->start >= at && !secret_is_reference(text + out->start, out->end - out->start))
            return true;
        bool is_start = i == 0 || !is_name_byte(text[i - 1]);
        if (is_start && pair_value(text, size, i, out)) return true;
    }
    return false;
}

void secret_append_masked(struct strbuf *out, const char *value, size_t size)
{
    size_t at = 0;
    struct range secret;
    while (next_secret(value, size, at, &secret)) {
        strbuf_append(out, value + at, secret.start - at);
        strbuf_puts(out, SECRET_MASK);
        at = secret.end;
    }
    strbuf_append(out, value + at, size - at);
}

/* --- Lines ------------------------------------------------------------------------------------------------------------------------- */

/* What a line shows of itself: `n` bytes from `from` on. */
struct window {
    size_t from, n;
    char *text;
};

static void cover(const struct window *window, size_t start, size_t end)
{
    for (size_t i = start; i < end; i++)
        if (i >= window->from && i - window->from < window->n) window->text[i - window->from] = '*';
}

/* The name before the `=` that stands before line[at]; false: there is none. *is_quoted: it stands in quotes. */
static bool name_before(const char *line, size_t at, struct range *out, bool *is_quoted)
{
    size_t i = at;
    while (i > 0 && line[i - 1] == ' ') i--;
    if (i == 0 || line[i - 1] != '=') return false;
    for (i--; i > 0 && line[i - 1] == ' ';) i--;
    *is_quoted = i > 0 && (line[i - 1] == '\'' || line[i - 1] == '"');
    if (*is_quoted) {
        char quote = line[i - 1];
        size_t end = i - 1, start = end;
        while (start > 0 && line[start - 1] != quote) start--;
        *out = (struct range){start, end};
        return true;
    }
    size_t start = i;
    while (start > 0 &&
           (is_name_byte(line[start - 1]) || line[start - 1] == '.' || line[start - 1] == '-'))
        start--;
    *out = (struct range){start, i};
    return i > start;
}

/* A bare name is a column's more often than not: only words that hardly any column has count. */
static bool is_secret_string(const char *line, size_t at)
{
    struct range name;
    bool is_quoted = false;
    if (!name_before(line, at, &name, &is_quoted)) return false;
    const char *text = line + name.start;
    size_t size = name.end - name.start;
    return is_quoted ? secret_is_key(text, size) : HAS_WORD(text, size, plain_words);
}

void secret_mask_window(const char *line, size_t size, size_t from, char *text, size_t n)
{
    struct window window = {from, n, text};
    for (size_t at = 0; at < size; at++) {
        if (line[at] != '\'') continue;
        size_t begin = at + 1, end = begin;
        while (end < size && (line[end] != '\'' || (end + 1 < size && line[end + 1] == '\'')))
            end += line[end] == '\'' ? 2 : 1;
        if (end > size) end = size;
        struct range secret;
        bool is_whole = is_secret_string(line, at) &&
                        !secret_is_reference(line + begin, end - begin);
        if (is_whole) cover(&window, begin, end);
        for (size_t i = 0; !is_whole && next_secret(line + begin, end - begin, i, &secret);
             i = secret.end)
            cover(&window, begin + secret.start, begin + secret.end);
        at = end;
    }
}
