/* run.h - runs scripts: statements one by one, and dot-commands where a statement could begin. */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "report.h"
#include "shell.h"

/* What became of a statement, a command or a script. */
enum run_outcome { RUN_OK, RUN_FAILED, RUN_INTERRUPTED };

/* One statement, or several of which the last one's answer shows. The text stays the caller's. */
enum run_outcome run_statement(struct shell *shell, const char *sql, size_t size,
                               const struct origin *origin);
/* A whole text. Stops at the first error unless shell->keep_going, at an interrupt, and at .quit. */
enum run_outcome run_script(struct shell *shell, const char *text, size_t size, const char *label);
/* A file, "-" for standard input. */
enum run_outcome run_file(struct shell *shell, const char *path);
/* Standard input, each statement as soon as it is complete. */
enum run_outcome run_input(struct shell *shell, int fd);
/* Runs SQL of the shell's own and gives the answer (NULL: failed, and was reported). */
laminar_result *run_query(struct shell *shell, const char *sql);

#endif
