/* statement_split.h - where statements of a script begin and end. */
#ifndef CLI_STATEMENT_SPLIT_H
#define CLI_STATEMENT_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

/* The blanks and comments at the start of text: their bytes. An unfinished comment counts to the end. */
size_t split_skip_blank(const char *text, size_t size);
/* The bytes up to and with the `;` that ends the first statement; `size` when there is none. *is_ended tells which. */
size_t split_statement(const char *text, size_t size, bool *is_ended);
/* True when the statement begins with this key word (after blanks and comments), in any case. */
bool split_starts_with(const char *text, size_t size, const char *word);

#endif
