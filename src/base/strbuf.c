/* strbuf.c - see strbuf.h. */
#include "base/strbuf.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

char *strbuf_reserve(struct strbuf *buf, size_t size)
{
    size_t needed;
    if (buf->failed || !size_add(buf->size, size, &needed) || !size_add(needed, 1, &needed)) {
        buf->failed = true;
        return NULL;
    }
    if (needed > buf->capacity) {
        size_t wanted = buf->capacity * 2 < 64 ? 64 : buf->capacity * 2;
        if (wanted < needed) wanted = needed;
        char *grown = mem_realloc(buf->data, wanted);
        if (!grown) {
            buf->failed = true;
            return NULL;
        }
        buf->data = grown;
        buf->capacity = wanted;
    }
    return buf->data + buf->size;
}

void strbuf_append(struct strbuf *buf, const char *data, size_t size)
{
    char *room = strbuf_reserve(buf, size);
    if (!room) return;
    if (size) memcpy(room, data, size);
    buf->size += size;
    buf->data[buf->size] = 0;
}

void strbuf_puts(struct strbuf *buf, const char *text) { strbuf_append(buf, text, strlen(text)); }
void strbuf_putc(struct strbuf *buf, char c) { strbuf_append(buf, &c, 1); }

void strbuf_printf(struct strbuf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *room = n < 0 ? NULL : strbuf_reserve(buf, (size_t)n);
    if (room) {
        vsnprintf(room, (size_t)n + 1, format, again);
        buf->size += (size_t)n;
    }
    va_end(again);
}

void strbuf_clear(struct strbuf *buf)
{
    buf->size = 0;
    buf->failed = false;
    if (buf->data) buf->data[0] = 0;
}

void strbuf_deinit(struct strbuf *buf)
{
    mem_free(buf->data);
    *buf = (struct strbuf){0};
}

char *strbuf_take(struct strbuf *buf)
{
    if (!buf->failed && !buf->data) strbuf_append(buf, "", 0);
    char *text = buf->failed ? NULL : buf->data;
    if (!text) mem_free(buf->data);
    *buf = (struct strbuf){0};
    return text;
}
