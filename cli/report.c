/* report.c - see report.h. Results may be buffered: they go out first, so that a terminal shows things in their order. */
#include "report.h"
#include <stdarg.h>
#include <string.h>

static const char *colour(const struct shell *shell, const char *code)
{
    return shell->is_err_tty ? code : "";
}

static void put_word(struct shell *shell, const char *word, const char *code)
{
    fflush(shell->out);
    fprintf(stderr, "%s%s%s", colour(shell, code), word, colour(shell, "\033[0m"));
}

void report_error(struct shell *shell, const laminar_error *err, const struct origin *origin)
{
    shell->has_failed = true;
    put_word(shell, "error", "\033[1;31m");
    fprintf(stderr, " %d (%s)", (int)err->code, laminar_status_title(err->code));
    if (origin && origin->label) fprintf(stderr, " in %s", origin->label);
    if (err->line > 0) {
        size_t line = (size_t)err->line, column = (size_t)err->column;
        if (origin) {
            if (line == 1) column += origin->column - 1;
            line += origin->line - 1;
        }
        fprintf(stderr, " at line %zu, column %zu", line, column);
    }
    fprintf(stderr, ": %s\n", err->message);
    for (const char *at = err->context; *at;) {
        size_t size = strcspn(at, "\n");
        fprintf(stderr, "  %.*s\n", (int)size, at);
        at += size + (at[size] == '\n');
    }
    if (err->hint[0]) {
        put_word(shell, "hint", "\033[1m");
        fprintf(stderr, ": %s\n", err->hint);
    }
}

void report_problem(struct shell *shell, const char *format, ...)
{
    va_list args;
    shell->has_failed = true;
    put_word(shell, "error", "\033[1;31m");
    fputs(": ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void report_note(struct shell *shell, const char *format, ...)
{
    va_list args;
    if (!shell->is_interactive) return;
    fflush(shell->out);
    fputs(colour(shell, "\033[2m"), stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "%s\n", colour(shell, "\033[0m"));
}
