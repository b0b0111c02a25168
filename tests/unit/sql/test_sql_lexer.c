/* test_sql_lexer.c - tokens, key words, the test for unfinished input, and variables in option strings. */
#include "sql_test.h"

/* Kinds and texts of the tokens, as "WORD:a NUMBER:1". */
static const char *tokens_of(const char *sql, bool keep_comments)
{
    static const char *const kinds[] = {
#define KIND(name, text) #name,
        SQL_TOKEN_LIST(KIND)
#undef KIND
    };
    struct strbuf buf = {0};
    struct sql_lexer lexer;
    sql_lexer_init(&lexer, sql, strlen(sql));
    lexer.keep_comments = keep_comments;
    for (;;) {
        struct sql_token token = sql_lexer_next(&lexer);
        if (token.kind == SQL_TOKEN_END) break;
        strbuf_printf(&buf, "%s%s:%.*s", buf.size ? " " : "", kinds[token.kind],
                      (int)(token.end - token.start), sql + token.start);
    }
    const char *text = arena_strndup(&sql_test_arena, buf.data ? buf.data : "", buf.size);
    strbuf_deinit(&buf);
    return text;
}

static void token_kinds(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""},
        {"a_1$ \"b\" 'c' x'00' 1.5 5s $1 ?",
         "WORD:a_1$ QUOTED:\"b\" STRING:'c' BLOB:x'00' NUMBER:1.5 DURATION:5s PARAMETER:$1 QUESTION:?"},
        {"a->>b#>>c", "WORD:a JSON_GET_TEXT:->> WORD:b JSON_PATH_TEXT:#>> WORD:c"},
        {"a::b:=c=>d", "WORD:a DOUBLE_COLON::: WORD:b COLON_EQ::= WORD:c FAT_ARROW:=> WORD:d"},
        {"<=>=<>!=<<>>", "LE:<= GE:>= NE:<> NE:!= SHIFT_LEFT:<< SHIFT_RIGHT:>>"},
        {".5 5. 1..2 1e5 1e", "NUMBER:.5 NUMBER:5. NUMBER:1. NUMBER:.2 NUMBER:1e5 DURATION:1e"},
        {"a--b\nc/*d/*e*/f*/g", "WORD:a WORD:c WORD:g"},
        {"E'a\\'b' U&'c' $x$d$x$ e f", "STRING:E'a\\'b' STRING:U&'c' STRING:$x$d$x$ WORD:e WORD:f"},
        {"'a''b'\"c\"\"d\"", "STRING:'a''b' QUOTED:\"c\"\"d\""},
        {"a;b", "WORD:a SEMICOLON:; WORD:b"},
        {"a ` b", "WORD:a ERROR:` b"},
        {"a @ b", "WORD:a ERROR:@ WORD:b"},
        {"1_ 'x", "ERROR:1_ ERROR:'x"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++)
        assert_string_equal(tokens_of(pairs[i][0], false), pairs[i][1]);
    assert_string_equal(
        tokens_of("!~~* !~~ !~* !~ ~~* ~~ ~* ~", false),
        "NOT_ILIKE_OP:!~~* NOT_LIKE_OP:!~~ NOT_TILDE_STAR:!~* NOT_TILDE:!~ ILIKE_OP:~~* LIKE_OP:~~ "
        "TILDE_STAR:~* TILDE:~");
    assert_string_equal(tokens_of("a--b\n/*c*/d/*", true),
                        "WORD:a COMMENT:--b COMMENT:/*c*/ WORD:d ERROR:/*");
}

static void key_words(void **state)
{
    (void)state;
    assert_int_equal(sql_keyword_find("select", 6), SQL_KW_SELECT);
    assert_int_equal(sql_keyword_find("SeLeCt", 6), SQL_KW_SELECT);
    assert_int_equal(sql_keyword_find("select", 5), SQL_KW_NONE);
    assert_int_equal(sql_keyword_find("", 0), SQL_KW_NONE);
    assert_int_equal(sql_keyword_find("current_timestamps", 18), SQL_KW_NONE);
    assert_int_equal(sql_keyword_find("sel\0ct", 6), SQL_KW_NONE);
    for (int i = SQL_KW_NONE + 1; i < SQL_KEYWORD_COUNT; i++) {
        const char *text = sql_keyword_text((enum sql_keyword)i);
        assert_int_equal(sql_keyword_find(text, strlen(text)), i);
        if (i > SQL_KW_NONE + 1)
            assert_true(strcmp(sql_keyword_text((enum sql_keyword)(i - 1)), text) < 0);
    }
    assert_true(sql_keyword_flags(SQL_KW_FROM) & SQL_KEYWORD_RESERVED);
    assert_int_equal(sql_keyword_flags(SQL_KW_SOURCE), SQL_KEYWORD_FREE);
    assert_string_equal(sql_keyword_text(SQL_KW_NONE), "");
}

/* Every word, quoted or not, comes back from the printer as itself; words that are not reserved need no quotes. */
static void key_words_as_names(void **state)
{
    (void)state;
    for (int i = SQL_KW_NONE + 1; i < SQL_KEYWORD_COUNT; i++) {
        enum sql_keyword word = (enum sql_keyword)i;
        const char *text = sql_keyword_text(word);
        static const char *const forms[] = {
            "SELECT \"%s\", t.%s, \"%s\" + 1, f(\"%s\"), \"%s\"(1, 2) AS %s FROM \"%s\" AS \"%s\"",
            "SELECT 1 FROM \"%s\", a AS \"%s\"(\"%s\") JOIN \"%s\" USING (\"%s\") ORDER BY \"%s\" LIMIT \"%s\" OFFSET \"%s\"",
            "SELECT \"%s\"[1], (\"%s\").%s, \"%s\" BETWEEN \"%s\" AND \"%s\", CASE \"%s\" WHEN \"%s\" THEN 1 END",
            "WITH \"%s\" AS (SELECT 1), \"%s\" (a) AS (SELECT 2) SELECT x OVER FROM \"%s\".%s WHERE \"%s\" GROUP BY \"%s\", \"%s\"(a), \"%s\"",
            "SELECT sum(a) OVER \"%s\", sum(a) OVER (\"%s\" PARTITION BY \"%s\" ORDER BY \"%s\" ROWS \"%s\" PRECEDING), \"%s\"(1) WINDOW \"%s\" AS (\"%s\")",
            "SELECT 1 FROM \"%s\"(1), \"%s\"(\"%s\") AS \"%s\", LATERAL \"%s\"(2), a NATURAL JOIN \"%s\" CROSS JOIN \"%s\" AS \"%s\"",
            "CREATE SOURCE \"%s\" (\"%s\" INT, \"%s\" \"%s\", PRIMARY KEY (\"%s\"), WATERMARK FOR \"%s\") FROM \"%s\" (%s = 1)",
            "SHOW \"%s\"; SET \"%s\".%s = 1; DESCRIBE \"%s\"; DROP SOURCE \"%s\"; FETCH FROM \"%s\"; CLOSE \"%s\"; SUBSCRIBE \"%s\"",
            "INSERT INTO \"%s\" (\"%s\") SELECT 1; UPDATE \"%s\" AS \"%s\" SET \"%s\" = \"%s\"; DELETE FROM \"%s\" USING \"%s\"",
            "CREATE SINK \"%s\" FROM \"%s\" INTO \"%s\" FORMAT \"%s\"; EXPLAIN SELECT {'%s': 1}, \"%s\"(\"%s\" => 1), \"%s\"(a, b)",
        };
        for (size_t j = 0; j < ARRAY_LENGTH(forms); j++) {
            /* Eight places each. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            const char *sql = arena_printf(&sql_test_arena, forms[j], text, text, text, text, text,
                                           text, text, text);
#pragma GCC diagnostic pop
            assert_non_null(sql);
            round_trip(sql);
        }
        if (sql_keyword_flags(word) & SQL_KEYWORD_RESERVED) continue;
        round_trip(
            arena_printf(&sql_test_arena, "SELECT %s, a.%s FROM %s AS %s", text, text, text, text));
        round_trip(arena_printf(&sql_test_arena, "CREATE SOURCE %s (a INT, %s INT)", text, text));
        arena_deinit(&sql_test_arena);
    }
}

static void unfinished(void **state)
{
    (void)state;
    static const char *const complete[] = {
        "",  "  ",          "-- x",       "/* x */",     "SELECT 1;",    "SELECT 1; -- x",
        ";", "SELECT ';';", "SELECT (1;", "SELECT ) 1;", "SELECT ` x;`;"};
    static const char *const open[] = {
        "SELECT 1",     "SELECT 1; SELECT", "SELECT ';", "SELECT \";",   "SELECT $$;",  "/* x",
        "SELECT 1; /*", "SELECT (1",        "(",         "SELECT 'a;\n", "SELECT 1; (", "SELECT @"};
    for (size_t i = 0; i < ARRAY_LENGTH(complete); i++) {
        if (sql_is_incomplete(complete[i], strlen(complete[i])))
            fail_msg("incomplete: %s", complete[i]);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(open); i++) {
        if (!sql_is_incomplete(open[i], strlen(open[i]))) fail_msg("complete: %s", open[i]);
    }
}

static const char *lookup(void *user_data, const char *name)
{
    (*(int *)user_data)++;
    if (strcmp(name, "HOST") == 0) return "h1";
    if (strcmp(name, "EMPTY") == 0) return "";
    return NULL;
}

static void variables(void **state)
{
    (void)state;
    static const char *const good[][2] = {
        {"", ""},
        {"plain $ {x} $$", "plain $ {x} $$"},
        {"${HOST}", "h1"},
        {"a${HOST}:${HOST}b", "ah1:h1b"},
        {"${EMPTY}|${EMPTY:-x}", "|"},
        {"${NONE:-d e:-f}", "d e:-f"},
        {"${NONE:-}", ""},
        {"$${HOST}", "$h1"},
    };
    static const char *const bad[][2] = {
        {"${NONE}", "'NONE' is not defined"}, {"${HOST", "no closing '}'"},
        {"${}", "'${}' is not a variable"},   {"${a b}", "not a variable"},
        {"${HOST:x}", "not a variable"},      {"${HOST}${", "no closing"},
    };
    int n_lookups = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++) {
        struct strbuf buf = {0};
        struct laminar_error err = LAMINAR_ERROR_INIT;
        assert_int_equal(sql_substitute_variables(good[i][0], strlen(good[i][0]), lookup,
                                                  &n_lookups, &buf, &err),
                         LAMINAR_OK);
        assert_string_equal(buf.data ? buf.data : "", good[i][1]);
        strbuf_deinit(&buf);
    }
    assert_true(n_lookups > 5);
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        struct strbuf buf = {0};
        struct laminar_error err = LAMINAR_ERROR_INIT;
        assert_int_equal(
            sql_substitute_variables(bad[i][0], strlen(bad[i][0]), lookup, &n_lookups, &buf, &err),
            LAMINAR_SQL_PARSE_ERROR);
        if (!strstr(err.message, bad[i][1])) fail_msg("%s: %s", bad[i][0], err.message);
        assert_true(err.hint[0] != 0);
        strbuf_deinit(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(token_kinds, sql_test_teardown),
        cmocka_unit_test_teardown(key_words, sql_test_teardown),
        cmocka_unit_test_teardown(key_words_as_names, sql_test_teardown),
        cmocka_unit_test_teardown(unfinished, sql_test_teardown),
        cmocka_unit_test_teardown(variables, sql_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
