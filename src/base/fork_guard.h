/* fork_guard.h - whether this process is a fork of the one that made an object: asked in every call, so without a system call.
 * The guard is a page that the kernel gives to a forked child as zeros; where it can't, the process id is compared. */
#ifndef BASE_FORK_GUARD_H
#define BASE_FORK_GUARD_H

#include "base/compiler.h"
#include <stdbool.h>
#include <stdint.h>

struct fork_guard {
    const volatile uint32_t *page; /* 1, and 0 in a fork; NULL: this system can't */
    int pid;                       /* of the maker */
};
void fork_guard_init(struct fork_guard *guard);
void fork_guard_deinit(struct fork_guard *guard);
bool fork_guard_pid_differs(const struct fork_guard *guard);
static inline bool fork_guard_is_fork(const struct fork_guard *guard)
{
    return unlikely(guard->page ? *guard->page == 0 : fork_guard_pid_differs(guard));
}

#endif
