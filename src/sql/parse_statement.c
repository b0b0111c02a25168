/* parse_statement.c - the statements other than CREATE, ALTER and DROP, and the choice between all of them by their first word. */
#include "sql/parser_internal.h"

/* --- INSERT, UPDATE, DELETE, COPY ------------------------------------------------------------------------------------- */

static bool parse_insert(struct parser *p, struct ast_statement *statement)
{
    struct ast_insert *insert = NEW(p, struct ast_insert);
    if (!insert) return false;
    parser_advance(p);
    statement->kind = AST_STMT_INSERT;
    statement->u.insert = insert;
    if (!expect_keyword(p, SQL_KW_INTO) || !parse_qname(p, &insert->table, "a table name"))
        return false;
    bool has_columns = at(p, SQL_TOKEN_LPAREN) && !at_query_start(p, 1) &&
                       !peek_is(p, 1, SQL_TOKEN_LPAREN);
    if (has_columns && !parse_name_list(p, &insert->columns, "a column name")) return false;
    if (!has_columns && accept_keyword(p, SQL_KW_DEFAULT)) return expect_keyword(p, SQL_KW_VALUES);
    if (!at(p, SQL_TOKEN_LPAREN) && !at_query_start(p, 0)) {
        at_keyword(p, SQL_KW_VALUES);
        return parser_unexpected(p, "VALUES ( or a query");
    }
    insert->query = parse_query(p);
    return insert->query != NULL;
}

static bool parse_table_alias(struct parser *p, struct ast_name *alias)
{
    if (accept_keyword(p, SQL_KW_AS)) return parse_name(p, alias, "an alias name");
    if (!at_bare_alias(p)) return true;
    note_bare_alias(p);
    return parse_name(p, alias, "an alias name");
}

static bool parse_where(struct parser *p, struct ast_expr **out)
{
    if (!accept_keyword(p, SQL_KW_WHERE)) return true;
    *out = parse_expr(p);
    return *out != NULL;
}

static bool parse_update(struct parser *p, struct ast_statement *statement)
{
    struct list assignments = {0};
    struct ast_update *update = NEW(p, struct ast_update);
    if (!update) return false;
    parser_advance(p);
    statement->kind = AST_STMT_UPDATE;
    statement->u.update = update;
    if (!parse_qname(p, &update->table, "a table name") || !parse_table_alias(p, &update->alias) ||
        !expect_keyword(p, SQL_KW_SET))
        return false;
    do {
        struct ast_assignment assignment;
        if (!parse_name(p, &assignment.column, "a column name") || !expect(p, SQL_TOKEN_EQ))
            return false;
        if (!(assignment.value = parse_expr(p)) || !PUSH(p, &assignments, assignment)) return false;
    } while (accept(p, SQL_TOKEN_COMMA));
    update->assignments = assignments.items;
    update->n_assignments = assignments.n;
    parser_expected(p, "',', WHERE or the end of the statement");
    if (accept_keyword(p, SQL_KW_FROM) && !parse_from_list(p, &update->from, &update->n_from))
        return false;
    return parse_where(p, &update->where);
}

static bool parse_delete(struct parser *p, struct ast_statement *statement)
{
    struct ast_delete *delete_ = NEW(p, struct ast_delete);
    if (!delete_) return false;
    parser_advance(p);
    statement->kind = AST_STMT_DELETE;
    statement->u.delete_ = delete_;
    if (!expect_keyword(p, SQL_KW_FROM) || !parse_qname(p, &delete_->table, "a table name") ||
        !parse_table_alias(p, &delete_->alias))
        return false;
    if (accept_keyword(p, SQL_KW_USING) &&
        !parse_from_list(p, &delete_->using_tables, &delete_->n_using))
        return false;
    return parse_where(p, &delete_->where);
}

static bool parse_copy(struct parser *p, struct ast_statement *statement)
{
    struct ast_copy *copy = NEW(p, struct ast_copy);
    if (!copy) return false;
    parser_advance(p);
    statement->kind = AST_STMT_COPY;
    statement->u.copy = copy;
    uint32_t open = parser_token(p)->start;
    if (accept(p, SQL_TOKEN_LPAREN)) {
        copy->query = parse_query(p);
        if (!copy->query || !expect_close(p, SQL_TOKEN_RPAREN, open)) return false;
    } else {
        if (!parse_qname(p, &copy->table, "a table name or a query in '('")) return false;
        if (at(p, SQL_TOKEN_LPAREN) && !parse_name_list(p, &copy->columns, "a column name"))
            return false;
    }
    uint32_t word = parser_token(p)->start;
    copy->is_from = accept_keyword(p, SQL_KW_FROM);
    if (!copy->is_from && !accept_keyword(p, SQL_KW_TO)) return parser_unexpected(p, "FROM or TO");
    if (copy->is_from && copy->query)
        return parser_fail(p, word, "a query can only be copied TO a file");
    size_t size;
    copy->path_span.start = parser_token(p)->start;
    if (!parse_string(p, &copy->path, &size, "a file name in single quotes")) return false;
    copy->path_span.end = p->prev_end;
    bool has_with = accept_keyword(p, SQL_KW_WITH);
    return (!has_with && !at(p, SQL_TOKEN_LPAREN)) || parse_options(p, &copy->options, true);
}

/* --- SHOW, DESCRIBE, EXPLAIN, SET ------------------------------------------------------------------------------------- */

static bool parse_show_create(struct parser *p, struct ast_statement *statement)
{
    struct ast_show_create *show = NEW(p, struct ast_show_create);
    if (!show) return false;
    statement->kind = AST_STMT_SHOW_CREATE;
    statement->u.show_create = show;
    return parse_object_kind(p, &show->object) && parse_qname(p, &show->name, "a name");
}

/* TIME ZONE is the setting timezone. */
static bool parse_setting_name(struct parser *p, struct ast_qname *out)
{
    if (!at_keywords(p, SQL_KW_TIME, SQL_KW_ZONE))
        return parse_qname(p, out, "the name of a setting");
    struct list parts = {0};
    struct ast_name name = {
        .text = "timezone", .size = 8, .span = {parser_token(p)->start, parser_peek(p, 1)->end}};
    if (!PUSH(p, &parts, name)) return false;
    *out = (struct ast_qname){parts.items, 1, name.span};
    parser_advance(p);
    parser_advance(p);
    return true;
}

static bool parse_show(struct parser *p, struct ast_statement *statement)
{
    parser_advance(p);
    if (accept_keyword(p, SQL_KW_CREATE)) return parse_show_create(p, statement);
    struct ast_show *show = NEW(p, struct ast_show);
    if (!show) return false;
    statement->kind = AST_STMT_SHOW;
    statement->u.show = show;
    if (accept_keyword(p, SQL_KW_SOURCES))
        show->kind = AST_SHOW_SOURCES;
    else if (accept_keyword(p, SQL_KW_SINKS))
        show->kind = AST_SHOW_SINKS;
    else if (accept_keyword(p, SQL_KW_STREAMS))
        show->kind = AST_SHOW_STREAMS;
    else if (accept_keyword(p, SQL_KW_TABLES))
        show->kind = AST_SHOW_TABLES;
    else if (accept_keyword(p, SQL_KW_QUERIES))
        show->kind = AST_SHOW_QUERIES;
    else if (accept_keyword(p, SQL_KW_FUNCTIONS))
        show->kind = AST_SHOW_FUNCTIONS;
    else if (accept_keyword(p, SQL_KW_CONNECTORS))
        show->kind = AST_SHOW_CONNECTORS;
    else if (accept_keyword(p, SQL_KW_ALL))
        show->kind = AST_SHOW_ALL;
    else if (accept_keywords(p, SQL_KW_MATERIALIZED, SQL_KW_VIEWS))
        show->kind = AST_SHOW_MATERIALIZED_VIEWS;
    else if (accept_keywords(p, SQL_KW_LOOKUP, SQL_KW_TABLES))
        show->kind = AST_SHOW_LOOKUP_TABLES;
    else if (accept_keywords(p, SQL_KW_CHECKPOINT, SQL_KW_STATUS))
        show->kind = AST_SHOW_CHECKPOINT_STATUS;
    else {
        show->kind = AST_SHOW_NAME;
        return parse_setting_name(p, &show->name);
    }
    return true;
}

static bool parse_describe(struct parser *p, struct ast_statement *statement)
{
    struct ast_describe *describe = NEW(p, struct ast_describe);
    if (!describe) return false;
    parser_advance(p);
    statement->kind = AST_STMT_DESCRIBE;
    statement->u.describe = describe;
    describe->is_extended = at_keyword(p, SQL_KW_EXTENDED) &&
                            (peek_is(p, 1, SQL_TOKEN_WORD) || peek_is(p, 1, SQL_TOKEN_QUOTED));
    if (describe->is_extended) parser_advance(p);
    return parse_qname(p, &describe->name, "a relation name");
}

/* (FORMAT json, ANALYZE) */
static bool parse_explain_options(struct parser *p, struct ast_explain *explain)
{
    uint32_t open = parser_token(p)->start;
    parser_advance(p);
    do {
        if (accept_keyword(p, SQL_KW_ANALYZE)) {
            explain->is_analyze = true;
            continue;
        }
        if (!accept_keyword(p, SQL_KW_FORMAT)) return parser_unexpected(p, "FORMAT or ANALYZE");
        accept(p, SQL_TOKEN_EQ);
        if (accept_keyword(p, SQL_KW_JSON))
            explain->format = AST_EXPLAIN_JSON;
        else if (accept_keyword(p, SQL_KW_TEXT))
            explain->format = AST_EXPLAIN_TEXT;
        else
            return parser_unexpected(p, "TEXT or JSON");
    } while (accept(p, SQL_TOKEN_COMMA));
    return expect_close(p, SQL_TOKEN_RPAREN, open);
}

static bool parse_explain(struct parser *p, struct ast_statement *statement)
{
    struct ast_explain *explain = NEW(p, struct ast_explain);
    if (!explain) return false;
    parser_advance(p);
    statement->kind = AST_STMT_EXPLAIN;
    statement->u.explain = explain;
    explain->is_analyze = accept_keyword(p, SQL_KW_ANALYZE);
    bool has_options = at(p, SQL_TOKEN_LPAREN) && (peek_is_keyword(p, 1, SQL_KW_FORMAT) ||
                                                   peek_is_keyword(p, 1, SQL_KW_ANALYZE));
    if (has_options && !parse_explain_options(p, explain)) return false;
    explain->statement = parse_statement(p);
    return explain->statement != NULL;
}

static bool parse_set(struct parser *p, struct ast_statement *statement, bool is_reset)
{
    struct ast_set *set = NEW(p, struct ast_set);
    if (!set) return false;
    parser_advance(p);
    statement->kind = AST_STMT_SET;
    statement->u.set = set;
    set->is_reset = is_reset;
    set->value.kind = AST_OPTION_NULL;
    bool is_zone = at_keywords(p, SQL_KW_TIME, SQL_KW_ZONE);
    if (!parse_setting_name(p, &set->name) || is_reset) return p->status == LAMINAR_OK;
    bool has_word = accept(p, SQL_TOKEN_EQ) || accept_keyword(p, SQL_KW_TO);
    if (!has_word && !is_zone) return parser_unexpected(p, "'=' or TO and a value");
    set->is_reset = accept_keyword(p, SQL_KW_DEFAULT);
    return set->is_reset || parse_option_value(p, &set->value);
}

/* --- Checkpoints, subscriptions, cursors, transactions ---------------------------------------------------------------- */

static bool parse_restore(struct parser *p, struct ast_statement *statement)
{
    struct ast_restore *restore = NEW(p, struct ast_restore);
    if (!restore) return false;
    parser_advance(p);
    statement->kind = AST_STMT_RESTORE;
    statement->u.restore = restore;
    return expect_keyword(p, SQL_KW_FROM) && expect_keyword(p, SQL_KW_CHECKPOINT) &&
           parse_u64(p, &restore->checkpoint_id, "the id of a checkpoint");
}

static struct ast_subscribe *parse_subscribe(struct parser *p)
{
    struct ast_subscribe *subscribe = NEW(p, struct ast_subscribe);
    if (!subscribe) return NULL;
    parser_advance(p);
    if (at(p, SQL_TOKEN_LPAREN) || at_query_start(p, 0)) {
        subscribe->query = parse_query(p);
        if (!subscribe->query) return NULL;
    } else if (!parse_qname(p, &subscribe->name, "a relation name or a query")) {
        return NULL;
    }
    subscribe->has_epoch = accept_keyword(p, SQL_KW_AS);
    if (subscribe->has_epoch) {
        if (!expect_keyword(p, SQL_KW_OF) || !expect_keyword(p, SQL_KW_EPOCH) ||
            !parse_u64(p, &subscribe->epoch, "the number of an epoch"))
            return NULL;
    }
    return parse_where(p, &subscribe->where) ? subscribe : NULL;
}

static bool parse_declare(struct parser *p, struct ast_statement *statement)
{
    struct ast_declare_cursor *declare = NEW(p, struct ast_declare_cursor);
    if (!declare) return false;
    parser_advance(p);
    statement->kind = AST_STMT_DECLARE_CURSOR;
    statement->u.declare_cursor = declare;
    if (!parse_name(p, &declare->name, "a cursor name") || !expect_keyword(p, SQL_KW_CURSOR) ||
        !expect_keyword(p, SQL_KW_FOR))
        return false;
    if (at_keyword(p, SQL_KW_SUBSCRIBE)) return (declare->subscribe = parse_subscribe(p)) != NULL;
    if (!at(p, SQL_TOKEN_LPAREN) && !at_query_start(p, 0))
        return parser_unexpected(p, "SUBSCRIBE or a query");
    return (declare->query = parse_query(p)) != NULL;
}

static bool parse_fetch(struct parser *p, struct ast_statement *statement)
{
    struct ast_fetch *fetch = NEW(p, struct ast_fetch);
    if (!fetch) return false;
    parser_advance(p);
    statement->kind = AST_STMT_FETCH;
    statement->u.fetch = fetch;
    fetch->count = 1;
    if (!accept_keyword(p, SQL_KW_FORWARD)) accept_keyword(p, SQL_KW_NEXT);
    fetch->is_all = accept_keyword(p, SQL_KW_ALL);
    if (!fetch->is_all && at(p, SQL_TOKEN_NUMBER) &&
        !parse_u64(p, &fetch->count, "a number of rows"))
        return false;
    if (!accept_keyword(p, SQL_KW_FROM) && !accept_keyword(p, SQL_KW_IN))
        return parser_unexpected(p, "a number of rows, ALL or FROM and a cursor");
    return parse_name(p, &fetch->cursor, "a cursor name");
}

static bool parse_close(struct parser *p, struct ast_statement *statement)
{
    parser_advance(p);
    statement->kind = AST_STMT_CLOSE_CURSOR;
    statement->u.close_cursor = (struct ast_name){0};
    return accept_keyword(p, SQL_KW_ALL) ||
           parse_name(p, &statement->u.close_cursor, "a cursor name or ALL");
}

static bool parse_transaction(struct parser *p, struct ast_statement *statement,
                              enum ast_transaction what)
{
    parser_advance(p);
    statement->kind = AST_STMT_TRANSACTION;
    statement->u.transaction = what;
    if (!accept_keyword(p, SQL_KW_TRANSACTION)) accept_keyword(p, SQL_KW_WORK);
    return true;
}

static bool parse_simple(struct parser *p, struct ast_statement *statement,
                         enum ast_statement_kind kind)
{
    parser_advance(p);
    statement->kind = kind;
    return true;
}

/* --- The choice ------------------------------------------------------------------------------------------------------- */

static bool parse_by_first_word(struct parser *p, struct ast_statement *statement)
{
    if (at(p, SQL_TOKEN_LPAREN) || at_keyword(p, SQL_KW_SELECT) || at_keyword(p, SQL_KW_WITH) ||
        at_keyword(p, SQL_KW_VALUES) || at_keyword(p, SQL_KW_FROM)) {
        statement->kind = AST_STMT_QUERY;
        return (statement->u.query = parse_query(p)) != NULL;
    }
    if (at_keyword(p, SQL_KW_CREATE)) return parse_create(p, statement);
    if (at_keyword(p, SQL_KW_ALTER)) return parse_alter(p, statement);
    if (at_keyword(p, SQL_KW_DROP)) return parse_drop(p, statement);
    if (at_keyword(p, SQL_KW_INSERT)) return parse_insert(p, statement);
    if (at_keyword(p, SQL_KW_UPDATE)) return parse_update(p, statement);
    if (at_keyword(p, SQL_KW_DELETE)) return parse_delete(p, statement);
    if (at_keyword(p, SQL_KW_COPY)) return parse_copy(p, statement);
    if (at_keyword(p, SQL_KW_SHOW)) return parse_show(p, statement);
    if (at_keyword(p, SQL_KW_DESCRIBE) || at_keyword(p, SQL_KW_DESC))
        return parse_describe(p, statement);
    if (at_keyword(p, SQL_KW_EXPLAIN)) return parse_explain(p, statement);
    if (at_keyword(p, SQL_KW_SET)) return parse_set(p, statement, false);
    if (at_keyword(p, SQL_KW_RESET)) return parse_set(p, statement, true);
    if (at_keyword(p, SQL_KW_CHECKPOINT)) return parse_simple(p, statement, AST_STMT_CHECKPOINT);
    if (at_keyword(p, SQL_KW_RESTORE)) return parse_restore(p, statement);
    if (at_keyword(p, SQL_KW_SUBSCRIBE)) {
        statement->kind = AST_STMT_SUBSCRIBE;
        return (statement->u.subscribe = parse_subscribe(p)) != NULL;
    }
    if (at_keyword(p, SQL_KW_DECLARE)) return parse_declare(p, statement);
    if (at_keyword(p, SQL_KW_FETCH)) return parse_fetch(p, statement);
    if (at_keyword(p, SQL_KW_CLOSE)) return parse_close(p, statement);
    if (at_keyword(p, SQL_KW_BEGIN)) return parse_transaction(p, statement, AST_TRANSACTION_BEGIN);
    if (at_keywords(p, SQL_KW_START, SQL_KW_TRANSACTION))
        return parse_transaction(p, statement, AST_TRANSACTION_BEGIN);
    if (at_keyword(p, SQL_KW_COMMIT))
        return parse_transaction(p, statement, AST_TRANSACTION_COMMIT);
    if (at_keyword(p, SQL_KW_ROLLBACK))
        return parse_transaction(p, statement, AST_TRANSACTION_ROLLBACK);
    return parser_unexpected(p, "a statement");
}

struct ast_statement *parse_statement(struct parser *p)
{
    uint32_t saved;
    struct ast_statement *statement = NEW(p, struct ast_statement);
    if (!statement || !enter(p, &saved)) return NULL;
    if (p->depth == 1) { /* not inside EXPLAIN */
        p->n_parameters = 0;
        p->parameter_names = (struct ast_name_list){0};
        p->parameter_names_capacity = 0;
    }
    statement->span.start = parser_token(p)->start;
    bool is_ok = parse_by_first_word(p, statement) && grow(p);
    leave(p, saved);
    statement->span.end = p->prev_end;
    statement->n_parameters = p->n_parameters;
    statement->parameter_kind = p->parameter_kind;
    statement->parameter_names = p->parameter_names;
    return is_ok ? statement : NULL;
}
