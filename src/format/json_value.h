/* json_value.h - parsed JSON values into columns. Private to the layer. Numbers were read as raw text. */
#ifndef FORMAT_JSON_VALUE_H
#define FORMAT_JSON_VALUE_H

#include <yyjson.h> /* first: it asks the compiler for attributes that we have names for */

#include "format/cell.h"
#include "format/json_memory.h"

/* What a value is for, in messages. */
struct json_place {
    const char *column;
    size_t row;
};

/* A value that is not null into `out`, type_width() bytes of a flat column's data. */
enum cell_result json_value_parse(struct column *col, yyjson_val *val, void *out,
                                  struct json_memory *memory);
laminar_status json_value_error(enum cell_result why, yyjson_val *val,
                                const struct json_place *place, struct data_type type,
                                struct laminar_error *err);
/* Any value as the column's next row, null included where the caller allows it. */
laminar_status json_value_append(struct column *col, yyjson_val *val,
                                 const struct json_place *place, struct json_memory *memory,
                                 struct laminar_error *err) must_check;
/* After a failed append: children of nested columns that are ahead of their parents go back. */
void json_value_repair(struct column *col);

#endif
