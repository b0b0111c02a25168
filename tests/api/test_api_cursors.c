/* test_api_cursors.c - DECLARE, FETCH, CLOSE: over subscriptions and over answers. */
#include "api_test.h"

static laminar_db *open_stream(void)
{
    laminar_db *db = open_db();
    run(db, "CREATE TABLE t (k BIGINT PRIMARY KEY, x BIGINT)");
    run(db, "INSERT INTO t VALUES (1, 1), (2, 1), (3, 2)");
    run(db, "CREATE STREAM n AS SELECT x, count(*) AS n FROM t GROUP BY x");
    return db;
}

static void test_changes(void **state)
{
    (void)state;
    laminar_db *db = open_stream();
    run(db, "DECLARE c CURSOR FOR SUBSCRIBE n");
    expect_rows(db, "FETCH 1 FROM c", "1,2,1");
    expect_rows(db, "FETCH ALL FROM c", "2,1,1");
    expect_rows(db, "FETCH ALL FROM c", "");
    run(db, "INSERT INTO t VALUES (4, 2)");
    expect_rows(db, "FETCH 10 FROM c", "2,1,-1;2,2,1");
    run(db, "DECLARE big CURSOR FOR SUBSCRIBE t WHERE x > 50");
    run(db, "DECLARE total CURSOR FOR SUBSCRIBE (SELECT sum(x) AS s FROM t)");
    run(db, "INSERT INTO t VALUES (9, 100)");
    expect_rows(db, "FETCH ALL FROM big", "9,100,1");
    expect_rows(db, "FETCH FORWARD 1 FROM total", "6,1");
    expect_rows(db, "FETCH ALL FROM total", "6,-1;106,1");
    laminar_db_free(db); /* with open cursors */
}

static void test_answers(void **state)
{
    (void)state;
    laminar_db *db = open_stream();
    run(db, "DECLARE d CURSOR FOR SELECT g FROM generate_series(1, 5000) AS s(g) ORDER BY g DESC");
    expect_rows(db, "FETCH 2 FROM d", "5000;4999");
    laminar_result *result = rows_of(db, "FETCH 4997 FROM d");
    assert_int_equal(laminar_result_n_rows(result), 4997);
    assert_int_equal(laminar_result_int64(result, 0, 0), 4998);
    assert_int_equal(laminar_result_int64(result, 4996, 0), 2);
    laminar_result_free(result);
    expect_rows(db, "FETCH ALL FROM d", "1");
    expect_rows(db, "FETCH 1 FROM d", "");
    run(db, "CLOSE d");
    run(db, "DECLARE d CURSOR FOR SELECT 1 AS x");
    run(db, "CLOSE ALL");
    expect_error(db, "FETCH 1 FROM d", LAMINAR_QUERY_FAILED, "no cursor named 'd'", "DECLARE d");
    laminar_db_free(db);
}

static void test_errors(void **state)
{
    (void)state;
    laminar_db *db = open_stream();
    run(db, "DECLARE c CURSOR FOR SELECT 1 AS x");
    expect_error(db, "DECLARE c CURSOR FOR SELECT 2", LAMINAR_QUERY_FAILED, "already", "CLOSE c");
    expect_error(db, "CLOSE nope", LAMINAR_QUERY_FAILED, "no cursor named 'nope'", NULL);
    expect_error(db, "DECLARE e CURSOR FOR SUBSCRIBE nope", LAMINAR_TABLE_NOT_FOUND, "nope", NULL);
    /* the stream stops: its cursor says why */
    run(db, "CREATE SOURCE s (v BIGINT)");
    run(db, "CREATE STREAM q AS SELECT 10 / v AS y FROM s");
    run(db, "DECLARE q CURSOR FOR SUBSCRIBE q");
    run(db, "INSERT INTO s VALUES (5)");
    expect_rows(db, "FETCH ALL FROM q", "2,1");
    run(db, "INSERT INTO s VALUES (0)");
    expect_error(db, "FETCH ALL FROM q", LAMINAR_QUERY_FAILED, "division by zero", NULL);
    laminar_db_free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
