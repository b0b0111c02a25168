/* test_vector_coerce.c - batches to the schema they are inserted into: what is shared, what is converted, and what is refused. */
#include "base/error.h"
#include "hand_arrow.h"
#include "vector/text.h"
#include <stdio.h>

static struct laminar_error err = LAMINAR_ERROR_INIT;

/* A batch of one column "x" from texts (NULL = null). */
static struct batch *text_batch(struct data_type type, size_t n, const char *const *rows)
{
    struct schema_column column = {"x", type, true};
    struct schema *schema = schema_create(&column, 1);
    struct column col;
    struct batch_builder *builder;
    struct batch *batch;
    assert_int_equal(column_init(&col, type, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        _Alignas(16) uint8_t value[16];
        if (!rows[i]) {
            assert_int_equal(column_append_null(&col, 1, NULL), 0);
        } else if (type_phys(type) == PHYS_STRING) {
            assert_int_equal(column_append_string(&col, rows[i], strlen(rows[i]), NULL), 0);
        } else {
            assert_int_equal(text_parse_value(type, rows[i], strlen(rows[i]), value), PARSE_OK);
            assert_int_equal(column_append_value(&col, value, NULL), 0);
        }
    }
    struct chunk chunk = {(uint32_t)n, 1, &col.vec, NULL};
    assert_int_equal(batch_builder_create(schema, NULL, &builder, NULL), 0);
    assert_int_equal(batch_builder_append(builder, &chunk, NULL), 0);
    assert_int_equal(batch_builder_finish(builder, &batch, NULL), 0);
    batch_builder_free(builder);
    column_deinit(&col);
    schema_unref(schema);
    return batch;
}

static struct batch *coerce_to(struct batch *src, struct data_type type, bool is_nullable)
{
    struct schema_column column = {"x", type, is_nullable};
    struct schema *schema = schema_create(&column, 1);
    struct batch *out = NULL;
    error_clear(&err);
    laminar_status status = batch_coerce(src, schema, NULL, &out, &err);
    assert_int_equal(status, out ? LAMINAR_OK : LAMINAR_BATCH_SCHEMA_MISMATCH);
    schema_unref(schema);
    return out;
}

/* Every row alone, then all at once: rows[i] becomes expected[i], or is refused where that is "!". NULL is null on both sides. */
static void expect(struct data_type from, struct data_type to, size_t n, const char *const *rows,
                   const char *const *expected)
{
    for (size_t i = 0; i < n; i++) {
        struct batch *src = text_batch(from, 1, rows + i), *out = coerce_to(src, to, true);
        if (expected[i] && strcmp(expected[i], "!") == 0) {
            if (out)
                fail_msg("%s %s became %s", TYPE_TEXT(from), rows[i], row_text(&out->cols[0], 0));
            assert_non_null(strstr(err.message, "column 'x', row 0"));
            assert_non_null(strstr(err.message, TYPE_TEXT(from)));
            assert_non_null(strstr(err.message, TYPE_TEXT(to)));
        } else {
            if (!out) fail_msg("%s", err.message);
            assert_string_equal(TYPE_TEXT(out->cols[0].type), TYPE_TEXT(to));
            assert_string_equal(row_text(&out->cols[0], 0),
                                expected[i] ? expected[i] : "(null)NULL");
        }
        batch_unref(src);
        batch_unref(out);
    }
}
#define LIST_OF(...)                                                                               \
    ARRAY_LENGTH(((const char *[]){__VA_ARGS__})), (const char *[]) { __VA_ARGS__ }
#define TEXTS(...)                                                                                 \
    (const char *[]) { __VA_ARGS__ }

static void integers(void **state)
{
    (void)state;
    expect(TYPE(INT32), TYPE(INT64), LIST_OF("1", "-2147483648", NULL),
           TEXTS("1", "-2147483648", NULL));
    expect(TYPE(INT64), TYPE(INT32), LIST_OF("2147483647", "2147483648", NULL),
           TEXTS("2147483647", "!", NULL));
    expect(TYPE(INT64), TYPE(INT8), LIST_OF("-128", "-129", "127", "128"),
           TEXTS("-128", "!", "127", "!"));
    expect(TYPE(INT64), TYPE(UINT64), LIST_OF("5", "-1"), TEXTS("5", "!"));
    expect(TYPE(INT64), TYPE(UINT8), LIST_OF("255", "256", "-1"), TEXTS("255", "!", "!"));
    expect(TYPE(UINT64), TYPE(INT64), LIST_OF("9223372036854775807", "9223372036854775808"),
           TEXTS("9223372036854775807", "!"));
    expect(TYPE(UINT64), TYPE(UINT16), LIST_OF("65535", "65536"), TEXTS("65535", "!"));
    expect(TYPE(UINT32), TYPE(INT32), LIST_OF("4294967295", "7"), TEXTS("!", "7"));
    expect(TYPE(UINT8), TYPE(INT8), LIST_OF("128", "7"), TEXTS("!", "7"));
}

static void doubles_and_decimals(void **state)
{
    (void)state;
    expect(TYPE(INT64), TYPE(DOUBLE),
           LIST_OF("3", "9007199254740993", "9007199254740992", "9223372036854775807",
                   "-9223372036854775808"),
           TEXTS("3.0", "!", "9007199254740992.0", "!", "-9.223372036854776e+18"));
    expect(TYPE(UINT64), TYPE(DOUBLE), LIST_OF("18446744073709551615", "4"), TEXTS("!", "4.0"));
    expect(TYPE(INT32), TYPE(FLOAT), LIST_OF("16777216", "16777217"), TEXTS("16777216.0", "!"));
    expect(TYPE(DOUBLE), TYPE(INT64),
           LIST_OF("3", "3.5", "nan", "inf", "1e19", "-9223372036854775808", "9223372036854775808"),
           TEXTS("3", "!", "!", "!", "!", "-9223372036854775808", "!"));
    expect(TYPE(DOUBLE), TYPE(UINT64), LIST_OF("1e19", "-1", "18446744073709551616"),
           TEXTS("10000000000000000000", "!", "!"));
    expect(TYPE(DOUBLE), TYPE(FLOAT), LIST_OF("0.5", "0.1", "nan", "1e300", NULL),
           TEXTS("0.5", "!", "NaN", "!", NULL));
    expect(TYPE(FLOAT), TYPE(DOUBLE), LIST_OF("0.5", NULL), TEXTS("0.5", NULL));
    expect(TYPE(DOUBLE), type_decimal(10, 2),
           LIST_OF("0.1", "10.25", "10.255", "nan", "1e9", "-99999999.99", "inf"),
           TEXTS("0.10", "10.25", "!", "!", "!", "-99999999.99", "!"));
    expect(TYPE(INT32), type_decimal(5, 2), LIST_OF("999", "1000", "-7"),
           TEXTS("999.00", "!", "-7.00"));
    expect(type_decimal(10, 4), type_decimal(8, 2), LIST_OF("1.25", "1.255", "999999.99"),
           TEXTS("1.25", "!", "999999.99"));
    expect(type_decimal(10, 2), type_decimal(38, 30), LIST_OF("1.25", "99999999.99"),
           TEXTS("1.250000000000000000000000000000", "99999999.990000000000000000000000000000"));
    expect(type_decimal(10, 2), type_decimal(38, 37), LIST_OF("9.25", "10"),
           TEXTS("9.2500000000000000000000000000000000000", "!"));
    expect(type_decimal(10, 2), TYPE(INT32), LIST_OF("12", "12.5"), TEXTS("12", "!"));
    expect(type_decimal(10, 2), TYPE(DOUBLE), LIST_OF("12.5", "0.1"), TEXTS("12.5", "0.1"));
    expect(type_decimal(38, 0), TYPE(DOUBLE), LIST_OF("123456789012345678901234567890"),
           TEXTS("!"));
}

static void times(void **state)
{
    (void)state;
    struct data_type utc, berlin;
    assert_int_equal(type_timestamptz(UNIT_MILLI, "UTC", &utc, NULL), 0);
    assert_int_equal(type_timestamptz(UNIT_MICRO, "Europe/Berlin", &berlin, NULL), 0);
    struct data_type ms = type_timestamp(UNIT_MILLI), ns = type_timestamp(UNIT_NANO),
                     s = type_timestamp(UNIT_SECOND);
    expect(
        ns, ms,
        LIST_OF("2024-01-02 03:04:05.678", "2024-01-02 03:04:05.6789", "1969-12-31 23:59:59.999"),
        TEXTS("2024-01-02 03:04:05.678", "!", "1969-12-31 23:59:59.999"));
    expect(s, ns, LIST_OF("2024-01-02 03:04:05", "3000-01-01 00:00:00", NULL),
           TEXTS("2024-01-02 03:04:05", "!", NULL));
    expect(TYPE(DATE), ms, LIST_OF("2024-02-29", "1960-01-01"),
           TEXTS("2024-02-29 00:00:00", "1960-01-01 00:00:00"));
    expect(ms, TYPE(DATE), LIST_OF("2024-02-29 00:00:00", "2024-02-29 00:00:01"),
           TEXTS("2024-02-29", "!"));
    expect(ms, utc, LIST_OF("2024-01-02 03:04:05"), TEXTS("2024-01-02 03:04:05+00"));
    expect(utc, ms, LIST_OF("2024-01-02 03:04:05Z"), TEXTS("2024-01-02 03:04:05"));
    expect(utc, berlin, LIST_OF("2024-01-02 03:04:05Z"), TEXTS("2024-01-02 04:04:05+01"));
    expect(type_time(UNIT_NANO), type_time(UNIT_SECOND), LIST_OF("01:02:03", "01:02:03.5"),
           TEXTS("01:02:03", "!"));
    expect(TYPE(VARCHAR), ms,
           LIST_OF("2024-01-02T03:04:05.678", "2024-01-02 03:04:05.6789", "yesterday",
                   "2024-01-02T03:04:05+02:00", NULL),
           TEXTS("2024-01-02 03:04:05.678", "!", "!", "2024-01-02 01:04:05", NULL));
    expect(TYPE(VARCHAR), utc, LIST_OF("2024-01-02T03:04:05+02:00"),
           TEXTS("2024-01-02 01:04:05+00"));
    expect(TYPE(VARCHAR), TYPE(DATE), LIST_OF("2024-01-02", "2024-13-02"),
           TEXTS("2024-01-02", "!"));
    expect(TYPE(VARCHAR), type_time(UNIT_MILLI), LIST_OF("01:02:03.004", "01:02:03.0045"),
           TEXTS("01:02:03.004", "!"));
}

static void texts(void **state)
{
    (void)state;
    expect(TYPE(VARCHAR), TYPE(JSON), LIST_OF("{\"a\": [1, 2, {\"b\": null}]}", "{a}", NULL),
           TEXTS("{\"a\": [1, 2, {\"b\": null}]}", "!", NULL));
    expect(TYPE(JSON), TYPE(VARCHAR), LIST_OF("{}", NULL), TEXTS("{}", NULL));
    expect(TYPE(VARCHAR), TYPE(UUID), LIST_OF("12345678-9abc-def0-1234-56789abcdef0", "1234"),
           TEXTS("12345678-9abc-def0-1234-56789abcdef0", "!"));
    expect(TYPE(BINARY), TYPE(UUID), LIST_OF("0123456789abcdef", "0123"),
           TEXTS("30313233-3435-3637-3839-616263646566", "!"));
    expect(TYPE(VARCHAR), TYPE(BINARY), LIST_OF("a text that is long"),
           TEXTS("a text that is long"));
    expect(TYPE(NULL), TYPE(VARCHAR), LIST_OF(NULL, NULL), TEXTS(NULL, NULL));
}

static void unrelated_types_are_refused(void **state)
{
    (void)state;
    struct data_type list;
    assert_int_equal(type_list(TYPE(INT64), &list, NULL), 0);
    struct {
        struct data_type from, to;
    } pairs[] = {{TYPE(VARCHAR), TYPE(INT64)}, {TYPE(INT64), TYPE(VARCHAR)},
                 {TYPE(BOOL), TYPE(INT64)},    {TYPE(INT64), TYPE(BOOL)},
                 {TYPE(INT64), TYPE(DATE)},    {TYPE(BINARY), TYPE(VARCHAR)},
                 {TYPE(INT64), list},          {list, TYPE(INT64)}};
    for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++) {
        struct batch *src = text_batch(pairs[i].from, 1, TEXTS(NULL));
        assert_null(coerce_to(src, pairs[i].to, true));
        assert_non_null(strstr(err.message, TYPE_TEXT(pairs[i].from)));
        assert_non_null(strstr(err.message, TYPE_TEXT(pairs[i].to)));
        batch_unref(src);
    }
}

static void rows_are_named(void **state)
{
    (void)state;
    struct batch *src = text_batch(TYPE(INT64), 4, TEXTS("1", NULL, "300", "400"));
    assert_null(coerce_to(src, TYPE(INT8), true));
    assert_non_null(
        strstr(err.message,
               "column 'x', row 2: the BIGINT value 300 does not convert to TINYINT without loss"));
    assert_null(coerce_to(src, TYPE(INT64), false));
    assert_non_null(strstr(err.message, "column 'x' is BIGINT NOT NULL, but row 1 is null"));
    assert_null(coerce_to(src, TYPE(DOUBLE), false));
    batch_unref(src);
}

static void columns_match_by_name(void **state)
{
    (void)state;
    int64_t a[2] = {1, 2}, c[2] = {5, 6};
    struct hand root, ha, hc;
    HAND(&root, "+s", 2, 0, 0, NULL);
    HAND(&ha, "l", 2, 0, 0, NULL, a);
    HAND(&hc, "l", 2, 0, 0, NULL, c);
    hand_child(&root, &hc, "c");
    hand_child(&root, &ha, "a");
    struct batch *src = hand_import(&root, NULL), *out;
    struct schema_column columns[] = {
        {"a", TYPE(INT64), false}, {"b", TYPE(VARCHAR), true}, {"c", TYPE(DOUBLE), false}};
    struct schema *schema = schema_create(columns, 3);
    assert_int_equal(batch_coerce(src, schema, NULL, &out, &err), 0);
    assert_ptr_equal(out->cols[0].data, a); /* shared */
    assert_string_equal(row_text(&out->cols[1], 1), "(null)NULL");
    assert_string_equal(row_text(&out->cols[2], 1), "6.0");
    assert_ptr_equal(out->schema, schema);
    schema_unref(schema);
    columns[1].is_nullable = false;
    schema = schema_create(columns, 3);
    struct batch *none = NULL;
    assert_int_equal(batch_coerce(src, schema, NULL, &none, &err), LAMINAR_BATCH_SCHEMA_MISMATCH);
    assert_non_null(strstr(err.message, "the column 'b' is VARCHAR NOT NULL"));
    bool has_default[3] = {false, true, false};
    assert_int_equal(batch_coerce(src, schema, has_default, &none, &err), 0);
    batch_unref(none);
    schema_unref(schema);
    columns[2].name = "cc";
    schema = schema_create(columns, 3);
    assert_int_equal(batch_coerce(src, schema, has_default, &none, &err),
                     LAMINAR_BATCH_SCHEMA_MISMATCH);
    assert_non_null(strstr(err.message, "'c'"));
    assert_non_null(strstr(err.hint, "'cc'"));
    schema_unref(schema);
    batch_unref(src); /* the coerced batch keeps what it needs */
    assert_int_equal(((const int64_t *)out->cols[0].data)[1], 2);
    batch_unref(out);
}

static void what_fits_is_the_batch_itself(void **state)
{
    (void)state;
    struct batch *src = text_batch(TYPE(VARCHAR), 3, TEXTS("a", "b", "c"));
    uint64_t count = mem_allocation_count();
    struct batch *out;
    assert_int_equal(batch_coerce(src, src->schema, NULL, &out, &err), 0);
    assert_int_equal(mem_allocation_count(), count);
    assert_ptr_equal(out, src);
    batch_unref(out);
    out = coerce_to(src, TYPE(VARCHAR), false);
    assert_ptr_equal(out, src);
    batch_unref(out);
    batch_unref(src);
}

static void nested_values_convert(void **state)
{
    (void)state;
    struct hand list, items, record, n, t, root;
    HAND(&items, "i", 5, 1, 0, ((uint8_t[]){0x1D}), ((int32_t[]){1, 2, 3, 4, 1000}));
    HAND(&list, "+l", 3, 1, 0, ((uint8_t[]){0x05}), ((int32_t[]){0, 2, 3, 4}));
    hand_child(&list, &items, "item");
    hand_root(&root, &list, 3);
    struct batch *src = hand_import(&root, NULL);
    struct data_type to, small;
    assert_int_equal(type_list(TYPE(DOUBLE), &to, NULL), 0);
    assert_int_equal(type_list(TYPE(INT8), &small, NULL), 0);
    struct batch *out = coerce_to(src, to, true);
    assert_string_equal(row_text(&out->cols[0], 0), "[1.0, NULL]");
    assert_string_equal(row_text(&out->cols[0], 1), "(null)NULL");
    assert_string_equal(row_text(&out->cols[0], 2), "[4.0]");
    batch_unref(out);
    out = coerce_to(src, small, true); /* the item 1000 is in no list */
    assert_string_equal(row_text(&out->cols[0], 2), "[4]");
    batch_unref(out);
    batch_unref(src);
    HAND(&n, "i", 2, 0, 0, NULL, ((int32_t[]){7, 300}));
    HAND(&t, "u", 2, 0, 0, NULL, ((int32_t[]){0, 1, 2}), "ab");
    HAND(&record, "+s", 2, 0, 0, NULL);
    hand_child(&record, &n, "n");
    hand_child(&record, &t, "t");
    hand_root(&root, &record, 2);
    src = hand_import(&root, NULL);
    struct type_field fields[] = {
        {"t", TYPE(VARCHAR), true}, {"extra", TYPE(DATE), true}, {"n", TYPE(INT64), true}};
    assert_int_equal(type_struct(fields, 3, &to, NULL), 0);
    out = coerce_to(src, to, true);
    assert_string_equal(row_text(&out->cols[0], 1), "{'t': b, 'extra': NULL, 'n': 300}");
    batch_unref(out);
    record.array.release = hand_release_array;
    n.array.release = t.array.release = hand_release_array;
    record.array.null_count = 1;
    record.buffers[0] = (uint8_t[]){0x01}; /* what lies under a null struct need not fit */
    hand_root(&root, &record, 2);
    struct batch *masked = hand_import(&root, NULL);
    fields[2].type = TYPE(INT8);
    assert_int_equal(type_struct(fields, 3, &to, NULL), 0);
    out = coerce_to(masked, to, true);
    assert_string_equal(row_text(&out->cols[0], 0), "{'t': a, 'extra': NULL, 'n': 7}");
    assert_string_equal(row_text(&out->cols[0], 1), "(null)NULL");
    batch_unref(out);
    batch_unref(masked);
    assert_int_equal(type_struct(fields, 3, &to, NULL), 0);
    assert_null(coerce_to(src, to, true));
    assert_int_equal(type_struct(fields, 2, &to, NULL), 0); /* no place for n */
    assert_null(coerce_to(src, to, true));
    batch_unref(src);
}

static laminar_status coerce_once(void *arg)
{
    struct batch *src = arg, *out = NULL;
    struct schema_column columns[2] = {{"x", TYPE(DOUBLE), true}, {"y", TYPE(VARCHAR), true}};
    struct schema *schema = schema_create(columns, 2);
    if (!schema) return LAMINAR_OUT_OF_MEMORY;
    laminar_status status = batch_coerce(src, schema, NULL, &out, NULL);
    batch_unref(out);
    schema_unref(schema);
    return status;
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    struct batch *src = text_batch(TYPE(INT64), 3, TEXTS("1", NULL, "300"));
    assert_true(unit_fail_each_allocation(coerce_once, src) >= 5);
    batch_unref(src);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(doubles_and_decimals),
        cmocka_unit_test(times),
        cmocka_unit_test(texts),
        cmocka_unit_test(unrelated_types_are_refused),
        cmocka_unit_test(rows_are_named),
        cmocka_unit_test(columns_match_by_name),
        cmocka_unit_test(what_fits_is_the_batch_itself),
        cmocka_unit_test(nested_values_convert),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
