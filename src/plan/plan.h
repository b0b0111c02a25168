/* plan.h - bound expressions and logical plans: what the binder makes, the rewriter improves,
 * EXPLAIN prints, and exec turns into operators.
 *
 * All nodes live in one arena. A column reference is an index into the output columns of the
 * node's input (for a join: the left's columns, then the right's). Types are final: every
 * coercion is an explicit EXPR_CAST. */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "catalog/catalog.h"
#include "function/function.h"

/* --- Expressions ------------------------------------------------------------------------------ */
enum expr_kind {
    EXPR_COLUMN, /* column */
    EXPR_CONST,  /* value: a VEC_CONST vector */
    /* fn, args (casts included: CAST is a call of the function that cast_bind gives, with
     * is_cast set) */
    EXPR_CALL,
    /* args, two or more; three-valued; later ones are not evaluated for rows that an earlier one
     * decides */
    EXPR_AND,
    EXPR_OR,
    EXPR_CASE,     /* args: when1, then1, when2, then2 ..., else (always present); whens are BOOL */
    EXPR_COALESCE, /* args */
    EXPR_IN_LIST,  /* args[0] IN (args[1..]): all constants; is_negated */
    /* only between binder and rewriter, never in a finished plan: */
    EXPR_SUBQUERY, /* scalar, EXISTS, IN; subquery */
    EXPR_OUTER     /* a column of an enclosing query: depth, column */
};
struct plan;
enum subquery_kind { SUBQUERY_SCALAR, SUBQUERY_EXISTS, SUBQUERY_IN };

struct expr {
    enum expr_kind kind;
    struct data_type type;
    bool is_nullable;
    bool is_cast;              /* EXPR_CALL that is a CAST, for printing */
    bool is_negated;           /* EXPR_IN_LIST, EXPR_SUBQUERY */
    uint32_t column;           /* EXPR_COLUMN, EXPR_OUTER */
    uint32_t depth;            /* EXPR_OUTER: 1 = the next enclosing query */
    struct bound_function *fn; /* EXPR_CALL */
    struct expr **args;
    uint32_t n_args;
    struct vector value; /* EXPR_CONST */
    uint32_t sql_offset; /* where it stands in the SQL text */
    enum subquery_kind subquery_kind;
    struct plan *subquery;
};
struct expr *expr_column(struct arena *arena, uint32_t column, struct data_type type,
                         bool is_nullable);
/* A constant copied from row `row` of v (bytes too). */
struct expr *expr_const(struct arena *arena, const struct vector *v, size_t row);
bool expr_is_const(const struct expr *e);
/* A tree of its own: no expression node is ever shared by two places of a plan. NULL: no memory. */
struct expr *expr_copy(struct arena *arena, const struct expr *e);
/* Whether one may stand for the other everywhere. */
bool expr_equal(const struct expr *a, const struct expr *b);
/* The same for two constants, which is more than comparing equal: a month equals 30 days, and 0.0 equals -0.0, but not when added to a date or divided by. */
bool expr_const_identical(const struct expr *a, const struct expr *b);
/* Calls visit on every column index in e (pre-order); visit may change it. */
void expr_map_columns(struct expr *e, uint32_t (*map)(void *ctx, uint32_t column), void *ctx);
bool expr_is_volatile(const struct expr *e); /* FN_VOLATILE or FN_STEP_STABLE somewhere */
bool expr_is_fallible(const struct expr *e);
/* names columns by the input's */
void expr_print(const struct expr *e, const struct plan *input, struct strbuf *out);

/* --- Plans ------------------------------------------------------------------------------------ */
enum plan_kind {
    PLAN_SCAN,      /* relation; columns scan_cols of it (projection pushed down) */
    PLAN_VALUES,    /* constant rows: exprs, n_rows */
    PLAN_FILTER,    /* predicate */
    PLAN_PROJECT,   /* exprs */
    PLAN_AGGREGATE, /* group keys, aggregates, window */
    PLAN_JOIN,      /* two inputs */
    PLAN_UNION_ALL, /* n inputs of equal types */
    PLAN_DISTINCT,  /* whole rows */
    PLAN_UNNEST,    /* each row once for each element of its arrays or series */
    PLAN_EXPAND,    /* each row once a grouping set: exprs, n_rows = sets */
    PLAN_RECURSIVE, /* WITH RECURSIVE: the first part, what the recursive part reads besides */
    PLAN_WORKING,   /* in a recursive part: the rows of the round before, or of an input */
    PLAN_SET,       /* INTERSECT, EXCEPT of two inputs of equal types */
    /* ORDER BY + LIMIT/OFFSET, per partition if any; also a bare LIMIT (no keys) */
    PLAN_TOP_N,
    /* ORDER BY without LIMIT: orders the answer of a one-shot query; a stream ignores it (noted
     * in EXPLAIN) */
    PLAN_SORT,
    /* TABLE(TUMBLE/HOP(...)): adds window_start, window_end; one output row per window of the
     * row */
    PLAN_WINDOW_TABLE,
    /* window functions of one PARTITION BY ... ORDER BY: the input's columns, then one a call */
    PLAN_OVER,
    /* EMIT EVERY above anything but a single aggregate: gives changes out once a period */
    PLAN_HOLD,
    /* streams: the rows for which it is time, e.g. ts > now() - INTERVAL '1 hour' */
    PLAN_TIME_FILTER
};

/* TUMBLE and HOP in a GROUP BY, or as table function. All times are in microseconds of the
 * event-time axis. */
enum window_kind { WINDOW_NONE = 0, WINDOW_TUMBLE, WINDOW_HOP, WINDOW_SESSION, WINDOW_CUMULATE };
struct window_spec {
    enum window_kind kind;
    /* over the input; TIMESTAMP[TZ] of any unit, DATE, or BIGINT milliseconds */
    struct expr *time;
    int64_t size_us;  /* SESSION: the gap */
    int64_t slide_us; /* HOP: slide; TUMBLE: = size; CUMULATE: step */
    int64_t offset_us;
    /* the plan above reads window_end but not window_start: the end carries the watermark */
    bool end_is_time;
    bool is_event_time; /* `time` carries the input's watermark: windows can close */
    /* with is_event_time: `time` is PROCTIME(), and the clock is the watermark */
    bool is_clock;
};

struct aggregate_call {
    struct bound_aggregate *agg;
    struct expr **args; /* over the input */
    uint32_t n_args;
    struct expr *filter; /* BOOL, or NULL */
    bool is_distinct;
    struct expr **order_args;    /* ORDER BY inside the call */
    struct sort_key *order_keys; /* column = index into order_args */
    uint32_t n_order;
};

/* --- Window functions --- */
enum over_kind {
    OVER_ROW_NUMBER,
    OVER_RANK,
    OVER_DENSE_RANK,
    OVER_PERCENT_RANK,
    OVER_CUME_DIST,
    OVER_NTILE,
    OVER_LAG, /* LEAD is a LAG by -n */
    OVER_FIRST_VALUE,
    OVER_LAST_VALUE,
    OVER_NTH_VALUE,
    OVER_AGGREGATE
};
enum frame_unit { FRAME_ROWS, FRAME_RANGE, FRAME_GROUPS };
/* in the order in which they lie */
enum frame_bound_kind {
    BOUND_FIRST, /* UNBOUNDED PRECEDING */
    BOUND_PRECEDING,
    BOUND_CURRENT,
    BOUND_FOLLOWING,
    BOUND_LAST
};
enum frame_exclude { EXCLUDE_NONE, EXCLUDE_CURRENT, EXCLUDE_GROUP, EXCLUDE_TIES };
struct frame_bound {
    enum frame_bound_kind kind;
    uint64_t n;      /* PRECEDING, FOLLOWING of ROWS and GROUPS */
    uint32_t column; /* the same of RANGE: input column with the row's edge, of the type of `key` */
};
struct over_frame {
    enum frame_unit unit;
    struct frame_bound start, end;
    enum frame_exclude exclude;
    uint32_t key; /* RANGE with offsets: what edges are compared with */
};
struct over_call {
    enum over_kind kind;
    const char *name;          /* as written, for EXPLAIN */
    struct aggregate_call agg; /* arguments: input columns or constants; `agg` of AGGREGATE alone */
    struct data_type type;
    bool is_nullable;
    bool ignores_nulls;
    int64_t n;               /* LAG: how far back; NTH_VALUE: which; NTILE: buckets */
    struct over_frame frame; /* also of calls that have none: whole partition then */
};
/* What the frame of a call needs to know of the rows around one that changes. */
enum over_reach {
    REACH_NEAR, /* rows, groups or key values at a fixed distance */
    /* from the partition's first row to the row or its peers: what follows changes */
    REACH_RUNNING,
    REACH_ALL /* anything may change everything */
};
enum over_reach over_call_reach(const struct over_call *call);
/* Of one that is running: is the value before a row all that its value needs (min, max ...)? */
bool over_call_is_own_state(const struct over_call *call);
/* Does the value depend on peers, so that all of them change together? */
bool over_call_sees_peers(const struct over_call *call);

enum join_kind { JOIN_INNER, JOIN_LEFT, JOIN_RIGHT, JOIN_FULL, JOIN_SEMI, JOIN_ANTI, JOIN_CROSS };
enum join_strategy {
    STRATEGY_HASH, /* symmetric: both sides' deltas probe the other's state */
    STRATEGY_ASOF,
    /* left rows meet the right side as it is when they come; later changes there don't matter */
    STRATEGY_LOOKUP,
    STRATEGY_INTERVAL, /* hash with a time bound on both sides: state is evicted by the watermark */
    STRATEGY_TEMPORAL, /* like ASOF >=: the right row of the key that is valid at a time */
    STRATEGY_NESTED    /* no equality: cross product with a condition */
};
enum asof_match { ASOF_GE, ASOF_GT, ASOF_LE, ASOF_LT, ASOF_NEAREST };

/* One argument of UNNEST, or one series. */
enum unnest_kind { UNNEST_LIST, UNNEST_MAP, UNNEST_SERIES };
struct unnest_item {
    enum unnest_kind kind;
    bool excludes_end;  /* range() */
    struct expr **args; /* over the input: the array or map; or from, to, step */
    uint32_t n_args;
};

enum set_kind { SET_INTERSECT, SET_EXCEPT };

/* TIME_FILTER: `row op clock`. LT, LE begin to hold at some moment, GT, GE stop to. */
enum time_bound_op { TIME_LT, TIME_LE, TIME_GT, TIME_GE };
struct time_bound {
    struct expr *row;   /* over the input; an integer, DATE or TIMESTAMP, like `clock` */
    struct expr *clock; /* now() and constants; never decreases while time goes on */
    enum time_bound_op op;
    bool is_shift; /* clock is now() plus a constant; both in microseconds */
};

/* TOP_N: what `limit` counts. */
enum top_ties {
    TIES_CUT,   /* rows */
    TIES_RANK,  /* rows, and the peers of the last one: RANK() <= limit */
    TIES_DENSE, /* groups of peers: DENSE_RANK() <= limit */
};

/* What the rest of the plan may rely on, of a node's output. Computed bottom-up by
 * plan_properties. */
enum state_bound {
    STATE_NONE,      /* keeps nothing */
    STATE_CONST,     /* a fixed number of rows (top-N, aggregate without keys) */
    STATE_KEYS,      /* grows with the number of distinct keys */
    STATE_WATERMARK, /* what is below the watermark is given up */
    STATE_CLOCK,     /* rows leave as time passes */
    STATE_TABLE,     /* as large as a table */
    STATE_UNBOUNDED  /* grows with the input */
};
struct plan_properties {
    bool is_append_only; /* no retraction ever leaves it */
    uint32_t *key_cols;  /* output columns that identify a row at any time; NULL = none known */
    uint32_t n_key_cols;
    bool has_key; /* n_key_cols may be 0 with has_key: at most one row */
    /* Output column that carries the watermark (no change with an earlier time will come); -1 =
     * none. Of a windowed aggregate it is window_start, whose watermark lags the input's by the
     * window's size. */
    int32_t time_col;
    /* With a time_col: what it takes back is never behind the watermark either, so whoever reads it
     * can give up rows that the watermark has passed. A keyed source is not timely: it takes an
     * old row back when a new one replaces it. */
    bool is_timely;
    /* Each row is taken back some time after the clock has passed a value of it. */
    bool is_fleeting;
    /* Bounds of the window that the row is of: column + 1, 0 = none. The end is never before the
     * watermark where the start carries it; where both are set, each determines the other. */
    uint32_t window_start, window_end;
    enum state_bound state; /* of this node alone */
    const char *state_note; /* one phrase for EXPLAIN: "one row per carrier, origin" */
};

struct plan_column {
    const char *name;  /* as in the result */
    const char *table; /* alias that qualifies it; NULL = none */
    struct data_type type;
    bool is_nullable;
};

struct plan {
    enum plan_kind kind;
    struct plan **inputs;
    uint32_t n_inputs;
    struct plan_column *cols;
    uint32_t n_cols;
    struct plan_properties props;
    uint32_t sql_offset;

    /* PLAN_SCAN */
    struct relation *relation;
    uint32_t *scan_cols; /* output column i is the relation's column scan_cols[i] */

    /* PLAN_VALUES: n_rows x n_cols; PLAN_PROJECT: n_cols; PLAN_EXPAND: n_rows x n_cols, each a
     * column of the input or a constant */
    struct expr **exprs;
    size_t n_rows;

    /* PLAN_FILTER; PLAN_JOIN: what is left over after keys and time conditions (over left ++
     * right), may be NULL */
    struct expr *predicate;

    /* PLAN_AGGREGATE. Output columns: [window_start, window_end if window.kind != NONE], group
     * keys, aggregates. Both bounds are TIMESTAMP(3). Emission (mode, period, lateness) applies
     * to the window, if there is one. */
    struct expr **group;
    uint32_t n_group;
    struct aggregate_call *aggs;
    uint32_t n_aggs;
    struct window_spec window; /* also PLAN_WINDOW_TABLE */
    enum emit_mode emit;       /* resolved: never EMIT_DEFAULT in a finished stream plan */
    int64_t emit_every_us;     /* also PLAN_HOLD */
    int64_t lateness_us;
    /* LATE DATA TO: the relation that gets rows which come too late for all their windows, with all
     * columns of the input; NULL: they are counted only */
    const char *late_data;

    /* PLAN_JOIN. Output: left columns, right columns (SEMI, ANTI: left only). */
    enum join_kind join_kind;
    enum join_strategy strategy;
    struct expr **left_keys;  /* over the left input alone, types equal pairwise */
    struct expr **right_keys; /* over the right input alone */
    uint32_t n_keys;
    struct expr *left_time;  /* ASOF, INTERVAL, TEMPORAL: over the left input */
    struct expr *right_time; /* over the right input; both of one type */
    enum asof_match asof;
    bool has_tolerance;
    int64_t tolerance_us;
    /* ASOF, TEMPORAL: left_time isn't the left input's event time (or its retractions don't keep to
     * the watermark), so the watermark says nothing about it; the same for the right. */
    bool ignores_left_watermark;
    bool ignores_right_watermark;
    /* left_time is the left event time plus something from shift_min_us to shift_max_us */
    int64_t shift_min_us;
    int64_t shift_max_us;
    bool right_is_constant; /* LOOKUP: it never changes */
    /* INTERVAL: right_time BETWEEN left_time + lower AND left_time + upper; INT64_MIN, INT64_MAX =
     * no such bound. `emit` says when rows without a match come out. */
    int64_t lower_us;
    int64_t upper_us;

    /* PLAN_UNNEST. Output: columns pass[0..n_pass) of the input, one column an item (a map: key
     * and value), ordinality BIGINT if there is one. */
    struct unnest_item *unnest;
    uint32_t n_unnest;
    uint32_t *pass;
    uint32_t n_pass;
    bool is_unnest_outer; /* a row without elements comes out once, with nulls */
    bool has_ordinality;

    /* PLAN_SET */
    enum set_kind set_kind;
    bool is_set_all; /* ALL: rows are counted; also PLAN_RECURSIVE */

    /* PLAN_RECURSIVE. Until the last rewrite inputs[1] is the recursive part and term NULL. */
    struct plan *term;     /* the recursive part; its leaves are PLAN_WORKING */
    uint32_t recursion;    /* PLAN_RECURSIVE and PLAN_WORKING: which belong together */
    uint32_t working_port; /* PLAN_WORKING: 0 = the rows found, else the node's input */

    /* PLAN_TOP_N, PLAN_SORT: keys are output columns */
    struct sort_key *sort;
    uint32_t n_sort;
    uint32_t *partition; /* TOP_N per group; output columns */
    uint32_t n_partition;
    bool has_limit;
    uint64_t limit;
    uint64_t offset;
    enum top_ties ties; /* TOP_N */

    /* PLAN_TIME_FILTER: a row is there while all of them hold */
    struct time_bound *time_bounds;
    uint32_t n_time_bounds;

    /* PLAN_OVER: partition and sort are as above, but input columns; calls */
    struct over_call *overs;
    uint32_t n_overs;
};

/* --- Binding and planning --------------------------------------------------------------------- */
/* Values of $1, ?, :name for a prepared statement: VEC_CONST vectors. */
struct plan_params {
    const struct vector *values;
    uint32_t n_values;
};
/* What the binder needs of the world. */
struct plan_context {
    struct arena *arena; /* of the plan */
    const struct catalog *catalog;
    struct function_library *functions; /* the program's own; may be NULL */
    const char *registered_name;        /* out: one of them that is called, or NULL */
    const char *sql;                    /* for error positions */
    size_t sql_size;
    const struct plan_params *params; /* may be NULL: a parameter is an error then */
    const char *zone;
    /* binds for a stream: what can't be kept incrementally is refused */
    bool is_stream;
    /* Runs a constant expression or a plan over constants (exec is above us): fold calls it. */
    laminar_status (*evaluate)(void *ctx, const struct expr *e, struct arena *arena,
                               struct vector *out, struct laminar_error *err);
    void *evaluate_ctx;
    struct laminar_error *err;
    /* Values of ${NAME} in the options of DDL; NULL: undefined. No function: options are taken
     * as they are. */
    const char *(*variable)(void *ctx, const char *name);
    void *variable_ctx;
    /* What the connector of a source (relation->connector, with its options) knows. LAMINAR_QUERY_UNSUPPORTED: there is no such connector.
     * NULL: there are none. */
    laminar_status (*describe_source)(const struct relation *relation, struct source_shape *out,
                                      struct laminar_error *err);
    /* set by plan_query: the query has a windowed aggregate as it is written, though it may be known to have no rows */
    bool has_window;
    /* set by plan_query: LATE DATA TO takes all columns of what is windowed */
    bool keeps_late_rows;
    uint32_t n_recursions; /* counted by the binder */
    uint32_t n_nodes;      /* counted by the planner, against its limit; starts at 0 */
};
/* Syntax tree to a finished plan: bound, rewritten, properties filled in. `emit` is the query's
 * EMIT clause, resolved into the plan. */
laminar_status plan_query(struct plan_context *ctx, const struct ast_query *query,
                          struct plan **out) must_check;
/* A predicate or scalar over one relation's columns (filters, DEFAULTs, DELETE/UPDATE ...
 * WHERE). */
laminar_status plan_expr(struct plan_context *ctx, const struct ast_expr *ast,
                         const struct plan_column *cols, uint32_t n_cols, struct expr **out)
    must_check;
/* Casts e to `type` as assignment does (INSERT): implicit, or text literal; else
 * LAMINAR_BATCH_SCHEMA_MISMATCH naming `column`. */
laminar_status plan_assign(struct plan_context *ctx, struct expr *e, struct data_type type,
                           const char *column, struct expr **out) must_check;
/* INSERT: a plan whose columns are all the relation's, in order and of its types: the query's
 * (cast as by plan_assign; literals in VALUES adapt), and for columns that the statement leaves
 * out their DEFAULT or null. Wrong names, counts and types are errors with positions. */
laminar_status plan_insert_into(struct plan_context *ctx, const struct ast_insert *insert,
                                const struct relation *into, struct plan **out) must_check;
/* UPDATE or DELETE (the other is NULL) of `relation`: a plan of the rows that change, all columns, and for UPDATE
 * behind them the columns of the new rows. For statements that read other tables; reads no EMIT. */
laminar_status plan_change(struct plan_context *ctx, const struct relation *relation,
                           const struct ast_update *update, const struct ast_delete *del,
                           struct plan **out) must_check;
/* Has the expression a subquery? */
bool ast_has_subquery(const struct ast_expr *ast);
/* Type name in DDL to a type. */
laminar_status plan_type(struct plan_context *ctx, const struct ast_type_name *name,
                         struct data_type *out) must_check;
/* CREATE ... to a relation (validated whole: schema, keys, watermark, options, query). For
 * STREAM, VIEW and SINK `*out_plan` is the query's plan; for CREATE TABLE ... AS it is the plan
 * of the rows to insert once; else NULL. The names in use are not looked at: IF NOT EXISTS and
 * OR REPLACE are the caller's. */
laminar_status plan_create(struct plan_context *ctx, const struct ast_statement *statement,
                           struct relation **out, struct plan **out_plan) must_check;
/* The tree as text, one node a line, with what each emits, its key, its event time and what
 * bounds its state. */
void plan_explain(const struct plan *plan, bool as_json, struct strbuf *out);
/* The same with what running it has cost: EXPLAIN ANALYZE. `find` is false for nodes that have no operator of their own. */
struct plan_node_cost {
    uint64_t rows_in, rows_out;
    int64_t time_us;
};
struct plan_costs {
    /* may be NULL */
    bool (*find)(void *ctx, const struct plan *node, struct plan_node_cost *out);
    /* Something to say of a node, in the order in which they are shown; nothing is appended for most. May be NULL */
    void (*note)(void *ctx, const struct plan *node, struct strbuf *out);
    void *ctx;
};
void plan_explain_costs(const struct plan *plan, bool as_json, const struct plan_costs *costs,
                        struct strbuf *out);
/* Of a windowed aggregate: the length of the panes that its windows are made of, when each row is added to one
 * of them and closing a window combines them; 0 = a row is added to each of its windows. Windows that
 * come out while they are open, and change then, are not made of panes. */
int64_t plan_window_pane_us(const struct plan *aggregate, bool is_one_shot);
/* The same of a stream whose windows change while they are open: panes by which the rows of one step can be added up; 0: each row goes to each of its windows. */
int64_t plan_window_step_pane_us(const struct plan *aggregate);
int64_t window_n_of_row(const struct window_spec *window); /* windows that a row can be in */
/* Is it called like a function, without being one: COALESCE, TUMBLE ...? Such names can't be given to functions. */
bool plan_is_special_call(const char *name);
/* Functions that are in no family, because the binder makes nodes of them: window functions, time windows, UNNEST ...
 * NULL behind the last. */
struct plan_function {
    const char *name, *kind, *signature, *help;
};
const struct plan_function *plan_function_at(size_t i);
/* --- Sharing (plan_equal.c) -------------------------------------------------------------------- */
/* Do they compute the same rows in every step, to the last bit? Names don't count. */
bool plan_equal(const struct plan *a, const struct plan *b);
/* Does one set of operators do for all plans with an equal part: it keeps state, and depends on nothing but its input's rows? */
bool plan_is_shareable(const struct plan *plan);
bool plan_has_lookup(const struct plan *plan);
/* Relations that the plan reads, each once: an array in the arena (NULL for none). */
laminar_status plan_inputs(const struct plan *plan, struct arena *arena, struct relation ***out,
                           uint32_t *n_out) must_check;

#endif
