/* test_base_thread_concurrent.c - locks, conditions with deadlines, threads, the heap's counters from several threads. */
#include "base/error.h"
#include "base/thread.h"
#include "unit.h"

struct shared {
    struct mutex mutex;
    struct cond cond;
    int turn;
    uint64_t total;
};

static void *add_many(void *arg)
{
    struct shared *shared = arg;
    for (int i = 0; i < 10000; i++) {
        mutex_lock(&shared->mutex);
        shared->total++;
        mutex_unlock(&shared->mutex);
        mem_free(mem_alloc(16));
    }
    return NULL;
}

static void mutexes_exclude(void **state)
{
    (void)state;
    struct shared shared = {0};
    mutex_init(&shared.mutex);
    int64_t live = mem_live_count();
    uint64_t count = mem_allocation_count();
    struct thread threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(thread_start(&threads[i], "adder", add_many, &shared, NULL), LAMINAR_OK);
    for (size_t i = 0; i < 4; i++) thread_join(&threads[i]);
    assert_int_equal(shared.total, 40000);
    assert_int_equal(mem_live_count(), live);
    assert_int_equal(mem_allocation_count(), count + 40000);
    assert_true(mutex_try_lock(&shared.mutex));
    mutex_unlock(&shared.mutex);
    mutex_deinit(&shared.mutex);
}

enum { N_TURNS = 1000 };

static void *answer(void *arg)
{
    struct shared *shared = arg;
    mutex_lock(&shared->mutex);
    for (int i = 0; i < N_TURNS; i++) {
        while (shared->turn != 1) cond_wait_until(&shared->cond, &shared->mutex, CLOCK_NO_DEADLINE);
        shared->turn = 0;
        cond_signal(&shared->cond);
    }
    mutex_unlock(&shared->mutex);
    return NULL;
}

static void conditions_hand_over(void **state)
{
    (void)state;
    struct shared shared = {0};
    mutex_init(&shared.mutex);
    cond_init(&shared.cond);
    struct thread thread;
    assert_int_equal(thread_start(&thread, "a-name-longer-than-15", answer, &shared, NULL),
                     LAMINAR_OK);
    mutex_lock(&shared.mutex);
    for (int i = 0; i < N_TURNS; i++) {
        shared.turn = 1;
        cond_broadcast(&shared.cond);
        int64_t deadline = clock_deadline_us(30000);
        while (shared.turn != 0)
            assert_true(cond_wait_until(&shared.cond, &shared.mutex, deadline));
    }
    mutex_unlock(&shared.mutex);
    thread_join(&thread);
    cond_deinit(&shared.cond);
    mutex_deinit(&shared.mutex);
}

static void waits_end_at_their_deadline(void **state)
{
    (void)state;
    struct shared shared = {0};
    mutex_init(&shared.mutex);
    cond_init(&shared.cond);
    mutex_lock(&shared.mutex);
    int64_t began = clock_mono_us();
    int64_t deadline = clock_deadline_us(20);
    while (cond_wait_until(&shared.cond, &shared.mutex, deadline)) {}
    assert_true(clock_mono_us() - began >= 20000);
    /* One in the past ends at once. */
    assert_false(cond_wait_until(&shared.cond, &shared.mutex, clock_mono_us() - 1000));
    mutex_unlock(&shared.mutex);
    cond_deinit(&shared.cond);
    mutex_deinit(&shared.mutex);
}

static void deadlines(void **state)
{
    (void)state;
    assert_true(clock_deadline_us(-1) == CLOCK_NO_DEADLINE);
    assert_true(clock_deadline_us(INT64_MAX) == CLOCK_NO_DEADLINE);
    int64_t now = clock_mono_us();
    int64_t deadline = clock_deadline_us(1000);
    assert_in_range(deadline - now, 1000000, 2000000);
    assert_true(clock_wall_us() > INT64_C(1600000000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutexes_exclude),
        cmocka_unit_test(conditions_hand_over),
        cmocka_unit_test(waits_end_at_their_deadline),
        cmocka_unit_test(deadlines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
