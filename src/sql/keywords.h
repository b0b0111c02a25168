/* keywords.h - the words that the grammar knows. Most are words of a place only ("contextual"): they stay usable as names everywhere
 * else, because event schemas are full of columns called key, value, time, source, offset. Read by the lexer, the printer (what must
 * be quoted) and completion.
 *
 * Flags: RESERVED   never a name unless quoted, except behind a dot (t.order) and behind AS in a select list
 *        FUNCTION   reserved, but a function's name when `(` follows: left('abc', 2)
 *        NO_ALIAS   a name, but not an alias without AS, since it continues the clause: FROM t OFFSET 5
 *        SPECIAL    a name, but begins a construct of its own in some places: the printer quotes it
 * X(word, flags), sorted by word (the lookup is a binary search; a test checks the order). */
#ifndef SQL_KEYWORDS_H
#define SQL_KEYWORDS_H

#include <stdbool.h>
#include <stddef.h>

enum sql_keyword_flag {
    SQL_KEYWORD_FREE = 0,
    SQL_KEYWORD_RESERVED = 1,
    SQL_KEYWORD_FUNCTION = 2,
    SQL_KEYWORD_NO_ALIAS = 4,
    SQL_KEYWORD_SPECIAL = 8
};

#define SQL_KW_F_ SQL_KEYWORD_FREE
#define SQL_KW_R_ SQL_KEYWORD_RESERVED
#define SQL_KW_C_ (SQL_KEYWORD_RESERVED | SQL_KEYWORD_FUNCTION)
#define SQL_KW_N_ SQL_KEYWORD_NO_ALIAS
#define SQL_KW_S_ SQL_KEYWORD_SPECIAL

/* clang-format off */
#define SQL_KEYWORD_LIST(X) \
    X(ADD, F) X(AFTER, F) X(ALL, R) X(ALLOW, F) X(ALTER, F) X(ANALYZE, F) X(AND, R) X(ANTI, F) \
    X(ANY, R) X(ARRAY, S) X(AS, R) X(ASC, R) X(ASOF, F) X(AT, F) X(BEGIN, F) X(BETWEEN, N) \
    X(BOTH, F) X(BY, F) X(CASCADE, F) X(CASE, R) X(CAST, S) X(CHANGES, F) X(CHARACTER, F) \
    X(CHECKPOINT, F) X(CLOSE, F) X(COLLATE, N) X(COLUMN, F) X(COMMIT, F) X(CONNECTORS, F) \
    X(COPY, F) X(CREATE, R) X(CROSS, R) X(CUBE, S) X(CURRENT, F) X(CURRENT_DATE, R) \
    X(CURRENT_TIME, R) X(CURRENT_TIMESTAMP, R) X(CURSOR, F) X(DATA, F) X(DATE, F) X(DECLARE, F) \
    X(DEFAULT, R) X(DELETE, F) X(DESC, R) X(DESCRIBE, F) X(DESCRIPTOR, S) X(DISTINCT, R) \
    X(DOUBLE, F) X(DROP, F) X(ELSE, R) X(EMIT, F) X(END, R) X(EPOCH, F) X(ESCAPE, F) X(EVERY, F) \
    X(EXCEPT, R) X(EXCLUDE, F) X(EXISTS, S) X(EXPLAIN, F) X(EXTENDED, F) X(EXTRACT, S) \
    X(FALSE, R) X(FETCH, F) X(FILTER, F) X(FINAL, F) X(FIRST, F) X(FOLLOWING, F) X(FOR, R) \
    X(FORMAT, F) X(FORWARD, F) X(FROM, R) X(FULL, R) X(FUNCTIONS, F) X(GROUP, R) X(GROUPING, F) \
    X(GROUPS, F) X(HAVING, R) X(IF, F) X(IGNORE, F) X(ILIKE, N) X(IN, R) X(INNER, R) X(INSERT, F) \
    X(INTERSECT, R) X(INTERVAL, S) X(INTO, R) X(IS, R) X(JOIN, R) X(JSON, F) X(KEY, F) X(LAST, F) \
    X(LATE, F) X(LATENESS, F) X(LATERAL, R) X(LEADING, F) X(LEFT, C) X(LIKE, R) X(LIMIT, N) \
    X(LIST, F) X(LOCALTIME, R) X(LOCALTIMESTAMP, R) X(LOOKUP, F) X(MAP, F) X(MATCH_CONDITION, F) \
    X(MATERIALIZED, F) X(NAME, F) X(NATURAL, R) X(NEXT, F) X(NO, F) X(NOT, R) X(NULL, R) X(NULLS, F) \
    X(OF, F) X(OFFSET, N) X(ON, R) X(ONLY, F) X(OR, R) X(ORDER, R) X(ORDINALITY, F) X(OTHERS, F) \
    X(OUTER, N) X(OVER, F) X(OVERLAY, F) X(PARTITION, F) X(PERIODICALLY, F) X(PLACING, F) \
    X(POSITION, F) X(PRECEDING, F) X(PRECISION, F) X(PREFIX, F) X(PRIMARY, F) X(PROBE, F) \
    X(QUALIFY, N) X(QUERIES, F) X(RANGE, F) X(RECURSIVE, F) X(REPLACE, F) X(RESET, F) \
    X(RESPECT, F) X(RESTORE, F) X(RESTRICT, F) X(RIGHT, C) X(ROLLBACK, F) X(ROLLUP, S) X(ROW, S) \
    X(ROWS, F) X(SELECT, R) X(SEMI, F) X(SET, N) X(SETS, F) X(SHOW, F) X(SIMILAR, N) X(SINK, F) \
    X(SINKS, F) X(SOME, F) X(SOURCE, F) X(SOURCES, F) X(START, F) X(STATUS, F) X(STEP, F) \
    X(STREAM, F) X(STREAMS, F) X(STRUCT, S) X(SUBSCRIBE, F) X(SUBSTRING, F) X(SYMMETRIC, S) \
    X(SYSTEM_TIME, F) X(TABLE, R) X(TABLES, F) X(TEMPORAL, F) X(TEXT, F) X(THEN, R) X(TIES, F) \
    X(TIME, F) X(TIMESTAMP, F) X(TIMESTAMPS, F) X(TIMESTAMPTZ, F) X(TO, F) X(TRAILING, F) \
    X(TRANSACTION, F) X(TRIM, F) X(TRUE, R) X(TRY_CAST, S) X(UNBOUNDED, S) X(UNION, R) \
    X(UNKNOWN, F) X(UNNEST, F) X(UNSIGNED, F) X(UPDATE, F) X(USING, R) X(UUID, F) X(VALUES, S) \
    X(VARYING, F) X(VIEW, F) X(VIEWS, F) X(WATERMARK, F) X(WHEN, R) X(WHERE, R) X(WINDOW, N) \
    X(WITH, R) X(WITHIN, F) X(WITHOUT, F) X(WORK, F) X(ZONE, F)
/* clang-format on */

enum sql_keyword {
    SQL_KW_NONE,
#define SQL_KEYWORD_ENUM(word, flags) SQL_KW_##word,
    SQL_KEYWORD_LIST(SQL_KEYWORD_ENUM)
#undef SQL_KEYWORD_ENUM
        SQL_KEYWORD_COUNT
};

/* The key word that text[0..size) spells in any case, else SQL_KW_NONE. */
enum sql_keyword sql_keyword_find(const char *text, size_t size);
const char *sql_keyword_text(enum sql_keyword keyword); /* upper case; "" for NONE */
unsigned sql_keyword_flags(enum sql_keyword keyword);   /* of enum sql_keyword_flag */

#endif
