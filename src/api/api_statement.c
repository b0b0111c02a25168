/* api_statement.c - prepared statements: one parsed text, values bound to its parameters. The names are resolved at each execution, so that a
 * statement survives changes of the catalog. */
#include "api/handles.h"
#include "base/error.h"
#include "sql/parser.h"
#include "vector/text.h"
#include <string.h>

laminar_status laminar_prepare(laminar_db *db, const char *sql, laminar_statement **out,
                               laminar_error *err)
{
    laminar_status status;
    laminar_statement *statement = NULL;
    if (!db || !sql || !out) return api_null(!db ? "db" : !sql ? "sql" : "out", err);
    TRY(database_check_open(db->db, err));
    statement = mem_calloc(1, sizeof *statement);
    if (!statement) return error_oom(err);
    statement->db = database_ref(db->db);
    statement->sql_size = strlen(sql);
    statement->sql = arena_strndup(&statement->arena, sql, statement->sql_size);
    if (!statement->sql) TRY(error_oom(err));
    TRY(sql_parse(&statement->arena, statement->sql, statement->sql_size, &statement->script, err));
    if (statement->script->n != 1) {
        error_set(err, LAMINAR_SQL_PARSE_ERROR, "one statement is expected, and there are %zu",
                  statement->script->n);
        error_hint(err, "prepare them one by one, or run them with laminar_execute");
        TRY(LAMINAR_SQL_PARSE_ERROR);
    }
    statement->n_values = statement->script->statements[0]->n_parameters;
    statement->values = ARENA_ARRAY(&statement->arena, struct vector, statement->n_values + 1);
    statement->is_bound = ARENA_ARRAY(&statement->arena, bool, statement->n_values + 1);
    if (!statement->values || !statement->is_bound) TRY(error_oom(err));
    *out = statement;
    return LAMINAR_OK;
done:
    laminar_statement_free(statement);
    return status;
}

void laminar_statement_free(laminar_statement *statement)
{
    if (!statement) return;
    arena_deinit(&statement->arena);
    database_unref(statement->db);
    mem_free(statement);
}

size_t laminar_statement_n_parameters(const laminar_statement *statement)
{
    return statement ? statement->n_values : 0;
}

size_t laminar_statement_parameter_index(const laminar_statement *statement, const char *name)
{
    if (!statement || !name) return SIZE_MAX;
    const struct ast_name_list *names = &statement->script->statements[0]->parameter_names;
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->items[i].text, name) == 0) return i;
    return SIZE_MAX;
}

/* Memory of one bound value, and the check that the index exists. */
static laminar_status start_bind(laminar_statement *statement, size_t index, void **out_mem,
                                 uint8_t **out_validity, laminar_error *err)
{
    if (!statement) return api_null("statement", err);
    if (index >= statement->n_values) {
        error_set(err, LAMINAR_QUERY_FAILED, "there is no parameter %zu: the statement has %u",
                  index + 1, statement->n_values);
        return LAMINAR_QUERY_FAILED;
    }
    *out_mem = arena_calloc(&statement->arena, 1, 16);
    *out_validity = arena_calloc(&statement->arena, 1, 8);
    if (!*out_mem || !*out_validity) return error_oom(err);
    statement->is_bound[index] = true;
    return LAMINAR_OK;
}

static void bind_value(laminar_statement *statement, size_t index, struct data_type type, void *mem)
{
    statement->values[index] = (struct vector){.type = type, .shape = VEC_CONST, .data = mem};
}

laminar_status laminar_bind_null(laminar_statement *statement, size_t index, laminar_error *err)
{
    void *mem;
    uint8_t *validity;
    laminar_status status = start_bind(statement, index, &mem, &validity, err);
    if (status == LAMINAR_OK)
        statement->values[index] = vector_const_null(TYPE(NULL), mem, validity);
    return status;
}

laminar_status laminar_bind_bool(laminar_statement *statement, size_t index, bool value,
                                 laminar_error *err)
{
    void *mem;
    uint8_t *validity;
    laminar_status status = start_bind(statement, index, &mem, &validity, err);
    if (status != LAMINAR_OK) return status;
    *(uint8_t *)mem = value;
    bind_value(statement, index, TYPE(BOOL), mem);
    return status;
}

laminar_status laminar_bind_int64(laminar_statement *statement, size_t index, int64_t value,
                                  laminar_error *err)
{
    void *mem;
    uint8_t *validity;
    laminar_status status = start_bind(statement, index, &mem, &validity, err);
    if (status != LAMINAR_OK) return status;
    *(int64_t *)mem = value;
    bind_value(statement, index, TYPE(INT64), mem);
    return status;
}

laminar_status laminar_bind_double(laminar_statement *statement, size_t index, double value,
                                   laminar_error *err)
{
    void *mem;
    uint8_t *validity;
    laminar_status status = start_bind(statement, index, &mem, &validity, err);
    if (status != LAMINAR_OK) return status;
    *(double *)mem = value;
    bind_value(statement, index, TYPE(DOUBLE), mem);
    return status;
}

static struct data_type bound_type(laminar_type type, const char *text, size_t size)
{
    switch ((int)type) {
    case LAMINAR_TYPE_TIMESTAMP: return type_timestamp(UNIT_MICRO);
    case LAMINAR_TYPE_TIME: return type_time(UNIT_MICRO);
    case LAMINAR_TYPE_DECIMAL: { /* as many digits as the text has behind the point */
        const char *point = memchr(text, '.', size);
        size_t scale = point ? (size_t)(text + size - point - 1) : 0;
        return type_decimal(DECIMAL_PRECISION_MAX,
                            scale > DECIMAL_PRECISION_MAX ? DECIMAL_PRECISION_MAX : (int)scale);
    }
    default: return type_of(type);
    }
}

laminar_status laminar_bind_text(laminar_statement *statement, size_t index, laminar_type type,
                                 const char *text, size_t size, laminar_error *err)
{
    void *mem;
    uint8_t *validity;
    if (!text) return api_null("text", err);
    laminar_status status = start_bind(statement, index, &mem, &validity, err);
    if (status != LAMINAR_OK) return status;
    char *copy = arena_strndup(&statement->arena, text, size);
    if (!copy) return error_oom(err);
    if (!utf8_validate(copy, size)) {
        statement->is_bound[index] = false;
        return error_set(err, LAMINAR_QUERY_FAILED, "parameter %zu is not valid UTF-8", index + 1);
    }
    struct data_type bound = bound_type(type, copy, size);
    if (type == LAMINAR_TYPE_TIMESTAMPTZ) {
        status = type_timestamptz(UNIT_MICRO, "UTC", &bound, err);
        if (status != LAMINAR_OK) return status;
    }
    if (text_parse_value(bound, copy, size, mem) != PARSE_OK) {
        statement->is_bound[index] = false;
        error_set(err, LAMINAR_QUERY_FAILED, "parameter %zu: '%.200s' is not a %s", index + 1, copy,
                  TYPE_TEXT(bound));
        return LAMINAR_QUERY_FAILED;
    }
    bind_value(statement, index, bound, mem);
    return LAMINAR_OK;
}

laminar_status laminar_bind_blob(laminar_statement *statement, size_t index, const void *data,
                                 size_t size, laminar_error *err)
{
    void *mem;
    uint8_t *validity;
    if (!data && size) return api_null("data", err);
    laminar_status status = start_bind(statement, index, &mem, &validity, err);
    if (status != LAMINAR_OK) return status;
    char *copy = arena_strndup(&statement->arena, size ? data : "", size);
    if (!copy) return error_oom(err);
    *(struct string_view *)mem = string_make(copy, size);
    bind_value(statement, index, TYPE(BINARY), mem);
    return LAMINAR_OK;
}

static laminar_status check_bound(const laminar_statement *statement, laminar_error *err)
{
    for (uint32_t i = 0; i < statement->n_values; i++) {
        if (statement->is_bound[i]) continue;
        error_set(err, LAMINAR_QUERY_FAILED, "parameter %u has no value", i + 1);
        error_hint(err, "the statement has %u parameters; bind each", statement->n_values);
        return LAMINAR_QUERY_FAILED;
    }
    return LAMINAR_OK;
}

laminar_status laminar_statement_subscribe(laminar_statement *statement,
                                           const laminar_subscribe_options *options,
                                           laminar_subscription **out, laminar_error *err)
{
    if (!statement || !out) return api_null(!statement ? "statement" : "out", err);
    if (options && options->struct_size < sizeof(size_t))
        return error_set(err, LAMINAR_INVALID_ARGUMENT, "options->struct_size is not set");
    laminar_status status = check_bound(statement, err);
    if (status != LAMINAR_OK) return status;
    laminar_subscription *handle = mem_calloc(1, sizeof *handle);
    if (!handle) return error_oom(err);
    struct plan_params params = {statement->values, statement->n_values};
    status = engine_subscribe_script(statement->db, statement->script, &params, options,
                                     &handle->sub, err);
    if (status != LAMINAR_OK) {
        mem_free(handle);
        return status;
    }
    *out = handle;
    return LAMINAR_OK;
}

laminar_status laminar_statement_execute(laminar_statement *statement, laminar_result **out,
                                         laminar_error *err)
{
    laminar_status status;
    struct statement_result answer = {0};
    laminar_result *reserved = NULL;
    if (!statement) return api_null("statement", err);
    TRY(check_bound(statement, err));
    if (out) TRY(result_reserve(&reserved, err));
    struct plan_params params = {statement->values, statement->n_values};
    struct statement_call call = {statement->db,
                                  statement->sql,
                                  statement->sql_size,
                                  statement->script->statements[0],
                                  &params,
                                  &answer,
                                  err};
    TRY(engine_execute(&call));
    if (out) TRY(result_finish(&answer, &reserved, out, err));
done:
    mem_free(reserved);
    statement_result_deinit(&answer);
    return status;
}
