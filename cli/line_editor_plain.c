/* line_editor_plain.c - lines as the terminal's own line discipline edits them: no history, no completion. */
#include "interrupt.h"
#include "line_editor.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct line_editor {
    struct shell *shell;
    struct buffer pending; /* read, not yet given out */
};

struct line_editor *line_editor_create(struct shell *shell, const char *history_path)
{
    (void)history_path;
    struct line_editor *editor = shell_alloc(1, sizeof *editor);
    editor->shell = shell;
    return editor;
}

void line_editor_free(struct line_editor *editor)
{
    if (!editor) return;
    buffer_deinit(&editor->pending);
    free(editor);
}

/* Gives out the first line of what was read, if there is one. */
static bool take_line(struct buffer *pending, struct buffer *out)
{
    char *end = pending->size ? memchr(pending->data, '\n', pending->size) : NULL;
    if (!end) return false;
    size_t size = (size_t)(end - pending->data);
    buffer_clear(out);
    buffer_add(out, pending->data, size);
    pending->size -= size + 1;
    memmove(pending->data, end + 1, pending->size);
    return true;
}

enum editor_event line_editor_read(struct line_editor *editor, const char *prompt,
                                   struct buffer *out)
{
    char bytes[4096];
    fputs(prompt, stdout);
    fflush(stdout);
    while (!take_line(&editor->pending, out)) {
        if (!interrupt_wait_readable(editor->shell->interrupt, STDIN_FILENO)) {
            interrupt_take(editor->shell->interrupt);
            buffer_clear(&editor->pending);
            return EDITOR_INTERRUPTED;
        }
        ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return EDITOR_END;
        buffer_add(&editor->pending, bytes, (size_t)n);
    }
    return EDITOR_LINE;
}

void line_editor_remember(struct line_editor *editor, const char *text)
{
    (void)editor, (void)text;
}

const char *line_editor_name(void) { return "none, built without libedit"; }
