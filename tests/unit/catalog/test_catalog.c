/* test_catalog.c - names, order, references, dependants. */
#include "catalog/catalog.h"
#include "unit.h"

static struct relation *add(struct catalog *catalog, const char *name, struct relation *input)
{
    struct relation *relation = relation_create(input ? RELATION_STREAM : RELATION_SOURCE, name,
                                                NULL);
    assert_non_null(relation);
    if (input) {
        relation->inputs = ARENA_ARRAY(&relation->arena, struct relation *, 1);
        relation->inputs[0] = relation_ref(input);
        relation->n_inputs = 1;
    }
    assert_int_equal(catalog_add(catalog, relation, NULL), LAMINAR_OK);
    relation_unref(relation);
    return relation;
}

static void test_names(void **state)
{
    (void)state;
    struct catalog catalog;
    struct laminar_error err = LAMINAR_ERROR_INIT;
    catalog_init(&catalog);
    struct relation *a = add(&catalog, "orders", NULL), *b = add(&catalog, "trades", NULL);
    assert_ptr_equal(catalog_find(&catalog, "orders"), a);
    assert_null(catalog_find(&catalog, "Orders"));
    assert_string_equal(catalog_nearest(&catalog, "order"), "orders");
    assert_string_equal(catalog_nearest(&catalog, "tradse"), "trades");
    assert_null(catalog_nearest(&catalog, "customers"));
    assert_true(a->id < b->id);
    struct relation *again = relation_create(RELATION_TABLE, "orders", NULL);
    assert_int_equal(catalog_add(&catalog, again, &err), LAMINAR_TABLE_EXISTS);
    assert_string_equal(err.message, "\"orders\" already exists");
    assert_string_equal(err.object, "orders");
    relation_unref(again);
    catalog_deinit(&catalog);
}

static void test_order_and_dependants(void **state)
{
    (void)state;
    struct catalog catalog;
    int64_t live = mem_live_count();
    catalog_init(&catalog);
    struct relation *a = add(&catalog, "a", NULL), *b = add(&catalog, "b", a),
                    *c = add(&catalog, "c", a);
    assert_int_equal(a->dependants.n, 2);
    relation_ref(b); /* a running query */
    catalog_remove(&catalog, b);
    assert_int_equal(a->dependants.n, 1);
    assert_ptr_equal(a->dependants.items[0], c);
    assert_null(catalog_find(&catalog, "b"));
    assert_string_equal(b->name, "b");
    relation_unref(b);
    struct relation *again = add(&catalog, "b", c);
    struct relation *expected[] = {a, c, again}, *r;
    size_t n = 0;
    for (size_t i = 0; (r = catalog_next(&catalog, &i)) != NULL;)
        assert_ptr_equal(r, expected[n++]);
    assert_int_equal(n, 3);
    catalog_deinit(&catalog);
    assert_int_equal(mem_live_count(), live);
}

static void test_failing_memory(void **state)
{
    (void)state;
    struct catalog catalog;
    catalog_init(&catalog);
    struct relation *a = add(&catalog, "a", NULL);
    laminar_status status = LAMINAR_OUT_OF_MEMORY;
    for (uint64_t n = 1; status != LAMINAR_OK; n++) {
        struct relation *b = relation_create(RELATION_STREAM, "b", NULL);
        b->inputs = ARENA_ARRAY(&b->arena, struct relation *, 1);
        b->inputs[0] = relation_ref(a);
        b->n_inputs = 1;
        mem_fail_after(n, false);
        status = catalog_add(&catalog, b, NULL);
        mem_fail_after(0, false);
        assert_true(status == LAMINAR_OK || status == LAMINAR_OUT_OF_MEMORY);
        assert_int_equal(a->dependants.n, status == LAMINAR_OK ? 1 : 0);
        assert_true((catalog_find(&catalog, "b") != NULL) == (status == LAMINAR_OK));
        relation_unref(b);
    }
    catalog_deinit(&catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_order_and_dependants),
        cmocka_unit_test(test_failing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
