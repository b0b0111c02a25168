/* test_op_over.c - the law for window functions: calls of every reach, alone and together, over partitions whose rows come and go; restarts in the middle,
 * failing allocations, and what a step costs. */
#include "exec_test.h"
#include "law.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>

enum { K, V, X, LOW, HIGH, W, N_COLS };
enum call {
    ROW_NUMBER,
    RANK,
    DENSE_RANK,
    NTILE,
    LAG,
    LEAD,
    FIRST,
    SUM_RUNNING,
    SUM_PEERS,
    MIN_RUNNING,
    SUM_ROWS,
    MIN_ROWS,
    COUNT_RANGE,
    COUNT_GROUPS,
    SUM_OTHERS,
    SUM_ALL,
    MIN_REST,
    N_CALLS
};
struct over_case {
    const char *name;
    enum call calls[8];
    uint32_t n;
    bool has_partition;
};

static void random_row(const struct law_spec *spec, struct law_random *random, uint32_t port,
                       struct law_row *row)
{
    (void)spec;
    (void)port;
    int64_t *v = row->values;
    v[K] = law_below(random, 9) ? law_below(random, 3) : LAW_NULL;
    v[V] = law_below(random, 9) ? law_below(random, 14) - 4 : LAW_NULL;
    v[X] = law_below(random, 9) ? law_below(random, 6) - 2 : LAW_NULL;
    v[LOW] = v[V] == LAW_NULL ? LAW_NULL : v[V] - 2;
    v[HIGH] = v[V] == LAW_NULL ? LAW_NULL : v[V] + 1;
    v[W] = law_below(random, 9) ? law_below(random, 4) : LAW_NULL;
}

/* --- The naive computation ------------------------------------------------------------------------------------------------------------------- */

static bool has_partition;

static int compare_ints(int64_t a, int64_t b)
{
    if (a == LAW_NULL || b == LAW_NULL) return a == b ? 0 : a == LAW_NULL ? 1 : -1;
    return (a > b) - (a < b);
}

static int compare_texts(int64_t a, int64_t b)
{
    char x[100], y[100];
    enum law_type type = LAW_TEXT;
    if (a == LAW_NULL || b == LAW_NULL) return compare_ints(a, b);
    law_row_text(&type, 1, &(struct law_row){{a}}, x, sizeof x);
    law_row_text(&type, 1, &(struct law_row){{b}}, y, sizeof y);
    return strcmp(x, y);
}

static int compare_rows(const void *pa, const void *pb)
{
    const int64_t *a = ((const struct law_row *)pa)->values,
                  *b = ((const struct law_row *)pb)->values;
    int order = has_partition ? compare_ints(a[K], b[K]) : 0;
    if (!order) order = compare_ints(a[V], b[V]);
    if (!order) order = compare_ints(a[K], b[K]);
    if (!order) order = compare_ints(a[X], b[X]);
    return order ? order : compare_texts(a[W], b[W]);
}

struct part {
    const struct law_row *rows;
    int64_t n;
};

static int64_t value(const struct part *p, int64_t row, int column)
{
    return p->rows[row].values[column];
}

static bool are_peers(const struct part *p, int64_t a, int64_t b)
{
    return value(p, a, V) == value(p, b, V);
}

/* How many different values of V there are before those of row i. */
static int64_t group_of(const struct part *p, int64_t i)
{
    int64_t n = 0;
    for (int64_t k = 1; k <= i; k++) n += !are_peers(p, k - 1, k);
    return n;
}

static bool in_frame(const struct part *p, enum call call, int64_t i, int64_t k)
{
    switch (call) {
    case SUM_RUNNING:
    case MIN_RUNNING: return k <= i;
    case SUM_PEERS: return k <= i || are_peers(p, i, k);
    case SUM_ROWS:
    case MIN_ROWS: return k >= i - 2 && k <= i + 1;
    case COUNT_RANGE:
        if (value(p, i, V) == LAW_NULL || value(p, k, V) == LAW_NULL) return are_peers(p, i, k);
        return value(p, k, V) >= value(p, i, LOW) && value(p, k, V) <= value(p, i, HIGH);
    case COUNT_GROUPS: {
        int64_t distance = group_of(p, k) - group_of(p, i);
        return distance >= -1 && distance <= 2;
    }
    case SUM_OTHERS: return k >= i - 1 && k <= i + 1 && k != i;
    case SUM_ALL: return true;
    case MIN_REST: return k >= i;
    default: return false;
    }
}

static int64_t aggregate(const struct part *p, enum call call, int64_t i)
{
    bool is_min = call == MIN_RUNNING || call == MIN_ROWS || call == MIN_REST;
    bool is_count = call == COUNT_RANGE || call == COUNT_GROUPS;
    int64_t result = is_count ? 0 : LAW_NULL;
    for (int64_t k = 0; k < p->n; k++) {
        int64_t x = value(p, k, X);
        if (!in_frame(p, call, i, k) || x == LAW_NULL) continue;
        if (is_count)
            result++;
        else if (result == LAW_NULL)
            result = x;
        else if (is_min)
            result = x < result ? x : result;
        else
            result += x;
    }
    return result;
}

static int64_t naive(const struct part *p, enum call call, int64_t i)
{
    int64_t first = i, large = p->n % 3, small = p->n / 3;
    while (first > 0 && are_peers(p, first - 1, i)) first--;
    switch (call) {
    case ROW_NUMBER: return i + 1;
    case RANK: return first + 1;
    case DENSE_RANK: return group_of(p, i) + 1;
    case NTILE:
        return i < large * (small + 1) ? i / (small + 1) + 1
                                       : large + (i - large * (small + 1)) / small + 1;
    case LAG: return i >= 1 ? value(p, i - 1, X) : LAW_NULL;
    case LEAD: return i + 2 < p->n ? value(p, i + 2, X) : value(p, i, V);
    case FIRST: return value(p, 0, X);
    default: return aggregate(p, call, i);
    }
}

static void expect(const struct law_spec *spec, const struct law_table *tables, struct bag *out)
{
    const struct over_case *c = spec->ctx;
    static const enum law_type ints[LAW_COLS_MAX] = {LAW_INT};
    size_t n = 0;
    for (size_t i = 0; i < tables[0].rows.n; i++) n += (size_t)tables[0].rows.items[i].weight;
    struct law_row *rows = malloc(n * sizeof *rows + 1);
    n = 0;
    for (size_t i = 0; i < tables[0].rows.n; i++)
        for (int64_t w = 0; w < tables[0].rows.items[i].weight; w++)
            rows[n++] = tables[0].rows.items[i].row;
    has_partition = c->has_partition;
    qsort(rows, n, sizeof *rows, compare_rows);
    for (size_t from = 0, to; from < n; from = to) {
        to = from + 1;
        while (to < n && (!has_partition || rows[to].values[K] == rows[from].values[K])) to++;
        struct part part = {rows + from, (int64_t)(to - from)};
        for (int64_t i = 0; i < part.n; i++) {
            struct law_row results = {{0}};
            char text[600];
            law_row_text(spec->ports[0].types, N_COLS, &part.rows[i], text, sizeof text);
            for (uint32_t k = 0; k < c->n; k++) results.values[k] = naive(&part, c->calls[k], i);
            size_t size = strlen(text);
            text[size++] = '|';
            law_row_text(ints, c->n, &results, text + size, sizeof text - size);
            bag_add(out, text, 1);
        }
    }
    free(rows);
}

/* --- The plan -------------------------------------------------------------------------------------------------------------------------------- */

static struct frame_bound bound(enum frame_bound_kind kind, uint64_t n, uint32_t column)
{
    return (struct frame_bound){.kind = kind, .n = n, .column = column};
}

static struct over_call make_call_of(enum call call)
{
    struct over_call c = {.name = "f", .type = TYPE(INT64), .is_nullable = true};
    const struct frame_bound first = bound(BOUND_FIRST, 0, 0), last = bound(BOUND_LAST, 0, 0),
                             current = bound(BOUND_CURRENT, 0, 0);
    static const enum over_kind kinds[] = {OVER_ROW_NUMBER, OVER_RANK, OVER_DENSE_RANK, OVER_NTILE,
                                           OVER_LAG,        OVER_LAG,  OVER_FIRST_VALUE};
    static const struct {
        const char *name;
        enum frame_unit unit;
    } aggregates[] = {{"sum", FRAME_ROWS},     {"sum", FRAME_RANGE}, {"min", FRAME_ROWS},
                      {"sum", FRAME_ROWS},     {"min", FRAME_ROWS},  {"count", FRAME_RANGE},
                      {"count", FRAME_GROUPS}, {"sum", FRAME_ROWS},  {"sum", FRAME_ROWS},
                      {"min", FRAME_ROWS}};
    const struct frame_bound starts[] = {first,
                                         first,
                                         first,
                                         bound(BOUND_PRECEDING, 2, 0),
                                         bound(BOUND_PRECEDING, 2, 0),
                                         bound(BOUND_PRECEDING, 0, LOW),
                                         bound(BOUND_PRECEDING, 1, 0),
                                         bound(BOUND_PRECEDING, 1, 0),
                                         first,
                                         current};
    const struct frame_bound ends[] = {current,
                                       current,
                                       current,
                                       bound(BOUND_FOLLOWING, 1, 0),
                                       bound(BOUND_FOLLOWING, 1, 0),
                                       bound(BOUND_FOLLOWING, 0, HIGH),
                                       bound(BOUND_FOLLOWING, 2, 0),
                                       bound(BOUND_FOLLOWING, 1, 0),
                                       last,
                                       last};
    struct expr *x = col_expr(&test_arena, X, TYPE(INT64));
    if (call < SUM_RUNNING) {
        c.kind = kinds[call];
        c.n = call == NTILE ? 3 : call == LAG ? 1 : call == LEAD ? -2 : 0;
        c.frame = (struct over_frame){.unit = FRAME_ROWS, .start = first, .end = current};
        c.agg.args = ARENA_ARRAY(&test_arena, struct expr *, 2);
        c.agg.args[0] = x;
        c.agg.args[1] = col_expr(&test_arena, V, TYPE(INT64));
        c.agg.n_args = call == LEAD ? 2 : call == LAG || call == FIRST ? 1 : 0;
        return c;
    }
    uint32_t k = call - SUM_RUNNING;
    c.kind = OVER_AGGREGATE;
    c.agg = agg_call(&test_arena, aggregates[k].name, &x, 1);
    c.frame = (struct over_frame){
        .unit = aggregates[k].unit, .start = starts[k], .end = ends[k], .key = V};
    if (call == SUM_OTHERS) c.frame.exclude = EXCLUDE_CURRENT;
    return c;
}

static struct law_spec make(struct over_case *c, bool is_append_only)
{
    static struct sort_key by_v[] = {{.column = V}};
    struct law_spec spec = {
        .n_ports = 1,
        .ports = {{N_COLS, {LAW_INT, LAW_INT, LAW_INT, LAW_INT, LAW_INT, LAW_TEXT}, -1}},
        .create = op_over_create,
        .random_row = random_row,
        .expect = expect,
        .is_append_only = {is_append_only},
        .n_steps = 25,
        .rows_a_step = 20,
        .ctx = c};
    struct plan *plan = spec.plan = law_plan(&test_arena, PLAN_OVER, 1);
    law_scan_plans(&test_arena, &spec);
    law_output(&test_arena, &spec, 1);
    plan->sort = by_v;
    plan->n_sort = 1;
    plan->partition = ARENA_ARRAY(&test_arena, uint32_t, 1);
    plan->partition[0] = K;
    plan->n_partition = c->has_partition;
    plan->overs = ARENA_ARRAY(&test_arena, struct over_call, c->n);
    for (uint32_t i = 0; i < c->n; i++) {
        plan->overs[i] = make_call_of(c->calls[i]);
        plan->cols[plan->n_cols++] = (struct plan_column){
            .name = "value", .type = TYPE(INT64), .is_nullable = true};
    }
    plan->n_overs = c->n;
    return spec;
}

static struct over_case cases[] = {
    {"numbers", {ROW_NUMBER}, 1, true},
    {"ranks", {RANK, DENSE_RANK}, 2, true},
    {"neighbours", {LAG, LEAD}, 2, true},
    {"rows", {SUM_ROWS, MIN_ROWS}, 2, true},
    {"range", {COUNT_RANGE}, 1, true},
    {"groups", {COUNT_GROUPS}, 1, true},
    {"others", {SUM_OTHERS, LAG}, 2, false},
    {"near", {LAG, SUM_ROWS, COUNT_RANGE, COUNT_GROUPS, LEAD}, 5, false},
    {"running", {SUM_RUNNING, MIN_RUNNING, FIRST}, 3, true},
    {"running peers", {SUM_PEERS, DENSE_RANK}, 2, true},
    {"running and near",
     {ROW_NUMBER, SUM_PEERS, LEAD, SUM_ROWS, COUNT_RANGE, MIN_RUNNING},
     6,
     true},
    {"whole", {SUM_ALL, NTILE, MIN_REST}, 3, true},
    {"everything",
     {NTILE, SUM_RUNNING, RANK, LAG, COUNT_GROUPS, MIN_REST, COUNT_RANGE, FIRST},
     8,
     false},
};

static void law_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        for (int appends = 0; appends < 2; appends++) {
            struct law_spec spec = make(&cases[i], appends);
            if (getenv("LAW_TRACE")) fprintf(stderr, "%s\n", cases[i].name);
            for (uint64_t seed = 1; seed <= 3; seed++) law_run(&spec, seed);
        }
}

/* Larger steps and partitions: many chunks at once, changes far apart. */
static void large_steps(void **state)
{
    (void)state;
    for (size_t i = 6; i < ARRAY_LENGTH(cases); i += 2) {
        struct law_spec spec = make(&cases[i], false);
        spec.n_steps = 4;
        spec.rows_a_step = 300;
        law_run(&spec, 17);
    }
}

/* --- Cost -------------------------------------------------------------------------------------------------------------------------------------- */

static size_t rows_out(struct law_rig *rig, const struct law_spec *spec, struct law_row row)
{
    size_t before = rig->n_out;
    const int64_t one = 1;
    law_push(rig, spec, 0, &row, &one, 1, 1);
    law_finish(rig, false);
    return rig->n_out - before;
}

/* A row in the middle of 1,000 changes those that see it, and no others. */
static void only_what_changes(void **state)
{
    (void)state;
    static const struct {
        struct over_case c;
        size_t n;
    } wanted[] = {
        {{"", {LAG}, 1, true}, 3},          /* the row, -old +new of the next */
        {{"", {LEAD}, 1, true}, 5},         /* two before it */
        {{"", {SUM_ROWS}, 1, true}, 7},     /* one before, two behind */
        {{"", {COUNT_GROUPS}, 1, true}, 1}, /* what comes in pushes another group out */
        {{"", {COUNT_RANGE}, 1, true}, 9},
        {{"", {ROW_NUMBER}, 1, true}, 1001}, /* and all 500 behind it */
        {{"", {SUM_RUNNING}, 1, true}, 1001},
        {{"", {MIN_RUNNING}, 1, true}, 1}, /* no new minimum */
        {{"", {SUM_ALL}, 1, true}, 2001},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(wanted); i++) {
        struct over_case c = wanted[i].c;
        struct law_spec spec = make(&c, false);
        struct law_row rows[1000];
        int64_t weights[1000];
        struct law_rig rig;
        law_rig_init(&rig, &spec, CIRCUIT_STREAM);
        for (int64_t k = 0; k < 1000; k++) {
            rows[k] = (struct law_row){{1, 2 * k, k % 2 + 1, 2 * k - 3, 2 * k + 4, 1}};
            weights[k] = 1;
        }
        law_push(&rig, &spec, 0, rows, weights, 1000, 1000);
        law_finish(&rig, false);
        assert_int_equal(rig.n_out, 1000);
        if (getenv("LAW_TRACE")) fprintf(stderr, "cost %zu\n", i);
        assert_int_equal(rows_out(&rig, &spec, (struct law_row){{1, 999, 7, 997, 1000, 1}}),
                         wanted[i].n);
        law_rig_deinit(&rig);
    }
}

static void memory(void **state)
{
    (void)state;
    for (size_t i = 7; i < ARRAY_LENGTH(cases); i++) {
        struct law_spec spec = make(&cases[i], false);
        law_fail_allocations(&spec, 9);
        law_steady(&spec, 9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(law_holds, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(large_steps, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(only_what_changes, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(memory, arena_setup, arena_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
