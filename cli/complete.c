/* complete.c - see complete.h. The library knows key words, functions and names; the shell its own commands. Who types lower case gets
 * key words in lower case. */
#include "complete.h"
#include "commands.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_upper_word(const char *word, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (islower((unsigned char)word[i])) return false;
    return true;
}

static bool is_lower_word(const char *word, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (isupper((unsigned char)word[i])) return false;
    return size > 0;
}

static void add_word(struct completion *out, const char *word, size_t size, bool is_lowered)
{
    for (size_t i = 0; i < size; i++)
        buffer_putc(&out->words, is_lowered ? (char)tolower((unsigned char)word[i]) : word[i]);
    buffer_add(&out->words, "", 1);
    out->n_words++;
}

static int compare_words(const void *a, const void *b)
{
    return strcasecmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts the words, drops repeated ones, and finds the common beginning (case apart). */
static void finish(struct completion *out)
{
    if (out->n_words == 0) return;
    char **words = shell_alloc(out->n_words, sizeof *words);
    struct buffer sorted = {0};
    size_t n = 0;
    char *at = out->words.data;
    for (size_t i = 0; i < out->n_words; i++, at += strlen(at) + 1) words[i] = at;
    qsort(words, out->n_words, sizeof *words, compare_words);
    size_t common = strlen(words[0]);
    for (size_t i = 0; i < out->n_words; i++) {
        if (i && strcmp(words[i], words[i - 1]) == 0) continue;
        while (strncasecmp(words[0], words[i], common) != 0) common--;
        buffer_add(&sorted, words[i], strlen(words[i]) + 1);
        n++;
    }
    while (common > 0 && common < strlen(words[0]) &&
           ((unsigned char)words[0][common] & 0xC0) == 0x80)
        common--;
    buffer_add(&out->common, words[0], common);
    free(words);
    buffer_deinit(&out->words);
    out->words = sorted;
    out->n_words = n;
}

static void complete_command(const char *line, size_t cursor, struct completion *out)
{
    const char *name;
    out->n_replaced = cursor;
    for (size_t i = 0; (name = command_name(i)); i++)
        if (strncmp(name, line, cursor) == 0) add_word(out, name, strlen(name), false);
}

void complete_line(struct shell *shell, const char *line, size_t cursor, struct completion *out)
{
    *out = (struct completion){0};
    if (cursor > 0 && line[0] == '.' && !memchr(line, ' ', cursor)) {
        complete_command(line, cursor, out);
        finish(out);
        return;
    }
    size_t start = cursor;
    while (start > 0 && (isalnum((unsigned char)line[start - 1]) || line[start - 1] == '_' ||
                         line[start - 1] == '.' || (unsigned char)line[start - 1] >= 0x80))
        start--;
    char *words = laminar_complete_copy(shell->db, line, cursor);
    if (!words) return;
    out->n_replaced = cursor - start;
    bool is_lower = is_lower_word(line + start, cursor - start);
    for (const char *word = words; *word;) {
        size_t size = strcspn(word, "\n");
        if (size) add_word(out, word, size, is_lower && is_upper_word(word, size));
        word += size + (word[size] == '\n');
    }
    laminar_free(words);
    finish(out);
}

void completion_deinit(struct completion *completion)
{
    buffer_deinit(&completion->words);
    buffer_deinit(&completion->common);
    *completion = (struct completion){0};
}
