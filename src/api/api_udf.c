/* api_udf.c - registering and dropping functions of the program's own: definitions are checked whole here, so that no call finds one
 * that is wrong. */
#include "api/handles.h"
#include "base/error.h"
#include "sql/keywords.h"
#include "sql/parser.h"
#include <laminar/udf.h>
#include <string.h>

enum { FUNCTION_NAME_MAX = 128 };

static laminar_status bad_name(const char *name, const char *what, laminar_error *err)
{
    error_set(err, LAMINAR_INVALID_ARGUMENT, "'%.*s' can't name a function: %s", FUNCTION_NAME_MAX,
              name, what);
    error_hint(err, "a name is a letter or _, then letters, digits and _");
    return LAMINAR_INVALID_ARGUMENT;
}

/* The name in lower case, in `out` of FUNCTION_NAME_MAX + 1 bytes. */
static laminar_status fold_name(const char *name, char *out, laminar_error *err)
{
    if (!name) return api_null("name", err);
    size_t n = strlen(name);
    if (n == 0 || n > FUNCTION_NAME_MAX)
        return bad_name(name, n ? "it is too long" : "it is empty", err);
    for (size_t i = 0; i <= n; i++) {
        char c = name[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (i < n && !is_letter && !(i > 0 && c >= '0' && c <= '9'))
            return bad_name(name, "it is no plain identifier", err);
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return LAMINAR_OK;
}

static laminar_status check_name(const char *name, laminar_error *err)
{
    enum sql_keyword keyword = sql_keyword_find(name, strlen(name));
    if (sql_keyword_flags(keyword) & SQL_KEYWORD_RESERVED)
        return bad_name(name, "it is a reserved word", err);
    if (!function_find(name) && !aggregate_find(name) && !plan_is_special_call(name))
        return LAMINAR_OK;
    error_set(err, LAMINAR_QUERY_FAILED, "\"%s\" is a built-in function", name);
    error_hint(err, "choose another name");
    return LAMINAR_QUERY_FAILED;
}

static laminar_status parse_type(struct database *db, struct arena *arena, const char *text,
                                 struct data_type *out, laminar_error *err)
{
    struct ast_type_name *name;
    struct plan_context ctx;
    laminar_status status;
    if (!text) return api_null("a type", err);
    TRY(sql_parse_type(arena, text, strlen(text), &name, err));
    engine_plan_context(db, arena, text, strlen(text), NULL, err, &ctx);
    TRY(plan_type(&ctx, name, out));
done:
    if (status != LAMINAR_OK && status != LAMINAR_OUT_OF_MEMORY && err)
        err->code = status = LAMINAR_INVALID_SCHEMA;
    return status;
}

static laminar_status read_signature(struct database *db, struct arena *arena, const char *name,
                                     const char *const *arg_types, size_t n_args,
                                     const char *return_type, bool is_by_row,
                                     struct user_signature *out, laminar_error *err)
{
    laminar_status status;
    if (n_args > LAMINAR_FUNCTION_ARGS_MAX) {
        error_set(err, LAMINAR_INVALID_ARGUMENT, "%s has %zu arguments: at most %d are possible",
                  name, n_args, LAMINAR_FUNCTION_ARGS_MAX);
        return LAMINAR_INVALID_ARGUMENT;
    }
    if (n_args && !arg_types) return api_null("arg_types", err);
    struct data_type *types = ARENA_ARRAY(arena, struct data_type, n_args + 1);
    if (!types) TRY(error_oom(err));
    for (size_t i = 0; i <= n_args; i++) {
        TRY(parse_type(db, arena, i < n_args ? arg_types[i] : return_type, &types[i], err));
        if (types[i].id == LAMINAR_TYPE_NULL || (is_by_row && type_is_nested(types[i]))) {
            error_set(err, LAMINAR_INVALID_SCHEMA, "%s: %s is no type for a function%s", name,
                      TYPE_TEXT(types[i]), is_by_row ? " by row" : "");
            error_hint(err, "lists, structs and maps need a function by batch");
            TRY(LAMINAR_INVALID_SCHEMA);
        }
    }
    out->name = name;
    out->arg_types = types;
    out->n_args = (uint32_t)n_args;
    out->result = types[n_args];
done:
    return status;
}

static laminar_status bad_definition(const char *name, const char *what, laminar_error *err)
{
    return error_set(err, LAMINAR_INVALID_ARGUMENT, "function \"%s\": %s", name, what);
}

/* What a caller built against an older header has not is zero. */
static laminar_status read_definition(const void *given, size_t given_size, size_t least_size,
                                      void *out, size_t out_size, laminar_error *err)
{
    if (given_size < least_size)
        return error_set(err, LAMINAR_INVALID_ARGUMENT, "struct_size is not set");
    memcpy(out, given, given_size < out_size ? given_size : out_size);
    return LAMINAR_OK;
}

static laminar_status start_definition(struct database *db, const char *given_name, char *name,
                                       laminar_error *err)
{
    laminar_status status;
    TRY(database_check_open(db, err));
    TRY(fold_name(given_name, name, err));
    TRY(check_name(name, err));
done:
    return status;
}

laminar_status laminar_register_function(laminar_db *db, const laminar_function *function,
                                         laminar_error *err)
{
    laminar_status status;
    struct arena arena = {0};
    struct user_function *made = NULL;
    struct user_signature signature = {0};
    char name[FUNCTION_NAME_MAX + 1];
    laminar_function given = {0};
    if (!db || !function) return api_null(!db ? "db" : "function", err);
    TRY(read_definition(function, function->struct_size, offsetof(laminar_function, user_data),
                        &given, sizeof given, err));
    TRY(start_definition(db->db, given.name, name, err));
    if (!given.row == !given.batch)
        TRY(bad_definition(name, "it needs `row` or `batch`, not both", err));
    if ((int)given.volatility < LAMINAR_IMMUTABLE || given.volatility > LAMINAR_VOLATILE)
        TRY(bad_definition(name, "its volatility is unknown", err));
    TRY(read_signature(db->db, &arena, name, given.arg_types, given.n_args, given.return_type,
                       given.row != NULL, &signature, err));
    signature.help = given.help;
    TRY(user_function_create(&signature, &given, &made, err));
    TRY(function_library_add(db->db->functions, made, given.replaces, err));
    made = NULL;
done:
    user_function_discard(made);
    arena_deinit(&arena);
    return status;
}

static const char *missing_part(const laminar_aggregate *a)
{
    bool by_row = a->update || a->finish, by_batch = a->update_batch || a->finish_batch;
    if (!a->create) return "it needs `create`";
    if (by_row == by_batch)
        return "it needs `update` and `finish`, or `update_batch` and `finish_batch`";
    if (by_row && (!a->update || !a->finish)) return "it needs `update` and `finish`";
    if (by_batch && (!a->update_batch || !a->finish_batch))
        return "it needs `update_batch` and `finish_batch`";
    if (by_row ? a->retract_batch != NULL : a->retract != NULL)
        return "its `retract` is of the other kind than its `update`";
    if (!a->serialize != !a->deserialize) return "`serialize` and `deserialize` go together";
    return NULL;
}

laminar_status laminar_register_aggregate(laminar_db *db, const laminar_aggregate *aggregate,
                                          laminar_error *err)
{
    laminar_status status;
    struct arena arena = {0};
    struct user_function *made = NULL;
    struct user_signature signature = {0};
    char name[FUNCTION_NAME_MAX + 1];
    laminar_aggregate given = {0};
    if (!db || !aggregate) return api_null(!db ? "db" : "aggregate", err);
    TRY(read_definition(aggregate, aggregate->struct_size, offsetof(laminar_aggregate, user_data),
                        &given, sizeof given, err));
    TRY(start_definition(db->db, given.name, name, err));
    const char *missing = missing_part(&given);
    if (missing) TRY(bad_definition(name, missing, err));
    if (given.n_args == 0) TRY(bad_definition(name, "an aggregate has an argument", err));
    TRY(read_signature(db->db, &arena, name, given.arg_types, given.n_args, given.return_type,
                       given.update != NULL, &signature, err));
    signature.help = given.help;
    TRY(user_aggregate_create(&signature, &given, &made, err));
    TRY(function_library_add(db->db->functions, made, given.replaces, err));
    made = NULL;
done:
    user_function_discard(made);
    arena_deinit(&arena);
    return status;
}

laminar_status laminar_drop_function(laminar_db *db, const char *name, laminar_error *err)
{
    laminar_status status;
    char folded[FUNCTION_NAME_MAX + 1];
    if (!db) return api_null("db", err);
    TRY(database_check_open(db->db, err));
    TRY(fold_name(name, folded, err));
    TRY(function_library_remove(db->db->functions, folded, err));
done:
    return status;
}
