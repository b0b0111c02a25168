/* buffer.h - bytes that grow: lines, statements and output of the shell.
 *
 * A zeroed struct is empty. `data` is always zero-terminated once something was added. When memory is exhausted the shell ends with
 * a message: unlike the library it has nothing to keep. */
#ifndef CLI_BUFFER_H
#define CLI_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *data;
    size_t size, capacity;
};

void buffer_add(struct buffer *buf, const char *bytes, size_t size);
void buffer_puts(struct buffer *buf, const char *text);
void buffer_putc(struct buffer *buf, char c);
/* `text`, n times. */
void buffer_repeat(struct buffer *buf, const char *text, size_t n);
__attribute__((format(printf, 2, 3))) void buffer_printf(struct buffer *buf, const char *format,
                                                         ...);
/* Empties; the memory stays. */
void buffer_clear(struct buffer *buf);
void buffer_deinit(struct buffer *buf);

/* Memory that is there, or the program ends. */
void *shell_alloc(size_t count, size_t size);
char *shell_strdup(const char *text);

/* The whole of a file. False: errno says why. */
bool buffer_read_file(struct buffer *buf, const char *path);

#endif
