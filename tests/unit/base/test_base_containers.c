/* test_base_containers.c - growable arrays and text, the name map, edit distance, hashes. */
#include "base/array.h"
#include "base/hash.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "unit.h"
#include <stdio.h>
#include <string.h>

static void array_grows(void **state)
{
    (void)state;
    ARRAY_OF(uint64_t) a = {0};
    for (uint64_t i = 0; i < 1000; i++) assert_true(ARRAY_PUSH(&a, i * i));
    assert_int_equal(a.n, 1000);
    for (uint64_t i = 0; i < 1000; i++) assert_int_equal(a.items[i], i * i);
    volatile size_t too_many = SIZE_MAX / 4;
    assert_false(ARRAY_RESERVE(&a, too_many));
    assert_int_equal(a.items[999], 999 * 999);
    ARRAY_DEINIT(&a);
    assert_null(a.items);
}

static void strbuf_builds_text(void **state)
{
    (void)state;
    struct strbuf buf = {0};
    strbuf_puts(&buf, "a=");
    strbuf_printf(&buf, "%d", 42);
    strbuf_putc(&buf, ';');
    strbuf_append(&buf, "xyz", 2);
    assert_string_equal(buf.data, "a=42;xy");
    assert_int_equal(buf.size, 7);
    strbuf_clear(&buf);
    assert_string_equal(buf.data, "");
    for (int i = 0; i < 500; i++) strbuf_printf(&buf, "%03d", i);
    assert_int_equal(buf.size, 1500);
    assert_memory_equal(buf.data + 1497, "499", 4);
    char *text = strbuf_take(&buf);
    assert_int_equal(strlen(text), 1500);
    assert_null(buf.data);
    mem_free(text);
    text = strbuf_take(&buf);
    assert_string_equal(text, "");
    mem_free(text);
}

static void strbuf_remembers_failure(void **state)
{
    (void)state;
    int64_t live = mem_live_count();
    struct strbuf buf = {0};
    strbuf_puts(&buf, "start");
    mem_fail_after(1, false);
    for (int i = 0; i < 100; i++) strbuf_puts(&buf, "0123456789");
    mem_fail_after(0, false);
    assert_true(buf.failed);
    strbuf_puts(&buf, "later");
    assert_null(strbuf_take(&buf));
    assert_int_equal(mem_live_count(), live);
}

static void strmap_keeps_order_and_values(void **state)
{
    (void)state;
    struct strmap map = {0};
    static int values[1000];
    char key[16];
    assert_null(strmap_get_z(&map, "absent"));
    assert_null(strmap_remove(&map, "absent", 6));
    for (int i = 0; i < 1000; i++) {
        int n = snprintf(key, sizeof key, "k%d", i);
        assert_true(strmap_put(&map, key, (size_t)n, &values[i]));
    }
    assert_int_equal(map.n_live, 1000);
    for (int i = 0; i < 1000; i += 2) {
        int n = snprintf(key, sizeof key, "k%d", i);
        assert_ptr_equal(strmap_remove(&map, key, (size_t)n), &values[i]);
        assert_null(strmap_get_z(&map, key));
    }
    assert_int_equal(map.n_live, 500);
    const char *found;
    int expected = 1;
    void *value;
    for (size_t i = 0; (value = strmap_next(&map, &i, &found)) != NULL; expected += 2) {
        assert_ptr_equal(value, &values[expected]);
        snprintf(key, sizeof key, "k%d", expected);
        assert_string_equal(found, key);
    }
    assert_int_equal(expected, 1001);
    assert_true(strmap_put(&map, "k1", 2, &values[7]));
    assert_ptr_equal(strmap_get_z(&map, "k1"), &values[7]);
    assert_int_equal(map.n_live, 500);
    assert_true(strmap_put(&map, "k0", 2, &values[0]));
    assert_int_equal(map.n_live, 501);
    /* A key is bytes: zeros and the empty one count. */
    assert_true(strmap_put(&map, "a\0b", 3, &values[1]));
    assert_null(strmap_get(&map, "a\0c", 3));
    assert_true(strmap_put(&map, "", 0, &values[2]));
    assert_ptr_equal(strmap_get_z(&map, ""), &values[2]);
    strmap_deinit(&map);
    assert_int_equal(map.n_slots, 0);
}

/* Names come and go without end (temporary streams): the map must not grow with them. */
static void strmap_forgets_removed_names(void **state)
{
    (void)state;
    struct strmap map = {0};
    int value;
    char key[24];
    for (int i = 0; i < 100000; i++) {
        int n = snprintf(key, sizeof key, "tmp%d", i);
        assert_true(strmap_put(&map, key, (size_t)n, &value));
        assert_non_null(strmap_remove(&map, key, (size_t)n));
    }
    assert_int_equal(map.n_live, 0);
    assert_true(map.n_slots <= 64);
    strmap_deinit(&map);
}

static laminar_status fill_map(void *arg)
{
    struct strmap map = {0};
    bool ok = true;
    char key[16];
    for (int i = 0; i < 40 && ok; i++) {
        int n = snprintf(key, sizeof key, "%d", i);
        ok = strmap_put(&map, key, (size_t)n, arg);
        /* A failed put leaves the map as it was. */
        if (!ok) assert_null(strmap_get_z(&map, key));
        if (i > 0) assert_non_null(strmap_get_z(&map, "0"));
    }
    strmap_deinit(&map);
    return ok ? LAMINAR_OK : LAMINAR_OUT_OF_MEMORY;
}

static void strmap_fails_cleanly(void **state)
{
    (void)state;
    int value;
    assert_true(unit_fail_each_allocation(fill_map, &value) > 40);
}

static void edit_distance_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(edit_distance("kitten", "sitting", 5), 3);
    assert_int_equal(edit_distance("price", "pricee", 2), 1);
    assert_int_equal(edit_distance("same", "same", 2), 0);
    assert_int_equal(edit_distance("", "abc", 5), 3);
    assert_int_equal(edit_distance("abcdef", "uvwxyz", 2), 3);
    char long_name[300];
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[299] = 0;
    assert_int_equal(edit_distance(long_name, "a", 3), 4);
}

static void hashes_spread(void **state)
{
    (void)state;
    /* 65,536 consecutive integers into 4,096 buckets by the low and by the high bits: 16 each on average. */
    static uint32_t low[4096], high[4096];
    for (uint64_t i = 0; i < 65536; i++) {
        uint64_t hash = hash_u64(i);
        low[hash & 4095]++;
        high[hash >> 52]++;
    }
    for (size_t i = 0; i < 4096; i++) {
        assert_true(low[i] < 64);
        assert_true(high[i] < 64);
    }
    assert_true(hash_combine(1, 2) != hash_combine(2, 1));
    assert_true(hash_bytes("abc", 3) != hash_bytes("abd", 3));
    assert_true(hash_bytes("abc", 3) == hash_bytes("abcd", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(array_grows),
        cmocka_unit_test(strbuf_builds_text),
        cmocka_unit_test(strbuf_remembers_failure),
        cmocka_unit_test(strmap_keeps_order_and_values),
        cmocka_unit_test(strmap_forgets_removed_names),
        cmocka_unit_test(strmap_fails_cleanly),
        cmocka_unit_test(edit_distance_is_bounded),
        cmocka_unit_test(hashes_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
