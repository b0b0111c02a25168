/* test_secret.c - what is hidden of options and of the lines that errors quote, and what is not. */
#include "base/error.h"
#include "base/secret.h"
#include "unit.h"
#include <string.h>

static void names_of_secrets(void **state)
{
    (void)state;
    static const char *const secret[] = {"password",        "sasl.password", "AWS_SECRET_KEY",
                                         "api_key",         "access.token",  "ssl.key.passphrase",
                                         "sasl.jaas.config"};
    static const char *const plain[] = {"path", "topic", "key", "primary_key", "user", "format"};
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++)
        assert_true(secret_is_key(secret[i], strlen(secret[i])));
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        assert_false(secret_is_key(plain[i], strlen(plain[i])));
    assert_true(secret_is_reference("${PG_PASSWORD}", 14));
    assert_false(secret_is_reference("${PG:-hunter2}", 14));
}

static void passwords_in_values(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"postgres://me:hunter2@host:5432/db", "postgres://me:***@host:5432/db"},
        {"postgres://me:p@ss@host/db?password=x&sslmode=off",
         "postgres://me:***@host/db?password=***&sslmode=off"},
        {"host=h user=u password=hunter2 dbname=d", "host=h user=u password=*** dbname=d"},
        {"Server=s;Pwd=hunter2;Port=1", "Server=s;Pwd=***;Port=1"},
        {"postgres://me:${PW}@host/db", "postgres://me:${PW}@host/db"},
        {"http://host:80/path@x", "http://host:80/path@x"},
        {"plain text, with = signs", "plain text, with = signs"},
        {"", ""}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct strbuf out = {0};
        secret_append_masked(&out, pairs[i][0], strlen(pairs[i][0]));
        assert_string_equal(out.data ? out.data : "", pairs[i][1]);
        strbuf_deinit(&out);
    }
}

static void errors_show_no_password(void **state)
{
    (void)state;
    static const char sql[] =
        "CREATE SINK x FROM s\n"
        "WITH ('password' = 'hun''ter2', url = 'pg://u:hunter2@h/', topc = 'a')";
    struct laminar_error err = LAMINAR_ERROR_INIT;
    error_set(&err, LAMINAR_QUERY_FAILED, "unknown");
    error_position(&err, sql, strlen(sql), (size_t)(strstr(sql, "topc") - sql));
    assert_null(strstr(err.context, "hun"));
    assert_null(strstr(err.context, "ter2"));
    const char *caret = strchr(err.context, '\n') + 1;
    assert_int_equal(strspn(caret, " "), (size_t)(strstr(err.context, "topc") - err.context));
    /* a column of this name is no option */
    static const char query[] = "SELECT x FROM s WHERE token = 'USD'";
    struct laminar_error plain = LAMINAR_ERROR_INIT;
    error_set(&plain, LAMINAR_QUERY_FAILED, "unknown");
    error_position(&plain, query, strlen(query), 7);
    assert_non_null(strstr(plain.context, "'USD'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_secrets),
        cmocka_unit_test(passwords_in_values),
        cmocka_unit_test(errors_show_no_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
