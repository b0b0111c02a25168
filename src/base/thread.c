/* thread.c - see thread.h: POSIX threads; conditions use the monotonic clock. */
#include "base/thread.h"
#include "base/error.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { US_PER_S = 1000000, NS_PER_US = 1000 };

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / NS_PER_US;
}

int64_t clock_mono_us(void) { return read_clock(CLOCK_MONOTONIC); }
int64_t clock_wall_us(void) { return read_clock(CLOCK_REALTIME); }

int64_t clock_deadline_us(int64_t timeout_ms)
{
    int64_t us, deadline;
    if (timeout_ms < 0 || __builtin_mul_overflow(timeout_ms, (int64_t)1000, &us) ||
        __builtin_add_overflow(clock_mono_us(), us, &deadline))
        return CLOCK_NO_DEADLINE;
    return deadline;
}

void clock_sleep_us(int64_t us)
{
    struct timespec left = {.tv_sec = us / US_PER_S, .tv_nsec = us % US_PER_S * NS_PER_US};
    while (us > 0 && nanosleep(&left, &left) != 0 && errno == EINTR) {}
}

/* A lock that can't be taken is a broken program: going on would corrupt data. */
static void check(int result)
{
    if (unlikely(result != 0)) abort();
}

void mutex_init(struct mutex *mutex) { check(pthread_mutex_init(&mutex->handle, NULL)); }
void mutex_deinit(struct mutex *mutex) { pthread_mutex_destroy(&mutex->handle); }
void mutex_lock(struct mutex *mutex) { check(pthread_mutex_lock(&mutex->handle)); }
bool mutex_try_lock(struct mutex *mutex) { return pthread_mutex_trylock(&mutex->handle) == 0; }
void mutex_unlock(struct mutex *mutex) { check(pthread_mutex_unlock(&mutex->handle)); }

void cond_init(struct cond *cond)
{
    pthread_condattr_t attr;
    check(pthread_condattr_init(&attr));
    check(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
    check(pthread_cond_init(&cond->handle, &attr));
    pthread_condattr_destroy(&attr);
}

void cond_deinit(struct cond *cond) { pthread_cond_destroy(&cond->handle); }

bool cond_wait_until(struct cond *cond, struct mutex *mutex, int64_t deadline_us)
{
    if (deadline_us == CLOCK_NO_DEADLINE) {
        check(pthread_cond_wait(&cond->handle, &mutex->handle));
        return true;
    }
    struct timespec at = {.tv_sec = deadline_us / US_PER_S,
                          .tv_nsec = deadline_us % US_PER_S * NS_PER_US};
    int result = pthread_cond_timedwait(&cond->handle, &mutex->handle, &at);
    if (result == ETIMEDOUT) return false;
    check(result);
    return true;
}

void cond_signal(struct cond *cond) { check(pthread_cond_signal(&cond->handle)); }
void cond_broadcast(struct cond *cond) { check(pthread_cond_broadcast(&cond->handle)); }

laminar_status thread_start(struct thread *thread, const char *name, void *(*main)(void *),
                            void *arg, struct laminar_error *err)
{
    /* signals are the program's: its own threads get them */
    sigset_t all, before;
    sigfillset(&all);
    check(pthread_sigmask(SIG_SETMASK, &all, &before));
    int result = pthread_create(&thread->handle, NULL, main, arg);
    check(pthread_sigmask(SIG_SETMASK, &before, NULL));
    if (result != 0)
        return error_set(err, LAMINAR_INGESTION_FAILED, "cannot start the thread '%s': %s", name,
                         strerror(result));
#ifdef __linux__
    char short_name[16];
    size_t size = strlen(name) < 15 ? strlen(name) : 15;
    memcpy(short_name, name, size);
    short_name[size] = 0;
    pthread_setname_np(thread->handle, short_name);
#endif
    return LAMINAR_OK;
}

void thread_join(struct thread *thread) { pthread_join(thread->handle, NULL); }

void thread_yield(void) { sched_yield(); }

uint64_t thread_self_id(void) { return (uint64_t)pthread_self(); }
