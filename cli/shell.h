/* shell.h - the shell's state, which all its parts share: the database, where and how results are written, and switches.
 *
 * One thread works with it; a second one (interrupt.h) only waits for Ctrl-C. */
#ifndef CLI_SHELL_H
#define CLI_SHELL_H

#include "buffer.h"
#include <laminar/laminar.h>
#include <stdio.h>

enum exit_code {
    EXIT_CODE_OK = 0,
    EXIT_CODE_SQL = 1,   /* a statement or dot-command failed */
    EXIT_CODE_USAGE = 2, /* the command line is wrong, or a file can't be read */
    EXIT_CODE_OPEN = 3,  /* the database can't be opened */
    EXIT_CODE_INTERRUPTED = 130
};

enum output_mode { MODE_TABLE, MODE_CSV, MODE_JSON, MODE_LINE };

struct interrupt;

struct shell {
    laminar_db *db;
    const char *database; /* its path, for the greeting */
    struct interrupt *interrupt;

    FILE *out;       /* results: stdout, or a file of .output */
    bool is_out_tty; /* colours, and cut to the terminal's width */
    bool is_err_tty;
    bool is_interactive;
    enum output_mode mode;
    bool has_header; /* table and csv */
    bool has_timer;
    size_t rows_max; /* rows that table mode shows of a result; 0 = all */

    /* SUBSCRIBE */
    double timeout_s;  /* < 0: until Ctrl-C */
    uint64_t limit;    /* rows; 0 = no limit */
    bool has_snapshot; /* the contents first */
    bool has_changes;  /* with __weight */

    bool keep_going;    /* scripts go on after an error */
    bool has_failed;    /* some statement did */
    bool is_quitting;   /* .quit */
    int read_depth;     /* of .read in .read */
    struct buffer line; /* output under construction; reused */
};

/* The text of a mode, "table", and back (-1: unknown). */
const char *output_mode_name(enum output_mode mode);
int output_mode_find(const char *name);

#endif
