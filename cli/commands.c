/* commands.c - the dot-commands: a table of name, arguments, help and function. A line is split at blanks; 'single' and "double" quotes
 * keep blanks in a word. What the commands show of the database comes from SHOW, as any user could ask. */
#include "commands.h"
#include "interrupt.h"
#include "print.h"
#include "shell_options.h"
#include "top.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { WORDS_MAX = 8, READ_DEPTH_MAX = 16 };

struct command {
    const char *name;
    const char *arguments;
    const char *help;
    size_t n_min, n_max; /* words after the name */
    enum run_outcome (*run)(struct shell *shell, size_t n, char **words);
};

static enum run_outcome wrong(struct shell *shell, const char *command, const char *expected,
                              const char *given)
{
    report_problem(shell, "%s takes %s, not '%s'", command, expected, given);
    return RUN_FAILED;
}

/* --- The catalog ----------------------------------------------------------------------------------------------------------------- */

static const struct kind_row {
    const char *show;   /* the list: its first column is the name */
    const char *create; /* as SHOW CREATE spells the kind */
    const char *label;
} kind_table[] = {
    {"SHOW SOURCES", "SOURCE", "source"},
    {"SHOW TABLES", "TABLE", "table"},
    {"SHOW STREAMS", "STREAM", "stream"},
    {"SHOW MATERIALIZED VIEWS", "MATERIALIZED VIEW", "materialized view"},
    {"SHOW SINKS", "SINK", "sink"},
};
enum { N_KINDS = sizeof kind_table / sizeof *kind_table };

static enum run_outcome list_tables(struct shell *shell, size_t n, char **words)
{
    laminar_result *lists[N_KINDS] = {NULL};
    enum run_outcome outcome = RUN_OK;
    size_t width = 0;
    (void)n, (void)words;
    for (size_t k = 0; k < N_KINDS && outcome == RUN_OK; k++) {
        lists[k] = run_query(shell, kind_table[k].show);
        if (!lists[k]) outcome = RUN_FAILED;
        for (size_t row = 0; lists[k] && row < laminar_result_n_rows(lists[k]); row++) {
            size_t size = 0;
            laminar_result_bytes(lists[k], row, 0, &size);
            if (size > width) width = size;
        }
    }
    for (size_t k = 0; k < N_KINDS && outcome == RUN_OK; k++) {
        for (size_t row = 0; row < laminar_result_n_rows(lists[k]); row++) {
            size_t size = 0;
            const char *name = laminar_result_bytes(lists[k], row, 0, &size);
            fprintf(shell->out, "%.*s%*s  %s\n", (int)size, name, (int)(width - size), "",
                    kind_table[k].label);
        }
    }
    fflush(shell->out);
    for (size_t k = 0; k < N_KINDS; k++) laminar_result_free(lists[k]);
    return outcome;
}

static void print_create(struct shell *shell, const char *kind, const char *name, size_t size)
{
    struct buffer sql = {0};
    buffer_printf(&sql, "SHOW CREATE %s \"", kind);
    for (size_t i = 0; i < size; i++) {
        if (name[i] == '"') buffer_putc(&sql, '"');
        buffer_putc(&sql, name[i]);
    }
    buffer_putc(&sql, '"');
    laminar_result *answer = run_query(shell, sql.data);
    if (answer && laminar_result_n_rows(answer) > 0) {
        char *text = laminar_result_text_copy(answer, 0, 1);
        if (text) {
            size_t end = strlen(text);
            while (end > 0 && (isspace((unsigned char)text[end - 1]) || text[end - 1] == ';'))
                end--;
            fprintf(shell->out, "%.*s;\n", (int)end, text);
        }
        laminar_free(text);
    }
    laminar_result_free(answer);
    buffer_deinit(&sql);
}

/* The CREATE statements of one relation or of all, in an order in which they can be run again as far as the kinds tell. */
static enum run_outcome show_schema(struct shell *shell, size_t n, char **words)
{
    bool is_found = false;
    for (size_t k = 0; k < N_KINDS; k++) {
        laminar_result *list = run_query(shell, kind_table[k].show);
        if (!list) return RUN_FAILED;
        for (size_t row = 0; row < laminar_result_n_rows(list); row++) {
            size_t size = 0;
            const char *name = laminar_result_bytes(list, row, 0, &size);
            if (n && (strlen(words[0]) != size || strncasecmp(words[0], name, size) != 0)) continue;
            is_found = true;
            print_create(shell, kind_table[k].create, name, size);
        }
        laminar_result_free(list);
    }
    fflush(shell->out);
    if (!n || is_found) return RUN_OK;
    report_problem(shell, "there is no relation named '%s'; .tables lists them", words[0]);
    return RUN_FAILED;
}

/* --- Switches -------------------------------------------------------------------------------------------------------------------- */

static bool read_switch(const char *word, bool *out)
{
    if (strcasecmp(word, "on") == 0)
        *out = true;
    else if (strcasecmp(word, "off") == 0)
        *out = false;
    else
        return false;
    return true;
}

static enum run_outcome set_switch(struct shell *shell, const char *name, bool *value, size_t n,
                                   char **words)
{
    if (n && !read_switch(words[0], value)) return wrong(shell, name, "on or off", words[0]);
    if (!n) fprintf(shell->out, "%s\n", *value ? "on" : "off");
    return RUN_OK;
}

static enum run_outcome set_timer(struct shell *shell, size_t n, char **words)
{
    return set_switch(shell, ".timer", &shell->has_timer, n, words);
}

static enum run_outcome set_header(struct shell *shell, size_t n, char **words)
{
    return set_switch(shell, ".header", &shell->has_header, n, words);
}

static enum run_outcome set_changes(struct shell *shell, size_t n, char **words)
{
    return set_switch(shell, ".changes", &shell->has_changes, n, words);
}

static enum run_outcome set_snapshot(struct shell *shell, size_t n, char **words)
{
    return set_switch(shell, ".snapshot", &shell->has_snapshot, n, words);
}

static enum run_outcome set_mode(struct shell *shell, size_t n, char **words)
{
    int mode = n ? output_mode_find(words[0]) : (int)shell->mode;
    if (mode < 0) return wrong(shell, ".mode", "table, csv, json or line", words[0]);
    if (!n) fprintf(shell->out, "%s\n", output_mode_name(shell->mode));
    shell->mode = (enum output_mode)mode;
    return RUN_OK;
}

static bool read_count(const char *word, uint64_t *out)
{
    char *end = NULL;
    if (!isdigit((unsigned char)word[0])) return false;
    errno = 0;
    unsigned long long value = strtoull(word, &end, 10);
    if (*end || errno) return false;
    *out = value;
    return true;
}

static enum run_outcome set_limit(struct shell *shell, size_t n, char **words)
{
    if (!n)
        fprintf(shell->out, "%llu\n", (unsigned long long)shell->limit);
    else if (!read_count(words[0], &shell->limit))
        return wrong(shell, ".limit", "a number of rows (0: no limit)", words[0]);
    return RUN_OK;
}

static enum run_outcome set_rows_max(struct shell *shell, size_t n, char **words)
{
    uint64_t value = shell->rows_max;
    if (n && !read_count(words[0], &value))
        return wrong(shell, ".maxrows", "a number of rows (0: all)", words[0]);
    if (!n) fprintf(shell->out, "%zu\n", shell->rows_max);
    shell->rows_max = (size_t)value;
    return RUN_OK;
}

static enum run_outcome set_timeout(struct shell *shell, size_t n, char **words)
{
    char *end = NULL;
    if (!n) {
        if (shell->timeout_s < 0)
            fprintf(shell->out, "off\n");
        else
            fprintf(shell->out, "%g\n", shell->timeout_s);
        return RUN_OK;
    }
    double seconds = strcasecmp(words[0], "off") == 0 ? -1 : strtod(words[0], &end);
    if (end && (end == words[0] || *end || !(seconds >= 0 && seconds <= 1e9)))
        return wrong(shell, ".timeout", "seconds or off", words[0]);
    shell->timeout_s = seconds;
    return RUN_OK;
}

/* --- Files ----------------------------------------------------------------------------------------------------------------------- */

static enum run_outcome read_script(struct shell *shell, size_t n, char **words)
{
    (void)n;
    if (shell->read_depth >= READ_DEPTH_MAX) {
        report_problem(shell, ".read is nested deeper than %d", READ_DEPTH_MAX);
        return RUN_FAILED;
    }
    shell->read_depth++;
    enum run_outcome outcome = run_file(shell, words[0]);
    shell->read_depth--;
    return outcome;
}

static enum run_outcome show_top(struct shell *shell, size_t n, char **words)
{
    char *end = NULL;
    uint64_t n_pictures = 0;
    double seconds = n > 0 ? strtod(words[0], &end) : 1;
    if (end && (end == words[0] || *end || !(seconds >= 0.01 && seconds <= 86400)))
        return wrong(shell, ".top", "seconds between pictures", words[0]);
    if (n > 1 && !read_count(words[1], &n_pictures))
        return wrong(shell, ".top", "a number of pictures (0: until Ctrl-C)", words[1]);
    return top_run(shell, (int64_t)(seconds * 1000), n_pictures);
}

static bool has_ending(const char *path, const char *ending)
{
    size_t size = strlen(path), ending_size = strlen(ending);
    return size > ending_size && strcasecmp(path + size - ending_size, ending) == 0;
}

static enum run_outcome import_file(struct shell *shell, size_t n, char **words)
{
    struct buffer text = {0};
    laminar_error err = LAMINAR_ERROR_INIT;
    uint64_t n_rows = 0;
    (void)n;
    bool is_json = has_ending(words[0], ".json") || has_ending(words[0], ".jsonl") ||
                   has_ending(words[0], ".ndjson");
    if (!is_json && !has_ending(words[0], ".csv"))
        return wrong(shell, ".import", "a file named .csv, .json, .jsonl or .ndjson", words[0]);
    if (!buffer_read_file(&text, words[0])) {
        report_problem(shell, "can't read %s: %s", words[0], strerror(errno));
        buffer_deinit(&text);
        return RUN_FAILED;
    }
    laminar_status status =
        is_json ? laminar_insert_json(shell->db, words[1], text.data, text.size, &n_rows, &err)
                : laminar_insert_csv(shell->db, words[1], text.data, text.size, &n_rows, &err);
    buffer_deinit(&text);
    if (status != LAMINAR_OK) {
        struct origin origin = {.label = words[0], .line = 1, .column = 1};
        report_error(shell, &err, &origin);
        return RUN_FAILED;
    }
    report_note(shell, "%llu row%s", (unsigned long long)n_rows, n_rows == 1 ? "" : "s");
    return RUN_OK;
}

static enum run_outcome set_output(struct shell *shell, size_t n, char **words)
{
    FILE *file = stdout;
    if (n && strcmp(words[0], "stdout") != 0 && !(file = fopen(words[0], "we"))) {
        report_problem(shell, "can't write %s: %s", words[0], strerror(errno));
        return RUN_FAILED;
    }
    bool has_failed = false;
    if (shell->out != stdout) has_failed = fclose(shell->out) != 0;
    shell->out = file;
    shell->is_out_tty = file == stdout && isatty(STDOUT_FILENO) == 1;
    if (!has_failed) return RUN_OK;
    report_problem(shell, "the last .output file couldn't be written whole: %s", strerror(errno));
    return RUN_FAILED;
}

static enum run_outcome quit(struct shell *shell, size_t n, char **words)
{
    (void)n, (void)words;
    shell->is_quitting = true;
    return RUN_OK;
}

static enum run_outcome help(struct shell *shell, size_t n, char **words);

static const struct command command_table[] = {
    {".changes", "[on|off]", "SUBSCRIBE shows __weight: 1 inserted, -1 retracted", 0, 1,
     set_changes},
    {".exit", "", "end", 0, 0, quit},
    {".header", "[on|off]", "column names in table and csv", 0, 1, set_header},
    {".help", "", "this list", 0, 1, help},
    {".import", "FILE TABLE", "insert the rows of a .csv, .json, .jsonl or .ndjson file", 2, 2,
     import_file},
    {".limit", "[ROWS]", "end each SUBSCRIBE after this many rows; 0: no limit", 0, 1, set_limit},
    {".maxrows", "[ROWS]", "rows of a result that table mode shows; 0: all", 0, 1, set_rows_max},
    {".mode", "[table|csv|json|line]", "how results look", 0, 1, set_mode},
    {".output", "[FILE]", "write results to a file; without one, to the terminal again", 0, 1,
     set_output},
    {".quit", "", "end", 0, 0, quit},
    {".read", "FILE", "run a file", 1, 1, read_script},
    {".schema", "[NAME]", "the CREATE statement of a relation, or of all", 0, 1, show_schema},
    {".snapshot", "[on|off]", "SUBSCRIBE begins with the contents", 0, 1, set_snapshot},
    {".tables", "", "sources, tables, streams, views and sinks", 0, 0, list_tables},
    {".timeout", "[SECONDS|off]", "end each SUBSCRIBE after this time", 0, 1, set_timeout},
    {".timer", "[on|off]", "show how long each statement took", 0, 1, set_timer},
    {".top", "[SECONDS [COUNT]]", "rates, rows and memory of all relations, until Ctrl-C", 0, 2,
     show_top},
};
enum { N_COMMANDS = sizeof command_table / sizeof *command_table };

static enum run_outcome help(struct shell *shell, size_t n, char **words)
{
    (void)n, (void)words;
    for (size_t i = 0; i < N_COMMANDS; i++) {
        const struct command *command = &command_table[i];
        fprintf(shell->out, "%-10s %-22s %s\n", command->name, command->arguments, command->help);
    }
    fprintf(
        shell->out,
        "\nSQL statements end with ; and may take several lines. SUBSCRIBE name | (query) streams until Ctrl-C.\n");
    fflush(shell->out);
    return RUN_OK;
}

const char *command_name(size_t i) { return i < N_COMMANDS ? command_table[i].name : NULL; }

/* --- A line ---------------------------------------------------------------------------------------------------------------------- */

/* Splits in place. The number of words; WORDS_MAX + 1: too many; 0 and *is_open: a quote isn't closed. */
static size_t split_words(char *line, char **words, bool *is_open)
{
    size_t n = 0;
    char *at = line;
    *is_open = false;
    for (;;) {
        while (isspace((unsigned char)*at)) at++;
        if (!*at) return n;
        if (n == WORDS_MAX) return WORDS_MAX + 1;
        char *to = words[n++] = at;
        while (*at && !isspace((unsigned char)*at)) {
            if (*at != '\'' && *at != '"') {
                *to++ = *at++;
                continue;
            }
            char quote = *at++;
            while (*at && *at != quote) *to++ = *at++;
            if (!*at) {
                *is_open = true;
                return 0;
            }
            at++;
        }
        bool is_end = *at == 0;
        *to = 0;
        if (is_end) return n;
        at++;
    }
}

/* The command that a word names, or begins unambiguously. */
static const struct command *find_command(const char *word)
{
    const struct command *found = NULL;
    size_t size = strlen(word), n_found = 0;
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(command_table[i].name, word) == 0) return &command_table[i];
        if (size < 2 || strncmp(command_table[i].name, word, size) != 0) continue;
        found = &command_table[i];
        n_found++;
    }
    return n_found == 1 ? found : NULL;
}

enum run_outcome command_run(struct shell *shell, const char *line, size_t size)
{
    struct buffer text = {0};
    char *words[WORDS_MAX];
    bool is_open;
    enum run_outcome outcome = RUN_FAILED;
    buffer_add(&text, line, size);
    size_t n = split_words(text.data, words, &is_open);
    const struct command *command = n > 0 && n <= WORDS_MAX ? find_command(words[0]) : NULL;
    if (is_open)
        report_problem(shell, "a quote isn't closed");
    else if (n > 0 && n <= WORDS_MAX && !command)
        report_problem(shell, "there is no command '%s'; .help lists them", words[0]);
    else if (!command || n - 1 < command->n_min || n - 1 > command->n_max)
        report_problem(shell, "usage: %s %s", command ? command->name : ".help",
                       command ? command->arguments : "");
    else
        outcome = command->run(shell, n - 1, words + 1);
    buffer_deinit(&text);
    return outcome;
}
