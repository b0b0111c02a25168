/* shell_main.c - laminar, the shell: opens a database, runs the files and texts of the command line, or standard input, or prompts. */
#include "folder_commands.h"
#include "interrupt.h"
#include "line_editor.h"
#include "repl.h"
#include "run.h"
#include "shell_options.h"
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INTERACTIVE_ROWS_MAX = 40 };

static bool open_database(struct shell *shell, const struct shell_options *options)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_config *config = NULL;
    laminar_status status = laminar_config_create(&config, &err);
    for (size_t i = 0; status == LAMINAR_OK && i < options->n_settings; i++) {
        char *name = shell_strdup(options->settings[i]);
        char *value = strchr(name, '=');
        *value++ = 0;
        status = laminar_config_set(config, name, value, &err);
        free(name);
    }
    if (status == LAMINAR_OK && options->is_read_only)
        status = laminar_config_set(config, "read_only", "true", &err);
    if (status == LAMINAR_OK) status = laminar_open(options->database, config, &shell->db, &err);
    if (status == LAMINAR_OK) status = laminar_start(shell->db, &err);
    laminar_config_free(config);
    if (status != LAMINAR_OK) report_error(shell, &err, NULL);
    return status == LAMINAR_OK;
}

static int exit_code(const struct shell *shell, enum run_outcome outcome)
{
    if (outcome == RUN_INTERRUPTED) return EXIT_CODE_INTERRUPTED;
    return outcome == RUN_FAILED || shell->has_failed ? EXIT_CODE_SQL : EXIT_CODE_OK;
}

/* The files and texts in order, then standard input where there are none. */
static int run_jobs(struct shell *shell, const struct shell_options *options, bool has_prompt)
{
    enum run_outcome outcome = RUN_OK;
    for (size_t i = 0; i < options->n_jobs; i++) {
        const struct job *job = &options->jobs[i];
        if (job->is_file && strcmp(job->text, "-") != 0 && access(job->text, R_OK) != 0) {
            report_problem(shell, "can't read %s: %s", job->text, strerror(errno));
            return EXIT_CODE_USAGE;
        }
        outcome = job->is_file ? run_file(shell, job->text)
                               : run_script(shell, job->text, strlen(job->text), NULL);
        if (outcome == RUN_INTERRUPTED || shell->is_quitting ||
            (outcome == RUN_FAILED && !shell->keep_going))
            return exit_code(shell, outcome);
    }
    if (options->n_jobs == 0 && !has_prompt) outcome = run_input(shell, STDIN_FILENO);
    return exit_code(shell, outcome);
}

static int run_shell(struct shell *shell, const struct shell_options *options)
{
    bool has_prompt = options->is_interactive || (options->n_jobs == 0 && isatty(STDIN_FILENO));
    shell->is_interactive = has_prompt;
    if (has_prompt && shell->is_out_tty) shell->rows_max = INTERACTIVE_ROWS_MAX;
    if (!open_database(shell, options)) return EXIT_CODE_OPEN;
    int code = run_jobs(shell, options, has_prompt);
    if (has_prompt && code != EXIT_CODE_INTERRUPTED && code != EXIT_CODE_USAGE &&
        !shell->is_quitting) {
        code = EXIT_CODE_OK; /* a user at the prompt has seen the errors */
        if (!repl_run(shell)) {
            report_problem(shell, "the terminal can't be read");
            code = EXIT_CODE_USAGE;
        }
    }
    return code;
}

/* Characters are UTF-8, whatever the environment says; numbers keep the form of the C locale. */
static void set_locale(void)
{
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

int main(int argc, char **argv)
{
    struct shell_options options;
    struct buffer problem = {0};
    set_locale();
    signal(SIGPIPE, SIG_DFL);
    if (is_folder_command(argc, argv)) return run_folder_command(argc, argv);
    char *top[] = {argv[0], "--database", argv[1] ? argv[2] : NULL, "--command", ".top", NULL};
    if (argc == 3 && strcmp(argv[1], "top") == 0) {
        argc = 5;
        argv = top;
    }
    if (!shell_options_parse(argc, argv, &options, &problem)) {
        fprintf(stderr, "laminar: %s\nlaminar --help lists the options\n", problem.data);
        buffer_deinit(&problem);
        shell_options_deinit(&options);
        return EXIT_CODE_USAGE;
    }
    if (options.wants_help || options.wants_version) {
        if (options.wants_help)
            fputs(shell_options_help(), stdout);
        else
            printf("laminar %s (library %s, line editing: %s)\n", LAMINAR_VERSION_STRING,
                   laminar_version(), line_editor_name());
        shell_options_deinit(&options);
        return EXIT_CODE_OK;
    }
    bool has_colour = !getenv("NO_COLOR");
    struct shell shell = {.database = options.database,
                          .out = stdout,
                          .is_out_tty = isatty(STDOUT_FILENO) == 1,
                          .is_err_tty = isatty(STDERR_FILENO) == 1 && has_colour,
                          .mode = options.mode,
                          .has_header = options.has_header,
                          .has_timer = options.has_timer,
                          .keep_going = options.keep_going,
                          .timeout_s = options.timeout_s,
                          .limit = options.limit,
                          .has_snapshot = options.has_snapshot,
                          .has_changes = options.has_changes};
    shell.interrupt = interrupt_create();
    if (!shell.interrupt) {
        fprintf(stderr, "laminar: a thread can't be made: %s\n", strerror(errno));
        return EXIT_CODE_USAGE;
    }
    int code = run_shell(&shell, &options);
    interrupt_free(shell.interrupt);
    laminar_db_free(shell.db);
    if (fflush(shell.out) != 0 || ferror(shell.out)) {
        fprintf(stderr, "laminar: the output can't be written: %s\n", strerror(errno));
        if (code == EXIT_CODE_OK) code = EXIT_CODE_SQL;
    }
    if (shell.out != stdout) fclose(shell.out);
    buffer_deinit(&shell.line);
    shell_options_deinit(&options);
    return code;
}
