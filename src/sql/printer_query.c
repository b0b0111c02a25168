/* printer_query.c - calls with their windows, tables and joins, and queries as SQL; see printer.h. */
#include "sql/parser_internal.h"
#include "sql/printer_internal.h"
#include <string.h>

/* --- Calls and windows ------------------------------------------------------------------------------------------------ */

static void print_order_suffix(struct printer *pr, const struct ast_order_item *item)
{
    if (item->is_descending) print_text(pr, " DESC");
    if (item->nulls == AST_NULLS_FIRST) print_text(pr, " NULLS FIRST");
    if (item->nulls == AST_NULLS_LAST) print_text(pr, " NULLS LAST");
}

void print_order_items(struct printer *pr, const struct ast_order_list *items)
{
    for (size_t i = 0; i < items->n; i++) {
        if (i) print_text(pr, ", ");
        print_expr(pr, items->items[i].expr);
        print_order_suffix(pr, &items->items[i]);
    }
}

static void print_bound(struct printer *pr, const struct ast_frame_bound *bound)
{
    switch (bound->kind) {
    case AST_BOUND_UNBOUNDED_PRECEDING: print_text(pr, "UNBOUNDED PRECEDING"); break;
    case AST_BOUND_UNBOUNDED_FOLLOWING: print_text(pr, "UNBOUNDED FOLLOWING"); break;
    case AST_BOUND_CURRENT_ROW: print_text(pr, "CURRENT ROW"); break;
    case AST_BOUND_PRECEDING:
    case AST_BOUND_FOLLOWING:
        print_expr_above(pr, bound->offset, PRECEDENCE_NOT);
        print_text(pr, bound->kind == AST_BOUND_PRECEDING ? " PRECEDING" : " FOLLOWING");
        break;
    }
}

static void print_frame(struct printer *pr, const struct ast_frame *frame)
{
    static const char *const units[] = {
        [AST_FRAME_ROWS] = "ROWS", [AST_FRAME_RANGE] = "RANGE", [AST_FRAME_GROUPS] = "GROUPS"};
    static const char *const excludes[] = {[AST_EXCLUDE_NO_OTHERS] = "",
                                           [AST_EXCLUDE_CURRENT_ROW] = " EXCLUDE CURRENT ROW",
                                           [AST_EXCLUDE_GROUP] = " EXCLUDE GROUP",
                                           [AST_EXCLUDE_TIES] = " EXCLUDE TIES"};
    print_text(pr, units[frame->unit]);
    print_text(pr, " BETWEEN ");
    print_bound(pr, &frame->start);
    print_text(pr, " AND ");
    print_bound(pr, &frame->end);
    print_text(pr, excludes[frame->exclude]);
}

/* A blank between the parts of a window, not before the first. */
static void print_gap(struct printer *pr, bool *is_first)
{
    if (!*is_first) print_text(pr, " ");
    *is_first = false;
}

void print_window(struct printer *pr, const struct ast_window *window)
{
    bool is_first = true;
    if (window->is_reference) {
        print_name(pr, &window->base);
        return;
    }
    print_text(pr, "(");
    if (window->base.text) {
        print_gap(pr, &is_first);
        print_safe_name(pr, &window->base);
    }
    if (window->partition_by.n) {
        print_gap(pr, &is_first);
        print_text(pr, "PARTITION BY ");
        print_expr_list(pr, &window->partition_by);
    }
    if (window->order_by.n) {
        print_gap(pr, &is_first);
        print_text(pr, "ORDER BY ");
        print_order_items(pr, &window->order_by);
    }
    if (window->frame) {
        print_gap(pr, &is_first);
        print_frame(pr, window->frame);
    }
    print_text(pr, ")");
}

static void print_arguments(struct printer *pr, const struct ast_function *function,
                            enum sql_keyword word)
{
    if (function->is_distinct) print_text(pr, "DISTINCT ");
    if (function->is_star) print_text(pr, "*");
    for (size_t i = 0; i < function->args.n; i++) {
        if (i) print_text(pr, ", ");
        if (function->arg_names && function->arg_names[i].text) {
            print_name(pr, &function->arg_names[i]);
            print_text(pr, " => ");
        }
        /* The first argument of these two is read more narrowly, for TRIM(BOTH ...) and POSITION(x IN y). */
        unsigned precedence = i > 0                     ? PRECEDENCE_LOWEST
                              : word == SQL_KW_TRIM     ? PRECEDENCE_POSTFIX
                              : word == SQL_KW_POSITION ? PRECEDENCE_LIKE + 1
                                                        : PRECEDENCE_LOWEST;
        print_expr_above(pr, function->args.items[i], precedence);
    }
    if (function->order_by.n) {
        print_text(pr, function->args.n ? " ORDER BY " : "ORDER BY ");
        print_order_items(pr, &function->order_by);
    }
}

static void print_function_name(struct printer *pr, const struct ast_function *function,
                                bool is_table, enum sql_keyword word)
{
    /* left and right are reserved, but functions before `(`. */
    bool is_left = strcmp(function->name.parts[0].text, "left") == 0;
    bool is_right = strcmp(function->name.parts[0].text, "right") == 0;
    if (function->name.n == 1 && !is_table && (is_left || is_right))
        print_text(pr, function->name.parts[0].text);
    else if (is_table && word == SQL_KW_UNNEST)
        print_safe_name(pr, &function->name.parts[0]);
    else
        print_qname(pr, &function->name);
}

void print_function(struct printer *pr, const struct ast_function *function, bool is_table)
{
    const struct ast_name *name = ast_qname_last(&function->name);
    enum sql_keyword word = function->name.n == 1 ? sql_keyword_find(name->text, name->size)
                                                  : SQL_KW_NONE;
    if (function->is_bare) {
        print_text(pr, sql_keyword_text(word));
        return;
    }
    print_function_name(pr, function, is_table, word);
    print_text(pr, "(");
    print_arguments(pr, function, word);
    print_text(pr, ")");
    if (function->within_group.n) {
        print_text(pr, " WITHIN GROUP (ORDER BY ");
        print_order_items(pr, &function->within_group);
        print_text(pr, ")");
    }
    if (function->filter) {
        print_text(pr, " FILTER (WHERE ");
        print_expr(pr, function->filter);
        print_text(pr, ")");
    }
    if (function->null_treatment == AST_NULLS_IGNORE) print_text(pr, " IGNORE NULLS");
    if (function->null_treatment == AST_NULLS_RESPECT) print_text(pr, " RESPECT NULLS");
    if (function->over) {
        print_text(pr, " OVER ");
        print_window(pr, function->over);
    }
}

/* --- Tables ----------------------------------------------------------------------------------------------------------- */

static void print_join_words(struct printer *pr, const struct ast_join *join)
{
    static const char *const kinds[] = {
#define JOIN_TEXT(name, text) text,
        AST_JOIN_KIND_LIST(JOIN_TEXT)
#undef JOIN_TEXT
    };
    if (join->flavour == AST_JOIN_TEMPORAL_PROBE) {
        print_text(pr, " TEMPORAL PROBE JOIN ");
        return;
    }
    print_text(pr, join->is_natural                 ? " NATURAL "
                   : join->flavour == AST_JOIN_ASOF ? " ASOF "
                                                    : " ");
    print_text(pr, join->kind == AST_JOIN_INNER ? "JOIN" : kinds[join->kind]);
    print_text(pr, " ");
}

static void print_probe(struct printer *pr, const struct ast_join *join)
{
    const struct ast_probe *probe = join->probe;
    print_text(pr, " ON ");
    print_names(pr, &join->using_columns);
    print_text(pr, " TIMESTAMPS (");
    print_name(pr, &probe->left_time);
    print_text(pr, ", ");
    print_name(pr, &probe->right_time);
    print_text(pr, ")");
    if (probe->from) {
        print_text(pr, " RANGE FROM ");
        print_expr(pr, probe->from);
        print_text(pr, " TO ");
        print_expr(pr, probe->to);
        print_text(pr, " STEP ");
        print_expr(pr, probe->step);
    } else {
        print_text(pr, " LIST (");
        print_expr_list(pr, &probe->offsets);
        print_text(pr, ")");
    }
    print_text(pr, " AS ");
    print_name(pr, &probe->name);
}

static void print_join(struct printer *pr, const struct ast_join *join)
{
    print_table_ref(pr, join->left);
    print_join_words(pr, join);
    bool is_nested = join->right->kind == AST_TABLE_JOIN;
    if (is_nested) print_text(pr, "(");
    print_table_ref(pr, join->right);
    if (is_nested) print_text(pr, ")");
    if (join->flavour == AST_JOIN_TEMPORAL_PROBE) {
        print_probe(pr, join);
        return;
    }
    if (join->match_condition) {
        print_text(pr, " MATCH_CONDITION (");
        print_expr(pr, join->match_condition);
        print_text(pr, ")");
    }
    if (join->on) {
        print_text(pr, " ON ");
        print_expr(pr, join->on);
    } else if (join->using_columns.n) {
        print_text(pr, " USING ");
        print_names(pr, &join->using_columns);
    }
}

void print_table_ref(struct printer *pr, const struct ast_table_ref *table)
{
    if (table->is_lateral) print_text(pr, "LATERAL ");
    switch (table->kind) {
    case AST_TABLE_NAMED:
        print_qname(pr, &table->u.named.name);
        if (!table->u.named.system_time) break;
        print_text(pr, " FOR SYSTEM_TIME AS OF ");
        print_expr(pr, table->u.named.system_time);
        break;
    case AST_TABLE_SUBQUERY:
        print_text(pr, "(");
        print_query(pr, table->u.subquery);
        print_text(pr, ")");
        break;
    case AST_TABLE_FUNCTION: print_function(pr, table->u.function->u.function, true); break;
    case AST_TABLE_UNNEST:
        print_text(pr, "UNNEST(");
        print_expr_list(pr, &table->u.unnest);
        print_text(pr, ")");
        break;
    case AST_TABLE_JOIN: print_join(pr, table->u.join); break;
    }
    if (table->with_ordinality) print_text(pr, " WITH ORDINALITY");
    if (!table->alias.text) return;
    print_text(pr, " AS ");
    print_name(pr, &table->alias);
    if (table->column_aliases.n) print_names(pr, &table->column_aliases);
}

void print_tables(struct printer *pr, struct ast_table_ref *const *tables, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i) print_text(pr, ", ");
        print_table_ref(pr, tables[i]);
    }
}

/* --- SELECT ----------------------------------------------------------------------------------------------------------- */

static void print_group_item(struct printer *pr, const struct ast_group_item *item)
{
    static const char *const words[] = {[AST_GROUP_SET] = "(",
                                        [AST_GROUP_ROLLUP] = "ROLLUP (",
                                        [AST_GROUP_CUBE] = "CUBE (",
                                        [AST_GROUP_SETS] = "GROUPING SETS ("};
    if (item->kind == AST_GROUP_EXPR) {
        print_expr(pr, item->expr);
        return;
    }
    print_text(pr, words[item->kind]);
    for (size_t i = 0; i < item->n_children; i++) {
        if (i) print_text(pr, ", ");
        print_group_item(pr, &item->children[i]);
    }
    print_text(pr, ")");
}

static void print_select_list(struct printer *pr, const struct ast_select *select)
{
    print_text(pr, select->is_distinct ? "SELECT DISTINCT " : "SELECT ");
    if (select->distinct_on.n) {
        print_text(pr, "ON (");
        print_expr_list(pr, &select->distinct_on);
        print_text(pr, ") ");
    }
    for (size_t i = 0; i < select->n_items; i++) {
        if (i) print_text(pr, ", ");
        print_expr(pr, select->items[i].expr);
        if (!select->items[i].alias.text) continue;
        print_text(pr, " AS ");
        print_name(pr, &select->items[i].alias);
    }
}

static void print_clause(struct printer *pr, const char *word, const struct ast_expr *expr)
{
    if (!expr) return;
    print_text(pr, word);
    print_expr(pr, expr);
}

static void print_select(struct printer *pr, const struct ast_select *select)
{
    print_select_list(pr, select);
    if (select->n_from) {
        print_text(pr, " FROM ");
        print_tables(pr, select->from, select->n_from);
    }
    print_clause(pr, " WHERE ", select->where);
    if (select->group_by_all) print_text(pr, " GROUP BY ALL");
    for (size_t i = 0; i < select->n_group_by; i++) {
        print_text(pr, i ? ", " : " GROUP BY ");
        print_group_item(pr, &select->group_by[i]);
    }
    print_clause(pr, " HAVING ", select->having);
    for (size_t i = 0; i < select->n_windows; i++) {
        print_text(pr, i ? ", " : " WINDOW ");
        print_name(pr, &select->windows[i].name);
        print_text(pr, " AS ");
        print_window(pr, select->windows[i].window);
    }
    print_clause(pr, " QUALIFY ", select->qualify);
}

/* --- Set operations, queries ------------------------------------------------------------------------------------------ */

static void print_body(struct printer *pr, const struct ast_query_body *body);

static unsigned set_precedence_of(const struct ast_query_body *body)
{
    return body->u.set.op == AST_SET_INTERSECT ? 2 : 1;
}

static void print_set_operation(struct printer *pr, const struct ast_query_body *body)
{
    static const char *const words[] = {[AST_SET_UNION] = " UNION ",
                                        [AST_SET_INTERSECT] = " INTERSECT ",
                                        [AST_SET_EXCEPT] = " EXCEPT "};
    for (size_t i = 0; i < body->u.set.n; i++) {
        const struct ast_query_body *operand = body->u.set.operands[i];
        bool is_set = operand->kind == AST_BODY_SET_OPERATION;
        bool needs_parentheses = is_set &&
                                 set_precedence_of(operand) < set_precedence_of(body) + (i > 0);
        if (i) print_text(pr, words[body->u.set.op]);
        if (i && body->u.set.is_all) print_text(pr, "ALL ");
        if (i && body->u.set.is_by_name) print_text(pr, "BY NAME ");
        if (needs_parentheses) print_text(pr, "(");
        print_body(pr, operand);
        if (needs_parentheses) print_text(pr, ")");
    }
}

static void print_values(struct printer *pr, const struct ast_query_body *body)
{
    print_text(pr, "VALUES ");
    for (size_t i = 0; i < body->u.values.n_rows; i++) {
        print_text(pr, i ? ", (" : "(");
        print_expr_list(pr, &body->u.values.rows[i]);
        print_text(pr, ")");
    }
}

static void print_body(struct printer *pr, const struct ast_query_body *body)
{
    switch (body->kind) {
    case AST_BODY_SELECT: print_select(pr, body->u.select); break;
    case AST_BODY_VALUES: print_values(pr, body); break;
    case AST_BODY_SET_OPERATION: print_set_operation(pr, body); break;
    case AST_BODY_QUERY:
        print_text(pr, "(");
        print_query(pr, body->u.query);
        print_text(pr, ")");
        break;
    }
}

static void print_ctes(struct printer *pr, const struct ast_query *query)
{
    for (size_t i = 0; i < query->n_ctes; i++) {
        const struct ast_cte *cte = &query->ctes[i];
        print_text(pr, i ? ", " : query->is_recursive ? "WITH RECURSIVE " : "WITH ");
        print_safe_name(pr, &cte->name);
        if (cte->columns.n) {
            print_text(pr, " ");
            print_names(pr, &cte->columns);
        }
        print_text(pr, " AS ");
        if (cte->materialized == AST_MATERIALIZED_YES) print_text(pr, "MATERIALIZED ");
        if (cte->materialized == AST_MATERIALIZED_NO) print_text(pr, "NOT MATERIALIZED ");
        print_text(pr, "(");
        print_query(pr, cte->query);
        print_text(pr, ")");
    }
    if (query->n_ctes) print_text(pr, " ");
}

static void print_stream_clauses(struct printer *pr, const struct ast_query *query)
{
    static const char *const emits[] = {"",
#define EMIT_TEXT(name, text) " " text,
                                        AST_EMIT_LIST(EMIT_TEXT)
#undef EMIT_TEXT
    };
    print_text(pr, emits[query->emit.kind]);
    print_clause(pr, " ", query->emit.period);
    print_clause(pr, " ALLOW LATENESS ", query->lateness);
    if (query->late_data.n) {
        print_text(pr, " LATE DATA TO ");
        print_qname(pr, &query->late_data);
    }
}

void print_query(struct printer *pr, const struct ast_query *query)
{
    print_ctes(pr, query);
    print_body(pr, query->body);
    if (query->order_by_all) {
        print_text(pr, " ORDER BY ALL");
        print_order_suffix(pr, &query->order_by.items[0]);
    } else if (query->order_by.n) {
        print_text(pr, " ORDER BY ");
        print_order_items(pr, &query->order_by);
    }
    print_clause(pr, " LIMIT ", query->limit);
    print_clause(pr, " OFFSET ", query->offset);
    print_stream_clauses(pr, query);
}
