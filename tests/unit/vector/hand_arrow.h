/* hand_arrow.h - Arrow arrays written by hand, for tests: one node is a schema and an array with up to 6 buffers and 4 children. */
#ifndef HAND_ARROW_H
#define HAND_ARROW_H

#include "random_rows.h"
#include "vector/arrow.h"

struct hand {
    struct ArrowSchema schema;
    struct ArrowArray array;
    const void *buffers[6];
    struct ArrowSchema *schema_children[4];
    struct ArrowArray *array_children[4];
};

static inline void hand_release_schema(struct ArrowSchema *schema) { schema->release = NULL; }
static inline void hand_release_array(struct ArrowArray *array) { array->release = NULL; }

/* A node; `buffers` is a NULL-padded array literal of n_buffers. */
static inline void hand_node(struct hand *h, const char *format, int64_t length, int64_t null_count,
                             int64_t offset, int n_buffers, const void *const *buffers)
{
    *h = (struct hand){
        .schema = {.format = format,
                   .name = "x",
                   .flags = ARROW_FLAG_NULLABLE,
                   .release = hand_release_schema},
        .array = {.length = length,
                  .null_count = null_count,
                  .offset = offset,
                  .n_buffers = n_buffers,
                  .release = hand_release_array},
    };
    for (int i = 0; i < n_buffers; i++) h->buffers[i] = buffers[i];
    h->array.buffers = h->buffers;
    h->schema.children = h->schema_children;
    h->array.children = h->array_children;
}
#define HAND(h, format, length, null_count, offset, ...)                                           \
    hand_node((h), (format), (length), (null_count), (offset),                                     \
              (int)ARRAY_LENGTH(((const void *[]){__VA_ARGS__})), (const void *[]){__VA_ARGS__})

static inline void hand_child(struct hand *h, struct hand *child, const char *name)
{
    child->schema.name = name;
    h->schema_children[h->schema.n_children++] = &child->schema;
    h->array_children[h->array.n_children++] = &child->array;
}
static inline void hand_dictionary(struct hand *h, struct hand *values)
{
    h->schema.dictionary = &values->schema;
    h->array.dictionary = &values->array;
}
/* Rows of one column "x" that is `column`. */
static inline void hand_root(struct hand *root, struct hand *column, int64_t length)
{
    HAND(root, "+s", length, 0, 0, NULL);
    hand_child(root, column, "x");
}

/* Imports and gives the batch, or NULL with err filled; the array is released or still the test's. */
static inline struct batch *hand_import(struct hand *root, struct laminar_error *err)
{
    struct schema *schema = NULL;
    struct batch *batch = NULL;
    laminar_status status = arrow_import_schema(&root->schema, &schema, err);
    if (!status) status = arrow_import_batch(&root->schema, &root->array, schema, &batch, err);
    schema_unref(schema);
    if (status) assert_non_null(root->array.release);
    return status ? NULL : batch;
}

#endif
