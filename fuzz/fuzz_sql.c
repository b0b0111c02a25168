/* fuzz_sql.c - any bytes as SQL: reading them never crashes, tokens tile the text, and what was
 * accepted prints to text that parses again and prints the same. */
#include "base/strbuf.h"
#include "sql/lexer.h"
#include "sql/parser.h"
#include "sql/printer.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) abort();
}

static void check_tokens(const char *text, size_t size)
{
    struct sql_lexer lexer;
    sql_lexer_init(&lexer, text, size);
    lexer.keep_comments = true;
    uint32_t end = 0;
    for (;;) {
        struct sql_token token = sql_lexer_next(&lexer);
        must(token.start >= end && token.end <= size);
        if (token.kind == SQL_TOKEN_END) break;
        must(token.end > token.start);
        end = token.end;
    }
    sql_is_incomplete(text, size);
}

/* Statements: print, parse, print. */
static void check_script(const char *text, size_t size)
{
    struct arena arena = {0};
    struct strbuf first = {0}, second = {0};
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct ast_script *script = NULL, *again = NULL;
    laminar_status status = sql_parse(&arena, text, size, &script, &err);
    must(status == LAMINAR_OK || status == LAMINAR_SQL_PARSE_ERROR);
    if (status == LAMINAR_OK) {
        sql_print_script(&first, script);
        must(!first.failed);
        const char *printed = first.data ? first.data : "";
        must(sql_parse(&arena, printed, first.size, &again, &err) == LAMINAR_OK);
        sql_print_script(&second, again);
        must(script->n == again->n);
        must(first.size == second.size &&
             memcmp(printed, second.data ? second.data : "", first.size) == 0);
    } else {
        must(err.message[0] && err.line > 0 && err.column > 0);
    }
    strbuf_deinit(&first);
    strbuf_deinit(&second);
    arena_deinit(&arena);
}

/* One expression: print, parse, print, and its name. */
static void check_expr(const char *text, size_t size)
{
    struct arena arena = {0};
    struct strbuf first = {0}, second = {0};
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct ast_expr *expr = NULL, *again = NULL;
    if (sql_parse_expr(&arena, text, size, &expr, &err) == LAMINAR_OK) {
        sql_print_expr(&first, expr);
        must(sql_parse_expr(&arena, first.data, first.size, &again, &err) == LAMINAR_OK);
        sql_print_expr(&second, again);
        must(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
        const char *name = sql_expr_name(&arena, expr);
        must(name && name[0]);
    }
    strbuf_deinit(&first);
    strbuf_deinit(&second);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    check_tokens(text, size);
    check_script(text, size);
    check_expr(text, size);
    return 0;
}
