/* complete.h - what the word before the cursor can become. */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include "shell.h"

struct completion {
    struct buffer words; /* the candidates, each with a zero at its end, sorted */
    size_t n_words;
    size_t n_replaced;    /* bytes before the cursor that a candidate replaces */
    struct buffer common; /* what all candidates begin with, spelled for the line */
};

/* Fills *out, which the caller deinits; n_words 0: nothing fits. */
void complete_line(struct shell *shell, const char *line, size_t cursor, struct completion *out);
void completion_deinit(struct completion *completion);

#endif
