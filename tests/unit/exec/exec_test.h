/* exec_test.h - what the tests of exec share: random chunks, expressions and plans made by hand, a circuit around one operator, and rows as text in
 * tallies, which are the independent judge of what an operator's deltas add up to. */
#ifndef EXEC_TEST_H
#define EXEC_TEST_H

#include "base/hash.h"
#include "exec/circuit_internal.h"
#include "exec/ops.h"
#include "exec/spill.h"
#include "unit.h"
#include "vector/text.h"

/* --- Random ------------------------------------------------------------------------------------------------------------------------------- */
struct rng {
    uint64_t state;
};
static inline uint64_t rng_u64(struct rng *rng)
{
    return rng->state = hash_u64(rng->state + 0x9e3779b97f4a7c15ULL);
}
static inline size_t rng_below(struct rng *rng, size_t n)
{
    return n ? (size_t)(rng_u64(rng) >> 11) % n : 0;
}

/* --- Rows ---------------------------------------------------------------------------------------------------------------------------------- */
/* A table of columns that grows; chunk_of gives a chunk of it. */
struct rows {
    uint32_t n_cols;
    struct column *cols;
    struct column weights;
    bool has_weights;
};
void rows_init(struct rows *rows, const struct data_type *types, uint32_t n_cols);
void rows_deinit(struct rows *rows);
void rows_clear(struct rows *rows);
size_t rows_n(const struct rows *rows);
/* One value as SQL text ("NULL" = null) a column. */
void rows_add(struct rows *rows, int64_t weight, const char *const *values);
void rows_add_i64(struct rows *rows, uint32_t col, int64_t value);
void rows_add_null(struct rows *rows, uint32_t col);
void rows_add_text(struct rows *rows, uint32_t col, const char *text);
void rows_append(struct rows *rows, const struct chunk *chunk);
/* Rows [from, from + n) copied into columns of `into` (cleared first). */
struct chunk rows_chunk(const struct rows *rows, size_t from, size_t n, struct rows *into,
                        struct vector *vecs);
/* One random value: small domains, so that values meet; strings short and long. */
void random_value(struct rng *rng, struct column *col, unsigned null_percent);

/* --- Bags ------------------------------------------------------------------------------------------------------------------------------------ */
/* Rows as text -> weight. */
struct tally {
    struct strmap map;
};
void tally_deinit(struct tally *bag);
void tally_clear(struct tally *bag);
void tally_add(struct tally *bag, const char *text, int64_t weight);
void tally_add_chunk(struct tally *bag, const struct chunk *chunk);
size_t tally_n(const struct tally *bag); /* rows of weight != 0 */
void tally_copy(struct tally *to, const struct tally *from);
/* Prints the differences and fails when there are any. */
void assert_tallies_equal(const struct tally *got, const struct tally *want, const char *what);
void row_print(struct strbuf *out, const struct chunk *chunk, size_t row);

/* --- Expressions and plans ---------------------------------------------------------------------------------------------------------------------- */
struct expr *col_expr(struct arena *arena, uint32_t column, struct data_type type);
/* "NULL" = null */
struct expr *const_expr(struct arena *arena, struct data_type type, const char *text);
/* casts arguments as the binding asks */
struct expr *call_expr(struct arena *arena, const char *name, struct expr *const *args,
                       uint32_t n_args);
struct expr *call1(struct arena *arena, const char *name, struct expr *a);
struct expr *call2(struct arena *arena, const char *name, struct expr *a, struct expr *b);
struct expr *kind_expr(struct arena *arena, enum expr_kind kind, struct data_type type,
                       struct expr *const *args, uint32_t n_args);
struct expr *cast_expr(struct arena *arena, struct expr *e, struct data_type type);
/* A node over which operators are planned: columns c0, c1 ... */
struct plan *scan_plan(struct arena *arena, const struct data_type *types, uint32_t n_cols,
                       bool is_append_only, int32_t time_col);
struct plan *node_plan(struct arena *arena, enum plan_kind kind, struct plan *input,
                       uint32_t n_cols);
void name_col(struct plan *plan, uint32_t i, struct data_type type);
struct aggregate_call agg_call(struct arena *arena, const char *name, struct expr *const *args,
                               uint32_t n_args);

/* --- A circuit around one operator ------------------------------------------------------------------------------------------------------------------ */
typedef laminar_status (*op_create_fn)(struct circuit *circuit, const struct plan *plan,
                                       enum circuit_mode mode, struct op **out,
                                       struct laminar_error *err);
struct harness {
    struct circuit *circuit;
    struct op *source, *op, *output;
    struct tally out;         /* all deltas so far */
    struct tally step_out;    /* of the last step */
    bool is_recording;        /* else chunks are only counted */
    bool ignores_retractions; /* the output says that it doesn't look at old rows */
    size_t n_chunks, n_rows, n_minus;
    uint64_t late_rows; /* of circuits before a restart */
    int64_t watermark;
    struct laminar_error err, failure;
    struct step step;
};
laminar_status harness_open(struct harness *h, const struct plan *plan, op_create_fn create,
                            enum circuit_mode mode);
/* Another circuit goes on from a snapshot of this one's states; what came out so far stays. */
void harness_restart(struct harness *h, const struct plan *plan, op_create_fn create,
                     enum circuit_mode mode);
void harness_close(struct harness *h);
void harness_push(struct harness *h, const struct chunk *chunk);
void harness_watermark(struct harness *h, int64_t watermark_us);
void harness_finish(struct harness *h);
void harness_finish_last(struct harness *h);

/* --- Snapshots in memory -------------------------------------------------------------------------------------------------------------------------------- */
struct piece {
    uint32_t kind;
    uint64_t page, version;
    uint8_t *data;
    size_t size;
};
struct pieces {
    struct state_sink sink;
    struct state_source source;
    ARRAY_OF(struct piece) items;
    size_t next;
};
void pieces_init(struct pieces *pieces);
void pieces_deinit(struct pieces *pieces);
void pieces_rewind(struct pieces *pieces); /* sorts by (kind, page), reads from the start */
/* Freezes and writes all states of `from`, restores them into `to` (same shape). */
void copy_states(struct op *from, struct op *to);
void check_states(const struct op *op);

/* --- Spilling ------------------------------------------------------------------------------------------------------------------------------------------- */
/* What is in use beyond `budget` is to go; 0: all that may. */
struct test_policy {
    struct spill_policy base; /* first */
    struct spill *spill;
    struct mem_account account;
    int64_t budget;
};
void open_policy(struct test_policy *policy, char *folder); /* "/tmp/...XXXXXX", which is made */
void close_policy(struct test_policy *policy, const char *folder); /* all was given back */
/* Not NULL: that of the circuits of law.c and the harness. */
extern struct spill_policy *circuits_spill;

#endif
