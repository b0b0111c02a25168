/* shell_options.h - the command line. */
#ifndef CLI_SHELL_OPTIONS_H
#define CLI_SHELL_OPTIONS_H

#include "shell.h"

/* What to run, in the order of the command line. */
struct job {
    bool is_file;
    const char *text; /* a path, or SQL text */
};

struct shell_options {
    const char *database;
    struct job *jobs;
    size_t n_jobs;
    const char **settings; /* "name=value" of --set */
    size_t n_settings;
    enum output_mode mode;
    bool has_mode;
    bool has_header, has_timer, keep_going, is_interactive, has_snapshot, has_changes, is_read_only,
        wants_help, wants_version;
    double timeout_s;
    uint64_t limit;
};

/* Reads argv; the strings stay argv's. False: *problem says what is wrong with it. */
bool shell_options_parse(int argc, char **argv, struct shell_options *out, struct buffer *problem);
void shell_options_deinit(struct shell_options *options);
const char *shell_options_help(void);

#endif
