/* sql_test.h - what the tests of the SQL layer share: parsing with a fresh arena, printing, and checks of errors. */
#ifndef SQL_TEST_H
#define SQL_TEST_H

#include "base/strbuf.h"
#include "sql/lexer.h"
#include "sql/parser.h"
#include "sql/printer.h"
#include "unit.h"
#include <string.h>

/* Emptied by sql_test_teardown. */
extern struct arena sql_test_arena;

/* Parses; fails the test with the error when that is refused. */
struct ast_script *parse_ok(const char *sql);
struct ast_statement *parse_one(const char *sql); /* exactly one statement */
struct ast_expr *parse_expr_ok(const char *sql);
struct ast_select *parse_select_ok(const char *sql); /* one SELECT without set operations */

/* `sql` parses, and its printed form parses and prints the same. Returns the printed form, in the test's arena. */
const char *round_trip(const char *sql);
const char *round_trip_expr(const char *sql);

/* `sql` is refused with LAMINAR_SQL_PARSE_ERROR at line:column, with `message` in the message and `hint` in the hint
 * ("" checks that there is none, NULL does not check). */
void check_error(const char *sql, size_t size, int line, int column, const char *message,
                 const char *hint);

int sql_test_teardown(void **state);

#endif
