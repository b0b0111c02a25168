/* test_api_row_errors.c - errors of single rows in one-shot statements say which expression of the text failed. */
#include "api_test.h"

/* The error's place must be that of `mark` in the statement (its first occurrence). */
static void expect_place(laminar_db *db, const char *sql, const char *mark, const char *message)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    const char *at = strstr(sql, mark);
    int line = 1, column = 1;
    assert_non_null(at);
    for (const char *c = sql; c < at; c++) {
        column = *c == '\n' ? 1 : column + 1;
        line += *c == '\n';
    }
    assert_int_equal(laminar_execute(db, sql, NULL, &err), LAMINAR_QUERY_FAILED);
    if ((int)err.line != line || (int)err.column != column || !strstr(err.message, message))
        fail_msg("%s\nexpected %d:%d %s\ngot %d:%d %s", sql, line, column, message, (int)err.line,
                 (int)err.column, err.message);
    assert_non_null(strchr(err.context, '^'));
}

static laminar_db *open_rows(void)
{
    laminar_db *db = open_db();
    run(db, "CREATE TABLE t (k BIGINT PRIMARY KEY, x BIGINT, w VARCHAR, d BIGINT DEFAULT 1)");
    run(db, "INSERT INTO t VALUES (1, 1, 'a', 0), (2, 0, '12', 0), (3, NULL, NULL, 0)");
    return db;
}

static void test_queries(void **state)
{
    (void)state;
    laminar_db *db = open_rows();
    expect_place(db, "SELECT k, 10 / x FROM t", "/", "division by zero");
    expect_place(db, "SELECT k\n FROM t\n WHERE CAST(w AS INT) > 3", "w AS",
                 "'a' is not a valid INT");
    expect_place(db, "SELECT k FROM t ORDER BY 1 + w::DATE", "w::", "not a valid DATE");
    expect_place(db, "SELECT k, sum(10 / x) FROM t GROUP BY k", "/", "division by zero");
    expect_place(db, "SELECT k % x FROM t", "%", "zero");
    expect_place(db, "SELECT CASE WHEN k > 1 THEN 1 / x ELSE 0 END FROM t", "/", "division");
    expect_place(db, "SELECT a.k FROM t a JOIN t b ON a.k = 5 / b.x", "/", "division");
    expect_place(db, "SELECT k FROM t WHERE k = 2 AND 7 / x > 1", "/", "division");
    expect_place(db, "WITH q AS (SELECT 1 / x AS y FROM t) SELECT max(y) FROM q", "/", "division");
    expect_place(db, "SELECT x FROM t WHERE EXISTS (SELECT 1 FROM t t2 WHERE t2.k > 1 / t.x)",
                 "/ t.x", "division");
    expect_place(db, "SELECT x + 9223372036854775807 FROM t", "+", "range");
    expect_place(db, "SELECT * FROM generate_series(1, 3, 0)", "generate", "the step is 0");
    expect_place(db, "SELECT k, (SELECT w FROM t) FROM t", "(SELECT", "returned 3 rows");
    expect_place(db, "SELECT 1 / 0", "/", "division by zero");
    expect_place(db, "VALUES (1), (1 / 0)", "/", "division by zero");
    /* not evaluated where a guard stands before it */
    expect_rows(db, "SELECT k FROM t WHERE x <> 0 AND 1 / x = 1", "1");
    laminar_db_free(db);
}

static void test_changes(void **state)
{
    (void)state;
    laminar_db *db = open_rows();
    expect_place(db, "UPDATE t SET x = 5 / x", "/", "division by zero");
    expect_place(db, "DELETE FROM t WHERE 1 / x = 1", "/", "division by zero");
    expect_place(db, "INSERT INTO t (k, x) SELECT 7 + k, 1 / x FROM t", "/", "division by zero");
    expect_place(db, "INSERT INTO t VALUES (9, 1, 'z', 0), (8, 1 / 0, 'z', 0)", "/", "division");
    expect_rows(db, "SELECT count(*), sum(x) FROM t", "3,1");
    run(db, "CREATE TABLE u (k BIGINT PRIMARY KEY, d BIGINT DEFAULT 1 / 0)");
    /* a DEFAULT is not in this text: the row that asked for it is */
    expect_place(db, "INSERT INTO u (k) VALUES (5)", "5", "division by zero");
    laminar_db_free(db);
}

static void test_a_query_reads_a_stream_that_works(void **state)
{
    (void)state;
    laminar_db *db = open_rows();
    run(db, "CREATE STREAM good AS SELECT k, x FROM t");
    expect_place(db, "SELECT 1 / x FROM good", "/", "division by zero");
    expect_rows(db, "SELECT count(*) FROM good", "3");
    laminar_db_free(db);
}

/* A scalar subquery that comes to have several rows: as any row error of a stream. */
static void test_streams_follow_on_error(void **state)
{
    (void)state;
    const char *const query = "SELECT k, (SELECT a FROM u WHERE b = t.x) AS a FROM t";
    char sql[200];
    laminar_db *db = open_db();
    run(db, "CREATE TABLE t (k BIGINT PRIMARY KEY, x BIGINT)");
    run(db, "CREATE TABLE u (a BIGINT PRIMARY KEY, b BIGINT)");
    run(db, "INSERT INTO t VALUES (1, 10), (2, 20), (3, 30)");
    run(db, "INSERT INTO u VALUES (1, 10), (2, 20)");
    snprintf(sql, sizeof sql, "CREATE STREAM f AS %s", query);
    run(db, sql);
    run(db, "SET on_error = 'null'");
    snprintf(sql, sizeof sql, "CREATE STREAM n AS %s", query);
    run(db, sql);
    expect_rows(db, "SELECT * FROM f ORDER BY k", "1,1;2,2;3,null");
    run(db, "INSERT INTO u VALUES (7, 10)");
    expect_rows(db, "SELECT * FROM n ORDER BY k", "1,null;2,2;3,null");
    run(db, "DELETE FROM u WHERE a = 1");
    expect_rows(db, "SELECT * FROM n ORDER BY k", "1,7;2,2;3,null");
    run(db, "SET on_error = 'fail'");
    run(db, "INSERT INTO u VALUES (1, 10)");
    expect_error(db, "SELECT * FROM f", LAMINAR_QUERY_FAILED, "returned 2 rows", NULL);
    laminar_db_free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_a_query_reads_a_stream_that_works),
        cmocka_unit_test(test_streams_follow_on_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
