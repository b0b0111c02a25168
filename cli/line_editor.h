/* line_editor.h - a line from the user at a terminal: with libedit where the build found it (line_editor_libedit.c), else plain
 * (line_editor_plain.c). Both wait so that Ctrl-C interrupts the wait. */
#ifndef CLI_LINE_EDITOR_H
#define CLI_LINE_EDITOR_H

#include "shell.h"

struct line_editor;

enum editor_event { EDITOR_LINE, EDITOR_END, EDITOR_INTERRUPTED };

/* `history_path` may be NULL: no history is kept. NULL: no terminal can be had. */
struct line_editor *line_editor_create(struct shell *shell, const char *history_path);
void line_editor_free(struct line_editor *editor);
/* Reads a line; *out gets its text without the line feed. */
enum editor_event line_editor_read(struct line_editor *editor, const char *prompt,
                                   struct buffer *out);
/* Adds a whole statement to the history, in the file too. */
void line_editor_remember(struct line_editor *editor, const char *text);
/* For --version. */
const char *line_editor_name(void);

#endif
