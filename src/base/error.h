/* error.h - filling the public error object, and passing failure up.
 *
 * A function that can fail returns laminar_status and has `struct laminar_error *err` as its last argument, which may be
 * NULL. The error is filled once, where the cause is known; upper layers add a position or an object, never replace the
 * text. Filling it never allocates. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/compiler.h"
#include <laminar/types.h>
#include <stdarg.h>

/* Fills `err` (if any) and returns `code`, so that `return error_set(err, LAMINAR_QUERY_FAILED, "no column '%s'", name);`
 * reads as one thought. A text longer than the field is cut at a character. */
laminar_status error_set(struct laminar_error *err, laminar_status code, const char *format, ...)
    printf_like(3, 4);
laminar_status error_set_v(struct laminar_error *err, laminar_status code, const char *format,
                           va_list args);
/* The same with a text as it is: for answers that are no failure and come often. */
laminar_status error_set_text(struct laminar_error *err, laminar_status code, const char *text);
/* What to do about it. Call after error_set. */
void error_hint(struct laminar_error *err, const char *format, ...) printf_like(2, 3);
/* The source, table or stream concerned. */
void error_object(struct laminar_error *err, const char *name);
/* Line and column (1-based, in characters) of byte `offset` of `sql`, with the line and a caret as context. Does nothing when the
 * error has a position already. */
void error_position(struct laminar_error *err, const char *sql, size_t size, size_t offset);
/* Empties it. */
void error_clear(struct laminar_error *err);
/* LAMINAR_OUT_OF_MEMORY with the standard text. Returned by whatever could not allocate. */
laminar_status error_oom(struct laminar_error *err);
/* LAMINAR_INTERNAL_ERROR: a wrong belief about our own state. */
laminar_status error_internal(struct laminar_error *err, const char *file, int line,
                              const char *what);

const char *status_title(laminar_status code);
const char *status_name(laminar_status code);

/* The only control-flow macro: failure goes to the clean-up block. Needs `laminar_status status` in scope. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        status = (expr);                                                                           \
        if (unlikely(status != LAMINAR_OK)) goto done;                                             \
    } while (0)

/* A belief whose failure would corrupt data: checked in release builds too. */
#define ENSURE(cond, err)                                                                          \
    do {                                                                                           \
        if (unlikely(!(cond))) return error_internal((err), __FILE__, __LINE__, #cond);            \
    } while (0)

#endif
