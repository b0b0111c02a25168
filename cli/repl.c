/* repl.c - see repl.h. A statement may take several lines: the library tells whether the text is complete. Errors don't end the
 * conversation, and Ctrl-C drops what was typed. */
#include "repl.h"
#include "interrupt.h"
#include "line_editor.h"
#include "run.h"
#include "statement_split.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* $LAMINAR_HISTORY, else ~/.laminar_history; NULL when it shall not be kept. The caller frees. */
static char *history_path(void)
{
    struct buffer path = {0};
    const char *given = getenv("LAMINAR_HISTORY"), *home = getenv("HOME");
    if (given) return given[0] ? shell_strdup(given) : NULL;
    if (!home || !home[0]) return NULL;
    buffer_printf(&path, "%s/.laminar_history", home);
    return path.data;
}

/* As one line where that means the same, so that the history can be walked: a comment to the end of the line needs its end. */
static void remember(struct line_editor *editor, const struct buffer *text)
{
    struct buffer entry = {0};
    size_t size = text->size;
    while (size > 0 && isspace((unsigned char)text->data[size - 1])) size--;
    if (size == 0) return;
    bool is_foldable = !memmem(text->data, size, "--", 2) && !memchr(text->data, '\'', size);
    for (size_t i = 0; i < size; i++)
        buffer_putc(&entry, is_foldable && text->data[i] == '\n' ? ' ' : text->data[i]);
    line_editor_remember(editor, entry.data);
    buffer_deinit(&entry);
}

/* A dot-command, or statements that are complete. */
static void run_text(struct shell *shell, struct line_editor *editor, struct buffer *text)
{
    remember(editor, text);
    if (run_script(shell, text->data, text->size, NULL) == RUN_INTERRUPTED)
        interrupt_take(shell->interrupt);
    buffer_clear(text);
}

static bool is_blank(const struct buffer *text)
{
    return split_skip_blank(text->data, text->size) == text->size;
}

static void greet(struct shell *shell)
{
    fprintf(shell->out, "LaminarDB %s, database %s. SQL ends with ; and .help lists commands.\n",
            laminar_version(), shell->database);
    fflush(shell->out);
}

bool repl_run(struct shell *shell)
{
    char *path = history_path();
    struct line_editor *editor = line_editor_create(shell, path);
    struct buffer text = {0}, line = {0};
    free(path);
    if (!editor) return false;
    greet(shell);
    while (!shell->is_quitting) {
        enum editor_event event = line_editor_read(editor, text.size ? "    ...> " : "laminar> ",
                                                   &line);
        if (event == EDITOR_INTERRUPTED) {
            fputs("^C\n", shell->out);
            buffer_clear(&text);
            continue;
        }
        if (event == EDITOR_END) {
            fputc('\n', stdout);
            break;
        }
        buffer_add(&text, line.data, line.size);
        buffer_putc(&text, '\n');
        if (text.data[0] != '.' && laminar_is_incomplete(text.data, text.size)) continue;
        if (is_blank(&text))
            buffer_clear(&text);
        else
            run_text(shell, editor, &text);
        fflush(stdout);
    }
    if (!shell->is_quitting && text.size && !is_blank(&text)) run_text(shell, editor, &text);
    buffer_deinit(&text);
    buffer_deinit(&line);
    line_editor_free(editor);
    return true;
}
