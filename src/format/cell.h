/* cell.h - single values from text into a column, and the errors for those that don't fit: what all row formats share.
 *
 * The rule is that of `insert`: a value arrives whole or not at all. Everything that cannot be taken is LAMINAR_BATCH_SCHEMA_MISMATCH and
 * names the column, the row (from 0), the value and both types. */
#ifndef FORMAT_CELL_H
#define FORMAT_CELL_H

#include "vector/text.h"
#include "vector/vector.h"

enum cell_result {
    CELL_OK,
    CELL_SYNTAX, /* not a value of the type */
    CELL_RANGE,  /* outside of the type's range */
    CELL_LOSSY,  /* digits would be lost */
    CELL_NULL,   /* null where NOT NULL was declared */
    CELL_NO_MEMORY
};

/* Writes the value of text data[0..size) to `out` (type_width() bytes of `col`'s data); bytes of long strings go to col's heap. Not for
 * LIST, STRUCT and MAP. The text is valid UTF-8. */
enum cell_result cell_parse(struct column *col, const char *data, size_t size, void *out);

/* The bytes of a string into the column's heap. */
static inline enum cell_result cell_string(struct column *col, const char *data, size_t size,
                                           struct string_view *out)
{
    if (size > STRING_INLINE_MAX) {
        if (unlikely(size > UINT32_MAX)) return CELL_RANGE;
        char *copy = arena_alloc(&col->heap, size);
        if (unlikely(!copy)) return CELL_NO_MEMORY;
        memcpy(copy, data, size);
        data = copy;
    }
    *out = string_make(data, size);
    return CELL_OK;
}

/* Up to 18 digits with a sign, which is most integers; false leaves the text to cell_parse. */
static inline bool cell_fast_integer(const char *data, size_t size, int64_t *out)
{
    bool is_negative = size > 0 && *data == '-';
    data += is_negative;
    size -= is_negative;
    if (size == 0 || size > 18) return false;
    int64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned digit = (unsigned)(unsigned char)data[i] - '0';
        if (digit > 9) return false;
        value = value * 10 + digit;
    }
    *out = is_negative ? -value : value;
    return true;
}

/* cell_parse with short ways for the most frequent types. `type` is the column's or, for a loop made for one type, a constant. */
static always_inline enum cell_result cell_store(struct column *col, laminar_type type,
                                                 const char *data, size_t size, void *out)
{
    int64_t integer;
    switch ((int)type) {
    case LAMINAR_TYPE_INT64:
        if (unlikely(!cell_fast_integer(data, size, &integer))) break;
        *(int64_t *)out = integer;
        return CELL_OK;
    case LAMINAR_TYPE_INT32:
        if (unlikely(!cell_fast_integer(data, size, &integer) || integer != (int32_t)integer))
            break;
        *(int32_t *)out = (int32_t)integer;
        return CELL_OK;
    case LAMINAR_TYPE_DOUBLE:
        if (unlikely(text_parse_double(data, size, out) != PARSE_OK)) break;
        return CELL_OK;
    case LAMINAR_TYPE_VARCHAR: return cell_string(col, data, size, out);
    default: break;
    }
    return cell_parse(col, data, size, out);
}

/* Row `row` is null: the value's bytes are 0. Room for the row is reserved. For flat types. */
laminar_status cell_set_null(struct column *col, size_t row, struct laminar_error *err) must_check;

/* The error for `why`: "column 'px', row 3: 'abc' (text) is not a DOUBLE". `source` says what the value was: "text", "number", "object". */
laminar_status cell_error(enum cell_result why, const char *column, size_t row, const char *data,
                          size_t size, const char *source, struct data_type type,
                          struct laminar_error *err);

/* Errors about whole columns. */
laminar_status column_unknown(const struct schema *schema, const char *name, size_t size,
                              struct laminar_error *err);
laminar_status column_missing(const struct schema_column *column, size_t row,
                              struct laminar_error *err);
laminar_status column_twice(const char *name, size_t size, struct laminar_error *err);

#endif
