/* display_width.h - how many terminal cells UTF-8 text takes, and where to cut it. */
#ifndef CLI_DISPLAY_WIDTH_H
#define CLI_DISPLAY_WIDTH_H

#include <stddef.h>
#include <stdint.h>

/* The character at text[0..size), size > 0: its bytes (1 for a stray byte, which reads as U+FFFD). */
size_t utf8_decode(const char *text, size_t size, uint32_t *out_codepoint);
/* Cells of a character: 0 (combining), 1 or 2 (East Asian wide, emoji). */
size_t codepoint_width(uint32_t codepoint);
/* Cells of a text without control characters. */
size_t display_width(const char *text, size_t size);
/* The bytes of the longest prefix that takes at most `width` cells. */
size_t display_prefix(const char *text, size_t size, size_t width);

#endif
