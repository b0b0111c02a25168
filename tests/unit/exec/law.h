/* law.h - the law for single operators: random deltas are pushed in random cuts, and after every step the net of what came out must equal a
 * naive computation over the net of what went in. Now and then the operator's states are frozen, written out and restored into a new circuit, while the old
 * one goes on, and both must agree.
 *
 * LAW_TRACE=1 in the environment prints the deltas. Values are int64 with LAW_NULL for null; a column's type says what they become in vectors, and rows are compared as text. */
#ifndef EXEC_TESTS_LAW_H
#define EXEC_TESTS_LAW_H

#include "exec/ops.h"

enum law_type {
    LAW_INT,
    LAW_INT32,
    LAW_DOUBLE /* half the value */,
    LAW_TEXT,
    LAW_TIME /* microseconds */,
    LAW_LIST /* [v, v] */
};
enum { LAW_COLS_MAX = 8, LAW_PORTS_MAX = 3 };
#define LAW_NULL INT64_MIN

/* What a test's plans and expressions live in: empty at its start, freed at its end (cmocka_unit_test_setup_teardown). */
extern struct arena test_arena;
int arena_setup(void **state);
int arena_teardown(void **state);

struct law_row {
    int64_t values[LAW_COLS_MAX];
};
struct law_entry {
    struct law_row row;
    int64_t weight;
};
/* The net contents of one input: distinct rows. */
struct law_table {
    uint32_t n_cols;
    enum law_type types[LAW_COLS_MAX];
    ARRAY_OF(struct law_entry) rows;
};
/* A multiset of texts. */
struct bag_entry {
    char *text;
    int64_t weight;
};
struct bag {
    ARRAY_OF(struct bag_entry) entries;
    size_t n_slots;
    uint32_t *slots;
};
void bag_add(struct bag *bag, const char *text, int64_t weight);
int64_t bag_weight(const struct bag *bag, const char *text);
void bag_deinit(struct bag *bag);
/* Adds the chunk's rows; *has_negative (may be NULL) is set if a weight is. */
void law_chunk_add(struct bag *bag, const struct chunk *chunk, bool *has_negative);
/* Prints the first differences to stderr. */
bool bag_equal(const struct bag *got, const struct bag *wanted);

struct law_random {
    uint64_t state;
};
uint64_t law_next(struct law_random *random);
static inline int64_t law_below(struct law_random *random, int64_t n)
{
    return (int64_t)(law_next(random) % (uint64_t)n);
}

struct law_rig { /* one circuit: scans -> operator -> bag */
    struct circuit *circuit;
    struct op *scans[LAW_PORTS_MAX];
    struct op *op;
    struct op *output;
    struct bag net;
    bool keeps_net;
    size_t n_out;
    bool has_negative; /* a retraction came out */
    int64_t watermark_us;
    struct laminar_error err;
    uint64_t n_steps;
};

struct law_spec {
    uint32_t n_ports;
    struct {
        uint32_t n_cols;
        enum law_type types[LAW_COLS_MAX];
        int32_t time_col;
    } ports[LAW_PORTS_MAX];
    struct plan *plan; /* inputs made by law_scan_plans */
    laminar_status (*create)(struct circuit *, const struct plan *, enum circuit_mode, struct op **,
                             struct laminar_error *);
    void (*random_row)(const struct law_spec *spec, struct law_random *random, uint32_t port,
                       struct law_row *row);
    /* NULL = all */
    bool (*may_insert)(const struct law_spec *spec, const struct law_table *table, uint32_t port,
                       const struct law_row *row);
    void (*expect)(const struct law_spec *spec, const struct law_table *tables, struct bag *out);
    /* Compares in another way than equality with `expect`; NULL = equality. */
    bool (*accept)(const struct law_spec *spec, const struct law_table *tables,
                   const struct bag *got);
    bool is_append_only[LAW_PORTS_MAX];
    uint32_t n_steps, rows_a_step;
    void *ctx;
};
/* Scan plans for the spec's ports; the inputs of spec->plan. */
void law_scan_plans(struct arena *arena, struct law_spec *spec);
struct plan *law_plan(struct arena *arena, enum plan_kind kind, uint32_t n_inputs);
/* Output columns of the plan: those of the ports in `ports` one after the other (nullable). */
void law_output(struct arena *arena, struct law_spec *spec, uint32_t n_ports);
struct data_type law_data_type(enum law_type type);

void law_rig_init(struct law_rig *rig, const struct law_spec *spec, enum circuit_mode mode);
laminar_status law_rig_try_init(struct law_rig *rig, const struct law_spec *spec,
                                enum circuit_mode mode);
void law_rig_deinit(struct law_rig *rig);
/* Pushes rows as chunks of at most `cut` rows. */
void law_push(struct law_rig *rig, const struct law_spec *spec, uint32_t port,
              const struct law_row *rows, const int64_t *weights, size_t n, size_t cut);
void law_finish(struct law_rig *rig, bool is_last);
void law_append(struct column *col, enum law_type type, int64_t value);
void law_row_text(const enum law_type *types, uint32_t n_cols, const struct law_row *row, char *out,
                  size_t size);

/* Runs it as a stream with freezes, then one-shot. */
void law_run(const struct law_spec *spec, uint64_t seed);

/* A few steps with each allocation failing in turn: the operator fails with LAMINAR_OUT_OF_MEMORY, its states stay consistent, nothing leaks. */
void law_fail_allocations(const struct law_spec *spec, uint64_t seed);
/* The same rows inserted and retracted again and again: after some rounds nothing is allocated any more. The inputs must be retracting. */
void law_steady(const struct law_spec *spec, uint64_t seed);

/* Writes all states of `from` into memory, then restores them into `to`. */
struct law_pieces;
struct law_pieces *law_freeze(struct op *op); /* snapshots only */
/* writes the snapshots out, releases them, restores */
void law_restore(struct law_pieces *pieces, struct op *to);
/* Restores the operator's states into a new rig, which replaces the old one; sources' watermarks have to be set again. */
void law_rig_move(struct law_rig *rig, const struct law_spec *spec);
struct law_pieces *law_freeze_state(struct state *state);
void law_restore_state(struct law_pieces *pieces, struct state *to);
/* Restores the state's pieces into `to` with bytes changed at random: refused, or consistent. Returns the status. */
laminar_status law_restore_damaged(struct state *from, struct state *to, struct law_random *random);

/* Of exec_test.h: not NULL, states of the circuits may be spilled. */
struct spill_policy;
extern struct spill_policy *circuits_spill;

#endif
