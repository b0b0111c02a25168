/* agg_law.h - what aggregations must give, computed naively: all rows of the input are kept as text keyed net weights, windows and groups are found row by
 * row, and every aggregate is its finish_multiset over the group's sorted rows. */
#ifndef AGG_LAW_H
#define AGG_LAW_H

#include "exec_test.h"

/* Input of all these tests: t TIMESTAMP (or another time type), k BIGINT, s VARCHAR, v BIGINT, d DOUBLE. */
enum { LAW_T, LAW_K, LAW_S, LAW_V, LAW_D, LAW_N_COLS };
extern struct data_type naive_types[LAW_N_COLS];

struct naive_input {
    struct rng rng;
    struct rows rows;    /* distinct rows that were ever there */
    struct tally net;    /* row text -> weight */
    struct strmap where; /* row text -> index in rows + 1 */
    unsigned null_percent;
    int64_t time_from, time_span; /* microseconds; values of t lie in [from, from + span) */
    size_t n_keys;                /* of k and s */
};
void naive_open(struct naive_input *in, uint64_t seed);
void naive_close(struct naive_input *in);
/* n random rows, a share of them taken back from what is there, or -1 before +1, when `retracts`. Noted in net. */
struct chunk naive_chunk(struct naive_input *in, size_t n, bool retracts, struct rows *into,
                         struct vector *vecs);

/* A plan over the input: keys are columns; which aggregates is up to `variant`. */
struct plan *naive_plan(struct arena *arena, bool is_append_only, const uint32_t *keys,
                        uint32_t n_keys, unsigned variant);
enum { LAW_VARIANTS = 7 };
struct plan *naive_windowed(struct arena *arena, struct plan *plan, enum window_kind kind,
                            int64_t size_us, int64_t slide_us, int64_t offset_us,
                            enum emit_mode emit);
/* The net result of the plan over the net input. Windows with end > until are left out (INT64_MAX: none is). */
void naive_expect(const struct naive_input *in, const struct plan *plan, int64_t until,
                  struct tally *out);

#endif
