/* top.h - .top: what the database does, in a table that keeps itself up to date. */
#ifndef CLI_TOP_H
#define CLI_TOP_H

#include "run.h"

/* A picture each interval_ms, on a terminal over the one before, until Ctrl-C; with n_pictures > 0 so many of them. */
enum run_outcome top_run(struct shell *shell, int64_t interval_ms, uint64_t n_pictures);

#endif
