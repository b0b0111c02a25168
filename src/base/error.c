/* error.c - see error.h. Texts are cut at UTF-8 character borders, so that a message is always valid UTF-8. */
#include "base/error.h"
#include "base/secret.h"
#include <stdio.h>
#include <string.h>

/* The largest prefix of text[0..size) that does not end inside a character. */
static size_t whole_characters(const char *text, size_t size)
{
    size_t back = 0;
    while (back < 4 && back < size && ((unsigned char)text[size - 1 - back] & 0xC0) == 0x80) back++;
    if (back >= size) return size;
    unsigned char lead = (unsigned char)text[size - 1 - back];
    size_t needed = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    return needed > back + 1 ? size - 1 - back : size;
}

/* Length of the character at text[i..size), 0 where none begins or it is cut short. */
static size_t character_at(const char *text, size_t i, size_t size)
{
    unsigned char lead = (unsigned char)text[i];
    size_t n = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
    if (n == 0 || i + n > size) return 0;
    for (size_t k = 1; k < n; k++)
        if (((unsigned char)text[i + k] & 0xC0) != 0x80) return 0;
    return n;
}

/* Drops what is no whole character: values in messages are cut by precision ("%.200s"), and the field's end cuts too. */
static void keep_whole_characters(char *text)
{
    size_t size = strlen(text), n_kept = 0;
    while (n_kept < size && (unsigned char)text[n_kept] < 0x80) n_kept++;
    for (size_t i = n_kept; i < size;) {
        size_t n = character_at(text, i, size);
        memmove(text + n_kept, text + i, n);
        n_kept += n;
        i += n ? n : 1;
    }
    text[n_kept] = 0;
}

static void fill(char *field, size_t field_size, const char *format, va_list args)
{
    int n = vsnprintf(field, field_size, format, args);
    if (n < 0) field[0] = 0;
    keep_whole_characters(field);
}

static void set_code(struct laminar_error *err, laminar_status code)
{
    error_clear(err);
    err->code = code;
    err->is_retriable = code == LAMINAR_SUBSCRIPTION_TIMEOUT || code == LAMINAR_CONNECTION_IN_USE;
}

laminar_status error_set_v(struct laminar_error *err, laminar_status code, const char *format,
                           va_list args)
{
    if (err) {
        set_code(err, code);
        fill(err->message, sizeof err->message, format, args);
    }
    return code;
}

laminar_status error_set(struct laminar_error *err, laminar_status code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_set_v(err, code, format, args);
    va_end(args);
    return code;
}

laminar_status error_set_text(struct laminar_error *err, laminar_status code, const char *text)
{
    if (!err) return code;
    set_code(err, code);
    size_t size = strlen(text);
    if (size >= sizeof err->message) size = whole_characters(text, sizeof err->message - 1);
    memcpy(err->message, text, size);
    err->message[size] = 0;
    return code;
}

void error_hint(struct laminar_error *err, const char *format, ...)
{
    if (!err) return;
    va_list args;
    va_start(args, format);
    fill(err->hint, sizeof err->hint, format, args);
    va_end(args);
}

void error_object(struct laminar_error *err, const char *name)
{
    if (!err || !name) return;
    size_t size = strlen(name);
    if (size >= sizeof err->object) size = whole_characters(name, sizeof err->object - 1);
    memcpy(err->object, name, size);
    err->object[size] = 0;
}

void error_clear(struct laminar_error *err)
{
    if (!err) return;
    err->struct_size = sizeof *err;
    err->code = LAMINAR_OK;
    err->line = err->column = 0;
    err->is_retriable = err->is_fatal = false;
    err->message[0] = err->hint[0] = err->object[0] = err->context[0] = 0;
    err->user_code = 0;
}

/* Characters in text[0..size): bytes that don't continue one. */
static size_t count_characters(const char *text, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++) n += ((unsigned char)text[i] & 0xC0) != 0x80;
    return n;
}

enum { CONTEXT_BEFORE = 60, CONTEXT_AFTER = 100 };

void error_position(struct laminar_error *err, const char *sql, size_t size, size_t offset)
{
    if (!err || err->line || !sql) return;
    if (offset > size) offset = size;
    size_t line_start = 0;
    int32_t line = 1;
    for (size_t i = 0; i < offset; i++) {
        if (sql[i] == '\n') {
            line++;
            line_start = i + 1;
        }
    }
    size_t line_end = offset;
    while (line_end < size && sql[line_end] != '\n') line_end++;
    err->line = line;
    err->column = (int32_t)count_characters(sql + line_start, offset - line_start) + 1;

    /* The context shows a window of the line, in whole characters, with tabs and control characters as blanks. */
    size_t from = offset - line_start > CONTEXT_BEFORE ? offset - CONTEXT_BEFORE : line_start;
    while (from > line_start && ((unsigned char)sql[from] & 0xC0) == 0x80) from--;
    size_t to = line_end - offset > CONTEXT_AFTER ? offset + CONTEXT_AFTER : line_end;
    to = from + whole_characters(sql + from, to - from);
    size_t n = 0;
    for (size_t i = from; i < to && n + 1 < sizeof err->context; i++)
        err->context[n++] = (unsigned char)sql[i] < ' ' ? ' ' : sql[i];
    secret_mask_window(sql + line_start, line_end - line_start, from - line_start, err->context, n);
    size_t caret = count_characters(sql + from, offset - from);
    if (n + caret + 3 < sizeof err->context) {
        err->context[n++] = '\n';
        memset(err->context + n, ' ', caret);
        n += caret;
        err->context[n++] = '^';
    }
    err->context[n] = 0;
}

laminar_status error_oom(struct laminar_error *err)
{
    return error_set(err, LAMINAR_OUT_OF_MEMORY, "memory is exhausted");
}

laminar_status error_internal(struct laminar_error *err, const char *file, int line,
                              const char *what)
{
    error_set(err, LAMINAR_INTERNAL_ERROR, "%s:%d: %s", file, line, what);
    error_hint(err,
               "this is a bug in LaminarDB; please report it with the statement that led to it");
    return LAMINAR_INTERNAL_ERROR;
}

const char *status_title(laminar_status code)
{
    switch (code) {
    case LAMINAR_OK: return "OK";
#define TITLE(name, number, title)                                                                 \
    case LAMINAR_##name: return title;
        LAMINAR_STATUS_LIST(TITLE)
#undef TITLE
    }
    return "Unknown status";
}

const char *status_name(laminar_status code)
{
    switch (code) {
    case LAMINAR_OK: return "OK";
#define NAME(name, number, title)                                                                  \
    case LAMINAR_##name: return #name;
        LAMINAR_STATUS_LIST(NAME)
#undef NAME
    }
    return "UNKNOWN";
}
