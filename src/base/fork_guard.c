/* fork_guard.c - see fork_guard.h. */
#include "base/fork_guard.h"
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GUARD_BYTES = 4096 };

void fork_guard_init(struct fork_guard *guard)
{
    *guard = (struct fork_guard){.pid = getpid()};
#ifdef MADV_WIPEONFORK
    void *page = mmap(NULL, GUARD_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                      0);
    if (page == MAP_FAILED) return;
    if (madvise(page, GUARD_BYTES, MADV_WIPEONFORK) != 0) {
        munmap(page, GUARD_BYTES);
        return;
    }
    *(uint32_t *)page = 1;
    guard->page = page;
#endif
}

void fork_guard_deinit(struct fork_guard *guard)
{
    if (guard->page) munmap((void *)(uintptr_t)guard->page, GUARD_BYTES);
    guard->page = NULL;
}

bool fork_guard_pid_differs(const struct fork_guard *guard) { return guard->pid != getpid(); }
