/* op.h - operators and the circuit that connects them.
 *
 * A step takes the circuit from one consistent state to the next: chunks of the step's deltas are pushed in (op_process), each
 * operator pushes what follows from them at once where it can (filters, joins), and the rest in finish_step, which the circuit calls in topological
 * order once all inputs of an operator are in. So every operator sees whole steps, and no reader sees half of one.
 *
 * Algebra: deltas are Z-sets (Budiu et al., "DBSP", VLDB 2023): linear operators map deltas; joins are bilinear: processing the deltas of the two
 * sides one after the other, each against the other side's state as it then is, gives dA*B + A*dB + dA*dB.
 *
 * Failure: an operator that fails in a step (a row error with on_error = fail, memory) stops, and so does all that depends on it; the rest of the
 * circuit goes on. The engine reports it to the stream's readers.
 * @thread the step owner. */
#ifndef EXEC_OP_H
#define EXEC_OP_H

#include "exec/program.h"
#include "exec/state.h"

#define WATERMARK_NONE INT64_MIN
#define WATERMARK_END INT64_MAX

struct op;
struct circuit;

/* EXPLAIN ANALYZE: whose time is running. */
struct step_profile {
    struct op *current;
    int64_t since_us;
};

/* Stops what may be stopped, a query or a backfill, when memory is short: asked between chunks, once `account` and its results hold free_bytes. */
struct memory_guard {
    const struct mem_account *account;
    int64_t result_bytes;
    int64_t free_bytes;
    laminar_status (*check)(struct memory_guard *guard, struct laminar_error *err);
};

/* Takes the rows of `chunk` whose bit is set: `op` left them out because an expression failed for them (on_error = skip). Their columns have the names of
 * `input`'s; those that nobody reads have no data. */
struct step;
struct bad_row_taker {
    laminar_status (*take)(void *ctx, const struct op *op, const struct step *step,
                           const struct plan *input, const struct chunk *chunk,
                           const uint8_t *bits);
    void *ctx;
};
struct step {
    uint64_t number;
    int64_t time_us; /* wall clock */
    bool is_last;    /* one-shot queries: all input is in, all watermarks are at the end */
    /* states are frozen after this step: operators that hold changes back (EMIT EVERY) give them out */
    bool is_flush;
    bool gives_all; /* the first step of a new stream, and the last one: nothing is held back */
    enum row_error_mode error_mode;
    const char *zone;
    struct laminar_error *err;
    struct step_profile *profile; /* NULL: times are not taken */
    /* one-shot queries: their text, for the positions of row errors; else NULL */
    const char *sql;
    size_t sql_size;
    /* one-shot queries: set from another thread. NULL: nobody can */
    const _Atomic bool *is_cancelled;
    struct memory_guard *guard;           /* NULL: the step isn't stopped */
    const struct bad_row_taker *bad_rows; /* NULL: they are only counted */
};

/* Operators that hold changes back give them out in this step, whatever the time. */
static inline bool step_gives_all(const struct step *step)
{
    return step->is_last || step->gives_all;
}
/* LAMINAR_QUERY_CANCELLED once the query was cancelled; LAMINAR_QUERY_FAILED when its guard says so. For loops that can make many rows out of one chunk. */
laminar_status step_check(const struct step *step);

struct op_class {
    const char *name; /* "aggregate" */
    /* Takes one chunk of this step's delta on a port. The chunk is the caller's and valid during the call only. */
    laminar_status (*process)(struct op *op, struct step *step, uint32_t port,
                              const struct chunk *chunk);
    /* All ports are in. op->watermark_in is up to date; sets op->watermark_out. NULL: passes the watermark on. */
    laminar_status (*finish_step)(struct op *op, struct step *step);
    void (*free)(struct op *op);
    void (*explain)(const struct op *op, struct strbuf *out);
    /* All states of the operator were restored: rebuilds what it derives from them. NULL: nothing. */
    laminar_status (*restored)(struct op *op, struct laminar_error *err);
    /* Emits (op_emit) all rows that it has put out and not taken back, from its state, between steps. NULL: it does not keep them. */
    laminar_status (*contents)(struct op *op, struct step *step);
};

/* Takes rows that an operator drops because they are too late, with all columns of its input. Valid during the call. */
struct late_rows;
typedef laminar_status (*late_rows_taker)(void *ctx, struct step *step, const struct chunk *chunk);

struct op_edge {
    struct op *to;
    uint32_t port;
};
/* Head of every operator. */
struct op {
    const struct op_class *cls;
    struct circuit *circuit;
    uint32_t index; /* topological position in the circuit */
    uint32_t n_ports;
    struct op **inputs; /* per port; NULL for entries (scan) */
    ARRAY_OF(struct op_edge) outputs;
    uint32_t n_cols;                /* of the output */
    const struct plan_column *cols; /* of the plan node */
    int64_t watermark_in;           /* least over the ports, microseconds; never goes back */
    int64_t watermark_out;
    ARRAY_OF(struct state *) states;
    bool has_failed;
    const struct plan *plan;    /* that it was made for; may be NULL */
    int64_t time_us;            /* spent in it alone, in steps with a profile */
    uint64_t rows_in, rows_out; /* metrics; weights ignored */
    uint64_t late_rows;         /* dropped because they were behind the watermark */
    struct late_rows *late;     /* who gets them; NULL: they are only counted */
    /* of the plan: LATE DATA TO; who builds the circuit sees to it (op_take_late) */
    const char *late_data;
    const struct plan *input; /* the plan node below; NULL for entries */
    /* left out because an expression failed for them (on_error = skip) */
    uint64_t bad_rows;
    /* wall-clock time when finish_step wants to run without input; 0 = never. Set in finish_step */
    uint64_t wake_us;
    /* nothing has come for its source's idle_timeout: what reads other inputs too doesn't wait for its watermark */
    bool is_idle;
    /* the output carries a watermark (props.time_col); inputs without one don't hold watermark_in back */
    bool has_time;
    /* windows over PROCTIME(): the step's time is its watermark, to the millisecond */
    bool is_clocked;
    /* its output is a function of its input's rows, each by itself: contents pass through it */
    bool is_pure;
    /* the circuit's: on its list of operators that have asked to be woken */
    bool is_waker;
    /* settings that values depend on were changed since it was made: its state may have come about in two ways */
    bool is_mixed;
    uint32_t n_parts;   /* that list it */
    uint32_t n_lasting; /* of them those that are lasting */
    /* the engine's: what keeps the plan alive, and knows whose operator it is; NULL in one-shot queries */
    void *home;
    uint64_t first_object; /* of a checkpoint: its first state's number; 0 = not in one yet */
    uint32_t ordinal;      /* scratch of a checkpoint's head */
};
/* For constructors: fills the head from the plan node (`cols`, n_cols, has_time) and makes the port array. op_deinit undoes it and frees the
 * states added; it is the last thing but mem_free in an operator's `free`, and safe on a zeroed struct. */
laminar_status op_init(struct op *op, const struct op_class *cls, struct circuit *circuit,
                       const struct plan *plan, uint32_t n_ports, struct laminar_error *err)
    must_check;
void op_deinit(struct op *op);
/* Registers a state table, to be freed by op_deinit. On failure the state is freed at once. */
laminar_status op_add_state(struct op *op, struct state *state, struct laminar_error *err)
    must_check;
/* Late rows go to `take` from now on. */
laminar_status op_take_late(struct op *op, late_rows_taker take, void *ctx,
                            struct laminar_error *err) must_check;
/* Counts rows sel[0..n) of a chunk of the operator's input as late, and hands them on. */
laminar_status op_late(struct op *op, struct step *step, const struct chunk *chunk,
                       const uint32_t *sel, size_t n) must_check;
/* Counts and gives away the rows of the chunk that env->bad_rows names; there may be none. */
laminar_status op_leave_out(struct op *op, const struct step *step, const struct plan *input,
                            const struct chunk *chunk, const struct eval_env *env) must_check;
/* What evaluating expressions in this step needs; env->scratch and env->bad_rows are the caller's to set. */
struct eval_env step_eval_env(const struct step *step);
/* The account that states are charged to. */
struct mem_account *circuit_account(const struct circuit *circuit);
/* Where state tables of the circuit may go when memory is short; NULL = nowhere. */
struct spill_policy *circuit_spill(const struct circuit *circuit);
/* state_hash_relax between the chunks of a step. A query, or a backfill, ends where the rows can't be written; the step of a stream goes on in memory, and it
 * is the next insert that is refused. */
laminar_status op_relax(const struct step *step, struct state_hash *table) must_check;
/* The same of rows, after state_rows_error. NULL is fine. */
struct state_rows;
laminar_status op_relax_rows(const struct step *step, struct state_rows *rows) must_check;
/* Hands a delta to all consumers. Empty chunks are dropped here. */
laminar_status op_emit(struct op *op, struct step *step, const struct chunk *chunk) must_check;
/* How far the input behind a port is. One that is idle is as far as those that are not. WATERMARK_NONE: it has no watermark. */
int64_t op_port_watermark(const struct op *op, uint32_t port);
/* finish_step of this step must run although no chunk came (state changed by a watermark or timer). */
void op_mark(struct op *op);

/* --- Circuit ----------------------------------------------------------------------------------------------------------------------------- */
/* Operators in topological order with a dirty mark each: a step costs what it touches, not the size of the circuit. */
struct circuit;
laminar_status circuit_create(struct mem_account *account, struct circuit **out,
                              struct laminar_error *err) must_check;
void circuit_free(struct circuit *circuit);
/* Before operators are added. The policy outlives the circuit. */
void circuit_set_spill(struct circuit *circuit, struct spill_policy *policy);

enum circuit_mode { CIRCUIT_STREAM, CIRCUIT_ONE_SHOT };
/* What circuit_add builds of one plan: a `scan` entry operator for each PLAN_SCAN, and the root. In CIRCUIT_ONE_SHOT operators may use cheaper
 * forms that need their whole input in one step (joins build one side only). The plan's arena outlives the operators. */
struct circuit_part {
    struct op *root;
    /* entries, in the order in which a one-shot query must feed them (build sides first) */
    struct op **scans;
    struct relation **relations; /* of each scan */
    uint32_t n_scans;
    ARRAY_OF(struct op *) ops; /* children first; other parts may list some of them too */
    bool is_lasting;           /* of a relation with a name */
    bool is_apart;             /* its plan's equal parts have each their own operators */
};
laminar_status circuit_add(struct circuit *circuit, const struct plan *plan, enum circuit_mode mode,
                           struct circuit_part *out, struct laminar_error *err) must_check;
/* Takes the part's operators out, and frees those that no other part lists. Nothing else may consume its root any more, unless another part lists it. */
void circuit_remove(struct circuit *circuit, struct circuit_part *part);
/* Puts one operator into the circuit behind `inputs` (one a port; NULL: none yet). It is taken over: on failure it is freed. What circuit_add is
 * made of; for tests of single operators too. */
laminar_status circuit_add_op(struct circuit *circuit, struct op *take_op, struct op *const *inputs,
                              struct laminar_error *err) must_check;
/* A terminal operator that hands each delta of `from` to call-backs, e.g. a stream's store and subscribers. */
struct output_callbacks {
    laminar_status (*on_chunk)(void *ctx, struct step *step, const struct chunk *chunk);
    /* end of each step that touched it */
    laminar_status (*on_finish)(void *ctx, struct step *step, int64_t watermark_us);
    void (*on_failure)(void *ctx, const struct laminar_error *err);
    /* False: nobody behind it looks at retracted rows, so they need not come. NULL: they are wanted. Asked in every step. */
    bool (*wants_retractions)(void *ctx);
    void *ctx;
};
laminar_status circuit_add_output(struct circuit *circuit, struct op *from,
                                  const struct output_callbacks *callbacks, struct op **out,
                                  struct laminar_error *err) must_check;
/* True when some consumer of `op` looks at retracted rows. */
bool op_wants_retractions(const struct op *op);
/* What a relation holds now, read out of the state of the operators that make it, so that it need not be kept a second time. True where `op` can:
 * it keeps its rows as state, or passes on those of inputs that do. */
bool op_has_contents(const struct op *op);
/* Hands the contents of `op` to on_chunk (weights > 0, NULL = all 1). Between steps only. */
laminar_status circuit_contents(struct op *op, struct step *step,
                                laminar_status (*on_chunk)(void *ctx, struct step *step,
                                                           const struct chunk *chunk),
                                void *ctx) must_check;
/* Connects from -> to[port] (streams on streams: the root of one part to a scan of a later one), and takes the edge away again. */
laminar_status circuit_connect(struct circuit *circuit, struct op *from, struct op *to,
                               uint32_t port, struct laminar_error *err) must_check;
void circuit_disconnect(struct circuit *circuit, struct op *from, struct op *to);

/* --- Sharing (share.c) --- */
/* The first operator of the circuit that matches; NULL: none. */
struct op *circuit_find_op(const struct circuit *circuit, bool (*matches)(void *ctx, struct op *op),
                           void *ctx);
struct op_pair {
    struct op *own, *other;
};
struct op_pairs {
    ARRAY_OF(struct op_pair) list;
};
/* Which operators below `own` and `other`, of equal plans, correspond; *fits is false where they don't one by one. `pairs` is emptied first. */
laminar_status circuit_pair_up(struct op *own, struct op *other, struct op_pairs *pairs, bool *fits,
                               struct laminar_error *err) must_check;
/* Does something read the pair's own operator that is not itself replaced? */
bool op_pair_has_exit(const struct op_pairs *pairs, const struct op_pair *pair);
/* The part gives up its own operators for the others. On failure it has to be taken out. */
laminar_status circuit_adopt(struct circuit *circuit, struct circuit_part *part,
                             const struct op_pairs *pairs, struct laminar_error *err) must_check;
/* From now on equal parts of one plan are built apart, or once: as a checkpoint has them. Once, if nobody says so. */
void circuit_build_apart(struct circuit *circuit, bool is_apart);
/* The part is a relation's with a name: once, when it is whole. */
void circuit_make_lasting(struct circuit_part *part);

/* A step: push chunks into entries (whole relation rows: the scan projects), set entries' watermarks, then finish. */
laminar_status circuit_push(struct circuit *circuit, struct step *step, struct op *scan,
                            const struct chunk *chunk) must_check;
/* Makes the columns of the batch that the entry reads (batch_need): before chunks of batch_chunk_needed are pushed. */
void op_scan_need(const struct op *scan, const struct batch *batch);
void circuit_set_watermark(struct circuit *circuit, struct op *scan, int64_t watermark_us);
/* Runs finish_step of every marked operator, in order. Failures of operators go to on_failure of the outputs behind them, not to the caller. */
void circuit_finish_step(struct circuit *circuit, struct step *step);
/* All operators have got their states and watermarks from a checkpoint: each of them finishes the step of that checkpoint once more, without input, which
 * emits nothing and brings what follows from watermarks to where it was. */
laminar_status circuit_restored(struct circuit *circuit, struct step *step) must_check;
/* The earliest wake_us over all operators; 0 = none. */
int64_t circuit_next_wake_us(const struct circuit *circuit);

#endif
