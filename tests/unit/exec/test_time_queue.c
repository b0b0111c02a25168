/* test_time_queue.c - entries come out when the bound has passed them, once each, and at no cost for those that stay. */
#include "exec/time_queue.h"
#include "unit.h"

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return *state >> 33;
}

enum { N = 20000 };

/* Times around `start`, each number once, against a plain array. */
static void run(int64_t start, int64_t range, int64_t stride)
{
    struct time_queue queue;
    static int64_t times[N];
    static bool is_in[N];
    uint64_t random = (uint64_t)start ^ 99;
    uint32_t n = 0;
    size_t n_in = 0;
    int64_t bound = INT64_MIN;
    time_queue_init(&queue, NULL);
    while (n < N) {
        for (int i = 0; i < 500 && n < N; i++, n++) {
            times[n] = start + (int64_t)(n / 500) * stride +
                       (int64_t)(next_random(&random) % (uint64_t)range);
            is_in[n] = true;
            n_in++;
            assert_int_equal(time_queue_push(&queue, times[n], n, NULL), LAMINAR_OK);
        }
        bound = start + (int64_t)(n / 500) * stride;
        assert_int_equal(time_queue_advance(&queue, bound, NULL), LAMINAR_OK);
        assert_int_equal(time_queue_advance(&queue, bound - 7, NULL), LAMINAR_OK);
        struct time_entry out[37];
        for (size_t k; (k = time_queue_take(&queue, out, 37)) > 0;) {
            for (size_t i = 0; i < k; i++) {
                assert_true(is_in[out[i].number]);
                assert_int_equal(times[out[i].number], out[i].time);
                assert_true(out[i].time < bound);
                is_in[out[i].number] = false;
                n_in--;
            }
        }
        assert_true(time_queue_check(&queue));
        assert_int_equal(queue.n, n_in);
        for (uint32_t i = 0; i < n; i++) assert_int_equal(is_in[i], times[i] >= bound);
    }
    assert_true(queue.n_blocks < 2 * (n_in / TIME_BLOCK_ENTRIES) + 200);
    time_queue_deinit(&queue);
}

static void due_entries_come_out_once(void **state)
{
    (void)state;
    run(0, 1000, 700);
    run(-3000, 5000, 300);
    run(1750000000000000, 90000000, 10000000);
    run(INT64_MIN + 10, 3, 1);
    run(INT64_MAX - 100000, 1000, 200);
}

static void what_is_behind_the_bound_is_due(void **state)
{
    (void)state;
    struct time_queue queue;
    struct time_entry out[2];
    time_queue_init(&queue, NULL);
    assert_int_equal(time_queue_advance(&queue, 10, NULL), LAMINAR_OK);
    assert_int_equal(time_queue_push(&queue, 3, 7, NULL), LAMINAR_OK);
    assert_int_equal(time_queue_push(&queue, 10, 8, NULL), LAMINAR_OK);
    assert_int_equal(time_queue_take(&queue, out, 2), 1);
    assert_int_equal(out[0].number, 7);
    time_queue_clear(&queue);
    assert_int_equal(time_queue_advance(&queue, INT64_MAX, NULL), LAMINAR_OK);
    assert_int_equal(time_queue_take(&queue, out, 2), 0);
    time_queue_deinit(&queue);
}

/* A window of rows that moves on and stays as long: no memory is asked for. */
static void a_steady_queue_allocates_nothing(void **state)
{
    (void)state;
    struct time_queue queue;
    struct time_entry out[64];
    uint64_t random = 1, before = 0;
    time_queue_init(&queue, NULL);
    for (int64_t t = 0; t < 400000; t++) {
        int64_t time = t * 10 + (int64_t)(next_random(&random) % 3000);
        assert_int_equal(time_queue_push(&queue, time, (uint32_t)t, NULL), LAMINAR_OK);
        if (t % 100) continue;
        assert_int_equal(time_queue_advance(&queue, t * 10 - 20000, NULL), LAMINAR_OK);
        while (time_queue_take(&queue, out, 64)) {}
        if (t == 100000) before = mem_allocation_count();
    }
    assert_true(mem_allocation_count() - before < 100);
    time_queue_deinit(&queue);
}

static laminar_status some_steps(void *arg)
{
    struct time_queue queue;
    struct time_entry out[64];
    laminar_status status = LAMINAR_OK;
    (void)arg;
    time_queue_init(&queue, NULL);
    for (int64_t t = 0; t < 900 && status == LAMINAR_OK; t++) {
        status = time_queue_push(&queue, t * 37 % 1000, (uint32_t)t, NULL);
        if (status == LAMINAR_OK && t % 50 == 0) status = time_queue_advance(&queue, t, NULL);
        while (time_queue_take(&queue, out, 64)) {}
    }
    time_queue_deinit(&queue);
    return status;
}
static void memory_that_runs_out_is_an_error(void **state)
{
    (void)state;
    assert_true(unit_fail_each_allocation(some_steps, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(due_entries_come_out_once),
                                       cmocka_unit_test(what_is_behind_the_bound_is_due),
                                       cmocka_unit_test(a_steady_queue_allocates_nothing),
                                       cmocka_unit_test(memory_that_runs_out_is_an_error)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
