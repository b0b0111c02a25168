/* repl.h - the conversation with a user at a terminal. */
#ifndef CLI_REPL_H
#define CLI_REPL_H

#include "shell.h"

/* Prompts until .quit or the end of input. False: no line can be read at all. */
bool repl_run(struct shell *shell);

#endif
