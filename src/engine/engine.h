/* engine.h - the database below its public functions: relations at run time, steps, subscriptions, queries.
 *
 * Threads and locks (order: control, step, queue, registry, subscription; a lock is only taken while holding those before it):
 *   control   DDL, the catalog, settings. Held by a statement that reads or changes them; never by a step.
 *   step      who holds it owns the circuit, the stores and the runtimes. A writer that finds it free runs its own step; else it leaves
 *             its batch in the queue, and the holder runs it before or after letting go, so that no batch is left behind.
 *   queue     the pending batches (short).
 *   registry  running queries and subscriptions (short).
 *   subscription  one each: its queue of deliveries (short).
 * Functions of the program's own are called with control or step held, or none; what they call back is refused (database_check_open).
 *
 * Life: a database is reference-counted: the handle, writers, subscriptions and statements each hold one reference; after close
 * they all fail cleanly, and the memory goes with the last of them. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/fork_guard.h"
#include "base/strmap.h"
#include "base/thread.h"
#include "catalog/catalog.h"
#include "exec/op.h"
#include "exec/spill.h"
#include "exec/store.h"
#include "function/user.h"
#include "plan/plan.h"
#include <laminar/laminar.h>
#include <stdatomic.h>

struct database;
struct subscription;

/* What the state tables of a circuit are told when they ask whether memory is short. */
struct memory_spiller {
    struct spill_policy base; /* first */
    struct database *db;
    /* whatever runs is stopped at the limit: it must be kept below it. Else it is only brought back */
    _Atomic bool is_strict;
};

enum database_state { DB_CREATED, DB_RUNNING, DB_STOPPED, DB_CLOSED };

/* --- Settings ----------------------------------------------------------------------------------------------------------- */
/* X(name, kind, default as text, help). */
#define SETTING_LIST(X)                                                                                                                                        \
    X(buffer_size, ROWS, "65536", "rows that may wait for a step before inserts wait")                                                                         \
    X(subscription_capacity, ROWS, "1048576", "rows that a subscription queues by default")                                                                    \
    X(insert_timeout_ms, MS, "5000",                                                                                                                           \
      "how long an insert waits for a full queue that is being drained")                                                                                       \
    X(stall_timeout_ms, MS, "50", "a full queue that nobody reads for this long fails the insert")                                                             \
    X(coalesce_rows, ROWS, "65536", "rows of queued inserts that one step takes together")                                                                     \
    X(retention_rows, ROWS, "1048576",                                                                                                                         \
      "rows that an append-only relation keeps where it does not say")                                                                                         \
    X(on_error, WORD, "fail", "what a row error does in a stream: fail, null or skip")                                                                         \
    X(time_zone, TEXT, "UTC", "zone of dates and times without one")                                                                                           \
    X(memory_limit, BYTES, "0",                                                                                                                                \
      "bytes of state, kept rows and batches at which inserts are refused and queries fail; 0 = no limit")                                                     \
    X(memory_wait_ms, MS, "0",                                                                                                                                 \
      "how long an insert waits for room at memory_limit; 0 = it fails at once")                                                                               \
    X(temp_directory, TEXT, "",                                                                                                                                \
      "where kept rows and groups go when memory_limit is reached; a database in a directory uses its own")                                                    \
    X(spill_always, FLAG, "false",                                                                                                                             \
      "for tests: groups and rows leave memory whenever they may, whatever memory_limit says")                                                                 \
    X(durability, DURABILITY, "sync",                                                                                                                          \
      "with a storage directory: sync, an insert returns when it is on the disk; async, it can be lost for flush_interval_ms; off, until the next checkpoint") \
    X(flush_interval_ms, MS, "10",                                                                                                                             \
      "durability async: how long accepted rows may wait for the disk")                                                                                        \
    X(wal_segment_bytes, BYTES, "16mb", "size of a file of the write-ahead log")                                                                               \
    X(checkpoint_interval_ms, MS, "60000", "time between checkpoints; 0 = none by time")                                                                       \
    X(checkpoint_log_bytes, BYTES, "256mb",                                                                                                                    \
      "bytes of log after which a checkpoint is made; 0 = none by size")                                                                                       \
    X(checkpoint_bytes_per_s, BYTES, "0",                                                                                                                      \
      "how fast checkpoints are written at most; 0 = no limit")                                                                                                \
    X(checkpoints_kept, ROWS, "2", "checkpoints that are kept")                                                                                                \
    X(read_only, FLAG, "false", "open a storage directory for reading only")                                                                                   \
    X(clock, CLOCK, "system",                                                                                                                                  \
      "system, or the time (UTC) at which now() and timers stand until it is set again")

#define CLOCK_SYSTEM INT64_MIN
enum setting_kind {
    SETTING_ROWS,
    SETTING_MS,
    SETTING_BYTES,
    SETTING_WORD,
    SETTING_TEXT,
    SETTING_DURABILITY, /* enum durability */
    SETTING_FLAG,
    SETTING_CLOCK /* microseconds since 1970, or CLOCK_SYSTEM */
};
enum durability { DURABILITY_SYNC, DURABILITY_ASYNC, DURABILITY_OFF };
enum setting_id {
#define SETTING_ENUM(name, kind, value, help) SETTING_ID_##name,
    SETTING_LIST(SETTING_ENUM)
#undef SETTING_ENUM
        SETTING_COUNT
};
struct setting_info {
    const char *name;
    enum setting_kind kind;
    const char *value; /* default */
    const char *help;
};
extern const struct setting_info setting_table[SETTING_COUNT];
enum { SETTING_TEXT_MAX = 256 };
struct settings {
    _Atomic int64_t number[SETTING_COUNT];
    char text[SETTING_COUNT][SETTING_TEXT_MAX]; /* as SHOW prints it */
    /* char *: what ${NAME} in options stands for; NULL = none. An open database's are its own. */
    const struct strmap *variables;
};
void settings_init(struct settings *settings);
/* LAMINAR_INVALID_ARGUMENT for an unknown name or a bad value. value NULL = back to the default. */
laminar_status settings_set(struct settings *settings, const char *name, const char *value,
                            struct laminar_error *err) must_check;
int settings_find(const char *name); /* -1 = unknown */

/* --- Relations at run time ------------------------------------------------------------------------------------------------ */
struct file_sink;
struct feed;
struct compactor;
struct dead_letters;
struct history;
struct rowset;
/* Zeros: a new sink of a database in memory. */
struct file_sink_start {
    bool is_stored, is_dry;
    bool is_held; /* nothing is written until file_sink_release: the statement may still be lost */
    bool goes_on; /* from `offset`, where it was before */
    bool is_copy; /* of a sink that may go on elsewhere: this one stands still */
    uint64_t offset;
};
/* The memory of a plan: lives as long as a stream uses operators that were made from it. */
struct plan_home {
    _Atomic uint32_t refs;
    struct arena arena;
    ARRAY_OF(struct relation_runtime *) users; /* in the order in which they were made; step */
};
struct relation_runtime {
    struct relation *relation; /* referenced */
    struct database *db;
    struct store *store; /* NULL: nothing is kept, or: */
    /* the contents are read out of the operators' state when somebody asks */
    bool is_derived;
    enum store_kind store_kind;
    bool is_target;          /* SOURCE, TABLE: rows come from outside */
    struct history *history; /* of its changes; NULL: it declares none */
    struct plan_home *home;  /* STREAM, VIEW, SINK: */
    struct plan *plan;
    ARRAY_OF(struct plan_home *) borrowed; /* of the operators that it shares */
    struct circuit_part part;
    struct op *output;
    ARRAY_OF(struct op *) consumers;      /* SOURCE, TABLE: scans to push accepted rows into */
    ARRAY_OF(struct subscription *) subs; /* guarded by step */
    /* of a step with several batches: its subscribers get them together, when it has them all */
    ARRAY_OF(struct batch *) held;
    /* rows of this step, where somebody needs them as a batch */
    struct batch_builder *builder;
    struct file_sink *file;
    /* rows that come and equal ones that go may meet in a step's delta: they cancel for subscribers and sinks */
    bool may_cancel;
    struct compactor *compactor; /* NULL until they first may have */
    struct feed *feed;           /* SOURCE with a connector */
    uint64_t position;          /* of its connector: behind the rows that are in. Guarded by step */
    struct batch_builder *late; /* rows that were late in this step, for relation->late_to */
    struct vector *slice;       /* scratch: one vector a column */
    int64_t *weights;           /* scratch: CHUNK_ROWS */
    bool has_failed;
    struct laminar_error failure;
    _Atomic int64_t watermark_us;
    _Atomic uint64_t total_rows;
};

/* --- The database ------------------------------------------------------------------------------------------------------------ */
/* Steps in (after, to] may have been seen, and never were. */
struct lost_epochs {
    uint64_t after, to;
};
/* A batch, or a watermark alone, on its way into a relation. */
struct pending {
    struct pending *next;
    struct relation *relation;    /* referenced */
    struct batch *batch;          /* NULL: watermark only */
    bool is_delete;               /* keyed and bag targets: rows to retract */
    bool is_continued;            /* belongs to the step of the one before */
    bool has_position;            /* of a connector: */
    uint64_t position;            /* where it goes on behind the batch */
    int64_t watermark_us;         /* WATERMARK_NONE = none */
    struct commit_waiter *waiter; /* the writer, where it waits for its step; else NULL */
};

/* The thread that runs steps when time alone makes them due (timer.c). */
struct timer {
    struct mutex lock;
    struct cond changed;
    struct thread thread;
    _Atomic int64_t armed_us; /* what it waits for, wall clock; 0 = nothing */
    bool is_started, is_stopping;
};

/* The thread that pulls rows out of connectors (feed.c). */
struct feeder {
    struct mutex lock;
    struct cond changed;
    ARRAY_OF(struct feed *) feeds;
    struct thread thread;
    bool is_started, is_stopping;
};

struct query_entry {
    struct query_entry *next;
    uint64_t id;
    char *sql;
    bool is_active;
    bool is_subscription;
    _Atomic bool is_cancelled;
};
enum { QUERY_HISTORY_MAX = 256, PENDING_POOL_MAX = 64 };

struct database {
    _Atomic uint32_t refs;
    _Atomic int state; /* enum database_state */
    char *path;
    struct settings settings; /* guarded by control; numbers read by steps are ints */
    struct strmap variables;  /* char *, owned; constant while the database is open */
    int64_t opened_us;        /* monotonic */
    struct fork_guard fork;   /* a forked child must not use it */

    struct mutex closing; /* one thread closes; taken before all others */
    struct mutex control;
    /* thread_self_id of a statement whose parts take control again (engine_lock_control); 0 = none */
    _Atomic uint64_t control_holder;
    struct catalog catalog;
    struct function_library *functions; /* the program's own; has a lock of its own */

    struct mutex step;
    /* thread_self_id of a DDL statement, which takes the step lock again in its parts; 0 = none */
    _Atomic uint64_t step_holder;
    struct cursor *cursors; /* guarded by control */
    struct circuit *circuit;
    struct mem_account account;
    struct batch_pool *pool;
    /* guards `spill`, and the text of temp_directory; taken after all others */
    struct mutex spilling;
    struct spill *spill; /* of kept rows and state; NULL until there are any */
    struct memory_spiller spiller;
    uint64_t step_number;
    ARRAY_OF(struct relation_runtime *) late; /* streams with rows in their `late` */
    bool holds_deliveries;                    /* the step at hand has several batches: */
    ARRAY_OF(struct relation_runtime *) held; /* those with something in their `held` */
    /* of which a crash or RESTORE FROM CHECKPOINT left nothing; oldest first */
    ARRAY_OF(struct lost_epochs) lost_epochs;
    struct dead_letters *dead_letters;
    struct laminar_error step_error;
    struct durable *durable; /* NULL: nothing is kept on a disk */
    int64_t last_time_us;    /* of the newest step */
    int64_t replay_time_us;  /* the time of all steps while the log is replayed; 0 = the clock's */
    struct file_sink_start sink_start; /* for the next sink that is made */
    /* streams are made without backfill: their state comes from a checkpoint */
    bool is_restoring;
    struct timer timer;
    struct feeder feeder;

    struct mutex queue;
    struct cond queue_room;
    struct pending *queue_head, *queue_tail;
    struct pending *free_pending;
    size_t n_free_pending;
    _Atomic uint64_t queue_rows;
    _Atomic bool has_pending;
    _Atomic uint64_t n_queued, n_taken; /* of the queue, ever */
    /* statements that wait for step: the queue is left to them */
    _Atomic uint32_t n_step_waiters;
    _Atomic uint64_t n_full_subs; /* subscriptions with policy block that are at their bound */

    struct mutex registry;
    ARRAY_OF(struct subscription *) all_subs; /* those the user holds */
    struct subscription *deferred_subs;       /* given back inside a function: freed later */
    _Atomic bool has_deferred_subs;
    struct query_entry *queries; /* newest first: running ones and a bounded history */
    size_t n_queries;
    uint64_t next_query_id;

    _Atomic uint64_t events_ingested, events_emitted, events_dropped, batches, steps,
        backpressure_waits;
};

laminar_status database_open(const char *path, const struct settings *settings,
                             struct database **out, struct laminar_error *err) must_check;
struct database *database_ref(struct database *db);
void database_unref(struct database *db);
laminar_status database_close(struct database *db, struct laminar_error *err);
laminar_status database_start(struct database *db, struct laminar_error *err);
laminar_status database_shutdown(struct database *db, struct laminar_error *err);
/* LAMINAR_OK, or LAMINAR_CONNECTION_CLOSED, LAMINAR_SHUTDOWN; LAMINAR_CONNECTION_FAILED in a forked child. */
laminar_status database_check_open(const struct database *db, struct laminar_error *err) must_check;

/* --- Memory (memory.c) --------------------------------------------------------------------------------------------------------- */
/* Bytes of state, kept rows, queries and batches. @thread any */
int64_t memory_used(const struct database *db);
/* memory_limit was set: the pool keeps less or more. temp_directory was set: new rows are spilled there. */
void memory_limit_changed(struct database *db);
void memory_folder_changed(struct database *db);
void memory_spiller_init(struct memory_spiller *spiller, struct database *db, bool is_strict);
/* Of what is in the file. @thread any */
int64_t memory_spilled_bytes(struct database *db);
/* Files that a process left behind when it died between making and unlinking one. */
laminar_status memory_remove_leftovers(const char *folder, struct laminar_error *err) must_check;
/* Rows may come in: LAMINAR_OK, or LAMINAR_INGESTION_FAILED at the limit, after what can be spilled was spilled, and memory_wait_ms. The caller
 * holds no lock. */
laminar_status memory_admit(struct database *db, struct laminar_error *err) must_check;
/* For step.guard of a query, or of the backfill of a stream, that charges `account`. */
struct query_memory {
    struct memory_guard base;
    struct database *db;
    int64_t uncounted_bytes; /* of its results: the batch that is being filled */
    bool is_backfill;
};
struct query_memory memory_guard_query(struct database *db, struct mem_account *account,
                                       bool is_backfill);

/* --- Time (timer.c) ------------------------------------------------------------------------------------------------------------ */
/* What time it is for this database: the wall clock, or where SET clock put it. */
int64_t engine_clock_us(const struct database *db);
/* The same for a step: never goes back. Step owner. */
int64_t engine_step_time(struct database *db);
/* When the next step without input is due; 0 = never. Step owner. */
int64_t engine_next_wake(const struct database *db);
void timer_init(struct timer *timer);
void timer_deinit(struct timer *timer);
laminar_status timer_start(struct database *db, struct laminar_error *err) must_check;
/* Waits until the thread has ended. The caller holds no lock. */
void timer_stop(struct database *db);
/* Tells the thread when the next step is due. Step owner, after each step. */
void timer_update(struct database *db);
/* The clock was set. */
void timer_wake(struct database *db);

/* --- Sources with a connector (feed.c) --------------------------------------------------------------------------------------------------- */
void feeder_init(struct feeder *feeder);
void feeder_deinit(struct feeder *feeder);
/* From now on connectors are pulled. */
laminar_status feeder_start(struct database *db, struct laminar_error *err) must_check;
/* Waits until the thread has ended. The caller holds no lock. */
void feeder_stop(struct database *db);
/* Opens the relation's connector. */
laminar_status feed_create(struct database *db, struct relation *relation, struct feed **out,
                           struct laminar_error *err) must_check;
/* No poll begins after this. NULL is fine. */
void feed_close(struct database *db, struct feed *feed);
/* The relation has its runtime. NULL is fine. */
void feed_installed(struct database *db, struct feed *feed);
/* Somebody reads the source: what is not paced by the clock begins to flow. NULL is fine. */
void feed_want(struct database *db, struct feed *feed);
/* Waits until the sources with an end, below these relations, have come to it. Before start() nothing flows, and nothing is waited for. */
laminar_status feed_wait(struct database *db, struct relation *const *relations, uint32_t n,
                         const _Atomic bool *is_cancelled, struct laminar_error *err) must_check;
/* For SHOW: "waiting", "running", "ended" or "failed"; the failure goes to `failure` (may be NULL). */
const char *feed_state(struct database *db, struct feed *feed, struct laminar_error *failure);
laminar_status feed_describe(const struct relation *relation, struct source_shape *out,
                             struct laminar_error *err);

/* --- Ingestion and steps (step.c) ------------------------------------------------------------------------------------------------ */
/* Rows of the relation's own schema (prepared), all in one step. Takes the batch's reference over whatever happens. */
laminar_status engine_insert(struct database *db, struct relation *relation,
                             struct batch *take_batch, bool is_delete, struct laminar_error *err)
    must_check;
/* Rows that a connector gave, which goes on at `position` behind them. */
laminar_status engine_insert_from(struct database *db, struct relation *relation,
                                  struct batch *take_batch, uint64_t position,
                                  struct laminar_error *err) must_check;
/* The same for several batches, all in one step. The array stays the caller's, the references are taken over. */
laminar_status engine_insert_batches(struct database *db, struct relation *relation,
                                     struct batch **take_batches, size_t n,
                                     struct laminar_error *err) must_check;
/* Batches of several relations, all in one step: batch i belongs to relations[i]. */
laminar_status engine_insert_many(struct database *db, struct relation *const *relations,
                                  struct batch **take_batches, size_t n, struct laminar_error *err)
    must_check;
/* The first rows of a table, which the log has. The batch stays the caller's; he holds control. */
laminar_status engine_fill(struct database *db, struct relation *relation, struct batch *batch,
                           struct laminar_error *err) must_check;
/* No row with an event time below watermark_us follows. */
laminar_status engine_watermark(struct database *db, struct relation *relation,
                                int64_t watermark_us, struct laminar_error *err) must_check;
/* Deletes rows and inserts others (NULL = none) in one step; the caller holds step. Batches stay the caller's. */
laminar_status engine_apply_locked(struct database *db, struct relation *relation,
                                   struct batch *deleted, struct batch *inserted,
                                   struct laminar_error *err) must_check;
/* Waits for the step lock and runs what is pending or due: the caller owns the circuit and sees every insert that had returned. */
void engine_lock_step(struct database *db);
/* Lets go, and runs what came in meanwhile. */
void engine_unlock_step(struct database *db);
/* The same for a statement whose parts take the step lock themselves: nothing comes between them. */
void engine_lock_statement(struct database *db);
void engine_unlock_statement(struct database *db);
/* Control, for a statement that is made of statements, and for those. */
void engine_hold_control(struct database *db);
void engine_release_control(struct database *db);
/* Control, where the thread does not hold it in this way. */
void engine_lock_control(struct database *db);
void engine_unlock_control(struct database *db);
/* The head of a new step. The caller holds step. */
struct step engine_new_step(struct database *db, struct laminar_error *err);
/* Replay: the step that a record of the log describes. */
laminar_status engine_replay_step(struct database *db, struct pending *list, bool is_flush,
                                  bool gives_all, struct laminar_error *err) must_check;
/* Operators give out what they hold back (EMIT EVERY) in a step without input, which is logged like any other. The caller holds step. */
enum flush_kind {
    FLUSH_FOR_FREEZE, /* what is not in state tables */
    FLUSH_ALL         /* nobody comes after: shutdown */
};
laminar_status engine_flush_step(struct database *db, enum flush_kind kind,
                                 struct laminar_error *err) must_check;
/* Any relation that accepts rows, by name as the user wrote it (exact, then folded); referenced. LAMINAR_TABLE_NOT_FOUND with the nearest name. */
laminar_status engine_find_target(struct database *db, const char *name, struct relation **out,
                                  struct laminar_error *err) must_check;
/* Any relation, the same way. */
laminar_status engine_find_relation(struct database *db, const char *name, struct relation **out,
                                    struct laminar_error *err) must_check;
/* The same for holders of control; not referenced; NULL if unknown. */
struct relation *engine_lookup(struct database *db, const char *name);
/* Batch of any schema -> the relation's, DEFAULTs filled in, NOT NULL checked. `batch` stays the caller's. */
laminar_status engine_prepare_batch(struct database *db, struct relation *relation,
                                    struct batch *batch, struct batch **out,
                                    struct laminar_error *err) must_check;
/* Which rows of a column had no value and take its DEFAULT: all, or those whose bit is set. */
struct missing {
    bool is_all;
    const uint8_t *bits; /* NULL = none */
    size_t n_bits;       /* rows from here on are not missing */
};
/* Puts the DEFAULTs (of the columns that have one) in the place of missing values, and checks NOT NULL. `missing` has one entry a column. */
laminar_status engine_fill_defaults(struct database *db, struct relation *relation,
                                    struct batch *batch, const struct missing *missing,
                                    struct batch **out, struct laminar_error *err) must_check;

/* --- Relations (runtime.c). The caller holds control. --------------------------------------------------------------------------------- */
/* Makes the runtime, backfills (streams), registers in the catalog. plan_arena is taken over (moved) on success. */
laminar_status runtime_install(struct database *db, struct relation *relation, struct plan *plan,
                               struct arena *take_plan_arena, struct laminar_error *err) must_check;
/* Takes it out: subscribers finish, operators go. It must have no dependants. */
void runtime_remove(struct database *db, struct relation *relation);
/* The same without a name in the catalog: SUBSCRIBE to a query. `sub` (may be NULL) gets the backfill as its first delivery. */
laminar_status runtime_install_anonymous(struct database *db, struct relation *relation,
                                         struct plan *plan, struct arena *take_plan_arena,
                                         struct subscription *sub, struct laminar_error *err)
    must_check;
/* Takes an entry that another one is to replace off its input. */
void runtime_disconnect_scan(struct relation_runtime *runtime, uint32_t i);
/* leaves the catalog alone */
void runtime_uninstall(struct database *db, struct relation *relation);
void runtime_free(struct relation_runtime *runtime);
/* What it holds is read from its operators, of which parts are in a file: as one batch it might be larger than memory. */
bool runtime_reads_in_pieces(struct relation_runtime *runtime);
/* Gives what it holds to `take`, a chunk at a time. Step owner, until the end. */
laminar_status runtime_read_contents(struct relation_runtime *runtime,
                                     laminar_status (*take)(void *ctx, struct step *step,
                                                            const struct chunk *chunk),
                                     void *ctx, struct laminar_error *err) must_check;
/* Pushes what it holds into `scan`, a chunk at a time. Step owner, until the end. */
laminar_status runtime_push_contents(struct relation_runtime *runtime, struct step *step,
                                     struct circuit *circuit, struct op *scan) must_check;
/* All rows that the relation holds, as one batch; *out is NULL when there are none. For derived ones, and for snapshots of readers. The caller holds step. */
laminar_status runtime_contents(struct relation_runtime *runtime, struct batch **out,
                                struct laminar_error *err) must_check;
/* rows that SELECT would read; the caller holds step */
size_t runtime_n_rows(struct relation_runtime *runtime);
/* A batch of new rows for the readers: history, subscribers. Step owner. */
laminar_status runtime_deliver(struct relation_runtime *runtime, struct batch *batch,
                               struct laminar_error *err) must_check;
/* The batches that came into sources and tables have all come: subscribers get what was held. */
void runtime_deliver_held(struct database *db);

/* --- Compaction (compact.c) --------------------------------------------------------------------------------------------------------- */
bool compact_may_help(const struct plan *plan);
/* *batch without the rows that cancel; NULL when none are left. `builder`, of its schema, is empty before and after. *compactor is made when there is
 * something to do. */
laminar_status compact_batch(struct compactor **compactor, struct batch_builder *builder,
                             struct batch **batch, struct laminar_error *err) must_check;
void compactor_free(struct compactor *compactor);
/* Pushes the contents of `relation` into a scan (backfill, one-shot). The caller holds step, or `relation` is a snapshot's. */
laminar_status runtime_push_batch(struct relation_runtime *runtime, struct step *step,
                                  struct circuit *circuit, struct op *scan,
                                  const struct batch *batch) must_check;

/* --- Queries (query.c) -------------------------------------------------------------------------------------------------------------------- */
/* NULL: no memory */
struct query_entry *query_register(struct database *db, const char *sql, size_t size,
                                   bool is_subscription);
void query_finish(struct database *db, struct query_entry *entry);
laminar_status query_cancel(struct database *db, uint64_t id, struct laminar_error *err) must_check;

/* Rows of an answer. */
struct rows {
    struct schema *schema;
    struct batch **batches;
    size_t n_batches;
    size_t capacity;
    size_t n_rows;
    uint64_t epoch; /* the step that they are of, or a subscription's last one; 0 = unknown */
};
void rows_deinit(struct rows *rows);
laminar_status rows_add(struct rows *rows, struct batch *take_batch, struct laminar_error *err)
    must_check;

void engine_plan_context(struct database *db, struct arena *arena, const char *sql, size_t size,
                         const struct plan_params *params, struct laminar_error *err,
                         struct plan_context *out);
/* One-shot: plans under control, snapshots under step, runs on a private circuit. */
laminar_status engine_query(struct database *db, const struct ast_query *query, const char *sql,
                            size_t sql_size, const struct plan_params *params, struct rows *out,
                            struct laminar_error *err) must_check;
/* Runs the query and appends its plan with what each operator did, instead of the rows. */
laminar_status engine_analyze(struct database *db, const struct ast_query *query, const char *sql,
                              size_t sql_size, const struct plan_params *params, bool as_json,
                              struct strbuf *out, struct laminar_error *err) must_check;
/* Runs a finished plan. The caller holds control, or references the plan's relations. */
struct run_options {
    struct schema *schema;      /* of the answer, of the plan's types; NULL = made from the plan */
    bool is_single_batch;       /* else several of RESULT_BATCH_ROWS */
    bool holds_step;            /* the caller has locked the step */
    _Atomic bool *is_cancelled; /* may be NULL */
    const char *sql;            /* the statement, for the positions of row errors; may be NULL */
    size_t sql_size;
    /* EXPLAIN ANALYZE: times are taken, and the operators shown before they go */
    void (*on_done)(void *ctx, const struct circuit_part *part);
    void *on_done_ctx;
};
laminar_status engine_run_plan_into(struct database *db, const struct plan *plan,
                                    const struct run_options *options, struct rows *out,
                                    struct laminar_error *err) must_check;
/* Schema of a plan's answer. */
struct schema *plan_schema(const struct plan *plan);

/* --- Sharing (sharing.c). The caller holds step. --------------------------------------------------------------------------------------------------- */
struct plan_home *plan_home_create(struct relation_runtime *runtime); /* NULL: no memory */
void plan_home_unref(struct plan_home *home);
/* A stream that has been backfilled and isn't connected yet gives up operators that another one has too. */
laminar_status sharing_join(struct relation_runtime *runtime, bool is_named,
                            struct laminar_error *err) must_check;
/* The runtime's operators are replaced, in pairs. */
laminar_status sharing_adopt(struct relation_runtime *runtime, const struct op_pairs *pairs,
                             struct laminar_error *err) must_check;
/* The runtime's operators have been taken out. */
void sharing_leave(struct relation_runtime *runtime);
/* The user of the operator behind `last` (NULL: the first one), in the order in which they were made; NULL: no more. */
struct relation_runtime *sharing_next_user(const struct op *op,
                                           const struct relation_runtime *last);
/* A setting has another value: what there is isn't shared from now on, if values depend on it. */
void sharing_setting_changed(struct database *db, const char *name);
/* Appends the names of the relations that use the operator, but for `except`; nothing where it is not shared. */
void sharing_names(const struct op *op, const struct relation *except, struct strbuf *out);
/* EXPLAIN of a stream's plan, with what would be shared. */
void sharing_explain(struct database *db, const struct plan *plan, bool as_json,
                     struct strbuf *out);

/* --- Statements (statement*.c) ----------------------------------------------------------------------------------------------------------------- */
struct statement_result {
    laminar_result_kind kind;
    uint64_t rows_affected;
    char ddl_type[48];
    char *ddl_object;
    struct rows rows;
};
void statement_result_deinit(struct statement_result *result);
/* What all the statement functions get. */
struct statement_call {
    struct database *db;
    const char *sql; /* the whole text, for positions */
    size_t sql_size;
    const struct ast_statement *statement;
    const struct plan_params *params;
    struct statement_result *out;
    struct laminar_error *err;
};
/* Adds the position of byte `offset` to a failure; returns `status`. */
laminar_status statement_at(struct statement_call *call, laminar_status status, uint32_t offset);
/* Whether DROP and SHOW CREATE may call a relation of this kind by this name. */
bool statement_names_kind(enum ast_object_kind object, enum relation_kind kind);
laminar_status engine_execute(struct statement_call *call) must_check;
laminar_status engine_create(struct statement_call *call) must_check; /* statement_ddl.c */
laminar_status engine_drop(struct statement_call *call) must_check;
laminar_status engine_copy(struct statement_call *call) must_check;
laminar_status engine_cursor(struct statement_call *call) must_check; /* cursor.c */
void cursors_close(struct database *db);
/* A relation that takes rows, by its name in the statement: 400 with the position where there is none. Referenced. */
laminar_status statement_find_target(struct statement_call *call, const struct ast_qname *name,
                                     struct relation **out) must_check;
laminar_status engine_dml(struct statement_call *call) must_check; /* statement_dml.c */
/* The rows that INSERT would put into the relation. The caller holds control. */
laminar_status engine_insert_rows(struct statement_call *call, const struct ast_insert *insert,
                                  struct relation *relation, struct batch **out) must_check;
/* statement_show.c: SHOW, DESCRIBE, EXPLAIN, SET */
laminar_status engine_show(struct statement_call *call) must_check;

/* --- LATE DATA TO (late_data.c) -------------------------------------------------------------------------------------------------------------------- */
/* The window of a plan whose late rows go somewhere; NULL: none. */
const struct plan *late_data_plan(const struct plan *plan);
/* The statement that makes a source for them. */
laminar_status late_data_ddl(const struct plan *window, struct strbuf *out,
                             struct laminar_error *err) must_check;
/* Can the stream's late rows go to this relation, which is there? */
laminar_status late_data_check(const struct relation *relation, const struct plan *window,
                               const struct relation *target, struct laminar_error *err) must_check;
laminar_status late_data_depend(struct relation *relation, struct relation *target,
                                struct laminar_error *err) must_check;
laminar_status late_data_connect(struct relation_runtime *runtime, struct laminar_error *err)
    must_check;
/* The stream goes: what it holds of late rows is dropped. The caller holds step. */
void late_data_forget(struct relation_runtime *runtime);
/* Takes one batch of db->late, which is not empty. The batch is the caller's. */
laminar_status late_data_next(struct database *db, struct pending *out, struct laminar_error *err)
    must_check;
/* Late rows that no step has taken yet (of a backfill). The caller holds step. */
laminar_status engine_run_late(struct database *db, struct laminar_error *err) must_check;

/* --- Rows that streams have left out (dead_letters.c) ------------------------------------------------------------------------------------------------ */
laminar_status dead_letters_create(struct database *db, struct laminar_error *err) must_check;
/* NULL is fine */
void dead_letters_free(struct dead_letters *letters);
/* NULL is fine */
const struct bad_row_taker *dead_letters_taker(const struct dead_letters *letters);
struct state *dead_letters_state(struct dead_letters *letters);
/* For system.dead_letters. The caller holds step. */
void dead_letters_fill(struct database *db, struct rowset *set);

/* --- System relations (system.c) ----------------------------------------------------------------------------------------------------------------- */
laminar_status system_install(struct database *db, struct laminar_error *err) must_check;
/* The rows of system.x now. The caller holds control and step. */
laminar_status system_rows(struct database *db, const struct relation *relation, struct batch **out,
                           struct laminar_error *err) must_check;

/* --- Subscriptions (subscription.c) ---------------------------------------------------------------------------------------------------------------- */
laminar_status engine_subscribe(struct database *db, const char *name_or_sql,
                                const laminar_subscribe_options *options, struct subscription **out,
                                struct laminar_error *err) must_check;
/* The same for a parsed text of one statement, with its parameters. */
laminar_status engine_subscribe_script(struct database *db, const struct ast_script *script,
                                       const struct plan_params *params,
                                       const laminar_subscribe_options *options,
                                       struct subscription **out, struct laminar_error *err)
    must_check;
/* A delivery from the step owner; shares the batch. */
void subscription_push(struct subscription *sub, struct batch *batch);
/* The same for several of one step, so that a reader who takes one takes all. */
void subscription_push_all(struct subscription *sub, struct batch *const *batches, size_t n);
/* No more will come: dropped relation, shutdown, close, or failure (err; else NULL). */
void subscription_finish(struct subscription *sub, const struct laminar_error *err);
/* Nothing is queued, and more may come. Without the lock, which whoever polls would keep from the step. */
bool subscription_is_idle(const struct subscription *sub);
laminar_status subscription_next(struct subscription *sub, int64_t timeout_ms, struct rows *out,
                                 struct laminar_error *err) must_check;
void subscription_cancel(struct subscription *sub);
void subscription_unref(struct subscription *sub);
/* The user's handle. Inside a function that the database calls it is only cancelled, and freed by the next call outside. */
void subscription_free(struct subscription *sub);
void subscriptions_free_deferred(struct database *db);
struct schema *subscription_schema(const struct subscription *sub); /* borrowed */
laminar_subscription_state subscription_state(const struct subscription *sub);
uint64_t subscription_dropped_rows(const struct subscription *sub);
/* All up to this step has been handed out. @thread any */
uint64_t subscription_epoch(const struct subscription *sub);
uint64_t subscription_pending_rows(struct subscription *sub);
/* Ends the unnamed streams that read `relation` (NULL: all). The caller holds control. */
laminar_status subscriptions_uninstall_readers(struct database *db, const struct relation *relation,
                                               struct laminar_error *err) must_check;
uint64_t subscription_query_id(const struct subscription *sub);
struct relation *subscription_relation(const struct subscription *sub); /* borrowed */
bool subscription_wants_changes(const struct subscription *sub);
bool subscription_is_anonymous(const struct subscription *sub);
/* Takes the runtime, which goes away, out of its subscriptions. Step owner. */
void subscriptions_forget(struct relation_runtime *runtime);
int subscription_fd(struct subscription *sub, struct laminar_error *err);
/* Waits until no full subscription downstream of `relation` blocks it, as long as they are being drained; else LAMINAR_INGESTION_FAILED. */
laminar_status subscriptions_wait_room(struct database *db, const struct relation *relation,
                                       struct laminar_error *err) must_check;

/* --- File sinks (file_sink.c) ------------------------------------------------------------------------------------------------------------------------- */
laminar_status file_sink_open(const struct relation *relation, const struct file_sink_start *start,
                              struct file_sink **out, struct laminar_error *err) must_check;
uint64_t file_sink_base(const struct file_sink *sink);
uint64_t file_sink_offset(const struct file_sink *sink);
laminar_status file_sink_release(struct file_sink *sink, struct laminar_error *err) must_check;
/* All that was lost has been written again: cuts what lies behind it. */
laminar_status file_sink_recovered(struct file_sink *sink, struct laminar_error *err) must_check;
laminar_status file_sink_write(struct file_sink *sink, const struct batch *batch,
                               struct laminar_error *err) must_check;
/* NULL is fine */
laminar_status file_sink_close(struct file_sink *sink, struct laminar_error *err);

#endif
