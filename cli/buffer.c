/* buffer.c - see buffer.h. Doubles when full. */
#include "buffer.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void out_of_memory(void)
{
    fputs("laminar: memory is exhausted\n", stderr);
    exit(1);
}

void *shell_alloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);
    if (!memory) out_of_memory();
    return memory;
}

char *shell_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(shell_alloc(size, 1), text, size);
}

/* Room for `more` bytes and a zero. */
static void make_room(struct buffer *buf, size_t more)
{
    if (more > SIZE_MAX / 4 || buf->size > SIZE_MAX / 4) out_of_memory();
    size_t wanted = buf->size + more + 1;
    if (wanted <= buf->capacity) return;
    size_t capacity = buf->capacity ? buf->capacity : 64;
    while (capacity < wanted) capacity *= 2;
    char *data = realloc(buf->data, capacity);
    if (!data) out_of_memory();
    buf->data = data;
    buf->capacity = capacity;
}

void buffer_add(struct buffer *buf, const char *bytes, size_t size)
{
    make_room(buf, size);
    if (size) memcpy(buf->data + buf->size, bytes, size);
    buf->size += size;
    buf->data[buf->size] = 0;
}

void buffer_puts(struct buffer *buf, const char *text) { buffer_add(buf, text, strlen(text)); }

void buffer_putc(struct buffer *buf, char c) { buffer_add(buf, &c, 1); }

void buffer_repeat(struct buffer *buf, const char *text, size_t n)
{
    size_t size = strlen(text);
    for (size_t i = 0; i < n; i++) buffer_add(buf, text, size);
}

void buffer_printf(struct buffer *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0) return;
    make_room(buf, (size_t)size);
    va_start(args, format);
    vsnprintf(buf->data + buf->size, (size_t)size + 1, format, args);
    va_end(args);
    buf->size += (size_t)size;
}

void buffer_clear(struct buffer *buf)
{
    buf->size = 0;
    if (buf->data) buf->data[0] = 0;
}

void buffer_deinit(struct buffer *buf)
{
    free(buf->data);
    *buf = (struct buffer){0};
}

bool buffer_read_file(struct buffer *buf, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    for (;;) {
        make_room(buf, 1 << 16);
        ssize_t n = read(fd, buf->data + buf->size, 1 << 16);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            int saved = errno;
            close(fd);
            errno = saved;
            return false;
        }
        if (n == 0) break;
        buf->size += (size_t)n;
    }
    buf->data[buf->size] = 0;
    close(fd);
    return true;
}
