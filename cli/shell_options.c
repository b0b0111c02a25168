/* shell_options.c - see shell_options.h. One table of options drives the reading; the help is written by hand beside it. */
#include "shell_options.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *shell_options_help(void)
{
    return "usage: laminar [options] [DIR] [FILE.sql ...]\n"
           "       laminar top DIR\n"
           "       laminar check DIR | dump DIR OUT [--secrets] | backup DIR OUT\n"
           "\n"
           "Runs the files and -c texts in order; without any, reads statements from standard input, or from you.\n"
           "DIR is an existing directory: the database. check looks for damage in it, dump writes SQL and Arrow files, backup copies it;\n"
           "top opens it, lets it run, and shows rates, rows and memory of its relations.\n"
           "\n"
           "  -c, --command SQL      run SQL (may be given several times)\n"
           "  -d, --database PATH    the database: a directory, or :memory: (default)\n"
           "  -r, --read-only        open the directory for reading only, beside other readers\n"
           "  -s, --set NAME=VALUE   a setting of the database, for example memory_limit=1gb\n"
           "  -m, --mode MODE        table (default), csv, json or line\n"
           "      --no-header        no column names in table and csv\n"
           "      --timer            show how long each statement took\n"
           "  -k, --keep-going       go on after an error\n"
           "  -i, --interactive      prompt after the files and texts were run\n"
           "      --timeout SECONDS  end each SUBSCRIBE after this time\n"
           "      --limit ROWS       end each SUBSCRIBE after this many rows\n"
           "      --changes          SUBSCRIBE shows the column __weight: 1 inserted, -1 retracted\n"
           "      --no-snapshot      SUBSCRIBE shows changes only, not the contents first\n"
           "  -h, --help             this text\n"
           "  -V, --version          the version\n"
           "\n"
           "Exit codes: 0 all is well, 1 a statement failed, 2 wrong usage, 3 the database can't be opened, 130 interrupted.\n"
           "The history is kept in ~/.laminar_history, or in the file that LAMINAR_HISTORY names (empty: nowhere).\n";
}

const char *output_mode_name(enum output_mode mode)
{
    switch (mode) {
    case MODE_TABLE: return "table";
    case MODE_CSV: return "csv";
    case MODE_JSON: return "json";
    case MODE_LINE: return "line";
    }
    return "";
}

int output_mode_find(const char *name)
{
    for (int mode = MODE_TABLE; mode <= MODE_LINE; mode++)
        if (strcmp(name, output_mode_name((enum output_mode)mode)) == 0) return mode;
    return -1;
}

enum option_id {
    OPTION_COMMAND,
    OPTION_DATABASE,
    OPTION_READ_ONLY,
    OPTION_SET,
    OPTION_MODE,
    OPTION_NO_HEADER,
    OPTION_TIMER,
    OPTION_KEEP_GOING,
    OPTION_INTERACTIVE,
    OPTION_TIMEOUT,
    OPTION_LIMIT,
    OPTION_CHANGES,
    OPTION_NO_SNAPSHOT,
    OPTION_HELP,
    OPTION_VERSION
};

static const struct option_row {
    const char *name;
    char letter;
    bool takes_value;
    enum option_id id;
} option_table[] = {
    {"--command", 'c', true, OPTION_COMMAND},
    {"--database", 'd', true, OPTION_DATABASE},
    {"--read-only", 'r', false, OPTION_READ_ONLY},
    {"--set", 's', true, OPTION_SET},
    {"--mode", 'm', true, OPTION_MODE},
    {"--no-header", 0, false, OPTION_NO_HEADER},
    {"--timer", 0, false, OPTION_TIMER},
    {"--keep-going", 'k', false, OPTION_KEEP_GOING},
    {"--interactive", 'i', false, OPTION_INTERACTIVE},
    {"--timeout", 0, true, OPTION_TIMEOUT},
    {"--limit", 0, true, OPTION_LIMIT},
    {"--changes", 0, false, OPTION_CHANGES},
    {"--no-snapshot", 0, false, OPTION_NO_SNAPSHOT},
    {"--help", 'h', false, OPTION_HELP},
    {"--version", 'V', false, OPTION_VERSION},
};

/* The first name that is a directory is the database. */
static void add_name(struct shell_options *out, const char *arg)
{
    struct stat info;
    bool is_folder = strcmp(out->database, ":memory:") == 0 && stat(arg, &info) == 0 &&
                     S_ISDIR(info.st_mode);
    if (is_folder)
        out->database = arg;
    else
        out->jobs[out->n_jobs++] = (struct job){true, arg};
}

/* The row of `arg`; *value gets what follows `=` or the letter, or NULL. */
static const struct option_row *find_option(const char *arg, const char **value)
{
    *value = NULL;
    for (size_t i = 0; i < sizeof option_table / sizeof *option_table; i++) {
        const struct option_row *row = &option_table[i];
        size_t size = strlen(row->name);
        if (strncmp(arg, row->name, size) == 0 && (arg[size] == 0 || arg[size] == '=')) {
            if (arg[size] == '=') *value = arg + size + 1;
            return row;
        }
        if (row->letter && arg[1] == row->letter) {
            if (arg[2]) *value = arg + 2;
            return row;
        }
    }
    return NULL;
}

static bool apply(struct shell_options *out, const struct option_row *row, const char *value,
                  struct buffer *problem)
{
    char *end = NULL;
    int mode;
    switch (row->id) {
    case OPTION_COMMAND: out->jobs[out->n_jobs++] = (struct job){false, value}; return true;
    case OPTION_DATABASE: out->database = value; return true;
    case OPTION_READ_ONLY: out->is_read_only = true; return true;
    case OPTION_SET:
        if (!strchr(value, '=')) {
            buffer_printf(problem, "--set takes NAME=VALUE, not '%s'", value);
            return false;
        }
        out->settings[out->n_settings++] = value;
        return true;
    case OPTION_MODE:
        mode = output_mode_find(value);
        if (mode < 0) {
            buffer_printf(problem, "'%s' is not a mode; there are table, csv, json, line", value);
            return false;
        }
        out->mode = (enum output_mode)mode;
        out->has_mode = true;
        return true;
    case OPTION_NO_HEADER: out->has_header = false; return true;
    case OPTION_TIMER: out->has_timer = true; return true;
    case OPTION_KEEP_GOING: out->keep_going = true; return true;
    case OPTION_INTERACTIVE: out->is_interactive = true; return true;
    case OPTION_TIMEOUT:
        out->timeout_s = strtod(value, &end);
        if (end == value || *end || !(out->timeout_s >= 0 && out->timeout_s <= 1e9)) {
            buffer_printf(problem, "--timeout takes seconds, not '%s'", value);
            return false;
        }
        return true;
    case OPTION_LIMIT:
        out->limit = strtoull(value, &end, 10);
        if (end == value || *end || value[0] == '-' || out->limit == 0) {
            buffer_printf(problem, "--limit takes a number of rows above 0, not '%s'", value);
            return false;
        }
        return true;
    case OPTION_CHANGES: out->has_changes = true; return true;
    case OPTION_NO_SNAPSHOT: out->has_snapshot = false; return true;
    case OPTION_HELP: out->wants_help = true; return true;
    case OPTION_VERSION: out->wants_version = true; return true;
    }
    return false;
}

bool shell_options_parse(int argc, char **argv, struct shell_options *out, struct buffer *problem)
{
    *out = (struct shell_options){
        .database = ":memory:", .has_header = true, .has_snapshot = true, .timeout_s = -1};
    out->jobs = shell_alloc((size_t)argc, sizeof *out->jobs);
    out->settings = shell_alloc((size_t)argc, sizeof *out->settings);
    bool are_files_only = false;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i], *value;
        if (are_files_only || arg[0] != '-' || arg[1] == 0) {
            add_name(out, arg);
            continue;
        }
        if (strcmp(arg, "--") == 0) {
            are_files_only = true;
            continue;
        }
        const struct option_row *row = find_option(arg, &value);
        if (!row || (value && !row->takes_value)) {
            buffer_printf(problem, row ? "%s takes no value" : "there is no option '%s'",
                          row ? row->name : arg);
            return false;
        }
        if (row->takes_value && !value) value = ++i < argc ? argv[i] : NULL;
        if (row->takes_value && !value) {
            buffer_printf(problem, "%s needs a value", row->name);
            return false;
        }
        if (!apply(out, row, value, problem)) return false;
    }
    return true;
}

void shell_options_deinit(struct shell_options *options)
{
    free(options->jobs);
    free(options->settings);
    *options = (struct shell_options){0};
}
