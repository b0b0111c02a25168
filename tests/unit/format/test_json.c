/* test_json.c - JSON reading and writing: all forms of rows, types, errors with their positions, defaults, cuts anywhere, round trips. */
#include "base/hash.h"
#include "format/json.h"
#include "rows.h"

static uint64_t random_state = 11;
static uint64_t random_u64(void)
{
    return random_state = hash_u64(random_state + 0x9e3779b97f4a7c15ULL);
}

static struct schema *three(void)
{
    return ROWS_SCHEMA("", TYPE(INT64), TYPE(VARCHAR), TYPE(DOUBLE));
}

static void expect_rows(struct schema *schema, const char *text, const char *expected)
{
    struct batch *batch = NULL;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    if (json_read(schema, text, strlen(text), NULL, &batch, NULL, &err) != LAMINAR_OK)
        fail_msg("%s: %s", text, err.message);
    rows_expect(batch, expected);
    schema_unref(schema);
}

static void expect_error(struct schema *schema, const char *text, size_t size,
                         laminar_status status, int line, int column, const char *part)
{
    struct batch *batch = NULL;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    laminar_status got = json_read(schema, text, size, NULL, &batch, NULL, &err);
    if (got != status || err.code != status || !strstr(err.message, part) || err.line != line ||
        err.column != column || batch)
        fail_msg("'%s' gives %d at %d:%d: %s", text, got, err.line, err.column, err.message);
    schema_unref(schema);
}

static void rows_are_read(void **state)
{
    (void)state;
    expect_rows(three(), "[{\"a\": 1, \"b\": \"x\", \"c\": 1.5}, {\"c\":2,\"b\":\"y\",\"a\":2}]",
                "1|x|1.5\n2|y|2.0\n");
    expect_rows(three(), " {\"a\": 1, \"b\": \"x\"}\n", "1|x|NULL\n");
    expect_rows(three(), "{\"a\":1}\n{\"b\":\"q\"}\r\n\n{\"c\":3}{}",
                "1|NULL|NULL\nNULL|q|NULL\nNULL|NULL|3.0\nNULL|NULL|NULL\n");
    expect_rows(three(), "\xEF\xBB\xBF[]", "");
    expect_rows(three(), "[ ]\n", "");
    expect_rows(
        three(),
        "[{\"A\": null, \"B\": \"a \\\"string\\\" of [some] {length} \\u20ac\\ud83d\\ude00\\n\"}]",
        "NULL|a \"string\" of [some] {length} €😀\n|NULL\n");
    expect_rows(
        three(),
        "[{\"a\": 9223372036854775807, \"c\": 1e300}, {\"a\": -9223372036854775808, \"c\": -0.0},{\"a\":1e3,\"c\":\"-Infinity\"}, {\"a\":\"12\"}]",
        "9223372036854775807|NULL|1e+300\n-9223372036854775808|NULL|-0.0\n1000|NULL|-Infinity\n12|NULL|NULL\n");
    expect_rows(three(), "{\"b\": \"\\\\\\\"}{\"}", "NULL|\\\"}{|NULL\n");
}

static void types_are_read(void **state)
{
    (void)state;
    struct data_type list, structure, map, zoned, lists;
    const struct type_field fields[] = {{"x", TYPE(INT64), true}, {"y", TYPE(VARCHAR), true}};
    assert_int_equal(type_list(TYPE(INT32), &list, NULL), LAMINAR_OK);
    assert_int_equal(type_struct(fields, 2, &structure, NULL), LAMINAR_OK);
    assert_int_equal(type_list(structure, &lists, NULL), LAMINAR_OK);
    assert_int_equal(type_map(TYPE(INT64), TYPE(DOUBLE), &map, NULL), LAMINAR_OK);
    assert_int_equal(type_timestamptz(UNIT_MILLI, "-05:00", &zoned, NULL), LAMINAR_OK);
    expect_rows(
        ROWS_SCHEMA("", TYPE(BOOL), TYPE(UINT8), TYPE(FLOAT), type_decimal(38, 3), TYPE(DATE),
                    type_time(UNIT_MILLI), type_timestamp(UNIT_MICRO), zoned, TYPE(INTERVAL),
                    TYPE(UUID), TYPE(BINARY), TYPE(JSON)),
        "{\"a\":true,\"b\":255,\"c\":0.1,\"d\":12345678901234567890123456789012345.678,\"e\":\"2024-02-29\",\"f\":\"01:02:03.004\",\"g\":\"2026-01-02T03:04:05.000006Z\","
        "\"h\":\"2026-01-02T03:04:05Z\",\"i\":\"P1DT2H\",\"j\":\"123e4567e89b12d3a456426614174000\",\"k\":\"\\\\x00z\",\"l\":{\"k\":[1.50,null,\"\\u00e4\",{}]}}"
        "{\"a\":false,\"d\":\"1.5\",\"e\":1,\"f\":1000,\"g\":1000000,\"h\":0,\"l\":null}{\"l\":7}{\"l\":\"text\"}",
        "true|255|0.1|12345678901234567890123456789012345.678|2024-02-29|01:02:03.004|2026-01-02 03:04:05.000006|2026-01-01 22:04:05-05|1 day 02:00:00|"
        "123e4567-e89b-12d3-a456-426614174000|\\x00z|{\"k\":[1.50,null,\"ä\",{}]}\n"
        "false|NULL|NULL|1.500|1970-01-02|00:00:01|1970-01-01 00:00:01|1969-12-31 19:00:00-05|NULL|NULL|NULL|NULL\n"
        "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|7\n"
        "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|\"text\"\n");
    expect_rows(
        ROWS_SCHEMA("", list, structure, map, lists),
        "[{\"a\":[1,null,3],\"b\":{\"y\":\"q\",\"x\":null},\"c\":{\"7\":1.5,\"8\":null},\"d\":[{\"x\":1},{},null]},{\"d\":[]},{\"a\":[],\"b\":null,\"c\":{},\"d\":null},{\"b\":{}}]",
        "[1, NULL, 3]|{'x': NULL, 'y': q}|{7=1.5, 8=NULL}|[{'x': 1, 'y': NULL}, {'x': NULL, 'y': NULL}, NULL]\n"
        "NULL|NULL|NULL|[]\n[]|NULL|{}|NULL\nNULL|{'x': NULL, 'y': NULL}|NULL|NULL\n");
}

static void malformed_text_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line, column;
    } cases[] = {{"", 1, 1},
                 {" \n ", 2, 2},
                 {"[", 1, 2},
                 {"[{\"a\":1}", 1, 9},
                 {"[{\"a\":1},", 1, 10},
                 {"[{\"a\":1},]", 1, 10},
                 {"[,]", 1, 2},
                 {"[{\"a\":1} {\"a\":2}]", 1, 10},
                 {"[{\"a\":1}] x", 1, 11},
                 {"[{\"a\":1}][]", 1, 10},
                 {"{\"a\":1},{\"a\":2}", 1, 8},
                 {"{\"a\":1", 1, 7},
                 {"{\"a\":1}\n{\"a\":", 2, 6},
                 {"{\"a\":1}\n{\"a\" 2}\n{\"a\":3}", 2, 6},
                 {"{\"a\":1]}", 1, 7},
                 {"{\"a\":01}", 1, 6},
                 {"{\"a\":+1}", 1, 6},
                 {"{\"a\":NaN}", 1, 6},
                 {"{\"a\":.5}", 1, 6},
                 {"{a:1}", 1, 2},
                 {"{\"a\":1,}", 1, 7},
                 {"{\"b\":\"\n\"}", 1, 7},
                 {"{\"b\":\"\\x\"}", 1, 7},
                 {"{\"b\":\"\\ud800\"}", 1, 13},
                 {"{\"b\":\"\xC3(\"}", 1, 7},
                 {"{\"b\":\"x", 1, 8},
                 {"42", 1, 1},
                 {"\"text\"", 1, 1},
                 {"null", 1, 1},
                 {"[1]", 1, 2},
                 {"[[{\"a\":1}]]", 1, 2},
                 {"{} x", 1, 4},
                 {"{\"a\":1} // no", 1, 9},
                 {"}", 1, 1}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct batch *batch = NULL;
        struct schema *schema = three();
        struct laminar_error err = LAMINAR_ERROR_INIT;
        laminar_status status = json_read(schema, cases[i].text, strlen(cases[i].text), NULL,
                                          &batch, NULL, &err);
        /* The parser may name a place a byte or two into a bad escape or number. */
        if (status != LAMINAR_INGESTION_FAILED || err.line != cases[i].line ||
            err.column < cases[i].column || err.column > cases[i].column + 2 || batch)
            fail_msg("'%s' gives %d at %d:%d: %s", cases[i].text, status, err.line, err.column,
                     err.message);
        schema_unref(schema);
    }
    expect_error(three(), "{\"b\":\"x\0y\"}", 11, LAMINAR_INGESTION_FAILED, 1, 8, "");
    expect_error(three(), "{\"a\":1}\0", 8, LAMINAR_INGESTION_FAILED, 1, 8, "");
    struct batch *batch = NULL;
    struct schema *schema = three();
    struct strbuf deep = {0};
    for (int i = 0; i < 200000; i++) strbuf_puts(&deep, "{\"a\":[");
    assert_int_equal(json_read(schema, deep.data, deep.size, NULL, &batch, NULL, NULL),
                     LAMINAR_INGESTION_FAILED);
    strbuf_deinit(&deep);
    schema_unref(schema);
}

/* A value of a JSON column may be as deep as it likes. */
static void deep_values_are_kept(void **state)
{
    (void)state;
    enum { DEPTH = 100000 };
    struct schema *schema = ROWS_SCHEMA("", TYPE(JSON));
    struct strbuf text = {0};
    struct batch *batch = NULL;
    strbuf_puts(&text, "{\"a\":");
    for (int i = 0; i < DEPTH; i++) strbuf_putc(&text, '[');
    for (int i = 0; i < DEPTH; i++) strbuf_putc(&text, ']');
    strbuf_putc(&text, '}');
    assert_int_equal(json_read(schema, text.data, text.size, NULL, &batch, NULL, NULL), LAMINAR_OK);
    const struct string_view *s = batch->cols[0].data;
    assert_int_equal(s->size, 2 * DEPTH);
    assert_memory_equal(string_data(s), text.data + 5, 2 * DEPTH);
    batch_unref(batch);
    strbuf_deinit(&text);
    schema_unref(schema);
}

static void values_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line, column;
        const char *part;
    } cases[] = {
        {"{\"a\":1}\n{\"a\":\"abc\"}", 2, 1, "column 'a', row 1: 'abc' (text) is not a BIGINT"},
        {"{\"a\":true}", 1, 1, "'true' (boolean) is not a BIGINT"},
        {"[{\"a\":1},\n  {\"a\":1.5}]", 2, 3,
         "column 'a', row 1: '1.5' (number) would lose digits as BIGINT"},
        {"{\"a\":9223372036854775808}", 1, 1,
         "'9223372036854775808' (number) is out of the range of BIGINT"},
        {"{\"b\":1}", 1, 1, "'1' (number) is not a VARCHAR"},
        {"{\"b\":{}}", 1, 1, "'{...}' (object) is not a VARCHAR"},
        {"{\"c\":[1]}", 1, 1, "'[...]' (array) is not a DOUBLE"},
        {"{\"c\":1e999}", 1, 1, "out of the range of DOUBLE"},
        {"{\"x\":1}", 1, 1, "unknown column 'x'"},
        {"{\"a\":1,\"a\":2}", 1, 1, "'a' is given twice"},
        {"{\"a\":1,\"A\":2}", 1, 1, "'A' is given twice"},
        {"{\"\":1}", 1, 1, "unknown column ''"},
        {"{\"a\\u0000\":1}", 1, 1, "unknown column 'a?'"}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        expect_error(three(), cases[i].text, strlen(cases[i].text), LAMINAR_BATCH_SCHEMA_MISMATCH,
                     cases[i].line, cases[i].column, cases[i].part);
    struct data_type structure, zoned, map;
    assert_int_equal(type_map(TYPE(VARCHAR), TYPE(INT64), &map, NULL), LAMINAR_OK);
    static const char
        small_map[] = "{\"a\":{\"k\":1,\"l\":2,\"k\":3}}",
        large_map[] =
            "{\"a\":{\"k\":1,\"l\":2,\"m\":3,\"n\":4,\"o\":5,\"p\":6,\"q\":7,\"r\":8,\"r\":9}}";
    expect_error(ROWS_SCHEMA("", map), small_map, sizeof small_map - 1,
                 LAMINAR_BATCH_SCHEMA_MISMATCH, 1, 1, "repeated key 'k'");
    expect_error(ROWS_SCHEMA("", map), large_map, sizeof large_map - 1,
                 LAMINAR_BATCH_SCHEMA_MISMATCH, 1, 1, "repeated key 'r'");
    const struct type_field fields[] = {{"x", TYPE(INT64), true}, {"y", TYPE(VARCHAR), true}};
    assert_int_equal(type_struct(fields, 2, &structure, NULL), LAMINAR_OK);
    assert_int_equal(type_timestamptz(UNIT_MILLI, "UTC", &zoned, NULL), LAMINAR_OK);
    expect_error(ROWS_SCHEMA("a", TYPE(INT64)), "{\"a\":null}", 10, LAMINAR_BATCH_SCHEMA_MISMATCH,
                 1, 1, "column 'a', row 0: null (null) in a column declared BIGINT NOT NULL");
    expect_error(ROWS_SCHEMA("a", TYPE(INT64)), "{\"a\":1}{}", 9, LAMINAR_BATCH_SCHEMA_MISMATCH, 1,
                 8, "column 'a', row 1: no value");
    expect_error(ROWS_SCHEMA("", structure), "{\"a\":{\"z\":1}}", 13, LAMINAR_BATCH_SCHEMA_MISMATCH,
                 1, 1, "unknown field 'z'");
    expect_error(ROWS_SCHEMA("", structure), "{\"a\":{\"x\":1,\"x\":2}}", 19,
                 LAMINAR_BATCH_SCHEMA_MISMATCH, 1, 1, "repeated field 'x'");
    expect_error(ROWS_SCHEMA("", structure), "{\"a\":{\"x\":1,\"y\":2}}", 19,
                 LAMINAR_BATCH_SCHEMA_MISMATCH, 1, 1, "'2' (number) is not a VARCHAR");
    expect_error(ROWS_SCHEMA("", zoned), "{\"a\":1.5}", 9, LAMINAR_BATCH_SCHEMA_MISMATCH, 1, 1,
                 "would lose digits");
    expect_error(ROWS_SCHEMA("", type_timestamp(UNIT_SECOND)), "{\"a\":\"yesterday\"}", 17,
                 LAMINAR_BATCH_SCHEMA_MISMATCH, 1, 1, "'yesterday' (text) is not a TIMESTAMP(0)");
    expect_error(ROWS_SCHEMA("", TYPE(DATE)), "{\"a\":2147483648}", 16,
                 LAMINAR_BATCH_SCHEMA_MISMATCH, 1, 1, "out of the range of DATE");
    expect_error(ROWS_SCHEMA("", type_time(UNIT_SECOND)), "{\"a\":86400}", 11,
                 LAMINAR_BATCH_SCHEMA_MISMATCH, 1, 1, "out of the range of TIME");
    expect_error(ROWS_SCHEMA("", type_decimal(4, 2)), "{\"a\":1.234}", 11,
                 LAMINAR_BATCH_SCHEMA_MISMATCH, 1, 1, "would lose digits as DECIMAL(4,2)");
    expect_error(ROWS_SCHEMA("", type_decimal(4, 2)), "{\"a\":100}", 9,
                 LAMINAR_BATCH_SCHEMA_MISMATCH, 1, 1, "out of the range of DECIMAL(4,2)");
}

static void missing_values_with_a_default_are_reported(void **state)
{
    (void)state;
    struct schema *schema = ROWS_SCHEMA("b", TYPE(INT64), TYPE(INT64), TYPE(INT64));
    const bool has_default[] = {false, true, true};
    bool is_defaulted[3] = {true, true, true};
    struct json_options options = {.has_default = has_default};
    struct batch *batch = NULL;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    assert_int_equal(json_read(schema, "[{\"c\":3,\"a\":1},{\"c\":null}]", 26, &options, &batch,
                               is_defaulted, NULL),
                     LAMINAR_OK);
    rows_expect(batch, "1|NULL|3\nNULL|NULL|NULL\n");
    assert_true(!is_defaulted[0] && is_defaulted[1] && !is_defaulted[2]);

    static const char mixed[] = "{\"b\":1}\n{\"c\":2}\n{\"b\":3,\"c\":null}";
    batch = NULL;
    assert_int_equal(
        json_read(schema, mixed, sizeof mixed - 1, &options, &batch, is_defaulted, &err),
        LAMINAR_BATCH_SCHEMA_MISMATCH);
    assert_null(batch);
    struct json_reader *reader = NULL;
    size_t n = 0;
    assert_int_equal(json_reader_create(schema, &options, &reader, &err), LAMINAR_OK);
    assert_int_equal(json_reader_feed(reader, mixed, sizeof mixed - 1, true, &err), LAMINAR_OK);
    assert_null(json_reader_missing(reader, 0, &n));
    const uint8_t *bits = json_reader_missing(reader, 1, &n);
    assert_true(n == 1 && bits && !bitmap_get(bits, 0) && bitmap_get(bits, 1) &&
                !bitmap_get(bits, 2));
    bits = json_reader_missing(reader, 2, &n);
    assert_true(n == 1 && bits && bitmap_get(bits, 0));
    assert_int_equal(json_reader_take(reader, &batch, &err), LAMINAR_OK);
    rows_expect(batch, "NULL|1|NULL\nNULL|NULL|2\nNULL|3|NULL\n");
    assert_null(json_reader_missing(reader, 1, &n));
    json_reader_free(reader);
    /* A null is not a missing value. */
    assert_int_equal(json_read(schema, "{\"b\":null}", 10, &options, &batch, NULL, &err),
                     LAMINAR_BATCH_SCHEMA_MISMATCH);
    schema_unref(schema);
}

static void text_may_be_cut_anywhere(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\xEF\xBB\xBF [ {\"a\":1,\"b\":\"x\\\"}€\"} ,\n{\"c\":[1,{\"q\":\"]\"}]},{} ] ",
        "{\"a\":1,\"b\":\"x\\\"}€\"}\n{\"c\":[1,{\"q\":\"]\"}]}\r\n{}"};
    struct schema *schema = ROWS_SCHEMA("", TYPE(INT64), TYPE(VARCHAR), TYPE(JSON));
    for (size_t t = 0; t < 2; t++) {
        size_t size = strlen(texts[t]);
        for (size_t first = 0; first <= size; first++) {
            for (size_t second = first; second <= size; second++) {
                struct json_reader *reader = NULL;
                struct batch *batch = NULL;
                struct laminar_error err = LAMINAR_ERROR_INIT;
                assert_int_equal(json_reader_create(schema, NULL, &reader, &err), LAMINAR_OK);
                laminar_status status = json_reader_feed(reader, texts[t], first, false, &err);
                if (!status)
                    status = json_reader_feed(reader, texts[t] + first, second - first, false,
                                              &err);
                if (!status)
                    status = json_reader_feed(reader, texts[t] + second, size - second, true, &err);
                if (status) fail_msg("cut at %zu and %zu: %s", first, second, err.message);
                assert_int_equal(json_reader_take(reader, &batch, &err), LAMINAR_OK);
                rows_expect(batch, "1|x\"}€|NULL\nNULL|NULL|[1,{\"q\":\"]\"}]\nNULL|NULL|NULL\n");
                json_reader_free(reader);
            }
        }
    }
    struct json_reader *reader = NULL;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    assert_int_equal(json_reader_create(schema, NULL, &reader, &err), LAMINAR_OK);
    assert_int_equal(json_reader_feed(reader, "{\"a\":1}\n\n{\"a\"", 13, false, &err), LAMINAR_OK);
    assert_int_equal(json_reader_feed(reader, ":2}\n{\"a\":x}", 11, false, &err),
                     LAMINAR_INGESTION_FAILED);
    assert_int_equal(err.line, 4);
    assert_int_equal(err.column, 6);
    assert_int_equal(json_reader_feed(reader, "{}", 2, true, &err), LAMINAR_INGESTION_FAILED);
    json_reader_free(reader);
    schema_unref(schema);
}

static void many_rows_cross_windows(void **state)
{
    (void)state;
    struct schema *schema = three();
    struct strbuf text = {0};
    enum { N = 10000 };
    strbuf_putc(&text, '[');
    for (int i = 0; i < N; i++) {
        if (i) strbuf_puts(&text, ",\n");
        if (i % 7 == 5)
            strbuf_puts(&text, "{}");
        else
            strbuf_printf(&text, "{\"a\": %d, \"b\": \"the text of row %d\", \"c\": %d.5}", i, i,
                          i);
    }
    strbuf_putc(&text, ']');
    struct batch *batch = NULL;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    if (json_read(schema, text.data, text.size, NULL, &batch, NULL, &err))
        fail_msg("%s", err.message);
    assert_int_equal(batch->n_rows, N);
    for (int i = 0; i < N; i++) {
        assert_int_equal(vector_is_valid(&batch->cols[1], (size_t)i), i % 7 != 5);
        if (i % 7 == 5) continue;
        assert_int_equal(((int64_t *)batch->cols[0].data)[i], i);
        assert_true(((double *)batch->cols[2].data)[i] == i + 0.5);
    }
    batch_unref(batch);
    strbuf_clear(&text);
    strbuf_puts(&text, "{\"b\": \"");
    for (int i = 0; i < 10 << 20; i++) strbuf_putc(&text, 'x');
    strbuf_puts(&text, "\"}");
    if (json_read(schema, text.data, text.size, NULL, &batch, NULL, &err))
        fail_msg("%s", err.message);
    assert_int_equal(((struct string_view *)batch->cols[1].data)[0].size, 10 << 20);
    batch_unref(batch);
    struct json_options small = {.record_bytes_max = 1000};
    struct json_reader *reader = NULL;
    assert_int_equal(json_reader_create(schema, &small, &reader, &err), LAMINAR_OK);
    assert_int_equal(json_reader_feed(reader, text.data, 2000, false, &err),
                     LAMINAR_INGESTION_FAILED);
    json_reader_free(reader);
    strbuf_deinit(&text);
    schema_unref(schema);
}

/* One row of all types, written and read back, flat and nested. */
static void values_round_trip(void **state)
{
    (void)state;
    struct data_type zoned, list, structure, map;
    assert_int_equal(type_timestamptz(UNIT_MICRO, "+05:30", &zoned, NULL), LAMINAR_OK);
    const struct type_field fields[] = {{"x", type_decimal(38, 10), true},
                                        {"y \"q\"", zoned, true}};
    assert_int_equal(type_struct(fields, 2, &structure, NULL), LAMINAR_OK);
    assert_int_equal(type_list(structure, &list, NULL), LAMINAR_OK);
    assert_int_equal(type_map(TYPE(DATE), TYPE(DOUBLE), &map, NULL), LAMINAR_OK);
    struct schema *schema = ROWS_SCHEMA(
        "", TYPE(BOOL), TYPE(INT8), TYPE(UINT64), TYPE(FLOAT), TYPE(DOUBLE), type_decimal(20, 3),
        TYPE(VARCHAR), TYPE(BINARY), TYPE(DATE), type_time(UNIT_NANO), type_timestamp(UNIT_NANO),
        zoned, TYPE(INTERVAL), TYPE(UUID), TYPE(JSON), list, map);
    static const char text[] =
        "{\"a\":true,\"b\":-5,\"c\":18446744073709551615,\"d\":0.1,\"e\":\"NaN\",\"f\":-1.500,\"g\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f€\",\"h\":\"\\\\x00\\\\xff\",\"i\":\"2024-02-29\",\"j\":\"01:02:03.000000004\","
        "\"k\":\"2026-01-02T03:04:05.123456789\",\"l\":\"2026-01-02T03:04:05+05:30\",\"m\":\"1 year 2 months 3 days -04:05:06.5\",\"n\":\"123e4567-e89b-12d3-a456-426614174000\",\"o\":{\"k\":[1e5,\"x\"]},"
        "\"p\":[{\"x\":1.0000000001,\"y \\\"q\\\"\":\"2026-01-02T03:04:05+05:30\"},null],\"q\":{\"2024-02-29\":\"Infinity\",\"2024-03-01\":1e+30}}\n"
        "{\"a\":null,\"b\":null,\"c\":null,\"d\":null,\"e\":null,\"f\":null,\"g\":null,\"h\":null,\"i\":null,\"j\":null,\"k\":null,\"l\":null,\"m\":null,\"n\":null,\"o\":null,\"p\":null,\"q\":null}\n";
    struct batch *batch = NULL;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    if (json_read(schema, text, sizeof text - 1, NULL, &batch, NULL, &err))
        fail_msg("%s", err.message);
    struct vector cols[17];
    struct chunk chunk = batch_chunk(batch, 0, cols);
    struct strbuf out = {0};
    json_write_chunk(&out, schema, &chunk);
    assert_string_equal(out.data, text);
    strbuf_deinit(&out);
    batch_unref(batch);
    schema_unref(schema);
}

/* After a failed append a nested column is as it was. */
static void failed_appends_leave_nothing(void **state)
{
    (void)state;
    struct data_type inner, list, outer;
    const struct type_field inner_fields[] = {{"x", TYPE(INT64), true}, {"y", TYPE(INT64), true}};
    assert_int_equal(type_struct(inner_fields, 2, &inner, NULL), LAMINAR_OK);
    assert_int_equal(type_list(inner, &list, NULL), LAMINAR_OK);
    const struct type_field outer_fields[] = {{"l", list, true}, {"s", inner, true}};
    assert_int_equal(type_struct(outer_fields, 2, &outer, NULL), LAMINAR_OK);
    struct column col;
    assert_int_equal(column_init(&col, outer, NULL), LAMINAR_OK);
    static const char good[] = "{\"l\":[{\"x\":1,\"y\":2}],\"s\":{\"x\":3}}";
    static const char *const bad[] = {"{\"l\":[{\"x\":1},{\"x\":1,\"y\":true}]}",
                                      "{\"s\":{\"x\":1,\"y\":[]}}",
                                      "{\"l\":[{\"x\":1}],\"s\":{\"x\":1,\"z\":1}}",
                                      "{\"l\":[],\"s\":7}", "{\"l\":[{\"y\":{}}]}"};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        assert_int_equal(json_append_value(&col, good, sizeof good - 1, "col", i, NULL),
                         LAMINAR_OK);
        assert_int_equal(json_append_value(&col, bad[i], strlen(bad[i]), "col", i, NULL),
                         LAMINAR_BATCH_SCHEMA_MISMATCH);
    }
    struct strbuf out = {0};
    for (size_t i = 0; i < col.n; i++) {
        strbuf_clear(&out);
        json_write_value(&out, &col.vec, i);
        assert_string_equal(out.data, "{\"l\":[{\"x\":1,\"y\":2}],\"s\":{\"x\":3,\"y\":null}}");
    }
    assert_int_equal(col.n, ARRAY_LENGTH(bad));
    strbuf_deinit(&out);
    column_deinit(&col);
}

/* Bytes changed at random: an error or rows, never more. */
static void damaged_text_is_survived(void **state)
{
    (void)state;
    static const char text[] =
        "[{\"a\":1,\"b\":\"x\\\"}\\u20ac\",\"c\":1.5e10},\n{\"c\":-2,\"b\":\"some longer text\"},{} ] ";
    struct schema *schema = three();
    for (int i = 0; i < 30000; i++) {
        char damaged[sizeof text];
        memcpy(damaged, text, sizeof text);
        for (uint64_t k = 1 + random_u64() % 3; k > 0; k--)
            damaged[random_u64() % (sizeof text - 1)] = "[]{}\",:\\0 9e.n\n\xC3"[random_u64() % 16];
        struct batch *batch = NULL;
        struct laminar_error err = LAMINAR_ERROR_INIT;
        laminar_status status = json_read(schema, damaged, random_u64() % sizeof text, NULL, &batch,
                                          NULL, &err);
        if (status != LAMINAR_OK && status != LAMINAR_INGESTION_FAILED &&
            status != LAMINAR_BATCH_SCHEMA_MISMATCH)
            fail_msg("%s gives %s", damaged, err.message);
        assert_true(status == LAMINAR_OK || err.line > 0);
        batch_unref(batch);
    }
    schema_unref(schema);
}

static laminar_status read_scenario(void *arg)
{
    static const char text[] =
        "[{\"a\":1,\"b\":\"a string of some length\",\"c\":2,\"d\":[1]},{\"d\":[2,3,null]},{\"e\":{\"k\":[1]}}]";
    const bool has_default[] = {true, false, false, false, false};
    struct json_reader *reader = NULL;
    struct batch *batch = NULL;
    laminar_status status = json_reader_create(
        arg, &(struct json_options){.has_default = has_default}, &reader, NULL);
    if (!status) status = json_reader_feed(reader, text, 40, false, NULL);
    if (!status) status = json_reader_feed(reader, text + 40, sizeof text - 41, true, NULL);
    if (!status) status = json_reader_take(reader, &batch, NULL);
    batch_unref(batch);
    json_reader_free(reader);
    return status;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    struct data_type list;
    assert_int_equal(type_list(TYPE(INT32), &list, NULL), LAMINAR_OK);
    struct schema *schema = ROWS_SCHEMA("", TYPE(INT64), TYPE(VARCHAR), TYPE(DOUBLE), list,
                                        TYPE(JSON));
    assert_true(unit_fail_each_allocation(read_scenario, schema) > 10);
    schema_unref(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_are_read),
                                       cmocka_unit_test(types_are_read),
                                       cmocka_unit_test(malformed_text_is_refused),
                                       cmocka_unit_test(deep_values_are_kept),
                                       cmocka_unit_test(values_that_do_not_fit_are_refused),
                                       cmocka_unit_test(missing_values_with_a_default_are_reported),
                                       cmocka_unit_test(text_may_be_cut_anywhere),
                                       cmocka_unit_test(many_rows_cross_windows),
                                       cmocka_unit_test(values_round_trip),
                                       cmocka_unit_test(failed_appends_leave_nothing),
                                       cmocka_unit_test(damaged_text_is_survived),
                                       cmocka_unit_test(memory_may_run_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
