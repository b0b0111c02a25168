/* bind_grouping.c - GROUPING SETS, ROLLUP and CUBE.
 *
 * The clause is multiplied out to a list of sets of keys. Each input row is then copied once for each set (PLAN_EXPAND), with null in place of the keys
 * that the set leaves out, and with the set's number as one more key, so that a null of the data and a key left out stay apart. One aggregate
 * groups all copies. The number's low bits say which keys are left out: grouping() reads them.
 *
 * The empty set has a row even when there is no input. A constant row that no aggregate counts (is_row is their FILTER) makes its group.
 * A time window is in all sets or in none: windows and unwindowed groups close at different times. */
#include "plan/bind.h"

enum {
    SETS_MAX = 4096,
    CUBE_MAX = 12,
    KEYS_MAX = 48, /* of 63 bits; the others tell equal sets apart */
};
#define WINDOW_KEY ((uint64_t)1 << 63)
#define SET_NUMBER (STAND_IN_WINDOW + 64)

struct set_list {
    uint64_t *items; /* bit i: key i of the block; WINDOW_KEY */
    uint32_t n;
    uint32_t capacity;
};

static laminar_status too_many(struct plan_context *ctx, uint32_t offset)
{
    return plan_unsupported(ctx, offset, "GROUP BY makes more than 4096 grouping sets",
                            "name the sets that are needed: GROUPING SETS ((a, b), (a), ...)");
}

static laminar_status push_set(struct plan_context *ctx, struct set_list *list, uint64_t set,
                               uint32_t offset)
{
    if (list->n == SETS_MAX) return too_many(ctx, offset);
    if (list->n == list->capacity) {
        uint32_t capacity = list->capacity ? list->capacity * 2 : 8;
        uint64_t *items;
        ALLOC_OR_FAIL(ctx, items, ARENA_ARRAY(ctx->arena, uint64_t, capacity));
        if (list->n) memcpy(items, list->items, list->n * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->n++] = set;
    return LAMINAR_OK;
}

/* --- The clause to a list of sets ------------------------------------------------------------- */

/* The keys of one element: an expression, or several in parentheses. */
static laminar_status element_keys(struct select_block *q, const struct ast_group_item *item,
                                   uint64_t *out)
{
    *out = 0;
    if (item->kind == AST_GROUP_EXPR) {
        bool is_window;
        uint32_t n_before = q->group.n;
        CHECK(bind_group_key(q, item->expr, out, &is_window));
        if (is_window) *out |= WINDOW_KEY;
        if (q->group.n > KEYS_MAX && q->group.n > n_before)
            return plan_unsupported(q->ctx, item->span.start,
                                    "grouping sets over more than 48 keys are not supported", NULL);
        return LAMINAR_OK;
    }
    for (size_t i = 0; i < item->n_children; i++) {
        uint64_t keys;
        CHECK(element_keys(q, &item->children[i], &keys));
        *out |= keys;
    }
    return LAMINAR_OK;
}

static laminar_status item_sets(struct select_block *q, const struct ast_group_item *item,
                                struct set_list *out)
{
    struct plan_context *ctx = q->ctx;
    uint32_t offset = item->span.start;
    uint64_t *keys, all = 0;
    if (item->kind == AST_GROUP_EXPR || item->kind == AST_GROUP_SET) {
        CHECK(element_keys(q, item, &all));
        return push_set(ctx, out, all, offset);
    }
    if (item->kind == AST_GROUP_SETS) {
        for (size_t i = 0; i < item->n_children; i++) CHECK(item_sets(q, &item->children[i], out));
        return LAMINAR_OK;
    }
    size_t n = item->n_children;
    if (item->kind == AST_GROUP_CUBE && n > CUBE_MAX) return too_many(ctx, offset);
    ALLOC_OR_FAIL(ctx, keys, ARENA_ARRAY(ctx->arena, uint64_t, n + 1));
    for (size_t i = 0; i < n; i++) {
        CHECK(element_keys(q, &item->children[i], &keys[i]));
        all |= keys[i];
    }
    for (size_t left = n + 1; item->kind == AST_GROUP_ROLLUP && left-- > 0;) {
        uint64_t set = 0;
        for (size_t i = 0; i < left; i++) set |= keys[i];
        CHECK(push_set(ctx, out, set, offset));
    }
    for (size_t choice = (size_t)1 << n; item->kind == AST_GROUP_CUBE && choice-- > 0;) {
        uint64_t set = 0;
        for (size_t i = 0; i < n; i++)
            if (choice >> i & 1) set |= keys[i];
        CHECK(push_set(ctx, out, set, offset));
    }
    return LAMINAR_OK;
}

static laminar_status check_window(struct select_block *q, struct set_list *sets, uint32_t offset)
{
    uint64_t any = 0, all = UINT64_MAX;
    for (uint32_t i = 0; i < sets->n; i++) {
        any |= sets->items[i];
        all &= sets->items[i];
        sets->items[i] &= ~WINDOW_KEY;
    }
    if ((any & WINDOW_KEY) == (all & WINDOW_KEY)) return LAMINAR_OK;
    return plan_unsupported(
        q->ctx, offset, "a time window in some of the grouping sets only is not supported",
        "put it beside them: GROUP BY TUMBLE(...), ROLLUP (...); or group by window_start of FROM TABLE(TUMBLE(...))");
}

laminar_status bind_grouping_sets(struct select_block *q)
{
    struct plan_context *ctx = q->ctx;
    const struct ast_select *select = q->select;
    struct set_list total = {0};
    uint32_t offset = select->group_by[0].span.start;
    CHECK(push_set(ctx, &total, 0, offset));
    for (size_t i = 0; i < select->n_group_by; i++) {
        struct set_list sets = {0}, product = {0};
        CHECK(item_sets(q, &select->group_by[i], &sets));
        for (uint32_t a = 0; a < total.n; a++)
            for (uint32_t b = 0; b < sets.n; b++)
                CHECK(push_set(ctx, &product, total.items[a] | sets.items[b],
                               select->group_by[i].span.start));
        total = product;
    }
    CHECK(check_window(q, &total, offset));
    if (total.n <= 1) return LAMINAR_OK; /* a plain GROUP BY */
    q->grouping_sets = total.items;
    q->n_grouping_sets = total.n;
    return LAMINAR_OK;
}

/* --- grouping() ------------------------------------------------------------------------------- */

static laminar_status grouping_bit(struct select_block *q, const struct ast_expr *ast,
                                   struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    struct expr *key, *args[2];
    uint32_t i = 0;
    CHECK(bind_expr(q, ast, &key));
    while (i < q->group.n && !expr_equal(q->group.items[i], key)) i++;
    if (i == q->group.n && !(key->kind == EXPR_COLUMN && key->column >= STAND_IN_WINDOW)) {
        plan_error(ctx, LAMINAR_QUERY_FAILED, ast->span.start,
                   "an argument of grouping() must be one of the keys of GROUP BY");
        error_hint(ctx->err, "write it as it stands in GROUP BY");
        return LAMINAR_QUERY_FAILED;
    }
    if (i == q->group.n || !q->n_grouping_sets) { /* a window, or a plain GROUP BY */
        ALLOC_OR_FAIL(ctx, *out, const_int64(ctx->arena, 0));
        return LAMINAR_OK;
    }
    ALLOC_OR_FAIL(ctx, args[0], expr_column(ctx->arena, SET_NUMBER, TYPE(INT64), false));
    ALLOC_OR_FAIL(ctx, args[1], const_int64(ctx->arena, i));
    CHECK(make_call(ctx, ">>", args, 2, ast->span.start, &args[0]));
    ALLOC_OR_FAIL(ctx, args[1], const_int64(ctx->arena, 1));
    return make_call(ctx, "&", args, 2, ast->span.start, out);
}

laminar_status bind_grouping_function(struct select_block *q, const struct ast_expr *ast,
                                      struct expr **out)
{
    struct plan_context *ctx = q->ctx;
    const struct ast_function *f = ast->u.function;
    if (!q->is_grouped || !q->clause.allows_aggregates || f->args.n == 0 || f->args.n > KEYS_MAX) {
        plan_error(
            ctx, LAMINAR_QUERY_FAILED, ast->span.start,
            f->args.n
                ? "grouping() needs a GROUP BY, and stands in the select list, HAVING or ORDER BY"
                : "grouping() needs the keys that it asks for");
        error_hint(
            ctx->err,
            "grouping(key, ...) tells which keys a row of ROLLUP, CUBE or GROUPING SETS leaves out");
        return LAMINAR_QUERY_FAILED;
    }
    struct expr *sum = NULL;
    for (size_t i = 0; i < f->args.n; i++) {
        struct expr *bit, *args[2];
        CHECK(grouping_bit(q, f->args.items[i], &bit));
        if (sum) {
            args[0] = sum;
            ALLOC_OR_FAIL(ctx, args[1], const_int64(ctx->arena, 1));
            CHECK(make_call(ctx, "<<", args, 2, ast->span.start, &args[0]));
            args[1] = bit;
            CHECK(make_call(ctx, "|", args, 2, ast->span.start, &bit));
        }
        sum = bit;
    }
    sum->sql_offset = ast->span.start;
    *out = sum;
    return LAMINAR_OK;
}

bool is_grouping_stand_in(uint32_t column) { return column == SET_NUMBER; }

/* --- The plan --------------------------------------------------------------------------------- */

/* The keys left out, and in the bits above them how many equal sets came before. */
static int64_t set_number(const struct select_block *q, uint32_t set)
{
    uint64_t sets_before = 0, all = ((uint64_t)1 << q->group.n) - 1;
    for (uint32_t i = 0; i < set; i++) sets_before += q->grouping_sets[i] == q->grouping_sets[set];
    return (int64_t)((~q->grouping_sets[set] & all) | sets_before << q->group.n);
}

/* input ++ keys that are no plain columns; columns[i]: where key i is then. */
static laminar_status compute_keys(struct select_block *q, struct plan **input, uint32_t *columns)
{
    struct plan_context *ctx = q->ctx;
    const struct plan *in = *input;
    struct expr **exprs;
    const char **names;
    uint32_t n = in->n_cols;
    ALLOC_OR_FAIL(ctx, exprs, ARENA_ARRAY(ctx->arena, struct expr *, n + q->group.n + 1));
    ALLOC_OR_FAIL(ctx, names, ARENA_ARRAY(ctx->arena, const char *, n + q->group.n + 1));
    for (uint32_t i = 0; i < n; i++) {
        ALLOC_OR_FAIL(ctx, exprs[i],
                      expr_column(ctx->arena, i, in->cols[i].type, in->cols[i].is_nullable));
        names[i] = in->cols[i].name;
    }
    for (uint32_t k = 0; k < q->group.n; k++) {
        const struct expr *key = q->group.items[k];
        columns[k] = key->kind == EXPR_COLUMN ? key->column : n;
        if (key->kind == EXPR_COLUMN) continue;
        ALLOC_OR_FAIL(ctx, exprs[n], expr_copy(ctx->arena, key));
        names[n++] = q->group_names[k];
    }
    return n == in->n_cols ? LAMINAR_OK : plan_make_project(ctx, *input, exprs, names, n, input);
}

struct expanding {
    struct plan *plan;
    uint32_t n_in; /* passed on as they are; then the keys, the set's number, is_row */
    bool has_empty;
};

static laminar_status expand_cells(struct select_block *q, struct expanding *e,
                                   const uint32_t *columns)
{
    struct plan_context *ctx = q->ctx;
    struct plan *plan = e->plan, *in = plan->inputs[0];
    for (uint32_t set = 0; set < q->n_grouping_sets; set++) {
        struct expr **cells = plan->exprs + (size_t)set * plan->n_cols;
        for (uint32_t i = 0; i < e->n_in; i++)
            ALLOC_OR_FAIL(ctx, cells[i],
                          expr_column(ctx->arena, i, in->cols[i].type, in->cols[i].is_nullable));
        for (uint32_t k = 0; k < q->group.n; k++) {
            const struct plan_column *col = &in->cols[columns[k]];
            ALLOC_OR_FAIL(ctx, cells[e->n_in + k],
                          q->grouping_sets[set] >> k & 1
                              ? expr_column(ctx->arena, columns[k], col->type, col->is_nullable)
                              : const_null(ctx->arena, col->type));
        }
        ALLOC_OR_FAIL(ctx, cells[e->n_in + q->group.n],
                      const_int64(ctx->arena, set_number(q, set)));
        if (e->has_empty) ALLOC_OR_FAIL(ctx, cells[plan->n_cols - 1], const_bool(ctx->arena, true));
    }
    return LAMINAR_OK;
}

static laminar_status make_expand(struct select_block *q, struct expanding *e)
{
    struct plan_context *ctx = q->ctx;
    struct plan *input = q->plan, *plan;
    uint32_t *columns;
    e->n_in = input->n_cols;
    for (uint32_t i = 0; i < q->n_grouping_sets && q->window.kind == WINDOW_NONE; i++)
        e->has_empty |= q->grouping_sets[i] == 0;
    ALLOC_OR_FAIL(ctx, columns, ARENA_ARRAY(ctx->arena, uint32_t, q->group.n + 1));
    CHECK(compute_keys(q, &input, columns));
    uint32_t n_cols = e->n_in + q->group.n + 1 + e->has_empty;
    CHECK(plan_new(ctx, PLAN_EXPAND, 1, n_cols, &plan));
    plan->inputs[0] = input;
    plan->sql_offset = q->select->group_by[0].span.start;
    plan->n_rows = q->n_grouping_sets;
    ALLOC_OR_FAIL(ctx, plan->exprs,
                  ARENA_ARRAY(ctx->arena, struct expr *, plan->n_rows * n_cols + 1));
    memcpy(plan->cols, input->cols, e->n_in * sizeof *plan->cols);
    for (uint32_t k = 0; k < q->group.n; k++)
        plan->cols[e->n_in + k] = (struct plan_column){
            .name = q->group_names[k], .type = input->cols[columns[k]].type, .is_nullable = true};
    plan->cols[e->n_in + q->group.n] = (struct plan_column){.name = "grouping_set",
                                                            .type = TYPE(INT64)};
    if (e->has_empty)
        plan->cols[n_cols - 1] = (struct plan_column){.name = "is_row", .type = TYPE(BOOL)};
    e->plan = plan;
    return expand_cells(q, e, columns);
}

/* A constant row for each empty set, that the aggregates leave out. */
static laminar_status add_empty_groups(struct select_block *q, struct expanding *e)
{
    struct plan_context *ctx = q->ctx;
    struct plan *expand = e->plan, *values, *both;
    struct expr **cells;
    size_t n = 0;
    ALLOC_OR_FAIL(
        ctx, cells,
        ARENA_ARRAY(ctx->arena, struct expr *, (size_t)q->n_grouping_sets * expand->n_cols + 1));
    for (uint32_t set = 0; set < q->n_grouping_sets; set++) {
        if (q->grouping_sets[set]) continue;
        struct expr **row = cells + n++ * expand->n_cols;
        for (uint32_t c = 0; c < expand->n_cols; c++)
            ALLOC_OR_FAIL(ctx, row[c], const_null(ctx->arena, expand->cols[c].type));
        ALLOC_OR_FAIL(ctx, row[e->n_in + q->group.n], const_int64(ctx->arena, set_number(q, set)));
        ALLOC_OR_FAIL(ctx, row[expand->n_cols - 1], const_bool(ctx->arena, false));
    }
    CHECK(plan_make_values(ctx, cells, n, expand->n_cols, &values));
    for (uint32_t c = 0; c < expand->n_cols; c++) values->cols[c].type = expand->cols[c].type;
    CHECK(plan_new(ctx, PLAN_UNION_ALL, 2, expand->n_cols, &both));
    both->inputs[0] = expand;
    both->inputs[1] = values;
    both->sql_offset = expand->sql_offset;
    memcpy(both->cols, expand->cols, expand->n_cols * sizeof *both->cols);
    for (uint32_t c = 0; c < e->n_in; c++) both->cols[c].is_nullable = true;
    for (uint32_t i = 0; i < q->n_aggs; i++) {
        struct aggregate_call *call = &q->aggs[i];
        struct expr *is_row, *filter;
        ALLOC_OR_FAIL(ctx, is_row, expr_column(ctx->arena, expand->n_cols - 1, TYPE(BOOL), false));
        if (call->filter) {
            ALLOC_OR_FAIL(ctx, filter, expr_new(ctx->arena, EXPR_AND, TYPE(BOOL), 2));
            filter->args[0] = is_row;
            filter->args[1] = call->filter;
            filter->is_nullable = call->filter->is_nullable;
            is_row = filter;
        }
        call->filter = is_row;
    }
    e->plan = both;
    return LAMINAR_OK;
}

laminar_status block_expand_groups(struct select_block *q, struct expr ***group,
                                   const char ***names, uint32_t *n_group)
{
    struct plan_context *ctx = q->ctx;
    struct expanding e = {0};
    uint32_t n = q->group.n + 1;
    CHECK(make_expand(q, &e));
    ALLOC_OR_FAIL(ctx, *group, ARENA_ARRAY(ctx->arena, struct expr *, n + 1));
    ALLOC_OR_FAIL(ctx, *names, ARENA_ARRAY(ctx->arena, const char *, n + 1));
    for (uint32_t i = 0; i < n; i++) {
        const struct plan_column *col = &e.plan->cols[e.n_in + i];
        ALLOC_OR_FAIL(ctx, (*group)[i],
                      expr_column(ctx->arena, e.n_in + i, col->type, col->is_nullable));
        (*names)[i] = col->name;
    }
    *n_group = n;
    if (e.has_empty) CHECK(add_empty_groups(q, &e));
    q->plan = e.plan;
    return LAMINAR_OK;
}
