/* substitute.c - ${VAR} and ${VAR:-default} in the strings of DDL options. Names are letters, digits and '_'; a default goes to the next '}' and is taken as it is. */
#include "base/strbuf.h"
#include "sql/parser.h"
#include <string.h>

enum { VARIABLE_MAX = 128 };

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The reference whose `${` is at text[0..size): appends its value, *used = its bytes. */
static laminar_status substitute_one(const char *text, size_t size,
                                     const char *(*lookup)(void *user_data, const char *name),
                                     void *user_data, struct strbuf *out, size_t *used,
                                     struct laminar_error *err)
{
    const char *close = memchr(text, '}', size);
    if (!close) {
        error_set(err, LAMINAR_SQL_PARSE_ERROR, "'%.*s' has no closing '}'",
                  size > 40 ? 40 : (int)size, text);
        error_hint(err, "write ${NAME} or ${NAME:-default}");
        return LAMINAR_SQL_PARSE_ERROR;
    }
    char name[VARIABLE_MAX + 1];
    const char *start = text + 2, *end = start;
    while (end < close && is_name_byte(*end)) end++;
    size_t name_size = (size_t)(end - start);
    bool has_default = close - end >= 2 && end[0] == ':' && end[1] == '-';
    *used = (size_t)(close - text) + 1;
    if (name_size == 0 || name_size > VARIABLE_MAX || (end != close && !has_default)) {
        error_set(err, LAMINAR_SQL_PARSE_ERROR, "'%.*s' is not a variable",
                  *used > 80 ? 80 : (int)*used, text);
        error_hint(err, "write ${NAME} or ${NAME:-default}; names are letters, digits and '_'");
        return LAMINAR_SQL_PARSE_ERROR;
    }
    memcpy(name, start, name_size);
    name[name_size] = 0;
    const char *value = lookup(user_data, name);
    if (value) {
        strbuf_puts(out, value);
    } else if (has_default) {
        strbuf_append(out, end + 2, (size_t)(close - end) - 2);
    } else {
        error_set(err, LAMINAR_SQL_PARSE_ERROR, "the variable '%s' is not defined", name);
        error_hint(err, "set it in the environment, or give a default: ${%s:-value}", name);
        return LAMINAR_SQL_PARSE_ERROR;
    }
    return LAMINAR_OK;
}

laminar_status sql_substitute_variables(const char *text, size_t size,
                                        const char *(*lookup)(void *user_data, const char *name),
                                        void *user_data, struct strbuf *out,
                                        struct laminar_error *err)
{
    size_t i = 0, plain = 0; /* text[plain..i) is not yet appended */
    while (i + 1 < size) {
        if (text[i] != '$' || text[i + 1] != '{') {
            i++;
            continue;
        }
        size_t used = 0;
        strbuf_append(out, text + plain, i - plain);
        laminar_status status = substitute_one(text + i, size - i, lookup, user_data, out, &used,
                                               err);
        if (status != LAMINAR_OK) return status;
        i += used;
        plain = i;
    }
    strbuf_append(out, text + plain, size - plain);
    return out->failed ? error_oom(err) : LAMINAR_OK;
}
