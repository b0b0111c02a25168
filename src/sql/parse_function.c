/* parse_function.c - calls: arguments, and all that may follow them (WITHIN GROUP, FILTER, IGNORE NULLS, OVER), windows with frames, and the calls that SQL
 * spells with words: SUBSTRING(x FROM 1 FOR 2) and its like become plain calls here. */
#include "sql/parser_internal.h"
#include <string.h>

/* --- ORDER BY items, windows ------------------------------------------------------------------------------------------ */

bool parse_order_items(struct parser *p, struct ast_order_list *out)
{
    struct list items = {0};
    do {
        struct ast_order_item item = {.span.start = parser_token(p)->start};
        item.expr = parse_expr(p);
        if (!item.expr) return false;
        if (accept_keyword(p, SQL_KW_DESC))
            item.is_descending = true;
        else
            accept_keyword(p, SQL_KW_ASC);
        if (accept_keywords(p, SQL_KW_NULLS, SQL_KW_FIRST))
            item.nulls = AST_NULLS_FIRST;
        else if (accept_keywords(p, SQL_KW_NULLS, SQL_KW_LAST))
            item.nulls = AST_NULLS_LAST;
        else if (at_keyword(p, SQL_KW_NULLS))
            return parser_advance(p), parser_unexpected(p, "FIRST or LAST after NULLS");
        item.span.end = p->prev_end;
        if (!PUSH(p, &items, item)) return false;
    } while (accept(p, SQL_TOKEN_COMMA));
    *out = (struct ast_order_list){items.items, items.n};
    return true;
}

static bool parse_bound(struct parser *p, struct ast_frame_bound *out)
{
    if (accept_keyword(p, SQL_KW_UNBOUNDED)) {
        if (accept_keyword(p, SQL_KW_PRECEDING))
            out->kind = AST_BOUND_UNBOUNDED_PRECEDING;
        else if (accept_keyword(p, SQL_KW_FOLLOWING))
            out->kind = AST_BOUND_UNBOUNDED_FOLLOWING;
        else
            return parser_unexpected(p, "PRECEDING or FOLLOWING");
        return true;
    }
    if (accept_keywords(p, SQL_KW_CURRENT, SQL_KW_ROW)) {
        out->kind = AST_BOUND_CURRENT_ROW;
        return true;
    }
    out->offset = parse_expr_above(p, PRECEDENCE_NOT);
    if (!out->offset) return false;
    if (accept_keyword(p, SQL_KW_PRECEDING))
        out->kind = AST_BOUND_PRECEDING;
    else if (accept_keyword(p, SQL_KW_FOLLOWING))
        out->kind = AST_BOUND_FOLLOWING;
    else
        return parser_unexpected(p, "PRECEDING or FOLLOWING");
    return true;
}

static bool parse_exclude(struct parser *p, struct ast_frame *frame)
{
    if (!accept_keyword(p, SQL_KW_EXCLUDE)) return true;
    if (accept_keywords(p, SQL_KW_CURRENT, SQL_KW_ROW))
        frame->exclude = AST_EXCLUDE_CURRENT_ROW;
    else if (accept_keyword(p, SQL_KW_GROUP))
        frame->exclude = AST_EXCLUDE_GROUP;
    else if (accept_keyword(p, SQL_KW_TIES))
        frame->exclude = AST_EXCLUDE_TIES;
    else if (!accept_keywords(p, SQL_KW_NO, SQL_KW_OTHERS))
        return parser_unexpected(p, "CURRENT ROW, GROUP, TIES or NO OTHERS");
    return true;
}

/* At ROWS, RANGE or GROUPS. */
static struct ast_frame *parse_frame(struct parser *p, enum ast_frame_unit unit)
{
    struct ast_frame *frame = NEW(p, struct ast_frame);
    if (!frame) return NULL;
    uint32_t start = parser_token(p)->start;
    parser_advance(p);
    frame->unit = unit;
    frame->end.kind = AST_BOUND_CURRENT_ROW;
    if (accept_keyword(p, SQL_KW_BETWEEN)) {
        if (!parse_bound(p, &frame->start) || !expect_keyword(p, SQL_KW_AND)) return NULL;
        if (!parse_bound(p, &frame->end)) return NULL;
    } else if (!parse_bound(p, &frame->start)) {
        return NULL;
    }
    if (frame->start.kind == AST_BOUND_UNBOUNDED_FOLLOWING)
        return parser_fail(p, start, "a frame cannot start with UNBOUNDED FOLLOWING"), NULL;
    if (frame->end.kind == AST_BOUND_UNBOUNDED_PRECEDING)
        return parser_fail(p, start, "a frame cannot end with UNBOUNDED PRECEDING"), NULL;
    if (frame->start.kind > frame->end.kind)
        return parser_fail(p, start, "a frame cannot start behind its end"), NULL;
    if (!parse_exclude(p, frame)) return NULL;
    frame->span = (struct ast_span){start, p->prev_end};
    return frame;
}

static bool parse_frame_clause(struct parser *p, struct ast_window *window)
{
    if (at_keyword(p, SQL_KW_ROWS))
        window->frame = parse_frame(p, AST_FRAME_ROWS);
    else if (at_keyword(p, SQL_KW_RANGE))
        window->frame = parse_frame(p, AST_FRAME_RANGE);
    else if (at_keyword(p, SQL_KW_GROUPS))
        window->frame = parse_frame(p, AST_FRAME_GROUPS);
    else
        return true;
    return window->frame != NULL;
}

struct ast_window *parse_window_spec(struct parser *p)
{
    struct ast_window *window = NEW(p, struct ast_window);
    uint32_t open = parser_token(p)->start;
    if (!window || !expect(p, SQL_TOKEN_LPAREN)) return NULL;
    bool is_clause = at_keyword(p, SQL_KW_PARTITION) || at_keyword(p, SQL_KW_ORDER) ||
                     at_keyword(p, SQL_KW_ROWS) || at_keyword(p, SQL_KW_RANGE) ||
                     at_keyword(p, SQL_KW_GROUPS);
    if (!is_clause && at_name(p) && !parse_name(p, &window->base, "a window name")) return NULL;
    if (accept_keyword(p, SQL_KW_PARTITION)) {
        if (!expect_keyword(p, SQL_KW_BY) || !parse_expr_list(p, &window->partition_by))
            return NULL;
    }
    if (accept_keyword(p, SQL_KW_ORDER)) {
        if (!expect_keyword(p, SQL_KW_BY) || !parse_order_items(p, &window->order_by)) return NULL;
    }
    if (!parse_frame_clause(p, window) || !expect_close(p, SQL_TOKEN_RPAREN, open)) return NULL;
    window->span = (struct ast_span){open, p->prev_end};
    return window;
}

static struct ast_window *parse_over(struct parser *p)
{
    if (at(p, SQL_TOKEN_LPAREN)) return parse_window_spec(p);
    struct ast_window *window = NEW(p, struct ast_window);
    if (!window || !parse_name(p, &window->base, "a window name")) return NULL;
    window->is_reference = true;
    window->span = window->base.span;
    return window;
}

/* --- Arguments -------------------------------------------------------------------------------------------------------- */

/* PARTITION BY k, PARTITION BY (a, b): without parentheses one name, since a comma goes on to the next argument. */
static bool parse_table_partition(struct parser *p, struct ast_name_list *out)
{
    if (!accept_keyword(p, SQL_KW_PARTITION)) return true;
    if (!expect_keyword(p, SQL_KW_BY)) return false;
    if (at(p, SQL_TOKEN_LPAREN)) return parse_name_list(p, out, "a column name");
    struct list names = {0};
    struct ast_name name;
    if (!parse_name(p, &name, "a column name") || !PUSH(p, &names, name)) return false;
    *out = (struct ast_name_list){names.items, names.n};
    return true;
}

/* TABLE s, TABLE (s), TABLE (SELECT ...), each with PARTITION BY. */
static struct ast_expr *parse_table_arg(struct parser *p)
{
    struct ast_expr *expr = new_expr(p, AST_EXPR_TABLE_ARG, parser_token(p)->start);
    if (!expr) return NULL;
    parser_advance(p);
    uint32_t open = parser_token(p)->start;
    bool has_parentheses = accept(p, SQL_TOKEN_LPAREN);
    if (has_parentheses && (at_query_start(p, 0) || at(p, SQL_TOKEN_LPAREN))) {
        expr->u.table_arg.query = parse_query(p);
        if (!expr->u.table_arg.query) return NULL;
    } else if (!parse_qname(p, &expr->u.table_arg.name, "a table name")) {
        return NULL;
    }
    if (has_parentheses && !expect_close(p, SQL_TOKEN_RPAREN, open)) return NULL;
    if (!parse_table_partition(p, &expr->u.table_arg.partition_by)) return NULL;
    return end_expr(p, expr);
}

static struct ast_expr *parse_descriptor(struct parser *p)
{
    struct ast_expr *expr = new_expr(p, AST_EXPR_DESCRIPTOR, parser_token(p)->start);
    if (!expr) return NULL;
    parser_advance(p);
    return parse_name_list(p, &expr->u.descriptor, "a column name") ? end_expr(p, expr) : NULL;
}

static struct ast_expr *parse_arg_value(struct parser *p)
{
    if (at_keyword(p, SQL_KW_TABLE)) {
        uint32_t saved;
        if (!enter(p, &saved)) return NULL;
        struct ast_expr *table = parse_table_arg(p);
        if (table && !grow(p)) table = NULL;
        leave(p, saved);
        return table;
    }
    if (at_keyword(p, SQL_KW_DESCRIPTOR) && peek_is(p, 1, SQL_TOKEN_LPAREN))
        return parse_descriptor(p);
    bool is_star;
    struct ast_expr *star = parse_star(p, &is_star);
    if (is_star) return star;
    if (at_query_start(p, 0)) {
        parser_unexpected(p, "an expression");
        if (p->status == LAMINAR_SQL_PARSE_ERROR)
            error_hint(p->err, "a query as an argument needs parentheses of its own");
        return NULL;
    }
    return parse_expr(p);
}

struct argument_lists {
    struct list args;
    struct list names;
    bool has_names;
};

static bool parse_argument(struct parser *p, struct argument_lists *lists)
{
    struct ast_name name = {0};
    bool is_word = at(p, SQL_TOKEN_WORD) || at(p, SQL_TOKEN_QUOTED);
    if (is_word && (peek_is(p, 1, SQL_TOKEN_FAT_ARROW) || peek_is(p, 1, SQL_TOKEN_COLON_EQ))) {
        if (!parse_any_word(p, &name, "an argument name")) return false;
        parser_advance(p);
        lists->has_names = true;
    } else if (lists->has_names) {
        parser_fail(p, parser_token(p)->start,
                    "an argument without a name follows one with a name");
        return false;
    }
    struct ast_expr *arg = parse_arg_value(p);
    return arg && PUSH(p, &lists->args, arg) && PUSH(p, &lists->names, name);
}

/* `word` and an argument. */
static bool parse_spelled_arg(struct parser *p, enum sql_keyword word, struct argument_lists *lists)
{
    if (!peek_is_keyword(p, 0, word)) return true;
    parser_advance(p);
    return parse_argument(p, lists);
}

/* SUBSTRING(x FROM a FOR b) and OVERLAY(x PLACING y FROM a FOR b), behind x: the arguments of the plain call. */
static bool parse_spelled_args(struct parser *p, enum sql_keyword function,
                               struct argument_lists *lists)
{
    if (function == SQL_KW_OVERLAY) {
        if (!parse_spelled_arg(p, SQL_KW_PLACING, lists)) return false;
    } else if (function != SQL_KW_SUBSTRING) {
        return true;
    }
    if (!parse_spelled_arg(p, SQL_KW_FROM, lists)) return false;
    if (function == SQL_KW_SUBSTRING && lists->args.n == 1 && peek_is_keyword(p, 0, SQL_KW_FOR)) {
        struct ast_name none = {0};
        struct ast_expr *one = new_one(p);
        if (!one || !PUSH(p, &lists->args, one) || !PUSH(p, &lists->names, none)) return false;
    }
    return parse_spelled_arg(p, SQL_KW_FOR, lists);
}

static bool rename_call(struct parser *p, struct ast_function *function, const char *name)
{
    struct ast_name *part = ARENA_NEW(p->arena, struct ast_name);
    if (!part) return parser_oom(p);
    *part = function->name.parts[0];
    part->text = name;
    part->size = strlen(name);
    function->name.parts = part;
    return true;
}

/* `token`, behind LEADING, TRAILING or BOTH, makes that word the side, not a column. */
static bool is_trim_operand(struct parser *p, const struct sql_token *token)
{
    switch (token->kind) {
    case SQL_TOKEN_STRING:
    case SQL_TOKEN_PARAMETER:
    case SQL_TOKEN_QUESTION:
    case SQL_TOKEN_COLON:
    case SQL_TOKEN_QUOTED: return true;
    case SQL_TOKEN_WORD:
        return token->keyword == SQL_KW_FROM ||
               (!(sql_keyword_flags(token->keyword) &
                  (SQL_KEYWORD_RESERVED | SQL_KEYWORD_NO_ALIAS)) &&
                !(token->keyword == SQL_KW_AT && peek_is_keyword(p, 2, SQL_KW_TIME)));
    default: return false;
    }
}

/* TRIM([LEADING | TRAILING | BOTH] [chars] FROM text) -> trim, ltrim, rtrim (text, chars). The `(` is consumed; *is_done stays false for a plain call. */
static bool parse_trim(struct parser *p, struct ast_function *function,
                       struct argument_lists *lists, bool *is_done)
{
    const char *name = "trim";
    bool has_side = is_trim_operand(p, parser_peek(p, 1));
    if (has_side && peek_is_keyword(p, 0, SQL_KW_LEADING))
        name = "ltrim";
    else if (has_side && peek_is_keyword(p, 0, SQL_KW_TRAILING))
        name = "rtrim";
    else
        has_side = has_side && peek_is_keyword(p, 0, SQL_KW_BOTH);
    if (has_side) parser_advance(p);
    struct ast_expr *chars = NULL;
    if (!peek_is_keyword(p, 0, SQL_KW_FROM)) {
        if (!parse_argument(p, lists)) return false;
        if (!peek_is_keyword(p, 0, SQL_KW_FROM)) {
            *is_done = has_side;
            return !has_side || rename_call(p, function, name);
        }
        chars = ((struct ast_expr **)lists->args.items)[0];
        lists->args.n = lists->names.n = 0;
    }
    parser_advance(p); /* FROM */
    struct ast_name none = {0};
    *is_done = true;
    return parse_argument(p, lists) &&
           (!chars || (PUSH(p, &lists->args, chars) && PUSH(p, &lists->names, none))) &&
           rename_call(p, function, name);
}

/* POSITION(x IN text) -> strpos(text, x). */
static bool parse_position(struct parser *p, struct ast_function *function,
                           struct argument_lists *lists, bool *is_done)
{
    struct ast_name none = {0};
    struct ast_expr *needle = parse_expr_above(p, PRECEDENCE_LIKE + 1);
    if (!needle) return false;
    *is_done = accept_keyword(p, SQL_KW_IN);
    if (*is_done) {
        if (!parse_argument(p, lists) || !rename_call(p, function, "strpos")) return false;
    }
    return PUSH(p, &lists->args, needle) && PUSH(p, &lists->names, none);
}

static enum ast_null_treatment accept_null_treatment(struct parser *p)
{
    if (accept_keywords(p, SQL_KW_IGNORE, SQL_KW_NULLS)) return AST_NULLS_IGNORE;
    if (accept_keywords(p, SQL_KW_RESPECT, SQL_KW_NULLS)) return AST_NULLS_RESPECT;
    return AST_NULLS_UNSPECIFIED;
}

/* What stands between the parentheses. */
static bool parse_arguments(struct parser *p, struct ast_function *function, enum sql_keyword word)
{
    struct argument_lists lists = {0};
    bool is_done = false;
    if (at(p, SQL_TOKEN_STAR) && peek_is(p, 1, SQL_TOKEN_RPAREN)) {
        function->is_star = true;
        parser_advance(p);
        return true;
    }
    if (at(p, SQL_TOKEN_RPAREN)) return true;
    if (accept_keyword(p, SQL_KW_DISTINCT))
        function->is_distinct = true;
    else
        accept_keyword(p, SQL_KW_ALL);
    if (word == SQL_KW_TRIM) {
        if (!parse_trim(p, function, &lists, &is_done)) return false;
    } else if (word == SQL_KW_POSITION) {
        if (!parse_position(p, function, &lists, &is_done)) return false;
    } else if (!parse_argument(p, &lists) || !parse_spelled_args(p, word, &lists)) {
        return false;
    }
    while (!is_done && accept(p, SQL_TOKEN_COMMA))
        if (!parse_argument(p, &lists)) return false;
    function->args = (struct ast_expr_list){lists.args.items, lists.args.n};
    if (lists.has_names) function->arg_names = lists.names.items;
    function->null_treatment = accept_null_treatment(p);
    if (!accept_keyword(p, SQL_KW_ORDER)) return true;
    return expect_keyword(p, SQL_KW_BY) && parse_order_items(p, &function->order_by);
}

static bool parse_within_group(struct parser *p, struct ast_function *function)
{
    if (!accept_keywords(p, SQL_KW_WITHIN, SQL_KW_GROUP)) return true;
    uint32_t open = parser_token(p)->start;
    return expect(p, SQL_TOKEN_LPAREN) && expect_keyword(p, SQL_KW_ORDER) &&
           expect_keyword(p, SQL_KW_BY) && parse_order_items(p, &function->within_group) &&
           expect_close(p, SQL_TOKEN_RPAREN, open);
}

static bool parse_filter(struct parser *p, struct ast_function *function)
{
    if (!at_keyword(p, SQL_KW_FILTER) || !peek_is(p, 1, SQL_TOKEN_LPAREN)) return true;
    parser_advance(p);
    uint32_t open = parser_token(p)->start;
    parser_advance(p);
    accept_keyword(p, SQL_KW_WHERE);
    function->filter = parse_expr(p);
    return function->filter && expect_close(p, SQL_TOKEN_RPAREN, open);
}

static bool at_over(struct parser *p)
{
    if (!at_keyword(p, SQL_KW_OVER)) return false;
    const struct sql_token *next = parser_peek(p, 1);
    return next->kind == SQL_TOKEN_LPAREN || next->kind == SQL_TOKEN_QUOTED ||
           (next->kind == SQL_TOKEN_WORD &&
            !(sql_keyword_flags(next->keyword) & SQL_KEYWORD_RESERVED));
}

struct ast_expr *parse_function_call(struct parser *p, struct ast_qname name, uint32_t start)
{
    struct ast_expr *expr = new_expr(p, AST_EXPR_FUNCTION, start);
    struct ast_function *function = NEW(p, struct ast_function);
    if (!expr || !function) return NULL;
    function->name = name;
    uint32_t open = parser_token(p)->start;
    parser_advance(p);
    bool is_plain = name.n == 1 && !name.parts[0].is_quoted;
    enum sql_keyword word = is_plain ? sql_keyword_find(name.parts[0].text, name.parts[0].size)
                                     : SQL_KW_NONE;
    if (!parse_arguments(p, function, word) || !expect_close(p, SQL_TOKEN_RPAREN, open))
        return NULL;
    if (!parse_within_group(p, function) || !parse_filter(p, function)) return NULL;
    if (function->null_treatment == AST_NULLS_UNSPECIFIED)
        function->null_treatment = accept_null_treatment(p);
    if (at_over(p)) {
        parser_advance(p);
        function->over = parse_over(p);
        if (!function->over) return NULL;
    }
    expr->u.function = function;
    return end_expr(p, expr);
}
