/* test_sql_errors.c - what the dialect refuses: where the error points, what it says, and what it advises. */
#include "sql_test.h"

struct refusal {
    const char *sql;
    int line;
    int column;
    const char *message;
    const char *hint; /* NULL: any; "": none */
};

static void check_all(const struct refusal *refusals, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct refusal *r = &refusals[i];
        check_error(r->sql, strlen(r->sql), r->line, r->column, r->message, r->hint);
    }
}
#define CHECK(refusals) check_all(refusals, ARRAY_LENGTH(refusals))

static void lexical(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {"SELECT 'abc", 1, 8, "this string has no closing quote", "twice"},
        {"SELECT\n  \"abc", 2, 3, "no closing '\"'", ""},
        {"SELECT 1 /* a /* b */", 1, 10, "this comment has no closing '*/'", "nest"},
        {"SELECT $a$ x $b$", 1, 8, "dollar-quoted string has no closing tag", ""},
        {"SELECT \"\"", 1, 8, "a quoted name is empty", ""},
        {"SELECT `a` FROM t", 1, 8, "'`'", "double quotes"},
        {"SELECT x'0'", 1, 8, "x'0'", ""},
        {"SELECT x'0g'", 1, 8, "hexadecimal", ""},
        {"SELECT 1__0", 1, 8, "malformed: '1__0'", "underscores"},
        {"SELECT 1_", 1, 8, "malformed", NULL},
        {"SELECT 0x", 1, 8, "malformed", NULL},
        {"SELECT 0b12", 1, 8, "malformed", NULL},
        {"SELECT 0x10000000000000000", 1, 8, "does not fit in 64 bits", ""},
        {"SELECT $x", 1, 8, "'$'", ":name"},
        {"SELECT \xE2\x80\x98"
         "a\xE2\x80\x99",
         1, 8, "typographic quote", "' for strings"},
        {"SELECT !a", 1, 8, "'!'", "NOT"},
        {"SELECT a @ b", 1, 10, "not part of SQL: '@'", ""},
        {"SELECT a \\ b", 1, 10, "'\\'", ""},
        {"SELECT E'\\u12'", 1, 10, "four hexadecimal digits", ""},
        {"SELECT E'a\\0'", 1, 11, "NUL", ""},
        {"SELECT E'\\xff'", 1, 10, "UTF-8", ""},
        {"SELECT E'\\uD800'", 1, 10, "surrogate", ""},
        {"SELECT U&'\\12'", 1, 11, "\\XXXX", ""},
        {"SELECT U&'\\+110000'", 1, 11, "no Unicode character", ""},
        {"SELECT 5s", 1, 8, "'5s'", "leave a space"},
        {"SELECT 1a", 1, 8, "'1a'", "letters"},
    };
    CHECK(refusals);
}

static void bytes(void **state)
{
    (void)state;
    check_error("SELECT 1\0", 9, 1, 9, "NUL byte", NULL);
    check_error("SELECT\n '\xFF'", 11, 2, 3, "not valid UTF-8: byte 0xFF", "UTF-8");
    check_error("\xC0\x80", 2, 1, 1, "0xC0", NULL);
    check_error("\xED\xA0\x80", 3, 1, 1, "0xED", NULL);
    check_error("SELECT '\xE2\x82", 10, 1, 9, "0xE2", NULL);
}

static void queries(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {"SELECT", 1, 7, "expected an expression, found the end of the text", ""},
        {"SELECT FROM t", 1, 8, "expected an expression, found 'FROM'", ""},
        {"SELECT a, FROM t", 1, 11, "expected an expression, found 'FROM'", "remove the comma"},
        {"SELECT a,, b FROM t", 1, 10, "expected an expression, found ','", NULL},
        {"SELECT a b c FROM t", 1, 12, "expected ',' or FROM, found 'c'", "comma may be missing"},
        {"SELECT a 1 FROM t", 1, 10, "expected ',' or FROM, found '1'", "comma may be missing"},
        {"SELECT a FORM t", 1, 10, "unexpected 'FORM'", "did you mean FROM?"},
        {"SELECT * FORM t", 1, 10, "expected ',' or FROM, found 'FORM'", "did you mean FROM?"},
        {"SELECT * FROM", 1, 14, "expected a table name, found the end of the text", ""},
        {"SELECT * FROM WHERE a", 1, 15, "expected a table name, found 'WHERE'", ""},
        {"SELECT * FROM 't'", 1, 15, "expected a table name, found the string 't'",
         "double quotes"},
        {"SELECT * FROM t WEHRE a = 1", 1, 17, "unexpected 'WEHRE'", "did you mean WHERE?"},
        {"SELECT * FROM t WHERE a = 1 GRUOP BY a", 1, 29, "found 'GRUOP'", "did you mean GROUP?"},
        {"SELECT * FROM t ODER BY a", 1, 17, "unexpected 'ODER'", "did you mean ORDER?"},
        {"SELECT * FROM t LIMT 5", 1, 17, "unexpected 'LIMT'", "did you mean LIMIT?"},
        {"SELECT * FROM t GROUP a", 1, 23, "expected BY, found 'a'", ""},
        {"SELECT * FROM t ORDER a", 1, 23, "expected BY, found 'a'", ""},
        {"SELECT * FROM t LIMIT 5, 10", 1, 24, "found ','", "LIMIT count OFFSET start"},
        {"SELECT TOP 5 a FROM t", 1, 12, "found '5'", "LIMIT"},
        {"SELECT a == b", 1, 10, "found '=='", "one '='"},
        {"SELECT * FROM t WHERE (a = 1", 1, 29,
         "expected ')' to close the '(' at line 1, column 23", ""},
        {"SELECT f(\n1, 2 FROM t", 2, 6,
         "expected ')' to close the '(' at line 1, column 9, found 'FROM'", ""},
        {"SELECT a[1 FROM t", 1, 12, "expected ']' to close the '[' at line 1, column 9", ""},
        {"SELECT f(a b)", 1, 12, "found 'b'", "comma may be missing"},
        {"SELECT * FROM t WHERE a = 1)", 1, 28, "found ')'", "one too many"},
        {"SELECT f(a,)", 1, 12, "expected an expression, found ')'", "remove the comma"},
        {"SELECT a FROM t ORDER BY a NULLS", 1, 33, "FIRST or LAST", ""},
        {"SELECT a FROM t JOIN u", 1, 23, "expected ON or USING for the join", ""},
        {"SELECT a FROM t JOIN u WHERE x", 1, 24,
         "expected ON or USING for the join, found 'WHERE'", ""},
        {"SELECT a FROM t CROSS u", 1, 23, "expected JOIN, found 'u'", ""},
        {"SELECT a FROM (t JOIN u ON x) AS z", 1, 31, "cannot have an alias", "inside"},
        {"SELECT a IN 5", 1, 13, "expected '(' after IN, found '5'", ""},
        {"SELECT a IS 5", 1, 13, "after IS", ""},
        {"SELECT a BETWEEN 1", 1, 19, "expected AND", ""},
        {"SELECT a NOT 5", 1, 10, "found 'NOT'", NULL},
        {"SELECT CASE WHEN a THEN b", 1, 26, "expected WHEN, ELSE or END", ""},
        {"SELECT CASE END", 1, 13, "expected an expression, found 'END'", NULL},
        {"SELECT CAST(a INT)", 1, 15, "expected AS and a type, found 'INT'", NULL},
        {"SELECT CAST(a AS 5)", 1, 18, "expected a type, found '5'", ""},
        {"SELECT a::DECIMAL(1, 2, 3)", 1, 25, "at most two arguments", ""},
        {"SELECT ()", 1, 9, "expected an expression, found ')'", ""},
        {"SELECT f(SELECT 1)", 1, 10, "found 'SELECT'", "parentheses of its own"},
        {"SELECT f(a => 1, 2)", 1, 18, "without a name", ""},
        {"SELECT ?, $1", 1, 11, "cannot mix", "three ways"},
        {"SELECT $0", 1, 8, "numbered from $1", ""},
        {"SELECT $70000", 1, 8, "numbered from $1", ""},
        {"SELECT INTERVAL 5", 1, 18, "a unit such as SECOND", ""},
        {"SELECT INTERVAL \"5\" SECOND", 1, 17, "after INTERVAL", "single quotes"},
        {"SELECT INTERVAL '1' MONTH TO YEAR", 1, 33, "from the larger to the smaller", ""},
        {"SELECT sum(a) OVER (ROWS BETWEEN UNBOUNDED FOLLOWING AND 1 FOLLOWING)", 1, 21,
         "start with UNBOUNDED FOLLOWING", ""},
        {"SELECT sum(a) OVER (ROWS BETWEEN CURRENT ROW AND 1 PRECEDING)", 1, 21, "behind its end",
         ""},
        {"SELECT sum(a) OVER (ROWS 1)", 1, 27, "PRECEDING or FOLLOWING", NULL},
        {"SELECT a FROM t EMIT ON FOO", 1, 25, "WINDOW CLOSE, WATERMARK or UPDATE", NULL},
        {"SELECT a FROM t EMIT ON WINDOW", 1, 25, "WINDOW CLOSE", NULL},
        {"SELECT a FROM t EMIT EVERY a", 1, 28, "an INTERVAL or a duration", NULL},
        {"SELECT a FROM t EMIT EVERY 5x", 1, 28, "'5x' is not a duration", "30s"},
        {"SELECT a FROM t ALLOW LATENESS", 1, 31, "an INTERVAL or a duration", NULL},
        {"SELECT a FROM t ASOF LEFT SEMI JOIN b ON x", 1, 17,
         "an ASOF join is inner, LEFT, RIGHT or FULL", ""},
        {"SELECT a FROM t TEMPORAL PROBE JOIN r ON k", 1, 42, "expected '('", NULL},
        {"SELECT a FROM t UNION SELECT", 1, 29, "expected an expression", ""},
        {"SELECT a FROM t UNION b", 1, 23, "expected SELECT, VALUES or '('", ""},
        {"SELECT a FROM t ORDER BY a UNION SELECT b", 1, 28, "found 'UNION'", NULL},
        {"WITH a SELECT 1", 1, 8, "expected AS, found 'SELECT'", NULL},
        {"WITH a AS SELECT 1", 1, 11, "expected '('", NULL},
        {"FROM", 1, 5, "expected a table name", NULL},
        {"FROM t SELECT", 1, 14, "expected an expression", ""},
        {"FROM t SELECT a FROM u", 1, 17, "expected ',' or the next clause, found 'FROM'", ""},
        {"VALUES 1", 1, 8, "expected '(', found '1'", ""},
        {"SELECT a AS 'x' FROM t", 1, 13, "an alias name", "double quotes"},
        {"SELECT t.* + 1 FROM t", 1, 12, "found '+'", NULL},
        {"SELECT a COLLATE 5", 1, 18, "a collation name", NULL},
        {"SELECT a LIKE 'x' ESCAPE 'a'::text", 1, 26, "after ESCAPE", ""},
        {"SELECT 'a' 'b'", 1, 12, "found the string 'b'", NULL},
        {"SELECT a.", 1, 10, "a name after '.'", ""},
        {"SELECT {'a' 1}", 1, 13, "expected ':'", NULL},
        {"SELECT a && b OR", 1, 17, "expected an expression", ""},
    };
    CHECK(refusals);
}

static void statements(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {"FOO", 1, 1, "expected a statement, found 'FOO'", ""},
        {"SELCT 1", 1, 1, "expected a statement, found 'SELCT'", "did you mean SELECT?"},
        {"INSRT INTO t VALUES (1)", 1, 1, "found 'INSRT'", "did you mean INSERT?"},
        {"SELECT 1; FOO", 1, 11, "expected a statement", ""},
        {"SELECT 1 SELECT 2", 1, 10, "expected ',' or FROM, found 'SELECT'", NULL},
        {"CREATE", 1, 7, "SOURCE, TABLE", ""},
        {"CREATE SORCE s (a INT)", 1, 8, "found 'SORCE'", "did you mean SOURCE?"},
        {"CREATE VIEW v AS SELECT 1", 1, 8, "found 'VIEW'", "MATERIALIZED VIEW"},
        {"CREATE SOURCE (a INT)", 1, 15, "a relation name", ""},
        {"CREATE SOURCE s (a INT, order INT)", 1, 25, "expected a column name, found 'order'",
         "\"order\""},
        {"CREATE SOURCE s (a INT b INT)", 1, 24, "found 'b'", "comma may be missing"},
        {"CREATE SOURCE s (a INT,)", 1, 24, "expected a column name, found ')'",
         "remove the comma"},
        {"CREATE SOURCE s (a)", 1, 19, "expected a type, found ')'", ""},
        {"CREATE SOURCE s ()", 1, 18, "expected a column name", ""},
        {"CREATE SOURCE s (a INT) (b INT)", 1, 25, "found '('", NULL},
        {"CREATE SOURCE s (a INT, PRIMARY KEY (a), PRIMARY KEY (a))", 1, 42, "given twice", ""},
        {"CREATE SOURCE s (a INT, WATERMARK FOR a, WATERMARK FOR a)", 1, 42, "given twice", ""},
        {"CREATE SOURCE s (a INT) WITH (a = 1) WITH (b = 1)", 1, 38, "WITH is given twice", ""},
        {"CREATE SOURCE s (a INT) FROM k FROM l", 1, 32, "FROM is given twice", ""},
        {"CREATE SOURCE s (a INT) FROM KAFKA ('topic')", 1, 44, "'=' and a value", ""},
        {"CREATE SOURCE s (a INT) WITH (a = \"b\")", 1, 35, "expected a value, found '\"b\"'",
         "single quotes"},
        {"CREATE SOURCE s (a INT) WITH ('' = 1)", 1, 31, "an option name is empty", ""},
        {"CREATE SOURCE s (a INT) WIHT (a = 1)", 1, 25, "found 'WIHT'", "did you mean WITH?"},
        {"CREATE SOURCE s (a INT NOT NULL NULL)", 1, 33, "both NULL and NOT NULL", ""},
        {"CREATE STREAM s SELECT 1", 1, 17, "AS and a query", ""},
        {"CREATE STREAM s AS", 1, 19, "SELECT, VALUES or '('", ""},
        {"CREATE SINK s", 1, 14, "FROM and a relation", ""},
        {"CREATE SINK s FROM a FROM b", 1, 22, "a second one", ""},
        {"CREATE SOURCE IF EXISTS s (a INT)", 1, 18, "found 'EXISTS'", NULL},
        {"ALTER TABLE t ADD a INT", 1, 7, "expected SOURCE, found 'TABLE'", NULL},
        {"ALTER SOURCE s DROP a", 1, 16, "ADD COLUMN or SET", ""},
        {"DROP s", 1, 6, "SOURCE, TABLE", NULL},
        {"DROP SOURCE", 1, 12, "a name", ""},
        {"INSERT t VALUES (1)", 1, 8, "expected INTO, found 't'", ""},
        {"INSERT INTO t VALUES 1", 1, 15, "VALUES ( or a query", NULL},
        {"INSERT INTO t VALEUS (1)", 1, 15, "found 'VALEUS'", "did you mean VALUES?"},
        {"INSERT INTO t VALUES ()", 1, 23, "expected an expression", ""},
        {"UPDATE t a = 1", 1, 12, "expected SET, found '='", NULL},
        {"UPDATE t SET a == 1", 1, 16, "found '=='", "one '='"},
        {"UPDATE t SET (a, b) = (1, 2)", 1, 14, "a column name", ""},
        {"DELETE t", 1, 8, "expected FROM, found 't'", ""},
        {"COPY t 'f'", 1, 8, "FROM or TO", NULL},
        {"COPY t FROM f", 1, 13, "a file name in single quotes", ""},
        {"COPY (SELECT 1) FROM 'f'", 1, 17, "only be copied TO", ""},
        {"SHOW CREATE s", 1, 13, "SOURCE, TABLE", NULL},
        {"EXPLAIN", 1, 8, "expected a statement", ""},
        {"EXPLAIN (FORMAT xml) SELECT 1", 1, 17, "TEXT or JSON", NULL},
        {"SET a", 1, 6, "'=' or TO", ""},
        {"SET a =", 1, 8, "a value", ""},
        {"RESTORE CHECKPOINT 1", 1, 9, "expected FROM", NULL},
        {"RESTORE FROM CHECKPOINT x", 1, 25, "the id of a checkpoint", ""},
        {"RESTORE FROM CHECKPOINT 1.5", 1, 25, "found '1.5'", ""},
        {"SUBSCRIBE s AS OF 5", 1, 19, "expected EPOCH", NULL},
        {"DECLARE c FOR SELECT 1", 1, 11, "expected CURSOR", NULL},
        {"FETCH c", 1, 7, "FROM and a cursor", NULL},
        {"CLOSE", 1, 6, "a cursor name or ALL", ""},
        {"CHECKPOINT now", 1, 12, "';' or the end of the statement, found 'now'", NULL},
    };
    CHECK(refusals);
}

/* The context shows the line and a caret; columns count characters, not bytes. */
static void context(void **state)
{
    (void)state;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct ast_script *script = NULL;
    const char *sql = "SELECT 1,\n  '\xC3\xA4\xC3\xB6' x y\nFROM t";
    assert_int_equal(sql_parse(&sql_test_arena, sql, strlen(sql), &script, &err),
                     LAMINAR_SQL_PARSE_ERROR);
    assert_int_equal(err.line, 2);
    assert_int_equal(err.column, 10);
    assert_non_null(strstr(err.context, "x y\n"));
    assert_non_null(strchr(err.context, '^'));
    /* A null error object is allowed. */
    assert_int_equal(sql_parse(&sql_test_arena, sql, strlen(sql), &script, NULL),
                     LAMINAR_SQL_PARSE_ERROR);
    /* Expressions: all of the text must be one. */
    struct ast_expr *expr = NULL;
    assert_int_equal(sql_parse_expr(&sql_test_arena, "a > 1 b", 7, &expr, &err),
                     LAMINAR_SQL_PARSE_ERROR);
    assert_non_null(strstr(err.message, "found 'b'"));
    assert_int_equal(sql_parse_expr(&sql_test_arena, "", 0, &expr, &err), LAMINAR_SQL_PARSE_ERROR);
    assert_null(expr);
}

/* A long token is cut at a character. */
static void long_tokens(void **state)
{
    (void)state;
    char sql[400] = "SELECT a FROM t ";
    size_t n = strlen(sql);
    memcpy(sql + n, "'x", 2);
    for (n += 2; n < 300; n += 2) memcpy(sql + n, "\xC3\xA4", 2);
    sql[n] = '\'';
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct ast_script *script = NULL;
    assert_int_equal(sql_parse(&sql_test_arena, sql, n + 1, &script, &err),
                     LAMINAR_SQL_PARSE_ERROR);
    assert_int_equal(sql_text_check(err.message, strlen(err.message), NULL), LAMINAR_OK);
    assert_non_null(strstr(err.message, "..."));
    assert_true(strlen(err.message) < 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(lexical, sql_test_teardown),
        cmocka_unit_test_teardown(bytes, sql_test_teardown),
        cmocka_unit_test_teardown(queries, sql_test_teardown),
        cmocka_unit_test_teardown(statements, sql_test_teardown),
        cmocka_unit_test_teardown(context, sql_test_teardown),
        cmocka_unit_test_teardown(long_tokens, sql_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
