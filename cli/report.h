/* report.h - what goes to standard error: errors of the library with their place, the shell's own, notes. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "shell.h"

/* Where the text of a statement stands in what the user gave: `label` is a file's name or NULL. */
struct origin {
    const char *label;
    size_t line;   /* 1-based */
    size_t column; /* 1-based, in characters */
};

/* error 400 (Query failed) at line 1, column 8: message, the line with a caret, the hint. */
void report_error(struct shell *shell, const laminar_error *err, const struct origin *origin);
/* error: message */
__attribute__((format(printf, 2, 3))) void report_problem(struct shell *shell, const char *format,
                                                          ...);
/* A remark, for a user at a terminal only. */
__attribute__((format(printf, 2, 3))) void report_note(struct shell *shell, const char *format,
                                                       ...);

#endif
