/* printer_statement.c - statements as SQL; see printer.h. Clauses that may come in any order are printed in one: FORMAT last, since a WITH behind it would be
 * its own. */
#include "base/secret.h"
#include "sql/printer_internal.h"
#include <string.h>

const char *sql_statement_text(enum ast_statement_kind kind)
{
    static const char *const texts[] = {
#define STATEMENT_TEXT(name, text) text,
        AST_STATEMENT_LIST(STATEMENT_TEXT)
#undef STATEMENT_TEXT
    };
    return (size_t)kind < ARRAY_LENGTH(texts) ? texts[kind] : "";
}

const char *sql_object_text(enum ast_object_kind kind)
{
    static const char *const texts[] = {
#define OBJECT_TEXT(name, text) text,
        AST_OBJECT_LIST(OBJECT_TEXT)
#undef OBJECT_TEXT
    };
    return (size_t)kind < ARRAY_LENGTH(texts) ? texts[kind] : "";
}

/* --- Options ---------------------------------------------------------------------------------------------------------- */

/* word(.word)* which the parser reads back as a word. */
static bool is_bare_value(const char *text, size_t size)
{
    size_t start = 0;
    for (size_t i = 0; i <= size; i++) {
        if (i < size && text[i] != '.') {
            char c = text[i];
            bool is_ok = (c >= 'a' && c <= 'z') || c == '_' || (i > start && c >= '0' && c <= '9');
            if (!is_ok) return false;
            continue;
        }
        if (i == start) return false;
        enum sql_keyword word = start == 0 ? sql_keyword_find(text, i) : SQL_KW_NONE;
        if (word == SQL_KW_TRUE || word == SQL_KW_FALSE || word == SQL_KW_NULL ||
            word == SQL_KW_DEFAULT || word == SQL_KW_INTERVAL)
            return false;
        start = i + 1;
    }
    return true;
}

static void print_option_value(struct printer *pr, const struct ast_option *option)
{
    switch (option->kind) {
    case AST_OPTION_STRING: print_literal(pr, option->text, option->size); break;
    case AST_OPTION_NUMBER: print_text(pr, option->text); break;
    case AST_OPTION_BOOL: print_text(pr, option->text[0] == 't' ? "TRUE" : "FALSE"); break;
    case AST_OPTION_WORD:
        if (is_bare_value(option->text, option->size))
            print_text(pr, option->text);
        else
            print_literal(pr, option->text, option->size);
        break;
    case AST_OPTION_INTERVAL: print_expr(pr, option->interval); break;
    case AST_OPTION_NULL: print_text(pr, "NULL"); break;
    }
}

/* The value with what is secret in it left out. */
static void print_hidden(struct printer *pr, const struct ast_option *option)
{
    const char *key = option->key.text ? option->key.text : "";
    bool is_text = option->kind == AST_OPTION_STRING || option->kind == AST_OPTION_WORD;
    if (secret_is_key(key, strlen(key)) &&
        !(is_text && secret_is_reference(option->text, option->size))) {
        print_text(pr, "'" SECRET_MASK "'");
        return;
    }
    if (option->kind != AST_OPTION_STRING) {
        print_option_value(pr, option);
        return;
    }
    struct strbuf masked = {0};
    secret_append_masked(&masked, option->text, option->size);
    if (masked.failed)
        pr->buf->failed = true;
    else
        print_literal(pr, masked.data ? masked.data : "", masked.size);
    strbuf_deinit(&masked);
}

static void print_options(struct printer *pr, const struct ast_option_list *options)
{
    print_text(pr, "(");
    for (size_t i = 0; i < options->n; i++) {
        if (i) print_text(pr, ", ");
        print_literal(pr, options->items[i].key.text, options->items[i].key.size);
        print_text(pr, " = ");
        if (pr->hides_secrets)
            print_hidden(pr, &options->items[i]);
        else
            print_option_value(pr, &options->items[i]);
    }
    print_text(pr, ")");
}

static void print_with(struct printer *pr, const struct ast_option_list *options)
{
    if (!options->n) return;
    print_text(pr, " WITH ");
    print_options(pr, options);
}

static void print_connector(struct printer *pr, const char *word,
                            const struct ast_connector *connector)
{
    if (!connector->name.text) return;
    print_text(pr, word);
    print_name(pr, &connector->name);
    if (!connector->options.n) return;
    print_text(pr, " ");
    print_options(pr, &connector->options);
}

static void print_format(struct printer *pr, const struct ast_connector *format)
{
    if (!format->name.text) return;
    print_text(pr, " FORMAT ");
    print_name(pr, &format->name);
    print_with(pr, &format->options);
}

/* --- CREATE, ALTER, DROP ---------------------------------------------------------------------------------------------- */

static void print_create(struct printer *pr, enum ast_statement_kind kind, bool or_replace,
                         bool if_not_exists, const struct ast_qname *name)
{
    const char *text = sql_statement_text(kind) + strlen("CREATE ");
    print_text(pr, or_replace ? "CREATE OR REPLACE " : "CREATE ");
    print_text(pr, text);
    print_text(pr, if_not_exists ? " IF NOT EXISTS " : " ");
    print_qname(pr, name);
}

static void print_column_def(struct printer *pr, const struct ast_column_def *column)
{
    if (column->is_star) {
        print_text(pr, "*");
        if (!column->prefix) return;
        print_text(pr, " PREFIX ");
        print_literal(pr, column->prefix, strlen(column->prefix));
        return;
    }
    print_safe_name(pr, &column->name);
    print_text(pr, " ");
    print_type(pr, column->type);
    if (column->is_not_null) print_text(pr, " NOT NULL");
    if (column->default_value) {
        print_text(pr, " DEFAULT ");
        print_expr(pr, column->default_value);
    }
    if (column->is_primary_key) print_text(pr, " PRIMARY KEY");
}

static void print_elements(struct printer *pr, const struct ast_create_relation *relation)
{
    const char *separator = " (";
    for (size_t i = 0; i < relation->n_columns; i++) {
        print_text(pr, separator);
        print_column_def(pr, &relation->columns[i]);
        separator = ", ";
    }
    if (relation->primary_key.n) {
        print_text(pr, separator);
        print_text(pr, "PRIMARY KEY ");
        print_names(pr, &relation->primary_key);
        separator = ", ";
    }
    if (relation->watermark.column.text) {
        print_text(pr, separator);
        print_text(pr, "WATERMARK FOR ");
        print_name(pr, &relation->watermark.column);
        if (relation->watermark.expr) {
            print_text(pr, " AS ");
            print_expr(pr, relation->watermark.expr);
        }
        separator = ", ";
    }
    if (separator[0] == ',') print_text(pr, ")");
}

static void print_create_relation(struct printer *pr, const struct ast_statement *statement)
{
    const struct ast_create_relation *relation = statement->u.create_relation;
    print_create(pr, statement->kind, relation->or_replace, relation->if_not_exists,
                 &relation->name);
    print_elements(pr, relation);
    print_connector(pr, " FROM ", &relation->connector);
    print_with(pr, &relation->options);
    print_format(pr, &relation->format);
    if (relation->query) {
        print_text(pr, " AS ");
        print_query(pr, relation->query);
    }
}

static void print_create_view(struct printer *pr, const struct ast_statement *statement)
{
    const struct ast_create_view *view = statement->u.create_view;
    print_create(pr, statement->kind, view->or_replace, view->if_not_exists, &view->name);
    if (view->columns.n) {
        print_text(pr, " ");
        print_names(pr, &view->columns);
    }
    print_text(pr, " AS ");
    print_query(pr, view->query);
    print_with(pr, &view->options);
}

static void print_create_sink(struct printer *pr, const struct ast_statement *statement)
{
    const struct ast_create_sink *sink = statement->u.create_sink;
    print_create(pr, statement->kind, sink->or_replace, sink->if_not_exists, &sink->name);
    print_text(pr, " FROM ");
    if (sink->query) {
        print_text(pr, "(");
        print_query(pr, sink->query);
        print_text(pr, ")");
    } else {
        print_qname(pr, &sink->from);
    }
    if (sink->where) {
        print_text(pr, " WHERE ");
        print_expr(pr, sink->where);
    }
    print_connector(pr, " INTO ", &sink->connector);
    print_with(pr, &sink->options);
    print_format(pr, &sink->format);
}

static void print_alter_source(struct printer *pr, const struct ast_alter_source *alter)
{
    print_text(pr, "ALTER SOURCE ");
    print_qname(pr, &alter->name);
    if (alter->add_column) {
        print_text(pr, " ADD COLUMN ");
        print_column_def(pr, alter->add_column);
    } else {
        print_text(pr, " SET ");
        print_options(pr, &alter->set_options);
    }
}

static void print_drop(struct printer *pr, const struct ast_drop *drop)
{
    print_text(pr, "DROP ");
    print_text(pr, sql_object_text(drop->object));
    print_text(pr, drop->if_exists ? " IF EXISTS " : " ");
    print_qname(pr, &drop->name);
    if (drop->is_cascade) print_text(pr, " CASCADE");
}

/* --- INSERT, UPDATE, DELETE, COPY ------------------------------------------------------------------------------------- */

static void print_where(struct printer *pr, const struct ast_expr *where)
{
    if (!where) return;
    print_text(pr, " WHERE ");
    print_expr(pr, where);
}

static void print_alias(struct printer *pr, const struct ast_name *alias)
{
    if (!alias->text) return;
    print_text(pr, " AS ");
    print_name(pr, alias);
}

static void print_insert(struct printer *pr, const struct ast_insert *insert)
{
    print_text(pr, "INSERT INTO ");
    print_qname(pr, &insert->table);
    print_text(pr, " ");
    if (insert->columns.n) {
        print_names(pr, &insert->columns);
        print_text(pr, " ");
    }
    if (insert->query)
        print_query(pr, insert->query);
    else
        print_text(pr, "DEFAULT VALUES");
}

static void print_update(struct printer *pr, const struct ast_update *update)
{
    print_text(pr, "UPDATE ");
    print_qname(pr, &update->table);
    print_alias(pr, &update->alias);
    for (size_t i = 0; i < update->n_assignments; i++) {
        print_text(pr, i ? ", " : " SET ");
        print_name(pr, &update->assignments[i].column);
        print_text(pr, " = ");
        print_expr(pr, update->assignments[i].value);
    }
    if (update->n_from) {
        print_text(pr, " FROM ");
        print_tables(pr, update->from, update->n_from);
    }
    print_where(pr, update->where);
}

static void print_delete(struct printer *pr, const struct ast_delete *delete_)
{
    print_text(pr, "DELETE FROM ");
    print_qname(pr, &delete_->table);
    print_alias(pr, &delete_->alias);
    if (delete_->n_using) {
        print_text(pr, " USING ");
        print_tables(pr, delete_->using_tables, delete_->n_using);
    }
    print_where(pr, delete_->where);
}

static void print_copy(struct printer *pr, const struct ast_copy *copy)
{
    print_text(pr, "COPY ");
    if (copy->query) {
        print_text(pr, "(");
        print_query(pr, copy->query);
        print_text(pr, ")");
    } else {
        print_qname(pr, &copy->table);
        if (copy->columns.n) print_text(pr, " ");
        if (copy->columns.n) print_names(pr, &copy->columns);
    }
    print_text(pr, copy->is_from ? " FROM " : " TO ");
    print_literal(pr, copy->path, strlen(copy->path));
    if (!copy->options.n) return;
    print_text(pr, " ");
    print_options(pr, &copy->options);
}

/* --- The small ones --------------------------------------------------------------------------------------------------- */

/* A setting: quoted where the bare word would be another SHOW. */
static void print_setting(struct printer *pr, const struct ast_qname *name)
{
    for (size_t i = 0; i < name->n; i++) {
        if (i) print_text(pr, ".");
        print_safe_name(pr, &name->parts[i]);
    }
}

static void print_show(struct printer *pr, const struct ast_show *show)
{
    static const char *const texts[] = {
#define SHOW_TEXT(name, text) text,
        AST_SHOW_LIST(SHOW_TEXT)
#undef SHOW_TEXT
    };
    print_text(pr, "SHOW ");
    if (show->kind == AST_SHOW_NAME)
        print_setting(pr, &show->name);
    else
        print_text(pr, texts[show->kind]);
}

static void print_set(struct printer *pr, const struct ast_set *set)
{
    print_text(pr, set->is_reset ? "RESET " : "SET ");
    print_setting(pr, &set->name);
    if (set->is_reset) return;
    print_text(pr, " = ");
    print_option_value(pr, &set->value);
}

static void print_subscribe(struct printer *pr, const struct ast_subscribe *subscribe)
{
    print_text(pr, "SUBSCRIBE ");
    if (subscribe->query) {
        print_text(pr, "(");
        print_query(pr, subscribe->query);
        print_text(pr, ")");
    } else {
        print_qname(pr, &subscribe->name);
    }
    if (subscribe->has_epoch) {
        print_text(pr, " AS OF EPOCH ");
        print_u64(pr, subscribe->epoch);
    }
    print_where(pr, subscribe->where);
}

static void print_declare(struct printer *pr, const struct ast_declare_cursor *declare)
{
    print_text(pr, "DECLARE ");
    print_name(pr, &declare->name);
    print_text(pr, " CURSOR FOR ");
    if (declare->subscribe)
        print_subscribe(pr, declare->subscribe);
    else
        print_query(pr, declare->query);
}

static void print_fetch(struct printer *pr, const struct ast_fetch *fetch)
{
    print_text(pr, "FETCH ");
    if (fetch->is_all)
        print_text(pr, "ALL");
    else
        print_u64(pr, fetch->count);
    print_text(pr, " FROM ");
    print_name(pr, &fetch->cursor);
}

static void print_statement(struct printer *pr, const struct ast_statement *statement);

static void print_explain(struct printer *pr, const struct ast_explain *explain)
{
    print_text(pr, explain->is_analyze ? "EXPLAIN ANALYZE " : "EXPLAIN ");
    if (explain->format == AST_EXPLAIN_JSON) print_text(pr, "(FORMAT JSON) ");
    print_statement(pr, explain->statement);
}

static void print_statement(struct printer *pr, const struct ast_statement *statement)
{
    static const char *const transactions[] = {[AST_TRANSACTION_BEGIN] = "BEGIN",
                                               [AST_TRANSACTION_COMMIT] = "COMMIT",
                                               [AST_TRANSACTION_ROLLBACK] = "ROLLBACK"};
    switch (statement->kind) {
    case AST_STMT_QUERY: print_query(pr, statement->u.query); break;
    case AST_STMT_CREATE_SOURCE:
    case AST_STMT_CREATE_TABLE:
    case AST_STMT_CREATE_LOOKUP_TABLE: print_create_relation(pr, statement); break;
    case AST_STMT_CREATE_STREAM:
    case AST_STMT_CREATE_MATERIALIZED_VIEW: print_create_view(pr, statement); break;
    case AST_STMT_CREATE_SINK: print_create_sink(pr, statement); break;
    case AST_STMT_ALTER_SOURCE: print_alter_source(pr, statement->u.alter_source); break;
    case AST_STMT_DROP: print_drop(pr, statement->u.drop); break;
    case AST_STMT_INSERT: print_insert(pr, statement->u.insert); break;
    case AST_STMT_UPDATE: print_update(pr, statement->u.update); break;
    case AST_STMT_DELETE: print_delete(pr, statement->u.delete_); break;
    case AST_STMT_COPY: print_copy(pr, statement->u.copy); break;
    case AST_STMT_SHOW: print_show(pr, statement->u.show); break;
    case AST_STMT_SHOW_CREATE:
        print_text(pr, "SHOW CREATE ");
        print_text(pr, sql_object_text(statement->u.show_create->object));
        print_text(pr, " ");
        print_qname(pr, &statement->u.show_create->name);
        break;
    case AST_STMT_DESCRIBE:
        print_text(pr, statement->u.describe->is_extended ? "DESCRIBE EXTENDED " : "DESCRIBE ");
        print_qname(pr, &statement->u.describe->name);
        break;
    case AST_STMT_EXPLAIN: print_explain(pr, statement->u.explain); break;
    case AST_STMT_SET: print_set(pr, statement->u.set); break;
    case AST_STMT_CHECKPOINT: print_text(pr, "CHECKPOINT"); break;
    case AST_STMT_RESTORE:
        print_text(pr, "RESTORE FROM CHECKPOINT ");
        print_u64(pr, statement->u.restore->checkpoint_id);
        break;
    case AST_STMT_SUBSCRIBE: print_subscribe(pr, statement->u.subscribe); break;
    case AST_STMT_DECLARE_CURSOR: print_declare(pr, statement->u.declare_cursor); break;
    case AST_STMT_FETCH: print_fetch(pr, statement->u.fetch); break;
    case AST_STMT_CLOSE_CURSOR:
        print_text(pr, "CLOSE ");
        if (statement->u.close_cursor.text)
            print_name(pr, &statement->u.close_cursor);
        else
            print_text(pr, "ALL");
        break;
    case AST_STMT_TRANSACTION: print_text(pr, transactions[statement->u.transaction]); break;
    }
}

void sql_print_statement(struct strbuf *buf, const struct ast_statement *statement)
{
    print_statement(&(struct printer){.buf = buf}, statement);
}

void sql_print_statement_masked(struct strbuf *buf, const struct ast_statement *statement)
{
    print_statement(&(struct printer){.buf = buf, .hides_secrets = true}, statement);
}

void sql_print_script(struct strbuf *buf, const struct ast_script *script)
{
    for (size_t i = 0; i < script->n; i++) {
        sql_print_statement(buf, script->statements[i]);
        strbuf_puts(buf, ";\n");
    }
}
