/* test_base_mem.c - the counted heap, made to fail; accounts; arenas. */
#include "base/mem.h"
#include "unit.h"
#include <string.h>

static void heap_counts(void **state)
{
    (void)state;
    int64_t live = mem_live_count();
    uint64_t count = mem_allocation_count();
    void *a = mem_alloc(10);
    void *b = mem_calloc(3, 7);
    void *c = mem_alloc_aligned(100);
    char *d = mem_strndup("hello", 4);
    assert_string_equal(d, "hell");
    assert_int_equal((uintptr_t)c % 64, 0);
    for (size_t i = 0; i < 21; i++) assert_int_equal(((char *)b)[i], 0);
    assert_int_equal(mem_live_count(), live + 4);
    assert_int_equal(mem_allocation_count(), count + 4);
    a = mem_realloc(a, 100000);
    assert_non_null(a);
    assert_int_equal(mem_live_count(), live + 4);
    mem_free(a);
    mem_free(b);
    mem_free(c);
    mem_free(d);
    mem_free(NULL);
    assert_int_equal(mem_live_count(), live);
}

static void sizes_are_checked(void **state)
{
    (void)state;
    size_t out = 1;
    assert_false(size_mul(SIZE_MAX, 2, &out));
    assert_false(size_add(SIZE_MAX, 1, &out));
    assert_true(size_mul(3, 4, &out));
    assert_int_equal(out, 12);
    /* Through volatile, so that the compiler does not judge the size itself. */
    volatile size_t half = SIZE_MAX / 2;
    assert_null(mem_calloc(half, 4));
    struct arena arena = {0};
    assert_null(arena_calloc(&arena, half, 4));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 20));
    arena_deinit(&arena);
}

static void the_nth_allocation_fails(void **state)
{
    (void)state;
    mem_fail_after(2, false);
    void *a = mem_alloc(1);
    assert_non_null(a);
    assert_null(mem_alloc(1));
    void *b = mem_alloc(1);
    assert_non_null(b);
    mem_fail_after(1, true);
    assert_null(mem_alloc(1));
    assert_null(mem_calloc(1, 1));
    assert_null(mem_alloc_aligned(1));
    assert_null(mem_realloc(a, 100)); /* and `a` is still there */
    mem_fail_after(0, false);
    mem_free(a);
    mem_free(b);
}

static laminar_status two_allocations(void *arg)
{
    (void)arg;
    laminar_status status = LAMINAR_OUT_OF_MEMORY;
    void *b = NULL;
    void *a = mem_alloc(10);
    if (!a) goto done;
    b = mem_alloc(10);
    if (!b) goto done;
    status = LAMINAR_OK;
done:
    mem_free(b);
    mem_free(a);
    return status;
}

static void each_allocation_fails_once(void **state)
{
    (void)state;
    assert_int_equal(unit_fail_each_allocation(two_allocations, NULL), 2);
}

static void accounts_add_up_to_their_parents(void **state)
{
    (void)state;
    struct mem_account database = {0};
    struct mem_account stream = {.parent = &database};
    mem_account_add(&stream, 100);
    mem_account_add(&database, 50);
    mem_account_add(&stream, -70);
    assert_int_equal(stream.bytes, 30);
    assert_int_equal(stream.peak_bytes, 100);
    assert_int_equal(database.bytes, 80);
    assert_int_equal(database.peak_bytes, 150);
    mem_account_add(NULL, 5);
}

static void arena_hands_out_aligned_memory(void **state)
{
    (void)state;
    struct arena arena = {0};
    uint8_t *last = NULL;
    for (size_t i = 0; i < 1000; i++) {
        uint8_t *p = arena_alloc(&arena, i);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, 0xAB, i); /* a sanitizer sees what is out of bounds */
        if (i > 1) assert_ptr_not_equal(p, last);
        last = p;
    }
    uint8_t *large = arena_calloc(&arena, 3, 1 << 20);
    assert_non_null(large);
    assert_int_equal(large[(3 << 20) - 1], 0);
    assert_string_equal(arena_strndup(&arena, "abcdef", 3), "abc");
    assert_string_equal(arena_printf(&arena, "%s-%d", "x", 7), "x-7");
    arena_deinit(&arena);
    assert_null(arena.head);
    arena_deinit(&arena);
}

static void a_reset_arena_allocates_nothing_in_the_same_round(void **state)
{
    (void)state;
    struct arena arena = {0};
    for (int round = 0; round < 20; round++) {
        uint64_t before = mem_allocation_count();
        for (int i = 0; i < 1000; i++) assert_non_null(arena_alloc(&arena, 100));
        if (round >= 2) assert_int_equal(mem_allocation_count(), before);
        arena_reset(&arena);
        assert_int_equal(arena.used_bytes, 0);
    }
    arena_deinit(&arena);
}

static laminar_status fill_arena(void *arg)
{
    (void)arg;
    struct arena arena = {0};
    bool ok = true;
    for (int i = 0; i < 100 && ok; i++) ok = arena_alloc(&arena, 3000) != NULL;
    arena_deinit(&arena);
    return ok ? LAMINAR_OK : LAMINAR_OUT_OF_MEMORY;
}

static void arena_fails_cleanly(void **state)
{
    (void)state;
    assert_true(unit_fail_each_allocation(fill_arena, NULL) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heap_counts),
        cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(the_nth_allocation_fails),
        cmocka_unit_test(each_allocation_fails_once),
        cmocka_unit_test(accounts_add_up_to_their_parents),
        cmocka_unit_test(arena_hands_out_aligned_memory),
        cmocka_unit_test(a_reset_arena_allocates_nothing_in_the_same_round),
        cmocka_unit_test(arena_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
