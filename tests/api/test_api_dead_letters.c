/* test_api_dead_letters.c - rows that streams leave out (on_error = skip) are in system.dead_letters, also after reopening and restoring. */
#include "api_test.h"
#include <unistd.h>

#define LETTERS                                                                                    \
    "SELECT relation, operator, weight, row FROM system.dead_letters ORDER BY relation, row"

static void every_operator_gives_its_rows(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (id BIGINT, v BIGINT, w VARCHAR)");
    run(db, "CREATE TABLE t (k BIGINT PRIMARY KEY, v BIGINT)");
    run(db, "SET on_error = 'skip'");
    run(db, "CREATE STREAM p AS SELECT id, 10 / v AS q FROM s");
    run(db, "CREATE STREAM f AS SELECT id FROM s WHERE CAST(w AS BIGINT) > 1");
    run(db, "CREATE STREAM fp AS SELECT id, 10 / v AS q FROM s WHERE id > 1");
    run(db, "CREATE STREAM a AS SELECT count(*) AS n, sum(10 / v) AS q FROM s");
    run(db, "CREATE STREAM j AS SELECT s.id, t.k FROM s JOIN t ON 10 / s.v = t.k");
    run(db, "CREATE STREAM r AS SELECT k, 1 / v AS q FROM t");
    run(db, "INSERT INTO s VALUES (1, 5, '7'), (2, 0, 'x \"y\"'), (3, 1, NULL), (1, 0, '2')");
    laminar_result *rows = rows_of(db, LETTERS);
    char *text = text_of_result(rows);
    laminar_result_free(rows);
    assert_non_null(strstr(text, "p,project,1,{\"id\":1,\"v\":0"));
    assert_non_null(strstr(text, "p,project,1,{\"id\":2,\"v\":0"));
    assert_null(strstr(text, "p,project,1,{\"id\":3"));
    assert_non_null(strstr(text, "f,filter"));
    assert_non_null(strstr(text, "\"w\":\"x \\\"y\\\"\"}"));
    assert_non_null(strstr(text, "fp,"));
    assert_non_null(strstr(text, "a,"));
    assert_non_null(strstr(text, "j,"));
    free(text);
    /* the row that the filter leaves out never came to the division */
    expect_rows(db, "SELECT count(*) FROM system.dead_letters WHERE relation = 'fp'", "1");
    expect_rows(db, "SELECT count(*) FROM system.dead_letters WHERE relation = 'j'", "2");
    /* rows that go fail too */
    run(db, "INSERT INTO t VALUES (1, 0)");
    run(db, "DELETE FROM t");
    expect_rows(db, "SELECT weight FROM system.dead_letters WHERE relation = 'r' ORDER BY weight",
                "-1;1");
    /* others are no letters */
    run(db, "SET on_error = 'null'");
    run(db, "INSERT INTO t VALUES (2, 0)");
    expect_rows(db, "SELECT count(*) FROM system.dead_letters WHERE relation = 'r'", "2");
    laminar_db_free(db);
}

static void they_are_bounded(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (id BIGINT, w VARCHAR)");
    run(db, "SET on_error = 'skip'");
    run(db, "CREATE STREAM p AS SELECT 1 / (id - id) AS q, length(w) AS n FROM s");
    run(db, "INSERT INTO s SELECT x, 'a' FROM generate_series(1, 12345) g(x)");
    expect_rows(db, "SELECT count(*) FROM system.dead_letters", "10000");
    expect_rows(db, "SELECT count(*) FROM system.dead_letters WHERE row LIKE '{\"id\":12345,%'",
                "1");
    run(db, "INSERT INTO s VALUES (1, repeat('x', 100000))");
    expect_rows(db, "SELECT max(length(row)) < 20000 FROM system.dead_letters", "true");
    expect_rows(
        db, "SELECT count(*) FROM system.dead_letters WHERE row = '{\"id\":1,\"...\":null}'", "1");
    laminar_db_free(db);
}

static void they_survive(void **state)
{
    (void)state;
    char folder[] = "/tmp/laminar-letters-XXXXXX", sql[96];
    assert_non_null(mkdtemp(folder));
    laminar_db *db = open_folder(folder);
    run(db, "CREATE SOURCE s (v BIGINT)");
    run(db, "SET on_error = 'skip'");
    run(db, "CREATE STREAM p AS SELECT 1 / v AS q FROM s");
    run(db, "INSERT INTO s VALUES (0)");
    run(db, "CHECKPOINT");
    run(db, "INSERT INTO s VALUES (1), (0)");
    for (int i = 0; i < 3; i++) {
        expect_rows(db, LETTERS, "p,project,1,{\"v\":0};p,project,1,{\"v\":0}");
        if (i == 1) run(db, "CHECKPOINT");
        laminar_db_free(db);
        db = open_folder(folder);
    }
    snprintf(sql, sizeof sql, "RESTORE FROM CHECKPOINT %lld",
             (long long)number_of(db, "SELECT min(id) FROM system.checkpoints"));
    run(db, sql);
    expect_rows(db, LETTERS, "p,project,1,{\"v\":0}");
    laminar_db_free(db);
    snprintf(sql, sizeof sql, "rm -r %s", folder);
    assert_int_equal(system(sql), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operator_gives_its_rows),
        cmocka_unit_test(they_are_bounded),
        cmocka_unit_test(they_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
