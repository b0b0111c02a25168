/* test_sql_tree.c - the shape of the tree: kinds, members, positions, parameters, and the names of unnamed expressions. */
#include "sql_test.h"

/* The text that a span covers. */
static void assert_span(const char *sql, struct ast_span span, const char *expected)
{
    assert_true(span.start <= span.end && span.end <= strlen(sql));
    const char *text = arena_strndup(&sql_test_arena, sql + span.start, span.end - span.start);
    assert_string_equal(text, expected);
}

static void numbers(void **state)
{
    (void)state;
    struct ast_expr *e = parse_expr_ok("0xFF_FF");
    assert_int_equal(e->kind, AST_EXPR_NUMBER);
    assert_int_equal(e->u.number.class, AST_NUMBER_INTEGER);
    assert_true(e->u.number.fits_u64);
    assert_int_equal(e->u.number.value, 65535);
    assert_string_equal(e->u.number.text, "65535");
    e = parse_expr_ok("18446744073709551615");
    assert_true(e->u.number.fits_u64);
    assert_true(e->u.number.value == UINT64_MAX);
    e = parse_expr_ok("18446744073709551616");
    assert_int_equal(e->u.number.class, AST_NUMBER_INTEGER);
    assert_false(e->u.number.fits_u64);
    e = parse_expr_ok("1_0.50");
    assert_int_equal(e->u.number.class, AST_NUMBER_DECIMAL);
    assert_false(e->u.number.fits_u64);
    assert_string_equal(e->u.number.text, "10.50");
    assert_int_equal(parse_expr_ok("1E5")->u.number.class, AST_NUMBER_FLOAT);
    e = parse_expr_ok("-5");
    assert_int_equal(e->kind, AST_EXPR_UNARY);
    assert_int_equal(e->u.unary.op, AST_UNARY_MINUS);
    assert_int_equal(e->u.unary.operand->u.number.value, 5);
}

static void chains_are_flat(void **state)
{
    (void)state;
    struct ast_expr *e = parse_expr_ok("a AND (b AND c) AND d OR e");
    assert_int_equal(e->kind, AST_EXPR_LOGICAL);
    assert_true(e->u.logical.is_or);
    assert_int_equal(e->u.logical.operands.n, 2);
    e = e->u.logical.operands.items[0];
    assert_false(e->u.logical.is_or);
    assert_int_equal(e->u.logical.operands.n, 4);
    struct ast_query_body *body =
        parse_one("SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION SELECT 4")->u.query->body;
    assert_int_equal(body->kind, AST_BODY_SET_OPERATION);
    assert_false(body->u.set.is_all);
    assert_int_equal(body->u.set.n, 2);
    body = body->u.set.operands[0];
    assert_true(body->u.set.is_all);
    assert_int_equal(body->u.set.n, 3);
    assert_int_equal(body->u.set.operands[2]->kind, AST_BODY_SELECT);
}

static void positions(void **state)
{
    (void)state;
    const char *sql =
        "SELECT a.b + f(c) AS x, (d * 2)::int FROM s.t AS u JOIN v ON a = b WHERE \"Q\" IN (1, 2)";
    struct ast_select *select = parse_select_ok(sql);
    assert_span(sql, select->items[0].span, "a.b + f(c) AS x");
    assert_span(sql, select->items[0].expr->span, "a.b + f(c)");
    assert_span(sql, select->items[0].alias.span, "x");
    struct ast_expr *sum = select->items[0].expr;
    assert_int_equal(sql[sum->u.binary.op_start], '+');
    assert_span(sql, sum->u.binary.left->u.column.span, "a.b");
    assert_span(sql, sum->u.binary.left->u.column.parts[1].span, "b");
    assert_span(sql, sum->u.binary.right->span, "f(c)");
    assert_span(sql, select->items[1].expr->span, "(d * 2)::int");
    assert_span(sql, select->items[1].expr->u.cast.type->span, "int");
    assert_span(sql, select->from[0]->span, "s.t AS u JOIN v ON a = b");
    struct ast_join *join = select->from[0]->u.join;
    assert_span(sql, join->left->span, "s.t AS u");
    assert_span(sql, join->keyword_span, "JOIN");
    assert_span(sql, join->left->u.named.name.span, "s.t");
    assert_span(sql, join->on->span, "a = b");
    assert_span(sql, select->where->span, "\"Q\" IN (1, 2)");
    assert_true(select->where->u.in_list.operand->u.column.parts[0].is_quoted);
    assert_string_equal(select->where->u.in_list.operand->u.column.parts[0].text, "Q");
}

static void names_fold(void **state)
{
    (void)state;
    struct ast_expr *e = parse_expr_ok("Foo.\"Bar\".ORDER");
    assert_int_equal(e->kind, AST_EXPR_COLUMN);
    assert_int_equal(e->u.column.n, 3);
    assert_string_equal(e->u.column.parts[0].text, "foo");
    assert_false(e->u.column.parts[0].is_quoted);
    assert_string_equal(e->u.column.parts[1].text, "Bar");
    assert_true(e->u.column.parts[1].is_quoted);
    assert_string_equal(ast_qname_last(&e->u.column)->text, "order");
    assert_int_equal(e->u.column.parts[0].size, 3);
}

static void calls(void **state)
{
    (void)state;
    struct ast_function *f = parse_expr_ok("count(*)")->u.function;
    assert_true(f->is_star);
    assert_int_equal(f->args.n, 0);
    f = parse_expr_ok("sum(DISTINCT a ORDER BY b DESC) FILTER (WHERE c) OVER (w ORDER BY d "
                      "ROWS BETWEEN 1 PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE TIES)")
            ->u.function;
    assert_true(f->is_distinct);
    assert_int_equal(f->order_by.n, 1);
    assert_true(f->order_by.items[0].is_descending);
    assert_int_equal(f->order_by.items[0].nulls, AST_NULLS_DEFAULT);
    assert_non_null(f->filter);
    assert_string_equal(f->over->base.text, "w");
    assert_false(f->over->is_reference);
    assert_int_equal(f->over->frame->unit, AST_FRAME_ROWS);
    assert_int_equal(f->over->frame->start.kind, AST_BOUND_PRECEDING);
    assert_int_equal(f->over->frame->start.offset->u.number.value, 1);
    assert_int_equal(f->over->frame->end.kind, AST_BOUND_UNBOUNDED_FOLLOWING);
    assert_int_equal(f->over->frame->exclude, AST_EXCLUDE_TIES);
    f = parse_expr_ok("rank() OVER w")->u.function;
    assert_true(f->over->is_reference);
    f = parse_expr_ok("f(1, b => 2)")->u.function;
    assert_int_equal(f->args.n, 2);
    assert_null(f->arg_names[0].text);
    assert_string_equal(f->arg_names[1].text, "b");
    assert_null(parse_expr_ok("f(1, 2)")->u.function->arg_names);
    assert_true(parse_expr_ok("current_timestamp")->u.function->is_bare);
    assert_int_equal(parse_expr_ok("lag(a IGNORE NULLS) OVER w")->u.function->null_treatment,
                     AST_NULLS_IGNORE);
}

static void intervals(void **state)
{
    (void)state;
    struct ast_interval *i = &parse_expr_ok("INTERVAL '5' SECONDS")->u.interval;
    assert_string_equal(i->text, "5");
    assert_int_equal(i->from, AST_UNIT_SECOND);
    assert_int_equal(i->to, AST_UNIT_NONE);
    i = &parse_expr_ok("INTERVAL '1-2' YEAR TO MONTH")->u.interval;
    assert_int_equal(i->from, AST_UNIT_YEAR);
    assert_int_equal(i->to, AST_UNIT_MONTH);
    i = &parse_expr_ok("INTERVAL '1 day'")->u.interval;
    assert_int_equal(i->from, AST_UNIT_NONE);
    i = &parse_expr_ok("INTERVAL (a) DAY")->u.interval;
    assert_null(i->text);
    assert_int_equal(i->value->kind, AST_EXPR_COLUMN);
}

static void joins(void **state)
{
    (void)state;
    struct ast_join *j =
        parse_select_ok(
            "SELECT * FROM a ASOF LEFT JOIN b MATCH_CONDITION (a.t >= b.t) ON a.k = b.k")
            ->from[0]
            ->u.join;
    assert_int_equal(j->flavour, AST_JOIN_ASOF);
    assert_int_equal(j->kind, AST_JOIN_LEFT);
    assert_int_equal(j->match_condition->u.binary.op, AST_BINARY_GE);
    assert_int_equal(j->on->u.binary.op, AST_BINARY_EQ);
    j = parse_select_ok("SELECT * FROM t TEMPORAL PROBE JOIN r ON (k, l) TIMESTAMPS (a, b) "
                        "RANGE FROM 0s TO 30s STEP 5s AS p")
            ->from[0]
            ->u.join;
    assert_int_equal(j->flavour, AST_JOIN_TEMPORAL_PROBE);
    assert_int_equal(j->using_columns.n, 2);
    assert_string_equal(j->probe->left_time.text, "a");
    assert_string_equal(j->probe->to->u.interval.text, "30");
    assert_int_equal(j->probe->to->u.interval.from, AST_UNIT_SECOND);
    assert_string_equal(j->probe->name.text, "p");
    assert_int_equal(j->probe->offsets.n, 0);
    j = parse_select_ok("SELECT * FROM a JOIN b FOR SYSTEM_TIME AS OF a.ts USING (k)")
            ->from[0]
            ->u.join;
    assert_int_equal(j->right->u.named.system_time->kind, AST_EXPR_COLUMN);
    assert_int_equal(j->using_columns.n, 1);
    struct ast_table_ref *table =
        parse_select_ok("SELECT * FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), 5)) w(a)")->from[0];
    assert_int_equal(table->kind, AST_TABLE_FUNCTION);
    assert_string_equal(table->alias.text, "w");
    assert_int_equal(table->column_aliases.n, 1);
    struct ast_function *f = table->u.function->u.function;
    assert_int_equal(f->args.items[0]->kind, AST_EXPR_TABLE_ARG);
    assert_string_equal(f->args.items[0]->u.table_arg.name.parts[0].text, "s");
    assert_int_equal(f->args.items[1]->kind, AST_EXPR_DESCRIPTOR);
    assert_string_equal(f->args.items[1]->u.descriptor.items[0].text, "ts");
}

static void grouping(void **state)
{
    (void)state;
    struct ast_select *s = parse_select_ok(
        "SELECT 1 FROM t GROUP BY a, ROLLUP (b, (c, d)), GROUPING SETS ((), e)");
    assert_int_equal(s->n_group_by, 3);
    assert_int_equal(s->group_by[0].kind, AST_GROUP_EXPR);
    assert_int_equal(s->group_by[1].kind, AST_GROUP_ROLLUP);
    assert_int_equal(s->group_by[1].children[1].kind, AST_GROUP_SET);
    assert_int_equal(s->group_by[1].children[1].n_children, 2);
    assert_int_equal(s->group_by[2].kind, AST_GROUP_SETS);
    assert_int_equal(s->group_by[2].children[0].kind, AST_GROUP_SET);
    assert_int_equal(s->group_by[2].children[0].n_children, 0);
    s = parse_select_ok("SELECT 1 FROM t GROUP BY ALL");
    assert_true(s->group_by_all);
    assert_int_equal(s->n_group_by, 0);
}

static void streams(void **state)
{
    (void)state;
    struct ast_statement *statement = parse_one(
        "CREATE STREAM s AS SELECT a FROM t EMIT EVERY INTERVAL '5' SECOND "
        "ALLOW LATENESS INTERVAL '1' MINUTE LATE DATA TO l WITH ('retain_history' = '64mb')");
    struct ast_create_view *view = statement->u.create_view;
    assert_int_equal(view->query->emit.kind, AST_EMIT_PERIODIC);
    assert_string_equal(view->query->emit.period->u.interval.text, "5");
    assert_string_equal(view->query->lateness->u.interval.text, "1");
    assert_string_equal(view->query->late_data.parts[0].text, "l");
    assert_int_equal(view->options.n, 1);
    assert_string_equal(view->options.items[0].key.text, "retain_history");
    assert_int_equal(view->options.items[0].kind, AST_OPTION_STRING);
}

static void options(void **state)
{
    (void)state;
    struct ast_create_relation *r =
        parse_one(
            "CREATE SOURCE s (a INT NOT NULL, WATERMARK FOR a) FROM KAFKA (Group.Id = 'g', \"Q\" = -1.5, c = TRUE, "
            "d = fast, e = INTERVAL '5' MINUTES, f = 5s, g = NULL) FORMAT JSON WITH ('x' = 1)")
            ->u.create_relation;
    const struct ast_option_list *o = &r->connector.options;
    assert_string_equal(r->connector.name.text, "kafka");
    assert_int_equal(o->n, 7);
    assert_string_equal(o->items[0].key.text, "group.id");
    assert_string_equal(o->items[1].key.text, "Q");
    assert_int_equal(o->items[1].kind, AST_OPTION_NUMBER);
    assert_string_equal(o->items[1].text, "-1.5");
    assert_int_equal(o->items[2].kind, AST_OPTION_BOOL);
    assert_string_equal(o->items[2].text, "true");
    assert_int_equal(o->items[3].kind, AST_OPTION_WORD);
    assert_string_equal(o->items[3].text, "fast");
    assert_int_equal(o->items[4].kind, AST_OPTION_INTERVAL);
    assert_string_equal(o->items[4].text, "5 minute");
    assert_int_equal(o->items[5].kind, AST_OPTION_STRING);
    assert_string_equal(o->items[5].text, "5s");
    assert_int_equal(o->items[6].kind, AST_OPTION_NULL);
    assert_string_equal(r->format.name.text, "json");
    assert_int_equal(r->format.options.n, 1);
    assert_int_equal(r->options.n, 0);
    assert_true(r->columns[0].is_not_null);
    assert_string_equal(r->watermark.column.text, "a");
    assert_null(r->watermark.expr);
    struct ast_set *set = parse_one("SET a.b = 'c'")->u.set;
    assert_int_equal(set->name.n, 2);
    assert_string_equal(set->value.text, "c");
    assert_true(parse_one("RESET a")->u.set->is_reset);
}

static void parameters(void **state)
{
    (void)state;
    struct ast_script *s = parse_ok(
        "SELECT ?, ?; SELECT $3, $1; EXPLAIN SELECT :b, :A, :b; SELECT 1");
    assert_int_equal(s->statements[0]->n_parameters, 2);
    assert_int_equal(s->statements[0]->parameter_kind, AST_PARAMETER_POSITIONAL);
    assert_int_equal(s->statements[1]->n_parameters, 3);
    assert_int_equal(s->statements[1]->parameter_kind, AST_PARAMETER_NUMBERED);
    assert_int_equal(s->statements[2]->n_parameters, 2);
    assert_int_equal(s->statements[2]->parameter_names.n, 2);
    assert_string_equal(s->statements[2]->parameter_names.items[0].text, "b");
    assert_string_equal(s->statements[2]->parameter_names.items[1].text, "a");
    assert_int_equal(s->statements[3]->n_parameters, 0);
    struct ast_select_item *items = s->statements[1]->u.query->body->u.select->items;
    assert_int_equal(items[0].expr->u.parameter.index, 2);
    assert_int_equal(items[1].expr->u.parameter.index, 0);
}

static void types(void **state)
{
    (void)state;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct ast_type_name *type = NULL;
    const char *sql = "MAP<VARCHAR(5), STRUCT<a TIMESTAMP(3) WITH TIME ZONE, b BIGINT UNSIGNED[]>>";
    assert_int_equal(sql_parse_type(&sql_test_arena, sql, strlen(sql), &type, &err), LAMINAR_OK);
    assert_int_equal(type->kind, AST_TYPE_MAP);
    assert_string_equal(type->key->name.text, "varchar");
    assert_int_equal(type->key->args[0], 5);
    assert_int_equal(type->element->kind, AST_TYPE_STRUCT);
    assert_int_equal(type->element->n_fields, 2);
    assert_int_equal(type->element->fields[0].type->zone, AST_ZONE_WITH);
    assert_int_equal(type->element->fields[1].type->kind, AST_TYPE_ARRAY);
    assert_true(type->element->fields[1].type->element->is_unsigned);
    assert_int_equal(sql_parse_type(&sql_test_arena, "INT x", 5, &type, &err),
                     LAMINAR_SQL_PARSE_ERROR);
    assert_int_equal(sql_parse_type(&sql_test_arena, "", 0, &type, &err), LAMINAR_SQL_PARSE_ERROR);
}

static void expr_names(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"a", "a"},
        {"s.\"V\"", "V"},
        {"(f(x)).g", "g"},
        {"COUNT(*)", "count(*)"},
        {"SUM(s.v)", "sum(s.v)"},
        {"sum(s.\"Order\")", "sum(s.Order)"},
        {"a+1", "a + 1"},
        {"'x'", "'x'"},
        {"1", "1"},
        {"tumble(ts, interval '5' second)", "tumble(ts, INTERVAL '5' SECOND)"},
        {"row_number() over (partition by \"A\")", "row_number() OVER (PARTITION BY A)"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++)
        assert_string_equal(sql_expr_name(&sql_test_arena, parse_expr_ok(pairs[i][0])),
                            pairs[i][1]);
}

static void spellings(void **state)
{
    (void)state;
    assert_string_equal(sql_statement_text(AST_STMT_CREATE_MATERIALIZED_VIEW),
                        "CREATE MATERIALIZED VIEW");
    assert_string_equal(sql_object_text(AST_OBJECT_LOOKUP_TABLE), "LOOKUP TABLE");
    assert_string_equal(sql_binary_op_text(AST_BINARY_JSON_GET_TEXT), "->>");
    assert_string_equal(sql_unit_text(AST_UNIT_QUARTER), "QUARTER");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(numbers, sql_test_teardown),
        cmocka_unit_test_teardown(chains_are_flat, sql_test_teardown),
        cmocka_unit_test_teardown(positions, sql_test_teardown),
        cmocka_unit_test_teardown(names_fold, sql_test_teardown),
        cmocka_unit_test_teardown(calls, sql_test_teardown),
        cmocka_unit_test_teardown(intervals, sql_test_teardown),
        cmocka_unit_test_teardown(joins, sql_test_teardown),
        cmocka_unit_test_teardown(grouping, sql_test_teardown),
        cmocka_unit_test_teardown(streams, sql_test_teardown),
        cmocka_unit_test_teardown(options, sql_test_teardown),
        cmocka_unit_test_teardown(parameters, sql_test_teardown),
        cmocka_unit_test_teardown(types, sql_test_teardown),
        cmocka_unit_test_teardown(expr_names, sql_test_teardown),
        cmocka_unit_test_teardown(spellings, sql_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
