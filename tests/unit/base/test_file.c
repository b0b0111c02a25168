/* test_file.c - files: contents, modes, errors with path and reason, replacement that leaves the old or the new contents whatever fails. */
#include "base/file.h"
#include "unit.h"
#include <stdlib.h>
#include <string.h>

/* A folder of this test's own, with `name` in it. */
static char folder[] = "/tmp/laminar_test_file_XXXXXX";
static char path[128], other[128];

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return 1;
    struct strbuf text = {0};
    strbuf_printf(&text, "%s/a.txt", folder);
    memcpy(path, text.data, text.size + 1);
    strbuf_clear(&text);
    strbuf_printf(&text, "%s/b.txt", folder);
    memcpy(other, text.data, text.size + 1);
    strbuf_deinit(&text);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    struct strbuf command = {0};
    strbuf_printf(&command, "rm -r '%s'", folder);
    int result = system(command.data);
    strbuf_deinit(&command);
    return result;
}

static void expect_contents(const char *expected)
{
    struct strbuf text = {0};
    assert_int_equal(file_read_all(path, 1 << 20, &text, NULL), LAMINAR_OK);
    assert_string_equal(text.data, expected);
    strbuf_deinit(&text);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct file file = {0};
    uint64_t size = 0;
    size_t n = 0;
    char buf[16];
    assert_false(file_is_open(&file));
    assert_int_equal(file_open(&file, path, FILE_CREATE, NULL), LAMINAR_OK);
    assert_true(file_is_open(&file));
    assert_int_equal(file_write(&file, "hello ", 6, NULL), LAMINAR_OK);
    assert_int_equal(file_write(&file, "world", 5, NULL), LAMINAR_OK);
    assert_int_equal(file_sync(&file, NULL), LAMINAR_OK);
    assert_int_equal(file_size(&file, &size, NULL), LAMINAR_OK);
    assert_int_equal(size, 11);
    assert_int_equal(file_truncate(&file, 8, NULL), LAMINAR_OK);
    assert_int_equal(file_close(&file, NULL), LAMINAR_OK);
    assert_int_equal(file_close(&file, NULL), LAMINAR_OK); /* twice is fine */
    expect_contents("hello wo");

    assert_int_equal(file_open(&file, path, FILE_APPEND, NULL), LAMINAR_OK);
    assert_int_equal(file_write(&file, "!", 1, NULL), LAMINAR_OK);
    assert_int_equal(file_close(&file, NULL), LAMINAR_OK);
    expect_contents("hello wo!");

    assert_int_equal(file_open(&file, path, FILE_READ, NULL), LAMINAR_OK);
    assert_int_equal(file_read(&file, buf, 5, &n, NULL), LAMINAR_OK);
    assert_int_equal(n, 5);
    assert_int_equal(file_read(&file, buf, sizeof buf, &n, NULL), LAMINAR_OK);
    assert_int_equal(n, 4);
    assert_int_equal(file_read(&file, buf, sizeof buf, &n, NULL), LAMINAR_OK);
    assert_int_equal(n, 0);
    assert_int_equal(file_read_at(&file, buf, 4, 5, NULL), LAMINAR_OK);
    assert_memory_equal(buf, " wo!", 4);
    struct laminar_error err = LAMINAR_ERROR_INIT;
    assert_int_equal(file_read_at(&file, buf, 5, 5, &err), LAMINAR_IO_ERROR);
    assert_non_null(strstr(err.message, "it ends at byte 9"));
    assert_int_equal(file_close(&file, NULL), LAMINAR_OK);
}

static void errors_name_path_and_reason(void **state)
{
    (void)state;
    struct file file = {0};
    struct strbuf text = {0};
    struct laminar_error err = LAMINAR_ERROR_INIT;
    assert_int_equal(file_open(&file, other, FILE_READ, &err), LAMINAR_IO_ERROR);
    assert_non_null(strstr(err.message, other));
    assert_non_null(strstr(err.message, "No such file"));
    assert_false(file_is_open(&file));
    assert_int_equal(file_open(&file, folder, FILE_READ, &err), LAMINAR_IO_ERROR);
    assert_non_null(strstr(err.message, "directory"));
    assert_int_equal(file_open(&file, path, FILE_EXCLUSIVE, &err), LAMINAR_IO_ERROR);
    assert_int_equal(file_read_all(path, 3, &text, &err), LAMINAR_IO_ERROR);
    assert_non_null(strstr(err.message, "limit of 3 bytes"));
    strbuf_deinit(&text);
    assert_int_equal(file_rename(other, path, &err), LAMINAR_IO_ERROR);
    assert_int_equal(file_remove(other, &err), LAMINAR_OK);
    assert_false(file_exists(other));
    assert_true(file_exists(path));
}

static void folders_are_made(void **state)
{
    (void)state;
    struct strbuf deep = {0};
    struct laminar_error err = LAMINAR_ERROR_INIT;
    strbuf_printf(&deep, "%s/x/y//z/", folder);
    assert_int_equal(folder_create(deep.data, &err), LAMINAR_OK);
    assert_int_equal(folder_create(deep.data, &err), LAMINAR_OK);
    assert_true(file_exists(deep.data));
    assert_int_equal(folder_sync(deep.data, &err), LAMINAR_OK);
    strbuf_clear(&deep);
    strbuf_printf(&deep, "%s/sub", path); /* a file is in the way */
    assert_int_equal(folder_create(deep.data, &err), LAMINAR_IO_ERROR);
    strbuf_deinit(&deep);
}

/* Whatever operation fails, a reader sees the old contents or the new. */
static void replacing_is_all_or_nothing(void **state)
{
    (void)state;
    assert_int_equal(file_replace(path, "old", 3, NULL), LAMINAR_OK);
    expect_contents("old");
    bool has_succeeded = false;
    for (uint64_t n = 1; !has_succeeded; n++) {
        struct laminar_error err = LAMINAR_ERROR_INIT;
        struct strbuf text = {0};
        int64_t live = mem_live_count();
        file_fail_after(n, false);
        laminar_status status = file_replace(path, "new contents", 12, &err);
        file_fail_after(0, false);
        assert_int_equal(mem_live_count(), live);
        has_succeeded = status == LAMINAR_OK;
        if (!has_succeeded) assert_non_null(strstr(err.message, "Input/output error"));
        assert_int_equal(file_read_all(path, 100, &text, NULL), LAMINAR_OK);
        assert_true(strcmp(text.data, "new contents") == 0 ||
                    (!has_succeeded && strcmp(text.data, "old") == 0));
        strbuf_deinit(&text);
        assert_true(n < 20);
        if (!has_succeeded) assert_int_equal(file_replace(path, "old", 3, NULL), LAMINAR_OK);
    }
    struct strbuf leftover = {0};
    strbuf_printf(&leftover, "%s.tmp", path);
    assert_false(file_exists(leftover.data));
    strbuf_deinit(&leftover);
}

static laminar_status replace_scenario(void *arg) { return file_replace(arg, "x", 1, NULL); }

static void memory_may_run_out(void **state)
{
    (void)state;
    assert_true(unit_fail_each_allocation(replace_scenario, path) >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read), cmocka_unit_test(errors_name_path_and_reason),
        cmocka_unit_test(folders_are_made), cmocka_unit_test(replacing_is_all_or_nothing),
        cmocka_unit_test(memory_may_run_out)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
