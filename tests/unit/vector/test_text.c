/* test_text.c - values of every type to and from text: tables of edge cases, and round trips of random values. */
#include "base/hash.h"
#include "unit.h"
#include "vector/text.h"
#include <math.h>

#define S(text) (text), (sizeof(text) - 1)

static uint64_t random_state = 42;
static uint64_t random_u64(void)
{
    return random_state = hash_u64(random_state + 0x9e3779b97f4a7c15ULL);
}

/* --- Integers ------------------------------------------------------------------------------------------------------------------------- */

static void integers_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum parse_result result;
        int64_t value;
    } cases[] = {{"0", PARSE_OK, 0},
                 {"-0", PARSE_OK, 0},
                 {"+7", PARSE_OK, 7},
                 {" \t42\n", PARSE_OK, 42},
                 {"007", PARSE_OK, 7},
                 {"9223372036854775807", PARSE_OK, INT64_MAX},
                 {"-9223372036854775808", PARSE_OK, INT64_MIN},
                 {"9223372036854775808", PARSE_RANGE, 0},
                 {"-9223372036854775809", PARSE_RANGE, 0},
                 {"18446744073709551616", PARSE_RANGE, 0},
                 {"99999999999999999999999999", PARSE_RANGE, 0},
                 {"00000000000000000000000000000000012", PARSE_OK, 12},
                 {"", PARSE_SYNTAX, 0},
                 {" ", PARSE_SYNTAX, 0},
                 {"-", PARSE_SYNTAX, 0},
                 {"1 2", PARSE_SYNTAX, 0},
                 {"1.0", PARSE_SYNTAX, 0},
                 {"1e3", PARSE_SYNTAX, 0},
                 {"0x10", PARSE_SYNTAX, 0},
                 {"--1", PARSE_SYNTAX, 0},
                 {"99999999999999999999999999x", PARSE_SYNTAX, 0}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int64_t value = 0;
        if (text_parse_int64(cases[i].text, strlen(cases[i].text), &value) != cases[i].result ||
            value != cases[i].value)
            fail_msg("'%s' reads as %lld", cases[i].text, (long long)value);
    }
    uint64_t big = 0;
    assert_int_equal(text_parse_uint64(S("18446744073709551615"), &big), PARSE_OK);
    assert_true(big == UINT64_MAX);
    assert_int_equal(text_parse_uint64(S("18446744073709551616"), &big), PARSE_RANGE);
    assert_int_equal(text_parse_uint64(S("-1"), &big), PARSE_RANGE);
    assert_int_equal(text_parse_uint64(S("-0"), &big), PARSE_OK);
}

static void narrow_integers_keep_their_range(void **state)
{
    (void)state;
    static const struct {
        laminar_type type;
        const char *low, *high, *below, *above;
    } cases[] = {{LAMINAR_TYPE_INT8, "-128", "127", "-129", "128"},
                 {LAMINAR_TYPE_INT16, "-32768", "32767", "-32769", "32768"},
                 {LAMINAR_TYPE_INT32, "-2147483648", "2147483647", "-2147483649", "2147483648"},
                 {LAMINAR_TYPE_UINT8, "0", "255", "-1", "256"},
                 {LAMINAR_TYPE_UINT16, "0", "65535", "-1", "65536"},
                 {LAMINAR_TYPE_UINT32, "0", "4294967295", "-1", "4294967296"},
                 {LAMINAR_TYPE_UINT64, "0", "18446744073709551615", "-1", "18446744073709551616"}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct data_type type = type_of(cases[i].type);
        uint64_t value[2] = {0, 0};
        assert_int_equal(text_parse_value(type, cases[i].low, strlen(cases[i].low), value),
                         PARSE_OK);
        assert_int_equal(text_parse_value(type, cases[i].high, strlen(cases[i].high), value),
                         PARSE_OK);
        struct vector v = {.type = type, .shape = VEC_CONST, .data = value};
        struct strbuf out = {0};
        text_print_value(&out, &v, 0);
        assert_string_equal(out.data, cases[i].high);
        strbuf_deinit(&out);
        assert_int_equal(text_parse_value(type, cases[i].below, strlen(cases[i].below), value),
                         PARSE_RANGE);
        assert_int_equal(text_parse_value(type, cases[i].above, strlen(cases[i].above), value),
                         PARSE_RANGE);
    }
    int64_t value = 0;
    bool is_exact = true;
    assert_int_equal(text_parse_value_exact(TYPE(INT64), S("1e3"), &value, &is_exact), PARSE_OK);
    assert_true(is_exact && value == 1000);
    assert_int_equal(text_parse_value_exact(TYPE(INT64), S("1.5"), &value, &is_exact), PARSE_OK);
    assert_false(is_exact);
    assert_int_equal(text_parse_value_exact(TYPE(INT64), S("1e30"), &value, &is_exact),
                     PARSE_RANGE);
}

/* --- Floats --------------------------------------------------------------------------------------------------------------------------- */

static void doubles_are_printed(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0.0"},
                 {-0.0, "-0.0"},
                 {1, "1.0"},
                 {-1.5, "-1.5"},
                 {0.1, "0.1"},
                 {1e15, "1000000000000000.0"},
                 {1e16, "1e+16"},
                 {1e30, "1e+30"},
                 {1.5e300, "1.5e+300"},
                 {123456789012345680.0, "1.2345678901234568e+17"},
                 {1e-4, "0.0001"},
                 {1e-5, "1e-05"},
                 {1.25e-7, "1.25e-07"},
                 {5e-324, "5e-324"},
                 {1.7976931348623157e308, "1.7976931348623157e+308"},
                 {9007199254740993.0, "9007199254740992.0"},
                 {1234.5678, "1234.5678"},
                 {100, "100.0"},
                 {0.3, "0.3"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {INFINITY, "Infinity"},
                 {-INFINITY, "-Infinity"},
                 {NAN, "NaN"}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct strbuf out = {0};
        text_print_double(&out, cases[i].value);
        assert_string_equal(out.data, cases[i].text);
        strbuf_deinit(&out);
    }
    static const struct {
        float value;
        const char *text;
    } floats[] = {{0.1F, "0.1"},
                  {1, "1.0"},
                  {16777216.0F, "16777216.0"},
                  {3.4028235e38F, "3.4028235e+38"},
                  {1e-45F, "1e-45"},
                  {-2.5F, "-2.5"}};
    for (size_t i = 0; i < ARRAY_LENGTH(floats); i++) {
        struct strbuf out = {0};
        text_print_float(&out, floats[i].value);
        assert_string_equal(out.data, floats[i].text);
        strbuf_deinit(&out);
    }
}

static void doubles_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum parse_result result;
        double value;
    } cases[] = {{"1", PARSE_OK, 1},
                 {".5", PARSE_OK, 0.5},
                 {"5.", PARSE_OK, 5},
                 {"-0", PARSE_OK, -0.0},
                 {"1e5", PARSE_OK, 1e5},
                 {"1E+5", PARSE_OK, 1e5},
                 {"+1.5e-3", PARSE_OK, 1.5e-3},
                 {"0.1", PARSE_OK, 0.1},
                 {"1e400", PARSE_RANGE, 7},
                 {"-1e400", PARSE_RANGE, 7},
                 {"1e-400", PARSE_OK, 0},
                 {"4.9e-324", PARSE_OK, 5e-324},
                 {"2.4e-324", PARSE_OK, 0},
                 {"1.7976931348623157e308", PARSE_OK, 1.7976931348623157e308},
                 {"1.7976931348623159e308", PARSE_RANGE, 7},
                 {"9007199254740993", PARSE_OK, 9007199254740992.0},
                 {"9007199254740993.00000000000000000000000001", PARSE_OK, 9007199254740994.0},
                 {"123456789012345678901234567890", PARSE_OK, 123456789012345678901234567890.0},
                 {"0e999999999999", PARSE_OK, 0},
                 {"inf", PARSE_OK, INFINITY},
                 {"-Infinity", PARSE_OK, -INFINITY},
                 {" +INF ", PARSE_OK, INFINITY},
                 {"", PARSE_SYNTAX, 7},
                 {".", PARSE_SYNTAX, 7},
                 {"1e", PARSE_SYNTAX, 7},
                 {"1e+", PARSE_SYNTAX, 7},
                 {"e5", PARSE_SYNTAX, 7},
                 {"1.2.3", PARSE_SYNTAX, 7},
                 {"1,5", PARSE_SYNTAX, 7},
                 {"0x1p3", PARSE_SYNTAX, 7},
                 {"infinit", PARSE_SYNTAX, 7},
                 {"1f", PARSE_SYNTAX, 7}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        double value = 7;
        enum parse_result result = text_parse_double(cases[i].text, strlen(cases[i].text), &value);
        if (result != cases[i].result || value != cases[i].value ||
            signbit(value) != signbit(cases[i].value))
            fail_msg("'%s' reads as %.17g (%d)", cases[i].text, value, (int)result);
    }
    double value = 0;
    assert_int_equal(text_parse_double(S("-nan"), &value), PARSE_OK);
    assert_true(isnan(value));
}

/* A tie between two doubles, written out in full (54 bits), and moved off it by a digit a thousand places later. */
static void long_numerals_round_correctly(void **state)
{
    (void)state;
    struct strbuf text = {0};
    strbuf_puts(&text, "9007199254740993.");
    for (int i = 0; i < 1000; i++) strbuf_putc(&text, '0');
    double value = 0;
    assert_int_equal(text_parse_double(text.data, text.size, &value), PARSE_OK);
    assert_true(value == 9007199254740992.0);
    strbuf_putc(&text, '1');
    assert_int_equal(text_parse_double(text.data, text.size, &value), PARSE_OK);
    assert_true(value == 9007199254740994.0);
    strbuf_clear(&text);
    for (int i = 0; i < 400; i++) strbuf_putc(&text, '9');
    assert_int_equal(text_parse_double(text.data, text.size, &value), PARSE_RANGE);
    strbuf_puts(&text, "e-300");
    assert_int_equal(text_parse_double(text.data, text.size, &value), PARSE_OK);
    assert_true(value == 1e100);
    strbuf_deinit(&text);
}

static void doubles_round_trip(void **state)
{
    (void)state;
    struct strbuf out = {0};
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = random_u64();
        double value, back = 0;
        if (i % 4 == 0)
            value = (double)(int64_t)(bits >> 11) / 1000.0;
        else
            memcpy(&value, &bits, 8);
        if (isnan(value)) continue;
        strbuf_clear(&out);
        text_print_double(&out, value);
        assert_int_equal(text_parse_double(out.data, out.size, &back), PARSE_OK);
        if (memcmp(&value, &back, 8) != 0) fail_msg("%s is not %.17g", out.data, value);
        float narrow, narrow_back = 0;
        uint32_t half = (uint32_t)bits;
        memcpy(&narrow, &half, 4);
        if (isnan(narrow)) continue;
        strbuf_clear(&out);
        text_print_float(&out, narrow);
        assert_int_equal(text_parse_float(out.data, out.size, &narrow_back), PARSE_OK);
        if (memcmp(&narrow, &narrow_back, 4) != 0)
            fail_msg("%s is not %.9g", out.data, (double)narrow);
    }
    strbuf_deinit(&out);
}

/* The middle of two floats, and texts so near that their nearest double is that middle. */
static void floats_are_rounded_once(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        float value;
    } cases[] = {
        {"16777217", 16777216.0F}, /* a tie goes to even */
        {"16777217.00000000000000001", 16777218.0F},
        {"16777216.99999999999999999", 16777216.0F},
        {"16777219", 16777220.0F},
        {"16777218.99999999999999999", 16777218.0F},
        {"-16777217.00000000000000001", -16777218.0F},
        {"1.00000005960464477539062500000000000000000000001", 1.0000001F},
        {"1.00000005960464477539062499999999999999999999999", 1.0F},
        {"7.006492321624085e-46", 0.0F}, /* half of the smallest */
        {"7.00649232162408535461864791644958065640130970938257885878534141944895541342930300743319094181060791015626e-46",
         1e-45F},
        {"3.4028235e38", 3.4028235e38F}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        float value = 0;
        assert_int_equal(text_parse_float(cases[i].text, strlen(cases[i].text), &value), PARSE_OK);
        if (value != cases[i].value) fail_msg("'%s' reads as %.9g", cases[i].text, (double)value);
    }
    float value;
    assert_int_equal(text_parse_float(S("3.5e38"), &value), PARSE_RANGE);
    assert_int_equal(text_parse_float(S("-1e300"), &value), PARSE_RANGE);
}

/* --- Decimals ------------------------------------------------------------------------------------------------------------------------- */

static void decimals_are_read_and_printed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int precision, scale;
        enum parse_result result;
        const char *printed;
        bool is_exact;
    } cases[] = {{"12.345", 10, 3, PARSE_OK, "12.345", true},
                 {"12.345", 10, 2, PARSE_OK, "12.35", false},
                 {"-12.345", 10, 2, PARSE_OK, "-12.35", false},
                 {"12.344999999", 10, 2, PARSE_OK, "12.34", false},
                 {"12.3400", 10, 2, PARSE_OK, "12.34", true},
                 {"1e3", 10, 2, PARSE_OK, "1000.00", true},
                 {"1.5e-1", 10, 2, PARSE_OK, "0.15", true},
                 {"5e-3", 10, 2, PARSE_OK, "0.01", false},
                 {"4e-3", 10, 2, PARSE_OK, "0.00", false},
                 {"-0.001", 10, 2, PARSE_OK, "0.00", false},
                 {".5", 1, 0, PARSE_OK, "1", false},
                 {"0.05", 1, 0, PARSE_OK, "0", false},
                 {"9.99", 2, 1, PARSE_RANGE, NULL, false},
                 {"99", 2, 0, PARSE_OK, "99", true},
                 {"100", 2, 0, PARSE_RANGE, NULL, false},
                 {"99.5", 2, 0, PARSE_RANGE, NULL, false},
                 {"0", 38, 38, PARSE_OK, "0.00000000000000000000000000000000000000", true},
                 {"99999999999999999999999999999999999999", 38, 0, PARSE_OK,
                  "99999999999999999999999999999999999999", true},
                 {"-99999999999999999999999999999999999999", 38, 0, PARSE_OK,
                  "-99999999999999999999999999999999999999", true},
                 {"99999999999999999999999999999999999999.4", 38, 0, PARSE_OK,
                  "99999999999999999999999999999999999999", false},
                 {"99999999999999999999999999999999999999.5", 38, 0, PARSE_RANGE, NULL, false},
                 {"0.99999999999999999999999999999999999999", 38, 38, PARSE_OK,
                  "0.99999999999999999999999999999999999999", true},
                 {"1", 38, 38, PARSE_RANGE, NULL, false},
                 {"100000000000000000000000000000000000000", 38, 0, PARSE_RANGE, NULL, false},
                 {"1e38", 38, 0, PARSE_RANGE, NULL, false},
                 {"1e999999999999999999", 38, 0, PARSE_RANGE, NULL, false},
                 {"0e999999999999999999", 38, 0, PARSE_OK, "0", true},
                 {"1e-999999999999999999", 38, 2, PARSE_OK, "0.00", false},
                 {"", 5, 0, PARSE_SYNTAX, NULL, false},
                 {"abc", 5, 0, PARSE_SYNTAX, NULL, false},
                 {"1.2.3", 5, 0, PARSE_SYNTAX, NULL, false},
                 {"NaN", 5, 0, PARSE_SYNTAX, NULL, false},
                 {"1e", 5, 0, PARSE_SYNTAX, NULL, false},
                 {" 7 ", 5, 2, PARSE_OK, "7.00", true}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int128 value = 0;
        bool is_exact = !cases[i].is_exact;
        enum parse_result result = text_parse_decimal(cases[i].text, strlen(cases[i].text),
                                                      cases[i].precision, cases[i].scale, &value,
                                                      &is_exact);
        if (result != cases[i].result) fail_msg("'%s' gives %d", cases[i].text, (int)result);
        if (result != PARSE_OK) continue;
        struct strbuf out = {0};
        text_print_decimal(&out, value, cases[i].scale);
        assert_string_equal(out.data, cases[i].printed);
        if (is_exact != cases[i].is_exact) fail_msg("'%s' exact: %d", cases[i].text, is_exact);
        strbuf_deinit(&out);
    }
}

static void decimals_round_trip(void **state)
{
    (void)state;
    struct strbuf out = {0};
    for (int i = 0; i < 20000; i++) {
        int128 value = (int128)(((unsigned __int128)random_u64() << 64 | random_u64()) %
                                (unsigned __int128)pow10_table[1 + i % 38]);
        if (i & 1) value = -value;
        int scale = (int)(random_u64() % 39);
        strbuf_clear(&out);
        text_print_decimal(&out, value, scale);
        int128 back = 0;
        bool is_exact = false;
        assert_int_equal(text_parse_decimal(out.data, out.size, 38, scale, &back, &is_exact),
                         PARSE_OK);
        assert_true(back == value && is_exact);
    }
    strbuf_deinit(&out);
}

/* --- Dates and times ------------------------------------------------------------------------------------------------------------------ */

/* As if the digits had been read as a double, however many there are. */
static void decimals_become_the_nearest_double(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        int scale = (int)(random_u64() % 39), digits = 1 + (int)(random_u64() % 38);
        int128 value = (int128)(((unsigned __int128)random_u64() << 63 | random_u64() >> 1) %
                                (unsigned __int128)pow10_table[digits]);
        if (random_u64() % 2) value = -value;
        struct strbuf out = {0};
        text_print_decimal(&out, value, scale);
        double expected;
        assert_int_equal(text_parse_double(out.data, out.size, &expected), PARSE_OK);
        assert_true(decimal_to_double(value, scale) == expected);
        strbuf_deinit(&out);
    }
}

static void the_calendar_is_right(void **state)
{
    (void)state;
    assert_int_equal(civil_to_days(1970, 1, 1), 0);
    assert_int_equal(civil_to_days(2000, 3, 1), 11017);
    assert_int_equal(civil_to_days(0, 1, 1), -719528);
    int64_t expected = civil_to_days(-401, 1, 1);
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (int64_t year = -401; year <= 2401; year++) {
        bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int month = 1; month <= 12; month++) {
            for (int day = 1; day <= month_days[month - 1] + (is_leap && month == 2);
                 day++, expected++) {
                int64_t y;
                int m, d;
                civil_from_days(expected, &y, &m, &d);
                if (civil_to_days(year, month, day) != expected || y != year || m != month ||
                    d != day)
                    fail_msg("%lld-%d-%d", (long long)year, month, day);
            }
        }
    }
}

static void dates_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum parse_result result;
        const char *printed;
    } cases[] = {{"2026-01-02", PARSE_OK, "2026-01-02"},
                 {" 2026-1-2 ", PARSE_OK, "2026-01-02"},
                 {"2024-02-29", PARSE_OK, "2024-02-29"},
                 {"2023-02-29", PARSE_RANGE, NULL},
                 {"1900-02-29", PARSE_RANGE, NULL},
                 {"2000-02-29", PARSE_OK, "2000-02-29"},
                 {"0000-01-01", PARSE_OK, "0000-01-01"},
                 {"-0001-12-31", PARSE_OK, "-0001-12-31"},
                 {"-9999-01-01", PARSE_OK, "-9999-01-01"},
                 {"9999-12-31", PARSE_OK, "9999-12-31"},
                 {"10000-01-01", PARSE_OK, "10000-01-01"},
                 {"+123456-07-08", PARSE_OK, "123456-07-08"},
                 {"5881580-07-11", PARSE_OK, "5881580-07-11"},
                 {"5881580-07-12", PARSE_RANGE, NULL},
                 {"-5877641-06-23", PARSE_OK, "-5877641-06-23"},
                 {"-5877641-06-22", PARSE_RANGE, NULL},
                 {"99999999999999999999-01-01", PARSE_RANGE, NULL},
                 {"2026-13-01", PARSE_RANGE, NULL},
                 {"2026-00-01", PARSE_RANGE, NULL},
                 {"2026-01-00", PARSE_RANGE, NULL},
                 {"2026-01-32", PARSE_RANGE, NULL},
                 {"26-01-02", PARSE_SYNTAX, NULL},
                 {"2026-01", PARSE_SYNTAX, NULL},
                 {"2026-01-02x", PARSE_SYNTAX, NULL},
                 {"2026-01-022", PARSE_SYNTAX, NULL},
                 {"", PARSE_SYNTAX, NULL},
                 {"2026-01-02 00:00:00", PARSE_OK, "2026-01-02"},
                 {"2026-01-02T00:00", PARSE_OK, "2026-01-02"},
                 {"2026-01-02 00:00:01", PARSE_SYNTAX, NULL},
                 {"2026-01-02T00:00:00Z", PARSE_SYNTAX, NULL},
                 {"20260102", PARSE_SYNTAX, NULL}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int32_t days = 0;
        enum parse_result result = text_parse_date(cases[i].text, strlen(cases[i].text), &days);
        if (result != cases[i].result) fail_msg("'%s' gives %d", cases[i].text, (int)result);
        if (result != PARSE_OK) continue;
        struct strbuf out = {0};
        text_print_date(&out, days);
        assert_string_equal(out.data, cases[i].printed);
        strbuf_deinit(&out);
    }
}

static void times_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum parse_result result;
        const char *printed;
    } cases[] = {{"12:34:56", PARSE_OK, "12:34:56"},
                 {"1:02", PARSE_OK, "01:02:00"},
                 {"00:00:00.000000001", PARSE_OK, "00:00:00.000000001"},
                 {"23:59:59.123456", PARSE_OK, "23:59:59.123456"},
                 {"23:59:59.9999999999", PARSE_RANGE, NULL},
                 {"24:00:00", PARSE_RANGE, NULL},
                 {"23:60", PARSE_RANGE, NULL},
                 {"23:59:61", PARSE_RANGE, NULL},
                 {"12:3", PARSE_SYNTAX, NULL},
                 {"12", PARSE_SYNTAX, NULL},
                 {"12:34:", PARSE_SYNTAX, NULL},
                 {"12:34:56.", PARSE_SYNTAX, NULL},
                 {"12:34:56x", PARSE_SYNTAX, NULL},
                 {"-1:00", PARSE_SYNTAX, NULL}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int64_t nanos = 0;
        enum parse_result result = text_parse_time(cases[i].text, strlen(cases[i].text), &nanos);
        if (result != cases[i].result) fail_msg("'%s' gives %d", cases[i].text, (int)result);
        if (result != PARSE_OK) continue;
        struct strbuf out = {0};
        text_print_time(&out, nanos, UNIT_NANO);
        assert_string_equal(out.data, cases[i].printed);
        strbuf_deinit(&out);
    }
}

static struct data_type timestamptz(const char *zone)
{
    struct data_type type;
    assert_int_equal(type_timestamptz(UNIT_MICRO, zone, &type, NULL), LAMINAR_OK);
    return type;
}

static void timestamps_are_read(void **state)
{
    (void)state;
    const struct {
        const char *text;
        struct data_type type;
        enum parse_result result;
        const char *printed;
    } cases[] = {
        {"2026-01-02 03:04:05", type_timestamp(UNIT_MICRO), PARSE_OK, "2026-01-02 03:04:05"},
        {"2026-01-02", type_timestamp(UNIT_SECOND), PARSE_OK, "2026-01-02 00:00:00"},
        {"2026-01-02T03:04", type_timestamp(UNIT_MILLI), PARSE_OK, "2026-01-02 03:04:00"},
        {"2026-01-02T03:04:05.678Z", type_timestamp(UNIT_MILLI), PARSE_OK,
         "2026-01-02 03:04:05.678"},
        {"2026-01-02 03:04:05.6789", type_timestamp(UNIT_MILLI), PARSE_OK,
         "2026-01-02 03:04:05.679"},
        {"2026-01-02 23:59:59.9995", type_timestamp(UNIT_MILLI), PARSE_OK, "2026-01-03 00:00:00"},
        {"2026-01-02 03:04:05.123456789", type_timestamp(UNIT_NANO), PARSE_OK,
         "2026-01-02 03:04:05.123456789"},
        {"2026-01-02 03:04:05+02", type_timestamp(UNIT_MICRO), PARSE_OK, "2026-01-02 01:04:05"},
        {"2026-01-02 03:04:05 -0530", type_timestamp(UNIT_MICRO), PARSE_OK, "2026-01-02 08:34:05"},
        {"2026-01-02 03:04:05+02:00:30", type_timestamp(UNIT_MICRO), PARSE_OK,
         "2026-01-02 01:03:35"},
        {"2026-01-02 24:00:00", type_timestamp(UNIT_MICRO), PARSE_OK, "2026-01-03 00:00:00"},
        {"2026-01-02 23:59:60", type_timestamp(UNIT_MICRO), PARSE_OK, "2026-01-03 00:00:00"},
        {"1969-12-31 23:59:59.5", type_timestamp(UNIT_MILLI), PARSE_OK, "1969-12-31 23:59:59.5"},
        {"-0044-03-15 12:00", type_timestamp(UNIT_MICRO), PARSE_OK, "-0044-03-15 12:00:00"},
        {"1677-09-21 00:12:43.145224192", type_timestamp(UNIT_NANO), PARSE_OK,
         "1677-09-21 00:12:43.145224192"},
        {"1677-09-21 00:12:43.145224191", type_timestamp(UNIT_NANO), PARSE_RANGE, NULL},
        {"2262-04-11 23:47:16.854775807", type_timestamp(UNIT_NANO), PARSE_OK,
         "2262-04-11 23:47:16.854775807"},
        {"2262-04-11 23:47:16.854775808", type_timestamp(UNIT_NANO), PARSE_RANGE, NULL},
        {"294247-01-10 04:00:54.775807", type_timestamp(UNIT_MICRO), PARSE_OK,
         "294247-01-10 04:00:54.775807"},
        {"294247-01-10 04:00:54.775808", type_timestamp(UNIT_MICRO), PARSE_RANGE, NULL},
        {"292278994-08-17 07:12:55.807", type_timestamp(UNIT_MILLI), PARSE_OK,
         "292278994-08-17 07:12:55.807"},
        {"292278994-08-17 07:12:55.808", type_timestamp(UNIT_MILLI), PARSE_RANGE, NULL},
        {"2026-01-02 03:04:05 Europe/Nowhere", type_timestamp(UNIT_MICRO), PARSE_SYNTAX, NULL},
        {"2026-01-02 03:04:05 ../../etc/passwd", type_timestamp(UNIT_MICRO), PARSE_SYNTAX, NULL},
        {"2026-01-02 25:00", type_timestamp(UNIT_MICRO), PARSE_RANGE, NULL},
        {"2026-01-02 03", type_timestamp(UNIT_MICRO), PARSE_SYNTAX, NULL},
        {"2026-01-02 03:04:05+", type_timestamp(UNIT_MICRO), PARSE_SYNTAX, NULL},
        {"2026-01-02 03:04:05+25", type_timestamp(UNIT_MICRO), PARSE_RANGE, NULL},
        {"hello", type_timestamp(UNIT_MICRO), PARSE_SYNTAX, NULL},
        {"2026-01-02 03:04:05", timestamptz("UTC"), PARSE_OK, "2026-01-02 03:04:05+00"},
        {"2026-01-02 03:04:05", timestamptz("+05:30"), PARSE_OK, "2026-01-02 03:04:05+05:30"},
        {"2026-01-02 03:04:05Z", timestamptz("-03:00"), PARSE_OK, "2026-01-02 00:04:05-03"}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int64_t value = 0;
        enum parse_result result = text_parse_value(cases[i].type, cases[i].text,
                                                    strlen(cases[i].text), &value);
        if (result != cases[i].result) fail_msg("'%s' gives %d", cases[i].text, (int)result);
        if (result != PARSE_OK) continue;
        struct strbuf out = {0};
        struct vector v = {.type = cases[i].type, .shape = VEC_CONST, .data = &value};
        text_print_value(&out, &v, 0);
        assert_string_equal(out.data, cases[i].printed);
        strbuf_deinit(&out);
    }
    int64_t value;
    bool is_exact;
    assert_int_equal(text_parse_value_exact(type_timestamp(UNIT_SECOND), S("2026-01-01 00:00:00.5"),
                                            &value, &is_exact),
                     PARSE_OK);
    assert_false(is_exact);
}

static void timestamps_round_trip(void **state)
{
    (void)state;
    struct strbuf out = {0};
    for (int i = 0; i < 40000; i++) {
        struct data_type type = type_timestamp((enum time_unit)(1 + i % 3));
        int64_t value = (int64_t)random_u64() >> (i / 4 % 40), back = 0;
        struct vector v = {.type = type, .shape = VEC_CONST, .data = &value};
        strbuf_clear(&out);
        text_print_value(&out, &v, 0);
        assert_int_equal(text_parse_value(type, out.data, out.size, &back), PARSE_OK);
        if (back != value) fail_msg("%lld prints as %s", (long long)value, out.data);
    }
    /* Seconds beyond the years that are read still print. */
    strbuf_clear(&out);
    text_print_timestamp(&out, INT64_MAX, UNIT_SECOND, "UTC");
    text_print_timestamp(&out, INT64_MIN, UNIT_SECOND, "+23:59");
    assert_false(out.failed);
    strbuf_deinit(&out);
}

/* --- Intervals ------------------------------------------------------------------------------------------------------------------------ */

static void intervals_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *field;
        enum parse_result result;
        const char *printed;
    } cases[] = {
        {"1 day 2 hours", NULL, PARSE_OK, "1 day 02:00:00"},
        {"5", "SECOND", PARSE_OK, "00:00:05"},
        {"5", "minute", PARSE_OK, "00:05:00"},
        {"-3", "DAY", PARSE_OK, "-3 days"},
        {"1.5", "hours", PARSE_OK, "01:30:00"},
        {"5", NULL, PARSE_SYNTAX, NULL},
        {"1-2", "YEAR TO MONTH", PARSE_OK, "1 year 2 months"},
        {"1-2", NULL, PARSE_OK, "1 year 2 months"},
        {"-1-2", NULL, PARSE_OK, "-1 year -2 months"},
        {"1-12", NULL, PARSE_RANGE, NULL},
        {"1 02:03:04", "DAY TO SECOND", PARSE_OK, "1 day 02:03:04"},
        {"1 02:03:04", NULL, PARSE_OK, "1 day 02:03:04"},
        {"10:30", "HOUR TO MINUTE", PARSE_OK, "10:30:00"},
        {"10:30", "MINUTE TO SECOND", PARSE_OK, "00:10:30"},
        {"100:00:00", NULL, PARSE_OK, "100:00:00"},
        {"-01:02:03.5", NULL, PARSE_OK, "-01:02:03.5"},
        {"-0:00:01", NULL, PARSE_OK, "-00:00:01"},
        {"P1DT2H", NULL, PARSE_OK, "1 day 02:00:00"},
        {"P1Y2M3W4DT5H6M7.8S", NULL, PARSE_OK, "1 year 2 months 25 days 05:06:07.8"},
        {"-P1D", NULL, PARSE_OK, "-1 day"},
        {"PT-5M", NULL, PARSE_OK, "-00:05:00"},
        {"P", NULL, PARSE_SYNTAX, NULL},
        {"PT", NULL, PARSE_SYNTAX, NULL},
        {"P1H", NULL, PARSE_SYNTAX, NULL},
        {"P1DT", NULL, PARSE_SYNTAX, NULL},
        {"PT1D", NULL, PARSE_SYNTAX, NULL},
        {"1 year 2 mons 3 days 04:05:06", NULL, PARSE_OK, "1 year 2 months 3 days 04:05:06"},
        {"3 weeks ago", NULL, PARSE_OK, "-21 days"},
        {"@ 1 minute", NULL, PARSE_OK, "00:01:00"},
        {"1.5 days", NULL, PARSE_OK, "1 day 12:00:00"},
        {"1.5 months", NULL, PARSE_OK, "1 month 15 days"},
        {"0.5 year", NULL, PARSE_OK, "6 months"},
        {"1.1 months", NULL, PARSE_OK, "1 month 3 days"},
        {"100ms", NULL, PARSE_OK, "00:00:00.1"},
        {"5us", NULL, PARSE_OK, "00:00:00.000005"},
        {"7 nanoseconds", NULL, PARSE_OK, "00:00:00.000000007"},
        {"5s", NULL, PARSE_OK, "00:00:05"},
        {"2h 30m", NULL, PARSE_OK, "02:30:00"},
        {"1d,2h", NULL, PARSE_OK, "1 day 02:00:00"},
        {"1 Century", NULL, PARSE_OK, "100 years"},
        {"1 quarter", NULL, PARSE_OK, "3 months"},
        {"0 days", NULL, PARSE_OK, "00:00:00"},
        {"-1 month +2 days", NULL, PARSE_OK, "-1 month 2 days"},
        {"1 day -00:00:01", NULL, PARSE_OK, "1 day -00:00:01"},
        {"2147483647 months", NULL, PARSE_OK, "178956970 years 7 months"},
        {"2147483648 months", NULL, PARSE_RANGE, NULL},
        {"9223372036854775807 ns", NULL, PARSE_OK, "2562047:47:16.854775807"},
        {"9223372036854775808 ns", NULL, PARSE_RANGE, NULL},
        {"10000000 hours", NULL, PARSE_RANGE, NULL},
        {"99999999999999999999 days", NULL, PARSE_RANGE, NULL},
        {"1 fortnight", NULL, PARSE_SYNTAX, NULL},
        {"day", NULL, PARSE_SYNTAX, NULL},
        {"", NULL, PARSE_SYNTAX, NULL},
        {"1 day x", NULL, PARSE_SYNTAX, NULL},
        {"1:2:3:4", NULL, PARSE_SYNTAX, NULL},
        {"1:60", NULL, PARSE_RANGE, NULL},
        {"@", NULL, PARSE_SYNTAX, NULL},
        {"-", NULL, PARSE_SYNTAX, NULL},
        {"1 ago", NULL, PARSE_SYNTAX, NULL}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct laminar_interval value = {0, 0, 0}, again = {0, 0, 0};
        enum parse_result result = text_parse_interval(cases[i].text, strlen(cases[i].text),
                                                       cases[i].field, &value);
        if (result != cases[i].result) fail_msg("'%s' gives %d", cases[i].text, (int)result);
        if (result != PARSE_OK) continue;
        struct strbuf out = {0};
        text_print_interval(&out, value);
        assert_string_equal(out.data, cases[i].printed);
        assert_int_equal(text_parse_interval(out.data, out.size, NULL, &again), PARSE_OK);
        assert_memory_equal(&value, &again, sizeof value);
        strbuf_deinit(&out);
    }
}

static void intervals_round_trip(void **state)
{
    (void)state;
    struct strbuf out = {0};
    for (int i = 0; i < 20000; i++) {
        struct laminar_interval value = {(int32_t)((int64_t)random_u64() >> 32 >> i % 31),
                                         (int32_t)((int64_t)random_u64() >> 32 >> i % 29),
                                         (int64_t)random_u64() >> i % 61},
                                back = {0, 0, 0};
        strbuf_clear(&out);
        text_print_interval(&out, value);
        assert_int_equal(text_parse_interval(out.data, out.size, NULL, &back), PARSE_OK);
        if (memcmp(&value, &back, sizeof value) != 0) fail_msg("%s", out.data);
    }
    strbuf_deinit(&out);
}

/* --- The rest ------------------------------------------------------------------------------------------------------------------------- */

static void booleans_and_uuids_are_read(void **state)
{
    (void)state;
    bool value = false;
    assert_int_equal(text_parse_bool(S(" TRUE "), &value), PARSE_OK);
    assert_true(value);
    assert_int_equal(text_parse_bool(S("off"), &value), PARSE_OK);
    assert_false(value);
    assert_int_equal(text_parse_bool(S("2"), &value), PARSE_SYNTAX);
    assert_int_equal(text_parse_bool(S(""), &value), PARSE_SYNTAX);
    assert_int_equal(text_parse_bool(S("tru"), &value), PARSE_SYNTAX);

    uint8_t uuid[16];
    struct strbuf out = {0};
    static const char *const good[] = {
        "123e4567-e89b-12d3-a456-426614174000", "123E4567E89B12D3A456426614174000",
        "{123e4567-e89b-12d3-a456-426614174000}", "123e-4567-e89b-12d3-a456-4266-1417-4000",
        " 123e4567e89b12d3a456426614174000 "};
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++) {
        assert_int_equal(text_parse_uuid(good[i], strlen(good[i]), uuid), PARSE_OK);
        strbuf_clear(&out);
        text_print_uuid(&out, uuid);
        assert_string_equal(out.data, good[0]);
    }
    static const char *const bad[] = {"",
                                      "123e4567-e89b-12d3-a456-42661417400",
                                      "123e4567-e89b-12d3-a456-4266141740000",
                                      "123e4567-e89b-12d3-a456-42661417400g",
                                      "-123e4567e89b12d3a456426614174000",
                                      "123e4567e89b12d3a456426614174000-",
                                      "123--e4567e89b12d3a456426614174000",
                                      "{123e4567e89b12d3a456426614174000"};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        assert_int_equal(text_parse_uuid(bad[i], strlen(bad[i]), uuid), PARSE_SYNTAX);
    strbuf_deinit(&out);
}

static void binary_round_trips(void **state)
{
    (void)state;
    struct strbuf out = {0};
    char bytes[256], back[1100];
    size_t size = 0;
    for (int i = 0; i < 256; i++) bytes[i] = (char)i;
    text_print_binary(&out, bytes, sizeof bytes);
    assert_int_equal(text_parse_binary(out.data, out.size, back, &size), PARSE_OK);
    assert_int_equal(size, sizeof bytes);
    assert_memory_equal(back, bytes, size);
    assert_int_equal(text_parse_binary(S("\\xdeadbeef"), back, &size), PARSE_OK);
    assert_int_equal(size, 4);
    assert_memory_equal(back, "\xde\xad\xbe\xef", 4);
    assert_int_equal(text_parse_binary(S("a\\x4"), back, &size), PARSE_SYNTAX);
    assert_int_equal(text_parse_binary(S("a\\"), back, &size), PARSE_SYNTAX);
    assert_int_equal(text_parse_binary(S("a\\n"), back, &size), PARSE_SYNTAX);
    strbuf_deinit(&out);
}

static void utf8_is_validated(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "abc",
                                       "äöü",
                                       "€",
                                       "😀",
                                       "abcdefgh€",
                                       "\xF4\x8F\xBF\xBF",
                                       "\xED\x9F\xBF",
                                       "\xEE\x80\x80",
                                       "\xC2\x80"};
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++)
        assert_true(utf8_validate(good[i], strlen(good[i])));
    assert_true(utf8_validate("a\0b", 3));
    static const char *const bad[] = {"\x80",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xC2",
                                      "\xE0\x80\x80",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xF0\x80\x80\x80",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xFF",
                                      "\xE2\x82",
                                      "abcdefgh\xE2\x82",
                                      "\xC3(",
                                      "\xE2(\x82",
                                      "\xE2\x82("};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        if (utf8_validate(bad[i], strlen(bad[i]))) fail_msg("case %zu", i);
    }
}

static void nested_values_are_printed(void **state)
{
    (void)state;
    struct data_type list, structure, map;
    const struct type_field fields[] = {{"a", TYPE(INT64), true}, {"b", TYPE(VARCHAR), true}};
    assert_int_equal(type_list(TYPE(INT64), &list, NULL), LAMINAR_OK);
    assert_int_equal(type_struct(fields, 2, &structure, NULL), LAMINAR_OK);
    assert_int_equal(type_map(TYPE(VARCHAR), TYPE(INT64), &map, NULL), LAMINAR_OK);
    int64_t numbers[] = {1, 2, 3};
    struct string_view names[] = {string_make("x", 1),
                                  string_make("a string of more than 12 bytes", 30),
                                  string_make("z", 1)};
    uint8_t validity = 5; /* the middle one is null */
    struct vector children[] = {{.type = TYPE(VARCHAR), .data = names},
                                {.type = TYPE(INT64), .data = numbers, .validity = &validity}};
    struct vector swapped[] = {children[1], children[0]};
    struct list_entry entries[] = {{0, 2}, {2, 1}, {0, 0}};
    struct vector list_vector = {.type = list,
                                 .n_children = 1,
                                 .data = entries,
                                 .children = &children[1],
                                 .n_child_rows = 3};
    struct vector map_vector = {
        .type = map, .n_children = 2, .data = entries, .children = children, .n_child_rows = 3};
    struct vector struct_vector = {.type = structure, .n_children = 2, .children = swapped};
    struct strbuf out = {0};
    text_print_value(&out, &list_vector, 0);
    strbuf_putc(&out, ' ');
    text_print_value(&out, &list_vector, 2);
    strbuf_putc(&out, ' ');
    text_print_value(&out, &map_vector, 0);
    strbuf_putc(&out, ' ');
    text_print_value(&out, &struct_vector, 2);
    assert_string_equal(out.data,
                        "[1, NULL] [] {x=1, a string of more than 12 bytes=NULL} {'a': 3, 'b': z}");
    strbuf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(integers_are_read),
                                       cmocka_unit_test(narrow_integers_keep_their_range),
                                       cmocka_unit_test(doubles_are_printed),
                                       cmocka_unit_test(doubles_are_read),
                                       cmocka_unit_test(long_numerals_round_correctly),
                                       cmocka_unit_test(doubles_round_trip),
                                       cmocka_unit_test(floats_are_rounded_once),
                                       cmocka_unit_test(decimals_are_read_and_printed),
                                       cmocka_unit_test(decimals_round_trip),
                                       cmocka_unit_test(decimals_become_the_nearest_double),
                                       cmocka_unit_test(the_calendar_is_right),
                                       cmocka_unit_test(dates_are_read),
                                       cmocka_unit_test(times_are_read),
                                       cmocka_unit_test(timestamps_are_read),
                                       cmocka_unit_test(timestamps_round_trip),
                                       cmocka_unit_test(intervals_are_read),
                                       cmocka_unit_test(intervals_round_trip),
                                       cmocka_unit_test(booleans_and_uuids_are_read),
                                       cmocka_unit_test(binary_round_trips),
                                       cmocka_unit_test(utf8_is_validated),
                                       cmocka_unit_test(nested_values_are_printed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
