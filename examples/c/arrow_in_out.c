/* arrow_in_out.c - rows in and out as Arrow arrays, with nothing but the two structs of Arrow's C data interface.
 *
 * The arrays are made by hand here to show what crosses the border; a program that has an Arrow library passes its own.
 *
 *   cc arrow_in_out.c $(pkg-config --cflags --libs laminar) -o arrow_in_out */
#include <laminar/laminar.h>
#include <stdio.h>
#include <string.h>

/* What we export lies in static memory, so a release has nothing to free; it only marks the struct as released. */
static void release_schema(struct ArrowSchema *schema) { schema->release = NULL; }
static void release_array(struct ArrowArray *array) { array->release = NULL; }

/* A batch of three rows, (id BIGINT, name VARCHAR), the second name null: its schema and its array, each a struct of two children. */
struct batch {
    struct ArrowSchema schema, columns[2], *schema_children[2];
    struct ArrowArray array, values[2], *array_children[2];
    const void *struct_buffers[1], *id_buffers[2], *name_buffers[3];
};

static const int64_t ids[3] = {1, 2, 3};
static const uint8_t name_valid[1] = {0x05}; /* one bit a row, lowest first: 101 */
static const int32_t name_offsets[4] = {0, 3, 3, 8};
static const char names[] = "oneThree";

static void fill(struct batch *batch)
{
    memset(batch, 0, sizeof *batch);
    batch->columns[0] = (struct ArrowSchema){
        .format = "l", .name = "id", .release = release_schema};
    batch->columns[1] = (struct ArrowSchema){
        .format = "u", .name = "name", .flags = ARROW_FLAG_NULLABLE, .release = release_schema};
    batch->schema_children[0] = &batch->columns[0];
    batch->schema_children[1] = &batch->columns[1];
    batch->schema = (struct ArrowSchema){.format = "+s",
                                         .name = "",
                                         .n_children = 2,
                                         .children = batch->schema_children,
                                         .release = release_schema};

    batch->id_buffers[1] = ids; /* buffer 0 is the validity: NULL, no nulls */
    batch->name_buffers[0] = name_valid;
    batch->name_buffers[1] = name_offsets;
    batch->name_buffers[2] = names;
    batch->values[0] = (struct ArrowArray){
        .length = 3, .n_buffers = 2, .buffers = batch->id_buffers, .release = release_array};
    batch->values[1] = (struct ArrowArray){.length = 3,
                                           .null_count = 1,
                                           .n_buffers = 3,
                                           .buffers = batch->name_buffers,
                                           .release = release_array};
    batch->array_children[0] = &batch->values[0];
    batch->array_children[1] = &batch->values[1];
    batch->array = (struct ArrowArray){.length = 3,
                                       .n_buffers = 1,
                                       .buffers = batch->struct_buffers,
                                       .n_children = 2,
                                       .children = batch->array_children,
                                       .release = release_array};
}

/* Prints a batch of (BIGINT, VARCHAR). A child may begin at an offset of its own, after the parent's. */
static int print_batch(const struct ArrowSchema *schema, const struct ArrowArray *array)
{
    if (array->n_children != 2 || strcmp(schema->children[0]->format, "l") != 0 ||
        strcmp(schema->children[1]->format, "u") != 0)
        return 1;
    const struct ArrowArray *id = array->children[0], *name = array->children[1];
    const int64_t *id_values = id->buffers[1];
    const uint8_t *valid = name->buffers[0];
    const int32_t *offsets = name->buffers[1];
    const char *text = name->buffers[2];
    for (int64_t row = 0; row < array->length; row++) {
        int64_t i = row + array->offset + name->offset;
        int is_valid = !valid || (valid[i / 8] >> (i % 8) & 1);
        printf("%lld ", (long long)id_values[row + array->offset + id->offset]);
        if (is_valid)
            printf("%.*s\n", (int)(offsets[i + 1] - offsets[i]), text + offsets[i]);
        else
            printf("(null)\n");
    }
    return 0;
}

/* The answer as a stream of batches, which is how Arrow libraries take it. */
static int print_stream(struct ArrowArrayStream *stream, int64_t *n_rows)
{
    struct ArrowSchema schema;
    struct ArrowArray array;
    int code = stream->get_schema(stream, &schema);
    if (code) return code;
    while ((code = stream->get_next(stream, &array)) == 0 && array.release) {
        code = print_batch(&schema, &array);
        *n_rows += array.length;
        array.release(&array); /* what is taken must be released, once */
        if (code) break;
    }
    schema.release(&schema);
    return code;
}

int main(void)
{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = NULL;
    laminar_result *rows = NULL;
    struct ArrowArrayStream stream = {0};
    struct batch batch;
    uint64_t n_inserted = 0;
    int64_t n_rows = 0;
    int code = 1;

    fill(&batch);
    if (laminar_open(":memory:", NULL, &db, &err)) goto done;
    if (laminar_create_source_arrow(db, "people", &batch.schema, &err)) goto done;
    if (laminar_insert_arrow(db, "people", &batch.schema, &batch.array, &n_inserted, &err))
        goto done; /* takes the array */
    if (laminar_execute(db, "SELECT id, name FROM people WHERE id <> 1 ORDER BY id", &rows, &err))
        goto done;
    if (laminar_result_export_stream(rows, &stream, &err)) goto done;
    code = print_stream(&stream, &n_rows) != 0 || n_inserted != 3 || n_rows != 2;

done:
    if (err.code != LAMINAR_OK)
        fprintf(stderr, "%s (%d): %s\n", laminar_status_title(err.code), (int)err.code,
                err.message);
    if (stream.release) stream.release(&stream);
    laminar_result_free(rows);
    laminar_db_free(db);
    return code;
}
