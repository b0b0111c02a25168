/* test_pack.c - values in fewer bytes: what comes back is what went in, bit by bit, of every width and range; malformed bytes are refused. */
#include "base/hash.h"
#include "unit.h"
#include "vector/pack.h"
#include "vector/vector.h"
#include <math.h>
#include <string.h>

enum { N_MAX = 3000 };

/* Returns the size. */
static size_t check(enum pack_type type, size_t width, const void *values, const uint8_t *validity,
                    size_t n)
{
    struct strbuf out = {0};
    char *back = mem_alloc(n * width + 1);
    strbuf_puts(&out, "xyz"); /* whatever the alignment */
    pack_values(type, width, values, validity, n, &out);
    assert_false(out.failed);
    size_t size = out.size - 3;
    assert_int_equal(unpack_values(width, n, (const uint8_t *)out.data + 3, size, back), size);
    for (size_t i = 0; i < n; i++)
        if (!validity || bitmap_get(validity, i))
            assert_memory_equal(back + i * width, (const char *)values + i * width, width);
    /* cut off anywhere near its end or a block's: refused */
    for (size_t cut = 1; cut < size && cut < 40; cut++)
        assert_int_equal(unpack_values(width, n, (const uint8_t *)out.data + 3, size - cut, back),
                         0);
    mem_free(back);
    strbuf_deinit(&out);
    return size;
}

static const size_t counts[] = {1, 15, 16, 17, 64, 100, 1023, 1024, 1025, 2047, 3000};

static void integers_of_every_range_come_back(void **state)
{
    (void)state;
    static uint64_t wide[N_MAX];
    static uint32_t middle[N_MAX];
    static uint16_t narrow[N_MAX];
    for (size_t c = 0; c < ARRAY_LENGTH(counts); c++)
        for (unsigned bits = 0; bits <= 64; bits++)
            for (uint64_t base = 0; base < 4; base++) {
                uint64_t mask = bits == 64 ? UINT64_MAX : (1ULL << bits) - 1;
                uint64_t low[] = {0, (uint64_t)-5, (uint64_t)INT64_MIN, (uint64_t)INT64_MAX - 3};
                for (size_t i = 0; i < counts[c]; i++) {
                    wide[i] = low[base] + (hash_u64(i * 77 + bits) & mask);
                    middle[i] = (uint32_t)wide[i];
                    narrow[i] = (uint16_t)wide[i];
                }
                enum pack_type type = base & 1 ? PACK_INTEGER : PACK_UNSIGNED;
                size_t size = check(type, 8, wide, NULL, counts[c]);
                assert_true(size <= counts[c] * 8 + 12 * (counts[c] / PACK_BLOCK + 1));
                if (bits <= 32) check(type, 4, middle, NULL, counts[c]);
                if (bits <= 16) check(type, 2, narrow, NULL, counts[c]);
            }
}

static void what_repeats_or_counts_is_small(void **state)
{
    (void)state;
    static int64_t values[N_MAX];
    for (int64_t i = 0; i < N_MAX; i++) values[i] = 42;
    assert_true(check(PACK_INTEGER, 8, values, NULL, N_MAX) <= 3 * 12);
    for (int64_t i = 0; i < N_MAX; i++) values[i] = 1700000000000000 + i * 1024;
    assert_true(check(PACK_INTEGER, 8, values, NULL, N_MAX) <= N_MAX * 11 / 8 + 300);
    for (int64_t i = 0; i < N_MAX; i++) values[i] = i % 1000;
    assert_true(check(PACK_INTEGER, 8, values, NULL, N_MAX) <= N_MAX * 11 / 8 + 300);
}

static void doubles_come_back_bit_by_bit(void **state)
{
    (void)state;
    static double values[N_MAX];
    for (size_t i = 0; i < N_MAX; i++) values[i] = (double)(hash_u64(i) % 1000000) / 100;
    assert_true(check(PACK_DOUBLE, 8, values, NULL, N_MAX) <= N_MAX * 21 / 8 + 300);
    for (size_t i = 0; i < N_MAX; i++) values[i] = -(double)i * 0.5;
    values[0] = 0;
    assert_true(check(PACK_DOUBLE, 8, values, NULL, N_MAX) <= N_MAX * 13 / 8 + 300);
    static const double odd[] = {
        -0.0,      0.0,    NAN,       -NAN,      INFINITY, -INFINITY,
        1e300,     -1e300, 5e-324,    1.0 / 3.0, 0x1p50,   -0x1p50,
        0x1p52,    0x1p53, 0x1p62,    -0x1p63,   1e15,     1125899906842623.0,
        0.1 + 0.2, 12.34,  1234567.89};
    for (size_t at = 0; at < ARRAY_LENGTH(odd); at++) { /* one among decimals, and all of them */
        for (size_t i = 0; i < 2000; i++) values[i] = (double)i / 4;
        values[at * 61 % 1024] = odd[at];
        check(PACK_DOUBLE, 8, values, NULL, 2000);
        for (size_t i = 0; i < 2000; i++) values[i] = odd[at];
        check(PACK_DOUBLE, 8, values, NULL, 2000);
    }
    for (size_t i = 0; i < 2000; i++) values[i] = odd[hash_u64(i) % ARRAY_LENGTH(odd)];
    check(PACK_DOUBLE, 8, values, NULL, 2000);
    for (size_t i = 0; i < N_MAX; i++) {
        uint64_t bits = hash_u64(i);
        memcpy(&values[i], &bits, 8);
    }
    check(PACK_DOUBLE, 8, values, NULL, N_MAX);
}

/* Decimals of every size become small, those next to them stay what they are. */
static void decimals_are_told_from_their_neighbours(void **state)
{
    (void)state;
    static double values[2 * PACK_BLOCK];
    static const double powers[] = {1, 10, 100, 1000, 10000};
    for (uint64_t seed = 0; seed < 600; seed++) {
        unsigned bits = 1 + (unsigned)(seed % 45);
        double power = powers[seed / 45 % ARRAY_LENGTH(powers)];
        for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
            uint64_t m = hash_u64(seed * 10000 + i) & ((1ULL << bits) - 1);
            values[i] = (i % 3 ? 1.0 : -1.0) * ((double)(m + 1) / power);
        }
        size_t size = check(PACK_DOUBLE, 8, values, NULL, ARRAY_LENGTH(values));
        assert_true(size <= ARRAY_LENGTH(values) * (bits + 3) / 8 + 600);
        size_t at = hash_u64(seed) % ARRAY_LENGTH(values);
        values[at] = nextafter(values[at], seed % 2 ? INFINITY : -INFINITY);
        check(PACK_DOUBLE, 8, values, NULL, ARRAY_LENGTH(values));
    }
}

static void what_stands_under_nulls_costs_nothing(void **state)
{
    (void)state;
    static int64_t values[N_MAX];
    static uint8_t validity[N_MAX / 8 + 1], none[N_MAX / 8 + 1];
    for (size_t i = 0; i < N_MAX; i++) {
        bool is_valid = hash_u64(i) % 3 != 0;
        values[i] = is_valid ? (int64_t)(i % 4) : (int64_t)hash_u64(i);
        if (is_valid) validity[i / 8] = (uint8_t)(validity[i / 8] | 1 << i % 8);
    }
    assert_true(check(PACK_INTEGER, 8, values, validity, N_MAX) <= N_MAX * 2 / 8 + 300);
    assert_true(check(PACK_INTEGER, 8, values, none, N_MAX) <= 3 * 12);
}

/* Any bytes: an answer, and nothing read or written beyond (the sanitizers see it). */
static void malformed_bytes_are_refused_or_read(void **state)
{
    (void)state;
    uint8_t data[600];
    uint64_t *out = mem_alloc(1500 * 8);
    for (uint64_t seed = 0; seed < 20000; seed++) {
        for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)hash_u64(seed * 1000 + i);
        data[0] %= 4;
        if (seed % 2) data[1] %= 64, data[2] %= 64, data[3] %= 6;
        size_t size = seed % sizeof data, width = (size_t)2 << seed % 3;
        char *exact = mem_alloc(size + 1);
        memcpy(exact, data, size);
        size_t used = unpack_values(width, 64 + seed % 1400, (const uint8_t *)exact, size, out);
        assert_true(used <= size);
        mem_free(exact);
    }
    mem_free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_of_every_range_come_back),
        cmocka_unit_test(what_repeats_or_counts_is_small),
        cmocka_unit_test(doubles_come_back_bit_by_bit),
        cmocka_unit_test(decimals_are_told_from_their_neighbours),
        cmocka_unit_test(what_stands_under_nulls_costs_nothing),
        cmocka_unit_test(malformed_bytes_are_refused_or_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
