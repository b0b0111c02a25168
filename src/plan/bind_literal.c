/* bind_literal.c - literals, parameters and type names.
 *
 * Whole numbers are BIGINT (DECIMAL beyond), numbers with a point are exact DECIMALs, numbers
 * with an exponent are DOUBLEs. */
#include "plan/bind.h"
#include <strings.h>

laminar_status bind_name(struct plan_context *ctx, const char *text, const char **out)
{
    ALLOC_OR_FAIL(ctx, *out, arena_strndup(ctx->arena, text, strlen(text)));
    return LAMINAR_OK;
}

/* --- Types ------------------------------------------------------------------------------------ */

enum type_args { ARGS_NONE, ARGS_LENGTH /* ignored: VARCHAR(10) */, ARGS_DECIMAL, ARGS_TIME };
struct type_word {
    const char *name;
    uint8_t id;
    enum type_args args;
};
static const struct type_word type_words[] = {
    {"boolean", LAMINAR_TYPE_BOOL, ARGS_NONE},
    {"bool", LAMINAR_TYPE_BOOL, ARGS_NONE},
    {"tinyint", LAMINAR_TYPE_INT8, ARGS_NONE},
    {"int1", LAMINAR_TYPE_INT8, ARGS_NONE},
    {"smallint", LAMINAR_TYPE_INT16, ARGS_NONE},
    {"int2", LAMINAR_TYPE_INT16, ARGS_NONE},
    {"int", LAMINAR_TYPE_INT32, ARGS_NONE},
    {"integer", LAMINAR_TYPE_INT32, ARGS_NONE},
    {"int4", LAMINAR_TYPE_INT32, ARGS_NONE},
    {"bigint", LAMINAR_TYPE_INT64, ARGS_NONE},
    {"int8", LAMINAR_TYPE_INT64, ARGS_NONE},
    {"long", LAMINAR_TYPE_INT64, ARGS_NONE},
    {"utinyint", LAMINAR_TYPE_UINT8, ARGS_NONE},
    {"usmallint", LAMINAR_TYPE_UINT16, ARGS_NONE},
    {"uinteger", LAMINAR_TYPE_UINT32, ARGS_NONE},
    {"uint", LAMINAR_TYPE_UINT32, ARGS_NONE},
    {"ubigint", LAMINAR_TYPE_UINT64, ARGS_NONE},
    {"real", LAMINAR_TYPE_FLOAT, ARGS_NONE},
    {"float4", LAMINAR_TYPE_FLOAT, ARGS_NONE},
    {"float", LAMINAR_TYPE_FLOAT, ARGS_LENGTH},
    {"float8", LAMINAR_TYPE_DOUBLE, ARGS_NONE},
    {"double", LAMINAR_TYPE_DOUBLE, ARGS_NONE},
    {"decimal", LAMINAR_TYPE_DECIMAL, ARGS_DECIMAL},
    {"numeric", LAMINAR_TYPE_DECIMAL, ARGS_DECIMAL},
    {"dec", LAMINAR_TYPE_DECIMAL, ARGS_DECIMAL},
    {"varchar", LAMINAR_TYPE_VARCHAR, ARGS_LENGTH},
    {"text", LAMINAR_TYPE_VARCHAR, ARGS_NONE},
    {"string", LAMINAR_TYPE_VARCHAR, ARGS_NONE},
    {"char", LAMINAR_TYPE_VARCHAR, ARGS_LENGTH},
    {"character", LAMINAR_TYPE_VARCHAR, ARGS_LENGTH},
    {"bpchar", LAMINAR_TYPE_VARCHAR, ARGS_LENGTH},
    {"binary", LAMINAR_TYPE_BINARY, ARGS_LENGTH},
    {"varbinary", LAMINAR_TYPE_BINARY, ARGS_LENGTH},
    {"bytea", LAMINAR_TYPE_BINARY, ARGS_NONE},
    {"blob", LAMINAR_TYPE_BINARY, ARGS_NONE},
    {"bytes", LAMINAR_TYPE_BINARY, ARGS_NONE},
    {"date", LAMINAR_TYPE_DATE, ARGS_NONE},
    {"time", LAMINAR_TYPE_TIME, ARGS_TIME},
    {"timestamp", LAMINAR_TYPE_TIMESTAMP, ARGS_TIME},
    {"datetime", LAMINAR_TYPE_TIMESTAMP, ARGS_TIME},
    {"timestamptz", LAMINAR_TYPE_TIMESTAMPTZ, ARGS_TIME},
    {"interval", LAMINAR_TYPE_INTERVAL, ARGS_NONE},
    {"uuid", LAMINAR_TYPE_UUID, ARGS_NONE},
    {"json", LAMINAR_TYPE_JSON, ARGS_NONE},
    {"jsonb", LAMINAR_TYPE_JSON, ARGS_NONE},
};

static laminar_status unknown_type(struct plan_context *ctx, const struct ast_type_name *name)
{
    struct nearest_name nearest = {.wanted = name->name.text};
    for (size_t i = 0; i < ARRAY_LENGTH(type_words); i++)
        nearest_offer(&nearest, type_words[i].name);
    plan_error(ctx, LAMINAR_QUERY_FAILED, name->span.start, "unknown type \"%s\"", name->name.text);
    if (nearest.best) error_hint(ctx->err, "did you mean %s?", nearest.best);
    return LAMINAR_QUERY_FAILED;
}

static laminar_status time_type(struct plan_context *ctx, const struct ast_type_name *name,
                                uint8_t id, struct data_type *out)
{
    enum time_unit unit = UNIT_MICRO;
    if (name->n_args > 0) {
        switch (name->args[0]) {
        case 0: unit = UNIT_SECOND; break;
        case 3: unit = UNIT_MILLI; break;
        case 6: unit = UNIT_MICRO; break;
        case 9: unit = UNIT_NANO; break;
        default:
            plan_error(ctx, LAMINAR_QUERY_FAILED, name->span.start,
                       "%s(%llu): the precision must be 0, 3, 6 or 9", name->name.text,
                       (unsigned long long)name->args[0]);
            error_hint(ctx->err, "seconds, milliseconds, microseconds or nanoseconds");
            return LAMINAR_QUERY_FAILED;
        }
    }
    if (id == LAMINAR_TYPE_TIME) {
        if (name->zone == AST_ZONE_WITH)
            return plan_unsupported(ctx, name->span.start, "TIME WITH TIME ZONE is not supported",
                                    "use TIME, or TIMESTAMP WITH TIME ZONE");
        *out = type_time(unit);
        return LAMINAR_OK;
    }
    if (id == LAMINAR_TYPE_TIMESTAMPTZ || name->zone == AST_ZONE_WITH)
        return plan_located(ctx,
                            type_timestamptz(unit, ctx->zone ? ctx->zone : "UTC", out, ctx->err),
                            name->span.start);
    *out = type_timestamp(unit);
    return LAMINAR_OK;
}

static laminar_status decimal_type(struct plan_context *ctx, const struct ast_type_name *name,
                                   struct data_type *out)
{
    uint64_t precision = name->n_args > 0 ? name->args[0] : 38, scale = name->n_args > 1
                                                                            ? name->args[1]
                                                                        : name->n_args == 1 ? 0
                                                                                            : 10;
    if (precision < 1 || precision > DECIMAL_PRECISION_MAX)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, name->span.start,
                          "DECIMAL precision %llu is not between 1 and %d",
                          (unsigned long long)precision, (int)DECIMAL_PRECISION_MAX);
    if (scale > precision)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, name->span.start,
                          "DECIMAL scale %llu is greater than its precision %llu",
                          (unsigned long long)scale, (unsigned long long)precision);
    *out = type_decimal((int)precision, (int)scale);
    return LAMINAR_OK;
}

static laminar_status simple_type(struct plan_context *ctx, const struct ast_type_name *name,
                                  struct data_type *out)
{
    const struct type_word *word = NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(type_words) && !word; i++)
        if (strcasecmp(type_words[i].name, name->name.text) == 0) word = &type_words[i];
    if (!word) return unknown_type(ctx, name);
    bool is_time = word->args == ARGS_TIME;
    size_t n_max = word->args == ARGS_NONE ? 0 : word->args == ARGS_DECIMAL ? 2 : 1;
    if (name->n_args > n_max)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, name->span.start, "type %s takes %s",
                          name->name.text,
                          n_max == 0   ? "no arguments"
                          : n_max == 1 ? "one argument at most"
                                       : "two arguments at most");
    if (name->zone != AST_ZONE_UNSPECIFIED && !is_time)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, name->span.start, "type %s has no time zone",
                          name->name.text);
    *out = type_of((laminar_type)word->id);
    if (name->is_unsigned) {
        if (!type_is_signed(*out))
            return plan_error(ctx, LAMINAR_QUERY_FAILED, name->span.start,
                              "there is no %s UNSIGNED", name->name.text);
        out->id = (uint8_t)(out->id + (LAMINAR_TYPE_UINT8 - LAMINAR_TYPE_INT8));
    }
    if (word->args == ARGS_DECIMAL) return decimal_type(ctx, name, out);
    if (is_time) return time_type(ctx, name, word->id, out);
    /* bits of the mantissa */
    if (strcmp(word->name, "float") == 0 && name->n_args == 1 && name->args[0] > 24)
        *out = TYPE(DOUBLE);
    return LAMINAR_OK;
}

laminar_status plan_type(struct plan_context *ctx, const struct ast_type_name *name,
                         struct data_type *out)
{
    switch (name->kind) {
    case AST_TYPE_SIMPLE: return simple_type(ctx, name, out);
    case AST_TYPE_ARRAY: {
        struct data_type item;
        CHECK(plan_type(ctx, name->element, &item));
        return plan_located(ctx, type_list(item, out, ctx->err), name->span.start);
    }
    case AST_TYPE_MAP: {
        struct data_type key, value;
        CHECK(plan_type(ctx, name->key, &key));
        CHECK(plan_type(ctx, name->element, &value));
        return plan_located(ctx, type_map(key, value, out, ctx->err), name->span.start);
    }
    case AST_TYPE_STRUCT: {
        struct type_field *fields;
        ALLOC_OR_FAIL(ctx, fields, ARENA_ARRAY(ctx->arena, struct type_field, name->n_fields + 1));
        for (size_t i = 0; i < name->n_fields; i++) {
            fields[i] = (struct type_field){.name = name->fields[i].name.text, .is_nullable = true};
            CHECK(plan_type(ctx, name->fields[i].type, &fields[i].type));
            for (size_t j = 0; j < i; j++)
                if (strcmp(fields[j].name, fields[i].name) == 0)
                    return plan_error(ctx, LAMINAR_INVALID_SCHEMA, name->fields[i].name.span.start,
                                      "field \"%s\" appears twice", fields[i].name);
        }
        return plan_located(ctx, type_struct(fields, (uint32_t)name->n_fields, out, ctx->err),
                            name->span.start);
    }
    }
    return plan_unsupported(ctx, name->span.start, "this type is not supported", NULL);
}

/* --- Literals --------------------------------------------------------------------------------- */

/* Digits with an optional point, as the narrowest DECIMAL that holds them; a DOUBLE when there
 * are too many digits. */
static laminar_status exact_number(struct plan_context *ctx, const struct ast_expr *ast,
                                   struct expr **out)
{
    const char *text = ast->u.number.text;
    size_t size = ast->u.number.size, start = 0;
    while (start + 1 < size && text[start] == '0' && text[start + 1] != '.') start++;
    const char *point = memchr(text + start, '.', size - start);
    size_t n_whole = point ? (size_t)(point - text) - start : size - start,
           scale = point ? size - start - n_whole - 1 : 0;
    if (n_whole == 1 && text[start] == '0' && scale) n_whole = 0;
    size_t precision = n_whole + scale ? n_whole + scale : 1;
    if (precision > DECIMAL_PRECISION_MAX) {
        double value;
        if (text_parse_double(text, size, &value) != PARSE_OK)
            return plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                              "number %.*s is out of range", size > 60 ? 60 : (int)size, text);
        ALLOC_OR_FAIL(ctx, *out, const_bytes(ctx->arena, TYPE(DOUBLE), &value, sizeof value));
        return LAMINAR_OK;
    }
    int128 value;
    if (text_parse_decimal(text, size, (int)precision, (int)scale, &value, NULL) != PARSE_OK)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start, "number %.*s is out of range",
                          size > 60 ? 60 : (int)size, text);
    ALLOC_OR_FAIL(
        ctx, *out,
        const_bytes(ctx->arena, type_decimal((int)precision, (int)scale), &value, sizeof value));
    return LAMINAR_OK;
}

static laminar_status bind_number(struct plan_context *ctx, const struct ast_expr *ast,
                                  struct expr **out)
{
    if (ast->u.number.class == AST_NUMBER_FLOAT) {
        double value;
        if (text_parse_double(ast->u.number.text, ast->u.number.size, &value) != PARSE_OK)
            return plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                              "number %s is out of range for DOUBLE", ast->u.number.text);
        ALLOC_OR_FAIL(ctx, *out, const_bytes(ctx->arena, TYPE(DOUBLE), &value, sizeof value));
        return LAMINAR_OK;
    }
    if (ast->u.number.class == AST_NUMBER_INTEGER && ast->u.number.fits_u64 &&
        ast->u.number.value <= INT64_MAX) {
        ALLOC_OR_FAIL(ctx, *out, const_int64(ctx->arena, (int64_t)ast->u.number.value));
        return LAMINAR_OK;
    }
    return exact_number(ctx, ast, out);
}

/* INTERVAL (expr) DAY: expr times one day. */
static laminar_status interval_of_expr(struct select_block *q, const struct ast_expr *ast,
                                       struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    struct laminar_interval one;
    const char *unit = sql_unit_text(ast->u.interval.from == AST_UNIT_NONE ? AST_UNIT_SECOND
                                                                           : ast->u.interval.from);
    if (text_parse_interval("1", 1, unit, &one) != PARSE_OK)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start, "invalid interval unit %s",
                          unit);
    struct expr *args[2];
    ALLOC_OR_FAIL(ctx, args[0], const_bytes(ctx->arena, TYPE(INTERVAL), &one, sizeof one));
    CHECK(bind_expr(q, ast->u.interval.value, &args[1]));
    return make_call(ctx, "*", args, 2, ast->span.start, out);
}

static laminar_status bind_interval(struct select_block *q, const struct ast_expr *ast,
                                    struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    const struct ast_interval *interval = &ast->u.interval;
    if (interval->value) return interval_of_expr(q, ast, out);
    char field[64];
    const char *from = interval->from == AST_UNIT_NONE ? NULL : sql_unit_text(interval->from);
    if (from && interval->to != AST_UNIT_NONE) {
        struct strbuf text = {0};
        strbuf_printf(&text, "%s TO %s", from, sql_unit_text(interval->to));
        size_t size = text.failed || text.size >= sizeof field ? 0 : text.size;
        memcpy(field, text.data ? text.data : "", size);
        field[size] = '\0';
        strbuf_deinit(&text);
        from = field;
    }
    struct laminar_interval value;
    if (text_parse_interval(interval->text, interval->size, from, &value) != PARSE_OK) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start, "'%.*s' is not a valid INTERVAL",
                   interval->size > 80 ? 80 : (int)interval->size, interval->text);
        error_hint(ctx->err, "for example INTERVAL '5' MINUTE or INTERVAL '1 day 2 hours'");
        return LAMINAR_QUERY_FAILED;
    }
    ALLOC_OR_FAIL(ctx, *out, const_bytes(ctx->arena, TYPE(INTERVAL), &value, sizeof value));
    return LAMINAR_OK;
}

static laminar_status bind_parameter(struct plan_context *ctx, const struct ast_expr *ast,
                                     struct expr **out)
{
    uint32_t index = ast->u.parameter.index, n = ctx->params ? ctx->params->n_values : 0;
    if (index >= n) {
        if (ast->u.parameter.kind == AST_PARAMETER_NAMED)
            plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start, "no value for parameter :%s",
                       ast->u.parameter.name.text);
        else
            plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                       "no value for parameter %u: %u given", index + 1, n);
        error_hint(ctx->err, "pass the values with the statement (params)");
        return LAMINAR_QUERY_FAILED;
    }
    ALLOC_OR_FAIL(ctx, *out, expr_const(ctx->arena, &ctx->params->values[index], 0));
    return LAMINAR_OK;
}

laminar_status bind_literal(struct select_block *q, const struct ast_expr *ast, struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    struct expr *e = NULL;
    switch (ast->kind) {
    case AST_EXPR_NULL: ALLOC_OR_FAIL(ctx, e, const_null(ctx->arena, TYPE(NULL))); break;
    case AST_EXPR_BOOL: ALLOC_OR_FAIL(ctx, e, const_bool(ctx->arena, ast->u.boolean)); break;
    case AST_EXPR_NUMBER: CHECK(bind_number(ctx, ast, &e)); break;
    case AST_EXPR_STRING:
        ALLOC_OR_FAIL(ctx, e, const_string(ctx->arena, ast->u.string.text, ast->u.string.size));
        break;
    case AST_EXPR_BLOB:
        ALLOC_OR_FAIL(ctx, e,
                      const_string(ctx->arena, (const char *)ast->u.blob.bytes, ast->u.blob.size));
        e->type = e->value.type = TYPE(BINARY);
        break;
    case AST_EXPR_INTERVAL: CHECK(bind_interval(q, ast, &e)); break;
    case AST_EXPR_TYPED_LITERAL: {
        struct data_type type;
        struct expr *text;
        CHECK(plan_type(ctx, ast->u.typed.type, &type));
        ALLOC_OR_FAIL(ctx, text, const_string(ctx->arena, ast->u.typed.text, ast->u.typed.size));
        text->sql_offset = ast->span.start;
        CHECK(make_coerced(ctx, text, type, &e));
        break;
    }
    case AST_EXPR_PARAMETER: CHECK(bind_parameter(ctx, ast, &e)); break;
    default: return plan_unsupported(ctx, ast->span.start, "this literal is not supported", NULL);
    }
    e->sql_offset = ast->span.start;
    *out = e;
    return LAMINAR_OK;
}

laminar_status bind_count(struct select_block *q, const struct ast_expr *ast, const char *what,
                          uint64_t *out, bool *is_null)
{
    struct plan_context *ctx = q->ctx;
    struct expr *e;
    CHECK(bind_expr(q, ast, &e));
    CHECK(make_known(ctx, e, what, &e));
    *is_null = expr_is_const_null(e);
    if (*is_null) return LAMINAR_OK;
    int64_t value;
    if (!const_get_int64(e, &value))
        return plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                          "%s must be a whole number, not %s", what, TYPE_TEXT(e->type));
    if (value < 0)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                          "%s must not be negative: %lld", what, (long long)value);
    *out = (uint64_t)value;
    return LAMINAR_OK;
}

laminar_status duration_of(struct plan_context *ctx, const struct expr *constant, const char *what,
                           int64_t *out_us)
{
    const int64_t us_per_day = INT64_C(86400000000);
    int64_t value;
    if (expr_is_const_null(constant))
        return plan_error(ctx, LAMINAR_QUERY_FAILED, constant->sql_offset, "%s must not be NULL",
                          what);
    if (const_get_int64(constant, &value)) {
        if (__builtin_mul_overflow(value, 1000, out_us))
            return plan_error(ctx, LAMINAR_QUERY_FAILED, constant->sql_offset,
                              "%s is out of range: %lld ms", what, (long long)value);
        return LAMINAR_OK;
    }
    if (constant->type.id != LAMINAR_TYPE_INTERVAL) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, constant->sql_offset,
                   "%s must be an INTERVAL or whole milliseconds, not %s", what,
                   TYPE_TEXT(constant->type));
        error_hint(ctx->err, "for example INTERVAL '5' MINUTE");
        return LAMINAR_QUERY_FAILED;
    }
    const struct laminar_interval *interval = constant->value.data;
    if (interval->months) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, constant->sql_offset,
                   "%s must be a fixed duration, and months and years are not", what);
        error_hint(ctx->err, "use days, for example INTERVAL '30' DAY");
        return LAMINAR_QUERY_FAILED;
    }
    if (interval->nanos % 1000)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, constant->sql_offset,
                          "%s must be whole microseconds", what);
    int64_t days_us;
    if (__builtin_mul_overflow(us_per_day, (int64_t)interval->days, &days_us) ||
        __builtin_add_overflow(days_us, interval->nanos / 1000, out_us))
        return plan_error(ctx, LAMINAR_QUERY_FAILED, constant->sql_offset, "%s is out of range",
                          what);
    return LAMINAR_OK;
}

laminar_status bind_duration(struct select_block *q, const struct ast_expr *ast, const char *what,
                             int64_t *out_us)
{
    struct expr *e;
    CHECK(bind_expr(q, ast, &e));
    CHECK(make_known(q->ctx, e, what, &e));
    if (e->type.id == LAMINAR_TYPE_VARCHAR && !expr_is_const_null(e))
        CHECK(make_coerced(q->ctx, e, TYPE(INTERVAL), &e));
    return duration_of(q->ctx, e, what, out_us);
}
