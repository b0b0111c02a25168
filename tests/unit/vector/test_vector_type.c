/* test_vector_type.c - types, schemas, bitmaps, string views. */
#include "random_rows.h"
#include "vector/text.h"

static void nested_types_are_interned(void **state)
{
    (void)state;
    struct data_type a, b, c;
    assert_int_equal(type_list(TYPE(INT64), &a, NULL), 0);
    assert_int_equal(type_list(TYPE(INT64), &b, NULL), 0);
    assert_int_equal(type_list(TYPE(INT32), &c, NULL), 0);
    assert_true(type_equal(a, b));
    assert_ptr_equal(a.info, b.info);
    assert_false(type_equal(a, c));
    char name[] = "x";
    struct type_field fields[] = {{name, a, true}, {"y", TYPE(VARCHAR), true}};
    assert_int_equal(type_struct(fields, 2, &a, NULL), 0);
    name[0] = 'z'; /* the name was copied */
    fields[0].name = "x";
    fields[0].is_nullable = false; /* no part of the type */
    assert_int_equal(type_struct(fields, 2, &b, NULL), 0);
    assert_true(type_equal(a, b));
    fields[0].name = "X";
    assert_int_equal(type_struct(fields, 2, &b, NULL), 0);
    assert_false(type_equal(a, b));
    assert_int_equal(type_timestamptz(UNIT_MICRO, "UTC", &a, NULL), 0);
    assert_int_equal(type_timestamptz(UNIT_MICRO, "+02:00", &b, NULL), 0);
    assert_false(type_equal(a, b));
}

static void depth_is_bounded(void **state)
{
    (void)state;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct data_type type = TYPE(INT64);
    for (int i = 0; i < TYPE_DEPTH_MAX; i++) assert_int_equal(type_list(type, &type, &err), 0);
    assert_int_equal(type_list(type, &type, &err), LAMINAR_INVALID_SCHEMA);
    assert_non_null(strstr(err.message, "nested"));
}

static void types_print_as_sql(void **state)
{
    (void)state;
    struct data_type type, inner;
    static const struct {
        struct data_type type;
        const char *text;
    } cases[] = {{{.id = LAMINAR_TYPE_INT64}, "BIGINT"},
                 {{.id = LAMINAR_TYPE_UINT8}, "TINYINT UNSIGNED"},
                 {{.id = LAMINAR_TYPE_DECIMAL, .precision = 10, .scale = 2}, "DECIMAL(10,2)"},
                 {{.id = LAMINAR_TYPE_TIMESTAMP, .unit = UNIT_MILLI}, "TIMESTAMP(3)"},
                 {{.id = LAMINAR_TYPE_TIME, .unit = UNIT_MICRO}, "TIME"},
                 {{.id = LAMINAR_TYPE_TIME, .unit = UNIT_NANO}, "TIME(9)"}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_string_equal(TYPE_TEXT(cases[i].type), cases[i].text);
    assert_int_equal(type_timestamptz(UNIT_MICRO, "UTC", &inner, NULL), 0);
    assert_string_equal(TYPE_TEXT(inner), "TIMESTAMP(6) WITH TIME ZONE");
    assert_int_equal(type_list(inner, &type, NULL), 0);
    assert_string_equal(TYPE_TEXT(type), "ARRAY<TIMESTAMP(6) WITH TIME ZONE>");
    struct type_field fields[] = {{"a", type, true}, {"Big \"one\"", TYPE(INT64), true}};
    assert_int_equal(type_struct(fields, 2, &inner, NULL), 0);
    struct strbuf text = {0};
    type_print(inner, &text);
    assert_string_equal(text.data,
                        "STRUCT<a ARRAY<TIMESTAMP(6) WITH TIME ZONE>, \"Big \"\"one\"\"\" BIGINT>");
    strbuf_deinit(&text);
    char small[8];
    assert_string_equal(type_text(inner, small, sizeof small), "STRUCT<");
}

static void schemas_find_names(void **state)
{
    (void)state;
    int64_t live = mem_live_count();
    struct schema_column columns[] = {
        {"id", TYPE(INT64), false}, {"Name", TYPE(VARCHAR), true}, {"price", TYPE(DOUBLE), true}};
    struct schema *a = schema_create(columns, 3), *b = schema_create(columns, 3),
                  *c = schema_create(columns, 2);
    assert_int_equal(schema_find(a, "Name"), 1);
    assert_int_equal(schema_find(a, "name"), -1);
    assert_int_equal(schema_find_folded(a, "PRICE", 5), 2);
    assert_int_equal(schema_find_folded(a, "Name", 4), 1);
    assert_int_equal(schema_find_folded(a, "NAME", 4), -1);
    assert_int_equal(schema_find_folded(a, "pric", 4), -1);
    assert_true(schema_equal(a, b));
    assert_false(schema_equal(a, c));
    assert_ptr_equal(schema_ref(a), a);
    schema_unref(a);
    schema_unref(a);
    schema_unref(b);
    schema_unref(c);
    schema_unref(NULL);
    assert_int_equal(mem_live_count(), live);
}

static void bitmaps_agree_with_bits(void **state)
{
    (void)state;
    uint8_t bits[64], other[64], out[64];
    for (int round = 0; round < 3000; round++) {
        for (size_t i = 0; i < sizeof bits; i++) {
            bits[i] = random_below(3) ? 0xFF : (uint8_t)random_u64();
            out[i] = other[i] = (uint8_t)random_u64();
        }
        size_t from = random_below(100), n = random_below(300), at = random_below(100), count = 0;
        for (size_t i = 0; i < n; i++) count += bitmap_get(bits, i);
        assert_int_equal(bitmap_count(bits, n), count);
        assert_int_equal(bitmap_all_set(bits, n), count == n);
        count = 0;
        for (size_t i = 0; i < n; i++) count += bitmap_get(bits, from + i);
        assert_int_equal(bitmap_range_all_set(bits, from, n), count == n);
        bitmap_copy(out, bits, from, n);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(bitmap_get(out, i), bitmap_get(bits, from + i));
        for (size_t i = n; i % 8; i++) assert_false(bitmap_get(out, i));
        memcpy(out, other, sizeof out);
        bitmap_append(out, at, bits, from, n);
        for (size_t i = 0; i < at; i++) assert_int_equal(bitmap_get(out, i), bitmap_get(other, i));
        for (size_t i = 0; i < n; i++)
            assert_int_equal(bitmap_get(out, at + i), bitmap_get(bits, from + i));
        memcpy(out, other, sizeof out);
        bool value = round % 2;
        bitmap_fill(out, from, n, value);
        for (size_t i = 0; i < 512; i++)
            assert_int_equal(bitmap_get(out, i),
                             i >= from && i < from + n ? value : bitmap_get(other, i));
        assert_ptr_equal(bitmap_and(out, bits, other, n), out);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(bitmap_get(out, i), bitmap_get(bits, i) & bitmap_get(other, i));
        bitmap_and(out, NULL, other, n);
        assert_memory_equal(out, other, bitmap_bytes(n));
        assert_null(bitmap_and(out, NULL, NULL, n));
    }
}

static int sign(int x) { return (x > 0) - (x < 0); }

static void strings_compare_by_bytes(void **state)
{
    (void)state;
    static const char texts[][40] = {"",
                                     "a",
                                     "b",
                                     "ab",
                                     "abc",
                                     "abcd",
                                     "abcde",
                                     "abcd\x01",
                                     "abce",
                                     "\xff",
                                     "twelve bytes",
                                     "twelve byte",
                                     "twelve bytes!",
                                     "twelve bytes?",
                                     "twelve bytes! and more",
                                     "twelve bytes! and mork"};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        for (size_t k = 0; k < ARRAY_LENGTH(texts); k++) {
            char copy[40]; /* other bytes at another address */
            memcpy(copy, texts[k], sizeof copy);
            struct string_view a = string_make(texts[i], strlen(texts[i])),
                               b = string_make(copy, strlen(copy));
            assert_int_equal(sign(string_compare(&a, &b)), sign(strcmp(texts[i], copy)));
            assert_int_equal(string_equal(&a, &b), i == k);
        }
    }
    struct string_view zero = string_make("a\0", 2), plain = string_make("a", 1);
    assert_false(string_equal(&zero, &plain));
    assert_true(string_compare(&zero, &plain) > 0);
}

static void json_is_checked(void **state)
{
    (void)state;
    static const char *const good[] = {"1",    "-0.5e+10", "\"a\\u00e4\\n\"",
                                       "[]",   "{}",       " [1, [2, {\"a\": {}}], \"x\"] ",
                                       "true", "null",     "{\"a\":1,\"b\":[{},[]]}"};
    static const char *const bad[] = {"",        " ",          "01",          "1.",  "+1",  "[1,]",
                                      "{\"a\"}", "{\"a\":}",   "{a:1}",       "[1}", "[",   "tru",
                                      "\"\\x\"", "\"a",        "\"\\u12g4\"", "1 2", "{,}", "[1 2]",
                                      "nulll",   "{\"a\":1,}", "\"\x01\""};
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++)
        assert_true(text_is_json(good[i], strlen(good[i])));
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        assert_false(text_is_json(bad[i], strlen(bad[i])));
    char deep[3 * TEXT_JSON_DEPTH_MAX];
    for (size_t depth = TEXT_JSON_DEPTH_MAX; depth <= TEXT_JSON_DEPTH_MAX + 1; depth++) {
        memset(deep, '[', depth);
        memset(deep + depth, ']', depth);
        assert_int_equal(text_is_json(deep, 2 * depth), depth == TEXT_JSON_DEPTH_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_types_are_interned), cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(types_print_as_sql),        cmocka_unit_test(schemas_find_names),
        cmocka_unit_test(bitmaps_agree_with_bits),   cmocka_unit_test(strings_compare_by_bytes),
        cmocka_unit_test(json_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
