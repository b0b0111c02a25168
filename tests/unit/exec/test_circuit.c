/* test_circuit.c - order, marks, watermarks, failures, wake-ups, connections of circuits; scan, output and VALUES. */
#include "base/error.h"
#include "law.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>

/* --- An operator that passes chunks on and notes what happens to it ---------------------------------------------------------------------- */

struct probe {
    struct op base;
    const char *name;
    size_t n_chunks, n_finishes;
    bool fails_process, fails_finish;
    uint64_t wakes_us;
};
static char journal[256]; /* names in the order of finish_step */

static laminar_status probe_process(struct op *op, struct step *step, uint32_t port,
                                    const struct chunk *chunk)
{
    struct probe *probe = CONTAINER_OF(op, struct probe, base);
    (void)port;
    probe->n_chunks++;
    if (probe->fails_process)
        return error_set(step->err, LAMINAR_QUERY_FAILED, "%s is broken", probe->name);
    return op_emit(op, step, chunk);
}
static laminar_status probe_finish(struct op *op, struct step *step)
{
    struct probe *probe = CONTAINER_OF(op, struct probe, base);
    probe->n_finishes++;
    strcat(journal, probe->name);
    op->watermark_out = op->watermark_in;
    op->wake_us = probe->wakes_us;
    if (probe->fails_finish)
        return error_set(step->err, LAMINAR_QUERY_FAILED, "%s is broken", probe->name);
    return LAMINAR_OK;
}
static void probe_free(struct op *op)
{
    op_deinit(op);
    mem_free(CONTAINER_OF(op, struct probe, base));
}
static const struct op_class probe_class = {
    .name = "probe", .process = probe_process, .finish_step = probe_finish, .free = probe_free};

static struct plan *one_column(int32_t time_col)
{
    struct plan *plan = law_plan(&test_arena, PLAN_SCAN, 0);
    plan->n_cols = 1;
    plan->cols = ARENA_NEW(&test_arena, struct plan_column);
    plan->cols[0] = (struct plan_column){.name = "v", .type = TYPE(INT64)};
    plan->scan_cols = ARENA_ARRAY(&test_arena, uint32_t, 1);
    plan->props.time_col = time_col;
    return plan;
}

static struct probe *probe_add(struct circuit *circuit, const char *name, struct op *a,
                               struct op *b)
{
    struct probe *probe = mem_calloc(1, sizeof *probe);
    struct op *inputs[2] = {a, b};
    probe->name = name;
    assert_int_equal(op_init(&probe->base, &probe_class, circuit, one_column(0), b ? 2 : 1, NULL),
                     LAMINAR_OK);
    assert_int_equal(circuit_add_op(circuit, &probe->base, inputs, NULL), LAMINAR_OK);
    return probe;
}

static struct op *scan_add(struct circuit *circuit, int32_t time_col)
{
    struct op *scan;
    assert_int_equal(op_scan_create(circuit, one_column(time_col), CIRCUIT_STREAM, &scan, NULL),
                     LAMINAR_OK);
    assert_int_equal(circuit_add_op(circuit, scan, NULL, NULL), LAMINAR_OK);
    return scan;
}

struct output_log {
    size_t n_rows, n_finishes, n_failures;
    int64_t watermark_us;
    struct laminar_error err;
    const void *data; /* of the last chunk */
};
static laminar_status log_chunk(void *ctx, struct step *step, const struct chunk *chunk)
{
    struct output_log *log = ctx;
    (void)step;
    log->n_rows += chunk->n_rows;
    log->data = chunk->cols[0].data;
    return LAMINAR_OK;
}
static laminar_status log_finish(void *ctx, struct step *step, int64_t watermark_us)
{
    struct output_log *log = ctx;
    (void)step;
    log->n_finishes++;
    log->watermark_us = watermark_us;
    return LAMINAR_OK;
}
static void log_failure(void *ctx, const struct laminar_error *err)
{
    struct output_log *log = ctx;
    log->n_failures++;
    log->err = *err;
}
static struct op *output_add(struct circuit *circuit, struct op *from, struct output_log *log)
{
    struct output_callbacks callbacks = {
        .on_chunk = log_chunk, .on_finish = log_finish, .on_failure = log_failure, .ctx = log};
    struct op *output;
    *log = (struct output_log){.watermark_us = WATERMARK_NONE};
    assert_int_equal(circuit_add_output(circuit, from, &callbacks, &output, NULL), LAMINAR_OK);
    return output;
}

static int64_t values[8] = {1, 2, 3, 4, 5, 6, 7, 8};
static struct vector value_vec = {.type = {.id = LAMINAR_TYPE_INT64}, .data = values};

static void push(struct circuit *circuit, struct op *scan)
{
    struct step step = {0};
    struct chunk chunk = {.n_rows = 8, .n_cols = 1, .cols = &value_vec};
    assert_int_equal(circuit_push(circuit, &step, scan, &chunk), LAMINAR_OK);
}
static void finish_at(struct circuit *circuit, int64_t time_us, bool is_last)
{
    struct step step = {.time_us = time_us, .is_last = is_last};
    journal[0] = 0;
    circuit_finish_step(circuit, &step);
}
static void finish(struct circuit *circuit) { finish_at(circuit, 0, false); }

static struct circuit *make_circuit(void)
{
    struct circuit *circuit;
    assert_int_equal(circuit_create(NULL, &circuit, NULL), LAMINAR_OK);
    return circuit;
}

/* --- Tests ------------------------------------------------------------------------------------------------------------------------------- */

static void a_step_touches_what_it_must(void **state)
{
    (void)state;
    struct circuit *circuit = make_circuit();
    struct output_log log_a, log_b;
    struct op *scan_a = scan_add(circuit, -1), *scan_b = scan_add(circuit, -1);
    struct probe *a = probe_add(circuit, "a", scan_a, NULL),
                 *b = probe_add(circuit, "b", scan_b, NULL);
    struct probe *c = probe_add(circuit, "c", &a->base, &b->base);
    /* more than one word of marks */
    for (int i = 0; i < 200; i++) probe_add(circuit, "x", scan_b, NULL);
    struct probe *d = probe_add(circuit, "d", &a->base, NULL);
    output_add(circuit, &c->base, &log_a);
    output_add(circuit, &d->base, &log_b);
    finish(circuit); /* new operators */
    push(circuit, scan_a);
    finish(circuit);
    assert_string_equal(journal, "acd");
    assert_int_equal(b->n_chunks, 0);
    assert_int_equal(log_a.n_rows, 8);
    assert_int_equal(log_b.n_rows, 8);
    assert_ptr_equal(log_a.data, values); /* no copy on the way */
    finish(circuit);
    assert_string_equal(journal, "");
    finish_at(circuit, 0, true);
    assert_int_equal(strlen(journal), 204);
    circuit_free(circuit);
}

static void late_connections_sort_again(void **state)
{
    (void)state;
    struct circuit *circuit = make_circuit();
    struct output_log log;
    struct op *late_scan = scan_add(circuit, -1);
    struct probe *consumer = probe_add(circuit, "2", late_scan, NULL);
    output_add(circuit, &consumer->base, &log);
    struct op *scan = scan_add(circuit, -1);
    struct probe *producer = probe_add(circuit, "1", scan, NULL);
    finish(circuit);
    assert_int_equal(circuit_connect(circuit, &producer->base, late_scan, 0, NULL), LAMINAR_OK);
    assert_true(producer->base.index < consumer->base.index);
    push(circuit, scan);
    finish(circuit);
    assert_string_equal(journal, "12");
    assert_int_equal(log.n_rows, 8);
    struct laminar_error err = LAMINAR_ERROR_INIT;
    /* a cycle */
    assert_int_equal(circuit_connect(circuit, &consumer->base, scan, 0, &err),
                     LAMINAR_INVALID_ARGUMENT);
    circuit_disconnect(circuit, &producer->base, late_scan);
    push(circuit, scan);
    finish(circuit);
    assert_string_equal(journal, "1");
    assert_int_equal(log.n_rows, 8);
    circuit_free(circuit);
}

static void watermarks_are_the_least_and_never_go_back(void **state)
{
    (void)state;
    struct circuit *circuit = make_circuit();
    struct output_log log;
    struct op *timed_a = scan_add(circuit, 0), *timed_b = scan_add(circuit, 0),
              *table = scan_add(circuit, -1);
    struct probe *both = probe_add(circuit, "b", timed_a, timed_b);
    struct probe *enriched = probe_add(circuit, "e", &both->base, table);
    output_add(circuit, &enriched->base, &log);
    finish(circuit);
    circuit_set_watermark(circuit, timed_a, 100);
    finish(circuit);
    assert_int_equal(log.watermark_us, WATERMARK_NONE);
    circuit_set_watermark(circuit, timed_b, 70);
    finish(circuit);
    assert_int_equal(log.watermark_us, 70); /* the table, which has no time, doesn't hold it back */
    circuit_set_watermark(circuit, timed_b, 60);
    finish(circuit);
    assert_string_equal(journal, "");
    circuit_set_watermark(circuit, timed_b, 300);
    finish(circuit);
    assert_int_equal(log.watermark_us, 100);
    finish_at(circuit, 0, true);
    assert_int_equal(log.watermark_us, WATERMARK_END);
    circuit_free(circuit);
}

static void a_failure_stops_what_depends_on_it(void **state)
{
    (void)state;
    for (int in_finish = 0; in_finish < 2; in_finish++) {
        struct circuit *circuit = make_circuit();
        struct output_log good_log, bad_log, worse_log;
        struct op *scan = scan_add(circuit, -1);
        struct probe *good = probe_add(circuit, "g", scan, NULL),
                     *bad = probe_add(circuit, "b", scan, NULL);
        struct probe *behind = probe_add(circuit, "c", &bad->base, NULL),
                     *both = probe_add(circuit, "d", &bad->base, &good->base);
        output_add(circuit, &good->base, &good_log);
        output_add(circuit, &behind->base, &bad_log);
        output_add(circuit, &both->base, &worse_log);
        finish(circuit);
        bad->fails_process = !in_finish;
        bad->fails_finish = in_finish;
        push(circuit, scan);
        push(circuit, scan);
        finish(circuit);
        assert_int_equal(bad_log.n_failures, 1);
        assert_int_equal(worse_log.n_failures, 1);
        assert_int_equal(good_log.n_failures, 0);
        assert_int_equal(bad_log.err.code, LAMINAR_QUERY_FAILED);
        assert_string_equal(bad_log.err.message, "b is broken");
        assert_int_equal(good_log.n_rows, 16);
        assert_int_equal(bad->n_chunks, in_finish ? 2 : 1);
        push(circuit, scan);
        finish(circuit);
        assert_int_equal(good_log.n_rows, 24);
        assert_int_equal(bad_log.n_failures, 1);
        assert_int_equal(bad->n_chunks, in_finish ? 2 : 1);
        circuit_free(circuit);
    }
}

static void operators_are_woken(void **state)
{
    (void)state;
    struct circuit *circuit = make_circuit();
    struct op *scan = scan_add(circuit, -1);
    struct probe *sleeper = probe_add(circuit, "s", scan, NULL),
                 *other = probe_add(circuit, "o", scan, NULL);
    sleeper->wakes_us = 500;
    finish_at(circuit, 10, false);
    (void)other;
    assert_int_equal(circuit_next_wake_us(circuit), 500);
    finish_at(circuit, 499, false);
    assert_string_equal(journal, "");
    sleeper->wakes_us = 0;
    finish_at(circuit, 500, false);
    assert_string_equal(journal, "s");
    assert_int_equal(circuit_next_wake_us(circuit), 0);
    circuit_free(circuit);
}

static void parts_come_and_go(void **state)
{
    (void)state;
    struct circuit *circuit = make_circuit();
    struct output_log log, kept_log;
    struct op *kept_scan = scan_add(circuit, -1);
    struct probe *kept = probe_add(circuit, "k", kept_scan, NULL);
    output_add(circuit, &kept->base, &kept_log);
    struct plan *all = law_plan(&test_arena, PLAN_UNION_ALL, 2);
    all->inputs[0] = one_column(-1);
    all->inputs[1] = one_column(-1);
    all->n_cols = 1;
    all->cols = all->inputs[0]->cols;
    for (int round = 0; round < 3; round++) {
        struct circuit_part part;
        assert_int_equal(circuit_add(circuit, all, CIRCUIT_STREAM, &part, NULL), LAMINAR_OK);
        assert_int_equal(part.n_scans, 2);
        struct op *output = output_add(circuit, part.root, &log);
        struct probe *last = probe_add(circuit, "z", kept_scan, NULL);
        finish(circuit);
        push(circuit, part.scans[0]);
        push(circuit, part.scans[1]);
        push(circuit, kept_scan);
        finish(circuit);
        assert_int_equal(log.n_rows, 16);
        assert_int_equal(kept_log.n_rows, 8 * (round + 1));
        struct circuit_part output_part = {0};
        assert_true(ARRAY_PUSH(&output_part.ops, output));
        circuit_remove(circuit, &output_part);
        circuit_remove(circuit, &part);
        assert_ptr_equal(last->base.circuit, circuit);
    }
    circuit_free(circuit);
}

static void scans_project(void **state)
{
    (void)state;
    struct circuit *circuit = make_circuit();
    struct plan *plan = one_column(-1);
    struct output_log log;
    struct op *scan;
    int64_t other[8] = {0};
    struct vector cols[3] = {value_vec, value_vec, value_vec};
    cols[2].data = other;
    plan->scan_cols[0] = 2;
    assert_int_equal(op_scan_create(circuit, plan, CIRCUIT_STREAM, &scan, NULL), LAMINAR_OK);
    assert_int_equal(circuit_add_op(circuit, scan, NULL, NULL), LAMINAR_OK);
    output_add(circuit, scan, &log);
    struct step step = {0};
    struct chunk chunk = {.n_rows = 8, .n_cols = 3, .cols = cols};
    assert_int_equal(circuit_push(circuit, &step, scan, &chunk), LAMINAR_OK);
    finish(circuit);
    assert_ptr_equal(log.data, other);
    circuit_free(circuit);
}

static void values_come_once(void **state)
{
    (void)state;
    struct plan *plan = law_plan(&test_arena, PLAN_VALUES, 0);
    plan->n_cols = 1;
    plan->cols = one_column(-1)->cols;
    plan->n_rows = 3000;
    plan->exprs = ARENA_ARRAY(&test_arena, struct expr *, plan->n_rows);
    for (size_t i = 0; i < plan->n_rows; i++) {
        struct vector v = value_vec;
        v.data = &values[i % 8];
        plan->exprs[i] = expr_const(&test_arena, &v, 0);
    }
    struct circuit *circuit = make_circuit(), *next = make_circuit();
    struct output_log log, next_log;
    struct op *op, *next_op;
    assert_int_equal(op_values_create(circuit, plan, CIRCUIT_STREAM, &op, NULL), LAMINAR_OK);
    assert_int_equal(circuit_add_op(circuit, op, NULL, NULL), LAMINAR_OK);
    output_add(circuit, op, &log);
    finish(circuit);
    finish(circuit);
    assert_int_equal(log.n_rows, 3000);
    assert_int_equal(op_values_create(next, plan, CIRCUIT_STREAM, &next_op, NULL), LAMINAR_OK);
    assert_int_equal(circuit_add_op(next, next_op, NULL, NULL), LAMINAR_OK);
    output_add(next, next_op, &next_log);
    law_restore(law_freeze(op), next_op);
    finish(next);
    assert_int_equal(next_log.n_rows, 0); /* they came before */
    circuit_free(circuit);
    circuit_free(next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_step_touches_what_it_must, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(late_connections_sort_again, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(watermarks_are_the_least_and_never_go_back, arena_setup,
                                        arena_teardown),
        cmocka_unit_test_setup_teardown(a_failure_stops_what_depends_on_it, arena_setup,
                                        arena_teardown),
        cmocka_unit_test_setup_teardown(operators_are_woken, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(parts_come_and_go, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(scans_project, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(values_come_once, arena_setup, arena_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
