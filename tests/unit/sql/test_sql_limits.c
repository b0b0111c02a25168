/* test_sql_limits.c - texts that are large or deep, and memory running out: clean errors, no crash, no leak. */
#include "sql_test.h"

/* `before` n times, `middle`, `after` n times, in `head` and `tail`. */
static const char *nest(const char *head, const char *before, const char *middle, const char *after,
                        size_t n, const char *tail)
{
    struct strbuf buf = {0};
    strbuf_puts(&buf, head);
    for (size_t i = 0; i < n; i++) strbuf_puts(&buf, before);
    strbuf_puts(&buf, middle);
    for (size_t i = 0; i < n; i++) strbuf_puts(&buf, after);
    strbuf_puts(&buf, tail);
    assert_false(buf.failed);
    const char *text = arena_strndup(&sql_test_arena, buf.data, buf.size);
    strbuf_deinit(&buf);
    return text;
}

static laminar_status parse(const char *sql, struct ast_script **script, struct laminar_error *err)
{
    return sql_parse(&sql_test_arena, sql, strlen(sql), script, err);
}

/* What nests: accepted (and printed back) up to a few hundred levels, refused cleanly far above. */
static void deep_nesting(void **state)
{
    (void)state;
    static const char *const shapes[][5] = {
        /* head, before, middle, after, tail */
        {"SELECT ", "(", "1", ")", ""},
        {"SELECT ", "NOT ", "a", "", ""},
        {"SELECT ", "- ", "a", "", ""},
        {"SELECT ", "+", "a", "", ""},
        {"SELECT ", "~ ", "a", "", ""},
        {"SELECT ", "a = NOT ", "a", "", ""},
        {"SELECT ", "a + ~", "a", "", ""},
        {"SELECT ", "f(", "1", ")", ""},
        {"SELECT ", "CASE WHEN ", "a", " THEN 1 END", ""},
        {"SELECT ", "CAST(", "a", " AS INT)", ""},
        {"SELECT ", "[", "1", "]", ""},
        {"SELECT ", "{'a': ", "1", "}", ""},
        {"SELECT ", "MAP {1: ", "1", "}", ""},
        {"SELECT ", "a[", "1", "]", ""},
        {"SELECT ", "a IN (1, ", "1", ")", ""},
        {"SELECT ", "(SELECT ", "1", ")", ""},
        {"SELECT ", "EXISTS (SELECT ", "1", ")", ""},
        {"SELECT ", "INTERVAL (", "1", ") DAY", ""},
        {"SELECT a", "", "", " + 1", ""},
        {"SELECT a", "", "", " = 1", ""},
        {"SELECT a", "", "", "::int", ""},
        {"SELECT a", "", "", "[1]", ""},
        {"SELECT f(a)", "", "", ".b", ""},
        {"SELECT a", "", "", " IS NULL", ""},
        {"SELECT a", "", "", " BETWEEN 1 AND 2", ""},
        {"SELECT a", "", "", " ~~ b | c", ""},
        {"SELECT 1", "", "", " UNION SELECT 1 UNION ALL SELECT 1", ""},
        {"SELECT 1", "", "", " UNION (SELECT 1", ")"},
        {"", "(", "SELECT 1", " LIMIT 1)", ""},
        {"SELECT * FROM ", "(", "t", ")", ""},
        {"SELECT * FROM ", "(SELECT * FROM ", "t", ") x", ""},
        {"SELECT * FROM ", "(", "t", " JOIN u ON x)", ""},
        {"SELECT * FROM ", "a JOIN ", "a", " ON x", ""},
        {"SELECT * FROM t", "", "", " JOIN u ON x", ""},
        {"SELECT * FROM ", "f(TABLE (SELECT * FROM ", "t", "))", ""},
        {"SELECT 1 GROUP BY ", "GROUPING SETS (", "a", ")", ""},
        {"SELECT 1 FROM t EMIT EVERY ", "-", "5s", "", ""},
        {"SELECT a::", "ARRAY<", "INT", ">", ""},
        {"SELECT a::", "STRUCT<a ", "INT", ">", ""},
        {"SELECT a::INT", "", "", "[]", ""},
        {"", "EXPLAIN ", "SELECT 1", "", ""},
        {"", "WITH a AS (", "SELECT 1", ") SELECT 1", ""},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(shapes); i++) {
        const char *const *s = shapes[i];
        bool is_open = s[4][0] == ')'; /* the brackets are closed in the tail only */
        if (is_open) {
            round_trip(nest(s[0], s[1], s[2], s[3], 200, nest("", ")", "", "", 200, "")));
        } else if (strcmp(s[1], "-") == 0) { /* `--` would begin a comment */
            round_trip(nest(s[0], "- ", s[2], s[3], 200, s[4]));
        } else {
            round_trip(nest(s[0], s[1], s[2], s[3], 200, s[4]));
        }
        struct laminar_error err = LAMINAR_ERROR_INIT;
        struct ast_script *script = NULL;
        const char *deep = nest(s[0], strcmp(s[1], "-") == 0 ? "- " : s[1], s[2], s[3], 100000,
                                s[4]);
        assert_int_equal(parse(deep, &script, &err), LAMINAR_SQL_PARSE_ERROR);
        assert_non_null(strstr(err.message, "nested too deeply"));
        assert_true(err.hint[0] != 0);
        arena_deinit(&sql_test_arena);
    }
}

/* Whatever is accepted prints to something that is accepted, also at the limit itself. */
static void at_the_limit(void **state)
{
    (void)state;
    static const char *const shapes[][4] = {
        {"SELECT ", "a = NOT ", "a", ""},
        {"SELECT ", "a + ~", "a", ""},
        {"SELECT ", "+", "a", ""},
        {"SELECT a", "", "", " ~~ b | c"},
        {"SELECT a", "", "", "::int"},
        {"SELECT ", "f(", "1", ")"},
        {"SELECT * FROM ", "a JOIN ", "a", " ON x"},
        {"SELECT ", "(SELECT ", "1", ")"},
        {"SELECT a = ", "- - +", "1", ""},
        {"SELECT ", "INTERVAL (", "a", ") DAY"},
        {"SELECT ", "a * (b + ", "1", ")"},
        {"SELECT ", "a[f(", "1", ")].c"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(shapes); i++) {
        size_t low = 100, high = 3000; /* accepted, refused */
        while (high - low > 1) {
            size_t middle = (low + high) / 2;
            struct ast_script *script = NULL;
            const char *sql = nest(shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3], middle,
                                   "");
            if (parse(sql, &script, NULL) == LAMINAR_OK)
                low = middle;
            else
                high = middle;
        }
        assert_true(high < 3000);
        round_trip(nest(shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3], low, ""));
        arena_deinit(&sql_test_arena);
    }
}

/* Chains of AND, OR, commas and one set operation have no limit. */
static void long_chains(void **state)
{
    (void)state;
    enum { N = 100000 };
    struct ast_select *select = parse_select_ok(nest("SELECT a", "", "", " AND a", N, ""));
    assert_int_equal(select->items[0].expr->u.logical.operands.n, N + 1);
    round_trip(nest("SELECT 1 WHERE a = 1", "", "", " OR a = 2", N, ""));
    arena_deinit(&sql_test_arena);
    round_trip(nest("SELECT 1", "", "", " UNION ALL SELECT 1", N, ""));
    arena_deinit(&sql_test_arena);
    round_trip(nest("SELECT a", "", "", ", t.*", N, ""));
    round_trip(nest("SELECT f(a", "", "", ", 1", N, ")"));
    arena_deinit(&sql_test_arena);
    round_trip(nest("SELECT a FROM t", "", "", ", t JOIN u ON x", N, ""));
    arena_deinit(&sql_test_arena);
    round_trip(nest("INSERT INTO t VALUES (1, 'a')", "", "", ", (1, 'b')", N, ""));
    arena_deinit(&sql_test_arena);
    round_trip(nest("SELECT CASE", "", "", " WHEN a THEN 1", N, " END"));
    round_trip(nest("CREATE SOURCE s (a INT", "", "", ", a INT", N, ")"));
}

static void large_literals(void **state)
{
    (void)state;
    enum { SIZE = 10 * 1000 * 1000 };
    const char *sql = nest("SELECT '", "0123456789", "", "", SIZE / 10, "' AS a");
    struct ast_expr *literal = parse_select_ok(sql)->items[0].expr;
    assert_int_equal(literal->u.string.size, SIZE);
    assert_int_equal(strlen(literal->u.string.text), SIZE);
    struct ast_expr *number =
        parse_select_ok(nest("SELECT ", "9", "", "", SIZE / 10, ""))->items[0].expr;
    assert_int_equal(number->u.number.size, SIZE / 10);
    assert_false(number->u.number.fits_u64);
}

static void many_parameters(void **state)
{
    (void)state;
    assert_int_equal(parse_one(nest("SELECT ?", "", "", ", ?", 65534, ""))->n_parameters, 65535);
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct ast_script *script = NULL;
    assert_int_equal(parse(nest("SELECT ?", "", "", ", ?", 65535, ""), &script, &err),
                     LAMINAR_SQL_PARSE_ERROR);
    assert_non_null(strstr(err.message, "at most 65535 parameters"));
}

/* A text with something of everything, for the failing allocations. */
static const char everything[] =
    "WITH RECURSIVE a (x) AS (SELECT 1), b AS (VALUES (1, 'x'), (2, E'\\n')) "
    "SELECT DISTINCT ON (a) t.* EXCLUDE (c) REPLACE (1 AS d), sum(DISTINCT v ORDER BY w) FILTER (WHERE x > 0x1F) "
    "OVER (w PARTITION BY p ORDER BY o ROWS BETWEEN 1 PRECEDING AND CURRENT ROW), CASE a WHEN 1 THEN 2 ELSE 3 END, "
    "CAST(a AS MAP<INT, STRUCT<a INT[]>>), {'k': 1}, MAP {1: 2}, [1, 2][1:2], (a).b, x'00ff', INTERVAL -5 MINUTE, "
    "DATE '2026-01-01', :p, EXTRACT('Year' FROM ts), a COLLATE c, ts AT TIME ZONE 'UTC', trim(BOTH 'x' FROM y), "
    "substring(a FOR 2), position('a' IN b), a IN (1, 2), (a, b) IN (SELECT 1, 2), a = ANY (SELECT 1), "
    "a LIKE 'b' ESCAPE 'c', f(n => 1) "
    "FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), 5)) AS t(c), UNNEST([1]) WITH ORDINALITY u, "
    "a ASOF LEFT JOIN b MATCH_CONDITION (a.t >= b.t) USING (k) "
    "TEMPORAL PROBE JOIN r ON (k) TIMESTAMPS (x, y) LIST (0s, 1s) AS p, ((SELECT 1) UNION SELECT 2) z, LATERAL f(1) "
    "WHERE a AND b OR NOT c BETWEEN 1 AND 2 GROUP BY ROLLUP (a, (b, c)), GROUPING SETS (()) HAVING x "
    "WINDOW w AS (ORDER BY a) QUALIFY y UNION ALL SELECT 1 ORDER BY 1 LIMIT 1 OFFSET 2 EMIT EVERY 5s "
    "ALLOW LATENESS 5s LATE DATA TO l;"
    "CREATE SOURCE s (a INT NOT NULL DEFAULT 1, * PREFIX 'p', PRIMARY KEY (a), WATERMARK FOR a AS a - 1) "
    "FROM KAFKA (a.b = 'x', c = -1, d = INTERVAL '5' SECOND, e = 5s, f = TRUE) FORMAT json WITH ('y' = z) WITH (w = 1);"
    "CREATE STREAM s (a) AS SELECT 1 WITH (a = 1); CREATE SINK k FROM (SELECT 1) INTO f ('a' = 1);"
    "ALTER SOURCE s ADD COLUMN a INT; DROP SOURCE s; INSERT INTO t (a) VALUES (1); UPDATE t SET a = 1;"
    "DELETE FROM t USING u WHERE a; COPY t (a) TO 'f' (FORMAT csv); SHOW a.b; SHOW CREATE SINK s; DESCRIBE s;"
    "EXPLAIN ANALYZE SELECT 1; SET a.b = 'x'; SET TIME ZONE 'UTC'; RESTORE FROM CHECKPOINT 1; SUBSCRIBE s WHERE a;"
    "DECLARE c CURSOR FOR SUBSCRIBE s; FETCH 1 FROM c; CLOSE c; BEGIN";

static laminar_status parse_and_print(void *arg)
{
    (void)arg;
    struct arena arena = {0};
    struct strbuf buf = {0};
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct ast_script *script = NULL;
    laminar_status status = sql_parse(&arena, everything, sizeof everything - 1, &script, &err);
    assert_int_equal(status, err.code);
    if (status == LAMINAR_OK) {
        sql_print_script(&buf, script);
        if (buf.failed) status = LAMINAR_OUT_OF_MEMORY;
    }
    strbuf_deinit(&buf);
    arena_deinit(&arena);
    return status;
}

static void memory_runs_out(void **state)
{
    (void)state;
    assert_true(unit_fail_each_allocation(parse_and_print, NULL) > 3);
}

/* Every allocation from the arena fails once, not only those that need a new block: the arena is full to the n-th byte. */
static void arena_runs_out(void **state)
{
    (void)state;
    struct arena full = {0};
    struct ast_script *script = NULL;
    assert_int_equal(sql_parse(&full, everything, sizeof everything - 1, &script, NULL),
                     LAMINAR_OK);
    size_t total = full.used_bytes, n_failed = 0;
    arena_deinit(&full);
    uint8_t *memory = mem_alloc(total + 16);
    assert_non_null(memory);
    for (size_t limit = 0; limit < total; limit += 16) {
        /* A block of `limit` bytes that the arena does not own; the next one cannot be had. */
        struct arena arena = {.next = memory, .end = memory + limit};
        struct laminar_error err = LAMINAR_ERROR_INIT;
        mem_fail_after(1, true);
        laminar_status status = sql_parse(&arena, everything, sizeof everything - 1, &script, &err);
        mem_fail_after(0, false);
        assert_int_equal(status, LAMINAR_OUT_OF_MEMORY);
        assert_int_equal(err.code, LAMINAR_OUT_OF_MEMORY);
        assert_null(arena.head);
        n_failed++;
    }
    assert_true(n_failed > 500);
    mem_free(memory);
}

/* All prefixes of a text, and the text without each of its bytes, are accepted or refused with a position. */
static void mutilated_texts(void **state)
{
    (void)state;
    size_t size = sizeof everything - 1;
    char *text = mem_alloc(size);
    assert_non_null(text);
    for (size_t i = 0; i < size; i++) {
        struct arena arena = {0};
        struct laminar_error err = LAMINAR_ERROR_INIT;
        struct ast_script *script = NULL;
        if (sql_parse(&arena, everything, i, &script, &err) != LAMINAR_OK)
            assert_true(err.line > 0 && err.message[0]);
        memcpy(text, everything, i);
        memcpy(text + i, everything + i + 1, size - i - 1);
        error_clear(&err);
        if (sql_parse(&arena, text, size - 1, &script, &err) != LAMINAR_OK)
            assert_true(err.line > 0 && err.message[0]);
        arena_deinit(&arena);
    }
    mem_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(deep_nesting, sql_test_teardown),
        cmocka_unit_test_teardown(at_the_limit, sql_test_teardown),
        cmocka_unit_test_teardown(long_chains, sql_test_teardown),
        cmocka_unit_test_teardown(large_literals, sql_test_teardown),
        cmocka_unit_test_teardown(many_parameters, sql_test_teardown),
        cmocka_unit_test_teardown(memory_runs_out, sql_test_teardown),
        cmocka_unit_test_teardown(arena_runs_out, sql_test_teardown),
        cmocka_unit_test_teardown(mutilated_texts, sql_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
