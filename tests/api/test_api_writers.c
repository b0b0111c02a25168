/* test_api_writers.c - nested values part by part, writers without a table, and several writers in one step. */
#include "api_test.h"

static laminar_writer *writer_of(laminar_db *db, const char *table)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_writer *writer = NULL;
    laminar_writer_options options = {.struct_size = sizeof options, .flush_rows = UINT64_MAX};
    if (laminar_writer_create(db, table, &options, &writer, &err)) fail_msg("%s", err.message);
    return writer;
}
#define OK(call)                                                                                   \
    do {                                                                                           \
        if (call) fail_msg("%s: %s", #call, err.message);                                          \
    } while (0)

static void test_nested_values(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE n (i BIGINT, s STRUCT<a BIGINT, l VARCHAR[]>, m MAP<VARCHAR, BIGINT>)");
    laminar_writer *w = writer_of(db, "n");
    OK(laminar_writer_begin_value(w, 1, &err));
    assert_int_equal(laminar_writer_n_columns(w), 2);
    assert_string_equal(laminar_writer_column_name(w, 1), "l");
    assert_int_equal(laminar_writer_column_type(w, 1), LAMINAR_TYPE_LIST);
    assert_int_equal(laminar_writer_column_index(w, "l", 1), 1);
    assert_true(laminar_writer_column_index(w, "i", 1) == SIZE_MAX);
    assert_int_equal(laminar_writer_set_text(w, 0, "x", 1, &err), LAMINAR_BATCH_SCHEMA_MISMATCH);
    assert_int_equal(laminar_writer_set_null(w, 2, &err), LAMINAR_BATCH_SCHEMA_MISMATCH);
    assert_int_equal(laminar_writer_begin_value(w, 0, &err), LAMINAR_BATCH_SCHEMA_MISMATCH);
    OK(laminar_writer_set_int64(w, 0, 1, &err));
    OK(laminar_writer_set_int64(w, 0, 2, &err)); /* again: the last one counts */
    OK(laminar_writer_begin_value(w, 1, &err));
    OK(laminar_writer_set_text(w, 0, "one", 3, &err));
    OK(laminar_writer_set_null(w, 0, &err));
    OK(laminar_writer_end_value(w, &err));
    assert_int_equal(laminar_writer_end_row(w, &err), LAMINAR_INVALID_ARGUMENT);
    OK(laminar_writer_end_value(w, &err));
    assert_int_equal(laminar_writer_end_value(w, &err), LAMINAR_INVALID_ARGUMENT);
    OK(laminar_writer_begin_value(w, 2, &err));
    OK(laminar_writer_set_text(w, 0, "k", 1, &err));
    assert_int_equal(laminar_writer_end_value(w, &err), LAMINAR_BATCH_SCHEMA_MISMATCH);
    OK(laminar_writer_set_int64(w, 1, 5, &err));
    OK(laminar_writer_end_value(w, &err));
    OK(laminar_writer_end_row(w, &err));
    /* given up in the middle: nothing of it stays */
    OK(laminar_writer_begin_value(w, 1, &err));
    OK(laminar_writer_set_int64(w, 0, 77, &err));
    OK(laminar_writer_begin_value(w, 1, &err));
    OK(laminar_writer_set_text(w, 0, "gone", 4, &err));
    laminar_writer_cancel_value(w);
    assert_int_equal(laminar_writer_n_columns(w), 3);
    OK(laminar_writer_set_int64(w, 0, 9, &err));
    OK(laminar_writer_begin_value(w, 2, &err));
    OK(laminar_writer_end_value(w, &err));
    OK(laminar_writer_end_row(w, &err));
    OK(laminar_writer_close(w, &err));
    laminar_writer_free(w);
    expect_rows(
        db,
        "SELECT CAST(i AS VARCHAR), s.a, s.l[1], len(s.l), cardinality(m) FROM n ORDER BY i NULLS FIRST",
        "null,2,one,2,1;9,null,null,null,0");
    laminar_db_free(db);
}

static void test_detached(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    struct ArrowSchema schema;
    struct ArrowArray array;
    laminar_writer *w = NULL;
    run(db, "CREATE SOURCE s (a BIGINT, b VARCHAR)");
    OK(laminar_schema(db, "s", &schema, &err));
    OK(laminar_writer_create_detached(&schema, &w, &err));
    for (int64_t round = 0; round < 2; round++) {
        OK(laminar_writer_set_int64(w, 0, round, &err));
        OK(laminar_writer_set_text(w, 1, "a text of more than twelve", 26, &err));
        OK(laminar_writer_end_row(w, &err));
        assert_int_equal(laminar_writer_flush(w, NULL, &err), LAMINAR_INVALID_ARGUMENT);
        assert_int_equal(laminar_writer_watermark(w, 1, &err), LAMINAR_INVALID_ARGUMENT);
        OK(laminar_writer_export(w, &array, &err));
        assert_int_equal(array.length, 1);
        OK(laminar_insert_arrow(db, "s", &schema, &array, NULL, &err));
    }
    OK(laminar_writer_export(w, &array, &err));
    assert_int_equal(array.length, 0);
    array.release(&array);
    laminar_writer_free(w);
    schema.release(&schema);
    expect_rows(db, "SELECT a, length(b) FROM s ORDER BY a", "0,26;1,26");
    laminar_db_free(db);
}

static void test_several_writers_in_one_step(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    uint64_t n = 0;
    run(db, "CREATE TABLE a (id BIGINT PRIMARY KEY, v BIGINT NOT NULL)");
    run(db, "CREATE SOURCE b (id BIGINT, w BIGINT)");
    run(db, "CREATE STREAM x AS SELECT a.id, a.v, b.w FROM a JOIN b ON a.id = b.id");
    laminar_subscribe_options changes = {.struct_size = sizeof changes, .with_changes = true};
    laminar_subscription *sub = subscribe(db, "x", &changes);
    laminar_writer *w[] = {writer_of(db, "a"), writer_of(db, "b"), writer_of(db, "b")};
    OK(laminar_writer_set_int64(w[0], 0, 1, &err));
    OK(laminar_writer_set_int64(w[0], 1, 10, &err));
    OK(laminar_writer_end_row(w[0], &err));
    OK(laminar_writer_set_int64(w[1], 0, 1, &err));
    OK(laminar_writer_set_int64(w[1], 1, 20, &err));
    OK(laminar_writer_end_row(w[1], &err));
    laminar_metrics before = {.struct_size = sizeof before}, after = before;
    OK(laminar_get_metrics(db, &before, &err));
    OK(laminar_writers_flush(w, 3, &n, &err));
    OK(laminar_get_metrics(db, &after, &err));
    assert_int_equal(n, 2);
    assert_int_equal(after.steps, before.steps + 1);
    expect_next(sub, "1,10,20,1");
    OK(laminar_writers_flush(w, 3, &n, &err));
    assert_int_equal(n, 0);
    OK(laminar_writers_flush(NULL, 0, NULL, &err));
    /* one of them can't be written: nothing is */
    OK(laminar_writer_set_int64(w[1], 0, 2, &err));
    OK(laminar_writer_end_row(w[1], &err));
    OK(laminar_writer_set_int64(w[0], 0, 2, &err));
    OK(laminar_writer_set_int64(w[0], 1, 2, &err));
    OK(laminar_writer_end_row(w[0], &err));
    run(db, "DROP STREAM x");
    run(db, "DROP TABLE a");
    assert_int_equal(laminar_writers_flush(w, 2, &n, &err), LAMINAR_TABLE_NOT_FOUND);
    expect_rows(db, "SELECT count(*) FROM b", "1");
    laminar_db *other = open_db();
    run(other, "CREATE SOURCE b (id BIGINT)");
    laminar_writer *mixed[] = {w[1], writer_of(other, "b")};
    assert_int_equal(laminar_writers_flush(mixed, 2, &n, &err), LAMINAR_INVALID_ARGUMENT);
    laminar_writer_free(mixed[1]);
    for (int i = 0; i < 3; i++) {
        laminar_writer_discard(w[i]);
        laminar_writer_free(w[i]);
    }
    laminar_subscription_free(sub);
    laminar_db_free(other);
    laminar_db_free(db);
}

static void test_text(void **state)
{
    (void)state;
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (a BIGINT NOT NULL, b VARCHAR DEFAULT 'd')");
    laminar_writer *w = writer_of(db, "s");
    uint64_t n = 0;
    const char json[] = "{\"a\": 1} {\"a\": 2, \"b\": null}", csv[] = "b,a\nx,3\n";
    OK(laminar_writer_append_json(w, json, sizeof json - 1, &n, &err));
    assert_int_equal(n, 2);
    assert_int_equal(laminar_writer_append_json(w, "[{}]", 4, &n, &err),
                     LAMINAR_BATCH_SCHEMA_MISMATCH);
    assert_int_equal(laminar_writer_append_csv(w, "a\n1\nx\n", 6, &n, &err),
                     LAMINAR_BATCH_SCHEMA_MISMATCH);
    assert_int_equal(laminar_writer_append_csv(w, NULL, 6, &n, &err), LAMINAR_INVALID_ARGUMENT);
    OK(laminar_writer_set_int64(w, 0, 77, &err)); /* of a row that never ends */
    OK(laminar_writer_append_csv(w, csv, sizeof csv - 1, NULL, &err));
    OK(laminar_writer_set_int64(w, 0, 4, &err));
    OK(laminar_writer_end_row(w, &err));
    OK(laminar_writer_flush(w, &n, &err));
    assert_int_equal(n, 4);
    OK(laminar_writer_close(w, &err));
    assert_int_equal(laminar_writer_append_json(w, json, sizeof json - 1, &n, &err),
                     LAMINAR_WRITER_CLOSED);
    laminar_writer_free(w);
    expect_rows(db, "SELECT a, b FROM s ORDER BY a", "1,d;2,null;3,x;4,d");
    laminar_db_free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nested_values),
        cmocka_unit_test(test_detached),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_several_writers_in_one_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
