/* test_base_error.c - filling errors: texts, cutting, positions and carets. */
#include "base/error.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_fills_code_and_message(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    error_hint(&err, "old hint");
    assert_int_equal(error_set(&err, LAMINAR_TABLE_NOT_FOUND, "no table '%s'", "t"),
                     LAMINAR_TABLE_NOT_FOUND);
    assert_int_equal(err.code, LAMINAR_TABLE_NOT_FOUND);
    assert_string_equal(err.message, "no table 't'");
    assert_string_equal(err.hint, "");
    assert_false(err.is_retriable);
    assert_int_equal(err.struct_size, sizeof err);
    error_set(&err, LAMINAR_SUBSCRIPTION_TIMEOUT, "timeout");
    assert_true(err.is_retriable);
    error_clear(&err);
    assert_int_equal(err.code, LAMINAR_OK);
    assert_string_equal(err.message, "");
}

static void null_error_is_fine(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, LAMINAR_QUERY_FAILED, "x"), LAMINAR_QUERY_FAILED);
    assert_int_equal(error_oom(NULL), LAMINAR_OUT_OF_MEMORY);
    error_hint(NULL, "x");
    error_object(NULL, "x");
    error_position(NULL, "x", 1, 0);
    error_clear(NULL);
}

/* A two-byte character over the border of each field must go as a whole. */
static void long_texts_are_cut_at_characters(void **state)
{
    (void)state;
    char text[3000];
    for (size_t i = 0; i + 2 < sizeof text; i += 2) memcpy(text + i, "\xC3\xA9", 2);
    text[2998] = 0;
    laminar_error err = LAMINAR_ERROR_INIT;
    for (int shift = 0; shift < 2; shift++) {
        const char *pad = shift ? "a" : "";
        error_set(&err, LAMINAR_QUERY_FAILED, "%s%s", pad, text);
        error_hint(&err, "%s%s", pad, text);
        char name[3001];
        snprintf(name, sizeof name, "%s%s", pad, text);
        error_object(&err, name);
        const char *fields[] = {err.message, err.hint, err.object};
        const size_t sizes[] = {sizeof err.message, sizeof err.hint, sizeof err.object};
        for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
            size_t n = strlen(fields[i]);
            assert_in_range(n, sizes[i] - 3, sizes[i] - 1);
            assert_int_equal((n - (size_t)shift) % 2, 0);
        }
    }
}

static void position_counts_characters(void **state)
{
    (void)state;
    const char *sql = "SELECT 1;\nSELECT '\xC3\xA9' + foo FROM t";
    laminar_error err = LAMINAR_ERROR_INIT;
    error_set(&err, LAMINAR_QUERY_FAILED, "no column 'foo'");
    error_position(&err, sql, strlen(sql), (size_t)(strstr(sql, "foo") - sql));
    assert_int_equal(err.line, 2);
    assert_int_equal(err.column, 14);
    assert_string_equal(err.context, "SELECT '\xC3\xA9' + foo FROM t\n             ^");
    error_position(&err, sql, strlen(sql), 0);
    assert_int_equal(err.line, 2); /* the first position stays */
}

static void position_at_the_end_and_of_nothing(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    error_position(&err, "", 0, 0);
    assert_int_equal(err.line, 1);
    assert_int_equal(err.column, 1);
    assert_string_equal(err.context, "\n^");
    error_clear(&err);
    error_position(&err, "ab\n", 3, 99);
    assert_int_equal(err.line, 2);
    assert_int_equal(err.column, 1);
}

static void position_in_a_long_line_shows_a_window(void **state)
{
    (void)state;
    enum { SIZE = 100000 };
    char *sql = malloc(SIZE);
    memset(sql, 'x', SIZE);
    sql[50000] = '\t';
    laminar_error err = LAMINAR_ERROR_INIT;
    error_position(&err, sql, SIZE, 50001);
    assert_int_equal(err.column, 50002);
    assert_true(strlen(err.context) < 250);
    const char *newline = strchr(err.context, '\n');
    assert_non_null(newline);
    assert_null(strchr(err.context, '\t'));
    size_t caret = strlen(newline) - 2;
    assert_int_equal(err.context[caret - 1], ' '); /* the tab stands before the caret */
    assert_int_equal(err.context[caret], 'x');
    /* Nothing but continuation bytes: not text, but no reason to crash. */
    memset(sql, 0x80, SIZE);
    error_clear(&err);
    error_position(&err, sql, SIZE, 50000);
    assert_int_equal(err.line, 1);
    free(sql);
}

static void every_code_has_name_and_title(void **state)
{
    (void)state;
    assert_string_equal(status_title(LAMINAR_TABLE_NOT_FOUND), "Table not found");
    assert_string_equal(status_name(LAMINAR_TABLE_NOT_FOUND), "TABLE_NOT_FOUND");
    assert_string_equal(status_title(LAMINAR_OK), "OK");
    assert_string_equal(status_title((laminar_status)12345), "Unknown status");
}

static void test_values_are_cut_at_characters(void **state)
{
    (void)state;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    error_set(&err, LAMINAR_QUERY_FAILED, "'%.4s' and '%.2s'", "ab\xc3\xa9\xc3\xa9",
              "\xe6\x97\xa5");
    assert_string_equal(err.message, "'ab\xc3\xa9' and ''");
    error_set(&err, LAMINAR_QUERY_FAILED, "%s", "\xff bad \xc3");
    assert_string_equal(err.message, " bad ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_cut_at_characters),
        cmocka_unit_test(set_fills_code_and_message),
        cmocka_unit_test(null_error_is_fine),
        cmocka_unit_test(long_texts_are_cut_at_characters),
        cmocka_unit_test(position_counts_characters),
        cmocka_unit_test(position_at_the_end_and_of_nothing),
        cmocka_unit_test(position_in_a_long_line_shows_a_window),
        cmocka_unit_test(every_code_has_name_and_title),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
