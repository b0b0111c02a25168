/* random_rows.c - see random_rows.h. */
#include "random_rows.h"
#include "base/error.h"
#include "vector/text.h"
#include <stdio.h>

uint64_t random_rows_state = 20240607;

size_t random_types(struct data_type *out)
{
    size_t n = 0;
    for (int id = LAMINAR_TYPE_NULL; id <= LAMINAR_TYPE_DOUBLE; id++)
        out[n++] = type_of((laminar_type)id);
    out[n++] = type_decimal(9, 2);
    out[n++] = type_decimal(38, 10);
    out[n++] = TYPE(VARCHAR);
    out[n++] = TYPE(BINARY);
    out[n++] = TYPE(JSON);
    out[n++] = TYPE(DATE);
    for (int unit = 0; unit < 4; unit++) {
        out[n++] = type_time((enum time_unit)unit);
        out[n++] = type_timestamp((enum time_unit)unit);
        assert_int_equal(type_timestamptz((enum time_unit)unit, unit % 2 ? "Europe/Berlin" : "UTC",
                                          &out[n++], NULL),
                         0);
    }
    out[n++] = TYPE(INTERVAL);
    out[n++] = TYPE(UUID);
    struct data_type ints, texts, pair, map, deep;
    assert_int_equal(type_list(TYPE(INT64), &ints, NULL), 0);
    assert_int_equal(type_list(TYPE(VARCHAR), &texts, NULL), 0);
    struct type_field fields[] = {{"a", TYPE(INT32), true},
                                  {"b", TYPE(VARCHAR), true},
                                  {"c", ints, true},
                                  {"d", TYPE(BOOL), true}};
    assert_int_equal(type_struct(fields, 4, &pair, NULL), 0);
    assert_int_equal(type_map(TYPE(VARCHAR), TYPE(DOUBLE), &map, NULL), 0);
    assert_int_equal(type_list(pair, &deep, NULL), 0);
    out[n++] = ints;
    out[n++] = texts;
    out[n++] = pair;
    out[n++] = map;
    out[n++] = deep;
    assert_true(n <= RANDOM_TYPES_MAX);
    return n;
}

static laminar_status append_text(struct column *col, struct laminar_error *err)
{
    static const char *const words[] = {"",
                                        "a",
                                        "ab",
                                        "abc\xC3\xA4",
                                        "twelve bytes",
                                        "thirteen byte",
                                        "thirteen bytf",
                                        "a text that is longer than any prefix, and then some",
                                        "a text that is longer than any prefix"};
    static const char *const documents[] = {"1", "{\"a\": [1, 2]}", "\"a string in JSON\"", "null"};
    const char *text = col->vec.type.id == LAMINAR_TYPE_JSON
                           ? documents[random_below(ARRAY_LENGTH(documents))]
                           : words[random_below(ARRAY_LENGTH(words))];
    char number[64];
    if (col->vec.type.id != LAMINAR_TYPE_JSON && random_below(2)) {
        snprintf(number, sizeof number, "%0*d", (int)(1 + random_below(30)), (int)random_below(50));
        text = number;
    }
    return column_append_string(col, text, strlen(text), err);
}

static laminar_status append_scalar(struct column *col, struct laminar_error *err)
{
    union {
        int128 wide;
        uint8_t bytes[16];
        uint64_t word;
        float f32;
        double f64;
        struct laminar_interval interval;
    } value = {.wide = 0};
    static const double doubles[] = {
        0.0, -0.0, 1.5, -1.5, __builtin_inf(), -__builtin_inf(), __builtin_nan(""), 1e300, 0.1};
    bool is_small = random_below(2);
    uint64_t word = is_small ? random_below(20) : random_u64();
    switch (type_phys(col->vec.type)) {
    case PHYS_BOOL: value.bytes[0] = word & 1; break;
    case PHYS_F32: value.f32 = is_small ? (float)doubles[word % 7] : (float)(int32_t)word; break;
    case PHYS_F64: value.f64 = is_small ? doubles[word % 9] : (double)(int64_t)word; break;
    case PHYS_I128:
        value.wide = (int128)(int64_t)word % pow10_table[col->vec.type.precision];
        break;
    case PHYS_INTERVAL:
        value.interval = (struct laminar_interval){
            (int32_t)random_below(3) - 1, (int32_t)random_below(62) - 31, (int64_t)random_below(3)};
        break;
    case PHYS_UUID: value.word = word; break;
    default:
        value.word = word;
        if (col->vec.type.id == LAMINAR_TYPE_TIME)
            value.word = word %
                         (uint64_t)(86400 * unit_per_second((enum time_unit)col->vec.type.unit));
        else if (col->vec.type.id == LAMINAR_TYPE_DATE || type_is_timestamp(col->vec.type))
            value.word = word & 0xFFFFFF;
    }
    return column_append_value(col, &value, err);
}

laminar_status random_append(struct column *col, size_t n, unsigned null_percent,
                             struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    for (size_t i = 0; i < n && !status; i++) {
        enum phys_type phys = type_phys(col->vec.type);
        if (phys == PHYS_NULL || random_below(100) < null_percent) {
            status = column_append_null(col, 1, err);
        } else if (phys == PHYS_STRING) {
            status = append_text(col, err);
        } else if (phys == PHYS_LIST) {
            size_t first = col->children[0].n, n_items = random_below(4);
            bool is_map = col->vec.type.id == LAMINAR_TYPE_MAP;
            status = random_append(&col->children[0], n_items, is_map ? 0 : null_percent, err);
            if (!status && is_map)
                status = random_append(&col->children[1], n_items, null_percent, err);
            if (!status) status = column_append_list(col, first, err);
        } else if (phys == PHYS_STRUCT) {
            for (uint32_t k = 0; k < col->vec.n_children && !status; k++)
                status = random_append(&col->children[k], 1, null_percent, err);
            if (!status) status = column_append_struct(col, err);
        } else {
            status = append_scalar(col, err);
        }
    }
    return status;
}

const char *row_text(const struct vector *v, size_t row)
{
    static char texts[8][4096];
    static unsigned next;
    char *out = texts[next++ % 8];
    struct strbuf text = {0};
    text_print_value(&text, v, row);
    assert_false(text.failed);
    snprintf(out, sizeof texts[0], "%s%s", vector_is_valid(v, row) ? "" : "(null)",
             text.data ? text.data : "");
    strbuf_deinit(&text);
    return out;
}

void assert_same_rows(const struct vector *a, size_t from_a, const struct vector *b, size_t from_b,
                      size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_string_equal(row_text(a, from_a + i), row_text(b, from_b + i));
}
