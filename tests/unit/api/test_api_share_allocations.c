/* test_api_share_allocations.c - streams that share operators, with each allocation failing in turn while one comes, and while a checkpoint is taken of them. */
#include "allocations.h"
#include <unistd.h>

#define SUMS "SELECT x, count(*) AS n, sum(v) AS total FROM s GROUP BY x"
#define SHARED                                                                                     \
    "SELECT relation, shared_with FROM system.operators WHERE operator = 'aggregate' ORDER BY relation"

static void test_a_stream_that_shares(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    run(db, "CREATE SOURCE s (x BIGINT, v BIGINT)");
    run(db, "CREATE STREAM a AS " SUMS);
    run(db, "INSERT INTO s VALUES (1, 10), (1, 20), (2, 30)");
    survive(db, "CREATE STREAM b AS SELECT max(n) AS most FROM (" SUMS ") q");
    expect_rows(db, SHARED, "a,null;b,null;b,null");
    survive(db, "CREATE STREAM c AS SELECT total FROM (" SUMS ") q WHERE n > 1");
    expect_rows(db, SHARED, "a,c;b,null;b,null;c,a");
    run(db, "INSERT INTO s VALUES (2, 1)");
    run(db, "DROP STREAM a");
    run(db, "INSERT INTO s VALUES (2, 1)");
    expect_rows(db, "SELECT total FROM c ORDER BY total", "30;32");
    expect_rows(db, "SELECT most FROM b", "3");
    laminar_db_free(db);
}

static void test_a_checkpoint(void **state)
{
    (void)state;
    char folder[] = "/tmp/laminar-share-XXXXXX", sql[96];
    assert_non_null(mkdtemp(folder));
    laminar_db *db = open_folder(folder);
    run(db, "CREATE SOURCE s (x BIGINT, v BIGINT)");
    run(db, "CREATE STREAM a AS " SUMS);
    run(db, "CREATE STREAM b AS SELECT x, total FROM (" SUMS ") q WHERE n > 1");
    run(db, "CREATE STREAM c AS SELECT max(n) AS most FROM (" SUMS ") q");
    run(db, "INSERT INTO s VALUES (1, 10), (1, 20), (2, 31)");
    survive(db, "CHECKPOINT");
    for (int i = 0; i < 2; i++) {
        laminar_db_free(db);
        db = open_folder(folder);
        expect_rows(db, SHARED, "a,b;b,a;c,null;c,null");
        expect_rows(db, "SELECT * FROM c", "2");
        expect_rows(db, "SELECT * FROM b", "1,30");
        expect_rows(db, "SELECT * FROM a ORDER BY x", "1,2,30;2,1,31");
    }
    laminar_db_free(db);
    snprintf(sql, sizeof sql, "rm -r %s", folder);
    assert_int_equal(system(sql), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stream_that_shares),
        cmocka_unit_test(test_a_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
