/* test_vector_kernels.c - hash, match, select, gather, sort and the value codec against slow versions, over random columns of every type,
 * with and without nulls. */
#include "base/error.h"
#include "random_rows.h"
#include "vector/kernel.h"
#include "vector/text.h"

enum { N = 700 };

static struct data_type types[RANDOM_TYPES_MAX];
static size_t n_types;

static int set_up(void **state)
{
    (void)state;
    n_types = random_types(types);
    return 0;
}

static void make_column(struct column *col, struct data_type type, size_t n, unsigned null_percent)
{
    assert_int_equal(column_init(col, type, NULL), 0);
    assert_int_equal(random_append(col, n, null_percent, NULL), 0);
}

/* Equality told by text, but for types where that doesn't decide: 0.0 and -0.0, 1 month and 30 days, [''] and []. */
static bool prints_alike(const struct vector *a, size_t i, const struct vector *b, size_t k)
{
    return strcmp(row_text(a, i), row_text(b, k)) == 0;
}

static bool text_decides(struct data_type type)
{
    bool has_texts = type.id == LAMINAR_TYPE_LIST &&
                     type.info->fields[0].type.id == LAMINAR_TYPE_VARCHAR;
    return !type_is_float(type) && type.id != LAMINAR_TYPE_INTERVAL &&
           type.id != LAMINAR_TYPE_MAP && !has_texts;
}

static void equal_rows_hash_alike(void **state)
{
    (void)state;
    for (size_t t = 0; t < n_types; t++) {
        for (unsigned nulls = 0; nulls <= 30; nulls += 30) {
            struct column a;
            uint64_t hashes[N], combined[N], again[N];
            make_column(&a, types[t], N, nulls);
            kernel_hash(&a.vec, 1, N, hashes);
            for (size_t i = 0; i < N; i++) combined[i] = i / 2;
            kernel_hash_column(&a.vec, N, combined, false);
            size_t n_equal = 0, n_collisions = 0;
            for (size_t i = 0; i < N; i += 3) {
                _Alignas(16) uint8_t mem[16];
                uint8_t validity;
                struct vector one = vector_const_row(&a.vec, i, mem, &validity);
                kernel_hash(&one, 1, 5, again);
                assert_true(again[0] == hashes[i] && again[4] == hashes[i]);
                for (size_t k = 0; k < 5; k++) again[k] = i / 2;
                kernel_hash_column(&one, 5, again, false);
                assert_true(again[0] == combined[i] && again[4] == combined[i]);
                for (size_t k = 0; k < i; k += 5) {
                    bool is_equal = kernel_equal(&a.vec, i, &a.vec, k);
                    if (text_decides(types[t]))
                        assert_int_equal(is_equal, prints_alike(&a.vec, i, &a.vec, k));
                    if (is_equal) assert_true(hashes[i] == hashes[k]);
                    n_equal += is_equal;
                    n_collisions += !is_equal && hashes[i] == hashes[k];
                }
            }
            assert_int_equal(n_collisions, 0);
            /* whose rows hardly ever are */
            assert_true(n_equal > 0 || types[t].id == LAMINAR_TYPE_STRUCT);
            column_deinit(&a);
        }
    }
}

static void special_doubles_are_equal(void **state)
{
    (void)state;
    uint64_t other_nan = 0xfff8000000000123, hashes[4];
    double doubles[4] = {0.0, -0.0, __builtin_nan("")};
    memcpy(&doubles[3], &other_nan, 8);
    float floats[4] = {0.0F, -0.0F, __builtin_nanf(""), -__builtin_nanf("1")};
    struct laminar_interval intervals[4] = {
        {1, 0, 0}, {0, 30, 0}, {0, 1, 0}, {0, 0, INT64_C(86400000000000)}};
    struct uuid {
        uint64_t word[2];
    } uuids[4] = {{{1, 2}}, {{1, 2}}, {{2, 1}}, {{2, 1}}};
    struct vector vectors[] = {{.type = TYPE(DOUBLE), .data = doubles},
                               {.type = TYPE(FLOAT), .data = floats},
                               {.type = TYPE(INTERVAL), .data = intervals},
                               {.type = TYPE(UUID), .data = uuids}};
    for (size_t v = 0; v < ARRAY_LENGTH(vectors); v++) {
        uint32_t match[4], sel_a[2] = {0, 2}, sel_b[2] = {1, 3}, sel_c[2] = {2, 0};
        kernel_hash(&vectors[v], 1, 4, hashes);
        assert_true(hashes[0] == hashes[1] && hashes[2] == hashes[3] && hashes[0] != hashes[2]);
        assert_int_equal(kernel_match(&vectors[v], sel_a, &vectors[v], sel_b, 2, match), 2);
        assert_int_equal(kernel_match(&vectors[v], sel_a, &vectors[v], sel_c, 2, match), 0);
        assert_int_equal(kernel_compare(&vectors[v], 0, &vectors[v], 1), 0);
        struct strbuf a = {0}, b = {0};
        for (size_t i = 0; i < 4; i += 2) {
            assert_int_equal(value_encode(&vectors[v], i, &a, NULL), 0);
            assert_int_equal(value_encode(&vectors[v], i + 1, &b, NULL), 0);
        }
        assert_int_equal(a.size, b.size);
        assert_memory_equal(a.data, b.data, a.size);
        strbuf_deinit(&a);
        strbuf_deinit(&b);
    }
    double order[] = {-__builtin_inf(), -1, 0, 1, __builtin_inf(), __builtin_nan("")};
    struct vector v = {.type = TYPE(DOUBLE), .data = order};
    for (size_t i = 0; i < 6; i++)
        for (size_t k = 0; k < 6; k++)
            assert_int_equal(kernel_compare(&v, i, &v, k), (i > k) - (i < k));
}

static void match_agrees_with_equal(void **state)
{
    (void)state;
    for (size_t t = 0; t < n_types; t++) {
        for (int round = 0; round < 8; round++) {
            struct column a, b;
            make_column(&a, types[t], N, round & 1 ? 30 : 0);
            make_column(&b, types[t], N, round & 2 ? 30 : 0);
            uint32_t sel_a[N], sel_b[N], match[N];
            for (size_t i = 0; i < N; i++) {
                sel_a[i] = (uint32_t)random_below(N);
                sel_b[i] = (uint32_t)random_below(N);
            }
            const uint32_t *use_a = round & 4 ? sel_a : NULL, *use_b = round % 3 ? sel_b : NULL;
            _Alignas(16) uint8_t mem[16];
            uint8_t validity;
            struct vector vb = round == 5 ? vector_const_row(&b.vec, 3, mem, &validity) : b.vec;
            size_t n = kernel_match(&a.vec, use_a, &vb, use_b, N, match), found = 0;
            for (size_t i = 0; i < N; i++) {
                if (!kernel_equal(&a.vec, use_a ? use_a[i] : i, &vb, use_b ? use_b[i] : i))
                    continue;
                assert_true(found < n);
                assert_int_equal(match[found++], i);
            }
            assert_int_equal(found, n);
            column_deinit(&a);
            column_deinit(&b);
        }
    }
}

static void true_rows_are_selected(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct column c;
        make_column(&c, TYPE(BOOL), N, round % 2 ? 40 : 0);
        if (round % 5 == 0) memset(c.vec.data, 0, N / 2);
        uint32_t sel[N];
        size_t n_rows = random_below(N), n = kernel_select_true(&c.vec, n_rows, sel), found = 0;
        for (size_t i = 0; i < n_rows; i++)
            if (vector_is_valid(&c.vec, i) && ((const uint8_t *)c.vec.data)[i])
                assert_int_equal(sel[found++], i);
        assert_int_equal(found, n);
        struct vector one = c.vec;
        one.shape = VEC_CONST;
        n = kernel_select_true(&one, n_rows, sel);
        assert_int_equal(n,
                         vector_is_valid(&one, 0) && ((const uint8_t *)c.vec.data)[0] ? n_rows : 0);
        column_deinit(&c);
    }
}

static void chunks_are_gathered(void **state)
{
    (void)state;
    struct column cols[RANDOM_TYPES_MAX], scratch[RANDOM_TYPES_MAX];
    struct vector vectors[RANDOM_TYPES_MAX], out_cols[RANDOM_TYPES_MAX];
    int64_t weights[N], out_weights[CHUNK_ROWS];
    _Alignas(16) uint8_t mem[16];
    uint8_t validity;
    for (size_t t = 0; t < n_types; t++) {
        make_column(&cols[t], types[t], N, t % 2 ? 20 : 0);
        assert_int_equal(column_init(&scratch[t], types[t], NULL), 0);
        vectors[t] = cols[t].vec;
    }
    vectors[5] = vector_const_row(&cols[5].vec, 7, mem, &validity);
    for (size_t i = 0; i < N; i++) weights[i] = (int64_t)i - 100;
    for (int round = 0; round < 3; round++) {
        uint32_t sel[N];
        size_t n = random_below(N);
        for (size_t i = 0; i < n; i++) sel[i] = (uint32_t)random_below(N);
        struct chunk src = {N, (uint32_t)n_types, vectors, round ? weights : NULL}, out;
        assert_int_equal(
            kernel_gather_chunk(&src, sel, n, scratch, out_weights, out_cols, &out, NULL), 0);
        assert_int_equal(out.n_rows, n);
        for (size_t i = 0; i < n; i++) {
            if (round) assert_int_equal(out.weights[i], weights[sel[i]]);
            for (size_t t = 0; t < n_types; t++)
                if (t != 5) assert_true(prints_alike(&out.cols[t], i, &cols[t].vec, sel[i]));
        }
        assert_int_equal(out.weights != NULL, round > 0);
        assert_true(out.cols[5].shape == VEC_CONST &&
                    kernel_equal(&out.cols[5], 99, &cols[5].vec, 7));
    }
    for (size_t t = 0; t < n_types; t++) {
        column_deinit(&cols[t]);
        column_deinit(&scratch[t]);
    }
}

/* --- Sorting ------------------------------------------------------------------------------------------------------------------ */

static int compare_by_keys(const struct vector *cols, const struct sort_key *keys, size_t n_keys,
                           size_t a, size_t b)
{
    for (size_t k = 0; k < n_keys; k++) {
        const struct vector *v = &cols[keys[k].column];
        bool valid_a = vector_is_valid(v, a), valid_b = vector_is_valid(v, b);
        int order = kernel_compare(v, a, v, b);
        if (valid_a != valid_b)
            order = keys[k].is_nulls_first ? -order : order;
        else if (keys[k].is_descending)
            order = -order;
        if (order) return order;
    }
    return (a > b) - (a < b); /* stable */
}

static void check_sort(const struct vector *cols, const struct sort_key *keys, size_t n_keys,
                       size_t n)
{
    uint32_t *order = mem_alloc(n * sizeof *order);
    uint8_t *seen = mem_calloc(n, 1);
    assert_int_equal(kernel_sort(cols, keys, n_keys, n, order, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        assert_true(order[i] < n && !seen[order[i]]);
        seen[order[i]] = 1;
        if (i) assert_true(compare_by_keys(cols, keys, n_keys, order[i - 1], order[i]) < 0);
    }
    mem_free(order);
    mem_free(seen);
}

static void every_type_sorts(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 11, 100, 250, 1500};
    for (size_t t = 0; t < n_types; t++) {
        struct column c[2];
        make_column(&c[0], types[t], 1500, t % 2 ? 20 : 0);
        make_column(&c[1], types[random_below(n_types)], 1500, 10);
        struct vector cols[2] = {c[0].vec, c[1].vec};
        for (size_t s = 0; s < ARRAY_LENGTH(sizes); s++) {
            for (unsigned flags = 0; flags < 4; flags++) {
                struct sort_key keys[2] = {{0, flags & 1, flags & 2}, {1, flags & 2, flags & 1}};
                check_sort(cols, keys, 1 + s % 2, sizes[s]);
            }
        }
        column_deinit(&c[0]);
        column_deinit(&c[1]);
    }
}

static void hard_inputs_sort(void **state)
{
    (void)state;
    enum { ROWS = 3000 };
    struct column c;
    char text[2000];
    struct sort_key up = {0, false, false}, down = {0, true, true};
    assert_int_equal(column_init(&c, TYPE(VARCHAR), NULL), 0);
    /* long common prefixes, strings that are prefixes of others, zero bytes */
    for (size_t i = 0; i < ROWS; i++) {
        size_t size = random_below(4) ? 1000 + random_below(8) : random_below(30);
        memset(text, i % 3 ? 'x' : 0, sizeof text);
        if (random_below(2) && size) text[size - 1] = (char)random_below(3);
        assert_int_equal(column_append_string(&c, text, size, NULL), 0);
    }
    check_sort(&c.vec, &up, 1, ROWS);
    check_sort(&c.vec, &down, 1, ROWS);
    column_deinit(&c);
    assert_int_equal(column_init(&c, TYPE(INT64), NULL), 0);
    for (int64_t i = 0; i < ROWS; i++) assert_int_equal(column_append_value(&c, &i, NULL), 0);
    check_sort(&c.vec, &up, 1, ROWS);
    check_sort(&c.vec, &down, 1, ROWS);
    column_deinit(&c);
}

/* --- Codec -------------------------------------------------------------------------------------------------------------------- */

static void values_survive_encoding(void **state)
{
    (void)state;
    for (size_t t = 0; t < n_types; t++) {
        struct column c, back;
        struct strbuf bytes = {0};
        make_column(&c, types[t], 200, 20);
        assert_int_equal(column_init(&back, types[t], NULL), 0);
        for (size_t i = 0; i < 200; i++) assert_int_equal(value_encode(&c.vec, i, &bytes, NULL), 0);
        size_t at = 0, used;
        for (size_t i = 0; i < 200; i++) {
            assert_int_equal(
                value_decode(&back, (const uint8_t *)bytes.data + at, bytes.size - at, &used, NULL),
                0);
            at += used;
            assert_true(kernel_equal(&c.vec, i, &back.vec, i));
        }
        assert_int_equal(at, bytes.size);
        strbuf_deinit(&bytes);
        column_deinit(&c);
        column_deinit(&back);
    }
}

static void damaged_values_are_errors(void **state)
{
    (void)state;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    size_t n_failed = 0;
    for (size_t t = 0; t < n_types; t++) {
        struct column c, back;
        make_column(&c, types[t], 50, 20);
        assert_int_equal(column_init(&back, types[t], NULL), 0);
        for (size_t i = 0; i < 50; i++) {
            struct strbuf bytes = {0};
            size_t used, n_before;
            assert_int_equal(value_encode(&c.vec, i, &bytes, NULL), 0);
            for (size_t size = 0; size < bytes.size; size++) { /* cut */
                /* so that a sanitizer sees reads behind the end */
                uint8_t *exact = mem_alloc(size);
                memcpy(exact, bytes.data, size);
                n_before = back.n;
                assert_int_equal(value_decode(&back, exact, size, &used, &err),
                                 LAMINAR_CHECKPOINT_FAILED);
                assert_int_equal(back.n, n_before);
                mem_free(exact);
            }
            for (int round = 0; round < 20; round++) { /* changed */
                uint8_t *exact = mem_alloc(bytes.size);
                memcpy(exact, bytes.data, bytes.size);
                exact[random_below(bytes.size)] = (uint8_t)random_u64();
                laminar_status status = value_decode(&back, exact, bytes.size, &used, &err);
                assert_true(status == LAMINAR_OK || status == LAMINAR_CHECKPOINT_FAILED);
                n_failed += status != LAMINAR_OK;
                if (!status) row_text(&back.vec, back.n - 1);
                mem_free(exact);
            }
            strbuf_deinit(&bytes);
        }
        for (uint32_t k = 0; k < back.vec.n_children && types[t].id == LAMINAR_TYPE_STRUCT; k++)
            assert_int_equal(back.children[k].n, back.n); /* nothing left of failed rows */
        column_deinit(&c);
        column_deinit(&back);
    }
    assert_true(n_failed > 100);
}

struct codec_scenario {
    const struct vector *v;
    uint32_t *order;
};

static laminar_status encode_decode_sort(void *arg)
{
    struct codec_scenario *s = arg;
    struct strbuf bytes = {0};
    struct column back = {0};
    size_t used;
    struct sort_key key = {0, true, false};
    laminar_status status = LAMINAR_OK;
    TRY(column_init(&back, s->v->type, NULL));
    for (size_t i = 0; i < 20; i++) {
        strbuf_clear(&bytes);
        TRY(value_encode(s->v, i, &bytes, NULL));
        TRY(value_decode(&back, (const uint8_t *)bytes.data, bytes.size, &used, NULL));
    }
    TRY(kernel_sort(s->v, &key, 1, 200, s->order, NULL));
done:
    strbuf_deinit(&bytes);
    column_deinit(&back);
    return status;
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    for (size_t t = 0; t < n_types; t++) {
        struct column c;
        uint32_t order[200];
        make_column(&c, types[t], 200, 20);
        unit_fail_each_allocation(encode_decode_sort, &(struct codec_scenario){&c.vec, order});
        column_deinit(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_rows_hash_alike),     cmocka_unit_test(special_doubles_are_equal),
        cmocka_unit_test(match_agrees_with_equal),   cmocka_unit_test(true_rows_are_selected),
        cmocka_unit_test(chunks_are_gathered),       cmocka_unit_test(every_type_sorts),
        cmocka_unit_test(hard_inputs_sort),          cmocka_unit_test(values_survive_encoding),
        cmocka_unit_test(damaged_values_are_errors), cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
