/* parse_ddl.c - CREATE, ALTER and DROP of sources, tables, streams, views and sinks. The clauses behind the name may come in any order, each once. */
#include "sql/parser_internal.h"

bool parse_object_kind(struct parser *p, enum ast_object_kind *out)
{
    if (accept_keyword(p, SQL_KW_SOURCE))
        *out = AST_OBJECT_SOURCE;
    else if (accept_keyword(p, SQL_KW_TABLE))
        *out = AST_OBJECT_TABLE;
    else if (accept_keyword(p, SQL_KW_STREAM))
        *out = AST_OBJECT_STREAM;
    else if (accept_keyword(p, SQL_KW_SINK))
        *out = AST_OBJECT_SINK;
    else if (accept_keywords(p, SQL_KW_LOOKUP, SQL_KW_TABLE))
        *out = AST_OBJECT_LOOKUP_TABLE;
    else if (accept_keywords(p, SQL_KW_MATERIALIZED, SQL_KW_VIEW))
        *out = AST_OBJECT_MATERIALIZED_VIEW;
    else {
        bool is_view = peek_is_keyword(p, 0, SQL_KW_VIEW);
        parser_unexpected(p, "SOURCE, TABLE, LOOKUP TABLE, STREAM, MATERIALIZED VIEW or SINK");
        if (is_view && p->status == LAMINAR_SQL_PARSE_ERROR)
            error_hint(p->err, "a view is a STREAM or a MATERIALIZED VIEW here");
        return false;
    }
    return true;
}

/* --- Columns ---------------------------------------------------------------------------------------------------------- */

static bool parse_column_constraints(struct parser *p, struct ast_column_def *column)
{
    for (;;) {
        if (accept_keywords(p, SQL_KW_NOT, SQL_KW_NULL)) {
            column->is_not_null = true;
        } else if (accept_keyword(p, SQL_KW_NULL)) {
            if (column->is_not_null)
                return parser_fail(p, p->prev_end - 4, "a column cannot be both NULL and NOT NULL");
        } else if (accept_keywords(p, SQL_KW_PRIMARY, SQL_KW_KEY)) {
            column->is_primary_key = true;
        } else if (!column->default_value && accept_keyword(p, SQL_KW_DEFAULT)) {
            column->default_value = parse_expr(p);
            if (!column->default_value) return false;
        } else {
            return true;
        }
    }
}

static bool parse_column_def(struct parser *p, struct ast_column_def *out)
{
    *out = (struct ast_column_def){.span.start = parser_token(p)->start};
    if (!parse_name(p, &out->name, "a column name")) return false;
    out->type = parse_type(p);
    if (!out->type || !parse_column_constraints(p, out)) return false;
    out->span.end = p->prev_end;
    return true;
}

/* * [PREFIX 'p_'] */
static bool parse_star_column(struct parser *p, struct ast_column_def *out)
{
    size_t size;
    *out = (struct ast_column_def){.span.start = parser_token(p)->start, .is_star = true};
    parser_advance(p);
    if (accept_keyword(p, SQL_KW_PREFIX) &&
        !parse_string(p, &out->prefix, &size, "a string after PREFIX"))
        return false;
    out->span.end = p->prev_end;
    return true;
}

static bool parse_watermark(struct parser *p, struct ast_watermark *watermark)
{
    if (watermark->column.text)
        return parser_fail(p, parser_token(p)->start, "WATERMARK is given twice");
    watermark->span.start = parser_token(p)->start;
    parser_advance(p);
    parser_advance(p);
    if (!parse_name(p, &watermark->column, "a column name")) return false;
    if (accept_keyword(p, SQL_KW_AS)) {
        watermark->expr = parse_expr(p);
        if (!watermark->expr) return false;
    }
    watermark->span.end = p->prev_end;
    return true;
}

/* ( column, ..., PRIMARY KEY (...), WATERMARK FOR ... ) */
static bool parse_elements(struct parser *p, struct ast_create_relation *relation)
{
    struct list columns = {0};
    uint32_t open = parser_token(p)->start;
    parser_advance(p);
    do {
        struct ast_column_def column;
        if (at_keywords(p, SQL_KW_PRIMARY, SQL_KW_KEY)) {
            if (relation->primary_key.n)
                return parser_fail(p, parser_token(p)->start, "PRIMARY KEY is given twice");
            parser_advance(p);
            parser_advance(p);
            if (!parse_name_list(p, &relation->primary_key, "a column name")) return false;
        } else if (at_keywords(p, SQL_KW_WATERMARK, SQL_KW_FOR)) {
            if (!parse_watermark(p, &relation->watermark)) return false;
        } else if (at(p, SQL_TOKEN_STAR)) {
            if (!parse_star_column(p, &column) || !PUSH(p, &columns, column)) return false;
        } else if (!parse_column_def(p, &column) || !PUSH(p, &columns, column)) {
            return false;
        }
    } while (accept(p, SQL_TOKEN_COMMA));
    relation->columns = columns.items;
    relation->n_columns = columns.n;
    return expect_close(p, SQL_TOKEN_RPAREN, open);
}

/* --- Clauses ---------------------------------------------------------------------------------------------------------- */

/* The clause at the current token was seen before. */
static bool given_twice(struct parser *p)
{
    const struct sql_token *token = parser_token(p);
    return parser_fail(p, token->start, "%.*s is given twice", (int)(token->end - token->start),
                       p->sql + token->start);
}

/* FROM | INTO connector [(options)] */
static bool parse_connector(struct parser *p, struct ast_connector *connector)
{
    if (connector->name.text) return given_twice(p);
    parser_advance(p);
    if (!parse_name(p, &connector->name, "a connector name")) return false;
    return !at(p, SQL_TOKEN_LPAREN) || parse_options(p, &connector->options, false);
}

static bool parse_format(struct parser *p, struct ast_connector *format)
{
    if (format->name.text) return given_twice(p);
    parser_advance(p);
    if (!parse_name(p, &format->name, "a format name")) return false;
    if (at(p, SQL_TOKEN_LPAREN)) return parse_options(p, &format->options, false);
    return !accept_keyword(p, SQL_KW_WITH) || parse_options(p, &format->options, false);
}

static bool parse_with_options(struct parser *p, struct ast_option_list *options, bool *has_options)
{
    if (*has_options) return given_twice(p);
    *has_options = true;
    parser_advance(p);
    return parse_options(p, options, false);
}

static bool parse_if_not_exists(struct parser *p, bool *out)
{
    *out = at_keywords(p, SQL_KW_IF, SQL_KW_NOT);
    if (!*out) return true;
    parser_advance(p);
    parser_advance(p);
    return expect_keyword(p, SQL_KW_EXISTS);
}

static const char after_relation[] =
    "columns in '(', FROM, FORMAT, WITH or the end of the statement";
static const char after_table[] = "columns in '(', AS, WITH or the end of the statement";

static bool parse_relation_clauses(struct parser *p, struct ast_create_relation *relation,
                                   bool is_table)
{
    bool has_columns = false, has_options = false;
    for (;;) {
        if (at(p, SQL_TOKEN_LPAREN) && !has_columns) {
            has_columns = true;
            if (!parse_elements(p, relation)) return false;
        } else if (at_keyword(p, SQL_KW_FROM)) {
            if (!parse_connector(p, &relation->connector)) return false;
        } else if (at_keyword(p, SQL_KW_FORMAT)) {
            if (!parse_format(p, &relation->format)) return false;
        } else if (at_keyword(p, SQL_KW_WITH)) {
            if (!parse_with_options(p, &relation->options, &has_options)) return false;
        } else if (is_table && !relation->query && at_keyword(p, SQL_KW_AS)) {
            parser_advance(p);
            relation->query = parse_query(p);
            if (!relation->query) return false;
        } else {
            parser_expected(p, is_table ? after_table : after_relation);
            return true;
        }
    }
}

static bool parse_create_relation(struct parser *p, struct ast_statement *statement,
                                  bool or_replace)
{
    struct ast_create_relation *relation = NEW(p, struct ast_create_relation);
    if (!relation) return false;
    statement->u.create_relation = relation;
    relation->or_replace = or_replace;
    return parse_if_not_exists(p, &relation->if_not_exists) &&
           parse_qname(p, &relation->name, "a relation name") &&
           parse_relation_clauses(p, relation, statement->kind == AST_STMT_CREATE_TABLE);
}

/* STREAM and MATERIALIZED VIEW */
static bool parse_create_view(struct parser *p, struct ast_statement *statement, bool or_replace)
{
    bool has_options = false;
    struct ast_create_view *view = NEW(p, struct ast_create_view);
    if (!view) return false;
    statement->u.create_view = view;
    view->or_replace = or_replace;
    if (!parse_if_not_exists(p, &view->if_not_exists) ||
        !parse_qname(p, &view->name, "a relation name"))
        return false;
    if (at(p, SQL_TOKEN_LPAREN) && !parse_name_list(p, &view->columns, "a column name"))
        return false;
    if (at_keyword(p, SQL_KW_WITH) && !parse_with_options(p, &view->options, &has_options))
        return false;
    if (!accept_keyword(p, SQL_KW_AS)) return parser_unexpected(p, "AS and a query");
    view->query = parse_query(p);
    if (!view->query) return false;
    return !at_keyword(p, SQL_KW_WITH) || parse_with_options(p, &view->options, &has_options);
}

/* --- Sinks ------------------------------------------------------------------------------------------------------------ */

static bool parse_sink_input(struct parser *p, struct ast_create_sink *sink)
{
    if (sink->query || sink->from.n)
        return parser_fail(
            p, parser_token(p)->start,
            "a sink takes its rows from one relation or query, a second one is given");
    if (accept_keyword(p, SQL_KW_AS)) {
        p->is_sink = true;
        sink->query = parse_query(p);
        p->is_sink = false;
        return sink->query != NULL;
    }
    parser_advance(p); /* FROM */
    if (!at(p, SQL_TOKEN_LPAREN))
        return parse_qname(p, &sink->from, "a relation name or a query in '('");
    uint32_t open = parser_token(p)->start;
    parser_advance(p);
    sink->query = parse_query(p);
    return sink->query && expect_close(p, SQL_TOKEN_RPAREN, open);
}

static bool parse_sink_clauses(struct parser *p, struct ast_create_sink *sink)
{
    bool has_options = false;
    for (;;) {
        if (at_keyword(p, SQL_KW_FROM) || at_keyword(p, SQL_KW_AS)) {
            if (!parse_sink_input(p, sink)) return false;
        } else if (!sink->where && accept_keyword(p, SQL_KW_WHERE)) {
            sink->where = parse_expr(p);
            if (!sink->where) return false;
        } else if (at_keyword(p, SQL_KW_INTO)) {
            if (!parse_connector(p, &sink->connector)) return false;
        } else if (at_keyword(p, SQL_KW_FORMAT)) {
            if (!parse_format(p, &sink->format)) return false;
        } else if (at_keyword(p, SQL_KW_WITH)) {
            if (!parse_with_options(p, &sink->options, &has_options)) return false;
        } else {
            break;
        }
    }
    if (!sink->query && !sink->from.n)
        return parser_unexpected(p, "FROM and a relation, or AS and a query");
    return true;
}

static bool parse_create_sink(struct parser *p, struct ast_statement *statement, bool or_replace)
{
    struct ast_create_sink *sink = NEW(p, struct ast_create_sink);
    if (!sink) return false;
    statement->u.create_sink = sink;
    sink->or_replace = or_replace;
    return parse_if_not_exists(p, &sink->if_not_exists) &&
           parse_qname(p, &sink->name, "a sink name") && parse_sink_clauses(p, sink);
}

/* --- Statements ------------------------------------------------------------------------------------------------------- */

bool parse_create(struct parser *p, struct ast_statement *statement)
{
    enum ast_object_kind object;
    parser_advance(p);
    bool or_replace = accept_keywords(p, SQL_KW_OR, SQL_KW_REPLACE);
    if (!parse_object_kind(p, &object)) return false;
    switch (object) {
    case AST_OBJECT_SOURCE:
        statement->kind = AST_STMT_CREATE_SOURCE;
        return parse_create_relation(p, statement, or_replace);
    case AST_OBJECT_TABLE:
        statement->kind = AST_STMT_CREATE_TABLE;
        return parse_create_relation(p, statement, or_replace);
    case AST_OBJECT_LOOKUP_TABLE:
        statement->kind = AST_STMT_CREATE_LOOKUP_TABLE;
        return parse_create_relation(p, statement, or_replace);
    case AST_OBJECT_STREAM:
        statement->kind = AST_STMT_CREATE_STREAM;
        return parse_create_view(p, statement, or_replace);
    case AST_OBJECT_MATERIALIZED_VIEW:
        statement->kind = AST_STMT_CREATE_MATERIALIZED_VIEW;
        return parse_create_view(p, statement, or_replace);
    case AST_OBJECT_SINK:
        statement->kind = AST_STMT_CREATE_SINK;
        return parse_create_sink(p, statement, or_replace);
    }
    return false;
}

bool parse_alter(struct parser *p, struct ast_statement *statement)
{
    struct ast_alter_source *alter = NEW(p, struct ast_alter_source);
    if (!alter) return false;
    parser_advance(p);
    statement->kind = AST_STMT_ALTER_SOURCE;
    statement->u.alter_source = alter;
    if (!expect_keyword(p, SQL_KW_SOURCE) || !parse_qname(p, &alter->name, "a source name"))
        return false;
    if (accept_keyword(p, SQL_KW_SET)) return parse_options(p, &alter->set_options, false);
    if (!accept_keyword(p, SQL_KW_ADD)) return parser_unexpected(p, "ADD COLUMN or SET");
    bool has_word = peek_is_keyword(p, 0, SQL_KW_COLUMN) &&
                    (peek_is(p, 1, SQL_TOKEN_WORD) || peek_is(p, 1, SQL_TOKEN_QUOTED)) &&
                    (peek_is(p, 2, SQL_TOKEN_WORD) || peek_is(p, 2, SQL_TOKEN_QUOTED));
    if (has_word) parser_advance(p);
    alter->add_column = NEW(p, struct ast_column_def);
    return alter->add_column && parse_column_def(p, alter->add_column);
}

bool parse_drop(struct parser *p, struct ast_statement *statement)
{
    struct ast_drop *drop = NEW(p, struct ast_drop);
    if (!drop) return false;
    parser_advance(p);
    statement->kind = AST_STMT_DROP;
    statement->u.drop = drop;
    if (!parse_object_kind(p, &drop->object)) return false;
    drop->if_exists = accept_keywords(p, SQL_KW_IF, SQL_KW_EXISTS);
    if (!parse_qname(p, &drop->name, "a name")) return false;
    drop->is_cascade = accept_keyword(p, SQL_KW_CASCADE);
    if (!drop->is_cascade) accept_keyword(p, SQL_KW_RESTRICT);
    return true;
}
