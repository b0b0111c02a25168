/* unit.h - what every C unit test includes: cmocka with the headers it wants, and the harness of the allocation-failure tests.
 *
 *   static void adds_up(void **state) { (void)state; assert_int_equal(1 + 1, 2); }
 *   int main(void)
 *   {
 *       const struct CMUnitTest tests[] = {cmocka_unit_test(adds_up)};
 *       return cmocka_run_group_tests(tests, NULL, NULL);
 *   }
 */
#ifndef UNIT_H
#define UNIT_H

#include "base/mem.h"
#include <laminar/types.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Runs `scenario` again and again, with its first, second, third ... allocation failing, until it runs through without one
 * failing. The scenario returns LAMINAR_OK or the status it failed with, and has cleaned up either way. Asserts that a failed
 * run says LAMINAR_OUT_OF_MEMORY, and that no run leaves memory behind. Returns the number of failures that were made. */
static inline uint64_t unit_fail_each_allocation(laminar_status (*scenario)(void *), void *arg)
{
    for (uint64_t n = 1;; n++) {
        int64_t live = mem_live_count();
        uint64_t before = mem_allocation_count();
        mem_fail_after(n, false);
        laminar_status status = scenario(arg);
        mem_fail_after(0, false);
        assert_int_equal(mem_live_count(), live);
        if (status == LAMINAR_OK) {
            /* Either no allocation was left to fail, or the failure was harmless: go on until the former. */
            if (mem_allocation_count() - before < n) return n - 1;
        } else {
            assert_int_equal(status, LAMINAR_OUT_OF_MEMORY);
        }
        assert_true(n < 1000000);
    }
}

#endif
