/* test_csv.c - CSV reading and writing: quoting, line ends, headers, errors with their positions, cuts anywhere, round trips. */
#include "base/hash.h"
#include "format/csv.h"
#include "rows.h"

static uint64_t random_state = 7;
static uint64_t random_u64(void)
{
    return random_state = hash_u64(random_state + 0x9e3779b97f4a7c15ULL);
}

static struct schema *three(void)
{
    return ROWS_SCHEMA("", TYPE(INT64), TYPE(VARCHAR), TYPE(DOUBLE));
}

/* Reads text with the schema, which is given back, and compares. */
static void expect_rows(struct schema *schema, const struct csv_options *options, const char *text,
                        const char *expected)
{
    struct batch *batch = NULL;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    if (csv_read(schema, text, strlen(text), options, &batch, NULL, &err) != LAMINAR_OK)
        fail_msg("%s: %s", text, err.message);
    rows_expect(batch, expected);
    schema_unref(schema);
}

static void expect_error(struct schema *schema, const struct csv_options *options, const char *text,
                         size_t size, laminar_status status, int line, int column, const char *part)
{
    struct batch *batch = NULL;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    laminar_status got = csv_read(schema, text, size, options, &batch, NULL, &err);
    if (got != status || err.code != status || !strstr(err.message, part) || err.line != line ||
        err.column != column || batch)
        fail_msg("'%s' gives %d at %d:%d: %s", text, got, err.line, err.column, err.message);
    schema_unref(schema);
}

static void fields_are_read(void **state)
{
    (void)state;
    expect_rows(three(), NULL, "a,b,c\n1,x,1.5\n2,y,2\n", "1|x|1.5\n2|y|2.0\n");
    expect_rows(three(), NULL, "a,b,c\r\n1,x,1.5\r\n2,y,2", "1|x|1.5\n2|y|2.0\n");
    expect_rows(three(), NULL,
                "\xEF\xBB\xBF"
                "c,a,b\n1.5,1,x\n",
                "1|x|1.5\n");
    expect_rows(three(), NULL, "A, B ,\"c\"\n1,x,1\n", "1|x|1.0\n");
    expect_rows(three(), NULL, "a,b,c\n,,\n\n\r\n-7,\"\",1e3\n", "NULL|NULL|NULL\n-7||1000.0\n");
    expect_rows(three(), NULL,
                "a,b,c\n1,\"x,y\",2\n2,\"say \"\"hi\"\"\",3\n3,\"two\nlines\r\nor three\",4\n",
                "1|x,y|2.0\n2|say \"hi\"|3.0\n3|two\nlines\r\nor three|4.0\n");
    expect_rows(three(), NULL, "a,b,c\n\"1\",\"\"\"\",\"2.5\"\n", "1|\"|2.5\n");
    expect_rows(three(), NULL, "a,b\n1,x\n", "1|x|NULL\n");
    expect_rows(three(), NULL, "a,b,c\n", "");
    expect_rows(three(), NULL, "a,b,c", "");
    expect_rows(three(), NULL, "\n\r\na,b,c\n1,2,3", "1|2|3.0\n");
    expect_rows(three(), NULL, "b\n  spaced  \na string that is longer than twelve bytes\n",
                "NULL|  spaced  |NULL\nNULL|a string that is longer than twelve bytes|NULL\n");
    expect_rows(three(), NULL, "a,b,c\n1.0,äöü€😀,NaN\n", "1|äöü€😀|NaN\n");
    expect_rows(ROWS_SCHEMA("", TYPE(INT64)), NULL, "a\n1\n\n3\n", "1\nNULL\n3\n");
    expect_rows(ROWS_SCHEMA("", TYPE(VARCHAR)), NULL, "a\n\"\"\n\n", "\nNULL\n");
}

static void options_are_used(void **state)
{
    (void)state;
    struct csv_options options = {.delimiter = ';', .quote = '\'', .null_text = "NA"};
    expect_rows(three(), &options, "a;b;c\n1;'x;''y';NA\nNA;\"q\";2\n3;'NA';\n",
                "1|x;'y|NULL\nNULL|\"q\"|2.0\n3|NA|NULL\n");
    options = (struct csv_options){.delimiter = '\t', .has_no_header = true};
    expect_rows(three(), &options, "1\tx\t2\n\n3\ty\t4\n", "1|x|2.0\n3|y|4.0\n");
    expect_rows(three(), &options, "", "");
    options = (struct csv_options){.delimiter = '"'};
    expect_error(three(), &options, "a", 1, LAMINAR_INVALID_ARGUMENT, 0, 0, "delimiter");
}

static void types_are_read(void **state)
{
    (void)state;
    struct data_type list, structure, map, zoned;
    const struct type_field fields[] = {{"x", TYPE(INT64), true}, {"y", TYPE(VARCHAR), true}};
    assert_int_equal(type_list(TYPE(INT32), &list, NULL), LAMINAR_OK);
    assert_int_equal(type_struct(fields, 2, &structure, NULL), LAMINAR_OK);
    assert_int_equal(type_map(TYPE(VARCHAR), TYPE(DOUBLE), &map, NULL), LAMINAR_OK);
    assert_int_equal(type_timestamptz(UNIT_MILLI, "+02:00", &zoned, NULL), LAMINAR_OK);
    expect_rows(
        ROWS_SCHEMA("", TYPE(BOOL), TYPE(INT8), TYPE(UINT64), TYPE(FLOAT), type_decimal(38, 2),
                    TYPE(DATE), type_time(UNIT_MICRO), type_timestamp(UNIT_MILLI), zoned,
                    TYPE(INTERVAL), TYPE(UUID), TYPE(BINARY), TYPE(JSON)),
        NULL,
        "a,b,c,d,e,f,g,h,i,j,k,l,m\n"
        "true,-128,18446744073709551615,0.1,123456789012345678901234567890123456.78,2024-02-29,12:34:56.5,2026-01-02T03:04:05.678Z,2026-01-02 03:04:05,1 day 2 hours,"
        "123e4567-e89b-12d3-a456-426614174000,a\\xff,\"{\"\"k\"\": [1, 12345678901234567890123]}\"\n"
        ",,,,,,,,,,,,\n",
        "true|-128|18446744073709551615|0.1|123456789012345678901234567890123456.78|2024-02-29|12:34:56.5|2026-01-02 03:04:05.678|2026-01-02 03:04:05+02|1 day 02:00:00|"
        "123e4567-e89b-12d3-a456-426614174000|a\\xff|{\"k\":[1,12345678901234567890123]}\n"
        "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL\n");
    expect_rows(
        ROWS_SCHEMA("", list, structure, map), NULL,
        "a,b,c\n\"[1, null, 3]\",\"{\"\"y\"\": \"\"q\"\", \"\"x\"\": 5}\",\"{\"\"k\"\": 1.5}\"\n,,\n[],{},{}\n",
        "[1, NULL, 3]|{'x': 5, 'y': q}|{k=1.5}\nNULL|NULL|NULL\n[]|{'x': NULL, 'y': NULL}|{}\n");
}

static void malformed_text_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line, column;
        const char *part;
    } cases[] = {{"a,b,c\n1,2\n", 2, 3, "2 fields where 3"},
                 {"a,b,c\n1,x,3\n\n1,x,3,4\n", 4, 7, "4 fields where 3"},
                 {"a,b,c\n1\n", 2, 1, "1 field where 3"},
                 {"a,b,c\n1,\"x,3\n", 2, 3, "not closed"},
                 {"a,b,c\n1,x\"y,3\n", 2, 4, "quote inside"},
                 {"a,b,c\n1,\"x\"y,3\n", 2, 6, "after the quote"},
                 {"a,b,c\n1,\"x\"\"y,3\n2,x,3\n", 2, 3, "not closed"},
                 {"a,b,c\n1,x\"y,3\n2,\"z\",4\n", 2, 4, "quote inside"},
                 {"a,b,c\n1,x\"y,3\n2,z\"\n", 2, 4, "quote inside"},
                 {"a,b,c\n1,\"x\ny\",2\n2, \"q\",3\n", 4, 4, "quote inside"},
                 {"a,b,c\n1,\xC3(,3\n", 2, 3, "UTF-8"},
                 {"a,b,c\n1,\xE2\x82", 2, 3, "UTF-8"},
                 {"\"a,b,c\n", 1, 1, "not closed"},
                 {"a,b,c\nä,\"ö,3", 2, 3, "not closed"}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        expect_error(three(), NULL, cases[i].text, strlen(cases[i].text), LAMINAR_INGESTION_FAILED,
                     cases[i].line, cases[i].column, cases[i].part);
    expect_error(three(), NULL, "a,b,c\n1\0,x,3\n", 13, LAMINAR_BATCH_SCHEMA_MISMATCH, 2, 1, "'a'");
    expect_error(three(), NULL, "", 0, LAMINAR_INGESTION_FAILED, 0, 0, "no header");
    expect_error(three(), NULL, "\n\n", 2, LAMINAR_INGESTION_FAILED, 0, 0, "no header");
    struct csv_options small = {.record_bytes_max = 100};
    char text[400] = "\"";
    memset(text + 1, 'x', 390);
    expect_error(three(), &small, text, strlen(text), LAMINAR_INGESTION_FAILED, 1, 1,
                 "a quoted field is not closed within 100 bytes");
    text[0] = 'x';
    expect_error(three(), &small, text, strlen(text), LAMINAR_INGESTION_FAILED, 1, 1,
                 "longer than 100 bytes");
}

static void values_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line, column;
        const char *part;
    } cases[] = {
        {"a,b,c\n1,x,2\nabc,x,3\n", 3, 1, "column 'a', row 1: 'abc' (text) is not a BIGINT"},
        {"a,b,c\n9223372036854775808,x,3\n", 2, 1,
         "column 'a', row 0: '9223372036854775808' (text) is out of the range of BIGINT"},
        {"a,b,c\n1.5,x,3\n", 2, 1, "would lose digits as BIGINT"},
        {"a,b,c\n1,ä,1e999\n", 2, 5,
         "column 'c', row 0: '1e999' (text) is out of the range of DOUBLE"},
        {"a,b,c\n\"\",x,3\n", 2, 1, "'' (text) is not a BIGINT"},
        {"a,b,x\n1,2,3\n", 1, 5, "unknown column 'x'"},
        {"a,b,A\n1,2,3\n", 1, 5, "'A' is given twice"},
        {"a,b,\n1,2,3\n", 1, 5, "unknown column ''"}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        expect_error(three(), NULL, cases[i].text, strlen(cases[i].text),
                     LAMINAR_BATCH_SCHEMA_MISMATCH, cases[i].line, cases[i].column, cases[i].part);
    const laminar_status mismatch = LAMINAR_BATCH_SCHEMA_MISMATCH;
    struct data_type list;
    assert_int_equal(type_list(TYPE(INT32), &list, NULL), LAMINAR_OK);
    expect_error(ROWS_SCHEMA("a", TYPE(INT64), TYPE(INT64)), NULL, "a,b\n1,\n,2\n", 10, mismatch, 3,
                 1, "column 'a', row 1: null (empty field) in a column declared BIGINT NOT NULL");
    expect_error(ROWS_SCHEMA("a", TYPE(INT64), TYPE(INT64)), NULL, "b\n1\n", 4, mismatch, 0, 0,
                 "column 'a'");
    expect_error(ROWS_SCHEMA("", TYPE(JSON)), NULL, "a\n{\n", 4, mismatch, 2, 1, "is not a JSON");
    expect_error(ROWS_SCHEMA("", type_timestamp(UNIT_SECOND)), NULL, "a\n2026-01-01 00:00:00.5\n",
                 24, mismatch, 2, 1, "would lose digits as TIMESTAMP(0)");
    expect_error(ROWS_SCHEMA("", list), NULL, "a\n\"[1,true]\"\n", 13, mismatch, 2, 1,
                 "column 'a', row 0: 'true' (boolean) is not a INT");
    expect_error(ROWS_SCHEMA("", list), NULL, "a\n[1\n", 5, mismatch, 2, 1,
                 "'[1' (text) is not a INT[]");
}

static void missing_columns_with_a_default_are_reported(void **state)
{
    (void)state;
    struct schema *schema = ROWS_SCHEMA("b", TYPE(INT64), TYPE(INT64), TYPE(INT64));
    const bool has_default[] = {false, true, true};
    bool is_defaulted[3] = {true, true, true};
    struct csv_options options = {.has_default = has_default};
    struct batch *batch = NULL;
    assert_int_equal(csv_read(schema, "c,a\n3,1\n", 8, &options, &batch, is_defaulted, NULL),
                     LAMINAR_OK);
    rows_expect(batch, "1|NULL|3\n");
    assert_true(!is_defaulted[0] && is_defaulted[1] && !is_defaulted[2]);
    schema_unref(schema);
}

/* The same rows whatever the pieces are that the text comes in. */
static void text_may_be_cut_anywhere(void **state)
{
    (void)state;
    static const char text[] = "\xEF\xBB\xBF"
                               "a,b,c\r\n1,\"x,\"\"y\"\"\r\nz\",1.5\r\n\r\n2,äöü,\r\n3,\"\",4";
    static const char expected[] = "1|x,\"y\"\r\nz|1.5\n2|äöü|NULL\n3||4.0\n";
    size_t size = sizeof text - 1;
    struct schema *schema = three();
    for (size_t first = 0; first <= size; first++) {
        for (size_t second = first; second <= size; second += 3) {
            struct csv_reader *reader = NULL;
            struct batch *batch = NULL;
            struct laminar_error err = LAMINAR_ERROR_INIT;
            assert_int_equal(csv_reader_create(schema, NULL, &reader, &err), LAMINAR_OK);
            laminar_status status = csv_reader_feed(reader, text, first, false, &err);
            if (!status)
                status = csv_reader_feed(reader, text + first, second - first, false, &err);
            if (!status) status = csv_reader_feed(reader, text + second, size - second, true, &err);
            if (status) fail_msg("cut at %zu and %zu: %s", first, second, err.message);
            assert_int_equal(csv_reader_take(reader, &batch, &err), LAMINAR_OK);
            rows_expect(batch, expected);
            csv_reader_free(reader);
        }
    }
    /* Positions count from the start of all text; rows from the first one. */
    struct csv_reader *reader = NULL;
    struct batch *batch = NULL;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    assert_int_equal(csv_reader_create(schema, NULL, &reader, &err), LAMINAR_OK);
    assert_int_equal(csv_reader_feed(reader, "a,b,c\n1,\"\n\",2\n3,", 16, false, &err), LAMINAR_OK);
    assert_int_equal(csv_reader_take(reader, &batch, &err), LAMINAR_OK);
    rows_expect(batch, "1|\n|2.0\n");
    assert_int_equal(csv_reader_feed(reader, "x,4\ny,5,6\n3,x\"", 14, false, &err),
                     LAMINAR_BATCH_SCHEMA_MISMATCH);
    assert_non_null(strstr(err.message, "row 2"));
    assert_int_equal(csv_reader_feed(reader, "3,4,5\n", 6, true, &err), LAMINAR_INGESTION_FAILED);
    csv_reader_free(reader);
    reader = NULL;
    assert_int_equal(csv_reader_create(schema, NULL, &reader, &err), LAMINAR_OK);
    assert_int_equal(csv_reader_feed(reader, "a,b,c\n1,\"\n\",2\n3,", 16, false, &err), LAMINAR_OK);
    assert_int_equal(csv_reader_feed(reader, "x,4\n7,5\"\n", 9, true, &err),
                     LAMINAR_INGESTION_FAILED);
    assert_int_equal(err.line, 5);
    assert_int_equal(err.column, 4);
    csv_reader_free(reader);
    schema_unref(schema);
}

static void many_rows_cross_windows(void **state)
{
    (void)state;
    struct schema *schema = three();
    struct strbuf text = {0};
    strbuf_puts(&text, "a,b,c\n");
    enum { N = 10000 };
    for (int i = 0; i < N; i++) {
        if (i % 7 == 3)
            strbuf_printf(&text, "%d,\"row, \"\"%d\"\" of the text\",%d.25\n", i, i, i);
        else if (i % 7 == 5)
            strbuf_puts(&text, ",,\n");
        else
            strbuf_printf(&text, "%d,row%d,%d.5\n", i, i, i);
    }
    struct batch *batch = NULL;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    if (csv_read(schema, text.data, text.size, NULL, &batch, NULL, &err))
        fail_msg("%s", err.message);
    assert_int_equal(batch->n_rows, N);
    for (int i = 0; i < N; i++) {
        bool is_null = i % 7 == 5;
        assert_int_equal(vector_is_valid(&batch->cols[0], (size_t)i), !is_null);
        assert_int_equal(vector_is_valid(&batch->cols[1], (size_t)i), !is_null);
        if (is_null) continue;
        assert_int_equal(((int64_t *)batch->cols[0].data)[i], i);
        assert_true(((double *)batch->cols[2].data)[i] == i + (i % 7 == 3 ? 0.25 : 0.5));
        struct strbuf name = {0};
        strbuf_printf(&name, i % 7 == 3 ? "row, \"%d\" of the text" : "row%d", i);
        const struct string_view *s = &((struct string_view *)batch->cols[1].data)[i];
        assert_int_equal(s->size, name.size);
        assert_memory_equal(string_data(s), name.data, name.size);
        strbuf_deinit(&name);
    }
    batch_unref(batch);
    /* A value of 10 MB. */
    strbuf_clear(&text);
    strbuf_puts(&text, "a,b,c\n1,\"");
    for (int i = 0; i < 10 << 20; i++) strbuf_putc(&text, i % 50 ? 'x' : '\n');
    strbuf_puts(&text, "\",2\n");
    if (csv_read(schema, text.data, text.size, NULL, &batch, NULL, &err))
        fail_msg("%s", err.message);
    assert_int_equal(((struct string_view *)batch->cols[1].data)[0].size, 10 << 20);
    batch_unref(batch);
    strbuf_deinit(&text);
    schema_unref(schema);
}

static void rows_are_written(void **state)
{
    (void)state;
    struct schema *schema = ROWS_SCHEMA("", TYPE(VARCHAR), TYPE(DOUBLE),
                                        type_timestamp(UNIT_MILLI));
    static const char text[] =
        "a,b,c\nplain,1.5,2026-01-02 03:04:05.5\n\"q\"\"u,o\nte\",,\n\"\",NaN,\n,1e+30,1969-12-31 00:00:00\n";
    struct batch *batch = NULL;
    assert_int_equal(csv_read(schema, text, sizeof text - 1, NULL, &batch, NULL, NULL), LAMINAR_OK);
    struct vector cols[3];
    struct chunk chunk = batch_chunk(batch, 0, cols);
    chunk.n_rows = (uint32_t)batch->n_rows;
    struct strbuf out = {0};
    csv_write_header(&out, schema, NULL);
    csv_write_chunk(&out, &chunk, NULL);
    assert_string_equal(out.data, text);
    strbuf_clear(&out);
    struct csv_options options = {.delimiter = ':', .null_text = "plain"};
    csv_write_header(&out, schema, &options);
    csv_write_chunk(&out, &chunk, &options);
    assert_string_equal(
        out.data,
        "a:b:c\n\"plain\":1.5:\"2026-01-02 03:04:05.5\"\n\"q\"\"u,o\nte\":plain:plain\n\"\":NaN:plain\nplain:1e+30:\"1969-12-31 00:00:00\"\n");
    strbuf_deinit(&out);
    batch_unref(batch);
    schema_unref(schema);
}

/* Random rows of nasty strings come back from their CSV. */
static void rows_round_trip(void **state)
{
    (void)state;
    static const char *const pieces[] = {"\"", ",", "\n",   "\r\n", "\r", "x",
                                         "€",  " ", "NULL", "'",    "\\", "a longer piece of text",
                                         "\t", ";"};
    struct schema *schema = ROWS_SCHEMA("", TYPE(VARCHAR), TYPE(INT64), TYPE(VARCHAR));
    for (int round = 0; round < 60; round++) {
        struct batch_builder *builder = NULL;
        assert_int_equal(batch_builder_create(schema, NULL, &builder, NULL), LAMINAR_OK);
        struct column *columns;
        assert_int_equal(batch_builder_columns(builder, &columns, NULL), LAMINAR_OK);
        size_t n = random_u64() % 300;
        for (size_t i = 0; i < n; i++) {
            for (int c = 0; c < 3; c++) {
                int64_t number = (int64_t)random_u64() >> (random_u64() % 64);
                if (random_u64() % 8 == 0) {
                    assert_int_equal(column_append_null(&columns[c], 1, NULL), LAMINAR_OK);
                } else if (c == 1) {
                    assert_int_equal(column_append_value(&columns[c], &number, NULL), LAMINAR_OK);
                } else {
                    struct strbuf piece = {0};
                    strbuf_puts(&piece, "");
                    for (uint64_t k = random_u64() % 5; k > 0; k--)
                        strbuf_puts(&piece, pieces[random_u64() % ARRAY_LENGTH(pieces)]);
                    assert_int_equal(
                        column_append_string(&columns[c], piece.data, piece.size, NULL),
                        LAMINAR_OK);
                    strbuf_deinit(&piece);
                }
            }
        }
        assert_int_equal(batch_builder_added(builder, n, NULL), LAMINAR_OK);
        struct batch *batch = NULL, *back = NULL;
        assert_int_equal(batch_builder_finish(builder, &batch, NULL), LAMINAR_OK);
        struct strbuf text = {0}, printed = {0}, printed_back = {0};
        struct vector cols[3];
        csv_write_header(&text, schema, NULL);
        struct chunk chunk = batch_chunk(batch, 0, cols);
        if (n) csv_write_chunk(&text, &chunk, NULL);
        struct laminar_error err = LAMINAR_ERROR_INIT;
        if (csv_read(schema, text.data, text.size, NULL, &back, NULL, &err))
            fail_msg("%s in %s", err.message, text.data);
        strbuf_puts(&printed, "");
        strbuf_puts(&printed_back, "");
        rows_print(&printed, batch);
        rows_print(&printed_back, back);
        assert_string_equal(printed.data, printed_back.data);
        strbuf_deinit(&text);
        strbuf_deinit(&printed);
        strbuf_deinit(&printed_back);
        batch_unref(batch);
        batch_unref(back);
        batch_builder_free(builder);
    }
    schema_unref(schema);
}

static laminar_status read_scenario(void *arg)
{
    static const char text[] =
        "a,b,c,d\n1,\"a quoted \"\"string\"\" of some length\",2,[1]\n,\"\",,\n3,x,4,\"[2,3,null]\"\n";
    struct batch *batch = NULL;
    laminar_status status = csv_read(arg, text, sizeof text - 1,
                                     &(struct csv_options){.null_text = "NA"}, &batch, NULL, NULL);
    batch_unref(batch);
    return status;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    struct data_type list;
    assert_int_equal(type_list(TYPE(INT32), &list, NULL), LAMINAR_OK);
    struct schema *schema = ROWS_SCHEMA("", TYPE(INT64), TYPE(VARCHAR), TYPE(DOUBLE), list);
    assert_true(unit_fail_each_allocation(read_scenario, schema) > 10);
    schema_unref(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read),
        cmocka_unit_test(options_are_used),
        cmocka_unit_test(types_are_read),
        cmocka_unit_test(malformed_text_is_refused),
        cmocka_unit_test(values_that_do_not_fit_are_refused),
        cmocka_unit_test(missing_columns_with_a_default_are_reported),
        cmocka_unit_test(text_may_be_cut_anywhere),
        cmocka_unit_test(many_rows_cross_windows),
        cmocka_unit_test(rows_are_written),
        cmocka_unit_test(rows_round_trip),
        cmocka_unit_test(memory_may_run_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
