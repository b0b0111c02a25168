/* strbuf.h - text that grows. Zero-initialised is valid. A failed append sets `failed` and later ones do nothing, so that
 * callers test once at the end. Always zero-terminated once something was appended. */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include "base/mem.h"

struct strbuf {
    char *data;
    size_t size; /* without the terminator */
    size_t capacity;
    bool failed; /* memory ran out */
};
void strbuf_append(struct strbuf *buf, const char *data, size_t size);
void strbuf_puts(struct strbuf *buf, const char *text);
void strbuf_putc(struct strbuf *buf, char c);
void strbuf_printf(struct strbuf *buf, const char *format, ...) printf_like(2, 3);
/* Room for `size` more bytes; returns where they go (then add to buf->size), or NULL. */
char *strbuf_reserve(struct strbuf *buf, size_t size);
void strbuf_clear(struct strbuf *buf);
void strbuf_deinit(struct strbuf *buf);
/* The text, now the caller's (mem_free), "" included; NULL if an append had failed. Empties buf. */
char *strbuf_take(struct strbuf *buf);

#endif
