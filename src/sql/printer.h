/* printer.h - syntax tree to SQL text, normalised: key words upper case, one space, names quoted only where needed, parentheses only where
 * precedence asks for them. The text parses to an equal tree, so printing is a fixpoint: print(parse(print(parse(x)))) == print(parse(x)).
 * Memory running out shows in buf->failed. */
#ifndef SQL_PRINTER_H
#define SQL_PRINTER_H

#include "base/strbuf.h"
#include "sql/ast.h"

/* statements, each ended by ";\n" */
void sql_print_script(struct strbuf *buf, const struct ast_script *script);
void sql_print_statement(struct strbuf *buf, const struct ast_statement *statement);
/* For people: passwords and the like in options are hidden (base/secret.h). Does not parse to the same tree. */
void sql_print_statement_masked(struct strbuf *buf, const struct ast_statement *statement);
void sql_print_query(struct strbuf *buf, const struct ast_query *query);
void sql_print_expr(struct strbuf *buf, const struct ast_expr *expr);
void sql_print_type(struct strbuf *buf, const struct ast_type_name *type);
void sql_print_qname(struct strbuf *buf, const struct ast_qname *name);
/* A name, in double quotes where it would not come back as itself. */
void sql_print_name(struct strbuf *buf, const char *text, size_t size);
/* 'a string', quotes doubled. */
void sql_print_string(struct strbuf *buf, const char *text, size_t size);

/* The name of a select item that has no alias: a column's own name, else the expression as text with function names in lower case: `count(*)`,
 * `sum(s.v)`, `a + 1`. In the arena; NULL when memory is out. */
struct arena;
const char *sql_expr_name(struct arena *arena, const struct ast_expr *expr);

/* Spellings. */
const char *sql_binary_op_text(enum ast_binary_op op);
const char *sql_unit_text(enum ast_unit unit);
const char *sql_statement_text(enum ast_statement_kind kind); /* "CREATE SOURCE" */
const char *sql_object_text(enum ast_object_kind kind);       /* "MATERIALIZED VIEW" */

#endif
