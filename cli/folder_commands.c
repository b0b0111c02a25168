/* folder_commands.c - see folder_commands.h. */
#include "folder_commands.h"
#include "shell.h"
#include <stdio.h>
#include <string.h>

static int fail(const laminar_error *err, int code)
{
    fprintf(stderr, "error %d (%s): %s\n", (int)err->code, laminar_status_title(err->code),
            err->message);
    if (err->hint[0]) fprintf(stderr, "hint: %s\n", err->hint);
    return code;
}

static void print_finding(void *user_data, bool is_problem, const char *text)
{
    (void)user_data;
    printf("%s%s\n", is_problem ? "PROBLEM: " : "", text);
}

static int check(const char *folder, const char *unused)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    uint64_t n_problems = 0;
    (void)unused;
    if (laminar_check(folder, print_finding, NULL, &n_problems, &err))
        return fail(&err, EXIT_CODE_OPEN);
    if (n_problems == 0) {
        printf("%s: all is well\n", folder);
        return EXIT_CODE_OK;
    }
    printf("%s: %llu problem%s\n", folder, (unsigned long long)n_problems,
           n_problems == 1 ? "" : "s");
    return EXIT_CODE_SQL;
}

static laminar_db *open_to_read(const char *folder, laminar_error *err)
{
    laminar_config *config = NULL;
    laminar_db *db = NULL;
    laminar_status status = laminar_config_create(&config, err);
    if (status == LAMINAR_OK) status = laminar_config_set(config, "read_only", "true", err);
    if (status == LAMINAR_OK) status = laminar_open(folder, config, &db, err);
    laminar_config_free(config);
    return status == LAMINAR_OK ? db : NULL;
}

static int copy_with(const char *folder, const char *target,
                     laminar_status (*copy)(laminar_db *db, const char *target, laminar_error *err))
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_to_read(folder, &err);
    if (!db) return fail(&err, EXIT_CODE_OPEN);
    laminar_status status = copy(db, target, &err);
    laminar_db_free(db);
    return status == LAMINAR_OK ? EXIT_CODE_OK : fail(&err, EXIT_CODE_SQL);
}

static int dump(const char *folder, const char *target)
{
    return copy_with(folder, target, laminar_dump);
}

static int dump_with_secrets(const char *folder, const char *target)
{
    return copy_with(folder, target, laminar_dump_with_secrets);
}

static int backup(const char *folder, const char *target)
{
    return copy_with(folder, target, laminar_backup);
}

static const struct folder_command {
    const char *name;
    int n_arguments;
    const char *usage;
    int (*run)(const char *folder, const char *target);
} commands[] = {
    {"check", 1, "laminar check DIR", check},
    {"dump", 2, "laminar dump DIR OUT [--secrets]", dump},
    {"backup", 2, "laminar backup DIR OUT", backup},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static const struct folder_command *find(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

bool is_folder_command(int argc, char **argv) { return argc > 1 && find(argv[1]) != NULL; }

int run_folder_command(int argc, char **argv)
{
    const struct folder_command *command = find(argv[1]);
    if (command->run == dump && argc == 5 && strcmp(argv[4], "--secrets") == 0)
        return dump_with_secrets(argv[2], argv[3]);
    if (argc - 2 != command->n_arguments) {
        fprintf(stderr, "usage: %s\n", command->usage);
        return EXIT_CODE_USAGE;
    }
    return command->run(argv[2], command->n_arguments > 1 ? argv[3] : NULL);
}
