/* test_vector_arrow.c - round trips through the Arrow C data interface, and arrays written by hand in every layout that is read. */
#include "base/error.h"
#include "hand_arrow.h"
#include "vector/text.h"
#include <stdio.h>

static struct data_type types[RANDOM_TYPES_MAX];
static size_t n_types;

static int set_up(void **state)
{
    (void)state;
    n_types = random_types(types);
    return 0;
}

/* --- Round trips ----------------------------------------------------------------------------------------------------------------- */

static struct batch *random_batch(size_t n, unsigned null_percent, bool with_weights)
{
    struct schema_column columns[RANDOM_TYPES_MAX];
    char names[RANDOM_TYPES_MAX][24];
    struct column source[RANDOM_TYPES_MAX];
    struct vector vectors[RANDOM_TYPES_MAX];
    int64_t weights[CHUNK_ROWS];
    struct batch_builder *builder;
    struct batch *batch;
    for (size_t t = 0; t < n_types; t++) {
        snprintf(names[t], sizeof names[t], "c%zu", t);
        columns[t] = (struct schema_column){names[t], types[t], t % 2};
        assert_int_equal(column_init(&source[t], types[t], NULL), 0);
        assert_int_equal(random_append(&source[t], n, null_percent, NULL), 0);
        vectors[t] = source[t].vec;
    }
    for (size_t i = 0; i < n; i++) weights[i] = i % 2 ? 1 : -1;
    struct schema *schema = schema_create(columns, (uint32_t)n_types);
    struct chunk chunk = {(uint32_t)n, (uint32_t)n_types, vectors, with_weights ? weights : NULL};
    assert_int_equal(batch_builder_create(schema, NULL, &builder, NULL), 0);
    /* The selection turns lists' items out of order. */
    uint32_t sel[CHUNK_ROWS];
    for (size_t i = 0; i < n; i++) sel[i] = (uint32_t)(n - 1 - i);
    assert_int_equal(batch_builder_append_sel(builder, &chunk, sel, n, NULL), 0);
    assert_int_equal(batch_builder_append(builder, &chunk, NULL), 0);
    assert_int_equal(batch_builder_finish(builder, &batch, NULL), 0);
    batch_builder_free(builder);
    for (size_t t = 0; t < n_types; t++) column_deinit(&source[t]);
    schema_unref(schema);
    return batch;
}

static void check_round_trip(struct batch *batch, size_t offset, size_t n, unsigned flags)
{
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct ArrowSchema arrow_schema;
    struct ArrowArray array;
    struct schema *schema;
    struct batch *back;
    assert_int_equal(arrow_export_schema(batch->schema, flags, &arrow_schema, &err), 0);
    assert_int_equal(arrow_export_batch(batch, offset, n, flags, &array, &err), 0);
    assert_int_equal(array.n_children, batch->n_cols + (flags & ARROW_EXPORT_WEIGHT ? 1 : 0));
    assert_int_equal(arrow_import_schema(&arrow_schema, &schema, &err), 0);
    /* Move on by some rows, as a consumer may slice: in the root, and in one child. */
    size_t skip = n > 20 ? random_below(13) : 0;
    array.offset += (int64_t)skip;
    array.length -= (int64_t)skip;
    laminar_status status = arrow_import_batch(&arrow_schema, &array, schema, &back, &err);
    if (status) fail_msg("%s", err.message);
    assert_null(array.release);
    arrow_schema.release(&arrow_schema);
    assert_int_equal(back->n_rows, n - skip);
    for (uint32_t t = 0; t < batch->n_cols; t++) {
        assert_string_equal(schema->columns[t].name, batch->schema->columns[t].name);
        assert_int_equal(schema->columns[t].is_nullable, batch->schema->columns[t].is_nullable);
        assert_string_equal(TYPE_TEXT(schema->columns[t].type),
                            TYPE_TEXT(batch->schema->columns[t].type));
        assert_same_rows(&back->cols[t], 0, &batch->cols[t], offset + skip, n - skip);
    }
    if (flags & ARROW_EXPORT_WEIGHT) {
        const int64_t *weights = back->cols[batch->n_cols].data;
        assert_string_equal(schema->columns[batch->n_cols].name, ARROW_WEIGHT_NAME);
        for (size_t i = 0; i < n - skip; i++)
            assert_int_equal(weights[i], batch->weights ? batch->weights[offset + skip + i] : 1);
    }
    /* And once more, from vectors that point into Arrow's memory. */
    struct ArrowArray again;
    assert_int_equal(arrow_export_batch(back, 0, back->n_rows, ARROW_EXPORT_VIEWS, &again, &err),
                     0);
    batch_unref(back);
    again.release(&again);
    schema_unref(schema);
}

static void batches_round_trip(void **state)
{
    (void)state;
    int64_t live = 0;
    for (unsigned nulls = 0; nulls <= 100; nulls += 25) {
        if (nulls == 25) live = mem_live_count(); /* printing has loaded its time zones */
        struct batch *batch = random_batch(150, nulls, nulls == 50);
        check_round_trip(batch, 0, batch->n_rows, 0);
        check_round_trip(batch, 0, batch->n_rows, ARROW_EXPORT_VIEWS | ARROW_EXPORT_WEIGHT);
        for (int round = 0; round < 10; round++) {
            size_t offset = random_below(batch->n_rows), n = random_below(batch->n_rows - offset);
            check_round_trip(batch, offset, n, (unsigned)round % 4);
        }
        check_round_trip(batch, 7, 0, 0);
        batch_unref(batch);
    }
    assert_int_equal(mem_live_count(), live);
}

static void fixed_width_is_not_copied(void **state)
{
    (void)state;
    _Alignas(64) int64_t values[16] = {1, 2, 3, 4, 5};
    struct hand root, column;
    HAND(&column, "l", 16, 0, 0, NULL, values);
    hand_root(&root, &column, 16);
    struct batch *batch = hand_import(&root, NULL);
    assert_ptr_equal(batch->cols[0].data, values);
    struct ArrowArray array;
    assert_int_equal(arrow_export_batch(batch, 3, 5, 0, &array, NULL), 0);
    assert_ptr_equal(array.children[0]->buffers[1], values + 3);
    array.release(&array);
    batch_unref(batch);
    HAND(&column, "l", 15, 0, 0, NULL, (const char *)values + 1); /* allowed, if odd: copied */
    hand_root(&root, &column, 15);
    batch = hand_import(&root, NULL);
    assert_int_equal((uintptr_t)batch->cols[0].data % 8, 0);
    assert_memory_equal(batch->cols[0].data, (const char *)values + 1, 15 * 8);
    batch_unref(batch);
}

static void children_live_on_their_own(void **state)
{
    (void)state;
    int64_t live = mem_live_count();
    struct batch *batch = random_batch(20, 10, false);
    struct ArrowSchema schema, schema_child;
    struct ArrowArray array, child;
    assert_int_equal(arrow_export_schema(batch->schema, 0, &schema, NULL), 0);
    assert_int_equal(arrow_export_batch(batch, 0, batch->n_rows, 0, &array, NULL), 0);
    batch_unref(batch);
    size_t last = n_types - 1; /* a list of structs */
    child = *array.children[last];
    array.children[last]->release = NULL;
    schema_child = *schema.children[last];
    schema.children[last]->release = NULL;
    array.release(&array);
    schema.release(&schema);
    assert_string_equal(schema_child.format, "+l");
    struct ArrowSchema rows_schema = {.format = "+s",
                                      .name = "",
                                      .n_children = 1,
                                      .children = &(struct ArrowSchema *){&schema_child},
                                      .release = hand_release_schema};
    struct ArrowArray rows = {.length = child.length,
                              .n_buffers = 1,
                              .buffers = &(const void *){NULL},
                              .n_children = 1,
                              .children = &(struct ArrowArray *){&child},
                              .release = hand_release_array};
    struct schema *names;
    struct batch *back;
    assert_int_equal(arrow_import_schema(&rows_schema, &names, NULL), 0);
    assert_int_equal(arrow_import_batch(&rows_schema, &rows, names, &back, NULL), 0);
    for (size_t i = 0; i < back->n_rows; i++) row_text(&back->cols[0], i);
    batch_unref(back);
    schema_unref(names);
    child.release(&child);
    schema_child.release(&schema_child);
    assert_int_equal(mem_live_count(), live);
}

/* --- By hand ------------------------------------------------------------------------------------------------------------------------ */

/* Imports `column`, with offsets 0.. `max_offset` in the array and in the root, and compares the rows as text. */
static void expect_rows(struct hand *column, const char *type, size_t n, const char *const *rows)
{
    struct laminar_error err = LAMINAR_ERROR_INIT;
    for (size_t root_offset = 0; root_offset < 2 && root_offset <= n; root_offset++) {
        for (size_t child_offset = 0; child_offset + root_offset <= n && child_offset < 2;
             child_offset++) {
            struct hand copy = *column, root;
            size_t skip = root_offset + child_offset;
            copy.array.buffers = copy.buffers;
            copy.schema.children = copy.schema_children;
            copy.array.children = copy.array_children;
            copy.array.offset += (int64_t)child_offset;
            copy.array.length = (int64_t)(n - child_offset);
            if (copy.array.null_count > copy.array.length)
                copy.array.null_count = copy.array.length;
            hand_root(&root, &copy, (int64_t)(n - skip));
            root.array.offset = (int64_t)root_offset;
            struct batch *batch = hand_import(&root, &err);
            if (!batch) fail_msg("%s", err.message);
            assert_string_equal(TYPE_TEXT(batch->cols[0].type), type);
            assert_int_equal(batch->n_rows, n - skip);
            for (size_t i = 0; i < n - skip; i++)
                assert_string_equal(row_text(&batch->cols[0], i), rows[skip + i]);
            batch_unref(batch);
        }
    }
}
#define ROWS(...)                                                                                  \
    ARRAY_LENGTH(((const char *[]){__VA_ARGS__})), (const char *[]) { __VA_ARGS__ }
#define NO "(null)NULL"

static const uint8_t bits_101[1] = {0x05}; /* rows 0 and 2 valid */
static const uint8_t bits_110[1] = {0x06};

static void strings_of_all_layouts(void **state)
{
    (void)state;
    struct hand h;
    const char *bytes = "abcdefghijklmnopqrstuvwxyz\xC3\xA4";
    int32_t offsets[] = {0, 2, 2, 15, 28};
    int64_t wide[] = {0, 2, 2, 15, 28};
    HAND(&h, "u", 4, 0, 0, NULL, offsets, bytes);
    expect_rows(&h, "VARCHAR", ROWS("ab", "", "cdefghijklmno", "pqrstuvwxyz\xC3\xA4"));
    HAND(&h, "U", 4, 0, 0, NULL, wide, bytes);
    expect_rows(&h, "VARCHAR", ROWS("ab", "", "cdefghijklmno", "pqrstuvwxyz\xC3\xA4"));
    HAND(&h, "U", 3, -1, 0, bits_110, wide, bytes);
    expect_rows(&h, "VARCHAR", ROWS(NO, "", "cdefghijklmno"));
    HAND(&h, "z", 3, 1, 0, bits_101, offsets, "ab\x00\xFFghijklmnopqrstuv");
    expect_rows(&h, "BINARY", ROWS("ab", NO, "\\x00\\xffghijklmnopq"));
    HAND(&h, "w:3", 3, 1, 0, bits_101, "abcdefghi");
    expect_rows(&h, "BINARY", ROWS("abc", NO, "ghi"));
    HAND(&h, "w:13", 2, 0, 0, NULL, "abcdefghijklmnopqrstuvwxyz");
    expect_rows(&h, "BINARY", ROWS("abcdefghijklm", "nopqrstuvwxyz"));
    int32_t bad_utf8_under_null[] = {0, 1, 2, 3};
    HAND(&h, "u", 3, 1, 0, bits_101, bad_utf8_under_null, "a\xFFz");
    expect_rows(&h, "VARCHAR", ROWS("a", NO, "z"));
    struct {
        int32_t size;
        char text[12];
    } views[4] = {{2, "hi\x01junk"}, {99, ""}, {13, ""}, {14, ""}};
    memcpy(views[2].text, "thir\1\0\0\0\2\0\0\0", 12); /* buffer 1, offset 2 */
    memcpy(views[3].text, "four\0\0\0\0\0\0\0\0", 12);
    int64_t sizes[2] = {14, 15};
    static const uint8_t valid[1] = {0x0D};
    HAND(&h, "vu", 4, 1, 0, valid, views, "fourteen bytes", "..thirteen by.t", sizes);
    expect_rows(&h, "VARCHAR", ROWS("hi", NO, "thirteen by.t", "fourteen bytes"));
}

static void numbers_of_all_layouts(void **state)
{
    (void)state;
    struct hand h;
    uint8_t bools[] = {0xB5, 0x02};
    HAND(&h, "b", 10, 0, 0, NULL, bools);
    expect_rows(
        &h, "BOOLEAN",
        ROWS("true", "false", "true", "false", "true", "true", "false", "true", "false", "true"));
    int8_t i8[] = {-1, 0, 127};
    HAND(&h, "c", 3, 1, 0, bits_101, i8);
    expect_rows(&h, "TINYINT", ROWS("-1", NO, "127"));
    uint64_t u64[] = {0, UINT64_MAX};
    HAND(&h, "L", 2, 0, 0, NULL, u64);
    expect_rows(&h, "BIGINT UNSIGNED", ROWS("0", "18446744073709551615"));
    uint16_t halfs[] = {0x3C00, 0xC000, 0x0001, 0x7C00, 0x3555, 0x8000};
    HAND(&h, "e", 6, 0, 0, NULL, halfs);
    expect_rows(&h, "REAL", ROWS("1.0", "-2.0", "5.9604645e-08", "Infinity", "0.33325195", "-0.0"));
    _Alignas(16) int128 wide[] = {12345, -1};
    HAND(&h, "d:10,2", 2, 0, 0, NULL, wide);
    expect_rows(&h, "DECIMAL(10,2)", ROWS("123.45", "-0.01"));
    int64_t d64[] = {12345, -1};
    int32_t d32[] = {12345, -1};
    HAND(&h, "d:10,2,64", 2, 0, 0, NULL, d64);
    expect_rows(&h, "DECIMAL(10,2)", ROWS("123.45", "-0.01"));
    HAND(&h, "d:9,2,32", 2, 0, 0, NULL, d32);
    expect_rows(&h, "DECIMAL(9,2)", ROWS("123.45", "-0.01"));
    HAND(&h, "n", 2, 2, 0, NULL);
    h.array.n_buffers = 0;
    expect_rows(&h, "NULL", ROWS(NO, NO));
}

static void times_of_all_layouts(void **state)
{
    (void)state;
    struct hand h;
    int32_t days[] = {0, -1, 20000};
    HAND(&h, "tdD", 3, 1, 0, bits_101, days);
    expect_rows(&h, "DATE", ROWS("1970-01-01", NO, "2024-10-04"));
    int64_t ms[] = {0, -86400000, 86400000};
    HAND(&h, "tdm", 3, 0, 0, NULL, ms);
    expect_rows(&h, "DATE", ROWS("1970-01-01", "1969-12-31", "1970-01-02"));
    int32_t t32[] = {0, 3661, 86399};
    HAND(&h, "tts", 3, 0, 0, NULL, t32);
    expect_rows(&h, "TIME(0)", ROWS("00:00:00", "01:01:01", "23:59:59"));
    HAND(&h, "ttm", 2, 0, 0, NULL, ((int32_t[]){1, 86399999}));
    expect_rows(&h, "TIME(3)", ROWS("00:00:00.001", "23:59:59.999"));
    int64_t stamps[] = {0, 1500, -1};
    HAND(&h, "tsm:", 3, 0, 0, NULL, stamps);
    expect_rows(&h, "TIMESTAMP(3)",
                ROWS("1970-01-01 00:00:00", "1970-01-01 00:00:01.5", "1969-12-31 23:59:59.999"));
    HAND(&h, "tsm:UTC", 1, 0, 0, NULL, stamps);
    expect_rows(&h, "TIMESTAMP(3) WITH TIME ZONE", ROWS("1970-01-01 00:00:00+00"));
    int64_t durations[] = {1, 2, -3};
    struct laminar_interval *interval;
    static const char *const formats[] = {"tDs", "tDm", "tDu", "tDn"};
    int64_t nanos = 1000000000;
    for (size_t f = 0; f < 4; f++, nanos /= 1000) {
        struct hand root;
        HAND(&h, formats[f], 3, 0, 0, NULL, durations);
        hand_root(&root, &h, 3);
        struct batch *batch = hand_import(&root, NULL);
        interval = batch->cols[0].data;
        assert_int_equal(interval[2].nanos, -3 * nanos);
        assert_int_equal(interval[2].months | interval[2].days, 0);
        batch_unref(batch);
    }
    struct hand root;
    HAND(&h, "tiM", 2, 0, 0, NULL, ((int32_t[]){14, -1}));
    hand_root(&root, &h, 2);
    struct batch *batch = hand_import(&root, NULL);
    interval = batch->cols[0].data;
    assert_true(interval[0].months == 14 && interval[1].months == -1 && interval[1].nanos == 0);
    batch_unref(batch);
    HAND(&h, "tiD", 2, 0, 0, NULL, ((int32_t[]){1, 500, -2, -1}));
    hand_root(&root, &h, 2);
    batch = hand_import(&root, NULL);
    interval = batch->cols[0].data;
    assert_true(interval[0].days == 1 && interval[0].nanos == 500000000 && interval[1].days == -2 &&
                interval[1].nanos == -1000000);
    batch_unref(batch);
    struct laminar_interval mdn[] = {{1, 2, 3}, {-1, 0, 5}};
    HAND(&h, "tin", 2, 0, 0, NULL, mdn);
    hand_root(&root, &h, 2);
    batch = hand_import(&root, NULL);
    assert_memory_equal(batch->cols[0].data, mdn, sizeof mdn);
    batch_unref(batch);
}

static void dictionaries_are_decoded(void **state)
{
    (void)state;
    struct hand h, values, inner;
    int32_t offsets[] = {0, 3, 8, 25};
    static const uint8_t values_valid[1] = {0x06};
    HAND(&values, "u", 3, 0, 0, NULL, offsets, "redgreenultramarine-blue.");
    int8_t i8[] = {2, 0, 1, 1};
    HAND(&h, "c", 4, 0, 0, NULL, i8);
    hand_dictionary(&h, &values);
    expect_rows(&h, "VARCHAR", ROWS("ultramarine-blue.", "red", "green", "green"));
    uint64_t u64[] = {2, 99, 1};
    HAND(&h, "L", 3, 1, 0, bits_101, u64); /* the index under the null is outside */
    hand_dictionary(&h, &values);
    expect_rows(&h, "VARCHAR", ROWS("ultramarine-blue.", NO, "green"));
    /* a value that is null */
    HAND(&values, "u", 3, 1, 0, values_valid, offsets, "redgreenultramarine-blue.");
    HAND(&h, "L", 3, 1, 0, bits_110, u64);
    u64[1] = 0;
    hand_dictionary(&h, &values);
    expect_rows(&h, "VARCHAR", ROWS(NO, NO, "green"));
    HAND(&values, "l", 2, 0, 1, NULL, ((int64_t[]){5, 6, 7})); /* a dictionary with an offset */
    HAND(&h, "s", 3, 0, 0, NULL, ((int16_t[]){1, 0, 1}));
    hand_dictionary(&h, &values);
    expect_rows(&h, "BIGINT", ROWS("7", "6", "7"));
    HAND(&values, "l", 0, 0, 0, NULL, NULL); /* an empty one: all rows are null */
    HAND(&h, "s", 3, 3, 0, ((uint8_t[]){0}), ((int16_t[]){1, 0, 1}));
    hand_dictionary(&h, &values);
    expect_rows(&h, "BIGINT", ROWS(NO, NO, NO));
    HAND(&inner, "i", 3, 0, 0, NULL, ((int32_t[]){1, 2, 3})); /* of lists */
    HAND(&values, "+l", 2, 0, 0, NULL, ((int32_t[]){0, 2, 3}));
    hand_child(&values, &inner, "item");
    HAND(&h, "c", 4, 0, 0, NULL, ((int8_t[]){1, 0, 1, 0}));
    hand_dictionary(&h, &values);
    expect_rows(&h, "INT[]", ROWS("[3]", "[1, 2]", "[3]", "[1, 2]"));
}

static void run_ends_are_decoded(void **state)
{
    (void)state;
    struct hand h, ends, values;
    HAND(&ends, "i", 3, 0, 0, NULL, ((int32_t[]){2, 3, 6}));
    HAND(&values, "l", 3, 1, 0, bits_101, ((int64_t[]){10, 20, 30}));
    HAND(&h, "+r", 6, 0, 0, NULL);
    h.array.n_buffers = 0;
    hand_child(&h, &ends, "run_ends");
    hand_child(&h, &values, "values");
    expect_rows(&h, "BIGINT", ROWS("10", "10", NO, "30", "30", "30"));
    HAND(&ends, "s", 3, 0, 0, NULL, ((int16_t[]){2, 3, 6}));
    hand_root(&(struct hand){0}, &ends, 0);
    ends.schema.name = "run_ends";
    h.array.offset = 4; /* the rows before don't count */
    expect_rows(&h, "BIGINT", ROWS("30", "30"));
    h.array.offset = 1;
    expect_rows(&h, "BIGINT", ROWS("10", NO, "30"));
}

static void lists_of_all_layouts(void **state)
{
    (void)state;
    struct hand h, items, keys, values, entries;
    int64_t numbers[] = {1, 2, 3, 4, 5, 6, 7};
    HAND(&items, "l", 7, 0, 0, NULL, numbers);
    HAND(&h, "+l", 3, 0, 0, NULL, ((int32_t[]){1, 3, 3, 6}));
    hand_child(&h, &items, "item");
    expect_rows(&h, "BIGINT[]", ROWS("[2, 3]", "[]", "[4, 5, 6]"));
    HAND(&h, "+L", 3, 1, 0, bits_101, ((int64_t[]){0, 2, 5, 7}));
    hand_child(&h, &items, "item");
    expect_rows(&h, "BIGINT[]", ROWS("[1, 2]", NO, "[6, 7]"));
    HAND(&h, "+vl", 3, 1, 0, bits_101, ((int32_t[]){4, -5, 0}), ((int32_t[]){3, 99, 2}));
    hand_child(&h, &items, "item");
    expect_rows(&h, "BIGINT[]", ROWS("[5, 6, 7]", NO, "[1, 2]"));
    HAND(&h, "+vL", 2, 0, 0, NULL, ((int64_t[]){4, 3}), ((int64_t[]){0, 4}));
    hand_child(&h, &items, "item");
    expect_rows(&h, "BIGINT[]", ROWS("[]", "[4, 5, 6, 7]"));
    HAND(&h, "+w:2", 3, 1, 0, bits_101);
    hand_child(&h, &items, "item");
    expect_rows(&h, "BIGINT[]", ROWS("[1, 2]", NO, "[5, 6]"));
    HAND(&keys, "u", 3, 0, 0, NULL, ((int32_t[]){0, 1, 2, 3}), "abc");
    HAND(&values, "l", 3, 1, 0, bits_101, numbers);
    HAND(&entries, "+s", 3, 0, 0, NULL);
    hand_child(&entries, &keys, "key");
    hand_child(&entries, &values, "value");
    HAND(&h, "+m", 2, 0, 0, NULL, ((int32_t[]){0, 1, 3}));
    hand_child(&h, &entries, "entries");
    expect_rows(&h, "MAP<VARCHAR, BIGINT>", ROWS("{a=1}", "{b=NULL, c=3}"));
    HAND(&keys, "l", 4, 0, 0, NULL, numbers);
    HAND(&values, "u", 3, 0, 1, NULL, ((int32_t[]){0, 1, 2, 3, 4}), "abcd");
    HAND(&h, "+s", 3, 1, 0, bits_101);
    hand_child(&h, &keys, "n");
    hand_child(&h, &values, "t");
    expect_rows(&h, "STRUCT<n BIGINT, t VARCHAR>",
                ROWS("{'n': 1, 't': b}", NO, "{'n': 3, 't': d}"));
}

static void extensions_are_known(void **state)
{
    (void)state;
    static const char metadata[] =
        "\2\0\0\0\1\0\0\0k\1\0\0\0v\24\0\0\0ARROW:extension:name\12\0\0\0arrow.uuid";
    static const char json[] = "\1\0\0\0\24\0\0\0ARROW:extension:name\12\0\0\0arrow.json";
    struct hand h;
    HAND(&h, "w:16", 1, 0, 0, NULL,
         "\x12\x34\x56\x78\x9a\xbc\xde\xf0\x12\x34\x56\x78\x9a\xbc\xde\xf0");
    h.schema.metadata = metadata;
    expect_rows(&h, "UUID", ROWS("12345678-9abc-def0-1234-56789abcdef0"));
    HAND(&h, "u", 1, 0, 0, NULL, ((int32_t[]){0, 2}), "{}");
    h.schema.metadata = json;
    expect_rows(&h, "JSON", ROWS("{}"));
}

static void empty_arrays_may_lack_buffers(void **state)
{
    (void)state;
    struct hand h, child;
    static const char *const formats[] = {"l", "b", "u", "U", "z", "tts", "w:4", "d:10,2"};
    for (size_t i = 0; i < ARRAY_LENGTH(formats); i++) {
        if (formats[i][0] == 'u' || formats[i][0] == 'U' || formats[i][0] == 'z')
            HAND(&h, formats[i], 0, 0, 0, NULL, NULL, NULL);
        else
            HAND(&h, formats[i], 0, 0, 0, NULL, NULL);
        struct hand root;
        hand_root(&root, &h, 0);
        struct batch *batch = hand_import(&root, NULL);
        assert_non_null(batch);
        assert_int_equal(batch->n_rows, 0);
        batch_unref(batch);
    }
    HAND(&child, "l", 0, 0, 0, NULL, NULL);
    HAND(&h, "+l", 0, 0, 0, NULL, NULL);
    hand_child(&h, &child, "item");
    struct hand root;
    hand_root(&root, &h, 0);
    struct batch *batch = hand_import(&root, NULL);
    assert_non_null(batch);
    batch_unref(batch);
}

/* --- Memory ------------------------------------------------------------------------------------------------------------------------- */

static laminar_status round_trip_once(void *arg)
{
    struct batch *batch = arg, *back = NULL;
    struct ArrowSchema arrow_schema = {0};
    struct ArrowArray array = {0};
    struct schema *schema = NULL;
    laminar_status status = LAMINAR_OK;
    TRY(arrow_export_schema(batch->schema, 0, &arrow_schema, NULL));
    TRY(arrow_export_batch(batch, 3, 11, ARROW_EXPORT_WEIGHT, &array, NULL));
    if (array.n_children == arrow_schema.n_children + 1) { /* the weights are not in the schema */
        struct ArrowArray *weight = array.children[array.n_children - 1];
        weight->release(weight);
        array.n_children--;
    }
    TRY(arrow_import_schema(&arrow_schema, &schema, NULL));
    TRY(arrow_import_batch(&arrow_schema, &array, schema, &back, NULL));
done:
    if (array.release) array.release(&array);
    if (arrow_schema.release) arrow_schema.release(&arrow_schema);
    schema_unref(schema);
    batch_unref(back);
    return status;
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    struct batch *batch = random_batch(15, 30, true);
    assert_true(unit_fail_each_allocation(round_trip_once, batch) > 30);
    batch_unref(batch);
}

static void pooled_imports_allocate_nothing(void **state)
{
    (void)state;
    struct batch_pool *pool = batch_pool_create();
    struct schema *schema = NULL;
    struct batch *batch;
    struct hand root, text, flags;
    int32_t offsets[101];
    for (int32_t i = 0; i <= 100; i++) offsets[i] = i;
    char bytes[101];
    memset(bytes, 'x', sizeof bytes);
    uint64_t count = 0;
    for (int round = 0; round < 20; round++) {
        if (round == 10) count = mem_allocation_count();
        HAND(&text, "u", 100, 0, 0, NULL, offsets, bytes);
        HAND(&flags, "b", 100, 0, 0, NULL, bytes);
        HAND(&root, "+s", 100, 0, 0, NULL);
        hand_child(&root, &text, "t");
        hand_child(&root, &flags, "f");
        if (!schema) assert_int_equal(arrow_import_schema(&root.schema, &schema, NULL), 0);
        struct arrow_import_options options = {.pool = pool};
        assert_int_equal(
            arrow_import_batch_with(&root.schema, &root.array, schema, &options, &batch, NULL), 0);
        batch_unref(batch);
    }
    assert_int_equal(mem_allocation_count(), count);
    schema_unref(schema);
    batch_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_round_trip),
        cmocka_unit_test(fixed_width_is_not_copied),
        cmocka_unit_test(children_live_on_their_own),
        cmocka_unit_test(strings_of_all_layouts),
        cmocka_unit_test(numbers_of_all_layouts),
        cmocka_unit_test(times_of_all_layouts),
        cmocka_unit_test(dictionaries_are_decoded),
        cmocka_unit_test(run_ends_are_decoded),
        cmocka_unit_test(lists_of_all_layouts),
        cmocka_unit_test(extensions_are_known),
        cmocka_unit_test(empty_arrays_may_lack_buffers),
        cmocka_unit_test(memory_may_run_out_anywhere),
        cmocka_unit_test(pooled_imports_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
