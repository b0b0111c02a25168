/* test_sql_random.c - random expressions, more parentheses and spellings than anyone writes: the printed form must give the
 * very tree that was printed, so each pair of parentheses the printer left out was not needed. The trees are compared as
 * text in which every operator has its parentheses. */
#include "sql_test.h"
#include <stdlib.h>

/* xorshift64* (Sebastiano Vigna, 2014); the seed is fixed, so that a failure comes back. */
static uint64_t next_random(uint64_t *random)
{
    *random ^= *random >> 12;
    *random ^= *random << 25;
    *random ^= *random >> 27;
    return *random * 0x2545F4914F6CDD1DULL;
}

static size_t pick(uint64_t *random, size_t n) { return (size_t)(next_random(random) >> 33) % n; }

/* --- Random text -------------------------------------------------------------------------------------------------- */

/* `%` stands for an operand. */
static const char *const operators[] = {
    "% + %",
    "% - %",
    "% * %",
    "% / %",
    "% ^ %",
    "% || %",
    "% | %",
    "% & %",
    "% # %",
    "% << %",
    "% -> %",
    "% #>> %",
    "% @> %",
    "% = %",
    "% <> %",
    "% < %",
    "% >= %",
    "% AND %",
    "% OR %",
    "% AND % AND %",
    "% OR % OR %",
    "NOT %",
    "-%",
    "+%",
    "~ %",
    "% IS NULL",
    "% IS NOT NULL",
    "% IS NOT TRUE",
    "% IS DISTINCT FROM %",
    "% IS NOT DISTINCT FROM %",
    "% LIKE %",
    "% NOT LIKE %",
    "% ILIKE % ESCAPE '!'",
    "% SIMILAR TO %",
    "% ~ %",
    "% !~* %",
    "% ~~ %",
    "% !~~* %",
    "% BETWEEN % AND %",
    "% NOT BETWEEN SYMMETRIC % AND %",
    "% IN (%, %)",
    "% NOT IN (SELECT %)",
    "% = ANY (%)",
    "% < ALL (SELECT %)",
    "% AT TIME ZONE %",
    "% COLLATE c",
    "%::int",
    "%::text[]",
    "% [%]",
    "% [%:%]",
    "% [:%]",
    "(%).f",
    "f(%, %)",
    "f(%).g",
    "CASE % WHEN % THEN % ELSE % END",
    "CASE WHEN % THEN % END",
    "CAST(% AS MAP<INT, INT>)",
    "INTERVAL (%) DAY",
    "[%, %]",
    "{a: %}",
    "MAP {%: %}",
    "(%, %)",
    "ROW(%)",
    "EXISTS (SELECT % UNION SELECT %)",
    "(SELECT %)",
    "sum(%) OVER (ORDER BY %)",
    "sum(%) OVER (ROWS BETWEEN % PRECEDING AND % FOLLOWING)",
    "sum(%) FILTER (WHERE %)",
    "trim(%)",
    "trim(% FROM %)",
    "position(% IN %)",
    "substring(% FROM %)",
    "EXTRACT(year FROM %)",
    "(%)",
    "((%))",
};
static const char *const leaves[] = {
    "a",
    "b.c",
    "\"Q\"",
    "1",
    "2.5",
    ".5",
    "1e5",
    "'s'",
    "NULL",
    "TRUE",
    "x'00'",
    "INTERVAL '1' DAY",
    "INTERVAL '1'",
    "DATE 'd'",
    "TIMESTAMP WITH TIME ZONE 't'",
    "$1",
    "count(*)",
    "CURRENT_DATE",
    "leading",
    "symmetric",
    "interval",
    "\"array\"",
    "\"row\"",
    "\"not\"",
    "\"case\"",
    "offset",
    "E'\\n'",
};

static void put_expr(struct strbuf *buf, uint64_t *random, size_t depth)
{
    if (depth == 0 || pick(random, 8) == 0) {
        strbuf_puts(buf, leaves[pick(random, ARRAY_LENGTH(leaves))]);
        return;
    }
    const char *op = operators[pick(random, ARRAY_LENGTH(operators))];
    for (; *op; op++) {
        if (*op != '%') {
            strbuf_putc(buf, *op);
            continue;
        }
        bool has_parentheses = pick(random, 3) == 0;
        if (has_parentheses)
            strbuf_putc(buf, '(');
        else if (buf->size && buf->data[buf->size - 1] == '-')
            strbuf_putc(buf, ' ');
        put_expr(buf, random, depth - 1);
        if (has_parentheses) strbuf_putc(buf, ')');
    }
}

/* --- The tree as text --------------------------------------------------------------------------------------------- */

static void dump(struct strbuf *buf, const struct ast_expr *expr);

static void dump_list(struct strbuf *buf, const struct ast_expr_list *list)
{
    for (size_t i = 0; i < list->n; i++) dump(buf, list->items[i]);
}

/* A query: the expressions of its select lists. */
static void dump_body(struct strbuf *buf, const struct ast_query_body *body)
{
    if (body->kind == AST_BODY_SELECT) {
        for (size_t i = 0; i < body->u.select->n_items; i++)
            dump(buf, body->u.select->items[i].expr);
    } else {
        assert_int_equal(body->kind, AST_BODY_SET_OPERATION);
        for (size_t i = 0; i < body->u.set.n; i++) dump_body(buf, body->u.set.operands[i]);
    }
}

static void dump_optional(struct strbuf *buf, const struct ast_expr *expr)
{
    if (expr)
        dump(buf, expr);
    else
        strbuf_puts(buf, " -");
}

static void dump_function(struct strbuf *buf, const struct ast_function *function)
{
    strbuf_puts(buf, ast_qname_last(&function->name)->text);
    dump_list(buf, &function->args);
    if (function->filter) dump(buf, function->filter);
    if (!function->over) return;
    for (size_t i = 0; i < function->over->order_by.n; i++)
        dump(buf, function->over->order_by.items[i].expr);
    if (!function->over->frame) return;
    dump_optional(buf, function->over->frame->start.offset);
    dump_optional(buf, function->over->frame->end.offset);
}

static void dump_parts(struct strbuf *buf, const struct ast_expr *expr)
{
    switch ((int)expr->kind) {
    case AST_EXPR_UNARY:
        strbuf_printf(buf, "%d", (int)expr->u.unary.op);
        dump(buf, expr->u.unary.operand);
        break;
    case AST_EXPR_BINARY:
        strbuf_puts(buf, sql_binary_op_text(expr->u.binary.op));
        dump(buf, expr->u.binary.left);
        dump(buf, expr->u.binary.right);
        break;
    case AST_EXPR_LOGICAL:
        strbuf_puts(buf, expr->u.logical.is_or ? "or" : "and");
        dump_list(buf, &expr->u.logical.operands);
        break;
    case AST_EXPR_IS:
        strbuf_printf(buf, "%d%d", (int)expr->u.is.what, expr->u.is.is_negated);
        dump(buf, expr->u.is.operand);
        break;
    case AST_EXPR_BETWEEN:
        strbuf_printf(buf, "%d%d", expr->u.between.is_negated, expr->u.between.is_symmetric);
        dump(buf, expr->u.between.operand);
        dump(buf, expr->u.between.low);
        dump(buf, expr->u.between.high);
        break;
    case AST_EXPR_IN_LIST:
        strbuf_printf(buf, "%d", expr->u.in_list.is_negated);
        dump(buf, expr->u.in_list.operand);
        dump_list(buf, &expr->u.in_list.list);
        break;
    case AST_EXPR_IN_QUERY:
        dump(buf, expr->u.in_query.operand);
        dump_body(buf, expr->u.in_query.query->body);
        break;
    case AST_EXPR_EXISTS:
    case AST_EXPR_SUBQUERY: dump_body(buf, expr->u.query->body); break;
    case AST_EXPR_QUANTIFIED:
        strbuf_puts(buf, sql_binary_op_text(expr->u.quantified.op));
        dump(buf, expr->u.quantified.operand);
        if (expr->u.quantified.query)
            dump_body(buf, expr->u.quantified.query->body);
        else
            dump(buf, expr->u.quantified.array);
        break;
    case AST_EXPR_LIKE:
        strbuf_printf(buf, "%d%d", (int)expr->u.like.kind, expr->u.like.is_negated);
        dump(buf, expr->u.like.operand);
        dump(buf, expr->u.like.pattern);
        dump_optional(buf, expr->u.like.escape);
        break;
    case AST_EXPR_CASE:
        dump_optional(buf, expr->u.case_.operand);
        for (size_t i = 0; i < expr->u.case_.n_whens; i++) {
            dump(buf, expr->u.case_.whens[i].when);
            dump(buf, expr->u.case_.whens[i].then);
        }
        dump_optional(buf, expr->u.case_.otherwise);
        break;
    case AST_EXPR_CAST:
        dump(buf, expr->u.cast.operand);
        sql_print_type(buf, expr->u.cast.type);
        break;
    case AST_EXPR_FUNCTION: dump_function(buf, expr->u.function); break;
    case AST_EXPR_EXTRACT: dump(buf, expr->u.extract.operand); break;
    case AST_EXPR_COLLATE: dump(buf, expr->u.collate.operand); break;
    case AST_EXPR_AT_TIME_ZONE:
        dump(buf, expr->u.at_time_zone.operand);
        dump(buf, expr->u.at_time_zone.zone);
        break;
    case AST_EXPR_ARRAY:
    case AST_EXPR_ROW: dump_list(buf, &expr->u.list); break;
    case AST_EXPR_STRUCT:
        for (size_t i = 0; i < expr->u.structure.n; i++)
            dump(buf, expr->u.structure.fields[i].value);
        break;
    case AST_EXPR_MAP:
        dump_list(buf, &expr->u.map.keys);
        dump_list(buf, &expr->u.map.values);
        break;
    case AST_EXPR_SUBSCRIPT:
        dump(buf, expr->u.subscript.operand);
        dump(buf, expr->u.subscript.index);
        break;
    case AST_EXPR_SLICE:
        dump(buf, expr->u.slice.operand);
        dump_optional(buf, expr->u.slice.low);
        dump_optional(buf, expr->u.slice.high);
        break;
    case AST_EXPR_FIELD:
        dump(buf, expr->u.field.operand);
        strbuf_puts(buf, expr->u.field.name.text);
        break;
    case AST_EXPR_INTERVAL:
        if (expr->u.interval.value)
            dump(buf, expr->u.interval.value);
        else
            sql_print_expr(buf, expr);
        break;
    default: sql_print_expr(buf, expr); /* a leaf */
    }
}

static void dump(struct strbuf *buf, const struct ast_expr *expr)
{
    strbuf_printf(buf, " (%d ", (int)expr->kind);
    dump_parts(buf, expr);
    strbuf_putc(buf, ')');
}

/* --- The test ----------------------------------------------------------------------------------------------------- */

/* False when the text is not an expression (a random prefix operator in a place that wants none). */
static bool check_one(const char *text, size_t size)
{
    struct arena arena = {0};
    struct ast_expr *expr = NULL, *again = NULL;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct strbuf printed = {0}, reprinted = {0}, tree = {0}, tree_again = {0};
    bool is_accepted = sql_parse_expr(&arena, text, size, &expr, &err) == LAMINAR_OK;
    if (is_accepted) {
        sql_print_expr(&printed, expr);
        if (sql_parse_expr(&arena, printed.data, printed.size, &again, &err) != LAMINAR_OK)
            fail_msg("%s\nprinted as %s\n%d:%d %s", text, printed.data, err.line, err.column,
                     err.message);
        sql_print_expr(&reprinted, again);
        dump(&tree, expr);
        dump(&tree_again, again);
        if (strcmp(tree.data, tree_again.data) != 0 || strcmp(printed.data, reprinted.data) != 0)
            fail_msg("%s\nprinted as %s\nthen    as %s\n%s\n%s", text, printed.data, reprinted.data,
                     tree.data, tree_again.data);
    }
    strbuf_deinit(&printed);
    strbuf_deinit(&reprinted);
    strbuf_deinit(&tree);
    strbuf_deinit(&tree_again);
    arena_deinit(&arena);
    return is_accepted;
}

static void printed_trees_are_equal(void **state)
{
    (void)state;
    const char *count = getenv("LAMINAR_TEST_ROUNDS");
    size_t n = count ? strtoul(count, NULL, 10) : 20000, n_accepted = 0;
    uint64_t random = 0x9e3779b97f4a7c15ULL;
    for (size_t i = 0; i < n; i++) {
        struct strbuf text = {0};
        put_expr(&text, &random, 1 + i % 6);
        n_accepted += check_one(text.data, text.size);
        strbuf_deinit(&text);
    }
    /* Most texts must be expressions, else this tests nothing. */
    if (n_accepted < n * 6 / 10) fail_msg("only %zu of %zu were accepted", n_accepted, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(printed_trees_are_equal, sql_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
