/* test_api_explain.c - EXPLAIN ANALYZE: the query runs, and its plan is shown with rows and times instead of the answer; DESCRIBE EXTENDED. */
#include "api_test.h"

/* All rows of one column, joined by newlines. Freed by free(). */
static char *text_of(laminar_db *db, const char *sql)
{
    laminar_result *result = rows_of(db, sql);
    size_t size = 1;
    char *text = calloc(1, 1);
    for (size_t row = 0; row < laminar_result_n_rows(result); row++) {
        char *cell = laminar_result_text_copy(result, row, 0);
        size += strlen(cell) + 1;
        text = realloc(text, size);
        strcat(strcat(text, cell), "\n");
        laminar_free(cell);
    }
    laminar_result_free(result);
    return text;
}

static void expect_text(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("no \"%s\" in\n%s", part, text);
}

static laminar_db *open_rows(void)
{
    laminar_db *db = open_db();
    run(db, "CREATE TABLE t (k BIGINT PRIMARY KEY, x BIGINT)");
    run(db, "INSERT INTO t SELECT g, g % 10 FROM generate_series(1, 5000) AS s(g)");
    return db;
}

static void test_rows_of_nodes(void **state)
{
    (void)state;
    laminar_db *db = open_rows();
    char *text = text_of(db, "EXPLAIN ANALYZE SELECT x, count(*) FROM t WHERE k > 100 GROUP BY x");
    expect_text(text, "(10 rows, ");
    expect_text(text, "(4900 rows, ");
    expect_text(text, "(5000 rows, ");
    expect_text(text, "10 rows; planned in ");
    free(text);
    /* a filter below a projection is part of its operator */
    text = text_of(db, "EXPLAIN ANALYZE SELECT k + 1 FROM t WHERE x = 3");
    expect_text(text, "(500 rows, ");
    expect_text(text, "(in the node above)");
    free(text);
    laminar_db_free(db);
}

static void test_json(void **state)
{
    (void)state;
    laminar_db *db = open_rows();
    char *text = text_of(db,
                         "EXPLAIN ANALYZE (FORMAT json) SELECT a.k FROM t a JOIN t b ON a.k = b.x");
    assert_int_equal(strncmp(text, "{\"rows\": 4500, \"planning_us\": ", 30), 0);
    expect_text(text, "\"node\": \"Inner join\"");
    expect_text(text, "\"rows_in\": 10000, \"rows_out\": 4500, \"time_us\": ");
    free(text);
    laminar_db_free(db);
}

static void test_what_it_takes(void **state)
{
    (void)state;
    laminar_db *db = open_rows();
    expect_error(db, "EXPLAIN ANALYZE INSERT INTO t SELECT * FROM t", LAMINAR_QUERY_UNSUPPORTED,
                 "takes a one-shot SELECT", "system.operators");
    expect_error(db, "EXPLAIN ANALYZE SELECT 1 / (x - 3) FROM t", LAMINAR_QUERY_FAILED,
                 "division by zero", NULL);
    /* system relations are read under the catalog's lock */
    char *text = text_of(db, "EXPLAIN ANALYZE SELECT name FROM system.tables");
    expect_text(text, "1 row; planned in ");
    free(text);
    laminar_db_free(db);
}

static void test_describe_extended(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (k BIGINT NOT NULL, ts TIMESTAMP, x VARCHAR DEFAULT 'a', "
            "WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('retention' = '500 rows')");
    run(db, "CREATE STREAM n AS SELECT k, count(*) AS n FROM s GROUP BY k");
    expect_rows(
        db, "DESCRIBE EXTENDED s",
        "name,s;kind,SOURCE;column k,BIGINT NOT NULL;column ts,TIMESTAMP(6);column x,VARCHAR DEFAULT 'a';"
        "key,null;append_only,true;watermark,ts, 5000 ms behind;retention,500 rows;connector,null;format,null;"
        "options,retention;reads,null;read_by,n;query,null;sql,CREATE SOURCE s (k BIGINT NOT NULL, ts TIMESTAMP, "
        "x VARCHAR DEFAULT 'a', WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('retention' = '500 rows')");
    expect_rows(
        db, "DESCRIBE EXTENDED n",
        "name,n;kind,STREAM;column k,BIGINT NOT NULL;column n,BIGINT NOT NULL;key,k;append_only,false;watermark,null;"
        "retention,null;connector,null;format,null;options,null;reads,s;read_by,null;"
        "query,SELECT k, count(*) AS n FROM s GROUP BY k;sql,CREATE STREAM n AS SELECT k, count(*) AS n FROM s GROUP BY k");
    expect_error(db, "DESCRIBE EXTENDED nope", LAMINAR_QUERY_FAILED, "nope", NULL);
    laminar_db_free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_of_nodes),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_what_it_takes),
        cmocka_unit_test(test_describe_extended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
