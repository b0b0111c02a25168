/* catalog.c - see catalog.h. A map finds relations by name, an array keeps them in creation
 * order (what a relation reads always stands before it). Links between relations are plain
 * pointers: upwards (inputs) counted, downwards (dependants) not, so there are no cycles of
 * references. */
#include "catalog/catalog.h"
#include <stdatomic.h>

enum { NEAREST_DISTANCE_MAX = 3 };

const char *relation_kind_name(enum relation_kind kind)
{
    switch (kind) {
    case RELATION_SOURCE: return "SOURCE";
    case RELATION_TABLE: return "TABLE";
    case RELATION_STREAM: return "STREAM";
    case RELATION_VIEW: return "MATERIALIZED VIEW";
    case RELATION_SINK: return "SINK";
    case RELATION_SYSTEM: return "SYSTEM RELATION";
    }
    return "RELATION";
}

const char *emit_mode_name(enum emit_mode mode)
{
    switch (mode) {
    case EMIT_DEFAULT: return "DEFAULT";
    case EMIT_ON_CLOSE: return "ON WINDOW CLOSE";
    case EMIT_AFTER_WATERMARK: return "AFTER WATERMARK";
    case EMIT_ON_UPDATE: return "ON UPDATE";
    case EMIT_EVERY: return "EVERY";
    case EMIT_CHANGES: return "CHANGES";
    case EMIT_FINAL: return "FINAL";
    }
    return "DEFAULT";
}

struct relation *relation_create(enum relation_kind kind, const char *name, struct schema *schema)
{
    struct relation *relation = mem_calloc(1, sizeof *relation);
    if (!relation) return NULL;
    relation->name = arena_strndup(&relation->arena, name, strlen(name));
    if (!relation->name) {
        arena_deinit(&relation->arena);
        mem_free(relation);
        return NULL;
    }
    relation->refs = 1;
    relation->kind = kind;
    relation->schema = schema ? schema_ref(schema) : NULL;
    relation->time_col = -1;
    relation->retention = (struct retention){.kind = RETAIN_ROWS, .amount = RETENTION_DEFAULT_ROWS};
    relation->history.kind = RETAIN_NONE;
    return relation;
}

struct relation *relation_ref(struct relation *relation)
{
    atomic_fetch_add_explicit(&relation->refs, 1, memory_order_relaxed);
    return relation;
}

void relation_unref(struct relation *relation)
{
    if (!relation) return;
    /* Release what this thread did to it; the last one acquires what the others did before
     * freeing. */
    if (atomic_fetch_sub_explicit(&relation->refs, 1, memory_order_acq_rel) != 1) return;
    for (uint32_t i = 0; i < relation->n_inputs; i++) relation_unref(relation->inputs[i]);
    ARRAY_DEINIT(&relation->dependants);
    schema_unref(relation->schema);
    arena_deinit(&relation->arena);
    mem_free(relation);
}

const char *relation_option(const struct relation *relation, const char *key)
{
    for (uint32_t i = 0; i < relation->n_options; i++)
        if (strcmp(relation->options[i].key, key) == 0) return relation->options[i].value;
    return NULL;
}

void catalog_init(struct catalog *catalog) { *catalog = (struct catalog){.next_id = 1}; }

void catalog_deinit(struct catalog *catalog)
{
    for (size_t i = 0; i < catalog->order.n; i++) relation_unref(catalog->order.items[i]);
    ARRAY_DEINIT(&catalog->order);
    strmap_deinit(&catalog->names);
}

struct relation *catalog_find(const struct catalog *catalog, const char *name)
{
    return strmap_get_z(&catalog->names, name);
}

const char *catalog_nearest(const struct catalog *catalog, const char *name)
{
    const char *best = NULL;
    size_t best_distance = NEAREST_DISTANCE_MAX + 1;
    for (size_t i = 0; i < catalog->order.n && best_distance > 0; i++) {
        const struct relation *relation = catalog->order.items[i];
        size_t distance = edit_distance(name, relation->name, best_distance - 1);
        /* A name that shares nothing with what was written is no help: at most half of it may
         * differ. */
        if (distance < best_distance && distance * 2 <= strlen(relation->name))
            best = relation->name, best_distance = distance;
    }
    return best;
}

/* Takes `relation` out of an array, keeping the order; returns the new length. */
static size_t remove_from(struct relation **items, size_t n, const struct relation *relation)
{
    for (size_t i = 0; i < n; i++) {
        if (items[i] != relation) continue;
        memmove(&items[i], &items[i + 1], (n - i - 1) * sizeof *items);
        return n - 1;
    }
    return n;
}

laminar_status catalog_add(struct catalog *catalog, struct relation *relation,
                           struct laminar_error *err)
{
    if (catalog_find(catalog, relation->name)) {
        error_set(err, LAMINAR_TABLE_EXISTS, "\"%s\" already exists", relation->name);
        error_object(err, relation->name);
        return LAMINAR_TABLE_EXISTS;
    }
    /* Room first, so that nothing has to be undone. */
    if (!ARRAY_RESERVE(&catalog->order, catalog->order.n + 1)) return error_oom(err);
    for (uint32_t i = 0; i < relation->n_inputs; i++) {
        struct relation *input = relation->inputs[i];
        if (!ARRAY_RESERVE(&input->dependants, input->dependants.n + 1)) return error_oom(err);
    }
    if (!strmap_put(&catalog->names, relation->name, strlen(relation->name), relation))
        return error_oom(err);
    catalog->order.items[catalog->order.n++] = relation_ref(relation);
    if (relation->id == 0) relation->id = catalog->next_id;
    if (relation->id >= catalog->next_id) catalog->next_id = relation->id + 1;
    for (uint32_t i = 0; i < relation->n_inputs; i++) {
        struct relation *input = relation->inputs[i];
        input->dependants.items[input->dependants.n++] = relation;
    }
    return LAMINAR_OK;
}

void catalog_remove(struct catalog *catalog, struct relation *relation)
{
    assert(relation->dependants.n == 0);
    if (strmap_get_z(&catalog->names, relation->name) != relation) return;
    strmap_remove(&catalog->names, relation->name, strlen(relation->name));
    catalog->order.n = remove_from(catalog->order.items, catalog->order.n, relation);
    for (uint32_t i = 0; i < relation->n_inputs; i++) {
        struct relation *input = relation->inputs[i];
        input->dependants.n = remove_from(input->dependants.items, input->dependants.n, relation);
    }
    relation_unref(relation);
}

struct relation *catalog_next(const struct catalog *catalog, size_t *i)
{
    return *i < catalog->order.n ? catalog->order.items[(*i)++] : NULL;
}
