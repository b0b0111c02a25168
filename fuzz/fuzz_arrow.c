/* fuzz_arrow.c - Arrow schemas and arrays made from arbitrary bytes, through import, coercion and export.
 *
 * The bytes are read as a small program that describes a tree of fields: a format, counts, and for every buffer a size and contents that
 * are again taken from the bytes. Buffers are allocated to their size exactly and their sizes told to the importer, so that each read
 * outside one is seen by the sanitizer. */
#include "base/error.h"
#include "vector/arrow.h"
#include "vector/kernel.h"
#include "vector/text.h"
#include <assert.h>
#include <stdlib.h>

enum {
    NODES_MAX = 24,
    BUFFERS_MAX = 6,
    CHILDREN_MAX = 3,
    DEPTH_MAX = 6,
    ROWS_PRINTED = 50,
    ROWS_MAX = 1 << 16
};

struct node {
    struct ArrowSchema schema;
    struct ArrowArray array;
    void *made[BUFFERS_MAX]; /* to be freed */
    const void *buffers[BUFFERS_MAX];
    struct ArrowSchema *schema_children[CHILDREN_MAX];
    struct ArrowArray *array_children[CHILDREN_MAX];
};

struct input {
    const uint8_t *at;
    const uint8_t *end;
    struct node nodes[NODES_MAX];
    size_t n_nodes;
    int64_t sizes[NODES_MAX * BUFFERS_MAX];
    size_t n_sizes;
};

static uint8_t next_byte(struct input *in) { return in->at < in->end ? *in->at++ : 0; }

static int64_t next_number(struct input *in)
{
    uint8_t kind = next_byte(in);
    if (kind < 240) return kind % 32;
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) value = value << 8 | next_byte(in);
    return (int64_t)(kind < 248 ? value : value >> 48);
}

static void release_schema(struct ArrowSchema *schema) { schema->release = NULL; }
static void release_array(struct ArrowArray *array) { array->release = NULL; }

static const char *const formats[] = {
    "n",     "b",      "c",        "C",         "s",       "S",    "i",
    "I",     "l",      "L",        "e",         "f",       "g",    "u",
    "U",     "vu",     "z",        "Z",         "vz",      "w:3",  "w:16",
    "d:9,2", "d:38,5", "d:9,2,32", "d:12,3,64", "tdD",     "tdm",  "tts",
    "ttm",   "ttu",    "ttn",      "tss:",      "tsm:UTC", "tsu:", "tsn:Europe/Berlin",
    "tDs",   "tDn",    "tiM",      "tiD",       "tin",     "+l",   "+L",
    "+vl",   "+vL",    "+w:2",     "+s",        "+m",      "+r"};
/* Buffers of a well-formed array of that format. */
static int usual_buffers(const char *format)
{
    if (format[0] == 'n' || !strcmp(format, "+r")) return 0;
    if (!strcmp(format, "+s") || !strncmp(format, "+w", 2)) return 1;
    if (format[0] == 'v') return 4;
    if (strchr("uUzZ", format[0]) || !strncmp(format, "+v", 2)) return 3;
    return 2;
}

static struct node *make_node(struct input *in, int depth, int64_t length);

static void make_buffers(struct input *in, struct node *node)
{
    for (int64_t i = 0; i < node->array.n_buffers; i++) {
        uint8_t kind = next_byte(in);
        size_t size = kind == 0 ? 0 : (size_t)kind * 2;
        uint8_t *bytes = kind ? malloc(size) : NULL;
        bool is_small = kind & 1; /* little-endian numbers that rise, as offsets should */
        for (size_t k = 0; k < size; k++)
            bytes[k] = is_small ? (k % 4 ? 0 : (uint8_t)(k / 4)) : next_byte(in);
        if (is_small)
            for (int k = next_byte(in) % 4; k > 0; k--)
                bytes[(size_t)next_byte(in) % size] = next_byte(in);
        node->buffers[i] = node->made[i] = bytes;
        in->sizes[in->n_sizes++] = (int64_t)size;
    }
}

static void add_child(struct input *in, struct node *node, int depth, int64_t length)
{
    struct node *child = make_node(in, depth + 1, length);
    if (!child) return;
    node->schema_children[node->schema.n_children++] = &child->schema;
    node->array_children[node->array.n_children++] = &child->array;
}

static struct node *make_node(struct input *in, int depth, int64_t length)
{
    if (in->n_nodes == NODES_MAX || depth > DEPTH_MAX) return NULL;
    struct node *node = &in->nodes[in->n_nodes++];
    static const char *const names[] = {"a", "b", "c", "key", "value", ""};
    const char *format = depth == 0 ? "+s" : formats[next_byte(in) % ARRAY_LENGTH(formats)];
    uint8_t quirk = next_byte(in);
    node->schema = (struct ArrowSchema){.format = format,
                                        .name = names[in->n_nodes % 5],
                                        .flags = quirk & ARROW_FLAG_NULLABLE,
                                        .children = node->schema_children,
                                        .release = release_schema};
    node->array = (struct ArrowArray){.length = quirk == 250 && depth ? next_number(in) : length,
                                      .null_count = quirk < 128 ? 0 : -1,
                                      .offset = quirk % 16 == 3 ? next_number(in) : 0,
                                      .n_buffers = usual_buffers(format),
                                      .buffers = node->buffers,
                                      .children = node->array_children,
                                      .release = release_array};
    if (quirk == 251) node->array.n_buffers = next_byte(in) % (BUFFERS_MAX + 1);
    if (quirk == 252) node->array.null_count = next_number(in);
    make_buffers(in, node);
    if (depth == 0 || !strcmp(format, "+s")) {
        size_t n = 1 + next_byte(in) % CHILDREN_MAX;
        for (size_t i = 0; i < n; i++) add_child(in, node, depth, length);
    } else if (!strcmp(format, "+r")) {
        add_child(in, node, depth, length);
        add_child(in, node, depth, length);
    } else if (format[0] == '+') {
        add_child(in, node, depth, next_number(in));
    } else if (quirk % 16 == 9 && strchr("cCsSiIlL", format[0])) {
        struct node *values = make_node(in, depth + 1, next_number(in));
        if (values) {
            node->schema.dictionary = &values->schema;
            node->array.dictionary = &values->array;
        }
    }
    if (quirk == 253) node->array.n_children = next_byte(in) % CHILDREN_MAX;
    return node;
}

/* Everything that others do with a batch. */
static void use_batch(struct batch *batch, struct input *in)
{
    uint64_t hashes[CHUNK_ROWS];
    struct strbuf text = {0};
    size_t n = batch->n_rows < ROWS_PRINTED ? batch->n_rows : ROWS_PRINTED;
    kernel_hash(batch->cols, batch->n_cols, n, hashes);
    for (uint32_t i = 0; i < batch->n_cols; i++) {
        struct column back;
        if (column_init(&back, batch->cols[i].type, NULL)) continue;
        for (size_t row = 0; row < n; row++) {
            size_t used;
            strbuf_clear(&text);
            text_print_value(&text, &batch->cols[i], row);
            strbuf_clear(&text);
            if (value_encode(&batch->cols[i], row, &text, NULL)) break;
            if (value_decode(&back, (const uint8_t *)text.data, text.size, &used, NULL)) abort();
            if (!kernel_equal(&batch->cols[i], row, &back.vec, row)) abort();
        }
        column_deinit(&back);
    }
    strbuf_deinit(&text);
    static const laminar_type targets[] = {
        LAMINAR_TYPE_INT64, LAMINAR_TYPE_DOUBLE, LAMINAR_TYPE_TIMESTAMP, LAMINAR_TYPE_VARCHAR,
        LAMINAR_TYPE_JSON,  LAMINAR_TYPE_INT8,   LAMINAR_TYPE_DATE,      LAMINAR_TYPE_UUID};
    struct schema_column columns[CHILDREN_MAX];
    for (uint32_t i = 0; i < batch->n_cols; i++) {
        columns[i] = batch->schema->columns[i];
        if (next_byte(in) % 2)
            columns[i].type = type_of(targets[next_byte(in) % ARRAY_LENGTH(targets)]);
        columns[i].is_nullable = next_byte(in) % 4 != 0;
    }
    struct schema *target = schema_create(columns, batch->n_cols);
    struct batch *coerced = NULL;
    if (target && !batch_coerce(batch, target, NULL, &coerced, NULL)) {
        struct ArrowArray array;
        size_t offset = coerced->n_rows ? next_byte(in) % coerced->n_rows : 0;
        if (!arrow_export_batch(coerced, offset, coerced->n_rows - offset, next_byte(in) % 4,
                                &array, NULL))
            array.release(&array);
    }
    batch_unref(coerced);
    schema_unref(target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {.at = data, .end = data + size};
    /* columns without buffers would let few bytes ask for all memory */
    int64_t length = next_number(&in);
    struct node *root = make_node(&in, 0, length > ROWS_MAX ? ROWS_MAX : length);
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct schema *schema = NULL;
    struct batch *batch = NULL;
    int64_t live = mem_live_count();
    if (!arrow_import_schema(&root->schema, &schema, &err)) {
        struct ArrowSchema exported;
        struct arrow_import_options options = {.buffer_bytes = in.sizes,
                                               .n_buffer_bytes = in.n_sizes};
        if (!arrow_export_schema(schema, 0, &exported, NULL)) exported.release(&exported);
        if (!arrow_import_batch_with(&root->schema, &root->array, schema, &options, &batch, &err))
            use_batch(batch, &in);
    }
    if (err.code && !err.message[0]) abort();
    batch_unref(batch);
    schema_unref(schema);
    if (mem_live_count() > live + 100) abort(); /* time zones and such are loaded once */
    for (size_t i = 0; i < in.n_nodes; i++)
        for (size_t k = 0; k < BUFFERS_MAX; k++) free(in.nodes[i].made[k]);
    return 0;
}
