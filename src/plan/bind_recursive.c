/* bind_recursive.c - WITH RECURSIVE r AS (first part UNION [ALL] recursive part): one-shot queries only.
 *
 * The recursive part is bound over PLAN_WORKING, which stands for the rows that the step before has found. It must be linear in them
 * (each row found follows from one row before), because an operator feeds them into a circuit that keeps what came earlier: filters,
 * projections, joins with other tables and UNNEST are; aggregates, DISTINCT, LIMIT and the table joined with itself are not.
 * rewrite_recursive, the last of the rewrites, takes what doesn't depend on the working rows out of the recursive part: it becomes an input of its
 * own, computed once. */
#include "plan/bind.h"

/* --- Linearity -------------------------------------------------------------------------------- */

/* Rows of this recursion; another recursive query may be below. */
static bool has_working(const struct plan *plan, uint32_t recursion)
{
    if (plan->kind == PLAN_WORKING) return plan->recursion == recursion;
    for (uint32_t i = 0; i < plan->n_inputs; i++)
        if (has_working(plan->inputs[i], recursion)) return true;
    return false;
}

static laminar_status refuse(struct plan_context *ctx, uint32_t offset, const char *what)
{
    plan_error(ctx, LAMINAR_QUERY_UNSUPPORTED, offset,
               "%s in the recursive part of a query is not supported", what);
    error_hint(ctx->err, "do it in the query that reads the recursive one");
    return LAMINAR_QUERY_UNSUPPORTED;
}

static laminar_status check_linear_join(struct plan_context *ctx, const struct plan *plan,
                                        uint32_t recursion, uint32_t offset)
{
    bool left = has_working(plan->inputs[0], recursion),
         right = has_working(plan->inputs[1], recursion);
    bool is_inner = plan->join_kind == JOIN_INNER || plan->join_kind == JOIN_CROSS;
    if (left && right) return refuse(ctx, offset, "a join of the recursive query with itself");
    if (right && !is_inner)
        return refuse(ctx, offset, "the recursive query on the optional side of a join");
    if (plan->join_kind == JOIN_FULL) return refuse(ctx, offset, "a FULL JOIN");
    if (plan->strategy != STRATEGY_HASH && plan->strategy != STRATEGY_NESTED)
        return refuse(ctx, offset, "an ASOF or temporal join");
    return LAMINAR_OK;
}

/* Takes away what means nothing here: order, and DISTINCT where the whole is a set. */
static laminar_status check_linear(struct plan_context *ctx, struct plan **node, bool is_set,
                                   uint32_t recursion, uint32_t offset)
{
    struct plan *plan = *node;
    if (!has_working(plan, recursion)) return LAMINAR_OK;
    while (plan->kind == PLAN_SORT || (plan->kind == PLAN_DISTINCT && is_set))
        *node = plan = plan->inputs[0];
    switch (plan->kind) {
    case PLAN_WORKING:
    case PLAN_FILTER:
    case PLAN_PROJECT:
    case PLAN_UNNEST:
    case PLAN_WINDOW_TABLE: break;
    case PLAN_JOIN: CHECK(check_linear_join(ctx, plan, recursion, offset)); break;
    case PLAN_UNION_ALL:
        for (uint32_t i = 0; i < plan->n_inputs; i++)
            if (!has_working(plan->inputs[i], recursion))
                return refuse(ctx, offset, "a UNION with rows that don't follow from it");
        break;
    case PLAN_AGGREGATE:
    case PLAN_EXPAND: return refuse(ctx, offset, "an aggregate");
    case PLAN_DISTINCT: return refuse(ctx, offset, "DISTINCT");
    case PLAN_TOP_N: return refuse(ctx, offset, "LIMIT");
    case PLAN_OVER: return refuse(ctx, offset, "a window function");
    case PLAN_SET: return refuse(ctx, offset, "INTERSECT or EXCEPT");
    case PLAN_RECURSIVE: return refuse(ctx, offset, "another recursive query over it");
    case PLAN_SORT:
    case PLAN_SCAN:
    case PLAN_VALUES: break;
    default: return refuse(ctx, offset, "this");
    }
    for (uint32_t i = 0; i < plan->n_inputs; i++)
        CHECK(check_linear(ctx, &plan->inputs[i], is_set, recursion, offset));
    return LAMINAR_OK;
}

/* --- Binding ---------------------------------------------------------------------------------- */

laminar_status bind_working(struct select_block *q, struct cte *cte,
                            const struct ast_table_ref *ref, struct plan **out)
{
    struct plan_context *ctx = q->ctx;
    cte->is_recursive = true;
    if (!cte->first) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, ref->span.start,
                   "\"%s\" stands for itself where it has no rows to begin with",
                   cte->ast->name.text);
        error_hint(ctx->err, "WITH RECURSIVE %s AS (first rows UNION ALL SELECT ... FROM %s)",
                   cte->ast->name.text, cte->ast->name.text);
        return LAMINAR_QUERY_FAILED;
    }
    CHECK(plan_new(ctx, PLAN_WORKING, 0, cte->first->n_cols, out));
    (*out)->sql_offset = ref->span.start;
    (*out)->recursion = cte->recursion;
    memcpy((*out)->cols, cte->first->cols, cte->first->n_cols * sizeof *(*out)->cols);
    return LAMINAR_OK;
}

static laminar_status check_shape(struct plan_context *ctx, const struct cte *cte)
{
    const struct ast_query *query = cte->ast->query;
    uint32_t offset = query->span.start;
    if (query->body->kind != AST_BODY_SET_OPERATION || query->body->u.set.op != AST_SET_UNION) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, offset,
                   "a recursive query is a first part, UNION or UNION ALL, and a recursive part");
        error_hint(ctx->err, "WITH RECURSIVE %s AS (first rows UNION ALL SELECT ... FROM %s)",
                   cte->ast->name.text, cte->ast->name.text);
        return LAMINAR_QUERY_FAILED;
    }
    if (query->body->u.set.is_by_name)
        return plan_unsupported(ctx, offset, "UNION BY NAME of a recursive query is not supported",
                                "write the columns of both parts in the same order");
    if (query->order_by.n || query->order_by_all || query->limit || query->offset)
        return plan_unsupported(ctx, offset,
                                "ORDER BY and LIMIT of a recursive query are not supported",
                                "put them into the query that reads it");
    return LAMINAR_OK;
}

/* The columns of a part, cast to those of the first one. */
static laminar_status conform(struct plan_context *ctx, struct plan **part,
                              const struct plan *first, uint32_t offset)
{
    struct expr **exprs;
    const char **names;
    uint32_t n = first->n_cols;
    if ((*part)->n_cols != n)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, offset,
                          "the parts of the recursive query have %u and %u columns", n,
                          (*part)->n_cols);
    ALLOC_OR_FAIL(ctx, exprs, ARENA_ARRAY(ctx->arena, struct expr *, n + 1));
    ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, n + 1));
    for (uint32_t c = 0; c < n; c++) {
        const struct plan_column *col = &(*part)->cols[c];
        if (!cast_is_implicit(col->type, first->cols[c].type, false)) {
            plan_error(ctx, LAMINAR_QUERY_FAILED, offset,
                       "column %u is %s in the first part and %s in the recursive part", c + 1,
                       TYPE_TEXT(first->cols[c].type), TYPE_TEXT(col->type));
            error_hint(ctx->err, "CAST the column in the first part to %s", TYPE_TEXT(col->type));
            return LAMINAR_QUERY_FAILED;
        }
        ALLOC_OR_FAIL(ctx, exprs[c], expr_column(ctx->arena, c, col->type, col->is_nullable));
        exprs[c]->sql_offset = offset;
        CHECK(make_coerced(ctx, exprs[c], first->cols[c].type, &exprs[c]));
        names[c] = first->cols[c].name;
    }
    return plan_make_project(ctx, *part, exprs, names, n, part);
}

static laminar_status unite(struct plan_context *ctx, struct plan **parts, uint32_t n,
                            struct plan **out)
{
    if (n == 1) {
        *out = parts[0];
        return LAMINAR_OK;
    }
    CHECK(plan_new(ctx, PLAN_UNION_ALL, n, parts[0]->n_cols, out));
    memcpy((*out)->inputs, parts, n * sizeof *parts);
    memcpy((*out)->cols, parts[0]->cols, parts[0]->n_cols * sizeof *(*out)->cols);
    for (uint32_t c = 0; c < (*out)->n_cols; c++) (*out)->cols[c].is_nullable = true;
    return LAMINAR_OK;
}

/* Of the first part: names as the CTE gives them, and any column may become null later on. */
static laminar_status name_first(struct plan_context *ctx, struct cte *cte, struct plan *first)
{
    const struct ast_name_list *names = &cte->ast->columns;
    for (uint32_t c = 0; c < first->n_cols; c++) {
        if (c < names->n) CHECK(bind_name(ctx, names->items[c].text, &first->cols[c].name));
        first->cols[c].is_nullable = true;
    }
    cte->first = first;
    return LAMINAR_OK;
}

laminar_status bind_recursive(struct binder *b, struct cte *cte, struct plan **out)
{
    struct plan_context *ctx = b->ctx;
    CHECK(check_shape(ctx, cte));
    cte->recursion = ++ctx->n_recursions;
    const struct ast_query_body *body = cte->ast->query->body;
    uint32_t n = (uint32_t)body->u.set.n, n_first = 0, n_next = 0;
    struct plan **first, **next, *base, *term;
    bool is_set = !body->u.set.is_all;
    ALLOC_OR_FAIL(ctx, first, ARENA_ARRAY(ctx->arena, struct plan *, n));
    ALLOC_OR_FAIL(ctx, next, ARENA_ARRAY(ctx->arena, struct plan *, n));
    CHECK(bind_ctes(b, cte->ast->query));
    for (uint32_t i = 0; i < n; i++) {
        struct plan *part;
        uint32_t offset = body->u.set.operands[i]->span.start;
        CHECK(bind_body(b, NULL, body->u.set.operands[i], &part));
        bool is_recursive = has_working(part, cte->recursion);
        if (!cte->first) CHECK(name_first(ctx, cte, part));
        if (part != cte->first) CHECK(conform(ctx, &part, cte->first, offset));
        if (is_recursive) CHECK(check_linear(ctx, &part, is_set, cte->recursion, offset));
        if (is_recursive)
            next[n_next++] = part;
        else
            first[n_first++] = part;
    }
    ENSURE(n_next > 0, ctx->err);
    if (ctx->is_stream)
        return plan_unsupported(
            ctx, cte->ast->query->span.start, "a stream can't be recursive",
            "run the recursive query when it is asked for; or join a fixed number of levels");
    CHECK(unite(ctx, first, n_first, &base));
    CHECK(unite(ctx, next, n_next, &term));
    CHECK(plan_new(ctx, PLAN_RECURSIVE, 2, cte->first->n_cols, out));
    (*out)->inputs[0] = base;
    (*out)->inputs[1] = term;
    (*out)->recursion = cte->recursion;
    (*out)->is_set_all = !is_set;
    (*out)->sql_offset = cte->ast->query->span.start;
    memcpy((*out)->cols, cte->first->cols, cte->first->n_cols * sizeof *(*out)->cols);
    return LAMINAR_OK;
}

/* --- The last rewrite ------------------------------------------------------------------------- */

/* The parts of the term without working rows become inputs of the node, and working rows of another port in the term. */
static laminar_status hoist(struct plan_context *ctx, struct plan *recursive, struct plan **node)
{
    struct plan *plan = *node;
    if (plan->kind == PLAN_WORKING && plan->recursion == recursive->recursion) return LAMINAR_OK;
    if (has_working(plan, recursive->recursion)) {
        for (uint32_t i = 0; i < plan->n_inputs; i++)
            CHECK(hoist(ctx, recursive, &plan->inputs[i]));
        return LAMINAR_OK;
    }
    struct plan *leaf, **inputs;
    uint32_t n = recursive->n_inputs;
    ALLOC_OR_FAIL(ctx, inputs, ARENA_ARRAY(ctx->arena, struct plan *, n + 1));
    memcpy(inputs, recursive->inputs, n * sizeof *inputs);
    inputs[n] = plan;
    recursive->inputs = inputs;
    recursive->n_inputs = n + 1;
    CHECK(plan_new(ctx, PLAN_WORKING, 0, plan->n_cols, &leaf));
    memcpy(leaf->cols, plan->cols, plan->n_cols * sizeof *leaf->cols);
    leaf->working_port = n;
    leaf->recursion = recursive->recursion;
    *node = leaf;
    return LAMINAR_OK;
}

laminar_status rewrite_recursive(struct plan_context *ctx, struct plan **plan)
{
    struct plan *p = *plan;
    if (p->kind == PLAN_RECURSIVE && !p->term) {
        p->term = p->inputs[1];
        p->n_inputs = 1;
        CHECK(hoist(ctx, p, &p->term));
    }
    for (uint32_t i = 0; i < p->n_inputs; i++) CHECK(rewrite_recursive(ctx, &p->inputs[i]));
    return LAMINAR_OK;
}
