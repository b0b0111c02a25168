/* test_api_user_allocations.c - functions and aggregates of the program's own with each allocation failing in turn: registering them, queries and streams with
 * them, and what streams do with changes. Failures are LAMINAR_OUT_OF_MEMORY; each state that was made is freed, each definition is given back once. */
#include "allocations.h"
#include <laminar/udf.h>

struct counts {
    int64_t n_states;
    int64_t n_destroyed;
};
static void count_destroy(void *user_data) { ((struct counts *)user_data)->n_destroyed++; }

/* --- What is registered --------------------------------------------------------------------------------- */

static laminar_status plus_row(void *user_data, const laminar_value *args, size_t n,
                               laminar_value *out, laminar_error *err)
{
    (void)user_data, (void)n, (void)err;
    out->as.int64 = args[0].as.int64 + args[1].as.int64;
    return LAMINAR_OK;
}

static laminar_status same_row(void *user_data, const laminar_value *args, size_t n,
                               laminar_value *out, laminar_error *err)
{
    (void)user_data, (void)n, (void)err;
    out->as.bytes = args[0].as.bytes;
    return LAMINAR_OK;
}

static void no_release(struct ArrowSchema *schema) { schema->release = NULL; }

/* The first argument as it came: what the library made is given back to it. */
static laminar_status same_batch(void *user_data, const laminar_function_batch *batch,
                                 struct ArrowSchema *out_schema, struct ArrowArray *out_array,
                                 laminar_error *err)
{
    (void)user_data, (void)err;
    *out_schema = (struct ArrowSchema){.format = "l", .release = no_release};
    *out_array = *batch->args->children[0];
    batch->args->children[0]->release = NULL;
    return LAMINAR_OK;
}

struct total {
    int64_t sum;
};
static laminar_status total_create(void *user_data, void **out_state, laminar_error *err)
{
    (void)err;
    *out_state = calloc(1, sizeof(struct total));
    ((struct counts *)user_data)->n_states++;
    return *out_state ? LAMINAR_OK : LAMINAR_OUT_OF_MEMORY;
}
static void total_free(void *user_data, void *state)
{
    ((struct counts *)user_data)->n_states--;
    free(state);
}
static laminar_status total_update(void *user_data, void *state, const laminar_value *args,
                                   size_t n, laminar_error *err)
{
    (void)user_data, (void)n, (void)err;
    ((struct total *)state)->sum += args[0].as.int64;
    return LAMINAR_OK;
}
static laminar_status total_retract(void *user_data, void *state, const laminar_value *args,
                                    size_t n, laminar_error *err)
{
    (void)user_data, (void)n, (void)err;
    ((struct total *)state)->sum -= args[0].as.int64;
    return LAMINAR_OK;
}
static laminar_status total_merge(void *user_data, void *dst, const void *src, laminar_error *err)
{
    (void)user_data, (void)err;
    ((struct total *)dst)->sum += ((const struct total *)src)->sum;
    return LAMINAR_OK;
}
static laminar_status total_finish(void *user_data, const void *state, laminar_value *out,
                                   laminar_error *err)
{
    (void)user_data, (void)err;
    out->as.int64 = ((const struct total *)state)->sum;
    return LAMINAR_OK;
}

static const char *const BIGINTS[] = {"BIGINT", "BIGINT"};
static const char *const VARCHARS[] = {"VARCHAR"};

static laminar_function function_of(const char *name, struct counts *counts)
{
    return (laminar_function){.struct_size = sizeof(laminar_function),
                              .name = name,
                              .arg_types = BIGINTS,
                              .n_args = 2,
                              .return_type = "BIGINT",
                              .help = "help that is worth a copy",
                              .row = plus_row,
                              .user_data = counts,
                              .destroy = count_destroy};
}

/* With merge: overlapping windows share; bare: the rows are kept, too. */
static laminar_aggregate aggregate_of(const char *name, bool is_bare, struct counts *counts)
{
    laminar_aggregate a = {.struct_size = sizeof a,
                           .name = name,
                           .arg_types = BIGINTS,
                           .n_args = 1,
                           .return_type = "BIGINT",
                           .help = "help that is worth a copy",
                           .create = total_create,
                           .free_state = total_free,
                           .update = total_update,
                           .finish = total_finish,
                           .user_data = counts,
                           .destroy = count_destroy};
    if (!is_bare) {
        a.retract = total_retract;
        a.merge = total_merge;
    }
    return a;
}

static void add_all(laminar_db *db, struct counts *counts)
{
    laminar_function plus = function_of("plus", counts), text = function_of("same_text", counts),
                     batch = function_of("same", counts);
    text.row = same_row;
    text.arg_types = VARCHARS;
    text.n_args = 1;
    text.return_type = "VARCHAR";
    batch.row = NULL;
    batch.batch = same_batch;
    batch.n_args = 1;
    laminar_aggregate total = aggregate_of("total", false, counts),
                      bare = aggregate_of("bare", true, counts);
    laminar_error err = LAMINAR_ERROR_INIT;
    assert_int_equal(laminar_register_function(db, &plus, &err), LAMINAR_OK);
    assert_int_equal(laminar_register_function(db, &text, &err), LAMINAR_OK);
    assert_int_equal(laminar_register_function(db, &batch, &err), LAMINAR_OK);
    assert_int_equal(laminar_register_aggregate(db, &total, &err), LAMINAR_OK);
    assert_int_equal(laminar_register_aggregate(db, &bare, &err), LAMINAR_OK);
}

static laminar_db *open_tables(struct counts *counts)
{
    laminar_db *db = open_db();
    run(db, "CREATE TABLE t (k BIGINT PRIMARY KEY, g BIGINT, v BIGINT, w VARCHAR)");
    run(db, "CREATE SOURCE s (v BIGINT, at TIMESTAMP, WATERMARK FOR at AS at)");
    run(db,
        "INSERT INTO t VALUES (1, 1, 5, 'a'), (2, 1, NULL, 'a text that is not inline'), (3, 2, 7, NULL), "
        "(4, 2, 7, 'b')");
    add_all(db, counts);
    return db;
}

/* --- Tests ---------------------------------------------------------------------------------------------------- */

static void test_registering(void **state)
{
    (void)state;
    struct counts counts = {0};
    laminar_db *db = open_db();
    laminar_status status;
    for (uint64_t n = 1, is_done = 0; !is_done; n++) {
        laminar_error err = LAMINAR_ERROR_INIT;
        laminar_function f = function_of("plus", &counts);
        mem_fail_after(n, false);
        status = laminar_register_function(db, &f, &err);
        mem_fail_after(0, false);
        is_done = status == LAMINAR_OK;
        if (!is_done) check_out_of_memory(status, &err, "register_function", n);
    }
    for (uint64_t n = 1, is_done = 0; !is_done; n++) {
        laminar_error err = LAMINAR_ERROR_INIT;
        laminar_aggregate a = aggregate_of("total", false, &counts);
        mem_fail_after(n, false);
        status = laminar_register_aggregate(db, &a, &err);
        mem_fail_after(0, false);
        is_done = status == LAMINAR_OK;
        if (!is_done) check_out_of_memory(status, &err, "register_aggregate", n);
    }
    assert_int_equal(counts.n_destroyed, 0); /* what was refused stays the program's */
    expect_rows(db, "SELECT plus(1, 2), total(5)", "3,5");
    laminar_db_free(db);
    assert_int_equal(counts.n_destroyed, 2);
    assert_int_equal(counts.n_states, 0);
}

static const char *const queries[] = {
    "SELECT plus(g, v), same_text(w), same(v) FROM t WHERE plus(g, k) > 0 ORDER BY same(k)",
    "SELECT plus(plus(g, v), same(same(k))), same_text(same_text(w) || 'and more than fits inline') FROM t",
    "SELECT g, total(v), bare(v), total(DISTINCT v), total(v) FILTER (WHERE plus(v, 1) > 1), count(*) FROM t GROUP BY g",
    "SELECT g, w, total(v) FROM t GROUP BY CUBE (g, w) HAVING bare(v) > 0",
    "SELECT a.k, total(b.v) FROM t a JOIN t b ON plus(a.g, 0) = same(b.g) GROUP BY a.k",
    "SELECT name, signature, help FROM system.functions WHERE kind = 'aggregate'",
};

static void test_queries(void **state)
{
    (void)state;
    struct counts counts = {0};
    laminar_db *db = open_tables(&counts);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        survive(db, queries[i]);
        assert_int_equal(counts.n_states, 0);
    }
    laminar_db_free(db);
    assert_int_equal(counts.n_destroyed, 5);
}

static const char *const streams[] = {
    "CREATE STREAM st_rows AS SELECT k, plus(g, v) AS a, same_text(w) AS b, same(v) AS c FROM t",
    "CREATE STREAM st_sums AS SELECT g, total(v) AS a, bare(v) AS b, total(DISTINCT v) AS c FROM t GROUP BY g",
    "CREATE STREAM st_hops AS SELECT window_start, total(v) AS a FROM s GROUP BY HOP(at, INTERVAL '1' SECOND, INTERVAL '2' SECOND)",
    "CREATE STREAM st_sessions AS SELECT window_start, bare(v) AS a FROM s GROUP BY SESSION(at, INTERVAL '3' SECOND)",
};
static const char *const changes[] = {
    "INSERT INTO t VALUES (5, 3, 1, 'new'), (1, 2, 6, 'changed to a text that is not inline')",
    "UPDATE t SET v = plus(k, 1)",
    "DELETE FROM t WHERE same(g) = 2",
    "INSERT INTO s VALUES (1, '2026-01-01 00:00:00'), (2, '2026-01-01 00:00:01'), (3, '2026-01-01 00:01:00')",
};

static void test_streams_are_made(void **state)
{
    (void)state;
    struct counts counts = {0};
    laminar_db *db = open_tables(&counts);
    run(db, changes[3]);
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) survive(db, streams[i]);
    expect_rows(db, "SELECT * FROM st_sums ORDER BY g", "1,5,5,5;2,14,14,7");
    laminar_db_free(db);
    assert_int_equal(counts.n_states, 0);
    assert_int_equal(counts.n_destroyed, 5);
}

/* Statement i over streams of all kinds with allocation n failing (0: none). Gives the number of allocations. */
static uint64_t change(size_t i, uint64_t n)
{
    struct counts counts = {0};
    laminar_db *db = open_tables(&counts);
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_result *result = NULL;
    for (size_t s = 0; s < sizeof streams / sizeof *streams; s++) run(db, streams[s]);
    uint64_t before = mem_allocation_count();
    mem_fail_after(n, false);
    laminar_status status = laminar_execute(db, changes[i], NULL, &err);
    mem_fail_after(0, false);
    uint64_t n_allocations = mem_allocation_count() - before;
    if (status != LAMINAR_OK) check_out_of_memory(status, &err, changes[i], n);
    if (n == 0) {
        assert_int_equal(status, LAMINAR_OK);
        expect_rows(db, "SELECT count(*) FROM system.streams WHERE error IS NOT NULL", "0");
    }
    /* A step that failed stops its stream, which says why; all else goes on. */
    status = laminar_execute(db, "SELECT * FROM st_sums", &result, &err);
    if (status != LAMINAR_OK) check_out_of_memory(status, &err, "SELECT * FROM st_sums", n);
    laminar_result_free(result);
    run(db, "SELECT plus(1, 2), count(*) FROM t");
    laminar_db_free(db);
    assert_int_equal(counts.n_states, 0);
    assert_int_equal(counts.n_destroyed, 5);
    return n_allocations;
}

static void test_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        uint64_t n = change(i, 0);
        assert_true(n > 10 && n < TRIES_MAX);
        for (; n > 0; n--) change(i, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registering),
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_streams_are_made),
        cmocka_unit_test(test_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
