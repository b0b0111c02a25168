/* family.h - what the files of the function layer share: the families' tables, binding by overload, and small tools for kernels.
 *
 * A family is a const table of functions in one file. Most functions list their overloads as short strings ("d:dd" reads: DOUBLE from two
 * DOUBLEs) and are bound by bind_overloads; operators and polymorphic functions have a bind of their own. */
#ifndef FUNCTION_FAMILY_H
#define FUNCTION_FAMILY_H

#include "function/function.h"

/* --- Tables ------------------------------------------------------------------------------------------------------------ */
struct scalar_family {
    const struct scalar_function *functions;
    size_t n;
};
struct aggregate_family {
    const struct aggregate_function *functions;
    size_t n;
};
/* X(name): one line makes a family known to the registry. */
/* clang-format off */
#define SCALAR_FAMILY_LIST(X)                                                                      \
    X(operators_arith) X(operators_bit) X(operators_compare) X(operators_logic) X(math)            \
    X(rounding) X(condition) X(window) X(date) X(time) X(time_format) X(text) X(text_build)        \
    X(like) X(regex) X(encode) X(random) X(list) X(nested) X(json)
#define AGGREGATE_FAMILY_LIST(X)                                                                   \
    X(agg_count) X(agg_sum) X(agg_minmax) X(agg_logic) X(agg_value) X(agg_moments)                 \
    X(agg_multiset) X(agg_sketch) X(agg_top)
/* clang-format on */

#define DECLARE_SCALAR_FAMILY(name) extern const struct scalar_family family_##name;
SCALAR_FAMILY_LIST(DECLARE_SCALAR_FAMILY)
#undef DECLARE_SCALAR_FAMILY
#define DECLARE_AGGREGATE_FAMILY(name) extern const struct aggregate_family family_##name;
AGGREGATE_FAMILY_LIST(DECLARE_AGGREGATE_FAMILY)
#undef DECLARE_AGGREGATE_FAMILY

#define SCALAR_FAMILY(name, table)                                                                 \
    const struct scalar_family family_##name = {table, ARRAY_LENGTH(table)}
#define AGGREGATE_FAMILY(name, table)                                                              \
    const struct aggregate_family family_##name = {table, ARRAY_LENGTH(table)}

/* --- Overloads ------------------------------------------------------------------------------------------------------------
 * Signature "R:AB*": result, colon, arguments; '*' repeats the last argument any number of times (also none).
 *   b BOOL   i INT   l BIGINT   u BIGINT UNSIGNED   f REAL   d DOUBLE   s VARCHAR   y BINARY   D DATE   M TIME   I INTERVAL   U UUID   J JSON
 *   t TIMESTAMP(0)  m TIMESTAMP(3)  T TIMESTAMP(6)  N TIMESTAMP(9)  Z TIMESTAMP(6) WITH TIME ZONE (any zone as an argument, UTC as result)
 *   x anything, as it is given; as a result: the type of the first argument */
struct overload {
    const char *signature;
    scalar_kernel kernel;
    uint32_t flags;
    const void *data; /* becomes bound_function.data */
};
struct overload_list {
    const struct overload *items;
    size_t n;
};
#define OVERLOADS(...)                                                                             \
    (&(const struct overload_list){(const struct overload[]){__VA_ARGS__},                         \
                                   sizeof((const struct overload[]){__VA_ARGS__}) /                \
                                       sizeof(struct overload)})
/* The bind of functions whose param is an overload_list: the overload that costs the fewest and smallest implicit casts. */
laminar_status bind_overloads(struct function_binding *binding);

/* "no function abs(VARCHAR)", with the signature as hint. */
laminar_status bind_mismatch(struct function_binding *binding);
laminar_status aggregate_mismatch(struct aggregate_binding *binding);

/* Argument i is a literal string, which adapts to any type. */
static inline bool binding_is_string_literal(const struct function_binding *binding, uint32_t i)
{
    return binding->constants && binding->constants[i] &&
           binding->fn->arg_types[i].id == LAMINAR_TYPE_VARCHAR;
}
/* The literal that argument i is, if it is one and not null; else NULL. */
static inline const struct vector *binding_constant(const struct function_binding *binding,
                                                    uint32_t i)
{
    const struct vector *v = binding->constants ? binding->constants[i] : NULL;
    return v && vector_is_valid(v, 0) ? v : NULL;
}
/* How far `from` is from `to`: 0 = same, bigger = more of a change, -1 = not implicit. */
int cast_cost(struct data_type from, struct data_type to, bool is_literal);

/* --- Kernels -------------------------------------------------------------------------------------------------------------- */
/* Vectorised loops: gcc's -O2 would leave them scalar. Put at the top of files that have them. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__)
#define KERNEL_FILE _Pragma("GCC optimize(\"O3\")")
#else
#define KERNEL_FILE
#endif

#define KERNEL_ARGS                                                                                \
    unused const struct bound_function *fn, unused struct eval_env *env,                           \
        unused const struct vector *args, unused size_t n, unused struct column *out

/* 1 for a flat vector, 0 for a constant: value i is data[i * stride]. For loops that aren't hot. */
static inline size_t vector_stride(const struct vector *v) { return v->shape == VEC_FLAT; }
static inline bool column_is_valid(const struct column *col, size_t row)
{
    return !col->vec.validity || bitmap_get(col->vec.validity, row);
}
#define ROW(T, v, row) (((const T *)(v)->data)[(v)->shape == VEC_FLAT ? (row) : 0])
#define OUT(T, out) ((T *)(out)->vec.data)

/* What a kernel returns after eval_fail said so: the row's error, or that memory ran out. */
static inline laminar_status eval_failure(const struct eval_env *env)
{
    bool is_memory = env->err && env->err->code == LAMINAR_OUT_OF_MEMORY;
    return is_memory ? LAMINAR_OUT_OF_MEMORY : LAMINAR_QUERY_FAILED;
}

/* Row `row` of a string result: copied into out->heap when it is long. */
laminar_status out_string(struct column *out, size_t row, const char *data, size_t size,
                          struct laminar_error *err) must_check;
/* The same for bytes that an argument, or out->heap, holds anyway. */
static inline void out_string_borrow(struct column *out, size_t row, const char *data, size_t size)
{
    OUT(struct string_view, out)[row] = string_make(data, size);
}
/* Makes row null and its value harmless (an empty string, zero). */
laminar_status out_null(struct column *out, size_t row, struct laminar_error *err) must_check;

/* Strings of more than this many bytes are not made by functions (repeat, lpad, string_agg ...). */
enum { STRING_RESULT_MAX = 256 << 20 };

/* --- Decimals --------------------------------------------------------------------------------------------------------------- */
static inline bool decimal_fits(int128 value, int precision)
{
    return value < pow10_table[precision] && value > -pow10_table[precision];
}
/* False on overflow of 127 bits. */
static inline bool int128_mul(int128 a, int128 b, int128 *out)
{
    int64_t a64 = (int64_t)a, b64 = (int64_t)b;
    if (likely(a64 == a && b64 == b)) {
        *out = (int128)a64 * b64;
        return true;
    }
    unsigned __int128 x = a < 0 ? -(unsigned __int128)a : (unsigned __int128)a,
                      y = b < 0 ? -(unsigned __int128)b : (unsigned __int128)b;
    uint64_t xh = (uint64_t)(x >> 64), yh = (uint64_t)(y >> 64), xl = (uint64_t)x, yl = (uint64_t)y;
    if (xh && yh) return false;
    unsigned __int128 cross = (unsigned __int128)xh * yl + (unsigned __int128)yh * xl;
    if (cross >> 64) return false;
    unsigned __int128 low = (unsigned __int128)xl * yl, product = low + (cross << 64);
    if (product < low || product >> 127) return false;
    *out = (a < 0) != (b < 0) ? -(int128)product : (int128)product;
    return true;
}
static inline bool int128_add(int128 a, int128 b, int128 *out)
{
    return !__builtin_add_overflow(a, b, out);
}
/* value / 10^digits, rounded half away from zero. */
static inline int128 decimal_round_down(int128 value, int digits)
{
    if (digits <= 0) return value;
    if (digits > 38) return 0;
    int128 unit = pow10_table[digits], quotient = value / unit, rest = value % unit;
    if (rest < 0) rest = -rest;
    if (rest >= unit - rest) quotient += value < 0 ? -1 : 1;
    return quotient;
}
/* Decimal digits that any value of the integer type has at most. */
int type_integer_digits(struct data_type type);

/* A decimal or integer value as text into buf; returns buf. */
const char *decimal_text(int128 value, int scale, char *buf, size_t size);
#define DECIMAL_TEXT(value, scale) decimal_text((value), (scale), (char[64]){0}, 64)
/* Value `row` of v as text for messages, cut to the buffer. */
const char *value_text(const struct vector *v, size_t row, char *buf, size_t size);
#define VALUE_TEXT(v, row) value_text((v), (row), (char[128]){0}, 128)

#endif
