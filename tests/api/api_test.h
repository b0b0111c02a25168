/* api_test.h - what the tests of the public interface share: cmocka, and calls that must succeed or fail in a given way. */
#ifndef API_TEST_H
#define API_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <laminar/laminar.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline laminar_db *open_db(void)
{
    laminar_db *db = NULL;
    laminar_error err = LAMINAR_ERROR_INIT;
    if (laminar_open(":memory:", NULL, &db, &err)) fail_msg("open: %s", err.message);
    return db;
}

static inline laminar_db *open_folder(const char *folder)
{
    laminar_db *db = NULL;
    laminar_error err = LAMINAR_ERROR_INIT;
    if (laminar_open(folder, NULL, &db, &err)) fail_msg("%s", err.message);
    return db;
}

static inline void run(laminar_db *db, const char *sql)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    if (laminar_execute(db, sql, NULL, &err))
        fail_msg("%s\n%d: %s\n%s\n%s", sql, (int)err.code, err.message, err.context, err.hint);
}

static inline laminar_result *rows_of(laminar_db *db, const char *sql)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_result *result = NULL;
    if (laminar_execute(db, sql, &result, &err))
        fail_msg("%s\n%d: %s\n%s", sql, (int)err.code, err.message, err.context);
    return result;
}

/* The first cell as an integer. */
static inline int64_t number_of(laminar_db *db, const char *sql)
{
    laminar_result *result = rows_of(db, sql);
    int64_t value = laminar_result_int64(result, 0, 0);
    laminar_result_free(result);
    return value;
}

/* All cells as text, rows separated by ';', columns by ','; NULL as "null". Freed by free(). */
static inline char *text_of_result(const laminar_result *result)
{
    size_t size = 1, n = 0;
    char *text = calloc(1, 1);
    for (size_t row = 0; row < laminar_result_n_rows(result); row++) {
        for (size_t c = 0; c < laminar_result_n_columns(result); c++) {
            char *cell = laminar_result_text_copy(result, row, c);
            const char *shown = cell ? cell : "null";
            size += strlen(shown) + 1;
            text = realloc(text, size);
            n += (size_t)sprintf(text + n, "%s%s", c ? "," : row ? ";" : "", shown);
            laminar_free(cell);
        }
    }
    return text;
}

static inline void expect_rows(laminar_db *db, const char *sql, const char *expected)
{
    laminar_result *result = rows_of(db, sql);
    char *text = text_of_result(result);
    if (strcmp(text, expected) != 0)
        fail_msg("%s\n  gave     %s\n  expected %s", sql, text, expected);
    free(text);
    laminar_result_free(result);
}

/* The statement fails with the code, and the message and hint contain the texts (NULL = any). */
static inline void expect_error(laminar_db *db, const char *sql, int code, const char *message,
                                const char *hint)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_result *result = NULL;
    int got = (int)laminar_execute(db, sql, &result, &err);
    if (got != code) fail_msg("%s\n  gave %d (%s), expected %d", sql, got, err.message, code);
    assert_int_equal(err.code, code);
    assert_null(result);
    if (message && !strstr(err.message, message))
        fail_msg("%s\n  message: %s\n  expected: %s", sql, err.message, message);
    if (hint && !strstr(err.hint, hint))
        fail_msg("%s\n  hint: %s\n  expected: %s", sql, err.hint, hint);
}

/* The next delivery within a second as text, or "end". Freed by free(). */
static inline char *next_text(laminar_subscription *sub)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_result *result = NULL;
    if (laminar_subscription_next(sub, 1000, &result, &err)) fail_msg("next: %s", err.message);
    if (!result) return strdup("end");
    char *text = text_of_result(result);
    laminar_result_free(result);
    return text;
}

static inline void expect_next(laminar_subscription *sub, const char *expected)
{
    char *text = next_text(sub);
    if (strcmp(text, expected) != 0) fail_msg("delivered %s, expected %s", text, expected);
    free(text);
}

static inline laminar_subscription *subscribe(laminar_db *db, const char *what,
                                              const laminar_subscribe_options *options)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_subscription *sub = NULL;
    if (laminar_subscribe(db, what, options, &sub, &err))
        fail_msg("subscribe %s: %s", what, err.message);
    return sub;
}

#endif
