/* test_op_join.c - the law for joins of all kinds. */
#include "base/file.h"
#include "exec/state_multimap.h"
#include "exec_test.h"
#include "law.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>

struct join_case {
    enum join_kind kind;
    uint32_t n_keys;
    bool has_predicate;
    bool is_interval;
    int64_t lower, upper;
};

static void random_row(const struct law_spec *spec, struct law_random *random, uint32_t port,
                       struct law_row *row)
{
    (void)spec;
    row->values[0] = law_below(random, 9) ? law_below(random, 7) : LAW_NULL;
    row->values[1] = law_below(random, 6) ? law_below(random, 5) : LAW_NULL;
    row->values[2] = law_below(random, 10) ? law_below(random, 6) : LAW_NULL;
    if (port == 1) row->values[3] = law_below(random, 3);
}

static bool row_matches(const struct join_case *c, const struct law_row *a, const struct law_row *b)
{
    for (uint32_t k = 0; k < c->n_keys; k++)
        if (a->values[k] == LAW_NULL || a->values[k] != b->values[k]) return false;
    if (c->is_interval) {
        int64_t left = a->values[2], right = b->values[2];
        if (left == LAW_NULL || right == LAW_NULL || right < left + c->lower ||
            right > left + c->upper)
            return false;
    }
    return !c->has_predicate ||
           (a->values[2] != LAW_NULL && b->values[2] != LAW_NULL && a->values[2] < b->values[2]);
}

static void pair_text(const struct law_spec *spec, const struct law_row *a, const struct law_row *b,
                      char *out, size_t size)
{
    const struct law_row nulls = {{LAW_NULL, LAW_NULL, LAW_NULL, LAW_NULL}};
    const struct join_case *c = spec->ctx;
    char left[400], right[400];
    law_row_text(spec->ports[0].types, spec->ports[0].n_cols, a ? a : &nulls, left, sizeof left);
    law_row_text(spec->ports[1].types, spec->ports[1].n_cols, b ? b : &nulls, right, sizeof right);
    if (c->kind == JOIN_SEMI || c->kind == JOIN_ANTI)
        snprintf(out, size, "%s", left);
    else
        snprintf(out, size, "%s|%s", left, right);
}

static void expect(const struct law_spec *spec, const struct law_table *tables, struct bag *out)
{
    const struct join_case *c = spec->ctx;
    char text[1000];
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < tables[side].rows.n; i++) {
            const struct law_entry *own = &tables[side].rows.items[i];
            int64_t n_matches = 0;
            for (size_t j = 0; j < tables[1 - side].rows.n; j++) {
                const struct law_entry *other = &tables[1 - side].rows.items[j];
                const struct law_entry *a = side == 0 ? own : other, *b = side == 0 ? other : own;
                if (!row_matches(c, &a->row, &b->row)) continue;
                n_matches += other->weight;
                if (side == 1 || c->kind == JOIN_SEMI || c->kind == JOIN_ANTI) continue;
                pair_text(spec, &a->row, &b->row, text, sizeof text);
                bag_add(out, text, a->weight * b->weight);
            }
            bool is_padded = side == 0 ? c->kind == JOIN_LEFT || c->kind == JOIN_FULL ||
                                             c->kind == JOIN_ANTI
                                       : c->kind == JOIN_RIGHT || c->kind == JOIN_FULL;
            bool is_out = (is_padded && n_matches == 0) ||
                          (c->kind == JOIN_SEMI && side == 0 && n_matches != 0);
            if (!is_out) continue;
            pair_text(spec, side == 0 ? &own->row : NULL, side == 1 ? &own->row : NULL, text,
                      sizeof text);
            bag_add(out, text, own->weight);
        }
    }
}

static struct expr *less_than(uint32_t a, uint32_t b, struct data_type type)
{
    struct expr *e = ARENA_NEW(&test_arena, struct expr);
    struct data_type types[2] = {type, type};
    const struct vector *constants[2] = {NULL, NULL};
    e->kind = EXPR_CALL;
    e->type = TYPE(BOOL);
    e->n_args = 2;
    e->args = ARENA_ARRAY(&test_arena, struct expr *, 2);
    for (int i = 0; i < 2; i++) {
        e->args[i] = ARENA_NEW(&test_arena, struct expr);
        *e->args[i] = (struct expr){
            .kind = EXPR_COLUMN, .type = type, .is_nullable = true, .column = i ? b : a};
    }
    assert_int_equal(function_bind(&test_arena, "<", types, 2, constants, &e->fn, NULL),
                     LAMINAR_OK);
    return e;
}

static struct expr *column(uint32_t i, enum law_type type)
{
    struct expr *e = ARENA_NEW(&test_arena, struct expr);
    *e = (struct expr){
        .kind = EXPR_COLUMN, .type = law_data_type(type), .is_nullable = true, .column = i};
    return e;
}

static struct law_spec make(struct join_case *c, bool left_appends, bool right_appends)
{
    struct law_spec spec = {.n_ports = 2,
                            .ports = {{3, {LAW_INT, LAW_TEXT, LAW_TIME}, -1},
                                      {4, {LAW_INT, LAW_TEXT, LAW_TIME, LAW_LIST}, -1}},
                            .create = op_join_create,
                            .random_row = random_row,
                            .expect = expect,
                            .is_append_only = {left_appends, right_appends},
                            .n_steps = 8,
                            .rows_a_step = c->n_keys ? 16 : 8,
                            .ctx = c};
    struct plan *plan = spec.plan = law_plan(&test_arena, PLAN_JOIN, 2);
    law_scan_plans(&test_arena, &spec);
    law_output(&test_arena, &spec, c->kind == JOIN_SEMI || c->kind == JOIN_ANTI ? 1 : 2);
    plan->join_kind = c->kind;
    plan->strategy = c->is_interval ? STRATEGY_INTERVAL : STRATEGY_HASH;
    plan->n_keys = c->n_keys;
    plan->left_keys = ARENA_ARRAY(&test_arena, struct expr *, 2);
    plan->right_keys = ARENA_ARRAY(&test_arena, struct expr *, 2);
    for (uint32_t k = 0; k < c->n_keys; k++)
        plan->left_keys[k] = plan->right_keys[k] = column(k, spec.ports[0].types[k]);
    if (c->has_predicate) plan->predicate = less_than(2, 5, law_data_type(LAW_TIME));
    if (c->is_interval) {
        plan->left_time = plan->right_time = column(2, LAW_TIME);
        plan->lower_us = c->lower;
        plan->upper_us = c->upper;
    }
    return spec;
}

static void run_kinds(struct join_case c)
{
    for (int kind = JOIN_INNER; kind <= JOIN_CROSS; kind++) {
        c.kind = (enum join_kind)kind;
        if (kind == JOIN_CROSS && c.n_keys) continue;
        for (int mode = 0; mode < 4; mode++) {
            struct law_spec spec = make(&c, mode & 1, mode & 2);
            for (uint64_t seed = 1; seed <= 2; seed++)
                law_run(&spec, seed * 100 + (uint64_t)kind * 10 + (uint64_t)mode);
        }
    }
}

static void one_key(void **state)
{
    (void)state;
    run_kinds((struct join_case){.n_keys = 1});
}
static void two_keys(void **state)
{
    (void)state;
    run_kinds((struct join_case){.n_keys = 2});
}
static void no_key(void **state)
{
    (void)state;
    run_kinds((struct join_case){.n_keys = 0});
}
static void residual(void **state)
{
    (void)state;
    run_kinds((struct join_case){.n_keys = 1, .has_predicate = true});
}
static void nested(void **state)
{
    (void)state;
    run_kinds((struct join_case){.n_keys = 0, .has_predicate = true});
}
static void interval(void **state)
{
    (void)state;
    run_kinds((struct join_case){.n_keys = 1, .is_interval = true, .lower = -1, .upper = 2});
}

/* Chunks so big that rows of append-only sides wait for the index. */
static void big_random_row(const struct law_spec *spec, struct law_random *random, uint32_t port,
                           struct law_row *row)
{
    (void)spec;
    row->values[0] = law_below(random, 90) ? law_below(random, 3000) : LAW_NULL;
    row->values[1] = law_below(random, 5);
    row->values[2] = law_below(random, 600);
    if (port == 1) row->values[3] = law_below(random, 3);
}
static void big_chunks(void **state)
{
    (void)state;
    struct join_case c = {.n_keys = 1};
    for (int kind = JOIN_INNER; kind <= JOIN_ANTI; kind++) {
        c.kind = (enum join_kind)kind;
        c.has_predicate = kind % 2;
        struct law_spec spec = make(&c, true, kind < JOIN_FULL);
        spec.random_row = big_random_row;
        spec.n_steps = 3;
        spec.rows_a_step = 1200;
        law_run(&spec, (uint64_t)kind + 77);
    }
}

/* Interval joins with both sides in time order: what can't match any more goes at once, results stay right, late rows are counted. Where rows without a
 * match wait for the watermark nothing is ever taken back. Half way the state moves to another operator. While the right side's rows are rare the left side
 * has no index. */
static void run_with_watermarks(enum join_kind kind, bool waits, int64_t rare_rounds)
{
    enum { ROUNDS = 24, ROWS = 500, WIDTH = 1500 };
    struct join_case c = {
        .kind = kind, .n_keys = 1, .is_interval = true, .lower = -300, .upper = 200};
    struct law_spec spec = make(&c, true, true);
    struct law_table tables[2] = {{.n_cols = 3}, {.n_cols = 4}};
    struct law_random random = {(uint64_t)kind + 3};
    struct law_rig rig;
    struct bag wanted = {0};
    struct law_entry *kept[2] = {calloc(ROUNDS * ROWS, sizeof **kept),
                                 calloc(ROUNDS * ROWS, sizeof **kept)};
    for (int p = 0; p < 2; p++) spec.plan->inputs[p]->props.time_col = 2;
    spec.plan->props.time_col = 2;
    spec.plan->emit = waits ? EMIT_ON_CLOSE : EMIT_ON_UPDATE;
    law_rig_init(&rig, &spec, CIRCUIT_STREAM);
    for (int64_t round = 0; round < ROUNDS; round++) {
        for (uint32_t k = 0; k < 2; k++) {
            uint32_t port = (uint32_t)(round + k) & 1;
            struct law_row rows[ROWS];
            int64_t weights[ROWS];
            size_t n = port == 1 && round < rare_rounds ? 2 : ROWS;
            for (size_t i = 0; i < n; i++) {
                rows[i] = (struct law_row){{law_below(&random, 200), law_below(&random, 5),
                                            round * 1000 + law_below(&random, WIDTH), 0}};
                weights[i] = 1;
                kept[port][tables[port].rows.n++] = (struct law_entry){rows[i], 1};
            }
            law_push(&rig, &spec, port, rows, weights, n, 300);
        }
        for (uint32_t port = 0; port < 2; port++)
            circuit_set_watermark(rig.circuit, rig.scans[port], (round + 1) * 1000);
        law_finish(&rig, false);
        for (int s = 0; s < 2; s++) {
            /* of the last two rounds those in the last 300 or beyond the watermark */
            assert_true(rig.op->states.items[s]->n_rows < 2 * ROWS);
            assert_true(rig.op->states.items[s]->cls->check(rig.op->states.items[s]));
        }
        const struct state_multimap *left = CONTAINER_OF(
            CONTAINER_OF(rig.op->states.items[0], struct state_rows, state), struct state_multimap,
            rows);
        assert_int_equal(left->is_scanned, round < rare_rounds);
        if (round == ROUNDS / 2) law_rig_move(&rig, &spec);
    }
    /* a left row that is 200 older than the watermark may still meet a right row */
    assert_int_equal(rig.watermark_us, ROUNDS * 1000 - 200);
    assert_true(!waits || !rig.has_negative);
    for (uint32_t port = 0; port < 2; port++)
        circuit_set_watermark(rig.circuit, rig.scans[port], WATERMARK_END);
    law_finish(&rig, false);
    for (int s = 0; s < 2; s++) assert_int_equal(rig.op->states.items[s]->n_rows, 0);
    assert_true(!waits || !rig.has_negative);
    tables[0].rows.items = kept[0];
    tables[1].rows.items = kept[1];
    expect(&spec, tables, &wanted);
    assert_true(bag_equal(&rig.net, &wanted));
    struct law_row late = {{1, 1, 5, 0}};
    int64_t one = 1;
    size_t n_out = rig.n_out;
    law_push(&rig, &spec, 0, &late, &one, 1, 1);
    law_push(&rig, &spec, 1, &late, &one, 1, 1);
    law_finish(&rig, false);
    assert_int_equal(rig.op->late_rows, 2);
    assert_int_equal(rig.n_out, n_out);
    law_rig_deinit(&rig);
    bag_deinit(&wanted);
    free(kept[0]);
    free(kept[1]);
}
static void watermarks_evict(void **state)
{
    (void)state;
    for (int kind = JOIN_INNER; kind <= JOIN_ANTI; kind++)
        for (int waits = 0; waits < 2; waits++)
            for (int64_t rare = 0; rare <= 18; rare += 18)
                run_with_watermarks((enum join_kind)kind, waits, rare);
}

/* Only one bound: the other side's rows stay, for a match can always come. */
static void one_bound_keeps_one_side(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct join_case c = {.kind = JOIN_INNER,
                              .n_keys = 1,
                              .is_interval = true,
                              .lower = side == 0 ? -10 : INT64_MIN,
                              .upper = side == 0 ? INT64_MAX : 10};
        struct law_spec spec = make(&c, true, true);
        struct law_rig rig;
        for (int p = 0; p < 2; p++) spec.plan->inputs[p]->props.time_col = 2;
        spec.plan->props.time_col = side == 0 ? -1 : 2;
        law_rig_init(&rig, &spec, CIRCUIT_STREAM);
        for (int64_t round = 0; round < 50; round++) {
            struct law_row row = {{round, 1, round * 100, 0}};
            int64_t one = 1;
            for (uint32_t port = 0; port < 2; port++) {
                law_push(&rig, &spec, port, &row, &one, 1, 1);
                circuit_set_watermark(rig.circuit, rig.scans[port], round * 100);
            }
            law_finish(&rig, false);
        }
        assert_int_equal(rig.op->states.items[side]->n_rows, 50);
        assert_int_equal(rig.op->states.items[1 - side]->n_rows, 1);
        assert_int_equal(rig.n_out, 50);
        law_rig_deinit(&rig);
    }
}

/* Two keys whose hashes agree in the 32 bits that the index keeps. */
static int64_t twins[2];
static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}
static void find_twins(void)
{
    enum { N = 1 << 19 };
    uint64_t *found = malloc(N * sizeof *found); /* 32 bits of hash, 32 of value */
    for (int64_t from = 0; from < N; from += CHUNK_ROWS) {
        int64_t values[CHUNK_ROWS];
        uint64_t hashes[CHUNK_ROWS];
        for (int64_t i = 0; i < CHUNK_ROWS; i++) values[i] = from + i;
        struct vector v = {.type = TYPE(INT64), .data = values};
        kernel_hash(&v, 1, CHUNK_ROWS, hashes);
        for (int64_t i = 0; i < CHUNK_ROWS; i++)
            found[from + i] = (hashes[i] >> 32 << 32) | (uint64_t)values[i];
    }
    qsort(found, N, sizeof *found, compare_u64);
    for (size_t i = 1; i < N; i++) {
        if (found[i] >> 32 != found[i - 1] >> 32) continue;
        twins[0] = (int64_t)(found[i] & UINT32_MAX);
        twins[1] = (int64_t)(found[i - 1] & UINT32_MAX);
    }
    free(found);
    assert_true(twins[0] != twins[1]);
}
static void twin_row(const struct law_spec *spec, struct law_random *random, uint32_t port,
                     struct law_row *row)
{
    random_row(spec, random, port, row);
    row->values[0] = law_below(random, 9) ? twins[law_below(random, 2)] : 3;
}
static void keys_of_one_hash(void **state)
{
    (void)state;
    find_twins();
    struct join_case c = {.n_keys = 1};
    for (int kind = JOIN_INNER; kind <= JOIN_ANTI; kind++) {
        for (int mode = 0; mode < 4; mode++) {
            c.kind = (enum join_kind)kind;
            struct law_spec spec = make(&c, mode & 1, mode & 2);
            spec.random_row = twin_row;
            law_run(&spec, (uint64_t)(kind * 10 + mode + 1));
        }
    }
}

/* Lookups: left rows meet the right side as it is when they come; later changes of it change nothing, and nothing of the left is kept. */
static void run_lookup(struct join_case c)
{
    enum { ROUNDS = 30, LEFT_ROWS = 12, RIGHT_ROWS = 40 };
    struct law_spec spec = make(&c, true, false);
    struct law_random random = {(uint64_t)c.kind * 7 + c.has_predicate + 1};
    struct law_entry right[RIGHT_ROWS], left[LEFT_ROWS];
    struct law_table tables[2] = {{.n_cols = 3}, {.n_cols = 4}};
    struct bag wanted = {0};
    struct law_rig rig;
    spec.plan->strategy = STRATEGY_LOOKUP;
    tables[0].rows.items = left;
    tables[1].rows.items = right;
    law_rig_init(&rig, &spec, CIRCUIT_STREAM);
    assert_int_equal(rig.op->states.n, 1);
    for (int round = 0; round < ROUNDS; round++) {
        struct law_row rows[RIGHT_ROWS];
        int64_t weights[RIGHT_ROWS];
        size_t n = 0;
        for (int i = 0; i < 4; i++) { /* the oldest goes, a new one comes */
            if (tables[1].rows.n > RIGHT_ROWS / 2) {
                rows[n] = right[0].row;
                weights[n++] = -1;
                memmove(right, right + 1, --tables[1].rows.n * sizeof *right);
            }
            random_row(&spec, &random, 1, &rows[n]);
            weights[n] = 1;
            right[tables[1].rows.n++] = (struct law_entry){rows[n++], 1};
        }
        law_push(&rig, &spec, 1, rows, weights, n, 3);
        law_finish(&rig, false);
        tables[0].rows.n = LEFT_ROWS;
        for (int i = 0; i < LEFT_ROWS; i++) {
            random_row(&spec, &random, 0, &rows[i]);
            weights[i] = 1;
            left[i] = (struct law_entry){rows[i], 1};
        }
        law_push(&rig, &spec, 0, rows, weights, LEFT_ROWS, 5);
        law_finish(&rig, false);
        expect(&spec, tables, &wanted);
        assert_true(bag_equal(&rig.net, &wanted));
        assert_true(!rig.has_negative);
        if (round % 10 == 9) law_rig_move(&rig, &spec);
    }
    law_rig_deinit(&rig);
    bag_deinit(&wanted);
}
static void lookup(void **state)
{
    static const enum join_kind kinds[] = {JOIN_INNER, JOIN_LEFT, JOIN_SEMI, JOIN_ANTI};
    (void)state;
    for (size_t k = 0; k < ARRAY_LENGTH(kinds); k++) {
        for (int form = 0; form < 4; form++) {
            struct join_case c = {.kind = kinds[k], .n_keys = form & 1, .has_predicate = form & 2};
            run_lookup(c);
            struct law_spec spec = make(&c, false, false);
            spec.plan->strategy = STRATEGY_LOOKUP;
            law_fail_allocations(&spec, (uint64_t)form + 1);
            if (!circuits_spill) law_steady(&spec, (uint64_t)form + 1);
        }
    }
}

static void memory(void **state)
{
    (void)state;
    struct join_case c = {.n_keys = 2};
    for (int kind = JOIN_INNER; kind <= JOIN_ANTI; kind++) {
        c.kind = (enum join_kind)kind;
        c.has_predicate = kind % 2;
        struct law_spec spec = make(&c, false, false);
        law_fail_allocations(&spec, (uint64_t)kind + 1);
        if (!circuits_spill) law_steady(&spec, (uint64_t)kind + 1);
        spec = make(&c, true, true);
        law_fail_allocations(&spec, (uint64_t)kind + 1);
        struct join_case within = {
            .kind = c.kind, .n_keys = 1, .is_interval = true, .lower = -1, .upper = 2};
        spec = make(&within, false, false);
        law_fail_allocations(&spec, (uint64_t)kind + 1);
        if (!circuits_spill) law_steady(&spec, (uint64_t)kind + 1);
    }
}

static void nothing_changes_when_all_is_spilled(void **state)
{
    char folder[] = "/tmp/laminar-XXXXXX";
    struct test_policy policy;
    static void (*const cases[])(void **state) = {one_key, two_keys,        no_key,     residual,
                                                  nested,  interval,        big_chunks, memory,
                                                  lookup,  keys_of_one_hash};
    open_policy(&policy, folder);
    circuits_spill = &policy.base;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (i) assert_int_equal(arena_setup(state), 0);
        cases[i](state);
        if (i + 1 < sizeof cases / sizeof cases[0]) assert_int_equal(arena_teardown(state), 0);
    }
    circuits_spill = NULL;
    close_policy(&policy, folder);
}

/* The same deltas go through a join in memory and through one of which all is in a file after every chunk, until the disk fails. */
struct pair_of_rigs {
    struct law_rig in_memory, in_file;
    struct law_random random;
    ARRAY_OF(struct law_row) rows[2];
};

static void push_both(struct pair_of_rigs *pair, const struct law_spec *spec, uint32_t port)
{
    enum { A_STEP = 24 };
    struct law_row rows[A_STEP];
    int64_t weights[A_STEP];
    for (size_t i = 0; i < A_STEP; i++) {
        size_t n = pair->rows[port].n;
        bool may_retract = n > 40 && !spec->is_append_only[port];
        weights[i] = may_retract && law_below(&pair->random, 3) ? -1 : 1;
        if (weights[i] > 0) {
            random_row(spec, &pair->random, port, &rows[i]);
            assert_true(ARRAY_PUSH(&pair->rows[port], rows[i]));
            continue;
        }
        size_t at = (size_t)law_below(&pair->random, (int64_t)n);
        rows[i] = pair->rows[port].items[at];
        pair->rows[port].items[at] = pair->rows[port].items[n - 1];
        pair->rows[port].n--;
    }
    law_push(&pair->in_memory, spec, port, rows, weights, A_STEP, 7);
    law_push(&pair->in_file, spec, port, rows, weights, A_STEP, 7);
}

/* True: it got to the end. */
static bool run_with_failure(const struct law_spec *spec, uint64_t n)
{
    char folder[] = "/tmp/laminar-XXXXXX";
    struct test_policy policy;
    struct pair_of_rigs pair = {.random = {n}};
    open_policy(&policy, folder);
    law_rig_init(&pair.in_memory, spec, CIRCUIT_STREAM);
    circuits_spill = &policy.base;
    law_rig_init(&pair.in_file, spec, CIRCUIT_STREAM);
    circuits_spill = NULL;
    file_fail_after(n, false);
    for (int step = 0; step < 12 && !pair.in_file.err.code; step++) {
        push_both(&pair, spec, 0);
        push_both(&pair, spec, 1);
        law_finish(&pair.in_memory, false);
        law_finish(&pair.in_file, false);
        if (!pair.in_file.err.code) assert_true(bag_equal(&pair.in_file.net, &pair.in_memory.net));
    }
    file_fail_after(0, false);
    bool is_done = pair.in_file.err.code == LAMINAR_OK;
    if (!is_done) {
        assert_int_equal(pair.in_file.err.code, LAMINAR_IO_ERROR);
        assert_non_null(strstr(pair.in_file.err.message, folder));
    }
    check_states(pair.in_file.op);
    law_rig_deinit(&pair.in_memory);
    law_rig_deinit(&pair.in_file);
    for (int port = 0; port < 2; port++) ARRAY_DEINIT(&pair.rows[port]);
    assert_int_equal(spill_bytes(policy.spill), 0);
    spill_unref(policy.spill);
    remove(folder);
    return is_done;
}

/* Each operation on the file fails once: what was to be written stays in memory, and the result is right; what can't be read ends the stream with the disk's
 * error, and until then its results were right. */
static void a_failing_disk_gives_no_wrong_pairs(void **state)
{
    static const enum join_kind kinds[] = {JOIN_INNER, JOIN_FULL, JOIN_SEMI, JOIN_ANTI};
    size_t n_failed = 0, n_survived = 0;
    (void)state;
    for (size_t k = 0; k < ARRAY_LENGTH(kinds); k++) {
        for (int form = 0; form < 4; form++) {
            struct join_case c = {
                .kind = kinds[k], .n_keys = form & 1 ? 2 : 1, .has_predicate = form & 2};
            struct law_spec spec = make(&c, form == 0, form == 3);
            for (uint64_t n = 1; n < 1500; n = n < 20 ? n + 7 : n * 3 / 2) {
                bool is_done = run_with_failure(&spec, n);
                n_failed += !is_done;
                n_survived += is_done;
            }
        }
    }
    assert_true(n_failed > 40 && n_survived > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_key, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(two_keys, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(no_key, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(residual, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(nested, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(interval, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(big_chunks, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(memory, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(lookup, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(keys_of_one_hash, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(one_bound_keeps_one_side, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(watermarks_evict, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(a_failing_disk_gives_no_wrong_pairs, arena_setup,
                                        arena_teardown),
        cmocka_unit_test_setup_teardown(nothing_changes_when_all_is_spilled, arena_setup,
                                        arena_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
