/* parser.h - SQL text to syntax tree.
 *
 * Recursive descent, with precedence climbing for expressions, over the tokens of lexer.h. One pass, no backtracking beyond a few tokens of
 * look-ahead; time and memory are linear in the text. Errors are LAMINAR_SQL_PARSE_ERROR with line, column and, for the usual mistakes, a hint.
 * Nothing is global: any number of threads may parse, each with its own arena. The deepest text that is accepted needs about 700 KiB of stack. */
#ifndef SQL_PARSER_H
#define SQL_PARSER_H

#include "base/error.h"
#include "base/mem.h"
#include "sql/ast.h"

struct strbuf;

/* Parses statements separated by `;` (empty ones are skipped; a text without any gives n == 0). The tree borrows `sql` for positions only: names
 * and texts are copied into the arena. `sql` need not be zero-terminated. On failure *out is untouched; the arena may hold garbage. */
laminar_status sql_parse(struct arena *arena, const char *sql, size_t size, struct ast_script **out,
                         struct laminar_error *err) must_check;

/* Parses one expression, all of the text: a filter. */
laminar_status sql_parse_expr(struct arena *arena, const char *sql, size_t size,
                              struct ast_expr **out, struct laminar_error *err) must_check;

/* Parses one type name, all of the text: "DECIMAL(10, 2)". */
laminar_status sql_parse_type(struct arena *arena, const char *sql, size_t size,
                              struct ast_type_name **out, struct laminar_error *err) must_check;

/* True when a shell should ask for another line: the text ends inside quotes, a comment or parentheses, or its last statement has no `;`. A text of
 * blanks and comments only is complete. */
bool sql_is_incomplete(const char *text, size_t size);

/* Replaces ${VAR} and ${VAR:-default} in `text`, appending to `out`. `lookup` returns the value (borrowed) or NULL when undefined. A lone `$` stays; an
 * undefined variable without default, or a `${` without `}`, is LAMINAR_SQL_PARSE_ERROR without position (the caller knows where). */
laminar_status sql_substitute_variables(const char *text, size_t size,
                                        const char *(*lookup)(void *user_data, const char *name),
                                        void *user_data, struct strbuf *out,
                                        struct laminar_error *err) must_check;

#endif
