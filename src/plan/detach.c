/* detach.c - correlated subqueries of any shape as plans of their own (Neumann and Kemper, "Unnesting Arbitrary Queries", BTW 2015).
 *
 * The subquery is computed for all combinations of outer columns at once: the set of those (the domain) is joined in below the lowest nodes
 * that need it, and its columns travel up to the output: as group keys of aggregates, partitions of top-N, more columns of DISTINCT and set operations, join
 * keys where both sides of a join have them. What decorrelate.c can do without a domain, by pulling equalities up, is cheaper and is tried first.
 *
 * Nodes without outer columns stay as they are, under a cross product with the domain. An aggregate without GROUP BY has a row for each element of the
 * domain, so the domain is LEFT joined with it. */
#include "plan/detach.h"
#include "plan/bind.h"

/* What has become of a node's output columns, and where the domain's columns are. */
struct pushed {
    uint32_t *map;
    uint32_t *domain;
};

static laminar_status push(struct detaching *d, struct plan **node, struct pushed *out);

bool expr_has_outer_of(const struct expr *e, uint32_t depth)
{
    if (e->kind == EXPR_OUTER) return e->depth == depth;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (expr_has_outer_of(e->args[i], depth)) return true;
    return false;
}

struct depth_search {
    uint32_t depth;
    bool found;
};
static laminar_status search_depth(struct expr_visitor *visitor, struct expr **e, unused int side)
{
    struct depth_search *search = visitor->data;
    search->found = search->found || expr_has_outer_of(*e, search->depth);
    return LAMINAR_OK;
}

bool plan_has_outer_of(const struct plan *plan, uint32_t depth)
{
    struct depth_search search = {.depth = depth};
    struct expr_visitor visitor = {.visit = search_depth, .data = &search};
    /* The visitor changes nothing, so the plan stays const in truth. */
    if (plan_visit_exprs((struct plan *)(uintptr_t)plan, &visitor) != LAMINAR_OK) return false;
    for (uint32_t i = 0; i < plan->n_inputs && !search.found; i++)
        search.found = plan_has_outer_of(plan->inputs[i], depth);
    return search.found;
}

static void lift_expr(struct expr *e)
{
    if (e->kind == EXPR_OUTER) e->depth--;
    for (uint32_t i = 0; i < e->n_args; i++) lift_expr(e->args[i]);
}
static laminar_status lift_visit(unused struct expr_visitor *visitor, struct expr **e,
                                 unused int side)
{
    lift_expr(*e);
    return LAMINAR_OK;
}

laminar_status plan_lift_outers(struct plan_context *ctx, struct plan *plan)
{
    struct expr_visitor visitor = {.visit = lift_visit, .ctx = ctx};
    CHECK(plan_visit_exprs(plan, &visitor));
    for (uint32_t i = 0; i < plan->n_inputs; i++) CHECK(plan_lift_outers(ctx, plan->inputs[i]));
    return LAMINAR_OK;
}

static laminar_status refuse(struct detaching *d, const char *what)
{
    plan_error(d->ctx, LAMINAR_QUERY_UNSUPPORTED, d->offset,
               "a correlated subquery with %s is not supported", what);
    error_hint(d->ctx->err, "write it as a join with a grouped subquery");
    return LAMINAR_QUERY_UNSUPPORTED;
}

static laminar_status new_map(struct detaching *d, uint32_t n, uint32_t **out)
{
    ALLOC_OR_FAIL(d->ctx, *out, ARENA_ARRAY(d->ctx->arena, uint32_t, n + 1));
    return LAMINAR_OK;
}

static laminar_status column_at(struct detaching *d, const struct plan *plan, uint32_t column,
                                struct expr **out)
{
    const struct plan_column *col = &plan->cols[column];
    ALLOC_OR_FAIL(d->ctx, *out, expr_column(d->ctx->arena, column, col->type, col->is_nullable));
    return LAMINAR_OK;
}

/* Columns through the map, outer columns to the domain's. */
static laminar_status rewrite_expr(struct detaching *d, struct expr *e, const struct pushed *p)
{
    if (e->kind == EXPR_COLUMN) e->column = p->map[e->column];
    if (e->kind == EXPR_OUTER && e->depth == 0) {
        uint32_t i = 0;
        while (i < d->n && d->outers[i] != e->column) i++;
        ENSURE(i < d->n, d->ctx->err);
        e->kind = EXPR_COLUMN;
        e->column = p->domain[i];
    }
    for (uint32_t i = 0; i < e->n_args; i++) CHECK(rewrite_expr(d, e->args[i], p));
    return LAMINAR_OK;
}

struct rewriting {
    struct detaching *d;
    const struct pushed *sides[3]; /* both, left, right */
};
static laminar_status rewrite_visit(struct expr_visitor *visitor, struct expr **e, int side)
{
    struct rewriting *r = visitor->data;
    return rewrite_expr(r->d, *e, r->sides[side]);
}
static laminar_status rewrite_node(struct detaching *d, struct plan *plan, const struct pushed *p)
{
    struct rewriting r = {d, {p, p, p}};
    struct expr_visitor visitor = {.visit = rewrite_visit, .ctx = d->ctx, .data = &r};
    return plan_visit_exprs(plan, &visitor);
}

/* --- Null-safe keys --------------------------------------------------------------------------- */

/* A value that stands in for null beside an is_null key; NULL: none for this type. */
static struct expr *stand_in(struct plan_context *ctx, struct data_type type)
{
    static const uint8_t zeros[16];
    size_t width = type_width(type);
    if (type_is_nested(type) || width == 0 || width > sizeof zeros) return NULL;
    return const_bytes(ctx->arena, type, zeros, width);
}

static laminar_status is_null_key(struct plan_context *ctx, const struct expr *e, struct expr **out)
{
    struct expr *copy;
    ALLOC_OR_FAIL(ctx, copy, expr_copy(ctx->arena, e));
    return make_call(ctx, "is_null", &copy, 1, e->sql_offset, out);
}

static laminar_status filled_key(struct plan_context *ctx, const struct expr *e, struct expr **out)
{
    struct expr *both;
    ALLOC_OR_FAIL(ctx, both, expr_new(ctx->arena, EXPR_COALESCE, e->type, 2));
    ALLOC_OR_FAIL(ctx, both->args[0], expr_copy(ctx->arena, e));
    ALLOC_OR_FAIL(ctx, both->args[1], stand_in(ctx, e->type));
    *out = both;
    return LAMINAR_OK;
}

laminar_status join_add_null_safe_key(struct plan_context *ctx, struct plan *join,
                                      const struct expr *left, const struct expr *right)
{
    struct expr *l, *r;
    if (!left->is_nullable || !right->is_nullable) {
        ALLOC_OR_FAIL(ctx, l, expr_copy(ctx->arena, left));
        ALLOC_OR_FAIL(ctx, r, expr_copy(ctx->arena, right));
        return join_add_key(ctx, join, l, r);
    }
    CHECK(is_null_key(ctx, left, &l));
    CHECK(is_null_key(ctx, right, &r));
    CHECK(join_add_key(ctx, join, l, r));
    if (stand_in(ctx, left->type)) {
        CHECK(filled_key(ctx, left, &l));
        CHECK(filled_key(ctx, right, &r));
        return join_add_key(ctx, join, l, r);
    }
    struct expr *args[2], *same;
    struct expr_list all = {0};
    ALLOC_OR_FAIL(ctx, args[0], expr_copy(ctx->arena, left));
    ALLOC_OR_FAIL(ctx, args[1], expr_copy(ctx->arena, right));
    expr_shift(args[1], join->inputs[0]->n_cols);
    CHECK(make_comparison(ctx, "is_not_distinct_from", args[0], args[1], 0, &same));
    if (join->predicate) CHECK(expr_list_push(ctx, &all, join->predicate));
    CHECK(expr_list_push(ctx, &all, same));
    return expr_make_and(ctx, &all, &join->predicate);
}

/* left.left_at[i] IS NOT DISTINCT FROM right.right_at[i] for the whole domain. */
static laminar_status join_domains(struct detaching *d, struct plan *join, const uint32_t *left_at,
                                   const uint32_t *right_at)
{
    for (uint32_t i = 0; i < d->n; i++) {
        struct expr *l, *r;
        CHECK(column_at(d, join->inputs[0], left_at[i], &l));
        CHECK(column_at(d, join->inputs[1], right_at[i], &r));
        CHECK(join_add_null_safe_key(d->ctx, join, l, r));
    }
    return LAMINAR_OK;
}

/* --- Nodes ------------------------------------------------------------------------------------ */

/* domain x plan */
static laminar_status push_product(struct detaching *d, struct plan **node, struct pushed *out)
{
    struct plan *domain, *join;
    uint32_t n = (*node)->n_cols;
    CHECK(plan_copy(d->ctx, d->domain, &domain));
    CHECK(plan_make_join(d->ctx, JOIN_CROSS, domain, *node, &join));
    CHECK(new_map(d, n, &out->map));
    CHECK(new_map(d, d->n, &out->domain));
    for (uint32_t i = 0; i < n; i++) out->map[i] = d->n + i;
    for (uint32_t i = 0; i < d->n; i++) out->domain[i] = i;
    *node = join;
    return LAMINAR_OK;
}

/* The first n columns of what the node was (through the map), then the domain's. */
static laminar_status normalize(struct detaching *d, struct plan **node, uint32_t n,
                                struct pushed *p)
{
    uint32_t *columns;
    CHECK(new_map(d, n + d->n, &columns));
    bool is_plain = (*node)->n_cols == n + d->n;
    for (uint32_t i = 0; i < n; i++) columns[i] = p->map[i];
    for (uint32_t i = 0; i < d->n; i++) columns[n + i] = p->domain[i];
    for (uint32_t i = 0; i < n + d->n; i++) is_plain = is_plain && columns[i] == i;
    if (!is_plain) CHECK(plan_make_selection(d->ctx, *node, columns, n + d->n, node));
    for (uint32_t i = 0; i < n; i++) p->map[i] = i;
    for (uint32_t i = 0; i < d->n; i++) p->domain[i] = n + i;
    return LAMINAR_OK;
}

static laminar_status push_values(struct detaching *d, struct plan **node, struct pushed *out)
{
    struct plan_context *ctx = d->ctx;
    struct plan *values = *node, *all;
    uint32_t n = values->n_cols, n_out = n + d->n;
    const char **names;
    ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, n_out + 1));
    CHECK(new_map(d, n, &out->map));
    CHECK(new_map(d, d->n, &out->domain));
    for (uint32_t i = 0; i < n; i++) names[i] = values->cols[i].name;
    for (uint32_t i = 0; i < d->n; i++) names[n + i] = d->domain->cols[i].name;
    for (uint32_t i = 0; i < d->n; i++) out->domain[i] = i; /* of the domain itself, for now */
    CHECK(plan_new(ctx, PLAN_UNION_ALL, (uint32_t)values->n_rows, n_out, &all));
    for (size_t r = 0; r < values->n_rows; r++) {
        struct expr **exprs;
        struct plan *domain;
        ALLOC_OR_FAIL(ctx, exprs, ARENA_ARRAY(ctx->arena, struct expr *, n_out + 1));
        CHECK(plan_copy(ctx, d->domain, &domain));
        for (uint32_t c = 0; c < n; c++) {
            exprs[c] = values->exprs[r * n + c];
            CHECK(rewrite_expr(d, exprs[c], out));
        }
        for (uint32_t i = 0; i < d->n; i++) CHECK(column_at(d, domain, i, &exprs[n + i]));
        CHECK(plan_make_project(ctx, domain, exprs, names, n_out, &all->inputs[r]));
        for (uint32_t c = 0; c < n_out; c++) {
            bool is_nullable = all->cols[c].is_nullable;
            all->cols[c] = all->inputs[r]->cols[c];
            all->cols[c].is_nullable |= is_nullable;
        }
    }
    for (uint32_t i = 0; i < n; i++) out->map[i] = i;
    for (uint32_t i = 0; i < d->n; i++) out->domain[i] = n + i;
    *node = values->n_rows == 1 ? all->inputs[0] : all;
    return LAMINAR_OK;
}

static laminar_status push_project(struct detaching *d, struct plan **node, struct pushed *out)
{
    struct plan_context *ctx = d->ctx;
    struct plan *project = *node;
    struct pushed in;
    uint32_t n = project->n_cols;
    struct expr **exprs;
    const char **names;
    CHECK(push(d, &project->inputs[0], &in));
    ALLOC_OR_FAIL(ctx, exprs, ARENA_ARRAY(ctx->arena, struct expr *, n + d->n + 1));
    ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, n + d->n + 1));
    CHECK(rewrite_node(d, project, &in));
    for (uint32_t i = 0; i < n; i++) {
        exprs[i] = project->exprs[i];
        names[i] = project->cols[i].name;
    }
    for (uint32_t i = 0; i < d->n; i++) {
        CHECK(column_at(d, project->inputs[0], in.domain[i], &exprs[n + i]));
        names[n + i] = d->domain->cols[i].name;
    }
    CHECK(plan_make_project(ctx, project->inputs[0], exprs, names, n + d->n, node));
    CHECK(new_map(d, n, &out->map));
    CHECK(new_map(d, d->n, &out->domain));
    for (uint32_t i = 0; i < n; i++) out->map[i] = i;
    for (uint32_t i = 0; i < d->n; i++) out->domain[i] = n + i;
    return LAMINAR_OK;
}

laminar_status aggregate_or_zero(struct plan_context *ctx, const struct bound_aggregate *agg,
                                 struct expr **e)
{
    if (agg->result_is_nullable) return LAMINAR_OK;
    struct expr *both, *zero;
    ALLOC_OR_FAIL(ctx, zero, const_int64(ctx->arena, 0));
    CHECK(make_cast(ctx, zero, agg->result, CAST_EXPLICIT, &zero));
    ALLOC_OR_FAIL(ctx, both, expr_new(ctx->arena, EXPR_COALESCE, agg->result, 2));
    both->args[0] = *e;
    both->args[1] = zero;
    (*e)->is_nullable = true;
    *e = both;
    return LAMINAR_OK;
}

/* domain LEFT JOIN aggregate: every element has its row. */
static laminar_status complete_aggregate(struct detaching *d, struct plan **node, struct pushed *p)
{
    struct plan_context *ctx = d->ctx;
    struct plan *aggregate = *node, *domain, *join;
    uint32_t n_aggs = aggregate->n_aggs, n_out = n_aggs + d->n, *own;
    struct expr **exprs;
    const char **names;
    CHECK(plan_copy(ctx, d->domain, &domain));
    CHECK(plan_make_join(ctx, JOIN_LEFT, domain, aggregate, &join));
    CHECK(new_map(d, d->n, &own));
    for (uint32_t i = 0; i < d->n; i++) own[i] = i;
    CHECK(join_domains(d, join, own, p->domain));
    ALLOC_OR_FAIL(ctx, exprs, ARENA_ARRAY(ctx->arena, struct expr *, n_out + 1));
    ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, n_out + 1));
    for (uint32_t i = 0; i < n_aggs; i++) {
        CHECK(column_at(d, join, d->n + p->map[i], &exprs[i]));
        CHECK(aggregate_or_zero(ctx, aggregate->aggs[i].agg, &exprs[i]));
        names[i] = aggregate->cols[p->map[i]].name;
        p->map[i] = i;
    }
    for (uint32_t i = 0; i < d->n; i++) {
        CHECK(column_at(d, join, i, &exprs[n_aggs + i]));
        names[n_aggs + i] = domain->cols[i].name;
        p->domain[i] = n_aggs + i;
    }
    return plan_make_project(ctx, join, exprs, names, n_out, node);
}

static laminar_status push_aggregate(struct detaching *d, struct plan **node, struct pushed *out)
{
    struct plan_context *ctx = d->ctx;
    struct plan *aggregate = *node;
    uint32_t n_group = aggregate->n_group, n_cols = aggregate->n_cols;
    struct pushed in;
    const char **group_names, **agg_names;
    if (aggregate->window.kind != WINDOW_NONE) return refuse(d, "a time window");
    ALLOC_OR_FAIL(ctx, group_names, ARENA_ARRAY(ctx->arena, const char *, n_group + d->n + 1));
    ALLOC_OR_FAIL(ctx, agg_names, ARENA_ARRAY(ctx->arena, const char *, aggregate->n_aggs + 1));
    for (uint32_t i = 0; i < n_group; i++) group_names[i] = aggregate->cols[i].name;
    for (uint32_t i = 0; i < aggregate->n_aggs; i++)
        agg_names[i] = aggregate->cols[n_group + i].name;
    CHECK(push(d, &aggregate->inputs[0], &in));
    CHECK(rewrite_node(d, aggregate, &in));
    struct expr_list group = {aggregate->group, n_group, n_group};
    for (uint32_t i = 0; i < d->n; i++) {
        struct expr *e;
        CHECK(column_at(d, aggregate->inputs[0], in.domain[i], &e));
        CHECK(expr_list_push(ctx, &group, e));
        group_names[n_group + i] = d->domain->cols[i].name;
    }
    aggregate->group = group.items;
    aggregate->n_group = group.n;
    CHECK(plan_set_aggregate_columns(ctx, aggregate, group_names, agg_names));
    CHECK(new_map(d, n_cols, &out->map));
    CHECK(new_map(d, d->n, &out->domain));
    for (uint32_t i = 0; i < n_cols; i++) out->map[i] = i < n_group ? i : i + d->n;
    for (uint32_t i = 0; i < d->n; i++) out->domain[i] = n_group + i;
    return n_group == 0 ? complete_aggregate(d, node, out) : LAMINAR_OK;
}

/* Of which side are outer columns needed? */
static laminar_status push_join(struct detaching *d, struct plan **node, struct pushed *out)
{
    struct plan_context *ctx = d->ctx;
    struct plan *old = *node, *join;
    bool is_inner = old->join_kind == JOIN_INNER || old->join_kind == JOIN_CROSS;
    bool in_right = plan_has_outer_of(old->inputs[1], 0);
    bool in_left = plan_has_outer_of(old->inputs[0], 0) || !in_right || !is_inner;
    bool is_plain = old->strategy == STRATEGY_HASH || old->strategy == STRATEGY_NESTED;
    uint32_t n_left = old->inputs[0]->n_cols, n_right = old->inputs[1]->n_cols;
    struct pushed left = {0}, right = {0}, both;
    if (old->join_kind == JOIN_FULL) return refuse(d, "a FULL JOIN");
    if (!is_plain && in_right) return refuse(d, "an ASOF or temporal join");
    CHECK(new_map(d, n_left, &left.map));
    CHECK(new_map(d, n_right, &right.map));
    for (uint32_t i = 0; i < n_left; i++) left.map[i] = i;
    for (uint32_t i = 0; i < n_right; i++) right.map[i] = i;
    if (in_left) CHECK(push(d, &old->inputs[0], &left));
    if (in_right) CHECK(push(d, &old->inputs[1], &right));
    CHECK(plan_make_join(ctx, old->join_kind, old->inputs[0], old->inputs[1], &join));
    uint32_t n_left_new = old->inputs[0]->n_cols;
    CHECK(new_map(d, n_left + n_right, &both.map));
    CHECK(new_map(d, d->n, &both.domain));
    for (uint32_t i = 0; i < n_left; i++) both.map[i] = left.map[i];
    for (uint32_t i = 0; i < n_right; i++) both.map[n_left + i] = n_left_new + right.map[i];
    for (uint32_t i = 0; i < d->n; i++)
        both.domain[i] = in_left ? left.domain[i] : n_left_new + right.domain[i];
    struct rewriting r = {d, {&both, &left, &right}};
    struct expr_visitor visitor = {.visit = rewrite_visit, .ctx = ctx, .data = &r};
    CHECK(plan_visit_exprs(old, &visitor));
    struct plan made = *join; /* its inputs and columns, else as it was */
    *join = *old;
    join->cols = made.cols;
    join->n_cols = made.n_cols;
    if (in_left && in_right) CHECK(join_domains(d, join, left.domain, right.domain));
    *out = both;
    *node = join;
    return LAMINAR_OK;
}

/* Every input with the domain's columns behind its own. */
static laminar_status push_set(struct detaching *d, struct plan **node, struct pushed *out)
{
    struct plan_context *ctx = d->ctx;
    struct plan *old = *node, *plan;
    uint32_t n = old->n_cols;
    CHECK(plan_new(ctx, old->kind, old->n_inputs, n + d->n, &plan));
    plan->set_kind = old->set_kind;
    plan->is_set_all = old->is_set_all;
    plan->sql_offset = old->sql_offset;
    memcpy(plan->cols, old->cols, n * sizeof *plan->cols);
    for (uint32_t i = 0; i < old->n_inputs; i++) {
        plan->inputs[i] = old->inputs[i];
        CHECK(push(d, &plan->inputs[i], out));
        CHECK(normalize(d, &plan->inputs[i], n, out));
    }
    memcpy(plan->cols + n, d->domain->cols, d->n * sizeof *plan->cols);
    *node = plan;
    return LAMINAR_OK;
}

static laminar_status push_top(struct detaching *d, struct plan **node, struct pushed *out)
{
    struct plan_context *ctx = d->ctx;
    struct plan *old = *node, *top;
    uint32_t *partition;
    CHECK(push(d, &old->inputs[0], out));
    CHECK(plan_new_over(ctx, PLAN_TOP_N, old->inputs[0], &top));
    ALLOC_OR_FAIL(ctx, top->sort, ARENA_ARRAY(ctx->arena, struct sort_key, old->n_sort + 1));
    for (uint32_t i = 0; i < old->n_sort; i++) {
        top->sort[i] = old->sort[i];
        top->sort[i].column = out->map[old->sort[i].column];
    }
    CHECK(new_map(d, old->n_partition + d->n, &partition));
    for (uint32_t i = 0; i < old->n_partition; i++) partition[i] = out->map[old->partition[i]];
    for (uint32_t i = 0; i < d->n; i++) partition[old->n_partition + i] = out->domain[i];
    top->n_sort = old->n_sort;
    top->partition = partition;
    top->n_partition = old->n_partition + d->n;
    top->has_limit = old->has_limit;
    top->ties = old->ties;
    top->limit = old->limit;
    top->offset = old->offset;
    top->sql_offset = old->sql_offset;
    *node = top;
    return LAMINAR_OK;
}

/* Each combination of outer values has its own partitions. */
static laminar_status push_over(struct detaching *d, struct plan **node, struct pushed *out)
{
    struct plan_context *ctx = d->ctx;
    struct plan *plan = *node;
    struct pushed in;
    uint32_t n_in = plan->inputs[0]->n_cols, *partition;
    struct plan_column *cols;
    CHECK(push(d, &plan->inputs[0], &in));
    CHECK(rewrite_node(d, plan, &in));
    uint32_t n_new = plan->inputs[0]->n_cols;
    CHECK(new_map(d, plan->n_cols, &out->map));
    CHECK(new_map(d, plan->n_partition + d->n, &partition));
    ALLOC_OR_FAIL(ctx, cols,
                  ARENA_ARRAY(ctx->arena, struct plan_column, n_new + plan->n_overs + 1));
    memcpy(cols, plan->inputs[0]->cols, n_new * sizeof *cols);
    for (uint32_t i = 0; i < plan->n_cols; i++) {
        out->map[i] = i < n_in ? in.map[i] : n_new + i - n_in;
        cols[out->map[i]] = plan->cols[i];
    }
    out->domain = in.domain;
    for (uint32_t i = 0; i < plan->n_partition; i++) partition[i] = in.map[plan->partition[i]];
    for (uint32_t i = 0; i < d->n; i++) partition[plan->n_partition + i] = in.domain[i];
    for (uint32_t i = 0; i < plan->n_sort; i++) plan->sort[i].column = in.map[plan->sort[i].column];
    for (uint32_t i = 0; i < plan->n_overs; i++) over_frame_remap(&plan->overs[i].frame, in.map);
    plan->partition = partition;
    plan->n_partition += d->n;
    plan->cols = cols;
    plan->n_cols = n_new + plan->n_overs;
    return LAMINAR_OK;
}

static laminar_status push_unnest(struct detaching *d, struct plan **node, struct pushed *out)
{
    struct plan_context *ctx = d->ctx;
    struct plan *plan = *node;
    struct pushed in;
    uint32_t n_pass = plan->n_pass, n = plan->n_cols, *pass;
    struct plan_column *cols;
    CHECK(push(d, &plan->inputs[0], &in));
    CHECK(rewrite_node(d, plan, &in));
    CHECK(new_map(d, n, &out->map));
    CHECK(new_map(d, d->n, &out->domain));
    CHECK(new_map(d, n_pass + d->n, &pass));
    ALLOC_OR_FAIL(ctx, cols, ARENA_ARRAY(ctx->arena, struct plan_column, n + d->n + 1));
    for (uint32_t i = 0; i < n_pass; i++) pass[i] = in.map[plan->pass[i]];
    for (uint32_t i = 0; i < d->n; i++) {
        pass[n_pass + i] = in.domain[i];
        out->domain[i] = n_pass + i;
        cols[n_pass + i] = plan->inputs[0]->cols[in.domain[i]];
    }
    for (uint32_t i = 0; i < n; i++) {
        out->map[i] = i < n_pass ? i : i + d->n;
        cols[out->map[i]] = plan->cols[i];
    }
    plan->pass = pass;
    plan->n_pass += d->n;
    plan->cols = cols;
    plan->n_cols += d->n;
    return LAMINAR_OK;
}

static laminar_status push_expand(struct detaching *d, struct plan **node, struct pushed *out)
{
    struct plan_context *ctx = d->ctx;
    struct plan *plan = *node;
    struct pushed in;
    uint32_t n = plan->n_cols, n_new = n + d->n;
    struct expr **exprs;
    struct plan_column *cols;
    CHECK(push(d, &plan->inputs[0], &in));
    CHECK(rewrite_node(d, plan, &in));
    ALLOC_OR_FAIL(ctx, exprs, ARENA_ARRAY(ctx->arena, struct expr *, plan->n_rows * n_new + 1));
    ALLOC_OR_FAIL(ctx, cols, ARENA_ARRAY(ctx->arena, struct plan_column, n_new + 1));
    for (size_t set = 0; set < plan->n_rows; set++) {
        memcpy(exprs + set * n_new, plan->exprs + set * n, n * sizeof *exprs);
        for (uint32_t i = 0; i < d->n; i++)
            CHECK(column_at(d, plan->inputs[0], in.domain[i], &exprs[set * n_new + n + i]));
    }
    memcpy(cols, plan->cols, n * sizeof *cols);
    CHECK(new_map(d, n, &out->map));
    CHECK(new_map(d, d->n, &out->domain));
    for (uint32_t i = 0; i < n; i++) out->map[i] = i;
    for (uint32_t i = 0; i < d->n; i++) {
        cols[n + i] = plan->inputs[0]->cols[in.domain[i]];
        out->domain[i] = n + i;
    }
    plan->exprs = exprs;
    plan->cols = cols;
    plan->n_cols = n_new;
    return LAMINAR_OK;
}

static laminar_status push(struct detaching *d, struct plan **node, struct pushed *out)
{
    struct plan *plan = *node;
    uint32_t n = plan->n_cols;
    if (!plan_has_outer_of(plan, 0)) return push_product(d, node, out);
    switch (plan->kind) {
    case PLAN_VALUES: return push_values(d, node, out);
    case PLAN_FILTER:
        CHECK(push(d, &plan->inputs[0], out));
        CHECK(rewrite_expr(d, plan->predicate, out));
        return plan_make_filter(d->ctx, plan->inputs[0], plan->predicate, node);
    case PLAN_PROJECT: return push_project(d, node, out);
    case PLAN_AGGREGATE: return push_aggregate(d, node, out);
    case PLAN_JOIN: return push_join(d, node, out);
    case PLAN_UNION_ALL:
    case PLAN_SET: return push_set(d, node, out);
    case PLAN_DISTINCT:
        CHECK(push(d, &plan->inputs[0], out));
        CHECK(normalize(d, &plan->inputs[0], n, out));
        return plan_make_distinct(d->ctx, plan->inputs[0], node);
    case PLAN_TOP_N: return push_top(d, node, out);
    case PLAN_OVER: return push_over(d, node, out);
    case PLAN_SORT: /* order is no property of a subquery's rows */
        *node = plan->inputs[0];
        return push(d, node, out);
    case PLAN_UNNEST: return push_unnest(d, node, out);
    case PLAN_EXPAND: return push_expand(d, node, out);
    case PLAN_WINDOW_TABLE: return refuse(d, "a window table function");
    case PLAN_RECURSIVE: return refuse(d, "a recursive query");
    case PLAN_WORKING:
    case PLAN_HOLD:
    case PLAN_TIME_FILTER:
    case PLAN_SCAN: break;
    }
    return refuse(d, "this plan");
}

laminar_status plan_detach(struct detaching *d, struct plan **plan)
{
    struct pushed out;
    uint32_t n = (*plan)->n_cols;
    CHECK(push(d, plan, &out));
    return normalize(d, plan, n, &out);
}
