/* test_tz.c - time zones: offsets around changes, the footer's rule, fixed offsets, names that must be refused, malformed files.
 * What needs the system's zone files is skipped where they are missing; the rules themselves are tested on files made here. */
#include "base/file.h"
#include "base/strbuf.h"
#include "base/tz.h"
#include "unit.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct tz *find(const char *name)
{
    const struct tz *tz = NULL;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    if (tz_find(name, strlen(name), &tz, &err) != LAMINAR_OK) fail_msg("%s", err.message);
    return tz;
}

static void put_be(struct strbuf *out, uint64_t value, int bytes)
{
    while (bytes-- > 0) strbuf_putc(out, (char)(value >> (8 * bytes)));
}

/* A version 2 file without changes: one type (offset_s, "XXX") and a footer. */
static void make_file(struct strbuf *out, int32_t offset_s, const char *footer)
{
    for (int block = 0; block < 2; block++) {
        strbuf_append(out, "TZif2", 5);
        put_be(out, 0, 8);
        put_be(out, 0, 7);
        const uint32_t counts[] = {0, 0, 0,
                                   0, 1, 4}; /* utc, std, leap, changes, types, characters */
        for (size_t i = 0; i < 6; i++) put_be(out, counts[i], 4);
        put_be(out, (uint32_t)offset_s, 4);
        put_be(out, 0, 2);
        strbuf_append(out, "XXX", 4);
    }
    strbuf_printf(out, "\n%s\n", footer);
}

static struct tz *parse(const char *footer)
{
    struct strbuf file = {0};
    struct tz *tz = NULL;
    make_file(&file, 3600, footer);
    struct laminar_error err = LAMINAR_ERROR_INIT;
    if (tz_parse("Test", file.data, file.size, &tz, &err) != LAMINAR_OK)
        fail_msg("%s: %s", footer, err.message);
    strbuf_deinit(&file);
    return tz;
}

static void fixed_offsets_need_no_file(void **state)
{
    (void)state;
    static const struct {
        const char *name, *normal;
        int32_t offset_s;
    } cases[] = {{"UTC", "UTC", 0},
                 {"utc", "UTC", 0},
                 {"Z", "UTC", 0},
                 {"GMT", "UTC", 0},
                 {"Etc/UTC", "UTC", 0},
                 {"+02:00", "+02:00", 7200},
                 {"+2", "+02:00", 7200},
                 {"+0200", "+02:00", 7200},
                 {"-03:30", "-03:30", -12600},
                 {"+05:30:15", "+05:30:15", 19815},
                 {"-00:00", "+00:00", 0},
                 {"+23:59", "+23:59", 86340}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const struct tz *tz = find(cases[i].name);
        assert_string_equal(tz_name(tz), cases[i].normal);
        assert_true(tz_is_fixed(tz));
        assert_int_equal(tz_offset_at_utc(tz, 1700000000), cases[i].offset_s);
        assert_int_equal(tz_offset_at_local(tz, INT64_MIN), cases[i].offset_s);
        assert_ptr_equal(tz, find(cases[i].name)); /* interned */
    }
    assert_ptr_equal(find("+02:00"), find("+2"));
}

static void bad_names_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "/etc/passwd",
                                        "../../../etc/passwd",
                                        "Europe/../../../../etc/passwd",
                                        "Europe//Berlin",
                                        "Europe/Berlin/",
                                        "Europe/Nowhere",
                                        "Europe",
                                        "posixrules.",
                                        "a b",
                                        "+25:00",
                                        "+2:3",
                                        "+02:60",
                                        "+",
                                        "--02:00",
                                        "+02:00:00:00",
                                        "Europe/Berlin\n",
                                        "tzdata.zi",
                                        "%s",
                                        "zone1970.tab"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        const struct tz *tz = NULL;
        struct laminar_error err = LAMINAR_ERROR_INIT;
        if (tz_find(names[i], strlen(names[i]), &tz, &err) != LAMINAR_INVALID_ARGUMENT)
            fail_msg("'%s' is accepted", names[i]);
        assert_null(tz);
        assert_true(err.message[0] != 0);
    }
    char name[300];
    memset(name, 'a', sizeof name);
    const struct tz *tz = NULL;
    assert_int_equal(tz_find(name, sizeof name, &tz, NULL), LAMINAR_INVALID_ARGUMENT);
    assert_int_equal(tz_find("Europe/Berlin\0/x", 16, &tz, NULL), LAMINAR_INVALID_ARGUMENT);
}

static int64_t utc_of(int year, int month, int day, int hour, int minute, int second)
{
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_sec = second};
    return (int64_t)timegm(&tm);
}

static void the_footer_rule_holds(void **state)
{
    (void)state;
    struct tz *tz = parse("CET-1CEST,M3.5.0,M10.5.0/3");
    /* 2026: 29 March 01:00 UTC to 25 October 01:00 UTC. */
    assert_int_equal(tz_offset_at_utc(tz, utc_of(2026, 3, 29, 0, 59, 59)), 3600);
    assert_int_equal(tz_offset_at_utc(tz, utc_of(2026, 3, 29, 1, 0, 0)), 7200);
    assert_int_equal(tz_offset_at_utc(tz, utc_of(2026, 10, 25, 0, 59, 59)), 7200);
    assert_int_equal(tz_offset_at_utc(tz, utc_of(2026, 10, 25, 1, 0, 0)), 3600);
    assert_string_equal(tz_abbreviation_at_utc(tz, utc_of(2026, 7, 1, 0, 0, 0)), "CEST");
    assert_string_equal(tz_abbreviation_at_utc(tz, utc_of(2026, 1, 1, 0, 0, 0)), "CET");
    /* The hour from 02:00 is skipped: the offset before. The hour from 02:00 in October comes twice: the second. */
    assert_int_equal(tz_offset_at_local(tz, utc_of(2026, 3, 29, 1, 59, 59)), 3600);
    assert_int_equal(tz_offset_at_local(tz, utc_of(2026, 3, 29, 2, 30, 0)), 3600);
    assert_int_equal(tz_offset_at_local(tz, utc_of(2026, 3, 29, 3, 0, 0)), 7200);
    assert_int_equal(tz_offset_at_local(tz, utc_of(2026, 10, 25, 1, 59, 59)), 7200);
    assert_int_equal(tz_offset_at_local(tz, utc_of(2026, 10, 25, 2, 30, 0)), 3600);
    assert_int_equal(tz_offset_at_local(tz, utc_of(2026, 10, 25, 3, 0, 0)), 3600);
    /* Far away nothing overflows. */
    tz_offset_at_utc(tz, INT64_MAX);
    tz_offset_at_local(tz, INT64_MIN);
    tz_free(tz);

    tz = parse("NZST-12NZDT,M9.5.0,M4.1.0/3"); /* summer spans the new year */
    assert_int_equal(tz_offset_at_utc(tz, utc_of(2026, 1, 1, 0, 0, 0)), 13 * 3600);
    assert_int_equal(tz_offset_at_utc(tz, utc_of(2026, 7, 1, 0, 0, 0)), 12 * 3600);
    assert_int_equal(tz_offset_at_utc(tz, utc_of(2026, 4, 4, 13, 59, 59)), 13 * 3600);
    assert_int_equal(tz_offset_at_utc(tz, utc_of(2026, 4, 4, 14, 0, 0)), 12 * 3600);
    tz_free(tz);

    tz = parse("<-02>2<-01>,M3.5.0/-1,M10.5.0/0"); /* a rule that starts the day before */
    assert_int_equal(tz_offset_at_utc(tz, utc_of(2026, 3, 29, 0, 59, 59)), -7200);
    assert_int_equal(tz_offset_at_utc(tz, utc_of(2026, 3, 29, 1, 0, 0)), -3600);
    tz_free(tz);

    tz = parse("XXX3EDT4,0/0,J365/23"); /* summer all year */
    assert_int_equal(tz_offset_at_utc(tz, utc_of(2026, 1, 1, 4, 0, 0)), -4 * 3600);
    assert_int_equal(tz_offset_at_utc(tz, utc_of(2026, 12, 31, 23, 0, 0)), -4 * 3600);
    tz_free(tz);

    tz = parse("<+0545>-5:45");
    assert_int_equal(tz_offset_at_utc(tz, 0), 20700);
    assert_string_equal(tz_abbreviation_at_utc(tz, 0), "+0545");
    tz_free(tz);

    tz = parse("AAA0BBB,J60/0,J61/0"); /* J60 is March 1st in leap years, too */
    assert_int_equal(tz_offset_at_utc(tz, utc_of(2024, 2, 29, 12, 0, 0)), 0);
    assert_int_equal(tz_offset_at_utc(tz, utc_of(2024, 3, 1, 12, 0, 0)), 3600);
    assert_int_equal(tz_offset_at_utc(tz, utc_of(2025, 3, 1, 12, 0, 0)), 3600);
    tz_free(tz);

    tz = parse(""); /* no rule: the type */
    assert_int_equal(tz_offset_at_utc(tz, 0), 3600);
    tz_free(tz);
}

static void malformed_files_are_refused(void **state)
{
    (void)state;
    struct strbuf file = {0};
    make_file(&file, 3600, "CET-1CEST,M3.5.0,M10.5.0/3");
    struct tz *tz = NULL;
    /* Cut anywhere (in a block of memory of just that size, so that a sanitizer sees a read too far). */
    for (size_t size = 0; size < file.size; size++) {
        char *cut = mem_alloc(size);
        memcpy(cut, file.data, size);
        laminar_status status = tz_parse("Cut", cut, size, &tz, NULL);
        if (status == LAMINAR_OK) { /* the footer may be missing as a whole */
            assert_true(size >= file.size - 28);
            tz_free(tz);
        }
        mem_free(cut);
    }
    /* Any byte changed: an error or a zone, never more. */
    for (size_t at = 0; at < file.size; at++) {
        char kept = file.data[at];
        for (int value = 0; value < 256; value += 17) {
            file.data[at] = (char)value;
            if (tz_parse("Changed", file.data, file.size, &tz, NULL) == LAMINAR_OK) {
                tz_offset_at_utc(tz, 1700000000);
                tz_offset_at_local(tz, 1700000000);
                tz_abbreviation_at_utc(tz, 1700000000);
                tz_free(tz);
            }
        }
        file.data[at] = kept;
    }
    strbuf_deinit(&file);
    static const char *const footers[] = {"CET",
                                          "CET-1CEST",
                                          "CET-1CEST,M3.5.0",
                                          "CET-1CEST,M13.5.0,M10.5.0",
                                          "CET-1CEST,M3.6.0,M10.5.0",
                                          "CET-1CEST,M3.0.0,M10.5.0",
                                          "CET-1CEST,M3.5.7,M10.5.0",
                                          "CET-99",
                                          "<CET-1",
                                          "CET-1CEST,J0,J5",
                                          "CET-1CEST,J366,J5",
                                          "CET-1CEST,366,5",
                                          "CET-1CEST,M3.5.0/168,M10.5.0",
                                          "CET-1x,",
                                          "1",
                                          "ABCDEFGHIJKLMNOPQRSTUVW1"};
    for (size_t i = 0; i < ARRAY_LENGTH(footers); i++) {
        struct strbuf bad = {0};
        make_file(&bad, 0, footers[i]);
        if (tz_parse("Bad", bad.data, bad.size, &tz, NULL) != LAMINAR_INVALID_ARGUMENT)
            fail_msg("'%s' is accepted", footers[i]);
        strbuf_deinit(&bad);
    }
}

static laminar_status parse_scenario(void *arg)
{
    const struct strbuf *file = arg;
    struct tz *tz = NULL;
    laminar_status status = tz_parse("Test", file->data, file->size, &tz, NULL);
    tz_free(tz);
    return status;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    struct strbuf file = {0};
    make_file(&file, 3600, "CET-1CEST,M3.5.0,M10.5.0/3");
    assert_true(unit_fail_each_allocation(parse_scenario, &file) >= 5);
    strbuf_deinit(&file);
    int64_t live = mem_live_count();
    for (uint64_t n = 1;; n++) { /* a found zone stays, so only the failures are compared */
        const struct tz *tz = NULL;
        mem_fail_after(n, false);
        laminar_status status = tz_find("+11:11", 6, &tz, NULL);
        mem_fail_after(0, false);
        if (status == LAMINAR_OK) break;
        assert_int_equal(mem_live_count(), live);
        assert_int_equal(status, LAMINAR_OUT_OF_MEMORY);
        assert_true(n < 100);
    }
}

/* Every half hour of some years, against the C library. */
static void zones_agree_with_the_system(void **state)
{
    (void)state;
    static const char *const names[] = {
        "Europe/Berlin",     "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
        "Africa/Casablanca", "America/Nuuk",     "Pacific/Apia",        "Asia/Tokyo"};
    if (!file_exists("/usr/share/zoneinfo/Europe/Berlin")) skip();
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        const struct tz *tz = find(names[i]);
        setenv("TZ", names[i], 1);
        tzset();
        static const int years[] = {1890, 1916, 1945, 1973, 2011, 2026, 2037, 2050, 2200};
        for (size_t y = 0; y < ARRAY_LENGTH(years); y++) {
            for (int64_t t = utc_of(years[y], 1, 1, 0, 0, 0);
                 t < utc_of(years[y] + 1, 1, 1, 0, 0, 0); t += 1800) {
                time_t at = (time_t)t;
                struct tm tm;
                localtime_r(&at, &tm);
                if (tz_offset_at_utc(tz, t) != tm.tm_gmtoff)
                    fail_msg("%s at %lld: %d, not %ld", names[i], (long long)t,
                             tz_offset_at_utc(tz, t), tm.tm_gmtoff);
                /* A reading that is not doubled or skipped comes back to where it was. */
                int32_t back = tz_offset_at_local(tz, t + tm.tm_gmtoff);
                if (back != tm.tm_gmtoff && tz_offset_at_utc(tz, t + tm.tm_gmtoff - back) != back)
                    fail_msg("%s at %lld: local time has offset %d", names[i], (long long)t, back);
            }
        }
        assert_string_equal(tz_name(tz), names[i]);
        assert_ptr_equal(tz, find(names[i]));
    }
    unsetenv("TZ");
    tzset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fixed_offsets_need_no_file),
                                       cmocka_unit_test(bad_names_are_refused),
                                       cmocka_unit_test(the_footer_rule_holds),
                                       cmocka_unit_test(malformed_files_are_refused),
                                       cmocka_unit_test(memory_may_run_out),
                                       cmocka_unit_test(zones_agree_with_the_system)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
