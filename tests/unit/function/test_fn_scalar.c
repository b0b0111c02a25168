/* Scalar functions: tables of expected values, family by family. */
#include "fn_test.h"
#include "function/time_field.h"
#include <stdio.h>
#include <string.h>

static void math(void **state)
{
    (void)state;
    CHECK1("abs", "BIGINT:-5", "5");
    CHECK1("abs", "TINYINT:-128", "error: TINYINT out of range: abs(-128)");
    CHECK1("abs", "DECIMAL(10,2):-1.50", "1.50");
    CHECK1("abs", "DOUBLE:-0.5", "0.5");
    CHECK1("sign", "INT:-7", "-1");
    CHECK1("sign", "DOUBLE:7.5", "1.0");
    CHECK1("ceil", "DOUBLE:1.2", "2.0");
    CHECK1("floor", "DOUBLE:-1.2", "-2.0");
    CHECK1("floor", "DECIMAL(10,2):-1.20", "-2");
    CHECK1("ceil", "DECIMAL(10,2):-1.20", "-1");
    CHECK1("round", "DOUBLE:2.5", "3.0");
    CHECK1("round", "DOUBLE:-2.5", "-3.0");
    CHECK1("round", "INT:5", "5");
    CHECK2("round", "DOUBLE:3.14159", "INT:2", "3.14");
    CHECK2("round", "DOUBLE:1234.5", "INT:-2", "1200.0");
    CHECK2("round", "DECIMAL(10,3):3.145", "INT:2", "3.15");
    CHECK2("round", "DECIMAL(10,3):1255.000", "INT:-1", "1260");
    CHECK1("trunc", "DOUBLE:-1.9", "-1.0");
    CHECK1("sqrt", "DOUBLE:9", "3.0");
    CHECK1("sqrt", "INT:-1", "error: sqrt(-1) is not defined");
    CHECK1("ln", "DOUBLE:0", "error: ln(0) is not defined");
    CHECK1("log", "DOUBLE:1000", "3.0");
    CHECK2("log", "DOUBLE:2", "DOUBLE:8", "3.0");
    CHECK1("log2", "DOUBLE:8", "3.0");
    CHECK2("power", "INT:2", "INT:10", "1024.0");
    CHECK2("^", "INT:2", "INT:10", "1024.0");
    CHECK1("cbrt", "DOUBLE:27", "3.0");
    CHECK2("gcd", "INT:12", "INT:18", "6");
    CHECK2("lcm", "INT:4", "INT:6", "12");
    CHECK1("factorial", "INT:5", "120");
    CHECK1("factorial", "INT:21", "error: BIGINT out of range: factorial(21)");
    CHECK1("isnan", "DOUBLE:NaN", "true");
    CHECK2("mod", "INT:7", "INT:3", "1");
    CHECK1("degrees", "DOUBLE:0", "0.0");
    CHECK0("pi", "3.141592653589793");
    CHECK2("nanvl", "DOUBLE:NaN", "DOUBLE:1", "1.0");
    CHECK1("bit_count", "INT:255", "8");
}

static void conditions(void **state)
{
    (void)state;
    CHECK2("coalesce", "BIGINT:NULL", "INT:5", "5");
    CHECK2("coalesce", "NULL", "'x", "x");
    CHECK2("nullif", "INT:5", "BIGINT:5", "NULL");
    CHECK2("nullif", "INT:5", "BIGINT:6", "5");
    CHECK3("if", "BOOLEAN:true", "INT:1", "DOUBLE:2", "1.0");
    CHECK3("if", "BOOLEAN:NULL", "INT:1", "INT:2", "2");
    CHECK3("greatest", "INT:1", "INT:NULL", "INT:3", "3");
    CHECK3("least", "INT:1", "INT:NULL", "INT:3", "1");
    CHECK2("greatest", "VARCHAR:a", "VARCHAR:b", "b");
    CHECK1("typeof", "DECIMAL(10,2):1", "DECIMAL(10,2)");
    CHECK3("nvl2", "INT:NULL", "INT:1", "INT:2", "2");
    assert_string_equal(fn_call_type("coalesce", "INT:1", "DECIMAL(10,2):2", NULL),
                        "DECIMAL(12,2)");
    assert_string_equal(fn_call("coalesce", "INT:1", "BOOLEAN:true", NULL, NULL),
                        "error: no function takes these arguments: coalesce(INT, BOOLEAN)");
}

static void windows(void **state)
{
    (void)state;
    CHECK2("tumble", "TIMESTAMP:2024-01-01 00:07:30.123456", "INTERVAL:5 minutes",
           "2024-01-01 00:05:00");
    CHECK2("tumble", "TIMESTAMP(9):1969-12-31 23:59:59.999999999", "INTERVAL:1 hour",
           "1969-12-31 23:00:00");
    CHECK2("tumble", "TIMESTAMP(0):2024-01-01 00:00:01", "INT:1500", "2024-01-01 00:00:00");
    CHECK2("tumble", "TIMESTAMP(0):2024-01-01 00:00:02", "INT:1500", "2024-01-01 00:00:01.5");
    CHECK2("tumble", "BIGINT:-1", "INT:1000", "1969-12-31 23:59:59");
    CHECK2("tumble", "DATE:2024-01-03", "INTERVAL:1 week", "2023-12-28 00:00:00");
    CHECK3("tumble", "TIMESTAMP(3):2024-01-01 00:07:00", "INTERVAL:5 minutes", "INTERVAL:1 minute",
           "2024-01-01 00:06:00");
    CHECK2("tumble_end", "TIMESTAMP:2024-01-01 00:07:30", "INTERVAL:5 minutes",
           "2024-01-01 00:10:00");
    CHECK2("tumble", "TIMESTAMPTZ:2024-01-01 00:07:30", "INTERVAL:5 minutes",
           "2024-01-01 00:05:00");
    CHECK2("tumble", "TIMESTAMP:2024-01-01", "INTERVAL:1 month",
           "error: tumble: a month has no fixed length");
    CHECK2("tumble", "TIMESTAMP:2024-01-01", "INT:0",
           "error: tumble: the size of a window must be greater than zero");
    CHECK2("tumble", "TIMESTAMP:2024-01-01", "INTERVAL:10 microseconds",
           "error: tumble: the size of a window must be whole milliseconds");
    CHECK2("date_bin", "INTERVAL:15 minutes", "TIMESTAMP:2024-01-01 00:44:00",
           "2024-01-01 00:30:00");
    CHECK3("date_bin", "INTERVAL:15 minutes", "TIMESTAMP:2024-01-01 00:44:00",
           "'2001-01-01 00:02:30", "2024-01-01 00:32:30");
    assert_string_equal(fn_call_type("tumble", "TIMESTAMP(9):2024-01-01", "INT:1000", NULL),
                        "TIMESTAMP(3)");
}

static void dates(void **state)
{
    (void)state;
    CHECK2("date_trunc", "'hour", "TIMESTAMP:2024-02-29 13:45:59.5", "2024-02-29 13:00:00");
    CHECK2("date_trunc", "'week", "TIMESTAMP:2024-02-29 13:45:59", "2024-02-26 00:00:00");
    CHECK2("date_trunc", "'month", "TIMESTAMP(3):1969-12-31 23:00:00", "1969-12-01 00:00:00");
    CHECK2("date_trunc", "'quarter", "DATE:2024-05-15", "2024-04-01");
    CHECK2("date_trunc", "'year", "TIMESTAMP:2024-05-15", "2024-01-01 00:00:00");
    CHECK2("date_trunc", "'day", "TIMESTAMPTZ Europe/Berlin:2024-07-15 01:30:00",
           "2024-07-15 00:00:00+02");
    CHECK2("date_trunc", "'century", "TIMESTAMP:2000-05-15", "1901-01-01 00:00:00");
    CHECK2("date_trunc", "'fortnight", "TIMESTAMP:2000-05-15",
           "error: unknown field of a date or time: 'fortnight'");
    CHECK2("date_part", "'year", "TIMESTAMP:2024-05-15 01:02:03.456", "2024");
    CHECK2("date_part", "'second", "TIMESTAMP:2024-05-15 01:02:03.456", "3");
    CHECK2("date_part", "'millisecond", "TIMESTAMP:2024-05-15 01:02:03.456", "3456");
    CHECK2("date_part", "'epoch", "TIMESTAMP:1970-01-02 00:00:00.5", "86400.5");
    CHECK2("date_part", "'dow", "DATE:2024-05-12", "0");
    CHECK2("date_part", "'isodow", "DATE:2024-05-12", "7");
    CHECK2("date_part", "'week", "DATE:2021-01-03", "53");
    CHECK2("date_part", "'isoyear", "DATE:2021-01-03", "2020");
    CHECK2("date_part", "'doy", "DATE:2024-12-31", "366");
    CHECK2("date_part", "'hour", "TIMESTAMPTZ Europe/Berlin:2024-07-15 01:30:00", "1");
    CHECK2("date_part", "'day", "INTERVAL:3 days 4 hours", "3");
    CHECK2("date_part", "'year", "TIME:01:02:03", "error: a TIME has no field 'year'");
    CHECK1("year", "DATE:1969-12-31", "1969");
    CHECK1("month", "TIMESTAMP(9):1969-12-31 00:00:00", "12");
    CHECK1("hour", "TIMESTAMP:1969-12-31 23:30:00", "23");
    CHECK3("date_diff", "'day", "TIMESTAMP:2024-01-01 23:00:00", "TIMESTAMP:2024-01-02 01:00:00",
           "1");
    CHECK3("date_sub", "'day", "TIMESTAMP:2024-01-01 23:00:00", "TIMESTAMP:2024-01-02 01:00:00",
           "0");
    CHECK3("date_diff", "'month", "DATE:2024-01-31", "DATE:2024-03-01", "2");
    CHECK3("date_sub", "'month", "DATE:2024-01-31", "DATE:2024-03-01", "1");
    CHECK1("last_day", "DATE:2024-02-10", "2024-02-29");
    CHECK3("make_date", "INT:2024", "INT:2", "INT:29", "2024-02-29");
    CHECK3("make_date", "INT:2023", "INT:2", "INT:29", "error: there is no date 2023-02-29");
    CHECK1("to_timestamp", "BIGINT:1700000000", "2023-11-14 22:13:20");
    CHECK1("to_timestamp", "VARCHAR:2024-01-01 00:00:00", "2024-01-01 00:00:00");
    CHECK1("to_timestamp_millis", "BIGINT:1700000000123", "2023-11-14 22:13:20.123");
    CHECK1("epoch_ms", "TIMESTAMP:1970-01-01 00:00:01.5", "1500");
    CHECK1("epoch_ms", "BIGINT:1500", "1970-01-01 00:00:01.5");
    CHECK1("epoch", "TIMESTAMP:1970-01-01 00:00:01.5", "1.5");
    CHECK1("to_unixtime", "DATE:1970-01-02", "86400");
    CHECK1("from_unixtime", "BIGINT:86400", "1970-01-02 00:00:00");
    CHECK0("now", "2023-11-14 22:13:20+00");
    CHECK0("current_date", "2023-11-14");
    CHECK0("proctime", "2023-11-14 22:13:20");
    CHECK2("age", "TIMESTAMP:2024-03-15", "TIMESTAMP:2023-01-31", "1 year 1 month 15 days");
    CHECK2("timezone", "'Europe/Berlin", "TIMESTAMP:2024-07-01 12:00:00", "2024-07-01 10:00:00+00");
    CHECK2("timezone", "'Europe/Berlin", "TIMESTAMPTZ:2024-07-01 10:00:00", "2024-07-01 12:00:00");
    CHECK2("date_add", "DATE:2024-01-31", "INTERVAL:1 month", "2024-02-29 00:00:00");
    CHECK2("date_sub", "TIMESTAMP:2024-01-31", "INTERVAL:1 day", "2024-01-30 00:00:00");
    CHECK2("strftime", "TIMESTAMP:2024-03-05 06:07:08.9",
           "'%Y-%m-%d %H:%M:%S.%f %j %a %B %-d %p %I",
           "2024-03-05 06:07:08.900000 065 Tue March 5 AM 06");
    CHECK2("strftime", "DATE:2024-03-05", "'%Q", "error: '%Q' is not a valid pattern for strftime");
    CHECK2("to_char", "TIMESTAMP:2024-03-05 16:07:08", "'YYYY-MM-DD HH24:MI:SS HH12 AM Dy Mon",
           "2024-03-05 16:07:08 04 PM Tue Mar");
    CHECK2("strptime", "VARCHAR:05.03.2024 16:07", "'%d.%m.%Y %H:%M", "2024-03-05 16:07:00");
    CHECK2("strptime", "VARCHAR:31.02.2024", "'%d.%m.%Y",
           "error: '31.02.2024' does not match the pattern '%d.%m.%Y'");
}

static void texts(void **state)
{
    (void)state;
    CHECK1("length", "VARCHAR:grün", "4");
    CHECK1("octet_length", "VARCHAR:grün", "5");
    CHECK1("lower", "VARCHAR:ÄPFEL and PEARS", "äpfel and pears");
    CHECK1("upper", "VARCHAR:a longer text than twelve", "A LONGER TEXT THAN TWELVE");
    CHECK1("initcap", "VARCHAR:hello wORLD-wide", "Hello World-Wide");
    CHECK1("trim", "VARCHAR:  x y  ", "x y");
    CHECK2("ltrim", "VARCHAR:xxabcxx", "'x", "abcxx");
    CHECK2("rtrim", "VARCHAR:abcäö", "'öä", "abc");
    CHECK2("substr", "VARCHAR:grünkohl", "INT:3", "ünkohl");
    CHECK3("substr", "VARCHAR:grünkohl", "INT:3", "INT:2", "ün");
    CHECK3("substr", "VARCHAR:abc", "INT:-1", "INT:3", "a");
    CHECK3("substr", "VARCHAR:abc", "INT:1", "INT:-1", "error: substr: the length -1 is negative");
    CHECK3("substring", "VARCHAR:a text with more than twelve bytes", "INT:3", "INT:9",
           "text with");
    CHECK2("left", "VARCHAR:grün", "INT:3", "grü");
    CHECK2("left", "VARCHAR:grün", "INT:-1", "grü");
    CHECK2("right", "VARCHAR:grün", "INT:2", "ün");
    CHECK2("right", "VARCHAR:grün", "INT:-1", "rün");
    CHECK3("split_part", "VARCHAR:a,b,c", "',", "INT:2", "b");
    CHECK3("split_part", "VARCHAR:a,b,c", "',", "INT:-1", "c");
    CHECK3("split_part", "VARCHAR:a,b,c", "',", "INT:5", "");
    CHECK2("strpos", "VARCHAR:grünkohl", "'kohl", "5");
    CHECK2("position", "'kohl", "VARCHAR:grünkohl", "5");
    CHECK2("starts_with", "VARCHAR:hello", "'he", "true");
    CHECK2("ends_with", "VARCHAR:hello", "'lo", "true");
    CHECK2("contains", "VARCHAR:hello", "'ell", "true");
    CHECK1("ascii", "VARCHAR:ü", "252");
    CHECK1("chr", "INT:8364", "€");
    CHECK1("chr", "INT:55296", "error: there is no character 55296");
    CHECK2("||", "VARCHAR:ab", "VARCHAR:cd", "abcd");
    CHECK2("||", "VARCHAR:ab", "INT:5", "ab5");
    CHECK2("||", "INT:5", "INT:5", "error: no function takes these arguments: ||(INT, INT)");
    CHECK3("concat", "VARCHAR:a", "INT:NULL", "INT:7", "a7");
    CHECK4("concat_ws", "'-", "VARCHAR:a", "VARCHAR:NULL", "VARCHAR:b", "a-b");
    CHECK2("repeat", "VARCHAR:ab", "INT:3", "ababab");
    CHECK2(
        "repeat", "VARCHAR:ab", "BIGINT:9000000000000000000",
        "error: repeat: the text would be 18000000000000000000 bytes long; at most 268435456 are possible");
    CHECK3("lpad", "VARCHAR:7", "INT:3", "'0", "007");
    CHECK3("rpad", "VARCHAR:ab", "INT:5", "'xy", "abxyx");
    CHECK2("lpad", "VARCHAR:abcdef", "INT:3", "abc");
    CHECK3("replace", "VARCHAR:banana", "'an", "'AN!", "bAN!AN!a");
    CHECK3("translate", "VARCHAR:12345", "'143", "'ax", "a2x5");
    CHECK1("reverse", "VARCHAR:grün", "nürg");
    CHECK4("overlay", "VARCHAR:Txxxxas", "'hom", "INT:2", "INT:4", "Thomas");
    CHECK1("quote_literal", "VARCHAR:it's", "'it''s'");
    CHECK2("levenshtein", "VARCHAR:kitten", "VARCHAR:sitting", "3");
}

static void patterns(void **state)
{
    (void)state;
    static const struct {
        const char *text, *pattern, *expected;
    } likes[] = {{"hello", "hello", "true"},
                 {"hello", "he%", "true"},
                 {"hello", "%lo", "true"},
                 {"hello", "%ell%", "true"},
                 {"hello", "h%l%o", "true"},
                 {"hello", "h%x%o", "false"},
                 {"hello", "h_llo", "true"},
                 {"grün", "gr_n", "true"},
                 {"", "%", "true"},
                 {"", "", "true"},
                 {"x", "", "false"},
                 {"50%", "50\\%", "true"},
                 {"50x", "50\\%", "false"},
                 {"aXbXc", "a%b%c", "true"},
                 {"abab", "%ab", "true"},
                 {"ab", "ab%ab", "false"},
                 {"hello world, hello", "hello%hello", "true"},
                 {"hel", "hello%", "false"},
                 {"a", "_", "true"},
                 {"ab", "_", "false"},
                 {"abc", "%_c", "true"},
                 {"ABC", "abc", "false"}};
    for (size_t i = 0; i < sizeof likes / sizeof likes[0]; i++) {
        char text[64], literal[64], variable[64];
        snprintf(text, sizeof text, "VARCHAR:%s", likes[i].text);
        snprintf(literal, sizeof literal, "'%s", likes[i].pattern);
        snprintf(variable, sizeof variable, "VARCHAR:%s", likes[i].pattern);
        CHECK2("like", text, literal, likes[i].expected);
        CHECK2("like", text, variable, likes[i].expected);
    }
    CHECK2("ilike", "VARCHAR:Grünkohl", "'GRÜN%", "true");
    CHECK3("like", "VARCHAR:50%", "'50!%", "'!", "true");
    CHECK3("like", "VARCHAR:50%", "'50!%", "'!!",
           "error: the escape '!!' is not a single character");
    CHECK2("~", "VARCHAR:hello 42", "'[0-9]+$", "true");
    CHECK2("!~", "VARCHAR:hello", "'[0-9]", "true");
    CHECK2("~*", "VARCHAR:HELLO", "'^hell", "true");
    CHECK2("~", "VARCHAR:x", "'(",
           "error: invalid regular expression '(': missing closing parenthesis at position 2");
    CHECK2("~", "VARCHAR:x", "VARCHAR:(",
           "error: invalid regular expression '(': missing closing parenthesis at position 2");
    CHECK2("similar to", "VARCHAR:abc", "'(a|x)b_", "true");
    CHECK2("similar to", "VARCHAR:abcd", "'(a|x)b_", "false");
    CHECK2("similar to", "VARCHAR:a.c", "'a.c", "true");
    CHECK2("similar to", "VARCHAR:abc", "'a.c", "false");
    CHECK2("regexp_like", "VARCHAR:abc", "'B", "false");
    CHECK3("regexp_like", "VARCHAR:abc", "'B", "'i", "true");
    CHECK2("regexp_count", "VARCHAR:a1b22c333", "'[0-9]+", "3");
    CHECK2("regexp_count", "VARCHAR:äöü", "'", "4");
    CHECK2("regexp_extract", "VARCHAR:abc-123", "'[0-9]+", "123");
    CHECK3("regexp_extract", "VARCHAR:abc-123", "'([a-z]+)-([0-9]+)", "INT:2", "123");
    CHECK2("regexp_match", "VARCHAR:abc-123", "'([a-z]+)-([0-9]+)", "[abc, 123]");
    CHECK2("regexp_match", "VARCHAR:abc", "'[0-9]", "NULL");
    CHECK3("regexp_replace", "VARCHAR:a1b2", "'[0-9]", "'#", "a#b2");
    CHECK4("regexp_replace", "VARCHAR:a1b2", "'([0-9])", "'<\\1>", "'g", "a<1>b<2>");
    CHECK2("~", "VARCHAR:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "'(a|aa)+$",
           "error: the regular expression takes too many steps on a text of 38 bytes");
}

static void encodings(void **state)
{
    (void)state;
    CHECK1("md5", "VARCHAR:", "d41d8cd98f00b204e9800998ecf8427e");
    CHECK1("md5", "VARCHAR:The quick brown fox jumps over the lazy dog",
           "9e107d9d372bb6826bd81d3542a419d6");
    CHECK1("sha256", "VARCHAR:abc",
           "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK1("sha256", "VARCHAR:abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK1("sha224", "VARCHAR:abc", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7");
    CHECK1("xxhash64", "VARCHAR:", "17241709254077376921");
    CHECK1("to_base64", "VARCHAR:hello", "aGVsbG8=");
    CHECK2("encode", "VARCHAR:hello", "'hex", "68656c6c6f");
    CHECK1("from_base64", "VARCHAR:aGVsbG8=", "hello");
    CHECK2("decode", "VARCHAR:zz", "'hex", "error: 'zz' is not hexadecimal");
    CHECK2("encode", "VARCHAR:x", "'rot13",
           "error: unknown encoding 'rot13': hex and base64 are known");
    CHECK1("to_hex", "BIGINT:255", "ff");
    CHECK1("to_hex", "BIGINT:-1", "ffffffffffffffff");
}

static void json(void **state)
{
    (void)state;
#define DOC "JSON:{\"a\": {\"b\": [1, 2.5, \"x\"]}, \"n\": null, \"t\": \"te\\\"xt\"}"
    CHECK2("->", DOC, "'a", "{\"b\":[1,2.5,\"x\"]}");
    CHECK2("->>", DOC, "'t", "te\"xt");
    CHECK2("->", DOC, "'t", "\"te\\\"xt\"");
    CHECK2("->>", DOC, "'n", "NULL");
    CHECK2("->", DOC, "'n", "null");
    CHECK2("->", DOC, "'zzz", "NULL");
    CHECK2("json_extract", DOC, "'$.a.b[1]", "2.5");
    CHECK2("json_extract", DOC, "'$.a['b'][-1]", "\"x\"");
    CHECK2("json_extract_string", DOC, "'$.a.b[-1]", "x");
    CHECK2("json_extract", DOC, "'$a", "error: '$a' is not a JSON path");
    CHECK2("#>>", DOC, "'{a,b,2}", "x");
    CHECK2("->", "JSON:[1, 2, 3]", "INT:-1", "3");
    CHECK1("json_array_length", "JSON:[1, 2, 3]", "3");
    CHECK1("json_array_length", "JSON:{}", "NULL");
    CHECK1("json_type", "JSON:[1]", "array");
    CHECK1("json_valid", "VARCHAR:{", "false");
    CHECK1("json_keys", DOC, "[a, n, t]");
    CHECK2("->", "VARCHAR:{", "'a", "error: ->: '{' is not JSON");
    CHECK1("to_json", "VARCHAR:a\"b", "\"a\\\"b\"");
    CHECK1("to_json", "BIGINT[]:1;NULL", "[1,null]");
    CHECK1("to_json", "DATE:2024-01-01", "\"2024-01-01\"");
}

static void lists(void **state)
{
    (void)state;
    CHECK3("make_array", "INT:1", "BIGINT:2", "INT:NULL", "[1, 2, NULL]");
    CHECK2("array_element", "BIGINT[]:10;20;30", "INT:2", "20");
    CHECK2("array_element", "BIGINT[]:10;20;30", "INT:-1", "30");
    CHECK2("array_element", "BIGINT[]:10;20;30", "INT:4", "NULL");
    CHECK1("array_length", "BIGINT[]:10;20;30", "3");
    CHECK2("array_contains", "BIGINT[]:10;20;30", "INT:20", "true");
    CHECK2("array_position", "VARCHAR[]:a;b", "'b", "2");
    CHECK2("@>", "BIGINT[]:1;2;3", "BIGINT[]:3;1", "true");
    CHECK2("<@", "BIGINT[]:1;2;3", "BIGINT[]:3;1", "false");
    CHECK2("&&", "BIGINT[]:1;2", "BIGINT[]:2;3", "true");
    CHECK2("||", "BIGINT[]:1;2", "BIGINT[]:3", "[1, 2, 3]");
    CHECK2("||", "BIGINT[]:1;2", "INT:3", "[1, 2, 3]");
    CHECK3("array_slice", "BIGINT[]:1;2;3;4", "INT:2", "INT:-2", "[2, 3]");
    CHECK1("array_sort", "BIGINT[]:3;1;NULL;2", "[1, 2, 3, NULL]");
    CHECK1("array_distinct", "BIGINT[]:3;1;3;NULL", "[1, 3]");
    CHECK1("array_reverse", "VARCHAR[]:a;b;a text that is longer than others",
           "[a text that is longer than others, b, a]");
    CHECK2("array_to_string", "BIGINT[]:1;NULL;3", "',", "1,3");
    CHECK3("array_to_string", "BIGINT[]:1;NULL;3", "',", "'?", "1,?,3");
    CHECK2("string_to_array", "VARCHAR:a,b,,c", "',", "[a, b, , c]");
    CHECK2("string_to_array", "VARCHAR:ab,", "',", "[ab, ]");
    CHECK1("range", "INT:3", "[0, 1, 2]");
    CHECK3("generate_series", "INT:5", "INT:1", "INT:-2", "[5, 3, 1]");
    CHECK3("range", "INT:1", "INT:5", "INT:0", "error: range: the step is 0");
    CHECK4("named_struct", "'a", "INT:1", "'b", "VARCHAR:x", "{'a': 1, 'b': x}");
    CHECK2("map", "VARCHAR[]:a;b", "BIGINT[]:1;2", "{a=1, b=2}");
    CHECK2("map", "VARCHAR[]:a;a", "BIGINT[]:1;2", "error: map: a key comes twice");
}

static void casts(void **state)
{
    (void)state;
    CHECK_CAST("BIGINT:300", "TINYINT", "error: 300 is out of range for TINYINT");
    CHECK_CAST("BIGINT:-1", "BIGINT UNSIGNED", "error: -1 is out of range for BIGINT UNSIGNED");
    CHECK_CAST("BIGINT UNSIGNED:18446744073709551615", "BIGINT",
               "error: 18446744073709551615 is out of range for BIGINT");
    CHECK_CAST("DOUBLE:2.5", "INT", "2");
    CHECK_CAST("DOUBLE:3.5", "INT", "4");
    CHECK_CAST("DOUBLE:NaN", "INT", "error: NaN is out of range for INT");
    CHECK_CAST("DOUBLE:9223372036854775808", "BIGINT",
               "error: 9.223372036854776e+18 is out of range for BIGINT");
    CHECK_CAST("DOUBLE:-9223372036854775808", "BIGINT", "-9223372036854775808");
    CHECK_CAST("DOUBLE:1e300", "REAL", "error: 1e+300 is out of range for REAL");
    CHECK_CAST("DOUBLE:Infinity", "REAL", "Infinity");
    CHECK_CAST("INT:5", "BOOLEAN", "true");
    CHECK_CAST("BOOLEAN:true", "BIGINT", "1");
    CHECK_CAST("DECIMAL(10,2):2.50", "INT", "3");
    CHECK_CAST("DECIMAL(10,2):-2.50", "INT", "-3");
    CHECK_CAST("DECIMAL(10,2):99999999.99", "DECIMAL(5,1)",
               "error: 99999999.99 is out of range for DECIMAL(5,1)");
    CHECK_CAST("DECIMAL(10,2):1.25", "DECIMAL(10,1)", "1.3");
    CHECK_CAST("DOUBLE:1.005", "DECIMAL(10,2)", "1.00");
    CHECK_CAST("BIGINT:5", "DECIMAL(10,2)", "5.00");
    CHECK_CAST("VARCHAR: 42 ", "INT", "42");
    CHECK_CAST("VARCHAR:4x2", "INT", "error: '4x2' is not a valid INT");
    CHECK_CAST("VARCHAR:300", "TINYINT", "error: '300' is not a valid TINYINT");
    CHECK_CAST("VARCHAR:2024-01-01 12:00:00", "TIMESTAMP", "2024-01-01 12:00:00");
    CHECK_CAST("VARCHAR:[1]", "JSON", "[1]");
    CHECK_CAST("VARCHAR:[1", "JSON", "error: '[1' is not a valid JSON");
    CHECK_CAST("BIGINT:-9223372036854775808", "VARCHAR", "-9223372036854775808");
    CHECK_CAST("DATE:2024-01-01", "TIMESTAMP(3)", "2024-01-01 00:00:00");
    CHECK_CAST("TIMESTAMP:1969-12-31 23:59:59", "DATE", "1969-12-31");
    CHECK_CAST("TIMESTAMP:2024-01-01 00:00:00.6", "TIMESTAMP(0)", "2024-01-01 00:00:01");
    CHECK_CAST("TIMESTAMP:2024-07-01 12:00:00", "TIMESTAMPTZ Europe/Berlin",
               "2024-07-01 12:00:00+02");
    CHECK_CAST("TIMESTAMPTZ Europe/Berlin:2024-07-01 12:00:00", "TIMESTAMP", "2024-07-01 12:00:00");
    CHECK_CAST("TIMESTAMPTZ Europe/Berlin:2024-07-01 01:00:00", "DATE", "2024-07-01");
    CHECK_CAST("TIME:01:02:03", "INTERVAL", "01:02:03");
    CHECK_CAST("INT:5", "DATE", "error: INT can't be cast to DATE");
    CHECK_CAST("BIGINT:5", "TIMESTAMP", "error: BIGINT can't be cast to TIMESTAMP(6)");
    CHECK_CAST("BIGINT[]:1;2", "VARCHAR[]", "[1, 2]");
    CHECK_CAST("BIGINT[]:1;300", "TINYINT[]", "error: 300 is out of range for TINYINT");
    CHECK_CAST("BIGINT[]:1;2", "VARCHAR", "[1, 2]");
    CHECK_CAST("NULL", "BIGINT", "NULL");
    CHECK_CAST("VARCHAR:a\\xff\\\\b", "BINARY", "a\\xff\\\\b");
    CHECK_CAST("VARCHAR:a\\xf", "BINARY", "error: 'a\\xf' is not a valid BINARY");
    assert_string_equal(fn_cast("VARCHAR:x", "INT", CAST_TRY), "NULL");
    assert_string_equal(fn_cast("BIGINT:300", "TINYINT", CAST_TRY), "NULL");
    assert_string_equal(fn_cast("BIGINT[]:1;300", "TINYINT[]", CAST_TRY), "[1, NULL]");
}

/* The fast loop of windows against plain floor division, over all magnitudes. */
static void windows_match_model(void **state)
{
    (void)state;
    struct fn_random random = {4711};
    static const int64_t periods_ms[] = {1, 7, 1000, 60000, 3600000, 604800000, 31556952000};
    enum { ROWS = 1000 };
    for (size_t p = 0; p < sizeof periods_ms / sizeof periods_ms[0]; p++) {
        for (unsigned bits = 10; bits < 63; bits += 4) {
            struct arena arena = {0};
            struct column times, out;
            struct vector result, size = {.type = TYPE(INT64),
                                          .shape = VEC_CONST,
                                          .data = (void *)(uintptr_t)&periods_ms[p]};
            struct data_type types[] = {type_timestamp(UNIT_MICRO), TYPE(INT64)};
            struct bound_function *fn;
            struct eval_env env = {.mode = ROW_ERROR_NULL};
            const struct vector *constants[] = {NULL, &size};
            assert_int_equal(function_bind(&arena, "tumble", types, 2, constants, &fn, NULL),
                             LAMINAR_OK);
            assert_int_equal(column_init(&times, types[0], NULL), LAMINAR_OK);
            assert_int_equal(column_init(&out, fn->result, NULL), LAMINAR_OK);
            for (size_t i = 0; i < ROWS; i++) {
                int64_t value = (int64_t)(fn_random_u64(&random) >> (64 - bits)) -
                                (int64_t)(1ULL << (bits - 1));
                if (i % 3 == 0) value -= value % (periods_ms[p] * 1000); /* exactly at a start */
                if (i % 6 == 0) value--;
                assert_int_equal(column_append_value(&times, &value, NULL), LAMINAR_OK);
            }
            assert_int_equal(
                function_eval(fn, &env, (struct vector[]){times.vec, size}, ROWS, &out, &result),
                LAMINAR_OK);
            for (size_t i = 0; i < ROWS; i++) {
                int64_t value = ((const int64_t *)times.vec.data)[i], period = periods_ms[p] * 1000;
                int64_t number = value / period - (value % period < 0);
                assert_int_equal(((const int64_t *)result.data)[i], number * periods_ms[p]);
            }
            column_deinit(&times);
            column_deinit(&out);
            arena_deinit(&arena);
        }
    }
}

/* Every day of some centuries, and far ones: the fast calendar against the plain one. */
static void calendar_matches_model(void **state)
{
    (void)state;
    for (int64_t days = -200000; days < 200000; days++) {
        int64_t year;
        int month, day;
        civil_from_days(days * 57, &year, &month, &day);
        struct civil_date date = civil_date(days * 57);
        assert_true(date.year == year && date.month == month && date.day == day);
    }
}

static laminar_status text_scenario(void *arg)
{
    (void)arg;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct arena arena = {0};
    struct eval_env env = {.err = &err};
    struct column a = {0}, out = {0};
    struct vector result, pattern;
    struct string_view text = string_make("([a-z]+)o", 9),
                       to = string_make("<\\1 and some more text>", 23),
                       flags = string_make("g", 1);
    struct vector constants[3] = {{.type = TYPE(VARCHAR), .shape = VEC_CONST, .data = &text},
                                  {.type = TYPE(VARCHAR), .shape = VEC_CONST, .data = &to},
                                  {.type = TYPE(VARCHAR), .shape = VEC_CONST, .data = &flags}};
    struct bound_function *fn;
    laminar_status status;
    pattern = constants[0];
    TRY(column_init(&a, TYPE(VARCHAR), &err));
    for (int i = 0; i < 4; i++)
        TRY(column_append_string(&a, "hello to the whole world out there", 34, &err));
    struct data_type types[4] = {TYPE(VARCHAR), TYPE(VARCHAR), TYPE(VARCHAR), TYPE(VARCHAR)};
    const struct vector *known[4] = {NULL, &constants[0], &constants[1], &constants[2]};
    TRY(function_bind(&arena, "regexp_replace", types, 4, known, &fn, &err));
    TRY(column_init(&out, fn->result, &err));
    TRY(function_eval(fn, &env, (struct vector[]){a.vec, pattern, constants[1], constants[2]}, 4,
                      &out, &result));
    TRY(function_bind(&arena, "upper", types, 1, NULL, &fn, &err));
    TRY(function_eval(fn, &env, &a.vec, 4, &out, &result));
    column_deinit(&out);
    TRY(function_bind(&arena, "string_to_array", types, 2, NULL, &fn, &err));
    TRY(column_init(&out, fn->result, &err));
    TRY(function_eval(fn, &env, (struct vector[]){a.vec, constants[2]}, 4, &out, &result));
    column_deinit(&out);
    TRY(function_bind(&arena, "regexp_match", types, 2, NULL, &fn, &err));
    TRY(column_init(&out, fn->result, &err));
    TRY(function_eval(fn, &env, (struct vector[]){a.vec, pattern}, 4, &out, &result));
done:
    column_deinit(&a);
    column_deinit(&out);
    arena_deinit(&arena);
    return status;
}
static void memory_can_run_out(void **state)
{
    (void)state;
    assert_true(unit_fail_each_allocation(text_scenario, NULL) > 10);
}

static void every_function_has_help(void **state)
{
    (void)state;
    const struct scalar_function *function;
    for (size_t i = 0; (function = function_at(i)) != NULL; i++) {
        assert_true(function->help[0] && function->signature[0] && function->bind);
        assert_ptr_equal(function_find(function->name), function); /* no name twice */
    }
    const struct aggregate_function *aggregate;
    for (size_t i = 0; (aggregate = aggregate_at(i)) != NULL; i++) {
        assert_true(aggregate->help[0] && aggregate->signature[0] && aggregate->bind);
        assert_ptr_equal(aggregate_find(aggregate->name), aggregate);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(math),
        cmocka_unit_test(conditions),
        cmocka_unit_test(windows),
        cmocka_unit_test(dates),
        cmocka_unit_test(texts),
        cmocka_unit_test(patterns),
        cmocka_unit_test(encodings),
        cmocka_unit_test(json),
        cmocka_unit_test(lists),
        cmocka_unit_test(casts),
        cmocka_unit_test(memory_can_run_out),
        cmocka_unit_test(windows_match_model),
        cmocka_unit_test(calendar_matches_model),
        cmocka_unit_test(every_function_has_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
