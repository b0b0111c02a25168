/* test_tz_concurrent.c - many threads look the same zones up for the first time: all get the same one. */
#include "base/thread.h"
#include "base/tz.h"
#include "unit.h"
#include <stdio.h>
#include <string.h>

enum { N_THREADS = 8, N_ZONES = 200 };

struct finder {
    struct thread thread;
    const struct tz *zones[N_ZONES];
};

static void *find_all(void *arg)
{
    struct finder *finder = arg;
    for (int i = 0; i < N_ZONES; i++) {
        char name[16];
        snprintf(name, sizeof name, "+%02d:%02d", i / 20, i % 20);
        if (tz_find(name, strlen(name), &finder->zones[i], NULL) != LAMINAR_OK) return NULL;
        if (tz_offset_at_utc(finder->zones[i], 0) != i / 20 * 3600 + i % 20 * 60) return NULL;
    }
    return finder;
}

static void threads_find_the_same_zones(void **state)
{
    (void)state;
    static struct finder finders[N_THREADS];
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(thread_start(&finders[i].thread, "finder", find_all, &finders[i], NULL),
                         LAMINAR_OK);
    for (int i = 0; i < N_THREADS; i++) thread_join(&finders[i].thread);
    for (int i = 0; i < N_ZONES; i++) {
        assert_non_null(finders[0].zones[i]);
        for (int j = 1; j < N_THREADS; j++)
            assert_ptr_equal(finders[j].zones[i], finders[0].zones[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_find_the_same_zones)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
