/* test_vector_arrow_bad.c - what must be refused: schemas and arrays that lie, with an error and without a crash or a leak. */
#include "base/error.h"
#include "hand_arrow.h"

static struct laminar_error err = LAMINAR_ERROR_INIT;

/* The import fails, and says `text`. */
static void expect_bad(struct hand *column, int64_t length, laminar_status status, const char *text)
{
    struct hand root;
    hand_root(&root, column, length);
    int64_t live = mem_live_count();
    error_clear(&err);
    assert_null(hand_import(&root, &err));
    if (err.code != status || !strstr(err.message, text))
        fail_msg("%d %s", (int)err.code, err.message);
    assert_int_equal(mem_live_count(), live);
}
#define BAD_ARRAY(h, length, text) expect_bad((h), (length), LAMINAR_INGESTION_FAILED, (text))
#define BAD_SCHEMA(h, text) expect_bad((h), 0, LAMINAR_INVALID_SCHEMA, (text))

static int64_t numbers[8] = {1, 2, 3, 4, 5, 6, 7, 8};
static int32_t offsets[5] = {0, 1, 2, 3, 4};

static void wrong_schemas(void **state)
{
    (void)state;
    struct hand h, a, b;
    static const char *const formats[] = {"",
                                          "x",
                                          "ll",
                                          "+",
                                          "+x",
                                          "t",
                                          "td",
                                          "tdx",
                                          "tsx:",
                                          "ts",
                                          "d:",
                                          "d:5",
                                          "d:39,2",
                                          "d:5,6",
                                          "d:5,-1",
                                          "d:0,0",
                                          "d:5,2,256",
                                          "d:5,2,",
                                          "d:5,2,64x",
                                          "w:",
                                          "w:-1",
                                          "w:x",
                                          "w:99999999999",
                                          "+w:",
                                          "+ud:0,1",
                                          "+us:0",
                                          "tDx",
                                          "tix",
                                          "ttx",
                                          "d:99999999999,1",
                                          "\xff"};
    for (size_t i = 0; i < ARRAY_LENGTH(formats); i++) {
        HAND(&h, formats[i], 0, 0, 0, NULL, NULL);
        BAD_SCHEMA(&h, "");
    }
    HAND(&h, "l", 0, 0, 0, NULL, NULL);
    HAND(&a, "l", 0, 0, 0, NULL, NULL);
    hand_child(&h, &a, "a");
    BAD_SCHEMA(&h, "children");
    HAND(&h, "+l", 0, 0, 0, NULL, NULL);
    BAD_SCHEMA(&h, "children");
    h.schema.n_children = -1;
    BAD_SCHEMA(&h, "children");
    h.schema.n_children = INT64_MAX;
    BAD_SCHEMA(&h, "children");
    HAND(&h, "+s", 0, 0, 0, NULL);
    h.schema.n_children = 3;
    BAD_SCHEMA(&h, "a child is missing");
    h.schema.children = NULL;
    BAD_SCHEMA(&h, "children");
    HAND(&h, "+s", 0, 0, 0, NULL);
    HAND(&b, "l", 0, 0, 0, NULL, NULL);
    hand_child(&h, &a, "twice");
    hand_child(&h, &b, "twice");
    BAD_SCHEMA(&h, "'twice' occurs twice");
    b.schema.name = "\xC3(";
    BAD_SCHEMA(&h, "UTF-8");
    b.schema.name = "fine";
    b.schema.release = NULL;
    BAD_SCHEMA(&h, "released");
    HAND(&h, "+m", 0, 0, 0, NULL, NULL);
    HAND(&a, "+s", 0, 0, 0, NULL);
    hand_child(&h, &a, "entries");
    BAD_SCHEMA(&h, "map");
    HAND(&h, "u", 0, 0, 0, NULL, NULL);
    hand_dictionary(&h, &a);
    BAD_SCHEMA(&h, "not integers");
    HAND(&h, "+r", 0, 0, 0, NULL);
    HAND(&a, "u", 0, 0, 0, NULL, NULL, NULL);
    HAND(&b, "u", 0, 0, 0, NULL, NULL, NULL);
    hand_child(&h, &a, "run_ends");
    hand_child(&h, &b, "values");
    BAD_SCHEMA(&h, "run ends");
}

static void wrong_roots(void **state)
{
    (void)state;
    struct hand root, a, b;
    struct schema *schema;
    HAND(&root, "l", 0, 0, 0, NULL, NULL);
    assert_int_equal(arrow_import_schema(&root.schema, &schema, &err), LAMINAR_INVALID_SCHEMA);
    HAND(&root, "+s", 0, 0, 0, NULL);
    HAND(&a, "l", 0, 0, 0, NULL, NULL);
    HAND(&b, "l", 0, 0, 0, NULL, NULL);
    hand_child(&root, &a, "x");
    hand_child(&root, &b, "x");
    assert_int_equal(arrow_import_schema(&root.schema, &schema, &err), LAMINAR_INVALID_SCHEMA);
    assert_non_null(strstr(err.message, "'x' occurs twice"));
    b.schema.name = "";
    assert_int_equal(arrow_import_schema(&root.schema, &schema, &err), LAMINAR_INVALID_SCHEMA);
    b.schema.name = NULL;
    assert_int_equal(arrow_import_schema(&root.schema, &schema, &err), LAMINAR_INVALID_SCHEMA);
    assert_non_null(strstr(err.message, "no name"));
    assert_int_equal(arrow_import_schema(NULL, &schema, &err), LAMINAR_INVALID_SCHEMA);
    /* Many columns: duplicates are found by a map. */
    enum { MANY = 100 };
    static struct hand many[MANY];
    static char names[MANY][8];
    struct ArrowSchema *children[MANY];
    for (size_t i = 0; i < MANY; i++) {
        HAND(&many[i], "l", 0, 0, 0, NULL, NULL);
        names[i][0] = (char)('A' + i / 26);
        names[i][1] = (char)('a' + i % 26);
        many[i].schema.name = names[i];
        children[i] = &many[i].schema;
    }
    root.schema.children = children;
    root.schema.n_children = MANY;
    assert_int_equal(arrow_import_schema(&root.schema, &schema, &err), 0);
    schema_unref(schema);
    many[77].schema.name = names[3];
    assert_int_equal(arrow_import_schema(&root.schema, &schema, &err), LAMINAR_INVALID_SCHEMA);
}

static void depth_bombs(void **state)
{
    (void)state;
    static struct hand nodes[300];
    struct hand root;
    for (size_t depth = 30; depth < ARRAY_LENGTH(nodes); depth += 30) {
        for (size_t kind = 0; kind < 3; kind++) {
            for (size_t i = 0; i < depth; i++) {
                if (i + 1 == depth || kind == 1)
                    HAND(&nodes[i], "l", 0, 0, 0, NULL, NULL);
                else
                    HAND(&nodes[i], kind ? "+s" : "+l", 0, 0, 0, NULL, NULL);
            }
            for (size_t i = 0; i + 1 < depth; i++) {
                /* dictionaries of dictionaries */
                if (kind == 1)
                    hand_dictionary(&nodes[i], &nodes[i + 1]);
                else
                    hand_child(&nodes[i], &nodes[i + 1], "x");
            }
            hand_root(&root, &nodes[0], 0);
            struct schema *schema;
            laminar_status status = arrow_import_schema(&root.schema, &schema, &err);
            assert_int_equal(status, depth > (kind == 1 ? 2 * TYPE_DEPTH_MAX : TYPE_DEPTH_MAX)
                                         ? LAMINAR_INVALID_SCHEMA
                                         : LAMINAR_OK);
            if (!status) schema_unref(schema);
        }
    }
    /* A tree of 2^30 leaves out of 60 nodes: "a" and "b" of a level have the "a" and "b" of the next one as children. */
    for (size_t i = 0; i < 60; i++) {
        HAND(&nodes[i], i >= 58 ? "l" : "+s", 0, 0, 0, NULL);
        nodes[i].schema.name = i % 2 ? "b" : "a";
    }
    for (size_t i = 0; i < 58; i++) {
        nodes[i].schema_children[0] = &nodes[i / 2 * 2 + 2].schema;
        nodes[i].schema_children[1] = &nodes[i / 2 * 2 + 3].schema;
        nodes[i].schema.n_children = 2;
    }
    BAD_SCHEMA(&nodes[0], "nodes");
    /* A schema that contains itself. */
    HAND(&nodes[0], "+l", 0, 0, 0, NULL, NULL);
    hand_child(&nodes[0], &nodes[0], "x");
    BAD_SCHEMA(&nodes[0], "deep");
}

static void wrong_lengths(void **state)
{
    (void)state;
    struct hand h;
    HAND(&h, "l", -1, 0, 0, NULL, numbers);
    BAD_ARRAY(&h, 0, "length is -1");
    HAND(&h, "l", 4, 0, -1, NULL, numbers);
    BAD_ARRAY(&h, 4, "offset -1");
    HAND(&h, "l", 4, 0, INT64_MAX, NULL, numbers);
    BAD_ARRAY(&h, 4, "offset");
    HAND(&h, "l", INT64_MAX, 0, INT64_MAX, NULL, numbers);
    BAD_ARRAY(&h, 4, "length");
    HAND(&h, "l", 3, 0, 0, NULL, numbers);
    BAD_ARRAY(&h, 4, "3 rows where 4 are needed");
    HAND(&h, "l", 4, -2, 0, NULL, numbers);
    BAD_ARRAY(&h, 4, "null count");
    HAND(&h, "l", 4, 5, 0, NULL, numbers);
    BAD_ARRAY(&h, 4, "null count");
    HAND(&h, "l", 4, 1, 0, NULL, numbers);
    BAD_ARRAY(&h, 4, "no validity");
    struct hand root;
    HAND(&h, "l", 4, 0, 0, NULL, numbers);
    hand_root(&root, &h, INT64_MAX);
    assert_null(hand_import(&root, &err));
    hand_root(&root, &h, -3);
    assert_null(hand_import(&root, &err));
    hand_root(&root, &h, 4);
    root.array.null_count = 1;
    root.buffers[0] = (uint8_t[]){0x07};
    assert_null(hand_import(&root, &err));
    assert_non_null(strstr(err.message, "whole row"));
    hand_root(&root, &h, 4);
    root.array.n_children = 0;
    assert_null(hand_import(&root, &err));
}

static void wrong_buffers(void **state)
{
    (void)state;
    struct hand h;
    HAND(&h, "l", 4, 0, 0, NULL, NULL);
    BAD_ARRAY(&h, 4, "buffer 1 is missing");
    HAND(&h, "l", 4, 0, 0, NULL);
    BAD_ARRAY(&h, 4, "1 buffers");
    HAND(&h, "l", 4, 0, 0, NULL, numbers, numbers);
    BAD_ARRAY(&h, 4, "3 buffers");
    h.array.n_buffers = -1;
    BAD_ARRAY(&h, 4, "-1 buffers");
    HAND(&h, "l", 4, 0, 0, NULL, numbers);
    h.array.buffers = NULL;
    BAD_ARRAY(&h, 4, "buffers");
    HAND(&h, "u", 4, 0, 0, NULL, NULL, "abcd");
    BAD_ARRAY(&h, 4, "buffer 1 is missing");
    HAND(&h, "u", 4, 0, 0, NULL, offsets, NULL);
    BAD_ARRAY(&h, 4, "buffer 2 is missing");
    HAND(&h, "b", 4, 0, 0, NULL, NULL);
    BAD_ARRAY(&h, 4, "missing");
    HAND(&h, "vu", 1, 0, 0, NULL, numbers);
    BAD_ARRAY(&h, 1, "2 buffers");
    HAND(&h, "l", 4, 0, 0, NULL, numbers);
    h.array.release = NULL;
    BAD_ARRAY(&h, 4, "released");
}

static void wrong_strings(void **state)
{
    (void)state;
    struct hand h;
    HAND(&h, "u", 2, 0, 0, NULL, ((int32_t[]){-1, 1, 2}), "abcd");
    BAD_ARRAY(&h, 2, "offset");
    HAND(&h, "u", 2, 0, 0, NULL, ((int32_t[]){0, 2, 1}), "abcd");
    BAD_ARRAY(&h, 2, "offset");
    HAND(&h, "U", 2, 0, 0, NULL, ((int64_t[]){0, 2, 1}), "abcd");
    BAD_ARRAY(&h, 2, "offset");
    HAND(&h, "U", 2, 0, 0, NULL, ((int64_t[]){INT64_MIN, 2, 3}), "abcd");
    BAD_ARRAY(&h, 2, "offset");
    HAND(&h, "u", 2, 0, 0, NULL, ((int32_t[]){0, 1, 3}), "a\xC3(");
    BAD_ARRAY(&h, 2, "row 1 is not UTF-8");
    /* a character across two rows */
    HAND(&h, "u", 2, 0, 0, NULL, ((int32_t[]){0, 1, 2}), "\xC3\xA4");
    BAD_ARRAY(&h, 2, "row 0 is not UTF-8");
    struct {
        int32_t size;
        char prefix[4];
        int32_t buffer;
        int32_t offset;
    } view = {20, "abcd", 0, 0};
    int64_t sizes[1] = {20};
    const char *data = "abcdefghijklmnopqrst";
    HAND(&h, "vu", 1, 0, 0, NULL, &view, data, sizes);
    struct hand root;
    hand_root(&root, &h, 1);
    batch_unref(hand_import(&root, &err));
    assert_null(root.array.release);
    view.size = -1;
    BAD_ARRAY(&h, 1, "size -1");
    view.size = 21;
    BAD_ARRAY(&h, 1, "outside");
    view.size = 20;
    view.offset = 1;
    BAD_ARRAY(&h, 1, "outside");
    view.offset = -1;
    BAD_ARRAY(&h, 1, "outside");
    view.offset = 0;
    view.buffer = 1;
    BAD_ARRAY(&h, 1, "buffer 1 of 1");
    view.buffer = -1;
    BAD_ARRAY(&h, 1, "buffer -1");
    view.size = 2;
    view.prefix[1] = '\xC3';
    BAD_ARRAY(&h, 1, "UTF-8");
}

static void wrong_values(void **state)
{
    (void)state;
    struct hand h;
    _Alignas(16) int128 decimal[1] = {100000};
    HAND(&h, "d:5,2", 1, 0, 0, NULL, decimal);
    BAD_ARRAY(&h, 1, "more than 5 digits");
    decimal[0] = -100000;
    BAD_ARRAY(&h, 1, "more than 5 digits");
    HAND(&h, "tdm", 1, 0, 0, NULL, ((int64_t[]){1}));
    BAD_ARRAY(&h, 1, "whole day");
    HAND(&h, "tdm", 1, 0, 0, NULL, ((int64_t[]){INT64_MAX}));
    BAD_ARRAY(&h, 1, "whole day");
    HAND(&h, "ttu", 1, 0, 0, NULL, ((int64_t[]){INT64_C(86400000000)}));
    BAD_ARRAY(&h, 1, "within a day");
    HAND(&h, "tts", 1, 0, 0, NULL, ((int32_t[]){-1}));
    BAD_ARRAY(&h, 1, "within a day");
    HAND(&h, "tDs", 1, 0, 0, NULL, ((int64_t[]){INT64_MAX}));
    BAD_ARRAY(&h, 1, "does not fit");
}

static void wrong_nesting(void **state)
{
    (void)state;
    struct hand h, items, keys, entries;
    HAND(&items, "l", 3, 0, 0, NULL, numbers);
    HAND(&h, "+l", 2, 0, 0, NULL, ((int32_t[]){0, 2, 4}));
    hand_child(&h, &items, "item");
    BAD_ARRAY(&h, 2, "3 rows where 4 are needed");
    HAND(&h, "+l", 2, 0, 0, NULL, ((int32_t[]){0, 2, 1}));
    hand_child(&h, &items, "item");
    BAD_ARRAY(&h, 2, "offset");
    HAND(&h, "+L", 2, 0, 0, NULL, ((int64_t[]){0, 2, INT64_MAX}));
    hand_child(&h, &items, "item");
    BAD_ARRAY(&h, 2, "more than");
    HAND(&h, "+vl", 1, 0, 0, NULL, ((int32_t[]){1}), ((int32_t[]){3}));
    hand_child(&h, &items, "item");
    BAD_ARRAY(&h, 1, "outside its items");
    HAND(&h, "+vL", 1, 0, 0, NULL, ((int64_t[]){INT64_MAX}), ((int64_t[]){INT64_MAX}));
    hand_child(&h, &items, "item");
    BAD_ARRAY(&h, 1, "outside its items");
    HAND(&h, "+w:2", 2, 0, 0, NULL);
    hand_child(&h, &items, "item");
    BAD_ARRAY(&h, 2, "3 rows where 4 are needed");
    HAND(&h, "+w:2147483647", 3, 0, 0, NULL);
    hand_child(&h, &items, "item");
    BAD_ARRAY(&h, 3, "more than");
    h.array.children = NULL;
    BAD_ARRAY(&h, 3, "children");
    HAND(&keys, "l", 3, 1, 0, ((uint8_t[]){0x05}), numbers);
    HAND(&entries, "+s", 3, 0, 0, NULL);
    hand_child(&entries, &keys, "key");
    hand_child(&entries, &items, "value");
    HAND(&h, "+m", 1, 0, 0, NULL, ((int32_t[]){0, 3}));
    hand_child(&h, &entries, "entries");
    BAD_ARRAY(&h, 1, "key of a map is null");
    entries.array.null_count = 1;
    entries.buffers[0] = (uint8_t[]){0x05};
    BAD_ARRAY(&h, 1, "entry of a map is null");
    struct hand nothing;
    HAND(&nothing, "n", 3, 3, 0, NULL);
    nothing.array.n_buffers = 0;
    HAND(&entries, "+s", 3, 0, 0, NULL);
    hand_child(&entries, &nothing, "key");
    hand_child(&entries, &items, "value");
    BAD_ARRAY(&h, 1, "key of a map is null");
}

static void wrong_encodings(void **state)
{
    (void)state;
    struct hand h, values, ends;
    HAND(&values, "l", 3, 0, 0, NULL, numbers);
    HAND(&h, "i", 2, 0, 0, NULL, ((int32_t[]){0, 3}));
    hand_dictionary(&h, &values);
    BAD_ARRAY(&h, 2, "index in row 1 is 3");
    HAND(&h, "i", 2, 0, 0, NULL, ((int32_t[]){-1, 3}));
    hand_dictionary(&h, &values);
    BAD_ARRAY(&h, 2, "index in row 0 is -1");
    HAND(&h, "L", 1, 0, 0, NULL, ((uint64_t[]){UINT64_MAX}));
    hand_dictionary(&h, &values);
    BAD_ARRAY(&h, 1, "outside the dictionary");
    h.array.dictionary = NULL;
    BAD_ARRAY(&h, 1, "dictionary is missing");
    values.array.length = -5;
    h.array.dictionary = &values.array;
    BAD_ARRAY(&h, 1, "outside the dictionary");
    HAND(&h, "l", 1, 0, 0, NULL, numbers);
    h.array.dictionary = &values.array;
    BAD_ARRAY(&h, 1, "schema lacks");

    static const struct {
        int32_t ends[3];
        const char *text;
    } runs[] = {{{2, 2, 6}, "run end 1 is 2 after 2"},
                {{-1, 2, 6}, "run end 0 is -1"},
                {{1, 2, 3}, "end at 3"},
                {{0, 2, 6}, "run end 0"}};
    for (size_t i = 0; i < ARRAY_LENGTH(runs); i++) {
        HAND(&values, "l", 3, 0, 0, NULL, numbers);
        HAND(&ends, "i", 3, 0, 0, NULL, runs[i].ends);
        HAND(&h, "+r", 6, 0, 0, NULL);
        h.array.n_buffers = 0;
        hand_child(&h, &ends, "run_ends");
        hand_child(&h, &values, "values");
        BAD_ARRAY(&h, 6, runs[i].text);
    }
    HAND(&ends, "i", 3, 0, 0, NULL, ((int32_t[]){2, 4, 6}));
    ends.schema.name = "run_ends";
    values.array.length = 2;
    BAD_ARRAY(&h, 6, "fewer values");
}

static void known_sizes_are_checked(void **state)
{
    (void)state;
    struct hand h, root;
    struct schema *schema;
    struct batch *batch;
    HAND(&h, "u", 4, 0, 0, NULL, offsets, "abcd");
    hand_root(&root, &h, 4);
    assert_int_equal(arrow_import_schema(&root.schema, &schema, &err), 0);
    const int64_t good[4] = {0, 0, 20, 4};
    for (size_t i = 0; i < 6; i++) {
        int64_t sizes[4];
        memcpy(sizes, good, sizeof good);
        if (i == 2 || i == 3) sizes[i]--;
        if (i == 4) sizes[2] = -1;
        struct arrow_import_options options = {.buffer_bytes = sizes,
                                               .n_buffer_bytes = i == 5 ? 3 : 4};
        laminar_status status = arrow_import_batch_with(&root.schema, &root.array, schema, &options,
                                                        &batch, &err);
        assert_int_equal(status, i < 2 ? LAMINAR_OK : LAMINAR_INGESTION_FAILED);
        if (status) continue;
        batch_unref(batch);
        hand_root(&root, &h, 4);
    }
    schema_unref(schema);
}

static void other_schemas_are_refused(void **state)
{
    (void)state;
    struct hand h, root;
    struct batch *batch;
    struct schema_column column = {"x", TYPE(INT32), true};
    struct schema *schema = schema_create(&column, 1), *none = schema_create(NULL, 0);
    HAND(&h, "l", 4, 0, 0, NULL, numbers);
    hand_root(&root, &h, 4);
    assert_int_equal(arrow_import_batch(&root.schema, &root.array, schema, &batch, &err),
                     LAMINAR_INGESTION_FAILED);
    assert_int_equal(arrow_import_batch(&root.schema, &root.array, none, &batch, &err),
                     LAMINAR_INGESTION_FAILED);
    schema_unref(schema);
    schema_unref(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_schemas),
        cmocka_unit_test(wrong_roots),
        cmocka_unit_test(depth_bombs),
        cmocka_unit_test(wrong_lengths),
        cmocka_unit_test(wrong_buffers),
        cmocka_unit_test(wrong_strings),
        cmocka_unit_test(wrong_values),
        cmocka_unit_test(wrong_nesting),
        cmocka_unit_test(wrong_encodings),
        cmocka_unit_test(known_sizes_are_checked),
        cmocka_unit_test(other_schemas_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
