/* sql_test.c - see sql_test.h. */
#include "sql_test.h"

struct arena sql_test_arena;

struct ast_script *parse_ok(const char *sql)
{
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct ast_script *script = NULL;
    if (sql_parse(&sql_test_arena, sql, strlen(sql), &script, &err) != LAMINAR_OK)
        fail_msg("%s\n%d:%d: %s (%s)", sql, err.line, err.column, err.message, err.hint);
    return script;
}

struct ast_statement *parse_one(const char *sql)
{
    struct ast_script *script = parse_ok(sql);
    assert_int_equal(script->n, 1);
    return script->statements[0];
}

struct ast_expr *parse_expr_ok(const char *sql)
{
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct ast_expr *expr = NULL;
    if (sql_parse_expr(&sql_test_arena, sql, strlen(sql), &expr, &err) != LAMINAR_OK)
        fail_msg("%s\n%d:%d: %s (%s)", sql, err.line, err.column, err.message, err.hint);
    return expr;
}

struct ast_select *parse_select_ok(const char *sql)
{
    struct ast_statement *statement = parse_one(sql);
    assert_int_equal(statement->kind, AST_STMT_QUERY);
    assert_int_equal(statement->u.query->body->kind, AST_BODY_SELECT);
    return statement->u.query->body->u.select;
}

static const char *take(struct strbuf *buf)
{
    assert_false(buf->failed);
    const char *text = arena_strndup(&sql_test_arena, buf->data ? buf->data : "", buf->size);
    assert_non_null(text);
    strbuf_deinit(buf);
    return text;
}

const char *round_trip(const char *sql)
{
    struct strbuf first = {0}, second = {0};
    sql_print_script(&first, parse_ok(sql));
    const char *printed = take(&first);
    sql_print_script(&second, parse_ok(printed));
    assert_string_equal(take(&second), printed);
    return printed;
}

const char *round_trip_expr(const char *sql)
{
    struct strbuf first = {0}, second = {0};
    sql_print_expr(&first, parse_expr_ok(sql));
    const char *printed = take(&first);
    sql_print_expr(&second, parse_expr_ok(printed));
    assert_string_equal(take(&second), printed);
    return printed;
}

void check_error(const char *sql, size_t size, int line, int column, const char *message,
                 const char *hint)
{
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct ast_script *script = NULL;
    if (sql_parse(&sql_test_arena, sql, size, &script, &err) == LAMINAR_OK)
        fail_msg("accepted: %.*s", (int)size, sql);
    bool is_as_said = err.code == LAMINAR_SQL_PARSE_ERROR && err.line == line &&
                      err.column == column && strstr(err.message, message) &&
                      (!hint || (hint[0] ? strstr(err.hint, hint) != NULL : !err.hint[0]));
    if (!is_as_said)
        fail_msg("%.*s\nexpected %d:%d: %s (%s)\ngot      %d:%d: %s (%s)", (int)size, sql, line,
                 column, message, hint ? hint : "any", err.line, err.column, err.message, err.hint);
    assert_null(script);
}

int sql_test_teardown(void **state)
{
    (void)state;
    arena_deinit(&sql_test_arena);
    assert_int_equal(mem_live_count(), 0);
    return 0;
}
