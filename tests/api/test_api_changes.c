/* test_api_changes.c - UPDATE and DELETE that read other tables, with what follows in the streams behind the table. */
#include "api_test.h"

static laminar_db *open_tables(void)
{
    laminar_db *db = open_db();
    run(db, "CREATE TABLE t (k BIGINT PRIMARY KEY, x BIGINT, w VARCHAR NOT NULL)");
    run(db, "CREATE TABLE u (a BIGINT, b BIGINT)");
    run(db, "CREATE STREAM sums AS SELECT x, count(*) AS n FROM t GROUP BY x");
    run(db, "INSERT INTO t VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c'), (4, 9, 'd')");
    run(db, "INSERT INTO u VALUES (1, 100), (1, 100), (2, 200)");
    return db;
}

static void test_update_from(void **state)
{
    (void)state;
    laminar_db *db = open_tables();
    run(db, "UPDATE t SET x = u.b, w = t.w || '!' FROM u WHERE t.x = u.a");
    expect_rows(db, "SELECT * FROM t ORDER BY k", "1,100,a!;2,100,b!;3,200,c!;4,9,d");
    expect_rows(db, "SELECT * FROM sums ORDER BY x", "9,1;100,2;200,1");
    run(db,
        "UPDATE t AS z SET x = u.b + v.n FROM u JOIN (SELECT count(*) AS n FROM u) v ON true WHERE z.k = u.a");
    expect_rows(db, "SELECT k, x FROM t ORDER BY k", "1,103;2,203;3,200;4,9");
    /* the new value may depend on the table itself */
    run(db, "UPDATE t SET x = t2.x FROM t AS t2 WHERE t2.k = t.k + 1");
    expect_rows(db, "SELECT k, x FROM t ORDER BY k", "1,203;2,200;3,9;4,9");
    laminar_db_free(db);
}

static void test_subqueries(void **state)
{
    (void)state;
    laminar_db *db = open_tables();
    run(db, "UPDATE t SET x = (SELECT max(b) FROM u WHERE u.a = t.k) WHERE k IN (SELECT a FROM u)");
    expect_rows(db, "SELECT k, x FROM t ORDER BY k", "1,100;2,200;3,2;4,9");
    run(db, "UPDATE t SET x = 0 WHERE x > (SELECT avg(x) FROM t)");
    expect_rows(db, "SELECT k, x FROM t ORDER BY k", "1,0;2,0;3,2;4,9"); /* avg is 77.75 */
    run(db, "DELETE FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.a = t.k)");
    expect_rows(db, "SELECT k FROM t ORDER BY k", "1;2");
    expect_rows(db, "SELECT * FROM sums", "0,2");
    laminar_db_free(db);
}

static void test_delete_using(void **state)
{
    (void)state;
    laminar_db *db = open_tables();
    run(db, "DELETE FROM t USING u WHERE t.k = u.a AND u.b > 150");
    expect_rows(db, "SELECT k FROM t ORDER BY k", "1;3;4");
    /* a table without a key: each of two equal rows */
    run(db, "DELETE FROM u USING t WHERE t.k = u.a");
    expect_rows(db, "SELECT * FROM u", "2,200");
    laminar_result *result = rows_of(db, "DELETE FROM u USING t WHERE t.k = 77");
    assert_int_equal(laminar_result_rows_affected(result), 0);
    laminar_result_free(result);
    laminar_db_free(db);
}

static void test_errors_change_nothing(void **state)
{
    (void)state;
    laminar_db *db = open_tables();
    expect_error(db, "UPDATE t SET xx = u.b FROM u", LAMINAR_QUERY_FAILED, "no column \"xx\"",
                 NULL);
    expect_error(db, "UPDATE t SET x = u.b, x = 3 FROM u", LAMINAR_QUERY_FAILED, "set twice", NULL);
    expect_error(db, "UPDATE u SET a = t.k FROM t", LAMINAR_QUERY_UNSUPPORTED,
                 "needs a table with a PRIMARY KEY", "a subquery in SET");
    expect_error(db, "UPDATE t SET w = NULL FROM u WHERE k = a", LAMINAR_BATCH_SCHEMA_MISMATCH, "w",
                 NULL);
    expect_error(db, "UPDATE t SET x = 1 / (b - 100) FROM u", LAMINAR_QUERY_FAILED, "division",
                 NULL);
    expect_error(db, "UPDATE t SET x = (SELECT b FROM u)", LAMINAR_QUERY_FAILED, "returned 3 rows",
                 NULL);
    expect_error(db, "DELETE FROM t USING nope WHERE true", LAMINAR_QUERY_FAILED, "nope", NULL);
    run(db, "CREATE SOURCE s (v BIGINT)");
    expect_error(db, "DELETE FROM s USING u WHERE v = a", LAMINAR_QUERY_UNSUPPORTED, "append-only",
                 "PRIMARY KEY");
    expect_rows(db, "SELECT * FROM t ORDER BY k", "1,1,a;2,1,b;3,2,c;4,9,d");
    laminar_db_free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_update_from),
        cmocka_unit_test(test_subqueries),
        cmocka_unit_test(test_delete_using),
        cmocka_unit_test(test_errors_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
