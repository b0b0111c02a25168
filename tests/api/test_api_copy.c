/* test_api_copy.c - COPY from and to files: formats, options, columns left out, and that a failing COPY changes nothing. */
#include "api_test.h"
#include <unistd.h>

static char path[64];

static int make_path(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "copy_test_%d.tmp", (int)getpid());
    return 0;
}
static int remove_path(void **state)
{
    (void)state;
    remove(path);
    return 0;
}

static void write_text(const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}
static void expect_file(const char *expected)
{
    char text[1000] = "";
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n = fread(text, 1, sizeof text - 1, file);
    text[n] = 0;
    fclose(file);
    assert_string_equal(text, expected);
}
/* %s in the statement is the file. */
static const char *with_path(const char *sql)
{
    static char text[500];
    snprintf(text, sizeof text, sql, path); /* a fixed set of statements */
    return text;
}

static laminar_db *open_table(void)
{
    laminar_db *db = open_db();
    run(db, "CREATE TABLE t (k BIGINT PRIMARY KEY, x BIGINT DEFAULT 5, w VARCHAR NOT NULL)");
    run(db, "INSERT INTO t VALUES (1, 10, 'a,b'), (2, NULL, 'say \"hi\"')");
    return db;
}

static void test_csv(void **state)
{
    (void)state;
    laminar_db *db = open_table();
    run(db, with_path("COPY t TO '%s' (FORMAT csv)"));
    expect_file("k,x,w\n1,10,\"a,b\"\n2,,\"say \"\"hi\"\"\"\n");
    run(db, with_path(
                "COPY (SELECT k, x FROM t ORDER BY k DESC) TO '%s' (HEADER false, DELIMITER ';')"));
    expect_file("2;\n1;10\n");
    write_text("w,k\nleft out,7\nkey there,1\n");
    laminar_result *result = rows_of(db, with_path("COPY t FROM '%s' (FORMAT csv)"));
    assert_int_equal(laminar_result_rows_affected(result), 2);
    laminar_result_free(result);
    expect_rows(db, "SELECT * FROM t ORDER BY k", "1,5,key there;2,null,say \"hi\";7,5,left out");
    write_text("8\tx\n9\tNA\n");
    run(db, with_path("COPY t (k, w) FROM '%s' (FORMAT csv, HEADER false, DELIMITER '\\t')"));
    expect_rows(db, "SELECT * FROM t WHERE k > 7 ORDER BY k", "8,5,x;9,5,NA");
    laminar_db_free(db);
}

static void test_json(void **state)
{
    (void)state;
    laminar_db *db = open_table();
    run(db, with_path("COPY t TO '%s' (FORMAT json)"));
    expect_file(
        "{\"k\":1,\"x\":10,\"w\":\"a,b\"}\n{\"k\":2,\"x\":null,\"w\":\"say \\\"hi\\\"\"}\n");
    write_text("{\"k\": 3, \"w\": \"c\"}\n{\"w\": \"d\", \"k\": 4, \"x\": null}");
    run(db, with_path("COPY t FROM '%s' (FORMAT json)"));
    expect_rows(db, "SELECT * FROM t WHERE k > 2 ORDER BY k", "3,5,c;4,null,d");
    laminar_db_free(db);
}

static void test_many_rows_are_one_step(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (k BIGINT, w VARCHAR) WITH ('retention' = 'all')");
    run(db, "CREATE STREAM n AS SELECT count(*) AS n, max(k) AS m FROM s");
    run(db,
        with_path(
            "COPY (SELECT g AS k, 'some text ' || g AS w FROM generate_series(1, 200000) AS x(g)) TO '%s' (FORMAT csv)"));
    run(db, with_path("COPY s FROM '%s' (FORMAT csv)"));
    expect_rows(db, "SELECT * FROM n", "200000,200000");
    laminar_db_free(db);
}

static void test_errors_change_nothing(void **state)
{
    (void)state;
    laminar_db *db = open_table();
    write_text("k,x,w\n5,1,ok\n6,abc,bad\n");
    expect_error(db, with_path("COPY t FROM '%s' (FORMAT csv)"), LAMINAR_BATCH_SCHEMA_MISMATCH,
                 "abc", NULL);
    write_text("{\"k\": 5, \"w\": \"ok\"} {\"k\": 6");
    expect_error(db, with_path("COPY t FROM '%s' (FORMAT json)"), LAMINAR_INGESTION_FAILED, "",
                 NULL);
    write_text("k,x,w\n5,1,\n");
    expect_error(db, with_path("COPY t FROM '%s' (FORMAT csv)"), LAMINAR_BATCH_SCHEMA_MISMATCH, "w",
                 NULL);
    write_text("kept\n");
    expect_error(db, with_path("COPY (SELECT 1 / (k - 2) FROM t) TO '%s' (FORMAT csv)"),
                 LAMINAR_QUERY_FAILED, "division by zero", NULL);
    expect_file("kept\n");
    expect_rows(db, "SELECT k FROM t ORDER BY k", "1;2");
    laminar_db_free(db);
}

static int64_t count(laminar_db *db, const char *sql)
{
    laminar_result *result = NULL;
    laminar_error err = LAMINAR_ERROR_INIT;
    if (laminar_execute(db, sql, &result, &err)) fail_msg("%s: %s", sql, err.message);
    int64_t n = laminar_result_int64(result, 0, 0);
    laminar_result_free(result);
    return n;
}

/* All types, nulls and more rows than a record batch has; then a file cut off anywhere. */
static void test_arrow(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    run(db,
        "CREATE TABLE t AS SELECT g AS k, CASE WHEN g % 3 = 0 THEN NULL ELSE 'row number ' || g "
        "END AS w, g * 0.5 AS d, g % 2 = 0 AS b, TIMESTAMP '2026-01-01 00:00:00' AS ts, "
        "CAST(g AS DECIMAL(12, 2)) AS n, [g, NULL] AS l, DATE '2026-01-01' AS day "
        "FROM generate_series(1, 70000) AS s(g)");
    run(db, with_path("COPY t TO '%s' (FORMAT arrow)"));
    run(db, "CREATE TABLE u AS SELECT * FROM t WHERE false");
    run(db, with_path("COPY u FROM '%s' (FORMAT arrow)"));
    assert_int_equal(count(db, "SELECT count(*) FROM u"), 70000);
    assert_int_equal(count(db, "SELECT count(*) FROM (SELECT * FROM t EXCEPT SELECT * FROM u)"), 0);
    run(db, "CREATE TABLE few (k BIGINT, w VARCHAR, other BIGINT DEFAULT 7)");
    run(db, with_path("COPY (SELECT w, k FROM t WHERE k < 3) TO '%s' (FORMAT arrow)"));
    run(db, with_path("COPY few FROM '%s' (FORMAT arrow)"));
    assert_int_equal(count(db, "SELECT sum(other + k) FROM few"), 17);
    FILE *file = fopen(path, "rb");
    char bytes[4000];
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t cut = 0; cut < n; cut += 13) {
        file = fopen(path, "wb");
        assert_int_equal(fwrite(bytes, 1, cut, file), cut);
        fclose(file);
        laminar_status status = laminar_execute(db, with_path("COPY few FROM '%s' (FORMAT arrow)"),
                                                NULL, NULL);
        (void)status; /* without its end it may still have its rows */
    }
    laminar_db_free(db);
}

static void test_bad_statements(void **state)
{
    (void)state;
    laminar_db *db = open_table();
    expect_error(db, "COPY t FROM 'no such file.csv'", LAMINAR_IO_ERROR, "no such file.csv", NULL);
    expect_error(db, "COPY nope FROM 'f.csv'", LAMINAR_QUERY_FAILED, "nope", NULL);
    expect_error(db, "COPY t TO 'f.parquet'", LAMINAR_QUERY_UNSUPPORTED, "parquet", "csv, json");
    expect_error(db, "COPY t (k) FROM 'f.arrow'", LAMINAR_QUERY_UNSUPPORTED, "no list of columns",
                 NULL);
    expect_error(db, "COPY t FROM 'f.arrow'", LAMINAR_IO_ERROR, "f.arrow", NULL);
    expect_error(db, "COPY t TO 'f' (HEADDER true)", LAMINAR_QUERY_FAILED, "no option \"headder\"",
                 "HEADER");
    expect_error(db, "COPY t TO 'f' (DELIMITER 'ab')", LAMINAR_QUERY_FAILED, "one character", NULL);
    expect_error(db, "COPY t (k, zz) FROM 'f.csv'", LAMINAR_QUERY_FAILED, "no column \"zz\"", NULL);
    expect_error(db, "COPY t TO 'no such folder/f.csv'", LAMINAR_IO_ERROR, "no such folder", NULL);
    laminar_db_free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_csv, make_path, remove_path),
        cmocka_unit_test_setup_teardown(test_json, make_path, remove_path),
        cmocka_unit_test_setup_teardown(test_many_rows_are_one_step, make_path, remove_path),
        cmocka_unit_test_setup_teardown(test_errors_change_nothing, make_path, remove_path),
        cmocka_unit_test_setup_teardown(test_arrow, make_path, remove_path),
        cmocka_unit_test_setup_teardown(test_bad_statements, make_path, remove_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
