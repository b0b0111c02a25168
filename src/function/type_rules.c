/* type_rules.c - which types stand in for which: implicit casts and the common type of two.
 *
 * Numbers climb a ladder: integers to wider integers, signed with unsigned to the next wider signed one (BIGINT UNSIGNED with a signed
 * type: DECIMAL(20,0)), integers to decimals, anything with DOUBLE to DOUBLE. Dates become timestamps, timestamps take the finer unit,
 * and become zoned where one side is. Nothing becomes or stops being text by itself, except literals. */
#include "function/family.h"

int type_integer_digits(struct data_type type)
{
    switch (type_phys(type)) {
    case PHYS_I8:
    case PHYS_U8: return 3;
    case PHYS_I16:
    case PHYS_U16: return 5;
    case PHYS_I32:
    case PHYS_U32: return 10;
    case PHYS_I64: return 19;
    default: return 20;
    }
}

static int integer_bytes(struct data_type t) { return (int)type_width(t); }

static int numeric_cost(struct data_type from, struct data_type to)
{
    if (type_is_integer(from) && type_is_integer(to)) {
        int growth = integer_bytes(to) - integer_bytes(from);
        if (type_is_signed(from) == type_is_signed(to)) return growth > 0 ? 1 + growth / 2 : -1;
        return type_is_unsigned(from) && growth > 0 ? 2 + growth / 2 : -1;
    }
    if (type_is_integer(from) && to.id == LAMINAR_TYPE_DECIMAL)
        return to.precision - to.scale >= type_integer_digits(from) ? 10 : -1;
    if (from.id == LAMINAR_TYPE_DECIMAL && to.id == LAMINAR_TYPE_DECIMAL)
        return to.scale >= from.scale && to.precision - to.scale >= from.precision - from.scale
                   ? 5
                   : -1;
    if (to.id == LAMINAR_TYPE_DOUBLE) return from.id == LAMINAR_TYPE_FLOAT ? 2 : 12;
    if (to.id == LAMINAR_TYPE_FLOAT) return from.id == LAMINAR_TYPE_DOUBLE ? -1 : 14;
    return -1;
}

static int temporal_cost(struct data_type from, struct data_type to)
{
    if (from.id == LAMINAR_TYPE_TIME && to.id == LAMINAR_TYPE_TIME)
        return to.unit >= from.unit ? 1 : -1;
    if (from.id == LAMINAR_TYPE_DATE && to.id == LAMINAR_TYPE_TIMESTAMP)
        return 10 + (to.unit == UNIT_MICRO ? 0 : 1);
    if (from.id == LAMINAR_TYPE_DATE && to.id == LAMINAR_TYPE_TIMESTAMPTZ) return 13;
    if (!type_is_timestamp(from) || !type_is_timestamp(to) || to.unit < from.unit) return -1;
    if (from.id == to.id) return 1 + (to.unit - from.unit);
    return to.id == LAMINAR_TYPE_TIMESTAMPTZ ? 12 : -1;
}

static int nested_cost(struct data_type from, struct data_type to)
{
    if (from.id != to.id || !from.info || !to.info || from.info->n_fields != to.info->n_fields)
        return -1;
    int total = 1;
    for (uint32_t i = 0; i < from.info->n_fields; i++) {
        int cost = cast_cost(from.info->fields[i].type, to.info->fields[i].type, false);
        if (cost < 0) return -1;
        total += cost;
    }
    return total;
}

int cast_cost(struct data_type from, struct data_type to, bool is_literal)
{
    if (type_equal(from, to)) return 0;
    if (from.id == LAMINAR_TYPE_NULL) return 1;
    if (is_literal && from.id == LAMINAR_TYPE_VARCHAR)
        return type_is_nested(to) || to.id == LAMINAR_TYPE_NULL ? -1 : 3;
    if (type_is_numeric(from) && type_is_numeric(to)) return numeric_cost(from, to);
    if (from.id == LAMINAR_TYPE_JSON && to.id == LAMINAR_TYPE_VARCHAR) return 5;
    if (type_is_nested(from)) return nested_cost(from, to);
    return temporal_cost(from, to);
}

bool cast_is_implicit(struct data_type from, struct data_type to, bool is_literal)
{
    return cast_cost(from, to, is_literal) >= 0;
}

static struct data_type integer_type(int bytes, bool is_signed)
{
    switch (bytes) {
    case 1: return is_signed ? TYPE(INT8) : TYPE(UINT8);
    case 2: return is_signed ? TYPE(INT16) : TYPE(UINT16);
    case 4: return is_signed ? TYPE(INT32) : TYPE(UINT32);
    default: return is_signed ? TYPE(INT64) : TYPE(UINT64);
    }
}

static struct data_type common_integer(struct data_type a, struct data_type b)
{
    int bytes_a = integer_bytes(a), bytes_b = integer_bytes(b);
    if (type_is_signed(a) == type_is_signed(b)) return bytes_a >= bytes_b ? a : b;
    int bytes_signed = type_is_signed(a) ? bytes_a : bytes_b,
        bytes_unsigned = type_is_signed(a) ? bytes_b : bytes_a;
    if (bytes_signed > bytes_unsigned) return integer_type(bytes_signed, true);
    return bytes_unsigned < 8 ? integer_type(bytes_unsigned * 2, true) : type_decimal(20, 0);
}

static struct data_type as_decimal(struct data_type t)
{
    return t.id == LAMINAR_TYPE_DECIMAL ? t : type_decimal(type_integer_digits(t), 0);
}

static struct data_type common_number(struct data_type a, struct data_type b)
{
    if (type_is_integer(a) && type_is_integer(b)) return common_integer(a, b);
    if (type_is_float(a) || type_is_float(b)) {
        struct data_type other = a.id == LAMINAR_TYPE_FLOAT ? b : a;
        bool has_float = a.id == LAMINAR_TYPE_FLOAT || b.id == LAMINAR_TYPE_FLOAT;
        bool other_fits = other.id == LAMINAR_TYPE_FLOAT ||
                          (type_is_integer(other) && integer_bytes(other) <= 2);
        return has_float && other_fits ? TYPE(FLOAT) : TYPE(DOUBLE);
    }
    a = as_decimal(a);
    b = as_decimal(b);
    int scale = a.scale > b.scale ? a.scale : b.scale;
    int whole_a = a.precision - a.scale, whole_b = b.precision - b.scale;
    int precision = (whole_a > whole_b ? whole_a : whole_b) + scale;
    return type_decimal(precision > DECIMAL_PRECISION_MAX ? DECIMAL_PRECISION_MAX : precision,
                        scale);
}

static bool common_timestamp(struct data_type a, struct data_type b, struct data_type *out)
{
    enum time_unit unit_a = a.id == LAMINAR_TYPE_DATE ? UNIT_SECOND : (enum time_unit)a.unit;
    enum time_unit unit_b = b.id == LAMINAR_TYPE_DATE ? UNIT_SECOND : (enum time_unit)b.unit;
    enum time_unit unit = unit_a > unit_b ? unit_a : unit_b;
    bool zoned_a = a.id == LAMINAR_TYPE_TIMESTAMPTZ, zoned_b = b.id == LAMINAR_TYPE_TIMESTAMPTZ;
    if (!zoned_a && !zoned_b) {
        *out = type_timestamp(unit);
        return true;
    }
    const char *name_a = zoned_a && a.info ? a.info->zone : NULL,
               *name_b = zoned_b && b.info ? b.info->zone : NULL;
    const char *zone = name_a ? name_a : name_b;
    if (name_a && name_b && strcmp(name_a, name_b) != 0) zone = "UTC";
    return type_timestamptz(unit, zone ? zone : "UTC", out, NULL) == LAMINAR_OK;
}

static bool common_nested(struct data_type a, struct data_type b, struct data_type *out)
{
    if (a.id != b.id || !a.info || !b.info || a.info->n_fields != b.info->n_fields) return false;
    enum { FIELDS_MAX = 64 };
    struct type_field fields[FIELDS_MAX];
    uint32_t n = a.info->n_fields;
    if (n > FIELDS_MAX) return false;
    for (uint32_t i = 0; i < n; i++) {
        fields[i] = a.info->fields[i];
        fields[i].is_nullable = fields[i].is_nullable || b.info->fields[i].is_nullable;
        if (a.id == LAMINAR_TYPE_STRUCT && strcmp(fields[i].name, b.info->fields[i].name) != 0)
            return false;
        if (!type_common(a.info->fields[i].type, b.info->fields[i].type, &fields[i].type))
            return false;
    }
    if (a.id == LAMINAR_TYPE_LIST) return type_list(fields[0].type, out, NULL) == LAMINAR_OK;
    if (a.id == LAMINAR_TYPE_MAP)
        return type_map(fields[0].type, fields[1].type, out, NULL) == LAMINAR_OK;
    return type_struct(fields, n, out, NULL) == LAMINAR_OK;
}

bool type_common(struct data_type a, struct data_type b, struct data_type *out)
{
    if (type_equal(a, b) || b.id == LAMINAR_TYPE_NULL) {
        *out = a;
        return true;
    }
    if (a.id == LAMINAR_TYPE_NULL) {
        *out = b;
        return true;
    }
    if (type_is_numeric(a) && type_is_numeric(b)) {
        *out = common_number(a, b);
        return true;
    }
    bool is_moment_a = type_is_timestamp(a) || a.id == LAMINAR_TYPE_DATE,
         is_moment_b = type_is_timestamp(b) || b.id == LAMINAR_TYPE_DATE;
    if (is_moment_a && is_moment_b) return common_timestamp(a, b, out);
    if (a.id == LAMINAR_TYPE_TIME && b.id == LAMINAR_TYPE_TIME) {
        *out = a.unit > b.unit ? a : b;
        return true;
    }
    if ((a.id == LAMINAR_TYPE_JSON && b.id == LAMINAR_TYPE_VARCHAR) ||
        (a.id == LAMINAR_TYPE_VARCHAR && b.id == LAMINAR_TYPE_JSON)) {
        *out = TYPE(VARCHAR);
        return true;
    }
    return common_nested(a, b, out);
}
