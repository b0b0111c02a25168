/* subscribe.h - SUBSCRIBE: rows as they come, until Ctrl-C, the limit, the time-out, or the end of the relation. */
#ifndef CLI_SUBSCRIBE_H
#define CLI_SUBSCRIBE_H

#include "shell.h"

/* `sql` is a whole SUBSCRIBE statement. Ctrl-C is success here (the interrupt stays pending); what was printed stays. */
laminar_status subscribe_run(struct shell *shell, const char *sql, laminar_error *err);

#endif
