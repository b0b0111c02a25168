/* plan_fixture.c - see plan_fixture.h. Constants are folded by calling the functions' kernels on
 * constant vectors. */
#include "plan/plan_fixture.h"
#include "sql/parser.h"
#include "unit.h"

static laminar_status evaluate(void *unused_ctx, const struct expr *e, struct arena *arena,
                               struct vector *out, struct laminar_error *err);

static laminar_status evaluate_call(const struct expr *e, struct arena *arena, struct vector *out,
                                    struct laminar_error *err)
{
    struct vector *args = ARENA_ARRAY(arena, struct vector, e->n_args + 1);
    struct column col;
    if (!args) return error_oom(err);
    bool has_null = false;
    for (uint32_t i = 0; i < e->n_args; i++) {
        laminar_status status = evaluate(NULL, e->args[i], arena, &args[i], err);
        if (status != LAMINAR_OK) return status;
        has_null |= !vector_is_valid(&args[i], 0);
    }
    laminar_status status = column_init(&col, e->type, err);
    if (status != LAMINAR_OK) return status;
    struct arena scratch = {0};
    struct eval_env env = {.err = err, .zone = "UTC", .scratch = &scratch};
    if (has_null && (e->fn->flags & FN_STRICT)) {
        status = column_append_null(&col, 1, err);
    } else {
        status = column_reserve(&col, 1, err);
        if (status == LAMINAR_OK) status = e->fn->kernel(e->fn, &env, args, 1, &col);
        col.n = 1;
    }
    if (status == LAMINAR_OK) {
        struct expr *kept = expr_const(arena, &col.vec, 0);
        if (kept)
            *out = kept->value;
        else
            status = error_oom(err);
    }
    arena_deinit(&scratch);
    column_deinit(&col);
    return status;
}

/* Only constants and calls of them: the rest (CASE, AND ...) is simplified by the rewriter
 * itself. */
static laminar_status evaluate(void *unused_ctx, const struct expr *e, struct arena *arena,
                               struct vector *out, struct laminar_error *err)
{
    (void)unused_ctx;
    if (e->kind == EXPR_CONST) {
        *out = e->value;
        return LAMINAR_OK;
    }
    if (e->kind == EXPR_CALL) return evaluate_call(e, arena, out, err);
    return error_set(err, LAMINAR_QUERY_FAILED, "not evaluated here");
}

void fixture_init(struct fixture *f)
{
    *f = (struct fixture){.err = LAMINAR_ERROR_INIT};
    catalog_init(&f->catalog);
}

void fixture_deinit(struct fixture *f) { catalog_deinit(&f->catalog); }

static laminar_status plan_statement(struct fixture *f, struct plan_context *ctx,
                                     const struct ast_statement *statement, bool keep,
                                     struct plan **plan)
{
    if (statement->kind == AST_STMT_QUERY) return plan_query(ctx, statement->u.query, plan);
    if (statement->kind == AST_STMT_INSERT) {
        struct relation *into = catalog_find(&f->catalog, statement->u.insert->table.parts[0].text);
        assert_non_null(into);
        return plan_insert_into(ctx, statement->u.insert, into, plan);
    }
    struct relation *relation;
    laminar_status status = plan_create(ctx, statement, &relation, plan);
    if (status != LAMINAR_OK) return status;
    if (keep) status = catalog_add(&f->catalog, relation, ctx->err);
    relation_unref(relation);
    return status;
}

static laminar_status run(struct fixture *f, const char *sql, bool is_stream, bool as_json,
                          bool keep, char **text, struct laminar_error *err)
{
    struct arena arena = {0};
    struct ast_script *script;
    if (err) error_clear(err);
    if (f->arena_filler && !arena_alloc(&arena, f->arena_filler)) return error_oom(err);
    laminar_status status = sql_parse(&arena, sql, strlen(sql), &script, err);
    for (size_t i = 0; status == LAMINAR_OK && i < script->n; i++) {
        struct plan *plan = NULL;
        struct plan_context ctx = {.arena = &arena,
                                   .catalog = &f->catalog,
                                   .sql = sql,
                                   .sql_size = strlen(sql),
                                   .zone = "UTC",
                                   .is_stream = is_stream,
                                   .evaluate = evaluate,
                                   .err = err};
        status = plan_statement(f, &ctx, script->statements[i], keep, &plan);
        if (status == LAMINAR_OK && text && plan) {
            struct strbuf out = {0};
            plan_explain(plan, as_json, &out);
            *text = strbuf_take(&out);
            if (!*text) status = error_oom(err);
        }
    }
    arena_deinit(&arena);
    return status;
}

laminar_status fixture_plan(struct fixture *f, const char *sql, bool is_stream, bool as_json,
                            char **text)
{
    if (text) *text = NULL;
    return run(f, sql, is_stream, as_json, false, text, &f->err);
}

laminar_status fixture_plan_silently(struct fixture *f, const char *sql)
{
    return run(f, sql, true, false, false, NULL, NULL);
}

void fixture_create(struct fixture *f, const char *sql)
{
    laminar_status status = run(f, sql, false, false, true, NULL, &f->err);
    if (status != LAMINAR_OK) print_message("%s\n%s\n%s\n", sql, f->err.message, f->err.context);
    assert_int_equal(status, LAMINAR_OK);
}

void fixture_flights(struct fixture *f)
{
    fixture_create(
        f,
        "CREATE SOURCE flights (time TIMESTAMP NOT NULL, origin VARCHAR NOT NULL, dest VARCHAR, carrier VARCHAR, flight INT,"
        " dep_delay DOUBLE, tailnum VARCHAR, WATERMARK FOR time AS time - INTERVAL '5' SECOND)");
    fixture_create(
        f,
        "CREATE SOURCE weather (time TIMESTAMP NOT NULL, origin VARCHAR NOT NULL, temp DOUBLE, wind DOUBLE, WATERMARK FOR time)");
    fixture_create(f, "CREATE SOURCE clicks (ts BIGINT, user_id INT, page VARCHAR, n SMALLINT)");
    fixture_create(f, "CREATE TABLE airlines (carrier VARCHAR PRIMARY KEY, name VARCHAR)");
    fixture_create(
        f,
        "CREATE TABLE airports (faa VARCHAR, name VARCHAR, lat DOUBLE NOT NULL, PRIMARY KEY (faa))");
    fixture_create(
        f,
        "CREATE STREAM delays AS SELECT origin, count(*) AS n, avg(dep_delay) AS delay FROM flights GROUP BY origin");
}
