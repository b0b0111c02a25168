/* test_api_udf.c - functions and aggregates of the program's own: by row and by batch, in queries and streams, under retraction, failing,
 * replaced while in use, calling back. */
#include "api_test.h"
#include <laminar/udf.h>

static const char *const BIGINT[] = {"BIGINT", "BIGINT"};
static const char *const VARCHAR[] = {"VARCHAR"};

struct counter {
    int n_calls;
    int n_destroyed;
    laminar_db *db;
    laminar_subscription *sub;
};
static void count_destroy(void *user_data) { ((struct counter *)user_data)->n_destroyed++; }

static void add_function(laminar_db *db, laminar_function f)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    f.struct_size = sizeof f;
    if (laminar_register_function(db, &f, &err)) fail_msg("%s: %s", err.message, err.hint);
}
static void add_aggregate(laminar_db *db, laminar_aggregate a)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    a.struct_size = sizeof a;
    if (laminar_register_aggregate(db, &a, &err)) fail_msg("%s: %s", err.message, err.hint);
}

/* --- Scalar functions ------------------------------------------------------------------------------- */

static laminar_status add_row(void *user_data, const laminar_value *args, size_t n,
                              laminar_value *out, laminar_error *err)
{
    if (user_data) ((struct counter *)user_data)->n_calls++;
    out->as.int64 = 0;
    for (size_t i = 0; i < n; i++) {
        if (args[i].as.int64 == 13) {
            err->code = LAMINAR_QUERY_FAILED;
            snprintf(err->message, sizeof err->message, "thirteen is unlucky");
            snprintf(err->hint, sizeof err->hint, "take twelve");
            err->user_code = 4711;
            return LAMINAR_QUERY_FAILED;
        }
        out->as.int64 += args[i].is_null ? 1000 : args[i].as.int64;
    }
    return LAMINAR_OK;
}

static laminar_status shout(void *user_data, const laminar_value *args, size_t n,
                            laminar_value *out, laminar_error *err)
{
    char *buffer = user_data;
    (void)n, (void)err;
    size_t size = args[0].as.bytes.size;
    memcpy(buffer, args[0].as.bytes.data, size);
    buffer[size] = '!';
    out->as.bytes.data = buffer;
    out->as.bytes.size = size + 1;
    return LAMINAR_OK;
}

static void no_release(struct ArrowSchema *schema) { schema->release = NULL; }

/* The first argument, given back as it came: integers, whatever the function says. */
static laminar_status same_batch(void *user_data, const laminar_function_batch *batch,
                                 struct ArrowSchema *out_schema, struct ArrowArray *out_array,
                                 laminar_error *err)
{
    struct counter *counter = user_data;
    *out_schema = (struct ArrowSchema){.format = "l", .release = no_release};
    counter->n_calls++;
    const int64_t *values = batch->args->children[0]->buffers[1];
    for (int64_t i = 0; i < batch->args->length; i++)
        if (values[batch->args->children[0]->offset + i] == 13) {
            snprintf(err->message, sizeof err->message, "thirteen is unlucky");
            return LAMINAR_QUERY_FAILED;
        }
    *out_array = *batch->args->children[0];
    batch->args->children[0]->release = NULL;
    return LAMINAR_OK;
}

static void test_scalar_functions(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    char buffer[200];
    struct counter counter = {0};
    add_function(db, (laminar_function){.name = "Plus",
                                        .arg_types = BIGINT,
                                        .n_args = 2,
                                        .return_type = "BIGINT",
                                        .row = add_row});
    add_function(db, (laminar_function){.name = "plus_null",
                                        .arg_types = BIGINT,
                                        .n_args = 2,
                                        .return_type = "BIGINT",
                                        .row = add_row,
                                        .calls_on_null = true});
    add_function(db, (laminar_function){.name = "shout",
                                        .arg_types = VARCHAR,
                                        .n_args = 1,
                                        .return_type = "VARCHAR",
                                        .row = shout,
                                        .user_data = buffer});
    add_function(db, (laminar_function){.name = "same",
                                        .arg_types = BIGINT,
                                        .n_args = 1,
                                        .return_type = "DOUBLE",
                                        .batch = same_batch,
                                        .user_data = &counter});
    add_function(db, (laminar_function){.name = "zero",
                                        .return_type = "BIGINT",
                                        .row = add_row,
                                        .user_data = &counter,
                                        .volatility = LAMINAR_VOLATILE});
    run(db, "CREATE SOURCE s (a BIGINT, b INT, c VARCHAR)");
    run(db,
        "CREATE STREAM x AS SELECT plus(a, b) AS p, plus_null(a, b) AS q, SHOUT(c) AS r, same(a) AS t "
        "FROM s WHERE plus(a, 1) > 1 OR a IS NULL");
    laminar_subscription *sub = subscribe(db, "x", NULL);
    run(db,
        "INSERT INTO s VALUES (1, 2, 'a'), (NULL, 5, NULL), (0, 1, 'no'), (7, NULL, 'a text longer than twelve')");
    expect_next(sub, "3,3,a!,1.0;null,1005,null,null;null,1007,a text longer than twelve!,7.0");
    laminar_subscription_free(sub);
    expect_rows(
        db,
        "SELECT plus(1, 2), plus(plus(1, 1), 1), same(5), shout('x') || shout('y'), plus(NULL, 1)",
        "3,3,5.0,x!y!,null");
    counter.n_calls = 0;
    expect_rows(db, "SELECT count(zero()) FROM s", "4");
    assert_int_equal(counter.n_calls, 4); /* volatile: for each row */
    expect_rows(db, "SELECT kind, signature FROM system.functions WHERE name = 'plus'",
                "scalar,plus(BIGINT, BIGINT) -> BIGINT");
    expect_error(db, "SELECT plus(1)", LAMINAR_QUERY_FAILED, "plus takes 2 arguments", NULL);
    expect_error(db, "SELECT plus('x', c) FROM s", LAMINAR_QUERY_FAILED, "plus",
                 "plus(BIGINT, BIGINT)");
    expect_error(db, "SELECT plus(DISTINCT a, b) FROM s", LAMINAR_QUERY_FAILED, "not an aggregate",
                 NULL);
    char *words = laminar_complete_copy(db, "SELECT sho", 10);
    assert_non_null(words);
    assert_non_null(strstr(words, "shout"));
    laminar_free(words);
    laminar_db_free(db);
}

static void test_failing_rows(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    struct counter counter = {0};
    laminar_error err = LAMINAR_ERROR_INIT;
    add_function(db, (laminar_function){.name = "plus",
                                        .arg_types = BIGINT,
                                        .n_args = 1,
                                        .return_type = "BIGINT",
                                        .row = add_row});
    add_function(db, (laminar_function){.name = "same",
                                        .arg_types = BIGINT,
                                        .n_args = 1,
                                        .return_type = "BIGINT",
                                        .batch = same_batch,
                                        .user_data = &counter});
    run(db, "CREATE SOURCE s (a BIGINT)");
    run(db, "INSERT INTO s VALUES (1), (13), (NULL), (2)");
    expect_error(db, "SELECT plus(a) FROM s", LAMINAR_QUERY_FAILED, "plus(): thirteen is unlucky",
                 "take twelve");
    expect_error(db, "SELECT same(a) FROM s", LAMINAR_QUERY_FAILED, "same(): thirteen is unlucky",
                 NULL);
    assert_int_equal(laminar_execute(db, "SELECT plus(13)", NULL, &err), LAMINAR_QUERY_FAILED);
    assert_int_equal(err.user_code, 4711);
    run(db, "CREATE SOURCE t (a BIGINT)");
    run(db, "CREATE STREAM stops AS SELECT plus(a) AS v FROM t");
    laminar_subscription *sub = subscribe(db, "stops", NULL);
    laminar_result *rows = NULL;
    run(db, "INSERT INTO t VALUES (13)");
    assert_int_equal(laminar_subscription_next(sub, 0, &rows, &err), LAMINAR_QUERY_FAILED);
    assert_int_equal(err.user_code, 4711);
    laminar_subscription_free(sub);
    static const char *const functions[] = {"plus", "same"};
    static const char *const modes[] = {"null", "skip"};
    for (int m = 0; m < 2; m++) {
        char text[200];
        snprintf(text, sizeof text, "SET on_error = '%s'", modes[m]);
        run(db, text);
        for (int f = 0; f < 2; f++) {
            run(db, "CREATE SOURCE u (a BIGINT)");
            snprintf(text, sizeof text, "CREATE STREAM y AS SELECT a, %s(a) AS v FROM u",
                     functions[f]);
            run(db, text);
            sub = subscribe(db, "y", NULL);
            run(db, "INSERT INTO u VALUES (1), (13), (NULL), (2)");
            expect_next(sub, m == 0 ? "1,1;13,null;null,null;2,2" : "1,1;null,null;2,2");
            laminar_subscription_free(sub);
            run(db, "DROP STREAM y");
            run(db, "DROP SOURCE u");
        }
    }
    laminar_db_free(db);
}

/* --- Life ----------------------------------------------------------------------------------------------- */

static void test_replacing_and_dropping(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    laminar_error err = LAMINAR_ERROR_INIT;
    struct counter one = {0}, two = {0};
    laminar_function f = {.struct_size = sizeof f,
                          .name = "f",
                          .arg_types = BIGINT,
                          .n_args = 2,
                          .return_type = "BIGINT",
                          .row = add_row,
                          .user_data = &one,
                          .destroy = count_destroy};
    assert_int_equal(laminar_register_function(db, &f, &err), LAMINAR_OK);
    run(db, "CREATE SOURCE s (a BIGINT)");
    run(db, "CREATE STREAM x AS SELECT f(a, 1) AS v FROM s");
    f.user_data = &two;
    assert_int_equal(laminar_register_function(db, &f, &err), LAMINAR_QUERY_FAILED);
    assert_int_equal(two.n_destroyed, 0); /* still ours */
    f.replaces = true;
    assert_int_equal(laminar_register_function(db, &f, &err), LAMINAR_OK);
    assert_int_equal(one.n_destroyed, 0); /* the stream's */
    run(db, "INSERT INTO s VALUES (1)");
    assert_int_equal(one.n_calls, 1);
    run(db, "SELECT f(a, 1) FROM s");
    assert_int_equal(two.n_calls, 1);
    assert_int_equal(laminar_drop_function(db, "F", &err), LAMINAR_OK);
    assert_int_equal(two.n_destroyed, 1);
    expect_error(db, "SELECT f(1, 2)", LAMINAR_QUERY_FAILED, "f", NULL);
    assert_int_equal(laminar_drop_function(db, "f", &err), LAMINAR_QUERY_FAILED);
    assert_int_equal(laminar_drop_function(db, "abs", &err), LAMINAR_QUERY_FAILED);
    run(db, "INSERT INTO s VALUES (2)");
    assert_int_equal(one.n_calls, 2);
    run(db, "DROP STREAM x");
    assert_int_equal(one.n_destroyed, 1);
    struct counter three = {0};
    f.user_data = &three;
    assert_int_equal(laminar_register_function(db, &f, &err), LAMINAR_OK);
    laminar_subscription *sub = subscribe(db, "SELECT f(a, 1) FROM s", NULL);
    laminar_db_free(db);
    laminar_subscription_free(sub);
    assert_int_equal(three.n_destroyed, 1);
}

static void test_definitions_are_checked(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    laminar_error err = LAMINAR_ERROR_INIT;
    static const char *const bad_type[] = {"NOTATYPE"}, *const list[] = {"BIGINT[]"};
    const laminar_function bad[] = {
        {.name = NULL, .return_type = "BIGINT", .row = add_row},
        {.name = "", .return_type = "BIGINT", .row = add_row},
        {.name = "a b", .return_type = "BIGINT", .row = add_row},
        {.name = "1a", .return_type = "BIGINT", .row = add_row},
        {.name = "select", .return_type = "BIGINT", .row = add_row},
        {.name = "abs", .return_type = "BIGINT", .row = add_row},
        {.name = "SUM", .return_type = "BIGINT", .row = add_row, .replaces = true},
        {.name = "coalesce", .return_type = "BIGINT", .row = add_row},
        {.name = "tumble", .return_type = "BIGINT", .row = add_row},
        {.name = "f", .return_type = NULL, .row = add_row},
        {.name = "f", .return_type = "NOTATYPE", .row = add_row},
        {.name = "f", .return_type = "BIGINT", .arg_types = bad_type, .n_args = 1, .row = add_row},
        {.name = "f", .return_type = "BIGINT", .n_args = 1, .row = add_row},
        {.name = "f", .return_type = "BIGINT", .arg_types = BIGINT, .n_args = 65, .row = add_row},
        {.name = "f", .return_type = "BIGINT", .arg_types = list, .n_args = 1, .row = add_row},
        {.name = "f", .return_type = "BIGINT"},
        {.name = "f", .return_type = "BIGINT", .row = add_row, .batch = same_batch},
        {.name = "f", .return_type = "BIGINT", .row = add_row, .volatility = (laminar_volatility)9},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        laminar_function f = bad[i];
        assert_true(laminar_register_function(db, &f, &err) != LAMINAR_OK); /* no size */
        f.struct_size = sizeof f;
        laminar_status status = laminar_register_function(db, &f, &err);
        if (status == LAMINAR_OK || status == LAMINAR_INTERNAL_ERROR || !err.message[0])
            fail_msg("definition %zu: %d %s", i, (int)status, err.message);
    }
    assert_int_equal(laminar_register_function(NULL, &bad[0], &err), LAMINAR_INVALID_ARGUMENT);
    laminar_db_free(db);
}

static laminar_status calls_back(void *user_data, const laminar_value *args, size_t n,
                                 laminar_value *out, laminar_error *err)
{
    struct counter *c = user_data;
    laminar_error own = LAMINAR_ERROR_INIT;
    laminar_metrics metrics = {.struct_size = sizeof metrics};
    (void)args, (void)n, (void)err;
    out->as.int64 = 0;
    out->as.int64 += laminar_execute(c->db, "SELECT 1", NULL, &own) == LAMINAR_QUERY_FAILED;
    out->as.int64 += laminar_execute(c->db, "INSERT INTO s VALUES (1)", NULL, &own) ==
                     LAMINAR_QUERY_FAILED;
    out->as.int64 += laminar_get_metrics(c->db, &metrics, &own) == LAMINAR_QUERY_FAILED;
    out->as.int64 += laminar_shutdown(c->db, &own) == LAMINAR_QUERY_FAILED;
    out->as.int64 += laminar_close(c->db, &own) == LAMINAR_QUERY_FAILED;
    out->as.int64 += laminar_drop_function(c->db, "back", &own) == LAMINAR_QUERY_FAILED;
    laminar_subscription_free(c->sub);
    c->sub = NULL;
    laminar_db *other = open_db(); /* another database is fine */
    out->as.int64 += number_of(other, "SELECT 1");
    laminar_db_free(other);
    return LAMINAR_OK;
}

static void test_calling_back_is_refused(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    struct counter c = {.db = db};
    run(db, "CREATE SOURCE s (a BIGINT)");
    add_function(db, (laminar_function){.name = "back",
                                        .arg_types = BIGINT,
                                        .n_args = 1,
                                        .return_type = "BIGINT",
                                        .row = calls_back,
                                        .user_data = &c});
    run(db, "CREATE STREAM x AS SELECT back(a) AS v FROM s");
    laminar_subscription *sub = subscribe(db, "x", NULL);
    c.sub = subscribe(db, "SELECT a FROM s", NULL);
    run(db, "INSERT INTO s VALUES (1)"); /* frees a subscription in the middle of the step */
    expect_next(sub, "7");
    c.sub = subscribe(db, "s", NULL);
    expect_rows(db, "SELECT back(1)", "7"); /* while it is planned */
    c.sub = subscribe(db, "s", NULL);
    expect_rows(db, "SELECT back(a) FROM s", "7");
    run(db, "INSERT INTO s VALUES (2)");
    laminar_subscription_free(sub);
    laminar_db_free(db);
}

/* --- Aggregates -------------------------------------------------------------------------------------------- */

struct total {
    int64_t sum, n;
};
static laminar_status total_create(void *user_data, void **out, laminar_error *err)
{
    (void)err;
    if (user_data) ((struct counter *)user_data)->n_calls++;
    *out = calloc(1, sizeof(struct total));
    return *out ? LAMINAR_OK : LAMINAR_OUT_OF_MEMORY;
}
static void total_free(void *user_data, void *s)
{
    if (user_data) ((struct counter *)user_data)->n_calls--;
    free(s);
}
static laminar_status total_update(void *user_data, void *s, const laminar_value *args, size_t n,
                                   laminar_error *err)
{
    (void)user_data, (void)n;
    if (args[0].as.int64 == 13) {
        snprintf(err->message, sizeof err->message, "unlucky");
        return LAMINAR_QUERY_FAILED;
    }
    ((struct total *)s)->sum += args[0].as.int64;
    ((struct total *)s)->n++;
    return LAMINAR_OK;
}
static laminar_status total_retract(void *user_data, void *s, const laminar_value *args, size_t n,
                                    laminar_error *err)
{
    (void)user_data, (void)n, (void)err;
    ((struct total *)s)->sum -= args[0].as.int64;
    ((struct total *)s)->n--;
    return LAMINAR_OK;
}
static laminar_status total_merge(void *user_data, void *dst, const void *src, laminar_error *err)
{
    (void)user_data, (void)err;
    ((struct total *)dst)->sum += ((const struct total *)src)->sum;
    ((struct total *)dst)->n += ((const struct total *)src)->n;
    return LAMINAR_OK;
}
static laminar_status total_finish(void *user_data, const void *s, laminar_value *out,
                                   laminar_error *err)
{
    (void)user_data, (void)err;
    out->as.int64 = ((const struct total *)s)->sum * 100 + ((const struct total *)s)->n;
    return LAMINAR_OK;
}
static laminar_status total_update_batch(void *user_data, void *const *states,
                                         const laminar_function_batch *batch, laminar_error *err)
{
    const int64_t *values = batch->args->children[0]->buffers[1];
    for (int64_t i = 0; i < batch->args->length; i++) {
        laminar_value value = {.as.int64 = values[batch->args->children[0]->offset + i]};
        laminar_status status = total_update(user_data, states[i], &value, 1, err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
static laminar_status total_retract_batch(void *user_data, void *const *states,
                                          const laminar_function_batch *batch, laminar_error *err)
{
    const int64_t *values = batch->args->children[0]->buffers[1];
    for (int64_t i = 0; i < batch->args->length; i++) {
        laminar_value value = {.as.int64 = values[batch->args->children[0]->offset + i]};
        laminar_status status = total_retract(user_data, states[i], &value, 1, err);
        if (status != LAMINAR_OK) return status;
    }
    return LAMINAR_OK;
}
struct int64_array {
    int64_t *values;
    const void *buffers[2];
};
static void int64_release(struct ArrowArray *array)
{
    struct int64_array *own = array->private_data;
    free(own->values);
    free(own);
    array->release = NULL;
}
static laminar_status total_finish_batch(void *user_data, void *const *states, size_t n,
                                         const struct ArrowSchema *result,
                                         struct ArrowSchema *out_schema,
                                         struct ArrowArray *out_array, laminar_error *err)
{
    (void)user_data, (void)out_schema, (void)err;
    assert_string_equal(result->format, "l");
    struct int64_array *own = calloc(1, sizeof *own);
    own->values = calloc(n, sizeof *own->values);
    own->buffers[1] = own->values;
    for (size_t i = 0; i < n; i++)
        own->values[i] = ((struct total *)states[i])->sum * 100 + ((struct total *)states[i])->n;
    *out_array = (struct ArrowArray){.length = (int64_t)n,
                                     .n_buffers = 2,
                                     .buffers = own->buffers,
                                     .release = int64_release,
                                     .private_data = own};
    return LAMINAR_OK;
}

static void test_aggregates(void **state)
{
    (void)state;
    for (int by_batch = 0; by_batch < 2; by_batch++)
        for (int kind = 0; kind < 3; kind++) { /* bare; with retract; with retract and merge */
            laminar_db *db = open_db();
            struct counter counter = {0};
            laminar_aggregate a = {.name = "total",
                                   .arg_types = BIGINT,
                                   .n_args = 1,
                                   .return_type = "BIGINT",
                                   .create = total_create,
                                   .free_state = total_free,
                                   .user_data = &counter,
                                   .destroy = count_destroy};
            if (by_batch) {
                a.update_batch = total_update_batch;
                a.finish_batch = total_finish_batch;
                if (kind > 0) a.retract_batch = total_retract_batch;
            } else {
                a.update = total_update;
                a.finish = total_finish;
                if (kind > 0) a.retract = total_retract;
            }
            if (kind > 1) a.merge = total_merge;
            add_aggregate(db, a);
            run(db, "CREATE TABLE t (id BIGINT PRIMARY KEY, k VARCHAR, v BIGINT)");
            run(db, "CREATE SOURCE s (k VARCHAR, v BIGINT, at TIMESTAMP, WATERMARK FOR at AS at)");
            expect_rows(db, "SELECT total(v) FROM t", "0");
            run(db,
                "CREATE STREAM x AS SELECT k, total(v) AS v, count(*) AS n, total(DISTINCT v) AS d FROM t GROUP BY k");
            run(db, "CREATE STREAM w AS SELECT window_start, total(v) AS v FROM s "
                    "GROUP BY HOP(at, INTERVAL '1' SECOND, INTERVAL '2' SECOND)");
            run(db,
                "INSERT INTO t VALUES (1, 'a', 1), (2, 'a', 2), (3, 'b', 3), (4, 'b', NULL), (5, 'b', 3)");
            expect_rows(db, "SELECT k, v, n, d FROM x ORDER BY k", "a,302,2,302;b,602,3,301");
            run(db, "INSERT INTO t VALUES (1, 'b', 10)"); /* moves to another group */
            run(db, "DELETE FROM t WHERE id = 5");
            expect_rows(db, "SELECT k, v, n, d FROM x ORDER BY k", "a,201,1,201;b,1302,3,1302");
            expect_rows(db, "SELECT k, total(v) FROM t GROUP BY k ORDER BY k", "a,201;b,1302");
            expect_rows(db, "SELECT total(v) FILTER (WHERE v > 2), total(v ORDER BY v) FROM t",
                        "1302,1503");
            run(db,
                "INSERT INTO s VALUES ('a', 1, '2024-01-01 00:00:00.5'), ('a', 2, '2024-01-01 00:00:01.5'), "
                "('a', 0, '2024-01-01 00:00:09')");
            expect_rows(db, "SELECT v FROM w ORDER BY window_start", "101;302;201");
            run(db,
                "CREATE STREAM sessions AS SELECT window_start, total(v) AS v FROM s GROUP BY SESSION(at, INTERVAL '3' SECOND)");
            run(db, "CREATE STREAM steps AS SELECT window_start, window_end, total(v) AS v FROM s "
                    "GROUP BY CUMULATE(at, INTERVAL '1' SECOND, INTERVAL '2' SECOND)");
            run(db,
                "INSERT INTO s VALUES ('a', 5, '2024-01-01 00:00:12'), ('a', 6, '2024-01-01 00:00:10.5'), ('a', 0, '2024-01-01 00:00:30')");
            expect_rows(db, "SELECT v FROM sessions ORDER BY window_start", "302;1103");
            expect_rows(
                db, "SELECT total(v) FROM s GROUP BY SESSION(at, INTERVAL '3' SECOND) ORDER BY 1",
                "1;302;1103");
            expect_rows(db, "SELECT v FROM steps ORDER BY window_start, window_end",
                        "101;302;1;601;601;501;501");
            expect_error(db, "SELECT total(13)", LAMINAR_QUERY_FAILED, "total(): unlucky", NULL);
            expect_error(db, "SELECT total(k) FROM t", LAMINAR_QUERY_FAILED, "total",
                         "total(BIGINT) -> BIGINT");
            laminar_db_free(db);
            assert_int_equal(counter.n_calls, 0); /* every state was freed */
            assert_int_equal(counter.n_destroyed, 1);
        }
}

static void test_aggregate_definitions(void **state)
{
    (void)state;
    laminar_db *db = open_db();
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_aggregate a = {.struct_size = sizeof a,
                           .name = "total",
                           .arg_types = BIGINT,
                           .n_args = 1,
                           .return_type = "BIGINT"};
    assert_int_equal(laminar_register_aggregate(db, &a, &err), LAMINAR_INVALID_ARGUMENT);
    a.create = total_create;
    assert_int_equal(laminar_register_aggregate(db, &a, &err), LAMINAR_INVALID_ARGUMENT);
    a.update = total_update;
    assert_int_equal(laminar_register_aggregate(db, &a, &err), LAMINAR_INVALID_ARGUMENT);
    a.finish = total_finish;
    a.retract_batch = total_retract_batch;
    assert_int_equal(laminar_register_aggregate(db, &a, &err), LAMINAR_INVALID_ARGUMENT);
    a.retract_batch = NULL;
    assert_int_equal(laminar_register_aggregate(db, &a, &err), LAMINAR_OK);
    assert_int_equal(laminar_register_aggregate(db, &a, &err), LAMINAR_QUERY_FAILED);
    laminar_function f = {
        .struct_size = sizeof f, .name = "total", .return_type = "BIGINT", .row = add_row};
    /* one name space */
    assert_int_equal(laminar_register_function(db, &f, &err), LAMINAR_QUERY_FAILED);
    laminar_db_free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalar_functions),
        cmocka_unit_test(test_failing_rows),
        cmocka_unit_test(test_replacing_and_dropping),
        cmocka_unit_test(test_definitions_are_checked),
        cmocka_unit_test(test_calling_back_is_refused),
        cmocka_unit_test(test_aggregates),
        cmocka_unit_test(test_aggregate_definitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
