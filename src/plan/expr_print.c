/* expr_print.c - bound expressions as SQL-like text, for EXPLAIN and messages. Implicit casts
 * show as x::TYPE. */
#include "plan/plan_internal.h"

enum {
    PREC_OR = 1,
    PREC_AND = 2,
    PREC_NOT = 3,
    PREC_COMPARE = 5,
    PREC_OTHER = 6,
    PREC_ADD = 7,
    PREC_MULTIPLY = 8,
    PREC_UNARY = 9,
    PREC_ATOM = 10
};

struct infix {
    const char *name; /* of the function */
    const char *text;
    int precedence;
};
static const struct infix infixes[] = {
    {"=", "=", PREC_COMPARE},
    {"<>", "<>", PREC_COMPARE},
    {"<", "<", PREC_COMPARE},
    {"<=", "<=", PREC_COMPARE},
    {">", ">", PREC_COMPARE},
    {">=", ">=", PREC_COMPARE},
    {"is_distinct_from", "IS DISTINCT FROM", PREC_COMPARE},
    {"is_not_distinct_from", "IS NOT DISTINCT FROM", PREC_COMPARE},
    {"like", "LIKE", PREC_COMPARE},
    {"ilike", "ILIKE", PREC_COMPARE},
    {"similar to", "SIMILAR TO", PREC_COMPARE},
    {"~", "~", PREC_COMPARE},
    {"!~", "!~", PREC_COMPARE},
    {"~*", "~*", PREC_COMPARE},
    {"!~*", "!~*", PREC_COMPARE},
    {"||", "||", PREC_OTHER},
    {"|", "|", PREC_OTHER},
    {"&", "&", PREC_OTHER},
    {"#", "#", PREC_OTHER},
    {"<<", "<<", PREC_OTHER},
    {">>", ">>", PREC_OTHER},
    {"->", "->", PREC_OTHER},
    {"->>", "->>", PREC_OTHER},
    {"#>", "#>", PREC_OTHER},
    {"#>>", "#>>", PREC_OTHER},
    {"+", "+", PREC_ADD},
    {"-", "-", PREC_ADD},
    {"*", "*", PREC_MULTIPLY},
    {"/", "/", PREC_MULTIPLY},
    {"%", "%", PREC_MULTIPLY},
    {"^", "^", PREC_UNARY},
};

static const struct infix *find_infix(const struct expr *e)
{
    if (e->kind != EXPR_CALL || e->is_cast || e->n_args != 2) return NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(infixes); i++)
        if (strcmp(infixes[i].name, e->fn->name) == 0) return &infixes[i];
    return NULL;
}

static const char *postfix_text(const struct expr *e)
{
    if (e->kind != EXPR_CALL || e->is_cast || e->n_args != 1) return NULL;
    static const char *const table[][2] = {
        {"is_null", "IS NULL"},   {"is_not_null", "IS NOT NULL"},
        {"is_true", "IS TRUE"},   {"is_not_true", "IS NOT TRUE"},
        {"is_false", "IS FALSE"}, {"is_not_false", "IS NOT FALSE"}};
    for (size_t i = 0; i < ARRAY_LENGTH(table); i++)
        if (strcmp(table[i][0], e->fn->name) == 0) return table[i][1];
    return NULL;
}

static void print(const struct expr *e, const struct plan *input, struct strbuf *out, int context);

static void print_column(uint32_t column, const struct plan *input, struct strbuf *out)
{
    if (!input || column >= input->n_cols) {
        strbuf_printf(out, "#%u", column);
        return;
    }
    const struct plan_column *col = &input->cols[column];
    bool is_ambiguous = false;
    for (uint32_t i = 0; i < input->n_cols && !is_ambiguous; i++)
        is_ambiguous = i != column && strcmp(input->cols[i].name, col->name) == 0;
    if (is_ambiguous && col->table) strbuf_printf(out, "%s.", col->table);
    strbuf_puts(out, col->name);
}

static void print_const(const struct expr *e, struct strbuf *out)
{
    if (expr_is_const_null(e)) {
        strbuf_puts(out, "NULL");
        return;
    }
    switch ((laminar_type)e->type.id) {
    case LAMINAR_TYPE_VARCHAR:
    case LAMINAR_TYPE_JSON:
    case LAMINAR_TYPE_BINARY:
    case LAMINAR_TYPE_UUID: break;
    case LAMINAR_TYPE_DATE: strbuf_puts(out, "DATE "); break;
    case LAMINAR_TYPE_TIME: strbuf_puts(out, "TIME "); break;
    case LAMINAR_TYPE_TIMESTAMP:
    case LAMINAR_TYPE_TIMESTAMPTZ: strbuf_puts(out, "TIMESTAMP "); break;
    case LAMINAR_TYPE_INTERVAL: strbuf_puts(out, "INTERVAL "); break;
    default: text_print_value(out, &e->value, 0); return;
    }
    struct strbuf text = {0};
    text_print_value(&text, &e->value, 0);
    strbuf_putc(out, '\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\'') strbuf_putc(out, '\'');
        strbuf_putc(out, text.data[i]);
    }
    strbuf_putc(out, '\'');
    if (text.failed) out->failed = true;
    strbuf_deinit(&text);
}

static void print_list(struct expr *const *args, uint32_t from, uint32_t n, const char *separator,
                       const struct plan *input, struct strbuf *out, int context)
{
    for (uint32_t i = from; i < n; i++) {
        if (i > from) strbuf_puts(out, separator);
        print(args[i], input, out, context);
    }
}

static void print_call(const struct expr *e, const struct plan *input, struct strbuf *out,
                       int context)
{
    const struct infix *infix = find_infix(e);
    const char *postfix = postfix_text(e);
    if (e->is_cast) {
        print(e->args[0], input, out, PREC_ATOM);
        strbuf_puts(out, "::");
        type_print(e->type, out);
    } else if (infix) {
        bool needs_parens = infix->precedence < context;
        if (needs_parens) strbuf_putc(out, '(');
        print(e->args[0], input, out,
              infix->precedence == PREC_COMPARE ? PREC_COMPARE + 1 : infix->precedence);
        strbuf_printf(out, " %s ", infix->text);
        print(e->args[1], input, out, infix->precedence + 1);
        if (needs_parens) strbuf_putc(out, ')');
    } else if (postfix) {
        bool needs_parens = PREC_COMPARE < context;
        if (needs_parens) strbuf_putc(out, '(');
        print(e->args[0], input, out, PREC_COMPARE + 1);
        strbuf_printf(out, " %s", postfix);
        if (needs_parens) strbuf_putc(out, ')');
    } else if (expr_is_call(e, "negate")) {
        strbuf_putc(out, '-');
        print(e->args[0], input, out, PREC_UNARY);
    } else if (expr_is_call(e, "not")) {
        bool needs_parens = PREC_NOT < context;
        if (needs_parens) strbuf_putc(out, '(');
        strbuf_puts(out, "NOT ");
        print(e->args[0], input, out, PREC_NOT);
        if (needs_parens) strbuf_putc(out, ')');
    } else {
        strbuf_printf(out, "%s(", e->fn->name);
        print_list(e->args, 0, e->n_args, ", ", input, out, 0);
        strbuf_putc(out, ')');
    }
}

static void print_case(const struct expr *e, const struct plan *input, struct strbuf *out)
{
    strbuf_puts(out, "CASE");
    for (uint32_t i = 0; i + 1 < e->n_args; i += 2) {
        strbuf_puts(out, " WHEN ");
        print(e->args[i], input, out, 0);
        strbuf_puts(out, " THEN ");
        print(e->args[i + 1], input, out, 0);
    }
    if (!expr_is_const_null(e->args[e->n_args - 1])) {
        strbuf_puts(out, " ELSE ");
        print(e->args[e->n_args - 1], input, out, 0);
    }
    strbuf_puts(out, " END");
}

static void print(const struct expr *e, const struct plan *input, struct strbuf *out, int context)
{
    switch (e->kind) {
    case EXPR_COLUMN: print_column(e->column, input, out); break;
    case EXPR_CONST: print_const(e, out); break;
    case EXPR_CALL: print_call(e, input, out, context); break;
    case EXPR_AND:
    case EXPR_OR: {
        int precedence = e->kind == EXPR_AND ? PREC_AND : PREC_OR;
        if (precedence < context) strbuf_putc(out, '(');
        print_list(e->args, 0, e->n_args, e->kind == EXPR_AND ? " AND " : " OR ", input, out,
                   precedence + 1);
        if (precedence < context) strbuf_putc(out, ')');
        break;
    }
    case EXPR_CASE: print_case(e, input, out); break;
    case EXPR_COALESCE:
        strbuf_puts(out, "coalesce(");
        print_list(e->args, 0, e->n_args, ", ", input, out, 0);
        strbuf_putc(out, ')');
        break;
    case EXPR_IN_LIST:
        if (PREC_COMPARE < context) strbuf_putc(out, '(');
        print(e->args[0], input, out, PREC_COMPARE + 1);
        strbuf_puts(out, e->is_negated ? " NOT IN (" : " IN (");
        print_list(e->args, 1, e->n_args, ", ", input, out, 0);
        strbuf_putc(out, ')');
        if (PREC_COMPARE < context) strbuf_putc(out, ')');
        break;
    case EXPR_SUBQUERY: strbuf_puts(out, "(subquery)"); break;
    case EXPR_OUTER: strbuf_printf(out, "outer#%u", e->column); break;
    }
}

void expr_print(const struct expr *e, const struct plan *input, struct strbuf *out)
{
    print(e, input, out, 0);
}
