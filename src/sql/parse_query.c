/* parse_query.c - queries: WITH, SELECT and its clauses, VALUES, set operations, ORDER BY, LIMIT, and when results appear (EMIT, lateness).
 *
 * A chain of one set operation is one flat node. A query in parentheses that adds nothing of its own (no WITH, ORDER BY, LIMIT ...) leaves no trace. */
#include "sql/parser_internal.h"

static struct ast_query_body *parse_set_operations(struct parser *p, struct ast_query_body *left,
                                                   unsigned precedence);

/* --- SELECT ----------------------------------------------------------------------------------------------------------- */

static bool parse_select_item(struct parser *p, struct ast_select_item *out)
{
    bool is_star;
    *out = (struct ast_select_item){.span.start = parser_token(p)->start};
    out->expr = parse_star(p, &is_star);
    if (!is_star) out->expr = parse_expr(p);
    if (!out->expr) return false;
    if (is_star) {
        out->span.end = p->prev_end;
        return true;
    }
    if (accept_keyword(p, SQL_KW_AS)) {
        if (!parse_any_word(p, &out->alias, "an alias name")) return false;
    } else if (at_bare_alias(p)) {
        note_bare_alias(p);
        if (!parse_name(p, &out->alias, "an alias name")) return false;
    }
    out->span.end = p->prev_end;
    return true;
}

static bool parse_select_list(struct parser *p, struct ast_select *select)
{
    struct list items = {0};
    do {
        struct ast_select_item item;
        if (!parse_select_item(p, &item) || !PUSH(p, &items, item)) return false;
    } while (accept(p, SQL_TOKEN_COMMA));
    select->items = items.items;
    select->n_items = items.n;
    parser_expected(p, "',' or FROM");
    return true;
}

static bool parse_distinct(struct parser *p, struct ast_select *select)
{
    if (accept_keyword(p, SQL_KW_ALL)) return true;
    if (!accept_keyword(p, SQL_KW_DISTINCT)) return true;
    select->is_distinct = true;
    if (!accept_keyword(p, SQL_KW_ON)) return true;
    uint32_t open = parser_token(p)->start;
    return expect(p, SQL_TOKEN_LPAREN) && parse_expr_list(p, &select->distinct_on) &&
           expect_close(p, SQL_TOKEN_RPAREN, open);
}

/* --- GROUP BY --------------------------------------------------------------------------------------------------------- */

static bool parse_group_item(struct parser *p, struct ast_group_item *out);

/* `( item, ... )` */
static bool parse_group_children(struct parser *p, struct ast_group_item *parent)
{
    struct list children = {0};
    uint32_t open = parser_token(p)->start;
    if (!expect(p, SQL_TOKEN_LPAREN)) return false;
    do {
        struct ast_group_item child;
        if (!parse_group_item(p, &child) || !PUSH(p, &children, child)) return false;
    } while (accept(p, SQL_TOKEN_COMMA));
    parent->children = children.items;
    parent->n_children = children.n;
    return expect_close(p, SQL_TOKEN_RPAREN, open);
}

/* (a, b) is a set of expressions. */
static bool row_to_set(struct parser *p, struct ast_group_item *item)
{
    const struct ast_expr_list *list = &item->expr->u.list;
    struct list children = {0};
    for (size_t i = 0; i < list->n; i++) {
        struct ast_group_item child = {
            .kind = AST_GROUP_EXPR, .span = list->items[i]->span, .expr = list->items[i]};
        if (!PUSH(p, &children, child)) return false;
    }
    item->kind = AST_GROUP_SET;
    item->expr = NULL;
    item->children = children.items;
    item->n_children = children.n;
    return true;
}

static bool parse_group_item_inside(struct parser *p, struct ast_group_item *item)
{
    bool has_bracket = peek_is(p, 1, SQL_TOKEN_LPAREN);
    if (at_keywords(p, SQL_KW_GROUPING, SQL_KW_SETS)) {
        item->kind = AST_GROUP_SETS;
        parser_advance(p);
        parser_advance(p);
        return parse_group_children(p, item);
    }
    if (has_bracket && (at_keyword(p, SQL_KW_ROLLUP) || at_keyword(p, SQL_KW_CUBE))) {
        item->kind = peek_is_keyword(p, 0, SQL_KW_ROLLUP) ? AST_GROUP_ROLLUP : AST_GROUP_CUBE;
        parser_advance(p);
        return parse_group_children(p, item);
    }
    if (at(p, SQL_TOKEN_LPAREN) && peek_is(p, 1, SQL_TOKEN_RPAREN)) { /* () */
        item->kind = AST_GROUP_SET;
        parser_advance(p);
        parser_advance(p);
        return true;
    }
    item->kind = AST_GROUP_EXPR;
    item->expr = parse_expr(p);
    if (!item->expr) return false;
    bool is_set = item->expr->kind == AST_EXPR_ROW && item->expr->u.list.n != 1;
    return !is_set || row_to_set(p, item);
}

static bool parse_group_item(struct parser *p, struct ast_group_item *out)
{
    uint32_t saved;
    *out = (struct ast_group_item){.span.start = parser_token(p)->start};
    if (!enter(p, &saved)) return false;
    bool is_ok = parse_group_item_inside(p, out) && grow(p);
    leave(p, saved);
    out->span.end = p->prev_end;
    return is_ok;
}

static bool parse_group_by(struct parser *p, struct ast_select *select)
{
    if (!accept_keyword(p, SQL_KW_GROUP)) return true;
    if (!expect_keyword(p, SQL_KW_BY)) return false;
    if (accept_keyword(p, SQL_KW_ALL)) {
        select->group_by_all = true;
        return true;
    }
    struct list items = {0};
    do {
        struct ast_group_item item;
        if (!parse_group_item(p, &item) || !PUSH(p, &items, item)) return false;
    } while (accept(p, SQL_TOKEN_COMMA));
    select->group_by = items.items;
    select->n_group_by = items.n;
    return true;
}

/* --- The clauses ------------------------------------------------------------------------------------------------------ */

static bool parse_windows(struct parser *p, struct ast_select *select)
{
    struct list windows = {0};
    do {
        struct ast_named_window window;
        if (!parse_name(p, &window.name, "a window name") || !expect_keyword(p, SQL_KW_AS))
            return false;
        if (!(window.window = parse_window_spec(p)) || !PUSH(p, &windows, window)) return false;
    } while (accept(p, SQL_TOKEN_COMMA));
    select->windows = windows.items;
    select->n_windows = windows.n;
    return true;
}

static bool parse_optional_expr(struct parser *p, enum sql_keyword keyword, struct ast_expr **out)
{
    if (*out || !accept_keyword(p, keyword)) return true;
    *out = parse_expr(p);
    return *out != NULL;
}

static bool parse_from_clause(struct parser *p, struct ast_select *select)
{
    if (!accept_keyword(p, SQL_KW_FROM)) return true;
    if (!parse_from_list(p, &select->from, &select->n_from)) return false;
    parser_expected(p, "',', a join or the next clause");
    return true;
}

/* What FROM t without SELECT selects. */
static bool select_all(struct parser *p, struct ast_select *select)
{
    uint32_t place = parser_token(p)->start;
    struct ast_expr *star = new_expr(p, AST_EXPR_STAR, place);
    if (!star || !(select->items = NEW(p, struct ast_select_item))) return false;
    star->span.end = place;
    select->items[0] = (struct ast_select_item){.expr = star, .span = star->span};
    select->n_items = 1;
    return true;
}

/* SELECT ... [FROM ...], or FROM ... [SELECT ...], and what follows both. */
static bool parse_select_clauses(struct parser *p, struct ast_select *select)
{
    bool is_from_first = at_keyword(p, SQL_KW_FROM);
    if (is_from_first && !parse_from_clause(p, select)) return false;
    if (is_from_first && !at_keyword(p, SQL_KW_SELECT)) {
        if (!select_all(p, select)) return false;
    } else {
        parser_advance(p);
        if (!parse_distinct(p, select) || !parse_select_list(p, select)) return false;
        if (is_from_first)
            parser_expected(p, "',' or the next clause");
        else if (!parse_from_clause(p, select))
            return false;
    }
    if (!parse_optional_expr(p, SQL_KW_WHERE, &select->where)) return false;
    if (!parse_group_by(p, select) || !parse_optional_expr(p, SQL_KW_HAVING, &select->having))
        return false;
    if (!parse_optional_expr(p, SQL_KW_QUALIFY, &select->qualify)) return false;
    if (accept_keyword(p, SQL_KW_WINDOW) && !parse_windows(p, select)) return false;
    return parse_optional_expr(p, SQL_KW_QUALIFY, &select->qualify);
}

static struct ast_query_body *new_body(struct parser *p, enum ast_body_kind kind, uint32_t start)
{
    struct ast_query_body *body = NEW(p, struct ast_query_body);
    if (!body) return NULL;
    body->kind = kind;
    body->span.start = start;
    return body;
}

static struct ast_query_body *parse_select(struct parser *p)
{
    struct ast_query_body *body = new_body(p, AST_BODY_SELECT, parser_token(p)->start);
    if (!body) return NULL;
    body->u.select = NEW(p, struct ast_select);
    if (!body->u.select || !parse_select_clauses(p, body->u.select)) return NULL;
    body->span.end = p->prev_end;
    return body;
}

static struct ast_query_body *parse_values(struct parser *p)
{
    struct list rows = {0};
    struct ast_query_body *body = new_body(p, AST_BODY_VALUES, parser_token(p)->start);
    if (!body) return NULL;
    parser_advance(p);
    do {
        struct ast_expr_list row;
        uint32_t open = parser_token(p)->start;
        if (!expect(p, SQL_TOKEN_LPAREN) || !parse_expr_list(p, &row)) return NULL;
        if (!expect_close(p, SQL_TOKEN_RPAREN, open) || !PUSH(p, &rows, row)) return NULL;
    } while (accept(p, SQL_TOKEN_COMMA));
    body->u.values.rows = rows.items;
    body->u.values.n_rows = rows.n;
    body->span.end = p->prev_end;
    parser_expected(p, "',' or the end of VALUES");
    return body;
}

/* --- Set operations --------------------------------------------------------------------------------------------------- */

static bool is_plain(const struct ast_query *query)
{
    return query->n_ctes == 0 && query->order_by.n == 0 && !query->limit && !query->offset &&
           query->emit.kind == AST_EMIT_NONE && !query->lateness && query->late_data.n == 0;
}

/* A parenthesised query as an operand. */
static struct ast_query_body *body_of(struct parser *p, struct ast_query *query)
{
    if (is_plain(query)) return query->body;
    struct ast_query_body *body = new_body(p, AST_BODY_QUERY, query->span.start);
    if (!body || !grow(p)) return NULL;
    body->u.query = query;
    body->span.end = query->span.end;
    return body;
}

static struct ast_query_body *parse_operand(struct parser *p)
{
    if (at_keyword(p, SQL_KW_SELECT) || at_keyword(p, SQL_KW_FROM)) return parse_select(p);
    if (at_keyword(p, SQL_KW_VALUES)) return parse_values(p);
    uint32_t open = parser_token(p)->start;
    if (!at(p, SQL_TOKEN_LPAREN)) return parser_unexpected(p, "SELECT, VALUES or '('"), NULL;
    parser_advance(p);
    struct ast_query *query = parse_query(p);
    return query && expect_close(p, SQL_TOKEN_RPAREN, open) ? body_of(p, query) : NULL;
}

static unsigned set_precedence(struct parser *p, enum ast_set_op *op)
{
    if (at_keyword(p, SQL_KW_UNION)) return *op = AST_SET_UNION, 1;
    if (at_keyword(p, SQL_KW_EXCEPT)) return *op = AST_SET_EXCEPT, 1;
    if (at_keyword(p, SQL_KW_INTERSECT)) return *op = AST_SET_INTERSECT, 2;
    return 0;
}

/* What stands between two operands. */
struct set_word {
    enum ast_set_op op;
    bool is_all;
    bool is_by_name;
};

static bool is_same_word(struct set_word a, struct set_word b)
{
    return a.op == b.op && a.is_all == b.is_all && a.is_by_name == b.is_by_name;
}

/* [ALL | DISTINCT] [BY NAME], behind the first word. */
static struct set_word parse_set_word(struct parser *p, enum ast_set_op op)
{
    struct set_word word = {.op = op, .is_all = accept_keyword(p, SQL_KW_ALL)};
    if (!word.is_all) accept_keyword(p, SQL_KW_DISTINCT);
    word.is_by_name = op == AST_SET_UNION && accept_keywords(p, SQL_KW_BY, SQL_KW_NAME);
    return word;
}

/* The operands so far become one node. */
static struct ast_query_body *finish_chain(struct parser *p, struct set_word word,
                                           const struct list *operands)
{
    struct ast_query_body *first = ((struct ast_query_body **)operands->items)[0];
    struct ast_query_body *body = new_body(p, AST_BODY_SET_OPERATION, first->span.start);
    if (!body || !grow(p)) return NULL;
    body->u.set.op = word.op;
    body->u.set.is_all = word.is_all;
    body->u.set.is_by_name = word.is_by_name;
    body->u.set.operands = operands->items;
    body->u.set.n = operands->n;
    body->span.end = p->prev_end;
    return body;
}

/* Starts a chain with its left side; one of the same kind is continued. */
static bool start_chain(struct parser *p, struct list *operands, struct ast_query_body *left,
                        struct set_word word)
{
    *operands = (struct list){0};
    bool is_same = left->kind == AST_BODY_SET_OPERATION &&
                   is_same_word(word, (struct set_word){left->u.set.op, left->u.set.is_all,
                                                        left->u.set.is_by_name});
    if (!is_same) return PUSH(p, operands, left);
    for (size_t i = 0; i < left->u.set.n; i++)
        if (!PUSH(p, operands, left->u.set.operands[i])) return false;
    return true;
}

static struct ast_query_body *parse_set_operations(struct parser *p, struct ast_query_body *left,
                                                   unsigned precedence)
{
    struct list operands = {0};
    struct set_word word = {0};
    enum ast_set_op op;
    for (;;) {
        unsigned next_precedence = set_precedence(p, &op);
        if (next_precedence == 0 || next_precedence < precedence) break;
        parser_advance(p);
        struct set_word next = parse_set_word(p, op);
        if (operands.n && !is_same_word(next, word)) {
            left = finish_chain(p, word, &operands);
            operands.n = 0;
        }
        word = next;
        if (!left || (operands.n == 0 && !start_chain(p, &operands, left, word))) return NULL;
        struct ast_query_body *right = parse_operand(p);
        if (right) right = parse_set_operations(p, right, next_precedence + 1);
        if (!right || !PUSH(p, &operands, right)) return NULL;
    }
    return operands.n ? finish_chain(p, word, &operands) : left;
}

/* --- ORDER BY ... EMIT ------------------------------------------------------------------------------------------------ */

static bool parse_order_by(struct parser *p, struct ast_query *query)
{
    if (!accept_keyword(p, SQL_KW_ORDER)) return true;
    if (!expect_keyword(p, SQL_KW_BY)) return false;
    if (!at_keyword(p, SQL_KW_ALL)) return parse_order_items(p, &query->order_by);
    struct list items = {0};
    struct ast_order_item item = {.span.start = parser_token(p)->start};
    parser_advance(p);
    query->order_by_all = true;
    if (accept_keyword(p, SQL_KW_DESC))
        item.is_descending = true;
    else
        accept_keyword(p, SQL_KW_ASC);
    if (accept_keywords(p, SQL_KW_NULLS, SQL_KW_FIRST))
        item.nulls = AST_NULLS_FIRST;
    else if (accept_keywords(p, SQL_KW_NULLS, SQL_KW_LAST))
        item.nulls = AST_NULLS_LAST;
    item.span.end = p->prev_end;
    if (!PUSH(p, &items, item)) return false;
    query->order_by = (struct ast_order_list){items.items, 1};
    return true;
}

static bool at_fetch_first(struct parser *p)
{
    return at_keywords(p, SQL_KW_FETCH, SQL_KW_FIRST) || at_keywords(p, SQL_KW_FETCH, SQL_KW_NEXT);
}

/* FETCH FIRST [n] ROWS ONLY, the standard's LIMIT. */
static bool parse_fetch_first(struct parser *p, struct ast_query *query)
{
    parser_advance(p);
    parser_advance(p);
    bool has_count = !peek_is_keyword(p, 0, SQL_KW_ROW) && !peek_is_keyword(p, 0, SQL_KW_ROWS);
    if (has_count) {
        query->limit = parse_primary(p);
    } else {
        query->limit = new_one(p);
    }
    if (!query->limit) return false;
    if (!accept_keyword(p, SQL_KW_ROWS) && !expect_keyword(p, SQL_KW_ROW)) return false;
    return expect_keyword(p, SQL_KW_ONLY);
}

static bool parse_limit(struct parser *p, struct ast_query *query)
{
    for (;;) {
        if (!query->limit && accept_keyword(p, SQL_KW_LIMIT)) {
            if (accept_keyword(p, SQL_KW_ALL)) continue;
            query->limit = parse_expr(p);
            if (!query->limit) return false;
            if (at(p, SQL_TOKEN_COMMA)) {
                parser_unexpected(p, "the end of LIMIT");
                if (p->status == LAMINAR_SQL_PARSE_ERROR)
                    error_hint(p->err, "write LIMIT count OFFSET start");
                return false;
            }
        } else if (!query->limit && at_fetch_first(p)) {
            if (!parse_fetch_first(p, query)) return false;
        } else if (!query->offset && accept_keyword(p, SQL_KW_OFFSET)) {
            query->offset = parse_expr(p);
            if (!query->offset) return false;
            if (!accept_keyword(p, SQL_KW_ROWS)) accept_keyword(p, SQL_KW_ROW);
        } else {
            return true;
        }
    }
}

static bool parse_emit(struct parser *p, struct ast_emit *emit)
{
    emit->span.start = parser_token(p)->start;
    parser_advance(p);
    bool is_after = peek_is_keyword(p, 0, SQL_KW_AFTER);
    if (is_after || at_keyword(p, SQL_KW_ON)) {
        parser_advance(p);
        if (accept_keyword(p, SQL_KW_WATERMARK))
            emit->kind = AST_EMIT_WATERMARK;
        else if (accept_keywords(p, SQL_KW_WINDOW, SQL_KW_CLOSE))
            emit->kind = AST_EMIT_WINDOW_CLOSE;
        else if (!is_after && accept_keyword(p, SQL_KW_UPDATE))
            emit->kind = AST_EMIT_UPDATE;
        else
            return parser_unexpected(p,
                                     is_after ? "WATERMARK" : "WINDOW CLOSE, WATERMARK or UPDATE");
    } else if (accept_keyword(p, SQL_KW_EVERY) || accept_keyword(p, SQL_KW_PERIODICALLY)) {
        emit->kind = AST_EMIT_PERIODIC;
        emit->period = parse_duration(p);
        if (!emit->period) return false;
    } else if (accept_keyword(p, SQL_KW_CHANGES)) {
        emit->kind = AST_EMIT_CHANGES;
    } else if (accept_keyword(p, SQL_KW_FINAL)) {
        emit->kind = AST_EMIT_FINAL;
    } else {
        return parser_unexpected(
            p, "ON WINDOW CLOSE, AFTER WATERMARK, ON UPDATE, EVERY, CHANGES or FINAL after EMIT");
    }
    emit->span.end = p->prev_end;
    return true;
}

static bool parse_stream_clauses(struct parser *p, struct ast_query *query)
{
    for (;;) {
        if (query->emit.kind == AST_EMIT_NONE && at_keyword(p, SQL_KW_EMIT)) {
            if (!parse_emit(p, &query->emit)) return false;
        } else if (!query->lateness && accept_keywords(p, SQL_KW_ALLOW, SQL_KW_LATENESS)) {
            query->lateness = parse_duration(p);
            if (!query->lateness) return false;
        } else if (query->late_data.n == 0 && accept_keywords(p, SQL_KW_LATE, SQL_KW_DATA)) {
            if (!expect_keyword(p, SQL_KW_TO) ||
                !parse_qname(p, &query->late_data, "a relation name"))
                return false;
        } else {
            return true;
        }
    }
}

bool at_query_rest(struct parser *p)
{
    return at_keyword(p, SQL_KW_UNION) || at_keyword(p, SQL_KW_INTERSECT) ||
           at_keyword(p, SQL_KW_EXCEPT) || at_keyword(p, SQL_KW_ORDER) ||
           at_keyword(p, SQL_KW_LIMIT) || at_keyword(p, SQL_KW_OFFSET) || at_fetch_first(p) ||
           (!at_bare_alias(p) && (at_keyword(p, SQL_KW_EMIT) || at_keyword(p, SQL_KW_ALLOW) ||
                                  at_keyword(p, SQL_KW_LATE)));
}

/* --- WITH ------------------------------------------------------------------------------------------------------------- */

static bool parse_cte(struct parser *p, struct ast_cte *out)
{
    *out = (struct ast_cte){0};
    if (!parse_name(p, &out->name, "a name for the WITH query")) return false;
    if (at(p, SQL_TOKEN_LPAREN) && !parse_name_list(p, &out->columns, "a column name"))
        return false;
    if (!expect_keyword(p, SQL_KW_AS)) return false;
    if (accept_keywords(p, SQL_KW_NOT, SQL_KW_MATERIALIZED))
        out->materialized = AST_MATERIALIZED_NO;
    else if (accept_keyword(p, SQL_KW_MATERIALIZED))
        out->materialized = AST_MATERIALIZED_YES;
    uint32_t open = parser_token(p)->start;
    if (!expect(p, SQL_TOKEN_LPAREN)) return false;
    out->query = parse_query(p);
    return out->query && expect_close(p, SQL_TOKEN_RPAREN, open);
}

static bool parse_with(struct parser *p, struct ast_query *query)
{
    struct list ctes = {0};
    parser_advance(p);
    query->is_recursive = peek_is_keyword(p, 0, SQL_KW_RECURSIVE) &&
                          !peek_is_keyword(p, 1, SQL_KW_AS);
    if (query->is_recursive) parser_advance(p);
    do {
        struct ast_cte cte;
        if (!parse_cte(p, &cte) || !PUSH(p, &ctes, cte)) return false;
    } while (accept(p, SQL_TOKEN_COMMA));
    query->ctes = ctes.items;
    query->n_ctes = ctes.n;
    return true;
}

static bool parse_query_tail(struct parser *p, struct ast_query *query)
{
    return parse_order_by(p, query) && parse_limit(p, query) && parse_stream_clauses(p, query);
}

/* A query that is only parentheses around another is that other one. */
static struct ast_query *unwrap(struct parser *p, struct ast_query *query)
{
    query->span.end = p->prev_end;
    if (is_plain(query) && query->body->kind == AST_BODY_QUERY) return query->body->u.query;
    return query;
}

struct ast_query *parse_query(struct parser *p)
{
    uint32_t saved;
    struct ast_query *query = NEW(p, struct ast_query);
    if (!query || !enter(p, &saved)) return NULL;
    query->span.start = parser_token(p)->start;
    bool is_ok = !at_keyword(p, SQL_KW_WITH) || parse_with(p, query);
    if (is_ok) {
        query->body = parse_operand(p);
        if (query->body) query->body = parse_set_operations(p, query->body, 1);
        is_ok = query->body && parse_query_tail(p, query) && grow(p);
    }
    leave(p, saved);
    return is_ok ? unwrap(p, query) : NULL;
}

struct ast_query *parse_query_rest(struct parser *p, struct ast_query *first)
{
    struct ast_query *query = NEW(p, struct ast_query);
    if (!query) return NULL;
    query->span.start = first->span.start;
    query->body = body_of(p, first);
    if (query->body) query->body = parse_set_operations(p, query->body, 1);
    return query->body && parse_query_tail(p, query) && grow(p) ? unwrap(p, query) : NULL;
}
