/* thread.h - threads, locks and waiting with absolute monotonic deadlines; the clock.
 * No function here waits without a way to end it: a condition takes a deadline, and CLOCK_NO_DEADLINE waits are woken by cancel. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include "base/compiler.h"
#include <laminar/types.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define CLOCK_NO_DEADLINE INT64_MAX

int64_t clock_mono_us(void); /* monotonic */
int64_t clock_wall_us(void); /* microseconds since 1970-01-01 UTC */
/* The absolute deadline `timeout_ms` from now; CLOCK_NO_DEADLINE for a negative one. */
int64_t clock_deadline_us(int64_t timeout_ms);
/* For background threads that spare the disk: never holding a lock. */
void clock_sleep_us(int64_t us);

struct mutex {
    pthread_mutex_t handle;
};
struct cond {
    pthread_cond_t handle;
};
void mutex_init(struct mutex *mutex);
void mutex_deinit(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
bool mutex_try_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);
void cond_init(struct cond *cond);
void cond_deinit(struct cond *cond);
/* False when the deadline (clock_mono_us) passed. Spurious wake-ups happen. */
bool cond_wait_until(struct cond *cond, struct mutex *mutex, int64_t deadline_us);
void cond_signal(struct cond *cond);
void cond_broadcast(struct cond *cond);

struct thread {
    pthread_t handle;
};
laminar_status thread_start(struct thread *thread, const char *name, void *(*main)(void *),
                            void *arg, struct laminar_error *err) must_check;
void thread_join(struct thread *thread);
uint64_t thread_self_id(void);
/* Lets others run: for loops that wait for microseconds. */
void thread_yield(void);

#endif
