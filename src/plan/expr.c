/* expr.c - building, copying, comparing and walking bound expressions.
 *
 * Trees are as deep as the parser allows (AST_MAX_DEPTH, plus a cast a level), and ANDs and ORs
 * are flat: plain recursion is fine. */
#include "plan/plan_internal.h"
#include <string.h>

struct expr *expr_new(struct arena *arena, enum expr_kind kind, struct data_type type,
                      uint32_t n_args)
{
    struct expr *e = ARENA_NEW(arena, struct expr);
    if (!e) return NULL;
    e->kind = kind;
    e->type = type;
    e->n_args = n_args;
    if (n_args && !(e->args = ARENA_ARRAY(arena, struct expr *, n_args))) return NULL;
    return e;
}

struct expr *expr_column(struct arena *arena, uint32_t column, struct data_type type,
                         bool is_nullable)
{
    struct expr *e = expr_new(arena, EXPR_COLUMN, type, 0);
    if (!e) return NULL;
    e->column = column;
    e->is_nullable = is_nullable;
    return e;
}

bool expr_is_const(const struct expr *e) { return e->kind == EXPR_CONST; }

bool expr_is_const_null(const struct expr *e)
{
    return e->kind == EXPR_CONST && !vector_is_valid(&e->value, 0);
}

bool expr_is_const_bool(const struct expr *e, bool value)
{
    return e->kind == EXPR_CONST && e->type.id == LAMINAR_TYPE_BOOL &&
           vector_is_valid(&e->value, 0) && *(const uint8_t *)e->value.data == (value ? 1 : 0);
}

bool expr_is_call(const struct expr *e, const char *name)
{
    return e->kind == EXPR_CALL && !e->is_cast && strcmp(e->fn->name, name) == 0;
}

struct expr *expr_copy(struct arena *arena, const struct expr *e)
{
    struct expr *copy = arena_alloc(arena, sizeof *copy);
    if (!copy) return NULL;
    *copy = *e;
    if (e->n_args == 0) return copy;
    copy->args = ARENA_ARRAY(arena, struct expr *, e->n_args);
    if (!copy->args) return NULL;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (!(copy->args[i] = expr_copy(arena, e->args[i]))) return NULL;
    return copy;
}

struct expr *expr_substitute(struct arena *arena, const struct expr *e, struct expr *const *with)
{
    if (e->kind == EXPR_COLUMN) return expr_copy(arena, with[e->column]);
    struct expr *copy = arena_alloc(arena, sizeof *copy);
    if (!copy) return NULL;
    *copy = *e;
    if (e->n_args == 0) return copy;
    copy->args = ARENA_ARRAY(arena, struct expr *, e->n_args);
    if (!copy->args) return NULL;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (!(copy->args[i] = expr_substitute(arena, e->args[i], with))) return NULL;
    return copy;
}

bool expr_is_random(const struct expr *e)
{
    if (e->kind == EXPR_CALL && (e->fn->flags & FN_VOLATILE)) return true;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (expr_is_random(e->args[i])) return true;
    return false;
}

bool expr_is_volatile(const struct expr *e)
{
    if (e->kind == EXPR_CALL && (e->fn->flags & (FN_VOLATILE | FN_STEP_STABLE))) return true;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (expr_is_volatile(e->args[i])) return true;
    return false;
}

bool expr_is_fallible(const struct expr *e)
{
    if (e->kind == EXPR_CALL && (e->fn->flags & FN_FALLIBLE)) return true;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (expr_is_fallible(e->args[i])) return true;
    return false;
}

static bool same_function(const struct bound_function *a, const struct bound_function *b)
{
    if (a == b) return true;
    return a->kernel == b->kernel && a->function == b->function && a->flags == b->flags &&
           strcmp(a->name, b->name) == 0;
}

static bool is_identical(const struct vector *a, size_t i, const struct vector *b, size_t k)
{
    bool is_valid = vector_is_valid(a, i);
    if (is_valid != vector_is_valid(b, k)) return false;
    if (!is_valid) return true;
    enum phys_type phys = type_phys(a->type);
    if (phys == PHYS_INTERVAL || phys == PHYS_F32 || phys == PHYS_F64) {
        size_t width = phys_width(phys);
        return memcmp((const char *)a->data + i * width, (const char *)b->data + k * width,
                      width) == 0;
    }
    if (phys == PHYS_LIST) {
        struct list_entry x = ((const struct list_entry *)a->data)[i],
                          y = ((const struct list_entry *)b->data)[k];
        bool same = x.length == y.length;
        for (uint32_t c = 0; same && c < a->n_children; c++)
            for (uint32_t n = 0; same && n < x.length; n++)
                same = is_identical(&a->children[c], x.offset + n, &b->children[c], y.offset + n);
        return same;
    }
    if (phys == PHYS_STRUCT) {
        bool same = true;
        for (uint32_t c = 0; same && c < a->n_children; c++)
            same = is_identical(&a->children[c], vector_struct_row(a, i), &b->children[c],
                                vector_struct_row(b, k));
        return same;
    }
    return kernel_equal(a, i, b, k);
}

bool expr_const_identical(const struct expr *a, const struct expr *b)
{
    return type_equal(a->type, b->type) && is_identical(&a->value, 0, &b->value, 0);
}

bool expr_equal(const struct expr *a, const struct expr *b)
{
    if (a->kind != b->kind || a->n_args != b->n_args || a->is_negated != b->is_negated ||
        !type_equal(a->type, b->type))
        return false;
    switch (a->kind) {
    case EXPR_COLUMN: return a->column == b->column;
    case EXPR_OUTER: return a->column == b->column && a->depth == b->depth;
    case EXPR_CONST: return expr_const_identical(a, b);
    case EXPR_SUBQUERY: return a->subquery == b->subquery;
    case EXPR_CALL:
        if (!same_function(a->fn, b->fn) || (a->fn->flags & FN_VOLATILE)) return false;
        break;
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_CASE:
    case EXPR_COALESCE:
    case EXPR_IN_LIST: break;
    }
    for (uint32_t i = 0; i < a->n_args; i++)
        if (!expr_equal(a->args[i], b->args[i])) return false;
    return true;
}

void expr_map_columns(struct expr *e, uint32_t (*map)(void *ctx, uint32_t column), void *ctx)
{
    if (e->kind == EXPR_COLUMN) e->column = map(ctx, e->column);
    for (uint32_t i = 0; i < e->n_args; i++) expr_map_columns(e->args[i], map, ctx);
}

static uint32_t map_by_array(void *ctx, uint32_t column) { return ((const uint32_t *)ctx)[column]; }
void expr_remap(struct expr *e, const uint32_t *map)
{
    expr_map_columns(e, map_by_array, (void *)(uintptr_t)map);
}

static uint32_t map_by_delta(void *ctx, uint32_t column)
{
    return (uint32_t)((int64_t)column + *(const int64_t *)ctx);
}
void expr_shift(struct expr *e, int64_t delta) { expr_map_columns(e, map_by_delta, &delta); }

void expr_mark_columns(const struct expr *e, bool *used)
{
    if (e->kind == EXPR_COLUMN) used[e->column] = true;
    for (uint32_t i = 0; i < e->n_args; i++) expr_mark_columns(e->args[i], used);
}

void expr_count_columns(const struct expr *e, uint32_t *counts)
{
    if (e->kind == EXPR_COLUMN) counts[e->column]++;
    for (uint32_t i = 0; i < e->n_args; i++) expr_count_columns(e->args[i], counts);
}

size_t expr_size(const struct expr *e)
{
    size_t size = 1;
    for (uint32_t i = 0; i < e->n_args; i++) size += expr_size(e->args[i]);
    return size;
}

bool expr_has_columns(const struct expr *e)
{
    if (e->kind == EXPR_COLUMN) return true;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (expr_has_columns(e->args[i])) return true;
    return false;
}

bool expr_has_outer(const struct expr *e)
{
    if (e->kind == EXPR_OUTER) return true;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (expr_has_outer(e->args[i])) return true;
    return false;
}

bool expr_columns_within(const struct expr *e, uint32_t from, uint32_t to)
{
    if (e->kind == EXPR_COLUMN && (e->column < from || e->column >= to)) return false;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (!expr_columns_within(e->args[i], from, to)) return false;
    return true;
}

laminar_status expr_list_push(struct plan_context *ctx, struct expr_list *list, struct expr *e)
{
    if (!e) return plan_oom(ctx);
    if (list->n == list->capacity) {
        uint32_t capacity = list->capacity ? list->capacity * 2 : 8;
        struct expr **items;
        ALLOC_OR_FAIL(ctx, items, ARENA_ARRAY(ctx->arena, struct expr *, capacity));
        if (list->n) memcpy(items, list->items, list->n * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->n++] = e;
    return LAMINAR_OK;
}

laminar_status expr_split_and(struct plan_context *ctx, struct expr *e, struct expr_list *out)
{
    if (e->kind != EXPR_AND) return expr_list_push(ctx, out, e);
    for (uint32_t i = 0; i < e->n_args; i++) CHECK(expr_split_and(ctx, e->args[i], out));
    return LAMINAR_OK;
}

laminar_status expr_make_and(struct plan_context *ctx, const struct expr_list *list,
                             struct expr **out)
{
    *out = NULL;
    if (list->n == 0) return LAMINAR_OK;
    if (list->n == 1) {
        *out = list->items[0];
        return LAMINAR_OK;
    }
    struct expr *e;
    ALLOC_OR_FAIL(ctx, e, expr_new(ctx->arena, EXPR_AND, TYPE(BOOL), list->n));
    for (uint32_t i = 0; i < list->n; i++) {
        e->args[i] = list->items[i];
        e->is_nullable |= list->items[i]->is_nullable;
    }
    e->sql_offset = list->items[0]->sql_offset;
    *out = e;
    return LAMINAR_OK;
}
