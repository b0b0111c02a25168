/* The Nexmark generator: the same rows whatever the cuts, the benchmark's proportions, event times, every allocation failing. */
#include "unit.h"

#include "base/error.h"
#include "connect/connector.h"

struct setup {
    const char *table;
    const char *events;
    const char *batch_rows;
    const char *skew;
};

static laminar_status make_relation(const struct setup *setup, struct relation **out,
                                    struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct source_shape shape;
    struct schema *schema = NULL;
    struct relation *relation = relation_create(RELATION_SOURCE, "source", NULL);
    if (!relation) return error_oom(err);
    const char *const pairs[][2] = {{"connector", "nexmark"},
                                    {"table", setup->table},
                                    {"events", setup->events},
                                    {"batch_rows", setup->batch_rows},
                                    {"skew", setup->skew}};
    relation->connector = "nexmark";
    relation->options = ARENA_ARRAY(&relation->arena, struct option, ARRAY_LENGTH(pairs));
    if (!relation->options) TRY(error_oom(err));
    for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++) {
        if (!pairs[i][1]) continue;
        struct option *option = &relation->options[relation->n_options++];
        option->key = arena_strndup(&relation->arena, pairs[i][0], strlen(pairs[i][0]));
        option->value = arena_strndup(&relation->arena, pairs[i][1], strlen(pairs[i][1]));
        if (!option->key || !option->value) TRY(error_oom(err));
    }
    TRY(nexmark_connector.describe(relation, &shape, err));
    schema = schema_create(shape.columns, shape.n_columns);
    if (!schema) TRY(error_oom(err));
    relation->schema = schema;
    *out = relation;
    relation = NULL;
done:
    relation_unref(relation);
    return status;
}

/* Polls to the end; every row goes to `found`, numbered from `position` on. */
static laminar_status read_all(const struct setup *setup, uint64_t position,
                               void (*found)(void *ctx, uint64_t row, const struct batch *batch,
                                             size_t at),
                               void *ctx, struct laminar_error *err)
{
    laminar_status status = LAMINAR_OK;
    struct relation *relation = NULL;
    struct connector *connector = NULL;
    struct batch_pool *pool = batch_pool_create();
    struct connector_batch got = {0};
    if (!pool) return error_oom(err);
    TRY(make_relation(setup, &relation, err));
    TRY(nexmark_connector.open(relation, pool, &connector, err));
    TRY(nexmark_connector.seek(connector, position, err));
    while (!got.is_end) {
        got = (struct connector_batch){0};
        TRY(nexmark_connector.poll(connector, &got, err));
        for (size_t i = 0; got.batch && i < got.batch->n_rows; i++)
            if (found) found(ctx, position + i, got.batch, i);
        position += got.batch ? got.batch->n_rows : 0;
        assert_int_equal(got.next_position, position);
        batch_unref(got.batch);
    }
done:
    if (connector) nexmark_connector.close(connector);
    relation_unref(relation);
    batch_pool_free(pool);
    return status;
}

enum { ROWS_MAX = 5000 };
struct hashes {
    uint64_t n, at[ROWS_MAX];
};

static void hash_row(void *ctx, uint64_t row, const struct batch *batch, size_t at)
{
    struct hashes *h = ctx;
    uint64_t hash = 0;
    for (uint32_t c = 0; c < batch->n_cols; c++) {
        const struct vector *v = &batch->cols[c];
        if (v->type.id == LAMINAR_TYPE_VARCHAR) {
            const struct string_view *text = &((const struct string_view *)v->data)[at];
            for (uint32_t i = 0; i < text->size; i++)
                hash = hash * 31 + (unsigned char)string_data(text)[i];
        } else {
            hash = hash * 31 + ((const uint64_t *)v->data)[at];
        }
    }
    assert_true(row < ROWS_MAX);
    h->at[row] = hash;
    h->n = row + 1;
}

static void same_rows_from_any_cut(void **state)
{
    (void)state;
    static const char *const names[] = {"person", "auction", "bid"};
    static const uint64_t rows[] = {101, 301, 4600};
    static struct hashes whole, cut;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    for (size_t t = 0; t < 3; t++) {
        whole.n = cut.n = 0;
        const struct setup at_once = {names[t], "5002", "1000000", "1 second"},
                           in_parts = {names[t], "5002", "7", "1 second"};
        assert_int_equal(read_all(&at_once, 0, hash_row, &whole, &err), LAMINAR_OK);
        assert_int_equal(whole.n, rows[t]);
        memcpy(cut.at, whole.at, 50 * sizeof cut.at[0]);
        assert_int_equal(read_all(&in_parts, 50, hash_row, &cut, &err), LAMINAR_OK);
        assert_int_equal(cut.n, rows[t]);
        assert_memory_equal(whole.at, cut.at, rows[t] * sizeof whole.at[0]);
        /* at the end, and behind it */
        assert_int_equal(read_all(&at_once, rows[t], hash_row, &cut, &err), LAMINAR_OK);
    }
}

struct bids {
    uint64_t n, n_hot_auction, n_hot_bidder, n_hot_channel, n_back;
    int64_t last_time, least_price, most_price;
};

static void look_at_bid(void *ctx, uint64_t row, const struct batch *batch, size_t at)
{
    struct bids *b = ctx;
    int64_t auction = ((const int64_t *)batch->cols[0].data)[at],
            bidder = ((const int64_t *)batch->cols[1].data)[at],
            price = ((const int64_t *)batch->cols[2].data)[at],
            time = ((const int64_t *)batch->cols[5].data)[at];
    int64_t people = (int64_t)(row / 46) + 1, auctions = people * 3;
    assert_in_range(auction, 1000, 1000 + auctions + 10);
    assert_in_range(bidder, 1000, 1000 + people + 10);
    b->n_hot_auction += (auction - 1000) % 100 == 0;
    b->n_hot_bidder += (bidder - 1000) % 100 == 1;
    b->n_hot_channel += ((const struct string_view *)batch->cols[3].data)[at].prefix[0] <= 'Z';
    b->n_back += time < b->last_time;
    /* 10,000 a second */
    int64_t in_order = INT64_C(1436918400000) + (int64_t)(row / 46 * 50 + 4 + row % 46) / 10;
    assert_in_range(time, in_order - 1000, in_order);
    b->last_time = time;
    if (price < b->least_price) b->least_price = price;
    if (price > b->most_price) b->most_price = price;
    b->n++;
}

static void proportions(void **state)
{
    (void)state;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    struct bids b = {.least_price = INT64_MAX};
    const struct setup setup = {"bid", "100000", NULL, "1 second"};
    assert_int_equal(read_all(&setup, 0, look_at_bid, &b, &err), LAMINAR_OK);
    assert_int_equal(b.n, 92000);
    assert_in_range(b.n_hot_auction, 92000 * 48 / 100, 92000 * 53 / 100);
    assert_in_range(b.n_hot_bidder, 92000 * 73 / 100, 92000 * 78 / 100);
    assert_in_range(b.n_hot_channel, 92000 * 48 / 100, 92000 * 52 / 100);
    assert_in_range(b.n_back, 92000 * 40 / 100, 92000 * 60 / 100);
    assert_in_range(b.least_price, 100, 101);
    assert_in_range(b.most_price, 99000000, 100000000);
}

static laminar_status a_few_rows(void *arg) { return read_all(arg, 0, NULL, NULL, NULL); }

static void allocations_fail(void **state)
{
    (void)state;
    struct setup setup = {"auction", "500", "10", "1 second"};
    assert_true(unit_fail_each_allocation(a_few_rows, &setup) > 10);
}

static void bad_options(void **state)
{
    (void)state;
    static const struct setup bad[] = {{NULL, "1", NULL, NULL},
                                       {"seller", "1", NULL, NULL},
                                       {"bid", "-1", NULL, NULL},
                                       {"bid", "1", "0", NULL},
                                       {"bid", "1", NULL, "2 hours"},
                                       {"bid", "1", NULL, "1 month"},
                                       {"bid", "1", NULL, "5 microseconds"}};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        struct laminar_error err = LAMINAR_ERROR_INIT;
        struct relation *relation = NULL;
        assert_int_equal(make_relation(&bad[i], &relation, &err), LAMINAR_INVALID_SCHEMA);
        assert_true(err.message[0] && err.hint[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_rows_from_any_cut), cmocka_unit_test(proportions),
        cmocka_unit_test(allocations_fail), cmocka_unit_test(bad_options)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
