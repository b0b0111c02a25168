/* bind_set.c - UNION, INTERSECT and EXCEPT: columns go by position and take the type that all inputs
 * have in common; names are the first input's. UNION BY NAME has the columns of all its inputs, each where its name
 * comes first; an input that doesn't have one gives null for it.
 *
 * UNION is DISTINCT over UNION ALL. A chain of INTERSECT or EXCEPT is a tree of two-sided nodes,
 * from left to right. */
#include "plan/bind.h"

/* Casts column c of each input to the common type. */
static laminar_status unify_inputs(struct plan_context *ctx, const char *op, struct plan **inputs,
                                   size_t n, uint32_t offset)
{
    uint32_t n_cols = inputs[0]->n_cols;
    for (size_t i = 1; i < n; i++)
        if (inputs[i]->n_cols != n_cols)
            return plan_error(ctx, LAMINAR_QUERY_FAILED, offset,
                              "the queries of %s have %u and %u columns", op, n_cols,
                              inputs[i]->n_cols);
    struct data_type *types;
    ALLOC_OR_FAIL(ctx, types, ARENA_ARRAY(ctx->arena, struct data_type, n_cols + 1));
    for (uint32_t c = 0; c < n_cols; c++) {
        types[c] = inputs[0]->cols[c].type;
        for (size_t i = 1; i < n; i++) {
            struct data_type common;
            if (!type_common(types[c], inputs[i]->cols[c].type, &common)) {
                plan_error(ctx, LAMINAR_QUERY_FAILED, offset,
                           "column %u of %s has types %s and %s, which have no type in common",
                           c + 1, op, TYPE_TEXT(types[c]), TYPE_TEXT(inputs[i]->cols[c].type));
                error_hint(ctx->err, "CAST the column in one of the queries");
                return LAMINAR_QUERY_FAILED;
            }
            types[c] = common;
        }
    }
    for (size_t i = 0; i < n; i++) {
        bool differs = false;
        struct expr **exprs;
        const char **names;
        ALLOC_OR_FAIL(ctx, exprs, ARENA_ARRAY(ctx->arena, struct expr *, n_cols + 1));
        ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, n_cols + 1));
        for (uint32_t c = 0; c < n_cols; c++) {
            const struct plan_column *col = &inputs[i]->cols[c];
            ALLOC_OR_FAIL(ctx, exprs[c], expr_column(ctx->arena, c, col->type, col->is_nullable));
            exprs[c]->sql_offset = offset;
            names[c] = col->name;
            differs |= !type_equal(col->type, types[c]);
            CHECK(make_cast(ctx, exprs[c], types[c], CAST_EXPLICIT, &exprs[c]));
        }
        if (differs) CHECK(plan_make_project(ctx, inputs[i], exprs, names, n_cols, &inputs[i]));
    }
    return LAMINAR_OK;
}

static int32_t find_named(const struct plan_column *cols, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(cols[i].name, name) == 0) return (int32_t)i;
    return -1;
}

/* The columns of all inputs, in the order in which their names come first. */
static laminar_status all_names(struct plan_context *ctx, struct plan *const *inputs, size_t n,
                                uint32_t offset, struct plan_column **out, uint32_t *n_out)
{
    uint32_t n_max = 0;
    for (size_t i = 0; i < n; i++) n_max += inputs[i]->n_cols;
    ALLOC_OR_FAIL(ctx, *out, ARENA_ARRAY(ctx->arena, struct plan_column, n_max + 1));
    *n_out = 0;
    for (size_t i = 0; i < n; i++) {
        const struct plan_column *cols = inputs[i]->cols;
        for (uint32_t c = 0; c < inputs[i]->n_cols; c++) {
            if (find_named(cols, c, cols[c].name) >= 0) {
                plan_error(ctx, LAMINAR_QUERY_FAILED, offset,
                           "a query of UNION BY NAME has two columns \"%s\"", cols[c].name);
                error_hint(ctx->err, "name one of them differently, with AS");
                return LAMINAR_QUERY_FAILED;
            }
            if (find_named(*out, *n_out, cols[c].name) < 0) (*out)[(*n_out)++] = cols[c];
        }
    }
    return LAMINAR_OK;
}

/* Projects each input on the columns of all. */
static laminar_status align_by_name(struct plan_context *ctx, struct plan **inputs, size_t n,
                                    uint32_t offset)
{
    struct plan_column *cols;
    uint32_t n_cols = 0;
    CHECK(all_names(ctx, inputs, n, offset, &cols, &n_cols));
    for (size_t i = 0; i < n; i++) {
        struct expr **exprs;
        const char **names;
        bool differs = inputs[i]->n_cols != n_cols;
        ALLOC_OR_FAIL(ctx, exprs, ARENA_ARRAY(ctx->arena, struct expr *, n_cols + 1));
        ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, n_cols + 1));
        for (uint32_t c = 0; c < n_cols; c++) {
            int32_t at = find_named(inputs[i]->cols, inputs[i]->n_cols, cols[c].name);
            const struct plan_column *col = at < 0 ? NULL : &inputs[i]->cols[at];
            differs |= at != (int32_t)c;
            names[c] = cols[c].name;
            ALLOC_OR_FAIL(ctx, exprs[c],
                          col ? expr_column(ctx->arena, (uint32_t)at, col->type, col->is_nullable)
                              : const_null(ctx->arena, cols[c].type));
            exprs[c]->sql_offset = offset;
        }
        if (differs) CHECK(plan_make_project(ctx, inputs[i], exprs, names, n_cols, &inputs[i]));
    }
    return LAMINAR_OK;
}

static laminar_status make_set_node(struct plan_context *ctx, enum plan_kind kind,
                                    struct plan *const *inputs, uint32_t n, uint32_t offset,
                                    struct plan **out)
{
    struct plan *plan;
    CHECK(plan_new(ctx, kind, n, inputs[0]->n_cols, &plan));
    memcpy(plan->inputs, inputs, n * sizeof *inputs);
    for (uint32_t c = 0; c < plan->n_cols; c++) {
        plan->cols[c] = (struct plan_column){.name = inputs[0]->cols[c].name,
                                             .type = inputs[0]->cols[c].type};
        for (uint32_t i = 0; i < n; i++)
            plan->cols[c].is_nullable |= inputs[i]->cols[c].is_nullable;
    }
    plan->sql_offset = offset;
    *out = plan;
    return LAMINAR_OK;
}

laminar_status bind_set_operation(struct binder *b, struct select_block *parent,
                                  const struct ast_query_body *body, struct plan **out)
{
    static const char *const names[] = {[AST_SET_UNION] = "a UNION",
                                        [AST_SET_INTERSECT] = "an INTERSECT",
                                        [AST_SET_EXCEPT] = "an EXCEPT"};
    struct plan_context *ctx = b->ctx;
    size_t n = body->u.set.n;
    uint32_t offset = body->span.start;
    struct plan **inputs, *plan;
    ALLOC_OR_FAIL(ctx, inputs, ARENA_ARRAY(ctx->arena, struct plan *, n));
    for (size_t i = 0; i < n; i++) CHECK(bind_body(b, parent, body->u.set.operands[i], &inputs[i]));
    if (body->u.set.is_by_name)
        CHECK(align_by_name(ctx, inputs, n, body->u.set.operands[1]->span.start));
    CHECK(unify_inputs(ctx, names[body->u.set.op], inputs, n, body->u.set.operands[1]->span.start));
    if (body->u.set.op == AST_SET_UNION) {
        CHECK(make_set_node(ctx, PLAN_UNION_ALL, inputs, (uint32_t)n, offset, &plan));
        if (!body->u.set.is_all) CHECK(plan_make_distinct(ctx, plan, &plan));
        *out = plan;
        return LAMINAR_OK;
    }
    plan = inputs[0];
    for (size_t i = 1; i < n; i++) {
        struct plan *pair[] = {plan, inputs[i]};
        CHECK(make_set_node(ctx, PLAN_SET, pair, 2, offset, &plan));
        plan->set_kind = body->u.set.op == AST_SET_INTERSECT ? SET_INTERSECT : SET_EXCEPT;
        plan->is_set_all = body->u.set.is_all;
        /* nothing comes out that the left side doesn't have */
        for (uint32_t c = 0; c < plan->n_cols; c++)
            plan->cols[c].is_nullable = pair[0]->cols[c].is_nullable;
    }
    *out = plan;
    return LAMINAR_OK;
}
