/* schema.c - see type.h: a reference-counted list of named columns in one allocation. Finding a name is a scan: schemas are narrow and
 * names are resolved when a statement is bound, not when rows flow. */
#include "vector/type.h"
#include <stdatomic.h>
#include <string.h>

struct schema *schema_create(const struct schema_column *columns, uint32_t n_columns)
{
    size_t names_size = 0, columns_size, total;
    for (uint32_t i = 0; i < n_columns; i++) names_size += strlen(columns[i].name) + 1;
    if (!size_mul(n_columns, sizeof *columns, &columns_size) ||
        !size_add(columns_size, names_size, &total) ||
        !size_add(total, sizeof(struct schema), &total))
        return NULL;
    struct schema *schema = mem_alloc(total);
    if (!schema) return NULL;
    atomic_init(&schema->refs, 1);
    schema->n_columns = n_columns;
    schema->columns = (struct schema_column *)(schema + 1);
    char *names = (char *)schema->columns + columns_size;
    for (uint32_t i = 0; i < n_columns; i++) {
        size_t size = strlen(columns[i].name) + 1;
        schema->columns[i] = columns[i];
        schema->columns[i].name = memcpy(names, columns[i].name, size);
        names += size;
    }
    return schema;
}

struct schema *schema_ref(struct schema *schema)
{
    if (schema) atomic_fetch_add_explicit(&schema->refs, 1, memory_order_relaxed);
    return schema;
}

void schema_unref(struct schema *schema)
{
    /* Release, then acquire by the last one: it frees after all others' reads. */
    if (schema && atomic_fetch_sub_explicit(&schema->refs, 1, memory_order_acq_rel) == 1)
        mem_free(schema);
}

bool schema_equal(const struct schema *a, const struct schema *b)
{
    if (a == b) return true;
    if (!a || !b || a->n_columns != b->n_columns) return false;
    for (uint32_t i = 0; i < a->n_columns; i++) {
        if (a->columns[i].is_nullable != b->columns[i].is_nullable ||
            !type_equal(a->columns[i].type, b->columns[i].type) ||
            strcmp(a->columns[i].name, b->columns[i].name) != 0)
            return false;
    }
    return true;
}

int32_t schema_find(const struct schema *schema, const char *name)
{
    for (uint32_t i = 0; i < schema->n_columns; i++)
        if (strcmp(schema->columns[i].name, name) == 0) return (int32_t)i;
    return -1;
}

int32_t schema_find_folded(const struct schema *schema, const char *name, size_t size)
{
    for (uint32_t i = 0; i < schema->n_columns; i++) {
        const char *column = schema->columns[i].name;
        if (strlen(column) == size && memcmp(column, name, size) == 0) return (int32_t)i;
    }
    for (uint32_t i = 0; i < schema->n_columns; i++) {
        const char *column = schema->columns[i].name;
        size_t k = 0;
        while (k < size && column[k] &&
               column[k] == (name[k] >= 'A' && name[k] <= 'Z' ? name[k] + ('a' - 'A') : name[k]))
            k++;
        if (k == size && column[k] == 0) return (int32_t)i;
    }
    return -1;
}
