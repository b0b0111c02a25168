/* interrupt.h - Ctrl-C: ends what the shell is doing, without ending the shell.
 *
 * SIGINT is blocked in every thread, and one thread of our own waits for it; so there is no signal handler, and what it may call is not
 * restricted. What the arrival means depends on what the main thread has announced: a running statement is cancelled (again and again
 * until it is gone: it may not have been registered yet), a subscription is cancelled, and whoever waits for input sees wake_fd. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <laminar/laminar.h>

struct interrupt;

/* Starts the thread. Must run before any other thread is made. NULL: it couldn't. */
struct interrupt *interrupt_create(void);
void interrupt_free(struct interrupt *interrupt);

/* Brackets around a call that runs a statement on db. */
void interrupt_begin_query(struct interrupt *interrupt, laminar_db *db);
/* Brackets around reading from sub. */
void interrupt_begin_subscription(struct interrupt *interrupt, laminar_subscription *sub);
void interrupt_end(struct interrupt *interrupt);

/* Whether Ctrl-C came since it was last taken, and forgets it. */
bool interrupt_take(struct interrupt *interrupt);
bool interrupt_is_pending(struct interrupt *interrupt);
/* Readable while an interrupt is pending. */
int interrupt_wake_fd(const struct interrupt *interrupt);

/* Waits for input on fd. False: Ctrl-C came first (pending still). */
bool interrupt_wait_readable(struct interrupt *interrupt, int fd);

#endif
