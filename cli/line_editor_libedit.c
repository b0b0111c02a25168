/* line_editor_libedit.c - lines by libedit: emacs or vi keys (~/.editrc), history in a file, completion at Tab.
 *
 * libedit reads characters through our function, which also waits for Ctrl-C: it then fails the read, and the line is dropped. */
#include "complete.h"
#include "display_width.h"
#include "interrupt.h"
#include "line_editor.h"
#include <errno.h>
#include <histedit.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

enum { HISTORY_MAX = 2000, LIST_MAX = 200 };

struct line_editor {
    struct shell *shell;
    EditLine *edit;
    History *history;
    char *history_path;
    const char *prompt;
};

static struct line_editor *editor_of(EditLine *edit)
{
    void *data = NULL;
    el_get(edit, EL_CLIENTDATA, &data);
    return data;
}

static char *prompt_of(EditLine *edit) { return (char *)(uintptr_t)editor_of(edit)->prompt; }

/* One character: 1, 0 at the end of input, -1 for Ctrl-C. */
static int read_character(EditLine *edit, wchar_t *out)
{
    struct interrupt *interrupt = editor_of(edit)->shell->interrupt;
    char bytes[8];
    size_t n = 0;
    while (n < sizeof bytes) {
        if (!interrupt_wait_readable(interrupt, STDIN_FILENO)) return -1;
        ssize_t got = read(STDIN_FILENO, bytes + n, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return (int)got;
        n++;
        mbstate_t state = {0};
        size_t used = mbrtowc(out, bytes, n, &state);
        if (used == (size_t)-2) continue;
        if (used == (size_t)-1) *out = L'?';
        return 1;
    }
    *out = L'?';
    return 1;
}

/* The candidates in columns below the line. */
static void list_words(struct line_editor *editor, const struct completion *completion)
{
    size_t widest = 0, n_shown = completion->n_words < LIST_MAX ? completion->n_words : LIST_MAX;
    const char *word = completion->words.data;
    for (size_t i = 0; i < n_shown; i++, word += strlen(word) + 1)
        if (display_width(word, strlen(word)) > widest) widest = display_width(word, strlen(word));
    size_t per_line = 80 / (widest + 2) ? 80 / (widest + 2) : 1;
    fputc('\n', editor->shell->out);
    word = completion->words.data;
    for (size_t i = 0; i < n_shown; i++, word += strlen(word) + 1) {
        bool is_last = (i + 1) % per_line == 0 || i + 1 == n_shown;
        fprintf(editor->shell->out, "%s%*s%s", word,
                is_last ? 0 : (int)(widest + 2 - display_width(word, strlen(word))), "",
                is_last ? "\n" : "");
    }
    if (n_shown < completion->n_words)
        fprintf(editor->shell->out, "and %zu more\n", completion->n_words - n_shown);
    fflush(editor->shell->out);
}

static unsigned char complete_key(EditLine *edit, int key)
{
    struct line_editor *editor = editor_of(edit);
    struct completion completion;
    unsigned char answer = CC_NORM;
    (void)key;
    const LineInfo *line = el_line(edit);
    size_t cursor = (size_t)(line->cursor - line->buffer),
           size = (size_t)(line->lastchar - line->buffer);
    struct buffer text = {0};
    buffer_add(&text, line->buffer, size);
    complete_line(editor->shell, text.data, cursor, &completion);
    const char *typed = text.data + cursor - completion.n_replaced;
    if (completion.n_words == 0) {
        answer = CC_ERROR;
    } else if (completion.n_words == 1 || completion.common.size > completion.n_replaced) {
        uint32_t codepoint;
        int n_characters = 0;
        for (size_t i = 0; i < completion.n_replaced; n_characters++)
            i += utf8_decode(typed + i, completion.n_replaced - i, &codepoint);
        if (completion.n_words == 1) buffer_putc(&completion.common, ' ');
        if (n_characters) el_deletestr(edit, n_characters);
        answer = el_insertstr(edit, completion.common.data) < 0 ? CC_ERROR : CC_REFRESH;
    } else {
        list_words(editor, &completion);
        answer = CC_REDISPLAY;
    }
    buffer_deinit(&text);
    completion_deinit(&completion);
    return answer;
}

struct line_editor *line_editor_create(struct shell *shell, const char *history_path)
{
    HistEvent event;
    struct line_editor *editor = shell_alloc(1, sizeof *editor);
    editor->shell = shell;
    editor->prompt = "";
    editor->edit = el_init("laminar", stdin, stdout, stderr);
    editor->history = history_init();
    if (!editor->edit || !editor->history) {
        line_editor_free(editor);
        return NULL;
    }
    el_set(editor->edit, EL_CLIENTDATA, editor);
    el_set(editor->edit, EL_PROMPT, prompt_of);
    el_set(editor->edit, EL_EDITOR, "emacs");
    el_set(editor->edit, EL_SIGNAL, 0);
    el_set(editor->edit, EL_GETCFN, read_character);
    el_set(editor->edit, EL_HIST, history, editor->history);
    el_set(editor->edit, EL_ADDFN, "laminar-complete", "complete the word", complete_key);
    el_set(editor->edit, EL_BIND, "^I", "laminar-complete", NULL);
    el_set(editor->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(editor->edit, NULL);
    history(editor->history, &event, H_SETSIZE, HISTORY_MAX);
    history(editor->history, &event, H_SETUNIQUE, 1);
    if (history_path) {
        editor->history_path = shell_strdup(history_path);
        history(editor->history, &event, H_LOAD, history_path); /* a first start has none */
    }
    return editor;
}

void line_editor_free(struct line_editor *editor)
{
    if (!editor) return;
    if (editor->history) history_end(editor->history);
    if (editor->edit) el_end(editor->edit);
    free(editor->history_path);
    free(editor);
}

enum editor_event line_editor_read(struct line_editor *editor, const char *prompt,
                                   struct buffer *out)
{
    int n = 0;
    editor->prompt = prompt;
    el_set(editor->edit, EL_PREP_TERM,
           /* libedit would do it after the prompt: keys that come between would be taken wrongly */
           1);
    const char *line = el_gets(editor->edit, &n);
    /* A whole line stands: an interrupt that came after it is for what the line does. */
    if ((!line || n <= 0 || line[n - 1] != '\n') && interrupt_take(editor->shell->interrupt)) {
        el_reset(editor->edit);
        return EDITOR_INTERRUPTED;
    }
    if (!line || n <= 0) return EDITOR_END;
    size_t size = (size_t)n;
    while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r')) size--;
    buffer_clear(out);
    buffer_add(out, line, size);
    return EDITOR_LINE;
}

/* Saved at once: a closed terminal ends the shell by a signal. */
void line_editor_remember(struct line_editor *editor, const char *text)
{
    HistEvent event;
    history(editor->history, &event, H_ENTER, text);
    if (editor->history_path &&
        history(editor->history, &event, H_SAVE, editor->history_path) < 0) {
        fprintf(stderr, "laminar: the history can't be written to %s\n", editor->history_path);
        free(editor->history_path); /* once is enough */
        editor->history_path = NULL;
    }
}

const char *line_editor_name(void) { return "libedit"; }
