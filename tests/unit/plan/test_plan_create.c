/* test_plan_create.c - CREATE statements to relations: schema, keys, watermark, retention,
 * options, what a stream learns from its plan; JSON plans; and statements under failing memory. */
#include "plan/plan_fixture.h"
#include "unit.h"
#include <stdio.h>

static struct relation *created(struct fixture *f, const char *sql, const char *name)
{
    fixture_create(f, sql);
    struct relation *relation = catalog_find(&f->catalog, name);
    assert_non_null(relation);
    return relation;
}

static int setup(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    fixture_init(f);
    fixture_flights(f);
    *state = f;
    return 0;
}
static int teardown(void **state)
{
    fixture_deinit(*state);
    mem_free(*state);
    return 0;
}

static void test_source(void **state)
{
    struct fixture *f = *state;
    struct relation *r = created(
        f,
        "create source s (\"Id\" bigint not null, b decimal(10,2), ts timestamp(3), d date default '2026-01-02',"
        " e timestamp(9) with time zone, f smallint unsigned, watermark for ts as ts - interval '2' minute)"
        " with ('retention' = '256mb')",
        "s");
    assert_int_equal(r->kind, RELATION_SOURCE);
    assert_int_equal(r->schema->n_columns, 6);
    assert_string_equal(r->schema->columns[0].name, "Id");
    assert_false(r->schema->columns[0].is_nullable);
    assert_true(type_equal(r->schema->columns[1].type, type_decimal(10, 2)));
    assert_true(type_equal(r->schema->columns[2].type, type_timestamp(UNIT_MILLI)));
    assert_int_equal(r->schema->columns[4].type.id, LAMINAR_TYPE_TIMESTAMPTZ);
    assert_int_equal(r->schema->columns[4].type.unit, UNIT_NANO);
    assert_int_equal(r->schema->columns[5].type.id, LAMINAR_TYPE_UINT16);
    assert_int_equal(r->time_col, 2);
    assert_int_equal(r->watermark_delay_us, 120000000);
    assert_int_equal(r->retention.kind, RETAIN_BYTES);
    assert_int_equal(r->retention.amount, 256 << 20);
    assert_true(r->is_append_only);
    assert_true(r->has_default[3]);
    assert_non_null(r->defaults[3]);
    assert_false(r->has_default[0]);
    assert_null(r->connector);
    assert_string_equal(relation_option(r, "retention"), "256mb");
    assert_null(relation_option(r, "format"));
    assert_string_equal(
        r->sql,
        "CREATE SOURCE s (\"Id\" BIGINT NOT NULL, b DECIMAL(10, 2), ts TIMESTAMP(3), d DATE DEFAULT '2026-01-02', "
        "e TIMESTAMP(9) WITH TIME ZONE, f SMALLINT UNSIGNED, WATERMARK FOR ts AS ts - INTERVAL '2' MINUTE) WITH ('retention' = '256mb')");
}

static void test_keyed(void **state)
{
    struct fixture *f = *state;
    struct relation *r = created(f, "CREATE TABLE t (a INT, b VARCHAR, c INT, PRIMARY KEY (c, a))",
                                 "t");
    assert_int_equal(r->kind, RELATION_TABLE);
    assert_int_equal(r->n_key_cols, 2);
    assert_int_equal(r->key_cols[0], 2);
    assert_int_equal(r->key_cols[1], 0);
    assert_false(r->schema->columns[0].is_nullable);
    assert_true(r->schema->columns[1].is_nullable);
    assert_false(r->is_append_only);
    assert_int_equal(r->retention.kind, RETAIN_ALL);
    assert_false(created(f, "CREATE SOURCE k (a INT PRIMARY KEY)", "k")->is_append_only);
}

static void test_retention(void **state)
{
    static const struct {
        const char *text;
        enum retention_kind kind;
        uint64_t amount;
    } cases[] = {{"'all'", RETAIN_ALL, 0},
                 {"'NONE'", RETAIN_NONE, 0},
                 {"'50000 rows'", RETAIN_ROWS, 50000},
                 {"500", RETAIN_ROWS, 500},
                 {"'1 hour'", RETAIN_TIME, UINT64_C(3600000000)},
                 {"INTERVAL '90' SECOND", RETAIN_TIME, 90000000},
                 {"'1 day 2 hours'", RETAIN_TIME, UINT64_C(26) * 3600000000},
                 {"'64 KB'", RETAIN_BYTES, 65536},
                 {"'1gb'", RETAIN_BYTES, 1 << 30}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct fixture f;
        char sql[200];
        fixture_init(&f);
        snprintf(sql, sizeof sql, "CREATE SOURCE r (a INT) WITH (retention = %s)", cases[i].text);
        struct relation *r = created(&f, sql, "r");
        assert_int_equal(r->retention.kind, cases[i].kind);
        assert_int_equal(r->retention.amount, cases[i].amount);
        fixture_deinit(&f);
    }
    (void)state;
}

static void test_stream(void **state)
{
    struct fixture *f = *state;
    struct relation *r = created(
        f,
        "CREATE STREAM w (hour, airport, n) AS SELECT TUMBLE(time, INTERVAL '1' HOUR), origin, count(*) FROM flights"
        " GROUP BY TUMBLE(time, INTERVAL '1' HOUR), origin ALLOW LATENESS INTERVAL '1' MINUTE",
        "w");
    assert_string_equal(r->schema->columns[0].name, "hour");
    assert_true(type_equal(r->schema->columns[0].type, type_timestamp(UNIT_MILLI)));
    assert_true(type_equal(r->schema->columns[2].type, TYPE(INT64)));
    assert_false(r->schema->columns[2].is_nullable);
    assert_true(r->is_append_only);
    assert_int_equal(r->emit, EMIT_ON_CLOSE);
    assert_int_equal(r->lateness_us, 60000000);
    assert_int_equal(r->n_key_cols, 2);
    assert_int_equal(r->time_col, 0);
    assert_int_equal(r->n_inputs, 1);
    assert_ptr_equal(r->inputs[0], catalog_find(&f->catalog, "flights"));
    assert_string_equal(
        r->query_sql,
        "SELECT tumble(time, INTERVAL '1' HOUR), origin, count(*) FROM flights GROUP BY tumble(time, INTERVAL '1' HOUR), "
        "origin ALLOW LATENESS INTERVAL '1' MINUTE");

    struct relation *v = created(
        f,
        "CREATE MATERIALIZED VIEW v AS SELECT w.airport, a.name FROM w JOIN airports a ON w.airport = a.faa EMIT CHANGES",
        "v");
    assert_int_equal(v->kind, RELATION_VIEW);
    assert_int_equal(v->emit, EMIT_CHANGES);
    assert_int_equal(v->retention.kind, RETAIN_ALL);
    assert_false(v->is_append_only);
    assert_int_equal(v->n_inputs, 2);
    assert_int_equal(r->dependants.n, 1);
    assert_ptr_equal(r->dependants.items[0], v);

    struct relation *e = created(
        f, "CREATE STREAM e AS SELECT count(*) AS n FROM flights EMIT EVERY INTERVAL '5' SECOND",
        "e");
    assert_int_equal(e->emit, EMIT_EVERY);
    assert_int_equal(e->emit_every_us, 5000000);
}

static void test_sink(void **state)
{
    struct fixture *f = *state;
    struct relation *r = created(
        f,
        "CREATE SINK k FROM delays INTO FILE (path = 'out.csv', header = true) FORMAT CSV (delimiter = ';')",
        "k");
    assert_int_equal(r->kind, RELATION_SINK);
    assert_string_equal(r->connector, "file");
    assert_string_equal(r->format, "csv");
    assert_string_equal(relation_option(r, "path"), "out.csv");
    assert_string_equal(relation_option(r, "header"), "true");
    assert_string_equal(relation_option(r, "delimiter"), ";");
    assert_int_equal(r->schema->n_columns, 3);
    assert_string_equal(r->inputs[0]->name, "delays");
    assert_int_equal(fixture_plan(f, "SELECT * FROM k", false, false, NULL), LAMINAR_QUERY_FAILED);
    assert_string_equal(f->err.message, "\"k\" is a sink: it can't be read by a query");
    assert_string_equal(f->err.hint, "read from \"delays\"");
}

static void test_json(void **state)
{
    struct fixture *f = *state;
    char *text;
    assert_int_equal(
        fixture_plan(
            f,
            "SELECT origin AS \"a\"\"b\", count(*) AS n FROM flights WHERE dest = '\"x' GROUP BY origin",
            true, true, &text),
        LAMINAR_OK);
    assert_string_equal(
        text,
        "{\"node\": \"Aggregate\", \"detail\": \"keys: origin  aggs: count(*)\", \"columns\": [{\"name\": \"a\\\"b\", \"type\": \"VARCHAR\", "
        "\"nullable\": false}, {\"name\": \"n\", \"type\": \"BIGINT\", \"nullable\": false}], \"append_only\": false, \"key\": [\"a\\\"b\"], "
        "\"event_time\": null, \"state\": \"keys\", \"state_note\": \"one row per a\\\"b\", \"inputs\": [\n"
        "  {\"node\": \"Filter\", \"detail\": \"dest = '\\\"x'\", \"columns\": [{\"name\": \"origin\", \"type\": \"VARCHAR\", \"nullable\": false}, "
        "{\"name\": \"dest\", \"type\": \"VARCHAR\", \"nullable\": true}], \"append_only\": true, \"key\": null, \"event_time\": null, "
        "\"state\": \"none\", \"state_note\": null, \"inputs\": [\n"
        "    {\"node\": \"Scan\", \"detail\": \"flights (source)  columns: origin, dest\", \"columns\": [{\"name\": \"origin\", \"type\": "
        "\"VARCHAR\", \"nullable\": false}, {\"name\": \"dest\", \"type\": \"VARCHAR\", \"nullable\": true}], \"append_only\": true, "
        "\"key\": null, \"event_time\": null, \"state\": \"none\", \"state_note\": null, \"inputs\": []}]}]}\n");
    mem_free(text);
}

/* Every allocation fails once, with the arena's block boundaries in ever other places: the
 * answer is then out of memory, and nothing is lost. */
static void check_failing_memory(struct fixture *f, const char *sql)
{
    laminar_status expected = fixture_plan(f, sql, true, false, NULL), status;
    for (f->arena_filler = 16; f->arena_filler < 4096; f->arena_filler += 80) {
        uint64_t n = 0;
        do {
            int64_t live = mem_live_count();
            mem_fail_after(++n, false);
            status = fixture_plan(f, sql, true, false, NULL);
            mem_fail_after(0, false);
            assert_true(status == expected || status == LAMINAR_OUT_OF_MEMORY);
            assert_int_equal(mem_live_count(), live);
        } while (status != expected && n < 1000);
        assert_true(n > 1);
    }
    f->arena_filler = 0;
}

static void test_failing_memory(void **state)
{
    static const char *const statements[] = {
        "SELECT f.flight + 1, a.name, w.temp FROM flights f JOIN airlines a USING (carrier) LEFT JOIN weather w ON w.origin = f.origin AND w.time >= f.time"
        " WHERE f.dep_delay BETWEEN 1 AND 5 OR f.dest IN ('a', 'b') ORDER BY f.time LIMIT 3",
        "SELECT TUMBLE(time, INTERVAL '1' HOUR) AS w, origin, count(DISTINCT carrier), sum(dep_delay) FILTER (WHERE dest = 'x') FROM flights"
        " WHERE carrier NOT IN (SELECT carrier FROM airlines) GROUP BY w, origin HAVING count(*) > (SELECT max(n) FROM delays)",
        "SELECT f.flight, w.temp FROM flights f ASOF JOIN weather w ON f.origin = w.origin AND f.time >= w.time AND f.time - w.time <= INTERVAL '1' HOUR",
        "CREATE STREAM x AS WITH a AS (SELECT DISTINCT origin FROM flights UNION ALL SELECT faa FROM airports) SELECT origin AS o FROM a",
        "CREATE SOURCE x (a INT DEFAULT 5, b TIMESTAMP, PRIMARY KEY (a), WATERMARK FOR b AS b - INTERVAL '1' SECOND) WITH (retention = '1 hour')",
        "INSERT INTO airports (faa, lat) VALUES ('JFK', 40), ('LGA', '41')",
        "SELECT originn FROM flights",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(statements); i++)
        check_failing_memory(*state, statements[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_source, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keyed, setup, teardown),
        cmocka_unit_test(test_retention),
        cmocka_unit_test_setup_teardown(test_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sink, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failing_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
