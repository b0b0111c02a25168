/* type.h - SQL types as small values.
 *
 * A data_type is 16 bytes, passed and stored by value. What does not fit (the child types of LIST, STRUCT and MAP, the zone of
 * TIMESTAMPTZ) hangs off `info`, which is interned: process-wide, immutable, never freed (bounded by the number of distinct types a
 * process sees), so that types can be compared by bits and outlive any database. @thread any. */
#ifndef VECTOR_TYPE_H
#define VECTOR_TYPE_H

#include "base/error.h"
#include "base/mem.h"
#include "base/strbuf.h"

enum time_unit { UNIT_SECOND = 0, UNIT_MILLI = 1, UNIT_MICRO = 2, UNIT_NANO = 3 };

enum {
    DECIMAL_PRECISION_MAX = 38,
    /* LIST, STRUCT and MAP inside each other: bounds every recursion over a value */
    TYPE_DEPTH_MAX = 32,
    TYPE_FIELDS_MAX = 65536 /* of one STRUCT */
};

struct type_info;

struct data_type {
    uint8_t id; /* laminar_type */
    /* TIMESTAMP, TIMESTAMPTZ, TIME: enum time_unit (TIME is stored in this unit as int64) */
    uint8_t unit;
    uint8_t precision;            /* DECIMAL: 1..38 */
    int8_t scale;                 /* DECIMAL: 0..precision */
    uint32_t reserved;            /* 0: types are compared by bits */
    const struct type_info *info; /* LIST, STRUCT, MAP, TIMESTAMPTZ; else NULL */
};

struct type_field {
    const char *name;
    struct data_type type;
    bool is_nullable;
};

/* Interned. LIST: one field "item". MAP: fields "key", "value". STRUCT: its fields. TIMESTAMPTZ: zone. */
struct type_info {
    uint32_t n_fields;
    uint32_t depth; /* 1 + the deepest field's; TIMESTAMPTZ: 0 */
    const struct type_field *fields;
    const char *zone; /* "UTC", "Europe/Berlin", "+02:00" */
};

#define TYPE(id_) ((struct data_type){.id = LAMINAR_TYPE_##id_})
static inline struct data_type type_of(laminar_type id)
{
    return (struct data_type){.id = (uint8_t)id};
}
static inline struct data_type type_decimal(int precision, int scale)
{
    return (struct data_type){
        .id = LAMINAR_TYPE_DECIMAL, .precision = (uint8_t)precision, .scale = (int8_t)scale};
}
static inline struct data_type type_timestamp(enum time_unit unit)
{
    return (struct data_type){.id = LAMINAR_TYPE_TIMESTAMP, .unit = (uint8_t)unit};
}
static inline struct data_type type_time(enum time_unit unit)
{
    return (struct data_type){.id = LAMINAR_TYPE_TIME, .unit = (uint8_t)unit};
}
/* These intern. They fail when memory is out, or for a type deeper than TYPE_DEPTH_MAX or wider than TYPE_FIELDS_MAX
 * (LAMINAR_INVALID_SCHEMA). Names are copied. Fields of nested types are nullable, whatever `is_nullable` says, but for keys of maps:
 * the flag is no part of a type. */
laminar_status type_timestamptz(enum time_unit unit, const char *zone, struct data_type *out,
                                struct laminar_error *err) must_check;
laminar_status type_list(struct data_type item, struct data_type *out, struct laminar_error *err)
    must_check;
laminar_status type_map(struct data_type key, struct data_type value, struct data_type *out,
                        struct laminar_error *err) must_check;
laminar_status type_struct(const struct type_field *fields, uint32_t n_fields,
                           struct data_type *out, struct laminar_error *err) must_check;

bool type_equal(struct data_type a, struct data_type b); /* exact, zone and field names included */

static inline bool type_is_signed(struct data_type t)
{
    return t.id >= LAMINAR_TYPE_INT8 && t.id <= LAMINAR_TYPE_INT64;
}
static inline bool type_is_unsigned(struct data_type t)
{
    return t.id >= LAMINAR_TYPE_UINT8 && t.id <= LAMINAR_TYPE_UINT64;
}
static inline bool type_is_integer(struct data_type t)
{
    return t.id >= LAMINAR_TYPE_INT8 && t.id <= LAMINAR_TYPE_UINT64;
}
static inline bool type_is_float(struct data_type t)
{
    return t.id == LAMINAR_TYPE_FLOAT || t.id == LAMINAR_TYPE_DOUBLE;
}
static inline bool type_is_numeric(struct data_type t)
{
    return t.id >= LAMINAR_TYPE_INT8 && t.id <= LAMINAR_TYPE_DECIMAL;
}
static inline bool type_is_timestamp(struct data_type t)
{
    return t.id == LAMINAR_TYPE_TIMESTAMP || t.id == LAMINAR_TYPE_TIMESTAMPTZ;
}
static inline bool type_is_nested(struct data_type t) { return t.id >= LAMINAR_TYPE_LIST; }

/* Physical layout of a value inside a vector. */
enum phys_type {
    PHYS_BOOL, /* 1 byte: 0 or 1 */
    PHYS_I8,
    PHYS_I16,
    PHYS_I32,
    PHYS_I64,
    PHYS_U8,
    PHYS_U16,
    PHYS_U32,
    PHYS_U64,
    PHYS_F32,
    PHYS_F64,
    PHYS_I128,     /* DECIMAL: __int128, little-endian (Arrow decimal128) */
    PHYS_STRING,   /* struct string_view: VARCHAR, JSON, BINARY */
    PHYS_INTERVAL, /* struct laminar_interval */
    PHYS_UUID,     /* 16 bytes, big-endian order as printed */
    /* struct list_entry into children[0]; MAP: children[0] = keys, children[1] = values */
    PHYS_LIST,
    PHYS_STRUCT, /* no data; children, one a field, as long as the vector */
    PHYS_NULL    /* TYPE_NULL: no data; every value is null */
};
extern const uint8_t type_phys_table[25]; /* by type id */
extern const uint8_t phys_width_table[18];
/* DATE: I32; TIME, TIMESTAMP[TZ]: I64 */
static inline enum phys_type type_phys(struct data_type t)
{
    return (enum phys_type)type_phys_table[t.id];
}
/* Bytes of one value in `data`; 0 for STRUCT and NULL. */
static inline size_t phys_width(enum phys_type phys) { return phys_width_table[phys]; }
static inline size_t type_width(struct data_type t) { return phys_width(type_phys(t)); }

/* SQL spelling: "BIGINT", "DECIMAL(10,2)", "TIMESTAMP(3)", "TIMESTAMP(6) WITH TIME ZONE", "STRUCT<a BIGINT, b VARCHAR>". */
void type_print(struct data_type t, struct strbuf *out);
/* The same into a fixed buffer, cut where it is too long; returns buf, for use in messages. */
const char *type_text(struct data_type t, char *buf, size_t size);
#define TYPE_TEXT(t) type_text((t), (char[128]){0}, 128)

/* A named, typed list of columns. Reference-counted, immutable once shared. */
struct schema_column {
    const char *name;
    struct data_type type;
    bool is_nullable;
};
struct schema {
    /* On a cache line of its own: readers in other threads count while the step reads the columns. */
    _Atomic uint32_t refs;
    char padding[60];
    uint32_t n_columns;
    struct schema_column *columns; /* behind the struct, names included: one allocation */
};
/* copies; NULL when memory is out */
struct schema *schema_create(const struct schema_column *columns, uint32_t n_columns);
struct schema *schema_ref(struct schema *schema); /* NULL is fine */
void schema_unref(struct schema *schema);         /* NULL is fine */
/* Same names, types and nullability, in the same order. */
bool schema_equal(const struct schema *a, const struct schema *b);
int32_t schema_find(const struct schema *schema, const char *name); /* exact; -1 */
/* Exact, then folded to lower case (SQL's rule for unquoted names). */
int32_t schema_find_folded(const struct schema *schema, const char *name, size_t size);

#endif
