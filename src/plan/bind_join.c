/* bind_join.c - joins: conditions, USING and NATURAL, keys.
 *
 * A RIGHT join is bound as the LEFT join of its sides swapped, with a projection that puts the
 * columns back, so that operators know LEFT alone; the same for RIGHT SEMI and RIGHT ANTI.
 * Equalities between the sides become hash keys; the rest of the condition is the join's
 * predicate. */
#include "plan/bind.h"

laminar_status check_table_names(struct select_block *q, const struct scope *left,
                                 const struct scope *right, uint32_t offset)
{
    const char *last = NULL;
    for (uint32_t i = 0; i < right->n; i++) {
        const char *table = right->cols[i].table;
        if (!table || table == last) continue;
        last = table;
        if (!scope_has_table(left, table)) continue;
        plan_error(q->ctx, LAMINAR_QUERY_FAILED, offset, "table name \"%s\" is used twice in FROM",
                   table);
        error_hint(q->ctx->err, "give one of them an alias: %s AS t2", table);
        return LAMINAR_QUERY_FAILED;
    }
    return LAMINAR_OK;
}

laminar_status bind_cross(struct select_block *q, struct from_item *left, struct from_item *right,
                          uint32_t offset, struct from_item *out)
{
    CHECK(check_table_names(q, &left->scope, &right->scope, offset));
    struct from_item both = {0};
    CHECK(plan_make_join(q->ctx, JOIN_CROSS, left->plan, right->plan, &both.plan));
    both.plan->sql_offset = offset;
    CHECK(scope_concat(q->ctx, &left->scope, &right->scope, left->plan->n_cols, &both.scope));
    *out = both;
    return LAMINAR_OK;
}

laminar_status bind_join_condition(struct select_block *q, const struct ast_expr *on,
                                   const struct scope *scope, struct plan *left, struct plan *right,
                                   struct expr_list *out)
{
    struct plan *pair;
    CHECK(plan_make_join(q->ctx, JOIN_INNER, left, right, &pair)); /* for its columns */
    struct select_block inner = {.b = q->b,
                                 .ctx = q->ctx,
                                 .parent = q->parent,
                                 .plan = pair,
                                 .scope = *scope,
                                 .clause = {.name = "a JOIN condition"}};
    struct expr *e;
    CHECK(bind_expr(&inner, on, &e));
    CHECK(make_condition(q->ctx, e, "the condition of a JOIN", &e));
    return expr_split_and(q->ctx, e, out);
}

/* --- Keys ------------------------------------------------------------------------------------- */

laminar_status join_add_key(struct plan_context *ctx, struct plan *join, struct expr *left,
                            struct expr *right)
{
    struct expr_list l = {join->left_keys, join->n_keys, join->n_keys},
                     r = {join->right_keys, join->n_keys, join->n_keys};
    CHECK(expr_list_push(ctx, &l, left));
    CHECK(expr_list_push(ctx, &r, right));
    join->left_keys = l.items;
    join->right_keys = r.items;
    join->n_keys = l.n;
    if (join->strategy == STRATEGY_NESTED) join->strategy = STRATEGY_HASH;
    if (join->join_kind == JOIN_CROSS) join->join_kind = JOIN_INNER;
    return LAMINAR_OK;
}

static bool is_side(const struct expr *e, uint32_t from, uint32_t to)
{
    return expr_has_columns(e) && expr_columns_within(e, from, to) && !expr_has_outer(e) &&
           !expr_is_volatile(e);
}

/* left = right over one side each? Then adds the key. */
static laminar_status take_key(struct plan_context *ctx, struct plan *join, struct expr *e,
                               bool *taken)
{
    *taken = false;
    uint32_t n_left = join->inputs[0]->n_cols, n = n_left + join->inputs[1]->n_cols;
    if (!expr_is_call(e, "=")) return LAMINAR_OK;
    struct expr *sides[] = {e->args[0], e->args[1]};
    if (is_side(sides[1], 0, n_left)) {
        sides[0] = e->args[1];
        sides[1] = e->args[0];
    }
    if (!is_side(sides[0], 0, n_left) || !is_side(sides[1], n_left, n)) return LAMINAR_OK;
    /* A comparison reads times of two units and decimals of two scales as they are; keys must be of one type. */
    struct data_type type;
    if (!type_equal(sides[0]->type, sides[1]->type)) {
        if (!type_common(sides[0]->type, sides[1]->type, &type)) return LAMINAR_OK;
        CHECK(make_common(ctx, sides, 2, "the two sides of a join", &type));
    }
    expr_shift(sides[1], -(int64_t)n_left);
    *taken = true;
    return join_add_key(ctx, join, sides[0], sides[1]);
}

laminar_status join_take_keys(struct plan_context *ctx, struct plan *join,
                              struct expr_list *conjuncts)
{
    uint32_t n_rest = 0;
    for (uint32_t i = 0; i < conjuncts->n; i++) {
        bool taken;
        CHECK(take_key(ctx, join, conjuncts->items[i], &taken));
        if (!taken) conjuncts->items[n_rest++] = conjuncts->items[i];
    }
    conjuncts->n = n_rest;
    return LAMINAR_OK;
}

/* --- USING and NATURAL ------------------------------------------------------------------------ */

static laminar_status find_using(struct select_block *q, const struct scope *scope,
                                 const struct ast_name *name, const char *side, uint32_t *out)
{
    int32_t at = scope_find(scope, NULL, name);
    if (at == -2)
        return plan_error(q->ctx, LAMINAR_QUERY_FAILED, name->span.start,
                          "column \"%s\" of USING is ambiguous on the %s side", name->text, side);
    if (at < 0) {
        struct nearest_name nearest = {.wanted = name->text};
        scope_offer_names(scope, &nearest);
        plan_error(q->ctx, LAMINAR_QUERY_FAILED, name->span.start,
                   "column \"%s\" of USING is not on the %s side of the join", name->text, side);
        if (nearest.best) error_hint(q->ctx->err, "did you mean \"%s\"?", nearest.best);
        return LAMINAR_QUERY_FAILED;
    }
    *out = (uint32_t)at;
    return LAMINAR_OK;
}

static laminar_status natural_columns(struct select_block *q, const struct scope *left,
                                      const struct scope *right, uint32_t offset,
                                      struct ast_name_list *out)
{
    struct plan_context *ctx = q->ctx;
    ALLOC_OR_FAIL(ctx, out->items, ARENA_ARRAY(ctx->arena, struct ast_name, left->n + 1));
    out->n = 0;
    for (uint32_t i = 0; i < left->n; i++) {
        if (left->cols[i].is_hidden) continue;
        struct ast_name name = {.text = left->cols[i].name,
                                .size = strlen(left->cols[i].name),
                                .span = {offset, offset},
                                .is_quoted = true};
        if (scope_find(right, NULL, &name) != -1) out->items[out->n++] = name;
    }
    if (out->n) return LAMINAR_OK;
    plan_error(ctx, LAMINAR_QUERY_FAILED, offset,
               "NATURAL JOIN: the two sides have no column name in common");
    error_hint(ctx->err, "use ON, or CROSS JOIN if all pairs are meant");
    return LAMINAR_QUERY_FAILED;
}

/* What the bare name of a USING column means where the left one can be null. */
static laminar_status merge_column(struct plan_context *ctx, enum ast_join_kind kind,
                                   struct expr *left, struct expr *right, struct expr **out)
{
    *out = NULL;
    left->is_nullable = right->is_nullable = true;
    if (kind == AST_JOIN_RIGHT || kind == AST_JOIN_RIGHT_SEMI || kind == AST_JOIN_RIGHT_ANTI) {
        *out = right;
    } else if (kind == AST_JOIN_FULL) {
        struct expr *both[] = {left, right}, *e;
        struct data_type type;
        CHECK(make_common(ctx, both, 2, "the columns of USING", &type));
        ALLOC_OR_FAIL(ctx, e, expr_new(ctx->arena, EXPR_COALESCE, type, 2));
        e->args[0] = both[0];
        e->args[1] = both[1];
        e->is_nullable = true;
        *out = e;
    }
    return LAMINAR_OK;
}

/* One equality for each column, over left ++ right, and the combined scope's view of the
 * columns. */
static laminar_status bind_using(struct select_block *q, const struct ast_name_list *names,
                                 enum ast_join_kind kind, const struct from_item *left,
                                 const struct from_item *right, struct scope *scope,
                                 struct expr_list *out)
{
    struct plan_context *ctx = q->ctx;
    uint32_t n_left = left->plan->n_cols;
    struct select_block on_left = {.b = q->b, .ctx = ctx, .plan = left->plan},
                        on_right = {.b = q->b, .ctx = ctx, .plan = right->plan};
    for (size_t i = 0; i < names->n; i++) {
        const struct ast_name *name = &names->items[i];
        uint32_t at_left, at_right;
        struct expr *l, *r, *l2, *r2, *e;
        CHECK(find_using(q, &left->scope, name, "left", &at_left));
        CHECK(find_using(q, &right->scope, name, "right", &at_right));
        CHECK(scope_expr(&on_left, &left->scope.cols[at_left], true, name->span.start, &l));
        CHECK(scope_expr(&on_right, &right->scope.cols[at_right], true, name->span.start, &r));
        expr_shift(r, n_left);
        ALLOC_OR_FAIL(ctx, l2, expr_copy(ctx->arena, l));
        ALLOC_OR_FAIL(ctx, r2, expr_copy(ctx->arena, r));
        CHECK(make_comparison(ctx, "=", l, r, name->span.start, &e));
        CHECK(expr_list_push(ctx, out, e));
        scope->cols[left->scope.n + at_right].is_hidden = true;
        struct expr *merged;
        CHECK(merge_column(ctx, kind, l2, r2, &merged));
        if (merged) scope->cols[at_left].merged = merged;
    }
    return LAMINAR_OK;
}

/* --- The join --------------------------------------------------------------------------------- */

static enum join_kind plain_kind(enum ast_join_kind kind)
{
    switch (kind) {
    case AST_JOIN_INNER: return JOIN_INNER;
    case AST_JOIN_LEFT:
    case AST_JOIN_RIGHT: return JOIN_LEFT;
    case AST_JOIN_FULL: return JOIN_FULL;
    case AST_JOIN_CROSS: return JOIN_CROSS;
    case AST_JOIN_LEFT_SEMI:
    case AST_JOIN_RIGHT_SEMI: return JOIN_SEMI;
    case AST_JOIN_LEFT_ANTI:
    case AST_JOIN_RIGHT_ANTI: return JOIN_ANTI;
    }
    return JOIN_INNER;
}

static bool is_swapped(enum ast_join_kind kind)
{
    return kind == AST_JOIN_RIGHT || kind == AST_JOIN_RIGHT_SEMI || kind == AST_JOIN_RIGHT_ANTI;
}

static laminar_status column_map(struct plan_context *ctx, uint32_t n_first, uint32_t n_second,
                                 uint32_t **out)
{
    ALLOC_OR_FAIL(ctx, *out, ARENA_ARRAY(ctx->arena, uint32_t, n_first + n_second + 1));
    for (uint32_t i = 0; i < n_first; i++) (*out)[i] = n_second + i;
    for (uint32_t i = 0; i < n_second; i++) (*out)[n_first + i] = i;
    return LAMINAR_OK;
}

/* Joins under the conjuncts (over left ++ right as written). The output has the columns as
 * written too. */
static laminar_status make_join(struct select_block *q, const struct ast_join *ast,
                                struct plan *left, struct plan *right, struct expr_list *conjuncts,
                                struct plan **out)
{
    struct plan_context *ctx = q->ctx;
    enum join_kind kind = plain_kind(ast->kind);
    bool swap = is_swapped(ast->kind);
    struct plan *join;
    CHECK(plan_make_join(ctx, kind, swap ? right : left, swap ? left : right, &join));
    join->sql_offset = ast->keyword_span.start;
    uint32_t *map = NULL;
    if (swap) {
        CHECK(column_map(ctx, left->n_cols, right->n_cols, &map));
        for (uint32_t i = 0; i < conjuncts->n; i++) expr_remap(conjuncts->items[i], map);
    }
    CHECK(join_take_keys(ctx, join, conjuncts));
    CHECK(expr_make_and(ctx, conjuncts, &join->predicate));
    if (join->join_kind == JOIN_CROSS && join->predicate) join->join_kind = JOIN_INNER;
    *out = join;
    if (ast->kind != AST_JOIN_RIGHT) return LAMINAR_OK;
    return plan_make_selection(ctx, join, map, join->n_cols, out);
}

/* --- Lateral ---------------------------------------------------------------------------------- */

/* Its right side may speak of the left one. */
static bool is_forward(const struct ast_join *ast)
{
    return ast->flavour == AST_JOIN_PLAIN &&
           (ast->kind == AST_JOIN_INNER || ast->kind == AST_JOIN_LEFT ||
            ast->kind == AST_JOIN_CROSS);
}

bool table_is_lateral(const struct ast_table_ref *ref)
{
    return table_is_unnest(ref) || (ref->kind == AST_TABLE_SUBQUERY && ref->is_lateral);
}

/* The columns of a lateral subquery that was joined to q. */
static laminar_status name_lateral(struct select_block *q, const struct ast_table_ref *ref,
                                   const struct lateral *lateral, struct scope *scope)
{
    struct plan_context *ctx = q->ctx;
    const struct ast_name_list *names = &ref->column_aliases;
    const char *alias = NULL;
    if (ref->alias.text) CHECK(bind_name(ctx, ref->alias.text, &alias));
    if (names->n > lateral->n_cols)
        return plan_error(ctx, LAMINAR_QUERY_FAILED, names->items[lateral->n_cols].span.start,
                          "%zu column name%s for %u column%s", names->n, names->n == 1 ? "" : "s",
                          lateral->n_cols, lateral->n_cols == 1 ? "" : "s");
    ALLOC_OR_FAIL(ctx, scope->cols,
                  ARENA_ARRAY(ctx->arena, struct scope_column, lateral->n_cols + 1));
    scope->n = lateral->n_cols;
    for (uint32_t i = 0; i < lateral->n_cols; i++) {
        uint32_t column = lateral->base + (lateral->map ? lateral->map[i] : i);
        const char *name = lateral->names[i].name;
        if (i < names->n) CHECK(bind_name(ctx, names->items[i].text, &name));
        q->plan->cols[column].name = name;
        q->plan->cols[column].table = alias;
        scope->cols[i] = (struct scope_column){.table = alias, .name = name, .column = column};
    }
    return LAMINAR_OK;
}

laminar_status bind_lateral(struct select_block *q, struct from_item *left,
                            const struct ast_table_ref *ref, bool is_outer, struct from_item *out)
{
    struct lateral lateral = {.kind = is_outer ? JOIN_LEFT : JOIN_INNER};
    struct scope scope = {0};
    if (table_is_unnest(ref)) return bind_unnest(q, left, ref, is_outer, out);
    struct select_block inner = {.b = q->b,
                                 .ctx = q->ctx,
                                 .parent = q->parent,
                                 .plan = left->plan,
                                 .scope = left->scope,
                                 .clause = {.name = "FROM", .allows_subqueries = true}};
    CHECK(bind_lateral_query(&inner, ref->u.subquery, &lateral));
    CHECK(name_lateral(&inner, ref, &lateral, &scope));
    CHECK(check_table_names(q, &left->scope, &scope, ref->span.start));
    out->plan = inner.plan;
    return scope_concat(q->ctx, &left->scope, &scope, 0, &out->scope);
}

/* left JOIN UNNEST(left.column) ON ... */
static laminar_status bind_lateral_join(struct select_block *q, const struct ast_table_ref *ref,
                                        struct from_item *left, struct from_item *out)
{
    struct plan_context *ctx = q->ctx;
    const struct ast_join *ast = ref->u.join;
    bool is_outer = ast->kind == AST_JOIN_LEFT;
    struct expr_list conjuncts = {0};
    struct expr *condition;
    if (ast->is_natural || ast->using_columns.n)
        return plan_unsupported(ctx, ast->keyword_span.start,
                                "NATURAL and USING are not supported beside a lateral table",
                                "use ON");
    CHECK(bind_lateral(q, left, ast->right, is_outer, out));
    if (!ast->on) return LAMINAR_OK;
    struct select_block inner = {.b = q->b,
                                 .ctx = ctx,
                                 .parent = q->parent,
                                 .plan = out->plan,
                                 .scope = out->scope,
                                 .clause = {.name = "a JOIN condition"}};
    CHECK(bind_expr(&inner, ast->on, &condition));
    CHECK(make_condition(ctx, condition, "the condition of a JOIN", &condition));
    CHECK(rewrite_fold_expr(ctx, &condition));
    if (expr_is_const_bool(condition, true)) return LAMINAR_OK;
    if (is_outer)
        return plan_unsupported(
            ctx, ast->on->span.start,
            "a LEFT JOIN with a lateral table takes no condition but ON true",
            "put the condition into the lateral subquery, or filter the array first");
    CHECK(expr_split_and(ctx, condition, &conjuncts));
    CHECK(expr_make_and(ctx, &conjuncts, &condition));
    return plan_make_filter(ctx, out->plan, condition, &out->plan);
}

/* --- Subqueries in ON ------------------------------------------------------------------------- */

/* The conjuncts of ON, those with subqueries apart: they are no conditions over two rows, but joins. */
struct on_parts {
    struct ast_expr **plain, **subqueries;
    size_t n_plain, n_subqueries;
};
static laminar_status split_on(struct plan_context *ctx, struct ast_expr *on, struct on_parts *out)
{
    if (!on) return LAMINAR_OK;
    bool is_and = on->kind == AST_EXPR_LOGICAL && !on->u.logical.is_or;
    struct ast_expr **parts = is_and ? on->u.logical.operands.items : &on;
    size_t n = is_and ? on->u.logical.operands.n : 1;
    ALLOC_OR_FAIL(ctx, out->plain, ARENA_ARRAY(ctx->arena, struct ast_expr *, n));
    ALLOC_OR_FAIL(ctx, out->subqueries, ARENA_ARRAY(ctx->arena, struct ast_expr *, n));
    for (size_t i = 0; i < n; i++) {
        if (ast_has_subquery(parts[i]))
            out->subqueries[out->n_subqueries++] = parts[i];
        else
            out->plain[out->n_plain++] = parts[i];
    }
    return LAMINAR_OK;
}

static struct select_block on_block(struct select_block *q, const struct from_item *side)
{
    return (struct select_block){.b = q->b,
                                 .ctx = q->ctx,
                                 .parent = q->parent,
                                 .plan = side->plan,
                                 .scope = side->scope,
                                 .clause = {.name = "a JOIN condition", .allows_subqueries = true}};
}

/* Binds the condition over one side alone: as a filter of the side, or as a value that is joined to it. The side is
 * left alone where that can't be. */
static laminar_status try_side(struct select_block *q, const struct ast_expr *part,
                               struct from_item *side, bool filters, struct expr **value,
                               bool *done)
{
    struct plan_context *ctx = q->ctx;
    struct laminar_error *err = ctx->err, refusal = LAMINAR_ERROR_INIT;
    struct select_block block = on_block(q, side);
    ctx->err = &refusal;
    laminar_status status = filters ? bind_where(&block, part) : bind_expr(&block, part, value);
    ctx->err = err;
    *done = status == LAMINAR_OK;
    if (*done) side->plan = block.plan;
    if (status == LAMINAR_OUT_OF_MEMORY && err) *err = refusal;
    return status == LAMINAR_OUT_OF_MEMORY ? status : LAMINAR_OK;
}

/* A conjunct of an outer, semi or anti join. What speaks of the side that isn't kept alone limits that side; what speaks of one side
 * otherwise becomes a column of it. */
static laminar_status bind_on_subquery(struct select_block *q, const struct ast_join *ast,
                                       const struct ast_expr *part, struct from_item *left,
                                       struct from_item *right, struct expr_list *conjuncts)
{
    struct plan_context *ctx = q->ctx;
    struct from_item *sides[] = {left, right};
    bool done = false;
    uint32_t optional = is_swapped(ast->kind) ? 0 : 1;
    struct expr *e;
    if (ast->kind != AST_JOIN_FULL) CHECK(try_side(q, part, sides[optional], true, &e, &done));
    if (done) return LAMINAR_OK;
    if (!is_swapped(ast->kind) && ast->kind != AST_JOIN_FULL) {
        CHECK(try_side(q, part, left, false, &e, &done));
        if (done) {
            CHECK(make_condition(ctx, e, "the condition of a JOIN", &e));
            return expr_split_and(ctx, e, conjuncts);
        }
    }
    struct from_item both = {0};
    CHECK(bind_cross(q, left, right, part->span.start, &both));
    struct select_block block = on_block(q, &both);
    CHECK(bind_expr(&block, part, &e)); /* an error in the condition itself */
    return plan_unsupported(
        ctx, part->span.start,
        "this subquery in the condition of an outer, semi or anti join is not supported",
        "use it in a derived table on one side of the join");
}

laminar_status bind_join(struct select_block *q, const struct ast_table_ref *ref,
                         struct from_item *out)
{
    struct plan_context *ctx = q->ctx;
    const struct ast_join *ast = ref->u.join;
    struct from_item left, right;
    struct ast_table_ref right_ref = *ast->right;
    bool has_version = right_ref.kind == AST_TABLE_NAMED && right_ref.u.named.system_time;
    if (has_version) right_ref.u.named.system_time = NULL;
    CHECK(bind_table_ref(q, ast->left, &left));
    if (table_is_lateral(ast->right) && is_forward(ast))
        return bind_lateral_join(q, ref, &left, out);
    CHECK(bind_table_ref(q, &right_ref, &right));
    CHECK(check_table_names(q, &left.scope, &right.scope, ast->right->span.start));
    if (ast->flavour == AST_JOIN_TEMPORAL_PROBE && !has_version)
        return bind_probe_join(q, ast, &left, &right, out);
    if (ast->flavour == AST_JOIN_ASOF && !has_version) return bind_asof(q, ref, &left, &right, out);

    struct scope both;
    struct expr_list conjuncts = {0};
    struct on_parts on = {0};
    CHECK(split_on(ctx, ast->on, &on));
    bool is_inner = ast->kind == AST_JOIN_INNER || ast->kind == AST_JOIN_CROSS;
    for (size_t i = 0; i < on.n_subqueries && !is_inner; i++)
        CHECK(bind_on_subquery(q, ast, on.subqueries[i], &left, &right, &conjuncts));
    CHECK(scope_concat(ctx, &left.scope, &right.scope, left.plan->n_cols, &both));
    struct ast_name_list names = ast->using_columns;
    if (ast->is_natural)
        CHECK(natural_columns(q, &left.scope, &right.scope, ast->keyword_span.start, &names));
    if (names.n) CHECK(bind_using(q, &names, ast->kind, &left, &right, &both, &conjuncts));
    for (size_t i = 0; i < on.n_plain; i++)
        CHECK(bind_join_condition(q, on.plain[i], &both, left.plan, right.plan, &conjuncts));
    CHECK(make_join(q, ast, left.plan, right.plan, &conjuncts, &out->plan));
    if (has_version) CHECK(bind_system_time(q, ast, &left, &out->plan));
    bool is_semi = !join_keeps_right(plain_kind(ast->kind));
    out->scope = !is_semi ? both : is_swapped(ast->kind) ? right.scope : left.scope;
    for (size_t i = 0; i < on.n_subqueries && is_inner; i++) {
        struct select_block inner = on_block(q, out);
        CHECK(bind_where(&inner, on.subqueries[i]));
        out->plan = inner.plan;
    }
    return LAMINAR_OK;
}
