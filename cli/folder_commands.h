/* folder_commands.h - laminar check, dump, backup: what is done with the folder of a database, without a shell. */
#ifndef CLI_FOLDER_COMMANDS_H
#define CLI_FOLDER_COMMANDS_H

#include <stdbool.h>

/* Whether the command line is one of these. */
bool is_folder_command(int argc, char **argv);
/* Runs it; the exit code. */
int run_folder_command(int argc, char **argv);

#endif
