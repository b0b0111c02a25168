/* commands.h - the dot-commands. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "run.h"

/* One line that begins with a dot. */
enum run_outcome command_run(struct shell *shell, const char *line, size_t size);
/* The names of the commands, ".help" …, NULL at the end; for completion. */
const char *command_name(size_t i);

#endif
