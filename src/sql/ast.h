/* ast.h - the syntax tree of the dialect: what was written, with positions, before any name has a meaning.
 *
 * The parser makes it; the binder reads it; the printer turns it back into SQL. All nodes, names and texts live in the arena that was
 * given to the parser and are immutable afterwards; nothing is freed singly. Tagged unions: `kind` says which member of `u` is set.
 *
 * Invariants
 *   - Positions are byte offsets [start, end) into the text that was parsed; error_position(err, sql, size, node->span.start) shows them.
 *   - Names are zero-terminated, valid UTF-8 without NUL bytes; unquoted ones are folded to lower case (ASCII letters only).
 *   - An optional part that was left out is NULL, or a list with n == 0.
 *   - Depth: on any path from a statement to a leaf there are at most AST_MAX_DEPTH expressions, queries, table references and types
 *     together, so later passes may recurse over the tree without counting. Deeper text is a parse error. Long chains don't count:
 *     `a AND b AND c ...`, `a OR b ...`, and a chain of one set operation, are flat lists here.
 *     Chains of other binary operators (`1 + 2 + 3 ...`) are left-deep and do count. */
#ifndef SQL_AST_H
#define SQL_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AST_MAX_DEPTH 1000

struct ast_expr;
struct ast_query;
struct ast_statement;
struct ast_table_ref;

/* Bytes [start, end) of the SQL text. */
struct ast_span {
    uint32_t start;
    uint32_t end;
};

/* --- Names -------------------------------------------------------------------------------------------------------- */

struct ast_name {
    const char *text; /* NULL: no name was given */
    size_t size;
    struct ast_span span;
    bool is_quoted; /* written "Like This": keep the case; an unquoted one is lower case already */
};

struct ast_name_list {
    struct ast_name *items;
    size_t n;
};

/* `a`, `a.b`, `a.b.c`: the last part is the thing itself. n is 0 where the name was left out. */
struct ast_qname {
    struct ast_name *parts;
    size_t n;
    struct ast_span span;
};

static inline const struct ast_name *ast_qname_last(const struct ast_qname *name)
{
    return &name->parts[name->n - 1];
}

/* --- Types -------------------------------------------------------------------------------------------------------- */

enum ast_type_kind {
    AST_TYPE_SIMPLE, /* name(args) [UNSIGNED] [WITH | WITHOUT TIME ZONE] */
    AST_TYPE_ARRAY,  /* T[], T[n], ARRAY<T> */
    AST_TYPE_STRUCT, /* STRUCT<a T, ...>, STRUCT(a T, ...) */
    AST_TYPE_MAP     /* MAP<K, V>, MAP(K, V) */
};

enum ast_zone { AST_ZONE_UNSPECIFIED, AST_ZONE_WITH, AST_ZONE_WITHOUT };

struct ast_type_field;

struct ast_type_name {
    enum ast_type_kind kind;
    struct ast_span span;
    /* SIMPLE. Spellings of two words are one here: "double precision" -> "double", "character varying" -> "varchar". Others are as
     * written ("int4", "text", ...): the binder knows which exist. */
    struct ast_name name;
    uint64_t args[2]; /* DECIMAL(p, s), VARCHAR(n), TIMESTAMP(3) */
    size_t n_args;
    bool is_unsigned;
    enum ast_zone zone;
    /* ARRAY: element. MAP: key and element (the value). */
    struct ast_type_name *element;
    struct ast_type_name *key;
    bool has_length; /* T[n] */
    uint64_t length;
    /* STRUCT */
    struct ast_type_field *fields;
    size_t n_fields;
};

struct ast_type_field {
    struct ast_name name;
    struct ast_type_name *type;
};

/* --- Expressions -------------------------------------------------------------------------------------------------- */

struct ast_expr_list {
    struct ast_expr **items;
    size_t n;
};

struct ast_order_item {
    struct ast_expr *expr;
    struct ast_span span;
    bool is_descending;
    /* default: last ascending, first descending */
    enum ast_nulls { AST_NULLS_DEFAULT, AST_NULLS_FIRST, AST_NULLS_LAST } nulls;
};
struct ast_order_list {
    struct ast_order_item *items;
    size_t n;
};

/* clang-format off */
#define AST_EXPR_KIND_LIST(X) \
    X(NULL) X(BOOL) X(NUMBER) X(STRING) X(BLOB) X(INTERVAL) X(TYPED_LITERAL) X(DEFAULT) \
    X(PARAMETER) X(COLUMN) X(STAR) X(UNARY) X(BINARY) X(LOGICAL) X(IS) X(BETWEEN) X(IN_LIST) \
    X(IN_QUERY) X(EXISTS) X(SUBQUERY) X(QUANTIFIED) X(LIKE) X(CASE) X(CAST) X(FUNCTION) \
    X(EXTRACT) X(COLLATE) X(AT_TIME_ZONE) X(ARRAY) X(ARRAY_QUERY) X(ROW) X(STRUCT) X(MAP) \
    X(SUBSCRIPT) X(SLICE) X(FIELD) X(TABLE_ARG) X(DESCRIPTOR)
/* clang-format on */

enum ast_expr_kind {
#define AST_EXPR_ENUM(name) AST_EXPR_##name,
    AST_EXPR_KIND_LIST(AST_EXPR_ENUM)
#undef AST_EXPR_ENUM
};

enum ast_number_class {
    AST_NUMBER_INTEGER, /* text is decimal digits only; 0x1F and 1_000 are normalised */
    AST_NUMBER_DECIMAL, /* with a point, no exponent: exact */
    AST_NUMBER_FLOAT    /* with an exponent: a DOUBLE */
};

/* X(name, SQL spelling). MINUS before an integer literal stays a unary operator: the binder folds it (9223372036854775808 is then valid). */
#define AST_UNARY_LIST(X) X(MINUS, "-") X(PLUS, "+") X(NOT, "NOT") X(BIT_NOT, "~")
enum ast_unary_op {
#define AST_UNARY_ENUM(name, text) AST_UNARY_##name,
    AST_UNARY_LIST(AST_UNARY_ENUM)
#undef AST_UNARY_ENUM
};

/* X(name, SQL spelling, precedence). AND and OR are AST_EXPR_LOGICAL. `!=` is NE, `==` is refused. Higher binds tighter. */
/* clang-format off */
#define AST_BINARY_LIST(X) \
    X(EQ, "=", 40) X(NE, "<>", 40) X(LT, "<", 40) X(LE, "<=", 40) X(GT, ">", 40) X(GE, ">=", 40) \
    X(IS_DISTINCT, "IS DISTINCT FROM", 30) X(IS_NOT_DISTINCT, "IS NOT DISTINCT FROM", 30) \
    X(CONCAT, "||", 60) X(BIT_OR, "|", 60) X(BIT_AND, "&", 60) X(BIT_XOR, "#", 60) \
    X(SHIFT_LEFT, "<<", 60) X(SHIFT_RIGHT, ">>", 60) X(JSON_GET, "->", 60) \
    X(JSON_GET_TEXT, "->>", 60) X(JSON_PATH, "#>", 60) X(JSON_PATH_TEXT, "#>>", 60) \
    X(CONTAINS, "@>", 60) X(CONTAINED_BY, "<@", 60) X(OVERLAPS, "&&", 60) X(ADD, "+", 70) \
    X(SUBTRACT, "-", 70) X(MULTIPLY, "*", 80) X(DIVIDE, "/", 80) X(MODULO, "%", 80) \
    X(POWER, "^", 90)
/* clang-format on */
enum ast_binary_op {
#define AST_BINARY_ENUM(name, text, precedence) AST_BINARY_##name,
    AST_BINARY_LIST(AST_BINARY_ENUM)
#undef AST_BINARY_ENUM
};

enum ast_is_what { AST_IS_NULL, AST_IS_TRUE, AST_IS_FALSE, AST_IS_UNKNOWN };

enum ast_like_kind {
    AST_LIKE,         /* LIKE, also ~~ */
    AST_ILIKE,        /* ILIKE, also ~~* */
    AST_SIMILAR,      /* SIMILAR TO */
    AST_REGEX,        /* ~, !~ */
    AST_REGEX_NO_CASE /* ~*, !~* */
};

/* Fields of an interval, of EXTRACT's first argument they are names. X(name, SQL word). */
/* clang-format off */
#define AST_UNIT_LIST(X) \
    X(NANOSECOND, "NANOSECOND") X(MICROSECOND, "MICROSECOND") X(MILLISECOND, "MILLISECOND") \
    X(SECOND, "SECOND") X(MINUTE, "MINUTE") X(HOUR, "HOUR") X(DAY, "DAY") X(WEEK, "WEEK") \
    X(MONTH, "MONTH") X(QUARTER, "QUARTER") X(YEAR, "YEAR")
/* clang-format on */
enum ast_unit {
    AST_UNIT_NONE,
#define AST_UNIT_ENUM(name, text) AST_UNIT_##name,
    AST_UNIT_LIST(AST_UNIT_ENUM)
#undef AST_UNIT_ENUM
};

/* INTERVAL '1 day 2 hours' (no unit), '5' SECOND, 5 MINUTE (text "5"), '1-2' YEAR TO MONTH, 30s (text "30", SECOND; only where a
 * duration is expected), or (expr) DAY: then `value` is set and text is NULL. */
struct ast_interval {
    const char *text;
    size_t size;
    struct ast_expr *value;
    enum ast_unit from;
    enum ast_unit to; /* NONE unless `YEAR TO MONTH`-like */
};

enum ast_frame_unit { AST_FRAME_ROWS, AST_FRAME_RANGE, AST_FRAME_GROUPS };
enum ast_bound_kind {
    AST_BOUND_UNBOUNDED_PRECEDING,
    AST_BOUND_PRECEDING,
    AST_BOUND_CURRENT_ROW,
    AST_BOUND_FOLLOWING,
    AST_BOUND_UNBOUNDED_FOLLOWING
};
enum ast_frame_exclude {
    AST_EXCLUDE_NO_OTHERS,
    AST_EXCLUDE_CURRENT_ROW,
    AST_EXCLUDE_GROUP,
    AST_EXCLUDE_TIES
};
struct ast_frame_bound {
    enum ast_bound_kind kind;
    struct ast_expr *offset; /* PRECEDING and FOLLOWING */
};
struct ast_frame {
    struct ast_span span;
    enum ast_frame_unit unit;
    struct ast_frame_bound start;
    struct ast_frame_bound end; /* CURRENT ROW where it was left out */
    enum ast_frame_exclude exclude;
};

/* OVER w: `base` is w and is_reference is set. OVER (w PARTITION BY ... ORDER BY ... ROWS ...): base may be absent (text NULL). */
struct ast_window {
    struct ast_span span;
    struct ast_name base;
    bool is_reference;
    struct ast_expr_list partition_by;
    struct ast_order_list order_by;
    struct ast_frame *frame; /* NULL: the default */
};

struct ast_function {
    struct ast_qname name;
    struct ast_expr_list args;
    /* NULL, or args.n names of which those of positional arguments have text NULL: f(1, size => 2) */
    struct ast_name *arg_names;
    bool is_star; /* count(*) */
    bool is_distinct;
    bool is_bare; /* CURRENT_DATE, CURRENT_TIMESTAMP: no parentheses */
    enum ast_null_treatment {
        AST_NULLS_UNSPECIFIED,
        AST_NULLS_RESPECT,
        AST_NULLS_IGNORE
    } null_treatment;
    struct ast_order_list order_by;     /* string_agg(x, ',' ORDER BY y) */
    struct ast_order_list within_group; /* percentile_cont(0.5) WITHIN GROUP (ORDER BY x) */
    struct ast_expr *filter;            /* FILTER (WHERE ...) */
    struct ast_window *over;
};

struct ast_when {
    struct ast_expr *when;
    struct ast_expr *then;
};

struct ast_struct_field {
    /* text NULL in STRUCT(a, f(x)): a column lends its name, others are c0, c1 ... by position */
    struct ast_name name;
    struct ast_expr *value;
};

struct ast_replace_item {
    struct ast_expr *expr;
    struct ast_name name;
};

enum ast_parameter_kind {
    AST_PARAMETER_POSITIONAL, /* ? */
    AST_PARAMETER_NUMBERED,   /* $1 */
    AST_PARAMETER_NAMED       /* :name */
};

struct ast_expr {
    enum ast_expr_kind kind;
    struct ast_span span;
    union {
        bool boolean;
        struct {
            enum ast_number_class class;
            const char *text;
            size_t size;
            uint64_t value; /* INTEGER that fits */
            bool fits_u64;
        } number;
        struct {
            const char *text; /* zero-terminated; no NUL inside */
            size_t size;
        } string;
        struct {
            const uint8_t *bytes;
            size_t size;
        } blob;
        struct ast_interval interval;
        struct { /* DATE '2026-01-01', TIMESTAMP WITH TIME ZONE '...', UUID '...' */
            struct ast_type_name *type;
            const char *text;
            size_t size;
        } typed;
        struct {
            enum ast_parameter_kind kind;
            uint32_t index;       /* 0-based among the statement's parameters */
            struct ast_name name; /* NAMED */
        } parameter;
        struct ast_qname column;
        struct { /* *, t.* and s.t.* */
            struct ast_qname qualifier;
            struct ast_name_list exclude;
            struct ast_replace_item *replace;
            size_t n_replace;
        } star;
        struct {
            enum ast_unary_op op;
            struct ast_expr *operand;
        } unary;
        struct {
            enum ast_binary_op op;
            uint32_t op_start; /* where the operator is written */
            struct ast_expr *left;
            struct ast_expr *right;
        } binary;
        struct { /* AND / OR of two or more */
            bool is_or;
            struct ast_expr_list operands;
        } logical;
        struct {
            enum ast_is_what what;
            bool is_negated;
            struct ast_expr *operand;
        } is;
        struct {
            bool is_negated;
            bool is_symmetric;
            struct ast_expr *operand;
            struct ast_expr *low;
            struct ast_expr *high;
        } between;
        struct {
            bool is_negated;
            struct ast_expr *operand; /* a ROW for (a, b) IN ... */
            struct ast_expr_list list;
        } in_list;
        struct {
            bool is_negated;
            struct ast_expr *operand;
            struct ast_query *query;
        } in_query;
        struct ast_query *query; /* EXISTS (NOT EXISTS is a NOT of it), SUBQUERY, ARRAY_QUERY */
        struct {                 /* x = ANY (query), x > ALL (array) */
            enum ast_binary_op op;
            bool is_all;
            struct ast_expr *operand;
            struct ast_query *query; /* or NULL and */
            struct ast_expr *array;
        } quantified;
        struct {
            enum ast_like_kind kind;
            bool is_negated;
            struct ast_expr *operand;
            struct ast_expr *pattern;
            struct ast_expr *escape; /* NULL if left out */
        } like;
        struct {
            struct ast_expr *operand; /* CASE x WHEN ...; NULL for CASE WHEN ... */
            struct ast_when *whens;
            size_t n_whens;
            struct ast_expr *otherwise;
        } case_;
        struct {
            struct ast_expr *operand;
            struct ast_type_name *type;
            bool is_try; /* TRY_CAST */
        } cast;
        struct ast_function *function;
        struct {
            struct ast_name field; /* lower case: year, epoch, dow ... */
            struct ast_expr *operand;
        } extract;
        struct {
            struct ast_expr *operand;
            struct ast_qname collation;
        } collate;
        struct {
            struct ast_expr *operand;
            struct ast_expr *zone;
        } at_time_zone;
        struct ast_expr_list list; /* ARRAY [..], ROW (a, b) or ROW(...) */
        struct {                   /* {'a': 1}, STRUCT(1 AS a) */
            struct ast_struct_field *fields;
            size_t n;
        } structure;
        struct { /* MAP {k: v, ...}; keys.n == values.n */
            struct ast_expr_list keys;
            struct ast_expr_list values;
        } map;
        struct { /* a[i], m['k'] */
            struct ast_expr *operand;
            struct ast_expr *index;
        } subscript;
        struct { /* a[low:high], either may be NULL */
            struct ast_expr *operand;
            struct ast_expr *low;
            struct ast_expr *high;
        } slice;
        /* (x).f, f(x).g, a[1].b. A plain a.b.c is a COLUMN: the binder tells columns from fields. */
        struct {
            struct ast_expr *operand;
            struct ast_name name;
        } field;
        struct { /* TABLE s or TABLE (query), as an argument of a table function */
            struct ast_qname name;
            struct ast_query *query;
            struct ast_name_list partition_by; /* PARTITION BY k, PARTITION BY (a, b) */
        } table_arg;
        struct ast_name_list descriptor; /* DESCRIPTOR(ts) */
    } u;
};

/* --- Tables in FROM ----------------------------------------------------------------------------------------------- */

enum ast_table_ref_kind {
    AST_TABLE_NAMED,
    AST_TABLE_SUBQUERY, /* also VALUES: the query's body says so */
    AST_TABLE_FUNCTION, /* f(...), TABLE(f(...)): the wrapper leaves no trace */
    AST_TABLE_UNNEST,
    AST_TABLE_JOIN
};

/* clang-format off */
#define AST_JOIN_KIND_LIST(X) \
    X(INNER, "INNER JOIN") X(LEFT, "LEFT JOIN") X(RIGHT, "RIGHT JOIN") X(FULL, "FULL JOIN") \
    X(CROSS, "CROSS JOIN") X(LEFT_SEMI, "LEFT SEMI JOIN") X(RIGHT_SEMI, "RIGHT SEMI JOIN") \
    X(LEFT_ANTI, "LEFT ANTI JOIN") X(RIGHT_ANTI, "RIGHT ANTI JOIN")
/* clang-format on */
enum ast_join_kind {
#define AST_JOIN_ENUM(name, text) AST_JOIN_##name,
    AST_JOIN_KIND_LIST(AST_JOIN_ENUM)
#undef AST_JOIN_ENUM
};

enum ast_join_flavour {
    AST_JOIN_PLAIN,
    AST_JOIN_ASOF,          /* kind is INNER or LEFT */
    AST_JOIN_TEMPORAL_PROBE /* kind is LEFT: a row per left row and offset */
};

/* t TEMPORAL PROBE JOIN r ON (k) TIMESTAMPS (t_ts, r_ts) RANGE FROM a TO b STEP c | LIST (a, b, ...) AS p.
 * The key columns are the join's `using_columns`; the alias is `name`. */
struct ast_probe {
    struct ast_name left_time;
    struct ast_name right_time;
    struct ast_expr *from, *to, *step; /* RANGE, else NULL */
    struct ast_expr_list offsets;      /* LIST, else empty */
    struct ast_name name;
};

struct ast_join {
    enum ast_join_kind kind;
    enum ast_join_flavour flavour;
    bool is_natural;
    struct ast_table_ref *left;
    struct ast_table_ref *right;
    struct ast_expr *on; /* NULL for CROSS, NATURAL, USING */
    struct ast_name_list using_columns;
    /* ASOF ... MATCH_CONDITION (a.ts >= b.ts | nearest(a.ts, b.ts)) */
    struct ast_expr *match_condition;
    struct ast_probe *probe;      /* TEMPORAL_PROBE */
    struct ast_span keyword_span; /* the words from ASOF / LEFT ... to JOIN */
};

struct ast_table_ref {
    enum ast_table_ref_kind kind;
    struct ast_span span;
    struct ast_name alias; /* never on a JOIN */
    struct ast_name_list column_aliases;
    bool is_lateral;
    bool with_ordinality; /* FUNCTION, UNNEST */
    union {
        struct {
            struct ast_qname name;
            struct ast_expr *system_time; /* FOR SYSTEM_TIME AS OF expr, or NULL */
        } named;
        struct ast_query *subquery;
        struct ast_expr *function; /* AST_EXPR_FUNCTION */
        struct ast_expr_list unnest;
        struct ast_join *join;
    } u;
};

/* --- Queries ------------------------------------------------------------------------------------------------------ */

struct ast_select_item {
    struct ast_expr *expr; /* may be a STAR */
    struct ast_name alias; /* text NULL if there is none: see sql_expr_name in printer.h */
    struct ast_span span;
};

enum ast_group_kind {
    AST_GROUP_EXPR,   /* expr */
    AST_GROUP_SET,    /* (a, b) or () inside GROUPING SETS, ROLLUP, CUBE: children are EXPRs */
    AST_GROUP_ROLLUP, /* children are EXPRs and SETs */
    AST_GROUP_CUBE,
    AST_GROUP_SETS /* GROUPING SETS: children of any kind */
};
struct ast_group_item {
    enum ast_group_kind kind;
    struct ast_span span;
    struct ast_expr *expr;
    struct ast_group_item *children;
    size_t n_children;
};

struct ast_named_window {
    struct ast_name name;
    struct ast_window *window;
};

struct ast_select {
    bool is_distinct;
    struct ast_expr_list distinct_on;
    struct ast_select_item *items;
    size_t n_items;
    struct ast_table_ref **from; /* comma separated; n_from is 0 without FROM */
    size_t n_from;
    struct ast_expr *where;
    bool group_by_all;
    struct ast_group_item *group_by;
    size_t n_group_by;
    struct ast_expr *having;
    struct ast_named_window *windows;
    size_t n_windows;
    struct ast_expr *qualify;
};

enum ast_set_op { AST_SET_UNION, AST_SET_INTERSECT, AST_SET_EXCEPT };

enum ast_body_kind {
    AST_BODY_SELECT,
    AST_BODY_VALUES,
    AST_BODY_SET_OPERATION,
    AST_BODY_QUERY /* a parenthesised query, with an ORDER BY or WITH of its own */
};

struct ast_query_body {
    enum ast_body_kind kind;
    struct ast_span span;
    union {
        struct ast_select *select;
        struct { /* all rows may differ in length: the binder checks */
            struct ast_expr_list *rows;
            size_t n_rows;
        } values;
        /* operands[0] op operands[1] op operands[2] ..., from left to right; n >= 2; INTERSECT binds tighter */
        struct {
            enum ast_set_op op;
            bool is_all;
            bool is_by_name; /* of UNION alone */
            struct ast_query_body **operands;
            size_t n;
        } set;
        struct ast_query *query;
    } u;
};

struct ast_cte {
    struct ast_name name;
    struct ast_name_list columns;
    struct ast_query *query;
    enum ast_materialized {
        AST_MATERIALIZED_DEFAULT,
        AST_MATERIALIZED_YES,
        AST_MATERIALIZED_NO
    } materialized;
};

/* X(name, SQL). */
/* clang-format off */
#define AST_EMIT_LIST(X) \
    X(WINDOW_CLOSE, "EMIT ON WINDOW CLOSE") X(WATERMARK, "EMIT AFTER WATERMARK") \
    X(UPDATE, "EMIT ON UPDATE") X(PERIODIC, "EMIT EVERY") X(CHANGES, "EMIT CHANGES") \
    X(FINAL, "EMIT FINAL")
/* clang-format on */
enum ast_emit_kind {
    AST_EMIT_NONE, /* not said */
#define AST_EMIT_ENUM(name, text) AST_EMIT_##name,
    AST_EMIT_LIST(AST_EMIT_ENUM)
#undef AST_EMIT_ENUM
};

struct ast_emit {
    enum ast_emit_kind kind;
    /* PERIODIC: an INTERVAL, a number of milliseconds, or a parameter; `lateness` too */
    struct ast_expr *period;
    struct ast_span span;
};

struct ast_query {
    struct ast_span span;
    bool is_recursive; /* WITH RECURSIVE */
    struct ast_cte *ctes;
    size_t n_ctes;
    struct ast_query_body *body;
    struct ast_order_list order_by;
    bool order_by_all; /* ORDER BY ALL [DESC] ...: order_by has one item whose expr is NULL */
    struct ast_expr *limit;
    struct ast_expr *offset;
    struct ast_emit emit;
    struct ast_expr *lateness;  /* ALLOW LATENESS INTERVAL ... */
    struct ast_qname late_data; /* LATE DATA TO name */
};

/* --- Statements --------------------------------------------------------------------------------------------------- */

/* X(name, what it is called, as in ddl_type and error texts). */
/* clang-format off */
#define AST_STATEMENT_LIST(X) \
    X(QUERY, "SELECT") X(CREATE_SOURCE, "CREATE SOURCE") X(CREATE_TABLE, "CREATE TABLE") \
    X(CREATE_LOOKUP_TABLE, "CREATE LOOKUP TABLE") X(CREATE_STREAM, "CREATE STREAM") \
    X(CREATE_MATERIALIZED_VIEW, "CREATE MATERIALIZED VIEW") X(CREATE_SINK, "CREATE SINK") \
    X(ALTER_SOURCE, "ALTER SOURCE") X(DROP, "DROP") X(INSERT, "INSERT") X(UPDATE, "UPDATE") \
    X(DELETE, "DELETE") X(COPY, "COPY") X(SHOW, "SHOW") X(SHOW_CREATE, "SHOW CREATE") \
    X(DESCRIBE, "DESCRIBE") X(EXPLAIN, "EXPLAIN") X(SET, "SET") X(CHECKPOINT, "CHECKPOINT") \
    X(RESTORE, "RESTORE") X(SUBSCRIBE, "SUBSCRIBE") X(DECLARE_CURSOR, "DECLARE") \
    X(FETCH, "FETCH") X(CLOSE_CURSOR, "CLOSE") X(TRANSACTION, "TRANSACTION")
/* clang-format on */
enum ast_statement_kind {
#define AST_STATEMENT_ENUM(name, text) AST_STMT_##name,
    AST_STATEMENT_LIST(AST_STATEMENT_ENUM)
#undef AST_STATEMENT_ENUM
};

/* X(name, SQL): what DROP and SHOW CREATE name. */
/* clang-format off */
#define AST_OBJECT_LIST(X) \
    X(SOURCE, "SOURCE") X(TABLE, "TABLE") X(LOOKUP_TABLE, "LOOKUP TABLE") X(STREAM, "STREAM") \
    X(SINK, "SINK") X(MATERIALIZED_VIEW, "MATERIALIZED VIEW")
/* clang-format on */
enum ast_object_kind {
#define AST_OBJECT_ENUM(name, text) AST_OBJECT_##name,
    AST_OBJECT_LIST(AST_OBJECT_ENUM)
#undef AST_OBJECT_ENUM
};

enum ast_option_kind {
    AST_OPTION_STRING,
    AST_OPTION_NUMBER,   /* may be negative; text is the number */
    AST_OPTION_BOOL,     /* text is "true" or "false" */
    AST_OPTION_WORD,     /* an identifier: strategy = poll */
    AST_OPTION_INTERVAL, /* INTERVAL '5' SECOND: text is "5 second"; `interval` is the literal */
    AST_OPTION_NULL
};
/* key = value. The key is the text between the quotes, or the dotted words joined by '.', lower case when unquoted. `text` is the value as
 * text whatever the kind, with ${VAR} unsubstituted: see sql_substitute_variables. */
struct ast_option {
    struct ast_name key;
    enum ast_option_kind kind;
    const char *text;
    size_t size;
    struct ast_expr *interval;
    struct ast_span value_span;
};
struct ast_option_list {
    struct ast_option *items;
    size_t n;
};

/* KAFKA ('topic' = 't', ...): name is "kafka"; text NULL when the clause was left out. FORMAT json WITH (...) too: a WITH directly behind FORMAT is the
 * format's, so `FORMAT json WITH ('retention' = 'all')` puts retention here and leaves `options` empty: who resolves options looks in both. */
struct ast_connector {
    struct ast_name name;
    struct ast_option_list options;
};

struct ast_column_def {
    struct ast_span span;
    bool is_star; /* * [PREFIX 'p_']: take the columns from the format's schema */
    const char *prefix;
    struct ast_name name;
    struct ast_type_name *type;
    bool is_not_null;
    bool is_primary_key;
    struct ast_expr *default_value;
};

struct ast_watermark {
    struct ast_name column; /* text NULL when there is no WATERMARK clause */
    struct ast_expr *expr;  /* NULL: the column itself, delay 0 */
    struct ast_span span;
};

/* CREATE SOURCE, TABLE and LOOKUP TABLE. */
struct ast_create_relation {
    bool or_replace;
    bool if_not_exists;
    struct ast_qname name;
    struct ast_column_def *columns;
    size_t n_columns;
    /* the table constraint; a column's own flag is in the column */
    struct ast_name_list primary_key;
    struct ast_watermark watermark;
    struct ast_connector connector;
    struct ast_connector format; /* FORMAT json [WITH (...)] */
    struct ast_option_list options;
    struct ast_query *query; /* CREATE TABLE name AS query */
};

/* CREATE STREAM and MATERIALIZED VIEW. */
struct ast_create_view {
    bool or_replace;
    bool if_not_exists;
    struct ast_qname name;
    struct ast_name_list columns; /* CREATE STREAM s (a, b) AS ... */
    struct ast_query *query;      /* its emit, lateness and late_data are the stream's */
    struct ast_option_list options;
};

struct ast_create_sink {
    bool or_replace;
    bool if_not_exists;
    struct ast_qname name;
    struct ast_qname from;   /* n == 0: */
    struct ast_query *query; /* FROM (query), AS query */
    struct ast_expr *where;
    struct ast_connector connector;
    struct ast_connector format;
    struct ast_option_list options;
};

struct ast_alter_source {
    struct ast_qname name;
    struct ast_column_def *add_column; /* or NULL: */
    struct ast_option_list set_options;
};

struct ast_drop {
    enum ast_object_kind object;
    bool if_exists;
    bool is_cascade;
    struct ast_qname name;
};

struct ast_insert {
    struct ast_qname table;
    struct ast_name_list columns;
    struct ast_query *query; /* VALUES too; NULL for DEFAULT VALUES */
};

struct ast_assignment {
    struct ast_name column;
    struct ast_expr *value;
};
struct ast_update {
    struct ast_qname table;
    struct ast_name alias;
    struct ast_assignment *assignments;
    size_t n_assignments;
    struct ast_table_ref **from;
    size_t n_from;
    struct ast_expr *where;
};

struct ast_delete {
    struct ast_qname table;
    struct ast_name alias;
    struct ast_table_ref **using_tables;
    size_t n_using;
    struct ast_expr *where;
};

struct ast_copy {
    struct ast_qname table;  /* n == 0: */
    struct ast_query *query; /* COPY (query) TO */
    struct ast_name_list columns;
    bool is_from;
    const char *path;
    struct ast_span path_span;
    /* (FORMAT csv, header true): `format` is an option like any other */
    struct ast_option_list options;
};

/* X(name, SQL). NAME is a setting: SHOW on_error. */
/* clang-format off */
#define AST_SHOW_LIST(X) \
    X(SOURCES, "SOURCES") X(SINKS, "SINKS") X(STREAMS, "STREAMS") X(TABLES, "TABLES") \
    X(QUERIES, "QUERIES") X(MATERIALIZED_VIEWS, "MATERIALIZED VIEWS") \
    X(LOOKUP_TABLES, "LOOKUP TABLES") X(FUNCTIONS, "FUNCTIONS") X(CONNECTORS, "CONNECTORS") \
    X(CHECKPOINT_STATUS, "CHECKPOINT STATUS") X(ALL, "ALL")
/* clang-format on */
enum ast_show_kind {
#define AST_SHOW_ENUM(name, text) AST_SHOW_##name,
    AST_SHOW_LIST(AST_SHOW_ENUM)
#undef AST_SHOW_ENUM
        AST_SHOW_NAME
};
struct ast_show {
    enum ast_show_kind kind;
    struct ast_qname name; /* NAME */
};

struct ast_show_create {
    enum ast_object_kind object;
    struct ast_qname name;
};

struct ast_describe {
    bool is_extended;
    struct ast_qname name;
};

enum ast_explain_format { AST_EXPLAIN_TEXT, AST_EXPLAIN_JSON };
struct ast_explain {
    bool is_analyze;
    enum ast_explain_format format;
    struct ast_statement *statement;
};

/* SET name = value; RESET name and SET name = DEFAULT have kind NULL and is_reset. */
struct ast_set {
    struct ast_qname name;
    bool is_reset;
    struct ast_option value; /* key is empty */
};

struct ast_restore {
    uint64_t checkpoint_id;
};

struct ast_subscribe {
    struct ast_qname name;   /* n == 0: */
    struct ast_query *query; /* SUBSCRIBE (query) */
    bool has_epoch;
    uint64_t epoch; /* AS OF EPOCH n */
    struct ast_expr *where;
};

struct ast_declare_cursor {
    struct ast_name name;
    struct ast_subscribe *subscribe; /* or */
    struct ast_query *query;
};

struct ast_fetch {
    struct ast_name cursor;
    bool is_all;
    uint64_t count; /* 1 where it was left out */
};

enum ast_transaction { AST_TRANSACTION_BEGIN, AST_TRANSACTION_COMMIT, AST_TRANSACTION_ROLLBACK };

struct ast_statement {
    enum ast_statement_kind kind;
    struct ast_span span; /* without the `;` */
    /* The parameters of the statement: ? and :name are numbered in order of appearance, $n by n. */
    uint32_t n_parameters;
    enum ast_parameter_kind parameter_kind; /* one kind a statement */
    struct ast_name_list parameter_names;   /* NAMED: n_parameters of them */
    union {
        struct ast_query *query;
        /* CREATE_SOURCE, CREATE_TABLE, CREATE_LOOKUP_TABLE */
        struct ast_create_relation *create_relation;
        struct ast_create_view *create_view; /* CREATE_STREAM, CREATE_MATERIALIZED_VIEW */
        struct ast_create_sink *create_sink;
        struct ast_alter_source *alter_source;
        struct ast_drop *drop;
        struct ast_insert *insert;
        struct ast_update *update;
        struct ast_delete *delete_;
        struct ast_copy *copy;
        struct ast_show *show;
        struct ast_show_create *show_create;
        struct ast_describe *describe;
        struct ast_explain *explain;
        struct ast_set *set;
        struct ast_restore *restore;
        struct ast_subscribe *subscribe;
        struct ast_declare_cursor *declare_cursor;
        struct ast_fetch *fetch;
        struct ast_name close_cursor; /* text NULL: CLOSE ALL */
        enum ast_transaction transaction;
    } u;
};

struct ast_script {
    const char *sql; /* the caller's text, borrowed */
    size_t size;
    struct ast_statement **statements;
    size_t n;
};

#endif
