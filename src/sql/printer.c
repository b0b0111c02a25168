/* printer.c - names, types and expressions as SQL; see printer.h. Parentheses come from precedence: each operand is printed with the lowest precedence that
 * may stand there bare, which mirrors what the parser reads there (parse_expr.c). */
#include "sql/parser_internal.h"
#include "sql/printer_internal.h"
#include <inttypes.h>
#include <string.h>

/* --- Spellings -------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    unsigned precedence;
} binary_ops[] = {
#define BINARY_ROW(name, text, precedence) {text, precedence},
    AST_BINARY_LIST(BINARY_ROW)
#undef BINARY_ROW
};

const char *sql_binary_op_text(enum ast_binary_op op)
{
    return (size_t)op < ARRAY_LENGTH(binary_ops) ? binary_ops[op].text : "";
}

const char *sql_unit_text(enum ast_unit unit)
{
    static const char *const texts[] = {"",
#define UNIT_TEXT(name, text) text,
                                        AST_UNIT_LIST(UNIT_TEXT)
#undef UNIT_TEXT
    };
    return (size_t)unit < ARRAY_LENGTH(texts) ? texts[unit] : "";
}

/* --- Names and literals ----------------------------------------------------------------------------------------------- */

void print_text(struct printer *pr, const char *text) { strbuf_puts(pr->buf, text); }

void print_u64(struct printer *pr, uint64_t value) { strbuf_printf(pr->buf, "%" PRIu64, value); }

/* [a-z_][a-z0-9_]* */
static bool is_plain_word(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        bool is_ok = (c >= 'a' && c <= 'z') || c == '_' || (i > 0 && c >= '0' && c <= '9');
        if (!is_ok) return false;
    }
    return size > 0;
}

static void print_delimited(struct strbuf *buf, const char *text, size_t size, char quote)
{
    strbuf_putc(buf, quote);
    size_t start = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] != quote) continue;
        strbuf_append(buf, text + start, i + 1 - start);
        strbuf_putc(buf, quote);
        start = i + 1;
    }
    strbuf_append(buf, text + start, size - start);
    strbuf_putc(buf, quote);
}

enum { MUST_QUOTE = SQL_KEYWORD_RESERVED | SQL_KEYWORD_NO_ALIAS | SQL_KEYWORD_SPECIAL };

void sql_print_name(struct strbuf *buf, const char *text, size_t size)
{
    bool is_bare = is_plain_word(text, size) &&
                   !(sql_keyword_flags(sql_keyword_find(text, size)) & MUST_QUOTE);
    if (is_bare)
        strbuf_append(buf, text, size);
    else
        print_delimited(buf, text, size, '"');
}

void sql_print_string(struct strbuf *buf, const char *text, size_t size)
{
    print_delimited(buf, text, size, '\'');
}

void print_literal(struct printer *pr, const char *text, size_t size)
{
    sql_print_string(pr->buf, text, size);
}

void print_name(struct printer *pr, const struct ast_name *name)
{
    if (pr->is_label)
        strbuf_append(pr->buf, name->text, name->size);
    else
        sql_print_name(pr->buf, name->text, name->size);
}

void print_safe_name(struct printer *pr, const struct ast_name *name)
{
    bool is_keyword = sql_keyword_find(name->text, name->size) != SQL_KW_NONE;
    if (is_keyword && !pr->is_label)
        print_delimited(pr->buf, name->text, name->size, '"');
    else
        print_name(pr, name);
}

void print_qname(struct printer *pr, const struct ast_qname *name)
{
    for (size_t i = 0; i < name->n; i++) {
        if (i) print_text(pr, ".");
        print_name(pr, &name->parts[i]);
    }
}

void print_names(struct printer *pr, const struct ast_name_list *names)
{
    for (size_t i = 0; i < names->n; i++) {
        print_text(pr, i ? ", " : "(");
        print_name(pr, &names->items[i]);
    }
    print_text(pr, names->n ? ")" : "()");
}

/* --- Types ------------------------------------------------------------------------------------------------------------ */

static void print_type_word(struct printer *pr, const struct ast_name *name)
{
    enum sql_keyword keyword = sql_keyword_find(name->text, name->size);
    bool is_shape = keyword == SQL_KW_ARRAY || keyword == SQL_KW_MAP || keyword == SQL_KW_STRUCT ||
                    keyword == SQL_KW_ROW || keyword == SQL_KW_CHARACTER;
    bool is_bare = is_plain_word(name->text, name->size) && !is_shape &&
                   !(sql_keyword_flags(keyword) & SQL_KEYWORD_RESERVED);
    if (!is_bare) {
        print_delimited(pr->buf, name->text, name->size, '"');
        return;
    }
    for (size_t i = 0; i < name->size; i++) {
        char c = name->text[i];
        strbuf_putc(pr->buf, c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
    }
}

static void print_simple_type(struct printer *pr, const struct ast_type_name *type)
{
    print_type_word(pr, &type->name);
    for (size_t i = 0; i < type->n_args; i++) {
        print_text(pr, i ? ", " : "(");
        print_u64(pr, type->args[i]);
    }
    if (type->n_args) print_text(pr, ")");
    if (type->zone == AST_ZONE_WITH) print_text(pr, " WITH TIME ZONE");
    if (type->zone == AST_ZONE_WITHOUT) print_text(pr, " WITHOUT TIME ZONE");
    if (type->is_unsigned) print_text(pr, " UNSIGNED");
}

void print_type(struct printer *pr, const struct ast_type_name *type)
{
    switch (type->kind) {
    case AST_TYPE_SIMPLE: print_simple_type(pr, type); break;
    case AST_TYPE_ARRAY:
        print_type(pr, type->element);
        print_text(pr, "[");
        if (type->has_length) print_u64(pr, type->length);
        print_text(pr, "]");
        break;
    case AST_TYPE_STRUCT:
        print_text(pr, "STRUCT<");
        for (size_t i = 0; i < type->n_fields; i++) {
            if (i) print_text(pr, ", ");
            print_name(pr, &type->fields[i].name);
            print_text(pr, " ");
            print_type(pr, type->fields[i].type);
        }
        print_text(pr, ">");
        break;
    case AST_TYPE_MAP:
        print_text(pr, "MAP<");
        print_type(pr, type->key);
        print_text(pr, ", ");
        print_type(pr, type->element);
        print_text(pr, ">");
        break;
    }
}

/* --- Simple expressions ----------------------------------------------------------------------------------------------- */

static unsigned expr_precedence(const struct ast_expr *expr)
{
    switch (expr->kind) {
    case AST_EXPR_LOGICAL: return expr->u.logical.is_or ? PRECEDENCE_OR : PRECEDENCE_AND;
    case AST_EXPR_UNARY:
        if (expr->u.unary.op == AST_UNARY_NOT) return PRECEDENCE_NOT;
        return expr->u.unary.op == AST_UNARY_BIT_NOT ? PRECEDENCE_OTHER : PRECEDENCE_SIGN;
    case AST_EXPR_IS: return PRECEDENCE_IS;
    case AST_EXPR_BINARY: return binary_ops[expr->u.binary.op].precedence;
    case AST_EXPR_QUANTIFIED: return PRECEDENCE_COMPARE;
    case AST_EXPR_BETWEEN:
    case AST_EXPR_IN_LIST:
    case AST_EXPR_IN_QUERY: return PRECEDENCE_LIKE;
    case AST_EXPR_LIKE:
        return expr->u.like.kind == AST_REGEX || expr->u.like.kind == AST_REGEX_NO_CASE
                   ? PRECEDENCE_OTHER
                   : PRECEDENCE_LIKE;
    case AST_EXPR_COLLATE: return PRECEDENCE_COLLATE;
    case AST_EXPR_AT_TIME_ZONE: return PRECEDENCE_AT_ZONE;
    default: return PRECEDENCE_POSTFIX;
    }
}

static void print_blob(struct printer *pr, const struct ast_expr *expr)
{
    print_text(pr, "x'");
    for (size_t i = 0; i < expr->u.blob.size; i++)
        strbuf_printf(pr->buf, "%02x", expr->u.blob.bytes[i]);
    print_text(pr, "'");
}

static void print_interval(struct printer *pr, const struct ast_interval *interval)
{
    print_text(pr, "INTERVAL ");
    if (interval->value) {
        print_text(pr, "(");
        print_expr(pr, interval->value);
        print_text(pr, ")");
    } else {
        print_literal(pr, interval->text, interval->size);
    }
    if (interval->from != AST_UNIT_NONE)
        strbuf_printf(pr->buf, " %s", sql_unit_text(interval->from));
    if (interval->to != AST_UNIT_NONE)
        strbuf_printf(pr->buf, " TO %s", sql_unit_text(interval->to));
}

static void print_parameter(struct printer *pr, const struct ast_expr *expr)
{
    switch (expr->u.parameter.kind) {
    case AST_PARAMETER_POSITIONAL: print_text(pr, "?"); break;
    case AST_PARAMETER_NUMBERED: strbuf_printf(pr->buf, "$%u", expr->u.parameter.index + 1); break;
    case AST_PARAMETER_NAMED: strbuf_printf(pr->buf, ":%s", expr->u.parameter.name.text); break;
    }
}

static void print_star(struct printer *pr, const struct ast_expr *expr)
{
    if (expr->u.star.qualifier.n) {
        print_qname(pr, &expr->u.star.qualifier);
        print_text(pr, ".");
    }
    print_text(pr, "*");
    if (expr->u.star.exclude.n) {
        print_text(pr, " EXCLUDE ");
        print_names(pr, &expr->u.star.exclude);
    }
    for (size_t i = 0; i < expr->u.star.n_replace; i++) {
        print_text(pr, i ? ", " : " REPLACE (");
        print_expr(pr, expr->u.star.replace[i].expr);
        print_text(pr, " AS ");
        print_name(pr, &expr->u.star.replace[i].name);
    }
    if (expr->u.star.n_replace) print_text(pr, ")");
}

/* --- Operators -------------------------------------------------------------------------------------------------------- */

static void print_unary(struct printer *pr, const struct ast_expr *expr)
{
    const struct ast_expr *operand = expr->u.unary.operand;
    switch (expr->u.unary.op) {
    case AST_UNARY_NOT:
        print_text(pr, "NOT ");
        print_expr_above(pr, operand, PRECEDENCE_NOT);
        break;
    case AST_UNARY_BIT_NOT:
        print_text(pr, "~");
        print_expr_above(pr, operand, PRECEDENCE_OTHER + 1);
        break;
    case AST_UNARY_MINUS:
    case AST_UNARY_PLUS: {
        bool is_minus = expr->u.unary.op == AST_UNARY_MINUS;
        bool has_sign = operand->kind == AST_EXPR_UNARY && operand->u.unary.op == expr->u.unary.op;
        print_text(pr, is_minus ? "-" : "+");
        if (has_sign) print_text(pr, " "); /* `--` begins a comment */
        print_expr_above(pr, operand, PRECEDENCE_SIGN);
        break;
    }
    }
}

static void print_binary(struct printer *pr, const struct ast_expr *expr)
{
    unsigned precedence = expr_precedence(expr);
    print_expr_above(pr, expr->u.binary.left, precedence);
    strbuf_printf(pr->buf, " %s ", sql_binary_op_text(expr->u.binary.op));
    print_expr_above(pr, expr->u.binary.right, precedence + 1);
}

static void print_logical(struct printer *pr, const struct ast_expr *expr)
{
    unsigned precedence = expr_precedence(expr);
    for (size_t i = 0; i < expr->u.logical.operands.n; i++) {
        if (i) print_text(pr, expr->u.logical.is_or ? " OR " : " AND ");
        print_expr_above(pr, expr->u.logical.operands.items[i], precedence + 1);
    }
}

static void print_is(struct printer *pr, const struct ast_expr *expr)
{
    static const char *const words[] = {[AST_IS_NULL] = "NULL",
                                        [AST_IS_TRUE] = "TRUE",
                                        [AST_IS_FALSE] = "FALSE",
                                        [AST_IS_UNKNOWN] = "UNKNOWN"};
    print_expr_above(pr, expr->u.is.operand, PRECEDENCE_IS);
    strbuf_printf(pr->buf, " IS %s%s", expr->u.is.is_negated ? "NOT " : "", words[expr->u.is.what]);
}

static void print_like(struct printer *pr, const struct ast_expr *expr)
{
    static const char *const words[][2] = {[AST_LIKE] = {"LIKE", "NOT LIKE"},
                                           [AST_ILIKE] = {"ILIKE", "NOT ILIKE"},
                                           [AST_SIMILAR] = {"SIMILAR TO", "NOT SIMILAR TO"},
                                           [AST_REGEX] = {"~", "!~"},
                                           [AST_REGEX_NO_CASE] = {"~*", "!~*"}};
    unsigned precedence = expr_precedence(expr);
    print_expr_above(pr, expr->u.like.operand, precedence);
    strbuf_printf(pr->buf, " %s ", words[expr->u.like.kind][expr->u.like.is_negated]);
    print_expr_above(pr, expr->u.like.pattern, precedence + 1);
    if (expr->u.like.escape) {
        print_text(pr, " ESCAPE ");
        print_expr(pr, expr->u.like.escape);
    }
}

static void print_between(struct printer *pr, const struct ast_expr *expr)
{
    print_expr_above(pr, expr->u.between.operand, PRECEDENCE_LIKE);
    print_text(pr, expr->u.between.is_negated ? " NOT BETWEEN " : " BETWEEN ");
    if (expr->u.between.is_symmetric) print_text(pr, "SYMMETRIC ");
    print_expr_above(pr, expr->u.between.low, PRECEDENCE_LIKE + 1);
    print_text(pr, " AND ");
    print_expr_above(pr, expr->u.between.high, PRECEDENCE_LIKE + 1);
}

static void print_in_query(struct printer *pr, const struct ast_expr *expr)
{
    print_expr_above(pr, expr->u.in_query.operand, PRECEDENCE_LIKE);
    print_text(pr, expr->u.in_query.is_negated ? " NOT IN (" : " IN (");
    print_query(pr, expr->u.in_query.query);
    print_text(pr, ")");
}

static void print_in_list(struct printer *pr, const struct ast_expr *expr)
{
    print_expr_above(pr, expr->u.in_list.operand, PRECEDENCE_LIKE);
    print_text(pr, expr->u.in_list.is_negated ? " NOT IN (" : " IN (");
    print_expr_list(pr, &expr->u.in_list.list);
    print_text(pr, ")");
}

static void print_quantified(struct printer *pr, const struct ast_expr *expr)
{
    print_expr_above(pr, expr->u.quantified.operand, PRECEDENCE_COMPARE);
    strbuf_printf(pr->buf, " %s %s (", sql_binary_op_text(expr->u.quantified.op),
                  expr->u.quantified.is_all ? "ALL" : "ANY");
    if (expr->u.quantified.query)
        print_query(pr, expr->u.quantified.query);
    else
        print_expr(pr, expr->u.quantified.array);
    print_text(pr, ")");
}

/* --- Words and brackets ----------------------------------------------------------------------------------------------- */

static void print_case(struct printer *pr, const struct ast_expr *expr)
{
    print_text(pr, "CASE");
    if (expr->u.case_.operand) {
        print_text(pr, " ");
        print_expr(pr, expr->u.case_.operand);
    }
    for (size_t i = 0; i < expr->u.case_.n_whens; i++) {
        print_text(pr, " WHEN ");
        print_expr(pr, expr->u.case_.whens[i].when);
        print_text(pr, " THEN ");
        print_expr(pr, expr->u.case_.whens[i].then);
    }
    if (expr->u.case_.otherwise) {
        print_text(pr, " ELSE ");
        print_expr(pr, expr->u.case_.otherwise);
    }
    print_text(pr, " END");
}

static void print_struct(struct printer *pr, const struct ast_expr *expr)
{
    print_text(pr, "STRUCT(");
    for (size_t i = 0; i < expr->u.structure.n; i++) {
        const struct ast_struct_field *field = &expr->u.structure.fields[i];
        if (i) print_text(pr, ", ");
        print_expr(pr, field->value);
        if (!field->name.text) continue;
        print_text(pr, " AS ");
        print_name(pr, &field->name);
    }
    print_text(pr, ")");
}

static void print_map(struct printer *pr, const struct ast_expr *expr)
{
    print_text(pr, "MAP {");
    for (size_t i = 0; i < expr->u.map.keys.n; i++) {
        if (i) print_text(pr, ", ");
        print_expr(pr, expr->u.map.keys.items[i]);
        print_text(pr, ": ");
        print_expr(pr, expr->u.map.values.items[i]);
    }
    print_text(pr, "}");
}

/* (a, b); with fewer than two it needs its word. */
static void print_row(struct printer *pr, const struct ast_expr *expr)
{
    print_text(pr, expr->u.list.n < 2 ? "ROW(" : "(");
    print_expr_list(pr, &expr->u.list);
    print_text(pr, ")");
}

static void print_slice(struct printer *pr, const struct ast_expr *expr)
{
    print_expr_above(pr, expr->u.slice.operand, PRECEDENCE_POSTFIX);
    print_text(pr, "[");
    if (expr->u.slice.low) print_expr(pr, expr->u.slice.low);
    print_text(pr, ":");
    if (expr->u.slice.high) print_expr(pr, expr->u.slice.high);
    print_text(pr, "]");
}

static void print_field(struct printer *pr, const struct ast_expr *expr)
{
    const struct ast_expr *operand = expr->u.field.operand;
    bool is_bare = operand->kind == AST_EXPR_SUBSCRIPT || operand->kind == AST_EXPR_SLICE ||
                   operand->kind == AST_EXPR_FIELD || operand->kind == AST_EXPR_CAST ||
                   (operand->kind == AST_EXPR_FUNCTION && !operand->u.function->is_bare);
    if (!is_bare) print_text(pr, "(");
    print_expr(pr, operand);
    print_text(pr, is_bare ? "." : ").");
    print_name(pr, &expr->u.field.name);
}

static void print_extract(struct printer *pr, const struct ast_expr *expr)
{
    const struct ast_name *field = &expr->u.extract.field;
    print_text(pr, "EXTRACT(");
    if (is_plain_word(field->text, field->size))
        strbuf_append(pr->buf, field->text, field->size);
    else
        print_literal(pr, field->text, field->size);
    print_text(pr, " FROM ");
    print_expr(pr, expr->u.extract.operand);
    print_text(pr, ")");
}

static void print_table_arg(struct printer *pr, const struct ast_expr *expr)
{
    print_text(pr, "TABLE ");
    if (expr->u.table_arg.query) {
        print_text(pr, "(");
        print_query(pr, expr->u.table_arg.query);
        print_text(pr, ")");
    } else {
        print_qname(pr, &expr->u.table_arg.name);
    }
    if (expr->u.table_arg.partition_by.n) {
        print_text(pr, " PARTITION BY ");
        print_names(pr, &expr->u.table_arg.partition_by);
    }
}

static void print_query_expr(struct printer *pr, const char *word, const struct ast_expr *expr)
{
    print_text(pr, word);
    print_query(pr, expr->u.query);
    print_text(pr, ")");
}

static void print_cast(struct printer *pr, const struct ast_expr *expr)
{
    print_text(pr, expr->u.cast.is_try ? "TRY_CAST(" : "CAST(");
    print_expr(pr, expr->u.cast.operand);
    print_text(pr, " AS ");
    print_type(pr, expr->u.cast.type);
    print_text(pr, ")");
}

static void print_subscript(struct printer *pr, const struct ast_expr *expr)
{
    print_expr_above(pr, expr->u.subscript.operand, PRECEDENCE_POSTFIX);
    print_text(pr, "[");
    print_expr(pr, expr->u.subscript.index);
    print_text(pr, "]");
}

/* --- All of them ------------------------------------------------------------------------------------------------------ */

void print_expr(struct printer *pr, const struct ast_expr *expr)
{
    switch (expr->kind) {
    case AST_EXPR_NULL: print_text(pr, "NULL"); break;
    case AST_EXPR_BOOL: print_text(pr, expr->u.boolean ? "TRUE" : "FALSE"); break;
    case AST_EXPR_NUMBER: strbuf_append(pr->buf, expr->u.number.text, expr->u.number.size); break;
    case AST_EXPR_STRING: print_literal(pr, expr->u.string.text, expr->u.string.size); break;
    case AST_EXPR_BLOB: print_blob(pr, expr); break;
    case AST_EXPR_INTERVAL: print_interval(pr, &expr->u.interval); break;
    case AST_EXPR_TYPED_LITERAL:
        print_type(pr, expr->u.typed.type);
        print_text(pr, " ");
        print_literal(pr, expr->u.typed.text, expr->u.typed.size);
        break;
    case AST_EXPR_DEFAULT: print_text(pr, "DEFAULT"); break;
    case AST_EXPR_PARAMETER: print_parameter(pr, expr); break;
    case AST_EXPR_COLUMN: print_qname(pr, &expr->u.column); break;
    case AST_EXPR_STAR: print_star(pr, expr); break;
    case AST_EXPR_UNARY: print_unary(pr, expr); break;
    case AST_EXPR_BINARY: print_binary(pr, expr); break;
    case AST_EXPR_LOGICAL: print_logical(pr, expr); break;
    case AST_EXPR_IS: print_is(pr, expr); break;
    case AST_EXPR_BETWEEN: print_between(pr, expr); break;
    case AST_EXPR_IN_LIST: print_in_list(pr, expr); break;
    case AST_EXPR_IN_QUERY: print_in_query(pr, expr); break;
    case AST_EXPR_EXISTS: print_query_expr(pr, "EXISTS (", expr); break;
    case AST_EXPR_SUBQUERY: print_query_expr(pr, "(", expr); break;
    case AST_EXPR_QUANTIFIED: print_quantified(pr, expr); break;
    case AST_EXPR_LIKE: print_like(pr, expr); break;
    case AST_EXPR_CASE: print_case(pr, expr); break;
    case AST_EXPR_CAST: print_cast(pr, expr); break;
    case AST_EXPR_FUNCTION: print_function(pr, expr->u.function, false); break;
    case AST_EXPR_EXTRACT: print_extract(pr, expr); break;
    case AST_EXPR_COLLATE:
        print_expr_above(pr, expr->u.collate.operand, PRECEDENCE_COLLATE);
        print_text(pr, " COLLATE ");
        print_qname(pr, &expr->u.collate.collation);
        break;
    case AST_EXPR_AT_TIME_ZONE:
        print_expr_above(pr, expr->u.at_time_zone.operand, PRECEDENCE_AT_ZONE);
        print_text(pr, " AT TIME ZONE ");
        print_expr_above(pr, expr->u.at_time_zone.zone, PRECEDENCE_AT_ZONE + 1);
        break;
    case AST_EXPR_ARRAY:
        print_text(pr, "ARRAY[");
        print_expr_list(pr, &expr->u.list);
        print_text(pr, "]");
        break;
    case AST_EXPR_ARRAY_QUERY: print_query_expr(pr, "ARRAY(", expr); break;
    case AST_EXPR_ROW: print_row(pr, expr); break;
    case AST_EXPR_STRUCT: print_struct(pr, expr); break;
    case AST_EXPR_MAP: print_map(pr, expr); break;
    case AST_EXPR_SUBSCRIPT: print_subscript(pr, expr); break;
    case AST_EXPR_SLICE: print_slice(pr, expr); break;
    case AST_EXPR_FIELD: print_field(pr, expr); break;
    case AST_EXPR_TABLE_ARG: print_table_arg(pr, expr); break;
    case AST_EXPR_DESCRIPTOR:
        print_text(pr, "DESCRIPTOR");
        print_names(pr, &expr->u.descriptor);
        break;
    }
}

void print_expr_above(struct printer *pr, const struct ast_expr *expr, unsigned precedence)
{
    bool needs_parentheses = expr_precedence(expr) < precedence;
    if (needs_parentheses) print_text(pr, "(");
    print_expr(pr, expr);
    if (needs_parentheses) print_text(pr, ")");
}

void print_expr_list(struct printer *pr, const struct ast_expr_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        if (i) print_text(pr, ", ");
        print_expr(pr, list->items[i]);
    }
}

/* --- Public ----------------------------------------------------------------------------------------------------------- */

void sql_print_expr(struct strbuf *buf, const struct ast_expr *expr)
{
    print_expr(&(struct printer){.buf = buf}, expr);
}
void sql_print_type(struct strbuf *buf, const struct ast_type_name *type)
{
    print_type(&(struct printer){.buf = buf}, type);
}
void sql_print_qname(struct strbuf *buf, const struct ast_qname *name)
{
    print_qname(&(struct printer){.buf = buf}, name);
}
void sql_print_query(struct strbuf *buf, const struct ast_query *query)
{
    print_query(&(struct printer){.buf = buf}, query);
}

const char *sql_expr_name(struct arena *arena, const struct ast_expr *expr)
{
    if (expr->kind == AST_EXPR_COLUMN) return ast_qname_last(&expr->u.column)->text;
    if (expr->kind == AST_EXPR_FIELD) return expr->u.field.name.text;
    struct strbuf buf = {0};
    print_expr(&(struct printer){.buf = &buf, .is_label = true}, expr);
    const char *name = buf.failed ? NULL : arena_strndup(arena, buf.data, buf.size);
    strbuf_deinit(&buf);
    return name;
}
