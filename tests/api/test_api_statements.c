/* test_api_statements.c - the database through its public functions: statements, results, errors, life. */
#include "api_test.h"

static void test_open_and_close(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    assert_false(laminar_is_closed(db));
    assert_int_equal(laminar_close(db, &err), LAMINAR_OK);
    assert_int_equal(laminar_close(db, &err), LAMINAR_OK);
    assert_true(laminar_is_closed(db));
    assert_int_equal(laminar_execute(db, "SELECT 1", NULL, &err), LAMINAR_CONNECTION_CLOSED);
    assert_non_null(strstr(err.message, "closed"));
    laminar_db_free(db);
    laminar_db_free(NULL);
    db = NULL;
    assert_int_equal(laminar_open("", NULL, &db, &err), LAMINAR_CONNECTION_FAILED);
    assert_null(db);
    assert_int_equal(laminar_open(NULL, NULL, &db, NULL), LAMINAR_CONNECTION_FAILED);
}

static void test_shutdown(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (a BIGINT)");
    laminar_subscription *sub = subscribe(db, "s", NULL);
    assert_int_equal(laminar_start(db, &err), LAMINAR_OK);
    assert_int_equal(laminar_start(db, &err), LAMINAR_OK);
    run(db, "INSERT INTO s VALUES (1)");
    assert_int_equal(laminar_shutdown(db, &err), LAMINAR_OK);
    assert_int_equal(laminar_shutdown(db, &err), LAMINAR_OK);
    expect_next(sub, "1"); /* what was queued is still read */
    expect_next(sub, "end");
    expect_error(db, "SELECT 1", LAMINAR_SHUTDOWN, "shut down", NULL);
    laminar_subscription_free(sub);
    laminar_db_free(db);
}

static void test_select_without_from(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    expect_rows(db, "SELECT 1, 'a', NULL, true, 1.5", "1,a,null,true,1.5");
    expect_rows(db, "SELECT 1 + 2 * 3 AS x", "7");
    expect_rows(db, "VALUES (1, 'x'), (2, 'y')", "1,x;2,y");
    expect_rows(db, "SELECT 1; SELECT 2;", "2");
    laminar_db_free(db);
}

static void test_insert_and_query(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE trades (sym VARCHAR, px DOUBLE, n INT NOT NULL DEFAULT 7)");
    laminar_result *result = rows_of(db,
                                     "INSERT INTO trades VALUES ('ACME', 10.5, 1), ('X', NULL, 2)");
    assert_int_equal(laminar_result_get_kind(result), LAMINAR_RESULT_ROWS_AFFECTED);
    assert_int_equal(laminar_result_rows_affected(result), 2);
    laminar_result_free(result);
    run(db, "INSERT INTO trades (px, sym) VALUES (3, 'ACME')");
    expect_rows(db, "SELECT sym, px, n FROM trades ORDER BY sym, n",
                "ACME,10.5,1;ACME,3.0,7;X,null,2");
    expect_rows(db, "SELECT sym, count(*) AS c, sum(px) AS s FROM trades GROUP BY sym ORDER BY sym",
                "ACME,2,13.5;X,1,null");
    run(db, "INSERT INTO trades SELECT sym, px * 2, n FROM trades WHERE px IS NOT NULL");
    expect_rows(db, "SELECT count(*) FROM trades", "5");
    laminar_db_free(db);
}

static void test_tables_are_keyed(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    run(db, "CREATE TABLE t (k INT PRIMARY KEY, v VARCHAR)");
    run(db, "INSERT INTO t VALUES (1, 'a'), (2, 'b')");
    run(db, "INSERT INTO t VALUES (2, 'c'), (3, 'd')");
    expect_rows(db, "SELECT * FROM t ORDER BY k", "1,a;2,c;3,d");
    run(db, "UPDATE t SET v = v || '!' WHERE k > 1");
    run(db, "DELETE FROM t WHERE k = 3");
    expect_rows(db, "SELECT * FROM t ORDER BY k", "1,a;2,c!");
    laminar_db_free(db);
}

static void test_streams_on_streams(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (k VARCHAR, v BIGINT)");
    run(db, "INSERT INTO s VALUES ('a', 1)");
    run(db, "CREATE STREAM sums AS SELECT k, sum(v) AS sv FROM s GROUP BY k");
    run(db, "CREATE STREAM big AS SELECT k, sv FROM sums WHERE sv > 10");
    run(db, "CREATE MATERIALIZED VIEW total AS SELECT sum(sv) AS t FROM sums");
    expect_rows(db, "SELECT * FROM sums", "a,1");
    run(db, "INSERT INTO s VALUES ('a', 9), ('b', 20)");
    expect_rows(db, "SELECT * FROM sums ORDER BY k", "a,10;b,20");
    expect_rows(db, "SELECT * FROM big", "b,20");
    expect_rows(db, "SELECT * FROM total", "30");
    run(db, "INSERT INTO s VALUES ('b', -15)");
    expect_rows(db, "SELECT * FROM big", "");
    expect_rows(db, "SELECT * FROM total", "15");
    expect_error(db, "DROP SOURCE s", LAMINAR_QUERY_FAILED, "reads it", "CASCADE");
    run(db, "DROP SOURCE s CASCADE");
    expect_error(db, "SELECT * FROM big", LAMINAR_QUERY_FAILED, "big", NULL);
    laminar_db_free(db);
}

static void test_replace(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (v BIGINT)");
    run(db, "INSERT INTO s VALUES (1), (2)");
    run(db, "CREATE STREAM x AS SELECT v FROM s");
    expect_error(db, "CREATE STREAM x AS SELECT v FROM s", LAMINAR_TABLE_EXISTS, "x", "OR REPLACE");
    run(db, "CREATE STREAM IF NOT EXISTS x AS SELECT v FROM s");
    run(db, "CREATE OR REPLACE STREAM x AS SELECT v * 10 AS w FROM s");
    expect_rows(db, "SELECT w FROM x ORDER BY w", "10;20");
    expect_error(db, "CREATE OR REPLACE STREAM x AS SELECT nothing FROM s", LAMINAR_QUERY_FAILED,
                 "nothing", NULL);
    /* a failed replacement leaves the old one */
    expect_rows(db, "SELECT w FROM x ORDER BY w", "10;20");
    laminar_db_free(db);
}

static void test_errors_have_positions(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE trades (price DOUBLE)");
    assert_int_equal(laminar_execute(db, "SELECT\n  prise FROM trades", NULL, &err),
                     LAMINAR_QUERY_FAILED);
    assert_int_equal(err.line, 2);
    assert_int_equal(err.column, 3);
    assert_non_null(strstr(err.message, "prise"));
    assert_non_null(strstr(err.hint, "price"));
    assert_non_null(strstr(err.context, "^"));
    assert_int_equal(laminar_execute(db, "SELEC 1", NULL, &err), LAMINAR_SQL_PARSE_ERROR);
    expect_error(db, "SELECT * FROM tradez", LAMINAR_QUERY_FAILED, "tradez", "trades");
    expect_error(db, "CREATE STREAM x AS SELECT * FROM nowhere", LAMINAR_QUERY_FAILED, "nowhere",
                 NULL);
    expect_error(db, "CREATE SOURCE d (a INT, a INT)", LAMINAR_INVALID_SCHEMA, "a", NULL);
    expect_error(db, "INSERT INTO trades VALUES ('abc')", LAMINAR_QUERY_FAILED, "abc", NULL);
    expect_error(db, "INSERT INTO trades VALUES (1, 2)", LAMINAR_QUERY_FAILED, "2 values", NULL);
    expect_error(db, "SELECT 1 / 0", LAMINAR_QUERY_FAILED, "zero", NULL);
    laminar_db_free(db);
}

static void test_not_null(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (a BIGINT NOT NULL, b VARCHAR)");
    expect_error(db, "INSERT INTO s VALUES (1, 'x'), (NULL, 'y')", LAMINAR_BATCH_SCHEMA_MISMATCH,
                 "\"a\"", NULL);
    expect_rows(db, "SELECT count(*) FROM s", "0"); /* nothing of the call was inserted */
    laminar_db_free(db);
}

static void test_row_errors_stop_the_stream_only(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_result *result = NULL;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (a BIGINT)");
    run(db, "CREATE STREAM bad AS SELECT 10 / a AS q FROM s");
    run(db, "CREATE STREAM good AS SELECT count(*) AS n FROM s");
    laminar_subscription *sub = subscribe(db, "bad", NULL);
    run(db, "INSERT INTO s VALUES (5)");
    expect_next(sub, "2");
    run(db, "INSERT INTO s VALUES (0)");
    assert_int_equal(laminar_subscription_next(sub, 1000, &result, &err), LAMINAR_QUERY_FAILED);
    assert_non_null(strstr(err.message, "zero"));
    expect_rows(db, "SELECT n FROM good", "2");
    expect_error(db, "SELECT * FROM bad", LAMINAR_QUERY_FAILED, "zero", NULL);
    expect_rows(db, "SELECT state FROM system.streams WHERE name = 'bad'", "failed");
    laminar_subscription_free(sub);
    laminar_db_free(db);
}

static void test_show_and_describe(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    run(db,
        "CREATE SOURCE s (ts TIMESTAMP, v BIGINT NOT NULL, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)");
    run(db, "CREATE STREAM x AS SELECT v FROM s");
    laminar_result *result = rows_of(db, "SHOW SOURCES");
    assert_int_equal(laminar_result_get_kind(result), LAMINAR_RESULT_METADATA);
    assert_int_equal(laminar_result_n_rows(result), 1);
    laminar_result_free(result);
    result = rows_of(db, "DESCRIBE s");
    assert_int_equal(laminar_result_n_rows(result), 2);
    laminar_result_free(result);
    result = rows_of(db, "EXPLAIN SELECT v, count(*) FROM s GROUP BY v");
    assert_true(laminar_result_n_rows(result) > 1);
    laminar_result_free(result);
    run(db, "SET on_error = 'null'");
    expect_rows(db, "SHOW on_error", "null");
    expect_error(db, "SET on_eror = 'null'", LAMINAR_QUERY_FAILED, "on_eror", "on_error");
    expect_rows(db, "SELECT from_relation, to_relation FROM system.edges", "s,x");
    laminar_db_free(db);
}

static void test_prepared(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    laminar_statement *statement = NULL;
    run(db, "CREATE SOURCE s (a BIGINT, b VARCHAR)");
    assert_int_equal(laminar_prepare(db, "INSERT INTO s VALUES (:a, :b)", &statement, &err),
                     LAMINAR_OK);
    assert_int_equal(laminar_statement_n_parameters(statement), 2);
    assert_int_equal(laminar_statement_parameter_index(statement, "b"), 1);
    assert_int_equal(laminar_statement_execute(statement, NULL, &err), LAMINAR_QUERY_FAILED);
    for (int64_t i = 0; i < 3; i++) {
        assert_int_equal(laminar_bind_int64(statement, 0, i, &err), LAMINAR_OK);
        assert_int_equal(laminar_bind_text(statement, 1, LAMINAR_TYPE_VARCHAR, "x'; --", 6, &err),
                         LAMINAR_OK);
        assert_int_equal(laminar_statement_execute(statement, NULL, &err), LAMINAR_OK);
    }
    laminar_statement_free(statement);
    expect_rows(db, "SELECT a, b FROM s ORDER BY a", "0,x'; --;1,x'; --;2,x'; --");
    laminar_db_free(db);
}

static void test_writer(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    laminar_writer *writer = NULL;
    uint64_t n = 0;
    run(db, "CREATE SOURCE s (a INT, b VARCHAR DEFAULT 'none', c DECIMAL(8,2), d TIMESTAMP)");
    assert_int_equal(laminar_writer_create(db, "s", NULL, &writer, &err), LAMINAR_OK);
    assert_int_equal(laminar_writer_set_int64(writer, 0, 1LL << 40, &err),
                     LAMINAR_BATCH_SCHEMA_MISMATCH);
    assert_non_null(strstr(err.message, "'a'"));
    assert_int_equal(laminar_writer_set_int64(writer, 0, 5, &err), LAMINAR_OK);
    assert_int_equal(laminar_writer_set_text(writer, 2, "12.345", 6, &err),
                     LAMINAR_BATCH_SCHEMA_MISMATCH);
    assert_int_equal(laminar_writer_set_text(writer, 2, "12.34", 5, &err), LAMINAR_OK);
    assert_int_equal(laminar_writer_set_text(writer, 3, "2026-01-02T03:04:05.123456789", 29, &err),
                     LAMINAR_BATCH_SCHEMA_MISMATCH);
    assert_int_equal(laminar_writer_set_text(writer, 3, "2026-01-02T03:04:05", 19, &err),
                     LAMINAR_OK);
    assert_int_equal(laminar_writer_end_row(writer, &err), LAMINAR_OK);
    assert_int_equal(laminar_writer_set_text(writer, 1, "given", 5, &err), LAMINAR_OK);
    assert_int_equal(laminar_writer_end_row(writer, &err), LAMINAR_OK);
    expect_rows(db, "SELECT count(*) FROM s", "0"); /* not before the flush */
    assert_int_equal(laminar_writer_flush(writer, &n, &err), LAMINAR_OK);
    assert_int_equal(n, 2);
    expect_rows(db, "SELECT a, b, c, d FROM s ORDER BY b",
                "null,given,null,null;5,none,12.34,2026-01-02 03:04:05");
    assert_int_equal(laminar_writer_close(writer, &err), LAMINAR_OK);
    assert_int_equal(laminar_writer_end_row(writer, &err), LAMINAR_WRITER_CLOSED);
    laminar_writer_free(writer);
    assert_int_equal(laminar_writer_create(db, "nothing", NULL, &writer, &err),
                     LAMINAR_TABLE_NOT_FOUND);
    laminar_db_free(db);
}

static void test_text_formats(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    uint64_t n = 0;
    run(db, "CREATE SOURCE s (a BIGINT, b VARCHAR DEFAULT 'd')");
    const char *json = "[{\"a\": 1, \"b\": \"x\"}, {\"a\": 2}]";
    assert_int_equal(laminar_insert_json(db, "s", json, strlen(json), &n, &err), LAMINAR_OK);
    assert_int_equal(n, 2);
    const char *csv = "b,a\n\"q\"\"uote\",3\n,4\n";
    assert_int_equal(laminar_insert_csv(db, "s", csv, strlen(csv), &n, &err), LAMINAR_OK);
    expect_rows(db, "SELECT a, b FROM s ORDER BY a", "1,x;2,d;3,q\"uote;4,null");
    assert_int_equal(laminar_insert_json(db, "s", "[{\"a\": 1.5}]", 12, &n, &err),
                     LAMINAR_BATCH_SCHEMA_MISMATCH);
    assert_int_equal(laminar_insert_json(db, "s", "[{", 2, &n, &err), LAMINAR_INGESTION_FAILED);
    assert_int_equal(laminar_insert_csv(db, "nope", csv, strlen(csv), &n, &err),
                     LAMINAR_TABLE_NOT_FOUND);
    expect_rows(db, "SELECT count(*) FROM s", "4");
    laminar_db_free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_and_close),
        cmocka_unit_test(test_shutdown),
        cmocka_unit_test(test_select_without_from),
        cmocka_unit_test(test_insert_and_query),
        cmocka_unit_test(test_tables_are_keyed),
        cmocka_unit_test(test_streams_on_streams),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_errors_have_positions),
        cmocka_unit_test(test_not_null),
        cmocka_unit_test(test_row_errors_stop_the_stream_only),
        cmocka_unit_test(test_show_and_describe),
        cmocka_unit_test(test_prepared),
        cmocka_unit_test(test_writer),
        cmocka_unit_test(test_text_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
