/* printer_internal.h - what the files of the printer share. */
#ifndef SQL_PRINTER_INTERNAL_H
#define SQL_PRINTER_INTERNAL_H

#include "sql/keywords.h"
#include "sql/printer.h"

struct printer {
    struct strbuf *buf;
    bool is_label;      /* the text names a column: names go without quotes */
    bool hides_secrets; /* of options */
};

void print_text(struct printer *pr, const char *text);
void print_name(struct printer *pr, const struct ast_name *name);
/* quoted also when it is any key word at all */
void print_safe_name(struct printer *pr, const struct ast_name *name);
void print_qname(struct printer *pr, const struct ast_qname *name);
void print_names(struct printer *pr, const struct ast_name_list *names); /* (a, b) */
void print_literal(struct printer *pr, const char *text, size_t size);   /* 'text' */
void print_u64(struct printer *pr, uint64_t value);

void print_type(struct printer *pr, const struct ast_type_name *type);
/* In parentheses when it binds more loosely than `precedence`. */
void print_expr_above(struct printer *pr, const struct ast_expr *expr, unsigned precedence);
void print_expr(struct printer *pr, const struct ast_expr *expr);
/* without parentheses */
void print_expr_list(struct printer *pr, const struct ast_expr_list *list);
void print_order_items(struct printer *pr, const struct ast_order_list *items);
void print_window(struct printer *pr, const struct ast_window *window);
void print_function(struct printer *pr, const struct ast_function *function, bool is_table);
void print_table_ref(struct printer *pr, const struct ast_table_ref *table);
void print_tables(struct printer *pr, struct ast_table_ref *const *tables, size_t n);
void print_query(struct printer *pr, const struct ast_query *query);

#endif
