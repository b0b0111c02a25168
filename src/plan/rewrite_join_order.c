/* rewrite_join_order.c - no cross product where another order of the same inner joins avoids it:
 * FROM a, b, c WHERE a.x = c.x AND b.y = c.y.
 *
 * Only trees of inner joins that have a cross join in them are touched; the order written is
 * kept as far as possible: next comes the first input that an equality connects with those
 * already joined. The result is cross joins under one filter, which the next pass of
 * rewrite_push_filters turns into keys. */
#include "plan/plan_internal.h"

struct leaf {
    struct plan *plan;
    struct plan **slot; /* where it hangs in the tree as written */
    uint32_t first;     /* of its columns in the tree's output */
    bool is_placed;
};
struct tree {
    struct leaf *leaves;
    uint32_t n_leaves, capacity;
    struct expr_list conjuncts; /* over the tree's output */
    bool has_cross;
};

static bool is_inner(const struct plan *p)
{
    return p->kind == PLAN_JOIN && (p->join_kind == JOIN_INNER || p->join_kind == JOIN_CROSS) &&
           (p->strategy == STRATEGY_HASH || p->strategy == STRATEGY_NESTED);
}

static laminar_status add_leaf(struct plan_context *ctx, struct tree *tree, struct plan **slot,
                               uint32_t first)
{
    if (tree->n_leaves == tree->capacity) {
        uint32_t capacity = tree->capacity ? tree->capacity * 2 : 8;
        struct leaf *leaves;
        ALLOC_OR_FAIL(ctx, leaves, ARENA_ARRAY(ctx->arena, struct leaf, capacity));
        if (tree->n_leaves) memcpy(leaves, tree->leaves, tree->n_leaves * sizeof *leaves);
        tree->leaves = leaves;
        tree->capacity = capacity;
    }
    tree->leaves[tree->n_leaves++] = (struct leaf){.plan = *slot, .slot = slot, .first = first};
    return LAMINAR_OK;
}

/* Copies, so that a tree that stays as it is has not been touched. */
static laminar_status add_conjunct(struct plan_context *ctx, struct tree *tree,
                                   const struct expr *e, uint32_t first)
{
    struct expr *copy;
    ALLOC_OR_FAIL(ctx, copy, expr_copy(ctx->arena, e));
    expr_shift(copy, first);
    return expr_split_and(ctx, copy, &tree->conjuncts);
}

static laminar_status flatten(struct plan_context *ctx, struct plan **slot, uint32_t first,
                              struct tree *tree)
{
    struct plan *p = *slot;
    if (p->kind == PLAN_FILTER && is_inner(p->inputs[0])) {
        CHECK(flatten(ctx, &p->inputs[0], first, tree));
        return add_conjunct(ctx, tree, p->predicate, first);
    }
    if (!is_inner(p)) return add_leaf(ctx, tree, slot, first);
    uint32_t n_left = p->inputs[0]->n_cols;
    CHECK(flatten(ctx, &p->inputs[0], first, tree));
    CHECK(flatten(ctx, &p->inputs[1], first + n_left, tree));
    if (p->n_keys == 0) tree->has_cross = true;
    for (uint32_t i = 0; i < p->n_keys; i++) {
        struct expr *left, *right, *e;
        ALLOC_OR_FAIL(ctx, left, expr_copy(ctx->arena, p->left_keys[i]));
        ALLOC_OR_FAIL(ctx, right, expr_copy(ctx->arena, p->right_keys[i]));
        expr_shift(right, n_left);
        CHECK(make_comparison(ctx, "=", left, right, left->sql_offset, &e));
        CHECK(add_conjunct(ctx, tree, e, first));
    }
    return p->predicate ? add_conjunct(ctx, tree, p->predicate, first) : LAMINAR_OK;
}

static bool touches(const struct expr *e, const struct leaf *leaf)
{
    if (e->kind == EXPR_COLUMN)
        return e->column >= leaf->first && e->column < leaf->first + leaf->plan->n_cols;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (touches(e->args[i], leaf)) return true;
    return false;
}

/* Does an equality connect the leaf with what is placed, and with nothing else? */
static bool is_connected(const struct tree *tree, const struct leaf *leaf)
{
    for (uint32_t i = 0; i < tree->conjuncts.n; i++) {
        const struct expr *e = tree->conjuncts.items[i];
        if (!expr_is_call(e, "=") || !touches(e, leaf)) continue;
        bool placed = false, other = false;
        for (uint32_t j = 0; j < tree->n_leaves; j++) {
            const struct leaf *l = &tree->leaves[j];
            if (l == leaf || !touches(e, l)) continue;
            if (l->is_placed)
                placed = true;
            else
                other = true;
        }
        if (placed && !other) return true;
    }
    return false;
}

/* Indexes of the leaves in the order to join them; false if it is the order they are in. */
static bool choose_order(struct tree *tree, uint32_t *order)
{
    bool differs = false;
    for (uint32_t n = 0; n < tree->n_leaves; n++) {
        uint32_t first_free = tree->n_leaves, chosen = tree->n_leaves;
        for (uint32_t i = 0; i < tree->n_leaves && chosen == tree->n_leaves; i++) {
            if (tree->leaves[i].is_placed) continue;
            if (first_free == tree->n_leaves) first_free = i;
            if (n > 0 && is_connected(tree, &tree->leaves[i])) chosen = i;
        }
        if (chosen == tree->n_leaves) chosen = first_free;
        tree->leaves[chosen].is_placed = true;
        order[n] = chosen;
        differs |= chosen != n;
    }
    return differs;
}

static laminar_status rebuild(struct plan_context *ctx, struct tree *tree, const uint32_t *order,
                              struct plan **plan)
{
    struct plan *old = *plan, *joined = tree->leaves[order[0]].plan;
    uint32_t *map, *inverse, at = 0;
    ALLOC_OR_FAIL(ctx, map, ARENA_ARRAY(ctx->arena, uint32_t, old->n_cols + 1));
    ALLOC_OR_FAIL(ctx, inverse, ARENA_ARRAY(ctx->arena, uint32_t, old->n_cols + 1));
    for (uint32_t n = 0; n < tree->n_leaves; n++) {
        const struct leaf *leaf = &tree->leaves[order[n]];
        for (uint32_t c = 0; c < leaf->plan->n_cols; c++) map[leaf->first + c] = at++;
        if (n > 0) CHECK(plan_make_join(ctx, JOIN_CROSS, joined, leaf->plan, &joined));
    }
    struct expr *predicate;
    CHECK(expr_make_and(ctx, &tree->conjuncts, &predicate));
    if (predicate) {
        expr_remap(predicate, map);
        CHECK(plan_make_filter(ctx, joined, predicate, &joined));
    }
    for (uint32_t i = 0; i < old->n_cols; i++) inverse[i] = map[i];
    CHECK(plan_make_selection(ctx, joined, inverse, old->n_cols, plan));
    for (uint32_t i = 0; i < old->n_cols; i++) (*plan)->cols[i] = old->cols[i];
    return LAMINAR_OK;
}

laminar_status rewrite_join_order(struct plan_context *ctx, struct plan **plan)
{
    struct plan *p = *plan;
    bool is_tree = is_inner(p) || (p->kind == PLAN_FILTER && is_inner(p->inputs[0]));
    if (!is_tree) {
        for (uint32_t i = 0; i < p->n_inputs; i++) CHECK(rewrite_join_order(ctx, &p->inputs[i]));
        return LAMINAR_OK;
    }
    struct tree tree = {0};
    uint32_t *order;
    CHECK(flatten(ctx, plan, 0, &tree));
    for (uint32_t i = 0; i < tree.n_leaves; i++) {
        CHECK(rewrite_join_order(ctx, tree.leaves[i].slot));
        tree.leaves[i].plan = *tree.leaves[i].slot;
    }
    ALLOC_OR_FAIL(ctx, order, ARENA_ARRAY(ctx->arena, uint32_t, tree.n_leaves + 1));
    if (!tree.has_cross || tree.n_leaves < 3 || !choose_order(&tree, order)) return LAMINAR_OK;
    return rebuild(ctx, &tree, order, plan);
}
