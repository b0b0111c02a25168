/* timer.c - the database's clock, and the thread that runs a step when an operator's or a source's time has come and no input does it.
 *
 * Steps ask the circuit when it wants to be woken next (EMIT EVERY, temporal filters, windows over processing time); the thread sleeps on a condition until
 * then, takes the step lock like everybody else, and runs a step without input. It costs nothing while nothing is due: without such operators it
 * sleeps without a deadline. start() starts it; before that, and with a clock that stands still (SET clock), what is due is done by the next
 * insert, statement or SET clock, since whoever locks the step runs what is due first.
 *
 * The clock is the wall clock, or stands where SET clock = '...' put it, so that tests and replays decide what time it is. Steps never go back in
 * time, whatever the wall clock does.
 *
 * @locks timer.lock is a leaf: taken under step, never held while another lock is taken. */
#include "base/error.h"
#include "engine/engine.h"

enum { RETRY_US = 100000 };

int64_t engine_clock_us(const struct database *db)
{
    int64_t fixed = atomic_load_explicit(&db->settings.number[SETTING_ID_clock],
                                         memory_order_relaxed);
    return fixed == CLOCK_SYSTEM ? clock_wall_us() : fixed;
}

int64_t engine_step_time(struct database *db)
{
    int64_t now = db->replay_time_us ? db->replay_time_us : engine_clock_us(db);
    if (now > db->last_time_us || db->replay_time_us) db->last_time_us = now;
    return db->last_time_us;
}

int64_t engine_next_wake(const struct database *db) { return circuit_next_wake_us(db->circuit); }

void timer_update(struct database *db)
{
    struct timer *timer = &db->timer;
    int64_t next = engine_next_wake(db), now = engine_clock_us(db);
    /* it was due, and the log did not take the step */
    if (next != 0 && next <= now) next = now + RETRY_US;
    /* later than what the thread waits for: it finds out when it wakes */
    int64_t armed = atomic_load_explicit(&timer->armed_us, memory_order_relaxed);
    if (next == 0 || (armed != 0 && armed <= next)) return;
    mutex_lock(&timer->lock);
    atomic_store_explicit(&timer->armed_us, next, memory_order_relaxed);
    cond_signal(&timer->changed);
    mutex_unlock(&timer->lock);
}

/* Sleeps until something is due; false: the thread is to end. */
static bool wait_until_due(struct database *db)
{
    struct timer *timer = &db->timer;
    bool is_due = false;
    mutex_lock(&timer->lock);
    while (!timer->is_stopping && !is_due) {
        int64_t armed = atomic_load_explicit(&timer->armed_us, memory_order_relaxed);
        bool stands = atomic_load_explicit(&db->settings.number[SETTING_ID_clock],
                                           memory_order_relaxed) != CLOCK_SYSTEM;
        int64_t left = armed - clock_wall_us();
        if (armed == 0 || stands)
            cond_wait_until(&timer->changed, &timer->lock, CLOCK_NO_DEADLINE);
        else if (left > 0)
            cond_wait_until(&timer->changed, &timer->lock, clock_mono_us() + left);
        else
            is_due = true;
    }
    if (is_due) atomic_store_explicit(&timer->armed_us, 0, memory_order_relaxed);
    bool goes_on = !timer->is_stopping;
    mutex_unlock(&timer->lock);
    return goes_on;
}

static void *timer_main(void *arg)
{
    struct database *db = arg;
    while (wait_until_due(db)) {
        engine_lock_step(db); /* runs what is due */
        timer_update(db);     /* where it was not quite due: the clocks went apart */
        engine_unlock_step(db);
    }
    database_unref(db);
    return NULL;
}

void timer_init(struct timer *timer)
{
    mutex_init(&timer->lock);
    cond_init(&timer->changed);
}

void timer_deinit(struct timer *timer)
{
    cond_deinit(&timer->changed);
    mutex_deinit(&timer->lock);
}

laminar_status timer_start(struct database *db, struct laminar_error *err)
{
    struct timer *timer = &db->timer;
    laminar_status status = LAMINAR_OK;
    mutex_lock(&timer->lock);
    if (!timer->is_started && !timer->is_stopping) {
        database_ref(db);
        status = thread_start(&timer->thread, "laminar-timer", timer_main, db, err);
        timer->is_started = status == LAMINAR_OK;
        /* not the last reference: the caller has one */
        if (status != LAMINAR_OK) database_unref(db);
    }
    mutex_unlock(&timer->lock);
    return status;
}

void timer_wake(struct database *db)
{
    mutex_lock(&db->timer.lock);
    cond_signal(&db->timer.changed);
    mutex_unlock(&db->timer.lock);
}

void timer_stop(struct database *db)
{
    struct timer *timer = &db->timer;
    mutex_lock(&timer->lock);
    bool was_running = timer->is_started && !timer->is_stopping;
    timer->is_stopping = true;
    cond_signal(&timer->changed);
    mutex_unlock(&timer->lock);
    /* a fork has no such thread */
    if (was_running && !fork_guard_is_fork(&db->fork)) thread_join(&timer->thread);
}
