/* parse_from.c - tables: names, versions of them, subqueries, table functions, UNNEST, and all joins. Joins are left-deep; parentheses may say otherwise. */
#include "sql/parser_internal.h"

static struct ast_table_ref *parse_joined(struct parser *p);

static struct ast_table_ref *new_table(struct parser *p, enum ast_table_ref_kind kind,
                                       uint32_t start)
{
    struct ast_table_ref *table = NEW(p, struct ast_table_ref);
    if (!table) return NULL;
    table->kind = kind;
    table->span.start = start;
    return table;
}

/* --- Tables ----------------------------------------------------------------------------------------------------------- */

static bool parse_system_time(struct parser *p, struct ast_table_ref *table)
{
    if (table->kind != AST_TABLE_NAMED || table->u.named.system_time || !at_keyword(p, SQL_KW_FOR))
        return true;
    parser_advance(p);
    if (!expect_keyword(p, SQL_KW_SYSTEM_TIME) || !expect_keyword(p, SQL_KW_AS) ||
        !expect_keyword(p, SQL_KW_OF))
        return false;
    table->u.named.system_time = parse_expr(p);
    return table->u.named.system_time != NULL;
}

static bool parse_alias(struct parser *p, struct ast_table_ref *table)
{
    if (accept_keyword(p, SQL_KW_AS)) {
        if (!parse_name(p, &table->alias, "an alias name")) return false;
    } else if (at_bare_alias(p)) {
        note_bare_alias(p);
        if (!parse_name(p, &table->alias, "an alias name")) return false;
    } else {
        return true;
    }
    return !at(p, SQL_TOKEN_LPAREN) || parse_name_list(p, &table->column_aliases, "a column name");
}

/* WITH ORDINALITY, the alias, the version. */
static struct ast_table_ref *finish_table(struct parser *p, struct ast_table_ref *table)
{
    if (table->kind == AST_TABLE_FUNCTION || table->kind == AST_TABLE_UNNEST)
        table->with_ordinality = accept_keywords(p, SQL_KW_WITH, SQL_KW_ORDINALITY);
    if (!parse_system_time(p, table) || !parse_alias(p, table) || !parse_system_time(p, table))
        return NULL;
    table->span.end = p->prev_end;
    return table;
}

static struct ast_table_ref *parse_subquery_table(struct parser *p, bool is_lateral)
{
    uint32_t open = parser_token(p)->start;
    struct ast_table_ref *table = new_table(p, AST_TABLE_SUBQUERY, open);
    if (!table) return NULL;
    table->is_lateral = is_lateral;
    bool has_parentheses = accept(p, SQL_TOKEN_LPAREN); /* VALUES may stand without */
    table->u.subquery = parse_query(p);
    if (!table->u.subquery || (has_parentheses && !expect_close(p, SQL_TOKEN_RPAREN, open)))
        return NULL;
    return finish_table(p, table);
}

static struct ast_table_ref *parse_unnest(struct parser *p, bool is_lateral)
{
    struct ast_table_ref *table = new_table(p, AST_TABLE_UNNEST, parser_token(p)->start);
    if (!table) return NULL;
    table->is_lateral = is_lateral;
    parser_advance(p);
    uint32_t open = parser_token(p)->start;
    if (!expect(p, SQL_TOKEN_LPAREN) || !parse_expr_list(p, &table->u.unnest)) return NULL;
    return expect_close(p, SQL_TOKEN_RPAREN, open) ? finish_table(p, table) : NULL;
}

/* f(...), known to be followed by `(`. */
static struct ast_expr *parse_table_call(struct parser *p)
{
    uint32_t start = parser_token(p)->start;
    struct ast_qname name;
    if (!parse_qname(p, &name, "a table function")) return NULL;
    if (!at(p, SQL_TOKEN_LPAREN)) return parser_unexpected(p, "'('"), NULL;
    return parse_function_call(p, name, start);
}

/* TABLE(f(...)) */
static struct ast_table_ref *parse_wrapped_function(struct parser *p, bool is_lateral)
{
    struct ast_table_ref *table = new_table(p, AST_TABLE_FUNCTION, parser_token(p)->start);
    if (!table) return NULL;
    table->is_lateral = is_lateral;
    parser_advance(p);
    uint32_t open = parser_token(p)->start;
    if (!expect(p, SQL_TOKEN_LPAREN)) return NULL;
    table->u.function = parse_table_call(p);
    return table->u.function && expect_close(p, SQL_TOKEN_RPAREN, open) ? finish_table(p, table)
                                                                        : NULL;
}

static struct ast_table_ref *parse_named_table(struct parser *p, bool is_lateral)
{
    struct ast_qname name;
    uint32_t start = parser_token(p)->start;
    if (!parse_qname(p, &name, "a table name")) return NULL;
    bool is_function = at(p, SQL_TOKEN_LPAREN);
    if (is_lateral && !is_function)
        return parser_unexpected(p, "'(' after LATERAL and a function"), NULL;
    struct ast_table_ref *table = new_table(p, is_function ? AST_TABLE_FUNCTION : AST_TABLE_NAMED,
                                            start);
    if (!table) return NULL;
    table->is_lateral = is_lateral;
    if (is_function) {
        table->u.function = parse_function_call(p, name, start);
        if (!table->u.function) return NULL;
    } else {
        table->u.named.name = name;
    }
    return finish_table(p, table);
}

/* ( joined table ), and ((SELECT ...) UNION ...) which only shows to be a query behind its first part. */
static struct ast_table_ref *parse_table_parentheses(struct parser *p)
{
    uint32_t open = parser_token(p)->start;
    parser_advance(p);
    struct ast_table_ref *inner = parse_joined(p);
    if (!inner) return NULL;
    bool is_bare_query = inner->kind == AST_TABLE_SUBQUERY && !inner->alias.text &&
                         !inner->is_lateral;
    if (is_bare_query && at_query_rest(p)) {
        inner->u.subquery = parse_query_rest(p, inner->u.subquery);
        if (!inner->u.subquery) return NULL;
    }
    if (!expect_close(p, SQL_TOKEN_RPAREN, open)) return NULL;
    inner->span.start = open;
    if (is_bare_query) return finish_table(p, inner);
    if (at_keyword(p, SQL_KW_AS) || at_bare_alias(p)) {
        parser_fail(p, parser_token(p)->start, "a join in parentheses cannot have an alias");
        if (p->status == LAMINAR_SQL_PARSE_ERROR)
            error_hint(p->err,
                       "give aliases to the tables inside, or write (SELECT * FROM ...) AS name");
        return NULL;
    }
    inner->span.end = p->prev_end;
    return inner;
}

static struct ast_table_ref *parse_table_inside(struct parser *p)
{
    bool is_lateral = accept_keyword(p, SQL_KW_LATERAL);
    if (at_keyword(p, SQL_KW_UNNEST) && peek_is(p, 1, SQL_TOKEN_LPAREN))
        return parse_unnest(p, is_lateral);
    if (at_keyword(p, SQL_KW_TABLE)) return parse_wrapped_function(p, is_lateral);
    if (at(p, SQL_TOKEN_LPAREN) && (is_lateral || at_query_start(p, 1)))
        return parse_subquery_table(p, is_lateral);
    if (at(p, SQL_TOKEN_LPAREN)) return parse_table_parentheses(p);
    if (at_keyword(p, SQL_KW_VALUES) && peek_is(p, 1, SQL_TOKEN_LPAREN))
        return parse_subquery_table(p, false);
    return parse_named_table(p, is_lateral);
}

static struct ast_table_ref *parse_table(struct parser *p)
{
    uint32_t saved;
    bool is_parenthesis = at(p, SQL_TOKEN_LPAREN) && !at_query_start(p, 1); /* no node of its own */
    if (!enter(p, &saved)) return NULL;
    struct ast_table_ref *table = parse_table_inside(p);
    if (table && !is_parenthesis && !grow(p)) table = NULL;
    leave(p, saved);
    return table;
}

/* --- Joins ------------------------------------------------------------------------------------------------------------ */

struct join_words {
    enum ast_join_kind kind;
    enum ast_join_flavour flavour;
    bool is_natural;
};

/* LEFT [OUTER | SEMI | ANTI], RIGHT ..., FULL [OUTER], INNER, SEMI, ANTI, or nothing. */
static enum ast_join_kind parse_side(struct parser *p)
{
    if (at_keywords(p, SQL_KW_SEMI, SQL_KW_JOIN)) return parser_advance(p), AST_JOIN_LEFT_SEMI;
    if (at_keywords(p, SQL_KW_ANTI, SQL_KW_JOIN)) return parser_advance(p), AST_JOIN_LEFT_ANTI;
    bool is_left = at_keyword(p, SQL_KW_LEFT);
    if (is_left || at_keyword(p, SQL_KW_RIGHT)) {
        parser_advance(p);
        if (accept_keyword(p, SQL_KW_SEMI))
            return is_left ? AST_JOIN_LEFT_SEMI : AST_JOIN_RIGHT_SEMI;
        if (accept_keyword(p, SQL_KW_ANTI))
            return is_left ? AST_JOIN_LEFT_ANTI : AST_JOIN_RIGHT_ANTI;
        accept_keyword(p, SQL_KW_OUTER);
        return is_left ? AST_JOIN_LEFT : AST_JOIN_RIGHT;
    }
    if (accept_keyword(p, SQL_KW_FULL)) {
        accept_keyword(p, SQL_KW_OUTER);
        return AST_JOIN_FULL;
    }
    accept_keyword(p, SQL_KW_INNER);
    return AST_JOIN_INNER;
}

static bool at_join(struct parser *p)
{
    return at_keyword(p, SQL_KW_JOIN) || at_keyword(p, SQL_KW_INNER) ||
           at_keyword(p, SQL_KW_LEFT) || at_keyword(p, SQL_KW_RIGHT) ||
           at_keyword(p, SQL_KW_FULL) || at_keyword(p, SQL_KW_CROSS) ||
           at_keyword(p, SQL_KW_NATURAL) || at_keywords(p, SQL_KW_SEMI, SQL_KW_JOIN) ||
           at_keywords(p, SQL_KW_ANTI, SQL_KW_JOIN) ||
           (at_keyword(p, SQL_KW_ASOF) && !at_bare_alias(p)) ||
           at_keywords(p, SQL_KW_TEMPORAL, SQL_KW_PROBE);
}

static bool parse_join_words(struct parser *p, struct join_words *out)
{
    uint32_t start = parser_token(p)->start;
    if (accept_keyword(p, SQL_KW_CROSS)) {
        out->kind = AST_JOIN_CROSS;
    } else if (accept_keywords(p, SQL_KW_TEMPORAL, SQL_KW_PROBE)) {
        out->kind = AST_JOIN_LEFT;
        out->flavour = AST_JOIN_TEMPORAL_PROBE;
    } else if (accept_keyword(p, SQL_KW_ASOF)) {
        out->flavour = AST_JOIN_ASOF;
        out->kind = parse_side(p);
        if (out->kind != AST_JOIN_INNER && out->kind != AST_JOIN_LEFT &&
            out->kind != AST_JOIN_RIGHT && out->kind != AST_JOIN_FULL)
            return parser_fail(p, start, "an ASOF join is inner, LEFT, RIGHT or FULL");
    } else {
        out->is_natural = accept_keyword(p, SQL_KW_NATURAL);
        out->kind = parse_side(p);
    }
    return expect_keyword(p, SQL_KW_JOIN);
}

static bool parse_probe_offsets(struct parser *p, struct ast_probe *probe)
{
    if (accept_keyword(p, SQL_KW_RANGE)) {
        return expect_keyword(p, SQL_KW_FROM) && (probe->from = parse_duration(p)) &&
               expect_keyword(p, SQL_KW_TO) && (probe->to = parse_duration(p)) &&
               expect_keyword(p, SQL_KW_STEP) && (probe->step = parse_duration(p));
    }
    if (!accept_keyword(p, SQL_KW_LIST)) return parser_unexpected(p, "RANGE or LIST");
    struct list offsets = {0};
    uint32_t open = parser_token(p)->start;
    if (!expect(p, SQL_TOKEN_LPAREN)) return false;
    do {
        struct ast_expr *offset = parse_duration(p);
        if (!offset || !PUSH(p, &offsets, offset)) return false;
    } while (accept(p, SQL_TOKEN_COMMA));
    probe->offsets = (struct ast_expr_list){offsets.items, offsets.n};
    return expect_close(p, SQL_TOKEN_RPAREN, open);
}

/* ON (k, ...) TIMESTAMPS (t_ts, r_ts) RANGE ... | LIST ... AS p */
static bool parse_probe(struct parser *p, struct ast_join *join)
{
    struct ast_probe *probe = NEW(p, struct ast_probe);
    if (!probe || !expect_keyword(p, SQL_KW_ON) ||
        !parse_name_list(p, &join->using_columns, "a column name"))
        return false;
    if (!expect_keyword(p, SQL_KW_TIMESTAMPS)) return false;
    uint32_t open = parser_token(p)->start;
    if (!expect(p, SQL_TOKEN_LPAREN) || !parse_name(p, &probe->left_time, "a column name") ||
        !expect(p, SQL_TOKEN_COMMA))
        return false;
    if (!parse_name(p, &probe->right_time, "a column name") ||
        !expect_close(p, SQL_TOKEN_RPAREN, open))
        return false;
    if (!parse_probe_offsets(p, probe) || !expect_keyword(p, SQL_KW_AS)) return false;
    join->probe = probe;
    return parse_name(p, &probe->name, "a name for the offsets");
}

/* What ties the sides together. */
static bool parse_join_condition(struct parser *p, struct ast_join *join)
{
    if (join->flavour == AST_JOIN_TEMPORAL_PROBE) return parse_probe(p, join);
    if (join->kind == AST_JOIN_CROSS || join->is_natural) return true;
    if (join->flavour == AST_JOIN_ASOF && accept_keyword(p, SQL_KW_MATCH_CONDITION)) {
        uint32_t open = parser_token(p)->start;
        if (!expect(p, SQL_TOKEN_LPAREN) || !(join->match_condition = parse_expr(p))) return false;
        if (!expect_close(p, SQL_TOKEN_RPAREN, open)) return false;
    }
    if (accept_keyword(p, SQL_KW_USING))
        return parse_name_list(p, &join->using_columns, "a column name");
    if (accept_keyword(p, SQL_KW_ON)) {
        join->on = parse_expr(p);
        return join->on != NULL;
    }
    if (join->match_condition) return true;
    parser_unexpected(p, "ON or USING for the join");
    return false;
}

static struct ast_table_ref *parse_joins(struct parser *p, struct ast_table_ref *left);

/* The right side; where its ON does not follow, joins inside it come first: a JOIN b JOIN c ON x ON y. */
static struct ast_table_ref *parse_right_side(struct parser *p, const struct ast_join *join)
{
    struct ast_table_ref *right = parse_table(p);
    bool wants_condition = join->kind != AST_JOIN_CROSS && !join->is_natural &&
                           join->flavour == AST_JOIN_PLAIN;
    if (!right || !wants_condition || !at_join(p)) return right;
    uint32_t saved;
    if (!enter(p, &saved)) return NULL;
    right = parse_joins(p, right);
    leave(p, saved);
    return right;
}

static struct ast_table_ref *parse_joins(struct parser *p, struct ast_table_ref *left)
{
    while (left && at_join(p)) {
        struct ast_table_ref *table = new_table(p, AST_TABLE_JOIN, left->span.start);
        struct ast_join *join = NEW(p, struct ast_join);
        struct join_words words = {0};
        if (!table || !join) return NULL;
        join->keyword_span.start = parser_token(p)->start;
        if (!parse_join_words(p, &words)) return NULL;
        join->keyword_span.end = p->prev_end;
        join->kind = words.kind;
        join->flavour = words.flavour;
        join->is_natural = words.is_natural;
        join->left = left;
        join->right = parse_right_side(p, join);
        if (!join->right || !parse_join_condition(p, join) || !grow(p)) return NULL;
        table->u.join = join;
        table->span.end = p->prev_end;
        left = table;
    }
    return left;
}

static struct ast_table_ref *parse_joined(struct parser *p)
{
    uint32_t saved;
    if (!enter(p, &saved)) return NULL;
    struct ast_table_ref *table = parse_table(p);
    if (table) table = parse_joins(p, table);
    leave(p, saved);
    return table;
}

bool parse_from_list(struct parser *p, struct ast_table_ref ***out, size_t *n)
{
    struct list tables = {0};
    do {
        struct ast_table_ref *table = parse_joined(p);
        if (!table || !PUSH(p, &tables, table)) return false;
    } while (accept(p, SQL_TOKEN_COMMA));
    *out = tables.items;
    *n = tables.n;
    return true;
}
