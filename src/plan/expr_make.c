/* expr_make.c - making typed expressions: calls whose arguments are cast as the function asks,
 * comparisons, common types.
 *
 * Literals adapt: a string literal becomes a value of the type that it meets (and is checked at
 * once, with its position), an integer literal takes the type of the column that it is compared
 * with, so that `int_column > 5` compares without a cast per row. */
#include "function/user.h"
#include "plan/plan_internal.h"

/* Operators that give null for nulls only; for other functions a null result must be expected. */
static bool is_null_only_for_nulls(const char *name)
{
    static const char *const names[] = {"=",           "<>",
                                        "<",           "<=",
                                        ">",           ">=",
                                        "not",         "is_null",
                                        "is_not_null", "is_distinct_from",
                                        "||",          "is_not_distinct_from",
                                        "like",        "ilike",
                                        "lower",       "upper",
                                        "length",      "abs",
                                        "date_trunc"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

static bool call_is_nullable(const struct bound_function *fn, struct expr *const *args)
{
    if (fn->flags & FN_FALLIBLE) return true; /* on_error = null */
    if (!(fn->flags & FN_STRICT)) {
        return strncmp(fn->name, "is_", 3) != 0;
    }
    for (uint32_t i = 0; i < fn->n_args; i++)
        if (args[i]->is_nullable) return true;
    return !is_null_only_for_nulls(fn->name) && fn->n_args > 0;
}

static bool is_string_literal(const struct expr *e)
{
    return e->kind == EXPR_CONST && e->type.id == LAMINAR_TYPE_VARCHAR;
}

static laminar_status parse_literal(struct plan_context *ctx, const struct expr *e,
                                    struct data_type to, struct expr **out)
{
    if (expr_is_const_null(e)) {
        ALLOC_OR_FAIL(ctx, *out, const_null(ctx->arena, to));
        return LAMINAR_OK;
    }
    const struct string_view *view = e->value.data;
    const char *text = string_data(view);
    uint8_t value[16] __attribute__((aligned(16))) = {0};
    enum parse_result result = text_parse_value(to, text, view->size, value);
    if (result != PARSE_OK)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, e->sql_offset, "'%.*s' is %s %s",
                          view->size > 80 ? 80 : (int)view->size, text,
                          result == PARSE_RANGE ? "out of range for" : "not a valid",
                          TYPE_TEXT(to));
    ALLOC_OR_FAIL(ctx, *out, const_bytes(ctx->arena, to, value, type_width(to)));
    /* the view borrowed the literal's bytes, which may be inline in it */
    if (type_phys(to) == PHYS_STRING)
        ALLOC_OR_FAIL(ctx, *out, expr_const(ctx->arena, &(*out)->value, 0));
    (*out)->sql_offset = e->sql_offset;
    return LAMINAR_OK;
}

laminar_status make_cast(struct plan_context *ctx, struct expr *e, struct data_type to,
                         enum cast_kind kind, struct expr **out)
{
    if (type_equal(e->type, to)) {
        *out = e;
        return LAMINAR_OK;
    }
    uint32_t offset = e->sql_offset;
    struct expr *cast = NULL;
    if (expr_is_const_null(e)) {
        ALLOC_OR_FAIL(ctx, cast, const_null(ctx->arena, to));
    } else if (!(type_is_numeric(to) && (cast = const_int_as(ctx->arena, e, to)))) {
        struct bound_function *fn;
        CHECK(plan_located(ctx, cast_bind(ctx->arena, e->type, to, kind, &fn, ctx->err), offset));
        ALLOC_OR_FAIL(ctx, cast, expr_new(ctx->arena, EXPR_CALL, to, 1));
        cast->fn = fn;
        cast->is_cast = true;
        cast->args[0] = e;
        cast->is_nullable = e->is_nullable || kind == CAST_TRY || (fn->flags & FN_FALLIBLE);
    }
    cast->sql_offset = offset;
    *out = cast;
    return LAMINAR_OK;
}

laminar_status make_coerced(struct plan_context *ctx, struct expr *e, struct data_type to,
                            struct expr **out)
{
    if (!type_equal(e->type, to) && is_string_literal(e) && !type_is_nested(to))
        return parse_literal(ctx, e, to, out);
    return make_cast(ctx, e, to, CAST_EXPLICIT, out);
}

enum call_style { CALL_FUNCTION, CALL_OPERATOR };

/* function_bind's own text names signatures, which suits f(x, y); an operator is better told
 * what it can't combine. */
static laminar_status explain_operator(struct plan_context *ctx, laminar_status status,
                                       const char *name, const struct data_type *types,
                                       uint32_t n_args, uint32_t offset)
{
    if (status != LAMINAR_QUERY_FAILED) return plan_located(ctx, status, offset);
    if (ctx->err) error_clear(ctx->err);
    if (strcmp(name, "negate") == 0) name = "-";
    if (strcmp(name, "bit_not") == 0) name = "~";
    if (n_args == 2)
        plan_error(ctx, LAMINAR_QUERY_FAILED, offset, "operator %s does not take %s and %s", name,
                   TYPE_TEXT(types[0]), TYPE_TEXT(types[1]));
    else
        plan_error(ctx, LAMINAR_QUERY_FAILED, offset, "operator %s does not take %s", name,
                   TYPE_TEXT(types[0]));
    error_hint(ctx->err, "CAST an operand to a type that fits");
    return LAMINAR_QUERY_FAILED;
}

static laminar_status bind_call(struct plan_context *ctx, enum call_style style, const char *name,
                                struct expr **args, uint32_t n_args, uint32_t offset,
                                struct expr **out)
{
    struct data_type *types;
    const struct vector **constants;
    ALLOC_OR_FAIL(ctx, types, ARENA_ARRAY(ctx->arena, struct data_type, n_args + 1));
    ALLOC_OR_FAIL(ctx, constants, ARENA_ARRAY(ctx->arena, const struct vector *, n_args + 1));
    for (uint32_t i = 0; i < n_args; i++) {
        types[i] = args[i]->type;
        constants[i] = args[i]->kind == EXPR_CONST ? &args[i]->value : NULL;
    }
    struct bound_function *fn;
    laminar_status status = library_bind_function(ctx->functions, ctx->arena, name, types, n_args,
                                                  constants, &fn, ctx->err);
    if (status != LAMINAR_OK)
        return style == CALL_OPERATOR ? explain_operator(ctx, status, name, types, n_args, offset)
                                      : plan_located(ctx, status, offset);
    if (function_is_registered(fn->function)) ctx->registered_name = fn->name;
    struct expr *e;
    ALLOC_OR_FAIL(ctx, e, expr_new(ctx->arena, EXPR_CALL, fn->result, n_args));
    e->fn = fn;
    e->sql_offset = offset;
    for (uint32_t i = 0; i < n_args; i++)
        CHECK(make_coerced(ctx, args[i], fn->arg_types[i], &e->args[i]));
    e->is_nullable = call_is_nullable(fn, e->args);
    *out = e;
    return LAMINAR_OK;
}

laminar_status make_call(struct plan_context *ctx, const char *name, struct expr **args,
                         uint32_t n_args, uint32_t offset, struct expr **out)
{
    return bind_call(ctx, CALL_FUNCTION, name, args, n_args, offset, out);
}

laminar_status make_operator(struct plan_context *ctx, const char *name, struct expr **args,
                             uint32_t n_args, uint32_t offset, struct expr **out)
{
    return bind_call(ctx, CALL_OPERATOR, name, args, n_args, offset, out);
}

void make_adapted(struct plan_context *ctx, struct expr **literal, const struct expr *other)
{
    if ((*literal)->kind != EXPR_CONST || other->kind == EXPR_CONST ||
        !type_is_integer((*literal)->type) || !type_is_numeric(other->type) ||
        type_equal((*literal)->type, other->type))
        return;
    struct expr *adapted = const_int_as(ctx->arena, *literal, other->type);
    if (adapted) *literal = adapted;
}

laminar_status make_comparison(struct plan_context *ctx, const char *op, struct expr *left,
                               struct expr *right, uint32_t offset, struct expr **out)
{
    make_adapted(ctx, &left, right);
    make_adapted(ctx, &right, left);
    struct expr *args[] = {left, right};
    struct data_type common;
    bool literal_meets = is_string_literal(left) || is_string_literal(right);
    if (!literal_meets && !type_common(left->type, right->type, &common)) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, offset, "cannot compare %s with %s",
                   TYPE_TEXT(left->type), TYPE_TEXT(right->type));
        error_hint(ctx->err, "CAST one side to the type of the other");
        return LAMINAR_QUERY_FAILED;
    }
    return bind_call(ctx, CALL_OPERATOR, op, args, 2, offset, out);
}

laminar_status make_common(struct plan_context *ctx, struct expr **items, uint32_t n,
                           const char *what, struct data_type *out_type)
{
    struct data_type common = TYPE(NULL);
    bool has_string_literal = false;
    for (uint32_t i = 0; i < n; i++) {
        if (is_string_literal(items[i])) {
            has_string_literal = true;
            continue;
        }
        struct data_type next;
        if (!type_common(common, items[i]->type, &next)) {
            plan_error(ctx, LAMINAR_QUERY_FAILED, items[i]->sql_offset,
                       "%s have types %s and %s, which have no type in common", what,
                       TYPE_TEXT(common), TYPE_TEXT(items[i]->type));
            error_hint(ctx->err, "CAST them to one type");
            return LAMINAR_QUERY_FAILED;
        }
        common = next;
    }
    if (has_string_literal && (common.id == LAMINAR_TYPE_NULL || type_is_nested(common)))
        common = TYPE(VARCHAR);
    for (uint32_t i = 0; i < n; i++) CHECK(make_coerced(ctx, items[i], common, &items[i]));
    *out_type = common;
    return LAMINAR_OK;
}

laminar_status make_condition(struct plan_context *ctx, struct expr *e, const char *clause,
                              struct expr **out)
{
    if (e->type.id == LAMINAR_TYPE_BOOL) {
        *out = e;
        return LAMINAR_OK;
    }
    if (expr_is_const_null(e)) return make_cast(ctx, e, TYPE(BOOL), CAST_EXPLICIT, out);
    plan_error(ctx, LAMINAR_QUERY_FAILED, e->sql_offset, "%s must be BOOLEAN, not %s", clause,
               TYPE_TEXT(e->type));
    if (type_is_numeric(e->type)) error_hint(ctx->err, "compare it: ... <> 0");
    return LAMINAR_QUERY_FAILED;
}

laminar_status make_known(struct plan_context *ctx, struct expr *e, const char *what,
                          struct expr **out)
{
    CHECK(rewrite_fold_expr(ctx, &e));
    if (e->kind == EXPR_CONST) {
        *out = e;
        return LAMINAR_OK;
    }
    /* Say why it has no value, if it is constant but fails. */
    if (!expr_has_columns(e) && !expr_has_outer(e) && !expr_is_volatile(e) && ctx->evaluate) {
        struct vector value;
        laminar_status status = ctx->evaluate(ctx->evaluate_ctx, e, ctx->arena, &value, ctx->err);
        if (status != LAMINAR_OK) return plan_located(ctx, status, e->sql_offset);
    }
    return plan_error(ctx, LAMINAR_QUERY_FAILED, e->sql_offset, "%s must be a constant", what);
}
